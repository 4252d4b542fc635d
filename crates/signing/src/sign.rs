//! The client's side: signed headers, presigned queries.

use std::time::Duration;

use crate::canonical::PathSpelling;
use crate::claim::string_to_sign;
use crate::encode::{encode_component, into_string};
use crate::limits::{LINK_EXPIRES_MAX, PRESIGNED_EXPIRES_MAX};
use crate::{
    ALGORITHM, AmzDate, CanonicalRequest, ChunkChain, Error, PathStyle, PayloadMode, Scope, Signature, SigningKey,
};

/// The parameter that makes a presigned GET a link.
///
/// It opens nothing: who has the key could sign a request a week as well. It tells which rule the one who signed meant, so that
/// what AWS's clients make keeps AWS's limit.
pub const LINK_MARK: &str = "rs-link";

/// Who signs, and for which region and service.
#[derive(Clone, Copy)]
pub struct Signer<'a> {
    /// Access key id.
    pub access_key_id: &'a str,
    /// Secret access key.
    pub secret: &'a str,
    /// Token of a temporary session.
    pub session_token: Option<&'a str>,
    /// Region, such as `us-east-1`.
    pub region: &'a str,
    /// Service, such as `s3`.
    pub service: &'a str,
}

/// What is to be signed.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Method in upper case.
    pub method: &'a str,
    /// Path exactly as it will be sent, percent-encoded: see [`crate::encode_path`].
    pub path: &'a str,
    /// Query exactly as it will be sent, without `?`.
    pub query: &'a str,
    /// All headers to sign, in any order and case, among them `host`. `x-amz-date`, `x-amz-content-sha256` and
    /// `x-amz-security-token` are added here.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// What protects the body. A presigned request has [`PayloadMode::Unsigned`], unless its `x-amz-content-sha256` is
    /// among the headers.
    pub payload: PayloadMode,
    /// How the path is encoded.
    pub style: PathStyle,
}

/// Headers to add to a request, and the start of the chain for a streamed body.
#[derive(Clone)]
pub struct SignedHeaders {
    /// Names in lower case, `authorization` last.
    pub headers: Vec<(&'static str, String)>,
    /// Continues with the signatures of the chunks; of use when the payload is streamed.
    pub chunks: ChunkChain,
}

impl std::fmt::Debug for SignedHeaders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.headers.iter().map(|(name, _)| name);
        f.debug_tuple("SignedHeaders")
            .field(&names.collect::<Vec<_>>())
            .finish()
    }
}

impl std::fmt::Debug for Signer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

