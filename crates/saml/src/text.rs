//! Small texts of SAML: base64 with line breaks, times, addresses, escaped XML.

use baleen_types::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Reads base64 that may be broken into lines.
pub(crate) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let text: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    STANDARD.decode(text).ok().filter(|bytes| !bytes.is_empty())
}

pub(crate) fn encode_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// A time of SAML: `xs:dateTime` in UTC (saml-core 1.3.3).
pub(crate) fn time(text: &str) -> Option<Timestamp> {
    text.ends_with('Z')
        .then(|| Timestamp::parse_rfc3339(text).ok())
        .flatten()
}

/// A value inside double quotes or as text.
pub(crate) fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    crate::canonical::escape_attribute(&mut out, value);
    out
}
