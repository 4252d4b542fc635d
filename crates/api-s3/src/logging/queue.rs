//! Lines that wait to be delivered.

use std::collections::BTreeMap;
use std::sync::Arc;

use baleen_types::{AccountId, BucketName};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::limits::{LOG_BYTES_WAITING_MAX, LOG_BYTES_WAKING};

/// What a bucket costs in the queue besides its lines.
const BUCKET_BYTES: usize = 256;

/// Buckets of which it is remembered that they log.
const KNOWN_MAX: usize = 1024;

/// Lines in memory, by the bucket that they are about.
#[derive(Default)]
pub(crate) struct LogQueue {
    waiting: Mutex<Waiting>,
    /// Buckets that logged a request lately, and their owners. What the edge refuses is refused without asking the store, which
    /// would be work for nobody; so these are the buckets of which it leaves a line.
    known: Mutex<BTreeMap<BucketName, AccountId>>,
    /// Told when there is much.
    much: Arc<Notify>,
}

#[derive(Default)]
struct Waiting {
    lines: BTreeMap<BucketName, String>,
    bytes: usize,
}

impl LogQueue {
    pub(crate) fn much(&self) -> &Arc<Notify> {
        &self.much
    }

    /// Adds lines behind those that wait. What does not fit is left out.
    pub(crate) fn push(&self, bucket: &BucketName, lines: &str) {
        self.add(bucket, lines, LOG_BYTES_WAITING_MAX, |waiting| {
            waiting.push_str(lines);
        });
    }

    /// The same of a request that nobody was believed to send: a fourth of the room is for these, so that who has no key pushes
    /// out no line of who has.
    pub(crate) fn push_refused(&self, bucket: &BucketName, lines: &str) {
        self.add(bucket, lines, LOG_BYTES_WAITING_MAX / 4, |waiting| {
            waiting.push_str(lines);
        });
    }

    /// Notes that a bucket logs.
    pub(crate) fn know(&self, bucket: &BucketName, owner: AccountId) {
        let mut known = self.known.lock();
        if known.contains_key(bucket) {
            return;
        }
        if known.len() >= KNOWN_MAX {
            known.pop_first();
        }
        known.insert(bucket.clone(), owner);
    }

    /// Forgets that it does.
    pub(crate) fn forget(&self, bucket: &BucketName) {
        self.known.lock().remove(bucket);
    }

    /// The owner of a bucket that is known to log.
    pub(crate) fn known(&self, bucket: &BucketName) -> Option<AccountId> {
        self.known.lock().get(bucket).copied()
    }

    /// Puts lines that were taken back before those that have come since.
    pub(crate) fn give_back(&self, bucket: &BucketName, lines: &str) {
        self.add(bucket, lines, LOG_BYTES_WAITING_MAX, |waiting| {
            waiting.insert_str(0, lines);
        });
    }

    fn add(&self, bucket: &BucketName, lines: &str, most: usize, add: impl FnOnce(&mut String)) {
        let mut waiting = self.waiting.lock();
        let room = if waiting.lines.contains_key(bucket) {
            lines.len()
        } else {
            lines.len() + BUCKET_BYTES
        };
        if waiting.bytes + room > most {
            drop(waiting);
            left_out(lines);
            return;
        }
        waiting.bytes += room;
        add(waiting.lines.entry(bucket.clone()).or_default());
        if waiting.bytes >= LOG_BYTES_WAKING {
            self.much.notify_one();
        }
    }

    /// Takes all that waits.
    pub(crate) fn take(&self) -> BTreeMap<BucketName, String> {
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

    #[test]
    fn lines_wait_in_their_order_and_not_more_than_fit() {
        let (a, b) = (BucketName::parse("aaa").unwrap(), BucketName::parse("bbb").unwrap());
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
        let all: Vec<_> = queue.take().into_iter().collect();
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
        let bytes: usize = queue.take().values().map(String::len).sum();
        assert!(bytes <= LOG_BYTES_WAITING_MAX && bytes + 2 * line.len() > LOG_BYTES_WAITING_MAX);
        queue.push(&b, "there is room again\n");
        assert_eq!(queue.take().len(), 1);
        for _ in 0..100 {
            queue.push_refused(&a, &line);
        }
        queue.push(&b, &line);
        let taken = queue.take();
        assert!(taken[&a].len() <= LOG_BYTES_WAITING_MAX / 4 && taken[&b].len() == line.len());
    }

    #[test]
    fn so_many_buckets_are_known_to_log() {
        let queue = LogQueue::default();
        let name = |number: usize| BucketName::parse(format!("bucket-{number:05}").as_str()).unwrap();
        let owner = AccountId::from_entropy(1);
        for number in 0..=KNOWN_MAX {
            queue.know(&name(number), owner);
        }
        assert_eq!(
            (queue.known(&name(0)), queue.known(&name(KNOWN_MAX))),
            (None, Some(owner))
        );
        queue.forget(&name(KNOWN_MAX));
        assert_eq!(queue.known(&name(KNOWN_MAX)), None);
    }
}
