//! GetObjectAttributes.

use crate::harness::{Ask, CLERK, Server, delete, get, head, key, policy, post, put};

fn asking(name: &str, query: &str, attributes: &str) -> Ask {
    get(&format!("{}?attributes{query}", key(name))).header("x-amz-object-attributes", attributes)
}

const ALL: &str = "ETag,Checksum,ObjectParts,StorageClass,ObjectSize";

#[tokio::test]
async fn what_is_asked_for_is_told() {
    let server = Server::with_bucket().await;
    let stored = server
        .ok(put(&key("k")).header("x-amz-checksum-algorithm", "SHA256").body("data"))
        .await;
    let answer = server.ok(asking("k", "", ALL)).await;
    // Without quotes, as AWS has it in this one answer.
    assert_eq!(format!("\"{}\"", answer.element("ETag")), stored.header("etag"));
    assert_eq!(answer.element("ChecksumSHA256"), stored.header("x-amz-checksum-sha256"));
    assert_eq!(answer.element("ChecksumType"), "FULL_OBJECT");
    assert_eq!(
        (answer.element("ObjectSize"), answer.element("StorageClass")),
        ("4".into(), "STANDARD".into())
    );
    assert!(!answer.text().contains("ObjectParts"), "{}", answer.text());
    assert_eq!(answer.header("last-modified"), "Fri, 02 Jan 2026 03:04:05 GMT");
    let answer = server.ok(asking("k", "", "ObjectSize")).await;
    assert_eq!(answer.element("ObjectSize"), "4");
    for name in ["ETag", "Checksum", "StorageClass"] {
        assert!(!answer.text().contains(name), "{}", answer.text());
    }
    for attributes in ["", "Size", "etag", "ETag,,ObjectSize", "ETag;ObjectSize"] {
        let answer = server.send(asking("k", "", attributes)).await;
        assert_eq!(
            (answer.status.as_u16(), &*answer.code()),
            (400, "InvalidArgument"),
            "{attributes}"
        );
    }
    assert_eq!(
        server
            .send(get(&format!("{}?attributes", key("k"))))
            .await
            .status
            .as_u16(),
        400
    );
    server.fails(asking("none", "", ALL), 404, "NoSuchKey").await;
}

#[tokio::test]
async fn parts_in_pages() {
    let server = Server::with_bucket().await;
    let begun = server
        .ok(post(&format!("{}?uploads", key("k"))))
        .await
        .element("UploadId");
    let mut list = String::new();
    for (number, bytes) in [(2, 5 << 20), (5, (5 << 20) + 1), (9, 3)] {
        let part = format!("{}?partNumber={number}&uploadId={begun}", key("k"));
        let tag = server.ok(put(&part).body(vec![7; bytes])).await.header("etag");
        list = format!("{list}<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>");
    }
    let finish = post(&format!("{}?uploadId={begun}", key("k")));
    let done = finish.body(format!("<CompleteMultipartUpload>{list}</CompleteMultipartUpload>"));
    server.ok(done).await;
    let (mut seen, mut marker) = (Vec::new(), "0".to_owned());
    loop {
        let ask = asking("k", "", "ObjectParts,Checksum")
            .header("x-amz-max-parts", "2")
            .header("x-amz-part-number-marker", &marker);
        let answer = server.ok(ask).await;
        assert_eq!(answer.element("PartsCount"), "3", "{}", answer.text());
        assert!(!answer.element("ChecksumCRC64NVME").is_empty());
        seen.extend(answer.elements("PartNumber").into_iter().zip(answer.elements("Size")));
        marker = answer.element("NextPartNumberMarker");
        if answer.element("IsTruncated") == "false" {
            break;
        }
    }
    let expected = [("2", "5242880"), ("5", "5242881"), ("9", "3")];
    assert_eq!(
        seen,
        expected.map(|(number, size)| (number.to_owned(), size.to_owned()))
    );
    for (name, value) in [
        ("max-parts", "-1"),
        ("max-parts", "x"),
        ("part-number-marker", "-1"),
        ("part-number-marker", "70000"),
    ] {
        let ask = asking("k", "", "ObjectParts").header(&format!("x-amz-{name}"), value);
        assert_eq!(server.send(ask).await.status.as_u16(), 400, "{name} {value}");
    }
}

