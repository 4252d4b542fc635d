//! The capture-task door as a client sees it: routes, envelopes, codes, limits, both ways to sign, and who may ask.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_api_capture::tasks::ops::ROWS;
use baleen_http::{Peer, Verdict, Weight};
use baleen_signing::sdk::{self, Request as ToSign};
use baleen_signing::{AmzDate, sha256};
use baleen_types::{Secret, Timestamp};
use common::{ACCESS_KEY, ACCOUNT, Answer, EMPTY_FILE, SECRET_KEY, World, account, project};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

const HOST: &str = "capture.example:8080";
const INSTANCE: &str = "fw_instance_id=local";
const CREDENTIALS: &str = "APIGW.0301";

fn now() -> Timestamp {
    Timestamp::from_secs(1_800_000_000)
}

/// The example of seed 002.
fn dto() -> Value {
    json!({
        "name": "zhuabaotest",
        "max_packets": 100_000,
        "duration": 3,
        "hold_day": 7,
        "source": { "type": 0, "address_type": 0, "address": "1.1.1.1" },
        "destination": { "type": 0, "address_type": 0, "address": "2.2.2.2" },
        "service": { "protocol": -1, "source_port": "", "dest_port": "" },
    })
}

/// The request with one member changed, which is given as a pointer; null takes it out.
fn dto_with(pointer: &str, value: &Value) -> Value {
    let mut asked = dto();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = asked.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    parent.insert(name.to_owned(), value.clone());
    asked
}

fn path(rest: &str) -> String {
    format!("/v1/{}/capture-task{rest}", project(ACCOUNT))
}

trait Told {
    fn fault(&self) -> &str;
    fn data(&self) -> &Value;
}

impl Told for Answer {
    fn fault(&self) -> &str {
        assert_eq!(self.body.as_object().unwrap().len(), 2, "{self:?}");
        assert!(self.body["error_msg"].is_string(), "{self:?}");
        assert!(!self.status.is_success(), "clients look at the status alone: {self:?}");
        self.body["error_code"].as_str().unwrap()
    }

    fn data(&self) -> &Value {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        &self.body["data"]
    }
}

impl World {
    /// Sends a request of the first account's root user, by token.
    async fn ask(&self, method: Method, rest: &str, body: impl Into<Option<Value>>) -> Answer {
        let body = body.into().map(|body: Value| body.to_string().into_bytes());
        let headers = [
            ("x-auth-token", "root-1"),
            ("host", HOST),
            ("content-type", "application/json"),
        ];
        self.send(method, &path(rest), &headers, body).await
    }

    async fn create(&self, name: &str) -> String {
        let asked = dto_with("/name", &json!(name));
        let answer = self.ask(Method::POST, &format!("?{INSTANCE}"), asked).await;
        assert_eq!(answer.data()["name"], name);
        answer.data()["id"].as_str().unwrap().to_owned()
    }

    async fn records(&self) -> Vec<Value> {
        let listed = self
            .ask(Method::GET, &format!("?{INSTANCE}&limit=1024&offset=0"), None)
            .await;
        listed.data()["records"].as_array().unwrap().clone()
    }

