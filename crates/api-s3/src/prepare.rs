//! Between the edge and who reads the request: refuse what would be misread, take off what is settled.

use baleen_http::limits::REQUEST_HEADERS_MAX;
use baleen_http::{ChecksumAlgorithm, ChecksumHasher, SignatureVersion, Signed};
use baleen_signing::v2;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Uri};

use crate::conditions::{AskedRange, Conditions};
use crate::convert::single;
use crate::fault::Fault;

pub(crate) static DECODED_LENGTH: HeaderName = HeaderName::from_static("x-amz-decoded-content-length");

static CHECKSUM: HeaderName = HeaderName::from_static("x-amz-checksum");

/// Headers that were about the signature or the framing, and are settled.
static SETTLED: [HeaderName; 6] = [
    AUTHORIZATION,
    EXPECT,
    HeaderName::from_static("x-amz-content-sha256"),
    HeaderName::from_static("x-amz-date"),
    HeaderName::from_static("x-amz-security-token"),
    HeaderName::from_static("x-amz-trailer"),
];

/// Makes a request ready for the codec.
///
/// # Errors
/// Requests which the codec would take for another operation than the client meant.
pub(crate) fn prepare(head: &mut Parts) -> Result<(), Fault> {
    settle_query(head)?;
    settle_form_type(head)?;
    settle_checksum(head)?;
    settle_headers(head);
    if matches!(head.method, Method::GET | Method::HEAD) {
        let conditions = Conditions::take(&mut head.headers);
        let range = AskedRange::take(&mut head.headers);
        head.extensions.insert(conditions);
        head.extensions.insert(range);
    }
    Ok(())
}

/// The parameters of a signature in the query.
const SIGNATURE: [&str; 8] = [
    "X-Amz-Algorithm",
    "X-Amz-Content-Sha256",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
];

/// What becomes of one query parameter.
enum Parameter {
    Keep,
    Drop,
    Rename(&'static str),
    /// It is a header that the maker of a presigned address moved into the query, where it is signed as well.
    Header(HeaderName),
}

fn settle_query(head: &mut Parts) -> Result<(), Fault> {
    let Some(query) = head.uri.query() else { return Ok(()) };
    let mut kept: Vec<String> = Vec::new();
    let mut hoisted: Vec<(HeaderName, HeaderValue)> = Vec::new();
    let mut changed = false;
    let (mut upload_ids, mut part_numbers) = (0, 0);
    let signed = head.extensions.get::<Signed>();
    let is_version_2 = signed.is_some_and(|signed| signed.version == SignatureVersion::V2);
    for parameter in query.split('&') {
        let (name, value) = match parameter.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (parameter, None),
        };
        let fate = match of_version_2(name).filter(|_| is_version_2) {
            Some(fate) => fate,
            None => judge(name, value)?,
        };
        match &fate {
            Parameter::Rename("uploadId") => upload_ids += 1,
            Parameter::Keep if name == "uploadId" => upload_ids += 1,
            Parameter::Keep if name == "partNumber" => part_numbers += 1,
            _ => {}
        }
        match fate {
            Parameter::Keep => kept.push(parameter.to_owned()),
            Parameter::Drop => changed = true,
            // What was sent as a header is what was signed, as Version 2 has it.
            Parameter::Header(name)
                if v2::HEADERS_IN_QUERY.contains(&name.as_str()) && head.headers.contains_key(&name) =>
            {
                changed = true;
            }
            Parameter::Header(name) => {
                changed = true;
                hoisted.push((name, header_value(value.unwrap_or_default())?));
            }
            Parameter::Rename(name) => {
                changed = true;
                kept.push(value.map_or_else(|| name.to_owned(), |value| format!("{name}={value}")));
            }
        }
    }
    if query.split('&').any(is_link_mark) {
        let path = head.uri.path().trim_start_matches('/');
        let is_of_object = path.split_once('/').is_some_and(|(_, key)| !key.is_empty());
        // A month is for objects alone, as the vendor's call makes such links.
        if head.method != Method::GET || !is_of_object || !kept.iter().all(|kept| kept.starts_with("versionId=")) {
            return Err(Fault::access_denied());
        }
    }
    if upload_ids > 1 || part_numbers > 1 {
        return Err(Fault::invalid_argument("uploadId and partNumber may stand once."));
    }
    // Alone, one of them would leave a plain PUT, and the part would become the object.
    if head.method == Method::PUT && upload_ids != part_numbers {
        return Err(Fault::invalid_argument("A part needs both uploadId and partNumber."));
    }
    // The edge has counted those that came as headers; each is looked at more than once.
    if hoisted.len() > REQUEST_HEADERS_MAX {
        return Err(Fault::invalid_argument("The query has too many headers."));
    }
    for (name, value) in hoisted {
        if is_of_no_body(&name, &value) {
            continue;
        }
        if head.headers.insert(&name, value).is_some() {
            return Err(Fault::invalid_argument(format!(
                "The header {name} stands more than once."
            )));
        }
    }
    if changed {
        let path = head.uri.path();
        let target = if kept.is_empty() {
            path.to_owned()
        } else {
            format!("{path}?{}", kept.join("&"))
        };
        head.uri = Uri::try_from(target).map_err(|_| {
            Fault::new(
                "InvalidURI",
                http::StatusCode::BAD_REQUEST,
                "The address could not be parsed.",
            )
        })?;
    }
    Ok(())
}

