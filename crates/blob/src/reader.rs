//! Reading one extent.

use crate::buffers::{Buffer, Share};
use crate::format::{BLOCK_BYTES, BLOCK_LEN, CRC_LEN, HEADER_LEN, Header, STRIDE_LEN, block_crc, block_offset};
use crate::holder::Source;
use crate::settings::UNIT_BLOCKS;
use crate::{Error, Extent, OwnerTag};
use baleen_types::ServedRange;
use bytes::Bytes;
use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// Gives the bytes of a range in pieces, each checked before it is given: what of one block ([`crate::BLOCK_BYTES`]) lies in the
/// range is one piece. In memory are the unit of blocks that is
/// being given, and one that is read ahead, as far as there is memory for it ([`crate::Buffers`]); where there is not, one block.
pub struct ExtentReader {
    source: Source,
    extent: Extent,
    /// Next byte to ask the disk for, and the end.
    next: u64,
    end: u64,
    file: Option<Arc<File>>,
    ready: VecDeque<Bytes>,
    running: Option<JoinHandle<Result<Piece, Error>>>,
    /// Where the range ends that is read.
    running_to: u64,
    /// What it holds of the memory of all.
    share: Share,
}

struct Piece {
    file: Arc<File>,
    blocks: VecDeque<Bytes>,
}

impl ExtentReader {
    pub(crate) fn new(source: Source, extent: Extent, range: ServedRange) -> Self {
        Self {
            source,
            extent,
            next: range.first.min(extent.length),
            end: range.first.saturating_add(range.length).min(extent.length),
            file: None,
            ready: VecDeque::new(),
            running: None,
            running_to: 0,
            share: Share::default(),
        }
    }

    /// The next bytes; `None` at the end. After an error there is nothing more.
    ///
    /// # Cancel safety
    /// Safe: what was read is kept for the next call.
    pub async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                return Some(Ok(bytes));
            }
            let running = match &mut self.running {
                Some(running) => running,
                None if self.next < self.end => {
                    let wanted = stored_len(self.extent, self.range_to(self.unit_end()));
                    let buffer = self.source.buffers().take(&self.share, wanted);
                    let job = self.job(buffer);
                    match self.source.jobs().start(job).await {
                        Ok(running) => self.running.insert(running),
                        Err(error) => return Some(Err(error)),
                    }
                }
                None => return None,
            };
            let outcome = running.await.unwrap_or_else(|_| Err(Error::stopped("reading a blob")));
            self.running = None;
            match outcome {
                Ok(piece) => {
                    self.file = Some(piece.file);
                    self.ready = piece.blocks;
                    self.next = self.running_to;
                    // Ahead only with memory that nobody needs more.
                    if self.next < self.end
                        && let Some(buffer) = self.source.buffers().try_unit(&self.share)
                    {
                        let job = self.job(buffer);
                        self.running = self.source.jobs().try_start(job);
                    }
                }
                Err(error) => {
                    self.next = self.end;
                    return Some(Err(error));
                }
            }
        }
    }

    /// Where the unit that holds `next` ends: units lie at fixed places, so that blocks are read once.
    fn unit_end(&self) -> u64 {
        self.end_of(UNIT_BLOCKS * BLOCK_BYTES)
    }

    fn end_of(&self, bytes: u64) -> u64 {
        ((self.next / bytes + 1) * bytes).min(self.end)
    }

    /// From `next` on.
    fn range_to(&self, end: u64) -> ServedRange {
        ServedRange {
            first: self.next,
            length: end - self.next,
        }
    }

    /// Reads what is next, as far as the buffer holds it: a unit, or a block.
    fn job(&mut self, buffer: Buffer) -> impl FnOnce() -> Result<Piece, Error> + Send + 'static {
        let (source, extent, file) = (self.source.clone(), self.extent, self.file.clone());
        let mut range = self.range_to(self.unit_end());
        if stored_len(extent, range) > buffer.room() {
            range = self.range_to(self.end_of(BLOCK_BYTES));
        }
        self.running_to = range.end();
        move || {
            let file = match file {
                Some(file) => file,
                None => source.file_of(&extent).map_err(|error| Error::reading(error, extent))?,
            };
            let stored = read_stored(&file, extent, (source.base_of(&extent), range), buffer)?;
            let blocks = blocks_of(extent, range, stored)?;
            Ok(Piece { file, blocks })
        }
    }
}

