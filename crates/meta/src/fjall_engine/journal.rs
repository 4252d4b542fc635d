//! Reads the journal's own format.
