//! Space taken for bytes whose record is not committed yet.
//!
//! A reservation frees itself when the last of its holders goes: the writer, and every job that still writes. So a range
//! is never given to somebody else while an old write to it is under way.

use crate::volume::Shared;
use crate::{Extent, Place};
use parking_lot::Mutex;
use std::sync::Arc;

/// What becomes of the bytes when the reservation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// No record can name them: they are freed.
    Free,
    /// A record is on its way and may or may not be there: they stay until somebody has looked.
    Doubtful,
    /// Nobody can say before the next start: they stay, and no sweep touches them.
    Left,
    /// A record names them.
    Kept,
}

/// The right to one place on the volume.
pub(crate) struct Reservation {
    shared: Arc<Shared>,
    /// The extent as allocated; the length of a file of its own may still be unknown, and then is 0.
    extent: Extent,
    fate: Mutex<Fate>,
}

impl Reservation {
    pub(crate) fn new(shared: Arc<Shared>, extent: Extent) -> Arc<Self> {
        if extent.place == Place::File {
            shared.drafts.lock().insert(extent.id);
        }
        Arc::new(Self {
            shared,
            extent,
            fate: Mutex::new(Fate::Free),
        })
    }

    pub(crate) fn extent(&self) -> Extent {
        self.extent
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        match *self.fate.lock() {
            Fate::Free => self.shared.free(&[self.extent]),
            Fate::Doubtful => self.shared.doubtful.lock().push(self.extent),
            Fate::Left => {}
            Fate::Kept => {
                self.shared.drafts.lock().remove(&self.extent.id);
            }
        }
    }
}

/// Bytes that are on disk, and which nothing names yet. Dropped, they are freed.
pub struct Written {
    pub(crate) extent: Extent,
    pub(crate) reservation: Arc<Reservation>,
}

impl Written {
    /// What the record has to say to find them.
    pub fn extent(&self) -> Extent {
        self.extent
    }

    /// Says that a commit which names them is about to be sent.
    pub fn submit(self) -> Submitted {
        *self.reservation.fate.lock() = Fate::Doubtful;
        Submitted {
            reservation: self.reservation,
        }
    }
}

/// Bytes on disk which a commit under way names. Dropped without an answer they are kept, and reported by
/// [`crate::Blobs::doubtful`].
pub struct Submitted {
    reservation: Arc<Reservation>,
}

impl Submitted {
    /// The commit is done: the bytes belong to a record.
    pub fn keep(self) {
        *self.reservation.fate.lock() = Fate::Kept;
    }

    /// The commit's fate is unknown before the next start, whose sweep will decide.
    pub fn leave(self) {
        *self.reservation.fate.lock() = Fate::Left;
    }

    /// The commit was refused: the bytes are freed.
    pub fn discard(self) {
        *self.reservation.fate.lock() = Fate::Free;
    }
}
