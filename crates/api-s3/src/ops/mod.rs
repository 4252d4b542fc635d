//! The operations: one row each, one file each.
//!
//! A row carries what is true of an operation before it runs: its name (in logs and metrics too), the IAM action that
//! policies know it by, and what it acts on. The authorization hook, the codec's trait and the coverage test are made
//! from the table; an operation without a row cannot be reached.

use async_trait::async_trait;
use baleen_http::Weight;
use baleen_policy::Action;
use s3s::{S3, S3Request, S3Response, S3Result, dto};

use crate::access::{Call, HiddenSource};
use crate::fault::Fault;
use crate::reads::{GET_OBJECT, HEAD_OBJECT};
use crate::routed::RoutedTo;
use crate::services::Services;
use crate::writes::PUT_OBJECT;

pub(crate) mod acls;
mod copying;
mod delete_bucket_replication;
mod delete_bucket_website;
mod get_bucket_analytics_configuration;
mod get_bucket_intelligent_tiering_configuration;
mod get_bucket_inventory_configuration;
mod get_bucket_metrics_configuration;
mod list_bucket_analytics_configurations;
mod list_bucket_intelligent_tiering_configurations;
mod list_bucket_inventory_configurations;
mod list_bucket_metrics_configurations;
pub(crate) mod listing;
mod policing;
pub(crate) mod tagging;

// Written out, not made by the table: what a macro declares is not found by rustfmt.
mod abort_multipart_upload;
mod complete_multipart_upload;
mod copy_object;
mod create_bucket;
mod create_multipart_upload;
mod delete_bucket;
mod delete_bucket_cors;
mod delete_bucket_encryption;
mod delete_bucket_lifecycle;
mod delete_bucket_ownership_controls;
mod delete_bucket_policy;
mod delete_bucket_tagging;
mod delete_object;
mod delete_object_tagging;
mod delete_objects;
mod delete_public_access_block;
mod get_bucket_accelerate_configuration;
mod get_bucket_acl;
mod get_bucket_cors;
mod get_bucket_encryption;
mod get_bucket_lifecycle_configuration;
mod get_bucket_location;
mod get_bucket_logging;
mod get_bucket_notification_configuration;
mod get_bucket_ownership_controls;
mod get_bucket_policy;
mod get_bucket_policy_status;
mod get_bucket_replication;
mod get_bucket_request_payment;
mod get_bucket_tagging;
mod get_bucket_versioning;
mod get_bucket_website;
mod get_object_acl;
mod get_object_attributes;
mod get_object_legal_hold;
mod get_object_lock_configuration;
mod get_object_retention;
mod get_object_tagging;
mod get_public_access_block;
mod head_bucket;
mod list_buckets;
mod list_multipart_uploads;
mod list_object_versions;
mod list_objects;
mod list_objects_v2;
mod list_parts;
mod put_bucket_acl;
mod put_bucket_cors;
mod put_bucket_encryption;
mod put_bucket_lifecycle_configuration;
mod put_bucket_logging;
mod put_bucket_ownership_controls;
mod put_bucket_policy;
mod put_bucket_tagging;
mod put_bucket_versioning;
mod put_object_acl;
mod put_object_legal_hold;
mod put_object_lock_configuration;
mod put_object_retention;
mod put_object_tagging;
mod put_public_access_block;
mod upload_part;
mod upload_part_copy;

/// One operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Its name in AWS's API.
    pub name: &'static str,
    /// The permission it needs.
    pub action: Action,
    /// What it acts on.
    pub extent: Extent,
    /// What may stand in its query.
    pub query: Query,
}

impl Row {
    /// How much it matters that the audit log has it: buckets that come and go and their settings always, objects and their
    /// listings when the operator wants it, as of AWS's management and data events.
    #[must_use]
    pub fn weight(&self) -> Weight {
        let lists = matches!(
            self.action,
            Action::S3ListBucket | Action::S3ListBucketVersions | Action::S3ListBucketMultipartUploads
        );
        match (self.extent, self.query) {
            // Who has it is let in.
            (Extent::Object, _) if self.makes_link() => Weight::Change,
            (Extent::Object | Extent::Keys, _) => Weight::Data,
            (Extent::Bucket, _) if lists => Weight::Data,
            (_, Query::Any) => Weight::Look,
            (_, Query::Only(_)) => Weight::Change,
        }
    }

    /// Whether policies may look at what the document says, so that nothing is decided before it is read.
    pub(crate) fn is_told_by_document(&self) -> bool {
        matches!(self.action, Action::S3PutObjectRetention | Action::S3PutObjectLegalHold)
    }

