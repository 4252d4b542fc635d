//! `RSListBillingData` (seed 004, "RSListBillingData"): what was transferred and stored, by days, newest first. A region or a day
//! without transfers is left out; space and objects are there for every day that the customer has seen.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::fields::unfit;
use baleen_usage::{BillingQuery, Day, DayObjects, DaySpace, DayTransfer};
use serde_json::{Map, Value, json};

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let customer = call.customer()?;
    let from = call.params.typed("From", Day::parse)?;
    let till = call.params.typed("Till", Day::parse)?;
    let days = BillingQuery::new(from, till).map_err(|invalid| unfit("Till", &invalid))?;
    let objects = &call.parts.objects;
    let report = objects.billing(customer.account, customer.created, days).await?;
    let regions: Map<String, Value> = report
        .transfers
        .into_iter()
        .map(|(region, days)| (region, days.iter().map(transfer).collect()))
        .collect();
    Ok(Answer::Json(json!({
        "Stats": regions,
        "UsedSpace": report.space.iter().map(space).collect::<Value>(),
        "ObjectCount": report.objects.iter().map(count).collect::<Value>(),
    })))
}

fn transfer(of: &DayTransfer) -> Value {
    json!({
        "Date": of.day.to_string(),
        "UploadBytes": of.upload_bytes,
        "DownloadBytes": of.download_bytes,
        "DeleteBytes": of.delete_bytes,
    })
}

fn space(of: &DaySpace) -> Value {
    json!({
        "Date": of.day.to_string(),
        "UsedSpace": of.used_bytes,
        "GhostSpace": of.ghost_bytes,
    })
}

fn count(of: &DayObjects) -> Value {
    json!({ "Date": of.day.to_string(), "ObjectCount": of.objects })
}
