//! What `x-amz-content-sha256` says about the body.

use crate::Error;
use crate::digest::sha256;

/// SHA-256 of no bytes at all.
pub const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// How the body is protected.
///
/// Source: AWS "Authenticating Requests: Using the Authorization Header", table of `x-amz-content-sha256`. The ECDSA
/// forms belong to Signature Version 4A, which is not spoken here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadMode {
    /// The body has this SHA-256.
    Sha256([u8; 32]),
    /// The body is not covered by the signature.
    Unsigned,
    /// `aws-chunked`, each chunk signed.
    Streaming,
    /// `aws-chunked`, each chunk signed, and a signed trailer.
    StreamingTrailer,
    /// `aws-chunked` without chunk signatures, and an unsigned trailer.
    StreamingUnsignedTrailer,
}

const UNSIGNED: &str = "UNSIGNED-PAYLOAD";
const STREAMING: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
const STREAMING_TRAILER: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";
const STREAMING_UNSIGNED_TRAILER: &str = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";

impl PayloadMode {
    /// Reads the value of `x-amz-content-sha256`.
    ///
    /// ```
    /// use baleen_signing::PayloadMode;
    /// assert_eq!(PayloadMode::parse("UNSIGNED-PAYLOAD"), Ok(PayloadMode::Unsigned));
    /// assert!(PayloadMode::parse("unsigned-payload").is_err());
    /// ```
    ///
    /// # Errors
    /// [`Error::UnsupportedPayload`] for any other word.
    pub fn parse(value: &str) -> Result<Self, Error> {
        match value {
            UNSIGNED => Ok(Self::Unsigned),
            STREAMING => Ok(Self::Streaming),
            STREAMING_TRAILER => Ok(Self::StreamingTrailer),
            STREAMING_UNSIGNED_TRAILER => Ok(Self::StreamingUnsignedTrailer),
            hex => parse_hex32(hex.as_bytes())
                .map(Self::Sha256)
                .ok_or(Error::UnsupportedPayload),
        }
    }

    /// What protects a body that is signed as a whole.
    #[must_use]
    pub fn of_body(body: &[u8]) -> Self {
        Self::Sha256(sha256(body))
    }

    /// The value for `x-amz-content-sha256`.
    #[must_use]
    pub fn header_value(&self) -> String {
        match self {
            Self::Sha256(digest) => hex::encode(digest),
            Self::Unsigned => UNSIGNED.to_owned(),
            Self::Streaming => STREAMING.to_owned(),
            Self::StreamingTrailer => STREAMING_TRAILER.to_owned(),
            Self::StreamingUnsignedTrailer => STREAMING_UNSIGNED_TRAILER.to_owned(),
        }
    }

    /// Whether the body comes in `aws-chunked` framing.
    #[must_use]
    pub fn is_chunked(&self) -> bool {
        match self {
            Self::Sha256(_) | Self::Unsigned => false,
            Self::Streaming | Self::StreamingTrailer | Self::StreamingUnsignedTrailer => true,
        }
    }
}

/// Reads 64 hexadecimal digits, in either case.
pub(crate) fn parse_hex32(text: &[u8]) -> Option<[u8; 32]> {
    let text: &[u8; 64] = text.try_into().ok()?;
    let mut out = [0; 32];
    let mut seen = 0;
    for (byte, pair) in out.iter_mut().zip(text.as_chunks::<2>().0) {
        let [high, low] = pair.map(|digit| DIGITS[usize::from(digit)]);
        seen |= high | low;
        *byte = high << 4 | low & 15;
    }
    (seen < 16).then_some(out)
}

/// The value of each hexadecimal digit, and 255 for what is none. Each signed request has 128 of them, which are read at once
/// and judged together.
const DIGITS: [u8; 256] = {
    let mut values = [255; 256];
    let mut value = 0;
    while value < 16 {
        values[b"0123456789abcdef"[value as usize] as usize] = value;
        values[b"0123456789ABCDEF"[value as usize] as usize] = value;
        value += 1;
    }
    values
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_digits_are_read_as_others_read_them() {
        for at in 0..64 {
            for byte in 0..=u8::MAX {
                let mut text = *b"0123456789abcdefFEDCBA98765432100123456789ABCDEFfedcba9876543210";
                text[at] = byte;
                assert_eq!(
                    parse_hex32(&text).map(hex::encode),
                    hex::decode(text).ok().map(hex::encode),
                    "{at} {byte}"
                );
            }
        }
        for length in (0..64).chain(65..130) {
            assert_eq!(parse_hex32(&vec![b'0'; length]), None, "{length}");
        }
    }
}
