//! Rotations over notes that are sealed, cut wherever one can be cut.

use super::*;
use baleen_meta::keys::{KeyReader, KeyWriter, Table};
use baleen_meta::record::{self, first_version};
use baleen_meta::{Entry, Request, Scan};
use baleen_runtime::{ManualClock, SeededEntropy};
use baleen_sealing::{Context, KeyNumber, sealed_under};
use baleen_types::Secret;
use bytes::Bytes;
use futures::FutureExt as _;
use serde::{Deserialize, Serialize};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Serialize, Deserialize)]
struct Note {
    one: Vec<u8>,
    other: Option<Vec<u8>>,
}

first_version!(Note, "note");

const NOTES: SealedKind = SealedKind {
    name: "notes",
    table: Table::AccessKey,
    prefix: || KeyWriter::new(Table::AccessKey).finish(),
    visit: |entry, visitor| {
        let id = KeyReader::new(&entry.key, Table::AccessKey)?.tail_str()?;
        visit_record(entry, visitor, |note: &mut Note, visitor| {
            visitor.field(context(id), &mut note.one)?;
            note.other
                .as_mut()
                .map_or(Ok(()), |other| visitor.field(context(id), other))
        })
    },
};

fn context(id: &str) -> Context<'_> {
    Context { purpose: "note", id }
}

fn row(id: &str) -> Vec<u8> {
    KeyWriter::new(Table::AccessKey).tail(id)
}

/// What outlives a process.
struct Disk {
    meta: Meta,
    file: KeyFile,
    clock: Arc<ManualClock>,
    seed: std::cell::Cell<u64>,
    _folder: tempfile::TempDir,
}

impl Disk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            meta: Meta::open_model(),
            file: KeyFile::at(folder.path().join("master.key")),
            clock: ManualClock::new(Timestamp::from_secs(1_700_000_000)),
            seed: std::cell::Cell::new(1),
            _folder: folder,
        }
    }

    fn entropy(&self) -> Arc<SeededEntropy> {
        self.seed.set(self.seed.get() + 1);
        SeededEntropy::new(self.seed.get())
    }

    async fn open(&self) -> Result<Arc<Keyring>, Error> {
        self.open_with(self.entropy()).await
    }

    async fn open_with(&self, entropy: Arc<dyn Entropy>) -> Result<Arc<Keyring>, Error> {
        Keyring::open(Parts {
            meta: self.meta.clone(),
            file: self.file.clone(),
            kinds: vec![NOTES],
            clock: self.clock.clone(),
            entropy,
        })
        .await
    }

    /// A store with notes, some with two sealed fields.
    async fn with_notes(count: usize) -> Self {
        let disk = Self::new();
        let keyring = disk.open().await.unwrap();
        for n in 0..count {
            disk.write(&keyring, &format!("note-{n:04}")).await;
        }
        disk
    }

    async fn write(&self, keyring: &Keyring, id: &str) {
        let entropy: Arc<dyn Entropy> = self.entropy();
        let seal = |text: &str| keyring.sealer().seal(context(id), &Secret::new(text), entropy.bytes());
        let note = Note {
            one: seal(id),
            other: id.ends_with('3').then(|| seal("other")),
        };
        let request = Request::new().put(row(id), record::encode(&note).unwrap());
        assert!(self.meta.commit(request).await.unwrap().is_committed());
    }

    async fn notes(&self) -> Vec<Entry> {
        self.meta.scan(Scan::prefix(&row(""))).await.unwrap()
    }

    /// The keys that notes are sealed under. Each must open with the keys in the file.
    async fn used(&self) -> Vec<u16> {
        let sealer = Sealer::of(&self.file.load().unwrap().unwrap());
        let mut used = Vec::new();
        for entry in self.notes().await {
            let id = std::str::from_utf8(&entry.key[1..]).unwrap();
            let note: Note = record::decode(&entry.value).unwrap();
            assert_eq!(sealer.open(context(id), &note.one).unwrap().expose(), id);
            used.extend([Some(note.one), note.other].into_iter().flatten());
        }
        let mut used: Vec<_> = used.iter().map(|sealed| sealed_under(sealed).unwrap().get()).collect();
        used.sort_unstable();
        used.dedup();
        used
    }

    fn held(&self) -> Vec<u16> {
        let ring = self.file.load().unwrap().unwrap();
        ring.numbers().map(KeyNumber::get).collect()
    }
}

