//! Captures of the real engine, from a veth pair into a store that slows down or refuses midway. Needs root, and fails
//! without; `baleen_ring::lab` says how to leave it out.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_capture::engine::{self, Engine, Interfaces};
use baleen_capture::{
    Capture, CreateCapture, DestinationSettings, EmbeddedAgent, EmbeddedSettings, Format, SpoolSettings, Status,
};
use baleen_pcapfile::{Item, Reader};
use baleen_ring::lab::{Injector, Namespace};
use baleen_runtime::SystemClock;
use baleen_types::AccountId;
use common::s3::{Act, Call, FakeS3};
use common::{Disk, PATIENCE, World, account, request, to};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

const URI: &str = "s3://bucket/dir";
const MIB: usize = 1 << 20;

/// A frame of the traffic; jumbo, so that little of it is much.
const FRAME_BYTES: usize = 8000;

const RING_BYTES: usize = 8 * 512 * 1024;
const PART_BYTES: usize = MIB;
const BUFFERS: usize = 2;
/// The most that a capture may hold outside the ring: its buffers, each with the room beyond a part that it has.
const HELD_BYTES_MAX: usize = BUFFERS * (PART_BYTES + 512 * 1024);

/// The service over the real engine, with the store of its destinations and the other end of the captured interface.
struct Lab {
    world: World,
    store: Arc<FakeS3>,
    sender: Injector,
    sent: u32,
    me: AccountId,
}

/// Runs a test in a namespace of its own, where `rx0` is captured and `tx0` is its other end.
fn in_a_lab<F: Future<Output = ()>>(test: impl FnOnce(Lab) -> F) {
    in_a_lab_with(None, test);
}

/// The same with so much room on the disk for what its store does not take.
fn in_a_lab_with<F: Future<Output = ()>>(spool_bytes: Option<u64>, test: impl FnOnce(Lab) -> F) {
    if !Namespace::is_possible() {
        return;
    }
    let ns = Namespace::new();
    ns.veth("tx0", "rx0");
    ns.enter();
    // Made inside, so that all of its threads are.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let spool = spool_bytes.map(|bytes_max| SpoolSettings {
        folder: folder.path().join("spool"),
        bytes_max,
    });
    runtime.block_on(async { test(Lab::new(spool).await).await });
}

impl Lab {
    async fn new(spool: Option<SpoolSettings>) -> Self {
        let mut settings = engine::Settings {
            part_bytes: PART_BYTES,
            buffers: BUFFERS,
            ..engine::Settings::default()
        };
        settings.ring.blocks = 8;
        settings.ring.block_bytes = RING_BYTES / settings.ring.blocks;
        settings.ring.retire = Duration::from_millis(20);
        let agent = EmbeddedAgent::new(
            Engine::new(settings, SystemClock::new()).unwrap(),
            EmbeddedSettings {
                interfaces: Interfaces::Named(vec!["rx0".to_owned()]),
                ..EmbeddedSettings::default()
            },
        );
        let store = FakeS3::start().await;
        let destinations = DestinationSettings {
            s3: Some(store.configured()),
            ..DestinationSettings::default()
        };
        let mut disk = Disk::new();
        disk.spool = spool;
        let world = World::with_agent(disk, 2, destinations, agent);
        let me = account(1);
        let ownership = world.captures.create_ownership(me, &to(URI)).await.unwrap();
        let text = store.object(&format!("/bucket/dir/{}", ownership.file_name)).unwrap();
        let text = String::from_utf8(text.to_vec()).unwrap();
        world.captures.validate_ownership(me, &to(URI), &text).await.unwrap();
        Self {
            world,
            store,
            sender: Injector::open("tx0").unwrap(),
            sent: 0,
            me,
        }
    }

    /// Begins a capture and waits until packets are taken.
    async fn begin(&self, packets: u64) -> Capture {
        let mut asked = CreateCapture {
            format: Format::PcapNg,
            ..request(self.me, URI)
        };
        asked.limits.packets = packets;
        asked.limits.time = Duration::from_mins(5);
        let created = self.world.captures.create(asked).await.unwrap();
        self.world.until(self.me, created.id, Status::Running).await
    }

