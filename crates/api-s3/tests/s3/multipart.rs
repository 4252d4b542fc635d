//! Multipart uploads, whole.

use baleen_http::ChecksumHasher;

use crate::harness::{Answer, OWNER, STRANGER, Server, delete, get, head, key, policy, post, put, statement};

const PART: usize = 5 << 20;

async fn begin(server: &Server, name: &str) -> String {
    server
        .ok(post(&format!("{}?uploads", key(name))))
        .await
        .element("UploadId")
}

async fn part(server: &Server, name: &str, id: &str, number: u32, body: &[u8]) -> String {
    let target = format!("{}?partNumber={number}&uploadId={id}", key(name));
    server.ok(put(&target).body(body)).await.header("etag")
}

fn list(parts: &[(u32, &str)]) -> String {
    let parts = parts.iter().fold(String::new(), |list, (number, tag)| {
        list + &format!("<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>")
    });
    format!(
        "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{parts}</CompleteMultipartUpload>"
    )
}

async fn complete(server: &Server, name: &str, id: &str, parts: &[(u32, &str)]) -> Answer {
    server
        .send(post(&format!("{}?uploadId={id}", key(name))).body(list(parts)))
        .await
}

#[tokio::test]
async fn an_upload_in_parts() {
    let server = Server::with_bucket().await;
    let begun = post(&format!("{}?uploads", key("big")))
        .header("content-type", "application/x-pcapng")
        .header("x-amz-meta-case", "17");
    let id = server.ok(begun).await.element("UploadId");
    let (first, last) = (vec![1; PART], b"tail".to_vec());
    // Out of order, and one part twice.
    let tag2 = part(&server, "big", &id, 2, &last).await;
    let _ = part(&server, "big", &id, 1, b"replaced").await;
    let tag1 = part(&server, "big", &id, 1, &first).await;

    let listed = server
        .ok(get(&format!("{}?uploadId={id}&max-parts=1", key("big"))))
        .await;
    assert_eq!(
        (listed.elements("PartNumber"), listed.element("IsTruncated")),
        (vec!["1".to_owned()], "true".to_owned())
    );
    let marker = listed.element("NextPartNumberMarker");
    let listed = server
        .ok(get(&format!(
            "{}?uploadId={id}&part-number-marker={marker}",
            key("big")
        )))
        .await;
    assert_eq!(
        (listed.elements("PartNumber"), listed.element("Size")),
        (vec!["2".to_owned()], "4".to_owned())
    );
    let uploads = server.ok(get("/bucket?uploads&prefix=bi")).await;
    assert_eq!(
        (uploads.element("Key"), uploads.element("UploadId")),
        ("big".to_owned(), id.clone())
    );
    assert_eq!(server.stored("big").await, None);

    let done = complete(&server, "big", &id, &[(1, &tag1), (2, &tag2)]).await;
    assert!(
        done.element("ETag").replace("&quot;", "\"").ends_with("-2\""),
        "{done:?}"
    );
    let whole = [first, last].concat();
    assert_eq!(server.stored("big").await, Some(whole.clone()));
    let seen = server.ok(head(&key("big"))).await;
    assert_eq!(seen.header("content-length"), whole.len().to_string());
    assert_eq!(
        (seen.header("content-type"), seen.header("x-amz-meta-case")),
        ("application/x-pcapng".into(), "17".into())
    );
    let second = server.ok(get(&format!("{}?partNumber=2", key("big")))).await;
    assert_eq!((second.body.as_slice(), second.status.as_u16()), (&b"tail"[..], 206));
    assert_eq!(second.header("x-amz-mp-parts-count"), "2");
    assert_eq!(
        second.header("content-range"),
        format!("bytes {PART}-{}/{}", PART + 3, PART + 4)
    );
    server
        .fails(get(&format!("{}?partNumber=3", key("big"))), 416, "InvalidPartNumber")
        .await;

    // F18: the same completion again is the same answer; the upload is gone for everything else.
    let again = complete(&server, "big", &id, &[(1, &tag1), (2, &tag2)]).await;
    assert_eq!(
        (again.status.as_u16(), again.element("ETag")),
        (200, done.element("ETag"))
    );
    server
        .fails(
            put(&format!("{}?partNumber=1&uploadId={id}", key("big"))).body("x"),
            404,
            "NoSuchUpload",
        )
        .await;
    assert_eq!(
        server.ok(get("/bucket?uploads")).await.elements("UploadId"),
        Vec::<String>::new()
    );
}

