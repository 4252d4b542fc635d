//! Triggers, with an agent that counts what the test says and a clock that stands until the test moves it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use async_trait::async_trait;
use baleen_capture::limits::WATCHERS_MAX;
use baleen_capture::{
    Budget, CaptureError, CaptureFilter, CreateSchedule, Cron, Limited, NotTaken, RunOutcome, Schedule, ScheduleName,
    ScheduleWitness, SentFilter, Status, Trigger, TripsOn, Unit, When,
};
use baleen_meta::Scan;
use baleen_meta::keys::{KeyWriter, Table};
use baleen_types::{AccountId, CaptureId, ScheduleId};
use common::agent::{SimCatch, SimWatch};
use common::{Disk, PATIENCE, World, account, request};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;

const URI: &str = "s3://evidence/case?region=eu-1";
const STEP: Duration = Duration::from_millis(250);

struct Everybody;

#[async_trait]
impl ScheduleWitness for Everybody {
    async fn may_act(&self, _: AccountId) -> Result<bool, CaptureError> {
        Ok(true)
    }

    async fn began(&self, _: AccountId, _: ScheduleId, _: CaptureId) -> Result<(), NotTaken> {
        Ok(())
    }
}

/// A world whose agent watches.
struct Lab {
    world: World,
    watches: UnboundedReceiver<SimWatch>,
}

fn wanted(name: &str, on: TripsOn, filter: CaptureFilter) -> CreateSchedule {
    let trigger = Trigger {
        on,
        filter,
        sent_filter: SentFilter::default(),
    };
    CreateSchedule {
        name: ScheduleName::parse(name).unwrap(),
        when: When::Trigger(trigger),
        budget: Budget {
            runs: 3,
            packets: None,
            bytes: None,
        },
        capture: request(account(1), URI),
    }
}

fn dns() -> CaptureFilter {
    CaptureFilter::Expression("udp port 53".to_owned())
}

fn flood(per_second: u64) -> TripsOn {
    TripsOn::Rate {
        unit: Unit::Packets,
        per_second,
        window: Duration::from_secs(2),
    }
}

/// Accounts that ask at once are not more than one after the other: none of them keeps an older one from being watched for.
#[tokio::test]
async fn no_more_are_made_at_once_than_are_watched_for() {
    let lab = Lab::new().await;
    let mut asked = Vec::new();
    for number in 11..16 {
        let bucket = format!("evidence-{number}");
        let uri = format!("s3://{bucket}/case?region=eu-1");
        lab.world.make_bucket(account(number), &bucket).await;
        lab.world.prove(account(number), &uri).await;
        for name in ["a", "b", "c", "d"] {
            asked.push(CreateSchedule {
                capture: request(account(number), &uri),
                ..wanted(name, TripsOn::Packet, dns())
            });
        }
    }
    let made = asked.into_iter().map(|asked| lab.world.captures.create_schedule(asked));
    let made = futures::future::join_all(made).await;
    let is_refused = |made: &Result<Schedule, CaptureError>| {
        matches!(
            made,
            Err(CaptureError::TooManyTriggers {
                limit: WATCHERS_MAX,
                ..
            })
        )
    };
    let refused = made.iter().filter(|made| is_refused(made)).count();
    let taken = made.iter().filter(|made| made.is_ok()).count();
    assert_eq!((taken, refused), (WATCHERS_MAX, made.len() - WATCHERS_MAX), "{made:?}");
}

impl Lab {
    async fn new() -> Self {
        let world = World::new();
        world.make_bucket(account(1), "evidence").await;
        world.prove(account(1), URI).await;
        let watches = world.agent.watch();
        Self { world, watches }
    }

    async fn schedule(&self, name: &str, on: TripsOn, filter: CaptureFilter) -> Schedule {
        self.world
            .captures
            .create_schedule(wanted(name, on, filter))
            .await
            .unwrap()
    }

    async fn pass(&self) {
        let witness: Arc<dyn ScheduleWitness> = Arc::new(Everybody);
        self.world.captures.run_schedules(&witness).await.unwrap();
    }

    /// Moves on by a quarter of a second, and lets everybody who waits for that go on.
    async fn step(&self) {
        self.world.disk.clock.advance(STEP);
        tokio::time::sleep(Duration::from_millis(3)).await;
        self.pass().await;
    }

    /// The next watch that is begun.
    async fn watched(&mut self) -> SimWatch {
        let until = std::time::Instant::now() + PATIENCE;
        loop {
            self.step().await;
            if let Ok(watch) = self.watches.try_recv() {
                return watch;
            }
            assert!(std::time::Instant::now() < until, "nothing is watched");
        }
    }

    /// That no watch begins in so many steps.
    async fn unwatched(&mut self, steps: usize) {
        for _ in 0..steps {
            self.step().await;
            assert!(self.watches.try_recv().is_err(), "it is watched");
        }
    }

