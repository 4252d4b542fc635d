//! Taking a JSON body apart.

use super::fault::{Code, Fault, code};
use serde_json::{Map, Value};
use std::ops::RangeInclusive;

/// What is wrong with a request. An answer has one code, that of the first mistake; all of them are told. The members that are read are
/// few, and so are these.
#[derive(Default)]
pub(crate) struct Mistakes(Vec<Fault>);

impl Mistakes {
    /// What was read, unless it was a mistake.
    pub(crate) fn note<T>(&mut self, read: Result<T, Fault>) -> Option<T> {
        read.map_err(|fault| self.0.push(fault)).ok()
    }

    /// Whether nothing was wrong.
    pub(crate) fn finish(self) -> Result<(), Fault> {
        Fault::all(self.0).map_or(Ok(()), Err)
    }
}

/// An object in a request, with where it is.
#[derive(Clone, Copy)]
pub(crate) struct Object<'a> {
    members: &'a Map<String, Value>,
    /// Its name, with a dot behind it; empty for the body itself.
    at: &'static str,
}

impl<'a> Object<'a> {
    /// The body.
    pub(crate) fn body(members: &'a Map<String, Value>) -> Self {
        Self { members, at: "" }
    }

    /// An object in the body; `at` is its name with a dot behind it.
    pub(crate) fn inside(members: &'a Map<String, Value>, at: &'static str) -> Self {
        Self { members, at }
    }

    /// What a member is called in messages.
    pub(crate) fn called(self, name: &str) -> String {
        format!("{}{name}", self.at)
    }

    fn wrong(self, name: &str, why: &str) -> Fault {
        Fault::bad(code::WRONG_PARAM, format!("{} {why}", self.called(name)))
    }

    /// A member; null counts as missing.
    pub(crate) fn get(self, name: &str) -> Option<&'a Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    pub(crate) fn required(self, name: &str) -> Result<&'a Value, Fault> {
        let missing = || Fault::bad(code::EMPTY_PARAM, format!("{} is required", self.called(name)));
        self.get(name).ok_or_else(missing)
    }

    pub(crate) fn text(self, name: &str) -> Result<Option<&'a str>, Fault> {
        let read = |value: &'a Value| value.as_str().ok_or_else(|| self.wrong(name, "must be a string"));
        self.get(name).map(read).transpose()
    }

    /// A text that has to be there.
    pub(crate) fn required_text(self, name: &str) -> Result<&'a str, Fault> {
        self.required(name)?;
        Ok(self.text(name)?.unwrap_or_default())
    }

    pub(crate) fn boolean(self, name: &str) -> Result<Option<bool>, Fault> {
        let read = |value: &Value| value.as_bool().ok_or_else(|| self.wrong(name, "must be true or false"));
        self.get(name).map(read).transpose()
    }

    /// A whole number, written as one: the vendor's SDKs type it so.
    pub(crate) fn whole(self, name: &str, allowed: &RangeInclusive<i64>) -> Result<i64, Fault> {
        self.whole_or(name, allowed, code::WRONG_PARAM)
    }

    /// The same, with the code for another number.
    pub(crate) fn whole_or(self, name: &str, allowed: &RangeInclusive<i64>, other: Code) -> Result<i64, Fault> {
        let value = self.required(name)?;
        let (first, last) = (allowed.start(), allowed.end());
        let bounds = if first == last {
            format!("must be {first}")
        } else {
            format!("must be a whole number from {first} to {last}")
        };
        if !value.is_number() {
            return Err(self.wrong(name, &bounds));
        }
        let number = value.as_i64().filter(|number| allowed.contains(number));
        number.ok_or_else(|| Fault::bad(other, format!("{} {bounds}", self.called(name))))
    }
}
