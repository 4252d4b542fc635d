//! Packets that are written from where the kernel put them.

use super::*;
use crate::engine::outlet::BORROWED_MAX;
use baleen_packet::masking::Masking;
use std::io::{self, IoSlice};

/// What came to an outlet.
#[derive(Default)]
struct Told {
    files: Vec<Vec<u8>>,
    writes: usize,
    slices_max: usize,
    ends: usize,
}

/// Keeps what comes, and fails at one of the writes.
struct Keep {
    told: Arc<Mutex<Told>>,
    fails_at: Option<usize>,
}

impl Outlet for Keep {
    fn write(&mut self, file: u32, pieces: &mut [IoSlice<'_>]) -> io::Result<()> {
        let mut told = self.told.lock();
        assert_eq!(told.ends, 0);
        told.writes += 1;
        told.slices_max = told.slices_max.max(pieces.len());
        if self.fails_at.is_some_and(|at| told.writes >= at) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let number = usize::try_from(file).unwrap();
        assert!(number == told.files.len() || number + 1 == told.files.len(), "in order");
        told.files.resize(number + 1, Vec::new());
        for piece in pieces {
            told.files[number].extend_from_slice(piece);
        }
        Ok(())
    }

    fn end(self: Box<Self>) {
        self.told.lock().ends += 1;
    }
}

/// Captures what the feed has into an outlet, until the end of the capture.
fn written(request: &CaptureRequest, feed: &Feed, fails_at: Option<usize>) -> (Told, Outcome) {
    let told = Arc::new(Mutex::new(Told::default()));
    let outlet = Box::new(Keep {
        told: Arc::clone(&told),
        fails_at,
    });
    let mut running = engine(small(), &clock())
        .start_lanes(request, vec![vec![feed.source("a")]], Some(outlet))
        .unwrap();
    let outcome = running.handle().blocking_ended();
    assert!(running.parts.blocking_next().is_none());
    (std::mem::take(&mut *told.lock()), outcome)
}

/// The same through parts.
fn parted(request: &CaptureRequest, feed: &Feed) -> (Vec<Vec<u8>>, Outcome) {
    let mut running = engine(small(), &clock())
        .start_with(request, vec![feed.source("a")])
        .unwrap();
    let mut files: Vec<Vec<u8>> = Vec::new();
    while let Some(part) = running.parts.blocking_next() {
        files.resize(part.file as usize + 1, Vec::new());
        files[part.file as usize].extend_from_slice(&part.bytes);
    }
    (files, running.handle().blocking_ended())
}

/// Packets of these sizes, again and again, until there are so many.
fn feed(sizes: &[usize], packets: usize, of_batch: usize) -> Feed {
    let feed = Feed::default();
    let all: Vec<(u64, usize)> = (0..).zip(sizes.iter().copied().cycle()).take(packets).collect();
    for packets in all.chunks(of_batch) {
        feed.push(batch(packets));
    }
    feed
}

/// A process that is killed leaves what came until a second before, and who reads the file meanwhile sees it.
#[test]
fn what_came_on_a_quiet_line_is_in_the_file() {
    let (feed, clock) = (Feed::default(), clock());
    let told = Arc::new(Mutex::new(Told::default()));
    let outlet = Box::new(Keep {
        told: Arc::clone(&told),
        fails_at: None,
    });
    let settings = Settings {
        flush_after: Settings::for_files().flush_after,
        ..small()
    };
    let mut running = engine(settings, &clock)
        .start_lanes(&limited(None, None, None), vec![vec![feed.source("a")]], Some(outlet))
        .unwrap();
    for packets in 0..3 {
        if packets > 0 {
            feed.push(batch(&[(packets, 60)]));
            eventually("it is taken", || running.handle().progress().packets == packets);
        }
        clock.advance(Duration::from_secs(1));
        let in_file = || told.lock().files.first().map(|file| super::packets(file).len() as u64);
        eventually("it is in the file", || in_file() == Some(packets));
    }
    running.handle().stop();
    assert!(running.parts.blocking_next().is_none());
}

#[test]
fn files_are_those_that_parts_would_make() {
    let small_packets = [60, 61, 62, 63];
    let mixed = [60, 1514, 255, 256, 257, 9000];
    let masking = Masking {
        zero_payload: true,
        ..Masking::default()
    };
    let cases: [(&str, &[usize], usize, CaptureRequest); 9] = [
        ("small ones", &small_packets, 100, limited(Some(5000), None, None)),
        ("large ones", &[1514], 700, limited(Some(5000), None, None)),
        ("one of each", &mixed, 3, limited(Some(5000), None, None)),
        ("batches of one", &mixed, 1, limited(Some(50), None, None)),
        ("the largest", &[262_144], 4, limited(Some(20), None, None)),
        ("a byte limit", &mixed, 100, limited(None, Some(1_000_001), None)),
        (
            "cut",
            &mixed,
            100,
            CaptureRequest {
                snaplen: 300,
                ..limited(Some(5000), None, None)
            },
        ),
        (
            "masked",
            &mixed,
            100,
            CaptureRequest {
                masking,
                ..limited(Some(500), None, None)
            },
        ),
        (
            "several files",
            &mixed,
            1000,
            CaptureRequest {
                rotation: Rotation {
                    bytes: Some(100_000),
                    every: None,
                },
                ..limited(Some(5000), None, None)
            },
        ),
    ];
    for (name, sizes, of_batch, request) in cases {
        for format in [Format::Pcap, Format::PcapNg] {
            let request = CaptureRequest {
                format,
                ..request.clone()
            };
            let (told, outcome) = written(&request, &feed(sizes, 5000, of_batch), None);
            let (files, expected) = parted(&request, &feed(sizes, 5000, of_batch));
            assert_eq!(told.files.len(), files.len(), "{name}, {format:?}");
            assert!(told.files == files, "{name}, {format:?}: bytes differ");
            assert_eq!(told.ends, 1, "{name}");
            assert!(told.slices_max <= 2 * BORROWED_MAX + 1, "{name}: {}", told.slices_max);
            assert_eq!(
                (outcome.ended, outcome.packets, outcome.bytes, outcome.file_bytes),
                (expected.ended, expected.packets, expected.bytes, expected.file_bytes),
                "{name}, {format:?}"
            );
            assert_eq!(outcome.files, expected.files, "{name}");
        }
    }
}

#[test]
fn a_write_that_fails_is_the_last() {
    for fails_at in [1, 2, 5] {
        let request = limited(Some(5000), None, None);
        let (told, outcome) = written(&request, &feed(&[1514], 5000, 100), Some(fails_at));
        assert_eq!(outcome.ended, EndReason::Abandoned);
        assert_eq!(told.ends, 1);
        assert_eq!(told.writes, fails_at, "nothing comes behind what may be half a packet");
    }
}

#[test]
fn a_write_that_fails_where_a_file_turns_ends_the_capture() {
    // Small packets are written when there are many, or when their file's time is over.
    let request = CaptureRequest {
        rotation: Rotation {
            bytes: None,
            every: Some(Duration::from_secs(10)),
        },
        ..CaptureRequest::default()
    };
    let (feed, clock) = (feed(&[60], 10, 10), clock());
    let told = Arc::new(Mutex::new(Told::default()));
    let outlet = Box::new(Keep {
        told: Arc::clone(&told),
        fails_at: Some(1),
    });
    let running = engine(small(), &clock)
        .start_lanes(&request, vec![vec![feed.source("a")]], Some(outlet))
        .unwrap();
    let handle = running.handle();
    eventually("the packets are taken", || handle.progress().packets == 10);
    clock.advance(Duration::from_secs(11));
    let outcome = handle.blocking_ended();
    assert_eq!(outcome.ended, EndReason::Abandoned);
    let told = told.lock();
    assert_eq!((told.writes, told.ends), (1, 1));
}

#[test]
fn what_is_written_at_once_cannot_be_followed() {
    let feed = Feed::default();
    let outlet = Box::new(Keep {
        told: Arc::default(),
        fails_at: None,
    });
    let running = engine(small(), &clock())
        .start_lanes(&CaptureRequest::default(), vec![vec![feed.source("a")]], Some(outlet))
        .unwrap();
    assert_eq!(running.handle().follow().err(), Some(FollowError::Unable));
    running.handle().stop();
    running.handle().blocking_ended();
}
