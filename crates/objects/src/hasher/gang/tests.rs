use super::*;
use crate::ChecksumAlgorithm::{Crc32, Sha256};

fn hasher(count: usize) -> Hasher {
    Hasher::new(if count.is_multiple_of(3) {
        vec![Sha256]
    } else {
        vec![Crc32]
    })
}

/// More bodies than lanes, each of its own length, at one time: each gets its own digests.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_gets_its_own() {
    let gang = Gang::new();
    let bodies: Vec<Vec<Bytes>> = (0..40_usize)
        .map(|n| {
            (0..n % 7)
                .map(|piece| vec![u8::try_from(n).unwrap(); piece * 1000 + n].into())
                .collect()
        })
        .collect();
    let running: Vec<_> = bodies
        .iter()
        .enumerate()
        .map(|(n, body)| gang.digest(hasher(n), body.clone()))
        .collect();
    for ((n, body), running) in bodies.iter().enumerate().zip(running) {
        let mut alone = hasher(n);
        alone.update(&body.concat());
        assert_eq!(running.await.unwrap().finish(), alone.finish(), "{n}");
    }
    // Whoever comes when all have gone gets a worker too.
    assert!(gang.digest(hasher(1), vec![]).await.is_ok());
}

/// With the runtime gone, who still waits is told so.
#[test]
fn nobody_waits_for_ever() {
    let gang = Gang::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let handle = runtime.handle().clone();
    runtime.shutdown_background();
    let _guard = handle.enter();
    for _ in 0..2 {
        assert!(
            gang.digest(hasher(1), vec![Bytes::from_static(b"x")])
                .blocking_recv()
                .is_err()
        );
    }
    assert_eq!(gang.queue.lock().workers, 0);
}

/// Who was here just now is expected until it comes, or is slow; for no more than there are lanes.
#[test]
fn those_who_come_again_are_expected() {
    let job = || Job {
        hasher: hasher(1),
        batch: Vec::new(),
        done: oneshot::channel().0,
    };
    let now = Instant::now();
    let mut queue = Queue::default();
    queue.push(job());
    assert!(!queue.is_more_expected(now), "nobody was here");
    for _ in 0..2 {
        queue.give_back(now);
    }
    queue.push(job());
    assert!(queue.is_more_expected(now), "one of two has come");
    queue.push(job());
    assert!(!queue.is_more_expected(now), "both have");
    queue.give_back(now);
    assert!(queue.is_more_expected(now + RECENT));
    assert!(!queue.is_more_expected(now + RECENT + Duration::from_nanos(1)), "slow");
    assert!(queue.given_back.is_empty());
    for _ in 0..LANES * 2 {
        queue.give_back(now);
    }
    assert_eq!(queue.given_back.len(), LANES);
    queue.waiting.extend((0..LANES).map(|_| job()));
    assert!(!queue.is_more_expected(now), "there is no lane for more");
}
