//! The way through all rows that have a body or hang from one, page by page.

use super::bodies::Reading;
use super::keys::{Openers, Opens};
use super::{Buckets, Known, PassRecord};
use crate::keys;
use crate::records::{BodyRecord, BucketId, UploadRecord};
use crate::service::Objects;
use crate::service::elsewhere::Elsewhere;
use crate::{ObjectError, Scrub, ScrubProgress, Scrubbed};
use baleen_meta::keys::{KeyReader, KeyWriter, Table, prefix_range};
use baleen_meta::{Entry, Scan, Snapshot, record};
use baleen_sealing::blocks::BaseKey;
use std::collections::HashMap;
use std::ops::Bound;
use std::time::Duration;

/// What is walked through, in this order; the places are the format of [`PassRecord`].
pub(super) const STAGES: [Table; 5] = [
    Table::Object,
    Table::Version,
    Table::DeleteMarker,
    Table::NullVersion,
    Table::Upload,
];

/// Rows that are in memory, and judged in one snapshot, at a time.
const ROWS_AT_ONCE: usize = 256;

/// What a row costs of the bytes that may be read in a second: it takes looking up others, each somewhere else on the disk.
const ROW_COST_BYTES: u64 = 4096;

/// How often it is noted how far a walk is: so much is looked at again after a restart.
const NOTED_EVERY: Duration = Duration::from_mins(1);

/// A body that is to be read.
pub(super) struct Owned {
    /// Whose it is.
    pub(super) of: String,
    pub(super) body: BodyRecord,
    /// What opens it, if the server has that.
    pub(super) key: Option<BaseKey>,
    /// Where else it has to be.
    pub(super) elsewhere: Elsewhere,
}

