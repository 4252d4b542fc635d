//! Limits of the keys of an account, each with its rule.

/// Characters of a name (AWS KMS, CreateAlias: 256 with `alias/`; ours fit an ARN in a header comfortably).
pub const NAME_CHARS_MAX: usize = 128;

/// Characters of a description (AWS KMS, CreateKey: 8192; ours is a line of a table).
pub const DESCRIPTION_CHARS_MAX: usize = 256;

/// Keys of one account. They are listed in one answer. Requests at once may make a few more.
pub const KEYS_PER_ACCOUNT_MAX: usize = 100;

/// Versions of one key: a rotation each month for eight years. They are in one record, which stays far below its limit.
pub const VERSIONS_PER_KEY_MAX: usize = 100;

/// Bytes of an encryption context, names and values together; it is kept beside each object.
pub const CONTEXT_BYTES_MAX: usize = 2048;

/// How often a change is tried again when another one comes first.
pub(crate) const ATTEMPTS_MAX: usize = 16;
