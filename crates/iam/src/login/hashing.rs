//! Slow hashing of passwords: argon2id, calibrated to this machine, a few at a time.
//!
//! A hashing takes tens of MiB and about a quarter of a second, so logging in would be an attack on memory and cores if as many
//! ran as came. At most one per core runs, on a blocking thread; at most [`HASHINGS_WAITING_MAX`] wait; who comes later is told
//! to come back. A caller that goes away does not free its place before the hashing has ended.

use super::limits::{
    HASHING_MEMORY_KIB_MAX, HASHING_MEMORY_KIB_MIN, HASHING_PASSES_MAX, HASHING_PASSES_MIN, HASHING_TARGET,
    HASHINGS_WAITING_MAX,
};
use super::password::{GivenPassword, NewPassword};
use argon2::password_hash::phc::{Ident, PasswordHash};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use baleen_runtime::{Clock, Entropy};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use parking_lot::Mutex;
use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// Bytes of salt (notes, 4.1).
const SALT_BYTES: usize = 16;
/// Bytes of hash, as argon2 itself has them if nothing is said.
const HASH_BYTES: usize = 32;

/// What an argon2id hashing costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct HashingCost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over that memory.
    pub passes: u32,
}

/// What a password proved to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Not this one.
    Wrong,
    /// This one.
    Right {
        /// The stored hash was made at another cost than today's and should be made anew.
        is_outdated: bool,
    },
}

/// Makes and checks hashes of passwords. Slow on purpose; called on blocking threads alone.
pub trait Hasher: Send + Sync + 'static {
    /// The PHC text of a password's hash.
    fn hash(&self, password: &[u8], salt: &[u8; SALT_BYTES]) -> String;

    /// Compares a password with a PHC text. One that is not ours to read is [`Verdict::Wrong`].
    fn verify(&self, password: &[u8], phc: &str) -> Verdict;

    /// Gives back the memory that is kept for the next hashing, if any is.
    fn rest(&self) {}
}

/// The one that is used: argon2id, version 1.3, one lane.
///
/// It keeps the memory it has worked in for the next hashing. Given back each time, an allocator with an arena for each
/// thread keeps a piece in every arena: 200 log-ins at once took 700 MiB where two hashings of 24 MiB ran.
pub struct Argon2Hasher {
    cost: HashingCost,
    /// One for each hashing that ever ran at once.
    memories: Mutex<Vec<Vec<Block>>>,
}

impl Argon2Hasher {
    /// A hasher of a given cost, which is brought within the bounds.
    pub fn new(cost: HashingCost) -> Self {
        Self {
            cost: HashingCost {
                memory_kib: cost.memory_kib.clamp(HASHING_MEMORY_KIB_MIN, HASHING_MEMORY_KIB_MAX),
                passes: cost.passes.clamp(HASHING_PASSES_MIN, HASHING_PASSES_MAX),
            },
            memories: Mutex::default(),
        }
    }

    /// What a hashing costs.
    pub fn cost(&self) -> HashingCost {
        self.cost
    }

    /// Measures this machine and chooses a cost of about [`HASHING_TARGET`]. Takes about three hashings at the floor.
    ///
    /// The best of three runs counts, since other work can only slow a run down: a busy start must not leave weak hashes. The
    /// cost used `before` is kept while it is within a factor of two of what would be chosen now: a hash is made anew
    /// whenever the cost has changed, and a stored hash of another cost takes another time than an unknown user's.
    pub fn calibrate(clock: &dyn Clock, before: Option<HashingCost>) -> Self {
        let floor = HashingCost {
            memory_kib: HASHING_MEMORY_KIB_MIN,
            passes: HASHING_PASSES_MIN,
        };
        let hasher = Self::new(floor);
        let run = || {
            let start = clock.monotonic();
            hasher.hash(b"calibration", &[0; SALT_BYTES]);
            clock.monotonic().saturating_sub(start)
        };
        let best = (0..3).map(|_| run()).min().unwrap_or_default();
        Self::new(choose(best, before))
    }

    fn digest(&self, cost: HashingCost, password: &[u8], salt: &[u8]) -> Result<[u8; HASH_BYTES], argon2::Error> {
        let params = Params::new(cost.memory_kib, cost.passes, 1, Some(HASH_BYTES))?;
        let blocks = params.block_count();
        let mut memory = self.memories.lock().pop().unwrap_or_default();
        if memory.len() < blocks {
            memory.resize(blocks, Block::new());
        }
        let mut hash = [0; HASH_BYTES];
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let done = argon2.hash_password_into_with_memory(password, salt, &mut hash, &mut memory[..blocks]);
        self.memories.lock().push(memory);
        done.map(|()| hash)
    }
}

