//! Watching a capture while it runs.

use super::*;
use futures::StreamExt as _;

fn wait<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(work)
}

/// All that a follower gets until the end.
fn followed(following: Following) -> Vec<u8> {
    let pieces: Vec<_> = wait(following.collect());
    pieces.concat()
}

#[test]
fn who_follows_has_a_file_of_what_comes_from_then_on() {
    for format in [Format::Pcap, Format::PcapNg] {
        for rotation in [None, Some(ROTATION_BYTES_MIN)] {
            let (feed, clock) = (Feed::default(), clock());
            let request = CaptureRequest {
                format,
                rotation: Rotation {
                    bytes: rotation,
                    every: None,
                },
                ..limited(None, None, None)
            };
            let settings = Settings { buffers: 64, ..small() };
            let mut running = engine(settings, &clock)
                .start_with(&request, vec![feed.source("a")])
                .unwrap();
            feed.push(batch(&[(1, 60); 10]));
            let handle = running.handle();
            eventually("the first", || handle.progress().packets == 10);
            let early = handle.follow().unwrap();
            // Over several parts, and files.
            for _ in 0..20 {
                feed.push(batch(&[(1, 1000); 20]));
            }
            eventually("the second", || handle.progress().packets == 410);
            let late = handle.follow().unwrap();
            feed.push(batch(&[(1, 70); 5]));
            eventually("the third", || handle.progress().packets == 415);
            handle.stop();
            let mut parts = 0;
            while running.parts.blocking_next().is_some() {
                parts += 1;
            }
            assert!(parts > 5);
            let lengths = |file: Vec<u8>| packets(&file).iter().map(|p| p.1).collect::<Vec<_>>();
            let expected = [vec![1000; 400], vec![70; 5]].concat();
            assert_eq!(lengths(followed(early)), expected, "{format:?} {rotation:?}");
            assert_eq!(lengths(followed(late)), [70; 5]);
            assert!(matches!(handle.follow(), Err(FollowError::Over)));
        }
    }
}

#[test]
fn what_came_is_shown_a_moment_later() {
    let (feed, clock) = (Feed::default(), clock());
    let running = engine(small(), &clock)
        .start_with(&limited(None, None, None), vec![feed.source("a")])
        .unwrap();
    let mut following = running.handle().follow().unwrap();
    assert!(!wait(following.next()).unwrap().is_empty(), "the head");
    feed.push(batch(&[(1, 60)]));
    eventually("the packet", || running.handle().progress().packets == 1);
    clock.advance(Duration::from_millis(200));
    let piece = wait(following.next()).unwrap();
    assert!(piece.len() > 60 && piece.len() < 200, "{}", piece.len());
    // Nothing is handed over as a part for that.
    assert_eq!(running.parts.waiting(), 0);
}

#[test]
fn a_watched_capture_has_small_parts_and_no_end_of_them() {
    let (feed, clock) = (Feed::default(), clock());
    let settings = Settings {
        parts_max: Some(2),
        ..Settings::default()
    };
    let request = CaptureRequest {
        is_live: true,
        ..limited(None, None, None)
    };
    let mut running = engine(settings, &clock)
        .start_with(&request, vec![feed.source("a")])
        .unwrap();
    for number in 1..=5 {
        feed.push(batch(&[(1, 60)]));
        eventually("a packet", || running.handle().progress().packets == number);
        clock.advance(Duration::from_millis(200));
        let part = running.parts.blocking_next().unwrap();
        assert!(part.bytes.len() < 1000);
    }
}
