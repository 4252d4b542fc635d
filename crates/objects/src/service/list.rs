//! Listing a bucket.

use super::Objects;
use crate::keys;
use crate::limits::LIST_KEYS_MAX;
use crate::list::fold::{Fold, Pushed};
use crate::records::{ChecksumRecord, ListedObject, ObjectRecord};
use crate::{ListEntry, ListObjects, ListPage, ObjectError};
use baleen_meta::keys::{prefix_end, prefix_range};
use baleen_meta::{Entry, Scan, record};
use baleen_types::Timestamp;
use std::ops::Bound;

/// Entries read at first where keys may be folded: most of a long read would be passed over.
const FOLDING_READ_MIN: usize = 8;

impl Objects {
    /// Lists one page of a bucket, from one snapshot. Its cost depends on the entries and common prefixes of the page, not
    /// on the bucket: a common prefix is passed over by seeking behind it. `take` makes of each object what the page is to
    /// have of it; it is given what lies in the rows that were read, since a page has a thousand of them.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`]. A page is never cut short by an error: it is whole, or there is none.
    pub async fn list<T: Send>(
        &self,
        request: ListObjects,
        mut take: impl FnMut(&ListEntry<'_>) -> T + Send,
    ) -> Result<ListPage<T>, ObjectError> {
        let bucket = self.open_bucket(&request.bucket).await?;
        let mut page = ListPage {
            entries: Vec::new(),
            common_prefixes: Vec::new(),
            next: None,
        };
        let room = request.max_keys.min(LIST_KEYS_MAX);
        if room == 0 {
            return Ok(page);
        }
        let after = request.after.as_deref().unwrap_or_default();
        let mut fold = Fold::new(&request.prefix, &request.delimiter, after, room);
        let (mut from, to) = prefix_range(&keys::object(bucket.id, &request.prefix));
        if after >= request.prefix.as_str() && !after.is_empty() {
            from = Bound::Excluded(keys::object(bucket.id, after));
        }
        let mut reads = ReadSize::new(room, &request.delimiter);
        // Keys that begin so need not be looked at.
        let mut passing: Option<String> = None;
        let snapshot = self.meta.snapshot().await?;
        'page: loop {
            let limit = reads.next();
            let entries = snapshot
                .scan(Scan::range(from.clone(), to.clone()).limit(limit))
                .await?;
            for entry in &entries {
                let key = keys::object_key_of(&entry.key)?;
                if passing.as_deref().is_some_and(|passed| key.starts_with(passed)) {
                    continue;
                }
                match fold.push(key) {
                    Pushed::Taken => page.entries.push(take(&list_entry(key, entry)?)),
                    Pushed::Folded => passing.clone_from(&fold.last),
                    Pushed::Skip(passed) => passing = Some(passed),
                    Pushed::Full => {
                        page.next.clone_from(&fold.last);
                        break 'page;
                    }
                }
            }
            let Some(last) = entries.last().filter(|_| entries.len() == limit) else {
                break;
            };
            let passed = passing.as_deref().filter(|passed| {
                // The last key read was passed over, so more of the same may follow.
                last.key.starts_with(&keys::object(bucket.id, passed))
            });
            from = match passed {
                Some(passed) => match prefix_end(&keys::object(bucket.id, passed)) {
                    Some(behind) => Bound::Included(behind),
                    None => break,
                },
                None => Bound::Excluded(last.key.to_vec()),
            };
            reads.learn(passed.is_some());
        }
        page.common_prefixes = fold.common_prefixes;
        Ok(page)
    }
}

/// How many entries to read at once: short reads while prefixes are being passed over, long ones over plain keys.
pub(super) struct ReadSize {
    next: usize,
    max: usize,
}

impl ReadSize {
    pub(super) fn new(room: usize, delimiter: &str) -> Self {
        // One more than fits, to learn whether there is more.
        let max = room + 1;
        let next = if delimiter.is_empty() {
            max
        } else {
            max.min(FOLDING_READ_MIN)
        };
        Self { next, max }
    }

    pub(super) fn next(&self) -> usize {
        self.next
    }

    pub(super) fn learn(&mut self, passed_over: bool) {
        self.next = if passed_over {
            self.next.div_ceil(2).max(2)
        } else {
            (self.next * 2).min(self.max)
        };
    }
}

fn list_entry<'r>(key: &'r str, entry: &Entry) -> Result<ListEntry<'r>, ObjectError> {
    // A page has a thousand records, of which it tells a third.
    if let Some(listed) = ListedObject::decode(&entry.value)? {
        return Ok(ListEntry {
            key,
            size: listed.size,
            etag: listed.etag.etag(),
            modified: Timestamp::from_nanos(listed.modified_ns),
            checksum: listed.checksum.map(|checksum| checksum.is_of()),
        });
    }
    let record: ObjectRecord = record::decode(&entry.value)?;
    let checksum = record.checksum.as_ref().map(ChecksumRecord::stored).transpose()?;
    Ok(ListEntry {
        key,
        size: record.size,
        etag: record.etag.etag(),
        modified: record.modified(),
        checksum: checksum.map(|stored| (stored.checksum.algorithm(), stored.kind)),
    })
}
