//! Sessions that a command opens: shown, or kept in a profile for the commands after it.

use super::Plan;
use super::call::Call;
use super::client::Client;
use super::show::{Column, Show};
use crate::config::parse::duration_with_unit;
use crate::failure::Failure;
use crate::output;
use crate::profiles::{Profile, check_name};
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

/// How a session is opened.
#[derive(Debug, Args)]
pub(super) struct Opening {
    /// How long it lasts, 1m to 12h [default: 1h].
    #[arg(long, value_name = "TIME", value_parser = duration_with_unit)]
    duration: Option<Duration>,
    /// Keep its key in this profile of ~/.config/baleen/profiles.toml, for --profile, instead of showing it.
    #[arg(long, value_name = "PROFILE")]
    save: Option<String>,
}

impl Opening {
    /// The plan of a call whose answer has the session in it.
    pub(super) fn plan(&self, call: Call, of: &'static str) -> Result<Plan, Failure> {
        const MEMBERS: &[Column] = &[
            ("access key id", "AccessKeyId"),
            ("secret access key", "SecretAccessKey"),
            ("ends", "Expiration"),
        ];
        if let Some(name) = &self.save {
            check_name(name)?;
        }
        let seconds = self
            .duration
            .map(|duration| duration.as_millis().div_ceil(1000).to_string());
        let call = call.maybe("DurationSeconds", seconds.as_deref());
        let mut plan = Plan::new(call, Show::Members { of, members: MEMBERS });
        plan.save.clone_from(&self.save);
        Ok(plan)
    }
}

/// A session that was opened.
pub(super) struct Session {
    access_key_id: String,
    secret_access_key: String,
    ends: String,
}

/// Where a session is kept.
pub(super) struct Saved {
    file: PathBuf,
    ends: String,
}

impl Session {
    /// That of an answer, which has it as a whole or as its `Credentials`.
    pub(super) fn of(answer: &Value) -> Result<Self, Failure> {
        let found = answer.get("Credentials").unwrap_or(answer);
        let text = |member: &str| {
            found[member]
                .as_str()
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        let read = || {
            Some(Self {
                access_key_id: text("AccessKeyId")?,
                secret_access_key: text("SecretAccessKey")?,
                ends: text("Expiration")?,
            })
        };
        read().ok_or_else(|| Failure::new("the answer has no session in it").advise("is that the S3 door of a baleen?"))
    }

    /// Puts it into a profile, with the server that it is of.
    pub(super) fn save(self, name: &str, client: &Client) -> Result<Saved, Failure> {
        let profile = Profile {
            endpoint: Some(client.origin().to_owned()),
            region: Some(client.region().to_owned()),
            access_key_id: Some(self.access_key_id),
            secret_access_key: Some(self.secret_access_key),
            ..Profile::default()
        };
        Ok(Saved {
            file: profile.store(name)?,
            ends: self.ends,
        })
    }
}

impl Saved {
    pub(super) fn tell(&self, name: &str, json: bool) -> Result<(), Failure> {
        let Self { file, ends } = self;
        if json {
            return output::json(&json!({ "Profile": name, "File": file, "Expiration": ends }));
        }
        output::line(&format!(
            "the session is in the profile {name} of {}, good until {ends}: baleen admin whoami --profile {name}",
            file.display()
        ))
    }
}
