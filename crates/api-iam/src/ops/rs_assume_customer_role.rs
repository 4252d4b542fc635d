//! `RSAssumeCustomerRole` (seed 004, "RSAssumeCustomerRole"): keys of a reseller in a customer that lets it. They need no session
//! token, as those of RSLogin.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::fields::{missing, unfit};
use crate::limits::LOGIN_SECONDS;
use baleen_iam::SessionLength;
use serde_json::json;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let seconds = call.params.number("DurationSeconds", &LOGIN_SECONDS)?;
    let length = SessionLength::login(seconds).map_err(|invalid| unfit("DurationSeconds", &invalid))?;
    // The extent takes no customer for one's own.
    if call.params.get("Customer").is_none_or(str::is_empty) {
        return Err(missing("Customer"));
    }
    let customer = &call.customer()?.name;
    let origin = call.origin.map(|origin| origin.source);
    let opened = call
        .parts
        .iam
        .assume_customer_role(&call.authorized, customer, length, origin)
        .await?;
    Ok(Answer::Json(json!({
        "Ok": true,
        "AccessKeyId": opened.id.as_str(),
        "SecretAccessKey": opened.secret.expose(),
        "Expiration": opened.expires.to_rfc3339_millis(),
    })))
}
