//! Reading objects.

use super::encryption::salt_of;
use super::regions::{RegionReader, Regions};
use super::{Objects, OpenBucket};
use crate::keys;
use crate::limits::COMMIT_ATTEMPTS_MAX;
use crate::records::{
    BodyRecord, ChecksumRecord, ExtentPage, MarkerRecord, NullRecord, ObjectRecord, Piece, VersionBytes, VersionRecord,
    decode_inline,
};
use crate::{
    Body, BodyError, Checksum, ChecksumKind, CustomerKey, Encrypted, ObjectError, ObjectHead, ObjectPart,
    ObjectVersion, OpenObject, Selection, SettingKind, StoredChecksum, Tags, Version,
};
use baleen_blob::{Blobs, Extent, Pins};
use baleen_meta::{Snapshot, record};
use baleen_sealing::blocks::{BLOCK_SEALED_BYTES, BaseKey, BlockOpener, Salt, sealed_range};
use baleen_types::{Classify, ObjectPath, PartNumber, ServedRange};
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;

// A range of sealed blocks is a range of blocks of the volume.
const _: () = assert!(BLOCK_SEALED_BYTES as u64 == baleen_blob::BLOCK_BYTES);

/// A record, with the bytes by which it is seen to be there still.
#[derive(Clone)]
pub(super) struct FoundObject {
    pub(super) key: Vec<u8>,
    pub(super) stored: Bytes,
    pub(super) record: ObjectRecord,
}

/// The pieces of an object, and the pages that name them, if its record does not: as they were read, since a page may change
/// while the record stays.
#[derive(Default)]
pub(super) struct Named {
    pub(super) pieces: Vec<Piece>,
    /// Their checksums, one behind the other; none where that of the object is not made of them, or they were not kept.
    digests: Vec<u8>,
    pages: Vec<(Vec<u8>, Bytes)>,
}

impl Named {
    /// The checksum of a piece, of an object whose own is made of those of its parts.
    fn checksum(&self, at: usize, whole: Option<&StoredChecksum>) -> Result<Option<Checksum>, ObjectError> {
        let Some(whole) = whole.filter(|whole| whole.kind == ChecksumKind::Composite) else {
            return Ok(None);
        };
        let algorithm = whole.checksum.algorithm();
        let bytes = algorithm.digest_bytes();
        if self.digests.len() != bytes * self.pieces.len() {
            return Ok(None);
        }
        let digest = self.digests.chunks(bytes).nth(at).map(<[u8]>::to_vec);
        let checksum = digest.map(|digest| Checksum::new(algorithm, digest)).transpose();
        checksum.map_err(ObjectError::corrupt)
    }

    /// Puts the checksum of a part that is wanted alone into the place of the object's, which is not of these bytes (AWS,
    /// GetObject, `partNumber`).
    fn tell_of(&self, selection: Selection, mut head: ObjectHead) -> Result<ObjectHead, ObjectError> {
        let (Selection::Part(part), Some(_)) = (selection, head.parts) else {
            return Ok(head);
        };
        let at = self.pieces.iter().position(|piece| piece.part == part.get());
        let own = at.map(|at| self.checksum(at, head.checksum.as_ref())).transpose()?;
        head.checksum = own.flatten().map(|checksum| StoredChecksum {
            checksum,
            kind: ChecksumKind::Composite,
            parts: None,
        });
        Ok(head)
    }
}

/// A run of bytes of an answer.
enum Run {
    Bytes(Bytes),
    Extent(Extent, ServedRange),
    Sealed(Extent, Box<Opener>),
}

/// What is needed to open the wanted part of a piece. Its own key is made when its turn comes: there may be ten thousand.
struct Opener {
    base: BaseKey,
    salt: Salt,
    piece: Piece,
    part: ServedRange,
}

impl Opener {
    fn begin(&self) -> BlockOpener {
        let key = self.base.piece(&self.salt, self.piece.part);
        BlockOpener::new(key, self.part, self.piece.size)
    }
}

impl Objects {
    /// Tells what is known of an object, and which of its bytes a selection means: for the store itself, which may know it
    /// whoever has the key. What clients are told is told by [`Objects::head_with`].
    ///
    /// # Errors
    /// As [`Objects::open`].
    pub async fn head(
        &self,
        of: impl Into<ObjectVersion>,
        selection: Selection,
    ) -> Result<(ObjectHead, ServedRange), ObjectError> {
        self.head_if(&of.into(), selection, |_| Ok(())).await
    }

