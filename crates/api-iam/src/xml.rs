//! The XML of answers, over quick-xml: elements and text, nothing else.

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

/// A document being written. What it writes goes to memory, so that nothing of it can fail.
pub(crate) struct Xml {
    writer: Writer<Vec<u8>>,
}

impl Xml {
    /// Writes a document with one outermost element of a namespace.
    pub(crate) fn document(root: &str, namespace: &str, content: impl FnOnce(&mut Self)) -> Vec<u8> {
        let mut xml = Self {
            writer: Writer::new(Vec::with_capacity(512)),
        };
        xml.event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)));
        xml.event(Event::Start(
            BytesStart::new(root).with_attributes([("xmlns", namespace)]),
        ));
        content(&mut xml);
        xml.event(Event::End(BytesEnd::new(root)));
        xml.writer.into_inner()
    }

    /// An element with elements in it.
    pub(crate) fn element(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        self.event(Event::Start(BytesStart::new(name)));
        content(self);
        self.event(Event::End(BytesEnd::new(name)));
    }

    /// An element with text in it.
    pub(crate) fn text(&mut self, name: &str, text: impl std::fmt::Display) {
        self.event(Event::Start(BytesStart::new(name)));
        self.event(Event::Text(BytesText::new(&text.to_string())));
        self.event(Event::End(BytesEnd::new(name)));
    }

    /// An element with text in it, left out when there is none: an empty time breaks botocore (identity notes, section 1).
    pub(crate) fn maybe(&mut self, name: &str, text: Option<impl std::fmt::Display>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    /// A list of `member`s; the empty list is an empty element, since clients drop a list that is left out.
    pub(crate) fn list<T>(&mut self, name: &str, items: impl IntoIterator<Item = T>, each: impl Fn(&mut Self, T)) {
        let mut items = items.into_iter().peekable();
        if items.peek().is_none() {
            self.event(Event::Empty(BytesStart::new(name)));
            return;
        }
        self.element(name, |xml| {
            for item in items {
                xml.element("member", |xml| each(xml, item));
            }
        });
    }

    /// A list of `member`s of plain text.
    pub(crate) fn texts<T: std::fmt::Display>(&mut self, name: &str, items: impl IntoIterator<Item = T>) {
        let mut items = items.into_iter().peekable();
        if items.peek().is_none() {
            self.event(Event::Empty(BytesStart::new(name)));
            return;
        }
        self.element(name, |xml| items.for_each(|item| xml.text("member", item)));
    }

    fn event(&mut self, event: Event<'_>) {
        self.writer.write_event(event).expect("memory takes every write");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_empty_lists_stay() {
        let document = Xml::document("AResponse", "urn:a", |xml| {
            xml.text("Name", "<b> & \"c\"");
            xml.maybe("Gone", None::<&str>);
            xml.list("None", Vec::<&str>::new(), |xml, item| xml.text("Item", item));
            xml.list("Some", ["1"], |xml, item| xml.text("Item", item));
            xml.texts("Texts", ["a"]);
            xml.texts("NoTexts", Vec::<&str>::new());
        });
        assert_eq!(
            String::from_utf8(document).unwrap(),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><AResponse xmlns=\"urn:a\"><Name>&lt;b&gt; &amp; &quot;c&quot;</Name>\
             <None/><Some><member><Item>1</Item></member></Some><Texts><member>a</member></Texts><NoTexts/></AResponse>"
        );
    }
}
