//! The client of S3-compatible stores.
//!
//! Source: Amazon S3 API Reference, the pages of the operations; what compatible servers do otherwise is noted where it
//! is dealt with.

mod address;
mod answer;
mod bucket;
mod call;
mod list;
mod multipart;
mod object;
mod presign;

pub use address::{Addressing, Auth, Credentials, Endpoint};
pub use list::{ListPage, ListRequest, Listed};
pub use multipart::{CompletedUpload, PartChecksum, Upload, UploadedPart};
pub use object::{Body, Encryption, Got, Head, ObjectHeaders, StoredObject};

use std::sync::Arc;
use std::time::Duration;

use baleen_runtime::{Clock, Entropy};

use crate::limits::{ANSWER_TIMEOUT, COMPLETE_TIMEOUT, STALL_TIMEOUT, TRANSFER_GRACE};
use crate::{Connections, RetrySettings};
use address::Address;

/// How patient a client is.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How long the store may neither take nor send a byte.
    pub stall_timeout: Duration,
    /// The same while it puts together a multipart upload.
    pub complete_timeout: Duration,
    /// How long a request may take until the head of its answer, besides what its body takes at
    /// [`TRANSFER_RATE_MIN`](crate::limits::TRANSFER_RATE_MIN); at least the silence that is allowed.
    pub transfer_grace: Duration,
    /// How long an answer that is read into memory may take altogether.
    pub answer_timeout: Duration,
    /// Repetition after transient errors.
    pub retry: RetrySettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            stall_timeout: STALL_TIMEOUT,
            complete_timeout: COMPLETE_TIMEOUT,
            transfer_grace: TRANSFER_GRACE,
            answer_timeout: ANSWER_TIMEOUT,
            retry: RetrySettings::default(),
        }
    }
}

/// What a client works with.
#[derive(Clone)]
pub struct Parts {
    /// Signs with its time of day, and times out by its monotonic time.
    pub clock: Arc<dyn Clock>,
    /// Draws the pauses between repetitions.
    pub entropy: Arc<dyn Entropy>,
    /// The connections of the process.
    pub connections: Connections,
}

/// A client of one S3-compatible endpoint with one pair of credentials.
///
/// Every operation is repeated after transient errors (see [`RetrySettings`]); what comes back is the last error. All
/// futures may be dropped at any time: the store may then have carried out the request or not.
#[derive(Clone)]
pub struct S3 {
    address: Arc<Address>,
    settings: Settings,
    parts: Parts,
}

impl S3 {
    /// Makes a client; nothing is sent before the first operation.
    ///
    /// # Errors
    /// [`Error::Request`](crate::Error::Request) when the endpoint is not a plain `http` or `https` address.
    pub fn new(endpoint: Endpoint, settings: Settings, parts: Parts) -> Result<Self, crate::Error> {
        Ok(Self {
            address: Arc::new(Address::new(endpoint)?),
            settings,
            parts,
        })
    }
}

impl std::fmt::Debug for S3 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("S3")
            .field("address", &self.address)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
