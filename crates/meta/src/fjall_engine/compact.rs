//! Giving back what is dead (`docs/decisions/0020-compaction.md` has the figures).
//!
//! Three things hold dead bytes, and fjall leaves each of them where it is for as long as nobody writes:
//! * *Tables* hold rows that were removed or overwritten. All are merged into the last level.
//! * *Value files* hold what such rows named. What lives in those of which much is dead is moved out of them ([`moves`]).
//! * *The journal* holds what was sorted into tables long ago; fjall begins a new one when it has 64 MB, and a new one alone
//!   lets the old one go. When nothing is open and all is in tables, the database is closed, the journal cut to nothing, and the
//!   database opened again, which takes some milliseconds in a store that is so small that its journal matters.
//!
//! fjall replaces its list of files as a whole when new ones have been synced, and a kill leaves files that are in no list,
//! which it removes when it is opened. So does a compaction that fails; then the database is opened again as soon as nobody has a
//! snapshot, and nothing is compacted before ([`setback`] has the rest).

mod counts;
mod moves;
mod setback;

pub(super) use counts::forget_gone_in;
pub(super) use moves::Moves;
pub(super) use setback::Setback;

use self::moves::{Aim, Pace, Pass, Pressure, ValueFile};
use super::slot::{Slot, classify};
use crate::engine::{Batch, Change};
use crate::{Compact, CompactProgress, Compacted, Error, Result, Usage};
use fjall::{AbstractTree as _, PersistMode};
use lsm_tree::compaction::PullDown;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A key below all others; no table has it. Its removal is written to give everything before it an end: fjall lets old
/// versions of its list of files go only when something newer was written, and sorted.
const MARK: &[u8] = &[0];

/// A store of so many bytes is written anew for rows that may have been overwritten, which nothing counts but we, since the
/// start. In a larger one that is little, since fjall keeps all levels but the last at a tenth.
const SMALL_BYTES: u64 = 1 << 30;

/// So few removed rows are never worth anything.
const FEW_ROWS: u64 = 64;

/// A journal that takes less is left alone.
const JOURNAL_KEPT_BYTES: u64 = 1 << 20;

/// So little in a value file is its own end, and what the file system rounds up.
const VALUE_FILE_SLACK_BYTES: u64 = 4096;

/// Room that compacting leaves to those who write.
const ROOM_LEFT_BYTES: u64 = 64 << 20;

/// What is waited for, such as the end of a listing, is looked at so often, and so many times at most.
const PAUSE: Duration = Duration::from_millis(20);
const TRIES: usize = 25;

/// Closed snapshots after which fjall forgets which were open (`snapshot_tracker.rs`).
const SNAPSHOTS_PER_FORGETTING: usize = 10_000;

const COMPACTING: &str = "compacting";

/// Compacts, one thread at a time.
pub(super) fn compact(slot: &Slot, wanted: Compact, progress: &Arc<CompactProgress>) -> Result<Compacted> {
    if !slot.compacts() {
        return Ok(Compacted::default());
    }
    let mut setback = slot.compaction.lock();
    if !tidy(slot, &setback)? {
        return Ok(Compacted::default());
    }
    let keep = slot.written.swap(0, Ordering::Relaxed);
    let before = space(slot.path())?.0;
    let rewritten = match setback.pass_over() {
        Some(why) => Err(why),
        None => Run::new(slot, wanted, progress).rewrite_after(&mut setback),
    };
    tidy(slot, &setback)?;
    let cut = match setback.damage() {
        None => shrink_journal(slot, wanted, keep),
        Some(_) => Ok(()),
    };
    let after = space(slot.path())?.0;
    cut?;
    Ok(Compacted {
        rewritten: rewritten?,
        returned_bytes: before.saturating_sub(after),
    })
}

/// Has what a failure left go; false if it has to wait. After damage it stays until the next start: what is damaged may keep the
/// database from being opened again, and until then most of it can be read.
fn tidy(slot: &Slot, setback: &Setback) -> Result<bool> {
    match setback.damage() {
        Some(why) if slot.littered.load(Ordering::Relaxed) => Err(why.clone()),
        _ => slot.tidy(),
    }
}

/// Counts all rows, and what the files take.
pub(super) fn usage(slot: &Arc<Slot>) -> Result<Usage> {
    let view = super::FjallView::open(slot)?;
    let (mut rows, mut live_bytes) = (0, 0);
    let mut last = None;
    loop {
        let page = view.sizes(last.as_deref())?;
        rows += page.rows;
        live_bytes += page.bytes;
        if page.last.is_none() {
            break;
        }
        last = page.last;
    }
    let (allocated_bytes, journal_bytes) = space(slot.path())?;
    Ok(Usage {
        rows,
        live_bytes,
        allocated_bytes,
        journal_bytes,
    })
}

/// What the files take.
pub(super) fn allocated_bytes(slot: &Slot) -> Result<u64> {
    Ok(space(slot.path())?.0)
}

