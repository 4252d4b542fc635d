use super::*;
use baleen_types::LinkType;
use proptest::prelude::*;

/// A fake block as the kernel builds one: each packet is (seconds, bytes, tag).
fn build(packets: &[(u32, &[u8], Option<VlanTag>)]) -> Vec<u8> {
    let mut block = vec![0u8; 64 * 1024];
    let mut at = BLOCK_HEADER_BYTES;
    put(&mut block, 8, 1);
    put(&mut block, 12, u32::try_from(packets.len()).unwrap());
    put(&mut block, 16, u32::try_from(at).unwrap());
    block[24..32].copy_from_slice(&7u64.to_ne_bytes());
    for (n, (seconds, bytes, tag)) in packets.iter().enumerate() {
        let room = (82 + bytes.len()).next_multiple_of(16);
        let is_last = n + 1 == packets.len();
        put(&mut block, at, if is_last { 0 } else { u32::try_from(room).unwrap() });
        put(&mut block, at + 4, *seconds);
        put(&mut block, at + 8, 5);
        put(&mut block, at + 12, u32::try_from(bytes.len()).unwrap());
        put(&mut block, at + 16, u32::try_from(bytes.len() + 100).unwrap());
        put(&mut block, at + 20, if tag.is_some() { 1 | 1 << 4 | 1 << 6 } else { 1 });
        block[at + 24..at + 26].copy_from_slice(&82u16.to_ne_bytes());
        if let Some(tag) = tag {
            put(&mut block, at + 32, u32::from(tag.control));
            block[at + 36..at + 38].copy_from_slice(&tag.protocol.to_ne_bytes());
        }
        block[at + 50..at + 52].copy_from_slice(&0x0800u16.to_be_bytes());
        put(&mut block, at + 52, 3);
        block[at + 82..at + 82 + bytes.len()].copy_from_slice(bytes);
        at += room;
    }
    put(&mut block, 20, u32::try_from(at).unwrap());
    block
}

fn put(block: &mut [u8], at: usize, value: u32) {
    block[at..at + 4].copy_from_slice(&value.to_ne_bytes());
}

#[test]
fn packets_come_in_order_with_all_fields() {
    let tag = VlanTag {
        protocol: 0x88a8,
        control: 0x2005,
    };
    let block = build(&[
        (1, b"first frame of the block", None),
        (2, b"second, tagged", Some(tag)),
    ]);
    let walk = walk_block(&block).unwrap();
    assert_eq!((walk.remaining(), walk.sequence()), (2, 7));
    let packets: Vec<_> = walk.collect();
    assert_eq!(packets.len(), 2);
    assert_eq!(packets[0].bytes, b"first frame of the block");
    assert_eq!(packets[0].stamp_nanos(), 1_000_000_005);
    assert_eq!((packets[0].vlan, packets[0].link.interface), (None, 3));
    assert_eq!((packets[1].vlan, packets[1].link.protocol), (Some(tag), 0x0800));
    assert_eq!(packets[1].original_length, 114);
}

#[test]
fn a_tag_is_put_back_behind_the_addresses() {
    let tag = VlanTag {
        protocol: 0x8100,
        control: 0x0064,
    };
    let block = build(&[(1, b"ddddddssssss\x08\x00payload", Some(tag))]);
    let packet = walk_block(&block).unwrap().next().unwrap();
    let whole = |snaplen| {
        let pieces = packet.pieces(LinkType::ETHERNET, snaplen);
        let bytes = [pieces.head, pieces.inserted(), pieces.tail].concat();
        assert_eq!(bytes.len(), pieces.captured_length());
        (bytes, pieces.original_length)
    };
    assert_eq!(
        whole(262_144),
        (b"ddddddssssss\x81\x00\x00\x64\x08\x00payload".to_vec(), 125)
    );
    assert_eq!(whole(18), (b"ddddddssssss\x81\x00\x00\x64\x08\x00".to_vec(), 125));
}

#[test]
fn a_cooked_packet_gets_its_header_and_its_tag() {
    let tag = VlanTag {
        protocol: 0x8100,
        control: 0x0064,
    };
    let block = build(&[(1, b"ip", None), (1, b"ip", Some(tag))]);
    let packets: Vec<_> = walk_block(&block).unwrap().collect();
    let bytes = |n: usize| {
        let pieces = packets[n].pieces(LinkType::LINUX_SLL2, 262_144);
        [pieces.head, pieces.inserted(), pieces.tail].concat()
    };
    let plain = bytes(0);
    assert_eq!(&plain[..8], [8, 0, 0, 0, 0, 0, 0, 3]);
    assert_eq!(&plain[20..], b"ip");
    let tagged = bytes(1);
    assert_eq!(&tagged[..2], [0x81, 0]);
    assert_eq!(&tagged[20..], b"\x00\x64\x08\x00ip");
}

#[test]
fn nonsense_ends_the_walk() {
    let good = build(&[(1, b"one", None), (2, b"two", None), (3, b"three", None)]);
    // (offset in the block, value, packets still yielded)
    for (offset, value, yielded) in [
        (12, u32::MAX, 3),             // more packets than there are: the last has step 0
        (16, 0xffff_fff0, usize::MAX), // first packet outside: refused
        (16, 0, usize::MAX),           // first packet inside the block header: refused
        (20, 0, usize::MAX),           // nothing valid
        (20, 60, 0),                   // cut inside of the first packet header
        (48, 0, 1),                    // step in place
        (48, 8, 1),                    // step smaller than a header
        (48, u32::MAX, 1),             // step out of the block
        (60, u32::MAX, 0),             // captured length out of the block
        (72, u32::MAX, 0),             // data offset out of the block
    ] {
        let mut block = good.clone();
        put(&mut block, offset, value);
        match walk_block(&block) {
            None => assert_eq!(yielded, usize::MAX, "offset {offset}"),
            Some(walk) => assert_eq!(walk.count(), yielded, "offset {offset}"),
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_walked_to_an_end(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..600),
        first in 48u32..200, count in 0u32..64, length in 0u32..700, step in 0u32..300,
    ) {
        if bytes.len() > 52 {
            put(&mut bytes, 12, count);
            put(&mut bytes, 16, first);
            put(&mut bytes, 20, length);
            let at = first as usize;
            if at + 4 <= bytes.len() { put(&mut bytes, at, step); }
        }
        if let Some(walk) = walk_block(&bytes) {
            prop_assert!(walk.clone().count() <= bytes.len() / PACKET_HEADER_BYTES + 1);
            for packet in walk {
                for link in [LinkType::ETHERNET, LinkType::LINUX_SLL2, LinkType::RAW] {
                    let pieces = packet.pieces(link, 64);
                    prop_assert!(pieces.captured_length() <= 64);
                }
            }
        }
    }
}
