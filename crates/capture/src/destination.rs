//! Where captures go: the URI form of a bucket (`destination_conf`).

mod endpoint;

pub use endpoint::{Endpoint, EndpointRule, EndpointRules};
pub(crate) use endpoint::{Verdict, is_special};

use crate::limits::{DESTINATION_BYTES_MAX, DIRECTORY_BYTES_MAX};
use baleen_types::{BucketName, Invalid, ObjectKey, RegionName, Secret};
use percent_encoding::percent_decode_str;
use std::fmt;

/// A bucket, a directory in it, and how to reach it.
///
/// Shape: `s3://<bucket>[/<directory>][?region=..&endpoint=<url>&sse=AES256&access-key-id=..&secret-access-key=..]`.
/// Source: capture contract, A.3 (`region` is the vendor's, seed 000 "Validating a bucket"; the other members are ours).
///
/// Invariants: bucket and region are valid names; the directory has no empty, `.` or `..` segment and no control
/// character; both keys are there or none; [`Destination::shown`] never holds a key.
///
/// ```
/// use baleen_capture::Destination;
/// let to = Destination::parse("s3://evidence/case-17?region=eu-1").unwrap();
/// assert_eq!(to.key("pcap_1.pcap").as_str(), "case-17/pcap_1.pcap");
/// assert!(Destination::parse("s3://evidence/../other").is_err());
/// ```
#[derive(Clone, Debug)]
pub struct Destination {
    bucket: BucketName,
    directory: String,
    region: Option<RegionName>,
    endpoint: Option<Endpoint>,
    encrypt: bool,
    keys: Option<AccessKeys>,
    shown: String,
}

/// The access keys that came in the URI itself.
#[derive(Clone, Debug)]
pub struct AccessKeys {
    /// The public half.
    pub id: String,
    /// The secret half.
    pub secret: Secret,
}

/// What makes two URIs the same bucket: scheme, bucket and directory (capture contract, A.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity(String);

