//! What the captures of an account may come to in a day.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_capture::{
    Asked, CaptureError, CaptureFilter, CreateCapture, CreateSample, CreateTask, DestinationSettings, Format, Limits,
    Past, Quota, SentFilter, Status, TaskAddress, TaskName, TaskSpec,
};
use baleen_lookback::Sample;
use baleen_meta::keys::{KeyWriter, Table};
use baleen_meta::{Request, Scan};
use baleen_types::{CaptureId, SiteName, Timestamp};
use common::schedules::{MINUTE, SKIPPED, URI, reason};
use common::{Disk, World, account, big_part, request};
use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;
use tokio::runtime::Runtime;

/// As of a test's clock, which begins at 8 o'clock.
const UNTIL_MIDNIGHT: Duration = Duration::from_hours(16);

fn quota(captures: u32, bytes: u64) -> Quota {
    Quota {
        captures: NonZeroU32::new(captures),
        bytes: NonZeroU64::new(bytes),
    }
}

fn disk(captures: u32, bytes: u64) -> Disk {
    with(&Disk::new(), quota(captures, bytes))
}

/// The same stores with another quota.
fn with(disk: &Disk, quota: Quota) -> Disk {
    let mut disk = disk.clone();
    disk.quota = quota;
    disk
}

/// A process on these stores; they may be those of another one.
fn process(disk: &Disk, seed: u64) -> World {
    World::on(disk.clone(), seed, DestinationSettings::default())
}

/// The first process on these stores, where the first account may capture.
async fn world(captures: u32, bytes: u64) -> World {
    let world = process(&disk(captures, bytes), 2);
    prepare(&world).await;
    world
}

async fn prepare(world: &World) {
    world.make_bucket(account(1), "evidence").await;
    world.prove(account(1), URI).await;
}

fn of(bytes: u64) -> CreateCapture {
    let wanted = request(account(1), URI);
    CreateCapture {
        limits: Limits { bytes, ..wanted.limits },
        ..wanted
    }
}

fn lab() -> SiteName {
    SiteName::parse("lab01").unwrap()
}

fn task(owner: u64, name: &str) -> CreateTask {
    let address = || TaskAddress {
        address: "192.0.2.1".to_owned(),
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
            source: address(),
            destination: address(),
            protocol: 6,
            source_port: String::new(),
            destination_port: String::new(),
        },
        filter: CaptureFilter::All,
    }
}

fn sample(packets: u64) -> CreateSample {
    CreateSample {
        account: account(1),
        time: MINUTE,
        until: None,
        packets,
        filter: CaptureFilter::All,
        sent_filter: SentFilter::default(),
        format: Format::Pcap,
        asked: Asked::of(b"{}", false),
    }
}

/// Why a capture was refused, and for how long, if that is known.
fn refused<T: std::fmt::Debug>(made: Result<T, CaptureError>) -> (String, Option<Duration>) {
    match made {
        Err(CaptureError::Quota { why, left }) => (why, left),
        other => panic!("{other:?}"),
    }
}

impl World {
    /// Captures, their bytes, and what is held by those that run.
    async fn today(&self) -> (u32, u64, u64) {
        let today = self.captures.today(account(1)).await.unwrap().unwrap();
        (today.captures, today.bytes, today.held)
    }

    /// One that catches so much and ends.
    async fn catches(&self, bytes: u64) -> CaptureId {
        let made = self.captures.create(of(1_000_000)).await.unwrap();
        let catch = self.caught().await;
        catch.counts(1, bytes);
        catch.finish(&b"the file"[..]).await;
        self.until(account(1), made.id, Status::Success).await;
        made.id
    }

    async fn rows(&self) -> usize {
        let prefix = KeyWriter::new(Table::CaptureDay).finish();
        self.disk.meta.scan(Scan::prefix(&prefix)).await.unwrap().len()
    }
}

