//! Schedules, with a clock that stands until a test moves it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_capture::{
    AddressKey, Anonymise, Asked, CaptureError, CaptureFilter, CreateCapture, CreateSchedule, DestinationSettings,
    Fired, Limited, Limits, Privacy, Rotation, RunOutcome, Schedule, ScheduleWitness, SentFilter, Status,
};
use baleen_filter::{End, FiveTuple, Rules};
use baleen_meta::keys::{KeyWriter, Table};
use baleen_meta::{Request, Scan};
use baleen_types::{CaptureId, ScheduleId, SiteName, Timestamp};
use common::schedules::{BEGAN, MINUTE, SKIPPED, URI, Watching, last_due, reason, wanted, witness, world};
use common::{World, account, contains, request, to};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Tells whether an error is the one that is wanted.
type Refused = Box<dyn Fn(&CaptureError) -> bool>;

#[tokio::test]
async fn captures_begin_when_they_are_due() {
    let world = world().await;
    let made = world.schedule("each", "*/2 * * * *", 10).await;
    let now = world.disk.clock_now();
    assert_eq!(made.next, Some(now.plus(2 * MINUTE)));
    assert_eq!(world.pass().await, Fired::default());
    assert_eq!(world.minute().await, Fired::default());
    let watching = Arc::new(Watching::default());
    let witness: Arc<dyn ScheduleWitness> = watching.clone();
    world.disk.clock.advance(MINUTE);
    assert_eq!(world.captures.run_schedules(&witness).await.unwrap(), BEGAN);
    assert_eq!(world.pass().await, Fired::default(), "once");
    let id = world.catch(3, 300).await;
    assert_eq!(*watching.began.lock(), [(account(1), made.id, id)]);
    assert_eq!(
        world.read("evidence", &format!("case/pcap_{id}.pcap")).await.unwrap(),
        b"the file"
    );
    let capture = world.captures.get(account(1), id).await.unwrap();
    assert!(capture.is_scheduled);
    assert!(
        world
            .captures
            .list(account(1))
            .await
            .unwrap()
            .iter()
            .any(|listed| listed.id == id)
    );

    let shown = world.captures.schedule(account(1), made.id).await.unwrap();
    assert_eq!((shown.used.runs, shown.used.packets, shown.used.bytes), (1, 3, 300));
    assert_eq!(shown.next, Some(now.plus(4 * MINUTE)));
    let RunOutcome::Began(began) = &shown.runs[0].outcome else {
        panic!("{shown:?}")
    };
    assert_eq!((began.capture, shown.runs[0].due), (id, now.plus(2 * MINUTE)));
    let found = began.found.as_ref().unwrap();
    assert_eq!((found.status, found.counts.packets), (Status::Success, 3));
    assert_eq!(world.captures.schedules(account(1)).await.unwrap()[0].used, shown.used);

    // A capture that fails is told as one.
    world.disk.clock.advance(2 * MINUTE);
    world.agent.refuse("the interface is not there");
    assert_eq!(world.pass().await, BEGAN);
    let RunOutcome::Began(began) = &world.runs(made.id).await[0].outcome else {
        panic!()
    };
    let failed = world.until(account(1), began.capture, Status::Failed).await;
    assert!(failed.message.unwrap().contains("not there"));
}

