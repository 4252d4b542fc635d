//! Signature Version 2 of S3: HMAC-SHA1 over a text made of the request, in the `Authorization` header or the query.
//!
//! It covers less than Version 4: of the headers `Content-MD5`, `Content-Type`, the date and all `x-amz-*`; of the query the
//! sub-resources and what changes the headers of an answer; not the host, and nothing of the body. So a parameter which is
//! neither covered nor harmless ([`Request::stranger`]) has no place in a request that is signed so.
//!
//! Source: AWS "Signing and authenticating REST requests (AWS signature version 2)".

use std::borrow::Cow;
use std::collections::BTreeMap;

use baleen_types::{Secret, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::digest::{equal_in_constant_time, hmac_sha1};
use crate::encode::{decode_percent, decode_query, encode_component, into_string, recode_path};
use crate::limits::ACCESS_KEY_ID_BYTES_MAX;
use crate::{AmzDate, Error, SignedTexts};

/// An HMAC-SHA1: the signature before it is written in base64.
pub type Signature = [u8; 20];

/// Names of the query that are part of what is signed: those of AWS's page and of its SDKs, and whatever else makes another
/// operation of a request. `VersionId` and `uploadID` are spellings of seed 004.
const OF_RESOURCE: [&str; 50] = [
    "VersionId",
    "accelerate",
    "acl",
    "analytics",
    "attributes",
    "cors",
    "defaultObjectAcl",
    "delete",
    "encryption",
    "intelligent-tiering",
    "inventory",
    "legal-hold",
    "lifecycle",
    "location",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "ownershipControls",
    "partNumber",
    "policy",
    "policyStatus",
    "publicAccessBlock",
    "renameObject",
    "replication",
    "replication-policy",
    "requestPayment",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "retention",
    "rs-bucket-stats",
    "rs-info",
    "rs-presign",
    "select",
    "select-type",
    "storageClass",
    "tagging",
    "torrent",
    "uploadID",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
];

/// Names of the query that are not signed, and decide no more than which part of a list is told.
const PLAIN: [&str; 16] = [
    "continuation-token",
    "delimiter",
    "encoding-type",
    "fetch-owner",
    "key-marker",
    "list-type",
    "marker",
    "max-keys",
    "max-parts",
    "max-uploads",
    "part-number-marker",
    "prefix",
    "start-after",
    "upload-id-marker",
    "version-id-marker",
    "x-id",
];

/// The parameters of a signature in the query.
pub const PARAMETERS: [&str; 3] = ["AWSAccessKeyId", "Expires", "Signature"];

/// Headers that a link may have in its query, as SDKs put them there; those that begin with `x-amz-` may stand there too.
pub const HEADERS_IN_QUERY: [&str; 2] = ["content-md5", "content-type"];

/// The first word of an `Authorization` header.
const SCHEME: &str = "AWS ";

/// A signature as the request presents it: well formed, not yet verified.
#[derive(Clone)]
pub struct Claim<'a> {
    access_key_id: Cow<'a, str>,
    signature: Signature,
    expires: Option<Expires>,
}

/// The end of a link, and how it spells it, which is signed.
#[derive(Clone)]
struct Expires {
    at: Timestamp,
    text: String,
}

// A signature is good until its request expires, so it is not shown.
impl std::fmt::Debug for Claim<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Claim")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

/// The parts of a request which a signature covers.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Method in upper case.
    pub method: &'a str,
    /// The bucket, where the host name names it.
    pub host_bucket: Option<&'a str>,
    /// Path as it stands on the request line: percent-encoded, without query.
    pub path: &'a str,
    /// Query as it stands on the request line, without `?`; empty when there is none.
    pub query: &'a str,
    /// All header lines, names in lower case.
    pub headers: &'a [(&'a str, &'a [u8])],
}

impl<'a> Claim<'a> {
    /// Reads the value of an `Authorization` header; `None` when it is of another scheme.
    ///
    /// # Errors
    /// [`Error::HeaderV2`] when it is not `AWS id:signature`, [`Error::Malformed`] when one of them cannot be.
    pub fn from_authorization(value: &'a str) -> Result<Option<Self>, Error> {
        let Some(fields) = value.strip_prefix(SCHEME) else {
            return Ok(None);
        };
        let (id, signature) = fields.trim().rsplit_once(':').ok_or(Error::HeaderV2)?;
        Ok(Some(Self {
            access_key_id: Cow::Borrowed(parse_id(id)?),
            signature: parse_signature(signature)?,
            expires: None,
        }))
    }

