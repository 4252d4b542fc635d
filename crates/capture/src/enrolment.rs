//! The agents of an account, for its people: tokens that let one in, a list, and an end.

use crate::agent::RemoteAgents;
use crate::{CaptureError, Captures, Limited};
use baleen_fleet::{AgentInfo, AgentToken, HowItIs, NewToken};
use baleen_types::{AccountId, AgentId, Timestamp};
use std::sync::Arc;

/// An agent, with how it is now.
#[derive(Clone, Debug)]
pub struct ShownAgent {
    /// What is stored of it.
    pub info: AgentInfo,
    /// How it is.
    pub now: HowItIs,
}

impl Captures {
    fn remote(&self) -> Result<&Arc<RemoteAgents>, CaptureError> {
        self.parts.sites.agents().ok_or(CaptureError::NoAgents)
    }

    /// Makes a token with which one agent enrols for an account, which captures there alone. It is shown here and never again.
    ///
    /// # Errors
    /// `NoAgents` where none are taken; `Limit` of a site that is this server's own, at which an agent would never be asked; those of the
    /// fleet.
    pub async fn new_agent_token(
        &self,
        account: AccountId,
        new: NewToken,
    ) -> Result<(AgentToken, Timestamp), CaptureError> {
        let fleet = self.remote()?.fleet();
        if self.parts.sites.is_own(&new.site, account) {
            let why = format!("{} is this server's own site; name the agent's another way", new.site);
            return Err(CaptureError::Limit { of: Limited::Site, why });
        }
        Ok(fleet.new_token(account, new).await?)
    }

    /// The agents of an account.
    ///
    /// # Errors
    /// As [`Captures::new_agent_token`].
    pub async fn agents(&self, account: AccountId) -> Result<Vec<ShownAgent>, CaptureError> {
        let fleet = self.remote()?.fleet();
        let shown = fleet.agents(account).await?.into_iter().map(|info| ShownAgent {
            now: fleet.seat(info.id).map(|seat| seat.how_it_is()).unwrap_or_default(),
            info,
        });
        Ok(shown.collect())
    }

    /// Removes an agent of an account: it is unknown at once, and its captures end with what has come.
    ///
    /// # Errors
    /// As [`Captures::new_agent_token`].
    pub async fn remove_agent(&self, account: AccountId, id: AgentId) -> Result<(), CaptureError> {
        Ok(self.remote()?.fleet().remove(account, id).await?)
    }
}
