//! The work for one order: to begin, to catch into parts, to deliver them, and to hold all until the server has it.
//!
//! A part is on disk from its first piece on, and sent when it is whole; so a cut link costs nothing but space, and what a killed
//! process leaves is delivered by the next. A part that finds no space stays in memory, and then no more is taken out of the engine until it
//! is delivered: the kernel drops and counts, as for any capture whose store is slow.

use crate::deliver::{self, Whose};
use crate::desk;
use crate::limits::{PART_BYTES, PARTS_MAX, WATCH_PERIOD};
use crate::order::{self, Checked};
use crate::part::{OpenPart, PartHead};
use crate::queue::Queue;
use crate::shared::{Shared, Work, wire};
use crate::spool::{OrderFolder, Recovered};
use crate::told::{self, capture_of};
use crate::view;
use baleen_agentwire::{Ended, Job, OrderId};
use baleen_capture::{Catch, Running};
use bytes::Bytes;
use futures::StreamExt as _;
use parking_lot::Mutex;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tracing::info;

/// Parts in memory alone while more is caught.
const IN_MEMORY_MAX: usize = 1;

/// The words for captures that end with the program, and for those that are not begun since it ends.
pub(crate) const STOPPED: &str = "the agent was stopped";

/// The words of a file that ends with a mistake of ours.
const BROKEN: &str = "the agent failed while it put the file together; the file holds what is before that";

/// The words of a file that is as long as one may be.
const FILE_FULL: &str = "the file reached the largest size that an agent delivers";

/// What was begun.
struct Begun {
    catch: Catch,
    /// For its parts, if any are made.
    folder: Option<OrderFolder>,
    missing: Option<String>,
}

/// Begins the work for an order. From here on it is found by what is said of it next, however far it is.
pub(crate) fn begin(shared: &Arc<Shared>, id: OrderId, job: Job) {
    if shared.closing.is_stopping() {
        return shared.note(|desk| desk.refused(id, STOPPED));
    }
    let work = Work::new();
    shared.add(id, work.clone());
    tokio::spawn(run(Arc::clone(shared), id, job, work));
}

/// Does the work for an order until it is forgotten.
async fn run(shared: Arc<Shared>, id: OrderId, job: Job, work: Work) {
    let left_out = addresses(&shared).await;
    shared.edit(id, |work| work.left_out.clone_from(&left_out));
    if work.forget.is_stopping() {
        shared.give_up(id);
        return;
    }
    // Seen through, since what it makes has to be taken away again.
    match start(&shared, id, &job, &left_out).await {
        Err(why) => {
            info!(capture = %capture_of(id), filter = %told::filter(&job.begin.filter), why, "a capture was refused");
            shared.note(|desk| desk.refused(id, &why));
        }
        Ok(begun) => {
            told::begun(id, &job);
            let folder = begun.folder.clone();
            let Begun { catch, missing, .. } = begun;
            let capturing = async {
                match &folder {
                    Some(folder) => capture(&shared, id, &work, job.begin.part_bytes, (catch, folder, missing)).await,
                    None => view::capture(&shared, id, &work, (catch, missing)).await,
                }
            };
            tokio::select! {
                biased;
                () = work.forget.stopping() => {}
                () = capturing => work.forget.stopping().await,
            }
            remove(folder).await;
        }
    }
    shared.give_up(id);
}

/// Begins to deliver what a process before this one left.
pub(crate) fn resume(shared: &Arc<Shared>, recovered: Recovered) {
    let work = Work::new();
    shared.add(recovered.id, work.clone());
    shared.note(|desk| desk.recovered(recovered.id, recovered.ended.clone()));
    tokio::spawn(deliver_rest(Arc::clone(shared), recovered, work));
}

async fn deliver_rest(shared: Arc<Shared>, recovered: Recovered, work: Work) {
    let Recovered {
        id,
        folder,
        parts,
        ended,
    } = recovered;
    let queue = Queue::default();
    for head in parts {
        queue.push_from_disk(head);
    }
    queue.close();
    let delivering = async {
        if let Some(short) = deliver(&shared, (id, Whose::OfBefore), &folder, &queue).await {
            tell_short(&shared, id, &folder, &ended, short).await;
        }
    };
    tokio::select! {
        biased;
        () = work.forget.stopping() => {}
        () = delivering => work.forget.stopping().await,
    }
    remove(Some(folder)).await;
    shared.give_up(id);
}