impl Signer<'_> {
    /// Signs in the `Authorization` header.
    #[must_use]
    pub fn sign(&self, request: &Request<'_>, date: AmzDate) -> SignedHeaders {
        let payload = request.payload.header_value();
        let mut added = vec![
            ("x-amz-date", date.as_str().to_owned()),
            ("x-amz-content-sha256", payload.clone()),
        ];
        if let Some(token) = self.session_token {
            added.push(("x-amz-security-token", token.to_owned()));
        }
        let names: Vec<String> = request
            .headers
            .iter()
            .map(|(name, _)| name.to_ascii_lowercase())
            .collect();
        let mut headers: Vec<(&str, &[u8])> = names
            .iter()
            .map(String::as_str)
            .zip(request.headers.iter().map(|(_, value)| *value))
            .collect();
        headers.extend(added.iter().map(|(name, value)| (*name, value.as_bytes())));
        headers.sort_by_key(|(name, _)| *name);

        let canonical = CanonicalRequest {
            method: request.method,
            path: request.path,
            query: request.query,
            headers: &headers,
            payload: &payload,
            style: request.style,
        };
        let scope = self.scope(&date);
        let key = SigningKey::derive(self.secret, scope);
        let scope = scope.to_string();
        let signature = signature(&key, &canonical, date, &scope);
        let authorization = format!(
            "{ALGORITHM} Credential={}/{scope}, SignedHeaders={}, Signature={}",
            self.access_key_id,
            signed_header_names(&headers),
            hex::encode(signature),
        );
        added.push(("authorization", authorization));
        SignedHeaders {
            headers: added,
            chunks: ChunkChain::new(key, date, &scope, &signature),
        }
    }

    /// Signs in the query string, so that anyone who has the link may send the request until it expires. Returns the
    /// whole query to send.
    ///
    /// # Errors
    /// [`Error::Expires`] when `expires` is not between 1 second and seven days.
    pub fn presign(&self, request: &Request<'_>, date: AmzDate, expires: Duration) -> Result<String, Error> {
        self.presign_with_chain(request, date, expires).map(|(query, _)| query)
    }

    /// As [`Signer::presign`], with the start of the chain for a streamed body.
    ///
    /// # Errors
    /// As [`Signer::presign`].
    pub fn presign_with_chain(
        &self,
        request: &Request<'_>,
        date: AmzDate,
        expires: Duration,
    ) -> Result<(String, ChunkChain), Error> {
        self.in_query(request, date, (expires, PRESIGNED_EXPIRES_MAX))
    }

    /// Presigns a GET as a link, which may live for 30 days: [`LINK_MARK`] is put into the query, and signed with it. Only
    /// Baleen takes it for longer than seven days.
    ///
    /// # Errors
    /// [`Error::Expires`] when `expires` is not between 1 second and 30 days.
    pub fn link(&self, request: &Request<'_>, date: AmzDate, expires: Duration) -> Result<String, Error> {
        let mut query = format!("{LINK_MARK}=");
        if !request.query.is_empty() {
            query.push('&');
            query.push_str(request.query);
        }
        let request = Request {
            query: &query,
            ..*request
        };
        self.in_query(&request, date, (expires, LINK_EXPIRES_MAX))
            .map(|(query, _)| query)
    }

    fn in_query(
        &self,
        request: &Request<'_>,
        date: AmzDate,
        (expires, expires_max): (Duration, Duration),
    ) -> Result<(String, ChunkChain), Error> {
        if expires.as_secs() == 0 || expires > expires_max {
            return Err(Error::Expires);
        }
        let names: Vec<String> = request
            .headers
            .iter()
            .map(|(name, _)| name.to_ascii_lowercase())
            .collect();
        let mut headers: Vec<(&str, &[u8])> = names
            .iter()
            .map(String::as_str)
            .zip(request.headers.iter().map(|(_, value)| *value))
            .collect();
        headers.sort_by_key(|(name, _)| *name);

        let scope = self.scope(&date);
        let key = SigningKey::derive(self.secret, scope);
        let scope = scope.to_string();
        let credential = format!("{}/{scope}", self.access_key_id);
        let expires = expires.as_secs().to_string();
        let names = signed_header_names(&headers);
        let mut parameters = vec![
            ("X-Amz-Algorithm", ALGORITHM),
            ("X-Amz-Credential", &credential),
            ("X-Amz-Date", date.as_str()),
            ("X-Amz-Expires", &expires),
            ("X-Amz-SignedHeaders", &names),
        ];
        if let Some(token) = self.session_token {
            parameters.push(("X-Amz-Security-Token", token));
        }
        let mut query = request.query.as_bytes().to_vec();
        for (name, value) in parameters {
            if !query.is_empty() {
                query.push(b'&');
            }
            query.extend_from_slice(name.as_bytes());
            query.push(b'=');
            encode_component(value.as_bytes(), &mut query);
        }
        let mut query = into_string(query);
        let canonical = CanonicalRequest {
            method: request.method,
            path: request.path,
            query: &query,
            headers: &headers,
            payload: &request.payload.header_value(),
            style: request.style,
        };
        let signature = signature(&key, &canonical, date, &scope);
        query.push_str("&X-Amz-Signature=");
        query.push_str(&hex::encode(signature));
        let chunks = ChunkChain::new(key, date, &scope, &signature);
        Ok((query, chunks))
    }

    /// The credential and the signature of the policy of a form, which is given in base64.
    #[must_use]
    pub fn sign_policy(&self, policy: &[u8], date: AmzDate) -> (String, String) {
        let scope = self.scope(&date);
        let key = SigningKey::derive(self.secret, scope);
        let credential = format!("{}/{scope}", self.access_key_id);
        (credential, hex::encode(key.0.sign(policy)))
    }

    fn scope<'s>(&'s self, date: &'s AmzDate) -> Scope<'s> {
        Scope {
            day: date.day(),
            region: self.region,
            service: self.service,
        }
    }
}

fn signature(key: &SigningKey, request: &CanonicalRequest<'_>, date: AmzDate, scope: &str) -> Signature {
    let spelling = match request.style {
        PathStyle::S3 => PathSpelling::AsReceived,
        PathStyle::Generic => PathSpelling::Recoded,
    };
    key.0
        .sign(string_to_sign(date, scope, &request.digest(spelling)).as_bytes())
}

fn signed_header_names(sorted: &[(&str, &[u8])]) -> String {
    let mut names: Vec<&str> = sorted.iter().map(|(name, _)| *name).collect();
    names.dedup();
    names.join(";")
}
