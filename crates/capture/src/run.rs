//! The life of one capture, from its admission to its terminal state.
//!
//! Order of things, and what a kill behind each leaves to the next start (`recover.rs`):
//! 1. the multipart upload is begun, which also tells at once of a bucket that vanished (an upload nobody knows of);
//! 2. its id is stored (the upload is aborted, the capture fails);
//! 3. the agent begins: `running`; parts are uploaded as packets come in, counts are stored every few seconds (the same);
//! 4. the agent ends: `conversion_pending`, and the account may start another capture (the same);
//! 5. all parts are in the store: `conversion_running`, with their list (the upload is completed);
//! 6. the upload is completed: `success`.

use crate::agent::{Agent, Catch, Ended, Order, Running};
use crate::capture::{self, Counts, End, StoredCapture, StoredState};
use crate::limits::{PROGRESS_SAVED_EVERY, STORE_PAUSE};
use crate::live::Live;
use crate::ownership::StoredOwnership;
use crate::sink::{SentPart, Sink, SinkError, Upload};
use crate::store::{self, Change};
use crate::tasks::Admitted;
use crate::{CaptureError, Captures};
use baleen_meta::Request;
use baleen_types::{AccountId, CaptureId, OwnershipId, PartNumber};
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use std::time::Duration;
use tracing::{info, warn};

/// The media type of capture files (capture contract, A.2, "Files in the bucket").
const CAPTURE_CONTENT_TYPE: &str = "application/vnd.tcpdump.pcap";

/// The longest pause between tries to store how a capture ended.
const END_PAUSE_MAX: Duration = Duration::from_secs(30);

/// Why there will be no object; the text is for the capture's owner.
struct Failure(String);

impl Failure {
    /// The destination was deleted from the account's list.
    fn forsaken() -> Self {
        Self("the bucket was deleted from this account's list while the capture ran".to_owned())
    }
}

impl From<CaptureError> for Failure {
    fn from(error: CaptureError) -> Self {
        Self(error.to_string())
    }
}

impl From<SinkError> for Failure {
    fn from(error: SinkError) -> Self {
        Self(format!("the bucket did not take the capture: {error}"))
    }
}

/// A capture that is over and whose parts are all in the store.
struct Delivered {
    parts: Vec<SentPart>,
    /// What is missing in the file, if anything.
    message: Option<String>,
}

/// What one run works with.
struct Run<'a> {
    captures: &'a Captures,
    owner: (AccountId, CaptureId),
    live: &'a Live,
    sink: &'a dyn Sink,
    upload: Upload,
}

impl Captures {
    /// Runs an admitted capture to its end. Never fails: how it ended is in the record.
    pub(crate) async fn run(&self, admitted: Admitted, live: &Live) {
        let owner = admitted.owner;
        let end = match self.run_to_end(admitted, live).await {
            Ok(message) => End::Success(message),
            Err(Failure(message)) => End::Failed(message),
        };
        self.store_end(owner, end).await;
    }

    async fn run_to_end(&self, admitted: Admitted, live: &Live) -> Result<Option<String>, Failure> {
        let owner = admitted.owner;
        // The proof may have been deleted since the capture was let in; who deletes it after this look finds the capture
        // among the live ones.
        self.read_proof(owner.0, admitted.ownership).await?;
        let destination = admitted.proof.destination()?;
        let place = admitted.proof.place(admitted.ownership, &self.parts.sealer)?;
        let sink = self.places.open(owner.0, destination.bucket(), &place).await?;
        let key = destination.key(&admitted.order.file_name());
        let upload = sink.begin(&key, CAPTURE_CONTENT_TYPE).await?;
        let run = Run {
            captures: self,
            owner,
            live,
            sink: &*sink,
            upload,
        };
        match run.catch(&*admitted.site.agent, admitted.order).await {
            Ok(delivered) => self.complete(owner, &*sink, &run.upload, delivered).await,
            Err(failure) => {
                abort(&*sink, &run.upload, owner.1).await;
                Err(failure)
            }
        }
    }

    async fn complete(
        &self,
        (_, id): (AccountId, CaptureId),
        sink: &dyn Sink,
        upload: &Upload,
        delivered: Delivered,
    ) -> Result<Option<String>, Failure> {
        match sink.complete(upload, &delivered.parts).await {
            Ok(()) => Ok(delivered.message),
            Err(error) => {
                abort(sink, upload, id).await;
                Err(error.into())
            }
        }
    }

    /// Completes the upload of a capture that an earlier process had wholly uploaded.
    pub(crate) async fn finish_interrupted(&self, owner: (AccountId, CaptureId), record: StoredCapture) {
        let end = match self.complete_interrupted(owner, &record).await {
            Ok(message) => End::Success(message),
            Err(Failure(message)) => End::Failed(message),
        };
        self.store_end(owner, end).await;
    }

