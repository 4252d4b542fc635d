//! `RSPrepareTFA` (seed 004): a secret for an authenticator, to type and to scan, good for half an hour. `otpauthUrl` is ours: what
//! the picture says, for who draws it in a terminal.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use serde_json::json;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let prepared = call.parts.iam.prepare_second_factor(&call.authorized).await?;
    Ok(Answer::Json(json!({
        "secret": prepared.secret_base32.expose(),
        "qrCodeUrl": prepared.qr_code_url.expose(),
        "otpauthUrl": prepared.otpauth_url.expose(),
    })))
}
