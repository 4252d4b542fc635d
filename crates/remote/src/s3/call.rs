//! One request: signed, sent, judged, repeated.

use baleen_signing::sign::{Request as ToSign, Signer};
use baleen_signing::{AmzDate, PathStyle, PayloadMode, sha256};
use baleen_types::{Invalid, Secret};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, HeaderName, HeaderValue, USER_AGENT};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use std::time::Duration;

use super::S3;
use super::address::{Auth, Target};
use super::answer::{hidden_error, refuse};
use crate::exchange::{AGENT, Exchanged, exchange};
use crate::retry::{Failed, Retry};
use crate::transport::{Bound, Watch};
use crate::{Error, Operation};

/// A request before it is signed.
pub(super) struct Call {
    pub(super) operation: Operation,
    pub(super) method: Method,
    pub(super) target: Target,
    /// Percent-encoded, without `?`.
    pub(super) query: String,
    /// All of them are signed.
    pub(super) headers: Vec<(HeaderName, String)>,
    pub(super) body: Bytes,
}

/// An answer read to its end.
pub(super) struct Whole {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl S3 {
    pub(super) fn retry(&self) -> Retry<'_> {
        Retry::new(self.settings.retry, &*self.parts.clock, &*self.parts.entropy)
    }

    /// Sends, and reads the answer's head; the body follows through the watch.
    pub(super) async fn open(&self, call: &Call) -> Result<(Response<Incoming>, Watch), Error> {
        let payload = self.payload(&call.body);
        let mut retry = self.retry();
        loop {
            let watch = self.watch(self.settings.stall_timeout);
            match self.attempt(call, payload, &watch).await {
                Ok(response) => return Ok((response, watch)),
                Err(failed) => retry.after(failed).await?,
            }
        }
    }

    /// Sends, and reads the whole answer into memory.
    pub(super) async fn whole(&self, call: &Call, most: usize) -> Result<Whole, Error> {
        let payload = self.payload(&call.body);
        let mut retry = match call.operation {
            Operation::UploadPart => self.retry().of_a_part(),
            _ => self.retry(),
        };
        loop {
            match self.attempt_whole(call, payload, most).await {
                Ok(whole) => return Ok(whole),
                Err(failed) => retry.after(failed).await?,
            }
        }
    }

    /// One try of [`S3::whole`].
    pub(super) async fn attempt_whole(&self, call: &Call, payload: PayloadMode, most: usize) -> Result<Whole, Failed> {
        let operation = call.operation;
        let (silence, within) = match operation {
            Operation::CompleteMultipartUpload => (self.settings.complete_timeout, self.settings.complete_timeout),
            _ => (self.settings.stall_timeout, self.settings.answer_timeout),
        };
        let watch = self.watch(silence);
        let response = self.attempt(call, payload, &watch).await?;
        let (head, body) = response.into_parts();
        let bound = Bound { bytes: most, within };
        let Some(body) = watch.collect(operation, body, bound).await? else {
            return Err(garbled(operation, format!("the answer is longer than {most} bytes")).into());
        };
        match hidden_error(operation, head.status, &head.headers, &body) {
            Some(failed) => Err(failed),
            None => Ok(Whole {
                status: head.status,
                headers: head.headers,
                body,
            }),
        }
    }

    /// What protects the body: TLS where there is TLS, else its hash in the signature. Hashing a part of 8 MiB takes some
    /// 5 ms, which is not worth another thread.
    pub(super) fn payload(&self, body: &[u8]) -> PayloadMode {
        let is_signed = matches!(self.address.auth, Auth::Keys(_));
        if !is_signed || (self.address.is_secure() && !body.is_empty()) {
            PayloadMode::Unsigned
        } else {
            PayloadMode::Sha256(sha256(body))
        }
    }

    fn watch(&self, silence: Duration) -> Watch {
        Watch::new(self.parts.clock.clone(), silence)
    }

