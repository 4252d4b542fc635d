//! Who hangs up after a change leaves its entry in the audit log all the same.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use async_trait::async_trait;
use baleen_http::{Credentials, Edge, Event, KeyRecord, Lookup, Parts, Recorder, Unavailable, Unrecorded};
use baleen_policy::Principal;
use baleen_runtime::SeededEntropy;
use common::{Bench, encode, form_of};
use std::sync::Arc;
use tokio::sync::{Notify, mpsc};

/// Knows nobody.
struct Strangers;

#[async_trait]
impl Credentials for Strangers {
    async fn access_key(&self, _id: &str) -> Result<Lookup<KeyRecord>, Unavailable> {
        Ok(Lookup::Unknown)
    }

    async fn api_token(&self, _token: &str) -> Result<Lookup<Principal>, Unavailable> {
        Ok(Lookup::Unknown)
    }
}

/// Tells when something is to be recorded, and records it when it is let go on.
struct Halting {
    begun: Notify,
    go: Notify,
    done: mpsc::UnboundedSender<Event>,
}

#[async_trait]
impl Recorder for Halting {
    async fn record(&self, event: Event) -> Result<(), Unrecorded> {
        self.begun.notify_one();
        self.go.notified().await;
        self.done.send(event).map_err(|_| Unrecorded)
    }
}

/// Records nothing, and says so.
struct Full;

#[async_trait]
impl Recorder for Full {
    async fn record(&self, _event: Event) -> Result<(), Unrecorded> {
        Err(Unrecorded)
    }
}

const NAME: &str = "clark@example.com";

fn edge(bench: &Bench, audit: Arc<dyn Recorder>) -> Arc<Edge> {
    let parts = Parts::bare(Arc::new(Strangers), bench.clock.clone(), SeededEntropy::new(3));
    Edge::new(bench.door.clone(), Parts { audit, ..parts })
}

/// A request that changes something and needs no signature.
async fn reset(bench: &Bench) -> baleen_http::Request {
    bench.user(NAME).await;
    let profile = [("UserName", NAME), ("Password", "Password22")];
    bench.ask(&bench.root, "CreateLoginProfile", &profile).await.good();
    let ask = [("Type", "pwd_reset"), ("UserName", NAME)];
    let told = bench.ask(&bench.root, "RSGetToken", &ask).await.good();
    let told: serde_json::Value = serde_json::from_str(&told.body).unwrap();
    let token = encode(told["Token"].as_str().unwrap());
    let form = format!("Action=RSResetPassword&Token={token}&NewPassword=Password33");
    form_of("/", form)
}

#[tokio::test]
async fn a_client_that_hangs_up_after_the_change_is_in_the_log() {
    let bench = Bench::new().await;
    let (done, mut recorded) = mpsc::unbounded_channel();
    let audit = Arc::new(Halting {
        begun: Notify::new(),
        go: Notify::new(),
        done,
    });
    let edge = edge(&bench, audit.clone());
    tokio::select! {
        _ = edge.handle(reset(&bench).await) => panic!("answered without an entry"),
        () = audit.begun.notified() => {}
    }
    // The request is dropped; the password has changed.
    audit.go.notify_one();
    drop((edge, audit));
    let event = recorded.recv().await.expect("the entry went with the connection");
    assert_eq!((event.operation, event.status), ("RSResetPassword", 200));
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_called_a_failure() {
    let bench = Bench::new().await;
    let edge = edge(&bench, Arc::new(Full));
    let (head, body) = edge.handle(reset(&bench).await).await.into_parts();
    let body = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes();
    let body = String::from_utf8(body.to_vec()).unwrap();
    assert_eq!(head.status, http::StatusCode::SERVICE_UNAVAILABLE, "{body}");
    assert!(head.headers.contains_key("retry-after"), "{:?}", head.headers);
    assert!(body.contains("It may have been done all the same"), "{body}");
}
