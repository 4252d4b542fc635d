//! Captures of several files: each is an object by itself, whatever becomes of the others.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_capture::{Capture, CaptureError, CreateCapture, DestinationSettings, Limited, Rotation, Status};
use baleen_meta::Scan;
use baleen_meta::keys::Table;
use baleen_types::{AccountId, CaptureId};
use common::agent::SimCatch;
use common::s3::{Act, Call, FakeS3};
use common::{Disk, World, account, big_part, request, to};
use std::time::Duration;
use tokio::runtime::Runtime;

const URI: &str = "s3://evidence/case-17";

fn rotating(me: AccountId, uri: &str) -> CreateCapture {
    CreateCapture {
        rotation: Rotation {
            bytes: Some(8 << 20),
            every: None,
        },
        ..request(me, uri)
    }
}

async fn begun(world: &World) -> (Capture, SimCatch) {
    world.make_bucket(account(1), "evidence").await;
    world.prove(account(1), URI).await;
    let capture = world.captures.create(rotating(account(1), URI)).await.unwrap();
    let catch = world.caught().await;
    assert_eq!(catch.order.rotation.bytes, Some(8 << 20));
    (capture, catch)
}

fn name(id: CaptureId, file: u16) -> String {
    format!("case-17/pcap_{id}_lab01_{file:04}.pcap")
}

async fn rows(disk: &Disk, table: Table) -> usize {
    disk.meta.scan(Scan::prefix(&[table as u8])).await.unwrap().len()
}

/// The names and packets of a capture's files.
fn files(capture: &Capture) -> Vec<(String, u64)> {
    let files = capture.files.iter();
    files.map(|file| (file.object.to_string(), file.packets)).collect()
}

#[tokio::test]
async fn files_are_there_while_others_are_written() {
    let world = World::new();
    let (capture, catch) = begun(&world).await;
    let id = capture.id;
    assert_eq!(capture.object.as_str(), format!("case-17/pcap_{id}"));
    catch.counts(10, 1000);
    assert!(catch.piece_of(0, big_part(1), false).await);
    catch.counts(12, 1200);
    assert!(catch.piece_of(0, "end of the first", true).await);
    // The first is complete while the capture runs.
    let running = world.until_that(account(1), id, |c| c.files.len() == 1).await;
    assert_eq!(running.status, Status::Running);
    let first = world.read("evidence", &name(id, 0)).await.unwrap();
    assert_eq!(first.len(), (5 << 20) + 16);
    // One that does not say that it ends: the next one does.
    catch.counts(20, 2000);
    assert!(catch.piece_of(1, "second", false).await);
    catch.counts(21, 2100);
    catch.end(None);
    assert!(catch.piece_of(2, "third", true).await);
    drop(catch);
    let over = world.until(account(1), id, Status::Success).await;
    assert_eq!((over.counts.packets, over.message.as_deref()), (21, None));
    assert_eq!(files(&over), [(name(id, 0), 12), (name(id, 1), 8), (name(id, 2), 1)]);
    let sizes: Vec<_> = over.files.iter().map(|f| (f.bytes, f.file_bytes)).collect();
    assert_eq!(sizes, [(1200, (5 << 20) + 16), (800, 6), (100, 5)]);
    assert_eq!(world.read("evidence", &name(id, 1)).await.unwrap(), b"second");
    assert_eq!(world.read("evidence", &name(id, 2)).await.unwrap(), b"third");
    assert_eq!(world.open_uploads("evidence").await, 0);
    for table in [Table::CapturePart, Table::CaptureUnfinished, Table::CaptureActive] {
        assert_eq!(rows(&world.disk, table).await, 0, "{table:?}");
    }
    // A list has no lists in it.
    assert!(world.captures.list(account(1)).await.unwrap()[0].files.is_empty());
    world.captures.purge_account(account(1)).await.unwrap();
    assert_eq!(rows(&world.disk, Table::CaptureFile).await, 0);
}

