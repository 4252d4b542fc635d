//! The engine over a source that is made up: no kernel, no time that passes by itself.

mod follow;
mod outlet;
mod rotation;

use super::*;
use baleen_filter::{End, FiveTuple};
use baleen_pcapfile::{Item, Reader};
use baleen_ring::{LinkAddress, Packet};
use baleen_runtime::{Clock, ManualClock};
use baleen_types::{LinkType, Timestamp};
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

const START: i64 = 1_700_000_000;

/// One batch: (stamp in nanoseconds after the start, length) of each packet, and the sums of drops when it is read.
#[derive(Clone, Debug, Default)]
struct Script {
    packets: Vec<(u64, usize)>,
    dropped_by_then: u64,
}

#[derive(Default)]
struct State {
    batches: VecDeque<Script>,
    sequence: u64,
    accepted: u64,
    dropped: u64,
    is_detached: bool,
    is_gone: bool,
    /// Delivered only after detaching, as the last block of a ring.
    late: VecDeque<Script>,
    panics: bool,
    /// Called when the last batch is fetched.
    at_last: Option<Box<dyn FnOnce() + Send>>,
}

/// The far end of a made-up source.
#[derive(Clone, Default)]
struct Feed(Arc<(Mutex<State>, Condvar)>);

impl Feed {
    fn push(&self, script: Script) {
        self.change(|state| {
            state.accepted += script.packets.len() as u64;
            state.batches.push_back(script);
        });
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.0.lock());
        self.0.1.notify_all();
    }

    fn detach(&self) {
        self.change(|state| {
            state.is_detached = true;
            let late = std::mem::take(&mut state.late);
            state.accepted += late.iter().map(|script| script.packets.len() as u64).sum::<u64>();
            state.batches.extend(late);
        });
    }

    fn counters(&self) -> Counters {
        let state = self.0.0.lock();
        Counters {
            accepted: state.accepted + state.dropped,
            dropped: state.dropped,
        }
    }

    fn source(&self, name: &str) -> Made {
        Made {
            feed: self.clone(),
            bytes: vec![0x55; 300_000],
            description: Description {
                name: name.to_owned(),
                link: LinkType::ETHERNET,
                mac: None,
                latency: Duration::from_millis(20),
                batches: 2,
            },
        }
    }
}

struct Made {
    feed: Feed,
    bytes: Vec<u8>,
    description: Description,
}

struct MadeBatch<'a> {
    feed: Feed,
    script: Script,
    sequence: u64,
    bytes: &'a [u8],
}

impl Batch for MadeBatch<'_> {
    fn sequence(&self) -> u64 {
        self.sequence
    }

    fn packets(&self) -> impl Iterator<Item = Packet<'_>> {
        self.script.packets.iter().map(|(stamp, length)| {
            let nanos = u64::try_from(START).unwrap() * 1_000_000_000 + stamp;
            Packet {
                seconds: u32::try_from(nanos / 1_000_000_000).unwrap(),
                nanoseconds: u32::try_from(nanos % 1_000_000_000).unwrap(),
                original_length: u32::try_from(*length).unwrap(),
                bytes: &self.bytes[..*length],
                vlan: None,
                link: LinkAddress {
                    protocol: 0x0800,
                    interface: 1,
                    hardware: 1,
                    packet_type: 0,
                    address_length: 0,
                    address: [0; 8],
                },
            }
        })
    }

    fn detach(&self) -> Result<(), baleen_ring::Error> {
        self.feed.detach();
        Ok(())
    }

    fn counters(&self) -> Result<Counters, baleen_ring::Error> {
        Ok(self.feed.counters())
    }
}

impl Source for Made {
    type Batch<'a> = MadeBatch<'a>;

    fn description(&self) -> &Description {
        &self.description
    }

    fn waker(&self) -> Arc<dyn Fn() + Send + Sync> {
        let feed = self.feed.clone();
        Arc::new(move || feed.change(|_| {}))
    }

    fn wait(&mut self, _: Duration) -> Result<Wake, baleen_ring::Error> {
        let mut state = self.feed.0.0.lock();
        assert!(!state.panics, "as asked for");
        if state.batches.is_empty() && !state.is_gone {
            // The clock is moved by the test, which cannot wake this; so it looks again soon.
            self.feed.0.1.wait_for(&mut state, Duration::from_millis(2));
        }
        Ok(if state.is_gone && state.batches.is_empty() {
            Wake::Gone
        } else {
            Wake::Look
        })
    }

