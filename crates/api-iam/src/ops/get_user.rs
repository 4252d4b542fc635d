//! `GetUser`: one user, or who asks (AWS). Terraform reads it after each change, and boto3's waiter `user_exists` polls it.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::wire;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let user = call.user()?.clone();
    let login = call.parts.iam.login_state(user.account, user.id).await?;
    Ok(Answer::xml(move |xml| {
        xml.element("User", |xml| {
            wire::user(xml, &user, login.last_login);
            wire::tags(xml, &user.tags);
        });
    }))
}
