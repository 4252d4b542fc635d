use super::*;
use crate::{Filter, View};

fn error(text: &str) -> Error {
    Filter::expression(text).expect_err(text)
}

#[test]
fn mistakes_are_located() {
    for (text, position) in [
        ("tcp and and udp", 8),
        ("tcp port 80 @ udp", 12),
        ("tcp port 80 )", 12),
        ("(tcp or udp", 11),
        ("host 10.0.0.1 port 80", 14),
        ("udp port foobar", 9),
        ("tcp[13 = 2", 7),
        ("and tcp", 0),
        ("vlan 5000", 0),
        ("ip host", 7),
        ("tcp port 80 or ( udp and ) port 53", 25),
    ] {
        let error = error(text);
        assert_eq!(error.position(), Some(position), "{text}: {error}");
        assert!(
            error.to_string().contains(&format!("at character {}", position + 1)),
            "{error}"
        );
    }
}

#[test]
fn limits() {
    let long = |n: usize| format!("tcp{}", " ".repeat(n - 3));
    assert!(Filter::expression(&long(EXPRESSION_BYTES_MAX)).is_ok());
    assert_eq!(error(&long(EXPRESSION_BYTES_MAX + 1)), Error::ExpressionTooLong);
    assert_eq!(Filter::expression("  \t ").unwrap(), Filter::All);
    assert_eq!(error("tcp \u{0} port").position(), Some(4));
    assert!(matches!(error("tcp \u{e9}"), Error::Expression { .. }));
}

#[test]
fn what_only_libpcap_can_loop_over_is_refused() {
    let error = error("ip6 protochain 6");
    assert!(error.to_string().contains("protochain"), "{error}");
}

