//! Digesting a body while it comes in.

use crate::ObjectError;
use crate::hasher::{Digests, Gang, Hasher};
use baleen_blob::{Buffer, Buffers, Share};
use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Digests a body in order, long ones on other threads while the next bytes come in: MD5 takes 1.6 ms for a MiB, which would
/// hold up every other request on this one. The end of a body, and all of a short one, is digested in place, which costs less
/// than the way there.
///
/// One batch is digested at a time, and who brings the next waits for it: so no more than that is held for it.
pub(super) struct Digester {
    /// Not here while it works on another thread.
    hasher: Option<Hasher>,
    running: Option<oneshot::Receiver<Hasher>>,
    gang: Arc<Gang>,
    buffers: Buffers,
    share: Share,
    gathered: Option<Buffer>,
}

impl Digester {
    pub(super) fn new(hasher: Hasher, gang: &Arc<Gang>, buffers: &Buffers) -> Self {
        Self {
            hasher: Some(hasher),
            running: None,
            gang: Arc::clone(gang),
            buffers: buffers.clone(),
            share: Share::default(),
            gathered: None,
        }
    }

    /// Takes what comes next, as it is.
    pub(super) async fn digest(&mut self, batch: Vec<Bytes>) -> Result<(), ObjectError> {
        if !batch.is_empty() {
            let hasher = self.hasher().await?;
            self.running = Some(self.gang.digest(hasher, batch));
        }
        Ok(())
    }

    /// Takes a copy of what comes next.
    pub(super) async fn gather(&mut self, mut bytes: &[u8]) -> Result<(), ObjectError> {
        while !bytes.is_empty() {
            let gathered = match self.gathered.take() {
                Some(gathered) => gathered,
                None => self.buffers.take(&self.share, usize::MAX),
            };
            let gathered = self.gathered.insert(gathered);
            bytes = &bytes[gathered.push(bytes)..];
            if gathered.room() == 0
                && let Some(full) = self.gathered.take()
            {
                self.digest(vec![full.freeze()]).await?;
            }
        }
        Ok(())
    }

    /// Ends the body with what was not taken yet.
    pub(super) async fn finish(mut self, rest: impl Iterator<Item = &[u8]>) -> Result<Digests, ObjectError> {
        let mut hasher = self.hasher().await?;
        if let Some(gathered) = &self.gathered {
            hasher.update(gathered);
        }
        for bytes in rest {
            hasher.update(bytes);
        }
        Ok(hasher.finish())
    }

    /// Takes the hasher back from wherever it is.
    async fn hasher(&mut self) -> Result<Hasher, ObjectError> {
        if let Some(running) = self.running.take() {
            return running.await.map_err(|error| ObjectError::Storage(Box::new(error)));
        }
        self.hasher
            .take()
            .ok_or_else(|| ObjectError::Storage("the digest of a body was given up".into()))
    }
}
