//! What a signature should have been made over, for who has to find out why his is another.

use std::fmt;

/// The texts of a signature that did not match: of the request as it came in, in the spelling that is tried first. They hold nothing but
/// what the sender has sent, and no signature but his.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedTexts {
    /// Who claims to have signed.
    pub access_key_id: String,
    /// The signature that was sent.
    pub signature: String,
    /// What is signed.
    pub string_to_sign: Vec<u8>,
    /// What that holds the digest of; none of a form, and none with Version 2.
    pub canonical_request: Option<Vec<u8>>,
}

// A session token or a customer's key may be among the headers.
impl fmt::Debug for SignedTexts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedTexts")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}
