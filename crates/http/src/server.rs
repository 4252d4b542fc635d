//! The listener: sockets in, graceful stop out; encrypted if it has a certificate.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use baleen_runtime::Shutdown;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use http::StatusCode;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use crate::limits::{
    BODY_STALL_TIMEOUT, CONNECTION_WINDOW_BYTES, CONNECTIONS_MAX, DRAIN_DEADLINE, HANDSHAKE_TIMEOUT, PING_PERIOD,
    PING_TIMEOUT, READ_BUFFER_BYTES_MAX, REQUEST_HEAD_BYTES_MAX, REQUEST_HEAD_TIMEOUT, REQUEST_HEADERS_MAX,
    RESET_STREAMS_MAX, SEND_BUFFER_BYTES_MAX, STREAM_WINDOW_BYTES, STREAMS_MAX,
};
use crate::origin::{Encrypted, Peer, PeerCertificate};
use crate::{Edge, RequestBody, ResponseBody};
use activity::{Activity, Overdue, Watched};
use socket::Socket;
use timer::HeadTimer;
use tls::{Protocol, Tls};
use version::as_version_1;

mod activity;
mod socket;
mod timer;
pub(crate) mod tls;
mod version;

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
    /// Longest that the beginning of an encrypted connection may take.
    pub handshake_timeout: Duration,
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
            handshake_timeout: HANDSHAKE_TIMEOUT,
        }
    }
}

/// A bound socket that is not served yet.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    settings: ServerSettings,
    tls: Option<Tls>,
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
        Ok(Self {
            socket,
            settings,
            tls: None,
        })
    }

    /// Takes encrypted connections, and no others.
    #[must_use]
    pub fn encrypted(self, tls: Tls) -> Self {
        Self { tls: Some(tls), ..self }
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
        let Self { socket, settings, tls } = self;
        let connections = TaskTracker::new();
        let streams = TaskTracker::new();
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
                        streams: streams.clone(),
                        peer,
                        head_timeout: settings.head_timeout,
                        stall_timeout: settings.stall_timeout,
                    };
                    let tls = tls.clone().map(|tls| (tls, settings.handshake_timeout));
                    connections.spawn(async move {
                        connection.serve(stream, tls).await;
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
        // Requests of HTTP/2 are tasks of their own, which end when they find their connection gone.
        streams.close();
        streams.wait().await;
        report
    }
}

/// Pause after a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

struct Connection {
    edge: Arc<Edge>,
    shutdown: Shutdown,
    cut: Shutdown,
    streams: TaskTracker,
    peer: SocketAddr,
    head_timeout: Duration,
    stall_timeout: Duration,
}

/// What each request of one connection is told of it.
#[derive(Clone)]
struct About {
    peer: Peer,
    encrypted: Option<Encrypted>,
    certificate: Option<PeerCertificate>,
}

impl About {
    fn tell<B>(&self, request: &mut http::Request<B>) {
        let extensions = request.extensions_mut();
        extensions.insert(self.peer);
        if let Some(encrypted) = self.encrypted {
            extensions.insert(encrypted);
        }
        if let Some(certificate) = &self.certificate {
            extensions.insert(certificate.clone());
        }
    }
}

