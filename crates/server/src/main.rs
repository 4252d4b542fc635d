//! The Baleen binary.
fn main() {}
