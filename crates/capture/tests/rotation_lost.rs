//! Captures of several files of which not all become objects: the others stay, and what is missing is said.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_capture::{Capture, CreateCapture, DestinationSettings, R2Endpoint, Rotation, Status};
use baleen_meta::Scan;
use baleen_meta::keys::Table;
use baleen_runtime::Clock as _;
use baleen_types::CaptureId;
use common::agent::SimCatch;
use common::s3::{Act, Call, FakeS3};
use common::{Disk, World, account, big_part, request, to};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

const S3: &str = "s3://far/case-17";
const R2: &str = "r2://far/case-17?account-id=0123456789abcdef0123456789abcdef";
const HOUR: Duration = Duration::from_hours(1);

fn settings(store: &FakeS3, uri: &str) -> DestinationSettings {
    let configured = store.configured();
    if uri == R2 {
        return DestinationSettings {
            r2: Some(R2Endpoint::parse(configured.endpoint.as_str()).unwrap()),
            ..DestinationSettings::default()
        };
    }
    DestinationSettings {
        s3: Some(configured),
        ..DestinationSettings::default()
    }
}

/// A rotating capture into the store, as far as its agent has begun.
async fn begun(world: &World, store: &FakeS3, uri: &str) -> (CaptureId, SimCatch) {
    let me = account(1);
    let keys = if uri == R2 {
        "&access-key-id=AKID&secret-access-key=secret"
    } else {
        ""
    };
    let with_keys = format!("{uri}{keys}");
    let ownership = world.captures.create_ownership(me, &to(&with_keys)).await.unwrap();
    let path = format!("/far/case-17/{}", ownership.file_name);
    let text = String::from_utf8(store.object(&path).unwrap().to_vec()).unwrap();
    world.captures.validate_ownership(me, &to(uri), &text).await.unwrap();
    let rotating = CreateCapture {
        rotation: Rotation {
            bytes: Some(8 << 20),
            every: None,
        },
        ..request(me, uri)
    };
    let created = world.captures.create(rotating).await.unwrap();
    let catch = world.caught().await;
    (created.id, catch)
}

/// Delivers a whole file with so many packets more.
async fn file(catch: &SimCatch, number: u16, packets_until: u64) {
    catch.counts(packets_until, packets_until * 100);
    assert!(catch.piece_of(number, format!("file {number}"), true).await);
}

/// Files of 5, 4 and 3 packets.
async fn three_files(catch: SimCatch) {
    for (number, until) in [(0, 5), (1, 9), (2, 12)] {
        file(&catch, number, until).await;
    }
    catch.end(None);
}

async fn rows(disk: &Disk, table: Table) -> usize {
    disk.meta.scan(Scan::prefix(&[table as u8])).await.unwrap().len()
}

/// The numbers and packets of a capture's files.
fn files(capture: &Capture) -> Vec<(String, u64)> {
    let number = |object: &str| object.rsplit_once('_').unwrap().1.to_owned();
    let files = capture.files.iter();
    files.map(|file| (number(file.object.as_str()), file.packets)).collect()
}

fn named(files: &[(u16, u64)]) -> Vec<(String, u64)> {
    files
        .iter()
        .map(|(number, packets)| (format!("{number:04}.pcap"), *packets))
        .collect()
}

/// Waits for something while the clock goes on in such steps.
async fn hurried<T>(disk: &Disk, step: Duration, work: impl Future<Output = T>) -> T {
    let hurry = async {
        loop {
            disk.clock.advance(step);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        done = work => done,
        () = hurry => unreachable!("it never ends"),
    }
}

/// Does so with the calls of one kind, counted from 1.
fn at_calls(
    kind: impl Fn(&Call) -> bool + Send + 'static,
    act: impl Fn(u32) -> Act + Send + 'static,
) -> impl FnMut(&Call) -> Act + Send + 'static {
    let mut count = 0;
    move |call| {
        if !kind(call) {
            return Act::Serve;
        }
        count += 1;
        act(count)
    }
}

