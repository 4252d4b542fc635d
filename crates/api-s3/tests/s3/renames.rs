//! RenameObject: what it takes, who may, and conditions at both ends.

use std::time::Duration;

use crate::harness::{Answer, Ask, CLERK, OWNER, STRANGER, Server, WORKER, delete, get, key, policy, put, statement};

fn rename(from: &str, to: &str) -> Ask {
    put(&format!("{}?renameObject", key(to))).header("x-amz-rename-source", from)
}

fn outcome(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.code())
}

#[tokio::test]
async fn sources_are_named_in_four_ways() {
    let server = Server::with_bucket().await;
    for (from, named) in [
        ("a", "a"),
        ("a", "/a"),
        ("a", "bucket/a"),
        ("a", "/bucket/a"),
        ("a b/ü+c", "/bucket/a%20b/%C3%BC+c"),
        ("/a", "//a"),
        ("/a", "/bucket//a"),
        ("..", "/.."),
        ("x/bucket/a", "x/bucket/a"),
        ("other/a", "/other/a"),
        // What begins with the bucket's name has to say it.
        ("bucket/a", "/bucket/bucket/a"),
        ("bucket", "bucket"),
    ] {
        server.ok(put(&key(from)).body("data")).await;
        let done = server.ok(rename(named, "to/here")).await;
        assert!(done.body.is_empty());
        assert_eq!(server.stored_keys().await, ["to/here"], "{named}");
        server.ok(delete(&key("to/here"))).await;
    }
    for (named, status, code) in [
        ("", 400, "InvalidArgument"),
        ("/", 400, "InvalidArgument"),
        ("/bucket/", 400, "InvalidArgument"),
        ("%FF", 400, "InvalidArgument"),
        ("/bucket/none", 404, "NoSuchKey"),
        ("/other-bucket/a", 404, "NoSuchKey"),
    ] {
        server.fails(rename(named, "to"), status, code).await;
    }
    server
        .fails(put("/bucket/to?renameObject"), 400, "InvalidArgument")
        .await;
    // Without the parameter it is a write with a header that would make another of it.
    server
        .fails(
            put("/bucket/to").header("x-amz-rename-source", "/bucket/a"),
            501,
            "NotImplemented",
        )
        .await;
    assert_eq!(server.stored_keys().await, Vec::<String>::new());
}

#[tokio::test]
async fn what_is_renamed_keeps_what_it_has() {
    let server = Server::with_bucket().await;
    let body = vec![7; 300 << 10];
    let ask = put(&key("from"))
        .header("content-type", "text/x-own")
        .header("x-amz-meta-colour", "blue")
        .header("x-amz-tagging", "a=1");
    let stored = server.ok(ask.body(&body)).await;
    server.ok(put(&key("to")).body("old")).await;
    server.ok(rename("/bucket/from", "to")).await;
    let read = server.ok(get(&key("to"))).await;
    assert_eq!(read.body, body);
    for (name, value) in [
        ("etag", stored.header("etag")),
        ("content-type", "text/x-own".to_owned()),
        ("x-amz-meta-colour", "blue".to_owned()),
        ("x-amz-tagging-count", "1".to_owned()),
    ] {
        assert_eq!(read.header(name), value, "{name}");
    }
    server.fails(get(&key("from")), 404, "NoSuchKey").await;
    server.fails(rename("/to", "to"), 400, "InvalidRequest").await;
    // All that would be said of a new object.
    for name in [
        "x-amz-acl",
        "x-amz-tagging",
        "x-amz-meta-a",
        "x-amz-storage-class",
        "x-amz-copy-source",
    ] {
        let refused = rename("/to", "new").header(name, "private");
        server.fails(refused, 400, "InvalidRequest").await;
    }
    let versions = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    server.ok(put("/bucket?versioning").body(versions)).await;
    server.fails(rename("/to", "new"), 409, "InvalidBucketState").await;
    assert_eq!(server.stored_keys().await, ["to"]);
}

