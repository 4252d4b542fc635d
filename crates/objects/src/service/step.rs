//! A commit as it is put together: what it writes and requires, what it frees, and what it adds to the counters.

use super::elsewhere::Elsewhere;
use crate::keys::{self, Counted};
use crate::records::{BodyRecord, LiveExtent, ObjectRecord, Piece, encode_inline};
use crate::{Governance, Lock, ObjectError};
use baleen_blob::Extent;
use baleen_meta::{Request, record};
use baleen_types::Timestamp;
use baleen_usage::Removed;
use bytes::Bytes;

/// What a commit may remove. Held by [`Step::remove`], through which every removal of a version goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guard {
    /// When it is decided; a lock whose time has come by then protects no more.
    pub(super) now: Timestamp,
    pub(super) governance: Governance,
}

/// A commit as it is put together.
pub(super) struct Step {
    guard: Guard,
    /// Where else the objects of the bucket are.
    elsewhere: Elsewhere,
    pub(super) request: Request,
    pub(super) own_conditions: Vec<Vec<u8>>,
    pub(super) freed: Vec<Extent>,
    /// The object version that is gone for good; a write removes one at most, as only the null version is replaced.
    pub(super) removed: Option<Removed>,
    /// The pages of its pieces, if it has any.
    pub(super) dead_pages: Option<[u8; 16]>,
    pub(super) tally: Tally,
}

/// What a change adds to the bucket's counters.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) objects: i64,
    bytes: i64,
    pub(super) noncurrent_objects: i64,
    noncurrent_bytes: i64,
    pub(super) markers: i64,
}

/// Sizes are at most `OBJECT_BYTES_MAX`, far below the end of an i64.
fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

impl Tally {
    pub(super) fn add_bytes(&mut self, bytes: u64) {
        self.bytes += signed(bytes);
    }

    pub(super) fn add_noncurrent_bytes(&mut self, bytes: u64) {
        self.noncurrent_bytes += signed(bytes);
    }

    pub(super) fn take_noncurrent_bytes(&mut self, bytes: u64) {
        self.noncurrent_bytes -= signed(bytes);
    }

    pub(super) fn counters(self) -> [(Counted, i64); 5] {
        [
            (Counted::Objects, self.objects),
            (Counted::Bytes, self.bytes),
            (Counted::NoncurrentObjects, self.noncurrent_objects),
            (Counted::NoncurrentBytes, self.noncurrent_bytes),
            (Counted::Markers, self.markers),
        ]
    }
}

impl Step {
    pub(super) fn new(guard: Guard, elsewhere: Elsewhere) -> Self {
        Self {
            guard,
            elsewhere,
            request: Request::new(),
            own_conditions: Vec::new(),
            freed: Vec::new(),
            removed: None,
            dead_pages: None,
            tally: Tally::default(),
        }
    }

    fn with(&mut self, change: impl FnOnce(Request) -> Request) {
        self.request = change(std::mem::take(&mut self.request));
    }

    pub(super) fn put(&mut self, key: Vec<u8>, value: Bytes) {
        self.with(|request| request.put(key, value));
    }

    pub(super) fn delete(&mut self, key: Vec<u8>) {
        self.with(|request| request.delete(key));
    }

    /// Requires a row to be as it was read; if it is not, all is read and decided again.
    pub(super) fn require(&mut self, key: Vec<u8>, stored: Option<Bytes>) {
        self.own_conditions.push(key.clone());
        self.with(|request| request.unchanged(key, stored));
    }

    /// Takes an object away from a key, of which another key has all bytes from now on.
    pub(super) fn hand_over(&mut self, key: Vec<u8>, stored: Bytes, object: &ObjectRecord) {
        self.require(key.clone(), Some(stored));
        self.delete(key);
        self.tally.objects -= 1;
        self.tally.bytes -= signed(object.size);
    }

    /// Frees what an object version names, and counts it off.
    ///
    /// # Errors
    /// [`ObjectError::Locked`]. The commit is conditional on the record as it was read, so a lock that comes meanwhile is seen.
    pub(super) fn remove(&mut self, object: &ObjectRecord) -> Result<(), ObjectError> {
        if Lock::from(object.lock).protects(self.guard.now, self.guard.governance) {
            return Err(ObjectError::Locked);
        }
        let request = std::mem::take(&mut self.request);
        self.request = detach_object(request, object, &mut self.freed, &self.elsewhere);
        self.tally.objects -= 1;
        self.tally.bytes -= signed(object.size);
        self.removed = Some(Removed {
            bytes: object.size,
            made: object.modified(),
        });
        if let BodyRecord::Pages { id, .. } = object.body {
            self.dead_pages = Some(id);
        }
        Ok(())
    }
}

/// Writes what makes a new piece live: its bytes, or the mark of its extent, with a note for each region that has to have a copy
/// of it. Marks appear here, and go in [`detach`], and nowhere else.
pub(super) fn attach(
    request: Request,
    piece: &Piece,
    inline: Option<&Bytes>,
    elsewhere: &Elsewhere,
) -> Result<Request, ObjectError> {
    let Some(key) = keys::piece(&piece.at) else {
        return Ok(request);
    };
    let value = match (piece.extent(), inline) {
        (Some(extent), _) => record::encode(&LiveExtent {
            id: *extent.id.as_bytes(),
            length: extent.length,
        })?,
        (None, Some(body)) => encode_inline(body),
        (None, None) => return Err(ObjectError::corrupt("an inline piece without bytes")),
    };
    let request = request.put(key, value);
    Ok(match piece.extent() {
        Some(extent) => elsewhere.note(request, &extent),
        None => request,
    })
}

/// Removes what made a piece live; its extent, if it has one, can be freed after the commit, and its copies elsewhere go.
pub(super) fn detach(request: Request, piece: &Piece, freed: &mut Vec<Extent>, elsewhere: &Elsewhere) -> Request {
    let request = match piece.extent() {
        Some(extent) => {
            freed.push(extent);
            elsewhere.note(request, &extent)
        }
        None => request,
    };
    match keys::piece(&piece.at) {
        Some(key) => request.delete(key),
        None => request,
    }
}

/// Removes all that an object's record names. Pages may be too many for one commit, so they are left to the collector,
/// with a note in this commit that they are dead.
fn detach_object(request: Request, object: &ObjectRecord, freed: &mut Vec<Extent>, elsewhere: &Elsewhere) -> Request {
    match &object.body {
        BodyRecord::Pieces(pieces) => pieces
            .iter()
            .fold(request, |request, piece| detach(request, piece, freed, elsewhere)),
        BodyRecord::Pages { id, .. } => request.put(keys::dead_pages(*id), Bytes::from_static(&[1])),
    }
}