    /// Reads the query parameters of a link; `None` when it has neither `AWSAccessKeyId` nor `Signature`.
    ///
    /// # Errors
    /// [`Error::Malformed`] when one of the three is missing or stands twice, [`Error::ExpiresV2`] when `Expires` is no time.
    pub fn from_query(query: &str) -> Result<Option<Claim<'static>>, Error> {
        let mut values: [Option<String>; 3] = [const { None }; 3];
        for (name, value) in parameters(query) {
            let Some(index) = PARAMETERS.iter().position(|known| *known == name) else {
                continue;
            };
            // A plus sign is a digit of base64, and no client means a space by it.
            let value = decode_percent(value.unwrap_or_default());
            let value = String::from_utf8(value).map_err(|_| Error::Malformed("query parameters are not UTF-8"))?;
            if values[index].replace(value).is_some() {
                return Err(Error::Malformed("a signature parameter stands twice"));
            }
        }
        let (id, expires, signature) = match values {
            [None, _, None] => return Ok(None),
            [Some(id), Some(expires), Some(signature)] => (id, expires, signature),
            _ => return Err(Error::Malformed("AWSAccessKeyId, Expires and Signature are required")),
        };
        parse_id(&id)?;
        let digits = !expires.is_empty() && expires.bytes().all(|byte| byte.is_ascii_digit());
        let seconds: i64 = expires.parse().ok().filter(|_| digits).ok_or(Error::ExpiresV2)?;
        Ok(Some(Claim {
            access_key_id: Cow::Owned(id),
            signature: parse_signature(&signature)?,
            expires: Some(Expires {
                at: Timestamp::from_secs(seconds),
                text: expires,
            }),
        }))
    }

    /// Who claims to have signed.
    #[must_use]
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    /// The end of a link; `None` for a signature in the `Authorization` header.
    #[must_use]
    pub fn expires(&self) -> Option<Timestamp> {
        self.expires.as_ref().map(|expires| expires.at)
    }

    /// Compares with the signature that `secret` makes over `request`, in constant time.
    ///
    /// A path is taken as received, and in the canonical encoding; a bucket's with and without the slash behind it, which
    /// SDKs add before they sign. All spell the same resource, so this accepts no request that was not signed.
    ///
    /// # Errors
    /// [`Error::Mismatch`], and what is wrong with the query.
    pub fn verify(&self, request: &Request<'_>, secret: &Secret) -> Result<(), Error> {
        let before = request.before_resource(self.expires.as_ref().map(|expires| &*expires.text))?;
        let parameters = request.resource_parameters()?;
        let mut paths = vec![request.full_path(request.path.as_bytes())];
        let mut recoded = Vec::with_capacity(request.path.len());
        recode_path(request.path.as_bytes(), &mut recoded);
        paths.push(request.full_path(&recoded));
        paths.dedup();
        for at in 0..paths.len() {
            paths.extend(with_slash(&paths[at]));
        }
        for path in paths {
            let text = [&before[..], &path, parameters.as_bytes()].concat();
            if equal_in_constant_time(&hmac_sha1(secret.expose().as_bytes(), &text), &self.signature) {
                return Ok(());
            }
        }
        Err(Error::Mismatch)
    }

    /// What the signature should have been made over, if that can be told.
    #[must_use]
    pub fn texts(&self, request: &Request<'_>) -> Option<SignedTexts> {
        let before = request
            .before_resource(self.expires.as_ref().map(|expires| &*expires.text))
            .ok()?;
        let parameters = request.resource_parameters().ok()?;
        let path = request.full_path(request.path.as_bytes());
        Some(SignedTexts {
            access_key_id: self.access_key_id().to_owned(),
            signature: BASE64.encode(self.signature),
            string_to_sign: [&before[..], &path, parameters.as_bytes()].concat(),
            canonical_request: None,
        })
    }
}

/// What the signature of a form should have been made over.
#[must_use]
pub fn policy_texts(access_key_id: &str, policy: &[u8], signature: &str) -> SignedTexts {
    SignedTexts {
        access_key_id: access_key_id.to_owned(),
        signature: signature.to_owned(),
        string_to_sign: policy.to_vec(),
        canonical_request: None,
    }
}

/// Compares the signature of a form, which is made over its policy as it was sent, in base64; in constant time.
///
/// # Errors
/// [`Error::Malformed`] for what is no signature, [`Error::Mismatch`].
pub fn verify_policy(policy: &[u8], signature: &str, secret: &Secret) -> Result<(), Error> {
    let signature = parse_signature(signature)?;
    if equal_in_constant_time(&hmac_sha1(secret.expose().as_bytes(), policy), &signature) {
        Ok(())
    } else {
        Err(Error::Mismatch)
    }
}

