//! The path of every request: id, origin, door, authentication, gate, body, the door's work, audit, stamp, tally.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use baleen_audit::{Deed, Event, Recorder, Silent};
use baleen_policy::{Origin, Principal};
use baleen_runtime::{Clock, Entropy};
use baleen_types::{RequestId, Timestamp};
use futures::FutureExt as _;
use http::header::{CONNECTION, EXPECT};
use http::request::Parts as Head;
use http::{HeaderValue, Method, Uri};
use http_body_util::BodyExt as _;
use tracing::error;

use crate::auth::{Authenticated, Authenticator, Payload, Rejected};
use crate::body::Leftover;
use crate::gate::{Barred, Gate, OpenGate};
use crate::limits::{REFUSED_BODY_BYTES_MAX, REFUSED_BODY_TIMEOUT};
use crate::meter::{End, Meters, Tally};
use crate::origin::{Encrypted, Peer, TrustedProxies};
use crate::select::{DoorNames, choose};
use crate::{AuthError, Credentials, Door, OperationName, Refusal, Request, RequestBody, Response, TrailerNames};

/// What an edge is built from.
pub struct Parts {
    /// Looks up keys and tokens.
    pub credentials: Arc<dyn Credentials>,
    /// Holds principals to the networks of their account.
    pub gate: Arc<dyn Gate>,
    /// Takes what is to be in the audit log.
    pub audit: Arc<dyn Recorder>,
    /// Whose word about the client's address is taken.
    pub proxies: TrustedProxies,
    /// Tells the time that signatures are judged by.
    pub clock: Arc<dyn Clock>,
    /// Starts the sequence of request ids.
    pub entropy: Arc<dyn Entropy>,
}

impl Parts {
    /// Parts with an open gate, without audit log, trusting no proxy: for tests, and for doors that act for no account.
    #[must_use]
    pub fn bare(credentials: Arc<dyn Credentials>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            credentials,
            gate: Arc::new(OpenGate),
            audit: Arc::new(Silent),
            proxies: TrustedProxies::default(),
            clock,
            entropy,
        }
    }
}

/// The edge of the doors on one listener. It is called by the [`crate::Listener`], or directly by a test.
pub struct Edge {
    others: Vec<Seat>,
    last: Seat,
    names: DoorNames,
    authenticator: Authenticator,
    gate: Arc<dyn Gate>,
    audit: Arc<dyn Recorder>,
    proxies: TrustedProxies,
    clock: Arc<dyn Clock>,
    ids: RequestIds,
}

/// A door with its numbers.
pub(crate) struct Seat {
    pub(crate) door: Arc<dyn Door>,
    meters: Arc<Meters>,
}

impl Seat {
    pub(crate) fn new(door: Arc<dyn Door>) -> Self {
        Self {
            meters: Arc::new(Meters::new(door.name())),
            door,
        }
    }
}

impl Edge {
    /// Puts an edge in front of a door that has its listener to itself.
    #[must_use]
    pub fn new(door: Arc<dyn Door>, parts: Parts) -> Arc<Self> {
        Self::shared(Vec::new(), door, DoorNames::default(), parts)
    }

    /// Puts an edge in front of several doors on one listener. A request goes to the door that its host name names, that its
    /// signature is for, or that [`Door::claims`] it, in this order; to `last`, when that is none.
    #[must_use]
    pub fn shared(others: Vec<Arc<dyn Door>>, last: Arc<dyn Door>, names: DoorNames, parts: Parts) -> Arc<Self> {
        let Parts {
            credentials,
            gate,
            audit,
            proxies,
            clock,
            entropy,
        } = parts;
        Arc::new(Self {
            others: others.into_iter().map(Seat::new).collect(),
            last: Seat::new(last),
            names,
            authenticator: Authenticator::new(credentials, Arc::clone(&clock)),
            gate,
            audit,
            proxies,
            clock,
            ids: RequestIds::new(&*entropy),
        })
    }

