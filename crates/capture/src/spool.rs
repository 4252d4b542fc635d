//! Parts that wait for their store on this machine's disk, when there is no more room for them in memory.
//!
//! A capture's parts wait in the buffers of its agent, and when all of them do, packets wait in the kernel, which drops them when
//! its ring is full. So when a part comes and several others wait, all of them go into files, one each, in the capture's folder
//! of the spool, and are read back in their order; the buffers are free at once. What is on the disk is bounded over all captures, and
//! for each account by what is left free (`share.rs`); beyond the bounds, or when the disk takes no more, it is as without a spool.
//!
//! * What waits on the disk is a run: with a part, all before it that the store has not taken are there too. So what a killed
//!   process leaves continues what the store has, and the next start sends it (`resume.rs`).
//! * Room is taken from the disk before a file is written (`fallocate`), but for what others need of it (`disk.rs`), and a file has its
//!   name when it is whole.
//! * Files are sealed under a key of the store, and are not flushed: they outlive a killed process, and after a power cut those
//!   that do not open are as if they had never been written, with all behind them.

mod part;
mod pump;
mod resume;
mod share;
mod writing;

use crate::disk_key;
use crate::{CaptureError, Captures};
use baleen_sealing::blocks::BaseKey;
use baleen_types::{AccountId, CaptureId};
use parking_lot::Mutex;
use part::Head;
pub(crate) use pump::{Around, Settling, Spooling, through};
pub(crate) use resume::Left;
use share::{Room, Shares};
use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::OnceCell;
use tracing::{error, warn};
use writing::Writings;

/// Where parts wait that find no room in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpoolSettings {
    /// A folder of its own; it is made when it is needed.
    pub folder: PathBuf,
    /// The most that is there, over all captures.
    pub bytes_max: u64,
}

/// The files of all captures.
pub(crate) struct Spool {
    settings: SpoolSettings,
    shares: Arc<Shares>,
    /// What files take that nobody sends any more and that are still there, until the folder of their capture is gone.
    left_over: Mutex<HashMap<PathBuf, Vec<Room>>>,
    writings: Writings,
    key: OnceCell<Arc<BaseKey>>,
}

/// A part on the disk.
pub(crate) struct Shelved {
    path: PathBuf,
    head: Head,
    taken: Taken,
}

/// What a file takes of the disk. When this is dropped, and the file was not removed before, it goes on taking it.
struct Taken {
    room: Option<Room>,
    spool: Arc<Spool>,
    folder: PathBuf,
}

impl Taken {
    /// The file is gone.
    fn give_back(mut self) {
        self.room = None;
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some(room) = self.room.take() {
            let mut left_over = self.spool.left_over.lock();
            left_over
                .entry(std::mem::take(&mut self.folder))
                .or_default()
                .push(room);
        }
    }
}

/// The files of one capture.
#[derive(Clone)]
pub(crate) struct Shelf {
    spool: Arc<Spool>,
    owner: (AccountId, CaptureId),
    folder: PathBuf,
    key: Arc<BaseKey>,
}

/// Why a part was not taken.
#[derive(Debug)]
enum NotTaken {
    /// The spool has as much as it may, or the account its share of it.
    Full,
    /// The disk.
    Disk(io::Error),
}

impl Spool {
    pub(crate) fn new(settings: SpoolSettings) -> Arc<Self> {
        Arc::new(Self {
            shares: Shares::new(settings.bytes_max),
            left_over: Mutex::default(),
            writings: Writings::default(),
            settings,
            key: OnceCell::new(),
        })
    }

    fn folder_of(&self, (account, id): (AccountId, CaptureId)) -> PathBuf {
        self.settings.folder.join(format!("{account}-{id}"))
    }

    /// Removes what is left of a capture.
    pub(crate) async fn forget(&self, owner: (AccountId, CaptureId)) {
        let folder = self.folder_of(owner);
        let gone = folder.clone();
        self.writings.forget(&folder);
        match pump::in_background(move || remove(&folder)).await {
            Ok(()) => drop(self.left_over.lock().remove(&gone)),
            Err(error) => warn!(capture = %owner.1, %error, "the spool of a capture that is over was not removed"),
        }
    }

    /// Removes what is left of captures that nothing is known of.
    pub(crate) async fn forget_others(&self, known: HashSet<(AccountId, CaptureId)>) {
        let known: HashSet<PathBuf> = known.into_iter().map(|owner| self.folder_of(owner)).collect();
        let folder = self.settings.folder.clone();
        let sweep = move || {
            let Ok(entries) = std::fs::read_dir(folder) else { return };
            for path in entries.flatten().map(|entry| entry.path()) {
                if !known.contains(&path)
                    && let Err(error) = remove(&path)
                {
                    warn!(%error, path = %path.display(), "what is left in the spool was not removed");
                }
            }
        };
        if tokio::task::spawn_blocking(sweep).await.is_err() {
            error!("looking through the spool was broken off");
        }
    }

    /// Whether something of a capture is there.
    pub(crate) async fn has(&self, owner: (AccountId, CaptureId)) -> io::Result<bool> {
        let folder = self.folder_of(owner);
        pump::in_background(move || match std::fs::metadata(folder) {
            Ok(found) => Ok(found.is_dir()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        })
        .await
    }
}

impl Shelf {
    fn shelved(&self, path: PathBuf, head: Head, room: Room) -> Shelved {
        let taken = Taken {
            room: Some(room),
            spool: Arc::clone(&self.spool),
            folder: self.folder.clone(),
        };
        Shelved { path, head, taken }
    }
}

fn remove(folder: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

impl Captures {
    /// The spool's files of a capture, if there is a spool.
    ///
    /// # Errors
    /// That the key of the spool cannot be had.
    pub(crate) async fn shelf(&self, owner: (AccountId, CaptureId)) -> Result<Option<Shelf>, CaptureError> {
        let Some(spool) = &self.spool else { return Ok(None) };
        let parts = &self.parts;
        let draw = async || {
            let key = disk_key::for_spool(&parts.meta, &parts.sealer, &*parts.entropy).await?;
            Ok::<_, CaptureError>(Arc::new(key))
        };
        let key = spool.key.get_or_try_init(draw).await?;
        Ok(Some(Shelf {
            spool: Arc::clone(spool),
            owner,
            folder: spool.folder_of(owner),
            key: Arc::clone(key),
        }))
    }

    /// Removes what waited of a capture that is over.
    pub(crate) async fn clear_spool(&self, owner: (AccountId, CaptureId)) {
        if let Some(spool) = &self.spool {
            spool.forget(owner).await;
        }
    }
}

#[cfg(test)]
mod tests;
