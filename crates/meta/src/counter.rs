//! Counters: values that many requests add to in one group without ever conflicting.
//!
//! Stored as 16 bytes, big-endian two's complement. Wide enough that no sum of `i64` deltas can reach its end in practice;
//! it is checked all the same. A counter is created by its first add and removed like any key.

use crate::{Error, Result};
use bytes::Bytes;

/// Stored size of a counter in bytes.
pub const COUNTER_BYTES: usize = 16;

/// Reads a stored counter.
///
/// ```
/// use baleen_meta::counter;
/// assert_eq!(counter::decode(&counter::encode(-7)).unwrap(), -7);
/// assert!(counter::decode(b"seven").is_err());
/// ```
///
/// # Errors
/// `Corrupt` when the value does not have the size of a counter.
pub fn decode(value: &[u8]) -> Result<i128> {
    let bytes: [u8; COUNTER_BYTES] = value.try_into().map_err(|_| Error::Counter {
        why: "the stored value is not a counter",
    })?;
    Ok(i128::from_be_bytes(bytes))
}

/// Writes a counter, for tests and repair; services add instead.
pub fn encode(count: i128) -> Bytes {
    Bytes::copy_from_slice(&count.to_be_bytes())
}

/// The value after an add; an absent counter is zero.
pub(crate) fn added(before: Option<&Bytes>, delta: i64) -> Result<Bytes> {
    let before = before.map_or(Ok(0), |value| decode(value))?;
    let after = before.checked_add(i128::from(delta)).ok_or(Error::Counter {
        why: "the sum leaves the range",
    })?;
    Ok(encode(after))
}
