//! Whatever comes, in whatever order, and whatever is asked: the ring answers as a list of all packets would.

use crate::lab::{Lab, Packet, START, all, at, host, segments_in, small};
use baleen_filter::{End, Filter, FiveTuple};
use baleen_lookback::{Interface, Lookback, Query, Recorder};
use baleen_types::LinkType;
use proptest::prelude::*;
use std::ops::Range;

const LINKS: [(&str, LinkType); 3] = [
    ("eth0", LinkType::ETHERNET),
    ("any", LinkType::LINUX_SLL2),
    ("wg0", LinkType::RAW),
];

#[derive(Clone, Debug)]
enum Step {
    Append(Vec<Packet>),
    Tick(u64),
    Flush,
    /// The recorder ends and another begins.
    Reopen,
    /// The process is killed, after a flush: what is on the disk counts.
    Kill,
    Ask(Question),
}

#[derive(Clone, Debug)]
struct Question {
    window: Range<u64>,
    filter: Filter,
    limit: usize,
}

fn ends() -> impl Strategy<Value = (u8, u8, u16, u16)> {
    (
        0..4u8,
        0..4u8,
        prop_oneof![Just(53), Just(80), 1000..1004u16],
        1000..1003u16,
    )
}

/// A network packet as a link of any kind has it: mostly in order, with tags, extension headers, fragments, cuts and flips.
fn bytes() -> impl Strategy<Value = (usize, Vec<u8>)> {
    let protocol = prop_oneof![
        Just(6u8),
        Just(17),
        Just(132),
        Just(1),
        Just(33),
        Just(136),
        Just(51),
        Just(135)
    ];
    let oddities = (
        0..3usize,
        0..12u8,
        prop::option::of((0..90usize, any::<u8>())),
        20..400usize,
    );
    (0..3usize, ends(), protocol, any::<bool>(), oddities).prop_map(|(link, ends, protocol, is_v6, odd)| {
        let (tags, kind, flip, length) = odd;
        let mut out = match link {
            0 => vec![2; 12],
            _ => Vec::new(),
        };
        let network = if is_v6 {
            v6(ends, protocol, kind)
        } else {
            v4(ends, protocol, kind)
        };
        let ethertype: [u8; 2] = match (kind, is_v6) {
            (11, _) => [8, 6],
            (_, true) => [0x86, 0xdd],
            (_, false) => [8, 0],
        };
        let tag: [u8; 2] = [[0x81, 0], [0x88, 0xa8], [0x91, 0]][length % 3];
        let mut types = vec![ethertype];
        types.extend(std::iter::repeat_n(tag, tags));
        if link == 1 {
            out.extend(types.pop().unwrap());
            out.extend([0; 18]);
        }
        if link != 2 {
            if link == 0 {
                out.extend(types.pop().unwrap());
            }
            while let Some(next) = types.pop() {
                out.extend([0, 5]);
                out.extend(next);
            }
        }
        out.extend(network);
        out.resize(out.len().max(length), 0xAA);
        out.truncate(length);
        if let Some((at, bits)) = flip
            && let Some(byte) = out.get_mut(at)
        {
            *byte ^= bits;
        }
        (link, out)
    })
}

fn transport(ends: (u8, u8, u16, u16)) -> Vec<u8> {
    [ends.2.to_be_bytes(), ends.3.to_be_bytes(), [0, 30], [0x50, 0]].concat()
}

fn v4(ends: (u8, u8, u16, u16), protocol: u8, kind: u8) -> Vec<u8> {
    let words = [5u8, 6, 4, 15][usize::from(kind == 1) + 2 * usize::from(kind == 2) + 3 * usize::from(kind == 3)];
    let fragment = if kind == 4 { 9 } else { 0 };
    let total = if kind == 5 { 20 } else { 200 };
    let mut out = vec![0x40 | words, 0, 0, total, 0, 0, 0, fragment, 64, protocol, 0, 0];
    out.extend([10, 0, 0, ends.0, 10, 0, 0, ends.1]);
    out.resize(usize::from(words.max(5)) * 4, 1);
    out.extend(transport(ends));
    out
}