#[tokio::test]
async fn nothing_caught_is_a_failure_and_no_object() {
    for is_stopped in [false, true] {
        let world = World::new();
        let (capture, catch) = begun(&world).await;
        if is_stopped {
            world.captures.stop(account(1), capture.id).await.unwrap();
            catch.stopped().await;
        }
        catch.end(None);
        assert!(catch.piece_of(0, "head", true).await);
        drop(catch);
        let over = world
            .until_that(account(1), capture.id, |c| c.status.is_terminal())
            .await;
        if is_stopped {
            assert_eq!(
                (over.status, files(&over)),
                (Status::Success, vec![(name(capture.id, 0), 0)])
            );
        } else {
            assert_eq!((over.status, files(&over)), (Status::Failed, vec![]));
            assert!(over.message.unwrap().contains("no packet"));
        }
        assert!(world.supervisor.drain(common::PATIENCE).await);
        assert_eq!(world.open_uploads("evidence").await, 0);
        let proof = 1;
        assert_eq!(world.keys("evidence").await.len(), proof + usize::from(is_stopped));
    }
}

#[tokio::test]
async fn an_agent_out_of_turn_ends_the_capture() {
    for (name, files) in [("one is left out", [0, 2]), ("back", [1, 0])] {
        let world = World::new();
        let (capture, catch) = begun(&world).await;
        catch.counts(1, 100);
        for file in files {
            catch.piece_of(file, "bytes", false).await;
        }
        catch.stopped().await;
        catch.end(None);
        drop(catch);
        let over = world.until(account(1), capture.id, Status::Failed).await;
        assert!(over.message.unwrap().contains("out of turn"), "{name}");
        assert!(world.supervisor.drain(common::PATIENCE).await);
        assert_eq!(world.open_uploads("evidence").await, 0, "{name}");
    }
}

#[tokio::test]
async fn a_destination_that_goes_takes_what_is_not_complete() {
    let world = World::new();
    let (capture, catch) = begun(&world).await;
    catch.counts(5, 500);
    assert!(catch.piece_of(0, "first", true).await);
    world.until_that(account(1), capture.id, |c| c.files.len() == 1).await;
    world
        .captures
        .delete_ownership(account(1), capture.ownership)
        .await
        .unwrap();
    catch.stopped().await;
    catch.counts(7, 700);
    catch.end(None);
    catch.piece_of(1, "second", true).await;
    drop(catch);
    let over = world.until(account(1), capture.id, Status::Failed).await;
    assert!(
        over.message.as_ref().unwrap().contains("1 of its files are complete"),
        "{over:?}"
    );
    assert_eq!(files(&over), [(name(capture.id, 0), 5)]);
    assert!(world.supervisor.drain(common::PATIENCE).await);
}

#[tokio::test]
async fn a_store_that_refuses_a_file_keeps_those_before_it() {
    let store = FakeS3::start().await;
    let mut parts = 0;
    store.script(move |call| {
        parts += usize::from(matches!(call, Call::Part(_)));
        if parts == 2 {
            Act::Fail(403, "AccessDenied")
        } else {
            Act::Serve
        }
    });
    let settings = DestinationSettings {
        s3: Some(store.configured()),
        ..DestinationSettings::default()
    };
    let world = World::on(Disk::new(), 2, settings);
    let uri = "s3://far/case-17";
    let ownership = world.captures.create_ownership(account(1), &to(uri)).await.unwrap();
    let path = format!("/far/case-17/{}", ownership.file_name);
    let text = String::from_utf8(store.object(&path).unwrap().to_vec()).unwrap();
    world
        .captures
        .validate_ownership(account(1), &to(uri), &text)
        .await
        .unwrap();
    let capture = world.captures.create(rotating(account(1), uri)).await.unwrap();
    let catch = world.caught().await;
    catch.counts(5, 500);
    assert!(catch.piece_of(0, "first", true).await);
    world.until_that(account(1), capture.id, |c| c.files.len() == 1).await;
    catch.counts(9, 900);
    catch.piece_of(1, "second", true).await;
    catch.stopped().await;
    catch.end(None);
    drop(catch);
    let over = world.until(account(1), capture.id, Status::Success).await;
    let message = over.message.clone().unwrap();
    assert!(
        message.contains("ended early, and its last packets are in no file"),
        "{message}"
    );
    assert!(
        message.contains("its files hold 5 packets, and 4 more had been caught"),
        "{message}"
    );
    assert_eq!(files(&over), [(name(capture.id, 0), 5)]);
    assert_eq!((over.counts.packets, over.counts.bytes), (5, 500));
}

