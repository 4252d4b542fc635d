//! Packets that are written from the ring, without being copied into a part before.
//!
//! A file of this machine takes what is written at the speed of its memory, so nothing is gained by handing parts to another
//! thread, and each of them costs a copy of all packets. With an outlet the writer keeps only what stands between the packets;
//! the bytes of all but small ones are written from where the kernel put them, before their block goes back to it.

use std::io::{self, ErrorKind, IoSlice, Write};

/// From how many bytes on a piece of a packet is written from where it lies. Each such piece costs a slice of the write, which is
/// more than copying a few bytes.
pub(crate) const BORROWED_BYTES_MIN: usize = 256;

/// The most pieces of one write: with what stands between them half of what the kernel takes at once (`IOV_MAX`, 1024).
pub(crate) const BORROWED_MAX: usize = 500;

/// Where the bytes of a capture go at once. It is asked by the thread that takes packets out of the ring, so it may wait for as
/// long as the ring has room for what comes meanwhile, and no longer. While it waits nobody takes the ring from the interface: what is
/// lost behind the end of a capture while a disk stands still counts as lost.
pub trait Outlet: Send {
    /// Writes the next bytes of a file, all of them; files come in order, from 0.
    ///
    /// # Errors
    /// Any of them ends the capture as abandoned, and it is asked for nothing else but the end; what it was is known to who made
    /// the outlet.
    fn write(&mut self, file: u32, pieces: &mut [IoSlice<'_>]) -> io::Result<()>;

    /// Called once, when nothing else comes.
    fn end(self: Box<Self>);
}

/// Writes all pieces, whatever of them `out` takes at once.
///
/// # Errors
/// Those of `out`; nobody knows then how much it has taken.
pub fn write_pieces(out: &mut impl Write, mut pieces: &mut [IoSlice<'_>]) -> io::Result<()> {
    // Those that are empty.
    IoSlice::advance_slices(&mut pieces, 0);
    while !pieces.is_empty() {
        match out.write_vectored(pieces) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut pieces, written),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Pieces of packets that belong into what is written next, each at its place between other bytes.
#[derive(Debug, Default)]
pub(crate) struct Borrowed<'p> {
    /// Behind how many of the other bytes, and what.
    pieces: Vec<(usize, &'p [u8])>,
    bytes: usize,
}

impl<'p> Borrowed<'p> {
    #[inline]
    pub(crate) fn push(&mut self, behind: usize, piece: &'p [u8]) {
        self.pieces.push((behind, piece));
        self.bytes += piece.len();
    }

    pub(crate) fn clear(&mut self) {
        self.pieces.clear();
        self.bytes = 0;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Whether no other piece fits into one write.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.pieces.len() >= BORROWED_MAX
    }

    /// Bytes of all pieces.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// All in order with the other bytes.
    pub(crate) fn between<'a>(&'a self, others: &'a [u8]) -> Vec<IoSlice<'a>> {
        let mut slices = Vec::with_capacity(2 * self.pieces.len() + 1);
        let mut at = 0;
        for (behind, piece) in &self.pieces {
            slices.push(IoSlice::new(others.get(at..*behind).unwrap_or_default()));
            slices.push(IoSlice::new(piece));
            at = *behind;
        }
        slices.push(IoSlice::new(others.get(at..).unwrap_or_default()));
        slices
    }
}
