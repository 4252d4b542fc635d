//! Our interpreter against libpcap's own, and five-tuples against a plain reading of the frame.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use baleen_filter::{End, Filter, FiveTuple, View};
use baleen_types::LinkType;
use common::{Extension, Network, Recipe, all_frames, expressions, frames, real_frames};
use std::net::IpAddr;

/// What `tcpdump -r` says of a frame.
fn libpcap_says(expression: &str) -> impl Fn(&[u8]) -> bool {
    let program = pcap::Capture::dead(pcap::Linktype::ETHERNET)
        .unwrap()
        .compile(expression, true);
    move |frame| match &program {
        Ok(program) => program.filter(frame),
        Err(error) if error.to_string().contains("rejects all") => false,
        Err(error) => panic!("{expression}: {error}"),
    }
}

#[test]
fn the_corpus_is_large_enough() {
    assert!(expressions().len() >= 60, "{}", expressions().len());
    assert!(frames().len() > 2000, "{}", frames().len());
    assert!(real_frames().len() > 200, "{}", real_frames().len());
    // Each kind that its script speaks of is there.
    for kind in [
        "arp",
        "igmp",
        "icmp[icmptype] = icmp-unreach",
        "icmp[icmptype] = icmp-timxceed",
        "icmp6 and ip6[40] = 135",
        "udp port 67",
        "udp port 53 and ip6",
        "udp port 69",
        "tcp port 22 and ip6",
        "tcp port 23",
        "tcp port 443",
        "tcp[tcpflags] & tcp-urg != 0",
        "tcp[tcpflags] & tcp-rst != 0",
        "ip[6:2] & 0x1fff != 0",
        "ip6[6] = 44",
        "ip6[6] = 0",
        "ip6[6] = 60",
        "ip[0] & 0xf > 5",
        "proto 47",
        "esp",
        "sctp",
        "ether broadcast",
        "ip multicast",
    ] {
        let says = libpcap_says(kind);
        assert!(real_frames().iter().any(|frame| says(frame)), "{kind}");
    }
}

#[test]
fn the_interpreter_agrees_with_libpcap_on_files() {
    let frames = all_frames();
    for text in expressions() {
        let Filter::Expression(expression) = Filter::expression(text).unwrap() else {
            panic!("{text} is an expression");
        };
        let Ok(program) = expression.compile_for_file(LinkType::ETHERNET) else {
            continue;
        };
        let expected = libpcap_says(text);
        for frame in &frames {
            assert_eq!(
                program.run(&View::plain(frame)) != 0,
                expected(frame),
                "{text}: {frame:02x?}"
            );
        }
    }
}

/// The verdict on a tagged frame is that of libpcap on the same expression with `vlan` spelled out for a live handle. Here
/// the parts without `vlan` are compared on what the kernel shows; whole expressions are compared live, against tcpdump.
#[test]
fn expressions_without_vlan_look_past_the_outer_tag_as_live_ones_do() {
    for text in expressions()
        .into_iter()
        .filter(|t| !t.contains("vlan") && !t.contains("len") && !t.contains("ess") && !t.contains("greater"))
    {
        let program = Filter::expression(text).unwrap().compile(LinkType::ETHERNET).unwrap();
        let expected = libpcap_says(text);
        for frame in all_frames() {
            let is_tagged = matches!(frame[12..14], [0x81, 0x00] | [0x88, 0xa8]);
            let shown = if is_tagged {
                [&frame[..12], &frame[16..]].concat()
            } else {
                frame.clone()
            };
            assert_eq!(program.matches(&frame), expected(&shown), "{text}: {frame:02x?}");
        }
    }
}

