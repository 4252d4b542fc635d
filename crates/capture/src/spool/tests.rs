//! One part in its file. How parts go by the disk is in `tests/spool.rs`.

use super::part::{self, Head};
use super::{Shelf, Spool, SpoolSettings};
use crate::capture::Counts;
use baleen_sealing::blocks::{BLOCK_PLAIN_BYTES, BaseKey, Salt};
use baleen_types::{AccountId, CaptureId};
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

const SALT: Salt = [3; 16];

fn key(byte: u8) -> BaseKey {
    BaseKey::new(Zeroizing::new([byte; 32]), b"test")
}

fn owner(account: u64) -> (AccountId, CaptureId) {
    (AccountId::from_entropy(account), CaptureId::from_bytes([7; 16]))
}

fn head(length: usize) -> Head {
    Head {
        sequence: 12,
        file: 3,
        number: 4,
        ends_file: true,
        after: Counts {
            packets: 1,
            bytes: 2,
            dropped: 3,
        },
        length: length as u64,
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// The shelf of a capture in a spool of so many bytes.
fn shelf(folder: &Path, bytes_max: u64) -> Shelf {
    let settings = SpoolSettings {
        folder: folder.to_owned(),
        bytes_max,
    };
    let (spool, owner) = (Spool::new(settings), owner(1));
    Shelf {
        folder: spool.folder_of(owner),
        spool,
        owner,
        key: Arc::new(key(1)),
    }
}

/// The disk is full by what is on it, also when nobody sends that any more.
#[tokio::test]
async fn what_a_file_takes_is_taken_until_the_file_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let shelf = shelf(dir.path(), 1000);
    let (spool, owner) = (Arc::clone(&shelf.spool), shelf.owner);
    let shelved = |sequence| {
        let head = Head { sequence, ..head(10) };
        let path = part::write(&shelf.folder, (&key(1), SALT), owner, &head, &[0; 10]).unwrap();
        shelf.shelved(path, head, spool.shares.occupy(owner.0, 400))
    };
    let (first, second, third) = (shelved(0), shelved(1), shelved(2));
    let is_room_for = |bytes| spool.shares.reserve(AccountId::from_entropy(2), bytes).is_some();
    shelf.remove(first).await;
    assert!(is_room_for(100) && !is_room_for(101));
    // One that cannot be removed, and one that is given up.
    std::fs::remove_file(&second.path).unwrap();
    shelf.remove(second).await;
    drop(third);
    assert!(!is_room_for(101));
    spool.forget(owner).await;
    assert!(is_room_for(500));
    assert!(spool.left_over.lock().is_empty());
}

/// A part whose capture ended while it was being written: nobody is there to remove it.
#[tokio::test]
async fn what_is_written_behind_the_end_of_its_capture_does_not_stay() {
    let dir = tempfile::tempdir().unwrap();
    let shelf = shelf(dir.path(), 1 << 20);
    let (spool, owner) = (Arc::clone(&shelf.spool), shelf.owner);
    let part = (head(10), SALT, &[0; 10][..]);
    let room = || spool.shares.reserve(owner.0, 400).unwrap();
    let (first, second) = (spool.writings.begin(&shelf.folder), spool.writings.begin(&shelf.folder));
    drop(shelf.put_now(&first, part, room()).unwrap());
    drop(first);
    spool.forget(owner).await;
    assert!(shelf.put_now(&second, part, room()).is_err());
    drop(second);
    assert!(names(dir.path()).is_empty());
    assert!(spool.left_over.lock().is_empty());
    assert!(spool.shares.reserve(AccountId::from_entropy(2), 1 << 19).is_some());
    // A capture of another time is another one.
    let again = spool.writings.begin(&shelf.folder);
    assert!(shelf.put_now(&again, part, room()).is_ok());
}

#[test]
fn a_part_comes_back_as_it_was_and_its_bytes_are_not_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    for length in [1, 1000, BLOCK_PLAIN_BYTES, BLOCK_PLAIN_BYTES + 1, 3 * BLOCK_PLAIN_BYTES] {
        let bytes: Vec<u8> = b"a secret text, ".iter().copied().cycle().take(length).collect();
        let head = head(length);
        let path = part::write(folder.path(), (&key(1), SALT), owner(1), &head, &bytes).unwrap();
        assert_eq!(names(folder.path()), ["0000000012.part"]);
        assert_eq!(std::fs::metadata(&path).unwrap().len(), head.file_bytes());
        assert_eq!(part::list(folder.path()).unwrap(), std::slice::from_ref(&path));
        assert_eq!(part::head(&path, &key(1), owner(1)).unwrap(), head);
        assert_eq!(part::read(&path, &key(1), owner(1)).unwrap(), bytes);
        let raw = std::fs::read(&path).unwrap();
        assert!(!raw.windows(8).any(|window| b"a secret".starts_with(window)));
        // Neither another key nor another capture's.
        assert!(part::read(&path, &key(2), owner(1)).is_err());
        assert!(part::head(&path, &key(1), owner(2)).is_err());
    }
}

#[test]
fn what_is_damaged_anywhere_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let length = BLOCK_PLAIN_BYTES + 100;
    let path = part::write(
        folder.path(),
        (&key(1), SALT),
        owner(1),
        &head(length),
        &vec![5; length],
    )
    .unwrap();
    let whole = std::fs::read(&path).unwrap();
    let last = whole.len() - 1;
    for at in (0..200).chain([BLOCK_PLAIN_BYTES, last - 120, last]) {
        let mut raw = whole.clone();
        raw[at] ^= 1;
        std::fs::write(&path, &raw).unwrap();
        assert!(part::read(&path, &key(1), owner(1)).is_err(), "{at}");
    }
    for length in [0, 7, 30, 200, last] {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert!(part::head(&path, &key(1), owner(1)).is_err(), "{length}");
    }
    std::fs::write(&path, [whole.as_slice(), b"more"].concat()).unwrap();
    assert!(part::read(&path, &key(1), owner(1)).is_err());
    std::fs::write(&path, &whole).unwrap();
    assert!(part::read(&path, &key(1), owner(1)).is_ok());
}

#[test]
fn what_finds_no_room_on_the_disk_leaves_nothing_there() {
    let folder = tempfile::tempdir().unwrap();
    // More than any disk has: it is refused before a byte is written.
    let head = Head {
        length: 1 << 60,
        ..head(0)
    };
    assert!(part::write(folder.path(), (&key(1), SALT), owner(1), &head, b"begin").is_err());
    assert_eq!(names(folder.path()), [""; 0]);
}
