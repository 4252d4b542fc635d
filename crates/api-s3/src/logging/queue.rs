//! Lines that wait to be delivered.

use std::collections::BTreeMap;
use std::sync::Arc;

use baleen_objects::Bucket;
use baleen_types::{AccountId, BucketName, Timestamp};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::limits::{LOG_BYTES_REFUSED_MAX, LOG_BYTES_WAITING_MAX, LOG_BYTES_WAKING};

/// What a bucket costs in the queue besides its lines.
const BUCKET_BYTES: usize = 256;

/// Buckets of which it is remembered that they log.
const KNOWN_MAX: usize = 1024;

/// A bucket that logs. One that has its name later is another, and gets none of its lines.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Source {
    pub(crate) name: BucketName,
    pub(crate) owner: AccountId,
    pub(crate) created: Timestamp,
}

impl Source {
    pub(crate) fn of(bucket: &Bucket) -> Self {
        Self {
            name: bucket.name.clone(),
            owner: bucket.owner,
            created: bucket.created,
        }
    }
}

/// Lines that wait, of one bucket.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Lines {
    pub(crate) text: String,
    /// Bytes of it that are of requests which the edge refused.
    refused: usize,
}

/// Lines in memory, by the bucket that they are about.
#[derive(Default)]
pub(crate) struct LogQueue {
    waiting: Mutex<Waiting>,
    /// Buckets that logged a request lately. What the edge refuses is refused without asking the store, which would be work for
    /// nobody; so these are the buckets of which it leaves a line.
    known: Mutex<BTreeMap<BucketName, Source>>,
    /// Told when there is much.
    much: Arc<Notify>,
}

#[derive(Default)]
struct Waiting {
    lines: BTreeMap<Source, Lines>,
    bytes: usize,
    /// Of these, what the edge refused.
    refused: usize,
}

impl Waiting {
    /// The lines of a bucket, with room made for more; `None` if there is not so much below `most`.
    fn room(&mut self, source: &Source, bytes: usize, most: usize) -> Option<&mut Lines> {
        let room = if self.lines.contains_key(source) {
            bytes
        } else {
            bytes + BUCKET_BYTES
        };
        if self.bytes + room > most {
            return None;
        }
        self.bytes += room;
        Some(self.lines.entry(source.clone()).or_default())
    }
}

impl LogQueue {
    pub(crate) fn much(&self) -> &Arc<Notify> {
        &self.much
    }

    /// Adds lines behind those that wait. What does not fit is left out.
    pub(crate) fn push(&self, source: &Source, lines: &str) {
        let mut waiting = self.waiting.lock();
        match waiting.room(source, lines.len(), LOG_BYTES_WAITING_MAX) {
            Some(there) => there.text.push_str(lines),
            None => left_out(lines),
        }
        if waiting.bytes - waiting.refused >= LOG_BYTES_WAKING {
            self.much.notify_one();
        }
    }

    /// The same of a request that nobody was believed to send: a fourth of the room is for these, so that who has no key pushes
    /// out no line of who has; of each bucket so many between two deliveries, and they hasten none, so that strangers do not fill
    /// the target of its log.
    pub(crate) fn push_refused(&self, source: &Source, lines: &str) {
        let mut waiting = self.waiting.lock();
        let before = waiting.lines.get(source).map_or(0, |there| there.refused);
        let room = if before + lines.len() <= LOG_BYTES_REFUSED_MAX {
            waiting.room(source, lines.len(), LOG_BYTES_WAITING_MAX / 4)
        } else {
            None
        };
        let Some(there) = room else {
            left_out(lines);
            return;
        };
        there.text.push_str(lines);
        there.refused += lines.len();
        waiting.refused += lines.len();
    }

    /// Notes that a bucket logs, which may have the name of another that did.
    pub(crate) fn know(&self, source: &Source) {
        let mut known = self.known.lock();
        if let Some(there) = known.get_mut(&source.name) {
            there.clone_from(source);
            return;
        }
        if known.len() >= KNOWN_MAX {
            known.pop_first();
        }
        known.insert(source.name.clone(), source.clone());
    }

    /// Forgets that it does.
    pub(crate) fn forget(&self, source: &Source) {
        let mut known = self.known.lock();
        if known.get(&source.name) == Some(source) {
            known.remove(&source.name);
        }
    }

    /// The bucket of a name that is known to log.
    pub(crate) fn known(&self, bucket: &BucketName) -> Option<Source> {
        self.known.lock().get(bucket).cloned()
    }

    /// Puts lines that were taken back before those that have come since. They hasten no delivery: one has just failed.
    pub(crate) fn give_back(&self, source: &Source, lines: &Lines) {
        let mut waiting = self.waiting.lock();
        let Some(there) = waiting.room(source, lines.text.len(), LOG_BYTES_WAITING_MAX) else {
            left_out(&lines.text);
            return;
        };
        there.text.insert_str(0, &lines.text);
        there.refused += lines.refused;
        waiting.refused += lines.refused;
    }