/// Reads a frame as the rules of `filter_v1` say; an independent, slow statement of them.
fn oracle(tuple: &FiveTuple, frame: &[u8]) -> bool {
    let mut at = 12;
    let word = |at: usize| u16::from_be_bytes([frame[at], frame[at + 1]]);
    for _ in 0..2 {
        if matches!(word(at), 0x8100 | 0x88a8 | 0x9100) {
            at += 4;
        }
    }
    let network = at + 2;
    let (source, destination, protocol, transport): (IpAddr, IpAddr, u8, Option<usize>) = match word(at) {
        0x0800 => {
            let four = |at: usize| IpAddr::from(<[u8; 4]>::try_from(&frame[at..at + 4]).unwrap());
            let is_later = word(network + 6) & 0x1fff != 0;
            let transport = network + 4 * usize::from(frame[network] & 0xf);
            (
                four(network + 12),
                four(network + 16),
                frame[network + 9],
                (!is_later).then_some(transport),
            )
        }
        0x86dd => {
            let sixteen = |at: usize| IpAddr::from(<[u8; 16]>::try_from(&frame[at..at + 16]).unwrap());
            let (mut next, mut here, mut is_later) = (frame[network + 6], network + 40, false);
            while tuple.protocol != Some(next) {
                match next {
                    0 | 43 | 60 => (next, here) = (frame[here], here + 8 + 8 * usize::from(frame[here + 1])),
                    51 => (next, here) = (frame[here], here + 8 + 4 * usize::from(frame[here + 1])),
                    44 => {
                        is_later = word(here + 2) & 0xfff8 != 0;
                        (next, here) = (frame[here], here + 8);
                        if is_later {
                            break;
                        }
                    }
                    _ => break,
                }
            }
            (
                sixteen(network + 8),
                sixteen(network + 24),
                next,
                (!is_later).then_some(here),
            )
        }
        _ => return false,
    };
    let has_ports = !tuple.source.ports.is_empty() || !tuple.destination.ports.is_empty();
    let protocol_matches = match tuple.protocol {
        Some(wanted) => wanted == protocol,
        None => !has_ports || matches!(protocol, 6 | 17 | 132),
    };
    let end_matches = |end: &End, address: &IpAddr, offset: usize| {
        (end.addresses.is_empty() || end.addresses.iter().any(|block| block.contains(address)))
            && (end.ports.is_empty()
                || transport.is_some_and(|t| end.ports.iter().any(|range| range.contains(&word(t + offset)))))
    };
    let ports_visible = !has_ports || transport.is_some();
    protocol_matches
        && ports_visible
        && (end_matches(&tuple.source, &source, 0) && end_matches(&tuple.destination, &destination, 2)
            || tuple.bidirectional
                && end_matches(&tuple.destination, &source, 0)
                && end_matches(&tuple.source, &destination, 2))
}

fn end(addresses: &[&str], ports: &[(u16, u16)]) -> End {
    End {
        addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
        ports: ports.iter().map(|(low, high)| *low..=*high).collect(),
    }
}

#[test]
fn five_tuples_agree_with_a_plain_reading() {
    let any: (&[&str], &[(u16, u16)]) = (&[], &[]);
    let sources = [
        any,
        (&["10.0.0.1/32"], &[]),
        (&["10.0.0.0/26", "10.0.0.200/32"], &[]),
        (&["2001:db8::1/128"], &[]),
        (&["2001:db8::/33"], &[(40_000, 40_010)]),
        (&["::/0"], &[]),
        (&["0.0.0.0/0"], &[(53, 53)]),
        (&[], &[(1, 1023), (5353, 5353)]),
    ];
    let destinations = [
        any,
        (&["10.0.0.2/32"], &[]),
        (&["2001:db8::/126"], &[]),
        (&[], &[(80, 80)]),
        (&[], &[(0, 65_535)]),
    ];
    let frames = frames();
    let mut tested = 0;
    for source in sources {
        for destination in destinations {
            for protocol in [
                None,
                Some(6),
                Some(17),
                Some(1),
                Some(58),
                Some(132),
                Some(44),
                Some(51),
                Some(0),
            ] {
                for bidirectional in [false, true] {
                    let tuple = FiveTuple {
                        source: end(source.0, source.1),
                        destination: end(destination.0, destination.1),
                        protocol,
                        bidirectional,
                    };
                    let Ok(program) = tuple.compile(LinkType::ETHERNET) else {
                        assert!(tuple.check().is_err());
                        continue;
                    };
                    tested += 1;
                    for frame in &frames {
                        let got = program.matches(frame);
                        assert_eq!(got, oracle(&tuple, frame), "{tuple}: {frame:02x?}");
                    }
                }
            }
        }
    }
    assert!(tested > 300, "{tested}");
}