#[tokio::test]
async fn everything_is_sealed_anew_and_the_old_key_goes_when_told() {
    let disk = Disk::with_notes(600).await;
    let keyring = disk.open().await.unwrap();
    let mut told = Vec::new();
    let status = keyring.rotate(|tally| told.push(tally.resealed())).await.unwrap();
    assert_eq!(
        (status.newest, &*status.held, &*status.needed),
        (2, &[1, 2][..], &[2][..])
    );
    let notes = &status.sealed.kinds[0];
    assert_eq!((notes.name, notes.records, notes.resealed), ("notes", 600, 660));
    assert!(told.is_sorted() && told.first() == Some(&282), "{told:?}");
    assert_eq!((disk.used().await, disk.held()), (vec![2], vec![1, 2]));
    let status = keyring.retire(|_| {}).await.unwrap();
    assert_eq!(
        (&*status.held, &*status.needed, disk.held()),
        (&[2][..], &[2][..], vec![2])
    );
    // Twice in a row, without and with the older key gone.
    for (retire, held) in [(false, vec![2, 3]), (false, vec![2, 3, 4]), (true, vec![4])] {
        let keyring = disk.open().await.unwrap();
        if retire {
            keyring.retire(|_| {}).await.unwrap();
        } else {
            keyring.rotate(|_| {}).await.unwrap();
        }
        assert_eq!((disk.used().await, disk.held()), (vec![held[held.len() - 1]], held));
    }
    let untouched = disk.notes().await;
    let status = disk.open().await.unwrap().retire(|_| {}).await.unwrap();
    assert_eq!(
        (status.held, disk.notes().await),
        (vec![4], untouched),
        "nothing is left to do"
    );
}

/// Ends what draws from it once too often, as a crash does. Every step draws: the key, each check value, each secret.
struct Crashing {
    chance: Arc<SeededEntropy>,
    left: AtomicUsize,
}

impl Entropy for Crashing {
    fn fill(&self, bytes: &mut [u8]) {
        let left = self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        assert!(left.is_ok(), "a crash, as planned");
        self.chance.fill(bytes);
    }
}

#[tokio::test]
async fn a_rotation_goes_on_wherever_it_was_cut() {
    let (mut cuts, mut began) = (0, 0);
    for draws in 0.. {
        let disk = Disk::with_notes(8).await;
        let crashing = Arc::new(Crashing {
            chance: disk.entropy(),
            left: AtomicUsize::new(draws),
        });
        let keyring = disk.open_with(crashing).await.unwrap();
        let outcome = AssertUnwindSafe(keyring.rotate(|_| {})).catch_unwind().await;
        drop(keyring);
        if outcome.is_ok_and(|done| done.is_ok()) {
            break;
        }
        cuts += 1;
        began += usize::from(disk.held() == [1, 2]);
        // Whatever had happened: the server starts, everything opens, and the same command ends what was begun.
        let keyring = disk.open().await.unwrap();
        disk.used().await;
        keyring.rotate(|_| {}).await.unwrap();
        assert_eq!(
            (disk.used().await, disk.held()),
            (vec![2], vec![1, 2]),
            "cut after {draws} draws"
        );
        let status = keyring.retire(|_| {}).await.unwrap();
        assert_eq!(status.held, [2]);
    }
    // One key, two check values, nine secrets, the last check value.
    assert_eq!((cuts, began), (13, 12));
}

