//! Capture filters: tcpdump expressions, five-tuples and the Rules language, compiled to classic BPF, and a safe interpreter of the result.
//!
//! A [`Filter`] is what a person asked for; [`Filter::compile`] makes the [`Program`] for one link type, which the kernel
//! runs before a packet reaches us. [`Program::matches`] runs the same program over a packet from a file and comes to the
//! same verdict, because a [`View`] shows it the packet as the kernel would.
//!
//! tcpdump expressions are compiled by libpcap, so that they mean what they mean to tcpdump. Two things are ours: the
//! VLAN tag, which the kernel keeps beside the packet and which libpcap looks for there only on a live handle that needs
//! privileges (`expression.rs` has the rewriting that comes to the same verdict without one); and five-tuples, for whose
//! rules on extension headers and fragments libpcap's language has no words. The Rules language is ours too, for the same
//! rules, and since a field that a packet does not have makes a comparison false there and not the whole.
//!
//! Pure: no sockets, no clock. One exception is libpcap's: a host name in an expression is looked up while compiling, so
//! `Filter::expression` and `compile` may block; call them where blocking is allowed.

mod assembler;
mod error;
mod exclusion;
mod expression;
mod headers;
mod interpreter;
mod limits;
mod locate;
mod names;
mod network;
mod opcode;
mod program;
mod rules;
mod tuple;
mod view;

pub use error::Error;
pub use expression::Expression;
pub use limits::{
    END_ITEMS_MAX, EXPRESSION_BYTES_MAX, EXPRESSION_WORDS_MAX, INSTRUCTIONS_MAX, RULES_CHARACTERS_MAX, RULES_TERMS_MAX,
};
pub use names::check_no_names;
pub use program::Program;
pub use rules::Rules;
pub use tuple::{End, FiveTuple};
pub use view::View;

use baleen_types::LinkType;
use std::fmt;

/// What to capture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Filter {
    /// Every packet.
    #[default]
    All,
    /// What a tcpdump expression says.
    Expression(Expression),
    /// What a five-tuple says.
    Tuple(FiveTuple),
    /// What a text in the Rules language says.
    Rules(Rules),
}

impl Filter {
    /// Reads a tcpdump expression; nothing but blanks means every packet.
    ///
    /// ```
    /// use baleen_filter::Filter;
    /// assert!(Filter::expression("tcp port 443 and not host 10.0.0.1").is_ok());
    /// assert!(Filter::expression("tcp prt 443").is_err());
    /// ```
    ///
    /// # Errors
    /// `Invalid` when libpcap does not understand it, with the position where that can be known.
    pub fn expression(text: &str) -> Result<Self, Error> {
        if text.trim().is_empty() {
            return Ok(Self::All);
        }
        Expression::parse(text).map(Self::Expression)
    }

    /// Reads a text in the Rules language; nothing but blanks means every packet.
    ///
    /// ```
    /// use baleen_filter::Filter;
    /// assert!(Filter::rules("ip.dst == 10.0.0.1 and tcp.dstport in {80 443}").is_ok());
    /// assert_eq!(Filter::rules("tcp.dstport = 80").unwrap_err().position(), Some(12));
    /// ```
    ///
    /// # Errors
    /// `Invalid` with the byte where the mistake is; `TooLarge` for a text that is too long.
    pub fn rules(text: &str) -> Result<Self, Error> {
        if text.trim().is_empty() {
            return Ok(Self::All);
        }
        Rules::parse(text).map(Self::Rules)
    }

    /// Compiles for packets as the kernel shows them to the filter of a socket on a link of this type.
    ///
    /// # Errors
    /// `Invalid` when the expression has no meaning on this link type, or the program would be too long.
    pub fn compile(&self, link: LinkType) -> Result<Program, Error> {
        match self {
            Self::All => Program::accept_all(link),
            Self::Expression(expression) => expression.compile(link),
            Self::Tuple(tuple) => tuple.compile(link),
            Self::Rules(rules) => rules.compile(link),
        }
    }
}

impl Filter {
    /// Compiles as [`compile`](Self::compile) does, with further programs for the same packets behind a VLAN tag and behind two: for what must
    /// not be seen. In an expression `port 22` means packets without a tag alone.
    ///
    /// # Errors
    /// As those of [`compile`](Self::compile).
    pub fn compile_behind_tags(&self, link: LinkType) -> Result<Vec<Program>, Error> {
        let mut programs = vec![self.compile(link)?];
        if let Self::Expression(expression) = self {
            programs.extend(expression.compile_tagged(link)?);
        }
        Ok(programs)
    }
}

impl fmt::Display for Filter {
    /// As text for people and for the interface block of a capture file; empty for every packet.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => Ok(()),
            Self::Expression(expression) => f.write_str(expression.text()),
            Self::Tuple(tuple) => tuple.fmt(f),
            Self::Rules(rules) => f.write_str(rules.text()),
        }
    }
}
