//! Every limit of the door, with its rule.

/// Largest XML body: a complete of 10,000 parts with checksums is below 3 MiB, a delete of 1,000 escaped keys below 7.
pub const XML_BODY_BYTES_MAX: usize = 8 << 20;

/// Rules of a CORS configuration (AWS, PutBucketCors).
pub const CORS_RULES_MAX: usize = 100;

/// A CORS configuration (seed 004, "PutBucketCors": "limited to 64 KB in size"); less what its record needs besides the
/// texts, so that it fits into a value of the store.
pub const CORS_DOCUMENT_BYTES_MAX: usize = 60 << 10;

/// Compiled policies of buckets that are kept: of the longest that there may be, each a few hundred KiB at worst, so that all
/// stay within tens of MiB.
pub const COMPILED_POLICIES_MAX: usize = 256;
