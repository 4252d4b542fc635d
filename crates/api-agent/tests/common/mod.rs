//! A server with the door of agents on a real socket, and agents that are played by the test.

#![allow(dead_code, unreachable_pub, reason = "a test binary uses a part of it")]
#![allow(clippy::unwrap_used, missing_docs, reason = "a test fails by panicking")]

use async_trait::async_trait;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use baleen_agentwire::{Frames, Hello, Interface, KeyProof, PROTOCOL, Purpose, ToAgent, ToServer, encode};
use baleen_api_agent::{AgentDoor, Parts};
use baleen_blob::{Blobs, Settings as BlobSettings};
use baleen_capture::{
    Asked, Capture, CaptureFilter, Captures, CreateCapture, Destination, Format, Limits, Privacy, RemoteAgents,
    SentFilter, Settings, Sites, Status,
};
use baleen_fleet::{Fleet, NewToken};
use baleen_http::{
    AccountRegions, Barred, Credentials, DrainReport, Edge, Event, Gate, KeyRecord, Listener, Lookup, Recorder,
    ServedCertificate, ServerSettings, Tls, Unavailable, Unrecorded,
};
use baleen_meta::Meta;
use baleen_objects::{CreateBucket, Objects, Selection};
use baleen_policy::{Origin, Principal};
use baleen_remote::Connections;
use baleen_runtime::{Clock as _, ManualClock, SeededEntropy, Shutdown, Supervisor, SystemClock};
use baleen_sealing::Sealer;
use baleen_types::{AccountId, AgentId, BucketName, CaptureId, ObjectKey, ObjectPath, RegionName, SiteName};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use futures::StreamExt as _;
use http::{Method, Request, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

/// How long a test waits for something that is bound to happen.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct World {
    pub address: SocketAddr,
    pub fleet: Arc<Fleet>,
    pub agents: Arc<RemoteAgents>,
    pub captures: Arc<Captures>,
    pub objects: Arc<Objects>,
    pub clock: Arc<ManualClock>,
    pub shutdown: Shutdown,
    pub gate: Arc<Bars>,
    pub book: Arc<Book>,
    pub served: tokio::task::JoinHandle<DrainReport>,
    _disk: Disk,
}

/// What stays when a server ends.
#[derive(Clone)]
pub struct Disk {
    meta: Meta,
    dir: Arc<TempDir>,
}

impl Disk {
    pub fn new() -> Self {
        Self {
            meta: Meta::open_model(),
            dir: Arc::new(tempfile::tempdir().unwrap()),
        }
    }
}

/// What came to the audit log.
#[derive(Default)]
pub struct Book(pub std::sync::Mutex<Vec<Event>>);

#[async_trait]
impl Recorder for Book {
    async fn record(&self, event: Event) -> Result<(), Unrecorded> {
        self.0.lock().unwrap().push(event);
        Ok(())
    }
}

struct NoCredentials;

#[async_trait]
impl Credentials for NoCredentials {
    async fn access_key(&self, _id: &str) -> Result<Lookup<KeyRecord>, Unavailable> {
        Ok(Lookup::Unknown)
    }

    async fn api_token(&self, _token: &str) -> Result<Lookup<Principal>, Unavailable> {
        Ok(Lookup::Unknown)
    }
}

pub fn owner() -> AccountId {
    AccountId::parse("123456789012").unwrap()
}

/// Lets in whom the test has not barred.
#[derive(Default)]
pub struct Bars(pub std::sync::Mutex<Option<AccountId>>);

#[async_trait]
impl Gate for Bars {
    async fn admit(&self, _: &str, _: &Principal, _: &Origin) -> Result<(), Barred> {
        Ok(())
    }

    async fn admit_to(&self, door: &str, account: AccountId, _: &Origin) -> Result<(), Barred> {
        assert_eq!(door, "agents");
        if *self.0.lock().unwrap() == Some(account) {
            return Err(Barred::Withheld);
        }
        Ok(())
    }

    async fn regions_of(&self, _: AccountId) -> Result<AccountRegions, Barred> {
        Ok(AccountRegions::Any)
    }
}

impl World {
    pub async fn new() -> Self {
        Self::with_room(256 << 20).await
    }

    /// With so much memory for parts.
    pub async fn with_room(bytes: usize) -> Self {
        Self::on(Disk::new(), 1, bytes).await
    }

