use super::*;
use crate::limits::{FLUSH_PERIOD, LIVE_MINUTES, REPORT_DAYS_MAX};
use baleen_meta::{Scan, counter};
use baleen_runtime::ManualClock;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_hours(24);
/// Noon, so that a test crosses the end of a day only where it means to.
const START: Timestamp = Timestamp::from_secs(20_000 * 86_400 + 43_200);
const REGIONS: [&str; 2] = ["DCA02", "SJC03"];

struct World {
    usage: Arc<Usage>,
    meta: Meta,
    clock: Arc<ManualClock>,
}

fn account(n: u64) -> AccountId {
    AccountId::from_entropy(n)
}

fn world(minimum_stay_days: u32) -> World {
    let (meta, clock) = (Meta::open_model(), ManualClock::new(START));
    World {
        usage: Usage::new(Settings { minimum_stay_days }, meta.clone(), clock.clone()),
        meta,
        clock,
    }
}

fn put(bytes: u64) -> Change<'static> {
    Change {
        account: account(1),
        region: REGIONS[0],
        stored: Some(Stored {
            bytes,
            source: Source::Upload,
        }),
        removed: None,
    }
}

fn delete(bytes: u64, made: Timestamp) -> Change<'static> {
    Change {
        stored: None,
        removed: Some(Removed { bytes, made }),
        ..put(0)
    }
}

impl World {
    async fn does(&self, change: &Change<'_>) {
        let request = self.usage.count(Request::new(), change);
        assert!(self.meta.commit(request).await.unwrap().is_committed());
    }

    async fn report(&self, from: Day, till: Day, totals: Totals) -> Billing {
        let query = BillingQuery::new(from, till).unwrap();
        let snapshot = self.meta.snapshot().await.unwrap();
        let usage = &self.usage;
        usage
            .billing(&snapshot, account(1), Timestamp::EPOCH, query, totals)
            .await
            .unwrap()
    }

    fn today(&self) -> Day {
        Day::of(self.clock.now())
    }

    /// Every row of the two tables, as text and number.
    async fn rows(&self) -> Vec<(bool, i128)> {
        let mut rows = Vec::new();
        for (is_minute, prefix) in [
            (true, keys::minutes().finish()),
            (false, keys::days_of(account(1)).finish()),
        ] {
            let found = self.meta.scan(Scan::prefix(&prefix)).await.unwrap();
            rows.extend(
                found
                    .iter()
                    .map(|row| (is_minute, counter::decode(&row.value).unwrap())),
            );
        }
        rows
    }
}

#[test]
fn a_put_pays_two_adds_and_nothing_pays_for_nothing() {
    let world = world(0);
    let adds = |change: &Change<'_>| {
        let request = world.usage.count(Request::new(), change);
        let bytes = request.check().unwrap();
        (bytes > 0, format!("{request:?}").matches("Add {").count())
    };
    assert_eq!(adds(&put(4096)), (true, 2));
    assert_eq!(adds(&put(0)), (true, 1), "an object without bytes is an object");
    assert_eq!(adds(&delete(4096, START)), (true, 2));
    let overwrite = Change {
        removed: Some(Removed { bytes: 1, made: START }),
        ..put(1)
    };
    assert_eq!(adds(&overwrite), (true, 4));
    let nothing = Change { stored: None, ..put(1) };
    assert_eq!(adds(&nothing), (false, 0));
}

