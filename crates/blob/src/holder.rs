//! Who holds the bytes of an extent: the volume it was written to, or a folder of copies.

use crate::buffers::{Buffer, Buffers};
use crate::copies::{Copied, Found};
use crate::format::{BLOCK_BYTES, HEADER_LEN, Header, allocated_bytes, block_offset, stored_bytes};
use crate::jobs::Jobs;
use crate::reader::{blocks_of, owner_of, read_stored, stored_len};
use crate::settings::UNIT_BLOCKS;
use crate::volume::Shared;
use crate::{Blobs, Copies, Error, Extent, ExtentReader, OwnerTag, Place};
use baleen_types::ServedRange;
use bytes::Bytes;
use rustix::fs::Advice;
use std::fs::File;
use std::io;
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// A place where extents are looked for.
#[derive(Clone)]
pub enum Holder {
    /// The volume they were written to.
    Volume(Blobs),
    /// A folder of copies.
    Copies(Copies),
}

/// The same, as readers hold it.
#[derive(Clone)]
pub(crate) enum Source {
    Volume(Arc<Shared>),
    Copies(Arc<Copied>),
}

impl Source {
    pub(crate) fn jobs(&self) -> &Jobs {
        match self {
            Self::Volume(shared) => &shared.jobs,
            Self::Copies(copied) => &copied.jobs,
        }
    }

    pub(crate) fn buffers(&self) -> &Buffers {
        match self {
            Self::Volume(shared) => &shared.buffers,
            Self::Copies(copied) => &copied.buffers,
        }
    }

    /// The file that holds an extent. Blocks if it has to be opened.
    pub(crate) fn file_of(&self, extent: &Extent) -> io::Result<Arc<File>> {
        match self {
            Self::Volume(shared) => shared.file_of(extent),
            Self::Copies(copied) => Ok(Arc::new(copied.folder.open_file(&Found::from(*extent).name())?)),
        }
    }

    /// Where in that file the extent begins.
    pub(crate) fn base_of(&self, extent: &Extent) -> u64 {
        match (self, extent.place) {
            (Self::Volume(_), Place::Segment { offset, .. }) => offset,
            (Self::Volume(_), Place::File) | (Self::Copies(_), _) => 0,
        }
    }

    /// Whether there is something under the extent's name that has its header and its length; its blocks are not read. Blocks.
    fn has(&self, extent: &Extent) -> io::Result<bool> {
        let file = match self.file_of(extent) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            file => file?,
        };
        let base = self.base_of(extent);
        if file.metadata()?.len() < base + stored_bytes(extent.length) {
            return Ok(false);
        }
        let mut header = [0; HEADER_LEN];
        file.read_exact_at(&mut header, base)?;
        Ok(Header::decode(&header).is_some_and(|header| header.id == extent.id && header.length == extent.length))
    }
}

impl Holder {
    pub(crate) fn source(&self) -> Source {
        match self {
            Self::Volume(blobs) => Source::Volume(Arc::clone(&blobs.shared)),
            Self::Copies(copies) => Source::Copies(Arc::clone(&copies.copied)),
        }
    }

    /// Reads a range of an extent, in order, as [`Blobs::read`] does.
    pub fn read(&self, extent: Extent, range: ServedRange) -> ExtentReader {
        ExtentReader::new(self.source(), extent, range)
    }

    /// Tells whether the extent is there, as far as its header and its length say.
    ///
    /// # Errors
    /// It cannot be looked.
    pub async fn has(&self, extent: Extent) -> Result<bool, Error> {
        let source = self.source();
        let look = move || source.has(&extent).map_err(Error::io("looking for a copy"));
        self.source().jobs().run(look).await
    }

    /// Whom an extent was written for, as its header says.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if it is not there or its header not what was written; others if it cannot be read now.
    pub async fn owner(&self, extent: Extent) -> Result<OwnerTag, Error> {
        let source = self.source();
        let look = move || {
            let file = source.file_of(&extent).map_err(|error| Error::reading(error, extent))?;
            owner_of(&file, extent, source.base_of(&extent))
        };
        self.source().jobs().run(look).await
    }

    /// Returns when all that was written here is on disk, by whom and in which run ever.
    ///
    /// # Errors
    /// The file system does not say so, or the folder is not in its place any more.
    pub async fn settle(&self) -> Result<(), Error> {
        match self {
            Self::Volume(blobs) => blobs.settle().await,
            Self::Copies(copies) => copies.settle().await,
        }
    }