#[test]
fn five_tuples_mean_the_same_on_every_link() {
    let tuple = FiveTuple {
        source: end(&["10.0.0.1/32"], &[]),
        destination: end(&[], &[(80, 80)]),
        protocol: None,
        bidirectional: true,
    };
    let on = |link| tuple.compile(link).unwrap();
    let (ethernet, cooked, raw) = (on(LinkType::ETHERNET), on(LinkType::LINUX_SLL2), on(LinkType::RAW));
    for frame in frames() {
        let mut sll = frame[12..14].to_vec();
        sll.extend([0; 18]);
        sll.extend(&frame[14..]);
        assert_eq!(cooked.matches(&sll), ethernet.matches(&frame), "{frame:02x?}");
        if matches!(frame[12..14], [0x08, 0x00] | [0x86, 0xdd]) {
            assert_eq!(raw.matches(&frame[14..]), ethernet.matches(&frame), "{frame:02x?}");
        }
    }
}

#[test]
fn cut_frames_never_match_what_was_cut_off() {
    let tuple = FiveTuple {
        destination: end(&[], &[(80, 80)]),
        ..FiveTuple::default()
    };
    let program = tuple.compile(LinkType::ETHERNET).unwrap();
    let recipe = Recipe {
        network: Network::V6 {
            source: 1,
            destination: 2,
            extensions: vec![Extension::Routing, Extension::HopByHop],
        },
        ..Recipe::default()
    };
    let frame = recipe.build();
    let ports = 14 + 40 + 24 + 8;
    assert!(program.matches(&frame[..ports + 4]));
    for length in 0..ports + 4 {
        assert!(!program.matches(&frame[..length]), "{length}");
    }
}

#[test]
fn an_endless_chain_of_extension_headers_ends() {
    let tuple = FiveTuple {
        protocol: Some(6),
        ..FiveTuple::default()
    };
    let program = tuple.compile(LinkType::ETHERNET).unwrap();
    for (count, expected) in [(8, true), (9, false), (30, false)] {
        let network = Network::V6 {
            source: 1,
            destination: 2,
            extensions: vec![Extension::HopByHop; count],
        };
        let frame = Recipe {
            network,
            ..Recipe::default()
        }
        .build();
        assert_eq!(program.matches(&frame), expected, "{count}");
    }
}

#[test]
fn excluded_traffic_is_left_out_in_both_directions() {
    let upload = FiveTuple {
        source: end(&["10.0.0.1/32"], &[(40_000, 40_000)]),
        destination: end(&["10.0.0.2/32"], &[(80, 80)]),
        protocol: Some(6),
        bidirectional: true,
    };
    let upload = upload.compile(LinkType::ETHERNET).unwrap();
    for filter in [
        Filter::All,
        Filter::expression("tcp or vlan").unwrap(),
        Filter::expression("udp").unwrap(),
    ] {
        let alone = filter.compile(LinkType::ETHERNET).unwrap();
        let both = alone.clone().excluding(&[upload.clone(), upload.clone()]).unwrap();
        for frame in frames() {
            assert_eq!(
                both.matches(&frame),
                alone.matches(&frame) && !upload.matches(&frame),
                "{filter}: {frame:02x?}"
            );
        }
    }
}
