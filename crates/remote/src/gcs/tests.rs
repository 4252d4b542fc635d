//! Tokens, against a server of them and a store.

use super::{ServiceAccount, Tokens};
use crate::tests::fixture::{Act, Store, answer, at, client_by, error, parts, patient};
use crate::{Auth, Error, Operation};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

/// Making one takes a while.
static KEY: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::generate(KeySize::Rsa2048).unwrap());

fn file(change: &Value) -> String {
    let der = KEY.as_der().unwrap();
    let digits = STANDARD.encode(der.as_ref());
    let lines: Vec<&str> = digits
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    let mut file = json!({
        "type": "service_account",
        "client_email": "captures@lab.iam.gserviceaccount.com",
        "private_key": format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n")),
        "private_key_id": "k7",
        "token_uri": "https://oauth2.googleapis.com/token",
        "project_id": "lab",
    });
    for (name, value) in change.as_object().unwrap() {
        file[name] = value.clone();
    }
    file.to_string()
}

#[test]
fn key_files() {
    let account = ServiceAccount::parse(&file(&json!({})), None).unwrap();
    assert_eq!(account.token_uri(), "https://oauth2.googleapis.com/token");
    assert!(!format!("{account:?}").contains("key"), "{account:?}");
    for (change, word) in [
        (json!({ "type": "authorized_user" }), "type"),
        (json!({ "client_email": "" }), "client_email"),
        (json!({ "client_email": "a\nb" }), "client_email"),
        (json!({ "client_email": 7 }), "JSON"),
        (json!({ "private_key": "canary" }), "private_key"),
        (
            json!({ "private_key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----" }),
            "private_key",
        ),
        // Whom this server talks to is not for a file to say.
        (json!({ "token_uri": "http://169.254.169.254/token" }), "token_uri"),
        (
            json!({ "token_uri": "http://oauth2.googleapis.com/token" }),
            "token_uri",
        ),
        (
            json!({ "token_uri": "https://oauth2.googleapis.com.evil.example/token" }),
            "token_uri",
        ),
        (
            json!({ "token_uri": "https://oauth2.googleapis.com@evil.example/token" }),
            "token_uri",
        ),
        (
            json!({ "token_uri": "https://oauth2.googleapis.com:8443/token" }),
            "token_uri",
        ),
        (json!({ "token_uri": "" }), "token_uri"),
    ] {
        let invalid = ServiceAccount::parse(&file(&change), None).unwrap_err();
        assert!(
            invalid.why.contains(word) && !invalid.why.contains("canary"),
            "{change}: {}",
            invalid.why
        );
    }
    let own = ServiceAccount::parse(&file(&json!({})), Some("http://127.0.0.1:1/token")).unwrap();
    assert_eq!(own.token_uri(), "http://127.0.0.1:1/token");
    for wrong in [
        "ftp://127.0.0.1/",
        "http://issuer.example/token",
        "http://10.0.0.1/token",
    ] {
        assert!(
            ServiceAccount::parse(&file(&json!({})), Some(wrong)).is_err(),
            "{wrong}"
        );
    }
    assert!(ServiceAccount::parse("{", None).is_err());
}

#[test]
fn a_token_goes_over_tls_or_nowhere() {
    for (url, is_taken) in [
        ("https://store.example", true),
        ("http://127.0.0.1:9000", true),
        ("http://store.example", false),
        ("http://10.0.0.1:9000", false),
    ] {
        let account = ServiceAccount::parse(&file(&json!({})), None).unwrap();
        let endpoint = crate::Endpoint {
            url: url.to_owned(),
            region: baleen_types::RegionName::parse("auto").unwrap(),
            addressing: crate::Addressing::Path,
            auth: Auth::Bearer(Tokens::new(account)),
        };
        let made = crate::S3::new(endpoint, crate::Settings::default(), parts());
        assert_eq!(made.is_ok(), is_taken, "{url}");
    }
}

fn given(token: &str, seconds: u64) -> Act {
    answer(
        "200 OK",
        "",
        &json!({ "access_token": token, "expires_in": seconds, "token_type": "Bearer" }).to_string(),
    )
}

async fn world(tokens: Vec<Act>, store: Vec<Act>) -> (Store, Store, crate::S3) {
    let (issuer, store) = (Store::start(tokens).await, Store::start(store).await);
    let account = ServiceAccount::parse(&file(&json!({})), Some(&format!("{}/token", issuer.url))).unwrap();
    let client = client_by(&store.url, Auth::Bearer(Tokens::new(account)));
    (issuer, store, client)
}

async fn put(client: &crate::S3) -> Result<(), Error> {
    let body = Bytes::from_static(b"packets");
    client
        .put(&at("key"), &crate::ObjectHeaders::default(), body)
        .await
        .map(drop)
}

