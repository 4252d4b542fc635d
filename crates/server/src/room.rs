//! How much room the disks of a store have, for whoever watches it.

use crate::compaction::for_a_chart;
use baleen_blob::{Disk, disk_of};
use baleen_objects::Objects;
use baleen_runtime::Supervisor;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How often it is asked. A disk that hangs gives no answer, and is not asked again before it has.
const PERIOD: Duration = Duration::from_secs(15);

/// Has the numbers told of the file systems below home, the metadata and all other regions.
pub(crate) fn supervise(supervisor: &Supervisor, objects: &Arc<Objects>, data: &Path) {
    let (objects, metadata): (_, PathBuf) = (Arc::clone(objects), data.join("meta"));
    supervisor.every("room on the disks", PERIOD, move || {
        let (objects, metadata) = (Arc::clone(&objects), metadata.clone());
        async move {
            // That it panicked or was given up is for the next one to mend.
            let _ = tokio::task::spawn_blocking(move || look(&objects, &metadata)).await;
            Ok::<(), Infallible>(())
        }
    });
}

fn look(objects: &Objects, metadata: &Path) {
    tell("metadata".to_owned(), disk_of(metadata).ok());
    for (region, disk) in objects.disks() {
        let volume = region.map_or("blobs".to_owned(), |name| format!("region {name}"));
        tell(volume, disk);
    }
}

/// Nothing where nothing is there: what is below a folder whose file system is not mounted is not the store's.
fn tell(volume: String, disk: Option<Disk>) {
    let Disk { free_bytes, size_bytes } = disk.unwrap_or_default();
    metrics::gauge!("baleen_disk_free_bytes", "volume" => volume.clone()).set(for_a_chart(free_bytes));
    metrics::gauge!("baleen_disk_size_bytes", "volume" => volume).set(for_a_chart(size_bytes));
}