    fn next_batch(&mut self) -> Result<Option<MadeBatch<'_>>, baleen_ring::Error> {
        let mut state = self.feed.0.0.lock();
        let Some(script) = state.batches.pop_front() else {
            return Ok(None);
        };
        if state.batches.is_empty()
            && let Some(call) = state.at_last.take()
        {
            call();
        }
        state.sequence += 1;
        state.dropped = state.dropped.max(script.dropped_by_then);
        Ok(Some(MadeBatch {
            feed: self.feed.clone(),
            script,
            sequence: state.sequence,
            bytes: &self.bytes,
        }))
    }

    fn detach(&mut self) -> Result<(), baleen_ring::Error> {
        self.feed.detach();
        Ok(())
    }

    fn counters(&self) -> Result<Counters, baleen_ring::Error> {
        Ok(self.feed.counters())
    }

    fn link(&self) -> Link {
        Arc::new(|| None)
    }
}

fn clock() -> Arc<ManualClock> {
    ManualClock::new(Timestamp::from_secs(START))
}

fn engine(settings: Settings, clock: &Arc<ManualClock>) -> Engine {
    Engine::new(settings, Arc::clone(clock) as Arc<dyn Clock>).unwrap()
}

fn small() -> Settings {
    Settings {
        part_bytes: PART_BYTES_MIN,
        buffers: 4,
        parts_max: None,
        ..Settings::default()
    }
}

fn limited(packets: Option<u64>, bytes: Option<u64>, duration: Option<Duration>) -> CaptureRequest {
    CaptureRequest {
        limits: Limits {
            packets,
            bytes,
            duration,
        },
        ..CaptureRequest::default()
    }
}

fn batch(packets: &[(u64, usize)]) -> Script {
    Script {
        packets: packets.to_vec(),
        dropped_by_then: 0,
    }
}

/// Takes all parts and the outcome; checks what holds for every file.
fn finish(mut running: RunningCapture) -> (Vec<u8>, Outcome) {
    let mut file = Vec::new();
    let mut number = 0;
    while let Some(part) = running.parts.blocking_next() {
        number += 1;
        assert_eq!(part.number, number);
        assert!(!part.bytes.is_empty());
        file.extend_from_slice(&part.bytes);
    }
    let outcome = running.handle().blocking_ended();
    assert_eq!((outcome.file_bytes, outcome.parts), (file.len() as u64, number));
    let progress = running.handle().progress();
    assert_eq!(
        (progress.packets, progress.bytes, progress.file_bytes),
        (outcome.packets, outcome.bytes, outcome.file_bytes)
    );
    (file, outcome)
}

/// (interface, captured length, dropped before) of each packet.
fn packets(file: &[u8]) -> Vec<(u32, usize, u64)> {
    let mut reader = Reader::new(file).unwrap();
    let mut found = Vec::new();
    while let Some(item) = reader.next_item().unwrap() {
        if let Item::Packet(packet) = item {
            found.push((packet.interface, packet.bytes.len(), packet.dropped));
        }
    }
    assert!(!reader.is_cut());
    found
}

/// Waits for something that another thread does soon.
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn the_packet_limit_is_exact() {
    for (limit, batches) in [(1, 3), (7, 3), (9, 3), (10, 4)] {
        for format in [Format::Pcap, Format::PcapNg] {
            let feed = Feed::default();
            for _ in 0..batches {
                feed.push(batch(&[(1, 60), (2, 61), (3, 62)]));
            }
            let request = CaptureRequest {
                format,
                ..limited(Some(limit), None, None)
            };
            let running = engine(small(), &clock())
                .start_with(&request, vec![feed.source("a")])
                .unwrap();
            let (file, outcome) = finish(running);
            assert_eq!((outcome.ended, outcome.packets), (EndReason::PacketLimit, limit));
            assert_eq!(packets(&file).len() as u64, limit);
        }
    }
}

#[test]
fn the_byte_limit_is_exact() {
    for (limit, taken) in [(59, 0), (60, 1), (159, 1), (160, 2), (161, 2), (300, 3)] {
        let feed = Feed::default();
        feed.push(batch(&[(1, 60), (2, 100), (3, 140), (4, 1)]));
        let running = engine(small(), &clock())
            .start_with(&limited(None, Some(limit), None), vec![feed.source("a")])
            .unwrap();
        let (file, outcome) = finish(running);
        assert_eq!(
            (outcome.ended, outcome.packets),
            (EndReason::ByteLimit, taken),
            "{limit}"
        );
        assert!(outcome.bytes <= limit);
        assert_eq!(packets(&file).len() as u64, taken);
    }
}

