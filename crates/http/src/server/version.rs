//! Requests of HTTP/2 as HTTP/1.1 would have brought them.

use http::header::HOST;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, StatusCode, Uri};

use crate::limits::REQUEST_HEADERS_MAX;

/// Puts the name that was asked for into `Host` and leaves path and query as the target: doors and signatures know a request in
/// that form.
///
/// Source: RFC 9113, 8.3.1: `:authority` is what `Host` is in HTTP/1.1, and a request in which both stand and differ is malformed.
///
/// # Errors
/// The status to answer with, for a request that has two names or no target, or more headers than HTTP/1.1 would be given.
pub(super) fn as_version_1<B>(request: &mut Request<B>) -> Result<(), StatusCode> {
    if request.headers().len() > REQUEST_HEADERS_MAX {
        return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    if request.method() == Method::CONNECT {
        return Err(StatusCode::METHOD_NOT_ALLOWED);
    }
    if let Some(authority) = request.uri().authority() {
        let name = authority.as_str();
        let mut hosts = request.headers().get_all(HOST).iter();
        if name.contains('@') || !hosts.all(|host| host.as_bytes().eq_ignore_ascii_case(name.as_bytes())) {
            return Err(StatusCode::BAD_REQUEST);
        }
        // The client's own letters, which it has signed.
        if !request.headers().contains_key(HOST) {
            let value = HeaderValue::from_str(name).map_err(|_| StatusCode::BAD_REQUEST)?;
            request.headers_mut().insert(HOST, value);
        }
    }
    let target = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
    let target: Uri = target.parse().map_err(|_| StatusCode::BAD_REQUEST)?;
    *request.uri_mut() = target;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_targets_are_as_in_version_1() {
        let get = Method::GET;
        let many = ["h"; 2];
        for (method, uri, hosts, expected) in [
            (&get, "https://h:9000/b/k?x=1", &[][..], Ok(("/b/k?x=1", "h:9000"))),
            (&get, "https://h:9000/b/k?x=1", &["h:9000"], Ok(("/b/k?x=1", "h:9000"))),
            (&get, "https://H:9000/", &["h:9000"], Ok(("/", "h:9000"))),
            (&get, "https://h", &[], Ok(("/", "h"))),
            (&get, "https://h/b", &many, Ok(("/b", "h"))),
            (&Method::OPTIONS, "*", &["h"], Ok(("*", "h"))),
            (&get, "/b", &["h"], Ok(("/b", "h"))),
            (&get, "https://h/b", &["other"], Err(StatusCode::BAD_REQUEST)),
            (&get, "https://h/b", &["h", "other"], Err(StatusCode::BAD_REQUEST)),
            (&get, "https://u:p@h/b", &[], Err(StatusCode::BAD_REQUEST)),
            (&Method::CONNECT, "h:9000", &[], Err(StatusCode::METHOD_NOT_ALLOWED)),
        ] {
            let mut request = Request::builder().method(method).uri(uri);
            for host in hosts {
                request = request.header(HOST, *host);
            }
            let mut request = request.body(()).unwrap();
            let seen = as_version_1(&mut request).map(|()| {
                let host = request.headers()[HOST].to_str().unwrap();
                (request.uri().to_string(), host.to_owned())
            });
            let expected = expected.map(|(target, host): (&str, &str)| (target.to_owned(), host.to_owned()));
            assert_eq!(seen, expected, "{method} {uri} {hosts:?}");
        }
    }

    #[test]
    fn headers_are_counted() {
        let mut request = Request::builder().uri("https://h/");
        for n in 0..=REQUEST_HEADERS_MAX {
            request = request.header(format!("x-{n}"), "y");
        }
        let mut request = request.body(()).unwrap();
        assert_eq!(
            as_version_1(&mut request),
            Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
        );
    }
}
