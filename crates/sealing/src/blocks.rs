//! Bodies at rest: sealed in blocks, so that a range opens what it touches and nothing else.
//!
//! Each piece of a body has a key of its own, derived (RFC 5869) of a [`BaseKey`] and a random [`Salt`]. A block is sealed with
//! AES-256-GCM; its nonce is its number and whether it is the last, so that under a piece's key no nonce comes twice, and
//! blocks that were swapped, repeated, cut off or of another piece do not open. What the piece is (its number in the object)
//! is bound to each block too.
//!
//! A sealed block with its tag is as long as a checksummed block of the volume: the two always lie on each other.
//!
//! | bytes of the nonce | |
//! | --- | --- |
//! | 0..8 | number of the block, big-endian |
//! | 8..11 | zero |
//! | 11 | 1 for the last block, else 0 |

use crate::{DoesNotOpen, NONCE_BYTES};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt as HkdfSalt};
use baleen_types::{Secret, ServedRange};
use bytes::Bytes;
use zeroize::Zeroizing;

/// Bytes of a key of which others are derived.
pub const BASE_KEY_BYTES: usize = 32;

/// Bytes of a body in one block.
pub const BLOCK_PLAIN_BYTES: usize = BLOCK_SEALED_BYTES - TAG_BYTES;

/// Bytes of a sealed block that is full.
pub const BLOCK_SEALED_BYTES: usize = 64 << 10;

const TAG_BYTES: usize = 16;

/// What keys of pieces are derived with, besides the salt and what the base key is for.
const DERIVATION: &[u8] = b"baleen blocks 1";

/// The same for tags, see [`BaseKey::tag`].
const TAG_DERIVATION: &[u8] = b"baleen block tag 1";

/// Random bytes that make the key of a piece another than that of all others; stored beside it.
pub type Salt = [u8; 16];

/// A key of which the keys of pieces are derived.
#[derive(Clone)]
pub struct BaseKey {
    bytes: Zeroizing<[u8; BASE_KEY_BYTES]>,
    /// What it is used for, in bytes that begin no other use's.
    purpose: Vec<u8>,
}

/// The key of one piece.
pub struct PieceKey {
    key: LessSafeKey,
    piece: [u8; 2],
}

impl BaseKey {
    /// Takes a key. Under another `purpose` other keys are derived of it.
    pub fn new(bytes: Zeroizing<[u8; BASE_KEY_BYTES]>, purpose: &[u8]) -> Self {
        Self {
            bytes,
            purpose: purpose.to_vec(),
        }
    }

    /// The key as a secret that can be sealed.
    pub fn to_secret(&self) -> Secret {
        let digits = Zeroizing::new(hex::encode(self.bytes.as_slice()));
        Secret::new(digits.as_str())
    }

    /// Reads what [`BaseKey::to_secret`] gave.
    ///
    /// # Errors
    /// It is none.
    pub fn from_secret(secret: &Secret, purpose: &[u8]) -> Result<Self, DoesNotOpen> {
        let mut bytes = Zeroizing::new([0; BASE_KEY_BYTES]);
        hex::decode_to_slice(secret.expose(), &mut *bytes).map_err(|_| DoesNotOpen)?;
        Ok(Self::new(bytes, purpose))
    }

    /// The key of the piece of that number in its object. A salt is for one piece only, or nonces would repeat.
    pub fn piece(&self, salt: &Salt, number: u16) -> PieceKey {
        let info = [DERIVATION, self.purpose.as_slice()];
        let prk = self.prk(salt);
        let key = prk.expand(&info, &AES_256_GCM);
        PieceKey {
            key: LessSafeKey::new(key.expect("one block is far below the limit").into()),
            piece: number.to_be_bytes(),
        }
    }

    /// Sixteen bytes that name a content without telling it: nobody without the key can see whether a content has them.
    pub fn tag(&self, salt: &Salt, content: &[u8]) -> [u8; 16] {
        self.derive(salt, content)
    }

    /// A value by which the key is known again, which tells nothing of it.
    pub fn check(&self, salt: &Salt) -> [u8; 32] {
        self.derive(salt, b"check")
    }

    fn derive<const N: usize>(&self, salt: &Salt, what: &[u8]) -> [u8; N] {
        let mut out = [0; N];
        let info = [TAG_DERIVATION, self.purpose.as_slice(), &[0], what];
        let prk = self.prk(salt);
        let filled = prk.expand(&info, Length(N)).and_then(|okm| okm.fill(&mut out));
        filled.expect("it is far below the limit");
        out
    }

    fn prk(&self, salt: &Salt) -> Prk {
        HkdfSalt::new(HKDF_SHA256, salt).extract(self.bytes.as_slice())
    }
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

impl std::fmt::Debug for BaseKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BaseKey(hidden)")
    }
}

impl PieceKey {
    /// Seals one block by itself, in place; the tag comes behind it. For who keeps the order of blocks and their lengths in
    /// another way than [`BlockSealer`]: under one key no number may come twice, and none of its blocks is the last.
    pub fn seal_block(&self, number: u64, block: &mut Vec<u8>) {
        self.seal(Place { number, is_last: false }, block);
    }

    /// Opens what [`PieceKey::seal_block`] sealed under that number.
    ///
    /// # Errors
    /// `DoesNotOpen`: it is another block, of another piece, or damaged.
    pub fn open_block(&self, number: u64, sealed: &[u8]) -> Result<Vec<u8>, DoesNotOpen> {
        self.open(Place { number, is_last: false }, sealed)
    }

