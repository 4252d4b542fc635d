//! Tags between documents, headers and the object service.

use baleen_objects::{ObjectError, TagFault, Tags};
use http::HeaderMap;
use s3s::dto::{Tag, TagSet, TaggingDirective};

use super::Row;
use crate::fault::Fault;
use crate::header;

/// Keys and values of a document.
pub(crate) fn pairs(set: TagSet) -> Result<Vec<(String, String)>, Fault> {
    let pair = |tag: Tag| tag.key.zip(tag.value);
    let pairs: Option<Vec<_>> = set.into_iter().map(pair).collect();
    pairs.ok_or_else(|| Fault::malformed_xml("Each Tag needs a Key and a Value."))
}

/// A document of tags.
pub(super) fn tag_set(tags: &Tags) -> TagSet {
    let tag = |(key, value): (&str, &str)| Tag {
        key: Some(key.to_owned()),
        value: Some(value.to_owned()),
    };
    tags.iter().map(tag).collect()
}

/// The tags that `x-amz-tagging` gives to an object (AWS, PutObject: "encoded as URL Query parameters").
pub(crate) fn header_tags(headers: &HeaderMap) -> Result<Tags, Fault> {
    let Some(pairs) = header_pairs(headers) else {
        return Err(malformed_header());
    };
    match Tags::of_object(pairs) {
        // What stands twice in a query is a fault of the query (AWS).
        Err(ObjectError::BadTag(TagFault::Duplicate)) => Err(malformed_header()),
        tags => Ok(tags?),
    }
}

/// The tags that a request of an operation gives an object by the header, as policies look at them. Where an operation does not
/// heed the header, it gives nothing; and a header that is none is refused by the operation.
pub(crate) fn given_tags(row: &Row, headers: &HeaderMap) -> Vec<(String, String)> {
    let replaces = || {
        let directive = header::value(headers, "x-amz-tagging-directive");
        directive.is_some_and(|value| value == TaggingDirective::REPLACE)
    };
    let heeds = row.makes_as_headers_say() && (row.name != "CopyObject" || replaces());
    heeds.then(|| header_pairs(headers)).flatten().unwrap_or_default()
}

fn malformed_header() -> Fault {
    Fault::invalid_argument(
        "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name \
         duplicates.",
    )
}

/// The pairs of the header; `None` if it is not what it should be.
fn header_pairs(headers: &HeaderMap) -> Option<Vec<(String, String)>> {
    let mut values = header::values(headers, "x-amz-tagging");
    let Some(value) = values.next() else {
        return Some(Vec::new());
    };
    if values.next().is_some() {
        return None;
    }
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        let decoded = percent_encoding::percent_decode_str(&spaced).decode_utf8();
        decoded.ok().map(std::borrow::Cow::into_owned)
    };
    let parameters = value
        .to_str()
        .ok()?
        .split('&')
        .filter(|parameter| !parameter.is_empty());
    parameters
        .map(|parameter| {
            let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            Some((decode(key)?, decode(value)?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(header: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(
            "x-amz-tagging",
            http::HeaderValue::from_bytes(header.as_bytes()).unwrap(),
        );
        match header_tags(&headers) {
            Ok(tags) => tags
                .iter()
                .fold(String::new(), |text, (key, value)| text + key + "=" + value + ";"),
            Err(fault) => fault.code.to_owned(),
        }
    }

    #[test]
    fn headers() {
        let ten = (0..10).map(|n| format!("k{n}=v")).collect::<Vec<_>>().join("&");
        assert_eq!(outcome(&ten).matches(';').count(), 10);
        for (header, expected) in [
            ("", ""),
            ("a=1", "a=1;"),
            ("a=1&b=2", "a=1;b=2;"),
            ("a", "a=;"),
            ("a=", "a=;"),
            ("a=b=c", "a=b=c;"),
            ("&a=1&&b=2&", "a=1;b=2;"),
            ("a+b=c%20d", "a b=c d;"),
            ("a%2Bb=c%3Dd", "a+b=c=d;"),
            ("%C3%BC=%C3%A4", "ü=ä;"),
            ("a=1&a=2", "InvalidArgument"),
            ("a=1&%61=2", "InvalidArgument"),
            ("a=%FF", "InvalidArgument"),
            ("ü=1", "InvalidArgument"),
            ("=1", "InvalidTag"),
            ("=", "InvalidTag"),
            ("a=%26", "InvalidTag"),
            ("a=%00", "InvalidTag"),
            ("a=%0d%0ax-amz-acl:public", "InvalidTag"),
            ("aws:a=1", "InvalidTag"),
            ("aWs%3Aa=1", "InvalidTag"),
            (&format!("{ten}&more=1"), "BadRequest"),
            (&format!("{}=1", "k".repeat(129)), "InvalidTag"),
            (&format!("k={}", "v".repeat(257)), "InvalidTag"),
        ] {
            assert_eq!(outcome(header), expected, "{header}");
        }
    }

    #[test]
    fn a_header_that_stands_twice_is_refused() {
        let mut headers = HeaderMap::new();
        headers.append("x-amz-tagging", http::HeaderValue::from_static("a=1"));
        headers.append("x-amz-tagging", http::HeaderValue::from_static("b=2"));
        assert_eq!(
            header_tags(&headers).map_err(|fault| fault.code),
            Err("InvalidArgument")
        );
    }
}
