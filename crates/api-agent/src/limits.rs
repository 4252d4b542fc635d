//! Every limit of the door of agents.

use std::time::Duration;

/// Largest body of an enrolment or a renewal: a token, a key, a signature and a name, with room to spare.
pub const FORM_BYTES_MAX: usize = 8 << 10;

/// How long such a body may take.
pub const FORM_TIMEOUT: Duration = Duration::from_secs(10);

/// How often an agent whose certificate is to be renewed is told so.
pub const RENEW_PERIOD: Duration = Duration::from_hours(1);

/// How long a link stands before it is told so for the first time: an agent that cannot renew and links again delivers meanwhile.
pub const RENEW_AFTER: Duration = Duration::from_secs(10);

/// Memory for all parts on their way, unless the operator says otherwise.
pub const PARTS_BYTES_DEFAULT: usize = 256 << 20;

/// One agent has so much of that at most, for all its captures: the whole, divided by this. It is seven parts.
pub const PARTS_PER_AGENT: usize = 4;

/// How long a part may take to come, as a whole: the longest over a line of 32 kbit/s. One of which nothing comes ends with the listener's
/// patience for bodies. An agent sends it again.
pub const PART_TIMEOUT: Duration = Duration::from_mins(40);

/// Parts of one order that are being read or stored: one each.
pub const PARTS_AT_ONCE: usize = 2;
