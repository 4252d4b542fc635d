//! The signature that a request claims to have, and its verification.

use std::borrow::Cow;
use std::time::Duration;

use baleen_types::Secret;

use crate::canonical::PathSpelling;
use crate::digest::{equal_in_constant_time, sha256};
use crate::encode::decode_query;
use crate::limits::{
    ACCESS_KEY_ID_BYTES_MAX, LINK_EXPIRES_MAX, PRESIGNED_EXPIRES_MAX, SCOPE_WORD_BYTES_MAX, SIGNED_HEADERS_MAX,
};
use crate::payload::parse_hex32;
use crate::{
    ALGORITHM, AmzDate, CanonicalRequest, ChunkChain, Error, LINK_MARK, PathStyle, Scope, Signature, SignedTexts,
    SigningKey,
};

/// A signature as the request presents it: well formed, not yet verified.
///
/// Invariants: the scope's day is that of `date`; signed header names are lower case, strictly ascending (so there is
/// no duplicate); every word is within its limit.
#[derive(Clone)]
pub struct Claim<'a> {
    credential: Cow<'a, str>,
    /// Ends of access key id, day, region and service within `credential`.
    ends: [usize; 4],
    date: AmzDate,
    signed_headers: Cow<'a, str>,
    signature: Signature,
    expires: Option<Duration>,
    session_token: Option<Secret>,
}

/// Proof that a claim was verified, and the start of the chain of chunk signatures.
#[derive(Clone)]
pub struct Verified {
    seed: Signature,
    key: SigningKey,
    date: AmzDate,
    scope: String,
}

// A signature is good until its request expires, so neither shows it.
impl std::fmt::Debug for Claim<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Claim")
            .field("credential", &self.credential)
            .field("date", &self.date)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Verified {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verified")
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

/// The fields of an `Authorization` header behind its algorithm, in the order of their `names`: each once, and no other. `required` says
/// which they are.
pub(crate) fn authorization_fields<'a, const N: usize>(
    text: &'a str,
    names: [&str; N],
    required: &'static str,
) -> Result<[&'a str; N], Error> {
    let mut found = [None; N];
    for field in text.split(',') {
        let (name, value) = field
            .trim()
            .split_once('=')
            .ok_or(Error::Malformed("authorization fields are name=value"))?;
        let at = names.iter().position(|known| *known == name);
        let slot = at.and_then(|at| found.get_mut(at));
        let slot = slot.ok_or(Error::Malformed("unknown authorization field"))?;
        if slot.replace(value).is_some() {
            return Err(Error::Malformed("an authorization field stands twice"));
        }
    }
    let mut values = [""; N];
    for (value, found) in values.iter_mut().zip(found) {
        *value = found.ok_or(Error::Malformed(required))?;
    }
    Ok(values)
}

impl<'a> Claim<'a> {
    /// Reads the value of an `Authorization` header; `date` is that of `x-amz-date` (or `Date`).
    ///
    /// # Errors
    /// [`Error::UnsupportedAlgorithm`] when another scheme is used, [`Error::ScopeDate`] when the days differ,
    /// [`Error::Malformed`] for the rest.
    pub fn from_authorization(value: &'a str, date: AmzDate) -> Result<Self, Error> {
        // In AWS's words.
        let required = "the authorization header requires three components: Credential, SignedHeaders, and Signature";
        let fields = value.strip_prefix(ALGORITHM).ok_or(Error::UnsupportedAlgorithm)?;
        if fields.trim_ascii().is_empty() {
            return Err(Error::Malformed(required));
        }
        if !fields.starts_with([' ', '\t']) {
            return Err(Error::UnsupportedAlgorithm);
        }
        let names = ["Credential", "SignedHeaders", "Signature"];
        let [credential, signed_headers, signature] = authorization_fields(fields, names, required)?;
        Self::build(
            Cow::Borrowed(credential),
            date,
            Cow::Borrowed(signed_headers),
            signature,
            None,
        )
    }

