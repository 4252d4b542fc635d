//! Samples through the door: `"type": "simple"` and their download.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test fails by panicking")]

mod common;

use baleen_capture::Past;
use baleen_lookback::{Found, Interface, Sample};
use baleen_types::{LinkType, Timestamp};
use common::{ACCOUNT, Answer, World, project};
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// Two packets of the last minute, and a note that something is damaged.
fn past(damaged: u64) -> Past {
    let found = |second: i64| Found {
        stamp: Timestamp::from_secs(1_800_000_000 - 60 + second),
        interface: 0,
        direction: None,
        original_length: 1500,
        bytes: Box::new([7; 200]),
    };
    Past {
        sample: Sample {
            packets: vec![found(1), found(2)],
            interfaces: vec![Interface {
                name: "eth0".into(),
                link: LinkType::ETHERNET,
            }],
            damaged,
            ..Sample::default()
        },
        kept_since: Some(Timestamp::EPOCH),
    }
}

fn simple(changes: &Value) -> Value {
    let mut asked = json!({
        "system": "magic-transit", "type": "simple", "time_limit": 60, "packet_limit": 100.0,
        // Not used by this type, so that nothing is wrong with them.
        "byte_limit": "many", "colo_name": 17, "destination_conf": "nowhere",
    });
    for (name, value) in changes.as_object().unwrap() {
        asked[name] = value.clone();
    }
    asked
}

async fn create(world: &World, changes: &Value) -> Answer {
    world.call(Method::POST, "/pcaps", simple(changes)).await
}

#[tokio::test]
async fn from_request_to_download() {
    let world = World::looking_back(past(0));
    let filter = json!({ "protocol": 6, "destination_port": 443 });
    let asked = json!({ "filter_v1": filter, "offset_time": "2027-01-15T10:00:00+02:00" });
    let created = create(&world, &asked).await;
    let made = created.result();
    let id = made["id"].as_str().unwrap();
    assert_eq!(
        *made,
        json!({
            "id": id, "type": "simple", "system": "magic-transit", "status": "success",
            "submitted": "2027-01-15T08:00:00.000000Z", "offset_time": "2027-01-15T08:00:00.000000Z",
            "time_limit": 60, "packet_limit": 100, "filter_v1": filter, "packets_remaining": 0,
            "packets_sampled": 2, "bytes_captured": 320,
            "bucket": format!("baleen-captures-{}", common::account(ACCOUNT)), "object_key": format!("pcap_{id}.pcap"),
        }),
        "and nothing by which the vendor's SDK would take it for a full one"
    );
    let one = world.call(Method::GET, &format!("/pcaps/{id}"), None).await;
    assert_eq!(one.result(), made);
    let listed = world.call(Method::GET, "/pcaps", None).await;
    assert_eq!(listed.result(), &json!([made]));
    let stopped = world.call(Method::PUT, &format!("/pcaps/{id}/stop"), None).await;
    assert_eq!((stopped.status.as_u16(), stopped.code()), (409, 1007));

    let path = format!("/client/v4/accounts/{}/pcaps/{id}/download", project(ACCOUNT));
    let mut whole = Vec::new();
    for (range, status, wanted, told) in [
        ("", 200, Some(0..376), None),
        ("bytes=0-23", 206, Some(0..24), Some("bytes 0-23/376")),
        ("bytes=-16", 206, Some(360..376), Some("bytes 360-375/376")),
        ("bytes=370-999", 206, Some(370..376), Some("bytes 370-375/376")),
        // All of it is no part.
        ("bytes=0-", 200, Some(0..376), None),
        ("bytes=1-2,4-5", 200, Some(0..376), None),
        ("bytes=376-", 416, None, Some("bytes */376")),
    ] {
        let headers = [
            ("authorization", "Bearer root-1"),
            ("accept", "application/vnd.tcpdump.pcap"),
            ("range", range),
        ];
        let headers = &headers[..if range.is_empty() { 2 } else { 3 }];
        let answer = world.send(Method::GET, &path, headers, None).await;
        assert_eq!(answer.status.as_u16(), status, "{range}");
        let header = |name: &str| answer.headers.get(name).map(|value| value.to_str().unwrap());
        assert_eq!(header("content-range"), told, "{range}");
        let Some(wanted) = wanted else {
            assert_eq!(answer.code(), 1001);
            continue;
        };
        if whole.is_empty() {
            whole.clone_from(&answer.bytes);
        }
        assert_eq!(answer.bytes, whole[wanted.clone()], "{range}");
        assert_eq!(header("content-length"), Some(wanted.len().to_string().as_str()));
        assert_eq!(header("content-type"), Some("application/vnd.tcpdump.pcap"));
        assert_eq!(header("accept-ranges"), Some("bytes"));
        let name = format!("attachment; filename=\"pcap_{id}.pcap\"");
        assert_eq!(header("content-disposition"), Some(name.as_str()));
    }
    // Errors are JSON, whatever is accepted.
    let path = format!(
        "/client/v4/accounts/{}/pcaps/{}/download",
        project(ACCOUNT),
        "0".repeat(32)
    );
    let headers = [
        ("authorization", "Bearer root-1"),
        ("accept", "application/vnd.tcpdump.pcap"),
    ];
    let missing = world.send(Method::GET, &path, &headers, None).await;
    assert_eq!((missing.status.as_u16(), missing.code()), (404, 1002));
    let foreign = world
        .send(
            Method::GET,
            &format!("/client/v4/accounts/{}/pcaps/{id}/download", project(2)),
            &[("authorization", "Bearer root-2")],
            None,
        )
        .await;
    assert_eq!((foreign.status.as_u16(), foreign.code()), (404, 1002));
}

