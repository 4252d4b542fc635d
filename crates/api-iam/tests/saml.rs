//! What browsers bring to `/saml/`, which nobody signs: refused, whatever it is, unless the identity provider proves it.

#![allow(
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test may panic; its modules are its own"
)]

mod common;
#[path = "../../iam/tests/federation/idp.rs"]
mod idp;

use baleen_http::{Deed, Verdict, Weight};
use baleen_policy::Principal;
use baleen_runtime::Clock as _;
use common::{Bench, Told, body, encode};
use http::Method;
use idp::TestIdp;
use serde_json::Value;
use std::time::Duration;

const ANA: &str = "ana@example.com";
const FORM: &str = "application/x-www-form-urlencoded";
const BODY_BYTES_MAX: usize = 3 * baleen_iam::SAML_ANSWER_BYTES_MAX + 4096;

/// A door with a connection, and a user who logs in through it.
struct Site {
    bench: Bench,
    idp: TestIdp,
    provider: String,
}

/// What a browser brings back from the identity provider.
struct Brought {
    cookie: String,
    response: String,
    relay_state: String,
}

impl Brought {
    fn form(&self) -> String {
        format!(
            "SAMLResponse={}&RelayState={}",
            encode(&self.response),
            encode(&self.relay_state)
        )
    }
}

impl Site {
    async fn new() -> Self {
        let bench = Bench::new().await;
        let idp = TestIdp::new("https://idp.example/metadata", bench.clock.now());
        let metadata = idp.metadata();
        let ask = [("MetadataXML", metadata.as_str())];
        let told = bench.ask(&bench.root, "RSCreateSAMLConnection", &ask).await.good();
        let told: Value = serde_json::from_str(&told.body).unwrap();
        bench.user(ANA).await;
        let ask = [("Name", ANA), ("AuthMethod", "federated")];
        bench.ask(&bench.root, "RSSetUserAuthMethod", &ask).await.good();
        Self {
            provider: told["Provider"].as_str().unwrap().to_owned(),
            bench,
            idp,
        }
    }

    async fn send(&self, method: Method, target: &str, headers: &[(&str, &str)], text: String) -> Told {
        let mut request = http::Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body(text)).unwrap();
        self.bench.send(&Principal::Nobody, "iam", request).await
    }

    fn address(&self, step: &str) -> String {
        format!("/saml/{}/{step}", self.provider)
    }

    /// Begins a login and has the identity provider answer it.
    async fn answered(&self) -> Brought {
        let told = self.send(Method::GET, &self.address("login"), &[], String::new()).await;
        assert_eq!(told.status.as_u16(), 303, "{}", told.body);
        let header = |name: &str| told.headers[name].to_str().unwrap();
        let (response, relay_state) = self.idp.answer(header("location"), ANA, self.bench.clock.now());
        let cookie = header("set-cookie").split(';').next().unwrap().to_owned();
        Brought {
            cookie,
            response,
            relay_state,
        }
    }

    async fn consume(&self, cookie: &str, form: String) -> Told {
        let headers = [("content-type", FORM), ("cookie", cookie)];
        self.send(Method::POST, &self.address("acs"), &headers, form).await
    }

    /// What the audit log has to be told of an answer.
    fn deed(&self, verdict: Verdict, resource: &str) -> Deed {
        Deed {
            verdict,
            account: Some(self.bench.root.user().unwrap().account),
            ..Deed::allowed(
                Weight::Change,
                "sts:RSFederatedLogin",
                format!("Connection={}{resource}", self.provider),
            )
        }
    }
}

