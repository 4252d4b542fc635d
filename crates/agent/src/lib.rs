//! An agent on another host: it captures there what its server orders, and delivers it.
//!
//! ```text
//! link ──▶ desk ──▶ work: engine ─ pieces ─▶ part ─▶ spool ─▶ queue ─▶ deliver ──▶ PUT parts
//!   ▲        │       one for each order                                  │
//!   └─ news ─┘                                     connection of the moment
//! ```
//!
//! * What is ordered is done once, whatever is said how often; the desk knows how far each order is, and finds out what the server has not
//!   been told on this link (`desk.rs`).
//! * A link that is cut is made again, after pauses that grow and are never the same. Captures go on meanwhile, and what they catch is on
//!   disk (`spool.rs`), also for the process after one that was killed.
//! * What the owner of the host allows (`settings.rs`) no message changes, and what passes between anybody and the server is in no file
//!   (`order.rs`).
//!
//! Left out: the settings' file, rights and signals, which are the program's; and how packets are captured, which is the engine's.

mod agent;
mod backoff;
mod connection;
mod deliver;
mod desk;
mod durable;
mod enrol;
mod error;
mod greet;
mod host;
mod identity;
pub mod limits;
mod link;
mod order;
mod part;
mod progress;
mod queue;
mod renewal;
mod settings;
mod shared;
mod spool;
mod tls;
mod told;
mod view;
mod work;

pub use agent::{Agent, Parts};
pub use connection::ServerAddress;
pub use enrol::enrol;
pub use error::Error;
pub use greet::greet;
pub use identity::Identity;
pub use settings::{Allowed, Hours, Settings};

use baleen_capture::engine::{Engine, EngineError, Settings as EngineSettings};
use baleen_capture::{Agent as Capturer, EmbeddedAgent, EmbeddedSettings};
use baleen_runtime::Clock;
use std::sync::Arc;

/// Who captures on this host, over the engine.
///
/// # Errors
/// Settings that the engine does not take.
pub fn capturer(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Arc<dyn Capturer>, EngineError> {
    use baleen_capture::engine::Interfaces;
    let engine = EngineSettings {
        ring: settings.ring.clone(),
        part_bytes: limits::PIECE_BYTES,
        buffers: limits::PIECES,
        parts_max: None,
        flush_after: Some(limits::FLUSH_AFTER),
        ..EngineSettings::default()
    };
    let allowed = &settings.allowed;
    let interfaces = if allowed.interfaces.is_empty() {
        Interfaces::DefaultRoute
    } else {
        Interfaces::Named(allowed.interfaces.clone())
    };
    let embedded = EmbeddedSettings {
        interfaces,
        promiscuous: allowed.promiscuous,
        never: allowed.never.clone(),
        name: Some(settings.name.clone()),
    };
    Ok(EmbeddedAgent::new(Engine::new(engine, clock)?, embedded))
}
