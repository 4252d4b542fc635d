//! Conditions: compiled from their operator and values, judged against one request.
//!
//! Source: AWS, "IAM JSON policy elements: condition operators" and "multivalued context keys"; identity notes, 2.2.

use crate::arn::{Arn, ArnGlob};
use crate::context::Value;
use crate::glob::{Glob, Reading, fold};
use crate::key::KeyRef;
use crate::parsing::{self, Decimal};
use crate::scene::{Found, Scene};
use crate::variable::Variable;
use baleen_types::Timestamp;
use ipnet::IpNet;
use std::cmp::Ordering;

/// What a part of a statement says of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    Holds,
    Fails,
    /// It cannot be told: an Allow does not apply then, and a Deny does.
    Unsure,
}

impl Judgement {
    /// Both.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Fails, _) | (_, Self::Fails) => Self::Fails,
            (Self::Unsure, _) | (_, Self::Unsure) => Self::Unsure,
            (Self::Holds, Self::Holds) => Self::Holds,
        }
    }

    fn not(self) -> Self {
        match self {
            Self::Holds => Self::Fails,
            Self::Fails => Self::Holds,
            Self::Unsure => Self::Unsure,
        }
    }
}

impl From<bool> for Judgement {
    fn from(holds: bool) -> Self {
        if holds { Self::Holds } else { Self::Fails }
    }
}

/// One key of one operator.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    pub(crate) key: KeyRef,
    pub(crate) quantifier: Option<Quantifier>,
    pub(crate) if_exists: bool,
    /// Whether none of the values may fit, rather than one of them.
    pub(crate) negated: bool,
    pub(crate) test: Test,
}

/// How many of a key's values in the request have to satisfy the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quantifier {
    All,
    Any,
}

/// The values of a condition, typed by the operator. One of them has to fit.
#[derive(Clone, Debug)]
pub(crate) enum Test {
    Text(Box<[Glob]>),
    TextWithoutCase(Box<[Glob]>),
    Number(Comparison, Box<[Decimal]>),
    Date(Comparison, Box<[Timestamp]>),
    Bool(Box<[bool]>),
    Bytes(Box<[Vec<u8>]>),
    Address(Box<[IpNet]>),
    Arn(Box<[ArnGlob]>),
    /// Whether the key must be absent.
    Null(Box<[bool]>),
}

/// How numbers and dates are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equals,
    LessThan,
    LessThanEquals,
    GreaterThan,
    GreaterThanEquals,
}

impl Comparison {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equals => order.is_eq(),
            Self::LessThan => order.is_lt(),
            Self::LessThanEquals => order.is_le(),
            Self::GreaterThan => order.is_gt(),
            Self::GreaterThanEquals => order.is_ge(),
        }
    }
}

impl Condition {
    /// Compiles the values of one key under one operator. `variables` tells whether the document's version has them.
    pub(crate) fn compile(operator: &str, key: &str, values: &[String], variables: bool) -> Result<Self, String> {
        let (quantifier, rest) = match operator.split_once(':') {
            None => (None, operator),
            Some(("ForAllValues", rest)) => (Some(Quantifier::All), rest),
            Some(("ForAnyValue", rest)) => (Some(Quantifier::Any), rest),
            Some(_) => return Err(unknown(operator)),
        };
        let (name, if_exists) = match rest.strip_suffix("IfExists") {
            Some(name) => (name, true),
            None => (rest, false),
        };
        if name == "Null" && (if_exists || quantifier.is_some()) {
            return Err(format!("{operator} has no meaning: Null asks for presence itself"));
        }
        if values.is_empty() {
            return Err(format!("{operator} of {key} has no value to compare with"));
        }
        let key = KeyRef::parse(key)?;
        let (negated, test) = compile_test(name, values, variables).map_err(|fault| match fault {
            Fault::Operator => unknown(operator),
            Fault::Value(why) => format!("{operator} of {}: {why}", key.name()),
        })?;
        Ok(Self {
            key,
            quantifier,
            if_exists,
            negated,
            test,
        })
    }