#[tokio::test]
async fn a_server_follows_the_file_and_waits_for_what_is_under_way() {
    let disk = Disk::with_notes(10).await;
    let server = disk.open().await.unwrap();
    server.converge().await.unwrap();
    assert_eq!(
        rotate_served(&disk.file, &server.status(), &*(disk.entropy() as Arc<dyn Entropy>)).unwrap(),
        (2, true)
    );
    // Sealed before the server looks at the file, and stored only after its first pass.
    let (late, sealed) = (
        "late",
        server.sealer().seal(context("late"), &Secret::new("late"), [9; 12]),
    );
    server.converge().await.unwrap();
    let status = server.status();
    assert_eq!(
        (status.newest, &*status.needed, status.sealed.resealed()),
        (2, &[1, 2][..], 11)
    );
    let until = status.until.unwrap();
    assert_eq!(
        rotate_served(&disk.file, &status, &*(disk.entropy() as Arc<dyn Entropy>)).unwrap(),
        (2, false),
        "one at a time"
    );
    let note = Note {
        one: sealed,
        other: None,
    };
    let request = Request::new().put(row(late), record::encode(&note).unwrap());
    disk.meta.commit(request).await.unwrap();
    for (advance, needed, used) in [
        (Duration::from_secs(599), vec![1, 2], vec![1, 2]),
        // The pass that finds it cannot know that it is the last.
        (Duration::from_secs(1), vec![1, 2], vec![2]),
        (Duration::from_secs(599), vec![1, 2], vec![2]),
        (Duration::from_secs(1), vec![2], vec![2]),
    ] {
        let refused = retire_served(&disk.file, &server.status()).unwrap_err().to_string();
        assert!(refused.contains("try again"), "{refused}");
        disk.clock.advance(advance);
        server.converge().await.unwrap();
        assert_eq!((server.status().needed, disk.used().await), (needed, used));
    }
    assert!(until < baleen_runtime::Clock::now(&*disk.clock));
    assert_eq!(retire_served(&disk.file, &server.status()).unwrap(), [2]);
    assert_eq!(
        retire_served(&disk.file, &server.status()).unwrap(),
        [2],
        "once more is no harm"
    );
    server.converge().await.unwrap();
    assert_eq!((server.status().held, server.status().until), (vec![2], None));
    disk.write(&server, "new").await;
    assert_eq!(disk.used().await, [2]);
}

#[tokio::test]
async fn a_start_takes_up_what_was_begun() {
    let disk = Disk::with_notes(5).await;
    disk.file.add(&*(disk.entropy() as Arc<dyn Entropy>)).unwrap();
    let server = disk.open().await.unwrap();
    assert_eq!((server.status().newest, server.status().needed), (2, vec![1, 2]));
    server.converge().await.unwrap();
    assert_eq!(
        server.status().until,
        None,
        "nothing can be under way from before the start"
    );
    server.converge().await.unwrap();
    assert_eq!((server.status().needed, disk.used().await), (vec![2], vec![2]));
}

/// A key that is told from others by its first byte.
fn key(first: u8) -> String {
    hex::encode(std::array::from_fn::<u8, 32, _>(|at| first + u8::try_from(at).unwrap()))
}

#[tokio::test]
async fn a_file_that_does_not_go_with_the_store_is_refused_at_once() {
    let put = |disk: &Disk, text: &str| {
        fs::write(disk.file.path(), text).unwrap();
        fs::set_permissions(disk.file.path(), fs::Permissions::from_mode(0o600)).unwrap();
    };
    let [one, two, other] = [key(1), key(2), key(9)];
    let ring = |rows: &[(u8, &String)]| {
        let rows: Vec<_> = rows.iter().map(|(n, key)| format!("{n} {key}\n")).collect();
        rows.concat()
    };
    // What the file held when the store was made and changed, what it holds at the next start, and what is said.
    for (before, after, said) in [
        (ring(&[(1, &one)]), one.clone(), "ok"),
        (one.clone(), ring(&[(1, &one)]), "ok"),
        (one.clone(), ring(&[(1, &one), (2, &two)]), "ok"),
        (
            one.clone(),
            other.clone(),
            "under key 1, and the key of that number there is another one",
        ),
        (
            one.clone(),
            ring(&[(2, &one)]),
            "under key 1, and the file has none of that number",
        ),
        (
            ring(&[(1, &one), (2, &two)]),
            ring(&[(1, &one)]),
            "under key 2, and the file has none",
        ),
        (
            ring(&[(1, &one), (2, &two)]),
            ring(&[(2, &two)]),
            "under key 1, and the file has none",
        ),
        (
            ring(&[(1, &one), (2, &two)]),
            ring(&[(1, &other), (2, &two)]),
            "the key of that number there is another",
        ),
        (one.clone(), String::new(), "does not hold master keys"),
        (one.clone(), "gone".to_owned(), "there is no master key"),
    ] {
        let disk = Disk::new();
        put(&disk, &before);
        let keyring = disk.open().await.unwrap();
        disk.write(&keyring, "note").await;
        put(&disk, &after);
        if after == "gone" {
            fs::remove_file(disk.file.path()).unwrap();
        }
        let running = keyring.converge().await;
        let opened = disk.open().await;
        assert_eq!(
            disk.file.path().exists(),
            after != "gone",
            "no key is made in its place"
        );
        for outcome in [running, opened.map(drop)] {
            let told = outcome.map_or_else(|error| error.to_string(), |()| "ok".to_owned());
            assert!(told.contains(said), "{said}: {told}");
            assert!(
                ![&one, &two, &other].iter().any(|key| told.contains(&key[..8])),
                "{told}"
            );
        }
        if said != "ok" {
            // The server that runs goes on with the keys it has.
            disk.write(&keyring, "more").await;
            put(&disk, &before);
            assert!(keyring.converge().await.is_ok());
            disk.used().await;
        }
    }
}

