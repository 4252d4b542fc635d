//! Packets on their way into a file that are not to be in it as they were.

use baleen_packet::masking::{Mask, Masking};
use baleen_ring::Pieces;
use baleen_types::LinkType;

/// A mask, with room for one packet.
pub(crate) struct Masked {
    mask: Mask,
    packet: Vec<u8>,
}

impl Masked {
    /// None when nothing is to be hidden, so that such a capture copies nothing.
    pub(crate) fn new(masking: &Masking) -> Option<Self> {
        (!masking.is_none()).then(|| Self {
            mask: Mask::new(masking),
            packet: Vec::new(),
        })
    }

    /// What is kept of a packet: first masked, then cut, since one that was cut cannot be read to its end.
    pub(crate) fn keep(&mut self, pieces: &Pieces<'_>, link: LinkType, snaplen: u32) -> &[u8] {
        self.packet.clear();
        for piece in [pieces.head, pieces.inserted(), pieces.tail] {
            self.packet.extend_from_slice(piece);
        }
        self.mask.apply(link, &mut self.packet, pieces.original_length);
        &self.packet[..self.packet.len().min(snaplen as usize)]
    }
}

/// What a pcapng file says of it.
pub(crate) fn in_words(masking: &Masking) -> Option<String> {
    let told = [
        (masking.headers_only, "headers alone are kept"),
        (masking.zero_payload, "payload is zero"),
        (masking.addresses.is_some(), "addresses are others"),
    ];
    let told: Vec<&str> = told
        .into_iter()
        .filter(|(is_so, _)| *is_so)
        .map(|(_, words)| words)
        .collect();
    (!told.is_empty()).then(|| format!("Not as it was on the wire: {}", told.join(", ")))
}
