//! The service: what it is made of, and what all its operations share.

mod abort;
mod acl;
mod amend;
mod buckets;
mod commit;
mod compact;
mod complete;
mod copy;
mod create_upload;
mod digester;
mod elsewhere;
mod encryption;
mod expire;
mod get;
mod history;
mod ingest;
mod lifecycle;
mod list;
mod list_uploads;
mod list_versions;
mod lock;
mod pace;
mod purge;
mod put;
mod put_part;
mod recover;
mod regions;
mod rename;
mod scrub;
mod settings;
mod space;
mod step;
mod sweep;
mod tags;
mod usage;

pub use expire::{Expired, ExpiryWitness};
pub use purge::Purged;
pub use regions::{
    HomePlace, Lack, Reconciled, RegionFolder, Unlooked, copies_of_unserved, home_was_mount, note_at_home,
};
pub use scrub::owners;
pub use sweep::Swept;

use self::lifecycle::Compiled;
use self::regions::Regions;
use crate::hasher::Gang;
use crate::keys;
use crate::records::{BucketId, BucketRecord, VersioningRecord};
use crate::{ChecksumAlgorithm, ObjectError};
use baleen_blob::{Blobs, OwnerTag};
use baleen_kms::Kms;
use baleen_meta::{Entry, Meta, Scan, Snapshot, record};
use baleen_runtime::{Clock, Entropy, Turns};
use baleen_sealing::Sealer;
use baleen_types::{BucketName, UploadId};
use baleen_usage::Usage;
use bytes::Bytes;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// The algorithm when a client names none (AWS, "Checking object integrity": CRC64NVME is the default).
const CHECKSUM_DEFAULT: ChecksumAlgorithm = ChecksumAlgorithm::Crc64Nvme;

/// Locks that writers to the same key take after they have lost a race, so that they queue instead of racing on.
const QUEUES: usize = 256;

/// How the service lays out objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Longest body that is stored in the keyspace, in the commit of its record; longer ones go to the volume. At 4 KiB
    /// one sync instead of two is worth the bytes in the index (`docs/decisions/0003-where-bytes-live.md`).
    pub inline_bytes_max: usize,
    /// What is counted of accounts, and how.
    pub usage: baleen_usage::Settings,
    /// How long the day of lifecycle rules is; less than 24 hours to try them out.
    pub lifecycle_day: Duration,
    /// Most bytes that are copied to each region in a second, home too; `None` copies as fast as the disks allow.
    pub copied_bytes_per_second: Option<NonZeroU64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            inline_bytes_max: 4096,
            usage: baleen_usage::Settings::default(),
            lifecycle_day: Duration::from_hours(24),
            copied_bytes_per_second: None,
        }
    }
}

/// What the service is built on.
pub struct Parts {
    /// Records.
    pub meta: Meta,
    /// Bytes. The volume belongs to this service alone: what its records do not name is freed.
    pub blobs: Blobs,
    /// Time, for stamps.
    pub clock: Arc<dyn Clock>,
    /// Chance, for ids.
    pub entropy: Arc<dyn Entropy>,
    /// Seals the keys of what is encrypted; [`crate::SEALED`] lists them.
    pub sealer: Arc<Sealer>,
}

/// Buckets, objects and uploads.
///
/// # Cancel safety
/// Every operation may be dropped at any point. A write that was dropped has happened wholly or not at all; which of both
/// is only known by reading, and its space is given back if it has not.
pub struct Objects {
    settings: Settings,
    meta: Meta,
    blobs: Blobs,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    sealer: Arc<Sealer>,
    kms: Arc<Kms>,
    queues: Vec<Mutex<()>>,
    usage: Arc<Usage>,
    lifecycles: Compiled,
    regions: Arc<Regions>,
    gang: Arc<Gang>,
    /// Of accounts that make buckets, of which they have so many at most.
    turns: Turns,
}

/// A bucket as it was read: its record, and the bytes of it by which a commit sees that it has not changed.
struct OpenBucket {
    id: BucketId,
    key: Vec<u8>,
    stored: Bytes,
    record: BucketRecord,
}

impl Objects {
    /// Builds the service. On a volume of an earlier run call [`Objects::recover`] before anything else, and
    /// [`Objects::sweep`] soon, and then now and then.
    pub fn new(settings: Settings, parts: Parts) -> Arc<Self> {
        Self::with_regions(settings, parts, Vec::new())
    }

