//! Path-style, virtual hosts, preflights, and the spellings that would turn one operation into another (G8).

use std::time::Duration;

use baleen_http::OperationName;
use baleen_signing::{PayloadMode, encode_path};
use http::Method;

use crate::harness::{Ask, OWNER, Server, ask, delete, get, key, post, put};

const HOUR: Duration = Duration::from_hours(1);

#[tokio::test]
async fn virtual_hosts_and_paths_are_one_store() {
    let server = Server::with_bucket().await;
    let vhost = |ask: crate::harness::Ask| ask.header("host", "bucket.s3.example.com");
    server.ok(vhost(put("/a/b")).body("data")).await;
    assert_eq!(server.stored("a/b").await.as_deref(), Some(&b"data"[..]));
    assert_eq!(server.ok(get(&key("a/b"))).await.body, b"data");
    assert_eq!(server.ok(vhost(get("/a/b"))).await.body, b"data");
    assert_eq!(server.ok(vhost(get("/?list-type=2"))).await.elements("Key"), ["a/b"]);
    let root = server.ok(get("/").header("host", "s3.example.com")).await;
    assert_eq!(root.element("Name"), "bucket");
}

/// G8: a part whose upload is spelled otherwise must not become the object.
#[tokio::test]
async fn a_part_never_becomes_the_object() {
    let server = Server::with_bucket().await;
    let id = server
        .ok(post(&format!("{}?uploads", key("k"))))
        .await
        .element("UploadId");
    // The source document's own spelling is the operation it means.
    let documented = server
        .ok(put(&format!("{}?partNumber=1&uploadID={id}", key("k"))).body("part"))
        .await;
    assert!(!documented.header("etag").is_empty());
    assert_eq!(
        server
            .ok(get(&format!("{}?uploadID={id}", key("k"))))
            .await
            .elements("PartNumber"),
        ["1"]
    );
    for query in [
        format!("partNumber=1&UploadId={id}"),
        format!("partNumber=1&uploadid={id}"),
        format!("partNumber=1&UPLOADID={id}"),
        format!("partnumber=1&uploadId={id}"),
        format!("partNumber=1&upload%49%44={id}&uploadId={id}"),
        format!("partNumber=1&uploadId={id}&uploadID={id}"),
        format!("uploadId={id}"),
        "partNumber=1".to_owned(),
        format!("partNumber=0&uploadId={id}"),
        format!("partNumber=10001&uploadId={id}"),
        format!("partNumber=-1&uploadId={id}"),
    ] {
        server
            .fails(
                put(&format!("{}?{query}", key("k"))).body("part"),
                400,
                "InvalidArgument",
            )
            .await;
        assert_eq!(server.stored("k").await, None, "{query}");
    }
    for query in [
        format!("partNumber=x&uploadId={id}"),
        format!("partNumber=&uploadId={id}"),
    ] {
        let answer = server.send(put(&format!("{}?{query}", key("k"))).body("part")).await;
        assert_eq!(answer.status.as_u16(), 400, "{answer:?}");
    }
    assert_eq!(server.stored_keys().await, Vec::<String>::new());
}

#[tokio::test]
async fn preflights_are_answered_without_a_configuration() {
    let server = Server::with_bucket().await;
    let preflight = ask(Method::OPTIONS, "/bucket/k").header("access-control-request-method", "PUT");
    let answer = server
        .raw(preflight.clone().header("origin", "https://example.com"))
        .await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (403, "AccessForbidden")
    );
    assert!(answer.element("Message").starts_with("CORSResponse"));
    assert!(
        !answer
            .headers
            .keys()
            .any(|name| name.as_str().starts_with("access-control"))
    );
    assert_eq!(server.raw(preflight).await.status.as_u16(), 400);
}

const RULES: &str = "<CORSConfiguration><CORSRule><ID>page</ID><AllowedOrigin>https://example.com</AllowedOrigin>\
    <AllowedMethod>PUT</AllowedMethod><AllowedMethod>GET</AllowedMethod><AllowedHeader>x-amz-*</AllowedHeader>\
    <ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>3000</MaxAgeSeconds></CORSRule></CORSConfiguration>";

