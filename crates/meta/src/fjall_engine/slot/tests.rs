use super::*;
use crate::engine::Change;
use crate::fjall_engine::FjallView;
use bytes::Bytes;
use std::io::ErrorKind;

fn batch(key: &str) -> Batch {
    let value = Some(Bytes::from_static(b"value"));
    Batch {
        changes: vec![Change {
            key: key.as_bytes().to_vec(),
            value,
        }],
    }
}

fn has(slot: &Slot, key: &str) -> bool {
    slot.read(|open| Ok(open.keyspace.get(key).unwrap().is_some())).unwrap()
}

fn no_space() -> Error {
    Error::io("testing", std::io::Error::from(ErrorKind::StorageFull))
}

#[test]
fn a_refused_batch_that_reached_the_journal_never_appears() {
    let folder = tempfile::tempdir().unwrap();
    let slot = Slot::open(folder.path(), FjallSettings::default()).unwrap();
    for round in 0..3 {
        slot.write(|_| Ok(batch(&format!("kept {round}")))).unwrap();
        // As if the sync had failed after the batch was written: the worst case, it is wholly in the journal.
        let (seqno, generation) = slot.read(|open| Ok((open.next_seqno(), open.generation))).unwrap();
        let refused = format!("refused {round}");
        slot.read(|open| open.apply(&batch(&refused)).map_err(|error| classify("testing", error)))
            .unwrap();
        assert!(has(&slot, &refused));
        let error = slot.recover(seqno, no_space());
        assert!(matches!(error, Error::NoSpace { .. }), "{error:?}");
        assert!(has(&slot, &format!("kept {round}")) && !has(&slot, &refused));
        assert_eq!(slot.read(|open| Ok(open.generation)).unwrap(), generation + 1);
    }
    drop(slot);
    let slot = Slot::open(folder.path(), FjallSettings::default()).unwrap();
    for round in 0..3 {
        assert!(has(&slot, &format!("kept {round}")) && !has(&slot, &format!("refused {round}")));
    }
}

#[test]
fn trouble_is_answered_from_memory_until_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let slot = Slot::open(folder.path(), FjallSettings::default()).unwrap();
    *slot.trouble.lock() = Some(Trouble {
        why: no_space(),
        since: Instant::now(),
    });
    assert!(matches!(slot.write(|_| Ok(batch("early"))), Err(Error::NoSpace { .. })));
    *slot.trouble.lock() = Some(Trouble {
        why: no_space(),
        since: Instant::now().checked_sub(RETRY_PAUSE).unwrap(),
    });
    slot.write(|_| Ok(batch("later"))).unwrap();
    assert!(slot.trouble.lock().is_none() && !has(&slot, "early") && has(&slot, "later"));
    assert!(!folder.path().join(PROBE_FILE).exists());
}

#[test]
fn work_that_fails_takes_no_snapshot_from_anybody() {
    let folder = tempfile::tempdir().unwrap();
    let slot = Arc::new(Slot::open(folder.path(), FjallSettings::default()).unwrap());
    slot.write(|_| Ok(batch("kept"))).unwrap();
    let generation = || slot.read(|open| Ok(open.generation)).unwrap();
    let view = FjallView::open(&slot).unwrap();
    assert!(slot.tidy().unwrap(), "nothing is left yet");
    let failed = slot.work_on::<()>(|_, _| Err(no_space()));
    assert!(matches!(failed, Err(Error::NoSpace { .. })));
    assert!(!slot.tidy().unwrap());
    assert_eq!(generation(), 0);
    assert_eq!(view.sizes(None).unwrap().rows, 1);
    drop(view);
    assert!(slot.tidy().unwrap());
    assert_eq!(generation(), 1);
    assert!(slot.tidy().unwrap());
    assert_eq!(generation(), 1);
    // After a panic there is nothing to be read from any more.
    let view = FjallView::open(&slot).unwrap();
    let failed = slot.work_on::<()>(|_, _| panic!("as the engine may"));
    assert!(matches!(failed, Err(Error::Corrupt { .. })));
    assert_eq!(generation(), 2);
    assert!(matches!(view.sizes(None), Err(Error::SnapshotLost)));
    assert!(slot.tidy().unwrap() && has(&slot, "kept"));
}

#[test]
fn a_store_that_could_not_be_opened_again_is_tried_later() {
    let folder = tempfile::tempdir().unwrap();
    let slot = Slot::open(folder.path(), FjallSettings::default()).unwrap();
    slot.write(|_| Ok(batch("kept"))).unwrap();
    let closed = |since| State::Closed {
        why: no_space(),
        cut_from: None,
        since,
        generation: 4,
    };
    *slot.state.write() = closed(Instant::now());
    assert!(matches!(slot.read(|_| Ok(())), Err(Error::NoSpace { .. })));
    *slot.state.write() = closed(Instant::now().checked_sub(RETRY_PAUSE).unwrap());
    assert!(has(&slot, "kept"));
    assert_eq!(slot.read(|open| Ok(open.generation)).unwrap(), 5);
}

/// Writes three batches, and a fourth that is refused after it was written; then flips a bit in one of them, takes the fourth back,
/// and tells whether it could be.
fn taken_back_with_damage_in(damaged: usize) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let slot = Slot::open(folder.path(), FjallSettings::default()).unwrap();
    for round in 0..3 {
        slot.write(|_| Ok(batch(&format!("kept {round}")))).unwrap();
    }
    let seqno = slot.read(|open| Ok(open.next_seqno())).unwrap();
    slot.read(|open| {
        open.apply(&batch("refused"))
            .map_err(|error| classify("testing", error))
    })
    .unwrap();
    let (_, path) = journal::files(folder.path()).unwrap().pop().unwrap();
    let mut spans = Vec::new();
    journal::walk(&path, |span| spans.push(span)).unwrap();
    // What the engine wrote when it was opened is before them.
    let span = spans[spans.len() - 4 + damaged];
    let mut bytes = std::fs::read(&path).unwrap();
    // In the length of the key, so that nothing can be read on.
    bytes[usize::try_from(span.start).unwrap() + 13 + 11] ^= 0x10;
    std::fs::write(&path, &bytes).unwrap();
    let error = slot.recover(seqno, no_space());
    if matches!(error, Error::InDoubt { .. }) {
        assert_eq!(
            std::fs::read(&path).unwrap(),
            bytes,
            "what is behind the damage has to stay"
        );
        assert!(slot.read(|_| Ok(())).is_err());
        return false;
    }
    assert!(matches!(error, Error::NoSpace { .. }), "{error:?}");
    for round in 0..3 {
        assert!(
            has(&slot, &format!("kept {round}")),
            "{round}, after damage in {damaged}"
        );
    }
    assert!(!has(&slot, "refused"));
    true
}

#[test]
fn taking_a_refused_batch_back_loses_nothing_behind_a_damage() {
    assert!(!taken_back_with_damage_in(0));
    assert!(!taken_back_with_damage_in(1));
    assert!(!taken_back_with_damage_in(2));
    // Whatever it looks like: it is not wanted.
    assert!(taken_back_with_damage_in(3));
}
