//! Tags over HTTP: documents and headers, versions, copies, uploads, and who may.

use http::Method;

use crate::harness::{Answer, CLERK, Server, WORKER, ask, delete, get, head, key, post, put};

const ENABLED: &str = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

fn tagging(name: &str) -> String {
    format!("{}?tagging", key(name))
}

fn of(name: &str, version: &str) -> String {
    format!("{}?tagging&versionId={version}", key(name))
}

fn document(tags: &[(&str, &str)]) -> String {
    let tag = |(key, value): &(&str, &str)| format!("<Tag><Key>{key}</Key><Value>{value}</Value></Tag>");
    let tags: String = tags.iter().map(tag).collect();
    format!("<Tagging xmlns=\"{NAMESPACE}\"><TagSet>{tags}</TagSet></Tagging>")
}

fn version_of(answer: &Answer) -> String {
    answer
        .headers
        .get("x-amz-version-id")
        .map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
}

async fn tags_at(server: &Server, target: &str) -> String {
    let answer = server.ok(get(target)).await;
    let pairs = answer.elements("Key").into_iter().zip(answer.elements("Value"));
    pairs
        .map(|(key, value)| format!("{key}={value}"))
        .collect::<Vec<_>>()
        .join(",")
}

#[tokio::test]
async fn the_life_of_tags() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("k")).body("data")).await;
    assert_eq!(tags_at(&server, &tagging("k")).await, "");
    let given = document(&[("KEYTEXT", "VALUETEXT"), ("Type", "Script"), ("empty", "")]);
    let answer = server.ok(put(&tagging("k")).body(given)).await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 0));
    assert_eq!(
        tags_at(&server, &tagging("k")).await,
        "KEYTEXT=VALUETEXT,Type=Script,empty="
    );
    for ask in [get(&key("k")), head(&key("k"))] {
        assert_eq!(server.ok(ask).await.headers["x-amz-tagging-count"], "3");
    }
    assert_eq!(server.ok(delete(&tagging("k"))).await.status.as_u16(), 204);
    assert_eq!(server.ok(delete(&tagging("k"))).await.status.as_u16(), 204);
    assert_eq!(tags_at(&server, &tagging("k")).await, "");
    let read = server.ok(get(&key("k"))).await;
    assert!(!read.headers.contains_key("x-amz-tagging-count"));
    assert_eq!(&*read.body, b"data");
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let absent = ask(method, &tagging("absent")).body(document(&[]));
        server.fails(absent, 404, "NoSuchKey").await;
    }
}

#[tokio::test]
async fn documents_that_are_refused_change_nothing() {
    let server = Server::with_bucket().await;
    server
        .ok(put(&key("k")).header("x-amz-tagging", "was=there").body("data"))
        .await;
    server
        .ok(put("/bucket?tagging").body(document(&[("was", "there")])))
        .await;
    let many = |count: usize| {
        let tags: Vec<_> = (0..count).map(|n| format!("k{n}")).collect();
        document(&tags.iter().map(|key| (&**key, "v")).collect::<Vec<_>>())
    };
    let long = |key: usize, value: usize| document(&[(&"k".repeat(key), &"v".repeat(value))]);
    let hostile = [
        (String::new(), "MissingRequestBodyError"),
        ("tags".into(), "MalformedXML"),
        ("<Tagging>".into(), "MalformedXML"),
        ("<Tagging/>".into(), "MalformedXML"),
        ("<Tags><TagSet/></Tags>".into(), "MalformedXML"),
        ("<Tagging><TagSet/></Tagging><Tagging/>".into(), "MalformedXML"),
        ("<Tagging><TagSet/><TagSet/></Tagging>".into(), "MalformedXML"),
        ("<Tagging><TagSet><Tag/></TagSet></Tagging>".into(), "MalformedXML"),
        (
            "<Tagging><TagSet><Tag><Key>k</Key></Tag></TagSet></Tagging>".into(),
            "MalformedXML",
        ),
        (
            "<Tagging><TagSet><Tag><Value>v</Value></Tag></TagSet></Tagging>".into(),
            "MalformedXML",
        ),
        (
            "<Tagging><TagSet><Tag><Key>a</Key><Key>b</Key><Value>v</Value></Tag></TagSet></Tagging>".into(),
            "MalformedXML",
        ),
        (
            "<!DOCTYPE t [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><Tagging><TagSet><Tag><Key>k</Key>\
             <Value>&e;</Value></Tag></TagSet></Tagging>"
                .into(),
            "MalformedXML",
        ),
        (document(&[("", "v")]), "InvalidTag"),
        (document(&[("k&amp;", "v")]), "InvalidTag"),
        (document(&[("k", "&lt;")]), "InvalidTag"),
        (document(&[("aws:k", "v")]), "InvalidTag"),
        (document(&[("a", "1"), ("a", "2")]), "InvalidTag"),
        (long(129, 1), "InvalidTag"),
        (long(1, 257), "InvalidTag"),
        (many(51), "BadRequest"),
    ];
    for (body, code) in hostile {
        for target in [tagging("k"), "/bucket?tagging".to_owned()] {
            server.fails(put(&target).body(body.clone()), 400, code).await;
            assert_eq!(tags_at(&server, &target).await, "was=there", "{body}");
        }
    }
    server.fails(put(&tagging("k")).body(many(11)), 400, "BadRequest").await;
    assert_eq!(tags_at(&server, &tagging("k")).await, "was=there");
    // A digest that is not the document's.
    for target in [tagging("k"), "/bucket?tagging".to_owned()] {
        let wrong = put(&target)
            .header("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg==")
            .body(document(&[("k", "v")]));
        server.fails(wrong, 400, "BadDigest").await;
        let large = format!("{}{}", document(&[("k", "v")]), " ".repeat(9 << 20));
        let answer = server.send(put(&target).body(large)).await;
        assert_eq!(
            (answer.status.as_u16(), &*answer.code()),
            (400, "MaxMessageLengthExceeded")
        );
        assert_eq!(tags_at(&server, &target).await, "was=there");
    }
    server.ok(put(&tagging("k")).body(many(10))).await;
    server.ok(put(&tagging("k")).body(long(128, 256))).await;
    server.ok(put("/bucket?tagging").body(many(50))).await;
}

