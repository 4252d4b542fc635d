//! A filter program that the kernel accepts, and its combination with others.

use crate::error::Error;
use crate::exclusion;
use crate::interpreter;
use crate::limits::{ACCEPT, INSTRUCTIONS_MAX, MEMORY_WORDS};
use crate::opcode::{
    ADD, AND, ASIDE, ASIDE_HARDWARE, ASIDE_INTERFACE, ASIDE_PACKET_TYPE, ASIDE_PROTOCOL, ASIDE_VLAN_PRESENT,
    ASIDE_VLAN_PROTOCOL, ASIDE_VLAN_TAG, DIV, JA, JEQ, JGE, JGT, JSET, LD_B_ABS, LD_B_IND, LD_H_ABS, LD_H_IND, LD_IMM,
    LD_LEN, LD_MEM, LD_W_ABS, LD_W_IND, LDX_B_MSH, LDX_IMM, LDX_LEN, LDX_MEM, LSH, MOD, MUL, NEG, OFFSET_SPECIAL, OR,
    RET_A, RET_K, RSH, ST, STX, SUB, TAX, TXA, X, XOR,
};
use crate::view::View;
use baleen_types::{BpfInstruction, LinkType};

/// A checked program for packets of one link type.
///
/// Invariants: 1 to 4090 known instructions; jumps go forward and stay inside; every path ends with a return; loads and
/// stores stay in the scratch words; no division by a constant zero. So it ends on every packet, and the kernel takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    link: LinkType,
    instructions: Vec<BpfInstruction>,
}

pub(crate) const fn plain(code: u16, value: u32) -> BpfInstruction {
    BpfInstruction {
        code,
        jump_true: 0,
        jump_false: 0,
        value,
    }
}

impl Program {
    /// Checks a program from elsewhere.
    pub fn new(link: LinkType, instructions: Vec<BpfInstruction>) -> Result<Self, Error> {
        check(&instructions)?;
        Ok(Self { link, instructions })
    }

    pub(crate) fn accept_all(link: LinkType) -> Result<Self, Error> {
        Self::new(link, vec![plain(RET_K, ACCEPT)])
    }

    pub(crate) fn reject_all(link: LinkType) -> Result<Self, Error> {
        Self::new(link, vec![plain(RET_K, 0)])
    }

    /// The link type for which it was compiled.
    pub fn link(&self) -> LinkType {
        self.link
    }

    /// The instructions, for the kernel.
    pub fn instructions(&self) -> &[BpfInstruction] {
        &self.instructions
    }

    /// Sets how many bytes the kernel keeps of an accepted packet.
    #[must_use]
    pub fn with_snaplen(mut self, snaplen: u32) -> Self {
        for instruction in &mut self.instructions {
            if instruction.code == RET_K && instruction.value != 0 {
                instruction.value = snaplen;
            }
        }
        self
    }

    /// This program, but for the packets that any of `others` accepts. A packet too short for one of them is none that
    /// it accepts.
    ///
    /// # Errors
    /// `Invalid` when the whole is too long, or one of `others` returns or divides by what it computed.
    pub fn excluding(self, others: &[Self]) -> Result<Self, Error> {
        let mut whole = Vec::new();
        for other in others {
            whole.extend(exclusion::inverted(&other.instructions)?);
        }
        whole.extend(self.instructions);
        Self::new(self.link, whole)
    }

    /// A program that goes on with `with_tag` when the kernel has taken a VLAN tag out of the packet, else with
    /// `without`.
    pub(crate) fn by_tag(with_tag: &Self, without: &Self) -> Result<Self, Error> {
        let mut whole = vec![
            plain(LD_B_ABS, ASIDE_VLAN_PRESENT),
            BpfInstruction {
                code: JEQ,
                jump_true: 1,
                jump_false: 0,
                value: 1,
            },
            plain(JA, distance(with_tag.instructions.len())?),
        ];
        whole.extend_from_slice(&with_tag.instructions);
        whole.extend_from_slice(&without.instructions);
        Self::new(with_tag.link, whole)
    }

    /// Runs over a packet as the kernel sees it and returns how many bytes to keep: 0 for none of it.
    pub fn run(&self, view: &View<'_>) -> u32 {
        interpreter::run(&self.instructions, view)
    }

    /// Judges a packet as it stands in a capture file, as the kernel would have judged it on the wire.
    pub fn matches(&self, frame: &[u8]) -> bool {
        self.run(&View::of_frame(self.link, frame)) != 0
    }
}

