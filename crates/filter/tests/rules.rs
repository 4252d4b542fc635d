//! The Rules language against a plain reading of the frame, and against libpcap where its language can say the same.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use baleen_filter::{Filter, View};
use baleen_types::LinkType;
use common::{Extension, Network, Recipe, frames};
use proptest::prelude::*;
use std::net::IpAddr;
use std::sync::LazyLock;

/// The fields of a packet; `None` for what it does not have. An independent, slow statement of the rules.
#[derive(Clone, Debug, Default)]
struct Facts {
    source: Option<IpAddr>,
    destination: Option<IpAddr>,
    numbers: Numbers,
}

/// In the order of [`NUMBERS`].
type Numbers = [Option<u32>; NUMBERS.len()];

const NUMBERS: [&str; 16] = [
    "ip.proto",
    "ip.len",
    "ip.ttl",
    "ip.ver",
    "ip.hdr_len",
    "ip.frag_offset",
    "ip.dont_frag",
    "ip.more_frags",
    "ip.opt.type",
    "tcp.srcport",
    "tcp.dstport",
    "tcp.flags",
    "udp.srcport",
    "udp.dstport",
    "icmp.type",
    "icmp.code",
];

const FLAGS: [&str; 8] = ["fin", "syn", "reset", "push", "ack", "urg", "ece", "cwr"];

/// A packet from its network header on.
fn facts_of_packet(version: u8, packet: &[u8]) -> Facts {
    let byte = |at: usize| packet.get(at).map(|byte| u32::from(*byte));
    let word = |at: usize| Some(byte(at)? << 8 | byte(at + 1)?);
    let mut facts = Facts::default();
    let mut put = |name: &str, value: Option<u32>| {
        facts.numbers[NUMBERS.iter().position(|known| *known == name).unwrap()] = value;
    };
    put("ip.ver", Some(u32::from(version)));
    let (protocol, transport) = if version == 4 {
        put("ip.len", word(2));
        put("ip.ttl", byte(8));
        put("ip.hdr_len", byte(0).map(|first| (first & 15) * 4));
        put("ip.frag_offset", word(6).map(|field| field & 0x1fff));
        put("ip.dont_frag", word(6).map(|field| field >> 14 & 1));
        put("ip.more_frags", word(6).map(|field| field >> 13 & 1));
        put(
            "ip.opt.type",
            byte(0).filter(|first| first & 15 > 5).and_then(|_| byte(20)),
        );
        let is_first = word(6).is_some_and(|field| field.trailing_zeros() >= 13);
        let length = byte(0).map(|first| (first & 15) as usize * 4);
        (byte(9), length.filter(|length| is_first && *length >= 20))
    } else {
        put("ip.len", word(4).map(|length| length + 40));
        put("ip.ttl", byte(7));
        behind_extensions(packet)
    };
    put("ip.proto", protocol);
    match (protocol, transport) {
        (Some(6), Some(at)) => {
            put("tcp.srcport", word(at));
            put("tcp.dstport", word(at + 2));
            put("tcp.flags", byte(at + 13));
        }
        (Some(17), Some(at)) => {
            put("udp.srcport", word(at));
            put("udp.dstport", word(at + 2));
        }
        (Some(1), Some(at)) if version == 4 => {
            put("icmp.type", byte(at));
            put("icmp.code", byte(at + 1));
        }
        _ => {}
    }
    let address = |at: usize| -> Option<IpAddr> {
        if version == 4 {
            let bytes: [u8; 4] = packet.get(at..at + 4)?.try_into().ok()?;
            Some(bytes.into())
        } else {
            let bytes: [u8; 16] = packet.get(at..at + 16)?.try_into().ok()?;
            Some(bytes.into())
        }
    };
    let places = if version == 4 { (12, 16) } else { (8, 24) };
    (facts.source, facts.destination) = (address(places.0), address(places.1));
    facts
}

