//! `RSLiveBilling` (seed 004, "RSLiveBilling"): the minutes of the last hour without the last two, newest first; idle ones are
//! left out. The names are as the document prints them here, in lower case. `Customer`, which the document does not have
//! here, is that of RSListBillingData: to leave it unread would tell a reseller its own numbers as another's.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use baleen_usage::LiveMinute;
use serde_json::{Value, json};

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let usage = call.parts.objects.usage();
    let minutes = usage.live(call.customer()?.account).await?;
    Ok(Answer::Json(minutes.iter().map(minute).collect()))
}

fn minute(of: &LiveMinute) -> Value {
    json!({
        "date": of.date.to_rfc3339_secs(),
        "uploadedBytes": of.uploaded_bytes,
        "uploadedObjects": of.uploaded_objects,
        "deletedBytes": of.deleted_bytes,
        "deletedObjects": of.deleted_objects,
    })
}