/// The content type is the object's, also where it is that of a form.
#[tokio::test]
async fn an_upload_of_a_form_is_an_upload() {
    let server = Server::with_bucket().await;
    for kind in ["multipart/form-data; boundary=x", "application/x-www-form-urlencoded"] {
        let begin = post(&format!("{}?uploads", key("k"))).header("content-type", kind);
        let id = server.ok(begin).await.element("UploadId");
        let tag = part(&server, "k", &id, 1, b"data").await;
        let finish = post(&format!("{}?uploadId={id}", key("k"))).header("content-type", kind);
        server.ok(finish.body(list(&[(1, &tag)]))).await;
        let seen = server.ok(get(&key("k"))).await;
        assert_eq!(
            (seen.header("content-type"), seen.body),
            (kind.to_owned(), b"data".to_vec())
        );
    }
    // What may be a form and is signed as none is neither.
    let form = post("/bucket").header("content-type", "multipart/form-data; boundary=x");
    server.fails(form.body("--x--"), 501, "NotImplemented").await;
}

#[tokio::test]
async fn completions_that_are_refused_change_nothing() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("k")).body("before")).await;
    let id = begin(&server, "k").await;
    let small = part(&server, "k", &id, 1, b"small").await;
    let tail = part(&server, "k", &id, 2, b"tail").await;
    let wrong = "\"00000000000000000000000000000000\"";
    for (parts, status, code) in [
        (&[(1, small.as_str()), (2, tail.as_str())][..], 400, "EntityTooSmall"),
        (&[(2, &tail), (1, &small)], 400, "InvalidPartOrder"),
        (&[(1, &small), (1, &small)], 400, "InvalidPartOrder"),
        (&[(1, wrong)], 400, "InvalidPart"),
        (&[(3, &small)], 400, "InvalidPart"),
        (&[(1, "not a tag!")], 400, "InvalidPart"),
        (&[(0, &small)], 400, "InvalidArgument"),
        (&[(10_001, &small)], 400, "InvalidArgument"),
        (&[], 400, "MalformedXML"),
    ] {
        let answer = complete(&server, "k", &id, parts).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (status, code),
            "{parts:?}"
        );
        assert_eq!(server.stored("k").await.as_deref(), Some(&b"before"[..]));
    }
    for body in [
        "",
        "<",
        "<CompleteMultipartUpload>",
        "<Other/>",
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber></Part></CompleteMultipartUpload>",
    ] {
        server
            .fails(
                post(&format!("{}?uploadId={id}", key("k"))).body(body),
                400,
                "MalformedXML",
            )
            .await;
    }
    let unknown = "f".repeat(32);
    for id in [unknown.as_str(), "x", ""] {
        let target = format!("{}?uploadId={id}", key("k"));
        let answer = server.send(post(&target).body(list(&[(1, &small)]))).await;
        assert_eq!(answer.status.as_u16(), 404, "{id:?}: {answer:?}");
        server.fails(get(&target), 404, "NoSuchUpload").await;
        server.fails(delete(&target), 404, "NoSuchUpload").await;
        server
            .fails(put(&format!("{target}&partNumber=1")).body("x"), 404, "NoSuchUpload")
            .await;
    }
    // An upload belongs to its key.
    let elsewhere = complete(&server, "other", &id, &[(1, &small)]).await;
    assert_eq!(elsewhere.code(), "NoSuchUpload");
    assert_eq!(
        server
            .ok(delete(&format!("{}?uploadId={id}", key("k"))))
            .await
            .status
            .as_u16(),
        204
    );
    assert_eq!(complete(&server, "k", &id, &[(1, &small)]).await.code(), "NoSuchUpload");
    assert_eq!(server.stored("k").await.as_deref(), Some(&b"before"[..]));
}

