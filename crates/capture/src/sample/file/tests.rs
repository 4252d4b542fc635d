use super::*;
use baleen_pcapfile::{Direction, Item, Reader};
use baleen_types::Timestamp;

const LINKS: [(&str, LinkType); 3] = [
    ("eth0", LinkType::ETHERNET),
    ("any", LinkType::LINUX_SLL2),
    ("tun0", LinkType::RAW),
];

/// Packets of these links, one each second, of 200 bytes of which the ring kept all.
fn gathered(links: &[usize]) -> Gathered {
    let packet = |(second, interface): (usize, &usize)| Found {
        stamp: Timestamp::from_nanos(i64::try_from(second).unwrap() * 1_000_000_000 + 123_456_789),
        interface: *interface,
        direction: Some(Direction::Outbound),
        original_length: 1000,
        bytes: (0..200u8).collect(),
    };
    Gathered {
        packets: links.iter().enumerate().map(packet).collect(),
        interfaces: LINKS
            .iter()
            .map(|(name, link)| Interface {
                name: (*name).into(),
                link: *link,
            })
            .collect(),
        notes: Vec::new(),
    }
}

/// The stamps of a file's packets and the links they are of; each has the first 160 bytes.
fn read(file: &File) -> Vec<(u64, LinkType)> {
    let mut reader = Reader::new(file.bytes.as_slice()).unwrap();
    let mut packets = Vec::new();
    while let Some(item) = reader.next_item().unwrap() {
        if let Item::Packet(packet) = item {
            let first: Vec<u8> = (0..160).collect();
            assert_eq!((packet.bytes, packet.original_length), (first.as_slice(), 1000));
            packets.push((packet.stamp_nanos.unwrap(), packet.link));
        }
    }
    assert!(!reader.is_cut());
    assert_eq!(file.counts.packets, packets.len() as u64);
    assert_eq!(file.counts.bytes, 160 * packets.len() as u64);
    packets
}

fn told() -> Told<'static> {
    Told {
        filter: "tcp",
        comments: vec!["a comment".to_owned()],
    }
}

#[test]
fn a_pcap_file_has_the_link_of_most() {
    for (links, kept, link, others) in [
        (&[][..], &[][..], LinkType::ETHERNET, 0),
        (&[0, 0], &[0, 1], LinkType::ETHERNET, 0),
        (&[0, 1, 1], &[1, 2], LinkType::LINUX_SLL2, 1),
        // Of as many, the lower number.
        (&[1, 0, 2], &[1], LinkType::ETHERNET, 2),
    ] {
        let file = write(&gathered(links), Format::Pcap, &told());
        let micros = |second: &u64| second * 1_000_000_000 + 123_456_000;
        let wanted: Vec<_> = kept.iter().map(|second| (micros(second), link)).collect();
        assert_eq!(read(&file), wanted, "{links:?}");
        assert_eq!(
            file.bytes[16..22],
            [[160, 0, 0, 0].as_slice(), &link.number().to_le_bytes()].concat(),
            "{links:?}"
        );
        let says = file
            .note
            .map(|note| note.starts_with(&format!("{others} packets are of other links")));
        assert_eq!(says, (others > 0).then_some(true), "{links:?}");
    }
}

#[test]
fn a_pcapng_file_has_all() {
    let file = write(&gathered(&[2, 0, 1, 0]), Format::PcapNg, &told());
    let links: Vec<_> = read(&file).into_iter().map(|(_, link)| link).collect();
    assert_eq!(links, [2, 0, 1, 0].map(|at: usize| LINKS[at].1));
    assert_eq!(file.note, None);
    let has = |text: &str| file.bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(has("a comment") && has("tcp") && has("tun0"));
    assert_eq!(read(&write(&gathered(&[]), Format::PcapNg, &told())), []);
}
