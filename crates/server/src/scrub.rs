//! The look through everything that is stored, which a running server takes now and then.

use crate::compaction::for_a_chart;
use crate::config::Scrubbing;
use baleen_objects::{Damage, LastScrub, ObjectError, Objects, Scrub, ScrubProgress, Scrubbed, ToldDamage};
use baleen_runtime::{Clock, Supervisor};
use baleen_types::{Timestamp, format_bytes};
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tracing::{error, info};

/// The name of the task.
const TASK: &str = "scrub of the store";

/// How often it is asked whether a look is due.
const DUE_PERIOD: Duration = Duration::from_hours(1);

/// How long after a look that found damage the next begins, unless looks are more frequent.
const DAMAGED_PERIOD: Duration = Duration::from_hours(24);

/// The name of the task that looks whether looks come to their ends.
const AGE_TASK: &str = "age of the last scrub";

/// A last whole look that is older than so many periods is told of.
const PERIODS_MAX: u32 = 2;

/// Has the store looked through once in a period, unless that is 0. How far a look is and when the last one ended is kept in the
/// store: one that was cut by a stop goes on, and one that was done is not done again after a restart.
pub(crate) fn supervise(supervisor: &Supervisor, objects: &Arc<Objects>, clock: &Arc<dyn Clock>, settings: Scrubbing) {
    if settings.every.is_zero() {
        return;
    }
    watch(supervisor, objects, clock, settings.every);
    let (objects, clock) = (Arc::clone(objects), Arc::clone(clock));
    let told = supervisor.progress(TASK);
    let is_named = Arc::new(AtomicBool::new(false));
    supervisor.every(TASK, DUE_PERIOD, move || {
        let (objects, clock, told) = (Arc::clone(&objects), Arc::clone(&clock), told.clone());
        let is_named = Arc::clone(&is_named);
        async move {
            let failed = |error: ObjectError| error.to_string();
            let last = objects.last_scrub().await.map_err(failed)?;
            let damages = last.map_or(0, |last| last.damages);
            metrics::gauge!("baleen_scrub_damages").set(for_a_chart(damages));
            let mut is_by_hand = false;
            if damages > 0 {
                let found = objects.told_damage().await.map_err(failed)?;
                is_by_hand = found.is_by_hand;
                // Once in the log of each run: what a baleen fsck found is in none, and that of an earlier run may be gone.
                if !is_named.swap(true, Ordering::Relaxed) {
                    name(&found, damages);
                }
            }
            if let Some(last) = last.filter(|last| !is_due(last, is_by_hand, clock.now(), settings.every)) {
                return whole(last.damages);
            }
            let scrub = Scrub {
                bodies: true,
                bytes_per_second: NonZeroU64::new(settings.bytes_per_second),
                goes_on: true,
            };
            let progress = ScrubProgress::default();
            let how_far = || {
                let (read, all) = (progress.bytes(), progress.bytes_in_all());
                let before = match damages {
                    0 => String::new(),
                    damages => format!("; the last look found {damages} damages"),
                };
                format!("{} of {} read{before}", format_bytes(read), format_bytes(all))
            };
            let Some(found) = told.follow(objects.scrub(scrub, &progress), how_far).await else {
                return Ok(());
            };
            let found = found.map_err(failed)?;
            // They are in the log by now.
            is_named.store(true, Ordering::Relaxed);
            told.tell(count(&found));
            whole(found.damages)
        }
    });
}

/// Whether the store is to be looked through: once in a period, and sooner if the last look found damage, which somebody may have
/// mended since. What a `baleen fsck` found is looked for at once, since it may have had no folders of regions.
fn is_due(last: &LastScrub, is_by_hand: bool, now: Timestamp, every: Duration) -> bool {
    let every = match (last.damages, is_by_hand) {
        (0, _) => every,
        (_, false) => every.min(DAMAGED_PERIOD),
        (_, true) => Duration::ZERO,
    };
    // One that ended tomorrow is of a clock that was wrong.
    last.ended > now || now.since(last.ended) >= every
}

/// Names in the log what the last look found.
fn name(found: &ToldDamage, damages: u64) {
    for Damage { of, what, .. } in &found.damages {
        error!(%of, %what, "the last look through the store found damage");
    }
    let more = damages.saturating_sub(found.damages.len() as u64);
    if more > 0 {
        error!(
            more,
            "the last look through the store found more damage; baleen fsck names it"
        );
    }
}

