use super::*;
use crate::{BucketAcl, BucketEncryption, DefaultKeys};
use crate::{DefaultRetention, LegalHold, Lock, ObjectLock, Retention, RetentionMode, RetentionPeriod};
use baleen_meta::record;
use baleen_types::{Acl, Grant, Grantee, Permission};
use bytes::Bytes;
use std::collections::BTreeMap;

fn object() -> ObjectRecord {
    let headers = ObjectHeaders {
        content_type: Some("text/plain".into()),
        expires: Some("never".into()),
        user: BTreeMap::from([("a".into(), "1".into())]),
        ..Default::default()
    };
    ObjectRecord {
        version: [1; 16],
        is_null: false,
        size: 7,
        modified_ns: 5,
        etag: ETagRecord {
            md5: [2; 16],
            parts: Some(2),
        },
        checksum: Some(ChecksumRecord {
            algorithm: AlgorithmRecord::Crc32,
            digest: vec![1, 2, 3, 4],
            composite_of: Some(2),
        }),
        headers: (&headers).into(),
        lock: LockRecord::default(),
        acl: AclRecord::default(),
        encryption: EncryptionRecord::No,
        tags: TagsRecord::new(),
        body: BodyRecord::Pieces(vec![
            Piece {
                part: 1,
                size: 3,
                at: PieceAt::Inline { id: [3; 16] },
            },
            Piece {
                part: 2,
                size: 4,
                at: PieceAt::Segment {
                    id: [4; 16],
                    segment: 9,
                    offset: 4096,
                },
            },
        ]),
        part_digests: Vec::new(),
    }
}

/// The first bytes of [`object`] as the first release wrote them, and the others as every release does. In between the
/// first release had nothing.
const VERSION_1: &str = "0101010101010101010101010101010101";
const REST: &str = "070a0202020202020202020202020202020201020100040102030401020\
     10a746578742f706c61696e0000000001056e657665720101610131";

const BODY: &str = "00020103010303030303030303030303030303030302040204040404040404040404040404040404098020";

/// What a listing reads is the front of each version that has it, and no other.
#[test]
fn a_listing_reads_the_front() {
    for checksum in [object().checksum, None] {
        let whole = ObjectRecord { checksum, ..object() };
        let third = record::encode(&whole).unwrap().to_vec();
        // The last byte was not there.
        let second = [&[2], &third[1..third.len() - 1]].concat();
        assert_eq!(record::decode::<ObjectRecord>(&second).unwrap(), whole);
        for bytes in [&third, &second] {
            let front = ListedObject::decode(bytes).unwrap().unwrap();
            assert_eq!((front.size, front.modified_ns, front.etag), (7, 5, whole.etag));
            let checksum = front.checksum.map(|listed| listed.is_of());
            let whole = whole.checksum.as_ref().map(|kept| kept.stored().unwrap());
            assert_eq!(checksum, whole.map(|stored| (stored.checksum.algorithm(), stored.kind)));
        }
    }
    let first = hex::decode(format!("{VERSION_1}{}{BODY}", REST.replace(' ', ""))).unwrap();
    assert_eq!(ListedObject::decode(&first).unwrap(), None);
    let cut = &record::encode(&object()).unwrap()[..20];
    assert!(ListedObject::decode(cut).is_err());
}

