//! `ListAccessKeys` (identity contract, section 3). Keys of sessions are never listed.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::wire;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let (user, ask) = (call.user()?.clone(), call.params.page()?);
    let page = call.parts.iam.list_access_keys(&call.authorized, user.id, &ask).await?;
    Ok(Answer::xml(move |xml| {
        xml.list("AccessKeyMetadata", &page.items, |xml, key| {
            xml.text("UserName", &user.name);
            xml.text("AccessKeyId", &key.id);
            xml.text("Status", if key.is_active { "Active" } else { "Inactive" });
            xml.text("CreateDate", key.created.to_rfc3339_millis());
        });
        xml.text("UserName", &user.name);
        wire::page_end(xml, &page);
    }))
}
