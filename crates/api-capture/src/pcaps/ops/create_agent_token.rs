//! `POST /pcaps/agents/tokens`: a token with which one agent enrols (ours).

use super::Call;
use crate::pcaps::envelope::Answer;
use crate::pcaps::fault::{Fault, Pointers};
use crate::pcaps::fields::Fields;
use baleen_capture::NewAgentToken;
use baleen_types::SiteName;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// How long a token is good, in seconds: from long enough to be typed to seven days, and an hour without being told.
const LIFE: (u64, u64) = (60, 7 * 86_400);
const LIFE_DEFAULT: u64 = 3600;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let new = decode(&call.body)?;
    match call.captures.new_agent_token(call.authorized.account(), new).await {
        Ok((token, expires)) => Ok(Answer::Result(json!({
            "token": token.text().expose(),
            "expires": expires.to_rfc3339_micros(),
        }))),
        Err(error) => Err(Fault::of(error, Pointers::default())),
    }
}

fn decode(body: &Map<String, Value>) -> Result<NewAgentToken, Fault> {
    let mut fields = Fields::new(body, "");
    fields.only(&["site", "groups", "life_seconds"]);
    let text = fields.required_text("site");
    let site = text.and_then(|text| named(&mut fields, "site", text));
    let groups = match fields.get("groups") {
        None => Vec::new(),
        Some(Value::Array(members)) => {
            let mut groups = Vec::new();
            for member in members {
                match member.as_str() {
                    Some(text) => groups.extend(named(&mut fields, "groups", text)),
                    None => fields.refuse("groups", "groups must be a list of names"),
                }
            }
            groups
        }
        Some(_) => {
            fields.refuse("groups", "groups must be a list of names");
            Vec::new()
        }
    };
    let life = fields.whole("life_seconds", &(LIFE.0..=LIFE.1)).unwrap_or(LIFE_DEFAULT);
    fields.finish()?;
    Ok(NewAgentToken {
        site: site.ok_or_else(Fault::internal)?,
        groups,
        // To all accounts the operator's own site is open, if any is: who could offer one to others could pass for it.
        is_shared: false,
        life: Duration::from_secs(life),
    })
}

fn named(fields: &mut Fields<'_>, member: &str, text: &str) -> Option<SiteName> {
    match SiteName::parse(text) {
        Ok(name) => Some(name),
        Err(invalid) => {
            fields.refuse(member, format!("{member}: {}", invalid.why));
            None
        }
    }
}