/// The stored bytes are a format: a change of these is a change of the version.
#[test]
fn stored_bytes_stay_as_they_are() {
    let bytes = record::encode(&object()).unwrap();
    let (null, no_tags, no_acl, no_lock, no_key, no_digests) = ("00", "00", "00", "0000", "00", "00");
    let rest = REST.replace(' ', "");
    let second = format!(
        "{}{null}{rest}{no_tags}{no_acl}{no_lock}{no_key}{BODY}",
        &VERSION_1[2..]
    );
    assert_eq!(hex::encode(&bytes), format!("03{second}{no_digests}"));
    assert_eq!(record::decode::<ObjectRecord>(&bytes).unwrap(), object());
    // As it was before the checksums of parts were kept.
    let bytes = hex::decode(format!("02{second}")).unwrap();
    assert_eq!(record::decode::<ObjectRecord>(&bytes).unwrap(), object());
    let with_digests = ObjectRecord {
        part_digests: vec![7; 8],
        ..object()
    };
    let bytes = record::encode(&with_digests).unwrap();
    assert!(hex::encode(&bytes).ends_with(&format!("{BODY}080707070707070707")));
    assert_eq!(record::decode::<ObjectRecord>(&bytes).unwrap(), with_digests);
    let tagged = ObjectRecord {
        tags: vec![("k".into(), "v".into())],
        ..object()
    };
    let bytes = record::encode(&tagged).unwrap();
    assert!(hex::encode(&bytes).ends_with(&format!("{rest}01016b0176{no_acl}{no_lock}{no_key}{BODY}{no_digests}")));
    assert_eq!(record::decode::<ObjectRecord>(&bytes).unwrap(), tagged);
    let lock = Lock {
        retention: Some(Retention {
            mode: RetentionMode::Compliance,
            until: Timestamp::from_nanos(64),
        }),
        legal_hold: Some(LegalHold::On),
    };
    let locked = ObjectRecord {
        lock: lock.into(),
        ..object()
    };
    let bytes = record::encode(&locked).unwrap();
    assert!(hex::encode(&bytes).ends_with(&format!(
        "{rest}{no_tags}{no_acl}010180010101{no_key}{BODY}{no_digests}"
    )));
    assert_eq!(Lock::from(record::decode::<ObjectRecord>(&bytes).unwrap().lock), lock);
}

#[test]
fn how_bytes_are_kept_is_kept() {
    let customer = EncryptionRecord::Customer {
        salt: [1; 16],
        check: [2; 32],
    };
    let pieces = [
        (
            PieceAt::SealedInline {
                id: [3; 16],
                salt: [5; 16],
            },
            format!("04{}{}", "03".repeat(16), "05".repeat(16)),
        ),
        (
            PieceAt::SealedSegment {
                id: [4; 16],
                segment: 9,
                offset: 4096,
                salt: [5; 16],
            },
            format!("05{}098020{}", "04".repeat(16), "05".repeat(16)),
        ),
        (
            PieceAt::SealedFile {
                id: [4; 16],
                salt: [5; 16],
            },
            format!("06{}{}", "04".repeat(16), "05".repeat(16)),
        ),
    ];
    let used = crate::KmsEncrypted {
        key: baleen_kms::KeyName::parse("k").unwrap(),
        context: baleen_kms::EncryptionContext::new([("a".to_owned(), "b".to_owned())]).unwrap(),
        bucket_key: true,
    };
    let named = EncryptionRecord::Kms(KmsRecord::new(&used, 300));
    assert_eq!(named.encrypted().unwrap(), crate::Encrypted::Kms(used));
    for (encryption, kept) in [
        (named, "03016bac02010161016201".to_owned()),
        (EncryptionRecord::Managed, "01".to_owned()),
        (customer, format!("02{}{}", "01".repeat(16), "02".repeat(32))),
    ] {
        for (at, place) in &pieces {
            let sealed = ObjectRecord {
                encryption: encryption.clone(),
                body: BodyRecord::Pieces(vec![Piece {
                    part: 1,
                    size: 3,
                    at: *at,
                }]),
                ..object()
            };
            let bytes = record::encode(&sealed).unwrap();
            assert!(hex::encode(&bytes).ends_with(&format!("0000{kept}00010103{place}00")));
            assert_eq!(record::decode::<ObjectRecord>(&bytes).unwrap(), sealed);
        }
    }
    let key = BucketKeyRecord { sealed: vec![1, 2] };
    assert_eq!(hex::encode(record::encode(&key).unwrap()), "01020102");
    let default = BucketEncryption {
        keys: DefaultKeys::Managed,
        bucket_key: true,
    };
    assert_eq!(hex::encode(record::encode(&default).unwrap()), "010001");
    let completed: CompletedRecord =
        record::decode(&hex::decode(format!("0107016b{}0000050a", "02".repeat(16))).unwrap()).unwrap();
    assert_eq!((completed.size, completed.encryption), (5, EncryptionRecord::No));
}

