//! `ListPolicies` (identity contract, section 3). There are no policies of AWS here, so that scope is empty.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::wire;
use baleen_iam::{Page, PolicyFilter};

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let ask = call.params.page()?;
    let filter = PolicyFilter {
        path_prefix: call.params.path_prefix()?,
        only_attached: call.params.flag("OnlyAttached")?.unwrap_or(false),
    };
    let is_ours = match call.params.get("Scope") {
        None | Some("All" | "Local") => true,
        Some("AWS") => false,
        Some(_) => return Err(Fault::invalid_input("Scope must be All, AWS or Local.")),
    };
    let is_for_permissions = match call.params.get("PolicyUsageFilter") {
        None | Some("PermissionsPolicy") => true,
        Some("PermissionsBoundary") => false,
        Some(_) => {
            return Err(Fault::invalid_input(
                "PolicyUsageFilter must be PermissionsPolicy or PermissionsBoundary.",
            ));
        }
    };
    let page = if is_ours && is_for_permissions {
        call.parts.iam.list_policies(&call.authorized, &filter, &ask).await?
    } else {
        Page {
            items: Vec::new(),
            next: None,
        }
    };
    Ok(Answer::xml(move |xml| {
        xml.list("Policies", &page.items, wire::policy);
        wire::page_end(xml, &page);
    }))
}
