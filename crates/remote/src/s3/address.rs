//! Where a store is, and how a bucket and a key become a request target.

use baleen_signing::{encode_component, encode_path};
use baleen_types::{BucketName, Invalid, ObjectKey, ObjectPath, RegionName, Secret};
use std::sync::Arc;
use url::{Host, Url};

use crate::gcs::Tokens;
use crate::is_readable_underway;

/// How a bucket is named in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addressing {
    /// `https://host/bucket/key`, which every compatible server understands.
    Path,
    /// `https://bucket.host/key`, which AWS asks for. A bucket with dots in its name is addressed by path over TLS,
    /// since no certificate for `*.host` covers it.
    VirtualHost,
}

/// Keys to a store. `Debug` shows the public half only.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Access key id, in whatever form the store hands out.
    pub access_key_id: String,
    /// Secret access key.
    pub secret: Secret,
    /// Token of a temporary session.
    pub session_token: Option<Secret>,
}

/// Who asks a store, and how that is shown.
#[derive(Clone, Debug)]
pub enum Auth {
    /// By signatures of requests.
    Keys(Credentials),
    /// By tokens of a service account of Google.
    Bearer(Arc<Tokens>),
}

impl From<Credentials> for Auth {
    fn from(credentials: Credentials) -> Self {
        Self::Keys(credentials)
    }
}

/// A storage endpoint.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// `http://host[:port][/base]` or `https://..`: no query, fragment or user info.
    pub url: String,
    /// The region for which requests are signed; a store that has none takes any, commonly `us-east-1`.
    pub region: RegionName,
    /// How buckets are named.
    pub addressing: Addressing,
    /// Who asks.
    pub auth: Auth,
}

/// A checked endpoint.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) region: RegionName,
    pub(super) auth: Auth,
    secure: bool,
    /// Host and, unless it is the default one, port.
    authority: String,
    /// Path in front of the bucket, without a `/` at its end; usually empty.
    base: String,
    addressing: Addressing,
}

/// Where one request goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// Value of the `Host` header.
    pub(super) host: String,
    /// Percent-encoded path; starts with `/`.
    pub(super) path: String,
}

impl Address {
    pub(super) fn new(endpoint: Endpoint) -> Result<Self, Invalid> {
        let refuse = |why: &str| Invalid::new("storage endpoint", why);
        let url =
            Url::parse(&endpoint.url).map_err(|_| refuse("http://host[:port] or https://host[:port] is expected"))?;
        let secure = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(refuse("only http and https are spoken")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("credentials do not belong into the address"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("a query or fragment has no meaning there"));
        }
        let Some(host) = url.host() else {
            return Err(refuse("it names no host"));
        };
        if endpoint.addressing == Addressing::VirtualHost && !matches!(host, Host::Domain(_)) {
            return Err(refuse(
                "buckets cannot be named in front of an IP address; use path-style addressing",
            ));
        }
        if let Auth::Keys(credentials) = &endpoint.auth
            && (!fits_a_header(&credentials.access_key_id)
                || credentials
                    .session_token
                    .as_ref()
                    .is_some_and(|token| !fits_a_header(token.expose())))
        {
            return Err(Invalid::new(
                "store credentials",
                "visible ASCII characters are expected",
            ));
        }
        if matches!(endpoint.auth, Auth::Bearer(_)) && is_readable_underway(&url) {
            return Err(refuse(
                "a token goes over https:// alone, since nothing else protects it, or to this machine",
            ));
        }
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_string(),
        };
        Ok(Self {
            region: endpoint.region,
            auth: endpoint.auth,
            secure,
            authority,
            base: url.path().trim_end_matches('/').to_owned(),
            addressing: endpoint.addressing,
        })
    }

    /// Whether the connection is encrypted, and so protects the body underway.
    pub(super) fn is_secure(&self) -> bool {
        self.secure
    }

    pub(super) fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }

    pub(super) fn bucket(&self, bucket: &BucketName) -> Target {
        self.target(bucket, None)
    }

    pub(super) fn object(&self, at: &ObjectPath) -> Target {
        self.target(&at.bucket, Some(&at.key))
    }

    fn target(&self, bucket: &BucketName, key: Option<&ObjectKey>) -> Target {
        let in_host = self.addressing == Addressing::VirtualHost && !(self.secure && bucket.as_str().contains('.'));
        let mut path = self.base.clone();
        let host = if in_host {
            format!("{bucket}.{}", self.authority)
        } else {
            path.push('/');
            path.push_str(bucket.as_str());
            self.authority.clone()
        };
        if key.is_some() || path.is_empty() {
            path.push('/');
        }
        if let Some(key) = key {
            path.push_str(&encode_path(key.as_str()));
        }
        Target { host, path }
    }
}

fn fits_a_header(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic())
}

/// Writes `name=value&..`, percent-encoded; a parameter without value is `name=`, as it is signed.
pub(super) fn query(parameters: &[(&str, &str)]) -> String {
    let mut out = Vec::new();
    for (name, value) in parameters {
        if !out.is_empty() {
            out.push(b'&');
        }
        encode_component(name.as_bytes(), &mut out);
        out.push(b'=');
        encode_component(value.as_bytes(), &mut out);
    }
    String::from_utf8(out).expect("percent-encoding writes ASCII")
}

#[cfg(test)]
mod tests;