    /// Reads the query parameters of a presigned request; `None` when there is no `X-Amz-Signature` and no
    /// `X-Amz-Credential` in it.
    ///
    /// A link, which is a GET of S3 with [`LINK_MARK`] in its query, may live for 30 days.
    ///
    /// # Errors
    /// As [`Claim::from_authorization`]; [`Error::Expires`] when the life is not between 1 second and seven days, or what a
    /// link may live.
    pub fn from_query(method: &str, query: &str) -> Result<Option<Claim<'static>>, Error> {
        const NAMES: [&str; 7] = [
            "X-Amz-Algorithm",
            "X-Amz-Credential",
            "X-Amz-Date",
            "X-Amz-Expires",
            "X-Amz-SignedHeaders",
            "X-Amz-Signature",
            "X-Amz-Security-Token",
        ];
        let mut values: [Option<String>; 7] = [const { None }; 7];
        let mut life_max = PRESIGNED_EXPIRES_MAX;
        for parameter in query.split('&') {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            if name == LINK_MARK && method == "GET" {
                life_max = LINK_EXPIRES_MAX;
            }
            let Some(index) = NAMES.iter().position(|known| *known == name) else {
                continue;
            };
            let value = decode_query(value).ok_or(Error::Malformed("query parameters are not UTF-8"))?;
            if values[index].replace(value).is_some() {
                return Err(Error::Malformed("a signature parameter stands twice"));
            }
        }
        let [
            algorithm,
            credential,
            date,
            expires,
            signed_headers,
            signature,
            session_token,
        ] = values;
        if signature.is_none() && credential.is_none() && algorithm.is_none() {
            return Ok(None);
        }
        let missing = Error::Malformed(
            "X-Amz-Algorithm, -Credential, -Date, -Expires, -SignedHeaders and -Signature are required",
        );
        let (Some(algorithm), Some(credential), Some(date), Some(expires), Some(signed_headers), Some(signature)) =
            (algorithm, credential, date, expires, signed_headers, signature)
        else {
            return Err(missing);
        };
        if algorithm != ALGORITHM {
            return Err(Error::UnsupportedAlgorithm);
        }
        let expires = parse_expires(&expires, life_max)?;
        let date = AmzDate::parse(date.as_bytes())?;
        Claim::build(
            Cow::Owned(credential),
            date,
            Cow::Owned(signed_headers),
            &signature,
            Some(expires),
        )
        .and_then(|claim| {
            if expires > PRESIGNED_EXPIRES_MAX && claim.scope().service != "s3" {
                return Err(Error::Expires);
            }
            Ok(Some(Claim {
                session_token: session_token.map(Secret::new),
                ..claim
            }))
        })
    }

    fn build(
        credential: Cow<'a, str>,
        date: AmzDate,
        signed_headers: Cow<'a, str>,
        signature: &str,
        expires: Option<Duration>,
    ) -> Result<Self, Error> {
        let ends = split_credential(&credential)?;
        check_signed_headers(&signed_headers)?;
        let signature =
            parse_hex32(signature.as_bytes()).ok_or(Error::Malformed("the signature is not 64 hexadecimal digits"))?;
        let claim = Self {
            credential,
            ends,
            date,
            signed_headers,
            signature,
            expires,
            session_token: None,
        };
        if claim.scope().day != date.day() {
            return Err(Error::ScopeDate);
        }
        Ok(claim)
    }

    /// Who claims to have signed.
    #[must_use]
    pub fn access_key_id(&self) -> &str {
        &self.credential[..self.ends[0]]
    }

    /// The scope of the key that was used.
    #[must_use]
    pub fn scope(&self) -> Scope<'_> {
        let [id, day, region, service] = self.ends;
        Scope {
            day: &self.credential[id + 1..day],
            region: &self.credential[day + 1..region],
            service: &self.credential[region + 1..service],
        }
    }

    /// The scope as it stands in the text that is signed: what follows the access key id.
    fn scope_text(&self) -> &str {
        &self.credential[self.ends[0] + 1..]
    }

    /// When the request says it was signed.
    #[must_use]
    pub fn date(&self) -> AmzDate {
        self.date
    }

    /// Life of a presigned request; `None` for a signature in the `Authorization` header.
    #[must_use]
    pub fn expires(&self) -> Option<Duration> {
        self.expires
    }

    /// The session token of a presigned request, which the signature covers as it covers the whole query. That of a
    /// signature in the `Authorization` header stands in a header of its own.
    #[must_use]
    pub fn session_token(&self) -> Option<&str> {
        self.session_token.as_ref().map(Secret::expose)
    }

    /// Names of the signed headers, lower case, ascending, each once.
    pub fn signed_headers(&self) -> impl Iterator<Item = &str> {
        self.signed_headers.split(';')
    }

    /// Whether the header of this lower-case name is signed.
    #[must_use]
    pub fn signs(&self, name: &str) -> bool {
        self.signed_headers
            .as_bytes()
            .split(|byte| *byte == b';')
            .any(|signed| signed == name.as_bytes())
    }

    /// Compares with the signature that `key` makes over `request`, in constant time.
    ///
    /// An S3 path is taken as received first. When that does not match and the path is not in the canonical encoding
    /// (lower-case digits, a raw `+`), the canonical encoding is tried, because some clients sign that and send the
    /// other; both spell the same bytes, so this accepts no request that was not signed.
    ///
    /// # Errors
    /// [`Error::Mismatch`].
    pub fn verify(&self, request: &CanonicalRequest<'_>, key: &SigningKey) -> Result<Verified, Error> {
        let scope = self.scope_text();
        let spellings: &[PathSpelling] = match request.style {
            PathStyle::S3 => &[PathSpelling::AsReceived, PathSpelling::Recoded],
            PathStyle::Generic => &[PathSpelling::Recoded],
        };
        let mut tried = None;
        for spelling in spellings {
            let digest = request.digest(*spelling);
            if tried == Some(digest) {
                break;
            }
            tried = Some(digest);
            let expected = key.0.sign(string_to_sign(self.date, scope, &digest).as_bytes());
            if equal_in_constant_time(&expected, &self.signature) {
                return Ok(Verified {
                    seed: expected,
                    key: key.clone(),
                    date: self.date,
                    scope: scope.to_owned(),
                });
            }
        }
        Err(Error::Mismatch)
    }

    /// What the signature should have been made over.
    #[must_use]
    pub fn texts(&self, request: &CanonicalRequest<'_>) -> SignedTexts {
        let canonical_request = request.to_bytes();
        let string_to_sign = string_to_sign(self.date, self.scope_text(), &sha256(&canonical_request));
        SignedTexts {
            access_key_id: self.access_key_id().to_owned(),
            signature: hex::encode(self.signature),
            string_to_sign: string_to_sign.into_bytes(),
            canonical_request: Some(canonical_request),
        }
    }
}