/// The protocol behind at most eight extension headers, and where its header is.
fn behind_extensions(packet: &[u8]) -> (Option<u32>, Option<usize>) {
    if packet.len() < 40 {
        return (None, None);
    }
    let (mut next, mut at) = (packet[6], 40);
    for _ in 0..8 {
        let header = packet.get(at..).unwrap_or_default();
        match (next, header) {
            (44, [following, _, high, low, ..]) => {
                if u16::from_be_bytes([*high, *low]) & 0xfff8 != 0 {
                    return (Some(u32::from(*following)), None);
                }
                (next, at) = (*following, at + 8);
            }
            (51, [following, length, ..]) => (next, at) = (*following, at + 4 * (usize::from(*length) + 2)),
            (0 | 43 | 60 | 135 | 139 | 140, [following, length, ..]) => {
                (next, at) = (*following, at + 8 * (usize::from(*length) + 1));
            }
            (0 | 43 | 44 | 51 | 60 | 135 | 139 | 140, _) => return (None, None),
            _ => break,
        }
    }
    (Some(u32::from(next)), Some(at))
}

fn facts(link: LinkType, frame: &[u8]) -> Facts {
    let word = |at: usize| Some(u16::from_be_bytes([*frame.get(at)?, *frame.get(at + 1)?]));
    let (mut kind, mut at) = match link {
        LinkType::ETHERNET => (word(12), 14),
        LinkType::LINUX_SLL2 => (word(0).filter(|_| frame.len() >= 20), 20),
        _ => {
            return match frame.first().map(|first| first >> 4) {
                Some(version @ (4 | 6)) => facts_of_packet(version, frame),
                _ => Facts::default(),
            };
        }
    };
    for _ in 0..2 {
        if matches!(kind, Some(0x8100 | 0x88a8 | 0x9100)) {
            (kind, at) = (word(at + 2), at + 4);
        }
    }
    match kind {
        Some(0x0800) => facts_of_packet(4, &frame[at..]),
        Some(0x86dd) => facts_of_packet(6, &frame[at..]),
        _ => Facts::default(),
    }
}

