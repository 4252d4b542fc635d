//! Words and signs of a text in the Rules language.

use crate::error::Error;
use std::ops::Range;

/// A word or a sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'t> {
    /// A name, a number, an address or a block.
    Word(&'t str),
    /// What stands between quotation marks.
    Quoted(&'t str),
    Open,
    Close,
    OpenSet,
    CloseSet,
    /// `..`
    Range,
    Not,
    And,
    Xor,
    Or,
    Compare(Comparison),
    Bits,
    In,
    /// Behind the last one.
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Signs; the longer first, where one begins another.
const SIGNS: [(&str, Token<'static>); 16] = [
    ("==", Token::Compare(Comparison::Equal)),
    ("!=", Token::Compare(Comparison::NotEqual)),
    ("<=", Token::Compare(Comparison::LessOrEqual)),
    (">=", Token::Compare(Comparison::GreaterOrEqual)),
    ("&&", Token::And),
    ("^^", Token::Xor),
    ("||", Token::Or),
    ("..", Token::Range),
    ("<", Token::Compare(Comparison::Less)),
    (">", Token::Compare(Comparison::Greater)),
    ("!", Token::Not),
    ("&", Token::Bits),
    ("(", Token::Open),
    (")", Token::Close),
    ("{", Token::OpenSet),
    ("}", Token::CloseSet),
];

/// Words with a meaning of their own.
const NAMES: [(&str, Token<'static>); 12] = [
    ("eq", Token::Compare(Comparison::Equal)),
    ("ne", Token::Compare(Comparison::NotEqual)),
    ("lt", Token::Compare(Comparison::Less)),
    ("le", Token::Compare(Comparison::LessOrEqual)),
    ("gt", Token::Compare(Comparison::Greater)),
    ("ge", Token::Compare(Comparison::GreaterOrEqual)),
    ("bitwise_and", Token::Bits),
    ("in", Token::In),
    ("not", Token::Not),
    ("and", Token::And),
    ("xor", Token::Xor),
    ("or", Token::Or),
];

/// Reads the token that begins at or behind `from`, and gives it with the bytes from where to where it stands.
///
/// # Errors
/// `Rules` for a character that begins none, and for quotation marks that are not closed.
pub(super) fn next(text: &str, from: usize) -> Result<(Token<'_>, Range<usize>), Error> {
    let rest = &text[from..];
    let start = from + (rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len());
    let rest = &text[start..];
    if rest.is_empty() {
        return Ok((Token::End, start..start));
    }
    if let Some(quoted) = rest.strip_prefix('"') {
        let Some(length) = quoted.find('"') else {
            return Err(mistake("a quotation mark is not closed", start));
        };
        return Ok((Token::Quoted(&quoted[..length]), start..start + length + 2));
    }
    if let Some((sign, token)) = SIGNS.iter().find(|(sign, _)| rest.starts_with(sign)) {
        return Ok((*token, start..start + sign.len()));
    }
    let word = &rest[..word_bytes(rest)];
    if word.is_empty() {
        return Err(mistake(unknown_sign(rest), start));
    }
    let named = NAMES.iter().find(|(name, _)| *name == word);
    let token = named.map_or(Token::Word(word), |(_, token)| *token);
    Ok((token, start..start + word.len()))
}

/// How long the word is at the start of a text: letters, digits, and the signs of names, numbers, addresses and blocks.
fn word_bytes(text: &str) -> usize {
    let bytes = text.as_bytes();
    let is_in_word = |at: usize| match bytes[at] {
        // Two points are a range.
        b'.' => bytes.get(at + 1) != Some(&b'.'),
        byte => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'/' | b'-'),
    };
    (0..bytes.len()).find(|at| !is_in_word(*at)).unwrap_or(bytes.len())
}

fn unknown_sign(text: &str) -> String {
    match text.chars().next() {
        Some('=') => "= is no comparison: write ==".to_owned(),
        Some('|') => "| is no operator: write || or `or`".to_owned(),
        Some('^') => "^ is no operator: write ^^ or `xor`".to_owned(),
        Some(',') => "values in a set are separated by blanks, not by commas".to_owned(),
        // A control character is shown as its number.
        Some(sign) => format!("unexpected character {sign:?}"),
        None => "unexpected end".to_owned(),
    }
}

pub(super) fn mistake(message: impl Into<String>, position: usize) -> Error {
    Error::Rules {
        message: message.into(),
        position,
    }
}
