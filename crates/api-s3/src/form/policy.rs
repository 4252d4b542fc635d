//! The policy of a form: what its signer allows in it, and until when.

use baleen_http::Form;
use baleen_signing::limits::{CLOCK_SKEW_MAX, PRESIGNED_EXPIRES_MAX};
use baleen_types::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::StatusCode;
use serde_json::Value;
use std::ops::RangeInclusive;

use crate::fault::Fault;
use crate::limits::FORM_FILE_BYTES_MAX;

/// A policy.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PostPolicy {
    expiration: Timestamp,
    conditions: Vec<Condition>,
}

/// One condition. Names of fields are in lower case.
#[derive(Debug, PartialEq, Eq)]
enum Condition {
    Equals { field: String, value: String },
    StartsWith { field: String, prefix: String },
    Length { least: u64, most: u64 },
}

/// Fields that no condition has to name: those which say that the policy is genuine, and the file (seed 004, "Conditions").
const UNNAMED: [&str; 6] = [
    "awsaccesskeyid",
    "file",
    "lyveaccesskeyid",
    "policy",
    "signature",
    "x-amz-signature",
];

/// Fields that a page has for itself.
const IGNORED: &str = "x-ignore-";

/// Fields of which a part says nothing (seed 004, table of conditions: "supports exact matching").
const EXACT: [&str; 4] = ["bucket", "x-amz-algorithm", "x-amz-credential", "x-amz-date"];

impl PostPolicy {
    /// Reads a policy as it stands in its field, in base64.
    pub(super) fn parse(encoded: &str) -> Result<Self, Fault> {
        let text = BASE64
            .decode(encoded.trim())
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok());
        let text = text.ok_or_else(|| malformed("it is not UTF-8 in base64"))?;
        let document: Value = serde_json::from_str(&as_json(&text)).map_err(|_| malformed("it is not JSON"))?;
        let Value::Object(mut document) = document else {
            return Err(malformed("it is not an object"));
        };
        let expiration = document.remove("expiration");
        let expiration = expiration
            .as_ref()
            .and_then(Value::as_str)
            .ok_or_else(|| malformed("it has no expiration"))?;
        let expiration =
            Timestamp::parse_rfc3339(expiration).map_err(|_| malformed("its expiration is no time in ISO 8601"))?;
        let Some(Value::Array(conditions)) = document.remove("conditions") else {
            return Err(malformed("it has no list of conditions"));
        };
        if !document.is_empty() {
            return Err(malformed("it has an element of unknown meaning"));
        }
        let mut parsed = Vec::with_capacity(conditions.len());
        for condition in conditions {
            Condition::parse(condition, &mut parsed)?;
        }
        Ok(Self {
            expiration,
            conditions: parsed,
        })
    }

    /// Judges a form that is sent to a bucket, with a key which has the name of the file in it. Gives the sizes that the file may
    /// have.
    pub(super) fn permit(
        &self,
        form: &Form,
        (bucket, key): (&str, &str),
        now: Timestamp,
    ) -> Result<RangeInclusive<u64>, Fault> {
        if now >= self.expiration {
            return Err(forbidden("Policy expired."));
        }
        if self.expiration > now.plus(PRESIGNED_EXPIRES_MAX).plus(CLOCK_SKEW_MAX) {
            return Err(forbidden("Policy must expire within seven days."));
        }
        let value = |field: &str| match field {
            "bucket" => Some(bucket),
            "key" => Some(key),
            field => form.get(field),
        };
        let (mut least, mut most) = (0, FORM_FILE_BYTES_MAX);
        for condition in &self.conditions {
            let holds = match condition {
                Condition::Length { least: l, most: m } => {
                    (least, most) = (least.max(*l), most.min(*m));
                    true
                }
                Condition::Equals { field, value: wanted } => value(field) == Some(&**wanted),
                Condition::StartsWith { field, prefix } => {
                    value(field).is_some_and(|value| begins(field, value, prefix))
                }
            };
            if !holds {
                return Err(forbidden(&format!("Policy Condition failed: {condition}")));
            }
        }
        let named = |field: &str| self.conditions.iter().any(|condition| condition.field() == Some(field));
        let needs = |field: &&str| !UNNAMED.contains(field) && !field.starts_with(IGNORED) && !named(field);
        let fields = form.fields().iter().map(|field| &*field.name);
        if let Some(stranger) = fields.chain(["bucket", "key"]).find(needs) {
            return Err(forbidden(&format!("Extra input fields: {stranger}")));
        }
        Ok(least..=most)
    }
}

