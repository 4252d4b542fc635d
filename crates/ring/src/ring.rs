//! The ring: opened, waited on, read block by block.

use crate::block::{BlockWalk, walk_block};
use crate::error::Error;
use crate::fanout::Group;
use crate::interface::Interface;
use crate::limits::{
    BLOCK_BYTES_MAX, BLOCK_BYTES_MIN, FRAME_BYTES, INSTRUCTIONS_MAX, RING_BYTES_MAX, RINGS_MAX, SNAPLEN_MAX,
};
use crate::sys::{self, Delivery, Event, Mapping, PacketSocket};
use baleen_types::{BpfInstruction, LinkType};
use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

const ETH_P_ALL: u16 = 0x0003;
/// A protocol that no packet has: below 0x0600 Linux gives out numbers of its own, and this one to nobody. Binding to
/// protocol 0 would leave the socket as it is.
const ETH_P_NOTHING: u16 = 0x00ff;
/// How often a waiting reader looks whether an interface that went down was removed meanwhile: the kernel reports an
/// error once only, when it goes down.
const GONE_CHECK_PERIOD: Duration = Duration::from_secs(1);

/// Runs in front of a program where packets of the loopback interface may come by: the kernel shows each of them twice,
/// going out and coming in, and one packet is one packet. `tcpdump` leaves the same copy out (libpcap,
/// `linux_check_direction`).
///
/// Source: Linux `filter.h` (`SKF_AD_OFF`, `SKF_AD_HATYPE` and `SKF_AD_PKTTYPE`), `if_arp.h` and `if_packet.h`.
const ONCE_ON_LOOPBACK: [BpfInstruction; 6] = {
    const LOAD: u16 = 0x20;
    const LOAD_CONSTANT: u16 = 0x00;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    const ANCILLARY: u32 = 0xffff_f000;
    const HARDWARE_TYPE: u32 = ANCILLARY + 28;
    const PACKET_TYPE: u32 = ANCILLARY + 4;
    const ARPHRD_LOOPBACK: u32 = 772;
    const PACKET_OUTGOING: u32 = 4;
    const fn instruction(code: u16, jump_false: u8, value: u32) -> BpfInstruction {
        BpfInstruction {
            code,
            jump_true: 0,
            jump_false,
            value,
        }
    }
    [
        instruction(LOAD, 0, HARDWARE_TYPE),
        instruction(JUMP_IF_EQUAL, 3, ARPHRD_LOOPBACK),
        instruction(LOAD, 0, PACKET_TYPE),
        instruction(JUMP_IF_EQUAL, 1, PACKET_OUTGOING),
        instruction(RETURN, 0, 0),
        // A program finds its accumulator empty, as if nothing stood before it.
        instruction(LOAD_CONSTANT, 0, 0),
    ]
};

fn prologue(interface: &Interface) -> &'static [BpfInstruction] {
    let may_be_loopback = interface.is_loopback || interface.index == 0;
    if may_be_loopback { &ONCE_ON_LOOPBACK } else { &[] }
}

fn delivery(interface: &Interface) -> Delivery {
    match interface.link_type() {
        LinkType::LINUX_SLL2 => Delivery::Cooked,
        _ => Delivery::Raw,
    }
}

fn check_program(program: &[BpfInstruction]) -> Result<(), Error> {
    if program.is_empty() || program.len() > INSTRUCTIONS_MAX - ONCE_ON_LOOPBACK.len() {
        return Err(Error::Settings("a filter has 1 to 4090 instructions"));
    }
    Ok(())
}

/// How large a ring is and what it takes in.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Bytes of one block; a multiple of the page size, 512 KiB to 4 MiB.
    pub block_bytes: usize,
    /// Blocks in the ring, at least 2.
    pub blocks: usize,
    /// After this long the kernel hands over a block that is not full; whole milliseconds.
    pub retire: Duration,
    /// Whether to see packets for other machines too.
    pub promiscuous: bool,
}

impl Default for Settings {
    /// 64 blocks of 1 MiB, handed over after 100 ms at the latest, promiscuous.
    fn default() -> Self {
        Self {
            block_bytes: 1024 * 1024,
            blocks: 64,
            retire: Duration::from_millis(100),
            promiscuous: true,
        }
    }
}

