//! The system calls behind a ring, each wrapped so that what leaves this file is safe to use.
//!
//! Invariant of the shared memory: a block whose status word has the user bit belongs to us, and the kernel writes to
//! it again only after we have cleared that word. [`Mapping::user_block`] gives out bytes of such blocks alone, for as
//! long as the mapping is borrowed, and [`Mapping::release`] needs the mapping itself; so no slice outlives its right.
#![allow(unsafe_code)]

use crate::block::STATUS_OFFSET;
use crate::error::Error;
use baleen_types::BpfInstruction;
use std::ffi::{c_int, c_void};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Whether packets come with their link header or from the network header on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    Raw,
    Cooked,
}

#[expect(clippy::cast_possible_truncation, reason = "17")]
const FAMILY: u16 = libc::AF_PACKET as u16;

fn system(doing: &'static str) -> Error {
    Error::System {
        doing,
        source: io::Error::last_os_error(),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "sizes of a few bytes")]
const fn length_of<T>() -> libc::socklen_t {
    size_of::<T>() as libc::socklen_t
}

/// An AF_PACKET socket.
#[derive(Debug)]
pub(crate) struct PacketSocket(OwnedFd);

impl PacketSocket {
    /// Opens a socket which receives nothing yet: its protocol is 0.
    pub(crate) fn open(delivery: Delivery) -> Result<Self, Error> {
        let kind = match delivery {
            Delivery::Raw => libc::SOCK_RAW,
            Delivery::Cooked => libc::SOCK_DGRAM,
        };
        // SAFETY: socket() takes no pointers.
        let fd = unsafe { libc::socket(libc::AF_PACKET, kind | libc::SOCK_CLOEXEC, 0) };
        if fd < 0 {
            let source = io::Error::last_os_error();
            return Err(match source.raw_os_error() {
                Some(libc::EPERM | libc::EACCES) => Error::NotPermitted,
                _ => Error::System {
                    doing: "open a packet socket",
                    source,
                },
            });
        }
        // SAFETY: the call above returned this descriptor, and nobody else owns it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    fn set<T>(&self, level: c_int, option: c_int, value: &T, doing: &'static str) -> Result<(), Error> {
        // SAFETY: `value` is valid for reads of `size_of::<T>()` bytes during the call, and each caller passes the plain
        // C structure that the option documents.
        let result = unsafe {
            libc::setsockopt(
                self.0.as_raw_fd(),
                level,
                option,
                std::ptr::from_ref(value).cast::<c_void>(),
                length_of::<T>(),
            )
        };
        if result == 0 { Ok(()) } else { Err(system(doing)) }
    }

    /// Asks for a V3 ring and maps it.
    pub(crate) fn ring(
        &self,
        block_bytes: usize,
        blocks: usize,
        frame_bytes: usize,
        retire: Duration,
    ) -> Result<Mapping, Error> {
        let version: c_int = libc::tpacket_versions::TPACKET_V3 as c_int;
        self.set(libc::SOL_PACKET, libc::PACKET_VERSION, &version, "choose TPACKET_V3")?;
        let too_large = |_| Error::Settings("a size does not fit the kernel's 32 bits");
        let request = libc::tpacket_req3 {
            tp_block_size: u32::try_from(block_bytes).map_err(too_large)?,
            tp_block_nr: u32::try_from(blocks).map_err(too_large)?,
            tp_frame_size: u32::try_from(frame_bytes).map_err(too_large)?,
            tp_frame_nr: u32::try_from(block_bytes / frame_bytes * blocks).map_err(too_large)?,
            tp_retire_blk_tov: u32::try_from(retire.as_millis()).unwrap_or(u32::MAX),
            tp_sizeof_priv: 0,
            tp_feature_req_word: 0,
        };
        let bytes = block_bytes * blocks;
        self.set(libc::SOL_PACKET, libc::PACKET_RX_RING, &request, "make a packet ring")
            .map_err(|error| no_memory(error, bytes))?;
        Mapping::new(&self.0, block_bytes, blocks).map_err(|error| no_memory(error, bytes))
    }

    /// Attaches a filter, in place of the one that is attached.
    pub(crate) fn attach(&self, prologue: &[BpfInstruction], program: &[BpfInstruction]) -> Result<(), Error> {
        let refused = |source| Error::FilterRefused {
            instructions: program.len(),
            source,
        };
        let mut code: Vec<libc::sock_filter> = prologue.iter().chain(program).copied().map(kernels).collect();
        let length = u16::try_from(code.len()).map_err(|_| refused(io::Error::from_raw_os_error(libc::EINVAL)))?;
        let header = libc::sock_fprog {
            len: length,
            filter: code.as_mut_ptr(),
        };
        // The kernel copies the program during the call, for which `code` lives.
        match self.set(libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &header, "attach the filter") {
            Err(Error::System { source, .. }) => Err(refused(source)),
            other => other,
        }
    }

