//! Where bytes go: one way to write objects into our own store and into others.

mod azure;
mod own;
mod remote;

pub(crate) use azure::AzureSink;
pub(crate) use own::OwnSink;
pub(crate) use remote::RemoteSink;

use async_trait::async_trait;
use baleen_filter::FiveTuple;
use baleen_objects::ObjectError;
use baleen_types::{BucketName, Classify, FaultKind, Invalid, ObjectKey, PartNumber};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Writes into one bucket. Each call is tried again within bounds when the store cannot just now; nothing else is.
///
/// Cancel safe: a call that is dropped may or may not have happened, and every one of them can be made again.
#[async_trait]
pub(crate) trait Sink: Send + Sync {
    /// Stores a small object at once.
    async fn put(&self, key: &ObjectKey, body: Bytes, content_type: &str) -> Result<(), SinkError>;

    /// Begins a multipart upload; nothing is visible under `key` until it is completed.
    async fn begin(&self, key: &ObjectKey, content_type: &str) -> Result<Upload, SinkError>;

    /// Sends one part: 5 MiB or more unless it is the last.
    async fn part(&self, upload: &Upload, number: PartNumber, body: Bytes) -> Result<SentPart, SinkError>;

    /// Makes the object of its parts. `again`: this was asked for before and the answer was lost, so that an upload
    /// which is gone may be completed already.
    async fn complete(&self, upload: &Upload, parts: &[SentPart], again: bool) -> Result<Completion, SinkError>;

    /// Gives an upload up; one that is not there any more is no error.
    async fn abort(&self, upload: &Upload) -> Result<(), SinkError>;

    /// The uploads that were begun under a name, as far as the store lets us look: for one whose id was lost with the process
    /// that began it.
    async fn begun(&self, key: &ObjectKey) -> Result<Vec<Upload>, SinkError>;

    /// The size of all parts but the last, if the store completes no upload of others.
    fn even_parts(&self) -> Option<usize> {
        None
    }

    /// The packets of this sink itself, which a capture must not catch; known once something was sent.
    async fn own_traffic(&self) -> Vec<FiveTuple>;
}

/// How sure it is that an upload became an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Completion {
    /// The store said so.
    Confirmed,
    /// The upload is gone after its completion was asked for, and the store does not let us look at the object.
    Presumed,
}

/// An unfinished upload, in a form that can be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Upload {
    /// The name the object will have.
    pub(crate) key: ObjectKey,
    /// The store's id of the upload.
    pub(crate) id: String,
}

/// A part the store has taken, in a form that can be stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SentPart {
    /// Its place in the object, from 1.
    pub(crate) number: u16,
    /// What the store called it, as it wrote it.
    pub(crate) tag: String,
}

impl SentPart {
    pub(crate) fn part_number(&self) -> Result<PartNumber, SinkError> {
        PartNumber::new(u32::from(self.number)).map_err(SinkError::Damaged)
    }
}

/// Why a store did not take something. Its text is fit for the client who named the bucket.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The bucket of our own store was deleted, or belongs to another account now.
    #[error("the bucket {0} does not exist any more, or is not yours any more")]
    BucketGone(BucketName),
    /// Our own store refused.
    #[error("{0}")]
    Own(#[source] ObjectError),
    /// Another store refused.
    #[error("{0}")]
    Remote(#[source] baleen_remote::Error),
    /// What was stored of an upload is not what the store understands.
    #[error("what is known of the upload is damaged: {0}")]
    Damaged(Invalid),
}

impl SinkError {
    /// Whether our own disk is full: what waits for it would wait on the same.
    pub(crate) fn is_full_here(&self) -> bool {
        matches!(self, Self::Own(ObjectError::NoSpace))
    }
}

impl Classify for SinkError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::BucketGone(_) => FaultKind::NotFound,
            Self::Own(error) => error.kind(),
            Self::Remote(error) => error.kind(),
            Self::Damaged(_) => FaultKind::Corrupt,
        }
    }
}
