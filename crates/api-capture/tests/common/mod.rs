//! The door behind its edge, on a real service with an agent that waits for the test.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, missing_docs, reason = "a test fails by panicking")]

use async_trait::async_trait;
use baleen_api_capture::{PcapsDoor, TaskDoor};
use baleen_blob::{Blobs, Settings as BlobSettings};
use baleen_capture::{
    Agent, AgentError, Captures, Catch, Counts, Destination, Ended, Order, Parts, Past, PastQuery, Piece, Quota,
    Running, Settings, Site, Sites,
};
use baleen_http::{
    AccountRegions, Barred, BodyFault, Credentials, DoorNames, Edge, Event, Gate, KeyRecord, Lookup, Recorder,
    RequestBody, SessionTokenRule, Unavailable, Unrecorded,
};
use baleen_meta::Meta;
use baleen_objects::{CreateBucket, Objects, Selection};
use baleen_policy::{Caller, DocumentKind, Origin, Policy, Principal, Role, TokenGrant, User};
use baleen_remote::Connections;
use baleen_runtime::{ManualClock, SeededEntropy, Shutdown, Supervisor};
use baleen_sealing::Sealer;
use baleen_types::{
    AccountId, BucketName, LinkType, ObjectPath, ProjectId, RegionName, Secret, SiteName, Timestamp, UserId, UserName,
};
use bytes::Bytes;
use futures::StreamExt as _;
use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt as _, Full};
use serde_json::Value;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tokio::sync::watch;
use zeroize::Zeroizing;

/// The account of most tests.
pub const ACCOUNT: u8 = 1;

/// A file without packets.
pub const EMPTY_FILE: &[u8] = b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\x04\0\x01\0\0\0";

pub struct World {
    pub edge: Arc<Edge>,
    pub book: Arc<Book>,
    pub gate: Arc<Turnstile>,
    pub captures: Arc<Captures>,
    pub objects: Arc<Objects>,
    pub supervisor: Supervisor,
    pub clock: Arc<ManualClock>,
    _dir: TempDir,
}

/// What the audit log was told.
#[derive(Default)]
pub struct Book(pub Mutex<Vec<Event>>);

#[async_trait]
impl Recorder for Book {
    async fn record(&self, event: Event) -> Result<(), Unrecorded> {
        self.0.lock().unwrap().push(event);
        Ok(())
    }
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// What it is as JSON, if it is that.
    pub body: Value,
    pub bytes: Vec<u8>,
}

impl Answer {
    /// The first error's code.
    pub fn code(&self) -> u64 {
        self.body["errors"][0]["code"].as_u64().unwrap_or_default()
    }

    pub fn message(&self) -> &str {
        self.body["errors"][0]["message"].as_str().unwrap_or_default()
    }

    /// The pointers of all errors.
    pub fn pointers(&self) -> Vec<&str> {
        let errors = self.body["errors"].as_array().unwrap();
        errors.iter().filter_map(|e| e["source"]["pointer"].as_str()).collect()
    }

    pub fn result(&self) -> &Value {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        &self.body["result"]
    }
}

/// The 32-hex id of a test account.
pub fn project(n: u8) -> ProjectId {
    ProjectId::from_bytes([n; 16])
}

pub fn account(n: u8) -> AccountId {
    AccountId::from_entropy(u64::from(n))
}

impl World {
    pub fn new() -> Self {
        Self::with(None, Quota::default())
    }

    /// One whose site keeps packets that went by, of which it always finds the same.
    pub fn looking_back(past: Past) -> Self {
        Self::with(Some(past), Quota::default())
    }

    /// One whose accounts may capture so much in a day.
    pub fn with_quota(quota: Quota) -> Self {
        Self::with(None, quota)
    }

