//! Passwords: one spelling of each, and the rules for new ones.
//!
//! A password is compared in Unicode's composed form (NFC), so that an accent typed on one machine as one code point and on
//! another as two is the same password. Lengths are counted in characters of that form.

use super::limits::{PASSWORD_CHARACTERS_MAX, PASSWORD_CHARACTERS_MIN};
use baleen_types::Secret;
use std::collections::HashSet;
use std::sync::LazyLock;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// Passwords that guessers try first, in lower case. Only those that the other rules let pass in some spelling; none of the
/// document's examples is among them.
static COMMON: LazyLock<HashSet<&str>> = LazyLock::new(|| include_str!("common_passwords.txt").lines().collect());

/// A new password that keeps the rules; nothing else is ever stored.
#[derive(Clone, Debug)]
pub struct NewPassword(Secret);

/// A password as somebody gives it to prove who they are. Any text; only its form is settled.
#[derive(Clone, Debug)]
pub struct GivenPassword(Option<Secret>);

/// Which rule a new password breaks (seed 004, "ChangePassword"; contract, "PasswordPolicyViolation").
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyViolation {
    /// Fewer than [`PASSWORD_CHARACTERS_MIN`] characters.
    #[error("the password must have at least {PASSWORD_CHARACTERS_MIN} characters")]
    TooShort,
    /// More than [`PASSWORD_CHARACTERS_MAX`] characters.
    #[error("the password must have at most {PASSWORD_CHARACTERS_MAX} characters")]
    TooLong,
    /// No digit.
    #[error("the password must contain a digit")]
    NoDigit,
    /// No lower-case letter.
    #[error("the password must contain a lower-case letter")]
    NoLower,
    /// No upper-case letter.
    #[error("the password must contain an upper-case letter")]
    NoUpper,
    /// On the list of those that guessers try first, whatever its case.
    #[error("the password is one of the most common ones; choose another")]
    Common,
    /// The one that has to be changed.
    #[error("the password must differ from the one it replaces")]
    Unchanged,
}

impl NewPassword {
    /// Checks the rules.
    ///
    /// ```
    /// use baleen_iam::NewPassword;
    /// use baleen_types::Secret;
    /// assert!(NewPassword::parse(&Secret::new("Password22")).is_ok());
    /// assert!(NewPassword::parse(&Secret::new("password22")).is_err());
    /// ```
    pub fn parse(text: &Secret) -> Result<Self, PolicyViolation> {
        // Normalising costs time and memory in proportion, so what is too long in any form is refused before.
        let given = text.expose();
        if given.len() > NFC_BYTES_MAX {
            return Err(PolicyViolation::TooLong);
        }
        let text = composed(given);
        let characters = text.chars().count();
        if characters < PASSWORD_CHARACTERS_MIN {
            return Err(PolicyViolation::TooShort);
        }
        if characters > PASSWORD_CHARACTERS_MAX {
            return Err(PolicyViolation::TooLong);
        }
        let has = |wanted: fn(char) -> bool| text.chars().any(wanted);
        if !has(|c| c.is_ascii_digit()) {
            return Err(PolicyViolation::NoDigit);
        }
        if !has(char::is_lowercase) {
            return Err(PolicyViolation::NoLower);
        }
        if !has(char::is_uppercase) {
            return Err(PolicyViolation::NoUpper);
        }
        if COMMON.contains(Zeroizing::new(text.to_lowercase()).as_str()) {
            return Err(PolicyViolation::Common);
        }
        Ok(Self(Secret::new(text.as_str())))
    }

    /// The bytes that are hashed.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.expose().as_bytes()
    }
}

impl GivenPassword {
    /// Takes any text. One too long to be a password of ours is remembered as wrong, and costs the same work as others.
    pub fn new(text: &Secret) -> Self {
        let given = text.expose();
        if given.len() > NFC_BYTES_MAX {
            return Self(None);
        }
        let text = composed(given);
        let fits = text.chars().count() <= PASSWORD_CHARACTERS_MAX;
        Self(fits.then(|| Secret::new(text.as_str())))
    }

