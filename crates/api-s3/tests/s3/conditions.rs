//! Conditional reads and writes.

use std::time::Duration;

use crate::harness::{Server, get, head, key, put};

#[tokio::test]
async fn conditional_reads() {
    let server = Server::with_bucket().await;
    let tag = server.ok(put(&key("k")).body("data")).await.header("etag");
    let date = server.ok(head(&key("k"))).await.header("last-modified");
    assert_eq!(date, "Fri, 02 Jan 2026 03:04:05 GMT");
    let earlier = "Fri, 02 Jan 2026 03:04:04 GMT".to_owned();
    let other = "\"00000000000000000000000000000000\"".to_owned();
    let list = format!("{other}, {tag}");
    let weak = format!("W/{tag}");
    let cases: &[(&[(&str, &str)], u16)] = &[
        (&[("if-match", &tag)], 200),
        (&[("if-match", tag.trim_matches('"'))], 200),
        (&[("if-match", "*")], 200),
        (&[("if-match", &list)], 200),
        (&[("if-match", &other)], 412),
        (&[("if-match", &weak)], 412),
        (&[("if-none-match", &tag)], 304),
        (&[("if-none-match", &list)], 304),
        (&[("if-none-match", "*")], 304),
        (&[("if-none-match", &other)], 200),
        (&[("if-modified-since", &date)], 304),
        (&[("if-modified-since", &earlier)], 200),
        (&[("if-modified-since", "yesterday")], 200),
        (&[("if-unmodified-since", &date)], 200),
        (&[("if-unmodified-since", &earlier)], 412),
        // A tag condition overrules the date beside it.
        (&[("if-match", &tag), ("if-unmodified-since", &earlier)], 200),
        (&[("if-none-match", &other), ("if-modified-since", &date)], 200),
        (&[("if-match", &tag), ("if-none-match", &tag)], 304),
        // A failed condition comes before a range that cannot be served.
        (&[("if-match", &other), ("range", "bytes=100-")], 412),
        (&[("if-match", &tag), ("range", "bytes=100-")], 416),
        (&[("if-match", &tag), ("range", "bytes=1-2")], 206),
    ];
    for (headers, status) in cases {
        for make in [get, head] {
            let ask = headers
                .iter()
                .fold(make(&key("k")), |ask, (name, value)| ask.header(name, value));
            let answer = server.send(ask).await;
            assert_eq!(answer.status.as_u16(), *status, "{headers:?}");
            if *status == 304 {
                assert!(answer.body.is_empty() && !answer.headers.contains_key("content-type"));
                assert_eq!(
                    (answer.header("etag"), answer.header("last-modified")),
                    (tag.clone(), date.clone())
                );
            }
        }
    }
}

#[tokio::test]
async fn conditional_writes() {
    let server = Server::with_bucket().await;
    let absent = || put(&key("k")).header("if-none-match", "*");
    let tag = server.ok(absent().body("one")).await.header("etag");
    server.fails(absent().body("two"), 412, "PreconditionFailed").await;
    assert_eq!(server.stored("k").await.as_deref(), Some(&b"one"[..]));
    server
        .fails(
            put(&key("k"))
                .header("if-match", "\"00000000000000000000000000000000\"")
                .body("two"),
            412,
            "PreconditionFailed",
        )
        .await;
    assert_eq!(server.stored("k").await.as_deref(), Some(&b"one"[..]));
    server.ok(put(&key("k")).header("if-match", &tag).body("two")).await;
    assert_eq!(server.stored("k").await.as_deref(), Some(&b"two"[..]));
    let missing = server
        .send(put(&key("absent")).header("if-match", &tag).body("x"))
        .await;
    assert!(matches!(missing.status.as_u16(), 404 | 412), "{missing:?}");
    // An empty one is none.
    for name in ["if-none-match", "if-match"] {
        server.ok(put(&key("k")).header(name, "").body("two")).await;
    }
    for (name, value) in [("if-none-match", "\"a\""), ("if-match", "*")] {
        server
            .fails(put(&key("k")).header(name, value).body("x"), 501, "NotImplemented")
            .await;
    }
    assert_eq!(server.stored("k").await.as_deref(), Some(&b"two"[..]));
    server
        .fails(
            crate::harness::delete(&key("k")).header("if-match", &tag),
            412,
            "PreconditionFailed",
        )
        .await;
    assert!(server.stored("k").await.is_some());
}

