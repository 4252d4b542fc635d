//! The ring as a whole: its folder, its segments, and what of them is known in memory.

use crate::chunk::Summary;
use crate::directory::{ChunkPlace, Keys};
use crate::hash::HashKey;
use crate::limits::FUTURE_SLACK;
use crate::record::Encoder;
use crate::segment::{self, Block, Front, SegmentFile, find_blocks, read_front, sequence_of};
use crate::{Error, Settings};
use baleen_runtime::{Clock, Entropy};
use baleen_sealing::blocks::BaseKey;
use baleen_types::Timestamp;
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const LOCK: &str = "lock";

/// What the ring works with.
#[derive(Clone)]
pub struct Parts {
    /// Under which what is written is sealed. Without one it is written plain.
    pub key: Option<BaseKey>,
    /// For ages.
    pub clock: Arc<dyn Clock>,
    /// For salts and for the key of hashes.
    pub entropy: Arc<dyn Entropy>,
}

/// A look-back ring that is open: the handle for queries, of which there may be many.
#[derive(Clone)]
pub struct Lookback {
    pub(crate) shared: Arc<Shared>,
}

/// How the ring is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Packets that were kept since it was opened.
    pub packets: u64,
    /// Packets that were not kept, by the cut-off or the sampling.
    pub cut: u64,
    /// Packets that the kernel lost before they came here.
    pub dropped: u64,
    /// Packets that were lost since the disk was too slow, full or broken.
    pub left_out: u64,
    /// Bytes on the disk.
    pub bytes: u64,
    /// Segments on the disk.
    pub segments: usize,
    /// The earliest and the latest stamp of what is there.
    pub span: Option<(Timestamp, Timestamp)>,
    /// Places found damaged when it was opened.
    pub damaged: u64,
    /// Segments that broke off in the middle of a chunk, which is what a kill leaves.
    pub torn: u64,
    /// Why nothing can be written at the moment.
    pub trouble: Option<String>,
}

pub(crate) struct Shared {
    pub(crate) folder: PathBuf,
    pub(crate) settings: Settings,
    pub(crate) parts: Parts,
    /// Under which keys of the index are hashed, in all segments that this process writes.
    pub(crate) hash_key: HashKey,
    pub(crate) state: Mutex<State>,
    /// There is something for the writer.
    pub(crate) work: Condvar,
    /// The writer is through with a chunk.
    pub(crate) done: Condvar,
    /// Held for as long as the ring is open.
    _lock: File,
}

#[derive(Default)]
pub(crate) struct State {
    /// Segments that are not written any more, the oldest first.
    pub(crate) closed: VecDeque<Arc<Closed>>,
    pub(crate) current: Option<Current>,
    pub(crate) next_sequence: u64,
    /// Full chunks on their way to the disk.
    pub(crate) pending: VecDeque<Arc<Filled>>,
    /// The chunk that is being filled.
    pub(crate) open: Option<Open>,
    /// Packets lost on the way to the disk, which the next chunk has to say.
    pub(crate) owed_left_out: u32,
    pub(crate) stats: Stats,
    pub(crate) is_recording: bool,
    /// The writer shall look at the time.
    pub(crate) is_tick: bool,
    /// The writer shall end once nothing is pending.
    pub(crate) is_stopping: bool,
}

/// A segment that is not written any more.
#[derive(Debug)]
pub(crate) struct Closed {
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
    /// Nothing of it can be read without.
    pub(crate) file: Option<Arc<SegmentFile>>,
    pub(crate) blocks: Vec<Block>,
    pub(crate) summary: Summary,
    /// Since when it is known to be there, by the monotonic clock; set for what this process wrote, and for what is stamped
    /// in the future: stamps tell nothing of its age.
    pub(crate) since: Option<Duration>,
}

/// The segment that is being written.
pub(crate) struct Current {
    pub(crate) file: Arc<SegmentFile>,
    pub(crate) blocks: Vec<Block>,
    /// Chunks of the block that has no directory yet.
    pub(crate) partial: Vec<(ChunkPlace, Summary)>,
    pub(crate) bytes: u64,
}

