//! The door as a client sees it: routes, envelopes, codes, limits, and who may ask.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_api_capture::pcaps::ops::ROWS;
use baleen_http::{Verdict, Weight};
use common::{ACCOUNT, EMPTY_FILE, World, project};
use http::{Method, StatusCode};
use serde_json::{Value, json};

const URI: &str = "s3://evidence/case-17?region=eu-1";

fn full() -> Value {
    json!({
        "system": "magic-transit", "type": "full", "time_limit": 60, "colo_name": "local", "destination_conf": URI,
    })
}

/// The request with some members changed; null takes one out.
fn full_with(changes: &Value) -> Value {
    let mut asked = full();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            asked.as_object_mut().unwrap().remove(name);
        } else {
            asked[name] = value.clone();
        }
    }
    asked
}

#[tokio::test]
async fn every_row_as_everybody() {
    let world = World::new();
    let no_id = "0123456789abcdef0123456789abcdef";
    for row in ROWS {
        let path = row.path.replace("{id}", no_id);
        let own = format!("/client/v4/accounts/{}{path}", project(ACCOUNT));
        let strange = format!("/client/v4/accounts/not-an-account{path}");
        for (who, path, status, code) in [
            ("root-1", &own, None, None),
            ("root-2", &own, Some(StatusCode::NOT_FOUND), Some(1002)),
            ("admin-2", &own, Some(StatusCode::NOT_FOUND), Some(1002)),
            ("admin-1", &own, Some(StatusCode::FORBIDDEN), Some(9109)),
            ("user-1", &own, Some(StatusCode::FORBIDDEN), Some(9109)),
            ("", &own, Some(StatusCode::BAD_REQUEST), Some(6003)),
            ("stranger", &own, Some(StatusCode::UNAUTHORIZED), Some(10000)),
            ("root-1", &strange, Some(StatusCode::NOT_FOUND), Some(1002)),
            ("", &strange, Some(StatusCode::BAD_REQUEST), Some(6003)),
        ] {
            let bearer = format!("Bearer {who}");
            let headers: &[(&str, &str)] = if who.is_empty() {
                &[]
            } else {
                &[("authorization", &bearer)]
            };
            let answer = world
                .send(row.method.clone(), path, headers, Some(b"{}".to_vec()))
                .await;
            match (status, code) {
                (Some(status), Some(code)) => {
                    assert_eq!(
                        (answer.status, answer.code()),
                        (status, code),
                        "{} as {who}: {answer:?}",
                        row.name
                    );
                    assert_eq!(answer.body["success"], false);
                    assert_eq!(answer.body["result"], Value::Null);
                }
                // What root gets depends on the row; it is not a refusal.
                _ => assert!(
                    ![401, 403].contains(&answer.status.as_u16()),
                    "{}: {answer:?}",
                    row.name
                ),
            }
        }
    }
}

/// What a schedule begins is a capture: who may not have one has none by a schedule, but may end those that there are.
#[tokio::test]
async fn who_may_not_capture_lets_no_schedule_begin() {
    let world = World::new();
    world.proven(URI).await;
    let asked = full_with(&json!({ "name": "nightly", "cron": "@daily", "budget": { "runs": 1 } }));
    let made = world.call(Method::POST, "/pcaps/schedules", asked.clone()).await;
    let id = made.result()["id"].as_str().unwrap().to_owned();
    let other = full_with(&json!({ "name": "other", "cron": "@daily", "budget": { "runs": 1 } }));
    for who in ["planner-1", "denied-1"] {
        let ask = async |method: Method, path: &str, body: Option<&Value>| {
            let path = format!("/client/v4/accounts/{}/pcaps/schedules{path}", project(ACCOUNT));
            let bearer = format!("Bearer {who}");
            let body = body.map(|body| body.to_string().into_bytes());
            world.send(method, &path, &[("authorization", &bearer)], body).await
        };
        for refused in [
            ask(Method::POST, "", Some(&other)).await,
            ask(Method::PUT, &format!("/{id}/resume"), None).await,
        ] {
            assert_eq!(
                (refused.status, refused.code()),
                (StatusCode::FORBIDDEN, 9109),
                "{refused:?}"
            );
            assert!(refused.message().contains("pcaps:CreateCapture"), "{refused:?}");
            let told = world.book.0.lock().unwrap().pop().unwrap().deed.unwrap();
            assert_eq!(told.verdict, Verdict::Denied);
        }
        let paused = ask(Method::PUT, &format!("/{id}/pause"), None).await;
        assert_eq!(paused.result()["status"], "paused");
    }
    let resumed = world
        .call(Method::PUT, &format!("/pcaps/schedules/{id}/resume"), None)
        .await;
    assert_eq!(resumed.result()["status"], "active");
}

