//! What is known of a request besides who asks for what: the values that conditions look at.

use crate::{Key, Origin, TagFamily};
use baleen_types::Timestamp;
use std::borrow::Cow;
use std::net::IpAddr;

/// One value of a condition key.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// Text; operators of numbers, dates and addresses parse it.
    Text(Cow<'a, str>),
    /// A whole number.
    Number(i64),
    /// Yes or no.
    Bool(bool),
    /// A point in time.
    Date(Timestamp),
    /// An address.
    Address(IpAddr),
    /// Several texts. A key is declared one or many: a list of one is not a text.
    List(Vec<Cow<'a, str>>),
}

impl Value<'_> {
    /// As operators of text see it.
    pub(crate) fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Number(number) => number.to_string().into(),
            Self::Bool(flag) => if *flag { "true" } else { "false" }.into(),
            Self::Date(at) => at.to_rfc3339_millis().replace(".000Z", "Z").into(),
            Self::Address(address) => address.to_canonical().to_string().into(),
            Self::List(list) => list.join(",").into(),
        }
    }
}

macro_rules! from {
    ($($kind:ty => $variant:ident,)*) => {
        $(impl<'a> From<$kind> for Value<'a> {
            fn from(value: $kind) -> Self {
                Self::$variant(value.into())
            }
        })*
    };
}
from! {
    &'a str => Text,
    String => Text,
    Cow<'a, str> => Text,
    i64 => Number,
    u32 => Number,
    bool => Bool,
    Timestamp => Date,
    IpAddr => Address,
    Vec<Cow<'a, str>> => List,
}

/// A value that a simulation takes for granted, whatever its key.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key, as policies name it.
    pub key: String,
    /// Its values, as text.
    pub values: Vec<String>,
    /// Whether it is a list, however many values there are.
    pub is_list: bool,
}

/// The circumstances of a request. Built by doors from checked values, never from a header that is not the key's definition.
#[derive(Clone, Debug)]
pub struct Context<'a> {
    pub(crate) now: Timestamp,
    pub(crate) origin: Option<Origin>,
    pub(crate) values: Vec<(Key, Value<'a>)>,
    pub(crate) tags: Vec<(TagFamily, Cow<'a, str>, Cow<'a, str>)>,
    pub(crate) entries: &'a [Entry],
}

impl<'a> Context<'a> {
    /// Nothing is known but the time.
    pub const fn new(now: Timestamp) -> Self {
        Self {
            now,
            origin: None,
            values: Vec::new(),
            tags: Vec::new(),
            entries: &[],
        }
    }

    /// The same, and where the request came from.
    #[must_use]
    pub fn origin(self, origin: Option<Origin>) -> Self {
        Self { origin, ..self }
    }

    /// The same, and the value of a key, if it has one. Given twice, the later one holds.
    #[must_use]
    pub fn with(mut self, key: Key, value: Option<impl Into<Value<'a>>>) -> Self {
        self.set(key, value);
        self
    }

    /// Sets the value of a key, or takes it away.
    pub fn set(&mut self, key: Key, value: Option<impl Into<Value<'a>>>) {
        self.values.retain(|(known, _)| *known != key);
        self.values.extend(value.map(|value| (key, value.into())));
    }

    /// The same, and tags. The tags of the user who asks are known already, and not taken from here.
    #[must_use]
    pub fn tags<K, V>(mut self, family: TagFamily, tags: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: Into<Cow<'a, str>>,
        V: Into<Cow<'a, str>>,
    {
        let tags = tags.into_iter().map(|(key, value)| (family, key.into(), value.into()));
        self.tags.extend(tags);
        self
    }

    /// The same, without the tags of a family.
    #[must_use]
    pub fn without_tags(mut self, family: TagFamily) -> Self {
        self.tags.retain(|(known, ..)| *known != family);
        self
    }

    /// The same, and what a simulation takes for granted; it wins over everything else. Never for a real request.
    #[must_use]
    pub fn pretending(self, entries: &'a [Entry]) -> Self {
        Self { entries, ..self }
    }

    /// When the request is judged.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Where the request came from, if that is known.
    pub fn came_from(&self) -> Option<Origin> {
        self.origin
    }
}
