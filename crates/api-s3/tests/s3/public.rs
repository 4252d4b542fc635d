//! Who has no credentials: what that learns, what is blocked, and whose log has it.

use baleen_http::{Barred, Verdict};
use baleen_objects::PublicAccessBlock;
use baleen_types::{AccountId, BucketName};

use crate::harness::{Answer, CLERK, OWNER, STRANGER, Server, delete, get, head, key, policy, post, put, statement};

fn read() -> String {
    statement("Allow", "\"*\"", "s3:GetObject", "bucket/*")
}

/// What an answer says, but for what differs between any two.
fn told(answer: &Answer, target: &str) -> (u16, String, Vec<String>) {
    let id = answer.element("RequestId");
    let mut text = answer.text().replace(target, "");
    if !id.is_empty() {
        text = text.replace(&id, "");
    }
    let names = answer.headers.keys().map(ToString::to_string).collect();
    (answer.status.as_u16(), text, names)
}

/// F10, and more: a bucket that lets nobody in looks like none at all, whatever else is asked.
#[tokio::test]
async fn who_is_not_let_in_learns_nothing() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("k")).body("data")).await;
    let named = statement("Allow", r#"{"AWS": "100000000002"}"#, "s3:*", "bucket/*");
    for document in [None, Some(policy(&[&named]))] {
        if let Some(document) = document {
            server.ok(put("/bucket?policy").body(document)).await;
        }
        for query in [
            "",
            "?versionId=null",
            "?partNumber=x&uploadId=y",
            "?acl",
            "?policy",
            "?delete",
            "?unheardOf=1",
        ] {
            for (header, value) in [
                ("accept", "*"),
                ("if-match", "\"0\""),
                ("if-none-match", "*"),
                ("range", "bytes=9-1"),
                ("x-amz-expected-bucket-owner", "100000000002"),
                ("x-amz-copy-source", "/bucket/k"),
            ] {
                for make in [get, head, put, delete, post] {
                    let mut seen = Vec::new();
                    for path in [
                        "/bucket/k",
                        "/bucket/n",
                        "/absent/k",
                        "/bucket",
                        "/absent",
                        "/B_d/k",
                        "/B_d",
                    ] {
                        let ask = make(&format!("{path}{query}")).header(header, value);
                        // The edge refuses some queries before it looks at a bucket, and alike.
                        seen.push((path.matches('/').count(), told(&server.raw(ask).await, path)));
                    }
                    for depth in [1, 2] {
                        let mut alike = seen.iter().filter(|(of, _)| *of == depth);
                        let first = alike.next().unwrap();
                        assert!(alike.all(|other| other == first), "{header} {query}: {seen:#?}");
                    }
                }
            }
        }
    }
}

/// What is wrong with the document of a deletion is told to who may delete something of what it names.
#[tokio::test]
async fn a_deletion_of_many_tells_nobody_of_the_bucket() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("k")).body("data")).await;
    let elsewhere = format!(
        r#"{}, "Condition": {{"IpAddress": {{"aws:SourceIp": "192.0.2.0/24"}}}}"#,
        statement("Allow", "\"*\"", "s3:*", "bucket/*")
    );
    let long = format!("<Delete><Object><Key>{}</Key></Object></Delete>", "k".repeat(1025));
    let many = format!("<Delete>{}</Delete>", "<Object><Key>k</Key></Object>".repeat(1001));
    for document in [None, Some(elsewhere), Some(read())] {
        if let Some(document) = document {
            server.ok(put("/bucket?policy").body(policy(&[&document]))).await;
        }
        for body in [
            "",
            "<Delete>",
            "<Delete/>",
            "{}",
            &long,
            &many,
            "<Delete><Object><Key>k</Key></Object></Delete>",
        ] {
            for (header, value) in [
                ("accept", "*"),
                ("content-md5", "AAAAAAAAAAAAAAAAAAAAAA=="),
                ("x-amz-checksum-crc32", "AAAAAA=="),
            ] {
                let mut seen = Vec::new();
                for target in ["/bucket?delete", "/absent?delete", "/B_d?delete"] {
                    let answer = server.raw(post(target).header(header, value).body(body)).await;
                    assert_eq!(answer.status.as_u16(), 403, "{target} {header} {body}: {answer:?}");
                    seen.push(told(&answer, target.split('?').next().unwrap()));
                }
                assert!(seen.iter().all(|other| *other == seen[0]), "{seen:#?}");
            }
        }
    }
    let delete = statement("Allow", "\"*\"", "s3:DeleteObject", "bucket/*");
    server.ok(put("/bucket?policy").body(policy(&[&delete]))).await;
    let both = "<Delete><Object><Key>k</Key></Object><Object><Key>none</Key><ETag>x</ETag></Object></Delete>";
    let answer = server.raw(post("/bucket?delete").body(both)).await;
    // Who may delete and not read does not learn tags by guessing them.
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (200, "AccessDenied"));
}

