//! Masking of packets that are made here, byte by byte.

use super::address::{AddressKey, Addresses};
use super::{Mask, Masking};
use crate::dissect;
use baleen_types::LinkType;
use proptest::prelude::*;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The key of the sample that comes with the authors' program.
const KEY: [u8; 32] = [
    21, 34, 23, 141, 51, 164, 207, 128, 19, 10, 91, 22, 73, 144, 125, 16, 216, 152, 143, 131, 121, 121, 101, 39, 98,
    87, 76, 45, 42, 132, 34, 2,
];

fn addresses() -> Addresses {
    Addresses::new(&AddressKey::new(KEY))
}

fn anonymising() -> Mask {
    Mask::new(&Masking {
        addresses: Some(AddressKey::new(KEY)),
        ..Masking::default()
    })
}

fn masked(mut mask: Mask, link: LinkType, packet: &[u8]) -> Vec<u8> {
    let mut bytes = packet.to_vec();
    mask.apply(link, &mut bytes, u32::try_from(packet.len()).unwrap());
    bytes
}

#[test]
fn the_samples_of_the_authors() {
    let mut known = addresses();
    for (raw, wanted) in [
        ("128.11.68.132", "135.242.180.132"),
        ("129.118.74.4", "134.136.186.123"),
        ("130.132.252.244", "133.68.164.234"),
        ("141.223.7.43", "141.167.8.160"),
        ("141.233.145.108", "141.129.237.235"),
        ("152.163.225.39", "151.140.114.167"),
        ("156.29.3.236", "147.225.12.42"),
        ("165.247.96.84", "162.9.99.234"),
        ("166.107.77.190", "160.132.178.185"),
        ("192.102.249.13", "252.138.62.131"),
        ("192.215.32.125", "252.43.47.189"),
        ("192.233.80.103", "252.25.108.8"),
        ("192.41.57.43", "252.222.221.184"),
        ("193.150.244.223", "253.169.52.216"),
        ("195.205.63.100", "255.186.223.5"),
        ("198.200.171.101", "249.199.68.213"),
    ] {
        let raw: Ipv4Addr = raw.parse().unwrap();
        let wanted: Ipv4Addr = wanted.parse().unwrap();
        assert_eq!(Ipv4Addr::from(known.v4(raw.octets())), wanted, "{raw}");
        // Asked again, it is remembered.
        assert_eq!(Ipv4Addr::from(known.v4(raw.octets())), wanted, "{raw}");
    }
    for (raw, wanted) in [
        ("::1", "78ff:f001:9fc0:20df:8380:b1f1:704:ed"),
        ("::2", "78ff:f001:9fc0:20df:8380:b1f1:704:ef"),
        ("2001:db8::1", "4401:2bc:603f:d91d:27f:ff8e:e6f1:dc1e"),
        ("2001:db8::2", "4401:2bc:603f:d91d:27f:ff8e:e6f1:dc1c"),
    ] {
        let raw: Ipv6Addr = raw.parse().unwrap();
        assert_eq!(Ipv6Addr::from(known.v6(raw.octets())).to_string(), wanted, "{raw}");
    }
}

#[test]
fn a_key_is_read_and_not_shown() {
    let text = "15221 78d33a4cf80".replace(' ', "");
    assert!(AddressKey::from_hex(&text).is_none());
    let text = KEY.map(|byte| format!("{byte:02X}")).concat();
    assert_eq!(AddressKey::from_hex(&text), Some(AddressKey::new(KEY)));
    assert!(AddressKey::from_hex(&text.replace('F', "G")).is_none());
    assert!(AddressKey::from_hex(&"é".repeat(32)).is_none());
    let shown = format!("{:?}", anonymising());
    assert!(!shown.contains("21") && shown.contains("Addresses(..)"), "{shown}");
}

fn common_bits(a: &[u8], b: &[u8]) -> u32 {
    let mut bits = 0;
    for (a, b) in a.iter().zip(b) {
        if a == b {
            bits += 8;
        } else {
            return bits + (a ^ b).leading_zeros();
        }
    }
    bits
}

