use super::*;
use proptest::prelude::*;

fn range(segment: u64, offset: u64, bytes: u64) -> Range {
    Range { segment, offset, bytes }
}

#[test]
fn the_smallest_fitting_hole_is_taken() {
    let mut space = Space::default();
    // Holes of 10 at 0, 30 at 20, 40 at 60.
    assert!(space.add_segment(1, 100, &mut [(50, 10), (10, 10)]));
    assert_eq!(space.allocate(25), Some(range(1, 20, 25)));
    assert_eq!(space.allocate(6), Some(range(1, 0, 6)));
    assert_eq!(space.allocate(41), None);
    assert_eq!(space.allocate(40), Some(range(1, 60, 40)));
    assert_eq!(space.free_bytes(), 4 + 5);
}

#[test]
fn neighbours_join_and_empty_segments_go() {
    let mut space = Space::default();
    assert!(space.add_segment(1, 30, &mut []));
    assert!(space.add_segment(2, 30, &mut []));
    let all: Vec<_> = (0..6).map(|_| space.allocate(10).unwrap()).collect();
    assert_eq!((space.allocate(1), space.free_bytes()), (None, 0));
    for i in [1, 0, 2, 4, 5, 3] {
        assert!(space.release(all[i]));
    }
    assert_eq!(space.allocate(30), Some(range(1, 0, 30)), "joined");
    assert!(space.release(range(1, 0, 30)));
    assert_eq!(space.remove_empty(1), [2]);
    assert_eq!(space.remove_empty(1), [0; 0]);
    assert_eq!((space.free_bytes(), space.total_bytes()), (30, 30));
}

#[test]
fn contradictions_are_refused() {
    for live in [&mut [(0, 20), (10, 20)][..], &mut [(90, 11)], &mut [(u64::MAX, 2)]] {
        let mut space = Space::default();
        assert!(!space.add_segment(1, 100, live));
        assert_eq!(space.allocate(1), None);
    }
}

#[test]
fn a_range_that_is_free_already_is_not_freed_again() {
    let mut space = Space::default();
    // Free: 0 to 20, and 60 to 100.
    assert!(space.add_segment(1, 100, &mut [(20, 40)]));
    for (offset, bytes) in [
        (0, 20),
        (0, 10),
        (5, 5),
        (10, 20),
        (50, 20),
        (60, 1),
        (10, 60),
        (90, 20),
        (50, u64::MAX),
    ] {
        assert!(!space.release(range(1, offset, bytes)), "{offset} {bytes}");
    }
    assert_eq!(space.free_bytes(), 60);
    assert!(space.release(range(1, 20, 40)));
    assert_eq!(space.allocate(100), Some(range(1, 0, 100)));
    assert!(
        space.release(range(2, 0, 10)),
        "of a segment that is not written any more"
    );
}

#[test]
fn a_retired_segment_is_not_written_again() {
    let mut space = Space::default();
    assert!(space.add_segment(1, 100, &mut []));
    let held = space.allocate(10).unwrap();
    space.retire(1);
    assert!(space.release(held));
    assert_eq!((space.allocate(1), space.free_bytes()), (None, 0));
}

proptest! {
    /// No two live ranges overlap, nothing is lost, and after all is freed each segment is one range again.
    #[test]
    fn nothing_overlaps_and_nothing_leaks(steps in prop::collection::vec((any::<bool>(), 1u64..40, any::<prop::sample::Index>()), 1..200)) {
        let mut space = Space::default();
        for segment in 0..3 {
            prop_assert!(space.add_segment(segment, 100, &mut []));
        }
        let mut live: Vec<Range> = Vec::new();
        for (allocate, bytes, index) in steps {
            if allocate {
                if let Some(new) = space.allocate(bytes) {
                    prop_assert!(new.offset + new.bytes <= 100);
                    for old in live.iter().filter(|r| r.segment == new.segment) {
                        prop_assert!(new.offset + new.bytes <= old.offset || old.offset + old.bytes <= new.offset);
                    }
                    live.push(new);
                }
            } else if !live.is_empty() {
                prop_assert!(space.release(live.swap_remove(index.index(live.len()))));
            }
            prop_assert_eq!(space.free_bytes() + live.iter().map(|r| r.bytes).sum::<u64>(), 300);
        }
        for range in live {
            prop_assert!(space.release(range));
        }
        prop_assert_eq!(space.remove_empty(0).len(), 3);
    }
}
