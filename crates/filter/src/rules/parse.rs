//! Reads a text in the Rules language.

use super::lexer::{self, Comparison, Token, mistake};
use super::tree::{Field, Kind, Node, Side, Test, Wanted, field, joined, protocol};
use crate::error::Error;
use crate::limits::{RULES_DEPTH_MAX, RULES_TERMS_MAX};
use ipnet::IpNet;
use std::net::IpAddr;
use std::ops::{Range, RangeInclusive};

/// How much of a word a message shows.
const SHOWN_CHARACTERS_MAX: usize = 40;

pub(super) fn parse(text: &str) -> Result<Node, Error> {
    let mut parser = Parser {
        text,
        token: Token::End,
        span: 0..0,
        depth: 0,
        terms: 0,
    };
    parser.step()?;
    let node = parser.any()?;
    match parser.token {
        Token::End => Ok(node),
        Token::Close => Err(parser.refuse("a parenthesis is closed that was not opened")),
        _ => Err(parser.refuse("`and`, `or`, `xor` or the end is expected here")),
    }
}

/// Reads from left to right with one token in hand.
struct Parser<'t> {
    text: &'t str,
    token: Token<'t>,
    span: Range<usize>,
    /// Parentheses that are open.
    depth: usize,
    /// Comparisons and values of sets so far.
    terms: usize,
}

impl<'t> Parser<'t> {
    fn step(&mut self) -> Result<(), Error> {
        (self.token, self.span) = lexer::next(self.text, self.span.end)?;
        Ok(())
    }

    /// A mistake at the token in hand.
    fn refuse(&self, message: impl Into<String>) -> Error {
        mistake(message, self.span.start)
    }

    fn any(&mut self) -> Result<Node, Error> {
        self.chain(Token::Or, Self::odd, Node::Any)
    }

    fn odd(&mut self) -> Result<Node, Error> {
        self.chain(Token::Xor, Self::all, Node::Odd)
    }

    fn all(&mut self) -> Result<Node, Error> {
        self.chain(Token::And, Self::not, Node::All)
    }

    /// Reads what an operator combines.
    fn chain(
        &mut self,
        operator: Token<'static>,
        operand: impl Fn(&mut Self) -> Result<Node, Error>,
        node: impl Fn(Vec<Node>) -> Node,
    ) -> Result<Node, Error> {
        let first = operand(self)?;
        if self.token != operator {
            return Ok(first);
        }
        let mut operands = vec![first];
        while self.token == operator {
            self.step()?;
            operands.push(operand(self)?);
        }
        Ok(node(operands))
    }

    /// Any number of `not` is read without recursion.
    fn not(&mut self) -> Result<Node, Error> {
        let mut is_negated = false;
        while self.token == Token::Not {
            is_negated = !is_negated;
            self.step()?;
        }
        let node = self.one()?;
        Ok(if is_negated { Node::Not(Box::new(node)) } else { node })
    }

    fn one(&mut self) -> Result<Node, Error> {
        match self.token {
            Token::Open if self.depth == RULES_DEPTH_MAX => {
                let message = format!("parentheses stand in each other more than {RULES_DEPTH_MAX} deep");
                Err(self.refuse(message))
            }
            Token::Open => {
                self.depth += 1;
                self.step()?;
                let node = self.any()?;
                if self.token != Token::Close {
                    return Err(self.refuse("`and`, `or`, `xor` or a closing parenthesis is expected here"));
                }
                self.step()?;
                self.depth -= 1;
                Ok(node)
            }
            Token::Word(name) => self.test(name).map(Node::Test),
            Token::End => Err(self.refuse("a field is expected here, and the text ends")),
            _ => Err(self.refuse("a field is expected here")),
        }
    }

    fn test(&mut self, name: &'t str) -> Result<Test, Error> {
        let Some(kind) = field(name) else {
            return Err(self.refuse(format!("unknown field {}", shown(name))));
        };
        self.count()?;
        self.step()?;
        match kind {
            Kind::Flag(field, bit) => match self.token {
                Token::Compare(_) | Token::Bits | Token::In => {
                    let message = format!("{name} is true or false by itself: write it alone, or behind `not`");
                    Err(self.refuse(message))
                }
                _ => Ok(number(field, Wanted::Bits(bit))),
            },
            Kind::Address(side) => self.address_test(name, side),
            Kind::Number(field) => self.number_test(name, field, parse_number),
            Kind::Protocol => self.number_test(name, Field::Protocol, parse_protocol),
        }
    }

