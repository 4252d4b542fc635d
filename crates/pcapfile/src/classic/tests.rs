use super::*;
use crate::{CLASSIC_OVERHEAD, Item, Reader};

#[test]
fn bytes_of_a_file() {
    let mut out = Vec::new();
    put_header(&mut out, LinkType::ETHERNET, 65_535, Precision::Micros);
    assert_eq!(
        out,
        [
            0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 0, 0, 0
        ]
    );
    let start = out.len();
    put_packet(&mut out, &Record::new(1_000_002_003, 1500, b"abc"), Precision::Micros);
    assert_eq!(
        out[start..],
        [1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0xdc, 5, 0, 0, b'a', b'b', b'c']
    );
    assert_eq!(out.len() - start, CLASSIC_OVERHEAD + 3);
}

#[test]
fn what_is_written_is_read() {
    for (precision, stamp) in [
        (Precision::Micros, 1_700_000_000_123_456_000),
        (Precision::Nanos, 1_700_000_000_123_456_789),
    ] {
        let mut out = Vec::new();
        put_header(&mut out, LinkType::LINUX_SLL2, 96, precision);
        let record = Record {
            pieces: [b"ab", b"cd", b"e"],
            ..Record::new(stamp, 9, b"")
        };
        put_packet(&mut out, &record, precision);
        let mut reader = Reader::new(out.as_slice()).unwrap();
        assert!(
            matches!(reader.next_item().unwrap(), Some(Item::Interface(i)) if i.link == LinkType::LINUX_SLL2 && i.snaplen == 96)
        );
        match reader.next_item().unwrap() {
            Some(Item::Packet(packet)) => {
                assert_eq!((packet.stamp_nanos, packet.original_length), (Some(stamp), 9));
                assert_eq!(packet.bytes, b"abcde");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(reader.next_item().unwrap(), None);
        assert!(!reader.is_cut());
        assert_eq!(reader.intact_bytes(), out.len() as u64);
    }
}
