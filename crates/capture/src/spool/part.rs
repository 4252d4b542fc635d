//! One part in a file of its own.
//!
//! | bytes | |
//! | --- | --- |
//! | 0..8 | `BLNSPL1\n` |
//! | 8..24 | salt of the file's key |
//! | 24..24+89 | the head, sealed as block 0 |
//! | from there | the part, sealed in blocks of 64 KiB, from block 1 |
//!
//! The head names the capture, so that a file of another one is none of it.

use crate::agent::Piece;
use crate::capture::Counts;
use crate::disk;
use crate::sealed::{MAGIC_BYTES, SALT_BYTES, TAG_BYTES, damaged, read_block, write_blocks};
use baleen_sealing::blocks::{BaseKey, Salt, sealed_length};
use baleen_types::{AccountId, CaptureId};
use bytes::Bytes;
use rustix::fs::{FallocateFlags, fallocate};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

const MAGIC: [u8; MAGIC_BYTES] = *b"BLNSPL1\n";
const HEAD_PLAIN_BYTES: usize = 8 + CaptureId::BYTES + 4 + 2 + 4 + 1 + 3 * 8 + 8;
const HEAD_SEALED_BYTES: usize = HEAD_PLAIN_BYTES + TAG_BYTES;
const BODY_AT: usize = MAGIC.len() + SALT_BYTES + HEAD_SEALED_BYTES;

/// The ending of a file that is whole.
const WHOLE: &str = "part";

/// What is known of a part without its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Its place among the parts of the capture, from 0.
    pub(super) sequence: u32,
    /// Of which file.
    pub(super) file: u16,
    /// Its place in that file, from 1.
    pub(super) number: u32,
    pub(super) ends_file: bool,
    pub(super) after: Counts,
    pub(super) length: u64,
}

impl Head {
    /// The part with its bytes.
    pub(super) fn piece(&self, bytes: Bytes) -> Piece {
        Piece {
            file: self.file,
            bytes,
            ends_file: self.ends_file,
            after: self.after,
        }
    }

    /// Bytes of its file.
    pub(super) fn file_bytes(&self) -> u64 {
        BODY_AT as u64 + sealed_length(self.length)
    }

    fn encode(&self, owner: (AccountId, CaptureId)) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEAD_SEALED_BYTES);
        out.extend(owner.0.as_u64().to_le_bytes());
        out.extend(owner.1.as_bytes());
        out.extend(self.sequence.to_le_bytes());
        out.extend(self.file.to_le_bytes());
        out.extend(self.number.to_le_bytes());
        out.push(u8::from(self.ends_file));
        for count in [self.after.packets, self.after.bytes, self.after.dropped, self.length] {
            out.extend(count.to_le_bytes());
        }
        out
    }

    /// Reads a head of this capture.
    fn decode(owner: (AccountId, CaptureId), bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(&owner.0.as_u64().to_le_bytes())?;
        rest = rest.strip_prefix(owner.1.as_bytes().as_slice())?;
        let mut take = Take(rest);
        let head = Self {
            sequence: u32::from_le_bytes(take.next()?),
            file: u16::from_le_bytes(take.next()?),
            number: u32::from_le_bytes(take.next()?),
            ends_file: take.next::<1>()? != [0],
            after: Counts {
                packets: u64::from_le_bytes(take.next()?),
                bytes: u64::from_le_bytes(take.next()?),
                dropped: u64::from_le_bytes(take.next()?),
            },
            length: u64::from_le_bytes(take.next()?),
        };
        take.0.is_empty().then_some(head)
    }
}

struct Take<'a>(&'a [u8]);

impl Take<'_> {
    fn next<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }
}

/// Writes a part into the capture's folder. Blocks.
pub(super) fn write(
    folder: &Path,
    (key, salt): (&BaseKey, Salt),
    owner: (AccountId, CaptureId),
    head: &Head,
    bytes: &[u8],
) -> io::Result<PathBuf> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let path = folder.join(format!("{:010}.{WHOLE}", head.sequence));
    let open = path.with_extension("open");
    let written = write_into(&open, (key, salt), owner, head, bytes).and_then(|()| std::fs::rename(&open, &path));
    if let Err(error) = written {
        // What is there of it takes room that others could have.
        let _ = std::fs::remove_file(&open);
        return Err(error);
    }
    Ok(path)
}

fn write_into(
    path: &Path,
    (key, salt): (&BaseKey, Salt),
    owner: (AccountId, CaptureId),
    head: &Head,
    bytes: &[u8],
) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
    disk::leave_reserve(&file, head.file_bytes())?;
    // A full disk says so now, and not in the middle; a file system that cannot say it, says it when it is written to.
    match fallocate(&file, FallocateFlags::empty(), 0, head.file_bytes()) {
        Ok(()) | Err(rustix::io::Errno::OPNOTSUPP) => {}
        Err(error) => return Err(error.into()),
    }
    let key = key.piece(&salt, 0);
    let mut sealed = head.encode(owner);
    key.seal_block(0, &mut sealed);
    file.write_all(&MAGIC)?;
    file.write_all(&salt)?;
    file.write_all(&sealed)?;
    write_blocks(&mut file, &key, 1, bytes).map(drop)
}

/// Reads the head of a file, and leaves the file at its part. Blocks.
fn open(path: &Path, key: &BaseKey, owner: (AccountId, CaptureId)) -> io::Result<(File, Salt, Head)> {
    let mut file = File::open(path)?;
    let mut begin = [0; BODY_AT];
    file.read_exact(&mut begin)?;
    let sealed = begin.strip_prefix(&MAGIC).ok_or_else(damaged)?;
    let (salt, sealed) = sealed.split_first_chunk::<SALT_BYTES>().ok_or_else(damaged)?;
    let plain = key.piece(salt, 0).open_block(0, sealed).map_err(|_| damaged())?;
    let head = Head::decode(owner, &plain).ok_or_else(damaged)?;
    if file.metadata()?.len() != head.file_bytes() {
        return Err(damaged());
    }
    Ok((file, *salt, head))
}

/// The head of a file of this capture. Blocks.
pub(super) fn head(path: &Path, key: &BaseKey, owner: (AccountId, CaptureId)) -> io::Result<Head> {
    open(path, key, owner).map(|(_, _, head)| head)
}

/// A part as it was written. Blocks.
pub(super) fn read(path: &Path, key: &BaseKey, owner: (AccountId, CaptureId)) -> io::Result<Bytes> {
    let (mut file, salt, head) = open(path, key, owner)?;
    let key = key.piece(&salt, 0);
    // As long as the file, which was looked at.
    let length = usize::try_from(head.length).map_err(|_| damaged())?;
    let mut bytes = Vec::with_capacity(length);
    for number in 1.. {
        let left = length - bytes.len();
        if left == 0 {
            break;
        }
        bytes.extend(read_block(&mut file, &key, number, left as u64)?);
    }
    Ok(bytes.into())
}

/// The whole files of a capture's folder, in their order. Blocks.
pub(super) fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == WHOLE) {
            found.push(path);
        }
    }
    found.sort_unstable();
    Ok(found)
}
