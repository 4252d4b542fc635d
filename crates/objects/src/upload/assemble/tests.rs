use super::*;
use crate::UploadPath;
use crate::WriteCondition;
use crate::records::{ChecksumRecord, EncryptionRecord, HeadersRecord, LockRecord, PieceAt};
use baleen_types::{BucketName, ObjectKey, ObjectPath, PartNumber, UploadId};
use md5::Digest as _;
use std::fmt::Write as _;

const SMALL: u64 = PART_BYTES_MIN - 1;

/// Parts stored by number and size; the bytes of part `n` are as if their MD5 were sixteen times `n`.
fn stored(algorithm: ChecksumAlgorithm, parts: &[(u16, u64)]) -> BTreeMap<u16, PartRecord> {
    let part = |&(part, size): &(u16, u64)| {
        let checksum = digest(algorithm, &part.to_be_bytes());
        let record = PartRecord {
            md5: [u8::try_from(part).unwrap_or(255); 16],
            modified_ns: 0,
            checksums: vec![ChecksumRecord::from(&checksum)],
            piece: Piece {
                part,
                size,
                at: PieceAt::Empty,
            },
        };
        (part, record)
    };
    parts.iter().map(part).collect()
}

fn request(listed: &[u16]) -> CompleteUpload {
    let line = |&part: &u16| CompletedPart {
        number: PartNumber::new(u32::from(part)).unwrap(),
        etag: ETag::from_md5([u8::try_from(part).unwrap_or(255); 16]),
        checksum: None,
    };
    CompleteUpload {
        upload: UploadPath {
            at: ObjectPath {
                bucket: BucketName::parse("bucket").unwrap(),
                key: ObjectKey::parse("k").unwrap(),
            },
            upload: UploadId::from_bytes([0; 16]),
        },
        parts: listed.iter().map(line).collect(),
        checksum: None,
        checksum_kind: None,
        size: None,
        key: None,
        condition: WriteCondition::None,
    }
}

fn upload(algorithm: ChecksumAlgorithm, kind: ChecksumKind) -> UploadRecord {
    UploadRecord {
        initiated_ns: 0,
        headers: HeadersRecord::default(),
        acl: crate::records::AclRecord::default(),
        lock: LockRecord::default(),
        tags: Vec::new(),
        algorithm: algorithm.into(),
        chosen: true,
        composite: kind == ChecksumKind::Composite,
        encryption: EncryptionRecord::No,
        initiator: None,
    }
}

/// What becomes of a completion, in one line.
fn outcome(parts: &[(u16, u64)], request: &CompleteUpload) -> String {
    let algorithm = ChecksumAlgorithm::Crc64Nvme;
    let stored = stored(algorithm, parts);
    match assemble(&upload(algorithm, ChecksumKind::FullObject), &stored, request) {
        Ok(object) => object
            .pieces
            .iter()
            .fold(format!("{} of", object.size), |mut text, piece| {
                write!(text, " {}", piece.part).unwrap();
                text
            }),
        Err(error) => error.to_string(),
    }
}

#[test]
fn lists_and_sizes() {
    const MIN: u64 = PART_BYTES_MIN;
    for (parts, listed, want) in [
        (&[(1, 7)][..], &[1][..], "7 of 1"),
        (&[(1, 0)], &[1], "0 of 1"),
        (&[(1, MIN), (2, 0)], &[1, 2], "5242880 of 1 2"),
        (&[(1, MIN), (3, 1), (10_000, 2)], &[1, 10_000], "5242882 of 1 10000"),
        (&[(1, MIN), (2, 1)], &[2], "1 of 2"),
        (
            &[(1, MIN), (2, 1)],
            &[2, 1],
            "the parts must be listed in ascending order, each once",
        ),
        (
            &[(1, MIN)],
            &[1, 1],
            "the parts must be listed in ascending order, each once",
        ),
        (&[(1, 1)], &[], "at least one part must be listed"),
        (
            &[(1, MIN)],
            &[1, 2],
            "part 2 was not uploaded, or its entity tag or checksum does not match",
        ),
        (
            &[(1, SMALL), (2, MIN)],
            &[1, 2],
            "part 1 has 5242879 bytes; all parts but the last need 5242880",
        ),
        (&[(1, 5 << 40), (2, 1)], &[1, 2], "more than 5497558138880 bytes"),
    ] {
        assert_eq!(outcome(parts, &request(listed)), want, "{parts:?} {listed:?}");
    }
}

