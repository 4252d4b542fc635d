//! Patterns: text with `*`, `?` and variables, compiled once and matched without recursion.
//!
//! Wildcards live in the policy alone. What a variable stands for is put in as plain text after the pattern was cut into
//! tokens, so that a user named `*` matches a user named `*`.

use crate::scene::{Found, Scene};
use crate::variable::{self, Variable};
use std::borrow::Cow;

/// One step of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// This byte.
    Byte(u8),
    /// Any one character.
    One,
    /// Any run of characters, also none.
    Run,
    /// The text of a variable.
    Variable(Box<Variable>),
}

/// How the text of a pattern is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    /// Whether `*` and `?` stand for other text.
    pub(crate) wildcards: bool,
    /// Whether `${…}` stands for a value: in Version 2012-10-17 only.
    pub(crate) variables: bool,
}

/// A compiled pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Glob {
    tokens: Box<[Token]>,
    has_variables: bool,
}

/// A pattern holds a variable which has no value in this request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Valueless;

impl Glob {
    /// Compiles a text.
    ///
    /// # Errors
    /// What is wrong with one of its variables.
    pub(crate) fn compile(text: &str, reading: Reading) -> Result<Self, String> {
        Ok(Self::from_tokens(tokens(text, reading)?))
    }

    pub(crate) fn from_tokens(tokens: impl Into<Box<[Token]>>) -> Self {
        let tokens = tokens.into();
        let has_variables = tokens.iter().any(|token| matches!(token, Token::Variable(_)));
        Self { tokens, has_variables }
    }

    /// The variables of the pattern.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.tokens.iter().filter_map(|token| match token {
            Token::Variable(variable) => Some(&**variable),
            Token::Byte(_) | Token::One | Token::Run => None,
        })
    }

    /// Whether the pattern is plain text.
    pub(crate) fn is_fixed(&self) -> bool {
        self.tokens.iter().all(|token| matches!(token, Token::Byte(_)))
    }

    /// The text, of a pattern that is plain.
    pub(crate) fn fixed(&self) -> Option<String> {
        let bytes = self.tokens.iter().map(|token| match token {
            Token::Byte(byte) => Some(*byte),
            Token::One | Token::Run | Token::Variable(_) => None,
        });
        String::from_utf8(bytes.collect::<Option<_>>()?).ok()
    }

    /// Whether the whole of `text` fits a pattern without variables; one with variables fits nothing here.
    pub(crate) fn fits(&self, text: &str) -> bool {
        !self.has_variables && fits(&self.tokens, text.as_bytes())
    }

    /// Whether the pattern begins with a name, which then ends, or goes on with a slash or a wildcard.
    pub(crate) fn starts_plainly(&self, name: &str) -> bool {
        let begins = name
            .bytes()
            .zip(&self.tokens[..])
            .all(|(byte, token)| *token == Token::Byte(byte));
        let next = self.tokens.get(name.len());
        begins
            && self.tokens.len() >= name.len()
            && matches!(next, None | Some(Token::Byte(b'/') | Token::Run | Token::One))
    }

    /// Whether the whole of `text` fits.
    ///
    /// # Errors
    /// [`Valueless`]; whether that is yes or no depends on the statement's effect.
    pub(crate) fn matches(&self, text: &str, scene: &Scene<'_>) -> Result<bool, Valueless> {
        if !self.has_variables {
            return Ok(fits(&self.tokens, text.as_bytes()));
        }
        // What differs before the first variable differs whatever the variable stands for.
        let mut plain = self
            .tokens
            .iter()
            .zip(text.bytes().map(Some).chain(std::iter::repeat(None)));
        let differs = plain.find_map(|(token, byte)| match token {
            Token::Byte(wanted) if Some(*wanted) == byte => None,
            Token::Byte(_) => Some(true),
            Token::One | Token::Run | Token::Variable(_) => Some(false),
        });
        if differs == Some(true) {
            return Ok(false);
        }
        let mut filled = Vec::with_capacity(self.tokens.len());
        for token in &self.tokens {
            match token {
                Token::Variable(variable) => {
                    let value = value(variable, scene).ok_or(Valueless)?;
                    filled.extend(value.bytes().map(Token::Byte));
                }
                other => filled.push(other.clone()),
            }
        }
        Ok(fits(&filled, text.as_bytes()))
    }

    /// The same pattern for comparison without case; the text must be folded by [`fold`].
    pub(crate) fn matches_folded(&self, folded: &str, scene: &Scene<'_>) -> Result<bool, Valueless> {
        let mut own = Vec::with_capacity(self.tokens.len());
        for token in &self.tokens {
            match token {
                Token::Byte(byte) => own.push(*byte),
                Token::Variable(variable) => {
                    own.extend(value(variable, scene).ok_or(Valueless)?.bytes());
                }
                // A pattern that is compared without case has no wildcards.
                Token::One | Token::Run => return Ok(false),
            }
        }
        let own = String::from_utf8(own).unwrap_or_default();
        Ok(fold(&own) == folded)
    }
}

/// The form in which two texts are compared without case.
pub(crate) fn fold(text: &str) -> String {
    text.to_lowercase()
}

fn value<'s>(variable: &'s Variable, scene: &'s Scene<'_>) -> Option<Cow<'s, str>> {
    match scene.find(&variable.key) {
        Found::One(value) => Some(Cow::Owned(value.text().into_owned())),
        // A key of many values is no text (AWS, "IAM policy elements: variables").
        Found::Absent | Found::Many(_) | Found::Broken => variable.default.as_deref().map(Cow::Borrowed),
    }
}

/// Cuts a text into tokens.
pub(crate) fn tokens(text: &str, reading: Reading) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if reading.variables && rest.starts_with("${") {
            let (token, after) = variable::read(rest)?;
            tokens.push(token);
            rest = after;
            continue;
        }
        match first {
            '*' if reading.wildcards => {
                // Two runs in a row are one.
                if tokens.last() != Some(&Token::Run) {
                    tokens.push(Token::Run);
                }
            }
            '?' if reading.wildcards => tokens.push(Token::One),
            other => tokens.extend(other.encode_utf8(&mut [0; 4]).bytes().map(Token::Byte)),
        }
        rest = &rest[first.len_utf8()..];
    }
    Ok(tokens)
}

/// Matches by two pointers: on a mismatch the last run takes one character more, and none before it is touched again, so
/// `*a*a*a*b` costs no more than pattern times text.
fn fits(pattern: &[Token], text: &[u8]) -> bool {
    let (mut at, mut seen) = (0, 0);
    let mut last_run: Option<(usize, usize)> = None;
    loop {
        match pattern.get(at) {
            Some(Token::Run) => {
                if at + 1 == pattern.len() {
                    return true;
                }
                last_run = Some((at + 1, seen));
                at += 1;
                continue;
            }
            Some(Token::One) if seen < text.len() => {
                at += 1;
                seen += character(text, seen);
                continue;
            }
            Some(Token::Byte(byte)) if text.get(seen) == Some(byte) => {
                at += 1;
                seen += 1;
                continue;
            }
            None if seen == text.len() => return true,
            _ => {}
        }
        let Some((after, from)) = last_run.filter(|(_, from)| *from < text.len()) else {
            return false;
        };
        let from = from + character(text, from);
        last_run = Some((after, from));
        (at, seen) = (after, from);
    }
}

/// The length of the character that begins at a place of UTF-8 text.
fn character(text: &[u8], at: usize) -> usize {
    let tail = text[at + 1..].iter().take_while(|byte| (**byte & 0xC0) == 0x80);
    1 + tail.count()
}

#[cfg(test)]
mod tests;