    fn number_test(&mut self, name: &str, field: Field, parse: Parse<u32>) -> Result<Test, Error> {
        match self.token {
            Token::Compare(comparison) => {
                self.step()?;
                let (ranges, is_negated) = compared(comparison, self.value(parse)?);
                Ok(Test::Number {
                    field,
                    wanted: Wanted::Numbers(ranges),
                    is_negated,
                })
            }
            Token::Bits => {
                self.step()?;
                let mask = self.value(parse)?;
                Ok(number(field, Wanted::Bits(mask)))
            }
            Token::In => {
                let mut ranges = Vec::new();
                self.set(|this| {
                    let low = this.value(parse)?;
                    let high = if this.is_range()? { this.value(parse)? } else { low };
                    ranges.push(low..=high);
                    Ok(low <= high)
                })?;
                Ok(number(field, Wanted::Numbers(joined(ranges, |n| n.checked_add(1)))))
            }
            _ => Err(self.refuse(format!("a comparison is expected behind {name}"))),
        }
    }

    fn address_test(&mut self, name: &str, side: Side) -> Result<Test, Error> {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        let comparison = self.token;
        match comparison {
            Token::Compare(Comparison::Equal | Comparison::NotEqual) => {
                self.step()?;
                match self.value(parse_address)? {
                    IpAddr::V4(address) => v4.push(address.to_bits()..=address.to_bits()),
                    IpAddr::V6(address) => v6.push(address.to_bits()..=address.to_bits()),
                }
            }
            Token::In => self.set(|this| this.addresses(&mut v4, &mut v6))?,
            Token::Compare(_) | Token::Bits => {
                return Err(self.refuse("addresses are compared with ==, != and `in` alone"));
            }
            _ => return Err(self.refuse(format!("a comparison is expected behind {name}"))),
        }
        Ok(Test::Address {
            side,
            v4: joined(v4, |n| n.checked_add(1)),
            v6: joined(v6, |n| n.checked_add(1)),
            is_negated: comparison == Token::Compare(Comparison::NotEqual),
        })
    }

    /// Reads an address, a block or a range in a set; tells whether it begins before it ends.
    fn addresses(
        &mut self,
        v4: &mut Vec<RangeInclusive<u32>>,
        v6: &mut Vec<RangeInclusive<u128>>,
    ) -> Result<bool, Error> {
        if matches!(self.token, Token::Word(word) if word.contains('/')) {
            match self.value(parse_block)? {
                IpNet::V4(block) => v4.push(block.network().to_bits()..=block.broadcast().to_bits()),
                IpNet::V6(block) => v6.push(block.network().to_bits()..=block.broadcast().to_bits()),
            }
            return match self.token {
                Token::Range => Err(self.refuse("a range goes from one address to another")),
                _ => Ok(true),
            };
        }
        let low = self.value(parse_address)?;
        if !self.is_range()? {
            match low {
                IpAddr::V4(low) => v4.push(low.to_bits()..=low.to_bits()),
                IpAddr::V6(low) => v6.push(low.to_bits()..=low.to_bits()),
            }
            return Ok(true);
        }
        let at = self.span.start;
        let high = self.value(parse_address)?;
        match (low, high) {
            (IpAddr::V4(low), IpAddr::V4(high)) => v4.push(low.to_bits()..=high.to_bits()),
            (IpAddr::V6(low), IpAddr::V6(high)) => v6.push(low.to_bits()..=high.to_bits()),
            _ => return Err(mistake("a range goes from one address to another of its family", at)),
        }
        Ok(low <= high)
    }

    /// Reads a set, of whose entries each is read by `entry`.
    fn set(&mut self, mut entry: impl FnMut(&mut Self) -> Result<bool, Error>) -> Result<(), Error> {
        self.step()?;
        if self.token != Token::OpenSet {
            return Err(self.refuse("a set such as {1 2 5..9} is expected here"));
        }
        self.step()?;
        if self.token == Token::CloseSet {
            return Err(self.refuse("a set has at least one value"));
        }
        while self.token != Token::CloseSet {
            self.count()?;
            let at = self.span.start;
            if !entry(self)? {
                return Err(mistake("a range ends before it begins", at));
            }
        }
        self.step()
    }