#[tokio::test]
async fn credentials_in_every_form() {
    let world = World::new();
    let path = format!("/client/v4/accounts/{}/pcaps", project(ACCOUNT));
    for (headers, status, code) in [
        (&[("authorization", "Bearer root-1")][..], 200, 0),
        (&[("authorization", "bearer root-1")], 200, 0),
        (&[("x-auth-email", "ROOT@1.example"), ("x-auth-key", "root-1")], 200, 0),
        (
            &[("x-auth-email", "other@1.example"), ("x-auth-key", "root-1")],
            401,
            10000,
        ),
        (&[("x-auth-key", "root-1")], 400, 6003),
        (&[("authorization", "Basic cm9vdC0x")], 400, 6003),
        (&[("authorization", "root-1")], 400, 6003),
        (&[("authorization", "Bearer nobody")], 401, 10000),
        // The store of the tokens does not answer, which says nothing of the token.
        (&[("authorization", "Bearer outage")], 503, 1013),
        (
            &[
                ("authorization", "Bearer root-1"),
                ("x-auth-email", "root@1.example"),
                ("x-auth-key", "root-1"),
            ],
            400,
            6003,
        ),
    ] {
        let answer = world.send(Method::GET, &path, headers, None).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (status, code),
            "{headers:?}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn routes_that_are_none() {
    let world = World::new();
    for (method, path) in [
        (Method::GET, "/pcaps/"),
        (Method::PATCH, "/pcaps"),
        (Method::POST, "/pcaps/0/stop"),
        (Method::GET, "/other"),
        (Method::DELETE, "/pcaps/0"),
    ] {
        let answer = world.call(method, path, None).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (404, 7003), "{path}");
    }
    let answer = world.send(Method::GET, "/", &[], None).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (404, 7003));
}

#[tokio::test]
async fn the_proof_of_a_bucket() {
    let world = World::new();
    world.make_bucket(ACCOUNT, "evidence").await;
    let created = world
        .call(Method::POST, "/pcaps/ownership", json!({ "destination_conf": URI }))
        .await;
    assert_eq!(created.headers["content-type"], "application/json");
    assert_eq!(created.body["success"], true);
    assert_eq!(
        (&created.body["errors"], &created.body["messages"]),
        (&json!([]), &json!([]))
    );
    let bucket = created.result();
    let id = bucket["id"].as_str().unwrap().to_owned();
    assert_eq!(
        *bucket,
        json!({
            "id": id, "status": "pending", "submitted": "2027-01-15T08:00:00.000000Z", "validated": "",
            "destination_conf": URI, "destinaton_conf": URI, "filename": format!("ownership-challenge-{id}.txt"),
        })
    );
    let listed = world.call(Method::GET, "/pcaps/ownership", None).await;
    assert_eq!(*listed.result(), json!([bucket]));

    let file = bucket["filename"].as_str().unwrap();
    let text = String::from_utf8(world.read(URI, file).await.unwrap()).unwrap();
    let wrong = json!({ "destination_conf": URI, "ownership_challenge": "wrong" });
    let answer = world.call(Method::POST, "/pcaps/ownership/validate", wrong).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (400, 1004));
    assert_eq!(answer.pointers(), ["/ownership_challenge"]);
    assert!(!answer.body.to_string().contains(text.trim()));
    // The misspelling of the source pages is understood.
    let right = json!({ "destinaton_conf": URI, "ownership_challenge": text });
    let answer = world.call(Method::POST, "/pcaps/ownership/validate", right).await;
    assert_eq!(answer.result()["status"], "success");
    assert_eq!(answer.result()["validated"], "2027-01-15T08:00:00.000000Z");

    for id in ["0", "ZZ", "0123456789abcdef0123456789abcdef"] {
        let answer = world
            .call(Method::DELETE, &format!("/pcaps/ownership/{id}"), None)
            .await;
        assert_eq!((answer.status.as_u16(), answer.code()), (404, 1002));
    }
    let answer = world
        .call(Method::DELETE, &format!("/pcaps/ownership/{id}"), None)
        .await;
    assert_eq!((answer.status.as_u16(), &answer.body), (204, &Value::Null));
    let listed = world.call(Method::GET, "/pcaps/ownership", None).await;
    assert_eq!(*listed.result(), json!([]));
}

