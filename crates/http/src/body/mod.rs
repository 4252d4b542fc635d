//! Request bodies which prove themselves while they are read.

mod checksum;
mod chunked;
mod fault;

use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use baleen_signing::Sha256;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use parking_lot::Mutex;

pub use checksum::{ChecksumAlgorithm, ChecksumHasher};
use chunked::Decoder;
pub use fault::{BodyFault, BodyOutcome};

use crate::auth::Payload;
use crate::form::FileBody;
use crate::stall::Stall;

/// Names of the trailers that follow the body, already verified when the body ends; a request extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrailerNames(pub Vec<ChecksumAlgorithm>);

/// Something else that a door wants to know of a body before it ends well, such as `Content-MD5`.
pub trait BodyCheck: Send + Sync {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// The fault with which the body then ends.
    fn update(&mut self, bytes: &[u8]) -> Result<(), BodyFault>;

    /// Judges the whole.
    ///
    /// # Errors
    /// The fault with which the body then ends.
    fn finish(&mut self) -> Result<(), BodyFault>;
}

/// The body of a request: what was announced of it is true, or it ends with a [`BodyFault`].
///
/// One piece is always withheld until the next has come or the end was found to be right, so that no reader ever holds
/// a whole body that is false.
pub struct RequestBody {
    source: Source,
    /// Bytes from the source that were not decoded yet.
    pending: Bytes,
    decoder: Option<Box<Decoder>>,
    checks: Vec<Box<dyn BodyCheck>>,
    held: Option<Bytes>,
    outcome: Option<BodyOutcome>,
    leftover: Option<Leftover>,
    /// Whether anybody asked for bytes. If not, one who waits for `100 Continue` still does.
    asked: bool,
    state: State,
}

/// Where a body goes that was dropped before its end, so that the edge can read the rest of it away.
#[derive(Clone, Default)]
pub(crate) struct Leftover(Arc<Mutex<Option<RequestBody>>>);

impl Leftover {
    pub(crate) fn take(&self) -> Option<RequestBody> {
        self.0.lock().take()
    }
}

enum Source {
    Empty,
    Hyper { body: Incoming, stall: Stall },
    Boxed(Pin<Box<dyn Body<Data = Bytes, Error = BodyFault> + Send + Sync>>),
}

#[derive(PartialEq, Eq)]
enum State {
    Reading,
    Ended,
}

impl RequestBody {
    fn new(source: Source) -> Self {
        Self {
            source,
            pending: Bytes::new(),
            decoder: None,
            checks: Vec::new(),
            held: None,
            outcome: None,
            leftover: None,
            asked: false,
            state: State::Reading,
        }
    }

    /// A body of no bytes.
    #[must_use]
    pub fn empty() -> Self {
        Self::new(Source::Empty)
    }

    /// The body of a connection, which ends with [`BodyFault::Stalled`] when its reader waits longer than `stall_timeout`
    /// for the next bytes.
    #[must_use]
    pub fn incoming(body: Incoming, stall_timeout: Duration) -> Self {
        if body.is_end_stream() {
            Self::empty()
        } else {
            Self::new(Source::Hyper {
                body,
                stall: Stall::new(stall_timeout),
            })
        }
    }

    /// Lets it be silent for as long as it likes, where its sender has nothing to say at times. Whether somebody is there is what the
    /// pings of HTTP/2 find out.
    pub fn may_be_silent(&mut self) {
        if let Source::Hyper { stall, .. } = &mut self.source {
            stall.wait_for_ever();
        }
    }

    /// Any other body, for requests made in process.
    #[must_use]
    pub fn boxed(body: impl Body<Data = Bytes, Error = BodyFault> + Send + Sync + 'static) -> Self {
        Self::new(Source::Boxed(Box::pin(body)))
    }

    /// The file of a form, of which the fields were read and so everything was asked for.
    pub(crate) fn file(file: FileBody) -> Self {
        let mut body = Self::new(Source::Boxed(Box::pin(file)));
        body.asked = true;
        body
    }

