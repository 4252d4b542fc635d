//! The end of an upload: completed or given up, by the run itself or by a later start of the server.
//!
//! * A completion whose answer was lost may have been carried out, so it is never answered with "failed" before the store
//!   was asked again. With the right to put objects alone we cannot look whether the object is there. Then an upload that
//!   is gone after its completion was asked for counts as completed, and the capture's message says how sure that is: the
//!   only other explanation is that somebody else aborted it.
//! * What the store cannot do just now is tried again with longer and longer pauses. When the server stops meanwhile,
//!   nothing is decided: the record says what is to be done, and the next start goes on.

use crate::capture::{self, End, StoredCapture};
use crate::files::{self, StoredFileState};
use crate::journal::Kept;
use crate::live::Live;
use crate::ownership::StoredOwnership;
use crate::patience::{Patience, Waited};
use crate::run::{Delivered, Failure};
use crate::sink::{Completion, SentPart, Sink, SinkError, Upload};
use crate::{CaptureError, Captures, store};
use baleen_meta::Request;
use baleen_objects::limits::PART_BYTES_MIN;
use baleen_pcapfile::ng::{self, Statistics};
use baleen_types::{AccountId, CaptureId, Classify as _, Invalid, OwnershipId, PartNumber, Timestamp};
use bytes::Bytes;
use std::sync::Arc;
use tracing::{error, warn};

/// Added to the message of a capture whose object could not be looked at.
const PRESUMED: &str = "the answer to the completion of the upload was lost, the upload is gone now, and the bucket does \
                        not let this server look at the file: it is there unless the upload was aborted";

/// Added to the message of a failure after which the object may be there.
const MAY_BE_THERE: &str = "the file may be in the bucket all the same";

impl Captures {
    /// Makes the object of a capture whose parts are all in the store. `again`: it may have been asked for before.
    /// `None` when the server stops meanwhile.
    pub(crate) async fn complete(
        &self,
        id: CaptureId,
        (sink, upload): (&dyn Sink, &Upload),
        delivered: Delivered,
        mut again: bool,
        patience: &mut Patience<'_>,
    ) -> Option<End> {
        let failure = loop {
            if patience.is_forsaken() {
                break Failure::forsaken();
            }
            let error = match sink.complete(upload, &delivered.parts, again).await {
                Ok(Completion::Confirmed) => return Some(End::Success(delivered.message)),
                Ok(Completion::Presumed) => return Some(End::Success(Some(joined(delivered.message, PRESUMED)))),
                Err(error) => error,
            };
            // Neither the upload nor the object is there: nothing can be.
            let is_nowhere = error.kind() == baleen_types::FaultKind::NotFound;
            if !error.kind().is_transient() {
                again &= !is_nowhere;
                break error.into();
            }
            again = true;
            warn!(capture = %id, %error, "upload of a capture not completed yet");
            match patience.wait().await {
                Waited::Elapsed => {}
                Waited::Exhausted => break error.into(),
                Waited::Interrupted(Failure::Stopping) => return None,
                Waited::Interrupted(failure) => break failure,
            }
        };
        let message = failure.message();
        let message = if again {
            joined(Some(message), MAY_BE_THERE)
        } else {
            message
        };
        Some(self.failed(id, (sink, upload), message).await)
    }

    /// Gives an upload up; what the store does not do just now is left to a task of its own, see [`End::Abandoned`].
    pub(crate) async fn failed(&self, id: CaptureId, (sink, upload): (&dyn Sink, &Upload), message: String) -> End {
        match sink.abort(upload).await {
            Err(error) if error.kind().is_transient() => End::Abandoned(message),
            Err(error) => {
                not_aborted(id, &error);
                End::Failed(message)
            }
            Ok(()) => End::Failed(message),
        }
    }

    /// Completes the upload of a capture whose process died. `again`: its completion may have been asked for before.
    pub(crate) async fn finish_interrupted(
        self: &Arc<Self>,
        owner: (AccountId, CaptureId),
        record: StoredCapture,
        (kept, again): (Vec<Kept>, bool),
        live: &Live,
    ) {
        let end = match self.try_finish(owner, &record, (&kept, again), live).await {
            Ok(end) => end,
            Err(Failure::Stopping) => None,
            Err(failure) if again => Some(End::Failed(joined(Some(failure.message()), MAY_BE_THERE))),
            Err(failure) => Some(End::Failed(failure.message())),
        };
        if let Some(end) = end {
            self.store_end(owner, end).await;
        }
    }

