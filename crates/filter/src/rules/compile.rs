//! A tree of the Rules language as a program.
//!
//! The program finds the headers (`find.rs`) and then goes from comparison to comparison, each with two ways to go on. A
//! field that is not there takes the way of a comparison that does not hold.

use super::find::{ABSENT, FREE, ICMP, PROTOCOL, TCP, UDP, V4, V6, find, guard};
use super::tree::{Field, Node, Side, Test, Wanted};
use crate::assembler::{Assembler, Label};
use crate::error::Error;
use crate::limits::{ACCEPT, MEMORY_WORDS, RULES_TERMS_MAX};
use crate::opcode::{
    ADD, AND, JEQ, JGE, JGT, JSET, LD_B_IND, LD_H_IND, LD_IMM, LD_MEM, LD_W_IND, LDX_MEM, LSH, RET_K, ST, XOR,
};
use baleen_types::{BpfInstruction, LinkType};
use std::ops::RangeInclusive;

// An `xor` notes in a scratch word what came of its operands so far, so that each is in the program once. Whichever needs
// most words comes first, when none is in use yet: so n words at a time take 2^n comparisons.
const _: () = assert!(1 << (MEMORY_WORDS - FREE as usize) > RULES_TERMS_MAX);

pub(super) fn compile(tree: &Node, link: LinkType) -> Result<Vec<BpfInstruction>, Error> {
    let mut asm = Assembler::default();
    let (accept, reject) = (asm.label(), asm.label());
    find(&mut asm, link, words(tree))?;
    let mut this = Compiler { asm };
    this.node(
        tree,
        Ways {
            yes: accept,
            no: reject,
        },
        FREE,
    );
    let mut asm = this.asm;
    asm.here(accept);
    asm.emit(RET_K, ACCEPT);
    asm.here(reject);
    asm.emit(RET_K, 0);
    asm.finish()
}

/// Where to go on.
#[derive(Clone, Copy)]
struct Ways {
    yes: Label,
    no: Label,
}

impl Ways {
    fn swapped(self) -> Self {
        Self {
            yes: self.no,
            no: self.yes,
        }
    }
}

/// The scratch words that the fields of a tree are found by, one bit each.
fn words(node: &Node) -> u16 {
    match node {
        Node::Not(node) => words(node),
        Node::All(nodes) | Node::Odd(nodes) | Node::Any(nodes) => nodes.iter().fold(0, |all, node| all | words(node)),
        Node::Test(Test::Address { .. }) => 0,
        Node::Test(Test::Number { field, .. }) => match field {
            Field::Protocol => 1 << PROTOCOL,
            Field::TcpSource | Field::TcpDestination | Field::TcpFlags => 1 << TCP,
            Field::UdpSource | Field::UdpDestination => 1 << UDP,
            Field::IcmpType | Field::IcmpCode => 1 << ICMP,
            Field::Length
            | Field::TimeToLive
            | Field::Version
            | Field::HeaderLength
            | Field::Fragment
            | Field::FragmentOffset
            | Field::OptionType => 0,
        },
    }
}

/// How many scratch words the `xor` of a tree need at a time.
fn depth(node: &Node) -> u32 {
    match node {
        Node::Test(_) => 0,
        Node::Not(node) => depth(node),
        Node::All(nodes) | Node::Any(nodes) => nodes.iter().map(depth).max().unwrap_or(0),
        Node::Odd(nodes) => {
            let mut depths: Vec<u32> = nodes.iter().map(depth).collect();
            depths.sort_unstable_by(|one, other| other.cmp(one));
            depths[0].max(1 + depths.get(1).copied().unwrap_or(0))
        }
    }
}

struct Compiler {
    asm: Assembler,
}

impl Compiler {
    /// Tests a condition; scratch words from `free` on may be used.
    fn node(&mut self, node: &Node, ways: Ways, free: u32) {
        match node {
            Node::Test(test) => self.test(test, ways),
            Node::Not(node) => self.node(node, ways.swapped(), free),
            Node::All(nodes) => self.sequence(nodes, ways, free, |next, ways| Ways { yes: next, ..ways }),
            Node::Any(nodes) => self.sequence(nodes, ways, free, |next, ways| Ways { no: next, ..ways }),
            Node::Odd(nodes) => self.odd(nodes, ways, free),
        }
    }

    /// Tests one after the other; `on` says which way leads to the next.
    fn sequence(&mut self, nodes: &[Node], ways: Ways, free: u32, on: impl Fn(Label, Ways) -> Ways) {
        let Some((last, others)) = nodes.split_last() else {
            return;
        };
        for node in others {
            let next = self.asm.label();
            self.node(node, on(next, ways), free);
            self.asm.here(next);
        }
        self.node(last, ways, free);
    }