/// The hash of random bytes, which are forgotten.
fn nobody(hasher: &dyn Hasher, entropy: &dyn Entropy) -> String {
    hasher.hash(&entropy.bytes::<32>(), &entropy.bytes())
}

/// The cost for a machine on which a hashing at the floor takes `floor_time`.
fn choose(floor_time: Duration, before: Option<HashingCost>) -> HashingCost {
    // The time of argon2 grows with memory times passes.
    let floor_work = u128::from(HASHING_MEMORY_KIB_MIN) * u128::from(HASHING_PASSES_MIN);
    let affordable = floor_work * HASHING_TARGET.as_nanos() / floor_time.as_nanos().max(1);
    if let Some(before) = before {
        let work = u128::from(before.memory_kib) * u128::from(before.passes);
        if work <= affordable * 2 && affordable <= work * 2 {
            return before;
        }
    }
    // Memory first, since it is what special hardware lacks; three passes where memory is at its most (notes, 4.1).
    for memory_kib in [64, 46, 32, 24].map(|mib: u32| mib * 1024) {
        let passes = affordable / u128::from(memory_kib);
        if passes >= 3 {
            let passes = u32::try_from(passes)
                .unwrap_or(HASHING_PASSES_MAX)
                .min(HASHING_PASSES_MAX);
            return HashingCost { memory_kib, passes };
        }
    }
    let passes = affordable / u128::from(HASHING_MEMORY_KIB_MIN);
    HashingCost {
        memory_kib: HASHING_MEMORY_KIB_MIN,
        passes: u32::try_from(passes)
            .unwrap_or(HASHING_PASSES_MAX)
            .clamp(HASHING_PASSES_MIN, HASHING_PASSES_MAX),
    }
}

impl Hasher for Argon2Hasher {
    fn hash(&self, password: &[u8], salt: &[u8; SALT_BYTES]) -> String {
        let hash = self
            .digest(self.cost, password, salt)
            .expect("cost and salt are within argon2's bounds");
        let HashingCost { memory_kib, passes } = self.cost;
        let (salt, hash) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(hash));
        format!("$argon2id$v=19$m={memory_kib},t={passes},p=1${salt}${hash}")
    }

    fn verify(&self, password: &[u8], phc: &str) -> Verdict {
        let Some(stored) = parse(phc) else {
            return Verdict::Wrong;
        };
        // The cost is the stored one; the comparison takes the same time whatever differs.
        let is_right = match self.digest(stored.cost, password, &stored.salt) {
            Ok(hash) => verify_slices_are_equal(&hash, &stored.hash).is_ok(),
            Err(_) => false,
        };
        if is_right {
            Verdict::Right {
                is_outdated: stored.cost != self.cost,
            }
        } else {
            Verdict::Wrong
        }
    }

    fn rest(&self) {
        self.memories.lock().clear();
    }
}

/// A stored hash, taken apart.
struct Stored {
    cost: HashingCost,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

/// Reads a stored hash, unless it asks for more memory or passes than ever was ours: a damaged record must not take the machine.
fn parse(phc: &str) -> Option<Stored> {
    let stored = PasswordHash::new(phc).ok()?;
    let params = Params::try_from(&stored).ok()?;
    let cost = HashingCost {
        memory_kib: params.m_cost(),
        passes: params.t_cost(),
    };
    let ours = stored.algorithm == Ident::new("argon2id").ok()?
        && stored.version == Some(0x13)
        && params.p_cost() == 1
        && (HASHING_MEMORY_KIB_MIN..=HASHING_MEMORY_KIB_MAX).contains(&cost.memory_kib)
        && (HASHING_PASSES_MIN..=HASHING_PASSES_MAX).contains(&cost.passes);
    let (salt, hash) = (stored.salt?.to_vec(), stored.hash?.as_bytes().to_vec());
    (ours && hash.len() == HASH_BYTES).then_some(Stored { cost, salt, hash })
}

/// Too many hashings wait; come back later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy {
    /// When it is worth trying again.
    pub retry_after: Duration,
}

