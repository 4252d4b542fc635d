//! What the members of a group deliver, on this machine's disk until it is merged: sealed, as what is spooled.

use super::merged::Member;
use super::remnant::{Remnant, is_any_readable};
use super::sealed_file::{SealedPath, SealedWriter};
use crate::agent::AgentError;
use crate::disk;
use crate::sealed::is_torn;
use baleen_agentwire::Estimate;
use baleen_runtime::{Clock, Entropy};
use baleen_sealing::blocks::BaseKey;
use baleen_types::{CaptureId, SiteName};
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// In the folder of a capture: a line for each member, its site and what is believed of its clock.
const MEMBERS: &str = "members";

/// A folder for captures of groups, with one of its own for each. That is there until the capture is over, whatever becomes of this process:
/// the next one goes on with it.
pub(crate) struct Staging {
    folder: PathBuf,
    pub(super) clock: Arc<dyn Clock>,
    bytes_max: u64,
    used: Mutex<HashMap<CaptureId, u64>>,
    sealing: OnceLock<Sealing>,
}

/// What files are sealed with.
struct Sealing {
    key: Arc<BaseKey>,
    entropy: Arc<dyn Entropy>,
}

/// The folder of one capture.
pub(super) struct StagedCapture {
    staging: Arc<Staging>,
    capture: CaptureId,
    path: PathBuf,
}

/// What one member has delivered.
pub(super) struct StagedFile {
    staging: Arc<Staging>,
    capture: CaptureId,
    file: SealedWriter,
    pub(super) at: SealedPath,
}

impl Staging {
    /// Uses a folder, which is made when it is needed.
    pub(crate) fn new(folder: &Path, bytes_max: u64, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            folder: folder.to_owned(),
            clock,
            bytes_max,
            used: Mutex::default(),
            sealing: OnceLock::new(),
        })
    }

    /// Whether files can be written and read.
    pub(crate) fn has_key(&self) -> bool {
        self.sealing.get().is_some()
    }

    /// Seals files under a key, which is always the same.
    pub(crate) fn seal_under(&self, key: BaseKey, entropy: Arc<dyn Entropy>) {
        let key = Arc::new(key);
        let _was_known = self.sealing.set(Sealing { key, entropy });
    }

    /// Makes the folder of a capture.
    pub(super) async fn folder_of(self: &Arc<Self>, capture: CaptureId) -> Result<StagedCapture, AgentError> {
        let staged = StagedCapture {
            staging: Arc::clone(self),
            capture,
            path: self.folder.join(capture.to_string()),
        };
        let make = move || {
            DirBuilder::new().mode(0o700).recursive(true).create(&staged.path)?;
            Ok::<_, io::Error>(staged)
        };
        let made = tokio::task::spawn_blocking(make).await.map_err(io::Error::other);
        made.and_then(|made| made).map_err(|error| {
            AgentError(format!(
                "what several sites capture cannot be kept until it is merged: {error}"
            ))
        })
    }

    /// What a process that was killed has left of a capture, if that can be merged. Reads the disk.
    ///
    /// # Errors
    /// That it cannot be told now.
    pub(crate) fn remnant(&self, capture: CaptureId) -> io::Result<Option<Remnant>> {
        let folder = self.folder.join(capture.to_string());
        let Some(sealing) = self.sealing.get() else {
            return Ok(None);
        };
        let Some(members) = members_in(&folder, &sealing.key)? else {
            return Ok(None);
        };
        let bytes = members.iter().filter_map(|member| member.file.path.metadata().ok());
        self.used.lock().insert(capture, bytes.map(|file| file.len()).sum());
        let remnant = is_any_readable(&members)?.then(|| Remnant::new(members, Arc::clone(&self.clock)));
        Ok(remnant)
    }

    /// Removes what is staged of a capture that is over. May take long.
    pub(crate) fn remove(&self, capture: CaptureId) {
        let folder = self.folder.join(capture.to_string());
        // Without the list nobody merges the half of it, should this process end in between.
        let list = std::fs::remove_file(folder.join(MEMBERS));
        let all = std::fs::remove_dir_all(&folder);
        let is_gone = all
            .as_ref()
            .map_or_else(|error| error.kind() == io::ErrorKind::NotFound, |()| true);
        for error in [list.err(), all.err()].into_iter().flatten() {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::warn!(folder = %folder.display(), %error, "what was merged is not removed");
            }
        }
        // What is still there goes on taking its room.
        if is_gone {
            self.used.lock().remove(&capture);
        }
    }

    /// Takes account of bytes that are to be staged, if there is room for them.
    fn use_bytes(&self, capture: CaptureId, bytes: u64) -> io::Result<()> {
        let mut used = self.used.lock();
        let all = used.values().fold(bytes, |sum, bytes| sum.saturating_add(*bytes));
        if all > self.bytes_max {
            let full = format!(
                "captures of several sites have the {} bytes that they may have",
                self.bytes_max
            );
            return Err(io::Error::new(io::ErrorKind::QuotaExceeded, full));
        }
        *used.entry(capture).or_default() += bytes;
        Ok(())
    }

    /// Takes account of bytes that are not staged after all.
    fn give_back(&self, capture: CaptureId, bytes: u64) {
        if let Some(used) = self.used.lock().get_mut(&capture) {
            *used = used.saturating_sub(bytes);
        }
    }

    /// Removes what is of none of these captures.
    pub(crate) fn sweep(&self, kept: &BTreeSet<CaptureId>) -> io::Result<()> {
        let entries = match std::fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let of = name.to_str().and_then(|name| CaptureId::parse(name).ok());
            if of.is_none_or(|id| !kept.contains(&id)) {
                std::fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }
}