#[tokio::test]
async fn parts_from_objects() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("from")).body("0123456789")).await;
    let id = begin(&server, "k").await;
    let target = format!("{}?partNumber=1&uploadId={id}", key("k"));
    let copy = |range: &str| {
        put(&target)
            .header("x-amz-copy-source", "/bucket/from")
            .header("x-amz-copy-source-range", range)
    };
    for wrong in ["bytes=5-", "bytes=-5", "5-6", "bytes=6-5", "bytes=0-1,3-4"] {
        server.fails(copy(wrong), 400, "InvalidArgument").await;
    }
    let beyond = server.send(copy("bytes=5-10")).await;
    assert!(beyond.status.is_client_error(), "{beyond:?}");
    let copied = server.ok(copy("bytes=2-4")).await;
    let tag = copied.element("ETag").replace("&quot;", "\"");
    assert!(complete(&server, "k", &id, &[(1, &tag)]).await.status.is_success());
    assert_eq!(server.stored("k").await.as_deref(), Some(&b"234"[..]));
}

/// An upload is begun by whoever began it, and is in a bucket of its owner.
#[tokio::test]
async fn who_began_an_upload_is_told() {
    let server = Server::with_bucket().await;
    let open = policy(&[&statement("Allow", "\"*\"", "s3:PutObject", "bucket/*")]);
    server.ok(put("/bucket?policy").body(open)).await;
    let begin = post(&format!("{}?uploads", key("k")));
    for (by, initiator) in [(OWNER, "100000000001"), (STRANGER, "100000000002")] {
        let id = server.send_as(by, begin.clone()).await.element("UploadId");
        for target in ["/bucket?uploads".to_owned(), format!("{}?uploadId={id}", key("k"))] {
            let told = server.ok(get(&target)).await.text();
            let inside = |name: &str| {
                let (_, rest) = told.split_once(&format!("<{name}>")).unwrap();
                rest.split_once(&format!("</{name}>")).unwrap().0.to_owned()
            };
            for (name, account) in [("UploadId", &*id), ("Initiator", initiator), ("Owner", "100000000001")] {
                assert!(inside(name).contains(account), "{target}: {told}");
            }
        }
        server.ok(delete(&format!("{}?uploadId={id}", key("k")))).await;
    }
}

#[tokio::test]
async fn uploads_are_listed_in_pages() {
    let server = Server::with_bucket().await;
    for name in ["a", "b/1", "b/2", "c"] {
        begin(&server, name).await;
    }
    begin(&server, "a").await;
    let mut seen = Vec::new();
    let mut next = String::new();
    for _ in 0..10 {
        let page = server.ok(get(&format!("/bucket?uploads&max-uploads=2{next}"))).await;
        seen.extend(page.elements("Key"));
        if page.element("IsTruncated") == "false" {
            break;
        }
        next = format!(
            "&key-marker={}&upload-id-marker={}",
            page.element("NextKeyMarker"),
            page.element("NextUploadIdMarker")
        );
    }
    assert_eq!(seen, ["a", "a", "b/1", "b/2", "c"]);
    let folded = server.ok(get("/bucket?uploads&delimiter=/")).await;
    assert_eq!(
        (folded.elements("Key"), folded.element("CommonPrefixes")),
        (vec!["a".into(), "a".into(), "c".into()], "<Prefix>b/</Prefix>".into())
    );
}

