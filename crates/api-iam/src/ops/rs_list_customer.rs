//! `RSListCustomer` (seed 004, "RSListCustomer"): the customers of who asks, without deleted ones.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use baleen_tenancy::Customer;
use baleen_types::Timestamp;
use serde_json::{Map, Value, json};

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let parts = &call.parts;
    let customers = parts.tenancy.list(&call.authorized).await?;
    Ok(Answer::Json(
        customers
            .iter()
            .map(|customer| encode(customer, &parts.tenancy.regions(customer)))
            .collect(),
    ))
}

fn encode(customer: &Customer, regions: &[baleen_types::RegionName]) -> Value {
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
    // Ours, as in RSCreateCustomer.
    put("ProjectID", json!(customer.project.to_string()));
    Value::Object(object)
}
