//! `baleen agent`: captures on this host what a server elsewhere orders, and delivers it there.
//!
//! Everything that can be wrong is looked at before the first connection, and said with what to do about it.

mod checks;
mod settings;

use crate::admin::secret_input;
use crate::config::{Log, LogFormat};
use crate::confine;
use crate::doctor::{may_capture, setcap_advice};
use crate::failure::Failure;
use crate::serve::{Signals, runtime};
use crate::{logs, output};
use baleen_agent::{Agent, Error, Identity, Parts, ServerAddress, Settings};
use baleen_confine::Needs;
use baleen_runtime::{Shutdown, SystemClock, SystemEntropy};
use baleen_types::Secret;
use clap::{Args, Subcommand};
use serde_json::json;
use settings::AgentConfig;
use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Where the settings are, unless they are named.
const CONFIG: &str = "/etc/baleen/agent.toml";

/// The name of the file that a running agent holds.
const LOCK_FILE: &str = "lock";

/// What an agent does.
#[derive(Clone, Debug, Args)]
pub(crate) struct Arguments {
    /// The settings of the agent (TOML).
    #[arg(long, global = true, value_name = "FILE", default_value = CONFIG)]
    config: PathBuf,

    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// Enrol at the server with a token, which is typed or read from standard input.
    ///
    /// The account that captures here makes it: POST /pcaps/agents/tokens. It is good for one agent.
    Enrol {
        #[arg(hide = true)]
        token: Vec<String>,
    },
    /// Capture what the server orders until SIGTERM or Ctrl-C.
    Run,
    /// Say what is missing on this host, and how to get it.
    Check,
}

/// Runs it.
pub(crate) fn run(arguments: &Arguments, as_json: bool) -> Result<ExitCode, Failure> {
    if let Command::Enrol { token } = &arguments.command
        && !token.is_empty()
    {
        // It is not repeated, as who reads the command line would: it is still good.
        return Err(
            Failure::usage("the token is no argument, which others on this host can read and the shell keeps")
                .advise("type it when asked, or give it on standard input: baleen agent enrol < FILE"),
        );
    }
    let config = AgentConfig::load(&arguments.config)?;
    match arguments.command {
        Command::Enrol { .. } => enrol(&config, as_json),
        Command::Run => serve(&config),
        Command::Check => checks::run(&config, as_json),
    }
}

