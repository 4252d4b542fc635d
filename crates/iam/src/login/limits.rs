//! Limits of logging in, each with its rule (identity contract and notes, by section).

use std::time::Duration;

/// Fewest characters of a password (seed 004, "ChangePassword").
pub const PASSWORD_CHARACTERS_MIN: usize = 10;
/// Most characters of a password (contract, "PasswordPolicyViolation").
pub const PASSWORD_CHARACTERS_MAX: usize = 128;

/// What one password hashing should take: slow for who guesses, bearable for who logs in (notes, 4.1).
pub const HASHING_TARGET: Duration = Duration::from_millis(250);
/// Least memory of a hashing in KiB: 19 MiB with two passes is the floor that OWASP names (notes, 4.1).
pub const HASHING_MEMORY_KIB_MIN: u32 = 19 * 1024;
/// Most memory of a hashing in KiB. Cores times this is what logging in may ever hold.
pub const HASHING_MEMORY_KIB_MAX: u32 = 64 * 1024;
/// Fewest passes (notes, 4.1).
pub const HASHING_PASSES_MIN: u32 = 2;
/// Most passes; a machine so fast that it would need more is still far above the floor.
pub const HASHING_PASSES_MAX: u32 = 8;
/// Hashings that wait for a core; who comes later is told when to come back (notes, 4.1).
pub const HASHINGS_WAITING_MAX: usize = 64;

/// Failures of one user that cost nothing (notes, 4.2).
pub const FREE_FAILURES: u32 = 5;
/// The longest a user has to wait after a failure; there is no lasting lock, which would be a weapon (notes, 4.2).
pub const DELAY_MAX: Duration = Duration::from_secs(60);
/// After this long without a failure a user's failures are forgotten. At one guess a minute that gains nothing.
pub const FAILURES_KEPT: Duration = Duration::from_secs(3600);
/// Failures of one user at which the operator is told (notes, 4.2).
pub const ALERT_FAILURES: u32 = 20;
/// Failures a minute of one address (notes, 4.2).
pub const ADDRESS_FAILURES_PER_MINUTE: u32 = 20;
/// Failures a minute of one IPv4 /24 or IPv6 /64 (notes, 4.2).
pub const NETWORK_FAILURES_PER_MINUTE: u32 = 100;
/// Failures a minute of everyone together: what four cores can hash, so that guessing never takes the whole machine.
pub const GLOBAL_FAILURES_PER_MINUTE: u32 = 1_000;
/// Users, addresses and networks remembered, each; the one not seen for longest goes first (notes, 4.2).
pub const THROTTLE_ENTRIES_MAX: usize = 65_536;

/// Life of a secret that was prepared and not yet enabled (seed 004, "RSPrepareTFA").
pub const PENDING_SECRET_KEPT: Duration = Duration::from_secs(30 * 60);
/// Recovery codes that are given with a second factor (seed 004, "RSEnableTFA").
pub const RECOVERY_CODES: usize = 10;
/// How long after its code a session may do what changes the second factor (contract, RSDisableTFA).
pub const FRESH_CODE: Duration = Duration::from_secs(15 * 60);
/// Life of a reset token (seed 004, "RSGetPasswordResetToken").
pub const RESET_TOKEN_KEPT: Duration = Duration::from_secs(6 * 3600);

const _: () = assert!(HASHING_MEMORY_KIB_MIN < HASHING_MEMORY_KIB_MAX && HASHING_PASSES_MIN < HASHING_PASSES_MAX);
const _: () = assert!(ADDRESS_FAILURES_PER_MINUTE < NETWORK_FAILURES_PER_MINUTE);
const _: () = assert!(NETWORK_FAILURES_PER_MINUTE < GLOBAL_FAILURES_PER_MINUTE);
const _: () = assert!(FREE_FAILURES < ALERT_FAILURES);
