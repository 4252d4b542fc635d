//! An agent whose packets are played by the test, a line to its server that can be cut, and that server (of the door's own tests).

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "a test binary uses a part of it"
)]
#![allow(clippy::unwrap_used, missing_docs, reason = "a test fails by panicking")]

#[path = "../../../api-agent/tests/common/mod.rs"]
mod server;

pub use server::{Disk, World, owner};

use async_trait::async_trait;
use baleen_agent::{Agent, Allowed, Error, Identity, Parts, ServerAddress, Settings};
use baleen_capture::{Agent as Capturer, AgentError, Catch, Counts, Ended, Order, Piece, Running};
use baleen_runtime::{Entropy, SeededEntropy, Shutdown, SystemClock};
use baleen_types::LinkType;
use bytes::Bytes;
use futures::StreamExt as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

/// How long a test waits for something that is bound to happen.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Packets of the test's making.
pub struct Played {
    begun: mpsc::UnboundedSender<(Order, Arc<Feed>)>,
    /// Why the next captures are not begun.
    pub refusal: Mutex<Option<String>>,
}

/// The test's end of a capture.
pub struct Feed {
    pieces: Mutex<Option<mpsc::UnboundedSender<Piece>>>,
    ended: watch::Sender<Option<Ended>>,
    pub stop: Shutdown,
    packets: AtomicU64,
    bytes: AtomicU64,
    /// Pieces that the agent has taken.
    pub taken: AtomicU64,
}

/// A capture, as the agent has it.
struct Caught(Arc<Feed>);

impl Played {
    pub fn new() -> (Arc<Self>, mpsc::UnboundedReceiver<(Order, Arc<Feed>)>) {
        let (begun, orders) = mpsc::unbounded_channel();
        let refusal = Mutex::default();
        (Arc::new(Self { begun, refusal }), orders)
    }
}

#[async_trait]
impl Capturer for Played {
    async fn links(&self) -> Vec<LinkType> {
        Vec::new()
    }

    async fn begin(&self, order: Order) -> Result<Catch, AgentError> {
        if let Some(why) = &*self.refusal.lock().unwrap() {
            return Err(AgentError(why.clone()));
        }
        let (pieces, caught) = mpsc::unbounded_channel();
        let feed = Arc::new(Feed {
            pieces: Mutex::new(Some(pieces)),
            ended: watch::Sender::new(None),
            stop: Shutdown::new(),
            packets: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            taken: AtomicU64::new(0),
        });
        let taken = Arc::clone(&feed);
        self.begun.send((order, Arc::clone(&feed))).unwrap();
        let pieces = futures::stream::unfold((caught, taken), |(mut caught, feed)| async move {
            let piece = caught.recv().await?;
            feed.taken.fetch_add(1, Ordering::SeqCst);
            Some((piece, (caught, feed)))
        });
        Ok(Catch {
            pieces: pieces.boxed(),
            interfaces: Some(1),
            running: Arc::new(Caught(feed)),
        })
    }
}

impl Feed {
    fn counts(&self) -> Counts {
        Counts {
            packets: self.packets.load(Ordering::SeqCst),
            bytes: self.bytes.load(Ordering::SeqCst),
            dropped: 0,
        }
    }

    /// Catches one packet of so many bytes; what it is in the file.
    pub fn catch(&self, length: usize) -> Bytes {
        let number = self.packets.fetch_add(1, Ordering::SeqCst);
        self.bytes.fetch_add(length as u64, Ordering::SeqCst);
        let bytes: Bytes = (0..length)
            .map(|at| (number.wrapping_mul(31).wrapping_add(at as u64)).to_le_bytes()[0])
            .collect();
        let piece = Piece {
            file: 0,
            bytes: bytes.clone(),
            ends_file: false,
            after: self.counts(),
        };
        let pieces = self.pieces.lock().unwrap();
        // The agent may be gone.
        let _ = pieces.as_ref().unwrap().send(piece);
        bytes
    }

    /// The same many times, in pieces of the engine's size.
    pub fn catch_mib(&self, mib: usize) -> Vec<u8> {
        (0..mib * 4).flat_map(|_| self.catch(256 << 10)).collect()
    }

    /// Ends it by itself.
    pub fn end(&self, trouble: Option<&str>) {
        self.pieces.lock().unwrap().take();
        self.ended.send_replace(Some(Ended {
            counts: self.counts(),
            trouble: trouble.map(str::to_owned),
            missing: None,
        }));
    }
}

#[async_trait]
impl Running for Caught {
    fn counts(&self) -> Counts {
        self.0.counts()
    }

    fn stop(&self) {
        self.0.stop.stop();
        if self.0.pieces.lock().unwrap().is_some() {
            self.0.end(None);
        }
    }

    async fn ended(&self) -> Ended {
        let mut ended = self.0.ended.subscribe();
        let ended = ended.wait_for(Option::is_some).await.unwrap();
        ended.clone().unwrap()
    }
}

/// A line between an agent and its server, which the test cuts and mends.
pub struct Line {
    pub address: SocketAddr,
    cut: Arc<watch::Sender<bool>>,
    /// Where the server is.
    to: Arc<Mutex<SocketAddr>>,
}

