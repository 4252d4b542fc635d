//! Getting ready at start, and cleaning up in the background.

use super::hashing::{Argon2Hasher, Hashing, HashingCost};
use super::record::{StoredCost, StoredTicket};
use crate::change::Stored;
use crate::records::{decode, encode, stamp};
use crate::{Error, Iam};
use baleen_meta::keys::{KeyWriter, Table};
use baleen_meta::{Meta, Request};
use baleen_runtime::{Clock, Entropy};
use std::num::NonZeroUsize;
use std::sync::Arc;

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
        let now = stamp(self.parts.clock.now());
        // Whose it was still names it; a token that is over is not in force there either.
        self.remove_reset_tokens(|ticket| ticket.ends_ns <= now).await.map(drop)
    }

    /// Removes reset tokens, whose keys are digests: there are few at any time, so that all are looked at.
    pub(crate) async fn remove_reset_tokens(
        &self,
        goes: impl Fn(&StoredTicket) -> bool + Send + Sync,
    ) -> Result<u64, Error> {
        let prefix = KeyWriter::new(Table::ResetToken).finish();
        let gone =
            |key: &[u8], ticket: Stored<StoredTicket>| Ok(goes(&ticket.value).then(|| Request::new().delete(key)));
        self.sweep(&prefix, gone).await
    }
}
