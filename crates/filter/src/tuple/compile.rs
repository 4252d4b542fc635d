//! A five-tuple as a program.
//!
//! The program finds the network header (with the index register on it), the protocol and the transport header, notes
//! both places in scratch words, and then tests the ends, once or for both directions.

use super::{End, Family, FiveTuple};
use crate::assembler::{Assembler, Label};
use crate::error::Error;
use crate::headers::{AUTHENTICATION, EXTENSIONS, FRAGMENT};
use crate::limits::{ACCEPT, EXTENSION_HEADERS_MAX};
use crate::network::{Exits, find_network};
use crate::opcode::{
    ADD, AND, JEQ, JGE, JGT, JSET, LD_B_IND, LD_H_IND, LD_MEM, LD_W_IND, LDX_MEM, LSH, RET_K, ST, STX, TAX, TXA, X,
};
use baleen_types::{BpfInstruction, LinkType};
use ipnet::IpNet;

// Scratch words.
const NETWORK: u32 = 0;
const TRANSPORT: u32 = 1;
const NEXT: u32 = 2;

/// Where an address of an end stands.
#[derive(Clone, Copy)]
enum Side {
    Source,
    Destination,
}

struct Compiler<'t> {
    asm: Assembler,
    tuple: &'t FiveTuple,
    protocols: Vec<u8>,
    accept: Label,
    reject: Label,
}

pub(super) fn compile(tuple: &FiveTuple, link: LinkType) -> Result<Vec<BpfInstruction>, Error> {
    let mut asm = Assembler::default();
    let (accept, reject) = (asm.label(), asm.label());
    let mut this = Compiler {
        asm,
        tuple,
        protocols: tuple.protocols(),
        accept,
        reject,
    };
    let (v4, v6) = (this.asm.label(), this.asm.label());
    let exits = Exits {
        v4,
        v6,
        other: reject,
        guarded: false,
    };
    find_network(&mut this.asm, link, exits).ok_or(Error::TupleLink(link))?;
    this.asm.here(v4);
    if tuple.family() == Some(Family::V6) {
        this.asm.goto(reject);
    } else {
        this.ipv4();
    }
    this.asm.here(v6);
    if tuple.family() == Some(Family::V4) {
        this.asm.goto(reject);
    } else {
        this.ipv6();
    }
    this.asm.here(accept);
    this.asm.emit(RET_K, ACCEPT);
    this.asm.here(reject);
    this.asm.emit(RET_K, 0);
    this.asm.finish()
}

