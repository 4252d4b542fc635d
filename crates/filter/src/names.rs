//! Names in expressions that would have to be looked up.

use crate::Error;
use crate::locate::words;

/// Words of the language, as libpcap's scanner has them, but for what is listed by its beginning or tells of a service.
const KEYWORDS: &[&str] = &[
    "dst",
    "src",
    "link",
    "ether",
    "ppp",
    "slip",
    "fddi",
    "tr",
    "wlan",
    "arp",
    "rarp",
    "ip",
    "sctp",
    "tcp",
    "udp",
    "icmp",
    "igmp",
    "igrp",
    "pim",
    "vrrp",
    "carp",
    "radio",
    "ip6",
    "icmp6",
    "ah",
    "esp",
    "atalk",
    "aarp",
    "decnet",
    "lat",
    "sca",
    "moprc",
    "mopdl",
    "iso",
    "esis",
    "es-is",
    "isis",
    "is-is",
    "l1",
    "l2",
    "iih",
    "lsp",
    "snp",
    "psnp",
    "csnp",
    "clnp",
    "stp",
    "ipx",
    "netbeui",
    "host",
    "net",
    "mask",
    "gateway",
    "less",
    "greater",
    "byte",
    "broadcast",
    "multicast",
    "and",
    "or",
    "not",
    "len",
    "length",
    "inbound",
    "outbound",
    "ifindex",
    "vlan",
    "mpls",
    "pppoed",
    "pppoes",
    "geneve",
    "vxlan",
    "lane",
    "llc",
    "metac",
    "bcc",
    "oam",
    "oamf4",
    "oamf4ec",
    "oamf4sc",
    "sc",
    "ilmic",
    "vpi",
    "vci",
    "connectmsg",
    "metaconnect",
    "ra",
    "ta",
    "address1",
    "address2",
    "address3",
    "address4",
    "addr1",
    "addr2",
    "addr3",
    "addr4",
    "rnr",
    "srnr",
    "rulenum",
    "subrulenum",
    "fisu",
    "lssu",
    "lsu",
    "msu",
    "hfisu",
    "hlssu",
    "hmsu",
    "sio",
    "opc",
    "dpc",
    "sls",
    "hsio",
    "hopc",
    "hdpc",
    "hsls",
    "tcpflags",
    "icmptype",
    "icmpcode",
    "icmp6type",
    "icmp6code",
];

/// Words whose names are none of hosts: ports, protocols, interfaces and kinds of frames.
const SERVICES: &[&str] = &[
    "port",
    "portrange",
    "proto",
    "protochain",
    "ifname",
    "on",
    "type",
    "subtype",
    "direction",
    "dir",
    "rset",
    "ruleset",
    "reason",
    "action",
];

/// Refuses an expression in which something stands that may be the name of a host or a network.
///
/// # Errors
/// `Expression` with the place of the first.
pub fn check_no_names(text: &str) -> Result<(), Error> {
    // Of names behind one of these: `port http or https` has two ports.
    let mut is_of_service = false;
    for range in words(text) {
        let word = text.get(range.clone()).unwrap_or_default();
        let lower = word.to_ascii_lowercase();
        if ["and", "or", "not"].contains(&lower.as_str()) {
            continue;
        }
        if SERVICES.contains(&lower.as_str()) {
            is_of_service = true;
        } else if KEYWORDS.contains(&lower.as_str()) || is_constant(&lower) {
            is_of_service = false;
        } else if is_name(&lower) && !is_of_service {
            return Err(Error::Expression {
                message: format!(
                    "{word} would have to be looked up as the name of a host, and is no other word of the filter language: captures on other hosts, and of schedules, need addresses"
                ),
                position: Some(range.start),
            });
        }
    }
    Ok(())
}

/// `tcp-syn`, `icmp-echo` and `icmp6-echo`.
fn is_constant(word: &str) -> bool {
    ["tcp-", "icmp-", "icmp6-"].iter().any(|start| word.starts_with(start)) && !word.contains('.')
}

/// Whether a word can be a name: neither a number, an address, nor a sign.
fn is_name(word: &str) -> bool {
    let word = word.trim_start_matches('\\');
    let is_number = word
        .strip_prefix("0x")
        .is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    let has_letters = word.bytes().any(|b| b.is_ascii_alphabetic()) || !word.is_ascii();
    let is_hexadecimal = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
    // Addresses of hardware as some write them: aabb.ccdd.eeff and aabbccddeeff.
    let is_hardware = match word.len() {
        12 => is_hexadecimal(word),
        _ => word.split('.').count() == 3 && word.split('.').all(|group| group.len() == 4 && is_hexadecimal(group)),
    };
    has_letters && !is_number && !is_hardware && !word.contains(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_hosts_are_found() {
        for (text, expected) in [
            ("", None),
            ("tcp port 80 and host 10.0.0.1", None),
            ("port http or https", None),
            (
                "host 2001:db8::1 or ether host aa:bb:cc:dd:ee:ff or ether host aabb.ccdd.eeff",
                None,
            ),
            ("ether host aabbccddeeff or ether src 02005E0053AF", None),
            ("ether host aabbccddee0", Some(11)),
            ("host aabbccddeef", Some(5)),
            ("host aabbccddeeffa", Some(5)),
            ("host xabbccddeeff", Some(5)),
            ("tcp[tcpflags] & (tcp-syn|tcp-fin) != 0 and ip[6:2] & 0x1fff = 0", None),
            ("icmp[icmptype] != icmp-echo", None),
            ("ip proto \\tcp and ether proto \\ip", None),
            ("net 10.0.0.0 mask 255.0.0.0 and len > 0x40 and vlan 5", None),
            ("host example.com", Some(5)),
            ("HOST gateway1", Some(5)),
            ("example", Some(0)),
            ("port http and src example", Some(18)),
            ("tcp and (port 80 or net corp)", Some(24)),
            ("host \\tcp", Some(5)),
            ("not example.com", Some(4)),
            ("host 10.0.0.1 or h\u{f6}st", Some(17)),
        ] {
            let found = check_no_names(text).err().and_then(|error| error.position());
            assert_eq!(found, expected, "{text}");
        }
    }

    /// Its compiler takes it for the same address.
    #[test]
    fn an_address_of_twelve_digits_is_one() {
        let compiled = |text| {
            let filter = crate::Filter::expression(text).unwrap();
            let program = filter.compile(baleen_types::LinkType::ETHERNET).unwrap();
            program.instructions().to_vec()
        };
        assert_eq!(
            compiled("ether host aabbccddeeff"),
            compiled("ether host aa:bb:cc:dd:ee:ff")
        );
    }
}
