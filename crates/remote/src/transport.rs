//! Connections, and one request on one of them with an eye on its progress.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use baleen_runtime::Clock;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::{Request, Response};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::limits::{CONNECT_TIMEOUT, POOL_IDLE_MAX, POOL_IDLE_TIMEOUT, SEND_SLICE};
use crate::resolver::AddressRule;
use crate::resolver::Resolver;
use crate::{ConnectFault, Error, Operation};

/// Pooled connections, to be shared by all clients of a process. HTTP/1.1 only: one transfer a connection is what
/// stores are tuned for, and a lost connection costs one transfer.
#[derive(Clone)]
pub struct Connections {
    client: Client<HttpsConnector<HttpConnector<Resolver>>, SentBody>,
    tls: Arc<rustls::ClientConfig>,
    resolver: Resolver,
}

impl Connections {
    /// Connections which trust the authorities that the system trusts (`SSL_CERT_FILE` and `SSL_CERT_DIR` name others).
    ///
    /// Without any authority, plain HTTP still works and each TLS connection is refused as untrusted.
    pub fn new() -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let versions = || {
            rustls::ClientConfig::builder_with_provider(provider.clone())
                .with_safe_default_protocol_versions()
                .expect("the provider speaks TLS 1.2 and 1.3")
        };
        let tls = match versions().with_native_roots() {
            Ok(trusting) => trusting.with_no_client_auth(),
            Err(error) => {
                tracing::warn!(%error, "no certificate authorities found; install ca-certificates to reach stores over TLS");
                versions()
                    .with_root_certificates(rustls::RootCertStore::empty())
                    .with_no_client_auth()
            }
        };
        Self::with(Arc::new(tls), Resolver::system())
    }

    /// Connections which trust whom `tls` says, such as one certificate and no other.
    pub fn trusting(tls: Arc<rustls::ClientConfig>) -> Self {
        Self::with(tls, Resolver::system())
    }

    /// Connections of their own which look each name up once, and connect to no address that `rule` refuses.
    ///
    /// So a name that is judged once cannot come to mean another address while these connections are used, and
    /// [`Connections::addresses`] tells where they go. Addresses that stand in the endpoint itself are not looked up and
    /// not judged.
    #[must_use]
    pub fn pinned(&self, rule: Option<AddressRule>) -> Self {
        Self::with(Arc::clone(&self.tls), Resolver::pinned(rule))
    }

    /// The addresses behind the names that pinned connections have looked up so far.
    pub fn addresses(&self) -> Vec<IpAddr> {
        self.resolver.addresses()
    }

    fn with(tls: Arc<rustls::ClientConfig>, resolver: Resolver) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(resolver.clone());
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config((*tls).clone())
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .pool_max_idle_per_host(POOL_IDLE_MAX)
            .build(connector);
        Self { client, tls, resolver }
    }

    /// Sends one request and waits for the head of its answer.
    ///
    /// Cancel safety: a dropped future closes the connection; the store may or may not have seen the request.
    pub(crate) async fn send(
        &self,
        operation: Operation,
        request: Request<Bytes>,
        watch: &Watch,
    ) -> Result<Response<Incoming>, Error> {
        let request = request.map(|rest| SentBody {
            rest,
            pulse: watch.pulse.clone(),
        });
        watch.pulse.beat();
        let sent = watch.guard(operation, self.client.request(request)).await?;
        watch.pulse.beat();
        sent.map_err(|error| explain(operation, error))
    }
}

impl Default for Connections {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Connections {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connections(..)")
    }
}

fn explain(operation: Operation, error: hyper_util::client::legacy::Error) -> Error {
    if !error.is_connect() {
        return Error::Broken {
            operation,
            source: Arc::new(error),
        };
    }
    Error::Connect {
        operation,
        fault: connect_fault(&error),
        source: Arc::new(error),
    }
}