fn enrol(config: &AgentConfig, as_json: bool) -> Result<ExitCode, Failure> {
    let settings = &config.settings;
    let folder = &settings.folder;
    // What is made here is for who will run.
    let needs = confine::needs_of_agent(config.user.as_deref())?;
    if needs.user.is_some() {
        confine::make(folder, needs.user.as_ref())?;
        let none = Needs {
            rights: Vec::new(),
            ..needs
        };
        let _enrols_as = confine::enter(true, &none)?;
        confine::check(&confine::of_agent(settings), &none)?;
    }
    let _held = hold(folder)?;
    if let Some(identity) = Identity::load(folder).map_err(|error| refused(&error))? {
        return Err(
            Failure::new(format!("this host is enrolled already, as agent {}", identity.id)).advise(format!(
                "to enrol it anew, remove the agent at the server, and {} here",
                Identity::path(folder).display()
            )),
        );
    }
    let token = Secret::new(token_in(secret_input::ask("enrolment token")?.expose()));
    let identity = runtime()?
        .block_on(baleen_agent::enrol(&settings.server, token.expose(), &settings.name))
        .map_err(|error| advised(&error, &settings.server, false))?;
    identity.store(folder).map_err(|error| {
        refused(&error).advise("the token is used up: remove the agent at the server, and enrol with another one")
    })?;
    if as_json {
        output::json(&json!({ "agent": identity.id.to_string(), "server": settings.server.to_string() }))?;
    } else {
        output::line(&format!("enrolled at {} as agent {}", settings.server, identity.id))?;
        output::line("start it: baleen agent run, or systemctl start baleen-agent")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The token itself, also where the whole answer was given that it came in.
fn token_in(text: &str) -> String {
    let answer: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let token = answer["result"]["token"].as_str().or(answer["token"].as_str());
    token.unwrap_or(text).trim().to_owned()
}

fn serve(config: &AgentConfig) -> Result<ExitCode, Failure> {
    let settings = config.settings.clone();
    // Before the log, which is a thread, and the runtime: threads have what the one has that makes them.
    let needs = confine::needs_of_agent(config.user.as_deref())?;
    confine::make(&settings.folder, needs.user.as_ref())?;
    let held = confine::enter(config.confine, &needs)?;
    let _log = logs::start(&Log {
        level: config.log_level.clone(),
        format: if config.log_is_json {
            LogFormat::Json
        } else {
            LogFormat::Text
        },
    });
    held.tell();
    confine::check(&confine::of_agent(&settings), &needs)?;
    let _held = hold(&settings.folder)?;
    let identity = Identity::load(&settings.folder).map_err(|error| refused(&error))?;
    let identity = identity.ok_or_else(|| {
        Failure::new("this host is not enrolled").advise("make a token at the server, then: baleen agent enrol")
    })?;
    if !may_capture() {
        return Err(Failure::new("this process may not capture: it lacks CAP_NET_RAW").advise(setcap_advice()));
    }
    for interface in &settings.allowed.interfaces {
        if let Err(error) = baleen_ring::find_interface(interface) {
            tracing::warn!(%interface, %error, "this interface cannot be captured from now; captures fail until it can");
        }
    }
    let clock = SystemClock::new();
    let capturer = baleen_agent::capturer(&settings, clock.clone());
    let capturer = capturer.map_err(|error| Failure::because("the capture engine cannot be set up", &error))?;
    let parts = Parts {
        capturer,
        clock,
        entropy: SystemEntropy::new(),
    };
    let server = settings.server.clone();
    let runtime = runtime()?;
    let served = runtime.block_on(async {
        let mut signals = Signals::new()?;
        let agent = tokio::select! {
            agent = open(settings, identity, parts) => agent.map_err(|error| advised(&error, &server, true))?,
            // Nothing has begun.
            () = signals.next() => return Ok(None),
        };
        let stop = Shutdown::new();
        let serving = agent.run(&stop);
        let mut serving = std::pin::pin!(serving);
        loop {
            tokio::select! {
                served = serving.as_mut() => {
                    return served.map(Some).map_err(|error| advised(&error, &server, true));
                }
                () = signals.next() => {
                    if stop.is_stopping() {
                        return Err(Failure::new("stopped at once by a second signal; what is not delivered waits for the next start"));
                    }
                    stop.stop();
                }
            }
        }
    });
    if let Ok(None) = served {
        // What is being read is not waited for.
        runtime.shutdown_background();
    }
    served.map(|_| ExitCode::SUCCESS)
}

/// Reads all that waits to be sent, which may be gigabytes: signals are heard meanwhile.
async fn open(settings: Settings, identity: Identity, parts: Parts) -> Result<Agent, Error> {
    let opening =
        tokio::task::spawn_blocking(move || Agent::open(settings, identity, env!("CARGO_PKG_VERSION"), parts));
    match opening.await {
        Ok(opened) => opened,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

/// Holds the folder of an agent, which one process has at a time.
fn hold(folder: &Path) -> Result<File, Failure> {
    let failed = |error: &std::io::Error| {
        let failure = Failure::because(format!("the folder {} cannot be used", folder.display()), error)
            .advise("`folder` in the settings names it; whoever runs the agent has to be able to write there");
        match confine::by_name_alone(None).filter(|_| error.kind() == ErrorKind::PermissionDenied) {
            Some(who) => failure.advise(confine::advice_on(folder, &who)),
            None => failure,
        }
    };
    let made = || {
        std::fs::create_dir_all(folder)?;
        File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(folder.join(LOCK_FILE))
    };
    let lock = made().map_err(|error| failed(&error))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(Failure::new(format!(
            "another agent runs with the folder {}",
            folder.display()
        ))
        .advise("stop it first: systemctl stop baleen-agent")),
        Err(TryLockError::Error(error)) => Err(failed(&error)),
    }
}

fn refused(error: &Error) -> Failure {
    Failure::because("the agent does not start", error)
}

/// What went wrong with a server, and what to do.
fn advised(error: &Error, server: &ServerAddress, is_enrolled: bool) -> Failure {
    let failure = match error {
        // The server was not asked.
        Error::Token => Failure::new(error.to_string())
            .advise("it is the member `token` of the answer to POST /pcaps/agents/tokens, without the quotes"),
        _ => Failure::because(format!("the agent cannot work with {server}"), error),
    };
    error.advice(is_enrolled).iter().copied().fold(failure, Failure::advise)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_taken_out_of_its_answer() {
        for text in [
            "blagent1.a.b.c",
            " blagent1.a.b.c ",
            r#"{"result":{"token":"blagent1.a.b.c","expires":"x"},"success":true}"#,
            r#"{"token":"blagent1.a.b.c"}"#,
        ] {
            assert_eq!(token_in(text), "blagent1.a.b.c", "{text}");
        }
        assert_eq!(token_in(r#"{"result":null}"#), r#"{"result":null}"#);
    }

    /// It may still be good, and a terminal is read by others.
    #[test]
    fn a_token_among_the_arguments_is_not_repeated() {
        use clap::Parser as _;
        let cli = crate::cli::Cli::try_parse_from(["baleen", "agent", "enrol", "blagent1.secret"]).unwrap();
        let crate::cli::Command::Agent(arguments) = cli.command else {
            panic!("it is an agent's");
        };
        let refused = run(&arguments, false).unwrap_err().to_string();
        assert!(
            refused.contains("standard input") && !refused.contains("secret"),
            "{refused}"
        );
    }
}
