//! The commands: a family each, as clap reads them and as plans.

pub(super) mod audit;
pub(super) mod billing;
pub(super) mod customer;
pub(super) mod inline;
pub(super) mod key;
pub(super) mod kms;
pub(super) mod login;
pub(super) mod password;
pub(super) mod policy;
pub(super) mod saml;
pub(super) mod tfa;
pub(super) mod token;
pub(super) mod user;
pub(super) mod whitelist;

use crate::failure::Failure;
use clap::ValueEnum;
use std::io::Read;
use std::path::Path;

/// The longest document that is read; the door says what of it counts.
const DOCUMENT_BYTES_MAX: u64 = 1 << 20;

/// A flag that is given with its value, so that leaving it out changes nothing.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Switch {
    On,
    Off,
}

impl Switch {
    fn word(self) -> &'static str {
        match self {
            Self::On => "true",
            Self::Off => "false",
        }
    }
}

/// A document from a file, or from standard input for `-`.
fn read_document(document: &Path) -> Result<String, Failure> {
    let failed = |error: &std::io::Error| Failure::because(format!("{} cannot be read", document.display()), error);
    let mut text = String::new();
    if document == Path::new("-") {
        std::io::stdin()
            .lock()
            .take(DOCUMENT_BYTES_MAX)
            .read_to_string(&mut text)
    } else {
        let file = std::fs::File::open(document).map_err(|error| failed(&error))?;
        file.take(DOCUMENT_BYTES_MAX).read_to_string(&mut text)
    }
    .map_err(|error| failed(&error))?;
    Ok(text)
}

#[cfg(test)]
mod tests;