/// A condition as a test writes and reads it.
#[derive(Clone, Debug)]
enum Tree {
    Compare(usize, &'static str, u32),
    Set(usize, Vec<(u32, u32)>),
    Bits(usize, u32),
    Flag(usize),
    Bit(&'static str),
    Address(bool, bool, IpAddr),
    Addresses(bool, Vec<Entry>),
    Not(Box<Tree>),
    Chain(&'static str, Vec<Tree>),
}

#[derive(Clone, Debug)]
enum Entry {
    Block(ipnet::IpNet),
    Range(IpAddr, IpAddr),
}

impl Tree {
    fn text(&self) -> String {
        let end = |is_source: bool| if is_source { "ip.src" } else { "ip.dst" };
        match self {
            Self::Compare(field, sign, number) => format!("{} {sign} {number}", NUMBERS[*field]),
            Self::Set(field, ranges) => {
                let ranges: Vec<String> = ranges.iter().map(|(low, high)| format!("{low}..{high}")).collect();
                format!("{} in {{{}}}", NUMBERS[*field], ranges.join(" "))
            }
            Self::Bits(field, mask) => format!("{} & {mask:#x}", NUMBERS[*field]),
            Self::Flag(field) => NUMBERS[*field].to_owned(),
            Self::Bit(name) => format!("tcp.flags.{name}"),
            Self::Address(is_source, is_equal, address) => {
                format!("{} {} {address}", end(*is_source), if *is_equal { "eq" } else { "ne" })
            }
            Self::Addresses(is_source, entries) => {
                let entries: Vec<String> = entries
                    .iter()
                    .map(|entry| match entry {
                        Entry::Block(block) => block.to_string(),
                        Entry::Range(low, high) if low == high => low.to_string(),
                        Entry::Range(low, high) => format!("{low}..{high}"),
                    })
                    .collect();
                format!("{} in {{{}}}", end(*is_source), entries.join(" "))
            }
            Self::Not(tree) => format!("not ({})", tree.text()),
            Self::Chain(sign, trees) => {
                let texts: Vec<String> = trees.iter().map(|tree| format!("({})", tree.text())).collect();
                texts.join(&format!(" {sign} "))
            }
        }
    }

    fn holds(&self, facts: &Facts) -> bool {
        let end = |is_source: bool| if is_source { facts.source } else { facts.destination };
        let number = |field: usize| facts.numbers[field];
        match self {
            Self::Compare(field, sign, wanted) => number(*field).is_some_and(|number| match *sign {
                "==" => number == *wanted,
                "!=" => number != *wanted,
                "<" => number < *wanted,
                "<=" => number <= *wanted,
                ">" => number > *wanted,
                _ => number >= *wanted,
            }),
            Self::Set(field, ranges) => {
                number(*field).is_some_and(|number| ranges.iter().any(|(low, high)| (*low..=*high).contains(&number)))
            }
            Self::Bits(field, mask) => number(*field).is_some_and(|number| number & mask != 0),
            Self::Flag(field) => number(*field) == Some(1),
            Self::Bit(name) => {
                let bit = FLAGS.iter().position(|known| known == name).unwrap();
                let flags = NUMBERS.iter().position(|known| *known == "tcp.flags").unwrap();
                number(flags).is_some_and(|flags| flags >> bit & 1 == 1)
            }
            Self::Address(is_source, is_equal, address) => {
                end(*is_source).is_some_and(|end| (end == *address) == *is_equal)
            }
            Self::Addresses(is_source, entries) => end(*is_source).is_some_and(|end| {
                entries.iter().any(|entry| match entry {
                    Entry::Block(block) => block.contains(&end),
                    Entry::Range(low, high) => low.is_ipv4() == end.is_ipv4() && *low <= end && end <= *high,
                })
            }),
            Self::Not(tree) => !tree.holds(facts),
            Self::Chain(sign, trees) => {
                let holding = trees.iter().filter(|tree| tree.holds(facts)).count();
                match *sign {
                    "and" => holding == trees.len(),
                    "xor" => holding % 2 == 1,
                    _ => holding > 0,
                }
            }
        }
    }
}

fn address() -> impl Strategy<Value = IpAddr> {
    let known = prop::sample::select(vec![
        "10.0.0.1",
        "10.0.0.2",
        "10.0.0.77",
        "10.0.0.200",
        "0.0.0.0",
        "255.255.255.255",
        "2001:db8::1",
        "2001:db8::2",
        "2001:db8::4d",
        "::",
        "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
        "2001:db8:0:0:ffff::",
        "2001:db9::",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    ]);
    known.prop_map(|text| text.parse().unwrap())
}

fn entry() -> impl Strategy<Value = Entry> {
    let block = (address(), 0u8..=128).prop_map(|(address, bits)| {
        let most = if address.is_ipv4() { 32 } else { 128 };
        Entry::Block(ipnet::IpNet::new(address, bits % (most + 1)).unwrap())
    });
    let range = (address(), address()).prop_map(|(one, other)| {
        if one.is_ipv4() == other.is_ipv4() {
            Entry::Range(one.min(other), one.max(other))
        } else {
            Entry::Range(one, one)
        }
    });
    prop_oneof![block, range]
}

/// Numbers that the frames have, and others.
fn number() -> impl Strategy<Value = u32> {
    let known = vec![
        0,
        1,
        2,
        4,
        5,
        6,
        8,
        17,
        18,
        20,
        22,
        28,
        40,
        53,
        58,
        60,
        64,
        80,
        128,
        185,
        443,
        1024,
        5353,
        40_000,
        65_535,
        u32::MAX,
    ];
    prop_oneof![3 => prop::sample::select(known), 1 => 0u32..300, 1 => any::<u32>()]
}

fn tree() -> impl Strategy<Value = Tree> {
    let is_flag = |field: usize| NUMBERS[field].ends_with("_frag") || NUMBERS[field].ends_with("_frags");
    let field = (0..NUMBERS.len()).prop_filter("a number", move |field| !is_flag(*field));
    let flag = (0..NUMBERS.len()).prop_filter("a flag", move |field| is_flag(*field));
    let sign = prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]);
    let ranges = prop::collection::vec((number(), number()), 1..5)
        .prop_map(|pairs| pairs.into_iter().map(|(a, b)| (a.min(b), a.max(b))).collect());
    let leaf = prop_oneof![
        4 => (field.clone(), sign, number()).prop_map(|(field, sign, number)| Tree::Compare(field, sign, number)),
        2 => (field.clone(), ranges).prop_map(|(field, ranges)| Tree::Set(field, ranges)),
        1 => (field, number()).prop_map(|(field, mask)| Tree::Bits(field, mask)),
        1 => flag.prop_map(Tree::Flag),
        1 => prop::sample::select(FLAGS.to_vec()).prop_map(Tree::Bit),
        2 => (any::<bool>(), any::<bool>(), address()).prop_map(|(side, equal, address)| Tree::Address(side, equal, address)),
        2 => (any::<bool>(), prop::collection::vec(entry(), 1..4)).prop_map(|(side, entries)| Tree::Addresses(side, entries)),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            1 => inner.clone().prop_map(|tree| Tree::Not(Box::new(tree))),
            3 => (prop::sample::select(vec!["and", "xor", "or"]), prop::collection::vec(inner, 2..5))
                .prop_map(|(sign, trees)| Tree::Chain(sign, trees)),
        ]
    })
}

