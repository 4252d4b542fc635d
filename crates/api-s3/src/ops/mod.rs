//! The operations: one row each, one file each.
//!
//! A row carries what is true of an operation before it runs: its name (in logs and metrics too), the IAM action that
//! policies know it by, and what it acts on. The authorization hook, the codec's trait and the coverage test are made
//! from the table; an operation without a row cannot be reached.

use async_trait::async_trait;
use baleen_policy::Action;
use s3s::{S3, S3Request, S3Response, S3Result, dto};

use crate::access::Call;
use crate::fault::Fault;
use crate::services::Services;

mod copying;
mod listing;
mod reading;

/// One operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Its name in AWS's API.
    pub name: &'static str,
    /// The permission it needs.
    pub action: Action,
    /// What it acts on.
    pub extent: Extent,
}

/// What an operation acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The account of who asks.
    Account,
    /// A bucket that is about to be.
    NewBucket,
    /// A bucket.
    Bucket,
    /// A bucket and a key in it.
    Object,
}

/// What an operation gives to the codec.
pub(crate) type Answer<T> = Result<S3Response<T>, Fault>;

macro_rules! operations {
    ($($module:ident: $name:literal, $action:ident, $extent:ident, $input:ident => $output:ident;)*) => {
        $(mod $module;)*

        /// The table.
        pub const OPERATIONS: &[Row] =
            &[$(Row { name: $name, action: Action::$action, extent: Extent::$extent },)*];

        #[async_trait]
        impl S3 for Operations {
            $(async fn $module(&self, mut request: S3Request<dto::$input>) -> S3Result<S3Response<dto::$output>> {
                // Only the access hook puts it there, and only after the policy said yes.
                let Some(call) = request.extensions.remove::<Call>() else {
                    return Err(Fault::access_denied().into_s3(None));
                };
                let id = call.id;
                $module::run(&self.services, call, request).await.map_err(|fault| fault.into_s3(id))
            })*
        }
    };
}

operations! {
    list_buckets: "ListBuckets", S3ListAllMyBuckets, Account, ListBucketsInput => ListBucketsOutput;
    create_bucket: "CreateBucket", S3CreateBucket, NewBucket, CreateBucketInput => CreateBucketOutput;
    head_bucket: "HeadBucket", S3ListBucket, Bucket, HeadBucketInput => HeadBucketOutput;
    delete_bucket: "DeleteBucket", S3DeleteBucket, Bucket, DeleteBucketInput => DeleteBucketOutput;
    get_bucket_location: "GetBucketLocation", S3GetBucketLocation, Bucket, GetBucketLocationInput => GetBucketLocationOutput;
    get_bucket_versioning: "GetBucketVersioning", S3GetBucketVersioning, Bucket, GetBucketVersioningInput => GetBucketVersioningOutput;
    list_objects: "ListObjects", S3ListBucket, Bucket, ListObjectsInput => ListObjectsOutput;
    list_objects_v2: "ListObjectsV2", S3ListBucket, Bucket, ListObjectsV2Input => ListObjectsV2Output;
    get_object: "GetObject", S3GetObject, Object, GetObjectInput => GetObjectOutput;
    head_object: "HeadObject", S3GetObject, Object, HeadObjectInput => HeadObjectOutput;
    get_object_tagging: "GetObjectTagging", S3GetObjectTagging, Object, GetObjectTaggingInput => GetObjectTaggingOutput;
    put_object: "PutObject", S3PutObject, Object, PutObjectInput => PutObjectOutput;
    copy_object: "CopyObject", S3PutObject, Object, CopyObjectInput => CopyObjectOutput;
    delete_object: "DeleteObject", S3DeleteObject, Object, DeleteObjectInput => DeleteObjectOutput;
    delete_objects: "DeleteObjects", S3DeleteObject, Bucket, DeleteObjectsInput => DeleteObjectsOutput;
    create_multipart_upload: "CreateMultipartUpload", S3PutObject, Object, CreateMultipartUploadInput => CreateMultipartUploadOutput;
    upload_part: "UploadPart", S3PutObject, Object, UploadPartInput => UploadPartOutput;
    upload_part_copy: "UploadPartCopy", S3PutObject, Object, UploadPartCopyInput => UploadPartCopyOutput;
    complete_multipart_upload: "CompleteMultipartUpload", S3PutObject, Object, CompleteMultipartUploadInput => CompleteMultipartUploadOutput;
    abort_multipart_upload: "AbortMultipartUpload", S3AbortMultipartUpload, Object, AbortMultipartUploadInput => AbortMultipartUploadOutput;
    list_parts: "ListParts", S3ListMultipartUploadParts, Object, ListPartsInput => ListPartsOutput;
    list_multipart_uploads: "ListMultipartUploads", S3ListBucketMultipartUploads, Bucket, ListMultipartUploadsInput => ListMultipartUploadsOutput;
}

/// The codec's side of the table.
pub(crate) struct Operations {
    services: Services,
}

impl Operations {
    pub(crate) fn new(services: Services) -> Self {
        Self { services }
    }
}

/// The row of an operation that the codec routed to.
pub(crate) fn row(name: &str) -> Option<&'static Row> {
    OPERATIONS.iter().find(|row| row.name == name)
}
