//! Signatures in the query: for reading, and for a quarter of an hour.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use baleen_http::{Door as _, Request, RequestBody, SignaturePlace, SignatureVersion, Signed};
use baleen_runtime::Clock as _;
use common::{Bench, error_code, form_of};
use http_body_util::BodyExt as _;
use std::time::Duration;

impl Bench {
    /// The error of what root sends by a link, if it is one.
    async fn by_link(&self, service: &'static str, age: Duration, mut request: Request) -> Option<String> {
        let at = self.clock.now();
        self.clock.advance(age);
        let extensions = request.extensions_mut();
        extensions.insert(self.root.clone());
        extensions.insert(Signed {
            service,
            at: Some(at),
            place: SignaturePlace::Query,
            version: SignatureVersion::V4,
        });
        let answer = self.door.serve(request).await.into_body().collect().await.unwrap();
        error_code(std::str::from_utf8(&answer.to_bytes()).unwrap())
    }
}

fn get(target: &str) -> Request {
    http::Request::get(target).body(RequestBody::empty()).unwrap()
}

#[tokio::test]
async fn links_are_for_reading_and_not_for_long() {
    let bench = Bench::new().await;
    let minutes = Duration::from_mins;
    let who = "/?Action=GetCallerIdentity&Version=2011-06-15";
    let list = "/?Action=ListUsers&Version=2010-05-08";
    let rules = "/api/whitelist/RSWhitelistListRules?root=baleen";
    let make = "/?Action=CreateUser&Version=2010-05-08&UserName=bob@example.com";
    let key = "/?Action=CreateAccessKey&Version=2010-05-08";
    let form = "Action=CreateUser&Version=2010-05-08&UserName=bob@example.com";
    let rule = "/api/whitelist/RSWhitelistAddRule";
    let (denied, expired) = (Some("AccessDenied"), Some("RequestExpired"));
    for (service, age, request, expected) in [
        ("sts", minutes(0), get(who), None),
        ("sts", minutes(15), get(who), None),
        ("sts", minutes(16), get(who), expired),
        ("iam", minutes(15), get(list), None),
        ("iam", minutes(60), get(list), expired),
        ("iam", minutes(0), get(rules), None),
        ("iam", minutes(16), get(rules), expired),
        ("iam", minutes(0), form_of(make, String::new()), denied),
        ("iam", minutes(0), form_of("/", form.to_owned()), denied),
        ("iam", minutes(0), form_of(key, String::new()), denied),
        (
            "iam",
            minutes(0),
            http::Request::put(rule)
                .body(common::body(r#"{"root":"baleen","subNet":"10.0.0.0/8"}"#))
                .unwrap(),
            denied,
        ),
    ] {
        let target = request.uri().clone();
        let found = bench.by_link(service, age, request).await;
        assert_eq!(found.as_deref(), expected, "{target} after {age:?}");
    }
}