    /// Takes all that waits.
    pub(crate) fn take(&self) -> BTreeMap<Source, Lines> {
        std::mem::take(&mut *self.waiting.lock()).lines
    }
}

/// Counts records that nobody will get.
pub(crate) fn left_out(lines: &str) {
    let records = lines.bytes().filter(|byte| *byte == b'\n').count();
    metrics::counter!("baleen_bucket_log_left_out_total").increment(records as u64);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(name: &str) -> Source {
        Source {
            name: BucketName::parse(name).unwrap(),
            owner: AccountId::from_entropy(1),
            created: Timestamp::from_secs(1),
        }
    }

    #[test]
    fn lines_wait_in_their_order_and_not_more_than_fit() {
        let (a, b) = (source("aaa"), source("bbb"));
        let queue = LogQueue::default();
        for line in ["1\n", "2\n"] {
            queue.push(&a, line);
        }
        let taken = queue.take();
        queue.push(&a, "3\n");
        queue.push(&b, "4\n");
        for (bucket, lines) in &taken {
            queue.give_back(bucket, lines);
        }
        let all: Vec<_> = queue.take().into_iter().map(|(of, lines)| (of, lines.text)).collect();
        assert_eq!(
            all,
            [(a.clone(), "1\n2\n3\n".to_owned()), (b.clone(), "4\n".to_owned())]
        );
        assert!(queue.take().is_empty());
        let line = "x".repeat(1 << 20);
        for _ in 0..100 {
            queue.push(&a, &line);
        }
        queue.push(&b, &line);
        let bytes: usize = queue.take().values().map(|lines| lines.text.len()).sum();
        assert!(bytes <= LOG_BYTES_WAITING_MAX && bytes + 2 * line.len() > LOG_BYTES_WAITING_MAX);
        queue.push(&b, "there is room again\n");
        assert_eq!(queue.take().len(), 1);
    }

    /// Whether a delivery was asked for, once.
    fn is_woken(queue: &LogQueue) -> bool {
        use futures::FutureExt as _;
        queue.much().notified().now_or_never().is_some()
    }

    #[test]
    fn what_is_refused_is_little_and_hastens_nothing() {
        let queue = LogQueue::default();
        let line = "x".repeat(64 << 10);
        let refused = |of: &Source| (0..17).for_each(|_| queue.push_refused(of, &line));
        let many: Vec<_> = (0..40).map(|number| source(&format!("many-{number}"))).collect();
        // Each has its own room, and all together a fourth.
        refused(&many[0]);
        refused(&many[1]);
        let taken = queue.take();
        let bytes: Vec<_> = taken.values().map(|lines| lines.text.len()).collect();
        assert_eq!(bytes, [LOG_BYTES_REFUSED_MAX; 2]);
        // What could not be delivered counts on.
        for (of, lines) in &taken {
            queue.give_back(of, lines);
        }
        many.iter().for_each(refused);
        assert!(!is_woken(&queue));
        queue.push(&many[39], "one of who was believed does not wake for them\n");
        assert!(!is_woken(&queue));
        for _ in 0..LOG_BYTES_WAKING / line.len() {
            queue.push(&many[39], &line);
        }
        assert!(is_woken(&queue));
        let taken = queue.take();
        let refused: Vec<_> = taken.values().map(|lines| lines.refused).collect();
        assert!(refused.iter().all(|bytes| *bytes <= LOG_BYTES_REFUSED_MAX));
        assert!(refused.iter().sum::<usize>() <= LOG_BYTES_WAITING_MAX / 4);
        // A store that fails is not asked again and again.
        for (of, lines) in &taken {
            queue.give_back(of, lines);
        }
        assert!(!is_woken(&queue));
    }

    #[test]
    fn so_many_buckets_are_known_to_log() {
        let queue = LogQueue::default();
        let numbered = |number: usize| source(&format!("bucket-{number:05}"));
        for number in 0..=KNOWN_MAX {
            queue.know(&numbered(number));
        }
        let (first, last) = (numbered(0), numbered(KNOWN_MAX));
        assert_eq!(
            (queue.known(&first.name), queue.known(&last.name)),
            (None, Some(last.clone()))
        );
        // The newer of a name takes the place of the older, and is not forgotten with it.
        for (owner, created) in [(2, 1), (2, 2)] {
            let newer = Source {
                owner: AccountId::from_entropy(owner),
                created: Timestamp::from_secs(created),
                ..last.clone()
            };
            queue.know(&newer);
            queue.forget(&last);
            assert_eq!(queue.known(&last.name), Some(newer));
        }
        queue.know(&last);
        queue.forget(&last);
        assert_eq!(queue.known(&last.name), None);
    }
}
