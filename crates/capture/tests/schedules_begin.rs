//! What comes between a time of a schedule and its capture: others that are slow, no place, who takes it back, and kills.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use async_trait::async_trait;
use baleen_capture::limits::{PROGRESS_SAVED_EVERY, SCHEDULE_BEGIN_MAX, SCHEDULE_PASS_MAX, UNDELIVERED_WITH_ROOM_MAX};
use baleen_capture::{
    CaptureError, CaptureFilter, CreateCapture, DestinationSettings, Fired, NotTaken, RunOutcome, Schedule,
    ScheduleWitness, Status,
};
use baleen_meta::keys::{KeyWriter, Table};
use baleen_meta::{Request, Scan};
use baleen_types::{AccountId, CaptureId, ScheduleId};
use bytes::Bytes;
use common::schedules::{BEGAN, MINUTE, SKIPPED, URI, Watching, reason, wanted, world};
use common::{Disk, PATIENCE, World, account, big_part, request};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// Captures that the server of these tests takes at once.
const ROOMS: u64 = 6;

/// Lets something happen whenever it is asked whether an account may act: first for the pass, and then where the capture is let in.
struct Hooked {
    asked: AtomicUsize,
    hook: Box<dyn Fn(usize) -> BoxFuture<'static, bool> + Send + Sync>,
}

impl Hooked {
    fn witness(hook: impl Fn(usize) -> BoxFuture<'static, bool> + Send + Sync + 'static) -> Arc<dyn ScheduleWitness> {
        Arc::new(Self {
            asked: AtomicUsize::new(0),
            hook: Box::new(hook),
        })
    }
}

#[async_trait]
impl ScheduleWitness for Hooked {
    async fn may_act(&self, _: AccountId) -> Result<bool, CaptureError> {
        let number = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        Ok((self.hook)(number).await)
    }

    async fn began(&self, _: AccountId, _: ScheduleId, _: CaptureId) -> Result<(), NotTaken> {
        Ok(())
    }
}

/// A bucket of an account beside the first, proven.
async fn uri_of(world: &World, n: u64) -> String {
    let uri = format!("s3://evidence-{n}/case?region=eu-1");
    world.make_bucket(account(n), &format!("evidence-{n}")).await;
    world.prove(account(n), &uri).await;
    uri
}

async fn schedule_of(world: &World, n: u64, uri: &str, filter: CaptureFilter) -> Schedule {
    let mut asked = wanted("each", "* * * * *", 100);
    asked.capture = CreateCapture {
        filter,
        ..request(account(n), uri)
    };
    world.captures.create_schedule(asked).await.unwrap()
}

/// Waits until something holds.
async fn eventually(mut holds: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("it comes to hold");
}

