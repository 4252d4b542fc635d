//! Sites: the names under which requests find agents.

use crate::agent::{Agent, GroupAgent, RemoteAgents, Staging};
use baleen_runtime::Clock;
use baleen_types::{AccountId, SiteName};
use std::path::Path;
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

impl Site {
    /// Whether it belongs to a group.
    fn is_of(&self, group: &SiteName) -> bool {
        self.name.answers_to(group) || self.groups.contains(group)
    }
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

/// All sites of this server: its own, and those of agents on other hosts, which come and go.
#[derive(Clone, Default)]
pub struct Sites {
    own: Vec<Site>,
    agents: Option<Arc<RemoteAgents>>,
    staging: Option<Arc<Staging>>,
}

impl Sites {
    /// The sites in the order in which they are asked.
    pub fn new(sites: Vec<Site>) -> Self {
        Self {
            own: sites,
            agents: None,
            staging: None,
        }
    }

    /// With the agents on other hosts, which are asked after the server's own.
    #[must_use]
    pub fn with_agents(self, agents: Arc<RemoteAgents>) -> Self {
        Self {
            agents: Some(agents),
            ..self
        }
    }

    /// With a folder for what several sites capture until it is merged: a group means all of its sites then, and not one of them.
    /// So many bytes are there at most.
    #[must_use]
    pub fn merging_in(self, folder: &Path, bytes_max: u64, clock: Arc<dyn Clock>) -> Self {
        Self {
            staging: Some(Staging::new(folder, bytes_max, clock)),
            ..self
        }
    }

    /// Where several sites are merged.
    pub(crate) fn staging(&self) -> Option<&Arc<Staging>> {
        self.staging.as_ref()
    }

    /// The agents on other hosts, where they are taken.
    pub(crate) fn agents(&self) -> Option<&Arc<RemoteAgents>> {
        self.agents.as_ref()
    }

    /// Whether a name is that of a site of the server itself, which an account knows.
    pub(crate) fn is_own(&self, name: &SiteName, account: AccountId) -> bool {
        self.own
            .iter()
            .any(|site| site.name == *name && site.accounts.have(account))
    }

    /// Those that take captures of an account.
    pub(crate) fn open_to(&self, account: AccountId) -> Vec<Site> {
        let remote = self.agents.iter().flat_map(RemoteAgents::sites);
        let all = self.own.iter().cloned().chain(remote);
        all.filter(|site| site.accounts.have(account)).collect()
    }

    /// The site a request of an account means, by its name, or all of a group as one, without case. A name goes before a group.
    pub(crate) fn find(&self, wanted: &SiteName, account: AccountId) -> Option<Site> {
        let one = self.find_one(wanted, account)?;
        let Some(staging) = self.staging.as_ref().filter(|_| one.name != *wanted) else {
            return Some(one);
        };
        let members = self.open_to(account).into_iter().filter(|site| site.is_of(wanted));
        let (members, away): (Vec<_>, Vec<_>) = members.partition(|site| site.agent.is_connected());
        // A site whose other agent is there is not away.
        let is_there = |site: &Site| members.iter().any(|member| member.name == site.name);
        let mut away: Vec<_> = away
            .into_iter()
            .filter(|site| !is_there(site))
            .map(|site| site.name)
            .collect();
        away.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
        away.dedup();
        // One alone is still what the group has: that others are missing is told by its capture.
        if members.is_empty() || members.len() + away.len() < 2 {
            return Some(one);
        }
        Some(Site {
            name: wanted.clone(),
            groups: Vec::new(),
            accounts: Accounts::Only(vec![account]),
            agent: GroupAgent::new(members, away, Arc::clone(staging)),
        })
    }

    /// The same, but one of a group: of several with one name or in one group one whose agent is connected before others.
    pub(crate) fn find_one(&self, wanted: &SiteName, account: AccountId) -> Option<Site> {
        let open = self.open_to(account);
        let best = |fits: &dyn Fn(&Site) -> bool| {
            let fitting = || open.iter().filter(|site| fits(site));
            let connected = fitting().find(|site| site.agent.is_connected());
            connected.or_else(|| fitting().next()).cloned()
        };
        best(&|site| site.name == *wanted).or_else(|| best(&|site| site.is_of(wanted)))
    }

    /// The sites of an account that keep packets which went by.
    pub(crate) fn looking_back(&self, account: AccountId) -> Vec<Site> {
        let open = self.open_to(account).into_iter();
        open.filter(|site| site.agent.looks_back()).collect()
    }
}

impl std::fmt::Debug for Sites {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.own.iter().map(|s| s.name.as_str()))
            .finish()
    }
}

#[cfg(test)]
mod tests;
