//! The arithmetic of a group: from requests and the values they depend on to one batch and a verdict for each. Pure.

use crate::engine::{Batch, Change};
use crate::{CommitterId, Error, Outcome, Request, Result, Write, counter, feed};
use bytes::Bytes;
use std::collections::HashMap;

/// Requests that are judged together, in their order.
pub(super) struct Group<'a> {
    requests: &'a [Request],
    /// Keys whose stored values decide: those of conditions and of counters, each once.
    keys: Vec<Vec<u8>>,
    feeds: bool,
}

/// What a group comes to.
#[derive(Debug, Default)]
pub(super) struct Decision {
    /// The changes of all committed requests.
    pub(super) batch: Batch,
    /// One for each request.
    pub(super) verdicts: Vec<Result<Outcome>>,
    /// Where the feed stands after it.
    pub(super) feed: Option<FeedCursor>,
}

/// Where a committer's feed stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FeedCursor {
    committer: CommitterId,
    last: u64,
}

impl FeedCursor {
    /// A cursor for groups without feed entries, which never use it.
    pub(super) fn unknown(committer: CommitterId) -> Self {
        Self { committer, last: 0 }
    }

    /// Takes the stored head of the feed; a feed without entries stands at 0.
    pub(super) fn parse(committer: CommitterId, head: Option<&Bytes>) -> Result<Self> {
        let last = head.map_or(Ok([0; 8]), |head| head.as_ref().try_into());
        let malformed = |_| Error::MalformedKey {
            why: "the head of the feed is not a sequence number",
        };
        Ok(Self {
            committer,
            last: last.map(u64::from_be_bytes).map_err(malformed)?,
        })
    }

    fn next(&mut self) -> Vec<u8> {
        self.last += 1;
        feed::entry_key(self.committer, self.last)
    }

    fn head(self) -> Change {
        let value = Bytes::copy_from_slice(&self.last.to_be_bytes());
        Change {
            key: feed::head_key(self.committer),
            value: Some(value),
        }
    }
}

impl<'a> Group<'a> {
    /// Collects what has to be read.
    pub(super) fn new(requests: &'a [Request]) -> Self {
        let mut keys: Vec<&[u8]> = Vec::with_capacity(requests.len() * 2);
        let mut feeds = false;
        for request in requests {
            keys.extend(request.conditions.iter().map(|condition| condition.key.as_slice()));
            for write in &request.writes {
                match write {
                    Write::Add { key, .. } => keys.push(key),
                    Write::Feed { .. } => feeds = true,
                    Write::Put { .. } | Write::Delete { .. } => {}
                }
            }
        }
        keys.sort_unstable();
        keys.dedup();
        Self {
            requests,
            keys: keys.into_iter().map(<[u8]>::to_vec).collect(),
            feeds,
        }
    }

    /// The keys to read, each once.
    pub(super) fn keys(&self) -> &[Vec<u8>] {
        &self.keys
    }

    /// Tells whether any request writes to the feed.
    pub(super) fn feeds(&self) -> bool {
        self.feeds
    }

    /// Judges the requests one after the other, each upon the effects of those before.
    pub(super) fn decide(&self, read: &[Option<Bytes>], feed: FeedCursor) -> Decision {
        let mut state = State::new(&self.keys, read, feed);
        let verdicts = self.requests.iter().map(|request| state.judge(request)).collect();
        let State {
            mut slots,
            mut entries,
            feed: after,
            ..
        } = state;
        slots.retain(|slot| slot.changed);
        let mut changes: Vec<_> = slots
            .into_iter()
            .map(|slot| Change {
                key: slot.key.to_vec(),
                value: slot.value,
            })
            .collect();
        if !entries.is_empty() {
            changes.append(&mut entries);
            changes.push(after.head());
        }
        Decision {
            batch: Batch { changes },
            verdicts,
            feed: Some(after),
        }
    }
}

/// The values as they are after the requests judged so far.
struct State<'a> {
    slots: Vec<Slot<'a>>,
    index: HashMap<&'a [u8], usize>,
    entries: Vec<Change>,
    feed: FeedCursor,
}

#[derive(Clone)]
struct Slot<'a> {
    key: &'a [u8],
    value: Option<Bytes>,
    changed: bool,
}

impl<'a> State<'a> {
    fn new(keys: &'a [Vec<u8>], read: &[Option<Bytes>], feed: FeedCursor) -> Self {
        let slots: Vec<_> = keys
            .iter()
            .zip(read)
            .map(|(key, value)| Slot {
                key,
                value: value.clone(),
                changed: false,
            })
            .collect();
        let index = slots.iter().enumerate().map(|(at, slot)| (slot.key, at)).collect();
        Self {
            slots,
            index,
            entries: Vec::new(),
            feed,
        }
    }

    fn judge(&mut self, request: &'a Request) -> Result<Outcome> {
        for condition in &request.conditions {
            if self.value(&condition.key) != condition.expected.as_ref() {
                return Ok(Outcome::Conflict {
                    key: condition.key.clone(),
                });
            }
        }
        self.write_all(&request.writes)?;
        Ok(Outcome::Committed)
    }

    /// Makes all writes, or none when a counter refuses.
    fn write_all(&mut self, writes: &'a [Write]) -> Result<()> {
        let mut undo = Vec::new();
        let (entries_before, feed_before) = (self.entries.len(), self.feed);
        for write in writes {
            let result = match write {
                Write::Put { key, value } => Ok((key, Some(value.clone()))),
                Write::Delete { key } => Ok((key, None)),
                Write::Add { key, delta } => counter::added(self.value(key), *delta).map(|value| (key, Some(value))),
                Write::Feed { payload } => {
                    let key = self.feed.next();
                    self.entries.push(Change {
                        key,
                        value: Some(payload.clone()),
                    });
                    continue;
                }
            };
            match result {
                Ok((key, value)) => undo.push(self.set(key, value)),
                Err(error) => {
                    undo.into_iter().rev().for_each(|(at, slot)| self.slots[at] = slot);
                    self.entries.truncate(entries_before);
                    self.feed = feed_before;
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn value(&self, key: &[u8]) -> Option<&Bytes> {
        self.index.get(key).and_then(|at| self.slots[*at].value.as_ref())
    }

    /// Changes a value and returns what was there.
    fn set(&mut self, key: &'a [u8], value: Option<Bytes>) -> (usize, Slot<'a>) {
        let at = *self.index.entry(key).or_insert_with(|| {
            self.slots.push(Slot {
                key,
                value: None,
                changed: false,
            });
            self.slots.len() - 1
        });
        let after = Slot {
            key,
            value,
            changed: true,
        };
        (at, std::mem::replace(&mut self.slots[at], after))
    }
}

#[cfg(test)]
mod tests;
