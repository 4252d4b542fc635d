//! A service account: who it is, and the key by which it says so.

use crate::is_readable_underway;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use baleen_types::{Invalid, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::json;
use std::fmt;
use std::time::Duration;
use url::Url;

/// Reading and writing objects, and nothing else.
const SCOPE: &str = "https://www.googleapis.com/auth/devstorage.read_write";
/// Where accounts of Google get their tokens.
const TOKEN_HOST: &str = "oauth2.googleapis.com";
/// The longest that Google takes.
const CLAIM_LIFE: Duration = Duration::from_secs(3600);
/// A claim of the future is refused, and clocks differ.
const CLAIM_EARLIER: Duration = Duration::from_secs(30);

/// A service account, as its key file has it.
pub struct ServiceAccount {
    email: String,
    key_id: Option<String>,
    key: RsaKeyPair,
    token_uri: String,
}

#[derive(Deserialize)]
struct KeyFile {
    #[serde(rename = "type")]
    kind: String,
    client_email: String,
    private_key: String,
    private_key_id: Option<String>,
    token_uri: String,
}

impl ServiceAccount {
    /// Reads a key file of JSON as Google writes it. Tokens are asked for at `token_endpoint` or, without it, where the file says,
    /// which has to be Google's own host: who hands a file over must not choose whom this server talks to.
    ///
    /// # Errors
    /// What is wrong with it; no word of the key itself.
    pub fn parse(text: &str, token_endpoint: Option<&str>) -> Result<Self, Invalid> {
        let refuse = |why: &str| Invalid::new("service account", why);
        // The parser's own words may quote the file.
        let file: KeyFile = serde_json::from_str(text).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            refuse(&format!(
                "a key file of JSON with type, client_email, private_key and token_uri is expected ({place})"
            ))
        })?;
        if file.kind != "service_account" {
            return Err(refuse("its type is not service_account"));
        }
        if file.client_email.is_empty() || !file.client_email.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(refuse("its client_email is none"));
        }
        let token_uri = match token_endpoint {
            Some(own) => own.to_owned(),
            None => file.token_uri,
        };
        let url = Url::parse(&token_uri).map_err(|_| refuse("its token_uri is no URL"))?;
        if token_endpoint.is_none()
            && (url.scheme() != "https" || url.host_str() != Some(TOKEN_HOST) || url.port().is_some())
        {
            return Err(refuse("its token_uri is not at https://oauth2.googleapis.com"));
        }
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() || !url.username().is_empty() {
            return Err(refuse("tokens are asked for at an address of http or https"));
        }
        if is_readable_underway(&url) {
            return Err(refuse("tokens are asked for over https:// alone, or at this machine"));
        }
        let der = pem(&file.private_key).ok_or_else(|| refuse("its private_key is no PEM of PKCS#8"))?;
        let key =
            RsaKeyPair::from_pkcs8(&der).map_err(|_| refuse("its private_key is no RSA key of 2048 bits or more"))?;
        Ok(Self {
            email: file.client_email,
            key_id: file.private_key_id,
            key,
            token_uri: url.into(),
        })
    }

    /// Where tokens are.
    pub(super) fn token_uri(&self) -> &str {
        &self.token_uri
    }

    /// Says who asks, signed.
    pub(super) fn assertion(&self, now: Timestamp) -> String {
        let issued = now.as_nanos() / 1_000_000_000 - i64::try_from(CLAIM_EARLIER.as_secs()).unwrap_or(0);
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": self.key_id });
        let claims = json!({
            "iss": self.email,
            "scope": SCOPE,
            "aud": self.token_uri,
            "iat": issued,
            "exp": issued + i64::try_from(CLAIM_LIFE.as_secs()).unwrap_or(0),
        });
        let mut text = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
            .expect("an RSA key signs whatever fits into memory");
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(&signature, &mut text);
        text
    }
}

impl fmt::Debug for ServiceAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceAccount")
            .field("email", &self.email)
            .field("token_uri", &self.token_uri)
            .finish_non_exhaustive()
    }
}

/// The bytes of a PEM text with a private key of PKCS#8 and nothing else.
fn pem(text: &str) -> Option<Vec<u8>> {
    let inner = text
        .trim()
        .strip_prefix("-----BEGIN PRIVATE KEY-----")?
        .strip_suffix("-----END PRIVATE KEY-----")?;
    let digits: String = inner.split_ascii_whitespace().collect();
    STANDARD.decode(digits).ok()
}
