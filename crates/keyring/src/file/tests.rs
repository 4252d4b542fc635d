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
        for (n, byte) in (0..).zip(bytes) {
            *byte = n;
        }
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
    let key = "0123456789abcdef".repeat(4);
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
fn a_file_of_another_user_is_refused() {
    for (owner, runs_as, folder, fits) in [
        (1000, 1000, 1000, true),
        (1000, 1000, 0, true),
        (0, 1000, 1000, true),
        (1001, 1000, 1000, false),
        (1001, 1000, 1001, false),
        (0, 0, 0, true),
        (1000, 0, 1000, true),
        (1001, 0, 1000, false),
        (1001, 0, 0, false),
    ] {
        assert_eq!(is_trusted(owner, runs_as, folder), fits, "{owner} {runs_as} {folder}");
    }
    let (folder, file) = place();
    file.create(&*entropy(1)).unwrap();
    // Only root can give a file away; for others the table above is all there is to see.
    if std::os::unix::fs::chown(file.path(), Some(65_534), None).is_ok() {
        let refused = file.load().unwrap_err();
        assert!(matches!(refused, Error::Unfit { .. }), "{refused}");
        assert!(refused.to_string().contains("chown"), "{refused}");
        std::os::unix::fs::chown(folder.path(), Some(65_534), None).unwrap();
        assert!(file.load().is_ok(), "a service's, in its own folder");
    }
}

/// A generator that gives nothing.
struct Broken;

impl Entropy for Broken {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

#[test]
fn a_key_that_anybody_guesses_is_refused() {
    let (_folder, file) = place();
    let good = "0123456789abcdef".repeat(4);
    for (text, number) in [
        ("0".repeat(64), Some("1")),
        ("f".repeat(64), Some("1")),
        ("ab".repeat(32), Some("1")),
        ("00112233445566".repeat(4) + "00112233", Some("1")),
        (format!("1 {}\n", "0".repeat(64)), Some("1")),
        (format!("7 {good}\n8 {}\n", "2".repeat(64)), Some("8")),
        (format!("7 {}\n8 {good}\n", "2".repeat(64)), Some("7")),
        (good.clone(), None),
    ] {
        put(&file, text.as_bytes(), 0o600);
        match (file.load(), number) {
            (Ok(_), None) => {}
            (Err(refused @ Error::Guessable { .. }), Some(number)) => {
                assert!(
                    refused.to_string().starts_with(&format!("key {number} in ")),
                    "{refused}"
                );
            }
            (other, _) => panic!("{text}: {other:?}"),
        }
        assert_eq!(fs::read(file.path()).unwrap(), text.as_bytes());
    }
    let (_folder, file) = place();
    assert!(matches!(file.create(&Broken), Err(Error::Guessable { .. })));
    assert!(file.load().unwrap().is_none(), "nothing was written");
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

/// A server that has given up its rights sets no group, and needs none for a file that is its own alone.
#[test]
fn who_may_set_no_group_writes_all_the_same() {
    let (_folder, file) = place();
    let ring = file.create(&*entropy(1)).unwrap();
    // Only root can give it to a group that it is not in.
    if std::os::unix::fs::chown(file.path(), None, Some(65_534)).is_err() {
        return;
    }
    assert_eq!(file.load().unwrap(), Some(ring));
    let path = file.path().to_owned();
    let rotated = std::thread::spawn(move || {
        let now = rustix::thread::capabilities(None).unwrap();
        let none = rustix::thread::CapabilitySets {
            effective: rustix::thread::CapabilitySet::empty(),
            ..now
        };
        rustix::thread::set_capabilities(None, none).unwrap();
        KeyFile::at(path).add(&*entropy(2)).unwrap().newest().get()
    });
    assert_eq!(rotated.join().unwrap(), 2);
    assert_eq!(mode(file.path()), 0o600);
}
