//! One conditional request: what must still hold, and what to write if it does.

use crate::limits::OPERATION_OVERHEAD_BYTES;
use crate::{Error, KEY_BYTES_MAX, REQUEST_BYTES_MAX, Result, VALUE_BYTES_MAX};
use bytes::Bytes;

/// A set of writes that happens wholly or not at all, and only if all conditions hold.
///
/// Writes take effect in the order in which they were added; the last one on a key wins.
///
/// ```
/// use baleen_meta::Request;
/// let create = Request::new().absent(*b"B\0alpha").put(*b"B\0alpha", "record").add(*b"Calpha", 1);
/// assert!(create.check().is_ok());
/// assert!(Request::new().delete(*b"").check().is_err());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    pub(crate) conditions: Vec<Condition>,
    pub(crate) writes: Vec<Write>,
}

/// What the stored value of one key must be at the moment of the commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The key that is compared.
    pub key: Vec<u8>,
    /// The bytes which must be there; `None`: the key must be absent.
    pub expected: Option<Bytes>,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Stores a value, replacing what was there.
    Put {
        /// Where.
        key: Vec<u8>,
        /// What.
        value: Bytes,
    },
    /// Removes a key; no error when it is absent.
    Delete {
        /// Which.
        key: Vec<u8>,
    },
    /// Adds to a counter, which is created with the first add. Never conflicts with another add. See [`crate::counter`].
    Add {
        /// The counter.
        key: Vec<u8>,
        /// How much, may be negative.
        delta: i64,
    },
    /// Appends to the change feed; the committer gives the sequence number. See [`crate::feed`].
    Feed {
        /// The entry.
        payload: Bytes,
    },
}

/// What became of a request that reached the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All writes are durable.
    Committed,
    /// A condition did not hold; nothing was written.
    Conflict {
        /// Key of the first condition that failed.
        key: Vec<u8>,
    },
}

impl Outcome {
    /// Tells whether the writes were made.
    pub fn is_committed(&self) -> bool {
        matches!(self, Self::Committed)
    }
}

impl Request {
    /// Starts a request without conditions and writes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Requires that a key is absent.
    #[must_use]
    pub fn absent(self, key: impl Into<Vec<u8>>) -> Self {
        self.unchanged(key, None)
    }

    /// Requires that a key still has the bytes that were read; `None` requires that it is still absent.
    #[must_use]
    pub fn unchanged(mut self, key: impl Into<Vec<u8>>, expected: Option<Bytes>) -> Self {
        self.conditions.push(Condition {
            key: key.into(),
            expected,
        });
        self
    }

    /// Stores a value.
    #[must_use]
    pub fn put(mut self, key: impl Into<Vec<u8>>, value: impl Into<Bytes>) -> Self {
        self.writes.push(Write::Put {
            key: key.into(),
            value: value.into(),
        });
        self
    }

    /// Removes a key.
    #[must_use]
    pub fn delete(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.writes.push(Write::Delete { key: key.into() });
        self
    }

    /// Adds to a counter.
    #[must_use]
    pub fn add(mut self, key: impl Into<Vec<u8>>, delta: i64) -> Self {
        self.writes.push(Write::Add { key: key.into(), delta });
        self
    }

    /// Appends an entry to the change feed.
    #[must_use]
    pub fn feed(mut self, payload: impl Into<Bytes>) -> Self {
        self.writes.push(Write::Feed {
            payload: payload.into(),
        });
        self
    }

    /// Adds all conditions and writes of another request to this one.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.conditions.extend(other.conditions);
        self.writes.extend(other.writes);
        self
    }

    /// Tells whether the request neither asks nor changes anything.
    pub fn is_empty(&self) -> bool {
        self.conditions.is_empty() && self.writes.is_empty()
    }

    /// Checks the limits and returns the bytes that the request counts.
    ///
    /// # Errors
    /// `Invalid` for an empty key, `TooLarge` for a key, a value or a request above its limit.
    pub fn check(&self) -> Result<usize> {
        let mut bytes = 0;
        for condition in &self.conditions {
            check_key(&condition.key)?;
            let expected = condition.expected.as_ref().map_or(0, Bytes::len);
            bytes += OPERATION_OVERHEAD_BYTES + condition.key.len() + expected;
        }
        for write in &self.writes {
            let (key, value) = match write {
                Write::Put { key, value } => (key.as_slice(), value.len()),
                Write::Delete { key } | Write::Add { key, .. } => (key.as_slice(), 0),
                Write::Feed { payload } => (crate::feed::SAMPLE_KEY.as_slice(), payload.len()),
            };
            check_key(key)?;
            if value > VALUE_BYTES_MAX {
                return Err(Error::ValueTooLarge { bytes: value });
            }
            bytes += OPERATION_OVERHEAD_BYTES + key.len() + value;
        }
        if bytes > REQUEST_BYTES_MAX {
            return Err(Error::RequestTooLarge { bytes });
        }
        Ok(bytes)
    }
}

/// Refuses a key that no engine has to take.
pub(crate) fn check_key(key: &[u8]) -> Result<()> {
    match key.len() {
        0 => Err(Error::EmptyKey),
        bytes if bytes > KEY_BYTES_MAX => Err(Error::KeyTooLong { bytes }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
