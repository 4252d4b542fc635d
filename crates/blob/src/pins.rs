//! Extents that must not be freed, since somebody reads them.

use crate::volume::Shared;
use crate::{BlobId, Extent};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

/// Who is read, and who is to be freed as soon as he is not.
#[derive(Debug, Default)]
pub(crate) struct PinTable {
    held: Mutex<HashMap<BlobId, Held>>,
}

#[derive(Debug, Default)]
struct Held {
    readers: usize,
    doomed: Option<Extent>,
}

impl PinTable {
    fn pin(&self, extents: &[Extent]) {
        let mut held = self.held.lock();
        for extent in extents {
            held.entry(extent.id).or_default().readers += 1;
        }
    }

    /// Ends one reader's hold and returns what can now be freed.
    fn unpin(&self, ids: &[BlobId]) -> Vec<Extent> {
        let mut held = self.held.lock();
        let mut free = Vec::new();
        for id in ids {
            if let Entry::Occupied(mut entry) = held.entry(*id) {
                entry.get_mut().readers -= 1;
                if entry.get().readers == 0 {
                    free.extend(entry.remove().doomed);
                }
            }
        }
        free
    }

    pub(crate) fn is_held(&self, id: BlobId) -> bool {
        self.held.lock().contains_key(&id)
    }

    /// Returns those which can be freed at once; the others follow their last reader.
    pub(crate) fn doom(&self, extents: Vec<Extent>) -> Vec<Extent> {
        let mut held = self.held.lock();
        let free_now = |extent: &Extent| match held.get_mut(&extent.id) {
            Some(reader) => {
                reader.doomed = Some(*extent);
                false
            }
            None => true,
        };
        extents.into_iter().filter(free_now).collect()
    }
}

/// Keeps extents from being freed until it is dropped.
///
/// Take it, then check that the record which names the extents is still current, then read: an extent that was released
/// before the pin fails the check, and one that is released after it waits for the pin.
pub struct Pins {
    shared: Arc<Shared>,
    ids: Vec<BlobId>,
}

impl Pins {
    pub(crate) fn new(shared: Arc<Shared>, extents: &[Extent]) -> Self {
        shared.pins.pin(extents);
        let ids = extents.iter().map(|extent| extent.id).collect();
        Self { shared, ids }
    }
}

impl Drop for Pins {
    fn drop(&mut self) {
        let free = self.shared.pins.unpin(&self.ids);
        self.shared.free(&free);
    }
}