/// The signature of a form as its fields present it: made over its policy, which says what the form may be. Well formed, not yet
/// verified.
///
/// Source: AWS "Browser-Based Uploads Using POST (AWS Signature Version 4)".
#[derive(Debug, Clone)]
pub struct PolicyClaim<'a>(Claim<'a>);

impl<'a> PolicyClaim<'a> {
    /// Reads the fields `x-amz-algorithm`, `x-amz-credential`, `x-amz-date` and `x-amz-signature`.
    ///
    /// # Errors
    /// As [`Claim::from_authorization`].
    pub fn new((algorithm, credential): (&'a str, &'a str), date: &'a str, signature: &'a str) -> Result<Self, Error> {
        if algorithm != ALGORITHM {
            return Err(Error::UnsupportedAlgorithm);
        }
        let date = AmzDate::parse(date.as_bytes())?;
        // No header is signed, but a claim without any would be malformed.
        let none = Cow::Borrowed("host");
        Claim::build(Cow::Borrowed(credential), date, none, signature, None).map(Self)
    }

    /// Who claims to have signed.
    #[must_use]
    pub fn access_key_id(&self) -> &str {
        self.0.access_key_id()
    }

    /// The scope of the key that was used.
    #[must_use]
    pub fn scope(&self) -> Scope<'_> {
        self.0.scope()
    }

    /// When the policy says it was signed.
    #[must_use]
    pub fn date(&self) -> AmzDate {
        self.0.date()
    }

    /// Compares with the signature that `key` makes over the policy as it was sent, in base64; in constant time.
    ///
    /// # Errors
    /// [`Error::Mismatch`].
    pub fn verify(&self, policy: &[u8], key: &SigningKey) -> Result<(), Error> {
        if equal_in_constant_time(&key.0.sign(policy), &self.0.signature) {
            Ok(())
        } else {
            Err(Error::Mismatch)
        }
    }

    /// What the signature should have been made over.
    #[must_use]
    pub fn texts(&self, policy: &[u8]) -> SignedTexts {
        SignedTexts {
            access_key_id: self.access_key_id().to_owned(),
            signature: hex::encode(self.0.signature),
            string_to_sign: policy.to_vec(),
            canonical_request: None,
        }
    }
}

