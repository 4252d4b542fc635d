//! The passes of lifecycle rules: how often they run, and what is told of them.

use baleen_objects::{Expired, Objects};
use baleen_runtime::Supervisor;
use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tracing::info;

/// The name of the task.
const TASK: &str = "lifecycle rules";

/// Passes in a day of the rules: what is due by a midnight is gone an hour later.
const PASSES_PER_DAY: u32 = 24;

/// However short the day is.
const PERIOD_MIN: Duration = Duration::from_secs(1);

/// Lets passes begin now, and then again and again.
pub(crate) fn register(supervisor: &Supervisor, objects: &Arc<Objects>, day: Duration) {
    let (objects, shutdown, progress) = (
        Arc::clone(objects),
        supervisor.shutdown().clone(),
        supervisor.progress(TASK),
    );
    let period = (day / PASSES_PER_DAY).max(PERIOD_MIN);
    supervisor.every(TASK, period, move || {
        let (objects, shutdown, progress) = (Arc::clone(&objects), shutdown.clone(), progress.clone());
        async move {
            let done = Mutex::new(Expired::default());
            let tell = |expired: &Expired| {
                progress.tell(Told(expired).to_string());
                *done.lock() = *expired;
            };
            tell(&Expired::default());
            let outcome = objects.expire(&shutdown, tell).await;
            count(&done.lock());
            outcome.map(drop)
        }
    });
}

/// Tells the log and the metrics of what a pass removed, if it did anything.
fn count(expired: &Expired) {
    let removed = [
        ("object", expired.objects),
        ("noncurrent_version", expired.versions),
        ("delete_marker", expired.markers),
        ("upload", expired.uploads),
    ];
    for (what, number) in removed {
        metrics::counter!("baleen_lifecycle_removed_total", "what" => what).increment(number);
    }
    if removed.iter().any(|(_, number)| *number > 0) {
        info!(
            objects = expired.objects,
            versions = expired.versions,
            markers = expired.markers,
            uploads = expired.uploads,
            locked = expired.locked,
            "lifecycle rules removed what was due"
        );
    }
}

/// What a pass did, in words.
struct Told<'a>(&'a Expired);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Expired {
            looked_at,
            objects,
            versions,
            markers,
            uploads,
            locked,
        } = self.0;
        write!(
            f,
            "{looked_at} looked at; removed: {objects} objects, {versions} noncurrent versions, {markers} delete markers, \
             {uploads} uploads; {locked} under a lock"
        )
    }
}