    /// Locks the filter: from here on not even this process can loosen it.
    pub(crate) fn lock(&self) -> Result<(), Error> {
        let on: c_int = 1;
        self.set(libc::SOL_SOCKET, libc::SO_LOCK_FILTER, &on, "lock the filter")
    }

    /// Joins the sockets that share the packets of what they are bound to; without a number it is the first of them. Answers
    /// their number, which nobody else in this network namespace has.
    pub(crate) fn join(&self, group: Option<u16>) -> Result<u16, Error> {
        const DOING: &str = "share packets between rings";
        let by_program = libc::PACKET_FANOUT_CBPF << 16;
        let asked = match group {
            Some(group) => by_program | u32::from(group),
            None => by_program | libc::PACKET_FANOUT_FLAG_UNIQUEID << 16,
        };
        self.set(libc::SOL_PACKET, libc::PACKET_FANOUT, &asked, DOING)?;
        let mut joined: u32 = 0;
        self.get(libc::SOL_PACKET, libc::PACKET_FANOUT, &mut joined, DOING)?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the kind of sharing stands in the other half"
        )]
        Ok(joined as u16)
    }

    /// Gives those that have joined the program which says whose a packet is.
    pub(crate) fn hand_out(&self, program: &[BpfInstruction]) -> Result<(), Error> {
        let mut code: Vec<libc::sock_filter> = program.iter().copied().map(kernels).collect();
        let header = libc::sock_fprog {
            len: u16::try_from(code.len()).map_err(|_| Error::Settings("a program is too long"))?,
            filter: code.as_mut_ptr(),
        };
        // The kernel copies the program during the call, for which `code` lives.
        self.set(
            libc::SOL_PACKET,
            libc::PACKET_FANOUT_DATA,
            &header,
            "say how rings share packets",
        )
    }

    /// Puts the interface into promiscuous mode for as long as the socket lives.
    pub(crate) fn promiscuous(&self, interface: u32) -> Result<(), Error> {
        // SAFETY: packet_mreq is a plain C structure for which all zeroes is a value.
        let mut membership: libc::packet_mreq = unsafe { std::mem::zeroed() };
        membership.mr_ifindex = c_int::try_from(interface).map_err(|_| Error::Settings("no such interface index"))?;
        membership.mr_type = 1; // PACKET_MR_PROMISC
        self.set(
            libc::SOL_PACKET,
            libc::PACKET_ADD_MEMBERSHIP,
            &membership,
            "enter promiscuous mode",
        )
    }

    /// Binds to an interface (0: all) and a protocol in host order (0: the one it has).
    pub(crate) fn bind(&self, interface: u32, protocol: u16) -> Result<(), Error> {
        // SAFETY: sockaddr_ll is a plain C structure for which all zeroes is a value.
        let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        address.sll_family = FAMILY;
        address.sll_protocol = protocol.to_be();
        address.sll_ifindex = c_int::try_from(interface).map_err(|_| Error::Settings("no such interface index"))?;
        // SAFETY: the pointer and the length describe `address`, which lives during the call.
        let result = unsafe {
            libc::bind(
                self.0.as_raw_fd(),
                std::ptr::from_ref(&address).cast::<libc::sockaddr>(),
                length_of::<libc::sockaddr_ll>(),
            )
        };
        if result == 0 {
            Ok(())
        } else {
            Err(system("bind to the interface"))
        }
    }

    /// The index to which the socket is bound now: -1 after that interface was removed.
    pub(crate) fn bound_interface(&self) -> Result<i32, Error> {
        // SAFETY: sockaddr_ll is a plain C structure for which all zeroes is a value.
        let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        let mut length = length_of::<libc::sockaddr_ll>();
        // SAFETY: pointer and length describe `address`, to which the kernel writes at most `length` bytes.
        let result = unsafe {
            libc::getsockname(
                self.0.as_raw_fd(),
                std::ptr::from_mut(&mut address).cast::<libc::sockaddr>(),
                &raw mut length,
            )
        };
        if result == 0 {
            Ok(address.sll_ifindex)
        } else {
            Err(system("ask for the socket's interface"))
        }
    }

    fn get<T>(&self, level: c_int, option: c_int, value: &mut T, doing: &'static str) -> Result<(), Error> {
        let mut length = length_of::<T>();
        // SAFETY: pointer and length describe `value`, a plain C structure or integer, to which the kernel writes at
        // most `length` bytes.
        let result = unsafe {
            libc::getsockopt(
                self.0.as_raw_fd(),
                level,
                option,
                std::ptr::from_mut(value).cast::<c_void>(),
                &raw mut length,
            )
        };
        if result == 0 { Ok(()) } else { Err(system(doing)) }
    }

    /// Packets accepted by the filter (with the dropped ones) and dropped since the last call: reading resets them.
    pub(crate) fn take_statistics(&self) -> Result<(u32, u32), Error> {
        let mut counts = libc::tpacket_stats_v3 {
            tp_packets: 0,
            tp_drops: 0,
            tp_freeze_q_cnt: 0,
        };
        self.get(
            libc::SOL_PACKET,
            libc::PACKET_STATISTICS,
            &mut counts,
            "read the drop counters",
        )?;
        Ok((counts.tp_packets, counts.tp_drops))
    }

    /// The error that the kernel keeps for this socket, and clears.
    pub(crate) fn take_error(&self) -> Result<i32, Error> {
        let mut code: c_int = 0;
        self.get(libc::SOL_SOCKET, libc::SO_ERROR, &mut code, "read the socket's error")?;
        Ok(code)
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    #[cfg(feature = "lab")]
    pub(crate) fn send(&self, frame: &[u8]) -> io::Result<()> {
        // SAFETY: pointer and length describe `frame`, which the kernel only reads during the call.
        let sent = unsafe { libc::send(self.fd(), frame.as_ptr().cast::<c_void>(), frame.len(), 0) };
        if usize::try_from(sent) == Ok(frame.len()) {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }
}

fn kernels(instruction: BpfInstruction) -> libc::sock_filter {
    libc::sock_filter {
        code: instruction.code,
        jt: instruction.jump_true,
        jf: instruction.jump_false,
        k: instruction.value,
    }
}

fn no_memory(error: Error, bytes: usize) -> Error {
    match &error {
        Error::System { source, .. } if source.raw_os_error() == Some(libc::ENOMEM) => Error::NoRingMemory { bytes },
        _ => error,
    }
}

/// The blocks shared with the kernel.
#[derive(Debug)]
pub(crate) struct Mapping {
    base: NonNull<u8>,
    block_bytes: usize,
    blocks: usize,
}

// SAFETY: the mapping is plain memory owned by this value alone; no thread-bound state is attached to it.
unsafe impl Send for Mapping {}

impl Mapping {
    fn new(socket: &OwnedFd, block_bytes: usize, blocks: usize) -> Result<Self, Error> {
        // SAFETY: a fresh mapping at an address of the kernel's choice; nothing existing is touched.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                block_bytes * blocks,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_POPULATE,
                socket.as_raw_fd(),
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(system("map the packet ring"));
        }
        Ok(Self {
            base: NonNull::new(base.cast::<u8>()).ok_or(Error::Malformed("mapped at address zero"))?,
            block_bytes,
            blocks,
        })
    }

    pub(crate) fn blocks(&self) -> usize {
        self.blocks
    }

    #[expect(
        clippy::cast_ptr_alignment,
        reason = "blocks are page-aligned, and the word stands at byte 8"
    )]
    fn status(&self, block: usize) -> &AtomicU32 {
        assert!(block < self.blocks, "block number from our own counter");
        // SAFETY: the word lies inside the mapping (checked above; a block is far larger than STATUS_OFFSET), is
        // aligned because blocks are page-aligned, lives as long as `self`, and is only ever accessed atomically while
        // the kernel may write to it.
        unsafe {
            AtomicU32::from_ptr(
                self.base
                    .as_ptr()
                    .add(block * self.block_bytes + STATUS_OFFSET)
                    .cast::<u32>(),
            )
        }
    }

    /// Tells whether the kernel has handed the block to us.
    #[inline]
    pub(crate) fn is_ours(&self, block: usize) -> bool {
        // Acquire: what the kernel wrote to the block before its status is visible after this.
        self.status(block).load(Ordering::Acquire) & libc::TP_STATUS_USER != 0
    }

    /// The bytes of a block that is ours; `None` while the kernel has it.
    #[inline]
    pub(crate) fn user_block(&self, block: usize) -> Option<&[u8]> {
        if !self.is_ours(block) {
            return None;
        }
        // SAFETY: inside the mapping (`status` has checked the number); the kernel does not write to a block with the
        // user bit, and we clear that bit only in `release`, which cannot be called while this borrow lives.
        Some(unsafe { std::slice::from_raw_parts(self.base.as_ptr().add(block * self.block_bytes), self.block_bytes) })
    }

    /// Hands a block back to the kernel.
    #[inline]
    pub(crate) fn release(&mut self, block: usize) {
        // Release: our reads of the block happen before the kernel writes to it again.
        self.status(block).store(libc::TP_STATUS_KERNEL, Ordering::Release);
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: exactly the range that `new` mapped; all slices into it borrowed `self` and are gone.
        unsafe { libc::munmap(self.base.as_ptr().cast::<c_void>(), self.block_bytes * self.blocks) };
    }
}

