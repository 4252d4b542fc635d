//! `baleen admin`: people and their keys.

mod reset_root;

use crate::failure::Failure;
use clap::{Args, Subcommand};
use std::process::ExitCode;

/// What to manage.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Give root new credentials on the machine itself, and take every older way in; no server may run.
    ResetRoot(reset_root::Arguments),
}

/// Runs a command of this family.
pub(crate) fn run(arguments: &Arguments, json: bool) -> Result<ExitCode, Failure> {
    match &arguments.action {
        Action::ResetRoot(arguments) => reset_root::run(arguments, json),
    }
}
