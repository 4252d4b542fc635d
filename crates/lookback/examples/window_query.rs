//! How long a query takes in a ring of 24 hours: `cargo run --release -p baleen-lookback --example window_query -- FOLDER`.
//!
//! The traffic: 50,000 packets a second on the wire, sampled by the cut-off. To make all of a day's would take hours and
//! say no more: what a query of 300 seconds reads does not depend on the rest of the day but for the tables in memory. So
//! 300 seconds are made at the full rate (15 million packets, through the cut-off), and the rest of the day is as
//! many blocks as it would be, each with as many packets as its time was compressed by (`SPARSE`).
//!
//! Conversations: heavy-tailed. Of a thousand packets 850 belong to few heavy ones, which the cut-off ends, and 150 to short
//! ones of 15 packets each, so some 500 new conversations begin each second.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "an example that measures"
)]

use baleen_filter::{End, Filter, FiveTuple};
use baleen_lookback::{Lookback, Parts, Query, Recorder, Settings};
use baleen_pcapfile::Record;
use baleen_runtime::{Clock, ManualClock, SystemClock, SystemEntropy};
use baleen_types::{LinkType, Timestamp};
use std::net::Ipv4Addr;
use std::time::Duration;

const START: u64 = 1_767_225_600;
const DAY: u64 = 24 * 3600;
const DENSE: u64 = 300;
const RATE: u64 = 50_000;
/// Outside of the dense window one packet in so many is made.
const SPARSE: u64 = 100;
/// Heavy conversations at a time.
const HEAVY: u64 = 2000;

type Ends = ((u32, u16), (u32, u16));

/// The conversation of the `n`th packet, and its bytes on the wire.
fn packet(n: u64) -> (Ends, u16) {
    if n % 1000 < 850 {
        // A heavy one lives for some minutes, then its client takes another port.
        let which = n.wrapping_mul(0x9E37_79B9) % HEAVY;
        let life = n / (RATE * 200);
        let port = 20_000 + (life * 7 % 30_000) as u16;
        return (
            (
                (0x0a00_0000 + which as u32, port),
                (0xc0a8_0000 + (which % 50) as u32, 443),
            ),
            1400,
        );
    }
    // Short ones: 15 packets, of several at a time.
    let short = n / 1000 * 10 + n % 10;
    let which = short / 15;
    let source = (0x0a01_0000 + (which % 60_000) as u32, 1024 + (which % 60_000) as u16);
    (
        (
            source,
            (
                0xc0a9_0000 + (which % 2000) as u32,
                [53, 80, 443, 8080][(which % 4) as usize],
            ),
        ),
        120,
    )
}