    /// Whether its document gives an object tags, at which policies may look.
    pub(crate) fn gives_tags_by_document(&self) -> bool {
        self.action == Action::S3PutObjectTagging
    }

    /// Whether it lets others read by a link.
    fn makes_link(&self) -> bool {
        self.name == "RSPresignLink"
    }

    /// Whether it makes an object of which headers say what it has: its tags and its lock.
    pub(crate) fn makes_as_headers_say(&self) -> bool {
        matches!(self.name, "PutObject" | "CopyObject" | "CreateMultipartUpload")
    }
}

/// Names that may stand in the query of an operation.
///
/// The codec takes a sub-resource which it does not know for none: what was to change a setting of a bucket would delete
/// the bucket. So an operation which changes something names all of its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Query {
    /// An operation that only reads: all names but those of other operations that are not here, or it would be taken for the answer of
    /// one of them.
    Any,
    /// These, and `x-id`, in which SDKs repeat the name of the operation.
    Only(&'static [&'static str]),
}

impl Query {
    /// The first name which may not stand in a query.
    pub(crate) fn stranger(self, query: &str) -> Option<String> {
        if query.is_empty() {
            return None;
        }
        let is_stranger = |name: &str| match self {
            Self::Any => NOT_HERE.contains(&name),
            Self::Only(known) => name != "x-id" && !known.contains(&name),
        };
        query
            .split('&')
            .filter(|parameter| !parameter.is_empty())
            .map(|parameter| parameter.split('=').next().unwrap_or_default())
            // Compared decoded, since the codec decodes them.
            .map(|name| percent_encoding::percent_decode_str(name).decode_utf8_lossy())
            .find(|name| is_stranger(name))
            .map(std::borrow::Cow::into_owned)
    }
}

/// Sub-resources which AWS reads by a GET, and which neither this door nor its codec knows.
const NOT_HERE: [&str; 9] = [
    "abac",
    "annotation",
    "annotations",
    "metadataAnnotationTable",
    "metadataConfiguration",
    "metadataInventoryTable",
    "metadataJournalTable",
    "metadataTable",
    "session",
];

/// What an operation acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The account of who asks.
    Account,
    /// Nothing that anybody owns: for resellers.
    Resellers,
    /// A bucket that is about to be.
    NewBucket,
    /// A bucket.
    Bucket,
    /// A bucket and the keys in it which the body names, each decided by itself.
    Keys,
    /// A bucket and a key in it.
    Object,
}

/// What an operation gives to the codec.
pub(crate) type Answer<T> = Result<S3Response<T>, Fault>;

macro_rules! operations {
    ($($module:ident: $name:literal, $action:ident, $extent:ident, $query:expr, $input:ident => $output:ident;)*) => {
        /// The table: those that the codec reads, and those that go round it.
        pub const OPERATIONS: &[Row] = &[
            $(Row { name: $name, action: Action::$action, extent: Extent::$extent, query: $query },)*
            GET_OBJECT,
            HEAD_OBJECT,
            PUT_OBJECT,
        ];

        #[async_trait]
        impl S3 for Operations {
            $(async fn $module(&self, mut request: S3Request<dto::$input>) -> S3Result<S3Response<dto::$output>> {
                // Only the access hook puts it there, and only after the policy said yes.
                let Some(call) = request.extensions.remove::<Call>() else {
                    return Err(Fault::access_denied().into_s3(None));
                };
                let id = call.id;
                let (veil, source) = (call.veil(), request.extensions.get::<HiddenSource>().copied());
                let routed = request.extensions.get::<RoutedTo>().cloned().unwrap_or_default();
                let answer = $module::run(&self.services, call, request).await;
                answer.map_err(|fault| {
                    let fault = veil.over(fault, source);
                    routed.failed(&fault);
                    fault.into_s3(id)
                })
            })*
        }
    };
}