#[tokio::test]
async fn pages_of_other_origins() {
    let server = Server::with_bucket().await;
    server.fails(get("/bucket?cors"), 404, "NoSuchCORSConfiguration").await;
    server.ok(put("/bucket?cors").body(RULES)).await;
    let kept = server.ok(get("/bucket?cors")).await;
    for (element, values) in [
        ("ID", vec!["page"]),
        ("AllowedMethod", vec!["PUT", "GET"]),
        ("AllowedHeader", vec!["x-amz-*"]),
        ("MaxAgeSeconds", vec!["3000"]),
    ] {
        assert_eq!(kept.elements(element), values);
    }
    let preflight = |origin: &str, method: &str, headers: &str| {
        ask(Method::OPTIONS, "/bucket/k")
            .header("origin", origin)
            .header("access-control-request-method", method)
            .header("access-control-request-headers", headers)
    };
    let told = server.raw(preflight("https://example.com", "PUT", "X-Amz-Date")).await;
    assert_eq!(told.status.as_u16(), 200);
    for (name, value) in [
        ("access-control-allow-origin", "https://example.com"),
        ("access-control-allow-methods", "PUT, GET"),
        ("access-control-allow-headers", "x-amz-date"),
        ("access-control-max-age", "3000"),
        ("access-control-expose-headers", "ETag"),
    ] {
        assert_eq!(told.headers[name], value);
    }
    // That of a link has the signature of what it asks about, and tells the same.
    let link = put(&key("k")).presigned(OWNER, PayloadMode::Unsigned, server.now(), HOUR);
    let link_v2 = put(&key("k")).presigned_v2(OWNER, server.now(), HOUR);
    for link in [link, link_v2] {
        let of_link = |origin: &str| Ask {
            target: link.target.clone(),
            ..preflight(origin, "PUT", "x-amz-date")
        };
        let told = server.raw(of_link("https://example.com")).await;
        assert_eq!(told.status.as_u16(), 200, "{told:?}");
        assert_eq!(told.headers["access-control-allow-origin"], "https://example.com");
        let refused = server.raw(of_link("https://example.com.evil")).await;
        assert_eq!(refused.code(), "AccessForbidden");
    }
    for refused in [
        preflight("https://example.com.evil", "PUT", "x-amz-date"),
        preflight("https://example.com", "DELETE", "x-amz-date"),
        preflight("https://example.com", "PUT", "authorization"),
    ] {
        let refused = server.raw(refused).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code().as_str()),
            (403, "AccessForbidden")
        );
        assert!(!refused.headers.contains_key("access-control-allow-origin"));
    }
    // Answers can be read by the page, errors too; what was done is not another thing for it.
    let stored = server
        .ok(put(&key("k")).header("origin", "https://example.com").body("data"))
        .await;
    assert_eq!(stored.headers["access-control-allow-origin"], "https://example.com");
    let absent = server
        .send(get(&key("absent")).header("origin", "https://example.com"))
        .await;
    assert_eq!(absent.headers["access-control-allow-origin"], "https://example.com");
    for other in [get(&key("k")), get(&key("k")).header("origin", "https://evil.example")] {
        let answer = server.ok(other).await;
        assert!(!answer.headers.contains_key("access-control-allow-origin"));
    }
    // A refused one leaves the rules as they are.
    let hostile = RULES.replace("<ExposeHeader>ETag", "<ExposeHeader>a&#13;&#10;set-cookie: b");
    server
        .fails(put("/bucket?cors").body(hostile), 400, "InvalidRequest")
        .await;
    // One that is too long for the store is refused for good, however short its texts are.
    let many = "<AllowedHeader>xxxxxx</AllowedHeader>".repeat(10_000);
    let long = RULES.replacen("<ExposeHeader>", &format!("{many}<ExposeHeader>"), 1);
    server
        .fails(put("/bucket?cors").body(long), 400, "InvalidRequest")
        .await;
    assert_eq!(server.ok(get("/bucket?cors")).await.elements("ExposeHeader"), ["ETag"]);
    server.ok(delete("/bucket?cors")).await;
    server.ok(delete("/bucket?cors")).await;
    server.fails(get("/bucket?cors"), 404, "NoSuchCORSConfiguration").await;
    assert_eq!(
        server
            .raw(preflight("https://example.com", "PUT", "x-amz-date"))
            .await
            .status
            .as_u16(),
        403
    );
}

#[tokio::test]
async fn what_is_not_built_says_so() {
    let server = Server::with_bucket().await;
    server.fails(get("/bucket/k?torrent"), 501, "NotImplemented").await;
    // The log has its name all the same.
    let ask = get("/bucket/k?torrent").signed(OWNER, PayloadMode::Unsigned, server.now());
    let response = server.edge.handle(ask.build()).await;
    assert_eq!(response.extensions().get(), Some(&OperationName("NotImplemented")));
    server
        .fails(
            post("/bucket")
                .header("content-type", "multipart/form-data; boundary=x")
                .body("--x--"),
            501,
            "NotImplemented",
        )
        .await;
    server
        .fails(put("/bucket/k?restore").body("<x/>"), 501, "NotImplemented")
        .await;
    assert_eq!(server.stored("k").await, None);
    for (name, value, code) in [
        ("x-amz-acl", "public-read", "AccessControlListNotSupported"),
        ("x-amz-grant-read", "id=100000000002", "AccessControlListNotSupported"),
        ("x-amz-storage-class", "GLACIER", "InvalidStorageClass"),
        ("x-amz-server-side-encryption", "aws:kms:dsse", "NotImplemented"),
        (
            "x-amz-server-side-encryption-customer-algorithm",
            "AES256",
            "InvalidArgument",
        ),
        ("x-amz-object-lock-legal-hold", "ON", "InvalidRequest"),
        ("x-amz-website-redirect-location", "/x", "NotImplemented"),
    ] {
        let answer = server.send(put(&key("k")).header(name, value).body("data")).await;
        assert_eq!(answer.code(), code, "{name}");
        assert_eq!(server.stored("k").await, None, "{name}");
    }
    let harmless = put(&key("k"))
        .header("x-amz-acl", "private")
        .header("x-amz-storage-class", "STANDARD");
    server.ok(harmless.body("data")).await;
}

#[tokio::test]
async fn answers_to_head_have_no_body() {
    let server = Server::with_bucket().await;
    for target in [key("absent"), "/absent-bucket".to_owned(), "/Bad_Name/k".to_owned()] {
        let answer = server.send(crate::harness::head(&target)).await;
        assert!(answer.status.is_client_error(), "{target}");
        assert!(
            answer.body.is_empty() && !answer.headers.contains_key("content-type"),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn an_error_tells_where_and_which_request() {
    let server = Server::with_bucket().await;
    let path = format!("/bucket/{}", encode_path("a<b>&c\u{1}"));
    let answer = server.fails(get(&path), 404, "NoSuchKey").await;
    assert_eq!(answer.element("Resource"), path);
    assert!(
        answer.element("Message").contains("a&lt;b&gt;&amp;c?"),
        "{}",
        answer.text()
    );
    assert_eq!(answer.header("content-type"), "application/xml");
}