    fn is_range(&mut self) -> Result<bool, Error> {
        let is_range = self.token == Token::Range;
        if is_range {
            self.step()?;
        }
        Ok(is_range)
    }

    /// Reads one value.
    fn value<T>(&mut self, parse: Parse<T>) -> Result<T, Error> {
        let value = parse(self.token).map_err(|message| self.refuse(message))?;
        self.step()?;
        Ok(value)
    }

    fn count(&mut self) -> Result<(), Error> {
        self.terms += 1;
        if self.terms > RULES_TERMS_MAX {
            let message = format!("more than {RULES_TERMS_MAX} comparisons and values of sets");
            return Err(self.refuse(message));
        }
        Ok(())
    }
}

/// Reads a value of a token, or says what is wrong.
type Parse<T> = fn(Token<'_>) -> Result<T, String>;

fn number(field: Field, wanted: Wanted) -> Test {
    Test::Number {
        field,
        wanted,
        is_negated: false,
    }
}

/// A comparison of numbers, as ranges.
fn compared(comparison: Comparison, number: u32) -> (Vec<RangeInclusive<u32>>, bool) {
    let below = |end: Option<u32>| end.map(|end| 0..=end).into_iter().collect();
    let above = |start: Option<u32>| start.map(|start| start..=u32::MAX).into_iter().collect();
    match comparison {
        Comparison::Equal => (vec![number..=number], false),
        Comparison::NotEqual => (vec![number..=number], true),
        Comparison::Less => (below(number.checked_sub(1)), false),
        Comparison::LessOrEqual => (below(Some(number)), false),
        Comparison::Greater => (above(number.checked_add(1)), false),
        Comparison::GreaterOrEqual => (above(Some(number)), false),
    }
}

fn parse_address(token: Token<'_>) -> Result<IpAddr, String> {
    match token {
        Token::Word(word) if word.parse::<IpNet>().is_ok() => {
            Err(format!("blocks stand in sets alone: write `in {{{word}}}`"))
        }
        Token::Word(word) => word
            .parse()
            .map_err(|_| format!("{} is no IPv4 or IPv6 address", shown(word))),
        _ => Err("an address is expected here".to_owned()),
    }
}

fn parse_block(token: Token<'_>) -> Result<IpNet, String> {
    match token {
        Token::Word(word) => word
            .parse()
            .map_err(|_| format!("{} is no IPv4 or IPv6 block", shown(word))),
        _ => Err("a block is expected here".to_owned()),
    }
}

fn parse_protocol(token: Token<'_>) -> Result<u32, String> {
    let (Token::Word(word) | Token::Quoted(word)) = token else {
        return Err("a protocol is expected here".to_owned());
    };
    match protocol(word) {
        Some(number) => Ok(number),
        None if word.starts_with(|c: char| c.is_ascii_digit()) => parse_number(Token::Word(word)),
        None => Err(format!("unknown protocol {}", shown(word))),
    }
}

/// A decimal number, or a hexadecimal one behind `0x`. One that begins with a zero would be octal in the vendor's language
/// and decimal to most readers, so it is refused.
fn parse_number(token: Token<'_>) -> Result<u32, String> {
    let Token::Word(word) = token else {
        return Err("a number is expected here".to_owned());
    };
    let (digits, radix) = match word.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None => (word, 10),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return Err(format!("{} is no number", shown(word)));
    }
    if radix == 10 && digits.len() > 1 && digits.starts_with('0') {
        return Err(format!("{} is written with a zero in front", shown(word)));
    }
    u32::from_str_radix(digits, radix).map_err(|_| format!("{} is larger than {}", shown(word), u32::MAX))
}

/// A word of the text for a message.
fn shown(word: &str) -> String {
    match word.char_indices().nth(SHOWN_CHARACTERS_MAX) {
        Some((end, _)) => format!("{:?}..", &word[..end]),
        None => format!("{word:?}"),
    }
}
