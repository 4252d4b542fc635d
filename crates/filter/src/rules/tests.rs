use super::*;
use crate::{INSTRUCTIONS_MAX, RULES_TERMS_MAX};
use proptest::prelude::*;

fn tree(text: &str) -> Node {
    match Rules::parse(text) {
        Ok(rules) => rules.tree,
        Err(error) => panic!("{text}: {error}"),
    }
}

/// Texts that say the same.
#[test]
fn forms_and_precedence() {
    for (one, other) in [
        ("tcp.dstport == 80", "tcp.dstport eq 80"),
        ("tcp.dstport != 80", "tcp.dstport ne 80"),
        ("ip.ttl < 5", "ip.ttl lt 5"),
        ("ip.ttl <= 5", "ip.ttl le 5"),
        ("ip.ttl > 5", "ip.ttl gt 5"),
        ("ip.ttl >= 5", "ip.ttl ge 5"),
        ("ip.ttl >= 5", "ip.ttl > 4"),
        ("tcp.flags & 0x12", "tcp.flags bitwise_and 18"),
        ("!tcp.flags.syn && ip.dont_frag", "not tcp.flags.syn and ip.dont_frag"),
        (
            "ip.ttl==1||ip.ttl==2^^ip.ttl==3",
            "ip.ttl eq 1 or ip.ttl eq 2 xor ip.ttl eq 3",
        ),
        // not, and, xor, or.
        (
            "ip.ttl == 1 or ip.ttl == 2 xor ip.ttl == 3 and not ip.ttl == 4",
            "(ip.ttl == 1) or ((ip.ttl == 2) xor ((ip.ttl == 3) and (not (ip.ttl == 4))))",
        ),
        (
            "not ip.ttl == 4 and ip.ttl == 3 xor ip.ttl == 2 or ip.ttl == 1",
            "(((not (ip.ttl == 4)) and (ip.ttl == 3)) xor (ip.ttl == 2)) or (ip.ttl == 1)",
        ),
        ("not not not ip.ttl == 4", "!ip.ttl == 4"),
        ("! !ip.ttl == 4", "ip.ttl == 4"),
        ("(((ip.ttl == 4)))", "ip.ttl == 4"),
        ("\tip.ttl\r\n==\n4 ", "ip.ttl == 4"),
        // Protocols by name or number, in quotation marks or without.
        ("ip.proto == tcp", "ip.proto == 6"),
        ("ip.proto eq \"tcp\"", "ip.proto == 6"),
        ("ip.proto == TCP", "ip.proto == 0x6"),
        ("ip.proto in {udp tcp}", "ip.proto in {6 17}"),
        ("ip.proto == ipv6-icmp", "ip.proto == icmpv6"),
        ("ip.proto == icmp6", "ip.proto == 58"),
        // Sets: order and overlap do not matter.
        ("tcp.dstport in {80 443}", "tcp.dstport in{443 80 80}"),
        ("tcp.dstport in {80..90}", "tcp.dstport in { 85 .. 90 80..86 87 }"),
        ("tcp.dstport in {0..4294967295}", "tcp.dstport in {1..4294967295 0..5}"),
        ("ip.src in {10.0.0.0/8}", "ip.src in {10.0.0.0..10.255.255.255}"),
        ("ip.src in {10.1.2.3/8}", "ip.src in {10.0.0.0/9 10.128.0.0/9}"),
        (
            "ip.src in {::/0 0.0.0.0/0}",
            "ip.src in {0.0.0.0/1 ::/1 128.0.0.0/1 8000::/1}",
        ),
        ("ip.dst == 2001:DB8::1", "ip.dst in {2001:db8:0:0::1}"),
        ("ip.src in {::1..::3}", "ip.src in {::1 ::2 ::3}"),
    ] {
        assert_eq!(tree(one), tree(other), "{one}\n{other}");
    }
    assert_ne!(tree("ip.ttl == 1 xor ip.ttl == 2"), tree("ip.ttl == 1 or ip.ttl == 2"));
    assert_ne!(tree("not ip.ttl == 1"), tree("ip.ttl != 1"));
}