    fn odd(&mut self, nodes: &[Node], ways: Ways, free: u32) {
        let mut nodes: Vec<&Node> = nodes.iter().collect();
        nodes.sort_by_key(|node| std::cmp::Reverse(depth(node)));
        for (n, node) in nodes.iter().enumerate() {
            let here = Ways {
                yes: self.asm.label(),
                no: self.asm.label(),
            };
            self.node(node, here, if n == 0 { free } else { free + 1 });
            if n == 0 {
                let noted = self.asm.label();
                self.asm.here(here.yes);
                self.asm.emit(LD_IMM, 1);
                self.asm.goto(noted);
                self.asm.here(here.no);
                self.asm.emit(LD_IMM, 0);
                self.asm.here(noted);
                self.asm.emit(ST, free);
            } else if n + 1 == nodes.len() {
                for (label, wanted) in [(here.yes, 0), (here.no, 1)] {
                    self.asm.here(label);
                    self.asm.emit(LD_MEM, free);
                    self.asm.branch(JEQ, wanted, ways.yes, ways.no);
                }
            } else {
                self.asm.here(here.yes);
                self.asm.emit(LD_MEM, free);
                self.asm.emit(XOR, 1);
                self.asm.emit(ST, free);
                self.asm.here(here.no);
            }
        }
    }

    fn test(&mut self, test: &Test, ways: Ways) {
        let absent = ways.no;
        let (Test::Number { is_negated, .. } | Test::Address { is_negated, .. }) = *test;
        let ways = if is_negated { ways.swapped() } else { ways };
        match test {
            Test::Number { field, wanted, .. } => {
                self.load(*field, absent);
                match wanted {
                    Wanted::Numbers(ranges) => self.numbers(ranges, ways),
                    Wanted::Bits(mask) => self.asm.branch(JSET, *mask, ways.yes, ways.no),
                }
            }
            Test::Address { side, v4, v6, .. } => {
                let (in_v4, in_v6) = match side {
                    Side::Source => (12, 8),
                    Side::Destination => (16, 24),
                };
                // Of a family in which nothing is wanted, an address is not equal to what is.
                if is_negated || !v4.is_empty() {
                    let other = self.asm.label();
                    self.load_at(V4, LD_W_IND, in_v4, other);
                    self.numbers(v4, ways);
                    self.asm.here(other);
                }
                if is_negated || !v6.is_empty() {
                    self.asm.emit(LDX_MEM, V6);
                    guard(&mut self.asm, in_v6 + 16, absent);
                    self.addresses(v6, in_v6, ways);
                } else {
                    self.asm.goto(absent);
                }
            }
        }
    }

    /// Leaves a field in the accumulator.
    fn load(&mut self, field: Field, absent: Label) {
        let (six, loaded) = (self.asm.label(), self.asm.label());
        match field {
            Field::Protocol => {
                self.asm.emit(LD_MEM, PROTOCOL);
                self.asm.branch_if(JEQ, ABSENT, absent);
            }
            Field::Version => {
                self.asm.emit(LD_MEM, V4);
                self.asm.branch_if(JEQ, ABSENT, six);
                self.asm.emit(LD_IMM, 4);
                self.asm.goto(loaded);
                self.asm.here(six);
                self.asm.emit(LD_MEM, V6);
                self.asm.branch_if(JEQ, ABSENT, absent);
                self.asm.emit(LD_IMM, 6);
                self.asm.here(loaded);
            }
            Field::Length => {
                self.load_at(V4, LD_H_IND, 2, six);
                self.asm.goto(loaded);
                self.asm.here(six);
                self.load_at(V6, LD_H_IND, 4, absent);
                self.asm.emit(ADD, 40);
                self.asm.here(loaded);
            }
            Field::TimeToLive => {
                self.load_at(V4, LD_B_IND, 8, six);
                self.asm.goto(loaded);
                self.asm.here(six);
                self.load_at(V6, LD_B_IND, 7, absent);
                self.asm.here(loaded);
            }
            Field::HeaderLength => {
                self.load_at(V4, LD_B_IND, 0, absent);
                self.asm.emit(AND, 0x0f);
                self.asm.emit(LSH, 2);
            }
            Field::OptionType => {
                self.load_at(V4, LD_B_IND, 0, absent);
                self.asm.emit(AND, 0x0f);
                self.asm.require(JGT, 5, absent);
                self.load_at(V4, LD_B_IND, 20, absent);
            }
            Field::Fragment => self.load_at(V4, LD_H_IND, 6, absent),
            Field::FragmentOffset => {
                self.load_at(V4, LD_H_IND, 6, absent);
                self.asm.emit(AND, 0x1fff);
            }
            Field::TcpSource => self.load_at(TCP, LD_H_IND, 0, absent),
            Field::TcpDestination => self.load_at(TCP, LD_H_IND, 2, absent),
            Field::TcpFlags => self.load_at(TCP, LD_B_IND, 13, absent),
            Field::UdpSource => self.load_at(UDP, LD_H_IND, 0, absent),
            Field::UdpDestination => self.load_at(UDP, LD_H_IND, 2, absent),
            Field::IcmpType => self.load_at(ICMP, LD_B_IND, 0, absent),
            Field::IcmpCode => self.load_at(ICMP, LD_B_IND, 1, absent),
        }
    }

