//! What is known of a request besides who asks for what: the values that conditions look at.

use crate::Origin;
use baleen_types::Timestamp;

/// The circumstances of a request. Built by doors from checked values, never from a header that is not the key's definition.
#[derive(Clone, Debug)]
pub struct Context<'a> {
    pub(crate) now: Timestamp,
    pub(crate) origin: Option<Origin>,
    _values: std::marker::PhantomData<&'a str>,
}

impl Context<'_> {
    /// Nothing is known but the time.
    pub const fn new(now: Timestamp) -> Self {
        Self {
            now,
            origin: None,
            _values: std::marker::PhantomData,
        }
    }

    /// The same, and where the request came from.
    #[must_use]
    pub fn origin(self, origin: Option<Origin>) -> Self {
        Self { origin, ..self }
    }

    /// Where the request came from, if that is known.
    pub fn came_from(&self) -> Option<Origin> {
        self.origin
    }

    /// When the request is judged.
    pub fn now(&self) -> Timestamp {
        self.now
    }
}
