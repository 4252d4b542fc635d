use super::*;
use crate::{Item, NG_OVERHEAD_MAX, Reader};

fn interface() -> Interface {
    Interface {
        link: LinkType::ETHERNET,
        snaplen: 262_144,
        name: "eth0".to_owned(),
        description: "uplink".to_owned(),
        filter: "tcp port 443".to_owned(),
        mac: Some([2, 0, 0, 0, 0, 1]),
        speed: Some(10_000_000_000),
    }
}

fn file() -> Vec<u8> {
    let mut out = Vec::new();
    put_section(
        &mut out,
        &Section {
            hardware: "x86_64".to_owned(),
            os: "Linux 6.1".to_owned(),
            application: "Baleen".to_owned(),
            comments: vec!["capture 1".to_owned(), "caf\u{e9}".to_owned()],
        },
    );
    put_interface(&mut out, &interface());
    out
}

#[test]
fn what_is_written_is_read() {
    let mut out = file();
    for length in 0..9usize {
        let bytes = &b"12345678"[..length.min(8)];
        let record = Record {
            direction: (length % 2 == 0).then_some(Direction::Outbound),
            dropped: if length == 5 { 77 } else { 0 },
            ..Record::new(1_700_000_000_123_456_789, 100, bytes)
        };
        let before = out.len();
        put_packet(&mut out, &record);
        assert!(out.len() - before <= bytes.len() + NG_OVERHEAD_MAX);
    }
    let statistics = Statistics {
        stamp_nanos: 1_700_000_001_000_000_001,
        start_nanos: Some(1_700_000_000_000_000_000),
        end_nanos: Some(1_700_000_001_000_000_000),
        received: Some(1),
        interface_dropped: Some(2),
        accepted: Some(3),
        os_dropped: Some(4),
        delivered: Some(u64::MAX),
        interface: 0,
    };
    let before = out.len();
    put_statistics(&mut out, &statistics);
    assert_eq!(out.len() - before, STATISTICS_BYTES_MAX);
    let mut reader = Reader::new(out.as_slice()).unwrap();
    match reader.next_item().unwrap() {
        Some(Item::Interface(info)) => {
            assert_eq!(
                (info.name.as_str(), info.filter.as_str(), info.snaplen),
                ("eth0", "tcp port 443", 262_144)
            );
        }
        other => panic!("{other:?}"),
    }
    for length in 0..9usize {
        match reader.next_item().unwrap() {
            Some(Item::Packet(packet)) => {
                assert_eq!(packet.bytes, &b"12345678"[..length.min(8)]);
                assert_eq!(packet.stamp_nanos, Some(1_700_000_000_123_456_789));
                assert_eq!(packet.dropped, if length == 5 { 77 } else { 0 });
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(reader.next_item().unwrap(), Some(Item::Statistics(statistics)));
    assert_eq!(reader.next_item().unwrap(), None);
}

#[test]
fn the_statistics_block_has_its_stated_length() {
    let mut out = file();
    let before = out.len();
    put_statistics(&mut out, &Statistics::default());
    assert!(out.len() - before <= STATISTICS_BYTES_MAX);
    assert_eq!(out.len() % 4, 0);
}

#[test]
fn long_texts_are_cut_between_characters() {
    let mut out = Vec::new();
    put_section(
        &mut out,
        &Section {
            comments: vec!["\u{e9}".repeat(OPTION_BYTES_MAX)],
            ..Section::default()
        },
    );
    assert!(out.len() < OPTION_BYTES_MAX + 64);
    assert!(Reader::new(out.as_slice()).is_ok());
    assert_eq!(cut("a\u{e9}", 2), "a");
}
