//! What is checked of a document while it is read, since the codec does not.

mod bounds;

use baleen_http::{BodyCheck, BodyFault, ChecksumHasher, RequestBody};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use md5::{Digest as _, Md5};
use s3s::xml::{Deserialize, Deserializer};

use crate::fault::Fault;
use crate::header;
use crate::limits::{DOCUMENT_BYTES_MAX, XML_BODY_BYTES_MAX};

pub(crate) use bounds::{Room, Share};

use bounds::{CountCheck, LARGE, SizeCheck};

/// Adds the checks to the body of a request that brings a document: its size, and the digests that its headers announce.
/// (The checksum headers of a completion are those of the object, not of its document.)
///
/// What is given back holds its share of the memory of all documents, until the request is answered.
pub(crate) fn check(head: &Parts, body: &mut RequestBody, room: &Room) -> Result<Option<Share>, Fault> {
    if body.is_empty() || !is_document(head) {
        return Ok(None);
    }
    let large = LARGE
        .iter()
        .find(|large| head.method == large.method && has_parameter(head, &[large.parameter]));
    body.check(SizeCheck::new(large.map_or(DOCUMENT_BYTES_MAX, |_| XML_BODY_BYTES_MAX)));
    let (share, check) = room.share();
    body.check(check);
    if let Some(large) = large {
        body.check(CountCheck::new(large.element, large.most));
    }
    if !has_parameter(head, &["policy"]) {
        body.check(SectionCheck::default());
        body.check(NumberCheck::default());
    }
    if head.method == Method::PUT || is_multi_delete(head) {
        check_digests(&head.headers, body)?;
    }
    Ok(Some(share))
}

fn check_digests(headers: &HeaderMap, body: &mut RequestBody) -> Result<(), Fault> {
    for check in DigestCheck::announced(headers)? {
        body.check(check);
    }
    Ok(())
}

/// Reads a document that the codec has no operation for.
pub(crate) async fn read<T>(headers: &HeaderMap, mut body: RequestBody) -> Result<T, Fault>
where
    T: for<'xml> Deserialize<'xml>,
{
    body.check(SizeCheck::new(DOCUMENT_BYTES_MAX));
    check_digests(headers, &mut body)?;
    body.check(SectionCheck::default());
    let collected = body.collect().await.map_err(|fault| Fault::from(&fault))?;
    let document = collected.to_bytes();
    let mut reader = Deserializer::new(&document);
    let read = T::deserialize(&mut reader).and_then(|read| reader.expect_eof().map(|()| read));
    read.map_err(|_| Fault::malformed_xml("The document is not the one that this call takes."))
}

pub(crate) fn is_put_logging(head: &Parts) -> bool {
    head.method == Method::PUT && has_parameter(head, &["logging"])
}

/// The document without an empty `LoggingEnabled`, which is the way to take the logging of a bucket back (seed 004, "Put Bucket
/// Logging"), and which the codec takes for an incomplete one. Nothing is read before the codec asks for it.
pub(crate) fn without_empty_logging(
    body: RequestBody,
) -> impl http_body::Body<Data = Bytes, Error = BodyFault> + Send + 'static {
    let mended = async move {
        let document = body.collect().await?.to_bytes();
        let mended = std::str::from_utf8(&document).ok().and_then(blank_empty_logging);
        Ok(Frame::data(mended.map_or(document, Bytes::from)))
    };
    StreamBody::new(futures::stream::once(mended))
}

/// With spaces in its place, since the length was announced; `None` if there is none.
fn blank_empty_logging(document: &str) -> Option<String> {
    let (before, element) = document.split_once("<LoggingEnabled")?;
    let inside = element.trim_start();
    let behind = inside.strip_prefix("/>").or_else(|| {
        let inside = inside.strip_prefix('>')?.trim_start();
        inside.strip_prefix("</LoggingEnabled>")
    })?;
    let blanks = " ".repeat(document.len() - before.len() - behind.len());
    Some([before, &blanks, behind].concat())
}

/// Every POST of S3 brings a document, and every PUT to a bucket or to a sub-resource of an object.
fn is_document(head: &Parts) -> bool {
    match head.method {
        Method::POST => true,
        Method::PUT => {
            let path = head.uri.path();
            // Whatever follows the slash behind the bucket is a key, be it slashes.
            let key = path
                .strip_prefix('/')
                .unwrap_or(path)
                .split_once('/')
                .map(|(_, key)| key);
            key.is_none_or(str::is_empty) || has_parameter(head, &["acl", "tagging", "retention", "legal-hold"])
        }
        _ => false,
    }
}

fn is_multi_delete(head: &Parts) -> bool {
    head.method == Method::POST && has_parameter(head, &["delete"])
}

fn has_parameter(head: &Parts, names: &[&str]) -> bool {
    let query = head.uri.query().unwrap_or_default();
    query.split('&').any(|parameter| {
        let name = parameter.split('=').next().unwrap_or_default();
        // Compared decoded, since the codec decodes them.
        let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
        names.contains(&&*name)
    })
}

/// Ends a document with a CDATA section: the codec passes over it as over a comment, so that a rule for what begins with a
/// prefix would be a rule for everything.
#[derive(Default)]
struct SectionCheck {
    /// How many bytes of [`SECTION`] came last.
    seen: usize,
}

