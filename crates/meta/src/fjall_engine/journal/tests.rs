use super::*;

/// A batch as fjall writes it: one item for each value.
fn batch(seqno: u64, values: &[&[u8]]) -> Vec<u8> {
    let mut items = Vec::new();
    for value in values {
        let length = u32::try_from(value.len()).unwrap().to_le_bytes();
        items.extend_from_slice(&[TAG_ITEM, 0, 0]);
        items.extend_from_slice(&1_u64.to_le_bytes());
        items.extend_from_slice(&3_u16.to_le_bytes());
        items.extend_from_slice(&length);
        items.extend_from_slice(&length);
        items.extend_from_slice(b"key");
        items.extend_from_slice(value);
    }
    let mut bytes = vec![TAG_START];
    bytes.extend_from_slice(&u32::try_from(values.len()).unwrap().to_le_bytes());
    bytes.extend_from_slice(&seqno.to_le_bytes());
    bytes.extend_from_slice(&items);
    bytes.push(TAG_END);
    bytes.extend_from_slice(&xxhash_rust::xxh3::xxh3_64(&items).to_le_bytes());
    bytes.extend_from_slice(TRAILER);
    bytes
}

fn walk_bytes(bytes: &[u8], length: u64) -> (Vec<u64>, u64, Tail) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("0.jnl");
    std::fs::write(&path, bytes).unwrap();
    OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(length.max(bytes.len() as u64))
        .unwrap();
    let mut seqnos = Vec::new();
    let (end, tail) = walk(&path, |span| seqnos.push(span.seqno)).unwrap();
    (seqnos, end, tail)
}

/// Three batches; the last one spans a page boundary.
fn journal() -> (Vec<u8>, usize) {
    journal_with(&[7; 6000])
}

fn journal_with(value: &[u8]) -> (Vec<u8>, usize) {
    let mut bytes = batch(1, &[b"one", b"two"]);
    bytes.extend(batch(2, &[b"three"]));
    let last = bytes.len();
    bytes.extend(batch(5, &[value, b"end"]));
    (bytes, last)
}

#[test]
fn an_intact_journal_is_clean_with_and_without_zeros() {
    let (bytes, _) = journal();
    for length in [0, 1 << 20] {
        assert_eq!(
            walk_bytes(&bytes, length),
            (vec![1, 2, 5], bytes.len() as u64, Tail::Clean)
        );
    }
    assert_eq!(walk_bytes(b"", 1 << 20), (vec![], 0, Tail::Clean));
}

#[test]
fn every_flipped_byte_is_damage() {
    let (bytes, _) = journal_with(&[7; 300]);
    for at in 0..bytes.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut damaged = bytes.clone();
            damaged[at] ^= flip;
            let (seqnos, _, tail) = walk_bytes(&damaged, 64 * 1024);
            // A sequence number has no checksum; the audit compares it with its neighbours.
            let only_a_number = seqnos.len() == 3 && tail == Tail::Clean && is_in_seqno(&bytes, at);
            assert!(
                only_a_number || matches!(tail, Tail::Damaged(_)),
                "byte {at} ^ {flip:#x}: {tail:?}"
            );
        }
    }
}

#[test]
fn a_write_that_broke_off_is_torn() {
    let (bytes, last) = journal();
    // Between the pieces in which it is written, and at pages; not within a piece.
    let pieces = [last + 13, last + 13 + 21 + 3 + 6000, bytes.len() - 13];
    let page = (last / 4096 + 1) * 4096;
    for cut in pieces.into_iter().chain([page]) {
        for length in [0, 1 << 20] {
            let (seqnos, end, tail) = walk_bytes(&bytes[..cut], length);
            assert_eq!(
                (seqnos, end, tail),
                (vec![1, 2], last as u64, Tail::Torn),
                "cut at {cut}"
            );
        }
    }
}

#[test]
fn a_sector_that_never_reached_the_disk_is_torn() {
    let (mut bytes, last) = journal();
    let sector = (last / SECTOR_BYTES + 2) * SECTOR_BYTES;
    bytes[sector..sector + SECTOR_BYTES].fill(0);
    assert_eq!(walk_bytes(&bytes, 0), (vec![1, 2], last as u64, Tail::Torn));
}

