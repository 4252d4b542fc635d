//! Which packets a task takes: `source`, `destination` and `service` (capture contract, B.2, `CaptureTaskDto`).
//!
//! From source to destination alone, as written, unless `bidirectional` (ours) says otherwise.

use crate::tasks::fault::{Fault, code};
use crate::tasks::fields::{Mistakes, Object};
use baleen_capture::{CaptureFilter, TaskAddress};
use baleen_filter::END_ITEMS_MAX;
use baleen_filter::{End, FiveTuple};
use ipnet::{IpNet, IpSubnets, Ipv4Subnets, Ipv6Subnets};
use serde_json::Value;
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// What of packets a task asks for: as it was sent, and as it is understood.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) source: TaskAddress,
    pub(super) destination: TaskAddress,
    pub(super) protocol: i16,
    pub(super) source_port: String,
    pub(super) destination_port: String,
    pub(super) filter: CaptureFilter,
}

const TCP: i64 = 6;
const UDP: i64 = 17;
const ICMP: i64 = 1;
const ICMP_V6: i64 = 58;
const ANY: i64 = -1;

/// Reads the three objects; `None` if there is a mistake in them, which is noted.
pub(super) fn decode(body: Object<'_>, mistakes: &mut Mistakes) -> Option<Asked> {
    let source = address(body, ("source", "source."), mistakes);
    let destination = address(body, ("destination", "destination."), mistakes);
    let is_v6 = source
        .as_ref()
        .or(destination.as_ref())
        .map(|(address, _)| address.is_v6);
    if let (Some((source, _)), Some((destination, _))) = (&source, &destination)
        && source.is_v6 != destination.is_v6
    {
        let detail = "source and destination must be both IPv4 or both IPv6";
        mistakes.note::<()>(Err(Fault::bad(code::FAMILY, detail)));
    }
    let service = service(body, is_v6, mistakes);
    let bidirectional = mistakes.note(body.boolean("bidirectional"));
    let ((source, source_blocks), (destination, destination_blocks)) = (source?, destination?);
    let Service {
        protocol,
        source_port: (source_port, source_ports),
        destination_port: (destination_port, destination_ports),
    } = service?;
    let tuple = FiveTuple {
        source: End {
            addresses: source_blocks,
            ports: source_ports,
        },
        destination: End {
            addresses: destination_blocks,
            ports: destination_ports,
        },
        protocol: u8::try_from(protocol).ok(),
        bidirectional: bidirectional?.unwrap_or(false),
    };
    Some(Asked {
        source,
        destination,
        protocol: i16::try_from(protocol).ok()?,
        source_port,
        destination_port,
        filter: CaptureFilter::Tuple(tuple),
    })
}

/// Ports as they were sent, and as they are understood.
type Ports = (String, Vec<RangeInclusive<u16>>);

struct Service {
    protocol: i64,
    source_port: Ports,
    destination_port: Ports,
}

fn service(body: Object<'_>, is_v6: Option<bool>, mistakes: &mut Mistakes) -> Option<Service> {
    let wrong = || Fault::bad(code::WRONG_PARAM, "service must be an object");
    let given = mistakes.note(body.required("service"))?;
    let members = mistakes.note(given.as_object().ok_or_else(wrong))?;
    let object = Object::inside(members, "service.");
    let protocol = mistakes.note(protocol(object, is_v6));
    let source_port = mistakes.note(ports(object, "source_port", protocol));
    let destination_port = mistakes.note(ports(object, "dest_port", protocol));
    Some(Service {
        protocol: protocol?,
        source_port: source_port?,
        destination_port: destination_port?,
    })
}

