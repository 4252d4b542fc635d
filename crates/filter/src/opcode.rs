//! The operations of classic BPF (Linux `include/uapi/linux/bpf_common.h` and `filter.h`), spelled out.

// Loads: class LD or LDX, size, mode.
pub(crate) const LD_W_ABS: u16 = 0x20;
pub(crate) const LD_H_ABS: u16 = 0x28;
pub(crate) const LD_B_ABS: u16 = 0x30;
pub(crate) const LD_W_IND: u16 = 0x40;
pub(crate) const LD_H_IND: u16 = 0x48;
pub(crate) const LD_B_IND: u16 = 0x50;
pub(crate) const LD_IMM: u16 = 0x00;
pub(crate) const LD_MEM: u16 = 0x60;
pub(crate) const LD_LEN: u16 = 0x80;
pub(crate) const LDX_IMM: u16 = 0x01;
pub(crate) const LDX_MEM: u16 = 0x61;
pub(crate) const LDX_LEN: u16 = 0x81;
pub(crate) const LDX_B_MSH: u16 = 0xb1;
pub(crate) const ST: u16 = 0x02;
pub(crate) const STX: u16 = 0x03;

// Arithmetic with the constant; the bit X means: with the index register.
pub(crate) const X: u16 = 0x08;
pub(crate) const ADD: u16 = 0x04;
pub(crate) const SUB: u16 = 0x14;
pub(crate) const MUL: u16 = 0x24;
pub(crate) const DIV: u16 = 0x34;
pub(crate) const OR: u16 = 0x44;
pub(crate) const AND: u16 = 0x54;
pub(crate) const LSH: u16 = 0x64;
pub(crate) const RSH: u16 = 0x74;
pub(crate) const NEG: u16 = 0x84;
pub(crate) const MOD: u16 = 0x94;
pub(crate) const XOR: u16 = 0xa4;

pub(crate) const JA: u16 = 0x05;
pub(crate) const JEQ: u16 = 0x15;
pub(crate) const JGT: u16 = 0x25;
pub(crate) const JGE: u16 = 0x35;
pub(crate) const JSET: u16 = 0x45;

pub(crate) const RET_K: u16 = 0x06;
pub(crate) const RET_A: u16 = 0x16;
pub(crate) const TAX: u16 = 0x07;
pub(crate) const TXA: u16 = 0x87;

/// Absolute loads from here on ask for what the kernel knows beside the packet (`SKF_AD_OFF`, -4096).
pub(crate) const ASIDE: u32 = 0xffff_f000;
/// The EtherType.
pub(crate) const ASIDE_PROTOCOL: u32 = ASIDE;
/// Which way the packet goes.
pub(crate) const ASIDE_PACKET_TYPE: u32 = ASIDE + 4;
/// Index of the interface.
pub(crate) const ASIDE_INTERFACE: u32 = ASIDE + 8;
/// `ARPHRD_` type of the interface.
pub(crate) const ASIDE_HARDWARE: u32 = ASIDE + 28;
/// Control information of the tag that was taken out; 0 without.
pub(crate) const ASIDE_VLAN_TAG: u32 = ASIDE + 44;
/// 1 when a tag was taken out.
pub(crate) const ASIDE_VLAN_PRESENT: u32 = ASIDE + 48;
/// Protocol of the tag that was taken out.
pub(crate) const ASIDE_VLAN_PROTOCOL: u32 = ASIDE + 60;

/// From here up, offsets have a meaning of their own in the kernel or none at all.
pub(crate) const OFFSET_SPECIAL: u32 = 0x8000_0000;
