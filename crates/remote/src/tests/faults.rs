//! Stores that fail.

use std::time::Duration;

use baleen_types::{Classify, FaultKind};
use bytes::Bytes;

use super::fixture::{ACCESS_KEY_ID, Act, SECRET, Store, answer, at, client, error, impatient, patient};
use crate::{Error, ObjectHeaders, PartChecksum};

/// Puts one object into a store with this script; returns the outcome, the requests it took and the pauses.
async fn put(script: Vec<Act>) -> (Result<(), Error>, usize, Vec<Duration>) {
    let store = Store::start(script).await;
    let (s3, clock) = client(&store.url, patient());
    let outcome = s3
        .put(&at("k"), &ObjectHeaders::default(), Bytes::from(vec![7; 300_000]))
        .await;
    (outcome.map(drop), store.received().len(), clock.slept())
}

fn fine() -> Act {
    answer("200 OK", "etag: \"e\"\r\n", "")
}

#[tokio::test]
async fn what_may_pass_is_repeated_and_what_will_not_is_not() {
    let busy = || error("503 Slow Down", "SlowDown");
    for (script, requests, kind) in [
        (vec![busy(), fine()], 2, None),
        (vec![busy(), busy(), busy(), busy(), fine()], 5, None),
        (vec![busy()], 5, Some(FaultKind::Throttled)),
        (vec![error("500 Oh", "InternalError"), fine()], 2, None),
        (vec![answer("502 Bad Gateway", "", "<html>"), fine()], 2, None),
        (vec![Act::HangUpAfterHead, fine()], 2, None),
        (
            vec![
                Act::SayAndHangUp(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc".to_vec()),
                fine(),
            ],
            2,
            None,
        ),
        (vec![Act::SayAndHangUp(b"nonsense\r\n\r\n".to_vec()), fine()], 2, None),
        (vec![error("400 Bad", "BadDigest"), fine()], 2, None),
        (
            vec![error("403 Forbidden", "AccessDenied"), fine()],
            1,
            Some(FaultKind::Denied),
        ),
        (
            vec![error("404 Not Found", "NoSuchBucket"), fine()],
            1,
            Some(FaultKind::NotFound),
        ),
        (
            vec![error("400 Bad", "InvalidArgument"), fine()],
            1,
            Some(FaultKind::Invalid),
        ),
        (
            vec![answer("307 Elsewhere", "location: http://127.0.0.1:1/\r\n", ""), fine()],
            1,
            Some(FaultKind::Invalid),
        ),
    ] {
        let (outcome, seen, pauses) = put(script).await;
        assert_eq!(outcome.as_ref().err().map(Classify::kind), kind, "{outcome:?}");
        assert_eq!(seen, requests, "{outcome:?}");
        assert_eq!(pauses.len(), requests - 1);
    }
}

#[tokio::test]
async fn pauses_grow_stay_bounded_and_are_drawn() {
    let (_, _, pauses) = put(vec![error("503 Slow Down", "SlowDown")]).await;
    for (pause, longest) in pauses.iter().zip([200, 400, 800, 1600]) {
        assert!(*pause <= Duration::from_millis(longest), "{pauses:?}");
    }
    let (_, _, asked) = put(vec![
        answer("503 Busy", "retry-after: 3\r\n", ""),
        answer("503 Busy", "retry-after: 9999\r\n", ""),
        fine(),
    ])
    .await;
    assert_eq!(asked, [Duration::from_secs(3), Duration::from_secs(30)]);
}

#[tokio::test]
async fn a_store_that_falls_silent_is_given_up() {
    for silent in [
        &b""[..],
        b"HTTP/1.1 200 OK\r\ncontent-le",
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc",
    ] {
        let store = Store::start(vec![Act::SayAndStall(silent.to_vec())]).await;
        let (s3, _) = client(&store.url, impatient());
        let failed = s3
            .put(&at("k"), &ObjectHeaders::default(), Bytes::new())
            .await
            .unwrap_err();
        assert_eq!(
            failed.to_string(),
            "the store did not answer PutObject within 7 seconds"
        );
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_never_a_short_one() {
    let store = Store::start(vec![Act::SayAndHangUp(
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc".to_vec(),
    )])
    .await;
    let (s3, _) = client(&store.url, patient());
    let got = s3.get(&at("k"), None).await.unwrap();
    let failed = got.body.collect(100).await.unwrap_err();
    assert_eq!(failed.to_string(), "the store broke the connection during GetObject");

    let store = Store::start(vec![Act::SayAndStall(
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc".to_vec(),
    )])
    .await;
    let (s3, _) = client(&store.url, impatient());
    if let Ok(got) = s3.get(&at("k"), None).await {
        let failed = got.body.collect(100).await.unwrap_err();
        assert!(matches!(failed, Error::TimedOut { .. }), "{failed}");
    }
}

#[tokio::test]
async fn nobody_there() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let (s3, clock) = client(&url, patient());
    let failed = s3.head(&at("k")).await.unwrap_err();
    assert_eq!(
        failed.to_string(),
        "HeadObject could not reach the store: the connection was refused"
    );
    assert_eq!((failed.kind(), clock.slept().len()), (FaultKind::Unavailable, 4));

    let (s3, _) = client("http://no-such-host.invalid", patient());
    let failed = s3.head(&at("k")).await.unwrap_err();
    assert_eq!(
        failed.to_string(),
        "HeadObject could not reach the store: its name does not resolve"
    );
}

#[tokio::test]
async fn answers_that_are_not_s3s_are_refused_in_bounds() {
    let huge = format!("<InitiateMultipartUploadResult>{}", "<a>x</a>".repeat(20_000));
    let deep = format!("<InitiateMultipartUploadResult>{}", "<a>".repeat(200));
    for (body, why) in [
        ("", "it is empty"),
        ("<html></html>", "it names no upload"),
        (
            "<InitiateMultipartUploadResult><UploadId></UploadId></InitiateMultipartUploadResult>",
            "it names no upload",
        ),
        ("{\"id\": 1}", "it is empty"),
        (&deep, "its elements are more than 16 deep"),
        (&huge, "the answer is longer than 65536 bytes"),
    ] {
        let store = Store::start(vec![answer("200 OK", "", body)]).await;
        let (s3, _) = client(&store.url, patient());
        let failed = s3
            .create_upload(&at("k"), &ObjectHeaders::default(), PartChecksum::None)
            .await
            .unwrap_err();
        assert_eq!(
            failed.to_string(),
            format!("the store answered CreateMultipartUpload unintelligibly: {why}")
        );
    }
}

#[tokio::test]
async fn a_huge_error_is_judged_by_its_status() {
    let (outcome, ..) = put(vec![answer(
        "403 Forbidden",
        "x-amz-request-id: R9\r\n",
        &"x".repeat(1 << 20),
    )])
    .await;
    assert_eq!(
        outcome.unwrap_err().to_string(),
        "the store answered PutObject with 403 (request id R9)"
    );
}

#[tokio::test]
async fn redirects_are_told_and_not_followed() {
    let elsewhere = Store::start(vec![fine()]).await;
    let headers = format!(
        "location: {}/evidence/k\r\nx-amz-bucket-region: eu-west-3\r\n",
        elsewhere.url
    );
    let (outcome, ..) = put(vec![answer("301 Moved Permanently", &headers, "")]).await;
    assert_eq!(
        outcome.unwrap_err().to_string(),
        "the bucket is in region eu-west-3, which PutObject was not signed for; set that region"
    );
    assert!(elsewhere.received().is_empty());
}

#[tokio::test]
async fn no_error_tells_a_credential_or_an_address() {
    let store = Store::start(vec![error("403 Forbidden", "AccessDenied"), Act::HangUpAfterHead]).await;
    let (s3, _) = client(&store.url, patient());
    let denied = s3.head(&at("k")).await.unwrap_err();
    let broken = s3.head(&at("k")).await.unwrap_err();
    let shown = format!("{denied} {denied:?} {broken} {broken:?} {s3:?}");
    for secret in [SECRET, "canary-token", "authorization"] {
        assert!(!shown.to_lowercase().contains(&secret.to_lowercase()), "{shown}");
    }
    assert!(!format!("{denied}{broken}").contains("127.0.0.1"));
    assert!(!format!("{denied}{broken}").contains(ACCESS_KEY_ID));
}

#[tokio::test]
async fn a_refusal_before_the_body_was_taken_is_heard() {
    let refusal = b"HTTP/1.1 403 Forbidden\r\nconnection: close\r\nx-amz-request-id: R3\r\ncontent-length: 0\r\n\r\n";
    let store = Store::start(vec![Act::SayAtOnce(refusal.to_vec())]).await;
    let (s3, _) = client(&store.url, patient());
    let body = Bytes::from(vec![7; 30 << 20]);
    let refused = s3.put(&at("k"), &ObjectHeaders::default(), body).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the store answered PutObject with 403 (request id R3)"
    );
    assert_eq!(store.received().len(), 1);
}

#[tokio::test]
async fn a_part_is_tried_for_a_minute() {
    let store = Store::start(vec![error("503 Slow Down", "SlowDown")]).await;
    let (s3, clock) = client(&store.url, patient());
    let upload = crate::Upload {
        at: at("k"),
        id: "u".to_owned(),
        checksum: PartChecksum::None,
    };
    let number = baleen_types::PartNumber::new(1).unwrap();
    let failed = s3
        .put_part(&upload, number, Bytes::from_static(b"x"))
        .await
        .unwrap_err();
    assert_eq!(failed.kind(), FaultKind::Throttled);
    let waited: Duration = clock.slept().iter().sum();
    assert!(
        waited >= Duration::from_secs(60) && waited < Duration::from_secs(66),
        "{waited:?}"
    );
}
