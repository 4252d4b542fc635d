//! Signature Version 4 in header and query: the rules about a signature, round the arithmetic of crate `signing`.

use baleen_policy::Principal;
use baleen_signing::limits::CLOCK_SKEW_MAX;
use baleen_signing::v2::parse_date;
use baleen_signing::{AmzDate, CanonicalRequest, Claim, EMPTY_SHA256, PathStyle, PayloadMode, Verified, sha256};
use baleen_types::Timestamp;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, DATE, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, HeaderName};

use super::payload::{self, CONTENT_SHA256, Payload};
use super::{
    AuthError, Authenticated, Authenticator, KeyRecord, Lookup, Rejected, SignaturePlace, SignatureVersion, Signed,
    session,
};
use crate::RequestBody;

pub(super) static AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");

/// A claim by a key that exists, not yet verified.
struct Claimed<'r> {
    claim: Claim<'r>,
    record: KeyRecord,
    signed: Signed,
}

impl Authenticator {
    /// S3's way: the head alone decides.
    pub(super) async fn streamed(
        &self,
        services: &'static [&'static str],
        head: &Parts,
    ) -> Result<Authenticated, Rejected> {
        let headers = &head.headers;
        let Some((claim, service)) = self.claim(services, head).await? else {
            return Ok(anonymous(headers)?);
        };
        let in_header = headers
            .get(&CONTENT_SHA256)
            .map(|value| value.to_str().map_err(|_| AuthError::UnsupportedContentSha256))
            .transpose()?;
        let declared = match in_header {
            Some(declared) => declared,
            // Without the header the body of a presigned request is not covered. Some clients put it in the query.
            None if claim.expires().is_some() => {
                parameter(head.uri.query().unwrap_or_default(), "X-Amz-Content-Sha256").unwrap_or("UNSIGNED-PAYLOAD")
            }
            // Generic signers (curl) leave it out; of no body the hash is known, and it is checked that there is none.
            None if has_no_body(headers) => EMPTY_SHA256,
            None => return Err(AuthError::MissingContentSha256.into()),
        };
        let mode = PayloadMode::parse(declared).map_err(|_| AuthError::UnsupportedContentSha256)?;
        let claimed = self.claimed(service, head, claim).await?;
        let verified = self.verify(head, &claimed, declared, PathStyle::S3)?;
        let payload = payload::read(mode, headers, Some(verified)).map_err(|error| claimed.reject(error))?;
        Ok(Authenticated {
            principal: claimed.record.principal,
            signed: Some(claimed.signed),
            payload,
            share: None,
            form: None,
        })
    }

    /// The way of AWS's other services: nothing in the head need tell of the body, so that it is read before the verdict. But
    /// not for everybody: the head has to be right first, and the key to exist.
    pub(super) async fn whole(
        &self,
        services: &'static [&'static str],
        head: &Parts,
        body: &mut RequestBody,
    ) -> Result<Authenticated, Rejected> {
        let Some((claim, service)) = self.claim(services, head).await? else {
            return Ok(Authenticated::without_payload_rules(Principal::Nobody));
        };
        // Signers of S3's kind send it; then it must be the body's hash like that which is not sent.
        let declared = match head.headers.get(&CONTENT_SHA256) {
            None => None,
            Some(value) => match value.to_str().map(PayloadMode::parse) {
                Ok(Ok(PayloadMode::Sha256(digest))) => Some(digest),
                _ => return Err(AuthError::UnsupportedContentSha256.into()),
            },
        };
        let claimed = self.claimed(service, head, claim).await?;
        let (read, share) = self.shares.read(body).await.map_err(|fault| claimed.reject(fault))?;
        let digest = sha256(&read);
        if declared.is_some_and(|declared| declared != digest) {
            return Err(claimed.reject(AuthError::Mismatch));
        }
        let digest = PayloadMode::Sha256(digest).header_value();
        self.verify(head, &claimed, &digest, PathStyle::Generic)?;
        Ok(Authenticated {
            principal: claimed.record.principal,
            signed: Some(claimed.signed),
            payload: Payload::Unchecked,
            share,
            form: None,
        })
    }

    /// Finds the one claim of a request, and judges its service and its time. The service comes first: of a request that was
    /// meant for another one, nothing else need make sense here.
    async fn claim<'r>(
        &self,
        services: &'static [&'static str],
        head: &'r Parts,
    ) -> Result<Option<(Claim<'r>, &'static str)>, Rejected> {
        let headers = &head.headers;
        let query = head.uri.query().unwrap_or_default();
        // An empty one claims nothing.
        let authorization = match headers.get(AUTHORIZATION).filter(|value| !value.is_empty()) {
            Some(value) => Some(value.to_str().map_err(|_| AuthError::HeaderEncoding("authorization"))?),
            None => None,
        };
        refuse_version_2(authorization, query)?;
        let in_query = Claim::from_query(head.method.as_str(), query).map_err(|reason| AuthError::Malformed {
            place: SignaturePlace::Query,
            reason,
        })?;
        let now = self.clock.now();
        let (claim, is_in_time) = match (authorization, in_query) {
            (Some(_), Some(_)) => return Err(AuthError::TwoMechanisms.into()),
            (None, None) => return Ok(None),
            (Some(authorization), None) => {
                let malformed = |reason| AuthError::Malformed {
                    place: SignaturePlace::Header,
                    reason,
                };
                let date = date(headers);
                let Some(date) = date else {
                    // What is no signature at all lacks no date.
                    return Err(
                        match Claim::from_authorization(authorization, AmzDate::from_timestamp(now)) {
                            Ok(_) | Err(baleen_signing::Error::ScopeDate) => AuthError::MissingDate,
                            Err(reason) => malformed(reason),
                        }
                        .into(),
                    );
                };
                let claim = Claim::from_authorization(authorization, date).map_err(malformed)?;
                (claim, refuse_skewed(date.timestamp(), now))
            }
            (None, Some(claim)) => {
                let is_in_time = refuse_dead_link(&claim, now);
                (claim, is_in_time)
            }
        };
        let service = served(services, &claim)?;
        match is_in_time {
            Ok(()) => Ok(Some((claim, service))),
            Err(error) => Err(self.reject(error, claim.access_key_id()).await),
        }
    }

    /// Refuses a claim of which nothing was verified. If its key is somebody's, that account's log is to tell of it.
    pub(super) async fn reject(&self, error: AuthError, access_key_id: &str) -> Rejected {
        Rejected {
            refusal: error.into(),
            claimed: self.credentials.owner_of_key(access_key_id).await,
            texts: None,
        }
    }

    /// Looks the key of a claim up, once the rest of the head is such that it is worth it.
    async fn claimed<'r>(
        &self,
        service: &'static str,
        head: &Parts,
        claim: Claim<'r>,
    ) -> Result<Claimed<'r>, Rejected> {
        refuse_unsigned(&head.headers, &claim)?;
        let signed = Signed {
            service,
            at: Some(claim.date().timestamp()),
            place: match claim.expires() {
                Some(_) => SignaturePlace::Query,
                None => SignaturePlace::Header,
            },
            version: SignatureVersion::V4,
        };
        let token = session::given(head, &claim);
        let record = self.known(claim.access_key_id(), token).await?;
        Ok(Claimed { claim, record, signed })
    }

    /// Looks an access key up which has signed something, as is claimed, and sees to its session token.
    pub(super) async fn known(
        &self,
        access_key_id: &str,
        token: Result<Option<&str>, AuthError>,
    ) -> Result<KeyRecord, Rejected> {
        let found = self.credentials.access_key(access_key_id).await;
        let record = match found.map_err(AuthError::from)? {
            Lookup::Found(record) => Ok(record),
            Lookup::Unknown => Err(AuthError::UnknownAccessKey),
            Lookup::Suspended => Err(AuthError::Suspended),
            Lookup::Expired => Err(AuthError::SessionExpired),
        };
        let record = match record {
            Ok(record) => record,
            Err(error) => return Err(self.reject(error, access_key_id).await),
        };
        match token.and_then(|given| session::check(record.session_token, given)) {
            Ok(()) => Ok(record),
            Err(error) => Err(record.reject(error)),
        }
    }

    fn verify(
        &self,
        head: &Parts,
        claimed: &Claimed<'_>,
        payload: &str,
        style: PathStyle,
    ) -> Result<Verified, Rejected> {
        let Claimed { claim, record, .. } = claimed;
        let key = self
            .keys
            .signing_key(claim.access_key_id(), record.secret.expose(), claim.scope());
        let lines = signed_lines(&head.headers, claim);
        let request = CanonicalRequest {
            method: head.method.as_str(),
            path: head.uri.path(),
            query: head.uri.query().unwrap_or_default(),
            headers: &lines,
            payload,
            style,
        };
        let verified = claim
            .verify(&request, &key)
            .map_err(|_| claimed.reject(AuthError::Mismatch).explained(claim.texts(&request)))?;
        let scope = claim.scope();
        self.credentials.signed(&record.principal, scope.service, scope.region);
        Ok(verified)
    }
}