    async fn try_finish(
        &self,
        owner: (AccountId, CaptureId),
        record: &StoredCapture,
        (kept, again): (&[Kept], bool),
        live: &Live,
    ) -> Result<Option<End>, Failure> {
        let upload = record.upload()?;
        let upload = upload.ok_or_else(|| Failure::Final("no upload was begun".to_owned()))?;
        let mut patience = Patience::new(self).heeding(Some(live));
        let sink = self.reopen(owner, record, &mut patience).await?;
        let mut parts = record.parts_v1.clone();
        parts.extend(kept.iter().map(|kept| kept.part.clone()));
        let packets = kept.last().map_or(0, |last| last.after.packets);
        if let Some((number, tail)) = tail(record, packets, kept, self.parts.clock.now()) {
            let sent = self.send_tail(owner.1, (&*sink, &upload), (number, tail), live);
            parts.extend(sent.await?);
        }
        let message = record.message.clone();
        let delivered = Delivered { parts, message };
        let to = (&*sink, &upload);
        Ok(self.complete(owner.1, to, delivered, again, &mut patience).await)
    }

    /// Sends the last part of a file that was cut. It is not noted: it holds no packet, and the file is valid without it, as
    /// when the upload is completed already. So a start after this one just sends it again.
    pub(crate) async fn send_tail(
        &self,
        id: CaptureId,
        (sink, upload): (&dyn Sink, &Upload),
        (number, tail): (PartNumber, Bytes),
        live: &Live,
    ) -> Result<Option<SentPart>, Failure> {
        let send = || sink.part(upload, number, tail.clone());
        let mut patience = Patience::new(self).heeding(Some(live));
        match patience.ask(id, "the end of a cut file", send).await {
            Ok(part) => Ok(Some(part)),
            Err(Failure::Stopping) => Err(Failure::Stopping),
            Err(failure) => {
                warn!(capture = %id, reason = failure.message(), "statistics of a cut file not stored");
                Ok(None)
            }
        }
    }

    /// Gives up the uploads of a capture that are to become no objects, and then forgets that there is something to do.
    pub(crate) async fn abort_interrupted(&self, owner: (AccountId, CaptureId), record: StoredCapture) {
        let id = owner.1;
        let mut patience = Patience::new(self);
        match self.reopen(owner, &record, &mut patience).await {
            Ok(sink) => {
                while let Err(error) = self.abort_all(owner, &*sink, &record).await {
                    not_aborted(id, &error);
                    if !error.kind().is_transient() {
                        break;
                    }
                    match patience.wait().await {
                        Waited::Elapsed => {}
                        Waited::Exhausted => break,
                        Waited::Interrupted(_) => return,
                    }
                }
            }
            Err(Failure::Stopping) => return,
            Err(failure) => warn!(capture = %id, reason = failure.message(), "interrupted upload not aborted"),
        }
        let done = Request::new().delete(capture::unfinished_key(owner.0, id));
        if let Err(error) = self.parts.meta.commit(done).await {
            warn!(capture = %id, %error, "abort of an upload not noted; the next start does it again");
        }
    }

    /// Gives up the upload of a capture, and those of its name that no record knows: killed between the store's answer and the
    /// note of it, or begun twice for an answer that was lost. The name has the capture's id in it, so they are nobody else's.
    pub(crate) async fn abort_all(
        &self,
        owner: (AccountId, CaptureId),
        sink: &dyn Sink,
        record: &StoredCapture,
    ) -> Result<(), SinkError> {
        let damaged = || SinkError::Damaged(Invalid::new("key", "it is no key"));
        let key = record.object_key().map_err(|_| damaged())?;
        let mut uploads: Vec<_> = record
            .upload
            .iter()
            .map(|id| Upload {
                key: key.clone(),
                id: id.clone(),
            })
            .collect();
        let mut keys = vec![key];
        if record.rotation.is_some() {
            // What cannot be read of them now is left to the store's own rules.
            let files = files::read(&self.parts.meta, owner).await.unwrap_or_default();
            let next = files.last().map_or(0, |(number, _)| number.saturating_add(1));
            keys.extend(record.file_key(next));
            let complete = StoredFileState::Complete;
            let open = files.iter().filter(|(_, file)| file.state != complete);
            for (_, file) in open {
                let upload = file.upload().map_err(|_| damaged())?;
                keys.push(upload.key.clone());
                uploads.push(upload);
            }
        }
        for key in keys {
            uploads.extend(sink.begun(&key).await?);
        }
        let mut refused = Ok(());
        for upload in uploads {
            match sink.abort(&upload).await {
                Err(error) if error.kind().is_transient() => return Err(error),
                Err(error) => refused = Err(error),
                Ok(()) => {}
            }
        }
        refused
    }

