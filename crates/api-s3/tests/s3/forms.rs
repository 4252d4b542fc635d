//! Uploads by HTML form. F5, F9, F33: what a policy does not allow is refused, each condition by itself, and changes nothing.

use std::time::Duration;

use baleen_signing::v2;
use baleen_types::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use proptest::prelude::*;

use crate::harness::{
    Answer, Ask, By, CLERK, OWNER, STRANGER, Server, WORKER, delete, get, head, key, policy, post, put, statement,
};
use baleen_signing::sign::Signer;

const BOUNDARY: &str = "----WebKitFormBoundary0123456789";

/// How a form is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Not,
    V4,
    V2,
    /// With the name that seed 004 has for the key.
    Lyve,
}

/// A form in the making.
#[derive(Clone)]
struct Form {
    target: String,
    fields: Vec<(String, String)>,
    conditions: Vec<String>,
    file: Vec<u8>,
    file_name: String,
    how: How,
    signer: Signer<'static>,
    expires: String,
}

fn form() -> Form {
    Form {
        target: "/bucket".to_owned(),
        fields: Vec::new(),
        conditions: vec![r#"{"bucket": "bucket"}"#.to_owned()],
        file: b"data".to_vec(),
        file_name: "a.txt".to_owned(),
        how: How::V4,
        signer: OWNER,
        expires: "2026-01-02T04:00:00.000Z".to_owned(),
    }
    .field("key", "k")
}

impl Form {
    /// Adds a field which no condition names.
    fn stray(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a field, and the condition that it is so.
    fn field(self, name: &str, value: &str) -> Self {
        let value_text = serde_json::to_string(value).unwrap();
        self.stray(name, value)
            .condition(&format!(r#"["eq", "${name}", {value_text}]"#))
    }

    fn condition(mut self, condition: &str) -> Self {
        self.conditions.push(condition.to_owned());
        self
    }

    /// Without the key's field and condition.
    fn without_key(mut self) -> Self {
        self.fields.retain(|(name, _)| name != "key");
        self.conditions.retain(|condition| !condition.contains("$key"));
        self
    }

    fn signed(mut self, server: &Server) -> Self {
        if self.how == How::Not {
            return self;
        }
        let date = server.now();
        if self.how == How::V4 {
            let (credential, _) = self.signer.sign_policy(b"", date);
            self = self
                .field("X-Amz-Algorithm", "AWS4-HMAC-SHA256")
                .field("x-amz-credential", &credential)
                .field("x-amz-date", date.as_str());
        }
        let document = format!(
            r#"{{"expiration": "{}", "conditions": [{}]}}"#,
            self.expires,
            self.conditions.join(", ")
        );
        let document = BASE64.encode(document);
        let signer = v2::Signer {
            access_key_id: self.signer.access_key_id,
            secret: self.signer.secret,
        };
        let fields = match self.how {
            How::V4 => vec![("x-amz-signature", self.signer.sign_policy(document.as_bytes(), date).1)],
            How::V2 | How::Lyve => {
                let name = if self.how == How::V2 {
                    "AWSAccessKeyId"
                } else {
                    "LyveAccessKeyId"
                };
                let signature = signer.sign_policy(document.as_bytes());
                vec![(name, signer.access_key_id.to_owned()), ("Signature", signature)]
            }
            How::Not => Vec::new(),
        };
        self = self.stray("Policy", &document);
        fields.iter().fold(self, |form, (name, value)| form.stray(name, value))
    }

    /// Puts other values into fields, after they were signed.
    fn changed(mut self, change: impl Fn(&str, &str) -> Option<String>) -> Self {
        for (name, value) in &mut self.fields {
            if let Some(other) = change(name, value) {
                *value = other;
            }
        }
        self
    }

    fn ask(self) -> Ask {
        let mut body = Vec::new();
        for (name, value) in &self.fields {
            let part = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
            body.extend_from_slice(part.as_bytes());
        }
        let part = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{}\"\r\nContent-Type: image/jpeg\r\n\r\n",
            self.file_name
        );
        body.extend_from_slice(part.as_bytes());
        body.extend_from_slice(&self.file);
        let part = format!(
            "\r\n--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"submit\"\r\n\r\nUpload\r\n--{BOUNDARY}--\r\n"
        );
        body.extend_from_slice(part.as_bytes());
        post(&self.target)
            .header("content-type", &format!("multipart/form-data; boundary={BOUNDARY}"))
            .body(body)
    }

    async fn send(self, server: &Server) -> Answer {
        let ask = self.signed(server).ask();
        server.raw(ask).await
    }
}

/// A code, or nothing for what went well.
fn code(answer: &Answer) -> String {
    if answer.status.is_success() || answer.status.is_redirection() {
        String::new()
    } else {
        answer.code()
    }
}

#[tokio::test]
async fn forms_of_each_kind_are_stored() {
    let server = Server::with_bucket().await;
    for how in [How::V4, How::V2, How::Lyve] {
        let form = Form { how, ..form() }
            .field("Content-Type", "text/plain")
            .field("Cache-Control", "no-cache")
            .field("Content-Disposition", "inline")
            .field("x-amz-meta-Colour", "blue")
            .field("x-lyve-meta-shape", "round")
            .field(
                "tagging",
                "<Tagging><TagSet><Tag><Key>a b</Key><Value>c/=+</Value></Tag></TagSet></Tagging>",
            )
            .field("Content-MD5", "jXd/OF09/siBXSD3SWAm3A==")
            .field("acl", "private")
            .stray("x-ignore-me", "anything")
            .condition(r#"["content-length-range", 4, 4]"#);
        let answer = form.send(&server).await;
        assert_eq!(
            (answer.status.as_u16(), answer.text().as_str()),
            (204, ""),
            "{how:?} {answer:?}"
        );
        assert_eq!(answer.header("location"), "http://127.0.0.1:9000/bucket/k");
        assert_eq!(answer.header("etag"), "\"8d777f385d3dfec8815d20f7496026dc\"");
        let seen = server.ok(get(&key("k"))).await;
        for (name, value) in [
            ("content-type", "text/plain"),
            ("cache-control", "no-cache"),
            ("content-disposition", "inline"),
            ("x-amz-meta-colour", "blue"),
            ("x-amz-meta-shape", "round"),
            ("x-amz-tagging-count", "1"),
        ] {
            assert_eq!(seen.header(name), value, "{how:?} {name}");
        }
        assert_eq!(seen.body, b"data");
        let tags = server.ok(get(&format!("{}?tagging", key("k")))).await;
        assert_eq!(
            (tags.element("Key"), tags.element("Value")),
            ("a b".into(), "c/=+".into())
        );
        server.ok(delete(&key("k"))).await;
    }
    let host = Form {
        target: "/".to_owned(),
        ..form()
    }
    .field("success_action_status", "201");
    let answer = server
        .raw(host.signed(&server).ask().header("host", "bucket.s3.example.com"))
        .await;
    assert_eq!(answer.element("Location"), "http://bucket.s3.example.com/k");
}

#[tokio::test]
async fn answers_are_what_the_form_asks_for() {
    let server = Server::with_bucket().await;
    let keyed = || form().without_key().field("key", "a b/ü");
    for (status, answered) in [("200", 200), ("201", 201), ("204", 204), ("500", 204), ("", 204)] {
        let answer = keyed().field("success_action_status", status).send(&server).await;
        assert_eq!(answer.status.as_u16(), answered, "{status}");
        if answered == 201 {
            let found = ["Location", "Bucket", "Key", "ETag"].map(|name| answer.element(name));
            let etag = "&quot;8d777f385d3dfec8815d20f7496026dc&quot;";
            assert_eq!(
                found,
                ["http://127.0.0.1:9000/bucket/a%20b/%C3%BC", "bucket", "a b/ü", etag]
            );
            assert_eq!(answer.header("content-type"), "application/xml");
        }
    }
    let query = "bucket=bucket&key=a%20b%2F%C3%BC&etag=%228d777f385d3dfec8815d20f7496026dc%22";
    for name in ["success_action_redirect", "redirect"] {
        let redirected = keyed()
            .field(name, "http://example.com/done?a=b")
            .field("success_action_status", "201");
        let answer = redirected.send(&server).await;
        assert_eq!(answer.status.as_u16(), 303);
        assert_eq!(
            answer.header("location"),
            format!("http://example.com/done?a=b&{query}")
        );
    }
    for page in ["javascript:alert(1)", "done.html", ""] {
        let answer = keyed().field("success_action_redirect", page).send(&server).await;
        assert_eq!(answer.status.as_u16(), 204, "{page}");
    }
}

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

/// F1 with forms: nothing but a good signature stores.
#[tokio::test]
async fn only_what_is_signed_is_stored() {
    let server = Server::with_bucket().await;
    let spoil = |name: &'static str, value: &'static str| {
        move |form: Form| form.changed(|known, _| known.eq_ignore_ascii_case(name).then(|| value.to_owned()))
    };
    let drop = |name: &'static str| {
        move |mut form: Form| {
            form.fields.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
            form
        }
    };
    let signature = "0000000000000000000000000000000000000000000000000000000000000000";
    type Change = Box<dyn Fn(Form) -> Form>;
    let cases: Vec<(How, Change, &str)> = vec![
        (
            How::V4,
            Box::new(spoil("x-amz-signature", signature)),
            "SignatureDoesNotMatch",
        ),
        (
            How::V4,
            Box::new(spoil("x-amz-signature", "")),
            "AuthorizationHeaderMalformed",
        ),
        (How::V4, Box::new(spoil("policy", "eyJ9")), "SignatureDoesNotMatch"),
        (
            How::V4,
            Box::new(spoil("x-amz-credential", "a/b")),
            "AuthorizationHeaderMalformed",
        ),
        (How::V4, Box::new(drop("x-amz-signature")), "InvalidArgument"),
        (How::V4, Box::new(drop("policy")), "InvalidArgument"),
        (How::V4, Box::new(drop("x-amz-date")), "InvalidArgument"),
        (
            How::V2,
            Box::new(spoil("signature", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=")),
            "SignatureDoesNotMatch",
        ),
        (
            How::V2,
            Box::new(spoil("signature", "AAAA")),
            "AuthorizationHeaderMalformed",
        ),
        (
            How::V2,
            Box::new(spoil("awsaccesskeyid", "AKIANOBODYNOBODYNOBO")),
            "InvalidAccessKeyId",
        ),
        (How::V2, Box::new(spoil("policy", "eyJ9")), "SignatureDoesNotMatch"),
        (How::V2, Box::new(drop("signature")), "InvalidArgument"),
        (How::V2, Box::new(drop("awsaccesskeyid")), "InvalidArgument"),
        (
            How::V2,
            Box::new(|form| form.stray("LyveAccessKeyId", OWNER.access_key_id)),
            "InvalidArgument",
        ),
        (
            How::V2,
            Box::new(|form| form.stray("x-amz-signature", "0")),
            "InvalidArgument",
        ),
        (How::Not, Box::new(|form| form), "AccessDenied"),
        (
            How::Not,
            Box::new(|form| form.stray("policy", "eyJ9")),
            "InvalidArgument",
        ),
    ];
    for (at, (how, change, wanted)) in cases.into_iter().enumerate() {
        let answer = server.raw(change(Form { how, ..form() }.signed(&server)).ask()).await;
        assert_eq!(code(&answer), wanted, "{at} {how:?}: {answer:?}");
    }
    let wrong = Signer {
        secret: "another",
        ..OWNER
    };
    let other_service = Signer {
        service: "iam",
        ..OWNER
    };
    for how in [How::V4, How::V2, How::Lyve] {
        let answer = Form {
            how,
            signer: wrong,
            ..form()
        }
        .send(&server)
        .await;
        assert_eq!(code(&answer), "SignatureDoesNotMatch", "{how:?}");
    }
    let answer = Form {
        signer: other_service,
        ..form()
    }
    .send(&server)
    .await;
    assert_eq!(code(&answer), "SignatureDoesNotMatch");
    // A header of the head is not signed, whatever it says; and a signature in the head is another mechanism.
    for (name, value) in [
        ("x-amz-acl", "private"),
        ("x-amz-copy-source", "/bucket/k"),
        ("content-encoding", "gzip"),
    ] {
        let answer = server.raw(form().signed(&server).ask().header(name, value)).await;
        assert!(
            ["AccessDenied", "InvalidRequest"].contains(&&*code(&answer)),
            "{name}: {answer:?}"
        );
    }
    let signed = form().signed(&server).ask();
    assert_eq!(code(&server.send(signed).await), "NotImplemented");
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

/// F5: a key is a key, whatever it looks like.
#[tokio::test]
async fn keys_never_become_paths() {
    let server = Server::with_bucket().await;
    server.ok(put("/other")).await;
    for (written, file_name, stored) in [
        ("../other/k", "a", "../other/k"),
        ("..", "a", ".."),
        ("/etc/passwd", "a", "/etc/passwd"),
        ("//x//", "a", "//x//"),
        ("%2e%2e/x%00", "a", "%2e%2e/x%00"),
        ("a?acl&versionId=1#f", "a", "a?acl&versionId=1#f"),
        ("user/${filename}", "../../etc/passwd", "user/passwd"),
        ("user/${filename}", "C:\\dir\\a b.txt", "user/a b.txt"),
        ("user/${filename}", "..", "user/.."),
        ("${filename}${filename}", "x", "xx"),
        ("user/${filename}", "", "user/"),
        ("a\\\\b", "x", "a\\\\b"),
    ] {
        let form = Form {
            file_name: file_name.replace('\\', "\\\\"),
            ..form().without_key()
        };
        let form = form.stray("key", written).condition(r#"["starts-with", "$key", ""]"#);
        let answer = form.send(&server).await;
        assert_eq!(code(&answer), "", "{written}: {answer:?}");
        assert_eq!(server.stored_keys().await, [stored], "{written}");
        server.ok(delete(&key(stored))).await;
    }
    // The condition is about the key with the name of the file in it.
    let escaping = Form {
        file_name: "a".to_owned(),
        ..form().without_key()
    };
    let escaping = escaping
        .stray("key", "${filename}")
        .condition(r#"["starts-with", "$key", "user/"]"#);
    assert_eq!(code(&escaping.send(&server).await), "AccessDenied");
    for (target, wanted) in [
        ("/bucket/k", "MethodNotAllowed"),
        ("/", "MethodNotAllowed"),
        ("/bucket%2Fk", "MethodNotAllowed"),
        ("/..", "InvalidBucketName"),
        // What would be the query or the end of an address makes no other operation of it.
        ("/bucket%3Facl%26x-id%3D", "InvalidBucketName"),
        ("/bucket%3Facl", "InvalidBucketName"),
        ("/newbucket%23", "InvalidBucketName"),
        ("/absent", "AccessDenied"),
    ] {
        let answer = Form {
            target: target.to_owned(),
            ..form()
        }
        .send(&server)
        .await;
        assert_eq!(code(&answer), wanted, "{target}");
    }
    let long = "k".repeat(1025);
    assert_eq!(
        code(&form().without_key().field("key", &long).send(&server).await),
        "KeyTooLongError"
    );
    // Short fields that would make a key of many megabytes.
    for (names, length) in [(1, 1025), (103, 10), (1800, 15_000)] {
        let growing = Form {
            file_name: "n".repeat(length),
            ..form().without_key()
        };
        let growing = growing.field("key", &"${filename}".repeat(names));
        let answer = growing.send(&server).await;
        assert!(
            ["KeyTooLongError", "MaxPostPreDataLengthExceeded"].contains(&code(&answer).as_str()),
            "{names} {length}: {answer:?}"
        );
    }
    assert!(server.stored_keys().await.is_empty());
    assert!(!server.ok(get("/other")).await.text().contains("<Key>"));
}

/// Who may not put an object may not by a form, and tags, lists and locks need what they need with a PUT.
#[tokio::test]
async fn it_is_authorized_as_a_put() {
    let server = Server::with_bucket().await;
    let by = |signer, target: &str| {
        Form {
            signer,
            ..form().without_key()
        }
        .field("key", target)
    };
    for (signer, target, wanted) in [
        (CLERK, "open/k", "AccessDenied"),
        (STRANGER, "open/k", "AccessDenied"),
        (WORKER, "closed/k", "AccessDenied"),
        (WORKER, "open/k", ""),
    ] {
        assert_eq!(
            code(&by(signer, target).send(&server).await),
            wanted,
            "{}",
            signer.access_key_id
        );
    }
    let tagging = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>";
    for (name, value) in [
        ("tagging", tagging),
        ("x-amz-tagging", "a=b"),
        ("acl", "public-read"),
        ("x-amz-grant-read", "id=\"000000000001\""),
        ("x-amz-object-lock-legal-hold", "ON"),
    ] {
        let answer = by(WORKER, "open/k").field(name, value).send(&server).await;
        assert_eq!(code(&answer), "AccessDenied", "{name}");
    }
    let deny = statement("Deny", "\"*\"", "s3:PutObject", "bucket/*");
    for (condition, denied, allowed) in [
        (
            r#""StringEquals": {"s3:RequestObjectTag/a": "b"}"#,
            by(OWNER, "k").field("tagging", tagging),
            by(OWNER, "k"),
        ),
        (
            r#""StringEquals": {"s3:x-amz-acl": "private"}"#,
            by(OWNER, "k").field("acl", "private"),
            by(OWNER, "k"),
        ),
        (
            r#""StringEquals": {"s3:authType": "POST"}"#,
            by(OWNER, "k"),
            Form {
                how: How::Not,
                ..by(OWNER, "k")
            },
        ),
    ] {
        let document = policy(&[&format!(r#"{deny}, "Condition": {{{condition}}}"#)]);
        server.ok(put("/bucket?policy").body(document)).await;
        assert_eq!(code(&denied.send(&server).await), "AccessDenied", "{condition}");
        if allowed.how != How::Not {
            assert_eq!(code(&allowed.send(&server).await), "", "{condition}");
        }
    }
    // What else a PUT refuses.
    server.ok(delete("/bucket?policy")).await;
    for (name, value, wanted) in [
        ("acl", "public-read", "AccessControlListNotSupported"),
        ("tagging", "<Tagging>", "MalformedXML"),
        (
            "tagging",
            "<Tagging><TagSet><Tag><Key>aws:a</Key><Value>b</Value></Tag></TagSet></Tagging>",
            "InvalidTag",
        ),
        ("Content-MD5", "AAAAAAAAAAAAAAAAAAAAAA==", "BadDigest"),
        ("x-amz-checksum-crc32", "AAAAAA==", "BadDigest"),
        ("x-amz-storage-class", "GLACIER", "InvalidStorageClass"),
        ("x-amz-copy-source", "/bucket/k", "NotImplemented"),
        ("x-amz-decoded-content-length", "1", "NotImplemented"),
        ("x-lyve-anything", "1", "NotImplemented"),
        ("x-amz-meta-a", "1\r\nx-amz-acl: public-read", "InvalidArgument"),
    ] {
        let answer = form().field(name, value).send(&server).await;
        assert_eq!(code(&answer), wanted, "{name} {value}: {answer:?}");
    }
    let twice = form().field("acl", "private").field("x-amz-acl", "private");
    assert_eq!(code(&twice.send(&server).await), "InvalidArgument");
}

/// Seed 004: "Requests without a security policy are considered anonymous and will succeed only on a publicly writable bucket."
#[tokio::test]
async fn nobody_may_where_the_bucket_says_so() {
    let server = Server::with_bucket().await;
    let anonymous = |target: &str| {
        Form {
            how: How::Not,
            ..form().without_key()
        }
        .stray("key", target)
    };
    assert_eq!(code(&anonymous("open/k").send(&server).await), "AccessDenied");
    let allow = statement("Allow", "\"*\"", "s3:PutObject", "bucket/open/*");
    server.ok(put("/bucket?policy").body(policy(&[&allow]))).await;
    let answer = anonymous("open/k")
        .stray("anything", "")
        .stray("Content-Type", "a/b")
        .send(&server)
        .await;
    assert_eq!(code(&answer), "", "{answer:?}");
    assert_eq!(server.ok(head(&key("open/k"))).await.header("content-type"), "a/b");
    for refused in [anonymous("closed/k"), anonymous("open/t").stray("x-amz-tagging", "a=b")] {
        let answer = refused.send(&server).await;
        assert_eq!(answer.status.as_u16(), 403, "{answer:?}");
    }
    assert_eq!(server.stored_keys().await, ["open/k"]);
    let _ = By::Nobody;
}

/// F26: a large file passes by, in many pieces, and is stored as it is.
#[tokio::test]
async fn a_large_file_is_streamed() {
    let server = Server::with_bucket().await;
    let file: Vec<u8> = (0..3_000_000_u32)
        .flat_map(|number| {
            if number % 997 == 0 {
                *b"\r\n--"
            } else {
                number.to_le_bytes()
            }
        })
        .collect();
    let large = Form {
        file: file.clone(),
        ..form()
    };
    assert_eq!(code(&large.send(&server).await), "");
    assert_eq!(server.stored("k").await.unwrap(), file);
}

/// F33: of a form that is cut anywhere, or has something wrong anywhere, nothing is stored over what was there.
#[tokio::test]
async fn a_cut_form_changes_nothing() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("k")).body("before")).await;
    let whole = form().signed(&server).ask();
    let end = whole.body.len() - 4;
    for cut in (0..end).step_by(13).chain(end - 40..end) {
        let mut ask = whole.clone();
        ask.body.truncate(cut);
        let answer = server.raw(ask).await;
        assert!(answer.status.is_client_error(), "{cut}: {answer:?}");
    }
    assert_eq!(server.stored("k").await.unwrap(), b"before");
    let answer = server.raw(whole).await;
    assert_eq!(code(&answer), "", "{answer:?}");
}

/// The audit log has forms as the writes that they are.
#[tokio::test]
async fn forms_are_in_the_audit_log() {
    let server = Server::with_bucket().await;
    server.book.0.lock().unwrap().clear();
    form().send(&server).await;
    form().stray("anything", "").send(&server).await;
    let book = server.book.0.lock().unwrap();
    let seen: Vec<_> = book.iter().map(|event| (event.operation, event.status)).collect();
    assert_eq!(seen, [("PutObject", 204), ("PutObject", 403)]);
    let resources = book.iter().map(|event| event.deed.as_ref().unwrap().resource.clone());
    assert!(
        resources
            .into_iter()
            .all(|resource| resource == "arn:aws:s3:::bucket/k")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is done to the bytes of a form, it is stored as signed or refused; and never an error of the server.
    #[test]
    fn any_form_is_judged(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..4)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let server = Server::with_bucket().await;
            let mut ask = form().signed(&server).ask();
            for (at, byte, kind) in changes {
                let at = at.index(ask.body.len());
                match kind {
                    0 => ask.body[at] = byte,
                    1 => ask.body.insert(at, byte),
                    _ => { ask.body.remove(at); }
                }
            }
            let answer = server.raw(ask).await;
            assert!(!answer.status.is_server_error() || code(&answer) == "NotImplemented", "{answer:?}");
            let stored = server.stored_keys().await;
            assert_eq!(!stored.is_empty(), code(&answer).is_empty(), "{answer:?} {stored:?}");
        });
    }
}

#[test]
fn times_are_what_the_tests_say() {
    assert_eq!(
        Timestamp::parse_basic("20260102T030405Z").unwrap(),
        Timestamp::parse_rfc3339("2026-01-02T03:04:05Z").unwrap()
    );
}
