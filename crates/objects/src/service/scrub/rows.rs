//! Whether the records of the store agree with each other.

use super::{Names, label};
use crate::keys::{self, Counted};
use crate::records::{
    BodyRecord, BucketId, BucketRecord, ExtentPage, LiveExtent, MarkerRecord, ObjectRecord, PartRecord, Piece, PieceAt,
    VersionRecord,
};
use crate::service::usage::counter_sums;
use crate::service::{Objects, Pages};
use crate::{ObjectError, Scrubbed};
use baleen_meta::keys::{KeyReader, KeyWriter, Table};
use baleen_meta::{Entry, Scan, Snapshot, record};
use baleen_types::BucketName;
use bytes::Bytes;
use std::collections::HashMap;

/// Bodies on one side of the book: how many, and the sum of their ids, which are random. Two sides that agree in both have the
/// same bodies, and no list of them is kept.
#[derive(Default, PartialEq, Eq)]
struct Book {
    bodies: u64,
    ids: u128,
}

impl Book {
    fn enter(&mut self, id: [u8; 16]) {
        self.bodies += 1;
        self.ids = self.ids.wrapping_add(u128::from_be_bytes(id));
    }
}

/// One look through the rows of a snapshot.
struct Look<'a> {
    snapshot: &'a Snapshot,
    found: &'a mut Scrubbed,
    names: Names,
    counted: HashMap<BucketId, [u64; Counted::ALL.len()]>,
    /// What records name, and what is marked as live.
    named: Book,
    marked: Book,
    bytes: u64,
}

impl Objects {
    /// Judges all rows as they are now; gives the buckets' names, and how many bytes their bodies have.
    pub(super) async fn judge_rows(&self, found: &mut Scrubbed) -> Result<(Names, u64), ObjectError> {
        let snapshot = self.meta.snapshot().await?;
        let mut look = Look {
            snapshot: &snapshot,
            found,
            names: Names::new(),
            counted: HashMap::new(),
            named: Book::default(),
            marked: Book::default(),
            bytes: 0,
        };
        for table in LOOKED_THROUGH {
            look.each(table).await?;
        }
        look.balance().await?;
        Ok((look.names, look.bytes))
    }
}

