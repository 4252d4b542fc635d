//! A thread that has given up everything, and what it then can and cannot do. What a thread gives up is its own and its children's, so
//! the tests stay as they are around it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use baleen_confine::{Calls, Error, Needs, Right, User, enter, enter_thread, holds, while_holding};
use baleen_filter::Filter;
use baleen_ring::{Ring, Settings, Wake, find_interface};
use rustix::process::{Gid, Signal, Uid, getpid, kill_process, test_kill_process};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_thread_res_gid, set_thread_res_uid,
};
use std::fs::{File, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::process::Command;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// A user that is not the one of the tests.
const SOMEBODY: u32 = 65_534;

/// Runs `check` in a thread that has what it `needs` and no more.
fn confined(needs: &'static [Right], check: impl FnOnce() + Send + 'static) {
    confined_as(&Needs::from(needs), check);
}

/// The same of what may be another user.
fn confined_as(needs: &Needs, check: impl FnOnce() + Send + 'static) {
    let needs = needs.clone();
    let thread = std::thread::spawn(move || {
        let confined = enter_thread(&needs).unwrap();
        assert_eq!(confined.calls, Calls::Listed);
        check();
    });
    thread.join().unwrap();
}

/// A line of what the kernel says of this thread.
fn status(name: &str) -> String {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().to_owned()
}

#[test]
fn nothing_is_left_but_what_is_needed() {
    let is_root = holds(Right::UseFilesOfOthers);
    for (needs, left) in [(&[][..], 0_u64), (&[Right::CapturePackets][..], 1 << 13)] {
        let left = if is_root { left } else { 0 };
        confined(needs, move || {
            for set in ["CapPrm:", "CapEff:"] {
                assert_eq!(u64::from_str_radix(&status(set), 16).unwrap(), left, "{set}");
            }
            for set in ["CapInh:", "CapAmb:"] {
                assert_eq!(u64::from_str_radix(&status(set), 16).unwrap(), 0, "{set}");
            }
            if is_root {
                assert_eq!(u64::from_str_radix(&status("CapBnd:"), 16).unwrap(), 0);
            }
            assert_eq!(
                (status("NoNewPrivs:"), status("Seccomp:")),
                ("1".to_owned(), "2".to_owned())
            );
            // Threads that it makes have no more.
            let child = std::thread::spawn(|| (status("CapPrm:"), status("Seccomp:"), status("NoNewPrivs:")));
            let (rights, calls, programs) = child.join().unwrap();
            assert_eq!(u64::from_str_radix(&rights, 16).unwrap(), left);
            assert_eq!((calls.as_str(), programs.as_str()), ("2", "1"));
        });
    }
    assert_eq!(status("NoNewPrivs:"), "0");
}

#[test]
fn who_takes_the_process_over_gets_no_further() {
    let place = tempfile::tempdir().unwrap();
    let (secret, inside) = (place.path().join("secret"), place.path().to_owned());
    std::fs::write(&secret, "of somebody else").unwrap();
    std::fs::set_permissions(&secret, Permissions::from_mode(0o600)).unwrap();
    let is_others = chown(&secret, Some(SOMEBODY), None).is_ok();
    confined(&[Right::CapturePackets], move || {
        let refused = |what: &str, done: std::io::Result<()>| {
            let error = done.expect_err(what);
            assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{what}: {error}");
        };
        refused("a program", Command::new("/bin/true").status().map(drop));
        refused("a link", symlink("/etc/passwd", inside.join("link")));
        refused("another root", std::os::unix::fs::chroot(&inside));
        refused("a signal", test_kill_process(getpid()).map_err(Into::into));
        refused("memory without a name", {
            let made = rustix::fs::memfd_create("program", rustix::fs::MemfdFlags::empty());
            made.map(drop).map_err(Into::into)
        });
        refused("rights again", {
            let now = capabilities(None).unwrap();
            let more = rustix::thread::CapabilitySets {
                permitted: now.permitted | CapabilitySet::SYS_ADMIN,
                ..now
            };
            rustix::thread::set_capabilities(None, more).map_err(Into::into)
        });
        if is_others {
            refused("a file of another user", File::open(&secret).map(drop));
            refused("its owner changed", chown(&secret, Some(0), None));
        }
        refused("a file that runs as its owner", {
            let made = inside.join("made");
            std::fs::write(&made, "").unwrap();
            std::fs::set_permissions(&made, Permissions::from_mode(0o4755))
        });
        refused("another process made slower", {
            // As it is; what is refused is to say so.
            let init = rustix::process::Pid::INIT;
            rustix::process::setpriority_process(Some(init), 0).map_err(Into::into)
        });
        assert!(enter_thread(&Needs::from(&[Right::UseFilesOfOthers][..])).is_err());
    });
}

#[test]
fn what_a_server_does_goes_on() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().to_owned();
    // Somebody outside, who may send signals.
    let (listens, listening) = std::sync::mpsc::channel();
    let outside = std::thread::spawn(move || {
        listening.recv().unwrap();
        kill_process(getpid(), Signal::HUP).unwrap();
    });
    confined(&[Right::CapturePackets], move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async move {
            let mut hangups = signal(SignalKind::hangup()).unwrap();
            listens.send(()).unwrap();
            hangups.recv().await.unwrap();
            let listener = tokio::net::TcpListener::bind("localhost:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let asked = tokio::spawn(tokio::net::TcpStream::connect(address));
            listener.accept().await.unwrap();
            asked.await.unwrap().unwrap();
            let file = tokio::task::spawn_blocking(move || {
                let draft = folder.join("draft");
                let mut file = File::create(&draft)?;
                file.write_all(b"kept")?;
                rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, 1 << 16)?;
                file.sync_all()?;
                file.sync_data()?;
                rustix::fs::syncfs(&file)?;
                file.try_lock().unwrap();
                std::fs::set_permissions(&draft, Permissions::from_mode(0o600))?;
                std::fs::create_dir_all(folder.join("a/b"))?;
                std::fs::rename(&draft, folder.join("a/b/kept"))?;
                std::fs::copy(folder.join("a/b/kept"), folder.join("copy"))?;
                std::fs::remove_dir_all(folder.join("a"))
            });
            file.await.unwrap().unwrap();
        });
        drop(runtime);
        assert!(("localhost", 80).to_socket_addrs().unwrap().count() > 0);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        client.write_all(b"hello").unwrap();
        let mut heard = [0; 5];
        server.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"hello");
    });
    outside.join().unwrap();
}

