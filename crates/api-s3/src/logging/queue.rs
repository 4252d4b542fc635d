//! Lines that wait to be delivered.

use std::collections::BTreeMap;
use std::sync::Arc;

use baleen_types::BucketName;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::limits::{LOG_BYTES_WAITING_MAX, LOG_BYTES_WAKING};

/// What a bucket costs in the queue besides its lines.
const BUCKET_BYTES: usize = 256;

/// Lines in memory, by the bucket that they are about.
#[derive(Default)]
pub(crate) struct LogQueue {
    waiting: Mutex<Waiting>,
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
        self.add(bucket, lines, |waiting| waiting.push_str(lines));
    }

    /// Puts lines that were taken back before those that have come since.
    pub(crate) fn give_back(&self, bucket: &BucketName, lines: &str) {
        self.add(bucket, lines, |waiting| waiting.insert_str(0, lines));
    }

    fn add(&self, bucket: &BucketName, lines: &str, add: impl FnOnce(&mut String)) {
        let mut waiting = self.waiting.lock();
        let room = if waiting.lines.contains_key(bucket) {
            lines.len()
        } else {
            lines.len() + BUCKET_BYTES
        };
        if waiting.bytes + room > LOG_BYTES_WAITING_MAX {
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
    }
}
