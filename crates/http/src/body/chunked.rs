//! The strict decoder of `aws-chunked`, without IO.
//!
//! Grammar: `size[;chunk-signature=sig] CRLF data CRLF` for each chunk, a chunk of size 0 without data and without the
//! line end behind it, the trailer lines `name:value CRLF`, one empty line. Source: AWS "Signature Calculations for the
//! Authorization Header: Transferring Payload in Multiple Chunks" and "Including Trailing Headers".
//!
//! Strict means: exactly the announced number of bytes, a final chunk, every announced trailer once and no other, each
//! signature and checksum right, nothing behind the end. Data is handed out as it passes; whoever takes it must not use
//! it before [`Decoder::is_complete`], since a chunk's signature comes true only at its end.

use baleen_signing::{ChunkChain, Sha256};
use bytes::{Buf, Bytes};

use super::checksum::{ChecksumAlgorithm, ChecksumHasher};
use super::fault::BodyFault;
use crate::auth::Trailers;
use crate::limits::{CHUNK_BYTES_MAX, CHUNK_LINE_BYTES_MAX, TRAILER_LINE_BYTES_MAX};

/// The state of one body.
pub(crate) struct Decoder {
    phase: Phase,
    /// A line of which only the beginning has come.
    line: Vec<u8>,
    announced: u64,
    decoded: u64,
    chain: Option<ChainState>,
    trailers: Vec<Trailer>,
    trailer_signature: TrailerSignature,
    /// `name:value\n` of each trailer, as its signature covers them.
    trailer_lines: Vec<u8>,
}

enum Phase {
    ChunkLine,
    Data { left: u64 },
    DataEnd,
    TrailerLine,
    Complete,
}

struct ChainState {
    chain: ChunkChain,
    hasher: Sha256,
    claimed: [u8; 64],
}

struct Trailer {
    algorithm: ChecksumAlgorithm,
    /// Gone once the trailer was seen and right.
    hasher: Option<ChecksumHasher>,
}

#[derive(PartialEq, Eq)]
enum TrailerSignature {
    NotWanted,
    Wanted,
    Seen,
}

impl Decoder {
    pub(crate) fn new(announced: u64, chain: Option<ChunkChain>, trailers: &Trailers) -> Self {
        Self {
            phase: Phase::ChunkLine,
            line: Vec::new(),
            announced,
            decoded: 0,
            chain: chain.map(|chain| ChainState {
                chain,
                hasher: Sha256::new(),
                claimed: [0; 64],
            }),
            trailers: trailers
                .checksums
                .iter()
                .map(|&algorithm| Trailer {
                    algorithm,
                    hasher: Some(ChecksumHasher::new(algorithm)),
                })
                .collect(),
            trailer_signature: if trailers.signed {
                TrailerSignature::Wanted
            } else {
                TrailerSignature::NotWanted
            },
            trailer_lines: Vec::new(),
        }
    }

    /// Decoded bytes that have still to come.
    pub(crate) fn remaining(&self) -> u64 {
        self.announced - self.decoded
    }

    /// Whether the whole body came and all of it was true.
    pub(crate) fn is_complete(&self) -> bool {
        matches!(self.phase, Phase::Complete)
    }

    /// Takes from `input` up to the next piece of data and returns that; `None` when more input is needed.
    pub(crate) fn decode(&mut self, input: &mut Bytes) -> Result<Option<Bytes>, BodyFault> {
        while !input.is_empty() {
            match self.phase {
                Phase::ChunkLine => {
                    let Some(line) = self.take_line(input, CHUNK_LINE_BYTES_MAX)? else {
                        break;
                    };
                    self.begin_chunk(&line)?;
                }
                Phase::Data { left } => return Ok(Some(self.take_data(left, input))),
                Phase::DataEnd => {
                    let Some(line) = self.take_line(input, CHUNK_LINE_BYTES_MAX)? else {
                        break;
                    };
                    if line != b"\r" {
                        return Err(BodyFault::Framing("a chunk is longer than its size says"));
                    }
                    self.end_chunk()?;
                    self.phase = Phase::ChunkLine;
                }
                Phase::TrailerLine => {
                    let Some(line) = self.take_line(input, TRAILER_LINE_BYTES_MAX)? else {
                        break;
                    };
                    self.trailer_line(&line)?;
                }
                Phase::Complete => return Err(BodyFault::Framing("there are bytes behind the end")),
            }
        }
        Ok(None)
    }

    /// Takes a line up to its line feed, which is dropped; a carriage return before it is kept for the caller to check.
    fn take_line(&mut self, input: &mut Bytes, bytes_max: usize) -> Result<Option<Vec<u8>>, BodyFault> {
        let end = input.iter().position(|byte| *byte == b'\n');
        let taken = end.unwrap_or(input.len());
        if self.line.len() + taken > bytes_max {
            return Err(BodyFault::Framing("a line is too long"));
        }
        self.line.extend_from_slice(&input[..taken]);
        input.advance(taken);
        if end.is_none() {
            return Ok(None);
        }
        input.advance(1);
        Ok(Some(std::mem::take(&mut self.line)))
    }