    /// Seals a block in place: the tag comes behind it.
    fn seal(&self, at: Place, block: &mut Vec<u8>) {
        let sealed = self
            .key
            .seal_in_place_append_tag(at.nonce(), Aad::from(self.piece), block);
        sealed.expect("a block is far below the cipher's limit of 64 GiB");
    }

    fn open(&self, at: Place, sealed: &[u8]) -> Result<Vec<u8>, DoesNotOpen> {
        let cut = sealed.len().checked_sub(TAG_BYTES).ok_or(DoesNotOpen)?;
        let (block, tag) = sealed.split_at(cut);
        let mut plain = vec![0; block.len()];
        let opened = self
            .key
            .open_separate_gather(at.nonce(), Aad::from(self.piece), block, tag, &mut plain);
        opened.map_err(|_| DoesNotOpen)?;
        Ok(plain)
    }
}

/// Which block of its piece.
#[derive(Clone, Copy)]
struct Place {
    number: u64,
    is_last: bool,
}

impl Place {
    fn nonce(self) -> Nonce {
        let mut nonce = [0; NONCE_BYTES];
        nonce[..8].copy_from_slice(&self.number.to_be_bytes());
        nonce[NONCE_BYTES - 1] = u8::from(self.is_last);
        Nonce::assume_unique_for_key(nonce)
    }
}

/// Bytes that a piece of `plain` bytes has when it is sealed. A piece of none has none.
pub const fn sealed_length(plain: u64) -> u64 {
    plain + plain.div_ceil(BLOCK_PLAIN_BYTES as u64) * TAG_BYTES as u64
}

/// The sealed bytes that are needed to open a range of a piece of `size` bytes.
pub const fn sealed_range(range: ServedRange, size: u64) -> ServedRange {
    let first = range.first / BLOCK_PLAIN_BYTES as u64 * BLOCK_SEALED_BYTES as u64;
    let end = range.end().div_ceil(BLOCK_PLAIN_BYTES as u64) * BLOCK_SEALED_BYTES as u64;
    let all = sealed_length(size);
    let end = if end < all { end } else { all };
    ServedRange {
        first,
        length: end.saturating_sub(first),
    }
}

/// Seals a piece as its bytes come.
pub struct BlockSealer {
    key: PieceKey,
    /// The block that is being filled. A full one waits here, since it may be the last.
    block: Vec<u8>,
    number: u64,
}

impl BlockSealer {
    /// Begins a piece.
    pub fn new(key: PieceKey) -> Self {
        Self {
            key,
            block: Vec::new(),
            number: 0,
        }
    }

    /// Takes bytes, and gives the block that is sealed now, if one is: call it until nothing is left of them.
    pub fn push(&mut self, bytes: &mut Bytes) -> Option<Bytes> {
        if bytes.is_empty() {
            return None;
        }
        let full = (self.block.len() == BLOCK_PLAIN_BYTES).then(|| self.close(false));
        let room = BLOCK_PLAIN_BYTES - self.block.len();
        if self.block.capacity() < BLOCK_SEALED_BYTES && self.block.len() + bytes.len() > self.block.capacity() {
            // Grown once: a block that is not the last gets full.
            self.block.reserve_exact(BLOCK_SEALED_BYTES - self.block.len());
        }
        self.block.extend_from_slice(&bytes.split_to(room.min(bytes.len())));
        full
    }

    /// Ends the piece: its last block, unless it has none.
    pub fn finish(mut self) -> Option<Bytes> {
        (!self.block.is_empty()).then(|| self.close(true))
    }

    fn close(&mut self, is_last: bool) -> Bytes {
        let mut block = std::mem::take(&mut self.block);
        let number = self.number;
        self.number += 1;
        self.key.seal(Place { number, is_last }, &mut block);
        block.into()
    }
}

/// Opens the blocks of a range, one after the other.
pub struct BlockOpener {
    key: PieceKey,
    size: u64,
    number: u64,
    /// What is still wanted.
    wanted: ServedRange,
}

impl BlockOpener {
    /// For a range of a piece of `size` bytes; it wants the blocks of [`sealed_range`].
    pub fn new(key: PieceKey, wanted: ServedRange, size: u64) -> Self {
        Self {
            key,
            size,
            number: wanted.first / BLOCK_PLAIN_BYTES as u64,
            wanted,
        }
    }

    /// Opens the next block, which must be there as a whole, and gives what of it is wanted.
    ///
    /// # Errors
    /// `DoesNotOpen`, also for a block too many.
    pub fn open(&mut self, sealed: &[u8]) -> Result<Bytes, DoesNotOpen> {
        let first = self.number * BLOCK_PLAIN_BYTES as u64;
        let left = self
            .size
            .checked_sub(first)
            .filter(|left| *left > 0)
            .ok_or(DoesNotOpen)?;
        let place = Place {
            number: self.number,
            is_last: left <= BLOCK_PLAIN_BYTES as u64,
        };
        let plain = Bytes::from(self.key.open(place, sealed)?);
        if plain.len() as u64 != left.min(BLOCK_PLAIN_BYTES as u64) {
            return Err(DoesNotOpen);
        }
        self.number += 1;
        let within = |at: u64| {
            let at = usize::try_from(at.saturating_sub(first)).unwrap_or(usize::MAX);
            at.min(plain.len())
        };
        Ok(plain.slice(within(self.wanted.first)..within(self.wanted.end())))
    }
}

impl std::fmt::Debug for PieceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PieceKey(hidden)")
    }
}

#[cfg(test)]
mod tests;
