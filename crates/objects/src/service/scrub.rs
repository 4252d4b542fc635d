//! Looking for damage before somebody needs what is damaged: whether the records agree, and whether every stored byte is what
//! was written. Changes nothing but the time of the last look.
//!
//! The records are judged in one snapshot, where nothing moves. The bytes take hours, and no snapshot is held that long: rows
//! are read anew, page by page, and what goes away meanwhile is no damage. Memory does not grow with the number of objects,
//! but with that of buckets.

mod bodies;
mod rows;

use super::Objects;
use crate::records::BucketId;
use crate::{LastScrub, ObjectError, Scrub, ScrubProgress, Scrubbed, Version};
use baleen_meta::Request;
use baleen_meta::keys::{KeyWriter, Table};
use baleen_types::{BucketName, Timestamp};
use std::collections::HashMap;

/// Where the last scrub with bodies is told of.
fn last_scrub() -> Vec<u8> {
    KeyWriter::new(Table::System).tail("objects/scrubbed")
}

/// The buckets by the ids that rows have of them.
type Names = HashMap<BucketId, BucketName>;

/// What a row is of, as people know it.
fn label(names: &Names, bucket: BucketId, key: &str, version: &Version) -> String {
    match names.get(&bucket) {
        Some(name) => format!("{name}/{key} (version {version})"),
        None => format!("{key} (version {version}) of a bucket that is gone"),
    }
}

impl Objects {
    /// Looks whether all that is stored is whole. The store can be used meanwhile.
    ///
    /// # Errors
    /// Only what keeps it from looking: damage is an answer. Dropping the future ends it at any place.
    pub async fn scrub(&self, scrub: Scrub, progress: &ScrubProgress) -> Result<Scrubbed, ObjectError> {
        let mut found = Scrubbed::default();
        let (names, bytes) = self.judge_rows(&mut found).await?;
        progress.expect(bytes);
        if scrub.bodies {
            self.read_bodies(scrub, progress, &names, &mut found).await?;
            let last = LastScrub {
                ended: self.clock.now(),
                damages: found.damages,
            };
            self.meta.commit(Request::new().put(last_scrub(), encode(last))).await?;
        }
        Ok(found)
    }

    /// The last scrub that read all bodies, if there was one.
    pub async fn last_scrub(&self) -> Result<Option<LastScrub>, ObjectError> {
        self.meta.get(&last_scrub()).await?.as_deref().map(decode).transpose()
    }
}

fn encode(last: LastScrub) -> Vec<u8> {
    [last.ended.as_nanos().to_be_bytes(), last.damages.to_be_bytes()].concat()
}

fn decode(value: &[u8]) -> Result<LastScrub, ObjectError> {
    let numbers = value
        .split_first_chunk()
        .and_then(|(ended, rest)| Some((ended, rest.try_into().ok()?)));
    let (ended, damages) =
        numbers.ok_or_else(|| ObjectError::corrupt("the last scrub is not told of as it should be"))?;
    Ok(LastScrub {
        ended: Timestamp::from_nanos(i64::from_be_bytes(*ended)),
        damages: u64::from_be_bytes(damages),
    })
}
