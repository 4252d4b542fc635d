//! The XML that SAML needs, and no more: elements, attributes, namespaces and text.
//!
//! A parser of our own because what it refuses is the point. Its grammar has no document type, so there are no entities to
//! expand or fetch; no processing instructions; no names outside ASCII. Size, depth and counts are checked while reading, on
//! an explicit stack. Comments are read over: canonical XML without comments drops them, so the text around one is one text,
//! and nobody can cut a name in two with it. What is left of a document is exactly what [`crate::canonical`] hashes; there
//! is no second parser whose opinion could differ.

use crate::limits::{ATTRIBUTES_MAX, DEPTH_MAX, ELEMENTS_MAX, NAMESPACE_BYTES_MAX, NAMESPACES_MAX};

/// Why a text is not accepted as XML.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Longer than the limit of its kind.
    #[error("longer than {0} bytes")]
    TooLarge(usize),
    /// A document type declaration; entities live there.
    #[error("has a document type declaration, which is never accepted")]
    DocumentType,
    /// A processing instruction behind the XML declaration.
    #[error("has a processing instruction, which is never accepted")]
    Instruction,
    /// A reference to an entity that XML itself does not define.
    #[error("refers to an entity that XML does not define")]
    Entity,
    /// More nested elements than [`DEPTH_MAX`].
    #[error("is nested more than {DEPTH_MAX} elements deep")]
    TooDeep,
    /// Too many elements, attributes or namespaces.
    #[error("has too many {0}")]
    TooMany(&'static str),
    /// Another encoding than UTF-8.
    #[error("is not UTF-8")]
    Encoding,
    /// Not well-formed; says what was expected and at which byte.
    #[error("is not well-formed XML: {what} at byte {at}")]
    Syntax {
        /// What is wrong.
        what: &'static str,
        /// Where.
        at: usize,
    },
}

/// An element of a [`Document`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Id(usize);

/// A parsed document.
#[derive(Debug)]
pub(crate) struct Document {
    elements: Vec<Element>,
}

#[derive(Debug)]
pub(crate) struct Element {
    pub(crate) prefix: Box<str>,
    pub(crate) local: Box<str>,
    /// Empty for none.
    pub(crate) namespace: Box<str>,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) children: Vec<Child>,
    /// Prefix (empty for the default) and namespace.
    declared: Vec<(Box<str>, Box<str>)>,
    parent: Option<Id>,
}

#[derive(Debug)]
pub(crate) struct Attribute {
    pub(crate) prefix: Box<str>,
    pub(crate) local: Box<str>,
    pub(crate) namespace: Box<str>,
    pub(crate) value: String,
}

#[derive(Debug)]
pub(crate) enum Child {
    Element(Id),
    Text(String),
}

/// The namespace that the prefix `xml` is bound to, always.
const XML: &str = "http://www.w3.org/XML/1998/namespace";

impl Document {
    /// Reads a whole document of at most `bytes_max` bytes.
    pub(crate) fn parse(bytes: &[u8], bytes_max: usize) -> Result<Self, Malformed> {
        if bytes.len() > bytes_max {
            return Err(Malformed::TooLarge(bytes_max));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| Malformed::Encoding)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Parser {
            text,
            at: 0,
            elements: Vec::new(),
            scope: Vec::new(),
        }
        .document()
    }

    /// The document element, which every document has.
    pub(crate) const ROOT: Id = Id(0);

    /// Every element, in document order.
    pub(crate) fn all(&self) -> impl Iterator<Item = (Id, &Element)> {
        self.elements.iter().enumerate().map(|(at, element)| (Id(at), element))
    }

    pub(crate) fn element(&self, id: Id) -> &Element {
        &self.elements[id.0]
    }

    pub(crate) fn parent(&self, id: Id) -> Option<Id> {
        self.element(id).parent
    }

    /// Whether an element with all in it has at most so many elements, and so many bytes of text, values and namespaces. Looks
    /// at no more than that.
    pub(crate) fn fits(&self, id: Id, elements_max: usize, bytes_max: usize) -> bool {
        let (mut open, mut seen, mut bytes) = (vec![id], 0, 0);
        while let Some(id) = open.pop() {
            let element = self.element(id);
            let declared = element.declared.iter().map(|(_, namespace)| namespace.len());
            let attributes = element.attributes.iter().map(|a| a.namespace.len() + a.value.len());
            bytes += declared.chain(attributes).sum::<usize>();
            for child in &element.children {
                match child {
                    Child::Element(id) => open.push(*id),
                    Child::Text(text) => bytes += text.len(),
                }
            }
            seen += 1;
            if seen + open.len() > elements_max || bytes > bytes_max {
                return false;
            }
        }
        true
    }

