//! `DELETE /pcaps/ownership/{id}`: forget a bucket; captures that run into it fail (capture contract, A.3).

use super::Call;
use crate::pcaps::envelope::Answer;
use crate::pcaps::fault::{Fault, Pointers};
use baleen_types::OwnershipId;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let id = OwnershipId::parse(&call.id).map_err(|_| Fault::not_found("bucket"))?;
    match call.captures.delete_ownership(call.authorized.account(), id).await {
        Ok(()) => Ok(Answer::NoContent),
        Err(error) => Err(Fault::of(error, Pointers::default())),
    }
}
