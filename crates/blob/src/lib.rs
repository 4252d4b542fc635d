//! Object bytes on disk: extents with a checksum per block, flushed once for all who wait.
