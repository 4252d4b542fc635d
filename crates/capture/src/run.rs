//! The life of one capture, from its admission to its terminal state.
//!
//! Order of things, and what a kill behind each leaves to the next start (`recover.rs`):
//! 1. the multipart upload is begun, which also tells at once of a bucket that vanished (the capture fails; our own store is
//!    asked for uploads of that name, another keeps the upload until its lifecycle rule);
//! 2. its id is stored (the upload is aborted, the capture fails);
//! 3. the agent begins: `running`; parts are uploaded as packets come in, and each is noted before the next is sent; counts
//!    are stored every few seconds (the same while no part is noted; then those that are become the object);
//! 4. the agent ends: `conversion_pending`, and the account may start another capture (the same);
//! 5. all parts are in the store: `conversion_running` (the upload is completed);
//! 6. the upload is completed: `success`, and the notes go.
//!
//! Of a capture of several files (`run/several.rs`), each goes this way by itself, with a row of its own in place of the
//! record's upload (`files.rs`).

mod adopted;
mod even;
mod memory;
mod room;
mod several;
mod upload;

pub(crate) use upload::FILE;

use crate::agent::{Agent, Catch, Ended, GENERATION, Order, Piece, Running};
use crate::capture::{self, Counts, End, StoredCapture, StoredState};
use crate::files;
use crate::finish::joined;
use crate::journal;
use crate::limits::{BEGIN_GRACE, FINISH_PATIENCE, OVERDUE_AFTER, PROGRESS_SAVED_EVERY, STORE_PAUSE};
use crate::live::Live;
use crate::meter;
use crate::patience::{AtStop, Patience};
use crate::rooms::Room;
use crate::sink::{SentPart, Sink, SinkError, Upload};
use crate::store::{self, Change};
use crate::tasks::{Admitted, Target};
use crate::{CaptureError, Captures};
use baleen_meta::Request;
use baleen_types::{AccountId, CaptureId, Classify as _, ObjectKey};
use futures::stream::BoxStream;
use memory::Memory;
use parking_lot::Mutex;
use room::Waits;
pub(crate) use room::shown;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tracing::{info, warn};

/// The media type of capture files (capture contract, A.2, "Files in the bucket").
pub(crate) const CAPTURE_CONTENT_TYPE: &str = "application/vnd.tcpdump.pcap";

/// The message of a capture whose account may not act any more.
const SUSPENDED: &str = "the capture ended early: its account was disabled or deleted";

/// The longest pause between tries to store how a capture ended.
const END_PAUSE_MAX: Duration = Duration::from_secs(30);

/// Why a run does not end as a success; the texts are for the capture's owner.
#[derive(Debug)]
pub(crate) enum Failure {
    /// There will be no object.
    Final(String),
    /// The same, but what failed may work later.
    Transient(String),
    /// What was caught can be had no further: it ends with what the store has. That is noted in the record.
    Cut(String),
    /// The server stops before it is decided; the next start settles the capture.
    Stopping,
}

impl Failure {
    /// The destination was deleted from the account's list.
    pub(crate) fn forsaken() -> Self {
        Self::Final("the bucket was deleted from this account's list while the capture ran".to_owned())
    }

    /// Of something that is tried again where that may help.
    pub(crate) fn of_try(error: SinkError) -> Self {
        let is_passing = error.kind().is_transient();
        match Self::from(error) {
            Self::Final(message) if is_passing => Self::Transient(message),
            failure => failure,
        }
    }

    pub(crate) fn message(self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Final(message) | Self::Transient(message) | Self::Cut(message) => message,
            Self::Stopping => "the server was stopped",
        })
    }
}

impl From<SinkError> for Failure {
    fn from(error: SinkError) -> Self {
        Self::Final(format!("the bucket did not take the capture: {error}"))
    }
}

/// A capture that is over and whose parts are all in the store.
pub(crate) struct Delivered {
    pub(crate) parts: Vec<SentPart>,
    /// What is missing in the file, if anything.
    pub(crate) message: Option<String>,
}