/// Where a policy lets nobody read but not list, a key that is not there looks like one that may not be read.
#[tokio::test]
async fn a_missing_key_of_a_public_bucket_looks_like_a_forbidden_one() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("open/k")).body("data")).await;
    server.ok(put(&key("shut")).body("data")).await;
    let open = statement("Allow", "\"*\"", "s3:GetObject", "bucket/open/*");
    server.ok(put("/bucket?policy").body(policy(&[&open]))).await;
    for (header, value) in [("if-match", "\"0\""), ("if-none-match", "*"), ("range", "bytes=9-")] {
        let mut seen = Vec::new();
        for target in [key("open/none"), key("shut"), key("none")] {
            seen.push(told(&server.raw(get(&target).header(header, value)).await, &target));
        }
        assert_eq!(seen[0], seen[1]);
        assert_eq!(seen[1], seen[2]);
        assert_eq!(seen[0].0, 403);
    }
}

#[tokio::test]
async fn a_signature_that_is_wrong_is_not_nobody() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("k")).body("data")).await;
    server.ok(put("/bucket?policy").body(policy(&[&read()]))).await;
    assert_eq!(server.raw(get(&key("k"))).await.text(), "data");
    let wrong = baleen_signing::sign::Signer {
        secret: "wrong",
        ..CLERK
    };
    assert_eq!(
        server.send_as(wrong, get(&key("k"))).await.code(),
        "SignatureDoesNotMatch"
    );
}

const BLOCK: &str = "/bucket?publicAccessBlock";

fn block(switches: &[&str]) -> String {
    let on = switches.iter().map(|name| format!("<{name}>true</{name}>"));
    format!(
        "<PublicAccessBlockConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{}</PublicAccessBlockConfiguration>",
        on.collect::<String>()
    )
}

#[tokio::test]
async fn public_access_is_blocked_by_its_switches() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("k")).body("data")).await;
    server
        .fails(get(BLOCK), 404, "NoSuchPublicAccessBlockConfiguration")
        .await;
    let public = policy(&[&read()]);
    let stranger = policy(&[&statement(
        "Allow",
        r#"{"AWS": "100000000002"}"#,
        "s3:GetObject",
        "bucket/*",
    )]);
    server.ok(put(BLOCK).body(block(&["BlockPublicPolicy"]))).await;
    let answer = server.ok(get(BLOCK)).await;
    for (name, value) in [
        ("BlockPublicPolicy", "true"),
        ("BlockPublicAcls", "false"),
        ("IgnorePublicAcls", "false"),
        ("RestrictPublicBuckets", "false"),
    ] {
        assert_eq!(answer.element(name), value, "{name}");
    }
    server
        .fails(put("/bucket?policy").body(&public), 403, "AccessDenied")
        .await;
    server.fails(get("/bucket?policy"), 404, "NoSuchBucketPolicy").await;
    server.ok(put("/bucket?policy").body(&stranger)).await;
    // What is there already stays and holds.
    server.ok(delete(BLOCK)).await;
    server.ok(put("/bucket?policy").body(&public)).await;
    server.ok(put(BLOCK).body(block(&["BlockPublicPolicy"]))).await;
    assert_eq!(server.raw(get(&key("k"))).await.status.as_u16(), 200);
    // Who is of the owner's account is let in all the same, and no one else.
    server.ok(put(BLOCK).body(block(&["RestrictPublicBuckets"]))).await;
    assert_eq!(server.raw(get(&key("k"))).await.status.as_u16(), 403);
    assert_eq!(server.send_as(STRANGER, get(&key("k"))).await.status.as_u16(), 403);
    assert_eq!(server.send_as(CLERK, get(&key("k"))).await.status.as_u16(), 200);
    // A policy that is not public is none of its business.
    server.ok(put("/bucket?policy").body(&stranger)).await;
    assert_eq!(server.send_as(STRANGER, get(&key("k"))).await.status.as_u16(), 200);
    for malformed in ["", "<PublicAccessBlockConfiguration>", "<x/>", "{}"] {
        let answer = server.send(put(BLOCK).body(malformed)).await;
        assert_eq!(answer.status.as_u16(), 400, "{malformed}: {answer:?}");
    }
    assert_eq!(server.ok(get(BLOCK)).await.element("RestrictPublicBuckets"), "true");
}

