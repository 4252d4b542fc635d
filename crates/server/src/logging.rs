//! The delivery of the logs of buckets.

use baleen_api_s3::S3Door;
use baleen_runtime::Supervisor;
use std::sync::Arc;
use std::time::Duration;

/// Lets logs be delivered now and then, and when there is much.
pub(crate) fn register(supervisor: &Supervisor, door: &Arc<S3Door>, interval: Duration) {
    let much = door.much_is_logged();
    let door = Arc::clone(door);
    supervisor.every_or_when("delivery of bucket logs", interval, much, move || {
        let door = Arc::clone(&door);
        async move { door.deliver_logs().await }
    });
}
