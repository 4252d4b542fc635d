//! What goes over the wire.

use baleen_signing::{AmzDate, CanonicalRequest, Claim, PathStyle, SigningKey, encode_path, sha256};
use baleen_types::{BucketName, ByteRange};
use bytes::Bytes;
use proptest::prelude::*;

use super::fixture::{ACCESS_KEY_ID, NOW, Received, SECRET, Store, answer, at, client, patient};
use crate::{Encryption, ListRequest, ObjectHeaders};

/// Verifies the signature as a store does, and that nothing which matters is left unsigned.
fn verify(request: &Received) {
    let date = AmzDate::parse(request.header("x-amz-date").unwrap().as_bytes()).unwrap();
    assert_eq!(date.timestamp(), NOW);
    let claim = Claim::from_authorization(request.header("authorization").unwrap(), date).unwrap();
    assert_eq!(claim.access_key_id(), ACCESS_KEY_ID);
    for (name, _) in &request.headers {
        let free = matches!(
            name.as_str(),
            "authorization" | "user-agent" | "content-length" | "accept" | "range"
        );
        assert!(free || claim.signs(name), "{name} is not signed");
    }
    let mut headers: Vec<(&str, &[u8])> = claim
        .signed_headers()
        .map(|name| (name, request.header(name).unwrap().as_bytes()))
        .collect();
    headers.sort_by_key(|(name, _)| *name);
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let payload = request.header("x-amz-content-sha256").unwrap();
    assert_eq!(payload, hex::encode(sha256(&request.body)));
    let canonical = CanonicalRequest {
        method: &request.method,
        path,
        query,
        headers: &headers,
        payload,
        style: PathStyle::S3,
    };
    claim
        .verify(&canonical, &SigningKey::derive(SECRET, claim.scope()))
        .unwrap();
}

#[tokio::test]
async fn keys_arrive_unchanged() {
    let store = Store::start(vec![answer("200 OK", "etag: \"e\"\r\n", "")]).await;
    let (s3, _) = client(&store.url, patient());
    let keys = [
        "a/../b",
        "..",
        ".",
        "/",
        "//x",
        "x/",
        "x//",
        "%2e",
        "%",
        "a b",
        "a+b",
        "ü/日本",
        "?a=b",
        "#",
        "\\",
        "\u{1}",
        "a\nb",
        "~-_.",
        "*'()!",
    ];
    for key in keys {
        s3.put(&at(key), &ObjectHeaders::default(), Bytes::from_static(b"body"))
            .await
            .unwrap();
        let request = store.received().pop().unwrap();
        assert_eq!(request.target, encode_path(&format!("/evidence/{key}")), "{key:?}");
        assert_eq!(request.body, b"body");
        verify(&request);
    }
}

#[test]
fn any_key_arrives_unchanged() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (store, s3) = runtime.block_on(async {
        let store = Store::start(vec![answer("204 No Content", "", "")]).await;
        let (s3, _) = client(&store.url, patient());
        (store, s3)
    });
    proptest!(ProptestConfig::with_cases(64), |(key in "\\PC{1,40}|[./%a]{1,12}")| {
        runtime.block_on(s3.delete(&at(&key))).unwrap();
        let request = store.received().pop().unwrap();
        let decoded: Vec<u8> = percent_encoding::percent_decode_str(&request.target).collect();
        prop_assert_eq!(decoded, format!("/evidence/{key}").into_bytes());
        verify(&request);
    });
}

#[tokio::test]
async fn headers_say_what_was_asked_for() {
    let store = Store::start(vec![answer("200 OK", "etag: \"e\"\r\nx-amz-version-id: v1\r\n", "")]).await;
    let (s3, _) = client(&store.url, patient());
    let headers = ObjectHeaders {
        content_type: Some("application/vnd.tcpdump.pcap".to_owned()),
        owner_full_control: true,
        encryption: Some(Encryption::Aes256),
        metadata: vec![("case".to_owned(), "17".to_owned())],
    };
    let stored = s3.put(&at("k"), &headers, Bytes::new()).await.unwrap();
    assert_eq!(
        (stored.etag.as_deref(), stored.version_id.as_deref()),
        (Some("\"e\""), Some("v1"))
    );
    let request = store.received().pop().unwrap();
    for (name, value) in [
        ("content-type", "application/vnd.tcpdump.pcap"),
        ("x-amz-acl", "bucket-owner-full-control"),
        ("x-amz-server-side-encryption", "AES256"),
        ("x-amz-meta-case", "17"),
        ("x-amz-security-token", "canary-token"),
        ("content-length", "0"),
    ] {
        assert_eq!(request.header(name), Some(value), "{name}");
    }
    verify(&request);
}