impl Line {
    pub async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let cut = Arc::new(watch::Sender::new(false));
        let is_cut = Arc::clone(&cut);
        let to = Arc::new(Mutex::new(server));
        let server = Arc::clone(&to);
        tokio::spawn(async move {
            loop {
                let (mut near, _) = listener.accept().await.unwrap();
                let mut watched = is_cut.subscribe();
                if *watched.borrow() {
                    continue;
                }
                let server = *server.lock().unwrap();
                tokio::spawn(async move {
                    let Ok(mut far) = TcpStream::connect(server).await else {
                        return;
                    };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        _ = watched.wait_for(|cut| *cut) => {}
                    }
                });
            }
        });
        Self { address, cut, to }
    }

    /// The server is elsewhere from now on.
    pub fn lead_to(&self, server: SocketAddr) {
        *self.to.lock().unwrap() = server;
    }

    pub fn cut(&self) {
        self.cut.send_replace(true);
    }

    pub fn mend(&self) {
        self.cut.send_replace(false);
    }
}

pub fn server_at(address: SocketAddr) -> ServerAddress {
    ServerAddress::parse(&format!("localhost:{}", address.port())).unwrap()
}

pub fn settings(server: SocketAddr, folder: &Path) -> Settings {
    Settings {
        server: server_at(server),
        name: "host 7".to_owned(),
        folder: folder.to_owned(),
        spool_bytes: 256 << 20,
        allowed: Allowed {
            interfaces: vec!["lo".to_owned()],
            promiscuous: false,
            never: Vec::new(),
            snaplen_max: 262_144,
            captures_max: 64,
            time_max: None,
            packets_per_second_max: None,
            hours: None,
        },
        ring: baleen_ring::Settings::default(),
        memory_bytes: 1 << 30,
    }
}

/// A host that is enrolled, with a line to the server.
pub struct Host {
    pub line: Line,
    pub folder: tempfile::TempDir,
    pub site: String,
    pub identity: Identity,
}

impl Host {
    pub async fn enrol(world: &World, site: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let line = Line::to(world.address).await;
        let token = world.token(owner(), site).await;
        let identity = baleen_agent::enrol(&server_at(line.address), &token, "host 7")
            .await
            .unwrap();
        identity.store(folder.path()).unwrap();
        Self {
            line,
            folder,
            site: site.to_owned(),
            identity,
        }
    }

    /// A program that runs there.
    pub fn start(&self) -> Program {
        self.start_with(settings(self.line.address, self.folder.path()))
    }

    pub fn start_with(&self, settings: Settings) -> Program {
        let identity = Identity::load(self.folder.path()).unwrap().unwrap();
        let (capturer, orders) = Played::new();
        let parts = Parts {
            capturer: capturer.clone(),
            clock: SystemClock::new(),
            entropy: SeededEntropy::new(u64::from(std::process::id())) as Arc<dyn Entropy>,
        };
        let agent = Agent::open(settings, identity, "1.2.3", parts).unwrap();
        // Its own threads, so that it can be ended as a killed process is.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let stop = Shutdown::new();
        let stopping = stop.clone();
        let (tell, told) = watch::channel(None);
        runtime.spawn(async move {
            let ended = agent.run(&stopping).await;
            tell.send_replace(Some(Arc::new(ended)));
        });
        Program {
            runtime: Some(runtime),
            capturer,
            orders,
            stop,
            told,
        }
    }
}

pub struct Program {
    runtime: Option<tokio::runtime::Runtime>,
    pub capturer: Arc<Played>,
    orders: mpsc::UnboundedReceiver<(Order, Arc<Feed>)>,
    pub stop: Shutdown,
    told: watch::Receiver<Option<Arc<Result<(), Error>>>>,
}

impl Program {
    /// The next capture that is begun.
    pub async fn begun(&mut self) -> (Order, Arc<Feed>) {
        let begun = tokio::time::timeout(PATIENCE, self.orders.recv()).await;
        begun.expect("a capture is begun").unwrap()
    }

    /// Ends it as a killed process is ended.
    pub fn kill(mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }

    /// How it ended by itself.
    pub async fn ended(&mut self) -> Arc<Result<(), Error>> {
        let ended = tokio::time::timeout(PATIENCE, self.told.wait_for(Option::is_some)).await;
        ended.expect("it ends").unwrap().clone().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The folders of orders in a spool.
pub fn orders(spool: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(spool).unwrap();
    entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect()
}

/// Waits until something holds.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait)
        .await
        .unwrap_or_else(|_| panic!("{what}"));
}

/// Cuts the line, and waits until the server sees it.
pub async fn cut(world: &World, host: &Host) {
    let seat = world.fleet.seat(host.identity.id).unwrap();
    host.line.cut();
    until("the link is cut", || !seat.is_connected()).await;
}

pub async fn linked(world: &World, host: &Host) {
    until("the agent is linked", || {
        world.fleet.seat(host.identity.id).unwrap().is_connected()
    })
    .await;
}
