//! Folders of copies: what is written there is what was written first, or nothing is.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use baleen_blob::{Blobs, Copies, Error, Extent, Found, Holder, NewBlob, OwnerTag, Placement, Settings};
use baleen_runtime::SeededEntropy;
use baleen_types::ServedRange;
use bytes::Bytes;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const SETTINGS: Settings = Settings {
    segment_bytes: 4 << 20,
    segment_body_bytes_max: 1 << 20,
    reserve_bytes: 0,
    io_jobs_max: 4,
    transfer_bytes_max: 4 << 20,
};

/// Both layouts, and the ends of blocks and units.
const LENGTHS: [usize; 6] = [1, 65_536, 65_537, 262_144, 1_000_000, 1_100_000];

struct World {
    dir: tempfile::TempDir,
    home: Blobs,
    west: Copies,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self {
            home: Blobs::open(&dir.path().join("home"), SETTINGS, SeededEntropy::new(1)).unwrap(),
            west: Copies::open(&dir.path().join("west"), false, &SETTINGS).unwrap(),
            dir,
        }
    }

    async fn write(&self, length: usize) -> (Extent, Bytes) {
        let bytes: Bytes = (0..length)
            .map(|at| u8::try_from((at * 31 + length) % 256).unwrap())
            .collect();
        let new = NewBlob {
            owner: OwnerTag([7; 16]),
            length: Some(length as u64),
            placement: Placement::BySize,
        };
        let mut writer = self.home.writer(new).await.unwrap();
        writer.write(bytes.clone()).await.unwrap();
        let written = writer.finish().await.unwrap();
        let extent = written.extent();
        written.submit().keep();
        (extent, bytes)
    }

    fn home(&self) -> Holder {
        Holder::Volume(self.home.clone())
    }

    fn west(&self) -> Holder {
        Holder::Copies(self.west.clone())
    }

    fn files(&self, of: &str) -> Vec<PathBuf> {
        let list = |path: &Path| {
            std::fs::read_dir(path)
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .collect::<Vec<_>>()
        };
        let folders = list(&self.dir.path().join(of).join("files"));
        folders.iter().flat_map(|folder| list(folder)).collect()
    }
}

async fn read(holder: &Holder, extent: Extent) -> Result<Bytes, Error> {
    let mut reader = holder.read(extent, ServedRange::whole(extent.length));
    let mut all = Vec::new();
    while let Some(bytes) = reader.next().await {
        all.extend_from_slice(&bytes?);
    }
    Ok(all.into())
}

#[tokio::test]
async fn copies_are_what_was_written_and_go_when_they_are_removed() {
    let world = World::new();
    for length in LENGTHS {
        let (extent, bytes) = world.write(length).await;
        assert!(!world.west().has(extent).await.unwrap());
        assert!(matches!(world.west().verify(extent).await, Err(Error::Corrupt { .. })));
        for _ in 0..2 {
            world.west.put(extent, &[world.home()], &()).await.unwrap();
            assert_eq!(read(&world.west(), extent).await.unwrap(), bytes, "{length}");
        }
        assert!(world.west().has(extent).await.unwrap());
        let found = world.west.list(extent.id.as_bytes()[0]).await.unwrap();
        assert_eq!(found, [Found::from(extent)]);
        for _ in 0..2 {
            world.west.remove(found[0]).await.unwrap();
        }
        assert!(!world.west().has(extent).await.unwrap());
    }
    assert_eq!(world.files("west"), [] as [PathBuf; 0]);
}

#[tokio::test]
async fn a_copy_of_what_is_damaged_is_none_and_leaves_the_old_one() {
    let world = World::new();
    let (extent, bytes) = world.write(1_100_000).await;
    world.west.put(extent, &[world.home()], &()).await.unwrap();
    let own = world.files("home").remove(0);
    std::fs::File::options()
        .write(true)
        .open(&own)
        .unwrap()
        .write_all_at(b"???", 900_000)
        .unwrap();
    let refused = world.west.put(extent, &[world.home()], &()).await;
    assert!(matches!(refused, Err(Error::Corrupt { .. })), "{refused:?}");
    assert_eq!(read(&world.west(), extent).await.unwrap(), bytes);
    assert_eq!(world.files("west").len(), 1, "nothing half-written is left");
    assert!(matches!(
        world.west.put(extent, &[], &()).await,
        Err(Error::Corrupt { .. })
    ));
    // What is whole somewhere is put together, and written anew where it was.
    world
        .west
        .put(extent, &[world.home(), world.west()], &())
        .await
        .unwrap();
    world
        .home
        .restore(extent, &[world.home(), world.west()], &())
        .await
        .unwrap();
    assert_eq!(read(&world.home(), extent).await.unwrap(), bytes);
}