#[tokio::test]
async fn headers_give_tags_and_bad_ones_store_nothing() {
    let server = Server::with_bucket().await;
    server
        .ok(put(&key("k")).header("x-amz-tagging", "a+b=%C3%BC&c").body("data"))
        .await;
    assert_eq!(tags_at(&server, &tagging("k")).await, "a b=ü,c=");
    for (header, code) in [
        ("a=1&a=2", "InvalidArgument"),
        ("a=%FF", "InvalidArgument"),
        ("=1", "InvalidTag"),
        ("a=%0D%0Ax-evil:1", "InvalidTag"),
        ("aws:a=1", "InvalidTag"),
        ("1&2&3&4&5&6&7&8&9&10&11", "BadRequest"),
    ] {
        for refused in [
            put(&key("new")).body("data"),
            put(&key("new"))
                .header("x-amz-copy-source", "/bucket/k")
                .header("x-amz-tagging-directive", "REPLACE"),
            post(&format!("{}?uploads", key("new"))),
        ] {
            server.fails(refused.header("x-amz-tagging", header), 400, code).await;
        }
    }
    assert_eq!(server.stored_keys().await, ["k"]);
    let uploads = server.ok(get("/bucket?uploads")).await;
    assert!(uploads.elements("UploadId").is_empty());
}

#[tokio::test]
async fn each_version_has_its_own() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("k")).body("null")).await;
    server.ok(put("/bucket?versioning").body(ENABLED)).await;
    let first = version_of(&server.ok(put(&key("k")).body("one")).await);
    let second = version_of(
        &server
            .ok(put(&key("k")).header("x-amz-tagging", "n=2").body("two"))
            .await,
    );
    for (version, value) in [("null", "0"), (&*first, "1")] {
        let answer = server.ok(put(&of("k", version)).body(document(&[("n", value)]))).await;
        assert_eq!(version_of(&answer), version);
    }
    for (version, tags) in [("null", "n=0"), (&*first, "n=1"), (&*second, "n=2")] {
        assert_eq!(tags_at(&server, &of("k", version)).await, tags);
    }
    let current = server.ok(get(&tagging("k"))).await;
    assert_eq!(version_of(&current), second);
    let marker = version_of(&server.ok(delete(&key("k"))).await);
    server.fails(get(&tagging("k")), 404, "NoSuchKey").await;
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let asked = |target: &str| ask(method.clone(), target).body(document(&[]));
        server.fails(asked(&of("k", &marker)), 405, "MethodNotAllowed").await;
        server
            .fails(asked(&of("k", &"0".repeat(32))), 404, "NoSuchVersion")
            .await;
        server.fails(asked(&of("k", "x")), 400, "InvalidArgument").await;
    }
    assert_eq!(version_of(&server.ok(delete(&of("k", &first))).await), first);
    assert_eq!(tags_at(&server, &of("k", &first)).await, "");
    assert_eq!(tags_at(&server, &of("k", &second)).await, "n=2");
    assert_eq!(server.ok(get("/bucket?versions")).await.elements("VersionId").len(), 4);
}

