//! `RSGetUserInfo` (seed 004): the particulars of users in the order asked for; unknown ones are left out.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::wire;
use serde_json::json;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let (tenancy, iam) = (&call.parts.tenancy, &call.parts.iam);
    let customer = tenancy.customer(call.authorized.account()).await?;
    let customer = customer.ok_or_else(|| Fault::internal("an account of no customer"))?;
    let mut users = Vec::new();
    for user in call.users()? {
        let login = iam.login_state(user.account, user.id).await?;
        let mut shown = wire::user_info(user, login, customer.name.as_str());
        // Ours: by it the capture doors know the customer.
        shown["ProjectID"] = json!(customer.project.to_string());
        users.push(shown);
    }
    Ok(Answer::Json(users.into()))
}
