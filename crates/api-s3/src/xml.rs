//! Error documents.

use std::fmt::Write as _;

use baleen_http::{Response, ResponseBody};
use baleen_types::RequestId;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode};

use crate::fault::{Detail, Fault};

/// What an error document says beside code and message.
pub(crate) struct ErrorContext<'a> {
    pub(crate) method: &'a Method,
    /// The path as it was asked for, without query.
    pub(crate) resource: &'a str,
    pub(crate) id: Option<RequestId>,
    pub(crate) host_id: &'a str,
}

/// The code of an error, also where the answer has no document. An extension of the answer.
#[derive(Clone, Debug)]
pub(crate) struct ErrorCode(pub(crate) String);

/// Renders a fault.
pub(crate) fn error_response(fault: Fault, cx: &ErrorContext<'_>) -> Response {
    fault.log(cx.id);
    let mut response = Response::new(ResponseBody::empty());
    *response.status_mut() = fault.status;
    *response.headers_mut() = fault.headers.map(|headers| *headers).unwrap_or_default();
    set_error(&mut response, (fault.code, &escape(&fault.message), fault.detail), cx);
    response
}

/// A document of the codec with its tag as GetObjectAttributes has it: there, and nowhere else, AWS does not quote it.
pub(crate) fn with_plain_tag(document: &str) -> String {
    document
        .replacen("<ETag>\"", "<ETag>", 1)
        .replacen("\"</ETag>", "</ETag>", 1)
}

/// A document of the codec with the characters as references that XML 1.0 has no way to write, as [`push_name`] has it: the codec
/// puts them in as they are. So too a carriage return, of which a parser would make a line feed.
pub(crate) fn with_references(document: Bytes) -> Bytes {
    let is_raw = |byte: u8| byte < b' ' && byte != b'\t' && byte != b'\n';
    // By the piece without a way out, so that it is done for many bytes at once.
    let mut pieces = document.chunks(64);
    if !pieces.any(|piece| piece.iter().fold(false, |found, byte| found | is_raw(*byte))) {
        return document;
    }
    let mut out = Vec::with_capacity(document.len() + 64);
    for byte in document {
        if is_raw(byte) {
            out.extend_from_slice(format!("&#{byte};").as_bytes());
        } else {
            out.push(byte);
        }
    }
    out.into()
}

/// Gives an error of the codec the whole document. Code and message are already escaped.
pub(crate) fn set_error(
    response: &mut Response,
    (code, message, detail): (&str, &str, Option<Detail>),
    cx: &ErrorContext<'_>,
) {
    // That nothing has changed is no error.
    if response.status() != StatusCode::NOT_MODIFIED {
        response.extensions_mut().insert(ErrorCode(code.to_owned()));
    }
    let headers = response.headers_mut();
    headers.remove(CONTENT_LENGTH);
    headers.remove(CONTENT_TYPE);
    // An answer to HEAD has no body, and 304 none either (RFC 9110, 9.3.2 and 15.4.5).
    if *cx.method == Method::HEAD || response.status() == StatusCode::NOT_MODIFIED {
        *response.body_mut() = ResponseBody::empty();
        return;
    }
    let mut document = String::with_capacity(320 + cx.resource.len() + message.len());
    document.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>");
    document.push_str(code);
    document.push_str("</Code><Message>");
    document.extend(message.chars().map(writable));
    document.push_str("</Message>");
    if let Some((name, text)) = detail {
        // Writing to a String does not fail.
        let _ = write!(document, "<{name}>{text}</{name}>");
    }
    document.push_str("<Resource>");
    document.push_str(&escape(cx.resource));
    document.push_str("</Resource><RequestId>");
    if let Some(id) = cx.id {
        // Writing to a String does not fail.
        let _ = write!(document, "{}", RequestIdText(id));
    }
    document.push_str("</RequestId><HostId>");
    document.push_str(cx.host_id);
    document.push_str("</HostId></Error>");
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    *response.body_mut() = ResponseBody::full(document);
}

/// A request id as S3 writes it: upper case.
pub(crate) struct RequestIdText(pub(crate) RequestId);

impl std::fmt::Display for RequestIdText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.to_string().to_ascii_uppercase())
    }
}

/// The text of one element of a document that the codec wrote, still escaped.
pub(crate) fn element<'d>(document: &'d str, name: &str) -> Option<&'d str> {
    let (_, behind) = document.split_once(&format!("<{name}>"))?;
    behind.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

/// The character, or a question mark for one which XML 1.0 has no way to write.
fn writable(character: char) -> char {
    match character {
        '\t' | '\n' | '\r' => character,
        '\0'..'\u{20}' | '\u{fffe}' | '\u{ffff}' => '?',
        other => other,
    }
}

/// Adds a text that is the name of something: escaped, and what XML 1.0 has no way to write as a reference all the same, as S3
/// does. A parser that is strict refuses that, which is better than another name.
pub(crate) fn push_name(name: &str, out: &mut String) {
    let mut rest = name;
    while let Some(at) = rest.bytes().position(is_written_otherwise) {
        let (plain, behind) = rest.split_at(at);
        out.push_str(plain);
        // Each of them is one byte.
        let (special, behind) = behind.split_at(1);
        match special {
            "&" => out.push_str("&amp;"),
            "<" => out.push_str("&lt;"),
            ">" => out.push_str("&gt;"),
            "\"" => out.push_str("&quot;"),
            "'" => out.push_str("&apos;"),
            other => {
                // Writing to a String does not fail.
                let _ = write!(out, "&#{};", other.as_bytes()[0]);
            }
        }
        rest = behind;
    }
    out.push_str(rest);
}

fn is_written_otherwise(byte: u8) -> bool {
    byte < b' ' || matches!(byte, b'&' | b'<' | b'>' | b'"' | b'\'')
}

/// Escapes a text for an element.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => {
                // As references, so that no parser makes one space of them.
                let _ = write!(out, "&#{};", u32::from(character));
            }
            other => out.push(writable(other)),
        }
    }
    out
}
