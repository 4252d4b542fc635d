//! Taking values out of value files of which much is dead.
//!
//! fjall drops a value file when nothing in it lives, and writes one anew only when a quarter of it is dead, and of such files
//! only the oldest quarter; both are written into a store when it is made. So while we compact, its compaction filter replaces
//! each value that lies in a file we chose by itself: it goes to a new file, and the old one dies. In which file a value lies is
//! looked up by its key, since the filter is not told. Should the key have a newer version, that one is looked up, and a file is
//! taken for fuller or emptier than it is; nothing else depends on it.

use super::super::slot::{FIRST_LEVEL_TABLES_MAX, SEALED_BUFFERS_MAX};
use crate::CompactProgress;
use fjall::compaction::filter::{CompactionFilter, CompactionFilterResult, Context, Factory, ItemAccessor, Verdict};
use fjall::{AbstractTree as _, Keyspace, LsmError, SeqNo};
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};
use std::io::ErrorKind;
use std::num::NonZeroU64;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

/// The number of a value file, which is also its name.
pub(super) type ValueFile = u64;

/// What fjall writes in front of the key of each value in a value file (`vlog/blob_file/writer.rs`).
const VALUE_HEADER_BYTES: u64 = 38;

/// fjall's tag of an entry whose value is in a value file.
const INDIRECTION: u8 = 4;

/// Tables in the first level, and write buffers that wait to be one, above which the pace is given up: no other compaction can make
/// the tables fewer while ours goes on.
const PRESSING_TABLES: usize = 7;
const PRESSING_BUFFERS: usize = 1;

/// The same, above which the pass gives way to writers: a little before commits wait for the one, and when they wait for the other.
const CROWDED_TABLES: usize = 19;
const CROWDED_BUFFERS: usize = SEALED_BUFFERS_MAX;
const _: () = assert!(PRESSING_TABLES < CROWDED_TABLES && CROWDED_TABLES < FIRST_LEVEL_TABLES_MAX);
const _: () = assert!(PRESSING_BUFFERS < CROWDED_BUFFERS);

/// The longest sleep, after which is looked whether to go on.
const NAP: Duration = Duration::from_millis(20);

/// What the compaction filter is told; one for each open database, also for those after the first.
///
/// fjall makes the filter on the thread that compacts, and its own workers compact until our merge begins and as soon as it has
/// ended. So a pass is for its own thread only: a worker that were told to end would take the whole database for broken.
pub(in super::super) struct Moves(AssertUnwindSafe<Mutex<Option<Given>>>);

type Given = (ThreadId, Arc<Pass>);

impl Moves {
    pub(in super::super) fn new() -> Arc<Self> {
        Arc::new(Self(AssertUnwindSafe(Mutex::new(None))))
    }

    /// What fjall makes its filters with.
    pub(in super::super) fn factory(self: &Arc<Self>) -> Arc<dyn Factory> {
        Arc::new(Filters(Arc::clone(self)))
    }

    /// Has `work` compact under a pass, on this thread.
    pub(super) fn during<T>(&self, pass: Arc<Pass>, work: impl FnOnce() -> T) -> T {
        struct End<'a>(&'a Moves);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                *self.0.0.lock() = None;
            }
        }
        *self.0.lock() = Some((thread::current().id(), pass));
        let _end = End(self);
        work()
    }

    /// The pass of this thread.
    pub(super) fn mine(&self) -> Option<Arc<Pass>> {
        let passes = self.0.lock();
        let (_, pass) = passes
            .as_ref()
            .filter(|(thread, _)| *thread == thread::current().id())?;
        Some(Arc::clone(pass))
    }
}

/// One way through all rows.
pub(super) struct Pass {
    pub(super) keyspace: Keyspace,
    pub(super) aim: Aim,
    pub(super) pace: Pace,
}

/// What is done with a value that is apart from its row.
pub(super) enum Aim {
    /// Count the bytes that live in each value file.
    Survey(Arc<Mutex<HashMap<ValueFile, u64>>>),
    /// Move what lives in these.
    Empty(HashSet<ValueFile>),
}

impl Pass {
    /// Where the value of a key lies, and its bytes there.
    fn place(&self, key: &[u8]) -> Result<Option<(ValueFile, u64)>, LsmError> {
        let Some(entry) = self.keyspace.tree.get_internal_entry(key, SeqNo::MAX)? else {
            return Ok(None);
        };
        if u8::from(entry.key.value_type) != INDIRECTION {
            return Ok(None);
        }
        // Offset, file, length (`vlog/handle.rs`).
        let mut numbers = entry.value.as_ref();
        let place = (number(&mut numbers), number(&mut numbers), number(&mut numbers));
        Ok(match place {
            (Some(_), Some(file), Some(bytes)) => Some((file, bytes + key.len() as u64 + VALUE_HEADER_BYTES)),
            _ => None,
        })
    }

