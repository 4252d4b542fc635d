//! What the kernel drops is stated, to the packet. Needs root, and fails without; `baleen_ring::lab` says how to leave it out.
#![allow(clippy::unwrap_used, reason = "tests")]

mod wire;

use baleen_capture::engine::{CaptureRequest, EndReason, Limits, Outcome, Part};
use baleen_pcapfile::{Item, Reader};
use baleen_ring::lab::Injector;
use futures::FutureExt as _;
use wire::{engine_with, eventually, finish, laboratory, on, packets, statistics};

const RINGS: [usize; 3] = [1, 2, 4];

/// Large, so that little of it is much.
const FRAME_BYTES: usize = 8000;

/// Where a frame has its number.
const NUMBER: std::ops::Range<usize> = 42..46;

const CONVERSATIONS: u32 = 64;

/// Sends numbered packets of several conversations. When this returns they are in a ring or lost, as veth hands over at once.
fn send(sender: &Injector, numbers: std::ops::Range<u32>) {
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0];
    frame.extend([0x45, 0, 0x1f, 0x32, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    frame.extend([0x9c, 0x40, 0, 53, 0x1f, 0x1e, 0, 0]);
    frame.resize(FRAME_BYTES, 0x5a);
    for number in numbers {
        frame[35] = u8::try_from(number % CONVERSATIONS).unwrap();
        frame[NUMBER].copy_from_slice(&number.to_be_bytes());
        sender.send(&frame).unwrap();
    }
}

fn numbers(file: &[u8]) -> Vec<u32> {
    let packets = packets(file).into_iter();
    packets
        .map(|(_, bytes)| u32::from_be_bytes(bytes[NUMBER].try_into().unwrap()))
        .collect()
}

/// Losses that the packets behind them tell of.
fn told_by_packets(file: &[u8]) -> u64 {
    let mut reader = Reader::new(file).unwrap();
    let mut dropped = 0;
    while let Some(item) = reader.next_item().unwrap() {
        if let Item::Packet(packet) = item {
            dropped += packet.dropped;
        }
    }
    dropped
}

/// All that was sent is in the file once, or is stated: in the outcome, in the statistics at the end, and by packets as far as
/// some came behind the losses. Each conversation is in order.
fn assert_balanced(sent: u64, file: &[u8], outcome: &Outcome) {
    let mut got = numbers(file);
    assert_eq!(got.len() as u64, outcome.packets);
    assert_eq!(outcome.packets + outcome.dropped, sent, "{outcome:?}");
    let last = statistics(file).pop().unwrap();
    assert_eq!(
        (last.accepted, last.os_dropped, last.delivered),
        (Some(sent), Some(outcome.dropped), Some(outcome.packets))
    );
    assert!(told_by_packets(file) <= outcome.dropped);
    for conversation in 0..CONVERSATIONS {
        let own = got.iter().filter(|number| *number % CONVERSATIONS == conversation);
        assert!(own.is_sorted(), "conversation {conversation}");
    }
    got.sort_unstable();
    got.dedup();
    assert_eq!(got.len() as u64, outcome.packets, "no packet is there twice");
}

/// Eight parts of 8 MiB and 4 MiB of rings hold half of what is sent.
#[test]
fn what_was_sent_is_written_or_stated_when_the_consumer_stands_still() {
    const SENT: u32 = 18_000;
    for rings in RINGS {
        let Some(_ns) = laboratory() else { return };
        let running = engine_with(8 / rings, rings).start(&on("rx0")).unwrap();
        send(&Injector::open("tx0").unwrap(), 0..SENT);
        let handle = running.handle();
        eventually("the losses are told while it stands still", || {
            handle.progress().dropped > 0
        });
        handle.stop();
        let (file, outcome) = finish(running);
        assert!(outcome.dropped > 0);
        assert_balanced(SENT.into(), &file, &outcome);
    }
}

/// Each time, more comes than is taken.
#[test]
fn what_was_sent_is_written_or_stated_when_the_consumer_is_slow() {
    const SENT: u32 = 5000;
    const ROUNDS: u32 = 10;
    for rings in RINGS {
        let Some(_ns) = laboratory() else { return };
        let mut running = engine_with(8 / rings, rings).start(&on("rx0")).unwrap();
        let sender = Injector::open("tx0").unwrap();
        let handle = running.handle();
        let mut file = Vec::new();
        for round in 0..ROUNDS {
            send(&sender, round * SENT..(round + 1) * SENT);
            // Dropped at once, so that their buffers are free.
            let ready = || running.parts.next().now_or_never().flatten();
            for Part { bytes, .. } in std::iter::from_fn(ready).take(2) {
                file.extend_from_slice(&bytes);
            }
        }
        handle.stop();
        let (rest, outcome) = finish(running);
        file.extend_from_slice(&rest);
        assert!(outcome.dropped > 0);
        assert_balanced((ROUNDS * SENT).into(), &file, &outcome);
        assert!(told_by_packets(&file) > 0);
    }
}

#[test]
fn a_limit_is_exact_over_all_rings() {
    let Some(ns) = laboratory() else { return };
    let limits = Limits {
        packets: Some(777),
        ..Limits::default()
    };
    let running = engine_with(16, 4)
        .start(&CaptureRequest { limits, ..on("rx0") })
        .unwrap();
    let sender = Injector::open("tx0").unwrap();
    send(&sender, 0..1500);
    let (file, outcome) = finish(running);
    assert_eq!(
        (outcome.ended, outcome.packets, outcome.interfaces.len()),
        (EndReason::PacketLimit, 777, 1)
    );
    assert_eq!(numbers(&file).len(), 777);

    // One interface in the file, however many rings it has; and all of them see that it goes.
    let running = engine_with(16, 4).start(&on("rx0")).unwrap();
    send(&sender, 0..1000);
    ns.ip(&["link", "del", "rx0"]);
    let (file, outcome) = finish(running);
    assert_eq!(
        (&outcome.ended, outcome.interfaces.len()),
        (&EndReason::InterfaceGone, 1)
    );
    assert!(outcome.interfaces[0].is_gone);
    assert_balanced(1000, &file, &outcome);
}
