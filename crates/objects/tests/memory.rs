//! Memory does not grow with bodies (F26). Alone in its binary, because it looks at the whole process.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_objects::{Body, PutObject, Selection};
use bytes::Bytes;
use common::{MIB, at, model, put_of};
use futures::StreamExt;

const TRANSFERS: usize = 64;
const TRANSFER_MIB: usize = 5;
/// Half of what all bodies together have, and less than the longest one.
const PEAK_MIB_MAX: usize = 160;

/// A body of so many MiB in pieces of 64 KiB, none of which outlives its turn.
fn stream(mebibytes: usize) -> Body {
    Box::pin(
        futures::stream::iter(0..mebibytes * 16).map(|n| Ok(Bytes::from(vec![u8::try_from(n % 251).unwrap(); 65_536]))),
    )
}

fn peak_memory_mib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() / 1024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn memory_is_bounded_for_long_bodies_and_many_transfers() {
    let dir = tempfile::tempdir().unwrap();
    let store = std::sync::Arc::new(model(dir.path()).with_bucket().await);
    let one = |key: String, mebibytes: usize, known: bool| {
        let store = store.clone();
        tokio::spawn(async move {
            let length = known.then_some((mebibytes * MIB) as u64);
            let put = PutObject {
                body: stream(mebibytes),
                length,
                ..put_of(&key, &Bytes::new())
            };
            store.objects.put(put).await.unwrap();
            let mut body = store.objects.open(&at(&key), Selection::Whole).await.unwrap().body;
            let mut got = 0;
            while let Some(piece) = body.next().await {
                got += piece.unwrap().len();
                tokio::task::yield_now().await;
            }
            assert_eq!(got, mebibytes * MIB);
        })
    };
    one("long".into(), 300, true).await.unwrap();
    let transfers = (0..TRANSFERS).map(|n| one(format!("{n}"), TRANSFER_MIB, n % 2 == 0));
    for transfer in futures::future::join_all(transfers).await {
        transfer.unwrap();
    }
    let peak = peak_memory_mib();
    assert!(peak < PEAK_MIB_MAX, "{peak} MiB");
}
