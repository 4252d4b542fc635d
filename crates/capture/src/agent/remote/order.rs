//! An order in the words of the wire, and what comes back in ours.

use super::{AgentError, Order};
use crate::Counts;
use crate::agent::Format;
use crate::agent::Limits;
use crate::limits::{MESSAGE_BYTES_MAX, REMOTE_PART_BYTES};
use baleen_agentwire::{AddressKey, Addresses, Begin, FileFormat, Job, Mask, OrderFilter, PortRange, Tuple, TupleEnd};
use baleen_filter::{End, Filter, FiveTuple};

pub(super) fn wire(order: &Order) -> Result<Job, AgentError> {
    if order.rotation.is_some() {
        return Err(AgentError(
            "agents on other hosts cannot write several files yet".to_owned(),
        ));
    }
    let time_ms = u64::try_from(order.limits.time.as_millis());
    let begin = Begin {
        site: order.site.to_string(),
        filter: match &order.filter {
            Filter::All => OrderFilter::All,
            Filter::Expression(expression) => OrderFilter::Expression(expression.text().to_owned()),
            Filter::Tuple(five) => OrderFilter::Tuple(tuple(five)),
            Filter::Rules(rules) => OrderFilter::Rules(rules.text().to_owned()),
        },
        // What the server uploads does not pass where the agent is, but may: it is told what that is.
        exclude: order.exclude.iter().map(tuple).collect(),
        time_ms: time_ms.map_err(|_| AgentError("the time limit is too long".to_owned()))?,
        packets: order.limits.packets,
        bytes: order.limits.bytes,
        format: match order.format {
            Format::Pcap => FileFormat::Pcap,
            Format::PcapNg => FileFormat::PcapNg,
        },
        snaplen: order.snaplen,
        part_bytes: REMOTE_PART_BYTES,
        mask: Mask {
            headers_only: order.masking.headers_only,
            zero_payload: order.masking.zero_payload,
        },
    };
    // By the agent, so that none leaves its host as it is.
    let key = order.masking.addresses.as_ref();
    Ok(Job {
        begin,
        address_key: key.map(|key| AddressKey(*key.as_bytes())),
        live: order.is_live.then(|| order.interfaces.clone()),
    })
}

/// What is known of an order that a process before this one gave: what bounds the counts that are told of it. It is never said.
pub(super) fn adopted(limits: &Limits) -> Job {
    Job::plain(Begin {
        site: String::new(),
        filter: OrderFilter::All,
        exclude: Vec::new(),
        time_ms: u64::try_from(limits.time.as_millis()).unwrap_or(u64::MAX),
        packets: limits.packets,
        bytes: limits.bytes,
        format: FileFormat::Pcap,
        snaplen: None,
        part_bytes: REMOTE_PART_BYTES,
        mask: Mask::default(),
    })
}

fn tuple(five: &FiveTuple) -> Tuple {
    Tuple {
        source: end(&five.source),
        destination: end(&five.destination),
        protocol: five.protocol,
        bidirectional: five.bidirectional,
    }
}

fn end(end: &End) -> TupleEnd {
    let range = |ports: &std::ops::RangeInclusive<u16>| PortRange {
        first: *ports.start(),
        last: *ports.end(),
    };
    TupleEnd {
        addresses: end.addresses.iter().copied().map(Addresses::of).collect(),
        ports: end.ports.iter().map(range).collect(),
    }
}

pub(super) fn counts(counts: baleen_agentwire::Counts) -> Counts {
    Counts {
        packets: counts.packets,
        bytes: counts.bytes,
        dropped: counts.dropped,
    }
}

/// What an agent says to the user who asked, as text of one line that fits a record.
pub(super) fn words(said: &str) -> String {
    let mut words = String::new();
    for character in said.chars().map(|c| if c.is_control() { ' ' } else { c }) {
        if words.len() + character.len_utf8() > MESSAGE_BYTES_MAX / 2 {
            break;
        }
        words.push(character);
    }
    words
}