/// A block that is set while a document is on its way holds for it.
#[tokio::test]
async fn a_public_policy_does_not_overtake_its_block() {
    let (server, name) = (Server::with_bucket().await, BucketName::parse("bucket").unwrap());
    let (public, own) = (
        policy(&[&read()]),
        policy(&[&statement("Allow", r#"{"AWS": "100000000002"}"#, "s3:*", "bucket/*")]),
    );
    for (document, blocks, status) in [
        (&public, &[][..], 204),
        (&public, &[true], 403),
        // The block that was looked at is not the one of when it was decided about.
        (&public, &[true, false], 409),
        (&own, &[true], 204),
        (&own, &[true, false], 204),
    ] {
        server.ok(delete("/bucket?policy")).await;
        server.ok(delete(BLOCK)).await;
        let (objects, name) = (server.objects.clone(), name.clone());
        let meanwhile = async move {
            for block_public_policy in blocks {
                let block = PublicAccessBlock {
                    block_public_policy: *block_public_policy,
                    ..PublicAccessBlock::default()
                };
                objects.put_setting(&name, Some(&block)).await.unwrap();
            }
        };
        let ask = put("/bucket?policy").body(document);
        let answer = server.send_late(OWNER, ask, meanwhile).await;
        assert_eq!(answer.status.as_u16(), status, "{blocks:?} {document}: {answer:?}");
        let is_set = server.send(get("/bucket?policy")).await.status.is_success();
        assert_eq!(is_set, answer.status.is_success(), "{blocks:?} {document}");
    }
}

/// The operator's switch holds for every bucket, whatever that says of itself.
#[tokio::test]
async fn public_access_is_blocked_for_all() {
    let server = Server::blocking(baleen_objects::PublicAccessBlock::ALL);
    let public = put("/bucket").header("x-amz-object-ownership", "ObjectWriter");
    let refused = server.send(public.header("x-amz-acl", "public-read")).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code().as_str()),
        (403, "AccessDenied")
    );
    server
        .ok(put("/bucket").header("x-amz-object-ownership", "ObjectWriter"))
        .await;
    server.ok(put(&key("k")).body("data")).await;
    server.ok(put(BLOCK).body(block(&[]))).await;
    for ask in [
        put("/bucket?policy").body(policy(&[&read()])),
        put("/bucket?acl").header("x-amz-acl", "public-read"),
        put("/bucket/k?acl").header("x-amz-acl", "authenticated-read"),
        put(&key("k")).header("x-amz-acl", "public-read").body("new"),
    ] {
        server.fails(ask, 403, "AccessDenied").await;
    }
    // What was public before the operator said so is so no more.
    let acl = baleen_types::Acl::new(vec![baleen_types::Grant {
        to: baleen_types::Grantee::Everyone,
        permission: baleen_types::Permission::Read,
    }])
    .unwrap();
    let path = baleen_types::ObjectPath {
        bucket: baleen_types::BucketName::parse("bucket").unwrap(),
        key: baleen_types::ObjectKey::parse("k").unwrap(),
    };
    server.objects.put_acl(&path.clone().into(), &acl).await.unwrap();
    let document = policy(&[&read()]);
    let stored = baleen_objects::BucketPolicy { document };
    server.objects.put_setting(&path.bucket, Some(&stored)).await.unwrap();
    assert_eq!(server.raw(get(&key("k"))).await.status.as_u16(), 403);
    assert_eq!(server.send_as(STRANGER, get(&key("k"))).await.status.as_u16(), 403);
    assert_eq!(server.send_as(CLERK, get(&key("k"))).await.status.as_u16(), 200);
}

#[tokio::test]
async fn ownership_is_the_bucket_owners_unless_it_is_said_otherwise() {
    let server = Server::with_bucket().await;
    let target = "/bucket?ownershipControls";
    let shown = || async { server.ok(get(target)).await.element("ObjectOwnership") };
    assert_eq!(shown().await, "BucketOwnerEnforced");
    let rule = |name: &str| format!("<Rule><ObjectOwnership>{name}</ObjectOwnership></Rule>");
    let document = |rules: &str| format!("<OwnershipControls>{rules}</OwnershipControls>");
    for name in ["ObjectWriter", "BucketOwnerPreferred"] {
        server.ok(put(target).body(document(&rule(name)))).await;
        assert_eq!(shown().await, name);
    }
    for rules in [String::new(), rule("Everyone"), rule("ObjectWriter").repeat(2)] {
        server
            .fails(put(target).body(document(&rules)), 400, "MalformedXML")
            .await;
    }
    assert_eq!(shown().await, "BucketOwnerPreferred");
    server.ok(delete(target)).await;
    server.fails(get(target), 404, "OwnershipControlsNotFoundError").await;
    server
        .ok(put(target).body(document(&rule("BucketOwnerEnforced"))))
        .await;
    assert_eq!(shown().await, "BucketOwnerEnforced");
}

/// Identity contract, section 5: the owner's whitelist holds for the whole world.
#[tokio::test]
async fn nobody_comes_from_networks_that_the_owner_does_not_list() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("k")).body("data")).await;
    server.ok(put("/bucket?policy").body(policy(&[&read()]))).await;
    let owner = AccountId::parse("100000000001").unwrap();
    for (barred, status) in [
        (Barred::NotListed, 403),
        (Barred::Withheld, 403),
        (Barred::Unavailable, 503),
    ] {
        *server.network.closed.lock().unwrap() = vec![(owner, barred)];
        assert_eq!(server.raw(get(&key("k"))).await.status.as_u16(), status, "{barred:?}");
        // The gate is asked for them by the edge.
        server.ok(get(&key("k"))).await;
    }
    *server.network.closed.lock().unwrap() = vec![(AccountId::parse("100000000002").unwrap(), Barred::NotListed)];
    assert_eq!(server.raw(get(&key("k"))).await.status.as_u16(), 200);
}

