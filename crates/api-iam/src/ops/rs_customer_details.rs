//! `RSCustomerDetails` (seed 004, "RSCustomerDetails"): what a customer has. Its last access is the last log-in of any of its
//! users, and roots are counted apart from admins.

use super::Call;
use super::rs_list_customer::particulars;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::wire;
use serde_json::{Value, json};

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let customer = call.customer()?;
    let users = call.parts.iam.count_users(customer.account).await?;
    let logins = call.parts.iam.count_logins(customer.account).await?;
    let stored = call.parts.objects.account_usage(customer.account).await?;
    // Beside the document's members what RSListCustomer has of it, some of which are the document's here too.
    let mut told = particulars(&call, customer);
    for (name, value) in [
        (
            "Email",
            json!(customer.email.as_ref().map_or("", |email| email.as_str())),
        ),
        ("LastAccess", json!(wire::last(logins.last))),
        ("NumBuckets", json!(stored.buckets)),
        ("NumFiles", json!(stored.objects)),
        ("NumUsers", json!(users.users)),
        ("NumAdminUsers", json!(users.admins)),
        ("NumAdminRoots", json!(users.roots)),
        ("UsedSpace", json!(stored.bytes)),
    ] {
        told.insert(name.to_owned(), value);
    }
    Ok(Answer::Json(Value::Object(told)))
}