    async fn complete_interrupted(
        &self,
        owner: (AccountId, CaptureId),
        record: &StoredCapture,
    ) -> Result<Option<String>, Failure> {
        let (sink, upload) = self.reopen(owner.0, record).await?;
        let delivered = Delivered {
            parts: record.parts.clone(),
            message: record.message.clone(),
        };
        self.complete(owner, &*sink, &upload, delivered).await
    }

    /// Gives up the upload of a capture that an earlier process left, as far as the store lets us.
    pub(crate) async fn abort_interrupted(&self, (account, id): (AccountId, CaptureId), record: StoredCapture) {
        match self.reopen(account, &record).await {
            Ok((sink, upload)) => abort(&*sink, &upload, id).await,
            Err(Failure(reason)) => warn!(capture = %id, %reason, "interrupted upload not aborted"),
        }
    }

    /// The sink and the upload of a capture whose process died.
    async fn reopen(&self, account: AccountId, record: &StoredCapture) -> Result<(Box<dyn Sink>, Upload), Failure> {
        let upload = record
            .upload()?
            .ok_or_else(|| Failure("no upload was begun".to_owned()))?;
        let ownership = record.ownership();
        let proof = self.read_proof(account, ownership).await?;
        let place = proof.place(ownership, &self.parts.sealer)?;
        let sink = self.places.open(account, proof.destination()?.bucket(), &place).await?;
        Ok((sink, upload))
    }

    async fn read_proof(&self, account: AccountId, id: OwnershipId) -> Result<StoredOwnership, Failure> {
        let read = store::read(&self.parts.meta, &Self::ownership_key(account, id)).await?;
        read.map(|read| read.record).ok_or_else(Failure::forsaken)
    }

    /// Stores how a capture ended, again and again while the store cannot: as long as it is not stored, the account sees
    /// the capture as unfinished, and a start settles it if this process ends first.
    async fn store_end(&self, owner: (AccountId, CaptureId), end: End) {
        let mut pause = STORE_PAUSE;
        loop {
            let end = end.clone();
            let set = |record: &mut StoredCapture| {
                if record.status().is_terminal() {
                    return Ok(Change::Leave(()));
                }
                let further = record.end(end.clone(), owner, self.parts.clock.now());
                Ok(Change::Store(further, ()))
            };
            match self.change(owner, set).await {
                Ok(record) => {
                    let counts = record.counts();
                    let (packets, bytes, dropped) = (counts.packets, counts.bytes, counts.dropped);
                    let message = record.message.as_deref().unwrap_or_default();
                    info!(capture = %owner.1, state = ?record.state, packets, bytes, dropped, message, "capture ended");
                    return;
                }
                Err(error) => warn!(capture = %owner.1, %error, "end of a capture not stored yet"),
            }
            tokio::select! {
                () = self.parts.clock.sleep(pause) => {}
                () = self.parts.supervisor.shutdown().stopping() => return,
            }
            pause = (pause * 2).min(END_PAUSE_MAX);
        }
    }

    async fn change(
        &self,
        (account, id): (AccountId, CaptureId),
        edit: impl FnMut(&mut StoredCapture) -> Result<Change<()>, CaptureError>,
    ) -> Result<StoredCapture, CaptureError> {
        let missing = || CaptureError::NoSuchCapture(id);
        let key = capture::key(account, id);
        let (record, ()) = store::update(&self.parts.meta, &key, missing, edit).await?;
        Ok(record)
    }
}