fn frame(out: &mut Vec<u8>, ends: Ends, n: u64, length: u16) {
    let ((source, from), (destination, to)) = if n.is_multiple_of(3) { (ends.1, ends.0) } else { ends };
    out.clear();
    out.extend_from_slice(b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\0\x45\0");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&(n as u16).to_be_bytes());
    out.extend_from_slice(&[0x40, 0, 64, 6]);
    out.extend_from_slice(&((n >> 3) as u16).to_be_bytes());
    out.extend_from_slice(&source.to_be_bytes());
    out.extend_from_slice(&destination.to_be_bytes());
    out.extend_from_slice(&from.to_be_bytes());
    out.extend_from_slice(&to.to_be_bytes());
    out.extend_from_slice(&(n.wrapping_mul(0x9E37_79B9_7F4A_7C15)).to_be_bytes());
    out.extend_from_slice(&[0x50, 0x10, 0x20, 0, (n >> 5) as u8, n as u8, 0, 0]);
    // Payload that packs badly, as most of it is.
    let mut state = n | 1;
    while out.len() < 160.min(usize::from(length) + 14) {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        out.extend_from_slice(&state.to_be_bytes());
    }
}

fn fill(recorder: &mut Recorder, clock: &ManualClock, seconds: std::ops::Range<u64>, every: u64, n: &mut u64) -> u64 {
    let (mut bytes, mut made) = (Vec::new(), 0);
    for second in seconds {
        clock.set(Timestamp::from_secs((START + second).cast_signed()));
        clock.advance(Duration::from_secs(1));
        let count = RATE / every;
        for at in 0..count {
            let (ends, length) = packet(*n);
            frame(&mut bytes, ends, *n, length);
            let stamp = (START + second) * 1_000_000_000 + at * (1_000_000_000 / count);
            recorder.append(&Record::new(stamp, u32::from(length) + 14, &bytes));
            *n += 1;
            made += 1;
            if made % 2000 == 0 {
                // The generator is faster than any link.
                recorder.flush();
            }
        }
        recorder.tick();
    }
    made
}

fn tuple(ends: Ends) -> Filter {
    let end = |(address, port): (u32, u16)| End {
        addresses: vec![std::net::IpAddr::from(Ipv4Addr::from_bits(address)).into()],
        ports: vec![port..=port],
    };
    Filter::Tuple(FiveTuple {
        source: end(ends.0),
        destination: end(ends.1),
        protocol: Some(6),
        bidirectional: true,
    })
}

fn main() {
    let folder = std::env::args().nth(1).expect("a folder for the ring");
    let folder = std::path::Path::new(&folder);
    let clock = ManualClock::new(Timestamp::from_secs(START.cast_signed()));
    let watch = SystemClock::new();
    let mut settings = Settings::of(8 << 30);
    // What was made first must not be too old at the end.
    settings.age = Duration::from_secs(2 * DAY);
    let parts = Parts {
        key: None,
        clock: clock.clone(),
        entropy: SystemEntropy::new(),
    };
    let ring = Lookback::open(folder, settings, parts.clone()).unwrap();
    let mut n = 0;
    let dense = DAY / 2..DAY / 2 + DENSE;
    // Two conversations of the middle of the window.
    let mut middle = 0;
    if ring.stats().segments == 0 {
        let mut recorder = ring.record().unwrap();
        recorder.interface("eth0", LinkType::ETHERNET).unwrap();
        let began = watch.monotonic();
        let sparse = fill(&mut recorder, &clock, 0..dense.start, SPARSE, &mut n);
        middle = n + RATE * DENSE / 2;
        let before = ring.stats();
        let made = fill(&mut recorder, &clock, dense.clone(), 1, &mut n);
        let after = ring.stats();
        let rest = fill(&mut recorder, &clock, dense.end..DAY, SPARSE, &mut n);
        drop(recorder);
        println!(
            "made {} packets in {:?}; the window: {made} packets on the wire, {} kept in {} MiB",
            sparse + made + rest,
            watch.monotonic().saturating_sub(began),
            after.packets - before.packets,
            (after.bytes - before.bytes) >> 20,
        );
    } else {
        middle += dense.start * RATE / SPARSE + RATE * DENSE / 2;
    }
    drop(ring);
    clock.set(Timestamp::from_secs((START + DAY).cast_signed()));
    let began = watch.monotonic();
    let ring = Lookback::open(folder, settings, parts).unwrap();
    println!("opened in {:?}", watch.monotonic().saturating_sub(began));
    let stats = ring.stats();
    println!("the ring: {} segments, {} MiB", stats.segments, stats.bytes >> 20);
    let (short, _) = packet(middle / 1000 * 1000 + 900);
    let (heavy, _) = packet(middle / 1000 * 1000 + 1);
    let window = |from: u64, to: u64| {
        Timestamp::from_secs((START + from).cast_signed())..Timestamp::from_secs((START + to).cast_signed())
    };
    for (what, filter) in [
        ("a short conversation", tuple(short)),
        ("a heavy conversation", tuple(heavy)),
        ("one that is not there", tuple(((1, 1), (2, 2)))),
        ("no hint, all of it", Filter::expression("udp port 9").unwrap()),
    ] {
        let query = Query {
            window: window(dense.start, dense.end),
            filter,
            limit: 10_000,
            scan_bytes_max: u64::MAX,
        };
        for turn in ["first", "again"] {
            let began = watch.monotonic();
            let sample = ring.query(&query, &|| false).unwrap();
            println!(
                "{what}, {turn}: {:?}, {} packets, {} MiB read, {} packets looked at",
                watch.monotonic().saturating_sub(began),
                sample.packets.len(),
                sample.scanned_bytes >> 20,
                sample.scanned_packets,
            );
        }
    }
}
