//! Who may do what: every row of the table asked by everybody, and the edge wired wrong.

use std::sync::Arc;

use baleen_api_s3::{EXTRA_OPERATIONS, Extent, OPERATIONS};
use baleen_http::{Door as _, RequestBody};
use baleen_policy::Principal;
use http::Method;

use crate::harness::{
    Ask, By, LISTER, OUTAGE, STRANGER, Server, WORKER, account_block, delete, get, head, key, post, put,
};

/// One request for each operation, by its name.
fn request(name: &str) -> Ask {
    let upload = format!("uploadId={}", "0".repeat(32));
    match name {
        "ListBuckets" => get("/"),
        "CreateBucket" => put("/another"),
        "HeadBucket" => head("/bucket"),
        "DeleteBucket" => delete("/bucket"),
        "GetBucketLocation" => get("/bucket?location"),
        "GetBucketVersioning" => get("/bucket?versioning"),
        "PutBucketVersioning" => put("/bucket?versioning")
            .body("<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"),
        "PutBucketCors" => put("/bucket?cors").body(
            "<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>",
        ),
        "GetBucketCors" => get("/bucket?cors"),
        "DeleteBucketCors" => delete("/bucket?cors"),
        "PutBucketLifecycleConfiguration" => put("/bucket?lifecycle").body(
            "<LifecycleConfiguration><Rule><Filter/><Status>Disabled</Status><Expiration><Days>1</Days></Expiration></Rule>\
             </LifecycleConfiguration>",
        ),
        "GetBucketLifecycleConfiguration" => get("/bucket?lifecycle"),
        "DeleteBucketLifecycle" => delete("/bucket?lifecycle"),
        "PutBucketLogging" => put("/bucket?logging").body("<BucketLoggingStatus/>"),
        "GetBucketLogging" => get("/bucket?logging"),
        "GetBucketPolicy" => get("/bucket?policy"),
        "PutBucketPolicy" => put("/bucket?policy").body(
            r#"{"Statement": {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/none"}}"#,
        ),
        "DeleteBucketPolicy" => delete("/bucket?policy"),
        "GetBucketPolicyStatus" => get("/bucket?policyStatus"),
        "GetPublicAccessBlock" => get("/bucket?publicAccessBlock"),
        "PutPublicAccessBlock" => put("/bucket?publicAccessBlock").body("<PublicAccessBlockConfiguration/>"),
        "DeletePublicAccessBlock" => delete("/bucket?publicAccessBlock"),
        "GetBucketOwnershipControls" => get("/bucket?ownershipControls"),
        "PutBucketOwnershipControls" => put("/bucket?ownershipControls").body(
            "<OwnershipControls><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule></OwnershipControls>",
        ),
        "DeleteBucketOwnershipControls" => delete("/bucket?ownershipControls"),
        "GetBucketEncryption" => get("/bucket?encryption"),
        "PutBucketEncryption" => put("/bucket?encryption").body(
            "<ServerSideEncryptionConfiguration><Rule>\
             <ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm>\
             </ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>",
        ),
        "DeleteBucketEncryption" => delete("/bucket?encryption"),
        "GetBucketNotificationConfiguration" => get("/bucket?notification"),
        "GetBucketRequestPayment" => get("/bucket?requestPayment"),
        "GetBucketAccelerateConfiguration" => get("/bucket?accelerate"),
        "GetBucketWebsite" => get("/bucket?website"),
        "GetBucketReplication" => get("/bucket?replication"),
        "GetBucketAnalyticsConfiguration" => get("/bucket?analytics&id=a"),
        "ListBucketAnalyticsConfigurations" => get("/bucket?analytics"),
        "GetBucketIntelligentTieringConfiguration" => get("/bucket?intelligent-tiering&id=a"),
        "ListBucketIntelligentTieringConfigurations" => get("/bucket?intelligent-tiering"),
        "GetBucketInventoryConfiguration" => get("/bucket?inventory&id=a"),
        "ListBucketInventoryConfigurations" => get("/bucket?inventory"),
        "GetBucketMetricsConfiguration" => get("/bucket?metrics&id=a"),
        "ListBucketMetricsConfigurations" => get("/bucket?metrics"),
        "DeleteBucketWebsite" => delete("/bucket?website"),
        "DeleteBucketReplication" => delete("/bucket?replication"),
        "GetBucketAcl" => get("/bucket?acl"),
        "PutBucketAcl" => put("/bucket?acl").header("x-amz-acl", "private"),
        "GetObjectAcl" => get("/bucket/k?acl"),
        "PutObjectAcl" => put("/bucket/k?acl").header("x-amz-acl", "private"),
        "ListObjectVersions" => get("/bucket?versions"),
        "ListObjects" => get("/bucket"),
        "ListObjectsV2" => get("/bucket?list-type=2"),
        "GetObject" => get(&key("k")),
        "HeadObject" => head(&key("k")),
        "GetObjectAttributes" => {
            get(&format!("{}?attributes", key("k"))).header("x-amz-object-attributes", "ETag")
        }
        "GetObjectTagging" => get(&format!("{}?tagging", key("k"))),
        "PutObjectTagging" => put(&format!("{}?tagging", key("k"))).body("<Tagging><TagSet/></Tagging>"),
        "DeleteObjectTagging" => delete(&format!("{}?tagging", key("k"))),
        "GetBucketTagging" => get("/bucket?tagging"),
        "PutBucketTagging" => {
            put("/bucket?tagging").body("<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>")
        }
        "DeleteBucketTagging" => delete("/bucket?tagging"),
        "PutObjectLockConfiguration" => put("/bucket?object-lock").body(
            "<ObjectLockConfiguration><Rule><DefaultRetention><Days>1</Days><Mode>GOVERNANCE</Mode></DefaultRetention>\
             </Rule></ObjectLockConfiguration>",
        ),
        "GetObjectLockConfiguration" => get("/bucket?object-lock"),
        "PutObjectRetention" => put(&format!("{}?retention", key("k"))).body(
            "<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>2027-01-01T00:00:00Z</RetainUntilDate></Retention>",
        ),
        "GetObjectRetention" => get(&format!("{}?retention", key("k"))),
        "PutObjectLegalHold" => {
            put(&format!("{}?legal-hold", key("k"))).body("<LegalHold><Status>OFF</Status></LegalHold>")
        }
        "GetObjectLegalHold" => get(&format!("{}?legal-hold", key("k"))),
        "PutObject" => put(&key("new")).body("data"),
        "CopyObject" => put(&key("new")).header("x-amz-copy-source", "/bucket/k"),
        "DeleteObject" => delete(&key("k")),
        "DeleteObjects" => post("/bucket?delete").body("<Delete><Object><Key>k</Key></Object></Delete>"),
        "CreateMultipartUpload" => post(&format!("{}?uploads", key("new"))),
        "UploadPart" => put(&format!("{}?partNumber=1&{upload}", key("new"))).body("data"),
        "UploadPartCopy" => {
            put(&format!("{}?partNumber=1&{upload}", key("new"))).header("x-amz-copy-source", "/bucket/k")
        }
        "CompleteMultipartUpload" => post(&format!("{}?{upload}", key("new"))).body(
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>a</ETag></Part></CompleteMultipartUpload>",
        ),
        "AbortMultipartUpload" => delete(&format!("{}?{upload}", key("new"))),
        "ListParts" => get(&format!("{}?{upload}", key("new"))),
        "ListMultipartUploads" => get("/bucket?uploads"),
        "RSGetBucketInfo" => get("/bucket?rs-info="),
        "RSGetBucketStats" => get("/?rs-bucket-stats"),
        "RSPresignLink" => post(&format!("{}?rs-presign=", key("k"))).body("ExpirationDate=2026-01-03T00%3A00%3A00Z"),
        "RenameObject" => put(&format!("{}?renameObject", key("new"))).header("x-amz-rename-source", "/bucket/k"),
        "RSSpeedTestDownload" => get("/speedtest/download"),
        "RSSpeedTestUpload" => put("/speedtest/upload").body("data"),
        "GetAccountPublicAccessBlock" => account_block(Method::GET),
        "PutAccountPublicAccessBlock" => account_block(Method::PUT).body("<PublicAccessBlockConfiguration/>"),
        "DeleteAccountPublicAccessBlock" => account_block(Method::DELETE),
        other => panic!("{other} has a row and no request in the sweep"),
    }
}