#[test]
fn limits_hold_over_all_interfaces() {
    let feeds: Vec<Feed> = (0..4).map(|_| Feed::default()).collect();
    for feed in &feeds {
        for _ in 0..50 {
            feed.push(batch(&[(1, 60); 10]));
        }
    }
    let sources = feeds
        .iter()
        .enumerate()
        .map(|(n, feed)| feed.source(&format!("if{n}")))
        .collect();
    let running = engine(small(), &clock())
        .start_with(&limited(Some(777), None, None), sources)
        .unwrap();
    let (file, outcome) = finish(running);
    assert_eq!((outcome.ended, outcome.packets), (EndReason::PacketLimit, 777));
    let packets = packets(&file);
    assert_eq!(packets.len(), 777);
    for (lane, interface) in outcome.interfaces.iter().enumerate() {
        let written = packets.iter().filter(|(index, _, _)| *index as usize == lane).count();
        assert_eq!(
            (interface.name.as_str(), interface.written),
            (format!("if{lane}").as_str(), written as u64)
        );
    }
}

#[test]
fn silence_ends_on_time() {
    let (feed, clock) = (Feed::default(), clock());
    let request = limited(Some(10), None, Some(Duration::from_secs(300)));
    let running = engine(small(), &clock)
        .start_with(&request, vec![feed.source("a")])
        .unwrap();
    clock.advance(Duration::from_secs(299));
    assert_eq!(running.handle().progress().remaining, Some(Duration::from_secs(1)));
    assert!(!feed.0.0.lock().is_detached);
    clock.advance(Duration::from_secs(1));
    let (file, outcome) = finish(running);
    assert_eq!(
        (outcome.ended, outcome.packets, outcome.elapsed),
        (EndReason::TimeLimit, 0, Duration::from_secs(300))
    );
    assert_eq!(packets(&file), []);
}

#[test]
fn the_time_limit_goes_by_stamps_at_its_edge() {
    for (was_set, expected) in [(false, 2), (true, 3)] {
        let (feed, clock) = (Feed::default(), clock());
        // What the ring hands over after the end: before, at, and after the limit of two seconds.
        feed.change(|state| state.late.push_back(batch(&[(1_999_999_999, 61), (2_000_000_000, 62)])));
        feed.push(batch(&[(5, 60)]));
        let request = limited(None, None, Some(Duration::from_secs(2)));
        let running = engine(small(), &clock)
            .start_with(&request, vec![feed.source("a")])
            .unwrap();
        eventually("the first packet", || running.handle().progress().packets == 1);
        if was_set {
            // Somebody sets the time of day: stamps tell nothing any more.
            clock.set(Timestamp::from_secs(START - 3600));
        }
        clock.advance(Duration::from_secs(2));
        let (_, outcome) = finish(running);
        assert_eq!((outcome.ended, outcome.packets), (EndReason::TimeLimit, expected));
    }
}

#[test]
fn stop_takes_what_came_before_it() {
    let (feed, clock) = (Feed::default(), clock());
    feed.change(|state| state.late.push_back(batch(&[(999_999_999, 61), (1_000_000_000, 62)])));
    let running = engine(small(), &clock)
        .start_with(&limited(None, None, None), vec![feed.source("a")])
        .unwrap();
    clock.advance(Duration::from_secs(1));
    running.handle().stop();
    running.handle().stop();
    let (_, outcome) = finish(running);
    assert_eq!((outcome.ended, outcome.packets), (EndReason::Stopped, 1));
    assert!(feed.0.0.lock().is_detached);
}

#[test]
fn a_lost_interface_ends_its_lane_and_the_last_one_the_capture() {
    let (one, other) = (Feed::default(), Feed::default());
    let running = engine(small(), &clock())
        .start_with(
            &limited(None, None, None),
            vec![one.source("one"), other.source("other")],
        )
        .unwrap();
    one.push(batch(&[(1, 60)]));
    one.change(|state| state.is_gone = true);
    eventually("the first lane ends", || one.0.0.lock().is_detached);
    other.push(batch(&[(1, 60)]));
    eventually("the other goes on", || running.handle().progress().packets == 2);
    other.change(|state| state.is_gone = true);
    let (_, outcome) = finish(running);
    assert_eq!((outcome.ended, outcome.packets), (EndReason::InterfaceGone, 2));
    assert!(
        outcome
            .interfaces
            .iter()
            .all(|interface| interface.is_gone && interface.written == 1)
    );
}