struct Run<'a> {
    slot: &'a Slot,
    wanted: Compact,
    progress: &'a Arc<CompactProgress>,
    /// Whether a pass gave way to writers.
    gave_way: Arc<AtomicBool>,
}

impl<'a> Run<'a> {
    fn new(slot: &'a Slot, wanted: Compact, progress: &'a Arc<CompactProgress>) -> Self {
        Self {
            slot,
            wanted,
            progress,
            gave_way: Arc::default(),
        }
    }

    fn rewrite_after(&self, setback: &mut Setback) -> Result<bool> {
        self.note(self.rewrite(), setback)
    }

    fn note(&self, rewritten: Result<bool>, setback: &mut Setback) -> Result<bool> {
        match &rewritten {
            Ok(true) => setback.succeeded(),
            // Whether there is room is seen at once, and a stop is no failure.
            Ok(false) | Err(Error::NoSpace { .. }) => {}
            Err(_) if self.progress.is_stopped() => {}
            // Nor is this; the next run tries again.
            Err(_) if self.gave_way.load(Ordering::Relaxed) => {
                tracing::info!("metadata is not compacted now: writers would have waited");
                return Ok(false);
            }
            Err(why) => setback.failed(why),
        }
        rewritten
    }

    /// Writes anew what is worth it; tells whether anything was.
    fn rewrite(&self) -> Result<bool> {
        if !self.is_due()? || !settle_all(self.slot)? || self.would_crowd()? {
            return Ok(false);
        }
        let (tables, files) = self
            .slot
            .read(|open| files(open.keyspace.path()).map_err(failed("looking at the files")))?;
        self.has_room(tables)?;
        let live = Arc::default();
        self.pass(Aim::Survey(Arc::clone(&live)))?;
        let (sparse, bytes) = sparse(&files, &live.lock(), self.wanted.free_percent_max);
        if !sparse.is_empty() {
            self.has_room(tables + bytes)?;
            self.pass(Aim::Empty(sparse))?;
        }
        self.drop_dead_files()?;
        self.slot.changed.store(0, Ordering::Relaxed);
        let stale = self.slot.read(|open| Ok(open.keyspace.fragmented_blob_bytes()))?;
        self.slot.stale_kept.store(stale, Ordering::Relaxed);
        Ok(true)
    }

    fn is_due(&self) -> Result<bool> {
        let changed = self.slot.changed.load(Ordering::Relaxed);
        let percent = self.wanted.free_percent_max;
        self.slot.read(|open| {
            let tree = &open.keyspace.tree;
            let (rows, removed) = (tree.approximate_len() as u64, tree.tombstone_count());
            let (all, stale) = (tree.disk_space(), tree.stale_blob_bytes());
            // What the last run left was too little in each file.
            let kept = self.slot.stale_kept.fetch_min(stale, Ordering::Relaxed).min(stale);
            let stale = stale - kept;
            Ok((removed > FEW_ROWS && is_over(removed, rows, percent))
                || is_over(stale, all.saturating_sub(stale), percent)
                || (all <= SMALL_BYTES && is_over(changed, rows, percent)))
        })
    }

    /// Whether a pass would give way before it has begun.
    fn would_crowd(&self) -> Result<bool> {
        self.slot
            .read(|open| Ok(Pressure::on(&open.keyspace) == Pressure::Crowded))
    }

    fn has_room(&self, needed: u64) -> Result<()> {
        let stat = rustix::fs::statvfs(self.slot.path()).map_err(|e| Error::io(COMPACTING, e.into()))?;
        if stat.f_bavail.saturating_mul(stat.f_frsize) < needed.saturating_add(ROOM_LEFT_BYTES) {
            return Err(Error::NoSpace { doing: COMPACTING });
        }
        Ok(())
    }

    /// Merges all tables.
    fn pass(&self, aim: Aim) -> Result<()> {
        self.slot.work_on(|keyspace, closing| {
            let pass = Arc::new(Pass {
                keyspace: keyspace.clone(),
                aim,
                pace: Pace::new(self.wanted.bytes_per_second, self.progress, closing, &self.gave_way),
            });
            let moves = self.slot.moves();
            moves
                .during(pass, || keyspace.major_compact())
                .map_err(|e| classify(COMPACTING, e))
        })
    }

    /// Has fjall drop the value files in which nothing lives. It does so at the end of any merge, and in the same step forgets what it
    /// had counted in them; so one of nothing is made, of two levels that are empty (and would be a good merge if they were not).
    fn drop_dead_files(&self) -> Result<()> {
        self.slot.work_on(|keyspace, _| {
            let done = keyspace.tree.compact(Arc::new(PullDown(1, 2)), 0);
            done.map_err(|error| classify(COMPACTING, error.into()))?;
            debug_assert_eq!(counts::gone(&keyspace.tree), 0, "a count outlived its file");
            Ok(())
        })?;
        settle(self.slot)
    }
}