#[tokio::test]
async fn one_a_minute() {
    let world = World::looking_back(past(1));
    let first = create(&world, &json!({ "format": "pcapng" })).await;
    let made = first.result();
    assert_eq!(made["message"], "one place of what is kept is damaged");
    assert_eq!(
        (&made["status"], &made["format"]),
        (&json!("success"), &json!("pcapng"))
    );
    for (advance, left) in [(0, "60"), (500, "60"), (500, "59"), (58_999, "1")] {
        world.clock.advance(Duration::from_millis(advance));
        let refused = create(&world, &json!({})).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (429, 1006));
        assert_eq!(refused.headers["retry-after"], left, "{advance}");
        assert!(
            !refused.headers.contains_key("x-should-retry"),
            "its SDK waits and asks again"
        );
    }
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(create(&world, &json!({})).await.status.as_u16(), 200);
}

#[tokio::test]
async fn members_that_are_wrong() {
    let world = World::looking_back(past(0));
    for (changes, pointers) in [
        (json!({ "system": "other" }), &["/system"][..]),
        (json!({ "packet_limit": null }), &["/packet_limit"]),
        (json!({ "packet_limit": 0 }), &["/packet_limit"]),
        (json!({ "packet_limit": 10_001 }), &["/packet_limit"]),
        (
            json!({ "packet_limit": 1.5, "time_limit": 301 }),
            &["/time_limit", "/packet_limit"],
        ),
        (
            json!({ "time_limit": null, "offset_time": 5 }),
            &["/time_limit", "/offset_time"],
        ),
        (json!({ "offset_time": "yesterday" }), &["/offset_time"]),
        (json!({ "offset_time": "2027-01-15T08:00:00" }), &["/offset_time"]),
        (
            json!({ "offset_time": "2027-01-15T08:01:00.000001Z" }),
            &["/offset_time"],
        ),
        (json!({ "offset_time": "2027-01-14T07:59:59Z" }), &["/offset_time"]),
        (json!({ "filter_v1": { "port": 80 } }), &["/filter_v1/port"]),
        (json!({ "filter_v2": "tcp.port ==" }), &["/filter_v2"]),
        (json!({ "filter_expression": "port of call" }), &["/filter_expression"]),
        (json!({ "format": "erf" }), &["/format"]),
    ] {
        let answer = create(&world, &changes).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (400, 1001),
            "{changes}: {answer:?}"
        );
        assert_eq!(answer.pointers(), pointers, "{changes}");
    }
    // None of these took the turn; sixty seconds ahead and a day ago are allowed.
    let ahead = create(
        &world,
        &json!({ "offset_time": "2027-01-15T08:01:00Z", "time_limit": 1.5 }),
    )
    .await;
    assert_eq!(ahead.result()["time_limit"], 1.5);
    world.clock.advance(Duration::from_mins(1));
    let long_ago = create(&world, &json!({ "offset_time": "2027-01-14T08:01:00Z" })).await;
    assert_eq!(long_ago.result()["status"], "success");
}

#[tokio::test]
async fn nothing_is_kept() {
    let world = World::new();
    let refused = create(&world, &json!({})).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (400, 1010));
    assert_eq!(refused.pointers(), ["/type"]);
}
