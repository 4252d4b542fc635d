//! `GetAccessKeyInfo` (AWS): whose account a key is of. Here only of one's own: whether a key of another account exists is
//! nobody's business.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use baleen_types::AccessKeyId;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let account = call.authorized.account();
    let id = call.params.typed("AccessKeyId", AccessKeyId::parse)?;
    call.parts.iam.find_access_key(account, &id).await?;
    Ok(Answer::xml(move |xml| xml.text("Account", account)))
}
