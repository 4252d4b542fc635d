//! Session tokens: what has to accompany a temporary access key.

use baleen_signing::{Claim, equal_in_constant_time, sha256};
use http::HeaderName;
use http::request::Parts;

use super::{AuthError, SessionTokenRule};

pub(super) static SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// The token of a request: in the header of one that is signed in the header, in the query of a presigned one, and in no
/// other place, so that none can be added to what was signed. An empty one is none, as clients take it.
pub(super) fn given<'r>(head: &'r Parts, claim: &'r Claim<'_>) -> Result<Option<&'r str>, AuthError> {
    let in_header = head.headers.get(&SECURITY_TOKEN);
    let given = if claim.expires().is_some() {
        match in_header {
            Some(_) => return Err(AuthError::SessionToken),
            None => claim.session_token(),
        }
    } else {
        let mut query = head.uri.query().unwrap_or_default().split('&');
        if query.any(|parameter| parameter.split('=').next() == Some("X-Amz-Security-Token")) {
            return Err(AuthError::SessionToken);
        }
        // That it is signed was checked with all `x-amz-` headers.
        in_header
            .map(|value| value.to_str().map_err(|_| AuthError::SessionToken))
            .transpose()?
    };
    Ok(given.filter(|token| !token.is_empty()))
}

/// Compares hashes, whose bytes tell nothing of the token, and in constant time all the same.
pub(super) fn check(rule: SessionTokenRule, given: Option<&str>) -> Result<(), AuthError> {
    match (rule, given) {
        (SessionTokenRule::None, None) => Ok(()),
        (SessionTokenRule::Sha256(wanted), Some(token))
            if equal_in_constant_time(&sha256(token.as_bytes()), &wanted) =>
        {
            Ok(())
        }
        _ => Err(AuthError::SessionToken),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_with_its_key_alone() {
        let bound = SessionTokenRule::Sha256(sha256(b"right"));
        for (rule, given, fits) in [
            (SessionTokenRule::None, None, true),
            (SessionTokenRule::None, Some("right"), false),
            (bound, Some("right"), true),
            (bound, Some("righT"), false),
            (bound, Some("right "), false),
            (bound, None, false),
        ] {
            assert_eq!(check(rule, given).is_ok(), fits, "{rule:?} {given:?}");
        }
    }
}
