//! A door over an empty store, asked without a listener: who signs is said, not proven; the edge's own tests prove it.

#![allow(
    unreachable_pub,
    dead_code,
    reason = "it is a module of the tests, each of which uses a part"
)]

use baleen_api_iam::{IdentityDoor, Parts};
use baleen_audit::Audit;
use baleen_blob::Blobs;
use baleen_http::{Deed, Door as _, OperationName, Request, RequestBody, SignaturePlace, SignatureVersion, Signed};
use baleen_iam::{Iam, PublicUrl, RootOverrides};
use baleen_meta::Meta;
use baleen_objects::Objects;
use baleen_policy::{Origin, Principal};
use baleen_runtime::{ManualClock, SeededEntropy};
use baleen_sealing::Sealer;
use baleen_tenancy::{Settings, Tenancy};
use baleen_types::{AccessKeyId, RegionName, RequestId, Timestamp};
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt as _, Full};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

pub const IAM: &str = "2010-05-08";
pub const STS: &str = "2011-06-15";
pub const NAME_OF_ROOT: &str = "root";

/// A door with what is behind it.
pub struct Bench {
    pub door: Arc<IdentityDoor>,
    pub iam: Arc<Iam>,
    pub objects: Arc<Objects>,
    pub audit: Arc<Audit>,
    pub clock: Arc<ManualClock>,
    pub tenancy: Arc<Tenancy>,
    pub root: Principal,
    _folder: tempfile::TempDir,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Told {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
    pub deed: Option<Deed>,
    /// Its name in log and metrics.
    pub operation: Option<&'static str>,
}

impl Bench {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let meta = Meta::open_model();
        let clock = ManualClock::new(Timestamp::from_secs(1_800_000_000));
        let entropy = SeededEntropy::new(7);
        let regions = ["DCA02", "SJC03"].map(|name| RegionName::parse(name).unwrap());
        let tenancy = Tenancy::new(
            Settings::new(regions.to_vec()),
            baleen_tenancy::Parts {
                meta: meta.clone(),
                clock: clock.clone(),
                entropy: entropy.clone(),
            },
        );
        let volume = baleen_blob::Settings {
            reserve_bytes: 0,
            ..baleen_blob::Settings::default()
        };
        let objects = Objects::new(
            baleen_objects::Settings::default(),
            baleen_objects::Parts {
                meta: meta.clone(),
                blobs: Blobs::open(&folder.path().join("blobs"), volume, entropy.clone()).unwrap(),
                clock: clock.clone(),
                entropy: entropy.clone(),
                sealer: Arc::new(Sealer::new(&Zeroizing::new([3; 32]))),
            },
        );
        let audit = Audit::start(
            baleen_audit::Settings {
                data_events: false,
                retention: Duration::from_hours(24 * 365),
            },
            baleen_audit::Parts {
                meta: meta.clone(),
                clock: clock.clone(),
            },
        );
        let iam = Iam::new(baleen_iam::Parts {
            meta,
            tenancy: Arc::clone(&tenancy),
            sealer: Arc::new(Sealer::new(&Zeroizing::new([3; 32]))),
            clock: clock.clone(),
            entropy,
        });
        let file = folder.path().join("root.json");
        let reseller = baleen_types::CustomerName::parse("baleen").unwrap();
        iam.ensure_root(&reseller, &RootOverrides::default(), &file)
            .await
            .unwrap();
        let made: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let id = made["accessKeyId"].as_str().unwrap();
        let door = IdentityDoor::new(Parts {
            iam: Arc::clone(&iam),
            tenancy: Arc::clone(&tenancy),
            objects: Arc::clone(&objects),
            audit: Arc::clone(&audit),
            region: RegionName::parse("DCA02").unwrap(),
            public_url: PublicUrl::parse("https://baleen.example").ok(),
            clock: clock.clone(),
        });
        let root = who(&iam, id).await.unwrap();
        Self {
            door,
            iam,
            objects,
            audit,
            clock,
            tenancy,
            root,
            _folder: folder,
        }
    }

    /// Who signs with a key now; `None` if the key does not sign.
    pub async fn who(&self, id: &str) -> Option<Principal> {
        who(&self.iam, id).await
    }

    /// Sends a form to an action, for its service and in its version.
    pub async fn ask(&self, principal: &Principal, action: &str, params: &[(&str, &str)]) -> Told {
        let is_sts = baleen_api_iam::ops::ROWS
            .iter()
            .any(|row| row.name == action && row.service.name() == "sts");
        let version = if is_sts { STS } else { IAM };
        let pairs = [("Action", action), ("Version", version)]
            .into_iter()
            .chain(params.iter().copied());
        let form = pairs
            .map(|(n, v)| format!("{}={}", encode(n), encode(v)))
            .collect::<Vec<_>>()
            .join("&");
        self.send(principal, if is_sts { "sts" } else { "iam" }, form_of("/", form))
            .await
    }