fn v6(ends: (u8, u8, u16, u16), protocol: u8, kind: u8) -> Vec<u8> {
    let chain: &[u8] = [
        &[][..],
        &[0],
        &[43, 60],
        &[44],
        &[51],
        &[135],
        &[139, 140],
        &[0, 44],
        &[44, 44],
    ][usize::from(kind % 9)];
    let mut out = vec![0x60, 0, 0, 0, 0, if kind == 10 { 4 } else { 0 }];
    out.push(chain.first().copied().unwrap_or(protocol));
    out.push(64);
    for end in [ends.0, ends.1] {
        out.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, end]);
    }
    for at in 0..chain.len() {
        let next = chain.get(at + 1).copied().unwrap_or(protocol);
        let later = if kind == 8 { 8 } else { 0 };
        out.extend([next, 0, 0, later, 0, 0, 0, 0]);
    }
    out.extend(transport(ends));
    out
}

fn batch() -> impl Strategy<Value = Vec<Packet>> {
    let one = (bytes(), prop_oneof![8 => 0..5_000u64, 1 => 0..100_000_000u64]);
    prop::collection::vec(one, 0..40).prop_map(|all| {
        let packet = |((link, bytes), ahead): ((usize, Vec<u8>), u64)| Packet {
            stamp: START + ahead * 1_000_000,
            interface: link as u32,
            bytes,
        };
        all.into_iter().map(packet).collect()
    })
}

fn end(v6: bool, host_of: Option<u8>, wide: bool, port: Option<u16>) -> End {
    let address = |n: u8| -> ipnet::IpNet {
        let text = match (v6, wide) {
            (true, false) => format!("2001:db8::{n:x}/128"),
            (true, true) => "2001:db8::/127".to_owned(),
            (false, false) => return host(0x0a00_0000 + u32::from(n)),
            (false, true) => "10.0.0.0/31".to_owned(),
        };
        text.parse().unwrap()
    };
    End {
        addresses: host_of.into_iter().map(address).collect(),
        ports: port.into_iter().map(|port| port..=port + u16::from(wide)).collect(),
    }
}

fn filter() -> impl Strategy<Value = Filter> {
    let half = || {
        (
            prop::option::of(0..4u8),
            prop::bool::weighted(0.2),
            prop::option::of(prop_oneof![Just(53u16), Just(80), 1000..1004u16]),
        )
    };
    let protocol = prop::option::of(prop_oneof![Just(6u8), Just(17), Just(132), Just(33), Just(136)]);
    let tuple = (any::<bool>(), half(), half(), protocol, any::<bool>()).prop_map(
        |(v6, one, other, protocol, bidirectional)| {
            let end = |(host, wide, port)| end(v6, host, wide, port);
            Filter::Tuple(FiveTuple {
                source: end(one),
                destination: end(other),
                protocol,
                bidirectional,
            })
        },
    );
    let protocols = prop_oneof![Just(1u8), Just(51), Just(44), Just(0), Just(135), Just(2)].prop_map(|protocol| {
        Filter::Tuple(FiveTuple {
            protocol: Some(protocol),
            ..FiveTuple::default()
        })
    });
    let text = prop_oneof![Just("udp port 53"), Just("host 10.0.0.1"), Just("ip6"), Just("arp")];
    prop_oneof![
        8 => tuple,
        1 => protocols,
        1 => text.prop_map(|text| Filter::expression(text).unwrap()),
        1 => Just(Filter::All)
    ]
}

