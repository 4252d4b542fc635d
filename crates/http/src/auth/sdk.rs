//! `SDK-HMAC-SHA256` in the header: the rules about a signature, round the arithmetic of [`baleen_signing::sdk`].
//!
//! Source: capture contract, B.3, "Server rules". A signature is no token that may be used once: replays within the fifteen
//! minutes are not remembered (decision 0008).

use baleen_policy::Principal;
use baleen_signing::sdk::{ALGORITHM, Claim, Request};
use baleen_signing::{AmzDate, Error, PayloadMode, sha256};
use http::header::{AUTHORIZATION, HOST};
use http::request::Parts;
use http::{HeaderMap, HeaderName};

use super::sigv4::refuse_skewed;
use super::token;
use super::{AuthError, Authenticated, Authenticator, KeyRecord, Payload, Rejected, SignaturePlace};
use crate::{Refusal, RequestBody};

static DATE: HeaderName = HeaderName::from_static("x-sdk-date");
static CONTENT_SHA256: HeaderName = HeaderName::from_static("x-sdk-content-sha256");
static SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-security-token");

/// The signature has none: as IAM tells it.
const REGION: &str = "N/A";

/// Headers that say who asks and for what, of which two would leave open which of them counts.
const ONCE: [&str; 6] = [
    "authorization",
    "host",
    "x-project-id",
    "x-sdk-content-sha256",
    "x-sdk-date",
    "x-security-token",
];

impl Authenticator {
    /// A token, or else a signature; the body of who signs is read before the verdict, for nothing in the head tells of it.
    pub(super) async fn sdk(
        &self,
        service: &'static str,
        head: &Parts,
        body: &mut RequestBody,
    ) -> Result<Authenticated, Rejected> {
        // With both the token counts, also when it is wrong.
        if let Some(found) = token::in_auth_token(&head.headers)? {
            return self.by_token(&found, head).await;
        }
        let Some(claim) = claim(&head.headers)? else {
            return Ok(Authenticated::without_payload_rules(Principal::Nobody));
        };
        let declared = declared(&head.headers)?;
        if let Err(error) = refuse_skewed(claim.date().timestamp(), self.clock.now()) {
            return Err(self.reject(error, claim.access_key_id()).await);
        }
        let lines = lines(head, &claim)?;
        let record = self.signer(&claim, &head.headers).await?;
        let (read, share) = self.shares.read(body).await.map_err(|fault| record.reject(fault))?;
        let digest = sha256(&read);
        let request = Request {
            method: head.method.as_str(),
            path: head.uri.path(),
            query: head.uri.query().unwrap_or_default(),
            headers: &lines,
            body: digest,
        };
        if declared.is_some_and(|declared| declared != digest) || claim.verify(&request, &record.secret).is_err() {
            return Err(record.reject(AuthError::Mismatch));
        }
        self.credentials.signed(&record.principal, service, REGION);
        Ok(Authenticated {
            principal: record.principal,
            signed: None,
            payload: Payload::Unchecked,
            share,
            form: None,
        })
    }

    /// The key of a claim. That there is none is answered as a wrong signature is.
    async fn signer(&self, claim: &Claim<'_>, headers: &HeaderMap) -> Result<KeyRecord, Rejected> {
        let token = headers
            .get(&SECURITY_TOKEN)
            .map(|value| value.to_str().map_err(|_| AuthError::SessionToken))
            .transpose();
        let token = token.map(|token| token.filter(|token| !token.is_empty()));
        let known = self.known(claim.access_key_id(), token).await;
        known.map_err(|rejected| match rejected.refusal {
            Refusal::Auth(AuthError::UnknownAccessKey) => Rejected {
                refusal: AuthError::Mismatch.into(),
                ..rejected
            },
            _ => rejected,
        })
    }
}

fn malformed(reason: Error) -> AuthError {
    AuthError::Malformed {
        place: SignaturePlace::Header,
        reason,
    }
}

/// The claim of a request, if it is signed.
fn claim(headers: &HeaderMap) -> Result<Option<Claim<'_>>, AuthError> {
    let Some(authorization) = headers.get(AUTHORIZATION) else {
        return Ok(None);
    };
    for name in ONCE {
        refuse_second(headers, name)?;
    }
    let authorization = authorization
        .to_str()
        .map_err(|_| AuthError::HeaderEncoding("authorization"))?;
    // Of what is signed in no way, or in another, nothing else need be there.
    if !authorization.starts_with(ALGORITHM) {
        return Err(malformed(Error::UnsupportedAlgorithm));
    }
    let missing = || malformed(Error::Malformed("the header x-sdk-date is required"));
    let date = headers.get(&DATE).ok_or_else(missing)?;
    let date = AmzDate::parse(date.as_bytes()).map_err(malformed)?;
    let claim = Claim::from_authorization(authorization, date).map_err(malformed)?;
    for name in [HOST.as_str(), DATE.as_str()] {
        if !claim.signs(name) {
            return Err(AuthError::UnsignedHeader(name.to_owned()));
        }
    }
    // What comes with a key is part of what was signed with it.
    if headers.contains_key(&SECURITY_TOKEN) && !claim.signs(SECURITY_TOKEN.as_str()) {
        return Err(AuthError::UnsignedHeader(SECURITY_TOKEN.to_string()));
    }
    for name in claim.signed_headers() {
        refuse_second(headers, name)?;
    }
    Ok(Some(claim))
}

/// The hash that a request says its body has.
fn declared(headers: &HeaderMap) -> Result<Option<[u8; 32]>, AuthError> {
    let Some(value) = headers.get(&CONTENT_SHA256) else {
        return Ok(None);
    };
    if let Ok(Ok(PayloadMode::Sha256(digest))) = value.to_str().map(PayloadMode::parse) {
        return Ok(Some(digest));
    }
    let why = "x-sdk-content-sha256 has to be the SHA-256 of the body";
    Err(malformed(Error::Malformed(why)))
}

fn refuse_second(headers: &HeaderMap, name: &str) -> Result<(), AuthError> {
    match headers.get_all(name).iter().nth(1) {
        Some(_) => Err(AuthError::DuplicateHeader(name.to_owned())),
        None => Ok(()),
    }
}

/// The header lines that the signature covers, in its order.
///
/// # Errors
/// When one of them is not there.
fn lines<'a>(head: &'a Parts, claim: &Claim<'a>) -> Result<Vec<(&'a str, &'a [u8])>, AuthError> {
    let lines = claim.signed_headers().map(|name| {
        let value = head.headers.get(name).map(http::HeaderValue::as_bytes);
        // HTTP/2 has it in the target.
        let in_target = || head.uri.authority().map(|host| host.as_str().as_bytes());
        let value = value.or_else(|| in_target().filter(|_| name == HOST));
        Some((name, value?))
    });
    lines
        .collect::<Option<_>>()
        .ok_or_else(|| malformed(Error::Malformed("a signed header is missing")))
}
