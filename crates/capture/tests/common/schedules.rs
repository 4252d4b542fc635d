//! Schedules in a world whose clock stands until a test moves it.

use super::{World, account, request};
use async_trait::async_trait;
use baleen_capture::{
    Budget, CaptureError, CreateSchedule, Cron, Fired, NotTaken, Run, RunOutcome, Schedule, ScheduleName,
    ScheduleWitness, Status, When,
};
use baleen_types::{AccountId, CaptureId, ScheduleId, Timestamp};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;

pub const URI: &str = "s3://evidence/case?region=eu-1";
pub const MINUTE: Duration = Duration::from_mins(1);

/// Lets accounts act or not, and remembers what began.
#[derive(Default)]
pub struct Watching {
    pub barred: bool,
    pub cannot_say: bool,
    pub is_deaf: bool,
    pub deaf_to: Option<AccountId>,
    pub began: Mutex<Vec<(AccountId, ScheduleId, CaptureId)>>,
}

#[async_trait]
impl ScheduleWitness for Watching {
    async fn may_act(&self, _: AccountId) -> Result<bool, CaptureError> {
        if self.cannot_say {
            return Err(CaptureError::Account("it is away".into()));
        }
        Ok(!self.barred)
    }

    async fn began(&self, account: AccountId, schedule: ScheduleId, capture: CaptureId) -> Result<(), NotTaken> {
        if self.is_deaf || self.deaf_to == Some(account) {
            return Err("the disk is full".into());
        }
        self.began.lock().push((account, schedule, capture));
        Ok(())
    }
}

pub fn witness(watching: Watching) -> Arc<dyn ScheduleWitness> {
    Arc::new(watching)
}

/// A world whose first account may capture; its clock stands at 2027-01-15T08:00:00Z.
pub async fn world() -> World {
    let world = World::new();
    world.make_bucket(account(1), "evidence").await;
    world.prove(account(1), URI).await;
    world
}

pub fn wanted(name: &str, cron: &str, runs: u32) -> CreateSchedule {
    CreateSchedule {
        name: ScheduleName::parse(name).unwrap(),
        when: When::Cron(Cron::parse(cron).unwrap()),
        budget: Budget {
            runs,
            packets: None,
            bytes: None,
        },
        capture: request(account(1), URI),
    }
}

impl World {
    pub async fn schedule(&self, name: &str, cron: &str, runs: u32) -> Schedule {
        self.captures.create_schedule(wanted(name, cron, runs)).await.unwrap()
    }

    pub async fn pass(&self) -> Fired {
        self.captures
            .run_schedules(&witness(Watching::default()))
            .await
            .unwrap()
    }

    /// Moves on by a minute, and looks what is due.
    pub async fn minute(&self) -> Fired {
        self.disk.clock.advance(MINUTE);
        self.pass().await
    }

    pub async fn runs(&self, id: ScheduleId) -> Vec<Run> {
        self.captures.schedule(account(1), id).await.unwrap().runs
    }

    /// Lets the capture that just began catch something and end.
    pub async fn catch(&self, packets: u64, bytes: u64) -> CaptureId {
        let catch = self.caught().await;
        let id = catch.order.capture;
        catch.counts(packets, bytes);
        catch.finish(&b"the file"[..]).await;
        self.until(account(1), id, Status::Success).await;
        id
    }
}

pub const BEGAN: Fired = Fired { began: 1, skipped: 0 };
pub const SKIPPED: Fired = Fired { began: 0, skipped: 1 };

/// The reason of the newest run, with how often.
pub fn reason(runs: &[Run]) -> (String, u32) {
    match &runs[0].outcome {
        RunOutcome::Skipped { why, times, .. } => (why.clone(), *times),
        RunOutcome::Began(_) => panic!("{runs:?}"),
    }
}

pub fn last_due(runs: &[Run]) -> Timestamp {
    match &runs[0].outcome {
        RunOutcome::Skipped { last_due, .. } => *last_due,
        RunOutcome::Began(_) => panic!("{runs:?}"),
    }
}
