//! Rings that share the packets of one interface.

use super::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

/// A numbered packet of a conversation over UDP; `is_answer` is its other direction.
fn packet(number: u32, conversation: u16, is_answer: bool) -> Vec<u8> {
    let (mut source, mut destination) = ([10, 0, 0, 1], [10, 0, 1, conversation.to_be_bytes()[1]]);
    let (mut from, mut to) = (40_000 + conversation, 53);
    if is_answer {
        std::mem::swap(&mut source, &mut destination);
        std::mem::swap(&mut from, &mut to);
    }
    let mut frame = vec![
        2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 60, 0, 0, 0, 0, 64, 17, 0, 0,
    ];
    frame.extend(source);
    frame.extend(destination);
    frame.extend(from.to_be_bytes());
    frame.extend(to.to_be_bytes());
    frame.extend([0, 40, 0, 0]);
    frame.extend(number.to_be_bytes());
    frame.resize(74, 0);
    frame
}

/// The numbers in each ring, read until each has all that it counted.
fn numbers(rings: &mut [Ring], at: usize) -> Vec<Vec<u32>> {
    let read = |ring: &mut Ring| {
        let (mut found, mut delivered) = (Vec::new(), 0);
        let end = Instant::now() + Duration::from_secs(5);
        while delivered < ring.statistics().unwrap().accepted {
            assert!(Instant::now() < end, "a packet does not come");
            ring.wait(Duration::from_millis(20)).unwrap();
            while let Some(block) = ring.next_block().unwrap() {
                for packet in block.packets() {
                    delivered += 1;
                    found.push(u32::from_be_bytes(packet.bytes[at..at + 4].try_into().unwrap()));
                }
            }
        }
        assert_eq!(ring.statistics().unwrap().dropped, 0);
        found
    };
    rings.iter_mut().map(read).collect()
}

fn sorted(rings: &[Vec<u32>]) -> Vec<u32> {
    let mut all: Vec<u32> = rings.concat();
    all.sort_unstable();
    all
}

fn large() -> Settings {
    Settings {
        blocks: 32,
        ..settings()
    }
}

/// What the busy sender does.
const REST: u32 = 0;
const SEND: u32 = 1;
const SEND_SOME_MORE: u32 = 2;
const END: u32 = 3;

#[test]
fn from_the_first_to_the_last_packet_each_is_in_one_ring() {
    if !Namespace::is_possible() {
        return;
    }
    let ns = Namespace::new();
    ns.veth("tx0", "rx0");
    ns.enter();
    let does = Arc::new(AtomicU32::new(REST));
    let told = Arc::clone(&does);
    let busy = thread::spawn(move || {
        let sender = Injector::open("tx0").unwrap();
        let mut number = 0;
        loop {
            let count = match told.load(Ordering::Acquire) {
                REST => 0,
                SEND => 1,
                // What the smallest number of rings holds, so that none is lost.
                SEND_SOME_MORE => 5000,
                _ => return,
            };
            for number in number..number + count {
                sender
                    .send(&packet(number, (number % 97) as u16, number % 3 == 0))
                    .unwrap();
            }
            number += count;
            match count {
                0 => thread::yield_now(),
                1 => {}
                _ => told.store(REST, Ordering::Release),
            }
        }
    });
    // Opened and closed while packets come without a pause: as received, as sent, and on every interface.
    for (interface, at) in [("rx0", 42), ("tx0", 42), ("any", 28)] {
        let interface = find_interface(interface).unwrap();
        for rings in [2, 4, 8, 2, 4, 8] {
            does.store(SEND, Ordering::Release);
            let mut all = Ring::open_several(&interface, &large(), &[ACCEPT], rings).unwrap();
            does.store(SEND_SOME_MORE, Ordering::Release);
            let accepted = |ring: &Ring| ring.statistics().unwrap().accepted;
            let end = Instant::now() + Duration::from_secs(5);
            while all.iter().map(accepted).sum::<u64>() < 2000 {
                assert!(Instant::now() < end, "the rings stay empty");
                thread::yield_now();
            }
            all[0].detach().unwrap();
            while does.load(Ordering::Acquire) != REST {
                thread::yield_now();
            }
            let found = numbers(&mut all, at);
            let mut all = sorted(&found);
            if interface.index == 0 {
                // Seen on its way out and on its way in, but for the first and the last.
                let twice = all.len();
                all.dedup();
                assert!(all.len() * 2 - twice <= 2);
            }
            let run = all[0]..=all[all.len() - 1];
            assert!(all.iter().copied().eq(run), "{rings} rings on {}", interface.name);
        }
    }
    does.store(END, Ordering::Release);
    busy.join().unwrap();
}

