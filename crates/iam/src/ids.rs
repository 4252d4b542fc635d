//! Ids and secrets that the service makes. Their alphabets are those which tools expect of AWS.

use baleen_runtime::Entropy;
use baleen_types::{AccessKeyId, Secret};

/// Characters in a generated secret key: 40 of 62 letters and digits are 238 bits, and no tool has to escape them.
const SECRET_KEY_CHARACTERS: usize = 40;

/// Characters behind the prefix of the id of a policy or a version.
const POLICY_ID_CHARACTERS: usize = 17;

const BASE_32: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const CAPITALS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// `AKIA` and 16 characters of base 32, as AWS makes them and tools expect them (identity contract, section 1).
pub(crate) fn access_key_id(entropy: &dyn Entropy) -> AccessKeyId {
    AccessKeyId::parse(&format!("AKIA{}", draw(entropy, BASE_32, 16))).expect("20 letters and digits fit")
}

/// `STX` and 21 letters and digits, as in the document.
pub(crate) fn session_id(entropy: &dyn Entropy) -> AccessKeyId {
    let drawn = draw(entropy, CAPITALS, AccessKeyId::SESSION_CHARACTERS);
    AccessKeyId::parse(&format!("{}{drawn}", AccessKeyId::SESSION_PREFIX)).expect("24 letters and digits fit")
}

/// `ANPA` and 17 characters: a managed policy.
pub(crate) fn policy_id(entropy: &dyn Entropy) -> String {
    format!("ANPA{}", draw(entropy, CAPITALS, POLICY_ID_CHARACTERS))
}

/// `ANVA` and 17 characters: one document of a policy.
pub(crate) fn version_id(entropy: &dyn Entropy) -> String {
    format!("ANVA{}", draw(entropy, CAPITALS, POLICY_ID_CHARACTERS))
}

/// The secret half of a key.
pub(crate) fn secret_key(entropy: &dyn Entropy) -> Secret {
    Secret::new(draw(entropy, LETTERS, SECRET_KEY_CHARACTERS))
}

/// The token that accompanies the key of an assumed role: 256 random bits.
pub(crate) fn session_token(entropy: &dyn Entropy) -> Secret {
    Secret::new(hex::encode(entropy.bytes::<32>()))
}

/// Draws characters, each equally likely: bytes above the last multiple of the alphabet's size are dropped.
fn draw(entropy: &dyn Entropy, alphabet: &[u8], characters: usize) -> String {
    let fair_end = 256 - 256 % alphabet.len();
    let mut text = String::with_capacity(characters);
    while text.len() < characters {
        let fair = entropy
            .bytes::<64>()
            .into_iter()
            .map(usize::from)
            .filter(|b| *b < fair_end);
        text.extend(
            fair.take(characters - text.len())
                .map(|b| char::from(alphabet[b % alphabet.len()])),
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use baleen_runtime::SeededEntropy;

    #[test]
    fn ids_have_the_lengths_that_tools_expect() {
        let entropy = SeededEntropy::new(5);
        for _ in 0..50 {
            let (key, session) = (access_key_id(&*entropy), session_id(&*entropy));
            assert_eq!((key.is_of_session(), session.is_of_session()), (false, true));
            assert_eq!(key.as_str().len(), 20);
            assert_eq!(session.as_str().len(), 24);
            assert_eq!(policy_id(&*entropy).len(), 21);
            assert_eq!(version_id(&*entropy).len(), 21);
            let secret = secret_key(&*entropy);
            assert_eq!(secret.expose().len(), SECRET_KEY_CHARACTERS);
            assert!(secret.expose().bytes().all(|b| b.is_ascii_alphanumeric()));
        }
    }
}
