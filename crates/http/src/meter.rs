//! One log line and a few numbers per request.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use baleen_policy::{Origin, Principal};
use baleen_runtime::Clock;
use baleen_types::{RequestId, Timestamp};
use http::{Method, StatusCode, Uri};
use metrics::{Counter, Histogram};
use parking_lot::RwLock;
use tracing::{debug, error, info, warn};

use crate::response::BoxError;
use crate::{Door, OperationName};

/// Target of the access log, so that it can be filtered and sent elsewhere.
const ACCESS: &str = "baleen::access";

/// The handles of one operation and status. Kept, because looking them up by label costs more than the request's routing.
struct Handles {
    requests: Counter,
    seconds: Histogram,
    sent_bytes: Counter,
}

impl Handles {
    fn count(&self, elapsed: Duration, bytes: u64) {
        self.requests.increment(1);
        self.seconds.record(elapsed.as_secs_f64());
        self.sent_bytes.increment(bytes);
    }
}

/// The numbers of one door.
pub(crate) struct Meters {
    door: &'static str,
    by_outcome: RwLock<HashMap<(&'static str, u16), Handles>>,
}

impl Meters {
    pub(crate) fn new(door: &'static str) -> Self {
        Self {
            door,
            by_outcome: RwLock::default(),
        }
    }

    fn count(&self, (operation, status): (&'static str, StatusCode), elapsed: Duration, bytes: u64) {
        let outcome = (operation, status.as_u16());
        if let Some(handles) = self.by_outcome.read().get(&outcome) {
            return handles.count(elapsed, bytes);
        }
        let labels = [
            ("door", self.door.to_owned()),
            ("operation", operation.to_owned()),
            ("status", status.as_str().to_owned()),
        ];
        let handles = Handles {
            requests: metrics::counter!("baleen_requests_total", &labels),
            seconds: metrics::histogram!("baleen_request_seconds", &labels),
            sent_bytes: metrics::counter!("baleen_sent_bytes_total", &labels),
        };
        handles.count(elapsed, bytes);
        // Bounded: operations are a fixed table, and status codes few.
        self.by_outcome.write().insert(outcome, handles);
    }
}

/// Wants to know how an answer ended: when its last byte was handed over, or its client was gone. An extension of the answer.
#[derive(Clone)]
pub struct Witnessed(pub Arc<dyn Witness>);

/// Who is told of the end of an answer. It is told in passing, so that it must not wait for anything.
pub trait Witness: Send + Sync + 'static {
    /// The answer is over.
    fn ended(&self, ended: &Ended);
}

/// A request and its answer, as they were.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// When the request came.
    pub at: Timestamp,
    /// The request.
    pub id: RequestId,
    /// Where it came from.
    pub origin: Origin,
    /// The status that was answered.
    pub status: StatusCode,
    /// Bytes of the body that were sent.
    pub sent_bytes: u64,
    /// From the head of the request to the head of the answer.
    pub until_head: Duration,
    /// From the head of the request to the end of the answer.
    pub until_end: Duration,
}

/// A request on its way, from its head to the last byte of its answer.
pub(crate) struct Tally {
    pub(crate) door: Arc<dyn Door>,
    pub(crate) meters: Arc<Meters>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) at: Timestamp,
    pub(crate) id: RequestId,
    pub(crate) begun: Duration,
    /// From there to the head of the answer.
    pub(crate) until_head: Duration,
    pub(crate) witness: Option<Witnessed>,
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) origin: Origin,
    pub(crate) principal: Principal,
    pub(crate) operation: OperationName,
    pub(crate) status: StatusCode,
    pub(crate) bytes: u64,
    pub(crate) end: End,
}

/// How the answer's body ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Not yet: dropped in this state, the client went away (or wanted the head only).
    Open,
    /// All of it was handed to the connection.
    Complete,
    Failed,
}

impl Tally {
    pub(crate) fn sent(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    pub(crate) fn complete(&mut self) {
        self.end = End::Complete;
    }

    pub(crate) fn failed(&mut self, cause: &BoxError) {
        self.end = End::Failed;
        error!(id = %self.id, operation = self.operation.0, cause = &**cause as &dyn std::error::Error, "answer broken off");
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        let elapsed = self.clock.monotonic().saturating_sub(self.begun);
        self.meters.count((self.operation.0, self.status), elapsed, self.bytes);
        if let Some(Witnessed(witness)) = &self.witness {
            witness.ended(&Ended {
                at: self.at,
                id: self.id,
                origin: self.origin,
                status: self.status,
                sent_bytes: self.bytes,
                until_head: self.until_head,
                until_end: elapsed,
            });
        }

        // Fields are evaluated by the macros only when somebody listens.
        macro_rules! line {
            ($level:ident) => {
                $level!(
                    target: ACCESS,
                    id = %self.id,
                    door = self.door.name(),
                    operation = self.operation.0,
                    source = %self.origin.source,
                    proxy = (self.origin.peer.ip() != self.origin.source).then(|| tracing::field::display(self.origin.peer)),
                    principal = %Who(&self.principal),
                    method = known_method(&self.method),
                    path = self.door.loggable(&self.uri),
                    status = self.status.as_u16(),
                    bytes = self.bytes,
                    elapsed_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
                    whole = self.end == End::Complete,
                    "request served"
                )
            };
        }
        match (self.status.as_u16(), self.end) {
            (503, _) => line!(warn),
            (_, End::Failed) => line!(error),
            // What there is not is no failure of the server.
            (501, _) => line!(info),
            (500.., _) => line!(error),
            _ if self.door.is_polled() => line!(debug),
            _ => line!(info),
        }
    }
}

/// The method, if it is one. Anything may stand in its place, also what was meant to stay secret.
fn known_method(method: &Method) -> &str {
    const KNOWN: [Method; 7] = [
        Method::GET,
        Method::HEAD,
        Method::PUT,
        Method::POST,
        Method::DELETE,
        Method::OPTIONS,
        Method::PATCH,
    ];
    if KNOWN.contains(method) {
        method.as_str()
    } else {
        "other"
    }
}

/// Writes who asked: `account/user`, or `-`.
struct Who<'a>(&'a Principal);

impl std::fmt::Display for Who<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.user() {
            Some(user) => write!(f, "{}/{}", user.account, user.name),
            None => f.write_str("-"),
        }
    }
}