#[tokio::test]
async fn wrong_proofs() {
    let world = World::new();
    for (path, body, code, pointer) in [
        ("", json!({}), 1001, "/destination_conf"),
        ("", json!({ "destination_conf": null }), 1001, "/destination_conf"),
        ("", json!({ "destination_conf": 7 }), 1001, "/destination_conf"),
        ("", json!({ "destinaton_conf": "ftp://x" }), 1001, "/destinaton_conf"),
        (
            "",
            json!({ "destination_conf": "gs://bucket" }),
            1001,
            "/destination_conf",
        ),
        (
            "",
            json!({ "destination_conf": "r2://bucket" }),
            1001,
            "/destination_conf",
        ),
        (
            "",
            json!({ "destination_conf": "s3://bucket/../x" }),
            1001,
            "/destination_conf",
        ),
        (
            "",
            json!({ "destination_conf": "s3://nowhere" }),
            1001,
            "/destination_conf",
        ),
        (
            "",
            json!({ "destination_conf": "s3://aaa", "destinaton_conf": "s3://bbb" }),
            1001,
            "/destinaton_conf",
        ),
        (
            "/validate",
            json!({ "destination_conf": "s3://nowhere" }),
            1001,
            "/ownership_challenge",
        ),
    ] {
        let answer = world
            .call(Method::POST, &format!("/pcaps/ownership{path}"), body.clone())
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (400, code),
            "{body}: {answer:?}"
        );
        assert_eq!(answer.pointers(), [pointer], "{body}");
    }
    let unknown = json!({ "destination_conf": "s3://nowhere", "ownership_challenge": "x" });
    let answer = world.call(Method::POST, "/pcaps/ownership/validate", unknown).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (404, 1002));
}

/// As it was sent, with its blanks; and members that were not given are not there.
#[tokio::test]
async fn filters_are_echoed_as_they_were_sent() {
    let world = World::new();
    world.proven(URI).await;
    for (given, absent) in [
        (
            json!({ "filter_v2": "  ip.src in { 10.0.0.0/8 }\n&& tcp.dstport==443" }),
            "filter_expression",
        ),
        (json!({ "filter_expression": " tcp  port 443" }), "filter_v2"),
    ] {
        let created = world.call(Method::POST, "/pcaps", full_with(&given)).await;
        let id = created.result()["id"].as_str().unwrap().to_owned();
        let running = world.until(&id, "running").await;
        for capture in [created.result(), &running] {
            for (name, value) in given.as_object().unwrap() {
                assert_eq!(capture[name], *value);
            }
            assert_eq!((&capture["filter_v1"], capture.get(absent)), (&json!({}), None));
        }
        world.call(Method::PUT, &format!("/pcaps/{id}/stop"), None).await;
        world.until(&id, "success").await;
    }
}