    /// Judges the condition.
    pub(crate) fn judge(&self, scene: &Scene<'_>) -> Judgement {
        let found = scene.find(&self.key);
        if let Test::Null(wanted) = &self.test {
            // An empty value counts as present, and so does one that cannot be told.
            return wanted.contains(&matches!(found, Found::Absent)).into();
        }
        match (found, self.quantifier) {
            (Found::Broken, _) => Judgement::Unsure,
            (Found::Absent, _) => self.absent(),
            (Found::One(value), _) => self.judge_one(&value, scene),
            (Found::Many(values), _) if values.is_empty() => self.absent(),
            (Found::Many(values), None) => match &values[..] {
                [one] => self.judge_one(&Value::Text(one.clone()), scene),
                // To compare a list with a value is a mistake of the writer (AWS, "Single-valued vs. multivalued").
                _ => Judgement::Unsure,
            },
            (Found::Many(values), Some(quantifier)) => {
                let mut judgements = values.iter().map(|v| self.judge_one(&Value::Text(v.clone()), scene));
                let (stop, otherwise) = match quantifier {
                    Quantifier::All => (Judgement::Fails, Judgement::Holds),
                    Quantifier::Any => (Judgement::Holds, Judgement::Fails),
                };
                let mut unsure = false;
                let decided = judgements.any(|judgement| {
                    unsure |= judgement == Judgement::Unsure;
                    judgement == stop
                });
                match (decided, unsure) {
                    (true, _) => stop,
                    (false, true) => Judgement::Unsure,
                    (false, false) => otherwise,
                }
            }
        }
    }

    /// The judgement when the request has no value for the key.
    fn absent(&self) -> Judgement {
        let holds = self.if_exists
            || match self.quantifier {
                Some(Quantifier::All) => true,
                Some(Quantifier::Any) => false,
                None => self.negated,
            };
        holds.into()
    }

    fn judge_one(&self, value: &Value<'_>, scene: &Scene<'_>) -> Judgement {
        let fits = self.fits(value, scene);
        if self.negated { fits.not() } else { fits }
    }

    /// Whether one of the condition's values fits.
    fn fits(&self, value: &Value<'_>, scene: &Scene<'_>) -> Judgement {
        match &self.test {
            Test::Text(globs) => {
                let text = value.text();
                one_of(globs, |glob| glob.matches(&text, scene).ok())
            }
            Test::TextWithoutCase(globs) => {
                let text = fold(&value.text());
                one_of(globs, |glob| glob.matches_folded(&text, scene).ok())
            }
            Test::Number(comparison, numbers) => match parsing::number(value) {
                Some(number) => one_of(numbers, |wanted| Some(comparison.holds(number.cmp(wanted)))),
                None => Judgement::Unsure,
            },
            Test::Date(comparison, dates) => match parsing::date(value) {
                Some(at) => one_of(dates, |wanted| Some(comparison.holds(at.cmp(wanted)))),
                None => Judgement::Unsure,
            },
            Test::Bool(flags) => match parsing::flag(value) {
                Some(flag) => one_of(flags, |wanted| Some(*wanted == flag)),
                None => Judgement::Unsure,
            },
            Test::Bytes(wanted) => {
                let text = value.text();
                one_of(wanted, |bytes| Some(bytes[..] == *text.as_bytes()))
            }
            Test::Address(nets) => match parsing::address(value) {
                Some(address) => one_of(nets, |net| Some(net.contains(&address))),
                None => Judgement::Unsure,
            },
            Test::Arn(globs) => {
                let text = value.text();
                match Arn::parse(&text) {
                    Some(arn) => one_of(globs, |glob| glob.matches(&arn, scene).ok()),
                    None => Judgement::Unsure,
                }
            }
            // Judged before, by presence.
            Test::Null(_) => Judgement::Unsure,
        }
    }

