//! HTML forms which upload a file: `multipart/form-data`, of which the fields are read and the file is streamed.
//!
//! Only the head of the form is ever in memory, within bounds; the file passes by. What follows the file is ignored, as AWS
//! does, but the form has to be whole: its file ends well only when the last delimiter has come.
//!
//! Source: RFC 7578, RFC 2046 section 5.1; AWS "POST Object".

mod file;
mod parts;

pub(crate) use file::FileBody;
pub(crate) use parts::read;

use http::Method;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::request::Parts;

use crate::limits::FORM_BOUNDARY_BYTES_MAX;

/// The fields that stand before the file of a form; an extension of a request whose body is that file.
#[derive(Clone)]
pub struct Form {
    fields: Vec<Field>,
    file_name: String,
}

/// A field of a form.
#[derive(Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name, in lower case: names of fields are compared without case.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl Form {
    /// All fields, in order, no name twice.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The value of a field, by its name in lower case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let field = self.fields.iter().find(|field| field.name == name);
        field.map(|field| &*field.value)
    }

    /// The name of the file, as its sender has it; empty when there is none.
    #[must_use]
    pub fn file_name(&self) -> &str {
        &self.file_name
    }
}

// A signature is good until the policy expires, so no value is shown.
impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.fields.iter().map(|field| &field.name);
        f.debug_tuple("Form").field(&names.collect::<Vec<_>>()).finish()
    }
}

/// Whether a request is a form that proves by its fields who sends it: one that is signed in its head is none.
pub(crate) fn is_form(head: &Parts) -> bool {
    head.method == Method::POST
        && !head.headers.contains_key(AUTHORIZATION)
        && head.uri.query().is_none_or(str::is_empty)
        && head.headers.get(CONTENT_TYPE).is_some_and(|value| {
            let essence = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
            essence.trim_ascii().eq_ignore_ascii_case(b"multipart/form-data")
        })
}

/// The boundary that the head of a form announces.
pub(crate) fn boundary(head: &Parts) -> Option<String> {
    let value = head.headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let (_, parameters) = value.split_once(';')?;
    let boundary = parts::parameters(parameters)
        .into_iter()
        .find_map(|(name, value)| (name == "boundary").then_some(value))?;
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte);
    let fits = (1..=FORM_BOUNDARY_BYTES_MAX).contains(&boundary.len());
    (fits && boundary.bytes().all(is_allowed) && !boundary.ends_with(' ')).then_some(boundary)
}

#[cfg(test)]
mod tests;
