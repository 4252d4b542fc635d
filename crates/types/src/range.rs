//! Byte ranges of an object.

/// A range as it was asked for (RFC 9110, section 14.1.2); resolved against a length it becomes a [`ServedRange`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteRange {
    /// `first-last`, both inclusive; `last` may lie beyond the end.
    Between {
        /// Offset of the first byte.
        first: u64,
        /// Offset of the last byte.
        last: u64,
    },
    /// `first-`: from an offset to the end.
    From {
        /// Offset of the first byte.
        first: u64,
    },
    /// `-bytes`: the last bytes.
    Suffix {
        /// How many bytes before the end.
        bytes: u64,
    },
}

/// A range that lies wholly inside an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServedRange {
    /// Offset of the first byte.
    pub first: u64,
    /// Number of bytes.
    pub length: u64,
}

impl ByteRange {
    /// Reads one `bytes=` range. A list of ranges, another unit or nonsense is `None`, which a server ignores
    /// (RFC 9110, 14.2: "a server MAY ignore the Range header field"; S3 serves the whole object then).
    ///
    /// ```
    /// use baleen_types::ByteRange;
    /// assert_eq!(ByteRange::parse("bytes=0-9"), Some(ByteRange::Between { first: 0, last: 9 }));
    /// assert_eq!(ByteRange::parse("bytes=9-0"), None);
    /// ```
    pub fn parse(header: &str) -> Option<Self> {
        let digits = |s: &str| (!s.is_empty() && s.bytes().all(|b| b.is_ascii_digit())).then(|| s.parse().ok())?;
        let (first, last) = header.trim().strip_prefix("bytes=")?.trim().split_once('-')?;
        match (first, last) {
            ("", last) => Some(Self::Suffix { bytes: digits(last)? }),
            (first, "") => Some(Self::From { first: digits(first)? }),
            (first, last) => {
                let (first, last) = (digits(first)?, digits(last)?);
                (first <= last).then_some(Self::Between { first, last })
            }
        }
    }

    /// Cuts the range to an object of `length` bytes; `None` when nothing of it lies inside (416).
    pub fn resolve(self, length: u64) -> Option<ServedRange> {
        let (first, end) = match self {
            Self::Between { first, last } => (first, last.saturating_add(1).min(length)),
            Self::From { first } => (first, length),
            Self::Suffix { bytes } => (length.saturating_sub(bytes), length),
        };
        (first < end).then(|| ServedRange {
            first,
            length: end - first,
        })
    }
}

impl ServedRange {
    /// The whole of an object of `length` bytes.
    pub const fn whole(length: u64) -> Self {
        Self { first: 0, length }
    }

    /// One past the last byte.
    pub const fn end(self) -> u64 {
        self.first + self.length
    }
}

#[cfg(test)]
mod tests;
