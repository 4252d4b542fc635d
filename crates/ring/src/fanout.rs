//! Several rings which share the packets of one interface, each packet in one of them.
//!
//! The kernel's fanout groups take sockets in that are bound already, and between the two a socket sees every packet; a filter
//! that is changed when all have joined is changed in one ring after the other. So a group has one socket more, the sluice,
//! which has no ring and refuses everything:
//!
//! 1. The rings join with filters that refuse everything. Their group is told to hand every packet to the sluice, by its
//!    number, which is the last one. The sluice joins.
//! 2. No packet comes to the rings now; they get their filters, which are locked.
//! 3. The group is told to spread packets over the rings. That is one pointer in the kernel: from that packet on each is in
//!    one ring, and none before it.
//! 4. At the end it is told to hand them to the sluice again, for all rings at once.
//!
//! The rule that spreads is a program of ours (`PACKET_FANOUT_CBPF`). It keeps both directions of a conversation in one ring,
//! so that they stay in order. A packet of which it cannot read enough is the first ring's, since the kernel ends the program
//! with 0 then; none goes to the sluice by chance.
//!
//! When an interface goes down the kernel takes all out of their group, and when it is up again puts them back in the order in
//! which they were opened: that is the order of their numbers.
//!
//! Source: Linux `net/packet/af_packet.c` (`fanout_add`, `packet_rcv_fanout`, `fanout_demux_bpf`, `packet_notifier`).

use crate::error::Error;
use crate::sys::PacketSocket;
use baleen_types::BpfInstruction;
use std::sync::Arc;

/// The rings of one interface, and what comes to none of them.
#[derive(Debug)]
pub(crate) struct Group {
    /// Held until the last ring goes: when one leaves its group, another takes its number.
    rings: Vec<Arc<PacketSocket>>,
    sluice: PacketSocket,
}

impl Group {
    /// Lets sockets join, which are not bound yet and were opened in this order, the sluice last. No packet comes to them.
    pub(crate) fn join(
        rings: Vec<Arc<PacketSocket>>,
        sluice: PacketSocket,
        interface: u32,
        protocol: u16,
    ) -> Result<Self, Error> {
        let this = Self { rings, sluice };
        let mut group = None;
        for socket in this.rings.iter().map(Arc::as_ref).chain([&this.sluice]) {
            socket.attach(&[], &NOTHING)?;
            socket.bind(interface, protocol)?;
            let joined = socket.join(group)?;
            if group.is_none() {
                group = Some(joined);
                socket.hand_out(&all_to(this.count()))?;
            }
        }
        Ok(this)
    }

    /// Spreads packets over the rings from now on.
    pub(crate) fn open(&self) -> Result<(), Error> {
        self.sluice.hand_out(&spread(self.count()))
    }

    /// No more packets come to the rings.
    pub(crate) fn close(&self) -> Result<(), Error> {
        self.sluice.hand_out(&all_to(self.count()))
    }

    pub(crate) fn promiscuous(&self, interface: u32) -> Result<(), Error> {
        self.sluice.promiscuous(interface)
    }

    /// How many rings there are, which is the number of the sluice, too.
    fn count(&self) -> u32 {
        u32::try_from(self.rings.len()).unwrap_or(u32::MAX)
    }
}

/// Refuses everything.
const NOTHING: [BpfInstruction; 1] = [instruction(RETURN, 0, 0)];

const LOAD_WORD: u16 = 0x20;
const LOAD_HALF: u16 = 0x28;
const LOAD_BYTE: u16 = 0x30;
const LOAD_HALF_BEHIND_X: u16 = 0x48;
const LOAD_IP_HEADER_LENGTH_TO_X: u16 = 0xb1;
const LOAD_CONSTANT_TO_X: u16 = 0x01;
const LOAD_MEMORY: u16 = 0x60;
const STORE: u16 = 0x02;
const COPY_TO_X: u16 = 0x07;
const XOR_X: u16 = 0xac;
const AND: u16 = 0x54;
const MULTIPLY: u16 = 0x24;
const SHIFT_RIGHT: u16 = 0x74;
const REMAINDER: u16 = 0x94;
const IF_EQUAL: u16 = 0x15;
const IF_SET: u16 = 0x45;
const JUMP: u16 = 0x05;
const RETURN: u16 = 0x06;
const RETURN_LOADED: u16 = 0x16;

/// Where the network header begins, whichever way the packet goes (`SKF_NET_OFF`).
const NETWORK: u32 = 0xfff0_0000;
/// What the interface or the kernel made of the packet's conversation, or 0 (`SKF_AD_RXHASH`).
const HASH: u32 = 0xffff_f000 + 32;

const TCP: u32 = 6;
const UDP: u32 = 17;
const SCTP: u32 = 132;

/// A step of a program, with places in place of distances.
#[derive(Clone, Copy)]
enum Step {
    Do(u16, u32),
    /// Goes on at a place if it holds for what is loaded, and behind it if not.
    When(u16, u32, Place),
    Go(Place),
    Here(Place),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Version4,
    Version6,
    Other,
    Ports,
    Addresses,
    Mix,
}

const fn instruction(code: u16, jump_true: u8, value: u32) -> BpfInstruction {
    BpfInstruction {
        code,
        jump_true,
        jump_false: 0,
        value,
    }
}

