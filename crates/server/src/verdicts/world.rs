//! The server in this process, as `wire.rs` puts it together, but over a store in memory: edge, doors and services are the
//! real ones, and requests are signed.

use crate::credentials::IamCredentials;
use crate::tenants::Whitelists;
use async_trait::async_trait;
use baleen_api_capture::{PcapsDoor, TaskDoor};
use baleen_api_iam::IdentityDoor;
use baleen_api_s3::S3Door;
use baleen_audit::Audit;
use baleen_blob::Blobs;
use baleen_capture::{Agent, AgentError, Captures, Catch, Counts, Ended, Order, RemoteAgents, Running, Site, Sites};
use baleen_fleet::Fleet;
use baleen_http::{
    Door, DoorNames, Edge, Event, Gate, OperationName, Peer, Recorder, RequestBody, ResponseBody, Unrecorded,
};
use baleen_iam::{Iam, PublicUrl};
use baleen_meta::{Meta, Scan};
use baleen_objects::Objects;
use baleen_remote::Connections;
use baleen_runtime::{Clock, Entropy, ManualClock, SeededEntropy, Shutdown, Supervisor};
use baleen_sealing::Sealer;
use baleen_signing::sign::{Request, Signer};
use baleen_signing::{AmzDate, PathStyle, PayloadMode, sdk, sha256};
use baleen_tenancy::Tenancy;
use baleen_types::{LinkType, RegionName, Secret, SiteName, Timestamp};
use bytes::Bytes;
use http::Method;
use http_body_util::{BodyExt as _, Full};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use zeroize::Zeroizing;

/// More than any answer has that has an end.
const BODY_READ_BYTES_MAX: usize = 1 << 20;

pub(super) const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
pub(super) const REGION: &str = "us-east-1";
pub(super) const SITE: &str = "local";

/// Everything that is stored, key by key.
pub(super) type Dump = Vec<(Bytes, Bytes)>;

pub(super) struct World {
    pub(super) iam: Arc<Iam>,
    meta: Meta,
    /// The listener which S3 and the identity door share.
    shared: Arc<Edge>,
    /// That of the PCAPs door.
    api: Arc<Edge>,
    ear: Arc<Ear>,
}

/// Where bodies would lie that do not fit into records; all worlds share one, since theirs do.
#[derive(Clone)]
pub(super) struct Volume {
    blobs: Blobs,
    _folder: Arc<TempDir>,
}

impl Volume {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = baleen_blob::Settings {
            segment_bytes: 1 << 20,
            segment_body_bytes_max: 256 << 10,
            reserve_bytes: 0,
            io_jobs_max: 4,
            transfer_bytes_max: 4 << 20,
        };
        Self {
            blobs: Blobs::open(folder.path(), settings, SeededEntropy::new(0)).unwrap(),
            _folder: Arc::new(folder),
        }
    }
}

/// A key with its secret, and the token of a session that has one.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) id: String,
    pub(super) secret: String,
    pub(super) session_token: Option<String>,
}

/// A request before anybody has signed it.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    /// What it is signed for; `pcaps` and `cfw` go to the other listener, and the first is signed by who has no token.
    pub(super) service: &'static str,
    pub(super) method: Method,
    /// Path and query.
    pub(super) target: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
}

/// An answer, and what the audit log was told of it.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) status: u16,
    pub(super) body: String,
    pub(super) etag: Option<String>,
    /// Whether a door answered, rather than the edge.
    pub(super) by_door: bool,
    pub(super) event: Option<Event>,
}

impl World {
    /// A server over what another one has stored. Worlds of different seeds never draw the same ids.
    pub(super) async fn over(dump: &Dump, volume: &Volume, seed: u64) -> Self {
        let meta = Meta::open_model();
        for part in dump.chunks(500) {
            let put =
                |request: baleen_meta::Request, (key, value): &(Bytes, Bytes)| request.put(key.to_vec(), value.clone());
            let request = part.iter().fold(baleen_meta::Request::new(), put);
            assert!(meta.commit(request).await.unwrap().is_committed());
        }
        Self::build(meta, volume, seed).await
    }