    fn begin_chunk(&mut self, line: &[u8]) -> Result<(), BodyFault> {
        let line = line
            .strip_suffix(b"\r")
            .ok_or(BodyFault::Framing("a chunk line ends without carriage return"))?;
        let size = match (&mut self.chain, line.iter().position(|byte| *byte == b';')) {
            (None, None) => line,
            (None, Some(_)) => return Err(BodyFault::Framing("an unsigned chunk has an extension")),
            (Some(_), None) => return Err(BodyFault::Signature),
            (Some(state), Some(at)) => {
                let signature = line[at + 1..]
                    .strip_prefix(b"chunk-signature=")
                    .ok_or(BodyFault::Signature)?;
                state.claimed = signature.try_into().map_err(|_| BodyFault::Signature)?;
                &line[..at]
            }
        };
        let size = parse_size(size)?;
        if size > CHUNK_BYTES_MAX {
            return Err(BodyFault::ChunkTooLarge);
        }
        if size > self.remaining() {
            return Err(BodyFault::DecodedLength {
                announced: self.announced,
            });
        }
        if size > 0 {
            self.phase = Phase::Data { left: size };
            return Ok(());
        }
        if self.decoded != self.announced {
            return Err(BodyFault::DecodedLength {
                announced: self.announced,
            });
        }
        self.end_chunk()?;
        self.phase = Phase::TrailerLine;
        Ok(())
    }

    fn take_data(&mut self, left: u64, input: &mut Bytes) -> Bytes {
        let bytes = usize::try_from(left).map_or(input.len(), |left| left.min(input.len()));
        let piece = input.split_to(bytes);
        let bytes = bytes as u64;
        self.decoded += bytes;
        if let Some(state) = &mut self.chain {
            state.hasher.update(&piece);
        }
        for trailer in &mut self.trailers {
            if let Some(hasher) = &mut trailer.hasher {
                hasher.update(&piece);
            }
        }
        self.phase = if left == bytes {
            Phase::DataEnd
        } else {
            Phase::Data { left: left - bytes }
        };
        piece
    }

    fn end_chunk(&mut self) -> Result<(), BodyFault> {
        let Some(state) = &mut self.chain else { return Ok(()) };
        let digest = state.hasher.finish_reset();
        state
            .chain
            .verify_chunk(&digest, &state.claimed)
            .map_err(|_| BodyFault::Signature)
    }

    fn trailer_line(&mut self, line: &[u8]) -> Result<(), BodyFault> {
        // AWS's own example ends trailer lines with a line feed alone.
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return self.empty_line();
        }
        if self.trailer_signature == TrailerSignature::Seen {
            return Err(BodyFault::Trailer("there is a line behind x-amz-trailer-signature"));
        }
        let line = std::str::from_utf8(line).map_err(|_| BodyFault::Trailer("it is not text"))?;
        let (name, value) = line.split_once(':').ok_or(BodyFault::Trailer("a line has no colon"))?;
        let (name, value) = (name.to_ascii_lowercase(), value.trim_matches(' '));
        if name == "x-amz-trailer-signature" {
            return self.trailer_signature(value);
        }
        let trailer = self
            .trailers
            .iter_mut()
            .find(|trailer| trailer.algorithm.header() == name)
            .ok_or(BodyFault::Trailer("it was not announced in x-amz-trailer"))?;
        let hasher = trailer.hasher.take().ok_or(BodyFault::Trailer("a line stands twice"))?;
        if hasher.finish_base64() != value {
            return Err(BodyFault::Checksum(trailer.algorithm.header()));
        }
        for part in [name.as_bytes(), b":", value.as_bytes(), b"\n"] {
            self.trailer_lines.extend_from_slice(part);
        }
        Ok(())
    }

    fn trailer_signature(&mut self, claimed: &str) -> Result<(), BodyFault> {
        let (TrailerSignature::Wanted, Some(state)) = (&self.trailer_signature, &mut self.chain) else {
            return Err(BodyFault::Trailer("a signature was not announced"));
        };
        let digest = baleen_signing::sha256(&self.trailer_lines);
        state
            .chain
            .verify_trailer(&digest, claimed.as_bytes())
            .map_err(|_| BodyFault::Signature)?;
        self.trailer_signature = TrailerSignature::Seen;
        Ok(())
    }

    fn empty_line(&mut self) -> Result<(), BodyFault> {
        if self.trailers.iter().any(|trailer| trailer.hasher.is_some()) {
            return Err(BodyFault::Trailer("an announced line is missing"));
        }
        match self.trailer_signature {
            TrailerSignature::NotWanted | TrailerSignature::Seen => self.phase = Phase::Complete,
            // AWS's own example has empty lines between the trailers and their signature.
            TrailerSignature::Wanted => {}
        }
        Ok(())
    }
}

/// Reads 1 to 16 hexadecimal digits and nothing else.
fn parse_size(text: &[u8]) -> Result<u64, BodyFault> {
    const WRONG: BodyFault = BodyFault::Framing("a chunk size is not a hexadecimal number");
    if !text.iter().all(u8::is_ascii_hexdigit) || !(1..=16).contains(&text.len()) {
        return Err(WRONG);
    }
    let text = std::str::from_utf8(text).map_err(|_| WRONG)?;
    u64::from_str_radix(text, 16).map_err(|_| WRONG)
}

#[cfg(test)]
mod tests;
