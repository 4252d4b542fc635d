//! What the audit log is told of S3 requests, and how refused credentials look.

use baleen_api_s3::{EXTRA_OPERATIONS, OPERATIONS};
use baleen_http::Verdict;
use baleen_http::Weight::{self, Change, Data};
use baleen_signing::sign::Signer;

use crate::harness::{CLERK, EXPIRED, OWNER, STRANGER, SUSPENDED, Server, delete, get, head, key, put};

#[tokio::test]
async fn each_request_says_what_it_was_about() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("a/b c")).body("data")).await;
    server.ok(get("/bucket")).await;
    server.fails(get(&key("none")), 404, "NoSuchKey").await;
    server.send_as(CLERK, get(&key("a/b c"))).await;
    server.send_as(STRANGER, delete("/bucket")).await;
    server
        .send_as(STRANGER, put("/mine/k").header("x-amz-copy-source", "/bucket/a"))
        .await;
    let told: Vec<_> = server
        .book
        .0
        .lock()
        .unwrap()
        .drain(..)
        .map(|event| {
            let deed = event.deed.unwrap();
            let denied = deed.verdict == Verdict::Denied;
            (
                event.operation,
                deed.action,
                deed.resource,
                deed.weight,
                denied,
                event.status,
            )
        })
        .collect();
    let row = |operation, action, resource: &str, weight, denied, status| {
        (operation, action, resource.to_owned(), weight, denied, status)
    };
    assert_eq!(
        told,
        [
            row(
                "CreateBucket",
                "s3:CreateBucket",
                "arn:aws:s3:::bucket",
                Change,
                false,
                200
            ),
            row(
                "PutObject",
                "s3:PutObject",
                "arn:aws:s3:::bucket/a/b c",
                Data,
                false,
                200
            ),
            row("ListObjects", "s3:ListBucket", "arn:aws:s3:::bucket", Data, false, 200),
            row(
                "GetObject",
                "s3:GetObject",
                "arn:aws:s3:::bucket/none",
                Data,
                false,
                404
            ),
            row(
                "GetObject",
                "s3:GetObject",
                "arn:aws:s3:::bucket/a/b c",
                Data,
                true,
                403
            ),
            row(
                "DeleteBucket",
                "s3:DeleteBucket",
                "arn:aws:s3:::bucket",
                Change,
                true,
                403
            ),
            row("CopyObject", "s3:PutObject", "arn:aws:s3:::mine/k", Data, false, 404),
        ]
    );
}

/// Reviewed: what is always recorded, what is recorded without waiting, and the rest.
#[test]
fn the_weight_of_each_operation() {
    let of = |weight| {
        let rows = OPERATIONS
            .iter()
            .chain(&EXTRA_OPERATIONS)
            .filter(|row| row.weight() == weight);
        rows.map(|row| row.name).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        of(Weight::Change),
        "CreateBucket DeleteBucket PutBucketVersioning PutBucketCors DeleteBucketCors \
         PutBucketLifecycleConfiguration DeleteBucketLifecycle PutBucketLogging PutBucketTagging DeleteBucketTagging PutBucketPolicy DeleteBucketPolicy PutPublicAccessBlock DeletePublicAccessBlock PutBucketOwnershipControls \
         DeleteBucketOwnershipControls PutBucketEncryption DeleteBucketEncryption DeleteBucketWebsite DeleteBucketReplication PutObjectLockConfiguration PutBucketAcl \
         RSPresignLink PutAccountPublicAccessBlock DeleteAccountPublicAccessBlock"
    );
    assert_eq!(
        of(Weight::Look),
        "ListBuckets GetBucketLocation GetBucketVersioning GetBucketCors GetBucketLifecycleConfiguration \
         GetBucketLogging GetBucketTagging GetBucketPolicy \
         GetBucketPolicyStatus GetPublicAccessBlock GetBucketOwnershipControls GetBucketEncryption \
         GetBucketNotificationConfiguration GetBucketRequestPayment GetBucketAccelerateConfiguration \
         GetBucketWebsite GetBucketReplication \
         GetBucketAnalyticsConfiguration ListBucketAnalyticsConfigurations GetBucketIntelligentTieringConfiguration \
         ListBucketIntelligentTieringConfigurations GetBucketInventoryConfiguration ListBucketInventoryConfigurations \
         GetBucketMetricsConfiguration ListBucketMetricsConfigurations GetObjectLockConfiguration GetBucketAcl RSGetBucketStats RSSpeedTestDownload RSSpeedTestUpload GetAccountPublicAccessBlock"
    );
}

#[tokio::test]
async fn refused_credentials_have_the_codes_of_s3() {
    let server = Server::with_bucket().await;
    let token = Signer {
        session_token: Some("none goes with it"),
        ..OWNER
    };
    let unknown = Signer {
        access_key_id: "AKIAUNKNOWNUNKNOWNUN",
        ..OWNER
    };
    for (signer, status, code) in [
        (EXPIRED, 400, "ExpiredToken"),
        (SUSPENDED, 403, "AccessDenied"),
        (unknown, 403, "InvalidAccessKeyId"),
        (token, 400, "InvalidToken"),
        (
            Signer {
                service: "sts",
                ..OWNER
            },
            403,
            "SignatureDoesNotMatch",
        ),
        (
            Signer {
                service: "iam",
                ..OWNER
            },
            403,
            "SignatureDoesNotMatch",
        ),
    ] {
        let answer = server.send_as(signer, get(&key("k"))).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (status, code),
            "{signer:?}"
        );
        let answer = server.send_as(signer, head(&key("k"))).await;
        assert_eq!(answer.status.as_u16(), status);
    }
}