#[tokio::test]
async fn an_answer_serves_once() {
    let site = Site::new().await;
    let brought = site.answered().await;
    let told = site.consume(&brought.cookie, brought.form()).await.good();
    assert_eq!(told.operation, Some("SAMLConsume"));
    assert_eq!(
        told.deed,
        Some(site.deed(Verdict::Allowed, " UserName=ana@example.com"))
    );
    assert_eq!(told.headers["cache-control"], "no-store");
    let told: Value = serde_json::from_str(&told.body).unwrap();
    let code = [("Code", told["Code"].as_str().unwrap())];

    let replayed = site.consume(&brought.cookie, brought.form()).await;
    replayed.refused(403, "AccessDenied");
    assert_eq!(replayed.operation, Some("SAMLConsume"));
    assert_eq!(replayed.deed, Some(site.deed(Verdict::Denied, "")));

    let nobody = Principal::Nobody;
    site.bench.ask(&nobody, "RSFederatedLogin", &code).await.good();
    let again = site.bench.ask(&nobody, "RSFederatedLogin", &code).await;
    again.refused(403, "AccessDenied");
}

/// Of what the identity provider did not say to this browser: one text, and none of it repeated.
#[tokio::test]
async fn forged_answers() {
    let site = Site::new().await;
    let (brought, other) = (site.answered().await, site.answered().await);
    let markup = "<script>alert(1)</script>";
    let form = |response: &str| format!("SAMLResponse={}&RelayState={}", encode(response), brought.relay_state);
    let cut = &brought.response[..brought.response.len() / 2 / 4 * 4];
    let known = Some(site.deed(Verdict::Denied, ""));
    let mut texts = Vec::new();
    for (cookie, form, deed) in [
        (brought.cookie.as_str(), form("!!!!"), &known),
        (&brought.cookie, form(cut), &known),
        (&brought.cookie, form(""), &known),
        (&brought.cookie, form(markup), &known),
        (&brought.cookie, form("PGEvPg=="), &known),
        (&brought.cookie, form(&other.response), &known),
        (&brought.cookie, format!("RelayState={}", brought.relay_state), &known),
        // Before a browser has brought what it was given, the connection in the path may be invented.
        (&brought.cookie, form("").replace("RelayState=", "RelayState=x"), &None),
        (&brought.cookie, String::new(), &None),
        (&other.cookie, brought.form(), &None),
        ("", brought.form(), &None),
        ("a=b", brought.form(), &None),
        (&format!("{0}; {0}", brought.cookie), brought.form(), &None),
    ] {
        // Slower than the brake on guessing brakes.
        site.bench.clock.advance(Duration::from_secs(31));
        for accept in ["application/json", "text/html"] {
            let headers = [("content-type", FORM), ("cookie", cookie), ("accept", accept)];
            let told = site
                .send(Method::POST, &site.address("acs"), &headers, form.clone())
                .await;
            told.refused(403, "AccessDenied");
            assert_eq!(&told.deed, deed, "{cookie} {form}");
            assert!(!told.headers.contains_key("set-cookie"));
            texts.push(told.body);
        }
    }
    assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
    // None of that has used it up.
    site.consume(&brought.cookie, brought.form()).await.good();
}

#[tokio::test]
async fn requests_of_another_form() {
    let site = Site::new().await;
    let brought = site.answered().await;
    let acs = site.address("acs");
    let cookie = ("cookie", brought.cookie.as_str());
    for media_type in [
        None,
        Some(""),
        Some("text/plain"),
        Some("multipart/form-data; boundary=x"),
        Some("application/json"),
        Some("application/x-www-form-urlencoded2"),
        Some("text/plain; application/x-www-form-urlencoded"),
    ] {
        let headers: Vec<_> = media_type
            .map(|media_type| ("content-type", media_type))
            .into_iter()
            .chain([cookie])
            .collect();
        let told = site.send(Method::POST, &acs, &headers, brought.form()).await;
        told.refused(400, "InvalidInput");
        assert_eq!(
            (told.operation, told.deed),
            (Some("SAMLConsume"), None),
            "{media_type:?}"
        );
    }
    for (form, status, code) in [
        (format!("{}&SAMLResponse=x", brought.form()), 400, "ValidationError"),
        (format!("{}&RelayState=x", brought.form()), 400, "ValidationError"),
        (format!("{}&%53AMLResponse=x", brought.form()), 400, "ValidationError"),
        ("SAMLResponse=%zz".to_owned(), 400, "ValidationError"),
        ("SAMLResponse=%ff".to_owned(), 400, "ValidationError"),
        ("SAMLResponse=%00".to_owned(), 400, "ValidationError"),
        (padded(BODY_BYTES_MAX), 403, "AccessDenied"),
        (padded(BODY_BYTES_MAX + 1), 413, "RequestEntityTooLarge"),
    ] {
        let told = site.consume(&brought.cookie, form).await;
        told.refused(status, code);
        assert_eq!(told.deed, None);
    }
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE] {
        let told = site.send(method.clone(), &acs, &[cookie], String::new()).await;
        assert_eq!(told.status.as_u16(), 405, "{method}");
    }
    let in_address = format!("{acs}?{}", brought.form());
    let headers = [("content-type", FORM), cookie];
    let told = site.send(Method::POST, &in_address, &headers, String::new()).await;
    told.refused(403, "AccessDenied");
    for step in ["metadata", "login"] {
        let told = site
            .send(Method::POST, &site.address(step), &headers, String::new())
            .await;
        told.refused(405, "MethodNotAllowed");
    }
    // None of that has used it up.
    site.consume(&brought.cookie, brought.form()).await.good();
}