    async fn build(meta: Meta, volume: &Volume, seed: u64) -> Self {
        let clock: Arc<dyn Clock> = ManualClock::new(NOW);
        let entropy: Arc<dyn Entropy> = SeededEntropy::new(seed);
        let region = RegionName::parse(REGION).unwrap();
        let sealer = Arc::new(Sealer::new(&Zeroizing::new([3; 32])));
        let tenancy = Tenancy::new(
            baleen_tenancy::Settings::new(vec![region.clone()]),
            baleen_tenancy::Parts {
                meta: meta.clone(),
                clock: Arc::clone(&clock),
                entropy: Arc::clone(&entropy),
            },
        );
        let iam = Iam::new(baleen_iam::Parts {
            meta: meta.clone(),
            tenancy: Arc::clone(&tenancy),
            sealer: Arc::clone(&sealer),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
        });
        let objects = Objects::new(
            baleen_objects::Settings::default(),
            baleen_objects::Parts {
                meta: meta.clone(),
                blobs: volume.blobs.clone(),
                clock: Arc::clone(&clock),
                entropy: Arc::clone(&entropy),
                sealer: Arc::clone(&sealer),
            },
        );
        let site = Site {
            name: SiteName::parse(SITE).unwrap(),
            groups: Vec::new(),
            accounts: baleen_capture::Accounts::All,
            agent: Arc::new(Nowhere),
        };
        let fleet = Fleet::open(baleen_fleet::Parts {
            meta: meta.clone(),
            sealer: Arc::clone(&sealer),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
        });
        let agents = RemoteAgents::new(fleet.await.unwrap(), Arc::clone(&clock));
        let captures = Captures::new(
            baleen_capture::Settings::default(),
            baleen_capture::Parts {
                meta: meta.clone(),
                objects: Arc::clone(&objects),
                sites: Sites::new(vec![site]).with_agents(agents),
                sealer,
                clock: Arc::clone(&clock),
                entropy: Arc::clone(&entropy),
                supervisor: Supervisor::new(Arc::clone(&clock), Shutdown::new()),
                connections: Connections::new(),
            },
        );
        let s3 = baleen_api_s3::Settings {
            region: region.clone(),
            domains: Vec::new(),
            blocked: baleen_objects::PublicAccessBlock::default(),
            signature_v2: true,
            secure_keys_only: false,
        };
        let gate: Arc<dyn Gate> = Arc::new(Whitelists {
            tenancy: Arc::clone(&tenancy),
            region: region.clone(),
            clock: Arc::clone(&clock),
        });
        let s3_parts = baleen_api_s3::Parts {
            objects: Arc::clone(&objects),
            gate: Arc::clone(&gate),
            credentials: Arc::new(IamCredentials(Arc::clone(&iam))),
            clock: Arc::clone(&clock),
        };
        let s3 = S3Door::new(s3, s3_parts, &*entropy);
        let identity: Arc<dyn Door> = IdentityDoor::new(baleen_api_iam::Parts {
            iam: Arc::clone(&iam),
            tenancy: Arc::clone(&tenancy),
            objects: Arc::clone(&objects),
            audit: Audit::start(
                baleen_audit::Settings {
                    data_events: true,
                    retention: Duration::from_hours(24),
                },
                baleen_audit::Parts {
                    meta: meta.clone(),
                    clock: Arc::clone(&clock),
                },
            ),
            region: region.clone(),
            public_url: PublicUrl::parse("https://baleen.example").ok(),
            clock: Arc::clone(&clock),
        });
        let ear = Arc::new(Ear::default());
        let parts = || baleen_http::Parts {
            credentials: Arc::new(IamCredentials(Arc::clone(&iam))),
            gate: Arc::clone(&gate),
            audit: Arc::clone(&ear) as Arc<dyn Recorder>,
            proxies: baleen_http::TrustedProxies::default(),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
        };
        let pcaps = Arc::new(PcapsDoor::new(Arc::clone(&captures), Arc::clone(&clock)));
        let tasks: Arc<dyn Door> = Arc::new(TaskDoor::new(captures, Arc::clone(&gate), Arc::clone(&clock)));
        Self {
            shared: Edge::shared(vec![identity], s3, DoorNames::default(), parts()),
            api: Edge::shared(vec![tasks], pcaps, DoorNames::default(), parts()),
            iam: Arc::clone(&iam),
            meta,
            ear,
        }
    }

    /// Everything that is stored now.
    pub(super) async fn dump(&self) -> Dump {
        let mut dump = Dump::new();
        let mut scan = Scan::prefix(&[]);
        loop {
            let page = self.meta.scan(scan.clone()).await.unwrap();
            let Some(last) = page.last() else { return dump };
            scan = scan.after(last.key.to_vec());
            dump.extend(page.into_iter().map(|entry| (entry.key, entry.value)));
        }
    }

