//! Digesting a body while it comes in.

use crate::ObjectError;
use crate::hasher::{Digests, Gang, Hasher};
use baleen_blob::{Buffer, Buffers, Share};
use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::oneshot::{self, error::TryRecvError};

/// Digests a body in order, long ones on other threads while the next bytes come in: MD5 takes 1.6 ms for a MiB, which would
/// hold up every other request on this one. The end of a body, and all of a short one, is digested in place, which costs less
/// than the way there.
///
/// One batch is digested at a time and one more may wait for it, so that neither the digest waits for the network nor the network
/// for the digest; who brings a third waits. So no more than that is held for it.
pub(super) struct Digester {
    /// Not here while it works on another thread.
    hasher: Option<Hasher>,
    running: Option<oneshot::Receiver<Hasher>>,
    /// What comes behind the batch that is being digested.
    next: Vec<Bytes>,
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
            next: Vec::new(),
            gang: Arc::clone(gang),
            buffers: buffers.clone(),
            share: Share::default(),
            gathered: None,
        }
    }

    /// Takes what comes next, as it is; or nothing, which lets what waits go on. To be called often.
    pub(super) async fn digest(&mut self, batch: Vec<Bytes>) -> Result<(), ObjectError> {
        self.look_after_running();
        if self.running.is_none() {
            self.go_on().await?;
        }
        if !batch.is_empty() {
            self.go_on().await?;
            self.next = batch;
            if self.running.is_none() {
                self.go_on().await?;
            }
        }
        Ok(())
    }

    /// Takes the hasher back if it is through.
    fn look_after_running(&mut self) {
        let Some(running) = &mut self.running else { return };
        match running.try_recv() {
            Err(TryRecvError::Empty) => return,
            Ok(hasher) => self.hasher = Some(hasher),
            // It does not come back, which is told to who asks for it.
            Err(TryRecvError::Closed) => {}
        }
        self.running = None;
    }

    /// Begins with what waits, after what is being digested.
    async fn go_on(&mut self) -> Result<(), ObjectError> {
        if !self.next.is_empty() {
            let hasher = self.hasher().await?;
            let batch = std::mem::take(&mut self.next);
            self.running = Some(self.gang.digest(hasher, batch));
        }
        Ok(())
    }

    /// Takes a copy of what comes next.
    pub(super) async fn gather(&mut self, mut bytes: &[u8]) -> Result<(), ObjectError> {
        self.digest(Vec::new()).await?;
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
        self.go_on().await?;
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

#[cfg(test)]
mod tests;
