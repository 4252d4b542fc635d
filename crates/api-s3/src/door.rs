//! The door itself: what stands between the edge and the codec, on the way in and on the way out.

use std::sync::Arc;

use async_trait::async_trait;
use baleen_http::{
    BodyOutcome, Credentials, Door, Form, Gate, OperationName, Refusal, Request, RequestBody, Response, ResponseBody,
    Scheme, Witnessed,
};
use baleen_objects::{Objects, PublicAccessBlock};
use baleen_policy::{Origin, Principal};
use baleen_runtime::{Clock, Entropy};
use baleen_types::{RegionName, RequestId};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::CONTENT_TYPE;
use http::request::Parts as Head;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use s3s::service::S3Service;
use tokio::sync::Notify;

use crate::access::Access;
use crate::address::{Addressed, Domains};
use crate::codec::in_words_of_s3;
use crate::cors::{Page, preflight};
use crate::documents::{self, is_put_logging};
use crate::encryption::refuse_in_the_clear;
use crate::extras::{Extras, Given};
use crate::fault::{Detail, Fault};
use crate::form;
use crate::logging::{About, Heard, Logged, Logs, Undelivered};
use crate::ops::listing::Rows;
use crate::prepare::prepare;
use crate::reads::Read;
use crate::replication::PolicyForm;
use crate::routed::RoutedTo;
use crate::rules::BucketPolicies;
use crate::services::Services;
use crate::writes::Write;
use crate::xml::{
    ErrorContext, RequestIdText, element, error_response, escape, set_error, with_plain_tag, with_references,
};

/// Settings of the door.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The region that buckets are in and that clients are told.
    pub region: RegionName,
    /// Base domains for virtual-host addresses (`bucket.domain`); none means path-style only.
    pub domains: Vec<String>,
    /// What of public access is blocked for all buckets, besides what each blocks itself.
    pub blocked: PublicAccessBlock,
    /// Whether Signature Version 2 is believed beside Version 4.
    pub signature_v2: bool,
    /// Whether customers' keys (SSE-C) are taken over connections that are encrypted only, as AWS has it.
    pub secure_keys_only: bool,
}

/// What the door is built over.
pub struct Parts {
    /// Its service.
    pub objects: Arc<Objects>,
    /// Asked for who has no credentials: whether they may come to the buckets of an account.
    pub gate: Arc<dyn Gate>,
    /// Looks up the key with which a link is signed.
    pub credentials: Arc<dyn Credentials>,
    /// Tells the time that policies are judged at.
    pub clock: Arc<dyn Clock>,
}

/// The S3 door; put behind a [`baleen_http::Edge`].
pub struct S3Door {
    codec: S3Service,
    access: Access,
    extras: Extras,
    services: Services,
    objects: Arc<Objects>,
    documents: documents::Room,
    secure_keys_only: bool,
    domains: Domains,
    signature_v2: bool,
    clock: Arc<dyn Clock>,
    host_id: String,
    host_id_header: HeaderValue,
}

static REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");
static HOST_ID: HeaderName = HeaderName::from_static("x-amz-id-2");

impl S3Door {
    /// Builds the door.
    #[must_use]
    pub fn new(settings: Settings, parts: Parts, entropy: &dyn Entropy) -> Arc<Self> {
        let mut id = [0; 32];
        entropy.fill(&mut id);
        let host_id = BASE64.encode(id);
        let services = Services {
            policies: Arc::new(BucketPolicies::new(Arc::clone(&parts.objects), settings.blocked)),
            objects: Arc::clone(&parts.objects),
            gate: parts.gate,
            logs: Logs::new(Arc::clone(&parts.credentials), entropy.number()),
            region: settings.region,
            clock: Arc::clone(&parts.clock),
        };
        Arc::new(Self {
            extras: Extras::new(services.clone(), parts.credentials, entropy.number()),
            codec: crate::codec::build(services.clone()),
            access: Access::new(services.clone()),
            services,
            objects: parts.objects,
            documents: documents::Room::default(),
            secure_keys_only: settings.secure_keys_only,
            domains: Domains::new(&settings.domains),
            signature_v2: settings.signature_v2,
            clock: parts.clock,
            // Base64 is made of characters that headers take.
            host_id_header: HeaderValue::try_from(&host_id).unwrap_or(HeaderValue::from_static("-")),
            host_id,
        })
    }

    /// Delivers the logs of buckets that wait. To be called now and then, as soon as [`S3Door::much_is_logged`] tells, and once
    /// more when the door is closed.
    ///
    /// # Errors
    /// The first of those that could not be delivered; it tells which, and why.
    pub async fn deliver_logs(&self) -> Result<(), Undelivered> {
        self.services.logs.deliver(&self.services).await
    }

    /// Told when there is so much to deliver that it should not wait.
    pub fn much_is_logged(&self) -> Arc<Notify> {
        Arc::clone(self.services.logs.queue.much())
    }