    /// The variables of the values.
    pub(crate) fn variables(&self) -> Vec<&Variable> {
        match &self.test {
            Test::Text(globs) | Test::TextWithoutCase(globs) => globs.iter().flat_map(Glob::variables).collect(),
            Test::Arn(globs) => globs.iter().flat_map(ArnGlob::variables).collect(),
            Test::Number(..) | Test::Date(..) | Test::Bool(_) | Test::Bytes(_) | Test::Address(_) | Test::Null(_) => {
                Vec::new()
            }
        }
    }
}

/// One that fits decides; else one that cannot be told leaves it open.
fn one_of<T>(values: &[T], fits: impl Fn(&T) -> Option<bool>) -> Judgement {
    let mut open = false;
    for value in values {
        match fits(value) {
            Some(true) => return Judgement::Holds,
            Some(false) => {}
            None => open = true,
        }
    }
    if open { Judgement::Unsure } else { Judgement::Fails }
}

fn unknown(operator: &str) -> String {
    format!("{operator:?} is no condition operator")
}

enum Fault {
    Operator,
    Value(String),
}

fn compile_test(name: &str, values: &[String], variables: bool) -> Result<(bool, Test), Fault> {
    let plain = Reading {
        wildcards: false,
        variables,
    };
    let wild = Reading {
        wildcards: true,
        variables,
    };
    let globs = |reading| each(values, |text| Glob::compile(text, reading));
    Ok(match name {
        "StringEquals" => (false, Test::Text(globs(plain)?)),
        "StringNotEquals" => (true, Test::Text(globs(plain)?)),
        "StringEqualsIgnoreCase" => (false, Test::TextWithoutCase(globs(plain)?)),
        "StringNotEqualsIgnoreCase" => (true, Test::TextWithoutCase(globs(plain)?)),
        "StringLike" => (false, Test::Text(globs(wild)?)),
        "StringNotLike" => (true, Test::Text(globs(wild)?)),
        "ArnEquals" | "ArnLike" => (false, Test::Arn(each(values, |text| ArnGlob::compile(text, wild))?)),
        "ArnNotEquals" | "ArnNotLike" => (true, Test::Arn(each(values, |text| ArnGlob::compile(text, wild))?)),
        "Bool" => (false, Test::Bool(each(values, parsing::flag_text)?)),
        "Null" => (false, Test::Null(each(values, parsing::flag_text)?)),
        "BinaryEquals" => (false, Test::Bytes(each(values, parsing::bytes)?)),
        "IpAddress" => (false, Test::Address(each(values, parsing::network)?)),
        "NotIpAddress" => (true, Test::Address(each(values, parsing::network)?)),
        _ => {
            if let Some((negated, comparison)) = name.strip_prefix("Numeric").and_then(comparison) {
                (negated, Test::Number(comparison, each(values, parsing::number_text)?))
            } else if let Some((negated, comparison)) = name.strip_prefix("Date").and_then(comparison) {
                (negated, Test::Date(comparison, each(values, parsing::date_text)?))
            } else {
                return Err(Fault::Operator);
            }
        }
    })
}

fn comparison(name: &str) -> Option<(bool, Comparison)> {
    Some(match name {
        "Equals" => (false, Comparison::Equals),
        "NotEquals" => (true, Comparison::Equals),
        "LessThan" => (false, Comparison::LessThan),
        "LessThanEquals" => (false, Comparison::LessThanEquals),
        "GreaterThan" => (false, Comparison::GreaterThan),
        "GreaterThanEquals" => (false, Comparison::GreaterThanEquals),
        _ => return None,
    })
}

fn each<T>(values: &[String], read: impl Fn(&str) -> Result<T, String>) -> Result<Box<[T]>, Fault> {
    values.iter().map(|text| read(text).map_err(Fault::Value)).collect()
}

#[cfg(test)]
mod tests;
