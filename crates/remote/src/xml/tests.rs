use super::*;
use proptest::prelude::*;

fn leaves(document: &str) -> Result<Vec<(String, String)>, String> {
    let mut found = Vec::new();
    read(document.as_bytes(), |path, visit| {
        if let Visit::Close(text) = visit
            && !text.trim().is_empty()
        {
            found.push((path.join("/"), text.to_owned()));
        }
    })?;
    Ok(found)
}

#[test]
fn leaves_are_found_with_their_paths() {
    let document = "<?xml version=\"1.0\"?>\n<e:Error xmlns:e='x'><Code>No &amp; &#x4e;ever</Code><A/><M><![CDATA[<b>]]></M></e:Error>";
    let expected = [("Error/Code", "No & Never"), ("Error/M", "<b>")].map(|(p, t)| (p.to_owned(), t.to_owned()));
    assert_eq!(leaves(document).unwrap(), expected);
}

#[test]
fn what_is_not_one_document_is_refused() {
    let deep = format!("{}{}", "<a>".repeat(40), "</a>".repeat(40));
    let long = format!("<a>{}</a>", "x".repeat(XML_TEXT_MAX + 1));
    for wrong in [
        "",
        "   ",
        "nonsense",
        "<a>",
        "<a></b>",
        "<a/><b/>",
        "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
        "<a>&x;</a>",
        "{\"error\": 1}",
        &deep,
        &long,
    ] {
        assert!(leaves(wrong).is_err(), "{}", &wrong[..wrong.len().min(60)]);
    }
}

proptest! {
    #[test]
    fn escaped_text_comes_back(text in "[^\\p{Cc}]{1,40}") {
        let mut document = "<a>".to_owned();
        escape_into(&text, &mut document);
        document.push_str("</a>");
        let mut back = None;
        read(document.as_bytes(), |_, visit| if let Visit::Close(inner) = visit { back = Some(inner.to_owned()) }).unwrap();
        prop_assert_eq!(back.unwrap(), text);
    }

    #[test]
    fn nothing_panics(document in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&document, |_, _| {});
    }

    #[test]
    fn nothing_panics_on_almost_xml(document in "(<|>|/|a|b|&|;|!|\\[|\\]|-|\\?| |#|x|1){0,60}") {
        let _ = read(document.as_bytes(), |_, _| {});
    }
}
