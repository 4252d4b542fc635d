//! Checks the stored files before the engine touches them.
//!
//! fjall checks blocks and values when it reads them, but not everything it needs to open: it takes the list of tables
//! (`keyspaces/*/vN`) without its checksum and removes files that are not in it, and it cuts a journal where it cannot
//! read on. Whatever is found here is reported before anything can be removed.
//!
//! A clean stop leaves the note `stopped-cleanly` with the end of each journal. With it even the loss of a journal's
//! last batch shows; after a kill that one case is left to [`super::journal::Tail`].

use super::journal::{self, Tail};
use crate::{Error, Result};
use std::fmt::Write as _;
use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Read, Write as _};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// Our own mark of a complete store, with the version of its layout.
const FORMAT_FILE: &str = "baleen-format";
const FORMAT: &str = "baleen metadata 1\n";

/// The note of a clean stop: a line for each journal (number, end), and the checksum of these lines.
const STOPPED_FILE: &str = "stopped-cleanly";

/// What the engine writes when it makes a store.
const ENGINE_FORMAT_FILE: &str = "version";
const LOCK_FILE: &str = "lock";

const JOURNAL: &str = "metadata journal";
const RESTORE: &str = "keep a copy of the folder, check the disk, then restore the metadata folder from a backup; \
    nothing in it has been changed";

/// What is in the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// No store, or one whose making did not end.
    New,
    /// A store that was complete once.
    Store,
}

/// Checks all that the engine would trust. Needs the store to be closed.
///
/// # Errors
/// `Corrupt` with file, role and advice; `Unavailable` when the store is in use or cannot be read.
pub(super) fn check(store: &Path) -> Result<Found> {
    let Some(_lock) = lock(store)? else {
        return new_unless_marked(store);
    };
    let found = format(store)?;
    manifests(store)?;
    journals(store)?;
    Ok(found)
}

/// Marks a store as complete; done after the first open.
pub(super) fn mark_complete(store: &Path) -> Result<()> {
    write_synced(store, FORMAT_FILE, FORMAT).map_err(failed("marking the new store"))
}

/// Notes where the journals of a closed store end.
pub(super) fn note_clean_stop(store: &Path) -> Result<()> {
    let note = || {
        let mut text = String::new();
        for (number, path) in journal::files(store)? {
            let (end, _) = journal::walk(&path, |_| ())?;
            let _ = writeln!(text, "{number} {end}");
        }
        let sum = xxh3_64(text.as_bytes());
        let _ = writeln!(text, "sum {sum:016x}");
        write_synced(store, STOPPED_FILE, &text)
    };
    note().map_err(failed("noting the clean stop"))
}

/// Takes the note away, because the journals are about to grow.
pub(super) fn forget_clean_stop(store: &Path) -> Result<()> {
    match std::fs::remove_file(store.join(STOPPED_FILE)) {
        Ok(()) => sync_folder(store).map_err(failed("opening the store")),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed("opening the store")(error)),
    }
}

/// Takes the engine's lock for the time of the check, so that no running store is judged; `None` without a store.
fn lock(store: &Path) -> Result<Option<File>> {
    let file = match File::open(store.join(LOCK_FILE)) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("opening the store's lock")(error)),
    };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(Error::InUse { path: store.to_owned() }),
        Err(TryLockError::Error(error)) => Err(failed("locking the store")(error)),
    }
}

fn new_unless_marked(store: &Path) -> Result<Found> {
    match format(store)? {
        Found::New => Ok(Found::New),
        Found::Store => Err(damaged(
            "lock of the metadata store",
            store.join(LOCK_FILE),
            "it is missing",
        )),
    }
}

/// Reads our own mark and makes sure that the engine's is there too.
fn format(store: &Path) -> Result<Found> {
    let path = store.join(FORMAT_FILE);
    let format = match std::fs::read(&path) {
        Ok(format) => format,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::New),
        Err(error) => return Err(failed("reading the store's format")(error)),
    };
    if format != FORMAT.as_bytes() {
        return Err(damaged(
            "format mark of the metadata store",
            path,
            "it is not that of this release",
        ));
    }
    let engine = store.join(ENGINE_FORMAT_FILE);
    if !engine.exists() {
        return Err(damaged("format mark of the metadata engine", engine, "it is missing"));
    }
    Ok(Found::Store)
}