    /// What begins within so many steps, if anything; `packets` go by in each.
    async fn within(&self, steps: usize, watch: &SimWatch, packets: u64) -> Option<SimCatch> {
        for _ in 0..steps {
            watch.see(packets, packets * 100);
            self.step().await;
            if let Ok(catch) = self.world.catches.lock().await.try_recv() {
                return Some(catch);
            }
        }
        None
    }

    async fn finish(&self, catch: SimCatch) -> CaptureId {
        let id = catch.order.capture;
        catch.counts(2, 200);
        catch.finish(&b"file"[..]).await;
        self.world.until(account(1), id, Status::Success).await;
        id
    }

    async fn shown(&self, id: ScheduleId) -> Schedule {
        self.world.captures.schedule(account(1), id).await.unwrap()
    }
}

#[tokio::test]
async fn a_packet_that_matches_begins_a_capture() {
    let mut lab = Lab::new().await;
    let made = lab.schedule("dns", TripsOn::Packet, dns()).await;
    assert!(made.next.is_none());
    let watch = lab.watched().await;
    assert!(format!("{:?}", watch.order.filter).contains("udp port 53"));
    assert!(lab.within(8, &watch, 0).await.is_none());
    let catch = lab.within(4, &watch, 1).await.unwrap();
    // While it captures, uploads and rests nobody watches: what the capture itself sends sets nothing off.
    assert!(watch.is_over());
    lab.unwatched(20).await;
    let id = lab.finish(catch).await;
    lab.unwatched(200).await;
    let again = lab.watched().await;
    let shown = lab.shown(made.id).await;
    assert_eq!(shown.runs[0].cause.as_deref(), Some("a packet that matches"));
    assert!(matches!(&shown.runs[0].outcome, RunOutcome::Began(began) if began.capture == id));
    assert_eq!((shown.used.runs, shown.used.packets), (1, 2));
    let catch = lab.within(4, &again, 1).await.unwrap();
    lab.finish(catch).await;
}

#[tokio::test]
async fn a_rate_begins_one_capture_however_long_it_lasts() {
    let mut lab = Lab::new().await;
    lab.schedule("flood", flood(40), CaptureFilter::All).await;
    let watch = lab.watched().await;
    assert!(
        lab.within(20, &watch, 9).await.is_none(),
        "36 in a second are less than 40"
    );
    let catch = lab.within(20, &watch, 20).await.unwrap();
    lab.finish(catch).await;
    // It goes on: nothing begins before it was low.
    let again = lab.watched().await;
    assert!(lab.within(40, &again, 20).await.is_none());
    assert!(lab.within(12, &again, 0).await.is_none());
    let catch = lab.within(20, &again, 20).await.unwrap();
    lab.finish(catch).await;
}

/// Places of triggers are few: those of an account that is gone are free again.
#[tokio::test]
async fn an_account_that_is_purged_leaves_no_trigger_behind() {
    let mut lab = Lab::new().await;
    lab.schedule("dns", TripsOn::Packet, dns()).await;
    drop(lab.watched().await);
    lab.world.captures.purge_account(account(1)).await.unwrap();
    let until = std::time::Instant::now() + PATIENCE;
    let due = Scan::prefix(&KeyWriter::new(Table::ScheduleDue).finish());
    while !lab.world.disk.meta.scan(due.clone()).await.unwrap().is_empty() {
        lab.step().await;
        assert!(std::time::Instant::now() < until, "its entry stays");
    }
}

#[tokio::test]
async fn triggers_are_within_the_budget_and_meet_active_captures() {
    let mut lab = Lab::new().await;
    let mut asked = wanted("dns", TripsOn::Packet, dns());
    asked.budget.runs = 1;
    let made = lab.world.captures.create_schedule(asked).await.unwrap();
    let watch = lab.watched().await;
    let running = lab.world.create(account(1), URI).await.unwrap();
    let other = lab.world.caught().await;
    assert!(lab.within(8, &watch, 1).await.is_none());
    let RunOutcome::Skipped { why, times: 1, .. } = &lab.shown(made.id).await.runs[0].outcome else {
        panic!()
    };
    assert!(why.contains(&running.id.to_string()), "{why}");
    lab.finish(other).await;
    // It rests also behind what it skipped.
    lab.unwatched(200).await;
    let watch = lab.watched().await;
    let catch = lab.within(4, &watch, 1).await.unwrap();
    lab.finish(catch).await;
    let watch = lab.watched().await;
    assert!(lab.within(8, &watch, 1).await.is_none());
    let shown = lab.shown(made.id).await;
    let RunOutcome::Skipped { why, .. } = &shown.runs[0].outcome else {
        panic!("{shown:?}")
    };
    assert!(why.contains("1 captures a day"), "{why}");
}

