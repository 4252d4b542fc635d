//! Limits of the signature formats.

use std::time::Duration;

/// Longest life of a presigned request (AWS "Authenticating Requests: Using Query Parameters", `X-Amz-Expires`).
pub const PRESIGNED_EXPIRES_MAX: Duration = Duration::from_hours(7 * 24);

/// Longest life of a link (seed 004, "RSPresignLink": "Cannot be more than 30 days (720h) in the future").
pub const LINK_EXPIRES_MAX: Duration = Duration::from_hours(720);

/// Furthest that the date of a signed request may be from ours, in either direction (AWS `RequestTimeTooSkewed`).
pub const CLOCK_SKEW_MAX: Duration = Duration::from_mins(15);

/// Most headers that one request may sign. No client signs more than about twenty; each costs a look-up.
pub const SIGNED_HEADERS_MAX: usize = 128;

/// Longest access key id that is looked up. AWS ids have 16 to 128 characters.
pub const ACCESS_KEY_ID_BYTES_MAX: usize = 128;

/// Longest region or service name in a scope.
pub const SCOPE_WORD_BYTES_MAX: usize = 64;

/// Signing keys that [`crate::KeyCache`] keeps. A key is valid for one day, region and service, so one per active access key.
pub const CACHED_KEYS_MAX: usize = 1024;