    /// What the log of a bucket is told of a request that the edge refused, if the bucket is known to log. Which operation it was
    /// to be nobody has looked at.
    fn refused_at(&self, head: &Head) -> Option<About> {
        let bucket = self.domains.bucket_of(head)?;
        let source = self.services.logs.queue.known(&bucket)?;
        let path = head.uri.path().strip_prefix('/').unwrap_or_default();
        let key = match self.domains.bucket_of_host(head) {
            Some(_) => path,
            None => path.split_once('/').map_or("", |(_, key)| key),
        };
        let key = percent_encoding::percent_decode_str(key).decode_utf8_lossy();
        Some(About {
            source,
            operation: "unknown",
            key: (!key.is_empty()).then(|| key.into_owned()),
        })
    }

    /// Answers a preflight, which nobody signs.
    async fn preflight(&self, head: &Head) -> Result<Response, Fault> {
        let bucket = self.domains.bucket_of(head);
        let mut response = Response::new(ResponseBody::empty());
        *response.headers_mut() = preflight(&self.objects, bucket.as_ref(), &head.headers).await?;
        Ok(response)
    }

    async fn call(&self, mut head: Head, mut body: RequestBody, routed: &RoutedTo) -> Result<Response, Fault> {
        if head.method == Method::OPTIONS {
            return Box::pin(self.preflight(&head)).await;
        }
        let uri = head.uri.clone();
        if head.method == Method::POST {
            let addressed = Addressed::of(&head, &self.domains);
            head.extensions.insert(addressed);
        }
        self.domains.settle(&mut head);
        // What stands before a key in the address of an object, by whatever name the bucket was found.
        let below = uri.path().trim_end_matches('/');
        let form = match head.extensions.remove::<Form>() {
            Some(form) => Some(form::settle(
                (&mut head, &mut body),
                &form,
                (self.clock.now(), below),
                routed,
            )?),
            None => None,
        };
        if let Some(given) = Given::take(&uri, &mut head) {
            // On the heap, as all that few requests come to: the others would carry its room, and are moved with it.
            return Box::pin(self.extras.answer(given, head, body, routed)).await;
        }
        prepare(&mut head)?;
        let is_secure = head.extensions.get::<Origin>().is_some_and(|origin| origin.is_secure);
        if self.secure_keys_only && !is_secure {
            refuse_in_the_clear(&head.headers)?;
        }
        if let Some(read) = Read::of(&head) {
            return read.answer((&self.services, &self.access), head, routed).await;
        }
        if let Some(write) = Write::of(&head) {
            let response = write
                .answer((&self.services, &self.access), (head, body), routed)
                .await?;
            return Ok(match form {
                Some(form) => form.dress(response),
                None => response,
            });
        }
        if form.is_some() {
            // It has been made a PutObject, which nothing else can dress as the answer to a form.
            return Err(Fault::invalid_request("The fields of the form name no object."));
        }
        let _share = documents::check(&head, &mut body, &self.documents)?;
        let body = PolicyForm::set_aside(&mut head, body);
        let outcome = head.extensions.get::<BodyOutcome>().cloned();
        head.extensions.insert(routed.clone());
        let body = if body.is_empty() {
            s3s::Body::empty()
        } else if is_put_logging(&head) {
            s3s::Body::http_body(documents::without_empty_logging(body))
        } else {
            s3s::Body::http_body(body)
        };
        let answer = self.codec.call(http::Request::from_parts(head, body)).await;

        let fault = outcome.as_ref().and_then(BodyOutcome::fault);
        let response = match (answer, fault) {
            // Whatever the operation made of a body that broke off: what is wrong is what the body says.
            (Ok(answer), Some(fault)) if !answer.status().is_success() => return Err(fault.into()),
            (Ok(mut answer), _) => {
                let rows = answer.extensions_mut().remove::<Rows>();
                let is_xml = answer
                    .headers()
                    .get(CONTENT_TYPE)
                    .is_some_and(|of| of == "application/xml");
                let written = |bytes| if is_xml { with_references(bytes) } else { bytes };
                answer.map(|body| match (body.bytes().map(written), rows) {
                    (Some(bytes), Some(rows)) => ResponseBody::full(rows.put_into(&bytes)),
                    (Some(bytes), None) if routed.name() == Some("GetObjectAttributes") => {
                        ResponseBody::full(with_plain_tag(&String::from_utf8_lossy(&bytes)))
                    }
                    (Some(bytes), None) => ResponseBody::full(bytes),
                    (None, _) => ResponseBody::boxed(body),
                })
            }
            (Err(error), _) => {
                tracing::error!(?error, "the codec failed");
                return Err((&Refusal::Panicked).into());
            }
        };
        Ok(response)
    }
}

