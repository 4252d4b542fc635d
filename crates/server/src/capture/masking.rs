//! What `baleen capture` does not keep of packets.

use super::Arguments;
use crate::failure::Failure;
use baleen_capture::AddressKey;
use baleen_capture::engine::Masking;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use zeroize::Zeroizing;

/// Who has the key knows every address; so nobody but its owner may read it.
const OPEN_TO_OTHERS: u32 = 0o077;
/// How one is made, which nobody else may read for a moment.
const RECIPE: &str = "make one: (umask 077; openssl rand -hex 32 > address.key)";
/// The digits, and what an editor puts behind them.
const KEY_FILE_BYTES_MAX: u64 = 80;

/// What is asked for.
pub(super) fn of(arguments: &Arguments) -> Result<Masking, Failure> {
    Ok(Masking {
        headers_only: arguments.headers_only,
        zero_payload: arguments.zero_payload,
        addresses: arguments.anonymise.as_deref().map(key).transpose()?,
    })
}

fn key(path: &Path) -> Result<AddressKey, Failure> {
    let shown = path.display();
    let failed = |error: std::io::Error| {
        Failure::usage(format!("the key file {shown} cannot be read: {error}"))
            .advise(format!("make one: (umask 077; openssl rand -hex 32 > {shown})"))
    };
    let no_key = || {
        Failure::usage(format!(
            "the key file {shown} does not hold a key, which is 64 hexadecimal digits"
        ))
    };
    let found = std::fs::metadata(path).map_err(failed)?;
    // What is no file is not opened: a pipe would keep us waiting. And nobody is told to close or to write over what is not a key.
    if !found.is_file() {
        return Err(Failure::usage(format!("the key file {shown} is no file")));
    }
    let file = File::open(path).map_err(failed)?;
    let mut text = Zeroizing::new(String::new());
    let read = file.take(KEY_FILE_BYTES_MAX).read_to_string(&mut text);
    match read {
        Err(error) if error.kind() == ErrorKind::InvalidData => return Err(no_key()),
        read => _ = read.map_err(failed)?,
    }
    let key = AddressKey::from_hex(text.trim()).ok_or_else(|| no_key().advise(RECIPE))?;
    if found.permissions().mode() & OPEN_TO_OTHERS != 0 {
        return Err(
            Failure::usage(format!("the key file {shown} is open to others than its owner"))
                .advise(format!("close it with: chmod 600 {shown}")),
        );
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};

    #[test]
    fn key_files() {
        let folder = tempfile::tempdir().unwrap();
        let digits = "0aF9".repeat(16);
        for (name, text, mode, is_good) in [
            ("good", format!("{digits}\n"), 0o600, true),
            ("read-only", digits.clone(), 0o400, true),
            ("open to the group", digits.clone(), 0o640, false),
            ("open to all", digits.clone(), 0o604, false),
            ("short", digits[1..].to_owned(), 0o600, false),
            ("long", digits.repeat(2), 0o600, false),
            ("no digits", "x".repeat(64), 0o600, false),
            ("empty", String::new(), 0o600, false),
        ] {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let read = key(&path);
            assert_eq!(read.is_ok(), is_good, "{name}");
            if let Err(failure) = read {
                assert!(
                    !format!("{failure:?}").contains(&digits[1..]),
                    "{name}: the key is not told"
                );
            }
        }
        assert!(key(&folder.path().join("none")).is_err());
        // Who names another file by mistake is not told to change it.
        let other = folder.path().join("capture.pcapng");
        fs::write(&other, [0x0a, 0x0d, 0x0d, 0x0a, 0xff, 0xfe]).unwrap();
        fs::set_permissions(&other, Permissions::from_mode(0o644)).unwrap();
        for path in [&other, folder.path(), Path::new("/dev/zero")] {
            let told = key(path).unwrap_err().to_string();
            assert!(!told.contains("chmod") && !told.contains("openssl"), "{told}");
        }
    }
}
