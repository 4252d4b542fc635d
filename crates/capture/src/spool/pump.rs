//! From an agent to who sends: straight, as long as sending keeps up, and by the disk when it does not.
//!
//! One loop, which waits for a piece from the agent or for the sender to ask for the next one, and then acts; so nothing of it is
//! cancelled in the middle. The sender asks for a piece when it is through with the one before: the store has that, and it is noted.

use super::part::{self, Head};
use super::share::Room;
use super::writing::Writing;
use super::{NotTaken, Shelf, Shelved};
use crate::agent::Piece;
use crate::limits::{OVERDUE_AFTER, SPOOL_PATIENCE};
use crate::run::Failure;
use crate::sealed::unread;
use baleen_runtime::{Clock, Entropy, Shutdown};
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tracing::{info, warn};

/// How often a disk that took no more is tried again.
const AGAIN_EVERY: Duration = Duration::from_secs(1);

/// How many pieces wait in memory before all of them go to the disk, where an agent has buffers enough.
const WAITING_MAX: usize = 2;

/// Buffers that an agent needs for itself: one to fill, one on its way, and one that is being written to the disk. One more is
/// with the sender.
const AGENTS_OWN: usize = 4;

/// A piece on its way.
struct Waiting {
    head: Head,
    /// While it is in memory.
    bytes: Option<Bytes>,
    /// While it is on the disk.
    shelved: Option<Shelved>,
}

/// What the loop works with.
pub(crate) struct Around {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) settling: Settling,
    /// Whether the next start sends what is left on the disk.
    pub(crate) may_be_left: bool,
}

/// What is to become of the rest of a capture, between who runs it and the loop.
#[derive(Clone)]
pub(crate) struct Settling {
    /// All of it is to go to the disk, also what has its place in memory.
    wanted: Shutdown,
    /// There is nothing more to come, and all that is left lies on the disk.
    done: Shutdown,
    server: Shutdown,
    shelf: Shelf,
    /// Where the piece lies on the disk that is being sent, if it does.
    lent: Arc<Mutex<Option<PathBuf>>>,
}

impl Settling {
    /// When the server stops, all of it is to go to the disk.
    pub(crate) fn new(server: &Shutdown, shelf: Shelf) -> Self {
        Self {
            wanted: server.child(),
            done: Shutdown::new(),
            server: server.clone(),
            shelf,
            lent: Arc::default(),
        }
    }

    /// Whether the piece that is being sent lies on the disk too.
    pub(crate) fn is_lent_on_disk(&self) -> bool {
        self.lent.lock().is_some()
    }

    /// The piece that is being sent, once more.
    ///
    /// # Errors
    /// `Transient` when it cannot be read now, `Cut` when it does not open.
    pub(crate) async fn lent_again(&self) -> Result<Bytes, Failure> {
        let path = self.lent.lock().clone();
        let gone = || Failure::Final("a part was lost in the server".to_owned());
        let read = self.shelf.read(path.ok_or_else(gone)?).await;
        read.map_err(|error| unread(&error, self.shelf.owner.1))
    }

    /// Asks for it, and waits until the rest lies on the disk, as soon as capturing is over.
    pub(crate) async fn settle(&self) {
        self.wanted.stop();
        self.done.stopping().await;
    }
}

struct Pump {
    shelf: Shelf,
    around: Around,
    /// In order; those on the disk are in front of those that are not.
    waiting: VecDeque<Waiting>,
    /// What the sender has.
    lent: Option<Waiting>,
    /// Of the next piece: its place among all, and the last one's file and place in it.
    next: (u32, u16, u32),
    in_memory_max: usize,
    is_full: bool,
    was_told: bool,
    /// Since when the disk does not give the next piece.
    unread_since: Option<Duration>,
}

/// What runs beside who takes pieces, until there are no more of them or nobody takes them.
pub(crate) type Spooling = BoxFuture<'static, Result<(), Failure>>;

/// Lets pieces go by the spool if they have to; an agent has so many buffers. The stream ends with the pieces, or when the other
/// fails; that is `Stopping` when the rest is left to the next start, since the server stops and the store takes nothing.
pub(crate) fn through(
    pieces: BoxStream<'static, Piece>,
    shelf: Shelf,
    buffers: usize,
    around: Around,
) -> (BoxStream<'static, Piece>, Spooling) {
    let (ask, asked) = mpsc::channel::<oneshot::Sender<Piece>>(1);
    let taken = futures::stream::unfold(ask, |ask| async move {
        let (give, given) = oneshot::channel();
        ask.send(give).await.ok()?;
        Some((given.await.ok()?, ask))
    });
    let pump = Pump {
        shelf,
        around,
        waiting: VecDeque::new(),
        lent: None,
        next: (0, 0, 0),
        in_memory_max: buffers.saturating_sub(AGENTS_OWN).min(WAITING_MAX),
        is_full: false,
        was_told: false,
        unread_since: None,
    };
    (taken.boxed(), pump.run(pieces, asked).boxed())
}

