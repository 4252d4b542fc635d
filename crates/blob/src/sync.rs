//! One flush for all who wait for the same file.

use crate::Error;
use crate::folder::{Folder, Identity, Root};
use parking_lot::Mutex;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::oneshot;

/// What is flushed.
#[derive(Debug)]
pub(crate) enum Target {
    /// The data of a file, and as much of its metadata as reading it back needs.
    File(Named),
    /// The names in a folder. It is opened for each flush, since there are 256 of them and few flushes.
    Folder(Root, PathBuf),
    /// Everything in the file system of a folder, which has been open since before anything was written: it tells of no failure that was
    /// earlier.
    FileSystem(File),
}

/// A file, and where it has to be found.
#[derive(Debug)]
pub(crate) struct Named {
    file: Arc<File>,
    path: PathBuf,
    identity: Identity,
}

impl Named {
    /// Whether it is what is found there.
    fn is_in_place(&self) -> io::Result<bool> {
        Ok(Identity::of(&std::fs::metadata(&self.path)?) == self.identity)
    }
}

impl Target {
    /// A file that is to be found at `path`.
    pub(crate) fn file(file: Arc<File>, path: PathBuf) -> io::Result<Self> {
        let identity = Identity::of(&file.metadata()?);
        Ok(Self::File(Named { file, path, identity }))
    }

    /// Flushes it now. Blocks.
    pub(crate) fn flush(&self) -> io::Result<()> {
        match self {
            Self::File(named) => {
                named.file.sync_data()?;
                // What is in a file that was removed ends with this process, and nobody looks into a folder that was moved away or
                // unmounted, however well it was flushed.
                if named.is_in_place()? {
                    Ok(())
                } else {
                    let what = "another file is in the place of the one that was written";
                    Err(io::Error::new(io::ErrorKind::NotFound, what))
                }
            }
            Self::Folder(root, name) => root.get()?.flush(name),
            Self::FileSystem(folder) => Ok(rustix::fs::syncfs(folder)?),
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

    /// Flushes all that is in the file system of a folder.
    pub(crate) fn of_file_system(folder: &Folder) -> io::Result<Arc<Self>> {
        // Of a description of its own: it tells of failures since it was opened.
        Ok(Self::new(Target::FileSystem(folder.open_again()?)))
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

    /// Whether a file is still where it has to be found.
    pub(crate) fn is_in_place(&self) -> bool {
        match &self.target {
            Target::File(named) => named.is_in_place().unwrap_or(false),
            Target::Folder(..) | Target::FileSystem(_) => true,
        }
    }

    /// Whether it fails from now on.
    pub(crate) fn has_failed(&self) -> bool {
        self.state.lock().failed.is_some()
    }

    /// Takes note of a flush that failed here or elsewhere: of a file, all later ones fail. The names in a folder are not lost by it,
    /// and may be flushed again.
    pub(crate) fn fail(&self, error: io::Error) -> Failed {
        let failed = Failed(Arc::new(error));
        match self.target {
            Target::File(_) | Target::FileSystem(_) => self.state.lock().failed.get_or_insert(failed).clone(),
            Target::Folder(..) => failed,
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

    /// Its folder may have been moved away or unmounted: then it is on disk, and nobody will find it.
    #[tokio::test]
    async fn a_file_that_is_not_in_its_place_is_not_flushed() {
        for case in ["removed", "moved", "replaced", "folder moved"] {
            let outer = tempfile::tempdir().unwrap();
            let (folder, away) = (outer.path().join("folder"), outer.path().join("away"));
            std::fs::create_dir(&folder).unwrap();
            let path = folder.join("file");
            let file = Arc::new(File::create(&path).unwrap());
            let sync = GroupSync::new(Target::file(file, path.clone()).unwrap());
            sync.flush().await.unwrap();
            assert!(sync.is_in_place());
            match case {
                "removed" => std::fs::remove_file(&path).unwrap(),
                "moved" => std::fs::rename(&path, &away).unwrap(),
                "replaced" => {
                    std::fs::write(&away, "other").unwrap();
                    std::fs::rename(&away, &path).unwrap();
                }
                _ => std::fs::rename(&folder, &away).unwrap(),
            }
            assert!(!sync.is_in_place(), "{case}");
            assert!(sync.flush().await.is_err(), "{case}");
        }
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
        let file = Arc::new(File::from(file));
        let sync = GroupSync::new(Target::file(file, folder.path().join("file")).unwrap());
        assert!(sync.flush().await.is_err());
        linkat(CWD, unnamed, CWD, folder.path().join("file"), AtFlags::SYMLINK_FOLLOW).unwrap();
        sync.target.flush().unwrap();
        assert!(sync.flush().await.is_err());
    }

    #[tokio::test]
    async fn all_who_wait_are_answered() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::of(Folder::open(folder.path()).unwrap());
        let sync = GroupSync::new(Target::Folder(root, ".".into()));
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
        let root = Root::of(Folder::open(folder.path()).unwrap());
        let sync = GroupSync::new(Target::Folder(root, "gone".into()));
        assert!(sync.flush().await.is_err());
        std::fs::create_dir(&path).unwrap();
        assert!(sync.flush().await.is_ok());
    }
}
