//! What an account is told of its quota of a day, at both doors.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_capture::Quota;
use common::{ACCOUNT, World, project};
use http::{HeaderMap, Method};
use serde_json::{Value, json};
use std::num::{NonZeroU32, NonZeroU64};

const URI: &str = "s3://evidence/case-17";

async fn world(captures: u32, bytes: u64) -> World {
    let world = World::with_quota(Quota {
        captures: NonZeroU32::new(captures),
        bytes: NonZeroU64::new(bytes),
    });
    world.proven(URI).await;
    world
}

impl World {
    async fn quota(&self) -> Value {
        self.call(Method::GET, "/pcaps/quota", None).await.result().clone()
    }

    /// Starts a full capture that may come to so much, and ends it.
    async fn captures(&self, bytes: u64) {
        let made = self.call(Method::POST, "/pcaps", asked(bytes)).await;
        let id = made.result()["id"].as_str().unwrap().to_owned();
        self.until(&id, "running").await;
        self.call(Method::PUT, &format!("/pcaps/{id}/stop"), None).await;
        self.until(&id, "success").await;
    }
}

fn asked(bytes: u64) -> Value {
    json!({
        "system": "magic-transit", "type": "full", "time_limit": 20, "byte_limit": bytes, "colo_name": "local",
        "destination_conf": URI,
    })
}

fn task() -> Value {
    let address = json!({ "type": 0, "address_type": 0, "address": "192.0.2.1" });
    json!({
        "name": "a task", "duration": 3, "max_packets": 100_000, "source": address, "destination": address,
        "service": { "protocol": 6 },
    })
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).map(|value| value.to_str().unwrap())
}

#[tokio::test]
async fn what_is_used_is_told() {
    let world = world(9, 2_000_000).await;
    let until = "2027-01-16T00:00:00.000000Z";
    assert_eq!(
        world.quota().await,
        json!({
            "until": until, "captures": { "used": 0, "limit": 9 }, "bytes": { "used": 0, "held": 0, "limit": 2_000_000 },
        })
    );
    let made = world.call(Method::POST, "/pcaps", asked(1_500_000)).await;
    let id = made.result()["id"].as_str().unwrap().to_owned();
    world.until(&id, "running").await;
    assert_eq!(world.quota().await["bytes"]["held"], 1_500_000);
    world.call(Method::PUT, &format!("/pcaps/{id}/stop"), None).await;
    // Three packets of sixty bytes, as the agent of these tests has it.
    world.until(&id, "success").await;
    assert_eq!(
        world.quota().await,
        json!({
            "until": until, "captures": { "used": 1, "limit": 9 }, "bytes": { "used": 180, "held": 0, "limit": 2_000_000 },
        })
    );
    let cut = world.call(Method::POST, "/pcaps", asked(1_000_000_000)).await;
    assert_eq!(cut.result()["byte_limit"], 2_000_000 - 180);
}

#[tokio::test]
async fn only_what_is_limited_has_a_limit() {
    for (captures, bytes, has) in [
        (0, 0, None),
        (1, 0, Some((true, false))),
        (0, 1 << 20, Some((false, true))),
    ] {
        let quota = world(captures, bytes).await.quota().await;
        let limited = |of: &str| quota[of].get("limit").is_some();
        let found = quota.get("until").map(|_| (limited("captures"), limited("bytes")));
        assert_eq!(found, has, "{quota}");
    }
}

#[tokio::test]
async fn who_has_no_more_is_told_until_when() {
    let world = world(1, 0).await;
    world.captures(1_000).await;
    let refused = world.call(Method::POST, "/pcaps", asked(1_000)).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (429, 1016));
    assert!(
        refused.message().contains("after midnight (UTC)"),
        "{}",
        refused.message()
    );
    assert_eq!(header(&refused.headers, "retry-after"), Some("57600"));
    assert_eq!(header(&refused.headers, "x-should-retry"), Some("false"));

    let path = format!("/v1/{}/capture-task?fw_instance_id=local", project(ACCOUNT));
    let headers = [("x-auth-token", "root-1"), ("content-type", "application/json")];
    let body = task().to_string().into_bytes();
    let refused = world.send(Method::POST, &path, &headers, Some(body)).await;
    let (code, message) = (&refused.body["error_code"], refused.body["error_msg"].as_str().unwrap());
    assert_eq!(
        (refused.status.as_u16(), code),
        (400, &json!("CFW.00200024")),
        "{message}"
    );
    assert!(message.contains("after midnight (UTC)"), "{message}");
}

/// While one runs that may need the rest nobody knows how long it takes.
#[tokio::test]
async fn what_may_come_sooner_has_no_time() {
    let world = world(0, 1 << 20).await;
    let made = world.call(Method::POST, "/pcaps", asked(1 << 20)).await;
    world.until(made.result()["id"].as_str().unwrap(), "running").await;
    let path = format!("/v1/{}/capture-task?fw_instance_id=local", project(ACCOUNT));
    let headers = [("x-auth-token", "root-1"), ("content-type", "application/json")];
    let body = task().to_string().into_bytes();
    let refused = world.send(Method::POST, &path, &headers, Some(body)).await;
    let message = refused.body["error_msg"].as_str().unwrap();
    assert!(message.contains("or when one of them is over"), "{message}");
}
