//! A command that failed: what happened, and what to do about it.

use crate::config::Mistake;
use crate::output;
use serde_json::json;
use std::fmt;
use std::process::ExitCode;

/// Exit code of a command that could not do its work.
const CODE_FAILED: u8 = 1;

/// Exit code of a command that was asked wrongly: its arguments or its configuration. clap uses the same.
pub(crate) const CODE_USAGE: u8 = 2;

/// Why a command failed, in the words of a person who can do something about it; never a backtrace.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    advice: Vec<String>,
    code: u8,
}

impl Failure {
    /// A failure in one sentence.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            advice: Vec::new(),
            code: CODE_FAILED,
        }
    }

    /// A failure with its cause in the words of the error.
    pub(crate) fn because(what: impl Into<String>, error: &dyn std::error::Error) -> Self {
        let mut text = format!("{}: {error}", what.into());
        let mut cause = error.source();
        while let Some(inner) = cause {
            let inner_text = inner.to_string();
            // Many errors repeat their source in their own text.
            if !text.contains(&inner_text) {
                text = format!("{text}: {inner_text}");
            }
            cause = inner.source();
        }
        Self::new(text)
    }

    /// A wrong argument.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self {
            code: CODE_USAGE,
            ..Self::new(what)
        }
    }

    /// A wrong configuration, with all its mistakes.
    pub(crate) fn mistakes(mistakes: &[Mistake]) -> Self {
        let count = match mistakes.len() {
            1 => "1 mistake".to_owned(),
            n => format!("{n} mistakes"),
        };
        Self {
            what: format!("the configuration has {count}"),
            advice: mistakes.iter().map(Mistake::to_string).collect(),
            code: CODE_USAGE,
        }
    }

    /// What happened, and what to do about it.
    pub(crate) fn parts(&self) -> (&str, String) {
        (&self.what, self.advice.join("; "))
    }

    /// Adds what to do.
    #[must_use]
    pub(crate) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice.push(advice.into());
        self
    }

    /// Tells it on standard error and gives the exit code.
    pub(crate) fn report(&self, json: bool) -> ExitCode {
        if json {
            output::note(&json!({ "error": self.what, "advice": self.advice }).to_string());
        } else {
            output::note(&self.to_string());
        }
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "baleen: {}", self.what)?;
        for advice in &self.advice {
            write!(f, "\n  {advice}")?;
        }
        Ok(())
    }
}