operations! {
    list_buckets: "ListBuckets", S3ListAllMyBuckets, Account, Query::Any, ListBucketsInput => ListBucketsOutput;
    create_bucket: "CreateBucket", S3CreateBucket, NewBucket, Query::Only(&["replication-policy"]), CreateBucketInput => CreateBucketOutput;
    head_bucket: "HeadBucket", S3ListBucket, Bucket, Query::Any, HeadBucketInput => HeadBucketOutput;
    delete_bucket: "DeleteBucket", S3DeleteBucket, Bucket, Query::Only(&[]), DeleteBucketInput => DeleteBucketOutput;
    get_bucket_location: "GetBucketLocation", S3GetBucketLocation, Bucket, Query::Any, GetBucketLocationInput => GetBucketLocationOutput;
    get_bucket_versioning: "GetBucketVersioning", S3GetBucketVersioning, Bucket, Query::Any, GetBucketVersioningInput => GetBucketVersioningOutput;
    put_bucket_versioning: "PutBucketVersioning", S3PutBucketVersioning, Bucket, Query::Only(&["versioning"]), PutBucketVersioningInput => PutBucketVersioningOutput;
    put_bucket_cors: "PutBucketCors", S3PutBucketCors, Bucket, Query::Only(&["cors"]), PutBucketCorsInput => PutBucketCorsOutput;
    get_bucket_cors: "GetBucketCors", S3GetBucketCors, Bucket, Query::Any, GetBucketCorsInput => GetBucketCorsOutput;
    delete_bucket_cors: "DeleteBucketCors", S3PutBucketCors, Bucket, Query::Only(&["cors"]), DeleteBucketCorsInput => DeleteBucketCorsOutput;
    put_bucket_lifecycle_configuration: "PutBucketLifecycleConfiguration", S3PutLifecycleConfiguration, Bucket, Query::Only(&["lifecycle"]), PutBucketLifecycleConfigurationInput => PutBucketLifecycleConfigurationOutput;
    get_bucket_lifecycle_configuration: "GetBucketLifecycleConfiguration", S3GetLifecycleConfiguration, Bucket, Query::Any, GetBucketLifecycleConfigurationInput => GetBucketLifecycleConfigurationOutput;
    delete_bucket_lifecycle: "DeleteBucketLifecycle", S3PutLifecycleConfiguration, Bucket, Query::Only(&["lifecycle"]), DeleteBucketLifecycleInput => DeleteBucketLifecycleOutput;
    put_bucket_logging: "PutBucketLogging", S3PutBucketLogging, Bucket, Query::Only(&["logging"]), PutBucketLoggingInput => PutBucketLoggingOutput;
    get_bucket_logging: "GetBucketLogging", S3GetBucketLogging, Bucket, Query::Any, GetBucketLoggingInput => GetBucketLoggingOutput;
    put_bucket_tagging: "PutBucketTagging", S3PutBucketTagging, Bucket, Query::Only(&["tagging"]), PutBucketTaggingInput => PutBucketTaggingOutput;
    get_bucket_tagging: "GetBucketTagging", S3GetBucketTagging, Bucket, Query::Any, GetBucketTaggingInput => GetBucketTaggingOutput;
    delete_bucket_tagging: "DeleteBucketTagging", S3PutBucketTagging, Bucket, Query::Only(&["tagging"]), DeleteBucketTaggingInput => DeleteBucketTaggingOutput;
    get_bucket_policy: "GetBucketPolicy", S3GetBucketPolicy, Bucket, Query::Any, GetBucketPolicyInput => GetBucketPolicyOutput;
    put_bucket_policy: "PutBucketPolicy", S3PutBucketPolicy, Bucket, Query::Only(&["policy"]), PutBucketPolicyInput => PutBucketPolicyOutput;
    delete_bucket_policy: "DeleteBucketPolicy", S3DeleteBucketPolicy, Bucket, Query::Only(&["policy"]), DeleteBucketPolicyInput => DeleteBucketPolicyOutput;
    get_bucket_policy_status: "GetBucketPolicyStatus", S3GetBucketPolicyStatus, Bucket, Query::Any, GetBucketPolicyStatusInput => GetBucketPolicyStatusOutput;
    get_public_access_block: "GetPublicAccessBlock", S3GetBucketPublicAccessBlock, Bucket, Query::Any, GetPublicAccessBlockInput => GetPublicAccessBlockOutput;
    put_public_access_block: "PutPublicAccessBlock", S3PutBucketPublicAccessBlock, Bucket, Query::Only(&["publicAccessBlock"]), PutPublicAccessBlockInput => PutPublicAccessBlockOutput;
    delete_public_access_block: "DeletePublicAccessBlock", S3PutBucketPublicAccessBlock, Bucket, Query::Only(&["publicAccessBlock"]), DeletePublicAccessBlockInput => DeletePublicAccessBlockOutput;
    get_bucket_ownership_controls: "GetBucketOwnershipControls", S3GetBucketOwnershipControls, Bucket, Query::Any, GetBucketOwnershipControlsInput => GetBucketOwnershipControlsOutput;
    put_bucket_ownership_controls: "PutBucketOwnershipControls", S3PutBucketOwnershipControls, Bucket, Query::Only(&["ownershipControls"]), PutBucketOwnershipControlsInput => PutBucketOwnershipControlsOutput;
    delete_bucket_ownership_controls: "DeleteBucketOwnershipControls", S3PutBucketOwnershipControls, Bucket, Query::Only(&["ownershipControls"]), DeleteBucketOwnershipControlsInput => DeleteBucketOwnershipControlsOutput;
    get_bucket_encryption: "GetBucketEncryption", S3GetEncryptionConfiguration, Bucket, Query::Any, GetBucketEncryptionInput => GetBucketEncryptionOutput;
    put_bucket_encryption: "PutBucketEncryption", S3PutEncryptionConfiguration, Bucket, Query::Only(&["encryption"]), PutBucketEncryptionInput => PutBucketEncryptionOutput;
    delete_bucket_encryption: "DeleteBucketEncryption", S3PutEncryptionConfiguration, Bucket, Query::Only(&["encryption"]), DeleteBucketEncryptionInput => DeleteBucketEncryptionOutput;
    get_bucket_notification_configuration: "GetBucketNotificationConfiguration", S3GetBucketNotification, Bucket, Query::Any, GetBucketNotificationConfigurationInput => GetBucketNotificationConfigurationOutput;
    get_bucket_request_payment: "GetBucketRequestPayment", S3GetBucketRequestPayment, Bucket, Query::Any, GetBucketRequestPaymentInput => GetBucketRequestPaymentOutput;
    get_bucket_accelerate_configuration: "GetBucketAccelerateConfiguration", S3GetAccelerateConfiguration, Bucket, Query::Any, GetBucketAccelerateConfigurationInput => GetBucketAccelerateConfigurationOutput;
    get_bucket_website: "GetBucketWebsite", S3GetBucketWebsite, Bucket, Query::Any, GetBucketWebsiteInput => GetBucketWebsiteOutput;
    get_bucket_replication: "GetBucketReplication", S3GetReplicationConfiguration, Bucket, Query::Any, GetBucketReplicationInput => GetBucketReplicationOutput;
    get_bucket_analytics_configuration: "GetBucketAnalyticsConfiguration", S3GetAnalyticsConfiguration, Bucket, Query::Any, GetBucketAnalyticsConfigurationInput => GetBucketAnalyticsConfigurationOutput;
    list_bucket_analytics_configurations: "ListBucketAnalyticsConfigurations", S3GetAnalyticsConfiguration, Bucket, Query::Any, ListBucketAnalyticsConfigurationsInput => ListBucketAnalyticsConfigurationsOutput;
    get_bucket_intelligent_tiering_configuration: "GetBucketIntelligentTieringConfiguration", S3GetIntelligentTieringConfiguration, Bucket, Query::Any, GetBucketIntelligentTieringConfigurationInput => GetBucketIntelligentTieringConfigurationOutput;
    list_bucket_intelligent_tiering_configurations: "ListBucketIntelligentTieringConfigurations", S3GetIntelligentTieringConfiguration, Bucket, Query::Any, ListBucketIntelligentTieringConfigurationsInput => ListBucketIntelligentTieringConfigurationsOutput;
    get_bucket_inventory_configuration: "GetBucketInventoryConfiguration", S3GetInventoryConfiguration, Bucket, Query::Any, GetBucketInventoryConfigurationInput => GetBucketInventoryConfigurationOutput;
    list_bucket_inventory_configurations: "ListBucketInventoryConfigurations", S3GetInventoryConfiguration, Bucket, Query::Any, ListBucketInventoryConfigurationsInput => ListBucketInventoryConfigurationsOutput;
    get_bucket_metrics_configuration: "GetBucketMetricsConfiguration", S3GetMetricsConfiguration, Bucket, Query::Any, GetBucketMetricsConfigurationInput => GetBucketMetricsConfigurationOutput;
    list_bucket_metrics_configurations: "ListBucketMetricsConfigurations", S3GetMetricsConfiguration, Bucket, Query::Any, ListBucketMetricsConfigurationsInput => ListBucketMetricsConfigurationsOutput;
    delete_bucket_website: "DeleteBucketWebsite", S3DeleteBucketWebsite, Bucket, Query::Only(&["website"]), DeleteBucketWebsiteInput => DeleteBucketWebsiteOutput;
    delete_bucket_replication: "DeleteBucketReplication", S3PutReplicationConfiguration, Bucket, Query::Only(&["replication"]), DeleteBucketReplicationInput => DeleteBucketReplicationOutput;
    put_object_lock_configuration: "PutObjectLockConfiguration", S3PutBucketObjectLockConfiguration, Bucket, Query::Only(&["object-lock"]), PutObjectLockConfigurationInput => PutObjectLockConfigurationOutput;
    get_object_lock_configuration: "GetObjectLockConfiguration", S3GetBucketObjectLockConfiguration, Bucket, Query::Any, GetObjectLockConfigurationInput => GetObjectLockConfigurationOutput;
    get_bucket_acl: "GetBucketAcl", S3GetBucketAcl, Bucket, Query::Any, GetBucketAclInput => GetBucketAclOutput;
    put_bucket_acl: "PutBucketAcl", S3PutBucketAcl, Bucket, Query::Only(&["acl"]), PutBucketAclInput => PutBucketAclOutput;
    get_object_acl: "GetObjectAcl", S3GetObjectAcl, Object, Query::Any, GetObjectAclInput => GetObjectAclOutput;
    put_object_acl: "PutObjectAcl", S3PutObjectAcl, Object, Query::Only(&["acl", "versionId"]), PutObjectAclInput => PutObjectAclOutput;
    list_objects: "ListObjects", S3ListBucket, Bucket, Query::Any, ListObjectsInput => ListObjectsOutput;
    list_objects_v2: "ListObjectsV2", S3ListBucket, Bucket, Query::Any, ListObjectsV2Input => ListObjectsV2Output;
    list_object_versions: "ListObjectVersions", S3ListBucketVersions, Bucket, Query::Any, ListObjectVersionsInput => ListObjectVersionsOutput;
    get_object_attributes: "GetObjectAttributes", S3GetObjectAttributes, Object, Query::Any, GetObjectAttributesInput => GetObjectAttributesOutput;
    get_object_tagging: "GetObjectTagging", S3GetObjectTagging, Object, Query::Any, GetObjectTaggingInput => GetObjectTaggingOutput;
    put_object_tagging: "PutObjectTagging", S3PutObjectTagging, Object, Query::Only(&["tagging", "versionId"]), PutObjectTaggingInput => PutObjectTaggingOutput;
    delete_object_tagging: "DeleteObjectTagging", S3DeleteObjectTagging, Object, Query::Only(&["tagging", "versionId"]), DeleteObjectTaggingInput => DeleteObjectTaggingOutput;
    put_object_retention: "PutObjectRetention", S3PutObjectRetention, Object, Query::Only(&["retention", "versionId"]), PutObjectRetentionInput => PutObjectRetentionOutput;
    get_object_retention: "GetObjectRetention", S3GetObjectRetention, Object, Query::Any, GetObjectRetentionInput => GetObjectRetentionOutput;
    put_object_legal_hold: "PutObjectLegalHold", S3PutObjectLegalHold, Object, Query::Only(&["legal-hold", "versionId"]), PutObjectLegalHoldInput => PutObjectLegalHoldOutput;
    get_object_legal_hold: "GetObjectLegalHold", S3GetObjectLegalHold, Object, Query::Any, GetObjectLegalHoldInput => GetObjectLegalHoldOutput;
    copy_object: "CopyObject", S3PutObject, Object, Query::Only(&[]), CopyObjectInput => CopyObjectOutput;
    delete_object: "DeleteObject", S3DeleteObject, Object, Query::Only(&["versionId"]), DeleteObjectInput => DeleteObjectOutput;
    delete_objects: "DeleteObjects", S3DeleteObject, Keys, Query::Only(&["delete"]), DeleteObjectsInput => DeleteObjectsOutput;
    create_multipart_upload: "CreateMultipartUpload", S3PutObject, Object, Query::Only(&["uploads"]), CreateMultipartUploadInput => CreateMultipartUploadOutput;
    upload_part: "UploadPart", S3PutObject, Object, Query::Only(&["partNumber", "uploadId"]), UploadPartInput => UploadPartOutput;
    upload_part_copy: "UploadPartCopy", S3PutObject, Object, Query::Only(&["partNumber", "uploadId"]), UploadPartCopyInput => UploadPartCopyOutput;
    complete_multipart_upload: "CompleteMultipartUpload", S3PutObject, Object, Query::Only(&["uploadId"]), CompleteMultipartUploadInput => CompleteMultipartUploadOutput;
    abort_multipart_upload: "AbortMultipartUpload", S3AbortMultipartUpload, Object, Query::Only(&["uploadId"]), AbortMultipartUploadInput => AbortMultipartUploadOutput;
    list_parts: "ListParts", S3ListMultipartUploadParts, Object, Query::Any, ListPartsInput => ListPartsOutput;
    list_multipart_uploads: "ListMultipartUploads", S3ListBucketMultipartUploads, Bucket, Query::Any, ListMultipartUploadsInput => ListMultipartUploadsOutput;
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
