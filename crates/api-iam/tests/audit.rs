//! The audit log as root and admins read it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use baleen_audit::{Deed, Event, Recorder as _, Weight};
use baleen_policy::{Origin, Principal};
use baleen_runtime::Clock as _;
use baleen_types::RequestId;
use common::Bench;
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

impl Bench {
    /// Records what somebody did, an hour after what was before.
    async fn did(&self, principal: &Principal, action: &'static str) {
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 4711));
        let event = Event {
            at: self.clock.now(),
            request: RequestId::from_bytes([7; 8]),
            principal: principal.clone(),
            origin: Origin {
                source: peer.ip(),
                peer,
                is_secure: false,
            },
            door: "iam",
            operation: action.split_once(':').unwrap().1,
            deed: Some(Deed::allowed(Weight::Change, action, "")),
            refusal: None,
            status: 200,
        };
        self.audit.record(event).await.unwrap();
        self.clock.advance(Duration::from_hours(1));
    }

    async fn list(&self, params: &[(&str, &str)]) -> Value {
        serde_json::from_str(&self.ask(&self.root, "RSListAuditLog", params).await.good().body).unwrap()
    }

    async fn numbers(&self, params: &[(&str, &str)]) -> Vec<u64> {
        numbers(&self.list(params).await["Entries"])
    }
}

fn numbers(entries: &Value) -> Vec<u64> {
    let number = |entry: &Value| entry["sequence"].as_u64().unwrap();
    entries.as_array().unwrap().iter().map(number).collect()
}

/// 2027-01-15 at 8, 9, 10 and 11 o'clock.
async fn bench_with_entries() -> Bench {
    let bench = Bench::new().await;
    let ann = bench.user("ann@example.com").await;
    for (who, action) in [
        (&bench.root, "iam:CreateUser"),
        (&ann, "iam:CreateAccessKey"),
        (&ann, "s3:CreateBucket"),
        (&bench.root, "iam:DeleteUser"),
    ] {
        bench.did(who, action).await;
    }
    bench
}

#[tokio::test]
async fn entries_are_found() {
    let bench = bench_with_entries().await;
    for (params, expected) in [
        (&[][..], &[4, 3, 2, 1][..]),
        (&[("Order", "NewestFirst")], &[4, 3, 2, 1]),
        (&[("Order", "OldestFirst")], &[1, 2, 3, 4]),
        (&[("UserName", "ANN@example.com")], &[3, 2]),
        (&[("UserName", "bob@example.com")], &[]),
        (&[("ActionName", "iam:*")], &[4, 2, 1]),
        (&[("ActionName", "createbucket")], &[3]),
        (&[("From", "2027-01-15T09:00:00Z")], &[4, 3, 2]),
        (&[("Till", "2027-01-15T10:00:00+01:00")], &[1]),
        (&[("From", "2027-01-15"), ("Till", "2027-01-15")], &[4, 3, 2, 1]),
        (&[("Till", "2027-01-14")], &[]),
        (
            &[("From", "2027-01-15T09:00:00Z"), ("Till", "2027-01-15T09:00:00Z")],
            &[],
        ),
        (
            &[("MaxItems", "3"), ("UserName", "root"), ("ActionName", "iam:*")],
            &[4, 1],
        ),
    ] {
        assert_eq!(bench.numbers(params).await, expected, "{params:?}");
    }
    let told = bench.list(&[("MaxItems", "1")]).await;
    let entry = &told["Entries"][0];
    for (member, value) in [
        ("user", "root"),
        ("action", "iam:DeleteUser"),
        ("decision", "allowed"),
        ("door", "iam"),
    ] {
        assert_eq!(entry[member], value, "{member}");
    }
}

#[tokio::test]
async fn pages_go_on_where_the_one_before_ended() {
    let bench = bench_with_entries().await;
    for (order, expected) in [("NewestFirst", [4, 3, 2, 1]), ("OldestFirst", [1, 2, 3, 4])] {
        let (mut seen, mut marker) = (Vec::new(), String::new());
        loop {
            let page = bench
                .list(&[("Order", order), ("MaxItems", "1"), ("Marker", &marker)])
                .await;
            seen.extend(numbers(&page["Entries"]));
            assert_eq!(page["IsTruncated"], page.get("Marker").is_some());
            let Some(next) = page["Marker"].as_str() else { break };
            next.clone_into(&mut marker);
        }
        assert_eq!(seen, expected, "{order}");
    }
}

