//! Giving space back, which a running server does now and then.

use crate::config::Compaction;
use baleen_objects::{Compact, CompactProgress, Compacted, Objects};
use baleen_runtime::Supervisor;
use baleen_types::format_bytes;
use std::num::NonZeroU64;
use std::sync::Arc;
use tracing::info;

/// The name of the task.
const TASK: &str = "compaction";

/// Has space given back once in a period, unless that is 0; first when a period is over, since what the last run left free is
/// what the writers of a new one want.
pub(crate) fn supervise(supervisor: &Supervisor, objects: &Arc<Objects>, settings: Compaction) {
    if settings.every.is_zero() {
        return;
    }
    let (objects, told) = (Arc::clone(objects), supervisor.progress(TASK));
    let compact = Compact {
        bytes_per_second: NonZeroU64::new(settings.bytes_per_second),
        free_percent_max: settings.free_percent_max,
    };
    let mut is_first = true;
    supervisor.every(TASK, settings.every, move || {
        let (objects, told) = (Arc::clone(&objects), told.clone());
        let waits = std::mem::take(&mut is_first);
        async move {
            if waits {
                return Ok(());
            }
            let progress = CompactProgress::default();
            let how_far = || format!("{} moved", format_bytes(progress.bytes()));
            let Some(done) = told.follow(objects.compact(compact, &progress), how_far).await else {
                return Ok(());
            };
            let done = done.map_err(|error| error.to_string())?;
            count(&done);
            told.tell(in_words(&done));
            whole(&done)
        }
    });
}

/// Tells the log and the metrics of what was done, if anything was.
fn count(done: &Compacted) {
    let Compacted {
        moved,
        moved_bytes,
        segments,
        returned_bytes,
        damaged,
    } = *done;
    metrics::counter!("baleen_compaction_moved_bytes_total").increment(moved_bytes);
    metrics::counter!("baleen_compaction_segments_emptied_total").increment(segments);
    metrics::counter!("baleen_compaction_returned_bytes_total").increment(returned_bytes);
    if *done != Compacted::default() {
        info!(
            moved,
            moved_bytes, segments, returned_bytes, damaged, "space was given back"
        );
    }
}

fn in_words(done: &Compacted) -> String {
    format!(
        "{} bodies with {} moved, {} segments emptied, {} given back to the file system",
        done.moved,
        format_bytes(done.moved_bytes),
        done.segments,
        format_bytes(done.returned_bytes)
    )
}

/// Damage that was met stays told until a later run meets none.
fn whole(done: &Compacted) -> Result<(), String> {
    match done.damaged {
        0 => Ok(()),
        damaged => Err(format!(
            "{damaged} damaged bodies were left where they are: the log names them"
        )),
    }
}
