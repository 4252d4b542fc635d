//! Keys: a table tag, then components whose bytes sort as their values do.
//!
//! Integers are big-endian. A text that is followed by another component is escaped and terminated, so that a text which
//! is the beginning of another sorts first and no text can run into the next component. A text at the end of a key is
//! written as it is ([`KeyWriter::tail`]): shorter, and its order is the order of its bytes all the same. UTF-8 sorts
//! by bytes as it sorts by code points, which is the order in which S3 lists keys.

mod reader;
mod table;
mod writer;

pub use reader::KeyReader;
pub use table::{Belonging, Table};
pub use writer::KeyWriter;

use std::ops::Bound;

/// Ends an escaped text. Smaller than every escaped byte, so that a prefix sorts before its continuations.
const TERMINATOR: u8 = 0x00;
/// Starts an escape: `0x01 0x01` is the byte 0 and `0x01 0x02` is the byte 1; all other bytes stand for themselves.
const ESCAPE: u8 = 0x01;

/// The range of all keys that start with a prefix. An empty prefix is the whole keyspace.
pub fn prefix_range(prefix: &[u8]) -> (Bound<Vec<u8>>, Bound<Vec<u8>>) {
    (
        Bound::Included(prefix.to_vec()),
        prefix_end(prefix).map_or(Bound::Unbounded, Bound::Excluded),
    )
}

/// The first key behind all that start with a prefix, where a listing seeks past a common prefix.
///
/// `None` when nothing can be behind, because the prefix is empty or has only bytes 255.
///
/// ```
/// use baleen_meta::keys::prefix_end;
/// assert_eq!(prefix_end(b"photos/"), Some(b"photos0".to_vec()));
/// assert_eq!(prefix_end(b"a\xff"), Some(b"b".to_vec()));
/// assert_eq!(prefix_end(b"\xff"), None);
/// ```
pub fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

#[cfg(test)]
mod tests;