    /// Loads from a header whose place is in a scratch word; leaves the index register there.
    fn load_at(&mut self, word: u32, code: u16, offset: u32, absent: Label) {
        let width = match code {
            LD_W_IND => 4,
            LD_H_IND => 2,
            _ => 1,
        };
        self.asm.emit(LDX_MEM, word);
        guard(&mut self.asm, offset + width, absent);
        self.asm.emit(code, offset);
    }

    /// Tests whether the accumulator is in one of the ranges, which are in order.
    fn numbers(&mut self, ranges: &[RangeInclusive<u32>], ways: Ways) {
        for range in ranges {
            let other = self.asm.label();
            match (*range.start(), *range.end()) {
                (low, high) if low == high => self.asm.branch(JEQ, low, ways.yes, other),
                (0, u32::MAX) => self.asm.goto(ways.yes),
                (0, high) => self.asm.branch(JGT, high, other, ways.yes),
                (low, u32::MAX) => self.asm.branch(JGE, low, ways.yes, other),
                (low, high) => {
                    // What is below this range is below all that follow.
                    self.asm.require(JGE, low, ways.no);
                    self.asm.branch(JGT, high, other, ways.yes);
                }
            }
            self.asm.here(other);
        }
        self.asm.goto(ways.no);
    }

    /// Tests whether the address at an offset from the index register is in one of the ranges.
    fn addresses(&mut self, ranges: &[RangeInclusive<u128>], offset: u32, ways: Ways) {
        for range in ranges {
            let other = self.asm.label();
            self.long(range, offset, Ways { no: other, ..ways });
            self.asm.here(other);
        }
        self.asm.goto(ways.no);
    }

    /// Tests whether the address at an offset from the index register is in the range.
    fn long(&mut self, range: &RangeInclusive<u128>, offset: u32, ways: Ways) {
        let (low, high) = (limbs(*range.start()), limbs(*range.end()));
        // The words in which both ends agree; the first in which they differ decides, unless it is that of an end.
        let same = low.iter().zip(&high).take_while(|(low, high)| low == high).count();
        let at = |word: usize| offset + 4 * u32::try_from(word).unwrap_or(0);
        for (word, wanted) in low.iter().enumerate().take(same) {
            self.asm.emit(LD_W_IND, at(word));
            self.asm.require(JEQ, *wanted, ways.no);
        }
        if same == low.len() {
            self.asm.goto(ways.yes);
            return;
        }
        self.asm.emit(LD_W_IND, at(same));
        let (starts_inside, ends_inside) = (
            low[same + 1..].iter().any(|word| *word != 0),
            high[same + 1..].iter().any(|word| *word != u32::MAX),
        );
        if low[same] > 0 {
            self.asm.require(JGE, low[same], ways.no);
        }
        if high[same] < u32::MAX {
            self.asm.branch_if(JGT, high[same], ways.no);
        }
        let (at_start, at_end) = (self.asm.label(), self.asm.label());
        if starts_inside {
            self.asm.branch_if(JEQ, low[same], at_start);
        }
        if ends_inside {
            self.asm.branch_if(JEQ, high[same], at_end);
        }
        self.asm.goto(ways.yes);
        for (is_there, label, ends, (inside, outside)) in [
            (starts_inside, at_start, low, (ways.yes, ways.no)),
            (ends_inside, at_end, high, (ways.no, ways.yes)),
        ] {
            if !is_there {
                continue;
            }
            self.asm.here(label);
            for (word, end) in ends.iter().enumerate().skip(same + 1) {
                // Above the end's word: inside of a range that starts there, outside of one that ends there.
                self.asm.emit(LD_W_IND, at(word));
                self.asm.branch_if(JGT, *end, inside);
                self.asm.require(JEQ, *end, outside);
            }
            self.asm.goto(ways.yes);
        }
    }
}

/// The words of an address, as they stand in a packet.
fn limbs(address: u128) -> [u32; 4] {
    let bytes = address.to_be_bytes();
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<4>().0) {
        *word = u32::from_be_bytes(*bytes);
    }
    words
}
