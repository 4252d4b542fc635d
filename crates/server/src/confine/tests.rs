//! What is kept where, and what is said of places that are somebody else's.

use super::*;
use baleen_http::TrustedProxies;
use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt as _, chown};

#[test]
fn a_right_to_low_ports_is_kept_where_one_is_listened_on() {
    let listen = |s3: &str, agents: Option<&str>| Listen {
        s3: s3.parse().unwrap(),
        api: "127.0.0.1:0".parse().unwrap(),
        ops: "127.0.0.1:9002".parse().unwrap(),
        agents: agents.map(|agents| agents.parse().unwrap()),
        proxies: TrustedProxies::new(Vec::new()),
    };
    for (s3, agents, first_free, is_kept) in [
        ("127.0.0.1:9000", None, 1024, false),
        ("127.0.0.1:0", Some("127.0.0.1:1024"), 1024, false),
        ("127.0.0.1:443", None, 1024, true),
        ("127.0.0.1:443", None, 0, false),
        ("127.0.0.1:443", None, 443, false),
        ("127.0.0.1:9000", Some("[::1]:1023"), 1024, true),
    ] {
        let needs = rights_with(&listen(s3, agents), first_free);
        assert_eq!(
            needs.contains(&Right::ListenOnLowPorts),
            is_kept,
            "{s3} {agents:?} {first_free}"
        );
        assert!(needs.contains(&Right::CapturePackets));
    }
}

#[test]
fn a_capture_keeps_the_right_to_files_only_where_it_is_needed() {
    let rights = |packets, can_go_on| needs_of_capture(packets, || can_go_on).rights;
    assert_eq!(rights(true, true), [Right::CapturePackets]);
    assert_eq!(rights(false, true), []);
    assert_eq!(rights(true, false), [Right::CapturePackets, Right::UseFilesOfOthers]);
    let place = tempfile::tempdir().unwrap();
    let (own, theirs) = (place.path().join("own.pcapng"), place.path().join("theirs"));
    assert!(may_write(&own) && may_make(&own));
    std::fs::create_dir(&theirs).unwrap();
    // Only root can give it away, and only root needs the right.
    if chown(&theirs, Some(SOMEBODY), None).is_ok() && holds(Right::UseFilesOfOthers) {
        let file = theirs.join("x.pcapng");
        // A file of root's in a folder of theirs: it can be written, and none beside it made.
        let existing = theirs.join("y.pcapng");
        std::fs::write(&existing, "").unwrap();
        let seen = || [&file, &existing].map(|file| (may_write(file), may_make(file)));
        let seen = while_holding(&Needs::default(), seen).unwrap();
        assert_eq!(seen, [(false, false), (true, false)]);
    }
}

const SOMEBODY: u32 = 65_534;

/// A file of somebody else, however deep, is found before it stands in the way; what is open to all, or the file system's, does not.
#[test]
fn what_belongs_to_others_is_found() {
    let folder = |path: &Path| Place {
        what: "the data folder".to_owned(),
        path: path.to_owned(),
        used: Used::Always,
    };
    let file = |path: &Path| Place {
        used: Used::Read,
        ..folder(path)
    };
    let place = tempfile::tempdir().unwrap();
    let root = place.path().to_owned();
    std::fs::create_dir_all(root.join("meta/one/two")).unwrap();
    std::fs::create_dir(root.join("lost+found")).unwrap();
    for name in ["key", "open", "meta/one/journal", "meta/one/two/deep"] {
        std::fs::write(root.join(name), "").unwrap();
        std::fs::set_permissions(root.join(name), Permissions::from_mode(0o600)).unwrap();
    }
    std::fs::set_permissions(root.join("open"), Permissions::from_mode(0o666)).unwrap();
    std::fs::set_permissions(root.join("lost+found"), Permissions::from_mode(0o700)).unwrap();
    let found = |place: &Place| while_holding(&Needs::default(), || unusable(place)).unwrap();
    assert_eq!((found(&folder(&root)), found(&file(&root.join("key")))), (None, None));
    assert_eq!(found(&folder(&root.join("not/there"))), None);
    if !holds(Right::UseFilesOfOthers) {
        return;
    }
    let give = |name: &str, to: u32| chown(root.join(name), Some(to), Some(to)).unwrap();
    for harmless in ["open", "lost+found", "meta/one/two/deep"] {
        give(harmless, SOMEBODY);
        assert_eq!(found(&folder(&root)), None, "{harmless}");
    }
    for theirs in ["meta/one/journal", "key", "meta"] {
        give(theirs, SOMEBODY);
        if theirs == "meta" {
            std::fs::set_permissions(root.join("meta"), Permissions::from_mode(0o700)).unwrap();
        }
        assert_eq!(found(&folder(&root)), Some((root.join(theirs), SOMEBODY)), "{theirs}");
        give(theirs, 0);
    }
    give("key", SOMEBODY);
    assert_eq!(found(&file(&root.join("key"))), Some((root.join("key"), SOMEBODY)));
    // Who it goes on as owns what is made for them, and sees all of it as that user.
    let user = User::named(&format!("{SOMEBODY}:{SOMEBODY}")).unwrap();
    let (made, kept) = (root.join("new/data"), root.join("key"));
    make(&made, Some(&user)).unwrap();
    make(&kept, Some(&user)).unwrap();
    std::fs::set_permissions(&root, Permissions::from_mode(0o755)).unwrap();
    let as_user = Needs {
        rights: Vec::new(),
        user: Some(user),
    };
    let seen = |place: &Place| while_holding(&as_user, || unusable(place)).unwrap();
    assert_eq!((seen(&folder(&made)), seen(&file(&kept))), (None, None));
    assert_eq!(seen(&folder(&root)), Some((root.clone(), 0)));
}

/// What to run is told as it is to be run.
#[test]
fn advice_can_be_typed() {
    for (who, command) in [
        // Of no folder that is there.
        ("root", "(chown -R root: /srv/data)"),
        ("baleen", "chown -R baleen: /srv/data"),
        ("1000:100", "chown -R 1000:100 /srv/data"),
    ] {
        let advice = advice_on(Path::new("/srv/data"), who);
        assert!(advice.ends_with(command), "{advice}");
    }
}

#[test]
fn users_are_told_from_nobody() {
    for (name, words) in [
        ("root", "leave it out"),
        ("nobody-of-this-name", "useradd --system --no-create-home nobody"),
        ("0", "0 is root: name it so"),
        ("4294967294", "as in 1000:1000"),
    ] {
        let refused = needs_of_agent(Some(name)).unwrap_err();
        assert!(refused.to_string().contains(words), "{refused}");
    }
    assert_eq!(needs_of_agent(None).unwrap().user, None);
}
