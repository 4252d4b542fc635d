//! `RSGetUserInfo` (seed 004): the particulars of users in the order asked for; unknown ones are left out.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::wire;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let (tenancy, iam) = (&call.parts.tenancy, &call.parts.iam);
    let customer = tenancy.customer(call.authorized.account()).await?;
    let customer = customer.ok_or_else(|| Fault::internal("an account of no customer"))?;
    let mut users = Vec::new();
    for user in call.users()? {
        let login = iam.login_state(user.account, user.id).await?;
        users.push(wire::user_info(user, login, customer.name.as_str()));
    }
    Ok(Answer::Json(users.into()))
}