#[test]
fn parts_are_full_and_each_run_of_them_is_a_file() {
    let feed = Feed::default();
    for _ in 0..100 {
        feed.push(batch(&[(1, 1000); 20]));
    }
    let request = limited(Some(2000), None, None);
    let mut running = engine(small(), &clock())
        .start_with(&request, vec![feed.source("a")])
        .unwrap();
    let mut file = Vec::new();
    let mut seen = 0;
    let mut is_last = false;
    while let Some(part) = running.parts.blocking_next() {
        assert!(!is_last);
        is_last = part.bytes.len() < PART_BYTES_MIN;
        assert_eq!(part.ends_file, is_last);
        file.extend_from_slice(&part.bytes);
        let now = packets(&file).len();
        // What is said of a part is what a file that ends with it holds, to the packet.
        assert_eq!((part.packets_until, part.bytes_until), (now as u64, 1000 * now as u64));
        assert!(now > seen || is_last);
        seen = now;
    }
    assert_eq!(seen, 2000);
}

#[test]
fn without_a_buffer_packets_wait_and_none_is_lost() {
    let feed = Feed::default();
    for _ in 0..100 {
        feed.push(batch(&[(1, 10_000); 20]));
    }
    let running = engine(small(), &clock())
        .start_with(&limited(Some(2000), None, None), vec![feed.source("a")])
        .unwrap();
    let handle = running.handle();
    // Nobody takes parts: all buffers fill, and there it stands.
    eventually("the capture stalls", || handle.progress().is_stalled);
    let stalled = handle.progress();
    assert!(stalled.packets < 200 && stalled.file_bytes < 5 * (PART_BYTES_MIN as u64 + 11_000));
    assert!(!feed.0.0.lock().batches.is_empty());
    let (file, outcome) = finish(running);
    assert_eq!(packets(&file).len(), 2000);
    assert_eq!(outcome.dropped, 0);
}

#[test]
fn time_and_stop_are_heeded_while_no_buffer_is_free() {
    for is_stopped in [false, true] {
        let (feed, clock) = (Feed::default(), clock());
        feed.push(batch(&[(1, 10_000); 100]));
        let running = engine(small(), &clock)
            .start_with(
                &limited(None, None, Some(Duration::from_secs(5))),
                vec![feed.source("a")],
            )
            .unwrap();
        let handle = running.handle();
        eventually("the capture stalls", || handle.progress().is_stalled);
        let expected = if is_stopped {
            handle.stop();
            EndReason::Stopped
        } else {
            clock.advance(Duration::from_secs(5));
            EndReason::TimeLimit
        };
        eventually("nothing more is taken in", || feed.0.0.lock().is_detached);
        // What comes later changes nothing: the reason is the first one.
        handle.stop();
        clock.advance(Duration::from_secs(60));
        let (file, outcome) = finish(running);
        assert_eq!((outcome.ended, outcome.packets), (expected, 100));
        assert_eq!(packets(&file).len(), 100);
    }
}

#[test]
fn a_capture_nobody_wants_ends() {
    for is_stalled in [false, true] {
        let feed = Feed::default();
        if is_stalled {
            for _ in 0..100 {
                feed.push(batch(&[(1, 10_000); 20]));
            }
        }
        let running = engine(small(), &clock())
            .start_with(&limited(None, None, None), vec![feed.source("a")])
            .unwrap();
        let handle = running.handle();
        if is_stalled {
            eventually("the capture stalls", || handle.progress().is_stalled);
        }
        drop(running);
        assert_eq!(handle.blocking_ended().ended, EndReason::Abandoned);
    }
}

/// Holds all parts until the capture has ended, and checks the file that they make.
fn finish_holding(mut running: RunningCapture) -> (Vec<u8>, Outcome) {
    let handle = running.handle();
    let outcome = handle.blocking_ended();
    let mut held = Vec::new();
    while let Some(part) = running.parts.blocking_next() {
        held.push(part);
    }
    for (part, number) in held.iter().zip(1..) {
        assert_eq!(part.number, number);
        assert!(!part.bytes.is_empty());
    }
    let file: Vec<u8> = held.iter().flat_map(|part| part.bytes.iter().copied()).collect();
    assert_eq!(
        (outcome.parts as usize, outcome.file_bytes),
        (held.len(), file.len() as u64)
    );
    (file, outcome)
}

