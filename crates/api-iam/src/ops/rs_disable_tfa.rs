//! `RSDisableTFA` (seed 004). Without a code only in a session that was opened with one just now (identity contract, section 4).

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::limits::CODE_CHARACTERS_MAX;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let code = call.params.secret("OTP", CODE_CHARACTERS_MAX)?;
    call.parts
        .iam
        .disable_second_factor(&call.authorized, code.as_ref(), call.source())
        .await?;
    Ok(Answer::ok())
}
