//! s3s, put together so that it decides nothing.

use std::sync::Arc;

use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::validation::NameValidation;

use crate::access::{Access, NoKeys};
use crate::fault::Detail;
use crate::limits::XML_BODY_BYTES_MAX;
use crate::ops::Operations;
use crate::services::Services;

pub(crate) fn build(services: Services) -> S3Service {
    let mut config = S3Config::default();
    config.xml_max_body_size = XML_BODY_BYTES_MAX;
    // `//a` and `/a` are two keys.
    config.normalize_forward_slash_path = false;
    let mut builder = S3ServiceBuilder::new(Operations::new(services.clone()));
    builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
    builder.set_auth(NoKeys);
    builder.set_access(Access::new(services));
    builder.set_validation(OurNames);
    builder.build()
}

/// Leaves bucket names to our own type, so that there is one rule and one error.
struct OurNames;

impl NameValidation for OurNames {
    fn validate_bucket_name(&self, _name: &str) -> bool {
        true
    }
}

/// What is wrong with a request that the codec could not read, in the words of S3. Its own tell how it reads, and repeat what was
/// sent. `None` for texts that are none of those.
pub(crate) fn in_words_of_s3(message: &str) -> Option<(String, Option<Detail>)> {
    if message == "Unknown operation" {
        return Some((
            "A header or query you provided implies functionality that is not implemented.".to_owned(),
            None,
        ));
    }
    let (kind, rest) = message.split_once(": ")?;
    let name = rest.split(':').next().unwrap_or_default();
    Some(match kind {
        "invalid query" | "invalid header" => invalid(name),
        "missing query" => (format!("The parameter {name} is required."), None),
        "missing header" => (format!("Missing required header for this request: {name}"), None),
        "duplicate query" => (format!("The parameter {name} stands more than once."), None),
        "duplicate header" => (format!("The header {name} stands more than once."), None),
        _ => return None,
    })
}

/// What is wrong with a source of a copy that names no object.
pub(crate) const COPY_SOURCE_WANTED: &str =
    "Copy Source must mention the source bucket and key: sourcebucket/sourcekey";

/// Parameters and headers whose values S3 has a text about.
const TEXTS: [(&str, &str); 12] = [
    ("max-keys", "Provided max-keys not an integer or within integer range"),
    (
        "max-uploads",
        "Provided max-uploads not an integer or within integer range",
    ),
    ("max-parts", "Provided max-parts not an integer or within integer range"),
    (
        "part-number-marker",
        "Provided part-number-marker not an integer or within integer range",
    ),
    (
        "max-buckets",
        "Provided max-buckets not an integer or within integer range",
    ),
    (
        "x-amz-max-parts",
        "Provided max-parts not an integer or within integer range",
    ),
    (
        "x-amz-part-number-marker",
        "Provided part-number-marker not an integer or within integer range",
    ),
    (
        "partNumber",
        "Part number must be an integer between 1 and 10000, inclusive",
    ),
    ("x-amz-copy-source", COPY_SOURCE_WANTED),
    (
        "x-amz-object-lock-retain-until-date",
        "The retain until date must be provided in ISO 8601 format",
    ),
    (
        "x-amz-mp-object-size",
        "x-amz-mp-object-size must be an integer that is not negative",
    ),
    (
        "content-length",
        "Content-Length must be an integer that is not negative",
    ),
];

fn invalid(name: &str) -> (String, Option<Detail>) {
    match TEXTS.iter().find(|(known, _)| *known == name) {
        Some((known, text)) => ((*text).to_owned(), Some(("ArgumentName", *known))),
        None => (format!("The value of {name} is not valid."), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_codec_could_not_read_is_told_in_words_of_s3() {
        let told = |message| in_words_of_s3(message).map(|(text, _)| text);
        for (message, text) in [
            (
                "invalid query: max-keys: x",
                "Provided max-keys not an integer or within integer range",
            ),
            (
                "invalid header: x-amz-copy-source: &quot;bucket: a&quot;",
                "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
            ),
            (
                "invalid query: fetch-owner: maybe",
                "The value of fetch-owner is not valid.",
            ),
            (
                "missing header: x-amz-object-attributes",
                "Missing required header for this request: x-amz-object-attributes",
            ),
            ("duplicate query: prefix", "The parameter prefix stands more than once."),
        ] {
            assert_eq!(told(message).as_deref(), Some(text), "{message}");
        }
        // What the door says itself stays.
        for message in ["Access Denied", "The header x-a: b is wrong.", ""] {
            assert_eq!(told(message), None, "{message}");
        }
    }
}
