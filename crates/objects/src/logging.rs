//! Where the records of requests to a bucket go, as it is kept (seed 004, "Put Bucket Logging"). They are written by the door,
//! which knows requests.

use crate::ObjectError;
use crate::setting::setting;
use baleen_types::{AccessKeyId, BucketName};
use serde::{Deserialize, Serialize};

/// The logging configuration of a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketLogging {
    target: String,
    /// How the keys of its logs begin.
    pub prefix: String,
    access_key: String,
}

setting!(BucketLogging, "bucket logging", Logging);

impl BucketLogging {
    /// Logs into a bucket, by an access key.
    #[must_use]
    pub fn new(target: &BucketName, prefix: String, access_key: &AccessKeyId) -> Self {
        Self {
            target: target.to_string(),
            prefix,
            access_key: access_key.to_string(),
        }
    }

    /// The bucket that its logs are put into.
    ///
    /// # Errors
    /// [`ObjectError::Corrupt`].
    pub fn target(&self) -> Result<BucketName, ObjectError> {
        BucketName::parse(&self.target).map_err(ObjectError::corrupt)
    }

    /// The access key by whose rights they are.
    #[must_use]
    pub fn access_key(&self) -> &str {
        &self.access_key
    }
}
