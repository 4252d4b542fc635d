//! `RSListCustomer` (seed 004, "RSListCustomer"): the customers of who asks, without deleted ones. With `Deleted`,
//! ours, those alone that were deleted and can still be taken back, or whose purge is under way.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use baleen_tenancy::{Customer, ServiceAccess, Status};
use baleen_types::Timestamp;
use serde_json::{Map, Value, json};

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let parts = &call.parts;
    let customers = if call.params.flag("Deleted")?.unwrap_or(false) {
        parts.tenancy.list_deleted(&call.authorized).await?
    } else {
        parts.tenancy.list(&call.authorized).await?
    };
    Ok(Answer::Json(
        customers
            .iter()
            .map(|customer| Value::Object(particulars(&call, customer)))
            .collect(),
    ))
}

/// What is set of a customer, also for RSCustomerDetails; from `Status` on ours.
pub(super) fn particulars(call: &Call, customer: &Customer) -> Map<String, Value> {
    let regions = call.parts.tenancy.regions(customer);
    let now = call.parts.clock.now();
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
    put("Name", json!(customer.name.as_str()));
    put("RootID", json!(customer.account.to_string()));
    put("Active", json!(customer.status.is_active()));
    put("CreatedOn", json!(customer.created.to_rfc3339_millis()));
    if let Some(at) = customer.status.suspended_at() {
        put("SuspendedAt", json!(Timestamp::to_rfc3339_millis(at)));
    }
    put("AssumeRoleControl", json!(customer.assume_role_control.as_str()));
    put("AssumeRoleEnabled", json!(customer.may_be_assumed()));
    put("Regions", regions.iter().map(|region| json!(region.as_str())).collect());
    put("ReplicationEnforcement", json!(customer.replication_enforcement));
    put("Status", json!(word(customer.status)));
    if let Some(at) = customer.status.purge_after() {
        put("PurgeAfter", json!(at.to_rfc3339_millis()));
    }
    // As in RSCreateCustomer.
    put("ProjectID", json!(customer.project.to_string()));
    put("RestrictServiceAccess", json!(customer.access != ServiceAccess::All));
    put(
        "Services",
        customer
            .access_levels()
            .iter()
            .map(|level| {
                // Whether it may be used now: one that has come to its end may not.
                let mut shown =
                    json!({ "Service": level.service.as_str(), "Enabled": customer.may_use(level.service, now) });
                if let Some(expires) = level.expires {
                    shown["ExpirationDate"] = json!(expires.to_rfc3339_millis());
                }
                shown
            })
            .collect(),
    );
    object
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Enabled => "enabled",
        Status::Disabled { .. } => "disabled",
        Status::Deleted { .. } => "deleted",
        Status::Purging { .. } | Status::Purged { .. } => "purging",
    }
}
