//! The passes that keep what is in each region in line with what has to be there.

use crate::config::Config;
use baleen_objects::{Objects, Reconciled};
use baleen_runtime::{Clock, Supervisor};
use baleen_types::{causes, format_bytes};
use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;
use tracing::warn;

/// How often a pass begins when nothing says that there is something to do: what failed is tried again, and a folder that has gone
/// is missed.
const PERIOD: Duration = Duration::from_secs(10);

/// How long a pass waits at its end, so that many writes are one pass and not one each.
const PAUSE: Duration = Duration::from_millis(50);

/// The same after one that failed, whatever comes in meanwhile.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Lets passes over home and all other regions begin now, and then whenever there is something to do. A store of one region has none.
pub(crate) fn supervise(supervisor: &Supervisor, objects: &Arc<Objects>, clock: &Arc<dyn Clock>, config: &Config) {
    let (home, most) = (&config.region, config.copied_bytes_per_second);
    let others: Vec<_> = objects.regions().cloned().collect();
    if others.is_empty() {
        return;
    }
    let home = (home.clone(), None);
    for (name, region) in others.into_iter().map(|name| (name.clone(), Some(name))).chain([home]) {
        let Ok(hint) = objects.region_hint(region.as_ref()) else {
            continue;
        };
        let task = format!("objects in the region {name}");
        let (objects, clock) = (Arc::clone(objects), Arc::clone(clock));
        let shutdown = supervisor.shutdown().clone();
        let progress = supervisor.progress(&task);
        let pass = move || {
            let (objects, clock, shutdown) = (Arc::clone(&objects), Arc::clone(&clock), shutdown.clone());
            let (name, region, progress) = (name.clone(), region.clone(), progress.clone());
            async move {
                let tell = |done: &Reconciled| {
                    progress.tell(Told { done, most }.to_string());
                    // A gauge holds all of a number that fits into 53 bits.
                    #[expect(clippy::cast_precision_loss, reason = "at most 10,000")]
                    metrics::gauge!("baleen_region_extents_left", "region" => name.to_string()).set(done.left as f64);
                };
                let outcome = objects.reconcile(region.as_ref(), &shutdown, &tell).await;
                metrics::counter!("baleen_region_reads_elsewhere_total").absolute(objects.reads_elsewhere());
                let pause = if outcome.is_ok() { PAUSE } else { PAUSE_AFTER_FAILURE };
                tokio::select! {
                    () = clock.sleep(pause) => {}
                    () = shutdown.stopping() => {}
                }
                outcome.inspect_err(|error| warn!(region = %name, error = %causes(error), "a region is not in line"))
            }
        };
        supervisor.every_or_when(&task, PERIOD, hint, pass);
    }
}

/// What a pass did, in words.
struct Told<'a> {
    done: &'a Reconciled,
    /// The limit of bytes in a second.
    most: Option<NonZeroU64>,
}

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Reconciled {
            compared,
            written,
            bytes,
            found,
            removed,
            failed,
            left,
        } = self.done;
        if *compared > 0 {
            write!(f, "{compared} extents compared; ")?;
        }
        write!(
            f,
            "{written} written with {}, {found} found, {removed} removed, {failed} failed; {left} left",
            format_bytes(*bytes)
        )?;
        match self.most {
            Some(most) => write!(f, "; at most {}/s", format_bytes(most.get())),
            None => Ok(()),
        }
    }
}