/// Looks down the causes for the one that a person can do something about.
fn connect_fault(error: &(dyn StdError + 'static)) -> ConnectFault {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(rustls::Error::InvalidCertificate(_)) = error.downcast_ref() {
            return ConnectFault::Untrusted;
        }
        // hyper-util keeps its resolver's error type to itself and tells it apart by this text only.
        if error.to_string().starts_with("dns error") {
            return ConnectFault::Unresolved;
        }
        cause = error.source();
        if let Some(error) = error.downcast_ref::<io::Error>() {
            match error.kind() {
                io::ErrorKind::ConnectionRefused => return ConnectFault::Refused,
                io::ErrorKind::TimedOut => return ConnectFault::TimedOut,
                _ => {}
            }
            // An I/O error which wraps another names that one's source as its own, and so hides it.
            cause = error
                .get_ref()
                .map(|inner| inner as &(dyn StdError + 'static))
                .or(cause);
        }
    }
    ConnectFault::Other
}

/// When the peer last took or gave something.
struct Pulse {
    clock: Arc<dyn Clock>,
    last_nanos: AtomicU64,
}

impl Pulse {
    fn beat(&self) {
        let nanos = u64::try_from(self.clock.monotonic().as_nanos()).unwrap_or(u64::MAX);
        self.last_nanos.store(nanos, Ordering::Relaxed);
    }

    /// Resolves when nothing has happened for `limit`.
    async fn stopped(&self, limit: Duration) {
        loop {
            let last = Duration::from_nanos(self.last_nanos.load(Ordering::Relaxed));
            let silent = self.clock.monotonic().saturating_sub(last);
            if silent >= limit {
                return;
            }
            self.clock.sleep(limit.saturating_sub(silent)).await;
        }
    }
}

/// Watches over one request: how long the peer may be silent.
#[derive(Clone)]
pub(crate) struct Watch {
    pulse: Arc<Pulse>,
    silence: Duration,
}

impl Watch {
    pub(crate) fn new(clock: Arc<dyn Clock>, silence: Duration) -> Self {
        let pulse = Pulse {
            clock,
            last_nanos: AtomicU64::new(0),
        };
        pulse.beat();
        Self {
            pulse: Arc::new(pulse),
            silence,
        }
    }

    /// How long the peer may be silent.
    pub(crate) fn silence(&self) -> Duration {
        self.silence
    }

    async fn guard<T>(&self, operation: Operation, work: impl Future<Output = T>) -> Result<T, Error> {
        tokio::select! {
            done = work => Ok(done),
            () = self.pulse.stopped(self.silence) => Err(Error::TimedOut { operation, after: self.silence }),
        }
    }

    /// Waits for the next bytes of a body; `None` at its end. Trailers are passed over.
    ///
    /// Cancel safety: safe, no byte is lost.
    pub(crate) async fn next(&self, operation: Operation, body: &mut Incoming) -> Result<Option<Bytes>, Error> {
        self.pulse.beat();
        loop {
            let frame = match self.guard(operation, body.frame()).await? {
                None => return Ok(None),
                Some(Ok(frame)) => frame,
                Some(Err(error)) => {
                    return Err(Error::Broken {
                        operation,
                        source: Arc::new(error),
                    });
                }
            };
            self.pulse.beat();
            if let Ok(bytes) = frame.into_data() {
                return Ok(Some(bytes));
            }
        }
    }

    /// Reads a whole body of at most `most` bytes within `within`; `None` when it is longer.
    pub(crate) async fn collect(
        &self,
        operation: Operation,
        mut body: Incoming,
        bound: Bound,
    ) -> Result<Option<Bytes>, Error> {
        let read = async {
            let mut whole = BytesMut::new();
            while let Some(bytes) = self.next(operation, &mut body).await? {
                if whole.len() + bytes.len() > bound.bytes {
                    return Ok(None);
                }
                whole.extend_from_slice(&bytes);
            }
            Ok(Some(whole.freeze()))
        };
        tokio::select! {
            whole = read => whole,
            () = self.pulse.clock.sleep(bound.within) => Err(Error::TimedOut { operation, after: bound.within }),
        }
    }
}

/// What reading an answer into memory may cost.
#[derive(Clone, Copy)]
pub(crate) struct Bound {
    pub(crate) bytes: usize,
    pub(crate) within: Duration,
}

/// A body on its way out: hands slices of the one buffer to the connection and notices each as progress.
pub(crate) struct SentBody {
    rest: Bytes,
    pulse: Arc<Pulse>,
}

impl Body for SentBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.pulse.beat();
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let slice = SEND_SLICE.min(self.rest.len());
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(slice)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}