#[tokio::test]
async fn every_operation_refuses_who_may_not() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("k")).body("data")).await;
    for row in OPERATIONS.iter().chain(&EXTRA_OPERATIONS) {
        for asker in [By::Nobody, By::Clerk, By::Stranger] {
            // A stranger is at home in an account of its own.
            if asker == By::Stranger && matches!(row.extent, Extent::Account | Extent::NewBucket) {
                continue;
            }
            let answer = server.send_by(asker, request(row.name)).await;
            // Who may not list all buckets is shown those that it may list (source document, ListBuckets).
            if asker == By::Clerk && matches!(row.name, "ListBuckets" | "RSGetBucketStats") {
                assert!(
                    answer.status.is_success()
                        && !answer.text().contains("<Bucket>")
                        && !answer.text().contains("size"),
                    "{answer:?}"
                );
                continue;
            }
            // Who has signed it is told so of each key, as with AWS.
            let by_line = row.name == "DeleteObjects" && asker != By::Nobody;
            let status = if by_line { 200 } else { 403 };
            assert_eq!(answer.status.as_u16(), status, "{} as {asker:?}: {answer:?}", row.name);
            if !row.name.starts_with("Head") {
                assert_eq!(answer.code(), "AccessDenied", "{} as {asker:?}", row.name);
            }
        }
    }
    assert_eq!(server.stored("k").await.as_deref(), Some(&b"data"[..]));
    assert_eq!(server.stored_keys().await, ["k"]);
}

