//! The volume as its owner uses it: what is written is read, what is damaged is told, what is dropped leaves nothing.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use baleen_blob::{Blobs, Error, Extent, NewBlob, OwnerTag, Place, Placement, Settings, Written};
use baleen_runtime::SeededEntropy;
use baleen_types::ServedRange;
use bytes::Bytes;
use std::path::{Path, PathBuf};

const SETTINGS: Settings = Settings {
    segment_bytes: 1 << 20,
    segment_body_bytes_max: 512 << 10,
    reserve_bytes: 0,
    io_jobs_max: 4,
    transfer_bytes_max: 4 << 20,
};

fn open(dir: &Path, seed: u64) -> Blobs {
    Blobs::open(dir, SETTINGS, SeededEntropy::new(seed)).unwrap()
}

/// Bytes that differ at every place and for every `seed`.
fn pattern(length: usize, seed: usize) -> Bytes {
    (0..length)
        .map(|i| u8::try_from((i * 31 + i / 251 + seed * 97) % 256).unwrap())
        .collect()
}

async fn store(blobs: &Blobs, bytes: &Bytes, length: Option<u64>, placement: Placement) -> Result<Written, Error> {
    let new = NewBlob {
        owner: OwnerTag::default(),
        length,
        placement,
    };
    let mut writer = blobs.writer(new).await?;
    // Pieces of an odd size, so that they never fall together with blocks.
    let mut rest = bytes.clone();
    while !rest.is_empty() {
        writer.write(rest.split_to(rest.len().min(100_003))).await?;
    }
    writer.finish().await
}

async fn keep(blobs: &Blobs, bytes: &Bytes, placement: Placement) -> Extent {
    let written = store(blobs, bytes, Some(bytes.len() as u64), placement).await.unwrap();
    let extent = written.extent();
    written.submit().keep();
    extent
}

async fn read(blobs: &Blobs, extent: Extent, first: u64, length: u64) -> Result<Vec<u8>, Error> {
    let mut reader = blobs.read(extent, ServedRange { first, length });
    let mut all = Vec::new();
    while let Some(piece) = reader.next().await {
        all.extend_from_slice(&piece?);
    }
    Ok(all)
}

/// Paths of all files with bytes of blobs.
fn data_files(dir: &Path) -> Vec<PathBuf> {
    let list = |path: PathBuf| std::fs::read_dir(path).unwrap().map(|e| e.unwrap().path());
    let own = list(dir.join("files")).flat_map(list);
    list(dir.join("segments")).chain(own).collect()
}

/// Waits for the removals that run in the background, which a test cannot see otherwise.
async fn until(mut done: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if done() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    panic!("waited in vain");
}

const SIZES: [usize; 12] = [
    0, 1, 4096, 65535, 65536, 65537, 131_072, 262_143, 262_144, 262_145, 500_000, 524_288,
];