/// Writes the mark, and waits until all that was written before is in tables.
fn settle(slot: &Slot) -> Result<()> {
    let mark = Change {
        key: MARK.to_vec(),
        value: None,
    };
    slot.write(|_| Ok(Batch { changes: vec![mark] }))?;
    slot.read(|open| open.keyspace.rotate_memtable().map_err(|e| classify(COMPACTING, e)))?;
    loop {
        let left = slot.read(|open| {
            // Writes nothing, but tells whether the thread that is waited for has failed.
            let alive = open.db.persist(PersistMode::Buffer);
            alive.map_err(|error| classify(COMPACTING, error))?;
            Ok(open.keyspace.sealed_memtable_count())
        })?;
        if left == 0 {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// As [`settle`]; false if somebody holds a snapshot from before, for whom everything has to stay.
fn settle_all(slot: &Slot) -> Result<bool> {
    let begun = slot.read(|open| Ok(open.db.supervisor.snapshot_tracker.get()))?;
    settle(slot)?;
    for _ in 0..TRIES {
        let free_below = slot.read(|open| {
            (0..SNAPSHOTS_PER_FORGETTING).for_each(|_| drop(open.db.snapshot()));
            Ok(open.db.supervisor.snapshot_tracker.get_seqno_safe_to_gc())
        })?;
        if free_below + 1 >= begun {
            return Ok(true);
        }
        std::thread::sleep(PAUSE);
    }
    Ok(false)
}

/// Cuts the journal, if it is more than writers wrote since the last compaction and will write again, and matters.
fn shrink_journal(slot: &Slot, wanted: Compact, keep: u64) -> Result<()> {
    let journal = space(slot.path())?.1;
    let tables = slot.read(|open| Ok(open.keyspace.disk_space()))?;
    if journal <= keep.max(JOURNAL_KEPT_BYTES) || !is_over(journal, tables, wanted.free_percent_max) {
        return Ok(());
    }
    settle(slot)?;
    for _ in 0..TRIES {
        if slot.start_journal_anew()? {
            return Ok(());
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

fn is_over(part: u64, whole: u64, percent: u8) -> bool {
    u128::from(part) * 100 > u128::from(whole) * u128::from(percent)
}

/// The value files of which more is dead than may be, though not all, and the bytes that live in them.
fn sparse(files: &HashMap<ValueFile, u64>, live: &HashMap<ValueFile, u64>, percent: u8) -> (HashSet<ValueFile>, u64) {
    let is_sparse = |(file, bytes): (&ValueFile, &u64)| {
        let live = live.get(file).copied()?;
        let dead = bytes.saturating_sub(live + VALUE_FILE_SLACK_BYTES);
        is_over(dead, live, percent).then_some((*file, live))
    };
    let found: Vec<_> = files.iter().filter_map(is_sparse).collect();
    let bytes = found.iter().map(|(_, live)| live).sum();
    (found.into_iter().map(|(file, _)| file).collect(), bytes)
}

/// The bytes of all tables, and of each value file, in the folder of fjall's keyspace.
fn files(keyspace: &Path) -> io::Result<(u64, HashMap<ValueFile, u64>)> {
    let mut tables = 0;
    for entry in fs::read_dir(keyspace.join("tables"))? {
        tables += len_of(&entry?)?.unwrap_or_default();
    }
    let mut values = HashMap::new();
    for entry in fs::read_dir(keyspace.join("blobs"))? {
        let entry = entry?;
        let number = entry.file_name().to_str().and_then(|name| name.parse().ok());
        if let (Some(number), Some(bytes)) = (number, len_of(&entry)?) {
            values.insert(number, bytes);
        }
    }
    Ok((tables, values))
}

/// `None` for a file that has just been removed.
fn len_of(entry: &fs::DirEntry) -> io::Result<Option<u64>> {
    Ok(there(entry.metadata())?.map(|metadata| metadata.len()))
}

fn there<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// What the files of the store take of the file system, and how much of it is the journal.
fn space(store: &Path) -> Result<(u64, u64)> {
    fn walk(folder: &Path, sum: &mut (u64, u64)) -> io::Result<()> {
        let Some(entries) = there(fs::read_dir(folder))? else {
            return Ok(());
        };
        for entry in entries {
            let entry = entry?;
            let Some(metadata) = there(entry.metadata())? else {
                continue;
            };
            if metadata.is_dir() {
                walk(&entry.path(), sum)?;
            }
            let bytes = metadata.blocks() * 512;
            sum.0 += bytes;
            if entry.path().extension().is_some_and(|extension| extension == "jnl") {
                sum.1 += bytes;
            }
        }
        Ok(())
    }
    let mut sum = (0, 0);
    walk(store, &mut sum).map_err(failed("looking at the files"))?;
    Ok(sum)
}

fn failed(doing: &'static str) -> impl Fn(io::Error) -> Error {
    move |error| Error::io(doing, error)
}

#[cfg(test)]
mod tests;
