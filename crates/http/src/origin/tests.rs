//! Chains of forwarded addresses, true and false ones.

use http::HeaderValue;

use super::*;

fn proxies() -> TrustedProxies {
    let networks = ["10.0.0.0/8", "fd00::/8", "192.0.2.7"];
    TrustedProxies::new(networks.map(|text| TrustedProxies::parse_network(text).unwrap()))
}

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

fn source(peer: &str, lines: &[(&'static str, &str)]) -> String {
    let peer = Peer(peer.parse().unwrap());
    proxies().origin(&headers(lines), peer, false).source.to_string()
}

const FOR: &str = "x-forwarded-for";

#[test]
fn the_first_untrusted_hop_from_the_right_is_the_client() {
    for (peer, chain, wanted) in [
        // Nobody is trusted for being the peer.
        ("203.0.113.5:40", "", "203.0.113.5"),
        ("203.0.113.5:40", "198.51.100.1", "203.0.113.5"),
        ("10.1.2.3:40", "", "10.1.2.3"),
        ("10.1.2.3:40", "198.51.100.1", "198.51.100.1"),
        // What the client wrote stands to the left of what the proxy appended.
        ("10.1.2.3:40", "127.0.0.1, 198.51.100.1", "198.51.100.1"),
        ("10.1.2.3:40", "10.9.9.9, 198.51.100.1", "198.51.100.1"),
        ("10.1.2.3:40", "198.51.100.1, 10.0.0.2,192.0.2.7", "198.51.100.1"),
        ("10.1.2.3:40", "198.51.100.1, 192.0.2.8, 10.0.0.2", "192.0.2.8"),
        ("10.1.2.3:40", "10.0.0.1, 10.0.0.2", "10.0.0.1"),
        // Ports, brackets and both families.
        ("10.1.2.3:40", "198.51.100.1:5123", "198.51.100.1"),
        ("10.1.2.3:40", "[2001:db8::1]:5123", "2001:db8::1"),
        ("10.1.2.3:40", "[2001:db8::1]", "2001:db8::1"),
        ("10.1.2.3:40", "2001:db8::1, fd00::7", "2001:db8::1"),
        ("[fd00::1]:40", "2001:db8::1", "2001:db8::1"),
        // An IPv4 address in IPv6 clothes is the IPv4 address, or a rule for it would be passed by.
        ("[::ffff:10.1.2.3]:40", "198.51.100.1", "198.51.100.1"),
        ("10.1.2.3:40", "::ffff:198.51.100.1", "198.51.100.1"),
        ("10.1.2.3:40", "198.51.100.1, ::ffff:10.0.0.2", "198.51.100.1"),
        ("[::ffff:203.0.113.5]:40", "198.51.100.1", "203.0.113.5"),
    ] {
        let lines = [(FOR, chain)];
        let lines = if chain.is_empty() { &lines[..0] } else { &lines[..] };
        assert_eq!(source(peer, lines), wanted, "{peer} {chain}");
    }
}

#[test]
fn what_cannot_be_read_is_nobodys_address() {
    for chain in [
        "unknown",
        "_hidden",
        "198.51.100.1, ",
        "198.51.100.1,,",
        "198.51.100.1, 1.2.3.4.5",
        "198.51.100.1, 010.0.0.1",
        "198.51.100.1, 10.0.0.1:99999",
        "198.51.100.1, 0x7f000001",
        "198.51.100.1, 2001:db8::%eth0",
        "198.51.100.1, [10.0.0.1",
        "198.51.100.1, for=10.0.0.1",
        "198.51.100.1 10.0.0.1",
        "\"198.51.100.1\"",
        "\u{fc}",
    ] {
        assert_eq!(source("10.1.2.3:40", &[(FOR, chain)]), "10.1.2.3", "{chain}");
    }
    // The hop before it was read, and it is the last whose word counts.
    assert_eq!(
        source("10.1.2.3:40", &[(FOR, "198.51.100.1, what, 10.0.0.2")]),
        "10.0.0.2"
    );
}

#[test]
fn lines_of_one_name_are_one_chain() {
    let lines = [
        (FOR, "198.51.100.9"),
        (FOR, "198.51.100.1, 10.0.0.3"),
        (FOR, "10.0.0.2"),
    ];
    assert_eq!(source("10.1.2.3:40", &lines), "198.51.100.1");
}

#[test]
fn a_chain_has_an_end() {
    let chain = vec!["10.0.0.1"; 4000].join(",");
    assert_eq!(source("10.1.2.3:40", &[(FOR, &chain)]), "10.0.0.1");
    let far = format!("198.51.100.1,{}", ["10.0.0.1"; FORWARDED_HOPS_MAX].join(","));
    assert_eq!(source("10.1.2.3:40", &[(FOR, &far)]), "10.0.0.1");
}

#[test]
fn other_headers_say_nothing() {
    for name in [
        "x-real-ip",
        "forwarded",
        "x-client-ip",
        "true-client-ip",
        "cf-connecting-ip",
    ] {
        for value in ["198.51.100.1", "for=198.51.100.1"] {
            assert_eq!(source("10.1.2.3:40", &[(name, value)]), "10.1.2.3", "{name}");
        }
    }
}

#[test]
fn only_a_trusted_proxy_tells_of_tls() {
    let secure = |peer: &str, own: bool, values: &[&str]| {
        let lines: Vec<_> = values.iter().map(|value| ("x-forwarded-proto", *value)).collect();
        proxies()
            .origin(&headers(&lines), Peer(peer.parse().unwrap()), own)
            .is_secure
    };
    for (peer, own, values, wanted) in [
        ("203.0.113.5:40", false, &["https"][..], false),
        ("203.0.113.5:40", true, &["http"], true),
        ("10.1.2.3:40", false, &["https"], true),
        ("10.1.2.3:40", false, &["HTTPS"], true),
        ("10.1.2.3:40", true, &["http"], false),
        ("10.1.2.3:40", true, &[], true),
        // One stretch in the clear is enough for everybody to read.
        ("10.1.2.3:40", false, &["https, http"], false),
        ("10.1.2.3:40", false, &["https", "http"], false),
        ("10.1.2.3:40", false, &["http", "https"], false),
        ("10.1.2.3:40", false, &["https, https"], true),
        ("10.1.2.3:40", false, &["wss"], false),
    ] {
        assert_eq!(secure(peer, own, values), wanted, "{peer} {own} {values:?}");
    }
}

#[test]
fn networks_at_the_edge_of_sense() {
    for text in ["10.0.0.0/8", "10.1.2.3", "10.1.2.3/32", "fd00::/8", "::1", "0.0.0.0/1"] {
        assert!(TrustedProxies::parse_network(text).is_ok(), "{text}");
    }
    for text in [
        "",
        "10.0.0.0/33",
        "10.0.0.1/8",
        "0.0.0.0/0",
        "::/0",
        "all",
        "10.0.0",
        "10.0.0.0/",
        "10.0.0.0/8 ",
    ] {
        assert!(TrustedProxies::parse_network(text).is_err(), "{text}");
    }
}
