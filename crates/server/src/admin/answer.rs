//! Reads what the identity door answers: XML and JSON become one kind of value.
//!
//! An element with text is a text; one whose elements are all called `member` is a list; any other is an object. The answer of
//! a server is input from outside: its size, depth and document type are held to limits.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};
use serde_json::{Map, Value};

/// How deep elements may stand in one another. The deepest answer has seven.
const DEPTH_MAX: usize = 16;

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
    text: String,
    members: Vec<(String, Value)>,
}

/// The content of a document's outermost element.
fn read_xml(document: &[u8]) -> Result<Value, String> {
    let mut reader = Reader::from_reader(document);
    let mut stack: Vec<Open> = Vec::new();
    let mut root = None;
    loop {
        match reader.read_event().map_err(|error| format!("it is not XML: {error}"))? {
            Event::Start(start) => push(&mut stack, start.local_name().as_ref())?,
            Event::Empty(start) => {
                push(&mut stack, start.local_name().as_ref())?;
                close(&mut stack, &mut root)?;
            }
            Event::End(_) => close(&mut stack, &mut root)?,
            Event::Text(raw) => append(&mut stack, &raw.decode().map_err(|_| "its text is not UTF-8")?),
            Event::CData(raw) => append(&mut stack, &raw.decode().map_err(|_| "its text is not UTF-8")?),
            Event::GeneralRef(reference) => {
                let character = resolve(&reference).ok_or("it uses an entity that XML does not define")?;
                append(&mut stack, character.encode_utf8(&mut [0; 4]));
            }
            Event::DocType(_) => return Err("it has a document type".to_owned()),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof => break,
        }
    }
    if !stack.is_empty() {
        return Err("it broke off".to_owned());
    }
    root.ok_or_else(|| "it is empty".to_owned())
}

fn push(stack: &mut Vec<Open>, name: &[u8]) -> Result<(), String> {
    if stack.len() == DEPTH_MAX {
        return Err(format!("its elements stand more than {DEPTH_MAX} deep"));
    }
    stack.push(Open {
        name: String::from_utf8_lossy(name).into_owned(),
        ..Open::default()
    });
    Ok(())
}

fn close(stack: &mut Vec<Open>, root: &mut Option<Value>) -> Result<(), String> {
    let open = stack.pop().ok_or("it closes what is not open")?;
    let value = if open.members.is_empty() {
        Value::String(open.text)
    } else if open.members.iter().all(|(name, _)| name == "member") {
        Value::Array(open.members.into_iter().map(|(_, value)| value).collect())
    } else {
        Value::Object(open.members.into_iter().collect::<Map<_, _>>())
    };
    match stack.last_mut() {
        Some(outer) => outer.members.push((open.name, value)),
        None if root.is_some() => return Err("it is more than one document".to_owned()),
        None => *root = Some(value),
    }
    Ok(())
}

fn append(stack: &mut [Open], text: &str) {
    // Blanks around the outermost element belong to nobody.
    if let Some(open) = stack.last_mut() {
        open.text.push_str(text);
    }
}

fn resolve(reference: &BytesRef<'_>) -> Option<char> {
    if reference.is_char_ref() {
        return reference.resolve_char_ref().ok().flatten();
    }
    match reference.decode().ok()?.as_ref() {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "apos" => Some('\''),
        "quot" => Some('"'),
        _ => None,
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