/// Frames of all links, whole and cut, with what they are.
static CORPUS: LazyLock<Vec<(LinkType, Vec<u8>, Facts)>> = LazyLock::new(|| {
    let mut whole = frames();
    whole.extend(odd_frames());
    let mut corpus = Vec::new();
    let mut add = |link, frame: &[u8]| corpus.push((link, frame.to_vec(), facts(link, frame)));
    for (n, frame) in whole.iter().enumerate() {
        let mut sll = frame[12..14].to_vec();
        sll.extend([0; 18]);
        sll.extend(&frame[14..]);
        // Cut at each length: some of the frames, of which the last are the odd ones.
        let is_cut = n % 150 == 0 || n + 30 > whole.len();
        for (link, bytes) in [
            (LinkType::ETHERNET, frame.as_slice()),
            (LinkType::LINUX_SLL2, &sll),
            (LinkType::RAW, &frame[14..]),
        ] {
            if link == LinkType::ETHERNET || n % 3 == 0 {
                add(link, bytes);
            }
            if is_cut {
                for length in 0..bytes.len().min(120) {
                    add(link, &bytes[..length]);
                }
            }
        }
    }
    corpus
});

/// What no healthy host sends.
fn odd_frames() -> Vec<Vec<u8>> {
    let v4 = Recipe::default().build();
    let with = |frame: &[u8], at: usize, value: u8| {
        let mut frame = frame.to_vec();
        frame[at] = value;
        frame
    };
    let v6 = |extensions: Vec<Extension>| {
        let network = Network::V6 {
            source: 1,
            destination: 2,
            extensions,
        };
        Recipe {
            network,
            ..Recipe::default()
        }
        .build()
    };
    let tagged = |tags: &[(u16, u16)]| {
        Recipe {
            tags: tags.to_vec(),
            ..Recipe::default()
        }
        .build()
    };
    let icmp_in_v6 = Recipe {
        network: Network::V6 {
            source: 1,
            destination: 2,
            extensions: vec![],
        },
        transport: 1,
        ..Recipe::default()
    };
    vec![
        // Header lengths that cannot be, and options of which there is no room.
        with(&v4, 14, 0x40),
        with(&v4, 14, 0x44),
        with(&v4, 14, 0x4f),
        with(&v4, 14, 0x65),
        with(&v4, 23, 1),
        // All flags of fragments, and of TCP.
        with(&v4, 20, 0xe0),
        with(&v4, 47, 0xff),
        v6(vec![Extension::HopByHop; 8]),
        v6(vec![Extension::HopByHop; 9]),
        v6(vec![
            Extension::Fragment(0),
            Extension::Destination,
            Extension::Authentication,
        ]),
        v6(vec![Extension::Fragment(0x1fff), Extension::Destination]),
        with(&v6(vec![Extension::Routing]), 55, 255),
        icmp_in_v6.build(),
        tagged(&[(0x9100, 1)]),
        tagged(&[(0x9100, 1), (0x8100, 2)]),
        tagged(&[(0x8100, 1), (0x9100, 2)]),
        tagged(&[(0x8100, 1), (0x8100, 2), (0x8100, 3)]),
        tagged(&[(0x9100, 1), (0x9100, 2), (0x9100, 3)]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(160))]
    #[test]
    fn trees_agree_with_a_plain_reading(tree in tree()) {
        let text = tree.text();
        let rules = Filter::rules(&text).unwrap();
        let on = |link| rules.compile(link).unwrap();
        let programs = [on(LinkType::ETHERNET), on(LinkType::LINUX_SLL2), on(LinkType::RAW)];
        for (link, frame, facts) in CORPUS.iter() {
            let program = programs.iter().find(|program| program.link() == *link).unwrap();
            prop_assert_eq!(program.matches(frame), tree.holds(facts), "{}: {} {:02x?}", text, link, frame);
        }
    }
}

