//! What waits to be sent, on disk: a folder for each order, with its parts and a journal.
//!
//! ```text
//! spool/<capture>-<generation>/journal     a line for each piece, each end of a part, each part that is in the store, and the end
//!                              part-<n>    the bytes of a part that is not
//! ```
//!
//! Bytes are written before the line that speaks of them, and a line has a checksum: what a process leaves behind, however it ended, is
//! read up to where both hold. Parts are not synced, since they are worth less than the disk of a machine that captures; after a loss of
//! power the checksums say what is left. That a part is in the store is synced before the part goes: a file system may forget the last
//! lines of the journal and not the removal, and what is behind the part would be taken for a file without its beginning. The space is
//! bounded, and what finds none stays in memory (`work.rs`).

mod journal;
mod recover;

pub(crate) use recover::Recovered;

use crate::durable;
use crate::part::PartHead;
use baleen_agentwire::{Ended, OrderId};
use baleen_types::CaptureId;
use bytes::Bytes;
use crc_fast::CrcAlgorithm::Crc32Iscsi;
use journal::{Journal, Line, PartLine};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::fs::{DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The name of the file that tells whose it is.
const OWNER_FILE: &str = "owner";

/// All of it. Its calls block.
#[derive(Clone, Debug)]
pub(crate) struct Spool {
    folder: PathBuf,
    space: Arc<Space>,
}

#[derive(Debug)]
struct Space {
    bytes_max: u64,
    used: Mutex<u64>,
}

impl Space {
    fn take(&self, bytes: u64) -> bool {
        let mut used = self.used.lock();
        let fits = bytes <= self.bytes_max.saturating_sub(*used);
        if fits {
            *used += bytes;
        }
        fits
    }

    fn give_back(&self, bytes: u64) {
        let mut used = self.used.lock();
        *used = used.saturating_sub(bytes);
    }
}

/// What is on disk of one order.
#[derive(Clone, Debug)]
pub(crate) struct OrderFolder {
    path: PathBuf,
    space: Arc<Space>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    journal: Journal,
    /// The part that is being filled, if it is on disk so far.
    open: Option<(u32, File)>,
    /// The last part that was begun.
    begun: Option<u32>,
    /// Space of each part.
    taken: HashMap<u32, u64>,
    is_removed: bool,
}

impl Spool {
    /// Opens the folder, and makes it if it is not there. What processes before this one left is told; what makes no sense is removed.
    ///
    /// What waits there is for the server of who has put it there: when `owner` is somebody else, it is nobody's any more and is removed, since
    /// the agent that this host was then cannot deliver it.
    pub(crate) fn open(folder: &Path, bytes_max: u64, owner: &str) -> io::Result<(Self, Vec<Recovered>)> {
        private_folder(folder, true)?;
        // One that somebody made may have other rights.
        std::fs::set_permissions(folder, Permissions::from_mode(0o700))?;
        own(folder, owner)?;
        let this = Self {
            folder: folder.to_owned(),
            space: Arc::new(Space {
                bytes_max,
                used: Mutex::new(0),
            }),
        };
        let mut recovered = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            // What has another name is not ours.
            let Some(id) = order_of(name) else { continue };
            match recover::order(&this, id, &path) {
                Ok(order) => recovered.push(order),
                // It stays for who looks after the host, and takes the space that it takes; the others are delivered, and the agent captures.
                Err(error) => {
                    let bytes = bytes_in(&path);
                    *this.space.used.lock() += bytes;
                    tracing::warn!(%error, folder = %path.display(), bytes, "what was to be sent cannot be read, and is left there");
                }
            }
        }
        recovered.sort_by_key(|order| order.id);
        Ok((this, recovered))
    }

    /// Space that is left.
    pub(crate) fn free(&self) -> u64 {
        self.space.bytes_max.saturating_sub(*self.space.used.lock())
    }

    /// A folder for an order. One that is there is of an order that was forgotten.
    pub(crate) fn create(&self, id: OrderId) -> io::Result<OrderFolder> {
        let path = self.folder.join(name_of(id));
        remove(&path)?;
        private_folder(&path, false)?;
        let journal = Journal::create(&path)?;
        Ok(self.order(path, journal))
    }

    fn order(&self, path: PathBuf, journal: Journal) -> OrderFolder {
        OrderFolder {
            path,
            space: Arc::clone(&self.space),
            state: Arc::new(Mutex::new(State {
                journal,
                open: None,
                begun: None,
                taken: HashMap::new(),
                is_removed: false,
            })),
        }
    }
}

impl OrderFolder {
    /// Adds a piece to a part that has `head` with it. When that is not possible, the part is on disk no more.
    pub(crate) fn append(&self, head: &PartHead, piece: &[u8]) {
        let mut state = self.state.lock();
        if state.is_removed || (state.open.is_none() && state.begun == Some(head.number)) {
            return;
        }
        if let Err(error) = self.try_append(&mut state, head, piece) {
            tracing::debug!(%error, part = head.number, "a part stays in memory");
            state.open = None;
            self.drop_part(&mut state, head.number);
        }
    }

