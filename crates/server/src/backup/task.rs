//! The backups that a running server makes by itself.

use super::how_far;
use crate::config::Backups;
use baleen_backup::{Backup, Error, Made, Manifest, Options, Progress, newest};
use baleen_runtime::{Clock, Supervisor};
use baleen_types::format_bytes;
use std::sync::Arc;
use std::time::Duration;
use tracing::info;

/// The name of the task.
const TASK: &str = "backup of the store";

/// How often it is asked whether a backup is due.
const DUE_PERIOD: Duration = Duration::from_mins(1);

/// How often it is told how far a backup is.
const TOLD_EVERY: Duration = Duration::from_secs(5);

/// Has the store backed up once in a period, if a folder is named for it. The backups themselves say when the last one was made.
pub(crate) fn supervise(supervisor: &Supervisor, backup: Backup, clock: &Arc<dyn Clock>, settings: &Backups) {
    let Some(folder) = settings.folder.clone() else { return };
    let (backup, clock, every) = (Arc::new(backup), Arc::clone(clock), settings.every);
    let options = Options {
        folder,
        keep: Some(settings.keep),
        master_key: None,
    };
    let (stop, told) = (supervisor.shutdown().clone(), supervisor.progress(TASK));
    supervisor.every(TASK, DUE_PERIOD, move || {
        let (backup, clock, options) = (Arc::clone(&backup), Arc::clone(&clock), options.clone());
        let (stop, told) = (stop.clone(), told.clone());
        async move {
            let last = last(&options).await.map_err(|error| words(&error))?;
            if let Some(last) = &last {
                let now = clock.now();
                let age = now.since(last.ended_at());
                metrics::gauge!("baleen_backup_age_seconds").set(age.as_secs_f64());
                // One that ended tomorrow is of a clock that was wrong.
                if last.ended_at() <= now && age < every {
                    return whole(last);
                }
            }
            let progress = Progress::default();
            let mut making = std::pin::pin!(backup.make(&options, &progress));
            loop {
                tokio::select! {
                    made = making.as_mut() => {
                        let made = made.map_err(|error| words(&error))?;
                        told.tell(count(&made));
                        return whole(&made.manifest);
                    }
                    () = clock.sleep(TOLD_EVERY) => told.tell(how_far(&progress)),
                    // The next one goes on with what was copied.
                    () = stop.stopping() => return Ok(()),
                }
            }
        }
    });
}

async fn last(options: &Options) -> Result<Option<Manifest>, Error> {
    let folder = options.folder.clone();
    let found = tokio::task::spawn_blocking(move || newest(&folder)).await;
    Ok(found.unwrap_or(Err(Error::Stopped))?.map(|(_, manifest)| manifest))
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

/// An error with its causes.
fn words(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
