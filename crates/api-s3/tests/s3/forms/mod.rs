//! Uploads by HTML form.

use baleen_signing::sign::Signer;
use baleen_signing::v2;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::harness::{Answer, Ask, OWNER, Server, post};

mod conditions;
mod damaged;
mod keys;
mod permissions;
mod protected;
mod signatures;
mod stored;

const BOUNDARY: &str = "----WebKitFormBoundary0123456789";

/// How a form is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Not,
    V4,
    V2,
    /// With the name that seed 004 has for the key.
    Lyve,
}

/// A form in the making.
#[derive(Clone)]
struct Form {
    target: String,
    fields: Vec<(String, String)>,
    conditions: Vec<String>,
    file: Vec<u8>,
    file_name: String,
    how: How,
    signer: Signer<'static>,
    expires: String,
}

fn form() -> Form {
    Form {
        target: "/bucket".to_owned(),
        fields: Vec::new(),
        conditions: vec![r#"{"bucket": "bucket"}"#.to_owned()],
        file: b"data".to_vec(),
        file_name: "a.txt".to_owned(),
        how: How::V4,
        signer: OWNER,
        expires: "2026-01-02T04:00:00.000Z".to_owned(),
    }
    .field("key", "k")
}

impl Form {
    /// Adds a field which no condition names.
    fn stray(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a field, and the condition that it is so.
    fn field(self, name: &str, value: &str) -> Self {
        let value_text = serde_json::to_string(value).unwrap();
        self.stray(name, value)
            .condition(&format!(r#"["eq", "${name}", {value_text}]"#))
    }

    fn condition(mut self, condition: &str) -> Self {
        self.conditions.push(condition.to_owned());
        self
    }

    /// Without the key's field and condition.
    fn without_key(mut self) -> Self {
        self.fields.retain(|(name, _)| name != "key");
        self.conditions.retain(|condition| !condition.contains("$key"));
        self
    }

    fn signed(mut self, server: &Server) -> Self {
        if self.how == How::Not {
            return self;
        }
        let date = server.now();
        if self.how == How::V4 {
            let (credential, _) = self.signer.sign_policy(b"", date);
            self = self
                .field("X-Amz-Algorithm", "AWS4-HMAC-SHA256")
                .field("x-amz-credential", &credential)
                .field("x-amz-date", date.as_str());
        }
        let document = format!(
            r#"{{"expiration": "{}", "conditions": [{}]}}"#,
            self.expires,
            self.conditions.join(", ")
        );
        let document = BASE64.encode(document);
        let signer = v2::Signer {
            access_key_id: self.signer.access_key_id,
            secret: self.signer.secret,
        };
        let fields = match self.how {
            How::V4 => vec![("x-amz-signature", self.signer.sign_policy(document.as_bytes(), date).1)],
            How::V2 | How::Lyve => {
                let name = if self.how == How::V2 {
                    "AWSAccessKeyId"
                } else {
                    "LyveAccessKeyId"
                };
                let signature = signer.sign_policy(document.as_bytes());
                vec![(name, signer.access_key_id.to_owned()), ("Signature", signature)]
            }
            How::Not => Vec::new(),
        };
        self = self.stray("Policy", &document);
        fields.iter().fold(self, |form, (name, value)| form.stray(name, value))
    }

    /// Puts other values into fields, after they were signed.
    fn changed(mut self, change: impl Fn(&str, &str) -> Option<String>) -> Self {
        for (name, value) in &mut self.fields {
            if let Some(other) = change(name, value) {
                *value = other;
            }
        }
        self
    }

    fn ask(self) -> Ask {
        let mut body = Vec::new();
        for (name, value) in &self.fields {
            let part = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
            body.extend_from_slice(part.as_bytes());
        }
        let part = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{}\"\r\nContent-Type: image/jpeg\r\n\r\n",
            self.file_name
        );
        body.extend_from_slice(part.as_bytes());
        body.extend_from_slice(&self.file);
        let part = format!(
            "\r\n--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"submit\"\r\n\r\nUpload\r\n--{BOUNDARY}--\r\n"
        );
        body.extend_from_slice(part.as_bytes());
        post(&self.target)
            .header("content-type", &format!("multipart/form-data; boundary={BOUNDARY}"))
            .body(body)
    }

    async fn send(self, server: &Server) -> Answer {
        let ask = self.signed(server).ask();
        server.raw(ask).await
    }
}

/// A code, or nothing for what went well.
fn code(answer: &Answer) -> String {
    if answer.status.is_success() || answer.status.is_redirection() {
        String::new()
    } else {
        answer.code()
    }
}

/// A form of somebody, or of nobody, for the key `k` of the bucket: up to where its file begins, and what follows the file.
pub(crate) fn in_two(server: &Server, signer: Option<Signer<'static>>) -> (Ask, Vec<u8>) {
    let form = match signer {
        Some(signer) => Form { signer, ..form() },
        None => Form {
            how: How::Not,
            ..form()
        },
    };
    let mark = b"--the file--";
    let form = Form {
        file: mark.to_vec(),
        ..form
    };
    let mut ask = form.signed(server).ask();
    let at = ask.body.windows(mark.len()).position(|window| window == mark).unwrap();
    let rest = ask.body.split_off(at);
    (ask, rest[mark.len()..].to_vec())
}
