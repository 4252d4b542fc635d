//! Extents as they are stored, with their headers and checksums: taken out of a volume, looked at elsewhere, and put into a new
//! one at the same places. Every block is checked each time.

use crate::folder::{FILE_MODE, Folder, PLAIN};
use crate::format::{
    self, ALIGNMENT, BLOCK_BYTES, BLOCK_LEN, CRC_LEN, HEADER_LEN, Header, STRIDE_LEN, block_crc, block_offset,
    stored_bytes,
};
use crate::holder::Source;
use crate::segments::preallocate;
use crate::volume::{FORMAT, file_name, make_folders};
use crate::{Blobs, Error, Extent, Hold, Holder, Place, Settings};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Blocks that are copied in one piece.
const PIECE_BLOCKS: u64 = 16;

/// Bytes that an extent of `length` takes as it is stored, and so those of a copy of it.
pub const fn copy_bytes(length: u64) -> u64 {
    format::stored_bytes(length)
}

impl Blobs {
    /// Holds everything that is named now; see [`Hold`].
    pub fn hold(&self) -> Hold {
        Hold::new(Arc::clone(&self.shared))
    }

    /// Whether somebody holds everything, so that nothing becomes free.
    pub fn is_held(&self) -> bool {
        self.shared.holds.is_held()
    }
}

/// Where the bytes of an exported extent came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exported {
    /// All from the first of the places.
    AtHome,
    /// Some of them from another, since the first had not what was written.
    Elsewhere,
}

/// Writes an extent as it is stored to a file, from its beginning on, each block from the first of these places that has it as it was
/// written. The file is not flushed. The caller keeps the extent from being freed.
///
/// # Errors
/// [`Error::Corrupt`] if a block is nowhere: what is in the file then is of no use. It is that of the first place.
pub async fn export(extent: Extent, from: &[Holder], to: &Arc<File>, told: impl Fn(u64)) -> Result<Exported, Error> {
    let sources: Arc<[Source]> = from.iter().map(Holder::source).collect();
    let Some(home) = sources.first() else {
        let what = "there is no place to read it from";
        return Err(Error::Corrupt { what, extent });
    };
    let (mut first, mut outcome) = (0, Exported::AtHome);
    loop {
        let (sources, to) = (Arc::clone(&sources), Arc::clone(to));
        let copied = home.jobs().run(move || {
            let (piece, from) = read_from(&sources, extent, piece_at(first, extent))?;
            write(&to, 0, &piece)?;
            Ok((piece.bytes.len(), from))
        });
        let (bytes, from) = copied.await?;
        told(bytes as u64);
        if from == Exported::Elsewhere {
            outcome = from;
        }
        first += PIECE_BLOCKS;
        if first * BLOCK_BYTES >= extent.length {
            return Ok(outcome);
        }
    }
}

/// Reads blocks from the first source that has all of them; else each from the first that has it.
fn read_from(sources: &[Source], extent: Extent, blocks: Range<u64>) -> Result<(Piece, Exported), Error> {
    let mut first_error = None;
    for (index, source) in sources.iter().enumerate() {
        let file = source.file_of(&extent).map_err(|error| Error::reading(error, extent));
        match file.and_then(|file| read(&file, source.base_of(&extent), extent, blocks.clone())) {
            Ok(piece) if index == 0 => return Ok((piece, Exported::AtHome)),
            Ok(piece) => return Ok((piece, Exported::Elsewhere)),
            Err(error) => {
                first_error.get_or_insert(error);
            }
        }
    }
    if sources.len() > 1 && blocks.end - blocks.start > 1 {
        let mut all: Option<Piece> = None;
        for block in blocks {
            let (piece, _) = read_from(sources, extent, block..block + 1)?;
            match &mut all {
                Some(all) => all.bytes.extend(piece.bytes),
                None => all = Some(piece),
            }
        }
        if let Some(all) = all {
            return Ok((all, Exported::Elsewhere));
        }
    }
    let what = "there is no place to read it from";
    Err(first_error.unwrap_or(Error::Corrupt { what, extent }))
}

/// The blocks of a piece that begins with this one.
fn piece_at(first: u64, extent: Extent) -> Range<u64> {
    first..(first + PIECE_BLOCKS).min(extent.length.div_ceil(BLOCK_BYTES))
}

/// Whether a file is a copy of the extent, to the last byte. Blocks.
///
/// # Errors
/// [`Error::Corrupt`] if it is not.
pub fn check_copy(copy: &File, extent: Extent, told: impl FnMut(u64)) -> Result<(), Error> {
    check_length(copy, extent)?;
    pass(copy, extent, None, told)
}

/// The extent that a file is a copy of, as it says itself. Blocks.
///
/// # Errors
/// [`Error::Io`] when nothing can be read. `None` is a file that is no copy.
pub fn extent_of_copy(copy: &File) -> Result<Option<Extent>, Error> {
    let mut header = [0; HEADER_LEN];
    match copy.read_exact_at(&mut header, 0) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(Error::io("reading a copy")(error)),
    }
    Ok(Header::decode(&header).map(|header| Extent {
        id: header.id,
        place: Place::File,
        length: header.length,
    }))
}

/// A volume that is being made of copies. Blocks, as do all its methods.
pub struct NewVolume {
    dir: PathBuf,
    segment_bytes: u64,
    /// The segment that was written last; extents come in the order of their places.
    open: Option<(u64, File)>,
}