impl Settings {
    fn check(&self) -> Result<(), Error> {
        if !(BLOCK_BYTES_MIN..=BLOCK_BYTES_MAX).contains(&self.block_bytes) || !self.block_bytes.is_power_of_two() {
            return Err(Error::Settings("a block has 512 KiB, 1, 2 or 4 MiB"));
        }
        if self.blocks < 2 || self.blocks > RING_BYTES_MAX / self.block_bytes {
            return Err(Error::Settings("a ring has at least 2 blocks and at most 1 GiB"));
        }
        if self.retire < Duration::from_millis(1) || self.retire > Duration::from_secs(10) {
            return Err(Error::Settings("blocks are handed over after 1 ms to 10 s"));
        }
        Ok(())
    }
}

/// Sums since the ring was opened, of the kernel's own counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Packets that the filter accepted, with those dropped.
    pub accepted: u64,
    /// Packets that the filter accepted and that were lost because no block was free.
    pub dropped: u64,
}

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// A block is ready.
    Ready,
    /// The time is over, or a signal came.
    Timeout,
    /// A [`Waker`] was used.
    Woken,
    /// The interface went down. It may come back, and packets with it; keep waiting.
    Down,
    /// The interface was removed. Blocks that are ready can still be read; no other will come.
    Gone,
}

/// Wakes the reader of a ring from another thread; clonable, never blocks.
#[derive(Clone, Debug)]
pub struct Waker(Arc<Event>);

impl Waker {
    /// Ends the current wait, or the next one.
    pub fn wake(&self) {
        self.0.set();
    }
}

/// A kernel packet ring on one interface, or on all of them.
#[derive(Debug)]
pub struct Ring {
    // Before the socket, so that the memory is unmapped before the kernel frees the ring.
    mapping: Mapping,
    socket: Arc<PacketSocket>,
    /// With whom it shares the packets of its interface, if with anybody.
    group: Option<Arc<Group>>,
    event: Arc<Event>,
    interface: u32,
    link_type: LinkType,
    /// The block which the kernel fills or hands over next.
    next: usize,
    /// In a cell, so that they are read while a block is on loan, too.
    statistics: Cell<Statistics>,
    /// Whether the interface was down once: then it may be removed without another error. Packets prove nothing, since
    /// those of the last block come after the removal.
    was_down: bool,
}

impl Ring {
    /// Opens a ring. Packets are taken in from the moment this returns, and none that `program` refuses ever is.
    ///
    /// The program sees packets as the kernel does: from the link header on (Ethernet), or from the network header on
    /// (every other type of interface), with VLAN tags beside the packet. What it returns is the number of bytes kept.
    ///
    /// # Errors
    /// `Denied` without CAP_NET_RAW, `Unavailable` without memory for the ring, `Invalid` for a program or a setting
    /// that the kernel cannot take.
    pub fn open(interface: &Interface, settings: &Settings, program: &[BpfInstruction]) -> Result<Self, Error> {
        check_program(program)?;
        // The order matters: the socket has protocol 0 and takes nothing in until it is bound, last of all.
        let this = Self::unbound(interface, settings)?;
        this.socket.attach(prologue(interface), program)?;
        this.socket.lock()?;
        // Index 0 is every interface, and there is no promiscuous mode of everything.
        if settings.promiscuous && interface.index != 0 {
            this.socket.promiscuous(interface.index)?;
        }
        this.socket.bind(interface.index, ETH_P_ALL)?;
        Ok(this)
    }