impl Connection {
    async fn serve(self, stream: TcpStream, tls: Option<(Tls, Duration)>) {
        let peer = self.peer;
        // Answers are written whole; waiting for more of them only costs time.
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, %peer, "TCP_NODELAY could not be set");
        }
        let socket = Socket::new(stream, self.stall_timeout);
        let mut about = About {
            peer: Peer(peer),
            encrypted: None,
            certificate: None,
        };
        let Some((tls, handshake_timeout)) = tls else {
            return self.version_1(socket, about).await;
        };
        let begun = tokio::select! {
            begun = tokio::time::timeout(handshake_timeout, tls.accept(socket)) => begun,
            () = self.shutdown.stopping() => return,
        };
        match begun {
            Ok(Ok((stream, protocol, certificate))) => {
                about.encrypted = Some(Encrypted);
                about.certificate = certificate;
                match protocol {
                    Protocol::Http1 => self.version_1(stream, about).await,
                    Protocol::Http2 => self.version_2(stream, about).await,
                }
            }
            Ok(Err(error)) => debug!(%error, %peer, "no encrypted connection came about"),
            Err(_) => debug!(%peer, "the beginning of an encrypted connection took too long"),
        }
    }

    async fn version_1(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, about: About) {
        let (edge, stall_timeout) = (Arc::clone(&self.edge), self.stall_timeout);
        let service = service_fn(move |mut request: http::Request<hyper::body::Incoming>| {
            let edge = Arc::clone(&edge);
            about.tell(&mut request);
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
            .serve_connection(TokioIo::new(stream), service);
        self.drive(connection, std::future::pending()).await;
    }

    /// What hyper watches over in HTTP/1 it does not in HTTP/2: that requests come, and that answers are taken. [`Activity`] does.
    async fn version_2(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, about: About) {
        let (edge, stall_timeout) = (Arc::clone(&self.edge), self.stall_timeout);
        let activity = Activity::new();
        let watched = activity.clone();
        let service = service_fn(move |mut request: http::Request<hyper::body::Incoming>| {
            let (edge, open) = (Arc::clone(&edge), watched.begin());
            about.tell(&mut request);
            async move {
                let response = if let Err(status) = as_version_1(&mut request) {
                    refused(status)
                } else {
                    edge.handle(request.map(|body| RequestBody::incoming(body, stall_timeout)))
                        .await
                };
                Ok::<_, Infallible>(response.map(|body| Watched::new(body, open)))
            }
        });
        let connection = http2::Builder::new(Tracked(self.streams.clone()))
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_PERIOD)
            .keep_alive_timeout(PING_TIMEOUT)
            .max_concurrent_streams(STREAMS_MAX)
            .max_pending_accept_reset_streams(RESET_STREAMS_MAX)
            .max_local_error_reset_streams(RESET_STREAMS_MAX)
            .max_header_list_size(REQUEST_HEAD_BYTES_MAX_U32)
            .max_send_buf_size(SEND_BUFFER_BYTES_MAX)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .serve_connection(TokioIo::new(stream), service);
        let overdue = activity.overdue(self.head_timeout, self.stall_timeout);
        self.drive(connection, overdue).await;
    }

    /// Drives a connection to its end; asks it to end when the server stops or it is `overdue`, and drops it when it has to go, or
    /// was asked and did not.
    async fn drive<C>(&self, connection: C, overdue: impl Future<Output = Overdue>)
    where
        C: GracefulConnection,
        C::Error: std::fmt::Display,
    {
        let peer = self.peer;
        let mut connection = std::pin::pin!(connection);
        let mut overdue = std::pin::pin!(overdue.fuse());
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
                why = overdue.as_mut() => {
                    debug!(?why, %peer, "the connection is given up");
                    connection.as_mut().graceful_shutdown();
                    if why == Overdue::Idle {
                        // It has nothing to finish, so that this is one round trip.
                        let _ = tokio::time::timeout(self.stall_timeout, connection.as_mut()).await;
                    }
                    return;
                }
            }
        }
    }
}

/// Largest head, as HTTP/2 counts it.
#[expect(clippy::cast_possible_truncation, reason = "checked beside it")]
const REQUEST_HEAD_BYTES_MAX_U32: u32 = {
    assert!(REQUEST_HEAD_BYTES_MAX <= u32::MAX as usize);
    REQUEST_HEAD_BYTES_MAX as u32
};

fn refused(status: StatusCode) -> http::Response<ResponseBody> {
    let mut response = http::Response::new(ResponseBody::empty());
    *response.status_mut() = status;
    response
}

/// Runs the requests of HTTP/2 where a stop finds them.
#[derive(Clone)]
struct Tracked(TaskTracker);

impl<F> hyper::rt::Executor<F> for Tracked
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, work: F) {
        self.0.spawn(work);
    }
}

#[cfg(test)]
mod tests;
