//! Signature Version 2 in header and query: the rules about a signature, round the arithmetic of [`baleen_signing::v2`].

use baleen_signing::limits::{CLOCK_SKEW_MAX, PRESIGNED_EXPIRES_MAX};
use baleen_signing::v2::{Claim, Request, parse_date};
use baleen_signing::{Claim as ClaimV4, PayloadMode};
use baleen_types::Timestamp;
use http::HeaderMap;
use http::header::{AUTHORIZATION, DATE};
use http::request::Parts;

use super::payload::{self, CONTENT_SHA256};
use super::session::SECURITY_TOKEN;
use super::sigv4::{AMZ_DATE, refuse_skewed};
use super::{AuthError, Authenticated, Authenticator, Rejected, SignaturePlace, SignatureVersion, Signed};

/// The region that Version 2, which names none, is taken to be for: its clients know only this one.
pub(super) const REGION: &str = "us-east-1";

/// Finds the claim of a request that is signed with Version 2.
pub(super) fn find(head: &Parts) -> Result<Option<Claim<'_>>, AuthError> {
    let malformed = |place| move |reason| AuthError::Malformed { place, reason };
    let query = head.uri.query().unwrap_or_default();
    let authorization = head.headers.get(AUTHORIZATION);
    let in_query = Claim::from_query(query).map_err(malformed(SignaturePlace::Query))?;
    let in_header = match authorization.map(http::HeaderValue::to_str) {
        Some(Ok(authorization)) => {
            Claim::from_authorization(authorization).map_err(malformed(SignaturePlace::Header))?
        }
        // What it is instead is said by Version 4.
        Some(Err(_)) | None => None,
    };
    let claim = match (in_header, in_query) {
        (None, None) => return Ok(None),
        (Some(claim), None) => claim,
        (None, Some(claim)) if authorization.is_none() => claim,
        (_, Some(_)) => return Err(AuthError::TwoMechanisms),
    };
    match ClaimV4::from_query(head.method.as_str(), query) {
        Ok(None) => Ok(Some(claim)),
        _ => Err(AuthError::TwoMechanisms),
    }
}

impl Authenticator {
    /// Version 2 covers no body, and all that Version 4 has for bodies but signed chunks can be had with it.
    pub(super) async fn version_2(
        &self,
        (services, host_bucket): (&'static [&'static str], Option<&str>),
        head: &Parts,
        claim: Claim<'_>,
    ) -> Result<Authenticated, Rejected> {
        let headers = &head.headers;
        let lines: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect();
        let request = Request {
            method: head.method.as_str(),
            host_bucket,
            path: head.uri.path(),
            query: head.uri.query().unwrap_or_default(),
            headers: &lines,
        };
        let declared = headers
            .get(&CONTENT_SHA256)
            .map_or(Ok("UNSIGNED-PAYLOAD"), http::HeaderValue::to_str);
        let mode = declared.ok().and_then(|declared| PayloadMode::parse(declared).ok());
        let mode = mode.ok_or(AuthError::UnsupportedContentSha256)?;
        let now = self.clock.now();
        let (at, in_time) = if let Some(end) = claim.expires() {
            (None, refuse_dead_link(end, now))
        } else {
            let date = date(headers)?;
            (Some(date), refuse_skewed(date, now))
        };
        if let Err(error) = in_time {
            return Err(self.reject(error, claim.access_key_id()).await);
        }
        if let Some(name) = request.stranger() {
            return Err(AuthError::UnsignedParameter(name).into());
        }
        let in_header = headers
            .get(&SECURITY_TOKEN)
            .map(|value| value.to_str().map_err(|_| AuthError::SessionToken));
        let in_query = request.header_in_query(SECURITY_TOKEN.as_str());
        let token = in_header
            .transpose()
            .map(|token| token.or(in_query.as_deref()).filter(|token| !token.is_empty()));
        let record = self.known(claim.access_key_id(), token).await?;
        claim.verify(&request, &record.secret).map_err(|reason| {
            if reason == baleen_signing::Error::Mismatch {
                return record.reject(AuthError::Mismatch).explained(claim.texts(&request));
            }
            record.reject(AuthError::Malformed {
                place: match claim.expires() {
                    Some(_) => SignaturePlace::Query,
                    None => SignaturePlace::Header,
                },
                reason,
            })
        })?;
        let payload = payload::read(mode, headers, None).map_err(|error| record.reject(error))?;
        let service = services.first().copied().unwrap_or_default();
        self.credentials.signed(&record.principal, service, REGION);
        Ok(Authenticated {
            principal: record.principal,
            signed: Some(Signed {
                service,
                at,
                place: match claim.expires() {
                    Some(_) => SignaturePlace::Query,
                    None => SignaturePlace::Header,
                },
                version: SignatureVersion::V2,
            }),
            payload,
            share: None,
            form: None,
        })
    }
}

/// `x-amz-date` is the date where there is one: some clients cannot choose what `Date` says.
fn date(headers: &HeaderMap) -> Result<Timestamp, AuthError> {
    let date = headers.get(&AMZ_DATE).or_else(|| headers.get(DATE));
    let date = date.ok_or(AuthError::MissingDate)?;
    parse_date(date.as_bytes()).map_err(|reason| AuthError::Malformed {
        place: SignaturePlace::Header,
        reason,
    })
}

/// A link says only when it ends. That no link lasts longer than those of Version 4 is seen to here: one whose end is further
/// away is none yet.
pub(super) fn refuse_dead_link(end: Timestamp, now: Timestamp) -> Result<(), AuthError> {
    if end <= now {
        return Err(AuthError::Expired);
    }
    if end > now.plus(PRESIGNED_EXPIRES_MAX).plus(CLOCK_SKEW_MAX) {
        return Err(AuthError::LinkTooLong);
    }
    Ok(())
}
