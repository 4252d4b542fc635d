//! Against the real kernel, in a namespace of their own.

mod several;

use super::*;
use crate::interface::find_interface;
use crate::lab::{Injector, Namespace};
use std::time::Instant;

const ACCEPT: BpfInstruction = BpfInstruction {
    code: 0x06,
    jump_true: 0,
    jump_false: 0,
    value: 262_144,
};

fn frame(number: u32, length: usize) -> Vec<u8> {
    let mut frame = vec![0u8; length.max(64)];
    frame[..14].copy_from_slice(&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5]);
    frame[14..18].copy_from_slice(&number.to_be_bytes());
    frame
}

fn settings() -> Settings {
    Settings {
        block_bytes: BLOCK_BYTES_MIN,
        blocks: 4,
        retire: Duration::from_millis(10),
        promiscuous: true,
    }
}

/// Reads whole packets (as in a file) until `count` are there or five seconds are over.
fn read(ring: &mut Ring, count: usize) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    let end = Instant::now() + Duration::from_secs(5);
    while packets.len() < count && Instant::now() < end {
        ring.wait(Duration::from_millis(100)).unwrap();
        while let Some(block) = ring.next_block().unwrap() {
            for packet in block.packets() {
                let pieces = packet.pieces(ring_link(&block), SNAPLEN_MAX);
                packets.push([pieces.head, pieces.inserted(), pieces.tail].concat());
            }
        }
    }
    packets
}

fn ring_link(block: &Block<'_>) -> LinkType {
    block.ring.link_type
}

#[test]
fn settings_out_of_bounds_are_refused() {
    let lo = find_interface("lo").unwrap();
    for (block_bytes, blocks) in [
        (4096, 4),
        (BLOCK_BYTES_MIN + 4096, 4),
        (8 << 20, 4),
        (1 << 20, 1),
        (1 << 20, 2048),
    ] {
        let settings = Settings {
            block_bytes,
            blocks,
            ..settings()
        };
        assert!(matches!(Ring::open(&lo, &settings, &[ACCEPT]), Err(Error::Settings(_))));
    }
    assert!(matches!(Ring::open(&lo, &settings(), &[]), Err(Error::Settings(_))));
    for rings in [0, 9] {
        assert!(Ring::open_several(&lo, &settings(), &[ACCEPT], rings).is_err());
    }
}

#[test]
fn a_program_the_kernel_refuses_is_an_error() {
    if !Namespace::is_possible() {
        return;
    }
    let lo = find_interface("lo").unwrap();
    let nonsense = BpfInstruction { code: 0xffff, ..ACCEPT };
    assert!(matches!(
        Ring::open(&lo, &settings(), &[nonsense]),
        Err(Error::FilterRefused { instructions: 1, .. })
    ));
}

#[test]
fn every_packet_arrives_once_and_in_order() {
    if !Namespace::is_possible() {
        return;
    }
    let ns = Namespace::new();
    ns.veth("tx0", "rx0");
    ns.enter();
    let mut ring = Ring::open(
        &find_interface("rx0").unwrap(),
        &Settings {
            blocks: 64,
            ..settings()
        },
        &[ACCEPT],
    )
    .unwrap();
    let sender = Injector::open("tx0").unwrap();
    for number in 0..1500 {
        sender.send(&frame(number, 64 + (number as usize * 7) % 1400)).unwrap();
    }
    ring.detach().unwrap();
    sender.send(&frame(9999, 64)).unwrap();
    let packets = read(&mut ring, 1500);
    let numbers: Vec<u32> = packets
        .iter()
        .map(|p| u32::from_be_bytes([p[14], p[15], p[16], p[17]]))
        .collect();
    assert!(
        numbers.iter().copied().eq(0..1500),
        "{} packets, not 0..1500",
        numbers.len()
    );
    assert_eq!(
        ring.statistics().unwrap(),
        Statistics {
            accepted: 1500,
            dropped: 0
        }
    );
}