    /// A server over what another left. `seed` is another than its.
    pub async fn on(disk: Disk, seed: u64, bytes: usize) -> Self {
        let Disk { meta, dir } = disk.clone();
        // Certificates are judged by the machine's clock at the other end.
        let clock = ManualClock::new(SystemClock::new().now());
        let entropy = SeededEntropy::new(seed);
        let sealer = Arc::new(Sealer::new(&Zeroizing::new([7; 32])));
        let volume = BlobSettings {
            reserve_bytes: 0,
            ..BlobSettings::default()
        };
        let objects = Objects::new(
            baleen_objects::Settings::default(),
            baleen_objects::Parts {
                meta: meta.clone(),
                blobs: Blobs::open(&dir.path().join("blob"), volume, entropy.clone()).unwrap(),
                clock: clock.clone(),
                entropy: entropy.clone(),
                sealer: Arc::clone(&sealer),
            },
        );
        let fleet = Fleet::open(baleen_fleet::Parts {
            meta: meta.clone(),
            sealer: Arc::clone(&sealer),
            clock: clock.clone(),
            entropy: entropy.clone(),
        });
        let fleet = fleet.await.unwrap();
        let agents = RemoteAgents::new(Arc::clone(&fleet), clock.clone());
        let shutdown = Shutdown::new();
        let captures = Captures::new(
            Settings::default(),
            baleen_capture::Parts {
                meta,
                objects: Arc::clone(&objects),
                sites: Sites::new(Vec::new()).with_agents(Arc::clone(&agents)),
                sealer,
                clock: clock.clone(),
                entropy: entropy.clone(),
                supervisor: Supervisor::new(clock.clone(), Shutdown::new()),
                connections: Connections::new(),
            },
        );
        captures.recover().await.unwrap();
        let identity = fleet.server_identity(&["localhost".to_owned()]).unwrap();
        let certificate = ServedCertificate::from_der(identity.chain, &identity.key).unwrap();
        let tls = Tls::mutual(certificate, &[fleet.authority().to_vec()], clock.clone()).unwrap();
        let gate = Arc::new(Bars::default());
        let parts = Parts {
            fleet: Arc::clone(&fleet),
            agents: Arc::clone(&agents),
            clock: clock.clone(),
            gate: gate.clone(),
            shutdown: shutdown.clone(),
        };
        let door = AgentDoor::with_room(parts, bytes);
        let book = Arc::new(Book::default());
        let parts = baleen_http::Parts {
            audit: book.clone(),
            ..baleen_http::Parts::bare(Arc::new(NoCredentials), clock.clone(), entropy)
        };
        let listener = Listener::bind(ServerSettings::default()).await.unwrap().encrypted(tls);
        let address = listener.address().unwrap();
        let served = tokio::spawn(listener.serve(Edge::new(door, parts), shutdown.clone()));
        Self {
            address,
            fleet,
            agents,
            captures,
            objects,
            clock,
            shutdown,
            gate,
            book,
            served,
            _disk: disk,
        }
    }

    pub async fn token(&self, account: AccountId, site: &str) -> String {
        let new = NewToken {
            site: SiteName::parse(site).unwrap(),
            groups: Vec::new(),
            is_shared: false,
            life: Duration::from_secs(3600),
        };
        let (token, _) = self.fleet.new_token(account, new).await.unwrap();
        token.text().expose().to_owned()
    }

