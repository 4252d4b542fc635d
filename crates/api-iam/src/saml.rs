//! What browsers ask for in a federated login, below `/saml/` (identity contract, section 4):
//! `GET /saml/<Provider>/metadata`, `GET …/login`, `POST …/acs`.
//!
//! Nobody signs these; the login proves itself by what the identity provider signed and by a cookie that was given when it
//! began. That cookie is for one login alone and is bound to relay state and request (identity notes, 4.5): over TLS it is
//! `SameSite=None`, since the answer is posted from the identity provider's site; without TLS browsers take no such cookie,
//! and it is `Lax`, which reaches us only when the identity provider is on the same site (trials on one machine).
//!
//! The answer to a login is a code, which `RSFederatedLogin` exchanges for keys: keys do not belong into a page's history.

use crate::answer::{forbid_storing, json_response};
use crate::body::{check_form_type, read_bounded};
use crate::fault::{Code, Fault};
use crate::limits::SAML_ANSWER_BODY_BYTES_MAX;
use crate::ops::approach;
use crate::params::Params;
use crate::parts::Parts;
use crate::told::Told;
use baleen_http::{RequestBody, Response, ResponseBody};
use baleen_iam::login::LoginError;
use baleen_iam::{
    Error, FederatedAnswer, FederatedRefusal, LOGIN_CODE_LIFE, LOGIN_REQUEST_LIFE, PublicUrl, SamlProvider,
};
use http::header::{ACCEPT, CONTENT_TYPE, COOKIE, HeaderValue, LOCATION, SET_COOKIE};
use http::request::Parts as Head;
use http::{HeaderName, Method, StatusCode};
use serde_json::json;
use tracing::info;

/// Below which path these are.
const BASE: &str = "/saml/";

/// What is asked of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Metadata,
    Login,
    Consume,
}

/// An address of ours: which connection, which step.
pub(crate) struct Place {
    provider: SamlProvider,
    step: Step,
}

impl Place {
    /// Reads a path. Only what has the form of a connection's name is ours: the rest of `/saml/` may be a bucket's.
    pub(crate) fn find(path: &str) -> Option<Self> {
        let (provider, step) = path.strip_prefix(BASE)?.split_once('/')?;
        let step = match step {
            "metadata" => Step::Metadata,
            "login" => Step::Login,
            "acs" => Step::Consume,
            _ => return None,
        };
        Some(Self {
            provider: SamlProvider::parse(provider).ok()?,
            step,
        })
    }

    /// The name in log and metrics.
    pub(crate) fn name(&self) -> &'static str {
        match self.step {
            Step::Metadata => "SAMLMetadata",
            Step::Login => "SAMLLogin",
            Step::Consume => "SAMLConsume",
        }
    }

    /// Serves a request at this place.
    pub(crate) async fn serve(
        &self,
        parts: &Parts,
        head: &Head,
        body: RequestBody,
        told: &Told,
    ) -> Result<Response, Fault> {
        let method = if self.step == Step::Consume {
            Method::POST
        } else {
            Method::GET
        };
        if head.method != method {
            return Err(Fault::new(
                Code::MethodNotAllowed,
                format!("This is asked for by {method}."),
            ));
        }
        let at = public_url(parts)?;
        let from = approach(parts, head.extensions.get().copied());
        match self.step {
            Step::Metadata => {
                let metadata = parts.iam.saml_metadata(&self.provider, at, from).await?;
                Ok(page(StatusCode::OK, "application/samlmetadata+xml", metadata))
            }
            Step::Login => {
                let start = parts.iam.begin_federated_login(&self.provider, at, from).await?;
                let mut response = Response::new(ResponseBody::empty());
                *response.status_mut() = StatusCode::SEE_OTHER;
                let headers = response.headers_mut();
                headers.insert(LOCATION, header(&start.redirect_url)?);
                headers.insert(
                    SET_COOKIE,
                    header(&cookie(at, start.cookie.expose(), LOGIN_REQUEST_LIFE.as_secs()))?,
                );
                forbid_storing(&mut response);
                Ok(response)
            }
            Step::Consume => self.consume((parts, at), head, body, told).await,
        }
    }

    async fn consume(
        &self,
        (parts, at): (&Parts, &PublicUrl),
        head: &Head,
        body: RequestBody,
        told: &Told,
    ) -> Result<Response, Fault> {
        // The HTTP-POST binding has no other (SAML bindings, 3.5.4).
        check_form_type(&head.headers)?;
        let form = read_bounded(body, SAML_ANSWER_BODY_BYTES_MAX).await?;
        let params = Params::parse("", &form)?;
        let kept = kept(head, at);
        let brought = FederatedAnswer {
            cookie: kept.as_deref(),
            relay_state: params.get("RelayState").unwrap_or_default(),
            response: params.get("SAMLResponse").unwrap_or_default(),
        };
        let from = approach(parts, head.extensions.get().copied());
        let proven = parts
            .iam
            .prove_federated_login(&self.provider, at, &brought, from)
            .await;
        // Of an account only once its connection has sent the browser away: before, the name in the path may be invented.
        if !matches!(
            &proven,
            Err(LoginError::Throttled { .. }
                | LoginError::Iam(Error::FederatedLogin(
                    FederatedRefusal::OtherBrowser | FederatedRefusal::OtherConnection
                )))
        ) {
            told.concerns(self.provider.account());
            let connection = self.provider.to_string();
            let user = proven.as_ref().ok().map(|(_, user)| ("UserName", user.name.as_str()));
            told.says([("Connection", connection.as_str())].into_iter().chain(user));
        }
        let (code, _) = proven.map_err(refused)?;
        let code = code.expose();
        let mut response = if wants_page(head) {
            // The code is hex, so there is nothing to escape.
            page(
                StatusCode::OK,
                "text/html; charset=utf-8",
                format!(
                    "<!doctype html><title>Logged in</title><p>Your login code, good for one minute:</p><p><code>{code}</code></p>"
                ),
            )
        } else {
            json_response(
                StatusCode::OK,
                &json!({ "Ok": true, "Code": code, "ExpiresIn": LOGIN_CODE_LIFE.as_secs() }),
            )
        };
        // It has served.
        response.headers_mut().insert(SET_COOKIE, header(&cookie(at, "", 0))?);
        forbid_storing(&mut response);
        Ok(response)
    }
}