/// A counter in the kernel on which a poll can wait.
#[derive(Debug)]
pub(crate) struct Event(OwnedFd);

impl Event {
    pub(crate) fn new() -> Result<Self, Error> {
        // SAFETY: eventfd() takes no pointers.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(system("make an event descriptor"));
        }
        // SAFETY: the call above returned this descriptor, and nobody else owns it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    pub(crate) fn set(&self) {
        let one = 1u64.to_ne_bytes();
        // SAFETY: eight bytes are read from a local array. A full counter (EAGAIN) is already a set event.
        unsafe { libc::write(self.0.as_raw_fd(), one.as_ptr().cast::<c_void>(), one.len()) };
    }

    pub(crate) fn clear(&self) {
        let mut count = [0u8; 8];
        // SAFETY: at most eight bytes are written to a local array. An empty counter (EAGAIN) is already clear.
        unsafe { libc::read(self.0.as_raw_fd(), count.as_mut_ptr().cast::<c_void>(), count.len()) };
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// What a poll saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Polled {
    pub(crate) packets: bool,
    pub(crate) fault: bool,
    pub(crate) event: bool,
}

/// Waits for packets, a fault of the socket, or the event; `None` waits without end.
pub(crate) fn poll(socket: &PacketSocket, event: &Event, timeout: Option<Duration>) -> Result<Polled, Error> {
    let mut entries = [
        libc::pollfd {
            fd: socket.fd(),
            events: libc::POLLIN | libc::POLLERR,
            revents: 0,
        },
        libc::pollfd {
            fd: event.fd(),
            events: libc::POLLIN,
            revents: 0,
        },
    ];
    // Rounded up, so that a wait never ends just before its deadline and spins.
    let millis = timeout.map_or(-1, |t| {
        c_int::try_from(t.as_nanos().div_ceil(1_000_000)).unwrap_or(c_int::MAX)
    });
    // SAFETY: pointer and count describe `entries`.
    let ready = unsafe { libc::poll(entries.as_mut_ptr(), 2, millis) };
    if ready < 0 {
        let source = io::Error::last_os_error();
        return match source.kind() {
            // A signal: to the caller this is a wait that ended early.
            io::ErrorKind::Interrupted => Ok(Polled::default()),
            _ => Err(Error::System {
                doing: "wait for packets",
                source,
            }),
        };
    }
    Ok(Polled {
        packets: entries[0].revents & libc::POLLIN != 0,
        fault: entries[0].revents & (libc::POLLERR | libc::POLLHUP | libc::POLLNVAL) != 0,
        event: entries[1].revents & libc::POLLIN != 0,
    })
}

