//! `GET /pcaps/quota` (ours): what the captures of this account have come to today, and what they may.

use super::Call;
use crate::pcaps::envelope::Answer;
use crate::pcaps::fault::{Fault, Pointers};
use baleen_capture::Today;
use serde_json::{Value, json};

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    match call.captures.today(call.authorized.account()).await {
        Ok(today) => Ok(Answer::Result(today.as_ref().map_or_else(|| json!({}), quota))),
        Err(error) => Err(Fault::of(error, Pointers::default())),
    }
}

fn quota(today: &Today) -> Value {
    let mut captures = json!({ "used": today.captures });
    let mut bytes = json!({ "used": today.bytes, "held": today.held });
    if let Some(most) = today.quota.captures {
        captures["limit"] = json!(most);
    }
    if let Some(most) = today.quota.bytes {
        bytes["limit"] = json!(most);
    }
    json!({ "until": today.until.to_rfc3339_micros(), "captures": captures, "bytes": bytes })
}
