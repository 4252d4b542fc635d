//! Objects: put, get, head, copy, delete.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::harness::{Ask, By, Server, delete, get, head, key, post, put};

#[tokio::test]
async fn what_is_put_is_got() {
    let server = Server::with_bucket().await;
    for size in [0_usize, 1, 4095, 4096, 4097, 70_000, 3 << 20] {
        let data: Vec<u8> = (0..size).map(|index| u8::try_from(index % 251).unwrap()).collect();
        let stored = server.ok(put(&key("k")).body(&data)).await;
        let got = server.ok(get(&key("k"))).await;
        assert_eq!(got.body, data, "{size}");
        assert_eq!(got.header("content-length"), size.to_string());
        assert_eq!(got.header("etag"), stored.header("etag"));
        assert_eq!(got.header("accept-ranges"), "bytes");
        assert_eq!(server.stored("k").await, Some(data));
    }
}

#[tokio::test]
async fn metadata_is_read_alike_by_all_that_write() {
    let server = Server::with_bucket().await;
    for (given, kept) in [
        ("=?UTF-8?B?w6Q=?=", "=?UTF-8?B?w6Q=?="),
        ("=?UTF-8?Q?plain_text?=", "plain text"),
        ("=?UTF-8?B?YQ==?= =?UTF-8?B?Yg==?=", "ab"),
        // Nothing of what is encoded in part is lost.
        (
            "=?UTF-8?B?YQ==?= b =?UTF-8?B?Yw==?=",
            "=?UTF-8?B?YQ==?= b =?UTF-8?B?Yw==?=",
        ),
        ("=?ISO-8859-1?Q?a?=", "=?ISO-8859-1?Q?a?="),
    ] {
        let with = |ask: Ask| ask.header("x-amz-meta-given", given);
        server.ok(with(put(&key("put")).body("data"))).await;
        let copy = put(&key("copy")).header("x-amz-copy-source", &key("put"));
        server
            .ok(with(copy.header("x-amz-metadata-directive", "REPLACE")))
            .await;
        let begun = server.ok(with(post(&format!("{}?uploads", key("parts"))))).await;
        let id = begun.element("UploadId");
        let part = put(&format!("{}?partNumber=1&uploadId={id}", key("parts"))).body("data");
        let tag = server.ok(part).await.header("etag");
        let whole = format!(
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{tag}</ETag></Part></CompleteMultipartUpload>"
        );
        let complete = post(&format!("{}?uploadId={id}", key("parts"))).body(whole);
        server.ok(complete).await;
        for name in ["put", "copy", "parts"] {
            let seen = server.ok(head(&key(name))).await;
            assert_eq!(seen.header("x-amz-meta-given"), kept, "{name}: {given}");
        }
    }
    let never = put(&key("put")).header("expires", "never").body("data");
    server.ok(never).await;
    assert_eq!(server.ok(head(&key("put"))).await.header("expires"), "never");
}

#[tokio::test]
async fn headers_and_metadata_come_back() {
    let server = Server::with_bucket().await;
    let given = [
        ("content-type", "text/plain; charset=utf-8"),
        ("cache-control", "max-age=60"),
        ("content-disposition", "attachment; filename=\"a\""),
        ("content-encoding", "gzip"),
        ("content-language", "en"),
        ("expires", "Thu, 01 Dec 2033 16:00:00 GMT"),
        ("x-amz-meta-case", "17"),
        ("x-amz-meta-two-words", "a  b"),
    ];
    let ask = given.iter().fold(put(&key("k")).body("data"), |ask, (name, value)| {
        ask.header(name, value)
    });
    server.ok(ask).await;
    for make in [get, head] {
        let seen = server.ok(make(&key("k"))).await;
        for (name, value) in given {
            assert_eq!(seen.header(name), value, "{name}");
        }
    }
    let plain = server.ok(put(&key("plain")).body("data")).await;
    assert!(!plain.header("etag").is_empty());
    assert_eq!(
        server.ok(head(&key("plain"))).await.header("content-type"),
        "binary/octet-stream"
    );
    let overridden = server
        .ok(get(&format!(
            "{}?response-content-type=image%2Fpng&response-cache-control=no-store&response-expires=Thu%2C%2001%20Dec%202033%2016%3A00%3A01%20GMT",
            key("k")
        )))
        .await;
    assert_eq!(overridden.header("content-type"), "image/png");
    assert_eq!(overridden.header("cache-control"), "no-store");
    assert_eq!(overridden.header("expires"), "Thu, 01 Dec 2033 16:00:01 GMT");
    // Of what everybody may read nobody makes a page.
    let open = r#"{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/*"}}"#;
    server.ok(put("/bucket?policy").body(open)).await;
    let page = format!("{}?response-content-type=text%2Fhtml", key("k"));
    for make in [get, head] {
        let seen = server.ok(make(&page)).await;
        assert_eq!(seen.header("content-type"), "text/html");
        assert_eq!(server.send_by(By::Nobody, make(&key("k"))).await.status.as_u16(), 200);
        assert_eq!(server.send_by(By::Nobody, make(&page)).await.status.as_u16(), 400);
    }
}