#[tokio::test]
async fn conditions_at_both_ends() {
    let server = Server::with_bucket().await;
    let from = server.ok(put(&key("from")).body("from")).await.header("etag");
    let to = server.ok(put(&key("to")).body("to")).await.header("etag");
    let (before, now) = ("Thu, 01 Jan 2026 00:00:00 GMT", "Fri, 02 Jan 2026 03:04:05 GMT");
    let source = |name: &str| format!("x-amz-rename-source-{name}");
    for (to_key, name, value, status, code) in [
        ("to", "if-none-match".to_owned(), "*", 412, "PreconditionFailed"),
        ("to", "if-match".to_owned(), from.as_str(), 412, "PreconditionFailed"),
        ("none", "if-match".to_owned(), to.as_str(), 404, "NoSuchKey"),
        ("to", "if-modified-since".to_owned(), now, 412, "PreconditionFailed"),
        (
            "none",
            "if-modified-since".to_owned(),
            before,
            412,
            "PreconditionFailed",
        ),
        (
            "to",
            "if-unmodified-since".to_owned(),
            before,
            412,
            "PreconditionFailed",
        ),
        ("to", source("if-match"), to.as_str(), 412, "PreconditionFailed"),
        ("to", source("if-none-match"), from.as_str(), 412, "PreconditionFailed"),
        ("to", source("if-none-match"), "*", 412, "PreconditionFailed"),
        ("to", source("if-modified-since"), now, 412, "PreconditionFailed"),
        ("to", source("if-unmodified-since"), before, 412, "PreconditionFailed"),
        ("to", "if-none-match".to_owned(), to.as_str(), 501, "NotImplemented"),
    ] {
        server
            .fails(rename("from", to_key).header(&name, value), status, code)
            .await;
        assert_eq!(server.stored_keys().await, ["from", "to"], "{name}: {value}");
    }
    for (to_key, name, value) in [
        ("new", "if-none-match".to_owned(), "*"),
        ("to", "if-match".to_owned(), to.as_str()),
        ("to", "if-modified-since".to_owned(), before),
        ("to", "if-unmodified-since".to_owned(), now),
        ("new", "if-unmodified-since".to_owned(), before),
        ("to", source("if-match"), from.as_str()),
        ("to", source("if-none-match"), to.as_str()),
        ("to", source("if-modified-since"), before),
        ("to", source("if-unmodified-since"), now),
    ] {
        for (name, body) in [("from", "from"), ("to", "to")] {
            server.ok(put(&key(name)).body(body)).await;
        }
        server.ok(delete(&key("new"))).await;
        server.ok(rename("from", to_key).header(&name, value)).await;
        assert_eq!(
            server.stored(to_key).await.as_deref(),
            Some(&b"from"[..]),
            "{name}: {value}"
        );
    }
}

/// To rename is to read and to delete there, and to write here; who may not do all of it learns nothing.
#[tokio::test]
async fn who_may_rename() {
    let server = Server::with_bucket().await;
    let all = ["open/a", "open/kept", "secret/a"];
    for (signer, from, to, expected) in [
        (WORKER, "open/a", "open/b", (200, "")),
        (WORKER, "open/a", "b", (403, "AccessDenied")),
        (WORKER, "secret/a", "open/b", (403, "AccessDenied")),
        (WORKER, "open/kept", "open/b", (403, "AccessDenied")),
        (WORKER, "open/none", "open/b", (403, "AccessDenied")),
        (OWNER, "open/none", "open/b", (404, "NoSuchKey")),
        (CLERK, "open/a", "open/b", (403, "AccessDenied")),
        (STRANGER, "open/a", "open/b", (403, "AccessDenied")),
    ] {
        for name in all {
            server.ok(put(&key(name)).body("data")).await;
        }
        server.ok(delete(&key("open/b"))).await;
        let answer = server.send_as(signer, rename(from, to)).await;
        let who = signer.access_key_id;
        assert_eq!(
            outcome(&answer),
            (expected.0, expected.1.to_owned()),
            "{who}: {from} to {to}"
        );
        let is_done = server.stored(to).await.is_some();
        assert_eq!(is_done, expected.0 == 200, "{who}: {from} to {to}");
    }
    // Tags go along for who may read them there, and write them here.
    server
        .ok(put(&key("open/a")).header("x-amz-tagging", "a=1").body("data"))
        .await;
    let refused = server.send_as(WORKER, rename("open/a", "open/b")).await;
    assert_eq!(outcome(&refused), (403, "AccessDenied".to_owned()));
    let tags = |actions: &str| policy(&[&statement("Allow", r#""*""#, actions, "bucket/open/*")]);
    server.ok(put("/bucket?policy").body(tags("s3:*ObjectTagging"))).await;
    let done = server.send_as(WORKER, rename("open/a", "open/b")).await;
    assert_eq!(outcome(&done), (200, String::new()));
    // A date at the new key is not guessed by who may not read there.
    let deny = policy(&[&statement("Deny", r#""*""#, "s3:GetObject", "bucket/open/b")]);
    server.ok(put("/bucket?policy").body(deny)).await;
    server.ok(put(&key("open/a")).body("data")).await;
    for name in ["if-modified-since", "if-unmodified-since"] {
        let guess = rename("open/a", "open/b").header(name, "Thu, 01 Jan 2026 00:00:00 GMT");
        assert_eq!(server.send_as(WORKER, guess).await.code(), "AccessDenied", "{name}");
    }
}

#[tokio::test]
async fn a_renaming_that_is_sent_again_was_done() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("a")).body("data")).await;
    let with = |ask: Ask, token: &str| ask.header("x-amz-client-token", token);
    server.ok(with(rename("a", "b"), "first")).await;
    server.ok(with(rename("a", "b"), "first")).await;
    server
        .fails(with(rename("a", "c"), "first"), 400, "IdempotencyParameterMismatch")
        .await;
    let other = with(rename("a", "b"), "first").header("if-none-match", "*");
    server.fails(other, 400, "IdempotencyParameterMismatch").await;
    server.fails(with(rename("a", "b"), "second"), 404, "NoSuchKey").await;
    // Only for who did it, and only for a while.
    assert_eq!(
        server
            .send_as(STRANGER, with(rename("a", "b"), "first"))
            .await
            .status
            .as_u16(),
        403
    );
    server.clock.advance(Duration::from_mins(15));
    server.fails(with(rename("a", "b"), "first"), 404, "NoSuchKey").await;
    for token in ["", "with space", &"x".repeat(65)] {
        server
            .fails(with(rename("b", "c"), token), 400, "InvalidArgument")
            .await;
    }
    assert_eq!(server.stored_keys().await, ["b"]);
}
