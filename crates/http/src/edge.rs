//! The path of every request: id, authentication, body, door, stamp, tally.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use baleen_policy::Principal;
use baleen_runtime::{Clock, Entropy};
use baleen_types::RequestId;
use futures::FutureExt as _;
use http::HeaderValue;
use http::header::{CONNECTION, EXPECT};
use http::request::Parts as Head;
use http_body_util::BodyExt as _;
use tracing::error;

use crate::auth::{Authenticated, Authenticator, Payload};
use crate::body::Leftover;
use crate::limits::{REFUSED_BODY_BYTES_MAX, REFUSED_BODY_TIMEOUT};
use crate::meter::{End, Meters, Tally};
use crate::{Credentials, Door, OperationName, Refusal, Request, RequestBody, Response, TrailerNames};

/// What an edge is built from.
pub struct Parts {
    /// Looks up keys and tokens.
    pub credentials: Arc<dyn Credentials>,
    /// Tells the time that signatures are judged by.
    pub clock: Arc<dyn Clock>,
    /// Starts the sequence of request ids.
    pub entropy: Arc<dyn Entropy>,
}

/// The edge of one door. It is called by the [`crate::Listener`], or directly by a test.
pub struct Edge {
    door: Arc<dyn Door>,
    authenticator: Authenticator,
    clock: Arc<dyn Clock>,
    meters: Arc<Meters>,
    ids: RequestIds,
}

impl Edge {
    /// Puts an edge in front of a door.
    #[must_use]
    pub fn new(door: Arc<dyn Door>, parts: Parts) -> Arc<Self> {
        let Parts {
            credentials,
            clock,
            entropy,
        } = parts;
        Arc::new(Self {
            meters: Arc::new(Meters::new(door.name())),
            authenticator: Authenticator::new(credentials, Arc::clone(&clock)),
            clock,
            ids: RequestIds::new(&*entropy),
            door,
        })
    }

    /// Answers one request. Never fails: what goes wrong is an answer.
    ///
    /// # Cancel safety
    /// Dropped when the client goes away; then the operation is dropped where it stands, and the services see to it that
    /// nothing half-done stays.
    pub async fn handle(&self, request: Request) -> Response {
        let begun = self.clock.monotonic();
        let id = self.ids.next();
        let method = request.method().clone();
        let uri = request.uri().clone();
        let (mut principal, mut response) = (Principal::Nobody, None);
        let unasked = request.headers().contains_key(EXPECT) && request.body().is_empty();

        let (head, body) = request.into_parts();
        match self.admit(head, body, id).await {
            Ok(mut request) => {
                principal.clone_from(request.extensions().get().unwrap_or(&Principal::Nobody));
                let fallback = head_of(&request, id);
                let waits = request.headers().contains_key(EXPECT);
                let leftover = Leftover::default();
                request.body_mut().leave_to(&leftover);
                let served = AssertUnwindSafe(self.door.serve(request)).catch_unwind().await;
                match served {
                    Ok(served) => response = Some(served),
                    Err(panic) => {
                        error!(%id, cause = panic_text(&*panic), "a request panicked");
                        response = Some(self.door.refuse(&Refusal::Panicked, &fallback));
                    }
                }
                if let Some(body) = leftover.take() {
                    read_away(waits, body).await;
                }
            }
            Err(refused) => {
                let Refused { refusal, head, body } = *refused;
                response.replace(self.door.refuse(&refusal, &head));
                read_away(head.headers.contains_key(EXPECT), body).await;
            }
        }
        let mut response = response.unwrap_or_default();
        self.door.stamp(id, response.headers_mut());
        if unasked {
            // There is no body to ask for, so the final answer comes where `100 Continue` was expected. botocore keeps half
            // of its state for that and misreads the next answer on the connection; a new connection starts clean.
            response
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let operation = response.extensions().get().copied().unwrap_or(OperationName("unknown"));
        let tally = Tally {
            door: Arc::clone(&self.door),
            meters: Arc::clone(&self.meters),
            clock: Arc::clone(&self.clock),
            id,
            begun,
            method,
            uri,
            principal,
            operation,
            status: response.status(),
            bytes: 0,
            end: End::Open,
        };
        response.map(|body| body.with_tally(tally))
    }

    /// Authenticates, and wraps the body in what it must prove.
    async fn admit(&self, mut head: Head, mut body: RequestBody, id: RequestId) -> Result<Request, Box<Refused>> {
        head.extensions.insert(id);
        let Authenticated { principal, payload } =
            match self.authenticator.authenticate(self.door.scheme(), &head).await {
                Ok(authenticated) => authenticated,
                Err(error) => {
                    return Err(Box::new(Refused {
                        refusal: Refusal::Auth(error),
                        head,
                        body,
                    }));
                }
            };
        head.extensions.insert(principal);
        if let Payload::Chunked { trailers, .. } = &payload
            && !trailers.checksums.is_empty()
        {
            head.extensions.insert(TrailerNames(trailers.checksums.clone()));
        }
        match body.prove(payload) {
            Ok(outcome) => {
                if let Some(outcome) = outcome {
                    head.extensions.insert(outcome);
                }
                Ok(Request::from_parts(head, body))
            }
            Err(fault) => Err(Box::new(Refused {
                refusal: Refusal::Body(fault),
                head,
                body,
            })),
        }
    }
}

struct Refused {
    refusal: Refusal,
    head: Head,
    body: RequestBody,
}

/// A copy of the head as far as a refusal needs it.
fn head_of(request: &Request, id: RequestId) -> Head {
    let mut head = Request::new(RequestBody::empty()).into_parts().0;
    head.method = request.method().clone();
    head.uri = request.uri().clone();
    head.extensions.insert(id);
    head
}

/// Reads what is left of the body of a request that was answered early, within bounds, so that its sender comes to read
/// the answer. One who waits for `100 Continue` has not sent it and is not made to.
async fn read_away(waits_to_be_asked: bool, mut body: RequestBody) {
    if body.is_empty() || (waits_to_be_asked && !body.was_asked_for()) {
        return;
    }
    let mut left = REFUSED_BODY_BYTES_MAX;
    let reading = async {
        while let Some(Ok(frame)) = body.frame().await {
            let bytes = frame.data_ref().map_or(0, bytes::Bytes::len);
            let Some(rest) = left.checked_sub(bytes) else { break };
            left = rest;
        }
    };
    // Past the time the connection is closed, which is what the reading was to spare.
    let _ = tokio::time::timeout(REFUSED_BODY_TIMEOUT, reading).await;
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("not a text")
}

/// Request ids: a counter from a random start, scrambled, so that ids are unique within a run, cheap, and tell nothing
/// of the number of requests at a glance.
struct RequestIds {
    next: AtomicU64,
    key: u64,
}

impl RequestIds {
    fn new(entropy: &dyn Entropy) -> Self {
        let (mut start, mut key) = ([0; 8], [0; 8]);
        entropy.fill(&mut start);
        entropy.fill(&mut key);
        Self {
            next: AtomicU64::new(u64::from_le_bytes(start)),
            key: u64::from_le_bytes(key),
        }
    }

    fn next(&self) -> RequestId {
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        // Odd multiplication and a shift-xor are both reversible, so no two counts give one id.
        let mixed = (count ^ self.key).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        RequestId::from_bytes((mixed ^ (mixed >> 32)).to_be_bytes())
    }
}

#[cfg(test)]
pub(crate) mod tests;