/// One walk.
pub(super) struct Walk<'a> {
    pub(super) objects: &'a Objects,
    pub(super) found: &'a mut Scrubbed,
    pub(super) buckets: Buckets,
    pub(super) openers: Openers,
    elsewhere: HashMap<BucketId, Elsewhere>,
    scrub: Scrub,
    reading: Reading<'a>,
    pass: PassRecord,
    /// Damage that was not found on the walk.
    damages_before: u64,
    noted: Duration,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        objects: &'a Objects,
        scrub: Scrub,
        progress: &'a ScrubProgress,
        buckets: Buckets,
        pass: PassRecord,
        found: &'a mut Scrubbed,
    ) -> Self {
        let damages_before = found.damages;
        found.bodies += pass.bodies;
        found.bytes += pass.bytes;
        found.damages += pass.damages;
        progress.read(pass.bytes);
        Self {
            objects,
            found,
            buckets,
            openers: Openers::default(),
            elsewhere: HashMap::new(),
            scrub,
            reading: Reading::new(objects, progress, scrub.bytes_per_second),
            pass,
            damages_before,
            noted: objects.clock.monotonic(),
        }
    }

    pub(super) async fn run(mut self) -> Result<(), ObjectError> {
        while let Some(table) = STAGES.get(usize::from(self.pass.stage)) {
            self.stage(*table).await?;
            self.pass.stage += 1;
            self.pass.row = Vec::new();
        }
        Ok(())
    }

    async fn stage(&mut self, table: Table) -> Result<(), ObjectError> {
        let (mut from, to) = prefix_range(&KeyWriter::new(table).finish());
        if !self.pass.row.is_empty() {
            from = Bound::Excluded(self.pass.row.clone());
        }
        loop {
            let snapshot = self.objects.meta.snapshot().await?;
            let scan = Scan::range(from, to.clone()).limit(ROWS_AT_ONCE);
            let page = snapshot.scan(scan).await?;
            let Some(last) = page.last() else { return Ok(()) };
            from = Bound::Excluded(last.key.to_vec());
            if table == Table::Upload {
                drop(snapshot);
                self.uploads(&page).await?;
            } else {
                self.page(snapshot, table, &page).await?;
            }
            self.pass.row = last.key.to_vec();
            self.note().await?;
        }
    }

    /// Judges the rows of a page, then reads their bodies.
    async fn page(&mut self, snapshot: Snapshot, table: Table, page: &[Entry]) -> Result<(), ObjectError> {
        let mut bodies = Vec::new();
        for entry in page {
            match self.judge(&snapshot, table, entry).await {
                Err(ObjectError::Corrupt(why)) => self.found.tell(format!("a row of {table:?}"), why.to_string()),
                judged => bodies.extend(judged?),
            }
        }
        // Before what takes long.
        drop(snapshot);
        self.read(page.len(), bodies).await
    }

    async fn uploads(&mut self, page: &[Entry]) -> Result<(), ObjectError> {
        for entry in page {
            match self.parts_of(entry).await {
                Err(ObjectError::Corrupt(why)) => self.found.tell("a row of Upload".to_owned(), why.to_string()),
                judged => judged?,
            }
        }
        Ok(())
    }

    /// Looks at an upload, and at its parts page by page.
    async fn parts_of(&mut self, entry: &Entry) -> Result<(), ObjectError> {
        let bucket = BucketId(KeyReader::new(&entry.key, Table::Upload)?.u64()?);
        let (key, upload) = keys::upload_of(&entry.key)?;
        let mut scan = Scan::prefix(&keys::parts(upload)).limit(ROWS_AT_ONCE);
        let mut is_told = false;
        loop {
            let snapshot = self.objects.meta.snapshot().await?;
            // One that has ended has no parts.
            let Some(stored) = snapshot.get(&entry.key).await? else {
                return Ok(());
            };
            let record: UploadRecord = record::decode(&stored)?;
            self.know(&snapshot, bucket).await?;
            let of = match self.buckets.get(&bucket) {
                Some(known) => format!("upload {upload} to {}/{key}", known.name),
                None => format!("upload {upload} to {key}"),
            };
            let place = (&self.buckets, bucket);
            let encryption = &record.encryption;
            let opens = self.openers.of(self.objects, &snapshot, place, encryption).await?;
            if let Opens::Nobody(why) = &opens
                && !is_told
            {
                self.found.tell(of.clone(), why.clone());
                is_told = true;
            }
            let page = snapshot.scan(scan.clone()).await?;
            let mut pieces = Vec::new();
            for row in &page {
                match self.part(&snapshot, (&of, &opens), row).await {
                    Err(ObjectError::Corrupt(why)) => self.found.tell(format!("a part of {of}"), why.to_string()),
                    judged => pieces.push(judged?),
                }
            }
            drop(snapshot);
            let key = opens.key();
            let elsewhere = self.elsewhere(bucket).await?;
            let body = |piece| Owned {
                of: format!("a part of {of}"),
                body: BodyRecord::Pieces(vec![piece]),
                key: key.clone(),
                elsewhere: elsewhere.clone(),
            };
            let bodies = pieces.into_iter().map(body).collect();
            self.read(page.len() + 1, bodies).await?;
            let Some(last) = page.last() else { return Ok(()) };
            scan = scan.after(last.key.to_vec());
        }
    }

    /// Waits until it was time for so many rows, and reads the bodies.
    async fn read(&mut self, rows: usize, bodies: Vec<Owned>) -> Result<(), ObjectError> {
        self.reading.spend(rows as u64 * ROW_COST_BYTES).await;
        if self.scrub.bodies {
            self.reading.all(bodies, self.found).await?;
        }
        Ok(())
    }

    /// Takes up the buckets anew if one is met that is not known: it was made since.
    pub(super) async fn know(&mut self, snapshot: &Snapshot, bucket: BucketId) -> Result<(), ObjectError> {
        if self.buckets.contains_key(&bucket) {
            return Ok(());
        }
        let mut pages = crate::service::Pages::new(snapshot, &KeyWriter::new(Table::Bucket).finish());
        while let Some(page) = pages.next().await? {
            let known = page.iter().filter_map(|entry| Known::of(entry).ok());
            self.buckets.extend(known);
        }
        Ok(())
    }

    /// Where else the bodies of a bucket have to be; nowhere if it is gone.
    pub(super) async fn elsewhere(&mut self, bucket: BucketId) -> Result<Elsewhere, ObjectError> {
        if self.objects.regions.are_none() {
            return Ok(Elsewhere::default());
        }
        if let Some(known) = self.elsewhere.get(&bucket) {
            return Ok(known.clone());
        }
        let Some(known) = self.buckets.get(&bucket) else {
            return Ok(Elsewhere::default());
        };
        let elsewhere = match self.objects.open_bucket(&known.name).await {
            Ok(open) if open.id == bucket => self.objects.elsewhere(&open.record).await?,
            Ok(_) | Err(ObjectError::NoSuchBucket(_)) => Elsewhere::default(),
            Err(error) => return Err(error),
        };
        self.elsewhere.insert(bucket, elsewhere.clone());
        Ok(elsewhere)
    }

    async fn note(&mut self) -> Result<(), ObjectError> {
        let now = self.objects.clock.monotonic();
        if !self.scrub.goes_on || now.saturating_sub(self.noted) < NOTED_EVERY {
            return Ok(());
        }
        self.noted = now;
        self.pass.bodies = self.found.bodies;
        self.pass.bytes = self.found.bytes;
        self.pass.damages = self.found.damages - self.damages_before;
        self.objects.note_pass(&self.pass).await
    }
}
