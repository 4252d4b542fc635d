//! `baleen config check` and `baleen config show`.

use super::{Place, Settings};
use crate::config::Effective;
use crate::failure::Failure;
use crate::output;
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

/// What to do with the configuration.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List every mistake in a file and the environment.
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
    let loaded = place.load()?;
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
