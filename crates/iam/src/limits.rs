//! Every limit of this crate, with its rule.

/// Access keys of one user (identity contract, section 1, "LimitExceeded").
pub const KEYS_PER_USER_MAX: usize = 2;

/// Managed policies attached to one user (identity contract, section 1, "LimitExceeded").
pub const POLICIES_PER_USER_MAX: usize = 10;

/// Versions of one managed policy (identity contract, section 1, "LimitExceeded").
pub const VERSIONS_PER_POLICY_MAX: usize = 5;

/// Users of one account. AWS starts at 5,000 and raises it on request; nothing here grows with it but the list.
pub const USERS_PER_ACCOUNT_MAX: i128 = 100_000;

/// Managed policies of one account. AWS starts at 1,500 and raises it to 5,000.
pub const POLICIES_PER_ACCOUNT_MAX: i128 = 5_000;

/// Characters of all inline policies of one user, white space not counted (AWS, "IAM and AWS STS quotas").
pub const INLINE_CHARS_PER_USER_MAX: usize = 2_048;

/// Tags of one user or one policy (AWS, "IAM and AWS STS quotas").
pub const TAGS_MAX: usize = 50;

/// Characters in the key of a tag, and in its value (AWS, "IAM and AWS STS quotas").
pub const TAG_KEY_CHARS_MAX: usize = 128;
/// See [`TAG_KEY_CHARS_MAX`].
pub const TAG_VALUE_CHARS_MAX: usize = 256;

/// Characters in a path (AWS, "IAM and AWS STS quotas").
pub const PATH_CHARS_MAX: usize = 512;

/// Characters in the name of a policy (identity contract, section 3, CreatePolicy).
pub const POLICY_NAME_CHARS_MAX: usize = 128;

/// Characters in the description of a policy (identity contract, section 3, CreatePolicy).
pub const DESCRIPTION_CHARS_MAX: usize = 1_000;

/// Characters in a first and in a last name; ours.
pub const PERSON_NAME_CHARS_MAX: usize = 128;

/// Bytes of a stored document, white space and all; what a value of the keyspace holds beside it fits the rest.
pub const DOCUMENT_BYTES_MAX: usize = 60 * 1024;

/// Entries of one page (identity contract, section 1, "Lists").
pub const PAGE_MAX: usize = 1_000;
/// Entries of one page when nothing is asked for (identity contract, section 1, "Lists").
pub const PAGE_DEFAULT: usize = 100;
/// Entries that are looked at for one page of a filtered list; a page may then be short, and is truncated.
pub(crate) const PAGE_LOOKED_AT_MAX: usize = 10_000;

/// Bytes of documents after which a page of an account's details ends, however few entries it has: one policy may bring
/// five of [`DOCUMENT_BYTES_MAX`], and each byte of them three in an answer.
pub const DETAILS_BYTES_MAX: usize = 1 << 20;

/// Shortest and longest session of AssumeRole, and what it lasts when nothing is asked for (seed 004, AssumeRole).
pub const ASSUMED_SECS: std::ops::RangeInclusive<u32> = 900..=43_200;
/// See [`ASSUMED_SECS`].
pub const ASSUMED_SECS_DEFAULT: u32 = 900;

/// Shortest and longest session of RSLogin and RSAssumeCustomerRole, and the default (identity contract, section 2).
pub const LOGIN_SECS: std::ops::RangeInclusive<u32> = 60..=43_200;
/// See [`LOGIN_SECS`].
pub const LOGIN_SECS_DEFAULT: u32 = 3_600;

/// Policies named by `PolicyArns` of one AssumeRole (AWS, AssumeRole).
pub const SESSION_POLICY_ARNS_MAX: usize = 10;

/// Bytes of all policies of one session. AWS packs them into its token and refuses what does not fit; ours lie in a record.
pub const SESSION_POLICY_BYTES_MAX: usize = 16 * 1024;

/// Characters of the `Policy` parameter of AssumeRole (AWS, AssumeRole).
pub const SESSION_POLICY_CHARS_MAX: usize = 2_048;

/// How often a session may be derived from one that was derived; each step is a record more to look at.
pub const SESSION_DEPTH_MAX: u8 = 8;

/// Sessions that one user logs in to, and as many again that its credentials make; the two keep each other out of nothing.
/// Parallel requests may overshoot by their number.
pub const SESSIONS_PER_USER_MAX: usize = 1_000;

/// How long an ended session is still told from one that never was (`ExpiredToken`, not `InvalidClientTokenId`).
/// When they would take the last room ([`SESSIONS_PER_USER_MAX`]), they go earlier.
pub(crate) const ENDED_SESSION_KEPT_SECS: u64 = 3600;

/// Sessions that one pass of the sweep looks at.
pub(crate) const SWEEP_PAGE: usize = 1_000;

/// How often one change is tried again when another one of the same thing commits first.
pub(crate) const CHANGE_TRIES_MAX: u32 = 64;

/// Credentials held in memory, with secret, user and policies; the least used go first. About 1 KiB each.
pub(crate) const CACHED_CREDENTIALS_MAX: usize = 32_768;

/// Users with their policies held in memory, shared by the credentials of each.
pub(crate) const CACHED_USERS_MAX: usize = 32_768;

/// Compiled policies held in memory, shared by all they are attached to.
pub(crate) const CACHED_POLICIES_MAX: usize = 16_384;

/// Uses of keys that wait to be written; above it a use is not noted, which makes "last used" older than it is.
pub(crate) const NOTED_USES_MAX: usize = 16_384;

/// The least time between two notes of one key's use.
pub(crate) const USE_NOTED_SECS: i64 = 60;

/// Digits by which people and logs name an API token: its first (CloudShark contract, 1.5).
pub const TOKEN_SHORT_ID_DIGITS: usize = 6;
/// Most characters of an API token's label.
pub const TOKEN_LABEL_CHARS_MAX: usize = 128;
/// Most characters of a group's or a profile's name, or of a tag, in the options of an API token.
pub const TOKEN_NAME_CHARS_MAX: usize = 64;
/// Most tags of a capture (CloudShark contract, 2.1.3), hence of what a token puts on each.
pub const TOKEN_TAGS_MAX: usize = 30;