#[tokio::test]
async fn the_life_of_a_capture() {
    let world = World::new();
    world.proven(URI).await;
    let filter = json!({ "source_address": "1.2.3.4", "destination_port": 80.0, "protocol": 6, "source_port": null });
    let asked = full_with(&json!({
        "packet_limit": 50.0, "time_limit": 20.0, "filter_v1": filter, "bidirectional": true, "unknown": [1],
    }));
    let created = world.call(Method::POST, "/pcaps", asked.clone()).await;
    let capture = created.result();
    let id = capture["id"].as_str().unwrap().to_owned();
    assert_eq!(id.len(), 32);
    assert_eq!(
        *capture,
        json!({
            "id": id, "type": "full", "system": "magic-transit", "status": "pending",
            "submitted": "2027-01-15T08:00:00.000000Z", "time_limit": 20, "packet_limit": 50,
            "byte_limit": 1_000_000_000, "colo_name": "local", "destination_conf": URI, "filter_v1": filter,
            "packets_captured": 0, "bytes_captured": 0, "packets_dropped": 0, "seconds_left": 20,
            "object_key": format!("case-17/pcap_{id}.pcap"), "bidirectional": true,
        })
    );

    // A client which repeats the request after a lost answer starts no second capture, and does not go on trying.
    let again = world.call(Method::POST, "/pcaps", asked.clone()).await;
    assert_eq!((again.status.as_u16(), again.code()), (409, 1005));
    // One that counts its tries gets the capture that it began.
    let path = format!("/client/v4/accounts/{}/pcaps", project(ACCOUNT));
    for (count, status) in [
        ("0", 409),
        ("", 409),
        ("-1", 409),
        ("99999999999", 409),
        ("1", 200),
        ("2", 200),
    ] {
        let headers = [("authorization", "Bearer root-1"), ("x-stainless-retry-count", count)];
        let body = asked.to_string().into_bytes();
        let again = world.send(Method::POST, &path, &headers, Some(body)).await;
        assert_eq!(again.status.as_u16(), status, "{count}");
        if status == 200 {
            assert_eq!(again.result()["id"], id);
        }
    }
    assert_eq!(again.headers["x-should-retry"], "false");
    assert!(again.message().contains(&id));

    let running = world.until(&id, "running").await;
    assert_eq!(
        (&running["packets_captured"], &running["bytes_captured"]),
        (&json!(3), &json!(180))
    );
    assert_eq!(running["packets_dropped"], 1);
    let download = world.call(Method::GET, &format!("/pcaps/{id}/download"), None).await;
    assert_eq!((download.status.as_u16(), download.code()), (400, 1008));

    let stopped = world.call(Method::PUT, &format!("/pcaps/{id}/stop"), None).await;
    assert_eq!((stopped.status.as_u16(), &stopped.body), (204, &Value::Null));
    let again = world.call(Method::PUT, &format!("/pcaps/{id}/stop"), None).await;
    assert_eq!((again.status.as_u16(), again.code()), (409, 1007));
    assert_eq!(again.headers["x-should-retry"], "false");

    let done = world.until(&id, "success").await;
    assert_eq!(done["stop_requested"], "2027-01-15T08:00:00.000000Z");
    for absent in ["error_message", "seconds_left"] {
        assert!(done.get(absent).is_none(), "{absent} is left out");
    }
    assert_eq!(world.read(URI, &format!("pcap_{id}.pcap")).await.unwrap(), EMPTY_FILE);
    let listed = world.call(Method::GET, "/pcaps", None).await;
    assert_eq!(*listed.result(), json!([done]));
    for id in [
        "0",
        "0123456789ABCDEF0123456789ABCDEF",
        "0123456789abcdef0123456789abcdef",
    ] {
        for (method, path) in [(Method::GET, ""), (Method::PUT, "/stop"), (Method::GET, "/download")] {
            let answer = world.call(method, &format!("/pcaps/{id}{path}"), None).await;
            assert_eq!((answer.status.as_u16(), answer.code()), (404, 1002), "{id}{path}");
        }
    }
}

