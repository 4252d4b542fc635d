//! Limits of policy documents.

/// The longest document, in characters that are no white space (identity contract, section 1, "LimitExceeded").
pub const DOCUMENT_CHARS_MAX: usize = 6_144;

/// The longest text that is looked at, white space and all: room for a document with generous indentation.
pub const DOCUMENT_BYTES_MAX: usize = 64 * 1024;

/// The longest policy of a bucket, in bytes (AWS, "Bucket policies and user policies": 20 KB).
pub const BUCKET_DOCUMENT_BYTES_MAX: usize = 20 * 1024;

/// The deepest nesting: object, statement list, statement, condition, operator, value list, value; and one to spare.
pub(crate) const DEPTH_MAX: usize = 8;