#[tokio::test]
async fn what_is_written_is_read_in_every_placement_and_range() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(dir.path(), 1);
    for (seed, size) in SIZES.into_iter().chain([1_500_000]).enumerate() {
        let bytes = pattern(size, seed);
        let known = Some(size as u64);
        for (length, placement) in [
            (known, Placement::BySize),
            (known, Placement::OwnFile),
            (None, Placement::BySize),
        ] {
            let written = store(&blobs, &bytes, length, placement).await.unwrap();
            let extent = written.extent();
            let in_segment = length.is_some() && placement == Placement::BySize && size <= 512 << 10;
            assert_eq!(
                extent.place == Place::File,
                !in_segment,
                "{size} {length:?} {placement:?}"
            );
            let n = size as u64;
            for (first, length) in [
                (0, n),
                (0, 1),
                (1, n),
                (n / 2, 70_000),
                (65_536, 1),
                (65_535, 2),
                (n.saturating_sub(1), 1),
                (n, 5),
            ] {
                let (from, to) = (first.min(n), first.saturating_add(length).min(n));
                let want = &bytes[usize::try_from(from).unwrap()..usize::try_from(to).unwrap()];
                assert_eq!(
                    read(&blobs, extent, first, length).await.unwrap(),
                    want,
                    "{size} {first}+{length}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_wrong_length_is_an_error_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(dir.path(), 1);
    let bytes = pattern(1000, 1);
    for announced in [999, 1001] {
        for placement in [Placement::BySize, Placement::OwnFile] {
            let outcome = store(&blobs, &bytes, Some(announced), placement).await;
            assert!(matches!(outcome, Err(Error::Overrun { .. })));
        }
    }
    until(|| data_files(dir.path()).len() == 1).await;
    let usage = blobs.usage().unwrap();
    assert_eq!(usage.segment_bytes_free, usage.segment_bytes);
}

/// Every bit of the stored files in turn would take long: one bit in each of many places does.
#[tokio::test]
async fn a_flipped_bit_is_corrupt_and_never_wrong_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(dir.path(), 1);
    let bytes = pattern(200_000, 3);
    let small = keep(&blobs, &bytes, Placement::BySize).await;
    let own = keep(&blobs, &bytes, Placement::OwnFile).await;
    let stored = 64 + 200_000 + 4 * 4;
    for extent in [small, own] {
        let path = data_files(dir.path())
            .into_iter()
            .find(|p| (extent.place == Place::File) == p.to_string_lossy().contains("/files/"));
        let path = path.unwrap();
        let good = std::fs::read(&path).unwrap();
        let Place::Segment { offset: base, .. } = (match extent.place {
            Place::File => Place::Segment { segment: 0, offset: 0 },
            place @ Place::Segment { .. } => place,
        }) else {
            unreachable!()
        };
        for at in (0..64)
            .chain([64, 65_599, 65_600, 65_603, 65_604])
            .chain((66_000..stored).step_by(9_973))
            .chain([stored - 1])
        {
            let mut bad = good.clone();
            bad[usize::try_from(base).unwrap() + at] ^= 1 << (at % 8);
            std::fs::write(&path, &bad).unwrap();
            assert!(
                matches!(read(&blobs, extent, 0, 200_000).await, Err(Error::Corrupt { .. })),
                "byte {at}"
            );
            for first in [0u64, 70_000, 150_000] {
                // A range is right or an error, depending on whether it touches the damaged block.
                if let Ok(got) = read(&blobs, extent, first, 1000).await {
                    let first = usize::try_from(first).unwrap();
                    assert_eq!(got, &bytes[first..first + 1000]);
                }
            }
        }
        std::fs::write(&path, &good[..good.len() / 2]).unwrap();
        let cut = read(&blobs, extent, 0, 200_000).await;
        assert!(extent.place != Place::File || matches!(cut, Err(Error::Corrupt { .. })));
        std::fs::write(&path, &good).unwrap();
        assert_eq!(read(&blobs, extent, 0, 200_000).await.unwrap(), bytes);
    }
    std::fs::remove_file(
        data_files(dir.path())
            .into_iter()
            .find(|p| p.to_string_lossy().contains("/files/"))
            .unwrap(),
    )
    .unwrap();
    assert!(matches!(read(&blobs, own, 0, 1).await, Err(Error::Corrupt { .. })));
}

#[tokio::test]
async fn bytes_that_were_recycled_are_not_taken_for_the_old_ones() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(dir.path(), 1);
    let (old, new) = (pattern(5000, 1), pattern(5000, 2));
    let first = keep(&blobs, &old, Placement::BySize).await;
    blobs.release(vec![first]);
    let second = keep(&blobs, &new, Placement::BySize).await;
    assert_eq!(first.place, second.place, "the hole is used again");
    assert!(matches!(read(&blobs, first, 0, 5000).await, Err(Error::Corrupt { .. })));
    assert_eq!(read(&blobs, second, 0, 5000).await.unwrap(), new);
}

#[tokio::test]
async fn a_pinned_extent_outlives_its_release() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(dir.path(), 1);
    let bytes = pattern(300_000, 1);
    for placement in [Placement::BySize, Placement::OwnFile] {
        let extent = keep(&blobs, &bytes, placement).await;
        let pins = (blobs.pin(&[extent]), blobs.pin(&[extent]));
        blobs.release(vec![extent]);
        drop(pins.0);
        let other = keep(&blobs, &pattern(300_000, 2), placement).await;
        assert_eq!(read(&blobs, extent, 0, 300_000).await.unwrap(), bytes);
        drop(pins.1);
        blobs.release(vec![other]);
    }
    until(|| data_files(dir.path()).len() == 1).await;
}

