//! What the head of a signed request promises about its body.

use baleen_signing::{PayloadMode, Verified};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, HeaderName};

use super::AuthError;
use crate::body::ChecksumAlgorithm;
use crate::limits::TRAILERS_MAX;

pub(crate) static CONTENT_SHA256: HeaderName = HeaderName::from_static("x-amz-content-sha256");
pub(crate) static DECODED_LENGTH: HeaderName = HeaderName::from_static("x-amz-decoded-content-length");
pub(crate) static TRAILER: HeaderName = HeaderName::from_static("x-amz-trailer");

/// What the body must prove while it is read.
#[derive(Debug)]
pub(crate) enum Payload {
    /// Nothing.
    Unchecked,
    /// That it has this SHA-256.
    Sha256([u8; 32]),
    /// That its chunks add up, and are signed when there is a chain.
    Chunked {
        decoded_bytes: u64,
        signed: Option<Box<Verified>>,
        trailers: Trailers,
    },
}

/// The trailers that were announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trailers {
    pub(crate) checksums: Vec<ChecksumAlgorithm>,
    pub(crate) signed: bool,
}

/// Puts the promises of the head together. `verified` is absent for a request without signature.
pub(super) fn read(mode: PayloadMode, headers: &HeaderMap, verified: Option<Verified>) -> Result<Payload, AuthError> {
    let announced = announced_trailers(headers)?;
    if !mode.is_chunked() {
        if names_aws_chunked(headers) {
            // Stored as it is, the framing would become part of the object.
            return Err(AuthError::Framing(
                "Content-Encoding aws-chunked needs a STREAMING- value in x-amz-content-sha256",
            ));
        }
        if !announced.is_empty() {
            return Err(AuthError::Framing(
                "x-amz-trailer needs a -TRAILER value in x-amz-content-sha256",
            ));
        }
    }
    let chunked = |signed, trailers| {
        Ok(Payload::Chunked {
            decoded_bytes: decoded_length(headers)?,
            signed,
            trailers,
        })
    };
    let chain = |verified: Option<Verified>| {
        verified.map(Box::new).ok_or(AuthError::Framing(
            "signed chunks need a request signed with AWS4-HMAC-SHA256",
        ))
    };
    match mode {
        PayloadMode::Unsigned => Ok(Payload::Unchecked),
        PayloadMode::Sha256(digest) => Ok(Payload::Sha256(digest)),
        PayloadMode::Streaming => {
            if !announced.is_empty() {
                return Err(AuthError::Framing(
                    "x-amz-trailer needs a -TRAILER value in x-amz-content-sha256",
                ));
            }
            chunked(
                Some(chain(verified)?),
                Trailers {
                    checksums: announced,
                    signed: false,
                },
            )
        }
        PayloadMode::StreamingTrailer => chunked(
            Some(chain(verified)?),
            Trailers {
                checksums: announced,
                signed: true,
            },
        ),
        PayloadMode::StreamingUnsignedTrailer => chunked(
            None,
            Trailers {
                checksums: announced,
                signed: false,
            },
        ),
    }
}

fn decoded_length(headers: &HeaderMap) -> Result<u64, AuthError> {
    headers
        .get(&DECODED_LENGTH)
        .and_then(|value| value.to_str().ok())
        .filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .ok_or(AuthError::Framing(
            "x-amz-decoded-content-length is required and must be a number of bytes",
        ))
}

fn announced_trailers(headers: &HeaderMap) -> Result<Vec<ChecksumAlgorithm>, AuthError> {
    let mut announced = Vec::new();
    for value in headers.get_all(&TRAILER) {
        let list = value.to_str().map_err(|_| AuthError::HeaderEncoding("x-amz-trailer"))?;
        for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let name = name.to_ascii_lowercase();
            let algorithm = ChecksumAlgorithm::from_header(&name)
                .filter(|algorithm| !announced.contains(algorithm) && announced.len() < TRAILERS_MAX)
                .ok_or(AuthError::UnsupportedTrailer(name))?;
            announced.push(algorithm);
        }
    }
    Ok(announced)
}

/// Whether `Content-Encoding` has `aws-chunked` among its codings.
fn names_aws_chunked(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_ENCODING).iter().any(|value| {
        value
            .as_bytes()
            .split(|byte| *byte == b',')
            .any(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"aws-chunked"))
    })
}
