//! The canonical request: the one spelling of a request over which both sides compute the signature.

use crate::digest::sha256;
use crate::encode::{recode_path, recode_query};

/// How the path enters the canonical request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathStyle {
    /// S3: encoded once, nothing normalised, since `a//b` and `a/../b` are keys of their own.
    S3,
    /// Every other AWS service: dot segments and empty segments removed, then encoded a second time.
    Generic,
}

/// The parts of a request which a signature covers.
#[derive(Debug, Clone, Copy)]
pub struct CanonicalRequest<'a> {
    /// Method in upper case.
    pub method: &'a str,
    /// Path as it stands on the request line: percent-encoded, without query.
    pub path: &'a str,
    /// Query as it stands on the request line, without `?`; empty when there is none.
    pub query: &'a str,
    /// Signed header lines: names in lower case, sorted by name; lines of the same name stand together in order.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// Value of `x-amz-content-sha256`: a SHA-256 in hexadecimal digits or one of the words of
    /// [`crate::PayloadMode`].
    pub payload: &'a str,
    /// How the path is encoded.
    pub style: PathStyle,
}

/// Whether the path is taken as received or brought to the canonical encoding first. See [`crate::Claim::verify`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum PathSpelling {
    AsReceived,
    Recoded,
}

/// The parameter which carries the signature itself and so is not part of what is signed.
const SIGNATURE_PARAMETER: &[u8] = b"X-Amz-Signature";

impl CanonicalRequest<'_> {
    /// The text of the canonical request.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let spelling = match self.style {
            PathStyle::S3 => PathSpelling::AsReceived,
            PathStyle::Generic => PathSpelling::Recoded,
        };
        self.spell(spelling)
    }

    pub(crate) fn digest(&self, spelling: PathSpelling) -> [u8; 32] {
        sha256(&self.spell(spelling))
    }

    fn spell(&self, spelling: PathSpelling) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.expected_bytes());
        out.extend_from_slice(self.method.as_bytes());
        out.push(b'\n');
        self.push_path(spelling, &mut out);
        out.push(b'\n');
        push_query(self.query.as_bytes(), &mut out);
        out.push(b'\n');
        self.push_headers(&mut out);
        out.push(b'\n');
        self.push_header_names(&mut out);
        out.push(b'\n');
        out.extend_from_slice(self.payload.as_bytes());
        out
    }

    fn expected_bytes(&self) -> usize {
        let headers: usize = self
            .headers
            .iter()
            .map(|(name, value)| 2 * name.len() + value.len() + 3)
            .sum();
        self.path.len() + self.query.len() + headers + self.payload.len() + 64
    }

    fn push_path(&self, spelling: PathSpelling, out: &mut Vec<u8>) {
        let path = if self.path.is_empty() {
            b"/"
        } else {
            self.path.as_bytes()
        };
        match (self.style, spelling) {
            (PathStyle::S3, PathSpelling::AsReceived) => out.extend_from_slice(path),
            (PathStyle::S3, PathSpelling::Recoded) => recode_path(path, out),
            (PathStyle::Generic, _) => {
                let mut once = Vec::with_capacity(path.len());
                recode_path(path, &mut once);
                // The second encoding touches only the percent signs that the first one made.
                for byte in remove_dot_segments(&once) {
                    if byte == b'%' {
                        out.extend_from_slice(b"%25");
                    } else {
                        out.push(byte);
                    }
                }
            }
        }
    }

    fn push_headers(&self, out: &mut Vec<u8>) {
        let mut previous = None;
        for &(name, value) in self.headers {
            if previous == Some(name) {
                out.push(b',');
            } else {
                if previous.is_some() {
                    out.push(b'\n');
                }
                out.extend_from_slice(name.as_bytes());
                out.push(b':');
            }
            push_trimmed(value, out);
            previous = Some(name);
        }
        if previous.is_some() {
            out.push(b'\n');
        }
    }

    fn push_header_names(&self, out: &mut Vec<u8>) {
        let mut previous = None;
        for &(name, _) in self.headers {
            if previous == Some(name) {
                continue;
            }
            if previous.is_some() {
                out.push(b';');
            }
            out.extend_from_slice(name.as_bytes());
            previous = Some(name);
        }
    }
}

/// Sorts by encoded name, then by encoded value (AWS "Create a canonical request", step 3).
fn push_query(query: &[u8], out: &mut Vec<u8>) {
    if query.is_empty() {
        return;
    }
    let mut encoded = Vec::with_capacity(query.len() + 16);
    // Name, value: both as ranges of `encoded`, so that no parameter costs an allocation of its own.
    let mut parameters = Vec::with_capacity(16);
    for parameter in query
        .split(|byte| *byte == b'&')
        .filter(|parameter| !parameter.is_empty())
    {
        let (name, value) = match parameter.iter().position(|byte| *byte == b'=') {
            Some(at) => (&parameter[..at], &parameter[at + 1..]),
            None => (parameter, &[][..]),
        };
        if name == SIGNATURE_PARAMETER {
            continue;
        }
        let start = encoded.len();
        recode_query(name, &mut encoded);
        let middle = encoded.len();
        recode_query(value, &mut encoded);
        parameters.push((start..middle, middle..encoded.len()));
    }
    parameters.sort_by(|left, right| {
        let key = |(name, value): &(std::ops::Range<usize>, std::ops::Range<usize>)| {
            (&encoded[name.clone()], &encoded[value.clone()])
        };
        key(left).cmp(&key(right))
    });
    for (index, (name, value)) in parameters.into_iter().enumerate() {
        if index > 0 {
            out.push(b'&');
        }
        out.extend_from_slice(&encoded[name]);
        out.push(b'=');
        out.extend_from_slice(&encoded[value]);
    }
}

/// Strips the ends and makes each run of spaces one space.
fn push_trimmed(value: &[u8], out: &mut Vec<u8>) {
    let value = value.trim_ascii();
    // Hardly any value has such a run.
    if !value.windows(2).any(|pair| pair == b"  ") {
        out.extend_from_slice(value);
        return;
    }
    let mut pending_space = false;
    for &byte in value {
        if byte == b' ' {
            pending_space = true;
            continue;
        }
        if pending_space {
            out.push(b' ');
            pending_space = false;
        }
        out.push(byte);
    }
}

/// RFC 3986 section 5.2.4, with empty segments dropped too.
fn remove_dot_segments(path: &[u8]) -> Vec<u8> {
    let mut segments: Vec<&[u8]> = Vec::new();
    for segment in path.split(|byte| *byte == b'/') {
        match segment {
            b"" | b"." => {}
            b".." => {
                segments.pop();
            }
            other => segments.push(other),
        }
    }
    let mut out = Vec::with_capacity(path.len());
    for segment in &segments {
        out.push(b'/');
        out.extend_from_slice(segment);
    }
    let directory = path.ends_with(b"/") || path.ends_with(b"/.") || path.ends_with(b"/..");
    if directory || out.is_empty() {
        out.push(b'/');
    }
    out
}