/// The end of what can be delivered, if it is before that of the file: so many parts, and why.
type Short = (u32, String);

async fn deliver(shared: &Shared, order: (OrderId, Whose), folder: &OrderFolder, queue: &Queue) -> Option<Short> {
    let why = deliver::all(shared, order, folder, queue).await.err()?;
    tracing::warn!(why, "the rest of a capture is not delivered");
    let delivered = queue.first_number().unwrap_or_default();
    queue.give_up();
    Some((delivered, why))
}

/// Corrects an end that was told before it was known that not all can be delivered; else the server would wait for the rest.
async fn tell_short(shared: &Shared, id: OrderId, folder: &OrderFolder, told: &Ended, (parts, why): Short) {
    let ended = Ended {
        parts,
        trouble: Some(why),
        ..told.clone()
    };
    if ended != *told {
        note_end(folder, &ended).await;
        shared.note(|desk| desk.ended(id, &ended));
    }
}

/// Where the server is, by its name and by the connection that stands: both are left out.
async fn addresses(shared: &Shared) -> Vec<SocketAddr> {
    // One whose name is not known now cannot be connected to anew either.
    let mut addresses = shared.settings.server.look_up().await.unwrap_or_default();
    addresses.extend(shared.remote());
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

async fn start(shared: &Shared, id: OrderId, job: &Job, left_out: &[SocketAddr]) -> Result<Begun, String> {
    let begin = &job.begin;
    if !(PART_BYTES.0..=PART_BYTES.1).contains(&begin.part_bytes) {
        return Err("the server asks for parts of a size that this agent does not make".to_owned());
    }
    let (at_work, now) = (shared.desk.lock().capturing(), shared.clock.now());
    let time = Duration::from_millis(begin.time_ms);
    shared.settings.allowed.admit(time, at_work, now)?;
    shared.settings.admit_memory(at_work, shared.kept())?;
    let blocking = {
        let (job, allowed) = (job.clone(), shared.settings.allowed.clone());
        let (left_out, spool) = (left_out.to_vec(), shared.spool.clone());
        move || {
            let checked = order::check(id, &job, &allowed, &left_out)?;
            let folder = job.live.is_none().then(|| spool.create(id)).transpose();
            let folder = folder.map_err(|error| format!("the agent cannot write to its disk: {error}"))?;
            Ok((checked, folder))
        }
    };
    let prepared = tokio::task::spawn_blocking(blocking).await;
    let (Checked { order, missing }, folder) =
        prepared.unwrap_or_else(|_| Err("the agent could not prepare the capture".to_owned()))?;
    match shared.capturer.begin(order).await {
        Ok(catch) => Ok(Begun { catch, folder, missing }),
        Err(error) => {
            remove(folder).await;
            Err(error.to_string())
        }
    }
}

async fn remove(folder: Option<OrderFolder>) {
    let Some(folder) = folder else { return };
    // A panic there is a bug of ours; the next process removes it.
    let _ = tokio::task::spawn_blocking(move || folder.remove()).await;
}

/// Catches and delivers until all is in the store.
async fn capture(
    shared: &Shared,
    id: OrderId,
    work: &Work,
    part_bytes: u64,
    (catch, folder, missing): (Catch, &OrderFolder, Option<String>),
) {
    let Catch {
        pieces,
        interfaces,
        running,
    } = catch;
    shared.began(id, interfaces, &running);
    let queue = Arc::new(Queue::default());
    shared.edit(id, |work| work.queue = Some(Arc::clone(&queue)));
    let short = Mutex::new(None);
    let catching = async {
        let caught = Catching {
            folder,
            queue: &queue,
            running: &*running,
            parts: 0,
            is_file_full: false,
            is_broken: false,
        };
        let parts = caught.all(pieces, part_bytes).await;
        let ended = running.ended().await;
        shared.edit(id, |work| work.running = None);
        let short: Option<Short> = short.lock().clone();
        let own = work.why.lock().clone();
        let full = parts.is_file_full.then(|| FILE_FULL.to_owned());
        let broken = parts.is_broken.then(|| BROKEN.to_owned());
        let (parts, trouble) = match short {
            Some((parts, why)) => (parts, Some(why)),
            None => (parts.parts, broken.or(full).or(own).or(ended.trouble)),
        };
        let ended = Ended {
            counts: wire(ended.counts),
            parts,
            trouble,
            missing: joined(missing, ended.missing),
        };
        note_end(folder, &ended).await;
        told::ended(id, &ended);
        shared.note(|desk| desk.ended(id, &ended));
        queue.close();
        ended
    };
    let stopping = async {
        work.stop.stopping().await;
        running.stop();
    };
    let delivering = async {
        if let Some(found) = deliver(shared, (id, Whose::Ours), folder, &queue).await {
            *short.lock() = Some(found);
            running.stop();
        }
    };
    let watching = async {
        tokio::select! {
            _ = running.ended() => {}
            () = async { tokio::join!(stopping, watch(shared, work, &*running)); } => {}
        }
    };
    let (told, (), ()) = tokio::join!(catching, delivering, watching);
    let short = short.into_inner();
    if let Some(short) = short {
        tell_short(shared, id, folder, &told, short).await;
    }
}

/// Ends a capture that comes to be more than the owner allows.
pub(crate) async fn watch(shared: &Shared, work: &Work, running: &dyn Running) {
    let allowed = &shared.settings.allowed;
    let mut before = 0;
    loop {
        shared.clock.sleep(WATCH_PERIOD).await;
        let packets = running.counts().packets;
        let rate = packets.saturating_sub(before) / WATCH_PERIOD.as_secs().max(1);
        before = packets;
        let fits = allowed
            .admit_rate(rate)
            .and_then(|()| allowed.admit_now(shared.clock.now()));
        if let Err(why) = fits {
            work.end(&why);
            return;
        }
    }
}

async fn note_end(folder: &OrderFolder, ended: &Ended) {
    let (folder, ended) = (folder.clone(), desk::clipped(ended));
    let _ = tokio::task::spawn_blocking(move || folder.ended(&ended)).await;
}

/// What the file lacks, in one sentence.
pub(crate) fn joined(one: Option<String>, other: Option<String>) -> Option<String> {
    match (one, other) {
        (Some(one), Some(other)) => Some(format!("{one}; {other}")),
        (one, other) => one.or(other),
    }
}

/// Pieces on their way into parts.
struct Catching<'a> {
    folder: &'a OrderFolder,
    queue: &'a Queue,
    running: &'a dyn Running,
    parts: u32,
    is_file_full: bool,
    is_broken: bool,
}

