use super::*;
use crate::{Blobs, Settings};
use baleen_runtime::SeededEntropy;
use std::future::Future;
use std::sync::mpsc;
use std::task::{Context, Waker};

const SETTINGS: Settings = Settings {
    segment_bytes: 1 << 20,
    segment_body_bytes_max: 512 << 10,
    reserve_bytes: 0,
    io_jobs_max: 4,
    transfer_bytes_max: 4 << 20,
};

/// Who asked for room goes away while it is being made: as long as it is made, nobody may give room back.
#[test]
fn growth_is_locked_until_it_is_done() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(1)
        .build()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path(), SETTINGS, SeededEntropy::new(1)).unwrap();
    runtime.block_on(async {
        // The one thread for blocking work is held up, so that what is asked of it waits.
        let (go_on, held_up) = mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || held_up.recv());
        let mut asking = Box::pin(allocate_by_growing(&blobs.shared, 1000));
        assert!(
            asking
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
                .is_pending()
        );
        drop(asking);
        let growth = &blobs.shared.segments.growth;
        assert!(growth.try_lock().is_err());
        go_on.send(()).unwrap();
        let _free = growth.lock().await;
        assert!(blobs.shared.segments.allocate(1000).is_some());
    });
}