/// The owner that the header of an extent names.
fn owner_in(header: &[u8], extent: Extent) -> Result<OwnerTag, Error> {
    let header = <&[u8; HEADER_LEN]>::try_from(header).ok().and_then(Header::decode);
    match header.filter(|header| header.id == extent.id && header.length == extent.length) {
        Some(header) => Ok(header.owner),
        None => Err(Error::Corrupt { what: "header", extent }),
    }
}

/// Whom an extent that begins at `base` was written for. Blocks.
pub(crate) fn owner_of(file: &File, extent: Extent, base: u64) -> Result<OwnerTag, Error> {
    let mut header = [0; HEADER_LEN];
    file.read_exact_at(&mut header, base)
        .map_err(|error| Error::reading(error, extent))?;
    owner_in(&header, extent)
}

/// How many bytes the blocks are that hold `range`, as they are stored.
pub(crate) fn stored_len(extent: Extent, range: ServedRange) -> usize {
    let first_block = range.first / BLOCK_BYTES;
    let end_block = range.end().div_ceil(BLOCK_BYTES);
    // The header lies before the first block, and is checked when that is read.
    let header_len = if first_block == 0 { HEADER_LEN } else { 0 };
    let bytes = (end_block * BLOCK_BYTES)
        .min(extent.length)
        .saturating_sub(first_block * BLOCK_BYTES);
    let len = usize::try_from(bytes).unwrap_or(usize::MAX);
    header_len
        .saturating_add(len)
        .saturating_add(len.div_ceil(BLOCK_LEN) * CRC_LEN)
}

/// Reads the blocks that hold `range` as they are stored, of an extent that begins at `base`, into a buffer with room for them.
pub(crate) fn read_stored(
    file: &File,
    extent: Extent,
    (base, range): (u64, ServedRange),
    mut buffer: Buffer,
) -> Result<Bytes, Error> {
    let first_block = range.first / BLOCK_BYTES;
    let from = if first_block == 0 { 0 } else { block_offset(first_block) };
    buffer
        .fill(stored_len(extent, range), |bytes| {
            file.read_exact_at(bytes, base + from)
        })
        .map_err(|error| Error::reading(error, extent))?;
    Ok(buffer.freeze())
}

/// Checks the blocks that hold `range`, as they are stored, and cuts them to it.
pub(crate) fn blocks_of(extent: Extent, range: ServedRange, stored: Bytes) -> Result<VecDeque<Bytes>, Error> {
    let corrupt = |what| Error::Corrupt { what, extent };
    let first_block = range.first / BLOCK_BYTES;
    let end_block = range.end().div_ceil(BLOCK_BYTES);
    let mut rest = stored;
    if first_block == 0 {
        let bytes = rest.split_to(HEADER_LEN);
        owner_in(&bytes, extent)?;
    }
    let mut blocks = VecDeque::with_capacity(usize::try_from(end_block - first_block).unwrap_or_default());
    for index in first_block..end_block {
        let mut block = rest.split_to(STRIDE_LEN.min(rest.len()));
        let crc = block.split_off(block.len() - CRC_LEN);
        if block_crc(extent.id, index, &block)[..] != crc[..] {
            return Err(corrupt("block checksum"));
        }
        let start = index * BLOCK_BYTES;
        let cut = |at: u64| {
            usize::try_from(at.saturating_sub(start))
                .unwrap_or(usize::MAX)
                .min(block.len())
        };
        blocks.push_back(block.slice(cut(range.first)..cut(range.end())));
    }
    Ok(blocks)
}