#[tokio::test]
async fn a_range_of_a_segment_is_restored_and_its_neighbours_are_not_touched() {
    let world = World::new();
    let (before, before_bytes) = world.write(5000).await;
    let (extent, bytes) = world.write(700_000).await;
    let (after, after_bytes) = world.write(5000).await;
    world.west.put(extent, &[world.home()], &()).await.unwrap();
    let segment = std::fs::read_dir(world.dir.path().join("home/segments"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let baleen_blob::Place::Segment { offset, .. } = extent.place else {
        panic!("{extent:?}")
    };
    let file = std::fs::File::options().write(true).open(segment).unwrap();
    file.write_all_at(&vec![0; 700_000], offset).unwrap();
    assert!(read(&world.home(), extent).await.is_err());
    world.home.restore(extent, &[world.west()], &()).await.unwrap();
    for (extent, bytes) in [(before, before_bytes), (extent, bytes), (after, after_bytes)] {
        assert_eq!(read(&world.home(), extent).await.unwrap(), bytes);
    }
}

#[tokio::test]
async fn a_segment_that_is_gone_is_made_again_and_its_number_is_not_given_out() {
    let world = World::new();
    let (extent, bytes) = world.write(5000).await;
    world.west.put(extent, &[world.home()], &()).await.unwrap();
    let World { dir, home, west } = world;
    drop(home);
    std::fs::remove_dir_all(dir.path().join("home")).unwrap();
    let home = Blobs::open(&dir.path().join("home"), SETTINGS, SeededEntropy::new(2)).unwrap();
    assert_eq!(home.segments_to_adopt(), [] as [u64; 0]);
    let baleen_blob::Place::Segment { segment, offset } = extent.place else {
        panic!("{extent:?}")
    };
    let live = [(offset, extent.length)];
    for _ in 0..2 {
        home.restore_segment(segment, &live).await.unwrap();
    }
    home.adopt(segment, live.to_vec()).await.unwrap();
    let world = World { dir, home, west };
    let (other, other_bytes) = world.write(5000).await;
    assert_ne!(other.place, extent.place);
    world.home.restore(extent, &[world.west()], &()).await.unwrap();
    assert_eq!(read(&world.home(), extent).await.unwrap(), bytes);
    assert_eq!(read(&world.home(), other).await.unwrap(), other_bytes);
}

#[tokio::test]
async fn a_full_disk_and_strange_folders_are_refused() {
    let world = World::new();
    let (extent, _) = world.write(5000).await;
    let dir = world.dir.path();
    let full = Settings {
        reserve_bytes: u64::MAX / 2,
        ..SETTINGS
    };
    let full = Copies::open(&dir.join("full"), false, &full).unwrap();
    assert!(matches!(
        full.put(extent, &[world.home()], &()).await,
        Err(Error::NoSpace)
    ));
    assert_eq!(world.files("full"), [] as [PathBuf; 0]);
    let open = |name: &str| Copies::open(&dir.join(name), false, &SETTINGS).err().unwrap();
    assert!(matches!(open("west"), Error::InUse(_)));
    assert!(matches!(open("not/mounted"), Error::Io { .. }));
    assert!(matches!(open("home"), Error::InUse(_)));
    std::fs::write(dir.join("file"), "").unwrap();
    assert!(matches!(open("file"), Error::Io { .. }));
    std::fs::create_dir(dir.join("later")).unwrap();
    std::fs::write(dir.join("later/format"), "baleen copies of blobs 2\n").unwrap();
    assert!(matches!(open("later"), Error::NotAVolume(_)));
}
