//! Text that must not be seen.

use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// A secret text: never printed, and wiped when the last who has it drops it. Clones share the one text, so that it stands in
/// memory once. It is read only where it is used, by [`Secret::expose`].
#[derive(Clone)]
pub struct Secret(Arc<Zeroizing<String>>);

impl Secret {
    /// Takes a text into keeping.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Arc::new(Zeroizing::new(text.into())))
    }

    /// The text itself, for signing, sealing or showing it once to its owner.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_it() {
        assert!(!format!("{:?}", Secret::new("canary-7")).contains("canary"));
    }
}