impl Run<'_> {
    /// Captures and uploads until all parts are in the store.
    async fn catch(&self, agent: &dyn Agent, mut order: Order) -> Result<Delivered, Failure> {
        // Known by now: beginning the upload has connected to the store.
        order.exclude = self.sink.own_traffic().await;
        let begun = |record: &mut StoredCapture| record.upload = Some(self.upload.id.clone());
        self.note(begun).await?;
        let Catch { parts, running } = agent.begin(order).await.map_err(|e| Failure(e.to_string()))?;
        self.live.set_running(&running);
        let started = self.captures.parts.clock.now();
        let noted = self
            .note(|record| {
                record.state = StoredState::Running;
                record.started_ns = Some(started.as_nanos());
            })
            .await;
        match noted {
            // A stop that came before this process knew of the capture is in the record alone.
            Ok(record) if record.stop_requested_ns.is_some() => self.live.stop.stop(),
            Ok(_) => {}
            Err(error) => {
                running.stop();
                return Err(error.into());
            }
        }
        let upload = async {
            let sent = self.upload_all(parts).await;
            if sent.is_err() {
                running.stop();
            }
            sent
        };
        let (sent, ended) = tokio::join!(upload, self.watch(&*running));
        let message = self.judge(&ended)?;
        let delivered = Delivered { parts: sent?, message };
        if delivered.parts.is_empty() {
            return Err(Failure("the capture agent delivered no file".to_owned()));
        }
        self.note_delivered(&delivered).await;
        Ok(delivered)
    }

    /// Sends parts in their order, one at a time: what waits is in the agent's pool, which is bounded.
    async fn upload_all(&self, mut parts: BoxStream<'static, Bytes>) -> Result<Vec<SentPart>, SinkError> {
        let mut sent = Vec::new();
        while let Some(bytes) = parts.next().await {
            let next = u32::try_from(sent.len() + 1).unwrap_or(u32::MAX);
            let number = PartNumber::new(next).map_err(SinkError::Damaged)?;
            sent.push(self.sink.part(&self.upload, number, bytes).await?);
        }
        Ok(sent)
    }

    /// Passes on the wish to stop, stores progress, and waits for the end of capturing.
    async fn watch(&self, running: &dyn Running) -> Ended {
        let parts = &self.captures.parts;
        let mut asked = false;
        let mut stored = Counts::default();
        let ended = loop {
            tokio::select! {
                ended = running.ended() => break ended,
                () = self.live.stop.stopping(), if !asked => asked = true,
                () = parts.supervisor.shutdown().stopping(), if !asked => asked = true,
                () = parts.clock.sleep(PROGRESS_SAVED_EVERY) => {
                    let counts = running.counts();
                    // A silent network costs no sync.
                    if counts != stored && self.note_progress(counts).await {
                        stored = counts;
                    }
                }
            }
            if asked {
                running.stop();
            }
        };
        let over = |record: &mut StoredCapture| {
            record.set_counts(ended.counts);
            record.state = StoredState::ConversionPending;
        };
        if let Err(error) = self.note(over).await {
            warn!(capture = %self.owner.1, %error, "end of capturing not stored; the end of the capture will be");
        }
        ended
    }

    /// Decides whether what was caught is to be kept, and what is missing in it.
    fn judge(&self, ended: &Ended) -> Result<Option<String>, Failure> {
        if self.live.is_forsaken() {
            return Err(Failure::forsaken());
        }
        let nothing = ended.counts.packets == 0;
        let server_stops = self.captures.parts.supervisor.shutdown().is_stopping();
        let (reason, note) = match &ended.trouble {
            Some(trouble) => (trouble.as_str(), Some(format!("the capture ended early: {trouble}"))),
            // A stop that was asked for makes an empty file a success (capture contract, A.2).
            None if self.live.stop.is_stopping() => return Ok(None),
            None if server_stops => (
                "the server was stopped before a packet matched the filter",
                Some("the capture may have ended early: the server was stopped".to_owned()),
            ),
            None => ("no packet matched the filter in the time given", None),
        };
        if nothing {
            Err(Failure(reason.to_owned()))
        } else {
            Ok(note)
        }
    }

    /// Stores the counts; tells whether they are stored.
    async fn note_progress(&self, counts: Counts) -> bool {
        let noted = self.note(|record| record.set_counts(counts)).await;
        if let Err(error) = &noted {
            warn!(capture = %self.owner.1, %error, "progress of a capture not stored");
        }
        noted.is_ok()
    }

    async fn note_delivered(&self, delivered: &Delivered) {
        let noted = self
            .note(|record| {
                record.state = StoredState::ConversionRunning;
                record.parts.clone_from(&delivered.parts);
                record.message.clone_from(&delivered.message);
            })
            .await;
        if let Err(error) = noted {
            // The upload can be completed all the same; only a kill just now would lose it.
            warn!(capture = %self.owner.1, %error, "list of parts not stored");
        }
    }

    /// Edits the record while the capture runs, and lets the account go when the edit ends its active phase.
    async fn note(&self, edit: impl Fn(&mut StoredCapture)) -> Result<StoredCapture, CaptureError> {
        let account = self.owner.0;
        let change = |record: &mut StoredCapture| {
            let was_active = record.is_active();
            edit(record);
            let request = if was_active && !record.is_active() {
                Request::new().delete(capture::active_key(account))
            } else {
                Request::new()
            };
            Ok(Change::Store(request, ()))
        };
        self.captures.change(self.owner, change).await
    }
}

async fn abort(sink: &dyn Sink, upload: &Upload, id: CaptureId) {
    if let Err(error) = sink.abort(upload).await {
        // A store which lets us put objects alone keeps the upload until its lifecycle rule.
        warn!(capture = %id, %error, "upload of a failed capture not aborted");
    }
}
