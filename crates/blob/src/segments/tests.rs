use super::*;
use crate::BlobId;

const BYTES: u64 = 2 * ALIGNMENT;

/// Many segments, each half used.
fn half_used(dir: &Path, segments: u64) -> (Segments, Vec<Extent>) {
    let settings = Settings {
        segment_bytes: BYTES,
        segment_body_bytes_max: 1,
        ..Settings::default()
    };
    std::fs::create_dir_all(dir.join(SEGMENTS)).unwrap();
    let root = Root::of(Folder::open(dir).unwrap());
    let all = Segments::open(root, &settings).unwrap();
    let mut extents = Vec::new();
    for number in 0..segments {
        File::create(dir.join(name_of(number))).unwrap().set_len(BYTES).unwrap();
        all.state.lock().not_adopted.insert(number, Vec::new());
        all.adopt(number, &[(0, 1)]).unwrap();
        // As if they had been written before.
        all.state.lock().space.turn(number, false);
        let id = BlobId::from_bytes(u128::from(number).to_be_bytes());
        let place = Place::Segment {
            segment: number,
            offset: 0,
        };
        extents.push(Extent { id, place, length: 1 });
    }
    all.state.lock().space.looks.set(0);
    (all, extents)
}

fn looks(all: &Segments) -> usize {
    all.state.lock().space.looks.get()
}

#[test]
fn giving_back_looks_at_each_segment_a_few_times_however_many_there_are() {
    for segments in [50, 500] {
        let dir = tempfile::tempdir().unwrap();
        let (all, _) = half_used(dir.path(), segments);
        let order = all.to_give_back();
        assert_eq!(order.len() as u64, segments);
        let given: u64 = order
            .iter()
            .map(|segment| all.give_back(0, *segment).unwrap().unwrap())
            .sum();
        assert_eq!(given, segments * ALIGNMENT);
        assert!(looks(&all) as u64 <= 3 * segments, "{} of {segments}", looks(&all));
    }
}

/// A walk asks after each page of rows.
#[test]
fn asking_whether_segments_are_empty_costs_no_more_the_more_there_are() {
    for segments in [50, 500] {
        let dir = tempfile::tempdir().unwrap();
        let (all, extents) = half_used(dir.path(), segments);
        let mut left = all.drain(u64::MAX, &all.numbers());
        let drained = left.len();
        assert!(drained as u64 >= segments / 2 - 1, "{drained}");
        all.state.lock().space.looks.set(0);
        let mut asked = 0;
        for extent in &extents {
            all.skip_gone(&mut left);
            asked += 1;
            all.release(std::slice::from_ref(extent));
        }
        all.skip_gone(&mut left);
        assert!(left.is_empty());
        assert!(
            looks(&all) <= asked + drained + 1,
            "{} in {asked} for {drained}",
            looks(&all)
        );
    }
}