#[test]
fn a_list_is_kept_as_it_is() {
    let grant = |to, permission| Grant { to, permission };
    let acl = Acl::new(vec![
        grant(
            Grantee::Account(AccountId::parse("000000000300").unwrap()),
            Permission::FullControl,
        ),
        grant(Grantee::Everyone, Permission::Read),
        grant(Grantee::AnyAccount, Permission::ReadAcl),
        grant(Grantee::LogDelivery, Permission::Write),
        grant(Grantee::Everyone, Permission::WriteAcl),
    ])
    .unwrap();
    let listed = ObjectRecord {
        acl: (&acl).into(),
        ..object()
    };
    let bytes = record::encode(&listed).unwrap();
    let shown = hex::encode(&bytes);
    assert!(
        shown.ends_with(&format!("0500ac0200010302040301010200 0000{BODY}00").replace(' ', "")),
        "{shown}"
    );
    assert_eq!(record::decode::<ObjectRecord>(&bytes).unwrap().acl.acl().unwrap(), acl);
    let of_bucket = record::encode(&BucketAcl::from(&acl)).unwrap();
    assert_eq!(hex::encode(&of_bucket), "010500ac02000103020403010102");
    assert_eq!(record::decode::<BucketAcl>(&of_bucket).unwrap().acl().unwrap(), acl);
}

/// A lock that cannot be read is not taken for none (peers' failure F14).
#[test]
fn a_lock_that_cannot_be_read_makes_its_record_unreadable() {
    let stored = record::encode(&object()).unwrap().to_vec();
    // Behind it are how it is encrypted, the body, and that there are no checksums of parts.
    let lock = stored.len() - 1 - BODY.len() / 2 - 3;
    for (byte, value) in [(lock, 2), (lock, 255), (lock + 1, 2), (lock + 1, 255)] {
        let mut damaged = stored.clone();
        damaged[byte] = value;
        assert!(
            record::decode::<ObjectRecord>(&damaged).is_err(),
            "byte {byte} is {value}"
        );
    }
    // A mode that there is not.
    let mut damaged = stored.clone();
    damaged.splice(lock..=lock, [1, 2, 0]);
    assert!(record::decode::<ObjectRecord>(&damaged).is_err());
    damaged[lock + 1] = 1;
    assert!(record::decode::<ObjectRecord>(&damaged).is_ok());
}

#[test]
fn how_a_bucket_locks_is_kept() {
    let bucket = |default_retention| BucketRecord {
        id: BucketId(7),
        owner: 9,
        region: "r".into(),
        created_ns: 5,
        versioning: VersioningRecord::Enabled,
        object_lock: Some(ObjectLock { default_retention }.into()),
        settings: 0,
        revision: 0,
        has_key: false,
    };
    let default = |mode, period| Some(DefaultRetention::new(mode, period).unwrap());
    for (default, bytes) in [
        (None, "0100"),
        (
            default(RetentionMode::Governance, RetentionPeriod::Days(300)),
            "01010000ac02",
        ),
        (
            default(RetentionMode::Compliance, RetentionPeriod::Years(7)),
            "0101010107",
        ),
    ] {
        let encoded = record::encode(&bucket(default)).unwrap();
        assert_eq!(hex::encode(&encoded), format!("03070901720a01{bytes}000000"));
        assert_eq!(record::decode::<BucketRecord>(&encoded).unwrap(), bucket(default));
        let second = hex::decode(format!("02070901720a01{bytes}0000")).unwrap();
        assert_eq!(record::decode::<BucketRecord>(&second).unwrap(), bucket(default));
    }
    let with_key = BucketRecord {
        has_key: true,
        ..bucket(None)
    };
    let encoded = record::encode(&with_key).unwrap();
    assert_eq!(hex::encode(&encoded), "03070901720a010100000001");
    assert_eq!(record::decode::<BucketRecord>(&encoded).unwrap(), with_key);
}

#[test]
fn what_was_written_before_versions_is_the_null_version() {
    let first = hex::decode(format!("{VERSION_1}{}{BODY}", REST.replace(' ', ""))).unwrap();
    let expected = ObjectRecord {
        is_null: true,
        ..object()
    };
    assert_eq!(record::decode::<ObjectRecord>(&first).unwrap(), expected);
    // A bucket 7 of account 9 in region `r`, made 5 ns after 1970.
    let bucket: BucketRecord = record::decode(&[1, 7, 9, 1, b'r', 10]).unwrap();
    assert_eq!((bucket.id, bucket.owner, bucket.created_ns), (BucketId(7), 9, 5));
    assert_eq!((bucket.versioning, bucket.object_lock), (VersioningRecord::Never, None));
}

