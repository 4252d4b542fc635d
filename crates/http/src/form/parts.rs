//! The head of a form: its fields, up to the first byte of the file.

use bytes::{Buf as _, Bytes, BytesMut};
use http_body_util::BodyExt as _;

use super::{Field, FileBody, Form};
use crate::limits::{FORM_FIELDS_BYTES_MAX, FORM_FIELDS_MAX, FORM_HEAD_BYTES_MAX};
use crate::{BodyFault, RequestBody};

/// Reads the fields of a form and takes the file out of the body. A body that is no form is left there, for who answers to read
/// away.
///
/// # Errors
/// [`BodyFault::Form`] for what is no form with a file, [`BodyFault::FormFields`] for one whose fields are too long; the faults
/// of the body itself.
pub(crate) async fn read(body: &mut RequestBody, boundary: &str) -> Result<(Form, FileBody), BodyFault> {
    let delimiter = format!("\r\n--{boundary}").into_bytes();
    let mut reader = Reader {
        body,
        // The first delimiter stands at the beginning, as if a line had ended before it.
        buffer: BytesMut::from(&b"\r\n"[..]),
        left: FORM_HEAD_BYTES_MAX,
    };
    // RFC 2046: what comes before the first delimiter is to be ignored.
    reader.until(&delimiter).await?;
    let mut fields: Vec<Field> = Vec::new();
    let mut left = FORM_FIELDS_BYTES_MAX;
    loop {
        // Behind the last delimiter no line need end.
        if reader.begins_with(b"--").await? {
            return Err(BodyFault::NoFile);
        }
        let rest_of_line = reader.until(b"\r\n").await?;
        if !rest_of_line.iter().all(|byte| matches!(byte, b' ' | b'\t')) {
            return Err(BodyFault::Form("a delimiter is not alone in its line"));
        }
        let part = Part::parse(&reader.until(b"\r\n\r\n").await?)?;
        if part.name == "file" {
            // It is put into the key, perhaps more than once.
            if part.file_name.len() > left {
                return Err(BodyFault::FormFields);
            }
            let form = Form {
                fields,
                file_name: part.file_name,
            };
            let read = reader.buffer.freeze();
            let rest = std::mem::replace(reader.body, RequestBody::empty());
            return Ok((form, FileBody::new(rest, read, delimiter)));
        }
        let value = reader.until(&delimiter).await?;
        left = left
            .checked_sub(part.name.len() + value.len())
            .ok_or(BodyFault::FormFields)?;
        if fields.len() >= FORM_FIELDS_MAX {
            return Err(BodyFault::FormFields);
        }
        // Of two fields of one name, one would be obeyed and the other perhaps have been judged.
        if fields.iter().any(|field| field.name == part.name) {
            return Err(BodyFault::Form("a field stands twice"));
        }
        fields.push(Field {
            name: part.name,
            value: text(&value)?,
        });
    }
}

fn text(bytes: &[u8]) -> Result<String, BodyFault> {
    let text = std::str::from_utf8(bytes).map_err(|_| BodyFault::Form("a field is not UTF-8"))?;
    Ok(text.to_owned())
}

/// Takes a body apart at marks, within a bound.
struct Reader<'b> {
    body: &'b mut RequestBody,
    buffer: BytesMut,
    left: usize,
}

impl Reader<'_> {
    /// The bytes before the next `mark`, which is taken too.
    async fn until(&mut self, mark: &[u8]) -> Result<Bytes, BodyFault> {
        let mut searched = 0;
        loop {
            // What was searched is not searched again, or a form that comes byte by byte would cost its square.
            if let Some(at) = memchr::memmem::find(&self.buffer[searched..], mark) {
                let before = self.buffer.split_to(searched + at).freeze();
                self.buffer.advance(mark.len());
                return Ok(before);
            }
            searched = self.buffer.len().saturating_sub(mark.len() - 1);
            self.more().await?;
        }
    }

    /// Whether the next bytes are these.
    async fn begins_with(&mut self, bytes: &[u8]) -> Result<bool, BodyFault> {
        while self.buffer.len() < bytes.len() {
            self.more().await?;
        }
        Ok(self.buffer.starts_with(bytes))
    }

    async fn more(&mut self) -> Result<(), BodyFault> {
        if self.left == 0 {
            return Err(BodyFault::FormFields);
        }
        let frame = self.body.frame().await.ok_or(BodyFault::Form("it is cut"))??;
        if let Ok(data) = frame.into_data() {
            // The last piece may be longer: it is in memory already, and most of it the file's.
            self.left = self.left.saturating_sub(data.len());
            self.buffer.extend_from_slice(&data);
        }
        Ok(())
    }
}

/// What the head of a part says.
struct Part {
    name: String,
    file_name: String,
}

impl Part {
    fn parse(head: &[u8]) -> Result<Self, BodyFault> {
        let head = std::str::from_utf8(head).map_err(|_| BodyFault::Form("the head of a part is not UTF-8"))?;
        let mut disposition = None;
        for line in head.split("\r\n") {
            let (name, value) = line
                .split_once(':')
                .ok_or(BodyFault::Form("the head of a part is not made of headers"))?;
            let name = name.trim();
            if name.eq_ignore_ascii_case("content-disposition") && disposition.replace(value).is_some() {
                return Err(BodyFault::Form("a part has two Content-Disposition headers"));
            }
            let is_plain = || {
                ["binary", "7bit", "8bit"]
                    .iter()
                    .any(|plain| value.trim().eq_ignore_ascii_case(plain))
            };
            if name.eq_ignore_ascii_case("content-transfer-encoding") && !is_plain() {
                return Err(BodyFault::Form("a part has a Content-Transfer-Encoding"));
            }
        }
        let disposition = disposition.ok_or(BodyFault::Form("a part has no Content-Disposition header"))?;
        let (kind, rest) = disposition.split_once(';').unwrap_or((disposition, ""));
        if !kind.trim().eq_ignore_ascii_case("form-data") {
            return Err(BodyFault::Form("a part is not form-data"));
        }
        let (mut name, mut file_name) = (None, None);
        for (parameter, value) in parameters(rest) {
            let slot = match &*parameter {
                "name" => &mut name,
                "filename" => &mut file_name,
                _ => continue,
            };
            if slot.replace(value).is_some() {
                return Err(BodyFault::Form("a part has two names"));
            }
        }
        let name = name
            .filter(|name| !name.is_empty())
            .ok_or(BodyFault::Form("a part has no name"))?;
        Ok(Self {
            name: name.to_ascii_lowercase(),
            file_name: file_name.unwrap_or_default(),
        })
    }
}

/// The parameters of a header, `; name=value; name="value"`, names in lower case. A backslash escapes a quotation mark and
/// itself; before all else it stands for itself, as in the paths that old browsers send.
pub(super) fn parameters(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ';', '\r', '\n']);
        let Some((name, behind)) = rest.split_once('=') else {
            return found;
        };
        let (value, behind) = match behind.trim_start().strip_prefix('"') {
            Some(quoted) => unquote(quoted),
            None => match behind.split_once(';') {
                Some((value, behind)) => (value.trim().to_owned(), behind),
                None => (behind.trim().to_owned(), ""),
            },
        };
        found.push((name.trim().to_ascii_lowercase(), value));
        rest = behind;
    }
}

/// The inside of a quoted string, and what follows it.
fn unquote(quoted: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = quoted.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => {
                let escaped = characters.next_if(|(_, next)| matches!(next, '"' | '\\'));
                value.push(escaped.map_or('\\', |(_, next)| next));
            }
            other => value.push(other),
        }
    }
    (value, "")
}
