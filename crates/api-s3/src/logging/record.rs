//! One request as a line of 25 words (seed 004, "Log format"; its 24 fields, of which the time has a space in it).
//!
//! Which fields stand in quotes, and that a number or a version which there is not is a quoted `0` or `-`, is as in the examples
//! of the source document. What a client has chosen cannot end a field or a line.

use std::fmt::Write as _;
use std::sync::Arc;

use baleen_http::{Ended, Response, SignaturePlace, SignatureVersion, Signed, Witness};
use baleen_policy::{Credential, Origin, Principal};
use baleen_signing::encode_path;
use baleen_types::Timestamp;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, REFERER, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use super::queue::{LogQueue, Source};
use crate::limits::LOG_REFUSED_TEXT_BYTES_MAX;
use crate::prepare::DECODED_LENGTH;
use crate::query::parameter;
use crate::xml::{ErrorCode, RequestIdText};

/// What is noted of a request before it is served.
pub(crate) struct Heard {
    method: Method,
    uri: Uri,
    referer: Option<HeaderValue>,
    user_agent: Option<HeaderValue>,
    /// Bytes of the body, without their framing.
    length: Option<HeaderValue>,
    signed: Option<Signed>,
    principal: Option<Principal>,
}

impl Heard {
    pub(crate) fn of(head: &Parts) -> Self {
        let header = |name: &HeaderName| head.headers.get(name).cloned();
        Self {
            method: head.method.clone(),
            uri: head.uri.clone(),
            referer: header(&REFERER),
            user_agent: header(&USER_AGENT),
            length: header(&DECODED_LENGTH).or_else(|| header(&CONTENT_LENGTH)),
            signed: head.extensions.get().copied(),
            principal: head.extensions.get().cloned(),
        }
    }
}

/// The id of the access key by which a principal is proven.
fn key_of(principal: &Principal) -> Option<String> {
    match &principal.caller()?.credential {
        Credential::AccessKey(id) => Some(id.to_string()),
        Credential::Session(session) => Some(session.id.to_string()),
        Credential::ApiToken(_) => None,
    }
}

/// A request to a bucket that logs: all that is known of it but its end.
pub(crate) struct Logged {
    queue: Arc<LogQueue>,
    source: Source,
    operation: &'static str,
    key: Option<String>,
    heard: Heard,
    error: Option<String>,
    object_bytes: u64,
    version: Option<String>,
    /// By the edge, which knows nobody who sent it.
    is_refused: bool,
}

/// What a request was about.
pub(crate) struct About {
    pub(crate) source: Source,
    pub(crate) operation: &'static str,
    pub(crate) key: Option<String>,
}

impl Logged {
    pub(crate) fn new(queue: &Arc<LogQueue>, about: About, heard: Heard, response: &Response) -> Self {
        let headers = response.headers();
        let text = |name: &str| {
            headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned)
        };
        let asked = || parameter(heard.uri.query().unwrap_or_default(), "versionId").filter(|id| !id.is_empty());
        Self {
            queue: Arc::clone(queue),
            version: text("x-amz-version-id").or_else(asked),
            object_bytes: if matches!(about.operation, "GetObject" | "HeadObject") {
                object_bytes(headers)
            } else {
                0
            },
            error: response.extensions().get().map(|ErrorCode(code)| code.clone()),
            source: about.source,
            operation: about.operation,
            key: about.key,
            heard,
            is_refused: false,
        }
    }

    /// A request that the edge refused, to a bucket that logs.
    pub(crate) fn refused(queue: &Arc<LogQueue>, about: About, heard: Heard, response: &Response) -> Self {
        Self {
            is_refused: true,
            ..Self::new(queue, about, heard, response)
        }
    }

    fn line(&self, ended: &Ended) -> String {
        let heard = &self.heard;
        let sent = match heard.method {
            // As in the examples: of a body that came its bytes, and of a head those that it tells of.
            Method::PUT | Method::POST if ended.status.is_success() => number(heard.length.as_ref()),
            Method::PUT | Method::POST => 0,
            Method::HEAD => self.object_bytes,
            _ => ended.sent_bytes,
        };
        let signature = heard.signed.map_or("-", |signed| match signed.version {
            SignatureVersion::V2 => "SigV2",
            SignatureVersion::V4 => "SigV4",
        });
        let auth = heard.signed.map_or("-", |signed| match signed.place {
            SignaturePlace::Header => "AuthHeader",
            SignaturePlace::Query => "QueryString",
            SignaturePlace::Form => "-",
        });
        let fields = [
            self.source.owner.to_string(),
            self.source.name.to_string(),
            time(ended.at),
            quoted(&remote(&ended.origin)),
            quoted(heard.principal.as_ref().and_then(key_of).as_deref().unwrap_or("-")),
            quoted(&RequestIdText(ended.id).to_string()),
            format!("s3:{}", self.operation),
            quoted(
                &self
                    .key
                    .as_deref()
                    .map_or_else(|| "-".to_owned(), |key| encode_path(self.cut(key))),
            ),
            quoted(self.cut(&without_secrets(&heard.uri))),
            quoted(ended.status.as_str()),
            quoted(self.error.as_deref().unwrap_or("-")),
            count(sent),
            count(self.object_bytes),
            ended.until_end.as_millis().to_string(),
            ended.until_head.as_millis().to_string(),
            quoted(self.cut(&header(heard.referer.as_ref()))),
            quoted(self.cut(&header(heard.user_agent.as_ref()))),
            // Not in quotes, and asked for by anybody.
            self.version
                .as_deref()
                .map_or_else(|| quoted("-"), |version| encode_path(self.cut(version))),
            "-".to_owned(),
            signature.to_owned(),
            if ended.origin.is_secure { "SSL" } else { "-" }.to_owned(),
            auth.to_owned(),
            "-".to_owned(),
            quoted("-"),
        ];
        let mut line = fields.join(" ");
        line.push('\n');
        line
    }

    /// What is told of a text: of what nobody was believed to send, the beginning.
    fn cut<'t>(&self, text: &'t str) -> &'t str {
        if self.is_refused {
            &text[..text.floor_char_boundary(LOG_REFUSED_TEXT_BYTES_MAX)]
        } else {
            text
        }
    }
}

