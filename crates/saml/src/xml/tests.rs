use super::*;

fn parse(text: &str) -> Result<Document, Malformed> {
    Document::parse(text.as_bytes(), 1 << 20)
}

fn root_text(text: &str) -> String {
    let document = parse(text).unwrap();
    document.text(Document::ROOT).unwrap().to_owned()
}

#[test]
fn texts() {
    for (xml, text) in [
        ("<a/>", ""),
        ("<a></a>", ""),
        ("<a> b </a>", "b"),
        ("<a>b<!-- c -->d</a>", "bd"),
        ("<a>b<![CDATA[<&]]>d</a>", "b<&d"),
        ("<a>&lt;&amp;&gt;&quot;&apos;&#65;&#x42;</a>", "<&>\"'AB"),
        ("<a>b\r\nc\rd</a>", "b\nc\nd"),
        ("<a>b&#13;c</a>", "b\rc"),
        (
            "\u{feff}<?xml version=\"1.0\" encoding='UTF-8'?><!-- x --><a>b</a><!-- y -->\n",
            "b",
        ),
        ("<a>gr\u{fc}\u{df}e \u{1f40b}</a>", "gr\u{fc}\u{df}e \u{1f40b}"),
    ] {
        assert_eq!(root_text(xml), text, "{xml}");
    }
}

#[test]
fn values() {
    let document = parse("<a b=\"x\ty\r\nz&#10;&quot;'\" c='\"'/>").unwrap();
    assert_eq!(document.attribute(Document::ROOT, "b"), Some("x y z\n\"'"));
    assert_eq!(document.attribute(Document::ROOT, "c"), Some("\""));
}

#[test]
fn namespaces() {
    let document = parse("<a xmlns='urn:1' xmlns:p='urn:2' p:x='1' x='2'><p:b/><b xmlns=''/></a>").unwrap();
    let root = Document::ROOT;
    assert!(document.is(root, "urn:1", "a"));
    assert_eq!(document.attribute(root, "x"), Some("2"));
    assert!(document.only(root, "urn:2", "b").is_some());
    assert!(document.only(root, "", "b").is_some());
    assert!(document.only(root, "urn:1", "b").is_none());
}

#[test]
fn refused() {
    use Malformed::*;
    let deep = |n: usize| [&*"<a>".repeat(n), &"</a>".repeat(n)].concat();
    assert!(parse(&deep(DEPTH_MAX)).is_ok());
    assert_eq!(parse(&deep(DEPTH_MAX + 1)).unwrap_err(), TooDeep);
    let wide = |n: usize| format!("<a>{}</a>", "<b/>".repeat(n));
    assert!(parse(&wide(ELEMENTS_MAX - 1)).is_ok());
    assert_eq!(parse(&wide(ELEMENTS_MAX)).unwrap_err(), TooMany("elements"));
    let numbered = |what: &str, n: usize| {
        (0..n)
            .map(|i| what.replace('#', &i.to_string()))
            .collect::<Vec<_>>()
            .concat()
    };
    let many = |n: usize| format!("<a{}/>", numbered(" b#=''", n));
    assert!(parse(&many(ATTRIBUTES_MAX)).is_ok());
    assert_eq!(parse(&many(ATTRIBUTES_MAX + 1)).unwrap_err(), TooMany("attributes"));
    let bound = |n: usize| {
        format!(
            "<a{}><b{}/></a>",
            numbered(" xmlns:p#='u'", NAMESPACES_MAX / 2),
            numbered(" xmlns:q#='u'", n)
        )
    };
    assert!(parse(&bound(NAMESPACES_MAX / 2)).is_ok());
    assert!(matches!(parse(&bound(NAMESPACES_MAX / 2 + 1)).unwrap_err(), TooMany(_)));
    let long = |n: usize| format!("<a xmlns:b='{}'/>", "u".repeat(n));
    assert!(parse(&long(NAMESPACE_BYTES_MAX)).is_ok());
    assert!(matches!(parse(&long(NAMESPACE_BYTES_MAX + 1)).unwrap_err(), TooMany(_)));
    assert_eq!(Document::parse(b"<a/>", 3).unwrap_err(), TooLarge(3));
    assert_eq!(Document::parse(b"<a>\xff</a>", 9).unwrap_err(), Encoding);
    for (xml, why) in [
        ("<?xml version='1.0' encoding='UTF-16'?><a/>", Encoding),
        ("<?xml version='1.0' encoding='ISO-8859-1'?><a/>", Encoding),
        ("<!DOCTYPE a><a/>", DocumentType),
        ("<a/><!DOCTYPE a>", DocumentType),
        ("<a><!ELEMENT b ANY></a>", DocumentType),
        ("<?php x ?><a/>", Instruction),
        ("<a><?x y?></a>", Instruction),
        ("<?xml version='1.0'?><?xml version='1.0'?><a/>", Instruction),
        ("<a>&b;</a>", Entity),
        ("<a b='&b;'/>", Entity),
        ("<a>& b</a>", Entity),
        ("<a>&#0;</a>", Entity),
        ("<a>&#xD800;</a>", Entity),
        ("<a>&#x110000;</a>", Entity),
        ("<a>&#;</a>", Entity),
        ("<a>&#+1;</a>", Entity),
    ] {
        assert_eq!(parse(xml).unwrap_err(), why, "{xml}");
    }
    for xml in [
        "",
        " ",
        "a",
        "<",
        "<a",
        "<a>",
        "</a>",
        "<a></b>",
        "<a></a",
        "<a/><b/>",
        "<a/>b",
        "<a b/>",
        "<a b=c/>",
        "<a b='c/>",
        "<a b='<'/>",
        "<a b='1' b='2'/>",
        "<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>",
        "<a b='1'c='2'/>",
        "<p:a/>",
        "<a p:b='1'/>",
        "<a xmlns:p=''/>",
        "<a xmlns:xml='u'/>",
        "<a xmlns:xmlns='u'/>",
        "<xmlns:a/>",
        "<a:b:c/>",
        "<:a/>",
        "<a:/>",
        "<1a/>",
        "<\u{e9}/>",
        "<a><!-- -- --></a>",
        "<a><!-- </a>",
        "<a><![CDATA[</a>",
        "<a>]]></a>",
        "<a>\u{1}</a>",
        "<a b='\u{fffe}'/>",
        "<a xmlns='http://www.w3.org/XML/1998/namespace'/>",
        "<a><b></a></b>",
        "< a/>",
        "<a / >",
    ] {
        assert!(matches!(parse(xml), Err(Syntax { .. })), "{xml}: {:?}", parse(xml));
    }
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,100}") {
        let _ = parse(&text);
    }

    #[test]
    fn no_markup_panics(text in "(<a|<b:c|</a>|/>|>| |x|=|'|\"|xmlns:b='u'|xmlns=''|&amp;|&#10;|<!--|-->|<!\\[CDATA\\[|\\]\\]>|<\\?xml|\\?>|\u{e9}){0,40}") {
        let _ = parse(&text);
    }
}