    /// The child elements.
    pub(crate) fn children(&self, id: Id) -> impl Iterator<Item = Id> {
        self.element(id).children.iter().filter_map(|child| match child {
            Child::Element(id) => Some(*id),
            Child::Text(_) => None,
        })
    }

    /// The child elements of one name.
    pub(crate) fn named<'a>(&'a self, id: Id, namespace: &'a str, local: &'a str) -> impl Iterator<Item = Id> + 'a {
        self.children(id).filter(move |child| self.is(*child, namespace, local))
    }

    /// The only child element of a name; none when there are several.
    pub(crate) fn only(&self, id: Id, namespace: &str, local: &str) -> Option<Id> {
        let mut found = self.named(id, namespace, local);
        let first = found.next()?;
        found.next().is_none().then_some(first)
    }

    pub(crate) fn is(&self, id: Id, namespace: &str, local: &str) -> bool {
        let element = self.element(id);
        &*element.namespace == namespace && &*element.local == local
    }

    /// An attribute without a namespace, as all of SAML's are.
    pub(crate) fn attribute(&self, id: Id, name: &str) -> Option<&str> {
        let mut attributes = self.element(id).attributes.iter();
        attributes
            .find(|a| a.namespace.is_empty() && &*a.local == name)
            .map(|a| a.value.as_str())
    }

    /// The text of an element that holds text alone, without the white space around it.
    pub(crate) fn text(&self, id: Id) -> Option<&str> {
        match self.element(id).children.as_slice() {
            [] => Some(""),
            [Child::Text(text)] => Some(text.trim_ascii()),
            _ => None,
        }
    }

    /// The namespace a prefix stands for at an element.
    pub(crate) fn in_scope(&self, id: Id, prefix: &str) -> Option<&str> {
        let mut at = Some(id);
        while let Some(id) = at {
            let element = self.element(id);
            if let Some((_, namespace)) = element.declared.iter().find(|(p, _)| &**p == prefix) {
                return Some(namespace);
            }
            at = element.parent;
        }
        None
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    elements: Vec<Element>,
    /// Bindings of the open elements, innermost last.
    scope: Vec<(&'a str, Box<str>)>,
}

/// An element whose end tag has not come yet.
struct Open<'a> {
    id: Id,
    name: &'a str,
    scope_before: usize,
}