/// Whether a document that is in memory has one.
pub(crate) fn has_section(document: &str) -> bool {
    SectionCheck::default().update(document.as_bytes()).is_err()
}

/// The beginning of a CDATA section (XML 1.0, 2.7), which stands nowhere else in a document but in comments.
const SECTION: &[u8] = b"<![CDATA[";

impl BodyCheck for SectionCheck {
    fn update(&mut self, bytes: &[u8]) -> Result<(), BodyFault> {
        for byte in bytes {
            self.seen = match SECTION.get(self.seen) {
                Some(next) if next == byte => self.seen + 1,
                // Its first byte does not come again in it.
                _ => usize::from(*byte == SECTION[0]),
            };
            if self.seen == SECTION.len() {
                return Err(BodyFault::Document("a CDATA section: write its text with references"));
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), BodyFault> {
        Ok(())
    }
}

/// Ends a document whose number is none: the codec reads as far as there are digits, so that `1,000` days would be one.
#[derive(Default)]
struct NumberCheck {
    at: Place,
}

/// Where in a document the check is.
#[derive(Default)]
enum Place {
    #[default]
    Text,
    /// In the name of an element.
    Name(Vec<u8>),
    /// Behind its name, in the tag of an element which is a number, or is not.
    Tag(bool),
    /// In the text of one which is.
    Number(Vec<u8>),
    /// Behind it, where the tag has to be that of its end.
    End,
}

/// Elements that are whole numbers, in all documents.
const NUMBERS: [&[u8]; 9] = [
    b"Days",
    b"DaysAfterInitiation",
    b"MaxAgeSeconds",
    b"NewerNoncurrentVersions",
    b"NoncurrentDays",
    b"ObjectSizeGreaterThan",
    b"ObjectSizeLessThan",
    b"PartNumber",
    b"Years",
];

/// More than the names and the numbers have.
const WORD_BYTES_MAX: usize = 32;

impl BodyCheck for NumberCheck {
    fn update(&mut self, bytes: &[u8]) -> Result<(), BodyFault> {
        for byte in bytes {
            self.at = match (std::mem::take(&mut self.at), byte) {
                (Place::Text, b'<') => Place::Name(Vec::new()),
                (Place::Text, _) | (Place::Tag(false), b'>') => Place::Text,
                (Place::Name(name), b'>') if !NUMBERS.contains(&&*name) => Place::Text,
                (Place::Name(_) | Place::Tag(true), b'>') => Place::Number(Vec::new()),
                (Place::Name(name), b' ' | b'\t' | b'\r' | b'\n') => Place::Tag(NUMBERS.contains(&&*name)),
                (Place::Tag(is_number), _) => Place::Tag(is_number),
                (Place::Name(mut word), byte) => {
                    if word.len() < WORD_BYTES_MAX {
                        word.push(*byte);
                    }
                    Place::Name(word)
                }
                (Place::Number(number), b'<') if is_whole(&number) => Place::End,
                (Place::Number(mut number), byte) if *byte != b'<' && number.len() < WORD_BYTES_MAX => {
                    number.push(*byte);
                    Place::Number(number)
                }
                (Place::End, b'/') => Place::Tag(false),
                (Place::Number(_) | Place::End, _) => {
                    return Err(BodyFault::Document("a number that is none, or is more than a number"));
                }
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), BodyFault> {
        Ok(())
    }
}

fn is_whole(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

/// Checks a body against `Content-MD5` or an `x-amz-checksum-*` header.
struct DigestCheck {
    header: &'static str,
    expected: String,
    hasher: Hasher,
}

enum Hasher {
    Md5(Md5),
    Checksum(Option<Box<ChecksumHasher>>),
}

impl DigestCheck {
    fn announced(headers: &HeaderMap) -> Result<Vec<Self>, Fault> {
        let mut checks = Vec::new();
        if let Some(value) = header::value(headers, "content-md5") {
            let expected = BASE64.encode(crate::convert::content_md5(value.as_bytes())?);
            checks.push(Self {
                header: "Content-MD5",
                expected,
                hasher: Hasher::Md5(Md5::new()),
            });
        }
        for algorithm in baleen_http::ChecksumAlgorithm::ALL {
            let Some(value) = headers.get(algorithm.header()) else {
                continue;
            };
            let expected = value.to_str().unwrap_or_default().trim().to_owned();
            let hasher = Hasher::Checksum(Some(Box::new(ChecksumHasher::new(algorithm))));
            checks.push(Self {
                header: algorithm.header(),
                expected,
                hasher,
            });
        }
        Ok(checks)
    }
}

impl BodyCheck for DigestCheck {
    fn update(&mut self, bytes: &[u8]) -> Result<(), BodyFault> {
        match &mut self.hasher {
            Hasher::Md5(md5) => md5.update(bytes),
            Hasher::Checksum(Some(hasher)) => hasher.update(bytes),
            Hasher::Checksum(None) => {}
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), BodyFault> {
        let computed = match &mut self.hasher {
            Hasher::Md5(md5) => BASE64.encode(md5.finalize_reset()),
            Hasher::Checksum(hasher) => hasher.take().map(|hasher| hasher.finish_base64()).unwrap_or_default(),
        };
        if computed == self.expected {
            Ok(())
        } else {
            Err(BodyFault::Checksum(self.header))
        }
    }
}