    /// The same, with other regions than the one whose volume is among the parts. [`Objects::recover`] takes their folders into use,
    /// and [`Objects::reconcile`] is to be called for each and for home again and again.
    pub fn with_regions(settings: Settings, parts: Parts, regions: Vec<RegionFolder>) -> Arc<Self> {
        let kms = Kms::new(baleen_kms::Parts {
            meta: parts.meta.clone(),
            sealer: Arc::clone(&parts.sealer),
            clock: Arc::clone(&parts.clock),
            entropy: Arc::clone(&parts.entropy),
        });
        Arc::new(Self {
            settings,
            usage: Usage::new(settings.usage, parts.meta.clone(), Arc::clone(&parts.clock)),
            meta: parts.meta,
            blobs: parts.blobs,
            clock: parts.clock,
            entropy: parts.entropy,
            sealer: parts.sealer,
            kms,
            queues: (0..QUEUES).map(|_| Mutex::default()).collect(),
            lifecycles: Compiled::default(),
            regions: Regions::of(regions),
            gang: Gang::new(),
            turns: Turns::default(),
        })
    }

    /// The counters that this service keeps of the accounts whose buckets it has. They are to be flushed and folded now and
    /// then, see [`Usage::flush`] and [`Usage::fold`].
    pub fn usage(&self) -> &Arc<Usage> {
        &self.usage
    }

    /// The volume, for who copies it.
    pub fn volume(&self) -> &Blobs {
        &self.blobs
    }

    /// The named keys under which objects are encrypted.
    pub fn kms(&self) -> &Arc<Kms> {
        &self.kms
    }

    /// Reads a bucket's record.
    async fn open_bucket(&self, name: &BucketName) -> Result<OpenBucket, ObjectError> {
        let key = keys::bucket(name);
        let stored = self.meta.get(&key).await?;
        OpenBucket::new(name, key, stored)
    }

    /// A new id which sorts by time: 48 bits of milliseconds, then 80 bits of chance.
    fn new_id(&self) -> [u8; 16] {
        let mut id = self.entropy.bytes::<16>();
        let millis = (self.clock.now().as_nanos() / 1_000_000).to_be_bytes();
        id[..6].copy_from_slice(&millis[2..]);
        id
    }

    /// The lock in which losers of a race for `key` queue.
    fn queue_of(&self, key: &[u8]) -> &Mutex<()> {
        let hash = usize::try_from(crc_fast::crc32_iscsi(key)).unwrap_or_default();
        &self.queues[hash % QUEUES]
    }
}

impl OpenBucket {
    fn new(name: &BucketName, key: Vec<u8>, stored: Option<Bytes>) -> Result<Self, ObjectError> {
        let stored = stored.ok_or_else(|| ObjectError::NoSuchBucket(name.clone()))?;
        let record: BucketRecord = record::decode(&stored)?;
        Ok(Self {
            id: record.id,
            key,
            stored,
            record,
        })
    }

    /// Whether there may be other versions of a key than the current one.
    fn keeps_versions(&self) -> bool {
        self.record.versioning != VersioningRecord::Never
    }

    /// Names the owner of a blob for tools that rebuild metadata: the bucket, and the beginning of an object's or an
    /// upload's id.
    fn owner_tag(&self, id: &[u8; 16]) -> OwnerTag {
        let mut tag = *id;
        tag.copy_within(..8, 8);
        tag[..8].copy_from_slice(&self.id.0.to_be_bytes());
        OwnerTag(tag)
    }

    /// The bucket in such a name.
    fn of_owner_tag(tag: OwnerTag) -> BucketId {
        let mut id = [0; 8];
        id.copy_from_slice(&tag.0[..8]);
        BucketId(u64::from_be_bytes(id))
    }
}

/// Reads the rows of a prefix page by page, so that not all of them are in memory at once.
struct Pages<'a> {
    snapshot: &'a Snapshot,
    scan: Scan,
}

impl<'a> Pages<'a> {
    fn new(snapshot: &'a Snapshot, prefix: &[u8]) -> Self {
        Self::of(snapshot, Scan::prefix(prefix))
    }

    /// Those of a scan, in pages as long as it may be.
    fn of(snapshot: &'a Snapshot, scan: Scan) -> Self {
        Self { snapshot, scan }
    }

    /// The next page, which has something in it; `None` behind the last.
    async fn next(&mut self) -> Result<Option<Vec<Entry>>, ObjectError> {
        let page = self.snapshot.scan(self.scan.clone()).await?;
        let Some(last) = page.last() else { return Ok(None) };
        self.scan = self.scan.clone().after(last.key.to_vec());
        Ok(Some(page))
    }
}

/// Reads all entries of a range, page after page, from one snapshot.
async fn scan_all(snapshot: &Snapshot, prefix: &[u8]) -> Result<Vec<Entry>, ObjectError> {
    let mut all = Vec::new();
    let mut pages = Pages::new(snapshot, prefix);
    while let Some(page) = pages.next().await? {
        all.extend(page);
    }
    Ok(all)
}

/// The answer for an upload that is not there.
fn no_such_upload(upload: UploadId) -> ObjectError {
    ObjectError::NoSuchUpload(upload)
}
