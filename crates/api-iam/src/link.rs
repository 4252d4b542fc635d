//! Signatures in the query: links, which are passed on and end in logs.

use crate::fault::{Code, Fault};
use crate::limits::LINK_AGE_MAX;
use baleen_http::{SignaturePlace, Signed};
use baleen_types::Timestamp;
use http::request::Parts as Head;

/// A signature in the query is good for reading, and for as long as any other: of a link that says it lasts for days only the
/// beginning is believed (identity contract, section 1: a clock window of 15 minutes).
pub(crate) fn check(head: &Head, reads: bool, now: Timestamp) -> Result<(), Fault> {
    let Some(signed) = head
        .extensions
        .get::<Signed>()
        .filter(|signed| signed.place == SignaturePlace::Query)
    else {
        return Ok(());
    };
    if !reads {
        let message = "A signature in the query is taken for actions that read. Send this one signed in the header.";
        return Err(Fault::new(Code::AccessDenied, message));
    }
    if signed.at.is_none_or(|at| now.since(at) > LINK_AGE_MAX) {
        let message = "A signature in the query is taken for 15 minutes here, whatever it says itself.";
        return Err(Fault::new(Code::RequestExpired, message));
    }
    Ok(())
}
