use super::*;

const UNITS: usize = 12;

fn buffers() -> Buffers {
    Buffers::new((UNITS * UNIT_LEN) as u64)
}

/// As many units as one transfer gets.
fn greedy(buffers: &Buffers, share: &Share) -> Vec<Buffer> {
    std::iter::from_fn(|| buffers.try_unit(share)).collect()
}

#[test]
fn who_holds_more_is_refused_sooner() {
    let buffers = buffers();
    // Each takes all it gets: the first by a third, by a half, and by what is left, and the last one by one.
    for (shares, lent) in [(1, 3), (2, 5), (3, 6), (9, 12), (10, 12)] {
        let held: Vec<_> = (0..shares).map(|_| greedy(&buffers, &Share::default())).collect();
        let sum = held.iter().map(Vec::len).sum::<usize>();
        assert_eq!(
            sum,
            lent,
            "{shares} transfers: {:?}",
            held.iter().map(Vec::len).collect::<Vec<_>>()
        );
    }
    assert_eq!(greedy(&buffers, &Share::default()).len(), 3, "all of it is back");
}

#[test]
fn a_block_is_never_refused_and_all_is_used_again() {
    let buffers = buffers();
    let wanted = UNIT_LEN;
    let mut held: Vec<_> = (0..1000).map(|_| buffers.take(&Share::default(), wanted)).collect();
    assert!(held[..UNITS].iter().all(|buffer| buffer.room() == UNIT_LEN));
    assert!(held[UNITS..].iter().all(|buffer| buffer.room() == ONE_LEN));
    assert_eq!(buffers.held_bytes(), UNITS * UNIT_LEN + (1000 - UNITS) * ONE_LEN);
    held[0].push(&[7; 100]);
    drop(held);
    // What was needed lately is kept for the next, and empty to him.
    buffers.give_back();
    assert_eq!(buffers.held_bytes(), UNITS * UNIT_LEN + (1000 - UNITS) * ONE_LEN);
    assert!(buffers.take(&Share::default(), wanted).is_empty());
    for kept in [1, 0] {
        buffers.give_back();
        assert_eq!(buffers.held_bytes(), kept * UNIT_LEN);
    }
}

#[test]
fn a_short_body_takes_what_it_needs() {
    let buffers = Buffers::new(0);
    for (wanted, room) in [
        (0, 0),
        (5000, 5000),
        (EXACT_LEN_MAX, EXACT_LEN_MAX),
        (EXACT_LEN_MAX + 1, ONE_LEN),
        (ONE_LEN, ONE_LEN),
        (ONE_LEN + 1, ONE_LEN),
    ] {
        assert_eq!(buffers.take(&Share::default(), wanted).room(), room, "{wanted}");
    }
}

#[test]
fn a_frozen_buffer_is_held_by_its_last_piece() {
    let buffers = buffers();
    let share = Share::default();
    let mut buffer = buffers.take(&share, UNIT_LEN);
    assert_eq!(buffer.push(&vec![1; UNIT_LEN + 1]), UNIT_LEN);
    let mut bytes = buffer.freeze();
    let piece = bytes.split_off(UNIT_LEN - 1);
    drop(bytes);
    assert_eq!((share.0.load(Ordering::Relaxed), &piece[..]), (1, &[1][..]));
    drop(piece);
    assert_eq!(share.0.load(Ordering::Relaxed), 0);
}