#[test]
fn a_limit_with_every_buffer_full_ends_the_file_properly() {
    let flushed = Settings {
        buffers: 2,
        flush_after: Some(Duration::from_secs(10)),
        ..small()
    };
    for format in [Format::Pcap, Format::PcapNg] {
        let (feed, clock) = (Feed::default(), clock());
        // Seven such packets fill a part. With the last one, both statistics and flushing come due.
        feed.push(batch(&[(1, 10_000); 14]));
        let advanced = Arc::clone(&clock);
        feed.change(|state| state.at_last = Some(Box::new(move || advanced.advance(Duration::from_secs(10)))));
        let request = CaptureRequest {
            format,
            ..limited(Some(14), None, None)
        };
        let running = engine(flushed.clone(), &clock)
            .start_with(&request, vec![feed.source("a")])
            .unwrap();
        let (file, outcome) = finish_holding(running);
        assert_eq!(outcome.ended, EndReason::PacketLimit);
        assert_eq!(packets(&file).len(), 14);
    }
}

#[test]
fn a_failure_with_every_buffer_full_ends_the_file_properly() {
    for format in [Format::Pcap, Format::PcapNg] {
        let (full, failing) = (Feed::default(), Feed::default());
        full.push(batch(&[(1, 10_000); 100]));
        let request = CaptureRequest {
            format,
            ..limited(None, None, None)
        };
        let running = engine(small(), &clock())
            .start_with(&request, vec![full.source("full"), failing.source("failing")])
            .unwrap();
        let handle = running.handle();
        eventually("the capture stalls", || handle.progress().is_stalled);
        failing.change(|state| state.panics = true);
        let (file, outcome) = finish_holding(running);
        assert!(matches!(outcome.ended, EndReason::Failed(_)));
        assert_eq!(packets(&file).len() as u64, outcome.packets);
    }
}

#[test]
fn a_file_that_was_handed_over_wholly_gets_no_empty_part() {
    let (feed, clock) = (Feed::default(), clock());
    let settings = Settings {
        flush_after: Some(Duration::from_millis(200)),
        ..small()
    };
    let request = CaptureRequest {
        format: Format::Pcap,
        ..limited(None, None, None)
    };
    let mut running = engine(settings, &clock)
        .start_with(&request, vec![feed.source("a")])
        .unwrap();
    clock.advance(Duration::from_millis(200));
    let head = running.parts.blocking_next().expect("the head of the file");
    assert_eq!((head.number, head.bytes.len()), (1, 24));
    running.handle().stop();
    assert!(running.parts.blocking_next().is_none());
    let outcome = running.handle().blocking_ended();
    assert_eq!((outcome.parts, outcome.file_bytes), (1, 24));
}

#[test]
fn a_capture_given_up_after_its_end_wants_nothing_more() {
    let (feed, clock) = (Feed::default(), clock());
    feed.push(batch(&[(1, 10_000); 100]));
    let running = engine(small(), &clock)
        .start_with(&limited(None, None, None), vec![feed.source("a")])
        .unwrap();
    let handle = running.handle();
    eventually("the capture stalls", || handle.progress().is_stalled);
    handle.stop();
    eventually("the end is noted", || feed.0.0.lock().is_detached);
    let mut parts = running.split().0;
    // Somebody keeps every buffer for good.
    let held: Vec<Part> = (0..4).map(|_| parts.blocking_next().unwrap()).collect();
    let shared = parts.shared();
    assert!(shared.wants_rest());
    drop(parts);
    assert!(!shared.wants_rest());
    assert_eq!(handle.blocking_ended().ended, EndReason::Stopped);
    drop(held);
}

#[test]
fn who_leaves_with_the_last_part_does_not_change_why_it_ended() {
    for _ in 0..50 {
        let feed = Feed::default();
        feed.change(|state| state.is_gone = true);
        let mut running = engine(small(), &clock())
            .start_with(&limited(None, None, None), vec![feed.source("a")])
            .unwrap();
        let handle = running.handle();
        running.parts.blocking_next().expect("the head and the statistics");
        drop(running);
        assert_eq!(handle.blocking_ended().ended, EndReason::InterfaceGone);
    }
}