    /// Sends a request: by token to the PCAPs door if there is one, else signed by the key as its door has it, else as nobody.
    pub(super) async fn send(&self, ask: &Ask, key: Option<&Key>, token: Option<&str>) -> Heard {
        let mut headers: Vec<(&str, String)> = vec![("host", "localhost".to_owned())];
        headers.extend(ask.headers.iter().cloned());
        match (token, key) {
            (Some(token), _) if ask.service == "pcaps" => headers.push(("authorization", format!("Bearer {token}"))),
            (_, Some(key)) if ask.service == "cfw" => headers.extend(sign_as_sdk(ask, &headers, key)),
            (_, Some(key)) => headers.extend(sign(ask, &headers, key)),
            (_, None) => {}
        }
        let mut request = http::Request::builder().method(&ask.method).uri(&ask.target);
        for (name, value) in &headers {
            request = request.header(*name, value);
        }
        let body = match ask.body.as_bytes() {
            [] => RequestBody::empty(),
            bytes => {
                request = request.header("content-length", bytes.len());
                RequestBody::boxed(Full::new(Bytes::copy_from_slice(bytes)).map_err(|never| match never {}))
            }
        };
        let mut request = request.body(body).unwrap();
        request
            .extensions_mut()
            .insert(Peer(SocketAddr::from((Ipv4Addr::LOCALHOST, 4711))));
        let edge = match ask.service {
            "pcaps" | "cfw" => &self.api,
            _ => &self.shared,
        };
        self.ear.0.lock().unwrap().take();
        let (head, body) = edge.handle(request).await.into_parts();
        let body = beginning(body).await;
        Heard {
            status: head.status.as_u16(),
            etag: head
                .headers
                .get("etag")
                .and_then(|etag| Some(etag.to_str().ok()?.to_owned())),
            body: String::from_utf8_lossy(&body).into_owned(),
            by_door: head.extensions.get::<OperationName>().is_some(),
            event: self.ear.0.lock().unwrap().take(),
        }
    }
}

/// The beginning of a body: that of a speed test has no end, as the clock stands.
async fn beginning(mut body: ResponseBody) -> Vec<u8> {
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        read.extend_from_slice(frame.unwrap().data_ref().map(AsRef::as_ref).unwrap_or_default());
        if read.len() > BODY_READ_BYTES_MAX {
            break;
        }
    }
    read
}

fn sign(ask: &Ask, headers: &[(&str, String)], key: &Key) -> Vec<(&'static str, String)> {
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    let (path, query) = ask.target.split_once('?').unwrap_or((&ask.target, ""));
    let signer = Signer {
        access_key_id: &key.id,
        secret: &key.secret,
        session_token: key.session_token.as_deref(),
        region: REGION,
        service: ask.service,
    };
    let request = Request {
        method: ask.method.as_str(),
        path,
        query,
        headers: &headers,
        payload: PayloadMode::Sha256(sha256(ask.body.as_bytes())),
        style: if ask.service == "s3" {
            PathStyle::S3
        } else {
            PathStyle::Generic
        },
    };
    signer.sign(&request, AmzDate::from_timestamp(NOW)).headers
}

fn sign_as_sdk(ask: &Ask, headers: &[(&str, String)], key: &Key) -> Vec<(&'static str, String)> {
    let date = AmzDate::from_timestamp(NOW);
    let mut own = vec![("x-sdk-date", NOW.to_basic())];
    own.extend(
        key.session_token
            .iter()
            .map(|token| ("x-security-token", token.clone())),
    );
    let all: Vec<_> = headers.iter().chain(&own).collect();
    let all: Vec<_> = all.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    let (path, query) = ask.target.split_once('?').unwrap_or((&ask.target, ""));
    let request = sdk::Request {
        method: ask.method.as_str(),
        path,
        query,
        headers: &all,
        body: sha256(ask.body.as_bytes()),
    };
    let secret = Secret::new(key.secret.as_str());
    own.push(("authorization", sdk::authorization(&request, date, &key.id, &secret)));
    own
}

/// Keeps what the audit log would be told of the last request.
#[derive(Default)]
struct Ear(Mutex<Option<Event>>);

#[async_trait]
impl Recorder for Ear {
    async fn record(&self, event: Event) -> Result<(), Unrecorded> {
        *self.0.lock().unwrap() = Some(event);
        Ok(())
    }
}

/// A capture that caught nothing.
struct Over;

#[async_trait]
impl Running for Over {
    fn counts(&self) -> Counts {
        Counts::default()
    }

    fn stop(&self) {}

    async fn ended(&self) -> Ended {
        Ended {
            counts: Counts::default(),
            trouble: None,
            missing: None,
        }
    }
}

/// An agent which never comes to catch anything.
struct Nowhere;

#[async_trait]
impl Agent for Nowhere {
    async fn links(&self) -> Vec<LinkType> {
        vec![LinkType::ETHERNET]
    }

    async fn begin(&self, order: Order) -> Result<Catch, AgentError> {
        if order.is_live {
            // Who asks for it waits for its beginning, and gets its end.
            return Ok(Catch {
                pieces: Box::pin(futures::stream::empty()),
                interfaces: None,
                running: Arc::new(Over),
            });
        }
        std::future::pending().await
    }
}
