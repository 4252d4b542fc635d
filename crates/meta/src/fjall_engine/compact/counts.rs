//! What fjall counts as dead in each value file.
//!
//! A file goes as soon as its count is as high as what was written to it, and an opened store numbers new files on from the highest
//! that is there. So no count may outlive its file: a new file with that number would have it from the start, and go while it lives.
//! Merges drop a file and its count in one step. Only dropping a range of tables leaves counts (`Version::with_dropped` of lsm-tree
//! 3.1.10), so nothing does that here.

use fjall::{AbstractTree as _, LsmError};
use lsm_tree::{AnyTree, Config, KvSeparationOptions, SequenceNumberCounter};
use std::fs;
use std::path::Path;

/// How many files are counted that are gone.
pub(super) fn gone(tree: &AnyTree) -> usize {
    let version = tree.current_version();
    let is_gone = |file: &&u64| !version.blob_files.contains_key(**file);
    version.gc_stats().keys().filter(is_gone).count()
}

/// Forgets the counts of files that are gone, which the compactions of early builds left, in the keyspaces of a store.
///
/// To be called with fjall's lock of the store, and before fjall opens them: its workers begin at once, with what was in journals,
/// and the first new file may be one that is counted.
pub(in super::super) fn forget_gone_in(store: &Path) -> Result<(), LsmError> {
    for keyspace in fs::read_dir(store.join("keyspaces"))? {
        let keyspace = keyspace?;
        // fjall's own has no value files; one without a current version is not whole, and fjall removes it.
        if keyspace.file_name() == "0" || !keyspace.path().join("current").try_exists()? {
            continue;
        }
        let numbers = SequenceNumberCounter::default;
        let values_apart = Some(KvSeparationOptions::default());
        let config = Config::new(keyspace.path(), numbers(), numbers()).with_kv_separation(values_apart);
        forget_gone(&config.open()?)?;
    }
    Ok(())
}

fn forget_gone(tree: &AnyTree) -> Result<(), LsmError> {
    let version = tree.current_version();
    let mut counts = version.gc_stats().clone();
    counts.retain(|file, _| !version.blob_files.contains_key(*file));
    if counts.is_empty() {
        return Ok(());
    }
    tracing::warn!(
        files = counts.len(),
        "counts of value files that are gone are forgotten"
    );
    // A flush of no table with more of these counts: it adds them, and then keeps those whose files are there.
    tree.register_tables(&[], None, Some(counts), &[], 0)
}

#[cfg(test)]
mod tests;