/// What the audit log is told names what was made, by the id that the answer has.
#[tokio::test]
async fn what_is_made_is_told_by_its_id() {
    let world = World::new();
    world.proven(URI).await;
    let created = world.call(Method::POST, "/pcaps", full_with(&json!({}))).await;
    let id = created.result()["id"].as_str().unwrap().to_owned();
    world.until(&id, "running").await;
    world.call(Method::PUT, &format!("/pcaps/{id}/stop"), None).await;
    world.until(&id, "success").await;
    let again = world.call(Method::POST, "/pcaps", json!({ "type": "full" })).await;
    assert_eq!(again.status.as_u16(), 400);
    let listed = world.call(Method::GET, "/pcaps/ownership", None).await;
    let proven = listed.result()[0]["id"].as_str().unwrap().to_owned();
    let path = format!("/client/v4/accounts/{}/pcaps/{id}/stop", project(2));
    world
        .send(Method::PUT, &path, &[("authorization", "Bearer root-1")], None)
        .await;

    let told: Vec<_> = world
        .book
        .0
        .lock()
        .unwrap()
        .iter()
        .filter_map(|event| event.deed.as_ref().map(|deed| (event.operation, deed.clone())))
        .filter(|(_, deed)| deed.weight == Weight::Change)
        .map(|(operation, deed)| (operation, deed.resource, deed.verdict))
        .collect();
    let (yes, no) = (Verdict::Allowed, Verdict::Denied);
    let row = |operation, path: String, verdict| (operation, format!("arn:aws:pcaps:::pcaps{path}"), verdict);
    assert_eq!(
        told,
        [
            row("CreateOwnership", format!("/ownership/{proven}"), yes),
            row("ValidateOwnership", format!("/ownership/{proven}"), yes),
            row("CreateCapture", format!("/{id}"), yes),
            row("StopCapture", format!("/{id}/stop"), yes),
            row("CreateCapture", String::new(), yes),
            row("StopCapture", format!("/{id}/stop"), no),
        ]
    );
}

