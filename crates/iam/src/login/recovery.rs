//! Recovery codes: ten words to log in with once each, should the authenticator be lost.
//!
//! A code has 40 bits (the document prints 32): far too few for a plain hash, which one graphics card would search in minutes
//! if the store were stolen. So what is stored is an HMAC under a pepper that is sealed with the master key, which the store
//! does not hold; and guessing at the door is held back like guessing one-time passwords.

use super::limits::RECOVERY_CODES;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use baleen_runtime::Entropy;
use baleen_types::{AccountId, Secret, UserId};

/// Hex digits of a code (contract, RSEnableTFA).
pub(crate) const CODE_DIGITS: usize = 10;

/// What is stored of a code.
pub(crate) type CodeHash = [u8; 32];

/// The server's secret part of every code's hash.
pub(crate) struct Pepper(hmac::Key);

impl Pepper {
    pub(crate) fn new(secret: &Secret) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes()))
    }

    /// The hash of a user's code; another user's equal code has another hash.
    pub(crate) fn hash(&self, account: AccountId, user: UserId, code: &Secret) -> CodeHash {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(&account.as_u64().to_be_bytes());
        context.update(&user.as_u64().to_be_bytes());
        context.update(code.expose().as_bytes());
        context.sign().as_ref().try_into().expect("HMAC-SHA-256 has 32 bytes")
    }
}

/// Ten new codes.
pub(crate) fn generate(entropy: &dyn Entropy) -> Vec<Secret> {
    let code = |_| Secret::new(hex::encode(entropy.bytes::<{ CODE_DIGITS / 2 }>()));
    (0..RECOVERY_CODES).map(code).collect()
}

/// Which of the stored hashes a code has. All are compared, each in constant time.
pub(crate) fn find(stored: &[CodeHash], wanted: &CodeHash) -> Option<usize> {
    let mut found = None;
    for (index, hash) in stored.iter().enumerate() {
        if verify_slices_are_equal(hash, wanted).is_ok() {
            found = Some(index);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use baleen_runtime::SeededEntropy;

    #[test]
    fn ten_codes_each_found_once_and_only_for_their_user() {
        let codes = generate(&*SeededEntropy::new(1));
        assert_eq!(codes.len(), 10);
        assert!(
            codes
                .iter()
                .all(|c| c.expose().len() == 10 && c.expose().bytes().all(|b| b.is_ascii_hexdigit()))
        );
        let id = |n| (AccountId::from_entropy(n), UserId::from_entropy(n));
        let ((account, user), (_, other)) = (id(1), id(2));
        let pepper = Pepper::new(&Secret::new("pepper"));
        let mut stored: Vec<_> = codes.iter().map(|c| pepper.hash(account, user, c)).collect();
        for code in &codes {
            assert_eq!(find(&stored, &pepper.hash(account, other, code)), None);
            assert_eq!(
                find(&stored, &Pepper::new(&Secret::new("salt")).hash(account, user, code)),
                None
            );
            let index = find(&stored, &pepper.hash(account, user, code)).unwrap();
            stored.remove(index);
            assert_eq!(
                find(&stored, &pepper.hash(account, user, code)),
                None,
                "a code works once"
            );
        }
        assert!(stored.is_empty());
    }
}
