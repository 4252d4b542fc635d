use super::*;
use baleen_runtime::{SeededEntropy, SystemClock};
use baleen_types::Secret;
use parking_lot::{Condvar, Mutex};

/// A hasher that counts and, if told to, holds every hashing back until it is let go.
#[derive(Default)]
pub(crate) struct CountingHasher {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    cost: u32,
    held: bool,
    running: usize,
    running_most: usize,
    hashed: usize,
    verified: usize,
}

impl CountingHasher {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Hashes so far, and comparisons so far.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.hashed, state.verified)
    }

    pub(crate) fn set_cost(&self, cost: u32) {
        self.state.lock().cost = cost;
    }

    pub(crate) fn hold(&self, held: bool) {
        self.state.lock().held = held;
        self.changed.notify_all();
    }

    pub(crate) fn running(&self) -> usize {
        self.state.lock().running
    }

    pub(crate) fn running_most(&self) -> usize {
        self.state.lock().running_most
    }

    fn work(&self, count: impl FnOnce(&mut State)) -> u32 {
        let mut state = self.state.lock();
        count(&mut state);
        state.running += 1;
        state.running_most = state.running_most.max(state.running);
        while state.held {
            self.changed.wait(&mut state);
        }
        state.running -= 1;
        state.cost
    }
}

impl Hasher for CountingHasher {
    fn hash(&self, password: &[u8], _salt: &[u8; SALT_BYTES]) -> String {
        let cost = self.work(|state| state.hashed += 1);
        format!("{cost}${}", hex::encode(password))
    }

    fn verify(&self, password: &[u8], phc: &str) -> Verdict {
        let cost = self.work(|state| state.verified += 1);
        let (stored, hash) = phc.split_once('$').expect("made by this hasher");
        if hash == hex::encode(password) {
            Verdict::Right {
                is_outdated: stored != cost.to_string(),
            }
        } else {
            Verdict::Wrong
        }
    }
}

fn cheap() -> Argon2Hasher {
    Argon2Hasher::new(HashingCost {
        memory_kib: 0,
        passes: 0,
    })
}

fn given(text: &str) -> GivenPassword {
    GivenPassword::new(&Secret::new(text))
}

fn gate(hasher: Arc<dyn Hasher>, cores: usize) -> Arc<Hashing> {
    let cores = NonZeroUsize::new(cores).unwrap();
    Arc::new(Hashing::new(hasher, SeededEntropy::new(1), cores))
}

#[test]
fn a_cost_below_the_floor_becomes_the_floor() {
    let floor = HashingCost {
        memory_kib: 19 * 1024,
        passes: 2,
    };
    assert_eq!(cheap().cost(), floor);
    let most = Argon2Hasher::new(HashingCost {
        memory_kib: u32::MAX,
        passes: u32::MAX,
    });
    assert_eq!((most.cost().memory_kib, most.cost().passes), (64 * 1024, 8));
}

#[test]
fn a_hash_proves_its_password_alone() {
    let phc = cheap().hash(b"Password22", &[7; 16]);
    assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
    let right = Verdict::Right { is_outdated: false };
    assert_eq!(cheap().verify(b"Password22", &phc), right);
    assert_eq!(cheap().verify(b"password22", &phc), Verdict::Wrong);
    assert_eq!(cheap().verify(b"", &phc), Verdict::Wrong);
    let dearer = Argon2Hasher::new(HashingCost {
        memory_kib: 20 * 1024,
        passes: 2,
    });
    assert_eq!(dearer.verify(b"Password22", &phc), Verdict::Right { is_outdated: true });
}

#[test]
fn the_hash_is_the_one_others_make() {
    use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
    let phc = cheap().hash(b"Password22", &[7; 16]);
    let params = Params::new(19 * 1024, 2, 1, None).unwrap();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    assert!(argon2.verify_password(b"Password22", phc.as_str()).is_ok());
    let theirs = argon2.hash_password_with_salt(b"Password22", &[7; 16]).unwrap();
    assert_eq!(theirs.to_string(), phc);
}

#[test]
fn memory_is_used_again_and_not_seen_by_the_next() {
    let hasher = cheap();
    let one = hasher.hash(b"Password22", &[7; 16]);
    let other = hasher.hash(b"Password24", &[8; 16]);
    assert_eq!(hasher.memories.lock().len(), 1);
    assert_eq!(
        (
            hasher.hash(b"Password22", &[7; 16]),
            hasher.hash(b"Password24", &[8; 16])
        ),
        (one, other)
    );
}

#[test]
fn a_stored_hash_that_is_not_ours_is_wrong_and_costs_nothing() {
    let phc = cheap().hash(b"Password22", &[7; 16]);
    for damaged in [
        String::new(),
        "x".repeat(10_000),
        phc.replace("argon2id", "argon2d"),
        phc.replace("m=19456", "m=4194304"),
        phc.replace("m=19456", "m=8"),
        phc.replace("t=2", "t=1000000"),
        phc.replace("p=1", "p=64"),
        phc[..phc.len() - 4].to_owned(),
        phc.rsplit_once('$').unwrap().0.to_owned(),
        "$2b$12$abcdefghijklmnopqrstuuFKzvJ3pO1yZvMZKhTXUZ0vZb1yZvMZK".to_owned(),
    ] {
        assert_eq!(cheap().verify(b"Password22", &damaged), Verdict::Wrong, "{damaged:.60}");
    }
}