    /// Reads all of an extent as [`Holder::verify`] does, but from the disk, as far as the kernel lets go of what it has in memory: after a
    /// write that failed it has what is not on the disk, and calls it clean. What was not flushed it keeps.
    ///
    /// # Errors
    /// As [`Holder::verify`].
    pub async fn verify_on_disk(&self, extent: Extent) -> Result<(), Error> {
        let source = self.source();
        let forget = move || {
            let file = source.file_of(&extent).map_err(|error| Error::reading(error, extent))?;
            let bytes = NonZeroU64::new(allocated_bytes(extent.length));
            // Where it cannot be, there is nothing to let go of.
            let _ = rustix::fs::fadvise(&file, source.base_of(&extent), bytes, Advice::DontNeed);
            Ok(())
        };
        self.source().jobs().run(forget).await?;
        self.verify(extent).await
    }

    /// Reads all of an extent.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if it is not there or not what was written; others if it cannot be read now.
    pub async fn verify(&self, extent: Extent) -> Result<(), Error> {
        let mut reader = self.read(extent, ServedRange::whole(extent.length));
        while let Some(bytes) = reader.next().await {
            bytes?;
        }
        Ok(())
    }
}

/// Reads an extent as a copy of it would be made, and writes nothing.
///
/// # Errors
/// As that of the first unit which no source has as it was written.
pub async fn verify_among(extent: Extent, from: &[Holder]) -> Result<(), Error> {
    let sources: Vec<_> = from.iter().map(Holder::source).collect();
    let unit = UNIT_BLOCKS * BLOCK_BYTES;
    let mut first = 0;
    while first < extent.length {
        let range = ServedRange {
            first,
            length: unit.min(extent.length - first),
        };
        let (sources, jobs) = (sources.clone(), from.first().map(Holder::source));
        let read = move || unit_from(&sources, &extent, range).map(drop);
        match jobs {
            Some(source) => source.jobs().run(read).await?,
            None => read()?,
        }
        first += unit;
    }
    Ok(())
}

/// How fast copies are made.
pub trait Paced: Send + Sync {
    /// Takes note that so many bytes were written, and waits until more may be.
    fn pass(&self, bytes: u64) -> impl Future<Output = ()> + Send;
}

/// As fast as the disks allow.
impl Paced for () {
    async fn pass(&self, _: u64) {}
}

/// Copies the stored bytes of an extent into a file at `base`, unit by unit, each from the first of the sources where it is what was
/// written: so an extent that is damaged here and there in every place is whole again as long as no block is lost in all.
pub(crate) async fn transfer(
    jobs: &Jobs,
    extent: Extent,
    (from, pace): (&[Holder], &impl Paced),
    (file, base): (&Arc<File>, u64),
) -> Result<(), Error> {
    let sources: Vec<_> = from.iter().map(Holder::source).collect();
    let unit = UNIT_BLOCKS * BLOCK_BYTES;
    let mut first = 0;
    while first < extent.length {
        let range = ServedRange {
            first,
            length: unit.min(extent.length - first),
        };
        let (sources, file) = (sources.clone(), Arc::clone(file));
        let write = move || {
            let stored = unit_from(&sources, &extent, range)?;
            let at = if first == 0 {
                0
            } else {
                block_offset(first / BLOCK_BYTES)
            };
            file.write_all_at(&stored, base + at)
                .map_err(Error::io("writing a copy"))
        };
        jobs.run(write).await?;
        pace.pass(range.length).await;
        first += unit;
    }
    Ok(())
}

/// The stored bytes of a unit of blocks, checked. The error is that of the first source.
fn unit_from(sources: &[Source], extent: &Extent, range: ServedRange) -> Result<Bytes, Error> {
    let mut first_error = None;
    for source in sources {
        let read = source
            .file_of(extent)
            .map_err(|error| Error::reading(error, *extent))
            .and_then(|file| {
                let buffer = Buffer::exact(stored_len(*extent, range));
                read_stored(&file, *extent, (source.base_of(extent), range), buffer)
            })
            .and_then(|stored| blocks_of(*extent, range, stored.clone()).map(|_| stored));
        match read {
            Ok(stored) => return Ok(stored),
            Err(error) => {
                first_error.get_or_insert(error);
            }
        }
    }
    Err(first_error.unwrap_or(Error::Corrupt {
        what: "no other region is there to heal it from",
        extent: *extent,
    }))
}
