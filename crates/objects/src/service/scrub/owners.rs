//! Whose extents are, by the names that people know. Nothing but the records says it, so all are walked; who asks does so for what is
//! damaged alone.

use super::{Buckets, Known, label};
use crate::records::{BodyRecord, BucketId, ExtentPage, ObjectRecord, PartRecord, Piece, VersionRecord};
use crate::{ObjectError, keys};
use baleen_blob::{BlobId, Extent};
use baleen_meta::keys::{KeyReader, KeyWriter, Table};
use baleen_meta::{Entry, Meta, Scan, record};
use std::collections::{HashMap, HashSet};

/// Rows that are in memory at a time.
const ROWS_AT_ONCE: usize = 256;

/// Names what extents belong to: `bucket/key` with its version, or a part of an upload. What is nobody's any more is left out, and a row
/// that cannot be read names nothing.
///
/// # Errors
/// The keyspace cannot be read.
pub async fn owners(meta: &Meta, extents: &[Extent]) -> Result<HashMap<BlobId, String>, ObjectError> {
    let mut search = Search {
        meta,
        buckets: Buckets::new(),
        wanted: extents.iter().map(|extent| extent.id).collect(),
        found: HashMap::new(),
    };
    for table in [Table::Bucket, Table::Object, Table::Version, Table::Upload] {
        search.table(table).await?;
    }
    Ok(search.found)
}

struct Search<'a> {
    meta: &'a Meta,
    buckets: Buckets,
    /// What was not found yet.
    wanted: HashSet<BlobId>,
    found: HashMap<BlobId, String>,
}

impl Search<'_> {
    async fn table(&mut self, table: Table) -> Result<(), ObjectError> {
        let mut scan = Scan::prefix(&KeyWriter::new(table).finish()).limit(ROWS_AT_ONCE);
        while !self.wanted.is_empty() {
            let page = self.meta.scan(scan.clone()).await?;
            let Some(last) = page.last() else { break };
            scan = scan.after(last.key.to_vec());
            for entry in &page {
                match self.row(table, entry).await {
                    Err(ObjectError::Corrupt(_)) => {}
                    read => read?,
                }
            }
        }
        Ok(())
    }

    async fn row(&mut self, table: Table, entry: &Entry) -> Result<(), ObjectError> {
        if table == Table::Bucket {
            self.buckets.extend([Known::of(entry)?]);
            return Ok(());
        }
        let bucket = BucketId(KeyReader::new(&entry.key, table)?.u64()?);
        match table {
            Table::Object => {
                let object: ObjectRecord = record::decode(&entry.value)?;
                let of = label(&self.buckets, bucket, keys::object_key_of(&entry.key)?, &object.name());
                self.body(&of, &object.body).await
            }
            Table::Version => {
                let VersionRecord::Object(object) = VersionRecord::decode(&entry.value)? else {
                    return Ok(());
                };
                let (key, _) = keys::version_of(&entry.key)?;
                let of = label(&self.buckets, bucket, &key, &object.name());
                self.body(&of, &object.body).await
            }
            _ => self.parts(bucket, entry).await,
        }
    }

    async fn body(&mut self, of: &str, body: &BodyRecord) -> Result<(), ObjectError> {
        match body {
            BodyRecord::Pieces(pieces) => self.pieces(of, pieces),
            BodyRecord::Pages { id, pages } => {
                for page in 0..*pages {
                    if let Some(stored) = self.meta.get(&keys::extent_page(*id, page)).await? {
                        self.pieces(of, &record::decode::<ExtentPage>(&stored)?.pieces);
                    }
                }
            }
        }
        Ok(())
    }

    async fn parts(&mut self, bucket: BucketId, entry: &Entry) -> Result<(), ObjectError> {
        let (key, upload) = keys::upload_of(&entry.key)?;
        let of = match self.buckets.get(&bucket) {
            Some(known) => format!("a part of upload {upload} to {}/{key}", known.name),
            None => format!("a part of upload {upload} to {key}"),
        };
        let mut scan = Scan::prefix(&keys::parts(upload)).limit(ROWS_AT_ONCE);
        loop {
            let page = self.meta.scan(scan.clone()).await?;
            let Some(last) = page.last() else { return Ok(()) };
            scan = scan.after(last.key.to_vec());
            for row in &page {
                if let Ok(part) = record::decode::<PartRecord>(&row.value) {
                    self.pieces(&of, &[part.piece]);
                }
            }
        }
    }

    fn pieces(&mut self, of: &str, pieces: &[Piece]) {
        for extent in pieces.iter().filter_map(Piece::extent) {
            if self.wanted.remove(&extent.id) {
                self.found.insert(extent.id, of.to_owned());
            }
        }
    }
}
