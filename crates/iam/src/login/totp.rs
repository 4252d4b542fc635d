//! One-time passwords by time (RFC 6238): SHA-1, 6 digits, steps of 30 s, one step of skew either way.
//!
//! These are the parameters that every authenticator knows; many ignore others without a word. Which step a code belongs to
//! is told, so that whoever stores it can see to it that a step is used once (RFC 6238, section 5.2).

use baleen_runtime::Entropy;
use baleen_types::{Secret, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use totp_rs::{Algorithm, Builder, Totp};
use zeroize::Zeroizing;

/// Bytes of a secret: 160 bits, as RFC 4226 recommends.
const SECRET_BYTES: usize = 20;
const DIGITS: u8 = 6;
const STEP_SECONDS: u64 = 30;
const SKEW_STEPS: u16 = 1;

/// What need not be escaped in a URL (RFC 3986, section 2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The secret that a user's authenticator shares with us.
#[derive(Clone)]
pub struct TotpSecret(Zeroizing<[u8; SECRET_BYTES]>);

/// A code as a user types it.
#[derive(Clone, Debug)]
pub enum Code {
    /// Six digits of an authenticator.
    OneTime(Secret),
    /// A recovery code, lower-cased.
    Recovery(Secret),
    /// Neither; wrong whatever is stored.
    Neither,
}

impl TotpSecret {
    /// A new secret.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self(Zeroizing::new(entropy.bytes()))
    }

    /// Reads the text that was sealed; `None` when it is no secret.
    pub(crate) fn from_hex(text: &Secret) -> Option<Self> {
        let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
        hex::decode_to_slice(text.expose(), bytes.as_mut_slice()).ok()?;
        Some(Self(bytes))
    }

    /// The text to seal.
    pub(crate) fn to_hex(&self) -> Secret {
        Secret::new(hex::encode(self.0.as_slice()))
    }

    /// The text to type into an authenticator (RFC 4648 base 32, without padding).
    pub fn to_base32(&self) -> Secret {
        Secret::new(self.totp().secret().to_base32())
    }

    /// The URL to scan (the key URI format that authenticators read).
    pub fn otpauth_url(&self, issuer: &str, user: &str) -> Secret {
        let escape = |text| utf8_percent_encode(text, ESCAPED);
        let secret = self.to_base32();
        Secret::new(format!(
            "otpauth://totp/{issuer}:{user}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits={DIGITS}&period={STEP_SECONDS}",
            issuer = escape(issuer),
            user = escape(user),
            secret = secret.expose(),
        ))
    }

    /// The step whose code this is, if it is one of now, the one before or the one after.
    pub fn step_of(&self, code: &str, now: Timestamp) -> Option<u64> {
        let seconds = u64::try_from(now.as_secs()).ok()?;
        self.totp().check(code, seconds)
    }

    /// The code of a time, for tests of whoever logs in.
    #[cfg(test)]
    pub(crate) fn code_at(&self, now: Timestamp) -> String {
        self.totp().generate(u64::try_from(now.as_secs()).unwrap()).to_string()
    }

    fn totp(&self) -> Totp {
        let builder = Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_digits(DIGITS)
            .with_skew(SKEW_STEPS)
            .with_step_duration(STEP_SECONDS)
            .with_secret(self.0.to_vec());
        builder.build().expect("the parameters are RFC 6238's own")
    }
}

impl std::fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TotpSecret(hidden)")
    }
}

impl Code {
    /// Tells by its form what was typed: six digits, or ten hex digits in either case.
    pub fn parse(text: &str) -> Self {
        let bytes = text.as_bytes();
        match bytes.len() {
            6 if bytes.iter().all(u8::is_ascii_digit) => Self::OneTime(Secret::new(text)),
            super::recovery::CODE_DIGITS if bytes.iter().all(u8::is_ascii_hexdigit) => {
                Self::Recovery(Secret::new(text.to_ascii_lowercase()))
            }
            _ => Self::Neither,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use baleen_runtime::SeededEntropy;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn codes_are_those_of_the_rfc() {
        // RFC 6238, appendix B, SHA-1, the last six of eight digits.
        let secret = TotpSecret(Zeroizing::new(*b"12345678901234567890"));
        for (secs, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
        ] {
            assert_eq!(secret.code_at(at(secs)), code);
            assert_eq!(secret.step_of(code, at(secs)), Some(u64::try_from(secs / 30).unwrap()));
        }
    }

    #[test]
    fn one_step_of_skew_and_no_more() {
        let secret = TotpSecret(Zeroizing::new(*b"12345678901234567890"));
        let start = 1_234_567_890 / 30 * 30;
        let code = secret.code_at(at(start));
        for (offset, accepted) in [
            (-31, false),
            (-30, true),
            (-1, true),
            (0, true),
            (29, true),
            (59, true),
            (60, false),
        ] {
            let step = secret.step_of(&code, at(start + offset));
            assert_eq!(
                step,
                accepted.then_some(u64::try_from(start / 30).unwrap()),
                "{offset} s"
            );
        }
        assert_eq!(secret.step_of(&code, at(-1)), None);
    }

    #[test]
    fn forms_of_codes() {
        let kind = |text: &str| match Code::parse(text) {
            Code::OneTime(_) => "time",
            Code::Recovery(text) => {
                assert!(!text.expose().bytes().any(|b| b.is_ascii_uppercase()));
                "recovery"
            }
            Code::Neither => "neither",
        };
        for (text, expected) in [
            ("", "neither"),
            ("12345", "neither"),
            ("123456", "time"),
            ("1234567", "neither"),
            ("12345a", "neither"),
            ("+12345", "neither"),
            ("１２３４５６", "neither"),
            ("٣٣٣", "neither"),
            ("0123456789", "recovery"),
            ("52895ACE01", "recovery"),
            ("52895ace0", "neither"),
            ("52895ace012", "neither"),
            ("52895acx01", "neither"),
            (&"1".repeat(1 << 20), "neither"),
        ] {
            assert_eq!(kind(text), expected, "{text:.20}");
        }
    }

    #[test]
    fn what_an_authenticator_reads() {
        let secret = TotpSecret::generate(&*SeededEntropy::new(1));
        let base32 = secret.to_base32();
        assert_eq!(base32.expose().len(), 32, "160 bits");
        assert!(
            base32
                .expose()
                .bytes()
                .all(|b| b.is_ascii_uppercase() || (b'2'..=b'7').contains(&b))
        );
        let url = secret.otpauth_url("Baleen", "o'hara+x=1@example.com");
        let expected = format!(
            "otpauth://totp/Baleen:o%27hara%2Bx%3D1%40example.com?secret={}&issuer=Baleen&algorithm=SHA1&digits=6&period=30",
            base32.expose()
        );
        assert_eq!(url.expose(), expected);
        let again = TotpSecret::from_hex(&secret.to_hex()).unwrap();
        assert_eq!(again.to_base32().expose(), base32.expose());
        for wrong in ["", "00", &"zz".repeat(20), &"00".repeat(21)] {
            assert!(TotpSecret::from_hex(&Secret::new(wrong)).is_none());
        }
        assert!(!format!("{secret:?}").contains(base32.expose()));
    }
}