impl Verified {
    /// Starts the chain of chunk signatures which continues this one.
    #[must_use]
    pub fn chunk_chain(&self) -> ChunkChain {
        ChunkChain::new(self.key.clone(), self.date, &self.scope, &self.seed)
    }
}

/// The text over which the signature itself is made.
pub(crate) fn string_to_sign(date: AmzDate, scope: &str, canonical_sha256: &[u8; 32]) -> String {
    let mut digest_hex = [0; 64];
    let mut out = String::with_capacity(ALGORITHM.len() + 16 + scope.len() + 64 + 3);
    for line in [ALGORITHM, date.as_str(), scope] {
        out.push_str(line);
        out.push('\n');
    }
    out.push_str(hex_into(canonical_sha256, &mut digest_hex));
    out
}

/// Writes 32 bytes as 64 digits into `buffer`.
pub(crate) fn hex_into<'b>(bytes: &[u8; 32], buffer: &'b mut [u8; 64]) -> &'b str {
    // The buffer has exactly the right length and digits are ASCII, so that neither step fails.
    if hex::encode_to_slice(bytes, buffer).is_err() {
        return "";
    }
    std::str::from_utf8(buffer).unwrap_or_default()
}

fn parse_expires(text: &str, life_max: Duration) -> Result<Duration, Error> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Error::Expires);
    }
    let seconds: u64 = text.parse().map_err(|_| Error::Expires)?;
    let expires = Duration::from_secs(seconds);
    if expires.is_zero() || expires > life_max {
        return Err(Error::Expires);
    }
    Ok(expires)
}

/// Finds the ends of the first four parts of `id/day/region/service/aws4_request`.
fn split_credential(credential: &str) -> Result<[usize; 4], Error> {
    const FORM: Error = Error::Malformed("the credential is not id/day/region/service/aws4_request");
    let mut ends = [0; 4];
    let mut at = 0;
    let mut parts = credential.as_bytes().split(|byte| *byte == b'/');
    for (index, end) in ends.iter_mut().enumerate() {
        let part = parts.next().ok_or(FORM)?;
        let bytes_max = if index == 0 {
            ACCESS_KEY_ID_BYTES_MAX
        } else {
            SCOPE_WORD_BYTES_MAX
        };
        if part.is_empty() || part.len() > bytes_max || !part.iter().all(u8::is_ascii_graphic) {
            return Err(FORM);
        }
        *end = at + part.len();
        at = *end + 1;
    }
    match (parts.next(), parts.next()) {
        (Some(b"aws4_request"), None) => Ok(ends),
        _ => Err(FORM),
    }
}

fn check_signed_headers(list: &str) -> Result<(), Error> {
    // By bytes: of what is not ASCII nothing passes.
    let mut previous: &[u8] = b"";
    for (index, name) in list.as_bytes().split(|byte| *byte == b';').enumerate() {
        if index >= SIGNED_HEADERS_MAX {
            return Err(Error::Malformed("too many signed headers"));
        }
        let lower_case_token = !name.is_empty()
            && name
                .iter()
                .all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase());
        if !lower_case_token {
            return Err(Error::Malformed(
                "signed headers are lower-case names with semicolons between them",
            ));
        }
        if name <= previous {
            return Err(Error::Malformed("signed headers must be sorted, each once"));
        }
        previous = name;
    }
    Ok(())
}
