//! What the kernel drops is stated, to the packet. Needs root, and fails without; `baleen_ring::lab` says how to leave it out.
#![allow(clippy::unwrap_used, reason = "tests")]

mod wire;

use baleen_capture::engine::{Outcome, Part};
use baleen_pcapfile::{Item, Reader};
use baleen_ring::lab::Injector;
use futures::FutureExt as _;
use wire::{engine, eventually, finish, laboratory, numbered, numbers, on, statistics};

/// Large, so that little of it is much.
const FRAME_BYTES: usize = 8000;

/// Sends numbered frames. When this returns they are in the ring or lost, as veth hands over at once.
fn send(sender: &Injector, numbers: std::ops::Range<u32>) {
    let mut frame = numbered(0);
    frame.resize(FRAME_BYTES, 0x5a);
    for number in numbers {
        frame[14..18].copy_from_slice(&number.to_be_bytes());
        sender.send(&frame).unwrap();
    }
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
/// some came behind the losses.
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
    got.sort_unstable();
    got.dedup();
    assert_eq!(got.len() as u64, outcome.packets, "no packet is there twice");
}

/// Eight parts of 8 MiB and a ring of 2 MiB hold half of what is sent.
#[test]
fn what_was_sent_is_written_or_stated_when_the_consumer_stands_still() {
    const SENT: u32 = 18_000;
    let Some(_ns) = laboratory() else { return };
    let running = engine(4).start(&on("rx0")).unwrap();
    send(&Injector::open("tx0").unwrap(), 0..SENT);
    let handle = running.handle();
    eventually("the losses are told while it stands still", || {
        handle.progress().dropped > 0
    });
    handle.stop();
    let (file, outcome) = finish(running);
    assert!(outcome.dropped > 0);
    assert_balanced(SENT.into(), &file, &outcome);
    assert!(numbers(&file).is_sorted());
}

/// Each time, more comes than is taken.
#[test]
fn what_was_sent_is_written_or_stated_when_the_consumer_is_slow() {
    const SENT: u32 = 5000;
    const ROUNDS: u32 = 10;
    let Some(_ns) = laboratory() else { return };
    let mut running = engine(4).start(&on("rx0")).unwrap();
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
    assert!(told_by_packets(&file) > 0 && numbers(&file).is_sorted());
}
