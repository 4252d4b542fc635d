//! `GetSessionToken` (AWS): a session of who asks, without anything to hold it to.

use super::Call;
use super::get_caller_identity::write_credentials;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::fields::unfit;
use crate::limits::ROLE_SECONDS;
use baleen_iam::{AssumeRole, SessionLength, SessionName};

/// The name of a session that nobody gave one.
const NAME: &str = "session-token";

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let seconds = call.params.number("DurationSeconds", &ROLE_SECONDS)?;
    let ask = AssumeRole {
        name: SessionName::parse(NAME)?,
        length: SessionLength::assumed(seconds).map_err(|invalid| unfit("DurationSeconds", &invalid))?,
        policy: None,
        policy_arns: Vec::new(),
        origin: call.origin.map(|origin| origin.source),
    };
    let session = call.parts.iam.assume_role(&call.authorized, ask).await?;
    Ok(Answer::xml(move |xml| write_credentials(xml, &session)))
}
