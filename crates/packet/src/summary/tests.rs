use super::*;
use std::net::Ipv4Addr;

/// A UDP datagram without payload between two hosts of 10.0.0.0/8.
fn datagram(from: u32, to: u32, ports: (u16, u16)) -> Vec<u8> {
    let mut bytes = vec![0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0];
    bytes.extend_from_slice(&(0x0A00_0000 | from).to_be_bytes());
    bytes.extend_from_slice(&(0x0A00_0000 | to).to_be_bytes());
    bytes.extend_from_slice(&ports.0.to_be_bytes());
    bytes.extend_from_slice(&ports.1.to_be_bytes());
    bytes.extend_from_slice(&[0, 8, 0, 0]);
    bytes
}

#[test]
fn both_directions_are_one_conversation() {
    let mut summary = Summary::new();
    for (n, (from, to, ports)) in [
        (1, 2, (1000, 9)),
        (2, 1, (9, 1000)),
        (1, 2, (1001, 9)),
        (1, 3, (1000, 9)),
    ]
    .into_iter()
    .enumerate()
    {
        let at = Timestamp::from_secs(i64::try_from(10 - n).unwrap());
        summary.add(LinkType::RAW, at, &datagram(from, to, ports), 1000);
    }
    summary.add(LinkType::RAW, Timestamp::from_secs(3), &[], 60);
    assert_eq!(
        (summary.packets(), summary.bytes(), summary.conversations()),
        (5, 4060, 3)
    );
    assert_eq!(
        summary.span(),
        Some((Timestamp::from_secs(3), Timestamp::from_secs(10)))
    );
    let top = summary.top_conversations(1);
    assert_eq!((top.len(), top[0].packets, top[0].bytes), (1, 2, 2000));
    assert_eq!(top[0].low, SocketAddr::new(Ipv4Addr::new(10, 0, 0, 1).into(), 1000));
    let protocols = summary.protocols();
    assert_eq!((protocols[0].protocol, protocols[0].packets), (Protocol::Udp, 4));
    assert_eq!(protocols[1].protocol, Protocol::Unreadable);
}

#[test]
fn memory_is_bounded_and_the_rest_is_said() {
    let mut summary = Summary::new();
    let more = u32::try_from(CONVERSATIONS_MAX).unwrap() + 50;
    for host in 0..more {
        summary.add(LinkType::RAW, Timestamp::EPOCH, &datagram(host, 0xFF_FFFF, (1, 2)), 28);
    }
    summary.add(LinkType::RAW, Timestamp::EPOCH, &datagram(0, 0xFF_FFFF, (1, 2)), 28);
    assert_eq!(summary.conversations(), CONVERSATIONS_MAX);
    assert_eq!(summary.uncounted_packets(), 50);
    for kind in 0x4000..0x8000u16 {
        let mut frame = vec![0; 12];
        frame.extend_from_slice(&kind.to_be_bytes());
        summary.add(LinkType::ETHERNET, Timestamp::EPOCH, &frame, 14);
    }
    assert!(summary.protocols().len() <= PROTOCOLS_MAX + 1);
}

#[test]
fn invented_protocols_do_not_crowd_out_the_named_ones() {
    let mut summary = Summary::new();
    for kind in 0x4000..0x5000u16 {
        let frame = [&[0; 12][..], &kind.to_be_bytes()].concat();
        summary.add(LinkType::ETHERNET, Timestamp::EPOCH, &frame, 14);
    }
    summary.add(LinkType::RAW, Timestamp::EPOCH, &datagram(1, 2, (1, 2)), 28);
    assert!(summary.protocols().iter().any(|row| row.protocol == Protocol::Udp));
}
