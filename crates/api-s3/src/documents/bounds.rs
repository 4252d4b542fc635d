//! How large documents may be, each and all together, and how much may be in one.

use std::sync::Arc;

use baleen_http::{BodyCheck, BodyFault};
use baleen_objects::limits::{DELETE_KEYS_MAX, LIFECYCLE_RULES_MAX};
use http::Method;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::WORD_BYTES_MAX;
use crate::limits::DOCUMENTS_BYTES_MAX;

/// A document that may be large.
pub(super) struct Large {
    pub(super) method: Method,
    pub(super) parameter: &'static str,
    /// Of what there are many in it. What is made of them is far larger than they are.
    pub(super) element: &'static str,
    /// And how many there may be.
    pub(super) most: usize,
}

/// All of them.
pub(super) static LARGE: [Large; 3] = [
    Large {
        method: Method::POST,
        parameter: "delete",
        element: "Object",
        most: DELETE_KEYS_MAX,
    },
    Large {
        method: Method::POST,
        parameter: "uploadId",
        element: "Part",
        most: PARTS_MAX,
    },
    Large {
        method: Method::PUT,
        parameter: "lifecycle",
        element: "Rule",
        most: LIFECYCLE_RULES_MAX,
    },
];

/// Parts of an upload (AWS, "Multipart upload limits").
const PARTS_MAX: usize = 10_000;

/// The memory that documents may take together.
pub(crate) struct Room(Arc<Semaphore>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(DOCUMENTS_BYTES_MAX)))
    }
}

impl Room {
    /// The share of one more document, and the check that takes it.
    pub(super) fn share(&self) -> (Share, ShareCheck) {
        let share = Share::default();
        let check = ShareCheck {
            room: Arc::clone(&self.0),
            share: share.clone(),
        };
        (share, check)
    }
}

/// What one document takes of it, until this is dropped.
#[derive(Clone, Default)]
pub(crate) struct Share(Arc<Mutex<Option<OwnedSemaphorePermit>>>);

/// Takes the memory of a document as it comes: who announces much and sends little takes little.
pub(super) struct ShareCheck {
    room: Arc<Semaphore>,
    share: Share,
}

impl BodyCheck for ShareCheck {
    fn update(&mut self, bytes: &[u8]) -> Result<(), BodyFault> {
        let wanted = u32::try_from(bytes.len()).map_err(|_| BodyFault::Crowded)?;
        let more = Arc::clone(&self.room)
            .try_acquire_many_owned(wanted)
            .map_err(|_| BodyFault::Crowded)?;
        match &mut *self.share.0.lock() {
            Some(share) => share.merge(more),
            share @ None => *share = Some(more),
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), BodyFault> {
        Ok(())
    }
}

/// Ends a body that is too large: the codec has a limit too, but calls it an internal error.
pub(super) struct SizeCheck {
    limit: usize,
    left: usize,
}

impl SizeCheck {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, left: limit }
    }
}

impl BodyCheck for SizeCheck {
    fn update(&mut self, bytes: &[u8]) -> Result<(), BodyFault> {
        let too_large = BodyFault::TooLarge {
            limit: self.limit as u64,
        };
        self.left = self.left.checked_sub(bytes.len()).ok_or(too_large)?;
        Ok(())
    }

    fn finish(&mut self) -> Result<(), BodyFault> {
        Ok(())
    }
}

/// Ends a document in which an element is there more often than it may be.
pub(super) struct CountCheck {
    name: &'static str,
    left: usize,
    /// In the name of an element: what of it came.
    word: Option<Vec<u8>>,
}

impl CountCheck {
    pub(super) fn new(name: &'static str, most: usize) -> Self {
        Self {
            name,
            left: most,
            word: None,
        }
    }
}

impl BodyCheck for CountCheck {
    fn update(&mut self, bytes: &[u8]) -> Result<(), BodyFault> {
        for byte in bytes {
            match (&mut self.word, byte) {
                (word, b'<') => *word = Some(Vec::new()),
                (Some(word), b'>' | b'/' | b' ' | b'\t' | b'\r' | b'\n') => {
                    // With or without a prefix.
                    if word.rsplit(|byte| *byte == b':').next() == Some(self.name.as_bytes()) {
                        let left = self.left.checked_sub(1);
                        self.left = left.ok_or(BodyFault::Document("more of its elements than it may have"))?;
                    }
                    self.word = None;
                }
                (Some(word), byte) if word.len() < WORD_BYTES_MAX => word.push(*byte),
                (Some(_) | None, _) => {}
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), BodyFault> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_counted_wherever_the_pieces_end() {
        for (document, fits) in [
            ("<Delete><Object><Key>Object</Key></Object><Object/></Delete>", true),
            ("<Delete><Objects/><Object></Object></Delete>", true),
            ("<Delete><Object><Object><Object></Delete>", false),
            ("<Delete><Object/><Object /><x:Object\n>", false),
            ("<Object a=\"<Object>\"><Object>", false),
        ] {
            for piece in [1, 2, 7, 100] {
                let mut check = CountCheck::new("Object", 2);
                let counted = document
                    .as_bytes()
                    .chunks(piece)
                    .try_for_each(|piece| check.update(piece));
                assert_eq!(counted.is_ok(), fits, "{document} by {piece}");
            }
        }
    }

    #[test]
    fn documents_share_their_memory() {
        let room = Room(Arc::new(Semaphore::new(10)));
        let (first, mut one) = room.share();
        let (second, mut other) = room.share();
        one.update(&[0; 4]).unwrap();
        one.update(&[0; 4]).unwrap();
        assert_eq!(other.update(&[0; 3]), Err(BodyFault::Crowded));
        other.update(&[0; 2]).unwrap();
        // The check goes with the body, and what was made of it is there still.
        drop(one);
        assert_eq!(other.update(&[0; 1]), Err(BodyFault::Crowded));
        drop(first);
        other.update(&[0; 8]).unwrap();
        drop((other, second));
        assert_eq!(room.0.available_permits(), 10);
    }
}