#[tokio::test]
async fn what_is_dropped_or_discarded_is_given_back_and_what_is_doubtful_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(dir.path(), 1);
    let bytes = pattern(400_000, 1);
    for placement in [Placement::BySize, Placement::OwnFile] {
        let new = NewBlob {
            owner: OwnerTag::default(),
            length: Some(400_000),
            placement,
        };
        let mut writer = blobs.writer(new).await.unwrap();
        writer.write(bytes.slice(..350_000)).await.unwrap();
        drop(writer);
        drop(store(&blobs, &bytes, Some(400_000), placement).await.unwrap());
        store(&blobs, &bytes, Some(400_000), placement)
            .await
            .unwrap()
            .submit()
            .discard();
        until(|| {
            let usage = blobs.usage().unwrap();
            usage.segment_bytes_free == usage.segment_bytes && data_files(dir.path()).len() == 1
        })
        .await;
        let written = store(&blobs, &bytes, Some(400_000), placement).await.unwrap();
        let extent = written.extent();
        drop(written.submit());
        assert_eq!(blobs.doubtful(), [extent]);
        assert_eq!(read(&blobs, extent, 0, 400_000).await.unwrap(), bytes);
        assert_eq!(
            blobs.files(extent.id.as_bytes()[0]).await.unwrap(),
            [],
            "a sweep must not see it yet"
        );
        blobs.release(vec![extent]);
        assert_eq!(blobs.doubtful(), []);
    }
}

#[tokio::test]
async fn after_a_restart_only_what_is_named_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (bytes, lost) = (pattern(100_000, 1), pattern(100_000, 2));
    let (live, dead, own_live, own_dead) = {
        let blobs = open(dir.path(), 1);
        assert!(matches!(
            Blobs::open(dir.path(), SETTINGS, SeededEntropy::new(1)),
            Err(Error::InUse(_))
        ));
        let a = keep(&blobs, &lost, Placement::BySize).await;
        let b = keep(&blobs, &bytes, Placement::BySize).await;
        let c = keep(&blobs, &bytes, Placement::OwnFile).await;
        (b, a, c, keep(&blobs, &lost, Placement::OwnFile).await)
    };
    let blobs = open(dir.path(), 2);
    let [segment] = blobs.segments_to_adopt()[..] else {
        panic!()
    };
    // Before it is adopted, a segment is read and not written.
    let fresh = keep(&blobs, &lost, Placement::BySize).await;
    assert!(matches!(fresh.place, Place::Segment { segment: s, .. } if s != segment));
    let Place::Segment { offset, .. } = live.place else {
        panic!()
    };
    blobs.adopt(segment, vec![(offset, live.length)]).await.unwrap();
    assert_eq!(blobs.segments_to_adopt(), [0; 0]);
    for folder in 0..=255 {
        for id in blobs.files(folder).await.unwrap() {
            if id != own_live.id {
                assert_eq!(id, own_dead.id);
                blobs.remove_file(id).await.unwrap();
            }
        }
    }
    // The dead range is the best fit for a blob of its size.
    let reused = keep(&blobs, &pattern(100_000, 5), Placement::BySize).await;
    assert_eq!(reused.place, dead.place);
    assert_eq!(read(&blobs, live, 0, 100_000).await.unwrap(), bytes);
    assert_eq!(read(&blobs, own_live, 0, 100_000).await.unwrap(), bytes);
    assert!(read(&blobs, own_dead, 0, 100_000).await.is_err());
}

