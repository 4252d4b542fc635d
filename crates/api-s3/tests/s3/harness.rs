//! One server in process, and the requests that go to it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use baleen_api_s3::{S3Door, Settings};
use baleen_blob::Blobs;
use baleen_http::{
    AccountRegions, Barred, Credentials, Edge, Event, Gate, KeyRecord, Lookup, Recorder, RequestBody, SessionTokenRule,
    Unavailable, Unrecorded,
};
use baleen_meta::Meta;
use baleen_objects::{Objects, PublicAccessBlock, Selection};
use baleen_policy::{Caller, DocumentKind, Origin, Policy, Principal, Role, Session, SessionKind, User};
use baleen_runtime::{ManualClock, SeededEntropy};
use baleen_sealing::{MasterKey, Sealer};
use baleen_signing::sign::{Request as ToSign, Signer};
use baleen_signing::{AmzDate, ChunkChain, PathStyle, PayloadMode, encode_path, sha256, v2};
use baleen_types::{
    AccessKeyId, AccountId, BucketName, ObjectKey, ObjectPath, ProjectId, RegionName, Secret, Timestamp, UserId,
    UserName,
};
use bytes::Bytes;
use futures::StreamExt as _;
use http::{HeaderMap, Method, StatusCode, Uri};
use http_body_util::{BodyExt as _, BodyStream, Full, StreamBody};
use tempfile::TempDir;

pub(crate) const OWNER: Signer<'static> = Signer {
    access_key_id: "AKIAOWNEROWNEROWNER1",
    secret: "owner-secret-owner-secret-owner-secret",
    session_token: None,
    region: "us-east-1",
    service: "s3",
};

pub(crate) const STRANGER: Signer<'static> = Signer {
    access_key_id: "AKIASTRANGERSTRANGER",
    secret: "stranger-secret",
    ..OWNER
};

/// A user of the owner's account who has no permission.
pub(crate) const CLERK: Signer<'static> = Signer {
    access_key_id: "AKIACLERKCLERKCLERK1",
    secret: "clerk-secret",
    ..OWNER
};

/// A user of the owner's account who may work with the keys below `open/`, but not delete `open/kept`.
pub(crate) const WORKER: Signer<'static> = Signer {
    access_key_id: "AKIAWORKERWORKERWORK",
    secret: "worker-secret",
    ..OWNER
};

/// The same, who may also list the bucket, as far as `open/`.
pub(crate) const LISTER: Signer<'static> = Signer {
    access_key_id: "AKIALISTERLISTERLIST",
    secret: "lister-secret",
    ..OWNER
};

/// Root of a reseller.
pub(crate) const RESELLER: Signer<'static> = Signer {
    access_key_id: "AKIARESELLERRESELLER",
    secret: "reseller-secret",
    ..OWNER
};

/// The owner, in a session of an hour.
pub(crate) const SESSION: Signer<'static> = Signer {
    access_key_id: "STXSESSIONSESSIONSESSION",
    secret: "session-secret",
    session_token: Some("session/token+with=characters"),
    ..OWNER
};

/// Users of the owner's account who may do all of S3 and, of encryption keys: nothing; encrypt under `evidence`; read what is
/// under it; both, by way of S3; everything but use `aws/s3`.
pub(crate) const PORTER: Signer<'static> = Signer {
    access_key_id: "AKIAPORTERPORTERPORT",
    ..OWNER
};
pub(crate) const SCRIBE: Signer<'static> = Signer {
    access_key_id: "AKIASCRIBESCRIBESCRI",
    ..OWNER
};
pub(crate) const READER: Signer<'static> = Signer {
    access_key_id: "AKIAREADERREADERREAD",
    ..OWNER
};
pub(crate) const ARCHIVIST: Signer<'static> = Signer {
    access_key_id: "AKIAARCHIVISTARCHIVI",
    ..OWNER
};
pub(crate) const SEALER: Signer<'static> = Signer {
    access_key_id: "AKIASEALERSEALERSEAL",
    ..OWNER
};

const OF_S3: &str = r#"{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}"#;

