//! The segment files: handles, growth, and which of their ranges are free.

mod anew;
mod emptying;
#[cfg(test)]
mod tests;

use crate::folder::{Folder, Root};
use crate::format::{ALIGNMENT, allocated_bytes};
use crate::settings::{OPEN_SEGMENTS_MAX, SPARE_SEGMENTS_MAX};
use crate::space::{Range, Space, Sums};
use crate::sync::{GroupSync, Target};
use crate::volume::SEGMENTS;
use crate::{Error, Extent, Place, Settings};
use lru::LruCache;
use parking_lot::Mutex;
use rustix::fs::FallocateFlags;
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tracing::{error, info, warn};

/// One open segment.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) file: Arc<File>,
    pub(crate) sync: Arc<GroupSync>,
}

/// All segments of a volume.
#[derive(Debug)]
pub(crate) struct Segments {
    root: Root,
    segment_bytes: u64,
    open: Mutex<LruCache<u64, Arc<Segment>>>,
    state: Mutex<State>,
    /// Held while a segment is made, so that a crowd which finds no space makes one segment and not one each.
    pub(crate) growth: Arc<tokio::sync::Mutex<()>>,
    /// Held while one is made again.
    making_again: Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    space: Space,
    /// Segments of an earlier run that nobody has named the live extents of; with what was released since. An extent
    /// which is released while it is read comes later, when the segment is in use.
    not_adopted: BTreeMap<u64, Vec<(u64, u64)>>,
    next: u64,
    /// Bytes handed out since somebody asked.
    taken: u64,
}

impl State {
    fn next_is_behind(&mut self, segment: u64) {
        self.next = self.next.max(segment.saturating_add(1));
    }
}

impl Segments {
    /// Finds the segments of an earlier run; none of them is written before it is adopted.
    pub(crate) fn open(root: Root, settings: &Settings) -> Result<Self, Error> {
        let doing = "listing the segments";
        let mut state = State::default();
        for number in list(&root).map_err(Error::io(doing))? {
            state.not_adopted.insert(number, Vec::new());
            state.next_is_behind(number);
        }
        let capacity = NonZeroUsize::new(OPEN_SEGMENTS_MAX).unwrap_or(NonZeroUsize::MIN);
        Ok(Self {
            root,
            segment_bytes: settings.segment_bytes,
            open: Mutex::new(LruCache::new(capacity)),
            state: Mutex::new(state),
            growth: Arc::default(),
            making_again: Mutex::default(),
        })
    }

    /// Takes a range for a blob of `length` bytes, if there is one.
    pub(crate) fn allocate(&self, length: u64) -> Option<Place> {
        let mut state = self.state.lock();
        let Range { segment, offset, bytes } = state.space.allocate(allocated_bytes(length))?;
        state.taken += bytes;
        Some(Place::Segment { segment, offset })
    }

    /// Takes space back from the file system for a blob of `length` bytes, where it was given back in the middle of segments:
    /// all that one of them lacks, or as much as the blob needs if there is not more. False if no such range is long enough.
    /// `check` says whether there is so much. Blocks; the caller holds [`Segments::growth`] until it returns.
    pub(crate) fn refill(&self, length: u64, check: impl Fn(u64) -> Result<(), Error>) -> Result<bool, Error> {
        let doing = "taking space back for a segment";
        let bytes = allocated_bytes(length);
        let Some((range, sums)) = ({
            let state = self.state.lock();
            let range = state.space.longest_hollow(bytes);
            range.map(|range| (range, state.space.of(range.segment)))
        }) else {
            return Ok(false);
        };
        let segment = self.handle(range.segment).map_err(Error::io(doing))?;
        let take = |offset, bytes| {
            preallocate(&segment.file, offset, bytes).map_err(Error::io(doing))?;
            // It may tell of what others have written there, and tells it once.
            segment.file.sync_all().map_err(|error| {
                self.retire(range.segment);
                segment.sync.fail(error).into_error(doing)
            })
        };
        match check(sums.hollow).and_then(|()| take(0, sums.bytes)) {
            Ok(()) => drop(self.state.lock().space.turn(range.segment, false)),
            Err(Error::NoSpace) => {
                check(bytes)?;
                take(range.offset, bytes)?;
                self.state.lock().space.ready_first(range, bytes);
            }
            Err(error) => return Err(error),
        }
        Ok(true)
    }