#[tokio::test]
async fn a_release_before_the_adoption_counts() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = pattern(100_000, 1);
    let extent = keep(&open(dir.path(), 1), &bytes, Placement::BySize).await;
    let blobs = open(dir.path(), 2);
    let Place::Segment { segment, offset } = extent.place else {
        panic!()
    };
    let live = vec![(offset, extent.length)];
    blobs.release(vec![extent]);
    blobs.adopt(segment, live).await.unwrap();
    let usage = blobs.usage().unwrap();
    assert_eq!(usage.segment_bytes_free, usage.segment_bytes);
}

#[test]
fn settings_that_cannot_work_and_foreign_folders_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    for wrong in [
        Settings {
            io_jobs_max: 0,
            ..SETTINGS
        },
        Settings {
            segment_bytes: 1 << 19,
            ..SETTINGS
        },
        Settings {
            segment_bytes: (1 << 20) + 1,
            ..SETTINGS
        },
    ] {
        assert!(matches!(
            Blobs::open(dir.path(), wrong, SeededEntropy::new(1)),
            Err(Error::Settings(_))
        ));
    }
    std::fs::write(dir.path().join("format"), "baleen blob volume 2\n").unwrap();
    assert!(matches!(
        Blobs::open(dir.path(), SETTINGS, SeededEntropy::new(1)),
        Err(Error::NotAVolume(_))
    ));
}

/// Many writers and deleters at once: nobody ever reads another's bytes, and in the end all space is free again.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_and_deleters_do_not_disturb_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(dir.path(), 1);
    let tasks = (0..8usize).map(|task| {
        let blobs = blobs.clone();
        tokio::spawn(async move {
            for round in 0..40usize {
                let bytes = pattern((task * 7919 + round * 104_729) % 200_000, task * 1000 + round);
                let extent = keep(&blobs, &bytes, Placement::BySize).await;
                assert_eq!(read(&blobs, extent, 0, u64::MAX).await.unwrap(), bytes);
                blobs.release(vec![extent]);
            }
        })
    });
    for task in futures::future::join_all(tasks).await {
        task.unwrap();
    }
    let usage = blobs.usage().unwrap();
    assert_eq!(usage.segment_bytes_free, usage.segment_bytes);
    until(|| data_files(dir.path()).len() == 1).await;
}

/// Bytes that the segments take of the disk, as `du` counts them.
fn disk_bytes(dir: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let files = std::fs::read_dir(dir.join("segments")).unwrap();
    files.map(|file| file.unwrap().metadata().unwrap().blocks() * 512).sum()
}

