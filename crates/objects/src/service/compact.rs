//! Emptying segments of which little lives, and giving what is free to the file system.
//!
//! Records say where bodies are, and nothing says whose an extent is: a row for that would be written and removed with every
//! body. So all records are walked, once for many segments (`docs/decisions/0020-compaction.md` has the figures), and what
//! lies in the chosen segments is moved where it is found. A record that escapes the walk because it changes its place, or
//! that is about to be written, keeps its segment until a later compaction; nothing waits for it.

mod moves;

use self::moves::Mover;
use super::Objects;
use super::pace::Pace;
use crate::{Compact, CompactProgress, Compacted, ObjectError};
use baleen_blob::{Draining, Usage};
use baleen_meta::Scan;
use baleen_meta::keys::{KeyWriter, Table};
use std::collections::HashSet;
use std::sync::Arc;

/// What is moved in one walk at least, if there is so much: else a walk over few records would move nothing.
const MOVED_IN_WALK_MIN: u64 = 1 << 30;

/// The part of all that lives in segments which is moved in one walk, at most and if it is more: walks are few, and the free
/// space of the chosen segments, which nobody can write meanwhile, is little.
const WALKS: u64 = 16;

/// Rows that are in memory at a time.
const ROWS_AT_ONCE: usize = 256;

/// Pages of pieces that are in memory at a time: one may have 60 KiB.
const PAGES_AT_ONCE: usize = 16;

/// The tables whose rows name extents.
const NAMING: [(Table, usize); 4] = [
    (Table::Object, ROWS_AT_ONCE),
    (Table::Version, ROWS_AT_ONCE),
    (Table::Part, ROWS_AT_ONCE),
    (Table::ExtentPage, PAGES_AT_ONCE),
];

impl Objects {
    /// Moves what lives in sparse segments together, and gives what is free to the file system, but for as much as writers took
    /// since the last compaction: they will want it again. The store can be used meanwhile; no client waits for it, and what is
    /// being read stays where it is until it has been read.
    ///
    /// # Errors
    /// What keeps it from going on, such as a disk with no room to move anything; what is free is given back nevertheless.
    ///
    /// # Cancel safety
    /// Safe: everything is where it was, or moved.
    pub async fn compact(
        self: &Arc<Self>,
        compact: Compact,
        progress: &CompactProgress,
    ) -> Result<Compacted, ObjectError> {
        let keep = self.blobs.taken();
        let mut done = Compacted::default();
        let emptied = self.empty_segments(compact, keep, progress, &mut done).await;
        done.returned_bytes = self.blobs.give_back(keep).await?;
        emptied.map(|()| done)
    }

    async fn empty_segments(
        self: &Arc<Self>,
        compact: Compact,
        keep: u64,
        progress: &CompactProgress,
        done: &mut Compacted,
    ) -> Result<(), ObjectError> {
        let mut mover = Mover {
            objects: self,
            pace: Pace::new(&self.clock, compact.bytes_per_second),
            progress,
            damaged: HashSet::new(),
        };
        // Each is tried once: what does not become empty is read or written by somebody, or damaged, and what is made meanwhile
        // would be moved about for ever.
        let mut among = self.blobs.segments();
        loop {
            let usage = self.blobs.usage()?;
            let live = live_in(&usage);
            let waste = usage.segment_bytes_free.saturating_sub(keep);
            if waste <= live / 100 * u64::from(compact.free_percent_max) {
                return Ok(());
            }
            // While the store is backed up nothing becomes free, and moving takes more space instead of less.
            if self.blobs.is_held() {
                return Ok(());
            }
            let mut draining = self.blobs.drain((live / WALKS).max(MOVED_IN_WALK_MIN), &among);
            if draining.segments().is_empty() {
                return Ok(());
            }
            let walked = self.walk(&mut draining, &mut mover, done).await;
            let left = draining.left();
            done.segments += (draining.segments().len() - left.len()) as u64;
            walked?;
            among.retain(|segment| !draining.segments().contains(segment));
        }
    }

    /// Moves all that records name in the segments, or nearly all.
    async fn walk(
        self: &Arc<Self>,
        draining: &mut Draining,
        mover: &mut Mover<'_>,
        done: &mut Compacted,
    ) -> Result<(), ObjectError> {
        for (table, rows) in NAMING {
            let mut scan = Scan::prefix(&KeyWriter::new(table).finish()).limit(rows);
            loop {
                let page = self.meta.scan(scan.clone()).await?;
                let Some(last) = page.last() else { break };
                scan = scan.after(last.key.to_vec());
                for entry in &page {
                    mover.row(table, entry, draining, done).await?;
                }
                if draining.is_done() {
                    return Ok(());
                }
                mover
                    .pace
                    .pass(page.iter().map(|row| (row.key.len() + row.value.len()) as u64).sum())
                    .await;
            }
        }
        Ok(())
    }
}

fn live_in(usage: &Usage) -> u64 {
    usage.segment_bytes - usage.segment_bytes_free
}
