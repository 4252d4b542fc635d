//! API tokens in headers.

use baleen_policy::Principal;
use http::HeaderMap;

use super::AuthError;

/// A token as it stands in the request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found<'a> {
    pub(super) token: &'a str,
    /// The address that `X-Auth-Key` goes with.
    email: Option<&'a str>,
}

/// Finds the one token of a request.
pub(super) fn find(headers: &HeaderMap) -> Result<Option<Found<'_>>, AuthError> {
    let mut found = None;
    let mut take = |candidate| match found.replace(candidate) {
        None => Ok(()),
        Some(_) => Err(AuthError::TwoMechanisms),
    };
    if let Some(value) = once(headers, "authorization")? {
        // RFC 9110 section 11.1: the scheme is matched without case.
        let token = value
            .split_once(' ')
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
            .ok_or(AuthError::UnknownToken)?;
        take(Found { token, email: None })?;
    }
    if let Some(token) = once(headers, "x-auth-token")? {
        take(Found { token, email: None })?;
    }
    if let Some(token) = once(headers, "x-auth-key")? {
        let email = once(headers, "x-auth-email")?.ok_or(AuthError::UnknownToken)?;
        take(Found {
            token,
            email: Some(email),
        })?;
    }
    Ok(found)
}

/// The token in `X-Auth-Token` alone.
pub(super) fn in_auth_token(headers: &HeaderMap) -> Result<Option<Found<'_>>, AuthError> {
    let token = once(headers, "x-auth-token")?;
    Ok(token.map(|token| Found { token, email: None }))
}

impl Found<'_> {
    /// Refuses a key which belongs to somebody else than the address beside it.
    pub(super) fn check_owner(&self, principal: &Principal) -> Result<(), AuthError> {
        let Some(email) = self.email else { return Ok(()) };
        match principal.user() {
            Some(user) if user.name.as_str().eq_ignore_ascii_case(email) => Ok(()),
            _ => Err(AuthError::UnknownToken),
        }
    }
}

fn once<'h>(headers: &'h HeaderMap, name: &'static str) -> Result<Option<&'h str>, AuthError> {
    let mut values = headers.get_all(name).iter();
    let Some(first) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(AuthError::DuplicateHeader(name.to_owned()));
    }
    first
        .to_str()
        .map(|text| Some(text.trim()))
        .map_err(|_| AuthError::HeaderEncoding(name))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn check(pairs: &[(&'static str, &'static str)]) -> Result<Option<(String, bool)>, AuthError> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        find(&headers).map(|found| found.map(|found| (found.token.to_owned(), found.email.is_some())))
    }

    #[test]
    fn each_place_of_a_token() {
        assert_eq!(check(&[]), Ok(None));
        assert_eq!(check(&[("authorization", "Bearer t")]), Ok(Some(("t".into(), false))));
        assert_eq!(check(&[("authorization", "bearer  t ")]), Ok(Some(("t".into(), false))));
        assert_eq!(check(&[("x-auth-token", "t")]), Ok(Some(("t".into(), false))));
        assert_eq!(
            check(&[("x-auth-key", "t"), ("x-auth-email", "a@b")]),
            Ok(Some(("t".into(), true)))
        );
    }

    #[test]
    fn half_and_double_tokens_are_refused() {
        assert_eq!(check(&[("x-auth-key", "t")]), Err(AuthError::UnknownToken));
        assert_eq!(check(&[("authorization", "Basic dDp0")]), Err(AuthError::UnknownToken));
        assert_eq!(
            check(&[("authorization", "Bearer t"), ("x-auth-token", "t")]),
            Err(AuthError::TwoMechanisms)
        );
        assert!(matches!(
            check(&[("x-auth-token", "a"), ("x-auth-token", "b")]),
            Err(AuthError::DuplicateHeader(_))
        ));
    }
}
