//! The file of a form, as a body: everything up to the delimiter behind it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use memchr::memmem;

use crate::limits::FORM_TAIL_BYTES_MAX;
use crate::{BodyFault, RequestBody};

/// The file of a form. It ends well only behind the last delimiter of the form, so that what was cut is never taken for whole.
pub(crate) struct FileBody {
    body: RequestBody,
    /// What was read of the body and not looked at.
    pending: Bytes,
    delimiter: Vec<u8>,
    finder: memmem::Finder<'static>,
    state: State,
}

enum State {
    /// In the file. `carry` was read and may be the beginning of the delimiter.
    File {
        carry: Bytes,
    },
    /// Behind it.
    Tail(BytesMut),
    Ended,
}

impl FileBody {
    pub(super) fn new(body: RequestBody, read: Bytes, delimiter: Vec<u8>) -> Self {
        Self {
            body,
            pending: read,
            finder: memmem::Finder::new(&delimiter).into_owned(),
            delimiter,
            state: State::File { carry: Bytes::new() },
        }
    }

    /// The next bytes of the form.
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyFault>>> {
        if !self.pending.is_empty() {
            return Poll::Ready(Some(Ok(std::mem::take(&mut self.pending))));
        }
        loop {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                None => return Poll::Ready(None),
                Some(Err(fault)) => return Poll::Ready(Some(Err(fault))),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Poll::Ready(Some(Ok(data)));
                    }
                }
            }
        }
    }

    /// Takes bytes of the form in; gives those of the file that are known to be.
    fn take(&mut self, data: Bytes) -> Result<Bytes, BodyFault> {
        match &mut self.state {
            State::File { carry } => {
                let mut data = if carry.is_empty() {
                    data
                } else {
                    let mut joined = BytesMut::with_capacity(carry.len() + data.len());
                    joined.extend_from_slice(carry);
                    joined.extend_from_slice(&data);
                    joined.freeze()
                };
                if let Some(at) = self.finder.find(&data) {
                    let mut tail = data.split_off(at);
                    let tail = tail.split_off(self.delimiter.len());
                    self.state = State::Tail(BytesMut::new());
                    self.take(tail)?;
                } else {
                    let kept = beginning_at_end(&data, &self.delimiter);
                    *carry = data.split_off(data.len() - kept);
                }
                Ok(data)
            }
            State::Tail(tail) if data.len() > FORM_TAIL_BYTES_MAX - tail.len() => {
                Err(BodyFault::Form("too much follows the file"))
            }
            State::Tail(tail) => {
                tail.extend_from_slice(&data);
                Ok(Bytes::new())
            }
            State::Ended => Ok(Bytes::new()),
        }
    }

    /// Whether the form was whole when its body ended.
    fn is_whole(&self) -> bool {
        let State::Tail(tail) = &self.state else { return false };
        let last = [&self.delimiter[..], b"--"].concat();
        tail.starts_with(b"--") || memmem::find(tail, &last).is_some()
    }
}

/// How many bytes at the end of `data` may be the beginning of `mark`.
fn beginning_at_end(data: &[u8], mark: &[u8]) -> usize {
    let longest = data.len().min(mark.len() - 1);
    (1..=longest)
        .rev()
        .find(|bytes| data.ends_with(&mark[..*bytes]))
        .unwrap_or(0)
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        let this = &mut *self;
        loop {
            if matches!(this.state, State::Ended) {
                return Poll::Ready(None);
            }
            let taken = match ready!(this.poll_data(cx)) {
                Some(read) => read.and_then(|data| this.take(data)),
                None if this.is_whole() => {
                    this.state = State::Ended;
                    return Poll::Ready(None);
                }
                None => Err(BodyFault::Form("it is cut")),
            };
            match taken {
                Ok(file) if file.is_empty() => {}
                Ok(file) => return Poll::Ready(Some(Ok(Frame::data(file)))),
                Err(fault) => {
                    this.state = State::Ended;
                    return Poll::Ready(Some(Err(fault)));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