/// One AF_PACKET entry of the kernel's address list.
#[derive(Clone, Debug)]
pub(crate) struct LinkEntry {
    pub(crate) name: String,
    pub(crate) index: u32,
    pub(crate) hardware: u16,
    pub(crate) address: Vec<u8>,
    pub(crate) flags: u32,
}

/// Lists the links of the calling thread's network namespace.
pub(crate) fn links() -> Result<Vec<LinkEntry>, Error> {
    let mut list: *mut libc::ifaddrs = std::ptr::null_mut();
    // SAFETY: the kernel's library writes one pointer to `list`.
    if unsafe { libc::getifaddrs(&raw mut list) } != 0 {
        return Err(system("list the network interfaces"));
    }
    let mut found = Vec::new();
    let mut unaddressed = Vec::new();
    let mut next = list;
    // SAFETY: `next` is null or an entry of the list, which stays valid until freeifaddrs() below; its name is a
    // NUL-terminated string, and an address of family AF_PACKET is a whole sockaddr_ll.
    unsafe {
        while let Some(entry) = next.as_ref() {
            next = entry.ifa_next;
            let name = || std::ffi::CStr::from_ptr(entry.ifa_name).to_owned();
            let Some(address) = entry.ifa_addr.as_ref() else {
                unaddressed.push((name(), entry.ifa_flags));
                continue;
            };
            if i32::from(address.sa_family) != libc::AF_PACKET {
                continue;
            }
            let link = std::ptr::read_unaligned(entry.ifa_addr.cast::<libc::sockaddr_ll>());
            found.push(LinkEntry {
                name: name().to_string_lossy().into_owned(),
                index: u32::try_from(link.sll_ifindex).unwrap_or(0),
                hardware: link.sll_hatype,
                address: link.sll_addr[..usize::from(link.sll_halen).min(link.sll_addr.len())].to_vec(),
                flags: entry.ifa_flags,
            });
        }
        libc::freeifaddrs(list);
    }
    // Tunnels and others whose links have no addresses; one that went meanwhile is left out.
    for (name, flags) in unaddressed {
        if let Some((index, hardware)) = unaddressed_link(&name)
            && found.iter().all(|link| link.index != index)
        {
            found.push(LinkEntry {
                name: name.to_string_lossy().into_owned(),
                index,
                hardware,
                address: Vec::new(),
                flags,
            });
        }
    }
    Ok(found)
}

