//! A store to test on, and short words for what tests do all the time.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

pub mod gated;
pub mod regions;
pub mod tmpfs;

use baleen_blob::{Blobs, Settings as BlobSettings};
use baleen_meta::{FjallSettings, Meta};
use baleen_objects::{
    Body, CompleteUpload, CompletedPart, CopyObject, CreateBucket, CreateUpload, Directive, Encrypt, Expect, ListEntry,
    ListObjects, ListPage, ObjectError, ObjectHeaders, ObjectVersion, Objects, OpenObject, Part, Parts, PutObject,
    PutPart, RegionFolder, Scrub, ScrubProgress, Scrubbed, Selection, Settings, Stored, Tags, UploadPath,
    WriteCondition, body_from_bytes,
};
use baleen_runtime::{ManualClock, SeededEntropy};
use baleen_sealing::{MasterKey, Sealer};
use baleen_types::{AccountId, BucketName, ObjectKey, ObjectPath, PartNumber, RegionName, Timestamp};
use bytes::Bytes;
use futures::StreamExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub const MIB: usize = 1 << 20;

/// A volume that reaches every layout with little data: inline to 4 KiB, segments to 256 KiB, files above.
pub const VOLUME: BlobSettings = BlobSettings {
    segment_bytes: 1 << 20,
    segment_body_bytes_max: 256 << 10,
    reserve_bytes: 0,
    io_jobs_max: 8,
    transfer_bytes_max: 4 << 20,
};

pub struct Store {
    pub objects: Arc<Objects>,
    pub blobs: Blobs,
    pub meta: Meta,
    pub clock: Arc<ManualClock>,
    pub dir: PathBuf,
}

/// A store on the model engine.
pub fn model(dir: &Path) -> Store {
    on(dir, Meta::open_model(), 1)
}

/// A store on the embedded engine, as in production; `seed` must differ for each opening of one folder.
pub fn durable(dir: &Path, seed: u64) -> Store {
    on(
        dir,
        Meta::open_fjall(&dir.join("meta"), FjallSettings::default()).unwrap(),
        seed,
    )
}

pub fn on(dir: &Path, meta: Meta, seed: u64) -> Store {
    with_volume(dir, meta, seed, VOLUME)
}

pub fn with_volume(dir: &Path, meta: Meta, seed: u64, volume: BlobSettings) -> Store {
    build(dir, meta, (seed, volume), sealer(), &[])
}

pub fn with_sealer(dir: &Path, meta: Meta, sealer: Arc<Sealer>) -> Store {
    build(dir, meta, (1, VOLUME), sealer, &[])
}

/// A store with other regions than `local`, which is home. They are in folders of their names.
pub fn with_regions(dir: &Path, meta: Meta, seed: u64, regions: &[&str]) -> Store {
    build(dir, meta, (seed, VOLUME), sealer(), regions)
}

/// The same in memory, with settings of its own.
pub fn with_settings(dir: &Path, settings: Settings, regions: &[&str]) -> Store {
    build_with(dir, Meta::open_model(), (1, VOLUME, settings), sealer(), regions)
}

fn build(dir: &Path, meta: Meta, (seed, volume): (u64, BlobSettings), sealer: Arc<Sealer>, regions: &[&str]) -> Store {
    build_with(dir, meta, (seed, volume, Settings::default()), sealer, regions)
}

/// Opens a volume. Where the store before was dropped a moment ago, one of its threads may still be at work there, as none of a killed process
/// is.
fn opened(folder: &Path, volume: BlobSettings, entropy: &Arc<SeededEntropy>) -> Blobs {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        match Blobs::open(folder, volume, entropy.clone()) {
            Err(baleen_blob::Error::InUse(_)) if Instant::now() < end => std::thread::sleep(Duration::from_millis(1)),
            opened => return opened.unwrap(),
        }
    }
}

