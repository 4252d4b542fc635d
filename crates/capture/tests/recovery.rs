//! What the next start makes of captures whose process died.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_capture::limits::PROGRESS_SAVED_EVERY;
use baleen_capture::{Capture, DestinationSettings, Recovered, Status};
use common::s3::{Act, Call, FakeS3};
use common::{Disk, World, account, big_part};
use std::time::Duration;
use tokio::runtime::Runtime;

const URI: &str = "s3://evidence/case-17";

/// Runs the first process in a runtime of its own; when that is dropped, every task of the process is gone at once.
fn in_a_process<T>(life: impl Future<Output = T>) -> T {
    Runtime::new().unwrap().block_on(life)
}

#[test]
fn a_capture_of_which_no_part_was_stored_fails_and_leaves_nothing() {
    let disk = Disk::new();
    let me = account(1);
    let id = in_a_process(async {
        let world = World::on(disk.clone(), 2, DestinationSettings::default());
        world.make_bucket(me, "evidence").await;
        world.prove(me, URI).await;
        let created = world.create(me, URI).await.unwrap();
        let catch = world.caught().await;
        catch.counts(5, 500);
        world.until(me, created.id, Status::Running).await;
        // What another process reads is stored, and not only known to the first.
        let reader = World::on(disk.clone(), 9, DestinationSettings::default());
        while world.disk.clock.sleepers() == 0 {
            tokio::task::yield_now().await;
        }
        world.disk.clock.advance(PROGRESS_SAVED_EVERY);
        reader.until_that(me, created.id, |c| c.counts.packets == 5).await;
        created.id
    });
    in_a_process(async {
        let world = World::on(disk.clone(), 3, DestinationSettings::default());
        let before = world.captures.get(me, id).await.unwrap();
        assert_eq!(before.status, Status::Running);
        let recovered = world.captures.recover().await.unwrap();
        assert_eq!(
            recovered,
            Recovered {
                failed: 1,
                completing: 0,
                going_on: 0,
            }
        );
        let failed = world.captures.get(me, id).await.unwrap();
        assert_eq!((failed.status, failed.counts.packets), (Status::Failed, 5));
        assert!(failed.message.unwrap().contains("server ended unexpectedly"));
        // The account is free again, and a second pass finds nothing.
        assert_eq!(world.captures.recover().await.unwrap(), Recovered::default());
        assert!(world.create(me, URI).await.is_ok());
        world.caught().await.finish(&b""[..]).await;
        assert!(world.supervisor.drain(common::PATIENCE).await);
        assert_eq!(world.open_uploads("evidence").await, 0);
        assert_eq!(world.keys("evidence").await.len(), 1, "the challenge alone");
    });
}

#[test]
fn a_capture_that_was_wholly_uploaded_is_completed() {
    let (done, object) = killed_while_completing(Act::Hang, |_| Act::Serve);
    assert_eq!(
        (done.status, done.counts.packets, done.message),
        (Status::Success, 6, None)
    );
    assert_eq!(&object.unwrap()[5 << 20..], b"tail");
}

#[test]
fn a_completion_whose_answer_was_lost_at_the_kill_is_no_failure() {
    let (done, object) = killed_while_completing(Act::ServeAndHang, |_| Act::Serve);
    assert_eq!(
        (done.status, done.counts.packets),
        (Status::Success, 6),
        "{:?}",
        done.message
    );
    assert!(object.is_some());
    // With the right to put objects alone nothing can be looked at.
    let (done, object) = killed_while_completing(Act::ServeAndHang, |call| match call {
        Call::Head => Act::Fail(403, "AccessDenied"),
        _ => Act::Serve,
    });
    assert_eq!(done.status, Status::Success, "{:?}", done.message);
    assert!(object.is_some());
    assert!(done.message.unwrap().contains("does not let this server look"));
}

#[test]
fn an_upload_that_is_gone_without_an_object_is_a_failure() {
    let (failed, object) = killed_while_completing(Act::Hang, |call| match call {
        Call::Complete => Act::Fail(404, "NoSuchUpload"),
        _ => Act::Serve,
    });
    assert_eq!((failed.status, object), (Status::Failed, None));
}

#[test]
fn a_store_that_is_away_at_the_start_is_asked_until_it_is_back() {
    let mut failures = 7;
    let (done, object) = killed_while_completing(Act::Hang, move |call| match call {
        Call::Complete if failures > 0 => {
            failures -= 1;
            Act::Fail(503, "SlowDown")
        }
        _ => Act::Serve,
    });
    assert_eq!(done.status, Status::Success, "{:?}", done.message);
    assert!(object.is_some());
}