    async fn until_status(&self, id: &str, status: u64) -> Value {
        let wait = async {
            loop {
                let records = self.records().await;
                let found = records.into_iter().find(|task| task["task_id"] == id).unwrap();
                if found["status"] == status {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait).await.expect(id)
    }

    async fn stop(&self, id: &str) -> Answer {
        let rest = format!("/stop?{INSTANCE}");
        self.ask(Method::POST, &rest, json!({ "task_id": id })).await
    }

    /// A task that was stopped.
    async fn stopped(&self, name: &str) -> String {
        let id = self.create(name).await;
        self.until_status(&id, 2).await;
        self.stop(&id).await.data();
        self.until_status(&id, 4).await;
        id
    }

    async fn delete(&self, body: Value) -> Answer {
        self.ask(Method::POST, &format!("/batch-delete?{INSTANCE}"), body).await
    }

    async fn result(&self, rest: &str) -> Answer {
        self.ask(Method::GET, &format!("/capture-result?{INSTANCE}&{rest}"), None)
            .await
    }

    /// Follows a link, as nobody.
    async fn follow(&self, url: &str, headers: &[(&str, &str)]) -> (u16, http::HeaderMap, bytes::Bytes) {
        let path = url.strip_prefix(&format!("http://{HOST}")).unwrap();
        let (status, headers, body) = self.send_raw(Method::GET, path, headers, None).await;
        (status.as_u16(), headers, body)
    }
}

/// The headers of a request that is signed.
fn signed<'h>(
    (method, target): (&Method, &str),
    headers: &[(&'h str, String)],
    body: &[u8],
    at: Timestamp,
) -> Vec<(&'h str, String)> {
    let mut all = headers.to_vec();
    all.push(("x-sdk-date", at.to_basic()));
    all.sort();
    let lines: Vec<_> = all.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let request = ToSign {
        method: method.as_str(),
        path,
        query,
        headers: &lines,
        body: sha256(body),
    };
    let date = AmzDate::from_timestamp(at);
    let authorization = sdk::authorization(&request, date, ACCESS_KEY, &Secret::new(SECRET_KEY));
    all.push(("authorization", authorization));
    all
}

#[tokio::test]
async fn every_row_as_everybody() {
    let world = World::new();
    let query = format!("?{INSTANCE}&limit=1&offset=0&task_id=x");
    for row in ROWS {
        let own = path(&format!("{}{query}", row.path));
        let strange = format!("/v1/not-a-project/capture-task{}{query}", row.path);
        for (who, path, expected) in [
            ("root-1", &own, None),
            ("root-2", &own, Some((400, "CFW.00200005"))),
            ("admin-2", &own, Some((400, "CFW.00200005"))),
            ("admin-1", &own, Some((403, "APIGW.0302"))),
            ("user-1", &own, Some((403, "APIGW.0302"))),
            ("", &own, Some((401, CREDENTIALS))),
            ("stranger", &own, Some((401, CREDENTIALS))),
            ("root-1", &strange, Some((400, "CFW.00200005"))),
            ("", &strange, Some((401, CREDENTIALS))),
        ] {
            let headers = [("x-auth-token", who)];
            let headers = if who.is_empty() { &[][..] } else { &headers };
            let answer = world
                .send(row.method.clone(), path, headers, Some(b"{}".to_vec()))
                .await;
            match expected {
                Some((status, code)) => {
                    assert_eq!(
                        (answer.status.as_u16(), answer.fault()),
                        (status, code),
                        "{} {who}",
                        row.name
                    );
                }
                // What root gets depends on the row; it is not a refusal.
                None => assert!(
                    ![401, 403].contains(&answer.status.as_u16()),
                    "{}: {answer:?}",
                    row.name
                ),
            }
        }
    }
}

#[tokio::test]
async fn tokens_and_signatures() {
    let world = World::new();
    let target = path(&format!("?limit=10&offset=0&{INSTANCE}&enterprise_project_id=0"));
    let id = project(ACCOUNT).to_string();
    let plain = |id: &str| {
        vec![
            ("content-type", "application/json".to_owned()),
            ("host", HOST.to_owned()),
            ("x-project-id", id.to_owned()),
        ]
    };
    let good = || signed((&Method::GET, &target), &plain(&id), b"", now());
    let with = |name: &'static str, value: &str| {
        let mut headers = good();
        headers.retain(|(header, _)| *header != name);
        headers.push((name, value.to_owned()));
        headers
    };
    let authorization = good().pop().unwrap().1;
    let by = |key: &str| with("authorization", &authorization.replace(ACCESS_KEY, key));
    let token = |token: &str| vec![("x-auth-token", token.to_owned())];
    let both = |token: &str| [good(), vec![("x-auth-token", token.to_owned())]].concat();
    let other = project(2).to_string();
    let day_off = now().plus(Duration::from_secs(15 * 60 + 1));
    for (case, headers, status) in [
        ("signed", good(), 200),
        ("token", token("root-1"), 200),
        // With both the token counts.
        ("both", both("root-1"), 200),
        ("a wrong token beside a signature", both("nobody"), 401),
        (
            "a token beside a wrong signature",
            [with("host", "other"), token("root-1")].concat(),
            200,
        ),
        ("nothing", vec![], 401),
        ("a bearer", vec![("authorization", "Bearer root-1".to_owned())], 401),
        ("another host", with("host", "capture.example:8081"), 401),
        ("another date", with("x-sdk-date", "20270115T080001Z"), 401),
        (
            "no date",
            good().into_iter().filter(|(name, _)| *name != "x-sdk-date").collect(),
            401,
        ),
        ("late", signed((&Method::GET, &target), &plain(&id), b"", day_off), 401),
        ("an unknown key", by("AKEXAMPLE0000000001"), 401),
        ("a key of nobody who may act", by("suspended"), 401),
        ("no signature", with("authorization", "SDK-HMAC-SHA256 Access=a"), 401),
        (
            "another algorithm",
            with(
                "authorization",
                &authorization.replace("SDK-HMAC-SHA256", "V11-HMAC-SHA256"),
            ),
            401,
        ),
        (
            "unsigned payload",
            with("x-sdk-content-sha256", "UNSIGNED-PAYLOAD"),
            401,
        ),
        // Rightly signed, for another project than that of the path.
        (
            "another project",
            signed((&Method::GET, &target), &plain(&other), b"", now()),
            401,
        ),
        (
            "another project by token",
            [token("root-1"), vec![("x-project-id", other.clone())]].concat(),
            401,
        ),
        ("keys cannot be looked up", by("outage"), 503),
        ("tokens cannot be looked up", token("outage"), 503),
    ] {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = world.send(Method::GET, &target, &headers, None).await;
        assert_eq!(answer.status, status, "{case}: {answer:?}");
        match status {
            200 => assert_eq!(answer.data()["total"], 0),
            401 => {
                let message = answer.body["error_msg"].as_str().unwrap();
                assert!(
                    message.starts_with("Incorrect IAM authentication information: "),
                    "{case}: {message}"
                );
                assert_eq!(answer.fault(), CREDENTIALS, "{case}");
            }
            _ => {
                assert_eq!(answer.fault(), "CFW.00109004", "{case}");
                assert!(answer.headers.contains_key("retry-after"));
            }
        }
    }
    // A signed body is the one that counts.
    let target = path(&format!("?{INSTANCE}"));
    for (sent, status) in [(dto(), 200), (dto_with("/name", &json!("other")), 401)] {
        let headers = signed(
            (&Method::POST, &target),
            &plain(&id),
            dto().to_string().as_bytes(),
            now(),
        );
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = world
            .send(Method::POST, &target, &headers, Some(sent.to_string().into_bytes()))
            .await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
}

#[tokio::test]
async fn routes() {
    let world = World::new();
    for (method, target) in [
        (Method::GET, "/v1/"),
        (Method::GET, "/v1/p"),
        (Method::PUT, "/v1/p/capture-task"),
        (Method::GET, "/v1/p/capture-task/nonsense"),
        (Method::POST, "/v1/p/capture-task/capture-result"),
        (Method::GET, "/v1/p/capture-task/file/"),
        (Method::GET, "/v1/p/firewalls"),
    ] {
        let answer = world.send(method, target, &[("x-auth-token", "root-1")], None).await;
        assert_eq!(
            (answer.status.as_u16(), answer.fault()),
            (404, "APIGW.0101"),
            "{target}"
        );
    }
    // What is not below /v1/ is the other door's.
    for target in ["/", "/v1", "/v2/p/capture-task", "/client/v4/nonsense"] {
        let answer = world.send(Method::GET, target, &[], None).await;
        assert_eq!(answer.body["errors"][0]["code"], 7003, "{target}");
    }
}

#[tokio::test]
async fn members_of_queries() {
    let world = World::new();
    let id = world.stopped("a").await;
    for (rest, expected) in [
        ("limit=1&offset=0", Some("CFW.00200001")),
        ("fw_instance_id=&limit=1&offset=0", Some("CFW.00200001")),
        (
            "fw_instance_id=local&fw_instance_id=local&limit=1&offset=0",
            Some("CFW.00200001"),
        ),
        ("fw_instance_id=nowhere&limit=1&offset=0", Some("CFW.00200005")),
        (
            "fw_instance_id=ebf891cd-2163-48a0-9963-6309f99dd3c4&limit=1&offset=0",
            Some("CFW.00200005"),
        ),
        ("fw_instance_id=a%20b&limit=1&offset=0", Some("CFW.00200005")),
        ("fw_instance_id=%ff&limit=1&offset=0", Some("CFW.00200001")),
        ("fw_instance_id=local&offset=0", Some("CFW.00200001")),
        ("fw_instance_id=local&limit=1", Some("CFW.00200001")),
        ("fw_instance_id=local&limit=0&offset=0", Some("CFW.00200001")),
        ("fw_instance_id=local&limit=1025&offset=0", Some("CFW.00200001")),
        ("fw_instance_id=local&limit=1&offset=-1", Some("CFW.00200001")),
        ("fw_instance_id=local&limit=1.5&offset=0", Some("CFW.00200001")),
        ("fw_instance_id=local&limit=ten&offset=0", Some("CFW.00200001")),
        ("fw_instance_id=LOCAL&limit=1024&offset=0", None),
        (
            "fw_instance_id=local&limit=1&offset=18446744073709551615&enterprise_project_id=default",
            None,
        ),
        (
            "fw_instance_id=local&limit=1&offset=0&enterprise_project_id=a-b-c&unknown=1&unknown=2",
            None,
        ),
    ] {
        let answer = world.ask(Method::GET, &format!("?{rest}"), None).await;
        match expected {
            Some(code) => assert_eq!((answer.status.as_u16(), answer.fault()), (400, code), "{rest}"),
            None => assert_eq!(answer.data()["total"], 1, "{rest}"),
        }
    }
    for (rest, expected) in [
        ("type=0".to_owned(), "CFW.00200001"),
        ("task_id=".to_owned(), "CFW.00200001"),
        ("task_id=nonsense".to_owned(), "CFW.00200005"),
        (
            "task_id=ebf891cd-2163-48a0-9963-6309f99dd3c4".to_owned(),
            "CFW.00200005",
        ),
        (format!("task_id={id}&type=2"), "CFW.00200001"),
        (format!("task_id={id}&type=1"), "CFW.00200001"),
        (format!("task_id={id}&type=1&ip="), "CFW.00200001"),
        (format!("task_id={id}&type=1&ip=1.1.1.1&ip=one"), "CFW.00200027"),
        (format!("task_id={id}&type=1&ip=10.0.0.0/8"), "CFW.00200027"),
        (
            format!("task_id={id}&type=1{}", "&ip=1.1.1.1".repeat(101)),
            "CFW.00200024",
        ),
    ] {
        let answer = world.result(&rest).await;
        assert_eq!((answer.status.as_u16(), answer.fault()), (400, expected), "{rest}");
    }
}

/// All that is wrong is told, each with its name and its bounds, under the code of the first.
#[tokio::test]
async fn every_mistake_is_told() {
    let world = World::new();
    let mut asked = dto();
    asked["duration"] = json!(1441);
    asked["max_packets"] = json!(0);
    asked["hold_day"] = json!(9);
    asked["source"] = json!({ "type": 3, "address_type": 7, "address": "example.com" });
    asked["service"] = json!({ "protocol": 132, "source_port": "0" });
    let answer = world.ask(Method::POST, &format!("?{INSTANCE}"), asked).await;
    assert_eq!((answer.status.as_u16(), answer.fault()), (400, "CFW.00200001"));
    assert_eq!(
        answer.body["error_msg"],
        "wrong param: duration must be a whole number from 1 to 1440; max_packets must be a whole number from 1 to 1000000; \
         address type error: source.address_type must be a whole number from 0 to 1; source.type must be 0; \
         address error: source.address: an address, a block such as 10.0.0.0/8, or a range such as 10.0.0.1-10.0.0.9 is expected; \
         config type error: service.protocol must be 6 (TCP), 17 (UDP), 1 (ICMP), 58 (ICMPv6) or -1 (any); \
         wrong param: service.source_port: ports from 1 to 65535 are expected, as in 80 or 80,8000-8080; \
         hold_day must be a whole number from 1 to 7"
    );
    let answer = world.ask(Method::POST, &format!("?{INSTANCE}"), json!({})).await;
    assert_eq!(
        answer.body["error_msg"],
        "empty param: name is required; duration is required; max_packets is required; address is null: source needs an address, \
         an address_type and a type; destination needs an address, an address_type and a type; empty param: service is required"
    );
    let answer = world
        .ask(Method::GET, "?fw_instance_id=local&limit=0&offset=x", None)
        .await;
    assert_eq!(
        answer.body["error_msg"],
        "wrong param: limit must be a whole number from 1 to 1024; offset must be a whole number of at least 0"
    );
}

/// The id of a task with its hyphens and without is the same one.
#[tokio::test]
async fn ids_are_taken_with_and_without_hyphens() {
    let world = World::new();
    let id = world.stopped("a").await;
    let plain = id.replace('-', "");
    for spelled in [plain.clone(), id.to_uppercase(), plain.to_uppercase()] {
        let answer = world.result(&format!("task_id={spelled}")).await;
        assert!(answer.status.is_success(), "{spelled}: {answer:?}");
    }
    let target = format!("/batch-delete?{INSTANCE}");
    let answer = world.ask(Method::POST, &target, json!({ "task_ids": [plain] })).await;
    assert!(answer.status.is_success(), "{answer:?}");
}

/// Who signs in another way, or sends a token as the other door has it, is told what is taken here.
#[tokio::test]
async fn credentials_of_another_way_are_told_what_is_taken() {
    let world = World::new();
    let target = path(&format!("?{INSTANCE}&limit=1&offset=0"));
    for authorization in [
        "Bearer root-1",
        "AWS4-HMAC-SHA256 Credential=a",
        "Basic eA==",
        "SDK-HMAC-SHA1 Access=a",
    ] {
        let answer = world
            .send(Method::GET, &target, &[("authorization", authorization)], None)
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.fault()),
            (401, "APIGW.0301"),
            "{answer:?}"
        );
        let message = answer.body["error_msg"].as_str().unwrap();
        assert!(
            message.contains("SDK-HMAC-SHA256") && message.contains("X-Auth-Token"),
            "{message}"
        );
        assert!(!message.contains("malformed"), "{message}");
    }
}

#[tokio::test]
async fn every_member_of_a_task() {
    let world = World::new();
    let v6 = |address: &str| json!({ "type": 0, "address_type": 1, "address": address });
    let v4 = |address: &str| json!({ "type": 0, "address_type": 0, "address": address });
    let service = |protocol: i64, source: &str| json!({ "protocol": protocol, "source_port": source });
    let ports = |count: usize| vec!["1"; count].join(",");
    let good = "";
    let (param, kind, bad_type, family, address, null) = (
        "CFW.00200001",
        "CFW.00200010",
        "CFW.00200030",
        "CFW.00200028",
        "CFW.00200027",
        "CFW.00200041",
    );
    for (pointer, value, code) in [
        ("/name", json!("ü".repeat(255)), good),
        ("/name", json!("ü".repeat(256)), param),
        ("/name", json!(""), param),
        ("/name", json!(null), param),
        ("/name", json!(5), param),
        ("/duration", json!(1), good),
        ("/duration", json!(1440), good),
        ("/duration", json!(0), param),
        ("/duration", json!(1441), param),
        ("/duration", json!(-1), param),
        ("/duration", json!(3.0), param),
        ("/duration", json!("3"), param),
        ("/duration", json!(null), param),
        ("/duration", json!(u64::MAX), param),
        ("/max_packets", json!(1), good),
        ("/max_packets", json!(1_000_000), good),
        ("/max_packets", json!(0), param),
        ("/max_packets", json!(1_000_001), param),
        ("/max_packets", json!(true), param),
        ("/max_packets", json!(null), param),
        ("/hold_day", json!(1), good),
        ("/hold_day", json!(null), good),
        ("/hold_day", json!(0), param),
        ("/hold_day", json!(8), param),
        ("/hold_day", json!("7"), param),
        ("/source", json!(null), null),
        ("/source", json!("1.1.1.1"), param),
        ("/source", json!({}), null),
        ("/source/address", json!(null), null),
        ("/source/address", json!(""), null),
        ("/source/address", json!(1), address),
        ("/source/address", json!("1.1.1"), address),
        ("/source/address", json!("example.com"), address),
        ("/source/address", json!("1.1.1.9-1.1.1.1"), address),
        ("/source/address", json!("1.1.1.1-::1"), address),
        ("/source/address", json!("10.0.0.0/33"), address),
        ("/source/address", json!("0.0.0.0/0"), good),
        ("/source/address", json!("10.0.0.0/8"), good),
        ("/source/address", json!("10.0.0.1-10.0.0.9"), good),
        ("/source/address", json!("::1"), family),
        ("/source/address_type", json!(1), family),
        ("/source/address_type", json!(2), bad_type),
        ("/source/address_type", json!(-1), bad_type),
        ("/source/address_type", json!("0"), param),
        ("/source/address_type", json!(null), param),
        ("/source/type", json!(1), bad_type),
        ("/source/type", json!(null), param),
        ("/destination", v6("::1"), family),
        ("/destination", json!(null), null),
        ("/destination", v4("0.0.0.0/0"), good),
        ("/service", json!(null), param),
        ("/service", json!([]), param),
        ("/service", json!({}), param),
        ("/service/protocol", json!(null), param),
        ("/service/protocol", json!("6"), param),
        ("/service/protocol", json!(0), kind),
        ("/service/protocol", json!(132), kind),
        ("/service/protocol", json!(256), kind),
        ("/service/protocol", json!(-2), kind),
        ("/service", service(6, ""), good),
        ("/service", service(17, "53,5353,8000-8100"), good),
        ("/service", service(-1, "1-65535"), good),
        ("/service", service(1, ""), good),
        ("/service", service(1, "80"), kind),
        ("/service", service(58, ""), kind),
        ("/service", service(6, "0"), param),
        ("/service", service(6, "65536"), param),
        ("/service", service(6, "90-80"), param),
        ("/service", service(6, "80,"), param),
        ("/service", service(6, "http"), param),
        ("/service", service(6, &ports(64)), good),
        ("/service", service(6, &ports(65)), param),
        ("/service", json!({ "protocol": 6, "dest_port": 80 }), param),
        ("/service", json!({ "protocol": 6, "dest_port": null }), good),
        ("/bidirectional", json!(true), good),
        ("/bidirectional", json!("yes"), param),
        ("/unknown", json!(1), good),
    ] {
        let asked = dto_with(pointer, &value);
        let answer = world.ask(Method::POST, &format!("?{INSTANCE}"), asked).await;
        if code != good {
            assert_eq!(
                (answer.status.as_u16(), answer.fault()),
                (400, code),
                "{pointer} {value}: {answer:?}"
            );
            continue;
        }
        let id = answer.data()["id"]
            .as_str()
            .unwrap_or_else(|| panic!("{pointer} {value}: {answer:?}"))
            .to_owned();
        world.until_status(&id, 2).await;
        world.stop(&id).await.data();
        world.until_status(&id, 4).await;
        world.delete(json!({ "task_ids": [id] })).await.data();
    }
    // ICMPv6 is of IPv6.
    for (protocol, expected) in [(58, StatusCode::OK), (1, StatusCode::BAD_REQUEST)] {
        let mut asked = dto_with("/source", &v6("2001:db8::/32"));
        asked["destination"] = v6("::/0");
        asked["service"] = service(protocol, "");
        let answer = world.ask(Method::POST, &format!("?{INSTANCE}"), asked).await;
        assert_eq!(answer.status, expected, "{answer:?}");
    }
    for body in ["", "{", "[]", "\"a\"", "null", "{\"name\": \"a\"", "\u{feff}{}"] {
        let headers = [("x-auth-token", "root-1")];
        let target = path(&format!("?{INSTANCE}"));
        let answer = world.send(Method::POST, &target, &headers, Some(body.into())).await;
        assert_eq!(
            (answer.status.as_u16(), answer.fault()),
            (400, "CFW.00300001"),
            "{body}"
        );
    }
    let large = vec![b' '; (256 << 10) + 1];
    let target = path(&format!("?{INSTANCE}"));
    let answer = world
        .send(Method::POST, &target, &[("x-auth-token", "root-1")], Some(large))
        .await;
    assert_eq!((answer.status.as_u16(), answer.fault()), (413, "CFW.00300001"));
}

#[tokio::test]
async fn the_life_of_a_task() {
    let world = World::new();
    let answer = world
        .ask(
            Method::POST,
            &format!("?{INSTANCE}&enterprise_project_id=default"),
            dto(),
        )
        .await;
    let id = answer.data()["id"].as_str().unwrap().to_owned();
    assert_eq!(*answer.data(), json!({ "id": id, "name": "zhuabaotest" }));
    let running = world.until_status(&id, 2).await;
    assert_eq!(
        running,
        json!({
            "task_id": id, "name": "zhuabaotest", "status": 2, "duration": 3, "max_packets": 100_000, "protocol": -1,
            "source_address": "1.1.1.1", "source_address_type": 0, "source_port": "",
            "dest_address": "2.2.2.2", "dest_address_type": 0, "dest_port": "",
            "created_date": "2027/01/15 08:00:00", "modified_date": "2027/01/15 08:00:00",
            "capture_size": "1kb", "remaining_days": 7, "is_deleted": 0,
        })
    );
    assert_eq!(world.result(&format!("task_id={id}")).await.fault(), "CFW.00200016");
    assert_eq!(world.delete(json!({ "task_ids": [id] })).await.fault(), "CFW.00200004");
    let again = world.ask(Method::POST, &format!("?{INSTANCE}"), dto()).await;
    assert_eq!((again.status.as_u16(), again.fault()), (400, "CFW.00200007"));

    for (body, code) in [
        (json!({}), "CFW.00200001"),
        (json!({ "task_id": "" }), "CFW.00200001"),
        (json!({ "task_id": 5 }), "CFW.00200001"),
        (json!({ "task_id": "nonsense" }), "CFW.00200005"),
        (
            json!({ "task_id": "ebf891cd-2163-48a0-9963-6309f99dd3c4" }),
            "CFW.00200005",
        ),
    ] {
        let answer = world
            .ask(Method::POST, &format!("/stop?{INSTANCE}"), body.clone())
            .await;
        assert_eq!((answer.status.as_u16(), answer.fault()), (400, code), "{body}");
    }
    world.clock.advance(Duration::from_secs(61));
    let stopped = world.stop(&id).await;
    assert_eq!(*stopped.data(), json!({ "id": id, "name": "zhuabaotest" }));
    let stopped = world.until_status(&id, 4).await;
    assert_eq!(stopped["modified_date"], "2027/01/15 08:01:01");
    assert_eq!(world.stop(&id).await.fault(), "CFW.00200016");

    for (body, code) in [
        (json!({}), "CFW.00200001"),
        (json!({ "task_ids": [] }), "CFW.00200001"),
        (json!({ "task_ids": id }), "CFW.00200001"),
        (json!({ "task_ids": [5] }), "CFW.00200001"),
        (json!({ "task_ids": [id, "nonsense"] }), "CFW.00200005"),
        (
            json!({ "task_ids": [id, "ebf891cd-2163-48a0-9963-6309f99dd3c4"] }),
            "CFW.00200005",
        ),
    ] {
        let answer = world.delete(body.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.fault()), (400, code), "{body}");
    }
    assert_eq!(world.records().await.len(), 1);
    let deleted = world.delete(json!({ "task_ids": [id, id.to_uppercase()] })).await;
    assert_eq!(*deleted.data(), json!({ "id": "local", "name": "local" }));
    assert!(world.records().await.is_empty());
    let many: Vec<_> = (0..101)
        .map(|n| format!("ebf891cd-2163-48a0-9963-6309f99dd{n:03x}"))
        .collect();
    assert_eq!(world.delete(json!({ "task_ids": many })).await.fault(), "CFW.00200024");
}