/// All that may be asked of a capture is asked of each that a schedule begins.
#[tokio::test]
async fn captures_are_asked_for_as_the_schedule_was() {
    let world = world().await;
    let tuple = FiveTuple {
        source: End {
            addresses: vec!["10.0.0.0/8".parse().unwrap()],
            ports: vec![80..=90],
        },
        protocol: Some(6),
        bidirectional: true,
        ..FiveTuple::default()
    };
    let rules = Rules::parse("tcp.dstport == 443").unwrap();
    for (number, filter) in [
        CaptureFilter::All,
        CaptureFilter::Tuple(tuple),
        CaptureFilter::Expression("udp port 53".to_owned()),
        CaptureFilter::Rules(rules),
    ]
    .into_iter()
    .enumerate()
    {
        let mut asked = wanted(&format!("s{number}"), "* * * * *", 5);
        asked.capture = CreateCapture {
            filter,
            sent_filter: SentFilter {
                tuple: Some("{\"protocol\":6}".to_owned()),
                bidirectional: true,
                ..SentFilter::default()
            },
            snaplen: Some(96),
            rotation: Rotation {
                bytes: Some(1 << 20),
                every: Some(Duration::from_secs(10)),
            },
            privacy: Privacy {
                headers_only: true,
                zero_payload: false,
                anonymise: Anonymise::Anew,
            },
            ..asked.capture
        };
        let capture = asked.capture.clone();
        let made = world.captures.create_schedule(asked).await.unwrap();
        assert_eq!(made.capture.sent_filter, capture.sent_filter);
        assert_eq!(made.capture.rotation, capture.rotation);
        assert_eq!(world.minute().await, BEGAN);
        let catch = world.caught().await;
        let direct = {
            catch.end(None);
            let order = catch.order.clone();
            drop(catch);
            world
                .until_that(account(1), order.capture, |capture| capture.status.is_terminal())
                .await;
            world.captures.delete_schedule(account(1), made.id).await.unwrap();
            world.captures.create(capture).await.unwrap();
            let direct = world.caught().await;
            direct.end(None);
            let ordered = direct.order.clone();
            drop(direct);
            world
                .until_that(account(1), ordered.capture, |capture| capture.status.is_terminal())
                .await;
            assert_eq!(format!("{:?}", order.filter), format!("{:?}", ordered.filter));
            assert_eq!(
                (order.snaplen, order.rotation, order.limits),
                (ordered.snaplen, ordered.rotation, ordered.limits)
            );
            (order.masking.headers_only, order.masking.addresses.is_some())
        };
        assert_eq!(direct, (true, true));
    }
}

#[tokio::test]
async fn what_could_never_be_captured_is_refused() {
    let world = world().await;
    let base = || wanted("name", "* * * * *", 1);
    let with = |change: &dyn Fn(&mut CreateSchedule)| {
        let mut request = base();
        change(&mut request);
        request
    };
    let limit = |of| move |error: &CaptureError| matches!(error, CaptureError::Limit { of: found, .. } if *found == of);
    let key = AddressKey::from_hex(&"ab".repeat(32)).unwrap();
    let rows: Vec<(CreateSchedule, Refused)> = vec![
        (with(&|r| r.budget.runs = 0), Box::new(limit(Limited::Budget))),
        (with(&|r| r.budget.runs = 1441), Box::new(limit(Limited::Budget))),
        (with(&|r| r.budget.packets = Some(0)), Box::new(limit(Limited::Budget))),
        (
            with(&|r| r.budget.bytes = Some(u64::MAX)),
            Box::new(limit(Limited::Budget)),
        ),
        (
            with(&|r| r.capture.limits.packets = 0),
            Box::new(limit(Limited::Packets)),
        ),
        (
            with(&|r| r.capture.limits.time = Duration::from_secs(301)),
            Box::new(limit(Limited::Time)),
        ),
        (
            with(&|r| r.capture.privacy.anonymise = Anonymise::Under(key.clone())),
            Box::new(limit(Limited::AddressKey)),
        ),
        (
            with(&|r| r.capture.site = SiteName::parse("nowhere").unwrap()),
            Box::new(|error| matches!(error, CaptureError::NoSite(_))),
        ),
        (
            with(&|r| r.capture.destination = to("s3://other/case")),
            Box::new(|error| matches!(error, CaptureError::NotProven(_))),
        ),
        (
            with(&|r| r.capture.account = account(2)),
            Box::new(|error| matches!(error, CaptureError::NotProven(_))),
        ),
        (
            with(&|r| r.capture.filter = CaptureFilter::Expression("tcp port nonsense-".to_owned())),
            Box::new(|error| matches!(error, CaptureError::Filter(_) | CaptureError::FilterAtSite { .. })),
        ),
        (
            // Whoever answers for the name would be asked at each time, and could keep all others waiting.
            with(&|r| r.capture.filter = CaptureFilter::Expression("host slow.example".to_owned())),
            Box::new(|error| error.to_string().contains("slow.example would have to be looked up")),
        ),
    ];
    let before = world.dump().await;
    for (request, is_wanted) in rows {
        let refused = world.captures.create_schedule(request).await.unwrap_err();
        assert!(is_wanted(&refused), "{refused:?}");
    }
    assert!(world.dump().await == before, "a refused schedule leaves nothing");
}

