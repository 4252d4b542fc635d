//! Percent-encoding as signatures want it: everything but RFC 3986 unreserved characters, with upper-case digits.

const HEX_UPPER: &[u8; 16] = b"0123456789ABCDEF";

/// Percent-encodes a query name or value (or a path segment: `/` is encoded too).
///
/// ```
/// let mut out = Vec::new();
/// baleen_signing::encode_component("a/b c~é".as_bytes(), &mut out);
/// assert_eq!(out, b"a%2Fb%20c~%C3%A9");
/// ```
pub fn encode_component(bytes: &[u8], out: &mut Vec<u8>) {
    for &byte in bytes {
        push_encoded(byte, out);
    }
}

/// Percent-encodes a path, keeping each `/`. Nothing is normalised: `..`, `//` and a trailing `/` stay as they are.
///
/// ```
/// assert_eq!(baleen_signing::encode_path("/b/../a//+ü/"), "/b/../a//%2B%C3%BC/");
/// ```
#[must_use]
pub fn encode_path(path: &str) -> String {
    let mut out = Vec::with_capacity(path.len() + 16);
    for &byte in path.as_bytes() {
        if byte == b'/' {
            out.push(byte);
        } else {
            push_encoded(byte, &mut out);
        }
    }
    into_string(out)
}

/// Brings an already encoded path to the one canonical encoding of its bytes. An escaped slash stays escaped.
pub(crate) fn recode_path(raw: &[u8], out: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some((byte, escaped, tail)) = next_byte(rest) {
        if byte == b'/' && !escaped {
            out.push(byte);
        } else {
            push_encoded(byte, out);
        }
        rest = tail;
    }
}

/// Brings one query name or value to its canonical encoding. A plus sign is a space, as forms write it: a client which
/// means a plus sends `%2B`.
pub(crate) fn recode_query(raw: &[u8], out: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some((byte, escaped, tail)) = next_byte(rest) {
        push_encoded(if byte == b'+' && !escaped { b' ' } else { byte }, out);
        rest = tail;
    }
}

/// Decodes a text in which a plus sign stands for itself.
pub(crate) fn decode_percent(raw: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw.as_bytes();
    while let Some((byte, _, tail)) = next_byte(rest) {
        out.push(byte);
        rest = tail;
    }
    out
}

/// Decodes one query value; `None` when the result is not UTF-8.
pub(crate) fn decode_query(raw: &str) -> Option<String> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw.as_bytes();
    while let Some((byte, escaped, tail)) = next_byte(rest) {
        out.push(if byte == b'+' && !escaped { b' ' } else { byte });
        rest = tail;
    }
    String::from_utf8(out).ok()
}

/// Bytes pushed by the functions above are ASCII, so that this never loses any.
pub(crate) fn into_string(ascii: Vec<u8>) -> String {
    String::from_utf8(ascii).unwrap_or_default()
}

/// Takes one byte, decoding `%XY`; a percent sign without two digits stands for itself.
fn next_byte(rest: &[u8]) -> Option<(u8, bool, &[u8])> {
    let (&first, tail) = rest.split_first()?;
    if first == b'%'
        && let [high, low, after @ ..] = tail
        && let (Some(high), Some(low)) = (hex_digit(*high), hex_digit(*low))
    {
        return Some((high << 4 | low, true, after));
    }
    Some((first, false, tail))
}

fn push_encoded(byte: u8, out: &mut Vec<u8>) {
    if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
        out.push(byte);
    } else {
        out.extend_from_slice(&[
            b'%',
            HEX_UPPER[usize::from(byte >> 4)],
            HEX_UPPER[usize::from(byte & 15)],
        ]);
    }
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}
