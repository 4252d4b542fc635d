//! `GetUserPolicy` (AWS).

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::wire;
use baleen_iam::PolicyName;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let (user, name) = (
        call.user()?.clone(),
        call.params.typed("PolicyName", PolicyName::parse)?,
    );
    let document = call.parts.iam.get_user_policy(&call.authorized, user.id, &name).await?;
    Ok(Answer::xml(move |xml| {
        xml.text("UserName", &user.name);
        xml.text("PolicyName", name);
        wire::document(xml, "PolicyDocument", &document);
    }))
}
