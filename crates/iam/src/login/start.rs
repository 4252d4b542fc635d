//! Getting ready at start, and cleaning up in the background.

use super::hashing::{Argon2Hasher, Hashing, HashingCost};
use super::record::{StoredCost, StoredTicket};
use crate::records::{decode, encode, stamp};
use crate::{Error, Iam};
use baleen_meta::keys::{KeyWriter, Table};
use baleen_meta::{Meta, Request, Scan};
use baleen_runtime::{Clock, Entropy};
use std::num::NonZeroUsize;
use std::sync::Arc;

/// Reset tokens that one pass of the sweep reads at once.
const SWEEP_PAGE: usize = 1_000;

/// The cost of hashing passwords that was chosen for a store, if one was.
///
/// # Errors
/// When the store fails.
pub async fn stored_cost(meta: &Meta) -> Result<Option<HashingCost>, Error> {
    let stored = meta.get(&StoredCost::key()).await.map_err(Error::Meta)?;
    let stored = stored.as_ref().map(|bytes| decode::<StoredCost>(bytes)).transpose()?;
    Ok(stored.map(|stored| stored.cost))
}

impl Hashing {
    /// Calibrates argon2id to this machine and remembers the cost in the store, so that the next start keeps it unless the
    /// machine has changed. Takes a moment: some hashings at the floor.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn calibrated(
        meta: &Meta,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        cores: NonZeroUsize,
    ) -> Result<Arc<Self>, Error> {
        let before = stored_cost(meta).await?;
        let work = move || {
            let hasher = Argon2Hasher::calibrate(&*clock, before);
            (hasher.cost(), Self::new(Arc::new(hasher), entropy, cores))
        };
        let (cost, gate) = tokio::task::spawn_blocking(work).await.map_err(|_| Error::GivenUp)?;
        if Some(cost) != before {
            let request = Request::new().put(StoredCost::key(), encode(&StoredCost { cost })?);
            meta.commit(request).await.map_err(Error::Meta)?;
        }
        tracing::info!(
            memory_kib = cost.memory_kib,
            passes = cost.passes,
            "password hashing is calibrated"
        );
        Ok(Arc::new(gate))
    }
}

impl Iam {
    /// Removes reset tokens whose time is over; for a background task.
    ///
    /// # Errors
    /// `Unavailable` when the store refuses; the next pass goes on.
    pub async fn sweep_reset_tokens(&self) -> Result<(), Error> {
        let prefix = KeyWriter::new(Table::ResetToken).finish();
        let mut scan = Scan::prefix(&prefix).limit(SWEEP_PAGE);
        loop {
            let entries = self.parts.meta.scan(scan.clone()).await.map_err(Error::Meta)?;
            let now = stamp(self.parts.clock.now());
            for entry in &entries {
                if decode::<StoredTicket>(&entry.value)?.ends_ns <= now {
                    // Whose it was still names it; a token that is over is not in force there either.
                    self.settle(Request::new().delete(entry.key.to_vec()), &[]).await?;
                }
            }
            match entries.last() {
                Some(last) if entries.len() == SWEEP_PAGE => scan = scan.after(last.key.to_vec()),
                _ => return Ok(()),
            }
        }
    }
}