/// Reads one end.
fn address(
    body: Object<'_>,
    (side, at): (&'static str, &'static str),
    mistakes: &mut Mistakes,
) -> Option<(TaskAddress, Vec<IpNet>)> {
    let null = || {
        Fault::bad(
            code::ADDRESS_NULL,
            format!("{side} needs an address, an address_type and a type"),
        )
    };
    let wrong = || Fault::bad(code::WRONG_PARAM, format!("{side} must be an object"));
    let given = mistakes.note(body.get(side).ok_or_else(null))?;
    let object = Object::inside(mistakes.note(given.as_object().ok_or_else(wrong))?, at);
    let is_none = |value: &&Value| value.as_str() != Some("");
    let given = mistakes.note(object.get("address").filter(is_none).ok_or_else(null))?;
    let wrong = || Fault::bad(code::ADDRESS, format!("{at}address must be a string"));
    let text = mistakes.note(given.as_str().ok_or_else(wrong));
    let family = mistakes.note(object.whole_or("address_type", &(0..=1), code::ADDRESS_TYPE));
    // Typed in by hand; the vendor's other types name lists that are kept elsewhere.
    mistakes.note(object.whole_or("type", &(0..=0), code::ADDRESS_TYPE));
    let text = text?;
    let read = blocks(text).map_err(|why| Fault::bad(code::ADDRESS, format!("{at}address: {why}")));
    let (blocks, is_v6) = (mistakes.note(read)?, family? == 1);
    let is_of_family = |block: &IpNet| matches!(block, IpNet::V6(_)) == is_v6;
    if !blocks.iter().all(is_of_family) {
        let detail = format!("{at}address is not of its address_type (0 for IPv4, 1 for IPv6)");
        mistakes.note::<()>(Err(Fault::bad(code::FAMILY, detail)));
        return None;
    }
    let address = TaskAddress {
        address: text.to_owned(),
        is_v6,
    };
    Some((address, blocks))
}

/// Reads an address, a block, or a range, as the blocks that cover it and nothing else.
fn blocks(text: &str) -> Result<Vec<IpNet>, String> {
    const EXPECTED: &str = "an address, a block such as 10.0.0.0/8, or a range such as 10.0.0.1-10.0.0.9 is expected";
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(vec![address.into()]);
    }
    if let Ok(block) = text.parse::<IpNet>() {
        return Ok(vec![block.trunc()]);
    }
    let (first, last) = text.split_once('-').ok_or(EXPECTED)?;
    let ends = (first.parse(), last.parse());
    let (first, last): (IpAddr, IpAddr) = match ends {
        (Ok(first), Ok(last)) => (first, last),
        _ => return Err(EXPECTED.to_owned()),
    };
    if last < first {
        return Err("a range goes from the lower address to the higher".to_owned());
    }
    let cover = match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => IpSubnets::V4(Ipv4Subnets::new(first, last, 0)),
        (IpAddr::V6(first), IpAddr::V6(last)) => IpSubnets::V6(Ipv6Subnets::new(first, last, 0)),
        _ => return Err("a range is of one family".to_owned()),
    };
    let cover: Vec<_> = cover.take(END_ITEMS_MAX + 1).collect();
    if cover.len() > END_ITEMS_MAX {
        return Err(format!("this range takes more than {END_ITEMS_MAX} blocks"));
    }
    Ok(cover)
}

/// `is_v6` says of which family the addresses are, as far as that is known.
fn protocol(service: Object<'_>, is_v6: Option<bool>) -> Result<i64, Fault> {
    const EXPECTED: &str = "must be 6 (TCP), 17 (UDP), 1 (ICMP), 58 (ICMPv6) or -1 (any)";
    let given = service.required("protocol")?;
    let refuse = |code| Err(Fault::bad(code, format!("{} {EXPECTED}", service.called("protocol"))));
    if !given.is_number() {
        return refuse(code::WRONG_PARAM);
    }
    let family = match given.as_i64() {
        Some(TCP | UDP | ANY) => None,
        Some(ICMP) => Some(false),
        Some(ICMP_V6) => Some(true),
        _ => return refuse(code::CONFIG_TYPE),
    };
    if family.is_some_and(|family| is_v6.is_some_and(|is_v6| is_v6 != family)) {
        return Err(Fault::bad(code::CONFIG_TYPE, "ICMP is of IPv4, ICMPv6 of IPv6"));
    }
    given.as_i64().ok_or_else(Fault::internal)
}

