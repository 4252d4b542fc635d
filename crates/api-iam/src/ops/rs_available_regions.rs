//! `RSAvailableRegions` (seed 004, "RSAvailableRegions"): the regions of who asks, or of a customer of the asking reseller. The
//! example is not sorted, its text says that it is; the text wins (identity contract, section 4).

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use serde_json::json;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let customer = call.customer()?;
    let regions = call.parts.tenancy.regions(customer);
    let regions: Vec<_> = regions.iter().map(baleen_types::RegionName::as_str).collect();
    Ok(Answer::Json(json!({
        "Regions": regions,
        "ReplicationEnforcement": customer.replication_enforcement,
    })))
}