    /// Opens so many rings which share the packets of an interface: from the moment this returns, each packet is in one of
    /// them, and with it all of its conversation. Each ring is as large as the settings say.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_several(
        interface: &Interface,
        settings: &Settings,
        program: &[BpfInstruction],
        rings: usize,
    ) -> Result<Vec<Self>, Error> {
        if !(1..=RINGS_MAX).contains(&rings) {
            return Err(Error::Settings("an interface has 1 to 8 rings"));
        }
        if rings == 1 {
            return Ok(vec![Self::open(interface, settings, program)?]);
        }
        check_program(program)?;
        let mut all = (0..rings)
            .map(|_| Self::unbound(interface, settings))
            .collect::<Result<Vec<_>, _>>()?;
        let sockets = all.iter().map(|ring| Arc::clone(&ring.socket)).collect();
        let sluice = PacketSocket::open(delivery(interface))?;
        let group = Arc::new(Group::join(sockets, sluice, interface.index, ETH_P_ALL)?);
        if settings.promiscuous && interface.index != 0 {
            group.promiscuous(interface.index)?;
        }
        for ring in &mut all {
            ring.socket.attach(prologue(interface), program)?;
            ring.socket.lock()?;
            ring.group = Some(Arc::clone(&group));
        }
        group.open()?;
        Ok(all)
    }

    /// A ring that takes nothing in: its socket has no filter and is bound to nothing.
    fn unbound(interface: &Interface, settings: &Settings) -> Result<Self, Error> {
        settings.check()?;
        let socket = PacketSocket::open(delivery(interface))?;
        let mapping = socket.ring(settings.block_bytes, settings.blocks, FRAME_BYTES, settings.retire)?;
        Ok(Self {
            mapping,
            socket: Arc::new(socket),
            group: None,
            event: Arc::new(Event::new()?),
            interface: interface.index,
            link_type: interface.link_type(),
            next: 0,
            statistics: Cell::default(),
            was_down: !interface.is_up && interface.index != 0,
        })
    }

    /// How the packets of [`Packet::pieces`](crate::Packet::pieces) are to be read.
    pub fn link_type(&self) -> LinkType {
        self.link_type
    }

    /// Blocks in the ring.
    pub fn blocks(&self) -> usize {
        self.mapping.blocks()
    }

    /// A handle that ends waits.
    pub fn waker(&self) -> Waker {
        Waker(Arc::clone(&self.event))
    }

    /// Waits until a block is ready, at most `timeout`; never longer than a second.
    pub fn wait(&mut self, timeout: Duration) -> Result<Wake, Error> {
        if self.mapping.is_ours(self.next) {
            return Ok(Wake::Ready);
        }
        let polled = sys::poll(&self.socket, &self.event, Some(timeout.min(GONE_CHECK_PERIOD)))?;
        if polled.event {
            self.event.clear();
        }
        if polled.fault {
            // Taken, or each following poll would return at once.
            self.socket.take_error()?;
            self.was_down = true;
        }
        if self.mapping.is_ours(self.next) {
            return Ok(Wake::Ready);
        }
        if self.was_down && self.interface != 0 && self.socket.bound_interface()? < 0 {
            return Ok(Wake::Gone);
        }
        Ok(match polled {
            sys::Polled { event: true, .. } => Wake::Woken,
            sys::Polled { fault: true, .. } => Wake::Down,
            _ => Wake::Timeout,
        })
    }

    /// Lends the next block, if the kernel has handed one over.
    pub fn next_block(&mut self) -> Result<Option<Block<'_>>, Error> {
        let Some(bytes) = self.mapping.user_block(self.next) else {
            return Ok(None);
        };
        if walk_block(bytes).is_none() {
            return Err(Error::Malformed("its header points outside of it"));
        }
        Ok(Some(Block { ring: self }))
    }

    /// Stops taking packets in, also in the rings that share the interface's packets. What has come in before can still be
    /// read; the last block is handed over within two retire times.
    pub fn detach(&self) -> Result<(), Error> {
        // An interface that was removed has detached the socket already.
        if self.interface != 0 && self.socket.bound_interface()? < 0 {
            return Ok(());
        }
        match &self.group {
            Some(group) => group.close(),
            None => self.socket.bind(self.interface, ETH_P_NOTHING),
        }
    }

    /// Reads the kernel's counters and returns the sums since the ring was opened.
    pub fn statistics(&self) -> Result<Statistics, Error> {
        let (accepted, dropped) = self.socket.take_statistics()?;
        let before = self.statistics.get();
        let now = Statistics {
            accepted: before.accepted + u64::from(accepted),
            dropped: before.dropped + u64::from(dropped),
        };
        self.statistics.set(now);
        Ok(now)
    }
}

/// A block of packets on loan; the kernel gets it back when this is dropped.
#[derive(Debug)]
pub struct Block<'r> {
    ring: &'r mut Ring,
}

impl Block<'_> {
    /// The packets of the block, in the order in which they came.
    ///
    /// # Panics
    /// Never: the block was checked when it was lent.
    pub fn packets(&self) -> BlockWalk<'_> {
        self.ring
            .mapping
            .user_block(self.ring.next)
            .and_then(walk_block)
            .expect("next_block() has checked both, and the block is ours until we are dropped")
    }

    /// As [`Ring::detach`], while the block is on loan.
    pub fn detach(&self) -> Result<(), Error> {
        self.ring.detach()
    }

    /// As [`Ring::statistics`], while the block is on loan.
    pub fn statistics(&self) -> Result<Statistics, Error> {
        self.ring.statistics()
    }
}

impl Drop for Block<'_> {
    fn drop(&mut self) {
        let block = self.ring.next;
        self.ring.mapping.release(block);
        self.ring.next = (block + 1) % self.ring.mapping.blocks();
    }
}

const _: () = assert!(SNAPLEN_MAX as usize <= BLOCK_BYTES_MIN);

#[cfg(test)]
mod tests;
