//! `baleen agent check`: what is missing on this host, and how to get it.

use super::settings::AgentConfig;
use super::{LOCK_FILE, advised};
use crate::confine;
use crate::doctor::{may_capture, setcap_advice};
use crate::failure::Failure;
use crate::output;
use crate::serve::runtime;
use baleen_agent::Identity;
use baleen_confine::Needs;
use rustix::fs::{Access, AtFlags, CWD, accessat};
use serde_json::json;
use std::fs::{File, TryLockError};
use std::path::Path;
use std::process::ExitCode;

/// What one look found, and what to do about it if it is not good.
struct Finding {
    subject: &'static str,
    found: Result<String, (String, String)>,
}

/// Looks at everything. The exit code is 1 when something is missing.
pub(super) fn run(config: &AgentConfig, as_json: bool) -> Result<ExitCode, Failure> {
    let needs = confine::needs_of_agent(config.user.as_deref())?;
    let findings = [
        right(),
        interfaces(config),
        folder(config, &needs),
        identity(config),
        server(config)?,
    ];
    let is_fit = findings.iter().all(|finding| finding.found.is_ok());
    if as_json {
        let entry = |finding: &Finding| match &finding.found {
            Ok(found) => json!({ "check": finding.subject, "ok": true, "found": found }),
            Err((found, advice)) => json!({ "check": finding.subject, "ok": false, "found": found, "advice": advice }),
        };
        output::json(&json!({ "ok": is_fit, "checks": findings.iter().map(entry).collect::<Vec<_>>() }))?;
    } else {
        for Finding { subject, found } in &findings {
            match found {
                Ok(found) => output::line(&format!("{:<8} {subject:<16} {found}", "ok"))?,
                Err((found, advice)) => {
                    output::line(&format!("{:<8} {subject:<16} {found}", "missing"))?;
                    output::line(&format!("{:<8} {:<16} → {advice}", "", ""))?;
                }
            }
        }
    }
    Ok(if is_fit { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn right() -> Finding {
    let found = if may_capture() {
        Ok("this process has CAP_NET_RAW".to_owned())
    } else {
        Err(("this process lacks CAP_NET_RAW".to_owned(), setcap_advice()))
    };
    Finding {
        subject: "capture right",
        found,
    }
}

fn interfaces(config: &AgentConfig) -> Finding {
    let names = &config.settings.allowed.interfaces;
    let look = || {
        if names.is_empty() {
            let found = baleen_ring::default_interface().map_err(|error| error.to_string())?;
            return Ok(format!("{} (of the default route)", found.name));
        }
        for name in names {
            baleen_ring::find_interface(name).map_err(|error| error.to_string())?;
        }
        Ok(names.join(", "))
    };
    let advice = "name one that is there: interfaces = [\"eth0\"]";
    Finding {
        subject: "interfaces",
        found: look().map_err(|why: String| (why, advice.to_owned())),
    }
}

fn folder(config: &AgentConfig, needs: &Needs) -> Finding {
    let path = &config.settings.folder;
    // With what a running agent will have, and what it has kept there too.
    let look = || {
        usable(path)?;
        let who = confine::by_name_alone(needs.user.as_ref());
        let places = confine::of_agent(&config.settings);
        match places.iter().find_map(confine::unusable).zip(who) {
            Some(((found, owner), who)) => Err((
                format!("{} belongs to user {}", found.display(), confine::in_words(owner)),
                confine::advice_on(path, &who),
            )),
            None => Ok(()),
        }
    };
    let found = confine::as_confined(config.confine, needs, look);
    Finding {
        subject: "folder",
        found: found.map(|()| path.display().to_string()),
    }
}

fn identity(config: &AgentConfig) -> Finding {
    let found = match Identity::load(&config.settings.folder) {
        Ok(Some(identity)) => Ok(format!("enrolled as agent {}", identity.id)),
        Ok(None) => Err((
            "this host is not enrolled".to_owned(),
            "make a token at the server, then: baleen agent enrol".to_owned(),
        )),
        Err(error) => Err((error.to_string(), "see above".to_owned())),
    };
    Finding {
        subject: "identity",
        found,
    }
}

/// Whether an agent could hold its folder. It is not made, nor anything in it: who looks may be another user than who runs the agent.
fn usable(path: &Path) -> Result<(), (String, String)> {
    let shown = path.display();
    if !path.exists() {
        return Err((
            format!("{shown} is not there"),
            "baleen agent enrol makes it".to_owned(),
        ));
    }
    if let Err(error) = accessat(
        CWD,
        path,
        Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK,
        AtFlags::EACCESS,
    ) {
        let advice = "`folder` in the settings names it; whoever runs the agent has to be able to write there";
        return Err((format!("{shown} cannot be used: {error}"), advice.to_owned()));
    }
    let is_held =
        File::open(path.join(LOCK_FILE)).is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock)));
    if is_held {
        let advice = "stop it first, or look at it: systemctl status baleen-agent";
        return Err((format!("another agent runs with {shown}"), advice.to_owned()));
    }
    Ok(())
}

/// Whether the agent would be linked with it: by its name, by what it shows, and as one of its agents. Who is not enrolled does not know what it
/// should show, and looks at its names alone.
fn server(config: &AgentConfig) -> Result<Finding, Failure> {
    let server = &config.settings.server;
    let identity = Identity::load(&config.settings.folder).ok().flatten();
    let greeted = runtime()?.block_on(baleen_agent::greet(server, identity.as_ref()));
    let found = match greeted {
        Ok(at) if identity.is_some() => Ok(format!("{server} answers at {at}, and knows this agent")),
        Ok(at) => Ok(format!("{server} answers at {at}, by this name")),
        Err(error) => {
            let failure = advised(&error, server, identity.is_some());
            Err((failure.parts().0.to_owned(), failure.parts().1))
        }
    };
    Ok(Finding {
        subject: "server",
        found,
    })
}
