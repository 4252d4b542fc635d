//! What a key is used for, as the client says: the same has to be known when it is used again.

use crate::limits::CONTEXT_BYTES_MAX;
use aws_lc_rs::digest::{Context, SHA256};
use baleen_types::Invalid;
use std::collections::BTreeMap;

/// Pairs of texts that a key is bound to (AWS KMS, "Encryption context"). Not secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncryptionContext(BTreeMap<String, String>);

impl EncryptionContext {
    /// Takes pairs.
    ///
    /// # Errors
    /// Together they are longer than [`CONTEXT_BYTES_MAX`].
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, Invalid> {
        let pairs: BTreeMap<_, _> = pairs.into_iter().collect();
        let bytes: usize = pairs.iter().map(|(name, value)| name.len() + value.len()).sum();
        if bytes > CONTEXT_BYTES_MAX {
            let message = format!("at most {CONTEXT_BYTES_MAX} bytes are expected");
            return Err(Invalid::new("encryption context", message));
        }
        Ok(Self(pairs))
    }

    /// The pairs, by their names.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What keys are derived with: another one for each other context.
    pub(crate) fn purpose(&self) -> Vec<u8> {
        let mut digest = Context::new(&SHA256);
        for (name, value) in &self.0 {
            for text in [name, value] {
                // With their lengths, so that no two contexts are one text. Far below 4 GiB.
                digest.update(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
                digest.update(text.as_bytes());
            }
        }
        [b"kms".as_slice(), digest.finish().as_ref()].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> EncryptionContext {
        let pairs = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        EncryptionContext::new(pairs).unwrap()
    }

    #[test]
    fn each_context_has_a_purpose_of_its_own() {
        let all = [
            of(&[]),
            of(&[("a", "b")]),
            of(&[("ab", "")]),
            of(&[("", "ab")]),
            of(&[("a", "b"), ("c", "d")]),
            of(&[("a", "bcd")]),
        ];
        for (one, context) in all.iter().enumerate() {
            for (other, another) in all.iter().enumerate() {
                assert_eq!(
                    context.purpose() == another.purpose(),
                    one == other,
                    "{context:?} {another:?}"
                );
            }
        }
        assert_eq!(of(&[("c", "d"), ("a", "b")]).purpose(), all[4].purpose());
    }

    #[test]
    fn contexts_at_their_limit() {
        let pair = |bytes: usize| [("n".to_owned(), "v".repeat(bytes - 1))];
        assert!(EncryptionContext::new(pair(CONTEXT_BYTES_MAX)).is_ok());
        assert!(EncryptionContext::new(pair(CONTEXT_BYTES_MAX + 1)).is_err());
    }
}