    /// A connection that shows `identity`, if there is one; `Err` when none came about.
    pub async fn connect(&self, identity: Option<&Identity>) -> Result<Connection, Box<dyn std::error::Error>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(self.fleet.authority().to_vec()))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots);
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some(identity) => builder.with_client_auth_cert(
                vec![identity.certificate.clone().into()],
                PrivateKeyDer::Pkcs8(identity.key.clone().into()),
            )?,
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from("localhost")?;
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Connection(sender))
    }

    /// An agent that is enrolled and linked.
    pub async fn agent(&self, account: AccountId, site: &str) -> Agent {
        let identity = self.enrol(&self.token(account, site).await).await.unwrap();
        let mut connection = self.connect(Some(&identity)).await.unwrap();
        let link = connection.link().await;
        link.say(&hello());
        let mut agent = Agent {
            identity,
            connection,
            link,
        };
        assert_eq!(agent.hear().await, ToAgent::Welcome { protocol: PROTOCOL });
        agent
    }

    /// Enrols with a key of its own; the status when it is refused.
    pub async fn enrol(&self, token: &str) -> Result<Identity, StatusCode> {
        let mut connection = self.connect(None).await.unwrap();
        let key = Key::new();
        let (status, body) = connection.json("enrol", &key.enrolment(token)).await;
        if status != StatusCode::OK {
            return Err(status);
        }
        Ok(key.identity(&body))
    }

    pub async fn make_bucket(&self, account: AccountId, name: &str) {
        let new = CreateBucket {
            owner: account,
            name: BucketName::parse(name).unwrap(),
            region: RegionName::parse("us-east-1").unwrap(),
            object_lock: false,
        };
        self.objects.create_bucket(new).await.unwrap();
        let to = Destination::parse(&format!("s3://{name}")).unwrap();
        let made = self.captures.create_ownership(account, &to).await.unwrap();
        let text = self.read(name, to.key(&made.file_name).as_str()).await.unwrap();
        let text = String::from_utf8(text).unwrap();
        self.captures.validate_ownership(account, &to, &text).await.unwrap();
    }

    pub async fn read(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        let at = ObjectPath {
            bucket: BucketName::parse(bucket).unwrap(),
            key: ObjectKey::parse(key).unwrap(),
        };
        let mut body = self.objects.open(&at, Selection::Whole).await.ok()?.body;
        let mut bytes = Vec::new();
        while let Some(piece) = body.next().await {
            bytes.extend_from_slice(&piece.unwrap());
        }
        Some(bytes)
    }

    pub async fn create(&self, account: AccountId, site: &str, bucket: &str) -> Capture {
        let request = CreateCapture {
            account,
            site: SiteName::parse(site).unwrap(),
            destination: Destination::parse(&format!("s3://{bucket}")).unwrap(),
            limits: Limits {
                time: Duration::from_secs(20),
                packets: 10_000,
                bytes: 100 << 20,
            },
            filter: CaptureFilter::All,
            sent_filter: SentFilter::default(),
            format: Format::Pcap,
            snaplen: None,
            privacy: Privacy::default(),
            rotation: baleen_capture::engine::Rotation::default(),
            asked: Asked::of(b"{}", false),
        };
        self.captures.create(request).await.unwrap()
    }

    pub async fn until(&self, account: AccountId, id: CaptureId, status: Status) -> Capture {
        let wait = async {
            loop {
                let capture = self.captures.get(account, id).await.unwrap();
                if capture.status == status {
                    return capture;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("it comes so far")
    }
}

/// A key that has no certificate yet.
pub struct Key(EcdsaKeyPair);

/// A key with its certificate.
#[derive(Clone)]
pub struct Identity {
    pub id: Option<AgentId>,
    pub certificate: Vec<u8>,
    pub key: Vec<u8>,
}

impl Identity {
    pub fn sha256(&self) -> [u8; 32] {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &self.certificate);
        digest.as_ref().try_into().unwrap()
    }
}

impl Key {
    pub fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap())
    }

    fn proven(&self, purpose: Purpose<'_>) -> (String, String) {
        let public_key = self.0.public_key().as_ref();
        let text = KeyProof::signed_text(public_key, purpose);
        let signature = self.0.sign(&SystemRandom::new(), &text).unwrap();
        (BASE64.encode(public_key), BASE64.encode(signature.as_ref()))
    }

    pub fn enrolment(&self, token: &str) -> Value {
        let (key, signature) = self.proven(Purpose::Enrol { token });
        json!({ "token": token, "publicKey": key, "signature": signature, "name": "host" })
    }

    pub fn renewal(&self, certificate: &[u8; 32]) -> Value {
        let (key, signature) = self.proven(Purpose::Renew { certificate });
        json!({ "publicKey": key, "signature": signature })
    }

    /// With what the door answered.
    pub fn identity(&self, answer: &Value) -> Identity {
        let text = |name: &str| answer[name].as_str().unwrap().to_owned();
        Identity {
            id: Some(AgentId::parse(&text("agent")).unwrap()),
            certificate: BASE64.decode(text("certificate")).unwrap(),
            key: self.0.to_pkcs8v1().unwrap().as_ref().to_vec(),
        }
    }
}

type Said = StreamBody<futures::stream::BoxStream<'static, Result<Frame<Bytes>, std::convert::Infallible>>>;
type Body = http_body_util::Either<Full<Bytes>, Said>;

/// A body whose bytes come one after the other.
fn streamed() -> (mpsc::UnboundedSender<Bytes>, Body) {
    let (send, sent) = mpsc::unbounded_channel::<Bytes>();
    let sent = futures::stream::unfold(sent, |mut sent| async move {
        let bytes = sent.recv().await?;
        Some((Ok(Frame::data(bytes)), sent))
    });
    (send, Body::Right(StreamBody::new(sent.boxed())))
}

/// A connection of a client.
pub struct Connection(http2::SendRequest<Body>);

