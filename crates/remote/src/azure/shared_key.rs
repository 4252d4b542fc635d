//! Signatures by the key of an account. Source: "Authorize with Shared Key", of version 2015-02-21 and later.

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign as hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What is signed of a request.
pub(super) struct ToSign<'a> {
    pub(super) account: &'a str,
    pub(super) method: &'a str,
    /// As it is sent. Where it names the account, the account stands in what is signed twice.
    pub(super) path: &'a str,
    /// Names in lower case, values not encoded.
    pub(super) query: &'a [(&'static str, String)],
    /// Names in lower case.
    pub(super) headers: &'a [(&'static str, String)],
    pub(super) length: usize,
}

pub(super) fn sign(key: &[u8], request: &ToSign<'_>) -> String {
    STANDARD.encode(hmac(&Key::new(HMAC_SHA256, key), text(request).as_bytes()))
}

/// The text whose signature proves a request.
pub(super) fn text(request: &ToSign<'_>) -> String {
    let header = |wanted: &str| {
        let found = request.headers.iter().find(|(name, _)| *name == wanted);
        found.map_or("", |(_, value)| value.as_str())
    };
    // Of a body without bytes, nothing is written.
    let length = if request.length == 0 {
        String::new()
    } else {
        request.length.to_string()
    };
    let mut text = String::new();
    for line in [
        request.method,
        header("content-encoding"),
        header("content-language"),
        &length,
        header("content-md5"),
        header("content-type"),
        // The date is in `x-ms-date`.
        "",
        header("if-modified-since"),
        header("if-match"),
        header("if-none-match"),
        header("if-unmodified-since"),
        header("range"),
    ] {
        text.push_str(line);
        text.push('\n');
    }
    let mut own: Vec<_> = request
        .headers
        .iter()
        .filter(|(name, _)| name.starts_with("x-ms-"))
        .collect();
    own.sort();
    for (name, value) in own {
        text.push_str(name);
        text.push(':');
        text.push_str(value.trim());
        text.push('\n');
    }
    text.push('/');
    text.push_str(request.account);
    text.push_str(request.path);
    let mut query: Vec<_> = request.query.iter().collect();
    query.sort();
    for (name, value) in query {
        text.push('\n');
        text.push_str(name);
        text.push(':');
        text.push_str(value);
    }
    text
}
