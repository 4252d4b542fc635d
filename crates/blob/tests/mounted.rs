//! Where a file system has to be mounted and is not, nothing is made.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use baleen_blob::{Blobs, Error, Settings};
use baleen_runtime::SeededEntropy;
use std::path::Path;

fn open(dir: &Path, was_mount: bool) -> Result<Blobs, Error> {
    Blobs::open_mounted(dir, was_mount, Settings::default(), SeededEntropy::new(1))
}

#[test]
fn nothing_is_made_where_a_file_system_is_missing() {
    let outer = tempfile::tempdir().unwrap();
    let dir = outer.path().join("blobs");
    for made in [false, true] {
        if made {
            std::fs::create_dir(&dir).unwrap();
        }
        assert!(matches!(open(&dir, true), Err(Error::NotMounted(told)) if told == dir));
        let inside = std::fs::read_dir(&dir).map_or(0, Iterator::count);
        assert_eq!((dir.exists(), inside), (made, 0));
    }
    std::fs::write(dir.join("plain"), "").unwrap();
    drop(open(&dir, true).unwrap());
    // Nor is more of a path than its last folder.
    assert!(open(&outer.path().join("a/blobs"), false).is_err());
    assert!(!outer.path().join("a").exists());
}