proptest! {
    #[test]
    fn prefixes_are_kept(a: [u8; 4], b: [u8; 4], c: [u8; 16], d: [u8; 16], cut in 0usize..16) {
        let mut known = addresses();
        prop_assert_eq!(common_bits(&known.v4(a), &known.v4(b)), common_bits(&a, &b));
        // Two that begin alike, which two at random do not.
        let mut near = c;
        near[cut..].copy_from_slice(&d[cut..]);
        prop_assert_eq!(common_bits(&known.v6(c), &known.v6(near)), common_bits(&c, &near));
    }

    #[test]
    fn ethernet_addresses_keep_their_kind(a: [u8; 6], b: [u8; 6]) {
        let mut known = addresses();
        let (to_a, to_b) = (known.mac(a), known.mac(b));
        prop_assert_eq!(a[0] & 1, to_a[0] & 1);
        prop_assert_eq!(a == b, to_a == to_b);
    }

    /// Whatever comes: no panic, never longer, and nothing at all of a link that is not known.
    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300), more in 0u32..3000, headers_only: bool, zero_payload: bool, addresses: bool) {
        let masking = Masking { headers_only, zero_payload, addresses: addresses.then(|| AddressKey::new(KEY)) };
        for link in [LinkType::ETHERNET, LinkType::RAW, LinkType::LINUX_SLL, LinkType::LINUX_SLL2, LinkType::RADIOTAP] {
            let mut packet = bytes.clone();
            Mask::new(&masking).apply(link, &mut packet, u32::try_from(bytes.len()).unwrap() + more);
            prop_assert!(packet.len() <= bytes.len());
            prop_assert!(link != LinkType::RADIOTAP || packet.is_empty());
        }
    }

    /// An address anywhere behind the first header of any protocol, in any state of disorder: it is not kept.
    #[test]
    fn no_address_is_kept(
        // What has a further packet in it may have one with numbers that look like an address.
        protocol in prop_oneof![Just(1u8), Just(2), Just(6), Just(17), Just(58), Just(132), any::<u8>()]
            .prop_filter("a tunnel", |protocol| ![0, 4, 41, 43, 44, 47, 51, 60].contains(protocol)),
        is_v6: bool,
        // Behind the longest header of TCP, in which there are numbers too.
        head in proptest::collection::vec(any::<u8>(), 60..160),
        tail in proptest::collection::vec(any::<u8>(), 0..60),
        cut in 0usize..60,
    ) {
        let payload = [&head[..], &SOURCE, &tail].concat();
        let packet = if is_v6 { v6(protocol, &payload) } else { v4(protocol, &payload) };
        let mut kept = packet[..packet.len() - cut.min(tail.len())].to_vec();
        anonymising().apply(LinkType::RAW, &mut kept, u32::try_from(packet.len()).unwrap());
        prop_assert!(!contains(&kept, &SOURCE), "{kept:02x?}");
    }

    /// A packet of IP with anything behind a true header: still no panic, and a later cut shows no more than an earlier one.
    #[test]
    fn any_bytes_behind_a_header(protocol: u8, is_v6: bool, bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let packet = if is_v6 { v6(protocol, &bytes) } else { v4(protocol, &bytes) };
        let whole = masked(anonymising(), LinkType::RAW, &packet);
        prop_assert!(whole.len() <= packet.len());
        prop_assert!(!contains(&whole, &SOURCE) && !contains(&whole, &SOURCE_V6));
    }
}

const SOURCE: [u8; 4] = [198, 51, 100, 77];
const TARGET: [u8; 4] = [203, 0, 113, 99];
const SOURCE_V6: [u8; 16] = *b"\x20\x01\x0d\xb8\xfe\xed\xbe\xef\x12\x34\x56\x78\x9a\xbc\xde\xf1";
const TARGET_V6: [u8; 16] = *b"\x20\x01\x0d\xb8\xca\xfe\xf0\x0d\x11\x22\x33\x44\x55\x66\x77\x88";

fn sum(parts: &[&[u8]]) -> u16 {
    let bytes = parts.concat();
    let mut sum = 0u32;
    for pair in bytes.chunks(2) {
        sum += u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
    }
    while sum > 0xFFFF {
        sum = (sum >> 16) + (sum & 0xFFFF);
    }
    !u16::try_from(sum).unwrap()
}

fn v4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let total = u16::try_from(20 + payload.len()).unwrap().to_be_bytes();
    let mut packet = vec![0x45, 0, total[0], total[1], 7, 7, 0, 0, 64, protocol, 0, 0];
    packet.extend(SOURCE);
    packet.extend(TARGET);
    let checksum = sum(&[&packet]).to_be_bytes();
    packet[10..12].copy_from_slice(&checksum);
    packet.extend(payload);
    packet
}

fn v6(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let mut packet = vec![0x60, 0, 0, 0, length[0], length[1], protocol, 64];
    packet.extend(SOURCE_V6);
    packet.extend(TARGET_V6);
    packet.extend(payload);
    packet
}

fn pseudo(protocol: u8, length: usize, is_v6: bool) -> Vec<u8> {
    let mut bytes = if is_v6 {
        [SOURCE_V6, TARGET_V6].concat()
    } else {
        [SOURCE, TARGET].concat()
    };
    bytes.extend([0, protocol]);
    bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
    bytes
}