/// What becomes of a parameter that only Version 2 knows.
fn of_version_2(name: &str) -> Option<Parameter> {
    if v2::PARAMETERS.contains(&name) {
        return Some(Parameter::Drop);
    }
    let decoded = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
    let lower = decoded.to_ascii_lowercase();
    if lower == "x-amz-security-token" {
        return Some(Parameter::Drop);
    }
    let is_header = v2::HEADERS_IN_QUERY.contains(&&*lower);
    is_header.then(|| {
        HeaderName::try_from(lower)
            .ok()
            .map_or(Parameter::Drop, Parameter::Header)
    })
}

fn is_link_mark(parameter: &str) -> bool {
    parameter.split('=').next() == Some(baleen_signing::LINK_MARK)
}

fn judge(name: &str, value: Option<&str>) -> Result<Parameter, Fault> {
    // Names are compared decoded, since the codec decodes them.
    let decoded = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
    if SIGNATURE.contains(&name) {
        return Ok(Parameter::Drop);
    }
    let lower = decoded.to_ascii_lowercase();
    if lower == "x-amz-content-sha256" && value == Some("UNSIGNED-PAYLOAD") {
        // The edge does not look for it here; but this is what it takes for granted of a presigned request.
        return Ok(Parameter::Drop);
    }
    if lower.starts_with("x-amz-") {
        let header = HeaderName::try_from(lower).ok();
        let header = header.filter(|name| *name != DECODED_LENGTH && !SETTLED.contains(name));
        // Of the signature and the framing, the edge has seen the headers only.
        return header
            .map(Parameter::Header)
            .ok_or_else(|| Fault::invalid_argument("A parameter of the query cannot be taken for a header."));
    }
    // The source document spells the parameter of Upload Part and List Parts so.
    if decoded == "uploadID" {
        return Ok(Parameter::Rename("uploadId"));
    }
    // And that of Put Object Retention and Put Object Legal Hold so.
    if decoded == "VersionId" {
        return Ok(Parameter::Rename("versionId"));
    }
    for known in ["uploadId", "partNumber"] {
        let trap = decoded.eq_ignore_ascii_case(known) && name != known;
        if trap {
            return Err(Fault::invalid_argument(format!("The parameter is spelled {known}.")));
        }
    }
    // It was for the edge: see `baleen_signing::LINK_MARK`.
    if name == baleen_signing::LINK_MARK {
        return Ok(Parameter::Drop);
    }
    if decoded.starts_with("rs-") {
        return Err(Fault::not_implemented(format!(
            "There is no vendor call {decoded} of this kind."
        )));
    }
    Ok(Parameter::Keep)
}

