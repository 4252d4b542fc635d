//! What the capture crates share about links: how a packet's first header is read, the VLAN tag that travels beside a
//! packet, and one instruction of a kernel filter.

use std::fmt;

/// How the first header of a captured packet is read (`LINKTYPE_` of the pcap and pcapng formats).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkType(u16);

impl LinkType {
    /// Ethernet II or 802.3 frames, without the check sequence.
    pub const ETHERNET: Self = Self(1);
    /// IPv4 or IPv6, told apart by the version nibble; no link header.
    pub const RAW: Self = Self(101);
    /// 802.11 frames behind a radiotap header.
    pub const RADIOTAP: Self = Self(127);
    /// Linux "cooked" capture, version 1: what older tools write for the interface `any`.
    pub const LINUX_SLL: Self = Self(113);
    /// Linux "cooked" capture, version 2: names the interface of each packet; what we write for the interface `any`.
    pub const LINUX_SLL2: Self = Self(276);

    /// Any registered or unregistered number.
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// The number as it stands in a file.
    pub const fn number(self) -> u16 {
        self.0
    }

    /// The name as `tcpdump -L` and `capinfos` spell it, where it is one of ours.
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::ETHERNET => Some("EN10MB"),
            Self::RAW => Some("RAW"),
            Self::RADIOTAP => Some("IEEE802_11_RADIO"),
            Self::LINUX_SLL => Some("LINUX_SLL"),
            Self::LINUX_SLL2 => Some("LINUX_SLL2"),
            _ => None,
        }
    }
}

impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Debug for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LinkType({self})")
    }
}

/// An 802.1Q or 802.1ad tag which the kernel keeps beside the packet instead of in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VlanTag {
    /// Tag protocol: 0x8100 (customer) or 0x88a8 (service).
    pub protocol: u16,
    /// Tag control information: priority, drop eligibility and the 12-bit VLAN number.
    pub control: u16,
}

/// One instruction of classic BPF: the shape in which compiler, interpreter and kernel exchange a filter.
///
/// Source: Linux `struct sock_filter`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct BpfInstruction {
    /// Operation: class, size and mode.
    pub code: u16,
    /// Instructions to skip when the condition holds.
    pub jump_true: u8,
    /// Instructions to skip when it does not.
    pub jump_false: u8,
    /// Constant, offset or distance.
    pub value: u32,
}
