//! One request: signed, sent, judged, repeated.

use baleen_signing::sign::{Request as ToSign, Signer};
use baleen_signing::{AmzDate, PathStyle, PayloadMode, sha256};
use baleen_types::Invalid;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, HeaderName, HeaderValue, USER_AGENT};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use std::time::Duration;

use super::S3;
use super::address::Target;
use super::answer::{hidden_error, refuse};
use crate::limits::{ERROR_BODY_MAX, TRANSFER_RATE_MIN};
use crate::retry::{Failed, Retry};
use crate::transport::{Bound, Watch};
use crate::{Error, Operation};

const AGENT: HeaderValue = HeaderValue::from_static(concat!("baleen/", env!("CARGO_PKG_VERSION")));

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
        if self.address.is_secure() && !body.is_empty() {
            PayloadMode::Unsigned
        } else {
            PayloadMode::Sha256(sha256(body))
        }
    }

    fn watch(&self, silence: Duration) -> Watch {
        Watch::new(self.parts.clock.clone(), silence)
    }

    async fn attempt(&self, call: &Call, payload: PayloadMode, watch: &Watch) -> Result<Response<Incoming>, Failed> {
        let request = self.signed(call, payload)?;
        let body = Duration::from_millis((call.body.len() as u64).saturating_mul(1000) / TRANSFER_RATE_MIN);
        let within = self.settings.transfer_grace.max(watch.silence()) + body;
        let send = self.parts.connections.send(call.operation, request, watch);
        let response = tokio::select! {
            biased;
            response = send => response?,
            () = self.parts.clock.sleep(within) => {
                return Err(Error::TimedOut { operation: call.operation, after: within }.into());
            }
        };
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let (head, body) = response.into_parts();
        let bound = Bound {
            bytes: ERROR_BODY_MAX,
            within: self.settings.answer_timeout,
        };
        // Status and headers are the answer already; a body that breaks off or does not end takes nothing from that.
        let body = watch
            .collect(call.operation, body, bound)
            .await
            .ok()
            .flatten()
            .unwrap_or_default();
        Err(refuse(call.operation, status, &head.headers, &body))
    }

    /// Signs at the present time; each try anew, since a signature is accepted for some minutes only.
    fn signed(&self, call: &Call, payload: PayloadMode) -> Result<Request<Bytes>, Error> {
        let Call {
            method, target, query, ..
        } = call;
        let credentials = &self.address.credentials;
        let signer = Signer {
            access_key_id: &credentials.access_key_id,
            secret: credentials.secret.expose(),
            session_token: credentials.session_token.as_ref().map(baleen_types::Secret::expose),
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
        let scheme = self.address.scheme();
        let question = if query.is_empty() { "" } else { "?" };
        let uri = format!("{scheme}://{}{}{question}{query}", target.host, target.path);
        let mut request = Request::builder().method(method).uri(uri).header(USER_AGENT, AGENT);
        if matches!(*method, Method::PUT | Method::POST) {
            // hyper leaves it out when the body is empty, and stores answer 411 then.
            request = request.header(CONTENT_LENGTH, call.body.len());
        }
        for (name, value) in to_sign {
            request = request.header(name, HeaderValue::from_bytes(value).map_err(|_| unfit(name))?);
        }
        for (name, value) in signed.headers {
            let mut value = HeaderValue::try_from(value).map_err(|_| unfit(name))?;
            value.set_sensitive(matches!(name, "authorization" | "x-amz-security-token"));
            request = request.header(name, value);
        }
        request.body(call.body.clone()).map_err(|_| {
            Invalid::new(
                "storage endpoint",
                "it makes no request address with this bucket and key",
            )
            .into()
        })
    }
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
