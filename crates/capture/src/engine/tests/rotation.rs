//! Several files of one capture.

use super::*;

/// What a file of several is made of.
struct Made {
    bytes: Vec<u8>,
    /// Whether its last part said that it was the last.
    is_told: bool,
}

/// Takes all parts; checks what holds for every capture of several files.
fn files(mut running: RunningCapture) -> (Vec<Made>, Outcome) {
    let mut files: Vec<Made> = Vec::new();
    let (mut parts, mut number) = (0, 0);
    while let Some(part) = running.parts.blocking_next() {
        parts += 1;
        if part.file as usize == files.len() {
            files.push(Made {
                bytes: Vec::new(),
                is_told: false,
            });
            number = 0;
        }
        number += 1;
        assert_eq!((part.file as usize, part.number), (files.len() - 1, number));
        assert!(!part.bytes.is_empty());
        let file = files.last_mut().unwrap();
        assert!(!file.is_told, "nothing comes behind the end of a file");
        file.bytes.extend_from_slice(&part.bytes);
        file.is_told = part.ends_file;
    }
    let outcome = running.handle().blocking_ended();
    let bytes: u64 = files.iter().map(|file| file.bytes.len() as u64).sum();
    assert_eq!(
        (outcome.file_bytes, outcome.parts, outcome.files as usize),
        (bytes, parts, files.len())
    );
    assert!(files.last().unwrap().is_told);
    // Each is a file by itself, and nothing is lost or written twice.
    let written: usize = files.iter().map(|file| packets(&file.bytes).len()).sum();
    assert_eq!(written as u64, outcome.packets);
    (files, outcome)
}

fn rotating(format: Format, rotation: Rotation, packets: Option<u64>) -> CaptureRequest {
    CaptureRequest {
        format,
        rotation,
        ..limited(packets, None, None)
    }
}

fn by_bytes(bytes: u64) -> Rotation {
    Rotation {
        bytes: Some(bytes),
        every: None,
    }
}

fn by_time(seconds: u64) -> Rotation {
    Rotation {
        bytes: None,
        every: Some(Duration::from_secs(seconds)),
    }
}

#[test]
fn files_end_with_the_record_that_fills_them() {
    for format in [Format::Pcap, Format::PcapNg] {
        for size in [ROTATION_BYTES_MIN, ROTATION_BYTES_MIN + 1, 200_000, 10_000_000] {
            let feed = Feed::default();
            for _ in 0..60 {
                feed.push(batch(&[(1, 1000); 20]));
            }
            let running = engine(small(), &clock())
                .start_with(&rotating(format, by_bytes(size), Some(1200)), vec![feed.source("a")])
                .unwrap();
            let (files, outcome) = files(running);
            assert_eq!((outcome.ended, outcome.packets), (EndReason::PacketLimit, 1200));
            let (last, full) = files.split_last().unwrap();
            for file in full {
                let length = file.bytes.len() as u64;
                assert!(
                    file.is_told && (size..size + 1400).contains(&length),
                    "{length} of {size}"
                );
            }
            assert!((last.bytes.len() as u64) < size + 1400);
            assert_eq!(full.is_empty(), size == 10_000_000);
        }
    }
}

#[test]
fn a_limit_at_the_end_of_a_file_leaves_no_empty_one() {
    // A file of pcap is full with so many of these, to the byte.
    let (head, record) = (24, 16);
    let packets = 64;
    let length = 1008;
    let size = head + packets * (record + length);
    for format in [Format::Pcap, Format::PcapNg] {
        for (limit, is_stopped) in [(Some(2 * packets), false), (None, true)] {
            let feed = Feed::default();
            for _ in 0..2 * packets {
                feed.push(batch(&[(1, usize::try_from(length).unwrap())]));
            }
            let running = engine(small(), &clock())
                .start_with(&rotating(format, by_bytes(size), limit), vec![feed.source("a")])
                .unwrap();
            if is_stopped {
                eventually("all", || running.handle().progress().packets == 2 * packets);
                running.handle().stop();
            }
            let (files, outcome) = files(running);
            assert_eq!(outcome.packets, 2 * packets);
            assert!(files.iter().all(|file| !super::packets(&file.bytes).is_empty()));
            if format == Format::Pcap {
                assert_eq!(
                    files.iter().map(|file| file.bytes.len() as u64).collect::<Vec<_>>(),
                    [size, size]
                );
            }
        }
    }
}

