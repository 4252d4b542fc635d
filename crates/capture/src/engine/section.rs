//! What our pcapng files say of where they come from.

use baleen_pcapfile::ng::Section;

/// The section of a file written here, with comments of its own.
pub(crate) fn section(comments: Vec<String>) -> Section {
    Section {
        hardware: std::env::consts::ARCH.to_owned(),
        os: "Linux".to_owned(),
        application: concat!("Baleen ", env!("CARGO_PKG_VERSION")).to_owned(),
        comments,
    }
}
