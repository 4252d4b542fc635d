//! Buckets.

use baleen_http::Barred;

use crate::harness::{STRANGER, Server, delete, get, head, key, post, put};

#[tokio::test]
async fn a_bucket_comes_and_goes() {
    let server = Server::new();
    let made = server.ok(put("/bucket")).await;
    assert_eq!(made.header("location"), "/bucket");
    assert_eq!(
        server.ok(head("/bucket")).await.header("x-amz-bucket-region"),
        "eu-central-7"
    );
    server.fails(put("/bucket"), 409, "BucketAlreadyOwnedByYou").await;
    let stolen = server.send_as(STRANGER, put("/bucket")).await;
    assert_eq!(
        (stolen.status.as_u16(), stolen.code().as_str()),
        (409, "BucketAlreadyExists")
    );
    server.ok(put(&key("k")).body("data")).await;
    server.fails(delete("/bucket"), 409, "BucketNotEmpty").await;
    server.ok(delete(&key("k"))).await;
    assert_eq!(server.ok(delete("/bucket")).await.status.as_u16(), 204);
    server.fails(delete("/bucket"), 404, "NoSuchBucket").await;
}

#[tokio::test]
async fn buckets_are_listed_for_their_owner_alone() {
    let server = Server::new();
    for name in ["zebra", "alpha", "beta"] {
        server.ok(put(&format!("/{name}"))).await;
    }
    assert!(server.send_as(STRANGER, put("/strangers")).await.status.is_success());
    let all = server.ok(get("/")).await;
    assert_eq!(all.elements("Name"), ["alpha", "beta", "zebra"]);
    assert_eq!(all.element("CreationDate"), "2026-01-02T03:04:05.000Z");
    assert_eq!(all.element("ID"), "100000000001");
    let page = server.ok(get("/?max-buckets=2")).await;
    assert_eq!(page.elements("Name"), ["alpha", "beta"]);
    let next = server
        .ok(get(&format!(
            "/?max-buckets=2&continuation-token={}",
            page.element("ContinuationToken")
        )))
        .await;
    assert_eq!(next.elements("Name"), ["zebra"]);
    assert_eq!(next.element("ContinuationToken"), "");
    assert_eq!(server.ok(get("/?prefix=b")).await.elements("Name"), ["beta"]);
    for wrong in ["0", "10001", "-1"] {
        server
            .fails(get(&format!("/?max-buckets={wrong}")), 400, "InvalidArgument")
            .await;
    }
}

#[tokio::test]
async fn names_at_their_limits() {
    let server = Server::new();
    for name in ["abc", &"a".repeat(63), "1.2-3"] {
        server.ok(put(&format!("/{name}"))).await;
    }
    for name in [
        "ab",
        &"a".repeat(64),
        "Abc",
        "a_b",
        "-ab",
        "ab-",
        "a..b",
        "10.0.0.1",
        "%C3%BCber",
    ] {
        server.fails(put(&format!("/{name}")), 400, "InvalidBucketName").await;
        server.fails(get(&format!("/{name}/k")), 400, "InvalidBucketName").await;
    }
    // Of this one two keys could not be read nor written.
    let refused = server.fails(put("/speedtest"), 400, "InvalidBucketName").await;
    assert!(refused.text().contains("speed test"), "{}", refused.text());
}

#[tokio::test]
async fn regions() {
    let server = Server::new();
    let body = |region: &str| {
        format!(
            "<CreateBucketConfiguration><LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
        )
    };
    server.ok(put("/bucket").body(body("eu-central-7"))).await;
    server.ok(put("/other").body(body("us-east-1"))).await;
    server
        .fails(put("/third").body(body("mars-1")), 400, "InvalidLocationConstraint")
        .await;
    server.fails(get("/third"), 404, "NoSuchBucket").await;
    let location = server.ok(get("/bucket?location")).await;
    assert!(
        location.text().contains(">eu-central-7</LocationConstraint>"),
        "{}",
        location.text()
    );
}

#[tokio::test]
async fn a_customer_has_buckets_in_its_own_regions_alone() {
    let server = Server::new();
    server.ok(put("/before")).await;
    let owner = baleen_types::AccountId::parse("100000000001").unwrap();
    for (barred, status, code) in [
        (Barred::Withheld, 400, "IllegalLocationConstraintException"),
        (Barred::Unavailable, 503, "ServiceUnavailable"),
    ] {
        *server.network.closed.lock().unwrap() = vec![(owner, barred)];
        for target in ["/bucket", "/before"] {
            server.fails(put(target), status, code).await;
        }
        server.fails(head("/bucket"), 404, "").await;
        server.ok(put("/before/k").body("data")).await;
    }
    assert_eq!(server.send_as(STRANGER, put("/theirs")).await.status.as_u16(), 200);
}

