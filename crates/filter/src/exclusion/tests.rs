use super::*;
use crate::opcode::{LD_IMM, ST};
use crate::program::{Program, plain};
use crate::{End, FiveTuple};
use baleen_types::LinkType;

const LINKS: [LinkType; 3] = [LinkType::ETHERNET, LinkType::LINUX_SLL2, LinkType::RAW];

/// What an upload to a store is: from one address to a port of another, and back.
fn upload(from: &str, to: &str) -> FiveTuple {
    let end = |address: &str, ports: &[u16]| End {
        addresses: vec![address.parse().unwrap()],
        ports: ports.iter().map(|port| *port..=*port).collect(),
    };
    FiveTuple {
        source: end(from, &[]),
        destination: end(to, &[443]),
        protocol: Some(6),
        bidirectional: true,
    }
}

fn excluding(link: LinkType, tuples: &[FiveTuple]) -> Program {
    let others: Vec<Program> = tuples.iter().map(|tuple| tuple.compile(link).unwrap()).collect();
    Program::accept_all(link).unwrap().excluding(&others).unwrap()
}

fn framed(link: LinkType, kind: u16, packet: &[u8]) -> Vec<u8> {
    let mut frame = match link {
        LinkType::ETHERNET => [&[0u8; 12][..], &kind.to_be_bytes()].concat(),
        LinkType::LINUX_SLL2 => [&kind.to_be_bytes()[..], &[0; 18]].concat(),
        _ => Vec::new(),
    };
    frame.extend_from_slice(packet);
    frame
}

fn ipv4(from: [u8; 4], to: [u8; 4], ports: [u16; 2]) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0];
    packet.extend(from);
    packet.extend(to);
    packet.extend(ports.iter().flat_map(|port| port.to_be_bytes()));
    packet.resize(40, 0);
    packet
}

/// A packet from `2001:db8::1` to `2001:db8::2` with one hop-by-hop header of `8 + 8 * length` bytes.
fn ipv6(length: u8) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0, 0, 28, 0, 64];
    for last in [1, 2] {
        packet.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    }
    packet.extend([6, length, 1, 4, 0, 0, 0, 0]);
    packet.extend([0x9c, 0x40, 0x01, 0xbb]);
    packet.resize(68, 0);
    packet
}

#[test]
fn a_packet_too_short_for_the_exclusion_is_kept() {
    let tuples = [
        upload("10.0.0.1/32", "10.0.0.2/32"),
        upload("2001:db8::1/128", "2001:db8::2/128"),
    ];
    let own = [
        (0x0800, ipv4([10, 0, 0, 1], [10, 0, 0, 2], [40_000, 443])),
        (0x86dd, ipv6(0)),
    ];
    for link in LINKS {
        let program = excluding(link, &tuples);
        for (kind, packet) in &own {
            let transport_end = if *kind == 0x0800 { 24 } else { 52 };
            for length in 0..=packet.len() {
                let frame = framed(link, *kind, &packet[..length]);
                assert_eq!(
                    program.matches(&frame),
                    length < transport_end,
                    "{link:?} {kind:04x} {length}"
                );
            }
        }
    }
    // So short that not even the type of the frame is there, and with one tag and two that lead nowhere.
    let program = excluding(LinkType::ETHERNET, &tuples);
    for frame in [
        &[0u8; 3][..],
        b"ddddddssssss\x81\x00",
        b"ddddddssssss\x91\x00\x00\x05\x91\x00\x00",
    ] {
        assert!(program.matches(frame), "{frame:02x?}");
    }
}

#[test]
fn headers_that_run_past_the_end_are_kept() {
    let tuples = [upload("2001:db8::1/128", "2001:db8::2/128")];
    for link in LINKS {
        let program = excluding(link, &tuples);
        assert!(!program.matches(&framed(link, 0x86dd, &ipv6(0))));
        for length in [3, 4, 200, 255] {
            assert!(
                program.matches(&framed(link, 0x86dd, &ipv6(length))),
                "{link:?} {length}"
            );
        }
    }
}

#[test]
fn what_is_excluded_is_what_the_program_accepts() {
    let tuples = [upload("10.0.0.1/32", "10.0.0.0/29")];
    for link in LINKS {
        let program = excluding(link, &tuples);
        let tuple = tuples[0].compile(link).unwrap();
        for to in 0..16 {
            for ports in [[443, 9], [9, 443], [9, 9]] {
                for (from, to) in [([10, 0, 0, 1], [10, 0, 0, to]), ([10, 0, 0, to], [10, 0, 0, 1])] {
                    let frame = framed(link, 0x0800, &ipv4(from, to, ports));
                    assert_eq!(
                        program.matches(&frame),
                        !tuple.matches(&frame),
                        "{from:?} {to:?} {ports:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn guards_stand_only_where_something_new_is_loaded() {
    let end = |prefix: &str| End {
        addresses: (0..64).map(|n| format!("{prefix}{n:x}/128").parse().unwrap()).collect(),
        ports: Vec::new(),
    };
    let tuple = FiveTuple {
        source: end("2001:db8:1::"),
        destination: end("2001:db8:2::"),
        protocol: Some(6),
        bidirectional: true,
    };
    let program = tuple.compile(LinkType::ETHERNET).unwrap();
    let (before, after) = (
        program.instructions().len(),
        inverted(program.instructions()).unwrap().len(),
    );
    assert!(after < before * 5 / 4, "{before} to {after}");
}

#[test]
fn other_loads_are_led_round_too() {
    for (load, value) in [(LDX_B_MSH, 4), (LD_W_ABS, 1), (LD_H_ABS, 3), (LD_B_ABS, 4)] {
        // The accumulator is the program's own and has to outlive a guard.
        let program = [
            plain(LD_IMM, 7),
            plain(ST, 0),
            plain(load, value),
            plain(if load == LDX_B_MSH { TXA } else { LDX_IMM }, 0),
            plain(RET_K, 1),
        ];
        let program = Program::new(LinkType::RAW, program.to_vec()).unwrap();
        let whole = Program::accept_all(LinkType::RAW)
            .unwrap()
            .excluding(&[program])
            .unwrap();
        assert!(whole.matches(&[0; 4]));
        assert!(!whole.matches(&[0; 5]));
    }
}

#[test]
fn what_cannot_be_combined_is_refused() {
    let zero = plain(RET_K, 0);
    for wrong in [
        vec![plain(RET_A, 0)],
        vec![plain(DIV | X, 0), zero],
        vec![plain(MOD | X, 0), zero],
        vec![plain(LD_W_IND, u32::MAX - 1), zero],
    ] {
        assert!(matches!(inverted(&wrong), Err(Error::Program { .. })), "{wrong:?}");
    }
}