#[tokio::test]
async fn versions_and_who_may() {
    let server = Server::with_bucket().await;
    let enabled = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    server.ok(put("/bucket?versioning").body(enabled)).await;
    let old = server.ok(put(&key("k")).body("old")).await.header("x-amz-version-id");
    server.ok(put(&key("k")).body("newer")).await;
    let of_old = format!("&versionId={old}");
    let answer = server.ok(asking("k", &of_old, "ObjectSize")).await;
    assert_eq!(
        (answer.element("ObjectSize"), answer.header("x-amz-version-id")),
        ("3".into(), old)
    );
    let allow = |actions: &str| {
        let resource = "arn:aws:s3:::bucket/*";
        policy(&[&format!(
            r#""Effect": "Allow", "Principal": "*", "Action": [{actions}], "Resource": "{resource}""#
        )])
    };
    let (read, tell) = (r#""s3:GetObject""#, r#""s3:GetObjectAttributes""#);
    let of_versions = r#""s3:GetObjectVersion", "s3:GetObjectVersionAttributes""#;
    for (actions, query, status) in [
        (read, "", 403),
        (tell, "", 403),
        (&*format!("{read}, {tell}"), "", 200),
        (&*format!("{read}, {tell}"), &*of_old, 403),
        (of_versions, "", 403),
        (of_versions, &of_old, 200),
    ] {
        server.ok(put("/bucket?policy").body(allow(actions))).await;
        let answer = server.send_as(CLERK, asking("k", query, ALL)).await;
        assert_eq!(answer.status.as_u16(), status, "{actions} {query}");
    }
    let marker = server.ok(delete(&key("k"))).await.header("x-amz-version-id");
    let answer = server.fails(asking("k", "", ALL), 404, "NoSuchKey").await;
    assert_eq!(answer.header("x-amz-delete-marker"), "true");
    server
        .fails(
            asking("k", &format!("&versionId={marker}"), ALL),
            405,
            "MethodNotAllowed",
        )
        .await;
}

/// As AWS has it: parts have checksums of their own where that of the object is made of them.
#[tokio::test]
async fn checksums_of_parts() {
    let server = Server::with_bucket().await;
    for (algorithm, kind, header, element) in [
        ("CRC32", "COMPOSITE", "x-amz-checksum-crc32", "ChecksumCRC32"),
        ("CRC32C", "COMPOSITE", "x-amz-checksum-crc32c", "ChecksumCRC32C"),
        ("SHA1", "COMPOSITE", "x-amz-checksum-sha1", "ChecksumSHA1"),
        ("SHA256", "COMPOSITE", "x-amz-checksum-sha256", "ChecksumSHA256"),
        ("CRC32", "FULL_OBJECT", "x-amz-checksum-crc32", "ChecksumCRC32"),
        (
            "CRC64NVME",
            "FULL_OBJECT",
            "x-amz-checksum-crc64nvme",
            "ChecksumCRC64NVME",
        ),
    ] {
        let begun = post(&format!("{}?uploads", key("k")))
            .header("x-amz-checksum-algorithm", algorithm)
            .header("x-amz-checksum-type", kind);
        let begun = server.ok(begun).await.element("UploadId");
        let (mut list, mut sent) = (String::new(), Vec::new());
        for (number, bytes) in [(2, 5 << 20), (7, 3)] {
            let part = put(&format!("{}?partNumber={number}&uploadId={begun}", key("k")));
            let answer = server
                .ok(part
                    .header("x-amz-sdk-checksum-algorithm", algorithm)
                    .body(vec![number; bytes]))
                .await;
            let tag = answer.header("etag");
            list = format!("{list}<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>");
            sent.push(answer.header(header));
        }
        let finish = post(&format!("{}?uploadId={begun}", key("k")));
        let done = finish.body(format!("<CompleteMultipartUpload>{list}</CompleteMultipartUpload>"));
        let whole = server.ok(done).await.element(element);
        let is_composite = kind == "COMPOSITE";
        assert!(sent.iter().all(|checksum| !checksum.is_empty()), "{algorithm}");
        let expected = if is_composite { sent.clone() } else { Vec::new() };

        let answer = server.ok(asking("k", "", "ObjectParts")).await;
        assert_eq!(answer.elements(element), expected, "{algorithm} {kind}");
        assert_eq!(answer.elements("Size"), ["5242880", "3"], "{algorithm} {kind}");
        let page = asking("k", "", "ObjectParts").header("x-amz-part-number-marker", "2");
        let page = server.ok(page).await.elements(element);
        assert_eq!(page, expected.get(1..).unwrap_or_default(), "{algorithm} {kind}");

        for (at, number) in [(0, 2), (1, 7)] {
            let target = format!("{}?partNumber={number}", key("k"));
            for ask in [get(&target), head(&target)] {
                let plain = server.ok(ask.clone()).await;
                assert_eq!(plain.header(header), "", "{algorithm} {kind}");
                let answer = server.ok(ask.header("x-amz-checksum-mode", "ENABLED")).await;
                let own = expected.get(at).cloned().unwrap_or_default();
                assert_eq!(answer.header(header), own, "{algorithm} {kind} {number}");
                let told = if is_composite { kind } else { "" };
                assert_eq!(
                    answer.header("x-amz-checksum-type"),
                    told,
                    "{algorithm} {kind} {number}"
                );
                assert_eq!(answer.header("x-amz-mp-parts-count"), "2");
            }
        }
        let all = server.ok(get(&key("k")).header("x-amz-checksum-mode", "ENABLED")).await;
        assert_eq!(all.header(header), whole, "{algorithm} {kind}");
        // A copy is of one piece.
        server
            .ok(put(&key("copy")).header("x-amz-copy-source", "/bucket/k"))
            .await;
        let copy = server.ok(asking("copy", "", ALL)).await;
        assert!(!copy.text().contains("ObjectParts"), "{}", copy.text());
    }
    // Of what was put at once the one part is the whole.
    let stored = server
        .ok(put(&key("k")).header("x-amz-checksum-algorithm", "SHA256").body("data"))
        .await;
    let part = head(&format!("{}?partNumber=1", key("k"))).header("x-amz-checksum-mode", "ENABLED");
    let told = server.ok(part).await.header("x-amz-checksum-sha256");
    assert_eq!(told, stored.header("x-amz-checksum-sha256"));
}
