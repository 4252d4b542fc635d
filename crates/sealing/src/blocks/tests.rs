use super::*;

const BLOCK: u64 = BLOCK_PLAIN_BYTES as u64;

fn base(first: u8) -> BaseKey {
    BaseKey::new(Zeroizing::new([first; BASE_KEY_BYTES]), b"test")
}

fn plain(length: u64) -> Bytes {
    (0..length)
        .map(|at| u8::try_from(at * at % 251).unwrap())
        .collect::<Vec<_>>()
        .into()
}

/// The sealed blocks of a piece whose bytes came in chunks of that size.
fn seal(key: PieceKey, bytes: &Bytes, chunk: usize) -> Vec<Bytes> {
    let mut sealer = BlockSealer::new(key);
    let mut blocks = Vec::new();
    for piece in bytes.chunks(chunk) {
        let mut piece = bytes.slice_ref(piece);
        while !piece.is_empty() {
            blocks.extend(sealer.push(&mut piece));
        }
    }
    blocks.extend(sealer.finish());
    blocks
}

fn open(key: PieceKey, blocks: &[Bytes], wanted: ServedRange, size: u64) -> Result<Vec<u8>, DoesNotOpen> {
    let mut opener = BlockOpener::new(key, wanted, size);
    let mut all = Vec::new();
    for block in blocks {
        all.extend_from_slice(&opener.open(block)?);
    }
    Ok(all)
}

const SIZES: [u64; 9] = [
    0,
    1,
    17,
    BLOCK - 1,
    BLOCK,
    BLOCK + 1,
    2 * BLOCK - 1,
    2 * BLOCK,
    2 * BLOCK + 1,
];

#[test]
fn every_range_around_every_border_comes_back_and_needs_no_other_blocks() {
    for size in SIZES {
        let bytes = plain(size);
        let blocks = seal(base(1).piece(&[7; 16], 1), &bytes, 60_001);
        let total: usize = blocks.iter().map(Bytes::len).sum();
        assert_eq!(total as u64, sealed_length(size), "{size}");
        let borders = SIZES.into_iter().filter(|at| *at <= size);
        for first in borders.clone() {
            for end in borders.clone().filter(|end| *end > first) {
                let wanted = ServedRange {
                    first,
                    length: end - first,
                };
                let needed = sealed_range(wanted, size);
                let all = blocks.concat();
                let cut = &all[usize::try_from(needed.first).unwrap()..usize::try_from(needed.end()).unwrap()];
                let cut: Vec<_> = cut.chunks(BLOCK_SEALED_BYTES).map(Bytes::copy_from_slice).collect();
                assert!(cut.len() as u64 <= (end - first).div_ceil(BLOCK) + 1);
                let opened = open(base(1).piece(&[7; 16], 1), &cut, wanted, size).unwrap();
                let expected = &bytes[usize::try_from(first).unwrap()..usize::try_from(end).unwrap()];
                assert!(opened == expected, "{size}: {wanted:?}");
            }
        }
    }
}

#[test]
fn how_the_bytes_come_makes_no_difference() {
    let bytes = plain(2 * BLOCK + 100);
    let whole = seal(base(1).piece(&[7; 16], 1), &bytes, usize::MAX);
    for chunk in [1000, BLOCK_PLAIN_BYTES, BLOCK_PLAIN_BYTES + 1] {
        assert!(seal(base(1).piece(&[7; 16], 1), &bytes, chunk) == whole, "{chunk}");
    }
}

