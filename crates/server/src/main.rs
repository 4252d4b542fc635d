//! The Baleen binary: parses the command line, runs one command, and says what to do when it fails.

mod access;
mod admin;
mod agent;
mod agents;
mod backup;
mod capture;
mod cli;
mod compaction;
mod config;
mod confine;
mod credentials;
mod demo;
mod doctor;
mod ending;
mod extcap;
mod failure;
mod folder;
mod fsck;
mod keys;
mod lifecycle;
mod logging;
mod logs;
mod look_back;
mod memory;
mod numbers;
mod ops;
mod output;
mod pcaps;
mod profiles;
mod regions;
mod restore;
mod room;
mod schedule;
mod schedules;
mod scrub;
mod serve;
mod store;
mod tasks;
mod tenants;
mod tls;
mod trust;
#[cfg(test)]
mod verdicts;
mod wire;

use clap::Parser;
use cli::{Cli, Command};
use failure::Failure;
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

/// Requests are many short-lived allocations on several threads, and uploads large ones that should go back to the system.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse_from(words());
    let json = cli.json;
    match run(cli) {
        Ok(code) => code,
        Err(failure) => failure.report(json),
    }
}

/// The command line. Called by the name that Wireshark runs, it is that command's.
fn words() -> Vec<OsString> {
    let mut words: Vec<_> = std::env::args_os().collect();
    let name = words.first().map(Path::new).and_then(Path::file_name);
    if name.is_some_and(|name| name == extcap::PROGRAM) {
        words.insert(1, "extcap".into());
    }
    words
}

fn run(cli: Cli) -> Result<ExitCode, Failure> {
    let json = cli.json;
    match cli.command {
        Command::Serve(settings) => serve::run(&settings, json),
        Command::Capture(arguments) => capture::run(&arguments, json),
        Command::Schedule(arguments) => schedule::run(&arguments, json),
        Command::Extcap(arguments) => extcap::run(&arguments),
        Command::Agent(arguments) => agent::run(&arguments, json),
        Command::Admin(arguments) => admin::run(&arguments, json),
        Command::Demo(arguments) => demo::run(&arguments, json),
        Command::Doctor(arguments) => doctor::run(&arguments, json),
        Command::Backup(arguments) => backup::run(&arguments, json),
        Command::Restore(arguments) => restore::run(&arguments, json),
        Command::Fsck(arguments) => fsck::run(&arguments, json),
        Command::Config(arguments) => cli::config::run(&arguments, json),
        Command::Completions { shell } => cli::completions(shell),
        Command::Man => cli::man(),
        Command::Version => cli::version(json),
    }
}
