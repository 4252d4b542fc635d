//! One packet as the kernel hands it over, and as it belongs into a file.

use baleen_types::{LinkType, VlanTag};

/// Which way a packet went, seen from this machine (`sll_pkttype`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PacketType {
    /// To this machine.
    Host,
    /// To every machine on the link.
    Broadcast,
    /// To a group.
    Multicast,
    /// To another machine; seen in promiscuous mode.
    OtherHost,
    /// Sent by this machine.
    Outgoing,
    /// A value which Linux does not document.
    Other(u8),
}

impl From<u8> for PacketType {
    fn from(value: u8) -> Self {
        match value {
            0 => Self::Host,
            1 => Self::Broadcast,
            2 => Self::Multicast,
            3 => Self::OtherHost,
            4 => Self::Outgoing,
            other => Self::Other(other),
        }
    }
}

/// What the kernel knows of a packet beside its bytes (`struct sockaddr_ll`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkAddress {
    /// The EtherType, without the VLAN tag that was taken out.
    pub protocol: u16,
    /// Index of the interface on which it was seen.
    pub interface: u32,
    /// `ARPHRD_` type of that interface.
    pub hardware: u16,
    /// Raw packet type, see [`PacketType`].
    pub packet_type: u8,
    /// Valid bytes of `address`.
    pub address_length: u8,
    /// The sender's link address.
    pub address: [u8; 8],
}

/// One captured packet, still in the kernel's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Seconds since the epoch.
    pub seconds: u32,
    /// Nanoseconds within the second.
    pub nanoseconds: u32,
    /// Bytes on the wire, without a VLAN tag that the kernel took out.
    pub original_length: u32,
    /// The bytes that were kept: from the link header on, or from the network header on for a cooked ring.
    pub bytes: &'a [u8],
    /// The tag that the kernel took out of the frame.
    pub vlan: Option<VlanTag>,
    /// What is known beside the bytes.
    pub link: LinkAddress,
}

/// Bytes of a cooked header, version 2.
const SLL2_BYTES: usize = 20;
/// The link addresses of an Ethernet frame: a tag stands behind them.
const ETHERNET_ADDRESSES: usize = 12;
const TAG_BYTES: usize = 4;
const VLAN_CUSTOMER: u16 = 0x8100;
const INSERTED_MAX: usize = SLL2_BYTES + TAG_BYTES;

/// A packet as it stands in a file: `head`, then `inserted()`, then `tail`. Nothing is copied but what was missing.
#[derive(Clone, Copy, Debug)]
pub struct Pieces<'a> {
    /// The bytes in front of what was inserted; none where nothing was.
    pub head: &'a [u8],
    inserted: [u8; INSERTED_MAX],
    inserted_length: u8,
    /// The bytes behind.
    pub tail: &'a [u8],
    /// Bytes on the wire, with all that was inserted.
    pub original_length: u32,
}

impl Pieces<'_> {
    /// What the kernel took out or never had: a VLAN tag or a cooked header.
    #[inline]
    pub fn inserted(&self) -> &[u8] {
        &self.inserted[..usize::from(self.inserted_length)]
    }

    /// Bytes of all three pieces.
    #[inline]
    pub fn captured_length(&self) -> usize {
        self.head.len() + usize::from(self.inserted_length) + self.tail.len()
    }
}

impl<'a> Packet<'a> {
    /// Nanoseconds since the epoch.
    #[inline]
    pub fn stamp_nanos(&self) -> u64 {
        u64::from(self.seconds) * 1_000_000_000 + u64::from(self.nanoseconds)
    }

    /// Which way it went.
    pub fn packet_type(&self) -> PacketType {
        PacketType::from(self.link.packet_type)
    }

    /// The packet as it belongs into a file of `link_type`, cut to `snaplen`: a VLAN tag is put back where it was on
    /// the wire, and a cooked packet gets its header.
    #[inline]
    pub fn pieces(&self, link_type: LinkType, snaplen: u32) -> Pieces<'a> {
        if link_type == LinkType::LINUX_SLL2 {
            return self.cooked(snaplen);
        }
        let limit = snaplen as usize;
        match self.vlan {
            Some(tag) if link_type == LinkType::ETHERNET && self.bytes.len() >= ETHERNET_ADDRESSES => {
                let (head, tail) = self.bytes.split_at(ETHERNET_ADDRESSES);
                let mut pieces = Pieces {
                    head,
                    inserted: [0; INSERTED_MAX],
                    inserted_length: 4,
                    tail: cut(tail, limit.saturating_sub(ETHERNET_ADDRESSES + TAG_BYTES)),
                    original_length: self.original_length.saturating_add(4),
                };
                pieces.inserted[..2].copy_from_slice(&tag.protocol.to_be_bytes());
                pieces.inserted[2..4].copy_from_slice(&tag.control.to_be_bytes());
                pieces
            }
            _ => Pieces {
                head: &[],
                inserted: [0; INSERTED_MAX],
                inserted_length: 0,
                tail: cut(self.bytes, limit),
                original_length: self.original_length,
            },
        }
    }

    /// Source: LINKTYPE_LINUX_SLL2 of the tcpdump group's list of link types. The tag, of which that header has no
    /// field, follows it as it would follow an Ethernet header: the protocol names the tag, the tag the payload.
    fn cooked(&self, snaplen: u32) -> Pieces<'a> {
        let mut inserted = [0; INSERTED_MAX];
        let link = &self.link;
        inserted[4..8].copy_from_slice(&link.interface.to_be_bytes());
        inserted[8..10].copy_from_slice(&link.hardware.to_be_bytes());
        inserted[10] = link.packet_type;
        inserted[11] = link.address_length.min(8);
        inserted[12..20].copy_from_slice(&link.address);
        let inserted_length: u8 = if let Some(tag) = self.vlan {
            inserted[..2].copy_from_slice(&tag.protocol.to_be_bytes());
            inserted[20..22].copy_from_slice(&tag.control.to_be_bytes());
            let follows = if hides_inner_tag(link.protocol, self.bytes) {
                VLAN_CUSTOMER
            } else {
                link.protocol
            };
            inserted[22..24].copy_from_slice(&follows.to_be_bytes());
            24
        } else {
            inserted[..2].copy_from_slice(&link.protocol.to_be_bytes());
            20
        };
        Pieces {
            head: &[],
            inserted,
            inserted_length,
            tail: cut(
                self.bytes,
                (snaplen as usize).saturating_sub(usize::from(inserted_length)),
            ),
            original_length: self.original_length.saturating_add(u32::from(inserted_length)),
        }
    }
}

/// Tells whether the payload of a cooked packet starts with a second tag although its protocol names what is behind it.
///
/// Linux since 6.11 (`vlan_get_protocol_dgram`) reports the innermost protocol for a packet with two tags, of which it
/// took out the first only; so the second is found by its own last field, the protocol, and by the payload making sense
/// behind it and not in its place.
fn hides_inner_tag(protocol: u16, payload: &[u8]) -> bool {
    let [first, _, a, b, behind, ..] = *payload else {
        return false;
    };
    if u16::from_be_bytes([a, b]) != protocol {
        return false;
    }
    match protocol {
        0x0800 => (0x45..=0x4f).contains(&behind) && !(0x45..=0x4f).contains(&first),
        0x86dd => behind >> 4 == 6 && first >> 4 != 6,
        _ => true,
    }
}

#[inline]
fn cut(bytes: &[u8], limit: usize) -> &[u8] {
    &bytes[..bytes.len().min(limit)]
}