/// The index and the `ARPHRD_` type of a link that has no address.
fn unaddressed_link(name: &std::ffi::CStr) -> Option<(u32, u16)> {
    // SAFETY: the name is NUL-terminated and is only read.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    // SAFETY: socket() takes no pointers.
    let fd = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    if index == 0 || fd < 0 {
        return None;
    }
    // SAFETY: the call above returned this descriptor, and nobody else owns it.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    let mut request = request_about(name.to_bytes());
    // SAFETY: the call reads and writes one ifreq, which lives during it.
    if unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFHWADDR, &raw mut request) } != 0 {
        return None;
    }
    // SAFETY: this is the field that the call has filled, and every value of its bytes is one of it.
    let family = unsafe { request.ifr_ifru.ifru_hwaddr.sa_family };
    Some((index, family))
}

/// A request about an interface.
fn request_about(name: &[u8]) -> libc::ifreq {
    // SAFETY: ifreq is a plain C structure for which all zeroes is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // The last byte stays NUL.
    for (to, from) in request.ifr_name[..libc::IFNAMSIZ - 1].iter_mut().zip(name) {
        *to = from.cast_signed();
    }
    request
}

/// The name which an interface of the calling thread's network namespace has now.
pub(crate) fn name_of(index: u32) -> Option<String> {
    let mut name = [0u8; libc::IF_NAMESIZE];
    // SAFETY: at most IF_NAMESIZE bytes are written to `name`, with the NUL behind the last character.
    let found = unsafe { libc::if_indextoname(index, name.as_mut_ptr().cast::<libc::c_char>()) };
    if found.is_null() {
        return None;
    }
    let name = std::ffi::CStr::from_bytes_until_nul(&name).ok()?;
    Some(name.to_string_lossy().into_owned())
}

#[cfg(feature = "lab")]
pub(crate) fn enter_network_namespace(namespace: &impl AsRawFd) -> io::Result<()> {
    // SAFETY: setns() takes no pointers; it changes the namespace of this thread alone.
    if unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Makes the tunnel of a control device that has none yet.
#[cfg(feature = "lab")]
pub(crate) fn make_tunnel(device: &impl AsRawFd, name: &str, hardware: u16) -> io::Result<()> {
    let mut request = request_about(name.as_bytes());
    #[expect(clippy::cast_possible_truncation, reason = "0x1001")]
    let flags = (libc::IFF_TUN | libc::IFF_NO_PI) as i16;
    request.ifr_ifru.ifru_flags = flags;
    // SAFETY: the call reads and writes one ifreq, which lives during it.
    if unsafe { libc::ioctl(device.as_raw_fd(), libc::TUNSETIFF, &raw mut request) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call takes an integer in place of a pointer.
    if unsafe { libc::ioctl(device.as_raw_fd(), libc::TUNSETLINK, libc::c_ulong::from(hardware)) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Asks for a byte that is read soon; does nothing where it is not among these, or where the processor cannot be asked.
#[inline]
pub(crate) fn prefetch(bytes: &[u8], at: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(byte) = bytes.get(at) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every x86-64 has it, and it neither faults nor changes anything, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(byte).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (bytes, at);
}