#[tokio::test]
async fn the_last_hour_is_shown_by_minutes_without_the_last_two() {
    let world = world(0);
    let live = async || world.usage.live(account(1)).await.unwrap();
    world.does(&put(5)).await;
    world.does(&put(7)).await;
    world.does(&delete(5, START)).await;
    world.usage.downloaded(account(1), REGIONS[0], 1000);
    world.usage.flush().await.unwrap();
    let minute = LiveMinute {
        date: START,
        uploaded_bytes: 12,
        uploaded_objects: 2,
        deleted_bytes: 5,
        deleted_objects: 1,
    };
    // Minute by minute: not yet, not yet, then for as long as it is of the last hour.
    for age in 0..=LIVE_MINUTES + 1 {
        let shown = (2..LIVE_MINUTES).contains(&age);
        assert_eq!(
            live().await,
            if shown { vec![minute] } else { vec![] },
            "{age} minutes ago"
        );
        if age % 7 == 0 {
            world.usage.fold().await.unwrap();
        }
        world.clock.advance(MINUTE);
    }
    // Newest first; a minute in which only something was read or copied is idle.
    let copy = Change {
        stored: Some(Stored {
            bytes: 3,
            source: Source::Copy,
        }),
        ..put(0)
    };
    for (second, change) in [(0, put(1)), (59, put(2)), (61, copy), (125, put(3))] {
        world.clock.set(START.plus(DAY + Duration::from_secs(second)));
        world.does(&change).await;
    }
    world.clock.set(START.plus(DAY + 10 * MINUTE));
    let seen: Vec<_> = live().await.iter().map(|m| (m.date, m.uploaded_bytes)).collect();
    let at = |minutes| START.plus(DAY + MINUTE * minutes);
    assert_eq!(seen, [(at(2), 3), (at(0), 3)]);
    assert!(world.usage.live(account(2)).await.unwrap().is_empty());
}

#[tokio::test]
async fn regions_are_apart_in_days_and_together_in_minutes() {
    let world = world(0);
    for region in REGIONS {
        world.does(&Change { region, ..put(10) }).await;
    }
    world.usage.downloaded(account(1), REGIONS[1], 4);
    world.usage.downloaded(account(1), REGIONS[1], 5);
    world.usage.downloaded(account(2), REGIONS[1], 1);
    world.usage.downloaded(account(1), REGIONS[0], 0);
    world.usage.flush().await.unwrap();
    world.usage.flush().await.unwrap();
    for fold in [false, true] {
        world.clock.advance(MINUTE * 3);
        if fold {
            world.clock.advance(MINUTE * LIVE_MINUTES);
            assert!(world.usage.fold().await.unwrap() > 0);
        } else {
            assert_eq!(world.usage.live(account(1)).await.unwrap()[0].uploaded_bytes, 20);
        }
        let totals = Totals { objects: 2, bytes: 20 };
        let report = world.report(world.today(), world.today(), totals).await;
        let transfer = |download_bytes| {
            vec![DayTransfer {
                day: world.today(),
                upload_bytes: 10,
                download_bytes,
                delete_bytes: 0,
            }]
        };
        let expected = [
            (REGIONS[0].to_owned(), transfer(0)),
            (REGIONS[1].to_owned(), transfer(9)),
        ];
        assert_eq!(report.transfers, BTreeMap::from(expected));
    }
}

#[tokio::test]
async fn folding_moves_old_minutes_and_only_them() {
    let world = world(0);
    world.does(&put(1)).await;
    world.clock.advance(MINUTE * LIVE_MINUTES);
    world.does(&put(2)).await;
    assert_eq!(world.usage.fold().await.unwrap(), 0, "an hour old is not too old");
    world.clock.advance(MINUTE);
    assert_eq!(world.usage.fold().await.unwrap(), 2);
    assert_eq!(world.usage.fold().await.unwrap(), 0);
    assert_eq!(world.rows().await, [(true, 2), (true, 1), (false, 1), (false, 1)]);
    // A writer whose clock is behind writes into a minute that is folded: nothing is lost.
    world.clock.set(START);
    world.does(&put(4)).await;
    world.clock.set(START.plus(MINUTE * (LIVE_MINUTES + 1)));
    assert_eq!(world.usage.fold().await.unwrap(), 2);
    assert_eq!(world.rows().await, [(true, 2), (true, 1), (false, 5), (false, 2)]);
}

