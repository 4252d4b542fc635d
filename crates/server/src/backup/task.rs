//! The backups that a running server makes by itself.

use super::how_far;
use crate::config::Backups;
use baleen_backup::{Backup, Error, Made, Manifest, Newest, Options, Progress, newest};
use baleen_runtime::{Clock, Supervisor};
use baleen_types::{Timestamp, format_bytes};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tracing::{error, info};

/// The name of the task.
const TASK: &str = "backup of the store";

/// How often it is asked whether a backup is due.
const DUE_PERIOD: Duration = Duration::from_mins(1);

/// The longest pause between a failure and the next try.
const PAUSE_MAX: Duration = Duration::from_hours(1);

/// Has the store backed up once in a period, if a folder is named for it. The backups themselves say when the last one was made.
pub(crate) fn supervise(supervisor: &Supervisor, backup: Backup, clock: &Arc<dyn Clock>, settings: &Backups) {
    let Some(folder) = settings.folder.clone() else { return };
    let (backup, clock, every) = (Arc::new(backup), Arc::clone(clock), settings.every);
    let options = Options {
        folder,
        keep: Some(settings.keep),
        // Whoever takes its disk away would get backups on another.
        anew: false,
        master_key: None,
    };
    let told = supervisor.progress(TASK);
    let failures = Arc::new(Mutex::new(Failures::default()));
    supervisor.every(TASK, DUE_PERIOD, move || {
        let (backup, clock, options) = (Arc::clone(&backup), Arc::clone(&clock), options.clone());
        let (told, failures) = (told.clone(), Arc::clone(&failures));
        async move {
            let Newest { backup: last, unread } = last(&options).await.map_err(|error| error.words())?;
            if let Some((_, last)) = &last {
                let now = clock.now();
                let age = now.since(last.ended_at());
                metrics::gauge!("baleen_backup_age_seconds").set(age.as_secs_f64());
                // One that ended tomorrow is of a clock that was wrong.
                if unread.is_none() && last.ended_at() <= now && age < every {
                    return whole(last);
                }
            }
            if let Some(why) = failures.lock().pause(clock.now()) {
                return Err(why.to_owned());
            }
            if let Some(error) = unread {
                error!(
                    reason = error.words(),
                    "the newest backup cannot be read: another is made"
                );
            }
            let progress = Progress::default();
            let making = backup.make(&options, &progress);
            let Some(made) = told.follow(making, || how_far(&progress)).await else {
                // The next one goes on with what was copied.
                return Ok(());
            };
            let made = made.map_err(|error| {
                let why = error.words();
                failures.lock().add(clock.now(), &why);
                why
            })?;
            *failures.lock() = Failures::default();
            told.tell(count(&made));
            whole(&made.manifest)
        }
    });
}

async fn last(options: &Options) -> Result<Newest, Error> {
    let folder = options.folder.clone();
    let found = tokio::task::spawn_blocking(move || newest(&folder)).await;
    found.unwrap_or(Err(Error::Stopped))
}

/// What a backup did, in words; for the log and the metrics too.
fn count(made: &Made) -> String {
    let (backup, copied, bytes) = (made.number.0, made.copied, made.copied_bytes);
    let (extents, damaged) = (made.manifest.extents, made.manifest.damaged.len());
    info!(backup, extents, copied, bytes, damaged, "the store was backed up");
    metrics::counter!("baleen_backup_copied_bytes_total").increment(bytes);
    metrics::gauge!("baleen_backup_age_seconds").set(0.0);
    let bytes = format_bytes(bytes);
    format!("backup {backup} made: {extents} extents, of which {copied} with {bytes} were copied")
}

/// That something of the store is not in the last backup stays told until one has it.
fn whole(manifest: &Manifest) -> Result<(), String> {
    match manifest.damaged.len() {
        0 => Ok(()),
        damaged => Err(format!(
            "the last backup lacks {damaged} extents, which are damaged in the store: the log names them, and so does baleen fsck"
        )),
    }
}

/// Failures in a row. What did not work a minute ago will hardly do so now, and each try reads the whole keyspace.
#[derive(Debug, Default)]
struct Failures {
    count: u32,
    last: Option<(Timestamp, String)>,
}

impl Failures {
    /// What is told instead of another try, if it is too early for one: 2 minutes after the first failure, then twice as long
    /// each time, up to an hour.
    fn pause(&self, now: Timestamp) -> Option<&str> {
        let (at, why) = self.last.as_ref()?;
        let pause = (DUE_PERIOD * (1 << self.count.min(6))).min(PAUSE_MAX);
        // One that was tomorrow is of a clock that was wrong.
        (*at <= now && now.since(*at) < pause).then_some(why)
    }

    fn add(&mut self, now: Timestamp, why: &str) {
        self.count += 1;
        self.last = Some((now, why.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::{DUE_PERIOD, Failures, PAUSE_MAX};
    use baleen_types::Timestamp;
    use std::time::Duration;

    #[test]
    fn pauses_become_longer_up_to_an_hour() {
        let mut now = Timestamp::from_secs(1_800_000_000);
        let mut failures = Failures::default();
        assert_eq!(failures.pause(now), None);
        for minutes in [2, 4, 8, 16, 32, 60, 60, 60] {
            failures.add(now, "the disk is gone");
            let pause = DUE_PERIOD * minutes;
            assert!(pause <= PAUSE_MAX);
            assert_eq!(failures.pause(now), Some("the disk is gone"));
            assert!(
                failures
                    .pause(now.plus(pause.saturating_sub(Duration::from_secs(1))))
                    .is_some(),
                "{minutes}"
            );
            now = now.plus(pause);
            assert_eq!(failures.pause(now), None, "{minutes}");
        }
    }

    #[test]
    fn a_clock_that_was_wrong_holds_nothing_up() {
        let mut failures = Failures::default();
        failures.add(Timestamp::from_secs(1_900_000_000), "no space");
        assert_eq!(failures.pause(Timestamp::from_secs(1_800_000_000)), None);
    }
}