/// Reads ports: any, one, a range, or several of these with commas.
fn ports(service: Object<'_>, name: &str, protocol: Option<i64>) -> Result<Ports, Fault> {
    let text = service.text(name)?.unwrap_or_default();
    if text.is_empty() {
        return Ok((String::new(), Vec::new()));
    }
    let name = service.called(name);
    if matches!(protocol, Some(ICMP | ICMP_V6)) {
        return Err(Fault::bad(
            code::CONFIG_TYPE,
            format!("{name} is for TCP, UDP or any protocol"),
        ));
    }
    let wrong = |why: &str| Fault::bad(code::WRONG_PARAM, format!("{name}: {why}"));
    let items: Vec<_> = text.split(',').take(END_ITEMS_MAX + 1).collect();
    if items.len() > END_ITEMS_MAX {
        return Err(wrong(&format!("at most {END_ITEMS_MAX} ports and ranges are possible")));
    }
    let ranges = items.into_iter().map(range).collect::<Option<_>>();
    let ranges = ranges.ok_or_else(|| wrong("ports from 1 to 65535 are expected, as in 80 or 80,8000-8080"))?;
    Ok((text.to_owned(), ranges))
}

fn range(text: &str) -> Option<RangeInclusive<u16>> {
    let port = |text: &str| {
        let is_number = (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse().ok()).flatten().filter(|port| *port > 0)
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let range = port(first)?..=port(last)?;
    (!range.is_empty()).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shown(text: &str) -> String {
        match blocks(text) {
            Ok(blocks) => blocks.iter().map(IpNet::to_string).collect::<Vec<_>>().join(" "),
            Err(why) => format!("! {why}"),
        }
    }

    #[test]
    fn addresses() {
        for (text, expected) in [
            ("1.1.1.1", "1.1.1.1/32"),
            ("2001:db8::1", "2001:db8::1/128"),
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("::/0", "::/0"),
            ("10.0.0.1-10.0.0.1", "10.0.0.1/32"),
            ("10.0.0.1-10.0.0.4", "10.0.0.1/32 10.0.0.2/31 10.0.0.4/32"),
            ("0.0.0.0-255.255.255.255", "0.0.0.0/0"),
            ("255.255.255.254-255.255.255.255", "255.255.255.254/31"),
            ("2001:db8::-2001:db8::ffff", "2001:db8::/112"),
            ("::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::/0"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
        for wrong in [
            "1.1.1",
            "1.1.1.256",
            " 1.1.1.1",
            "01.1.1.1",
            "1.1.1.1/33",
            "1.1.1.1,2.2.2.2",
            "1.1.1.1-",
            "-1.1.1.1",
            "1.1.1.1-9",
            "1.1.1.1-2.2.2.2-3.3.3.3",
            "10.0.0.0/8-11.0.0.0/8",
            "10.0.0.2-10.0.0.1",
            "10.0.0.1-::1",
            "fe80::1%eth0",
            "example.com",
            "any",
            "*",
        ] {
            assert!(shown(wrong).starts_with("! "), "{wrong}");
        }
        // The most blocks that a range of IPv4 can take are 62; of IPv6 there are more.
        assert!(blocks("0.0.0.1-255.255.255.254").unwrap().len() == 62);
        assert!(shown("::1-ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe").contains("more than 64"));
    }

    #[test]
    fn port_texts() {
        let check = |text: &str, protocol| {
            let service = json!({ "p": text });
            ports(Object::body(service.as_object().unwrap()), "p", Some(protocol))
                .ok()
                .map(|(_, ranges)| ranges)
        };
        for (text, expected) in [
            ("", vec![]),
            ("80", vec![80..=80]),
            ("1-65535", vec![1..=65535]),
            ("80,443,8000-8080", vec![80..=80, 443..=443, 8000..=8080]),
            ("00080", vec![80..=80]),
        ] {
            for protocol in [TCP, UDP, ANY] {
                assert_eq!(check(text, protocol).as_ref(), Some(&expected), "{text}");
            }
            assert_eq!(check(text, ICMP).is_some(), text.is_empty());
        }
        for wrong in [
            "0", "65536", "80-", "-80", "90-80", "80,", ",80", "+80", "80 ", "8 0", "0x50", "http", "1-2-3", "*",
        ] {
            assert_eq!(check(wrong, TCP), None, "{wrong}");
        }
        assert!(check(&vec!["1"; END_ITEMS_MAX].join(","), TCP).is_some());
        assert!(check(&vec!["1"; END_ITEMS_MAX + 1].join(","), TCP).is_none());
    }
}