/// The gate before the hasher: the one way by which anything is hashed.
pub struct Hashing {
    hasher: Arc<dyn Hasher>,
    entropy: Arc<dyn Entropy>,
    running: Arc<Semaphore>,
    /// One permit for each that runs or waits.
    admitted: Arc<Semaphore>,
    retry_after: Duration,
    /// The hash of a password that nobody has, of today's cost: what is compared with when there is nothing to compare with.
    nobody: Arc<OnceLock<String>>,
}

impl Hashing {
    /// A gate for `cores` hashings at once. Hashes once itself.
    pub fn new(hasher: Arc<dyn Hasher>, entropy: Arc<dyn Entropy>, cores: NonZeroUsize) -> Self {
        let gate = Self::lazy(hasher, entropy, cores);
        gate.nobody.get_or_init(|| nobody(&*gate.hasher, &*gate.entropy));
        // On many servers nobody ever logs in with a password.
        gate.hasher.rest();
        gate
    }

    /// A gate at the floor of the allowed cost for all cores, which hashes nothing before it is used.
    pub(crate) fn uncalibrated(entropy: Arc<dyn Entropy>) -> Self {
        let floor = HashingCost {
            memory_kib: HASHING_MEMORY_KIB_MIN,
            passes: HASHING_PASSES_MIN,
        };
        let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self::lazy(Arc::new(Argon2Hasher::new(floor)), entropy, cores)
    }

    fn lazy(hasher: Arc<dyn Hasher>, entropy: Arc<dyn Entropy>, cores: NonZeroUsize) -> Self {
        let rounds = u32::try_from(HASHINGS_WAITING_MAX / cores).unwrap_or(u32::MAX);
        Self {
            hasher,
            entropy,
            running: Arc::new(Semaphore::new(cores.get())),
            admitted: Arc::new(Semaphore::new(cores.get() + HASHINGS_WAITING_MAX)),
            // The time in which a full queue empties, in whole seconds as Retry-After has them.
            retry_after: Duration::from_secs((HASHING_TARGET * rounds).as_secs().max(1)),
            nobody: Arc::default(),
        }
    }

    /// Compares a password with a stored hash. Without one, or when the password cannot be right, the same work is done in vain.
    ///
    /// # Errors
    /// [`Busy`] when too many wait.
    ///
    /// # Cancel safety
    /// A hashing that began runs to its end and holds its place so long.
    pub async fn verify(&self, password: &GivenPassword, phc: Option<&str>) -> Result<Verdict, Busy> {
        let phc = phc.filter(|_| password.bytes().is_some()).map(str::to_owned);
        let possible = phc.is_some();
        let bytes = Zeroizing::new(password.bytes().unwrap_or_default().to_vec());
        let (none, entropy) = (Arc::clone(&self.nobody), Arc::clone(&self.entropy));
        let work = move |hasher: &dyn Hasher| {
            let phc = phc
                .as_deref()
                .unwrap_or_else(|| none.get_or_init(|| nobody(hasher, &*entropy)));
            hasher.verify(&bytes, phc)
        };
        let verdict = self.run(work).await?;
        Ok(if possible { verdict } else { Verdict::Wrong })
    }

    /// Hashes a new password to its PHC text.
    ///
    /// # Errors
    /// [`Busy`] when too many wait.
    pub async fn hash(&self, password: &NewPassword) -> Result<String, Busy> {
        let salt = self.entropy.bytes::<SALT_BYTES>();
        let bytes = Zeroizing::new(password.bytes().to_vec());
        self.run(move |hasher| hasher.hash(&bytes, &salt)).await
    }

    /// Hashes a password that was just proven, at today's cost.
    pub(crate) async fn rehash(&self, password: &GivenPassword) -> Result<String, Busy> {
        let salt = self.entropy.bytes::<SALT_BYTES>();
        let bytes = Zeroizing::new(password.bytes().unwrap_or_default().to_vec());
        self.run(move |hasher| hasher.hash(&bytes, &salt)).await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce(&dyn Hasher) -> T + Send + 'static) -> Result<T, Busy> {
        let busy = Busy {
            retry_after: self.retry_after,
        };
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().map_err(|_| busy)?;
        let running = Arc::clone(&self.running).acquire_owned().await.map_err(|_| busy)?;
        let hasher = Arc::clone(&self.hasher);
        let done = tokio::task::spawn_blocking(move || {
            let result = work(&*hasher);
            drop((running, admitted));
            result
        });
        // A hasher that panicked, or a runtime that is stopping: nothing was proven.
        done.await.map_err(|_| busy)
    }
}

#[cfg(test)]
pub(crate) mod tests;
