//! Reads what the identity door answers: XML and JSON become one kind of value.
//!
//! An element with text is a text; one whose elements are all called `member` is a list; any other is an object. The answer of
//! a server is input from outside: the reader holds its depth, text and document type to limits.

use baleen_remote::xml::{self, Visit};
use serde_json::{Map, Value};

/// Why an answer says no.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The code, as `AccessDenied`.
    pub(super) code: String,
    /// The sentence for people.
    pub(super) message: String,
}

/// Reads a good answer: the members of the result, or `Null` when there is none.
pub(super) fn read(body: &[u8]) -> Result<Value, String> {
    match body.trim_ascii_start() {
        [] => Ok(Value::Null),
        [b'<', ..] => Ok(result_of(read_xml(body)?)),
        _ => serde_json::from_slice(body).map_err(|error| format!("it is not JSON: {error}")),
    }
}

/// Reads a bad answer, in any of the shapes that the doors of the server have; `None` when it is of none of them.
pub(super) fn read_refusal(body: &[u8]) -> Option<Refusal> {
    let value = match body.trim_ascii_start() {
        [b'<', ..] => read_xml(body).ok()?,
        _ => serde_json::from_slice(body).ok()?,
    };
    // XML of IAM and STS has the error in an element of its own; S3's is the error, as the `RS..` actions' JSON is.
    let error = value.get("Error").unwrap_or(&value);
    let text = |names: [&str; 2]| {
        names
            .iter()
            .find_map(|name| error.get(*name)?.as_str())
            .map(str::to_owned)
    };
    Some(Refusal {
        code: text(["Code", "code"])?,
        message: text(["Message", "errorDesc"]).unwrap_or_default(),
    })
}

/// The result within the answer of an action: what stands beside the request's id.
fn result_of(answer: Value) -> Value {
    let Value::Object(members) = answer else {
        return Value::Null;
    };
    let result = members.into_iter().find(|(name, _)| name.ends_with("Result"));
    result.map_or(Value::Null, |(_, value)| value)
}

/// An element that is being read.
#[derive(Default)]
struct Open {
    name: String,
    members: Vec<(String, Value)>,
}

/// The content of a document's outermost element.
fn read_xml(document: &[u8]) -> Result<Value, String> {
    let mut stack: Vec<Open> = vec![Open::default()];
    xml::read(document, |path, visit| match visit {
        Visit::Open => stack.push(Open {
            name: path.last().cloned().unwrap_or_default(),
            members: Vec::new(),
        }),
        Visit::Close(text) => {
            let closed = stack.pop().unwrap_or_default();
            if let Some(outer) = stack.last_mut() {
                outer.members.push((closed.name, value_of(closed.members, text)));
            }
        }
    })?;
    let root = stack.pop().and_then(|mut document| document.members.pop());
    root.map(|(_, value)| value).ok_or_else(|| "it is empty".to_owned())
}

fn value_of(members: Vec<(String, Value)>, text: &str) -> Value {
    if members.is_empty() {
        Value::String(text.to_owned())
    } else if members.iter().all(|(name, _)| name == "member") {
        Value::Array(members.into_iter().map(|(_, value)| value).collect())
    } else {
        Value::Object(members.into_iter().collect::<Map<_, _>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn good_answers() {
        for (body, expected) in [
            ("", Value::Null),
            ("[]", json!([])),
            (r#" {"Token":"t"}"#, json!({ "Token": "t" })),
            (
                "<?xml version=\"1.0\"?><DeleteUserResponse xmlns=\"x\"><ResponseMetadata><RequestId>1</RequestId>\
                 </ResponseMetadata></DeleteUserResponse>",
                Value::Null,
            ),
            (
                "<R><ListUsersResult><Users><member><UserName>a&amp;b&#33;</UserName></member><member><UserName>c\
                 </UserName></member></Users><IsTruncated>false</IsTruncated></ListUsersResult></R>",
                json!({ "Users": [{ "UserName": "a&b!" }, { "UserName": "c" }], "IsTruncated": "false" }),
            ),
            (
                "<R><XResult><Users/><Path>/</Path></XResult></R>",
                json!({ "Users": "", "Path": "/" }),
            ),
        ] {
            assert_eq!(read(body.as_bytes()), Ok(expected), "{body}");
        }
    }

    #[test]
    fn what_is_no_answer() {
        let deep = format!("{}{}", "<a>".repeat(17), "</a>".repeat(17));
        for body in [
            "<a>",
            "<a></b>",
            "<a/><b/>",
            "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
            "<a>&b;</a>",
            "{",
            "nonsense",
            deep.as_str(),
        ] {
            assert!(read(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn refusals_of_every_shape() {
        for body in [
            "<ErrorResponse xmlns=\"x\"><Error><Type>Sender</Type><Code>C</Code><Message>m &lt;</Message></Error>\
             <RequestId>1</RequestId></ErrorResponse>",
            "<Error><Code>C</Code><Message>m &lt;</Message></Error>",
            r#"{"Ok":false,"Code":"C","Message":"m <","RequestId":"1"}"#,
            r#"{"ok":false,"errorDesc":"m <","code":"C"}"#,
        ] {
            let expected = Refusal {
                code: "C".to_owned(),
                message: "m <".to_owned(),
            };
            assert_eq!(read_refusal(body.as_bytes()), Some(expected), "{body}");
        }
        for body in ["", "<html>Bad gateway</html>", "<a", "[]", "{}", r#"{"Code":5}"#] {
            assert_eq!(read_refusal(body.as_bytes()), None, "{body}");
        }
    }
}