#[tokio::test]
async fn limits_under_at_and_over() {
    let world = World::new();
    world.proven(URI).await;
    let port = |member: &str, value: Value| json!({ "filter_v1": { member: value } });
    for (changes, pointer) in [
        (json!({ "time_limit": 1 }), None),
        (json!({ "time_limit": 300 }), None),
        (json!({ "time_limit": 1.5 }), None),
        (json!({ "time_limit": 0.999 }), Some("/time_limit")),
        (json!({ "time_limit": 300.001 }), Some("/time_limit")),
        (json!({ "time_limit": "20" }), Some("/time_limit")),
        (json!({ "time_limit": null }), Some("/time_limit")),
        (json!({ "packet_limit": 1 }), None),
        (json!({ "packet_limit": 10_000.0 }), None),
        (json!({ "packet_limit": 0 }), Some("/packet_limit")),
        (json!({ "packet_limit": 10_001 }), Some("/packet_limit")),
        (json!({ "packet_limit": 1.5 }), Some("/packet_limit")),
        (json!({ "packet_limit": -1 }), Some("/packet_limit")),
        (json!({ "byte_limit": 1 }), None),
        (json!({ "byte_limit": 1_000_000_000 }), None),
        (json!({ "byte_limit": 0 }), Some("/byte_limit")),
        (json!({ "byte_limit": 1_000_000_001 }), Some("/byte_limit")),
        (json!({ "system": "other" }), Some("/system")),
        (json!({ "system": null }), Some("/system")),
        (json!({ "type": "half" }), Some("/type")),
        (json!({ "type": null }), Some("/type")),
        (json!({ "colo_name": null }), Some("/colo_name")),
        (json!({ "colo_name": "a b" }), Some("/colo_name")),
        (json!({ "colo_name": "LOCAL" }), None),
        (json!({ "colo_name": null, "colo": "local" }), None),
        (json!({ "colo": "local" }), None),
        (json!({ "colo": "other" }), Some("/colo")),
        (json!({ "destination_conf": null }), Some("/destination_conf")),
        (json!({ "destination_conf": null, "destinaton_conf": URI }), None),
        (json!({ "filter_v1": {} }), None),
        (json!({ "filter_v1": [] }), Some("/filter_v1")),
        (port("dest_port", json!(443)), Some("/filter_v1/dest_port")),
        (port("Protocol", json!("")), Some("/filter_v1/Protocol")),
        (port("dest_port", json!(null)), None),
        (port("source_port", json!(0)), None),
        (port("source_port", json!(65_535)), None),
        (port("source_port", json!(65_536)), Some("/filter_v1/source_port")),
        (port("destination_port", json!(-1)), Some("/filter_v1/destination_port")),
        (
            port("destination_port", json!(80.5)),
            Some("/filter_v1/destination_port"),
        ),
        (port("protocol", json!(0)), None),
        (port("protocol", json!(255)), None),
        (port("protocol", json!(256)), Some("/filter_v1/protocol")),
        (port("protocol", json!("tcp")), Some("/filter_v1/protocol")),
        (port("source_address", json!("1.2.3.4")), None),
        (port("source_address", json!("2001:db8::1")), None),
        (port("source_address", json!("10.1.2.3/8")), None),
        (
            port("source_address", json!("1.2.3")),
            Some("/filter_v1/source_address"),
        ),
        (
            port("destination_address", json!("host.example")),
            Some("/filter_v1/destination_address"),
        ),
        (
            json!({ "filter_v1": { "protocol": 1, "source_port": 53 } }),
            Some("/filter_v1"),
        ),
        (
            json!({ "filter_v1": { "source_address": "::1", "destination_address": "1.2.3.4" } }),
            Some("/filter_v1"),
        ),
        (json!({ "filter_expression": "tcp port 443" }), None),
        (
            json!({ "filter_expression": "tcp prt 443" }),
            Some("/filter_expression"),
        ),
        (
            json!({ "filter_expression": "x".repeat(4097) }),
            Some("/filter_expression"),
        ),
        (
            json!({ "filter_expression": "tcp", "filter_v1": { "protocol": 6 } }),
            Some("/filter_expression"),
        ),
        // It compiles, but not for the interface `any` of this site.
        (
            json!({ "filter_expression": "ether host 02:00:00:00:00:01" }),
            Some("/filter_expression"),
        ),
        (
            json!({ "filter_v1": { "x".repeat(9000): null, "protocol": 6 } }),
            Some("/filter_v1"),
        ),
        (json!({ "filter_v2": "ip.src == 1.2.3.4" }), None),
        (json!({ "filter_v2": " " }), None),
        (json!({ "filter_v2": null, "filter_v1": { "protocol": 6 } }), None),
        (json!({ "filter_v2": "ip.ttl > 1", "filter_v1": {} }), None),
        (json!({ "filter_v2": "ip.ttl > 1", "filter_expression": "" }), None),
        (json!({ "filter_v2": "ip.src = 1.2.3.4" }), Some("/filter_v2")),
        (json!({ "filter_v2": {} }), Some("/filter_v2")),
        (json!({ "filter_v2": 1 }), Some("/filter_v2")),
        (
            json!({ "filter_v2": format!("ip.ttl > 1{}", " ".repeat(4087)) }),
            Some("/filter_v2"),
        ),
        (
            json!({ "filter_v2": "ip.ttl > 1", "filter_v1": { "protocol": 6 } }),
            Some("/filter_v2"),
        ),
        (
            json!({ "filter_v2": "ip.ttl > 1", "filter_expression": "tcp" }),
            Some("/filter_expression"),
        ),
        // It is understood, but the kernel takes no program as long.
        (
            json!({ "filter_v2": vec!["ip.src!=::"; 300].join("||") }),
            Some("/filter_v2"),
        ),
        (json!({ "bidirectional": "yes" }), Some("/bidirectional")),
        (json!({ "format": "pcapng" }), None),
        (json!({ "format": "erf" }), Some("/format")),
        (json!({ "snaplen": 31 }), Some("/snaplen")),
        (json!({ "snaplen": 262_145 }), Some("/snaplen")),
        (json!({ "snaplen": "all" }), Some("/snaplen")),
        (json!({ "snaplen": 64.0 }), None),
        (json!({ "rotate": 60 }), Some("/rotate")),
        (json!({ "rotate": {} }), Some("/rotate")),
        (json!({ "rotate": { "bytes": null } }), Some("/rotate")),
        (json!({ "rotate": { "bytes": (1 << 20) - 1 } }), Some("/rotate/bytes")),
        (json!({ "rotate": { "seconds": 0 } }), Some("/rotate/seconds")),
        (json!({ "rotate": { "seconds": 1.5 } }), Some("/rotate/seconds")),
        (
            json!({ "rotate": { "bytes": 1 << 20, "files": 3 } }),
            Some("/rotate/files"),
        ),
        (json!({ "rotate": { "bytes": 1 << 20, "seconds": 300.0 } }), None),
        (json!({ "privacy": {} }), None),
        (json!({ "privacy": { "headers_only": true } }), None),
        (json!({ "privacy": { "zero_payload": true, "anonymise": true } }), None),
        (json!({ "privacy": { "anonymise_key": "0F".repeat(32) } }), None),
        (
            json!({ "privacy": { "anonymise_key": "0F".repeat(31) } }),
            Some("/privacy/anonymise_key"),
        ),
        (
            json!({ "privacy": { "anonymise_key": 7 } }),
            Some("/privacy/anonymise_key"),
        ),
        (
            json!({ "privacy": { "anonymise": false, "anonymise_key": "0F".repeat(32) } }),
            Some("/privacy/anonymise_key"),
        ),
        (
            json!({ "privacy": { "header_only": true } }),
            Some("/privacy/header_only"),
        ),
        (
            json!({ "privacy": { "headers_only": "yes" } }),
            Some("/privacy/headers_only"),
        ),
        (json!({ "privacy": true }), Some("/privacy")),
    ] {
        let asked = full_with(&changes);
        let answer = world.call(Method::POST, "/pcaps", asked).await;
        if let Some(pointer) = pointer {
            assert_eq!(
                (answer.status.as_u16(), answer.code()),
                (400, 1001),
                "{changes}: {answer:?}"
            );
            assert_eq!(answer.pointers(), [pointer], "{changes}");
        } else {
            let id = answer.result()["id"].as_str().unwrap().to_owned();
            world.until(&id, "running").await;
            world.call(Method::PUT, &format!("/pcaps/{id}/stop"), None).await;
            world.until(&id, "success").await;
            let told = world.call(Method::GET, &format!("/pcaps/{id}"), None).await;
            let wanted = changes.get("privacy").filter(|privacy| *privacy != &json!({}));
            assert_eq!(told.result()["privacy"].is_object(), wanted.is_some(), "{changes}");
            assert!(
                !format!("{told:?}").to_uppercase().contains("0F0F0F"),
                "the key is told"
            );
        }
    }
}