/// Each field is there in some packet of the corpus and is missing in another, so that the trees say something.
#[test]
fn the_corpus_has_each_field() {
    assert!(CORPUS.len() > 5000, "{}", CORPUS.len());
    for (n, name) in NUMBERS.iter().enumerate() {
        let having = CORPUS.iter().filter(|(_, _, facts)| facts.numbers[n].is_some()).count();
        assert!((50..CORPUS.len() - 50).contains(&having), "{name}: {having}");
    }
}

/// Where libpcap's language can say the same: on frames without tags and extension headers, which it does not look behind.
#[test]
fn libpcap_says_the_same() {
    let plain: Vec<Vec<u8>> = frames()
        .into_iter()
        .chain(odd_frames().into_iter().skip(4).take(3))
        .filter(|frame| match (frame[12], frame[13]) {
            (0x08, _) => true,
            (0x86, 0xdd) => !matches!(frame[20], 0 | 43 | 44 | 51 | 60),
            (first, _) => first != 0x81 && !(first == 0x88 && frame[13] == 0xa8),
        })
        .collect();
    assert!(plain.len() > 200, "{}", plain.len());
    for (rules, expression) in [
        ("ip.src == 10.0.0.1", "ip src host 10.0.0.1"),
        ("ip.src != 10.0.0.1", "ip6 or (ip and not ip src host 10.0.0.1)"),
        ("not ip.src == 10.0.0.1", "not (ip src host 10.0.0.1)"),
        (
            "ip.dst in {10.0.0.0/26 2001:db8::/126}",
            "(ip and dst net 10.0.0.0/26) or dst net 2001:db8::/126",
        ),
        (
            "ip.src in {2001:db8::1..2001:db8::4}",
            "src host 2001:db8::1 or src host 2001:db8::2",
        ),
        ("ip.proto == tcp", "tcp"),
        ("ip.proto in {udp icmp}", "udp or icmp or (ip6 and ip6 proto 1)"),
        ("ip.ver == 6", "ip6"),
        ("not ip.ver in {4 6}", "not ip and not ip6"),
        ("ip.len > 100", "ip[2:2] > 100 or (ip6 and ip6[4:2] > 60)"),
        ("ip.ttl >= 64", "ip[8] >= 64 or ip6[7] >= 64"),
        ("ip.hdr_len == 28", "ip[0] & 15 = 7"),
        ("ip.opt.type == 1", "ip[0] & 15 > 5 and ip[20] = 1"),
        ("ip.frag_offset > 0", "ip[6:2] & 0x1fff > 0"),
        ("ip.dont_frag", "ip[6] & 0x40 != 0"),
        ("ip.more_frags or ip.frag_offset != 0", "ip[6:2] & 0x3fff != 0"),
        ("tcp.dstport == 80", "tcp dst port 80"),
        (
            "tcp.srcport in {22 440..450}",
            "tcp src port 22 or tcp src portrange 440-450",
        ),
        (
            "tcp.dstport != 80",
            "tcp and (tcp dst portrange 0-79 or tcp dst portrange 81-65535)",
        ),
        (
            "udp.dstport lt 1024 or udp.srcport le 53",
            "udp dst portrange 0-1023 or udp src portrange 0-53",
        ),
        (
            "tcp.flags.syn and not tcp.flags.ack",
            "(ip and tcp[13] & 0x12 = 2) or (ip6[6] = 6 and ip6[53] & 0x12 = 2)",
        ),
        ("tcp.flags & 0x14 and ip.ver == 4", "tcp[13] & 0x14 != 0"),
        ("icmp.type == 8 and icmp.code == 0", "icmp[0] = 8 and icmp[1] = 0"),
        (
            "tcp.dstport == 80 xor ip.src == 10.0.0.5",
            "(tcp dst port 80 and not ip src host 10.0.0.5) or (ip src host 10.0.0.5 and not tcp dst port 80)",
        ),
    ] {
        let ours = Filter::rules(rules).unwrap().compile(LinkType::ETHERNET).unwrap();
        let Filter::Expression(theirs) = Filter::expression(expression).unwrap() else {
            panic!("{expression} is an expression");
        };
        let theirs = theirs.compile_for_file(LinkType::ETHERNET).unwrap();
        let mut matching = 0;
        for frame in &plain {
            let expected = theirs.run(&View::plain(frame)) != 0;
            matching += usize::from(expected);
            assert_eq!(ours.matches(frame), expected, "{rules}: {frame:02x?}");
        }
        assert!((1..plain.len()).contains(&matching), "{rules}: {matching}");
    }
}

