//! What a text in the Rules language says, and the fields it may speak of.

use std::ops::RangeInclusive;

/// A condition. Lists have at least two entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Test(Test),
    Not(Box<Self>),
    /// All hold.
    All(Vec<Self>),
    /// An odd number of them holds.
    Odd(Vec<Self>),
    /// One holds, or more.
    Any(Vec<Self>),
}

/// A comparison; false of a packet that does not have the field. Ranges are in order, and neither touch nor overlap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Test {
    Number {
        field: Field,
        wanted: Wanted,
        /// Whether the field has to be there and be none of what is wanted.
        is_negated: bool,
    },
    Address {
        side: Side,
        v4: Vec<RangeInclusive<u32>>,
        v6: Vec<RangeInclusive<u128>>,
        is_negated: bool,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Numbers(Vec<RangeInclusive<u32>>),
    /// One of these bits is set.
    Bits(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Source,
    Destination,
}

/// A number that is loaded from a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Protocol,
    Length,
    TimeToLive,
    Version,
    HeaderLength,
    /// Flags and offset.
    Fragment,
    FragmentOffset,
    OptionType,
    TcpSource,
    TcpDestination,
    TcpFlags,
    UdpSource,
    UdpDestination,
    IcmpType,
    IcmpCode,
}

/// How a name of a field may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Address(Side),
    Number(Field),
    /// The number of a protocol, which may be named.
    Protocol,
    /// A bit of a number, which is true or false by itself.
    Flag(Field, u32),
}

/// Source: capture contract, A.2, `filter_v2`.
const FIELDS: [(&str, Kind); 26] = [
    ("ip.src", Kind::Address(Side::Source)),
    ("ip.dst", Kind::Address(Side::Destination)),
    ("ip.proto", Kind::Protocol),
    ("ip.len", Kind::Number(Field::Length)),
    ("ip.ttl", Kind::Number(Field::TimeToLive)),
    ("ip.ver", Kind::Number(Field::Version)),
    ("ip.hdr_len", Kind::Number(Field::HeaderLength)),
    ("ip.frag_offset", Kind::Number(Field::FragmentOffset)),
    ("ip.dont_frag", Kind::Flag(Field::Fragment, 0x4000)),
    ("ip.more_frags", Kind::Flag(Field::Fragment, 0x2000)),
    ("ip.opt.type", Kind::Number(Field::OptionType)),
    ("tcp.srcport", Kind::Number(Field::TcpSource)),
    ("tcp.dstport", Kind::Number(Field::TcpDestination)),
    ("tcp.flags", Kind::Number(Field::TcpFlags)),
    ("tcp.flags.fin", Kind::Flag(Field::TcpFlags, 0x01)),
    ("tcp.flags.syn", Kind::Flag(Field::TcpFlags, 0x02)),
    ("tcp.flags.reset", Kind::Flag(Field::TcpFlags, 0x04)),
    ("tcp.flags.push", Kind::Flag(Field::TcpFlags, 0x08)),
    ("tcp.flags.ack", Kind::Flag(Field::TcpFlags, 0x10)),
    ("tcp.flags.urg", Kind::Flag(Field::TcpFlags, 0x20)),
    ("tcp.flags.ece", Kind::Flag(Field::TcpFlags, 0x40)),
    ("tcp.flags.cwr", Kind::Flag(Field::TcpFlags, 0x80)),
    ("udp.srcport", Kind::Number(Field::UdpSource)),
    ("udp.dstport", Kind::Number(Field::UdpDestination)),
    ("icmp.type", Kind::Number(Field::IcmpType)),
    ("icmp.code", Kind::Number(Field::IcmpCode)),
];

/// Names of protocols, as the IANA registry "Protocol Numbers" and `/etc/protocols` have them.
const PROTOCOLS: [(&str, u32); 23] = [
    ("icmp", 1),
    ("igmp", 2),
    ("ipip", 4),
    ("ipv4", 4),
    ("tcp", 6),
    ("egp", 8),
    ("igp", 9),
    ("udp", 17),
    ("dccp", 33),
    ("ipv6", 41),
    ("rsvp", 46),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("icmp6", 58),
    ("icmpv6", 58),
    ("ipv6-icmp", 58),
    ("ospf", 89),
    ("pim", 103),
    ("vrrp", 112),
    ("l2tp", 115),
    ("sctp", 132),
    ("udplite", 136),
];

/// What a name of a field stands for.
pub(super) fn field(name: &str) -> Option<Kind> {
    let row = FIELDS.iter().find(|row| row.0 == name)?;
    Some(row.1)
}

/// The number of a protocol that is named, in any case of letters.
pub(super) fn protocol(name: &str) -> Option<u32> {
    let row = PROTOCOLS.iter().find(|row| row.0.eq_ignore_ascii_case(name))?;
    Some(row.1)
}

/// Puts ranges in order and joins those that touch; `next` gives the number behind one.
pub(super) fn joined<T: Copy + Ord>(
    mut ranges: Vec<RangeInclusive<T>>,
    next: impl Fn(T) -> Option<T>,
) -> Vec<RangeInclusive<T>> {
    ranges.sort_by_key(|range| *range.start());
    let mut joined: Vec<RangeInclusive<T>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match joined.last_mut() {
            Some(last) if next(*last.end()).is_none_or(|behind| *range.start() <= behind) => {
                *last = *last.start()..=*last.end().max(range.end());
            }
            _ => joined.push(range),
        }
    }
    joined
}
