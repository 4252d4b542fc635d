//! What cannot be read is said once, and not at each look: it stays so until somebody does something about it, and everybody looks often.

use parking_lot::Mutex;
use std::collections::HashSet;

/// How many records are told of in the life of a process (ours): where more are damaged, the rest is no news.
const TOLD_MAX: usize = 1024;

/// The keys of records that were told of.
#[derive(Default)]
pub(super) struct Told(Mutex<HashSet<Vec<u8>>>);

impl Told {
    /// Whether it is to be told of a record now.
    pub(super) fn is_news(&self, key: &[u8]) -> bool {
        let mut told = self.0.lock();
        told.len() < TOLD_MAX && told.insert(key.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_told_once_and_no_more_than_so_many() {
        let told = Told::default();
        assert!(told.is_news(b"first") && !told.is_news(b"first") && told.is_news(b"second"));
        let more = (0..2 * TOLD_MAX).filter(|number| told.is_news(&number.to_le_bytes()));
        assert_eq!(more.count(), TOLD_MAX - 2);
    }
}
