//! What is ordered from this agent, how far each order is, and what the server has yet to be told.
//!
//! What is told is found by comparing: each order knows what was told of it on the link that stands. So nothing is lost with a link, and
//! nothing waits for one. Pure: who holds a [`Desk`] begins, ends and sends.

use baleen_agentwire::limits::{ORDERS_MAX, TEXT_BYTES_MAX};
use baleen_agentwire::{Beat, Counts, Ended, Hello, Interface, Job, OrderId, PROTOCOL, ToAgent, ToServer};
use std::collections::BTreeMap;

/// The words for an order that comes when there are as many as there can be.
const TOO_MANY: &str = "the agent is at as many captures as it can be";
/// The words for one that is asked to end and is not there.
const UNKNOWN: &str = "the agent has no such capture";

/// What has to be done about a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Nothing but to tell what is to be told.
    Nothing,
    /// The answer to the time that is asked for, which is now.
    Pong {
        /// As in the ping.
        t1: i64,
    },
    /// The link is known.
    Welcomed,
    /// To begin to capture.
    Start(OrderId, Box<Job>),
    /// To send what it catches from now on as a view of this number.
    Show(OrderId, u32),
    /// To end a capture and deliver it.
    Stop(OrderId),
    /// To throw away all of it.
    Forget(OrderId),
    /// To have the certificate renewed.
    Renew,
    /// The link ends.
    Leave {
        /// For people.
        why: String,
        /// Whether to come back.
        come_back: bool,
    },
}

/// How far an order is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// It is being begun.
    Beginning,
    /// It will not be.
    Refused(String),
    /// Packets are taken from so many interfaces.
    Running(u16),
    /// No more are.
    Ended(Ended),
}

#[derive(Clone, Debug)]
struct Entry {
    phase: Phase,
    counts: Counts,
    /// Whether the phase was told on this link.
    is_told: bool,
}

/// The orders of an agent.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    orders: BTreeMap<OrderId, Entry>,
    /// What was asked to end and is not there.
    strangers: Vec<OrderId>,
}

impl Desk {
    /// The first words on a new link. Nothing was told on it yet.
    pub(crate) fn greet(&mut self, release: &str, boot: [u8; 16], interfaces: Vec<Interface>) -> ToServer {
        self.strangers.clear();
        for entry in self.orders.values_mut() {
            entry.is_told = false;
        }
        // What is refused is not held: the server asks again, and hears it again.
        self.orders.retain(|_, entry| !matches!(entry.phase, Phase::Refused(_)));
        ToServer::Hello(Hello {
            protocol: PROTOCOL,
            release: release.to_owned(),
            boot,
            interfaces,
            // A server takes no more words than that, and would never let an agent in that says more. It forgets what it does not want of
            // these, and the next link tells the rest.
            held: self.orders.keys().copied().take(ORDERS_MAX).collect(),
        })
    }

    /// Takes what the server says.
    pub(crate) fn hear(&mut self, message: ToAgent) -> Deed {
        match message {
            ToAgent::Welcome { .. } => Deed::Welcomed,
            ToAgent::Ping { t1 } => Deed::Pong { t1 },
            ToAgent::Begin(id, begin) => self.begin(id, Job::plain(begin)),
            ToAgent::BeginMasked(id, begin, key) => {
                let job = Job {
                    address_key: Some(key),
                    ..Job::plain(begin)
                };
                self.begin(id, job)
            }
            ToAgent::BeginLive(id, begin, live) => {
                let job = Job {
                    begin,
                    address_key: live.address_key,
                    live: Some(live.interfaces),
                };
                self.begin(id, job)
            }
            ToAgent::Show(id, view) => Deed::Show(id, view),
            ToAgent::Stop(id) if self.orders.contains_key(&id) => Deed::Stop(id),
            ToAgent::Stop(id) => {
                if self.strangers.len() < ORDERS_MAX {
                    self.strangers.push(id);
                }
                Deed::Nothing
            }
            ToAgent::Forget(id) => {
                self.orders.remove(&id);
                Deed::Forget(id)
            }
            ToAgent::Renew => Deed::Renew,
            ToAgent::Bye { why, come_back } => Deed::Leave { why, come_back },
        }
    }

