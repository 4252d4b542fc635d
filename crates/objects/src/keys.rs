//! Keys of this crate's tables; their components are listed in `baleen_meta::keys::Table`.

use crate::SettingKind;
use crate::records::{BucketId, LiveExtent, PieceAt, VersionBytes};
use baleen_blob::{BlobId, Extent, Place};
use baleen_meta::CommitterId;
use baleen_meta::keys::{KeyReader, KeyWriter, Table};
use baleen_types::{AccountId, BucketName, ObjectKey, PartNumber, UploadId};

/// What a bucket's counters count.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Counted {
    /// Versions that are objects, current or not.
    Objects = 1,
    /// The sum of their sizes.
    Bytes = 2,
    /// Those of them which are not current.
    NoncurrentObjects = 3,
    /// The sum of their sizes.
    NoncurrentBytes = 4,
    /// Delete markers, current or not.
    Markers = 5,
}

impl Counted {
    pub(crate) const ALL: [Self; 5] = [
        Self::Objects,
        Self::Bytes,
        Self::NoncurrentObjects,
        Self::NoncurrentBytes,
        Self::Markers,
    ];

    /// Where it is in [`Counted::ALL`]: their numbers are stored, and begin at 1.
    pub(crate) const fn place(self) -> usize {
        self as usize - 1
    }
}

pub(crate) fn bucket(name: &BucketName) -> Vec<u8> {
    KeyWriter::new(Table::Bucket).tail(name.as_str())
}

/// The name in the key of a bucket's record.
pub(crate) fn bucket_name_of(key: &[u8]) -> Result<&str, baleen_meta::Error> {
    KeyReader::new(key, Table::Bucket)?.tail_str()
}

/// With an empty name, the prefix of all buckets of the owner.
pub(crate) fn bucket_by_owner(owner: AccountId, name: &str) -> Vec<u8> {
    KeyWriter::new(Table::BucketByOwner).u64(owner.as_u64()).tail(name)
}

/// With a beginning of a key, the prefix of all that begin so.
pub(crate) fn object(bucket: BucketId, key: &str) -> Vec<u8> {
    KeyWriter::new(Table::Object).u64(bucket.0).tail(key)
}

/// The object key in the key of an object's record.
pub(crate) fn object_key_of(key: &[u8]) -> Result<&str, baleen_meta::Error> {
    tail_in_bucket(key, Table::Object)
}

/// The delete marker that is current at a key; with a beginning of a key, the prefix of all that begin so.
pub(crate) fn marker(bucket: BucketId, key: &str) -> Vec<u8> {
    KeyWriter::new(Table::DeleteMarker).u64(bucket.0).tail(key)
}

/// The object key in the key of a current delete marker.
pub(crate) fn marker_key_of(key: &[u8]) -> Result<&str, baleen_meta::Error> {
    tail_in_bucket(key, Table::DeleteMarker)
}

/// The object key in the key of a table that has one row for each at most.
fn tail_in_bucket(key: &[u8], table: Table) -> Result<&str, baleen_meta::Error> {
    let mut reader = KeyReader::new(key, table)?;
    reader.u64()?;
    reader.tail_str()
}

/// The prefix of all rows whose text begins so. Without the terminator, the escaped text is the prefix of all that it is a
/// prefix of.
fn open_ended(mut whole_text: Vec<u8>) -> Vec<u8> {
    whole_text.pop();
    whole_text
}

/// A noncurrent version. Newer ones come first.
pub(crate) fn version(bucket: BucketId, key: &str, version: VersionBytes) -> Vec<u8> {
    KeyWriter::new(Table::Version)
        .u64(bucket.0)
        .text(key)
        .fixed(&version.map(|byte| !byte))
        .finish()
}

/// The prefix of all noncurrent versions of a key.
pub(crate) fn versions_of(bucket: BucketId, key: &str) -> Vec<u8> {
    KeyWriter::new(Table::Version).u64(bucket.0).text(key).finish()
}

/// The prefix of all noncurrent versions of keys that begin so.
pub(crate) fn versions(bucket: BucketId, key_prefix: &str) -> Vec<u8> {
    open_ended(versions_of(bucket, key_prefix))
}

/// Object key and version in the key of a noncurrent version.
pub(crate) fn version_of(key: &[u8]) -> Result<(String, VersionBytes), baleen_meta::Error> {
    let mut reader = KeyReader::new(key, Table::Version)?;
    reader.u64()?;
    Ok((reader.string()?, reader.fixed::<16>()?.map(|byte| !byte)))
}

/// Where the null version of a key is, if it is noncurrent.
pub(crate) fn null_version(bucket: BucketId, key: &str) -> Vec<u8> {
    KeyWriter::new(Table::NullVersion).u64(bucket.0).tail(key)
}

