//! One packet on its way into a file.

/// Which way a packet went, seen from the machine that captured it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Received.
    Inbound,
    /// Sent.
    Outbound,
}

/// A packet with what a file says of it. Its bytes come in up to three pieces, so that a header which was put in front or
/// a tag which was put back needs no copy of the rest.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Index of the interface in the order in which interfaces were written (pcapng only).
    pub interface: u32,
    /// Nanoseconds since the epoch.
    pub stamp_nanos: u64,
    /// Bytes on the wire.
    pub original_length: u32,
    /// The bytes that were kept; together at most [`PACKET_BYTES_MAX`](crate::PACKET_BYTES_MAX).
    pub pieces: [&'a [u8]; 3],
    /// Which way it went (pcapng only).
    pub direction: Option<Direction>,
    /// Packets of this interface lost since the one before (pcapng only).
    pub dropped: u64,
}

impl<'a> Record<'a> {
    /// A packet of the first interface with nothing said beside.
    pub fn new(stamp_nanos: u64, original_length: u32, bytes: &'a [u8]) -> Self {
        Self {
            interface: 0,
            stamp_nanos,
            original_length,
            pieces: [bytes, &[], &[]],
            direction: None,
            dropped: 0,
        }
    }

    /// Bytes that were kept.
    #[inline]
    pub fn captured_length(&self) -> usize {
        self.pieces[0].len() + self.pieces[1].len() + self.pieces[2].len()
    }

    #[inline]
    pub(crate) fn put_bytes(&self, out: &mut Vec<u8>) {
        for piece in self.pieces {
            out.extend_from_slice(piece);
        }
    }
}

/// The captured length as it stands in a file. The bound of the type's documentation keeps it far below 32 bits.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "bounded by PACKET_BYTES_MAX")]
pub(crate) fn length_field(length: usize) -> u32 {
    debug_assert!(length <= crate::limits::BLOCK_BYTES_MAX);
    length as u32
}