    fn with(past: Option<Past>, quota: Quota) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = ManualClock::new(Timestamp::from_secs(1_800_000_000));
        let entropy = SeededEntropy::new(1);
        let volume = BlobSettings {
            segment_bytes: 1 << 20,
            segment_body_bytes_max: 256 << 10,
            reserve_bytes: 0,
            io_jobs_max: 8,
            transfer_bytes_max: 4 << 20,
        };
        let meta = Meta::open_model();
        let objects = Objects::new(
            baleen_objects::Settings::default(),
            baleen_objects::Parts {
                meta: meta.clone(),
                blobs: Blobs::open(&dir.path().join("blob"), volume, entropy.clone()).unwrap(),
                clock: clock.clone(),
                entropy: entropy.clone(),
                sealer: Arc::new(Sealer::new(&Zeroizing::new([7; 32]))),
            },
        );
        let supervisor = Supervisor::new(clock.clone(), Shutdown::new());
        let captures = Captures::new(
            Settings {
                quota,
                ..Settings::default()
            },
            Parts {
                meta,
                objects: objects.clone(),
                sites: Sites::new(vec![Site {
                    name: SiteName::parse("local").unwrap(),
                    groups: Vec::new(),
                    accounts: baleen_capture::Accounts::All,
                    agent: Arc::new(PatientAgent(past)),
                }]),
                sealer: Arc::new(Sealer::new(&Zeroizing::new([7; 32]))),
                clock: clock.clone(),
                entropy: entropy.clone(),
                supervisor: supervisor.clone(),
                connections: Connections::new(),
            },
        );
        let book = Arc::new(Book::default());
        let gate = Arc::new(Turnstile::default());
        let parts = baleen_http::Parts {
            audit: book.clone(),
            gate: gate.clone(),
            ..baleen_http::Parts::bare(Arc::new(Tokens), clock.clone(), entropy)
        };
        let tasks = TaskDoor::new(captures.clone(), gate.clone(), clock.clone());
        let edge = Edge::shared(
            vec![Arc::new(tasks)],
            Arc::new(PcapsDoor::new(captures.clone(), clock.clone())),
            DoorNames::default(),
            parts,
        );
        Self {
            edge,
            book,
            gate,
            captures,
            objects,
            supervisor,
            clock,
            _dir: dir,
        }
    }

    /// Sends a request as it stands.
    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<Vec<u8>>) -> Answer {
        let (status, headers, bytes) = self.send_raw(method, path, headers, body).await;
        let is_json = headers
            .get("content-type")
            .is_some_and(|kind| kind == "application/json");
        let body = if bytes.is_empty() || !is_json {
            Value::Null
        } else {
            serde_json::from_slice(&bytes).unwrap_or_else(|e| panic!("{e}: {bytes:?}"))
        };
        Answer {
            status,
            headers,
            body,
            bytes: bytes.to_vec(),
        }
    }

    /// The same, for an answer that may be no JSON.
    pub async fn send_raw(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> (StatusCode, HeaderMap, Bytes) {
        let mut request = http::Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = match body {
            None => RequestBody::empty(),
            Some(bytes) => {
                let full = Full::new(Bytes::from(bytes));
                RequestBody::boxed(full.map_err(|never: Infallible| -> BodyFault { match never {} }))
            }
        };
        let response = self.edge.handle(request.body(body).unwrap()).await;
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        assert!(
            head.headers.contains_key("x-request-id"),
            "every answer names the request"
        );
        let is_pcaps = !path.starts_with("/v1/");
        assert_eq!(head.headers.contains_key("cf-ray"), is_pcaps, "in the way of its door");
        (head.status, head.headers, bytes)
    }

    /// Sends a request of the first account's root user.
    pub async fn call(&self, method: Method, path: &str, body: impl Into<Option<Value>>) -> Answer {
        let path = format!("/client/v4/accounts/{}{path}", project(ACCOUNT));
        let body = body.into().map(|value| value.to_string().into_bytes());
        self.send(method, &path, &[("authorization", "Bearer root-1")], body)
            .await
    }

    pub async fn make_bucket(&self, owner: u8, name: &str) {
        let new = CreateBucket {
            owner: account(owner),
            name: BucketName::parse(name).unwrap(),
            region: RegionName::parse("us-east-1").unwrap(),
            object_lock: false,
        };
        self.objects.create_bucket(new).await.unwrap();
    }

    /// The bytes of an object.
    pub async fn read(&self, uri: &str, name: &str) -> Option<Vec<u8>> {
        let to = Destination::parse(uri).unwrap();
        let at = ObjectPath {
            bucket: to.bucket().clone(),
            key: to.key(name),
        };
        let mut body = self.objects.open(&at, Selection::Whole).await.ok()?.body;
        let mut bytes = Vec::new();
        while let Some(piece) = body.next().await {
            bytes.extend_from_slice(&piece.unwrap());
        }
        Some(bytes)
    }

    /// Makes a bucket and proves it, over the door.
    pub async fn proven(&self, uri: &str) {
        let bucket = Destination::parse(uri).unwrap().bucket().to_string();
        self.make_bucket(ACCOUNT, &bucket).await;
        let asked = serde_json::json!({ "destination_conf": uri });
        let created = self.call(Method::POST, "/pcaps/ownership", asked).await;
        let file = created.result()["filename"].as_str().unwrap().to_owned();
        let text = String::from_utf8(self.read(uri, &file).await.unwrap()).unwrap();
        let answer = serde_json::json!({ "destination_conf": uri, "ownership_challenge": text });
        let validated = self.call(Method::POST, "/pcaps/ownership/validate", answer).await;
        assert_eq!(validated.result()["status"], "success");
    }

    /// Waits until a capture has a status.
    pub async fn until(&self, id: &str, status: &str) -> Value {
        let wait = async {
            loop {
                let answer = self.call(Method::GET, &format!("/pcaps/{id}"), None).await;
                if answer.result()["status"] == status {
                    return answer.result().clone();
                }
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(20), wait)
            .await
            .expect(status)
    }
}

/// The key of the first account's root user.
pub const ACCESS_KEY: &str = "AKEXAMPLE0000000000";
pub const SECRET_KEY: &str = "skExample/secret+key=0123456789abcdef";

/// Lets everybody in until it is shut for an account.
#[derive(Default)]
pub struct Turnstile(pub Mutex<Option<AccountId>>);

#[async_trait]
impl Gate for Turnstile {
    async fn admit(&self, door: &str, principal: &Principal, origin: &Origin) -> Result<(), Barred> {
        match principal.user() {
            Some(user) => self.admit_to(door, user.account, origin).await,
            None => Ok(()),
        }
    }

    async fn admit_to(&self, door: &str, account: AccountId, _: &Origin) -> Result<(), Barred> {
        assert!(["pcaps", "tasks"].contains(&door), "{door}");
        if *self.0.lock().unwrap() == Some(account) {
            return Err(Barred::Withheld);
        }
        Ok(())
    }

    async fn regions_of(&self, _: AccountId) -> Result<AccountRegions, Barred> {
        Ok(AccountRegions::Any)
    }
}

/// Tokens say who they stand for: `root-1` is the root user of account 1.
struct Tokens;

#[async_trait]
impl Credentials for Tokens {
    async fn access_key(&self, id: &str) -> Result<Lookup<KeyRecord>, Unavailable> {
        Ok(match id {
            "outage" => return Err(Unavailable),
            "suspended" => Lookup::Suspended,
            ACCESS_KEY => Lookup::Found(KeyRecord {
                secret: Secret::new(SECRET_KEY),
                principal: principal("root-1").unwrap(),
                session_token: SessionTokenRule::None,
            }),
            _ => Lookup::Unknown,
        })
    }

    async fn api_token(&self, token: &str) -> Result<Lookup<Principal>, Unavailable> {
        if token == "outage" {
            return Err(Unavailable);
        }
        Ok(principal(token).into())
    }
}

fn principal(token: &str) -> Option<Principal> {
    let (who, n) = token.split_once('-')?;
    let n: u8 = n.parse().ok()?;
    let role = match who {
        "root" => Role::Root,
        "admin" => Role::Admin,
        "user" | "planner" | "denied" => Role::User,
        _ => return None,
    };
    let policy = match who {
        "planner" => Some(r#"{"Statement": {"Effect": "Allow", "Action": "pcaps:ManageSchedules", "Resource": "*"}}"#),
        "denied" => Some(
            r#"{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"},
                              {"Effect": "Deny", "Action": "pcaps:CreateCapture", "Resource": "*"}]}"#,
        ),
        _ => None,
    };
    let name = UserName::parse(&format!("{token}.example").replace('-', "@")).unwrap();
    let user = User::new(account(n), project(n), UserId::from_entropy(u64::from(n)), name, role);
    let grant = TokenGrant {
        short_id: "000000".into(),
        must_log_in: false,
    };
    let policies = policy.map(|text| Arc::new(Policy::parse(text, DocumentKind::Identity).unwrap()));
    let caller = Caller {
        policies: policies.into_iter().collect(),
        ..Caller::with_token(user, grant)
    };
    Some(caller.into())
}