#[tokio::test]
async fn one_that_meets_an_active_capture_skips_and_says_so() {
    let world = world().await;
    let made = world.schedule("each", "* * * * *", 10).await;
    let running = world.create(account(1), URI).await.unwrap();
    let catch = world.caught().await;
    for times in 1..=3 {
        assert_eq!(world.minute().await, SKIPPED);
        let (why, told) = reason(&world.runs(made.id).await);
        assert!(why.contains(&running.id.to_string()), "{why}");
        assert_eq!(told, times, "one entry for what is skipped alike");
    }
    catch.counts(1, 100);
    catch.finish(&b"file"[..]).await;
    world.until(account(1), running.id, Status::Success).await;
    // Neither made up for, nor used up.
    assert_eq!(world.minute().await, BEGAN);
    let own = world.caught().await;
    assert_eq!(world.minute().await, SKIPPED, "its own is still running");
    let (why, _) = reason(&world.runs(made.id).await);
    assert!(why.contains(&own.order.capture.to_string()), "{why}");
    let shown = world.captures.schedule(account(1), made.id).await.unwrap();
    assert_eq!((shown.used.runs, shown.runs.len()), (1, 3));
    // Two that are due at once: one begins, the other says why not.
    own.counts(1, 100);
    own.finish(&b"file"[..]).await;
    world.schedule("other", "* * * * *", 10).await;
    world
        .until_that(account(1), shown_capture(&shown), |capture| {
            capture.status == Status::Success
        })
        .await;
    assert_eq!(world.minute().await, Fired { began: 1, skipped: 1 });
}

fn shown_capture(shown: &Schedule) -> CaptureId {
    let began = shown.runs.iter().find_map(|run| match &run.outcome {
        RunOutcome::Began(began) => Some(began.capture),
        RunOutcome::Skipped { .. } => None,
    });
    began.unwrap()
}

#[tokio::test]
async fn a_budget_is_never_passed_and_comes_back_at_midnight() {
    let world = world().await;
    let mut asked = wanted("each", "* * * * *", 10);
    asked.budget.packets = Some(5);
    asked.budget.bytes = Some(2_000_000);
    let made = world.captures.create_schedule(asked).await.unwrap();
    // Until 23:57, without a pass in between.
    world
        .disk
        .clock
        .set(Timestamp::parse_rfc3339("2027-01-15T23:57:00Z").unwrap());
    assert_eq!(world.pass().await, SKIPPED, "what was missed");
    assert_eq!(world.minute().await, BEGAN);
    world.catch(3, 300).await;
    assert_eq!(world.minute().await, BEGAN);
    let catch = world.caught().await;
    assert_eq!(
        catch.order.limits,
        Limits {
            packets: 2,
            bytes: 1_999_700,
            ..request(account(1), URI).limits
        }
    );
    let over_midnight = catch.order.capture;
    catch.counts(2, 200);
    // It ends behind midnight, and counts for the day in which it began.
    assert_eq!(world.minute().await, SKIPPED);
    catch.finish(&b"file"[..]).await;
    world.until(account(1), over_midnight, Status::Success).await;
    assert_eq!(world.minute().await, BEGAN);
    let catch = world.caught().await;
    assert_eq!(catch.order.limits.packets, 5, "another day");
    catch.counts(5, 500);
    let last = catch.order.capture;
    catch.finish(&b"file"[..]).await;
    world.until(account(1), last, Status::Success).await;
    assert_eq!(world.minute().await, SKIPPED);
    let (why, _) = reason(&world.runs(made.id).await);
    assert!(why.contains("5 packets a day"), "{why}");
    let used = world.captures.schedule(account(1), made.id).await.unwrap().used;
    assert_eq!((used.runs, used.packets, used.bytes), (1, 5, 500));
}

