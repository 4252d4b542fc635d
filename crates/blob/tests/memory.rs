//! What readers and writers hold is bounded over all of them, and none of them waits for what another holds.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use baleen_blob::{Blobs, ExtentReader, NewBlob, OwnerTag, Placement, Settings, Writer};
use baleen_runtime::SeededEntropy;
use baleen_types::ServedRange;
use bytes::Bytes;
use std::pin::Pin;
use std::sync::mpsc;
use std::task::{Context, Waker};

const SETTINGS: Settings = Settings {
    segment_bytes: 1 << 20,
    segment_body_bytes_max: 512 << 10,
    reserve_bytes: 0,
    io_jobs_max: 4,
    transfer_bytes_max: 4 << 20,
};

const TRANSFERS: usize = 64;
const BODY_LEN: usize = (1 << 20) + 1000;
/// A block with its checksum and a header.
const BLOCK_LEN: usize = (64 << 10) + 68;
/// Four blocks so.
const UNIT_LEN: usize = 4 * (BLOCK_LEN - 64) + 64;

fn pattern(length: usize, seed: usize) -> Bytes {
    (0..length)
        .map(|i| u8::try_from((i * 31 + i / 251 + seed * 97) % 256).unwrap())
        .collect()
}

fn new(length: Option<u64>) -> NewBlob {
    NewBlob {
        owner: OwnerTag::default(),
        length,
        placement: Placement::BySize,
    }
}

fn bound_bytes(blocks_of_each: usize) -> usize {
    (4 << 20) + TRANSFERS * blocks_of_each * BLOCK_LEN
}

async fn rest_of(reader: &mut ExtentReader) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(piece) = reader.next().await {
        all.extend_from_slice(&piece.unwrap());
    }
    all
}

#[tokio::test]
async fn readers_whom_nobody_drains_hold_a_block_each() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(dir.path(), SETTINGS, SeededEntropy::new(1)).unwrap();
    let body = pattern(BODY_LEN, 1);
    let mut writer = blobs.writer(new(Some(BODY_LEN as u64))).await.unwrap();
    writer.write(body.clone()).await.unwrap();
    let written = writer.finish().await.unwrap();
    let extent = written.extent();
    written.submit().keep();

    let mut readers = Vec::new();
    for _ in 0..TRANSFERS {
        let mut reader = blobs.read(extent, ServedRange::whole(extent.length));
        let first = reader.next().await.unwrap().unwrap();
        readers.push((reader, first));
    }
    let held = blobs.buffers().held_bytes();
    assert!(held <= bound_bytes(1), "{held}");
    // The first of them have as much as they can use, and one who comes last is served like all others.
    assert!(held >= (4 << 20) / UNIT_LEN * UNIT_LEN, "{held}");
    while let Some((mut reader, first)) = readers.pop() {
        assert_eq!([&first[..], &rest_of(&mut reader).await].concat(), body);
    }
}

/// Where one is alone it reads ahead.
#[tokio::test]
async fn one_reader_has_two_units() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(dir.path(), SETTINGS, SeededEntropy::new(1)).unwrap();
    let mut writer = blobs.writer(new(Some(BODY_LEN as u64))).await.unwrap();
    writer.write(pattern(BODY_LEN, 1)).await.unwrap();
    let written = writer.finish().await.unwrap();
    let mut reader = blobs.read(written.extent(), ServedRange::whole(BODY_LEN as u64));
    for _ in 0..2 {
        blobs.buffers().give_back();
    }
    let _first = reader.next().await.unwrap().unwrap();
    assert_eq!(blobs.buffers().held_bytes(), 2 * UNIT_LEN);
}

fn is_done<T>(future: Pin<&mut impl Future<Output = T>>) -> bool {
    future.poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

/// All of them are served when the disk is, whatever each of them had to hold until then.
#[test]
fn writers_whose_disk_does_nothing_hold_two_pieces_each() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(1)
        .build()
        .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(dir.path(), SETTINGS, SeededEntropy::new(1)).unwrap();
    runtime.block_on(async {
        let mut writers = Vec::new();
        for n in 0..TRANSFERS {
            // Of known length and not.
            let length = (n % 2 == 0).then_some(BODY_LEN as u64);
            writers.push((n, blobs.writer(new(length)).await.unwrap()));
        }
        // The one thread that writes is held up.
        let (go_on, held_up) = mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || held_up.recv());
        let write = |(n, mut writer): (usize, Writer)| {
            Box::pin(async move {
                writer.write(pattern(BODY_LEN, n)).await.unwrap();
                (n, writer.finish().await.unwrap())
            })
        };
        let mut writing: Vec<_> = writers.into_iter().map(write).collect();
        for write in &mut writing {
            assert!(!is_done(write.as_mut()));
        }
        let held = blobs.buffers().held_bytes();
        assert!(held <= bound_bytes(2), "{held}");
        go_on.send(()).unwrap();
        for (n, written) in futures::future::join_all(writing).await {
            let mut reader = blobs.read(written.extent(), ServedRange::whole(BODY_LEN as u64));
            assert_eq!(rest_of(&mut reader).await, pattern(BODY_LEN, n), "{n}");
        }
    });
    for _ in 0..2 {
        blobs.buffers().give_back();
    }
    assert_eq!(blobs.buffers().held_bytes(), 0);
}

/// A piece says which bytes are on their way to the disk, and which are not yet.
#[tokio::test]
async fn what_was_sent_and_what_was_not_is_all_that_came() {
    for (transfer_bytes_max, length, step) in [
        (4 << 20, Some(BODY_LEN), 10_000),
        (4 << 20, None, 65_536),
        (0, Some(BODY_LEN), 70_000),
        (0, None, 1 << 20),
        (4 << 20, Some(40_000), 9000),
    ] {
        let settings = Settings {
            transfer_bytes_max,
            ..SETTINGS
        };
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(dir.path(), settings, SeededEntropy::new(1)).unwrap();
        let body = pattern(length.unwrap_or(BODY_LEN), step);
        let mut writer = blobs.writer(new(length.map(|length| length as u64))).await.unwrap();
        let mut seen = writer.take_sent().concat();
        for some in body.chunks(step) {
            writer.write(Bytes::copy_from_slice(some)).await.unwrap();
            seen.extend(writer.take_sent().concat());
        }
        assert!(body.len() < BLOCK_LEN || seen.len() > body.len() / 2, "{step}");
        seen.extend(writer.unsent().flatten());
        assert_eq!(seen, body, "{step}");
        let written = writer.finish().await.unwrap();
        let mut reader = blobs.read(written.extent(), ServedRange::whole(body.len() as u64));
        assert_eq!(rest_of(&mut reader).await, body, "{step}");
    }
}