#[test]
fn a_refused_batch_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let (bytes, last) = journal();
    let (old, new) = (folder.path().join("3.jnl"), folder.path().join("10.jnl"));
    std::fs::write(&old, batch(0, &[b"zero"])).unwrap();
    std::fs::write(&new, &bytes).unwrap();
    assert_eq!(files(folder.path()).unwrap(), [(3, old.clone()), (10, new.clone())]);
    cut(folder.path(), 3, Some(2)).unwrap();
    assert_eq!(std::fs::read(&new).unwrap(), bytes[..last]);
    assert_eq!(std::fs::read(&old).unwrap(), batch(0, &[b"zero"]));
    empty(folder.path()).unwrap();
    assert!(std::fs::read(&new).unwrap().is_empty() && std::fs::read(&old).unwrap().is_empty());
}

#[test]
fn nothing_is_cut_that_may_have_been_acknowledged() {
    let (bytes, last) = journal();
    let first = batch(1, &[b"one", b"two"]).len();
    // The length of a batch's first key, and a byte of its value.
    let (key, value) = (13 + 11, 13 + 21 + 3);
    let cases = [
        ("the last acknowledged one", first + value, bytes.len(), Some(2), false),
        (
            "it, so that its end is not found",
            first + key,
            bytes.len(),
            Some(2),
            false,
        ),
        ("it, before a torn one", first + key, last + 30, Some(2), false),
        ("one before it", value, bytes.len(), Some(2), false),
        ("one from before the start", value, bytes.len(), None, false),
        ("the refused one", last + value, bytes.len(), Some(2), true),
        (
            "the refused one, so that its end is not found",
            last + key,
            bytes.len(),
            Some(2),
            true,
        ),
        ("the refused one, which is torn", last + key, last + 30, Some(2), true),
        (
            "the first write since the start, which is torn",
            last + key,
            last + 30,
            None,
            true,
        ),
    ];
    for (what, damaged, length, acknowledged, is_cut) in cases {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("3.jnl"), folder.path().join("10.jnl"));
        let mut bytes = bytes[..length].to_vec();
        bytes[damaged] ^= 0x10;
        std::fs::write(&old, batch(0, &[b"zero"])).unwrap();
        std::fs::write(&new, &bytes).unwrap();
        let result = cut(folder.path(), 5, acknowledged);
        assert_eq!(result.is_ok(), is_cut, "{what}: {result:?}");
        let kept = if is_cut { last } else { length };
        assert_eq!(std::fs::read(&new).unwrap(), bytes[..kept], "{what}");
        assert_eq!(std::fs::read(&old).unwrap(), batch(0, &[b"zero"]), "{what}");
    }
}

/// A new journal has nothing before its first batch that could say whether that was acknowledged.
#[test]
fn the_first_batch_of_a_new_journal_is_known_by_its_number() {
    let (whole, _) = journal();
    let first = batch(1, &[b"one", b"two"]).len();
    // The length of its first key.
    let key = 13 + 11;
    for (what, damaged, length, refused, is_cut) in [
        ("acknowledged, before a torn one", Some(key), first + 30, 2, false),
        ("acknowledged, and alone", Some(key), first - 20, 2, false),
        ("the refused one, which is torn", None, first - 20, 1, true),
        ("the refused one, broken", Some(key), first - 20, 1, true),
        ("the refused one, of which there is hardly anything", None, 9, 1, true),
        ("no beginning of a batch", Some(0), 9, 1, true),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("3.jnl"), folder.path().join("10.jnl"));
        let mut bytes = whole[..length].to_vec();
        if let Some(at) = damaged {
            bytes[at] ^= 0x10;
        }
        std::fs::write(&old, batch(0, &[b"zero"])).unwrap();
        std::fs::write(&new, &bytes).unwrap();
        let result = cut(folder.path(), refused, Some(refused - 1));
        assert_eq!(result.is_ok(), is_cut, "{what}: {result:?}");
        let kept = if is_cut { 0 } else { length };
        assert_eq!(std::fs::read(&new).unwrap(), bytes[..kept], "{what}");
        assert_eq!(std::fs::read(&old).unwrap(), batch(0, &[b"zero"]), "{what}");
    }
}

fn is_in_seqno(bytes: &[u8], at: usize) -> bool {
    let mut start = 0;
    let mut rest = bytes;
    while let Ok(batch) = parse(&mut rest) {
        if (start + 5..start + 13).contains(&at) {
            return true;
        }
        start += usize::try_from(batch.bytes).unwrap();
    }
    false
}
