//! F9 and F33: what a policy does not allow is refused, each condition by itself, and changes nothing.

use std::time::Duration;

use baleen_types::Timestamp;

use crate::harness::{Server, delete, get, key, put};

use super::{Form, How, code, form};

/// F9 and F33: each condition, violated alone, over a key that is taken.
#[tokio::test]
async fn each_condition_that_is_violated_refuses() {
    let server = Server::with_bucket().await;
    server.ok(put("/other")).await;
    server.ok(put(&key("k")).body("before")).await;
    let long = "x".repeat(11);
    let whole = || {
        form()
            .without_key()
            .stray("key", "user/paul/a")
            .condition(r#"["starts-with", "$key", "user/paul/"]"#)
            .field("acl", "private")
            .field("Content-Disposition", "inline")
            .stray("Content-Type", "image/jpg,image/png")
            .condition(r#"["starts-with", "$Content-Type", "image/"]"#)
            .stray("success_action_redirect", "")
            .condition(r#"["starts-with", "$success_action_redirect", ""]"#)
            .stray("x-amz-meta-a", "1")
            .condition(r#"{"x-amz-meta-a": "1"}"#)
            .condition(r#"["content-length-range", 2, 10]"#)
    };
    let denied = "AccessDenied";
    let field = |name: &'static str, value: &'static str| {
        move |form: Form| form.changed(|known, _| known.eq_ignore_ascii_case(name).then(|| value.to_owned()))
    };
    let gone = |name: &'static str| {
        move |mut form: Form| {
            form.fields.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
            form
        }
    };
    let file = |file: &str| {
        let file = file.as_bytes().to_vec();
        move |form: Form| Form {
            file: file.clone(),
            ..form
        }
    };
    type Change = Box<dyn Fn(Form) -> Form>;
    let changes: Vec<(&str, Change, &str)> = vec![
        ("nothing", Box::new(|form| form), ""),
        ("key", Box::new(field("key", "user/peter/a")), denied),
        ("key of none", Box::new(gone("key")), "UserKeyMustBeSpecified"),
        ("empty key", Box::new(field("key", "")), "UserKeyMustBeSpecified"),
        ("acl", Box::new(field("acl", "public-read")), denied),
        ("no acl", Box::new(gone("acl")), denied),
        (
            "disposition",
            Box::new(field("Content-Disposition", "attachment")),
            denied,
        ),
        (
            "one type of two",
            Box::new(field("Content-Type", "image/jpg,text/plain")),
            denied,
        ),
        ("no type", Box::new(gone("Content-Type")), denied),
        (
            "any redirect",
            Box::new(field("success_action_redirect", "http://example.com/")),
            "",
        ),
        ("no redirect", Box::new(gone("success_action_redirect")), denied),
        ("metadata", Box::new(field("x-amz-meta-a", "2")), denied),
        (
            "more metadata",
            Box::new(|form| form.stray("x-amz-meta-b", "2")),
            denied,
        ),
        ("unknown field", Box::new(|form| form.stray("anything", "")), denied),
        (
            "ignored field",
            Box::new(|form| form.stray("X-Ignore-Anything", "")),
            "",
        ),
        (
            "storage",
            Box::new(|form| form.stray("x-amz-storage-class", "STANDARD")),
            denied,
        ),
        (
            "lyve metadata",
            Box::new(|form| form.stray("x-lyve-meta-b", "1")),
            denied,
        ),
        ("token", Box::new(|form| form.stray("x-amz-security-token", "")), denied),
        ("file at the least", Box::new(file("ab")), ""),
        ("file at the most", Box::new(file("0123456789")), ""),
        ("small file", Box::new(file("a")), "EntityTooSmall"),
        ("empty file", Box::new(file("")), "EntityTooSmall"),
        ("large file", Box::new(file(&long)), "EntityTooLarge"),
        (
            "another bucket's address",
            Box::new(|form| Form {
                target: "/other".to_owned(),
                ..form
            }),
            denied,
        ),
        ("a bucket's field", Box::new(|form| form.stray("bucket", "bucket")), ""),
        (
            "another bucket's field",
            Box::new(|form| form.stray("bucket", "other")),
            "InvalidArgument",
        ),
        (
            "another bucket's field and address",
            Box::new(|form| {
                Form {
                    target: "/other".to_owned(),
                    ..form
                }
                .stray("bucket", "bucket")
            }),
            "InvalidArgument",
        ),
        ("date", Box::new(field("x-amz-date", "20260102T030406Z")), denied),
        (
            "algorithm",
            Box::new(field("x-amz-algorithm", "AWS4-HMAC-SHA1")),
            "AuthorizationHeaderMalformed",
        ),
    ];
    for how in [How::V4, How::V2] {
        for (name, change, wanted) in &changes {
            if how == How::V2 && ["date", "algorithm"].contains(name) {
                continue;
            }
            let answer = server.raw(change(Form { how, ..whole() }.signed(&server)).ask()).await;
            assert_eq!(code(&answer), *wanted, "{how:?} {name}: {answer:?}");
            let stored = server.stored("user/paul/a").await;
            assert_eq!(stored.is_some(), wanted.is_empty(), "{how:?} {name}");
            server.ok(delete(&key("user/paul/a"))).await;
            assert_eq!(server.stored_keys().await, ["k"], "{how:?} {name}");
        }
    }
    assert!(!server.ok(get("/other")).await.text().contains("<Key>"));
}

/// A policy which says nothing of the bucket, or of the key, allows none.
#[tokio::test]
async fn bucket_and_key_have_to_be_named() {
    let server = Server::with_bucket().await;
    let mut no_bucket = form();
    no_bucket.conditions.remove(0);
    assert_eq!(code(&no_bucket.send(&server).await), "AccessDenied");
    let no_key = form().without_key().stray("key", "k");
    assert_eq!(code(&no_key.send(&server).await), "AccessDenied");
    assert!(server.stored_keys().await.is_empty());
}

#[tokio::test]
async fn policies_end() {
    let server = Server::with_bucket().await;
    let expiring = |how, expires: &str| Form {
        how,
        expires: expires.to_owned(),
        ..form()
    };
    for how in [How::V4, How::V2] {
        for (expires, wanted) in [
            ("2026-01-02T03:04:05.001Z", ""),
            ("2026-01-02T03:04:05.000Z", "AccessDenied"),
            ("2013-08-01T12:00:00.000Z", "AccessDenied"),
            ("2026-01-09T03:19:05.000Z", ""),
            ("2026-01-09T03:19:06.000Z", "AccessDenied"),
            ("soon", "InvalidPolicyDocument"),
        ] {
            let answer = expiring(how, expires).send(&server).await;
            assert_eq!(code(&answer), wanted, "{how:?} {expires}: {answer:?}");
        }
    }
    // A signature of Version 4 has a date itself.
    let late = expiring(How::V4, "2026-01-09T03:19:05.000Z").signed(&server);
    server
        .clock
        .advance(Duration::from_hours(7 * 24) - Duration::from_secs(1));
    assert_eq!(code(&server.raw(late.clone().ask()).await), "");
    server.clock.advance(Duration::from_secs(1));
    let answer = server.raw(late.ask()).await;
    assert_eq!(code(&answer), "AccessDenied");
}

#[test]
fn times_are_what_the_tests_say() {
    assert_eq!(
        Timestamp::parse_basic("20260102T030405Z").unwrap(),
        Timestamp::parse_rfc3339("2026-01-02T03:04:05Z").unwrap()
    );
}