#[tokio::test]
async fn a_fold_larger_than_a_commit_loses_nothing() {
    let world = world(0);
    let minutes = 300;
    for _ in 0..minutes {
        for account in [account(1), account(2)] {
            for region in REGIONS {
                world
                    .does(&Change {
                        account,
                        region,
                        ..put(1)
                    })
                    .await;
            }
        }
        world.clock.advance(MINUTE);
    }
    world.clock.advance(MINUTE * LIVE_MINUTES);
    assert_eq!(world.usage.fold().await.unwrap(), minutes * 2 * 2 * 2);
    let sum: i128 = world
        .rows()
        .await
        .iter()
        .map(|(is_minute, count)| if *is_minute { 1 << 40 } else { *count })
        .sum();
    assert_eq!(
        sum,
        minutes as i128 * 4,
        "bytes and objects in both regions, and no minute is left"
    );
}

#[tokio::test]
async fn a_ghost_stays_until_the_minimum_stay_is_over() {
    for (stay, kept_days, ghost_days) in [
        (0, 0, 0),
        (1, 0, 1),
        (1, 1, 0),
        (30, 0, 30),
        (30, 29, 1),
        (30, 30, 0),
        (30, 31, 0),
    ] {
        let world = world(stay);
        let first = world.today();
        world.does(&put(100)).await;
        world.clock.advance(DAY * kept_days);
        world.does(&delete(100, START)).await;
        let deleted = world.today();
        // Also seen from the middle, before its end is past.
        for later in [0, 1, 60] {
            world.clock.advance(DAY * later);
            let report = world.report(first, world.today(), Totals::default()).await;
            for space in report.space {
                let is_ghost = (deleted.0..deleted.0 + ghost_days).contains(&space.day.0);
                let is_used = (first.0..deleted.0).contains(&space.day.0);
                let expected = DaySpace {
                    day: space.day,
                    used_bytes: if is_used { 100 } else { 0 },
                    ghost_bytes: if is_ghost { 100 } else { 0 },
                };
                assert_eq!(space, expected, "stay {stay}, kept {kept_days}, {later} later");
            }
        }
    }
}

#[test]
fn a_query_has_its_limits() {
    let day = |n| Day::parse("2020-01-01").unwrap().plus(n);
    for (from, till, fits) in [
        (0, 0, true),
        (0, REPORT_DAYS_MAX - 2, true),
        (0, REPORT_DAYS_MAX - 1, true),
        (0, REPORT_DAYS_MAX, false),
        (1, 0, false),
        (0, u32::MAX, false),
    ] {
        assert_eq!(
            BillingQuery::new(day(from), day(till)).is_ok(),
            fits,
            "{from} to {till}"
        );
    }
}

#[tokio::test]
async fn days_to_come_and_days_before_the_account_are_left_out() {
    let world = world(0);
    world.does(&put(9)).await;
    let today = world.today();
    let totals = Totals { objects: 1, bytes: 9 };
    let day = |offset: i64| Day(u32::try_from(i64::from(today.0) + offset).unwrap());
    let query = BillingQuery::new(day(-5), day(5)).unwrap();
    let snapshot = world.meta.snapshot().await.unwrap();
    let since = day(-2).start();
    let report = world
        .usage
        .billing(&snapshot, account(1), since, query, totals)
        .await
        .unwrap();
    let days: Vec<_> = report.space.iter().map(|s| (s.day, s.used_bytes)).collect();
    assert_eq!(days, [(day(0), 9), (day(-1), 0), (day(-2), 0)]);
    assert_eq!(report.objects.len(), 3);
    // Wholly ahead, and wholly before: nothing, and no error.
    assert_eq!(world.report(day(1), day(9), totals).await, Billing::default());
    let old = BillingQuery::new(day(-9), day(-8)).unwrap();
    let report = world
        .usage
        .billing(&snapshot, account(1), since, old, totals)
        .await
        .unwrap();
    assert_eq!(report, Billing::default());
    // A clock that is set back over an end of a day gives no number below zero.
    world.clock.set(START.plus(DAY));
    world.does(&put(50)).await;
    world.clock.set(START);
    world.does(&delete(50, START.plus(DAY))).await;
    let report = world.report(day(0), day(0), totals).await;
    assert_eq!(report.space[0].used_bytes, 0);
}