    /// Bytes that were handed out since the last call.
    pub(crate) fn taken(&self) -> u64 {
        std::mem::take(&mut self.state.lock().taken)
    }

    /// Makes one more segment and takes it into use. Blocks.
    pub(crate) fn grow(&self) -> Result<(), Error> {
        let number = {
            let mut state = self.state.lock();
            state.next += 1;
            state.next - 1
        };
        let doing = "making a segment";
        let folder = self.root.get().map_err(Error::io(doing))?;
        let file = create(&folder, &name_of(number), self.segment_bytes)?;
        let segment = Segment::new(file, folder.path().join(name_of(number))).map_err(Error::io(doing))?;
        let segment = Arc::new(segment);
        folder
            .flush(Path::new(SEGMENTS))
            .map_err(Error::io("flushing the segments' folder"))?;
        self.open.lock().put(number, segment);
        self.state
            .lock()
            .space
            .add_segment(number, self.segment_bytes, &mut [], false);
        Ok(())
    }

    /// The open segment. Blocks if it has to be opened.
    pub(crate) fn handle(&self, segment: u64) -> Result<Arc<Segment>, std::io::Error> {
        if let Some(open) = self.open.lock().get(&segment) {
            return Ok(Arc::clone(open));
        }
        let folder = self.root.get()?;
        let file = folder.edit(&name_of(segment))?;
        let opened = Arc::new(Segment::new(file, folder.path().join(name_of(segment)))?);
        Ok(Arc::clone(self.open.lock().get_or_insert(segment, || opened)))
    }

    /// Gives the ranges of extents back and returns the names of segments that nothing lives in any more, and may be removed.
    pub(crate) fn release(&self, extents: &[Extent]) -> Vec<PathBuf> {
        let mut state = self.state.lock();
        for extent in extents {
            if let Place::Segment { segment, offset } = extent.place {
                let bytes = allocated_bytes(extent.length);
                if let Some(released) = state.not_adopted.get_mut(&segment) {
                    released.push((offset, bytes));
                } else if !state.space.release(Range { segment, offset, bytes }) {
                    error!(?extent, "an extent is released whose range is free; nothing is done");
                }
            }
        }
        let empty = state.space.remove_empty(SPARE_SEGMENTS_MAX);
        drop(state);
        let mut open = self.open.lock();
        empty
            .into_iter()
            .map(|segment| {
                open.pop(&segment);
                name_of(segment)
            })
            .collect()
    }

    /// Stops writing to a segment whose flush failed: what the kernel did with the pages is unknown (it may have marked
    /// them clean), so only a restart, which reads the disk, may use it again.
    pub(crate) fn retire(&self, segment: u64) {
        error!(
            segment,
            "a segment could not be flushed; it is not written again before a restart"
        );
        self.state.lock().space.retire(segment);
    }

    /// Segments whose live extents nobody has named.
    pub(crate) fn not_adopted(&self) -> Vec<u64> {
        self.state.lock().not_adopted.keys().copied().collect()
    }

    /// Takes a segment of an earlier run into use; `live` is what the metadata named in it before anything of it was
    /// released. Blocks.
    pub(crate) fn adopt(&self, segment: u64, live: &[(u64, u64)]) -> Result<Vec<PathBuf>, Error> {
        let doing = "looking at a segment";
        let handle = self.handle(segment).map_err(Error::io(doing))?;
        let file = handle.file.metadata().map_err(Error::io(doing))?;
        let bytes = file.len();
        // Which of its ranges the file system has is nowhere written.
        let has_holes = file.blocks() * 512 < bytes;
        let mut state = self.state.lock();
        let Some(released) = state.not_adopted.remove(&segment) else {
            return Ok(Vec::new());
        };
        let mut ranges: Vec<_> = live
            .iter()
            .map(|&(offset, length)| (offset, allocated_bytes(length)))
            .collect();
        ranges.retain(|range| !released.contains(range));
        let lives = ranges.iter().map(|(_, bytes)| bytes).sum::<u64>();
        if !state
            .space
            .add_segment(segment, bytes / ALIGNMENT * ALIGNMENT, &mut ranges, has_holes)
        {
            error!(
                segment,
                "the metadata names ranges that overlap or lie outside; the segment is only read"
            );
        } else if has_holes && file.blocks() * 512 > lives {
            // Then nothing of it is left that nobody can write and that takes room nevertheless.
            for range in state.space.free_of(segment) {
                if let Err(error) = punch(&handle.file, range.offset, range.bytes) {
                    warn!(segment, %error, "free space of a segment could not be given back");
                    break;
                }
            }
        }
        drop(state);
        Ok(self.release(&[]))
    }