impl Claimed<'_> {
    fn reject(&self, error: impl Into<crate::Refusal>) -> Rejected {
        self.record.reject(error)
    }
}

impl KeyRecord {
    /// Refuses what claims to be of this key, which is there.
    pub(super) fn reject(&self, error: impl Into<crate::Refusal>) -> Rejected {
        Rejected {
            refusal: error.into(),
            claimed: Some(self.principal.clone()),
            texts: None,
        }
    }
}

/// The service of a claim, when it is one of those served.
fn served(services: &'static [&'static str], claim: &Claim<'_>) -> Result<&'static str, AuthError> {
    let found = services.iter().find(|service| **service == claim.scope().service);
    found.copied().ok_or(AuthError::WrongService {
        expected: services,
        in_query: claim.expires().is_some(),
    })
}

/// When a request with its signature in the header was signed: `Date` says so where there is no `x-amz-date` (AWS, "Signature Version 4:
/// date and time"). The signature covers it in either case, since the text that is signed begins with it.
fn date(headers: &HeaderMap) -> Option<AmzDate> {
    match (headers.get(&AMZ_DATE), headers.get(DATE)) {
        (Some(date), _) => AmzDate::parse(date.as_bytes()).ok(),
        (None, Some(date)) => parse_date(date.as_bytes()).ok().map(AmzDate::from_timestamp),
        (None, None) => None,
    }
}