    /// As [`Objects::head`], for who has this key or none. Without the right one nothing is told, not even a range that is not.
    ///
    /// # Errors
    /// As [`Objects::open_with`].
    pub async fn head_with(
        &self,
        of: impl Into<ObjectVersion>,
        selection: Selection,
        key: Option<&CustomerKey>,
    ) -> Result<(ObjectHead, ServedRange), ObjectError> {
        self.head_if(&of.into(), selection, |kept| kept.unlock(key)).await
    }

    async fn head_if(
        &self,
        of: &ObjectVersion,
        selection: Selection,
        may_know: impl Fn(&Encrypted) -> Result<(), ObjectError> + Send,
    ) -> Result<(ObjectHead, ServedRange), ObjectError> {
        let bucket = self.open_bucket(&of.at.bucket).await?;
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            let current = self.find(&bucket, of).await?;
            let record = &current.record;
            may_know(&record.encryption.encrypted()?)?;
            let named = match selection {
                Selection::Whole | Selection::Range(_) => Some(Named::default()),
                Selection::Part(_) => self.pieces(record).await?,
            };
            if let Some(named) = named {
                let range = select(selection, record, &named.pieces)?;
                let head = self.head_of(&bucket, &of.at, current).await?;
                return Ok((named.tell_of(selection, head)?, range));
            }
        }
        Err(ObjectError::Contended)
    }

    /// Tells what is known of an object, and the parts that it was made of; none if it was put at once.
    ///
    /// # Errors
    /// As [`Objects::open_with`].
    pub async fn parts_of(
        &self,
        of: &ObjectVersion,
        key: Option<&CustomerKey>,
    ) -> Result<(ObjectHead, Vec<ObjectPart>), ObjectError> {
        let bucket = self.open_bucket(&of.at.bucket).await?;
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            let record = self.find(&bucket, of).await?.record;
            record.encryption.encrypted()?.unlock(key)?;
            let Some(named) = self.pieces(&record).await? else {
                continue;
            };
            let head = head_of(&bucket, &of.at, record)?;
            let part = |(at, piece): (usize, &Piece)| {
                Ok(ObjectPart {
                    number: PartNumber::new(u32::from(piece.part)).map_err(ObjectError::corrupt)?,
                    size: piece.size,
                    checksum: named.checksum(at, head.checksum.as_ref())?,
                })
            };
            let is_of_parts = head.parts.is_some();
            let parts = named.pieces.iter().enumerate().filter(|_| is_of_parts).map(part);
            let parts = parts.collect::<Result<Vec<_>, ObjectError>>()?;
            return Ok((head, parts));
        }
        Err(ObjectError::Contended)
    }

    /// Opens an object, or a version of it, for reading. What is read is the object as it was at this moment, also if it is
    /// overwritten or deleted meanwhile.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`], [`ObjectError::NoSuchKey`], [`ObjectError::NoSuchVersion`],
    /// [`ObjectError::DeleteMarker`], [`ObjectError::InvalidRange`], [`ObjectError::InvalidPartNumber`];
    /// [`ObjectError::Corrupt`] at once or as an item of the body: bytes that are not what was written are never given.
    ///
    /// What the body gives is counted as downloaded from the bucket's owner, when the body is dropped.
    pub async fn open(&self, of: impl Into<ObjectVersion>, selection: Selection) -> Result<OpenObject, ObjectError> {
        self.open_with(of, selection, None).await
    }

    /// As [`Objects::open`], with a customer's key.
    ///
    /// # Errors
    /// As [`Objects::open`], and before any error of the selection: [`ObjectError::KeyMissing`], [`ObjectError::KeyWrong`],
    /// [`ObjectError::KeyNotApplicable`].
    pub async fn open_with(
        &self,
        of: impl Into<ObjectVersion>,
        selection: Selection,
        key: Option<&CustomerKey>,
    ) -> Result<OpenObject, ObjectError> {
        let of = of.into();
        let bucket = self.open_bucket(&of.at.bucket).await?;
        let mut open = self.open_in(&bucket, &of, selection, key).await?;
        open.body = self.counted(open.body, &bucket)?;
        Ok(open)
    }

    /// As [`Objects::open`], for bytes that do not leave the store.
    pub(super) async fn open_uncounted(
        &self,
        of: &ObjectVersion,
        selection: Selection,
        key: Option<&CustomerKey>,
    ) -> Result<OpenObject, ObjectError> {
        let bucket = self.open_bucket(&of.at.bucket).await?;
        self.open_in(&bucket, of, selection, key).await
    }

    async fn open_in(
        &self,
        bucket: &OpenBucket,
        of: &ObjectVersion,
        selection: Selection,
        key: Option<&CustomerKey>,
    ) -> Result<OpenObject, ObjectError> {
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            let current = self.find(bucket, of).await?;
            let base = self.base_key(bucket, &current.record.encryption, key).await?;
            let Some(named) = self.pieces(&current.record).await? else {
                continue;
            };
            let range = select(selection, &current.record, &named.pieces)?;
            if let Some(body) = self.body(&current, (&named, range), base).await? {
                let head = named.tell_of(selection, self.head_of(bucket, &of.at, current).await?)?;
                return Ok(OpenObject { head, range, body });
            }
        }
        Err(ObjectError::Contended)
    }

    /// Reads the record of an object or a version.
    pub(super) async fn find(&self, bucket: &OpenBucket, of: &ObjectVersion) -> Result<FoundObject, ObjectError> {
        let (at, key) = (&of.at, of.at.key.as_str());
        let object_key = keys::object(bucket.id, key);
        let Some(version) = of.version else {
            if !bucket.keeps_versions() {
                let stored = self.meta.get(&object_key).await?;
                let stored = stored.ok_or_else(|| ObjectError::NoSuchKey(at.clone()))?;
                return found(object_key, stored);
            }
            let keys = [object_key, keys::marker(bucket.id, key)];
            let mut read = self.meta.get_many(&keys).await?.into_iter();
            let [object_key, _] = keys;
            return match (read.next().flatten(), read.next().flatten()) {
                (Some(stored), _) => found(object_key, stored),
                (None, Some(marker)) => Err(hidden_by(at, record::decode(&marker)?, false)),
                (None, None) => Err(ObjectError::NoSuchKey(at.clone())),
            };
        };
        // One moment for both tables: a version may move from one to the other.
        let snapshot = self.meta.snapshot().await?;
        if let Some(stored) = snapshot.get(&object_key).await? {
            let current = found(object_key, stored)?;
            if current.record.name() == version {
                return Ok(current);
            }
        } else if let Some(marker) = snapshot.get(&keys::marker(bucket.id, key)).await? {
            let marker: MarkerRecord = record::decode(&marker)?;
            if marker.name() == version {
                return Err(hidden_by(at, marker, true));
            }
        }
        let gone = || ObjectError::NoSuchVersion {
            at: at.clone(),
            version,
        };
        let (key, stored) = noncurrent(&snapshot, bucket, key, version).await?.ok_or_else(gone)?;
        match VersionRecord::decode(&stored)? {
            VersionRecord::Object(record) => Ok(FoundObject {
                key,
                stored,
                record: *record,
            }),
            VersionRecord::Marker(marker) => Err(hidden_by(at, marker, true)),
        }
    }

    /// What is told of an object that was found.
    pub(super) async fn head_of(
        &self,
        bucket: &OpenBucket,
        at: &ObjectPath,
        found: FoundObject,
    ) -> Result<ObjectHead, ObjectError> {
        let key = at.key.as_str();
        let is_current = bucket.record.has(SettingKind::Lifecycle) && found.key == keys::object(bucket.id, key);
        let expiry = if is_current {
            // On the heap, which costs who has rules an allocation, and nobody else the room in each future that reads.
            Box::pin(self.expiry_of(bucket, key, &found.record)).await?
        } else {
            None
        };
        Ok(ObjectHead {
            expiry,
            ..head_of(bucket, at, found.record)?
        })
    }

    /// The pieces of an object; `None` if it was removed while they were read.
    pub(super) async fn pieces(&self, object: &ObjectRecord) -> Result<Option<Named>, ObjectError> {
        let mut named = Named::default();
        let (id, pages) = match &object.body {
            BodyRecord::Pieces(pieces) => {
                named.pieces.clone_from(pieces);
                named.digests.clone_from(&object.part_digests);
                return Ok(Some(named));
            }
            BodyRecord::Pages { id, pages } => (*id, *pages),
        };
        let keys: Vec<_> = (0..pages).map(|page| keys::extent_page(id, page)).collect();
        for (key, stored) in keys.iter().zip(self.meta.get_many(&keys).await?) {
            let Some(stored) = stored else { return Ok(None) };
            let page: ExtentPage = record::decode(&stored)?;
            named.pieces.extend(page.pieces);
            named.digests.extend(page.digests);
            named.pages.push((key.clone(), stored));
        }
        Ok(Some(named))
    }

    /// Whether a record, and the pages that name its pieces, are as they were read.
    async fn is_as_read(&self, current: &FoundObject, named: &Named) -> Result<bool, ObjectError> {
        let rows = || std::iter::once((&current.key, &current.stored)).chain(named.pages.iter().map(|(k, v)| (k, v)));
        let keys: Vec<_> = rows().map(|(key, _)| key.clone()).collect();
        let now = self.meta.get_many(&keys).await?;
        Ok(rows()
            .map(|(_, stored)| Some(stored))
            .eq(now.iter().map(Option::as_ref)))
    }

    /// Prepares the bytes of a range; `None` if the object was replaced, or moved, before they could be held.
    async fn body(
        &self,
        current: &FoundObject,
        (named, range): (&Named, ServedRange),
        base: Option<BaseKey>,
    ) -> Result<Option<Body>, ObjectError> {
        let wanted = cut(&named.pieces, range);
        let extents: Vec<_> = wanted.iter().filter_map(|(piece, _)| piece.extent()).collect();
        let pins = self.blobs.pin(&extents);
        // Held first, then looked: an extent that was freed before the hold belongs to a record that is no longer there.
        if !extents.is_empty() && !self.is_as_read(current, named).await? {
            return Ok(None);
        }
        let inline_keys: Vec<_> = wanted
            .iter()
            .filter(|(piece, _)| piece.at.is_inline())
            .filter_map(|(piece, _)| keys::piece(&piece.at))
            .collect();
        let inline = if inline_keys.is_empty() {
            Vec::new()
        } else {
            self.meta.get_many(&inline_keys).await?
        };
        let mut inline = inline.into_iter();
        let mut runs = VecDeque::with_capacity(wanted.len());
        for (piece, part) in wanted {
            let salt = salt_of(&piece, base.is_some())?;
            let opener = salt.zip(base.as_ref()).map(|(salt, base)| Opener {
                base: base.clone(),
                salt,
                piece,
                part,
            });
            if let Some(extent) = piece.extent() {
                runs.push_back(match opener {
                    Some(opener) => Run::Sealed(extent, Box::new(opener)),
                    None => Run::Extent(extent, part),
                });
            } else if let Some(stored) = inline.next().flatten() {
                let bytes = inline_bytes(&stored, &piece)?;
                runs.push_back(Run::Bytes(match opener {
                    Some(opener) => opener.begin().open(&bytes).map_err(ObjectError::corrupt)?,
                    None => cut_inline(&bytes, part),
                }));
            } else {
                return Ok(None);
            }
        }
        Ok(Some(stream((&self.regions, &self.blobs), pins, runs)))
    }
}

