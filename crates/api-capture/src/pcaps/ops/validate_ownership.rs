//! `POST /pcaps/ownership/validate`: answer a challenge (seed 000, "Validating a bucket").

use super::Call;
use super::create_ownership::{decode_destination, pointers};
use crate::pcaps::envelope::Answer;
use crate::pcaps::fault::Fault;
use crate::pcaps::fields::Fields;
use crate::pcaps::wire;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let mut fields = Fields::new(&call.body, "");
    let destination = decode_destination(&mut fields);
    let answer = fields.required_text("ownership_challenge");
    fields.finish()?;
    let (Some((_, destination)), Some(answer)) = (destination, answer) else {
        return Err(Fault::internal());
    };
    let account = call.authorized.account();
    match call.captures.validate_ownership(account, &destination, answer).await {
        Ok(ownership) => Ok(Answer::Result(wire::ownership(&ownership))),
        Err(error) => Err(Fault::of(error, pointers(&call.body))),
    }
}
