//! Requests to a storage account, byte for byte; that a real server takes them is in `tests/clients`.

use super::shared_key::{ToSign, sign, text};
use super::{Azure, AzureAuth, AzureEndpoint, BlobHeaders};
use crate::tests::fixture::{Act, Store, answer, parts, patient};
use crate::{Error, Operation};
use baleen_types::{BucketName, ObjectKey, Secret};
use bytes::Bytes;

/// The well-known account of the emulator, with its well-known key.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

fn client(url: &str, auth: AzureAuth) -> Azure {
    let endpoint = AzureEndpoint {
        url: format!("{url}/{ACCOUNT}"),
        account: ACCOUNT.to_owned(),
        auth,
    };
    Azure::new(&endpoint, patient(), parts()).unwrap()
}

fn by_key(url: &str) -> Azure {
    client(url, AzureAuth::AccountKey(Secret::new(KEY)))
}

fn names() -> (BucketName, ObjectKey) {
    (
        BucketName::parse("box").unwrap(),
        ObjectKey::parse("a dir/ö#?%2e").unwrap(),
    )
}

#[test]
fn what_is_signed() {
    let request = ToSign {
        account: ACCOUNT,
        method: "PUT",
        path: "/devstoreaccount1/box/a%20b",
        query: &[("comp", "block".to_owned()), ("blockid", "MDA=".to_owned())],
        headers: &[
            ("x-ms-version", "2021-08-06".to_owned()),
            ("content-md5", "m==".to_owned()),
            ("x-ms-date", "Fri, 02 Jan 2026 03:04:05 GMT".to_owned()),
        ],
        length: 3,
    };
    let wanted = "PUT\n\n\n3\nm==\n\n\n\n\n\n\n\nx-ms-date:Fri, 02 Jan 2026 03:04:05 GMT\nx-ms-version:2021-08-06\n\
                  /devstoreaccount1/devstoreaccount1/box/a%20b\nblockid:MDA=\ncomp:block";
    assert_eq!(text(&request), wanted);
    assert_eq!(sign(b"key", &request).len(), 44);
    // No bytes, no length.
    assert!(text(&ToSign { length: 0, ..request }).starts_with("PUT\n\n\n\nm=="));
}

#[test]
fn accounts_that_are_none() {
    for (url, auth) in [
        ("ftp://x", AzureAuth::AccountKey(Secret::new(KEY))),
        ("x", AzureAuth::AccountKey(Secret::new(KEY))),
        ("http://x", AzureAuth::AccountKey(Secret::new("canary!"))),
        ("http://x", AzureAuth::Signature(Secret::new(""))),
        ("http://x", AzureAuth::Signature(Secret::new("canary#x"))),
        ("http://x", AzureAuth::Signature(Secret::new("canary x"))),
        ("http://x", AzureAuth::Signature(Secret::new("canary\r\nx"))),
    ] {
        let endpoint = AzureEndpoint {
            url: url.to_owned(),
            account: ACCOUNT.to_owned(),
            auth,
        };
        let error = Azure::new(&endpoint, patient(), parts()).unwrap_err();
        assert!(
            !error.to_string().contains("canary") && !format!("{endpoint:?}").contains("canary"),
            "{error}"
        );
    }
    assert!(!format!("{:?}", by_key("http://x")).contains("Eby8"));
}

