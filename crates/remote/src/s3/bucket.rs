//! Buckets.

use baleen_types::BucketName;
use bytes::Bytes;
use http::Method;

use super::S3;
use super::call::Call;
use crate::limits::ERROR_BODY_MAX;
use crate::{Error, Operation};

/// The region whose name must not be given as a location (S3 API Reference, CreateBucket).
const REGION_WITHOUT_LOCATION: &str = "us-east-1";

/// What a store says of a bucket that the same owner has already.
const OWNED_ALREADY: &str = "BucketAlreadyOwnedByYou";

impl S3 {
    /// Makes a bucket in the endpoint's region; one that the same owner has already is no error.
    ///
    /// Shape: `PUT /{bucket}`, body `CreateBucketConfiguration` outside `us-east-1`.
    /// Source: S3 API Reference, CreateBucket.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::Conflict`] when the name is somebody else's.
    pub async fn create_bucket(&self, name: &BucketName) -> Result<(), Error> {
        let region = self.address.region.as_str();
        let body = if region == REGION_WITHOUT_LOCATION {
            Bytes::new()
        } else {
            // A region's name has letters, digits and hyphens only, so there is nothing to escape.
            Bytes::from(format!(
                "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
                 <LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
            ))
        };
        let call = Call {
            operation: Operation::CreateBucket,
            method: Method::PUT,
            target: self.address.bucket(name),
            query: String::new(),
            headers: Vec::new(),
            body,
        };
        match self.whole(&call, ERROR_BODY_MAX).await {
            Ok(_) => Ok(()),
            Err(Error::Conflict(_, answer)) if answer.code.as_deref() == Some(OWNED_ALREADY) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