enum Event {
    Piece(Option<Piece>),
    Asked(Option<oneshot::Sender<Piece>>),
    /// Nobody waits any more for what was asked for.
    Left,
    /// A full disk may have room by now, all is to go there, or the server stops.
    Look,
}

impl Pump {
    async fn run(
        mut self,
        mut pieces: BoxStream<'static, Piece>,
        mut asked: mpsc::Receiver<oneshot::Sender<Piece>>,
    ) -> Result<(), Failure> {
        let mut asking: Option<oneshot::Sender<Piece>> = None;
        let mut is_over = false;
        let (mut settles, mut is_stopping) = (false, false);
        let (clock, server) = (Arc::clone(&self.around.clock), self.around.settling.server.clone());
        loop {
            if let Some(to) = asking.take() {
                match self.take_first().await? {
                    Some(piece) => {
                        if to.send(piece).is_err() {
                            return Ok(());
                        }
                    }
                    None if is_over && self.waiting.is_empty() => return Ok(()),
                    None => asking = Some(to),
                }
            }
            self.put_to_disk(settles).await;
            self.tell_lent();
            let is_settled = is_over && self.unshelved().next().is_none();
            if is_settled {
                self.around.settling.done.stop();
            }
            let may_be_left = is_settled && is_stopping && self.around.may_be_left;
            let may_take = !is_over && self.in_memory() <= self.in_memory_max;
            let event = tokio::select! {
                biased;
                () = left(&mut asking) => Event::Left,
                ask = asked.recv(), if asking.is_none() => Event::Asked(ask),
                piece = pieces.next(), if may_take => Event::Piece(piece),
                () = self.around.settling.wanted.stopping(), if !settles => Event::Look,
                () = server.stopping(), if !is_stopping => Event::Look,
                () = clock.sleep(AGAIN_EVERY), if self.is_full || self.unread_since.is_some() => Event::Look,
                () = clock.sleep(OVERDUE_AFTER), if may_be_left => {
                    info!(capture = %self.shelf.owner.1, "the store does not keep up: the next start sends the rest");
                    return Err(Failure::Stopping);
                }
            };
            match event {
                Event::Left | Event::Asked(None) => return Ok(()),
                Event::Asked(Some(to)) => {
                    self.done().await;
                    asking = Some(to);
                }
                Event::Piece(Some(piece)) => self.accept(piece),
                Event::Piece(None) => is_over = true,
                Event::Look => {
                    is_stopping = server.is_stopping();
                    settles = self.around.settling.wanted.is_stopping();
                    self.is_full = false;
                }
            }
        }
    }

    /// Pieces that wait in memory.
    fn in_memory(&self) -> usize {
        let all = self.waiting.iter().rev();
        all.take_while(|waiting| waiting.shelved.is_none()).count()
    }

    /// What the store has not taken and the disk has not.
    fn unshelved(&self) -> impl Iterator<Item = &Waiting> {
        let all = self.lent.iter().chain(&self.waiting);
        all.filter(|waiting| waiting.shelved.is_none())
    }

    fn accept(&mut self, piece: Piece) {
        let (sequence, file, last) = self.next;
        let number = if piece.file == file { last + 1 } else { 1 };
        self.next = (sequence + 1, piece.file, number);
        self.waiting.push_back(Waiting {
            head: Head {
                sequence,
                file: piece.file,
                number,
                ends_file: piece.ends_file,
                after: piece.after,
                length: piece.bytes.len() as u64,
            },
            bytes: Some(piece.bytes),
            shelved: None,
        });
    }

    /// The piece that is next, for who sends; `None` also while the disk does not give it.
    async fn take_first(&mut self) -> Result<Option<Piece>, Failure> {
        let Some(mut first) = self.waiting.pop_front() else {
            return Ok(None);
        };
        let bytes = match (first.bytes.take(), &first.shelved) {
            (Some(bytes), _) => bytes,
            (None, Some(shelved)) => match self.shelf.read(shelved.path.clone()).await {
                Ok(bytes) => bytes,
                Err(error) => {
                    let now = self.around.clock.monotonic();
                    let since = *self.unread_since.get_or_insert(now);
                    return match unread(&error, self.shelf.owner.1) {
                        Failure::Transient(reason) if now.saturating_sub(since) >= SPOOL_PATIENCE => {
                            Err(Failure::Cut(reason))
                        }
                        Failure::Transient(reason) => {
                            if since == now {
                                warn!(capture = %self.shelf.owner.1, reason, "a part is read again in a moment");
                            }
                            self.waiting.push_front(first);
                            Ok(None)
                        }
                        failure => Err(failure),
                    };
                }
            },
            (None, None) => return Err(Failure::Final("a part was lost in the server".to_owned())),
        };
        self.unread_since = None;
        let piece = first.head.piece(bytes.clone());
        // Kept until the store has it, if it is nowhere else: those behind it may have to go to the disk, and are of no use there without it.
        first.bytes = Some(bytes).filter(|_| first.shelved.is_none());
        self.lent = Some(first);
        self.tell_lent();
        Ok(Some(piece))
    }