/// Puts a right checksum at `at`.
fn summed(protocol: u8, mut bytes: Vec<u8>, at: usize, is_v6: bool) -> Vec<u8> {
    let checksum = sum(&[&pseudo(protocol, bytes.len(), is_v6), &bytes]).to_be_bytes();
    bytes[at..at + 2].copy_from_slice(&checksum);
    bytes
}

fn udp(from: u16, to: u16, payload: &[u8], is_v6: bool) -> Vec<u8> {
    let mut bytes = [from.to_be_bytes(), to.to_be_bytes()].concat();
    bytes.extend(u16::try_from(8 + payload.len()).unwrap().to_be_bytes());
    bytes.extend([0, 0]);
    bytes.extend(payload);
    summed(17, bytes, 6, is_v6)
}

fn tcp(payload: &[u8], options: &[u8], is_v6: bool) -> Vec<u8> {
    let mut bytes = vec![0xC0, 0, 0, 80, 1, 2, 3, 4, 5, 6, 7, 8];
    bytes.extend([
        u8::try_from(5 + options.len() / 4).unwrap() << 4,
        0x18,
        0xFF,
        0xFF,
        0,
        0,
        0,
        0,
    ]);
    bytes.extend(options);
    bytes.extend(payload);
    summed(6, bytes, 16, is_v6)
}

fn contains(bytes: &[u8], run: &[u8]) -> bool {
    bytes.windows(run.len()).any(|window| window == run)
}

/// The checksum of what IPv4 carries, as a reader of the file computes it; 0 is right.
fn rest(packet: &[u8]) -> u16 {
    let header = usize::from(packet[0] & 15) * 4;
    let length = u16::try_from(packet.len() - header).unwrap().to_be_bytes();
    sum(&[&packet[12..20], &[0, packet[9]], &length, &packet[header..]])
}

#[test]
fn a_payload_goes_and_checksums_stay_right() {
    let secret = b"PASS hunter2, from 198.51.100.77";
    for (name, protocol, segment, header) in [
        ("tcp", 6, tcp(secret, &[], false), 40),
        ("udp", 17, udp(4000, 5000, secret, false), 28),
    ] {
        let packet = v4(protocol, &segment);
        assert_eq!(rest(&packet), 0, "{name}: the test's own");
        let zeroed = masked(
            Mask::new(&Masking {
                zero_payload: true,
                ..Masking::default()
            }),
            LinkType::RAW,
            &packet,
        );
        assert_eq!(zeroed.len(), packet.len(), "{name}");
        assert!(zeroed[header..].iter().all(|byte| *byte == 0), "{name}");
        assert_eq!(zeroed[12..20], packet[12..20], "{name}: addresses stay");
        assert_eq!((rest(&zeroed), sum(&[&zeroed[..20]])), (0, 0), "{name}");
        let cut = masked(
            Mask::new(&Masking {
                headers_only: true,
                ..Masking::default()
            }),
            LinkType::RAW,
            &packet,
        );
        assert_eq!(cut[..], zeroed[..header], "{name}");
        let other = masked(anonymising(), LinkType::RAW, &packet);
        assert_eq!((rest(&other), sum(&[&other[..20]])), (0, 0), "{name}");
        assert!(
            !contains(&other, &SOURCE) && !contains(&other, &TARGET) && !contains(&other, b"hunter2"),
            "{name}"
        );
        assert_eq!(other[12..16], addresses().v4(SOURCE), "{name}");
    }
}

#[test]
fn a_checksum_tells_nothing() {
    let good = v4(6, &tcp(b"data", &[], false));
    let mut left_to_the_card = good.clone();
    let partial = !sum(&[&pseudo(6, 24, false)]);
    left_to_the_card[36..38].copy_from_slice(&partial.to_be_bytes());
    // Of a packet that was sent, the card puts it right: the file has it as it went out.
    assert_eq!(
        masked(anonymising(), LinkType::RAW, &left_to_the_card),
        masked(anonymising(), LinkType::RAW, &good)
    );
    // Wrong ones are wrong alike, whatever they were.
    let wrong = |by: u8| {
        let mut packet = good.clone();
        packet[36] ^= by;
        masked(anonymising(), LinkType::RAW, &packet)
    };
    assert_ne!(rest(&wrong(1)), 0);
    assert_eq!(wrong(1), wrong(0x80));
    // None is none, and of a packet that was cut nobody can tell.
    let mut none = v4(17, &udp(1, 2, b"data", false));
    none[26..28].fill(0);
    assert_eq!(masked(anonymising(), LinkType::RAW, &none)[26..28], [0, 0]);
    let mut cut = good[..42].to_vec();
    anonymising().apply(LinkType::RAW, &mut cut, u32::try_from(good.len()).unwrap());
    assert_eq!((cut.len(), &cut[36..38]), (42, &[0, 0][..]));
}

