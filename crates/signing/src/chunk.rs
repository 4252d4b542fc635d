//! Signatures of the chunks and the trailer of an `aws-chunked` body: each covers the one before it.
//!
//! Source: AWS "Signature Calculations for the Authorization Header: Transferring Payload in Multiple Chunks", and the
//! page beside it "Including Trailing Headers (Chunked Upload)".

use crate::claim::hex_into;
use crate::digest::equal_in_constant_time;
use crate::payload::parse_hex32;
use crate::{AmzDate, EMPTY_SHA256, Error, Signature, SigningKey};

/// The running chain: holds the last signature, makes or checks the next.
#[derive(Clone)]
pub struct ChunkChain {
    key: SigningKey,
    /// Date and scope, each with its line feed: the same for all links.
    middle: String,
    previous: Signature,
    /// Text of the link at work, kept for its capacity.
    buffer: String,
}

impl std::fmt::Debug for ChunkChain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ChunkChain(hidden)")
    }
}

const CHUNK: &str = "AWS4-HMAC-SHA256-PAYLOAD\n";
const TRAILER: &str = "AWS4-HMAC-SHA256-TRAILER\n";

impl ChunkChain {
    pub(crate) fn new(key: SigningKey, date: AmzDate, scope: &str, seed: &Signature) -> Self {
        Self {
            key,
            middle: format!("{date}\n{scope}\n"),
            previous: *seed,
            buffer: String::new(),
        }
    }

    /// Signs the next chunk, given the SHA-256 of its data. The final chunk has no data.
    pub fn sign_chunk(&mut self, data_sha256: &[u8; 32]) -> Signature {
        self.link(CHUNK, Some(EMPTY_SHA256), data_sha256)
    }

    /// Signs the trailer, given the SHA-256 of its lines, each `name:value\n` with the name in lower case.
    pub fn sign_trailer(&mut self, lines_sha256: &[u8; 32]) -> Signature {
        self.link(TRAILER, None, lines_sha256)
    }

    /// Checks the signature of the next chunk, given in hexadecimal digits.
    ///
    /// # Errors
    /// [`Error::Mismatch`]; the chain must not be used afterwards.
    pub fn verify_chunk(&mut self, data_sha256: &[u8; 32], claimed: &[u8]) -> Result<(), Error> {
        let expected = self.sign_chunk(data_sha256);
        compare(&expected, claimed)
    }

    /// Checks the signature of the trailer, given in hexadecimal digits.
    ///
    /// # Errors
    /// [`Error::Mismatch`].
    pub fn verify_trailer(&mut self, lines_sha256: &[u8; 32], claimed: &[u8]) -> Result<(), Error> {
        let expected = self.sign_trailer(lines_sha256);
        compare(&expected, claimed)
    }

    fn link(&mut self, kind: &str, headers_sha256: Option<&str>, content_sha256: &[u8; 32]) -> Signature {
        let mut digits = [0; 64];
        self.buffer.clear();
        self.buffer.push_str(kind);
        self.buffer.push_str(&self.middle);
        self.buffer.push_str(hex_into(&self.previous, &mut digits));
        self.buffer.push('\n');
        if let Some(headers_sha256) = headers_sha256 {
            self.buffer.push_str(headers_sha256);
            self.buffer.push('\n');
        }
        self.buffer.push_str(hex_into(content_sha256, &mut digits));
        self.previous = self.key.0.sign(self.buffer.as_bytes());
        self.previous
    }
}

fn compare(expected: &Signature, claimed: &[u8]) -> Result<(), Error> {
    let claimed = parse_hex32(claimed).ok_or(Error::Mismatch)?;
    if equal_in_constant_time(expected, &claimed) {
        Ok(())
    } else {
        Err(Error::Mismatch)
    }
}