/// Of a list of content types each has to begin so.
fn begins(field: &str, value: &str, prefix: &str) -> bool {
    if field == "content-type" {
        value.split(',').all(|one| one.trim_start().starts_with(prefix))
    } else {
        value.starts_with(prefix)
    }
}

impl Condition {
    /// An object of fields with their values, or a list of an operator and what it is about.
    fn parse(condition: Value, parsed: &mut Vec<Self>) -> Result<(), Fault> {
        match condition {
            Value::Object(fields) => {
                for (field, value) in fields {
                    parsed.push(Self::Equals {
                        field: field.to_ascii_lowercase(),
                        value: text(&value)?,
                    });
                }
                Ok(())
            }
            Value::Array(list) => {
                let [operator, first, second] = &list[..] else {
                    return Err(malformed("a condition has not three elements"));
                };
                let field = || {
                    let name = first.as_str().and_then(|name| name.strip_prefix('$'));
                    let name = name.ok_or_else(|| malformed("a condition names no field"))?;
                    Ok::<_, Fault>(name.to_ascii_lowercase())
                };
                parsed.push(
                    match operator.as_str().unwrap_or_default().to_ascii_lowercase().as_str() {
                        "eq" => Self::Equals {
                            field: field()?,
                            value: text(second)?,
                        },
                        "starts-with" => {
                            let field = field()?;
                            if EXACT.contains(&&*field) {
                                return Err(malformed("a field that has to be named exactly is not"));
                            }
                            Self::StartsWith {
                                field,
                                prefix: text(second)?,
                            }
                        }
                        "content-length-range" => Self::Length {
                            least: bytes(first)?,
                            most: bytes(second)?,
                        },
                        _ => return Err(malformed("a condition is of unknown kind")),
                    },
                );
                Ok(())
            }
            _ => Err(malformed("a condition is neither an object nor a list")),
        }
    }

    fn field(&self) -> Option<&str> {
        match self {
            Self::Equals { field, .. } | Self::StartsWith { field, .. } => Some(field),
            Self::Length { .. } => None,
        }
    }
}

impl std::fmt::Display for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Equals { field, value } => write!(f, r#"["eq", "${field}", "{value}"]"#),
            Self::StartsWith { field, prefix } => write!(f, r#"["starts-with", "${field}", "{prefix}"]"#),
            Self::Length { least, most } => write!(f, r#"["content-length-range", {least}, {most}]"#),
        }
    }
}

/// A value; `success_action_status` is written as a number by some.
fn text(value: &Value) -> Result<String, Fault> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err(malformed("a value is no text")),
    }
}

fn bytes(value: &Value) -> Result<u64, Fault> {
    let number = || value.as_str().and_then(|text| text.parse().ok());
    value
        .as_u64()
        .or_else(number)
        .ok_or_else(|| malformed("a size is no number of bytes"))
}

/// The document as JSON has it. Policies may have a comma behind the last element, and escape a dollar sign and the vertical tab
/// with a backslash (seed 004, "Policy" and "Character Escaping"); JSON has none of it.
fn as_json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut is_string = false;
    let mut characters = text.chars().peekable();
    // Where the last comma outside of texts is, as long as nothing but space follows it.
    let mut comma = None;
    while let Some(character) = characters.next() {
        match character {
            '\\' if is_string => match characters.next() {
                Some('$') => out.push('$'),
                Some('v') => out.push_str("\\u000b"),
                Some(other) => out.extend(['\\', other]),
                None => out.push('\\'),
            },
            '"' => {
                is_string = !is_string;
                comma = None;
                out.push('"');
            }
            other if is_string => out.push(other),
            ',' => {
                comma = Some(out.len());
                out.push(',');
            }
            ']' | '}' => {
                if let Some(at) = comma.take() {
                    out.remove(at);
                }
                out.push(character);
            }
            other => {
                if !other.is_ascii_whitespace() {
                    comma = None;
                }
                out.push(other);
            }
        }
    }
    out
}

fn malformed(why: &str) -> Fault {
    Fault::new(
        "InvalidPolicyDocument",
        StatusCode::BAD_REQUEST,
        format!("The content of the form does not meet the conditions specified in the policy document: {why}."),
    )
}

fn forbidden(why: &str) -> Fault {
    Fault::new(
        "AccessDenied",
        StatusCode::FORBIDDEN,
        format!("Invalid according to Policy: {why}"),
    )
}

#[cfg(test)]
mod tests;