    /// Lets the sender know where the piece lies that it has.
    fn tell_lent(&self) {
        let shelved = self.lent.as_ref().and_then(|lent| lent.shelved.as_ref());
        *self.around.settling.lent.lock() = shelved.map(|shelved| shelved.path.clone());
    }

    /// The sender is through with what it has.
    async fn done(&mut self) {
        if let Some(shelved) = self.lent.take().and_then(|lent| lent.shelved) {
            self.shelf.remove(shelved).await;
            self.is_full = false;
        }
    }

    /// Writes all that waits in memory, if that is too much of it, others wait on the disk already, or it `settles`: then also what is
    /// being sent.
    async fn put_to_disk(&mut self, settles: bool) {
        let in_memory = self.in_memory();
        let has_begun = self.waiting.len() > in_memory;
        let has_to = in_memory > 0 && (has_begun || in_memory > self.in_memory_max);
        if self.is_full || !(has_to || settles && self.unshelved().next().is_some()) {
            return;
        }
        let begins = !has_begun;
        for waiting in self.lent.iter_mut().chain(&mut self.waiting) {
            if waiting.shelved.is_some() {
                continue;
            }
            let Some(bytes) = &waiting.bytes else { continue };
            let salt = self.around.entropy.bytes();
            match self.shelf.put(waiting.head, salt, bytes.clone()).await {
                Ok(shelved) => {
                    waiting.shelved = Some(shelved);
                    waiting.bytes = None;
                }
                Err(why) => {
                    self.is_full = true;
                    if !std::mem::replace(&mut self.was_told, true) {
                        self.shelf.tell(&why);
                    }
                    return;
                }
            }
        }
        if begins {
            info!(capture = %self.shelf.owner.1, "the store does not keep up: parts wait on the disk");
        }
    }
}

/// Waits until nobody waits for what was asked for.
async fn left(asking: &mut Option<oneshot::Sender<Piece>>) {
    match asking {
        Some(to) => to.closed().await,
        None => std::future::pending().await,
    }
}

impl Shelf {
    async fn put(&self, head: Head, salt: [u8; 16], bytes: Bytes) -> Result<Shelved, NotTaken> {
        let room = self.spool.shares.reserve(self.owner.0, head.file_bytes());
        let room = room.ok_or(NotTaken::Full)?;
        let (shelf, writing) = (self.clone(), self.spool.writings.begin(&self.folder));
        let write = move || shelf.put_now(&writing, (head, salt, &bytes), room);
        let shelved = in_background(write).await.map_err(NotTaken::Disk)?;
        crate::meter::spooled(head.length);
        Ok(shelved)
    }

    /// Writes a part, also where nobody waits for it any more; unless all of the capture was removed meanwhile. Blocks.
    pub(super) fn put_now(
        &self,
        writing: &Writing,
        (head, salt, bytes): (Head, [u8; 16], &[u8]),
        room: Room,
    ) -> io::Result<Shelved> {
        let path = part::write(&self.folder, (&self.key, salt), self.owner, &head, bytes)?;
        let shelved = self.shelved(path, head, room);
        if writing.is_forgotten() {
            if std::fs::remove_file(&shelved.path).is_ok() {
                shelved.taken.give_back();
            }
            // Another may be on its way into it.
            let _ = std::fs::remove_dir(&self.folder);
            return Err(io::Error::other("all of its capture was removed"));
        }
        Ok(shelved)
    }

    pub(super) async fn read(&self, path: PathBuf) -> io::Result<Bytes> {
        let (key, owner) = (Arc::clone(&self.key), self.owner);
        in_background(move || part::read(&path, &key, owner)).await
    }

    pub(super) async fn remove(&self, shelved: Shelved) {
        let Shelved { path, taken, .. } = shelved;
        match in_background(move || std::fs::remove_file(path)).await {
            Ok(()) => taken.give_back(),
            // It goes with the folder of the capture.
            Err(error) => {
                warn!(capture = %self.owner.1, %error, "a part that the store has was not removed from the disk");
            }
        }
    }

    fn tell(&self, why: &NotTaken) {
        let capture = self.owner.1;
        match why {
            NotTaken::Full => {
                warn!(%capture, "the spool has what it may of this account: packets wait in the kernel, and may be dropped");
            }
            NotTaken::Disk(error) => {
                warn!(%capture, %error, "the spool cannot be written: packets wait in the kernel, and may be dropped");
            }
        }
    }
}

pub(super) async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(_) => Err(io::Error::other("it was broken off")),
    }
}