/// A chunk that is full.
#[derive(Debug)]
pub(crate) struct Filled {
    pub(crate) block: u32,
    pub(crate) index: u8,
    pub(crate) summary: Summary,
    pub(crate) plain: Vec<u8>,
    /// Of the whole block, with its last chunk.
    pub(crate) keys: Option<Keys>,
}

pub(crate) struct Open {
    pub(crate) plain: Vec<u8>,
    pub(crate) encoder: Encoder,
    pub(crate) summary: Summary,
    pub(crate) block: u32,
    pub(crate) index: u8,
    /// When its first packet came, by the monotonic clock.
    pub(crate) begun: Duration,
}

pub(crate) fn summary_of(blocks: &[Block]) -> Summary {
    let mut all = Summary::NONE;
    for block in blocks {
        all.add(&block.summary);
    }
    all
}

impl Lookback {
    /// Opens the ring of a folder, which is made if it is not there. Nothing is written before packets come. Blocks.
    ///
    /// # Errors
    /// `Unavailable` when somebody else has it open, `Corrupt` when it is sealed under another key, `Invalid` for settings
    /// that cannot work.
    pub fn open(folder: &Path, settings: Settings, parts: Parts) -> Result<Self, Error> {
        settings.check()?;
        fs::create_dir_all(folder).map_err(Error::io("making the look-back folder"))?;
        let lock = lock(folder)?;
        let mut state = State::default();
        let now = (parts.clock.now(), parts.clock.monotonic());
        read_folder(folder, &parts, now, &mut state)?;
        let hash_key = parts.entropy.bytes();
        Ok(Self {
            shared: Arc::new(Shared {
                folder: folder.to_owned(),
                settings,
                parts,
                hash_key,
                state: Mutex::new(state),
                work: Condvar::new(),
                done: Condvar::new(),
                _lock: lock,
            }),
        })
    }

    /// What it keeps.
    pub fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    /// How it is doing.
    pub fn stats(&self) -> Stats {
        let state = self.shared.state.lock();
        let mut stats = state.stats.clone();
        let mut span = Summary::NONE;
        for closed in &state.closed {
            stats.bytes += closed.bytes;
            span.add(&closed.summary);
        }
        if let Some(current) = &state.current {
            stats.bytes += current.bytes;
            span.add(&summary_of(&current.blocks));
            current.partial.iter().for_each(|(_, summary)| span.add(summary));
        }
        state.pending.iter().for_each(|filled| span.add(&filled.summary));
        state.open.iter().for_each(|open| span.add(&open.summary));
        stats.segments = state.closed.len() + usize::from(state.current.is_some());
        stats.span = (span.packets > 0).then(|| (stamp(span.first), stamp(span.last)));
        stats
    }
}

pub(crate) fn stamp(nanos: u64) -> Timestamp {
    Timestamp::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
}

pub(crate) fn nanos(stamp: Timestamp) -> u64 {
    u64::try_from(stamp.as_nanos()).unwrap_or(0)
}

fn lock(folder: &Path) -> Result<File, Error> {
    let doing = "locking the look-back folder";
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    let file = options.open(folder.join(LOCK)).map_err(Error::io(doing))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse(folder.to_owned())),
        Err(TryLockError::Error(error)) => Err(Error::io(doing)(error)),
    }
}

fn read_folder(folder: &Path, parts: &Parts, now: (Timestamp, Duration), state: &mut State) -> Result<(), Error> {
    let doing = "reading the look-back folder";
    let mut sequences = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io(doing))? {
        let entry = entry.map_err(Error::io(doing))?;
        sequences.extend(entry.file_name().to_str().and_then(sequence_of));
    }
    sequences.sort_unstable();
    for (at, sequence) in sequences.iter().enumerate() {
        let path = folder.join(segment::name(*sequence));
        let is_last = at + 1 == sequences.len();
        let closed = read_segment(path, *sequence, parts, is_last, now, state)?;
        state.closed.extend(closed.map(Arc::new));
    }
    // No number comes twice, though the last ones may have been deleted as empty.
    state.next_sequence = sequences.last().map_or(0, |last| last.saturating_add(1));
    Ok(())
}