#[async_trait]
impl Door for S3Door {
    fn name(&self) -> &'static str {
        "s3"
    }

    fn scheme(&self) -> Scheme {
        Scheme::SigV4 {
            services: &["s3"],
            version_2: self.signature_v2,
        }
    }

    fn host_resource<'h>(&self, head: &'h Head) -> Option<&'h str> {
        self.domains.bucket_of_host(head)
    }

    fn hosts(&self) -> &'static [&'static str] {
        &["s3"]
    }

    /// No: objects are large, and what was asked for with the client gone is work for nobody. The price is that a client which
    /// hangs up between a change and its entry can keep the entry out of the log.
    fn sees_through(&self) -> bool {
        false
    }

    async fn serve(&self, request: Request) -> Response {
        let (head, body) = request.into_parts();
        let (method, uri) = (head.method.clone(), head.uri.clone());
        let page = Page::of(&head.headers, &method, || self.domains.bucket_of(&head));
        let id = head.extensions.get().copied();
        let cx = ErrorContext {
            method: &method,
            resource: uri.path(),
            id,
            host_id: &self.host_id,
            texts: None,
        };
        let routed = RoutedTo::default();
        let heard = Heard::of(&head);
        let is_nobody = head
            .extensions
            .get::<Principal>()
            .is_none_or(|who| who.user().is_none());
        let answer = self.call(head, body, &routed).await;
        let is_hidden = is_nobody && method != Method::OPTIONS && !routed.is_admitted();
        let answer = match answer {
            // What the codec knows no operation for was not decided about: nobody is told so little as what is none.
            _ if is_hidden && routed.name().is_none() => Err(Fault::access_denied()),
            // Nor what is wrong with a document of whose keys none was decided about yet.
            Ok(response) if is_hidden && response.status().is_client_error() => Err(Fault::access_denied()),
            Err(fault) if is_hidden && fault.status.is_client_error() => Err(Fault::access_denied()),
            answer => answer,
        };
        let mut response = match answer {
            Ok(response) if response.status().is_client_error() || response.status().is_server_error() => {
                complete_error(response, routed.detail(), &cx).await
            }
            Ok(response) => response,
            Err(fault) => error_response(fault, &cx),
        };
        if let Some(page) = page {
            Box::pin(page.share(&self.objects, response.headers_mut())).await;
        }
        let operation = OperationName(routed.name_for_the_log());
        response.extensions_mut().insert(operation);
        if let Some(about) = routed.logged() {
            let logged = Logged::new(&self.services.logs.queue, about, heard, &response);
            response.extensions_mut().insert(Witnessed(Arc::new(logged)));
        }
        if let Some(deed) = routed.deed() {
            response.extensions_mut().insert(deed);
        }
        response
    }

    fn refuse(&self, refusal: &Refusal, head: &Head) -> Response {
        let id = head.extensions.get().copied();
        let cx = ErrorContext {
            method: &head.method,
            resource: head.uri.path(),
            id,
            host_id: &self.host_id,
            texts: head.extensions.get(),
        };
        let mut response = error_response(refusal.into(), &cx);
        if let Some(about) = self.refused_at(head) {
            let logged = Logged::refused(&self.services.logs.queue, about, Heard::of(head), &response);
            response.extensions_mut().insert(Witnessed(Arc::new(logged)));
        }
        response
    }

    fn stamp(&self, id: RequestId, headers: &mut HeaderMap) {
        if let Ok(value) = HeaderValue::try_from(RequestIdText(id).to_string()) {
            headers.insert(&REQUEST_ID, value);
        }
        headers.insert(&HOST_ID, self.host_id_header.clone());
        headers.insert(http::header::SERVER, HeaderValue::from_static("Baleen"));
    }

    fn loggable<'u>(&self, uri: &'u Uri) -> Option<&'u str> {
        // The query may hold a signature; the path is bucket and key.
        Some(uri.path())
    }
}

/// Gives an error that the codec rendered (code and message) the rest of its document.
async fn complete_error(response: Response, detail: Option<Detail>, cx: &ErrorContext<'_>) -> Response {
    use http_body_util::BodyExt as _;
    let (head, body) = response.into_parts();
    // Error documents of the codec are in memory already, so that this reads nothing from anywhere.
    let document = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let document = String::from_utf8_lossy(&document);
    let code = element(&document, "Code").unwrap_or("InternalError");
    let message = element(&document, "Message").unwrap_or_else(|| usual_message(code));
    let mut response = Response::from_parts(head, ResponseBody::empty());
    match in_words_of_s3(message) {
        Some((message, of_codec)) => set_error(&mut response, (code, &escape(&message), of_codec), cx),
        None => set_error(&mut response, (code, message, detail), cx),
    }
    response
}

/// Messages for the errors that the codec gives without one.
fn usual_message(code: &str) -> &'static str {
    match code {
        "AccessDenied" => "Access Denied",
        "IncompleteBody" => "You did not provide the number of bytes specified by the Content-Length HTTP header.",
        "InvalidBucketName" => "The specified bucket is not valid.",
        "InvalidURI" => "Couldn't parse the specified URI.",
        "KeyTooLongError" => "Your key is too long.",
        "MalformedXML" => "The XML you provided was not well-formed or did not validate against our published schema.",
        "MaxMessageLengthExceeded" => "Your request was too big.",
        "MethodNotAllowed" => "The specified method is not allowed against this resource.",
        "MissingContentLength" => "You must provide the Content-Length HTTP header.",
        "MissingRequestBodyError" => "Request body is empty.",
        "NotImplemented" => "A header or query you provided implies functionality that is not implemented.",
        _ => "We encountered an internal error. Please try again.",
    }
}