/// F19: the checksums that SDKs send by default, over parts and over the whole.
#[tokio::test]
async fn checksums_of_parts_and_whole() {
    let server = Server::with_bucket().await;
    for (algorithm, kind) in [
        (baleen_http::ChecksumAlgorithm::Crc32, "COMPOSITE"),
        (baleen_http::ChecksumAlgorithm::Crc32c, "FULL_OBJECT"),
        (baleen_http::ChecksumAlgorithm::Crc64Nvme, "FULL_OBJECT"),
        (baleen_http::ChecksumAlgorithm::Sha1, "COMPOSITE"),
        (baleen_http::ChecksumAlgorithm::Sha256, "COMPOSITE"),
    ] {
        let name = algorithm
            .header()
            .trim_start_matches("x-amz-checksum-")
            .to_ascii_uppercase();
        let begun = post(&format!("{}?uploads", key("k")))
            .header("x-amz-checksum-algorithm", &name)
            .header("x-amz-checksum-type", kind);
        let begun = server.ok(begun).await;
        assert_eq!(begun.header("x-amz-checksum-algorithm"), name);
        let id = begun.element("UploadId");
        let mut hasher = ChecksumHasher::new(algorithm);
        hasher.update(b"data");
        let value = hasher.finish_base64();
        let target = format!("{}?partNumber=1&uploadId={id}", key("k"));
        let mut wrong = ChecksumHasher::new(algorithm);
        wrong.update(b"other");
        server
            .fails(
                put(&target)
                    .header(algorithm.header(), &wrong.finish_base64())
                    .body("data"),
                400,
                "BadDigest",
            )
            .await;
        let stored = server
            .ok(put(&target).header(algorithm.header(), &value).body("data"))
            .await;
        assert_eq!(stored.header(algorithm.header()), value);
        let tag = stored.header("etag");
        let element = format!("Checksum{name}");
        let body = format!(
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{tag}</ETag><{element}>{value}</{element}></Part></CompleteMultipartUpload>"
        );
        let complete = || post(&format!("{}?uploadId={id}", key("k"))).body(&body);
        // What the client says of the whole is held against it, all of it.
        let other = if kind == "COMPOSITE" {
            "FULL_OBJECT"
        } else {
            "COMPOSITE"
        };
        let typed = complete().header("x-amz-checksum-type", other);
        server.fails(typed, 400, "BadDigest").await;
        let twice = complete()
            .header("x-amz-checksum-crc32", "AAAAAA==")
            .header("x-amz-checksum-sha1", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        server.fails(twice, 400, "InvalidRequest").await;
        let done = server.ok(complete().header("x-amz-checksum-type", kind)).await;
        assert_eq!(done.element("ChecksumType"), kind, "{}", done.text());
        let whole = done.element(&element);
        assert_eq!(whole.ends_with("-1"), kind == "COMPOSITE", "{whole}");
        if kind == "FULL_OBJECT" {
            assert_eq!(whole, value);
        }
        let seen = server.ok(get(&key("k")).header("x-amz-checksum-mode", "ENABLED")).await;
        assert_eq!(seen.header(algorithm.header()), whole);
    }
}

/// The answer confirms the checksum that was sent, whichever algorithm the upload keeps.
#[tokio::test]
async fn the_checksum_that_came_is_echoed() {
    let server = Server::with_bucket().await;
    let id = begin(&server, "k").await;
    let target = format!("{}?partNumber=1&uploadId={id}", key("k"));
    for algorithm in baleen_http::ChecksumAlgorithm::ALL {
        let mut hasher = ChecksumHasher::new(algorithm);
        hasher.update(b"data");
        let value = hasher.finish_base64();
        let answer = server
            .ok(put(&target).header(algorithm.header(), &value).body("data"))
            .await;
        for other in baleen_http::ChecksumAlgorithm::ALL {
            let expected = if other == algorithm { value.as_str() } else { "" };
            assert_eq!(answer.header(other.header()), expected, "{algorithm:?}");
        }
    }
}

#[tokio::test]
async fn an_empty_last_part_has_no_range() {
    let server = Server::with_bucket().await;
    let id = begin(&server, "k").await;
    let first = part(&server, "k", &id, 1, &vec![1; 5 << 20]).await;
    let last = part(&server, "k", &id, 2, b"").await;
    let done = complete(&server, "k", &id, &[(1, &first), (2, &last)]).await;
    assert!(done.status.is_success(), "{done:?}");
    let answer = server.ok(get(&format!("{}?partNumber=2", key("k")))).await;
    assert_eq!((answer.body.len(), answer.header("content-range")), (0, String::new()));
}

/// As its sender addresses it (AWS, CompleteMultipartUpload, `Location`).
#[tokio::test]
async fn the_address_of_what_was_uploaded_is_whole() {
    let server = Server::with_bucket().await;
    for (host, target, location) in [
        (
            "127.0.0.1:9000",
            "/bucket/a/b%20c",
            "http://127.0.0.1:9000/bucket/a/b%20c",
        ),
        (
            "bucket.s3.example.com",
            "/a/b%20c",
            "http://bucket.s3.example.com/a/b%20c",
        ),
    ] {
        let to = |query: &str| format!("{target}?{query}");
        let begun = server.ok(post(&to("uploads")).header("host", host)).await;
        let id = begun.element("UploadId");
        let part = put(&to(&format!("partNumber=1&uploadId={id}"))).header("host", host);
        let tag = server.ok(part.body("data")).await.header("etag");
        let done = post(&to(&format!("uploadId={id}"))).header("host", host);
        let answer = server.ok(done.body(list(&[(1, &tag)]))).await;
        assert_eq!(answer.element("Location"), location);
        assert_eq!(answer.element("Key"), "a/b c");
    }
}
