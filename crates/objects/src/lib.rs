//! Buckets, objects and multipart uploads: what S3 means, without HTTP.
//!
//! One [`Objects`] sits above the metadata keyspace and the local volume. Its promises:
//! * a write that was answered is durable, and a write that was refused changed nothing;
//! * an object becomes visible, and an old one goes away, in one metadata commit; bytes are synced before it;
//! * keys are any UTF-8 of 1 to 1024 bytes and never become paths, so `a` and `a/b` are two objects;
//! * the cost of a listing page depends on the page, not on the bucket.
//!
//! Requests arrive already authorized: who may do what is decided in the doors, before a body is read. This crate stores
//! a bucket's owner and compares it nowhere but in [`Objects::create_bucket`], where the answer depends on it.

mod body;
mod bucket;
mod checksum;
mod compact;
mod cors;
mod encryption;
mod error;
mod hasher;
mod headers;
mod keys;
mod lifecycle;
pub mod limits;
mod list;
mod lock;
mod logging;
mod marks;
mod object;
mod records;
mod scrub;
mod service;
mod setting;
mod space;
mod tags;
mod upload;
mod version;

pub use body::{Body, BodyError, LateChecksum, body_from_bytes};
pub use bucket::{AccountUsage, Bucket, BucketUsage, CreateBucket, captures_bucket};
pub use checksum::{Checksum, ChecksumAlgorithm, ChecksumKind, StoredChecksum};
pub use compact::{Compact, CompactProgress, Compacted};
pub use cors::{Cors, CorsRule};
pub use encryption::{
    BucketEncryption, CustomerKey, DefaultKeys, Encrypt, Encrypted, KeyCheck, KmsEncrypt, KmsEncrypted,
};
pub use error::ObjectError;
pub use headers::ObjectHeaders;
pub use lifecycle::{
    Day, Expiration, Expiry, Lifecycle, LifecycleFilter, LifecycleRule, NoncurrentExpiration, SmallestTransition,
};
pub use list::{
    ListEntry, ListObjects, ListPage, ListUploads, ListVersions, UploadMarker, UploadPage, VersionContent,
    VersionEntry, VersionMarker, VersionPage,
};
pub use lock::{DefaultRetention, Governance, LegalHold, Lock, ObjectLock, Retention, RetentionMode, RetentionPeriod};
pub use logging::BucketLogging;
pub use marks::live_extent;
pub use object::{
    CopyObject, DeleteObject, Deleted, Directive, Expect, FailedCondition, ObjectHead, ObjectPart, ObjectVersion,
    OpenObject, PutObject, RenameObject, RenameToken, Selection, Stored, WriteCondition,
};
pub use records::SEALED;
pub use scrub::{Damage, LastScrub, Scrub, ScrubProgress, Scrubbed, ToldDamage};
pub use service::{
    Expired, ExpiryWitness, HomePlace, Lack, Objects, Parts, Purged, Reconciled, RegionFolder, Settings, Swept,
    Unlooked, copies_of_unserved, home_was_mount, note_at_home, owners,
};
pub use setting::{
    BucketAcl, BucketPolicy, BucketSetting, NewSettings, ObjectOwnership, PublicAccessBlock, ReplicationPolicy,
    SettingKind, Settled,
};
pub use space::Space;
pub use tags::{BucketTagging, TagFault, Tags};
pub use upload::{
    CompleteUpload, CompletedPart, CopyPart, CreateUpload, ListParts, Part, PartsPage, PutPart, Upload, UploadPath,
};
pub use version::{Version, Versioning};
