//! What a filter asks for at least: by it the index tells where a match can be at all.

use crate::hash::HashKey;
use crate::keys::Key;
use crate::limits::HINT_PORTS_MAX;
use baleen_filter::{End, Filter, FiveTuple};
use std::net::IpAddr;

/// What ports mean without a protocol, as for the filter.
const PORTS_IMPLY: [u8; 3] = [6, 17, 132];

/// What must be in a chunk for a filter to match there. Each group asks for one of its keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hint {
    addresses: Vec<Vec<Key>>,
    /// Protocol, ports, the conversation as a whole.
    rest: Vec<Vec<Key>>,
}

impl Hint {
    /// What a filter asks for. A tcpdump expression is not looked into: it narrows nothing.
    pub fn of(filter: &Filter) -> Self {
        match filter {
            Filter::Tuple(tuple) => Self::of_tuple(tuple),
            _ => Self::default(),
        }
    }

    /// Whether it narrows nothing.
    pub fn is_any(&self) -> bool {
        self.addresses.is_empty() && self.rest.is_empty()
    }

    fn of_tuple(tuple: &FiveTuple) -> Self {
        let ends = [&tuple.source, &tuple.destination];
        let addresses = ends.map(hosts);
        let ports = ends.map(ports);
        let has_ports = ends.iter().any(|end| !end.ports.is_empty());
        let protocols = match tuple.protocol {
            Some(protocol) => vec![protocol],
            None if has_ports => PORTS_IMPLY.to_vec(),
            None => Vec::new(),
        };
        let mut hint = Self::default();
        for hosts in addresses.iter().flatten() {
            hint.addresses.push(hosts.iter().copied().map(Key::Address).collect());
        }
        for ports in ports.iter().flatten() {
            hint.rest.push(ports.iter().copied().map(Key::Port).collect());
        }
        if let ([Some(one), Some(other)], [Some(here), Some(there)]) = (&addresses, &ports)
            && let ([one], [other], [here], [there]) = (&one[..], &other[..], &here[..], &there[..])
        {
            let of = |protocol: &u8| Key::conversation(*protocol, (*one, *here), (*other, *there));
            hint.rest.push(protocols.iter().map(of).collect());
        }
        if !protocols.is_empty() {
            hint.rest.push(protocols.into_iter().map(Key::Protocol).collect());
        }
        hint
    }

    /// The hint for segments of one hash key.
    pub(crate) fn hashed(&self, key: &HashKey) -> Hashed {
        let group = |keys: &Vec<Key>| keys.iter().map(|one| one.hash(key)).collect();
        Hashed {
            addresses: self.addresses.iter().map(group).collect(),
            rest: self.rest.iter().map(group).collect(),
            unsure: Key::Unsure.hash(key),
            unreadable: Key::Unreadable.hash(key),
        }
    }
}

/// The single addresses of an end; `None` when it has none, or wider blocks.
fn hosts(end: &End) -> Option<Vec<IpAddr>> {
    let single = |block: &ipnet::IpNet| (block.prefix_len() == block.max_prefix_len()).then(|| block.addr());
    let hosts: Vec<_> = end.addresses.iter().map(single).collect::<Option<_>>()?;
    (!hosts.is_empty()).then_some(hosts)
}

/// The ports of an end, if they are few.
fn ports(end: &End) -> Option<Vec<u16>> {
    let wide = |range: &std::ops::RangeInclusive<u16>| usize::from(range.end().saturating_sub(*range.start())) + 1;
    let all: usize = end.ports.iter().map(wide).sum();
    (1..=HINT_PORTS_MAX)
        .contains(&all)
        .then(|| end.ports.iter().cloned().flatten().collect())
}

/// A [`Hint`] as hashes.
#[derive(Clone, Debug)]
pub(crate) struct Hashed {
    addresses: Vec<Vec<u64>>,
    rest: Vec<Vec<u64>>,
    unsure: u64,
    unreadable: u64,
}

impl Hashed {
    /// The chunks in which a match can be, from the chunks in which each key is.
    pub(crate) fn chunks(&self, with: impl Fn(u64) -> u16) -> u16 {
        let all = |groups: &[Vec<u64>]| {
            let any = |group: &Vec<u64>| group.iter().fold(0, |mask, key| mask | with(*key));
            groups.iter().fold(u16::MAX, |mask, group| mask & any(group))
        };
        (all(&self.addresses) & (all(&self.rest) | with(self.unsure))) | with(self.unreadable)
    }
}
