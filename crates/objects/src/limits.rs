//! Every limit of this crate, with its rule.

use std::time::Duration;

/// Keys and common prefixes in one page (seed 004, "List Objects": "Defaults to the maximum value of 1000").
pub const LIST_KEYS_MAX: usize = 1000;

/// Uploads in one page (AWS, ListMultipartUploads).
pub const LIST_UPLOADS_MAX: usize = 1000;

/// Parts in one page (AWS, ListParts).
pub const LIST_PARTS_MAX: usize = 1000;

/// Objects in one multi-object delete (seed 004, "Delete Multiple Objects": "up to 1000").
pub const DELETE_KEYS_MAX: usize = 1000;

/// Smallest part but the last (AWS, "Multipart upload limits").
pub const PART_BYTES_MIN: u64 = 5 << 20;

/// Largest body of one put or one part (AWS, "Multipart upload limits").
pub const PUT_BYTES_MAX: u64 = 5 << 30;

/// Largest object (AWS, "Multipart upload limits" until 2025; ours since extent pages are sized for it).
pub const OBJECT_BYTES_MAX: u64 = 5 << 40;

/// User metadata, names and values together (seed 004, "PUT Object": "up to a total of 2KB of data").
pub const USER_METADATA_BYTES_MAX: usize = 2048;

/// All standard headers of an object together; keeps a record far below the keyspace's value limit of 64 KiB.
pub const STANDARD_HEADERS_BYTES_MAX: usize = 8192;

/// Tags of one object (seed 004, "Put Object Tagging": "At most 10 tags per object version").
pub const OBJECT_TAGS_MAX: usize = 10;

/// Tags of one bucket (AWS, PutBucketTagging; seed 004, "Put Bucket Tagging", names the 10 of objects, and whoever keeps to
/// them is served as well).
pub const BUCKET_TAGS_MAX: usize = 50;

/// A tag's key (seed 004, "Put Object Tagging": "up to 128 unicode characters").
pub const TAG_KEY_CHARS_MAX: usize = 128;

/// A tag's value (seed 004, "Put Object Tagging": "up to 256 unicode characters").
pub const TAG_VALUE_CHARS_MAX: usize = 256;

/// All tags of a bucket together; keeps their record below the keyspace's value limit of 64 KiB.
pub const BUCKET_TAGS_BYTES_MAX: usize = 60 << 10;

/// A setting of a bucket as it is stored, in one row, but its lifecycle configuration. More than seed 004 has of any document
/// ("PutBucketCors": "limited to 64 KB in size"), since none is shorter than its record.
pub const SETTING_BYTES_MAX: usize = baleen_meta::VALUE_BYTES_MAX;

/// Days of a default retention (AWS, "Object Lock considerations": 100 years).
pub const RETENTION_DAYS_MAX: u32 = 36_500;

/// Years of a default retention (likewise).
pub const RETENTION_YEARS_MAX: u32 = 100;

/// Rules of a lifecycle configuration (AWS, PutBucketLifecycleConfiguration: "up to 1,000 rules").
pub const LIFECYCLE_RULES_MAX: usize = 1000;

/// A lifecycle configuration as it is stored: 256 bytes for each of its rules.
pub const LIFECYCLE_BYTES_MAX: usize = LIFECYCLE_RULES_MAX << 8;

/// Bytes of it in one row, below the keyspace's value limit of 64 KiB.
pub const LIFECYCLE_ROW_BYTES: usize = 60 << 10;

/// Rows of it.
pub const LIFECYCLE_ROWS_MAX: usize = LIFECYCLE_BYTES_MAX.div_ceil(LIFECYCLE_ROW_BYTES);

/// Compiled lifecycle configurations that are kept: of the longest that there may be, tens of MiB together.
pub const COMPILED_LIFECYCLES_MAX: usize = 64;

/// Rows that a pass of lifecycle rules reads at once.
pub const EXPIRY_PAGE: usize = 1000;

/// Pages of such a pass between two notes of how far it is: so much is looked at again after a crash.
pub const EXPIRY_PAGES_UNNOTED_MAX: u32 = 64;

/// Buckets of one account (AWS's default quota of old; a listing of buckets is one answer without pages).
pub const BUCKETS_PER_ACCOUNT_MAX: usize = 1000;

/// How often one write is tried again when another write to the same key commits first.
pub const COMMIT_ATTEMPTS_MAX: u32 = 256;

/// Unfinished uploads that the deletion of their bucket ends before it is answered; the sweep ends the others. Each is a
/// commit, so this keeps the answer within a second on a slow disk.
pub const UPLOADS_ABORTED_WITH_BUCKET_MAX: usize = 64;

/// How long the answer to a completed upload is kept for a client which repeats the call.
pub const COMPLETED_UPLOAD_KEPT: Duration = Duration::from_hours(24);

/// How long a renaming is remembered by the token of its client: longer than clients try again.
pub const RENAME_TOKEN_KEPT: Duration = Duration::from_mins(15);

/// Renamings that are remembered of an account, each in a slot that its token gives it: below 8 MiB. One that takes the slot of
/// another makes that forgotten sooner, after half as many on the average.
pub const RENAME_TOKENS_PER_ACCOUNT_MAX: u32 = 1 << 16;

/// Damages that a scrub tells by name; it counts all.
pub const DAMAGES_TOLD_MAX: usize = 1000;

/// Damages of the last scrub whose names are kept: together they fit into a row.
pub const DAMAGES_KEPT_MAX: usize = 24;

/// Bytes of each of the two texts of a damage that is kept: a bucket, a key and a version fit.
pub const DAMAGE_TEXT_BYTES_MAX: usize = 1200;

const _: () = assert!(DAMAGES_KEPT_MAX * (2 * DAMAGE_TEXT_BYTES_MAX + 16) < baleen_meta::VALUE_BYTES_MAX);

const _: () = assert!(PART_BYTES_MIN <= PUT_BYTES_MAX && PUT_BYTES_MAX <= OBJECT_BYTES_MAX);
const _: () = assert!(USER_METADATA_BYTES_MAX + STANDARD_HEADERS_BYTES_MAX < 32 << 10);
const _: () = assert!(LIFECYCLE_ROWS_MAX <= 255);
const _: () = assert!(OBJECT_TAGS_MAX * 4 * (TAG_KEY_CHARS_MAX + TAG_VALUE_CHARS_MAX) < 16 << 10);
