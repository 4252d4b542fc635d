//! Reads of a query: few open files, and a count of the bytes.

use crate::limits::{BLOCK_CHUNKS_MAX, CHUNK_STORED_MAX};
use crate::segment::{SegmentFile, open, read_chunk, read_up_to};
use std::collections::HashMap;
use std::fs::File;
use std::io;

/// Segments of a window lie together, so a few are enough.
const OPEN_FILES_MAX: usize = 16;

/// Bytes of the chunks of a block, with their heads.
const BLOCK_STORED_MAX: usize = BLOCK_CHUNKS_MAX * (CHUNK_STORED_MAX + 128);

#[derive(Default)]
pub(super) struct Files {
    open: HashMap<u64, File>,
    /// Bytes that were read.
    pub(super) bytes: u64,
}

pub(super) enum Fetched {
    Bytes(Vec<u8>),
    /// The segment was deleted meanwhile, with its turn.
    Gone,
    Damaged,
}

impl Files {
    pub(super) fn fetch(&mut self, segment: &SegmentFile, offset: u32, bytes: u32) -> Fetched {
        self.read(segment, |file| read_chunk(file, offset, bytes))
    }

    /// Reads what there is of a range.
    pub(super) fn fetch_block(&mut self, segment: &SegmentFile, start: u32, end: u32) -> Fetched {
        let bytes = (end.saturating_sub(start) as usize).min(BLOCK_STORED_MAX);
        self.read(segment, |file| {
            let mut buffer = vec![0; bytes];
            let filled = read_up_to(file, &mut buffer, u64::from(start))?;
            buffer.truncate(filled);
            Ok(Some(buffer))
        })
    }

    fn read(&mut self, segment: &SegmentFile, read: impl Fn(&File) -> io::Result<Option<Vec<u8>>>) -> Fetched {
        if !self.open.contains_key(&segment.sequence) {
            match open(&segment.path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Fetched::Gone,
                Err(_) => return Fetched::Damaged,
                Ok(file) => {
                    if self.open.len() >= OPEN_FILES_MAX {
                        self.open.clear();
                    }
                    self.open.insert(segment.sequence, file);
                }
            }
        }
        let Some(file) = self.open.get(&segment.sequence) else {
            return Fetched::Damaged;
        };
        match read(file) {
            Ok(Some(bytes)) => {
                self.bytes += bytes.len() as u64;
                Fetched::Bytes(bytes)
            }
            Ok(None) | Err(_) => Fetched::Damaged,
        }
    }
}
