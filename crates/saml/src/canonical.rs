//! Exclusive canonical XML without comments: the octets that a signature is made over.
//!
//! Source: <https://www.w3.org/TR/xml-exc-c14n/>, over Canonical XML 1.0 for what it leaves alone. Comments and everything
//! else that canonical XML drops never gets past [`crate::xml`].

use crate::limits::CANONICAL_BYTES_MAX;
use crate::xml::{Child, Document, Id};

/// What to write.
#[derive(Clone, Copy)]
pub(crate) struct Apex<'a> {
    pub(crate) element: Id,
    /// The signature that the enveloped-signature transform takes out.
    pub(crate) without: Option<Id>,
    /// The `PrefixList` of `InclusiveNamespaces`: prefixes that are written wherever they are in scope. The default
    /// namespace is the empty prefix here.
    pub(crate) inclusive: &'a [&'a str],
}

/// The canonical form of one element with all in it; none if it would be longer than [`CANONICAL_BYTES_MAX`], which is told
/// before it is written whole: namespaces that are written again and again can make it much longer than the document.
pub(crate) fn canonical(document: &Document, apex: Apex<'_>) -> Option<String> {
    let mut writer = Writer {
        document,
        apex,
        out: String::new(),
        rendered: Vec::new(),
    };
    writer.element(apex.element);
    (writer.out.len() <= CANONICAL_BYTES_MAX).then_some(writer.out)
}

struct Writer<'a> {
    document: &'a Document,
    apex: Apex<'a>,
    out: String,
    /// Declarations written for the open elements, innermost last.
    rendered: Vec<(&'a str, &'a str)>,
}

impl Writer<'_> {
    // The depth is bounded by the parser.
    fn element(&mut self, id: Id) {
        if self.out.len() > CANONICAL_BYTES_MAX {
            return;
        }
        let element = self.document.element(id);
        let name = qualified(&element.prefix, &element.local);
        let rendered_before = self.rendered.len();
        self.out.push('<');
        self.out.push_str(&name);
        self.namespaces(id);
        let mut attributes: Vec<_> = element.attributes.iter().collect();
        attributes.sort_by_key(|a| (&a.namespace, &a.local));
        for attribute in attributes {
            self.attribute(&qualified(&attribute.prefix, &attribute.local), &attribute.value);
        }
        self.out.push('>');
        for child in &element.children {
            match child {
                Child::Text(text) => escape_text(&mut self.out, text),
                Child::Element(id) if self.apex.without == Some(*id) => {}
                Child::Element(id) => self.element(*id),
            }
        }
        self.out.push_str("</");
        self.out.push_str(&name);
        self.out.push('>');
        self.rendered.truncate(rendered_before);
    }

    /// Declares the namespaces that the element makes visible use of, unless an element around it has declared them so.
    fn namespaces(&mut self, id: Id) {
        let element = self.document.element(id);
        let of_attributes = element.attributes.iter().map(|a| &*a.prefix).filter(|p| !p.is_empty());
        let mut prefixes: Vec<&str> = of_attributes
            .chain([&*element.prefix])
            .chain(self.apex.inclusive.iter().copied())
            .collect();
        prefixes.sort_unstable();
        prefixes.dedup();
        for prefix in prefixes.into_iter().filter(|p| *p != "xml") {
            let namespace = self.document.in_scope(id, prefix).unwrap_or_default();
            let around = self.rendered.iter().rev().find(|(p, _)| *p == prefix);
            if namespace == around.map_or("", |(_, namespace)| namespace) {
                continue;
            }
            let name = if prefix.is_empty() {
                "xmlns".to_owned()
            } else {
                format!("xmlns:{prefix}")
            };
            self.attribute(&name, namespace);
            self.rendered.push((prefix, namespace));
        }
    }

    fn attribute(&mut self, name: &str, value: &str) {
        self.out.push(' ');
        self.out.push_str(name);
        self.out.push_str("=\"");
        escape_attribute(&mut self.out, value);
        self.out.push('"');
    }
}

fn qualified(prefix: &str, local: &str) -> String {
    if prefix.is_empty() {
        local.to_owned()
    } else {
        format!("{prefix}:{local}")
    }
}

fn escape_text(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#xD;"),
            c => out.push(c),
        }
    }
}

/// Writes a value so that it may stand in double quotes.
pub(crate) fn escape_attribute(out: &mut String, value: &str) {
    for c in value.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '"' => out.push_str("&quot;"),
            '\t' => out.push_str("&#x9;"),
            '\n' => out.push_str("&#xA;"),
            '\r' => out.push_str("&#xD;"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests;
