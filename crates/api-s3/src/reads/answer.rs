//! How an object is told: the headers of its answer, and its bytes.

use baleen_http::{BoxError, Response, ResponseBody};
use baleen_objects::{Body, BodyError, Encrypted, ObjectError, ObjectHead, Selection};
use baleen_types::{Classify as _, FaultKind, ServedRange};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use futures::StreamExt as _;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH,
    CONTENT_RANGE, CONTENT_TYPE, ETAG, EXPIRES, HeaderName, LAST_MODIFIED,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body::{Frame, SizeHint};
use s3s::dto::TimestampFormat;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::Opened;
use super::wanted::Wanted;
use crate::access::Call;
use crate::answer_headers::AnswerHeaders;
use crate::convert::{http_date, timestamp};
use crate::encryption::{self, SentKey};
use crate::fault::Fault;
use crate::locking::{hold_text, mode_text, readable};
use crate::replication;
use crate::services::Services;

/// What an answer is made of, besides the object.
pub(super) struct Answer<'a> {
    pub(super) services: &'a Services,
    pub(super) call: &'a Call,
    pub(super) wanted: &'a Wanted,
    /// Those of the request.
    pub(super) headers: &'a HeaderMap,
    pub(super) sent: Option<&'a SentKey>,
    pub(super) selection: Selection,
    /// Whether the checksum is told, which is that of the whole or of a part.
    pub(super) with_checksum: bool,
}

static CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");
static LEGAL_HOLD: HeaderName = HeaderName::from_static("x-amz-object-lock-legal-hold");
static LOCK_MODE: HeaderName = HeaderName::from_static("x-amz-object-lock-mode");
static LOCKED_UNTIL: HeaderName = HeaderName::from_static("x-amz-object-lock-retain-until-date");
static PARTS_COUNT: HeaderName = HeaderName::from_static("x-amz-mp-parts-count");
static TAGGING_COUNT: HeaderName = HeaderName::from_static("x-amz-tagging-count");

/// Room for the headers that most answers have, so that the map need not grow.
const USUAL_HEADERS: usize = 16;

impl Answer<'_> {
    pub(super) async fn of(self, opened: Opened) -> Result<Response, Fault> {
        let Opened { head, range, body } = opened;
        // Before the answer says that all is well: what cannot be read at all is an error, not a body that breaks off.
        let body = match body {
            Some(body) => Some(Outgoing::begin(body, range.length).await?),
            None => None,
        };
        let mut told = AnswerHeaders::with_capacity(USUAL_HEADERS);
        let content_range = content_range(self.selection, range, head.size);
        let status = match content_range {
            Some(_) => StatusCode::PARTIAL_CONTENT,
            None => StatusCode::OK,
        };
        told.put(&CONTENT_RANGE, content_range);
        told.insert(CONTENT_LENGTH, HeaderValue::from(range.length));
        told.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        if self.wanted.part.is_some()
            && let Some(parts) = head.parts
        {
            told.insert(&PARTS_COUNT, HeaderValue::from(parts));
        }
        self.tell_digests(&head, &mut told);
        self.tell_encryption(&head, &mut told)?;
        let lock = readable(self.call, head.lock)?;
        if let Some(kept) = lock.retention {
            told.insert(&LOCK_MODE, HeaderValue::from_static(mode_text(kept.mode)));
            let mut until = Vec::new();
            let written = timestamp(kept.until).format(TimestampFormat::DateTime, &mut until);
            told.put(&LOCKED_UNTIL, written.ok().map(|()| until));
        }
        if let Some(hold) = lock.legal_hold {
            told.insert(&LEGAL_HOLD, HeaderValue::from_static(hold_text(hold)));
        }
        if self.headers.contains_key(&replication::STATUS) {
            let status = Box::pin(replication::status(self.services, &head)).await?;
            told.insert(&replication::STATUS, status);
        }
        tell_object(head, &mut told);
        for (name, value) in &self.wanted.instead {
            told.insert(name, value.clone());
        }
        let mut response = Response::new(body.map_or_else(ResponseBody::empty, ResponseBody::boxed));
        *response.status_mut() = status;
        *response.headers_mut() = told.into_map();
        Ok(response)
    }

    fn tell_digests(&self, head: &ObjectHead, told: &mut AnswerHeaders) {
        if self.selection == Selection::Whole
            && let Some(md5) = content_md5(head)
        {
            told.insert(&CONTENT_MD5, md5);
        }
        if self.with_checksum
            && let Some(stored) = &head.checksum
        {
            told.put_checksum(stored);
        }
    }

    fn tell_encryption(&self, head: &ObjectHead, told: &mut AnswerHeaders) -> Result<(), Fault> {
        if head.encrypted == Encrypted::No {
            return Ok(());
        }
        let home = (&self.services.region, self.call.bucket_owner()?);
        told.put_encryption(encryption::Told::of(&head.encrypted, self.sent, home));
        Ok(())
    }
}

