//! Listings, version 1 and 2, against a sorted list.

use std::collections::BTreeSet;

use baleen_signing::encode_component;

use crate::harness::{Server, get, key, put};

const KEYS: &[&str] = &[
    "a", "a/1", "a/2", "a/b/1", "b", "b/", "b/x", "c c", "c+c", "d&d", "z", "ü/1", "ü/2",
];

fn query(text: &str) -> String {
    let mut out = Vec::new();
    encode_component(text.as_bytes(), &mut out);
    String::from_utf8(out).unwrap()
}

fn decode(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8()
        .unwrap()
        .into_owned()
}

/// What a listing must give: keys, and the prefixes they fold into.
fn model(prefix: &str, delimiter: &str, after: &str) -> (Vec<String>, Vec<String>) {
    let (mut keys, mut folded) = (Vec::new(), BTreeSet::new());
    let sorted: BTreeSet<&str> = KEYS.iter().copied().collect();
    for name in sorted.into_iter().filter(|name| name.starts_with(prefix)) {
        let behind = &name[prefix.len()..];
        match behind.find(delimiter).filter(|_| !delimiter.is_empty()) {
            Some(at) => {
                let fold = format!("{prefix}{}", &behind[..at + delimiter.len()]);
                // A marker inside a prefix leaves what is behind it; one that is the prefix leaves nothing of it.
                if name > after && fold != after {
                    folded.insert(fold);
                }
            }
            None if name > after => keys.push(name.to_owned()),
            None => {}
        }
    }
    (keys, folded.into_iter().collect())
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Version {
    One,
    Two,
}

/// Walks all pages; the union must be the model, without repetition.
async fn check(server: &Server, version: Version, prefix: &str, delimiter: &str, after: &str, page: usize) {
    let what = format!("{version:?} {prefix:?} {delimiter:?} {after:?} {page}");
    let (mut keys, mut folded) = (Vec::new(), Vec::new());
    let base = format!(
        "/bucket?encoding-type=url&prefix={}&delimiter={}&max-keys={page}",
        query(prefix),
        query(delimiter)
    );
    let mut next = match version {
        Version::One => format!("&marker={}", query(after)),
        Version::Two => format!("&list-type=2&start-after={}", query(after)),
    };
    for _ in 0..100 {
        let answer = server.ok(get(&format!("{base}{next}"))).await;
        let page_keys: Vec<_> = answer.elements("Key").iter().map(|name| decode(name)).collect();
        let page_folded: Vec<_> = answer
            .elements("CommonPrefixes")
            .iter()
            .map(|text| decode(text.trim_start_matches("<Prefix>").trim_end_matches("</Prefix>")))
            .collect();
        let count = page_keys.len() + page_folded.len();
        assert!(count <= page, "{what}");
        if version == Version::Two {
            assert_eq!(answer.element("KeyCount"), count.to_string(), "{what}");
        }
        keys.extend(page_keys);
        folded.extend(page_folded);
        if answer.element("IsTruncated") != "true" {
            assert_eq!(answer.element("IsTruncated"), "false", "{what}");
            assert_eq!((keys, folded), model(prefix, delimiter, after), "{what}");
            return;
        }
        assert!(count > 0, "an empty page that is not the last: {what}");
        next = match version {
            Version::One => format!("&marker={}", answer.element("NextMarker")),
            Version::Two => {
                format!(
                    "&list-type=2&continuation-token={}",
                    query(&answer.element("NextContinuationToken"))
                )
            }
        };
    }
    panic!("no end: {what}");
}

#[tokio::test]
async fn every_page_size_gives_the_same_union() {
    let server = Server::with_bucket().await;
    for name in KEYS {
        server.ok(put(&key(name)).body("x")).await;
    }
    for version in [Version::One, Version::Two] {
        for (prefix, delimiter) in [
            ("", ""),
            ("", "/"),
            ("a", "/"),
            ("a/", "/"),
            ("a/", ""),
            ("ü", "/"),
            ("b", "b"),
            ("none", "/"),
        ] {
            for after in ["", "a", "a/1", "b/", "zz"] {
                for page in [1, 2, 3, 1000] {
                    check(&server, version, prefix, delimiter, after, page).await;
                }
            }
        }
    }
}

#[tokio::test]
async fn what_a_page_says() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("a b")).body("data")).await;
    let page = server.ok(get("/bucket?list-type=2&fetch-owner=true&prefix=a%20")).await;
    assert_eq!(page.element("Name"), "bucket");
    assert_eq!(page.element("Prefix"), "a ");
    assert_eq!(page.element("Key"), "a b");
    assert_eq!(page.element("Size"), "4");
    assert_eq!(
        page.element("ETag").replace("&quot;", "\""),
        "\"8d777f385d3dfec8815d20f7496026dc\""
    );
    assert_eq!(page.element("StorageClass"), "STANDARD");
    assert_eq!(page.element("LastModified"), "2026-01-02T03:04:05.000Z");
    assert_eq!(page.element("ID"), "100000000001");
    assert_eq!(page.element("MaxKeys"), "1000");
    let without = server.ok(get("/bucket?list-type=2")).await;
    assert!(!without.text().contains("<Owner>"));
    let first = server.ok(get("/bucket")).await;
    assert_eq!(first.element("ID"), "100000000001");
}

