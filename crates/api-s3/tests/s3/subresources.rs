//! A request never becomes another operation than the one that was meant: what the table does not know is refused, and
//! nothing changes.

use http::Method;

use crate::harness::{CLERK, Server, ask, delete, key, post, put};

/// Sub-resources that the codec does not know, some of them known to nobody.
const UNKNOWN: [&str; 4] = [
    "metadataConfiguration",
    "metadataInventoryTable=",
    "inventory",
    "abac=x&x-id=Something",
];

#[tokio::test]
async fn unknown_sub_resources_change_nothing() {
    let server = Server::with_bucket().await;
    server.ok(put("/empty")).await;
    server.ok(put(&key("k")).body("data")).await;
    for query in UNKNOWN {
        for target in ["/empty", "/empty/", "/bucket/k", "/another"] {
            for method in [Method::PUT, Method::POST, Method::DELETE] {
                let target = format!("{target}?{query}");
                server
                    .fails(ask(method, &target).body("<x/>"), 501, "NotImplemented")
                    .await;
            }
        }
        server.ok(ask(Method::HEAD, "/empty")).await;
        assert_eq!(server.stored("k").await.as_deref(), Some(&b"data"[..]), "{query}");
    }
    let absent = server.send(ask(Method::HEAD, "/another")).await;
    assert_eq!(absent.status.as_u16(), 404);
    // Queries of one operation do not fit another.
    for (method, target) in [
        (Method::DELETE, "/bucket/k?partNumber=1"),
        (Method::PUT, "/bucket/k?versionId=null"),
        (Method::POST, "/bucket/k?uploads&restore"),
        (Method::DELETE, "/empty?uploadId=1"),
    ] {
        server.fails(ask(method, target), 501, "NotImplemented").await;
    }
    assert_eq!(server.stored("k").await.as_deref(), Some(&b"data"[..]));
}

/// What was asked for a setting or an annotation is not answered with an object or a listing.
#[tokio::test]
async fn what_aws_reads_and_this_door_does_not_is_not_taken_for_a_read() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("k")).body("data")).await;
    for (target, query) in [
        ("/bucket/k", "annotation&annotationName=x"),
        ("/bucket/k", "annotations"),
        ("/bucket/k", "torrent"),
        ("/bucket", "abac"),
        ("/bucket", "metadata%43onfiguration"),
        ("/bucket", "metadataTable="),
        ("/bucket", "session"),
    ] {
        let asked = ask(Method::GET, &format!("{target}?{query}"));
        server.fails(asked, 501, "NotImplemented").await;
    }
    // Others are ignored, as AWS does.
    server.ok(ask(Method::GET, "/bucket/k?cache=7")).await;
    server.ok(ask(Method::GET, "/bucket?cache=7")).await;
}

/// The name of the operation, which SDKs add, is no sub-resource.
#[tokio::test]
async fn known_queries_pass() {
    let server = Server::with_bucket().await;
    server
        .ok(put(&format!("{}?x-id=PutObject", key("k"))).body("data"))
        .await;
    server.ok(put("/other?x-id=CreateBucket")).await;
    let begun = server
        .ok(post(&format!("{}?uploads&x-id=CreateMultipartUpload", key("m"))))
        .await;
    let upload = format!("{}?uploadId={}&x-id=Any", key("m"), begun.element("UploadId"));
    server.ok(put(&format!("{upload}&partNumber=1")).body("data")).await;
    server.ok(delete(&upload)).await;
    server.ok(delete(&format!("{}?versionId=null", key("k")))).await;
    server.ok(delete("/other?")).await;
    assert_eq!(server.stored_keys().await, Vec::<String>::new());
}

#[tokio::test]
async fn unknown_headers_of_a_write_are_refused() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("k")).body("data")).await;
    for name in [
        "x-amz-rename-source",
        "x-amz-rename-source-if-match",
        "x-amz-append",
        "x-amz-if-match-size",
    ] {
        for method in [Method::PUT, Method::DELETE] {
            let ask = ask(method, &key("k")).header(name, "/bucket/other").body("new");
            server.fails(ask, 501, "NotImplemented").await;
            assert_eq!(server.stored("k").await.as_deref(), Some(&b"data"[..]), "{name}");
        }
    }
    let known = put(&key("k"))
        .header("x-amz-meta-anything", "goes")
        .header("x-amz-user-agent", "aws-sdk-js/3")
        .header("x-amz-sdk-checksum-algorithm", "CRC32")
        .header("x-amz-request-payer", "requester")
        .header("amz-sdk-invocation-id", "1");
    server.ok(known.body("new")).await;
}

/// Who may do nothing does not learn what is implemented.
#[tokio::test]
async fn nobody_is_told_nothing() {
    let server = Server::with_bucket().await;
    let rename = || put("/bucket/k?renameObject").header("x-amz-rename-source", "/bucket/x");
    assert_eq!(server.raw(rename()).await.status.as_u16(), 403);
    for method in ["PATCH", "TRACE", "PROPFIND", "SEARCH", "X"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        for target in ["/", "/bucket", "/bucket/k", "/bucket/k?acl", "/bucket?uploadId=1"] {
            let answer = server.raw(ask(method.clone(), target)).await;
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (403, "AccessDenied"),
                "{method} {target}"
            );
        }
        server.fails(ask(method, "/bucket/k"), 501, "NotImplemented").await;
    }
    // Nor what is wrong with a request.
    let answer = server.raw(put("/bucket/k?uploadId=1")).await;
    assert_eq!(answer.code(), "AccessDenied");
    let answer = server
        .send_as(CLERK, put(&key("k")).header("x-amz-rename-source", "/bucket/x"))
        .await;
    assert_eq!(answer.status.as_u16(), 403);
}