fn found(key: Vec<u8>, stored: Bytes) -> Result<FoundObject, ObjectError> {
    let record = record::decode(&stored)?;
    Ok(FoundObject { key, stored, record })
}

/// The row of a noncurrent version.
async fn noncurrent(
    snapshot: &Snapshot,
    bucket: &OpenBucket,
    key: &str,
    version: Version,
) -> Result<Option<(Vec<u8>, Bytes)>, ObjectError> {
    let id = match version {
        Version::Id(id) => *id.as_bytes(),
        Version::Null => match noncurrent_null(snapshot, bucket, key).await? {
            Some(id) => id,
            None => return Ok(None),
        },
    };
    let key = keys::version(bucket.id, key, id);
    let Some(stored) = snapshot.get(&key).await? else {
        return Ok(None);
    };
    // The id behind a null version is nobody's business.
    let is_named = VersionRecord::decode(&stored)?.name() == version;
    Ok(is_named.then_some((key, stored)))
}

/// The id behind the null version of a key, if it is noncurrent.
pub(super) async fn noncurrent_null(
    snapshot: &Snapshot,
    bucket: &OpenBucket,
    key: &str,
) -> Result<Option<VersionBytes>, ObjectError> {
    match snapshot.get(&keys::null_version(bucket.id, key)).await? {
        Some(stored) => Ok(Some(record::decode::<NullRecord>(&stored)?.version)),
        None => Ok(None),
    }
}