/// Which condition it was is told, as AWS tells it.
#[tokio::test]
async fn what_does_not_hold_is_named() {
    let server = Server::with_bucket().await;
    let tag = server.ok(put(&key("k")).body("data")).await.header("etag");
    let other = "\"00000000000000000000000000000000\"";
    let before = "Thu, 01 Jan 2026 00:00:00 GMT";
    let copy = || put(&key("to")).header("x-amz-copy-source", "/bucket/k");
    server.ok(copy()).await;
    for (ask, condition) in [
        (get(&key("k")).header("if-match", other), "If-Match"),
        (
            get(&key("k")).header("if-unmodified-since", before),
            "If-Unmodified-Since",
        ),
        (put(&key("k")).header("if-none-match", "*"), "If-None-Match"),
        (put(&key("k")).header("if-match", other), "If-Match"),
        (crate::harness::delete(&key("k")).header("if-match", other), "If-Match"),
        (copy().header("if-none-match", "*"), "If-None-Match"),
        (
            copy().header("x-amz-copy-source-if-match", other),
            "x-amz-copy-source-If-Match",
        ),
        (
            copy().header("x-amz-copy-source-if-none-match", &tag),
            "x-amz-copy-source-If-None-Match",
        ),
        (
            copy().header("x-amz-copy-source-if-unmodified-since", before),
            "x-amz-copy-source-If-Unmodified-Since",
        ),
        (
            put(&format!("{}?renameObject", key("new")))
                .header("x-amz-rename-source", "/bucket/k")
                .header("x-amz-rename-source-if-match", other),
            "x-amz-rename-source-If-Match",
        ),
    ] {
        let answer = server.fails(ask, 412, "PreconditionFailed").await;
        assert_eq!(answer.element("Condition"), condition);
        assert_eq!(
            answer.element("Message"),
            "At least one of the pre-conditions you specified did not hold"
        );
    }
}

#[tokio::test]
async fn conditional_copies() {
    let server = Server::with_bucket().await;
    let tag = server.ok(put(&key("from")).body("data")).await.header("etag");
    server.clock.advance(Duration::from_secs(10));
    let date = server.ok(head(&key("from"))).await.header("last-modified");
    let copy = || put(&key("to")).header("x-amz-copy-source", "/bucket/from");
    for (name, value, status) in [
        ("x-amz-copy-source-if-match", tag.as_str(), 200),
        (
            "x-amz-copy-source-if-match",
            "\"00000000000000000000000000000000\"",
            412,
        ),
        ("x-amz-copy-source-if-none-match", tag.as_str(), 412),
        (
            "x-amz-copy-source-if-none-match",
            "\"00000000000000000000000000000000\"",
            200,
        ),
        ("x-amz-copy-source-if-modified-since", &date, 412),
        ("x-amz-copy-source-if-unmodified-since", &date, 200),
        (
            "x-amz-copy-source-if-unmodified-since",
            "Thu, 01 Jan 2026 00:00:00 GMT",
            412,
        ),
    ] {
        server.ok(crate::harness::delete(&key("to"))).await;
        let answer = server.send(copy().header(name, value)).await;
        assert_eq!(answer.status.as_u16(), status, "{name}: {value}");
        assert_eq!(server.stored("to").await.is_some(), status == 200, "{name}: {value}");
    }
}

#[tokio::test]
async fn conditions_on_the_destination_of_a_copy() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("from")).body("new")).await;
    let tag = server.ok(put(&key("to")).body("old")).await.header("etag");
    let copy = || put(&key("to")).header("x-amz-copy-source", "/bucket/from");
    server
        .fails(copy().header("if-none-match", "*"), 412, "PreconditionFailed")
        .await;
    server
        .fails(
            copy().header("if-match", "\"00000000000000000000000000000000\""),
            412,
            "PreconditionFailed",
        )
        .await;
    server
        .fails(copy().header("if-match", "a\"b"), 400, "InvalidArgument")
        .await;
    assert_eq!(server.stored("to").await.as_deref(), Some(&b"old"[..]));
    server.ok(copy().header("if-match", &tag)).await;
    assert_eq!(server.stored("to").await.as_deref(), Some(&b"new"[..]));
}

/// A download which is resumed must not get the tail of another object.
#[tokio::test]
async fn a_range_of_another_object_is_not_served() {
    let server = Server::with_bucket().await;
    let old = server.ok(put(&key("k")).body("old data")).await.header("etag");
    let tag = server.ok(put(&key("k")).body("new")).await.header("etag");
    let date = server.ok(head(&key("k"))).await.header("last-modified");
    let weak = format!("W/{tag}");
    for (validator, range, status) in [
        (tag.as_str(), "bytes=1-", 206),
        (&tag, "bytes=5-", 416),
        (&old, "bytes=1-", 200),
        (&old, "bytes=5-", 200),
        (&weak, "bytes=1-", 200),
        ("*", "bytes=1-", 200),
        // Two writes within a second have one date.
        (&date, "bytes=1-", 200),
        ("nonsense", "bytes=1-", 200),
    ] {
        for make in [get, head] {
            let answer = server
                .send(make(&key("k")).header("range", range).header("if-range", validator))
                .await;
            assert_eq!(answer.status.as_u16(), status, "{validator} {range}: {answer:?}");
        }
        if status == 200 {
            let whole = server
                .ok(get(&key("k")).header("range", range).header("if-range", validator))
                .await;
            assert_eq!(
                (whole.text().as_str(), whole.header("content-range")),
                ("new", String::new())
            );
        }
    }
    // Without a range there is nothing that it could say.
    assert_eq!(server.ok(get(&key("k")).header("if-range", &old)).await.text(), "new");
    server
        .fails(
            get(&key("absent")).header("range", "bytes=0-").header("if-range", &old),
            404,
            "NoSuchKey",
        )
        .await;
}
