//! Variables in patterns: `${key}`, `${key, 'default'}`, and the escapes `${*}`, `${?}`, `${$}`.

use crate::glob::Token;
use crate::key::KeyRef;

/// A variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variable {
    pub(crate) key: KeyRef,
    pub(crate) default: Option<Box<str>>,
}

/// Reads what begins with `${`; gives the token and the text after it.
pub(crate) fn read(text: &str) -> Result<(Token, &str), String> {
    for (escape, byte) in [("${*}", b'*'), ("${?}", b'?'), ("${$}", b'$')] {
        if let Some(rest) = text.strip_prefix(escape) {
            return Ok((Token::Byte(byte), rest));
        }
    }
    let body = &text["${".len()..];
    let (inner, rest) = end(body).ok_or("a variable must end with }")?;
    let (name, default) = match inner.split_once(',') {
        None => (inner.trim(), None),
        Some((name, default)) => {
            let quoted = default.trim().strip_prefix('\'').and_then(|d| d.strip_suffix('\''));
            let default = quoted.ok_or("the default of a variable stands in single quotes")?;
            (name.trim(), Some(default.into()))
        }
    };
    let key = KeyRef::parse(name).map_err(|why| format!("in a variable: {why}"))?;
    Ok((Token::Variable(Box::new(Variable { key, default })), rest))
}

/// Splits at the brace which ends a variable; one inside of the quoted default does not.
fn end(body: &str) -> Option<(&str, &str)> {
    let mut quoted = false;
    for (at, byte) in body.bytes().enumerate() {
        match byte {
            b'\'' => quoted = !quoted,
            b'}' if !quoted => return Some((&body[..at], &body[at + 1..])),
            _ => {}
        }
    }
    None
}
