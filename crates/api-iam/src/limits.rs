//! The limits of this door. Those of a value with a type of its own are with the type; the others are botocore's (service
//! models iam 2010-05-08 and sts 2011-06-15), so that a client which checks for itself and one which does not are told the
//! same.

use std::ops::RangeInclusive;
use std::time::Duration;

/// Largest body of a request that nobody signed: a login or a reset fits many times, and a flood of them costs little.
pub const UNSIGNED_BODY_BYTES_MAX: usize = 16 << 10;

/// Largest body of a signed request, also the edge's: metadata of 256 KiB in which every byte is percent-encoded.
pub const SIGNED_BODY_BYTES_MAX: usize = 1 << 20;

/// Largest body of a JSON call.
pub const JSON_BODY_BYTES_MAX: usize = 16 << 10;

/// Parameters of one request, in query and body together; 100 names of users and 50 tags fit.
pub const PARAMETERS_MAX: usize = 512;

/// Longest name of a parameter.
pub const PARAMETER_NAME_BYTES_MAX: usize = 128;

/// The highest number of a list's member.
pub const LIST_MAX: usize = 1000;

/// Characters of a user's name.
pub const USER_NAME: RangeInclusive<usize> = 1..=64;

/// Characters of an ARN.
pub const ARN: RangeInclusive<usize> = 20..=2048;

/// Characters of a policy document as it is sent; what of it counts is the business of `iam`.
pub const POLICY_DOCUMENT: RangeInclusive<usize> = 1..=131_072;

/// Entries of a page.
pub const MAX_ITEMS: RangeInclusive<u32> = 1..=1000;

/// Characters of a marker; an empty one is none.
pub const MARKER: RangeInclusive<usize> = 0..=2048;

/// Largest form that brings a login from an identity provider: every byte of the answer percent-encoded, and a relay state.
pub const SAML_ANSWER_BODY_BYTES_MAX: usize = 3 * baleen_iam::SAML_ANSWER_BYTES_MAX + 4096;

/// Characters of an identity provider's metadata (identity contract, section 4, RSCreateSAMLConnection).
pub const METADATA_XML: RangeInclusive<usize> = 1..=(256 << 10);

/// Characters of the code that a federated login ends with.
pub const CODE_OF_LOGIN: RangeInclusive<usize> = 1..=4096;

/// Characters of a name as somebody types it to log in; what it may be tells nobody who tries.
pub const TYPED_NAME: RangeInclusive<usize> = 1..=256;

/// Users whose particulars one call reads (identity contract, section 4, RSGetUserInfo).
pub const USER_LIST_MAX: usize = 100;

/// Seconds of a session that a login opens (identity contract, section 2).
pub const LOGIN_SECONDS: RangeInclusive<u32> = baleen_iam::limits::LOGIN_SECS;

/// Regions that one request names.
pub const REGIONS_MAX: usize = baleen_tenancy::limits::REGIONS_PER_CUSTOMER_MAX;

/// Seconds of an AssumeRole session (seed 004, "AssumeRole"); the same as `iam` holds it to.
pub const ROLE_SECONDS: RangeInclusive<u32> = baleen_iam::limits::ASSUMED_SECS;

/// Characters of a policy that a session is held to.
pub const SESSION_POLICY: RangeInclusive<usize> = 1..=baleen_iam::limits::SESSION_POLICY_CHARS_MAX;

/// Characters of a password as it is sent; which passwords are good enough is the business of `iam`.
pub const PASSWORD_CHARACTERS_MAX: usize = 512;

/// Characters of a one-time code, a recovery code or a reset token.
pub const CODE_CHARACTERS_MAX: usize = 256;

/// Characters of an action, or the beginning of one, by which the audit log is filtered.
pub const AUDIT_ACTION: RangeInclusive<usize> = 1..=128;

/// Kinds that `Filter` of GetAccountAuthorizationDetails names; there are five.
pub const DETAIL_FILTERS_MAX: usize = 5;

/// Policies that one simulation brings, in each of its lists; as many as a user has attached.
pub const SIMULATED_POLICIES_MAX: usize = baleen_iam::limits::POLICIES_PER_USER_MAX;

/// Actions, and resources, that one simulation asks about.
pub const SIMULATED_MAX: usize = 200;

/// Questions that one simulation answers at once, whatever `MaxItems` says: they are judged without a pause.
pub const SIMULATED_AT_ONCE_MAX: usize = 100;

/// Characters of a condition key (service model iam, "ContextKeyNameType").
pub const CONTEXT_KEY: RangeInclusive<usize> = 5..=256;

/// Characters of a resource in a simulation (service model iam, "ResourceNameType").
pub const RESOURCE_NAME: RangeInclusive<usize> = 1..=2048;

/// Characters of an action in a simulation (service model iam, "ActionNameType").
pub const ACTION_NAME: RangeInclusive<usize> = 3..=128;

/// Condition keys that a simulation takes for granted.
pub const CONTEXT_ENTRIES_MAX: usize = 100;

/// Characters of an API token's label; an option that is a name, where none takes it away; its tags in one text.
pub const TOKEN_LABEL: RangeInclusive<usize> = 1..=baleen_iam::limits::TOKEN_LABEL_CHARS_MAX;
/// See [`TOKEN_LABEL`].
pub const TOKEN_NAME: RangeInclusive<usize> = 0..=baleen_iam::limits::TOKEN_NAME_CHARS_MAX;
/// See [`TOKEN_LABEL`].
pub const TOKEN_LIST: RangeInclusive<usize> = 0..=4096;

/// Seconds that a rotated token works beside the new one: up to thirty days.
pub const GRACE_SECONDS: RangeInclusive<u32> = 0..=30 * 24 * 60 * 60;

/// How long a signature in the query is good: as one in the header is.
pub const LINK_AGE_MAX: Duration = Duration::from_mins(15);
