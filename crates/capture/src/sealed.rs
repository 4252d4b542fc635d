//! Files of captures on this machine's disk: their bytes lie in sealed blocks of 64 KiB, numbered through the file.

use crate::run::Failure;
use baleen_sealing::blocks::{BLOCK_PLAIN_BYTES, BLOCK_SEALED_BYTES, PieceKey, Salt};
use baleen_types::CaptureId;
use std::io::{self, ErrorKind, Read, Write};
use tracing::warn;

pub(crate) const MAGIC_BYTES: usize = 8;
pub(crate) const SALT_BYTES: usize = size_of::<Salt>();
pub(crate) const TAG_BYTES: usize = BLOCK_SEALED_BYTES - BLOCK_PLAIN_BYTES;

/// What says that a file is not what was written.
pub(crate) fn damaged() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "what waited on the disk is damaged")
}

/// Whether a file is not what was written, which no further look changes: damaged, or cut where a process ended or power did. Whatever else
/// is wrong with the disk may be over in a moment.
pub(crate) fn is_torn(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof)
}

/// What there is of a capture whose part on the disk was read like this.
pub(crate) fn unread(error: &io::Error, capture: CaptureId) -> Failure {
    if is_torn(error) {
        warn!(%capture, %error, "a part that waited on the disk does not open");
        Failure::Cut("a part that waited on the disk of the server could not be read back".to_owned())
    } else {
        Failure::Transient(format!("a part that waits on the disk cannot be read: {error}"))
    }
}

/// Writes bytes in blocks from this number on. Returns the number of the block behind them.
pub(crate) fn write_blocks(out: &mut impl Write, key: &PieceKey, first: u64, bytes: &[u8]) -> io::Result<u64> {
    let mut next = first;
    let mut block = Vec::with_capacity(bytes.len().min(BLOCK_PLAIN_BYTES) + TAG_BYTES);
    for plain in bytes.chunks(BLOCK_PLAIN_BYTES) {
        block.clear();
        block.extend_from_slice(plain);
        key.seal_block(next, &mut block);
        out.write_all(&block)?;
        next += 1;
    }
    Ok(next)
}

/// Reads the block of this number out of bytes of which so many are left.
pub(crate) fn read_block(from: &mut impl Read, key: &PieceKey, number: u64, left: u64) -> io::Result<Vec<u8>> {
    let plain = usize::try_from(left).map_or(BLOCK_PLAIN_BYTES, |left| left.min(BLOCK_PLAIN_BYTES));
    let mut sealed = vec![0; plain + TAG_BYTES];
    from.read_exact(&mut sealed)?;
    key.open_block(number, &sealed).map_err(|_| damaged())
}