impl<'a> Parser<'a> {
    fn document(mut self) -> Result<Document, Malformed> {
        self.declaration()?;
        self.between_elements()?;
        let mut open = Vec::new();
        self.start(&mut open)?;
        while let Some(inner) = open.last() {
            let id = inner.id;
            if self.rest().starts_with("</") {
                self.end(&mut open)?;
            } else if self.eat("<!--") {
                self.comment()?;
            } else if self.eat("<![CDATA[") {
                let text = self.until("]]>", "a CDATA section without an end")?;
                let text = self.lines(text)?;
                self.append(id, &text);
            } else if self.rest().starts_with('<') {
                self.refuse_declarations()?;
                self.start(&mut open)?;
            } else {
                let text = self.character_data()?;
                self.append(id, &text);
            }
        }
        self.between_elements()?;
        if self.at < self.text.len() {
            return self.wrong("something behind the document element");
        }
        Ok(Document {
            elements: self.elements,
        })
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn wrong<T>(&self, what: &'static str) -> Result<T, Malformed> {
        Err(Malformed::Syntax { what, at: self.at })
    }

    fn eat(&mut self, token: &str) -> bool {
        let there = self.rest().starts_with(token);
        if there {
            self.at += token.len();
        }
        there
    }

    fn until(&mut self, end: &str, what: &'static str) -> Result<&'a str, Malformed> {
        let Some(length) = self.rest().find(end) else {
            return self.wrong(what);
        };
        let text = &self.rest()[..length];
        self.at += length + end.len();
        Ok(text)
    }

    fn white_space(&mut self) -> bool {
        let rest = self.rest();
        let length = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
        self.at += length;
        length > 0
    }

    /// `<?xml … ?>`. Its encoding may only be the one we read.
    fn declaration(&mut self) -> Result<(), Malformed> {
        if !(self.rest().starts_with("<?xml") && self.rest()[5..].starts_with([' ', '\t', '\r', '\n'])) {
            return Ok(());
        }
        let text = self.until("?>", "an XML declaration without an end")?;
        let Some((_, encoding)) = text.split_once("encoding") else {
            return Ok(());
        };
        let encoding = encoding.trim_start_matches([' ', '=', '\'', '"']);
        let is_utf8 = encoding.get(..5).is_some_and(|name| name.eq_ignore_ascii_case("utf-8"));
        if is_utf8 { Ok(()) } else { Err(Malformed::Encoding) }
    }

    /// White space and comments before and behind the document element.
    fn between_elements(&mut self) -> Result<(), Malformed> {
        loop {
            self.white_space();
            if self.eat("<!--") {
                self.comment()?;
            } else {
                return self.refuse_declarations();
            }
        }
    }

    fn refuse_declarations(&self) -> Result<(), Malformed> {
        if self.rest().starts_with("<!") {
            return Err(Malformed::DocumentType);
        }
        if self.rest().starts_with("<?") {
            return Err(Malformed::Instruction);
        }
        Ok(())
    }

    fn comment(&mut self) -> Result<(), Malformed> {
        let text = self.until("--", "a comment without an end")?;
        self.lines(text)?;
        if self.eat(">") {
            Ok(())
        } else {
            self.wrong("two hyphens in a comment")
        }
    }

    fn start(&mut self, open: &mut Vec<Open<'a>>) -> Result<(), Malformed> {
        if !self.eat("<") {
            return self.wrong("no element where one must be");
        }
        if open.len() == DEPTH_MAX {
            return Err(Malformed::TooDeep);
        }
        if self.elements.len() == ELEMENTS_MAX {
            return Err(Malformed::TooMany("elements"));
        }
        let name = self.qualified_name()?;
        let (raw, is_empty) = self.attributes()?;
        let scope_before = self.scope.len();
        let mut declared = Vec::new();
        let mut plain = Vec::new();
        for (name, value) in raw {
            match name {
                ("", "xmlns") => declared.push((Box::from(""), self.declare("", value)?)),
                ("xmlns", prefix) => declared.push((Box::from(prefix), self.declare(prefix, value)?)),
                _ => plain.push((name, value)),
            }
        }
        let mut attributes: Vec<Attribute> = Vec::with_capacity(plain.len());
        for ((prefix, local), value) in plain {
            // An attribute without a prefix has no namespace, whatever the default is.
            let namespace = if prefix.is_empty() {
                Box::from("")
            } else {
                self.resolve(prefix)?
            };
            if attributes
                .iter()
                .any(|a| *a.local == *local && a.namespace == namespace)
            {
                return self.wrong("the same attribute twice");
            }
            attributes.push(Attribute {
                prefix: prefix.into(),
                local: local.into(),
                namespace,
                value,
            });
        }
        let (prefix, local) = split(name);
        let id = Id(self.elements.len());
        let parent = open.last().map(|inner| inner.id);
        let namespace = self.resolve(prefix)?;
        self.elements.push(Element {
            prefix: prefix.into(),
            local: local.into(),
            namespace,
            attributes,
            children: Vec::new(),
            declared,
            parent,
        });
        if let Some(parent) = parent {
            self.elements[parent.0].children.push(Child::Element(id));
        }
        if is_empty {
            self.scope.truncate(scope_before);
        } else {
            open.push(Open { id, name, scope_before });
        }
        // `open` is empty behind an empty document element too, which ends the loop of the caller.
        Ok(())
    }

    fn end(&mut self, open: &mut Vec<Open<'a>>) -> Result<(), Malformed> {
        self.at += 2;
        let name = self.qualified_name()?;
        self.white_space();
        let fits = open.pop().filter(|inner| inner.name == name);
        let Some(inner) = fits else {
            return self.wrong("an end tag that fits no start tag");
        };
        self.scope.truncate(inner.scope_before);
        if self.eat(">") {
            Ok(())
        } else {
            self.wrong("an end tag without an end")
        }
    }

    /// Names with values up to the end of the start tag; and whether it ends the element too.
    #[expect(clippy::type_complexity, reason = "read in one place, just above")]
    fn attributes(&mut self) -> Result<(Vec<((&'a str, &'a str), String)>, bool), Malformed> {
        let mut found: Vec<((&str, &str), String)> = Vec::new();
        loop {
            let spaced = self.white_space();
            if self.eat("/>") {
                return Ok((found, true));
            }
            if self.eat(">") {
                return Ok((found, false));
            }
            if !spaced {
                return self.wrong("no white space before an attribute");
            }
            if found.len() == ATTRIBUTES_MAX {
                return Err(Malformed::TooMany("attributes"));
            }
            let name = split(self.qualified_name()?);
            self.white_space();
            if !self.eat("=") {
                return self.wrong("an attribute without a value");
            }
            self.white_space();
            let value = self.quoted()?;
            if found.iter().any(|(n, _)| *n == name) {
                return self.wrong("the same attribute twice");
            }
            found.push((name, value));
        }
    }

    fn qualified_name(&mut self) -> Result<&'a str, Malformed> {
        let rest = self.rest();
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':');
        let length = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        let name = &rest[..length];
        let part = |part: &str| part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && !part.contains(':');
        let fits = match name.split_once(':') {
            Some((prefix, local)) => part(prefix) && part(local),
            None => part(name),
        };
        if !fits {
            return self.wrong("a name that is not of ASCII letters, digits, '_', '-' and '.'");
        }
        self.at += length;
        Ok(name)
    }

