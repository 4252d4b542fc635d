//! One flush for all who wait for the same file.

use crate::Error;
use parking_lot::Mutex;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::oneshot;

/// What is flushed.
#[derive(Debug)]
pub(crate) enum Target {
    /// The data of a file, and as much of its metadata as reading it back needs.
    File(Arc<File>),
    /// The names in a folder. It is opened for each flush, since there are 256 of them and few flushes.
    Folder(PathBuf),
}

impl Target {
    /// Flushes it now. Blocks.
    pub(crate) fn flush(&self) -> io::Result<()> {
        match self {
            Self::File(file) => {
                file.sync_data()?;
                // What is in a file that was removed ends with this process, however well it was flushed.
                match file.metadata()?.nlink() {
                    0 => Err(io::Error::new(io::ErrorKind::NotFound, "the file was removed")),
                    _ => Ok(()),
                }
            }
            Self::Folder(path) => File::open(path)?.sync_all(),
        }
    }
}

/// Flushes one target; callers that come while a flush is running share the next one.
///
/// A caller's writes are done before it asks, so a flush which begins after it asked covers them.
#[derive(Debug)]
pub(crate) struct GroupSync {
    target: Target,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    running: bool,
    waiting: Vec<oneshot::Sender<Result<(), Failed>>>,
    /// What the first flush of a file that failed said. The kernel says so once, whoever's bytes they were, and then takes the pages
    /// for clean: a later flush would say that all is well, and it is not.
    failed: Option<Failed>,
}

/// Why a flush failed, for all who waited.
#[derive(Clone, Debug)]
pub(crate) struct Failed(Arc<io::Error>);

impl Failed {
    /// A copy of its kind and text.
    pub(crate) fn into_error(self, doing: &'static str) -> Error {
        Error::io(doing)(io::Error::new(self.0.kind(), self.0.to_string()))
    }
}

impl GroupSync {
    pub(crate) fn new(target: Target) -> Arc<Self> {
        Arc::new(Self {
            target,
            state: Mutex::default(),
        })
    }

    /// Returns when everything written before the call is on disk.
    ///
    /// # Cancel safety
    /// Safe: a flush that nobody waits for any more is finished and forgotten.
    pub(crate) async fn flush(self: &Arc<Self>) -> Result<(), Error> {
        let doing = "flushing to disk";
        let (sender, receiver) = oneshot::channel();
        let lead = {
            let mut state = self.state.lock();
            state.waiting.push(sender);
            !std::mem::replace(&mut state.running, true)
        };
        if lead {
            let this = Arc::clone(self);
            tokio::task::spawn_blocking(move || this.run());
        }
        match receiver.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(failed)) => Err(failed.into_error(doing)),
            Err(_) => Err(Error::stopped(doing)),
        }
    }

    /// Takes note of a flush that failed here or elsewhere: of a file, all later ones fail. The names in a folder are not lost by it,
    /// and may be flushed again.
    pub(crate) fn fail(&self, error: io::Error) -> Failed {
        let failed = Failed(Arc::new(error));
        match self.target {
            Target::File(_) => self.state.lock().failed.get_or_insert(failed).clone(),
            Target::Folder(_) => failed,
        }
    }

    /// Flushes until nobody waits.
    fn run(&self) {
        loop {
            let (waiting, failed) = {
                let mut state = self.state.lock();
                if state.waiting.is_empty() {
                    state.running = false;
                    return;
                }
                (std::mem::take(&mut state.waiting), state.failed.clone())
            };
            let outcome = match failed {
                Some(failed) => Err(failed),
                None => self.target.flush().map_err(|error| self.fail(error)),
            };
            for sender in waiting {
                // Who went away meanwhile does not want to know.
                let _ = sender.send(outcome.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_that_was_removed_is_not_flushed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let sync = GroupSync::new(Target::File(Arc::new(File::create(&path).unwrap())));
        sync.flush().await.unwrap();
        std::fs::remove_file(path).unwrap();
        assert!(sync.flush().await.is_err());
    }

    /// One writer is told that the file could not be flushed; another, whose bytes may be lost by it, must not be told that they
    /// are there. A file without a name cannot be flushed; with one it can.
    #[tokio::test]
    async fn a_failed_flush_of_a_file_is_not_forgotten() {
        use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, openat};
        use std::os::fd::AsRawFd;
        let folder = tempfile::tempdir().unwrap();
        let file = openat(
            CWD,
            folder.path(),
            OFlags::TMPFILE | OFlags::WRONLY,
            Mode::RUSR | Mode::WUSR,
        )
        .unwrap();
        let unnamed = format!("/proc/self/fd/{}", file.as_raw_fd());
        let sync = GroupSync::new(Target::File(Arc::new(File::from(file))));
        assert!(sync.flush().await.is_err());
        linkat(CWD, unnamed, CWD, folder.path().join("file"), AtFlags::SYMLINK_FOLLOW).unwrap();
        sync.target.flush().unwrap();
        assert!(sync.flush().await.is_err());
    }

    #[tokio::test]
    async fn all_who_wait_are_answered() {
        let folder = tempfile::tempdir().unwrap();
        let sync = GroupSync::new(Target::Folder(folder.path().to_owned()));
        let waits = (0..50).map(|_| sync.flush());
        for outcome in futures::future::join_all(waits).await {
            outcome.unwrap();
        }
        drop(sync.flush());
        sync.flush().await.unwrap();
    }

    #[tokio::test]
    async fn a_failure_reaches_everyone_and_the_next_flush_is_tried() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gone");
        let sync = GroupSync::new(Target::Folder(path.clone()));
        assert!(sync.flush().await.is_err());
        std::fs::create_dir(&path).unwrap();
        assert!(sync.flush().await.is_ok());
    }
}