/// What an agent catches, and its control.
type Caught = (BoxStream<'static, Piece>, Arc<dyn Running>);

/// What one run works with.
struct Run<'a> {
    captures: &'a Captures,
    owner: (AccountId, CaptureId),
    live: &'a Live,
    sink: &'a dyn Sink,
    /// Of the first file.
    upload: Upload,
    /// As it was let in.
    record: StoredCapture,
    /// Whether only some packets were asked for.
    is_filtered: bool,
    /// Whether a file without packets is as good as any other.
    may_be_empty: bool,
    /// What to say when nothing was caught until a limit.
    in_vain: String,
    /// What a stop means to who waits for the store with a part.
    at_stop: AtStop,
    memory: Memory,
    /// How long it may still wait for its store, for all of its parts together.
    patience_left: Mutex<Duration>,
    /// What it is when its store takes no further part for as long as it is asked.
    given_up: fn(String) -> Failure,
}

/// What to say when nothing was caught until a limit.
fn in_vain(is_filtered: bool, site: &str) -> String {
    if is_filtered {
        "no packet matched the filter in the time given".to_owned()
    } else {
        format!("no packet was seen at site {site} in the time given")
    }
}

impl Captures {
    /// Runs an admitted capture to its end. Never fails: how it ended is in the record. `room` is given back when the last
    /// part is in the store or on the disk, see `run/room.rs`, and counts until the end is stored.
    pub(crate) async fn run(self: &Arc<Self>, admitted: Admitted, live: &Live, room: Room) {
        let owner = admitted.owner;
        let ended = self.run_to_end(admitted, live, &room).await;
        room.give_back();
        match ended {
            Ok(Some(end)) => self.store_end(owner, end).await,
            Ok(None) | Err(Failure::Stopping) => {}
            Err(Failure::Cut(reason)) => {
                warn!(capture = %owner.1, reason, "a capture ends with what its store has");
                self.settle_by_notes(owner).await;
            }
            Err(failure) => self.store_end(owner, End::Failed(failure.message())).await,
        }
    }

    /// `None` when the server stops before the end is known.
    async fn run_to_end(&self, admitted: Admitted, live: &Live, room: &Room) -> Result<Option<End>, Failure> {
        let owner = admitted.owner;
        let open = self.open_target(owner.0, &admitted.target);
        let sink: Arc<dyn Sink> = Arc::from(self.unless_ended(live, open).await??);
        let key = admitted.record.object_key()?;
        let upload = self.begin_upload(live, &sink, key, owner.1).await?;
        let is_filtered = admitted.record.is_filtered();
        let in_vain = in_vain(is_filtered, admitted.order.site.as_str());
        // What is merged is staged, and stays there until the end is stored.
        let is_staged = admitted.site.agent.makes_one_file() || live.is_resumed();
        let at_stop = if is_staged {
            AtStop::LeaveAfter(OVERDUE_AFTER)
        } else {
            AtStop::Stay
        };
        // What the store has makes a file, where it is noted; an agent elsewhere would be asked for the rest again and again.
        let is_kept = sink.even_parts().is_none() && admitted.site.agent.elsewhere().is_none();
        let given_up = if is_kept { Failure::Cut } else { Failure::Final };
        let run = Run {
            captures: self,
            owner,
            live,
            sink: &*sink,
            upload,
            is_filtered,
            may_be_empty: admitted.record.may_be_empty(),
            record: admitted.record,
            in_vain,
            at_stop,
            memory: Memory::default(),
            patience_left: Mutex::new(FINISH_PATIENCE),
            given_up,
        };
        if admitted.order.rotation.is_some() {
            return run.to_files(&*admitted.site.agent, admitted.order, room).await;
        }
        let caught = run.catch(&*admitted.site.agent, admitted.order, room).await;
        room.give_back();
        if let Err(Failure::Cut(reason)) = caught {
            return Err(Failure::Cut(reason));
        }
        Ok(run.conclude(caught).await)
    }