#[tokio::test]
async fn so_many_in_a_day_and_not_one_more() {
    let world = world(3, 0).await;
    for number in 1..=3 {
        world.catches(100).await;
        assert_eq!(world.today().await, (number, 100 * u64::from(number), 0));
    }
    let (why, left) = refused(world.create(account(1), URI).await);
    assert_eq!(
        why,
        "this account may begin 3 captures a day, and has; the next one can begin after midnight (UTC)"
    );
    assert_eq!(left, Some(UNTIL_MIDNIGHT));
    refused(world.captures.create_task(task(1, "a task")).await);
    assert_eq!(world.today().await, (3, 300, 0), "what is refused is not counted");
    // Another account has its own, and this one when the day is over.
    world.captures.create_task(task(2, "another's")).await.unwrap();
    world.disk.clock.advance(UNTIL_MIDNIGHT);
    assert_eq!(world.today().await, (0, 0, 0));
    world.caught().await.finish(&b"of the other"[..]).await;
    world.catches(1).await;
    assert_eq!(world.today().await, (1, 1, 0));
}

#[tokio::test]
async fn who_asks_at_once_does_not_get_more() {
    for (captures, bytes, granted) in [
        (2, 0, vec![10 << 30, 10 << 30]),
        (0, 25 << 30, vec![5 << 30, 10 << 30, 10 << 30]),
        (0, 20 << 30, vec![10 << 30, 10 << 30]),
        (9, 3 << 20, vec![3 << 20]),
    ] {
        let world = world(captures, bytes).await;
        let tries = futures::future::join_all((0..16).map(|n| {
            let captures = world.captures.clone();
            tokio::spawn(async move { captures.create_task(task(1, &format!("task {n}"))).await })
        }))
        .await;
        let made = tries.into_iter().filter(|made| made.as_ref().unwrap().is_ok()).count();
        assert_eq!(made, granted.len());
        let mut found = Vec::new();
        for _ in 0..made {
            found.push(world.caught().await.order.limits.bytes);
        }
        found.sort_unstable();
        assert_eq!(found, granted, "{captures} {bytes}");
        let made = u32::try_from(made).unwrap();
        assert_eq!(world.today().await, (made, 0, granted.iter().sum()));
    }
}

#[tokio::test]
async fn what_was_not_used_is_given_back() {
    let world = world(0, 3_000_000).await;
    let first = world.captures.create(of(1_000_000)).await.unwrap();
    assert_eq!(
        (first.limits.bytes, world.today().await),
        (1_000_000, (1, 0, 1_000_000))
    );
    let catch = world.caught().await;
    catch.counts(5, 400_000);
    // A capture task, of which the request cannot say how much, holds all that is left.
    world.captures.create_task(task(1, "a task")).await.unwrap();
    let other = world.caught().await;
    assert_eq!(other.order.limits.bytes, 2_000_000);
    let again = world.captures.create_task(task(1, "a task")).await;
    assert!(matches!(again, Err(CaptureError::NameTaken)), "{again:?}");
    let (why, left) = refused(world.captures.create_task(task(1, "b")).await);
    assert_eq!(
        why,
        "the captures of this account may come to 3000000 bytes a day, and those that run may need all that is left; the next one can begin \
         after midnight (UTC), or when one of them is over"
    );
    assert_eq!(left, None);
    // Its end gives back what it did not need, also before its store has all of it.
    catch.end(None);
    world.until(account(1), first.id, Status::ConversionPending).await;
    assert_eq!(world.today().await, (2, 400_000, 2_000_000));
    let cut = world.captures.create(of(1_000_000)).await.unwrap();
    assert_eq!(
        (cut.limits.bytes, world.caught().await.order.limits.bytes),
        (600_000, 600_000)
    );
    assert_eq!(world.today().await, (3, 400_000, 2_600_000));
    catch.piece(&b"the file"[..], true).await;
    drop(catch);
    world.until(account(1), first.id, Status::Success).await;
    assert_eq!(world.today().await, (3, 400_000, 2_600_000), "once");
    other.counts(1, 1_900_000);
    other.finish(&b"nearly all"[..]).await;
    world.captures.stop(account(1), cut.id).await.unwrap();
}

