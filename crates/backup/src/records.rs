//! Rows in files: blocks of them, each with its length and a CRC32C, and over each file a SHA-256 that the manifest has.
//!
//! | bytes of a block | |
//! | --- | --- |
//! | 0..4 | its length, big-endian |
//! | 4..8 | CRC32C of the rest |
//! | then | rows: length of the key, length of the value (each 4, big-endian), the key, the value |

use crate::Error;
use crate::limits::{BLOCK_BYTES, BLOCK_BYTES_MAX, FILE_BYTES};
use crate::manifest::RecordFile;
use aws_lc_rs::digest::{Context, SHA256};
use baleen_meta::Entry;
use baleen_meta::keys::Table;
use bytes::Bytes;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"BALEENR1";

/// Writes all rows. Blocks.
pub(crate) struct RowWriter {
    dir: PathBuf,
    open: Option<Open>,
    done: Vec<RecordFile>,
}

struct Open {
    file: BufWriter<File>,
    path: PathBuf,
    is_marks: bool,
    rows: u64,
    bytes: u64,
    sum: Context,
    block: Vec<u8>,
}

impl RowWriter {
    pub(crate) fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            open: None,
            done: Vec::new(),
        }
    }

    pub(crate) fn write(&mut self, row: &Entry) -> Result<(), Error> {
        let is_marks = row.key.first() == Some(&(Table::Extent as u8));
        let is_full = |open: &Open| open.is_marks != is_marks || open.bytes >= FILE_BYTES;
        if self.open.as_ref().is_some_and(is_full) {
            self.close()?;
        }
        let mut open = match self.open.take() {
            Some(open) => open,
            None => Open::create(self.dir.join(format!("records.{:05}", self.done.len())), is_marks)?,
        };
        open.rows += 1;
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
        for part in [&length(&row.key)[..], &length(&row.value), &row.key, &row.value] {
            open.block.extend_from_slice(part);
        }
        if open.block.len() >= BLOCK_BYTES {
            open.end_block()?;
        }
        self.open = Some(open);
        Ok(())
    }

    /// Ends the last file; gives all of them.
    pub(crate) fn finish(mut self) -> Result<Vec<RecordFile>, Error> {
        self.close()?;
        Ok(self.done)
    }

    fn close(&mut self) -> Result<(), Error> {
        let Some(mut open) = self.open.take() else {
            return Ok(());
        };
        open.end_block()?;
        let failed = Error::io("writing", &open.path);
        let file = open.file.into_inner().map_err(std::io::IntoInnerError::into_error);
        file.and_then(|file| file.sync_all()).map_err(failed)?;
        let name = open.path.file_name().unwrap_or_default();
        self.done.push(RecordFile {
            name: name.to_string_lossy().into_owned(),
            bytes: open.bytes,
            rows: open.rows,
            sha256: hex::encode(open.sum.finish()),
            is_marks: open.is_marks,
        });
        Ok(())
    }
}

impl Open {
    fn create(path: PathBuf, is_marks: bool) -> Result<Self, Error> {
        let file = File::create(&path).map_err(Error::io("making", &path))?;
        let mut open = Self {
            file: BufWriter::new(file),
            path,
            is_marks,
            rows: 0,
            bytes: 0,
            sum: Context::new(&SHA256),
            block: Vec::with_capacity(BLOCK_BYTES),
        };
        open.put(MAGIC)?;
        Ok(open)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.sum.update(bytes);
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes).map_err(Error::io("writing", &self.path))
    }

    fn end_block(&mut self) -> Result<(), Error> {
        let block = std::mem::take(&mut self.block);
        if block.is_empty() {
            return Ok(());
        }
        let length = u32::try_from(block.len()).unwrap_or(u32::MAX);
        self.put(&length.to_be_bytes())?;
        self.put(&crc_fast::crc32_iscsi(&block).to_be_bytes())?;
        self.put(&block)?;
        self.block = block;
        self.block.clear();
        Ok(())
    }
}

/// Reads the rows of a file, block by block. Blocks.
pub(crate) struct RowReader {
    path: PathBuf,
    file: BufReader<File>,
    expected: RecordFile,
    sum: Context,
    bytes: u64,
    rows: u64,
}

impl RowReader {
    pub(crate) fn open(dir: &Path, expected: &RecordFile) -> Result<Self, Error> {
        let path = dir.join(&expected.name);
        let file = File::open(&path).map_err(Error::io("opening", &path))?;
        let mut reader = Self {
            path,
            file: BufReader::new(file),
            expected: expected.clone(),
            sum: Context::new(&SHA256),
            bytes: 0,
            rows: 0,
        };
        let magic: [u8; 8] = reader.fixed()?;
        if magic == *MAGIC {
            Ok(reader)
        } else {
            Err(reader.damaged("it has no rows of a backup"))
        }
    }

    /// The rows of the next block; `None` behind the last, when the file was found to be what was written.
    pub(crate) fn next(&mut self) -> Result<Option<Vec<Entry>>, Error> {
        if self.bytes >= self.expected.bytes {
            return self.end();
        }
        let length = u32::from_be_bytes(self.fixed()?) as usize;
        let crc = self.fixed()?;
        if length > BLOCK_BYTES_MAX {
            return Err(self.damaged("a block is too long"));
        }
        let mut block = vec![0; length];
        self.fill(&mut block)?;
        if crc_fast::crc32_iscsi(&block).to_be_bytes() != crc {
            return Err(self.damaged("a block does not match its checksum"));
        }
        let rows = rows_of(block.into()).ok_or_else(|| self.damaged("a row is cut off"))?;
        self.rows += rows.len() as u64;
        Ok(Some(rows))
    }

    fn end(&mut self) -> Result<Option<Vec<Entry>>, Error> {
        let mut more = [0];
        let read = self.file.read(&mut more).map_err(Error::io("reading", &self.path))?;
        let sum = hex::encode(self.sum.clone().finish());
        if read > 0 || self.bytes != self.expected.bytes || self.rows != self.expected.rows {
            return Err(self.damaged("it is not as long as it was"));
        }
        if sum != self.expected.sha256 {
            return Err(self.damaged("it does not match its checksum"));
        }
        Ok(None)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        match self.file.read_exact(bytes) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                return Err(self.damaged("it is cut off"));
            }
            Err(error) => return Err(Error::io("reading", &self.path)(error)),
        }
        self.sum.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    fn damaged(&self, why: &str) -> Error {
        Error::Damaged(format!("{}: {why}", self.path.display()))
    }
}

fn rows_of(mut block: Bytes) -> Option<Vec<Entry>> {
    let mut rows = Vec::new();
    while !block.is_empty() {
        let key = u32::from_be_bytes(*block.first_chunk()?) as usize;
        let value = u32::from_be_bytes(*block.get(4..)?.first_chunk()?) as usize;
        let end = 8usize.checked_add(key)?.checked_add(value)?;
        if end > block.len() {
            return None;
        }
        let row = block.split_to(end);
        rows.push(Entry {
            key: row.slice(8..8 + key),
            value: row.slice(8 + key..),
        });
    }
    Some(rows)
}
