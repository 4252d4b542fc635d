//! Capture tasks: names, slots, lists, files and their end.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_capture::limits::{EXPIRY_POSTPONED, TASKS_DELETED_MAX, TICKET_ADDRESSES_MAX, TICKET_LIFE};
use baleen_capture::{
    CaptureError, CaptureFilter, Counts, CreateTask, DestinationSettings, Format, Limits, Recovered, Task, TaskAddress,
    TaskName, TaskSpec, TaskStatus,
};
use baleen_filter::{End, FiveTuple};
use baleen_meta::keys::{Belonging, KeyWriter, Table};
use baleen_meta::{Request, Scan};
use baleen_objects::captures_bucket;
use baleen_types::{AccountId, ByteRange, CaptureId, ObjectKey, ObjectPath, ProjectId, SiteName};
use common::agent::SimCatch;
use common::{Disk, PATIENCE, World, account, big_part, request};
use futures::StreamExt as _;
use std::net::IpAddr;
use std::time::Duration;
use tokio::runtime::Runtime;

const DAY: Duration = Duration::from_hours(24);

/// A file without packets, as the engine makes it: its head.
const EMPTY_FILE: &[u8] = b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\x04\0\x01\0\0\0";

fn site(name: &str) -> SiteName {
    SiteName::parse(name).unwrap()
}

fn lab() -> SiteName {
    site("lab01")
}

fn task(owner: u64, name: &str) -> CreateTask {
    let address = |address: &str| TaskAddress {
        address: address.to_owned(),
        is_v6: false,
    };
    CreateTask {
        account: account(owner),
        instance: lab(),
        spec: TaskSpec {
            name: TaskName::parse(name).unwrap(),
            duration_minutes: 3,
            packets: 100_000,
            hold_days: 7,
            source: address("1.1.1.1"),
            destination: address("2.2.2.0-2.2.2.9"),
            protocol: 6,
            source_port: String::new(),
            destination_port: "80,443".to_owned(),
        },
        filter: CaptureFilter::Tuple(FiveTuple {
            source: End {
                addresses: vec!["1.1.1.1/32".parse().unwrap()],
                ports: Vec::new(),
            },
            protocol: Some(6),
            ..FiveTuple::default()
        }),
    }
}

impl World {
    async fn start(&self, owner: u64, name: &str) -> (CaptureId, SimCatch) {
        let made = self.captures.create_task(task(owner, name)).await.unwrap();
        (made.id, self.caught().await)
    }

    /// A task that ended with a few packets.
    async fn finished(&self, owner: u64, name: &str) -> CaptureId {
        let (id, catch) = self.start(owner, name).await;
        catch.counts(2, 200);
        catch.finish(&b"two packets"[..]).await;
        self.until_task(owner, id, TaskStatus::Finished).await;
        id
    }

    async fn tasks(&self, owner: u64) -> Vec<Task> {
        let page = self.captures.list_tasks(account(owner), &lab(), 0..1024).await.unwrap();
        assert_eq!(page.total, page.tasks.len());
        page.tasks
    }

    async fn names(&self, owner: u64) -> Vec<String> {
        let tasks = self.tasks(owner).await;
        tasks.iter().map(|task| task.spec.name.to_string()).collect()
    }

    async fn until_task(&self, owner: u64, id: CaptureId, status: TaskStatus) -> Task {
        let mut last = None;
        let wait = async {
            loop {
                let found = self.tasks(owner).await.into_iter().find(|task| task.id == id).unwrap();
                if found.status == status {
                    return found;
                }
                last = Some(found);
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let found = tokio::time::timeout(PATIENCE, wait).await.ok();
        found.unwrap_or_else(|| panic!("it stays {last:?}"))
    }

    async fn home_keys(&self, owner: u64) -> Vec<String> {
        self.keys(captures_bucket(account(owner)).as_str()).await
    }

    async fn files(&self, id: CaptureId, from: &[&str]) -> Result<String, CaptureError> {
        let addresses = from.iter().map(|text| text.parse().unwrap()).collect();
        let of = (account(1), project(1));
        let files = self.captures.task_files(of, &lab(), id, addresses).await?;
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].name, format!("pcap_{id}.pcap"));
        assert_eq!(files[0].object.as_str(), files[0].name);
        Ok(files[0].ticket.clone())
    }

