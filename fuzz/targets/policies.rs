//! Policy documents: taken or refused, never a panic.
#![no_main]

use baleen_policy::{DocumentKind, Policy};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = Policy::parse(text, DocumentKind::Identity);
    let _ = Policy::parse(text, DocumentKind::Bucket);
});
