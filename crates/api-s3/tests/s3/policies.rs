//! Policies of buckets: as documents, and as what decides.

use baleen_objects::BucketPolicy;
use baleen_types::BucketName;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::harness::{By, CLERK, STRANGER, Server, delete, get, head, key, policy, post, put, statement};

const ALLOW_READ: &str =
    r#""Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/*""#;

#[tokio::test]
async fn a_policy_is_given_back_byte_for_byte() {
    let server = Server::with_bucket().await;
    server.fails(get("/bucket?policy"), 404, "NoSuchBucketPolicy").await;
    server
        .fails(get("/bucket?policyStatus"), 404, "NoSuchBucketPolicy")
        .await;
    // The source document's example, with the spaces of somebody.
    let document = "{\r\n\t\"Version\": \"2012-10-17\", \"Statement\": [ {\"Action\": [\"s3:GetBucketLocation\"], \"Effect\": \
        \"Allow\", \"Principal\": {\"AWS\": [\"*\"]}, \"Resource\": [\"arn:aws:s3:::bucket\"], \"Sid\": \"\"}, {\"Action\": \
        [\"s3:GetObject\"], \"Effect\": \"Allow\", \"Principal\": {\"AWS\": [\"*\"]}, \"Resource\": \
        [\"arn:aws:s3:::bucket/*\"], \"Sid\": \"\"} ] }\n";
    assert_eq!(
        server.ok(put("/bucket?policy").body(document)).await.status.as_u16(),
        204
    );
    let answer = server.ok(get("/bucket?policy")).await;
    assert_eq!(answer.text(), document);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(server.ok(get("/bucket?policyStatus")).await.element("IsPublic"), "true");
    server
        .ok(put("/bucket?policy").body(policy(&[&statement(
            "Allow",
            r#"{"AWS": "100000000002"}"#,
            "s3:GetObject",
            "bucket/*",
        )])))
        .await;
    assert_eq!(
        server.ok(get("/bucket?policyStatus")).await.element("IsPublic"),
        "false"
    );
    for _ in 0..2 {
        assert_eq!(server.ok(delete("/bucket?policy")).await.status.as_u16(), 204);
    }
    server.fails(get("/bucket?policy"), 404, "NoSuchBucketPolicy").await;
    server.fails(get("/none?policy"), 404, "NoSuchBucket").await;
}