    async fn attempt(&self, call: &Call, payload: PayloadMode, watch: &Watch) -> Result<Response<Incoming>, Failed> {
        let Auth::Bearer(tokens) = &self.address.auth else {
            return match self.once(call, self.signed(call, payload)?, watch).await? {
                Exchanged::Answered(response) => Ok(response),
                Exchanged::Refused(status, headers, body) => Err(refuse(call.operation, status, &headers, &body)),
            };
        };
        let mut refused = None;
        loop {
            let token = tokens.get(&self.parts, &self.settings, refused.as_ref()).await?;
            match self.once(call, self.bearing(call, &token)?, watch).await? {
                Exchanged::Answered(response) => return Ok(response),
                // It may have been taken back; another one is tried, and once.
                Exchanged::Refused(StatusCode::UNAUTHORIZED, ..) if refused.is_none() => refused = Some(token),
                Exchanged::Refused(status, headers, body) => {
                    return Err(refuse(call.operation, status, &headers, &body));
                }
            }
        }
    }

    async fn once(&self, call: &Call, request: Request<Bytes>, watch: &Watch) -> Result<Exchanged, Error> {
        exchange(&self.parts, &self.settings, call.operation, request, watch).await
    }

    /// A request with a token; nothing of it is signed, so that TLS alone protects it.
    fn bearing(&self, call: &Call, token: &Secret) -> Result<Request<Bytes>, Error> {
        let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose())).map_err(|_| unfit("token"))?;
        value.set_sensitive(true);
        let mut request = self.plain(call).header(AUTHORIZATION, value);
        for (name, value) in &call.headers {
            request = request.header(name, HeaderValue::from_str(value).map_err(|_| unfit(name.as_str()))?);
        }
        finish(request.header(HOST, &call.target.host), call)
    }

    /// What each request has.
    fn plain(&self, call: &Call) -> http::request::Builder {
        let Call {
            method, target, query, ..
        } = call;
        let scheme = self.address.scheme();
        let question = if query.is_empty() { "" } else { "?" };
        let uri = format!("{scheme}://{}{}{question}{query}", target.host, target.path);
        let request = Request::builder().method(method).uri(uri).header(USER_AGENT, AGENT);
        if matches!(*method, Method::PUT | Method::POST) {
            // hyper leaves it out when the body is empty, and stores answer 411 then.
            request.header(CONTENT_LENGTH, call.body.len())
        } else {
            request
        }
    }

    /// Signs at the present time; each try anew, since a signature is accepted for some minutes only.
    fn signed(&self, call: &Call, payload: PayloadMode) -> Result<Request<Bytes>, Error> {
        let Auth::Keys(credentials) = &self.address.auth else {
            return Err(unfit("authorization"));
        };
        let Call {
            method, target, query, ..
        } = call;
        let signer = Signer {
            access_key_id: &credentials.access_key_id,
            secret: credentials.secret.expose(),
            session_token: credentials.session_token.as_ref().map(Secret::expose),
            region: self.address.region.as_str(),
            service: "s3",
        };
        let mut to_sign = vec![(HOST.as_str(), target.host.as_bytes())];
        to_sign.extend(
            call.headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_bytes())),
        );
        let signed = signer.sign(
            &ToSign {
                method: method.as_str(),
                path: &target.path,
                query,
                headers: &to_sign,
                payload,
                style: PathStyle::S3,
            },
            AmzDate::from_timestamp(self.parts.clock.now()),
        );
        let mut request = self.plain(call);
        for (name, value) in to_sign {
            request = request.header(name, HeaderValue::from_bytes(value).map_err(|_| unfit(name))?);
        }
        for (name, value) in signed.headers {
            let mut value = HeaderValue::try_from(value).map_err(|_| unfit(name))?;
            value.set_sensitive(matches!(name, "authorization" | "x-amz-security-token"));
            request = request.header(name, value);
        }
        finish(request, call)
    }
}

fn finish(request: http::request::Builder, call: &Call) -> Result<Request<Bytes>, Error> {
    request.body(call.body.clone()).map_err(|_| {
        Invalid::new(
            "storage endpoint",
            "it makes no request address with this bucket and key",
        )
        .into()
    })
}

fn unfit(name: &str) -> Error {
    Invalid::new(
        "header",
        format!("the value of {name} has characters that a header cannot carry"),
    )
    .into()
}

pub(super) fn garbled(operation: Operation, why: impl Into<String>) -> Error {
    Error::Garbled {
        operation,
        why: why.into(),
    }
}
