//! Who may store by a form, and what of it.

use crate::harness::{CLERK, OWNER, STRANGER, Server, WORKER, delete, head, key, policy, put, statement};

use super::{Form, How, code, form};

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
    let allow = statement("Allow", "\"*\"", "s3:PutObject", "bucket/*");
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
        let document = policy(&[&allow, &format!(r#"{deny}, "Condition": {{{condition}}}"#)]);
        server.ok(put("/bucket?policy").body(document)).await;
        assert_eq!(code(&denied.send(&server).await), "AccessDenied", "{condition}");
        assert_eq!(code(&allowed.send(&server).await), "", "{condition}");
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
}