#[test]
fn mistakes_are_told_with_their_byte() {
    for (text, position, message) in [
        ("tcp.dstport", 11, "a comparison is expected behind tcp.dstport"),
        ("tcp.dstport = 80", 12, "= is no comparison"),
        ("tcp.dstport == ", 15, "a number is expected"),
        ("tcp.dstport == 80 443", 18, "`and`, `or`, `xor` or the end"),
        ("tcp.dstport == 65536x", 15, "is no number"),
        ("tcp.dstport == 4294967296", 15, "is larger than"),
        ("tcp.dstport == -1", 15, "is no number"),
        ("tcp.dstport == +1", 15, "unexpected character '+'"),
        ("tcp.dstport == 0x", 15, "is no number"),
        ("tcp.dstport == 080", 15, "with a zero in front"),
        ("tcp.dstport == \"80\"", 15, "a number is expected"),
        ("tcp.dstport == tcp", 15, "is no number"),
        ("tcp.dstport == http", 15, "is no number"),
        ("tcp.dstport eq eq", 15, "a number is expected"),
        ("tcp.dstport matches \"8\"", 12, "a comparison is expected"),
        ("tcp.dstport ~ 8", 12, "unexpected character '~'"),
        ("tcp.dstport in 80", 15, "a set such as"),
        ("tcp.dstport in {}", 16, "at least one value"),
        ("tcp.dstport in {80", 18, "a number is expected"),
        ("tcp.dstport in {80,443}", 18, "separated by blanks"),
        ("tcp.dstport in {90..80}", 16, "ends before it begins"),
        ("tcp.dstport in {80..}", 20, "a number is expected"),
        ("tcp.dstport in {80-90}", 16, "is no number"),
        ("tcp.dstport in {1...2}", 19, "is no number"),
        ("tcp.dstport in $ports", 15, "unexpected character '$'"),
        ("tcp.dstport not in {80}", 12, "a comparison is expected"),
        ("tcp.port == 80", 0, "unknown field \"tcp.port\""),
        ("TCP.dstport == 80", 0, "unknown field"),
        ("tcp.flags.syn == 1", 14, "true or false by itself"),
        ("tcp.flags.syn & 1", 14, "true or false by itself"),
        ("tcp.flags & 2 == 2", 14, "`and`, `or`, `xor` or the end"),
        ("tcp.flags", 9, "a comparison is expected"),
        ("ip.src == 10.0.0.0/8", 10, "blocks stand in sets alone"),
        ("ip.src == 10.0.0", 10, "is no IPv4 or IPv6 address"),
        ("ip.src == 10.0.0.256", 10, "is no IPv4 or IPv6 address"),
        ("ip.src == fe80::1%eth0", 17, "unexpected character '%'"),
        ("ip.src < 10.0.0.1", 7, "==, != and `in` alone"),
        ("ip.src & 10.0.0.1", 7, "==, != and `in` alone"),
        ("ip.src in {10.0.0.0/33}", 11, "is no IPv4 or IPv6 block"),
        ("ip.src in {10.0.0.0/8..11.0.0.0}", 21, "from one address to another"),
        ("ip.src in {10.0.0.2..10.0.0.1}", 11, "ends before it begins"),
        ("ip.src in {10.0.0.2..::1}", 21, "of its family"),
        ("ip.src in {1.2.3.4 5}", 19, "is no IPv4 or IPv6 address"),
        ("ip.proto == quic", 12, "unknown protocol"),
        ("ip.proto == \"tcp", 12, "not closed"),
        ("(ip.ttl == 1", 12, "a closing parenthesis"),
        ("ip.ttl == 1)", 11, "that was not opened"),
        ("()", 1, "a field is expected"),
        ("not", 3, "a field is expected here, and the text ends"),
        ("and ip.ttl == 1", 0, "a field is expected"),
        ("ip.ttl == 1 and", 15, "the text ends"),
        ("ip.ttl == 1 | ip.ttl == 2", 12, "| is no operator"),
        ("ip.ttl == 1 ^ ip.ttl == 2", 12, "^ is no operator"),
        ("ip.ttl == 1 AND ip.ttl == 2", 12, "`and`, `or`, `xor` or the end"),
        ("ip.ttl == 1 \0", 12, "unexpected character '\\0'"),
        // Bytes, not characters: what stands in front has more of the first.
        ("ip.proto == \"ü\"", 12, "unknown protocol"),
        (
            "ip.proto == tcp or ip.proto == \"é\" or ip.ttl = 1",
            31,
            "unknown protocol",
        ),
        ("ip.proto in {tcp \"\u{1f40b}", 17, "not closed"),
        ("ip.ttl == 1 \u{a0}and ip.ttl == 2", 12, "unexpected character"),
        ("\u{feff}ip.ttl == 1", 0, "unexpected character"),
        ("ip.ttl == １", 10, "unexpected character"),
    ] {
        let error = Rules::parse(text).unwrap_err();
        assert_eq!(error.position(), Some(position), "{text}: {error}");
        let told = error.to_string();
        assert!(told.contains(message), "{text}: {told}");
        assert!(told.ends_with(&format!(" (at byte {position})")), "{told}");
    }
}