/// What the users of encryption keys may besides.
const OF_KEYS: [(&str, &str); 5] = [
    (PORTER.access_key_id, OF_S3),
    (
        SCRIBE.access_key_id,
        r#"{"Statement": {"Effect": "Allow", "Action": "kms:GenerateDataKey", "Resource": "arn:aws:kms:*:*:key/evidence"}}"#,
    ),
    (
        READER.access_key_id,
        r#"{"Statement": {"Effect": "Allow", "Action": "kms:Decrypt",
            "Resource": "arn:aws:kms:eu-central-7:100000000001:key/evidence"}}"#,
    ),
    (
        ARCHIVIST.access_key_id,
        r#"{"Statement": {"Effect": "Allow", "Action": "kms:*", "Resource": "*",
            "Condition": {"StringEquals": {"kms:ViaService": "s3.eu-central-7.amazonaws.com"}}}}"#,
    ),
    (
        SEALER.access_key_id,
        r#"{"Statement": [{"Effect": "Allow", "Action": "kms:*", "Resource": "*"},
            {"Effect": "Deny", "Action": "kms:*", "Resource": "arn:aws:kms:*:*:key/aws/*"}]}"#,
    ),
];

const WORK: &str = r#"{"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], "Resource": "arn:aws:s3:::bucket/open/*"},
    {"Effect": "Deny", "Action": "s3:DeleteObject", "Resource": "arn:aws:s3:::bucket/open/kept"},
    {"Effect": "Allow", "Action": "s3:CreateBucket", "Resource": "arn:aws:s3:::work-*"}]}"#;

const LIST: &str = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:ListBucket",
    "Resource": "arn:aws:s3:::bucket", "Condition": {"StringLikeIfExists": {"s3:prefix": "open/*"}}}}"#;

/// Asked for this key, the store of the keys does not answer.
pub(crate) const OUTAGE: Signer<'static> = Signer {
    access_key_id: "AKIAOUTAGEOUTAGEOUT1",
    secret: "outage-secret",
    ..OWNER
};

/// A session's key past its end, and the key of a customer that was disabled.
pub(crate) const EXPIRED: Signer<'static> = Signer {
    access_key_id: "STXEXPIREDEXPIREDEXPIRED",
    ..OWNER
};
pub(crate) const SUSPENDED: Signer<'static> = Signer {
    access_key_id: "AKIASUSPENDEDSUSPEND",
    ..OWNER
};

/// When servers begin: 2026-01-02T03:04:05Z.
const BEGIN: Timestamp = Timestamp::from_secs(1_767_323_045);

/// Keeps what the audit log is told.
#[derive(Default)]
pub(crate) struct Book(pub(crate) Mutex<Vec<Event>>);

#[async_trait]
impl Recorder for Book {
    async fn record(&self, event: Event) -> Result<(), Unrecorded> {
        self.0.lock().unwrap().push(event);
        Ok(())
    }
}

/// The whitelists of accounts: nobody is let in to those that are named here, and they keep nothing in any region.
#[derive(Default)]
pub(crate) struct Network {
    pub(crate) closed: Mutex<Vec<(AccountId, Barred)>>,
    /// Where accounts may keep data; everywhere at first.
    pub(crate) regions: Mutex<Option<AccountRegions>>,
}

#[async_trait]
impl Gate for Network {
    async fn admit(&self, _door: &str, _principal: &Principal, _origin: &Origin) -> Result<(), Barred> {
        Ok(())
    }

    async fn admit_to(&self, door: &str, account: AccountId, _origin: &Origin) -> Result<(), Barred> {
        assert_eq!(door, "s3");
        self.judge(account)
    }

    async fn regions_of(&self, account: AccountId) -> Result<AccountRegions, Barred> {
        self.judge(account)?;
        Ok(self.regions.lock().unwrap().clone().unwrap_or(AccountRegions::Any))
    }
}

impl Network {
    fn judge(&self, account: AccountId) -> Result<(), Barred> {
        let closed = self.closed.lock().unwrap();
        let barred = closed.iter().find(|(closed, _)| *closed == account);
        barred.map_or(Ok(()), |(_, why)| Err(*why))
    }
}

/// Who sends a request, in tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Nobody,
    Owner,
    Clerk,
    Worker,
    Stranger,
}

pub(crate) struct Server {
    pub(crate) network: Arc<Network>,
    pub(crate) book: Arc<Book>,
    pub(crate) edge: Arc<Edge>,
    pub(crate) objects: Arc<Objects>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) door: Arc<S3Door>,
    _volume: TempDir,
}

