//! What uploads and downloads hold that do not get on: bounded over all of them, and no more than a few blocks for each.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_objects::{Body, Encrypt, PutObject, Selection};
use bytes::Bytes;
use common::{MIB, Store, VOLUME, at, model, pattern, put_of};
use futures::StreamExt;
use std::sync::Arc;
use tokio::sync::Barrier;

const TRANSFERS: usize = 64;
/// Longer than all that can be read or written ahead for one.
const STALLED_AT: usize = MIB + 77_777;
const LENGTH: usize = 2 * MIB;
/// A block of the volume, with what belongs to it.
const BLOCK: usize = 65_604;

fn check_held(store: &Store, blocks_of_each: usize) {
    let held = store.blobs.buffers().held_bytes();
    let pool = usize::try_from(VOLUME.transfer_bytes_max).unwrap();
    assert!(held <= pool + TRANSFERS * blocks_of_each * BLOCK, "{held}");
    assert!(held > pool * 9 / 10, "what there is is used: {held}");
}

/// A body that stops in its middle until all others have, and it was looked.
fn stalling(bytes: Bytes, stalled: Arc<Barrier>) -> Body {
    let piece = move |at: usize| bytes.slice(at..(at + 30_000).min(LENGTH));
    let steps = futures::stream::iter((0..LENGTH).step_by(30_000));
    Box::pin(steps.then(move |at| {
        let (piece, stalled) = (piece(at), Arc::clone(&stalled));
        async move {
            if (at..at + 30_000).contains(&STALLED_AT) {
                stalled.wait().await;
                stalled.wait().await;
            }
            Ok(piece)
        }
    }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transfers_that_stall_hold_little_and_end_well() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(model(dir.path()).with_bucket().await);
    let stalled = Arc::new(Barrier::new(TRANSFERS + 1));
    let bodies: Vec<_> = (0..4).map(|n| pattern(LENGTH, n)).collect();
    let uploads: Vec<_> = (0..TRANSFERS)
        .map(|n| {
            let put = PutObject {
                body: stalling(bodies[n % 4].clone(), Arc::clone(&stalled)),
                length: (n % 4 < 2).then_some(LENGTH as u64),
                encrypt: if n % 2 == 0 {
                    Encrypt::AsBucket
                } else {
                    Encrypt::Managed
                },
                ..put_of(&n.to_string(), &Bytes::new())
            };
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.objects.put(put).await.map(drop) })
        })
        .collect();
    stalled.wait().await;
    // One that is filled and one on its way, and the same of what is sealed.
    check_held(&store, 4);
    stalled.wait().await;
    for upload in uploads {
        upload.await.unwrap().unwrap();
    }

    // Nobody has any, and none is kept that was needed before.
    for _ in 0..2 {
        store.blobs.buffers().give_back();
    }
    assert_eq!(store.blobs.buffers().held_bytes(), 0);

    let mut downloads = Vec::new();
    for n in 0..TRANSFERS {
        let mut body = store
            .objects
            .open(&at(&n.to_string()), Selection::Whole)
            .await
            .unwrap()
            .body;
        let first = body.next().await.unwrap().unwrap();
        downloads.push((n, first, body));
    }
    check_held(&store, 1);
    for (n, first, mut body) in downloads {
        let mut got = first.to_vec();
        while let Some(piece) = body.next().await {
            got.extend_from_slice(&piece.unwrap());
        }
        assert_eq!(got, bodies[n % 4], "{n}");
    }
}