#[tokio::test]
async fn one_token_is_used_for_all() {
    let (issuer, store, client) = world(vec![given("T1", 3600)], vec![answer("200 OK", "", "")]).await;
    for _ in 0..3 {
        put(&client).await.unwrap();
    }
    assert_eq!(issuer.received().len(), 1);
    for request in store.received() {
        assert_eq!(request.header("authorization"), Some("Bearer T1"));
        assert!(
            request.headers.iter().all(|(name, _)| !name.starts_with("x-amz-")),
            "{request:?}"
        );
    }
    let asked = &issuer.received()[0];
    let body = String::from_utf8(asked.body.clone()).unwrap();
    let assertion = body.split_once("&assertion=").unwrap().1;
    let (signed, signature) = assertion.rsplit_once('.').unwrap();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, KEY.public_key().as_ref());
    public
        .verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap())
        .unwrap();
    let claims = URL_SAFE_NO_PAD.decode(signed.split_once('.').unwrap().1).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["iss"], "captures@lab.iam.gserviceaccount.com");
    assert_eq!(claims["aud"], format!("{}/token", issuer.url));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3600);
}

#[tokio::test]
async fn a_token_that_is_not_taken_is_replaced_once() {
    let refused = || error("401 Unauthorized", "AuthenticationRequired");
    let (issuer, store, client) = world(
        vec![given("T1", 3600), given("T2", 3600)],
        vec![refused(), answer("200 OK", "", "")],
    )
    .await;
    put(&client).await.unwrap();
    let used: Vec<_> = store
        .received()
        .iter()
        .map(|r| r.header("authorization").unwrap().to_owned())
        .collect();
    assert_eq!(
        (used, issuer.received().len()),
        (vec!["Bearer T1".to_owned(), "Bearer T2".to_owned()], 2)
    );
    // Refused again: that is the answer.
    let (issuer, store, client) = world(vec![given("T1", 3600), given("T2", 3600)], vec![refused()]).await;
    assert!(matches!(
        put(&client).await,
        Err(Error::Denied(Operation::PutObject, _))
    ));
    assert_eq!((store.received().len(), issuer.received().len()), (2, 2));
}

#[tokio::test]
async fn one_that_ends_soon_is_not_kept() {
    let (issuer, _store, client) = world(vec![given("T1", 299)], vec![answer("200 OK", "", "")]).await;
    put(&client).await.unwrap();
    put(&client).await.unwrap();
    assert_eq!(issuer.received().len(), 2);
}

#[tokio::test]
async fn issuers_that_do_not_give_any() {
    let long = "x".repeat(20_000);
    for (act, is_denied) in [
        (
            answer(
                "400 Bad Request",
                "",
                r#"{"error":"invalid_grant","error_description":"Invalid JWT"}"#,
            ),
            true,
        ),
        (answer("200 OK", "", "<html>"), false),
        (answer("200 OK", "", r#"{"access_token":"","expires_in":3600}"#), false),
        (
            answer("200 OK", "", r#"{"access_token":"a\nb","expires_in":3600}"#),
            false,
        ),
        (given(&long, 3600), false),
    ] {
        let (issuer, store, client) = world(vec![act], vec![answer("200 OK", "", "")]).await;
        let error = put(&client).await.unwrap_err();
        assert_eq!(
            matches!(error, Error::Denied(Operation::GetToken, _)),
            is_denied,
            "{error}"
        );
        assert!(is_denied || matches!(error, Error::Garbled { .. }), "{error}");
        assert_eq!((store.received().len(), issuer.received().len()), (0, 1), "{error}");
    }
    // One that cannot just now is asked again.
    let busy = answer("503 Service Unavailable", "", "");
    let (issuer, _store, client) = world(vec![busy, given("T1", 3600)], vec![answer("200 OK", "", "")]).await;
    put(&client).await.unwrap();
    assert_eq!(issuer.received().len(), 2);
}

/// An issuer that takes requests and never answers: the first one's end is that of all who waited behind it.
#[tokio::test]
async fn a_failure_is_for_all_who_wait() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}/token", listener.local_addr().unwrap());
    let account = ServiceAccount::parse(&file(&json!({})), Some(&issuer)).unwrap();
    let (tokens, parts, asked) = (Tokens::new(account), parts(), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let _ = socket.read(&mut [0; 64]).await;
            // Here is the end of a request that nobody answers.
            drop(socket);
        }
    });
    let settings = patient();
    let get = || tokens.get(&parts, &settings, None);
    let (first, second, third) = tokio::join!(get(), get(), get());
    for failed in [first, second, third] {
        let error = failed.map(drop).map_err(|failed| failed.error).unwrap_err();
        assert!(error.is_transient(), "{error}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    // Who comes later asks again.
    assert!(get().await.is_err());
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}