#[test]
fn the_cost_fits_the_machine() {
    let cost = |mib: u32, passes| HashingCost {
        memory_kib: mib * 1024,
        passes,
    };
    // What one hashing at the floor (19 MiB, two passes: 38 units) takes, what was used before, what is chosen.
    for (millis, before, chosen) in [
        (0, None, cost(64, 8)),
        (1, None, cost(64, 8)),
        (15, None, cost(64, 8)),
        (25, None, cost(64, 5)),
        (49, None, cost(64, 3)),
        (60, None, cost(46, 3)),
        (98, None, cost(32, 3)),
        (130, None, cost(24, 3)),
        (160, None, cost(19, 3)),
        (250, None, cost(19, 2)),
        (60_000, None, cost(19, 2)),
        // kept while it is near enough, given up when not
        (49, Some(cost(46, 3)), cost(46, 3)),
        (60, Some(cost(64, 3)), cost(64, 3)),
        (20, Some(cost(19, 2)), cost(64, 7)),
        (240, Some(cost(64, 8)), cost(19, 2)),
    ] {
        assert_eq!(
            choose(Duration::from_millis(millis), before),
            chosen,
            "{millis} ms, {before:?}"
        );
    }
}

#[test]
fn calibration_stays_within_the_bounds() {
    let cost = Argon2Hasher::calibrate(&*SystemClock::new(), None).cost();
    assert!((19 * 1024..=64 * 1024).contains(&cost.memory_kib) && (2..=8).contains(&cost.passes));
}

#[tokio::test]
async fn there_is_no_answer_without_the_same_work() {
    let hasher = CountingHasher::new();
    let gate = gate(hasher.clone(), 1);
    let password = NewPassword::parse(&Secret::new("Password22")).unwrap();
    let phc = gate.hash(&password).await.unwrap();
    let impossible = "x".repeat(129);
    for (text, stored, right) in [
        ("Password22", Some(phc.as_str()), true),
        ("Password23", Some(phc.as_str()), false),
        (impossible.as_str(), Some(phc.as_str()), false),
        ("", Some(phc.as_str()), false),
        ("Password22", None, false),
        (impossible.as_str(), None, false),
    ] {
        let (hashed, verified) = hasher.counts();
        let verdict = gate.verify(&given(text), stored).await.unwrap();
        assert_eq!(verdict != Verdict::Wrong, right, "{text:.20}");
        assert_eq!(hasher.counts(), (hashed, verified + 1), "{text:.20}");
    }
}

#[tokio::test]
async fn a_hash_of_another_cost_is_right_and_outdated() {
    let hasher = CountingHasher::new();
    let gate = gate(hasher.clone(), 1);
    let phc = gate
        .hash(&NewPassword::parse(&Secret::new("Password22")).unwrap())
        .await
        .unwrap();
    hasher.set_cost(2);
    let verdict = gate.verify(&given("Password22"), Some(&phc)).await.unwrap();
    assert_eq!(verdict, Verdict::Right { is_outdated: true });
}

#[tokio::test]
async fn as_many_run_as_cores_and_a_bounded_number_waits() {
    let hasher = CountingHasher::new();
    let gate = gate(hasher.clone(), 2);
    hasher.hold(true);
    let tries: Vec<_> = (0..200)
        .map(|_| {
            let gate = Arc::clone(&gate);
            tokio::spawn(async move { gate.verify(&given("Password22"), None).await })
        })
        .collect();
    // Until the two that run are on their threads, and all others have waited or were turned away.
    while hasher.running() < 2 || tries.iter().filter(|t| t.is_finished()).count() < 200 - 2 - 64 {
        tokio::task::yield_now().await;
    }
    hasher.hold(false);
    let (mut served, mut busy) = (0, 0);
    for one in tries {
        match one.await.unwrap() {
            Ok(Verdict::Wrong) => served += 1,
            Ok(Verdict::Right { .. }) => panic!("nobody's password was guessed"),
            Err(Busy { retry_after }) => {
                assert_eq!(
                    retry_after,
                    Duration::from_secs(8),
                    "64 waiting, 2 at once, 4 a second each"
                );
                busy += 1;
            }
        }
    }
    assert_eq!((served, busy, hasher.running_most()), (66, 134, 2));
    assert!(
        gate.verify(&given("x"), None).await.is_ok(),
        "all places are free again"
    );
}

#[tokio::test]
async fn who_goes_away_frees_no_place_before_the_hashing_ends() {
    let hasher = CountingHasher::new();
    let gate = gate(hasher.clone(), 1);
    hasher.hold(true);
    let start = || {
        let gate = Arc::clone(&gate);
        tokio::spawn(async move { gate.verify(&given("x"), None).await })
    };
    let first = start();
    while hasher.running() == 0 {
        tokio::task::yield_now().await;
    }
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    let second = start();
    while gate.admitted.available_permits() > HASHINGS_WAITING_MAX - 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        gate.running.available_permits(),
        0,
        "the one that was given up still holds the core"
    );
    hasher.hold(false);
    assert!(second.await.unwrap().is_ok());
    assert_eq!(hasher.running_most(), 1);
}