/// A capture whose process dies while the store completes its upload; the store then acts by another script. How the next
/// process ends it, and its object.
fn killed_while_completing(
    last: Act,
    then: impl FnMut(&Call) -> Act + Send + 'static,
) -> (Capture, Option<bytes::Bytes>) {
    let disk = Disk::new();
    let me = account(1);
    // The store outlives the process, so it runs elsewhere.
    let elsewhere = Runtime::new().unwrap();
    let store = elsewhere.block_on(FakeS3::start());
    let settings = DestinationSettings {
        s3: Some(store.configured()),
        ..DestinationSettings::default()
    };
    let mut last = Some(last);
    store.script(move |call| match call {
        Call::Complete => last.take().unwrap(),
        _ => Act::Serve,
    });
    let id = in_a_process(async {
        let world = World::on(disk.clone(), 2, settings.clone());
        let ownership = world.captures.create_ownership(me, &common::to(URI)).await.unwrap();
        let path = format!("/evidence/case-17/{}", ownership.file_name);
        let text = String::from_utf8(store.object(&path).unwrap().to_vec()).unwrap();
        world
            .captures
            .validate_ownership(me, &common::to(URI), &text)
            .await
            .unwrap();
        let created = world.create(me, URI).await.unwrap();
        let catch = world.caught().await;
        catch.counts(6, 600);
        catch.part(big_part(1)).await;
        catch.finish(&b"tail"[..]).await;
        world.until(me, created.id, Status::ConversionRunning).await;
        while store.calls().last() != Some(&Call::Complete) {
            tokio::task::yield_now().await;
        }
        created.id
    });
    store.script(then);
    in_a_process(async {
        let world = World::on(disk.clone(), 3, settings.clone());
        let recovered = world.captures.recover().await.unwrap();
        assert_eq!(
            recovered,
            Recovered {
                failed: 0,
                completing: 1,
                going_on: 0,
            }
        );
        let hurry = async {
            loop {
                // Small steps: pauses pass, and no request times out.
                world.disk.clock.advance(Duration::from_millis(100));
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let ended = world.until_that(me, id, |c| c.status.is_terminal());
        let done = tokio::select! {
            done = ended => done,
            () = hurry => unreachable!("it never ends"),
        };
        (done, store.object(&format!("/evidence/case-17/pcap_{id}.pcap")))
    })
}

#[tokio::test]
async fn a_panic_ends_the_capture_and_nothing_else() {
    let world = World::new();
    let me = account(1);
    world.make_bucket(me, "evidence").await;
    world.prove(me, URI).await;
    world.agent.panic();
    for _ in 0..2 {
        let created = world.create(me, URI).await.unwrap();
        let failed = world.until(me, created.id, Status::Failed).await;
        assert!(failed.message.unwrap().contains("internal error"));
    }
    assert!(world.supervisor.drain(common::PATIENCE).await);
    assert_eq!(world.open_uploads("evidence").await, 0);
}

#[test]
fn an_abort_that_failed_is_made_again_by_the_next_start() {
    let disk = Disk::new();
    let me = account(1);
    let elsewhere = Runtime::new().unwrap();
    let store = elsewhere.block_on(FakeS3::start());
    let settings = DestinationSettings {
        s3: Some(store.configured()),
        ..DestinationSettings::default()
    };
    in_a_process(async {
        let world = World::on(disk.clone(), 2, settings.clone());
        let ownership = world.captures.create_ownership(me, &common::to(URI)).await.unwrap();
        let path = format!("/evidence/case-17/{}", ownership.file_name);
        let text = String::from_utf8(store.object(&path).unwrap().to_vec()).unwrap();
        let to = common::to(URI);
        world.captures.validate_ownership(me, &to, &text).await.unwrap();
        let created = world.create(me, URI).await.unwrap();
        let _catch = world.caught().await;
        world.until(me, created.id, Status::Running).await;
    });
    store.script(|call| match call {
        Call::Abort => Act::Fail(503, "SlowDown"),
        _ => Act::Serve,
    });
    in_a_process(async {
        let world = World::on(disk.clone(), 3, settings.clone());
        assert_eq!(world.captures.recover().await.unwrap().failed, 1);
        while store.calls().iter().filter(|c| **c == Call::Abort).count() < 3 {
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(store.open_uploads(), 1);
    store.script(|_| Act::Serve);
    in_a_process(async {
        let world = World::on(disk.clone(), 4, settings.clone());
        // It has failed before, so there is nothing to report.
        assert_eq!(world.captures.recover().await.unwrap(), Recovered::default());
        while store.open_uploads() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(world.supervisor.drain(common::PATIENCE).await);
        let left = baleen_meta::Scan::prefix(&[baleen_meta::keys::Table::CaptureUnfinished as u8]);
        assert!(disk.meta.scan(left).await.unwrap().is_empty());
    });
}