#[tokio::test]
async fn metadata_at_its_limit() {
    let server = Server::with_bucket().await;
    let with = |bytes: usize| {
        put(&key("k"))
            .header("x-amz-meta-n", &"v".repeat(bytes - 1))
            .body("data")
    };
    server.ok(with(2048)).await;
    server.fails(with(2049), 400, "MetadataTooLarge").await;
}

#[tokio::test]
async fn ranges() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("k")).body("0123456789")).await;
    for (range, status, body, content_range) in [
        ("bytes=0-0", 206, "0", "bytes 0-0/10"),
        ("bytes=2-4", 206, "234", "bytes 2-4/10"),
        ("bytes=8-100", 206, "89", "bytes 8-9/10"),
        ("bytes=7-", 206, "789", "bytes 7-9/10"),
        ("bytes=-3", 206, "789", "bytes 7-9/10"),
        ("bytes=-100", 206, "0123456789", "bytes 0-9/10"),
        ("bytes=0-9", 206, "0123456789", "bytes 0-9/10"),
        ("bytes=0-18446744073709551615", 206, "0123456789", "bytes 0-9/10"),
        ("bytes=-18446744073709551615", 206, "0123456789", "bytes 0-9/10"),
        // What says nothing is ignored.
        ("bytes=4-2", 200, "0123456789", ""),
        ("bytes=0-1,3-4", 200, "0123456789", ""),
        ("lines=0-1", 200, "0123456789", ""),
        ("nonsense", 200, "0123456789", ""),
        ("bytes=99999999999999999999-", 200, "0123456789", ""),
    ] {
        for make in [get, head] {
            let answer = server.send(make(&key("k")).header("range", range)).await;
            assert_eq!(answer.status.as_u16(), status, "{range}: {answer:?}");
            assert_eq!(answer.header("content-range"), content_range, "{range}");
            assert_eq!(answer.header("content-length"), body.len().to_string(), "{range}");
        }
        assert_eq!(
            server.send(get(&key("k")).header("range", range)).await.text(),
            body,
            "{range}"
        );
    }
    for range in ["bytes=10-", "bytes=10-11", "bytes=-0"] {
        let answer = server
            .fails(get(&key("k")).header("range", range), 416, "InvalidRange")
            .await;
        assert_eq!(answer.header("content-range"), "bytes */10", "{range}");
    }
    server
        .fails(
            get(&format!("{}?partNumber=1", key("k"))).header("range", "bytes=0-1"),
            400,
            "InvalidRequest",
        )
        .await;
}