#[tokio::test]
async fn one_that_is_slow_keeps_no_other() {
    let world = world().await;
    let uri = uri_of(&world, 2).await;
    let slow = schedule_of(&world, 2, &uri, CaptureFilter::Expression("udp".to_owned())).await;
    let fast = world.schedule("fast", "* * * * *", 100).await;
    world.agent.set_slow(true);
    world.disk.clock.advance(MINUTE);
    let (first, catch) = tokio::join!(world.pass(), async {
        let catch = world.caught().await;
        // The pass does not wait any longer.
        world.disk.clock.advance(SCHEDULE_PASS_MAX);
        catch
    });
    // What was still under way is told by the next one, which leaves it alone.
    let mut fired = first;
    eventually(async || {
        let more = world.pass().await;
        (fired.began, fired.skipped) = (fired.began + more.began, fired.skipped + more.skipped);
        fired == BEGAN
    })
    .await;
    catch.counts(1, 100);
    let id = catch.order.capture;
    catch.finish(&b"file"[..]).await;
    world.until(account(1), id, Status::Success).await;
    let runs = async |schedule: &Schedule| {
        let shown = world.captures.schedule(schedule.account, schedule.id).await.unwrap();
        shown.runs
    };
    assert_eq!(runs(&fast).await.len(), 1);
    // What is only beginning is not told of: nobody would find it.
    assert_eq!(runs(&slow).await, []);
    assert_eq!(world.captures.schedules(account(2)).await.unwrap()[0].runs, []);
    world.captures.pause_schedule(account(1), fast.id, true).await.unwrap();
    // It is tried again while there is time.
    world.disk.clock.advance(SCHEDULE_BEGIN_MAX);
    let next = async || world.captures.schedule(account(2), slow.id).await.unwrap().next;
    eventually(async || next().await == slow.next).await;
    assert_eq!(runs(&slow).await, []);
    let ticking = async {
        let passing = async {
            loop {
                world.pass().await;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let clock = async {
            loop {
                world.disk.clock.advance(Duration::from_millis(100));
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::join!(passing, clock);
    };
    let is_told = async || {
        let runs = runs(&slow).await;
        matches!(runs.first().map(|run| &run.outcome), Some(RunOutcome::Skipped { .. }))
    };
    tokio::select! {
        () = eventually(is_told) => {}
        () = ticking => {}
    }
    assert!(reason(&runs(&slow).await).0.contains("within 15 seconds"));
    // Nothing begins behind that.
    assert!(world.catches.lock().await.recv().now_or_never().is_none());
    assert!(world.captures.list(account(2)).await.unwrap().is_empty());
    assert_eq!(world.captures.schedule(account(2), slow.id).await.unwrap().used.runs, 0);
    world.agent.set_slow(false);
    let next = world.captures.schedule(account(2), slow.id).await.unwrap().next;
    world.disk.clock.set(next.unwrap());
    eventually(async || world.pass().await.began == 1).await;
}

/// An account that cannot be told, however much there is to tell, keeps no other from being told.
#[tokio::test]
async fn one_that_cannot_be_told_keeps_no_other_from_being_told() {
    let world = world().await;
    let mut accounts = [account(1), account(2)];
    accounts.sort_unstable_by_key(|account| account.as_u64());
    let [deaf_to, other] = accounts;
    let schedule = ScheduleId::from_bytes([9; ScheduleId::BYTES]);
    let began = |account: AccountId, number: u64| {
        let mut id = [0; CaptureId::BYTES];
        id[..8].copy_from_slice(&number.to_be_bytes());
        let key = KeyWriter::new(Table::ScheduleBegan)
            .u64(account.as_u64())
            .fixed(&id)
            .finish();
        Request::new().put(key, Bytes::copy_from_slice(schedule.as_bytes()))
    };
    for number in 0..300 {
        world.disk.meta.commit(began(deaf_to, number)).await.unwrap();
    }
    world.disk.meta.commit(began(other, 7)).await.unwrap();
    let watching = Arc::new(Watching {
        deaf_to: Some(deaf_to),
        ..Watching::default()
    });
    let witness: Arc<dyn ScheduleWitness> = watching.clone();
    world.captures.run_schedules(&witness).await.unwrap();
    let told: Vec<_> = watching.began.lock().iter().map(|(account, ..)| *account).collect();
    assert_eq!(told, [other]);
    // When it can be told, it is, of all.
    let watching = Arc::new(Watching::default());
    let witness: Arc<dyn ScheduleWitness> = watching.clone();
    world.captures.run_schedules(&witness).await.unwrap();
    assert_eq!(watching.began.lock().len(), 300);
    world.captures.run_schedules(&witness).await.unwrap();
    assert_eq!(watching.began.lock().len(), 300);
}

/// What a newer release has written, or a disk has spoiled, keeps nothing but itself back, and can be deleted.
#[tokio::test]
async fn a_record_that_cannot_be_read_keeps_only_itself() {
    let world = world().await;
    let spoilt = world.schedule("once a day", "0 3 * * *", 100).await;
    let meta = &world.disk.meta;
    let all = KeyWriter::new(Table::Schedule).finish();
    let [entry] = &meta.scan(Scan::prefix(&all)).await.unwrap()[..] else {
        panic!("it is one");
    };
    let mut newer = entry.value.to_vec();
    newer[0] = 250;
    meta.commit(Request::new().put(entry.key.clone(), Bytes::from(newer)))
        .await
        .unwrap();
    let good = world.schedule("each", "* * * * *", 100).await;
    let shown = world.captures.schedules(account(1)).await.unwrap();
    assert_eq!(shown.iter().map(|shown| shown.id).collect::<Vec<_>>(), [good.id]);
    assert_eq!(
        meta.scan(Scan::prefix(&all)).await.unwrap().len(),
        2,
        "it keeps its slot"
    );
    // Also for a process that looks whether the clock was wrong.
    let second = World::on(world.disk.clone(), 3, DestinationSettings::default());
    assert_eq!(second.minute().await, BEGAN);
    second.catch(1, 100).await;
    second.captures.delete_schedule(account(1), spoilt.id).await.unwrap();
    assert_eq!(meta.scan(Scan::prefix(&all)).await.unwrap().len(), 1);
    let again = second.captures.delete_schedule(account(1), spoilt.id).await;
    assert!(matches!(again, Err(CaptureError::NoSuchSchedule)), "{again:?}");
}

/// Fills the places of the server but so many.
async fn fill(world: &World, free: u64) -> Vec<common::agent::SimCatch> {
    let mut catches = Vec::new();
    for n in 11 + free..11 + ROOMS {
        let uri = format!("s3://evidence-{n}/case?region=eu-1");
        world.create(account(n), &uri).await.unwrap();
        catches.push(world.caught().await);
    }
    catches
}

async fn end(world: &World, catch: common::agent::SimCatch, owner: AccountId) {
    let id = catch.order.capture;
    catch.counts(1, 100);
    catch.finish(&b"file"[..]).await;
    world.until(owner, id, Status::Success).await;
}

#[tokio::test]
async fn a_capture_waits_for_a_place_for_a_minute() {
    let world = world().await;
    for n in 11..11 + ROOMS {
        uri_of(&world, n).await;
    }
    let made = world.schedule("each", "*/10 * * * *", 100).await;
    let due = made.next.unwrap();
    let mut filled = fill(&world, 0).await;
    world.disk.clock.set(due);
    for second in 0..50 {
        assert_eq!(world.pass().await, Fired::default(), "second {second}");
        world.disk.clock.advance(Duration::from_secs(1));
    }
    let shown = world.captures.schedule(account(1), made.id).await.unwrap();
    assert_eq!((shown.next, shown.runs.len(), shown.used.runs), (Some(due), 0, 0));
    end(&world, filled.pop().unwrap(), account(10 + ROOMS)).await;
    eventually(async || world.pass().await == BEGAN).await;
    end(&world, world.caught().await, account(1)).await;
    let shown = world.captures.schedule(account(1), made.id).await.unwrap();
    assert_eq!((shown.runs.len(), shown.runs[0].due), (1, due));
    // No place for a minute is told as that.
    eventually(async || world.captures.running_accounts().len() == 5).await;
    world
        .create(account(16), "s3://evidence-16/case?region=eu-1")
        .await
        .unwrap();
    filled.push(world.caught().await);
    let due = shown.next.unwrap();
    world.disk.clock.set(due);
    let mut seconds = 0;
    while world.pass().await != SKIPPED {
        world.disk.clock.advance(Duration::from_secs(1));
        seconds += 1;
        assert!(seconds < 60);
    }
    assert!(seconds >= 55, "{seconds}");
    let shown = world.captures.schedule(account(1), made.id).await.unwrap();
    assert!(
        reason(&shown.runs).0.contains("as many captures as it takes"),
        "{shown:?}"
    );
    assert_eq!(shown.next, Some(due.plus(10 * MINUTE)));
}

/// Captures of the account itself that are over at that time, and stored a moment later, are no reason to skip one.
#[tokio::test]
async fn a_capture_waits_for_those_that_are_over_and_not_stored() {
    for is_elsewhere in [false, true] {
        let world = world().await;
        let made = world.schedule("each", "*/10 * * * *", 100).await;
        let due = made.next.unwrap();
        world.disk.clock.set(due);
        let mut over = Vec::new();
        for _ in 0..UNDELIVERED_WITH_ROOM_MAX {
            let id = world.create(account(1), URI).await.unwrap().id;
            let catch = world.caught().await;
            catch.counts(1, 100);
            catch.end(None);
            world.until(account(1), id, Status::ConversionPending).await;
            over.push((id, catch));
        }
        // At another host a place is not asked for before, so that it is refused when it begins.
        world.agent.set_elsewhere(is_elsewhere);
        assert_eq!(world.pass().await, Fired::default());
        let shown = world.captures.schedule(account(1), made.id).await.unwrap();
        assert_eq!((shown.next, shown.runs.len(), shown.used.runs), (Some(due), 0, 0));
        let (id, catch) = over.pop().unwrap();
        catch.finish(&b"file"[..]).await;
        world.until(account(1), id, Status::Success).await;
        eventually(async || world.pass().await == BEGAN).await;
    }
}

/// With one place for two accounts none is always the second.
#[tokio::test]
async fn places_are_for_all() {
    let world = world().await;
    for n in 11..11 + ROOMS {
        uri_of(&world, n).await;
    }
    let uri = uri_of(&world, 2).await;
    schedule_of(&world, 1, URI, CaptureFilter::All).await;
    schedule_of(&world, 2, &uri, CaptureFilter::All).await;
    let _filled = fill(&world, 1).await;
    let mut begun = [0; 2];
    for _ in 0..12 {
        assert_eq!(world.minute().await, BEGAN);
        let catch = world.caught().await;
        let id = catch.order.capture;
        let is_first = world.captures.get(account(1), id).await.is_ok();
        begun[usize::from(!is_first)] += 1;
        end(&world, catch, account(if is_first { 1 } else { 2 })).await;
        // The other one has its turn within the minute.
        eventually(async || world.pass().await == BEGAN).await;
        let catch = world.caught().await;
        end(&world, catch, account(if is_first { 2 } else { 1 })).await;
        eventually(async || world.captures.running_accounts().len() == 5).await;
    }
    assert!(begun.iter().all(|times| *times > 0), "{begun:?}");
}

/// What its account does between the time and the capture counts.
#[tokio::test]
async fn who_takes_it_back_in_between_is_heard() {
    for (name, why) in [
        ("pause", Some("paused before its capture began")),
        ("disable", Some("may not act")),
        ("delete", None),
    ] {
        let world = world().await;
        let made = world.schedule("each", "* * * * *", 100).await;
        let captures = world.captures.clone();
        let witness = Hooked::witness(move |number| {
            let captures = captures.clone();
            let act = async move {
                match (number, name) {
                    (2, "pause") => drop(captures.pause_schedule(account(1), made.id, true).await.unwrap()),
                    (2, "delete") => captures.delete_schedule(account(1), made.id).await.unwrap(),
                    (2, _) => return false,
                    _ => {}
                }
                true
            };
            act.boxed()
        });
        world.disk.clock.advance(MINUTE);
        assert_eq!(world.captures.run_schedules(&witness).await.unwrap(), SKIPPED, "{name}");
        assert!(world.captures.list(account(1)).await.unwrap().is_empty(), "{name}");
        if let Some(why) = why {
            let shown = world.captures.schedule(account(1), made.id).await.unwrap();
            assert!(reason(&shown.runs).0.contains(why), "{shown:?}");
            assert_eq!(shown.used.runs, 0);
        }
    }
}

/// Killed between the commit that notes a capture and the one that lets it in. The killed process is still there here, and is refused.
#[tokio::test]
async fn a_capture_that_was_noted_and_not_let_in_is_found_out() {
    let world = world().await;
    let made = world.schedule("each", "* * * * *", 100).await;
    let (go_on, held) = watch::channel(false);
    let witness = Hooked::witness(move |number| {
        let mut held = held.clone();
        let act = async move {
            if number == 2 {
                held.wait_for(|go_on| *go_on).await.unwrap();
            }
            true
        };
        act.boxed()
    });
    world.disk.clock.advance(MINUTE);
    let captures = world.captures.clone();
    let pass = tokio::spawn(async move { captures.run_schedules(&witness).await });
    // The commit that notes it makes the schedule due at the next time; it is told of when it is let in.
    let noted = async || world.captures.schedule(account(1), made.id).await.unwrap().next != made.next;
    eventually(noted).await;
    assert_eq!(world.runs(made.id).await, []);

    let second = World::on(world.disk.clone(), 3, DestinationSettings::default());
    second.captures.recover().await.unwrap();
    // Its other clock stands, so that nothing of the first one is given up by itself.
    second.disk.clock.set(second.disk.clock_now().plus(MINUTE));
    assert_eq!(second.pass().await, BEGAN);
    let shown = second.captures.schedule(account(1), made.id).await.unwrap();
    assert!(reason(&shown.runs[1..]).0.contains("ended unexpectedly"), "{shown:?}");
    assert_eq!(shown.used.runs, 1);
    go_on.send_replace(true);
    pass.await.unwrap().unwrap();
    assert_eq!(second.captures.list(account(1)).await.unwrap().len(), 1);
    let after = second.captures.schedule(account(1), made.id).await.unwrap();
    assert_eq!(after.runs.len(), 2);
    second.catch(1, 100).await;
}

/// What the file of a killed capture has is counted, and so are the packets that are known to be lost: the files of a day never have more
/// than its budget.
#[test]
fn what_a_killed_capture_kept_is_counted() {
    let disk = Disk::new();
    // When that is dropped, every task of the process is gone at once.
    let in_a_process = || Runtime::new().unwrap();
    let made = in_a_process().block_on(async {
        let world = World::on(disk.clone(), 2, DestinationSettings::default());
        world.make_bucket(account(1), "evidence").await;
        world.prove(account(1), URI).await;
        let mut asked = wanted("each", "* * * * *", 10);
        asked.budget.packets = Some(20);
        asked.budget.bytes = Some(2_000_000);
        let made = world.captures.create_schedule(asked).await.unwrap();
        assert_eq!(world.minute().await, BEGAN);
        let catch = world.caught().await;
        let id = catch.order.capture;
        catch.counts(10, 1000);
        assert!(catch.part(big_part(1)).await);
        let parts = Scan::prefix(&KeyWriter::new(Table::CapturePart).finish());
        eventually(async || !disk.meta.scan(parts.clone()).await.unwrap().is_empty()).await;
        catch.counts(15, 1500);
        // What another process reads is stored, and not only known to the first.
        let reader = World::on(disk.clone(), 9, DestinationSettings::default());
        let noted = async || {
            world.disk.clock.advance(PROGRESS_SAVED_EVERY);
            reader.captures.get(account(1), id).await.unwrap().counts.packets == 15
        };
        eventually(noted).await;
        made
    });
    in_a_process().block_on(async {
        let world = World::on(disk.clone(), 3, DestinationSettings::default());
        world.captures.recover().await.unwrap();
        let id = world.captures.list(account(1)).await.unwrap()[0].id;
        let kept = world.until(account(1), id, Status::Success).await;
        assert_eq!((kept.counts.packets, kept.counts.bytes), (10, 1000));
        eventually(async || world.minute().await == BEGAN).await;
        let limits = world.caught().await.order.limits;
        assert_eq!((limits.packets, limits.bytes), (5, 2_000_000 - 1000));
        let used = world.captures.schedule(account(1), made.id).await.unwrap().used;
        assert_eq!((used.runs, used.packets, used.bytes), (2, 15, 1000));
    });
}

/// Killed between the commit that lets a capture in and the word of it: the next process says it, once.
#[tokio::test]
async fn each_capture_is_told_of() {
    let world = world().await;
    let made = world.schedule("each", "* * * * *", 100).await;
    let deaf: Arc<dyn ScheduleWitness> = Arc::new(Watching {
        is_deaf: true,
        ..Watching::default()
    });
    world.disk.clock.advance(MINUTE);
    assert_eq!(world.captures.run_schedules(&deaf).await.unwrap(), BEGAN);
    let id = world.catch(1, 100).await;
    // Also of a schedule that is gone by then.
    world.captures.delete_schedule(account(1), made.id).await.unwrap();
    let second = World::on(world.disk.clone(), 3, DestinationSettings::default());
    let watching = Arc::new(Watching::default());
    let witness: Arc<dyn ScheduleWitness> = watching.clone();
    for _ in 0..2 {
        assert_eq!(second.captures.run_schedules(&witness).await.unwrap(), Fired::default());
        assert_eq!(*watching.began.lock(), [(account(1), made.id, id)]);
    }
}

/// A server that is stopped in the very second leaves it to the next one, if that comes within the minute.
#[tokio::test]
async fn a_stop_at_the_time_leaves_it_due() {
    let world = world().await;
    let made = world.schedule("each", "* * * * *", 100).await;
    world.supervisor.shutdown().stop();
    assert_eq!(world.minute().await, Fired::default());
    let second = World::on(world.disk.clone(), 3, DestinationSettings::default());
    second.disk.clock.advance(Duration::from_secs(20));
    assert_eq!(second.pass().await, BEGAN);
    let runs = second.runs(made.id).await;
    assert_eq!((runs.len(), runs[0].due), (1, made.next.unwrap()));
    second.catch(1, 100).await;
}
