//! `RSCustomerDetails` (seed 004, "RSCustomerDetails"): what a customer has. Its last access is the last log-in of any of its
//! users, and roots are counted apart from admins.

use super::Call;
use super::rs_list_customer::particulars;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::wire;
use serde_json::json;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let customer = call.customer()?;
    let users = call.parts.iam.count_users(customer.account).await?;
    let logins = call.parts.iam.count_logins(customer.account).await?;
    let stored = call.parts.objects.account_usage(customer.account).await?;
    let mut told = json!({
        "Email": customer.email.as_ref().map_or("", |email| email.as_str()),
        "LastAccess": wire::last(logins.last),
        "AssumeRoleControl": customer.assume_role_control.as_str(),
        "AssumeRoleEnabled": customer.may_be_assumed(),
        "Active": customer.status.is_active(),
        "NumBuckets": stored.buckets,
        "NumFiles": stored.objects,
        "NumUsers": users.users,
        "NumAdminUsers": users.admins,
        "NumAdminRoots": users.roots,
        "UsedSpace": stored.bytes,
    });
    if let Some(told) = told.as_object_mut() {
        // Beside the document's members what RSListCustomer has of it.
        told.append(&mut particulars(&call, customer));
    }
    Ok(Answer::Json(told))
}