impl Connection {
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, String)],
        body: Bytes,
    ) -> (StatusCode, Vec<u8>) {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("https://localhost{path}"));
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let request = request.body(Body::Left(Full::new(body))).unwrap();
        let sent = tokio::time::timeout(PATIENCE, self.0.send_request(request)).await;
        let response = sent.expect("it is answered").unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, body.to_vec())
    }

    /// Begins a request whose bytes come one after the other, and tells how it is answered.
    pub fn begin(
        &mut self,
        method: Method,
        path: &str,
    ) -> (mpsc::UnboundedSender<Bytes>, tokio::task::JoinHandle<StatusCode>) {
        let (send, body) = streamed();
        let request = Request::builder()
            .method(method)
            .uri(format!("https://localhost{path}"));
        let request = request.body(body).unwrap();
        let answer = self.0.send_request(request);
        let answered = async {
            tokio::time::timeout(PATIENCE, answer)
                .await
                .expect("it is answered")
                .unwrap()
                .status()
        };
        (send, tokio::spawn(answered))
    }

    pub async fn json(&mut self, operation: &str, body: &Value) -> (StatusCode, Value) {
        let path = format!("/agent/v1/{operation}");
        let (status, body) = self.send(Method::POST, &path, &[], body.to_string().into()).await;
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    /// Whether anything is answered at all.
    pub async fn is_answered(&mut self) -> bool {
        let request = Request::get("https://localhost/")
            .body(Body::Left(Full::default()))
            .unwrap();
        self.0.send_request(request).await.is_ok()
    }

    /// Opens a link.
    pub async fn link(&mut self) -> Link {
        let (say, body) = streamed();
        let request = Request::post("https://localhost/agent/v1/link");
        let request = request.body(body).unwrap();
        let response = self.0.send_request(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        Link {
            say,
            heard: response.into_body(),
            frames: Frames::default(),
        }
    }
}

/// A link, as an agent has it.
pub struct Link {
    pub say: mpsc::UnboundedSender<Bytes>,
    heard: Incoming,
    frames: Frames<ToAgent>,
}

impl Link {
    pub fn say(&self, message: &ToServer) {
        let mut bytes = Vec::new();
        encode(message, &mut bytes).unwrap();
        self.say.send(bytes.into()).unwrap();
    }

    /// What is said next; `None` at the end. Pings are answered by nobody.
    pub async fn hear(&mut self) -> Option<ToAgent> {
        let hear = async {
            loop {
                match self.frames.take().unwrap() {
                    Some(ToAgent::Ping { .. }) => {}
                    Some(message) => return Some(message),
                    None => {
                        let frame = self.heard.frame().await?.ok()?;
                        self.frames.push(&frame.into_data().unwrap());
                    }
                }
            }
        };
        tokio::time::timeout(PATIENCE, hear).await.expect("something is said")
    }
}

/// An agent that is linked.
pub struct Agent {
    pub identity: Identity,
    pub connection: Connection,
    pub link: Link,
}

pub fn hello() -> ToServer {
    let interface = Interface {
        name: "eth0".to_owned(),
        link: 1,
        is_up: true,
    };
    ToServer::Hello(Hello {
        protocol: PROTOCOL,
        interfaces: vec![interface],
        ..Hello::default()
    })
}

/// A part, as it is announced.
#[derive(Clone)]
pub struct Part {
    pub capture: CaptureId,
    pub number: u32,
    pub bytes: Bytes,
    pub crc32c: Option<u32>,
    pub ends_file: bool,
    pub packets: u64,
    pub packet_bytes: u64,
}

impl Part {
    pub fn new(capture: CaptureId, number: u32, bytes: Vec<u8>, ends_file: bool) -> Self {
        Self {
            capture,
            number,
            bytes: bytes.into(),
            crc32c: None,
            ends_file,
            packets: u64::from(number + 1),
            packet_bytes: u64::from(number + 1) * (6 << 20),
        }
    }
}

impl Agent {
    pub fn id(&self) -> AgentId {
        self.identity.id.unwrap()
    }

    pub async fn hear(&mut self) -> ToAgent {
        self.link.hear().await.expect("the link stands")
    }

    pub async fn put(&mut self, part: &Part) -> StatusCode {
        put(&mut self.connection, part).await
    }
}

pub async fn put(connection: &mut Connection, part: &Part) -> StatusCode {
    let (path, headers) = announced(part);
    connection
        .send(Method::PUT, &path, &headers, part.bytes.clone())
        .await
        .0
}

/// Announces a part and sends nothing of it yet.
pub fn put_later(connection: &Connection, part: &Part) -> mpsc::UnboundedSender<Bytes> {
    let (path, headers) = announced(part);
    let mut request = Request::put(format!("https://localhost{path}"));
    for (name, value) in &headers {
        request = request.header(*name, value);
    }
    let (send, body) = streamed();
    let request = request.body(body).unwrap();
    let mut sender = connection.0.clone();
    // It is on its way from here on, in its turn.
    tokio::spawn(sender.send_request(request));
    send
}

fn announced(part: &Part) -> (String, [(&'static str, String); 6]) {
    let own = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, &part.bytes);
    let crc32c = part.crc32c.map_or(own, u64::from);
    let headers = [
        ("content-length", part.bytes.len().to_string()),
        ("x-crc32c", format!("{crc32c:08x}")),
        ("x-packets", part.packets.to_string()),
        ("x-bytes", part.packet_bytes.to_string()),
        ("x-dropped", "0".to_owned()),
        ("x-ends-file", part.ends_file.to_string()),
    ];
    (format!("/agent/v1/parts/{}/1/0/{}", part.capture, part.number), headers)
}
