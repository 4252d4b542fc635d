//! Secrets at rest: sealed with AES-256-GCM under a master key which is kept outside the store.
//!
//! Pure: the keys and the nonces are handed in. A sealed secret is bound to a [`Context`], so that it opens only in the
//! place it was sealed for: a secret copied from one record into another does not open there.
//!
//! A store has a [`Ring`] of numbered keys: the newest seals, all open, and what is sealed begins with the number of its
//! key. So a key is changed while the store is in use, and what was sealed before is sealed anew at leisure.
//!
//! Bodies, which are long and read in ranges, are sealed in [`blocks`], under keys derived of one that is sealed as a secret.
//!
//! Left out: where keys are kept, and who goes through the records that hold something sealed.

pub mod blocks;
mod ring;

pub use ring::{BadRing, KeyNumber, MasterKey, RING_KEYS_MAX, RING_TEXT_BYTES_MAX, Ring};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Prk, Salt};
use baleen_types::{Classify, FaultKind, Secret};
use parking_lot::RwLock;
use zeroize::Zeroizing;

/// Bytes in a master key.
pub const MASTER_KEY_BYTES: usize = 32;

/// Random bytes that each sealing needs; never the same twice under one key.
pub const NONCE_BYTES: usize = NONCE_LEN;

/// The form of the first releases: this byte, nonce, ciphertext, tag; under key 1.
const FORM_1: u8 = 1;

/// The form after that: this byte, the key's number in two bytes, nonce, ciphertext, tag.
const FORM_2: u8 = 2;

/// The form this code writes: as [`FORM_2`], and under the key that the purpose has of the master key.
const FORM_3: u8 = 3;

/// What keys of purposes are derived with, besides the purpose.
const DERIVATION: &[u8] = b"baleen sealing 1";

/// Seals under the newest key of a ring, and opens under all of them.
pub struct Sealer(RwLock<Keys>);

/// The keys by number: that of number n lies at n − first. Never empty.
struct Keys {
    first: u16,
    roots: Vec<Root>,
    newest: KeyNumber,
}

/// A master key as it is used. Each purpose has a key of its own of it (RFC 5869), so that what anybody may have sealed at will
/// (markers of pages, cookies) draws its nonces under another key than stored secrets do.
struct Root {
    purposes: Prk,
    /// For what [`FORM_1`] and [`FORM_2`] sealed, under the master key itself.
    itself: LessSafeKey,
}

/// Where a secret belongs: a purpose and the id of the record that holds it ("access-key", "AKIA…").
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// What the secret is for; one constant per kind of record.
    pub purpose: &'static str,
    /// Which record it belongs to.
    pub id: &'a str,
}

/// A secret that does not open: another master key, another place, or damaged bytes. Which of them cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DoesNotOpen;

impl std::fmt::Display for DoesNotOpen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a sealed secret does not open: the master key is another one, or the record is damaged")
    }
}

impl std::error::Error for DoesNotOpen {}

impl Classify for DoesNotOpen {
    fn kind(&self) -> FaultKind {
        FaultKind::Corrupt
    }
}

impl Sealer {
    /// A sealer for one master key, the first of its store.
    pub fn new(master_key: &MasterKey) -> Self {
        Self::of(&Ring::single(master_key.clone()))
    }

    /// A sealer for a ring.
    pub fn of(ring: &Ring) -> Self {
        Self(RwLock::new(Keys::of(ring)))
    }

    /// Works with another ring from now on. What was sealed under a key that is not in it does not open any more.
    pub fn take(&self, ring: &Ring) {
        *self.0.write() = Keys::of(ring);
    }

    /// The key that seals.
    pub fn newest(&self) -> KeyNumber {
        self.0.read().newest
    }

    /// Seals `secret` for one place, with a fresh random `nonce`.
    pub fn seal(&self, context: Context<'_>, secret: &Secret, nonce: [u8; NONCE_BYTES]) -> Vec<u8> {
        let keys = self.0.read();
        keys.seal(keys.newest, context, secret, nonce)
            .expect("the newest key is in the ring")
    }

    /// Opens what [`Sealer::seal`] made for the same place.
    pub fn open(&self, context: Context<'_>, sealed: &[u8]) -> Result<Secret, DoesNotOpen> {
        self.0.read().open(context, sealed)
    }

    /// Seals under one key of the ring, which need not be the newest; `None` when it is not in the ring.
    pub fn seal_under(
        &self,
        number: KeyNumber,
        context: Context<'_>,
        secret: &Secret,
        nonce: [u8; NONCE_BYTES],
    ) -> Option<Vec<u8>> {
        self.0.read().seal(number, context, secret, nonce)
    }