#[test]
fn a_file_ends_with_its_last_part() {
    let feed = Feed::default();
    for _ in 0..100 {
        feed.push(batch(&[(1, 10_000); 20]));
    }
    let settings = Settings {
        parts_max: Some(3),
        ..small()
    };
    let running = engine(settings, &clock())
        .start_with(&limited(None, None, None), vec![feed.source("a")])
        .unwrap();
    let (file, outcome) = finish(running);
    assert_eq!((outcome.ended, outcome.parts), (EndReason::FileFull, 3));
    assert_eq!(packets(&file).len() as u64, outcome.packets);
}

#[test]
fn losses_are_stated_where_they_happened_and_in_the_sums() {
    let feed = Feed::default();
    for dropped_by_then in [0, 7, 7, 7] {
        feed.push(Script {
            packets: vec![(1, 60), (2, 60)],
            dropped_by_then,
        });
    }
    let running = engine(small(), &clock())
        .start_with(&limited(Some(8), None, None), vec![feed.source("a")])
        .unwrap();
    let (file, outcome) = finish(running);
    assert_eq!((outcome.packets, outcome.dropped), (8, 7));
    // The ring holds two batches: seen with the second, the loss lies before the third.
    let dropped: Vec<u64> = packets(&file).iter().map(|(_, _, dropped)| *dropped).collect();
    assert_eq!(dropped, [0, 0, 0, 0, 7, 0, 0, 0]);
    let mut reader = Reader::new(file.as_slice()).unwrap();
    let mut last = None;
    while let Some(item) = reader.next_item().unwrap() {
        if let Item::Statistics(statistics) = item {
            last = Some(statistics);
        }
    }
    let last = last.expect("the file ends with statistics");
    assert_eq!(
        (last.accepted, last.os_dropped, last.delivered),
        (Some(15), Some(7), Some(8))
    );
}

#[test]
fn statistics_come_every_ten_seconds() {
    let (feed, clock) = (Feed::default(), clock());
    let running = engine(small(), &clock)
        .start_with(
            &limited(None, None, Some(Duration::from_secs(35))),
            vec![feed.source("a")],
        )
        .unwrap();
    let handle = running.handle();
    for _ in 0..3 {
        let before = handle.progress().file_bytes;
        clock.advance(Duration::from_secs(10));
        feed.push(batch(&[(1, 60)]));
        eventually("statistics", || {
            // Counted with the packet that follows.
            feed.push(batch(&[(1, 60)]));
            handle.progress().file_bytes > before + 400
        });
    }
    clock.advance(Duration::from_secs(5));
    let (file, _) = finish(running);
    let mut reader = Reader::new(file.as_slice()).unwrap();
    let mut count = 0;
    while let Some(item) = reader.next_item().unwrap() {
        count += u32::from(matches!(item, Item::Statistics(_)));
    }
    assert_eq!(count, 4);
}

#[test]
fn statistics_come_also_while_no_buffer_is_free() {
    let (feed, clock) = (Feed::default(), clock());
    feed.push(batch(&[(1, 10_000); 100]));
    feed.push(batch(&[(1, 60)]));
    let running = engine(small(), &clock)
        .start_with(&limited(Some(101), None, None), vec![feed.source("a")])
        .unwrap();
    let handle = running.handle();
    eventually("the capture stalls", || handle.progress().is_stalled);
    let mut dropped = 0;
    for _ in 0..3 {
        clock.advance(Duration::from_secs(10));
        // Losses are counted meanwhile; with the second of them, the statistics behind the first are there.
        for _ in 0..2 {
            dropped += 1;
            feed.change(|state| state.dropped = dropped);
            eventually("a loss is told", || handle.progress().dropped == dropped);
        }
    }
    let (file, outcome) = finish(running);
    assert_eq!((outcome.packets, outcome.dropped), (101, 6));
    let mut reader = Reader::new(file.as_slice()).unwrap();
    let (mut found, mut packets, mut dropped) = (Vec::new(), 0, None);
    while let Some(item) = reader.next_item().unwrap() {
        match item {
            Item::Packet(_) => packets += 1,
            Item::Statistics(of) => {
                assert!(of.delivered == Some(packets) && of.os_dropped >= dropped);
                dropped = of.os_dropped;
                found.push(of.stamp_nanos);
            }
            Item::Interface(_) | Item::Other(_) => {}
        }
    }
    let at = |seconds| (u64::try_from(START).unwrap() + seconds) * 1_000_000_000;
    assert_eq!((found, dropped), ([10, 20, 30, 30].map(at).to_vec(), Some(6)));
}