fn build_with(
    dir: &Path,
    meta: Meta,
    (seed, volume, settings): (u64, BlobSettings, Settings),
    sealer: Arc<Sealer>,
    regions: &[&str],
) -> Store {
    let entropy = SeededEntropy::new(seed);
    let clock = ManualClock::new(Timestamp::from_secs(1_800_000_000));
    let blobs = opened(&dir.join("blob"), volume, &entropy);
    let parts = Parts {
        meta: meta.clone(),
        blobs: blobs.clone(),
        clock: clock.clone(),
        entropy,
        sealer,
    };
    let folder = |name: &&str| RegionFolder {
        name: RegionName::parse(name).unwrap(),
        folder: dir.join(name),
    };
    let objects = Objects::with_regions(settings, parts, regions.iter().map(folder).collect());
    Store {
        objects,
        blobs,
        meta,
        clock,
        dir: dir.join("blob"),
    }
}

/// A sealer that is the same for each opening of a store.
pub fn sealer() -> Arc<Sealer> {
    Arc::new(Sealer::new(&MasterKey::new([42; 32])))
}

pub fn account(n: u64) -> AccountId {
    AccountId::from_entropy(n)
}

pub fn bucket(name: &str) -> BucketName {
    BucketName::parse(name).unwrap()
}

pub fn at(key: &str) -> ObjectPath {
    ObjectPath {
        bucket: bucket("bucket"),
        key: ObjectKey::parse(key).unwrap(),
    }
}

pub fn number(n: u32) -> PartNumber {
    PartNumber::new(n).unwrap()
}