#[tokio::test]
async fn downloads_wait_for_their_flush_and_survive_a_refusal() {
    let world = world(0);
    world.usage.downloaded(account(1), REGIONS[0], u64::MAX);
    world.usage.downloaded(account(1), REGIONS[0], 1);
    assert!(world.rows().await.is_empty());
    // A row that is no counter: the store refuses, and what waits is kept.
    let key = MinuteKey::at(account(1), START, REGIONS[0], world.meta.committer()).of(What::DownloadBytes);
    world
        .meta
        .commit(Request::new().put(key.clone(), "broken"))
        .await
        .unwrap();
    assert!(world.usage.flush().await.is_err());
    world.meta.commit(Request::new().delete(key)).await.unwrap();
    world.usage.flush().await.unwrap();
    assert_eq!(
        world.rows().await,
        [(true, i128::from(i64::MAX))],
        "saturated, not wrapped"
    );
    world.usage.flush().await.unwrap();
    assert_eq!(world.rows().await.len(), 1);
    assert!(FLUSH_PERIOD < MINUTE);
}

#[tokio::test]
async fn a_damaged_row_is_an_error_and_not_a_bill() {
    for value in ["", "fifteen bytes..", "seventeen bytes.."] {
        let world = world(0);
        let key = MinuteKey::at(account(1), START, REGIONS[0], world.meta.committer()).of(What::UploadBytes);
        world.meta.commit(Request::new().put(key, value)).await.unwrap();
        world.clock.advance(MINUTE * 2);
        assert!(world.usage.live(account(1)).await.is_err());
        world.clock.advance(MINUTE * LIVE_MINUTES);
        assert!(world.usage.fold().await.is_err());
        let snapshot = world.meta.snapshot().await.unwrap();
        let query = BillingQuery::new(world.today(), world.today()).unwrap();
        let report = world
            .usage
            .billing(&snapshot, account(1), START, query, Totals::default())
            .await;
        assert!(report.is_err());
    }
}

/// One step of a history.
#[derive(Clone, Debug)]
enum Step {
    Put { key: u8, bytes: u64, source: Source },
    Delete { key: u8 },
    Read { region: usize, bytes: u64 },
    Wait { minutes: u32 },
    Fold,
}

fn step() -> impl Strategy<Value = Step> {
    let source = prop_oneof![Just(Source::Upload), Just(Source::Copy)];
    prop_oneof![
        4 => (0..6u8, 0..5000u64, source).prop_map(|(key, bytes, source)| Step::Put { key, bytes, source }),
        3 => (0..6u8).prop_map(|key| Step::Delete { key }),
        1 => (0..2usize, 0..5000u64).prop_map(|(region, bytes)| Step::Read { region, bytes }),
        2 => (0..3000u32).prop_map(|minutes| Step::Wait { minutes }),
        1 => Just(Step::Fold),
    ]
}