#[test]
fn an_upload_that_was_begun_before_tags_has_none() {
    let upload = UploadRecord {
        initiated_ns: 5,
        headers: HeadersRecord::default(),
        acl: AclRecord::default(),
        lock: LockRecord::default(),
        tags: vec![("k".into(), "v".into())],
        algorithm: AlgorithmRecord::Crc32,
        chosen: true,
        composite: false,
        encryption: EncryptionRecord::No,
        initiator: Some(7),
    };
    let bytes = record::encode(&upload).unwrap();
    let told = b"\x0a\0\0\0\0\0\0\0\x01\x01k\x01v\0\0\0\0\x01\0\0";
    assert_eq!(bytes[..], [b"\x03", &told[..], b"\x01\x07"].concat());
    assert_eq!(record::decode::<UploadRecord>(&bytes).unwrap(), upload);
    let second = record::decode::<UploadRecord>(&[b"\x02", &told[..]].concat()).unwrap();
    let upload = UploadRecord {
        initiator: None,
        ..upload
    };
    assert_eq!(second, upload);
    let first = record::decode::<UploadRecord>(b"\x01\x0a\0\0\0\0\0\0\0\0\x01\0").unwrap();
    assert_eq!(
        first,
        UploadRecord {
            tags: Vec::new(),
            ..upload
        }
    );
}

#[test]
fn a_version_moves_without_being_read() {
    let current = record::encode(&object()).unwrap();
    let since = Timestamp::from_secs(7);
    let noncurrent = VersionRecord::of_object(&current, since);
    let undated = Bytes::from([b"\x01", &current[..]].concat());
    for (value, since) in [(&noncurrent, Some(since)), (&undated, None)] {
        let object = VersionRecord::Object(Box::new(object()));
        assert_eq!(VersionRecord::decode(value).unwrap(), object);
        assert_eq!(VersionRecord::current_value(value).unwrap(), current);
        assert_eq!(VersionRecord::since(value).unwrap(), since);
        assert_eq!(VersionRecord::amended(value, &current).unwrap(), value);
    }
    for damaged in [
        &b""[..],
        b"\x00",
        b"\x01",
        b"\x02",
        b"\x03\x01",
        b"\x04\0\0\0\0\0\0\0\0",
        b"\x05",
    ] {
        assert!(VersionRecord::decode(damaged).is_err(), "{damaged:?}");
    }
}

#[test]
fn a_page_of_the_longest_pieces_fits_into_a_value() {
    let at = PieceAt::SealedSegment {
        id: [255; 16],
        segment: u64::MAX,
        offset: u64::MAX,
        salt: [255; 16],
    };
    let pieces = vec![
        Piece {
            part: 10_000,
            size: u64::MAX,
            at
        };
        PAGE_PIECES_MAX
    ];
    let page = ExtentPage {
        pieces,
        digests: vec![255; 32 * PAGE_PIECES_MAX],
    };
    let bytes = record::encode(&page).unwrap();
    assert!(bytes.len() <= baleen_meta::VALUE_BYTES_MAX, "{}", bytes.len());
}

#[test]
fn a_page_from_before_checksums_has_none() {
    let piece = Piece {
        part: 1,
        size: 3,
        at: PieceAt::Empty,
    };
    let page = ExtentPage {
        pieces: vec![piece],
        digests: Vec::new(),
    };
    assert_eq!(record::decode::<ExtentPage>(b"\x01\x01\x01\x03\0").unwrap(), page);
    assert_eq!(&record::encode(&page).unwrap()[..], b"\x02\x01\x01\x03\0\0");
}

#[test]
fn every_flipped_bit_of_an_inline_body_is_seen() {
    let value = encode_inline(b"0123456789");
    assert_eq!(decode_inline(&value).unwrap(), &b"0123456789"[..]);
    for bit in 0..value.len() * 8 {
        let mut bad = value.to_vec();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(decode_inline(&bad.into()).is_err(), "bit {bit}");
    }
    assert!(decode_inline(&Bytes::new()).is_err());
}