fn is_complete(call: &Call) -> bool {
    *call == Call::Complete
}

#[tokio::test]
async fn what_is_in_no_file_is_not_counted() {
    let store = FakeS3::start().await;
    let world = World::on(Disk::new(), 2, settings(&store, S3));
    let (id, catch) = begun(&world, &store, S3).await;
    store.script(at_calls(is_complete, |count| match count {
        2 => Act::Fail(403, "AccessDenied"),
        _ => Act::Serve,
    }));
    three_files(catch).await;
    let over = world.until(account(1), id, Status::Success).await;
    let message = over.message.clone().unwrap();
    assert_eq!(files(&over), named(&[(0, 5), (2, 3)]));
    assert_eq!((over.counts.packets, over.counts.bytes), (8, 800), "{message}");
    assert!(message.contains("hold 8 packets, and 4 more"), "{message}");
    assert!(
        message.contains("0001.pcap with 4 packets could not be stored"),
        "{message}"
    );
    assert!(world.supervisor.drain(common::PATIENCE).await);
    assert_eq!(store.open_uploads(), 0);
}

/// What a start makes of a capture whose process died when all was sent and one completion never ended.
fn killed_while_completing(uri: &'static str, refused: u32, hanging: u32) -> (Capture, usize) {
    let disk = Disk::new();
    let elsewhere = Runtime::new().unwrap();
    let store = elsewhere.block_on(FakeS3::start());
    let id = Runtime::new().unwrap().block_on(async {
        let world = World::on(disk.clone(), 2, settings(&store, uri));
        let (id, catch) = begun(&world, &store, uri).await;
        store.script(at_calls(is_complete, move |count| match count {
            count if count == refused => Act::Fail(403, "AccessDenied"),
            count if count == hanging => Act::Hang,
            _ => Act::Serve,
        }));
        three_files(catch).await;
        world.until(account(1), id, Status::ConversionRunning).await;
        let completions = |store: &FakeS3| store.calls().iter().filter(|call| is_complete(call)).count();
        while completions(&store) < hanging as usize {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        id
    });
    store.script(|_| Act::Serve);
    let over = next_start(&disk, &store, uri, id);
    (over, store.open_uploads())
}

fn next_start(disk: &Disk, store: &Arc<FakeS3>, uri: &str, id: CaptureId) -> Capture {
    Runtime::new().unwrap().block_on(async {
        let world = World::on(disk.clone(), 3, settings(store, uri));
        world.captures.recover().await.unwrap();
        let over = world.until_that(account(1), id, |c| c.status.is_terminal()).await;
        assert!(world.supervisor.drain(common::PATIENCE).await);
        for table in [Table::CapturePart, Table::CaptureUnfinished, Table::CaptureActive] {
            assert_eq!(rows(disk, table).await, 0, "{table:?}");
        }
        over
    })
}

#[test]
fn a_start_says_which_files_are_missing() {
    for (name, uri, (refused, hanging), expected, words) in [
        ("none", S3, (0, 2), &[(0, 5), (1, 4), (2, 3)][..], &[][..]),
        (
            "refused before the kill",
            S3,
            (2, 3),
            &[(0, 5), (2, 3)],
            &[
                "hold 8 packets, and 4 more",
                "0001.pcap with 4 packets could not be stored",
            ],
        ),
        (
            "not noted",
            R2,
            (0, 2),
            &[(0, 5)],
            &["hold 5 packets, and 7 more", "0001.pcap", "0002.pcap"],
        ),
        (
            "refused, and not noted",
            R2,
            (1, 2),
            &[],
            &["0000.pcap with 5 packets could not be stored", "0001.pcap", "0002.pcap"],
        ),
    ] {
        let (over, open_uploads) = killed_while_completing(uri, refused, hanging);
        let message = over.message.clone().unwrap_or_default();
        assert_eq!(files(&over), named(expected), "{name}: {message}");
        for words in words {
            assert!(message.contains(words), "{name}: {message}");
        }
        assert_eq!(message.is_empty(), words.is_empty(), "{name}: {message}");
        if expected.is_empty() {
            assert_eq!(over.status, Status::Failed, "{name}");
        } else {
            let packets = expected.iter().map(|(_, packets)| packets).sum();
            assert_eq!((over.status, over.counts.packets), (Status::Success, packets), "{name}");
        }
        assert_eq!(open_uploads, 0, "{name}");
    }
}

#[test]
fn a_kill_with_parts_of_one_size_leaves_what_is_complete() {
    for (whole, is_begun, expected) in [(0, true, &[][..]), (1, false, &[(0, 5)]), (1, true, &[(0, 5)])] {
        let name = format!("{whole} files, another is begun: {is_begun}");
        let disk = Disk::new();
        let elsewhere = Runtime::new().unwrap();
        let store = elsewhere.block_on(FakeS3::start());
        let id = Runtime::new().unwrap().block_on(async {
            let world = World::on(disk.clone(), 2, settings(&store, R2));
            let (id, catch) = begun(&world, &store, R2).await;
            if whole == 1 {
                file(&catch, 0, 5).await;
                world.until_that(account(1), id, |c| c.files.len() == 1).await;
            }
            if is_begun {
                let parts = |store: &FakeS3| store.calls().iter().filter(|c| matches!(c, Call::Part(_))).count();
                let before = parts(&store);
                catch.counts(9, 900);
                assert!(catch.piece_of(whole, vec![0; 9 << 20], false).await);
                while parts(&store) == before {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
            id
        });
        let over = next_start(&disk, &store, R2, id);
        let message = over.message.clone().unwrap();
        assert_eq!(files(&over), named(expected), "{name}: {message}");
        let status = if whole == 0 { Status::Failed } else { Status::Success };
        assert_eq!(over.status, status, "{name}: {message}");
        assert!(message.contains("server ended unexpectedly"), "{name}: {message}");
        if whole == 1 {
            assert_eq!(over.counts.packets, 5, "{name}");
            assert!(message.contains("lost"), "{name}: {message}");
            assert_eq!(message.contains("0001.pcap"), is_begun, "{name}: {message}");
        }
        assert_eq!(store.open_uploads(), 0, "{name}");
    }
}

#[test]
fn a_cut_file_that_the_store_refuses_after_a_kill() {
    let disk = Disk::new();
    let elsewhere = Runtime::new().unwrap();
    let store = elsewhere.block_on(FakeS3::start());
    let id = Runtime::new().unwrap().block_on(async {
        let world = World::on(disk.clone(), 2, settings(&store, S3));
        let (id, catch) = begun(&world, &store, S3).await;
        file(&catch, 0, 5).await;
        world.until_that(account(1), id, |c| c.files.len() == 1).await;
        while rows(&disk, Table::CapturePart).await > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        catch.counts(9, 900);
        assert!(catch.piece_of(1, big_part(1), false).await);
        while rows(&disk, Table::CapturePart).await == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        id
    });
    store.script(at_calls(is_complete, |_| Act::Fail(403, "AccessDenied")));
    let over = next_start(&disk, &store, S3, id);
    let message = over.message.clone().unwrap();
    assert_eq!((over.status, files(&over)), (Status::Success, named(&[(0, 5)])));
    assert_eq!((over.counts.packets, over.counts.bytes), (5, 500), "{message}");
    for words in [
        "hold 5 packets, and at least 4 more",
        "server ended unexpectedly",
        "0001.pcap with 4 packets could not be stored",
    ] {
        assert!(message.contains(words), "{message}");
    }
    assert_eq!(store.open_uploads(), 0);
}

#[tokio::test]
async fn a_store_that_is_away_at_a_rotation() {
    // Each time a file is begun there are three tries.
    for (name, failing, expected) in [
        ("for a while", 12, &[(0, 5), (1, 4), (2, 3)][..]),
        ("for good", u32::MAX, &[(0, 5)]),
    ] {
        let store = FakeS3::start().await;
        let world = World::on(Disk::new(), 2, settings(&store, S3));
        let (id, catch) = begun(&world, &store, S3).await;
        let mut begins = 0;
        store.script(move |call| {
            begins += u32::from(*call == Call::Begin);
            if *call == Call::Begin && begins <= failing {
                Act::Fail(503, "SlowDown")
            } else {
                Act::Serve
            }
        });
        file(&catch, 0, 5).await;
        let before = world.disk.clock_now();
        let rest = async {
            for (number, until) in [(1, 9), (2, 12)] {
                catch.counts(until, until * 100);
                catch.piece_of(number, "more", true).await;
            }
            catch.end(None);
            drop(catch);
            world.until_that(account(1), id, |c| c.status.is_terminal()).await
        };
        let over = hurried(&world.disk, Duration::from_millis(100), rest).await;
        assert_eq!(over.status, Status::Success, "{name}: {over:?}");
        assert_eq!(files(&over), named(expected), "{name}: {over:?}");
        assert_eq!(over.message.is_none(), failing < 100, "{name}: {over:?}");
        let taken = world.disk.clock_now().since(before);
        if failing > 100 {
            assert!(taken >= Duration::from_secs(55), "{name}: {taken:?}");
        }
    }
}

#[tokio::test]
async fn files_share_one_patience() {
    let store = FakeS3::start().await;
    let world = World::on(Disk::new(), 2, settings(&store, S3));
    let (id, catch) = begun(&world, &store, S3).await;
    file(&catch, 0, 5).await;
    world.until_that(account(1), id, |c| c.files.len() == 1).await;
    store.script(at_calls(is_complete, |_| Act::Fail(503, "SlowDown")));
    for (number, until) in [(1, 9), (2, 12)] {
        file(&catch, number, until).await;
    }
    catch.end(None);
    drop(catch);
    world.until(account(1), id, Status::ConversionRunning).await;
    let before = world.disk.clock.now();
    let over = world.until(account(1), id, Status::Success);
    let over = hurried(&world.disk, Duration::from_secs(90), over).await;
    let taken = world.disk.clock.now().since(before);
    assert!((20 * HOUR..36 * HOUR).contains(&taken), "{taken:?}");
    assert_eq!((files(&over), over.counts.packets), (named(&[(0, 5)]), 5));
}

#[test]
fn an_upload_that_is_not_given_up_yet_is_given_up_later() {
    for is_killed in [false, true] {
        let disk = Disk::new();
        let elsewhere = Runtime::new().unwrap();
        let store = elsewhere.block_on(FakeS3::start());
        let id = Runtime::new().unwrap().block_on(async {
            let world = World::on(disk.clone(), 2, settings(&store, S3));
            let (id, catch) = begun(&world, &store, S3).await;
            let mut completions = 0;
            store.script(move |call| {
                completions += u32::from(is_complete(call));
                match call {
                    Call::Complete if completions == 2 => Act::Fail(403, "AccessDenied"),
                    Call::Abort => Act::Fail(503, "SlowDown"),
                    _ => Act::Serve,
                }
            });
            three_files(catch).await;
            world.until(account(1), id, Status::Success).await;
            assert_eq!(
                (store.open_uploads(), rows(&disk, Table::CaptureUnfinished).await),
                (1, 1)
            );
            store.script(|_| Act::Serve);
            if !is_killed {
                let given_up = async {
                    while rows(&disk, Table::CaptureUnfinished).await > 0 {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                };
                hurried(&disk, Duration::from_millis(100), given_up).await;
            }
            id
        });
        let over = next_start(&disk, &store, S3, id);
        assert_eq!((over.status, files(&over)), (Status::Success, named(&[(0, 5), (2, 3)])));
        assert_eq!(store.open_uploads(), 0);
    }
}