#[test]
fn the_time_ends_files_that_have_packets() {
    for format in [Format::Pcap, Format::PcapNg] {
        let (feed, clock) = (Feed::default(), clock());
        let running = engine(small(), &clock)
            .start_with(&rotating(format, by_time(10), None), vec![feed.source("a")])
            .unwrap();
        let wait_for = |packets| eventually("packets", || running.handle().progress().packets == packets);
        // Nothing comes for a long time: the first file waits for its first packet.
        clock.advance(Duration::from_secs(35));
        eventually("the reader looks round", || {
            running.parts.shared().writer.lock().turn_due() == Some(Duration::from_secs(40))
        });
        feed.push(batch(&[(1, 60)]));
        wait_for(1);
        clock.advance(Duration::from_secs(4));
        feed.push(batch(&[(1, 61)]));
        wait_for(2);
        // The time of the files goes by the start of the capture: here it is over.
        clock.advance(Duration::from_secs(1));
        eventually("the end of the first file", || running.parts.waiting() == 1);
        clock.advance(Duration::from_secs(60));
        eventually("the reader looks round", || {
            running.parts.shared().writer.lock().turn_due() == Some(Duration::from_secs(110))
        });
        feed.push(batch(&[(1, 62), (1, 63)]));
        wait_for(4);
        running.handle().stop();
        let (files, outcome) = files(running);
        assert_eq!(outcome.ended, EndReason::Stopped);
        let lengths = files
            .iter()
            .map(|file| packets(&file.bytes).iter().map(|p| p.1).collect::<Vec<_>>());
        assert_eq!(lengths.collect::<Vec<_>>(), [[60, 61], [62, 63]]);
        assert!(files[0].is_told);
    }
}

#[test]
fn a_silent_capture_has_one_empty_file() {
    let (feed, clock) = (Feed::default(), clock());
    let running = engine(small(), &clock)
        .start_with(&rotating(Format::PcapNg, by_time(1), None), vec![feed.source("a")])
        .unwrap();
    clock.advance(Duration::from_secs(100));
    running.handle().stop();
    let (files, outcome) = files(running);
    assert_eq!((files.len(), outcome.packets), (1, 0));
}

#[test]
fn several_readers_end_a_file_once() {
    let (feeds, clock): (Vec<_>, _) = ((0..3).map(|_| Feed::default()).collect(), clock());
    let sources = feeds.iter().map(|feed| feed.source("a")).collect();
    let running = engine(small(), &clock)
        .start_with(&rotating(Format::PcapNg, by_time(3), None), sources)
        .unwrap();
    for round in 1..=3u64 {
        for feed in &feeds {
            feed.push(batch(&[(1, 60); 4]));
        }
        eventually("a round", || running.handle().progress().packets == round * 12);
        clock.advance(Duration::from_secs(3));
        eventually("its file", || running.parts.waiting() as u64 == round);
    }
    running.handle().stop();
    let (files, _) = files(running);
    for file in &files {
        assert_eq!(packets(&file.bytes).len(), 12);
        // Each interface is described in each file, and its sums are at its end.
        let mut reader = Reader::new(&file.bytes[..]).unwrap();
        let mut statistics = 0;
        while let Some(item) = reader.next_item().unwrap() {
            statistics += usize::from(matches!(item, Item::Statistics(_)));
        }
        assert_eq!(statistics, 3);
    }
    assert_eq!(files.len(), 3);
}

#[test]
fn a_full_multipart_upload_is_no_end_for_a_capture_that_rotates() {
    let feed = Feed::default();
    for _ in 0..60 {
        feed.push(batch(&[(1, 1000); 20]));
    }
    let settings = Settings {
        parts_max: Some(3),
        ..small()
    };
    let request = rotating(Format::PcapNg, by_time(3600), Some(1200));
    let running = engine(settings, &clock())
        .start_with(&request, vec![feed.source("a")])
        .unwrap();
    let (files, outcome) = files(running);
    assert_eq!((outcome.ended, outcome.packets), (EndReason::PacketLimit, 1200));
    assert!(files.len() > 1);
    for file in &files[..files.len() - 1] {
        assert!(file.bytes.len() >= 3 * PART_BYTES_MIN);
    }
}

#[test]
fn too_small_files_are_refused() {
    for rotation in [
        by_bytes(ROTATION_BYTES_MIN - 1),
        by_bytes(0),
        Rotation {
            bytes: None,
            every: Some(Duration::from_millis(999)),
        },
    ] {
        let refused = engine(small(), &clock()).start_with(
            &rotating(Format::PcapNg, rotation, None),
            vec![Feed::default().source("a")],
        );
        assert!(matches!(refused, Err(EngineError::Limits(_))), "{rotation:?}");
    }
}
