//! From an order as it comes to one that may be done here.

use crate::settings::Allowed;
use baleen_agentwire::{FileFormat, Job, OrderFilter, OrderId, Tuple, TupleEnd};
use baleen_capture::engine::Masking;
use baleen_capture::{AddressKey, Format, Limits, Order, Rotation};
use baleen_filter::{End, Filter, FiveTuple};
use baleen_types::{CaptureId, SiteName};
use ipnet::IpNet;
use std::net::SocketAddr;
use std::time::Duration;

/// TCP.
const TCP: u8 = 6;

/// An order that may be done, and what its owner does not get though it was asked for.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) order: Order,
    pub(crate) missing: Option<String>,
}

/// Reads an order. `server` is where the server is, whose connections are never captured. Compiles a filter, so it blocks.
///
/// # Errors
/// Why it cannot be done, for who asked for the capture.
pub(crate) fn check(id: OrderId, job: &Job, allowed: &Allowed, server: &[SocketAddr]) -> Result<Checked, String> {
    let begin = &job.begin;
    let filter = match &begin.filter {
        OrderFilter::All => Filter::All,
        OrderFilter::Expression(text) => Filter::expression(text).map_err(|error| error.to_string())?,
        OrderFilter::Rules(text) => Filter::rules(text).map_err(|error| error.to_string())?,
        OrderFilter::Tuple(five) => Filter::Tuple(tuple(five)?),
    };
    let mut exclude = begin.exclude.iter().map(tuple).collect::<Result<Vec<_>, _>>()?;
    exclude.extend(own_traffic(server));
    let asked = begin.snaplen.unwrap_or(baleen_ring::SNAPLEN_MAX);
    let (snaplen, missing) = if asked > allowed.snaplen_max {
        let bytes = allowed.snaplen_max;
        let words = format!("packets are cut to {bytes} bytes, as the owner of the agent wants");
        (bytes, Some(words))
    } else {
        (asked, None)
    };
    let order = Order {
        capture: CaptureId::from_bytes(id.capture),
        site: SiteName::parse(&begin.site).map_err(|error| error.to_string())?,
        filter,
        exclude,
        limits: Limits {
            time: Duration::from_millis(begin.time_ms),
            packets: begin.packets,
            bytes: begin.bytes,
        },
        format: match begin.format {
            FileFormat::Pcap => Format::Pcap,
            FileFormat::PcapNg => Format::PcapNg,
        },
        snaplen: Some(snaplen),
        rotation: Rotation::default(),
        masking: Masking {
            headers_only: begin.mask.headers_only,
            zero_payload: begin.mask.zero_payload,
            addresses: job.address_key.as_ref().map(|key| AddressKey::new(key.0)),
        },
        is_live: job.live.is_some(),
        interfaces: job.live.clone().unwrap_or_default(),
    };
    Ok(Checked { order, missing })
}

/// All that goes between anybody and these addresses, in both directions: the link and the parts of this agent, whatever port they come
/// from after a cut, and those of other agents that are seen from here.
pub(crate) fn own_traffic(server: &[SocketAddr]) -> Vec<FiveTuple> {
    let of_address = |address: &SocketAddr| FiveTuple {
        source: End::default(),
        destination: End {
            addresses: vec![IpNet::from(address.ip().to_canonical())],
            ports: vec![address.port()..=address.port()],
        },
        protocol: Some(TCP),
        bidirectional: true,
    };
    server.iter().map(of_address).collect()
}

fn tuple(five: &Tuple) -> Result<FiveTuple, String> {
    let tuple = FiveTuple {
        source: end(&five.source)?,
        destination: end(&five.destination)?,
        protocol: five.protocol,
        bidirectional: five.bidirectional,
    };
    tuple.check().map_err(|error| error.to_string())?;
    Ok(tuple)
}