#[tokio::test]
async fn the_owner_is_let_in_everywhere() {
    let server = Server::with_bucket().await;
    for row in OPERATIONS.iter().chain(&EXTRA_OPERATIONS) {
        // Some of the operations take away what the others ask for.
        server.send(put("/bucket")).await;
        server.ok(put(&key("k")).body("data")).await;
        let answer = server.send(request(row.name)).await;
        let expected = match row.name {
            // It has an object; and it keeps versions by then.
            "DeleteBucket" | "RenameObject" => 409,
            // It is no reseller.
            "RSSpeedTestDownload" | "RSSpeedTestUpload" => 403,
            "DeleteAccountPublicAccessBlock"
            | "DeleteObject"
            | "DeleteObjectTagging"
            | "DeleteBucketTagging"
            | "DeleteBucketCors"
            | "DeleteBucketLifecycle"
            | "PutBucketPolicy"
            | "DeleteBucketPolicy"
            | "DeletePublicAccessBlock"
            | "DeleteBucketOwnershipControls"
            | "DeleteBucketWebsite"
            | "DeleteBucketReplication"
            | "DeleteBucketEncryption" => 204,
            // There is none; nor the upload of the rest.
            "GetBucketPolicy"
            | "GetBucketPolicyStatus"
            | "GetPublicAccessBlock"
            | "GetAccountPublicAccessBlock"
            | "GetBucketEncryption"
            | "GetBucketWebsite"
            | "GetBucketReplication"
            | "GetBucketAnalyticsConfiguration"
            | "GetBucketIntelligentTieringConfiguration"
            | "GetBucketInventoryConfiguration"
            | "GetBucketMetricsConfiguration"
            | "GetObjectLegalHold"
            | "UploadPart"
            | "UploadPartCopy"
            | "CompleteMultipartUpload"
            | "AbortMultipartUpload"
            | "ListParts" => 404,
            _ => 200,
        };
        assert_eq!(answer.status.as_u16(), expected, "{}: {answer:?}", row.name);
    }
}

/// F10: a condition tells nobody whether a key exists.
#[tokio::test]
async fn refusals_do_not_tell_what_exists() {
    let server = Server::with_bucket().await;
    let stored = server.ok(put(&key("exists")).body("data")).await;
    let conditions = [
        ("if-match", "\"0\"".to_owned()),
        ("if-match", stored.header("etag")),
        ("if-none-match", "*".to_owned()),
        ("if-none-match", stored.header("etag")),
        ("if-modified-since", "Thu, 01 Jan 1970 00:00:00 GMT".to_owned()),
        ("if-unmodified-since", "Thu, 01 Jan 1970 00:00:00 GMT".to_owned()),
        ("range", "bytes=100-".to_owned()),
    ];
    for asker in [By::Nobody, By::Clerk, By::Stranger] {
        for (name, value) in &conditions {
            for make in [get, head, put] {
                let mut seen = Vec::new();
                for target in [key("exists"), key("absent")] {
                    let answer = server.send_by(asker, make(&target).header(name, value)).await;
                    assert_eq!(answer.status.as_u16(), 403, "{asker:?} {name}: {value}");
                    let mut text = answer.text();
                    for varying in [answer.element("RequestId"), target] {
                        if !varying.is_empty() {
                            text = text.replace(&varying, "");
                        }
                    }
                    let names: Vec<_> = answer.headers.keys().map(ToString::to_string).collect();
                    seen.push((text, names));
                }
                assert_eq!(seen[0], seen[1]);
            }
        }
        if asker == By::Nobody {
            let there = server.send_by(asker, get("/bucket")).await;
            let absent = server.send_by(asker, get("/no-such-bucket")).await;
            assert_eq!((there.status, there.code()), (absent.status, absent.code()));
        }
    }
}