#[tokio::test]
async fn a_header_that_cannot_be_sent_is_refused_before_anything_is() {
    let store = Store::start(vec![answer("200 OK", "", "")]).await;
    let (s3, _) = client(&store.url, patient());
    for headers in [
        ObjectHeaders {
            content_type: Some("a\r\nx-amz-acl: public-read".to_owned()),
            ..ObjectHeaders::default()
        },
        ObjectHeaders {
            metadata: vec![("a b".to_owned(), String::new())],
            ..ObjectHeaders::default()
        },
    ] {
        let refused = s3.put(&at("k"), &headers, Bytes::new()).await.unwrap_err();
        assert!(matches!(refused, crate::Error::Request(_)), "{refused}");
    }
    assert!(store.received().is_empty());
}

#[tokio::test]
async fn objects_are_read_whole_and_in_ranges() {
    let store = Store::start(vec![
        answer("200 OK", "etag: \"e\"\r\nx-amz-meta-case: 17\r\n", "0123456789"),
        answer("206 Partial Content", "content-range: bytes 2-4/10\r\n", "234"),
        answer("200 OK", "", "0123456789"),
    ])
    .await;
    let (s3, _) = client(&store.url, patient());
    let got = s3.get(&at("k"), None).await.unwrap();
    assert_eq!(
        (got.head.length, got.head.metadata.clone()),
        (Some(10), vec![("case".to_owned(), "17".to_owned())])
    );
    assert_eq!(got.body.collect(10).await.unwrap(), "0123456789");

    let range = Some(ByteRange::Between { first: 2, last: 4 });
    let got = s3.get(&at("k"), range).await.unwrap();
    assert_eq!(got.body.collect(10).await.unwrap(), "234");
    let request = store.received().pop().unwrap();
    assert_eq!(request.header("range"), Some("bytes=2-4"));
    verify(&request);

    // A store that ignores the range would make a wrong file of it.
    let refused = s3.get(&at("k"), range).await.unwrap_err();
    assert!(refused.to_string().contains("200 instead of 206"), "{refused}");
}

#[tokio::test]
async fn a_body_larger_than_wanted_is_refused() {
    let store = Store::start(vec![answer("200 OK", "", "0123456789")]).await;
    let (s3, _) = client(&store.url, patient());
    let got = s3.get(&at("k"), None).await.unwrap();
    assert!(got.body.collect(9).await.is_err());
}

#[tokio::test]
async fn heads_have_no_bodies() {
    let found =
        "content-type: text/plain\r\nlast-modified: Fri, 02 Jan 2026 03:04:05 GMT\r\ncontent-length: 17\r\n\r\n";
    let store = Store::start(vec![
        super::fixture::Act::Say(format!("HTTP/1.1 200 OK\r\n{found}").into_bytes()),
        super::fixture::Act::Say(
            b"HTTP/1.1 404 Not Found\r\nx-amz-request-id: R1\r\ncontent-length: 300\r\n\r\n".to_vec(),
        ),
    ])
    .await;
    let (s3, _) = client(&store.url, patient());
    let head = s3.head(&at("k")).await.unwrap();
    assert_eq!(
        (head.length, head.content_type.as_deref()),
        (Some(17), Some("text/plain"))
    );
    let missing = s3.head(&at("k")).await.unwrap_err();
    assert_eq!(
        missing.to_string(),
        "the store answered HeadObject with 404 (request id R1)"
    );
    verify(&store.received().pop().unwrap());
}

#[tokio::test]
async fn listings_are_asked_for_page_by_page() {
    let page = "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>\
                <NextContinuationToken>a/b+c=</NextContinuationToken><Contents><Key>%0A</Key><Size>1</Size></Contents></ListBucketResult>";
    let store = Store::start(vec![answer("200 OK", "", page)]).await;
    let (s3, _) = client(&store.url, patient());
    let mut request = ListRequest {
        bucket: BucketName::parse("evidence").unwrap(),
        prefix: "a b/".to_owned(),
        delimiter: Some("/".to_owned()),
        token: None,
        max_keys: 5000,
    };
    let page = s3.list(&request).await.unwrap();
    assert_eq!(page.objects[0].key.as_str(), "\n");
    request.token = page.next;
    s3.list(&request).await.unwrap();
    let sent = store.received().pop().unwrap();
    assert_eq!(
        sent.target,
        "/evidence?list-type=2&encoding-type=url&max-keys=1000&prefix=a%20b%2F&delimiter=%2F&continuation-token=a%2Fb%2Bc%3D"
    );
    verify(&sent);
}