    /// Sends numbered frames. When this returns they are in the ring or lost, as veth hands over at once.
    fn send(&mut self, count: u32) {
        let mut frame = vec![0u8; FRAME_BYTES];
        frame[..14].copy_from_slice(&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5]);
        for _ in 0..count {
            frame[14..18].copy_from_slice(&self.sent.to_be_bytes());
            self.sender.send(&frame).unwrap();
            self.sent += 1;
        }
    }

    async fn get(&self, capture: &Capture) -> Capture {
        self.world.captures.get(self.me, capture.id).await.unwrap()
    }

    /// The numbers of the frames in the file of a capture, and the drops that the file tells of.
    fn file(&self, capture: &Capture) -> (Vec<u32>, u64) {
        let object = self.store.object(&format!("/bucket/{}", capture.object)).unwrap();
        let mut reader = Reader::new(&object[..]).unwrap();
        let (mut numbers, mut dropped) = (Vec::new(), 0);
        while let Some(item) = reader.next_item().unwrap() {
            match item {
                Item::Packet(packet) => {
                    assert_eq!(packet.bytes.len(), FRAME_BYTES);
                    numbers.push(u32::from_be_bytes(packet.bytes[14..18].try_into().unwrap()));
                }
                Item::Statistics(statistics) => dropped = statistics.os_dropped.unwrap(),
                Item::Interface(_) | Item::Other(_) => {}
            }
        }
        (numbers, dropped)
    }
}

/// What this process takes of memory, at its highest so far.
fn peak_memory_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

