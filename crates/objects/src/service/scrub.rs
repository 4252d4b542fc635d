//! Looking for damage before somebody needs what is damaged: whether the records agree, whether every key is there, and whether
//! every stored byte is what was written, in each region. Changes nothing but the time of the last look, how far one is, and the
//! notes of what is to be healed.
//!
//! * What can only be said of all rows together ([`balance`]: counters, and that every body has one owner) is judged in one
//!   snapshot, which is read from its beginning to its end and nothing else.
//! * Everything else is judged on a walk ([`walk`]) that takes hours: page by page, each in a snapshot of its own, at the pace
//!   that is allowed, with a note now and then of how far it is. What goes away meanwhile is no damage.
//!
//! Memory does not grow with the number of objects, but with those of buckets and of unfinished uploads.

mod balance;
mod bodies;
mod keys;
mod owners;
mod rows;
mod walk;

pub use self::owners::owners;

use super::Objects;
use crate::limits::{DAMAGE_TEXT_BYTES_MAX, DAMAGES_KEPT_MAX};
use crate::records::{BucketId, BucketRecord};
use crate::{Damage, LastScrub, ObjectError, Scrub, ScrubProgress, Scrubbed, ToldDamage, Version};
use baleen_meta::keys::{KeyWriter, Table};
use baleen_meta::record::{self, first_version};
use baleen_meta::{Entry, Request};
use baleen_types::{AccountId, BucketName, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use walk::Walk;

/// Where the last scrub with bodies is told of.
fn last_scrub() -> Vec<u8> {
    KeyWriter::new(Table::System).tail("objects/scrubbed")
}

/// Where the names are of what it found.
fn told_damage() -> Vec<u8> {
    KeyWriter::new(Table::System).tail("objects/scrubbed/damage")
}

/// What the last scrub found, as far as it is kept: what is affected, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct ToldRecord {
    is_by_hand: bool,
    damages: Vec<(String, String)>,
}
first_version!(ToldRecord, "damage that the last scrub found");

impl ToldRecord {
    fn of(found: &Scrubbed, scrub: Scrub) -> Self {
        let lost = found.told.iter().filter(|damage| !damage.is_healable);
        let cut = |text: &str| text[..text.floor_char_boundary(DAMAGE_TEXT_BYTES_MAX)].to_owned();
        Self {
            is_by_hand: !scrub.goes_on,
            damages: lost
                .take(DAMAGES_KEPT_MAX)
                .map(|damage| (cut(&damage.of), cut(&damage.what)))
                .collect(),
        }
    }
}

/// Where a walk notes how far it is.
fn pass_key() -> Vec<u8> {
    KeyWriter::new(Table::System).tail("objects/scrub")
}

/// How far a walk is, and what it has found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct PassRecord {
    begun_ns: i64,
    /// Which of [`walk::STAGES`].
    stage: u8,
    /// The row that was looked at last; empty at the beginning of a stage.
    row: Vec<u8>,
    bodies: u64,
    bytes: u64,
    damages: u64,
}
first_version!(PassRecord, "pass of the scrub");

/// A bucket as a scrub knows it.
#[derive(Clone, Debug)]
struct Known {
    name: BucketName,
    owner: AccountId,
}

impl Known {
    fn of(entry: &Entry) -> Result<(BucketId, Self), ObjectError> {
        let bucket: BucketRecord = record::decode(&entry.value)?;
        let name = BucketName::parse(crate::keys::bucket_name_of(&entry.key)?).map_err(ObjectError::corrupt)?;
        let owner = bucket.owner()?;
        Ok((bucket.id, Self { name, owner }))
    }
}

/// The buckets by the ids that rows have of them.
type Buckets = HashMap<BucketId, Known>;

/// What a row is of, as people know it.
fn label(buckets: &Buckets, bucket: BucketId, key: &str, version: &Version) -> String {
    match buckets.get(&bucket) {
        Some(Known { name, .. }) => format!("{name}/{key} (version {version})"),
        None => format!("{key} (version {version}) of a bucket that is gone"),
    }
}

impl Objects {
    /// Looks whether all that is stored is whole. The store can be used meanwhile.
    ///
    /// # Errors
    /// Only what keeps it from looking: damage is an answer.
    ///
    /// # Cancel safety
    /// Dropping the future ends it at any place; with [`Scrub::goes_on`] the next one goes on about there.
    pub async fn scrub(&self, scrub: Scrub, progress: &ScrubProgress) -> Result<Scrubbed, ObjectError> {
        let mut found = Scrubbed::default();
        let (buckets, bytes) = self.balance(&mut found).await?;
        progress.expect(bytes);
        let pass = self.pass_of(scrub).await?;
        Walk::new(self, scrub, progress, buckets, pass, &mut found)
            .run()
            .await?;
        if scrub.bodies {
            let last = LastScrub {
                ended: self.clock.now(),
                damages: found.damages,
            };
            let done = Request::new().put(last_scrub(), encode(last)).delete(pass_key());
            let done = match found.damages {
                0 => done.delete(told_damage()),
                _ => done.put(told_damage(), record::encode(&ToldRecord::of(&found, scrub))?),
            };
            self.meta.commit(done).await?;
        }
        Ok(found)
    }

    /// Where to begin.
    async fn pass_of(&self, scrub: Scrub) -> Result<PassRecord, ObjectError> {
        let new = PassRecord {
            begun_ns: self.clock.now().as_nanos(),
            ..PassRecord::default()
        };
        if !scrub.goes_on {
            return Ok(new);
        }
        let noted = self.meta.get(&pass_key()).await?;
        // One that a later release wrote, or that is damaged, begins anew.
        let noted = noted.and_then(|noted| record::decode(&noted).ok());
        if let Some(noted) = noted {
            return Ok(noted);
        }
        // Noted at once: whoever asks since when no look came to its end needs a time.
        self.note_pass(&new).await?;
        Ok(new)
    }

    async fn note_pass(&self, pass: &PassRecord) -> Result<(), ObjectError> {
        let note = Request::new().put(pass_key(), record::encode(pass)?);
        self.meta.commit(note).await?;
        Ok(())
    }

    /// The last scrub that read all bodies, if there was one.
    pub async fn last_scrub(&self) -> Result<Option<LastScrub>, ObjectError> {
        self.meta.get(&last_scrub()).await?.as_deref().map(decode).transpose()
    }

    /// What the last scrub that read all bodies told of damage; of one that an earlier release did, nothing.
    pub async fn told_damage(&self) -> Result<ToldDamage, ObjectError> {
        let kept = self.meta.get(&told_damage()).await?;
        // What cannot be read was written by a later release, or is damaged: the next scrub writes it anew.
        let kept = kept.and_then(|kept| record::decode::<ToldRecord>(&kept).ok());
        let damage = |(of, what)| Damage {
            of,
            what,
            is_healable: false,
        };
        Ok(kept.map_or_else(ToldDamage::default, |kept| ToldDamage {
            is_by_hand: kept.is_by_hand,
            damages: kept.damages.into_iter().map(damage).collect(),
        }))
    }

    /// When the scrub was begun that has not come to its end, if there is one.
    pub async fn scrub_begun(&self) -> Result<Option<Timestamp>, ObjectError> {
        let noted = self.meta.get(&pass_key()).await?;
        let noted = noted.and_then(|noted| record::decode::<PassRecord>(&noted).ok());
        Ok(noted.map(|noted| Timestamp::from_nanos(noted.begun_ns)))
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