/// The object key in the key of such a pointer.
pub(crate) fn null_key_of(key: &[u8]) -> Result<&str, baleen_meta::Error> {
    tail_in_bucket(key, Table::NullVersion)
}

/// What of public access to all buckets of an account is blocked.
pub(crate) fn account_block(account: AccountId) -> Vec<u8> {
    KeyWriter::new(Table::System).tail(format!("objects/public access block/{account}"))
}

/// A setting of a bucket.
pub(crate) fn setting(bucket: BucketId, kind: SettingKind) -> Vec<u8> {
    KeyWriter::new(Table::BucketSetting)
        .u64(bucket.0)
        .u8(kind as u8)
        .finish()
}

/// The key of which those of the bucket's objects are derived.
pub(crate) fn bucket_key(bucket: BucketId) -> Vec<u8> {
    KeyWriter::new(Table::BucketKey).u64(bucket.0).finish()
}

pub(crate) fn counter(bucket: BucketId, committer: CommitterId, what: Counted) -> Vec<u8> {
    KeyWriter::new(Table::Counter)
        .u64(bucket.0)
        .u32(committer.0)
        .u8(what as u8)
        .finish()
}

/// The prefix of a bucket's counters, of all committers.
pub(crate) fn counters(bucket: BucketId) -> Vec<u8> {
    KeyWriter::new(Table::Counter).u64(bucket.0).finish()
}

/// What is counted under the key of a counter.
pub(crate) fn counted(key: &[u8]) -> Result<u8, baleen_meta::Error> {
    let mut reader = KeyReader::new(key, Table::Counter)?;
    reader.u64()?;
    reader.u32()?;
    reader.u8()
}

/// Where the bytes of a piece are told of: its inline body, or the mark that its extent is live. Nothing for an empty one.
pub(crate) fn piece(at: &PieceAt) -> Option<Vec<u8>> {
    match *at {
        PieceAt::Empty => None,
        PieceAt::Inline { id } | PieceAt::SealedInline { id, .. } => {
            Some(KeyWriter::new(Table::InlineBody).fixed(&id).finish())
        }
        PieceAt::Segment { segment, offset, .. } | PieceAt::SealedSegment { segment, offset, .. } => {
            Some(segment_extents(segment).u64(offset).finish())
        }
        PieceAt::File { id } | PieceAt::SealedFile { id, .. } => Some(file_extent(BlobId::from_bytes(id))),
    }
}

/// The beginning of the keys of all live extents in a segment.
pub(crate) fn segment_extents(segment: u64) -> KeyWriter {
    KeyWriter::new(Table::Extent).u8(1).u64(segment)
}

/// The offset in the key of a live extent of a segment.
pub(crate) fn segment_offset_of(key: &[u8]) -> Result<u64, baleen_meta::Error> {
    let mut reader = KeyReader::new(key, Table::Extent)?;
    reader.u8()?;
    reader.u64()?;
    reader.u64()
}

/// The extent of which this is the mark.
pub(crate) fn extent_of(key: &[u8], live: &LiveExtent) -> Result<Extent, baleen_meta::Error> {
    let mut reader = KeyReader::new(key, Table::Extent)?;
    let place = match reader.u8()? {
        1 => Place::Segment {
            segment: reader.u64()?,
            offset: reader.u64()?,
        },
        2 => Place::File,
        _ => {
            return Err(baleen_meta::Error::MalformedKey {
                why: "unknown kind of place",
            });
        }
    };
    Ok(Extent {
        id: BlobId::from_bytes(live.id),
        place,
        length: live.length,
    })
}

/// The mark of a live file.
pub(crate) fn file_extent(id: BlobId) -> Vec<u8> {
    KeyWriter::new(Table::Extent).u8(2).fixed(id.as_bytes()).finish()
}

/// The mark of a live extent.
pub(crate) fn extent(place: Place, id: BlobId) -> Vec<u8> {
    match place {
        Place::Segment { segment, offset } => segment_extents(segment).u64(offset).finish(),
        Place::File => file_extent(id),
    }
}

/// The region that is home, in keys: it has a name only for people.
pub(crate) const HOME: &str = "";

/// The note that an extent is to be looked at in a region.
pub(crate) fn copy_due(region: &str, id: BlobId) -> Vec<u8> {
    copies_due(region).fixed(id.as_bytes()).finish()
}

/// The beginning of the keys of all such notes of a region.
pub(crate) fn copies_due(region: &str) -> KeyWriter {
    KeyWriter::new(Table::CopyDue).text(region)
}

