//! Runs a checked program over one packet, as the kernel would.

use crate::limits::MEMORY_WORDS;
use crate::opcode::{
    ADD, AND, ASIDE, ASIDE_HARDWARE, ASIDE_INTERFACE, ASIDE_PACKET_TYPE, ASIDE_PROTOCOL, ASIDE_VLAN_PRESENT,
    ASIDE_VLAN_PROTOCOL, ASIDE_VLAN_TAG, DIV, JA, JEQ, JGE, JGT, JSET, LD_B_ABS, LD_B_IND, LD_H_ABS, LD_H_IND, LD_IMM,
    LD_LEN, LD_MEM, LD_W_ABS, LD_W_IND, LDX_B_MSH, LDX_IMM, LDX_LEN, LDX_MEM, LSH, MOD, MUL, NEG, OR, RET_A, RET_K,
    RSH, ST, STX, SUB, TAX, TXA, X, XOR,
};
use crate::view::View;
use baleen_types::BpfInstruction;

/// Returns the program's verdict: the number of bytes to keep.
///
/// A load outside of the packet and a division by a zero that was computed both reject the packet, as in the kernel.
/// The program has to be a checked one; what a check would have refused rejects the packet.
pub(crate) fn run(program: &[BpfInstruction], view: &View<'_>) -> u32 {
    let mut memory = [0u32; MEMORY_WORDS];
    let (mut a, mut x) = (0u32, 0u32);
    let mut at = 0;
    // Jumps go forward only, so that this ends after at most as many steps as there are instructions.
    while let Some(instruction) = program.get(at) {
        let k = instruction.value;
        at += 1;
        match instruction.code {
            LD_W_ABS | LD_H_ABS | LD_B_ABS if k >= ASIDE => match aside(view, k) {
                Some(value) => a = value,
                None => return 0,
            },
            code @ (LD_W_ABS | LD_H_ABS | LD_B_ABS | LD_W_IND | LD_H_IND | LD_B_IND) => {
                let offset = if code & LD_W_IND != 0 { x.wrapping_add(k) } else { k };
                let width = match code {
                    LD_W_ABS | LD_W_IND => 4,
                    LD_H_ABS | LD_H_IND => 2,
                    _ => 1,
                };
                match view.load(offset, width) {
                    Some(value) => a = value,
                    None => return 0,
                }
            }
            LDX_B_MSH => match view.load(k, 1) {
                Some(value) => x = (value & 0xf) << 2,
                None => return 0,
            },
            LD_IMM => a = k,
            LD_LEN => a = view.length(),
            LD_MEM => a = memory[k as usize % MEMORY_WORDS],
            LDX_IMM => x = k,
            LDX_LEN => x = view.length(),
            LDX_MEM => x = memory[k as usize % MEMORY_WORDS],
            ST => memory[k as usize % MEMORY_WORDS] = a,
            STX => memory[k as usize % MEMORY_WORDS] = x,
            TAX => x = a,
            TXA => a = x,
            RET_K => return k,
            RET_A => return a,
            JA => at += k as usize,
            NEG => a = a.wrapping_neg(),
            code if code & 7 == JA => {
                let operand = if code & X != 0 { x } else { k };
                let holds = match code & !X {
                    JEQ => a == operand,
                    JGT => a > operand,
                    JGE => a >= operand,
                    JSET => a & operand != 0,
                    _ => return 0,
                };
                at += usize::from(if holds {
                    instruction.jump_true
                } else {
                    instruction.jump_false
                });
            }
            code => match arithmetic(code & !X, a, if code & X != 0 { x } else { k }) {
                Some(value) => a = value,
                None => return 0,
            },
        }
    }
    0
}

fn arithmetic(operation: u16, a: u32, operand: u32) -> Option<u32> {
    Some(match operation {
        ADD => a.wrapping_add(operand),
        SUB => a.wrapping_sub(operand),
        MUL => a.wrapping_mul(operand),
        DIV => a.checked_div(operand)?,
        MOD => a.checked_rem(operand)?,
        OR => a | operand,
        AND => a & operand,
        XOR => a ^ operand,
        // The kernel's 32-bit shifts use the low five bits of the register.
        LSH => a.wrapping_shl(operand),
        RSH => a.wrapping_shr(operand),
        _ => return None,
    })
}

fn aside(view: &View<'_>, what: u32) -> Option<u32> {
    Some(match what {
        ASIDE_PROTOCOL => u32::from(view.protocol),
        ASIDE_PACKET_TYPE => u32::from(view.packet_type),
        ASIDE_INTERFACE => view.interface,
        ASIDE_HARDWARE => u32::from(view.hardware),
        ASIDE_VLAN_TAG => view.vlan.map_or(0, |tag| u32::from(tag.control)),
        ASIDE_VLAN_PRESENT => u32::from(view.vlan.is_some()),
        ASIDE_VLAN_PROTOCOL => view.vlan.map_or(0, |tag| u32::from(tag.protocol)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
