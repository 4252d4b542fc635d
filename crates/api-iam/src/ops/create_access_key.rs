//! `CreateAccessKey` (identity contract, section 3). The secret is shown here and never again.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let user = call.user()?.clone();
    let key = call.parts.iam.create_access_key(&call.authorized, user.id).await?;
    Ok(Answer::xml(move |xml| {
        xml.element("AccessKey", |xml| {
            xml.text("UserName", &user.name);
            xml.text("AccessKeyId", &key.info.id);
            xml.text("Status", "Active");
            xml.text("SecretAccessKey", key.secret.expose());
            xml.text("CreateDate", key.info.created.to_rfc3339_millis());
        });
    }))
}