/// Where browsers reach us, without which there is no federated login.
pub(crate) fn public_url(parts: &Parts) -> Result<&PublicUrl, Fault> {
    parts.public_url.as_ref().ok_or_else(|| {
        Fault::invalid_input(
            "This server does not know its own address; its operator sets `public_url` for federated logins.",
        )
    })
}

/// Logs why a login was refused: the client learns only that it was.
pub(crate) fn refused(error: LoginError) -> Fault {
    if let LoginError::Iam(Error::FederatedLogin(why)) = &error {
        info!(reason = %why, "a federated login was refused");
    }
    error.into()
}

/// The cookie's name. The prefix has browsers refuse one that was not set by this very host over TLS.
fn cookie_name(at: &PublicUrl) -> &'static str {
    if at.is_secure() {
        "__Host-baleen-saml"
    } else {
        "baleen-saml"
    }
}

fn cookie(at: &PublicUrl, value: &str, seconds: u64) -> String {
    let name = cookie_name(at);
    let site = if at.is_secure() {
        "Secure; SameSite=None"
    } else {
        "SameSite=Lax"
    };
    format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; {site}")
}

/// What the browser kept; nothing when it sends two of the name.
fn kept(head: &Head, at: &PublicUrl) -> Option<String> {
    let name = cookie_name(at);
    let headers = head
        .headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut found = headers.flat_map(|value| value.split(';')).filter_map(|pair| {
        let (found, value) = pair.trim().split_once('=')?;
        (found == name).then(|| value.to_owned())
    });
    let first = found.next();
    if found.next().is_some() { None } else { first }
}

fn wants_page(head: &Head) -> bool {
    let accept = head.headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

fn header(text: &str) -> Result<HeaderValue, Fault> {
    HeaderValue::from_str(text).map_err(|_| Fault::internal("an address that does not fit into a header"))
}

fn page(status: StatusCode, media_type: &'static str, text: String) -> Response {
    let mut response = Response::new(ResponseBody::full(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(
        HeaderName::from_static("content-security-policy"),
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    );
    headers.insert(
        HeaderName::from_static("x-content-type-options"),
        HeaderValue::from_static("nosniff"),
    );
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let found = |path: &str| Place::find(path).map(|place| (place.provider.to_string(), place.step));
        let name = "lyve-100000000288-saml";
        assert_eq!(
            found(&format!("/saml/{name}/metadata")),
            Some((name.to_owned(), Step::Metadata))
        );
        assert_eq!(
            found(&format!("/saml/{name}/login")),
            Some((name.to_owned(), Step::Login))
        );
        assert_eq!(
            found(&format!("/saml/{name}/acs")),
            Some((name.to_owned(), Step::Consume))
        );
        for path in [
            "/saml",
            "/saml/",
            "/saml/x/metadata",
            "/saml/key",
            &format!("/saml/{name}"),
            &format!("/saml/{name}/acs/"),
        ] {
            assert_eq!(found(path), None, "{path}");
        }
    }

    #[test]
    fn cookies() {
        let secure = PublicUrl::parse("https://x.example").unwrap();
        let plain = PublicUrl::parse("http://127.0.0.1:9000").unwrap();
        assert_eq!(
            cookie(&secure, "ab", 600),
            "__Host-baleen-saml=ab; Path=/; Max-Age=600; HttpOnly; Secure; SameSite=None"
        );
        assert_eq!(
            cookie(&plain, "", 0),
            "baleen-saml=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"
        );
        let brings = |values: &[&str]| {
            let mut request = http::Request::new(());
            for value in values {
                request
                    .headers_mut()
                    .append(COOKIE, HeaderValue::from_str(value).unwrap());
            }
            kept(&request.into_parts().0, &plain)
        };
        assert_eq!(brings(&["a=b; baleen-saml=x; c=d"]).as_deref(), Some("x"));
        assert_eq!(brings(&["baleen-saml=x", "baleen-saml=y"]), None);
        assert_eq!(brings(&["xbaleen-saml=x; __Host-baleen-saml=y"]), None);
        assert_eq!(brings(&[]), None);
    }
}
