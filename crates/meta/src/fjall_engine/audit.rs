//! Checks the stored files before the engine touches them.