#[tokio::test]
async fn page_sizes_at_their_limits() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("a")).body("x")).await;
    for (asked, echoed) in [
        ("0", "0"),
        ("1", "1"),
        ("1000", "1000"),
        ("1001", "1000"),
        ("2147483647", "1000"),
    ] {
        for listing in ["", "&list-type=2"] {
            let page = server.ok(get(&format!("/bucket?max-keys={asked}{listing}"))).await;
            assert_eq!(page.element("MaxKeys"), echoed, "{asked}");
            assert_eq!(page.element("IsTruncated"), "false", "{asked}");
        }
    }
    for wrong in ["-1", "x", "2147483648", "1.5"] {
        for listing in ["", "&list-type=2"] {
            let answer = server.send(get(&format!("/bucket?max-keys={wrong}{listing}"))).await;
            assert_eq!(answer.status.as_u16(), 400, "{wrong}: {answer:?}");
        }
    }
    for wrong in ["base64", "URL", ""] {
        for listing in ["", "&list-type=2", "&versions", "&uploads"] {
            let answer = server
                .fails(
                    get(&format!("/bucket?encoding-type={wrong}{listing}")),
                    400,
                    "InvalidArgument",
                )
                .await;
            let text = "Invalid Encoding Method specified in Request";
            assert_eq!(answer.element("Message"), text, "{wrong}{listing}");
        }
    }
    for wrong in ["x", "1", "1%25", "2YQ", "1_w"] {
        let target = format!("/bucket?list-type=2&continuation-token={wrong}");
        let answer = server.send(get(&target)).await;
        assert!(answer.status.is_success() == (wrong == "1"), "{wrong}: {answer:?}");
    }
}

/// Counts that are none are told of as AWS tells it, and not as the reader of the query does.
#[tokio::test]
async fn what_is_wrong_with_a_count_is_told_in_words_of_s3() {
    let server = Server::with_bucket().await;
    for (query, name) in [
        ("max-keys", "max-keys"),
        ("list-type=2&max-keys", "max-keys"),
        ("versions&max-keys", "max-keys"),
        ("uploads&max-uploads", "max-uploads"),
    ] {
        for wrong in ["x", "", "1.5", "99999999999"] {
            let answer = server
                .fails(get(&format!("/bucket?{query}={wrong}")), 400, "InvalidArgument")
                .await;
            let text = format!("Provided {name} not an integer or within integer range");
            assert_eq!(answer.element("Message"), text, "{query}={wrong}");
            assert_eq!(answer.element("ArgumentName"), name);
        }
    }
    let answer = server.fails(get("/bucket?max-keys=-1"), 400, "InvalidArgument").await;
    let text = "Argument maxKeys must be an integer between 0 and 2147483647";
    assert_eq!(answer.element("Message"), text);
}

/// No name breaks the document that it stands in: what XML cannot write is a reference, wherever it is.
#[tokio::test]
async fn names_that_xml_cannot_write_break_no_document() {
    let server = Server::with_bucket().await;
    let name = "a\u{0}b\u{1}c\r\u{1f}/d";
    server.ok(put(&key(name)).body("x")).await;
    server.ok(crate::harness::post(&format!("{}?uploads", key(name)))).await;
    let prefix = query("a\u{0}b");
    for listing in [
        "list-type=2",
        "list-type=2&delimiter=/",
        "list-type=2&delimiter=%01",
        "delimiter=/",
        "versions",
        "versions&delimiter=/",
        "uploads",
        "uploads&delimiter=/",
    ] {
        let page = server.ok(get(&format!("/bucket?{listing}&prefix={prefix}"))).await;
        let raw = |byte: &u8| *byte < b' ' && *byte != b'\n';
        assert!(!page.body.iter().any(raw), "{listing}: {page:?}");
        assert!(page.text().contains("a&#0;b"), "{listing}: {page:?}");
        let url = server
            .ok(get(&format!("/bucket?{listing}&prefix={prefix}&encoding-type=url")))
            .await;
        assert!(url.text().contains("a%00b"), "{listing}: {url:?}");
    }
}
