//! The folding of keys into a page. Pure: keys go in, in order; what to do with each comes out.

/// What becomes of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// It belongs on the page.
    Taken,
    /// It was folded into the common prefix that is on the page already; all keys with that prefix can be passed over.
    Folded,
    /// It lies before the place where the page begins, or begins with a common prefix that does: pass over all keys that
    /// begin with this text.
    Skip(String),
    /// The page is full, and there is more.
    Full,
}

/// Gathers one page of keys and common prefixes.
#[derive(Debug)]
pub(crate) struct Fold<'a> {
    prefix: &'a str,
    delimiter: &'a str,
    after: &'a str,
    room: usize,
    /// Common prefixes of the page, in order.
    pub(crate) common_prefixes: Vec<String>,
    /// The last key or common prefix of the page.
    pub(crate) last: Option<String>,
}

impl<'a> Fold<'a> {
    /// A page of at most `room` keys and common prefixes behind `after`; empty texts for no restriction.
    pub(crate) fn new(prefix: &'a str, delimiter: &'a str, after: &'a str, room: usize) -> Self {
        Self {
            prefix,
            delimiter,
            after,
            room,
            common_prefixes: Vec::new(),
            last: None,
        }
    }

    /// Takes the next key; keys come in order, begin with the prefix and lie behind `after`.
    pub(crate) fn push(&mut self, key: &str) -> Pushed {
        let Some(common) = self.common_prefix_of(key) else {
            return self.take(key);
        };
        if self.last.as_deref() == Some(common) {
            return Pushed::Folded;
        }
        // The page before ended with this very prefix.
        if common == self.after {
            return Pushed::Skip(common.to_owned());
        }
        let pushed = self.take(common);
        if pushed == Pushed::Taken {
            self.common_prefixes.push(common.to_owned());
            return Pushed::Folded;
        }
        pushed
    }

    fn take(&mut self, name: &str) -> Pushed {
        if self.room == 0 {
            return Pushed::Full;
        }
        self.room -= 1;
        let last = self.last.get_or_insert_default();
        last.clear();
        last.push_str(name);
        Pushed::Taken
    }

    /// The part of the key up to the first delimiter behind the prefix, with it.
    fn common_prefix_of<'k>(&self, key: &'k str) -> Option<&'k str> {
        let behind = key.strip_prefix(self.prefix).filter(|_| !self.delimiter.is_empty())?;
        let at = behind.find(self.delimiter)?;
        Some(&key[..self.prefix.len() + at + self.delimiter.len()])
    }
}

#[cfg(test)]
mod tests;