    /// The bytes to verify, or `None` when the password cannot be right.
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        self.0.as_ref().map(|text| text.expose().as_bytes())
    }
}

/// The longest text that can become a password: a character of up to 4 bytes of which NFC may compose several; 18 code points
/// per character is Unicode's own bound for the other direction (UAX #15, "Stream-Safe": at most 30 marks), so this is generous
/// and still small.
const NFC_BYTES_MAX: usize = PASSWORD_CHARACTERS_MAX * 4 * 4;

fn composed(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.nfc().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<(), PolicyViolation> {
        NewPassword::parse(&Secret::new(text)).map(drop)
    }

    #[test]
    fn each_rule_at_under_and_over() {
        use PolicyViolation as P;
        let long = |n: usize| format!("Aa1{}", "x".repeat(n - 3));
        for (text, expected) in [
            ("", Err(P::TooShort)),
            ("Bluewha12", Err(P::TooShort)),
            ("Bluewhal12", Ok(())),
            (long(127).as_str(), Ok(())),
            (long(128).as_str(), Ok(())),
            (long(129).as_str(), Err(P::TooLong)),
            (long(1 << 20).as_str(), Err(P::TooLong)),
            ("Abcdefghij", Err(P::NoDigit)),
            ("ABCDEFG123", Err(P::NoLower)),
            ("abcdefg123", Err(P::NoUpper)),
            ("1234567890", Err(P::NoLower)),
            // a digit is one of 0 to 9; letters are those of any script that has cases
            ("Abcdefghi٣", Err(P::NoDigit)),
            ("Ωωωωωωωωω1", Ok(())),
            // ten characters in any spelling, nine of them composed
            ("Ae\u{301}luewha12", Ok(())),
            ("Ae\u{301}luewh12", Err(P::TooShort)),
            ("Password123", Err(P::Common)),
            ("pAsSwOrD123", Err(P::Common)),
            ("1Qaz2Wsx3Edc", Err(P::Common)),
            // the document's examples
            ("Password00", Ok(())),
            ("Password01", Ok(())),
            ("Password22", Ok(())),
            ("Password24", Ok(())),
            ("Hg27TxBBfOzZntb", Ok(())),
        ] {
            assert_eq!(check(text), expected, "{text:.40}");
        }
    }

    #[test]
    fn every_common_password_would_pass_the_other_rules_in_some_spelling() {
        assert!(COMMON.len() > 500);
        for common in COMMON.iter() {
            let upper = common.replacen(|c: char| c.is_ascii_lowercase(), "É", 1);
            assert_eq!(check(&upper), Ok(()), "{common}");
            let spelled = common.replacen(
                |c: char| c.is_ascii_lowercase(),
                &common
                    .chars()
                    .find(char::is_ascii_lowercase)
                    .unwrap()
                    .to_uppercase()
                    .to_string(),
                1,
            );
            assert_eq!(check(&spelled), Err(PolicyViolation::Common), "{common}");
            assert_eq!(*common, common.to_lowercase());
        }
    }

    #[test]
    fn two_spellings_are_one_password() {
        let one = NewPassword::parse(&Secret::new("Caf\u{e9}-au-lait1")).unwrap();
        let two = GivenPassword::new(&Secret::new("Cafe\u{301}-au-lait1"));
        assert_eq!(Some(one.bytes()), two.bytes());
    }

    #[test]
    fn what_is_too_long_cannot_be_right() {
        for (text, possible) in [
            (String::new(), true),
            ("x".repeat(128), true),
            ("x".repeat(129), false),
            ("e\u{301}".repeat(128), true),
            ("e\u{301}".repeat(129), false),
            ("\u{301}".repeat(1 << 20), false),
        ] {
            assert_eq!(GivenPassword::new(&Secret::new(text)).bytes().is_some(), possible);
        }
    }

    #[test]
    fn debug_hides_it() {
        let canary = Secret::new("Canary-7-Canary");
        let shown = format!("{:?} {:?}", NewPassword::parse(&canary), GivenPassword::new(&canary));
        assert!(!shown.contains("Canary"), "{shown}");
    }
}
