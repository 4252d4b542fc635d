//! A program turned round, to stand before another: it rejects what it accepted and goes on with the rest.

use crate::assembler::{Assembler, Label};
use crate::error::Error;
use crate::opcode::{
    ASIDE, DIV, JA, JEQ, JGE, JGT, JSET, LD_B_ABS, LD_B_IND, LD_H_ABS, LD_H_IND, LD_LEN, LD_W_ABS, LD_W_IND, LDX_B_MSH,
    LDX_IMM, LDX_LEN, LDX_MEM, MOD, RET_A, RET_K, SUB, TAX, TXA, X,
};
use baleen_types::BpfInstruction;

/// How far the packet is known to reach at an instruction, on every path that leads there.
#[derive(Clone, Copy)]
struct Reach {
    /// From the start of the packet.
    packet: u32,
    /// From where the index register stands.
    index: u32,
}

impl Reach {
    const UNKNOWN: Self = Self { packet: 0, index: 0 };
    /// No path leads here.
    const NOWHERE: Self = Self {
        packet: u32::MAX,
        index: u32::MAX,
    };

    fn or(self, other: Self) -> Self {
        Self {
            packet: self.packet.min(other.packet),
            index: self.index.min(other.index),
        }
    }
}

/// Turns a checked program round.
///
/// A load past the end of a packet ends a program with "reject", whatever stands behind it. Here that would drop packets
/// that the program did not accept, so each load is led round when the packet is too short for it.
///
/// # Errors
/// `Invalid` for what cannot be combined: computed results, divisors and loads before the index register.
pub(crate) fn inverted(program: &[BpfInstruction]) -> Result<Vec<BpfInstruction>, Error> {
    let mut asm = Assembler::default();
    let labels: Vec<Label> = program.iter().map(|_| asm.label()).collect();
    let goes_on = asm.label();
    let mut on_entry = vec![Reach::NOWHERE; program.len()];
    // Jumps go forward, so that all paths to an instruction have been seen when it is come to.
    let mut reach = Reach::UNKNOWN;
    for (at, instruction) in program.iter().enumerate() {
        let refuse = |why| Err(Error::Program { why, at });
        let value = instruction.value;
        asm.here(labels[at]);
        reach = reach.or(on_entry[at]);
        match instruction.code {
            RET_K => {
                match value {
                    0 => asm.goto(goes_on),
                    _ => asm.emit(RET_K, 0),
                }
                reach = Reach::NOWHERE;
            }
            RET_A => return refuse("a computed result cannot be combined"),
            code if code == DIV | X || code == MOD | X => return refuse("a computed divisor cannot be combined"),
            JA => {
                let target = at + 1 + value as usize;
                on_entry[target] = on_entry[target].or(reach);
                asm.goto(labels[target]);
                reach = Reach::NOWHERE;
            }
            code if matches!(code & !X, JEQ | JGT | JGE | JSET) => {
                let [yes, no] =
                    [instruction.jump_true, instruction.jump_false].map(|distance| at + 1 + usize::from(distance));
                for target in [yes, no] {
                    on_entry[target] = on_entry[target].or(reach);
                }
                asm.branch(code, value, labels[yes], labels[no]);
                reach = Reach::NOWHERE;
            }
            code => {
                if let Some(width) = width(*instruction) {
                    let Some(end) = value.checked_add(width) else {
                        return refuse("a load before the index register cannot be combined");
                    };
                    guard(&mut asm, code, end, &mut reach, goes_on);
                }
                asm.emit(code, value);
                if matches!(code, TAX | LDX_IMM | LDX_LEN | LDX_MEM | LDX_B_MSH) {
                    reach.index = 0;
                }
            }
        }
    }
    asm.here(goes_on);
    asm.finish()
}

/// Bytes of the packet that are loaded; `None` for what loads nothing from it.
fn width(instruction: BpfInstruction) -> Option<u32> {
    match instruction.code {
        LD_W_ABS | LD_H_ABS | LD_B_ABS if instruction.value >= ASIDE => None,
        LD_W_ABS | LD_W_IND => Some(4),
        LD_H_ABS | LD_H_IND => Some(2),
        LD_B_ABS | LD_B_IND | LDX_B_MSH => Some(1),
        _ => None,
    }
}

/// Goes elsewhere when the packet has no bytes up to `end` for this load. Uses the register that the load overwrites.
fn guard(asm: &mut Assembler, code: u16, end: u32, reach: &mut Reach, elsewhere: Label) {
    let known = match code {
        LD_W_IND | LD_H_IND | LD_B_IND => &mut reach.index,
        _ => &mut reach.packet,
    };
    if *known >= end {
        return;
    }
    *known = end;
    match code {
        LD_W_IND | LD_H_IND | LD_B_IND => {
            asm.emit(LD_LEN, 0);
            asm.require(JGE | X, 0, elsewhere);
            asm.emit(SUB | X, 0);
            asm.require(JGE, end, elsewhere);
        }
        LDX_B_MSH => {
            asm.emit(TAX, 0);
            asm.emit(LD_LEN, 0);
            asm.require(JGE, end, elsewhere);
            asm.emit(TXA, 0);
        }
        _ => {
            asm.emit(LD_LEN, 0);
            asm.require(JGE, end, elsewhere);
        }
    }
}

#[cfg(test)]
mod tests;
