//! What is checked of a document while it is read, since the codec does not.

use baleen_http::{BodyCheck, BodyFault, ChecksumHasher, RequestBody};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::request::Parts;
use http::{HeaderMap, Method};
use md5::{Digest as _, Md5};

use crate::fault::Fault;
use crate::limits::XML_BODY_BYTES_MAX;

/// Adds the checks to the body of a request that brings a document: its size, and the digests that its headers announce.
/// (The checksum headers of a completion are those of the object, not of its document.)
pub(crate) fn check(head: &Parts, body: &mut RequestBody) -> Result<(), Fault> {
    if body.is_empty() || !is_document(head) {
        return Ok(());
    }
    body.check(SizeCheck {
        left: XML_BODY_BYTES_MAX,
    });
    if head.method == Method::PUT || is_multi_delete(head) {
        for check in DigestCheck::announced(&head.headers)? {
            body.check(check);
        }
    }
    Ok(())
}

/// Every POST of S3 brings a document, and every PUT to a bucket or to a sub-resource of an object.
fn is_document(head: &Parts) -> bool {
    match head.method {
        Method::POST => true,
        Method::PUT => {
            let path = head.uri.path();
            // Whatever follows the slash behind the bucket is a key, be it slashes.
            let key = path
                .strip_prefix('/')
                .unwrap_or(path)
                .split_once('/')
                .map(|(_, key)| key);
            key.is_none_or(str::is_empty) || has_parameter(head, &["acl", "tagging", "retention", "legal-hold"])
        }
        _ => false,
    }
}

fn is_multi_delete(head: &Parts) -> bool {
    head.method == Method::POST && has_parameter(head, &["delete"])
}

fn has_parameter(head: &Parts, names: &[&str]) -> bool {
    let query = head.uri.query().unwrap_or_default();
    query.split('&').any(|parameter| {
        let name = parameter.split('=').next().unwrap_or_default();
        // Compared decoded, since the codec decodes them.
        let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
        names.contains(&&*name)
    })
}

/// Ends a body that is too large: the codec has a limit too, but calls it an internal error.
struct SizeCheck {
    left: usize,
}

impl BodyCheck for SizeCheck {
    fn update(&mut self, bytes: &[u8]) -> Result<(), BodyFault> {
        let too_large = BodyFault::TooLarge {
            limit: XML_BODY_BYTES_MAX as u64,
        };
        self.left = self.left.checked_sub(bytes.len()).ok_or(too_large)?;
        Ok(())
    }

    fn finish(&mut self) -> Result<(), BodyFault> {
        Ok(())
    }
}

/// Checks a body against `Content-MD5` or an `x-amz-checksum-*` header.
struct DigestCheck {
    header: &'static str,
    expected: String,
    hasher: Hasher,
}

enum Hasher {
    Md5(Md5),
    Checksum(Option<Box<ChecksumHasher>>),
}

impl DigestCheck {
    fn announced(headers: &HeaderMap) -> Result<Vec<Self>, Fault> {
        let mut checks = Vec::new();
        if let Some(value) = headers.get("content-md5") {
            let expected = BASE64.encode(crate::convert::content_md5(value.as_bytes())?);
            checks.push(Self {
                header: "Content-MD5",
                expected,
                hasher: Hasher::Md5(Md5::new()),
            });
        }
        for algorithm in baleen_http::ChecksumAlgorithm::ALL {
            let Some(value) = headers.get(algorithm.header()) else {
                continue;
            };
            let expected = value.to_str().unwrap_or_default().trim().to_owned();
            let hasher = Hasher::Checksum(Some(Box::new(ChecksumHasher::new(algorithm))));
            checks.push(Self {
                header: algorithm.header(),
                expected,
                hasher,
            });
        }
        Ok(checks)
    }
}

impl BodyCheck for DigestCheck {
    fn update(&mut self, bytes: &[u8]) -> Result<(), BodyFault> {
        match &mut self.hasher {
            Hasher::Md5(md5) => md5.update(bytes),
            Hasher::Checksum(Some(hasher)) => hasher.update(bytes),
            Hasher::Checksum(None) => {}
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), BodyFault> {
        let computed = match &mut self.hasher {
            Hasher::Md5(md5) => BASE64.encode(md5.finalize_reset()),
            Hasher::Checksum(hasher) => hasher.take().map(|hasher| hasher.finish_base64()).unwrap_or_default(),
        };
        if computed == self.expected {
            Ok(())
        } else {
            Err(BodyFault::Checksum(self.header))
        }
    }
}