/// What is told of an object, whatever of it was asked for.
fn tell_object(head: ObjectHead, told: &mut AnswerHeaders) {
    if let Some(modified) = http_date(head.modified) {
        told.insert(LAST_MODIFIED, modified);
    }
    told.put_identity(&head.etag, head.version, head.expiry.as_ref());
    if !head.tags.is_empty() {
        told.insert(&TAGGING_COUNT, HeaderValue::from(head.tags.len()));
    }
    let own = head.headers;
    told.put(&CACHE_CONTROL, own.cache_control);
    told.put(&CONTENT_DISPOSITION, own.content_disposition);
    told.put(&CONTENT_ENCODING, own.content_encoding);
    told.put(&CONTENT_LANGUAGE, own.content_language);
    // Given back as it was given, be it a date or not.
    told.put(&EXPIRES, own.expires);
    match own.content_type {
        Some(kind) => told.put(&CONTENT_TYPE, Some(kind)),
        None => told.insert(CONTENT_TYPE, HeaderValue::from_static("binary/octet-stream")),
    }
    for (name, value) in own.user {
        told.put_new(format!("x-amz-meta-{name}"), encoded_words(value));
    }
}

/// A text as a header can have it: such as has no place in one is encoded (RFC 2047, section 2; AWS, "User-defined object
/// metadata"), in words of at most 75 characters.
pub(crate) fn encoded_words(text: String) -> String {
    const WORD_BYTES: usize = 45;
    if text.bytes().all(|byte| (b' '..0x7f).contains(&byte)) {
        return text;
    }
    let mut words = Vec::new();
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (word, after) = rest.split_at(rest.floor_char_boundary(WORD_BYTES));
        words.push(format!("=?UTF-8?B?{}?=", BASE64.encode(word)));
        rest = after;
    }
    words.join(" ")
}

/// `Content-Range` of an answer that is not the whole.
fn content_range(selection: Selection, served: ServedRange, size: u64) -> Option<String> {
    match selection {
        Selection::Whole => None,
        Selection::Part(_) if served == ServedRange::whole(size) => None,
        // There is no way to write a range of no bytes (RFC 9110, 14.4).
        _ if served.length == 0 => None,
        Selection::Part(_) | Selection::Range(_) => Some(format!(
            "bytes {}-{}/{size}",
            served.first,
            served.end().saturating_sub(1)
        )),
    }
}

/// The headers that a 304 must carry (RFC 9110, 15.4.5).
pub(super) fn validators(head: &ObjectHead) -> HeaderMap {
    let mut told = AnswerHeaders::with_capacity(4);
    told.put(&ETAG, Some(head.etag.quoted()));
    if let Some(modified) = http_date(head.modified) {
        told.insert(LAST_MODIFIED, modified);
    }
    told.put(&CACHE_CONTROL, head.headers.cache_control.clone());
    told.put(&EXPIRES, head.headers.expires.clone());
    told.into_map()
}

/// The MD5 of an object's bytes, where its tag is that (seed 004, "PUT Object"). It is told whether the sender has told it or not:
/// it is what was stored.
fn content_md5(head: &ObjectHead) -> Option<HeaderValue> {
    let is_hidden = matches!(head.encrypted, Encrypted::Customer(_) | Encrypted::Kms(_));
    if is_hidden || head.parts.is_some() {
        return None;
    }
    let mut md5 = [0; 16];
    hex::decode_to_slice(head.etag.as_str(), &mut md5).ok()?;
    HeaderValue::try_from(BASE64.encode(md5)).ok()
}

/// The bytes of an object as an answer's body, whose length is known.
struct Outgoing {
    /// Read already, and not given yet.
    first: Option<Bytes>,
    body: Body,
    left: u64,
}

impl Outgoing {
    /// Reads the first piece.
    async fn begin(mut body: Body, length: u64) -> Result<Self, Fault> {
        let first = if length == 0 { None } else { body.next().await };
        Ok(Self {
            first: first.transpose().map_err(unread)?,
            body,
            left: length,
        })
    }
}

/// Why there is nothing of a body.
fn unread(error: BodyError) -> Fault {
    let is_damaged = error.kind() == FaultKind::Corrupt;
    let of = if is_damaged {
        ObjectError::Corrupt
    } else {
        ObjectError::Storage
    };
    of(error.source).into()
}

impl http_body::Body for Outgoing {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let piece = match self.first.take() {
            Some(first) => Some(Ok(first)),
            None => ready!(self.body.as_mut().poll_next(cx)),
        };
        Poll::Ready(piece.map(|piece| match piece {
            Ok(bytes) => {
                self.left = self.left.saturating_sub(bytes.len() as u64);
                Ok(Frame::data(bytes))
            }
            Err(error) => Err(error.into()),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_place_in_a_header_is_encoded() {
        for (text, header) in [
            ("plain, \"quoted\" ~", "plain, \"quoted\" ~"),
            ("", ""),
            ("ä", "=?UTF-8?B?w6Q=?="),
            ("a\tb", "=?UTF-8?B?YQli?="),
            (
                "ääääääääääääääääääääää-ä",
                "=?UTF-8?B?w6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOkw6Qt?= =?UTF-8?B?w6Q=?=",
            ),
        ] {
            assert_eq!(encoded_words(text.to_owned()), header, "{text}");
        }
    }
}