    /// Makes a segment again that is not there; it waits to be adopted. Whatever comes of it, no other gets its number. Blocks.
    pub(crate) fn restore(&self, segment: u64, live: &[(u64, u64)]) -> Result<(), Error> {
        self.state.lock().next_is_behind(segment);
        let ends = live
            .iter()
            .map(|&(offset, length)| offset.saturating_add(allocated_bytes(length)));
        let bytes = ends.max().unwrap_or(0).max(self.segment_bytes);
        let (doing, name) = ("making a segment", name_of(segment));
        let folder = self.root.get().map_err(Error::io(doing))?;
        if folder.exists(&name).map_err(Error::io(doing))? {
            return Ok(());
        }
        create(&folder, &name, bytes)?;
        folder
            .flush(Path::new(SEGMENTS))
            .map_err(Error::io("flushing the segments' folder"))?;
        self.state.lock().not_adopted.insert(segment, Vec::new());
        Ok(())
    }

    /// How full the segments in use are.
    pub(crate) fn sums(&self) -> Sums {
        self.state.lock().space.sums()
    }
}

fn name_of(segment: u64) -> PathBuf {
    Path::new(SEGMENTS).join(format!("{segment:016x}"))
}

impl Segment {
    fn new(file: File, path: PathBuf) -> io::Result<Self> {
        let file = Arc::new(file);
        Ok(Self {
            sync: GroupSync::new(Target::file(Arc::clone(&file), path)?),
            file,
        })
    }
}

/// The numbers of the segments in a volume.
fn list(root: &Root) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for name in root.get()?.names(Path::new(SEGMENTS))? {
        if let Some(number) = name.to_str().and_then(|name| u64::from_str_radix(name, 16).ok()) {
            numbers.push(number);
        } else {
            info!(?name, "a file that is no segment is left alone");
        }
    }
    Ok(numbers)
}

/// Makes a file with `bytes` allocated and on disk, so that writing into it later needs no space and little journal.
fn create(folder: &Folder, name: &Path, bytes: u64) -> Result<File, Error> {
    let doing = "making a segment";
    let file = folder.create_new(name).map_err(Error::io(doing))?;
    match preallocate(&file, 0, bytes).and_then(|()| file.sync_all()) {
        Ok(()) => Ok(file),
        Err(error) => {
            // Nothing refers to the file, and the next start would find and free it.
            let _ = folder.remove(name);
            Err(Error::io(doing)(error))
        }
    }
}

/// Allocates `bytes` of a file from `offset` on; where the file system cannot, only sets its length.
pub(crate) fn preallocate(file: &File, offset: u64, bytes: u64) -> io::Result<()> {
    if bytes == 0 {
        return Ok(());
    }
    match rustix::fs::fallocate(file, FallocateFlags::empty(), offset, bytes) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) if file.metadata()?.len() < offset + bytes => file.set_len(offset + bytes),
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        outcome => Ok(outcome?),
    }
}

/// Gives a range of a file back to the file system; it reads as zeroes then.
fn punch(file: &File, offset: u64, bytes: u64) -> io::Result<()> {
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    match rustix::fs::fallocate(file, flags, offset, bytes) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => Err(io::ErrorKind::Unsupported.into()),
        outcome => Ok(outcome?),
    }
}