fn hidden_by(at: &ObjectPath, marker: MarkerRecord, named: bool) -> ObjectError {
    ObjectError::DeleteMarker {
        at: at.clone(),
        version: marker.name(),
        modified: marker.modified(),
        named,
    }
}

/// An inline body as it is stored.
fn inline_bytes(stored: &Bytes, piece: &Piece) -> Result<Bytes, ObjectError> {
    let bytes = decode_inline(stored)?;
    if bytes.len() as u64 != piece.stored_bytes() {
        return Err(ObjectError::corrupt(
            "an inline body has another length than its record says",
        ));
    }
    Ok(bytes)
}

/// The part of an inline body that is wanted.
fn cut_inline(bytes: &Bytes, part: ServedRange) -> Bytes {
    let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX);
    bytes.slice(at(part.first)..at(part.end()))
}

/// The bytes of the runs, one after the other. The pins live as long as the stream.
fn stream((regions, blobs): (&Arc<Regions>, &Blobs), pins: Pins, runs: VecDeque<Run>) -> Body {
    struct State {
        regions: Arc<Regions>,
        blobs: Blobs,
        runs: VecDeque<Run>,
        reader: Option<RegionReader>,
        opener: Option<BlockOpener>,
        _pins: Pins,
    }
    let state = State {
        regions: Arc::clone(regions),
        blobs: blobs.clone(),
        runs,
        reader: None,
        opener: None,
        _pins: pins,
    };
    Box::pin(futures::stream::unfold(state, |mut state| async move {
        loop {
            if let Some(reader) = &mut state.reader {
                match reader.next().await {
                    Some(read) => {
                        // The volume gives whole blocks, and a sealed block is one of them.
                        let read = read.map_err(|error| BodyError::new(error.kind(), error));
                        let opened = read.and_then(|bytes| match &mut state.opener {
                            Some(opener) => opener.open(&bytes).map_err(|no| BodyError::new(no.kind(), no)),
                            None => Ok(bytes),
                        });
                        if opened.is_err() {
                            state.runs.clear();
                            state.reader = None;
                        }
                        return Some((opened, state));
                    }
                    None => state.reader = None,
                }
            }
            match state.runs.pop_front()? {
                Run::Bytes(bytes) => return Some((Ok(bytes), state)),
                Run::Extent(extent, range) => {
                    state.opener = None;
                    state.reader = Some(RegionReader::new(&state.regions, &state.blobs, extent, range));
                }
                Run::Sealed(extent, opener) => {
                    let range = sealed_range(opener.part, opener.piece.size);
                    state.opener = Some(opener.begin());
                    state.reader = Some(RegionReader::new(&state.regions, &state.blobs, extent, range));
                }
            }
        }
    }))
}

