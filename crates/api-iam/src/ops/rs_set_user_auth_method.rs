//! `RSSetUserAuthMethod` (seed 004, "RSSetUserAuthMethod"). Root keeps its password, a way in when the identity provider fails.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::fields::missing;
use baleen_iam::AuthMethod;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let method = match call.params.get("AuthMethod") {
        Some("password") => AuthMethod::Password,
        Some("federated") => AuthMethod::Federated,
        Some(_) => return Err(Fault::invalid_input("AuthMethod must be federated or password.")),
        None => return Err(missing("AuthMethod")),
    };
    call.parts
        .iam
        .set_auth_method(&call.authorized, call.user()?.id, method)
        .await?;
    Ok(Answer::ok())
}