    /// Sends a request that is signed for a service.
    pub async fn send(&self, principal: &Principal, service: &'static str, mut request: Request) -> Told {
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 4711));
        let extensions = request.extensions_mut();
        extensions.insert(RequestId::from_bytes([1; 8]));
        extensions.insert(principal.clone());
        extensions.insert(Origin {
            source: peer.ip(),
            peer,
            is_secure: false,
        });
        if principal.user().is_some() {
            extensions.insert(Signed {
                service,
                at: Some(Timestamp::from_secs(1_800_000_000)),
                place: SignaturePlace::Header,
                version: SignatureVersion::V4,
            });
        }
        let (head, body) = self.door.serve(request).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Told {
            status: head.status,
            headers: head.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
            deed: head.extensions.get().cloned(),
            operation: head.extensions.get::<OperationName>().map(|name| name.0),
        }
    }

    /// A bench with a user who logs in with a password.
    pub async fn with_login(name: &str, password: &str) -> Self {
        let bench = Self::new().await;
        bench.user(name).await;
        let profile = [("UserName", name), ("Password", password)];
        bench.ask(&bench.root, "CreateLoginProfile", &profile).await.good();
        bench
    }

    /// Sends a whitelist call of root's: its name and query, and its JSON.
    pub async fn whitelist(&self, method: &str, call: &str, text: String) -> Told {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("/api/whitelist/{call}"))
            .header("content-type", "application/json");
        self.send(&self.root, "iam", request.body(body(text)).unwrap()).await
    }

    /// Has the whitelist of the bench's own customer list a network, whoever that keeps out. What the bench sends comes from
    /// 127.0.0.1.
    pub async fn list_network(&self, subnet: &str) {
        let rule = format!(r#"{{"root":"baleen","subNet":"{subnet}"}}"#);
        let told = self.whitelist("PUT", "RSWhitelistAddRule", rule).await.good();
        let told: serde_json::Value = serde_json::from_str(&told.body).unwrap();
        let rule = format!(r#"{{"root":"baleen","ruleId":{},"force":true}}"#, told["ruleId"]);
        self.whitelist("POST", "RSWhitelistApproveRule", rule).await.good();
    }

    /// Makes a user with a key.
    pub async fn user(&self, name: &str) -> Principal {
        self.ask(&self.root, "CreateUser", &[("UserName", name)]).await.good();
        let key = self
            .ask(&self.root, "CreateAccessKey", &[("UserName", name)])
            .await
            .good();
        self.who(&element(&key.body, "AccessKeyId")).await.unwrap()
    }
}

async fn who(iam: &Iam, id: &str) -> Option<Principal> {
    let known = iam
        .credential(&AccessKeyId::parse(id).unwrap())
        .await
        .unwrap()
        .found()?;
    Some(known.principal.clone())
}

impl Told {
    #[track_caller]
    pub fn good(self) -> Self {
        assert_eq!(self.status, StatusCode::OK, "{}", self.body);
        self
    }

    /// Code and status of an error.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) {
        let found = (self.status.as_u16(), error_code(&self.body));
        assert_eq!(found, (status, Some(code.to_owned())), "{}", self.body);
    }
}

/// The code in an error of any shape.
pub fn error_code(body: &str) -> Option<String> {
    if body.starts_with('{') {
        let value: serde_json::Value = serde_json::from_str(body).unwrap();
        return value
            .get("Code")
            .or(value.get("code"))
            .map(|code| code.as_str().unwrap().to_owned());
    }
    body.contains("<ErrorResponse").then(|| element(body, "Code"))
}

/// The text of the first element of a name.
#[track_caller]
pub fn element(document: &str, name: &str) -> String {
    let (_, rest) = document
        .split_once(&format!("<{name}>"))
        .unwrap_or_else(|| panic!("no {name} in {document}"));
    rest.split_once(&format!("</{name}>")).unwrap().0.to_owned()
}

pub fn form_of(target: &str, form: String) -> Request {
    http::Request::post(target)
        .header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
        .body(body(form))
        .unwrap()
}

pub fn body(text: impl Into<bytes::Bytes>) -> RequestBody {
    RequestBody::boxed(Full::new(text.into()).map_err(|never| match never {}))
}

pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