impl Catching<'_> {
    async fn all(
        mut self,
        mut pieces: futures::stream::BoxStream<'static, baleen_capture::Piece>,
        part_bytes: u64,
    ) -> Self {
        let mut open = OpenPart::new(part_bytes);
        while let Some(piece) = pieces.next().await {
            if self.is_file_full {
                continue;
            }
            let folder = self.folder.clone();
            let is_last = self.parts + 1 == PARTS_MAX;
            let put = move || {
                open.push(&piece.bytes, piece.after);
                folder.append(&open.head(), &piece.bytes);
                drop(piece);
                let closed = open.is_full().then(|| close(&mut open, &folder, is_last)).flatten();
                (open, closed)
            };
            let Ok((next, closed)) = tokio::task::spawn_blocking(put).await else {
                // It has panicked, which is told as an end that comes early.
                self.is_broken = true;
                self.running.stop();
                return self;
            };
            open = next;
            if self.take(closed) && is_last {
                self.is_file_full = true;
                self.running.stop();
            }
            self.queue.until_in_memory(IN_MEMORY_MAX).await;
        }
        let folder = self.folder.clone();
        let closed = tokio::task::spawn_blocking(move || close(&mut open, &folder, true)).await;
        self.is_broken = closed.is_err();
        self.take(closed.ok().flatten());
        self
    }

    fn take(&mut self, closed: Option<(PartHead, Bytes, bool)>) -> bool {
        let Some((head, bytes, is_on_disk)) = closed else {
            return false;
        };
        self.queue.push(head, bytes, is_on_disk);
        self.parts += 1;
        true
    }
}

fn close(open: &mut OpenPart, folder: &OrderFolder, ends_file: bool) -> Option<(PartHead, Bytes, bool)> {
    let (head, bytes) = open.close(ends_file)?;
    let is_on_disk = folder.close(&head);
    Some((head, bytes, is_on_disk))
}

#[cfg(test)]
mod tests;
