//! The public access block of an account: it holds for all of its buckets, beside theirs and the operator's.

use http::Method;

use crate::harness::{Ask, CLERK, STRANGER, Server, account_block, delete, get, key, policy, put, statement};

const BUCKET_BLOCK: &str = "/bucket?publicAccessBlock";

fn switches(on: &[&str]) -> String {
    let on: Vec<_> = on.iter().map(|name| format!("<{name}>true</{name}>")).collect();
    let on = on.concat();
    format!(
        "<PublicAccessBlockConfiguration xmlns=\"http://awss3control.amazonaws.com/doc/2018-08-20/\">{on}</PublicAccessBlockConfiguration>"
    )
}

fn set(on: &[&str]) -> Ask {
    account_block(Method::PUT).body(switches(on))
}

/// A bucket that is made for everybody to list.
fn listed(target: &str) -> Ask {
    put(target)
        .header("x-amz-acl", "public-read")
        .header("x-amz-object-ownership", "BucketOwnerPreferred")
}

#[tokio::test]
async fn it_holds_for_all_buckets_of_the_account() {
    let server = Server::with_bucket().await;
    let missing = "NoSuchPublicAccessBlockConfiguration";
    server.fails(account_block(Method::GET), 404, missing).await;
    let public = policy(&[&statement("Allow", "\"*\"", "s3:GetObject", "bucket/*")]);
    server.ok(put(&key("k")).body("data")).await;
    server.ok(put("/bucket?policy").body(&public)).await;
    let nobody = async || server.raw(get(&key("k"))).await.status.as_u16();
    assert_eq!(nobody().await, 200);
    // What is cached of a bucket's rules is not what decides then.
    server.ok(set(&["RestrictPublicBuckets"])).await;
    assert_eq!(nobody().await, 403);
    assert_eq!(server.send_as(STRANGER, get(&key("k"))).await.status.as_u16(), 403);
    assert_eq!(server.send_as(CLERK, get(&key("k"))).await.status.as_u16(), 200);
    let seen = server.ok(account_block(Method::GET)).await;
    for (name, on) in [
        ("BlockPublicAcls", "false"),
        ("IgnorePublicAcls", "false"),
        ("BlockPublicPolicy", "false"),
        ("RestrictPublicBuckets", "true"),
    ] {
        assert_eq!(seen.element(name), on, "{name}");
    }
    // That of a bucket is another, and says nothing of it.
    server.fails(get(BUCKET_BLOCK), 404, missing).await;
    server.ok(put(BUCKET_BLOCK).body(switches(&[]))).await;
    assert_eq!(nobody().await, 403);

    server.ok(set(&["BlockPublicPolicy", "BlockPublicAcls"])).await;
    assert_eq!(nobody().await, 200);
    server
        .fails(put("/bucket?policy").body(&public), 403, "AccessDenied")
        .await;
    server.fails(listed("/later"), 403, "AccessDenied").await;
    server.ok(put("/later")).await;
    let elsewhere = policy(&[&statement("Allow", "\"*\"", "s3:GetObject", "later/*")]);
    server
        .fails(put("/later?policy").body(&elsewhere), 403, "AccessDenied")
        .await;
    // Another account has its own.
    assert!(server.send_as(STRANGER, listed("/strangers")).await.status.is_success());

    assert_eq!(server.send(account_block(Method::DELETE)).await.status.as_u16(), 204);
    server.fails(account_block(Method::GET), 404, missing).await;
    server.ok(put("/later?policy").body(&elsewhere)).await;
}

#[tokio::test]
async fn lists_that_are_public_do_not_count() {
    let server = Server::new();
    server.ok(listed("/bucket")).await;
    assert_eq!(server.raw(get("/bucket")).await.status.as_u16(), 200);
    server.ok(set(&["IgnorePublicAcls"])).await;
    assert_eq!(server.raw(get("/bucket")).await.status.as_u16(), 403);
    server.ok(account_block(Method::DELETE)).await;
    assert_eq!(server.raw(get("/bucket")).await.status.as_u16(), 200);
}

#[tokio::test]
async fn who_may_and_what_is_refused() {
    let server = Server::with_bucket().await;
    server.ok(set(&["RestrictPublicBuckets"])).await;
    let other = |method: Method| {
        let mut ask = account_block(method);
        ask.headers.retain(|(name, _)| name != "x-amz-account-id");
        ask.header("x-amz-account-id", "999999999999")
    };
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let ask = || account_block(method.clone()).body(switches(&[]));
        for signer in [CLERK, STRANGER] {
            assert_eq!(server.send_as(signer, ask()).await.code(), "AccessDenied", "{method}");
        }
        assert_eq!(server.raw(ask()).await.code(), "AccessDenied", "{method}");
        server.fails(other(method.clone()), 403, "AccessDenied").await;
    }
    for document in [
        "",
        "<PublicAccessBlockConfiguration>",
        "<x/>",
        "{}",
        "<PublicAccessBlockConfiguration><BlockPublicAcls>perhaps</BlockPublicAcls></PublicAccessBlockConfiguration>",
        "<PublicAccessBlockConfiguration><BlockPublicAcls><![CDATA[true]]></BlockPublicAcls></PublicAccessBlockConfiguration>",
    ] {
        let answer = server.send(account_block(Method::PUT).body(document)).await;
        assert_eq!(answer.status.as_u16(), 400, "{document}: {answer:?}");
    }
    let wrong = set(&[]).header("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==");
    server.fails(wrong, 400, "BadDigest").await;
    let unknown = account_block(Method::DELETE);
    let unknown = Ask {
        target: format!("{}?policy", unknown.target),
        ..unknown
    };
    server.fails(unknown, 501, "NotImplemented").await;
    assert_eq!(
        server
            .ok(account_block(Method::GET))
            .await
            .element("RestrictPublicBuckets"),
        "true"
    );
    // SDKs put the account before the host.
    let asked = account_block(Method::GET);
    let (_, account) = asked
        .headers
        .iter()
        .find(|(name, _)| name == "x-amz-account-id")
        .unwrap();
    let by_host = asked.clone().header("host", &format!("{account}.s3.example.com"));
    assert_eq!(server.ok(by_host).await.element("RestrictPublicBuckets"), "true");
    // Without the account it is a key as any other.
    server.ok(put("/v20180820")).await;
    let path = "/v20180820/configuration/publicAccessBlock";
    server.ok(put(path).body("data")).await;
    assert_eq!(server.ok(get(path)).await.body, b"data");
    server.ok(delete(path)).await;
}
