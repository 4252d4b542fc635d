//! The Rules language: comparisons of header fields, combined with `not`, `and`, `xor` and `or`.
//!
//! Source of the language: `filter_v2` of the PCAPs API as the contract settles it (capture contract, A.2). `not` binds
//! closest, then `and`, `xor`, `or`. What the contract leaves open:
//!
//! * A field that a packet does not have, or that is not wholly in it, makes its comparison false, whatever the
//!   comparison, so that `tcp.dstport != 80` is false of UDP; and `not tcp.dstport == 80` is true of it.
//! * `ip.src`, `ip.dst`, `ip.proto`, `ip.ver`, `ip.ttl` (the hop limit) and `ip.len` (with the header) are those of IPv4 and
//!   IPv6; the other fields of `ip` are those of IPv4. An address of the other family is one that is not equal.
//! * As for five-tuples: up to two VLAN tags are looked through, `ip.proto` of IPv6 is the protocol behind the extension
//!   headers, and a later fragment has no fields of its transport.
//! * `ip.frag_offset` is the field as it stands, in units of 8 bytes; `ip.hdr_len` counts bytes; `ip.opt.type` is that of the
//!   first option; `tcp.flags` is the byte; `icmp` is that of IPv4.

mod compile;
mod find;
mod lexer;
mod parse;
mod tree;

use crate::error::Error;
use crate::limits::RULES_CHARACTERS_MAX;
use crate::program::Program;
use baleen_types::LinkType;
use tree::Node;

/// A text in the Rules language that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    text: String,
    tree: Node,
}

impl Rules {
    /// Reads a text.
    ///
    /// # Errors
    /// `Invalid` with the byte where the mistake is; `TooLarge` for a text of more than [`RULES_CHARACTERS_MAX`] characters.
    pub fn parse(text: &str) -> Result<Self, Error> {
        // No character has more bytes than four, so that only what may be short enough is counted.
        if text.len() > 4 * RULES_CHARACTERS_MAX || text.chars().count() > RULES_CHARACTERS_MAX {
            return Err(Error::RulesTooLong);
        }
        Ok(Self {
            text: text.to_owned(),
            tree: parse::parse(text)?,
        })
    }

    /// The text as it was given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Compiles it; see [`Filter::compile`](crate::Filter::compile).
    pub fn compile(&self, link: LinkType) -> Result<Program, Error> {
        Program::new(link, compile::compile(&self.tree, link)?)
    }
}

#[cfg(test)]
mod tests;