#[tokio::test]
async fn runs_are_counted_as_well() {
    let world = world().await;
    let made = world.schedule("two", "* * * * *", 2).await;
    for _ in 0..2 {
        assert_eq!(world.minute().await, BEGAN);
        world.catch(1, 100).await;
    }
    assert_eq!(world.minute().await, SKIPPED);
    assert!(reason(&world.runs(made.id).await).0.contains("2 captures a day"));
    world
        .disk
        .clock
        .set(Timestamp::parse_rfc3339("2027-01-16T00:00:00Z").unwrap());
    assert_eq!(world.pass().await, SKIPPED, "what was missed");
    assert_eq!(world.minute().await, BEGAN);
    world.catch(1, 100).await;
}

#[tokio::test]
async fn what_was_missed_is_told_once_and_not_made_up_for() {
    let world = world().await;
    let made = world.schedule("each", "* * * * *", 10).await;
    let now = world.disk.clock_now();
    world.disk.clock.advance(10 * MINUTE);
    assert_eq!(world.pass().await, SKIPPED);
    assert_eq!(world.pass().await, Fired::default());
    let runs = world.runs(made.id).await;
    assert_eq!(runs.len(), 1);
    assert_eq!(reason(&runs), ("the server was not there at that time".to_owned(), 10));
    assert_eq!(runs[0].due, now.plus(MINUTE));
    assert_eq!(last_due(&runs), now.plus(10 * MINUTE));
    assert_eq!(world.minute().await, BEGAN);
    world.catch(1, 100).await;
    // A little late is not missed.
    world.disk.clock.advance(MINUTE + Duration::from_secs(59));
    assert_eq!(world.pass().await, BEGAN);
    world.catch(1, 100).await;
    // A clock that is set back begins nothing twice.
    world.disk.clock.set(now);
    assert_eq!(world.pass().await, Fired::default());
    // A year of minutes is not counted one by one.
    world.disk.clock.advance(Duration::from_hours(24 * 365));
    assert_eq!(world.pass().await, SKIPPED);
    let runs = world.runs(made.id).await;
    let (why, times) = reason(&runs);
    assert_eq!(times, 1000);
    assert!(why.contains("many more than those which are counted"), "{why}");
    assert_eq!(last_due(&runs), world.disk.clock_now());
    // The last time that went by, not the one at which it was found out; and a minute late is a time that was missed.
    let daily = world.schedule("daily", "30 6 * * *", 10).await;
    let due = daily.next.unwrap();
    world.disk.clock.set(due.plus(Duration::from_hours(50)));
    world.pass().await;
    let runs = world.runs(daily.id).await;
    assert_eq!((reason(&runs).1, runs[0].due), (3, due));
    assert_eq!(last_due(&runs), due.plus(Duration::from_hours(48)));
    let next = world
        .captures
        .schedule(account(1), daily.id)
        .await
        .unwrap()
        .next
        .unwrap();
    world.disk.clock.set(next.plus(MINUTE));
    world.pass().await;
    assert_eq!(
        reason(&world.runs(daily.id).await),
        ("the server was not there at that time".to_owned(), 4)
    );
}

/// A machine that begins with a clock which is years ahead, or half an hour, until it is set.
#[tokio::test]
async fn a_clock_that_was_wrong_is_got_over() {
    let world = world().await;
    let at = |text| Timestamp::parse_rfc3339(text).unwrap();
    let made = world.schedule("each", "*/10 * * * *", 3).await;
    let daily = world.schedule("daily", "@daily", 3).await;
    world.disk.clock.set(at("2099-01-01T00:00:00Z"));
    assert_eq!(world.pass().await, Fired { began: 0, skipped: 2 });
    world.disk.clock.set(at("2027-01-15T08:25:00Z"));
    assert_eq!(world.pass().await, Fired::default());
    let next = async |id| world.captures.schedule(account(1), id).await.unwrap().next;
    assert_eq!(next(made.id).await, Some(at("2027-01-15T08:30:00Z")));
    assert_eq!(next(daily.id).await, Some(at("2027-01-16T00:00:00Z")));
    world.disk.clock.set(at("2027-01-15T08:30:00Z"));
    assert_eq!(world.pass().await, BEGAN);
    world.catch(1, 100).await;
    let used = world.captures.schedule(account(1), made.id).await.unwrap().used;
    assert_eq!((used.runs, used.packets), (1, 1), "of this day");
    // By less than an hour: what was begun is not begun again.
    world.disk.clock.set(at("2027-01-15T08:01:00Z"));
    assert_eq!(world.pass().await, Fired::default());
    assert_eq!(next(made.id).await, Some(at("2027-01-15T08:40:00Z")));
    // Another process finds what the one before it left by a wrong clock.
    world.disk.clock.set(at("2099-01-01T00:00:00Z"));
    world.pass().await;
    world.disk.clock.set(at("2027-01-15T08:31:00Z"));
    let second = World::on(world.disk.clone(), 3, DestinationSettings::default());
    assert_eq!(second.pass().await, Fired::default());
    assert_eq!(next(made.id).await, Some(at("2027-01-15T08:40:00Z")));
}

