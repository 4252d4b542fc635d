use super::*;
use baleen_runtime::SeededEntropy;
use std::os::unix::fs::{PermissionsExt, symlink};

fn entropy(seed: u64) -> std::sync::Arc<dyn Entropy> {
    SeededEntropy::new(seed)
}

fn place() -> (tempfile::TempDir, KeyFile) {
    let folder = tempfile::tempdir().unwrap();
    let file = KeyFile::at(folder.path().join("master.key"));
    (folder, file)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn put(file: &KeyFile, text: &[u8], mode: u32) {
    fs::write(file.path(), text).unwrap();
    fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn keys_are_made_added_and_taken_away() {
    let (folder, file) = place();
    assert!(file.load().unwrap().is_none());
    let first = file.create(&*entropy(1)).unwrap();
    assert_eq!(file.load().unwrap(), Some(first.clone()));
    let both = file.add(&*entropy(2)).unwrap();
    assert_eq!((first.newest().get(), both.newest().get()), (1, 2));
    assert!(
        matches!(file.retire(&first), Err(Error::Busy { .. })),
        "it is another ring by now"
    );
    let left = file.retire(&both).unwrap();
    assert_eq!(left, both.newest_only());
    assert_eq!(file.load().unwrap(), Some(left));
    assert_eq!(mode(file.path()), 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no drafts are left");
    assert!(file.add(&SameEntropy).is_ok());
    assert!(
        matches!(file.add(&SameEntropy), Err(Error::Ring(_))),
        "the same key again"
    );
}

/// A generator that is broken.
struct SameEntropy;

impl Entropy for SameEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

#[test]
fn one_command_at_a_time() {
    let (folder, file) = place();
    let ring = file.create(&*entropy(1)).unwrap();
    let other = File::open(folder.path()).unwrap();
    other.try_lock().unwrap();
    assert!(matches!(file.add(&*entropy(2)), Err(Error::Busy { .. })));
    assert!(matches!(file.retire(&ring), Err(Error::Busy { .. })));
    drop(other);
    assert!(file.add(&*entropy(2)).is_ok());
}

#[test]
fn a_file_that_is_no_ring_is_refused_and_left_alone() {
    let (_folder, file) = place();
    let key = "a".repeat(64);
    for text in [
        Vec::new(),
        b"abc".to_vec(),
        "z".repeat(64).into_bytes(),
        "0".repeat(66).into_bytes(),
        format!("1 {key}\n1 {}\n", "b".repeat(64)).into_bytes(),
        format!("1 {key}\n2 {key}\n").into_bytes(),
        vec![0xff; 64],
        vec![0; 64],
        vec![b'#'; 1 << 20],
    ] {
        put(&file, &text, 0o600);
        for refused in [file.load().map(drop), file.add(&*entropy(1)).map(drop)] {
            let refused = refused.unwrap_err();
            assert!(matches!(refused, Error::NotARing { .. }), "{refused}");
            assert!(!refused.to_string().contains(&key[..8]), "{refused}");
        }
        assert_eq!(fs::read(file.path()).unwrap(), text);
    }
}

#[test]
fn a_file_that_others_may_open_is_refused() {
    let (folder, file) = place();
    file.create(&*entropy(1)).unwrap();
    let text = fs::read(file.path()).unwrap();
    for (mode, fits) in [
        (0o600, true),
        (0o400, true),
        (0o440, true),
        (0o640, true),
        (0o644, false),
        (0o604, false),
        (0o660, false),
        (0o602, false),
        (0o666, false),
        (0o777, false),
    ] {
        put(&file, &text, mode);
        let loaded = file.load();
        assert_eq!(loaded.is_ok(), fits, "{mode:o}");
        if let Err(refused) = loaded {
            assert!(refused.to_string().contains("chmod 600"), "{refused}");
        }
    }
    fs::remove_file(file.path()).unwrap();
    fs::create_dir(file.path()).unwrap();
    assert!(matches!(file.load(), Err(Error::Unfit { .. })));
    fs::remove_dir(file.path()).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        file.path(),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    assert!(
        matches!(file.load(), Err(Error::Unfit { .. })),
        "and nobody waits for a writer"
    );
    fs::remove_file(file.path()).unwrap();
    symlink(folder.path().join("elsewhere"), file.path()).unwrap();
    assert!(file.load().unwrap().is_none(), "a link that leads nowhere");
}

#[test]
fn a_crash_while_writing_leaves_the_keys() {
    let (folder, file) = place();
    let ring = file.create(&*entropy(1)).unwrap();
    let draft = folder.path().join("master.key.new");
    fs::write(&draft, "1 abc").unwrap();
    fs::set_permissions(&draft, fs::Permissions::from_mode(0o666)).unwrap();
    assert_eq!(file.load().unwrap(), Some(ring));
    assert_eq!(file.add(&*entropy(2)).unwrap().newest().get(), 2);
    assert_eq!(mode(file.path()), 0o600);
}
