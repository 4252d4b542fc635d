//! Limits of the keyring.

use std::time::Duration;

/// How long something sealed may be under way before it stands in the store. A request is over long before, and its answer
/// given up; an older key is needed no more only when a pass that began this long after the change found nothing of it.
pub const UNDER_WAY_MAX: Duration = Duration::from_secs(10 * 60);

/// Records that are read, and sealed anew in one commit's sync.
pub(crate) const PAGE: usize = 256;

/// How often a record is read again that others keep changing; the next pass comes back to it.
pub(crate) const ATTEMPTS_MAX: usize = 8;

/// Passes within which a store that nobody else changes is sealed anew and found so.
pub(crate) const PASSES_MAX: usize = 4;

/// Records of a kind that are opened to see whether the keys are those of a store without check values.
pub(crate) const SAMPLES: usize = 16;
