//! Headers by name, of which most requests have none.
//!
//! An operation asks for some thirty that it knows, and a request has five. To walk over those costs a tenth of making a name of
//! a text and hashing it, once for each that might be there. How many there are is bounded by the edge, and for
//! those that come by the query by `prepare`.

use http::{HeaderMap, HeaderValue};

/// The values of the header of a name, which is in lower case.
pub(crate) fn values<'h>(headers: &'h HeaderMap, name: &'h str) -> impl Iterator<Item = &'h HeaderValue> {
    let of_name = headers.iter().filter(move |(found, _)| found.as_str() == name);
    of_name.map(|(_, value)| value)
}

/// The first of them.
pub(crate) fn value<'h>(headers: &'h HeaderMap, name: &'h str) -> Option<&'h HeaderValue> {
    values(headers, name).next()
}
