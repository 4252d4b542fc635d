use super::*;
use crate::records::{AclRecord, AlgorithmRecord, BucketId, ETagRecord, HeadersRecord, LockRecord, PieceAt};

use crate::{Checksum, ChecksumAlgorithm, ChecksumKind, StoredChecksum};
use baleen_types::{BucketName, ObjectKey, ObjectPath, RegionName, UploadId};

const PARTS_MAX: u16 = 10_000;

/// What else a commit may hold: the records of the bucket, of the upload and of two versions, counters, a note for the feed.
const BESIDE_BYTES: usize = 256 << 10;

fn path() -> UploadPath {
    UploadPath {
        at: ObjectPath {
            bucket: BucketName::parse("bucket").unwrap(),
            key: ObjectKey::parse("k".repeat(1024)).unwrap(),
        },
        upload: UploadId::from_bytes([255; 16]),
    }
}

/// An upload of as many parts as there may be, of the largest kind: sealed, in segments, each with its SHA-256.
fn upload(path: &UploadPath) -> OpenUpload {
    let part = |part: u16| PartRecord {
        md5: [255; 16],
        modified_ns: i64::MAX,
        checksums: Vec::new(),
        piece: Piece {
            part,
            size: 5 << 30,
            at: PieceAt::SealedSegment {
                id: [255; 16],
                segment: u64::MAX,
                offset: u64::MAX,
                salt: [255; 16],
            },
        },
    };
    OpenUpload {
        key: keys::upload(BucketId(u64::MAX), &path.at.key, path.upload),
        stored: Bytes::from_static(b"as it was"),
        record: UploadRecord {
            initiated_ns: i64::MAX,
            headers: HeadersRecord::default(),
            tags: Vec::new(),
            acl: AclRecord::default(),
            lock: LockRecord::default(),
            algorithm: AlgorithmRecord::Sha256,
            chosen: true,
            composite: true,
            encryption: EncryptionRecord::Managed,
            initiator: None,
        },
        changes: None,
        parts: (1..=PARTS_MAX).map(|number| (number, part(number))).collect(),
    }
}

#[test]
fn an_upload_of_as_many_parts_as_there_may_be_is_completed_in_one_commit() {
    let path = path();
    let upload = upload(&path);
    let regions = |count: u8| {
        let name = |at| RegionName::parse(&format!("{at:0>20}")).unwrap();
        Elsewhere::of((0..count).map(name).collect())
    };
    for listed in [PARTS_MAX, PARTS_MAX / 2, 8_000, 1] {
        let pieces: Vec<_> = upload
            .parts
            .values()
            .take(listed.into())
            .map(|part| part.piece)
            .collect();
        let assembled = Assembled {
            size: u64::MAX,
            etag: ETagRecord {
                md5: [255; 16],
                parts: Some(listed),
            },
            checksum: StoredChecksum {
                checksum: Checksum::new(ChecksumAlgorithm::Sha256, vec![255; 32]).unwrap(),
                kind: ChecksumKind::Composite,
                parts: Some(listed),
            },
            digests: vec![255; 32 * pieces.len()],
            pieces,
        };
        let completed = CompletedRecord {
            bucket: BucketId(u64::MAX),
            key: path.at.key.as_str().to_owned(),
            etag: assembled.etag,
            checksum: Some((&assembled.checksum).into()),
            size: assembled.size,
            modified_ns: i64::MAX,
            encryption: EncryptionRecord::Managed,
        };
        for told in [0, 1, 8] {
            let elsewhere = regions(told).of_many(upload.parts.len());
            let (request, _) = completion((&path, &upload), &assembled, &completed, &elsewhere).unwrap();
            let bytes = request
                .check()
                .unwrap_or_else(|error| panic!("{listed} parts listed: {error}"));
            assert!(
                bytes + BESIDE_BYTES <= baleen_meta::REQUEST_BYTES_MAX,
                "{listed} listed, {bytes} bytes"
            );
        }
    }
}

#[test]
fn an_upload_of_as_many_parts_as_there_may_be_is_aborted_in_one_commit() {
    let path = path();
    let upload = upload(&path);
    let mut request = upload.end(&path).unwrap();
    for part in upload.parts.values() {
        request = detach(request, &part.piece, &mut Vec::new(), &Elsewhere::default());
    }
    let bytes = request.check().unwrap();
    assert!(bytes + BESIDE_BYTES <= baleen_meta::REQUEST_BYTES_MAX, "{bytes}");
}
