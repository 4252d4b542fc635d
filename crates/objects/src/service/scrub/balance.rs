//! What holds over all rows at one moment: that every stored body has one owner, that counters are the sums of what there is,
//! and that what hangs from something hangs from something that is there.
//!
//! The tables are read in order and hardly a row is looked up, so that the snapshot is held for a microsecond or two a row.

use super::walk::STAGES;
use super::{Buckets, Known};
use crate::keys::{self, Counted};
use crate::records::{
    BodyRecord, BucketId, BucketKeyRecord, BucketRecord, ExtentPage, LiveExtent, ObjectRecord, PartRecord, Piece,
    PieceAt, VersionRecord,
};
use crate::service::usage::counter_sums;
use crate::service::{Objects, Pages};
use crate::{ObjectError, Scrubbed};
use baleen_meta::keys::{KeyReader, KeyWriter, Table};
use baleen_meta::{Entry, Scan, Snapshot, record};
use std::collections::{HashMap, HashSet};

/// Bodies on one side of the book: how many, and the sum of their ids, which are random. Two sides that agree in both have the
/// same bodies, and no list of them is kept.
#[derive(Default, PartialEq, Eq)]
struct Book {
    entries: u64,
    ids: u128,
}

impl Book {
    fn enter(&mut self, id: [u8; 16]) {
        self.entries += 1;
        self.ids = self.ids.wrapping_add(u128::from_be_bytes(id));
    }
}

/// One look through the rows of a snapshot.
struct Look<'a> {
    objects: &'a Objects,
    snapshot: &'a Snapshot,
    found: &'a mut Scrubbed,
    buckets: Buckets,
    counted: HashMap<BucketId, [u64; Counted::ALL.len()]>,
    uploads: HashSet<[u8; 16]>,
    /// The upload whose parts are being looked at, so that a lost one is told once.
    upload: Option<[u8; 16]>,
    /// What records name, and what is marked as live.
    named: Book,
    marked: Book,
    /// The extent pages that objects name, and those that there are.
    pages_named: Book,
    pages: Book,
    bytes: u64,
}

impl Objects {
    /// Judges all rows as they are now; gives the buckets, and how many bytes the bodies have.
    pub(super) async fn balance(&self, found: &mut Scrubbed) -> Result<(Buckets, u64), ObjectError> {
        let snapshot = self.meta.snapshot().await?;
        let mut look = Look {
            objects: self,
            snapshot: &snapshot,
            found,
            buckets: Buckets::new(),
            counted: HashMap::new(),
            uploads: HashSet::new(),
            upload: None,
            named: Book::default(),
            marked: Book::default(),
            pages_named: Book::default(),
            pages: Book::default(),
            bytes: 0,
        };
        for table in LOOKED_THROUGH {
            look.each(table).await?;
        }
        look.close().await?;
        let tell = |of: String, what: String| look.found.tell(of, what);
        self.kms.judge(&snapshot, tell).await?;
        Ok((look.buckets, look.bytes))
    }
}

fn id_of(at: &PieceAt) -> Option<[u8; 16]> {
    match *at {
        PieceAt::Empty => None,
        PieceAt::Inline { id }
        | PieceAt::Segment { id, .. }
        | PieceAt::File { id }
        | PieceAt::SealedInline { id, .. }
        | PieceAt::SealedSegment { id, .. }
        | PieceAt::SealedFile { id, .. } => Some(id),
    }
}

/// Rows that are in memory at a time.
const ROWS_AT_ONCE: usize = 1000;
/// The same of extent pages, of which one may have 60 KiB.
const PAGES_AT_ONCE: usize = 100;

/// Buckets first: what the others are in. Uploads before their parts.
const LOOKED_THROUGH: [Table; 10] = [
    Table::Bucket,
    Table::BucketKey,
    Table::Object,
    Table::Version,
    Table::DeleteMarker,
    Table::Upload,
    Table::Part,
    Table::ExtentPage,
    Table::Extent,
    Table::InlineBody,
];

