//! Entity tags.

use crate::Invalid;
use arrayvec::ArrayString;
use std::fmt::{self, Write as _};

/// The strong entity tag of an object, without quotes: the MD5 of a body put at once, or `md5-of-md5s-N` of N parts.
///
/// Quoting is the encoder's duty: [`ETag::quoted`]. Comparison is strong (RFC 9110, 8.8.3.2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ETag(ArrayString<TEXT_BYTES>);

/// The longest tag. A listing has a thousand tags, so that each has its text in itself.
const TEXT_BYTES: usize = 64;

impl ETag {
    /// The tag of a body put at once.
    pub fn from_md5(digest: [u8; 16]) -> Self {
        Self(hex_of(digest))
    }

    /// The tag of an object of `parts` parts, from the MD5 of their digests in order.
    pub fn from_parts(digest: [u8; 16], parts: usize) -> Self {
        let mut text = hex_of(digest);
        // There is room for all digits of a number.
        let written = write!(text, "-{parts}");
        debug_assert!(written.is_ok());
        Self(text)
    }

    /// Reads a tag as clients send it, quoted or not; a weak tag (`W/`) is refused, since S3 compares strongly.
    ///
    /// ```
    /// use baleen_types::ETag;
    /// assert_eq!(ETag::parse("\"9b2cf535f27731c974343645a3985328\"").unwrap().as_str(), "9b2cf535f27731c974343645a3985328");
    /// assert!(ETag::parse("W/\"1\"").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        let inner = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text);
        let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        let tag = ArrayString::from(inner)
            .ok()
            .filter(|tag| !tag.is_empty() && tag.bytes().all(fits));
        let mut tag =
            tag.ok_or_else(|| Invalid::new("entity tag", "a strong tag of letters, digits and hyphens is expected"))?;
        tag.make_ascii_lowercase();
        Ok(Self(tag))
    }

    /// The tag without quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The tag as a header carries it.
    pub fn quoted(&self) -> String {
        format!("\"{}\"", self.0)
    }
}

/// At once: `hex::encode` pushes one character after the other, and a listing has a thousand tags.
fn hex_of(digest: [u8; 16]) -> ArrayString<TEXT_BYTES> {
    let mut digits = [0; 32];
    // The room is right and digits are ASCII, so that neither step fails.
    let written = hex::encode_to_slice(digest, &mut digits);
    debug_assert!(written.is_ok());
    let digits = str::from_utf8(&digits).unwrap_or_default();
    ArrayString::from(digits).unwrap_or_default()
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
