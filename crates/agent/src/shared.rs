//! What the tasks of an agent share: the desk, the captures that are at work, and the connection of the moment.

use crate::connection::Connection;
use crate::desk::Desk;
use crate::limits::{SENT_AT_ONCE_MAX, VIEWS_MAX};
use crate::queue::Queue;
use crate::settings::Settings;
use crate::spool::Spool;
use baleen_agentwire::OrderId;
use baleen_capture::{Agent as Capturer, Running};
use baleen_runtime::{Clock, Entropy, Shutdown};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::{Notify, Semaphore, watch};

pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) capturer: Arc<dyn Capturer>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) spool: Spool,
    pub(crate) desk: Mutex<Desk>,
    /// There may be something to tell.
    pub(crate) news: Notify,
    /// The program ends: what is at work is delivered, and nothing is begun.
    pub(crate) closing: Shutdown,
    works: Mutex<HashMap<OrderId, Work>>,
    /// A work was given up.
    fewer: Notify,
    connection: watch::Sender<Option<Connection>>,
    /// Who may send a part, one after the other.
    pub(crate) turns: Arc<Semaphore>,
    /// Who may send a view of a capture in parts.
    pub(crate) views: Arc<Semaphore>,
}

/// The words for a capture whose file the connection with the server would be in.
const SEES_US: &str =
    "the server was reached at another address than when the capture began; its connection would be in the file";

/// The control of the work for one order.
#[derive(Clone)]
pub(crate) struct Work {
    /// Ends the capture, which is delivered.
    pub(crate) stop: Shutdown,
    /// Ends all.
    pub(crate) forget: Shutdown,
    /// Why it was ended here, if it was.
    pub(crate) why: Arc<Mutex<Option<String>>>,
    /// The addresses whose connections it leaves out.
    pub(crate) left_out: Vec<SocketAddr>,
    /// The capture, while packets are taken.
    pub(crate) running: Option<Arc<dyn Running>>,
    /// What waits to be sent.
    pub(crate) queue: Option<Arc<Queue>>,
}

impl Work {
    pub(crate) fn new() -> Self {
        Self {
            stop: Shutdown::new(),
            forget: Shutdown::new(),
            why: Arc::default(),
            left_out: Vec::new(),
            running: None,
            queue: None,
        }
    }

    /// Whether connections with an address are in its file. Of what has ended nothing is said: it may count as well.
    pub(crate) fn sees(&self, address: &SocketAddr) -> bool {
        let is_known = self.running.is_some() || !self.left_out.is_empty();
        is_known && !self.left_out.contains(address)
    }

    /// Ends the capture, with words for who asked for it.
    pub(crate) fn end(&self, why: &str) {
        self.why.lock().get_or_insert_with(|| why.to_owned());
        self.stop.stop();
    }
}

impl Shared {
    pub(crate) fn new(
        settings: Settings,
        capturer: Arc<dyn Capturer>,
        (clock, entropy): (Arc<dyn Clock>, Arc<dyn Entropy>),
        spool: Spool,
    ) -> Arc<Self> {
        Arc::new(Self {
            settings,
            capturer,
            clock,
            entropy,
            spool,
            desk: Mutex::default(),
            news: Notify::new(),
            closing: Shutdown::new(),
            works: Mutex::default(),
            fewer: Notify::new(),
            connection: watch::Sender::new(None),
            turns: Arc::new(Semaphore::new(SENT_AT_ONCE_MAX)),
            views: Arc::new(Semaphore::new(VIEWS_MAX)),
        })
    }

    /// Edits the desk, and has told what there is to tell.
    pub(crate) fn note(&self, edit: impl FnOnce(&mut Desk)) {
        edit(&mut self.desk.lock());
        self.news.notify_one();
    }

    /// Takes what every capture has caught.
    pub(crate) fn count(&self) {
        let works = self.works.lock();
        let mut desk = self.desk.lock();
        for (id, work) in works.iter() {
            if let Some(running) = &work.running {
                desk.counted(*id, wire(running.counts()));
            }
        }
    }

    pub(crate) fn add(&self, id: OrderId, work: Work) {
        self.works.lock().insert(id, work);
    }

    pub(crate) fn work(&self, id: OrderId) -> Option<Work> {
        self.works.lock().get(&id).cloned()
    }

    pub(crate) fn edit(&self, id: OrderId, edit: impl FnOnce(&mut Work)) {
        if let Some(work) = self.works.lock().get_mut(&id) {
            edit(work);
        }
    }

    /// Packets are being taken for an order.
    pub(crate) fn began(&self, id: OrderId, interfaces: Option<u16>, running: &Arc<dyn Running>) {
        self.edit(id, |work| work.running = Some(Arc::clone(running)));
        self.note(|desk| desk.began(id, interfaces.unwrap_or_default()));
    }

    pub(crate) fn give_up(&self, id: OrderId) {
        self.works.lock().remove(&id);
        self.fewer.notify_waiters();
    }

    /// Parts that are in memory alone, over all orders.
    pub(crate) fn kept(&self) -> usize {
        let works = self.works.lock();
        let queues = works.values().filter_map(|work| work.queue.as_ref());
        queues.map(|queue| queue.in_memory()).sum()
    }

    pub(crate) fn works(&self) -> Vec<Work> {
        self.works.lock().values().cloned().collect()
    }

    /// Ends the captures that connections with an address would be in: there is one now.
    pub(crate) fn end_those_that_see(&self, address: &SocketAddr) {
        for work in self.works().iter().filter(|work| work.sees(address)) {
            work.end(SEES_US);
        }
    }

    /// Waits until nothing is at work.
    pub(crate) async fn until_idle(&self) {
        loop {
            let fewer = self.fewer.notified();
            let mut fewer = std::pin::pin!(fewer);
            fewer.as_mut().enable();
            if self.works.lock().is_empty() {
                return;
            }
            fewer.await;
        }
    }

    /// The connection over which parts go from here on; `None` until there is another.
    pub(crate) fn set_connection(&self, connection: Option<Connection>) {
        self.connection.send_replace(connection);
    }

    /// A connection that stands, as far as is known.
    pub(crate) async fn connection(&self) -> Connection {
        let mut watched = self.connection.subscribe();
        loop {
            let seen = watched.wait_for(Option::is_some).await;
            // The sender lives as long as this does.
            let Some(connection) = seen.ok().and_then(|seen| seen.clone()) else {
                std::future::pending::<()>().await;
                continue;
            };
            if !connection.over.is_stopping() {
                return connection;
            }
            let _ = watched.changed().await;
        }
    }

    /// Where the server is known to be at this moment.
    pub(crate) fn remote(&self) -> Option<SocketAddr> {
        self.connection.borrow().as_ref().map(|connection| connection.remote)
    }
}

/// Counts in the words of the wire.
pub(crate) fn wire(counts: baleen_capture::Counts) -> baleen_agentwire::Counts {
    baleen_agentwire::Counts {
        packets: counts.packets,
        bytes: counts.bytes,
        dropped: counts.dropped,
    }
}
