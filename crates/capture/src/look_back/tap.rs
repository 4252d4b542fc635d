//! One interface: out of a source, into the ring on the disk.

use super::desk::Desk;
use crate::engine::{Batch as _, Source, Wake};
use baleen_lookback::Error;
use std::time::Duration;
use tracing::{info, warn};

/// How long a thread waits for packets at most, which is how long a stop takes.
const WAIT: Duration = Duration::from_millis(250);

/// The pauses before an interface is tried again that was removed, or could not be opened.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(16));

/// Why an interface is not read any more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TapError {
    #[error("the interface was removed")]
    Gone,
    #[error(transparent)]
    Ring(#[from] baleen_ring::Error),
    #[error(transparent)]
    Filter(#[from] baleen_filter::Error),
    #[error(transparent)]
    Recorder(#[from] Error),
}

/// Records an interface until the threads are to end, whatever becomes of it: one that is removed may come back.
pub(crate) fn run<S: Source>(name: &str, desk: &Desk, open: impl Fn() -> Result<S, TapError>) {
    let (mut pause, mut dropped) = (PAUSE.0, 0);
    let mut told = None;
    while !desk.is_stopping() {
        let ended = open().and_then(|source| {
            info!(interface = name, "look-back records");
            (pause, told) = (PAUSE.0, None);
            take(source, desk, &mut dropped)
        });
        let Err(error) = ended else { return };
        let reason = error.to_string();
        // Once, and not with each try.
        if told.as_ref() != Some(&reason) {
            warn!(interface = name, %reason, "look-back does not record this interface now");
        }
        told = Some(reason);
        let mut left = pause;
        while !left.is_zero() && !desk.is_stopping() {
            desk.rest(left.min(WAIT));
            left = left.saturating_sub(WAIT);
            desk.tick();
        }
        pause = (pause * 2).min(PAUSE.1);
    }
}

/// Takes packets until the threads are to end. `dropped` is what the kernel lost and no packet has said yet.
fn take<S: Source>(mut source: S, desk: &Desk, dropped: &mut u64) -> Result<(), TapError> {
    let link = source.description().link;
    let number = desk.interface(&source.description().name, link)?;
    let mut seen = 0;
    while !desk.is_stopping() {
        if take_one(&mut source, desk, (number, link), dropped)? {
            let counters = source.counters()?;
            *dropped += counters.dropped.saturating_sub(seen);
            seen = counters.dropped;
        } else if source.wait(WAIT)? == Wake::Gone {
            return Err(TapError::Gone);
        }
        desk.tick();
    }
    Ok(())
}

fn take_one<S: Source>(
    source: &mut S,
    desk: &Desk,
    interface: (u32, baleen_types::LinkType),
    dropped: &mut u64,
) -> Result<bool, TapError> {
    let Some(batch) = source.next_batch()? else {
        return Ok(false);
    };
    desk.take(interface, batch.packets(), dropped);
    Ok(true)
}
