use super::*;
use proptest::prelude::*;

/// Puts an Ethernet header with `tags` VLAN tags before a payload.
fn ethernet(kind: u16, tags: usize, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2; 12];
    for _ in 0..tags {
        frame.extend_from_slice(&[0x81, 0x00, 0x00, 0x0A]);
    }
    frame.extend_from_slice(&kind.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

fn ipv4(protocol: u8, fragment: u16, payload: &[u8]) -> Vec<u8> {
    let total = u16::try_from(20 + payload.len()).unwrap();
    let mut header = vec![0x45, 0];
    header.extend_from_slice(&total.to_be_bytes());
    header.extend_from_slice(&[0, 1]);
    header.extend_from_slice(&fragment.to_be_bytes());
    header.extend_from_slice(&[64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    header.extend_from_slice(payload);
    header
}

fn ipv6(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut header = vec![0x60, 0, 0, 0];
    header.extend_from_slice(&u16::try_from(payload.len()).unwrap().to_be_bytes());
    header.extend_from_slice(&[protocol, 64]);
    header.extend_from_slice(&[0xFD; 16]);
    header.extend_from_slice(&[0xFE; 16]);
    header.extend_from_slice(payload);
    header
}

fn tcp(from: u16, to: u16, payload: &[u8]) -> Vec<u8> {
    let mut segment = [from.to_be_bytes(), to.to_be_bytes()].concat();
    segment.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 1, 0, 0, 0, 0, 0]);
    segment.extend_from_slice(payload);
    segment
}

fn udp(from: u16, to: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + payload.len()).unwrap();
    let mut datagram = [from.to_be_bytes(), to.to_be_bytes(), length.to_be_bytes(), [0, 0]].concat();
    datagram.extend_from_slice(payload);
    datagram
}

const QUERY: &[u8] = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03com\x00\x00\x01\x00\x01";

#[test]
fn protocols_are_named() {
    let ip4 = |payload: Vec<u8>, protocol| ethernet(0x0800, 0, &ipv4(protocol, 0, &payload));
    let ip6 = |payload: Vec<u8>, protocol| ethernet(0x86DD, 0, &ipv6(protocol, &payload));
    let over_tcp = |payload: &[u8]| ip4(tcp(40000, 8080, payload), 6);
    let hop_by_hop = [&[6, 0, 0, 0, 0, 0, 0, 0][..], &tcp(1, 2, b"GET / HTTP/1.1\r\n")].concat();
    let later = [&[17, 0, 0x00, 0x08, 0, 0, 0, 1][..], &udp(53, 53, QUERY)].concat();
    for (frame, protocol) in [
        (over_tcp(b"GET / HTTP/1.1\r\n"), Protocol::Http),
        (over_tcp(b"HTTP/1.1 200 OK\r\n"), Protocol::Http),
        (over_tcp(b"\x16\x03\x01\x02\x00\x01"), Protocol::Tls),
        (over_tcp(b"SSH-2.0-OpenSSH"), Protocol::Ssh),
        (over_tcp(b""), Protocol::Tcp),
        (ip4(udp(40000, 53, QUERY), 17), Protocol::Dns),
        (ip4(tcp(40000, 53, &[&[0, 29], QUERY].concat()), 6), Protocol::Dns),
        (ip4(udp(40000, 53, b"no dns"), 17), Protocol::Udp),
        (ip4(udp(40000, 443, b"\xC3\x00\x00\x00\x01\x08"), 17), Protocol::Quic),
        (ip4(udp(68, 67, b"\x01"), 17), Protocol::Dhcp),
        (ip4(udp(123, 123, &[0x23; 48]), 17), Protocol::Ntp),
        (ip4(vec![8, 0], 1), Protocol::Icmp),
        (ip4(tcp(1, 2, b""), 132), Protocol::Sctp),
        (ip4(vec![0; 8], 47), Protocol::Ip(47)),
        (ip6(udp(1, 53, QUERY), 17), Protocol::Dns),
        (ip6(vec![135, 0], 58), Protocol::Icmpv6),
        (ip6(hop_by_hop, 0), Protocol::Http),
        (ip6(later, 44), Protocol::Ip(17)),
        (ethernet(0x0800, 1, &ipv4(17, 0, &udp(1, 53, QUERY))), Protocol::Dns),
        (ethernet(0x0800, 2, &ipv4(17, 0, &udp(1, 53, QUERY))), Protocol::Dns),
        (
            ethernet(0x0800, 0, &ipv4(17, 0x0001, &udp(1, 53, QUERY))),
            Protocol::Ip(17),
        ),
        (ethernet(0x0806, 0, &[0; 28]), Protocol::Arp),
        (ethernet(0x88CC, 0, &[0; 28]), Protocol::Ether(0x88CC)),
        (
            ethernet(0x0800, 5, &ipv4(17, 0, &udp(1, 53, QUERY))),
            Protocol::Ether(0x8100),
        ),
        (ethernet(0x0800, 0, &[0x41; 40]), Protocol::Unreadable),
        (vec![], Protocol::Unreadable),
    ] {
        assert_eq!(dissect(LinkType::ETHERNET, &frame).protocol, protocol, "{frame:02x?}");
    }
}