fn question() -> impl Strategy<Value = Question> {
    let edge = || {
        prop_oneof![
            Just(0),
            (0..6_000u64).prop_map(|ms| START + ms * 1_000_000),
            Just(u64::MAX >> 1)
        ]
    };
    let limit = prop_oneof![Just(0usize), 1..20usize, Just(100_000)];
    (edge(), edge(), filter(), limit).prop_map(|(one, other, filter, limit)| Question {
        window: one.min(other)..one.max(other),
        filter,
        limit,
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => batch().prop_map(Step::Append),
        2 => (1..8u64).prop_map(Step::Tick),
        1 => Just(Step::Flush),
        1 => Just(Step::Reopen),
        1 => Just(Step::Kill),
        8 => question().prop_map(Step::Ask),
    ]
}

type Shown = (u64, Interface, Option<baleen_pcapfile::Direction>, u32, Vec<u8>);

fn shown(packet: &Packet) -> Shown {
    let (name, link) = LINKS[packet.interface as usize];
    let interface = Interface {
        name: name.into(),
        link,
    };
    let kept = packet.bytes[..packet.bytes.len().min(160)].to_vec();
    (
        packet.stamp,
        interface,
        packet.direction(),
        packet.original_length(),
        kept,
    )
}

/// What is to be answered: by going through the list.
fn expected(packets: &[Packet], question: &Question) -> Vec<Shown> {
    let takes = |packet: &&Packet| {
        let link = LINKS[packet.interface as usize].1;
        let kept = &packet.bytes[..packet.bytes.len().min(160)];
        question.window.contains(&packet.stamp)
            && question.filter.compile(link).is_ok_and(|program| program.matches(kept))
    };
    let mut found: Vec<_> = packets.iter().filter(takes).map(shown).collect();
    // A stable sort: equal stamps stay as they came.
    found.sort_by_key(|packet| packet.0);
    found.split_off(found.len().saturating_sub(question.limit))
}

fn check(ring: &Lookback, packets: &[Packet], question: &Question) -> Result<(), TestCaseError> {
    let query = Query {
        window: at(question.window.start)..at(question.window.end),
        filter: question.filter.clone(),
        limit: question.limit,
        ..all(0)
    };
    let sample = ring.query(&query, &|| false).unwrap();
    let got: Vec<Shown> = sample
        .packets
        .iter()
        .map(|found| {
            let interface = sample.interfaces[found.interface].clone();
            let stamp = found.stamp.as_nanos().cast_unsigned();
            (
                stamp,
                interface,
                found.direction,
                found.original_length,
                found.bytes.to_vec(),
            )
        })
        .collect();
    let expected = expected(packets, question);
    prop_assert_eq!(&got, &expected, "{:?}", question);
    prop_assert_eq!((sample.damaged, sample.left_out), (0, 0));
    // From there on, it says, there is nothing else.
    let from = sample.complete_from.map_or(0, |from| from.as_nanos().cast_unsigned());
    let everything = Question {
        limit: usize::MAX,
        ..question.clone()
    };
    let whole: Vec<_> = self::expected(packets, &everything)
        .into_iter()
        .filter(|p| p.0 >= from)
        .collect();
    let got: Vec<_> = got.into_iter().filter(|p| p.0 >= from).collect();
    prop_assert_eq!(got, whole, "complete from {}", from);
    Ok(())
}

fn begin(ring: &Lookback) -> Recorder {
    let mut recorder = ring.record().unwrap();
    for (number, (name, link)) in LINKS.into_iter().enumerate() {
        assert_eq!(recorder.interface(name, link).unwrap(), number as u32);
    }
    recorder
}

fn run(mut lab: Lab, steps: &[Step]) -> Result<(), TestCaseError> {
    let mut packets: Vec<Packet> = Vec::new();
    let mut ring = lab.open();
    let mut recorder = begin(&ring);
    for step in steps {
        match step {
            Step::Append(batch) => {
                for packet in batch {
                    packet.append(&mut recorder);
                    packets.push(packet.clone());
                    if packets.len().is_multiple_of(24) {
                        // Faster than the disk they come in no test.
                        recorder.flush();
                    }
                }
            }
            Step::Tick(seconds) => {
                lab.advance(*seconds);
                recorder.tick();
            }
            Step::Flush => recorder.flush(),
            Step::Reopen => {
                drop((recorder, ring));
                ring = lab.open();
                recorder = begin(&ring);
            }
            Step::Kill => {
                recorder.flush();
                let left = lab.as_after_a_kill();
                drop((recorder, ring));
                lab.dir = left;
                ring = lab.open();
                prop_assert_eq!((ring.stats().torn, ring.stats().damaged), (0, 0));
                recorder = begin(&ring);
            }
            Step::Ask(question) => check(&ring, &packets, question)?,
        }
    }
    let stats = ring.stats();
    prop_assert_eq!((stats.left_out, stats.cut, stats.trouble), (0, 0, None));
    drop((recorder, ring));
    prop_assert!(packets.is_empty() || !segments_in(lab.dir.path()).is_empty());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_ring_is_a_list_of_packets(is_sealed: bool, steps in prop::collection::vec(step(), 1..40)) {
        let lab = if is_sealed { Lab::sealed(small()) } else { Lab::new(small()) };
        run(lab, &steps)?;
    }
}
