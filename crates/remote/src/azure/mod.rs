//! The client of Azure Blob Storage: block blobs of blocks, by an account key or a shared access signature.
//!
//! Source: Microsoft, "Blob service REST API", version 2021-08-06: Put Blob, Put Block, Put Block List, Get Blob Properties, and
//! "Authorize with Shared Key".

mod answer;
mod blob;
mod shared_key;

pub use blob::BlobHeaders;

use crate::exchange::{AGENT, Exchanged, exchange};
use crate::limits::ERROR_BODY_MAX;
use crate::retry::{Failed, Retry};
use crate::s3::{Parts, Settings};
use crate::transport::{Bound, Watch};
use crate::{Error, Operation};
use answer::refuse;
use baleen_signing::encode_path;
use baleen_types::{BucketName, Invalid, ObjectKey, Secret};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, HeaderName, HeaderValue, USER_AGENT};
use http::{HeaderMap, Method, Request};
use std::fmt;
use std::sync::Arc;
use url::Url;

/// The version of the protocol, which is named in each request.
const VERSION: &str = "2021-08-06";

/// Who asks.
#[derive(Clone, Debug)]
pub enum AzureAuth {
    /// A key of the storage account, in base64 as Azure shows it.
    AccountKey(Secret),
    /// A shared access signature: the query of a link, without `?`.
    Signature(Secret),
}

/// A storage account.
#[derive(Clone, Debug)]
pub struct AzureEndpoint {
    /// `https://ACCOUNT.blob.core.windows.net`, or `http://host:port/ACCOUNT` for servers that name it in the path.
    pub url: String,
    /// The account's name.
    pub account: String,
    /// Who asks.
    pub auth: AzureAuth,
}

enum Auth {
    Key(Vec<u8>),
    Signature(Secret),
}

/// A client of one storage account. Every operation is repeated after transient errors, as those of `S3` are.
#[derive(Clone)]
pub struct Azure {
    inner: Arc<Inner>,
    settings: Settings,
    parts: Parts,
}

struct Inner {
    scheme: &'static str,
    authority: String,
    /// Path in front of the container, without a slash at its end.
    base: String,
    account: String,
    auth: Auth,
}

impl fmt::Debug for Azure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Azure")
            .field("account", &self.inner.account)
            .field("authority", &self.inner.authority)
            .finish_non_exhaustive()
    }
}

/// A request before it is signed.
struct Call<'a> {
    operation: Operation,
    method: Method,
    container: &'a BucketName,
    key: &'a ObjectKey,
    /// Names in lower case, values as they are: percent-encoded when they are sent.
    query: Vec<(&'static str, String)>,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
}