#[tokio::test]
async fn watches_end_with_what_wants_them_and_come_back() {
    let mut lab = Lab::new().await;
    let made = lab.schedule("dns", TripsOn::Packet, dns()).await;
    let captures = lab.world.captures.clone();
    let watch = lab.watched().await;
    captures.pause_schedule(account(1), made.id, true).await.unwrap();
    for _ in 0..3 {
        lab.step().await;
    }
    assert!(watch.is_over(), "paused");
    captures.pause_schedule(account(1), made.id, false).await.unwrap();
    let watch = lab.watched().await;
    // Paused and resumed between two passes.
    captures.pause_schedule(account(1), made.id, true).await.unwrap();
    captures.pause_schedule(account(1), made.id, false).await.unwrap();
    assert!(lab.within(4, &watch, 1).await.is_some() || lab.watches.try_recv().is_ok());
    captures.delete_schedule(account(1), made.id).await.unwrap();
    // An interface that went away is tried again, and told once.
    let made = lab.schedule("other", TripsOn::Packet, dns()).await;
    let watch = lab.watched().await;
    watch.break_off("the network interface eth0 was removed");
    let again = lab.watched().await;
    again.break_off("the network interface eth0 was removed");
    let _ = lab.watched().await;
    let shown = lab.shown(made.id).await;
    let RunOutcome::Skipped { why, times: 1, .. } = &shown.runs[0].outcome else {
        panic!("{shown:?}")
    };
    assert!(why.contains("eth0 was removed"), "{why}");
    lab.world.captures.purge_account(account(1)).await.unwrap();
    for _ in 0..3 {
        lab.step().await;
    }
    lab.unwatched(80).await;
}

/// A process that ends takes its watches with it; the next one watches again.
#[tokio::test]
async fn another_process_watches_on() {
    let mut lab = Lab::new().await;
    let made = lab.schedule("dns", TripsOn::Packet, dns()).await;
    let watch = lab.watched().await;
    let catch = lab.within(4, &watch, 1).await.unwrap();
    let id = catch.order.capture;
    drop(catch);
    lab.world.supervisor.drain(PATIENCE).await;
    let world = World::on(
        lab.world.disk.clone(),
        9,
        baleen_capture::DestinationSettings::default(),
    );
    world.captures.recover().await.unwrap();
    let watches = world.agent.watch();
    let mut lab = Lab { world, watches };
    lab.world
        .until_that(account(1), id, |capture| capture.status.is_terminal())
        .await;
    let watch = lab.watched().await;
    let catch = lab.within(4, &watch, 1).await.unwrap();
    lab.finish(catch).await;
    assert_eq!(lab.shown(made.id).await.used.runs, 2);
}

#[tokio::test]
async fn what_cannot_be_watched_for_is_refused() {
    let lab = Lab::new().await;
    let refused = |request: CreateSchedule| {
        let captures = lab.world.captures.clone();
        async move { captures.create_schedule(request).await.unwrap_err() }
    };
    for request in [
        wanted("every packet", TripsOn::Packet, CaptureFilter::All),
        wanted("never", flood(0), dns()),
        wanted(
            "nonsense",
            TripsOn::Packet,
            CaptureFilter::Expression("port nonsense-".to_owned()),
        ),
        // Compiles for no Ethernet.
        wanted(
            "wifi",
            TripsOn::Packet,
            CaptureFilter::Expression("wlan type mgt".to_owned()),
        ),
    ] {
        let error = refused(request).await;
        assert!(
            matches!(
                &error,
                CaptureError::Limit {
                    of: Limited::Trigger,
                    ..
                }
            ),
            "{error:?}"
        );
    }
    for number in 0..4 {
        lab.schedule(&format!("t{number}"), TripsOn::Packet, dns()).await;
    }
    let error = refused(wanted("fifth", TripsOn::Packet, dns())).await;
    assert!(
        matches!(error, CaptureError::TooManyTriggers { limit: 4, .. }),
        "{error:?}"
    );
    // Others are not counted with them.
    let mut cron = wanted("cron", TripsOn::Packet, dns());
    cron.when = When::Cron(Cron::parse("@daily").unwrap());
    lab.world.captures.create_schedule(cron).await.unwrap();
    // An agent that counts nothing.
    let world = World::on(Disk::new(), 2, baleen_capture::DestinationSettings::default());
    world.make_bucket(account(1), "evidence").await;
    world.prove(account(1), URI).await;
    let error = world
        .captures
        .create_schedule(wanted("dns", TripsOn::Packet, dns()))
        .await
        .unwrap_err();
    assert!(
        matches!(
            &error,
            CaptureError::Limit {
                of: Limited::Trigger,
                ..
            }
        ),
        "{error:?}"
    );
}
