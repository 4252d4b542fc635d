//! The S3 door over a store in memory, with one bucket of one account.

use std::sync::Arc;

use async_trait::async_trait;
use baleen_api_s3::{S3Door, Settings};
use baleen_blob::Blobs;
use baleen_http::{
    AccountRegions, Barred, Credentials, Edge, Gate, KeyRecord, Lookup, Request, RequestBody, SessionTokenRule,
    Unavailable,
};
use baleen_meta::Meta;
use baleen_objects::{Objects, PublicAccessBlock};
use baleen_policy::{Caller, Origin, Principal, Role, User};
use baleen_runtime::{ManualClock, SeededEntropy};
use baleen_sealing::{MasterKey, Sealer};
use baleen_signing::sign::{Request as ToSign, Signer};
use baleen_signing::{AmzDate, PathStyle, PayloadMode};
use baleen_types::{AccessKeyId, AccountId, ProjectId, RegionName, Secret, Timestamp, UserId, UserName};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// The one access key, and its secret.
pub const KEY_ID: &str = "AKIAOWNEROWNEROWNER1";
pub const SECRET: &str = "secret";

/// When it is.
const NOW: Timestamp = Timestamp::from_secs(1_767_323_045);

/// Knows the one key.
struct OneKey;

fn owner() -> Principal {
    let user = User::new(
        AccountId::from_entropy(1),
        ProjectId::from_bytes([1; 16]),
        UserId::from_entropy(1),
        UserName::parse("root@example.com").expect("a name"),
        Role::Root,
    );
    Caller::with_key(user, AccessKeyId::parse(KEY_ID).expect("a key")).into()
}

#[async_trait]
impl Credentials for OneKey {
    async fn access_key(&self, id: &str) -> Result<Lookup<KeyRecord>, Unavailable> {
        if id != KEY_ID {
            return Ok(Lookup::Unknown);
        }
        Ok(Lookup::Found(KeyRecord {
            secret: Secret::new(SECRET),
            principal: owner(),
            session_token: SessionTokenRule::None,
        }))
    }

    async fn api_token(&self, _token: &str) -> Result<Lookup<Principal>, Unavailable> {
        Ok(Lookup::Unknown)
    }
}

/// Lets everybody in.
struct Open;

#[async_trait]
impl Gate for Open {
    async fn admit(&self, _door: &str, _principal: &Principal, _origin: &Origin) -> Result<(), Barred> {
        Ok(())
    }

    async fn admit_to(&self, _door: &str, _account: AccountId, _origin: &Origin) -> Result<(), Barred> {
        Ok(())
    }

    async fn regions_of(&self, _account: AccountId) -> Result<AccountRegions, Barred> {
        Ok(AccountRegions::Any)
    }
}

/// A store, and what it takes to ask it.
pub struct Store {
    runtime: Runtime,
    edge: Arc<Edge>,
    _volume: TempDir,
}

impl Store {
    /// A store with the bucket `bucket`.
    #[must_use]
    pub fn with_bucket() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let volume = TempDir::new().expect("a folder");
        let clock = ManualClock::new(NOW);
        let entropy = SeededEntropy::new(42);
        let _inside = runtime.enter();
        let blobs = Blobs::open(volume.path(), baleen_blob::Settings::default(), entropy.clone()).expect("a volume");
        let objects = Objects::new(
            baleen_objects::Settings::default(),
            baleen_objects::Parts {
                meta: Meta::open_model(),
                blobs,
                clock: clock.clone(),
                entropy: entropy.clone(),
                sealer: Arc::new(Sealer::new(&MasterKey::new([3; 32]))),
            },
        );
        let settings = Settings {
            region: RegionName::parse("local").expect("a region"),
            domains: Vec::new(),
            signature_v2: true,
            blocked: PublicAccessBlock::default(),
            secure_keys_only: false,
        };
        let parts = baleen_api_s3::Parts {
            objects,
            gate: Arc::new(Open),
            credentials: Arc::new(OneKey),
            clock: clock.clone(),
        };
        let door = S3Door::new(settings, parts, &*entropy);
        let parts = baleen_http::Parts::bare(Arc::new(OneKey), clock, entropy);
        let edge = Edge::new(door, parts);
        drop(_inside);
        let store = Self {
            runtime,
            edge,
            _volume: volume,
        };
        assert_eq!(store.ask("PUT", "/bucket", b"").0, 200);
        store
    }

    /// Asks as the owner; gives status and body.
    #[must_use]
    pub fn ask(&self, method: &str, target: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let signer = Signer {
            access_key_id: KEY_ID,
            secret: SECRET,
            session_token: None,
            region: "us-east-1",
            service: "s3",
        };
        let request = ToSign {
            method,
            path,
            query,
            headers: &[("host", b"h")],
            payload: PayloadMode::Unsigned,
            style: PathStyle::S3,
        };
        let signed = signer.sign(&request, AmzDate::from_timestamp(NOW));
        let mut head = http::Request::builder().method(method).uri(target).header("host", "h");
        for (name, value) in signed.headers {
            head = head.header(name, value);
        }
        self.send(head, body)
    }

    /// Sends a request to the edge, as it is.
    #[must_use]
    pub fn send(&self, head: http::request::Builder, body: &[u8]) -> (u16, Vec<u8>) {
        let answer = self.edge.handle(whole(head, body));
        self.runtime.block_on(async { read(answer.await).await })
    }
}

fn whole(head: http::request::Builder, body: &[u8]) -> Request {
    let head = if body.is_empty() {
        head
    } else {
        head.header("content-length", body.len())
    };
    let body = match body {
        [] => RequestBody::empty(),
        body => RequestBody::boxed(Full::new(Bytes::copy_from_slice(body)).map_err(|never| match never {})),
    };
    head.body(body).expect("a request")
}

async fn read(answer: baleen_http::Response) -> (u16, Vec<u8>) {
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.map(|body| body.to_bytes().to_vec());
    (status, body.unwrap_or_default())
}
