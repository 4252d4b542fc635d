//! Enrolment tokens as they are shown, once.

use baleen_types::{AccountId, Invalid, Secret};
use std::fmt;

/// What each begins with, so that one is known where it should not be.
const PREFIX: &str = "blagent1";

/// Random bytes in it.
const SECRET_BYTES: usize = 20;

/// A token: `blagent1.<account>.<secret>.<SHA-256 of the authority>`. The last lets an agent know the server it enrols at, before it has
/// anything else of it.
#[derive(Clone)]
pub struct AgentToken {
    text: Secret,
    /// Whose agent it makes.
    pub account: AccountId,
    /// The SHA-256 of the certificate of the authority that the server's certificate is of.
    pub authority: [u8; 32],
}

impl AgentToken {
    pub(crate) fn new(account: AccountId, secret: [u8; SECRET_BYTES], authority: [u8; 32]) -> Self {
        let text = format!("{PREFIX}.{account}.{}.{}", hex::encode(secret), hex::encode(authority));
        Self {
            text: Secret::new(text),
            account,
            authority,
        }
    }

    /// Reads one.
    ///
    /// # Errors
    /// What no token looks like; without its text.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        Self::read(text).ok_or_else(|| {
            Invalid::new(
                "enrolment token",
                "blagent1 and three more words between dots are expected",
            )
        })
    }

    fn read(text: &str) -> Option<Self> {
        let mut words = text.split('.');
        let (PREFIX, account, secret, authority, None) =
            (words.next()?, words.next()?, words.next()?, words.next()?, words.next())
        else {
            return None;
        };
        let account = AccountId::parse(account).ok()?;
        let mut bytes = [0; SECRET_BYTES];
        hex::decode_to_slice(secret, &mut bytes).ok()?;
        let mut sha256 = [0; 32];
        hex::decode_to_slice(authority, &mut sha256).ok()?;
        let token = Self::new(account, bytes, sha256);
        // One spelling each.
        (token.text.expose() == text).then_some(token)
    }

    /// All of it, to be shown once or to be signed.
    pub fn text(&self) -> &Secret {
        &self.text
    }

    /// What is stored of it.
    pub(crate) fn digest(&self) -> [u8; 32] {
        sha256(self.text.expose().as_bytes())
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(digest.as_ref());
    sha256
}

impl fmt::Debug for AgentToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AgentToken({}, hidden)", self.account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_one_spelling() {
        let account = AccountId::parse("123456789012").unwrap();
        let token = AgentToken::new(account, [0xab; 20], [0xcd; 32]);
        let text = token.text().expose().to_owned();
        assert_eq!(text.len(), 8 + 1 + 12 + 1 + 40 + 1 + 64);
        let read = AgentToken::parse(&text).unwrap();
        assert_eq!(
            (read.account, read.authority, read.digest()),
            (account, [0xcd; 32], token.digest())
        );
        assert!(!format!("{token:?}").contains("abab"));
        for wrong in [
            "",
            "blagent1",
            "blagent1...",
            &text.to_uppercase(),
            &text.replace("ab", "AB"),
            &text[1..],
            &text[..text.len() - 1],
            &format!("{text}."),
            &format!("{text}.x"),
            &format!(" {text}"),
            &text.replace("blagent1", "blagent2"),
            &text.replace("123456789012", "12345678901"),
            &text.replace("ab", "xy"),
        ] {
            let refused = AgentToken::parse(wrong).unwrap_err();
            assert!(!refused.to_string().contains("abab"), "{refused}");
        }
    }
}
