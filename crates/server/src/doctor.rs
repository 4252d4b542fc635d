//! `baleen doctor`: what is missing on this machine, and how to get it.
//!
//! Each check looks and says; none changes anything but a probe file in the data folder, which it takes away again.

mod checks;
mod probes;

pub(crate) use checks::{may_capture, setcap_advice};
pub(crate) use probes::{find_program, ignores_hangup};

use crate::cli::Settings;
use crate::confine;
use crate::failure::Failure;
use crate::output;
use serde_json::json;
use std::borrow::Cow;
use std::process::ExitCode;

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Nothing to do.
    Good,
    /// Something will not work, or not well; the server starts all the same.
    Warning,
    /// The main job does not work.
    Missing,
}

impl Verdict {
    const fn word(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Warning => "warning",
            Self::Missing => "missing",
        }
    }
}

/// What one check found.
#[derive(Debug)]
struct Finding {
    /// What was looked at.
    subject: Cow<'static, str>,
    verdict: Verdict,
    /// What is there.
    found: String,
    /// What to do about it.
    advice: Option<String>,
}

impl Finding {
    fn good(subject: impl Into<Cow<'static, str>>, found: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            verdict: Verdict::Good,
            found: found.into(),
            advice: None,
        }
    }

    fn warning(subject: impl Into<Cow<'static, str>>, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            verdict: Verdict::Warning,
            found: found.into(),
            advice: Some(advice.into()),
        }
    }

    fn missing(subject: impl Into<Cow<'static, str>>, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Missing,
            ..Self::warning(subject, found, advice)
        }
    }
}

/// Runs every check. The exit code is 1 when something is missing that the main job needs.
pub(crate) fn run(settings: &Settings, json: bool) -> Result<ExitCode, Failure> {
    let mut config = settings.load()?.config;
    // With what a server will have: what root alone can use, one that has given that up cannot.
    let (needs, no_user) = match confine::needs_of_server(&config) {
        Ok(needs) => (needs, None),
        // All else can be looked at all the same.
        Err(failure) => {
            config.process_user = None;
            let (what, advice) = failure.parts();
            let no_user = Finding::missing("user", what, advice);
            (confine::needs_of_server(&config)?, Some(no_user))
        }
    };
    // What is not there yet is made for a user only by root.
    let made_for = needs.user.clone().filter(|user| !user.is_this());
    let look = || checks::all(&config, &needs, made_for.as_ref());
    let mut findings = confine::as_confined(config.confine, &needs, look);
    findings.extend(no_user);
    let is_fit = findings.iter().all(|finding| finding.verdict != Verdict::Missing);
    if json {
        let entry = |finding: &Finding| {
            json!({
                "check": finding.subject,
                "verdict": finding.verdict.word(),
                "found": finding.found,
                "advice": finding.advice,
            })
        };
        output::json(&json!({ "ok": is_fit, "checks": findings.iter().map(entry).collect::<Vec<_>>() }))?;
    } else {
        for finding in &findings {
            let (verdict, subject, found) = (finding.verdict.word(), &finding.subject, &finding.found);
            output::line(&format!("{verdict:<8} {subject:<16} {found}"))?;
            if let Some(advice) = &finding.advice {
                output::line(&format!("{:<8} {:<16} → {advice}", "", ""))?;
            }
        }
        output::line(if is_fit {
            "this machine is fit for Baleen"
        } else {
            "something is missing; the arrows say what to do"
        })?;
    }
    Ok(if is_fit { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
