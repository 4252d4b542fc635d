//! What the members of a group deliver, on this machine's disk until it is merged.

use super::merged::Member;
use super::remnant::Remnant;
use crate::agent::AgentError;
use crate::limits::STAGING_RESERVE_BYTES;
use baleen_agentwire::Estimate;
use baleen_runtime::Clock;
use baleen_types::{CaptureId, SiteName};
use bytes::Bytes;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// In the folder of a capture: a line for each member, its site and what is believed of its clock.
const MEMBERS: &str = "members";

/// A folder for captures of groups, with one of its own for each.
#[derive(Clone)]
pub(crate) struct Staging {
    folder: PathBuf,
    pub(super) clock: Arc<dyn Clock>,
}

/// The folder of one capture. It is removed when it was delivered or nobody wants it, and not when the process ends in between: the next
/// one goes on with it.
#[derive(Clone)]
pub(super) struct StagedCapture(PathBuf);

/// What one member has delivered.
pub(super) struct StagedFile {
    file: File,
    pub(super) path: PathBuf,
}

impl Staging {
    /// Uses a folder, which is made when it is needed.
    pub(crate) fn new(folder: &Path, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            folder: folder.to_owned(),
            clock,
        })
    }

    /// Makes the folder of a capture.
    pub(super) async fn folder_of(&self, capture: CaptureId) -> Result<StagedCapture, AgentError> {
        let path = self.folder.join(capture.to_string());
        let make = move || {
            DirBuilder::new().mode(0o700).recursive(true).create(&path)?;
            Ok::<_, io::Error>(StagedCapture(path))
        };
        let made = tokio::task::spawn_blocking(make).await.map_err(io::Error::other);
        made.and_then(|made| made).map_err(|error| {
            AgentError(format!(
                "what several sites capture cannot be kept until it is merged: {error}"
            ))
        })
    }

    /// What a process that was killed has left of a capture, if that can be merged.
    pub(crate) fn remnant(&self, capture: CaptureId) -> Option<Remnant> {
        let folder = self.folder.join(capture.to_string());
        let members = members_in(&folder)?;
        Some(Remnant::new(StagedCapture(folder), members))
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
    pub(super) fn files<'a>(
        &self,
        members: impl Iterator<Item = (&'a SiteName, Option<Estimate>)>,
    ) -> io::Result<Vec<StagedFile>> {
        let mut lines = String::new();
        let mut files = Vec::new();
        for (number, (site, clock)) in members.enumerate() {
            let Estimate { offset_ns, bound_ns } = clock.unwrap_or(Estimate {
                offset_ns: 0,
                bound_ns: -1,
            });
            let _ = writeln!(lines, "{site} {offset_ns} {bound_ns}");
            let path = self.path_of(number);
            files.push(StagedFile {
                file: create(&path)?,
                path,
            });
        }
        let mut list = create(&self.0.join(MEMBERS))?;
        list.write_all(lines.as_bytes())?;
        list.sync_data()?;
        File::open(&self.0)?.sync_all()?;
        Ok(files)
    }

    fn path_of(&self, number: usize) -> PathBuf {
        path_of(&self.0, number)
    }

    /// Removes it with what is in it, which may take long.
    pub(super) fn remove(&self) {
        match std::fs::remove_dir_all(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(folder = %self.0.display(), %error, "what was merged is not removed");
            }
            Ok(()) | Err(_) => {}
        }
    }
}

fn path_of(folder: &Path, number: usize) -> PathBuf {
    folder.join(format!("{number}.pcapng"))
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).open(path)
}

/// The members whose list is in a folder; `None` where there is no list that could be one.
fn members_in(folder: &Path) -> Option<Vec<Member>> {
    let list = std::fs::read_to_string(folder.join(MEMBERS)).ok()?;
    let member = |(number, line): (usize, &str)| {
        let mut words = line.split(' ');
        let site = SiteName::parse(words.next()?).ok()?;
        let (offset_ns, bound_ns) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        Some(Member {
            site,
            path: path_of(folder, number),
            clock: Some(Estimate { offset_ns, bound_ns }).filter(|clock| clock.bound_ns >= 0),
        })
    };
    list.lines().enumerate().map(member).collect()
}

impl StagedFile {
    /// Appends a piece. It is on the disk then: an agent elsewhere forgets it.
    pub(super) fn append(&mut self, bytes: &Bytes) -> io::Result<()> {
        let disk = rustix::fs::fstatvfs(&self.file)?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if free < STAGING_RESERVE_BYTES.saturating_add(bytes.len() as u64) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.file.write_all(bytes)?;
        self.file.sync_data()
    }
}
