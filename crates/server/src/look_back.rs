//! The look-back ring of this machine, as the settings want it.

use crate::config::{self, Config};
use baleen_capture::{LookBack, LookBackParts, LookBackSettings};
use std::path::Path;
use std::sync::Arc;

/// The folder of the ring, in the data folder unless it is elsewhere.
const FOLDER: &str = "lookback";

/// Begins to record, if that is wanted; `captured` are the interfaces that are recorded where none are named.
pub(crate) fn start(config: &Config, data: &Path, captured: &[String], parts: LookBackParts) -> Option<Arc<LookBack>> {
    let config::LookBack {
        folder,
        interfaces,
        keeps,
        ring_bytes,
    } = config.look_back.as_ref()?;
    let usual = baleen_ring::Settings::default();
    let settings = LookBackSettings {
        folder: folder.clone().unwrap_or_else(|| data.join(FOLDER)),
        interfaces: match &interfaces[..] {
            [] => captured.to_vec(),
            named => named.to_vec(),
        },
        keeps: *keeps,
        ring: baleen_ring::Settings {
            blocks: ring_bytes / usual.block_bytes,
            ..usual
        },
    };
    let look_back = LookBack::new(settings, parts);
    look_back.supervise();
    Some(look_back)
}
