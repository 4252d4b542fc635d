//! Every limit of this crate, with its rule.

use std::time::Duration;

/// How long a deleted customer is kept before it is purged (identity contract, section 4, RSModifyCustomer).
pub const HOLD_DEFAULT: Duration = Duration::from_hours(30 * 24);

/// Customers of one reseller: `RSListCustomer` has no pages, so a list is one answer and one scan.
pub const CUSTOMERS_PER_RESELLER_MAX: usize = 10_000;

/// Regions of one customer; keeps its record small, since it is read for requests.
pub const REGIONS_PER_CUSTOMER_MAX: usize = 100;

/// Rules in one whitelist: every request of the account may be held to each of them.
pub const RULES_PER_ACCOUNT_MAX: usize = 500;

/// Regions of one rule.
pub const RULE_REGIONS_MAX: usize = REGIONS_PER_CUSTOMER_MAX;

/// Days that a rule may be in force: ten years. One that is to stay has no end.
pub const RULE_TTL_DAYS_MAX: u32 = 3650;

/// Notes of a rule, in bytes: a remark, not a document.
pub const RULE_NOTES_BYTES_MAX: usize = 1000;

/// Customers held in memory; above it the cache starts anew, which costs one read for each customer in use.
pub(crate) const CACHED_CUSTOMERS_MAX: usize = 10_000;

/// How often a change is tried again when another change of the same record commits first.
pub(crate) const COMMIT_ATTEMPTS_MAX: u32 = 64;

const _: () = assert!(RULES_PER_ACCOUNT_MAX < baleen_meta::SCAN_ENTRIES_MAX);
const _: () = assert!(CUSTOMERS_PER_RESELLER_MAX <= baleen_meta::SCAN_ENTRIES_MAX);