#[test]
fn every_link_type_leads_to_the_same_packet() {
    let packet = ipv4(17, 0, &udp(40000, 53, QUERY));
    let sll = [&[0; 14][..], &[0x08, 0x00], &packet].concat();
    let sll2 = [&[0x08, 0x00][..], &[0; 18], &packet].concat();
    let frame = ethernet(0x0800, 0, &packet);
    let read = [
        dissect(LinkType::ETHERNET, &frame),
        dissect(LinkType::RAW, &packet),
        dissect(LinkType::LINUX_SLL, &sll),
        dissect(LinkType::LINUX_SLL2, &sll2),
    ];
    assert!(read.iter().all(|d| *d == read[0]), "{read:?}");
    assert_eq!(
        read[0].ports,
        Some(Ports {
            source: 40000,
            destination: 53
        })
    );
    assert_eq!(dissect(LinkType::new(4000), &frame).protocol, Protocol::Unreadable);
}

#[test]
fn padding_is_no_payload() {
    // A bare acknowledgement is padded to 60 bytes; the padding looks like an answer here.
    let mut frame = ethernet(0x0800, 0, &ipv4(6, 0, &tcp(1, 2, b"")));
    frame.extend_from_slice(b"GET /x");
    assert_eq!(dissect(LinkType::ETHERNET, &frame).protocol, Protocol::Tcp);
}

#[test]
fn a_cut_packet_gives_what_was_readable() {
    let frame = ethernet(0x0800, 0, &ipv4(6, 0, &tcp(40000, 80, b"GET / HTTP/1.1\r\n")));
    for length in 0..=frame.len() {
        let read = dissect(LinkType::ETHERNET, &frame[..length]);
        assert_eq!(read.network.is_some(), length >= 34, "{length}");
        assert_eq!(read.ports.is_some(), length >= 38, "{length}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(link in prop_oneof![Just(1u16), Just(101), Just(113), Just(276), any::<u16>()],
                      bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = dissect(LinkType::new(link), &bytes);
    }

    #[test]
    fn no_ip_packet_panics(version in prop_oneof![Just(0x45u8), Just(0x60), Just(0x4F)],
                           protocol in prop_oneof![Just(0u8), Just(6), Just(17), Just(43), Just(44), Just(51), any::<u8>()],
                           mut bytes in proptest::collection::vec(any::<u8>(), 42..200)) {
        bytes[0] = version;
        bytes[6] = protocol;
        bytes[9] = protocol;
        let _ = dissect(LinkType::RAW, &bytes);
    }
}
