//! The way to the network header, for the programs that are made by hand.

use crate::assembler::{Assembler, Label};
use crate::headers::{ETHERTYPE_IPV4, ETHERTYPE_IPV6, TAG_PROTOCOLS};
use crate::opcode::{AND, ASIDE_PROTOCOL, ASIDE_VLAN_PRESENT, JEQ, JGE, LD_B_ABS, LD_H_ABS, LD_LEN, LDX_IMM};
use baleen_types::LinkType;

/// Where a program goes on.
#[derive(Clone, Copy)]
pub(crate) struct Exits {
    pub(crate) v4: Label,
    pub(crate) v6: Label,
    /// With any other protocol.
    pub(crate) other: Label,
    /// Whether a packet that ends too soon goes to `other` too. Without it a load outside of the packet rejects it, which costs
    /// nothing where `other` rejects as well.
    pub(crate) guarded: bool,
}

/// Leaves the index register on the network header. `None` for a link type whose headers are not known here.
pub(crate) fn find_network(asm: &mut Assembler, link: LinkType, exits: Exits) -> Option<()> {
    let reach = |asm: &mut Assembler, end| {
        if exits.guarded {
            asm.emit(LD_LEN, 0);
            asm.require(JGE, end, exits.other);
        }
    };
    // The kernel shows cooked packets from the network header on, and their protocol beside it.
    let (load_type, network) = match link {
        LinkType::ETHERNET => ((LD_H_ABS, 12), 14),
        LinkType::LINUX_SLL2 => ((LD_H_ABS, ASIDE_PROTOCOL), 0),
        LinkType::RAW => {
            reach(asm, 1);
            asm.emit(LDX_IMM, 0);
            asm.emit(LD_B_ABS, 0);
            asm.emit(AND, 0xf0);
            asm.branch_if(JEQ, 0x40, exits.v4);
            asm.branch(JEQ, 0x60, exits.v6, exits.other);
            return Some(());
        }
        _ => return None,
    };
    let (found, one_tag, two_tags) = (asm.label(), asm.label(), asm.label());
    reach(asm, network);
    asm.emit(LDX_IMM, network);
    asm.emit(load_type.0, load_type.1);
    branch_on_tag(asm, one_tag);
    asm.goto(found);
    asm.here(one_tag);
    reach(asm, network + 4);
    asm.emit(LDX_IMM, network + 4);
    asm.emit(LD_H_ABS, network + 2);
    branch_on_tag(asm, two_tags);
    asm.goto(found);
    asm.here(two_tags);
    // With one more beside the packet this would be the third.
    asm.emit(LD_B_ABS, ASIDE_VLAN_PRESENT);
    asm.branch_if(JEQ, 1, exits.other);
    reach(asm, network + 8);
    asm.emit(LDX_IMM, network + 8);
    asm.emit(LD_H_ABS, network + 6);
    asm.here(found);
    asm.branch_if(JEQ, ETHERTYPE_IPV4, exits.v4);
    asm.branch(JEQ, ETHERTYPE_IPV6, exits.v6, exits.other);
    Some(())
}

fn branch_on_tag(asm: &mut Assembler, tagged: Label) {
    for protocol in TAG_PROTOCOLS {
        asm.branch_if(JEQ, protocol, tagged);
    }
}
