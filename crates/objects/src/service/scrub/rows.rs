//! Whether a row agrees with those that it hangs together with, at one moment.

use super::keys::Opens;
use super::label;
use super::walk::{Owned, Walk};
use crate::keys;
use crate::records::{
    BodyRecord, BucketId, EncryptionRecord, ExtentPage, LiveExtent, MarkerRecord, NullRecord, ObjectRecord, PartRecord,
    Piece, VersionRecord,
};
use crate::service::encryption::salt_of;
use crate::{ObjectError, Version};
use baleen_meta::keys::{KeyReader, Table};
use baleen_meta::{Entry, Snapshot, record};
use bytes::Bytes;

impl Walk<'_> {
    /// Judges a row; gives its body, if it has one.
    pub(super) async fn judge(
        &mut self,
        snapshot: &Snapshot,
        table: Table,
        entry: &Entry,
    ) -> Result<Option<Owned>, ObjectError> {
        let bucket = BucketId(KeyReader::new(&entry.key, table)?.u64()?);
        self.know(snapshot, bucket).await?;
        match table {
            Table::Object => {
                let key = keys::object_key_of(&entry.key)?;
                let object: ObjectRecord = record::decode(&entry.value)?;
                let of = label(&self.buckets, bucket, key, &object.name());
                if object.is_null && snapshot.get(&keys::null_version(bucket, key)).await?.is_some() {
                    self.found
                        .tell(of.clone(), "it is the null version, and a noncurrent one is said to be");
                }
                self.object(snapshot, bucket, of, object).await.map(Some)
            }
            Table::Version => self.version(snapshot, bucket, entry).await,
            Table::DeleteMarker => self.marker(snapshot, bucket, entry).await.map(|()| None),
            _ => self.null_version(snapshot, bucket, entry).await.map(|()| None),
        }
    }

    async fn version(
        &mut self,
        snapshot: &Snapshot,
        bucket: BucketId,
        entry: &Entry,
    ) -> Result<Option<Owned>, ObjectError> {
        let (key, version) = keys::version_of(&entry.key)?;
        let row = VersionRecord::decode(&entry.value)?;
        let of = label(&self.buckets, bucket, &key, &row.name());
        if row.version() != version {
            self.found.tell(of.clone(), "it lies under the name of another version");
        }
        let current = [keys::object(bucket, &key), keys::marker(bucket, &key)];
        if !snapshot.contains_many(&current).await?.contains(&true) {
            self.found
                .tell(of.clone(), "it is noncurrent, and no version of its key is current");
        }
        if row.is_null() {
            let pointer = snapshot.get(&keys::null_version(bucket, &key)).await?;
            let pointer = pointer
                .map(|stored| record::decode::<NullRecord>(&stored))
                .transpose()?;
            if pointer.is_none_or(|pointer| pointer.version != version) {
                self.found
                    .tell(of.clone(), "it is the null version, and is not found by that name");
            }
        }
        match row {
            VersionRecord::Object(object) => self.object(snapshot, bucket, of, *object).await.map(Some),
            VersionRecord::Marker(_) => {
                self.in_a_bucket(bucket, &of);
                Ok(None)
            }
        }
    }

    async fn marker(&mut self, snapshot: &Snapshot, bucket: BucketId, entry: &Entry) -> Result<(), ObjectError> {
        let key = keys::marker_key_of(&entry.key)?;
        let marker: MarkerRecord = record::decode(&entry.value)?;
        let of = label(&self.buckets, bucket, key, &marker.name());
        self.in_a_bucket(bucket, &of);
        // Listings would show what the marker hides.
        if snapshot.get(&keys::object(bucket, key)).await?.is_some() {
            self.found
                .tell(of.clone(), "an object and a delete marker are current at once");
        }
        if marker.is_null && snapshot.get(&keys::null_version(bucket, key)).await?.is_some() {
            self.found
                .tell(of, "it is the null version, and a noncurrent one is said to be");
        }
        Ok(())
    }

    async fn null_version(&mut self, snapshot: &Snapshot, bucket: BucketId, entry: &Entry) -> Result<(), ObjectError> {
        let key = keys::null_key_of(&entry.key)?;
        let pointer: NullRecord = record::decode(&entry.value)?;
        let of = label(&self.buckets, bucket, key, &Version::Null);
        self.in_a_bucket(bucket, &of);
        let named = snapshot.get(&keys::version(bucket, key, pointer.version)).await?;
        let is_null = named.map(|stored| VersionRecord::decode(&stored)).transpose()?;
        match is_null {
            Some(row) if row.is_null() => {}
            Some(_) => self.found.tell(of, "the version that is said to be it is another one"),
            None => self.found.tell(of, "the version that is said to be it is gone"),
        }
        Ok(())
    }

    fn in_a_bucket(&mut self, bucket: BucketId, of: &str) {
        if !self.buckets.contains_key(&bucket) {
            self.found.tell(of.to_owned(), "it is in no bucket");
        }
    }

    async fn object(
        &mut self,
        snapshot: &Snapshot,
        bucket: BucketId,
        of: String,
        object: ObjectRecord,
    ) -> Result<Owned, ObjectError> {
        self.in_a_bucket(bucket, &of);
        let opens = self.opens(snapshot, bucket, &of, &object.encryption).await?;
        let stored = match &object.body {
            BodyRecord::Pieces(pieces) => {
                self.pieces(snapshot, &of, pieces, &opens).await?;
                Some(sum(pieces))
            }
            BodyRecord::Pages { id, pages } => self.pages(snapshot, &of, (*id, *pages), &opens).await?,
        };
        if let Some(stored) = stored.filter(|stored| *stored != object.size) {
            let what = format!("it has {} bytes, and its pieces {stored}", object.size);
            self.found.tell(of.clone(), what);
        }
        Ok(Owned {
            of,
            body: object.body,
            key: opens.key(),
            elsewhere: self.elsewhere(bucket).await?,
        })
    }

    /// The part of an upload, which is kept as the upload says.
    pub(super) async fn part(
        &mut self,
        snapshot: &Snapshot,
        (of, opens): (&str, &Opens),
        entry: &Entry,
    ) -> Result<Piece, ObjectError> {
        let part: PartRecord = record::decode(&entry.value)?;
        let of = format!("part {} of {of}", part.piece.part);
        self.pieces(snapshot, &of, &[part.piece], opens).await?;
        Ok(part.piece)
    }

    /// Who opens what is kept so; that nobody does is told.
    pub(super) async fn opens(
        &mut self,
        snapshot: &Snapshot,
        bucket: BucketId,
        of: &str,
        encryption: &EncryptionRecord,
    ) -> Result<Opens, ObjectError> {
        let place = (&self.buckets, bucket);
        let opens = self.openers.of(self.objects, snapshot, place, encryption).await?;
        if let Opens::Nobody(why) = &opens {
            self.found.tell(of.to_owned(), why.clone());
        }
        Ok(opens)
    }

    /// The bytes of all pieces in the pages; `None` if one is not there, which is told.
    async fn pages(
        &mut self,
        snapshot: &Snapshot,
        of: &str,
        (id, pages): ([u8; 16], u32),
        opens: &Opens,
    ) -> Result<Option<u64>, ObjectError> {
        let mut stored = 0u64;
        for page in 0..pages {
            let Some(value) = snapshot.get(&keys::extent_page(id, page)).await? else {
                let what = format!("page {page} of {pages} of its pieces is gone");
                self.found.tell(of.to_owned(), what);
                return Ok(None);
            };
            match record::decode::<ExtentPage>(&value) {
                Ok(page) => {
                    self.pieces(snapshot, of, &page.pieces, opens).await?;
                    stored = sum(&page.pieces).saturating_add(stored);
                }
                Err(error) => {
                    self.found.tell(of.to_owned(), error.to_string());
                    return Ok(None);
                }
            }
        }
        Ok(Some(stored))
    }

    /// Whether what pieces name is marked as theirs, and sealed if they are to be.
    async fn pieces(
        &mut self,
        snapshot: &Snapshot,
        of: &str,
        pieces: &[Piece],
        opens: &Opens,
    ) -> Result<(), ObjectError> {
        for piece in pieces {
            if let Err(ObjectError::Corrupt(why)) = salt_of(piece, opens.is_sealed()) {
                self.found.tell(of.to_owned(), format!("part {}: {why}", piece.part));
            }
        }
        // Of inline bodies, which may be many and are read later, only that they are there.
        let (inline, extents): (Vec<&Piece>, Vec<&Piece>) = pieces.iter().partition(|piece| piece.at.is_inline());
        let marks: Vec<_> = inline.iter().filter_map(|piece| keys::piece(&piece.at)).collect();
        let are_there = snapshot.contains_many(&marks).await?;
        let named = extents
            .into_iter()
            .filter_map(|piece| Some((piece, keys::piece(&piece.at)?)));
        let (extents, marks): (Vec<&Piece>, Vec<_>) = named.unzip();
        let stored = snapshot.get_many(&marks).await?;
        let bodies = inline.into_iter().zip(are_there).filter(|(_, is_there)| !is_there);
        let missing = bodies.map(|(piece, _)| (piece, None));
        for (piece, mark) in missing.chain(extents.into_iter().zip(stored)) {
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
}

fn sum(pieces: &[Piece]) -> u64 {
    pieces.iter().fold(0, |sum, piece| sum.saturating_add(piece.size))
}

/// Whether a mark is that of the piece; one that cannot be read is nobody's.
fn is_marked(piece: &Piece, mark: &Bytes) -> bool {
    let Some(extent) = piece.extent() else { return true };
    record::decode::<LiveExtent>(mark)
        .is_ok_and(|live| live.id == *extent.id.as_bytes() && live.length == extent.length)
}