/// Has it told when no whole look came to its end for too long: at too low a pace, for instance, or with too many restarts.
fn watch(supervisor: &Supervisor, objects: &Arc<Objects>, clock: &Arc<dyn Clock>, every: Duration) {
    let (objects, clock) = (Arc::clone(objects), Arc::clone(clock));
    supervisor.every(AGE_TASK, DUE_PERIOD, move || {
        let (objects, clock) = (Arc::clone(&objects), Arc::clone(&clock));
        async move {
            let failed = |error: ObjectError| error.to_string();
            let last = objects.last_scrub().await.map_err(failed)?;
            let since = match last {
                Some(last) => Some(last.ended),
                // Of a store that was never looked through whole, since that was begun.
                None => objects.scrub_begun().await.map_err(failed)?,
            };
            let age = since.map_or(Duration::ZERO, |since| clock.now().since(since));
            metrics::gauge!("baleen_scrub_age_seconds").set(age.as_secs_f64());
            overdue(last.is_some(), age, every)
        }
    });
}

fn overdue(was_done: bool, age: Duration, every: Duration) -> Result<(), String> {
    if age <= every.saturating_mul(PERIODS_MAX) {
        return Ok(());
    }
    let hours = age.as_secs() / 3600;
    let what = if was_done {
        format!("the last look through the whole store ended {hours} hours ago")
    } else {
        format!("the first look through the whole store was begun {hours} hours ago, and has not ended")
    };
    Err(format!(
        "{what}: scrub.bytes_per_second is too low for scrub.every, or something keeps the task from its work"
    ))
}

/// What a look did, in words; for the log too.
fn count(found: &Scrubbed) -> String {
    let Scrubbed {
        objects,
        bodies,
        bytes,
        damages,
        healable,
        ..
    } = found;
    info!(
        objects,
        bodies, bytes, damages, healable, "the store was looked through"
    );
    metrics::gauge!("baleen_scrub_damages").set(for_a_chart(*damages));
    for (kind, number) in [("lost", damages), ("healable", healable)] {
        metrics::counter!("baleen_scrub_damages_found_total", "kind" => kind).increment(*number);
    }
    let bytes = format_bytes(*bytes);
    format!(
        "{objects} versions of objects and {bodies} bodies with {bytes} looked through: {damages} damages, and {healable} to be \
         healed from another region"
    )
}

/// Damage stays told until a later look finds none.
fn whole(damages: u64) -> Result<(), String> {
    match damages {
        0 => Ok(()),
        1 => Err("1 damage was found: the log names it, and so does baleen fsck".to_owned()),
        damages => Err(format!(
            "{damages} damages were found: the log names them, and so does baleen fsck"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_looked_for_again_before_its_time() {
        let (hour, now) = (Duration::from_hours(1), Timestamp::from_secs(1_800_000_000));
        for (damages, is_by_hand, hours, every, due) in [
            (0, false, 23, 168, false),
            (0, true, 167, 168, false),
            (0, true, 168, 168, true),
            (1, false, 23, 168, false),
            (1, false, 24, 168, true),
            (1, false, 11, 12, false),
            (1, false, 12, 12, true),
            (1, true, 0, 168, true),
        ] {
            let ended = Timestamp::from_secs(now.as_secs() - 3600 * hours);
            let last = LastScrub { ended, damages };
            let found = is_due(&last, is_by_hand, now, hour * every);
            assert_eq!(found, due, "{damages} {is_by_hand} {hours} {every}");
        }
        let ended = now.plus(hour);
        assert!(is_due(&LastScrub { ended, damages: 0 }, false, now, hour));
    }

    #[test]
    fn a_look_is_overdue_after_two_periods() {
        let hour = Duration::from_hours(1);
        for (was_done, age, said) in [
            (true, Duration::ZERO, None),
            (true, 2 * hour, None),
            (true, 3 * hour, Some("ended 3 hours ago")),
            (false, 2 * hour, None),
            (false, 5 * hour, Some("begun 5 hours ago")),
        ] {
            let told = overdue(was_done, age, hour).err();
            assert_eq!(told.is_some(), said.is_some(), "{age:?}");
            assert!(told.unwrap_or_default().contains(said.unwrap_or_default()), "{age:?}");
        }
    }
}
