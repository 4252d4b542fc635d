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
    waiting: Vec<oneshot::Sender<Result<(), Arc<io::Error>>>>,
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
            // The cause is shared by all who waited, so each gets a copy of its kind and text.
            Ok(Err(error)) => Err(Error::io(doing)(io::Error::new(error.kind(), error.to_string()))),
            Err(_) => Err(Error::stopped(doing)),
        }
    }

    /// Flushes until nobody waits.
    fn run(&self) {
        loop {
            let waiting = {
                let mut state = self.state.lock();
                if state.waiting.is_empty() {
                    state.running = false;
                    return;
                }
                std::mem::take(&mut state.waiting)
            };
            let outcome = self.target.flush().map_err(Arc::new);
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