impl Azure {
    /// Makes a client; nothing is sent before the first operation.
    ///
    /// # Errors
    /// [`Error::Request`] when the address, the key or the signature is none.
    pub fn new(endpoint: &AzureEndpoint, settings: Settings, parts: Parts) -> Result<Self, Error> {
        let refuse = |why: &str| Invalid::new("storage account", why);
        let url = Url::parse(&endpoint.url).map_err(|_| refuse("http://host or https://host is expected"))?;
        let scheme = match url.scheme() {
            "https" => "https",
            "http" => "http",
            _ => return Err(refuse("only http and https are spoken").into()),
        };
        let Some(host) = url.host() else {
            return Err(refuse("its address names no host").into());
        };
        let auth = match &endpoint.auth {
            AzureAuth::AccountKey(key) => Auth::Key(
                STANDARD
                    .decode(key.expose())
                    .map_err(|_| refuse("an account key is base64"))?,
            ),
            AzureAuth::Signature(signature) => {
                let text = signature.expose();
                if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic() && !b"?#\"<>".contains(&b)) {
                    return Err(refuse("a shared access signature is the query of a link, percent-encoded").into());
                }
                Auth::Signature(signature.clone())
            }
        };
        Ok(Self {
            inner: Arc::new(Inner {
                scheme,
                authority: match url.port() {
                    Some(port) => format!("{host}:{port}"),
                    None => host.to_string(),
                },
                base: url.path().trim_end_matches('/').to_owned(),
                account: endpoint.account.clone(),
                auth,
            }),
            settings,
            parts,
        })
    }

    /// Sends, and reads the answer to its end; repeats what may succeed the second time.
    async fn send(&self, call: &Call<'_>) -> Result<HeaderMap, Error> {
        let retry = Retry::new(self.settings.retry, &*self.parts.clock, &*self.parts.entropy);
        let mut retry = if call.operation == Operation::UploadPart {
            retry.of_a_part()
        } else {
            retry
        };
        loop {
            match self.attempt(call).await {
                Ok(headers) => return Ok(headers),
                Err(failed) => retry.after(failed).await?,
            }
        }
    }

    async fn attempt(&self, call: &Call<'_>) -> Result<HeaderMap, Failed> {
        let silence = match call.operation {
            Operation::CompleteMultipartUpload => self.settings.complete_timeout,
            _ => self.settings.stall_timeout,
        };
        let watch = Watch::new(self.parts.clock.clone(), silence);
        let request = self.request(call)?;
        match exchange(&self.parts, &self.settings, call.operation, request, &watch).await? {
            Exchanged::Refused(status, headers, body) => Err(refuse(call.operation, status, &headers, &body)),
            Exchanged::Answered(response) => {
                let (head, body) = response.into_parts();
                let bound = Bound {
                    bytes: ERROR_BODY_MAX,
                    within: self.settings.answer_timeout,
                };
                // Nothing of it is wanted; the connection is.
                watch.collect(call.operation, body, bound).await?;
                Ok(head.headers)
            }
        }
    }

    fn request(&self, call: &Call<'_>) -> Result<Request<Bytes>, Error> {
        let Inner {
            scheme,
            authority,
            base,
            ..
        } = &*self.inner;
        let path = format!("{base}/{}/{}", call.container, encode_path(call.key.as_str()));
        let mut headers = call.headers.clone();
        headers.push(("x-ms-version", VERSION.to_owned()));
        headers.push(("x-ms-date", date(self.parts.clock.now())));
        let mut query = String::new();
        for (name, value) in &call.query {
            query.push(if query.is_empty() { '?' } else { '&' });
            query.push_str(name);
            query.push('=');
            query.push_str(&encoded(value));
        }
        match &self.inner.auth {
            Auth::Key(key) => {
                let signature = shared_key::sign(
                    key,
                    &shared_key::ToSign {
                        account: &self.inner.account,
                        method: call.method.as_str(),
                        path: &path,
                        query: &call.query,
                        headers: &headers,
                        length: call.body.len(),
                    },
                );
                headers.push(("authorization", format!("SharedKey {}:{signature}", self.inner.account)));
            }
            Auth::Signature(signature) => {
                query.push(if query.is_empty() { '?' } else { '&' });
                query.push_str(signature.expose());
            }
        }
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(format!("{scheme}://{authority}{path}{query}"))
            .header(HOST, authority)
            .header(USER_AGENT, AGENT);
        if call.method == Method::PUT {
            request = request.header(CONTENT_LENGTH, call.body.len());
        }
        for (name, value) in headers {
            let fits = HeaderName::try_from(name).ok().zip(HeaderValue::try_from(value).ok());
            let Some((name, mut value)) = fits else {
                return Err(Invalid::new("header", "it has characters that a header cannot carry").into());
            };
            value.set_sensitive(name == http::header::AUTHORIZATION);
            request = request.header(name, value);
        }
        request.body(call.body.clone()).map_err(|_| {
            Invalid::new(
                "storage account",
                "it makes no request address with this container and name",
            )
            .into()
        })
    }
}

/// As HTTP writes it.
fn date(now: baleen_types::Timestamp) -> String {
    let since = u64::try_from(now.as_nanos()).unwrap_or(0);
    httpdate::fmt_http_date(std::time::UNIX_EPOCH + std::time::Duration::from_nanos(since))
}

/// A value of the query, percent-encoded.
fn encoded(value: &str) -> String {
    let mut out = Vec::new();
    baleen_signing::encode_component(value.as_bytes(), &mut out);
    String::from_utf8(out).expect("percent-encoding writes ASCII")
}

#[cfg(test)]
mod tests;
