//! Every limit of the fleet.

use std::time::Duration;

/// Agents of one account.
pub const AGENTS_PER_ACCOUNT_MAX: usize = 1_000;

/// Agents of the store: each has its seat in memory, of a few hundred bytes.
pub const AGENTS_MAX: usize = 10_000;

/// Tokens of an account that nobody has enrolled with yet.
pub const TOKENS_PER_ACCOUNT_MAX: usize = 100;

/// The longest life of a token: a person makes it for a machine that is before them, or a script for the machines of a day.
pub const TOKEN_LIFE_MAX: Duration = Duration::from_hours(24 * 7);

/// Groups of an agent beside what its site says.
pub const GROUPS_MAX: usize = 16;

/// Longest name of an agent: that of a host (RFC 1035, 2.3.4).
pub const NAME_BYTES_MAX: usize = 255;

/// How long a certificate of an agent is valid.
pub const CERTIFICATE_LIFE: Duration = Duration::from_hours(24 * 90);

/// How long before its end it is to be renewed: a third of its life.
pub const RENEW_BEFORE: Duration = Duration::from_hours(24 * 30);

/// How long the certificate of before is still known after the new one was first shown, for what is under way on its connections. An
/// agent that did not get the new one shows it never, and renews again.
pub const PREVIOUS_LIFE: Duration = Duration::from_mins(10);

/// How far before now certificates begin, for machines whose clocks are slow.
pub const BACKDATED: Duration = Duration::from_hours(24);

/// How long the authority is valid.
pub const AUTHORITY_LIFE: Duration = Duration::from_hours(24 * 365 * 20);

/// Failed enrolments from one address in [`ATTEMPTS_PERIOD`]; more are not looked at. What is guessed has 160 bits: this keeps the work
/// of refusing small.
pub const ATTEMPTS_MAX: u32 = 10;
/// See [`ATTEMPTS_MAX`].
pub const ATTEMPTS_PERIOD: Duration = Duration::from_mins(1);

/// Addresses whose failures are remembered.
pub const ATTEMPTS_ADDRESSES_MAX: usize = 4_096;

/// Messages that wait for an agent to take them. One that takes none for so long is cut off.
pub const OUTBOX_MAX: usize = 256;

/// How often a commit is tried again that others came before.
pub const COMMIT_ATTEMPTS_MAX: usize = 8;

const _: () = assert!(RENEW_BEFORE.as_secs() * 3 == CERTIFICATE_LIFE.as_secs());