    /// Answers one request. Never fails: what goes wrong is an answer.
    ///
    /// # Cancel safety
    /// Dropped when the client goes away; then the operation is dropped where it stands, and the services see to it that
    /// nothing half-done stays. But for a door that [`Door::sees_through`] what it began.
    ///
    /// Each request moves this future into its place, whole. So what few of them come to is put on the heap by those.
    pub async fn handle(&self, request: Request) -> Response {
        let begun = self.clock.monotonic();
        let id = self.ids.next();
        let method = request.method().clone();
        let uri = request.uri().clone();
        let waits = request.headers().contains_key(EXPECT);
        let mut unasked = waits && request.body().is_empty();

        let (mut head, mut body) = request.into_parts();
        // An edge in front of one door spares itself the choice.
        let seat = match self.others.as_slice() {
            [] => &self.last,
            others => choose(others, &self.last, &self.names, &head),
        };
        let peer = head.extensions.get().copied().unwrap_or(Peer::NONE);
        let is_secure = head.extensions.get::<Encrypted>().is_some();
        let origin = self.proxies.origin(&head.headers, peer, is_secure);
        head.extensions.insert(id);
        head.extensions.insert(origin);
        let mut about = About {
            at: self.clock.now(),
            id,
            origin,
            principal: Principal::Nobody,
        };
        let mut response = match self.admit(seat, &mut head, &mut body, &origin).await {
            Ok(principal) => {
                about.principal = principal;
                let leftover = Leftover::default();
                body.leave_to(&leftover);
                let request = Request::from_parts(head, body);
                let work = perform(Arc::clone(&seat.door), Arc::clone(&self.audit), request, about.clone());
                let response = if seat.door.sees_through() {
                    // Panics are caught inside, so that this fails only with the runtime.
                    tokio::spawn(work).await.unwrap_or_default()
                } else {
                    work.await
                };
                if let Some(body) = leftover.take() {
                    unasked |= Box::pin(read_away(waits, body)).await;
                }
                response
            }
            Err(Rejected {
                refusal,
                claimed,
                texts,
            }) => {
                if let Some(texts) = texts {
                    head.extensions.insert(*texts);
                }
                let response = seat.door.refuse(&refusal, &head);
                if let Some(claimed) = claimed {
                    let event = Event {
                        refusal: Some(refusal.word()),
                        ..about.event(claimed, seat.door.name(), &response)
                    };
                    // A refusal changed nothing: it may be answered though it could not be recorded.
                    let _ = self.audit.record(event).await;
                }
                unasked |= Box::pin(read_away(waits, body)).await;
                response
            }
        };
        seat.door.stamp(id, response.headers_mut());
        if unasked {
            // The final answer comes where `100 Continue` was expected. The body may come or not, and a client that goes on with
            // the next request may have the beginning of that taken for it; botocore keeps half of its state for an answer
            // in that place and misreads the next one. A new connection starts clean (RFC 9110, section 10.1.1).
            response
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let tally = Tally {
            door: Arc::clone(&seat.door),
            meters: Arc::clone(&seat.meters),
            clock: Arc::clone(&self.clock),
            at: about.at,
            id,
            begun,
            until_head: self.clock.monotonic().saturating_sub(begun),
            witness: response.extensions_mut().remove(),
            method,
            uri,
            origin,
            principal: about.principal,
            operation: operation_of(&response),
            status: response.status(),
            bytes: 0,
            end: End::Open,
        };
        response.map(|body| body.with_tally(tally))
    }

    /// Authenticates, asks the gate, and wraps the body in what it must prove.
    async fn admit(
        &self,
        seat: &Seat,
        head: &mut Head,
        body: &mut RequestBody,
        origin: &Origin,
    ) -> Result<Principal, Rejected> {
        let Authenticated {
            principal,
            signed,
            payload,
            share,
            form,
        } = self.believe(seat, head, body, origin).await?;
        head.extensions.insert(principal.clone());
        if let Some(signed) = signed {
            head.extensions.insert(signed);
        }
        if let Some(form) = form {
            head.extensions.insert(form);
        }
        if let Some(share) = share {
            head.extensions.insert(share);
        }
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
                Ok(principal)
            }
            Err(fault) => Err(Rejected {
                refusal: Refusal::Body(fault),
                claimed: Some(principal),
                texts: None,
            }),
        }
    }

    async fn believe(
        &self,
        seat: &Seat,
        head: &Head,
        body: &mut RequestBody,
        origin: &Origin,
    ) -> Result<Authenticated, Rejected> {
        let authenticated = self.authenticator.authenticate(&*seat.door, head, body).await?;
        if authenticated.principal.caller().is_some() {
            let admitted = self
                .gate
                .admit(seat.door.name(), &authenticated.principal, origin)
                .await;
            admitted.map_err(|barred| Rejected {
                refusal: match barred {
                    Barred::NotListed | Barred::Withheld => Refusal::Barred,
                    Barred::Unavailable => AuthError::Unavailable.into(),
                },
                claimed: Some(authenticated.principal.clone()),
                texts: None,
            })?;
        }
        Ok(authenticated)
    }
}

/// What is known of a request from its head on.
#[derive(Clone)]
struct About {
    at: Timestamp,
    id: RequestId,
    origin: Origin,
    principal: Principal,
}

impl About {
    fn event(&self, principal: Principal, door: &'static str, response: &Response) -> Event {
        Event {
            at: self.at,
            request: self.id,
            principal,
            origin: self.origin,
            door,
            operation: operation_of(response).0,
            deed: None,
            refusal: None,
            status: response.status().as_u16(),
        }
    }
}

/// The door's work and its mark in the audit log, as one: whoever sees the first through sees the second through.
async fn perform(door: Arc<dyn Door>, audit: Arc<dyn Recorder>, request: Request, about: About) -> Response {
    // What a refusal would need of the head, which the door takes.
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let head = || head_of(method.clone(), uri.clone(), about.id);
    let served = AssertUnwindSafe(door.serve(request)).catch_unwind().await;
    let mut response = match served {
        Ok(served) => served,
        Err(panic) => {
            error!(id = %about.id, cause = panic_text(&*panic), "a request panicked");
            return door.refuse(&Refusal::Panicked, &head());
        }
    };
    let deed: Option<Deed> = response.extensions_mut().remove();
    let event = Event {
        deed,
        ..about.event(about.principal.clone(), door.name(), &response)
    };
    if (event.deed.is_some() || event.is_refused()) && audit.record(event).await.is_err() {
        let operation = operation_of(&response);
        response = door.refuse(&Refusal::Unaudited, &head());
        response.extensions_mut().insert(operation);
    }
    response
}

fn operation_of(response: &Response) -> OperationName {
    response.extensions().get().copied().unwrap_or(OperationName("unknown"))
}

/// A head as far as a refusal needs it.
fn head_of(method: Method, uri: Uri, id: RequestId) -> Head {
    let mut head = Request::new(RequestBody::empty()).into_parts().0;
    head.method = method;
    head.uri = uri;
    head.extensions.insert(id);
    head
}

/// Reads what is left of the body of a request that was answered early, within bounds, so that its sender comes to read
/// the answer. One who waits for `100 Continue` has not sent it and is not made to; `true` of such a one.
async fn read_away(waits_to_be_asked: bool, mut body: RequestBody) -> bool {
    if waits_to_be_asked && !body.was_asked_for() {
        return true;
    }
    if body.is_empty() {
        return false;
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
    false
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
