//! Error documents.

use std::fmt::Write as _;

use baleen_http::{Response, ResponseBody};
use baleen_signing::SignedTexts;
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
    /// What a signature that does not match should have been made over.
    pub(crate) texts: Option<&'a SignedTexts>,
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
    let may_be_raw = |byte: u8| is_raw(byte) || byte == NONCHARACTERS[0];
    if !pieces.any(|piece| piece.iter().fold(false, |found, byte| found | may_be_raw(*byte))) {
        return document;
    }
    let mut out = Vec::with_capacity(document.len() + 64);
    let mut rest = &document[..];
    while let Some((byte, behind)) = rest.split_first() {
        rest = match noncharacter(rest) {
            Some((reference, behind)) => {
                out.extend_from_slice(reference.as_bytes());
                behind
            }
            None if is_raw(*byte) => {
                out.extend_from_slice(format!("&#{byte};").as_bytes());
                behind
            }
            None => {
                out.push(*byte);
                behind
            }
        };
    }
    out.into()
}

/// What U+FFFE and U+FFFF begin with in UTF-8. XML 1.0 has no way to write them either.
const NONCHARACTERS: [u8; 2] = [0xef, 0xbf];

/// The reference of U+FFFE or U+FFFF, where a text begins with one, and what is behind it.
fn noncharacter(text: &[u8]) -> Option<(&'static str, &[u8])> {
    match text.strip_prefix(&NONCHARACTERS)?.split_first()? {
        (0xbe, behind) => Some(("&#65534;", behind)),
        (0xbf, behind) => Some(("&#65535;", behind)),
        _ => None,
    }
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
    if let Some(texts) = cx.texts {
        push_texts(texts, &mut document);
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

/// The elements by which AWS tells what a signature should have been made over (AWS, "Troubleshooting: SignatureDoesNotMatch").
fn push_texts(texts: &SignedTexts, document: &mut String) {
    let mut element = |name: &str, text: &str| {
        // Writing to a String does not fail.
        let _ = write!(document, "<{name}>{text}</{name}>");
    };
    element("AWSAccessKeyId", &escape(&texts.access_key_id));
    element("StringToSign", &escape_lines(&texts.string_to_sign));
    element("SignatureProvided", &escape(&texts.signature));
    element("StringToSignBytes", &spaced_hex(&texts.string_to_sign));
    if let Some(canonical) = &texts.canonical_request {
        element("CanonicalRequest", &escape_lines(canonical));
        element("CanonicalRequestBytes", &spaced_hex(canonical));
    }
}

/// Escapes a text of lines, which stay lines. What is no UTF-8, or nothing that XML has, the bytes beside it tell.
fn escape_lines(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    text.split('\n').map(escape).collect::<Vec<_>>().join("\n")
}

/// Bytes as AWS writes them: `41 57 53 34`.
fn spaced_hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(3 * bytes.len());
    for byte in bytes {
        let space = if out.is_empty() { "" } else { " " };
        // Writing to a String does not fail.
        let _ = write!(out, "{space}{byte:02x}");
    }
    out
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
        if behind.as_bytes()[0] == NONCHARACTERS[0] {
            // Each character that begins so has three bytes.
            let (character, behind) = behind.split_at(3);
            let reference = noncharacter(character.as_bytes());
            out.push_str(reference.map_or(character, |(reference, _)| reference));
            rest = behind;
            continue;
        }
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
    byte < b' ' || byte == NONCHARACTERS[0] || matches!(byte, b'&' | b'<' | b'>' | b'"' | b'\'')
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_has_no_way_to_write_is_a_reference() {
        for (name, wanted) in [
            ("plain", "plain"),
            ("a\u{1}b\rc", "a&#1;b&#13;c"),
            ("a\u{fffe}b\u{ffff}", "a&#65534;b&#65535;"),
            // What begins alike is a character like any other.
            ("\u{fffd}\u{f8ff}\u{fffc}x\u{ff01}", "\u{fffd}\u{f8ff}\u{fffc}x\u{ff01}"),
            ("\u{1ffff}", "\u{1ffff}"),
        ] {
            let mut out = String::new();
            push_name(name, &mut out);
            assert_eq!(out, wanted);
            assert_eq!(
                with_references(Bytes::from(name.to_owned())),
                wanted.as_bytes(),
                "{name:?}"
            );
        }
    }

    #[test]
    fn what_should_have_been_signed_is_told_as_text_and_as_bytes() {
        let texts = SignedTexts {
            access_key_id: "A<".to_owned(),
            signature: "00".to_owned(),
            string_to_sign: b"one\ntwo & \xff\r".to_vec(),
            canonical_request: None,
        };
        let mut out = String::new();
        push_texts(&texts, &mut out);
        assert_eq!(
            out,
            "<AWSAccessKeyId>A&lt;</AWSAccessKeyId><StringToSign>one\ntwo &amp; \u{fffd}&#13;</StringToSign>\
             <SignatureProvided>00</SignatureProvided><StringToSignBytes>6f 6e 65 0a 74 77 6f 20 26 20 ff 0d</StringToSignBytes>"
        );
    }
}