#[tokio::test]
async fn all_mistakes_at_once_and_where_an_expression_is_wrong() {
    let world = World::new();
    world.proven(URI).await;
    let answer = world
        .call(Method::POST, "/pcaps", json!({ "filter_v1": { "protocol": 300 } }))
        .await;
    assert_eq!(
        answer.pointers(),
        [
            "/system",
            "/type",
            "/time_limit",
            "/colo_name",
            "/destination_conf",
            "/filter_v1/protocol"
        ]
    );
    let asked = full_with(&json!({ "filter_expression": "udp and prt 53" }));
    let answer = world.call(Method::POST, "/pcaps", asked).await;
    assert!(answer.message().contains("character 9"), "{}", answer.message());
    let rules = "ip.proto == tcp and (tcp.dstport == 80 or tcp.dstprt == 443)";
    let asked = full_with(&json!({ "filter_v2": rules, "time_limit": 0 }));
    let answer = world.call(Method::POST, "/pcaps", asked).await;
    assert_eq!(answer.pointers(), ["/time_limit", "/filter_v2"]);
    let messages = answer.body["errors"].to_string();
    assert!(
        messages.contains("filter_v2: unknown field \\\"tcp.dstprt\\\" (at byte 42)"),
        "{messages}"
    );
}

#[tokio::test]
async fn refusals_with_codes_of_their_own() {
    let world = World::new();
    world.proven(URI).await;
    for (changes, code, pointer) in [
        (json!({ "colo_name": "ord02" }), 1010, "/colo_name"),
        (json!({ "colo_name": null, "colo": "ord02" }), 1010, "/colo"),
        (
            json!({ "destination_conf": "s3://evidence/other" }),
            1003,
            "/destination_conf",
        ),
        (json!({ "type": "simple", "packet_limit": 100 }), 1010, "/type"),
    ] {
        let answer = world.call(Method::POST, "/pcaps", full_with(&changes)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (400, code),
            "{changes}: {answer:?}"
        );
        assert_eq!(answer.pointers(), [pointer]);
        // Who runs the server learns how to have it.
        assert!(pointer != "/type" || format!("{answer:?}").contains("lookback.enabled"));
    }
}