impl StagedCapture {
    /// Makes the files of the members, and notes whose they are.
    pub(super) fn files(&self, members: &[(SiteName, Option<Estimate>)]) -> io::Result<Vec<StagedFile>> {
        let sealing = self.staging.sealing.get();
        let Sealing { key, entropy } = sealing.ok_or_else(|| io::Error::other("there is no key for them"))?;
        let mut lines = String::new();
        let mut files = Vec::new();
        for (number, (site, clock)) in members.iter().enumerate() {
            let Estimate { offset_ns, bound_ns } = clock.unwrap_or(Estimate {
                offset_ns: 0,
                bound_ns: -1,
            });
            let _ = writeln!(lines, "{site} {offset_ns} {bound_ns}");
            let at = file_of(&self.path, number, key);
            files.push(StagedFile {
                staging: Arc::clone(&self.staging),
                capture: self.capture,
                file: at.create(entropy.bytes())?,
                at,
            });
        }
        let mut options = OpenOptions::new();
        let list = self.path.join(MEMBERS);
        let mut list = options.write(true).create_new(true).mode(0o600).open(list)?;
        list.write_all(lines.as_bytes())?;
        list.sync_data()?;
        File::open(&self.path)?.sync_all()?;
        // What names it is another folder's, which not every file system writes with it.
        File::open(&self.staging.folder)?.sync_all()?;
        Ok(files)
    }
}

fn file_of(folder: &Path, number: usize, key: &Arc<BaseKey>) -> SealedPath {
    SealedPath::new(folder.join(format!("{number}.sealed")), Arc::clone(key))
}

/// The members whose list is in a folder; `None` where there is no list that could be one.
fn members_in(folder: &Path, key: &Arc<BaseKey>) -> io::Result<Option<Vec<Member>>> {
    let list = match std::fs::read_to_string(folder.join(MEMBERS)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound || is_torn(&error) => return Ok(None),
        list => list?,
    };
    let member = |(number, line): (usize, &str)| {
        let mut words = line.split(' ');
        let site = SiteName::parse(words.next()?).ok()?;
        let (offset_ns, bound_ns) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        Some(Member {
            site,
            file: file_of(folder, number, key),
            clock: Some(Estimate { offset_ns, bound_ns }).filter(|clock| clock.bound_ns >= 0),
        })
    };
    Ok(list.lines().enumerate().map(member).collect())
}

impl StagedFile {
    /// Appends a piece. It is on the disk then: an agent elsewhere forgets it.
    ///
    /// # Errors
    /// What is wrong with the disk; the file holds the pieces before then, and is to get no more.
    pub(super) fn append(&mut self, bytes: &Bytes) -> io::Result<()> {
        disk::leave_reserve(self.file.file(), bytes.len() as u64)?;
        self.staging.use_bytes(self.capture, bytes.len() as u64)?;
        let appended = self.file.append(bytes);
        if appended.is_err() {
            self.staging.give_back(self.capture, bytes.len() as u64);
        }
        appended
    }
}
