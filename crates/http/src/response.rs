//! Bodies of answers.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;

use crate::meter::Tally;

/// Any error; what is behind it is for the log.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of an answer. When it is dropped, the request it belongs to is over and gets its log line.
#[derive(Default)]
pub struct ResponseBody {
    inner: Inner,
    tally: Option<Box<Tally>>,
    /// Bytes that are still to come, if their number was known.
    left: Option<u64>,
}

#[derive(Default)]
enum Inner {
    #[default]
    Empty,
    Full(Bytes),
    Boxed(UnsyncBoxBody<Bytes, BoxError>),
}

impl ResponseBody {
    /// No bytes.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Bytes in memory, sent in one write with the head.
    #[must_use]
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        Self {
            inner: Inner::Full(bytes.into()),
            ..Self::default()
        }
    }

    /// Any other body.
    #[must_use]
    pub fn boxed<B>(body: B) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        if body.is_end_stream() {
            return Self::empty();
        }
        Self {
            inner: Inner::Boxed(body.map_err(Into::into).boxed_unsync()),
            ..Self::default()
        }
    }

    pub(crate) fn with_tally(mut self, mut tally: Tally) -> Self {
        self.left = self.size_hint().exact();
        if self.is_end_stream() {
            tally.complete();
        }
        self.tally = Some(Box::new(tally));
        self
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let frame = match &mut this.inner {
            Inner::Empty => None,
            Inner::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                this.inner = Inner::Empty;
                (!bytes.is_empty()).then(|| Ok(Frame::data(bytes)))
            }
            Inner::Boxed(body) => std::task::ready!(Pin::new(body).poll_frame(cx)),
        };
        let bytes = match &frame {
            Some(Ok(frame)) => frame.data_ref().map_or(0, Bytes::len),
            _ => 0,
        };
        this.left = this.left.map(|left| left.saturating_sub(bytes as u64));
        // A server stops asking once it has all that was announced, so that the end itself is seldom seen.
        let ended = this.left == Some(0) || this.is_end_stream();
        if let Some(tally) = &mut this.tally {
            match &frame {
                Some(Ok(_)) => tally.sent(bytes),
                Some(Err(error)) => tally.failed(error),
                None => tally.complete(),
            }
            if ended && matches!(frame, Some(Ok(_))) {
                tally.complete();
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.inner {
            Inner::Empty => true,
            Inner::Full(bytes) => bytes.is_empty(),
            Inner::Boxed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Inner::Empty => SizeHint::with_exact(0),
            Inner::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Inner::Boxed(body) => body.size_hint(),
        }
    }
}

impl std::fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseBody").finish_non_exhaustive()
    }
}
