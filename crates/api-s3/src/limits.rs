//! Every limit of the door, with its rule.

/// Largest XML body: a complete of 10,000 parts with checksums is below 3 MiB, a delete of 1,000 escaped keys below 7.
pub const XML_BODY_BYTES_MAX: usize = 8 << 20;
