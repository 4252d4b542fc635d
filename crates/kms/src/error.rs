//! What can go wrong with a key.

use crate::KeyName;
use crate::limits::{KEYS_PER_ACCOUNT_MAX, VERSIONS_PER_KEY_MAX};
use baleen_types::{Classify, FaultKind};

/// An error of the key service. Its text may be shown to a client.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no key of that name.
    #[error("there is no encryption key {0}")]
    NoSuchKey(String),
    /// The key is disabled.
    #[error("the encryption key {0} is disabled")]
    Disabled(KeyName),
    /// There is one of that name.
    #[error("there is an encryption key {0} already")]
    AlreadyExists(KeyName),
    /// The account has as many as it may.
    #[error("an account has at most {KEYS_PER_ACCOUNT_MAX} encryption keys")]
    TooManyKeys,
    /// The key has as many versions as it may.
    #[error("an encryption key has at most {VERSIONS_PER_KEY_MAX} versions; make another key")]
    TooManyVersions,
    /// Others keep changing it.
    #[error("the encryption key is being changed; try again")]
    Busy,
    /// What is stored of a key does not open, or is none.
    #[error("what is stored of an encryption key is damaged")]
    Damaged(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The store below failed.
    #[error(transparent)]
    Meta(#[from] baleen_meta::Error),
}

impl From<baleen_meta::record::RecordError> for Error {
    fn from(error: baleen_meta::record::RecordError) -> Self {
        Self::Meta(error.into())
    }
}

impl Classify for Error {
    fn kind(&self) -> FaultKind {
        match self {
            Self::NoSuchKey(_) => FaultKind::NotFound,
            Self::Disabled(_) => FaultKind::Conflict,
            Self::AlreadyExists(_) => FaultKind::Exists,
            Self::TooManyKeys | Self::TooManyVersions => FaultKind::Invalid,
            Self::Busy => FaultKind::Throttled,
            Self::Damaged(_) => FaultKind::Corrupt,
            Self::Meta(error) => error.kind(),
        }
    }
}