/// Checks the list of tables of each keyspace against the checksum that was stored beside it.
fn manifests(store: &Path) -> Result<()> {
    const ROLE: &str = "metadata table list";
    let keyspaces = match std::fs::read_dir(store.join("keyspaces")) {
        Ok(keyspaces) => keyspaces,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("listing the metadata tables")(error)),
    };
    for keyspace in keyspaces {
        let keyspace = keyspace.map_err(failed("listing the metadata tables"))?.path();
        let current = keyspace.join("current");
        // Without `current` the making of the keyspace did not end; the engine removes it.
        let pointer = match std::fs::read(&current) {
            Ok(pointer) => pointer,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(failed("reading the metadata table list")(error)),
        };
        let Some((version, sum)) = parse_pointer(&pointer) else {
            return Err(damaged(ROLE, current, "it is malformed"));
        };
        let list = keyspace.join(format!("v{version}"));
        match std::fs::read(&list) {
            Ok(bytes) if xxh3_128(&bytes) == sum => {}
            Ok(_) => return Err(damaged(ROLE, list, "its checksum does not match")),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(damaged(ROLE, current, "it names a list that is not there"));
            }
            Err(error) => return Err(failed("reading the metadata table list")(error)),
        }
    }
    Ok(())
}

/// `current` is the number of the list, its xxh3-128, and a byte for the kind of checksum.
fn parse_pointer(pointer: &[u8]) -> Option<(u64, u128)> {
    let (version, rest) = pointer.split_first_chunk()?;
    let (sum, kind) = rest.split_first_chunk()?;
    (kind == [0]).then(|| (u64::from_le_bytes(*version), u128::from_le_bytes(*sum)))
}

/// Checks that the journals can be replayed to their end, in order.
fn journals(store: &Path) -> Result<()> {
    let files = journal::files(store).map_err(failed("listing the metadata journals"))?;
    let mut noted = read_note(store)?;
    let (mut last_seqno, mut ordered) = (None, true);
    for (number, path) in files {
        let walked = journal::walk(&path, |span| {
            ordered &= last_seqno.is_none_or(|last| last < span.seqno);
            last_seqno = Some(span.seqno);
        });
        let (end, tail) = walked.map_err(failed("reading the metadata journal"))?;
        if let Tail::Damaged(why) = tail {
            return Err(damaged(JOURNAL, path, &format!("at byte {end}, {why}")));
        }
        if !ordered {
            return Err(damaged(JOURNAL, path, "its sequence numbers are out of order"));
        }
        if let Some(noted) = &mut noted {
            let at = noted.iter().position(|noted| *noted == (number, end));
            let Some(at) = at else {
                return Err(damaged(
                    JOURNAL,
                    path,
                    "it does not end where it ended at the last stop",
                ));
            };
            noted.swap_remove(at);
        }
        if tail == Tail::Torn {
            tracing::warn!(journal = %path.display(), at = end, "dropping a write that was broken off at the last stop");
        }
    }
    match noted.unwrap_or_default().pop() {
        Some((number, _)) => Err(damaged(JOURNAL, store.join(format!("{number}.jnl")), "it is missing")),
        None => Ok(()),
    }
}

/// Reads the note of a clean stop. A damaged one is no note: it protects, and nothing depends on it.
fn read_note(store: &Path) -> Result<Option<Vec<(u64, u64)>>> {
    let mut text = String::new();
    match File::open(store.join(STOPPED_FILE)).and_then(|mut file| file.read_to_string(&mut text)) {
        Ok(_) => Ok(parse_note(&text)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidData) => Ok(None),
        Err(error) => Err(failed("reading the note of the last stop")(error)),
    }
}

fn parse_note(text: &str) -> Option<Vec<(u64, u64)>> {
    let at = text.find("sum ")?;
    let (lines, sum) = text.split_at(at);
    if sum.trim_end() != format!("sum {:016x}", xxh3_64(lines.as_bytes())) {
        return None;
    }
    lines
        .lines()
        .map(|line| {
            line.split_once(' ')
                .and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)))
        })
        .collect()
}

/// Makes a file appear with its whole content, durably.
fn write_synced(folder: &Path, name: &str, text: &str) -> std::io::Result<()> {
    let temporary = folder.join(format!("{name}.new"));
    let mut file = File::create(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(temporary, folder.join(name))?;
    sync_folder(folder)
}

fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

fn damaged(role: &'static str, path: PathBuf, why: &str) -> Error {
    Error::Damaged {
        role,
        path,
        why: why.to_owned(),
        advice: RESTORE,
    }
}

fn failed(doing: &'static str) -> impl Fn(std::io::Error) -> Error {
    move |error| Error::io(doing, error)
}

#[cfg(test)]
mod tests;
