//! The machine's network interfaces, in the network namespace of the calling thread.

use crate::error::Error;
use crate::sys;
use baleen_types::LinkType;
use std::fs;

/// The name which stands for all interfaces together.
pub const ANY: &str = "any";

/// The `ARPHRD_` type of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HardwareType(pub u16);

impl HardwareType {
    const ETHERNET: Self = Self(1);
    const RAWIP: Self = Self(519);
    const LOOPBACK: Self = Self(772);
    const RADIOTAP: Self = Self(803);
    const NONE: Self = Self(65534);

    /// How packets of such an interface are captured.
    ///
    /// Ethernet and loopback have Ethernet headers, tunnels of the types NONE and RAWIP have none at all, and whatever
    /// else there is (PPP, GRE, CAN, InfiniBand, ..) is captured cooked, which any reader understands: that header names
    /// the hardware type.
    pub fn link_type(self) -> LinkType {
        match self {
            Self::ETHERNET | Self::LOOPBACK => LinkType::ETHERNET,
            Self::NONE | Self::RAWIP => LinkType::RAW,
            Self::RADIOTAP => LinkType::RADIOTAP,
            _ => LinkType::LINUX_SLL2,
        }
    }
}

/// One network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name; `any` for all of them.
    pub name: String,
    /// Its index; 0 for all of them.
    pub index: u32,
    /// What it is; `None` for all of them.
    pub hardware: Option<HardwareType>,
    /// Its Ethernet address, where it has one.
    pub mac: Option<[u8; 6]>,
    /// Whether it is up.
    pub is_up: bool,
    /// Whether packets on it never leave the machine.
    pub is_loopback: bool,
}

impl Interface {
    /// All interfaces together.
    pub fn any() -> Self {
        Self {
            name: ANY.to_owned(),
            index: 0,
            hardware: None,
            mac: None,
            is_up: true,
            is_loopback: false,
        }
    }

    /// How packets captured on it are to be read.
    pub fn link_type(&self) -> LinkType {
        self.hardware.map_or(LinkType::LINUX_SLL2, HardwareType::link_type)
    }
}

/// Lists the interfaces by index; `any` is not among them.
pub fn interfaces() -> Result<Vec<Interface>, Error> {
    const UP: u32 = libc::IFF_UP as u32;
    const LOOPBACK: u32 = libc::IFF_LOOPBACK as u32;
    let mut found: Vec<Interface> = sys::links()?
        .into_iter()
        .map(|link| Interface {
            name: link.name,
            index: link.index,
            hardware: Some(HardwareType(link.hardware)),
            mac: <[u8; 6]>::try_from(link.address.as_slice())
                .ok()
                .filter(|_| HardwareType(link.hardware) == HardwareType::ETHERNET),
            is_up: link.flags & UP != 0,
            is_loopback: link.flags & LOOPBACK != 0,
        })
        .collect();
    found.sort_by_key(|interface| interface.index);
    Ok(found)
}

/// Finds one interface by name; `any` is all of them.
///
/// # Errors
/// `NotFound`, with the names that exist.
pub fn find_interface(name: &str) -> Result<Interface, Error> {
    if name == ANY {
        return Ok(Interface::any());
    }
    let mut all = interfaces()?;
    match all.iter().position(|interface| interface.name == name) {
        Some(at) => Ok(all.swap_remove(at)),
        None => Err(Error::NoSuchInterface {
            name: name.to_owned(),
            known: all
                .iter()
                .map(|i| i.name.as_str())
                .chain([ANY])
                .collect::<Vec<_>>()
                .join(", "),
        }),
    }
}

/// The interface's own counters since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkCounters {
    /// Packets received from the link.
    pub received: u64,
    /// Packets sent.
    pub sent: u64,
    /// Received packets lost by the interface for lack of buffers.
    pub dropped: u64,
}

/// Reads the counters of one interface from `/proc/thread-self/net/dev`, whatever its name is by now; `None` where it has
/// none (`any`, or one that was removed).
pub fn link_statistics(index: u32) -> Option<LinkCounters> {
    // One that is renamed between the two steps is found at the second try.
    (0..2).find_map(|_| {
        let name = sys::name_of(index)?;
        parse_link_counters(&fs::read_to_string("/proc/thread-self/net/dev").ok()?, &name)
    })
}

/// Source: Linux `net/core/net-procfs.c`, `dev_seq_printf_stats`: eight receive columns (bytes, packets, errors, drop,
/// fifo, frame, compressed, multicast), then eight for sending.
fn parse_link_counters(text: &str, name: &str) -> Option<LinkCounters> {
    let columns: Vec<u64> = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(title, _)| title.trim() == name)?
        .1
        .split_ascii_whitespace()
        .map_while(|column| column.parse().ok())
        .collect();
    Some(LinkCounters {
        received: *columns.get(1)?,
        sent: *columns.get(9)?,
        dropped: columns.get(3)?.saturating_add(*columns.get(4)?),
    })
}

#[cfg(test)]
mod tests;
