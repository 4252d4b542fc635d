//! `RSListAuditLog`, ours: a page of the account's audit log, the newest entry first unless `Order` says otherwise. A page may
//! be short, or empty, and go on all the same; its marker holds the number of the last entry that was looked at.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::fields::violation;
use crate::limits::{AUDIT_ACTION, MARKER, MAX_ITEMS};
use crate::params::Params;
use baleen_audit::{Order, Query};
use baleen_types::{Timestamp, UserName};
use baleen_usage::Day;
use serde_json::{Value, json};

/// Entries of a page when nothing is asked for, as of every list.
const ENTRIES_DEFAULT: u32 = 100;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let params = &call.params;
    let query = Query {
        order: match params.get("Order") {
            None | Some("NewestFirst") => Order::NewestFirst,
            Some("OldestFirst") => Order::OldestFirst,
            Some(_) => return Err(Fault::invalid_input("Order must be NewestFirst or OldestFirst.")),
        },
        after: marker(&call)?,
        limit: params.number("MaxItems", &MAX_ITEMS)?.unwrap_or(ENTRIES_DEFAULT) as usize,
        ..filter(params)?
    };
    let page = call.parts.audit.page(&call.authorized, &query).await?;
    let entries = page.entries.iter().map(|(entry, _)| json!(entry)).collect::<Value>();
    let mut answer = json!({ "Entries": entries, "IsTruncated": page.next.is_some() });
    if let Some(next) = page.next {
        answer["Marker"] = call.parts.iam.seal_marker(&call.authorized, next.to_string()).into();
    }
    Ok(Answer::Json(answer))
}

/// What `From`, `Till`, `UserName` and `ActionName` want. A date as `Till` is a day that belongs to it, as in RSListBillingData;
/// a time is the first that does not.
pub(super) fn filter(params: &Params) -> Result<Query, Fault> {
    let query = Query {
        from: moment(params, "From", 0)?,
        till: moment(params, "Till", 1)?,
        user: params.parsed("UserName", UserName::parse)?,
        action: params.text("ActionName", &AUDIT_ACTION)?.map(str::to_owned),
        ..Query::default()
    };
    match (query.from, query.till) {
        // A day as `Till` ends where the next begins: the day before `From` ends where that begins.
        (Some(from), Some(till)) if till < from || till == from && is_day(params, "Till") => {
            Err(violation("Till", "it must not be before From"))
        }
        _ => Ok(query),
    }
}

fn is_day(params: &Params, name: &str) -> bool {
    params
        .get(name)
        .is_some_and(|text| Timestamp::parse_rfc3339(text).is_err())
}

/// A time, or the beginning of the day so many days after a date.
fn moment(params: &Params, name: &str, days: u32) -> Result<Option<Timestamp>, Fault> {
    params.parsed(name, |text| {
        Timestamp::parse_rfc3339(text).or_else(|_| Ok(Day::parse(text)?.plus(days).start()))
    })
}

/// The number of the entry behind which the page begins.
fn marker(call: &Call) -> Result<Option<u64>, Fault> {
    let given = call.params.text("Marker", &MARKER)?.filter(|text| !text.is_empty());
    let Some(marker) = given else { return Ok(None) };
    let place = call.parts.iam.open_marker(&call.authorized, marker)?;
    let number = place.parse().map(Some);
    number.map_err(|_| Fault::internal("a marker that is no number of an entry"))
}
