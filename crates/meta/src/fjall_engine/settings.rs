//! What an operator may choose about the embedded engine.

/// Settings of the embedded engine. The default suits a small server; all memory it may use follows from them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FjallSettings {
    /// Cache of table blocks and large values, in bytes.
    pub cache_bytes: u64,
    /// Size in bytes at which the writes in memory are sorted into a table; up to four such buffers exist at once.
    pub write_buffer_bytes: u64,
    /// Most bytes of journals on disk before writes are forced into tables, at least 64 MiB; the time to open grows with it.
    pub journal_bytes: u64,
    /// Threads for flushing and compaction, at least two.
    pub worker_threads: usize,
    /// Whether [`crate::Meta::compact`] does anything.
    pub compacts: bool,
}

impl Default for FjallSettings {
    fn default() -> Self {
        Self {
            cache_bytes: 32 * 1024 * 1024,
            write_buffer_bytes: 16 * 1024 * 1024,
            journal_bytes: 128 * 1024 * 1024,
            worker_threads: 2,
            compacts: true,
        }
    }
}
