//! `baleen config check` and `baleen config show`.

use super::{Place, Settings};
use crate::config::{Effective, Loaded, Mistake, Origin};
use crate::confine;
use crate::failure::{CODE_USAGE, Failure};
use crate::output;
use crate::tls::Certificate;
use baleen_runtime::{Clock, SystemClock};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::fs::File;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// What to do with the configuration.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List every mistake in a file and the environment, and in the certificate that they name.
    Check {
        /// The file; without it the one that BALEEN_CONFIG names.
        file: Option<PathBuf>,
    },
    /// Show every setting in force, and where it comes from. Secrets stay hidden.
    Show(Box<Settings>),
}

pub(crate) fn run(arguments: &Arguments, json: bool) -> Result<ExitCode, Failure> {
    match &arguments.action {
        Action::Check { file } => check(file.clone(), json),
        Action::Show(settings) => show(settings, json),
    }
}

fn check(file: Option<PathBuf>, json: bool) -> Result<ExitCode, Failure> {
    let place = Place {
        config: file,
        data: None,
    };
    let loaded = place.check().and_then(|loaded| {
        let mistakes: Vec<_> = [certificate(&loaded), user(&loaded)].into_iter().flatten().collect();
        if mistakes.is_empty() { Ok(loaded) } else { Err(mistakes) }
    });
    let loaded = match loaded {
        Ok(loaded) => loaded,
        Err(mistakes) if json => {
            // For a script the mistakes are the result, not a failure of the command.
            let rows: Vec<Value> = mistakes.iter().map(row).collect();
            output::json(&json!({ "mistakes": rows }))?;
            return Ok(ExitCode::from(CODE_USAGE));
        }
        Err(mistakes) => {
            let is_agents = mistakes.iter().any(|mistake| mistake.key == "server");
            let failure = Failure::mistakes(&mistakes);
            return Err(if is_agents {
                failure
                    .advise("these look like the settings of an agent: baleen agent check --config FILE looks at those")
            } else {
                failure
            });
        }
    };
    for variable in &loaded.strange_variables {
        output::note(&format!("{variable} is no setting of Baleen; it has no effect"));
    }
    if json {
        output::json(&json!({ "ok": true, "strangeVariables": loaded.strange_variables }))?;
    } else {
        let set = loaded.effective.iter().filter(|seen| seen.is_set()).count();
        output::line(&format!(
            "the configuration is right: {set} of {} settings are set",
            loaded.effective.len()
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What is wrong with the certificate that is set, by which a server would not start. The key of one is often nobody's to read but the
/// server's: who may not read it is told so, and that is no mistake.
fn certificate(loaded: &Loaded) -> Option<Mistake> {
    let files = loaded.config.tls.as_ref()?;
    for file in [&files.certificate, &files.key] {
        let error = File::open(file).err();
        if error.is_some_and(|error| error.kind() == ErrorKind::PermissionDenied) {
            output::note(&format!(
                "{} may not be read by this user, and is not checked",
                file.display()
            ));
            return None;
        }
    }
    let clock: Arc<dyn Clock> = SystemClock::new();
    let failure = Certificate::load(files, &clock).err()?;
    let (what, advice) = failure.parts();
    Some(mistake(loaded, "tls.certificate", format!("{what}; {advice}")))
}

/// Why nobody can go on as the user that is named, on this machine.
fn user(loaded: &Loaded) -> Option<Mistake> {
    let key = "process.user";
    let failure = confine::named_user(key, loaded.config.process_user.as_deref()?).err()?;
    let (what, advice) = failure.parts();
    // The key is told with its place.
    let what = what.strip_prefix("process.user: ").unwrap_or(what);
    Some(mistake(loaded, key, format!("{what}; {advice}")))
}

fn mistake(loaded: &Loaded, key: &str, why: String) -> Mistake {
    let mut settings = loaded.effective.iter();
    Mistake {
        key: key.to_owned(),
        origin: settings
            .find(|seen| seen.setting.key == key)
            .map_or(Origin::Default, |seen| seen.origin.clone()),
        why,
    }
}

/// A mistake for scripts; a key that is nowhere has no place.
fn row(mistake: &Mistake) -> Value {
    let place = Some(&mistake.origin).filter(|origin| **origin != Origin::Default);
    json!({ "key": mistake.key, "place": place.map(Origin::to_string), "message": mistake.why })
}

fn show(settings: &Settings, json: bool) -> Result<ExitCode, Failure> {
    let loaded = settings.load()?;
    if json {
        let entry = |seen: &Effective| {
            let value = json!({
                "value": seen.value,
                "origin": seen.origin.to_string(),
                "meaning": seen.setting.about,
            });
            (seen.setting.key.to_owned(), value)
        };
        let all: serde_json::Map<String, serde_json::Value> = loaded.effective.iter().map(entry).collect();
        output::json(&serde_json::Value::Object(all))?;
        return Ok(ExitCode::SUCCESS);
    }
    for seen in &loaded.effective {
        let (key, origin) = (seen.setting.key, &seen.origin);
        match seen.value.as_str() {
            "" => output::line(&format!("{key:<36} (not set)"))?,
            value => output::line(&format!("{key:<36} {value:<28} {origin}"))?,
        }
    }
    Ok(ExitCode::SUCCESS)
}