struct Keys;

#[async_trait]
impl Credentials for Keys {
    async fn access_key(&self, id: &str) -> Result<Lookup<KeyRecord>, Unavailable> {
        let user = |number: u64, role| {
            let user = User::new(
                AccountId::from_entropy(number),
                ProjectId::from_bytes([1; 16]),
                UserId::from_entropy(number),
                UserName::parse("somebody@example.com").unwrap(),
                role,
            );
            Caller::with_key(user, AccessKeyId::parse(id).unwrap())
        };
        let with = |documents: &[&str]| {
            let compile = |text: &&str| Arc::new(Policy::parse(text, DocumentKind::Identity).unwrap());
            user(1, Role::User).policies(documents.iter().map(compile).collect::<Arc<[_]>>())
        };
        let of_keys = OF_KEYS.iter().find(|(known, _)| *known == id);
        let (signer, principal) = match id {
            _ if let Some((_, document)) = of_keys => (OWNER, with(&[OF_S3, document])),
            _ if id == OWNER.access_key_id => (OWNER, user(1, Role::Root)),
            _ if id == STRANGER.access_key_id => (STRANGER, user(2, Role::Root)),
            _ if id == CLERK.access_key_id => (CLERK, user(1, Role::User)),
            _ if id == WORKER.access_key_id => (WORKER, with(&[WORK])),
            _ if id == LISTER.access_key_id => (LISTER, with(&[WORK, LIST])),
            _ if id == RESELLER.access_key_id => {
                let mut seller = user(9, Role::Root);
                Arc::make_mut(&mut seller.user).is_reseller = true;
                (RESELLER, seller)
            }
            _ if id == SESSION.access_key_id => {
                let session = Session {
                    id: AccessKeyId::parse(id).unwrap(),
                    kind: SessionKind::Login,
                    name: "somebody".into(),
                    issued: BEGIN,
                    expires: BEGIN.plus(Duration::from_hours(1)),
                    mfa_at: None,
                    must_change_password: false,
                };
                (SESSION, Caller::with_session(user(1, Role::Root).user, session))
            }
            _ if id == OUTAGE.access_key_id => return Err(Unavailable),
            _ if id == EXPIRED.access_key_id => return Ok(Lookup::Expired),
            _ if id == SUSPENDED.access_key_id => return Ok(Lookup::Suspended),
            _ => return Ok(Lookup::Unknown),
        };
        Ok(Lookup::Found(KeyRecord {
            secret: Secret::new(signer.secret),
            principal: principal.into(),
            session_token: signer.session_token.map_or(SessionTokenRule::None, |token| {
                SessionTokenRule::Sha256(sha256(token.as_bytes()))
            }),
        }))
    }

    async fn api_token(&self, _token: &str) -> Result<Lookup<Principal>, Unavailable> {
        Ok(Lookup::Unknown)
    }
}

/// The owner, as the edge knows it.
pub(crate) async fn owner() -> Principal {
    match Keys.access_key(OWNER.access_key_id).await {
        Ok(Lookup::Found(key)) => key.principal,
        _ => unreachable!("it is there"),
    }
}

impl Server {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// A server whose operator blocks public access.
    pub(crate) fn blocking(blocked: PublicAccessBlock) -> Self {
        Self::with(|settings| settings.blocked = blocked)
    }

    /// A server whose operator has set something.
    pub(crate) fn with(set: impl FnOnce(&mut Settings)) -> Self {
        Self::in_regions(&[], set)
    }