#[tokio::test]
async fn digests_of_the_body() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("k")).body("before")).await;
    let md5 = BASE64.encode(hex::decode("8d777f385d3dfec8815d20f7496026dc").unwrap());
    for (name, value, status, code) in [
        ("content-md5", BASE64.encode([0; 16]), 400, "BadDigest"),
        ("content-md5", "x".to_owned(), 400, "InvalidDigest"),
        ("content-md5", BASE64.encode([0; 15]), 400, "InvalidDigest"),
        ("x-amz-checksum-crc32", "AAAAAA==".to_owned(), 400, "BadDigest"),
        ("x-amz-checksum-crc32", "AAAA".to_owned(), 400, "InvalidRequest"),
        ("x-amz-checksum-sha256", BASE64.encode([0; 32]), 400, "BadDigest"),
        ("x-amz-sdk-checksum-algorithm", "MD4".to_owned(), 400, "InvalidRequest"),
    ] {
        server
            .fails(put(&key("k")).header(name, &value).body("data"), status, code)
            .await;
        assert_eq!(
            server.stored("k").await.as_deref(),
            Some(&b"before"[..]),
            "{name}: {value}"
        );
    }
    server
        .ok(put(&key("k"))
            .header("content-md5", &md5)
            .header("x-amz-checksum-crc32", "rfPzYw==")
            .body("data"))
        .await;
    assert_eq!(server.stored("k").await.as_deref(), Some(&b"data"[..]));
    let two = put(&key("k"))
        .header("x-amz-checksum-crc32", "rfPzYw==")
        .header("x-amz-checksum-crc32c", "rfPzYw==");
    server.fails(two.body("data"), 400, "InvalidRequest").await;
}

/// Seed 004, "PUT Object": the values of its example, each as a header of its own and as a pair of headers.
#[tokio::test]
async fn a_checksum_may_come_with_its_algorithm_beside_it() {
    let server = Server::with_bucket().await;
    let body = "Hello world\n123\n";
    let upload = server
        .ok(post(&format!("{}?uploads", key("parts"))))
        .await
        .element("UploadId");
    let part = put(&format!("{}?partNumber=1&uploadId={upload}", key("parts"))).body(body);
    for (algorithm, value) in [
        ("CRC32", "uWvPlg=="),
        ("CRC32C", "Cy8XOQ=="),
        ("SHA1", "LupGMeUw441P/33BhJlOZVSBpVg="),
        ("SHA256", "uzbBRoYAgN7yiuoYiZFk6kfOPcFad8E8uxFLXfuKVsA="),
    ] {
        let header = format!("x-amz-checksum-{}", algorithm.to_lowercase());
        server.ok(put(&key("k")).header(&header, value).body(body)).await;
        for name in ["x-amz-checksum-algorithm", "x-amz-sdk-checksum-algorithm"] {
            server.ok(delete(&key("k"))).await;
            let pair = |ask: Ask, value: &str| ask.header("x-amz-checksum", value).header(name, algorithm);
            let answer = server.ok(pair(put(&key("k")).body(body), value)).await;
            assert_eq!(answer.header(&header), value);
            let seen = server.ok(get(&key("k")).header("x-amz-checksum-mode", "ENABLED")).await;
            assert_eq!(seen.header(&header), value);
            let wrong = pair(put(&key("k")).body("Hello world\n124\n"), value);
            server.fails(wrong, 400, "BadDigest").await;
            assert_eq!(server.stored("k").await.unwrap(), body.as_bytes());
            let twice = pair(put(&key("k")).body(body), value).header(&header, value);
            server.fails(twice, 400, "InvalidRequest").await;
            assert_eq!(server.ok(pair(part.clone(), value)).await.header(&header), value);
            server
                .fails(pair(part.clone().body("x"), value), 400, "BadDigest")
                .await;
        }
    }
    for (name, value) in [("x-amz-meta-a", "1"), ("x-amz-checksum-algorithm", "MD4")] {
        let alone = put(&key("k")).header("x-amz-checksum", "uWvPlg==").header(name, value);
        server.fails(alone.body(body), 400, "InvalidRequest").await;
    }
}

/// Seed 004, "PUT Object": `Content-MD5` is among the headers that come back.
#[tokio::test]
async fn the_md5_comes_back() {
    let server = Server::with_bucket().await;
    let md5 = "jXd/OF09/siBXSD3SWAm3A==";
    server.ok(put(&key("k")).header("content-md5", md5).body("data")).await;
    for ask in [get(&key("k")), head(&key("k"))] {
        assert_eq!(server.ok(ask.clone()).await.header("content-md5"), md5);
        // A part of the bytes has another, and so it is told of none.
        let part = server.ok(ask.header("range", "bytes=0-1")).await;
        assert_eq!((part.status.as_u16(), part.header("content-md5")), (206, String::new()));
    }
    let kept = put(&key("k"))
        .header("x-amz-server-side-encryption", "aws:kms")
        .body("data");
    server.ok(kept).await;
    assert_eq!(server.ok(get(&key("k"))).await.header("content-md5"), "");
}

