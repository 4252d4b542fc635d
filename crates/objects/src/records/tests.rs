use super::*;
use baleen_meta::record;
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
    }
}

/// The stored bytes are a format: a change of these is a change of the version.
#[test]
fn stored_bytes_stay_as_they_are() {
    let bytes = record::encode(&object()).unwrap();
    assert_eq!(
        hex::encode(&bytes),
        "0101010101010101010101010101010101070a02020202020202020202020202020202010201000401020304010201\
         0a746578742f706c61696e000000000105\
         6e65766572010161013100020103010303030303030303030303030303030302040204040404040404040404040404040404098020"
            .replace(' ', "")
    );
    assert_eq!(record::decode::<ObjectRecord>(&bytes).unwrap(), object());
}

#[test]
fn a_page_of_the_longest_pieces_fits_into_a_value() {
    let at = PieceAt::Segment {
        id: [255; 16],
        segment: u64::MAX,
        offset: u64::MAX,
    };
    let pieces = vec![
        Piece {
            part: 10_000,
            size: u64::MAX,
            at
        };
        PAGE_PIECES_MAX
    ];
    let bytes = record::encode(&ExtentPage { pieces }).unwrap();
    assert!(bytes.len() <= baleen_meta::VALUE_BYTES_MAX, "{}", bytes.len());
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