/// Reads what a segment has; `None` for one that has nothing, which is removed.
fn read_segment(
    path: PathBuf,
    sequence: u64,
    parts: &Parts,
    is_last: bool,
    now: (Timestamp, Duration),
    state: &mut State,
) -> Result<Option<Closed>, Error> {
    let doing = "reading a look-back segment";
    let file = segment::open(&path).map_err(Error::io(doing))?;
    let mut closed = Closed {
        bytes: file.metadata().map_err(Error::io(doing))?.len(),
        file: None,
        blocks: Vec::new(),
        summary: Summary::NONE,
        since: None,
        path,
    };
    let codec = match read_front(&file, sequence, parts.key.as_ref()).map_err(Error::io(doing))? {
        Front::Readable(codec) => codec,
        Front::WrongKey => return Err(Error::WrongKey(folder_of(&closed.path))),
        Front::TooNew => return Err(Error::TooNew(closed.path)),
        Front::Damaged if closed.bytes < segment::FRONT_BYTES => {
            // Killed while its first bytes were written.
            state.stats.torn += 1;
            fs::remove_file(&closed.path).map_err(Error::io("removing an empty look-back segment"))?;
            return Ok(None);
        }
        Front::Damaged => {
            // It goes with its turn, by the bytes it takes.
            state.stats.damaged += 1;
            tracing::warn!(file = %closed.path.display(), "look-back segment cannot be read");
            closed.since = Some(now.1);
            return Ok(Some(closed));
        }
    };
    // Only what was written last can be torn; what is damaged besides is told by whoever reads it.
    let found = find_blocks(&file, &codec, is_last).map_err(Error::io(doing))?;
    state.stats.damaged += found.damaged;
    state.stats.torn += u64::from(found.is_torn);
    if found.damaged > 0 || found.is_torn {
        tracing::warn!(
            file = %closed.path.display(), damaged = found.damaged, torn = found.is_torn,
            "look-back segment is not whole"
        );
    }
    closed.summary = summary_of(&found.blocks);
    let is_ahead = stamp(closed.summary.last) > now.0.plus(FUTURE_SLACK);
    closed.since = is_ahead.then_some(now.1);
    closed.blocks = found.blocks;
    closed.file = Some(Arc::new(SegmentFile {
        sequence,
        path: closed.path.clone(),
        codec,
    }));
    Ok(Some(closed))
}

fn folder_of(path: &Path) -> PathBuf {
    path.parent().unwrap_or(path).to_owned()
}

impl State {
    /// Takes out the oldest segments until so many bytes are left free of `bytes`, and those that are too old.
    pub(crate) fn evict(&mut self, settings: &Settings, wanted: u64, now: (Timestamp, Duration)) -> Vec<Arc<Closed>> {
        let mut out = Vec::new();
        let too_old = |closed: &Closed| {
            let by_stamps = stamp(closed.summary.last).plus(settings.age) < now.0 && closed.summary.packets > 0;
            let here = closed.since.map(|since| now.1.saturating_sub(since));
            by_stamps || here.is_some_and(|here| here > settings.age)
        };
        let mut at = 0;
        while at < self.closed.len() {
            if too_old(&self.closed[at]) {
                out.extend(self.closed.remove(at));
            } else {
                at += 1;
            }
        }
        let mut used: u64 = self.closed.iter().map(|closed| closed.bytes).sum();
        while used + wanted > settings.bytes {
            let Some(oldest) = self.closed.pop_front() else { break };
            used -= oldest.bytes;
            out.push(oldest);
        }
        out
    }
}