fn end(end: &TupleEnd) -> Result<End, String> {
    let networks = end.addresses.iter().map(|block| block.network());
    Ok(End {
        addresses: networks
            .collect::<Option<_>>()
            .ok_or("a prefix is longer than its address")?,
        ports: end.ports.iter().map(|range| range.first..=range.last).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use baleen_agentwire::{Addresses, Begin, Mask, PortRange};
    use baleen_types::LinkType;

    const ID: OrderId = OrderId {
        capture: [3; 16],
        generation: 1,
    };

    fn allowed() -> Allowed {
        Allowed {
            interfaces: Vec::new(),
            promiscuous: true,
            never: Vec::new(),
            snaplen_max: baleen_ring::SNAPLEN_MAX,
            captures_max: 64,
            time_max: None,
            packets_per_second_max: None,
            hours: None,
        }
    }

    fn begin(filter: OrderFilter) -> Begin {
        Begin {
            site: "far01".to_owned(),
            filter,
            exclude: Vec::new(),
            time_ms: 1500,
            packets: 10,
            bytes: 1000,
            format: FileFormat::PcapNg,
            snaplen: None,
            part_bytes: 8 << 20,
            mask: Mask {
                headers_only: true,
                zero_payload: false,
            },
        }
    }

    fn end_of(addresses: Vec<Addresses>, ports: Vec<PortRange>) -> TupleEnd {
        TupleEnd { addresses, ports }
    }

    #[test]
    fn what_was_ordered_is_what_is_done() {
        let done = check(ID, &Job::plain(begin(OrderFilter::All)), &allowed(), &[]).unwrap();
        let order = done.order;
        assert_eq!((order.capture.as_bytes(), order.site.as_str()), (&[3; 16], "far01"));
        assert_eq!(
            (order.limits.time, order.limits.packets, order.limits.bytes),
            (Duration::from_millis(1500), 10, 1000)
        );
        assert_eq!((order.format, order.filter), (Format::PcapNg, Filter::All));
        assert!(order.masking.headers_only && !order.masking.zero_payload && done.missing.is_none());
        assert!(order.masking.addresses.is_none());
        let masked = Job {
            address_key: Some(baleen_agentwire::AddressKey([7; 32])),
            ..Job::plain(begin(OrderFilter::All))
        };
        let order = check(ID, &masked, &allowed(), &[]).unwrap().order;
        assert_eq!(order.masking.addresses, Some(AddressKey::new([7; 32])));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_words() {
        let port = |first, last| end_of(Vec::new(), vec![PortRange { first, last }]);
        let five = |source: TupleEnd, protocol| {
            OrderFilter::Tuple(Tuple {
                source,
                protocol,
                ..Tuple::default()
            })
        };
        for (filter, words) in [
            (OrderFilter::Expression("tcp prt 443".to_owned()), "syntax"),
            (OrderFilter::Rules("tcp.dstport = 80".to_owned()), ""),
            (five(port(5, 4), None), "range"),
            (five(port(1, 4), Some(1)), "protocol"),
            (
                five(end_of(vec![Addresses::V4([1; 4], 33)], Vec::new()), None),
                "prefix",
            ),
        ] {
            let refused = check(ID, &Job::plain(begin(filter.clone())), &allowed(), &[]).unwrap_err();
            assert!(refused.contains(words), "{filter:?}: {refused}");
        }
        let nameless = Begin {
            site: String::new(),
            ..begin(OrderFilter::All)
        };
        assert!(check(ID, &Job::plain(nameless), &allowed(), &[]).is_err());
    }

    #[test]
    fn a_packet_is_no_longer_than_the_owner_wants() {
        for (asked, most, expected, is_said) in [
            (None, 96, 96, true),
            (Some(64), 96, 64, false),
            (Some(96), 96, 96, false),
            (Some(97), 96, 96, true),
            (None, baleen_ring::SNAPLEN_MAX, baleen_ring::SNAPLEN_MAX, false),
        ] {
            let begin = Begin {
                snaplen: asked,
                ..begin(OrderFilter::All)
            };
            let allowed = Allowed {
                snaplen_max: most,
                ..allowed()
            };
            let done = check(ID, &Job::plain(begin), &allowed, &[]).unwrap();
            assert_eq!((done.order.snaplen, done.missing.is_some()), (Some(expected), is_said));
        }
    }

    /// A frame of TCP over Ethernet and IPv4.
    fn frame(source: ([u8; 4], u16), destination: ([u8; 4], u16)) -> Vec<u8> {
        let mut frame = vec![0; 12];
        frame.extend([8, 0, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, TCP, 0, 0]);
        frame.extend(source.0);
        frame.extend(destination.0);
        frame.extend(source.1.to_be_bytes());
        frame.extend(destination.1.to_be_bytes());
        frame.resize(14 + 40, 0);
        frame
    }

    #[test]
    fn nothing_between_anybody_and_the_server_is_captured() {
        let server = ([192, 0, 2, 7], 9003);
        let addresses = ["192.0.2.7:9003", "[::ffff:192.0.2.8]:9003", "[2001:db8::7]:9003"];
        let addresses = addresses.map(|address| address.parse().unwrap());
        let order = check(ID, &Job::plain(begin(OrderFilter::All)), &allowed(), &addresses)
            .unwrap()
            .order;
        let excluded: Vec<_> = order
            .exclude
            .iter()
            .map(|five| five.compile(LinkType::ETHERNET).unwrap())
            .collect();
        let program = order
            .filter
            .compile(LinkType::ETHERNET)
            .unwrap()
            .excluding(&excluded)
            .unwrap();
        let agent = ([10, 0, 0, 1], 40_000);
        for (one, other, is_kept) in [
            (agent, server, false),
            (([10, 0, 0, 2], 1), server, false),
            (agent, ([192, 0, 2, 8], 9003), false),
            (agent, ([192, 0, 2, 7], 9004), true),
            (agent, ([192, 0, 2, 9], 9003), true),
        ] {
            assert_eq!(program.matches(&frame(one, other)), is_kept, "{one:?} {other:?}");
            assert_eq!(program.matches(&frame(other, one)), is_kept, "{other:?} {one:?}");
        }
    }
}
