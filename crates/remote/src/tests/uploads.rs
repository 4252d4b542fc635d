//! Multipart uploads.

use baleen_types::PartNumber;
use bytes::Bytes;

use super::fixture::{Act, Store, answer, at, client, error, patient};
use crate::{Error, ObjectHeaders, PartChecksum, Upload, UploadedPart};

const DONE: &str = "<?xml version=\"1.0\"?>\n <CompleteMultipartUploadResult><ETag>&quot;whole-2&quot;</ETag></CompleteMultipartUploadResult>";

fn upload(checksum: PartChecksum) -> Upload {
    Upload {
        at: at("a//b"),
        id: "id/1+2=".to_owned(),
        checksum,
    }
}

fn part(number: u32, etag: &str) -> UploadedPart {
    UploadedPart {
        number: PartNumber::new(number).unwrap(),
        etag: etag.to_owned(),
        crc32c: None,
    }
}

#[tokio::test]
async fn an_upload_from_beginning_to_end() {
    let begun = "<InitiateMultipartUploadResult><UploadId>id/1+2=</UploadId></InitiateMultipartUploadResult>";
    let store = Store::start(vec![
        answer("200 OK", "", begun),
        answer("200 OK", "etag: \"p&2\"\r\n", ""),
        answer("200 OK", "etag: \"p1\"\r\n", ""),
        answer("200 OK", "", DONE),
    ])
    .await;
    let (s3, _) = client(&store.url, patient());
    let upload = s3
        .create_upload(&at("a//b"), &ObjectHeaders::default(), PartChecksum::Crc32c)
        .await
        .unwrap();
    assert_eq!(upload, self::upload(PartChecksum::Crc32c));
    let second = s3
        .put_part(&upload, PartNumber::new(2).unwrap(), Bytes::from_static(b"123456789"))
        .await
        .unwrap();
    let first = s3
        .put_part(&upload, PartNumber::new(1).unwrap(), Bytes::new())
        .await
        .unwrap();
    let done = s3.complete_upload(&upload, &[second, first]).await.unwrap();
    assert_eq!(done.etag.as_deref(), Some("\"whole-2\""));

    let received = store.received();
    let lines: Vec<_> = received.iter().map(|r| format!("{} {}", r.method, r.target)).collect();
    assert_eq!(
        lines,
        [
            "POST /evidence/a//b?uploads=",
            "PUT /evidence/a//b?partNumber=2&uploadId=id%2F1%2B2%3D",
            "PUT /evidence/a//b?partNumber=1&uploadId=id%2F1%2B2%3D",
            "POST /evidence/a//b?uploadId=id%2F1%2B2%3D",
        ]
    );
    assert_eq!(received[0].header("x-amz-checksum-algorithm"), Some("CRC32C"));
    assert_eq!(received[0].header("content-length"), Some("0"));
    // The check value of CRC-32C over "123456789" is 0xE3069283.
    assert_eq!(received[1].header("x-amz-checksum-crc32c"), Some("4waSgw=="));
    let completion = String::from_utf8(received[3].body.clone()).unwrap();
    assert_eq!(
        completion,
        "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
         <Part><PartNumber>1</PartNumber><ETag>&quot;p1&quot;</ETag><ChecksumCRC32C>AAAAAA==</ChecksumCRC32C></Part>\
         <Part><PartNumber>2</PartNumber><ETag>&quot;p&amp;2&quot;</ETag><ChecksumCRC32C>4waSgw==</ChecksumCRC32C></Part>\
         </CompleteMultipartUpload>"
    );
}

#[tokio::test]
async fn a_large_part_arrives_whole() {
    let store = Store::start(vec![answer("200 OK", "etag: \"p1\"\r\n", "")]).await;
    let (s3, _) = client(&store.url, patient());
    let bytes: Vec<u8> = (0..5_000_001_u32).map(|n| n.to_le_bytes()[n as usize % 3]).collect();
    let bytes = Bytes::from(bytes);
    s3.put_part(&upload(PartChecksum::None), PartNumber::new(1).unwrap(), bytes.clone())
        .await
        .unwrap();
    assert!(store.received()[0].body == bytes);
}