/// F11: to copy is to read.
#[tokio::test]
async fn a_copy_needs_the_right_to_read_its_source() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("secret")).body("secret")).await;
    assert!(server.send_as(STRANGER, put("/strangers")).await.status.is_success());
    let copy = put("/strangers/stolen").header("x-amz-copy-source", "/bucket/secret");
    let answer = server.send_as(STRANGER, copy).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "AccessDenied"));
    let begun = server.send_as(STRANGER, post("/strangers/stolen?uploads")).await;
    let part = put(&format!(
        "/strangers/stolen?partNumber=1&uploadId={}",
        begun.element("UploadId")
    ))
    .header("x-amz-copy-source", "/bucket/secret");
    let answer = server.send_as(STRANGER, part).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "AccessDenied"));
}

#[tokio::test]
async fn an_expected_owner_of_the_source_is_compared() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("from")).body("data")).await;
    let copy = |owner: &str| {
        put(&key("to"))
            .header("x-amz-copy-source", "/bucket/from")
            .header("x-amz-source-expected-bucket-owner", owner)
    };
    server.fails(copy("100000000002"), 403, "AccessDenied").await;
    server.ok(copy("100000000001")).await;
    let begun = server.ok(post(&format!("{}?uploads", key("to")))).await;
    let part = |owner: &str| {
        put(&format!(
            "{}?partNumber=1&uploadId={}",
            key("to"),
            begun.element("UploadId")
        ))
        .header("x-amz-copy-source", "/bucket/from")
        .header("x-amz-source-expected-bucket-owner", owner)
    };
    server.fails(part("100000000002"), 403, "AccessDenied").await;
    server.ok(part("100000000001")).await;
}

#[tokio::test]
async fn an_expected_owner_is_compared() {
    let server = Server::with_bucket().await;
    let ours = "100000000001";
    server
        .ok(get("/bucket").header("x-amz-expected-bucket-owner", ours))
        .await;
    server
        .fails(
            get("/bucket").header("x-amz-expected-bucket-owner", "100000000002"),
            403,
            "AccessDenied",
        )
        .await;
}

/// The door without its edge: nobody was authenticated, so nothing is served, whatever else the request says.
#[tokio::test]
async fn a_door_wired_past_the_edge_fails_closed() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("k")).body("data")).await;
    for row in OPERATIONS.iter().chain(&EXTRA_OPERATIONS) {
        let ask = request(row.name);
        let mut plain = http::Request::builder().method(ask.method.clone()).uri(&ask.target);
        for (name, value) in &ask.headers {
            plain = plain.header(name, value);
        }
        let response = server.door.serve(plain.body(RequestBody::empty()).unwrap()).await;
        assert_eq!(response.status().as_u16(), 403, "{}", row.name);
    }
    // A signature that nobody took off is not checked by the codec but refused.
    let signed = get("/bucket").signed(
        crate::harness::OWNER,
        baleen_signing::PayloadMode::Unsigned,
        server.now(),
    );
    let presigned = get("/bucket").presigned(
        crate::harness::OWNER,
        baleen_signing::PayloadMode::Unsigned,
        server.now(),
        std::time::Duration::from_mins(1),
    );
    for ask in [signed, presigned] {
        let mut plain = http::Request::builder().method(ask.method).uri(ask.target);
        for (name, value) in ask.headers {
            plain = plain.header(name, value);
        }
        let response = server.door.serve(plain.body(RequestBody::empty()).unwrap()).await;
        assert_eq!(response.status().as_u16(), 403);
    }
    // And a principal of nobody is nobody.
    let mut nobody = http::Request::get("/bucket").body(RequestBody::empty()).unwrap();
    nobody.extensions_mut().insert(Principal::Nobody);
    assert_eq!(server.door.serve(nobody).await.status().as_u16(), 403);
    let _keeps_the_door: Arc<_> = Arc::clone(&server.door);
}

/// A client gives up on a key that is unknown; on a store that is away it tries again.
#[tokio::test]
async fn an_outage_is_no_unknown_key() {
    let server = Server::with_bucket().await;
    let answer = server.send_as(OUTAGE, get("/bucket")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (503, "ServiceUnavailable")
    );
    assert_eq!(answer.header("retry-after"), "2");
}

