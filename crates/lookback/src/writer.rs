//! The far end of the ring: full chunks onto the disk, on a thread of its own.

use crate::chunk::{Codec, Kind, Of, Summary};
use crate::directory::{self, ChunkPlace, Keys};
use crate::limits::{RETRY_AFTER, SEGMENT_BLOCKS_MAX, SEGMENTS_OF_AGE, SPARE_BYTES, SYNC_AFTER};
use crate::segment::{self, Block, FRONT_BYTES, SegmentFile};
use crate::store::{Closed, Current, Filled, Shared, summary_of};
use crate::{Error, Settings};
use baleen_types::causes;
use rustix::fs::FallocateFlags;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::sync::Arc;
use std::time::Duration;

/// After so long a segment is ended, so that nothing is kept for much longer than it may be.
pub(crate) fn segment_age(settings: &Settings) -> Duration {
    (settings.age / SEGMENTS_OF_AGE).min(Duration::from_secs(3600))
}

pub(crate) struct Writer {
    shared: Arc<Shared>,
    writing: Option<Writing>,
    /// When the disk is tried again, after a write that failed.
    retry_at: Duration,
    synced_at: Duration,
    is_dirty: bool,
    buffer: Vec<u8>,
}

/// The segment that is being written.
struct Writing {
    file: File,
    segment: Arc<SegmentFile>,
    /// Where the next chunk goes.
    offset: u64,
    /// The number of the next chunk.
    number: u32,
    blocks: usize,
    /// The block that is being written, and its chunks.
    block: Option<u32>,
    chunks: Vec<ChunkPlace>,
    summary: Summary,
    begun: Duration,
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            writing: None,
            retry_at: Duration::ZERO,
            synced_at: Duration::ZERO,
            is_dirty: false,
            buffer: Vec::new(),
        }
    }

    pub(crate) fn run(mut self) {
        let shared = self.shared.clone();
        loop {
            let mut state = shared.state.lock();
            while state.pending.is_empty() && !state.is_tick && !state.is_stopping {
                shared.work.wait(&mut state);
            }
            let is_tick = std::mem::take(&mut state.is_tick);
            let next = state.pending.front().cloned();
            let is_over = next.is_none() && state.is_stopping;
            drop(state);
            if let Some(filled) = next {
                self.take(&filled);
                shared.done.notify_all();
            }
            if is_tick {
                self.tick();
            }
            if is_over {
                return self.end();
            }
        }
    }

    fn now(&self) -> Duration {
        self.shared.parts.clock.monotonic()
    }

    /// Writes a chunk and takes it from those that are pending, whatever becomes of it.
    fn take(&mut self, filled: &Filled) {
        let written = self.write(filled);
        let mut state = self.shared.state.lock();
        state.pending.pop_front();
        match written {
            Ok(written) => {
                state.stats.trouble = None;
                if let (Some(current), Some(place)) = (&mut state.current, written.place) {
                    current.partial.push((place, filled.summary));
                }
                if let (Some(current), Some(block)) = (&mut state.current, written.block) {
                    current.partial.clear();
                    current.blocks.push(block);
                }
                if let (Some(current), Some(writing)) = (&mut state.current, &self.writing) {
                    current.bytes = writing.offset;
                }
            }
            Err(why) => {
                let Summary {
                    packets,
                    left_out,
                    cut,
                    dropped,
                    ..
                } = filled.summary;
                state.stats.packets -= u64::from(packets);
                state.stats.left_out += u64::from(packets);
                // What it would have said of losses is said by nobody but these figures.
                let lost = [packets, left_out, cut, dropped]
                    .into_iter()
                    .fold(0u32, u32::saturating_add);
                state.owed_left_out = state.owed_left_out.saturating_add(lost);
                let trouble = why.map(|error| causes(&error));
                if let Some(text) = &trouble {
                    tracing::warn!(error = text, "look-back ring cannot write");
                }
                state.stats.trouble = trouble.or(state.stats.trouble.take());
                drop(state);
                self.abandon();
            }
        }
    }

    /// An error without a reason is the echo of one before.
    fn write(&mut self, filled: &Filled) -> Result<Written, Option<Error>> {
        if filled.index == 0 && self.writing.as_ref().is_some_and(|writing| self.is_full(writing)) {
            self.end();
        }
        if self.writing.is_none() {
            // A block whose beginning was lost is not begun in the middle, and a disk that failed has a pause.
            if filled.index > 0 || self.now() < self.retry_at {
                return Err(None);
            }
            self.begin().map_err(Some)?;
        }
        let Some(writing) = &mut self.writing else {
            return Err(None);
        };
        if filled.index > 0 && writing.block != Some(filled.block) {
            return Err(None);
        }
        if filled.index == 0 {
            writing.block = Some(filled.block);
        }
        let mut written = Written::default();
        self.buffer.clear();
        if filled.summary.packets > 0 {
            let of = Of {
                kind: Kind::Packets,
                index: filled.index,
                block: filled.block,
                summary: filled.summary,
            };
            let place = writing.put(&of, &filled.plain, &mut self.buffer);
            let place = ChunkPlace::new(place.0, place.1, &filled.summary);
            written.place = Some(place);
        }
        let mut block = None;
        if let Some(keys) = &filled.keys {
            let mut chunks = writing.chunks.clone();
            chunks.extend(written.place);
            block = Some(directory_of(writing, filled, &chunks, keys, &mut self.buffer));
        }
        let bytes = self.buffer.len() as u64;
        self.make_room(bytes);
        let Some(writing) = &mut self.writing else {
            return Err(None);
        };
        let writes = writing.file.write_all_at(&self.buffer, writing.offset);
        writes.map_err(|error| Some(Error::io("writing to the look-back ring")(error)))?;
        self.is_dirty = true;
        writing.offset += bytes;
        writing.chunks.extend(written.place);
        writing.summary.add(&filled.summary);
        if let Some(mut block) = block {
            let mut all = Block::EMPTY;
            for chunk in &writing.chunks {
                all.take(chunk, &Summary::NONE);
            }
            (block.start, block.end, block.summary) = (all.start, all.end, writing.summary);
            written.block = Some(block).filter(|block| block.start < block.end);
            writing.blocks += 1;
            writing.block = None;
            writing.chunks.clear();
            writing.summary = Summary::NONE;
        }
        Ok(written)
    }

    fn is_full(&self, writing: &Writing) -> bool {
        let settings = &self.shared.settings;
        writing.offset >= settings.shape.segment_bytes
            || writing.blocks >= SEGMENT_BLOCKS_MAX
            || self.now().saturating_sub(writing.begun) >= segment_age(settings)
    }

    /// Begins a segment.
    fn begin(&mut self) -> Result<(), Error> {
        let doing = "beginning a look-back segment";
        let shared = self.shared.clone();
        self.make_room(0);
        let sequence = {
            let mut state = shared.state.lock();
            let sequence = state.next_sequence;
            state.next_sequence = sequence.saturating_add(1);
            sequence
        };
        let path = shared.folder.join(segment::name(sequence));
        let key = shared.parts.key.as_ref();
        let codec = Codec::draw(key, shared.hash_key, &*shared.parts.entropy);
        let mut options = File::options();
        // Packets are for their owner's eyes.
        options.write(true).create_new(true).mode(0o600);
        let file = options.open(&path).map_err(Error::io(doing))?;
        let begun = preallocate(&file, shared.settings.shape.segment_bytes)
            .and_then(|()| file.write_all_at(&codec.front(sequence, key), 0))
            .and_then(|()| sync_folder(&shared.folder));
        if let Err(error) = begun {
            // Nothing is in it. If it stays, it is removed when the ring is opened.
            let _ = fs::remove_file(&path);
            return Err(Error::io(doing)(error));
        }
        let segment = Arc::new(SegmentFile { sequence, path, codec });
        shared.state.lock().current = Some(Current {
            file: segment.clone(),
            blocks: Vec::new(),
            partial: Vec::new(),
            bytes: FRONT_BYTES,
        });
        self.writing = Some(Writing {
            file,
            segment,
            offset: FRONT_BYTES,
            number: 0,
            blocks: 0,
            block: None,
            chunks: Vec::new(),
            summary: Summary::NONE,
            begun: self.now(),
        });
        Ok(())
    }

    /// Deletes what has to go so that the segment may grow by so many bytes.
    fn make_room(&mut self, more: u64) {
        let settings = &self.shared.settings;
        let grown = self.writing.as_ref().map_or(FRONT_BYTES, |writing| writing.offset) + more;
        let wanted = grown.max(settings.shape.segment_bytes) + SPARE_BYTES;
        self.evict(wanted);
    }

    fn evict(&self, wanted: u64) {
        let clock = &self.shared.parts.clock;
        let mut state = self.shared.state.lock();
        let gone = state.evict(&self.shared.settings, wanted, (clock.now(), clock.monotonic()));
        drop(state);
        for closed in gone {
            match fs::remove_file(&closed.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    // It comes back into the count when the ring is opened the next time.
                    tracing::warn!(file = %closed.path.display(), %error, "look-back segment cannot be deleted");
                }
                _ => {}
            }
        }
    }

    fn tick(&mut self) {
        let now = self.now();
        if self.is_dirty
            && now.saturating_sub(self.synced_at) >= SYNC_AFTER
            && let Some(writing) = &self.writing
        {
            if let Err(error) = writing.file.sync_data() {
                tracing::warn!(%error, "look-back segment cannot be flushed to the disk");
            }
            self.is_dirty = false;
            self.synced_at = now;
        }
        let is_old = |writing: &Writing| now.saturating_sub(writing.begun) >= segment_age(&self.shared.settings);
        if self.writing.as_ref().is_some_and(|w| w.block.is_none() && is_old(w)) {
            self.end();
        }
        self.evict(0);
    }

    /// Ends the segment with its contents.
    fn end(&mut self) {
        let Some(mut writing) = self.writing.take() else { return };
        let blocks = {
            let state = self.shared.state.lock();
            let current = state.current.as_ref();
            current.map(|current| current.blocks.clone()).unwrap_or_default()
        };
        let mut buffer = Vec::new();
        if writing.block.is_none() && !blocks.is_empty() {
            let of = Of {
                kind: Kind::Contents,
                index: 0,
                block: u32::MAX,
                summary: Summary::NONE,
            };
            let (offset, bytes) = writing.put(&of, &segment::contents(&blocks), &mut buffer);
            buffer.extend_from_slice(&writing.segment.codec.trailer(offset, bytes));
        }
        let ended = writing.file.write_all_at(&buffer, writing.offset);
        if ended.is_ok() {
            writing.offset += buffer.len() as u64;
        }
        let ended = ended.and_then(|()| writing.file.set_len(writing.offset));
        if let Err(error) = ended.and_then(|()| writing.file.sync_data()) {
            // Its chunks are found by their heads.
            tracing::warn!(%error, "look-back segment cannot be ended");
        }
        self.is_dirty = false;
        self.close(&writing);
    }

    /// Leaves a segment as it is, after a write that failed. Another is begun later: what was under way under its keys may
    /// or may not be on the disk.
    fn abandon(&mut self) {
        let Some(writing) = self.writing.take() else { return };
        self.retry_at = self.now() + RETRY_AFTER;
        // If this fails, what is behind is found torn.
        let _ = writing.file.set_len(writing.offset);
        self.close(&writing);
    }

    fn close(&self, writing: &Writing) {
        let now = self.now();
        let mut state = self.shared.state.lock();
        let Some(current) = state.current.take() else { return };
        let mut blocks = current.blocks;
        let mut last = Block::EMPTY;
        for (place, summary) in &current.partial {
            last.take(place, summary);
        }
        blocks.extend(Some(last).filter(|last| last.start < last.end));
        if blocks.is_empty() {
            drop(state);
            let _ = fs::remove_file(&writing.segment.path);
            return;
        }
        state.closed.push_back(Arc::new(Closed {
            path: writing.segment.path.clone(),
            bytes: writing.offset,
            summary: summary_of(&blocks),
            file: Some(writing.segment.clone()),
            blocks,
            since: Some(now),
        }));
    }
}