#[tokio::test]
async fn a_success_that_holds_an_error_is_an_error() {
    let hidden = |code: &str| {
        answer(
            "200 OK",
            "",
            &format!("   <?xml version=\"1.0\"?><Error><Code>{code}</Code></Error>"),
        )
    };
    let store = Store::start(vec![hidden("InternalError"), hidden("InvalidPart")]).await;
    let (s3, clock) = client(&store.url, patient());
    let failed = s3
        .complete_upload(&upload(PartChecksum::None), &[part(1, "\"e\"")])
        .await
        .unwrap_err();
    assert_eq!(
        failed.to_string(),
        "the store answered CompleteMultipartUpload with 200 InvalidPart"
    );
    assert_eq!((store.received().len(), clock.slept().len()), (2, 1));
}

#[tokio::test]
async fn no_parts_make_no_object() {
    let store = Store::start(vec![answer("200 OK", "", DONE)]).await;
    let (s3, _) = client(&store.url, patient());
    assert!(matches!(
        s3.complete_upload(&upload(PartChecksum::None), &[]).await,
        Err(Error::Request(_))
    ));
    assert!(store.received().is_empty());
}

/// The MD5 of "a" and of "b", and of both digests behind each other.
const A: &str = "\"0cc175b9c0f1b6a831c399e269772661\"";
const B: &str = "\"92eb5ffee6ae2fec3ad71c777531578f\"";
const BOTH: &str = "\"96b0f5d7d32b6c0a36ec2dcb8d1b1b26-2\"";

#[tokio::test]
async fn a_completion_whose_answer_was_lost_is_recognised() {
    let both = {
        use md5::{Digest, Md5};
        let mut all = Md5::new();
        for letter in ["a", "b"] {
            all.update(Md5::digest(letter));
        }
        format!("\"{}-2\"", hex::encode(all.finalize()))
    };
    let lost = || Act::SayAndHangUp(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n<?xml".to_vec());
    let gone = || error("404 Not Found", "NoSuchUpload");
    let there = |etag: &str| answer("200 OK", &format!("etag: {etag}\r\n"), "");
    for (head, is_certain) in [
        (there(&both), true),
        (there(BOTH), false),
        (error("403 Forbidden", "AccessDenied"), false),
    ] {
        let head = match head {
            // The answer to HEAD has no body.
            Act::Say(bytes) => Act::Say(
                [
                    &bytes[..bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap()],
                    b"\r\n\r\n",
                ]
                .concat(),
            ),
            other => other,
        };
        let store = Store::start(vec![lost(), gone(), head]).await;
        let (s3, _) = client(&store.url, patient());
        let outcome = s3
            .complete_upload(&upload(PartChecksum::None), &[part(1, A), part(2, B)])
            .await;
        match outcome {
            Ok(done) => assert!(is_certain && done.etag == Some(both.clone())),
            Err(Error::Uncertain(_)) => assert!(!is_certain),
            Err(other) => panic!("{other}"),
        }
        assert_eq!(store.received()[2].method, "HEAD");
    }
}

#[tokio::test]
async fn a_completion_of_an_earlier_process_is_recognised() {
    let etag = {
        use md5::{Digest, Md5};
        format!("\"{}-1\"", hex::encode(Md5::digest(Md5::digest("a"))))
    };
    let head = |status: &str, etag: &str| Act::Say(format!("HTTP/1.1 {status}\r\netag: {etag}\r\n\r\n").into_bytes());
    for (head, outcome) in [
        (head("200 OK", &etag), "there"),
        (head("200 OK", BOTH), "uncertain"),
        (head("403 Forbidden", "x"), "uncertain"),
        (head("404 Not Found", "x"), "not there"),
        // Every try says so: the caller has to ask again later.
        (head("503 Slow Down", "x"), "not now"),
    ] {
        let store = Store::start(vec![error("404 Not Found", "NoSuchUpload"), head]).await;
        let (s3, _) = client(&store.url, patient());
        let again = s3
            .complete_upload_again(&upload(PartChecksum::None), &[part(1, A)])
            .await;
        let found = match again {
            Ok(_) => "there",
            Err(Error::Uncertain(_)) => "uncertain",
            Err(Error::NotFound(..)) => "not there",
            Err(error) if error.is_transient() => "not now",
            Err(other) => panic!("{other}"),
        };
        assert_eq!(found, outcome);
    }
}

#[tokio::test]
async fn an_upload_that_was_never_there_is_not_found() {
    let store = Store::start(vec![error("404 Not Found", "NoSuchUpload")]).await;
    let (s3, _) = client(&store.url, patient());
    let failed = s3
        .complete_upload(&upload(PartChecksum::None), &[part(1, A)])
        .await
        .unwrap_err();
    assert!(matches!(failed, Error::NotFound(..)), "{failed}");
    s3.abort_upload(&upload(PartChecksum::None)).await.unwrap();
}
