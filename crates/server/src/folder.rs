//! The data folder: made for its owner alone, and held by one process.

use crate::confine::{advice_on, by_name_alone, in_words, is_root};
use crate::failure::Failure;
use crate::output;
use baleen_confine::User;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The file whose lock says that a process uses the folder. It holds that process's id, for the message to another.
const LOCK_FILE: &str = "lock";

/// Where the running server says which addresses it listens on.
const ENDPOINTS_FILE: &str = "endpoints.json";

/// Where the root user's credentials are.
pub(crate) const ROOT_CREDENTIALS_FILE: &str = "root-credentials.json";

/// The master key that seals secrets, unless a setting names another place for it.
pub(crate) const MASTER_KEY_FILE: &str = "master.key";

/// How long a start waits for a folder that is held. The kernel lets go of a killed process's files only when it has taken
/// down its capture rings, so that a restart right after `kill -9` finds the lock taken for a moment.
pub(crate) const HOLD_PATIENCE: Duration = Duration::from_secs(5);

/// How often a held folder is tried again.
const HOLD_RETRY_EVERY: Duration = Duration::from_millis(50);

/// Bits by which others than the owner would get in.
const OTHERS: u32 = 0o077;

/// A data folder in use by this process. The lock goes with the process, however it ends.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the folder if it is not there, and takes hold of it; blocks up to `patience` while another process holds it.
    ///
    /// # Errors
    /// When it cannot be made or written, or another process holds it to the end of that time.
    pub(crate) fn open(path: &Path, patience: Duration) -> Result<Self, Failure> {
        let failed = |doing: &str, error: &std::io::Error| {
            let failure = Failure::new(format!("the data folder {} cannot be {doing}: {error}", path.display()))
                .advise("name another with --data DIR or BALEEN_DATA, or give this user the right to write there");
            match by_name_alone(None).filter(|_| error.kind() == ErrorKind::PermissionDenied) {
                Some(who) => failure.advise(advice_on(path, &who)),
                None => failure,
            }
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(|error| failed("made", &error))?;
        // Absolute, so that what is printed can be used from anywhere.
        let path = path.canonicalize().map_err(|error| failed("found", &error))?;
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path.join(LOCK_FILE))
            .map_err(|error| failed("written", &error))?;
        match lock_within(&lock, &path, patience) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(&path, &mut lock)),
            Err(TryLockError::Error(error)) => return Err(failed("locked", &error)),
        }
        let note = |lock: &mut File| {
            lock.set_len(0)?;
            lock.rewind()?;
            writeln!(lock, "{}", std::process::id())
        };
        note(&mut lock).map_err(|error| failed("written", &error))?;
        Ok(Self { path, _lock: lock })
    }

    /// As [`Folder::open`], for a command that works on the folder itself: it does not wait. Says what to do if a server has it.
    ///
    /// # Errors
    /// As [`Folder::open`].
    pub(crate) fn open_unserved(path: &Path, advice: &str) -> Result<Self, Failure> {
        if let Some(owner) = owner_beside_root(path) {
            output::note(&format!(
                "{} belongs to user {}, whose server cannot use what root writes there: run this as that user, as by sudo -u {}",
                path.display(),
                in_words(owner),
                User::name_of(owner).unwrap_or_else(|| format!("'#{owner}'"))
            ));
        }
        Self::open(path, Duration::ZERO).map_err(|failure| if is_held(path) { failure.advise(advice) } else { failure })
    }

    /// The folder, as an absolute path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Tells whether others than the owner may look into the folder.
    pub(crate) fn is_open_to_others(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|found| found.permissions().mode() & OTHERS != 0)
    }

    /// Says where this server listens, for commands on the same machine.
    pub(crate) fn publish(&self, endpoints: &serde_json::Value) -> std::io::Result<()> {
        let draft = self.path.join(format!("{ENDPOINTS_FILE}.new"));
        std::fs::write(&draft, format!("{endpoints}\n"))?;
        std::fs::rename(draft, self.path.join(ENDPOINTS_FILE))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A stale file is only a wrong hint: who reads it also looks at the lock.
        let _ = std::fs::remove_file(self.path.join(ENDPOINTS_FILE));
    }
}