#[tokio::test]
async fn bodies_that_are_none() {
    let world = World::new();
    let path = format!("/client/v4/accounts/{}/pcaps", project(ACCOUNT));
    let headers = [("authorization", "Bearer root-1")];
    let padded = |bytes: usize| {
        let mut body = b"{}".to_vec();
        body.resize(bytes, b' ');
        body
    };
    for (body, status, code) in [
        (None, 400, 6007),
        (Some(b"".to_vec()), 400, 6007),
        (Some(b"not json".to_vec()), 400, 6007),
        (Some(b"{\"a\": \xff}".to_vec()), 400, 6007),
        (Some("[".repeat(100_000).into_bytes()), 400, 6007),
        (Some(b"[]".to_vec()), 400, 1001),
        (Some(b"\"text\"".to_vec()), 400, 1001),
        (Some(padded(256 << 10)), 400, 1001),
        (Some(padded((256 << 10) + 1)), 413, 1014),
    ] {
        let shown = body.as_ref().map_or(0, Vec::len);
        let answer = world.send(Method::POST, &path, &headers, body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (status, code),
            "{shown} bytes: {answer:?}"
        );
    }
}

#[tokio::test]
async fn a_server_that_stops_says_when_to_come_back() {
    let world = World::new();
    world.proven(URI).await;
    world.supervisor.shutdown().stop();
    let answer = world.call(Method::POST, "/pcaps", full()).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (503, 1013));
    assert!(answer.headers.contains_key("retry-after"));
}

/// Values that clients send by mistake, or by intent.
fn values() -> impl proptest::strategy::Strategy<Value = Value> {
    use proptest::prelude::*;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        Just(json!(URI)),
        Just(json!("full")),
        Just(json!("local")),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map("[a-z_]{1,12}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

#[test]
fn no_body_makes_the_door_fail() {
    use proptest::prelude::*;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = runtime.block_on(async {
        let world = World::new();
        world.proven(URI).await;
        world
    });
    let names = [
        "system",
        "type",
        "time_limit",
        "packet_limit",
        "byte_limit",
        "colo_name",
        "colo",
        "destination_conf",
        "destinaton_conf",
        "filter_v1",
        "filter_v2",
        "filter_expression",
        "bidirectional",
        "format",
        "offset_time",
        "ownership_challenge",
    ];
    let config = ProptestConfig {
        cases: 256,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let changes = proptest::collection::hash_map(proptest::sample::select(names.to_vec()), values(), 0..4);
    proptest!(config, |(changes in changes, which in 0..3usize)| {
        let path = ["/pcaps", "/pcaps/ownership", "/pcaps/ownership/validate"][which];
        let mut asked = full();
        for (name, value) in changes {
            asked[name] = value;
        }
        let answer = runtime.block_on(world.call(Method::POST, path, asked));
        prop_assert!([200, 400, 404, 409].contains(&answer.status.as_u16()), "{:?}", answer);
        if answer.status != StatusCode::OK {
            prop_assert!(answer.code() >= 1000 && !answer.message().is_empty(), "{:?}", answer);
        }
    });
}