#[tokio::test]
async fn copies() {
    let server = Server::with_bucket().await;
    server
        .ok(put(&key("from"))
            .header("x-amz-meta-a", "1")
            .header("content-type", "text/plain")
            .body("data"))
        .await;
    let copy = |to: &str| put(&key(to)).header("x-amz-copy-source", "/bucket/from");
    let answer = server.ok(copy("to")).await;
    assert_eq!(
        answer.element("ETag").replace("&quot;", "\""),
        "\"8d777f385d3dfec8815d20f7496026dc\""
    );
    let seen = server.ok(get(&key("to"))).await;
    assert_eq!(
        (
            seen.text().as_str(),
            seen.header("x-amz-meta-a"),
            seen.header("content-type")
        ),
        ("data", "1".into(), "text/plain".into())
    );
    let replaced = copy("to")
        .header("x-amz-metadata-directive", "REPLACE")
        .header("x-amz-meta-b", "2");
    server.ok(replaced).await;
    let seen = server.ok(head(&key("to"))).await;
    assert_eq!(
        (seen.header("x-amz-meta-a"), seen.header("x-amz-meta-b")),
        (String::new(), "2".into())
    );
    server.fails(copy("from"), 400, "InvalidRequest").await;
    server
        .ok(copy("from")
            .header("x-amz-metadata-directive", "REPLACE")
            .header("x-amz-meta-c", "3"))
        .await;
    assert_eq!(server.ok(head(&key("from"))).await.header("x-amz-meta-c"), "3");
    let wrong = server
        .send(copy("to").header("x-amz-metadata-directive", "MERGE"))
        .await;
    assert_eq!(wrong.status.as_u16(), 400);
    server
        .fails(
            put(&key("to")).header("x-amz-copy-source", "/bucket/absent"),
            404,
            "NoSuchKey",
        )
        .await;
    server
        .fails(
            put(&key("to")).header("x-amz-copy-source", "/absent-bucket/k"),
            404,
            "NoSuchBucket",
        )
        .await;
    server
        .fails(
            put(&key("to")).header("x-amz-copy-source", "/bucket/from?versionId=1"),
            400,
            "InvalidArgument",
        )
        .await;
}

#[tokio::test]
async fn deletes() {
    let server = Server::with_bucket().await;
    for name in ["a", "b", "c"] {
        server.ok(put(&key(name)).body("data")).await;
    }
    for _ in 0..2 {
        assert_eq!(server.ok(delete(&key("a"))).await.status.as_u16(), 204);
    }
    let list = |quiet: bool| {
        format!(
            "<Delete><Quiet>{quiet}</Quiet><Object><Key>b</Key></Object><Object><Key>absent</Key></Object></Delete>"
        )
    };
    let answer = server.ok(post("/bucket?delete").body(list(false))).await;
    assert_eq!(answer.elements("Key"), ["b", "absent"]);
    let quiet = server.ok(post("/bucket?delete").body(list(true))).await;
    assert_eq!(quiet.elements("Key"), Vec::<String>::new());
    let mixed = "<Delete><Object><Key>c</Key><VersionId>x</VersionId></Object><Object><Key></Key></Object></Delete>";
    let answer = server.ok(post("/bucket?delete").body(mixed)).await;
    assert_eq!(answer.elements("Code"), ["InvalidArgument", "InvalidArgument"]);
    assert_eq!(server.stored_keys().await, ["c"]);
    let many = |count: usize| {
        format!(
            "<Delete>{}</Delete>",
            "<Object><Key>absent</Key></Object>".repeat(count)
        )
    };
    server.ok(post("/bucket?delete").body(many(1000))).await;
    server
        .fails(post("/bucket?delete").body(many(1001)), 400, "MalformedXML")
        .await;
    server
        .fails(post("/bucket?delete").body("<Delete></Delete>"), 400, "MalformedXML")
        .await;
}