/// Whether a checksum in a presigned address is the one of no bytes at all. The JavaScript SDK puts it into every link for an
/// upload, since it has no body when it signs; S3 takes no checksum from a query, so those links work there. Any other value was
/// meant, and is held.
fn is_of_no_body(name: &HeaderName, value: &HeaderValue) -> bool {
    ChecksumAlgorithm::from_header(name.as_str())
        .is_some_and(|algorithm| *value == ChecksumHasher::new(algorithm).finish_base64())
}

fn header_value(encoded: &str) -> Result<HeaderValue, Fault> {
    let decoded: Vec<u8> = percent_encoding::percent_decode_str(encoded).collect();
    HeaderValue::from_bytes(&decoded)
        .map_err(|_| Fault::invalid_argument("A parameter of the query cannot be taken for a header."))
}

/// The content type of a request that is no form, though it says so. The codec would read a form from its body; it is that of the
/// object which an upload begins.
#[derive(Clone, Debug)]
pub(crate) struct FormType(pub(crate) HeaderValue);

fn settle_form_type(head: &mut Parts) -> Result<(), Fault> {
    let form = head.headers.get(CONTENT_TYPE).is_some_and(|value| {
        value
            .as_bytes()
            .get(.."multipart/form-data".len())
            .is_some_and(|head| head.eq_ignore_ascii_case(b"multipart/form-data"))
    });
    if !form || head.method != Method::POST {
        return Ok(());
    }
    if head.uri.query().is_none_or(str::is_empty) {
        return Err(Fault::not_implemented(
            "A form is signed by its fields, and has no parameters.",
        ));
    }
    if let Some(value) = head.headers.remove(CONTENT_TYPE) {
        head.extensions.insert(FormType(value));
    }
    Ok(())
}

/// `x-amz-checksum` with the name of an algorithm beside it (seed 004, "PUT Object") is the header of that algorithm.
fn settle_checksum(head: &mut Parts) -> Result<(), Fault> {
    let Some(value) = single(&head.headers, CHECKSUM.as_str())?.map(HeaderValue::try_from) else {
        return Ok(());
    };
    let value = value.map_err(|_| Fault::invalid_request("Value for x-amz-checksum header is invalid."))?;
    head.headers.remove("x-amz-checksum");
    let named = ["x-amz-checksum-algorithm", "x-amz-sdk-checksum-algorithm"]
        .into_iter()
        .find_map(|name| head.headers.get(name))
        .and_then(|name| name.to_str().ok())
        .map(|name| format!("x-amz-checksum-{}", name.to_ascii_lowercase()));
    let algorithm = named.and_then(|header| ChecksumAlgorithm::from_header(&header));
    let Some(algorithm) = algorithm else {
        return Err(Fault::invalid_request(
            "The header x-amz-checksum needs x-amz-checksum-algorithm beside it: CRC32, CRC32C, CRC64NVME, SHA1 or SHA256.",
        ));
    };
    if head.headers.insert(algorithm.header(), value).is_some() {
        return Err(Fault::invalid_request("Expecting a single x-amz-checksum- header."));
    }
    Ok(())
}

fn settle_headers(head: &mut Parts) {
    for name in &SETTLED {
        head.headers.remove(name);
    }
    if let Some(decoded) = head.headers.remove(&DECODED_LENGTH) {
        // The edge counts them, so that this is the length of the body from here on.
        head.headers.insert(CONTENT_LENGTH, decoded);
    }
    if head.headers.contains_key(CONTENT_ENCODING) {
        let kept: Vec<String> = head
            .headers
            .get_all(CONTENT_ENCODING)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|list| list.split(','))
            .map(str::trim)
            .filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("aws-chunked"))
            .map(str::to_owned)
            .collect();
        head.headers.remove(CONTENT_ENCODING);
        if let Ok(value) = HeaderValue::try_from(kept.join(","))
            && !kept.is_empty()
        {
            head.headers.insert(CONTENT_ENCODING, value);
        }
    }
}