/// What tools read of every bucket, and nobody here can set.
#[tokio::test]
async fn settings_that_are_always_the_same() {
    let server = Server::with_bucket().await;
    for (query, within) in [
        ("notification", "NotificationConfiguration"),
        ("accelerate", "AccelerateConfiguration"),
        ("requestPayment", "<Payer>BucketOwner</Payer>"),
    ] {
        let answer = server.ok(get(&format!("/bucket?{query}"))).await;
        assert!(answer.text().contains(within), "{}", answer.text());
        assert_eq!(answer.element("Status"), "");
        server
            .fails(put(&format!("/bucket?{query}")).body("<x/>"), 501, "NotImplemented")
            .await;
    }
}

/// What a tool like Terraform reads of a bucket that it has just made, as AWS answers it for one of which nothing was said.
#[tokio::test]
async fn every_setting_of_a_new_bucket_is_told_or_told_to_be_absent() {
    let server = Server::with_bucket().await;
    for (query, status, code) in [
        ("acl", 200, ""),
        ("accelerate", 200, ""),
        ("analytics", 200, ""),
        ("analytics&id=a", 404, "NoSuchConfiguration"),
        ("intelligent-tiering", 200, ""),
        ("intelligent-tiering&id=a", 404, "NoSuchConfiguration"),
        ("inventory", 200, ""),
        ("inventory&id=a", 404, "NoSuchConfiguration"),
        ("metrics", 200, ""),
        ("metrics&id=a", 404, "NoSuchConfiguration"),
        ("cors", 404, "NoSuchCORSConfiguration"),
        ("encryption", 404, "ServerSideEncryptionConfigurationNotFoundError"),
        ("lifecycle", 404, "NoSuchLifecycleConfiguration"),
        ("location", 200, ""),
        ("logging", 200, ""),
        ("notification", 200, ""),
        ("object-lock", 404, "ObjectLockConfigurationNotFoundError"),
        ("ownershipControls", 200, ""),
        ("policy", 404, "NoSuchBucketPolicy"),
        ("policyStatus", 404, "NoSuchBucketPolicy"),
        ("publicAccessBlock", 404, "NoSuchPublicAccessBlockConfiguration"),
        ("replication", 404, "ReplicationConfigurationNotFoundError"),
        ("requestPayment", 200, ""),
        ("tagging", 404, "NoSuchTagSet"),
        ("versioning", 200, ""),
        ("website", 404, "NoSuchWebsiteConfiguration"),
    ] {
        let answer = server.send(get(&format!("/bucket?{query}"))).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (status, code),
            "{query}"
        );
        server
            .fails(get(&format!("/absent?{query}")), 404, "NoSuchBucket")
            .await;
    }
}

/// What was never there can be removed, and to set it is not implemented still.
#[tokio::test]
async fn a_setting_that_no_bucket_has_is_removed_and_not_set() {
    let server = Server::with_bucket().await;
    for query in ["website", "replication"] {
        assert_eq!(
            server.ok(delete(&format!("/bucket?{query}"))).await.status.as_u16(),
            204
        );
        server
            .fails(put(&format!("/bucket?{query}")).body("<x/>"), 501, "NotImplemented")
            .await;
        server
            .fails(delete(&format!("/absent?{query}")), 404, "NoSuchBucket")
            .await;
    }
    for (query, root) in [
        ("analytics", "ListBucketAnalyticsConfigurationResult"),
        (
            "intelligent-tiering",
            "ListBucketIntelligentTieringConfigurationsOutput",
        ),
        ("inventory", "ListInventoryConfigurationsResult"),
        ("metrics", "ListMetricsConfigurationsResult"),
    ] {
        let answer = server.ok(get(&format!("/bucket?{query}"))).await;
        assert_eq!(answer.element("IsTruncated"), "false", "{answer:?}");
        assert!(answer.text().contains(&format!("<{root}")), "{answer:?}");
        for method in [put, delete] {
            server
                .fails(
                    method(&format!("/bucket?{query}&id=a")).body("<x/>"),
                    501,
                    "NotImplemented",
                )
                .await;
        }
    }
    server.ok(head("/bucket")).await;
}

#[tokio::test]
async fn names_that_s3_keeps_for_itself_are_no_new_bucket_s() {
    let server = Server::new();
    for name in [
        "xn--bucket",
        "sthree-bucket",
        "sthree-configurator",
        "amzn-s3-demo-bucket",
        "bucket-s3alias",
        "bucket--ol-s3",
        "bucket.mrap",
        "bucket--x-s3",
        "bucket--table-s3",
    ] {
        server.fails(put(&format!("/{name}")), 400, "InvalidBucketName").await;
    }
    for name in ["bucket-xn--1", "sthree", "s3alias", "bucket-mrap", "x-s3"] {
        server.ok(put(&format!("/{name}"))).await;
    }
}

#[tokio::test]
async fn operations_on_a_bucket_that_is_not_there() {
    let server = Server::new();
    for ask in [
        get("/absent"),
        get("/absent?list-type=2"),
        get("/absent?uploads"),
        get("/absent?location"),
        get("/absent/k"),
        put("/absent/k").body("data"),
        delete("/absent/k"),
        post("/absent/k?uploads"),
        post("/absent?delete").body("<Delete><Object><Key>k</Key></Object></Delete>"),
    ] {
        server.fails(ask, 404, "NoSuchBucket").await;
    }
}