    /// What follows a link gets.
    async fn follow(&self, ticket: &str, number: u8, from: &str) -> Result<Vec<u8>, CaptureError> {
        let redeemed = self.captures.redeem(ticket, project(number), ip(from))?;
        let mut opened = self.captures.open_task_file(redeemed, None).await?;
        assert_eq!(opened.range.length, opened.size);
        let mut bytes = Vec::new();
        while let Some(piece) = opened.body.next().await {
            bytes.extend_from_slice(&piece.unwrap());
        }
        Ok(bytes)
    }

    async fn delete(&self, owner: u64, ids: &[CaptureId]) -> Result<(), CaptureError> {
        self.captures.delete_tasks(account(owner), &lab(), ids.to_vec()).await
    }

    async fn expire(&self) -> (u64, u64) {
        let expired = self.captures.expire_tasks(|_| {}).await.unwrap();
        (expired.tasks.values().sum(), expired.postponed)
    }
}

fn project(n: u8) -> ProjectId {
    ProjectId::from_bytes([n; 16])
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[tokio::test]
async fn from_request_to_file() {
    let world = World::new();
    let asked = task(1, "zhuabaotest");
    let made = world.captures.create_task(asked.clone()).await.unwrap();
    assert_eq!(
        (made.status, made.counts, made.days_left),
        (TaskStatus::Waiting, None, 7)
    );
    assert_eq!(made.spec, asked.spec);
    let text = made.id.to_string();
    assert!(
        text[12..13] == *"4" && "89ab".contains(&text[16..17]),
        "{text} is a UUID"
    );

    let catch = world.caught().await;
    assert_eq!(
        catch.order.limits,
        Limits {
            time: Duration::from_mins(3),
            packets: 100_000,
            bytes: 10 << 30
        }
    );
    assert_eq!(catch.order.format, Format::Pcap);
    assert!(matches!(
        world.files(made.id, &[]).await,
        Err(CaptureError::TaskNotOver(id)) if id == made.id
    ));
    world.disk.clock.advance(Duration::from_secs(1));
    catch.counts(7, 700);
    assert!(catch.part(big_part(1)).await);
    let running = world.until_task(1, made.id, TaskStatus::Running).await;
    assert_eq!(running.counts.unwrap().bytes, 700);
    assert_eq!(running.created, made.created);
    catch.counts(9, 900);
    catch.end(None);
    // What is not safe yet is not over.
    assert_eq!(world.tasks(1).await[0].status, TaskStatus::Running);
    catch.piece(&b"tail"[..], true).await;
    drop(catch);
    let done = world.until_task(1, made.id, TaskStatus::Finished).await;
    assert_eq!(
        (done.counts.unwrap().packets, done.message, done.days_left),
        (9, None, 7)
    );
    assert!(done.modified > done.created);
    assert_eq!(world.home_keys(1).await, [format!("pcap_{}.pcap", made.id)]);
    let ticket = world.files(made.id, &[]).await.unwrap();
    let bytes = world.follow(&ticket, 1, "192.0.2.1").await.unwrap();
    assert_eq!(&bytes[5 << 20..], b"tail");
}

#[tokio::test]
async fn ends() {
    let world = World::new();
    let caught = Counts {
        packets: 1,
        bytes: 60,
        dropped: 0,
    };
    for (name, counts, stop, trouble, missing, status, message) in [
        ("limit", caught, false, None, None, TaskStatus::Finished, None),
        // The vendor knows no task that fails since nothing came.
        (
            "silence",
            Counts::default(),
            false,
            None,
            None,
            TaskStatus::Finished,
            None,
        ),
        (
            "lame",
            Counts::default(),
            false,
            None,
            Some("eth1 went down"),
            TaskStatus::Finished,
            Some("eth1 went down"),
        ),
        ("stopped", caught, true, None, None, TaskStatus::Stopped, None),
        (
            "nothing",
            Counts::default(),
            true,
            None,
            None,
            TaskStatus::Stopped,
            None,
        ),
        (
            "cut",
            caught,
            false,
            Some("eth0 vanished"),
            None,
            TaskStatus::Finished,
            Some("the capture ended early: eth0 vanished"),
        ),
        (
            "lost",
            Counts::default(),
            false,
            Some("eth0 vanished"),
            None,
            TaskStatus::Failed,
            Some("eth0 vanished"),
        ),
    ] {
        let (id, catch) = world.start(1, name).await;
        world.until_task(1, id, TaskStatus::Running).await;
        catch.counts(counts.packets, counts.bytes);
        if stop {
            let asked = world.captures.stop_task(account(1), &lab(), id).await.unwrap();
            assert_eq!((asked.status, asked.spec.name.as_str()), (TaskStatus::Stopping, name));
            catch.stopped().await;
            let again = world.captures.stop_task(account(1), &lab(), id).await;
            assert!(matches!(again, Err(CaptureError::NotStoppable(_))), "{again:?}");
        }
        catch.end_with(trouble, missing);
        catch.piece(EMPTY_FILE, true).await;
        drop(catch);
        let done = world.until_task(1, id, status).await;
        assert_eq!(done.message.as_deref(), message, "{name}");
        match world.files(id, &[]).await {
            Ok(ticket) if status != TaskStatus::Failed => {
                assert_eq!(world.follow(&ticket, 1, "::1").await.unwrap(), EMPTY_FILE);
            }
            Err(CaptureError::NoTaskFile { why }) if status == TaskStatus::Failed => assert_eq!(why, "eth0 vanished"),
            other => panic!("{name}: {other:?}"),
        }
        let over = world.captures.stop_task(account(1), &lab(), id).await;
        assert!(matches!(over, Err(CaptureError::NotStoppable(_))), "{name}: {over:?}");
    }
}

#[tokio::test]
async fn an_agent_that_does_not_begin_is_a_failure_with_its_words() {
    let world = World::new();
    world.agent.refuse("interface eth7: no such device");
    let made = world.captures.create_task(task(1, "a")).await.unwrap();
    let failed = world.until_task(1, made.id, TaskStatus::Failed).await;
    assert_eq!(failed.message.as_deref(), Some("interface eth7: no such device"));
    assert_eq!(failed.counts, None);
    // Its slot is free again.
    for name in ["b", "c", "d"] {
        let made = world.captures.create_task(task(1, name)).await.unwrap();
        world.until_task(1, made.id, TaskStatus::Failed).await;
    }
}

#[tokio::test]
async fn wrong_requests() {
    type Edit = fn(&mut CreateTask);
    let world = World::new();
    let edits: [(Edit, &str); 9] = [
        (|t| t.spec.duration_minutes = 0, "1 to 1440 minutes"),
        (|t| t.spec.duration_minutes = 1441, "1 to 1440 minutes"),
        (|t| t.spec.packets = 0, "1 to 1000000 packets"),
        (|t| t.spec.packets = 1_000_001, "1 to 1000000 packets"),
        (|t| t.spec.hold_days = 0, "1 to 7 days"),
        (|t| t.spec.hold_days = 8, "1 to 7 days"),
        (|t| t.spec.source_port = "1,".repeat(2100), "4096 bytes"),
        (|t| t.instance = site("nowhere"), "no capture agent serves nowhere"),
        (
            |t| t.filter = CaptureFilter::Expression("tcp prt 1".to_owned()),
            "does not compile",
        ),
    ];
    for (edit, words) in edits {
        let mut asked = task(1, "a");
        edit(&mut asked);
        let error = world.captures.create_task(asked).await.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    let mut at_the_limits = task(1, &"ü".repeat(255));
    at_the_limits.spec.duration_minutes = 1440;
    at_the_limits.spec.packets = 1_000_000;
    at_the_limits.spec.hold_days = 1;
    let made = world.captures.create_task(at_the_limits.clone()).await.unwrap();
    assert_eq!((made.spec, made.days_left), (at_the_limits.spec, 1));
    assert!(TaskName::parse(&"ü".repeat(256)).is_err());
    world.agent.set_away(true);
    let away = world.captures.create_task(task(1, "b")).await;
    assert!(matches!(away, Err(CaptureError::NoAgentConnected(_))), "{away:?}");
    assert_eq!(world.names(1).await.len(), 1, "a wrong request leaves nothing");
}

#[tokio::test]
async fn a_name_is_that_of_one_task_of_an_instance() {
    let world = World::new();
    let tries = futures::future::join_all((0..6).map(|_| {
        let captures = world.captures.clone();
        tokio::spawn(async move { captures.create_task(task(1, "same")).await })
    }))
    .await;
    let (made, refused): (Vec<_>, Vec<_>) = tries.into_iter().map(Result::unwrap).partition(Result::is_ok);
    assert_eq!(made.len(), 1);
    for error in refused {
        // Who came while all room was taken by the others was told of that.
        let is_told = matches!(error, Err(CaptureError::NameTaken | CaptureError::Share { limit: 4 }));
        assert!(is_told, "{error:?}");
    }
    world.caught().await.finish(&b"same"[..]).await;
    let first = world
        .until_task(1, made[0].as_ref().unwrap().id, TaskStatus::Finished)
        .await
        .id;
    // Not to other accounts, in other letters, or at another instance.
    let mut elsewhere = task(1, "same");
    elsewhere.instance = site("Everywhere");
    for asked in [task(2, "same"), task(1, "Same"), elsewhere.clone()] {
        let made = world.captures.create_task(asked).await.unwrap();
        let catch = world.caught().await;
        assert_eq!(catch.order.capture, made.id);
        catch.finish(&b"other"[..]).await;
    }
    for taken in [task(1, "same"), elsewhere] {
        let again = world.captures.create_task(taken).await;
        assert!(matches!(again, Err(CaptureError::NameTaken)), "{again:?}");
    }
    let list = |instance| {
        let captures = world.captures.clone();
        async move {
            captures
                .list_tasks(account(1), &site(instance), 0..10)
                .await
                .unwrap()
                .total
        }
    };
    assert_eq!((list("LAB01").await, list("everywhere").await), (2, 1));
    // A deleted task has no name.
    world.delete(1, &[first]).await.unwrap();
    world.finished(1, "same").await;
}

#[tokio::test]
async fn so_many_at_once_and_not_one_more() {
    let world = World::new();
    let tries = futures::future::join_all((0..16).map(|n| {
        let captures = world.captures.clone();
        tokio::spawn(async move { captures.create_task(task(1, &format!("task {n}"))).await })
    }))
    .await;
    let (made, refused): (Vec<_>, Vec<_>) = tries.into_iter().map(Result::unwrap).partition(Result::is_ok);
    assert_eq!(made.len(), 3);
    for error in refused {
        let is_told = matches!(
            error,
            Err(CaptureError::TooManyTasks { limit: 3 } | CaptureError::Share { limit: 4 })
        );
        assert!(is_told, "{error:?}");
    }
    let fourth = world.captures.create_task(task(1, "fourth")).await;
    assert!(
        matches!(fourth, Err(CaptureError::TooManyTasks { limit: 3 })),
        "{fourth:?}"
    );
    // The captures of the other door are not counted, nor kept from running.
    world.make_bucket(account(1), "evidence").await;
    world.prove(account(1), "s3://evidence").await;
    // One's end makes room for one.
    let catches = [world.caught().await, world.caught().await, world.caught().await];
    let other = world.create(account(1), "s3://evidence").await.unwrap();
    let [first, ..] = catches;
    let id = first.order.capture;
    first.counts(1, 60);
    first.finish(&b"done"[..]).await;
    world.until_task(1, id, TaskStatus::Finished).await;
    let caught = world.caught().await;
    assert_eq!(caught.order.capture, other.id);
    caught.counts(1, 60);
    caught.finish(&b"done"[..]).await;
    world.until(account(1), other.id, baleen_capture::Status::Success).await;
    world.start(1, "fourth").await;
    let fifth = world.captures.create_task(task(1, "fifth")).await;
    assert!(
        matches!(fifth, Err(CaptureError::TooManyTasks { limit: 3 })),
        "{fifth:?}"
    );
}

#[tokio::test]
async fn each_door_shows_its_own() {
    let world = World::new();
    world.make_bucket(account(1), "evidence").await;
    world.prove(account(1), "s3://evidence").await;
    let other = world
        .captures
        .create(request(account(1), "s3://evidence"))
        .await
        .unwrap();
    let others = world.caught().await;
    let (id, catch) = world.start(1, "mine").await;
    let listed = world.captures.list(account(1)).await.unwrap();
    assert_eq!(listed.iter().map(|c| c.id).collect::<Vec<_>>(), [other.id]);
    assert!(matches!(
        world.captures.get(account(1), id).await,
        Err(CaptureError::NoSuchCapture(_))
    ));
    assert!(matches!(
        world.captures.stop(account(1), id).await,
        Err(CaptureError::NoSuchCapture(_))
    ));
    assert_eq!(world.names(1).await, ["mine"]);
    let stop = world.captures.stop_task(account(1), &lab(), other.id).await;
    assert!(matches!(stop, Err(CaptureError::NoSuchTask)), "{stop:?}");
    assert!(matches!(
        world.delete(1, &[other.id]).await,
        Err(CaptureError::NoSuchTask)
    ));
    assert!(matches!(
        world.files(other.id, &[]).await,
        Err(CaptureError::NoSuchTask)
    ));
    // What is another account's, or another instance's, is not there either.
    for (owner, instance) in [(2, "lab01"), (1, "everywhere")] {
        let stop = world.captures.stop_task(account(owner), &site(instance), id).await;
        assert!(matches!(stop, Err(CaptureError::NoSuchTask)), "{stop:?}");
    }
    let nowhere = world.captures.stop_task(account(1), &site("nowhere"), id).await;
    assert!(matches!(nowhere, Err(CaptureError::NoSite(_))), "{nowhere:?}");
    catch.finish(&b"mine"[..]).await;
    world.until_task(1, id, TaskStatus::Finished).await;
    others.finish(EMPTY_FILE).await;
}

#[tokio::test]
async fn lists_come_in_pages() {
    let world = World::new();
    let mut names = Vec::new();
    for n in 0..5 {
        names.insert(0, format!("task {n}"));
        world.finished(1, &names[0]).await;
        world.disk.clock.advance(Duration::from_millis(1));
    }
    world.finished(2, "theirs").await;
    for (range, expected) in [
        (0..1024, &names[..]),
        (0..2, &names[..2]),
        (2..4, &names[2..4]),
        (4..6, &names[4..]),
        (5..6, &[]),
        (usize::MAX..usize::MAX, &[]),
    ] {
        let page = world
            .captures
            .list_tasks(account(1), &lab(), range.clone())
            .await
            .unwrap();
        let found: Vec<_> = page.tasks.iter().map(|task| task.spec.name.to_string()).collect();
        assert_eq!((page.total, &found[..]), (5, expected), "{range:?}");
    }
    assert_eq!(world.names(2).await, ["theirs"]);
    let unknown = world.captures.list_tasks(account(1), &site("nowhere"), 0..1).await;
    assert!(matches!(unknown, Err(CaptureError::NoSite(_))));
}

#[tokio::test]
async fn all_are_deleted_or_none() {
    let world = World::new();
    let (a, b) = (world.finished(1, "a").await, world.finished(1, "b").await);
    let (running, catch) = world.start(1, "running").await;
    let theirs = world.finished(2, "theirs").await;
    let unknown = CaptureId::from_bytes([9; 16]);
    for (ids, expected) in [
        (&[a, unknown, b][..], "there is no such capture task"),
        (&[a, theirs], "there is no such capture task"),
        (&[a, running, b], "is not over"),
        (&[b; 3], ""),
    ] {
        match world.delete(1, ids).await {
            Ok(()) => assert_eq!(expected, ""),
            Err(error) => assert!(!expected.is_empty() && error.to_string().contains(expected), "{error}"),
        }
    }
    assert_eq!(world.names(1).await, ["running", "a"]);
    assert_eq!(world.home_keys(1).await, [format!("pcap_{a}.pcap")]);
    let gone = world.delete(1, &[b]).await;
    assert!(matches!(gone, Err(CaptureError::NoSuchTask)), "{gone:?}");
    let many: Vec<_> = (0..=TASKS_DELETED_MAX as u128)
        .map(|n| CaptureId::from_bytes(n.to_be_bytes()))
        .collect();
    assert!(matches!(
        world.delete(1, &many).await,
        Err(CaptureError::TaskLimit { .. })
    ));
    // What is deleted stays so when its day comes.
    catch.finish(&b"end"[..]).await;
    world.until_task(1, running, TaskStatus::Finished).await;
    world.delete(1, &[running, a]).await.unwrap();
    assert!(world.home_keys(1).await.is_empty());
    assert!(left_of(&world, account(1)).await.is_empty());
    world.disk.clock.advance(8 * DAY);
    assert_eq!(world.expire().await, (1, 0), "the other account's");
}

/// The tables in which tasks of an account have rows.
async fn left_of(world: &World, account: AccountId) -> Vec<Table> {
    let all = world.disk.meta.scan(Scan::prefix(b"")).await.unwrap();
    let tables = [
        Table::CaptureTask,
        Table::TaskName,
        Table::TaskByTime,
        Table::TaskSlot,
        Table::TaskExpiry,
    ];
    let is_left = |key: &[u8]| {
        let table = Table::from_tag(key[0]).unwrap();
        let at = if table == Table::TaskExpiry { 9 } else { 1 };
        let is_theirs = key.get(at..at + 8) == Some(&account.as_u64().to_be_bytes()[..]);
        (tables.contains(&table) && is_theirs).then_some(table)
    };
    all.iter().filter_map(|entry| is_left(&entry.key)).collect()
}

#[test]
fn what_was_caught_is_kept_for_its_days_and_not_an_hour_longer() {
    let disk = Disk::new();
    let run = |seed, life: fn(World) -> futures::future::BoxFuture<'static, ()>| {
        let world = World::on(disk.clone(), seed, DestinationSettings::default());
        Runtime::new().unwrap().block_on(life(world));
    };
    run(2, |world| {
        Box::pin(async move {
            let mut one_day = task(1, "one day");
            one_day.spec.hold_days = 1;
            let made = world.captures.create_task(one_day).await.unwrap();
            let catch = world.caught().await;
            // Days count from the end.
            world.disk.clock.advance(Duration::from_mins(2));
            catch.finish(EMPTY_FILE).await;
            let done = world.until_task(1, made.id, TaskStatus::Finished).await;
            assert_eq!(done.days_left, 1);
            world.finished(1, "seven days").await;
            world.disk.clock.advance(DAY.saturating_sub(Duration::from_nanos(1)));
            assert_eq!(world.expire().await, (0, 0));
            let left: Vec<_> = world.tasks(1).await.iter().map(|task| task.days_left).collect();
            assert_eq!(left, [7, 1], "begun days count");
            world.files(made.id, &[]).await.unwrap();
            world.disk.clock.advance(Duration::from_nanos(1));
            // Over is over, also before the next pass.
            let late = world.files(made.id, &[]).await;
            assert!(matches!(late, Err(CaptureError::NoSuchTask)), "{late:?}");
        })
    });
    // The next process does it.
    run(3, |world| {
        Box::pin(async move {
            assert_eq!(world.captures.recover().await.unwrap(), Recovered::default());
            assert_eq!(world.expire().await, (1, 0));
            assert_eq!(world.names(1).await, ["seven days"]);
            assert_eq!(world.home_keys(1).await.len(), 1);
            assert_eq!(world.expire().await, (0, 0));
            world.finished(1, "one day").await;
            world.disk.clock.advance(7 * DAY);
            assert_eq!(world.expire().await, (2, 0));
            assert!(world.home_keys(1).await.is_empty());
            assert!(left_of(&world, account(1)).await.is_empty());
        })
    });
}

#[tokio::test]
async fn what_cannot_be_forgotten_now_keeps_nothing_else() {
    let world = World::new();
    let stuck = world.finished(1, "stuck").await;
    world.finished(1, "other").await;
    // As while its upload is being given up.
    let unfinished = KeyWriter::new(Table::CaptureUnfinished)
        .u64(account(1).as_u64())
        .fixed(stuck.as_bytes())
        .finish();
    let meta = &world.disk.meta;
    meta.commit(Request::new().put(unfinished.clone(), Vec::new()))
        .await
        .unwrap();
    let busy = world.delete(1, &[stuck]).await;
    assert!(matches!(busy, Err(CaptureError::TaskNotOver(_))), "{busy:?}");
    world.disk.clock.advance(7 * DAY);
    assert_eq!(world.expire().await, (1, 1));
    assert_eq!(world.expire().await, (0, 0), "not at once again");
    meta.commit(Request::new().delete(unfinished)).await.unwrap();
    world.disk.clock.advance(EXPIRY_POSTPONED);
    assert_eq!(world.expire().await, (1, 0));
    assert!(left_of(&world, account(1)).await.is_empty());
}

#[tokio::test]
async fn the_bucket_is_its_owners() {
    let world = World::new();
    let (kept, lost) = (world.finished(1, "kept").await, world.finished(1, "lost").await);
    let bucket = captures_bucket(account(1));
    let object = |id| ObjectPath {
        bucket: captures_bucket(account(1)),
        key: ObjectKey::parse(format!("pcap_{id}.pcap")).unwrap(),
    };
    world.disk.objects.delete(object(lost)).await.unwrap();
    let ticket = world.files(kept, &[]).await.unwrap();
    assert!(matches!(
        world.files(lost, &[]).await,
        Err(CaptureError::NoTaskFile { .. })
    ));
    world.disk.objects.delete(object(kept)).await.unwrap();
    let gone = world.follow(&ticket, 1, "::1").await;
    assert!(matches!(gone, Err(CaptureError::NoTaskFile { .. })), "{gone:?}");
    world.disk.objects.delete_bucket(&bucket).await.unwrap();
    assert!(matches!(
        world.files(kept, &[]).await,
        Err(CaptureError::NoTaskFile { .. })
    ));
    world.delete(1, &[kept]).await.unwrap();
    // The next one makes it again; and a task whose bucket goes meanwhile fails.
    let (id, catch) = world.start(1, "next").await;
    world.until_task(1, id, TaskStatus::Running).await;
    assert!(catch.part(big_part(1)).await);
    world.disk.objects.delete_bucket(&bucket).await.unwrap();
    catch.counts(1, 60);
    catch.finish(&b"end"[..]).await;
    let failed = world.until_task(1, id, TaskStatus::Failed).await;
    assert!(failed.message.unwrap().contains("bucket"), "it says why");
}

#[tokio::test]
async fn links_are_for_whom_they_say_and_so_long() {
    let world = World::new();
    let id = world.finished(1, "a").await;
    let from = ["192.0.2.7", "2001:db8::7"];
    let ticket = world.files(id, &from).await.unwrap();
    let open = world.files(id, &[]).await.unwrap();
    let mut flipped = open.clone().into_bytes();
    flipped[40] ^= 1;
    let flipped = String::from_utf8(flipped).unwrap();
    for (ticket, number, source, is_good) in [
        (ticket.as_str(), 1, "192.0.2.7", true),
        (&ticket, 1, "::ffff:192.0.2.7", true),
        (&ticket, 1, "2001:db8::7", true),
        (&ticket, 1, "192.0.2.8", false),
        (&ticket, 1, "2001:db8::8", false),
        (&ticket, 2, "192.0.2.7", false),
        (&open, 1, "198.51.100.1", true),
        (&open, 2, "198.51.100.1", false),
        (&flipped, 1, "198.51.100.1", false),
        (&open[1..], 1, "198.51.100.1", false),
        ("", 1, "198.51.100.1", false),
        ("%%%", 1, "198.51.100.1", false),
    ] {
        match world.follow(ticket, number, source).await {
            Ok(bytes) => assert!(is_good && bytes == b"two packets", "{ticket} {number} {source}"),
            Err(error) => assert!(
                !is_good && matches!(error, CaptureError::BadTicket),
                "{source}: {error:?}"
            ),
        }
    }
    let redeemed = world.captures.redeem(&open, project(1), ip("::1")).unwrap();
    for (range, expected) in [
        ("bytes=4-6", Some("pac")),
        ("bytes=-2", Some("ts")),
        ("bytes=11-", None),
    ] {
        match world.captures.open_task_file(redeemed, ByteRange::parse(range)).await {
            Ok(mut opened) => {
                let bytes = opened.body.next().await.unwrap().unwrap();
                assert_eq!((Some(&bytes[..]), opened.size), (expected.map(str::as_bytes), 11));
            }
            Err(error) => assert!(matches!(error, CaptureError::Range { size: 11 }), "{error:?}"),
        }
    }
    world
        .disk
        .clock
        .advance(TICKET_LIFE.saturating_sub(Duration::from_nanos(1)));
    assert!(world.follow(&open, 1, "::1").await.is_ok());
    world.disk.clock.advance(Duration::from_nanos(1));
    assert!(matches!(
        world.follow(&open, 1, "::1").await,
        Err(CaptureError::BadTicket)
    ));
    // With its task a ticket is gone.
    let open = world.files(id, &[]).await.unwrap();
    world.delete(1, &[id]).await.unwrap();
    assert!(matches!(
        world.follow(&open, 1, "::1").await,
        Err(CaptureError::BadTicket)
    ));
    let many = vec!["192.0.2.7"; TICKET_ADDRESSES_MAX + 1];
    assert!(matches!(
        world.files(id, &many).await,
        Err(CaptureError::TaskLimit { .. })
    ));
}

#[test]
fn a_killed_server_leaves_a_task_with_what_was_stored() {
    let disk = Disk::new();
    let process = |seed| World::on(disk.clone(), seed, DestinationSettings::default());
    let (kept, lost) = Runtime::new().unwrap().block_on(async {
        let world = process(2);
        let (kept, catch) = world.start(1, "kept").await;
        catch.counts(5, 500);
        assert!(catch.part(big_part(1)).await);
        let (lost, other) = world.start(1, "lost").await;
        world.until_task(1, lost, TaskStatus::Running).await;
        // The first is noted when the second is taken.
        assert!(catch.part(big_part(2)).await);
        let taken = || async { disk.meta.scan(Scan::prefix(b"%")).await.unwrap().len() };
        while taken().await == 0 {
            tokio::task::yield_now().await;
        }
        drop(other);
        (kept, lost)
    });
    Runtime::new().unwrap().block_on(async {
        let world = process(3);
        let recovered = world.captures.recover().await.unwrap();
        assert_eq!((recovered.failed, recovered.completing), (1, 1));
        let done = world.until_task(1, kept, TaskStatus::Finished).await;
        assert!(done.message.unwrap().contains("server ended unexpectedly"));
        world.files(kept, &[]).await.unwrap();
        let failed = world.until_task(1, lost, TaskStatus::Failed).await;
        assert!(failed.message.unwrap().contains("server ended unexpectedly"));
        // Their slots are free, and their days count.
        for name in ["a", "b", "c"] {
            world.start(1, name).await;
        }
        assert!(world.captures.stop_task(account(1), &lab(), kept).await.is_err());
        world.disk.clock.advance(7 * DAY);
        assert_eq!(world.expire().await, (2, 0));
    });
}

#[tokio::test]
async fn an_account_that_is_purged_leaves_no_task() {
    let world = World::new();
    world.finished(1, "a").await;
    world.finished(2, "theirs").await;
    let (id, catch) = world.start(1, "b").await;
    world.until_task(1, id, TaskStatus::Running).await;
    assert_eq!(world.captures.purge_account(account(1)).await.unwrap().unfinished, 1);
    catch.stopped().await;
    catch.finish(EMPTY_FILE).await;
    let done = world.until_task(1, id, TaskStatus::Finished).await;
    assert!(done.message.unwrap().contains("disabled or deleted"));
    let purged = world.captures.purge_account(account(1)).await.unwrap();
    assert_eq!((purged.unfinished, purged.records), (0, 6));
    let left: Vec<_> = left_of(&world, account(1)).await;
    assert!(
        left.iter().all(|table| table.belonging() == Belonging::Passing),
        "{left:?}"
    );
    world.disk.clock.advance(7 * DAY);
    assert_eq!(world.expire().await, (3, 0));
    assert!(left_of(&world, account(1)).await.is_empty());
}
