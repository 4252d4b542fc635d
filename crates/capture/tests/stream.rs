//! Captures that are watched while they run.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_capture::{
    Anonymise, CaptureError, CaptureFilter, FollowError, Format, Limited, Limits, LiveFile, Privacy, Status,
    StreamCapture,
};
use baleen_types::SiteName;
use common::{World, account};
use futures::StreamExt as _;
use std::time::Duration;

const URI: &str = "s3://evidence/case-17";

fn stream(number: u64) -> StreamCapture {
    StreamCapture {
        account: account(number),
        site: SiteName::parse("lab01").unwrap(),
        limits: Limits {
            time: Duration::from_secs(60),
            packets: 1_000_000,
            bytes: 1_000_000_000,
        },
        filter: CaptureFilter::All,
        exclude: Vec::new(),
        format: Format::PcapNg,
        snaplen: None,
        privacy: Privacy {
            zero_payload: true,
            anonymise: Anonymise::Anew,
            ..Privacy::default()
        },
        interfaces: vec!["eth7".to_owned()],
    }
}

async fn next(file: &mut LiveFile) -> Option<Result<Vec<u8>, String>> {
    let next = tokio::time::timeout(common::PATIENCE, file.body.next()).await.unwrap();
    next.map(|item| item.map(|bytes| bytes.to_vec()).map_err(|error| error.to_string()))
}

#[tokio::test]
async fn a_capture_is_followed_from_the_middle_to_its_end() {
    let world = World::new();
    world.make_bucket(account(1), "evidence").await;
    world.prove(account(1), URI).await;
    let capture = world.create(account(1), URI).await.unwrap();
    let catch = world.caught().await;
    world.until(account(1), capture.id, Status::Running).await;
    catch.show(b"before");
    let mut first = world.captures.follow(account(1), capture.id).await.unwrap();
    assert_eq!(first.name, format!("pcap_{}.pcap", capture.id));
    catch.show(b"one");
    let mut second = world.captures.follow(account(1), capture.id).await.unwrap();
    catch.show(b"two");
    assert_eq!(next(&mut first).await, Some(Ok(b"one".to_vec())));
    assert_eq!(next(&mut first).await, Some(Ok(b"two".to_vec())));
    assert_eq!(next(&mut second).await, Some(Ok(b"two".to_vec())));
    // It is nobody else's.
    let strange = world.captures.follow(account(2), capture.id).await.unwrap_err();
    assert!(matches!(strange, CaptureError::NoSuchCapture(_)));
    // Who leaves takes nothing along.
    drop(second);
    catch.counts(5, 500);
    catch.finish("file").await;
    assert_eq!(next(&mut first).await, None);
    world.until(account(1), capture.id, Status::Success).await;
    let over = world.captures.follow(account(1), capture.id).await.unwrap_err();
    assert!(
        matches!(
            over,
            CaptureError::NotFollowable {
                why: FollowError::Over,
                ..
            }
        ),
        "{over:?}"
    );
}

#[tokio::test]
async fn a_stream_ends_with_its_capture() {
    let world = World::new();
    let mut file = world.captures.stream(stream(1)).await.unwrap();
    let catch = world.caught().await;
    assert!(catch.order.is_live && catch.order.interfaces == ["eth7"]);
    assert!(catch.order.masking.zero_payload && catch.order.masking.addresses.is_some());
    catch.part("one").await;
    assert_eq!(next(&mut file).await, Some(Ok(b"one".to_vec())));
    catch.finish("two").await;
    assert_eq!(next(&mut file).await, Some(Ok(b"two".to_vec())));
    assert_eq!(next(&mut file).await, None);
    // No list knows it.
    assert!(world.captures.list(account(1)).await.unwrap().is_empty());
    assert!(world.captures.running_accounts().is_empty());
}

#[tokio::test]
async fn a_stream_that_breaks_off_says_so() {
    let world = World::new();
    let mut file = world.captures.stream(stream(1)).await.unwrap();
    let catch = world.caught().await;
    catch.part("one").await;
    catch.end(Some("the network interface eth7 was removed"));
    drop(catch);
    assert_eq!(next(&mut file).await, Some(Ok(b"one".to_vec())));
    assert!(next(&mut file).await.unwrap().unwrap_err().contains("eth7 was removed"));
    assert_eq!(next(&mut file).await, None);
}

#[tokio::test]
async fn a_stream_ends_with_its_asker() {
    let world = World::new();
    let file = world.captures.stream(stream(1)).await.unwrap();
    let catch = world.caught().await;
    drop(file);
    // Nobody takes parts any more, though none comes that could tell.
    while catch.part("a").await {
        tokio::task::yield_now().await;
    }
    catch.end(None);
    while !world.captures.running_accounts().is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_account_that_may_not_act_any_more_ends_its_streams() {
    let world = World::new();
    let mut file = world.captures.stream(stream(1)).await.unwrap();
    let catch = world.caught().await;
    assert_eq!(world.captures.suspend(account(2)), 0);
    assert_eq!(world.captures.suspend(account(1)), 1);
    catch.stopped().await;
    catch.finish("rest").await;
    assert_eq!(next(&mut file).await, Some(Ok(b"rest".to_vec())));
    assert_eq!(next(&mut file).await, None);
}

#[tokio::test]
async fn streams_are_bounded_and_checked() {
    let world = World::new();
    // The server of the tests takes six captures at once, and four of an account.
    let mut files = Vec::new();
    for number in [1, 1, 1, 1, 2, 2] {
        files.push((
            world.captures.stream(stream(number)).await.unwrap(),
            world.caught().await,
        ));
    }
    let refused = world.captures.stream(stream(1)).await.unwrap_err();
    assert!(matches!(refused, CaptureError::Share { limit: 4 }), "{refused:?}");
    let refused = world.captures.stream(stream(2)).await.unwrap_err();
    assert!(matches!(refused, CaptureError::Busy), "{refused:?}");
    for (file, catch) in files {
        drop(file);
        catch.end(None);
    }
    while !world.captures.running_accounts().is_empty() {
        tokio::task::yield_now().await;
    }
    let limits = stream(1).limits;
    for (limits, of) in [
        (
            Limits {
                time: Duration::ZERO,
                ..limits
            },
            Limited::Time,
        ),
        (
            Limits {
                time: Duration::from_secs(86_401),
                ..limits
            },
            Limited::Time,
        ),
        (Limits { packets: 0, ..limits }, Limited::Packets),
        (Limits { bytes: 0, ..limits }, Limited::Bytes),
    ] {
        let refused = world
            .captures
            .stream(StreamCapture { limits, ..stream(1) })
            .await
            .unwrap_err();
        assert!(
            matches!(refused, CaptureError::Limit { of: which, .. } if which == of),
            "{refused:?}"
        );
    }
    world.agent.refuse("the site lab01 does not capture on eth7");
    let refused = world.captures.stream(stream(1)).await.unwrap_err();
    assert!(refused.to_string().contains("does not capture on eth7"), "{refused}");
}
