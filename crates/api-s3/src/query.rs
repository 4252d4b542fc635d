//! Parameters of queries and forms, decoded as the codec decodes them.

use std::borrow::Cow;

/// All of them, in their order.
pub(crate) fn pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    })
}

/// The value of a parameter. One that stands twice has no value.
pub(crate) fn parameter(query: &str, name: &str) -> Option<String> {
    let mut found = pairs(query).filter(|(known, _)| known == name);
    let (_, value) = found.next()?;
    found.next().is_none().then(|| value.into_owned())
}

fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains(['+', '%']) {
        return Cow::Borrowed(text);
    }
    let spaced = text.replace('+', " ");
    let decoded = percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy();
    Cow::Owned(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_as_the_codec_reads_them() {
        for (query, value) in [
            ("prefix=a", Some("a")),
            ("list-type=2&prefix=a%2Fb", Some("a/b")),
            ("prefix=a+b", Some("a b")),
            ("pre%66ix=a", Some("a")),
            ("prefix=", Some("")),
            ("prefix", Some("")),
            ("Prefix=a", None),
            ("prefix=a&prefix=b", None),
            ("", None),
        ] {
            assert_eq!(parameter(query, "prefix").as_deref(), value, "{query}");
        }
    }
}