    fn begin(&mut self, id: OrderId, job: Job) -> Deed {
        if let Some(entry) = self.orders.get_mut(&id) {
            entry.is_told = false;
            return Deed::Nothing;
        }
        let of_capture = |generation| OrderId { generation, ..id };
        if self
            .orders
            .range(of_capture(id.generation)..=of_capture(u32::MAX))
            .next()
            .is_some()
        {
            // It was overtaken.
            return Deed::Nothing;
        }
        // Of a server that goes on and on, nothing is kept.
        if self.orders.len() >= 2 * ORDERS_MAX {
            return Deed::Nothing;
        }
        let is_full = self.orders.len() >= ORDERS_MAX;
        let phase = if is_full {
            Phase::Refused(TOO_MANY.to_owned())
        } else {
            Phase::Beginning
        };
        self.set(id, phase);
        if is_full {
            Deed::Nothing
        } else {
            Deed::Start(id, Box::new(job))
        }
    }

    fn set(&mut self, id: OrderId, phase: Phase) {
        let counts = self.orders.get(&id).map(|entry| entry.counts).unwrap_or_default();
        let is_told = phase == Phase::Beginning;
        self.orders.insert(id, Entry { phase, counts, is_told });
    }

    /// An order that a process before this one had begun, with what is left of it.
    pub(crate) fn recovered(&mut self, id: OrderId, ended: Ended) {
        self.set(id, Phase::Ended(ended));
    }

    /// Packets are taken.
    pub(crate) fn began(&mut self, id: OrderId, interfaces: u16) {
        self.advance(id, Phase::Running(interfaces));
    }

    /// It is not begun.
    pub(crate) fn refused(&mut self, id: OrderId, why: &str) {
        self.advance(id, Phase::Refused(text(why)));
    }

    /// What was caught until now.
    pub(crate) fn counted(&mut self, id: OrderId, counts: Counts) {
        if let Some(entry) = self.orders.get_mut(&id) {
            entry.counts = counts;
        }
    }

    /// No more packets are taken. What is said again is said anew: the end of a file that could not be delivered.
    pub(crate) fn ended(&mut self, id: OrderId, ended: &Ended) {
        let ended = clipped(ended);
        self.counted(id, ended.counts);
        self.advance(id, Phase::Ended(ended));
    }

    /// What was forgotten meanwhile stays so.
    fn advance(&mut self, id: OrderId, phase: Phase) {
        if self.orders.contains_key(&id) {
            self.set(id, phase);
        }
    }

    /// What is to be told now.
    pub(crate) fn say(&mut self) -> Vec<ToServer> {
        let mut said: Vec<ToServer> = self
            .strangers
            .drain(..)
            .map(|order| ToServer::Refused {
                order,
                why: UNKNOWN.to_owned(),
            })
            .collect();
        for (id, entry) in &mut self.orders {
            if std::mem::replace(&mut entry.is_told, true) {
                continue;
            }
            said.extend(match &entry.phase {
                Phase::Beginning => None,
                Phase::Refused(why) => Some(ToServer::Refused {
                    order: *id,
                    why: why.clone(),
                }),
                Phase::Running(interfaces) => Some(ToServer::Began {
                    order: *id,
                    interfaces: *interfaces,
                }),
                Phase::Ended(ended) => Some(ToServer::Ended(*id, ended.clone())),
            });
        }
        self.orders.retain(|_, entry| !matches!(entry.phase, Phase::Refused(_)));
        said
    }

    /// How it is.
    pub(crate) fn beat(&self, free_bytes: u64) -> ToServer {
        let orders = self
            .orders
            .iter()
            .map(|(id, entry)| (*id, entry.counts))
            .take(ORDERS_MAX);
        ToServer::Beat(Beat {
            orders: orders.collect(),
            free_bytes,
        })
    }

    /// Those from which packets are taken, or soon are.
    pub(crate) fn capturing(&self) -> usize {
        let is_capturing = |entry: &&Entry| matches!(entry.phase, Phase::Beginning | Phase::Running(_));
        self.orders.values().filter(is_capturing).count()
    }
}

/// An end in words of a length that may be said.
pub(crate) fn clipped(ended: &Ended) -> Ended {
    Ended {
        trouble: ended.trouble.as_deref().map(text),
        missing: ended.missing.as_deref().map(text),
        ..*ended
    }
}

/// Words of a length that may be said.
fn text(words: &str) -> String {
    let mut end = words.len().min(TEXT_BYTES_MAX);
    while !words.is_char_boundary(end) {
        end -= 1;
    }
    words[..end].to_owned()
}

#[cfg(test)]
mod tests;
