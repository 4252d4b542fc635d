//! Memory for parts on their way: bounded as a whole, for each account and for each agent, and taken for all of a part before it is read. Nobody
//! waits for it: a part that waited unread would hold the window of its connection, and with it the link. What has begun is never refused, or
//! a slow line would send the same again and again.
//!
//! All agents of an account have at most as much as is left free for others: the first has half, who comes when it has that a quarter, and so on, and
//! one part whoever comes while there is room for one. A group captures at many agents at once, and parts that hardly move hold what they have for
//! as long as a slow line may take.

use crate::limits::PARTS_PER_AGENT;
use baleen_types::{AccountId, AgentId};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// The memory of one door.
pub(crate) struct Room {
    bytes_max: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    bytes: usize,
    by_agent: HashMap<AgentId, usize>,
    by_account: HashMap<AccountId, usize>,
}

impl Room {
    pub(crate) fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self {
            bytes_max,
            taken: Mutex::default(),
        })
    }

    /// Takes so many bytes for a part of an agent of an account. `None` when there are none left, for this agent, for its account or for all.
    pub(crate) fn take(self: &Arc<Self>, (account, agent): (AccountId, AgentId), bytes: usize) -> Option<Share> {
        let mut taken = self.taken.lock();
        let by_agent = taken.by_agent.get(&agent).copied().unwrap_or_default();
        let by_account = taken.by_account.get(&account).copied().unwrap_or_default();
        let free = self.bytes_max.checked_sub(taken.bytes.checked_add(bytes)?)?;
        let is_first = by_account == 0;
        if by_agent + bytes > self.bytes_max / PARTS_PER_AGENT || (!is_first && by_account + bytes > free) {
            return None;
        }
        taken.bytes += bytes;
        *taken.by_agent.entry(agent).or_default() += bytes;
        *taken.by_account.entry(account).or_default() += bytes;
        Some(Share {
            room: Arc::clone(self),
            account,
            agent,
            bytes,
        })
    }
}

/// What one part holds; given back when it is dropped.
pub(crate) struct Share {
    room: Arc<Room>,
    account: AccountId,
    agent: AgentId,
    bytes: usize,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.room.taken.lock();
        taken.bytes -= self.bytes;
        give_back(&mut taken.by_agent, &self.agent, self.bytes);
        give_back(&mut taken.by_account, &self.account, self.bytes);
    }
}

fn give_back<K: Eq + Hash>(taken: &mut HashMap<K, usize>, of: &K, bytes: usize) {
    if let Some(own) = taken.get_mut(of) {
        *own -= bytes;
        if *own == 0 {
            taken.remove(of);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PART: usize = 1000;

    fn of(account: u8, agent: u8) -> (AccountId, AgentId) {
        let account = AccountId::parse(&format!("{account:012}")).unwrap();
        (account, AgentId::from_bytes([agent; 16]))
    }

    fn is_empty(room: &Room) -> bool {
        let taken = room.taken.lock();
        taken.bytes == 0 && taken.by_agent.is_empty() && taken.by_account.is_empty()
    }

    /// A group captures at many agents of one account, and is no more than that account.
    #[test]
    fn an_account_has_its_share_whatever_its_agents_are() {
        let room = Room::new(16 * PART);
        let mut held = Vec::new();
        let mut most = Vec::new();
        for account in 1..=7 {
            let before = held.len();
            held.extend((0..16).filter_map(|agent| room.take(of(account, 16 * account + agent), PART)));
            most.push(held.len() - before);
        }
        // As much as the others leave free, and one part while there is room for one.
        assert_eq!(most, [8, 4, 2, 1, 1, 0, 0]);
        drop(held);
        assert!(is_empty(&room));
    }

    #[test]
    fn an_agent_has_its_share_and_all_have_the_whole() {
        let room = Room::new(8 * PART);
        let first = room.take(of(1, 1), 2 * PART).unwrap();
        assert!(room.take(of(1, 1), 1).is_none(), "another part of the same agent");
        assert!(room.take(of(2, 2), 2 * PART + 1).is_none());
        let others = [(2, 2, 2), (3, 3, 2), (4, 4, 2)].map(|(a, n, parts)| room.take(of(a, n), parts * PART).unwrap());
        assert!(room.take(of(5, 5), 1).is_none());
        drop(first);
        assert!(room.take(of(5, 5), 1).is_some());
        drop(others);
        assert!(is_empty(&room));
    }

    /// Who has begun goes on, whoever comes.
    #[test]
    fn what_has_begun_is_not_refused() {
        let room = Room::new(16 * PART);
        let slow: Vec<_> = (0..8).map(|agent| room.take(of(1, agent), PART).unwrap()).collect();
        assert!(room.take(of(2, 100), 4 * PART).is_some());
        assert_eq!(slow.iter().map(|share| share.bytes).sum::<usize>(), 8 * PART);
        assert!(room.take(of(1, 9), usize::MAX).is_none());
    }
}