#[test]
fn packets_are_captured_also_when_the_right_is_all_there_is() {
    if !holds(Right::CapturePackets) {
        return;
    }
    confined(&[Right::CapturePackets], || {
        let lo = find_interface("lo").unwrap();
        let settings = Settings {
            blocks: 4,
            promiscuous: true,
            ..Settings::default()
        };
        let filter = Filter::expression("udp").unwrap().compile(lo.link_type()).unwrap();
        let mut ring = Ring::open(&lo, &settings, filter.instructions()).unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = socket.local_addr().unwrap();
        for _ in 0..100 {
            socket.send_to(b"seen", to).unwrap();
            if ring.wait(Duration::from_millis(100)).unwrap() == Wake::Ready
                && let Some(block) = ring.next_block().unwrap()
                && block.packets().count() > 0
            {
                return;
            }
        }
        panic!("nothing was captured");
    });
    confined(&[], || {
        let lo = find_interface("lo").unwrap();
        let filter = Filter::All.compile(lo.link_type()).unwrap();
        let refused = Ring::open(&lo, &Settings::default(), filter.instructions()).unwrap_err();
        assert!(matches!(refused, baleen_ring::Error::NotPermitted), "{refused}");
    });
}

#[test]
fn rights_that_rest_come_back() {
    let before = capabilities(None).unwrap();
    let needs = Needs::from(&[Right::CapturePackets][..]);
    let rested = while_holding(&needs, || capabilities(None).unwrap()).unwrap();
    let left = CapabilitySet::NET_RAW & before.permitted;
    assert_eq!((rested.effective, rested.permitted), (left, before.permitted));
    assert_eq!(capabilities(None).unwrap(), before);
    let panicked = std::panic::catch_unwind(|| while_holding(&needs, || panic!("it looks wrong")));
    assert!(panicked.is_err());
    assert_eq!(capabilities(None).unwrap(), before);
}

fn somebody() -> User {
    User::named(&format!("{SOMEBODY}:{SOMEBODY}")).unwrap()
}