#[tokio::test]
async fn a_blob_of_blocks() {
    let store = Store::start(vec![answer("201 Created", "", "")]).await;
    let (container, key) = names();
    let azure = by_key(&store.url);
    let mut ids = Vec::new();
    for number in 1..=2 {
        ids.push(
            azure
                .put_block(&container, &key, number, Bytes::from_static(b"abc"))
                .await
                .unwrap(),
        );
    }
    assert_eq!(ids, ["MDAwMDAwMDE=", "MDAwMDAwMDI="]);
    let headers = BlobHeaders {
        content_type: "application/vnd.tcpdump.pcap".to_owned(),
        upload: "u7".to_owned(),
    };
    azure.put_block_list(&container, &key, &headers, &ids).await.unwrap();
    let received = store.received();
    let blob = "/devstoreaccount1/box/a%20dir/%C3%B6%23%3F%252e";
    assert_eq!(received[0].target, format!("{blob}?comp=block&blockid=MDAwMDAwMDE%3D"));
    assert_eq!(received[0].header("content-md5"), Some("kAFQmDzST7DWlj99KOF/cg=="));
    assert_eq!(received[0].header("x-ms-version"), Some("2021-08-06"));
    assert!(
        received[0]
            .header("authorization")
            .unwrap()
            .starts_with("SharedKey devstoreaccount1:")
    );
    assert_eq!(received[2].target, format!("{blob}?comp=blocklist"));
    assert_eq!(
        String::from_utf8(received[2].body.clone()).unwrap(),
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList><Latest>MDAwMDAwMDE=</Latest><Latest>MDAwMDAwMDI=</Latest></BlockList>"
    );
    assert_eq!(received[2].header("x-ms-meta-upload"), Some("u7"));
}

#[tokio::test]
async fn a_signature_is_the_query() {
    let store = Store::start(vec![answer("201 Created", "", "")]).await;
    let (container, key) = names();
    let azure = client(
        &store.url,
        AzureAuth::Signature(Secret::new("sv=2021-08-06&sig=a%2Bb%3D")),
    );
    azure
        .put(&container, &key, "text/plain", Bytes::from_static(b"x"))
        .await
        .unwrap();
    azure
        .put_block(&container, &key, 1, Bytes::from_static(b"x"))
        .await
        .unwrap();
    let received = store.received();
    assert!(
        received[0].target.ends_with("?sv=2021-08-06&sig=a%2Bb%3D"),
        "{}",
        received[0].target
    );
    assert!(
        received[1].target.ends_with("&sv=2021-08-06&sig=a%2Bb%3D"),
        "{}",
        received[1].target
    );
    assert_eq!(received[0].header("x-ms-blob-type"), Some("BlockBlob"));
    assert!(received.iter().all(|request| request.header("authorization").is_none()));
}

fn error(status: &str, code: &str) -> Act {
    let body = format!(
        "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code><Message>No.\nRequestId:7\nTime:8</Message></Error>"
    );
    answer(status, "x-ms-request-id: R7\r\n", &body)
}

#[tokio::test]
async fn refusals() {
    let (container, key) = names();
    for (act, tries, is_it) in [
        (
            error("403 Server failed to authenticate", "AuthenticationFailed"),
            1,
            (|error: &Error| matches!(error, Error::Denied(Operation::PutObject, _))) as fn(&Error) -> bool,
        ),
        (error("404 Not Found", "ContainerNotFound"), 1, |error| {
            matches!(error, Error::NotFound(..))
        }),
        (error("409 Conflict", "BlobImmutableDueToPolicy"), 1, |error| {
            matches!(error, Error::Conflict(..))
        }),
        (error("413 Too Large", "RequestBodyTooLarge"), 1, |error| {
            matches!(error, Error::TooLarge(..))
        }),
        (error("400 Bad Request", "InvalidHeaderValue"), 1, |error| {
            matches!(error, Error::Refused(..))
        }),
        (error("400 Bad Request", "Md5Mismatch"), 5, |error| {
            matches!(error, Error::Unavailable(..))
        }),
        (error("503 Busy", "ServerBusy"), 5, |error| {
            matches!(error, Error::Throttled(..))
        }),
        (answer("500 Oh", "", "<html>"), 5, |error| {
            matches!(error, Error::Unavailable(..))
        }),
    ] {
        let store = Store::start(vec![act]).await;
        let refused = by_key(&store.url)
            .put(&container, &key, "text/plain", Bytes::from_static(b"x"))
            .await;
        let refused = refused.unwrap_err();
        assert!(is_it(&refused), "{refused:?}");
        assert_eq!(store.received().len(), tries, "{refused}");
        assert!(!refused.to_string().contains("RequestId:7"), "{refused}");
    }
}
