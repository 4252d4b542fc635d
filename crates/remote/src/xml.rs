//! A reader of the small answers of S3, STS and IAM, bounded in depth and text.
//!
//! It knows no schema: it visits each element which holds text with its path, and the caller picks what it knows.
//! Namespaces and attributes are ignored; document types and entities of their own are refused.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, Event};

use crate::limits::{XML_DEPTH_MAX, XML_TEXT_MAX};

/// What happens while an answer is read.
#[derive(Debug, PartialEq, Eq)]
pub enum Visit<'a> {
    /// An element begins.
    Open,
    /// An element ends; this is its text, with all of its blanks.
    Close(&'a str),
}

/// Reads a document. `visit` is given the names from the root down to the element, without prefixes.
///
/// Source: Extensible Markup Language 1.0; the answers are those of the S3 and IAM API references.
///
/// # Errors
/// What is wrong, for a person.
pub fn read(document: &[u8], mut visit: impl FnMut(&[String], Visit<'_>)) -> Result<(), String> {
    let mut reader = Reader::from_reader(document);
    let mut path: Vec<String> = Vec::new();
    // Text of each open element; only leaves have any that matters.
    let mut text: Vec<String> = Vec::new();
    let mut roots = 0;
    loop {
        match reader
            .read_event()
            .map_err(|error| format!("it is not XML ({error})"))?
        {
            Event::Start(start) => {
                enter(&mut path, &mut text, &mut roots, start.local_name().as_ref())?;
                visit(&path, Visit::Open);
            }
            Event::Empty(start) => {
                enter(&mut path, &mut text, &mut roots, start.local_name().as_ref())?;
                visit(&path, Visit::Open);
                visit(&path, Visit::Close(""));
                path.pop();
                text.pop();
            }
            Event::End(_) => {
                let inner = text.pop().unwrap_or_default();
                visit(&path, Visit::Close(&inner));
                path.pop();
            }
            Event::Text(raw) => {
                let decoded = raw.decode().map_err(|_| "its text is not UTF-8")?;
                append(&mut text, &decoded)?;
            }
            Event::CData(raw) => {
                let decoded = raw.decode().map_err(|_| "its text is not UTF-8")?;
                append(&mut text, &decoded)?;
            }
            Event::GeneralRef(reference) => {
                let mut room = [0; 4];
                let named = resolve(&reference, &mut room).ok_or("it uses an entity which XML does not define")?;
                append(&mut text, named)?;
            }
            Event::DocType(_) => return Err("it has a document type".to_owned()),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof => break,
        }
    }
    match (roots, path.is_empty()) {
        (1, true) => Ok(()),
        (0, _) => Err("it is empty".to_owned()),
        _ => Err("it is not one whole document".to_owned()),
    }
}

fn enter(path: &mut Vec<String>, text: &mut Vec<String>, roots: &mut u32, name: &[u8]) -> Result<(), String> {
    if path.is_empty() {
        *roots += 1;
    }
    if path.len() >= XML_DEPTH_MAX {
        return Err(format!("its elements are more than {XML_DEPTH_MAX} deep"));
    }
    path.push(String::from_utf8_lossy(name).into_owned());
    text.push(String::new());
    Ok(())
}

fn append(text: &mut [String], more: &str) -> Result<(), String> {
    // Blanks between the document's declaration and its root belong to no element.
    let Some(open) = text.last_mut() else { return Ok(()) };
    if open.len() + more.len() > XML_TEXT_MAX {
        return Err(format!("an element holds more than {XML_TEXT_MAX} bytes of text"));
    }
    open.push_str(more);
    Ok(())
}

fn resolve<'a>(reference: &BytesRef<'_>, room: &'a mut [u8; 4]) -> Option<&'a str> {
    match reference.resolve_char_ref() {
        Ok(None) => resolve_predefined_entity(&reference.decode().ok()?),
        Ok(Some(character)) => Some(character.encode_utf8(room)),
        Err(_) => None,
    }
}

/// Escapes text for an element's content.
pub(crate) fn escape_into(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests;
