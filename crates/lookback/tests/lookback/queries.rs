//! How much is read for an answer, and what is said of it.

use crate::lab::{Lab, Packet, SECOND, START, all, ask, at, frame, packets, record, seen, small, tuple, within};
use baleen_filter::Filter;
use baleen_lookback::{QUERY_PACKETS_MAX, Query, Settings, Shape};

#[test]
fn a_window_has_its_start_and_not_its_end() {
    let lab = Lab::new(small());
    let ring = lab.open();
    let mut recorder = record(&ring);
    let packets = packets(10);
    for packet in &packets {
        packet.append(&mut recorder);
    }
    let ms = SECOND / 1000;
    for (window, expected) in [
        (START..START, 0),
        (START..START + 1, 1),
        (START + 1..START + ms, 0),
        (START + 1..START + ms + 1, 1),
        (START + 2 * ms..START + 5 * ms, 3),
        (0..START, 0),
        (START + 9 * ms..u64::MAX >> 1, 1),
        (START + 5 * ms..START + 2 * ms, 0),
    ] {
        assert_eq!(
            ask(&ring, &within(window.clone(), Filter::All)).packets.len(),
            expected,
            "{window:?}"
        );
    }
}

#[test]
fn the_newest_are_those_of_the_latest_stamps_whatever_order_they_came_in() {
    let lab = Lab::new(small());
    let ring = lab.open();
    let mut recorder = record(&ring);
    // The second half of each block is stamped before the first half of the one before.
    let mut packets = packets(600);
    packets.chunks_mut(70).for_each(<[Packet]>::reverse);
    for (n, packet) in packets.iter().enumerate() {
        packet.append(&mut recorder);
        if n % 50 == 0 {
            recorder.flush();
        }
    }
    for limit in [1, 10, 99, 599] {
        let sample = ask(&ring, &all(limit));
        let stamps: Vec<_> = seen(&sample)
            .into_iter()
            .map(|(stamp, _)| (stamp - START) / (SECOND / 1000))
            .collect();
        assert_eq!(stamps, (600 - limit as u64..600).collect::<Vec<_>>(), "{limit}");
        assert_eq!(
            sample.complete_from,
            Some(at(START + (599 - limit as u64) * SECOND / 1000 + 1)),
            "{limit}"
        );
    }
    assert_eq!(ask(&ring, &all(600)).complete_from, None);
    assert!(ring.query(&all(QUERY_PACKETS_MAX + 1), &|| false).is_err());
}

/// A flood in which every packet is a conversation of its own.
fn flood(count: u32) -> Vec<Packet> {
    let one = |n: u32| {
        let source = (n.wrapping_mul(0x9E37_79B1), (n >> 3) as u16);
        Packet::new(START + u64::from(n) * 1000, frame(6, source, (0xc0a8_0001, 80), 0))
    };
    (0..count).map(one).collect()
}

#[test]
fn a_flood_of_conversations_ends_blocks_early_and_hides_nobody() {
    let lab = Lab::new(Settings {
        bytes: 64 << 20,
        shape: Shape::of(64 << 20),
        ..small()
    });
    let ring = lab.open();
    let mut recorder = record(&ring);
    let packets = flood(60_000);
    for (n, packet) in packets.iter().enumerate() {
        packet.append(&mut recorder);
        if n % 2000 == 0 {
            recorder.flush();
        }
    }
    recorder.flush();
    let whole = ask(&ring, &all(1));
    let stored = ring.stats().bytes;
    assert!(
        stored < 12_000_000,
        "the index stays within what the packets are: {stored}"
    );
    assert_eq!(whole.packets.len(), 1);
    for wanted in [&packets[0], &packets[31_000], &packets[59_999]] {
        let source = (
            u32::from_be_bytes(wanted.bytes[26..30].try_into().unwrap()),
            u16::from_be_bytes([wanted.bytes[34], wanted.bytes[35]]),
        );
        let query = Query {
            filter: tuple(6, source, (0xc0a8_0001, 80)),
            ..all(100)
        };
        let sample = ask(&ring, &query);
        assert_eq!(seen(&sample), [(wanted.stamp, wanted.bytes.clone())]);
        assert!(
            sample.scanned_bytes < stored / 3,
            "{} of {stored}",
            sample.scanned_bytes
        );
    }
}