/// What a plain ledger of the same history says.
#[derive(Default)]
struct Ledger {
    objects: BTreeMap<u8, (u64, Timestamp)>,
    /// Bytes and objects at the end of each day so far.
    ends: BTreeMap<Day, (u64, u64)>,
    transfers: BTreeMap<(&'static str, Day), (u64, u64, u64)>,
    /// Bytes, first day, day after the last.
    ghosts: Vec<(u64, Day, Day)>,
}

impl Ledger {
    fn totals(&self) -> Totals {
        Totals {
            objects: self.objects.len() as u64,
            bytes: self.objects.values().map(|(bytes, _)| bytes).sum(),
        }
    }
}

const STAY_DAYS: u32 = 2;

async fn check(steps: Vec<Step>) {
    let world = world(STAY_DAYS);
    let first = world.today();
    let mut ledger = Ledger::default();
    // A key lives in one region, as a bucket does.
    let region_of = |key: u8| REGIONS[usize::from(key) % 2];
    for step in steps {
        let (now, today) = (world.clock.now(), world.today());
        let remove = |ledger: &mut Ledger, key: u8| {
            let (bytes, made) = ledger.objects.remove(&key)?;
            ledger.transfers.entry((region_of(key), today)).or_default().2 += bytes;
            ledger.ghosts.push((bytes, today, Day::of(made).plus(STAY_DAYS)));
            Some(Removed { bytes, made })
        };
        match step {
            Step::Put { key, bytes, source } => {
                let removed = remove(&mut ledger, key);
                ledger.objects.insert(key, (bytes, now));
                if source == Source::Upload {
                    ledger.transfers.entry((region_of(key), today)).or_default().0 += bytes;
                }
                let stored = Some(Stored { bytes, source });
                let change = Change {
                    region: region_of(key),
                    stored,
                    removed,
                    ..put(0)
                };
                world.does(&change).await;
            }
            Step::Delete { key } => {
                let change = Change {
                    region: region_of(key),
                    stored: None,
                    removed: remove(&mut ledger, key),
                    ..put(0)
                };
                world.does(&change).await;
            }
            Step::Read { region, bytes } => {
                ledger.transfers.entry((REGIONS[region], today)).or_default().1 += bytes;
                world.usage.downloaded(account(1), REGIONS[region], bytes);
                world.usage.flush().await.unwrap();
            }
            Step::Wait { minutes } => {
                world.clock.advance(MINUTE * minutes);
                let totals = ledger.totals();
                for past in today.0..world.today().0 {
                    ledger.ends.insert(Day(past), (totals.bytes, totals.objects));
                }
            }
            Step::Fold => drop(world.usage.fold().await.unwrap()),
        }
    }
    let (today, totals) = (world.today(), ledger.totals());
    ledger.ends.insert(today, (totals.bytes, totals.objects));
    for (from, till) in [
        (first, today),
        (first, first),
        (today, today),
        (Day(first.0.midpoint(today.0)), today),
    ] {
        if first.through(today) > REPORT_DAYS_MAX {
            continue;
        }
        let report = world.report(from, till, totals).await;
        for (space, objects) in report.space.iter().zip(&report.objects) {
            let (bytes, count) = ledger.ends[&space.day];
            let is_ghost = |(_, from, until): &&(u64, Day, Day)| (*from..*until).contains(&space.day);
            let ghost: u64 = ledger.ghosts.iter().filter(is_ghost).map(|(bytes, ..)| bytes).sum();
            assert_eq!(
                (space.used_bytes, objects.objects, space.ghost_bytes),
                (bytes, count, ghost),
                "{}",
                space.day
            );
        }
        assert_eq!(report.space.len(), from.through(till) as usize);
        let mut expected: BTreeMap<String, Vec<DayTransfer>> = BTreeMap::new();
        for ((region, day), (upload_bytes, download_bytes, delete_bytes)) in ledger.transfers.iter().rev() {
            if (from..=till).contains(day) && (*upload_bytes, *download_bytes, *delete_bytes) != (0, 0, 0) {
                expected.entry((*region).to_owned()).or_default().push(DayTransfer {
                    day: *day,
                    upload_bytes: *upload_bytes,
                    download_bytes: *download_bytes,
                    delete_bytes: *delete_bytes,
                });
            }
        }
        assert_eq!(report.transfers, expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn reports_say_what_a_plain_ledger_says(steps in proptest::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(check(steps));
    }
}