#[tokio::test]
async fn free_space_is_given_to_the_file_system_and_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(dir.path(), 1);
    let mut extents = Vec::new();
    for seed in 0..30 {
        extents.push(keep(&blobs, &pattern(100_000, seed), Placement::BySize).await);
    }
    let (mut kept, gone): (Vec<_>, Vec<_>) = extents.iter().enumerate().partition(|(seed, _)| seed % 3 == 1);
    blobs.release(gone.into_iter().map(|(_, extent)| *extent).collect());
    let before = blobs.usage().unwrap();
    let live = before.segment_bytes - before.segment_bytes_free;
    assert_eq!(blobs.give_back(before.segment_bytes_free).await.unwrap(), 0);
    assert_eq!(blobs.give_back(0).await.unwrap(), before.segment_bytes_free);
    // The file system's own notes of where the holes are take a block or two.
    assert!((live..live + (64 << 10)).contains(&disk_bytes(dir.path())));
    let after = blobs.usage().unwrap();
    assert_eq!((after.segment_bytes, after.segment_bytes_free), (live, 0));
    let whole = async |blobs: &Blobs, of: &[(usize, &Extent)]| {
        for (seed, extent) in of {
            assert_eq!(
                read(blobs, **extent, 0, 100_000).await.unwrap(),
                pattern(100_000, *seed)
            );
        }
    };
    whole(&blobs, &kept).await;
    // Room is made before a byte is written, in the holes first.
    let segments = data_files(dir.path()).len();
    let again = keep(&blobs, &pattern(100_000, 77), Placement::BySize).await;
    assert_eq!(data_files(dir.path()).len(), segments);
    assert!(blobs.usage().unwrap().segment_bytes > live + 100_000);
    assert_eq!(read(&blobs, again, 0, 100_000).await.unwrap(), pattern(100_000, 77));
    whole(&blobs, &kept).await;
    // It lies between holes, and its room is not given back before the restart.
    let segment_of = |extent: &Extent| match extent.place {
        Place::Segment { segment, .. } => segment,
        Place::File => unreachable!(),
    };
    let among_holes = |(_, extent): &(usize, &Extent)| segment_of(extent) != segment_of(&again);
    let (_, gone) = kept.remove(kept.iter().position(among_holes).unwrap());
    blobs.release(vec![*gone]);
    let before = disk_bytes(dir.path());
    drop(blobs);

    // After a restart it is not known which of the free ranges are hollow: all of a segment with holes are made so, or the
    // room of some would belong to nobody.
    let blobs = open(dir.path(), 2);
    for segment in blobs.segments_to_adopt() {
        let of = kept.iter().map(|(_, extent)| **extent).chain([again]);
        let live = of.filter_map(|extent| match extent.place {
            Place::Segment { segment: at, offset } if at == segment => Some((offset, extent.length)),
            _ => None,
        });
        blobs.adopt(segment, live.collect()).await.unwrap();
    }
    assert!(disk_bytes(dir.path()) + 90_000 < before);
    let third = keep(&blobs, &pattern(300_000, 78), Placement::BySize).await;
    assert_eq!(read(&blobs, third, 0, 300_000).await.unwrap(), pattern(300_000, 78));
    whole(&blobs, &kept).await;
    blobs.give_back(0).await.unwrap();
    whole(&blobs, &kept).await;
    assert_eq!(read(&blobs, third, 0, 300_000).await.unwrap(), pattern(300_000, 78));
}

async fn copy(blobs: &Blobs, extent: Extent) -> Result<Written, Error> {
    let mut copying = blobs.copy(extent).await?;
    while copying.next().await?.is_some() {}
    copying.finish().await
}

#[tokio::test]
async fn a_segment_is_emptied_by_whoever_knows_what_lives_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(dir.path(), 1);
    let mut extents = Vec::new();
    for seed in 0..32 {
        extents.push(keep(&blobs, &pattern(120_000, seed), Placement::BySize).await);
    }
    // Eight to a segment: the first one keeps two of them.
    let gone: Vec<_> = [0, 2, 3, 4, 6, 7, 9, 17].iter().map(|n| extents[*n]).collect();
    blobs.release(gone);
    let draining = blobs.drain(u64::MAX, &blobs.segments());
    assert_eq!((draining.segments().len(), draining.left().len()), (1, 1));
    let moved: Vec<_> = extents.iter().enumerate().filter(|(_, e)| draining.has(e)).collect();
    assert_eq!(moved.len(), 8);
    for seed in [1, 5] {
        let old = extents[seed];
        let pin = blobs.pin(&[old]);
        let written = copy(&blobs, old).await.unwrap();
        let new = written.extent();
        assert!(!draining.has(&new) && new.id != old.id);
        written.submit().keep();
        blobs.release(vec![old]);
        assert_eq!(read(&blobs, old, 0, 120_000).await.unwrap(), pattern(120_000, seed));
        drop(pin);
        assert_eq!(read(&blobs, new, 0, 120_000).await.unwrap(), pattern(120_000, seed));
    }
    assert_eq!(draining.left().len(), 0);
    until(|| data_files(dir.path()).len() == 3).await;
    // What is damaged is not copied.
    let damaged = extents[10];
    let Place::Segment { segment, offset } = damaged.place else {
        panic!()
    };
    let path = dir.path().join("segments").join(format!("{segment:016x}"));
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[usize::try_from(offset).unwrap() + 70_000] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let live = || {
        let usage = blobs.usage().unwrap();
        usage.segment_bytes - usage.segment_bytes_free
    };
    let before = live();
    assert!(matches!(copy(&blobs, damaged).await, Err(Error::Corrupt { .. })));
    until(|| live() == before).await;
}
