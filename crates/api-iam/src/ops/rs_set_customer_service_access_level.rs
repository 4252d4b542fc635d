//! `RSSetCustomerServiceAccessLevel` (seed 004, same title). The table of the document says `Enabled`, its example
//! `AccessLevel`: both are taken (identity contract, 7.14).

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::fields::{missing, violation};
use baleen_tenancy::{AccessLevel, Service};
use baleen_types::Timestamp;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let by_level = match call.params.get("AccessLevel") {
        None => None,
        Some("enabled") => Some(true),
        Some("disabled") => Some(false),
        Some(_) => return Err(Fault::invalid_input("AccessLevel must be enabled or disabled.")),
    };
    let enabled = match (call.params.flag("Enabled")?, by_level) {
        (Some(one), Some(other)) if one != other => {
            return Err(Fault::validation(
                "Enabled and AccessLevel are one parameter and differ",
            ));
        }
        (one, other) => one.or(other).ok_or_else(|| missing("Enabled"))?,
    };
    let service = call.params.get("Service").ok_or_else(|| missing("Service"))?;
    let level = AccessLevel {
        service: Service::parse(service)?,
        enabled,
        expires: expiration(call.params.get("ExpirationDate"))?,
    };
    call.parts
        .tenancy
        .set_access_level(&call.authorized, &call.customer()?.name, level)
        .await?;
    Ok(Answer::ok())
}

/// The end of the access: a time, or a day, of which the service is to be had no more.
fn expiration(text: Option<&str>) -> Result<Option<Timestamp>, Fault> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let time = match text.len() {
        10 => Timestamp::parse_rfc3339(&format!("{text}T00:00:00Z")),
        _ => Timestamp::parse_rfc3339(text),
    };
    time.map(Some)
        .map_err(|_| violation("ExpirationDate", "Member must be a date or a time of ISO 8601"))
}
