//! Captures into another store, which fails in every way.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_capture::{Capture, DestinationSettings, Status};
use baleen_types::AccountId;
use common::s3::{Act, Call, FakeS3};
use common::{Disk, World, account, big_part, to};
use std::sync::Arc;

const URI: &str = "s3://bucket/dir";

async fn world() -> (World, Arc<FakeS3>, AccountId) {
    let store = FakeS3::start().await;
    let settings = DestinationSettings {
        s3: Some(store.configured()),
        ..DestinationSettings::default()
    };
    let world = World::on(Disk::new(), 2, settings);
    let me = account(1);
    let ownership = world.captures.create_ownership(me, &to(URI)).await.unwrap();
    let path = format!("/bucket/dir/{}", ownership.file_name);
    let text = String::from_utf8(store.object(&path).unwrap().to_vec()).unwrap();
    world.captures.validate_ownership(me, &to(URI), &text).await.unwrap();
    (world, store, me)
}

/// A capture of three parts and 30 packets; ends early when the service asks for it.
async fn run(world: &World, me: AccountId) -> Capture {
    let created = world.create(me, URI).await.unwrap();
    let catch = world.caught().await;
    for (part, packets) in [(1, 10), (2, 20), (3, 30)] {
        catch.counts(packets, packets * 100);
        if !catch.part(big_part(part)).await {
            catch.stopped().await;
            break;
        }
    }
    catch.end(None);
    drop(catch);
    world
        .until_that(me, created.id, |capture| capture.status.is_terminal())
        .await
}

#[tokio::test]
async fn all_goes_well() {
    let (world, store, me) = world().await;
    let done = run(&world, me).await;
    assert_eq!(
        (done.status, done.counts.packets, &done.message),
        (Status::Success, 30, &None)
    );
    let path = format!("/bucket/dir/pcap_{}.pcap", done.id);
    let object = store.object(&path).unwrap();
    assert_eq!((object.len(), object[5 << 20], object[10 << 20]), (15 << 20, 2, 3));
    assert_eq!(
        store.header(&path, "content-type").as_deref(),
        Some("application/vnd.tcpdump.pcap")
    );
    assert_eq!(
        store.header(&path, "x-amz-acl").as_deref(),
        Some("bucket-owner-full-control")
    );
    // With the right to put objects alone: nothing was listed, read or deleted.
    assert!(!store.calls().contains(&Call::Other) && !store.calls().contains(&Call::Abort));
}

#[tokio::test]
async fn a_store_that_stumbles_is_asked_again() {
    let (world, store, me) = world().await;
    let mut failures = 2;
    store.script(move |call| match call {
        Call::Part(2) | Call::Complete if failures > 0 => {
            failures -= 1;
            Act::Fail(503, "SlowDown")
        }
        _ => Act::Serve,
    });
    let done = run(&world, me).await;
    assert_eq!((done.status, done.counts.packets), (Status::Success, 30));
}

#[tokio::test]
async fn a_second_part_that_is_refused() {
    for (status, code, tries) in [
        (403, "AccessDenied", 1),
        (503, "SlowDown", 3),
        (500, "InternalError", 3),
    ] {
        let (world, store, me) = world().await;
        store.script(move |call| match call {
            Call::Part(2) => Act::Fail(status, code),
            _ => Act::Serve,
        });
        let failed = run(&world, me).await;
        assert_eq!(failed.status, Status::Failed);
        assert!(failed.counts.packets >= 20, "{:?}", failed.counts);
        let message = failed.message.unwrap();
        assert!(
            message.starts_with("the bucket did not take the capture") && message.contains(code),
            "{message}"
        );
        let calls = store.calls();
        assert_eq!(calls.iter().filter(|c| **c == Call::Part(2)).count(), tries, "{code}");
        assert!(!calls.contains(&Call::Part(3)) && !calls.contains(&Call::Complete));
        assert_eq!(
            (store.open_uploads(), store.paths().len()),
            (0, 1),
            "aborted, and nothing but the challenge"
        );
    }
}

#[tokio::test]
async fn a_bucket_that_vanished_fails_before_the_capture_begins() {
    let (world, store, me) = world().await;
    store.script(|call| match call {
        Call::Begin => Act::Fail(404, "NoSuchBucket"),
        _ => Act::Serve,
    });
    let created = world.create(me, URI).await.unwrap();
    let failed = world.until(me, created.id, Status::Failed).await;
    assert!(failed.message.unwrap().contains("NoSuchBucket"));
    assert!(
        world.catches.lock().await.try_recv().is_err(),
        "no packet was looked at"
    );
}

/// A store that takes its time to begin an upload, and a capture that waits for it.
async fn pending() -> (World, Arc<FakeS3>, AccountId, Capture, Arc<tokio::sync::Notify>) {
    let (world, store, me) = world().await;
    let go_on = Arc::new(tokio::sync::Notify::new());
    let gate = Arc::clone(&go_on);
    store.script(move |call| match call {
        Call::Begin => Act::Wait(Arc::clone(&gate)),
        _ => Act::Serve,
    });
    let created = world.create(me, URI).await.unwrap();
    while !store.calls().contains(&Call::Begin) {
        tokio::task::yield_now().await;
    }
    (world, store, me, created, go_on)
}

