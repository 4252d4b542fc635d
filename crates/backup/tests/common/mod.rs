//! A store on the embedded engine, with its backups.

#![allow(
    unreachable_pub,
    dead_code,
    reason = "shared by tests, each of which uses some of it"
)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use baleen_backup::{Backup, Error, Made, Number, Options, Progress, Restore, Restored, restore};
use baleen_blob::{Blobs, Settings as VolumeSettings};
use baleen_meta::{FjallSettings, Meta};
use baleen_objects::{
    CreateBucket, Encrypt, Expect, ListObjects, Lock, ObjectHeaders, Objects, Parts, PutObject, RegionFolder,
    Selection, Settings, Tags, WriteCondition, body_from_bytes,
};
use baleen_runtime::{ManualClock, SeededEntropy};
use baleen_sealing::{MasterKey, Sealer};
use baleen_types::{AccountId, Acl, BucketName, ObjectKey, ObjectPath, RegionName, Timestamp};
use bytes::Bytes;
use futures::TryStreamExt as _;
use std::path::Path;
use std::sync::Arc;

/// A volume that reaches every layout with little data.
pub const VOLUME: VolumeSettings = VolumeSettings {
    segment_bytes: 1 << 20,
    segment_body_bytes_max: 256 << 10,
    reserve_bytes: 0,
    io_jobs_max: 8,
    transfer_bytes_max: 4 << 20,
};

#[derive(Clone)]
pub struct Store {
    pub objects: Arc<Objects>,
    pub blobs: Blobs,
    pub meta: Meta,
    pub clock: Arc<ManualClock>,
    pub entropy: Arc<SeededEntropy>,
}

/// Opens the store in a folder; `seed` must differ for each opening of one store.
pub async fn open(dir: &Path, seed: u64) -> Store {
    open_in(dir, seed, Vec::new()).await
}

/// The same with other regions than home.
pub async fn open_in(dir: &Path, seed: u64, regions: Vec<RegionFolder>) -> Store {
    std::fs::create_dir_all(dir).unwrap();
    let entropy = SeededEntropy::new(seed);
    let meta = Meta::open_fjall(&dir.join("meta"), FjallSettings::default()).unwrap();
    let blobs = Blobs::open(&dir.join("blobs"), VOLUME, entropy.clone()).unwrap();
    let clock = ManualClock::new(Timestamp::from_secs(1_800_000_000));
    let parts = Parts {
        meta: meta.clone(),
        blobs: blobs.clone(),
        clock: clock.clone(),
        entropy: entropy.clone(),
        sealer: Arc::new(Sealer::new(&MasterKey::new([42; 32]))),
    };
    let objects = Objects::with_regions(Settings::default(), parts, regions);
    objects.recover().await.unwrap();
    Store {
        objects,
        blobs,
        meta,
        clock,
        entropy,
    }
}

fn bucket() -> BucketName {
    BucketName::parse("bucket").unwrap()
}

pub fn at(key: &str) -> ObjectPath {
    ObjectPath {
        bucket: bucket(),
        key: ObjectKey::parse(key).unwrap(),
    }
}

/// Bytes that differ for every seed and at every eighth place.
pub fn pattern(length: usize, seed: usize) -> Bytes {
    let mut bytes = Vec::with_capacity(length + 8);
    for word in 0..length.div_ceil(8) as u64 {
        let word = (word + ((seed as u64) << 40)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    bytes.truncate(length);
    bytes.into()
}

pub fn options(folder: &Path) -> Options {
    Options {
        folder: folder.to_owned(),
        keep: None,
        anew: false,
        master_key: None,
    }
}

pub async fn make(store: &Store, folder: &Path) -> Result<Made, Error> {
    store.backup().make(&options(folder), &Progress::default()).await
}

pub async fn restored(from: &Path, to: &Path) -> Result<Restored, Error> {
    restored_from(from, None, to).await
}

pub async fn restored_from(from: &Path, number: Option<Number>, to: &Path) -> Result<Restored, Error> {
    let wanted = wanted(from, number, to);
    restore(wanted, &Arc::default()).await
}

/// Without what is damaged in the backup.
pub async fn restored_in_part(from: &Path, to: &Path) -> Result<Restored, Error> {
    let wanted = Restore {
        skip_damaged: true,
        ..wanted(from, None, to)
    };
    restore(wanted, &Arc::default()).await
}

fn wanted(from: &Path, number: Option<Number>, to: &Path) -> Restore {
    Restore {
        from: from.to_owned(),
        number,
        to: to.to_owned(),
        skip_damaged: false,
        meta: FjallSettings::default(),
        volume: VOLUME,
    }
}

impl Store {
    pub fn backup(&self) -> Backup {
        Backup::new(baleen_backup::Parts {
            meta: self.meta.clone(),
            blobs: self.blobs.clone(),
            elsewhere: {
                let objects = Arc::clone(&self.objects);
                Arc::new(move || objects.copies())
            },
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
            release: "test".to_owned(),
        })
    }

    pub async fn with_bucket(self) -> Self {
        let new = CreateBucket {
            owner: AccountId::from_entropy(1),
            name: bucket(),
            region: RegionName::parse("local").unwrap(),
            object_lock: false,
        };
        self.objects.create_bucket(new).await.unwrap();
        self
    }

    pub async fn put(&self, key: &str, bytes: &Bytes, encrypt: Encrypt) {
        let put = PutObject {
            at: at(key),
            body: body_from_bytes(bytes.clone()),
            length: Some(bytes.len() as u64),
            headers: ObjectHeaders::default(),
            lock: Lock::default(),
            tags: Tags::default(),
            expect: Expect::default(),
            condition: WriteCondition::None,
            acl: Acl::default(),
            encrypt,
        };
        self.objects.put(put).await.unwrap();
    }

    pub async fn get(&self, key: &str) -> Bytes {
        let open = self.objects.open(&at(key), Selection::Whole).await.unwrap();
        let pieces: Vec<Bytes> = open.body.try_collect().await.unwrap();
        pieces.concat().into()
    }

    pub async fn keys(&self) -> Vec<String> {
        let all = ListObjects {
            bucket: bucket(),
            prefix: String::new(),
            delimiter: String::new(),
            after: None,
            max_keys: 1000,
        };
        let page = self.objects.list(all, |entry| entry.key.to_owned()).await.unwrap();
        page.entries
    }

    /// Waits until the volume holds no extent.
    pub async fn assert_empty_volume(&self) {
        for _ in 0..5000 {
            let usage = self.blobs.usage().unwrap();
            if usage.segment_bytes == usage.segment_bytes_free {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        panic!("something is still on the volume: {:?}", self.blobs.usage());
    }
}
