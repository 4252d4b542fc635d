//! The pass that begins what schedules are due for: how often, for whom, and what is told of it.

use async_trait::async_trait;
use baleen_audit::{Audit, Deed, Event, Weight};
use baleen_capture::{CaptureError, Captures, Fired, NotTaken, ScheduleWitness};
use baleen_runtime::{Clock, Supervisor};
use baleen_tenancy::Tenancy;
use baleen_types::{AccountId, CaptureId, ScheduleId};
use std::sync::Arc;
use std::time::Duration;

/// The name of the task.
const TASK: &str = "schedules of captures";

/// How often it is looked for what is due: so much later than its time a capture begins at most.
const PERIOD: Duration = Duration::from_secs(1);

/// Lets passes begin now, and then again and again.
pub(crate) fn register(
    supervisor: &Supervisor,
    captures: &Arc<Captures>,
    (tenancy, audit): (&Arc<Tenancy>, &Arc<Audit>),
    clock: &Arc<dyn Clock>,
) {
    let progress = supervisor.progress(TASK);
    let captures = Arc::clone(captures);
    let witness: Arc<dyn ScheduleWitness> = Arc::new(Witness {
        tenancy: Arc::clone(tenancy),
        audit: Arc::clone(audit),
        clock: Arc::clone(clock),
    });
    supervisor.every(TASK, PERIOD, move || {
        let (captures, witness, progress) = (Arc::clone(&captures), Arc::clone(&witness), progress.clone());
        async move {
            let fired = captures.run_schedules(&witness).await?;
            if fired != Fired::default() {
                progress.tell(fired.to_string());
            }
            Ok::<_, CaptureError>(())
        }
    });
}

struct Witness {
    tenancy: Arc<Tenancy>,
    audit: Arc<Audit>,
    clock: Arc<dyn Clock>,
}

#[async_trait]
impl ScheduleWitness for Witness {
    async fn may_act(&self, account: AccountId) -> Result<bool, CaptureError> {
        let customer = self.tenancy.customer(account).await;
        let customer = customer.map_err(|error| CaptureError::Account(Box::new(error)))?;
        Ok(customer.is_some_and(|customer| customer.status.is_active()))
    }

    /// Who made the schedule is in the entry of that; this one is the server's own.
    async fn began(&self, account: AccountId, schedule: ScheduleId, capture: CaptureId) -> Result<(), NotTaken> {
        let what = format!("arn:aws:pcaps:::pcaps/{capture} Schedule={schedule}");
        let deed = Deed {
            account: Some(account),
            ..Deed::allowed(Weight::Change, "", what)
        };
        let event = Event::of_server(self.clock.now(), "ScheduledCapture", deed);
        Ok(self.audit.write(account, event).await?)
    }
}