    /// A server with other regions than `eu-central-7`.
    pub(crate) fn in_regions(regions: &[&str], set: impl FnOnce(&mut Settings)) -> Self {
        let volume = TempDir::new().unwrap();
        let clock = ManualClock::new(BEGIN);
        let entropy = SeededEntropy::new(42);
        // A new segment is written once over before its first use; a small one spares each test a second.
        let volume_settings = baleen_blob::Settings {
            segment_bytes: 1 << 20,
            segment_body_bytes_max: 256 << 10,
            ..baleen_blob::Settings::default()
        };
        let blobs = Blobs::open(volume.path(), volume_settings, entropy.clone()).unwrap();
        let folder = |name: &&str| baleen_objects::RegionFolder {
            name: RegionName::parse(name).unwrap(),
            folder: volume.path().join(name),
        };
        let objects = Objects::with_regions(
            baleen_objects::Settings::default(),
            baleen_objects::Parts {
                meta: Meta::open_model(),
                blobs,
                clock: clock.clone(),
                entropy: entropy.clone(),
                sealer: Arc::new(Sealer::new(&MasterKey::new([3; 32]))),
            },
            regions.iter().map(folder).collect(),
        );
        let mut settings = Settings {
            region: RegionName::parse("eu-central-7").unwrap(),
            domains: vec!["s3.example.com".to_owned()],
            signature_v2: true,
            blocked: PublicAccessBlock::default(),
            secure_keys_only: false,
        };
        set(&mut settings);
        let network = Arc::new(Network::default());
        let door_parts = baleen_api_s3::Parts {
            objects: Arc::clone(&objects),
            gate: Arc::clone(&network) as Arc<dyn Gate>,
            credentials: Arc::new(Keys),
            clock: clock.clone(),
        };
        let door = S3Door::new(settings, door_parts, &*entropy);
        let book = Arc::new(Book::default());
        let mut parts = baleen_http::Parts::bare(Arc::new(Keys), clock.clone(), entropy);
        parts.audit = Arc::clone(&book) as Arc<dyn Recorder>;
        let edge = Edge::new(Arc::clone(&door) as Arc<dyn baleen_http::Door>, parts);
        Self {
            network,
            book,
            edge,
            objects,
            clock,
            door,
            _volume: volume,
        }
    }

    /// A server with the bucket `bucket` of the owner.
    pub(crate) async fn with_bucket() -> Self {
        let server = Self::new();
        server.ok(put("/bucket")).await;
        server
    }

    pub(crate) fn now(&self) -> AmzDate {
        use baleen_runtime::Clock as _;
        AmzDate::from_timestamp(self.clock.now())
    }

    /// Sends a request signed by the owner, with the hash of its body.
    pub(crate) async fn send(&self, ask: Ask) -> Answer {
        self.send_as(OWNER, ask).await
    }

    pub(crate) async fn send_as(&self, signer: Signer<'_>, ask: Ask) -> Answer {
        let payload = PayloadMode::Sha256(sha256(&ask.body));
        self.raw(ask.signed(signer, payload, self.now())).await
    }

    pub(crate) async fn send_by(&self, by: By, ask: Ask) -> Answer {
        let signer = match by {
            By::Nobody => return self.raw(ask).await,
            By::Owner => OWNER,
            By::Clerk => CLERK,
            By::Worker => WORKER,
            By::Stranger => STRANGER,
        };
        self.send_as(signer, ask).await
    }

    /// Sends a request of the owner which must succeed.
    pub(crate) async fn ok(&self, ask: Ask) -> Answer {
        let shown = format!("{} {}", ask.method, ask.target);
        let answer = self.send(ask).await;
        assert!(answer.status.is_success(), "{shown}: {answer:?}");
        answer
    }

    /// Sends a request of the owner which must fail with a code; gives the answer.
    pub(crate) async fn fails(&self, ask: Ask, status: u16, code: &str) -> Answer {
        let shown = format!("{} {}", ask.method, ask.target);
        let answer = self.send(ask).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (status, code),
            "{shown}: {answer:?}"
        );
        answer
    }

    /// Sends a request as it is.
    pub(crate) async fn raw(&self, ask: Ask) -> Answer {
        Answer::read(self.edge.handle(ask.build()).await).await
    }

    /// Sends a request whose body comes only when something else has happened: what was decided before the body is old then.
    pub(crate) async fn send_late(
        &self,
        signer: Signer<'_>,
        ask: Ask,
        meanwhile: impl Future<Output = ()> + Send + 'static,
    ) -> Answer {
        let payload = PayloadMode::Sha256(sha256(&ask.body));
        let ask = ask.signed(signer, payload, self.now());
        let body = Full::new(Bytes::from(ask.body.clone())).map_err(|never| match never {});
        // A body is shared between threads, the future need not be.
        let mut meanwhile = Mutex::new(Box::pin(meanwhile));
        let meanwhile = std::future::poll_fn(move |cx| meanwhile.get_mut().unwrap().as_mut().poll(cx));
        let late = futures::stream::once(async move {
            meanwhile.await;
            BodyStream::new(body)
        });
        let request = ask.build().map(|_| RequestBody::boxed(StreamBody::new(late.flatten())));
        Answer::read(self.edge.handle(request).await).await
    }

    /// What is stored under a key, read past the door.
    pub(crate) async fn stored(&self, key: &str) -> Option<Vec<u8>> {
        let at = ObjectPath {
            bucket: BucketName::parse("bucket").unwrap(),
            key: ObjectKey::parse(key).unwrap(),
        };
        let mut opened = self.objects.open(&at, Selection::Whole).await.ok()?;
        let mut bytes = Vec::new();
        while let Some(piece) = opened.body.next().await {
            bytes.extend_from_slice(&piece.unwrap());
        }
        Some(bytes)
    }

    /// All keys of the bucket, read past the door.
    pub(crate) async fn stored_keys(&self) -> Vec<String> {
        let list = baleen_objects::ListObjects {
            bucket: BucketName::parse("bucket").unwrap(),
            prefix: String::new(),
            delimiter: String::new(),
            after: None,
            max_keys: 1000,
        };
        let page = self.objects.list(list, |entry| entry.key.to_owned()).await.unwrap();
        page.entries
    }
}