    /// Seals anew what is sealed under another key than the newest; tells whether it was.
    ///
    /// # Errors
    /// `DoesNotOpen`: then it is as it was.
    pub fn reseal(
        &self,
        context: Context<'_>,
        sealed: &mut Vec<u8>,
        nonce: [u8; NONCE_BYTES],
    ) -> Result<bool, DoesNotOpen> {
        let keys = self.0.read();
        if sealed_under(sealed) == Some(keys.newest) {
            return Ok(false);
        }
        let secret = keys.open(context, sealed)?;
        let anew = keys.seal(keys.newest, context, &secret, nonce);
        *sealed = anew.ok_or(DoesNotOpen)?;
        Ok(true)
    }
}

/// Which key opens this, if it is something sealed at all.
pub fn sealed_under(sealed: &[u8]) -> Option<KeyNumber> {
    parts(sealed).map(|parts| parts.number)
}

struct Parts<'a> {
    form: u8,
    number: KeyNumber,
    nonce: [u8; NONCE_BYTES],
    /// With its tag.
    ciphertext: &'a [u8],
}

fn parts(sealed: &[u8]) -> Option<Parts<'_>> {
    let (form, rest) = sealed.split_first()?;
    let (number, rest) = match (*form, rest) {
        (FORM_1, rest) => (KeyNumber::FIRST, rest),
        (FORM_2 | FORM_3, [high, low, rest @ ..]) => (KeyNumber::new(u16::from_be_bytes([*high, *low]))?, rest),
        _ => return None,
    };
    let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_BYTES>()?;
    Some(Parts {
        form: *form,
        number,
        nonce: *nonce,
        ciphertext,
    })
}

impl Root {
    fn of(key: &MasterKey) -> Self {
        let itself = UnboundKey::new(&AES_256_GCM, key.as_slice()).expect("the key has the cipher's length by type");
        Self {
            purposes: Salt::new(HKDF_SHA256, DERIVATION).extract(key.as_slice()),
            itself: LessSafeKey::new(itself),
        }
    }

    fn for_purpose(&self, purpose: &str) -> LessSafeKey {
        let info = [purpose.as_bytes()];
        let key = self.purposes.expand(&info, &AES_256_GCM);
        LessSafeKey::new(key.expect("one block is far below the limit").into())
    }
}

impl Keys {
    fn of(ring: &Ring) -> Self {
        Self {
            first: ring.first().get(),
            roots: ring.keys().map(|(_, key)| Root::of(key)).collect(),
            newest: ring.newest(),
        }
    }

    fn root(&self, number: KeyNumber) -> Option<&Root> {
        let at = number.get().checked_sub(self.first)?;
        self.roots.get(usize::from(at))
    }

    fn seal(
        &self,
        number: KeyNumber,
        context: Context<'_>,
        secret: &Secret,
        nonce: [u8; NONCE_BYTES],
    ) -> Option<Vec<u8>> {
        let key = self.root(number)?.for_purpose(context.purpose);
        let mut bytes = Vec::with_capacity(secret.expose().len() + AES_256_GCM.tag_len());
        bytes.extend_from_slice(secret.expose().as_bytes());
        let context = Aad::from(context.bytes());
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), context, &mut bytes)
            .expect("a secret is far below the cipher's limit of 64 GiB");
        let mut sealed = Vec::with_capacity(3 + NONCE_BYTES + bytes.len());
        sealed.push(FORM_3);
        sealed.extend_from_slice(&number.get().to_be_bytes());
        sealed.extend_from_slice(&nonce);
        sealed.append(&mut bytes);
        Some(sealed)
    }

    fn open(&self, context: Context<'_>, sealed: &[u8]) -> Result<Secret, DoesNotOpen> {
        let parts = parts(sealed).ok_or(DoesNotOpen)?;
        let root = self.root(parts.number).ok_or(DoesNotOpen)?;
        let derived = (parts.form == FORM_3).then(|| root.for_purpose(context.purpose));
        let key = derived.as_ref().unwrap_or(&root.itself);
        let mut bytes = Zeroizing::new(parts.ciphertext.to_vec());
        let nonce = Nonce::assume_unique_for_key(parts.nonce);
        let plain = key
            .open_in_place(nonce, Aad::from(context.bytes()), &mut bytes)
            .map_err(|_| DoesNotOpen)?;
        std::str::from_utf8(plain).map(Secret::new).map_err(|_| DoesNotOpen)
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(hidden)")
    }
}

impl Context<'_> {
    /// Unambiguous, since a purpose holds no NUL.
    fn bytes(&self) -> Vec<u8> {
        [self.purpose.as_bytes(), &[0], self.id.as_bytes()].concat()
    }
}

#[cfg(test)]
mod tests;