#[test]
fn a_watched_file_is_handed_over_soon() {
    let (feed, clock) = (Feed::default(), clock());
    let settings = Settings {
        flush_after: Some(Duration::from_millis(200)),
        ..small()
    };
    let mut running = engine(settings, &clock)
        .start_with(&limited(None, None, None), vec![feed.source("a")])
        .unwrap();
    feed.push(batch(&[(1, 60)]));
    eventually("the packet", || running.handle().progress().packets == 1);
    clock.advance(Duration::from_millis(200));
    let part = running.parts.blocking_next().expect("a part that is not full");
    assert!(part.bytes.len() < PART_BYTES_MIN);
    assert_eq!(packets(&part.bytes).len(), 1);
}

#[test]
fn a_file_says_what_was_left_out() {
    let upload = FiveTuple {
        destination: End {
            addresses: vec!["192.0.2.1/32".parse().unwrap()],
            ports: vec![443..=443],
        },
        protocol: Some(6),
        bidirectional: true,
        ..FiveTuple::default()
    };
    let request = CaptureRequest {
        exclude: vec![upload],
        ..limited(Some(1), None, None)
    };
    let feed = Feed::default();
    feed.push(batch(&[(1, 60)]));
    let running = engine(small(), &clock())
        .start_with(&request, vec![feed.source("a")])
        .unwrap();
    let (file, _) = finish(running);
    let text = b"Left out, whatever the filter says: tcp and dst host 192.0.2.1 and dst port 443 (both directions)";
    assert!(file.windows(text.len()).any(|window| window == text));
}

#[test]
fn a_dead_thread_is_a_failure_and_not_silence() {
    let feed = Feed::default();
    feed.change(|state| state.panics = true);
    let running = engine(small(), &clock())
        .start_with(&limited(None, None, None), vec![feed.source("a")])
        .unwrap();
    let (_, outcome) = finish(running);
    assert!(matches!(outcome.ended, EndReason::Failed(_)));
}

#[test]
fn the_largest_packets_fit() {
    let feed = Feed::default();
    feed.push(batch(&[(1, 300_000), (2, 262_144), (3, 262_143)]));
    let running = engine(small(), &clock())
        .start_with(&limited(Some(3), None, None), vec![feed.source("a")])
        .unwrap();
    let (file, _) = finish(running);
    let lengths: Vec<usize> = packets(&file).iter().map(|(_, length, _)| *length).collect();
    assert_eq!(lengths, [262_144, 262_144, 262_143]);
}

#[test]
fn wrong_requests_and_settings_are_refused() {
    let engine = engine(small(), &clock());
    for request in [
        limited(Some(0), None, None),
        limited(None, Some(0), None),
        limited(None, None, Some(Duration::ZERO)),
        CaptureRequest {
            snaplen: SNAPLEN_MIN - 1,
            ..CaptureRequest::default()
        },
        CaptureRequest {
            snaplen: 262_145,
            ..CaptureRequest::default()
        },
    ] {
        assert!(matches!(
            engine.start_with::<Made>(&request, Vec::new()),
            Err(EngineError::Limits(_))
        ));
    }
    assert!(matches!(
        engine.start_with::<Made>(&CaptureRequest::default(), Vec::new()),
        Err(EngineError::Interfaces(_))
    ));
    let mut mixed = vec![Feed::default().source("a"), Feed::default().source("b")];
    mixed[1].description.link = LinkType::RAW;
    let request = CaptureRequest {
        format: Format::Pcap,
        ..CaptureRequest::default()
    };
    assert!(matches!(
        engine.start_with(&request, mixed),
        Err(EngineError::Interfaces(_))
    ));
    for settings in [
        Settings {
            part_bytes: PART_BYTES_MIN - 1,
            ..small()
        },
        Settings { buffers: 1, ..small() },
        Settings { rings: 0, ..small() },
        Settings { rings: 9, ..small() },
        Settings {
            parts_max: Some(0),
            ..small()
        },
    ] {
        assert!(Engine::new(settings, clock()).is_err());
    }
}
