//! GetObject and HeadObject, without the codec.
//!
//! They are most of all requests, and small: to bring them into the codec's types and their answers out of them costs more than
//! all else that this door does for one. So they are told from the other requests of an object as the codec does it, read and
//! written here, and decided by the same hook with the rows that any operation has.

mod answer;
mod wanted;

use baleen_http::Response;
use baleen_objects::{CustomerKey, ObjectError, ObjectHead, ObjectVersion, OpenObject, Selection};
use baleen_policy::Action;
use baleen_types::{ByteRange, ETag, ServedRange};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use s3s::path::S3Path;

use crate::access::{Access, Call};
use crate::address::path_of;
use crate::conditions::{AskedRange, Conditions, On, Verdict};
use crate::convert::part_number;
use crate::encryption::{self, SentKey, key_of};
use crate::fault::Fault;
use crate::ops::{Extent, Query, Row};
use crate::routed::RoutedTo;
use crate::services::Services;
use crate::unsupported;
use answer::Answer;
#[cfg(test)]
pub(crate) use answer::encoded_words;
use wanted::Wanted;

const fn row(name: &'static str) -> Row {
    Row {
        name,
        action: Action::S3GetObject,
        extent: Extent::Object,
        query: Query::Any,
    }
}

/// The row of GetObject.
pub(crate) const GET_OBJECT: Row = row("GetObject");

/// The row of HeadObject.
pub(crate) const HEAD_OBJECT: Row = row("HeadObject");

/// A request that reads an object.
pub(crate) struct Read {
    row: &'static Row,
    path: S3Path,
}

impl Read {
    /// Tells one from all other requests. Which address cannot be read is left to the codec, whose error it is.
    pub(crate) fn of(head: &Parts) -> Option<Self> {
        let row = match head.method.as_str() {
            "GET" if !wanted::names_another(head.uri.query().unwrap_or_default()) => &GET_OBJECT,
            "HEAD" => &HEAD_OBJECT,
            _ => return None,
        };
        let path = path_of(&head.uri).ok()?;
        path.as_object()?;
        Some(Self { row, path })
    }

    /// Answers it.
    pub(crate) async fn answer(
        self,
        (services, access): (&Services, &Access),
        mut head: Parts,
        routed: &RoutedTo,
    ) -> Result<Response, Fault> {
        let call = access.round_the_codec((self.row, &self.path), &head, routed).await?;
        let query = head.uri.query().unwrap_or_default();
        let done = self
            .run(services, &call, (query, &head.headers), &mut head.extensions)
            .await;
        done.map_err(|fault| call.veil().over(fault, None))
    }

    async fn run(
        &self,
        services: &Services,
        call: &Call,
        (query, headers): (&str, &HeaderMap),
        extensions: &mut http::Extensions,
    ) -> Result<Response, Fault> {
        // Most requests have none, and looking for each of many costs more than to look for any.
        let has_own = headers.keys().any(|name| name.as_str().starts_with("x-"));
        let headers = if has_own { headers } else { &HeaderMap::new() };
        let sent = if has_own {
            unsupported::refuse(headers)?;
            encryption::refuse_choice(headers)?;
            SentKey::of(headers)?
        } else {
            None
        };
        let wanted = Wanted::read(query, headers)?;
        // Whoever may make links to what everybody reads would make pages of it (AWS, GetObject, "Overriding response header
        // values through the request": such a request must be signed).
        if call.is_of_nobody() && !wanted.instead.is_empty() {
            return Err(Fault::invalid_request(
                "Request specific response headers cannot be used for anonymous GET requests.",
            ));
        }
        let conditions = extensions.remove::<Conditions>().unwrap_or_default();
        let asked = extensions.remove::<AskedRange>().unwrap_or_default();
        let of = call.version(wanted.version.as_deref())?;
        let source = Source {
            services,
            of: &of,
            key: key_of(sent.as_ref()),
            with_body: *self.row == GET_OBJECT,
        };
        let mut selection = selection(asked.range, wanted.part)?;
        let mut opened = source.open(selection).await;
        // What few come to is put on the heap: the others would carry its room.
        if asked.is_conditional()
            && Box::pin(source.is_of_another(&asked, opened.as_ref().map(|opened| &opened.head.etag))).await?
        {
            selection = Selection::Whole;
            opened = Box::pin(source.open(selection)).await;
        }
        let opened = match opened {
            Ok(opened) => opened,
            Err(error) => {
                // How a key is, and how long an object, is not for who may not use that key.
                if source.with_body && !matches!(error, ObjectError::NoSuchKey(_)) {
                    Box::pin(source.decide(call)).await?;
                }
                return Err(Box::pin(source.unserved(&conditions, error)).await);
            }
        };
        call.confirm(&opened.head)?;
        // Its bytes, and a checksum which tells of them, are for who may use its key (AWS, HeadObject, `x-amz-checksum-mode`).
        let with_checksum = wanted.checksum && !matches!(selection, Selection::Range(_));
        if source.with_body || with_checksum {
            call.decide_decryption(services, &opened.head.encrypted)?;
        }
        check(&conditions, &opened.head)?;
        let answer = Answer {
            services,
            call,
            wanted: &wanted,
            headers,
            sent: sent.as_ref(),
            selection,
            with_checksum,
        };
        answer.of(opened).await
    }
}

