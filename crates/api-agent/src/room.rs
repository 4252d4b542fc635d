//! Memory for parts on their way: bounded as a whole and for each agent, and taken as bytes come. Nobody waits for it: a part that waited
//! unread would hold the window of its connection, and with it the link.

use crate::limits::{PARTS_PER_AGENT, ROOM_BYTES};
use baleen_types::AgentId;
use parking_lot::Mutex;
use std::collections::HashMap;
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
}

impl Room {
    pub(crate) fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self {
            bytes_max,
            taken: Mutex::default(),
        })
    }

    /// A share of an agent, which has nothing yet.
    pub(crate) fn share(self: &Arc<Self>, agent: AgentId) -> Share {
        Share {
            room: Arc::clone(self),
            agent,
            bytes: 0,
        }
    }
}

/// What one part holds; given back when it is dropped.
pub(crate) struct Share {
    room: Arc<Room>,
    agent: AgentId,
    bytes: usize,
}

impl Share {
    /// Makes it hold so many bytes at least. `false` when there are none left, for this agent or for all.
    #[must_use]
    pub(crate) fn grow_to(&mut self, bytes: usize) -> bool {
        if bytes <= self.bytes {
            return true;
        }
        let more = bytes.next_multiple_of(ROOM_BYTES) - self.bytes;
        let mut taken = self.room.taken.lock();
        let own = taken.by_agent.get(&self.agent).copied().unwrap_or_default();
        if own + more > self.room.bytes_max / PARTS_PER_AGENT || taken.bytes + more > self.room.bytes_max {
            return false;
        }
        taken.bytes += more;
        taken.by_agent.insert(self.agent, own + more);
        self.bytes += more;
        true
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.room.taken.lock();
        taken.bytes -= self.bytes;
        if let Some(own) = taken.by_agent.get_mut(&self.agent) {
            *own -= self.bytes;
            if *own == 0 {
                taken.by_agent.remove(&self.agent);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_has_its_share_and_all_have_the_whole() {
        let room = Room::new(8 * ROOM_BYTES);
        let id = |n| AgentId::from_bytes([n; 16]);
        let mut first = room.share(id(0));
        assert!(first.grow_to(1) && first.grow_to(ROOM_BYTES) && first.grow_to(2 * ROOM_BYTES));
        assert!(!first.grow_to(2 * ROOM_BYTES + 1));
        assert!(!room.share(id(0)).grow_to(1), "another part of the same agent");
        let others: Vec<_> = (1..4)
            .map(|n| {
                let mut share = room.share(id(n));
                assert!(share.grow_to(2 * ROOM_BYTES));
                share
            })
            .collect();
        assert!(!room.share(id(9)).grow_to(1));
        drop(first);
        assert!(room.share(id(9)).grow_to(1));
        drop(others);
        let taken = room.taken.lock();
        assert!(taken.bytes == 0 && taken.by_agent.is_empty());
    }
}