    async fn open_target(&self, account: AccountId, target: &Target) -> Result<Box<dyn Sink>, Failure> {
        match target {
            Target::Proven { ownership, proof } => {
                // The proof may have been deleted since the capture was let in; who deletes it after this look finds the
                // capture among the live ones.
                self.read_proof(account, *ownership).await?;
                let destination = proof.destination()?;
                let place = proof.place(*ownership, &self.parts.sealer)?;
                Ok(self.places.open(account, destination.bucket(), &place).await?)
            }
            Target::Home => Ok(Box::new(self.home(account).await?)),
        }
    }

    /// Begins the upload. One that the store begins after nobody waits any more is aborted.
    async fn begin_upload(
        &self,
        live: &Live,
        sink: &Arc<dyn Sink>,
        key: ObjectKey,
        id: CaptureId,
    ) -> Result<Upload, Failure> {
        let store = Arc::clone(sink);
        let mut begin = Box::pin(async move { store.begin(&key, CAPTURE_CONTENT_TYPE).await });
        match self.unless_ended(live, &mut begin).await {
            Ok(begun) => Ok(begun?),
            Err(ended) => {
                let store = Arc::clone(sink);
                let clean = async move {
                    if let Ok(upload) = begin.await
                        && let Err(error) = store.abort(&upload).await
                    {
                        warn!(capture = %id, %error, "upload of a stopped capture not aborted");
                    }
                };
                self.parts
                    .supervisor
                    .spawn(&format!("late upload of capture {id}"), clean);
                Err(ended)
            }
        }
    }

    /// Waits for something that a capture needs before it begins, unless its end is wished meanwhile. A stop leaves the
    /// work some seconds more: with a store that answers, the capture ends with an empty file then. One that was caught by an
    /// earlier process has an end already, and is left to the next one by a stop of the server.
    async fn unless_ended<T>(&self, live: &Live, work: impl Future<Output = T>) -> Result<T, Failure> {
        let stopped = async {
            live.stop.stopping().await;
            if live.is_forsaken() {
                return;
            }
            if live.is_resumed() {
                std::future::pending::<()>().await;
            }
            self.parts.clock.sleep(BEGIN_GRACE).await;
        };
        let ended = tokio::select! {
            biased;
            done = work => return Ok(done),
            () = stopped => if live.is_suspended() {
                "its account was disabled or deleted before it began"
            } else {
                "it was stopped before it began"
            },
            () = self.parts.supervisor.shutdown().stopping() => {
                if live.is_resumed() {
                    return Err(Failure::Stopping);
                }
                "the server was stopped before it began"
            }
        };
        if live.is_forsaken() {
            return Err(Failure::forsaken());
        }
        Err(Failure::Final(ended.to_owned()))
    }

    /// Stores how a capture ended, again and again while the store cannot: as long as it is not stored, the account sees
    /// the capture as unfinished, and a start settles it if this process ends first.
    pub(crate) async fn store_end(self: &Arc<Self>, owner: (AccountId, CaptureId), end: End) {
        let mut pause = STORE_PAUSE;
        loop {
            match self.try_end(owner, &end).await {
                Ok(record) => {
                    let counts = record.counts();
                    meter::ended(record.status(), counts);
                    let (packets, bytes, dropped) = (counts.packets, counts.bytes, counts.dropped);
                    let message = record.message.as_deref().unwrap_or_default();
                    info!(capture = %owner.1, state = ?record.state, packets, bytes, dropped, message, "capture ended");
                    if end.leaves_uploads() {
                        self.spawn_abort(owner, record);
                    }
                    break;
                }
                // Its account was purged.
                Err(CaptureError::NoSuchCapture(_)) => break,
                Err(error) => warn!(capture = %owner.1, %error, "end of a capture not stored yet"),
            }
            tokio::select! {
                () = self.parts.clock.sleep(pause) => {}
                () = self.parts.supervisor.shutdown().stopping() => return,
            }
            pause = (pause * 2).min(END_PAUSE_MAX);
        }
        self.clear_disk(owner).await;
    }

