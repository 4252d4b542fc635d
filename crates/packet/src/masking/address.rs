//! Addresses under a key: who shares a prefix still does, and who an address was is known to none without the key.
//!
//! Source: Fan, Xu, Ammar, Moon, "Prefix-preserving IP address anonymization" (Crypto-PAn), with AES-128; for IPv6 the same over
//! 128 bits, as the tools do which have it. No address is left out of it, also none of a loopback or a group: an exception is a
//! place at which prefixes are not preserved.

use aws_lc_rs::cipher::{AES_128, EncryptingKey, UnboundCipherKey};
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;

const BLOCK: usize = 16;
/// Addresses remembered of each kind. A scan forgets them all at once; that costs its own time, and no memory.
const REMEMBERED_MAX: usize = 32 * 1024;
/// What makes an Ethernet address a block, which no beginning of an IP address filled up from the key is likely to be.
const MAC_BLOCK: [u8; BLOCK] = *b"\0\0\0\0\0\0ethernet48";
/// The bit of an Ethernet address that says: a group.
const MAC_GROUP: u8 = 1;
/// The bit that says: not given out by a maker.
const MAC_LOCAL: u8 = 2;

/// The key under which addresses become others; the same key makes the same of the same. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct AddressKey([u8; Self::BYTES]);

impl AddressKey {
    /// Bytes of a key.
    pub const BYTES: usize = 32;

    /// A key of these bytes.
    pub const fn new(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// Its bytes, for another host that masks under it.
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// Reads a key of 64 hexadecimal digits, in either case.
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 2 * Self::BYTES {
            return None;
        }
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
        let mut key = [0; Self::BYTES];
        for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Self(key))
    }
}

impl fmt::Debug for AddressKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AddressKey(..)")
    }
}

/// Addresses and what they became.
pub(super) struct Addresses {
    cipher: EncryptingKey,
    /// Fills up the bits of an address that are not looked at yet.
    pad: [u8; BLOCK],
    v4: Known<[u8; 4]>,
    v6: Known<[u8; 16]>,
    mac: Known<[u8; 6]>,
}

impl fmt::Debug for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Addresses(..)")
    }
}

impl Addresses {
    pub(super) fn new(key: &AddressKey) -> Self {
        let (cipher, pad) = key.0.split_at(BLOCK);
        let cipher = UnboundCipherKey::new(&AES_128, cipher)
            .and_then(EncryptingKey::ecb)
            .expect("AES-128 takes any key of 16 bytes");
        let mut block = [0; BLOCK];
        block.copy_from_slice(pad);
        encrypt(&cipher, &mut block);
        Self {
            cipher,
            pad: block,
            v4: Known::default(),
            v6: Known::default(),
            mac: Known::default(),
        }
    }

    pub(super) fn v4(&mut self, address: [u8; 4]) -> [u8; 4] {
        let (cipher, pad) = (&self.cipher, self.pad);
        self.v4.get(address, || preserving(cipher, pad, address))
    }

    pub(super) fn v6(&mut self, address: [u8; 16]) -> [u8; 16] {
        let (cipher, pad) = (&self.cipher, self.pad);
        self.v6.get(address, || preserving(cipher, pad, address))
    }

    /// Another address of the same kind: one to all and none at all stay, and a group stays one.
    pub(super) fn mac(&mut self, address: [u8; 6]) -> [u8; 6] {
        if address == [0xFF; 6] || address == [0; 6] {
            return address;
        }
        let cipher = &self.cipher;
        self.mac.get(address, || {
            let mut block = MAC_BLOCK;
            block[..6].copy_from_slice(&address);
            encrypt(cipher, &mut block);
            let mut masked = [0; 6];
            masked.copy_from_slice(&block[..6]);
            masked[0] = masked[0] & !MAC_GROUP | address[0] & MAC_GROUP | MAC_LOCAL;
            masked
        })
    }
}

/// Each bit is turned over or not by a cipher of the bits in front of it, and of nothing else.
fn preserving<const N: usize>(cipher: &EncryptingKey, pad: [u8; BLOCK], address: [u8; N]) -> [u8; N] {
    let mut blocks = [0; BLOCK * BLOCK * 8];
    let blocks = &mut blocks[..N * 8 * BLOCK];
    for (bits, block) in blocks.chunks_exact_mut(BLOCK).enumerate() {
        block.copy_from_slice(&pad);
        let (whole, rest) = (bits / 8, bits % 8);
        block[..whole].copy_from_slice(&address[..whole]);
        let from_address = !(0xFF_u8.checked_shr(u32::try_from(rest).unwrap_or(0)).unwrap_or(0));
        block[whole] = address[whole] & from_address | pad[whole] & !from_address;
    }
    encrypt(cipher, blocks);
    let mut masked = address;
    for (bit, block) in blocks.chunks_exact(BLOCK).enumerate() {
        masked[bit / 8] ^= (block[0] >> 7) << (7 - bit % 8);
    }
    masked
}

/// Encrypts whole blocks, each by itself.
fn encrypt(cipher: &EncryptingKey, blocks: &mut [u8]) {
    cipher.encrypt(blocks).expect("AES takes whole blocks");
}

/// What some addresses became.
struct Known<A>(HashMap<A, A>);

impl<A> Default for Known<A> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<A: Copy + Eq + Hash> Known<A> {
    fn get(&mut self, address: A, make: impl FnOnce() -> A) -> A {
        if let Some(known) = self.0.get(&address) {
            return *known;
        }
        if self.0.len() >= REMEMBERED_MAX {
            self.0.clear();
        }
        let made = make();
        self.0.insert(address, made);
        made
    }
}