/// A policy is about keys, not about their bucket: who asks, for what, and what comes of it.
#[tokio::test]
async fn policies_decide_key_by_key() {
    let server = Server::with_bucket().await;
    for name in ["open/a", "open/kept", "secret/a"] {
        server.ok(put(&key(name)).body("data")).await;
    }
    let copy = |to: &str, from: &str| put(&key(to)).header("x-amz-copy-source", &format!("/bucket/{from}"));
    for (signer, ask, status, reason) in [
        (WORKER, get(&key("open/a")), 200, "a key below the allowed prefix"),
        (WORKER, get(&key("secret/a")), 403, "one beside it"),
        (WORKER, head(&key("secret/a")), 403, "one beside it, asked for its head"),
        (
            WORKER,
            get(&key("open/none")),
            403,
            "who may not list does not learn what is there",
        ),
        (
            WORKER,
            head(&key("open/none")),
            403,
            "who may not list does not learn what is there",
        ),
        (LISTER, get(&key("open/none")), 404, "who may list does"),
        (LISTER, get(&key("secret/none")), 403, "but not beyond what it may read"),
        (
            WORKER,
            put(&key("open/b")).body("data"),
            200,
            "to write below the prefix",
        ),
        (WORKER, put(&key("b")).body("data"), 403, "to write beside it"),
        (WORKER, copy("open/c", "open/a"), 200, "both ends are allowed"),
        (WORKER, copy("open/c", "secret/a"), 403, "the source is not"),
        (WORKER, copy("c", "open/a"), 403, "the destination is not"),
        (
            WORKER,
            copy("open/c", "open/none"),
            403,
            "nor does a copy tell what is there",
        ),
        (LISTER, copy("open/c", "open/none"), 404, "but to who may list"),
        (WORKER, delete(&key("open/kept")), 403, "a Deny wins"),
        (WORKER, delete(&key("open/b")), 204, "which the other has not"),
        (
            WORKER,
            get("/bucket?list-type=2&prefix=open%2F"),
            403,
            "to list is another right",
        ),
        (
            LISTER,
            get("/bucket?list-type=2&prefix=open%2F"),
            200,
            "as far as the condition goes",
        ),
        (LISTER, get("/bucket?list-type=2&prefix=open"), 403, "and not beyond"),
        (
            LISTER,
            get("/bucket?list-type=2&prefix=secret%2F"),
            403,
            "and not beyond",
        ),
        (WORKER, put("/work-1"), 200, "a bucket whose name is allowed"),
        (WORKER, put("/other-1"), 403, "and one whose name is not"),
    ] {
        let target = ask.target.clone();
        let answer = server.send_as(signer, ask).await;
        assert_eq!(answer.status.as_u16(), status, "{target}: {reason}: {answer:?}");
    }
}

/// Each key of a list is judged by itself, and only what is allowed is done.
#[tokio::test]
async fn a_list_of_deletions_is_judged_line_by_line() {
    let server = Server::with_bucket().await;
    for name in ["open/a", "open/kept", "secret/a"] {
        server.ok(put(&key(name)).body("data")).await;
    }
    let lines = |keys: &[&str]| {
        let objects = keys.join("</Key></Object><Object><Key>");
        post("/bucket?delete").body(format!("<Delete><Object><Key>{objects}</Key></Object></Delete>"))
    };
    let answer = server
        .send_as(WORKER, lines(&["open/a", "open/kept", "secret/a"]))
        .await;
    assert_eq!(answer.status.as_u16(), 200);
    let text = answer.text();
    assert_eq!(text.matches("<Code>AccessDenied</Code>").count(), 2, "{text}");
    assert!(text.contains("<Deleted><Key>open/a</Key></Deleted>"), "{text}");
    assert_eq!(server.stored_keys().await, ["open/kept", "secret/a"]);
    let answer = server.send_as(WORKER, lines(&["secret/a", "open/kept"])).await;
    assert_eq!(answer.status.as_u16(), 200);
    assert_eq!(answer.elements("Code"), ["AccessDenied", "AccessDenied"]);
    assert_eq!(answer.elements("Key"), ["secret/a", "open/kept"]);
    let answer = server.raw(lines(&["secret/a"])).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "AccessDenied"));
    assert_eq!(server.stored_keys().await, ["open/kept", "secret/a"]);
}

/// Without the right to list all buckets, those are shown which may be listed.
#[tokio::test]
async fn who_may_list_one_bucket_sees_one() {
    let server = Server::with_bucket().await;
    server.ok(put("/another")).await;
    let answer = server.send_as(LISTER, get("/")).await;
    let text = answer.text();
    assert!(
        text.contains("<Name>bucket</Name>") && !text.contains("another"),
        "{text}"
    );
}
