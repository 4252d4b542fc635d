//! The first part of a program in the Rules language: where the headers of a packet are.
//!
//! Offsets are left in scratch words, and [`ABSENT`] where there is no such header. Each load is guarded, since one outside
//! of the packet would reject it, whatever the rules say of packets without that field.

use crate::assembler::{Assembler, Label};
use crate::error::Error;
use crate::headers::{AUTHENTICATION, EXTENSIONS, FRAGMENT};
use crate::limits::EXTENSION_HEADERS_MAX;
use crate::network::{Exits, find_network};
use crate::opcode::{
    ADD, AND, JEQ, JGE, JSET, LD_B_IND, LD_H_IND, LD_IMM, LD_LEN, LD_MEM, LSH, ST, STX, SUB, TAX, TXA, X,
};
use baleen_types::LinkType;

// Scratch words: where headers begin, the protocol behind the network header, and one for the moment.
pub(super) const V4: u32 = 0;
pub(super) const V6: u32 = 1;
pub(super) const TCP: u32 = 2;
pub(super) const UDP: u32 = 3;
pub(super) const ICMP: u32 = 4;
pub(super) const PROTOCOL: u32 = 5;
const NEXT: u32 = 6;
/// The first that is free.
pub(super) const FREE: u32 = 7;

/// No offset in a packet, and no protocol: a guard takes it for one behind the end.
pub(super) const ABSENT: u32 = u32::MAX;

/// The headers in which a transport's fields are, with its protocol.
const TRANSPORTS: [(u32, u32); 3] = [(TCP, 6), (UDP, 17), (ICMP, 1)];

/// Finds what is in `words`; the network headers always.
pub(super) fn find(asm: &mut Assembler, link: LinkType, words: u16) -> Result<(), Error> {
    let ready = asm.label();
    let mut this = Finder { asm, words, ready };
    this.asm.emit(LD_IMM, ABSENT);
    for word in [V4, V6, TCP, UDP, ICMP, PROTOCOL] {
        if word == V4 || word == V6 || this.wants(word) {
            this.asm.emit(ST, word);
        }
    }
    let (v4, v6) = (this.asm.label(), this.asm.label());
    let exits = Exits {
        v4,
        v6,
        other: ready,
        guarded: true,
    };
    find_network(this.asm, link, exits).ok_or(Error::RulesLink(link))?;
    this.asm.here(v4);
    this.v4();
    this.asm.here(v6);
    this.v6();
    this.asm.here(ready);
    Ok(())
}

/// Goes elsewhere when the packet does not reach `end` bytes from the index register on.
pub(super) fn guard(asm: &mut Assembler, end: u32, elsewhere: Label) {
    asm.emit(LD_LEN, 0);
    asm.require(JGE | X, 0, elsewhere);
    asm.emit(SUB | X, 0);
    asm.require(JGE, end, elsewhere);
}

struct Finder<'a> {
    asm: &'a mut Assembler,
    words: u16,
    /// Behind all this.
    ready: Label,
}

impl Finder<'_> {
    fn wants(&self, word: u32) -> bool {
        self.words & (1 << word) != 0
    }

    fn wants_transport(&self) -> bool {
        TRANSPORTS.iter().any(|(word, _)| self.wants(*word))
    }

    fn wants_protocol(&self) -> bool {
        self.wants(PROTOCOL) || self.wants_transport()
    }

    /// Source: RFC 791 section 3.1.
    fn v4(&mut self) {
        self.asm.emit(STX, V4);
        if self.wants_protocol() {
            guard(self.asm, 10, self.ready);
            self.asm.emit(LD_B_IND, 9);
            self.keep_protocol();
        }
        if self.wants_transport() {
            self.asm.emit(ST, NEXT);
            self.asm.emit(LD_H_IND, 6);
            self.asm.branch_if(JSET, 0x1fff, self.ready);
            self.asm.emit(LD_B_IND, 0);
            self.asm.emit(AND, 0x0f);
            // A header shorter than one can be tells nothing of what is behind it.
            self.asm.require(JGE, 5, self.ready);
            self.asm.emit(LSH, 2);
            self.asm.emit(ADD | X, 0);
            self.asm.emit(TAX, 0);
            self.asm.emit(LD_MEM, NEXT);
            self.keep_transport(&TRANSPORTS);
        }
        self.asm.goto(self.ready);
    }

    /// Source: RFC 8200 sections 3 and 4.
    fn v6(&mut self) {
        self.asm.emit(STX, V6);
        if self.wants_protocol() {
            let (found, later) = (self.asm.label(), self.asm.label());
            guard(self.asm, 40, self.ready);
            self.asm.emit(LD_B_IND, 6);
            self.step(40);
            for _ in 0..EXTENSION_HEADERS_MAX {
                self.extension(found, later);
            }
            self.asm.here(found);
            self.keep_protocol();
            // ICMP of IPv4 does not stand in IPv6.
            self.keep_transport(&TRANSPORTS[..2]);
            self.asm.goto(self.ready);
            self.asm.here(later);
            self.keep_protocol();
        }
        self.asm.goto(self.ready);
    }

    /// Keeps the accumulator and moves the index register on.
    fn step(&mut self, bytes: u32) {
        self.asm.emit(ST, NEXT);
        self.asm.emit(TXA, 0);
        self.asm.emit(ADD, bytes);
        self.asm.emit(TAX, 0);
        self.asm.emit(LD_MEM, NEXT);
    }

    /// Looks behind one extension header: the accumulator holds its type, the index register stands on it. What follows the
    /// header of a later fragment is the middle of a datagram.
    fn extension(&mut self, found: Label, later: Label) {
        let (options, fragment, authentication, next) =
            (self.asm.label(), self.asm.label(), self.asm.label(), self.asm.label());
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
        guard(self.asm, 4, self.ready);
        self.asm.emit(LD_B_IND, 0);
        self.asm.emit(ST, NEXT);
        self.asm.emit(LD_H_IND, 2);
        self.asm.emit(AND, 0xfff8);
        let (first, is_later) = (self.asm.label(), self.asm.label());
        self.asm.branch(JEQ, 0, first, is_later);
        self.asm.here(is_later);
        self.asm.emit(LD_MEM, NEXT);
        self.asm.goto(later);
        self.asm.here(first);
        self.asm.emit(LD_MEM, NEXT);
        self.step(8);
        self.asm.goto(next);

        for (start, extra, shift) in [(authentication, 2, 2), (options, 1, 3)] {
            self.asm.here(start);
            guard(self.asm, 2, self.ready);
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

    /// The accumulator holds the protocol.
    fn keep_protocol(&mut self) {
        if self.wants(PROTOCOL) {
            self.asm.emit(ST, PROTOCOL);
        }
    }

    /// The accumulator holds the protocol, the index register stands on its header.
    fn keep_transport(&mut self, transports: &[(u32, u32)]) {
        for (word, protocol) in transports {
            if self.wants(*word) {
                let other = self.asm.label();
                self.asm.require(JEQ, *protocol, other);
                self.asm.emit(STX, *word);
                self.asm.goto(self.ready);
                self.asm.here(other);
            }
        }
    }
}