impl NewVolume {
    /// Begins one in a folder of its own.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn create(dir: &Path, settings: Settings) -> Result<Self, Error> {
        if let Some(above) = dir.parent() {
            std::fs::create_dir_all(above).map_err(Error::io("making the volume's folder"))?;
        }
        let folder = Folder::enter(dir, false)?;
        make_folders(&folder, FORMAT, &["segments"])?;
        // The store that was copied may have had a mount there.
        folder
            .create(Path::new(PLAIN))
            .map_err(Error::io("making the volume's folder"))?;
        Ok(Self {
            dir: dir.to_owned(),
            segment_bytes: settings.segment_bytes,
            open: None,
        })
    }

    /// Puts an extent at its place.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when the file is not a copy of it: the place has nothing that would be taken for it.
    pub fn take(&mut self, extent: Extent, copy: &File, told: impl FnMut(u64)) -> Result<(), Error> {
        check_length(copy, extent)?;
        let Place::Segment { segment, offset } = extent.place else {
            let doing = "making a blob's file";
            let path = self.dir.join(file_name(extent.id));
            let to = File::options()
                .write(true)
                .create_new(true)
                .mode(FILE_MODE)
                .open(&path)
                .map_err(Error::io(doing))?;
            preallocate(&to, 0, stored_bytes(extent.length)).map_err(Error::io(doing))?;
            let done = pass(copy, extent, Some(&to), told);
            if done.is_err() {
                // Half of a body is none.
                std::fs::remove_file(&path).map_err(Error::io("removing half a blob"))?;
            }
            return done;
        };
        let needed = offset.saturating_add(stored_bytes(extent.length));
        let to = self.segment(segment, needed)?;
        pass(copy, extent, Some(to), told)
    }

    /// Returns when all of it is on disk.
    ///
    /// # Errors
    /// It is not.
    pub fn finish(self) -> Result<(), Error> {
        let doing = "flushing the new volume";
        let dir = File::open(&self.dir).map_err(Error::io(doing))?;
        rustix::fs::syncfs(&dir).map_err(|error| Error::io(doing)(error.into()))
    }

    fn segment(&mut self, segment: u64, needed: u64) -> Result<&File, Error> {
        let doing = "making a segment";
        if self.open.as_ref().is_none_or(|(open, _)| *open != segment) {
            let path = self.dir.join("segments").join(format!("{segment:016x}"));
            let mut options = File::options();
            options
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(FILE_MODE);
            let file = options.open(path);
            self.open = Some((segment, file.map_err(Error::io(doing))?));
        }
        let Some((_, file)) = &self.open else {
            return Err(Error::stopped(doing));
        };
        let bytes = file.metadata().map_err(Error::io(doing))?.len();
        if bytes < needed.max(self.segment_bytes) {
            let bytes = needed.max(self.segment_bytes).next_multiple_of(ALIGNMENT);
            // Not allocated: what nothing is put into stays a hole, which the first start finds.
            file.set_len(bytes).map_err(Error::io(doing))?;
        }
        Ok(file)
    }
}

/// Stored bytes, and where in the extent they begin.
struct Piece {
    at: u64,
    bytes: Vec<u8>,
}

/// Reads a copy from its beginning to its end, and writes it to the place of the extent.
fn pass(copy: &File, extent: Extent, to: Option<&File>, mut told: impl FnMut(u64)) -> Result<(), Error> {
    let mut first = 0;
    loop {
        let piece = read(copy, 0, extent, piece_at(first, extent))?;
        if let Some(to) = to {
            write(to, base(extent.place), &piece)?;
        }
        told(piece.bytes.len() as u64);
        first += PIECE_BLOCKS;
        if first * BLOCK_BYTES >= extent.length {
            return Ok(());
        }
    }
}

/// Reads blocks, with the header before the first of all, and checks them.
fn read(from: &File, base: u64, extent: Extent, Range { start: first, end }: Range<u64>) -> Result<Piece, Error> {
    let corrupt = |what| Error::Corrupt { what, extent };
    let header_len = if first == 0 { HEADER_LEN } else { 0 };
    let at = if first == 0 { 0 } else { block_offset(first) };
    let bodies = (end * BLOCK_BYTES)
        .min(extent.length)
        .saturating_sub(first * BLOCK_BYTES);
    let bodies = usize::try_from(bodies).map_err(|_| corrupt("length"))?;
    let mut bytes = vec![0; header_len + bodies + bodies.div_ceil(BLOCK_LEN) * CRC_LEN];
    from.read_exact_at(&mut bytes, base + at)
        .map_err(|error| Error::reading(error, extent))?;
    let (header, blocks) = bytes.split_at(header_len);
    if first == 0 {
        let header = <&[u8; HEADER_LEN]>::try_from(header).ok().and_then(Header::decode);
        if header.is_none_or(|header| header.id != extent.id || header.length != extent.length) {
            return Err(corrupt("header"));
        }
    }
    for (index, block) in (first..).zip(blocks.chunks(STRIDE_LEN)) {
        let (body, crc) = block.split_at(block.len().saturating_sub(CRC_LEN));
        if block_crc(extent.id, index, body)[..] != crc[..] {
            return Err(corrupt("block checksum"));
        }
    }
    Ok(Piece { at, bytes })
}

fn write(to: &File, base: u64, piece: &Piece) -> Result<(), Error> {
    to.write_all_at(&piece.bytes, base + piece.at)
        .map_err(Error::io("writing a copy"))
}

fn check_length(copy: &File, extent: Extent) -> Result<(), Error> {
    let bytes = copy.metadata().map_err(|error| Error::reading(error, extent))?.len();
    if bytes == stored_bytes(extent.length) {
        Ok(())
    } else {
        let what = "a copy of another length";
        Err(Error::Corrupt { what, extent })
    }
}

fn base(place: Place) -> u64 {
    match place {
        Place::Segment { offset, .. } => offset,
        Place::File => 0,
    }
}