/// Bytes that differ for every seed and at every eighth place; eight at a time, since tests are not optimised.
pub fn pattern(length: usize, seed: usize) -> Bytes {
    let mut bytes = Vec::with_capacity(length + 8);
    for word in 0..length.div_ceil(8) as u64 {
        let word = (word + ((seed as u64) << 40)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    bytes.truncate(length);
    bytes.into()
}

/// A body in pieces of an odd size.
pub fn body(bytes: &Bytes) -> Body {
    let pieces: Vec<_> = bytes.chunks(60_001).map(|piece| Ok(bytes.slice_ref(piece))).collect();
    Box::pin(futures::stream::iter(pieces))
}

pub async fn read(body: Body) -> Result<Bytes, baleen_objects::BodyError> {
    let mut all = Vec::new();
    let mut body = body;
    while let Some(piece) = body.next().await {
        all.extend_from_slice(&piece?);
    }
    Ok(all.into())
}

pub fn put_of(key: &str, bytes: &Bytes) -> PutObject {
    PutObject {
        at: at(key),
        body: body(bytes),
        length: Some(bytes.len() as u64),
        headers: ObjectHeaders::default(),
        lock: baleen_objects::Lock::default(),
        tags: Tags::default(),
        expect: Expect::default(),
        condition: WriteCondition::None,
        acl: baleen_types::Acl::default(),
        encrypt: Encrypt::AsBucket,
    }
}

/// A copy of an object or a version with all that it has.
pub fn copy_of(source: impl Into<ObjectVersion>, to: &str) -> CopyObject {
    CopyObject {
        source: source.into(),
        source_if_match: Vec::new(),
        source_key: None,
        source_kept: None,
        to: at(to),
        headers: Directive::Copy,
        tags: Directive::Copy,
        lock: baleen_objects::Lock::default(),
        acl: baleen_types::Acl::default(),
        checksum_algorithm: None,
        condition: WriteCondition::None,
        encrypt: Encrypt::AsBucket,
    }
}

impl Store {
    /// For a store in a folder of an earlier one: as after a restart.
    pub async fn recovered(self) -> Self {
        self.objects.recover().await.unwrap();
        self
    }

    /// For a store in a new folder, which it takes into use.
    pub async fn with_bucket(self) -> Self {
        self.objects.recover().await.unwrap();
        self.make_bucket("bucket").await;
        self
    }

    pub async fn make_bucket(&self, name: &str) {
        let region = RegionName::parse("local").unwrap();
        let new = CreateBucket {
            owner: account(1),
            name: bucket(name),
            region,
            object_lock: false,
        };
        self.objects.create_bucket(new).await.unwrap();
    }

    pub async fn put(&self, key: &str, bytes: &Bytes) -> Result<Stored, ObjectError> {
        self.objects.put(put_of(key, bytes)).await
    }

    pub async fn get(&self, key: &str) -> Result<Bytes, ObjectError> {
        self.select(key, Selection::Whole).await
    }

    pub async fn select(&self, key: &str, selection: Selection) -> Result<Bytes, ObjectError> {
        let open: OpenObject = self.objects.open(&at(key), selection).await?;
        let bytes = read(open.body).await.map_err(ObjectError::Body)?;
        assert_eq!(bytes.len() as u64, open.range.length);
        Ok(bytes)
    }

    pub async fn list(
        &self,
        prefix: &str,
        delimiter: &str,
        after: Option<&str>,
        max_keys: usize,
    ) -> ListPage<(String, u64)> {
        let request = ListObjects {
            bucket: bucket("bucket"),
            prefix: prefix.into(),
            delimiter: delimiter.into(),
            after: after.map(Into::into),
            max_keys,
        };
        let row = |entry: &ListEntry<'_>| (entry.key.to_owned(), entry.size);
        self.objects.list(request, row).await.unwrap()
    }

    pub async fn keys(&self) -> Vec<String> {
        let page = self.list("", "", None, 1000).await;
        page.entries.into_iter().map(|(key, _)| key).collect()
    }

    pub async fn begin(&self, key: &str) -> UploadPath {
        let create = CreateUpload {
            initiator: None,
            at: at(key),
            headers: ObjectHeaders::default(),
            lock: baleen_objects::Lock::default(),
            tags: Tags::default(),
            checksum_algorithm: None,
            checksum_kind: None,
            acl: baleen_types::Acl::default(),
            encrypt: Encrypt::AsBucket,
        };
        self.objects.create_upload(create).await.unwrap().path
    }

    pub async fn put_part(&self, upload: &UploadPath, part: u32, bytes: &Bytes) -> Result<Part, ObjectError> {
        let request = PutPart {
            upload: upload.clone(),
            part: number(part),
            body: body(bytes),
            length: Some(bytes.len() as u64),
            expect: Expect::default(),
            key: None,
        };
        self.objects.put_part(request).await
    }

    pub async fn complete(&self, upload: &UploadPath, parts: &[Part]) -> Result<Stored, ObjectError> {
        self.objects.complete_upload(complete_of(upload, parts)).await
    }

    /// Looks through everything that is stored.
    pub async fn scrub(&self) -> Scrubbed {
        let all = Scrub {
            bodies: true,
            bytes_per_second: None,
            goes_on: false,
        };
        self.objects.scrub(all, &ScrubProgress::default()).await.unwrap()
    }

    /// The records agree with each other, and all bytes are what was written.
    pub async fn assert_whole(&self) {
        let found = self.scrub().await;
        assert_eq!(found.damages, 0, "{found:?}");
    }

    /// Waits until the volume holds no extent: everything that was deleted has been given back.
    pub async fn assert_empty_volume(&self) {
        self.assert_whole().await;
        for _ in 0..5000 {
            let usage = self.blobs.usage().unwrap();
            if usage.segment_bytes == usage.segment_bytes_free && self.own_files().is_empty() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        panic!(
            "something is still on the volume: {:?}, {:?}",
            self.blobs.usage(),
            self.own_files()
        );
    }

    pub fn own_files(&self) -> Vec<PathBuf> {
        let list = |path: PathBuf| std::fs::read_dir(path).unwrap().map(|e| e.unwrap().path());
        list(self.dir.join("files")).flat_map(list).collect()
    }
}

pub fn complete_of(upload: &UploadPath, parts: &[Part]) -> CompleteUpload {
    CompleteUpload {
        upload: upload.clone(),
        parts: parts.iter().map(listed).collect(),
        checksum: None,
        checksum_kind: None,
        size: None,
        key: None,
        condition: WriteCondition::None,
    }
}

pub fn listed(part: &Part) -> CompletedPart {
    CompletedPart {
        number: part.number,
        etag: part.etag.clone(),
        checksum: None,
    }
}

pub fn small(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

pub fn in_memory(bytes: &Bytes) -> Body {
    body_from_bytes(bytes.clone())
}
