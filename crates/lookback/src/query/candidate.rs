//! What of the ring has packets of a window, as it is at one moment.

use crate::chunk::Summary;
use crate::directory::ChunkPlace;
use crate::segment::{Block, SegmentFile};
use crate::store::{Shared, State};
use std::ops::Range;
use std::sync::Arc;

/// A part of the ring that may have packets of the window.
pub(super) struct Candidate {
    pub(super) summary: Summary,
    pub(super) place: Place,
}

pub(super) enum Place {
    /// Not on the disk yet.
    Memory {
        block: u32,
        index: u8,
        plain: Arc<[u8]>,
    },
    /// On the disk, in a block without a directory.
    Chunk(Arc<SegmentFile>, ChunkPlace),
    Block(Arc<SegmentFile>, Block),
}

/// The newest first. Taken under one lock, so that a chunk which is written meanwhile is there once.
pub(super) fn of(shared: &Shared, window: &Range<u64>) -> Vec<Candidate> {
    let mut found = {
        let state = shared.state.lock();
        gather(&state, window)
    };
    found.sort_by_key(|candidate| std::cmp::Reverse(candidate.summary.last));
    found
}

fn gather(state: &State, window: &Range<u64>) -> Vec<Candidate> {
    let overlaps = |summary: &Summary| {
        summary.packets > 0 && summary.first < window.end && summary.last >= window.start && !window.is_empty()
    };
    let mut found = Vec::new();
    let mut take = |summary: &Summary, place: &dyn Fn() -> Place| {
        if overlaps(summary) {
            let (summary, place) = (*summary, place());
            found.push(Candidate { summary, place });
        }
    };
    for closed in &state.closed {
        let Some(file) = closed.file.as_ref().filter(|_| overlaps(&closed.summary)) else {
            continue;
        };
        for block in &closed.blocks {
            take(&block.summary, &|| Place::Block(file.clone(), *block));
        }
    }
    if let Some(current) = &state.current {
        for block in &current.blocks {
            take(&block.summary, &|| Place::Block(current.file.clone(), *block));
        }
        for (place, summary) in &current.partial {
            take(summary, &|| Place::Chunk(current.file.clone(), *place));
        }
    }
    for filled in &state.pending {
        take(&filled.summary, &|| Place::Memory {
            block: filled.block,
            index: filled.index,
            plain: filled.plain.as_slice().into(),
        });
    }
    if let Some(open) = &state.open {
        take(&open.summary, &|| Place::Memory {
            block: open.block,
            index: open.index,
            plain: open.plain.as_slice().into(),
        });
    }
    found
}
