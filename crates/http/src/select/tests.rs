//! Which door a request goes to, as a table.

use std::sync::Arc;

use async_trait::async_trait;
use baleen_types::RequestId;
use http::HeaderMap;

use super::*;
use crate::{Refusal, Request, Response, Scheme};

struct Named(&'static str);

#[async_trait]
impl Door for Named {
    fn name(&self) -> &'static str {
        self.0
    }

    fn scheme(&self) -> Scheme {
        match self.0 {
            "identity" => Scheme::SigV4Whole {
                services: &["sts", "iam"],
            },
            _ => Scheme::SigV4 {
                services: &["s3"],
                version_2: true,
            },
        }
    }

    fn hosts(&self) -> &'static [&'static str] {
        match self.0 {
            "identity" => &["sts", "iam"],
            _ => &["s3"],
        }
    }

    fn claims(&self, head: &Head) -> bool {
        is_query_protocol(head) || head.uri.path().starts_with("/saml/")
    }

    fn sees_through(&self) -> bool {
        false
    }

    async fn serve(&self, _request: Request) -> Response {
        Response::default()
    }

    fn refuse(&self, _refusal: &Refusal, _head: &Head) -> Response {
        Response::default()
    }

    fn stamp(&self, _id: RequestId, _headers: &mut HeaderMap) {}
}

const FORM: &str = "content-type: application/x-www-form-urlencoded";

fn chosen(domain: &str, line: &str, headers: &[&str]) -> &'static str {
    let (method, target) = line.split_once(' ').unwrap();
    let mut request = http::Request::builder().method(method).uri(target);
    for header in headers {
        let (name, value) = header.split_once(": ").unwrap();
        request = request.header(name, value);
    }
    let head = request.body(()).unwrap().into_parts().0;
    let others = [Seat::new(Arc::new(Named("identity")))];
    let last = Seat::new(Arc::new(Named("s3")));
    let names = DoorNames::below(Some(domain));
    choose(&others, &last, &names, &head).door.name()
}

fn signed(service: &str) -> String {
    format!(
        "authorization: AWS4-HMAC-SHA256 Credential=AKIA/20260102/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
    )
}

#[test]
fn a_host_name_says_it_first() {
    for (domain, host, wanted) in [
        ("example.com", "sts.example.com", "identity"),
        ("example.com", "IAM.Example.com:9000", "identity"),
        ("example.com", "iam.example.com.", "identity"),
        ("example.com", "s3.example.com", "s3"),
        ("s3.example.com", "sts.example.com", "identity"),
        ("s3.example.com", "s3.example.com", "s3"),
    ] {
        let host = format!("host: {host}");
        for line in ["GET /", "POST /", "GET /saml/x", "PUT /b/k"] {
            for service in ["s3", "iam", "sts", "ec2"] {
                assert_eq!(
                    chosen(domain, line, &[&host, &signed(service)]),
                    wanted,
                    "{host} {line} {service}"
                );
            }
            assert_eq!(chosen(domain, line, &[&host, FORM]), wanted, "{host} {line}");
        }
    }
}

#[test]
fn then_the_service_of_the_signature() {
    let link = |service: &str, slash: &str| {
        let scope = ["AKIA", "20260102", "r", service, "aws4_request"].join(slash);
        format!("GET /saml/x?X-Amz-Credential={scope}&X-Amz-Signature=0")
    };
    for host in [
        "host: 127.0.0.1:9000",
        "host: baleen",
        "host: bucket.example.com",
        "x: no host",
    ] {
        for (service, wanted) in [("s3", "s3"), ("iam", "identity"), ("sts", "identity")] {
            for line in ["GET /", "PUT /b/k", "POST /", "GET /saml/x"] {
                assert_eq!(
                    chosen("example.com", line, &[host, &signed(service)]),
                    wanted,
                    "{host} {line}"
                );
                assert_eq!(chosen("example.com", line, &[host, FORM, &signed(service)]), wanted);
            }
            for slash in ["/", "%2F", "%2f"] {
                assert_eq!(
                    chosen("example.com", &link(service, slash), &[host]),
                    wanted,
                    "{host} {slash}"
                );
            }
        }
    }
}

#[test]
fn then_what_a_door_claims() {
    let here = "host: 127.0.0.1:9000";
    for (line, headers, wanted) in [
        ("POST /", &[here, FORM][..], "identity"),
        (
            "POST /",
            &[here, "content-type: Application/X-WWW-Form-Urlencoded; charset=utf-8"],
            "identity",
        ),
        ("POST /?Action=RSLogin", &[here], "identity"),
        ("GET /?Version=1&Action=ListUsers", &[here], "identity"),
        ("GET /saml/x/login", &[here], "identity"),
        ("GET /", &[here], "s3"),
        ("POST /", &[here], "s3"),
        ("POST /", &[here, "content-type: multipart/form-data; boundary=x"], "s3"),
        (
            "POST /",
            &[here, "content-type: application/x-www-form-urlencodedx"],
            "s3",
        ),
        ("PUT /", &[here, FORM], "s3"),
        ("POST /bucket", &[here, FORM], "s3"),
        ("GET /bucket?Action=x", &[here], "s3"),
        ("GET /?action=x", &[here], "s3"),
        ("GET /samlx/k", &[here], "s3"),
        // A key may look like anything, once the host names the bucket.
        ("GET /saml/x", &["host: photos.example.com"], "s3"),
        ("POST /", &["host: photos.example.com", FORM], "s3"),
        ("GET /saml/x", &["host: example.com"], "identity"),
        ("GET /saml/x", &["host: evilexample.com"], "identity"),
        // What cannot be read as a signature of ours is refused by whom it would be for without.
        ("POST /", &[here, FORM, "authorization: AWS AKIA:c2ln"], "identity"),
        ("GET /b/k", &[here, "authorization: AWS AKIA:c2ln"], "s3"),
        (
            "POST /",
            &[here, FORM, "authorization: AWS4-HMAC-SHA256 Credential=AKIA/1"],
            "identity",
        ),
    ] {
        assert_eq!(chosen("example.com", line, headers), wanted, "{line} {headers:?}");
    }
    // A request for a service that nobody here serves.
    assert_eq!(
        chosen("example.com", "POST /", &[here, FORM, &signed("ec2")]),
        "identity"
    );
    assert_eq!(chosen("example.com", "GET /", &[here, &signed("ec2")]), "s3");
    assert_eq!(chosen("", "GET /", &["host: sts."]), "s3");
}

#[test]
fn buckets_keep_the_domain_that_was_given() {
    let of = |domain| DoorNames::below(domain).of_buckets();
    assert_eq!(of(None), [""; 0]);
    assert_eq!(of(Some("Example.com.")), ["example.com", "s3.example.com"]);
    assert_eq!(of(Some("s3.example.com")), ["s3.example.com"]);
}
