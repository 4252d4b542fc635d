//! Captures of accounts that may not act any more, and of accounts that are purged.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_capture::{CaptureError, Purged, Status};
use baleen_meta::Scan;
use baleen_meta::keys::{Belonging, Table};
use baleen_types::AccountId;
use common::{World, account, request};

const SUSPENDED: &str = "the capture ended early: its account was disabled or deleted";

fn uri(number: u64) -> String {
    format!("s3://evidence-{number}/case?region=eu-1")
}

/// A world in which two accounts may capture.
async fn world() -> World {
    let world = World::new();
    for number in [1, 2] {
        world.make_bucket(account(number), &format!("evidence-{number}")).await;
        world.prove(account(number), &uri(number)).await;
    }
    world
}

/// The tables in which an account has keys.
async fn tables_of(world: &World, account: AccountId) -> Vec<Table> {
    let all = world.disk.meta.scan(Scan::prefix(b"")).await.unwrap();
    let mut tables: Vec<_> = all
        .iter()
        .filter(|entry| entry.key.get(1..9) == Some(&account.as_u64().to_be_bytes()))
        .map(|entry| Table::from_tag(entry.key[0]).unwrap())
        .filter(|table| table.belonging() == Belonging::Account && *table != Table::BucketByOwner)
        .collect();
    tables.dedup();
    tables
}

#[tokio::test]
async fn captures_end_with_their_account_and_say_so() {
    let world = world().await;
    let (me, other) = (account(1), account(2));
    for (packets, bytes, trouble, missing, message) in [
        (3, &b"three"[..], None, None, SUSPENDED.to_owned()),
        // As a stop that was asked for: a file without packets is a file.
        (0, b"empty", None, None, SUSPENDED.to_owned()),
        (
            2,
            b"two",
            None,
            Some("eth1 went down"),
            format!("{SUSPENDED}; eth1 went down"),
        ),
        (
            2,
            b"two",
            Some("the disk is full"),
            None,
            "the capture ended early: the disk is full".to_owned(),
        ),
    ] {
        let created = world.captures.create(request(me, &uri(1))).await.unwrap();
        let catch = world.caught().await;
        let bystander = world.captures.create(request(other, &uri(2))).await.unwrap();
        let others = world.caught().await;
        world.until(me, created.id, Status::Running).await;
        world.until(other, bystander.id, Status::Running).await;
        assert_eq!(world.captures.running_accounts().len(), 2);

        assert_eq!(world.captures.suspend(me), 1);
        assert_eq!(world.captures.suspend(me), 0, "once is enough");
        catch.stopped().await;
        catch.counts(packets, packets * 100);
        assert!(catch.part(bytes.to_vec()).await);
        catch.end_with(trouble, missing);
        drop(catch);
        let done = world.until(me, created.id, Status::Success).await;
        assert_eq!(done.message, Some(message));
        // Nobody of the account asked for it.
        assert_eq!((done.stop_requested, done.counts.packets), (None, packets));
        assert_eq!(world.read("evidence-1", created.object.as_str()).await.unwrap(), bytes);

        others.counts(1, 100);
        others.finish(&b"one"[..]).await;
        let done = world.until(other, bystander.id, Status::Success).await;
        assert_eq!(done.message, None);
    }
}

#[tokio::test]
async fn a_stop_that_was_asked_for_before_is_the_reason() {
    let world = world().await;
    let me = account(1);
    let created = world.captures.create(request(me, &uri(1))).await.unwrap();
    let catch = world.caught().await;
    world.until(me, created.id, Status::Running).await;
    world.captures.stop(me, created.id).await.unwrap();
    assert_eq!(world.captures.suspend(me), 0);
    catch.finish(&b"file"[..]).await;
    assert_eq!(world.until(me, created.id, Status::Success).await.message, None);
}

#[tokio::test]
async fn a_purge_waits_for_what_runs_and_leaves_nothing() {
    let world = world().await;
    let (me, other) = (account(1), account(2));
    for number in [1, 2] {
        let over = world
            .captures
            .create(request(account(number), &uri(number)))
            .await
            .unwrap();
        let catch = world.caught().await;
        catch.counts(1, 100);
        catch.finish(&b"one"[..]).await;
        world.until(account(number), over.id, Status::Success).await;
    }
    let running = world.captures.create(request(me, &uri(1))).await.unwrap();
    let catch = world.caught().await;
    world.until(me, running.id, Status::Running).await;
    let (all, others) = (tables_of(&world, me).await, tables_of(&world, other).await);
    assert_eq!(
        all,
        [
            Table::Ownership,
            Table::CaptureTask,
            Table::OwnershipByDestination,
            Table::CaptureTaskByTime,
            Table::CaptureActive,
            Table::CaptureUnfinished,
            Table::OwnershipNewest,
        ],
        "a table that a purge forgets would not be seen"
    );

    let waits = world.captures.purge_account(me).await.unwrap();
    assert_eq!((waits.records, waits.unfinished), (0, 1));
    assert_eq!(tables_of(&world, me).await, all);
    catch.stopped().await;
    catch.counts(2, 200);
    catch.finish(&b"two"[..]).await;
    let done = world.until(me, running.id, Status::Success).await;
    assert_eq!(done.message.as_deref(), Some(SUSPENDED));

    let done = world.captures.purge_account(me).await.unwrap();
    // Two captures in two tables, and a destination in three.
    assert_eq!((done.records, done.unfinished), (7, 0));
    assert!(tables_of(&world, me).await.is_empty());
    assert_eq!(tables_of(&world, other).await, others);
    assert_eq!(world.captures.purge_account(me).await.unwrap(), Purged::default());
    assert!(world.captures.list(me).await.unwrap().is_empty());
    let again = world.captures.create(request(me, &uri(1))).await;
    assert!(matches!(again, Err(CaptureError::NotProven(_))), "{again:?}");
}
