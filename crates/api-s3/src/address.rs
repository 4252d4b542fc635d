//! Where a request goes: path-style as it stands, virtual-host brought to path-style.

use baleen_policy::Origin;
use baleen_signing::encode_path;
use baleen_types::BucketName;
use http::Uri;
use http::header::HOST;
use http::request::Parts;
use s3s::path::S3Path;

use crate::fault::Fault;

/// Base domains under which a bucket may be the first label of the host name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Domains(Vec<String>);

impl Domains {
    pub(crate) fn new(domains: &[String]) -> Self {
        let domain = |text: &String| text.trim().trim_matches('.').to_ascii_lowercase();
        Self(domains.iter().map(domain).filter(|text| !text.is_empty()).collect())
    }

    /// The bucket that a `Host` header names, if it is one label (or more, buckets may have dots) before a base domain.
    fn bucket<'h>(&self, host: &'h str) -> Option<&'h str> {
        let name = host
            .rsplit_once(':')
            .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
            .map_or(host, |(name, _)| name);
        let name = name.strip_suffix('.').unwrap_or(name);
        if self.0.iter().any(|domain| name.eq_ignore_ascii_case(domain)) {
            return None;
        }
        self.0
            .iter()
            .filter_map(|domain| {
                let at = name.len().checked_sub(domain.len())?;
                let (bucket, tail) = name.split_at_checked(at)?;
                tail.eq_ignore_ascii_case(domain).then(|| bucket.strip_suffix('.'))?
            })
            // With `example.com` and `s3.example.com` both configured, the longer domain leaves the shorter bucket.
            .min_by_key(|bucket| bucket.len())
            // Others, of which `/` and `?` are some, would become a part of the path or of the query.
            .filter(|bucket| !bucket.is_empty() && bucket.bytes().all(is_of_host))
    }

    /// The bucket that the host name of a request names.
    pub(crate) fn bucket_of_host<'h>(&self, head: &'h Parts) -> Option<&'h str> {
        let host = head.headers.get(HOST).and_then(|value| value.to_str().ok())?;
        self.bucket(host)
    }

    /// The bucket that a request is about, if it names one that may be.
    pub(crate) fn bucket_of(&self, head: &Parts) -> Option<BucketName> {
        let first = || {
            head.uri
                .path()
                .strip_prefix('/')
                .and_then(|path| path.split('/').next())
        };
        let name = self.bucket_of_host(head).map(str::to_ascii_lowercase);
        BucketName::parse(name.as_deref().or_else(first)?).ok()
    }

    /// Rewrites a virtual-host request: `/key` at `bucket.domain` becomes `/bucket/key`.
    pub(crate) fn settle(&self, head: &mut Parts) {
        if self.0.is_empty() {
            return;
        }
        let Some(bucket) = self.bucket_of_host(head) else {
            return;
        };
        let query = head.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        // Host names have no case, and signatures of version 2 are made over lower case.
        let bucket = bucket.to_ascii_lowercase();
        let rewritten = format!("/{bucket}{}{query}", head.uri.path());
        // What was a valid path stays one behind a prefix of host name characters.
        if let Ok(uri) = Uri::try_from(rewritten) {
            head.uri = uri;
        }
    }
}

/// The bucket and the key of an address, as the codec would read it.
///
/// # Errors
/// One that is no text.
pub(crate) fn path_of(uri: &Uri) -> Result<S3Path, Fault> {
    let decoded = percent_encoding::percent_decode_str(uri.path()).decode_utf8();
    let malformed = |_| {
        Fault::new(
            "InvalidURI",
            http::StatusCode::BAD_REQUEST,
            "The address could not be parsed.",
        )
    };
    let decoded = decoded.map_err(malformed)?;
    let path = decoded.strip_prefix('/').unwrap_or(&decoded);
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    Ok(match (bucket, key) {
        ("", "") => S3Path::root(),
        (bucket, "") => S3Path::bucket(bucket),
        (bucket, key) => S3Path::object(bucket, key),
    })
}

/// Scheme and host, as the sender of a request has them.
pub(crate) fn place(head: &Parts) -> String {
    let is_secure = head.extensions.get::<Origin>().is_some_and(|origin| origin.is_secure);
    let host = head.headers.get(HOST).and_then(|host| host.to_str().ok());
    let scheme = if is_secure { "https" } else { "http" };
    format!("{scheme}://{}", host.unwrap_or_default())
}

/// How the sender of a request addresses the objects of its bucket. An extension of requests whose answers say where an object is.
#[derive(Clone, Debug)]
pub(crate) struct Addressed {
    place: String,
    by_host: bool,
}

impl Addressed {
    pub(crate) fn of(head: &Parts, domains: &Domains) -> Self {
        Self {
            place: place(head),
            by_host: domains.bucket_of_host(head).is_some(),
        }
    }

    /// Where an object is.
    pub(crate) fn location(&self, bucket: &str, key: &str) -> String {
        let (place, key) = (&self.place, encode_path(key));
        if self.by_host {
            format!("{place}/{key}")
        } else {
            format!("{place}/{bucket}/{key}")
        }
    }
}

fn is_of_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn check(domains: &[&str], host: &str, path: &str) -> String {
        let domains = Domains::new(&domains.iter().map(ToString::to_string).collect::<Vec<_>>());
        let mut head = Request::get(path).header(HOST, host).body(()).unwrap().into_parts().0;
        domains.settle(&mut head);
        head.uri.to_string()
    }

    #[test]
    fn virtual_hosts_become_paths() {
        let domains = ["s3.example.com", "example.com"];
        for (host, path, wanted) in [
            ("photos.s3.example.com", "/a/b?x=1", "/photos/a/b?x=1"),
            ("photos.s3.example.com:9000", "/", "/photos/"),
            ("PHOTOS.S3.Example.COM", "/", "/photos/"),
            // No host is named so.
            ("b/REPORTS.s3.example.com", "/q1.pdf", "/q1.pdf"),
            ("b?acl=.s3.example.com", "/k", "/k"),
            ("b%2Fc.s3.example.com", "/k", "/k"),
            ("my.photos.s3.example.com", "/k", "/my.photos/k"),
            ("photos.example.com", "//k/../x", "/photos//k/../x"),
            ("s3.example.com", "/photos/a", "/photos/a"),
            ("evils3.example.com", "/k", "/evils3/k"),
            ("127.0.0.1:9000", "/photos/a", "/photos/a"),
            ("localhost", "/photos/a", "/photos/a"),
        ] {
            assert_eq!(check(&domains, host, path), wanted, "{host}");
        }
        assert_eq!(check(&["s3.example.com"], "evils3.example.com", "/b/k"), "/b/k");
        assert_eq!(check(&[], "photos.s3.example.com", "/b/k"), "/b/k");
    }
}