/// Few packets hold little, whatever their capture may come to by its bytes.
#[tokio::test]
async fn a_capture_holds_what_its_packets_can_have() {
    let world = world(0, 1 << 20).await;
    for (packets, snaplen, bytes, held, granted) in [
        (10, Some(100), 1_000_000_000, 1_000, 1_000_000_000),
        (2, None, 1_000_000_000, 2 * 262_144, 1_000_000_000),
        (10_000, Some(60), 300, 300, 300),
        // All that is there.
        (10_000, Some(9_000), 1_000_000_000, 1 << 20, 1 << 20),
    ] {
        let mut asked = of(bytes);
        asked.limits.packets = packets;
        asked.snaplen = snaplen;
        let made = world.captures.create(asked).await.unwrap();
        assert_eq!((made.limits.bytes, world.today().await.2), (granted, held));
        let catch = world.caught().await;
        assert_eq!(catch.order.limits.bytes, granted);
        catch.finish(&b"an empty file"[..]).await;
        world.until(account(1), made.id, Status::Failed).await;
    }
    assert_eq!(
        world.today().await,
        (4, 0, 0),
        "also one that has failed is a capture of the day"
    );
}

/// Runs a process in a runtime of its own; when that is dropped, every task of the process is gone at once.
fn in_a_process<T>(life: impl Future<Output = T>) -> T {
    Runtime::new().unwrap().block_on(life)
}

/// Where a process is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Killed {
    Begun,
    WithAPart,
    Over,
    Done,
}

#[test]
fn a_kill_neither_forgets_nor_counts_twice() {
    let me = account(1);
    for (killed, settled) in [
        (Killed::Begun, 0),
        (Killed::WithAPart, 300_000),
        (Killed::Over, 300_000),
        (Killed::Done, 400_000),
    ] {
        let disk = disk(9, 1_500_000);
        let id = in_a_process(async {
            let world = process(&disk, 2);
            prepare(&world).await;
            let made = world.captures.create(of(1_000_000)).await.unwrap();
            let catch = world.caught().await;
            if killed == Killed::Begun {
                return made.id;
            }
            catch.counts(3, 300_000);
            // The third is taken when the second is sent, and so the first is noted.
            for _ in 0..3 {
                assert!(catch.part(big_part(1)).await);
            }
            catch.counts(4, 400_000);
            if killed == Killed::WithAPart {
                world.until(me, made.id, Status::Running).await;
                return made.id;
            }
            catch.end(None);
            if killed == Killed::Over {
                world.until(me, made.id, Status::ConversionPending).await;
                return made.id;
            }
            catch.finish(&b"the rest"[..]).await;
            world.until(me, made.id, Status::Success).await;
            made.id
        });
        in_a_process(async {
            let world = process(&disk, 3);
            let before = match killed {
                Killed::Begun | Killed::WithAPart => (1, 0, 1_000_000),
                Killed::Over | Killed::Done => (1, 400_000, 0),
            };
            assert_eq!(world.today().await, before, "{killed:?}: nothing is forgotten");
            world.captures.recover().await.unwrap();
            world.until_that(me, id, |capture| capture.status.is_terminal()).await;
            let (captures, bytes, held) = world.today().await;
            assert_eq!((captures, held), (1, 0), "{killed:?}");
            assert_eq!(bytes, settled, "{killed:?}");
            // Of the rest another gets all, and no more.
            let next = world.captures.create(of(1_500_000)).await.unwrap();
            assert_eq!(next.limits.bytes, 1_500_000 - bytes);
        });
        in_a_process(async {
            let world = process(&disk, 4);
            world.captures.recover().await.unwrap();
            assert_eq!(world.today().await, (2, settled, 0), "{killed:?}: once");
        });
    }
}