/// A load outside of the packet must not decide for the whole.
#[test]
fn short_packets_are_not_lost_to_a_negation() {
    let frame = Recipe::default().build();
    for (text, from) in [
        ("not tcp.dstport == 80", 0..38),
        ("not ip.src == 10.0.0.1", 0..30),
        ("not tcp.flags.push", 0..48),
        ("not (ip.ttl > 1 or ip.ttl <= 1)", 0..23),
        ("tcp.flags.push xor ip.ver == 4", 14..48),
        ("tcp.dstport != 80 or ip.ver == 4", 14..usize::MAX),
    ] {
        let program = Filter::rules(text).unwrap().compile(LinkType::ETHERNET).unwrap();
        for length in 0..=frame.len() {
            assert_eq!(
                program.matches(&frame[..length]),
                from.contains(&length),
                "{text}: {length}"
            );
        }
    }
}

#[test]
fn what_is_excluded_stays_excluded() {
    let tcp = Filter::rules("ip.proto == tcp")
        .unwrap()
        .compile(LinkType::ETHERNET)
        .unwrap();
    let port = Filter::rules("not tcp.dstport == 80 xor ip.len > 80")
        .unwrap()
        .compile(LinkType::ETHERNET)
        .unwrap();
    let both = port.clone().excluding(std::slice::from_ref(&tcp)).unwrap();
    for frame in frames() {
        assert_eq!(
            both.matches(&frame),
            port.matches(&frame) && !tcp.matches(&frame),
            "{frame:02x?}"
        );
    }
}
