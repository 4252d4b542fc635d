use super::*;
use crate::ChecksumAlgorithm::{Crc32, Crc64Nvme};
use proptest::prelude::*;

/// A body in pieces of any length, how much of it was taken in before it came to the others, and after how many steps it comes.
fn body() -> impl Strategy<Value = (Vec<u8>, Vec<Vec<u8>>, usize)> {
    let bytes = |max| proptest::collection::vec(any::<u8>(), 0..max);
    (bytes(130), proptest::collection::vec(bytes(400), 0..6), 0..4_usize)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// Whatever comes beside it, whenever, and however it is cut: the digests of a body are those of it alone.
    #[test]
    fn side_by_side_as_alone(bodies in proptest::collection::vec(body(), 1..=LANES)) {
        let hasher = || Hasher::new([Crc32, Crc64Nvme]);
        let mut waiting: Vec<_> = bodies.iter().enumerate().collect();
        let mut running: Vec<(usize, Feed)> = Vec::new();
        let mut given = vec![None; bodies.len()];
        let mut steps = 0;
        while !(waiting.is_empty() && running.is_empty()) {
            for (n, (before, pieces, _)) in waiting.extract_if(.., |(_, (_, _, after))| *after <= steps) {
                let mut hasher = hasher();
                hasher.update(before);
                running.push((n, Feed::new(hasher, pieces.iter().cloned().map(Bytes::from).collect())));
            }
            for place in step(running.iter_mut().map(|(_, feed)| feed)) {
                let (n, feed) = running.swap_remove(place);
                given[n] = Some(feed.into_hasher().finish());
            }
            steps += 1;
        }
        for (given, (before, pieces, _)) in given.into_iter().zip(&bodies) {
            let mut alone = hasher();
            alone.update(&[before.clone(), pieces.concat()].concat());
            prop_assert_eq!(given.unwrap(), alone.finish());
        }
    }
}