#[test]
fn a_conversation_is_in_one_ring_with_both_its_directions() {
    if !Namespace::is_possible() {
        return;
    }
    let ns = Namespace::new();
    ns.veth("tx0", "rx0");
    ns.enter();
    let interface = find_interface("rx0").unwrap();
    // Two groups at once do not know each other.
    let mut all = Ring::open_several(&interface, &large(), &[ACCEPT], 4).unwrap();
    let mut others = Ring::open_several(&interface, &large(), &[ACCEPT], 2).unwrap();
    let sender = Injector::open("tx0").unwrap();
    for number in 0..4000 {
        sender
            .send(&packet(number, (number / 2 % 200) as u16, number % 2 == 1))
            .unwrap();
    }
    all[3].detach().unwrap();
    sender.send(&packet(77_777, 1, false)).unwrap();
    others[0].detach().unwrap();
    let found = numbers(&mut all, 42);
    assert!(sorted(&found).into_iter().eq(0..4000));
    let mut ring_of: BTreeMap<u32, BTreeSet<usize>> = BTreeMap::new();
    for (ring, numbers) in found.iter().enumerate() {
        assert!(numbers.is_sorted() && numbers.len() > 400, "{} of 4000", numbers.len());
        for number in numbers {
            ring_of.entry(number / 2 % 200).or_default().insert(ring);
        }
    }
    assert!(ring_of.len() == 200 && ring_of.values().all(|rings| rings.len() == 1));
    assert_eq!(sorted(&numbers(&mut others, 42)).len(), 4001);
}

#[test]
fn what_cannot_be_spread_is_in_the_first_ring_or_another_and_never_in_none() {
    if !Namespace::is_possible() {
        return;
    }
    let ns = Namespace::new();
    ns.veth("tx0", "rx0");
    ns.enter();
    let all = Ring::open_several(&find_interface("rx0").unwrap(), &settings(), &[ACCEPT], 3).unwrap();
    let sender = Injector::open("tx0").unwrap();
    let whole = packet(0, 5, false);
    let mut six = vec![
        2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 8, 17, 64,
    ];
    six.extend([0x20; 40]);
    // Headers that break off at each byte, and what has none.
    let cut = (14..=whole.len()).map(|length| whole[..length].to_vec());
    let cut_six = (14..=six.len()).map(|length| six[..length].to_vec());
    let strange = [frame(1, 64), vec![0xff; 14], vec![0; 60]];
    let sent: Vec<Vec<u8>> = cut.chain(cut_six).chain(strange).collect();
    for frame in &sent {
        sender.send(frame).unwrap();
    }
    all[0].detach().unwrap();
    let accepted: u64 = all.iter().map(|ring| ring.statistics().unwrap().accepted).sum();
    assert_eq!(accepted, sent.len() as u64);
}

#[test]
fn a_group_survives_an_interface_that_goes_down() {
    if !Namespace::is_possible() {
        return;
    }
    let ns = Namespace::new();
    ns.veth("tx0", "rx0");
    ns.enter();
    let mut all = Ring::open_several(&find_interface("rx0").unwrap(), &large(), &[ACCEPT], 4).unwrap();
    let sender = Injector::open("tx0").unwrap();
    let counted = |all: &[Ring]| all.iter().map(|ring| ring.statistics().unwrap().accepted).sum::<u64>();
    ns.ip(&["link", "set", "rx0", "down"]);
    for ring in &mut all {
        assert_eq!(ring.wait(Duration::from_secs(60)).unwrap(), Wake::Down);
    }
    ns.ip(&["link", "set", "rx0", "up"]);
    // The carrier comes back a little after the interface.
    let (mut probes, end) = (0, Instant::now() + Duration::from_secs(5));
    while counted(&all) == 0 {
        assert!(Instant::now() < end, "no packet after the interface came back");
        let _ = sender.send(&packet(1_000_000 + probes, 0, false));
        probes += 1;
    }
    for number in 0..1000 {
        sender.send(&packet(number, (number % 97) as u16, false)).unwrap();
    }
    all[1].detach().unwrap();
    sender.send(&packet(77_777, 1, false)).unwrap();
    let found = numbers(&mut all, 42);
    assert!(
        found.iter().all(|numbers| numbers.len() > 100),
        "all of them take part again"
    );
    let mut kept = sorted(&found);
    kept.retain(|number| *number < 1_000_000);
    assert!(kept.into_iter().eq(0..1000));
    ns.ip(&["link", "del", "rx0"]);
    for ring in &mut all {
        let end = Instant::now() + Duration::from_secs(5);
        while ring.wait(Duration::from_secs(1)).unwrap() != Wake::Gone {
            assert!(Instant::now() < end, "the removal was not noticed");
        }
        ring.detach().unwrap();
    }
}