#[test]
fn what_the_client_says_is_checked() {
    let algorithm = ChecksumAlgorithm::Crc64Nvme;
    let parts = [(1, PART_BYTES_MIN), (2, 1)];
    let sum = |algorithm, bytes: &[u8]| Some(digest(algorithm, bytes));
    let right = assemble(
        &upload(algorithm, ChecksumKind::FullObject),
        &stored(algorithm, &parts),
        &request(&[1, 2]),
    );
    let right = right.unwrap().checksum.checksum;
    type Change = Box<dyn Fn(&mut CompleteUpload)>;
    let cases: [(Change, &str); 10] = [
        (Box::new(|r| r.size = Some(PART_BYTES_MIN + 1)), "5242881 of 1 2"),
        (
            Box::new(|r| r.size = Some(1)),
            "the parts have 5242881 bytes where 1 were announced",
        ),
        (
            Box::new(|r| r.parts[0].etag = ETag::from_md5([9; 16])),
            "part 1 was not uploaded, or its entity tag or checksum does not match",
        ),
        (
            Box::new(move |r| r.parts[0].checksum = sum(algorithm, &[0, 1])),
            "5242881 of 1 2",
        ),
        (
            Box::new(move |r| r.parts[0].checksum = sum(algorithm, &[0, 2])),
            "part 1 was not uploaded, or its entity tag or checksum does not match",
        ),
        (Box::new(move |r| r.checksum = Some(right.clone())), "5242881 of 1 2"),
        (
            Box::new(move |r| r.checksum = sum(algorithm, b"x")),
            "the CRC64NVME given is not the one computed",
        ),
        (
            Box::new(move |r| r.checksum = sum(ChecksumAlgorithm::Sha1, b"x")),
            "the upload was begun with CRC64NVME, and its completion comes with SHA1",
        ),
        (
            Box::new(|r| r.checksum_kind = Some(ChecksumKind::FullObject)),
            "5242881 of 1 2",
        ),
        (
            Box::new(|r| r.checksum_kind = Some(ChecksumKind::Composite)),
            "the checksum type of the upload is FULL_OBJECT",
        ),
    ];
    for (change, want) in cases {
        let mut changed = request(&[1, 2]);
        change(&mut changed);
        assert_eq!(outcome(&parts, &changed), want);
    }
}

/// `md5(md5(part 1) + md5(part 2)) + "-2"`, and for a composite checksum the same with its own algorithm.
#[test]
fn tags_and_checksums_of_the_whole() {
    let parts = [(1, PART_BYTES_MIN), (2, 1)];
    let mut md5s = vec![1; 16];
    md5s.extend([2; 16]);
    let etag = ETag::from_parts(md5::Md5::digest(&md5s).into(), 2);
    for algorithm in ChecksumAlgorithm::ALL {
        for kind in [ChecksumKind::Composite, ChecksumKind::FullObject] {
            if !algorithm.allows(kind) {
                continue;
            }
            let object = assemble(&upload(algorithm, kind), &stored(algorithm, &parts), &request(&[1, 2])).unwrap();
            assert_eq!(object.etag.etag(), etag);
            assert_eq!(listed_etag(&request(&[1, 2]).parts), Some(object.etag));
            let sums = [digest(algorithm, &[0, 1]), digest(algorithm, &[0, 2])];
            let text = object.checksum.to_text();
            match kind {
                ChecksumKind::Composite => {
                    let both = [sums[0].digest(), sums[1].digest()].concat();
                    assert_eq!(text, format!("{}-2", digest(algorithm, &both).to_base64()));
                }
                ChecksumKind::FullObject => {
                    let whole = join_crcs(algorithm, &[(&sums[0], PART_BYTES_MIN), (&sums[1], 1)]).unwrap();
                    assert_eq!(text, whole.to_base64());
                }
            }
        }
    }
    assert_eq!(
        listed_etag(&[CompletedPart {
            etag: ETag::parse("abc").unwrap(),
            ..request(&[1]).parts[0].clone()
        }]),
        None
    );
}