#[test]
fn messages_stay_short() {
    let error = Rules::parse(&"x".repeat(RULES_CHARACTERS_MAX)).unwrap_err();
    assert!(error.to_string().len() < 100, "{error}");
}

#[test]
fn lengths_are_counted_in_characters() {
    let padded = |blanks: usize| format!("ip.ttl == 1{}", " ".repeat(blanks));
    assert!(Rules::parse(&padded(RULES_CHARACTERS_MAX - 11)).is_ok());
    assert_eq!(
        Rules::parse(&padded(RULES_CHARACTERS_MAX - 10)),
        Err(Error::RulesTooLong)
    );
    // Of four bytes each: as many are read, and then refused for what they are.
    let whales = "\u{1f40b}".repeat(RULES_CHARACTERS_MAX);
    assert_eq!(Rules::parse(&whales).unwrap_err().position(), Some(0));
    assert_eq!(Rules::parse(&format!("{whales}a")), Err(Error::RulesTooLong));
}

#[test]
fn hostile_texts_are_refused_or_compiled_within_bounds() {
    let depth = crate::limits::RULES_DEPTH_MAX;
    let nested = |n: usize| format!("{}ip.ttl==1{}", "(".repeat(n), ")".repeat(n));
    assert!(Rules::parse(&nested(depth)).is_ok());
    for (text, position) in [
        (nested(depth + 1), depth),
        ("(".repeat(RULES_CHARACTERS_MAX), depth),
        ("!(".repeat(RULES_CHARACTERS_MAX / 2), 2 * depth + 1),
        (")".repeat(RULES_CHARACTERS_MAX), 0),
        ("!".repeat(RULES_CHARACTERS_MAX), RULES_CHARACTERS_MAX),
        ("{".repeat(RULES_CHARACTERS_MAX), 0),
    ] {
        assert_eq!(Rules::parse(&text).unwrap_err().position(), Some(position));
    }
    assert_eq!(tree(&format!("{}ip.ttl==1", "not ".repeat(1000))), tree("ip.ttl == 1"));
    assert_eq!(tree(&format!("{}ip.ttl==1", "!".repeat(1001))), tree("!ip.ttl == 1"));

    // One more than are taken; then as many, of each sort that a text has room for.
    let many = |n: usize, term: &str, sign: &str| vec![term; n].join(sign);
    let set = |n: usize| format!("tcp.dstport in {{{}}}", many(n, "1", " "));
    assert!(Rules::parse(&set(RULES_TERMS_MAX - 1)).is_ok());
    assert!(Rules::parse(&set(RULES_TERMS_MAX)).is_err());
    assert!(Rules::parse(&many(RULES_TERMS_MAX + 1, "ip.more_frags", "")).is_err());
    for text in [
        many(300, "ip.ttl==1", "^^"),
        many(300, "ip.src!=::", "||"),
        many(170, "ip.src in {::1..::9}", "xor "),
        format!("ip.src in {{{}}}", many(150, "::1:0..9::3:9", " ")),
    ] {
        let rules = Rules::parse(&text).unwrap();
        match rules.compile(LinkType::ETHERNET) {
            Ok(program) => assert!(program.instructions().len() <= INSTRUCTIONS_MAX),
            Err(error) => assert!(matches!(error, Error::TooComplex { .. }), "{error}"),
        }
    }
}

