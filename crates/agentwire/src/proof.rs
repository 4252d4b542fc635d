//! The proof that a public key is one's own.
//!
//! An agent asks for a certificate of its key. Requests of PKCS#10 say more than that (names, purposes, extensions), all of which would
//! have to be read before anybody is known, and then be ignored. So the request is the key alone, signed with itself together with what
//! it is for.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

/// Bytes of a public key: a point on P-256, uncompressed (SEC 1, 2.3.3).
pub const PUBLIC_KEY_BYTES: usize = 65;

/// Longest signature: two numbers of 33 bytes in ASN.1.
const SIGNATURE_BYTES_MAX: usize = 80;

/// What a certificate is asked for with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose<'a> {
    /// The token of an enrolment.
    Enrol {
        /// All of it.
        token: &'a str,
    },
    /// The certificate that is to be renewed.
    Renew {
        /// Its SHA-256.
        certificate: &'a [u8; 32],
    },
}

/// A public key with the proof that it is the sender's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyProof {
    /// The key.
    pub public_key: Vec<u8>,
    /// ECDSA with SHA-256 over [`KeyProof::signed_text`], in ASN.1.
    pub signature: Vec<u8>,
}

/// A key that is none, or not the sender's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key is not a P-256 key of the sender")]
pub struct BadProof;

impl KeyProof {
    /// What is signed.
    pub fn signed_text(public_key: &[u8], purpose: Purpose<'_>) -> Vec<u8> {
        let (word, with) = match purpose {
            Purpose::Enrol { token } => (&b"baleen agent enrol 1\0"[..], token.as_bytes()),
            Purpose::Renew { certificate } => (&b"baleen agent renew 1\0"[..], &certificate[..]),
        };
        // The key is of one length, so that nothing can be moved from one to the other.
        [word, public_key, with].concat()
    }

    /// The key, if it is one, and the sender's.
    ///
    /// # Errors
    /// `BadProof`, without saying of what.
    pub fn check(&self, purpose: Purpose<'_>) -> Result<&[u8; PUBLIC_KEY_BYTES], BadProof> {
        let key: &[u8; PUBLIC_KEY_BYTES] = self.public_key.as_slice().try_into().map_err(|_| BadProof)?;
        // Uncompressed alone: each key has one spelling.
        if key[0] != 4 || self.signature.len() > SIGNATURE_BYTES_MAX {
            return Err(BadProof);
        }
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key)
            .verify(&Self::signed_text(key, purpose), &self.signature)
            .map_err(|_| BadProof)?;
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};

    const ENROL: Purpose<'static> = Purpose::Enrol { token: "token" };

    fn proof(purpose: Purpose<'_>) -> KeyProof {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let public_key = pair.public_key().as_ref().to_vec();
        let text = KeyProof::signed_text(&public_key, purpose);
        KeyProof {
            signature: pair.sign(&SystemRandom::new(), &text).unwrap().as_ref().to_vec(),
            public_key,
        }
    }

    #[test]
    fn only_ones_own_key_for_what_it_was_signed_for() {
        let good = proof(ENROL);
        assert_eq!(good.check(ENROL).unwrap().as_slice(), good.public_key);
        let certificate = &[7; 32];
        assert!(
            proof(Purpose::Renew { certificate })
                .check(Purpose::Renew { certificate })
                .is_ok()
        );
        for purpose in [
            Purpose::Enrol { token: "other" },
            Purpose::Enrol { token: "" },
            Purpose::Enrol { token: "tokentoken" },
            Purpose::Renew { certificate },
        ] {
            assert_eq!(good.check(purpose), Err(BadProof), "{purpose:?}");
        }
        // A signature over another key, which somebody else has.
        let other = proof(ENROL);
        let stolen = KeyProof {
            public_key: other.public_key,
            signature: good.signature.clone(),
        };
        assert_eq!(stolen.check(ENROL), Err(BadProof));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let good = proof(ENROL);
        let mut compressed = good.public_key[..33].to_vec();
        compressed[0] = 2 + (good.public_key[64] & 1);
        let mut off_the_curve = good.public_key.clone();
        off_the_curve[64] ^= 1;
        let mut hybrid = good.public_key.clone();
        hybrid[0] = 6;
        for key in [
            Vec::new(),
            vec![0],
            vec![4; 65],
            vec![0; 65],
            vec![4; 97],
            compressed,
            off_the_curve,
            hybrid,
        ] {
            let bad = KeyProof {
                public_key: key,
                ..good.clone()
            };
            assert_eq!(bad.check(ENROL), Err(BadProof), "{:?}", bad.public_key);
        }
        for signature in [Vec::new(), vec![0x30, 0], vec![0; 72], vec![0xff; 10_000]] {
            let bad = KeyProof {
                signature,
                ..good.clone()
            };
            assert_eq!(bad.check(ENROL), Err(BadProof));
        }
    }
}
