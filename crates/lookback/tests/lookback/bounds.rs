//! Bytes, ages, clocks, a full disk, two openers.

use crate::lab::{Lab, Packet, SECOND, START, all, ask, at, frame, record, seen, segments_in, small, within};
use baleen_filter::Filter;
use baleen_lookback::{Error, INTERFACES_MAX, Settings};
use baleen_types::LinkType;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// A packet that packs badly.
fn noise(n: u64) -> Packet {
    let mut bytes = frame(17, (n as u32, 9), (7, 9), 0);
    bytes.extend((0..12u64).flat_map(|word| (n * 13 + word).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes()));
    Packet::new(START + n * SECOND / 1000, bytes)
}

fn taken(folder: &Path) -> u64 {
    let files = segments_in(folder).into_iter();
    files
        .map(|name| std::fs::metadata(folder.join(name)).map_or(0, |found| found.len()))
        .sum()
}

#[test]
fn the_folder_never_takes_more_than_it_may_and_the_oldest_go() {
    let lab = Lab::new(small());
    let ring = lab.open();
    let mut recorder = record(&ring);
    let mut count = 0;
    for n in 0..20_000 {
        noise(n).append(&mut recorder);
        count += 1;
        if n % 40 == 0 {
            recorder.flush();
            let bytes = taken(lab.dir.path());
            assert!(
                bytes <= lab.settings.bytes && ring.stats().bytes <= lab.settings.bytes,
                "{bytes}"
            );
        }
    }
    recorder.flush();
    let sample = ask(&ring, &all(100_000));
    let found = sample.packets.len();
    assert!(found > 1500 && found < 10_000, "{found}");
    assert_eq!((sample.damaged, ring.stats().left_out), (0, 0));
    let first = sample.packets[0].stamp.as_nanos().cast_unsigned();
    assert_eq!(
        first,
        noise(count - found as u64).stamp,
        "the newest are there without a gap"
    );
    assert_eq!(ring.stats().span.unwrap().0, sample.packets[0].stamp);
    // A smaller bound holds from the first packet on.
    drop((recorder, ring));
    let mut lab = lab;
    lab.settings.bytes = 720 << 10;
    let ring = lab.open();
    let mut recorder = record(&ring);
    noise(count).append(&mut recorder);
    recorder.flush();
    assert!(taken(lab.dir.path()) <= 720 << 10);
}

#[test]
fn what_is_too_old_is_not_told_and_soon_gone() {
    let lab = Lab::new(Settings {
        age: Duration::from_secs(2400),
        bytes: 4 << 20,
        ..small()
    });
    let ring = lab.open();
    let mut recorder = record(&ring);
    for minute in 0..120u64 {
        for second in 0..60 {
            let n = minute * 60 + second;
            Packet::new(lab.now(), noise(n).bytes).append(&mut recorder);
            lab.advance(1);
            if n % 20 == 0 {
                recorder.flush();
            }
        }
        recorder.tick();
        recorder.flush();
        let sample = ask(&ring, &all(100_000));
        let expected = (minute * 60 + 60).min(2400);
        assert_eq!(sample.packets.len() as u64, expected, "{minute}");
        let oldest = ring.stats().span.unwrap().0;
        let kept = (lab.now() - oldest.as_nanos().cast_unsigned()) / SECOND;
        assert!(kept <= 2400 + 100 + 120, "{kept} s at {minute}");
    }
    // No packets: time alone has them deleted.
    for _ in 0..50 {
        lab.advance(60);
        recorder.tick();
        recorder.flush();
    }
    drop(recorder);
    assert_eq!(taken(lab.dir.path()), 0);
}

#[test]
fn a_clock_that_is_set_back_loses_nothing_and_keeps_nothing_for_ever() {
    let lab = Lab::new(small());
    let ring = lab.open();
    let mut recorder = record(&ring);
    let day = 24 * 3600 * SECOND;
    let stamps = [0, 10, 20, day, day + 1, 5, 15].map(|ahead| START + ahead);
    for stamp in stamps {
        lab.clock.set(at(stamp));
        Packet::new(stamp, noise(stamp % 97).bytes).append(&mut recorder);
        recorder.tick();
    }
    let mut sorted = stamps.to_vec();
    sorted.sort_unstable();
    let found: Vec<_> = seen(&ask(&ring, &all(100)))
        .into_iter()
        .map(|(stamp, _)| stamp)
        .collect();
    assert_eq!(found, sorted);
    let window = within(START + 5..START + 16, Filter::All);
    assert_eq!(ask(&ring, &window).packets.len(), 3);
    // Back by an hour and more: the next ones are found, and the last chunk too.
    lab.clock.set(at(START - 3600 * SECOND));
    Packet::new(lab.now(), noise(1).bytes).append(&mut recorder);
    assert_eq!(ask(&ring, &all(100)).packets.len(), 8);
    drop((recorder, ring));
    // What is stamped in the future would never be too old by its stamps.
    let ring = lab.open();
    assert_eq!(ring.stats().segments, 1);
    let mut recorder = record(&ring);
    lab.clock.advance(Duration::from_secs(24 * 3600 + 1));
    lab.clock.set(at(START - day));
    recorder.tick();
    recorder.flush();
    drop(recorder);
    assert_eq!(ring.stats().segments, 0);
}

