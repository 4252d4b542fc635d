//! Link headers: what the network header is, and where it begins.

use crate::reader::Reader;
use baleen_types::LinkType;

pub(crate) const ETHERTYPE_IPV4: u16 = 0x0800;
pub(crate) const ETHERTYPE_ARP: u16 = 0x0806;
pub(crate) const ETHERTYPE_IPV6: u16 = 0x86DD;
const ETHERTYPE_VLAN: u16 = 0x8100;
const ETHERTYPE_SERVICE_VLAN: u16 = 0x88A8;
/// Older QinQ equipment.
const ETHERTYPE_OLD_QINQ: u16 = 0x9100;

/// Tags looked through: QinQ has two, and more are no traffic of ours.
pub(crate) const VLAN_TAGS_MAX: usize = 4;

/// Whether an EtherType says that a VLAN tag follows.
pub(crate) fn is_vlan(kind: u16) -> bool {
    matches!(kind, ETHERTYPE_VLAN | ETHERTYPE_SERVICE_VLAN | ETHERTYPE_OLD_QINQ)
}

/// Reads the link header and returns the EtherType with the bytes behind it; `None` for a link type we do not read or a
/// header that breaks off.
pub(crate) fn network_of(link: LinkType, bytes: &[u8]) -> Option<(u16, Reader<'_>)> {
    let mut reader = Reader::new(bytes);
    let mut kind = match link {
        LinkType::ETHERNET => {
            reader.skip(12)?;
            reader.u16()?
        }
        LinkType::LINUX_SLL => {
            reader.skip(14)?;
            reader.u16()?
        }
        LinkType::LINUX_SLL2 => {
            let kind = reader.u16()?;
            reader.skip(18)?;
            kind
        }
        LinkType::RAW => match bytes.first()? >> 4 {
            4 => ETHERTYPE_IPV4,
            6 => ETHERTYPE_IPV6,
            _ => return None,
        },
        _ => return None,
    };
    for _ in 0..VLAN_TAGS_MAX {
        if !is_vlan(kind) {
            break;
        }
        reader.skip(2)?;
        kind = reader.u16()?;
    }
    Some((kind, reader))
}
