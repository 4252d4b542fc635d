//! The passes of lifecycle rules: how often they run, and what is told of them.

use async_trait::async_trait;
use baleen_audit::{Audit, Deed, Event, Weight};
use baleen_objects::{Expired, ExpiryWitness, Objects};
use baleen_runtime::{Clock, Progress, Supervisor};
use baleen_types::{AccountId, BucketName};
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
pub(crate) fn register(
    supervisor: &Supervisor,
    objects: &Arc<Objects>,
    (audit, clock): (&Arc<Audit>, &Arc<dyn Clock>),
    day: Duration,
) {
    let (objects, shutdown) = (Arc::clone(objects), supervisor.shutdown().clone());
    let witness = Arc::new(Witness {
        audit: Arc::clone(audit),
        clock: Arc::clone(clock),
        progress: supervisor.progress(TASK),
        done: Mutex::default(),
    });
    let period = (day / PASSES_PER_DAY).max(PERIOD_MIN);
    supervisor.every(TASK, period, move || {
        let (objects, shutdown, witness) = (Arc::clone(&objects), shutdown.clone(), Arc::clone(&witness));
        async move {
            let witness = &*witness;
            witness.so_far(&Expired::default());
            let outcome = objects.expire(&shutdown, witness).await;
            count(&witness.done.lock());
            outcome.map(drop)
        }
    });
}

/// Hears what passes do.
struct Witness {
    audit: Arc<Audit>,
    clock: Arc<dyn Clock>,
    progress: Progress,
    /// What the pass under way has done.
    done: Mutex<Expired>,
}

#[async_trait]
impl ExpiryWitness for &Witness {
    fn so_far(&self, expired: &Expired) {
        self.progress.tell(Told(expired).to_string());
        *self.done.lock() = *expired;
    }

    /// One entry for a bucket and a pass, with how many of each there were: the rules say which, and an entry for each object
    /// would let a rule fill the log.
    async fn removed(&self, bucket: &BucketName, owner: AccountId, removed: Expired) {
        let deed = Deed {
            account: Some(owner),
            ..Deed::allowed(Weight::Change, "", resource(bucket, &removed))
        };
        let event = Event::of_server(self.clock.now(), "LifecycleExpiration", deed);
        if let Err(error) = self.audit.write(owner, event).await {
            // The objects are gone already, and the rest of the rules is still to be followed.
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, %bucket, removed = %Told(&removed), "the audit log could not be told what lifecycle rules removed");
        }
    }
}

fn resource(bucket: &BucketName, removed: &Expired) -> String {
    let Expired {
        objects,
        versions,
        markers,
        uploads,
        ..
    } = removed;
    format!(
        "arn:aws:s3:::{bucket} Objects={objects} NoncurrentVersions={versions} DeleteMarkers={markers} Uploads={uploads}"
    )
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
    if expired.is_any() {
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
