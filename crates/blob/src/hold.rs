//! Nothing is freed while somebody copies the volume.

use crate::Extent;
use crate::volume::Shared;
use parking_lot::Mutex;
use std::sync::Arc;

/// What waits for holds to end.
#[derive(Debug, Default)]
pub(crate) struct HoldTable {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    holds: usize,
    waiting: Vec<Extent>,
}

impl HoldTable {
    /// Takes what is released while there is a hold, and gives back what need not wait.
    pub(crate) fn keep(&self, extents: Vec<Extent>) -> Vec<Extent> {
        let mut state = self.state.lock();
        if state.holds == 0 {
            return extents;
        }
        state.waiting.extend(extents);
        Vec::new()
    }

    /// Whether there is a hold.
    pub(crate) fn is_held(&self) -> bool {
        self.state.lock().holds > 0
    }
}

/// Keeps everything that is named now from being freed, until it is dropped: for who copies all extents of a store, of which a
/// pin for each would be too much.
///
/// Take it, then a snapshot of the records, then copy what that names. What is released meanwhile takes space until the hold
/// ends, and so many bytes of memory as an [`Extent`] has.
pub struct Hold {
    shared: Arc<Shared>,
}

impl Hold {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        shared.holds.state.lock().holds += 1;
        Self { shared }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut state = self.shared.holds.state.lock();
        state.holds -= 1;
        if state.holds > 0 {
            return;
        }
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        let free = self.shared.pins.doom(waiting);
        self.shared.free(&free);
    }
}
