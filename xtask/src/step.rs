//! Running one command, so that nothing of it is left when the run ends.
//!
//! A run that is killed must not leave its cargo behind, which would go on with its next steps beside the next run. So each command
//! gets a process group of its own, which ends when we are told to end, and we are told when who started us ends.

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group, set_parent_process_death_signal};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal as SignalStream, SignalKind, signal};

/// How long a group may take to end by itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs commands until it is told to end.
pub(crate) struct Runner {
    runtime: Runtime,
    /// Listened to from the beginning, so that what comes between two commands is not lost.
    told: Vec<(&'static str, SignalStream)>,
}

impl Runner {
    /// Has us told to end, also when who started us ends, however that does.
    pub(crate) fn new() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.context("start a runtime")?;
        let told = {
            let _inside = runtime.enter();
            let listen = |kind| signal(kind).context("listen to signals");
            let mut told = vec![
                ("SIGTERM", listen(SignalKind::terminate())?),
                ("SIGINT", listen(SignalKind::interrupt())?),
            ];
            // Under nohup it is meant to go on.
            if !is_hangup_ignored()? {
                told.push(("SIGHUP", listen(SignalKind::hangup())?));
                set_parent_process_death_signal(Some(Signal::TERM)).context("ask to be told when our parent ends")?;
            }
            told
        };
        Ok(Self { runtime, told })
    }

    /// Runs a command to its end.
    ///
    /// # Errors
    /// It cannot be started, or we were told to end: then it has ended, and all that it had started.
    pub(crate) fn run(&mut self, command: std::process::Command) -> Result<ExitStatus> {
        let Self { runtime, told } = self;
        runtime.block_on(run_until_told(command, told))
    }
}

fn is_hangup_ignored() -> Result<bool> {
    let status = std::fs::read_to_string("/proc/self/status").context("read which signals are ignored")?;
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    Ok(mask.context("read which signals are ignored")? & 1 != 0)
}

async fn run_until_told(
    command: std::process::Command,
    told: &mut [(&'static str, SignalStream)],
) -> Result<ExitStatus> {
    let program = command.get_program().to_owned();
    let mut command = Command::from(command);
    // A group that is not the terminal's must not ask it for anything.
    command.process_group(0).stdin(Stdio::null());
    let mut child = command
        .spawn()
        .with_context(|| format!("start {}", program.display()))?;
    let any = told.iter_mut().map(|(name, stream)| {
        Box::pin(async move {
            stream.recv().await;
            *name
        })
    });
    let name = tokio::select! {
        status = child.wait() => return status.context("wait for a command"),
        (name, ..) = futures::future::select_all(any) => name,
    };
    end(&mut child).await?;
    bail!("ended by {name}")
}

/// Ends the group of a command, whether it wants or not.
async fn end(child: &mut Child) -> Result<()> {
    let group = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
    let Some(group) = group else { return Ok(()) };
    // There may be nobody left.
    let _ = kill_process_group(group, Signal::TERM);
    let _ = tokio::time::timeout(PATIENCE, child.wait()).await;
    let _ = kill_process_group(group, Signal::KILL);
    child.wait().await.map(drop).context("wait for a command")
}
