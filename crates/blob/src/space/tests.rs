use super::*;
use proptest::prelude::*;

fn range(segment: u64, offset: u64, bytes: u64) -> Range {
    Range { segment, offset, bytes }
}

#[test]
fn the_smallest_fitting_hole_is_taken() {
    let mut space = Space::default();
    // Holes of 10 at 0, 30 at 20, 40 at 60.
    assert!(space.add_segment(1, 100, &mut [(50, 10), (10, 10)], false));
    assert_eq!(space.allocate(25), Some(range(1, 20, 25)));
    assert_eq!(space.allocate(6), Some(range(1, 0, 6)));
    assert_eq!(space.allocate(41), None);
    assert_eq!(space.allocate(40), Some(range(1, 60, 40)));
    assert_eq!(space.sums().free, 4 + 5);
}

#[test]
fn neighbours_join_and_empty_segments_go() {
    let mut space = Space::default();
    assert!(space.add_segment(1, 30, &mut [], false));
    assert!(space.add_segment(2, 30, &mut [], false));
    let all: Vec<_> = (0..6).map(|_| space.allocate(10).unwrap()).collect();
    assert_eq!((space.allocate(1), space.sums().free), (None, 0));
    for i in [1, 0, 2, 4, 5, 3] {
        assert!(space.release(all[i]));
    }
    assert_eq!(space.allocate(30), Some(range(1, 0, 30)), "joined");
    assert!(space.release(range(1, 0, 30)));
    assert_eq!(space.remove_empty(1), [2]);
    assert_eq!(space.remove_empty(1), [0; 0]);
    assert_eq!((space.sums().free, space.sums().bytes), (30, 30));
}

#[test]
fn contradictions_are_refused() {
    for live in [&mut [(0, 20), (10, 20)][..], &mut [(90, 11)], &mut [(u64::MAX, 2)]] {
        let mut space = Space::default();
        assert!(!space.add_segment(1, 100, live, false));
        assert_eq!(space.allocate(1), None);
    }
}

#[test]
fn a_range_that_is_free_already_is_not_freed_again() {
    let mut space = Space::default();
    // Free: 0 to 20, and 60 to 100.
    assert!(space.add_segment(1, 100, &mut [(20, 40)], false));
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
    assert_eq!(space.sums().free, 60);
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
    assert!(space.add_segment(1, 100, &mut [], false));
    let held = space.allocate(10).unwrap();
    space.retire(1);
    assert!(space.release(held));
    assert_eq!((space.allocate(1), space.sums().free), (None, 0));
}

#[test]
fn what_is_hollow_is_not_handed_out_before_it_is_ready() {
    let mut space = Space::default();
    // Holes of 10 at 0 and 80 at 20.
    assert!(space.add_segment(1, 100, &mut [(10, 10)], false));
    assert_eq!(space.turn(1, true), [range(1, 0, 10), range(1, 20, 80)]);
    assert_eq!((space.allocate(1), space.sums().ready()), (None, 0));
    assert_eq!(space.longest_hollow(81), None);
    let longest = space.longest_hollow(80).unwrap();
    assert_eq!(longest, range(1, 20, 80));
    space.ready_first(longest, 30);
    space.ready_first(longest, 30);
    assert_eq!(space.allocate(31), None);
    let held = space.allocate(30).unwrap();
    assert_eq!(held, range(1, 20, 30));
    // What is released is ready, and its hollow neighbours stay what they are.
    assert!(space.release(range(1, 10, 10)));
    assert_eq!(space.allocate(11), None);
    assert!(space.release(held));
    assert_eq!((space.sums().free, space.sums().ready()), (100, 40));
    assert_eq!(space.allocate(41), None);
    assert_eq!(space.turn(1, false), [range(1, 0, 10), range(1, 50, 50)]);
    assert_eq!(space.allocate(100), Some(range(1, 0, 100)));
}

#[test]
fn a_hollow_segment_that_is_wholly_free_goes() {
    let mut space = Space::default();
    assert!(space.add_segment(1, 100, &mut [(10, 10)], true));
    assert_eq!(space.remove_empty(0), [0; 0]);
    assert!(space.release(range(1, 10, 10)));
    assert_eq!(space.remove_empty(0), [1]);
    assert_eq!(space.sums(), Sums::default());
}

#[test]
fn a_drained_segment_hands_out_nothing_and_goes_when_it_is_empty() {
    let mut space = Space::default();
    assert!(space.add_segment(1, 100, &mut [(0, 10), (50, 10)], false));
    assert!(space.add_segment(2, 100, &mut [(0, 90)], false));
    space.drain(1, true);
    assert_eq!(space.allocate(11), None);
    assert!(space.release(range(1, 0, 10)));
    assert_eq!(space.allocate(11), None);
    space.drain(1, false);
    assert_eq!(space.allocate(11), Some(range(1, 60, 11)));
    assert!(space.release(range(1, 60, 11)));
    space.drain(1, true);
    assert!(space.release(range(1, 50, 10)));
    assert_eq!(space.remove_empty(1), [1], "it is no spare");
    space.drain(1, false);
    assert_eq!((space.allocate(11), space.sums().free), (None, 10));
}