    /// Ends a capture whose task panicked: otherwise it would keep its account from another one for ever.
    pub(crate) async fn end_broken(self: &Arc<Self>, owner: (AccountId, CaptureId)) {
        error!(capture = %owner.1, "the task of a capture panicked");
        let message = joined(Some("an internal error ended this capture".to_owned()), MAY_BE_THERE);
        self.store_end(owner, End::Abandoned(message)).await;
    }

    pub(crate) fn spawn_abort(self: &Arc<Self>, owner: (AccountId, CaptureId), record: StoredCapture) {
        let captures = Arc::clone(self);
        let abort = async move { captures.abort_interrupted(owner, record).await };
        self.parts
            .supervisor
            .spawn(&format!("abort of capture {}", owner.1), abort);
    }

    /// The sink of a capture whose process died.
    pub(crate) async fn reopen(
        &self,
        (account, id): (AccountId, CaptureId),
        record: &StoredCapture,
        patience: &mut Patience<'_>,
    ) -> Result<Box<dyn Sink>, Failure> {
        let open = || self.reopen_now(account, record);
        patience.ask(id, "open", open).await
    }

    async fn reopen_now(&self, account: AccountId, record: &StoredCapture) -> Result<Box<dyn Sink>, Failure> {
        if record.task.is_some() {
            return Ok(Box::new(self.home(account).await?));
        }
        let ownership = record.ownership();
        let proof = self.read_proof(account, ownership).await?;
        let place = proof.place(ownership, &self.parts.sealer)?;
        Ok(self.places.open(account, proof.destination()?.bucket(), &place).await?)
    }

    pub(crate) async fn read_proof(&self, account: AccountId, id: OwnershipId) -> Result<StoredOwnership, Failure> {
        let read = store::read(&self.parts.meta, &Self::ownership_key(account, id)).await?;
        read.map(|read| read.record).ok_or_else(Failure::forsaken)
    }
}

impl From<CaptureError> for Failure {
    fn from(error: CaptureError) -> Self {
        if error.kind().is_transient() {
            Self::Transient(error.to_string())
        } else {
            Self::Final(error.to_string())
        }
    }
}

pub(crate) fn joined(message: Option<String>, more: &str) -> String {
    match message {
        Some(message) => format!("{message}; {more}"),
        None => more.to_owned(),
    }
}

/// What ends a pcapng file that was cut, as the part behind those that are kept: statistics with a comment that says how
/// much is in it. None where it cannot be, as a part behind one that is too small not to be the last (S3, "Multipart upload
/// limits"), and for classic pcap, which has no place for it. `packets` are those in this file.
pub(crate) fn tail(record: &StoredCapture, packets: u64, kept: &[Kept], now: Timestamp) -> Option<(PartNumber, Bytes)> {
    let last = kept.last()?;
    let is_cut = record.packets_seen.is_some() && !last.ends_file;
    if !is_cut || !record.is_pcapng || last.part_bytes < PART_BYTES_MIN {
        return None;
    }
    let number = PartNumber::new(u32::from(last.part.number) + 1).ok()?;
    let nanos = |at: i64| u64::try_from(at).ok();
    let is_of_one = record.interfaces == Some(1);
    let statistics = Statistics {
        stamp_nanos: nanos(last.taken.min(now).as_nanos())?,
        start_nanos: record.started_ns.and_then(nanos),
        os_dropped: is_of_one.then_some(last.after.dropped),
        delivered: is_of_one.then_some(last.after.packets),
        ..Statistics::default()
    };
    let comment = format!(
        "cut here, since what was caught behind it was lost in the server: {packets} packets are in this file, and {} had been \
         dropped by the kernel",
        last.after.dropped
    );
    let mut bytes = Vec::new();
    ng::put_statistics_with_comment(&mut bytes, &statistics, &comment);
    Some((number, bytes.into()))
}

fn not_aborted(id: CaptureId, error: &SinkError) {
    // A store which lets us put objects alone keeps the upload until its lifecycle rule.
    warn!(capture = %id, %error, "upload of a failed capture not aborted");
}

#[cfg(test)]
mod tests;
