//! A packet as the kernel shows it to a socket's filter.

use baleen_types::{LinkType, VlanTag};

const VLAN_CUSTOMER: u16 = 0x8100;
const VLAN_SERVICE: u16 = 0x88a8;
const ETHERNET_ADDRESSES: usize = 12;
const SLL2_BYTES: usize = 20;

/// A packet with the outer VLAN tag beside it. Two pieces, so that taking the tag out copies nothing.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    head: &'a [u8],
    tail: &'a [u8],
    /// The tag that the kernel takes out of a received packet.
    pub vlan: Option<VlanTag>,
    /// The EtherType behind that tag.
    pub protocol: u16,
    /// `sll_pkttype`; 0 where it is not known.
    pub packet_type: u8,
    /// Index of the interface; 0 where it is not known.
    pub interface: u32,
    /// `ARPHRD_` type of the interface; 0 where it is not known.
    pub hardware: u16,
}

impl<'a> View<'a> {
    /// The bytes as they are, with nothing beside them: what `tcpdump -r` looks at.
    pub fn plain(bytes: &'a [u8]) -> Self {
        Self {
            head: bytes,
            tail: &[],
            vlan: None,
            protocol: 0,
            packet_type: 0,
            interface: 0,
            hardware: 0,
        }
    }

    /// Undoes what was done to a packet for a file: takes the outer tag out again, and the cooked header off.
    pub fn of_frame(link: LinkType, frame: &'a [u8]) -> Self {
        match link {
            LinkType::ETHERNET => Self::of_ethernet(frame),
            LinkType::LINUX_SLL2 => Self::of_cooked(frame),
            _ => Self::plain(frame),
        }
    }

    fn of_ethernet(frame: &'a [u8]) -> Self {
        let mut view = Self::plain(frame);
        let Some(rest) = frame.get(ETHERNET_ADDRESSES..) else {
            return view;
        };
        if let [a, b, c, d, e, f, ..] = *rest
            && let Some(tag) = tag(u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
        {
            view.head = &frame[..ETHERNET_ADDRESSES];
            view.tail = &rest[4..];
            view.vlan = Some(tag);
            view.protocol = u16::from_be_bytes([e, f]);
        } else if let [a, b, ..] = *rest {
            view.protocol = u16::from_be_bytes([a, b]);
        }
        view
    }

    fn of_cooked(frame: &'a [u8]) -> Self {
        let Some((header, payload)) = frame.split_first_chunk::<SLL2_BYTES>() else {
            return Self::plain(&[]);
        };
        let mut view = Self {
            protocol: u16::from_be_bytes([header[0], header[1]]),
            interface: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
            hardware: u16::from_be_bytes([header[8], header[9]]),
            packet_type: header[10],
            ..Self::plain(payload)
        };
        if let [a, b, c, d, ref rest @ ..] = *payload
            && let Some(tag) = tag(view.protocol, u16::from_be_bytes([a, b]))
        {
            view.vlan = Some(tag);
            view.protocol = u16::from_be_bytes([c, d]);
            view.head = rest;
        }
        view
    }

    /// Bytes of the packet as it is shown.
    pub(crate) fn length(&self) -> u32 {
        u32::try_from(self.head.len() + self.tail.len()).unwrap_or(u32::MAX)
    }

    /// Loads a big-endian word of 1, 2 or 4 bytes; `None` when it is not wholly inside.
    #[inline]
    pub(crate) fn load(&self, offset: u32, width: usize) -> Option<u32> {
        let offset = offset as usize;
        let end = offset.checked_add(width)?;
        let bytes = if end <= self.head.len() {
            self.head.get(offset..end)?
        } else if offset >= self.head.len() {
            let skip = self.head.len();
            self.tail.get(offset - skip..end - skip)?
        } else {
            return self.load_across(offset, end);
        };
        Some(bytes.iter().fold(0, |value, &byte| value << 8 | u32::from(byte)))
    }

    fn load_across(&self, offset: usize, end: usize) -> Option<u32> {
        let front = &self.head[offset..];
        let back = self.tail.get(..end - self.head.len())?;
        Some(
            front
                .iter()
                .chain(back)
                .fold(0, |value, &byte| value << 8 | u32::from(byte)),
        )
    }
}

/// The tag that Linux takes out (`eth_type_vlan`): 802.1Q and 802.1ad, not the older 0x9100.
fn tag(protocol: u16, control: u16) -> Option<VlanTag> {
    matches!(protocol, VLAN_CUSTOMER | VLAN_SERVICE).then_some(VlanTag { protocol, control })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outer_tag_is_beside_the_packet() {
        let frame = b"ddddddssssss\x88\xa8\x20\x64\x81\x00\x00\xc8\x08\x00E";
        let view = View::of_frame(LinkType::ETHERNET, frame);
        let expected = VlanTag {
            protocol: 0x88a8,
            control: 0x2064,
        };
        assert_eq!((view.vlan, view.protocol, view.length()), (Some(expected), 0x8100, 19));
        // Behind the addresses, across the seam, at the end, and past it.
        assert_eq!(view.load(12, 2), Some(0x8100));
        assert_eq!(view.load(10, 4), Some(0x7373_8100));
        assert_eq!(view.load(18, 1), Some(u32::from(b'E')));
        for (offset, width) in [(19, 1), (18, 2), (16, 4), (u32::MAX, 4), (u32::MAX, 1)] {
            assert_eq!(view.load(offset, width), None, "{offset}");
        }
    }

    #[test]
    fn a_cooked_header_becomes_knowledge_beside_the_packet() {
        let mut frame = vec![0x81, 0x00, 0, 0, 0, 0, 0, 9, 0, 1, 4, 6];
        frame.extend([0u8; 8]);
        frame.extend([0x00, 0x64, 0x08, 0x00, 0x45]);
        let view = View::of_frame(LinkType::LINUX_SLL2, &frame);
        assert_eq!(
            (view.protocol, view.interface, view.hardware, view.packet_type),
            (0x0800, 9, 1, 4)
        );
        assert_eq!(
            view.vlan,
            Some(VlanTag {
                protocol: 0x8100,
                control: 100
            })
        );
        assert_eq!((view.load(0, 1), view.length()), (Some(0x45), 1));
    }

    #[test]
    fn short_frames_have_nothing_beside_them() {
        for link in [LinkType::ETHERNET, LinkType::LINUX_SLL2, LinkType::RAW] {
            for length in 0..20 {
                let view = View::of_frame(link, &[0x81; 24][..length]);
                assert_eq!(view.load(24, 1), None);
            }
        }
    }
}