    fn look_at(&self, item: &ItemAccessor<'_>) -> CompactionFilterResult {
        let key = item.key();
        if !item.is_indirection() {
            self.pace
                .pass((key.len() + item.value()?.len()) as u64, &self.keyspace)?;
            return Ok(Verdict::Keep);
        }
        let place = self.place(key)?;
        match (&self.aim, place) {
            (Aim::Survey(live), Some((file, bytes))) => *live.lock().entry(file).or_default() += bytes,
            (Aim::Empty(files), Some((file, bytes))) if files.contains(&file) => {
                self.pace.pass(bytes, &self.keyspace)?;
                return item.value().map(Verdict::ReplaceValue);
            }
            _ => {}
        }
        self.pace.pass(key.len() as u64, &self.keyspace)?;
        Ok(Verdict::Keep)
    }
}

/// Reads a number of seven bits a byte, lowest first; the highest bit says that more follow.
fn number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// What writers have of a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pressure {
    None,
    /// They wait if the pass does not end soon.
    Pressing,
    /// They wait.
    Crowded,
}

impl Pressure {
    pub(super) fn on(keyspace: &Keyspace) -> Self {
        Self::of(keyspace.l0_table_count(), keyspace.sealed_memtable_count())
    }

    fn of(tables: usize, buffers: usize) -> Self {
        if tables > CROWDED_TABLES || buffers > CROWDED_BUFFERS {
            Self::Crowded
        } else if tables > PRESSING_TABLES || buffers > PRESSING_BUFFERS {
            Self::Pressing
        } else {
            Self::None
        }
    }
}

/// Leaves the disk to others, and ends when it is told to, or when writers would wait for it.
pub(super) struct Pace {
    bytes_per_second: Option<NonZeroU64>,
    begun: Instant,
    passed: AtomicU64,
    progress: Arc<CompactProgress>,
    closing: Arc<AtomicBool>,
    gave_way: Arc<AtomicBool>,
}

impl Pace {
    /// `closing` is set while the database is to be closed; `gave_way` will be if the pass gives way to writers.
    pub(super) fn new(
        bytes_per_second: Option<NonZeroU64>,
        progress: &Arc<CompactProgress>,
        closing: &Arc<AtomicBool>,
        gave_way: &Arc<AtomicBool>,
    ) -> Self {
        Self {
            bytes_per_second,
            begun: Instant::now(),
            passed: AtomicU64::new(0),
            progress: Arc::clone(progress),
            closing: Arc::clone(closing),
            gave_way: Arc::clone(gave_way),
        }
    }

    fn pass(&self, bytes: u64, keyspace: &Keyspace) -> Result<(), LsmError> {
        self.progress.row();
        let passed = self.passed.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        loop {
            let pressure = Pressure::on(keyspace);
            self.gave_way.fetch_or(pressure == Pressure::Crowded, Ordering::Relaxed);
            if pressure == Pressure::Crowded || self.progress.is_stopped() || self.closing.load(Ordering::Relaxed) {
                return Err(LsmError::Io(ErrorKind::Interrupted.into()));
            }
            let Some(rate) = self.bytes_per_second else {
                return Ok(());
            };
            let due = Duration::from_millis(passed.saturating_mul(1000) / rate);
            let early = due.saturating_sub(self.begun.elapsed());
            if early.is_zero() || pressure == Pressure::Pressing {
                return Ok(());
            }
            thread::sleep(early.min(NAP));
        }
    }
}

struct Filters(Arc<Moves>);

impl Factory for Filters {
    fn name(&self) -> &'static str {
        "baleen"
    }

    fn make_filter(&self, _context: &Context) -> Box<dyn CompactionFilter> {
        Box::new(Filter(self.0.mine()))
    }
}

/// The filter of one compaction. Those that fjall starts by itself have no pass, and keep everything.
struct Filter(Option<Arc<Pass>>);

impl CompactionFilter for Filter {
    fn filter_item(&mut self, item: ItemAccessor<'_>, _context: &Context) -> CompactionFilterResult {
        match &self.0 {
            Some(pass) => pass.look_at(&item),
            None => Ok(Verdict::Keep),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Pressure, number};

    #[test]
    fn writers_press() {
        let cases = [
            (0, 0, Pressure::None),
            (7, 1, Pressure::None),
            (8, 0, Pressure::Pressing),
            (0, 2, Pressure::Pressing),
            (19, 2, Pressure::Pressing),
            (20, 0, Pressure::Crowded),
            (0, 3, Pressure::Crowded),
        ];
        for (tables, buffers, wanted) in cases {
            assert_eq!(Pressure::of(tables, buffers), wanted, "{tables} {buffers}");
        }
    }

    #[test]
    fn numbers() {
        let cases: &[(&[u8], Option<u64>, usize)] = &[
            (&[0], Some(0), 0),
            (&[0x7f, 9], Some(127), 1),
            (&[0x80, 1], Some(128), 0),
            (&[0xff; 9], None, 0),
            (&[], None, 0),
            (&[0x80], None, 0),
            (
                &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
                Some(u64::MAX),
                0,
            ),
            (&[0xff; 20], None, 10),
        ];
        for (bytes, wanted, left) in cases {
            let mut rest = *bytes;
            assert_eq!(number(&mut rest), *wanted, "{bytes:?}");
            assert_eq!(rest.len(), *left, "{bytes:?}");
        }
    }
}
