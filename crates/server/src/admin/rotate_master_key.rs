//! `baleen admin rotate-master-key`: another key for what is sealed, on the machine itself.
//!
//! Where a server runs, the command only changes the file of the keys; the server takes it up and seals everything anew
//! while it serves. Where none does, the command does both.

use super::store_folder;
use crate::cli::Place;
use crate::config::Loaded;
use crate::failure::Failure;
use crate::folder::{Folder, is_held};
use crate::keys::KeyChange;
use crate::serve::runtime;
use crate::store::Store;
use crate::{keys, output};
use baleen_audit::Audit;
use baleen_keyring::{Error, KeyFile, Tally, retire_served, rotate_served};
use baleen_runtime::{Entropy, SystemEntropy};
use clap::Args;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How often a server is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How long a server may take until it has a new key; it looks at the file every other second.
const TAKE_UP_PATIENCE: Duration = Duration::from_secs(30);

/// How often progress is told.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// Which folder, and which step.
#[derive(Clone, Debug, Args)]
pub(crate) struct Arguments {
    /// Make no key: take those out of the file that nothing is sealed under any more. Older backups of the store need them.
    #[arg(long)]
    retire_old: bool,
    #[command(flatten)]
    place: Place,
}

/// What is told in the end.
struct Outcome {
    file: PathBuf,
    status: Value,
    /// Whether a key was made; not while the change to the newest is not over.
    is_made: bool,
}

pub(super) fn run(arguments: &Arguments, json: bool) -> Result<ExitCode, Failure> {
    let loaded = arguments.place.load()?;
    let data = store_folder(&loaded)?;
    let outcome = match Folder::open(data, Duration::ZERO) {
        Ok(folder) => offline(&loaded, &folder, arguments.retire_old)?,
        Err(failure) if !is_held(data) => return Err(failure),
        Err(failure) => served(data, arguments.retire_old, failure)?,
    };
    tell(&outcome, arguments.retire_old, json)
}

fn offline(loaded: &Loaded, folder: &Folder, retire: bool) -> Result<Outcome, Failure> {
    let store = Store::open(&loaded.config, folder.path())?;
    runtime()?.block_on(async {
        let keyring = store.keyring().await?;
        let before = keyring.status().newest;
        let mut told = Instant::now();
        let progress = |tally: &Tally| {
            if told.elapsed() >= PROGRESS_EVERY {
                told = Instant::now();
                output::note(&format!("sealed anew so far: {}", tally.resealed()));
            }
        };
        let done = if retire {
            keyring.retire(progress).await
        } else {
            keyring.rotate(progress).await
        };
        let status = done.map_err(|error| failed(&error))?;
        let change = if retire { KeyChange::Retired } else { KeyChange::Rotated };
        let parts = baleen_audit::Parts {
            meta: store.meta.clone(),
            clock: Arc::clone(&store.clock),
        };
        let audit = Audit::start(loaded.config.audit, parts);
        change.record(&status, &store.meta, &audit, &*store.clock).await?;
        Ok(Outcome {
            file: keyring.file().path().to_owned(),
            is_made: status.newest != before,
            status: keys::show(&status),
        })
    })
}

fn served(data: &Path, retire: bool, held: Failure) -> Result<Outcome, Failure> {
    let Some((status, path)) = keys::published(data) else {
        return Err(held.advise("the server there says nothing of its master keys: stop it, and run this again"));
    };
    let file = KeyFile::at(&path);
    if retire {
        let left = retire_served(&file, &status).map_err(|error| failed(&error))?;
        let status =
            json!({ "newest": status.newest, "held": left, "needed": status.needed, "until": null, "sealed": [] });
        let (file, is_made) = (path, false);
        return Ok(Outcome { file, status, is_made });
    }
    let newest = rotate_served(&file, &status, &*(SystemEntropy::new() as Arc<dyn Entropy>));
    let (newest, is_made) = newest.map_err(|error| failed(&error))?;
    let status = taken_up(data, newest)?;
    Ok(Outcome {
        file: path,
        status,
        is_made,
    })
}

/// Waits until the server has sealed everything anew. It does so whether anybody waits or not.
fn taken_up(data: &Path, newest: u16) -> Result<Value, Failure> {
    let (since, mut told) = (Instant::now(), Instant::now());
    loop {
        let status = keys::published(data).map(|(status, _)| status);
        let has_it = status.as_ref().is_some_and(|status| status.newest == newest);
        match status {
            Some(status) if has_it && status.is_passed => {
                let mut shown = keys::show(&status);
                shown["sealed"] = keys::published_counts(data);
                return Ok(shown);
            }
            _ if !is_held(data) => {
                return Err(Failure::new("the server has ended meanwhile").advise(
                    "run this again: it goes on with the key that was made, and so does the server when it starts",
                ));
            }
            _ if !has_it && since.elapsed() > TAKE_UP_PATIENCE => {
                return Err(Failure::new(format!("the server has not taken up master key {newest}"))
                    .advise("its log says why; it takes it up as soon as it can, at the latest when it starts"));
            }
            _ => {}
        }
        if told.elapsed() >= PROGRESS_EVERY && has_it {
            told = Instant::now();
            output::note(&format!("sealed anew so far: {}", total(&keys::published_counts(data))));
        }
        sleep(LOOK_EVERY);
    }
}

/// What is told to who asks for a key while the change to the newest is not over.
fn no_key_made(newest: &Value, until: Option<&str>) -> String {
    match until {
        Some(until) => format!(
            "no key was made: master key {newest} seals, and the change to it is over at {until}; ask again then for another one"
        ),
        None => format!(
            "no key was made: the change to master key {newest} was not over when the work on it stopped, and is now; run this again for another one"
        ),
    }
}

fn failed(error: &Error) -> Failure {
    Failure::because("the master key cannot be changed", error)
}

fn total(counts: &Value) -> u64 {
    let kinds = counts.as_array().into_iter().flatten();
    kinds.filter_map(|kind| kind["resealed"].as_u64()).sum()
}

/// Tells what was done. A script that asked for a key and got none has to notice.
fn tell(outcome: &Outcome, retire: bool, json: bool) -> Result<ExitCode, Failure> {
    let Outcome { file, status, is_made } = outcome;
    let code = if *is_made || retire {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    };
    if json {
        let mut shown = status.clone();
        shown["file"] = json!(file);
        if !retire {
            shown["isMade"] = json!(is_made);
        }
        return output::json(&shown).map(|()| code);
    }
    let newest = &status["newest"];
    let file = file.display();
    if retire {
        return output::line(&format!(
            "{file} holds master key {newest} alone; backups from before need the older ones"
        ))
        .map(|()| code);
    }
    let kinds = status["sealed"].as_array().into_iter().flatten();
    let counts = kinds
        .map(|kind| {
            format!(
                "  {:<18}{}",
                kind["kind"].as_str().unwrap_or_default(),
                kind["resealed"]
            )
        })
        .collect::<Vec<_>>()
        .join("\n");
    if !is_made {
        // What is sealed under the key before may still be under way: one more key would not be one less in the file.
        return Err(Failure::new(no_key_made(newest, status["until"].as_str())));
    }
    output::line(&format!(
        "master key {newest} seals from now on; sealed anew:\n{counts}"
    ))?;
    let later = match status["until"].as_str() {
        Some(until) => format!("after {until}, when nothing from before can be under way"),
        None => "when you like".to_owned(),
    };
    output::note(&format!(
        "back {file} up now. The older keys are still in it, for backups of the store from before; `baleen admin \
         rotate-master-key --retire-old` takes them out, {later}"
    ));
    Ok(code)
}