#[test]
fn what_is_not_understood_is_cut() {
    let ether = |kind: [u8; 2], payload: &[u8]| [&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2], &kind[..], payload].concat();
    let fragment = |offset: u16, payload: &[u8]| {
        let mut packet = v4(17, payload);
        packet[6..8].copy_from_slice(&offset.to_be_bytes());
        packet
    };
    let raw = |packet: Vec<u8>| (LinkType::RAW, packet);
    for (name, (link, packet), kept) in [
        ("an EtherType", (LinkType::ETHERNET, ether([0x88, 0xCC], &SOURCE)), 14),
        ("a length of 802.3", (LinkType::ETHERNET, ether([0, 8], &SOURCE)), 14),
        ("a frame that breaks off", (LinkType::ETHERNET, vec![1; 13]), 0),
        (
            "ARP of something else",
            (LinkType::ETHERNET, ether([8, 6], &[0, 6, 8, 0, 6, 4, 0, 1].repeat(4))),
            14,
        ),
        ("a link that nobody knows", (LinkType::RADIOTAP, v4(6, b"")), 0),
        ("a version", raw([&[0x75][..], &v4(6, b"")[1..]].concat()), 0),
        (
            "a header that is too short",
            raw([&[0x44][..], &v4(6, b"")[1..]].concat()),
            0,
        ),
        ("a header that breaks off", raw(v4(6, b"")[..19].to_vec()), 0),
        ("a protocol", raw(v4(89, &SOURCE)), 20),
        ("a later fragment", raw(fragment(2, &SOURCE)), 20),
        ("a protocol in IPv6", raw(v6(89, &SOURCE)), 40),
        ("an extension header that breaks off", raw(v6(60, &[6, 9, 0, 0])), 40),
        ("nothing behind IPv6", raw(v6(59, &SOURCE)), 40),
        ("a kind of ICMP", raw(v4(1, &[200, 0, 0, 0, 198, 51, 100, 77, 1])), 24),
        (
            "a version of GRE",
            raw(v4(47, &[0x20, 1, 0x88, 0x0B, 198, 51, 100, 77])),
            20,
        ),
        (
            "tunnels without end",
            raw((0..12).fold(v4(6, &SOURCE), |inner, _| v4(4, &inner))),
            9 * 20,
        ),
    ] {
        let kept_bytes = masked(anonymising(), link, &packet);
        assert_eq!(kept_bytes.len(), kept, "{name}");
        assert!(!contains(&kept_bytes, &SOURCE), "{name}");
    }
}

#[test]
fn what_fills_a_frame_up_goes() {
    let mut frame = vec![0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 2, 0, 0, 0, 0, 2, 8, 0];
    frame.extend(v4(6, &tcp(b"", &[], false)));
    frame.extend(SOURCE);
    frame.extend([9; 6]);
    let kept = masked(anonymising(), LinkType::ETHERNET, &frame);
    assert_eq!(kept.len(), frame.len());
    assert_eq!(kept[54..], [0; 10]);
    assert_eq!((&kept[..6], rest(&kept[14..54])), (&[0xFF; 6][..], 0));
    assert_ne!(kept[6..12], frame[6..12]);
}

#[test]
fn the_packet_inside_icmp() {
    for (name, kind, head) in [("unreachable", 3, [0; 4]), ("redirect", 5, TARGET)] {
        let inner = v4(17, &udp(1000, 2000, b"whole and short", false));
        let mut message = [&[kind, 1, 0, 0][..], &head, &inner].concat();
        let checksum = sum(&[&message]).to_be_bytes();
        message[2..4].copy_from_slice(&checksum);
        let kept = masked(anonymising(), LinkType::RAW, &v4(1, &message));
        assert!(!contains(&kept, &SOURCE) && !contains(&kept, &TARGET), "{name}");
        assert_eq!(sum(&[&kept[20..]]), 0, "{name}: of the message");
        assert_eq!(
            (sum(&[&kept[28..48]]), rest(&kept[28..])),
            (0, 0),
            "{name}: of the packet in it"
        );
        // The beginning of one, as most have it: ports and no more.
        let mut message = [&[kind, 1, 0, 0][..], &head, &v4(6, &tcp(b"long", &[], false))[..28]].concat();
        let checksum = sum(&[&message]).to_be_bytes();
        message[2..4].copy_from_slice(&checksum);
        let kept = masked(anonymising(), LinkType::RAW, &v4(1, &message));
        assert_eq!((kept.len(), sum(&[&kept[20..]])), (56, 0), "{name}");
        assert_eq!(kept[48..50], [0xC0, 0], "{name}: the port");
    }
}