/// The pieces that a range touches, and which bytes of each. Empty ones are left out.
fn cut(pieces: &[Piece], range: ServedRange) -> Vec<(Piece, ServedRange)> {
    let mut wanted = Vec::new();
    let mut start = 0;
    for piece in pieces {
        let end = start + piece.size;
        let (first, last) = (range.first.max(start), range.end().min(end));
        if first < last {
            let part = ServedRange {
                first: first - start,
                length: last - first,
            };
            wanted.push((*piece, part));
        }
        start = end;
    }
    wanted
}

/// Which bytes a selection means; the pieces matter only for one of a part.
fn select(selection: Selection, object: &ObjectRecord, pieces: &[Piece]) -> Result<ServedRange, ObjectError> {
    match selection {
        Selection::Whole => Ok(ServedRange::whole(object.size)),
        Selection::Range(range) => range
            .resolve(object.size)
            .ok_or(ObjectError::InvalidRange { size: object.size }),
        Selection::Part(part) => part_range(part, pieces),
    }
}

fn part_range(part: PartNumber, pieces: &[Piece]) -> Result<ServedRange, ObjectError> {
    let index = pieces.iter().position(|piece| piece.part == part.get());
    let index = index.ok_or(ObjectError::InvalidPartNumber { part })?;
    Ok(ServedRange {
        first: pieces[..index].iter().map(|piece| piece.size).sum(),
        length: pieces[index].size,
    })
}

/// What a record says to the outside; when it expires is said by the bucket's rules.
pub(super) fn head_of(bucket: &OpenBucket, at: &ObjectPath, record: ObjectRecord) -> Result<ObjectHead, ObjectError> {
    Ok(ObjectHead {
        at: at.clone(),
        version: bucket.keeps_versions().then(|| record.name()),
        size: record.size,
        etag: record.etag.etag(),
        modified: record.modified(),
        checksum: record.checksum.as_ref().map(ChecksumRecord::stored).transpose()?,
        parts: record.etag.parts,
        headers: record.headers.into(),
        tags: Tags::stored(record.tags),
        acl: record.acl.acl()?,
        lock: record.lock.into(),
        encrypted: record.encryption.encrypted()?,
        expiry: None,
    })
}