fn has_no_body(headers: &HeaderMap) -> bool {
    let empty = headers
        .get(CONTENT_LENGTH)
        .is_none_or(|length| length.as_bytes() == b"0");
    empty && !headers.contains_key(TRANSFER_ENCODING)
}

/// A request without signature: nobody asks, and only what needs no signature may protect the body.
fn anonymous(headers: &HeaderMap) -> Result<Authenticated, AuthError> {
    let declared = match headers.get(&CONTENT_SHA256) {
        Some(value) => value.to_str().map_err(|_| AuthError::UnsupportedContentSha256)?,
        None => "UNSIGNED-PAYLOAD",
    };
    let mode = PayloadMode::parse(declared).map_err(|_| AuthError::UnsupportedContentSha256)?;
    let payload = payload::read(mode, headers, None)?;
    Ok(Authenticated {
        payload,
        ..Authenticated::without_payload_rules(Principal::Nobody)
    })
}

/// Two lines of one name could be read as one value by us and as another by whoever signed; of a condition that stands
/// twice, no half may be dropped.
pub(super) fn refuse_duplicates(headers: &HeaderMap) -> Result<(), AuthError> {
    if headers.len() == headers.keys_len() {
        return Ok(());
    }
    let once = |name: &HeaderName| must_be_signed(name) || ONCE.contains(&name.as_str());
    let twice = headers
        .keys()
        .find(|name| once(name) && headers.get_all(*name).iter().nth(1).is_some());
    match twice {
        Some(name) => Err(AuthError::DuplicateHeader(name.to_string())),
        None => Ok(()),
    }
}

/// Headers of one value, beside `x-amz-*`.
const ONCE: [&str; 16] = [
    "authorization",
    "cache-control",
    "content-disposition",
    "content-language",
    "content-md5",
    "content-type",
    "date",
    "expires",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "origin",
    "range",
];

fn refuse_version_2(authorization: Option<&str>, query: &str) -> Result<(), AuthError> {
    let in_header = authorization.is_some_and(|value| value.starts_with("AWS "));
    let in_query = parameter(query, "AWSAccessKeyId").is_some() && parameter(query, "Signature").is_some();
    if in_header || in_query {
        Err(AuthError::SignatureVersion2)
    } else {
        Ok(())
    }
}

/// A header which the store obeys must not be put into somebody else's signed request.
fn refuse_unsigned(headers: &HeaderMap, claim: &Claim<'_>) -> Result<(), AuthError> {
    let unsigned = headers
        .keys()
        .find(|name| must_be_signed(name) && !claim.signs(name.as_str()));
    match unsigned {
        Some(name) => Err(AuthError::UnsignedHeader(name.to_string())),
        None if !claim.signs("host") => Err(AuthError::UnsignedHeader("host".to_owned())),
        None => Ok(()),
    }
}

fn must_be_signed(name: &HeaderName) -> bool {
    name.as_str().starts_with("x-amz-")
}

pub(super) fn refuse_skewed(request: Timestamp, now: Timestamp) -> Result<(), AuthError> {
    if request.distance(now) > CLOCK_SKEW_MAX {
        return Err(AuthError::Skewed { request, server: now });
    }
    Ok(())
}

fn refuse_dead_link(claim: &Claim<'_>, now: Timestamp) -> Result<(), AuthError> {
    let made = claim.date().timestamp();
    if made > now.plus(CLOCK_SKEW_MAX) {
        return Err(AuthError::NotYetValid);
    }
    match claim.expires() {
        Some(life) if now < made.plus(life) => Ok(()),
        _ => Err(AuthError::Expired),
    }
}

/// The header lines that the signature covers. A signed header which is not there counts as empty, which no client signs.
fn signed_lines<'a>(headers: &'a HeaderMap, claim: &'a Claim<'_>) -> Vec<(&'a str, &'a [u8])> {
    let mut lines = Vec::with_capacity(16);
    for name in claim.signed_headers() {
        let mut values = headers.get_all(name).iter();
        lines.push((name, values.next().map_or(&b""[..], http::HeaderValue::as_bytes)));
        lines.extend(values.map(|value| (name, value.as_bytes())));
    }
    lines
}

/// The first value of a query parameter, still encoded.
fn parameter<'q>(query: &'q str, wanted: &str) -> Option<&'q str> {
    query.split('&').find_map(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        (name == wanted).then_some(value)
    })
}
