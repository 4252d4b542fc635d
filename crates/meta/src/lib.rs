//! The metadata store: one ordered keyspace, conditional commits, one fsync for all who wait.
//!
//! [`Meta`] is the handle that services hold. Reads go to the [`Engine`], unless the row is known; writes are [`Request`]s, which one group
//! committer drains, judges in order and applies together, so that the price of durability is shared by all who wait.
//! There are no open-ended transactions: nothing holds a lock while a client thinks. What must not have changed since it
//! was read is said in the request, and a request that lost the race comes back as [`Outcome::Conflict`].
//!
//! Invariants:
//! * [`Outcome::Committed`] means durable: the bytes survive a kill and a power cut.
//! * A request is applied wholly or not at all; a refused one never appears later, also not after a restart.
//! * Requests take effect in the order of the queue; conditions see the effects of all that were committed before.
//! * No type of an engine's crate is in the public interface; a further engine does not touch callers.
//!
//! Left out on purpose: what the tables mean (the services own their records) and any rule of a wire protocol.

mod committer;
mod compact;
pub mod counter;
mod engine;
mod error;
pub mod feed;
mod fjall_engine;
pub mod keys;
mod limits;
mod meta;
mod model;
pub mod record;
mod removal;
mod request;
mod rows;
mod scan;

pub use compact::{Compact, CompactProgress, Compacted, Usage};
pub use engine::{Batch, Change, Decide, Engine, View};
pub use error::Error;
pub use fjall_engine::FjallSettings;
pub use limits::{KEY_BYTES_MAX, REMOVED_HANGING_MAX, REQUEST_BYTES_MAX, SCAN_ENTRIES_MAX, VALUE_BYTES_MAX};
pub use meta::{CommitterId, Meta, Snapshot};
pub use request::{Condition, Outcome, Request, Write};
pub use scan::{Direction, Entry, Scan};

/// What the operations of this crate return.
pub type Result<T, E = Error> = std::result::Result<T, E>;
