//! `RSCreateCustomer` (seed 004, "RSCreateCustomer"). The table of the document says `CustomerName` and `CustomerEmail`, its
//! example `Name`, `Email` and `Password`: both are taken (identity contract, 7.13).
//!
//! Without `Password`, or when the server is too busy to hash it, the answer has a `Token` for RSResetPassword.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::fields::{missing, unfit};
use crate::limits::PASSWORD_CHARACTERS_MAX;
use crate::wire::regions;
use baleen_iam::MadeCustomer;
use baleen_iam::login::{LoginError, NewPassword};
use baleen_tenancy::{AssumeRoleControl, NewCustomer};
use baleen_types::{CustomerName, EmailAddress};
use serde_json::json;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let (params, parts) = (&call.params, &call.parts);
    let (parameter, name) = params.either("CustomerName", "Name")?;
    let name = CustomerName::parse(name.ok_or_else(|| missing(parameter))?);
    let name = name.map_err(|invalid| unfit(parameter, &invalid))?;
    let (parameter, email) = params.either("CustomerEmail", "Email")?;
    let email = EmailAddress::parse(email.ok_or_else(|| missing(parameter))?);
    let email = email.map_err(|invalid| unfit(parameter, &invalid))?;
    // Before anything is made: a customer must not be the remains of a refused call.
    let password = params.secret("Password", PASSWORD_CHARACTERS_MAX)?;
    let password = password.as_ref().map(NewPassword::parse).transpose();
    let password = password.map_err(LoginError::from)?;
    let control = params.get("AssumeRoleControl").unwrap_or_default();
    let new = NewCustomer {
        name,
        email,
        assume_role_control: AssumeRoleControl::parse(control)?,
        replication_enforcement: params.flag("ReplicationEnforcement")?.unwrap_or(false),
        regions: regions(params)?.unwrap_or_default(),
        restrict_service_access: params.flag("RestrictServiceAccess")?.unwrap_or(false),
    };
    let made = parts
        .iam
        .create_customer(&call.authorized, &new, password.as_ref())
        .await?;
    let MadeCustomer { customer, token, .. } = made;
    let mut answer = json!({
        "Ok": true,
        "Root": parts.tenancy.root_name(&customer).await?.to_string(),
        "RootID": customer.account.to_string(),
        // Ours: by it the capture doors know the customer.
        "ProjectID": customer.project.to_string(),
    });
    if let Some(token) = token {
        answer["Token"] = json!(token.expose());
    }
    Ok(Answer::Json(answer))
}