/// What was written of a chunk.
#[derive(Default)]
struct Written {
    place: Option<ChunkPlace>,
    /// The block that it ended.
    block: Option<Block>,
}

impl Writing {
    /// Puts a chunk into what is to be written next, and tells its offset and bytes.
    fn put(&mut self, of: &Of, plain: &[u8], buffer: &mut Vec<u8>) -> (u32, u32) {
        // Segments are below 4 GiB by their settings.
        let offset = u32::try_from(self.offset + buffer.len() as u64).unwrap_or(u32::MAX);
        let number = self.number;
        // Whatever becomes of the write, no number comes twice.
        self.number += 1;
        let bytes = self.segment.codec.write(of, number, plain, buffer);
        (offset, bytes)
    }
}

/// Puts sieve and table of a block into what is to be written next.
fn directory_of(
    writing: &mut Writing,
    filled: &Filled,
    chunks: &[ChunkPlace],
    keys: &Keys,
    buffer: &mut Vec<u8>,
) -> Block {
    let mut put = |kind, plain: &[u8]| {
        let of = Of {
            kind,
            index: filled.index,
            block: filled.block,
            summary: Summary::NONE,
        };
        writing.put(&of, plain, buffer)
    };
    Block {
        sieve: Some(put(Kind::Sieve, &directory::sieve(keys))),
        table: Some(put(Kind::Table, &directory::table(chunks, keys))),
        ..Block::EMPTY
    }
}

/// Has the file system find the room at once. Where it cannot, the file grows as it is written.
fn preallocate(file: &File, bytes: u64) -> io::Result<()> {
    match rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, 0, bytes) {
        Err(error) if error != rustix::io::Errno::OPNOTSUPP && error != rustix::io::Errno::NOSYS => Err(error.into()),
        _ => Ok(()),
    }
}

fn sync_folder(folder: &std::path::Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