#[test]
fn options_with_addresses() {
    // Record route in IPv4; multipath TCP's "address advertised".
    let mut packet = v4(
        6,
        &tcp(b"", &[&[30, 8, 0x30, 1][..], &SOURCE, &[1, 1, 1, 1]].concat(), false),
    );
    packet[0] = 0x47;
    let route = [&[7, 7, 8][..], &SOURCE, &[0]].concat();
    packet.splice(20..20, route);
    let length = u16::try_from(packet.len()).unwrap().to_be_bytes();
    packet[2..4].copy_from_slice(&length);
    packet[10..12].fill(0);
    let checksum = sum(&[&packet[..28]]).to_be_bytes();
    packet[10..12].copy_from_slice(&checksum);
    let kept = masked(anonymising(), LinkType::RAW, &packet);
    assert_eq!(kept.len(), packet.len());
    assert!(!contains(&kept, &SOURCE));
    assert_eq!(kept[23..27], addresses().v4(SOURCE));
    assert_eq!((sum(&[&kept[..28]]), rest(&kept)), (0, 0));
    // Who hides no addresses has headers as they were.
    let plain = Mask::new(&Masking {
        zero_payload: true,
        ..Masking::default()
    });
    assert_eq!(masked(plain, LinkType::RAW, &packet), packet);
}

#[test]
fn options_of_a_wrong_length() {
    for kind in [2, 3, 4, 5, 8, 28, 30, 200] {
        let options = [&[kind, 6][..], &SOURCE, &[1, 1]].concat();
        let kept = masked(anonymising(), LinkType::RAW, &v4(6, &tcp(b"", &options, false)));
        assert!(!contains(&kept, &SOURCE), "{kind}");
        assert_eq!((kept.len(), rest(&kept)), (48, 0), "{kind}");
    }
    for kind in [1, 4, 5, 0xC2, 0xC9, 77] {
        let header = [&[6, 0, kind, 4][..], &SOURCE, &tcp(b"", &[], true)].concat();
        for place in [0, 60] {
            let kept = masked(anonymising(), LinkType::RAW, &v6(place, &header));
            assert!(kept.len() == 68 && !contains(&kept, &SOURCE), "{kind}");
        }
    }
    // Those of the right length stay.
    let options = [2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 3, 3, 7];
    let packet = v4(6, &tcp(b"", &options, false));
    assert_eq!(masked(anonymising(), LinkType::RAW, &packet)[40..], options);
}

#[test]
fn neighbours_and_routes_of_ipv6() {
    let mut ask = [
        &[135, 0, 0, 0, 0, 0, 0, 0][..],
        &SOURCE_V6,
        &[1, 1, 2, 0xAB, 0xCD, 0xEF, 1, 2],
    ]
    .concat();
    ask = summed(58, ask, 2, true);
    let kept = masked(anonymising(), LinkType::RAW, &v6(58, &ask));
    assert!(!contains(&kept, &SOURCE_V6) && !contains(&kept, &[0xAB, 0xCD, 0xEF]));
    let checked = |kept: &[u8], at: usize, protocol| {
        let length = u16::try_from(kept.len() - at).unwrap().to_be_bytes();
        sum(&[&kept[8..40], &[0, protocol], &length, &kept[at..]])
    };
    assert_eq!(checked(&kept, 40, 58), 0);
    // Segment routing: the last stop stands in the header of routes, and in the checksum.
    let last = *b"\x20\x01\x0d\xb8\xaa\xaa\xaa\xaa\x11\x11\x11\x11\x22\x22\x22\x22";
    let mut route = [&[17, 4, 4, 1, 1, 0, 0, 0][..], &last, &TARGET_V6].concat();
    let mut datagram = udp(1, 2, b"abc", true);
    datagram[6..8].fill(0);
    let length = u16::try_from(datagram.len()).unwrap().to_be_bytes();
    let checksum = sum(&[&SOURCE_V6, &last, &[0, 17], &length, &datagram]).to_be_bytes();
    datagram[6..8].copy_from_slice(&checksum);
    route.extend(datagram);
    let kept = masked(anonymising(), LinkType::RAW, &v6(43, &route));
    assert!(!contains(&kept, &last) && !contains(&kept, &TARGET_V6));
    assert_eq!(sum(&[&kept[8..24], &kept[48..64], &[0, 17], &length, &kept[80..]]), 0);
}