/// Reads the date of a request: as HTTP writes it, with GMT or an offset, or in the form of Version 4.
///
/// # Errors
/// [`Error::MalformedDate`].
pub fn parse_date(text: &[u8]) -> Result<Timestamp, Error> {
    if let Ok(date) = AmzDate::parse(text) {
        return Ok(date.timestamp());
    }
    let text = std::str::from_utf8(text).map_err(|_| Error::MalformedDate)?;
    let at = OffsetDateTime::parse(text.trim(), &Rfc2822).map_err(|_| Error::MalformedDate)?;
    Ok(Timestamp::from_datetime(at))
}

impl Request<'_> {
    /// The first parameter of the query that is not covered by a signature, and might do more than to choose from a list.
    #[must_use]
    pub fn stranger(&self) -> Option<String> {
        let known = |name: &str| {
            OF_RESOURCE.contains(&name)
                || PLAIN.contains(&name)
                || PARAMETERS.contains(&name)
                || header_of(name).is_some()
        };
        parameters(self.query)
            .map(|(name, _)| decode_query(name).unwrap_or_else(|| name.to_owned()))
            .find(|name| !known(name))
    }

    /// The value of a header, where it stands in the query.
    #[must_use]
    pub fn header_in_query(&self, name: &str) -> Option<String> {
        let headers = self.headers_in_query().ok()?;
        let (_, value) = headers.into_iter().find(|(known, _)| known == name)?;
        String::from_utf8(value).ok()
    }

    /// All that is signed before the resource.
    fn before_resource(&self, expires: Option<&str>) -> Result<Vec<u8>, Error> {
        let mut named = self.headers_in_query()?;
        for (name, value) in self.headers {
            let is_standard = HEADERS_IN_QUERY.contains(name);
            if !is_standard && !name.starts_with("x-amz-") {
                continue;
            }
            match named.iter_mut().find(|(known, _)| known == name) {
                // What was sent is what counts.
                Some((_, known)) if is_standard => *known = value.to_vec(),
                Some(_) => return Err(Error::Malformed("a header stands twice, or in the query too")),
                None => named.push(((*name).to_owned(), value.to_vec())),
            }
        }
        named.sort();
        let value = |wanted: &str| {
            let found = named.iter().find(|(name, _)| name == wanted);
            found.map_or(&b""[..], |(_, value)| value.trim_ascii())
        };
        let in_header = |wanted: &str| self.headers.iter().find(|(name, _)| *name == wanted);
        let date = match (expires, in_header("x-amz-date")) {
            (Some(expires), _) => expires.as_bytes(),
            (None, Some(_)) => b"",
            (None, None) => in_header("date").map_or(&b""[..], |(_, value)| value.trim_ascii()),
        };
        let mut out = Vec::with_capacity(256);
        for line in [
            self.method.as_bytes(),
            value("content-md5"),
            value("content-type"),
            date,
        ] {
            out.extend_from_slice(line);
            out.push(b'\n');
        }
        for (name, value) in named.iter().filter(|(name, _)| name.starts_with("x-amz-")) {
            out.extend_from_slice(name.as_bytes());
            out.push(b':');
            out.extend_from_slice(value.trim_ascii());
            out.push(b'\n');
        }
        Ok(out)
    }

    /// The headers that stand in the query.
    fn headers_in_query(&self) -> Result<Vec<(String, Vec<u8>)>, Error> {
        // Looked up in a tree: a query may name thousands, and nobody has proven anything yet.
        let mut found: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for (name, value) in parameters(self.query) {
            let Some(name) = header_of(&String::from_utf8_lossy(&decode_percent(name))) else {
                continue;
            };
            let value = decode_percent(value.unwrap_or_default());
            if value.iter().any(u8::is_ascii_control) {
                return Err(Error::Malformed("a parameter cannot be taken for a header"));
            }
            if found.insert(name, value).is_some() {
                return Err(Error::Malformed("a header stands in the query twice"));
            }
        }
        Ok(found.into_iter().collect())
    }

    /// The part of the query that is signed, decoded, with the question mark before it.
    fn resource_parameters(&self) -> Result<String, Error> {
        let encoding = Error::Malformed("query parameters are not UTF-8");
        let mut signed = Vec::new();
        for (name, value) in parameters(self.query) {
            let name = decode_query(name).ok_or(encoding.clone())?;
            if OF_RESOURCE.contains(&&*name) {
                let value = value
                    .map(|value| decode_query(value).ok_or(encoding.clone()))
                    .transpose()?;
                // Values are signed decoded, so that `a&versionId=1` would pass for two parameters.
                let inside = value.iter().flat_map(|value| value.split('&').skip(1));
                if inside
                    .filter_map(|inner| inner.split('=').next())
                    .any(|inner| OF_RESOURCE.contains(&inner))
                {
                    return Err(Error::Malformed("a parameter has another one inside"));
                }
                signed.push((name, value));
            }
        }
        signed.sort();
        let mut out = String::new();
        for (name, value) in signed {
            out.push(if out.is_empty() { '?' } else { '&' });
            out.push_str(&name);
            if let Some(value) = value {
                out.push('=');
                out.push_str(&value);
            }
        }
        Ok(out)
    }

    fn full_path(&self, path: &[u8]) -> Vec<u8> {
        let path = if path.is_empty() { b"/" } else { path };
        match self.host_bucket {
            None => path.to_vec(),
            Some(bucket) => [b"/", bucket.to_ascii_lowercase().as_bytes(), path].concat(),
        }
    }
}