/// An agent that catches three packets and then waits until it is asked to stop.
struct PatientAgent(Option<Past>);

struct Waiting(watch::Sender<bool>);

#[async_trait]
impl Agent for PatientAgent {
    async fn links(&self) -> Vec<LinkType> {
        vec![LinkType::ETHERNET, LinkType::LINUX_SLL2]
    }

    fn looks_back(&self) -> bool {
        self.0.is_some()
    }

    async fn look_back(&self, _: PastQuery) -> Result<Past, AgentError> {
        self.0.clone().ok_or_else(|| AgentError("nothing is kept".to_owned()))
    }

    async fn begin(&self, _: Order) -> Result<Catch, AgentError> {
        let (stop, stopped) = watch::channel(false);
        let piece = async move {
            let mut stopped = stopped;
            let _ = stopped.wait_for(|s| *s).await;
            Piece {
                file: 0,
                bytes: Bytes::from_static(EMPTY_FILE),
                ends_file: true,
                after: Counts::default(),
            }
        };
        Ok(Catch {
            pieces: futures::stream::once(piece).boxed(),
            interfaces: Some(1),
            running: Arc::new(Waiting(stop)),
        })
    }
}

#[async_trait]
impl Running for Waiting {
    fn counts(&self) -> Counts {
        Counts {
            packets: 3,
            bytes: 180,
            dropped: 1,
        }
    }

    fn stop(&self) {
        self.0.send_replace(true);
    }

    async fn ended(&self) -> Ended {
        let mut stopped = self.0.subscribe();
        let _ = stopped.wait_for(|s| *s).await;
        Ended {
            counts: self.counts(),
            trouble: None,
            missing: None,
        }
    }
}
