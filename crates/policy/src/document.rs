//! Policy documents.

use crate::json::Json;
use crate::limits::{DOCUMENT_BYTES_MAX, DOCUMENT_CHARS_MAX};
use baleen_types::{Classify, FaultKind};

/// What a document is for, which decides what may stand in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DocumentKind {
    /// Attached to a user: has no principals.
    Identity,
    /// On a bucket: names principals.
    Bucket,
    /// Bounds a session: has no principals.
    Session,
}

/// A policy document, compiled.
#[derive(Debug)]
pub struct Policy {
    kind: DocumentKind,
}

impl Policy {
    /// Reads and compiles a document.
    ///
    /// # Errors
    /// [`Malformed`]; its text tells the writer of the document what to change.
    pub fn parse(text: &str, kind: DocumentKind) -> Result<Self, Malformed> {
        let chars = text.chars().filter(|c| !c.is_whitespace()).count();
        if text.len() > DOCUMENT_BYTES_MAX || chars > DOCUMENT_CHARS_MAX {
            return Err(Malformed::TooLong);
        }
        match Json::parse(text).map_err(Malformed::Syntax)? {
            Json::Object(_) => Ok(Self { kind }),
            _ => Err(Malformed::Syntax("a JSON object is expected".to_owned())),
        }
    }

    /// What the document is for.
    pub fn kind(&self) -> DocumentKind {
        self.kind
    }
}

/// Why a document was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// It has more than [`DOCUMENT_CHARS_MAX`] characters without white space.
    TooLong,
    /// It does not say what a policy says, or not in this form.
    Syntax(String),
}

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooLong => write!(
                f,
                "the policy document is longer than {DOCUMENT_CHARS_MAX} characters, white space not counted"
            ),
            Self::Syntax(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Malformed {}

impl Classify for Malformed {
    fn kind(&self) -> FaultKind {
        match self {
            Self::TooLong => FaultKind::TooLarge,
            Self::Syntax(_) => FaultKind::Invalid,
        }
    }
}