/// What is used behind midnight stays used when the clock is set back before it.
#[tokio::test]
async fn a_day_is_not_had_twice() {
    let world = world().await;
    let at = |text| Timestamp::parse_rfc3339(text).unwrap();
    let made = world.schedule("each", "*/10 * * * *", 3).await;
    world.disk.clock.set(at("2027-01-16T00:31:00Z"));
    world.pass().await;
    world.disk.clock.set(at("2027-01-16T00:40:00Z"));
    assert_eq!(world.pass().await, BEGAN);
    world.catch(3, 300).await;
    world.disk.clock.set(at("2027-01-15T23:01:00Z"));
    assert_eq!(world.pass().await, Fired::default());
    for (time, packets) in [("2027-01-15T23:10:00Z", 2), ("2027-01-15T23:20:00Z", 1)] {
        world.disk.clock.set(at(time));
        assert_eq!(world.pass().await, BEGAN);
        world.catch(packets, 100).await;
    }
    let used = world.captures.schedule(account(1), made.id).await.unwrap().used;
    assert_eq!((used.runs, used.packets), (3, 6));
    world.disk.clock.set(at("2027-01-15T23:30:00Z"));
    assert_eq!(world.pass().await, SKIPPED);
    assert!(reason(&world.runs(made.id).await).0.contains("3 captures a day"));
}

/// A language of an older release that this one does not read: told of, and in the way of no other.
#[tokio::test]
async fn what_cannot_be_read_any_more_is_told_and_keeps_no_other() {
    let world = world().await;
    let by_pattern = world.schedule("pattern", "*/7 * * * *", 10).await;
    let mut asked = wanted("filter", "*/7 * * * *", 10);
    asked.capture.filter = CaptureFilter::Rules(Rules::parse("tcp.dstport == 443").unwrap());
    let by_filter = world.captures.create_schedule(asked).await.unwrap();
    let good = world.schedule("good", "*/7 * * * *", 10).await;
    let entries = world
        .disk
        .meta
        .scan(Scan::prefix(&KeyWriter::new(Table::Schedule).finish()));
    for entry in entries.await.unwrap() {
        let change = |from: &str, to: &str| {
            let at = entry
                .value
                .windows(from.len())
                .position(|window| window == from.as_bytes())?;
            let mut value = entry.value.to_vec();
            value[at..at + to.len()].copy_from_slice(to.as_bytes());
            Some(value)
        };
        let changed = match change("tcp.dstport", "tcp.nothing") {
            None if contains(&entry.value, "pattern") => change("*/7 * * * *", "*/7 * * * Z"),
            changed => changed,
        };
        if let Some(value) = changed {
            let put = Request::new().put(entry.key.clone(), value);
            world.disk.meta.commit(put).await.unwrap();
        }
    }
    let broken = async || {
        let listed = world.captures.schedules(account(1)).await.unwrap();
        let broken = listed.iter().filter(|listed| listed.broken.is_some());
        broken.map(|broken| broken.id).collect::<Vec<_>>()
    };
    assert_eq!(broken().await, [by_pattern.id, by_filter.id]);
    world.disk.clock.set(good.next.unwrap());
    assert_eq!(world.pass().await, Fired { began: 1, skipped: 2 });
    world.catch(1, 100).await;
    // Once, and they are not due again.
    world.disk.clock.set(good.next.unwrap().plus(7 * MINUTE));
    assert_eq!(world.pass().await, BEGAN);
    for id in [by_pattern.id, by_filter.id] {
        let shown = world.captures.schedule(account(1), id).await.unwrap();
        assert_eq!((shown.next, shown.runs.len()), (None, 1));
        assert!(reason(&shown.runs).0.contains("cannot be read by this release"));
        let resumed = world.captures.pause_schedule(account(1), id, false).await;
        assert!(matches!(resumed, Err(CaptureError::Schedule(_))), "{resumed:?}");
        world.captures.delete_schedule(account(1), id).await.unwrap();
    }
    assert!(broken().await.is_empty());
}

