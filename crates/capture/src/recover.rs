//! Settling what an earlier process left.
//!
//! A capture whose process died cannot go on: its packets since the last part were in that process's memory. So it fails
//! with a message that says so, and its upload is aborted. One whose parts were all uploaded is completed instead, since
//! nothing of it is missing.

use crate::capture::{self, End, StoredCapture, StoredState};
use crate::meter;
use crate::store::{self, Change};
use crate::{CaptureError, Captures};
use baleen_meta::{SCAN_ENTRIES_MAX, Scan};
use baleen_types::{AccountId, CaptureId};
use futures::FutureExt as _;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tracing::info;

/// What became of the captures that were unfinished at the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Failed; their uploads are being aborted in the background.
    pub failed: usize,
    /// Being completed in the background.
    pub completing: usize,
}

/// What was decided about one unfinished capture.
enum Settled {
    /// All parts are in the store.
    Complete,
    /// It has failed just now.
    Fail,
    /// It had failed, and its upload is still to be aborted.
    Abort,
}

const INTERRUPTED: &str =
    "the server ended unexpectedly while this capture ran; what it had caught was not kept, start it again";

impl Captures {
    /// Settles the captures of an earlier process. To be called once, before requests are taken; running it again after
    /// a crash in the middle settles the rest.
    ///
    /// # Errors
    /// Those of the metadata store.
    pub async fn recover(self: &Arc<Self>) -> Result<Recovered, CaptureError> {
        let mut recovered = Recovered::default();
        let mut scan = Scan::prefix(&capture::unfinished_prefix()).keys_only();
        loop {
            let page = self.parts.meta.scan(scan.clone()).await?;
            for entry in &page {
                let owner = capture::ids_in_unfinished_key(&entry.key)?;
                self.settle(owner, &mut recovered).await?;
            }
            match page.last() {
                Some(last) if page.len() == SCAN_ENTRIES_MAX => scan = scan.after(last.key.to_vec()),
                _ => break,
            }
        }
        if recovered != Recovered::default() {
            info!(
                failed = recovered.failed,
                completing = recovered.completing,
                "interrupted captures settled"
            );
        }
        Ok(recovered)
    }

    async fn settle(
        self: &Arc<Self>,
        owner: (AccountId, CaptureId),
        recovered: &mut Recovered,
    ) -> Result<(), CaptureError> {
        let (account, id) = owner;
        let now = self.parts.clock.now();
        // Decided and failed in one change, so that a second start in between finds one state or the other.
        let fail = |record: &mut StoredCapture| {
            if record.state == StoredState::ConversionRunning {
                return Ok(Change::Leave(Settled::Complete));
            }
            if record.status().is_terminal() {
                return Ok(Change::Leave(Settled::Abort));
            }
            let message = INTERRUPTED.to_owned();
            let end = match record.upload {
                Some(_) => End::Abandoned(message),
                None => End::Failed(message),
            };
            let further = record.end(end, owner, now);
            Ok(Change::Store(further, Settled::Fail))
        };
        let missing = || CaptureError::NoSuchCapture(id);
        let key = capture::key(account, id);
        let (record, settled) = store::update(&self.parts.meta, &key, missing, fail).await?;
        match settled {
            Settled::Complete => {
                recovered.completing += 1;
                let captures = Arc::clone(self);
                let finish = async move {
                    let finish = captures.finish_interrupted(owner, record);
                    if AssertUnwindSafe(finish).catch_unwind().await.is_err() {
                        captures.end_broken(owner).await;
                    }
                };
                self.parts
                    .supervisor
                    .spawn(&format!("completion of capture {id}"), finish);
            }
            Settled::Fail => {
                recovered.failed += 1;
                meter::ended(record.status(), record.counts());
                if record.upload.is_some() {
                    self.spawn_abort(owner, record);
                }
            }
            Settled::Abort => self.spawn_abort(owner, record),
        }
        Ok(())
    }
}
