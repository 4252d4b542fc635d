//! PutObject, without the codec: see [`crate::reads`].

use baleen_http::{BodyOutcome, RequestBody, Response, ResponseBody};
use baleen_objects::{Body, BodyError, PutObject, Stored};
use baleen_policy::Action;
use baleen_types::FaultKind;
use futures::TryStreamExt as _;
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, HeaderName};
use http::request::Parts;
use http_body_util::BodyDataStream;
use s3s::path::S3Path;

use crate::access::{Access, Call};
use crate::address::path_of;
use crate::answer_headers::AnswerHeaders;
use crate::convert::{expect, header_condition, object_headers};
use crate::encryption::{self, SentKey};
use crate::fault::Fault;
use crate::header;
use crate::locking::header_lock;
use crate::ops::tagging::header_tags;
use crate::ops::{Extent, Query, Row, acls};
use crate::query::pairs;
use crate::routed::RoutedTo;
use crate::services::Services;
use crate::unsupported;

/// The row of PutObject.
pub(crate) const PUT_OBJECT: Row = Row {
    name: "PutObject",
    action: Action::S3PutObject,
    extent: Extent::Object,
    query: Query::Only(&[]),
};

/// Parameters which make another operation of a PUT of an object. A part has both of the last two, or is refused before.
const OTHERS: [&str; 6] = ["acl", "legal-hold", "retention", "tagging", "partNumber", "uploadId"];

static KMS_CONTEXT: HeaderName = HeaderName::from_static("x-amz-server-side-encryption-context");

/// Room for the headers that most answers have, with those of every answer.
const USUAL_HEADERS: usize = 8;

/// A request that writes an object.
pub(crate) struct Write {
    path: S3Path,
}

impl Write {
    /// Tells one from all other requests. Which address cannot be read is left to the codec, whose error it is.
    pub(crate) fn of(head: &Parts) -> Option<Self> {
        let is_another = |query| pairs(query).any(|(name, _)| OTHERS.contains(&&*name));
        if head.method != http::Method::PUT
            || head.uri.query().is_some_and(is_another)
            || header::value(&head.headers, "x-amz-copy-source").is_some()
        {
            return None;
        }
        let path = path_of(&head.uri).ok()?;
        path.as_object()?;
        Some(Self { path })
    }

    /// Answers it.
    pub(crate) async fn answer(
        self,
        (services, access): (&Services, &Access),
        (head, body): (Parts, RequestBody),
        routed: &RoutedTo,
    ) -> Result<Response, Fault> {
        let call = access.round_the_codec((&PUT_OBJECT, &self.path), &head, routed).await?;
        let outcome = head.extensions.get::<BodyOutcome>().cloned();
        match run(services, &call, (&head, body)).await {
            Ok(response) => Ok(response),
            // Whatever became of a body that broke off: what is wrong is what the body says.
            Err(fault) => Err(match outcome.as_ref().and_then(BodyOutcome::fault) {
                Some(of_body) => of_body.into(),
                None => call.veil().over(fault, None),
            }),
        }
    }
}

async fn run(services: &Services, call: &Call, (head, body): (&Parts, RequestBody)) -> Result<Response, Fault> {
    let headers = &head.headers;
    unsupported::refuse(headers)?;
    let acl = acls::of_new_object(services, call, headers).await?;
    let (encrypt, sent) = encryption::asked(headers)?;
    let encrypt = call.decide_encryption(services, encrypt).await?;
    let new = PutObject {
        at: call.path()?,
        length: length(headers),
        headers: object_headers(headers)?,
        tags: header_tags(headers)?,
        lock: header_lock(headers)?,
        expect: expect(headers, &head.extensions)?,
        condition: header_condition(headers)?,
        body: stream(body),
        acl,
        encrypt,
    };
    // By itself on the heap: what is around it is held by all requests, and moved with them.
    let stored = Box::pin(services.objects.put(new)).await?;
    answer(services, call, sent.as_ref(), &stored)
}

/// The length that is announced, which the edge holds the body to. A chunked body has none.
fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn stream(body: RequestBody) -> Body {
    if body.is_empty() {
        return Box::pin(futures::stream::empty());
    }
    // The fault itself is found again through the body's outcome.
    Box::pin(BodyDataStream::new(body).map_err(|fault| BodyError::new(FaultKind::Invalid, fault)))
}

fn answer(services: &Services, call: &Call, sent: Option<&SentKey>, stored: &Stored) -> Result<Response, Fault> {
    let mut told = AnswerHeaders::with_capacity(USUAL_HEADERS);
    told.put_identity(&stored.etag, stored.version, stored.expiry.as_ref());
    if let Some(checksum) = &stored.checksum {
        told.put_checksum(checksum);
    }
    let home = (&services.region, call.bucket_owner()?);
    told.put_encryption(encryption::Told::of(&stored.encrypted, sent, home));
    told.put(&KMS_CONTEXT, encryption::context_text(&stored.encrypted));
    let mut response = Response::new(ResponseBody::empty());
    *response.headers_mut() = told.into_map();
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::OPERATIONS;

    #[test]
    fn a_request_writes_an_object_or_does_another_thing() {
        for (method, address, source, writes) in [
            ("PUT", "/bucket/key", None, true),
            ("PUT", "/bucket/key?x-id=PutObject", None, true),
            // A stranger is refused later, by name.
            ("PUT", "/bucket/key?torrent", None, true),
            ("PUT", "/bucket/key?name=acl", None, true),
            ("PUT", "/bucket//", None, true),
            ("GET", "/bucket/key", None, false),
            ("POST", "/bucket/key", None, false),
            ("PUT", "/bucket", None, false),
            ("PUT", "/bucket/", None, false),
            ("PUT", "/", None, false),
            ("PUT", "/bucket/key%ff", None, false),
            ("PUT", "/bucket/key", Some("/bucket/other"), false),
            ("PUT", "/bucket/key", Some(""), false),
            ("PUT", "/bucket/key?acl", None, false),
            ("PUT", "/bucket/key?t%61gging=", None, false),
            ("PUT", "/bucket/key?retention&versionId=null", None, false),
            ("PUT", "/bucket/key?legal-hold", None, false),
            ("PUT", "/bucket/key?partNumber=1&uploadId=2", None, false),
        ] {
            let mut request = http::Request::builder().method(method).uri(address);
            if let Some(source) = source {
                request = request.header("x-amz-copy-source", source);
            }
            let head = request.body(()).unwrap().into_parts().0;
            assert_eq!(Write::of(&head).is_some(), writes, "{method} {address}");
        }
    }

    /// An operation that is put into the table and forgotten here would be taken for a PutObject.
    #[test]
    fn all_others_that_put_an_object_are_told_by_their_parameters() {
        let rows = OPERATIONS.iter().filter(|row| {
            let puts = row.name.starts_with("Put") || row.name.starts_with("UploadPart");
            row.extent == Extent::Object && puts && **row != PUT_OBJECT
        });
        let mut rows = rows.peekable();
        assert!(rows.peek().is_some());
        for row in rows {
            let Query::Only(names) = row.query else {
                panic!("{} names no parameters", row.name);
            };
            assert!(names.iter().any(|name| OTHERS.contains(name)), "{}", row.name);
        }
    }
}