/// Root without rights still owns the system. Another user owns nothing of it, and captures all the same.
#[test]
fn who_was_root_goes_on_as_another_user() {
    if !holds(Right::UseFilesOfOthers) {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let (roots, own) = (place.path().join("roots"), place.path().join("own"));
    std::fs::write(&roots, "of root").unwrap();
    std::fs::set_permissions(&roots, Permissions::from_mode(0o600)).unwrap();
    std::fs::create_dir(&own).unwrap();
    chown(&own, Some(SOMEBODY), Some(SOMEBODY)).unwrap();
    std::fs::set_permissions(place.path(), Permissions::from_mode(0o755)).unwrap();
    let needs = Needs {
        rights: vec![Right::CapturePackets],
        user: Some(somebody()),
    };
    confined_as(&needs, move || {
        let ids = format!("{SOMEBODY}\t{SOMEBODY}\t{SOMEBODY}\t{SOMEBODY}");
        assert_eq!((status("Uid:"), status("Gid:")), (ids.clone(), ids));
        assert_eq!(status("Groups:"), SOMEBODY.to_string());
        for set in ["CapPrm:", "CapEff:"] {
            assert_eq!(u64::from_str_radix(&status(set), 16).unwrap(), 1 << 13, "{set}");
        }
        assert_eq!(u64::from_str_radix(&status("CapBnd:"), 16).unwrap(), 0);
        for path in [
            roots.as_path(),
            "/proc/sys/kernel/core_pattern".as_ref(),
            "/proc/self/mem".as_ref(),
        ] {
            let opened = File::options().write(true).open(path);
            assert_eq!(
                opened.unwrap_err().kind(),
                ErrorKind::PermissionDenied,
                "{}",
                path.display()
            );
        }
        std::fs::write(own.join("kept"), "x").unwrap();
        let lo = find_interface("lo").unwrap();
        let filter = Filter::All.compile(lo.link_type()).unwrap();
        Ring::open(&lo, &Settings::default(), filter.instructions()).unwrap();
    });
    // Nothing of it is seen here, nor is anything left of having looked as that user.
    let before = capabilities(None).unwrap();
    let looked = while_holding(&needs, || (status("Uid:"), status("CapEff:"))).unwrap();
    assert_eq!(looked.0.split('\t').nth(1), Some(SOMEBODY.to_string().as_str()));
    assert_eq!(u64::from_str_radix(&looked.1, 16).unwrap(), 1 << 13);
    assert_eq!(
        (status("Uid:"), capabilities(None).unwrap()),
        ("0\t0\t0\t0".to_owned(), before)
    );
}

/// Who may change its groups and not its user does not look, and has its groups back.
#[test]
fn who_cannot_look_as_another_stays_who_it_was() {
    let before = capabilities(None).unwrap();
    if !before.effective.contains(CapabilitySet::SETUID | CapabilitySet::SETGID) {
        return;
    }
    let less = CapabilitySets {
        effective: before.effective - CapabilitySet::SETUID,
        ..before
    };
    let needs = Needs {
        rights: Vec::new(),
        user: Some(somebody()),
    };
    let tried = std::thread::spawn(move || {
        let who = || (status("Uid:"), status("Gid:"), status("Groups:"));
        set_capabilities(None, less).unwrap();
        let before = who();
        let refused = while_holding(&needs, || ()).unwrap_err();
        assert!(matches!(refused, Error::User { .. }), "{refused}");
        assert_eq!((who(), capabilities(None).unwrap()), (before, less));
    });
    tried.join().unwrap();
}

/// Who is that user already, and was root, cannot be root again.
#[test]
fn who_was_root_before_is_not_again() {
    if !holds(Right::UseFilesOfOthers) {
        return;
    }
    let needs = Needs {
        rights: Vec::new(),
        user: Some(somebody()),
    };
    let tried = std::thread::spawn(move || {
        let (root, id) = (Uid::ROOT, Uid::from_raw(SOMEBODY));
        let (roots, group) = (Gid::ROOT, Gid::from_raw(SOMEBODY));
        set_thread_res_gid(roots, group, roots).unwrap();
        set_thread_res_uid(root, id, root).unwrap();
        enter_thread(&needs).unwrap();
        let ids = format!("{SOMEBODY}\t{SOMEBODY}\t{SOMEBODY}\t{SOMEBODY}");
        assert_eq!((status("Uid:"), status("Gid:")), (ids.clone(), ids));
    });
    tried.join().unwrap();
}

#[test]
fn what_other_threads_would_keep_is_not_given_up() {
    let (done, wait) = std::sync::mpsc::channel::<()>();
    let other = std::thread::spawn(move || wait.recv());
    assert!(matches!(enter(&Needs::default()), Err(Error::Threads(2..))));
    drop(done);
    let _ = other.join();
    assert_eq!(status("NoNewPrivs:"), "0");
}