/// A record that is none: passes come each second, and say so once.
#[tokio::test]
async fn what_cannot_be_read_at_all_is_said_once() {
    let world = world().await;
    let broken = world.schedule("broken", "*/7 * * * *", 10).await;
    let schedules = Scan::prefix(&KeyWriter::new(Table::Schedule).finish());
    let entries = world.disk.meta.scan(schedules).await.unwrap();
    let put = Request::new().put(entries[0].key.clone(), b"nothing".to_vec());
    world.disk.meta.commit(put).await.unwrap();
    let good = world.schedule("good", "*/7 * * * *", 10).await;
    world.disk.clock.set(broken.next.unwrap());
    let told = world.captures.run_schedules(&witness(Watching::default())).await;
    assert!(told.is_err(), "{told:?}");
    world.catch(1, 100).await;
    assert_eq!(world.pass().await, Fired::default());
    world.disk.clock.set(good.next.unwrap().plus(7 * MINUTE));
    assert_eq!(world.pass().await, BEGAN);
}

#[tokio::test]
async fn accounts_that_may_not_act_begin_nothing() {
    let world = world().await;
    let made = world.schedule("each", "* * * * *", 10).await;
    let barred = witness(Watching {
        barred: true,
        ..Watching::default()
    });
    for _ in 0..2 {
        world.disk.clock.advance(MINUTE);
        assert_eq!(world.captures.run_schedules(&barred).await.unwrap(), SKIPPED);
    }
    assert_eq!(
        reason(&world.runs(made.id).await),
        ("the account may not act".to_owned(), 2)
    );
    // Whoever cannot be looked up now stays due.
    let unsure = witness(Watching {
        cannot_say: true,
        ..Watching::default()
    });
    world.disk.clock.advance(MINUTE);
    world.captures.run_schedules(&unsure).await.unwrap_err();
    assert_eq!(world.pass().await, BEGAN);
    world.catch(1, 100).await;
    // It goes with its account, and so does its entry by time.
    world.captures.purge_account(account(1)).await.unwrap();
    assert!(matches!(
        world.captures.schedule(account(1), made.id).await,
        Err(CaptureError::NoSuchSchedule)
    ));
    assert_eq!(world.minute().await, Fired::default());
    for table in [Table::Schedule, Table::ScheduleDue] {
        let left = world
            .disk
            .meta
            .scan(Scan::prefix(&KeyWriter::new(table).finish()))
            .await
            .unwrap();
        assert!(left.is_empty(), "{table:?}");
    }
}