fn padded(bytes: usize) -> String {
    format!("SAMLResponse={}", "A".repeat(bytes - "SAMLResponse=".len()))
}

#[tokio::test]
async fn connections_that_are_none() {
    let site = Site::new().await;
    let brought = site.answered().await;
    let account = site.bench.root.user().unwrap().account;
    let headers = [("content-type", FORM), ("cookie", brought.cookie.as_str())];
    for provider in ["baleen-999999999999-saml", &format!("other-{account}-saml")] {
        for step in ["metadata", "login"] {
            let told = site
                .send(Method::GET, &format!("/saml/{provider}/{step}"), &[], String::new())
                .await;
            told.refused(404, "NoSuchEntity");
            assert!(!told.headers.contains_key("set-cookie"));
        }
        let target = format!("/saml/{provider}/acs");
        let told = site.send(Method::POST, &target, &headers, brought.form()).await;
        told.refused(403, "AccessDenied");
        assert_eq!(told.deed, None, "{provider}");
    }
}

/// From outside there is no connection, and a code that was proven inside is none; neither is used up.
#[tokio::test]
async fn below_a_whitelist() {
    let site = Site::new().await;
    let nobody = Principal::Nobody;
    let (first, second) = (site.answered().await, site.answered().await);
    let told = site.consume(&first.cookie, first.form()).await.good();
    let told: Value = serde_json::from_str(&told.body).unwrap();
    let code = told["Code"].as_str().unwrap();
    let exchange = async |code: &str| site.bench.ask(&nobody, "RSFederatedLogin", &[("Code", code)]).await;
    site.bench.list_network("192.0.2.0/24").await;
    for step in ["metadata", "login"] {
        let barred = site.send(Method::GET, &site.address(step), &[], String::new()).await;
        let name = "other-100000000288-saml";
        let unknown = site
            .send(Method::GET, &format!("/saml/{name}/{step}"), &[], String::new())
            .await;
        barred.refused(404, "NoSuchEntity");
        assert_eq!(barred.body, unknown.body.replace(name, &site.provider), "{step}");
        assert_eq!((barred.deed, unknown.deed), (None, None));
    }
    let (barred, forged) = (
        site.consume(&second.cookie, second.form()).await,
        site.consume(&first.cookie, "SAMLResponse=AAAA".to_owned()).await,
    );
    barred.refused(403, "AccessDenied");
    assert_eq!(barred.body, forged.body);
    // The cookie proves that the account is there, so that its log has the try.
    assert_eq!(barred.deed, Some(site.deed(Verdict::Denied, "")));
    let (barred, unknown) = (exchange(code).await, exchange("00").await);
    barred.refused(403, "AccessDenied");
    assert_eq!((barred.body, barred.deed), (unknown.body, unknown.deed));

    site.bench.list_network("127.0.0.0/8").await;
    site.consume(&second.cookie, second.form()).await.good();
    exchange(code).await.good();
}