#[tokio::test]
async fn pages() {
    let world = World::new();
    let mut names = Vec::new();
    for n in 0..3 {
        world.stopped(&format!("task {n}")).await;
        names.insert(0, format!("task {n}"));
        world.clock.advance(Duration::from_secs(1));
    }
    for (limit, offset, expected) in [(2, 0, &names[..2]), (2, 2, &names[2..]), (1024, 3, &[])] {
        let rest = format!("?{INSTANCE}&limit={limit}&offset={offset}");
        let answer = world.ask(Method::GET, &rest, None).await;
        let data = answer.data();
        assert_eq!(
            (&data["limit"], &data["offset"], &data["total"]),
            (&json!(limit), &json!(offset), &json!(3))
        );
        let found: Vec<_> = data["records"]
            .as_array()
            .unwrap()
            .iter()
            .map(|task| &task["name"])
            .collect();
        assert_eq!(found, expected.iter().collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn so_many_at_once() {
    let world = World::new();
    for n in 0..4 {
        world.create(&format!("task {n}")).await;
    }
    let fifth = world.ask(Method::POST, &format!("?{INSTANCE}"), dto()).await;
    assert_eq!((fifth.status.as_u16(), fifth.fault()), (400, "CFW.00200024"));
}

#[tokio::test]
async fn results_are_links_that_need_nothing_else() {
    let world = World::new();
    let id = world.stopped("a").await;
    let hex = id.replace('-', "");
    let answer = world.result(&format!("task_id={id}")).await;
    let data = answer.data();
    let url = data["file_list"][0]["url"].as_str().unwrap().to_owned();
    let name = format!("pcap_{hex}.pcap");
    assert_eq!(
        *data,
        json!({
            "file_list": [{ "file_name": name, "url": url, "file_path": name }],
            "request_header": { "Host": HOST },
        })
    );
    let (status, headers, body) = world.follow(&url, &[("host", HOST)]).await;
    assert_eq!((status, &body[..]), (200, EMPTY_FILE));
    assert_eq!(headers["content-type"], "application/vnd.tcpdump.pcap");
    assert_eq!(headers["content-length"], EMPTY_FILE.len().to_string());
    assert_eq!(
        headers["content-disposition"],
        format!("attachment; filename=\"{name}\"")
    );
    assert_eq!(headers["cache-control"], "private, no-store");
    for (range, status, content_range, expected) in [
        ("bytes=0-3", 206, Some("bytes 0-3/24"), &EMPTY_FILE[..4]),
        ("bytes=-4", 206, Some("bytes 20-23/24"), &EMPTY_FILE[20..]),
        ("bytes=20-999", 206, Some("bytes 20-23/24"), &EMPTY_FILE[20..]),
        ("bytes=1-1,3-3", 200, None, EMPTY_FILE),
        ("lines=1-1", 200, None, EMPTY_FILE),
        ("bytes=24-", 416, Some("bytes */24"), &[]),
    ] {
        let (found, headers, body) = world.follow(&url, &[("range", range)]).await;
        let told = headers.get("content-range").map(|value| value.to_str().unwrap());
        assert_eq!((found, told), (status, content_range), "{range}");
        if status != 416 {
            assert_eq!(&body[..], expected, "{range}");
        }
    }
    // A link says who may read; the audit log of the owner, that somebody did.
    let event = world.book.0.lock().unwrap().pop().unwrap();
    let deed = event.deed.unwrap();
    assert_eq!((event.door, event.operation), ("tasks", "GetCaptureFile"));
    assert_eq!((deed.weight, deed.account), (Weight::Data, Some(account(ACCOUNT))));
    assert_eq!(deed.resource, format!("arn:aws:cfw:::capture-task/{hex}"));

    let (project, other) = (project(ACCOUNT).to_string(), project(2).to_string());
    let broken = format!("{}A", &url[..url.len() - 1]);
    for wrong in [
        url.replace(&project, &other),
        format!("{url}A"),
        broken,
        url.replace(&project, "p"),
    ] {
        let (status, _, body) = world.follow(&wrong, &[]).await;
        assert!(status == 401 || wrong == url, "{wrong}: {status} {body:?}");
    }
    // A gate that is shut for the account is shut for its links.
    *world.gate.0.lock().unwrap() = Some(account(ACCOUNT));
    assert_eq!(world.follow(&url, &[]).await.0, 403);
    assert_eq!(world.result(&format!("task_id={id}")).await.fault(), "APIGW.0302");
    *world.gate.0.lock().unwrap() = None;
    assert_eq!(world.follow(&url, &[]).await.0, 200);
    world.clock.advance(Duration::from_mins(30));
    assert_eq!(world.follow(&url, &[]).await.0, 401);
    // When the days are over there is no task.
    world.clock.advance(Duration::from_hours(7 * 24));
    assert_eq!(world.result(&format!("task_id={id}")).await.fault(), "CFW.00200005");
}

#[tokio::test]
async fn links_for_some_addresses() {
    let world = World::new();
    let id = world.stopped("a").await;
    for (ips, from, status) in [
        ("&ip=192.0.2.7&ip=2001:db8::7", "192.0.2.7:1", 200),
        ("&ip=192.0.2.7&ip=2001:db8::7", "[2001:db8::7]:1", 200),
        ("&ip=192.0.2.6,192.0.2.7", "192.0.2.7:1", 200),
        ("&ip=192.0.2.6,%20192.0.2.7", "192.0.2.7:1", 200),
        ("&ip=192.0.2.7&ip=2001:db8::7", "192.0.2.8:1", 401),
        ("&ip=::ffff:192.0.2.7", "192.0.2.7:1", 200),
    ] {
        let answer = world.result(&format!("task_id={id}&type=1{ips}")).await;
        let url = answer.data()["file_list"][0]["url"].as_str().unwrap().to_owned();
        let path = url.strip_prefix(&format!("http://{HOST}")).unwrap();
        let mut request = http::Request::get(path)
            .body(baleen_http::RequestBody::empty())
            .unwrap();
        request.extensions_mut().insert(Peer(from.parse().unwrap()));
        let response = world.edge.handle(request).await;
        assert_eq!(response.status(), status, "{ips} from {from}");
    }
}

#[tokio::test]
async fn who_did_what_is_told() {
    let world = World::new();
    let id = world.create("a").await;
    let hex = id.replace('-', "");
    world.until_status(&id, 2).await;
    world.stop(&id).await.data();
    let denied = [("x-auth-token", "user-1")];
    world
        .send(
            Method::POST,
            &path(&format!("/stop?{INSTANCE}")),
            &denied,
            Some(b"{}".to_vec()),
        )
        .await;
    let events = world.book.0.lock().unwrap();
    let told: Vec<_> = events
        .iter()
        .filter_map(|event| {
            let deed = event.deed.as_ref()?;
            (deed.weight == Weight::Change).then_some((deed.action, deed.resource.as_str(), deed.verdict))
        })
        .collect();
    let this = format!("arn:aws:cfw:::capture-task/{hex}");
    assert_eq!(
        told,
        [
            ("cfw:CreateCaptureTask", this.as_str(), Verdict::Allowed),
            ("cfw:StopCaptureTask", &this, Verdict::Allowed),
            ("cfw:StopCaptureTask", "arn:aws:cfw:::capture-task/*", Verdict::Denied),
        ]
    );
}
