//! Why a filter is refused.

use crate::limits::{EXPRESSION_BYTES_MAX, EXPRESSION_WORDS_MAX, INSTRUCTIONS_MAX, RULES_CHARACTERS_MAX};
use baleen_types::{Classify, FaultKind, LinkType};

/// A filter that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// libpcap does not understand the expression.
    #[error("{message}{}", position.map(|at| format!(" (at character {})", at + 1)).unwrap_or_default())]
    Expression {
        /// What libpcap says.
        message: String,
        /// Byte offset of the word that is wrong, from 0, where it can be known.
        position: Option<usize>,
    },
    /// The expression is too long to be looked at.
    #[error("the filter expression is longer than {EXPRESSION_BYTES_MAX} bytes or {EXPRESSION_WORDS_MAX} words")]
    ExpressionTooLong,
    /// A text in the Rules language is wrong.
    #[error("{message} (at byte {position})")]
    Rules {
        /// What is wrong.
        message: String,
        /// Byte offset of the mistake, from 0; the length of the text when something is missing at its end.
        position: usize,
    },
    /// The text in the Rules language is too long to be looked at.
    #[error("the filter is longer than {RULES_CHARACTERS_MAX} characters")]
    RulesTooLong,
    /// The expression looks at something that the kernel cannot see before a packet is captured.
    #[error("{what} cannot be tested while capturing")]
    NotInKernel {
        /// What was asked for.
        what: String,
    },
    /// The program would be longer than the kernel takes.
    #[error("the filter needs {instructions} instructions; at most {INSTRUCTIONS_MAX} are possible")]
    TooComplex {
        /// How many it needs.
        instructions: usize,
    },
    /// A five-tuple that can never match or that means nothing.
    #[error("{0}")]
    Tuple(&'static str),
    /// Five-tuples need to know where the network header is.
    #[error("five-tuple filters are not possible on links of type {0}")]
    TupleLink(LinkType),
    /// Fields of the Rules language need to know it too.
    #[error("filters in the Rules language are not possible on links of type {0}")]
    RulesLink(LinkType),
    /// A program that the kernel would refuse.
    #[error("the filter program is not valid: {why} (instruction {at})")]
    Program {
        /// What is wrong.
        why: &'static str,
        /// Which instruction.
        at: usize,
    },
}

impl Error {
    /// Byte offset of the mistake in the expression, where it can be known.
    pub fn position(&self) -> Option<usize> {
        match self {
            Self::Expression { position, .. } => *position,
            Self::Rules { position, .. } => Some(*position),
            _ => None,
        }
    }
}

impl Classify for Error {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Expression { .. }
            | Self::Rules { .. }
            | Self::NotInKernel { .. }
            | Self::TooComplex { .. }
            | Self::Tuple(_)
            | Self::TupleLink(_)
            | Self::RulesLink(_)
            | Self::Program { .. } => FaultKind::Invalid,
            Self::ExpressionTooLong | Self::RulesTooLong => FaultKind::TooLarge,
        }
    }
}