    fn declare(&mut self, prefix: &'a str, namespace: String) -> Result<Box<str>, Malformed> {
        let taken =
            matches!(prefix, "xml" | "xmlns") || namespace == XML || namespace == "http://www.w3.org/2000/xmlns/";
        if taken || (namespace.is_empty() && !prefix.is_empty()) {
            return self.wrong("a namespace that may not be declared so");
        }
        if self.scope.len() == NAMESPACES_MAX || namespace.len() > NAMESPACE_BYTES_MAX {
            return Err(Malformed::TooMany("namespaces, or one with too long a name"));
        }
        let namespace = namespace.into_boxed_str();
        self.scope.push((prefix, namespace.clone()));
        Ok(namespace)
    }

    fn resolve(&self, prefix: &str) -> Result<Box<str>, Malformed> {
        if prefix == "xml" {
            return Ok(XML.into());
        }
        match self.scope.iter().rev().find(|(p, _)| *p == prefix) {
            Some((_, namespace)) => Ok(namespace.clone()),
            None if prefix.is_empty() => Ok("".into()),
            None => self.wrong("a prefix that is not declared"),
        }
    }

    /// An attribute's value; white space in it becomes spaces, but not what is written as a character reference
    /// (XML 1.0, 3.3.3).
    fn quoted(&mut self) -> Result<String, Malformed> {
        let Some(quote) = self.rest().chars().next().filter(|c| matches!(c, '"' | '\'')) else {
            return self.wrong("a value without quotes");
        };
        self.at += 1;
        let mut value = String::new();
        loop {
            let rest = self.rest();
            let Some(length) = rest.find([quote, '&', '<']) else {
                return self.wrong("a value without an end");
            };
            let lines = self.lines(&rest[..length])?;
            value.extend(lines.chars().map(|c| if matches!(c, '\t' | '\n') { ' ' } else { c }));
            self.at += length;
            if self.rest().starts_with('<') {
                return self.wrong("'<' in a value");
            }
            if self.eat("&") {
                value.push(self.reference()?);
            } else {
                self.at += 1;
                return Ok(value);
            }
        }
    }

    fn character_data(&mut self) -> Result<String, Malformed> {
        let mut text = String::new();
        loop {
            let rest = self.rest();
            let Some(length) = rest.find(['<', '&']) else {
                return self.wrong("an element without an end");
            };
            let plain = &rest[..length];
            if plain.contains("]]>") {
                return self.wrong("']]>' in text");
            }
            text.push_str(&self.lines(plain)?);
            self.at += length;
            if self.eat("&") {
                text.push(self.reference()?);
            } else {
                return Ok(text);
            }
        }
    }

    /// What stands behind `&`.
    fn reference(&mut self) -> Result<char, Malformed> {
        let Some(length) = self.rest().find(';').filter(|length| *length <= 8) else {
            return Err(Malformed::Entity);
        };
        let name = &self.rest()[..length];
        let read = match name {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            _ => numbered(name),
        };
        let Some(read) = read.filter(|c| is_char(*c)) else {
            return Err(Malformed::Entity);
        };
        self.at += length + 1;
        Ok(read)
    }

    /// Ends of lines as one `\n` each (XML 1.0, 2.11), and only characters that XML has.
    fn lines(&self, text: &str) -> Result<String, Malformed> {
        if !text.chars().all(is_char) {
            return self.wrong("a character that XML does not have");
        }
        Ok(text.replace("\r\n", "\n").replace('\r', "\n"))
    }

    /// Adds text to an element, as one text with what came before.
    fn append(&mut self, id: Id, text: &str) {
        match self.elements[id.0].children.last_mut() {
            Some(Child::Text(before)) => before.push_str(text),
            _ if text.is_empty() => {}
            _ => self.elements[id.0].children.push(Child::Text(text.to_owned())),
        }
    }
}

fn split(name: &str) -> (&str, &str) {
    name.split_once(':').unwrap_or(("", name))
}

/// A character by its number: `#10` or `#xA`.
fn numbered(name: &str) -> Option<char> {
    let digits = name.strip_prefix('#')?;
    let (digits, radix) = match digits.strip_prefix('x') {
        Some(hex) => (hex, 16),
        None => (digits, 10),
    };
    let all_digits = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
    all_digits
        .then(|| u32::from_str_radix(digits, radix).ok())
        .flatten()
        .and_then(char::from_u32)
}

/// The characters of XML 1.0 (2.2).
fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests;