#[test]
fn a_packet_on_loopback_is_one_packet() {
    if !Namespace::is_possible() {
        return;
    }
    let ns = Namespace::new();
    ns.veth("tx0", "rx0");
    ns.enter();
    let mut lo = Ring::open(&find_interface("lo").unwrap(), &settings(), &[ACCEPT]).unwrap();
    let mut any = Ring::open(&find_interface("any").unwrap(), &settings(), &[ACCEPT]).unwrap();
    let mut tx = Ring::open(&find_interface("tx0").unwrap(), &settings(), &[ACCEPT]).unwrap();
    let (local, other) = (Injector::open("lo").unwrap(), Injector::open("tx0").unwrap());
    for number in 0..3 {
        local.send(&frame(number, 64)).unwrap();
    }
    other.send(&frame(3, 64)).unwrap();
    assert_eq!(read(&mut lo, 3), [frame(0, 64), frame(1, 64), frame(2, 64)]);
    assert_eq!(lo.statistics().unwrap().accepted, 3);
    // What leaves another interface is still seen there.
    assert_eq!(read(&mut tx, 1), [frame(3, 64)]);
    // Three on lo, and one that leaves tx0 and comes in on rx0.
    assert_eq!(read(&mut any, 5).len(), 5);
    assert_eq!(any.statistics().unwrap().accepted, 5);
}

#[test]
fn what_does_not_fit_is_counted() {
    if !Namespace::is_possible() {
        return;
    }
    let ns = Namespace::new();
    ns.veth("tx0", "rx0");
    ns.enter();
    let mut ring = Ring::open(&find_interface("rx0").unwrap(), &settings(), &[ACCEPT]).unwrap();
    let sender = Injector::open("tx0").unwrap();
    for number in 0..4000 {
        sender.send(&frame(number, 1500)).unwrap();
    }
    ring.detach().unwrap();
    let statistics = ring.statistics().unwrap();
    assert_eq!(statistics.accepted, 4000);
    assert!(statistics.dropped > 0);
    let kept = usize::try_from(statistics.accepted - statistics.dropped).unwrap();
    assert_eq!(read(&mut ring, kept).len(), kept);
}

#[test]
fn tags_are_put_back_on_ethernet_and_on_any() {
    if !Namespace::is_possible() {
        return;
    }
    let ns = Namespace::new();
    ns.veth("tx0", "rx0");
    ns.enter();
    let mut plain = Ring::open(&find_interface("rx0").unwrap(), &settings(), &[ACCEPT]).unwrap();
    let mut any = Ring::open(&find_interface("any").unwrap(), &settings(), &[ACCEPT]).unwrap();
    let sender = Injector::open("tx0").unwrap();
    // Service tag, customer tag, then the payload.
    let mut double = frame(7, 80);
    double.splice(12..12, [0x88, 0xa8, 0x20, 0x64, 0x81, 0x00, 0x00, 0xc8]);
    sender.send(&double).unwrap();
    assert_eq!(read(&mut plain, 1), [double.clone()]);
    // On `any` the packet is seen leaving tx0 and coming in on rx0.
    let seen = read(&mut any, 2);
    assert_eq!(seen.len(), 2);
    let received = seen.iter().find(|p| p[10] != 4).expect("one is not outgoing");
    assert_eq!(received[..2], [0x88, 0xa8]);
    assert_eq!(received[20..], double[14..]);
}

#[test]
fn a_waker_ends_a_wait_and_a_removed_interface_is_noticed() {
    if !Namespace::is_possible() {
        return;
    }
    let ns = Namespace::new();
    ns.veth("tx0", "rx0");
    ns.enter();
    let mut ring = Ring::open(&find_interface("rx0").unwrap(), &settings(), &[ACCEPT]).unwrap();
    ring.waker().wake();
    assert_eq!(ring.wait(Duration::from_secs(60)).unwrap(), Wake::Woken);
    assert_eq!(ring.wait(Duration::ZERO).unwrap(), Wake::Timeout);
    ns.ip(&["link", "set", "rx0", "down"]);
    assert_eq!(ring.wait(Duration::from_secs(60)).unwrap(), Wake::Down);
    ns.ip(&["link", "set", "rx0", "up"]);
    let sender = Injector::open("tx0").unwrap();
    // The carrier comes back a little after the interface: until then the other end sends into nothing.
    let end = Instant::now() + Duration::from_secs(5);
    loop {
        assert!(Instant::now() < end, "no packet after the interface came back");
        let _ = sender.send(&frame(1, 64));
        ring.wait(Duration::from_millis(20)).unwrap();
        if ring.next_block().unwrap().is_some() {
            break;
        }
    }
    ns.ip(&["link", "del", "rx0"]);
    let end = Instant::now() + Duration::from_secs(5);
    while ring.wait(Duration::from_secs(1)).unwrap() != Wake::Gone {
        assert!(Instant::now() < end, "the removal was not noticed");
        drop(ring.next_block().unwrap());
    }
    ring.detach().unwrap();
}
