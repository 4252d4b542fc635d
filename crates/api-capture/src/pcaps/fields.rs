//! Taking a JSON object apart, so that every mistake is told at once with its pointer.

use crate::pcaps::fault::{Fault, Problem, code};
use serde_json::{Map, Value};
use std::ops::RangeInclusive;

/// The largest whole number that a JSON number of a JavaScript or Python client carries exactly.
const EXACT_MAX: f64 = 9_007_199_254_740_991.0;

/// How many unknown members of one object are told, so that an answer is not many times as large as its request.
const UNKNOWN_TOLD_MAX: usize = 16;

/// An object being taken apart. A member that is null counts as missing; unknown members are looked at by
/// [`Fields::only`] alone.
pub(crate) struct Fields<'a> {
    object: &'a Map<String, Value>,
    /// The pointer to the object itself, without a slash at its end.
    at: &'static str,
    problems: Vec<Problem>,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(object: &'a Map<String, Value>, at: &'static str) -> Self {
        Self {
            object,
            at,
            problems: Vec::new(),
        }
    }

    /// Whether this is the body itself, and no object inside it.
    pub(crate) fn is_whole_body(&self) -> bool {
        self.at.is_empty()
    }

    /// Takes note of a mistake in a member.
    pub(crate) fn refuse(&mut self, name: &str, message: impl Into<String>) {
        self.problems.push(Problem {
            code: code::INVALID,
            message: message.into(),
            pointer: Some(format!("{}/{name}", self.at)),
        });
    }

    /// Refuses members of other names, unless they are null.
    pub(crate) fn only(&mut self, known: &[&str]) {
        let object = self.object;
        let unknown = object
            .iter()
            .filter(|(name, value)| !value.is_null() && !known.contains(&name.as_str()));
        for (name, _) in unknown.take(UNKNOWN_TOLD_MAX) {
            // RFC 6901, section 3: the two signs with a meaning of their own in a pointer.
            let escaped = name.replace('~', "~0").replace('/', "~1");
            self.refuse(&escaped, format!("unknown member; {} are known", known.join(", ")));
        }
    }

    /// The mistakes of an object inside this one.
    pub(crate) fn take_problems(&mut self, inner: Fields<'_>) {
        self.problems.extend(inner.problems);
    }

    /// Whether nothing was wrong so far.
    pub(crate) fn finish(self) -> Result<(), Fault> {
        if self.problems.is_empty() {
            Ok(())
        } else {
            Err(Fault::invalid(self.problems))
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    pub(crate) fn text(&mut self, name: &str) -> Option<&'a str> {
        let value = self.get(name)?;
        let text = value.as_str();
        if text.is_none() {
            self.refuse(name, format!("{name} must be a string"));
        }
        text
    }

    pub(crate) fn required_text(&mut self, name: &str) -> Option<&'a str> {
        if self.get(name).is_none() {
            self.refuse(name, format!("{name} is required"));
        }
        self.text(name)
    }

    pub(crate) fn boolean(&mut self, name: &str) -> Option<bool> {
        let value = self.get(name)?;
        let boolean = value.as_bool();
        if boolean.is_none() {
            self.refuse(name, format!("{name} must be true or false"));
        }
        boolean
    }

    pub(crate) fn object(&mut self, name: &str) -> Option<&'a Map<String, Value>> {
        let value = self.get(name)?;
        let object = value.as_object();
        if object.is_none() {
            self.refuse(name, format!("{name} must be an object"));
        }
        object
    }

    /// A number, also with a fraction.
    pub(crate) fn number(&mut self, name: &str, allowed: &RangeInclusive<f64>) -> Option<f64> {
        let value = self.get(name)?;
        match value.as_f64() {
            Some(number) if allowed.contains(&number) => Some(number),
            Some(_) => {
                self.refuse(name, format!("{name} must be {} to {}", allowed.start(), allowed.end()));
                None
            }
            None => {
                self.refuse(name, format!("{name} must be a number"));
                None
            }
        }
    }

    /// A whole number, which may be written `20.0` (capture contract, A.2: the SDK types counts as float).
    pub(crate) fn whole(&mut self, name: &str, allowed: &RangeInclusive<u64>) -> Option<u64> {
        let value = self.get(name)?;
        let Some(whole) = value.as_u64().or_else(|| value.as_f64().and_then(whole)) else {
            let message = match value {
                Value::Number(_) => format!(
                    "{name} must be a whole number from {} to {}",
                    allowed.start(),
                    allowed.end()
                ),
                _ => format!("{name} must be a number"),
            };
            self.refuse(name, message);
            return None;
        };
        if !allowed.contains(&whole) {
            self.refuse(name, format!("{name} must be {} to {}", allowed.start(), allowed.end()));
            return None;
        }
        Some(whole)
    }

    /// A member with two spellings, of which the first is the one to write; both may be given if they agree. Returns the
    /// spelling that was used with the value.
    pub(crate) fn either(&mut self, name: &'static str, other: &'static str) -> Option<(&'static str, &'a str)> {
        let (first, second) = (self.text(name), self.text(other));
        match (first, second) {
            (Some(a), Some(b)) if a != b => {
                self.refuse(other, format!("{name} and {other} are the same member and differ"));
                None
            }
            (Some(text), _) => Some((name, text)),
            (None, Some(text)) => Some((other, text)),
            (None, None) => {
                if self.get(name).is_none() && self.get(other).is_none() {
                    self.refuse(name, format!("{name} is required"));
                }
                None
            }
        }
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be whole, not negative and exact"
)]
fn whole(number: f64) -> Option<u64> {
    ((0.0..=EXACT_MAX).contains(&number) && number.fract() == 0.0).then_some(number as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(value: &Value) -> (Option<u64>, Option<f64>) {
        let Value::Object(object) = json!({ "n": value }) else {
            unreachable!()
        };
        let mut fields = Fields::new(&object, "");
        (fields.whole("n", &(1..=100)), fields.number("n", &(1.0..=100.0)))
    }

    #[test]
    fn unknown_members_are_told_within_bounds() {
        let Value::Object(mut object) = json!({ "port": 1, "a/b~c": 2, "dest": null }) else {
            unreachable!()
        };
        let mut fields = Fields::new(&object, "/filter");
        fields.only(&["port", "address"]);
        assert_eq!(fields.problems.len(), 1);
        assert_eq!(fields.problems[0].pointer.as_deref(), Some("/filter/a~1b~0c"));
        assert_eq!(fields.problems[0].message, "unknown member; port, address are known");

        object.extend((0..100).map(|n| (n.to_string(), json!(n))));
        let mut fields = Fields::new(&object, "/filter");
        fields.only(&["port", "address"]);
        assert_eq!(fields.problems.len(), UNKNOWN_TOLD_MAX);
    }

    #[test]
    fn numbers_as_clients_write_them() {
        for (value, whole, number) in [
            (json!(20), Some(20), Some(20.0)),
            (json!(20.0), Some(20), Some(20.0)),
            (json!(1.5), None, Some(1.5)),
            (json!(1), Some(1), Some(1.0)),
            (json!(100), Some(100), Some(100.0)),
            (json!(0), None, None),
            (json!(101), None, None),
            (json!(0.999), None, None),
            (json!(100.001), None, None),
            (json!(-1), None, None),
            (json!(1e300), None, None),
            (json!(u64::MAX), None, None),
            (json!("20"), None, None),
            (json!(true), None, None),
            (json!([20]), None, None),
            (json!(null), None, None),
        ] {
            assert_eq!(check(&value), (whole, number), "{value}");
        }
    }
}
