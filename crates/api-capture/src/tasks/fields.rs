//! Taking a JSON body apart. An answer has one code, so that the first mistake is told.

use super::fault::{Code, Fault, code};
use serde_json::{Map, Value};
use std::ops::RangeInclusive;

/// A member; null counts as missing.
pub(crate) fn get<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.get(name).filter(|value| !value.is_null())
}

pub(crate) fn required<'a>(object: &'a Map<String, Value>, name: &str) -> Result<&'a Value, Fault> {
    let missing = || Fault::bad(code::EMPTY_PARAM, format!("{name} is required"));
    get(object, name).ok_or_else(missing)
}

pub(crate) fn text<'a>(object: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, Fault> {
    let wrong = || Fault::bad(code::EMPTY_PARAM, format!("{name} must be a string"));
    get(object, name)
        .map(|value| value.as_str().ok_or_else(wrong))
        .transpose()
}

pub(crate) fn boolean(object: &Map<String, Value>, name: &str) -> Result<Option<bool>, Fault> {
    let wrong = || Fault::bad(code::EMPTY_PARAM, format!("{name} must be true or false"));
    get(object, name)
        .map(|value| value.as_bool().ok_or_else(wrong))
        .transpose()
}

/// A whole number, written as one: the vendor's SDKs type it so.
pub(crate) fn whole(object: &Map<String, Value>, name: &str, allowed: &RangeInclusive<i64>) -> Result<i64, Fault> {
    whole_or(object, name, allowed, code::EMPTY_PARAM)
}

/// The same, with the code for another number.
pub(crate) fn whole_or(
    object: &Map<String, Value>,
    name: &str,
    allowed: &RangeInclusive<i64>,
    other: Code,
) -> Result<i64, Fault> {
    let (first, last) = (allowed.start(), allowed.end());
    let value = required(object, name)?;
    if !value.is_number() {
        return Err(Fault::bad(code::EMPTY_PARAM, format!("{name} must be a whole number")));
    }
    let number = value.as_i64().filter(|number| allowed.contains(number));
    number.ok_or_else(|| Fault::bad(other, format!("{name} must be a whole number from {first} to {last}")))
}
