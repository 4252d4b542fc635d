//! Captures into Google Cloud Storage and Cloudflare R2: stores that speak S3 each in its own way.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use baleen_capture::{
    CaptureError, CreateSchedule, DestinationSettings, EndpointRule, EndpointRules, GsDestination, GsOwn, R2Endpoint,
    Status,
};
use baleen_remote::{ServiceAccount, Tokens};
use base64::Engine as _;
use bytes::Bytes;
use common::s3::{Act, Call, FakeS3};
use common::schedules::wanted;
use common::{Disk, World, account, big_part, request, to};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

const ACCOUNT: &str = "account-id=0123456789abcdef0123456789abcdef";

async fn world(settings: impl FnOnce(&FakeS3) -> DestinationSettings) -> (World, Arc<FakeS3>) {
    let store = FakeS3::start().await;
    let settings = settings(&store);
    (World::on(Disk::new(), 2, settings), store)
}

fn with_r2(store: &FakeS3) -> DestinationSettings {
    DestinationSettings {
        r2: Some(R2Endpoint::parse(store.configured().endpoint.as_str()).unwrap()),
        ..DestinationSettings::default()
    }
}

fn with_gs(store: &FakeS3) -> DestinationSettings {
    let configured = store.configured();
    DestinationSettings {
        gs: Some(GsDestination {
            endpoint: configured.endpoint,
            own: configured.credentials.map(GsOwn::Keys),
        }),
        ..DestinationSettings::default()
    }
}

/// Proves a bucket by the first URI, then captures three parts of 5 MiB by the second; answers with the path of the file.
async fn capture(world: &World, store: &FakeS3, uri: &str, later: &str) -> String {
    let me = account(1);
    let ownership = world.captures.create_ownership(me, &to(uri)).await.unwrap();
    assert_eq!(ownership.destination, later);
    let challenge = format!("/bucket/dir/{}", ownership.file_name);
    let text = String::from_utf8(store.object(&challenge).unwrap().to_vec()).unwrap();
    world.captures.validate_ownership(me, &to(later), &text).await.unwrap();

    let created = world.create(me, later).await.unwrap();
    let catch = world.caught().await;
    for (part, packets) in [(1, 10), (2, 20), (3, 30)] {
        catch.counts(packets, packets * 100);
        assert!(catch.part(big_part(part)).await);
    }
    catch.end(None);
    drop(catch);
    let done = world
        .until_that(me, created.id, |capture| capture.status.is_terminal())
        .await;
    assert_eq!(
        (done.status, done.counts.packets, &done.message),
        (Status::Success, 30, &None)
    );
    let path = format!("/bucket/dir/pcap_{}.pcap", done.id);
    let object = store.object(&path).unwrap();
    let bytes: Vec<u8> = [1, 2, 3].iter().flat_map(|part| vec![*part; 5 << 20]).collect();
    assert!(object == bytes, "the file is what was caught");
    for path in [&path, &challenge] {
        assert_eq!(store.header(path, "x-amz-acl"), None, "it has no access control lists");
    }
    path
}

fn parts(store: &FakeS3) -> Vec<Call> {
    let is_part = |call: &Call| matches!(call, Call::Part(_));
    store.calls().into_iter().filter(is_part).collect()
}

#[tokio::test]
async fn r2_gets_parts_of_one_size() {
    let (world, store) = world(with_r2).await;
    let later = format!("r2://bucket/dir?{ACCOUNT}");
    let uri = format!("{later}&access-key-id=AKIDR2&secret-access-key=secret");
    capture(&world, &store, &uri, &later).await;
    // 15 MiB in parts of 8 MiB, whatever the engine made of them.
    assert_eq!(parts(&store), [Call::Part(1), Call::Part(2)]);
}

#[tokio::test]
async fn google_cloud_storage_gets_parts_as_they_come() {
    let (world, store) = world(with_gs).await;
    let path = capture(&world, &store, "gs://bucket/dir", "gs://bucket/dir").await;
    assert_eq!(parts(&store), [Call::Part(1), Call::Part(2), Call::Part(3)]);
    let signature = store.header(&path, "authorization").unwrap();
    assert!(
        signature.contains("Credential=AKIDCONFIGURED/") && signature.contains("/auto/s3/"),
        "{signature}"
    );
}