#[tokio::test]
async fn copies_and_uploads() {
    let server = Server::with_bucket().await;
    server
        .ok(put(&key("from")).header("x-amz-tagging", "a=1").body("data"))
        .await;
    let copy = || put(&key("to")).header("x-amz-copy-source", "/bucket/from");
    for (directive, header, expected) in [
        (None, None, "a=1"),
        (Some("COPY"), None, "a=1"),
        (Some("COPY"), Some("b=2"), "a=1"),
        (Some("REPLACE"), Some("b=2&c=3"), "b=2,c=3"),
        (Some("REPLACE"), Some(""), ""),
        (Some("REPLACE"), None, ""),
    ] {
        let mut asked = copy();
        for (name, value) in [("x-amz-tagging-directive", directive), ("x-amz-tagging", header)] {
            if let Some(value) = value {
                asked = asked.header(name, value);
            }
        }
        server.ok(asked).await;
        assert_eq!(
            tags_at(&server, &tagging("to")).await,
            expected,
            "{directive:?} {header:?}"
        );
    }
    let unknown = copy().header("x-amz-tagging-directive", "MERGE");
    server.fails(unknown, 400, "InvalidArgument").await;
    let begun = post(&format!("{}?uploads", key("m"))).header("x-amz-tagging", "a=1&b=2");
    let upload = server.ok(begun).await.element("UploadId");
    let part = server
        .ok(put(&format!("{}?partNumber=1&uploadId={upload}", key("m"))).body("data"))
        .await;
    let list = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{}</ETag></Part></CompleteMultipartUpload>",
        part.header("etag")
    );
    server
        .ok(post(&format!("{}?uploadId={upload}", key("m"))).body(list))
        .await;
    assert_eq!(tags_at(&server, &tagging("m")).await, "a=1,b=2");
}

#[tokio::test]
async fn tags_of_a_bucket() {
    let server = Server::with_bucket().await;
    server.fails(get("/bucket?tagging"), 404, "NoSuchTagSet").await;
    let answer = server.ok(put("/bucket?tagging").body(document(&[("a", "1")]))).await;
    assert_eq!(answer.status.as_u16(), 200);
    assert_eq!(tags_at(&server, "/bucket?tagging").await, "a=1");
    server.ok(put("/bucket?tagging").body(document(&[("b", "2")]))).await;
    assert_eq!(tags_at(&server, "/bucket?tagging").await, "b=2");
    for gone in [delete("/bucket?tagging"), put("/bucket?tagging").body(document(&[]))] {
        server.ok(gone).await;
        server.fails(get("/bucket?tagging"), 404, "NoSuchTagSet").await;
        server.ok(put("/bucket?tagging").body(document(&[("c", "3")]))).await;
    }
    server.fails(get("/absent?tagging"), 404, "NoSuchBucket").await;
}

/// Who may write an object may not for that tag it, and who may read it may not copy its tags.
#[tokio::test]
async fn tags_take_permissions_of_their_own() {
    let server = Server::with_bucket().await;
    server
        .ok(put(&key("open/tagged")).header("x-amz-tagging", "a=1").body("data"))
        .await;
    server.ok(put(&key("open/plain")).body("data")).await;
    let denied = [
        put(&key("open/new")).header("x-amz-tagging", "a=1").body("data"),
        post(&format!("{}?uploads", key("open/new"))).header("x-amz-tagging", "a=1"),
        put(&key("open/new"))
            .header("x-amz-copy-source", "/bucket/open/plain")
            .header("x-amz-tagging-directive", "REPLACE")
            .header("x-amz-tagging", "a=1"),
        put(&key("open/new")).header("x-amz-copy-source", "/bucket/open/tagged"),
        get(&tagging("open/tagged")),
        put(&tagging("open/tagged")).body(document(&[])),
        delete(&tagging("open/tagged")),
    ];
    for ask in denied {
        let answer = server.send_as(WORKER, ask).await;
        assert_eq!((answer.status.as_u16(), &*answer.code()), (403, "AccessDenied"));
    }
    assert_eq!(server.stored_keys().await, ["open/plain", "open/tagged"]);
    assert_eq!(tags_at(&server, &tagging("open/tagged")).await, "a=1");
    for allowed in [
        put(&key("open/new")).header("x-amz-tagging", "").body("data"),
        put(&key("open/new")).header("x-amz-copy-source", "/bucket/open/plain"),
        put(&key("open/new"))
            .header("x-amz-copy-source", "/bucket/open/tagged")
            .header("x-amz-tagging-directive", "REPLACE"),
    ] {
        let answer = server.send_as(WORKER, allowed).await;
        assert!(answer.status.is_success(), "{answer:?}");
        assert_eq!(tags_at(&server, &tagging("open/new")).await, "");
    }
    let refused = server.send_as(CLERK, get("/bucket?tagging")).await;
    assert_eq!(refused.status.as_u16(), 403);
}
