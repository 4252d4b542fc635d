//! Which of the doors on one listener a request is for.
//!
//! The choice is made from the head alone, before anything is believed, so it decides nothing: the door that was chosen
//! refuses what was signed for another service.

use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::request::Parts as Head;

use crate::Door;
use crate::edge::Seat;

/// The domain below which doors are host names, and buckets too.
#[derive(Debug, Clone, Default)]
pub struct DoorNames {
    /// Buckets are below it.
    domain: String,
    /// Doors are below it: the domain without S3's own label, which may be given or not.
    base: String,
}

impl DoorNames {
    /// The names below a domain: `sts.example.com`, `iam.example.com` and `s3.example.com` for `example.com` as well as for
    /// `s3.example.com`. Without a domain no host name says anything.
    #[must_use]
    pub fn below(domain: Option<&str>) -> Self {
        let domain = domain.unwrap_or_default().trim().trim_matches('.').to_ascii_lowercase();
        let base = domain.strip_prefix("s3.").unwrap_or(&domain).to_owned();
        Self { domain, base }
    }

    /// The domains below which a bucket may be a host name: what was given, and S3's own host name below it.
    #[must_use]
    pub fn of_buckets(&self) -> Vec<String> {
        match (self.domain.as_str(), self.base.as_str()) {
            ("", _) => Vec::new(),
            (domain, base) if domain == base => vec![domain.to_owned(), format!("s3.{base}")],
            (domain, _) => vec![domain.to_owned()],
        }
    }
}

/// What stands before `domain` in a `Host` header, if it is a name below it.
fn labels<'h>(host: &'h str, domain: &str) -> Option<&'h str> {
    if domain.is_empty() {
        return None;
    }
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    let (labels, tail) = name.split_at_checked(name.len().checked_sub(domain.len())?)?;
    if tail.eq_ignore_ascii_case(domain) {
        labels.strip_suffix('.')
    } else {
        None
    }
}

/// Chooses among doors; the last one takes what no other is meant by.
///
/// 1. The host name, when it is that of a door.
/// 2. The service in the credential scope of a signature, in header or query.
/// 3. What a door claims: for requests without a signature, or with one that names no service of ours. A host name below
///    the domain that is no door's is a bucket's, and what is asked of a bucket is S3's.
pub(crate) fn choose<'s>(others: &'s [Seat], last: &'s Seat, names: &DoorNames, head: &Head) -> &'s Seat {
    let find = |is_meant: &dyn Fn(&dyn Door) -> bool| {
        let mut all = others.iter().chain([last]);
        all.find(|seat| is_meant(&*seat.door))
    };
    let host = head.headers.get(HOST).and_then(|host| host.to_str().ok());
    if let Some(label) = host.and_then(|host| labels(host, &names.base))
        && let Some(named) = find(&|door| door.hosts().iter().any(|own| own.eq_ignore_ascii_case(label)))
    {
        return named;
    }
    if let Some(service) = signed_service(head)
        && let Some(serving) = find(&|door| door.scheme().services().contains(&service))
    {
        return serving;
    }
    if host.is_some_and(|host| labels(host, &names.domain).is_some()) {
        return last;
    }
    others.iter().find(|seat| seat.door.claims(head)).unwrap_or(last)
}

/// The service in the credential scope: `…Credential=id/day/region/service/aws4_request`. Read loosely: what is wrong with
/// a signature is said by the door that its parts point to.
fn signed_service(head: &Head) -> Option<&str> {
    let in_header = head.headers.get(AUTHORIZATION).and_then(|value| {
        let value = value.to_str().ok()?;
        // Where nearly all have it, it need not be searched for.
        let rest = match value.strip_prefix("AWS4-HMAC-SHA256 Credential=") {
            Some(rest) => rest,
            None => value.split_once("Credential=")?.1,
        };
        // By bytes, which is most of what there is to do for a request.
        let credential = rest.as_bytes().split(|byte| matches!(byte, b',' | b' ')).next()?;
        let service = credential.split(|byte| *byte == b'/').nth(3)?;
        std::str::from_utf8(service).ok()
    });
    in_header.or_else(|| {
        let credential = parameter(head.uri.query()?, "X-Amz-Credential")?;
        // Slashes are mostly escaped there, and a service has no character that would be.
        let escaped = |slash| credential.split(slash).nth(3);
        credential
            .split('/')
            .nth(3)
            .or_else(|| escaped("%2F"))
            .or_else(|| escaped("%2f"))
    })
}

/// Whether a request is a call of AWS's query protocol: a form sent to `/`, or an `Action` in the query of `/`.
#[must_use]
pub fn is_query_protocol(head: &Head) -> bool {
    if head.uri.path() != "/" {
        return false;
    }
    let is_form = head.headers.get(CONTENT_TYPE).is_some_and(|value| {
        let essence = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
        essence
            .trim_ascii()
            .eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
    });
    let has_action = head
        .uri
        .query()
        .is_some_and(|query| parameter(query, "Action").is_some());
    has_action || (is_form && head.method == http::Method::POST)
}

/// The first value of a query parameter, still encoded.
fn parameter<'q>(query: &'q str, wanted: &str) -> Option<&'q str> {
    query.split('&').find_map(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        (name == wanted).then_some(value)
    })
}

#[cfg(test)]
mod tests;