#[test]
fn the_first_vlan_is_found_as_a_word() {
    for (text, expected) in [
        ("vlan", Some((0..4, None))),
        ("tcp or vlan 10", Some((7..14, Some(10)))),
        ("!vlan&&ip", Some((1..5, None))),
        ("(vlan)", Some((1..5, None))),
        ("vlan (10) and ip", Some((0..9, Some(10)))),
        ("vlan ((0x10)) and ip", Some((0..13, Some(16)))),
        ("vlan and (10 > 5)", Some((0..4, None))),
        ("host vlan-server.example or ip", None),
        ("ether proto \\vlan", None),
        ("geneve and vlan", None),
        ("tcp", None),
    ] {
        let found = Vlan::find(text).map(|v| (v.span, v.number));
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn a_live_program_asks_for_the_tag_beside_the_packet() {
    let program = Filter::expression("vlan 10 and ip")
        .unwrap()
        .compile(LinkType::ETHERNET)
        .unwrap();
    let asks = |offset| {
        program
            .instructions()
            .iter()
            .any(|i| i.code & 0xe7 == LD_W_ABS & 0xe7 && i.value == offset)
    };
    assert!(asks(0xffff_f030) && asks(0xffff_f02c));
    // A tag beside the packet, and one left in it (as on the way out).
    let live = b"ddddddssssss\x81\x00\x00\x0a\x08\x00E";
    assert!(program.matches(live));
    assert!(program.run(&View::plain(live)) != 0);
    assert!(!program.matches(b"ddddddssssss\x81\x00\x00\x0b\x08\x00E"));
    assert!(!program.matches(b"ddddddssssss\x08\x00E"));
}

/// Ethernet, tags, IPv4, and TCP to a port.
fn tagged(tags: &[[u8; 2]], port: u16) -> Vec<u8> {
    let mut frame = b"ddddddssssss".to_vec();
    for tag in tags {
        frame.extend([tag[0], tag[1], 0, 7]);
    }
    frame.extend([
        8, 0, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0x99, 0x99,
    ]);
    frame.extend(port.to_be_bytes());
    frame.extend([0; 16]);
    frame
}

#[test]
fn what_must_not_be_seen_is_not_seen_behind_tags_either() {
    let tags = [[0x81, 0], [0x88, 0xa8]];
    for text in ["port 22", "tcp dst port 22 and host 5.6.7.8", "ip and not port 23"] {
        let filter = Filter::expression(text).unwrap();
        let programs = filter.compile_behind_tags(LinkType::ETHERNET).unwrap();
        // As the kernel shows them, with the outer tag beside the packet, and with all of them in the frame, as on the way out.
        let is_seen = |frame: &[u8]| {
            let beside = programs.iter().any(|program| program.matches(frame));
            let within = programs.iter().any(|program| program.run(&View::plain(frame)) != 0);
            (beside, within)
        };
        let mut stacks = vec![Vec::new()];
        for one in tags {
            stacks.push(vec![one]);
            stacks.extend(tags.map(|other| vec![one, other]));
        }
        for stack in stacks {
            assert_eq!(is_seen(&tagged(&stack, 22)), (true, true), "{text} {stack:?}");
            assert_eq!(is_seen(&tagged(&stack, 23)), (false, false), "{text} {stack:?}");
        }
    }
}

#[test]
fn links_without_tags_have_one_program() {
    let programs = |text: &str, link| {
        let filter = Filter::expression(text).unwrap();
        filter.compile_behind_tags(link).unwrap().len()
    };
    assert_eq!(programs("port 22", LinkType::RAW), 1);
    assert_eq!(programs("port 22", LinkType::LINUX_SLL2), 2);
    assert_eq!(programs("port 22", LinkType::ETHERNET), 3);
    let tuple = Filter::Tuple(crate::FiveTuple::default());
    assert_eq!(tuple.compile_behind_tags(LinkType::ETHERNET).unwrap().len(), 1);
}

#[test]
fn vlan_has_a_meaning_on_any() {
    let program = Filter::expression("vlan 10 and tcp")
        .unwrap()
        .compile(LinkType::LINUX_SLL2)
        .unwrap();
    let frame = |tag: &[u8], protocol: u8| {
        let mut frame = tag[..2].to_vec();
        frame.extend([0; 18]);
        frame.extend(&tag[2..]);
        frame.extend([0x45, 0, 0, 20, 0, 0, 0, 0, 64, protocol]);
        frame.extend([0; 20]);
        frame
    };
    assert!(program.matches(&frame(&[0x81, 0, 0, 10, 8, 0], 6)));
    assert!(!program.matches(&frame(&[0x81, 0, 0, 10, 8, 0], 17)));
    assert!(!program.matches(&frame(&[0x81, 0, 0, 11, 8, 0], 6)));
    assert!(!program.matches(&frame(&[8, 0], 6)));
    assert!(
        !Filter::expression("vlan 0")
            .unwrap()
            .compile(LinkType::LINUX_SLL2)
            .unwrap()
            .matches(&frame(&[8, 0], 6))
    );
}

#[test]
fn a_cooked_program_says_what_the_kernel_cannot_see() {
    let on_any = |text: &str| Filter::expression(text).unwrap().compile(LinkType::LINUX_SLL2);
    for text in [
        "ip",
        "tcp port 80",
        "inbound",
        "outbound and udp",
        "ether[8:2] = 1",
        "host 2001:db8::1",
    ] {
        assert!(on_any(text).is_ok(), "{text}");
    }
    assert!(matches!(on_any("ether[12] = 2"), Err(Error::NotInKernel { .. })));
    assert!(on_any("ether host 02:00:00:00:00:01").is_err());
}

#[test]
fn the_largest_expressions_are_bounded() {
    let ports = |count: usize| {
        let list: Vec<String> = (1..=count).map(|n| n.to_string()).collect();
        format!("udp port {}", list.join(" or "))
    };
    // `udp port 1 or 2 or ..`: two words for each, and one more.
    assert!(Filter::expression(&ports(EXPRESSION_WORDS_MAX / 2)).is_err());
    let largest = Filter::expression(&ports(EXPRESSION_WORDS_MAX / 2 - 1)).unwrap();
    assert!(largest.compile(LinkType::ETHERNET).unwrap().instructions().len() <= 4096);
    let nested = format!("{}tcp{}", "(".repeat(2000), ")".repeat(2000));
    assert_eq!(error(&nested), Error::ExpressionTooLong);
}
