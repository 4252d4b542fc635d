//! `RSModifyCustomer` (seed 004, "RSModifyCustomer"). What it forbids is in force for every request after the answer.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::wire::regions;
use baleen_tenancy::{ModifyCustomer, WantedStatus};

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let change = ModifyCustomer {
        assume_role_enabled: call.params.flag("AssumeRoleEnabled")?,
        status: status(&call)?,
        replication_enforcement: call.params.flag("ReplicationEnforcement")?,
        regions: regions(&call.params)?,
    };
    call.parts
        .tenancy
        .modify(&call.authorized, &call.customer()?.name, change)
        .await?;
    Ok(Answer::Empty)
}

/// An unknown status is `InvalidInput` (seed 004, "RSModifyCustomer").
fn status(call: &Call) -> Result<Option<WantedStatus>, Fault> {
    let wrong = |_| Fault::invalid_input("Status must be enabled, disabled or deleted.");
    let given = call.params.get("Status");
    given.map(|text| WantedStatus::parse(text).map_err(wrong)).transpose()
}