#[tokio::test]
async fn a_day_is_that_in_which_a_capture_began() {
    let world = world(2, 2_000_000).await;
    let began = world.captures.create(of(1_000_000)).await.unwrap();
    let catch = world.caught().await;
    let next_day = world.disk.clock_now().plus(UNTIL_MIDNIGHT);
    world.disk.clock.set(next_day);
    assert_eq!(world.today().await, (0, 0, 0));
    world.captures.create_task(task(1, "next day")).await.unwrap();
    let next = world.caught().await;
    assert_eq!(next.order.limits.bytes, 2_000_000);
    catch.counts(1, 900_000);
    catch.finish(&b"of yesterday"[..]).await;
    world.until(account(1), began.id, Status::Success).await;
    next.counts(1, 500_000);
    next.finish(&b"of today"[..]).await;
    while world.today().await.2 > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.today().await, (1, 500_000, 0));
    // A clock that is set back over midnight gives nothing back, and says until when.
    world.disk.clock.set(Timestamp::from_secs(next_day.as_secs() - 10));
    assert_eq!(world.today().await, (1, 500_000, 0));
    world.catches(1).await;
    let (_, left) = refused(world.create(account(1), URI).await);
    assert_eq!(left, Some(Duration::from_hours(24) + Duration::from_secs(10)));
    // One that was years ahead keeps nobody from capturing.
    for at in [next_day.plus(Duration::from_hours(24 * 9_000)), next_day] {
        world.disk.clock.set(at);
        assert_eq!(world.today().await, (0, 0, 0));
        world.catches(1).await;
        assert_eq!(world.today().await, (1, 1, 0));
    }
}

#[tokio::test]
async fn a_quota_that_is_changed_counts_from_the_next_capture_on() {
    let world = world(0, 2_000_000).await;
    let made = world.captures.create(of(1_500_000)).await.unwrap();
    let catch = world.caught().await;
    // Another process with a smaller one, while it runs.
    let smaller = process(&with(&world.disk, quota(5, 1_000_000)), 7);
    assert_eq!(smaller.today().await, (1, 0, 1_500_000));
    refused(smaller.captures.create_task(task(1, "beyond")).await);
    catch.counts(9, 1_200_000);
    catch.finish(&b"as it was granted"[..]).await;
    let done = world.until(account(1), made.id, Status::Success).await;
    assert_eq!(done.limits.bytes, 1_500_000);
    let (_, left) = refused(smaller.create(account(1), URI).await);
    assert_eq!((smaller.today().await, left), ((1, 1_200_000, 0), Some(UNTIL_MIDNIGHT)));
    // One without any counts nothing, and one with more has what is left.
    let without = process(&with(&world.disk, Quota::default()), 8);
    assert_eq!(without.captures.today(account(1)).await.unwrap(), None);
    let free = without.captures.create(of(1_000_000_000)).await.unwrap();
    assert_eq!(free.limits.bytes, 1_000_000_000);
    without.captures.stop(account(1), free.id).await.unwrap();
    without.caught().await.finish(&b"a file"[..]).await;
    without
        .until_that(account(1), free.id, |capture| capture.status.is_terminal())
        .await;
    assert_eq!(
        world.captures.create(of(1_000_000)).await.unwrap().limits.bytes,
        800_000
    );
}

#[tokio::test]
async fn without_a_quota_there_is_nothing_of_it() {
    let world = world(0, 0).await;
    world.catches(100).await;
    world.captures.create_task(task(1, "a task")).await.unwrap();
    assert_eq!(
        (world.rows().await, world.captures.today(account(1)).await.unwrap()),
        (0, None)
    );
}

#[tokio::test]
async fn a_day_goes_with_its_account() {
    let world = world(9, 0).await;
    world.catches(100).await;
    world.captures.create_task(task(2, "another's")).await.unwrap();
    assert_eq!(world.rows().await, 2);
    let purged = world.captures.purge_account(account(1)).await.unwrap();
    assert_eq!((purged.unfinished, world.rows().await), (0, 1));
    assert_eq!(world.today().await, (0, 0, 0));
}