/// Words of headers in which nothing is to stand, with an address in them.
#[test]
fn reserved_words() {
    let inner = v4(17, &udp(1, 2, b"", false));
    for (kind, code, there) in [
        (3, 1, 0..0),
        (3, 4, 6..8),
        (4, 0, 0..0),
        (11, 0, 0..0),
        (12, 0, 4..5),
        (10, 0, 0..0),
    ] {
        let packet = v4(1, &[&[kind, code, 0, 0][..], &SOURCE, &inner].concat());
        let kept = masked(anonymising(), LinkType::RAW, &packet);
        for at in 4..8 {
            let wanted = if there.contains(&at) { packet[20 + at] } else { 0 };
            assert_eq!(kept[20 + at], wanted, "ICMP {kind} {code}, byte {at}");
        }
        let plain = Mask::new(&Masking {
            zero_payload: true,
            ..Masking::default()
        });
        let kept = masked(plain, LinkType::RAW, &packet);
        assert_eq!(kept[24..28], SOURCE, "{kind}: who hides no addresses has it as it was");
    }
    for (kind, there) in [
        (1, 0..0),
        (2, 4..8),
        (3, 0..0),
        (4, 4..8),
        (131, 4..6),
        (133, 0..0),
        (135, 0..0),
        (136, 4..5),
        (137, 0..0),
        (143, 6..8),
    ] {
        let packet = v6(58, &[&[kind, 0, 0, 0][..], &SOURCE, &TARGET_V6, &TARGET_V6].concat());
        let kept = masked(anonymising(), LinkType::RAW, &packet);
        for at in 4..8 {
            let wanted = if there.contains(&at) { packet[40 + at] } else { 0 };
            assert_eq!(kept[40 + at], wanted, "ICMPv6 {kind}, byte {at}");
        }
    }
    // Routes of each kind that is known; of the last one, which entry is the last and flags are not reserved.
    for (kind, there) in [(0, 0..0), (2, 0..0), (4, 4..6)] {
        let word = if kind == 4 { [0, 51, 100, 77] } else { SOURCE };
        let route = [&[59, 2, kind, 0][..], &word, &TARGET_V6].concat();
        let kept = masked(anonymising(), LinkType::RAW, &v6(43, &route));
        for at in 4..8 {
            let wanted = if there.contains(&at) { route[at] } else { 0 };
            assert_eq!(kept[40 + at], wanted, "routes {kind}, byte {at}");
        }
    }
}

/// A sender who is not at home: the checksum is of the address that it has there.
#[test]
fn a_home_address_is_in_the_checksum() {
    let home = *b"\x20\x01\x0d\xb8\xaa\xaa\xaa\xaa\x11\x11\x11\x11\x22\x22\x22\x22";
    let mut datagram = udp(1, 2, b"abc", true);
    datagram[6..8].fill(0);
    let length = u16::try_from(datagram.len()).unwrap().to_be_bytes();
    let checksum = sum(&[&home, &TARGET_V6, &[0, 17], &length, &datagram]).to_be_bytes();
    datagram[6..8].copy_from_slice(&checksum);
    let options = [&[17, 2, 0, 1, 1, 0, 0xC9, 16][..], &home].concat();
    let kept = masked(anonymising(), LinkType::RAW, &v6(60, &[options, datagram].concat()));
    assert!(!contains(&kept, &home) && kept.len() == 40 + 24 + 11);
    assert_eq!(kept[48..64], addresses().v6(home));
    assert_eq!(sum(&[&kept[48..64], &kept[24..40], &[0, 17], &length, &kept[64..]]), 0);
}

#[test]
fn what_comes_to_the_port_of_vxlan() {
    let frame = [
        &[2, 0xAB, 0xCD, 0xEF, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0][..],
        &v4(17, &udp(1, 2, b"", false)),
    ]
    .concat();
    for (flags, is_kept) in [
        (0x08, true),
        (0x88, true),
        (0x00, false),
        (0x0C, false),
        (0xF7, false),
        (b'H', false),
    ] {
        let payload = [&[flags, 0, 0, 0, 0, 0, 7, 0][..], &frame].concat();
        let kept = masked(anonymising(), LinkType::RAW, &v4(17, &udp(5, 4789, &payload, false)));
        assert_eq!(kept[28..].iter().any(|byte| *byte != 0), is_kept, "{flags:#x}");
        assert_eq!(rest(&kept), 0, "{flags:#x}");
    }
}