/// The id of the bucket that a row is in, by its key.
fn bucket_of(key: &[u8], table: Table) -> Result<BucketId, ObjectError> {
    Ok(BucketId(KeyReader::new(key, table)?.u64()?))
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
const PAGES_AT_ONCE: usize = 100;

/// Buckets first: what the others are in.
const LOOKED_THROUGH: [Table; 8] = [
    Table::Bucket,
    Table::Object,
    Table::Version,
    Table::DeleteMarker,
    Table::Part,
    Table::ExtentPage,
    Table::Extent,
    Table::InlineBody,
];

impl Look<'_> {
    /// Judges every row of a table; one that cannot be read is damage, and the others are looked at.
    async fn each(&mut self, table: Table) -> Result<(), ObjectError> {
        let mut scan = Scan::prefix(&KeyWriter::new(table).finish());
        scan = match table {
            // Of which one may have 60 KiB.
            Table::ExtentPage => scan.limit(PAGES_AT_ONCE),
            // Whose values are the bodies.
            Table::InlineBody => scan.limit(ROWS_AT_ONCE).keys_only(),
            _ => scan.limit(ROWS_AT_ONCE),
        };
        let mut pages = Pages::of(self.snapshot, scan);
        while let Some(page) = pages.next().await? {
            for entry in &page {
                match self.judge(table, entry).await {
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
        match table {
            Table::Bucket => self.bucket(entry).await,
            Table::Object => {
                let bucket = bucket_of(&entry.key, table)?;
                let object: ObjectRecord = record::decode(&entry.value)?;
                let of = label(&self.names, bucket, keys::object_key_of(&entry.key)?, &object.name());
                self.count(bucket, &of, &[(Counted::Objects, 1), (Counted::Bytes, object.size)]);
                self.object(&of, &object).await
            }
            Table::Version => self.version(entry).await,
            Table::DeleteMarker => self.marker(entry).await,
            Table::Part => {
                let part: PartRecord = record::decode(&entry.value)?;
                self.found.parts += 1;
                self.pieces(&format!("part {} of an upload", part.piece.part), &[part.piece])
                    .await
            }
            Table::ExtentPage => {
                let id = KeyReader::new(&entry.key, table)?.fixed()?;
                let page: ExtentPage = record::decode(&entry.value)?;
                // Those of an object are judged with it; of one that nobody names, the bodies will be found to have no owner.
                match self.snapshot.get(&keys::dead_pages(id)).await? {
                    Some(_) => {
                        self.pieces("an object that waits for the collector", &page.pieces)
                            .await
                    }
                    None => Ok(()),
                }
            }
            Table::Extent => {
                let live: LiveExtent = record::decode(&entry.value)?;
                self.marked.enter(live.id);
                Ok(())
            }
            _ => {
                self.marked.enter(KeyReader::new(&entry.key, table)?.fixed()?);
                Ok(())
            }
        }
    }

    async fn bucket(&mut self, entry: &Entry) -> Result<(), ObjectError> {
        let name = KeyReader::new(&entry.key, Table::Bucket)?.tail_str()?.to_owned();
        let bucket: BucketRecord = record::decode(&entry.value)?;
        self.found.buckets += 1;
        self.counted.insert(bucket.id, Default::default());
        let name = BucketName::parse(&name).map_err(ObjectError::corrupt)?;
        let owned = keys::bucket_by_owner(bucket.owner()?, name.as_str());
        if self.snapshot.get(&owned).await?.is_none() {
            self.found
                .tell(name.to_string(), "its owner's list of buckets lacks it");
        }
        self.names.insert(bucket.id, name);
        Ok(())
    }

    async fn version(&mut self, entry: &Entry) -> Result<(), ObjectError> {
        let bucket = bucket_of(&entry.key, Table::Version)?;
        let (key, version) = keys::version_of(&entry.key)?;
        let row = VersionRecord::decode(&entry.value)?;
        let of = label(&self.names, bucket, &key, &row.name());
        if row.version() != version {
            self.found.tell(of.clone(), "it lies under the name of another version");
        }
        let object = match row {
            VersionRecord::Marker(_) => {
                self.count(bucket, &of, &[(Counted::Markers, 1)]);
                return Ok(());
            }
            VersionRecord::Object(object) => object,
        };
        let counts = [
            (Counted::Objects, 1),
            (Counted::Bytes, object.size),
            (Counted::NoncurrentObjects, 1),
            (Counted::NoncurrentBytes, object.size),
        ];
        self.count(bucket, &of, &counts);
        self.object(&of, &object).await
    }

    async fn marker(&mut self, entry: &Entry) -> Result<(), ObjectError> {
        let bucket = bucket_of(&entry.key, Table::DeleteMarker)?;
        let key = keys::marker_key_of(&entry.key)?;
        let marker: MarkerRecord = record::decode(&entry.value)?;
        let of = label(&self.names, bucket, key, &marker.name());
        self.count(bucket, &of, &[(Counted::Markers, 1)]);
        // Listings would show what the marker hides.
        if self.snapshot.get(&keys::object(bucket, key)).await?.is_some() {
            self.found.tell(of, "an object and a delete marker are current at once");
        }
        Ok(())
    }

    fn count(&mut self, bucket: BucketId, of: &str, counts: &[(Counted, u64)]) {
        let Some(sums) = self.counted.get_mut(&bucket) else {
            self.found.tell(of.to_owned(), "it is in no bucket");
            return;
        };
        for (what, by) in counts {
            let sum = &mut sums[what.place()];
            *sum = sum.saturating_add(*by);
        }
    }

    async fn object(&mut self, of: &str, object: &ObjectRecord) -> Result<(), ObjectError> {
        self.found.objects += 1;
        let stored = match &object.body {
            BodyRecord::Pieces(pieces) => {
                self.pieces(of, pieces).await?;
                sum(pieces)
            }
            BodyRecord::Pages { id, pages } => {
                let mut stored = 0;
                for page in 0..*pages {
                    let Some(value) = self.snapshot.get(&keys::extent_page(*id, page)).await? else {
                        self.found
                            .tell(of.to_owned(), format!("page {page} of {pages} of its pieces is gone"));
                        return Ok(());
                    };
                    match record::decode::<ExtentPage>(&value) {
                        Ok(page) => {
                            self.pieces(of, &page.pieces).await?;
                            stored = sum(&page.pieces).saturating_add(stored);
                        }
                        Err(error) => {
                            self.found.tell(of.to_owned(), error.to_string());
                            return Ok(());
                        }
                    }
                }
                stored
            }
        };
        if stored != object.size {
            let what = format!("it has {} bytes, and its pieces {stored}", object.size);
            self.found.tell(of.to_owned(), what);
        }
        Ok(())
    }

    /// Whether what pieces name is marked as theirs.
    async fn pieces(&mut self, of: &str, pieces: &[Piece]) -> Result<(), ObjectError> {
        let named = pieces.iter().filter_map(|piece| Some((piece, keys::piece(&piece.at)?)));
        let (pieces, marks): (Vec<&Piece>, Vec<_>) = named.unzip();
        let stored = self.snapshot.get_many(&marks).await?;
        for (piece, mark) in pieces.into_iter().zip(stored) {
            if let Some(id) = id_of(&piece.at) {
                self.named.enter(id);
            }
            self.bytes = self.bytes.saturating_add(piece.stored_bytes());
            match mark {
                None => self
                    .found
                    .tell(of.to_owned(), format!("the body of part {} is gone", piece.part)),
                Some(mark) if !is_marked(piece, &mark) => {
                    let what = format!("where the body of part {} was, another is", piece.part);
                    self.found.tell(of.to_owned(), what);
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// What holds over all rows: the counters, and that every stored body has one owner.
    async fn balance(&mut self) -> Result<(), ObjectError> {
        if self.named != self.marked {
            let what = format!(
                "{} bodies are stored, and records name {}: some have no owner, or two",
                self.marked.bodies, self.named.bodies
            );
            self.found.tell("the store".to_owned(), what);
        }
        for (bucket, sums) in std::mem::take(&mut self.counted) {
            let name = self.names.get(&bucket).map(ToString::to_string).unwrap_or_default();
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

fn sum(pieces: &[Piece]) -> u64 {
    pieces.iter().fold(0, |sum, piece| sum.saturating_add(piece.size))
}

/// Whether a mark is that of the piece. One of an inline body is the body itself; one that cannot be read is nobody's.
fn is_marked(piece: &Piece, mark: &Bytes) -> bool {
    let Some(extent) = piece.extent() else { return true };
    record::decode::<LiveExtent>(mark)
        .is_ok_and(|live| live.id == *extent.id.as_bytes() && live.length == extent.length)
}