    fn try_append(&self, state: &mut State, head: &PartHead, piece: &[u8]) -> io::Result<()> {
        if state.begun != Some(head.number) {
            state.begun = Some(head.number);
            let path = part_path(&self.path, head.number);
            let options = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(path);
            state.open = Some((head.number, options?));
        }
        let bytes = piece.len() as u64;
        if !self.space.take(bytes) {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        *state.taken.entry(head.number).or_default() += bytes;
        let Some((_, file)) = &mut state.open else {
            return Err(io::ErrorKind::NotFound.into());
        };
        file.write_all(piece)?;
        state.journal.put(&Line::Part(PartLine::of(head, false)))
    }

    /// A part is whole. Tells whether it is on disk.
    pub(crate) fn close(&self, head: &PartHead) -> bool {
        let mut state = self.state.lock();
        let Some((number, _)) = state.open.take() else {
            return false;
        };
        let noted = state.journal.put(&Line::Part(PartLine::of(head, true)));
        if number != head.number || noted.is_err() {
            self.drop_part(&mut state, number);
            return false;
        }
        true
    }

    /// The bytes of a part, as they were written: what the disk has changed is not sent to be refused.
    pub(crate) fn read(&self, head: &PartHead) -> io::Result<Bytes> {
        let bytes = std::fs::read(part_path(&self.path, head.number))?;
        if bytes.len() as u64 != head.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if crc_fast::checksum(Crc32Iscsi, &bytes) != u64::from(head.crc32c) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its checksum is another"));
        }
        Ok(bytes.into())
    }

    /// A part is in the store.
    pub(crate) fn stored(&self, head: &PartHead) {
        let mut state = self.state.lock();
        // When it is not noted, it is sent again by the next process, and answered without being read.
        let noted = state.journal.put(&Line::Stored(PartLine::of(head, true)));
        if noted.and_then(|()| state.journal.sync()).is_ok() {
            self.drop_part(&mut state, head.number);
        }
    }

    /// No more packets are taken.
    pub(crate) fn ended(&self, ended: &Ended) {
        // Without it the next process says that this one was ended.
        let _ = self.state.lock().journal.put(&Line::Ended(ended.clone()));
    }

    /// Nothing of it is wanted any more.
    pub(crate) fn remove(&self) {
        let mut state = self.state.lock();
        state.is_removed = true;
        state.open = None;
        for bytes in std::mem::take(&mut state.taken).into_values() {
            self.space.give_back(bytes);
        }
        if let Err(error) = remove(&self.path) {
            tracing::warn!(%error, folder = %self.path.display(), "what was to be sent is not removed");
        }
    }

    fn drop_part(&self, state: &mut State, number: u32) {
        let removed = std::fs::remove_file(part_path(&self.path, number));
        let is_gone = removed.is_ok() || removed.is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
        if is_gone && let Some(bytes) = state.taken.remove(&number) {
            self.space.give_back(bytes);
        }
    }
}

fn part_path(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("part-{number}"))
}

fn name_of(id: OrderId) -> String {
    format!("{}-{}", CaptureId::from_bytes(id.capture), id.generation)
}

fn order_of(name: &str) -> Option<OrderId> {
    let (capture, generation) = name.split_once('-')?;
    let id = OrderId {
        capture: *CaptureId::parse(capture).ok()?.as_bytes(),
        generation: generation.parse().ok()?,
    };
    (name_of(id) == name).then_some(id)
}

/// Notes whose the spool is, behind the removal of what is another's.
fn own(folder: &Path, owner: &str) -> io::Result<()> {
    let mark = folder.join(OWNER_FILE);
    let before = match std::fs::read(&mark) {
        // A loss of power left its name and nothing in it, or zeros: nobody is called so.
        Ok(before) if before.is_empty() || before.contains(&0) => None,
        Ok(before) => Some(before),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    if before.as_deref() == Some(owner.as_bytes()) {
        return Ok(());
    }
    if before.is_none() {
        // What is there is of a release that made no mark, and is ours. On a disk that is full delivering it makes room for the mark.
        if let Err(error) = durable::replace(&mark, owner.as_bytes()) {
            tracing::warn!(%error, folder = %folder.display(), "whose the spool is cannot be noted yet");
        }
        return Ok(());
    }
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if order_of(name).is_some() {
            let bytes = bytes_in(&path);
            tracing::warn!(folder = %path.display(), bytes, "what waited for another server, or by another identity, is removed");
            remove(&path)?;
        }
    }
    durable::replace(&mark, owner.as_bytes())
}

/// Bytes of the files in a folder.
fn bytes_in(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let found = files.filter_map(|file| file.metadata().ok());
    found.filter(Metadata::is_file).map(|found| found.len()).sum()
}

fn private_folder(path: &Path, may_be_there: bool) -> io::Result<()> {
    DirBuilder::new().recursive(may_be_there).mode(0o700).create(path)
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
