//! Every limit of the door of agents.

use std::time::Duration;

/// Largest body of an enrolment or a renewal: a token, a key, a signature and a name, with room to spare.
pub const FORM_BYTES_MAX: usize = 8 << 10;

/// How long such a body may take.
pub const FORM_TIMEOUT: Duration = Duration::from_secs(10);

/// How often an agent whose certificate is to be renewed is told so.
pub const RENEW_PERIOD: Duration = Duration::from_hours(1);

/// Memory for all parts on their way, unless the operator says otherwise.
pub const PARTS_BYTES_DEFAULT: usize = 256 << 20;

/// How long a part may wait for memory, and how long it may take to come, as a whole. An agent sends it again.
pub const PART_TIMEOUT: Duration = Duration::from_mins(2);

/// Parts of one order that are being read or stored: one each.
pub const PARTS_AT_ONCE: usize = 2;
