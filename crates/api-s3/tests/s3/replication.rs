//! The replication policy of buckets, and in which regions objects are.

use baleen_http::AccountRegions;
use baleen_signing::{PayloadMode, sha256};
use baleen_types::RegionName;

use crate::harness::{Ask, CLERK, OWNER, Server, get, head, key, put};

fn form(target: &str, body: &str) -> Ask {
    put(target)
        .header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
        .body(body)
}

async fn policy(server: &Server, bucket: &str) -> String {
    let info = server.ok(get(&format!("/{bucket}?rs-info="))).await.text();
    let (_, rest) = info.split_once(r#""replicationPolicy":"#).unwrap();
    rest.split_once(r#","isPublic"#).unwrap().0.to_owned()
}

#[tokio::test]
async fn a_bucket_is_made_with_a_policy() {
    let server = Server::new();
    for (bucket, ask) in [
        ("plain", put("/plain")),
        ("in-query", put("/in-query?replication-policy=eu-central-7")),
        ("in-form", form("/in-form", "replication-policy=eu-central-7")),
        (
            "in-vhost",
            form("/", "replication-policy=+eu-central-7").header("host", "in-vhost.s3.example.com"),
        ),
        ("empty", form("/empty/", "replication-policy=")),
        (
            "said-twice",
            form("/said-twice", "replication-policy=eu-central-7%2Ceu-central-7"),
        ),
    ] {
        server.ok(ask).await;
        assert_eq!(policy(&server, bucket).await, r#"["eu-central-7"]"#, "{bucket}");
    }
    let stats = server.ok(get("/?rs-bucket-stats")).await.text();
    assert_eq!(
        stats.matches(r#""replicationPolicy":["eu-central-7"]"#).count(),
        6,
        "{stats}"
    );
}

/// What is accepted is kept: a region that is not there is refused by its name, and no bucket is made.
#[tokio::test]
async fn what_cannot_be_kept_is_refused() {
    let server = Server::new();
    for (ask, code) in [
        (put("/bucket?replication-policy=DCA02"), "InvalidArgument"),
        (
            form("/bucket", "replication-policy=eu-central-7,DEN02"),
            "InvalidArgument",
        ),
        (
            form("/bucket", "replication-policy=eu-central-7&acl=public-read"),
            "InvalidArgument",
        ),
        (form("/bucket", "replication_policy=eu-central-7"), "InvalidArgument"),
        (
            form(
                "/bucket?replication-policy=eu-central-7",
                "replication-policy=eu-central-7",
            ),
            "InvalidArgument",
        ),
        (form("/bucket", "replication-policy=../.."), "InvalidArgument"),
        (form("/bucket", &"x".repeat(5000)), "MaxMessageLengthExceeded"),
    ] {
        let answer = server.fails(ask, 400, code).await;
        assert_eq!(server.send(head("/bucket")).await.status.as_u16(), 404, "{answer:?}");
    }
    let named = server
        .send(put("/bucket?replication-policy=DCA02"))
        .await
        .element("Message");
    assert!(named.contains("DCA02") && named.contains("eu-central-7"), "{named}");
    // A form that is another than the one that was signed makes nothing either.
    let ask = form("/bucket", "replication-policy=eu-central-7");
    let ask = ask.signed(OWNER, PayloadMode::Sha256(sha256(b"other")), server.now());
    assert_eq!(server.raw(ask).await.code(), "XAmzContentSHA256Mismatch");
    assert_eq!(server.send(head("/bucket")).await.status.as_u16(), 404);
    // Who may not make buckets learns nothing of regions, and the form is not read.
    let refused = server.send_as(CLERK, form("/bucket", "replication-policy=DCA02")).await;
    assert_eq!(refused.code(), "AccessDenied");
    // Elsewhere there is no such parameter, and a form is no document.
    server.ok(put("/bucket")).await;
    let versions = form("/bucket?versioning&replication-policy=eu-central-7", "");
    server.fails(versions, 501, "NotImplemented").await;
}

/// The type that curl gives to what it sends is that of a form; of a setting it is a document all the same.
#[tokio::test]
async fn a_document_that_calls_itself_a_form_is_read() {
    let server = Server::with_bucket().await;
    let versioning = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/*"}]}"#;
    let lifecycle = "<LifecycleConfiguration><Rule><ID>old</ID><Status>Enabled</Status><Filter/><Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>";
    let tagging = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>";
    for (query, document, stored) in [
        ("versioning", versioning, "<Status>Enabled</Status>"),
        ("policy", policy, "s3:GetObject"),
        (
            "lifecycle&x-id=PutBucketLifecycleConfiguration",
            lifecycle,
            "<ID>old</ID>",
        ),
        ("tagging", tagging, "<Key>a</Key>"),
    ] {
        let target = format!("/bucket?{query}");
        server.ok(form(&target, document)).await;
        let told = server.ok(get(&target)).await.text();
        assert!(told.contains(stored), "{query}: {told}");
    }
}

#[tokio::test]
async fn an_account_is_held_to_its_regions() {
    let server = Server::new();
    let region = |name: &str| RegionName::parse(name).unwrap();
    let (own, both) = (
        vec![region("eu-central-7")],
        vec![region("eu-central-7"), region("us-west-1")],
    );
    for (regions, is_enforced, code) in [
        (own.clone(), false, ""),
        (own, true, ""),
        (both.clone(), false, ""),
        (both, true, "AccessDenied"),
        (vec![region("us-west-1")], false, "IllegalLocationConstraintException"),
    ] {
        *server.network.regions.lock().unwrap() = Some(AccountRegions::These { regions, is_enforced });
        let answer = server.send(put("/bucket?replication-policy=eu-central-7")).await;
        assert_eq!(answer.code(), code);
        server.send(crate::harness::delete("/bucket")).await;
    }
}

#[tokio::test]
async fn who_asks_is_told_where_an_object_is() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("k")).body("data")).await;
    for make in [get, head] {
        let name = "x-lyve-replication-status";
        assert_eq!(
            server.ok(make(&key("k")).header(name, "true")).await.header(name),
            "eu-central-7"
        );
        assert_eq!(server.ok(make(&key("k"))).await.header(name), "");
    }
}

#[tokio::test]
async fn an_object_is_said_to_be_where_it_is_and_not_where_it_will_be() {
    let server = Server::in_regions(&["us-west-1", "ap-east-3"], |_| {});
    // As at the start of a server; before it, no folder is known to be the store's.
    server.objects.recover().await.unwrap();
    let name = "x-lyve-replication-status";
    let status = async |ask: Ask| server.ok(ask.header(name, "true")).await.header(name);
    for (make, wanted, both) in [
        (
            put("/bucket"),
            r#"["ap-east-3","eu-central-7","us-west-1"]"#,
            "ap-east-3,eu-central-7,us-west-1",
        ),
        (
            put("/other?replication-policy=us-west-1,eu-central-7"),
            r#"["eu-central-7","us-west-1"]"#,
            "eu-central-7,us-west-1",
        ),
    ] {
        let bucket = make.target.split('?').next().unwrap_or_default().to_owned();
        server.ok(make).await;
        assert_eq!(policy(&server, bucket.trim_start_matches('/')).await, wanted);
        let object = format!("{bucket}/k");
        server.ok(put(&object).body("x".repeat(5000))).await;
        assert_eq!(status(head(&object)).await, "eu-central-7");
        for region in ["us-west-1", "ap-east-3"] {
            let region = RegionName::parse(region).unwrap();
            let stop = baleen_runtime::Shutdown::new();
            let pass = server.objects.reconcile(Some(&region), &stop, &|_| {});
            pass.await.unwrap();
        }
        assert_eq!(status(head(&object)).await, both);
        assert_eq!(status(get(&object)).await, both);
    }
    // Every object is at home first.
    let refused = server
        .fails(put("/west?replication-policy=us-west-1"), 400, "InvalidArgument")
        .await;
    assert!(refused.element("Message").contains("eu-central-7"), "{refused:?}");
    // Who may not use a region has nothing there, also without a word of policies.
    let (home, west) = (
        RegionName::parse("eu-central-7").unwrap(),
        RegionName::parse("us-west-1").unwrap(),
    );
    *server.network.regions.lock().unwrap() = Some(AccountRegions::These {
        regions: vec![home, west],
        is_enforced: true,
    });
    server.ok(put("/some")).await;
    assert_eq!(policy(&server, "some").await, r#"["eu-central-7","us-west-1"]"#);
}
