//! The look through everything that is stored, which a running server takes now and then.

use crate::config::Scrubbing;
use baleen_objects::{LastScrub, ObjectError, Objects, Scrub, ScrubProgress, Scrubbed};
use baleen_runtime::{Clock, Supervisor};
use baleen_types::format_bytes;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;
use tracing::info;

/// The name of the task.
const TASK: &str = "scrub of the store";

/// How often it is asked whether a look is due.
const DUE_PERIOD: Duration = Duration::from_hours(1);

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
    supervisor.every(TASK, DUE_PERIOD, move || {
        let (objects, clock, told) = (Arc::clone(&objects), Arc::clone(&clock), told.clone());
        async move {
            let failed = |error: ObjectError| error.to_string();
            let last = objects.last_scrub().await.map_err(failed)?;
            let now = clock.now();
            // One that ended tomorrow is of a clock that was wrong.
            let is_recent = |last: &LastScrub| last.ended <= now && now.since(last.ended) < settings.every;
            if let Some(last) = last.filter(is_recent) {
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
                format!("{} of {} read", format_bytes(read), format_bytes(all))
            };
            let Some(found) = told.follow(objects.scrub(scrub, &progress), how_far).await else {
                return Ok(());
            };
            let found = found.map_err(failed)?;
            told.tell(count(&found));
            whole(found.damages)
        }
    });
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
