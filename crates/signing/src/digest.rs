//! SHA-256 and HMACs, so that callers need not know the library behind them.

use aws_lc_rs::{digest, hmac};

/// The SHA-256 of `bytes`.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    to_array(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// A running SHA-256, for bodies that pass by in pieces.
#[derive(Clone)]
pub struct Sha256(digest::Context);

impl Sha256 {
    /// An empty hash.
    #[must_use]
    pub fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash of everything added since the start or since the last call, and a fresh start.
    pub fn finish_reset(&mut self) -> [u8; 32] {
        let context = std::mem::replace(&mut self.0, digest::Context::new(&digest::SHA256));
        to_array(context.finish().as_ref())
    }
}

impl Default for Sha256 {
    fn default() -> Self {
        Self::new()
    }
}

/// A key for HMAC-SHA256, prepared once.
#[derive(Clone)]
pub struct Hmac(hmac::Key);

impl Hmac {
    /// Prepares a key.
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The authentication code of `message`.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 32] {
        to_array(hmac::sign(&self.0, message).as_ref())
    }
}

/// The HMAC-SHA1 of `message`, for Signature Version 2 alone.
pub(crate) fn hmac_sha1(key: &[u8], message: &[u8]) -> [u8; 20] {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    to_array(hmac::sign(&key, message).as_ref())
}

/// Compares without telling by its duration where the difference is.
#[must_use]
pub fn equal_in_constant_time(left: &[u8], right: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(left, right).is_ok()
}

fn to_array<const BYTES: usize>(bytes: &[u8]) -> [u8; BYTES] {
    let mut out = [0; BYTES];
    out.copy_from_slice(bytes);
    out
}
