//! Secrets at rest: sealed with AES-256-GCM under a master key which is kept outside the store.
//!
//! Pure: the key and the nonces are handed in. A sealed secret is bound to a [`Context`], so that it opens only in the
//! place it was sealed for: a secret copied from one record into another does not open there.
//!
//! Left out: rotation of the master key. The first byte of a sealed secret names the form, so that a key number can follow.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use baleen_types::{Classify, FaultKind, Secret};
use zeroize::Zeroizing;

/// Bytes in a master key.
pub const MASTER_KEY_BYTES: usize = 32;

/// Random bytes that each sealing needs; never the same twice under one key.
pub const NONCE_BYTES: usize = NONCE_LEN;

/// The form this code writes: version byte, nonce, ciphertext, tag.
const FORM_1: u8 = 1;

/// Seals and opens secrets under one master key.
pub struct Sealer(LessSafeKey);

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
    /// A sealer for one master key.
    pub fn new(master_key: &Zeroizing<[u8; MASTER_KEY_BYTES]>) -> Self {
        let key =
            UnboundKey::new(&AES_256_GCM, master_key.as_slice()).expect("the key has the cipher's length by type");
        Self(LessSafeKey::new(key))
    }

    /// Seals `secret` for one place, with a fresh random `nonce`.
    pub fn seal(&self, context: Context<'_>, secret: &Secret, nonce: [u8; NONCE_BYTES]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1 + NONCE_BYTES + secret.expose().len() + 16);
        bytes.extend_from_slice(secret.expose().as_bytes());
        self.0
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(context.bytes()),
                &mut bytes,
            )
            .expect("a secret is far below the cipher's limit of 64 GiB");
        let mut sealed = vec![FORM_1];
        sealed.extend_from_slice(&nonce);
        sealed.append(&mut bytes);
        sealed
    }

    /// Opens what [`Sealer::seal`] made for the same place.
    pub fn open(&self, context: Context<'_>, sealed: &[u8]) -> Result<Secret, DoesNotOpen> {
        let (&form, rest) = sealed.split_first().ok_or(DoesNotOpen)?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(DoesNotOpen)?;
        if form != FORM_1 {
            return Err(DoesNotOpen);
        }
        let mut bytes = Zeroizing::new(ciphertext.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let plain = self
            .0
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