#[tokio::test]
async fn a_stop_is_heard_while_the_store_is_asked_to_begin() {
    let (world, store, me, created, go_on) = pending().await;
    world.captures.stop(me, created.id).await.unwrap();
    let ended = world.until_that(me, created.id, |c| c.status.is_terminal());
    let hurry = async {
        loop {
            world.disk.clock.advance(std::time::Duration::from_millis(100));
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    };
    let failed = tokio::select! {
        failed = ended => failed,
        () = hurry => unreachable!("it never ends"),
    };
    assert_eq!(failed.status, Status::Failed);
    assert!(failed.message.unwrap().contains("stopped before it began"));
    // The upload that comes into being all the same is aborted.
    go_on.notify_one();
    while !store.calls().contains(&Call::Abort) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_deleted_destination_is_heard_while_the_store_is_asked_to_begin() {
    let (world, _store, me, created, _go_on) = pending().await;
    world.captures.delete_ownership(me, created.ownership).await.unwrap();
    let failed = world.until(me, created.id, Status::Failed).await;
    assert!(failed.message.unwrap().contains("deleted"));
}

#[tokio::test]
async fn a_shutdown_is_heard_while_the_store_is_asked_to_begin() {
    let (world, _store, me, created, go_on) = pending().await;
    world.supervisor.shutdown().stop();
    let failed = world.until(me, created.id, Status::Failed).await;
    assert!(failed.message.unwrap().contains("server was stopped"));
    go_on.notify_one();
    assert!(world.supervisor.drain(common::PATIENCE).await);
}

#[tokio::test]
async fn a_completion_that_is_refused() {
    let (world, store, me) = world().await;
    store.script(|call| match call {
        // The store does not let us abort either.
        Call::Complete | Call::Abort => Act::Fail(403, "AccessDenied"),
        _ => Act::Serve,
    });
    let failed = run(&world, me).await;
    assert_eq!((failed.status, failed.counts.packets), (Status::Failed, 30));
    assert!(failed.message.unwrap().contains("AccessDenied"));
    assert_eq!(store.paths().len(), 1);
}

#[tokio::test]
async fn its_own_upload_is_left_out() {
    let (world, store, me) = world().await;
    let created = world.create(me, URI).await.unwrap();
    let catch = world.caught().await;
    let port: u16 = store.url.rsplit(':').next().unwrap().parse().unwrap();
    let [flow] = &catch.order.exclude[..] else {
        panic!("{:?}", catch.order.exclude)
    };
    assert_eq!(
        flow.to_string(),
        format!("tcp and src host 127.0.0.1 and dst host 127.0.0.1 and dst port {port} (both directions)")
    );
    catch.counts(1, 60);
    catch.finish(&b"one"[..]).await;
    world.until(me, created.id, Status::Success).await;
}

#[tokio::test]
async fn a_slow_store_holds_the_agent_and_nothing_piles_up() {
    let (world, store, me) = world().await;
    let go_on = Arc::new(tokio::sync::Notify::new());
    let gate = Arc::clone(&go_on);
    store.script(move |call| match call {
        Call::Part(_) => Act::Wait(Arc::clone(&gate)),
        _ => Act::Serve,
    });
    let created = world.create(me, URI).await.unwrap();
    let catch = world.caught().await;
    // One part is being sent, one waits in the channel; the third has to wait with the agent.
    catch.part(big_part(1)).await;
    while !store.calls().contains(&Call::Part(1)) {
        tokio::task::yield_now().await;
    }
    catch.part(big_part(2)).await;
    catch.counts(30, 3000);
    catch.end(None);
    let mut third = Box::pin(async move { catch.part(big_part(3)).await });
    for _ in 0..1000 {
        assert!(futures::poll!(&mut third).is_pending());
        tokio::task::yield_now().await;
    }
    world.until(me, created.id, Status::ConversionPending).await;
    let open_gate = async {
        loop {
            go_on.notify_one();
            tokio::task::yield_now().await;
        }
    };
    let ended = async {
        assert!(third.await);
        world.until(me, created.id, Status::Success).await
    };
    let done = tokio::select! {
        done = ended => done,
        () = open_gate => unreachable!("it never ends"),
    };
    assert_eq!(done.counts.packets, 30);
    let object = store.object(&format!("/bucket/dir/pcap_{}.pcap", done.id)).unwrap();
    assert_eq!(object.len(), 15 << 20);
}

#[tokio::test]
async fn a_destination_deleted_before_the_run_looked() {
    let (world, _store, me) = world().await;
    // Deleted while the upload is being begun: whoever comes first, the capture does not go there.
    let created = world.create(me, URI).await.unwrap();
    world.captures.delete_ownership(me, created.ownership).await.unwrap();
    let ended = async {
        loop {
            let capture = world.captures.get(me, created.id).await.unwrap();
            if capture.status.is_terminal() {
                return capture;
            }
            if let Ok(catch) = world.catches.lock().await.try_recv() {
                catch.counts(1, 60);
                catch.finish(&b"x"[..]).await;
            }
            tokio::task::yield_now().await;
        }
    };
    let failed = tokio::time::timeout(common::PATIENCE, ended).await.unwrap();
    assert_eq!(failed.status, Status::Failed);
    assert!(failed.message.unwrap().contains("deleted"));
}