#[tokio::test]
async fn what_is_no_policy_of_the_bucket_is_refused_and_changes_nothing() {
    let server = Server::with_bucket().await;
    let kept = policy(&[ALLOW_READ]);
    server.ok(put("/bucket?policy").body(&kept)).await;
    let long = format!("{}{}", policy(&[ALLOW_READ]), " ".repeat(20 << 10));
    let deep = "[".repeat(100_000);
    let statement = |statement: &str| policy(&[statement]);
    for (document, text) in [
        ("", "Policies must be valid JSON"),
        ("null", "Policies must be valid JSON"),
        ("<Policy/>", "Policies must be valid JSON"),
        (deep.as_str(), "maximum allowed document size"),
        (long.as_str(), "maximum allowed document size"),
        ("{", ""),
        ("{}", "Statement"),
        (r#"{"Version": "2012-10-18", "Statement": []}"#, "Version"),
        (&format!("{}{}", kept, "x"), ""),
        (
            &statement(&ALLOW_READ.replace("bucket/*", "other/*")),
            "invalid resource",
        ),
        (
            &statement(&ALLOW_READ.replace("bucket/*", "bucket2/*")),
            "invalid resource",
        ),
        (
            &statement(&ALLOW_READ.replace("arn:aws:s3:::bucket/*", "*")),
            "invalid resource",
        ),
        (
            &statement(&ALLOW_READ.replace("bucket/*", "buck?t/*")),
            "invalid resource",
        ),
        (&statement(&ALLOW_READ.replace("\"*\"", "\"ann\"")), "Principal"),
        (
            &statement(&ALLOW_READ.replace("\"Principal\": \"*\",", "")),
            "Principal",
        ),
        (&statement(&ALLOW_READ.replace("Allow", "allow")), "Effect"),
        (&statement(&ALLOW_READ.replace("s3:GetObject", "Get Object")), "action"),
        (&statement(&format!("{ALLOW_READ}, \"Extra\": 1")), "Extra"),
        (
            &statement(&format!(
                "{ALLOW_READ}, \"Condition\": {{\"Maybe\": {{\"aws:SourceIp\": \"::/0\"}}}}"
            )),
            "Maybe",
        ),
        (
            &statement(&ALLOW_READ.replace("s3:GetObject", "s3:Foo")),
            "Policy has invalid action: s3:Foo in statement 1",
        ),
        (
            &policy(&[ALLOW_READ, &ALLOW_READ.replace("s3:GetObject", "s3:ListBucket")]),
            "Action does not apply to any resource(s) in statement: s3:ListBucket in statement 2",
        ),
        (
            &statement(&ALLOW_READ.replace("bucket/*", "bucket")),
            "Action does not apply to any resource(s) in statement: s3:GetObject in statement 1",
        ),
        (
            &statement(&ALLOW_READ.replace("s3:GetObject", "kms:Decrypt")),
            "Policy has invalid action",
        ),
        (
            &statement(&format!(
                "{ALLOW_READ}, \"Condition\": {{\"IpAddress\": {{\"aws:SourceIpp\": \"::/0\"}}}}"
            )),
            "Policy has an invalid condition key: aws:sourceipp in statement 1",
        ),
    ] {
        let answer = server
            .fails(put("/bucket?policy").body(document), 400, "MalformedPolicy")
            .await;
        assert!(answer.element("Message").contains(text), "{text}: {}", answer.text());
        assert_eq!(server.ok(get("/bucket?policy")).await.text(), kept);
    }
    let not_text = server.send(put("/bucket?policy").body([b'{', 0xff, 0xfe])).await;
    assert_eq!(not_text.status.as_u16(), 400, "{not_text:?}");
    let huge = put("/bucket?policy").body(vec![b' '; 9 << 20]);
    assert_eq!(server.send(huge).await.status.as_u16(), 400);
    let right = policy(&[ALLOW_READ, &self::statement("Deny", "\"*\"", "s3:*", "bucket/x")]);
    let wrong_md5 = BASE64.encode([7; 16]);
    for (name, value, code) in [
        ("content-md5", wrong_md5.as_str(), "BadDigest"),
        ("content-md5", "none", "InvalidDigest"),
        ("x-amz-checksum-crc32", "AAAAAA==", "BadDigest"),
    ] {
        let ask = put("/bucket?policy").header(name, value).body(&right);
        server.fails(ask, 400, code).await;
    }
    assert_eq!(server.ok(get("/bucket?policy")).await.text(), kept);
    use md5::Digest as _;
    let md5 = BASE64.encode(md5::Md5::digest(&right));
    server
        .ok(put("/bucket?policy").header("content-md5", &md5).body(&right))
        .await;
    assert_eq!(server.ok(get("/bucket?policy")).await.text(), right);
}

const CLERK_ARN: &str = r#"{"AWS": "arn:aws:iam::100000000001:user/somebody@example.com"}"#;

/// Who is let in by which policy. CLERK and WORKER are users of one name: WORKER's own policies allow `open/*`, CLERK has none.
#[tokio::test]
#[allow(clippy::too_many_lines, reason = "a table")]
async fn policies_of_buckets_decide() {
    let server = Server::with_bucket().await;
    for name in ["open/a", "open/secret", "other"] {
        server.ok(put(&key(name)).body("data")).await;
    }
    let with = |statement: &str, condition: &str| format!("{statement}, \"Condition\": {condition}");
    let list = |principal: &str| statement("Allow", principal, "s3:ListBucket", "bucket");
    let read = |principal: &str| statement("Allow", principal, "s3:GetObject", "bucket/open/*");
    let deny = |principal: &str| statement("Deny", principal, "s3:GetObject", "bucket/open/secret");
    let listing = || get("/bucket?list-type=2");
    let everyone = "\"*\"";
    for (case, document, asked) in [
        (
            "everyone reads below a prefix",
            policy(&[&read(everyone)]),
            vec![
                (By::Nobody, get(&key("open/a")), 200),
                (By::Nobody, head(&key("open/a")), 200),
                (By::Nobody, get(&key("other")), 403),
                (By::Nobody, head(&key("other")), 403),
                (By::Nobody, get(&key("open/none")), 403),
                (By::Nobody, listing(), 403),
                (By::Nobody, put(&key("open/a")).body("x"), 403),
                (By::Nobody, get("/"), 403),
                (By::Nobody, get("/bucket?policy"), 403),
                (By::Clerk, get(&key("open/a")), 200),
                (By::Clerk, get(&key("other")), 403),
                // Root of another account needs no policy of its own.
                (By::Stranger, get(&key("open/a")), 200),
            ],
        ),
        (
            "a Deny beats every Allow, also root's",
            policy(&[&read(everyone), &deny(everyone)]),
            vec![
                (By::Nobody, get(&key("open/a")), 200),
                (By::Nobody, get(&key("open/secret")), 403),
                (By::Worker, get(&key("open/secret")), 403),
                (By::Owner, get(&key("open/secret")), 403),
                (By::Stranger, get(&key("open/secret")), 403),
            ],
        ),
        (
            "NotPrincipal denies all but the named",
            policy(&[
                &statement("Deny", CLERK_ARN, "s3:GetObject", "bucket/open/a").replace("Principal", "NotPrincipal")
            ]),
            vec![
                (By::Owner, get(&key("open/a")), 403),
                (By::Nobody, get(&key("open/a")), 403),
                (By::Worker, get(&key("open/a")), 200),
                (By::Clerk, get(&key("open/a")), 403),
            ],
        ),
        (
            "a user by name",
            policy(&[&read(CLERK_ARN)]),
            vec![
                (By::Clerk, get(&key("open/a")), 200),
                (By::Nobody, get(&key("open/a")), 403),
                (By::Stranger, get(&key("open/a")), 403),
            ],
        ),
        (
            "another account",
            policy(&[&read(r#"{"AWS": "100000000002"}"#)]),
            vec![
                (By::Stranger, get(&key("open/a")), 200),
                (By::Stranger, get(&key("other")), 403),
                (By::Stranger, get(&key("open/none")), 403),
                (By::Clerk, get(&key("open/a")), 403),
                (By::Nobody, get(&key("open/a")), 403),
            ],
        ),
        (
            "the own account by its id leaves it to the users' policies",
            policy(&[&read(r#"{"AWS": "arn:aws:iam::100000000001:root"}"#)]),
            vec![
                (By::Clerk, get(&key("open/a")), 403),
                (By::Worker, get(&key("open/a")), 200),
                (By::Stranger, get(&key("open/a")), 403),
            ],
        ),
        (
            "a network",
            policy(&[&with(
                &read(everyone),
                r#"{"IpAddress": {"aws:SourceIp": ["0.0.0.0/0", "::/0"]}}"#,
            )]),
            vec![(By::Nobody, get(&key("open/a")), 200)],
        ),
        (
            "another network",
            policy(&[&with(
                &read(everyone),
                r#"{"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}"#,
            )]),
            vec![
                (By::Nobody, get(&key("open/a")), 403),
                (By::Clerk, get(&key("open/a")), 403),
            ],
        ),
        (
            "a listing below a prefix",
            policy(&[&with(&list(everyone), r#"{"StringLike": {"s3:prefix": "open/*"}}"#)]),
            vec![
                (By::Nobody, get("/bucket?list-type=2&prefix=open%2F"), 200),
                (By::Nobody, get("/bucket?prefix=open%2Fa"), 200),
                (By::Nobody, listing(), 403),
                (By::Nobody, get("/bucket?list-type=2&prefix=other"), 403),
                (By::Nobody, get("/bucket?versions&prefix=open%2F"), 403),
            ],
        ),
        (
            "who may list learns what is not there",
            policy(&[&read(everyone), &list(everyone)]),
            vec![
                (By::Nobody, listing(), 200),
                (By::Nobody, head("/bucket"), 200),
                (By::Nobody, get(&key("open/none")), 404),
                (By::Nobody, get(&key("none")), 403),
            ],
        ),
        (
            "no plain HTTP, and nobody but over TLS",
            policy(&[&with(
                &statement("Deny", everyone, "s3:GetObject", "bucket/*"),
                r#"{"Bool": {"aws:SecureTransport": "false"}}"#,
            )]),
            vec![
                (By::Owner, get(&key("open/a")), 403),
                (By::Worker, get(&key("open/a")), 403),
            ],
        ),
        (
            "writing, deleting and copying without credentials",
            policy(&[
                &statement("Allow", everyone, "s3:PutObject", "bucket/drop/*"),
                &statement("Allow", everyone, "s3:DeleteObject", "bucket/drop/*"),
                &read(everyone),
            ]),
            vec![
                (By::Nobody, put(&key("drop/a")).body("x"), 200),
                (By::Nobody, put(&key("a")).body("x"), 403),
                (
                    By::Nobody,
                    put(&key("drop/b")).header("x-amz-copy-source", "/bucket/open/a"),
                    200,
                ),
                (
                    By::Nobody,
                    put(&key("drop/c")).header("x-amz-copy-source", "/bucket/other"),
                    403,
                ),
                (
                    By::Nobody,
                    put(&key("drop/c")).header("x-amz-copy-source", "/none/other"),
                    403,
                ),
                (By::Nobody, post(&format!("{}?uploads", key("drop/big"))), 403),
                (By::Nobody, delete(&key("drop/b")), 204),
                (By::Nobody, delete(&format!("{}?versionId=null", key("drop/a"))), 403),
                (
                    By::Nobody,
                    post("/bucket?delete")
                        .body("<Delete><Object><Key>drop/a</Key></Object><Object><Key>other</Key></Object></Delete>"),
                    200,
                ),
                (
                    By::Nobody,
                    post("/bucket?delete").body("<Delete><Object><Key>other</Key></Object></Delete>"),
                    403,
                ),
                (By::Owner, get(&key("drop/a")), 404),
                (By::Owner, get(&key("other")), 200),
            ],
        ),
        (
            "everything to everyone is all but the policy itself",
            policy(&[
                &statement("Allow", everyone, "s3:*", "bucket"),
                &statement("Allow", everyone, "s3:*", "bucket/*"),
            ]),
            vec![
                (By::Nobody, get("/bucket?policy"), 405),
                (By::Nobody, put("/bucket?policy").body("{}"), 405),
                (By::Nobody, delete("/bucket?policy"), 405),
                (By::Stranger, delete("/bucket?policy"), 405),
                (By::Nobody, get("/bucket?policyStatus"), 200),
                (By::Nobody, get("/bucket?acl"), 200),
                (By::Nobody, get("/bucket?website"), 404),
                (By::Nobody, get("/bucket?inventory&id=all"), 404),
                (By::Nobody, get("/bucket/k?torrent"), 403),
                (By::Nobody, put("/bucket?unheardOf"), 403),
                (By::Clerk, get("/bucket?policy"), 200),
            ],
        ),
    ] {
        server.ok(put("/bucket?policy").body(&document)).await;
        for (by, ask, status) in asked {
            let shown = format!("{case}: {by:?} {} {}", ask.method, ask.target);
            let answer = server.send_by(by, ask).await;
            assert_eq!(answer.status.as_u16(), status, "{shown}: {answer:?}");
        }
    }
}

/// AWS, PutBucketPolicy: root of the owner's account cannot lock itself out of the policy. It does of the rest.
#[tokio::test]
async fn root_can_mend_a_policy_that_denies_everything() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("k")).body("data")).await;
    let all = |effect| {
        policy(&[
            &statement(effect, "\"*\"", "s3:*", "bucket"),
            &statement(effect, "\"*\"", "s3:*", "bucket/*"),
        ])
    };
    server.ok(put("/bucket?policy").body(all("Deny"))).await;
    server.fails(get(&key("k")), 403, "AccessDenied").await;
    server.fails(delete("/bucket"), 403, "AccessDenied").await;
    server.fails(get("/bucket?policyStatus"), 403, "AccessDenied").await;
    assert_eq!(server.send_as(CLERK, get("/bucket?policy")).await.status.as_u16(), 403);
    assert_eq!(
        server.send_as(STRANGER, delete("/bucket?policy")).await.status.as_u16(),
        403
    );
    server.ok(get("/bucket?policy")).await;
    server.ok(put("/bucket?policy").body(all("Deny"))).await;
    server.ok(delete("/bucket?policy")).await;
    server.ok(get(&key("k"))).await;
}

/// A policy that is stored and cannot be read any more might have forbidden anything. So everything is, but to put another.
#[tokio::test]
async fn a_stored_policy_that_cannot_be_read_closes_its_bucket() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("open/k")).body("data")).await;
    assert_eq!(
        server.send_by(By::Worker, get(&key("open/k"))).await.status.as_u16(),
        200
    );
    let damaged = BucketPolicy {
        document: "{".to_owned(),
    };
    let name = BucketName::parse("bucket").unwrap();
    server.objects.put_setting(&name, Some(&damaged)).await.unwrap();
    for by in [By::Nobody, By::Owner, By::Clerk, By::Worker, By::Stranger] {
        let answer = server.send_by(by, get(&key("open/k"))).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (403, "AccessDenied".to_owned()),
            "{by:?}"
        );
    }
    server.ok(delete("/bucket?policy")).await;
    server.ok(get(&key("open/k"))).await;
}

/// A policy is in force for every request that comes after the answer, and goes with its bucket.
#[tokio::test]
async fn a_change_is_felt_by_the_next_request() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("k")).body("data")).await;
    let read = policy(&[ALLOW_READ]);
    for _ in 0..3 {
        server.ok(put("/bucket?policy").body(&read)).await;
        assert_eq!(server.raw(get(&key("k"))).await.status.as_u16(), 200);
        server
            .ok(put("/bucket?policy").body(read.replace("Allow", "Deny")))
            .await;
        assert_eq!(server.raw(get(&key("k"))).await.status.as_u16(), 403);
        server.fails(get(&key("k")), 403, "AccessDenied").await;
        server.ok(delete("/bucket?policy")).await;
        assert_eq!(server.raw(get(&key("k"))).await.status.as_u16(), 403);
    }
    server.ok(put("/bucket?policy").body(&read)).await;
    server.ok(delete(&key("k"))).await;
    server.ok(delete("/bucket")).await;
    server.ok(put("/bucket")).await;
    server.ok(put(&key("k")).body("data")).await;
    assert_eq!(server.raw(get(&key("k"))).await.status.as_u16(), 403);
    server.fails(get("/bucket?policy"), 404, "NoSuchBucketPolicy").await;
}

/// Who may not list all buckets is shown those that a policy of theirs lets it list.
#[tokio::test]
async fn the_list_of_buckets_heeds_their_policies() {
    let server = Server::with_bucket().await;
    server.ok(put("/second")).await;
    server
        .ok(put("/second?policy").body(policy(&[&statement("Allow", CLERK_ARN, "s3:ListBucket", "second")])))
        .await;
    let shown = server.send_as(CLERK, get("/")).await;
    assert_eq!(shown.elements("Name"), ["second"], "{}", shown.text());
}
