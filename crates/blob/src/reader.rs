//! Reading one extent.

use crate::format::{BLOCK_BYTES, BLOCK_LEN, CRC_LEN, HEADER_LEN, Header, STRIDE_LEN, block_crc, block_offset};
use crate::holder::Source;
use crate::settings::UNIT_BLOCKS;
use crate::{Error, Extent, OwnerTag};
use baleen_types::ServedRange;
use bytes::Bytes;
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// Gives the bytes of a range in pieces, each checked before it is given: what of one block ([`crate::BLOCK_BYTES`]) lies in the
/// range is one piece. In memory are at most two times
/// 256 KiB: the one that is being given and the one that is being read ahead.
pub struct ExtentReader {
    source: Source,
    extent: Extent,
    /// Next byte to ask the disk for, and the end.
    next: u64,
    end: u64,
    file: Option<Arc<File>>,
    ready: VecDeque<Bytes>,
    running: Option<JoinHandle<Result<Piece, Error>>>,
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
                    let job = self.job();
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
                    self.next = self.unit_end();
                    if self.next < self.end {
                        let job = self.job();
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
        let unit = UNIT_BLOCKS * BLOCK_BYTES;
        ((self.next / unit + 1) * unit).min(self.end)
    }

    fn job(&self) -> impl FnOnce() -> Result<Piece, Error> + Send + 'static {
        let (source, extent, file) = (self.source.clone(), self.extent, self.file.clone());
        let range = ServedRange {
            first: self.next,
            length: self.unit_end() - self.next,
        };
        move || {
            let file = match file {
                Some(file) => file,
                None => source.file_of(&extent).map_err(|error| failure(error, extent))?,
            };
            let stored = read_stored(&file, extent, source.base_of(&extent), range)?;
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
        .map_err(|error| failure(error, extent))?;
    owner_in(&header, extent)
}

/// Reads the blocks that hold `range` as they are stored, of an extent that begins at `base`.
pub(crate) fn read_stored(file: &File, extent: Extent, base: u64, range: ServedRange) -> Result<Bytes, Error> {
    let corrupt = |what| Error::Corrupt { what, extent };
    let first_block = range.first / BLOCK_BYTES;
    let end_block = range.end().div_ceil(BLOCK_BYTES);
    // The header lies before the first block, and is checked when that is read.
    let header_len = if first_block == 0 { HEADER_LEN } else { 0 };
    let from = if first_block == 0 { 0 } else { block_offset(first_block) };
    let blocks_bytes = (end_block * BLOCK_BYTES).min(extent.length) - first_block * BLOCK_BYTES;
    let blocks_len = usize::try_from(blocks_bytes).map_err(|_| corrupt("length"))?;
    let mut buffer = vec![0; header_len + blocks_len + blocks_len.div_ceil(BLOCK_LEN) * CRC_LEN];
    file.read_exact_at(&mut buffer, base + from)
        .map_err(|error| failure(error, extent))?;
    Ok(Bytes::from(buffer))
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

/// Bytes that should be there and are not are damage; anything else may pass.
pub(crate) fn failure(error: io::Error, extent: Extent) -> Error {
    let what = match error.kind() {
        io::ErrorKind::NotFound => "the file is gone",
        io::ErrorKind::UnexpectedEof => "the file is too short",
        _ => return Error::io("reading a blob")(error),
    };
    Error::Corrupt { what, extent }
}
