//! Memory for parts on their way: bounded as a whole, for each account and for each agent, and taken as bytes come. Nobody waits for it: a part that waited
//! unread would hold the window of its connection, and with it the link.
//!
//! All agents of an account have at most as much as is left free for others: the first has half, who comes when it has that a quarter, and so on. A group
//! captures at many agents at once, and parts that hardly move hold what they have for as long as a slow line may take.

use crate::limits::{PARTS_PER_AGENT, ROOM_BYTES};
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

    /// A share of an agent of an account, which has nothing yet.
    pub(crate) fn share(self: &Arc<Self>, account: AccountId, agent: AgentId) -> Share {
        Share {
            room: Arc::clone(self),
            account,
            agent,
            bytes: 0,
        }
    }
}

/// What one part holds; given back when it is dropped.
pub(crate) struct Share {
    room: Arc<Room>,
    account: AccountId,
    agent: AgentId,
    bytes: usize,
}

impl Share {
    /// Makes it hold so many bytes at least. `false` when there are none left, for this agent, for its account or for all.
    #[must_use]
    pub(crate) fn grow_to(&mut self, bytes: usize) -> bool {
        if bytes <= self.bytes {
            return true;
        }
        let more = bytes.next_multiple_of(ROOM_BYTES) - self.bytes;
        let bytes_max = self.room.bytes_max;
        let mut taken = self.room.taken.lock();
        let has = |taken: Option<&usize>| taken.copied().unwrap_or_default() + more;
        let Some(free) = bytes_max.checked_sub(taken.bytes + more) else {
            return false;
        };
        if has(taken.by_agent.get(&self.agent)) > bytes_max / PARTS_PER_AGENT
            || has(taken.by_account.get(&self.account)) > free
        {
            return false;
        }
        taken.bytes += more;
        *taken.by_agent.entry(self.agent).or_default() += more;
        *taken.by_account.entry(self.account).or_default() += more;
        self.bytes += more;
        true
    }
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

    fn account(n: u8) -> AccountId {
        AccountId::parse(&format!("{n:012}")).unwrap()
    }

    /// A group captures at many agents of one account, and is no more than that account.
    #[test]
    fn an_account_has_its_share_whatever_its_agents_are() {
        let room = Room::new(16 * ROOM_BYTES);
        let of = |account_number, n| room.share(account(account_number), AgentId::from_bytes([n; 16]));
        let held: Vec<_> = (0..14)
            .map(|n| {
                let mut share = of(1, n);
                let has_grown = share.grow_to(ROOM_BYTES);
                (share, has_grown)
            })
            .collect();
        assert_eq!(held.iter().filter(|(_, has_grown)| *has_grown).count(), 8);
        // Others have as much as they leave free, so that there is some for whoever comes.
        let mut others: Vec<_> = (2..5).map(|n| (of(n, 100 + n), of(n, 110 + n))).collect();
        let mut most = Vec::new();
        for (first, second) in &mut others {
            let mut grown = 0;
            while grown < 4 && first.grow_to((grown + 1) * ROOM_BYTES) {
                grown += 1;
            }
            most.push(grown);
            assert!(!second.grow_to(1), "by another of its agents");
        }
        assert_eq!(most, [4, 2, 1]);
        drop((held, others));
        let taken = room.taken.lock();
        assert!(taken.bytes == 0 && taken.by_agent.is_empty() && taken.by_account.is_empty());
    }

    #[test]
    fn an_agent_has_its_share_and_all_have_the_whole() {
        let room = Room::new(8 * ROOM_BYTES);
        let share = |n: u8| room.share(account(n / 2 + 1), AgentId::from_bytes([n; 16]));
        let mut first = share(0);
        assert!(first.grow_to(1) && first.grow_to(ROOM_BYTES) && first.grow_to(2 * ROOM_BYTES));
        assert!(!first.grow_to(2 * ROOM_BYTES + 1));
        assert!(!share(0).grow_to(1), "another part of the same agent");
        let others: Vec<_> = [(1, 2), (2, 2), (4, 1)]
            .map(|(n, rooms)| {
                let mut share = share(n);
                assert!(share.grow_to(rooms * ROOM_BYTES) && !share.grow_to((rooms + 1) * ROOM_BYTES));
                share
            })
            .into();
        assert!(!share(9).grow_to(1));
        drop(first);
        assert!(share(9).grow_to(1));
        drop(others);
        let taken = room.taken.lock();
        assert!(taken.bytes == 0 && taken.by_agent.is_empty());
    }
}
