//! Where captures go: the URI form of a bucket (`destination_conf`).

mod endpoint;
mod members;

pub use endpoint::{Endpoint, EndpointRule, EndpointRules};
pub(crate) use endpoint::{Verdict, is_special};

use crate::limits::{DESTINATION_BYTES_MAX, DIRECTORY_BYTES_MAX};
use baleen_types::{BucketName, Invalid, ObjectKey, RegionName, Secret};
use members::Members;
pub(crate) use members::SIGNATURE;
use percent_encoding::percent_decode_str;
use std::fmt;

/// A bucket, a directory in it, and how to reach it.
///
/// Shapes:
/// * `s3://<bucket>[/<directory>][?region=..&endpoint=<url>&sse=AES256&access-key-id=..&secret-access-key=..]`
/// * `gs://<bucket>[/<directory>][?access-key-id=..&secret-access-key=..]`, by an HMAC key of Google Cloud Storage
/// * `r2://<bucket>[/<directory>]?account-id=..[&access-key-id=..&secret-access-key=..]`
/// * `azure://<account>/<container>[/<directory>][?account-key=..|sas=..]`, Azure Blob Storage
///
/// Source: capture contract, A.3 (`region` is the vendor's, seed 000 "Validating a bucket", as is `r2://`; the other members are
/// ours).
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
    store: Store,
    bucket: BucketName,
    directory: String,
    region: Option<RegionName>,
    endpoint: Option<Endpoint>,
    encrypt: bool,
    keys: Option<AccessKeys>,
    shown: String,
}

/// Whose store a URI names by its scheme.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Store {
    /// `s3://`: this server's own, or an S3-compatible one.
    S3,
    /// `gs://`: Google Cloud Storage.
    Gs,
    /// `r2://`: Cloudflare R2, of this account.
    R2(R2Account),
    /// `azure://`: Azure Blob Storage, of this account.
    Azure(AzureAccount),
}

impl Store {
    fn scheme(&self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Gs => "gs",
            Self::R2(_) => "r2",
            Self::Azure(_) => "azure",
        }
    }
}

/// The name of a storage account of Azure, which is the first label of its host: 3 to 24 lower-case letters and digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AzureAccount(String);

impl AzureAccount {
    /// Reads a name.
    ///
    /// # Errors
    /// Anything else, so that no other host can be made of it.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let is_one = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if (3..=24).contains(&text.len()) && text.bytes().all(is_one) {
            Ok(Self(text.to_owned()))
        } else {
            Err(refuse(
                "azure:// names a storage account first, which has 3 to 24 lower-case letters and digits, as in \
                 azure://<account>/<container>/<directory>",
            ))
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The id of an account at Cloudflare, which is the first label of its host for R2: 32 hex digits in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct R2Account(String);

impl R2Account {
    /// Reads an id.
    ///
    /// # Errors
    /// Anything but 32 hex digits, so that no other host can be made of it.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(refuse("account-id: the 32 hex digits of the account are expected"))
        }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
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
        let (scheme, rest) = split_scheme(uri)?;
        if rest.contains('#') {
            return Err(refuse(
                "a fragment (#) is not allowed; write %23 if it belongs to the directory",
            ));
        }
        let (location, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (azure, path) = match (scheme, location.split_once('/')) {
            ("azure", Some((account, path))) => (Some(AzureAccount::parse(account)?), path),
            ("azure", None) => return Err(AzureAccount::parse(location).err().unwrap_or_else(no_container)),
            _ => (None, location),
        };
        let (bucket, directory) = path.split_once('/').unwrap_or((path, ""));
        let bucket = parse_bucket(bucket)?;
        if azure.is_some() && (bucket.as_str().contains('.') || bucket.as_str().contains("--")) {
            return Err(refuse("a container's name has no dots, and no two hyphens in a row"));
        }
        let directory = parse_directory(directory)?;
        let members = Members::parse(scheme, query)?;
        let mut shown = format!("{scheme}://{location}");
        for (index, member) in members.shown.iter().enumerate() {
            shown.push(if index == 0 { '?' } else { '&' });
            shown.push_str(member);
        }
        let store = match (scheme, members.account) {
            ("r2", Some(account)) => Store::R2(account),
            ("r2", None) => return Err(refuse("r2:// needs account-id, the id of your account at Cloudflare")),
            ("gs", _) => Store::Gs,
            _ => azure.map_or(Store::S3, Store::Azure),
        };
        Ok(Self {
            store,
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

    /// Whose store it is in.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The storage account of Azure, if it is in one.
    pub fn azure(&self) -> Option<&AzureAccount> {
        match &self.store {
            Store::Azure(account) => Some(account),
            Store::S3 | Store::Gs | Store::R2(_) => None,
        }
    }

    /// The bucket, which Azure calls a container.
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
        let account = match &self.store {
            Store::Azure(account) => format!("{}/", account.as_str()),
            Store::S3 | Store::Gs | Store::R2(_) => String::new(),
        };
        let scheme = self.store.scheme();
        Identity(format!("{scheme}://{account}{}/{}", self.bucket, self.directory))
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

/// The schemes that are known.
const SCHEMES: [&str; 4] = ["s3", "gs", "r2", "azure"];

fn no_container() -> Invalid {
    refuse("the name of a container is missing, as in azure://<account>/<container>/<directory>")
}

fn split_scheme(uri: &str) -> Result<(&'static str, &str), Invalid> {
    let Some((given, rest)) = uri.split_once("://") else {
        return Err(refuse(
            "a URI such as s3://bucket/directory?region=us-east-1 is expected",
        ));
    };
    // The scheme is not repeated: it may be anything, also something secret pasted into the wrong field.
    match SCHEMES.into_iter().find(|known| *known == given) {
        Some(scheme) => Ok((scheme, rest)),
        None => Err(refuse("only s3://, gs://, r2:// and azure:// are supported as schemes")),
    }
}

fn parse_bucket(text: &str) -> Result<BucketName, Invalid> {
    if text.contains('@') {
        return Err(refuse(
            "user info before the bucket (user@) is not allowed; use access-key-id and secret-access-key",
        ));
    }
    if text.is_empty() {
        return Err(refuse(
            "the name of a bucket is missing, as in s3://<bucket>/<directory>",
        ));
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

#[cfg(test)]
mod tests;
