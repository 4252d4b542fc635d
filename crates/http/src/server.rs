//! The listener: sockets in, graceful stop out.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use baleen_runtime::Shutdown;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use crate::limits::{
    BODY_STALL_TIMEOUT, CONNECTIONS_MAX, DRAIN_DEADLINE, READ_BUFFER_BYTES_MAX, REQUEST_HEAD_BYTES_MAX,
    REQUEST_HEAD_TIMEOUT, REQUEST_HEADERS_MAX,
};
use crate::origin::Peer;
use crate::{Edge, RequestBody};
use socket::Socket;
use timer::HeadTimer;

mod socket;
mod timer;

/// Settings of one listener.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// Where to listen; port 0 lets the system choose.
    pub address: SocketAddr,
    /// Connections served at once.
    pub connections_max: usize,
    /// Longest wait for the head of a request.
    pub head_timeout: Duration,
    /// Longest wait for the next bytes of a body that is being read, and for a client to take the next bytes of its answer.
    pub stall_timeout: Duration,
    /// How long a stop waits for requests at work.
    pub drain_deadline: Duration,
}

impl Default for ServerSettings {
    /// Loopback, any port, and the limits of [`crate::limits`].
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            connections_max: CONNECTIONS_MAX,
            head_timeout: REQUEST_HEAD_TIMEOUT,
            stall_timeout: BODY_STALL_TIMEOUT,
            drain_deadline: DRAIN_DEADLINE,
        }
    }
}

/// A bound socket that is not served yet.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    settings: ServerSettings,
}

/// How a stop went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrainReport {
    /// Connections that were still at work at the deadline and were cut.
    pub cut: usize,
}

impl Listener {
    /// Binds.
    ///
    /// # Errors
    /// What the system says, such as that the address is in use.
    pub async fn bind(settings: ServerSettings) -> io::Result<Self> {
        let socket = TcpListener::bind(settings.address).await?;
        Ok(Self { socket, settings })
    }

    /// The address with the port that was chosen.
    ///
    /// # Errors
    /// What the system says.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Serves until `shutdown` is stopping; then takes no more connections, lets requests at work end, and cuts those
    /// that have not ended at the deadline.
    pub async fn serve(self, edge: Arc<Edge>, shutdown: Shutdown) -> DrainReport {
        let Self { socket, settings } = self;
        let connections = TaskTracker::new();
        let places = Arc::new(Semaphore::new(settings.connections_max));
        let cut = Shutdown::new();
        loop {
            // A place first: past the limit, connections wait in the kernel's queue instead of in our memory.
            let accepted = tokio::select! {
                () = shutdown.stopping() => break,
                accepted = async {
                    let place = Arc::clone(&places).acquire_owned().await;
                    socket.accept().await.map(|(stream, peer)| (stream, peer, place))
                } => accepted,
            };
            match accepted {
                Ok((stream, peer, place)) => {
                    let connection = Connection {
                        edge: Arc::clone(&edge),
                        shutdown: shutdown.clone(),
                        cut: cut.clone(),
                        head_timeout: settings.head_timeout,
                        stall_timeout: settings.stall_timeout,
                    };
                    connections.spawn(async move {
                        connection.serve(stream, peer).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    // Out of descriptors, or a client that was gone at once: trying again is right, spinning is not.
                    warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(socket);
        connections.close();
        let drained = tokio::time::timeout(settings.drain_deadline, connections.wait()).await;
        let report = DrainReport {
            cut: if drained.is_ok() { 0 } else { connections.len() },
        };
        cut.stop();
        connections.wait().await;
        report
    }
}

/// Pause after a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

struct Connection {
    edge: Arc<Edge>,
    shutdown: Shutdown,
    cut: Shutdown,
    head_timeout: Duration,
    stall_timeout: Duration,
}

impl Connection {
    async fn serve(self, stream: TcpStream, peer: SocketAddr) {
        // Answers are written whole; waiting for more of them only costs time.
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, %peer, "TCP_NODELAY could not be set");
        }
        let (edge, stall_timeout) = (self.edge, self.stall_timeout);
        let service = service_fn(move |mut request: http::Request<hyper::body::Incoming>| {
            let edge = Arc::clone(&edge);
            request.extensions_mut().insert(Peer(peer));
            async move {
                Ok::<_, Infallible>(
                    edge.handle(request.map(|body| RequestBody::incoming(body, stall_timeout)))
                        .await,
                )
            }
        });
        let connection = http1::Builder::new()
            .timer(HeadTimer::default())
            .header_read_timeout(self.head_timeout)
            .max_buf_size(READ_BUFFER_BYTES_MAX)
            .max_header_size(REQUEST_HEAD_BYTES_MAX)
            .max_headers(REQUEST_HEADERS_MAX)
            .serve_connection(TokioIo::new(Socket::new(stream, stall_timeout)), service);
        let mut connection = std::pin::pin!(connection);
        // Each has its own waker, so that a wake of the connection does not ask them: they are shared by all connections, with
        // their locks.
        let told = |of, is_cut| async move {
            Shutdown::stopping(of).await;
            is_cut
        };
        let mut signals = FuturesUnordered::from_iter([told(&self.shutdown, false), told(&self.cut, true)]);
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        debug!(%error, %peer, "connection ended");
                    }
                    return;
                }
                Some(is_cut) = signals.next() => {
                    if is_cut {
                        return;
                    }
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
