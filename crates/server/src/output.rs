//! What a person or a script reads: results on standard output, everything else on standard error.

use crate::failure::Failure;
use std::io::{ErrorKind, Write};

/// Writes one line of the result.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    bytes(format!("{text}\n").as_bytes())
}

/// Writes one line of JSON.
pub(crate) fn json(value: &serde_json::Value) -> Result<(), Failure> {
    line(&value.to_string())
}

/// Writes bytes of the result. A reader that has gone away (`baleen man | head`) wanted no more: that is no failure.
pub(crate) fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::new(format!("standard output cannot be written: {error}"))),
    }
}

/// Tells a person something that is no part of the result.
pub(crate) fn note(text: &str) {
    // Nobody can be told that standard error does not work.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