#[test]
fn the_cut_off_and_the_sampling_are_counted() {
    let lab = Lab::new(Settings {
        flow_bytes: Some(1000),
        ..small()
    });
    let ring = lab.open();
    let mut recorder = record(&ring);
    let heavy = frame(6, (1, 1), (2, 2), 93);
    for n in 0..100u64 {
        Packet::new(START + n, heavy.clone()).append(&mut recorder);
        noise(n).append(&mut recorder);
        if n % 20 == 0 {
            recorder.flush();
        }
    }
    recorder.flush();
    // 154 bytes on the wire each: the seventh one passes a thousand.
    let sample = ask(&ring, &all(1000));
    assert_eq!(
        sample.packets.iter().filter(|found| *found.bytes == heavy[..]).count(),
        7
    );
    assert_eq!(sample.packets.len(), 107);
    noise(200).append(&mut recorder);
    recorder.flush();
    noise(201).append(&mut recorder);
    assert_eq!((ring.stats().cut, ring.stats().packets), (93, 109));

    let lab = Lab::new(Settings { one_in: 4, ..small() });
    let ring = lab.open();
    let mut recorder = record(&ring);
    for n in 0..4000 {
        noise(n % 400).append(&mut recorder);
        if n % 40 == 0 {
            recorder.flush();
        }
    }
    recorder.flush();
    // Whole conversations.
    let found = ask(&ring, &all(10_000)).packets.len();
    assert!(found.is_multiple_of(10) && (600..1400).contains(&found), "{found}");
}

#[test]
fn one_process_has_it_open_and_one_recorder_writes() {
    let lab = Lab::new(small());
    let ring = lab.open();
    let again = lab.try_open(lab.dir.path(), None).err().unwrap();
    assert!(matches!(again, Error::InUse(_)), "{again}");
    let recorder = record(&ring);
    assert!(matches!(ring.record().err().unwrap(), Error::InUse(_)));
    drop(recorder);
    drop(record(&ring.clone()));
    drop(ring);
    drop(lab.open());
    assert!(lab.segments().is_empty(), "who records nothing writes nothing");
}

#[test]
fn interfaces_are_bounded_and_a_strange_one_is_left_out() {
    let lab = Lab::new(small());
    let ring = lab.open();
    let mut recorder = ring.record().unwrap();
    let long = "ü".repeat(90);
    for n in 0..INTERFACES_MAX as u32 {
        assert_eq!(
            recorder.interface(&format!("{n}{long}"), LinkType::ETHERNET).unwrap(),
            n
        );
        assert_eq!(
            recorder.interface(&format!("{n}{long}"), LinkType::ETHERNET).unwrap(),
            n
        );
    }
    assert!(recorder.interface("one more", LinkType::ETHERNET).is_err());
    for n in 0..300 {
        Packet {
            interface: n * 3,
            ..noise(u64::from(n))
        }
        .append(&mut recorder);
        recorder.flush();
    }
    Packet {
        interface: 5000,
        ..noise(1)
    }
    .append(&mut recorder);
    let sample = ask(&ring, &all(1000));
    assert_eq!((sample.packets.len(), sample.interfaces.len()), (300, 300));
    assert!(sample.interfaces.iter().all(|interface| interface.name.len() <= 64));
    assert_eq!(ring.stats().left_out, 1);
}

const INSIDE: &str = "BALEEN_TEST_LOOKBACK_DISK";

/// Runs `test` of this binary again with a folder that is a tmpfs of a mebibyte and a half; user namespaces are enough.
fn on_a_small_disk(test: &str) {
    let folder = tempfile::tempdir().unwrap();
    let script = r#"mount -t tmpfs -o size=1536k tmpfs "$1" && exec "$2" --exact "$3" --nocapture"#;
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"])
        .arg(folder.path())
        .arg(std::env::current_exe().unwrap())
        .arg(test)
        .env(INSIDE, folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
fn a_full_disk_stops_the_recording_and_room_lets_it_go_on() {
    let Some(folder) = std::env::var_os(INSIDE) else {
        return on_a_small_disk("bounds::a_full_disk_stops_the_recording_and_room_lets_it_go_on");
    };
    let folder = Path::new(&folder);
    let lab = Lab::new(Settings {
        bytes: 64 << 20,
        ..small()
    });
    let ring = lab.open_in(folder);
    let mut recorder = record(&ring);
    let mut n = 0;
    while ring.stats().trouble.is_none() {
        noise(n).append(&mut recorder);
        n += 1;
        if n % 40 == 0 {
            recorder.flush();
        }
        assert!(n < 100_000, "a disk of 1.5 MiB was never full");
    }
    recorder.flush();
    let stats = ring.stats();
    assert!(stats.left_out > 0 && stats.trouble.unwrap().contains("full"));
    assert_eq!(stats.packets + stats.left_out, n);
    let before = ask(&ring, &all(100_000));
    assert_eq!((before.packets.len() as u64, before.damaged), (stats.packets, 0));
    // Still full, and not tried again at once.
    noise(n).append(&mut recorder);
    recorder.flush();
    assert_eq!(ring.stats().left_out, stats.left_out + 1);
    // Room, and half a minute later: the next block goes to the disk, in a new segment, and says what was lost.
    let oldest = segments_in(folder).remove(0);
    std::fs::remove_file(folder.join(oldest)).unwrap();
    lab.advance(31);
    for more in 0..2000 {
        noise(n + 1 + more).append(&mut recorder);
        if more % 40 == 0 {
            recorder.flush();
        }
        if ring.stats().trouble.is_none() {
            break;
        }
    }
    recorder.flush();
    noise(n + 9999).append(&mut recorder);
    recorder.flush();
    assert_eq!(ring.stats().trouble, None);
    let sample = ask(&ring, &all(100_000));
    assert!(sample.left_out > 0);
    assert_eq!(
        sample.damaged, 0,
        "a segment that somebody deleted is gone, not damaged"
    );
}