#[tokio::test]
async fn one_can_be_paused_resumed_and_deleted_by_its_account() {
    let world = world().await;
    let made = world.schedule("each", "*/5 * * * *", 10).await;
    let captures = &world.captures;
    let (me, other) = (account(1), account(2));
    for _ in 0..2 {
        let paused = captures.pause_schedule(me, made.id, true).await.unwrap();
        assert!(paused.is_paused && paused.next.is_none());
    }
    world.disk.clock.advance(12 * MINUTE);
    assert_eq!(world.pass().await, Fired::default());
    for _ in 0..2 {
        let resumed = captures.pause_schedule(me, made.id, false).await.unwrap();
        assert_eq!(
            resumed.next,
            Some(Timestamp::parse_rfc3339("2027-01-15T08:15:00Z").unwrap())
        );
        assert!(resumed.runs.is_empty(), "what went by meanwhile was not missed");
    }
    // Another account's is not there.
    assert!(captures.schedules(other).await.unwrap().is_empty());
    let nobodys = ScheduleId::from_bytes([7; 16]);
    for (account, id) in [(other, made.id), (me, nobodys)] {
        for refused in [
            captures.schedule(account, id).await.err(),
            captures.pause_schedule(account, id, true).await.err(),
            captures.delete_schedule(account, id).await.err(),
        ] {
            assert!(matches!(refused, Some(CaptureError::NoSuchSchedule)), "{refused:?}");
        }
    }
    // What runs goes on without it.
    world.disk.clock.advance(3 * MINUTE);
    assert_eq!(world.pass().await, BEGAN);
    captures.delete_schedule(me, made.id).await.unwrap();
    assert!(matches!(
        captures.delete_schedule(me, made.id).await,
        Err(CaptureError::NoSuchSchedule)
    ));
    world.catch(2, 200).await;
    world.disk.clock.advance(20 * MINUTE);
    assert_eq!(world.pass().await, Fired::default());
    let again = world.schedule("each", "*/5 * * * *", 10).await;
    assert_ne!(again.id, made.id);
}

#[tokio::test]
async fn names_are_of_one_and_numbers_are_exact() {
    let world = world().await;
    let mut asked = wanted("twin", "@daily", 1);
    asked.capture.asked = Asked::of(b"twin", false);
    let first = world.captures.create_schedule(asked.clone()).await.unwrap();
    let taken = world.captures.create_schedule(asked.clone()).await;
    assert!(matches!(taken, Err(CaptureError::ScheduleNameTaken)), "{taken:?}");
    // Who repeats a request whose answer was lost gets what it made; not with other words, and not much later.
    asked.capture.asked = Asked::of(b"twin", true);
    let repeated = world.captures.create_schedule(asked.clone()).await.unwrap();
    assert_eq!(repeated.id, first.id);
    asked.capture.asked = Asked::of(b"other", true);
    assert!(world.captures.create_schedule(asked.clone()).await.is_err());
    asked.capture.asked = Asked::of(b"twin", true);
    world.disk.clock.advance(6 * MINUTE);
    assert!(world.captures.create_schedule(asked).await.is_err());

    // All at once, twice each.
    let all = (0..60).map(|number| {
        let (captures, request) = (world.captures.clone(), wanted(&format!("s{}", number / 2), "@daily", 1));
        tokio::spawn(async move { captures.create_schedule(request).await })
    });
    let mut made = 0;
    for one in futures::future::join_all(all).await {
        match one.unwrap() {
            Ok(_) => made += 1,
            Err(CaptureError::ScheduleNameTaken | CaptureError::TooManySchedules { limit: 20 }) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(made, 19);
    let kept = world.captures.schedules(account(1)).await.unwrap();
    let names: BTreeSet<_> = kept.iter().map(|kept| kept.name.as_str().to_owned()).collect();
    assert_eq!((kept.len(), names.len()), (20, 20));
}

/// A destination that is forgotten, a site that is away: told each time, and good again by itself.
#[tokio::test]
async fn reasons_of_the_moment_are_told() {
    let world = world().await;
    let made = world.schedule("each", "* * * * *", 10).await;
    world.agent.set_away(true);
    assert_eq!(world.minute().await, SKIPPED);
    assert!(reason(&world.runs(made.id).await).0.contains("connected"));
    world.agent.set_away(false);
    let listed = world.captures.list_ownerships(account(1)).await.unwrap();
    world.captures.delete_ownership(account(1), listed[0].id).await.unwrap();
    assert_eq!(world.minute().await, SKIPPED);
    assert!(reason(&world.runs(made.id).await).0.contains("ownership"));
    world.prove(account(1), URI).await;
    assert_eq!(world.minute().await, BEGAN);
    world.catch(1, 1).await;
    // Reasons do not pile up without end.
    for number in 0..60 {
        world.agent.set_away(number % 2 == 0);
        if world.minute().await == BEGAN {
            world.catch(1, 1).await;
        }
    }
    assert!(world.runs(made.id).await.len() <= 20);
}