impl Witness for Logged {
    fn ended(&self, ended: &Ended) {
        let line = self.line(ended);
        if self.is_refused {
            self.queue.push_refused(&self.source, &line);
        } else {
            self.queue.know(&self.source);
            self.queue.push(&self.source, &line);
        }
    }
}

/// The size of the whole object of which an answer has some or all bytes.
fn object_bytes(headers: &HeaderMap) -> u64 {
    let whole = headers.get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
    match whole.and_then(|range| range.rsplit_once('/')) {
        Some((_, size)) => size.parse().unwrap_or(0),
        None => number(headers.get(CONTENT_LENGTH)),
    }
}

fn number(value: Option<&HeaderValue>) -> u64 {
    let text = value.and_then(|value| value.to_str().ok());
    text.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

fn header(value: Option<&HeaderValue>) -> String {
    value
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .unwrap_or_default()
}

/// The address that a request came from, with the port of the connection if it came directly.
fn remote(origin: &Origin) -> String {
    if origin.source == origin.peer.ip() {
        origin.peer.to_string()
    } else {
        origin.source.to_string()
    }
}

/// `[12/Feb/2020:20:28:02 +0000]`.
fn time(at: Timestamp) -> String {
    let shape = time::macros::format_description!("[[[day]/[month repr:short]/[year]:[hour]:[minute]:[second] +0000]");
    at.to_datetime().format(&shape).unwrap_or_else(|_| "[-]".to_owned())
}

fn count(bytes: u64) -> String {
    if bytes == 0 { quoted("0") } else { bytes.to_string() }
}

/// In quotes, with nothing in it that would end them or the line.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                out.push('\\');
                out.push(character);
            }
            ' '..='~' => out.push(character),
            other => {
                // Writing to a String does not fail.
                let _ = write!(out, "\\u{{{:x}}}", u32::from(other));
            }
        }
    }
    out.push('"');
    out
}

/// The address without what lets somebody in, or opens what is encrypted: a log is read by more people than a bucket.
fn without_secrets(uri: &Uri) -> String {
    let Some(query) = uri.query() else {
        return uri.path().to_owned();
    };
    let kept = query.split('&').map(|parameter| {
        let name = parameter.split('=').next().unwrap_or_default();
        let decoded = percent_encoding::percent_decode_str(name)
            .decode_utf8_lossy()
            .to_ascii_lowercase();
        let is_secret = decoded.starts_with("x-amz-") || ["signature", "awsaccesskeyid"].contains(&&*decoded);
        if is_secret && name.len() < parameter.len() {
            format!("{name}=-")
        } else {
            parameter.to_owned()
        }
    });
    format!("{}?{}", uri.path(), kept.collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests;
