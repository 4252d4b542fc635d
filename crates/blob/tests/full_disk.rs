//! A file system that is full, for real: a tmpfs of 8 MiB in a mount namespace of its own.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use baleen_blob::{Blobs, Error, NewBlob, OwnerTag, Placement, Settings};
use baleen_runtime::SeededEntropy;
use baleen_types::ServedRange;
use bytes::Bytes;
use std::path::Path;
use std::process::Command;

const INSIDE: &str = "BALEEN_TEST_FULL_DISK";

/// Runs `test` of this binary again with `folder` as a tmpfs; root is enough, and so are user namespaces.
fn on_a_small_disk(test: &str) {
    let folder = tempfile::tempdir().unwrap();
    let script = r#"mount -t tmpfs -o size=8m tmpfs "$1" && exec "$2" --exact "$3" --nocapture"#;
    let binary = std::env::current_exe().unwrap();
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"])
        .arg(folder.path())
        .arg(binary)
        .arg(test)
        .env(INSIDE, folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

async fn store(
    blobs: &Blobs,
    bytes: &Bytes,
    length: Option<u64>,
    placement: Placement,
) -> Result<baleen_blob::Extent, Error> {
    let mut writer = blobs
        .writer(NewBlob {
            owner: OwnerTag::default(),
            length,
            placement,
        })
        .await?;
    writer.write(bytes.clone()).await?;
    let written = writer.finish().await?;
    let extent = written.extent();
    written.submit().keep();
    Ok(extent)
}

#[test]
fn a_full_disk_refuses_and_recovers() {
    let Some(dir) = std::env::var_os(INSIDE) else {
        return on_a_small_disk("a_full_disk_refuses_and_recovers");
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(full_disk(Path::new(&dir)));
}

async fn full_disk(dir: &Path) {
    let settings = Settings {
        segment_bytes: 1 << 20,
        segment_body_bytes_max: 512 << 10,
        reserve_bytes: 1 << 20,
        io_jobs_max: 4,
        transfer_bytes_max: 4 << 20,
    };
    let blobs = Blobs::open(dir, settings, SeededEntropy::new(1)).unwrap();
    let bytes = Bytes::from(vec![7; 400_000]);
    for (length, placement) in [
        (Some(400_000), Placement::BySize),
        (Some(400_000), Placement::OwnFile),
        (None, Placement::OwnFile),
    ] {
        let mut stored = Vec::new();
        let refused = loop {
            match store(&blobs, &bytes, length, placement).await {
                Ok(extent) => stored.push(extent),
                Err(error) => break error,
            }
        };
        assert!(matches!(refused, Error::NoSpace), "{refused:?}");
        assert!(stored.len() >= 10, "{}", stored.len());
        assert!(matches!(blobs.check_space(1 << 20), Err(Error::NoSpace)));
        for extent in &stored {
            let mut reader = blobs.read(*extent, ServedRange::whole(400_000));
            while let Some(piece) = reader.next().await {
                assert!(piece.unwrap().iter().all(|b| *b == 7));
            }
        }
        // Something else fills the disk to the last byte, so that the kernel says no and not our own reserve.
        let ballast = dir.join("ballast");
        assert!(std::fs::write(&ballast, vec![0; 16 << 20]).is_err());
        assert!(matches!(
            store(&blobs, &bytes, length, placement).await,
            Err(Error::NoSpace)
        ));
        std::fs::remove_file(ballast).unwrap();
        blobs.release(stored.split_off(5));
        for _ in 0..2000 {
            if blobs.check_space(2 << 20).is_ok() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        stored.push(store(&blobs, &bytes, length, placement).await.unwrap());
        blobs.release(stored);
        for _ in 0..2000 {
            if blobs.check_space(5 << 20).is_ok() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }
}