#[test]
fn a_hint_reads_the_chunks_concerned_and_no_others() {
    let lab = Lab::sealed(Settings {
        bytes: 64 << 20,
        shape: Shape::of(64 << 20),
        ..small()
    });
    let ring = lab.open();
    let mut recorder = record(&ring);
    let rare = (17, (0x0a63_6363, 5353), (0x0a63_6364, 53));
    let mut asked_for = 0;
    for (n, packet) in packets(60_000).iter().enumerate() {
        packet.append(&mut recorder);
        if n % 20_000 == 7 {
            Packet::new(packet.stamp, frame(rare.0, rare.1, rare.2, 9)).append(&mut recorder);
            asked_for += 1;
        }
        if n % 1000 == 0 {
            recorder.flush();
        }
    }
    drop(recorder);
    let query = |filter| Query { filter, ..all(100) };
    let whole = ask(&ring, &query(Filter::expression("udp").unwrap()));
    assert!(whole.scanned_bytes * 10 > ring.stats().bytes * 8);
    for filter in [tuple(rare.0, rare.1, rare.2), tuple(rare.0, rare.2, rare.1)] {
        let sample = ask(&ring, &query(filter));
        assert_eq!(sample.packets.len(), asked_for);
        assert!(sample.scanned_packets < 3 * 1100, "{}", sample.scanned_packets);
        assert!(
            sample.scanned_bytes * 4 < whole.scanned_bytes,
            "{} {}",
            sample.scanned_bytes,
            whole.scanned_bytes
        );
    }
    let absent = ask(&ring, &query(tuple(17, (1, 1), (2, 2))));
    assert_eq!((absent.packets.len(), absent.scanned_packets), (0, 0));
    assert_eq!(absent.complete_from, None);
}

#[test]
fn a_query_ends_where_it_may_read_no_more_and_says_so() {
    let lab = Lab::new(small());
    let ring = lab.open();
    let mut recorder = record(&ring);
    let packets = packets(2000);
    for (n, packet) in packets.iter().enumerate() {
        packet.append(&mut recorder);
        if n % 50 == 0 {
            recorder.flush();
        }
    }
    recorder.flush();
    let mut before = 0;
    for scan_bytes_max in [0, 1, 8_000, 30_000] {
        let sample = ask(
            &ring,
            &Query {
                scan_bytes_max,
                ..all(5000)
            },
        );
        let from = sample.complete_from.unwrap().as_nanos().cast_unsigned();
        let complete: Vec<_> = packets.iter().filter(|packet| packet.stamp >= from).collect();
        let found = sample
            .packets
            .iter()
            .filter(|found| found.stamp.as_nanos().cast_unsigned() >= from);
        assert_eq!(found.count(), complete.len());
        assert!(sample.packets.len() >= before && sample.packets.len() < 2000);
        before = sample.packets.len();
    }
    assert!(before > 200, "{before}");
    // Cancelled after a few looks.
    let looks = std::cell::Cell::new(0);
    let sample = ring.query(&all(5000), &|| looks.replace(looks.get() + 1) >= 3).unwrap();
    assert!(sample.packets.len() < 1000 && sample.complete_from.is_some());
}

#[test]
fn a_filter_without_meaning_on_a_link_says_so() {
    let lab = Lab::new(small());
    let ring = lab.open();
    let mut recorder = record(&ring);
    let radio = recorder.interface("mon0", baleen_types::LinkType::RADIOTAP).unwrap();
    let packets = packets(4);
    packets[0].append(&mut recorder);
    Packet {
        interface: radio,
        ..packets[1].clone()
    }
    .append(&mut recorder);
    let sample = ask(
        &ring,
        &Query {
            filter: tuple(6, (0x0a00_0001, 1000), (0xc0a8_0001, 443)),
            ..all(10)
        },
    );
    assert_eq!(sample.links_left_out, [baleen_types::LinkType::RADIOTAP]);
    assert_eq!(sample.packets.len(), 1);
    assert_eq!(ask(&ring, &all(10)).packets.len(), 2);
}