/// The program that hands every packet to one member of a group.
fn all_to(member: u32) -> Vec<BpfInstruction> {
    vec![instruction(RETURN, 0, member)]
}

/// The program that spreads packets over the first so many members of a group.
fn spread(rings: u32) -> Vec<BpfInstruction> {
    use Place::{Addresses, Mix, Other, Ports, Version4, Version6};
    use Step::{Do, Go, Here, When};
    const VERSION_4: u32 = 0x40;
    const VERSION_6: u32 = 0x60;
    const IS_FRAGMENT: u32 = 0x3fff;
    // Neighbours differ in their last bits; the upper half of the product does with each of them. Addresses are multiplied by
    // themselves first: ports are often counted up with them, and would cancel them out.
    const APART: u32 = 0x9e37_79b1;
    let mut steps = vec![
        Do(LOAD_BYTE, NETWORK),
        Do(AND, 0xf0),
        When(IF_EQUAL, VERSION_6, Version6),
        When(IF_EQUAL, VERSION_4, Version4),
        Go(Other),
        Here(Version4),
        // Both addresses in one word, in which the two directions are the same.
        Do(LOAD_WORD, NETWORK + 12),
        Do(COPY_TO_X, 0),
        Do(LOAD_WORD, NETWORK + 16),
        Do(XOR_X, 0),
        Do(MULTIPLY, APART),
        Do(STORE, 0),
        // Of the fragments of a packet the first alone has ports.
        Do(LOAD_HALF, NETWORK + 6),
        When(IF_SET, IS_FRAGMENT, Addresses),
        Do(LOAD_IP_HEADER_LENGTH_TO_X, NETWORK),
        Do(LOAD_BYTE, NETWORK + 9),
        When(IF_EQUAL, TCP, Ports),
        When(IF_EQUAL, UDP, Ports),
        When(IF_EQUAL, SCTP, Ports),
        Go(Addresses),
        Here(Version6),
        Do(LOAD_WORD, NETWORK + 8),
    ];
    for at in (12..40).step_by(4) {
        steps.extend([Do(COPY_TO_X, 0), Do(LOAD_WORD, NETWORK + at), Do(XOR_X, 0)]);
    }
    steps.extend([
        Do(MULTIPLY, APART),
        Do(STORE, 0),
        Do(LOAD_CONSTANT_TO_X, 40),
        Do(LOAD_BYTE, NETWORK + 6),
        When(IF_EQUAL, TCP, Ports),
        When(IF_EQUAL, UDP, Ports),
        When(IF_EQUAL, SCTP, Ports),
        Go(Addresses),
        Here(Ports),
        Do(LOAD_HALF_BEHIND_X, NETWORK),
        Do(STORE, 1),
        Do(LOAD_HALF_BEHIND_X, NETWORK + 2),
        Do(COPY_TO_X, 0),
        Do(LOAD_MEMORY, 1),
        Do(XOR_X, 0),
        Do(COPY_TO_X, 0),
        Do(LOAD_MEMORY, 0),
        Do(XOR_X, 0),
        Go(Mix),
        Here(Addresses),
        Do(LOAD_MEMORY, 0),
        Go(Mix),
        Here(Other),
        Do(LOAD_WORD, HASH),
        Here(Mix),
        Do(MULTIPLY, APART),
        Do(SHIFT_RIGHT, 16),
        Do(REMAINDER, rings),
        Do(RETURN_LOADED, 0),
    ]);
    assemble(&steps)
}

fn assemble(steps: &[Step]) -> Vec<BpfInstruction> {
    let is_instruction = |step: &&Step| !matches!(step, Step::Here(_));
    let distance = |from: usize, to: Place| {
        let behind = &steps[from + 1..];
        let length = behind
            .iter()
            .take_while(|step| !matches!(step, Step::Here(place) if *place == to));
        length.filter(is_instruction).count()
    };
    steps
        .iter()
        .enumerate()
        .filter_map(|(at, step)| match *step {
            Step::Do(code, value) => Some(instruction(code, 0, value)),
            // All places are less than 256 steps away, which the kernel would find out.
            Step::When(code, value, to) => {
                let distance = u8::try_from(distance(at, to)).unwrap_or(u8::MAX);
                Some(instruction(code, distance, value))
            }
            Step::Go(to) => {
                let distance = u32::try_from(distance(at, to)).unwrap_or(u32::MAX);
                Some(instruction(JUMP, 0, distance))
            }
            Step::Here(_) => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jumps_stay_inside_and_reach_what_they_name() {
        let program = spread(4);
        let end = program.len();
        for (at, step) in program.iter().enumerate() {
            let distance = match step.code {
                JUMP => step.value as usize,
                IF_EQUAL | IF_SET => usize::from(step.jump_true),
                _ => continue,
            };
            assert!(at + 1 + distance < end, "{at}: {step:?}");
        }
        assert_eq!(program.last().map(|last| last.code), Some(RETURN_LOADED));
        assert_eq!(program[end - 2].value, 4);
        // Version 6 goes to the first of its eight words, and anything else to the kernel's hash.
        let at = 2 + 1 + usize::from(program[2].jump_true);
        assert_eq!((program[at].code, program[at].value), (LOAD_WORD, NETWORK + 8));
        let at = 4 + 1 + program[4].value as usize;
        assert_eq!((program[at].code, program[at].value), (LOAD_WORD, HASH));
    }
}