#[tokio::test]
async fn sizes_and_times_have_bounds() {
    let world = World::new();
    world.make_bucket(account(1), "evidence").await;
    world.prove(account(1), URI).await;
    for (bytes, every) in [
        (Some((1 << 20) - 1), None),
        (Some(1_000_000_001), None),
        (None, Some(Duration::from_millis(999))),
        (Some(1 << 20), Some(Duration::from_secs(301))),
    ] {
        let wrong = CreateCapture {
            rotation: Rotation { bytes, every },
            ..request(account(1), URI)
        };
        let refused = world.captures.create(wrong).await.unwrap_err();
        assert!(
            matches!(
                refused,
                CaptureError::Limit {
                    of: Limited::Rotation,
                    ..
                }
            ),
            "{refused:?}"
        );
    }
}

/// What a process has done when it is killed.
#[derive(Clone, Copy, Debug)]
enum Killed {
    /// Nothing is sent.
    AtFirst,
    /// A part of the first file is noted.
    InFirst,
    /// The first is complete, and nothing of the second is sent.
    Between,
    /// The first is complete, and a part of the second is noted.
    InSecond,
    /// Both have ended, and the capture is over.
    AtEnd,
}

#[test]
fn a_kill_leaves_what_was_stored() {
    use Killed::{AtEnd, AtFirst, Between, InFirst, InSecond};
    for (killed, expected) in [
        (AtFirst, vec![]),
        (InFirst, vec![10]),
        (Between, vec![12]),
        (InSecond, vec![12, 20]),
        (AtEnd, vec![12, 22]),
    ] {
        let disk = Disk::new();
        let id = Runtime::new().unwrap().block_on(async {
            let world = World::on(disk.clone(), 2, DestinationSettings::default());
            let (capture, catch) = begun(&world).await;
            let id = capture.id;
            let noted = async |parts| {
                while rows(&disk, Table::CapturePart).await != parts {
                    tokio::task::yield_now().await;
                }
            };
            if matches!(killed, AtFirst) {
                return id;
            }
            catch.counts(10, 1000);
            assert!(catch.piece_of(0, big_part(1), false).await);
            noted(1).await;
            if matches!(killed, InFirst) {
                return id;
            }
            catch.counts(12, 1200);
            assert!(catch.piece_of(0, "end", true).await);
            world.until_that(account(1), id, |c| c.files.len() == 1).await;
            noted(0).await;
            if matches!(killed, Between) {
                return id;
            }
            catch.counts(32, 3200);
            assert!(catch.piece_of(1, big_part(2), false).await);
            noted(1).await;
            if matches!(killed, InSecond) {
                return id;
            }
            catch.counts(34, 3400);
            assert!(catch.piece_of(1, "end", true).await);
            world.until_that(account(1), id, |c| c.files.len() == 2).await;
            id
        });
        for start in 3..5 {
            Runtime::new().unwrap().block_on(async {
                let world = World::on(disk.clone(), start, DestinationSettings::default());
                let recovered = world.captures.recover().await.unwrap();
                let is_first = start == 3;
                assert_eq!(
                    (recovered.completing, recovered.failed),
                    (
                        usize::from(is_first && !expected.is_empty()),
                        usize::from(is_first && expected.is_empty())
                    ),
                    "{killed:?}"
                );
                let over = world.until_that(account(1), id, |c| c.status.is_terminal()).await;
                assert!(world.supervisor.drain(common::PATIENCE).await);
                let packets: Vec<u64> = over.files.iter().map(|file| file.packets).collect();
                assert_eq!(packets, expected, "{killed:?}: {over:?}");
                for file in &over.files {
                    let bytes = world.read("evidence", file.object.as_str()).await.unwrap();
                    assert_eq!(bytes.len() as u64, file.file_bytes, "{killed:?}");
                }
                let message = over.message.unwrap();
                if expected.is_empty() {
                    assert_eq!(over.status, Status::Failed);
                } else {
                    assert_eq!(
                        (over.status, over.counts.packets),
                        (Status::Success, expected.iter().sum())
                    );
                    assert!(message.contains("its files hold"), "{message}");
                }
                assert_eq!(world.open_uploads("evidence").await, 0, "{killed:?}");
                for table in [Table::CapturePart, Table::CaptureUnfinished, Table::CaptureActive] {
                    assert_eq!(rows(&disk, table).await, 0, "{killed:?} {table:?}");
                }
            });
        }
    }
}
