//! User metadata as a write brings it: headers whose values are texts, such as have no place in a header in encoded words.
//!
//! A text that is not wholly of words which can be decoded is kept as it was given: nothing of it may be lost (RFC 2047, 6.2 and
//! 6.3). Sources: AWS, "Working with object metadata"; RFC 2047, section 2.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::HeaderMap;

use crate::fault::Fault;

const PREFIX: &str = "x-amz-meta-";

/// The names, without their prefix, and the texts.
pub(crate) fn of(headers: &HeaderMap) -> Result<Vec<(String, String)>, Fault> {
    let mut found = Vec::new();
    for name in headers.keys() {
        let Some(own) = name.as_str().strip_prefix(PREFIX).filter(|own| !own.is_empty()) else {
            continue;
        };
        let mut values = headers.get_all(name).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(Fault::invalid_request(format!(
                "The header {name} stands more than once."
            )));
        };
        let text = std::str::from_utf8(value.as_bytes())
            .map_err(|_| Fault::invalid_argument(format!("The header {name} must be text in UTF-8.")))?
            .trim();
        found.push((own.to_owned(), decode(text).unwrap_or_else(|| text.to_owned())));
    }
    Ok(found)
}

/// What a text of encoded words stands for, without the spaces between them.
fn decode(text: &str) -> Option<String> {
    if text.is_empty() || !text.split_ascii_whitespace().all(is_encoded) {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len());
    for word in text.split_ascii_whitespace() {
        bytes.extend(decode_word(word)?);
    }
    // As a whole: senders split words within characters.
    String::from_utf8(bytes).ok()
}

fn is_encoded(word: &str) -> bool {
    word.len() > 4 && word.starts_with("=?") && word.ends_with("?=")
}

/// The bytes of a word `=?charset?encoding?text?=`. The only character set is UTF-8, of which ASCII is a part.
fn decode_word(word: &str) -> Option<Vec<u8>> {
    let inside = word.strip_prefix("=?")?.strip_suffix("?=")?;
    let (charset, rest) = inside.split_once('?')?;
    let (encoding, text) = rest.split_once('?')?;
    // What follows an asterisk is a language (RFC 2231, section 5).
    let charset = charset.split('*').next().unwrap_or_default();
    if !["utf-8", "us-ascii"]
        .iter()
        .any(|known| charset.eq_ignore_ascii_case(known))
    {
        return None;
    }
    match encoding {
        "B" | "b" => BASE64.decode(text).ok(),
        "Q" | "q" => decode_quoted(text),
        _ => None,
    }
}

fn decode_quoted(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        rest = match first {
            b'=' => {
                let mut byte = [0];
                hex::decode_to_slice(behind.get(..2)?, &mut byte).ok()?;
                bytes.extend(byte);
                &behind[2..]
            }
            b'_' => {
                bytes.push(b' ');
                behind
            }
            plain if plain.is_ascii() => {
                bytes.push(*plain);
                behind
            }
            _ => return None,
        };
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    use super::*;
    use crate::reads::encoded_words;

    #[test]
    fn words_are_decoded() {
        for (text, decoded) in [
            ("plain", None),
            ("", None),
            ("grün", None),
            ("=?UTF-8?B?w6Q=?=", Some("ä")),
            ("=?utf-8?q?gr=C3=BCn_und=20=3D?=", Some("grün und =")),
            ("=?UTF-8*de?Q?ja?=", Some("ja")),
            // A character in two words, and the space between them.
            ("=?UTF-8?B?w6TD?= =?UTF-8?B?pA==?=", Some("ää")),
            // Half encoded is not encoded.
            ("a =?UTF-8?B?w6Q=?=", None),
            ("=?UTF-8?B?w6Q=?= b =?UTF-8?B?w6Q=?=", None),
            ("=?=", None),
            ("=??=", None),
            ("=?UTF-8?B?w6?=", None),
            ("=?UTF-8?B?/w==?=", None),
            ("=?UTF-8?Q?=C3?=", None),
            ("=?UTF-8?Q?=C?=", None),
            ("=?UTF-8?Q?=GG?=", None),
            ("=?UTF-8?Q?ä?=", None),
            ("=?UTF-8?X?a?=", None),
            ("=?latin1?Q?=E4?=", None),
            ("=?UTF-8?=", None),
            ("=?a?b?=", None),
        ] {
            assert_eq!(decode(text).as_deref(), decoded, "{text}");
        }
    }

    #[test]
    fn headers_are_metadata_once() {
        let of = |pairs: &[(&'static str, &[u8])]| {
            let pair = |(name, value): &(&'static str, &[u8])| {
                (HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap())
            };
            super::of(&pairs.iter().map(pair).collect())
        };
        let found = of(&[
            ("x-amz-meta-a", b" 1 "),
            ("x-amz-meta-", b"none"),
            ("x-amz-metadata-directive", b"COPY"),
            ("x-amz-meta-b-c", "ü".as_bytes()),
        ]);
        let pair = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        assert_eq!(found.unwrap(), [pair("a", "1"), pair("b-c", "ü")]);
        let kept = of(&[("x-amz-meta-a", b"=?latin1?Q?=E4?=")]).unwrap();
        assert_eq!(kept, [pair("a", "=?latin1?Q?=E4?=")]);
        for (headers, code) in [
            (
                &[("x-amz-meta-a", &b"1"[..]), ("x-amz-meta-a", b"1")][..],
                "InvalidRequest",
            ),
            (&[("x-amz-meta-a", b"\xff")], "InvalidArgument"),
        ] {
            assert_eq!(of(headers).unwrap_err().code, code);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "(=\\?(UTF-8|x)?\\?[BQ]\\?[=A-F0-9_ä]{0,6}\\?= ?|.{0,3}){0,4}") {
            let value = HeaderValue::from_bytes(text.as_bytes());
            if let Ok(value) = value {
                let headers: HeaderMap = [(HeaderName::from_static("x-amz-meta-a"), value)].into_iter().collect();
                prop_assert_eq!(super::of(&headers).unwrap().len(), 1);
            }
        }

        #[test]
        fn what_answers_encode_is_decoded(text in ".{1,80}") {
            let encoded = encoded_words(text.clone());
            let expected = if encoded == text { decode(&text) } else { Some(text) };
            prop_assert_eq!(decode(&encoded), expected);
        }
    }
}