#[tokio::test]
async fn nothing_is_contacted_that_the_operator_did_not_allow() {
    let keys = "access-key-id=a&secret-access-key=b";
    let r2 = format!("r2://bucket?{ACCOUNT}");
    for (settings, uri, word) in [
        (
            with_r2 as fn(&FakeS3) -> DestinationSettings,
            r2.clone(),
            "r2:// needs access-key-id",
        ),
        (with_r2, format!("gs://bucket?{keys}"), "destinations.endpoints"),
        (
            with_gs,
            format!("{r2}&{keys}"),
            "r2.cloudflarestorage.com:443; ask for it",
        ),
        // Before keys are asked for, which would be sent in vain.
        (
            |_| DestinationSettings::default(),
            "gs://bucket".to_owned(),
            "storage.googleapis.com:443; ask for it",
        ),
        (
            |_| DestinationSettings {
                endpoints: EndpointRules(vec![EndpointRule::parse("storage.googleapis.com").unwrap()]),
                ..DestinationSettings::default()
            },
            "gs://bucket".to_owned(),
            "gs:// needs an HMAC key",
        ),
    ] {
        let (world, store) = world(settings).await;
        let refused = world
            .captures
            .create_ownership(account(1), &to(&uri))
            .await
            .unwrap_err();
        assert!(matches!(refused, CaptureError::Destination(_)), "{refused:?}");
        assert!(refused.to_string().contains(word), "{uri}: {refused}");
        assert!(store.calls().is_empty());
    }
}

/// Tokens for whoever asks, one after the other: `T1`, `T2`, ..
async fn issuer() -> (String, Arc<AtomicU32>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/token", listener.local_addr().unwrap());
    let given = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&given);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let count = Arc::clone(&count);
            tokio::spawn(async move {
                let service = hyper::service::service_fn(move |_| {
                    let number = count.fetch_add(1, Ordering::SeqCst) + 1;
                    let body = format!(r#"{{"access_token":"T{number}","expires_in":3600,"token_type":"Bearer"}}"#);
                    async move { Ok::<_, Infallible>(http::Response::new(http_body_util::Full::new(Bytes::from(body)))) }
                });
                let connection = hyper::server::conn::http1::Builder::new();
                let _ = connection
                    .serve_connection(hyper_util::rt::TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    (url, given)
}

fn service_account(token_endpoint: &str) -> Arc<Tokens> {
    let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let digits = base64::engine::general_purpose::STANDARD.encode(key.as_der().unwrap().as_ref());
    let file = format!(
        r#"{{"type":"service_account","client_email":"a@b.example","token_uri":"https://oauth2.googleapis.com/token",
            "private_key":"-----BEGIN PRIVATE KEY-----\n{digits}\n-----END PRIVATE KEY-----\n"}}"#
    );
    Tokens::new(ServiceAccount::parse(&file, Some(token_endpoint)).unwrap())
}

#[tokio::test]
async fn google_cloud_storage_by_a_service_account() {
    let (url, given) = issuer().await;
    let tokens = service_account(&url);
    let (world, store) = world(|store| DestinationSettings {
        gs: Some(GsDestination {
            endpoint: store.configured().endpoint,
            own: Some(GsOwn::ServiceAccount(tokens)),
        }),
        ..DestinationSettings::default()
    })
    .await;
    // Once in the middle the token is not taken any more, and the part goes with another one.
    let mut is_refused = false;
    store.script(move |call| match call {
        Call::Part(2) if !is_refused => {
            is_refused = true;
            Act::Fail(401, "AuthenticationRequired")
        }
        _ => Act::Serve,
    });
    let path = capture(&world, &store, "gs://bucket/dir", "gs://bucket/dir").await;
    assert_eq!(store.header(&path, "authorization").as_deref(), Some("Bearer T1"));
    assert_eq!(store.header(&path, "x-amz-content-sha256"), None);
    assert_eq!(given.load(Ordering::SeqCst), 2, "one at first, and one in the middle");
    // Keys of a URI are its owner's word, and go before the account's tokens.
    let keys = "gs://other?access-key-id=AKIDTHEIRS&secret-access-key=s";
    let ownership = world.captures.create_ownership(account(1), &to(keys)).await.unwrap();
    let challenge = format!("/other/{}", ownership.file_name);
    let signature = store.header(&challenge, "authorization").unwrap();
    assert!(signature.contains("Credential=AKIDTHEIRS/"), "{signature}");
}

/// R2 takes parts of one size, which agents on other hosts do not send: neither a capture nor a schedule is taken that could never be good.
#[tokio::test]
async fn what_an_agent_elsewhere_cannot_send_is_refused_before() {
    let (world, store) = world(with_r2).await;
    let me = account(1);
    let uri = format!("r2://bucket/dir?{ACCOUNT}&access-key-id=AKID&secret-access-key=secret");
    let ownership = world.captures.create_ownership(me, &to(&uri)).await.unwrap();
    let text = store.object(&format!("/bucket/dir/{}", ownership.file_name)).unwrap();
    let text = String::from_utf8(text.to_vec()).unwrap();
    world.captures.validate_ownership(me, &to(&uri), &text).await.unwrap();
    world.agent.set_elsewhere(true);
    let schedule = CreateSchedule {
        capture: request(me, &uri),
        ..wanted("nightly", "@daily", 1)
    };
    for refused in [
        world.create(me, &uri).await.map(drop),
        world.captures.create_schedule(schedule).await.map(drop),
    ] {
        let refused = refused.unwrap_err();
        assert!(refused.to_string().contains("parts of one size"), "{refused:?}");
    }
}
