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

/// How often it is told how far a look is.
const TOLD_EVERY: Duration = Duration::from_secs(5);

/// How often it is asked whether a look is due.
const DUE_PERIOD: Duration = Duration::from_hours(1);

/// Has the store looked through once in a period, unless that is 0. The end of the last look is kept in the store: one that was
/// cut by a stop begins anew, and one that was done is not done again after a restart.
pub(crate) fn supervise(supervisor: &Supervisor, objects: &Arc<Objects>, clock: &Arc<dyn Clock>, settings: Scrubbing) {
    if settings.every.is_zero() {
        return;
    }
    let (objects, clock) = (Arc::clone(objects), Arc::clone(clock));
    let (stop, told) = (supervisor.shutdown().clone(), supervisor.progress(TASK));
    supervisor.every(TASK, DUE_PERIOD, move || {
        let (objects, clock) = (Arc::clone(&objects), Arc::clone(&clock));
        let (stop, told) = (stop.clone(), told.clone());
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
            };
            let progress = ScrubProgress::default();
            let mut looking = std::pin::pin!(objects.scrub(scrub, &progress));
            loop {
                tokio::select! {
                    found = looking.as_mut() => {
                        let found = found.map_err(failed)?;
                        told.tell(count(&found));
                        return whole(found.damages);
                    }
                    () = clock.sleep(TOLD_EVERY) => {
                        let (read, all) = (progress.bytes(), progress.bytes_in_all());
                        told.tell(format!("{} of {} read", format_bytes(read), format_bytes(all)));
                    }
                    () = stop.stopping() => return Ok(()),
                }
            }
        }
    });
}

/// What a look did, in words; for the log too.
fn count(found: &Scrubbed) -> String {
    let Scrubbed {
        objects,
        bodies,
        bytes,
        damages,
        ..
    } = found;
    info!(objects, bodies, bytes, damages, "the store was looked through");
    let bytes = format_bytes(*bytes);
    format!("{objects} versions of objects and {bodies} bodies with {bytes} looked through: {damages} damages")
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
