//! The segment files: handles, growth, and which of their ranges are free.

use crate::format::{ALIGNMENT, allocated_bytes};
use crate::settings::{OPEN_SEGMENTS_MAX, SPARE_SEGMENTS_MAX};
use crate::space::{Range, Space};
use crate::sync::{GroupSync, Target};
use crate::{Error, Extent, Place, Settings};
use lru::LruCache;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fs::File;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tracing::{error, info};

/// One open segment.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) file: Arc<File>,
    pub(crate) sync: Arc<GroupSync>,
}

/// All segments of a volume.
#[derive(Debug)]
pub(crate) struct Segments {
    folder: PathBuf,
    segment_bytes: u64,
    open: Mutex<LruCache<u64, Arc<Segment>>>,
    state: Mutex<State>,
    /// Held while a segment is made, so that a crowd which finds no space makes one segment and not one each.
    pub(crate) growth: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    space: Space,
    /// Segments of an earlier run that nobody has named the live extents of; with what was released since. An extent
    /// which is released while it is read comes later, when the segment is in use.
    not_adopted: BTreeMap<u64, Vec<(u64, u64)>>,
    next: u64,
}

impl State {
    fn next_is_behind(&mut self, segment: u64) {
        self.next = self.next.max(segment.saturating_add(1));
    }
}

impl Segments {
    /// Finds the segments of an earlier run; none of them is written before it is adopted.
    pub(crate) fn open(folder: PathBuf, settings: &Settings) -> Result<Self, Error> {
        let doing = "listing the segments";
        let mut state = State::default();
        for entry in std::fs::read_dir(&folder).map_err(Error::io(doing))? {
            let name = entry.map_err(Error::io(doing))?.file_name();
            let Some(number) = name.to_str().and_then(|name| u64::from_str_radix(name, 16).ok()) else {
                info!(?name, "a file that is no segment is left alone");
                continue;
            };
            state.not_adopted.insert(number, Vec::new());
            state.next_is_behind(number);
        }
        let capacity = NonZeroUsize::new(OPEN_SEGMENTS_MAX).unwrap_or(NonZeroUsize::MIN);
        Ok(Self {
            folder,
            segment_bytes: settings.segment_bytes,
            open: Mutex::new(LruCache::new(capacity)),
            state: Mutex::new(state),
            growth: tokio::sync::Mutex::default(),
        })
    }

    /// Takes a range for a blob of `length` bytes, if there is one.
    pub(crate) fn allocate(&self, length: u64) -> Option<Place> {
        let Range { segment, offset, .. } = self.state.lock().space.allocate(allocated_bytes(length))?;
        Some(Place::Segment { segment, offset })
    }

    /// Makes one more segment and takes it into use. Blocks.
    pub(crate) fn grow(&self) -> Result<(), Error> {
        let number = {
            let mut state = self.state.lock();
            state.next += 1;
            state.next - 1
        };
        let path = self.path(number);
        let segment = match create(&path, self.segment_bytes) {
            Ok(file) => Arc::new(Segment::new(file)),
            Err(error) => {
                // Nothing refers to the file, and the next start would find and free it.
                let _ = std::fs::remove_file(&path);
                return Err(error);
            }
        };
        Target::Folder(self.folder.clone())
            .flush()
            .map_err(Error::io("flushing the segments' folder"))?;
        self.open.lock().put(number, segment);
        self.state.lock().space.add_segment(number, self.segment_bytes, &mut []);
        Ok(())
    }

    /// The open segment. Blocks if it has to be opened.
    pub(crate) fn handle(&self, segment: u64) -> Result<Arc<Segment>, std::io::Error> {
        if let Some(open) = self.open.lock().get(&segment) {
            return Ok(Arc::clone(open));
        }
        let file = File::options().read(true).write(true).open(self.path(segment))?;
        let opened = Arc::new(Segment::new(file));
        Ok(Arc::clone(self.open.lock().get_or_insert(segment, || opened)))
    }

    /// Gives the ranges of extents back and returns segments that nothing lives in any more; their files may be removed.
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
                self.path(segment)
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
        let bytes = handle.file.metadata().map_err(Error::io(doing))?.len();
        let mut state = self.state.lock();
        let Some(released) = state.not_adopted.remove(&segment) else {
            return Ok(Vec::new());
        };
        let mut ranges: Vec<_> = live
            .iter()
            .map(|&(offset, length)| (offset, allocated_bytes(length)))
            .collect();
        ranges.retain(|range| !released.contains(range));
        if !state
            .space
            .add_segment(segment, bytes / ALIGNMENT * ALIGNMENT, &mut ranges)
        {
            error!(
                segment,
                "the metadata names ranges that overlap or lie outside; the segment is only read"
            );
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
        let path = self.path(segment);
        if path.exists() {
            return Ok(());
        }
        if let Err(error) = create(&path, bytes) {
            let _ = std::fs::remove_file(&path);
            return Err(error);
        }
        Target::Folder(self.folder.clone())
            .flush()
            .map_err(Error::io("flushing the segments' folder"))?;
        self.state.lock().not_adopted.insert(segment, Vec::new());
        Ok(())
    }

    /// Free bytes and all bytes of the segments in use.
    pub(crate) fn usage(&self) -> (u64, u64) {
        let state = self.state.lock();
        (state.space.free_bytes(), state.space.total_bytes())
    }

    fn path(&self, segment: u64) -> PathBuf {
        self.folder.join(format!("{segment:016x}"))
    }
}

impl Segment {
    fn new(file: File) -> Self {
        let file = Arc::new(file);
        Self {
            sync: GroupSync::new(Target::File(Arc::clone(&file))),
            file,
        }
    }
}

/// Makes a file with `bytes` allocated and on disk, so that writing into it later needs no space and little journal.
fn create(path: &Path, bytes: u64) -> Result<File, Error> {
    let doing = "making a segment";
    let file = File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(Error::io(doing))?;
    preallocate(&file, bytes).map_err(Error::io(doing))?;
    file.sync_all().map_err(Error::io(doing))?;
    Ok(file)
}

/// Allocates the first `bytes` of a file; where the file system cannot, only sets its length.
pub(crate) fn preallocate(file: &File, bytes: u64) -> std::io::Result<()> {
    if bytes == 0 {
        return Ok(());
    }
    match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, bytes) {
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => file.set_len(bytes),
        outcome => Ok(outcome?),
    }
}
