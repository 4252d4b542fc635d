//! The audit log: who did what, from where, by which credential, and what came of it; one chain of entries per account.
//!
//! An entry is one line of JSON, and that line is what is stored, exported and hashed: `before` in each holds the SHA-256 of
//! the line before it, so an exported log is checked with any tool that knows SHA-256, and [`Audit::verify`] finds an entry
//! that was changed, dropped, added or moved. Who can write to the store can also write a new chain; against that helps the
//! newest hash kept elsewhere: that of the last line of an export.
//!
//! Invariants:
//! * What changed something is durable in the log before its answer goes out ([`Weight::Change`]).
//! * Nothing here is a secret: no tokens, signatures, passwords or query strings. An access key id is none.
//! * All memory is bounded. What was left out for that is counted, and the next entry of the account says how much.
//!
//! Left out: the log of the server itself (start, settings), which is the operator's and goes to the ordinary log.

mod chain;
mod entry;
mod error;
mod event;
mod export;
pub mod limits;
mod reader;
mod records;
mod refusals;
mod retention;
mod writer;

pub use chain::{Broken, ExportCheck, Verified};
pub use entry::{CredentialKind, Decision, Entry};
pub use error::Error;
pub use event::{Deed, Event, Recorder, Silent, Unrecorded, Verdict, Weight};
pub use export::Export;
pub use reader::{Order, Page, Query};

use std::sync::Arc;
use std::time::Duration;

use baleen_meta::Meta;
use baleen_runtime::Clock;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use refusals::Refusals;

/// What the operator chooses.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Whether reads and writes of objects are recorded too.
    pub data_events: bool,
    /// How long entries are kept.
    pub retention: Duration,
}

/// What the log is built from.
pub struct Parts {
    /// Where the entries are.
    pub meta: Meta,
    /// Tells what is old, and how often an account was refused.
    pub clock: Arc<dyn Clock>,
}

/// The audit log. Its writer ends with the last handle, after what is queued.
pub struct Audit {
    settings: Settings,
    meta: Meta,
    clock: Arc<dyn Clock>,
    queue: mpsc::Sender<writer::Job>,
    refusals: Arc<Mutex<Refusals>>,
}

impl Audit {
    /// Builds the log and starts its writer on the running runtime.
    #[must_use]
    pub fn start(settings: Settings, parts: Parts) -> Arc<Self> {
        let (queue, jobs) = mpsc::channel(limits::QUEUE_EVENTS_MAX);
        let refusals = Arc::new(Mutex::new(Refusals::new()));
        let writer = writer::Writer {
            meta: parts.meta.clone(),
            refusals: Arc::clone(&refusals),
        };
        tokio::spawn(writer.run(jobs));
        Arc::new(Self {
            settings,
            meta: parts.meta,
            clock: parts.clock,
            queue,
            refusals,
        })
    }
}

impl std::fmt::Debug for Audit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Audit").finish_non_exhaustive()
    }
}