/// Both sides of each `xor` are themselves one: a tree that would double with each floor if its operands were repeated, and
/// that needs one scratch word more with each.
#[test]
fn nested_xor_needs_no_more_than_there_is() {
    fn floors(n: usize) -> String {
        if n == 0 {
            return "ip.ver>4".to_owned();
        }
        format!("({0}^^({0}&&{0}))", floors(n - 1))
    }
    let lengths: Vec<usize> = (0..=4)
        .map(|n| {
            let text = floors(n);
            let rules = Rules::parse(&text).unwrap();
            rules.compile(LinkType::ETHERNET).unwrap().instructions().len()
        })
        .collect();
    assert!(lengths[4] < 25 * 3usize.pow(4), "{lengths:?}");

    // As many floors as the parentheses allow, on one side or the other.
    let left = (0..60).fold("ip.ttl>1".to_owned(), |inner, _| format!("({inner} ^^ ip.ttl>2)"));
    let right = (0..60).fold("ip.ttl>1".to_owned(), |inner, _| {
        format!("(ip.ttl>2 && ip.ver==4 ^^ {inner})")
    });
    for text in [left, right] {
        assert!(Rules::parse(&text).unwrap().compile(LinkType::RAW).is_ok());
    }
}

#[test]
fn the_fields_decide_how_long_a_program_is() {
    for (text, most) in [
        ("ip.src == 10.0.0.1", 60),
        ("ip.ver == 4", 60),
        ("tcp.dstport == 80", 600),
        ("ip.src in {10.0.0.0/8 172.16.0.0/12 192.168.0.0/16}", 70),
    ] {
        let program = Rules::parse(text).unwrap().compile(LinkType::ETHERNET).unwrap();
        assert!(
            program.instructions().len() < most,
            "{text}: {}",
            program.instructions().len()
        );
    }
}

#[test]
fn unknown_links_are_refused() {
    let rules = Rules::parse("ip.ttl == 1").unwrap();
    assert_eq!(
        rules.compile(LinkType::RADIOTAP),
        Err(Error::RulesLink(LinkType::RADIOTAP))
    );
    assert_eq!(rules.text(), "ip.ttl == 1");
}

/// Pieces of the language in any order, so that a good part of it is understood.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "ip.src",
            "ip.proto",
            "tcp.dstport",
            "tcp.flags.syn",
            "ip.ttl",
            "==",
            "!=",
            "<",
            "&",
            "in",
            "{",
            "}",
            "..",
            "(",
            ")",
            "not",
            "!",
            "and",
            "&&",
            "xor",
            "or",
            "10.0.0.1",
            "10.0.0.0/8",
            "::1",
            "80",
            "0x2",
            "tcp",
            "\"tcp\"",
            "..",
            "é",
            "\"",
        ])
        .prop_map(str::to_owned),
        "\\PC{1,3}",
    ];
    prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]
    #[test]
    fn any_text_is_refused_at_a_place_in_it_or_compiles(text in prop_oneof![pieces(), "\\PC{0,80}"]) {
        match Rules::parse(&text) {
            Ok(rules) => for link in [LinkType::ETHERNET, LinkType::LINUX_SLL2, LinkType::RAW] {
                prop_assert!(rules.compile(link).is_ok(), "{}", text);
            },
            Err(error) => {
                let position = error.position().unwrap();
                prop_assert!(position <= text.len() && text.is_char_boundary(position), "{}: {}", text, error);
            }
        }
    }
}