/// A request in the making.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// Where all requests go.
pub(crate) const HOST: &str = "127.0.0.1:9000";

pub(crate) fn ask(method: Method, target: &str) -> Ask {
    let headers = vec![("host".to_owned(), HOST.to_owned())];
    Ask {
        method,
        target: target.to_owned(),
        headers,
        body: Vec::new(),
    }
}

pub(crate) fn put(target: &str) -> Ask {
    ask(Method::PUT, target)
}

pub(crate) fn get(target: &str) -> Ask {
    ask(Method::GET, target)
}

pub(crate) fn head(target: &str) -> Ask {
    ask(Method::HEAD, target)
}

pub(crate) fn delete(target: &str) -> Ask {
    ask(Method::DELETE, target)
}

pub(crate) fn post(target: &str) -> Ask {
    ask(Method::POST, target)
}

/// A call of the owner's account about its public access block.
pub(crate) fn account_block(method: Method) -> Ask {
    let account = AccountId::from_entropy(1).to_string();
    ask(method, "/v20180820/configuration/publicAccessBlock").header("x-amz-account-id", &account)
}

/// The path of a key in the bucket, escaped.
pub(crate) fn key(key: &str) -> String {
    format!("/bucket/{}", encode_path(key))
}

impl Ask {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(present, _)| present != name || name != "host");
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }

    fn with_request<T>(&self, payload: PayloadMode, run: impl FnOnce(&ToSign<'_>) -> T) -> T {
        let uri: Uri = self.target.parse().unwrap();
        let headers: Vec<(&str, &[u8])> = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect();
        run(&ToSign {
            method: self.method.as_str(),
            path: uri.path(),
            query: uri.query().unwrap_or_default(),
            headers: &headers,
            payload,
            style: PathStyle::S3,
        })
    }

    pub(crate) fn signed(self, signer: Signer<'_>, payload: PayloadMode, date: AmzDate) -> Self {
        self.signed_with_chain(signer, payload, date).0
    }

    pub(crate) fn signed_with_chain(
        mut self,
        signer: Signer<'_>,
        payload: PayloadMode,
        date: AmzDate,
    ) -> (Self, ChunkChain) {
        let signed = self.with_request(payload, |request| signer.sign(request, date));
        self.headers
            .extend(signed.headers.into_iter().map(|(name, value)| (name.to_owned(), value)));
        (self, signed.chunks)
    }

    /// Signs in the query. Any mode but the unsigned one is named in a signed header.
    pub(crate) fn presigned(self, signer: Signer<'_>, payload: PayloadMode, date: AmzDate, life: Duration) -> Self {
        self.presigned_with_chain(signer, payload, date, life).0
    }

    pub(crate) fn presigned_with_chain(
        mut self,
        signer: Signer<'_>,
        payload: PayloadMode,
        date: AmzDate,
        life: Duration,
    ) -> (Self, ChunkChain) {
        if payload != PayloadMode::Unsigned {
            self = self.header("x-amz-content-sha256", &payload.header_value());
        }
        let (query, chain) = self.with_request(payload, |request| {
            signer.presign_with_chain(request, date, life).unwrap()
        });
        let path = self.target.split('?').next().unwrap().to_owned();
        self.target = format!("{path}?{query}");
        (self, chain)
    }

    fn with_v2<T>(&self, signer: Signer<'_>, run: impl FnOnce(&v2::Signer<'_>, &v2::Request<'_>) -> T) -> T {
        let uri: Uri = self.target.parse().unwrap();
        let lines = self.headers.iter();
        let headers: Vec<(&str, &[u8])> = lines.map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let signer = v2::Signer {
            access_key_id: signer.access_key_id,
            secret: signer.secret,
        };
        let request = v2::Request {
            method: self.method.as_str(),
            host_bucket: None,
            path: uri.path(),
            query: uri.query().unwrap_or_default(),
            headers: &headers,
        };
        run(&signer, &request)
    }

    /// Signs with Version 2.
    pub(crate) fn signed_v2(self, signer: Signer<'_>, date: AmzDate) -> Self {
        let dated = self.header("x-amz-date", date.as_str());
        let authorization = dated.with_v2(signer, |signer, request| signer.authorization(request).unwrap());
        dated.header("authorization", &authorization)
    }

    /// Signs in the query with Version 2.
    pub(crate) fn presigned_v2(mut self, signer: Signer<'_>, date: AmzDate, life: Duration) -> Self {
        let end = date.timestamp().plus(life);
        let query = self.with_v2(signer, |signer, request| signer.presign(request, end).unwrap());
        let path = self.target.split('?').next().unwrap().to_owned();
        self.target = format!("{path}?{query}");
        self
    }

    pub(crate) fn build(self) -> baleen_http::Request {
        let mut request = http::Request::builder().method(self.method).uri(self.target);
        // As hyper would have it: a length with every body, and with every PUT and POST.
        let length = self.body.len();
        if length > 0 {
            request = request.header("content-length", length);
        }
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        let body = if length == 0 {
            RequestBody::empty()
        } else {
            RequestBody::boxed(Full::new(Bytes::from(self.body)).map_err(|never| match never {}))
        };
        request.body(body).unwrap()
    }
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    async fn read(response: baleen_http::Response) -> Self {
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        let answer = Self {
            status: head.status,
            headers: head.headers,
            body,
        };
        answer.check_shape();
        answer
    }

    /// What holds of every answer.
    fn check_shape(&self) {
        for name in ["x-amz-request-id", "x-amz-id-2"] {
            assert!(self.headers.contains_key(name), "{name} is missing: {self:?}");
        }
        // Damage is the one fault of ours that a test makes.
        let is_fault =
            self.status == StatusCode::INTERNAL_SERVER_ERROR && !self.text().contains("Stored data is damaged.");
        assert!(!is_fault, "{}", self.text());
        let failed = self.status.is_client_error() || self.status.is_server_error();
        if failed && !self.body.is_empty() {
            let text = self.text();
            for element in ["Code", "Message", "Resource", "RequestId", "HostId"] {
                assert!(text.contains(&format!("<{element}>")), "{element} is missing: {text}");
            }
            assert_eq!(self.element("RequestId"), self.header("x-amz-request-id"));
        }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> String {
        self.headers
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
            .unwrap_or_default()
    }

    /// The text of the first element of a name.
    pub(crate) fn element(&self, name: &str) -> String {
        self.elements(name).into_iter().next().unwrap_or_default()
    }

    /// The texts of all elements of a name.
    pub(crate) fn elements(&self, name: &str) -> Vec<String> {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        self.text()
            .split(&open)
            .skip(1)
            .filter_map(|rest| rest.split_once(&close).map(|(text, _)| text.to_owned()))
            .collect()
    }

    pub(crate) fn code(&self) -> String {
        self.element("Code")
    }
}

/// A policy of these statements.
pub(crate) fn policy(statements: &[&str]) -> String {
    let statements: Vec<_> = statements.iter().map(|statement| format!("{{{statement}}}")).collect();
    format!(
        r#"{{"Version": "2012-10-17", "Statement": [{}]}}"#,
        statements.join(", ")
    )
}

/// The inside of a statement, to which a condition can be added.
pub(crate) fn statement(effect: &str, principal: &str, action: &str, resource: &str) -> String {
    format!(
        r#""Effect": "{effect}", "Principal": {principal}, "Action": "{action}", "Resource": "arn:aws:s3:::{resource}""#
    )
}