impl Look<'_> {
    /// Judges every row of a table; one that cannot be read is damage, if it is not told on the walk, and the others are looked
    /// at.
    async fn each(&mut self, table: Table) -> Result<(), ObjectError> {
        let mut scan = Scan::prefix(&KeyWriter::new(table).finish());
        scan = match table {
            Table::ExtentPage => scan.limit(PAGES_AT_ONCE),
            // Whose values are the bodies.
            Table::InlineBody => scan.limit(ROWS_AT_ONCE).keys_only(),
            _ => scan.limit(ROWS_AT_ONCE),
        };
        let mut pages = Pages::of(self.snapshot, scan);
        while let Some(page) = pages.next().await? {
            for entry in &page {
                match self.judge(table, entry).await {
                    Err(ObjectError::Corrupt(_)) if STAGES.contains(&table) => {}
                    Err(ObjectError::Corrupt(why)) => {
                        self.found.tell(format!("a row of {table:?}"), why.to_string());
                    }
                    judged => judged?,
                }
            }
        }
        Ok(())
    }

    async fn judge(&mut self, table: Table, entry: &Entry) -> Result<(), ObjectError> {
        let mut key = KeyReader::new(&entry.key, table)?;
        match table {
            Table::Bucket => return self.bucket(entry).await,
            Table::BucketKey => self.bucket_key(BucketId(key.u64()?), entry),
            Table::Object => {
                let bucket = BucketId(key.u64()?);
                let object: ObjectRecord = record::decode(&entry.value)?;
                self.found.objects += 1;
                self.count(bucket, &[(Counted::Objects, 1), (Counted::Bytes, object.size)]);
                self.body(&object.body);
            }
            Table::Version => {
                let bucket = BucketId(key.u64()?);
                let VersionRecord::Object(object) = VersionRecord::decode(&entry.value)? else {
                    self.count(bucket, &[(Counted::Markers, 1)]);
                    return Ok(());
                };
                self.found.objects += 1;
                let counts = [
                    (Counted::Objects, 1),
                    (Counted::Bytes, object.size),
                    (Counted::NoncurrentObjects, 1),
                    (Counted::NoncurrentBytes, object.size),
                ];
                self.count(bucket, &counts);
                self.body(&object.body);
            }
            Table::DeleteMarker => self.count(BucketId(key.u64()?), &[(Counted::Markers, 1)]),
            Table::Upload => return self.upload(BucketId(key.u64()?), entry).await,
            Table::Part => {
                let part: PartRecord = record::decode(&entry.value)?;
                let upload = key.fixed()?;
                self.found.parts += 1;
                self.pieces(&[part.piece]);
                if self.upload != Some(upload) {
                    self.upload = Some(upload);
                    if !self.uploads.contains(&upload) {
                        let of = format!("upload {}", hex::encode(upload));
                        self.found.tell(of, "it has parts, and is not there");
                    }
                }
            }
            Table::ExtentPage => {
                let id = key.fixed()?;
                let page: ExtentPage = record::decode(&entry.value)?;
                self.pieces(&page.pieces);
                if self.snapshot.get(&keys::dead_pages(id)).await?.is_none() {
                    self.pages.enter(id);
                }
            }
            Table::Extent => {
                let live: LiveExtent = record::decode(&entry.value)?;
                self.marked.enter(live.id);
            }
            _ => self.marked.enter(key.fixed()?),
        }
        Ok(())
    }

    async fn bucket(&mut self, entry: &Entry) -> Result<(), ObjectError> {
        let bucket: BucketRecord = record::decode(&entry.value)?;
        self.found.buckets += 1;
        self.counted.insert(bucket.id, Default::default());
        let (id, known) = Known::of(entry)?;
        let rows = [
            keys::bucket_by_owner(known.owner, known.name.as_str()),
            keys::bucket_key(id),
        ];
        let are_there = self.snapshot.contains_many(&rows).await?;
        if are_there.first() != Some(&true) {
            self.found
                .tell(known.name.to_string(), "its owner's list of buckets lacks it");
        }
        if bucket.has_key && are_there.last() != Some(&true) {
            let what = "its key is gone: what is encrypted in it under that key cannot be opened";
            self.found.tell(known.name.to_string(), what);
        }
        self.buckets.insert(id, known);
        Ok(())
    }

    fn bucket_key(&mut self, bucket: BucketId, entry: &Entry) {
        let Some(known) = self.buckets.get(&bucket) else {
            self.found.tell("a row of BucketKey".to_owned(), "it is of no bucket");
            return;
        };
        let of = known.name.to_string();
        if record::decode::<BucketKeyRecord>(&entry.value).is_err()
            || self.objects.open_bucket_key(bucket, &entry.value).is_err()
        {
            let what = "its key does not open: what is encrypted in it under that key cannot be opened";
            self.found.tell(of, what);
        }
    }

    async fn upload(&mut self, bucket: BucketId, entry: &Entry) -> Result<(), ObjectError> {
        let (key, upload) = keys::upload_of(&entry.key)?;
        self.uploads.insert(*upload.as_bytes());
        let is_in_one = self.counted.contains_key(&bucket);
        if !is_in_one && self.snapshot.get(&keys::dead_bucket(bucket)).await?.is_none() {
            self.found.tell(format!("an upload to {key}"), "it is in no bucket");
        }
        Ok(())
    }

    fn count(&mut self, bucket: BucketId, counts: &[(Counted, u64)]) {
        // What is in no bucket is told of by name on the walk.
        let Some(sums) = self.counted.get_mut(&bucket) else {
            return;
        };
        for (what, by) in counts {
            let sum = &mut sums[what.place()];
            *sum = sum.saturating_add(*by);
        }
    }

    fn body(&mut self, body: &BodyRecord) {
        match body {
            BodyRecord::Pieces(pieces) => self.pieces(pieces),
            BodyRecord::Pages { id, pages } => (0..*pages).for_each(|_| self.pages_named.enter(*id)),
        }
    }

    fn pieces(&mut self, pieces: &[Piece]) {
        for piece in pieces {
            if let Some(id) = id_of(&piece.at) {
                self.named.enter(id);
            }
            self.bytes = self.bytes.saturating_add(piece.stored_bytes());
        }
    }

    /// What can be said when all rows were seen.
    async fn close(&mut self) -> Result<(), ObjectError> {
        for (named, there, what) in [
            (&self.named, &self.marked, "bodies"),
            (&self.pages_named, &self.pages, "pages of pieces"),
        ] {
            if named != there {
                let what = format!(
                    "{} {what} are stored, and records name {}: some have no owner, or two",
                    there.entries, named.entries
                );
                self.found.tell("the store".to_owned(), what);
            }
        }
        for (bucket, sums) in std::mem::take(&mut self.counted) {
            let name = self.buckets.get(&bucket).map(|known| known.name.to_string());
            let name = name.unwrap_or_default();
            let kept = match counter_sums(self.snapshot, bucket).await {
                Err(ObjectError::Corrupt(why)) => {
                    self.found.tell(name, why.to_string());
                    continue;
                }
                kept => kept?,
            };
            for ((what, kept), sum) in Counted::ALL.iter().zip(kept).zip(sums) {
                if kept != i128::from(sum) {
                    let what = format!("its counter of {what:?} says {kept}, and there are {sum}");
                    self.found.tell(name.clone(), what);
                }
            }
        }
        Ok(())
    }
}