/// The path of a bucket with the slash behind it.
fn with_slash(path: &[u8]) -> Option<Vec<u8>> {
    let bucket = path.strip_prefix(b"/")?;
    (!bucket.is_empty() && !bucket.contains(&b'/')).then(|| [path, b"/"].concat())
}

/// The header for which a parameter of the query stands.
fn header_of(name: &str) -> Option<String> {
    let lower = name.to_ascii_lowercase();
    (lower.starts_with("x-amz-") || HEADERS_IN_QUERY.contains(&&*lower)).then_some(lower)
}

/// Names and values of a query, encoded.
fn parameters(query: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    let parameters = query.split('&').filter(|parameter| !parameter.is_empty());
    parameters.map(|parameter| match parameter.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (parameter, None),
    })
}

fn parse_id(id: &str) -> Result<&str, Error> {
    let fits = !id.is_empty() && id.len() <= ACCESS_KEY_ID_BYTES_MAX && id.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then_some(id).ok_or(Error::Malformed("that is no access key id"))
}

fn parse_signature(text: &str) -> Result<Signature, Error> {
    let decoded = BASE64.decode(text.trim()).ok();
    decoded
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(Error::Malformed("the signature is not an HMAC-SHA1 in base64"))
}

/// Who signs.
#[derive(Clone, Copy)]
pub struct Signer<'a> {
    /// Access key id.
    pub access_key_id: &'a str,
    /// Secret access key.
    pub secret: &'a str,
}

impl std::fmt::Debug for Signer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

impl Signer<'_> {
    /// The value of the `Authorization` header of a request, among whose headers are its date and its session token.
    ///
    /// # Errors
    /// [`Error::Malformed`] for a query that cannot be signed.
    pub fn authorization(&self, request: &Request<'_>) -> Result<String, Error> {
        let signature = self.sign(request, None)?;
        Ok(format!("{SCHEME}{}:{signature}", self.access_key_id))
    }

    /// The whole query of a link that is good until `expires`.
    ///
    /// # Errors
    /// As [`Signer::authorization`].
    pub fn presign(&self, request: &Request<'_>, expires: Timestamp) -> Result<String, Error> {
        let expires = expires.as_secs().to_string();
        let signature = self.sign(request, Some(&expires))?;
        let mut query = request.query.as_bytes().to_vec();
        for (name, value) in PARAMETERS.into_iter().zip([self.access_key_id, &expires, &signature]) {
            if !query.is_empty() {
                query.push(b'&');
            }
            query.extend_from_slice(name.as_bytes());
            query.push(b'=');
            encode_component(value.as_bytes(), &mut query);
        }
        Ok(into_string(query))
    }

    /// The signature of the policy of a form, which is given in base64.
    #[must_use]
    pub fn sign_policy(&self, policy: &[u8]) -> String {
        BASE64.encode(hmac_sha1(self.secret.as_bytes(), policy))
    }

    fn sign(&self, request: &Request<'_>, expires: Option<&str>) -> Result<String, Error> {
        let mut text = request.before_resource(expires)?;
        let path = request.full_path(request.path.as_bytes());
        text.extend(with_slash(&path).unwrap_or(path));
        text.extend_from_slice(request.resource_parameters()?.as_bytes());
        Ok(BASE64.encode(hmac_sha1(self.secret.as_bytes(), &text)))
    }
}

#[cfg(test)]
mod tests;
