//! The master key: a file outside the store, readable by its owner alone.

use crate::Error;
use baleen_runtime::Entropy;
use baleen_sealing::MASTER_KEY_BYTES;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use zeroize::Zeroizing;

/// Reads the master key, or makes one at the first start. The file holds 64 hex digits and has mode 0600.
///
/// # Errors
/// `NotAMasterKey` when the file holds something else; it is never overwritten, since the store could not be opened then.
pub fn load_or_create_master_key(
    path: &Path,
    entropy: &dyn Entropy,
) -> Result<Zeroizing<[u8; MASTER_KEY_BYTES]>, Error> {
    match fs::read_to_string(path) {
        Ok(text) => {
            let text = Zeroizing::new(text);
            let mut key = Zeroizing::new([0; MASTER_KEY_BYTES]);
            let wrong = |_| Error::NotAMasterKey { path: path.to_owned() };
            hex::decode_to_slice(text.trim(), key.as_mut_slice()).map_err(wrong)?;
            Ok(key)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let key = Zeroizing::new(entropy.bytes::<MASTER_KEY_BYTES>());
            let text = Zeroizing::new(hex::encode(key.as_slice()));
            write_private(path, text.as_bytes()).map_err(|source| file_error("write", path, source))?;
            Ok(key)
        }
        Err(source) => Err(file_error("read", path, source)),
    }
}

fn file_error(doing: &'static str, path: &Path, source: std::io::Error) -> Error {
    Error::File {
        doing,
        path: path.to_owned(),
        source,
    }
}

/// Writes a file that only its owner can read, whole or not at all: synced under another name, then renamed.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    // A draft left by a crash is of no use to anyone, and may have another mode.
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use baleen_runtime::SeededEntropy;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_key_is_made_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let made = load_or_create_master_key(&path, &*SeededEntropy::new(1)).unwrap();
        let read = load_or_create_master_key(&path, &*SeededEntropy::new(2)).unwrap();
        assert_eq!(made, read);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_is_no_key_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        for wrong in ["", "abc", &"z".repeat(64), &"0".repeat(66)] {
            fs::write(&path, wrong).unwrap();
            let refused = load_or_create_master_key(&path, &*SeededEntropy::new(1));
            assert!(matches!(refused, Err(Error::NotAMasterKey { .. })), "{wrong}");
            assert_eq!(fs::read_to_string(&path).unwrap(), wrong);
        }
    }
}