impl Compiler<'_> {
    /// Source: RFC 791 section 3.1.
    fn ipv4(&mut self) {
        self.asm.emit(STX, NETWORK);
        if !self.protocols.is_empty() {
            self.asm.emit(LD_B_IND, 9);
            self.require_protocol();
        }
        if self.tuple.has_ports() {
            self.asm.emit(LD_H_IND, 6);
            self.asm.branch_if(JSET, 0x1fff, self.reject);
            self.asm.emit(LD_B_IND, 0);
            self.asm.emit(AND, 0x0f);
            self.asm.emit(LSH, 2);
            self.asm.emit(ADD | X, 0);
            self.asm.emit(ST, TRANSPORT);
        }
        self.ends(Family::V4);
    }

    /// Source: RFC 8200 sections 3 and 4.
    fn ipv6(&mut self) {
        self.asm.emit(STX, NETWORK);
        if !self.protocols.is_empty() {
            self.asm.emit(LD_B_IND, 6);
            self.step(40);
            let found = self.asm.label();
            for _ in 0..EXTENSION_HEADERS_MAX {
                self.extension(found);
            }
            self.asm.here(found);
            self.require_protocol();
            self.asm.emit(STX, TRANSPORT);
        }
        self.ends(Family::V6);
    }

    /// Keeps the accumulator and moves the index register on.
    fn step(&mut self, bytes: u32) {
        self.asm.emit(ST, NEXT);
        self.asm.emit(TXA, 0);
        self.asm.emit(ADD, bytes);
        self.asm.emit(TAX, 0);
        self.asm.emit(LD_MEM, NEXT);
    }

    /// Looks behind one extension header: the accumulator holds its type, the index register stands on it.
    fn extension(&mut self, found: Label) {
        let (options, fragment, authentication, next) =
            (self.asm.label(), self.asm.label(), self.asm.label(), self.asm.label());
        // A protocol that is an extension header itself is found where it stands.
        for protocol in self.protocols.clone() {
            if EXTENSIONS.contains(&u32::from(protocol)) {
                self.asm.branch_if(JEQ, u32::from(protocol), found);
            }
        }
        for extension in EXTENSIONS {
            let target = match extension {
                FRAGMENT => fragment,
                AUTHENTICATION => authentication,
                _ => options,
            };
            self.asm.branch_if(JEQ, extension, target);
        }
        self.asm.goto(found);

        self.asm.here(fragment);
        self.asm.emit(LD_B_IND, 0);
        self.asm.emit(ST, NEXT);
        self.asm.emit(LD_H_IND, 2);
        self.asm.emit(AND, 0xfff8);
        let (first, later) = (self.asm.label(), self.asm.label());
        self.asm.branch(JEQ, 0, first, later);
        self.asm.here(later);
        if self.tuple.has_ports() {
            self.asm.goto(self.reject);
        } else {
            // What follows is the middle of a datagram, not a header.
            self.asm.emit(LD_MEM, NEXT);
            self.asm.goto(found);
        }
        self.asm.here(first);
        self.asm.emit(LD_MEM, NEXT);
        self.step(8);
        self.asm.goto(next);

        for (start, extra, shift) in [(authentication, 2, 2), (options, 1, 3)] {
            self.asm.here(start);
            self.asm.emit(LD_B_IND, 0);
            self.asm.emit(ST, NEXT);
            self.asm.emit(LD_B_IND, 1);
            self.asm.emit(ADD, extra);
            self.asm.emit(LSH, shift);
            self.asm.emit(ADD | X, 0);
            self.asm.emit(TAX, 0);
            self.asm.emit(LD_MEM, NEXT);
            self.asm.goto(next);
        }
        self.asm.here(next);
    }

    fn require_protocol(&mut self) {
        let matches = self.asm.label();
        let protocols = self.protocols.clone();
        for protocol in protocols {
            self.asm.branch_if(JEQ, u32::from(protocol), matches);
        }
        self.asm.goto(self.reject);
        self.asm.here(matches);
    }

    /// Tests both ends in one direction, and then in the other if that is asked for.
    fn ends(&mut self, family: Family) {
        let (accept, reject, tuple) = (self.accept, self.reject, self.tuple);
        let forward_failed = if tuple.bidirectional { self.asm.label() } else { reject };
        self.direction(family, &tuple.source, &tuple.destination, forward_failed);
        self.asm.goto(accept);
        if tuple.bidirectional {
            self.asm.here(forward_failed);
            self.direction(family, &tuple.destination, &tuple.source, reject);
            self.asm.goto(accept);
        }
    }

    fn direction(&mut self, family: Family, source: &End, destination: &End, failed: Label) {
        for (end, side) in [(source, Side::Source), (destination, Side::Destination)] {
            if end.addresses.is_empty() {
                continue;
            }
            self.asm.emit(LDX_MEM, NETWORK);
            let matches = self.asm.label();
            for block in &end.addresses {
                let other = self.asm.label();
                self.address(family, block, side, other);
                self.asm.goto(matches);
                self.asm.here(other);
            }
            self.asm.goto(failed);
            self.asm.here(matches);
        }
        for (end, side) in [(source, Side::Source), (destination, Side::Destination)] {
            if end.ports.is_empty() {
                continue;
            }
            self.asm.emit(LDX_MEM, TRANSPORT);
            let offset = match side {
                Side::Source => 0,
                Side::Destination => 2,
            };
            self.asm.emit(LD_H_IND, offset);
            let matches = self.asm.label();
            for range in &end.ports {
                let other = self.asm.label();
                self.asm.require(JGE, u32::from(*range.start()), other);
                self.asm.branch(JGT, u32::from(*range.end()), other, matches);
                self.asm.here(other);
            }
            self.asm.goto(failed);
            self.asm.here(matches);
        }
    }

    /// Goes on when the address lies in the block.
    fn address(&mut self, family: Family, block: &IpNet, side: Side, failed: Label) {
        let (bytes, offset) = match (block, side) {
            (IpNet::V4(block), Side::Source) => (block.network().octets().to_vec(), 12),
            (IpNet::V4(block), Side::Destination) => (block.network().octets().to_vec(), 16),
            (IpNet::V6(block), Side::Source) => (block.network().octets().to_vec(), 8),
            (IpNet::V6(block), Side::Destination) => (block.network().octets().to_vec(), 24),
        };
        if super::family(block) != family {
            self.asm.goto(failed);
            return;
        }
        // The last word first: that is where the addresses of a network differ, and what reaches to there reaches to the
        // others, so that an exclusion has to look once only whether it does.
        for (number, word) in (0u32..4).zip(bytes.as_chunks::<4>().0).rev() {
            let bits = u32::from(block.prefix_len()).saturating_sub(number * 32);
            if bits == 0 {
                continue;
            }
            self.asm.emit(LD_W_IND, offset + number * 4);
            if bits < 32 {
                self.asm.emit(AND, u32::MAX << (32 - bits));
            }
            self.asm.require(JEQ, u32::from_be_bytes(*word), failed);
        }
    }
}
