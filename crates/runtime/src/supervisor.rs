//! Background tasks with one owner.

use crate::{Clock, Shutdown};
use baleen_types::Timestamp;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;
use tracing::{debug, error};

/// How often a task that is followed tells how far it is.
const TOLD_EVERY: Duration = Duration::from_secs(5);

/// Owns every background task of the process: names it, stops it, waits for it, and reports on it.
#[derive(Clone)]
pub struct Supervisor {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Arc<dyn Clock>,
    shutdown: Shutdown,
    tracker: TaskTracker,
    reports: Mutex<BTreeMap<String, TaskReport>>,
}

/// What an operator wants to know of a background task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskReport {
    /// When the last run ended.
    pub last_run: Option<Timestamp>,
    /// Why the last run failed; `None` after a good one.
    pub last_error: Option<String>,
    /// Runs so far.
    pub runs: u64,
    /// Whether it runs now.
    pub is_running: bool,
    /// How far the run that goes on is, or what the last one did, if the task tells.
    pub progress: Option<String>,
}

/// Where a task tells how far it is.
#[derive(Clone)]
pub struct Progress {
    shared: Arc<Shared>,
    name: String,
}

impl Progress {
    /// Replaces what was told before.
    pub fn tell(&self, text: impl Into<String>) {
        self.shared
            .report(&self.name, |report| report.progress = Some(text.into()));
    }

    /// Waits for work, and tells now and then how far it is; `None` if the process stops before: then the work is dropped where it
    /// stands.
    pub async fn follow<T>(&self, work: impl Future<Output = T>, how_far: impl Fn() -> String) -> Option<T> {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                done = work.as_mut() => return Some(done),
                () = self.shared.clock.sleep(TOLD_EVERY) => self.tell(how_far()),
                () = self.shared.shutdown.stopping() => return None,
            }
        }
    }
}

impl Shared {
    fn report(&self, name: &str, change: impl FnOnce(&mut TaskReport)) {
        let mut reports = self.reports.lock();
        change(reports.entry(name.to_owned()).or_default());
    }
}

impl Supervisor {
    /// A supervisor whose tasks stop with `shutdown`.
    pub fn new(clock: Arc<dyn Clock>, shutdown: Shutdown) -> Self {
        let shared = Shared {
            clock,
            shutdown,
            tracker: TaskTracker::new(),
            reports: Mutex::default(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// The token the tasks stop with.
    pub fn shutdown(&self) -> &Shutdown {
        &self.shared.shutdown
    }

    /// Runs `task` once, to its end; it should watch [`Supervisor::shutdown`].
    pub fn spawn(&self, name: &str, task: impl Future<Output = ()> + Send + 'static) {
        let name = name.to_owned();
        self.shared.tracker.spawn(async move {
            task.await;
            debug!(task = %name, "background task ended");
        });
    }

    /// Runs `pass` every `period`, first at once, until stopped. A pass that fails is reported and tried again at the
    /// next period; it must converge, since it also runs again after a crash.
    pub fn every<F, R, E>(&self, name: &str, period: Duration, pass: F)
    where
        F: FnMut() -> R + Send + 'static,
        R: Future<Output = Result<(), E>> + Send,
        E: std::fmt::Display,
    {
        self.every_or_when(name, period, Arc::default(), pass);
    }

    /// As [`Supervisor::every`], and also when `hint` is told that there is work: a pass looks for itself what there is.
    pub fn every_or_when<F, R, E>(&self, name: &str, period: Duration, hint: Arc<Notify>, mut pass: F)
    where
        F: FnMut() -> R + Send + 'static,
        R: Future<Output = Result<(), E>> + Send,
        E: std::fmt::Display,
    {
        let shared = Arc::clone(&self.shared);
        let name = name.to_owned();
        self.shared.tracker.spawn(async move {
            while !shared.shutdown.is_stopping() {
                shared.report(&name, |report| report.is_running = true);
                let failure = pass().await.err().map(|e| e.to_string());
                if let Some(reason) = &failure {
                    error!(task = %name, %reason, "background task failed");
                }
                shared.report(&name, |report| {
                    report.last_run = Some(shared.clock.now());
                    report.last_error = failure;
                    report.runs += 1;
                    report.is_running = false;
                });
                tokio::select! {
                    () = shared.clock.sleep(period) => {}
                    () = hint.notified() => {}
                    () = shared.shutdown.stopping() => {}
                }
            }
        });
    }

    /// Where the task of this name tells how far it is.
    pub fn progress(&self, name: &str) -> Progress {
        Progress {
            shared: Arc::clone(&self.shared),
            name: name.to_owned(),
        }
    }

    /// What the periodic tasks do, and did last.
    pub fn reports(&self) -> BTreeMap<String, TaskReport> {
        self.shared.reports.lock().clone()
    }

    /// Asks all tasks to stop and waits for them at most `deadline`; tells whether all ended in time.
    pub async fn drain(&self, deadline: Duration) -> bool {
        self.shared.shutdown.stop();
        self.shared.tracker.close();
        tokio::time::timeout(deadline, self.shared.tracker.wait()).await.is_ok()
    }
}

#[cfg(test)]
mod tests;
