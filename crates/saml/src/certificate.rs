//! What SAML reads out of an X.509 certificate: the key and the days it is good for.
//!
//! A certificate in metadata is a carrier of a key, trusted because an admin uploaded it (SAML metadata interoperability
//! profile, 2.5): no chain, name or revocation is looked at.

use aws_lc_rs::signature::RsaParameters;
use baleen_types::Timestamp;
use time::PrimitiveDateTime;
use time::macros::format_description;

use crate::limits::CERTIFICATE_BYTES_MAX;

/// A certificate with an RSA key of 2048 to 8192 bits.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    /// The `SubjectPublicKeyInfo`.
    key: Vec<u8>,
    not_before: Timestamp,
    not_after: Timestamp,
}

/// Why a certificate cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// Not a certificate.
    #[error("is not an X.509 certificate in DER")]
    NotACertificate,
    /// Another algorithm, or a key that is too short or too long.
    #[error("does not hold an RSA key of 2048 to 8192 bits")]
    Key,
}

impl Certificate {
    /// Reads a certificate in DER.
    pub fn parse(der: &[u8]) -> Result<Self, Unusable> {
        if der.len() > CERTIFICATE_BYTES_MAX {
            return Err(Unusable::NotACertificate);
        }
        let fields = fields(der).ok_or(Unusable::NotACertificate)?;
        let bits = rsa_key(&fields.key).and_then(|key| RsaParameters::public_modulus_len(key).ok());
        if !bits.is_some_and(|bits| (2048..=8192).contains(&bits)) {
            return Err(Unusable::Key);
        }
        Ok(fields)
    }

    /// The certificate as it was read.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// When it ends.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// Tells whether it is good at a time.
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.not_before <= now && now <= self.not_after
    }

    /// The `SubjectPublicKeyInfo` in DER.
    pub(crate) fn key(&self) -> &[u8] {
        &self.key
    }
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Certificate(until {})", self.not_after)
    }
}

const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;
const OBJECT_ID: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const EXPLICIT_VERSION: u8 = 0xa0;
/// 1.2.840.113549.1.1.1
const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

/// RFC 5280, 4.1: what stands before the fields we read is stepped over, what stands behind them is not looked at.
fn fields(der: &[u8]) -> Option<Certificate> {
    let (certificate, rest) = Value::read(der)?;
    let signed = Value::read(certificate.of(SEQUENCE)?)?.0.of(SEQUENCE)?;
    let mut signed = Values(signed);
    let mut serial = signed.next()?;
    if serial.tag == EXPLICIT_VERSION {
        serial = signed.next()?;
    }
    let (_serial, _algorithm, _issuer) = (serial, signed.next()?, signed.next()?);
    let mut validity = Values(signed.next()?.of(SEQUENCE)?);
    let (not_before, not_after) = (validity.next()?.time()?, validity.next()?.time()?);
    let (_subject, key) = (signed.next()?, signed.next()?);
    key.of(SEQUENCE)?;
    rest.is_empty().then(|| Certificate {
        der: der.to_vec(),
        key: key.whole.to_vec(),
        not_before,
        not_after,
    })
}

/// The `RSAPublicKey` in a `SubjectPublicKeyInfo`.
fn rsa_key(info: &[u8]) -> Option<&[u8]> {
    let mut info = Values(Value::read(info)?.0.of(SEQUENCE)?);
    let algorithm = Value::read(info.next()?.of(SEQUENCE)?)?.0.of(OBJECT_ID)?;
    let (unused_bits, key) = info.next()?.of(BIT_STRING)?.split_first()?;
    (algorithm == RSA_ENCRYPTION && *unused_bits == 0).then_some(key)
}

/// One value of DER.
#[derive(Clone, Copy)]
struct Value<'a> {
    tag: u8,
    content: &'a [u8],
    /// With tag and length.
    whole: &'a [u8],
}

impl<'a> Value<'a> {
    /// The first value, and what stands behind it.
    fn read(input: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (&tag, rest) = input.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81 | 0x82 => {
                let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        let whole = &input[..input.len() - rest.len()];
        Some((Self { tag, content, whole }, rest))
    }

    fn of(self, tag: u8) -> Option<&'a [u8]> {
        (self.tag == tag).then_some(self.content)
    }

    fn time(self) -> Option<Timestamp> {
        let text = std::str::from_utf8(self.content).ok()?;
        let text = match self.tag {
            // RFC 5280, 4.1.2.5.1: two digits from 50 on are of the last century.
            UTC_TIME if text.get(..2)? < "50" => format!("20{text}"),
            UTC_TIME => format!("19{text}"),
            GENERALIZED_TIME => text.to_owned(),
            _ => return None,
        };
        let shape = format_description!("[year][month][day][hour][minute][second]Z");
        let at = PrimitiveDateTime::parse(&text, &shape).ok()?;
        Some(Timestamp::from_datetime(at.assume_utc()))
    }
}

struct Values<'a>(&'a [u8]);

impl<'a> Iterator for Values<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let (value, rest) = Value::read(self.0)?;
        self.0 = rest;
        Some(value)
    }
}

#[cfg(test)]
mod tests;