/// The digest of a delete list is nobody's business but the door's: a list that arrived otherwise deletes nothing.
#[tokio::test]
async fn a_delete_list_is_checked_before_anything_goes() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("k")).body("data")).await;
    let list = "<Delete><Object><Key>k</Key></Object></Delete>";
    for (name, value) in [
        ("content-md5", BASE64.encode([0; 16])),
        ("x-amz-checksum-crc32", "AAAAAA==".to_owned()),
    ] {
        server
            .fails(post("/bucket?delete").header(name, &value).body(list), 400, "BadDigest")
            .await;
        assert!(server.stored("k").await.is_some());
    }
    let tampered = post("/bucket?delete")
        .body("<Delete><Object><Key>x</Key></Object></Delete>")
        .signed(
            crate::harness::OWNER,
            baleen_signing::PayloadMode::Sha256(baleen_signing::sha256(list.as_bytes())),
            server.now(),
        );
    let answer = server.raw(tampered).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (400, "XAmzContentSHA256Mismatch")
    );
}

#[tokio::test]
async fn tags_are_none() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("k")).body("data")).await;
    let answer = server.ok(get(&format!("{}?tagging", key("k")))).await;
    assert!(answer.text().contains("TagSet") && !answer.text().contains("<Tag>"));
    server
        .fails(get(&format!("{}?tagging", key("absent"))), 404, "NoSuchKey")
        .await;
}

/// An answer does not say that all is well before there is a byte of the body.
#[tokio::test]
async fn what_cannot_be_read_at_all_is_an_error_and_no_body_that_breaks_off() {
    let server = Server::with_bucket().await;
    server.objects.recover().await.unwrap();
    server.ok(put(&key("file")).body(vec![7; 300_000])).await;
    let dir = server.objects.volume().dir().to_owned();
    let files = |dir: &std::path::Path| {
        std::fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect::<Vec<_>>()
    };
    for file in files(&dir.join("files")).iter().flat_map(|folder| files(folder)) {
        std::fs::remove_file(file).unwrap();
    }
    for asked in [get(&key("file")), get(&key("file")).header("range", "bytes=70000-")] {
        let answer = server.send(asked).await;
        assert_eq!(
            (answer.status.as_u16(), &*answer.code()),
            (500, "InternalError"),
            "{answer:?}"
        );
    }
    // Nothing of it is read for who asks for its head.
    server.ok(head(&key("file"))).await;
}

/// While the folder of bodies is away a client is told when to try again, by whichever way its body comes.
#[tokio::test]
async fn while_home_is_away_writes_are_put_off() {
    let server = Server::with_bucket().await;
    server.objects.recover().await.unwrap();
    let dir = server.objects.volume().dir().to_owned();
    let away = dir.with_extension("away");
    std::fs::rename(&dir, &away).unwrap();
    for ask in [
        put(&key("k")).body(vec![7; 5_000]),
        put(&key("k")).body(vec![7; 300_000]),
        put(&key("k")).body(vec![7; 5_000]).header("x-amz-tagging", "a=b"),
    ] {
        let answer = server.send(ask).await;
        assert_eq!((answer.status.as_u16(), &*answer.code()), (503, "ServiceUnavailable"));
        assert_eq!(answer.header("retry-after"), "2");
    }
    std::fs::rename(&away, &dir).unwrap();
    server.ok(put(&key("k")).body(vec![7; 5_000])).await;
}

/// What is no source is told as AWS tells it, and without what was sent.
#[tokio::test]
async fn what_is_no_source_of_a_copy_is_told_in_words_of_s3() {
    let server = Server::with_bucket().await;
    for wrong in [
        "nothing",
        "/",
        "bucket/",
        "/bucket",
        "arn:aws:s3:::bucket/k",
        "bucket/%ff",
    ] {
        let answer = server.send(put(&key("to")).header("x-amz-copy-source", wrong)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (400, "InvalidArgument"),
            "{wrong}"
        );
        let text = "Copy Source must mention the source bucket and key: sourcebucket/sourcekey";
        assert_eq!(answer.element("Message"), text, "{wrong}");
        assert_eq!(answer.element("ArgumentName"), "x-amz-copy-source");
    }
    let no_attributes = server
        .fails(get(&format!("{}?attributes", key("to"))), 400, "InvalidRequest")
        .await;
    let text = "Missing required header for this request: x-amz-object-attributes";
    assert_eq!(no_attributes.element("Message"), text);
}
