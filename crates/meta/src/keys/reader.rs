//! Taking keys apart. Stored keys are checked like bytes from outside: a damaged one is an error, never a panic.

use super::{ESCAPE, TERMINATOR, Table};
use crate::{Error, Result};

/// Reads the components of a key in the order in which they were written.
///
/// ```
/// use baleen_meta::keys::{KeyReader, KeyWriter, Table};
/// let key = KeyWriter::new(Table::Part).u64(7).u16(3).finish();
/// let mut reader = KeyReader::new(&key, Table::Part).unwrap();
/// assert_eq!((reader.u64().unwrap(), reader.u16().unwrap()), (7, 3));
/// assert!(KeyReader::new(&key, Table::Bucket).is_err());
/// ```
#[derive(Clone, Debug)]
pub struct KeyReader<'a> {
    rest: &'a [u8],
}

impl<'a> KeyReader<'a> {
    /// Starts behind the tag, which must be that of the table.
    ///
    /// # Errors
    /// `Corrupt` when the key belongs to another table.
    pub fn new(key: &'a [u8], table: Table) -> Result<Self> {
        match key.split_first() {
            Some((tag, rest)) if *tag == table as u8 => Ok(Self { rest }),
            _ => Err(malformed("another table's key")),
        }
    }

    /// Reads one byte.
    pub fn u8(&mut self) -> Result<u8> {
        self.fixed().map(u8::from_be_bytes)
    }

    /// Reads an integer.
    pub fn u16(&mut self) -> Result<u16> {
        self.fixed().map(u16::from_be_bytes)
    }

    /// Reads an integer.
    pub fn u32(&mut self) -> Result<u32> {
        self.fixed().map(u32::from_be_bytes)
    }

    /// Reads an integer.
    pub fn u64(&mut self) -> Result<u64> {
        self.fixed().map(u64::from_be_bytes)
    }

    /// Reads an integer.
    pub fn u128(&mut self) -> Result<u128> {
        self.fixed().map(u128::from_be_bytes)
    }

    /// Reads bytes of a fixed length.
    pub fn fixed<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (bytes, rest) = self
            .rest
            .split_first_chunk()
            .ok_or(malformed("a component is cut off"))?;
        self.rest = rest;
        Ok(*bytes)
    }

    /// Reads an escaped text.
    pub fn text(&mut self) -> Result<Vec<u8>> {
        let end = self
            .rest
            .iter()
            .position(|byte| *byte == TERMINATOR)
            .ok_or(malformed("a text has no end"))?;
        let (escaped, rest) = (&self.rest[..end], &self.rest[end + 1..]);
        let mut text = Vec::with_capacity(escaped.len());
        let mut bytes = escaped.iter();
        while let Some(&byte) = bytes.next() {
            match byte {
                ESCAPE => match bytes.next() {
                    Some(&escaped @ (0x01 | 0x02)) => text.push(escaped - 1),
                    _ => return Err(malformed("an escape stands for no byte")),
                },
                _ => text.push(byte),
            }
        }
        self.rest = rest;
        Ok(text)
    }

    /// Reads an escaped text that must be UTF-8.
    pub fn string(&mut self) -> Result<String> {
        String::from_utf8(self.text()?).map_err(|_| malformed("a text is not UTF-8"))
    }

    /// Reads all that is left as the last component.
    pub fn tail(self) -> &'a [u8] {
        self.rest
    }

    /// Reads all that is left as a last component that must be UTF-8.
    pub fn tail_str(self) -> Result<&'a str> {
        std::str::from_utf8(self.rest).map_err(|_| malformed("a text is not UTF-8"))
    }

    /// Makes sure that nothing is left.
    pub fn end(self) -> Result<()> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(malformed("more components than the table has"))
        }
    }
}

fn malformed(why: &'static str) -> Error {
    Error::MalformedKey { why }
}
