//! Forms: who sends one is proven by fields of it, which are read before anything is believed.
//!
//! That is the one body of the S3 door of which something is read first. It is bounded in bytes and time, and the file in it is
//! left for the door.

use baleen_signing::limits::{CLOCK_SKEW_MAX, PRESIGNED_EXPIRES_MAX};
use baleen_signing::{Error, PolicyClaim, v2};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use http::request::Parts;

use super::sigv2::REGION;
use super::{AuthError, Authenticated, Authenticator, Payload, Rejected, SignaturePlace, SignatureVersion, Signed};
use crate::form::{self, Form};
use crate::limits::FORM_HEAD_TIMEOUT;
use crate::{BodyFault, RequestBody};

/// The fields of each version's signature; the last one is the signature itself. Seed 004 has a name of its own for the key.
const OF_V4: [&str; 4] = ["x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature"];
const OF_V2: [&str; 3] = ["awsaccesskeyid", "lyveaccesskeyid", "signature"];

impl Authenticator {
    /// Reads the fields of a form, leaves its file as the body, and decides who sent it. Without a policy that is nobody.
    pub(super) async fn form(
        &self,
        services: &'static [&'static str],
        version_2: bool,
        head: &Parts,
        body: &mut RequestBody,
    ) -> Result<Authenticated, Rejected> {
        refuse_headers(&head.headers)?;
        let boundary = form::boundary(head).ok_or(BodyFault::Form("its boundary is missing or none"))?;
        let reading = tokio::time::timeout(FORM_HEAD_TIMEOUT, form::read(body, &boundary));
        let (form, file) = reading.await.unwrap_or(Err(BodyFault::Stalled))?;
        *body = RequestBody::file(file);

        let is_there = |names: &[&str]| names.iter().any(|name| form.get(name).is_some());
        let mut authenticated = match (form.get("policy"), is_there(&OF_V4), is_there(&OF_V2)) {
            (None, false, false) => Authenticated::without_payload_rules(baleen_policy::Principal::Nobody),
            (None, ..) => return Err(AuthError::FormField("policy").into()),
            (Some(_), true, true) => return Err(AuthError::TwoMechanisms.into()),
            (Some(policy), true, false) => self.policy_v4(services, &form, policy).await?,
            (Some(policy), false, true) if version_2 => self.policy_v2(services, &form, policy).await?,
            (Some(_), false, true) => return Err(AuthError::SignatureVersion2.into()),
            (Some(_), false, false) => return Err(AuthError::FormField("x-amz-signature").into()),
        };
        authenticated.form = Some(form);
        Ok(authenticated)
    }

    async fn policy_v4(
        &self,
        services: &'static [&'static str],
        form: &Form,
        policy: &str,
    ) -> Result<Authenticated, Rejected> {
        let [algorithm, credential, date, signature] = OF_V4.map(|name| field(form, name));
        let claim = PolicyClaim::new((algorithm?, credential?), date?, signature?).map_err(malformed)?;
        let scope = claim.scope();
        let service = services.iter().find(|service| **service == scope.service).copied();
        let service = service.ok_or(AuthError::WrongService {
            expected: services,
            in_query: false,
        })?;
        let (made, now) = (claim.date().timestamp(), self.clock.now());
        // The door sees to the end that the policy names; a signature is good no longer than that of a link.
        let in_time = if made > now.plus(CLOCK_SKEW_MAX) {
            Err(AuthError::NotYetValid)
        } else if now >= made.plus(PRESIGNED_EXPIRES_MAX) {
            Err(AuthError::Expired)
        } else {
            Ok(())
        };
        if let Err(error) = in_time {
            return Err(self.reject(error, claim.access_key_id()).await);
        }
        let record = self.known(claim.access_key_id(), Ok(token(form))).await?;
        let key = self
            .keys
            .signing_key(claim.access_key_id(), record.secret.expose(), scope);
        claim.verify(policy.as_bytes(), &key).map_err(|_| {
            record
                .reject(AuthError::Mismatch)
                .explained(claim.texts(policy.as_bytes()))
        })?;
        self.credentials.signed(&record.principal, scope.service, scope.region);
        Ok(believed(
            record.principal,
            Signed {
                service,
                at: Some(made),
                place: SignaturePlace::Form,
                version: SignatureVersion::V4,
            },
        ))
    }

    async fn policy_v2(
        &self,
        services: &'static [&'static str],
        form: &Form,
        policy: &str,
    ) -> Result<Authenticated, Rejected> {
        let [aws, lyve, signature] = OF_V2.map(|name| form.get(name));
        let access_key_id = match (aws, lyve) {
            (Some(_), Some(_)) => return Err(AuthError::TwoMechanisms.into()),
            (aws, lyve) => aws.or(lyve).ok_or(AuthError::FormField("AWSAccessKeyId"))?,
        };
        let signature = signature.ok_or(AuthError::FormField("signature"))?;
        let record = self.known(access_key_id, Ok(token(form))).await?;
        v2::verify_policy(policy.as_bytes(), signature, &record.secret).map_err(|error| {
            if error == Error::Mismatch {
                let texts = v2::policy_texts(access_key_id, policy.as_bytes(), signature);
                return record.reject(AuthError::Mismatch).explained(texts);
            }
            record.reject(malformed(error))
        })?;
        let service = services.first().copied().unwrap_or_default();
        self.credentials.signed(&record.principal, service, REGION);
        Ok(believed(
            record.principal,
            Signed {
                service,
                at: None,
                place: SignaturePlace::Form,
                version: SignatureVersion::V2,
            },
        ))
    }
}

fn believed(principal: baleen_policy::Principal, signed: Signed) -> Authenticated {
    Authenticated {
        principal,
        signed: Some(signed),
        payload: Payload::Unchecked,
        share: None,
        form: None,
    }
}

fn field<'f>(form: &'f Form, name: &'static str) -> Result<&'f str, AuthError> {
    form.get(name).ok_or(AuthError::FormField(name))
}

/// That it is signed is seen to by the door: the policy has to name each field.
fn token(form: &Form) -> Option<&str> {
    form.get("x-amz-security-token").filter(|token| !token.is_empty())
}

fn malformed(reason: Error) -> AuthError {
    AuthError::Malformed {
        place: SignaturePlace::Form,
        reason,
    }
}

/// Nothing in the head of a form is signed, so nothing of it may be obeyed.
fn refuse_headers(headers: &HeaderMap) -> Result<(), AuthError> {
    if let Some(name) = headers.keys().find(|name| name.as_str().starts_with("x-amz-")) {
        return Err(AuthError::UnsignedHeader(name.to_string()));
    }
    if headers.contains_key(CONTENT_ENCODING) {
        return Err(AuthError::Framing(
            "a form has no Content-Encoding; that of its file is a field",
        ));
    }
    Ok(())
}
