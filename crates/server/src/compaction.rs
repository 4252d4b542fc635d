//! Giving space back, which a running server does now and then.

use crate::config::Compaction;
use baleen_meta::Meta;
use baleen_objects::{Compact, CompactProgress, Compacted, Objects};
use baleen_runtime::{Progress, Supervisor};
use baleen_types::{causes, format_bytes};
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tracing::{info, warn};

/// The name of the task.
const TASK: &str = "compaction";

/// Has space given back once in a period, unless that is 0; first when a period is over, since what the last run left free is
/// what the writers of a new one want. What the metadata takes is measured at once.
pub(crate) fn supervise(supervisor: &Supervisor, objects: &Arc<Objects>, meta: &Meta, settings: Compaction) {
    let work = Arc::new(Work {
        objects: Arc::clone(objects),
        meta: meta.clone(),
        told: supervisor.progress(TASK),
        settings,
        counted_at: AtomicU64::new(0),
    });
    if settings.every.is_zero() {
        // Nobody measures again, but who asks gets what there was.
        supervisor.spawn("size of the metadata", async move {
            if let Err(error) = work.measure(true).await {
                warn!(error = %causes(&error), "the metadata store cannot be measured");
            }
        });
        return;
    }
    let mut is_first = true;
    supervisor.every(TASK, settings.every, move || {
        let work = Arc::clone(&work);
        let waits = std::mem::take(&mut is_first);
        async move {
            if waits {
                return work.measure(true).await.map_err(|e| causes(&e));
            }
            work.run().await
        }
    });
}

/// What each run needs.
struct Work {
    objects: Arc<Objects>,
    meta: Meta,
    told: Progress,
    settings: Compaction,
    /// How much the metadata store took when its rows were counted last; 0 before that.
    counted_at: AtomicU64,
}

impl Work {
    /// Bodies first: that removes rows. What keeps it from them keeps it not from the metadata.
    async fn run(&self) -> Result<(), String> {
        let progress = CompactProgress::default();
        let compact = Compact {
            bytes_per_second: NonZeroU64::new(self.settings.bytes_per_second),
            free_percent_max: self.settings.free_percent_max,
        };
        let how_far = || format!("{} moved", format_bytes(progress.bytes()));
        let bodies = self.objects.compact(compact, &progress);
        let Some(bodies) = self.told.follow(bodies, how_far).await else {
            return Ok(());
        };
        let progress = Arc::new(baleen_meta::CompactProgress::default());
        let compact = baleen_meta::Compact {
            bytes_per_second: compact.bytes_per_second,
            free_percent_max: compact.free_percent_max,
        };
        let how_far = || format!("{} rows of metadata looked at", progress.rows());
        let rows = self.meta.compact(compact, &progress);
        let Some(rows) = self.told.follow(rows, how_far).await else {
            return Ok(());
        };
        let measured = self.measure(rows.as_ref().is_ok_and(|rows| rows.rewritten)).await;
        let (bodies, rows) = (bodies.map_err(|e| causes(&e))?, rows.map_err(|e| causes(&e))?);
        count(&bodies, rows);
        measured.map_err(|e| causes(&e))?;
        self.told.tell(in_words(&bodies, rows));
        whole(&bodies)
    }

    /// Tells the metrics what the metadata store holds and takes. Counting reads all its keys, so what it holds is told again only
    /// when that may be another number.
    async fn measure(&self, rewritten: bool) -> Result<(), baleen_meta::Error> {
        let mut allocated = self.meta.allocated_bytes().await?;
        if rewritten || is_another(allocated, self.counted_at.load(Ordering::Relaxed)) {
            let usage = self.meta.usage().await?;
            allocated = usage.allocated_bytes;
            self.counted_at.store(allocated, Ordering::Relaxed);
            metrics::gauge!("baleen_metadata_live_bytes").set(for_a_chart(usage.live_bytes));
        }
        metrics::gauge!("baleen_metadata_allocated_bytes").set(for_a_chart(allocated));
        Ok(())
    }
}

/// Whether what is taken has changed by more than 5 %.
fn is_another(allocated: u64, before: u64) -> bool {
    u128::from(allocated.abs_diff(before)) * 20 > u128::from(before)
}

#[expect(clippy::cast_precision_loss, reason = "a number for a chart")]
pub(crate) fn for_a_chart(bytes: u64) -> f64 {
    bytes as f64
}

/// Tells the log and the metrics of what was done, if anything was.
fn count(bodies: &Compacted, rows: baleen_meta::Compacted) {
    let Compacted {
        moved,
        moved_bytes,
        segments,
        returned_bytes,
        damaged,
    } = *bodies;
    metrics::counter!("baleen_compaction_moved_bytes_total").increment(moved_bytes);
    metrics::counter!("baleen_compaction_segments_emptied_total").increment(segments);
    metrics::counter!("baleen_compaction_returned_bytes_total").increment(returned_bytes);
    metrics::counter!("baleen_compaction_metadata_returned_bytes_total").increment(rows.returned_bytes);
    if *bodies != Compacted::default() || rows != baleen_meta::Compacted::default() {
        info!(
            moved,
            moved_bytes,
            segments,
            returned_bytes,
            damaged,
            metadata_returned_bytes = rows.returned_bytes,
            "space was given back"
        );
    }
}

fn in_words(bodies: &Compacted, rows: baleen_meta::Compacted) -> String {
    format!(
        "{} bodies with {} moved, {} segments emptied, {} given back to the file system; {} of metadata",
        bodies.moved,
        format_bytes(bodies.moved_bytes),
        bodies.segments,
        format_bytes(bodies.returned_bytes),
        format_bytes(rows.returned_bytes)
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

#[cfg(test)]
mod tests {
    use super::is_another;

    #[test]
    fn rows_are_counted_again_when_five_percent_have_changed() {
        for (allocated, before, wanted) in [
            (0, 0, false),
            (1, 0, true),
            (1000, 1000, false),
            (1050, 1000, false),
            (1051, 1000, true),
            (950, 1000, false),
            (949, 1000, true),
            (u64::MAX, 1, true),
        ] {
            assert_eq!(is_another(allocated, before), wanted, "{allocated} {before}");
        }
    }
}
