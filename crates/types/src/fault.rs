//! What a caller can do about an error, coarse enough for every door to map in one exhaustive match.

/// The kind of a fault: tells the caller what to do next and the operator how loud to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The request is wrong as it stands; repeat it changed.
    Invalid,
    /// No credentials, or credentials that prove nothing.
    Unauthenticated,
    /// Known, and not allowed.
    Denied,
    /// Not there, or not there for this principal.
    NotFound,
    /// A thing of that name is there already.
    Exists,
    /// The state of the thing forbids the act (a running capture, a bucket that is not empty).
    Conflict,
    /// A condition the caller set does not hold.
    Precondition,
    /// Above a stated limit.
    TooLarge,
    /// Too often; repeat later.
    Throttled,
    /// Something we need does not answer or has no room; repeat later.
    Unavailable,
    /// Stored bytes are not what was written; somebody has to look.
    Corrupt,
    /// Our own mistake.
    Internal,
}

impl FaultKind {
    /// Tells whether the same request may succeed later without a change.
    pub fn is_transient(self) -> bool {
        matches!(self, Self::Throttled | Self::Unavailable)
    }

    /// Tells whether an operator has to know: logged as an error, not as information.
    pub fn is_ours(self) -> bool {
        matches!(self, Self::Corrupt | Self::Internal)
    }
}

/// An error that knows what the caller can do about it.
///
/// Implementations match exhaustively, without a `_` arm, so that a new variant has to be classified.
pub trait Classify {
    /// The kind of this fault.
    fn kind(&self) -> FaultKind;
}

/// An error with all its causes, for the log and the operator: what a caller may see is for the doors to say.
pub fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}
