//! The parameters of a request, from its query and its form, each at most once.
//!
//! A parameter that stands twice could be read one way by whoever checked a request and another way by us, so it is
//! refused wherever the two stand (identity contract, section 1). Values are strict UTF-8 and free of control characters
//! that XML cannot carry back.

use crate::fault::Fault;
use crate::limits::{PARAMETER_NAME_BYTES_MAX, PARAMETERS_MAX};
use percent_encoding::percent_decode;
use std::collections::BTreeMap;
use std::ops::Bound;

/// The parameters, sorted by name.
#[derive(Default)]
pub(crate) struct Params {
    values: BTreeMap<String, String>,
}

impl Params {
    /// Takes the pairs of a query and of a form.
    pub(crate) fn parse(query: &str, form: &[u8]) -> Result<Self, Fault> {
        let mut params = Self::default();
        for encoded in [query.as_bytes(), form] {
            for pair in encoded.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
                let mut halves = pair.splitn(2, |byte| *byte == b'=');
                let name = decode(halves.next().unwrap_or_default())?;
                let value = decode(halves.next().unwrap_or_default())?;
                params.take(name, value)?;
            }
        }
        Ok(params)
    }

    fn take(&mut self, name: String, value: String) -> Result<(), Fault> {
        if name.len() > PARAMETER_NAME_BYTES_MAX {
            return Err(Fault::validation(format!(
                "the name of a parameter has at most {PARAMETER_NAME_BYTES_MAX} bytes"
            )));
        }
        // XML 1.0, 2.2: what it cannot carry is of no use in a name, a description or a document.
        let unfit =
            |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r') || matches!(c, '\u{fffe}' | '\u{ffff}');
        if name.contains(unfit) || value.contains(unfit) {
            return Err(Fault::validation("a parameter holds a control character".to_owned()));
        }
        if self.values.len() == PARAMETERS_MAX {
            return Err(Fault::validation(format!(
                "a request has at most {PARAMETERS_MAX} parameters"
            )));
        }
        if self.values.contains_key(&name) {
            return Err(Fault::validation(format!(
                "the parameter {name} stands more than once, in query and body together"
            )));
        }
        self.values.insert(name, value);
        Ok(())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// The names of all parameters.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// All parameters whose names begin with `prefix`, with the rest of their names.
    pub(crate) fn below<'a>(&'a self, prefix: &str) -> Vec<(&'a str, &'a str)> {
        let from = self.values.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
        from.map_while(|(name, value)| Some((name.strip_prefix(prefix)?, value.as_str())))
            .collect()
    }
}

/// Decodes one name or value of a form: `+` is a space, and what the rest stands for is UTF-8.
fn decode(encoded: &[u8]) -> Result<String, Fault> {
    let mut rest = encoded;
    while let Some(at) = rest.iter().position(|byte| *byte == b'%') {
        let digits = rest.get(at + 1..at + 3);
        if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            return Err(Fault::validation("a percent sign without two hex digits".to_owned()));
        }
        rest = &rest[at + 3..];
    }
    let spaced: Vec<u8> = encoded
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    percent_decode(&spaced)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| Fault::validation("a parameter is not UTF-8".to_owned()))
}

#[cfg(test)]
mod tests;