/// An object, or what is known of it.
struct Opened {
    head: ObjectHead,
    range: ServedRange,
    body: Option<baleen_objects::Body>,
}

/// Where an object is read from.
struct Source<'a> {
    services: &'a Services,
    of: &'a ObjectVersion,
    key: Option<&'a CustomerKey>,
    with_body: bool,
}

impl Source<'_> {
    async fn open(&self, selection: Selection) -> Result<Opened, ObjectError> {
        let objects = &self.services.objects;
        if self.with_body {
            let OpenObject { head, range, body } = objects.open_with(self.of, selection, self.key).await?;
            let body = Some(body);
            return Ok(Opened { head, range, body });
        }
        let (head, range) = objects.head_with(self.of, selection, self.key).await?;
        Ok(Opened {
            head,
            range,
            body: None,
        })
    }

    async fn head(&self) -> Result<ObjectHead, ObjectError> {
        let found = self
            .services
            .objects
            .head_with(self.of, Selection::Whole, self.key)
            .await;
        found.map(|(head, _)| head)
    }

    /// Decides about what cannot be opened, as far as it can be known without.
    async fn decide(&self, call: &Call) -> Result<(), Fault> {
        let Ok(head) = self.head().await else { return Ok(()) };
        call.confirm(&head)?;
        call.decide_decryption(self.services, &head.encrypted)
    }

    /// Whether a range on a condition was found in, or does not fit, another object than the one that it is asked of.
    async fn is_of_another(&self, asked: &AskedRange, found: Result<&ETag, &ObjectError>) -> Result<bool, Fault> {
        match found {
            Ok(tag) => Ok(!asked.is_of(tag)),
            Err(ObjectError::InvalidRange { .. }) => Ok(!asked.is_of(&self.head().await?.etag)),
            // Told as it is.
            Err(_) => Ok(false),
        }
    }

    /// Why nothing is served. A failed condition is told before a range that cannot be.
    async fn unserved(&self, conditions: &Conditions, error: ObjectError) -> Fault {
        if matches!(error, ObjectError::InvalidRange { .. }) && !conditions.is_empty() {
            let judged = match self.head().await {
                Ok(head) => check(conditions, &head),
                Err(error) => Err(error.into()),
            };
            if let Err(fault) = judged {
                return fault;
            }
        }
        error.into()
    }
}

fn selection(range: Option<ByteRange>, part: Option<i32>) -> Result<Selection, Fault> {
    match (range, part) {
        (None, None) => Ok(Selection::Whole),
        (None, Some(number)) => Ok(Selection::Part(part_number(number)?)),
        (Some(range), None) => Ok(Selection::Range(range)),
        (Some(_), Some(_)) => Err(Fault::invalid_request(
            "Cannot specify both Range header and partNumber query parameter.",
        )),
    }
}

/// Ends a conditional read whose condition says so.
fn check(conditions: &Conditions, head: &ObjectHead) -> Result<(), Fault> {
    match conditions.judge(head) {
        Verdict::Serve => Ok(()),
        Verdict::Failed(condition) => Err(Fault::precondition(condition, On::Target)),
        Verdict::NotModified(_) => {
            let mut fault = Fault::new("NotModified", StatusCode::NOT_MODIFIED, "Not Modified");
            fault.headers = Some(Box::new(answer::validators(head)));
            Err(fault)
        }
    }
}
