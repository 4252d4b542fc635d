//! Versions of objects, and whether a bucket keeps them.

use baleen_types::{Invalid, VersionId};
use std::fmt;

/// Names one version of an object (seed 004, "Versioning"; AWS, "Working with version IDs").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// What was written while the bucket kept no versions; at most one of a key, which the next such write replaces.
    Null,
    /// What was written while it did.
    Id(VersionId),
}

impl Version {
    /// Reads `null` or an id.
    ///
    /// # Errors
    /// Anything else.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        match text {
            "null" => Ok(Self::Null),
            id => VersionId::parse(id).map(Self::Id),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Id(id) => id.fmt(f),
        }
    }
}

/// Whether a bucket keeps what is overwritten and deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Versioning {
    /// It never has. There is no way back here.
    #[default]
    Never,
    /// Every write makes a version; a deletion hides what was there behind a delete marker.
    Enabled,
    /// Writes replace the null version; the versions that are there stay.
    Suspended,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_null_or_an_id_and_reads_as_it_was_written() {
        let id = "0123456789abcdef0123456789abcdef";
        for text in ["null", id] {
            assert_eq!(
                Version::parse(text).map(|version| version.to_string()).as_deref(),
                Ok(text)
            );
        }
        for text in [
            "",
            "Null",
            "NULL",
            "null ",
            &id[1..],
            "../../etc/passwd",
            "0123456789ABCDEG0123456789abcdef",
        ] {
            assert!(Version::parse(text).is_err(), "{text}");
        }
    }
}
