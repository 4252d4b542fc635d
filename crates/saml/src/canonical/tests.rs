use super::*;

/// Documents with the exclusive canonical form that libxml2 gives them (`lxml.etree.tostring(…, method="c14n",
/// exclusive=True, with_comments=False, inclusive_ns_prefixes=[…])`) of the element named `t`.
#[rustfmt::skip]
const CASES: &[(&str, &[&str], &str)] = &[
    ("<t/>", &[], "<t></t>"),
    ("<t a=\"1\" b=\"2\"></t>", &[], "<t a=\"1\" b=\"2\"></t>"),
    ("<?xml version=\"1.0\"?><!-- c --><t b=\"2\" a=\"1\">x<!-- y -->z</t><!-- d -->", &[], "<t a=\"1\" b=\"2\">xz</t>"),
    ("<o xmlns=\"urn:d\" xmlns:p=\"urn:p\" xmlns:q=\"urn:q\"><t p:a=\"1\" b=\"2\"><p:c/><c xmlns=\"\"/><d/></t></o>", &[], "<t xmlns=\"urn:d\" xmlns:p=\"urn:p\" b=\"2\" p:a=\"1\"><p:c></p:c><c xmlns=\"\"></c><d></d></t>"),
    ("<p:t xmlns:p=\"urn:p\" xmlns:q=\"urn:q\"><q:u/><q:u><q:v/></q:u></p:t>", &[], "<p:t xmlns:p=\"urn:p\"><q:u xmlns:q=\"urn:q\"></q:u><q:u xmlns:q=\"urn:q\"><q:v></q:v></q:u></p:t>"),
    ("<t xmlns=\"urn:1\"><u xmlns=\"urn:2\"><t xmlns=\"urn:1\"/></u></t>", &[], "<t xmlns=\"urn:1\"><u xmlns=\"urn:2\"><t xmlns=\"urn:1\"></t></u></t>"),
    ("<t z=\"1\" xmlns:b=\"urn:a\" xmlns:a=\"urn:b\" a:y=\"2\" b:x=\"3\" a=\"4\"/>", &[], "<t xmlns:a=\"urn:b\" xmlns:b=\"urn:a\" a=\"4\" z=\"1\" b:x=\"3\" a:y=\"2\"></t>"),
    ("<o xmlns:p=\"urn:1\"><p:t><p:u xmlns:p=\"urn:2\"><p:v xmlns:p=\"urn:1\"/></p:u></p:t></o>", &[], "<p:t xmlns:p=\"urn:1\"><p:u xmlns:p=\"urn:2\"><p:v xmlns:p=\"urn:1\"></p:v></p:u></p:t>"),
    ("<t>&lt;&amp;&gt;&quot;&apos;&#13;&#9;&#10;\"'</t>", &[], "<t>&lt;&amp;&gt;\"'&#xD;\t\n\"'</t>"),
    ("<t a=\"&lt;&amp;&gt;&quot;&apos;&#13;&#9;&#10;\"/>", &[], "<t a=\"&lt;&amp;>&quot;'&#xD;&#x9;&#xA;\"></t>"),
    ("<t a=\"x\ty\nz\">a\r\nb\rc</t>", &[], "<t a=\"x y z\">a\nb\nc</t>"),
    ("<t><![CDATA[<a>&]]></t>", &[], "<t>&lt;a&gt;&amp;</t>"),
    ("<t xml:lang=\"de\" a=\"1\"><u xml:space=\"preserve\"> </u></t>", &[], "<t a=\"1\" xml:lang=\"de\"><u xml:space=\"preserve\"> </u></t>"),
    ("<o xml:lang=\"de\"><t/></o>", &[], "<t></t>"),
    ("<t a=\"\u{fc}\u{1f40b}\">gr\u{fc}n \u{1f40b}</t>", &[], "<t a=\"\u{fc}\u{1f40b}\">gr\u{fc}n \u{1f40b}</t>"),
    ("<t  a = \"1\"  ><u  /></t  >", &[], "<t a=\"1\"><u></u></t>"),
    ("<o xmlns:p=\"urn:p\" xmlns:q=\"urn:q\"><t><p:u/></t></o>", &["p"], "<t xmlns:p=\"urn:p\"><p:u></p:u></t>"),
    ("<t xmlns:p=\"urn:p\" xmlns:q=\"urn:q\"><u xmlns:q=\"urn:r\"/></t>", &["q"], "<t xmlns:q=\"urn:q\"><u xmlns:q=\"urn:r\"></u></t>"),
    ("<t xmlns:xs=\"urn:xs\" xmlns=\"urn:d\"><v>xs:string</v></t>", &["xs"], "<t xmlns=\"urn:d\" xmlns:xs=\"urn:xs\"><v>xs:string</v></t>"),
];

#[test]
fn as_libxml2_has_it() {
    for (xml, inclusive, expected) in CASES {
        let document = Document::parse(xml.as_bytes(), usize::MAX).unwrap();
        let (element, _) = document.all().find(|(_, e)| &*e.local == "t").unwrap();
        assert_eq!(
            canonical(
                &document,
                Apex {
                    element,
                    without: None,
                    inclusive
                }
            ),
            Some((*expected).to_owned()),
            "{xml}"
        );
    }
}

#[test]
fn once_more_is_the_same() {
    for (_, inclusive, expected) in CASES {
        let document = Document::parse(expected.as_bytes(), usize::MAX).unwrap();
        let apex = Apex {
            element: Document::ROOT,
            without: None,
            inclusive,
        };
        assert_eq!(canonical(&document, apex).unwrap(), *expected);
    }
}

/// Each element uses a namespace first, so that its long name is written again and again.
#[test]
fn much_longer_than_the_document() {
    let name = format!("urn:{}", "x".repeat(crate::limits::NAMESPACE_BYTES_MAX - 4));
    let long = |times: usize| {
        let used = "<p:u/>".repeat(times);
        let xml = format!("<t xmlns:p=\"{name}\">{used}</t>");
        let document = Document::parse(xml.as_bytes(), usize::MAX).unwrap();
        let apex = Apex {
            element: Document::ROOT,
            without: None,
            inclusive: &[],
        };
        canonical(&document, apex).map(|text| text.len())
    };
    assert!(long(1_000).is_some_and(|bytes| bytes > 256_000));
    assert_eq!(long(8_000), None);
}
