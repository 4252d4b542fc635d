//! Bodies that are digested side by side, a step at a time.

use super::Hasher;
use super::lanes::LANES;
use super::md5::{BLOCK_BYTES, update_side_by_side};
use arrayvec::ArrayVec;
use bytes::Bytes;

/// Most blocks of a stream in a step: those of all lanes lie in the second level of the cache until their checksums are made, and
/// who comes meanwhile waits for 25 us.
const BLOCKS_OF_A_STEP: usize = 16 * 1024 / BLOCK_BYTES;

/// A hasher and what it is to take in.
pub(super) struct Feed {
    hasher: Hasher,
    pieces: std::vec::IntoIter<Bytes>,
    /// What is left of the piece that was begun.
    piece: Bytes,
}

impl Feed {
    pub(super) fn new(hasher: Hasher, pieces: Vec<Bytes>) -> Self {
        Self {
            hasher,
            pieces: pieces.into_iter(),
            piece: Bytes::new(),
        }
    }

    /// Tells how many blocks lie ready one behind the other. None, when all is taken in.
    fn ready(&mut self) -> usize {
        loop {
            if self.piece.is_empty() {
                let Some(piece) = self.pieces.next() else { return 0 };
                self.piece = piece;
            }
            if self.hasher.md5.is_between_blocks() && self.piece.len() >= BLOCK_BYTES {
                return self.piece.len() / BLOCK_BYTES;
            }
            // What ends or begins a block is taken in by itself: it is one of a thousand.
            let begun = self
                .piece
                .split_to(self.hasher.md5.to_the_next_block().min(self.piece.len()));
            self.hasher.update(&begun);
        }
    }

    /// The hasher, that has taken in what it was given.
    pub(super) fn into_hasher(self) -> Hasher {
        self.hasher
    }
}

/// Lets all take in some of what they are fed. Gives the places of those that have nothing left, the last first.
pub(super) fn step<'a>(feeds: impl Iterator<Item = &'a mut Feed>) -> ArrayVec<usize, LANES> {
    let mut over = ArrayVec::new();
    let mut active: ArrayVec<(usize, &mut Feed), LANES> = ArrayVec::new();
    let mut blocks = BLOCKS_OF_A_STEP;
    for (place, feed) in feeds.enumerate() {
        match feed.ready() {
            0 => over.push(place),
            ready => {
                blocks = blocks.min(ready);
                active.push((place, feed));
            }
        }
    }
    let mut streams: ArrayVec<_, LANES> = active
        .iter_mut()
        .map(|(_, feed)| (&mut feed.hasher.md5, &*feed.piece))
        .collect();
    update_side_by_side(&mut streams, blocks);
    drop(streams);
    for (place, feed) in active {
        let digested = feed.piece.split_to(blocks * BLOCK_BYTES);
        feed.hasher.update_sums(&digested);
        if feed.ready() == 0 {
            over.push(place);
        }
    }
    over.sort_unstable_by(|one, other| other.cmp(one));
    over
}

#[cfg(test)]
mod tests;