fn distance(instructions: usize) -> Result<u32, Error> {
    u32::try_from(instructions).map_err(|_| Error::TooComplex { instructions })
}

/// Checks what the kernel checks (Linux `net/core/filter.c`, `bpf_check_classic`), and that only what our interpreter
/// knows too is asked for beside the packet.
fn check(program: &[BpfInstruction]) -> Result<(), Error> {
    if program.is_empty() || program.len() > INSTRUCTIONS_MAX {
        return Err(Error::TooComplex {
            instructions: program.len(),
        });
    }
    for (at, instruction) in program.iter().enumerate() {
        check_one(*instruction, program.len() - at - 1).map_err(|why| Error::Program { why, at })?;
    }
    match program.last() {
        Some(last) if matches!(last.code, RET_K | RET_A) => {}
        _ => {
            return Err(Error::Program {
                why: "the last instruction is no return",
                at: program.len() - 1,
            });
        }
    }
    check_scratch(program)
}

/// Checks one instruction which `behind` others follow.
fn check_one(instruction: BpfInstruction, behind: usize) -> Result<(), &'static str> {
    let BpfInstruction {
        code,
        jump_true,
        jump_false,
        value,
    } = instruction;
    let word = value as usize;
    match code {
        LD_W_ABS | LD_H_ABS | LD_B_ABS if value >= ASIDE => match value {
            ASIDE_PROTOCOL | ASIDE_PACKET_TYPE | ASIDE_INTERFACE | ASIDE_HARDWARE | ASIDE_VLAN_TAG
            | ASIDE_VLAN_PRESENT | ASIDE_VLAN_PROTOCOL => Ok(()),
            _ => Err("it asks for something that only a live kernel knows"),
        },
        LD_W_ABS | LD_H_ABS | LD_B_ABS if value >= OFFSET_SPECIAL => Err("the offset is negative"),
        LD_MEM | LDX_MEM | ST | STX if word < MEMORY_WORDS => Ok(()),
        LD_MEM | LDX_MEM | ST | STX => Err("no such scratch word"),
        DIV | MOD if value == 0 => Err("it divides by zero"),
        LSH | RSH if value > 31 => Err("it shifts by more than 31 bits"),
        LD_W_ABS | LD_H_ABS | LD_B_ABS | LD_W_IND | LD_H_IND | LD_B_IND | LD_IMM | LD_LEN | LDX_IMM | LDX_LEN
        | LDX_B_MSH | RET_K | RET_A | TAX | TXA | NEG | ADD | SUB | MUL | DIV | OR | AND | LSH | RSH | MOD | XOR => {
            Ok(())
        }
        _ if code & X != 0 && matches!(code & !X, ADD | SUB | MUL | DIV | OR | AND | LSH | RSH | MOD | XOR) => Ok(()),
        JA if word < behind => Ok(()),
        // A jump whose distance looks negative is one backwards, as `protochain` makes them.
        JA if value >= OFFSET_SPECIAL => Err("it jumps backwards, as `protochain` does, which the kernel refuses"),
        JA => Err("it jumps out of the program"),
        _ if matches!(code & !X, JEQ | JGT | JGE | JSET) => {
            if usize::from(jump_true.max(jump_false)) < behind {
                Ok(())
            } else {
                Err("it jumps out of the program")
            }
        }
        _ => Err("no such operation"),
    }
}

/// Checks that no scratch word is read before it was written on every path that leads there.
fn check_scratch(program: &[BpfInstruction]) -> Result<(), Error> {
    // Bit n: word n was written on every path seen so far; jumps go forward, so one pass suffices.
    let mut written_on_entry = vec![u16::MAX; program.len()];
    let mut written = 0u16;
    for (at, instruction) in program.iter().enumerate() {
        written &= written_on_entry[at];
        let mut join = |target: usize, state: u16| written_on_entry[target] &= state;
        match instruction.code {
            ST | STX => written |= 1 << instruction.value,
            LD_MEM | LDX_MEM if written & (1 << instruction.value) == 0 => {
                return Err(Error::Program {
                    why: "it reads a scratch word that was not written",
                    at,
                });
            }
            JA => {
                join(at + 1 + instruction.value as usize, written);
                written = u16::MAX;
            }
            RET_K | RET_A => written = u16::MAX,
            code if matches!(code & !X, JEQ | JGT | JGE | JSET) => {
                join(at + 1 + usize::from(instruction.jump_true), written);
                join(at + 1 + usize::from(instruction.jump_false), written);
                written = u16::MAX;
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
