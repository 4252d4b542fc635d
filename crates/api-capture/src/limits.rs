//! The limits of this door.

/// Largest request body: a destination, a filter expression and everything else fit many times.
pub const BODY_BYTES_MAX: usize = 256 << 10;
