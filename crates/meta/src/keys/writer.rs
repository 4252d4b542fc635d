//! Building keys.

use super::{ESCAPE, TERMINATOR, Table};

/// Builds a key component by component.
///
/// ```
/// use baleen_meta::keys::{KeyWriter, Table};
/// let key = KeyWriter::new(Table::Version).u64(7).text("a/b").u64(u64::MAX).finish();
/// assert_eq!(key, b"V\0\0\0\0\0\0\0\x07a/b\0\xff\xff\xff\xff\xff\xff\xff\xff");
/// ```
#[derive(Clone, Debug)]
pub struct KeyWriter {
    bytes: Vec<u8>,
}

impl KeyWriter {
    /// Starts a key in a table.
    pub fn new(table: Table) -> Self {
        let mut bytes = Vec::with_capacity(96);
        bytes.push(table as u8);
        Self { bytes }
    }

    /// Adds one byte.
    #[must_use]
    pub fn u8(mut self, value: u8) -> Self {
        self.bytes.push(value);
        self
    }

    /// Adds an integer, big-endian.
    #[must_use]
    pub fn u16(self, value: u16) -> Self {
        self.raw(&value.to_be_bytes())
    }

    /// Adds an integer, big-endian.
    #[must_use]
    pub fn u32(self, value: u32) -> Self {
        self.raw(&value.to_be_bytes())
    }

    /// Adds an integer, big-endian.
    #[must_use]
    pub fn u64(self, value: u64) -> Self {
        self.raw(&value.to_be_bytes())
    }

    /// Adds an integer, big-endian.
    #[must_use]
    pub fn u128(self, value: u128) -> Self {
        self.raw(&value.to_be_bytes())
    }

    /// Adds bytes of a length that is the same in each key of the table, such as a binary id.
    #[must_use]
    pub fn fixed<const N: usize>(self, bytes: &[u8; N]) -> Self {
        self.raw(bytes)
    }

    /// Adds a text of any length, escaped and terminated, so that another component can follow.
    #[must_use]
    pub fn text(mut self, text: impl AsRef<[u8]>) -> Self {
        let text = text.as_ref();
        self.bytes.reserve(text.len() + 24);
        for &byte in text {
            match byte {
                0x00 | 0x01 => self.bytes.extend_from_slice(&[ESCAPE, byte + 1]),
                _ => self.bytes.push(byte),
            }
        }
        self.bytes.push(TERMINATOR);
        self
    }

    /// Adds the last component as it is and ends the key: a text of any length, or its beginning to scan for.
    pub fn tail(mut self, text: impl AsRef<[u8]>) -> Vec<u8> {
        self.bytes.extend_from_slice(text.as_ref());
        self.bytes
    }

    /// Ends the key. A key that lacks components is the prefix of those that have them.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self
    }
}

impl From<KeyWriter> for Vec<u8> {
    fn from(writer: KeyWriter) -> Self {
        writer.finish()
    }
}
