//! Sites: the names under which requests find agents.

use crate::agent::Agent;
use baleen_types::{AccountId, SiteName};
use std::sync::Arc;

/// A place where packets are captured.
#[derive(Clone)]
pub struct Site {
    /// Its name; it also answers to that name without trailing digits (capture contract, A.2: `ord02` and `ORD`).
    pub name: SiteName,
    /// Further groups it belongs to.
    pub groups: Vec<SiteName>,
    /// Whose captures it takes. To others it is not there.
    pub accounts: Accounts,
    /// Who captures there.
    pub agent: Arc<dyn Agent>,
}

/// Whose captures a site takes: who captures there sees the traffic of everybody there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Accounts {
    /// Everybody's.
    #[default]
    All,
    /// Those of these accounts.
    Only(Vec<AccountId>),
}

impl Accounts {
    fn have(&self, account: AccountId) -> bool {
        match self {
            Self::All => true,
            Self::Only(accounts) => accounts.contains(&account),
        }
    }
}

/// All sites of this server.
#[derive(Clone, Default)]
pub struct Sites(Vec<Site>);

impl Sites {
    /// The sites in the order in which they are asked.
    pub fn new(sites: Vec<Site>) -> Self {
        Self(sites)
    }

    /// The site a request of an account means, by its name or one of its groups, without case. A name goes before a group, and in a
    /// group one whose agent is connected before others.
    pub(crate) fn find(&self, wanted: &SiteName, account: AccountId) -> Option<&Site> {
        let open = || self.0.iter().filter(|site| site.accounts.have(account));
        let by_name = open().find(|site| site.name == *wanted);
        by_name.or_else(|| {
            let of_group = || open().filter(|site| site.name.answers_to(wanted) || site.groups.contains(wanted));
            let connected = of_group().find(|site| site.agent.is_connected());
            connected.or_else(|| of_group().next())
        })
    }

    /// The sites of an account that keep packets which went by.
    pub(crate) fn looking_back(&self, account: AccountId) -> Vec<Site> {
        let open = self.0.iter().filter(|site| site.accounts.have(account));
        open.filter(|site| site.agent.looks_back()).cloned().collect()
    }
}

impl std::fmt::Debug for Sites {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|s| s.name.as_str())).finish()
    }
}

#[cfg(test)]
mod tests;