#[tokio::test]
async fn a_store_of_the_first_releases_is_known_by_what_is_sealed_in_it() {
    for (held, is_ok) in [(key(1), true), (key(2), false)] {
        let disk = Disk::new();
        // Made by another implementation: "old", under the key 1 to 32, nonce of sevens, for note "old".
        let sealed = hex::decode("0107070707070707070707070785af4dc9df72ab44836a6e7da4962367e27414").unwrap();
        let old = Note {
            one: sealed,
            other: None,
        };
        let request = Request::new().put(row("old"), record::encode(&old).unwrap());
        disk.meta.commit(request).await.unwrap();
        assert!(
            matches!(disk.open().await, Err(Error::Missing { .. })),
            "no key is made for it"
        );
        fs::write(disk.file.path(), held).unwrap();
        fs::set_permissions(disk.file.path(), fs::Permissions::from_mode(0o600)).unwrap();
        let opened = disk.open().await;
        assert_eq!(opened.is_ok(), is_ok);
        if let Ok(keyring) = opened {
            assert_eq!(disk.used().await, [1]);
            let status = keyring.retire(|_| {}).await.unwrap();
            assert_eq!(status.held, [1], "there is nothing older");
            keyring.rotate(|_| {}).await.unwrap();
            keyring.retire(|_| {}).await.unwrap();
            assert_eq!((disk.used().await, disk.held()), (vec![2], vec![2]));
        }
    }
}

#[tokio::test]
async fn what_does_not_open_keeps_the_old_key() {
    let disk = Disk::with_notes(3).await;
    let keyring = disk.open().await.unwrap();
    let damaged = Note {
        one: vec![1; 40],
        other: None,
    };
    let request = Request::new()
        .put(row("damaged"), record::encode(&damaged).unwrap())
        .put(row("garbage"), Bytes::from_static(b"\xff\xff"));
    disk.meta.commit(request).await.unwrap();
    assert!(disk.open().await.is_ok(), "damage is no reason not to start");
    for _ in 0..2 {
        let refused = keyring.rotate(|_| {}).await.unwrap_err().to_string();
        assert!(refused.contains("2 records do not open"), "{refused}");
        assert!(keyring.retire(|_| {}).await.is_err());
        assert_eq!(disk.held(), [1, 2]);
    }
    let request = Request::new().delete(row("damaged")).delete(row("garbage"));
    disk.meta.commit(request).await.unwrap();
    keyring.rotate(|_| {}).await.unwrap();
    assert_eq!((disk.used().await, disk.held()), (vec![2], vec![1, 2]));
}

#[tokio::test]
async fn debug_hides_everything() {
    let disk = Disk::with_notes(1).await;
    let shown = format!("{:?} {:?}", disk.open().await.unwrap(), disk.file);
    let text = fs::read_to_string(disk.file.path()).unwrap();
    let key = text.lines().last().unwrap().split_once(' ').unwrap().1;
    assert!(!shown.contains(&key[..8]), "{shown}");
}