#[test]
fn what_is_not_as_it_was_sealed_does_not_open() {
    let size = 3 * BLOCK;
    let key = || base(1).piece(&[7; 16], 1);
    let good = seal(key(), &plain(size), usize::MAX);
    let whole = ServedRange::whole(size);
    assert!(open(key(), &good, whole, size).is_ok());

    let [a, b, c] = [0, 1, 2].map(|at: usize| good[at].clone());
    let flipped = |at: usize| {
        let mut bytes = b.to_vec();
        bytes[at] ^= 1;
        Bytes::from(bytes)
    };
    let longer = [&b[..], &[0]].concat().into();
    let cases: [(&str, Vec<Bytes>, u64); 9] = [
        ("swapped", vec![b.clone(), a.clone(), c.clone()], size),
        ("repeated", vec![a.clone(), a.clone(), c.clone()], size),
        (
            "the last is missing, and the record says so",
            vec![a.clone(), b.clone()],
            2 * BLOCK,
        ),
        ("the last before its time", vec![a.clone(), c.clone()], 2 * BLOCK),
        ("one too many", vec![a.clone(), b.clone(), c.clone(), c.clone()], size),
        ("flipped first bit", vec![a.clone(), flipped(0), c.clone()], size),
        (
            "flipped bit of the tag",
            vec![a.clone(), flipped(b.len() - 1), c.clone()],
            size,
        ),
        ("cut", vec![a.clone(), b.slice(..b.len() - 1), c.clone()], size),
        ("longer", vec![a.clone(), longer, c.clone()], size),
    ];
    for (what, blocks, size) in cases {
        assert!(open(key(), &blocks, ServedRange::whole(size), size).is_err(), "{what}");
    }
    let other = BaseKey::new(Zeroizing::new([1; BASE_KEY_BYTES]), b"another purpose");
    for (what, key) in [
        ("another key", base(2).piece(&[7; 16], 1)),
        ("another salt", base(1).piece(&[8; 16], 1)),
        ("another piece of the object", base(1).piece(&[7; 16], 2)),
        ("another purpose", other.piece(&[7; 16], 1)),
    ] {
        assert!(open(key, &good, whole, size).is_err(), "{what}");
    }
    assert!(open(key(), &[Bytes::new()], whole, size).is_err());
}

#[test]
fn keys_are_secrets_and_tags_tell_nothing_apart_but_what_they_name() {
    let key = base(3);
    let again = BaseKey::from_secret(&key.to_secret(), b"test").unwrap();
    assert_eq!(again.tag(&[1; 16], b"x"), key.tag(&[1; 16], b"x"));
    assert!(BaseKey::from_secret(&Secret::new("short"), b"test").is_err());
    assert_ne!(key.tag(&[1; 16], b"x"), key.tag(&[2; 16], b"x"));
    assert_ne!(key.tag(&[1; 16], b"x"), key.tag(&[1; 16], b"y"));
    assert_ne!(key.tag(&[1; 16], b"x"), base(4).tag(&[1; 16], b"x"));
    assert_ne!(key.check(&[1; 16]), base(4).check(&[1; 16]));
    assert_eq!(
        format!("{key:?} {:?}", key.piece(&[1; 16], 1)),
        "BaseKey(hidden) PieceKey(hidden)"
    );
}

/// AES-256-GCM and HKDF as others implement them: computed with Python's `cryptography`.
#[test]
fn a_block_is_what_the_documents_say() {
    let blocks = seal(base(1).piece(&[7; 16], 1), &Bytes::from_static(b"baleen"), usize::MAX);
    assert_eq!(hex::encode(&blocks[0]), "fdcb424b6a47d88c3879834ff6ba4abaa0bf0b63314f");
}

#[test]
fn a_block_by_itself_opens_in_its_place_alone() {
    let key = base(1).piece(&[7; 16], 0);
    let mut sealed = b"a block".to_vec();
    key.seal_block(5, &mut sealed);
    assert_eq!(sealed.len(), 7 + TAG_BYTES);
    assert_eq!(key.open_block(5, &sealed).unwrap(), b"a block");
    let mut flipped = sealed.clone();
    flipped[3] ^= 1;
    let (other_salt, other_piece) = (base(1).piece(&[8; 16], 0), base(1).piece(&[7; 16], 1));
    for (key, number, bytes) in [
        (&key, 4, &sealed[..]),
        (&key, 5, &flipped),
        (&key, 5, &sealed[1..]),
        (&key, 5, &sealed[..6]),
        (&key, 5, &[]),
        (&other_salt, 5, &sealed),
        (&other_piece, 5, &sealed),
        (&base(2).piece(&[7; 16], 0), 5, &sealed),
    ] {
        assert_eq!(key.open_block(number, bytes), Err(DoesNotOpen));
    }
}