/// The blob in the key of such a note.
pub(crate) fn blob_due_of(key: &[u8]) -> Result<BlobId, baleen_meta::Error> {
    let mut reader = KeyReader::new(key, Table::CopyDue)?;
    reader.text()?;
    Ok(BlobId::from_bytes(reader.fixed()?))
}

/// The beginning of the keys of all live extents in segments.
pub(crate) fn all_segment_extents() -> Vec<u8> {
    KeyWriter::new(Table::Extent).u8(1).finish()
}

/// The segment in the key of a live extent of one.
pub(crate) fn segment_of(key: &[u8]) -> Result<u64, baleen_meta::Error> {
    let mut reader = KeyReader::new(key, Table::Extent)?;
    reader.u8()?;
    reader.u64()
}

pub(crate) fn extent_page(object: [u8; 16], page: u32) -> Vec<u8> {
    KeyWriter::new(Table::ExtentPage).fixed(&object).u32(page).finish()
}

pub(crate) fn upload(bucket: BucketId, key: &ObjectKey, upload: UploadId) -> Vec<u8> {
    KeyWriter::new(Table::Upload)
        .u64(bucket.0)
        .text(key.as_str())
        .fixed(upload.as_bytes())
        .finish()
}

/// The prefix of all uploads to keys that begin so.
pub(crate) fn uploads(bucket: BucketId, key_prefix: &str) -> Vec<u8> {
    open_ended(uploads_of(bucket, key_prefix))
}

/// The prefix of all uploads to one key.
pub(crate) fn uploads_of(bucket: BucketId, key: &str) -> Vec<u8> {
    KeyWriter::new(Table::Upload).u64(bucket.0).text(key).finish()
}

/// Object key and upload id in the key of an upload's record.
pub(crate) fn upload_of(key: &[u8]) -> Result<(String, UploadId), baleen_meta::Error> {
    let mut reader = KeyReader::new(key, Table::Upload)?;
    reader.u64()?;
    Ok((reader.string()?, UploadId::from_bytes(reader.fixed()?)))
}

pub(crate) fn part(upload: UploadId, number: PartNumber) -> Vec<u8> {
    KeyWriter::new(Table::Part)
        .fixed(upload.as_bytes())
        .u16(number.get())
        .finish()
}

/// The prefix of all parts of an upload.
pub(crate) fn parts(upload: UploadId) -> Vec<u8> {
    KeyWriter::new(Table::Part).fixed(upload.as_bytes()).finish()
}

/// The part number in the key of a part's record.
pub(crate) fn part_number_of(key: &[u8]) -> Result<u16, baleen_meta::Error> {
    let mut reader = KeyReader::new(key, Table::Part)?;
    reader.fixed::<16>()?;
    reader.u16()
}

pub(crate) fn part_changes(upload: UploadId) -> Vec<u8> {
    KeyWriter::new(Table::PartChanges).fixed(upload.as_bytes()).finish()
}

pub(crate) fn completed_upload(upload: UploadId) -> Vec<u8> {
    KeyWriter::new(Table::CompletedUpload).fixed(upload.as_bytes()).finish()
}

/// A renaming of an account, by the digest of its token. The slot is first, so that an account is not found by its number: the
/// rows go by themselves.
pub(crate) fn rename_token(account: AccountId, token: &[u8; 32]) -> Vec<u8> {
    const _: () = assert!(crate::limits::RENAME_TOKENS_PER_ACCOUNT_MAX == 1 << 16);
    let slot = u16::from_be_bytes([token[0], token[1]]);
    KeyWriter::new(Table::RenameToken)
        .u16(slot)
        .u64(account.as_u64())
        .finish()
}

/// The extent pages of an object that is gone.
pub(crate) fn dead_pages(object: [u8; 16]) -> Vec<u8> {
    KeyWriter::new(Table::Garbage).u8(1).fixed(&object).finish()
}

/// The uploads of a bucket that is gone.
pub(crate) fn dead_bucket(bucket: BucketId) -> Vec<u8> {
    KeyWriter::new(Table::Garbage).u8(2).u64(bucket.0).finish()
}

/// Something to collect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dead {
    Pages([u8; 16]),
    Bucket(BucketId),
}

/// What the key of a piece of garbage names.
pub(crate) fn dead_of(key: &[u8]) -> Result<Dead, baleen_meta::Error> {
    let mut reader = KeyReader::new(key, Table::Garbage)?;
    match reader.u8()? {
        1 => Ok(Dead::Pages(reader.fixed()?)),
        2 => Ok(Dead::Bucket(BucketId(reader.u64()?))),
        _ => Err(baleen_meta::Error::MalformedKey {
            why: "unknown kind of garbage",
        }),
    }
}
