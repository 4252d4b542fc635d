//! What can go wrong with agents.

use crate::limits::{AGENTS_PER_ACCOUNT_MAX, TOKENS_PER_ACCOUNT_MAX};
use baleen_agentwire::BadProof;
use baleen_types::{AgentId, Classify, FaultKind, Invalid};

/// An error of the fleet. Its text may be shown to a client.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A token that was never made, was used, or is over. Which of them is not told.
    #[error("the enrolment token is not valid; it is good once, and for a limited time")]
    BadToken,
    /// Too many bad ones from there.
    #[error("too many failed enrolments from this address; try again in a minute")]
    TooManyAttempts,
    /// The key is none, or not the sender's.
    #[error(transparent)]
    BadProof(#[from] BadProof),
    /// A name, a group or a time that there cannot be.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The account has as many as it may.
    #[error("an account has at most {AGENTS_PER_ACCOUNT_MAX} agents")]
    TooManyAgents,
    /// The store has as many as it can.
    #[error("this store has as many agents as it can have")]
    StoreFull,
    /// The account has as many tokens as it may.
    #[error("an account has at most {TOKENS_PER_ACCOUNT_MAX} enrolment tokens that were not used")]
    TooManyTokens,
    /// There is no such agent, or none for who asks.
    #[error("there is no agent {0}")]
    NoSuchAgent(AgentId),
    /// The certificate that is shown has a successor which was shown already.
    #[error("this certificate was renewed, and the new one has been shown: renew with that")]
    Succeeded,
    /// Others keep changing it.
    #[error("the agent is being changed; try again")]
    Busy,
    /// A certificate cannot be made.
    #[error("a certificate could not be made")]
    Certificate(#[source] rcgen::Error),
    /// What is stored does not open, or is none.
    #[error("what is stored of the agents' authority is damaged")]
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
            Self::BadToken => FaultKind::Unauthenticated,
            Self::TooManyAttempts | Self::Busy => FaultKind::Throttled,
            Self::BadProof(_) | Self::Invalid(_) => FaultKind::Invalid,
            Self::Succeeded | Self::TooManyAgents | Self::StoreFull | Self::TooManyTokens => FaultKind::Conflict,
            Self::NoSuchAgent(_) => FaultKind::NotFound,
            Self::Certificate(_) => FaultKind::Internal,
            Self::Damaged(_) => FaultKind::Corrupt,
            Self::Meta(error) => error.kind(),
        }
    }
}
