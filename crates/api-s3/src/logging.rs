//! Logs of the requests to a bucket, delivered into another one (seed 004, "Put Bucket Logging").
//!
//! A request to a bucket that logs leaves a line when its answer is over, in a queue in memory: it waits for nothing, and what does
//! not fit is counted and left out. Now and then, or as soon as there is much, the lines of each bucket become an object in its
//! target bucket, with the rights of the access key that its configuration names, as they are then
//! (`docs/decisions/0018-logs-wait-in-memory.md`).

mod delivery;
mod queue;
mod record;

pub use delivery::Undelivered;
pub(crate) use delivery::{Logs, Undeliverable};
pub(crate) use queue::Source;
pub(crate) use record::{About, Heard, Logged};