#[test]
fn segments_are_worth_emptying_while_the_others_have_room() {
    // Live bytes of segments of 100, the most to be moved, and which are chosen.
    for (live, live_max, chosen) in [
        (&[50][..], 1000, &[][..]),
        (&[50, 50], 1000, &[0]),
        (&[51, 51], 1000, &[]),
        (&[0, 50], 1000, &[1]),
        (&[30, 100], 1000, &[]),
        (&[20, 40, 80, 90], 1000, &[0]),
        (&[20, 40, 30, 30], 1000, &[0, 2]),
        (&[20, 30, 30, 10, 60, 60], 1000, &[3, 0, 1]),
        (&[20, 30, 30, 10, 60, 60], 30, &[3, 0]),
        (&[20, 30, 30, 10, 60, 60], 1, &[3]),
    ] {
        let mut space = Space::default();
        for (segment, &bytes) in (0..).zip(live) {
            assert!(space.add_segment(segment, 100, &mut [(0, bytes)], false));
        }
        assert_eq!(space.sparse(live_max, &space.numbers()), chosen, "{live:?} {live_max}");
    }
    let mut space = Space::default();
    for segment in 0..4 {
        assert!(space.add_segment(segment, 100, &mut [(0, 20)], false));
    }
    space.drain(0, true);
    assert_eq!(space.sparse(1000, &BTreeSet::from([0, 2, 3])), [2, 3]);
}

/// What may happen to the segments.
#[derive(Clone, Debug)]
enum Step {
    Allocate(u64),
    Release(prop::sample::Index),
    Turn(u64, bool),
    Ready(u64),
    Drain(u64, bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1u64..40).prop_map(Step::Allocate),
        4 => any::<prop::sample::Index>().prop_map(Step::Release),
        1 => (0u64..3, any::<bool>()).prop_map(|(segment, hollow)| Step::Turn(segment, hollow)),
        1 => (1u64..40).prop_map(Step::Ready),
        1 => (0u64..3, any::<bool>()).prop_map(|(segment, drained)| Step::Drain(segment, drained)),
    ]
}

proptest! {
    /// No two live ranges overlap, nothing hollow or drained is handed out, nothing is lost, and after all is freed each
    /// segment is wholly free again.
    #[test]
    fn nothing_overlaps_and_nothing_leaks(steps in prop::collection::vec(step(), 1..200)) {
        let mut space = Space::default();
        for segment in 0..3 {
            prop_assert!(space.add_segment(segment, 100, &mut [], false));
        }
        let mut live: Vec<Range> = Vec::new();
        // Of each place in each segment, whether the file system has it.
        let mut hollow = [[false; 100]; 3];
        let mut drained = [false; 3];
        let places = |range: &Range| {
            let at = |n: u64| usize::try_from(n).unwrap();
            (at(range.segment), at(range.offset)..at(range.offset + range.bytes))
        };
        for step in steps {
            match step {
                Step::Allocate(bytes) => {
                    if let Some(new) = space.allocate(bytes) {
                        prop_assert!(new.offset + new.bytes <= 100);
                        for old in live.iter().filter(|r| r.segment == new.segment) {
                            prop_assert!(new.offset + new.bytes <= old.offset || old.offset + old.bytes <= new.offset);
                        }
                        let (segment, at) = places(&new);
                        prop_assert!(!drained[segment]);
                        prop_assert!(!hollow[segment][at].contains(&true));
                        live.push(new);
                    }
                }
                Step::Release(index) => {
                    if !live.is_empty() {
                        prop_assert!(space.release(live.swap_remove(index.index(live.len()))));
                    }
                }
                Step::Turn(segment, to) => {
                    for range in space.turn(segment, to) {
                        prop_assert!(live.iter().all(|r| r.segment != segment
                            || r.offset + r.bytes <= range.offset
                            || range.offset + range.bytes <= r.offset));
                        let (segment, at) = places(&range);
                        hollow[segment][at].fill(to);
                    }
                }
                Step::Ready(bytes) => {
                    if let Some(range) = space.longest_hollow(bytes) {
                        space.ready_first(range, bytes);
                        let (segment, at) = places(&Range { bytes, ..range });
                        hollow[segment][at].fill(false);
                    }
                }
                Step::Drain(segment, to) => {
                    space.drain(segment, to);
                    drained[usize::try_from(segment).unwrap()] = to;
                }
            }
            let sums = space.sums();
            prop_assert_eq!(sums.free + live.iter().map(|r| r.bytes).sum::<u64>(), 300);
            prop_assert_eq!(sums.hollow, hollow.iter().flatten().filter(|hollow| **hollow).count() as u64);
        }
        for range in live {
            prop_assert!(space.release(range));
        }
        prop_assert_eq!(space.remove_empty(0).len(), 3);
        prop_assert_eq!(space.sums(), Sums::default());
    }
}
