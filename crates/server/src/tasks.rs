//! Forgetting capture tasks whose days are over: how often, and what is told of it.

use baleen_audit::{Audit, Deed, Event, Weight};
use baleen_capture::{CaptureError, Captures, Expired};
use baleen_runtime::{Clock, Supervisor};
use std::sync::Arc;
use std::time::Duration;
use tracing::{error, info};

/// The name of the task.
const TASK: &str = "expiry of capture tasks";

/// How often it is looked for what is due: so much longer than its days it takes room at most. It cannot be read by then.
const PERIOD: Duration = Duration::from_mins(10);

/// Lets passes begin now, and then again and again.
pub(crate) fn register(supervisor: &Supervisor, captures: &Arc<Captures>, audit: &Arc<Audit>, clock: &Arc<dyn Clock>) {
    let progress = supervisor.progress(TASK);
    let (captures, audit, clock) = (Arc::clone(captures), Arc::clone(audit), Arc::clone(clock));
    supervisor.every(TASK, PERIOD, move || {
        let (captures, audit, clock) = (Arc::clone(&captures), Arc::clone(&audit), Arc::clone(&clock));
        let progress = progress.clone();
        async move {
            let expired = captures
                .expire_tasks(|so_far| progress.tell(so_far.to_string()))
                .await?;
            if expired != Expired::default() {
                info!(told = %expired, "capture tasks whose days are over are forgotten");
            }
            record(&audit, &*clock, &expired).await;
            Ok::<_, CaptureError>(())
        }
    });
}

/// One entry for an account and a pass, as lifecycle rules have them: their owners asked for the days.
async fn record(audit: &Audit, clock: &dyn Clock, expired: &Expired) {
    for (account, tasks) in &expired.tasks {
        let deed = Deed {
            account: Some(*account),
            ..Deed::allowed(
                Weight::Change,
                "",
                format!("arn:aws:cfw:::capture-task/* Tasks={tasks}"),
            )
        };
        let event = Event::of_server(clock.now(), "CaptureTaskExpiration", deed);
        if let Err(error) = audit.write(*account, event).await {
            let error = &error as &dyn std::error::Error;
            error!(error, %account, tasks, "the audit log could not be told which capture tasks were forgotten");
        }
    }
}
