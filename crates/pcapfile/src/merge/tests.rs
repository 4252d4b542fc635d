use super::*;
use crate::ng;
use baleen_types::LinkType;
use proptest::prelude::*;

fn interface(name: &str) -> Interface {
    Interface {
        filter: "udp".to_owned(),
        ..Interface::new(LinkType::ETHERNET, 100, name)
    }
}

/// A file of packets of two interfaces; each packet's bytes are its stamp.
fn file(stamps: &[u64]) -> Vec<u8> {
    let mut out = Vec::new();
    ng::put_section(&mut out, &ng::Section::default());
    for name in ["a", "b"] {
        ng::put_interface(&mut out, &interface(name));
    }
    for (n, stamp) in (0..).zip(stamps) {
        let bytes = stamp.to_le_bytes();
        let packet = Record {
            interface: n % 2,
            direction: [None, Some(Direction::Inbound), Some(Direction::Outbound)][n as usize % 3],
            dropped: u64::from(n % 5),
            ..Record::new(*stamp, 60, &bytes)
        };
        ng::put_packet(&mut out, &packet);
    }
    for interface in 0..2 {
        let statistics = Statistics {
            interface,
            stamp_nanos: 5000,
            received: Some(u64::from(interface) + 7),
            ..Statistics::default()
        };
        ng::put_statistics(&mut out, &statistics);
    }
    out
}

fn source(place: usize, file: &[u8], ahead_nanos: i64) -> MergeSource<&[u8]> {
    MergeSource {
        file,
        name: format!("site{place}"),
        description: format!("off by {ahead_nanos}"),
        ahead_nanos,
    }
}

/// What is seen of a packet: its interface, its stamp, its stamp before, its losses and its direction.
type Seen = (u32, u64, u64, u64, Option<Direction>);

fn all(mut merge: Merge<&[u8]>) -> (Vec<Interface>, Vec<Seen>, Vec<Statistics>) {
    let (mut interfaces, mut packets) = (Vec::new(), Vec::new());
    while let Some(next) = merge.next_merged().unwrap() {
        match next {
            Merged::Interface(interface) => interfaces.push(interface),
            Merged::Packet(record) => {
                assert!(
                    (record.interface as usize) < interfaces.len(),
                    "it comes before its packets"
                );
                let was = u64::from_le_bytes(record.pieces[0].try_into().unwrap());
                packets.push((
                    record.interface,
                    record.stamp_nanos,
                    was,
                    record.dropped,
                    record.direction,
                ));
            }
        }
    }
    let statistics = merge.statistics().collect();
    (interfaces, packets, statistics)
}

#[test]
fn each_interface_keeps_its_own() {
    let (one, two) = (file(&[1000, 1400]), file(&[2100, 2200, 2300]));
    let merge = Merge::new([source(0, &one, -200), source(1, &two, 1000)]).unwrap();
    let (interfaces, packets, statistics) = all(merge);
    let names: Vec<_> = interfaces.iter().map(|interface| &*interface.name).collect();
    assert_eq!(names, ["site0/a", "site0/b", "site1/a", "site1/b"]);
    assert_eq!(interfaces[2].description, "off by 1000");
    assert_eq!((interfaces[3].snaplen, &*interfaces[3].filter), (100, "udp"));
    let (inbound, outbound) = (Some(Direction::Inbound), Some(Direction::Outbound));
    assert_eq!(
        packets,
        [
            (2, 1100, 2100, 0, None),
            (0, 1200, 1000, 0, None),
            (3, 1200, 2200, 1, inbound),
            (2, 1300, 2300, 2, outbound),
            (1, 1600, 1400, 1, inbound),
        ]
    );
    let counters = statistics
        .iter()
        .map(|found| (found.interface, found.stamp_nanos, found.received));
    assert_eq!(
        counters.collect::<Vec<_>>(),
        [
            (0, 5200, Some(7)),
            (1, 5200, Some(8)),
            (2, 4000, Some(7)),
            (3, 4000, Some(8))
        ]
    );
}

#[test]
fn a_damaged_file_ends_and_the_others_go_on() {
    let (one, two) = (file(&[1, 2, 3, 4]), file(&[2, 5, 6]));
    let whole = all(Merge::new([source(0, &one, 0), source(1, &two, 0)]).unwrap()).1;
    for end in 0..one.len() {
        let mut damaged = one[..end].to_vec();
        for is_flipped in [false, true] {
            if is_flipped {
                damaged = one.clone();
                damaged[end] ^= 0xff;
            }
            let merge = Merge::new([source(0, &damaged, 0), source(1, &two, 0)]).unwrap();
            let (_, packets, _) = all(merge);
            let of_second: Vec<_> = packets.iter().map(|packet| packet.2).collect();
            for stamp in [2, 5, 6] {
                assert!(of_second.contains(&stamp), "{end} {is_flipped}");
            }
            assert!(packets.len() <= whole.len());
        }
    }
}

#[test]
fn none_and_empty_ones_are_merged() {
    assert!(Merge::<&[u8]>::new([]).unwrap().next_merged().unwrap().is_none());
    let (interfaces, packets, _) = all(Merge::new([source(0, &file(&[]), 0), source(1, &file(&[]), 9)]).unwrap());
    assert_eq!((interfaces.len(), packets.len()), (4, 0));
}

/// What it tells of is kept until a packet comes; so there is an end to it.
#[test]
fn a_file_of_interfaces_alone_ends() {
    let mut many = Vec::new();
    for _ in 0..1000 {
        ng::put_section(&mut many, &ng::Section::default());
        ng::put_interface(&mut many, &interface("a"));
        ng::put_statistics(&mut many, &Statistics::default());
    }
    ng::put_packet(&mut many, &Record::new(1, 60, &[0; 8]));
    let (interfaces, packets, statistics) = all(Merge::new([source(0, &many, 0), source(1, &file(&[2]), 0)]).unwrap());
    assert_eq!((interfaces.len(), packets.len()), (MERGED_INTERFACES_MAX + 2, 1));
    assert_eq!(statistics.len(), MERGED_INTERFACES_MAX + 2);
}

proptest! {
    /// Each packet once, those of a file in their order, and in order of time where the files are.
    #[test]
    fn packets_come_in_order(
        files in proptest::collection::vec((proptest::collection::vec(0..100_000_u64, 0..40), -9000..9000_i64, any::<bool>()), 0..6),
    ) {
        let files: Vec<_> = files
            .into_iter()
            .map(|(mut stamps, ahead, is_sorted)| {
                if is_sorted {
                    stamps.sort_unstable();
                }
                (file(&stamps), stamps, ahead, is_sorted)
            })
            .collect();
        let sources = files.iter().enumerate().map(|(place, (bytes, _, ahead, _))| source(place, bytes, *ahead));
        let (_, packets, _) = all(Merge::new(sources).unwrap());
        for (place, (_, stamps, ahead, _)) in files.iter().enumerate() {
            let own: Vec<_> = packets.iter().filter(|packet| packet.0 as usize / 2 == place).collect();
            prop_assert_eq!(&own.iter().map(|packet| packet.2).collect::<Vec<_>>(), stamps);
            for packet in own {
                prop_assert_eq!(packet.1, corrected(packet.2, *ahead));
            }
        }
        if files.iter().all(|file| file.3) {
            prop_assert!(packets.is_sorted_by_key(|packet| packet.1));
        }
    }
}