#[test]
fn cooked_packets_and_tunnels() {
    let mut cooked = vec![8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 4];
    cooked.extend(SOURCE);
    cooked.extend(TARGET);
    cooked.extend(v4(4, &v6(6, &tcp(b"", &[], true))));
    let kept = masked(anonymising(), LinkType::LINUX_SLL2, &cooked);
    assert_eq!(kept.len(), cooked.len());
    for address in [&SOURCE[..], &TARGET, &SOURCE_V6, &TARGET_V6] {
        assert!(!contains(&kept, address));
    }
    let mut ether = vec![
        2, 0xAB, 0xCD, 0xEF, 0, 1, 2, 0xAB, 0xCD, 0xEF, 0, 2, 0x81, 0, 0, 5, 8, 0,
    ];
    ether.extend(v4(17, &udp(9, 9, &SOURCE, false)));
    for (name, outer) in [
        (
            "vxlan",
            v4(
                17,
                &udp(5555, 4789, &[&[8, 0, 0, 0, 0, 1, 0, 0], &ether[..]].concat(), false),
            ),
        ),
        ("gre", v4(47, &[&[0x20, 0, 0x65, 0x58][..], &TARGET, &ether].concat())),
    ] {
        let kept = masked(anonymising(), LinkType::RAW, &outer);
        assert_eq!(kept.len(), outer.len(), "{name}");
        for run in [&SOURCE[..], &TARGET, &[0xAB, 0xCD, 0xEF]] {
            assert!(!contains(&kept, run), "{name}");
        }
        let inner = &kept[kept.len() - ether.len() + 18..];
        assert_eq!((sum(&[&inner[..20]]), rest(inner)), (0, 0), "{name}");
        assert!(name != "vxlan" || rest(&kept) == 0);
    }
}

/// `labels` as a name, with a pointer behind them if there is one.
fn spelled(labels: &str, pointer: Option<u16>) -> Vec<u8> {
    let mut name = Vec::new();
    for label in labels.split('.').filter(|label| !label.is_empty()) {
        name.push(u8::try_from(label.len()).unwrap());
        name.extend(label.bytes());
    }
    match pointer {
        Some(at) => name.extend((0xC000 | at).to_be_bytes()),
        None => name.push(0),
    }
    name
}

fn record(name: &[u8], kind: u16, data: &[u8]) -> Vec<u8> {
    let mut record = name.to_vec();
    record.extend(kind.to_be_bytes());
    record.extend([0, 1, 0, 0, 1, 0]);
    record.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    record.extend(data);
    record
}

fn message(question: &[u8], records: &[Vec<u8>]) -> Vec<u8> {
    let mut message = vec![
        7,
        7,
        0x81,
        0x80,
        0,
        1,
        0,
        u8::try_from(records.len()).unwrap(),
        0,
        0,
        0,
        0,
    ];
    message.extend(question);
    message.extend([0, 12, 0, 1]);
    message.extend(records.concat());
    message
}

#[test]
fn addresses_in_dns() {
    let www = spelled("www.Example.org", None);
    let client_subnet = [&[0, 8, 0, 8, 0, 1, 32, 0][..], &SOURCE].concat();
    let text = message(
        &www,
        &[
            record(&[0xC0, 12], 1, &SOURCE),
            record(&[0xC0, 12], 28, &SOURCE_V6),
            record(&[0xC0, 12], 15, &[&[0, 10][..], &spelled("mail", Some(16))].concat()),
            record(&[0xC0, 12], 16, b"\x1Bv=spf1 ip4:198.51.100.77 -all"),
            record(&[0], 41, &client_subnet),
        ],
    );
    let mut known = addresses();
    for (name, packet, at) in [
        ("udp", v4(17, &udp(53, 40000, &text, false)), 28),
        ("multicast", v4(17, &udp(5353, 5353, &text, false)), 28),
    ] {
        let kept = masked(anonymising(), LinkType::RAW, &packet);
        assert_eq!((kept.len(), rest(&kept)), (packet.len(), 0), "{name}");
        for run in [&SOURCE[..], &SOURCE_V6, b"198.51", b"ip4"] {
            assert!(!contains(&kept[at..], run), "{name}");
        }
        assert!(contains(&kept, &www) && contains(&kept, b"\x04mail\xC0\x10"), "{name}");
        assert!(
            contains(&kept, &known.v4(SOURCE)) && contains(&kept, &known.v6(SOURCE_V6)),
            "{name}"
        );
        // The same message where nobody asks for it is a payload.
        let plain = Mask::new(&Masking {
            zero_payload: true,
            addresses: Some(AddressKey::new(KEY)),
            ..Masking::default()
        });
        let kept = masked(plain, LinkType::RAW, &packet);
        assert!(kept[at..].iter().all(|byte| *byte == 0), "{name}");
    }
    let framed = [&u16::try_from(text.len()).unwrap().to_be_bytes()[..], &text].concat();
    let mut segment = tcp(&framed, &[], false);
    segment[..4].copy_from_slice(&[0, 53, 0x99, 0x99]);
    let kept = masked(anonymising(), LinkType::RAW, &v4(6, &segment));
    assert!(contains(&kept, &www) && !contains(&kept, &SOURCE));
    // Half of one: nothing is read, so nothing is kept.
    let mut half = tcp(&framed[..40], &[], false);
    half[..4].copy_from_slice(&[0, 53, 0x99, 0x99]);
    assert!(
        masked(anonymising(), LinkType::RAW, &v4(6, &half))[40..]
            .iter()
            .all(|byte| *byte == 0)
    );
}

