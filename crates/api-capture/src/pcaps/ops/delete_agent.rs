//! `DELETE /pcaps/agents/{id}`: an agent is none any more (ours).

use super::Call;
use crate::pcaps::envelope::Answer;
use crate::pcaps::fault::{Fault, Pointers};
use baleen_types::AgentId;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let id = AgentId::parse(&call.id).map_err(|_| Fault::not_found("agent"))?;
    match call.captures.remove_agent(call.authorized.account(), id).await {
        Ok(()) => Ok(Answer::NoContent),
        Err(error) => Err(Fault::of(error, Pointers::default())),
    }
}