/// Who owns a folder, if this is root and it is somebody else's.
fn owner_beside_root(path: &Path) -> Option<u32> {
    let owner = std::fs::metadata(path).ok()?.uid();
    (is_root() && owner != 0).then_some(owner)
}

/// What a running server said of itself in the folder; `None` when none runs there.
pub(crate) fn published(path: &Path) -> Option<serde_json::Value> {
    if !is_held(path) {
        return None;
    }
    serde_json::from_slice(&std::fs::read(path.join(ENDPOINTS_FILE)).ok()?).ok()
}

/// Why it cannot be told whether a server runs in the folder, if that is so: this user may not look.
pub(crate) fn barred(path: &Path) -> Option<Failure> {
    let refused = |file: &str| {
        let error = File::open(path.join(file)).err()?;
        (error.kind() == ErrorKind::PermissionDenied).then_some(error)
    };
    let error = [LOCK_FILE, ENDPOINTS_FILE].into_iter().find_map(refused)?;
    Some(
        Failure::because(
            format!("the data folder {} may not be read by this user", path.display()),
            &error,
        )
        .advise("ask as the user that runs the server, or name the server's address and credentials of your own"),
    )
}

/// Tells whether a process holds the folder.
pub(crate) fn is_held(path: &Path) -> bool {
    // Asking takes the lock for an instant if nobody has it; a shared one, so that two who ask do not see each other.
    File::open(path.join(LOCK_FILE)).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Takes the lock, trying again for as long as `patience` lasts.
fn lock_within(lock: &File, path: &Path, patience: Duration) -> Result<(), TryLockError> {
    let since = Instant::now();
    let mut was_told = false;
    loop {
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) if since.elapsed() < patience => {}
            done => return done,
        }
        if !was_told {
            tracing::warn!(
                path = %path.display(),
                "the data folder is in use; waiting up to {} s for it",
                patience.as_secs()
            );
            was_told = true;
        }
        sleep(HOLD_RETRY_EVERY);
    }
}

fn held(path: &Path, lock: &mut File) -> Failure {
    let mut holder = String::new();
    let known = match lock.take(32).read_to_string(&mut holder) {
        Ok(_) => holder.trim().parse::<u32>().ok(),
        Err(error) => {
            debug_assert_ne!(error.kind(), ErrorKind::NotFound);
            None
        }
    };
    if let Some(id) = known.filter(|id| !Path::new("/proc").join(id.to_string()).exists()) {
        return Failure::new(format!(
            "the data folder {} is still held for process {id}, which has ended",
            path.display()
        ))
        .advise("the system is still closing its files; start again in a moment");
    }
    let who = known.map_or_else(
        || "another process".to_owned(),
        |id| format!("another baleen (process {id})"),
    );
    Failure::new(format!("the data folder {} is in use by {who}", path.display()))
        .advise("stop that process, or name another folder with --data DIR")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_private_and_held_once() {
        let place = tempfile::tempdir().expect("a temporary folder");
        let path = place.path().join("a/b");
        let folder = Folder::open(&path, Duration::ZERO).expect("it can be made");
        assert!(!folder.is_open_to_others());
        assert!(is_held(&path) && published(&path).is_none());
        folder
            .publish(&serde_json::json!({ "s3": "x" }))
            .expect("it can be written");
        assert_eq!(published(&path).expect("it was published")["s3"], "x");
        let refused = Folder::open(&path, Duration::ZERO).expect_err("it is held").to_string();
        assert!(
            refused.contains(&format!("process {}", std::process::id())),
            "{refused}"
        );
        // A holder that goes away within the patience is waited for.
        let leaving = std::thread::spawn(move || drop(folder));
        Folder::open(&path, HOLD_PATIENCE).expect("it is free again");
        leaving.join().expect("it has left");
        assert!(!is_held(&path));
    }

    #[test]
    fn a_folder_that_cannot_be_made_says_what_to_do() {
        let place = tempfile::tempdir().expect("a temporary folder");
        let file = place.path().join("file");
        std::fs::write(&file, "").expect("it can be written");
        let refused = Folder::open(&file, Duration::ZERO)
            .expect_err("a file is no folder")
            .to_string();
        assert!(refused.contains("--data DIR"), "{refused}");
    }
}