/// Traffic comes at 16 times what the store takes. A second is as long as the store needs for its megabyte, so nothing
/// here depends on how fast this machine is.
#[test]
fn a_store_that_slows_to_a_megabyte_in_a_second() {
    const SECONDS: u32 = 10;
    const FRAMES_PER_SECOND: u32 = 2000;
    const TAKEN_PER_SECOND: usize = 1_000_000;
    in_a_lab(async |mut lab| {
        let capture = lab.begin(10_000).await;
        let pace = Arc::new(Semaphore::new(0));
        lab.store.slow_down(Arc::clone(&pace));
        let memory = peak_memory_bytes();
        let mut before = capture.counts;
        for second in 1..=SECONDS {
            lab.send(FRAMES_PER_SECOND);
            pace.add_permits(TAKEN_PER_SECOND);
            let taken = async {
                while pace.available_permits() >= common::s3::PIECE_BYTES_MAX {
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(PATIENCE, taken).await.unwrap();
            let now = lab.get(&capture).await;
            assert_eq!(now.status, Status::Running);
            assert!(now.counts.packets >= before.packets && now.counts.dropped >= before.dropped);
            assert!(now.counts.packets + now.counts.dropped <= u64::from(lab.sent));
            let held_max = (TAKEN_PER_SECOND * second as usize + HELD_BYTES_MAX) as u64;
            assert!(now.counts.bytes <= held_max, "{:?} in second {second}", now.counts);
            before = now.counts;
        }
        let offered = lab.sent as usize * FRAME_BYTES;
        let grown = peak_memory_bytes() - memory;
        assert!(grown < offered / 4, "{} MiB of {} MiB", grown / MIB, offered / MIB);
        assert!(before.dropped > 0, "drops are told while the capture runs: {before:?}");

        lab.world.captures.stop(lab.me, capture.id).await.unwrap();
        pace.add_permits(Semaphore::MAX_PERMITS / 2);
        let done = lab.world.until(lab.me, capture.id, Status::Success).await;
        let counts = done.counts;
        assert_eq!(counts.packets + counts.dropped, u64::from(lab.sent), "{counts:?}");
        assert_eq!(counts.bytes, counts.packets * FRAME_BYTES as u64);
        assert!(counts.dropped > u64::from(lab.sent) / 2, "{counts:?}");
        assert_eq!(done.message, None);
        let (numbers, dropped) = lab.file(&done);
        assert_eq!((numbers.len() as u64, dropped), (counts.packets, counts.dropped));
        assert!(numbers.is_sorted_by(|a, b| a < b), "each once and in order");
        assert_eq!(lab.store.open_uploads(), 0);
    });
}

/// The store takes nothing at all. What comes is on the disk as long as there is room for it, and behind that what is lost is
/// stated. It is sent no faster than it is taken in, so nothing here depends on how fast this machine is.
#[test]
fn a_store_that_stands_still_costs_nothing_until_the_disk_is_full() {
    /// Of which half is for one account.
    const SPOOL_BYTES: u64 = 96 << 20;
    const AT_ONCE: u32 = 100;
    /// What fits for certain: all that is there but what parts have beside their packets.
    const FIT: u32 = 5500;
    in_a_lab_with(Some(SPOOL_BYTES), async |mut lab| {
        let capture = lab.begin(10_000).await;
        let pace = Arc::new(Semaphore::new(0));
        lab.store.slow_down(Arc::clone(&pace));
        while lab.sent < FIT {
            lab.send(AT_ONCE);
            let taken_in = async {
                while lab.get(&capture).await.counts.packets < u64::from(lab.sent) {
                    tokio::task::yield_now().await;
                }
            };
            let all = tokio::time::timeout(PATIENCE, taken_in).await;
            assert!(all.is_ok(), "{:?} of {}", lab.get(&capture).await.counts, lab.sent);
        }
        assert_eq!(lab.get(&capture).await.counts.dropped, 0);
        // The rest of the spool, both buffers, and the ring are too little for this.
        lab.send(4000);
        let losing = async {
            while lab.get(&capture).await.counts.dropped == 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, losing).await.unwrap();

        lab.world.captures.stop(lab.me, capture.id).await.unwrap();
        pace.add_permits(Semaphore::MAX_PERMITS / 2);
        let done = lab.world.until(lab.me, capture.id, Status::Success).await;
        let counts = done.counts;
        assert_eq!(counts.packets + counts.dropped, u64::from(lab.sent), "{counts:?}");
        assert_eq!(done.message, None);
        let (numbers, dropped) = lab.file(&done);
        assert_eq!((numbers.len() as u64, dropped), (counts.packets, counts.dropped));
        assert!(numbers.is_sorted_by(|a, b| a < b), "each once and in order");
        assert!(
            numbers[..FIT as usize].iter().copied().eq(0..FIT),
            "nothing was lost before"
        );
    });
}

#[test]
fn a_store_that_refuses_the_second_part() {
    in_a_lab(async |mut lab| {
        for (status, code, tries) in [(403, "AccessDenied", 1), (404, "NoSuchBucket", 1), (503, "SlowDown", 3)] {
            lab.store.script(move |call| match call {
                Call::Part(2) => Act::Fail(status, code),
                _ => Act::Serve,
            });
            let calls = lab.store.calls().len();
            let first = lab.sent;
            let capture = lab.begin(10_000).await;
            let failing = async {
                loop {
                    lab.send(100);
                    let now = lab.get(&capture).await;
                    if now.status.is_terminal() {
                        return now;
                    }
                    tokio::task::yield_now().await;
                }
            };
            let failed = tokio::time::timeout(PATIENCE, failing).await.unwrap();
            assert_eq!(failed.status, Status::Failed);
            let message = failed.message.as_deref().unwrap();
            assert!(
                message.starts_with("the bucket did not take the capture") && message.contains(code),
                "{message}"
            );
            let counts = failed.counts;
            assert!(
                counts.bytes >= PART_BYTES as u64 && counts.bytes == counts.packets * FRAME_BYTES as u64,
                "{counts:?}"
            );
            assert!(
                counts.packets + counts.dropped <= u64::from(lab.sent - first),
                "{counts:?}"
            );
            let calls = lab.store.calls().split_off(calls);
            assert_eq!(calls.iter().filter(|c| **c == Call::Part(2)).count(), tries, "{code}");
            assert!(!calls.contains(&Call::Part(3)) && !calls.contains(&Call::Complete));
            assert_eq!(lab.store.open_uploads(), 0);
            assert_eq!(lab.store.paths().len(), 1, "nothing but the challenge");
        }
        // The next capture finds everything as it was.
        lab.store.script(|_| Act::Serve);
        let capture = lab.begin(250).await;
        let first = lab.sent;
        lab.send(250);
        let done = lab.world.until(lab.me, capture.id, Status::Success).await;
        assert_eq!((done.counts.packets, &done.message), (250, &None));
        assert_eq!(lab.file(&done).0, (first..first + 250).collect::<Vec<_>>());
        assert!(lab.store.calls().contains(&Call::Part(2)));
    });
}