/// Who signs with the key of another account gets no further than who signs with none.
#[tokio::test]
async fn another_account_gets_in_where_the_owner_does_and_nowhere_else() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("k")).body("data")).await;
    assert_eq!(server.send_as(STRANGER, put("/foreign")).await.status.as_u16(), 200);
    assert_eq!(server.send_as(STRANGER, put("/foreign/own")).await.status.as_u16(), 200);
    let anybody = |resource: &str| policy(&[&statement("Allow", "\"*\"", "s3:*", resource)]);
    let stranger = policy(&[
        &statement("Allow", r#"{"AWS": "100000000002"}"#, "s3:*", "bucket"),
        &statement("Allow", r#"{"AWS": "100000000002"}"#, "s3:*", "bucket/*"),
    ]);
    let copy = |to: &str, from: &str| put(to).header("x-amz-copy-source", from);
    let keys = "<Delete><Object><Key>n</Key></Object></Delete>";
    let asks = || {
        [
            get(&key("k")),
            head(&key("k")),
            get("/bucket/k?tagging"),
            put(&key("n")).body("theirs"),
            delete(&key("n")),
            post("/bucket?delete").body(keys),
            post("/bucket/n?uploads"),
            copy("/bucket/n", "/foreign/own"),
            copy("/foreign/n", "/bucket/k"),
            get("/bucket"),
            head("/bucket"),
            get("/bucket?versions"),
        ]
    };
    let (owner, other) = ("100000000001", "100000000002");
    for document in [stranger, anybody("bucket/*")] {
        server.ok(put("/bucket?policy").body(&document)).await;
        let is_whole = document.contains(other);
        for (whose, barred, status) in [
            (owner, Barred::NotListed, 403),
            (owner, Barred::Withheld, 403),
            (owner, Barred::Unavailable, 503),
            // The edge asks for the account that signs.
            (other, Barred::NotListed, 200),
        ] {
            *server.network.closed.lock().unwrap() = vec![(AccountId::parse(whose).unwrap(), barred)];
            for ask in asks() {
                let told = format!("{} {}", ask.method, ask.target);
                let lists = ["/bucket", "/bucket?versions"].contains(&&*ask.target);
                let expected = if status == 200 && lists && !is_whole {
                    403
                } else {
                    status
                };
                let answer = server.send_as(STRANGER, ask).await.status.as_u16();
                let answer = if answer == 204 { 200 } else { answer };
                assert_eq!(answer, expected, "{barred:?} {document}: {told}");
            }
            // Its own users are let in, or not, by the edge.
            let of_clerk = server.send_as(CLERK, get(&key("k"))).await.status.as_u16();
            assert_eq!(of_clerk, if is_whole { 403 } else { 200 });
            server.ok(get(&key("k"))).await;
            server.ok(copy("/bucket/mine", "/bucket/k")).await;
        }
    }
}

/// What nobody does is in the log of whose the bucket is.
#[tokio::test]
async fn the_owners_log_has_what_nobody_does() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("k")).body("data")).await;
    server.raw(get(&key("k"))).await;
    server.ok(put("/bucket?policy").body(policy(&[&read()]))).await;
    server.raw(get(&key("k"))).await;
    server.raw(delete(&key("k"))).await;
    let told: Vec<_> = server
        .book
        .0
        .lock()
        .unwrap()
        .drain(..)
        .filter(|event| event.principal.user().is_none())
        .map(|event| {
            let account = event.account().map(|account| account.to_string());
            let deed = event.deed.unwrap();
            (event.operation, account, deed.verdict, deed.statement)
        })
        .collect();
    let owner = || Some("100000000001".to_owned());
    assert_eq!(
        told,
        [
            // A bucket without a policy is not looked at for nobody.
            ("GetObject", None, Verdict::Denied, None),
            ("GetObject", owner(), Verdict::Allowed, None),
            ("DeleteObject", owner(), Verdict::Denied, None),
        ]
    );
}