/// Nobody can tell afterwards what a task came to that is deleted.
#[tokio::test]
async fn what_is_deleted_stays_counted_as_it_was() {
    let world = world(0, 1 << 30).await;
    let mut ids = Vec::new();
    for name in ["a", "b"] {
        let made = world.captures.create_task(task(1, name)).await.unwrap();
        let catch = world.caught().await;
        catch.counts(1, 700);
        catch.finish(&b"a file"[..]).await;
        let is_over = async {
            while world.today().await.2 > 0 || !is_finished(&world, made.id).await {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(common::PATIENCE, is_over).await.unwrap();
        ids.push(made.id);
    }
    world.captures.delete_tasks(account(1), &lab(), ids).await.unwrap();
    assert_eq!(world.today().await, (2, 1_400, 0));
}

async fn is_finished(world: &World, id: CaptureId) -> bool {
    let page = world.captures.list_tasks(account(1), &lab(), 0..9).await.unwrap();
    let task = page.tasks.into_iter().find(|task| task.id == id).unwrap();
    task.status == baleen_capture::TaskStatus::Finished
}

#[tokio::test]
async fn samples_count_and_get_what_is_left() {
    let world = world(2, 1 << 20).await;
    let mut asked = world.agent.look_back();
    tokio::spawn(async move {
        while let Some(question) = asked.recv().await {
            let past = Past {
                sample: Sample::default(),
                kept_since: Some(Timestamp::EPOCH),
            };
            let _ = question.answer.send(Ok(past));
        }
    });
    let first = world.captures.create_sample(sample(100)).await.unwrap();
    assert_eq!((first.status, first.limits.packets), (Status::Success, 100));
    assert_eq!(world.today().await, (1, 0, 0));
    world.disk.clock.advance(MINUTE);
    let cut = world.captures.create_sample(sample(10_000)).await.unwrap();
    assert_eq!(cut.limits.packets, (1 << 20) / 160);
    world.disk.clock.advance(MINUTE);
    refused(world.captures.create_sample(sample(1)).await);
    // Its turn is not taken by that.
    world.disk.clock.advance(UNTIL_MIDNIGHT);
    world.captures.create_sample(sample(1)).await.unwrap();
}

/// Nobody knows what it came to, and others go on.
#[tokio::test]
async fn a_capture_that_cannot_be_read_holds_what_it_held() {
    let world = world(0, 3_000_000).await;
    let broken = world.catches(100).await;
    // Its end is not taken over yet.
    let key = KeyWriter::new(Table::CaptureTask)
        .u64(account(1).as_u64())
        .fixed(broken.as_bytes())
        .finish();
    let damage = Request::new().put(key, &b"\xffno record"[..]);
    world.disk.meta.commit(damage).await.unwrap();
    assert_eq!(world.today().await, (1, 1_000_000, 0));
    let next = world.captures.create(of(2_500_000)).await.unwrap();
    assert_eq!(next.limits.bytes, 2_000_000);
}

/// A schedule says it once, however often it is due.
#[tokio::test]
async fn a_schedule_is_skipped_with_the_reason() {
    let world = world(1, 0).await;
    let schedule = world.schedule("often", "* * * * *", 100).await;
    world.minute().await;
    world.catch(3, 300).await;
    for _ in 0..3 {
        assert_eq!(world.minute().await, SKIPPED);
    }
    let runs = world.runs(schedule.id).await;
    let (why, times) = reason(&runs);
    assert!(why.contains("1 captures a day"), "{why}");
    assert_eq!((times, runs.len()), (3, 2));
    let used = world.captures.schedule(account(1), schedule.id).await.unwrap().used;
    assert_eq!(used.runs, 1, "its own budget is not used by that");
}

/// One that its agent does not begin is over, and holds nothing.
#[tokio::test]
async fn what_does_not_begin_holds_nothing() {
    let world = world(0, 1 << 20).await;
    world.agent.refuse("not now");
    let made = world.captures.create(of(1_000_000)).await.unwrap();
    world.until(account(1), made.id, Status::Failed).await;
    assert_eq!(world.today().await, (1, 0, 0));
}