    /// Whether there is surely nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self.source, Source::Empty)
    }

    /// Whether anybody has asked for its bytes.
    pub(crate) fn was_asked_for(&self) -> bool {
        self.asked
    }

    /// Sees to it that what nobody reads of it is found in `leftover` after it was dropped.
    pub(crate) fn leave_to(&mut self, leftover: &Leftover) {
        if !self.is_empty() {
            self.leftover = Some(leftover.clone());
        }
    }

    /// Adds a check; to be called before the body is read.
    pub fn check(&mut self, check: impl BodyCheck + 'static) {
        self.checks.push(Box::new(check));
    }

    /// Wraps what the head of the request promised round the body. Returns where a fault
    /// will be found, when there is a body.
    ///
    /// # Errors
    /// When there is no body and the promise is therefore false already: nobody may ever read a body that is not there.
    pub(crate) fn prove(&mut self, payload: Payload) -> Result<Option<BodyOutcome>, BodyFault> {
        match payload {
            Payload::Unchecked => {}
            Payload::Sha256(expected) if self.is_empty() => {
                if expected != *OF_NOTHING {
                    return Err(BodyFault::ContentSha256);
                }
            }
            Payload::Sha256(expected) => self.check(Sha256Check {
                hasher: Sha256::new(),
                expected,
            }),
            Payload::Chunked { .. } if self.is_empty() => return Err(BodyFault::BrokenOff),
            Payload::Chunked {
                decoded_bytes,
                signed,
                trailers,
            } => {
                let chain = signed.map(|verified| verified.chunk_chain());
                self.decoder = Some(Box::new(Decoder::new(decoded_bytes, chain, &trailers)));
            }
        }
        if self.is_empty() {
            return Ok(None);
        }
        Ok(Some(self.outcome.get_or_insert_default().clone()))
    }

    /// The next piece as it comes off the wire, or out of the framing.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyFault>>> {
        loop {
            if let Some(decoder) = &mut self.decoder
                && let Some(piece) = decoder.decode(&mut self.pending)?
            {
                return Poll::Ready(Some(Ok(piece)));
            }
            let frame = match &mut self.source {
                Source::Empty => None,
                Source::Hyper { body, stall } => match Pin::new(body).poll_frame(cx) {
                    Poll::Ready(frame) => {
                        stall.moved();
                        // The cause is a broken connection or transfer coding: the client's, and nothing to tell it.
                        frame.map(|frame| frame.map_err(|_| BodyFault::BrokenOff))
                    }
                    Poll::Pending => {
                        ready!(stall.poll(cx));
                        Some(Err(BodyFault::Stalled))
                    }
                },
                Source::Boxed(body) => ready!(body.as_mut().poll_frame(cx)),
            };
            match frame {
                None => {
                    self.source = Source::Empty;
                    let cut = self.decoder.as_ref().is_some_and(|decoder| !decoder.is_complete());
                    return Poll::Ready(cut.then_some(Err(BodyFault::BrokenOff)));
                }
                Some(frame) => {
                    // HTTP trailers are not used by any door; what is not data is dropped.
                    let Ok(data) = frame?.into_data() else { continue };
                    if self.decoder.is_some() {
                        self.pending = data;
                    } else if !data.is_empty() {
                        return Poll::Ready(Some(Ok(data)));
                    }
                }
            }
        }
    }

    fn poll_checked(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyFault>>> {
        loop {
            match ready!(self.poll_piece(cx)) {
                Some(Ok(piece)) => {
                    for check in &mut self.checks {
                        check.update(&piece)?;
                    }
                    if let Some(before) = self.held.replace(piece) {
                        return Poll::Ready(Some(Ok(before)));
                    }
                }
                Some(Err(fault)) => return Poll::Ready(Some(Err(fault))),
                None => {
                    self.state = State::Ended;
                    for check in &mut self.checks {
                        check.finish()?;
                    }
                    return Poll::Ready(self.held.take().map(Ok));
                }
            }
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        if self.state == State::Ended {
            return Poll::Ready(None);
        }
        self.asked = true;
        let unchecked = self.decoder.is_none() && self.checks.is_empty();
        let piece = if unchecked {
            ready!(self.poll_piece(cx))
        } else {
            ready!(self.poll_checked(cx))
        };
        Poll::Ready(match piece {
            Some(Ok(piece)) => Some(Ok(Frame::data(piece))),
            Some(Err(fault)) => {
                self.state = State::Ended;
                self.held = None;
                if matches!(fault, BodyFault::Stalled | BodyFault::BrokenOff) {
                    // No more will come.
                    self.source = Source::Empty;
                }
                if let Some(outcome) = &self.outcome {
                    outcome.record(&fault);
                }
                Some(Err(fault))
            }
            None => {
                self.state = State::Ended;
                None
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.state == State::Ended || (self.is_empty() && self.decoder.is_none() && self.checks.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        let held = self.held.as_ref().map_or(0, |held| held.len() as u64);
        let hint = match (&self.decoder, &self.source) {
            (Some(decoder), _) => return SizeHint::with_exact(decoder.remaining() + held),
            (None, Source::Empty) => return SizeHint::with_exact(held),
            (None, Source::Hyper { body, .. }) => body.size_hint(),
            (None, Source::Boxed(body)) => body.size_hint(),
        };
        match hint.exact() {
            Some(bytes) => SizeHint::with_exact(bytes + held),
            None => SizeHint::default(),
        }
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        let Some(Leftover(place)) = self.leftover.take() else {
            return;
        };
        if self.is_empty() {
            return;
        }
        let mut rest = Self::new(std::mem::replace(&mut self.source, Source::Empty));
        rest.asked = self.asked;
        *place.lock() = Some(rest);
    }
}

impl std::fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequestBody").finish_non_exhaustive()
    }
}

/// The hash of no bytes, which nearly all requests without a body announce.
static OF_NOTHING: LazyLock<[u8; 32]> = LazyLock::new(|| baleen_signing::sha256(b""));

struct Sha256Check {
    hasher: Sha256,
    expected: [u8; 32],
}

impl BodyCheck for Sha256Check {
    fn update(&mut self, bytes: &[u8]) -> Result<(), BodyFault> {
        self.hasher.update(bytes);
        Ok(())
    }

    fn finish(&mut self) -> Result<(), BodyFault> {
        if self.hasher.finish_reset() == self.expected {
            Ok(())
        } else {
            Err(BodyFault::ContentSha256)
        }
    }
}

#[cfg(test)]
mod tests;
