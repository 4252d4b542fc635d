//! Bodies as they stream in and out.

use crate::Checksum;
use baleen_types::{Classify, FaultKind};
use bytes::Bytes;
use futures::Stream;
use std::pin::Pin;

/// The bytes of a body, in order. An error ends it: nothing of a body that broke off becomes visible.
pub type Body = Pin<Box<dyn Stream<Item = Result<Bytes, BodyError>> + Send>>;

/// Gives the checksum which a sender put behind the body (an `x-amz-checksum-*` trailer); called once, after its end.
pub type LateChecksum = Box<dyn FnOnce() -> Result<Option<Checksum>, BodyError> + Send>;

/// Why a body ended before its end.
///
/// A door puts its own error inside and finds it again with `source.downcast_ref()`.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub struct BodyError {
    kind: FaultKind,
    /// What happened, for the log and, if the kind is the sender's fault, for the sender.
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl BodyError {
    /// Wraps a cause, which may be a plain text.
    pub fn new(kind: FaultKind, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self {
            kind,
            source: source.into(),
        }
    }
}

impl Classify for BodyError {
    fn kind(&self) -> FaultKind {
        self.kind
    }
}

/// A body that is already in memory.
pub fn body_from_bytes(bytes: impl Into<Bytes>) -> Body {
    let bytes = bytes.into();
    let items = (!bytes.is_empty()).then_some(Ok(bytes));
    Box::pin(futures::stream::iter(items))
}