    /// Removes what waited of a capture, to be merged or to be sent.
    pub(crate) async fn clear_disk(&self, owner: (AccountId, CaptureId)) {
        if let Some(staging) = self.parts.sites.staging().cloned() {
            let _removed = tokio::task::spawn_blocking(move || staging.remove(owner.1)).await;
        }
        self.clear_spool(owner).await;
    }

    /// Stores how a capture ended; what was noted of its parts goes with it.
    async fn try_end(&self, owner: (AccountId, CaptureId), end: &End) -> Result<StoredCapture, CaptureError> {
        let forget = journal::forget(&self.parts.meta, owner).await?;
        let held = files::held(&self.parts.meta, owner).await?;
        let set = |record: &mut StoredCapture| {
            if record.status().is_terminal() {
                return Ok(Change::Leave(()));
            }
            let mut end = end.clone();
            if let (End::Success(message) | End::Partial(message), true) = (&mut end, record.has_files()) {
                *message = record.count_files(held, message.take());
            }
            let further = record.end(end, owner, self.parts.clock.now());
            Ok(Change::Store(further.and(forget.clone()), ()))
        };
        let ended = self.change(owner, set).await?;
        journal::forget_rest(&self.parts.meta, owner).await?;
        Ok(ended)
    }

    pub(crate) async fn change(
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
    /// Makes the object of what was delivered, or gives the upload up. `None` when the server stops before that is decided.
    async fn conclude(&self, caught: Result<Delivered, Failure>) -> Option<End> {
        let (id, upload) = (self.owner.1, (self.sink, &self.upload));
        match caught {
            Ok(delivered) => {
                let mut patience = Patience::new(self.captures).heeding(Some(self.live));
                self.captures
                    .complete(id, upload, delivered, false, &mut patience)
                    .await
            }
            Err(Failure::Stopping) => None,
            Err(failure) => Some(self.captures.failed(id, upload, failure.message()).await),
        }
    }

    /// Captures and uploads until all parts are in the store.
    async fn catch(&self, agent: &dyn Agent, order: Order, room: &Room) -> Result<Delivered, Failure> {
        let elsewhere = agent.elsewhere();
        let begun = |record: &mut StoredCapture| {
            record.upload = Some(self.upload.id.clone());
            if let Some(agent) = elsewhere {
                record.agents = vec![*agent.as_bytes()];
                record.generation = GENERATION;
            }
        };
        self.note(begun).await?;
        let Catch { pieces, running, .. } = self.start(agent, order).await?;
        if elsewhere.is_some() {
            return self.deliver_or_leave((pieces, running), room, Vec::new()).await;
        }
        let (pieces, waits) = self.by_the_spool(agent, pieces).await;
        self.deliver((pieces, running), (waits, room), Vec::new()).await
    }

    /// Uploads what is caught of a capture that goes on without this process: when the server stops, it is left to the next.
    async fn deliver_or_leave(&self, caught: Caught, room: &Room, sent: Vec<SentPart>) -> Result<Delivered, Failure> {
        let running = Arc::clone(&caught.1);
        tokio::select! {
            // Before anything of it sees that the server stops.
            biased;
            () = self.captures.parts.supervisor.shutdown().stopping() => {
                running.leave();
                Err(Failure::Stopping)
            }
            delivered = self.deliver(caught, (Waits::with_the_agent(), room), sent) => delivered,
        }
    }

    /// Uploads what is caught, behind the parts that were sent, until all of it is in the store.
    async fn deliver(
        &self,
        (pieces, running): Caught,
        (waits, room): (Waits, &Room),
        sent: Vec<SentPart>,
    ) -> Result<Delivered, Failure> {
        let upload = self.upload_all(pieces, sent);
        let (parts, message) = Box::pin(self.see_through(&*running, waits, room, upload)).await?;
        let delivered = Delivered { parts, message };
        if delivered.parts.is_empty() {
            return Err(Failure::Final("the capture agent delivered no file".to_owned()));
        }
        self.note_delivered(&delivered).await?;
        Ok(delivered)
    }

    /// Lets the agent begin, and notes that it has.
    async fn start(&self, agent: &dyn Agent, mut order: Order) -> Result<Catch, Failure> {
        if agent.makes_one_file() {
            self.captures.seal_staging().await?;
        }
        // Known by now: beginning the upload has connected to the store.
        order.exclude = self.sink.own_traffic().await;
        let begun = self.captures.unless_ended(self.live, agent.begin(order)).await?;
        let catch = begun.map_err(|e| Failure::Final(e.to_string()))?;
        let (running, interfaces) = (&catch.running, catch.interfaces);
        self.live.set_running(running);
        let started = self.captures.parts.clock.now();
        let noted = self
            .note(|record| {
                // One that is gone on with after a kill may have been over.
                if record.is_active() {
                    record.state = StoredState::Running;
                }
                record.started_ns.get_or_insert(started.as_nanos());
                record.interfaces = interfaces;
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
        Ok(catch)
    }

    /// Passes on the wish to stop, stores progress, and waits for the end of capturing.
    async fn watch(&self, running: &dyn Running, room: &Room) -> Ended {
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
        // Before the account may begin the next one.
        room.set_over();
        let over = |record: &mut StoredCapture| {
            record.end_counts(ended.counts);
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
        if self.live.is_resumed()
            && let Some(known) = &self.record.message
            && ended.counts.packets > 0
        {
            // The process that caught it knew better why it ended. What is found missing now it did not know.
            return Ok(match (shown(known), &ended.missing) {
                (known, None) => known,
                (known, Some(missing)) => Some(joined(known, missing)),
            });
        }
        let nothing = ended.counts.packets == 0;
        let server_stops = self.captures.parts.supervisor.shutdown().is_stopping();
        // The interface that was lost explains an empty file better than a filter does.
        let in_vain = ended.missing.as_ref().unwrap_or(&self.in_vain);
        let (reason, note) = match &ended.trouble {
            Some(trouble) => (trouble.as_str(), Some(format!("the capture ended early: {trouble}"))),
            // As a stop that was asked for, but nobody of the account asked for it.
            None if self.live.is_suspended() => {
                return Ok(Some(match &ended.missing {
                    None => SUSPENDED.to_owned(),
                    Some(missing) => joined(Some(SUSPENDED.to_owned()), missing),
                }));
            }
            // A stop that was asked for makes an empty file a success (capture contract, A.2).
            None if self.live.stop.is_stopping() => return Ok(ended.missing.clone()),
            None if self.may_be_empty && !server_stops => return Ok(ended.missing.clone()),
            None if server_stops => (
                if self.is_filtered {
                    "the server was stopped before a packet matched the filter"
                } else {
                    "the server was stopped before a packet was seen"
                },
                Some("the capture may have ended early: the server was stopped".to_owned()),
            ),
            None => (in_vain.as_str(), None),
        };
        if nothing && !(self.may_be_empty && ended.trouble.is_none()) {
            return Err(Failure::Final(reason.to_owned()));
        }
        Ok(match (note, &ended.missing) {
            (note, None) => note,
            (note, Some(missing)) => Some(joined(note, missing)),
        })
    }

    /// Stores the counts; tells whether they are stored.
    async fn note_progress(&self, counts: Counts) -> bool {
        let noted = self.note(|record| record.set_counts(counts)).await;
        if let Err(error) = &noted {
            warn!(capture = %self.owner.1, %error, "progress of a capture not stored");
        }
        noted.is_ok()
    }

    /// Edits the record while the capture runs, and lets the account go when the edit ends its active phase.
    async fn note(&self, edit: impl Fn(&mut StoredCapture)) -> Result<StoredCapture, CaptureError> {
        let account = self.owner.0;
        let change = |record: &mut StoredCapture| {
            let (was_active, state) = (record.is_active(), record.state);
            edit(record);
            if record.state != state {
                record.modified_ns = self.captures.parts.clock.now().as_nanos();
            }
            let request = if was_active && !record.is_active() {
                Request::new().delete(record.turn_key(account))
            } else {
                Request::new()
            };
            Ok(Change::Store(request, ()))
        };
        self.captures.change(self.owner, change).await
    }
}
