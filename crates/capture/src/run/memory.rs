//! What a capture takes of memory while it sends: its room, and when that was given back a place for one part.
//!
//! Without a room a part that lies on the disk too is read again for each try. Between two tries it is not in memory and has no place: captures whose
//! stores take nothing keep none from others. What cannot be read again so, as a piece that is merged or one that an agent elsewhere sent, or a
//! part that is cut out of several pieces, stays in memory, and keeps the place.

use super::Failure;
use crate::patience::Refused;
use crate::rooms::Rooms;
use crate::sink::SinkError;
use crate::spool::Settling;
use bytes::Bytes;
use parking_lot::Mutex;
use std::fmt;
use std::sync::OnceLock;
use tokio::sync::OwnedSemaphorePermit;

/// What one capture has of it.
#[derive(Default)]
pub(super) struct Memory {
    /// Where pieces lie that are sent, if there is a spool.
    spool: OnceLock<Settling>,
    stay: Mutex<Stay>,
}

/// What it is in memory by.
#[derive(Default)]
enum Stay {
    #[default]
    Room,
    /// One of the places; none between two tries.
    Place(Option<OwnedSemaphorePermit>),
}

/// The bytes of a part, while it is asked for again.
pub(super) struct Held {
    bytes: Mutex<Option<Bytes>>,
    is_piece: bool,
}

impl Held {
    /// A whole piece, as the agent delivered it.
    pub(super) fn piece(bytes: Bytes) -> Self {
        let bytes = Mutex::new(Some(bytes));
        Self { bytes, is_piece: true }
    }

    /// What was cut of pieces.
    pub(super) fn cut(bytes: Bytes) -> Self {
        Self {
            is_piece: false,
            ..Self::piece(bytes)
        }
    }
}

/// Why a part was not sent.
#[derive(Debug)]
pub(super) enum NotSent {
    /// What the store said.
    Refused(SinkError),
    /// It cannot be read from the disk.
    Unread(Failure),
}

impl fmt::Display for NotSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => error.fmt(f),
            Self::Unread(failure) => failure.fmt(f),
        }
    }
}

impl From<NotSent> for Failure {
    fn from(why: NotSent) -> Self {
        match why {
            NotSent::Refused(error) => error.into(),
            NotSent::Unread(failure) => failure,
        }
    }
}

impl Refused for NotSent {
    fn is_passing(&self, waits_for_disk: bool) -> bool {
        match self {
            Self::Refused(error) => error.is_passing(waits_for_disk),
            Self::Unread(failure) => failure.is_passing(waits_for_disk),
        }
    }
}

impl Memory {
    /// Pieces come by the spool.
    pub(super) fn spools(&self, settling: Settling) {
        let _is_the_first = self.spool.set(settling);
    }

    /// What is in memory is there by a place from now on.
    pub(super) fn enter(&self, place: Option<OwnedSemaphorePermit>) {
        *self.stay.lock() = Stay::Place(place);
    }

    /// Nothing is in memory any more.
    pub(super) fn leave(&self) {
        self.enter(None);
    }

    /// The bytes for one try, read again if they are not here.
    pub(super) async fn take(&self, held: &Held, rooms: &Rooms) -> Result<Bytes, NotSent> {
        let here = held.bytes.lock().clone();
        if let Some(bytes) = here {
            return Ok(bytes);
        }
        let gone = || Failure::Final("a part was lost in the server".to_owned());
        let spool = self.spool.get().ok_or_else(gone).map_err(NotSent::Unread)?;
        let place = rooms.delivering().await;
        let bytes = spool.lent_again().await.map_err(NotSent::Unread)?;
        self.enter(place);
        *held.bytes.lock() = Some(bytes.clone());
        Ok(bytes)
    }

    /// Behind a try that the store did not take, and before the next.
    pub(super) fn let_go(&self, held: &Held) {
        let lies_on_disk = held.is_piece && self.spool.get().is_some_and(Settling::is_lent_on_disk);
        let mut stay = self.stay.lock();
        if let (Stay::Place(place), true) = (&mut *stay, lies_on_disk) {
            *held.bytes.lock() = None;
            *place = None;
        }
    }
}
