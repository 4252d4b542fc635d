//! Bodies that are read before their signature can be checked.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Full};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits::{WHOLE_BODIES_BYTES_MAX, WHOLE_BODY_BYTES_MAX, WHOLE_BODY_TIMEOUT};
use crate::{BodyFault, RequestBody};

/// The memory that such bodies may take together.
pub(super) struct Shares(Arc<Semaphore>);

/// What one body takes of it, until the request is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Share(#[allow(dead_code, reason = "held for what its drop gives back")] Arc<OwnedSemaphorePermit>);

impl Shares {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(WHOLE_BODIES_BYTES_MAX)))
    }

    /// Reads a body to its end and puts what was read in its place.
    ///
    /// # Errors
    /// The body's own faults; `TooLarge`, before anything is read when the length was announced; `Stalled` when it takes
    /// too long as a whole.
    pub(super) async fn read(&self, body: &mut RequestBody) -> Result<(Bytes, Option<Share>), BodyFault> {
        if body.is_empty() {
            return Ok((Bytes::new(), None));
        }
        let too_large = || BodyFault::TooLarge {
            limit: WHOLE_BODY_BYTES_MAX as u64,
        };
        let announced = body
            .size_hint()
            .exact()
            .map_or(Ok(WHOLE_BODY_BYTES_MAX), usize::try_from);
        let most = announced
            .ok()
            .filter(|bytes| *bytes <= WHOLE_BODY_BYTES_MAX)
            .ok_or_else(too_large)?;
        let reading = async {
            // At most 1 MiB, which 32 bits hold; the semaphore is never closed.
            let share = Arc::clone(&self.0)
                .acquire_many_owned(u32::try_from(most).unwrap_or(u32::MAX))
                .await
                .map_err(|_| BodyFault::Stalled)?;
            let mut read = BytesMut::with_capacity(most.min(64 << 10));
            while let Some(frame) = body.frame().await {
                let Ok(data) = frame?.into_data() else { continue };
                if data.len() > most - read.len() {
                    return Err(too_large());
                }
                read.extend_from_slice(&data);
            }
            Ok((read.freeze(), Some(Share(Arc::new(share)))))
        };
        let read = tokio::time::timeout(WHOLE_BODY_TIMEOUT, reading)
            .await
            .unwrap_or(Err(BodyFault::Stalled))?;
        *body = match &read.0 {
            bytes if bytes.is_empty() => RequestBody::empty(),
            bytes => RequestBody::boxed(Full::new(bytes.clone()).map_err(|never| match never {})),
        };
        Ok(read)
    }
}