#[tokio::test]
async fn what_cannot_be_asked() {
    let bench = bench_with_entries().await;
    let long = |n: usize| "a".repeat(n);
    for (name, value, code) in [
        ("From", "", "ValidationError"),
        ("From", "yesterday", "ValidationError"),
        ("Till", "2027-02-29", "ValidationError"),
        ("Till", "1969-12-31", "ValidationError"),
        ("Till", "9999-12-31", ""),
        ("UserName", "", "ValidationError"),
        ("UserName", &long(64), ""),
        ("UserName", &long(65), "ValidationError"),
        ("ActionName", "", "ValidationError"),
        ("ActionName", &long(128), ""),
        ("ActionName", &long(129), "ValidationError"),
        ("ActionName", "\u{e9}*", ""),
        ("Order", "newest", "InvalidInput"),
        ("MaxItems", "0", "ValidationError"),
        ("MaxItems", "1000", ""),
        ("MaxItems", "1001", "ValidationError"),
        ("Marker", "", ""),
        ("Marker", "x", "InvalidInput"),
        // Not a number that somebody thought of.
        ("Marker", "1", "InvalidInput"),
    ] {
        for action in ["RSListAuditLog", "RSExportAuditLog"] {
            if action == "RSExportAuditLog" && ["Order", "MaxItems", "Marker"].contains(&name) {
                continue;
            }
            let told = bench.ask(&bench.root, action, &[(name, value)]).await;
            if code.is_empty() {
                told.good();
            } else {
                told.refused(400, code);
            }
        }
    }
    for (from, till) in [
        ("2027-01-16", "2027-01-14"),
        ("2027-01-16", "2027-01-15"),
        ("2027-01-16T00:00:00Z", "2027-01-15"),
        ("2027-01-16T00:00:01Z", "2027-01-16T00:00:00Z"),
    ] {
        let backwards = bench
            .ask(&bench.root, "RSListAuditLog", &[("From", from), ("Till", till)])
            .await;
        backwards.refused(400, "ValidationError");
    }
}

#[tokio::test]
async fn it_is_for_root_and_admins() {
    let bench = bench_with_entries().await;
    bench.user("bob@example.com").await;
    let promoted = [("Name", "bob@example.com"), ("Type", "admin")];
    bench.ask(&bench.root, "RSSetUserInfo", &promoted).await.good();
    let key = [("UserName", "bob@example.com")];
    let key = bench.ask(&bench.root, "CreateAccessKey", &key).await.good();
    let admin = bench.who(&common::element(&key.body, "AccessKeyId")).await.unwrap();
    let user = bench.user("cat@example.com").await;
    for action in ["RSListAuditLog", "RSExportAuditLog"] {
        bench.ask(&admin, action, &[]).await.good();
        bench.ask(&user, action, &[]).await.refused(403, "AccessDenied");
        bench
            .ask(&Principal::Nobody, action, &[])
            .await
            .refused(403, "MissingAuthenticationToken");
    }
}

#[tokio::test]
async fn an_export_has_the_lines_as_they_are_stored() {
    let bench = bench_with_entries().await;
    let told = bench.ask(&bench.root, "RSExportAuditLog", &[]).await.good();
    assert_eq!(told.headers["content-type"], "application/x-ndjson");
    let lines: Vec<Value> = told
        .body
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(numbers(&lines.into()), [1, 2, 3, 4]);
    assert!(told.body.starts_with("{\"sequence\":1,\"before\":\"0000") && told.body.ends_with("}\n"));
    let told = bench
        .ask(&bench.root, "RSExportAuditLog", &[("ActionName", "s3:*")])
        .await
        .good();
    assert_eq!(told.body.lines().count(), 1);
    let told = bench
        .ask(&bench.root, "RSExportAuditLog", &[("From", "2028-01-01")])
        .await
        .good();
    assert_eq!(told.body, "");
}
