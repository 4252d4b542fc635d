//! What the fields of a form mean: the header of a PutObject, or nothing of one.

use baleen_http::{Field, Form};
use baleen_signing::encode_component;
use http::{HeaderMap, HeaderName, HeaderValue};
use s3s::dto::Tagging;
use s3s::xml::{Deserialize as _, Deserializer};

use crate::documents::has_section;
use crate::fault::Fault;
use crate::ops::tagging::pairs;

/// Fields that are headers of the same name.
const HEADERS: [&str; 14] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-md5",
    "content-type",
    "expires",
    "x-amz-acl",
    "x-amz-sdk-checksum-algorithm",
    "x-amz-storage-class",
    "x-amz-tagging",
    "x-amz-website-redirect-location",
    "x-amz-checksum-algorithm",
    "x-amz-checksum",
];

/// The same for families. What else begins with `x-amz-` might make another operation of it, as `x-amz-copy-source` does.
const HEADER_FAMILIES: [&str; 5] = [
    "x-amz-checksum-",
    "x-amz-grant-",
    "x-amz-meta-",
    "x-amz-object-lock-",
    "x-amz-server-side-encryption",
];

/// Fields of the signature that begin like a header.
const OF_SIGNATURE: [&str; 5] = [
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-signature",
];

/// The prefix that seed 004 has for user metadata.
const LYVE_META: &str = "x-lyve-meta-";

/// The headers that a form stands for. Fields that mean nothing are left out, as AWS does: pages have fields of their own.
pub(super) fn headers(form: &Form) -> Result<HeaderMap, Fault> {
    let mut headers = HeaderMap::new();
    for Field { name, value } in form.fields() {
        let (header, value) = match &**name {
            "acl" => ("x-amz-acl".to_owned(), value.clone()),
            "tagging" => ("x-amz-tagging".to_owned(), tags_of(value)?),
            name if is_header(name) => (name.to_owned(), value.clone()),
            name if OF_SIGNATURE.contains(&name) => continue,
            name => match name.strip_prefix(LYVE_META) {
                Some(rest) => (format!("x-amz-meta-{rest}"), value.clone()),
                None if name.starts_with("x-amz-") || name.starts_with("x-lyve-") => {
                    return Err(Fault::not_implemented(format!("The field {name} is not implemented.")));
                }
                None => continue,
            },
        };
        let unfit = || Fault::invalid_argument(format!("The field {name} cannot be taken for a header."));
        let header = HeaderName::try_from(header).map_err(|_| unfit())?;
        let value = HeaderValue::try_from(value).map_err(|_| unfit())?;
        if headers.insert(header, value).is_some() {
            return Err(Fault::invalid_argument(format!(
                "The field {name} says what another one says too."
            )));
        }
    }
    Ok(headers)
}

fn is_header(name: &str) -> bool {
    HEADERS.contains(&name) || HEADER_FAMILIES.iter().any(|family| name.starts_with(family))
}

/// Tags in a document, as the header has them.
fn tags_of(document: &str) -> Result<String, Fault> {
    let malformed = || Fault::malformed_xml("The field tagging is no Tagging document.");
    if has_section(document) {
        return Err(malformed());
    }
    let mut reader = Deserializer::new(document.as_bytes());
    let tagging = Tagging::deserialize(&mut reader).map_err(|_| malformed())?;
    reader.expect_eof().map_err(|_| malformed())?;
    let mut out = Vec::new();
    for (key, value) in pairs(tagging.tag_set)? {
        if !out.is_empty() {
            out.push(b'&');
        }
        encode_component(key.as_bytes(), &mut out);
        out.push(b'=');
        encode_component(value.as_bytes(), &mut out);
    }
    String::from_utf8(out).map_err(|_| malformed())
}