impl Identity {
    /// The identity as text, fit for a key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Destination {
    /// Reads a URI as clients send it.
    ///
    /// Percent escapes are decoded in the directory and in the values of members; `+` stands for itself, since secret
    /// keys hold it. A member that is not known is refused, so that a misspelled `region` is noticed.
    pub fn parse(uri: &str) -> Result<Self, Invalid> {
        if uri.len() > DESTINATION_BYTES_MAX {
            return Err(refuse(format!("at most {DESTINATION_BYTES_MAX} bytes are allowed")));
        }
        if uri.bytes().any(|b| b.is_ascii_control() || b == b' ') {
            return Err(refuse(
                "blanks and control characters are not allowed; write %20 for a blank",
            ));
        }
        let rest = after_scheme(uri)?;
        if rest.contains('#') {
            return Err(refuse(
                "a fragment (#) is not allowed; write %23 if it belongs to the directory",
            ));
        }
        let (location, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (bucket, directory) = location.split_once('/').unwrap_or((location, ""));
        let bucket = parse_bucket(bucket)?;
        let directory = parse_directory(directory)?;
        let members = Members::parse(query)?;
        let mut shown = format!("s3://{location}");
        for (index, member) in members.shown.iter().enumerate() {
            shown.push(if index == 0 { '?' } else { '&' });
            shown.push_str(member);
        }
        Ok(Self {
            bucket,
            directory,
            region: members.region,
            endpoint: members.endpoint,
            encrypt: members.encrypt,
            keys: match (members.key_id, members.secret_key) {
                (Some(id), Some(secret)) => Some(AccessKeys { id, secret }),
                (None, None) => None,
                _ => {
                    return Err(refuse("access-key-id and secret-access-key must be given together"));
                }
            },
            shown,
        })
    }

    /// The bucket.
    pub fn bucket(&self) -> &BucketName {
        &self.bucket
    }

    /// The directory without slashes at its ends; empty for the bucket itself.
    pub fn directory(&self) -> &str {
        &self.directory
    }

    /// The region the bucket is said to be in.
    pub fn region(&self) -> Option<&RegionName> {
        self.region.as_ref()
    }

    /// The store the bucket is said to be in.
    pub fn endpoint(&self) -> Option<&Endpoint> {
        self.endpoint.as_ref()
    }

    /// Whether objects are to be encrypted by the store (`sse=AES256`).
    pub fn encrypt(&self) -> bool {
        self.encrypt
    }

    /// The access keys of the URI.
    pub fn keys(&self) -> Option<&AccessKeys> {
        self.keys.as_ref()
    }

    /// The URI as it was sent, without the access keys.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// What decides whether another URI means the same bucket.
    pub fn identity(&self) -> Identity {
        Identity(format!("s3://{}/{}", self.bucket, self.directory))
    }

    /// The full name of a file of ours in the directory.
    ///
    /// # Panics
    /// Never for the names this crate makes, which are far below the 123 bytes that the longest directory leaves.
    pub fn key(&self, name: &str) -> ObjectKey {
        let full = if self.directory.is_empty() {
            name.to_owned()
        } else {
            format!("{}/{name}", self.directory)
        };
        ObjectKey::parse(full).expect("directory and name are shorter than a key together")
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

fn refuse(why: impl Into<String>) -> Invalid {
    Invalid::new("destination", why)
}

fn after_scheme(uri: &str) -> Result<&str, Invalid> {
    let Some((scheme, rest)) = uri.split_once("://") else {
        return Err(refuse(
            "a URI such as s3://bucket/directory?region=us-east-1 is expected",
        ));
    };
    match scheme {
        "s3" => Ok(rest),
        "gs" => Err(refuse(
            "Google Cloud Storage (gs://) comes with a later release; use s3:// now",
        )),
        "r2" => Err(refuse(
            "r2:// comes with a later release; use s3://<bucket>?endpoint=https://<account>.r2.cloudflarestorage.com \
             with access-key-id and secret-access-key now",
        )),
        // The scheme is not repeated: it may be anything, also something secret pasted into the wrong field.
        _ => Err(refuse("only s3:// is supported as scheme")),
    }
}

fn parse_bucket(text: &str) -> Result<BucketName, Invalid> {
    if text.contains('@') {
        return Err(refuse(
            "user info before the bucket (user@) is not allowed; use access-key-id and secret-access-key",
        ));
    }
    if text.is_empty() {
        return Err(refuse("the name of a bucket is missing: s3://<bucket>/<directory>"));
    }
    let length = text.chars().count();
    if !(3..=63).contains(&length) {
        let plural = if length == 1 { "" } else { "s" };
        return Err(refuse(format!(
            "the bucket name has {length} character{plural}; 3 to 63 are allowed"
        )));
    }
    BucketName::parse(text).map_err(|e| refuse(format!("the bucket's name is not valid: {}", e.why)))
}

fn parse_directory(text: &str) -> Result<String, Invalid> {
    let decoded = decode(text)?;
    // One slash at the end is a habit of many tools and means nothing.
    let directory = decoded.strip_suffix('/').unwrap_or(&decoded);
    if directory.is_empty() {
        return Ok(String::new());
    }
    if directory.len() > DIRECTORY_BYTES_MAX {
        return Err(refuse(format!("a directory has at most {DIRECTORY_BYTES_MAX} bytes")));
    }
    if directory.chars().any(char::is_control) {
        return Err(refuse("a directory must not hold control characters"));
    }
    match directory.split('/').find(|s| ["", ".", ".."].contains(s)) {
        None => Ok(directory.to_owned()),
        Some("") => Err(refuse("a directory must not begin with a slash or hold two in a row")),
        Some(_) => Err(refuse("a directory must not hold . or .. as a segment")),
    }
}

/// Decodes percent escapes; what they stand for must be UTF-8, and a lone `%` is refused rather than guessed at.
fn decode(text: &str) -> Result<String, Invalid> {
    let bytes = text.as_bytes();
    let escaped = |at: usize| {
        bytes
            .get(at + 1..at + 3)
            .is_some_and(|h| h.iter().all(u8::is_ascii_hexdigit))
    };
    if (0..bytes.len()).any(|at| bytes[at] == b'%' && !escaped(at)) {
        return Err(refuse(
            "a % must be followed by two hex digits; write %25 for the sign itself",
        ));
    }
    match percent_decode_str(text).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(refuse("percent escapes must stand for UTF-8")),
    }
}

#[derive(Default)]
struct Members<'u> {
    region: Option<RegionName>,
    endpoint: Option<Endpoint>,
    encrypt: bool,
    key_id: Option<String>,
    secret_key: Option<Secret>,
    /// The members that may be shown, as they were written.
    shown: Vec<&'u str>,
}

impl<'u> Members<'u> {
    fn parse(query: &'u str) -> Result<Self, Invalid> {
        let mut members = Self::default();
        let mut seen = Vec::new();
        for member in query.split('&').filter(|m| !m.is_empty()) {
            let (name, value) = member.split_once('=').unwrap_or((member, ""));
            if seen.contains(&name) {
                return Err(refuse("a member of the query is given twice"));
            }
            seen.push(name);
            if members.take(name, &decode(value)?)? {
                members.shown.push(member);
            }
        }
        Ok(members)
    }

    /// Takes one member; tells whether it may be shown.
    fn take(&mut self, name: &str, value: &str) -> Result<bool, Invalid> {
        match name {
            "region" => self.region = Some(RegionName::parse(value).map_err(|e| refuse(format!("region: {}", e.why)))?),
            "endpoint" => self.endpoint = Some(Endpoint::parse(value)?),
            "sse" if value == "AES256" => self.encrypt = true,
            "sse" => return Err(refuse("sse: only AES256 is supported")),
            "access-key-id" => {
                self.key_id = Some(key_text("access-key-id", value)?);
                return Ok(false);
            }
            "secret-access-key" => {
                self.secret_key = Some(Secret::new(key_text("secret-access-key", value)?));
                return Ok(false);
            }
            _ => {
                return Err(refuse(
                    "unknown member in the query; region, endpoint, sse, access-key-id and secret-access-key are known",
                ));
            }
        }
        Ok(true)
    }
}

fn key_text(name: &str, value: &str) -> Result<String, Invalid> {
    if (1..=256).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_graphic()) {
        Ok(value.to_owned())
    } else {
        Err(refuse(format!("{name}: 1 to 256 visible characters are expected")))
    }
}

#[cfg(test)]
mod tests;