#[test]
fn names_that_spell_addresses() {
    for (name, question, gone, stays) in [
        (
            "in-addr",
            spelled("77.100.51.198.IN-ADDR.arpa", None),
            &b"\x0377\x03100"[..],
            &b"IN-ADDR"[..],
        ),
        ("ip6", spelled("f.e.d.c.ip6.arpa", None), b"\x01f\x01e", b"ip6"),
        (
            "dashes",
            spelled("ec2-198-51-100-77.compute.example", None),
            b"198-51",
            b"compute",
        ),
        (
            "a list of the blocked",
            spelled("77.100.51.198.zen.example", None),
            b"198",
            b"zen",
        ),
        (
            "what avahi tells of a host",
            spelled("myhost [a4:c3:f0:aa:bb:cc]._workstation._tcp.local", None),
            b"a4",
            b"_workstation",
        ),
        (
            "what Apple tells of one",
            spelled(
                "a4:c3:f0:aa:bb:cc@fe80::a6c3:f0ff:feaa:bbcc._apple-mobdev2._tcp.local",
                None,
            ),
            b"fe80",
            b"_apple-mobdev",
        ),
        (
            "IPv6 for Windows",
            spelled("fe80--a6c3-f0ff-feaa-bbcc.ipv6-literal.net", None),
            b"bbcc",
            b"-literal",
        ),
        (
            "digits in a row",
            spelled("host-192168001010.example", None),
            b"192168",
            b"example",
        ),
        ("hexadecimal", spelled("c0a8010a.nip.io", None), b"c0a8", b"nip"),
    ] {
        let packet = v4(17, &udp(40000, 53, &message(&question, &[]), false));
        let kept = masked(anonymising(), LinkType::RAW, &packet);
        assert_eq!(rest(&kept), 0, "{name}");
        assert!(!contains(&kept, gone) && contains(&kept, stays), "{name}");
    }
    // A name of a few numbers is a name.
    let question = spelled("s3.eu-west-1.example", None);
    let packet = v4(17, &udp(40000, 53, &message(&question, &[]), false));
    assert!(contains(&masked(anonymising(), LinkType::RAW, &packet), &question));
    // Spelled in part by a pointer.
    let question = spelled("51.198.in-addr.arpa", None);
    let packet = v4(
        17,
        &udp(
            53,
            4,
            &message(
                &question,
                &[record(&spelled("77.100", Some(12)), 12, &spelled("host", None))],
            ),
            false,
        ),
    );
    let kept = masked(anonymising(), LinkType::RAW, &packet);
    assert!(!contains(&kept, b"77\x03100") && !contains(&kept, b"198") && contains(&kept, b"\x04host\0"));
    // What is too little for an address, until a pointer puts the rest in front of it.
    let question = spelled("51.198.zen.example", None);
    let text = message(&question, &[record(&spelled("77.100", Some(12)), 1, &SOURCE)]);
    let kept = masked(anonymising(), LinkType::RAW, &v4(17, &udp(53, 4, &text, false)));
    assert!(!contains(&kept, b"77") && !contains(&kept, b"51") && !contains(&kept, b"198") && contains(&kept, b"zen"));
}

#[test]
fn messages_that_are_none() {
    let circle = [0xC0, 12];
    let ahead = [0xC0, 200];
    let long = spelled(&"a.".repeat(200), None);
    for (name, question) in [
        ("circle", &circle[..]),
        ("ahead", &ahead),
        ("long", &long),
        ("cut", &[9, b'a']),
    ] {
        let packet = v4(
            17,
            &udp(40000, 53, &[&message(question, &[])[..], &SOURCE].concat(), false),
        );
        let kept = masked(anonymising(), LinkType::RAW, &packet);
        assert!(kept[28 + 12..].iter().all(|byte| *byte == 0), "{name}");
        assert_eq!(rest(&kept), 0, "{name}");
    }
}

/// Cut anywhere, a packet shows no address and no payload; what it shows is dissected as far as it goes.
#[test]
fn cut_anywhere() {
    let whole = v4(
        4,
        &v4(
            1,
            &[&[3, 1, 0, 0, 0, 0, 0, 0][..], &v4(17, &udp(53, 53, &SOURCE, false))].concat(),
        ),
    );
    for length in 0..=whole.len() {
        let mut packet = whole[..length].to_vec();
        anonymising().apply(LinkType::RAW, &mut packet, u32::try_from(whole.len()).unwrap());
        assert!(!contains(&packet, &SOURCE) && !contains(&packet, &TARGET), "{length}");
        let _ = dissect(LinkType::RAW, &packet);
    }
}
