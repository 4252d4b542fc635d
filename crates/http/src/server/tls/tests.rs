//! Encrypted listeners over real sockets: who may not come in does not hold a place, and who may is known.

use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use baleen_policy::{Origin, Principal};
use baleen_runtime::{ManualClock, SeededEntropy, Shutdown};
use baleen_types::{RequestId, Timestamp};
use bytes::Bytes;
use http::request::Parts as Head;
use http::{HeaderMap, Version};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream as ClientStream;

use super::*;
use crate::{
    Credentials, Door, DrainReport, Edge, KeyRecord, Listener, Lookup, Parts, Refusal, Request, Response, ResponseBody,
    Scheme, ServerSettings, Unavailable,
};

/// Says what it was told of the connection; `/wait` waits for the shutdown, `/large` has no end.
struct Told(Shutdown);

#[async_trait]
impl Door for Told {
    fn name(&self) -> &'static str {
        "told"
    }

    fn scheme(&self) -> Scheme {
        Scheme::None
    }

    fn sees_through(&self) -> bool {
        false
    }

    async fn serve(&self, request: Request) -> Response {
        if request.uri().path() == "/wait" {
            self.0.stopping().await;
        }
        if request.uri().path() == "/large" {
            let piece = || {
                Some(Ok::<_, io::Error>(http_body::Frame::data(Bytes::from_static(
                    &[b'x'; 4096],
                ))))
            };
            let endless = futures::stream::unfold((), move |()| std::future::ready(piece().map(|piece| (piece, ()))));
            return Response::new(ResponseBody::boxed(http_body_util::StreamBody::new(endless)));
        }
        let extensions = request.extensions();
        let certificate = extensions.get::<PeerCertificate>();
        let text = format!(
            "{} {} {} secure={} certificate={}",
            request.method(),
            request.headers().get("host").map_or("-", |host| host.to_str().unwrap()),
            request.uri(),
            extensions.get::<Origin>().unwrap().is_secure,
            certificate.map_or_else(|| "-".to_owned(), |certificate| hex::encode(certificate.sha256)),
        );
        Response::new(ResponseBody::full(text))
    }

    fn refuse(&self, _refusal: &Refusal, _head: &Head) -> Response {
        Response::default()
    }

    fn stamp(&self, _id: RequestId, _headers: &mut HeaderMap) {}
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

/// An authority of a test.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: Vec<u8>,
}

/// What it issued: certificate and key, both as DER.
#[derive(Clone)]
struct Issued {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let der = params.self_signed(&key).unwrap().der().to_vec();
        Self {
            issuer: Issuer::new(params, key),
            der,
        }
    }

    /// Valid from 2000 to `until`.
    fn issue_until(&self, until: i32) -> Issued {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2000, 1, 1);
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        Issued {
            certificate: params.signed_by(&key, &self.issuer).unwrap().der().to_vec(),
            key: key.serialize_der(),
        }
    }

    fn issue(&self) -> Issued {
        self.issue_until(2090)
    }
}

fn served(issued: &Issued) -> Arc<ServedCertificate> {
    ServedCertificate::from_der(vec![issued.certificate.clone()], &issued.key).unwrap()
}

/// The server's clock; the client's is the machine's.
fn clock() -> Arc<dyn Clock> {
    ManualClock::new(Timestamp::parse_rfc3339("2026-06-01T00:00:00Z").unwrap())
}

struct Running {
    address: SocketAddr,
    shutdown: Shutdown,
    served: tokio::task::JoinHandle<DrainReport>,
}

async fn start(tls: Tls, settings: ServerSettings) -> Running {
    let shutdown = Shutdown::new();
    let parts = Parts::bare(Arc::new(NoCredentials), clock(), SeededEntropy::new(1));
    let edge = Edge::new(Arc::new(Told(shutdown.clone())), parts);
    let listener = Listener::bind(settings).await.unwrap().encrypted(tls);
    let address = listener.address().unwrap();
    let served = tokio::spawn(listener.serve(edge, shutdown.clone()));
    Running {
        address,
        shutdown,
        served,
    }
}

/// A client that knows `authority`, shows `identity` and speaks `protocols`.
fn client(authority: &Authority, identity: Option<&Issued>, protocols: &[&[u8]]) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der.clone().into()).unwrap();
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(issued) => builder
            .with_client_auth_cert(
                vec![issued.certificate.clone().into()],
                PrivateKeyDer::Pkcs8(issued.key.clone().into()),
            )
            .unwrap(),
    };
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    TlsConnector::from(Arc::new(config))
}

async fn connect(connector: &TlsConnector, address: SocketAddr) -> io::Result<ClientStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    connector
        .connect(ServerName::try_from("localhost").unwrap(), stream)
        .await
}

type Sender2 = http2::SendRequest<Empty<Bytes>>;

async fn http_2(stream: ClientStream<TcpStream>) -> Sender2 {
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    sender
}

fn get(uri: &str) -> http::Request<Empty<Bytes>> {
    http::Request::get(uri).body(Empty::new()).unwrap()
}

async fn text(response: http::Response<hyper::body::Incoming>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// One request over HTTP/2.
async fn asked(connector: &TlsConnector, address: SocketAddr) -> Result<String, Box<dyn std::error::Error>> {
    let mut sender = http_2(connect(connector, address).await?).await;
    let response = sender.send_request(get("https://localhost/a?b=1")).await?;
    assert_eq!(response.version(), Version::HTTP_2);
    Ok(text(response).await)
}

fn quick() -> ServerSettings {
    ServerSettings {
        handshake_timeout: Duration::from_millis(100),
        connections_max: 1,
        ..ServerSettings::default()
    }
}

#[tokio::test]
async fn both_versions_are_served_and_known_to_be_secure() {
    let authority = Authority::new();
    let tls = Tls::of_the_web(served(&authority.issue()), clock()).unwrap();
    let running = start(tls, ServerSettings::default()).await;
    let text_2 = asked(&client(&authority, None, &[HTTP_2, HTTP_1]), running.address).await;
    assert_eq!(text_2.unwrap(), "GET localhost /a?b=1 secure=true certificate=-");
    // With HTTP/1.1 by name, and without any.
    for protocols in [&[HTTP_1][..], &[]] {
        let stream = connect(&client(&authority, None, protocols), running.address)
            .await
            .unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let request = http::Request::get("/a").header("host", "h").body(Empty::<Bytes>::new());
        let response = sender.send_request(request.unwrap()).await.unwrap();
        assert_eq!(text(response).await, "GET h /a secure=true certificate=-");
    }
    running.shutdown.stop();
    assert_eq!(running.served.await.unwrap(), DrainReport { cut: 0 });
}

/// Each holds the only place for as long as it is let to; the last one is served, so that it was given back.
#[tokio::test]
async fn whoever_does_not_come_in_gives_its_place_back() {
    let (authority, other) = (Authority::new(), Authority::new());
    let tls = Tls::of_the_web(served(&authority.issue()), clock()).unwrap();
    let running = start(tls, quick()).await;
    let noise = vec![0xff; 70_000];
    // It says nothing, or the beginning of a handshake, or something else.
    for said in [
        &b""[..],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
        b"GET / HTTP/1.1\r\nhost: h\r\n\r\n",
        b"\x16\x03\x01\xff\xff",
        &noise,
    ] {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        let _ = stream.write_all(said).await;
        let mut answer = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
        assert!(ended.is_ok(), "{said:?}");
        assert!(answer.len() < 64 && !answer.starts_with(b"HTTP"), "{answer:?}");
    }
    // One that knows another authority, and one that speaks nothing we do.
    assert!(
        connect(&client(&other, None, &[HTTP_2]), running.address)
            .await
            .is_err()
    );
    assert!(
        connect(&client(&authority, None, &[b"h3"]), running.address)
            .await
            .is_err()
    );
    assert!(
        asked(&client(&authority, None, &[HTTP_2]), running.address)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_handshake() {
    let authority = Authority::new();
    let tls = Tls::of_the_web(served(&authority.issue()), clock()).unwrap();
    let running = start(tls, ServerSettings::default()).await;
    let mut silent = TcpStream::connect(running.address).await.unwrap();
    silent.write_all(b"\x16\x03\x01").await.unwrap();
    running.shutdown.stop();
    assert_eq!(running.served.await.unwrap(), DrainReport { cut: 0 });
}

#[tokio::test]
async fn old_versions_are_refused() {
    // TLS 1.1, as a client of its day begins: the version is that of the greeting.
    let hello = hex::decode(concat!(
        "160301002f0100002b0302",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "000004c013c0140100"
    ))
    .unwrap();
    let authority = Authority::new();
    let tls = Tls::of_the_web(served(&authority.issue()), clock()).unwrap();
    let running = start(tls, quick()).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(&hello).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    // A fatal alert (21), and nothing of a handshake (22).
    assert!(answer.first() == Some(&21), "{answer:?}");
}

/// Among our own, a certificate of ours is known, and that of another or of another time keeps its owner out.
#[tokio::test]
async fn certificates_of_clients_are_judged() {
    let (authority, other) = (Authority::new(), Authority::new());
    let tls = Tls::mutual(
        served(&authority.issue()),
        std::slice::from_ref(&authority.der),
        clock(),
    )
    .unwrap();
    let running = start(tls, ServerSettings::default()).await;
    let good = authority.issue();
    let fingerprint = hex::encode(baleen_signing::sha256(&good.certificate));
    for (identity, protocols, expected) in [
        (Some(&good), &[HTTP_2][..], Some(fingerprint.as_str())),
        (None, &[HTTP_2], Some("-")),
        (Some(&other.issue()), &[HTTP_2], None),
        // The server's clock says so, not the client's and not the machine's.
        (Some(&authority.issue_until(2026)), &[HTTP_2], None),
        (Some(&good), &[HTTP_1], None),
        (Some(&good), &[], None),
    ] {
        let seen = asked(&client(&authority, identity, protocols), running.address).await;
        let expected = expected.map(|known| format!("GET localhost /a?b=1 secure=true certificate={known}"));
        assert_eq!(seen.ok(), expected);
    }
}

#[tokio::test]
async fn another_certificate_is_served_from_the_next_connection_on() {
    let (old, new) = (Authority::new(), Authority::new());
    let certificate = served(&old.issue());
    let tls = Tls::of_the_web(Arc::clone(&certificate), clock()).unwrap();
    let running = start(tls, ServerSettings::default()).await;
    let mut kept = http_2(connect(&client(&old, None, &[HTTP_2]), running.address).await.unwrap()).await;
    // What is no pair is refused, and changes nothing.
    let (issued, foreign) = (new.issue(), new.issue());
    let refused = certificate.replace_by_der(vec![issued.certificate.clone()], &foreign.key);
    assert!(matches!(refused, Err(TlsError::Unfit(_))), "{refused:?}");
    assert!(asked(&client(&old, None, &[HTTP_2]), running.address).await.is_ok());
    certificate
        .replace_by_der(vec![issued.certificate], &issued.key)
        .unwrap();
    assert!(asked(&client(&old, None, &[HTTP_2]), running.address).await.is_err());
    assert!(asked(&client(&new, None, &[HTTP_2]), running.address).await.is_ok());
    assert!(kept.send_request(get("https://localhost/")).await.is_ok());
}

/// As `openssl x509 -req -signkey` makes them: of version 1, good for a hundred years.
const VERSION_ONE: &str = "-----BEGIN CERTIFICATE-----\n\
     MIIBJDCBywIURhbc5ko34Y33/UnfIvTCfrdfWMkwCgYIKoZIzj0EAwIwFDESMBAG\n\
     A1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyODE0MTU1M1oYDzIxMjYxMTA0MTQxNTUz\n\
     WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC\n\
     AAR+4V70EIa6wMB+XoVkoYAcn7pZLkXQE7v5S8McW0Z0ichq7ytEA54RKEc+MQsF\n\
     4eI1zoTJBqTPAtVxMkU8Koh1MAoGCCqGSM49BAMCA0gAMEUCIQDU6PWYfx2lBr9K\n\
     6V9ZVJjxKXN7aNw8TmEvQcnX/dmvkAIgSXEK6ymJwkOyHhmThVgMi+YEMcwYk8HD\n\
     os4J8qgbTLQ=\n\
     -----END CERTIFICATE-----\n";

#[test]
fn one_of_the_first_version_is_told_from_one_that_does_not_fit() {
    let key = pem("PRIVATE KEY", &KeyPair::generate().unwrap().serialize_der());
    let refused = ServedCertificate::from_pem(VERSION_ONE.as_bytes(), key.as_bytes());
    assert!(matches!(refused, Err(TlsError::VersionOne)), "{refused:?}");
    let issued = Authority::new().issue_until(2030);
    let served = served(&issued);
    let until = served.validity().expect("it is good for a time").until;
    assert_eq!(until.to_rfc3339_secs(), "2030-01-01T00:00:00Z");
    let foreign = ServedCertificate::from_pem(pem("CERTIFICATE", &issued.certificate).as_bytes(), key.as_bytes());
    assert!(matches!(foreign, Err(TlsError::Unfit(_))), "{foreign:?}");
}

fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

#[test]
fn what_is_no_certificate_is_said_so() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (chain, key) = (
        pem("CERTIFICATE", made.cert.der()),
        pem("PRIVATE KEY", &made.signing_key.serialize_der()),
    );
    let other = pem("PRIVATE KEY", &rcgen::KeyPair::generate().unwrap().serialize_der());
    assert!(ServedCertificate::from_pem(chain.as_bytes(), key.as_bytes()).is_ok());
    // Both in one file, as some tools write them.
    let both = format!("{key}{chain}");
    assert!(ServedCertificate::from_pem(both.as_bytes(), both.as_bytes()).is_ok());
    for (chain, key, expected) in [
        ("", key.as_str(), "NoCertificate"),
        (&key, &key, "NoCertificate"),
        (
            "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
            &key,
            "NoCertificate",
        ),
        (&chain, "", "NoKey"),
        (&chain, &chain, "NoKey"),
        (&chain, &other, "Unfit"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            &key,
            "Unfit",
        ),
    ] {
        let refused = ServedCertificate::from_pem(chain.as_bytes(), key.as_bytes()).unwrap_err();
        assert!(format!("{refused:?}").starts_with(expected), "{refused:?}");
    }
}

#[tokio::test]
async fn streams_past_the_limit_wait_and_a_stop_lets_those_at_work_end() {
    let authority = Authority::new();
    let tls = Tls::of_the_web(served(&authority.issue()), clock()).unwrap();
    let running = start(tls, ServerSettings::default()).await;
    let sender = http_2(
        connect(&client(&authority, None, &[HTTP_2]), running.address)
            .await
            .unwrap(),
    )
    .await;
    let mut asks = Vec::new();
    for _ in 0..1_000 {
        let mut sender = sender.clone();
        asks.push(tokio::spawn(async move {
            sender.send_request(get("https://localhost/wait")).await
        }));
    }
    // Once one more than the limit waits, nothing else comes in; those which were let in are answered when the server stops.
    tokio::task::yield_now().await;
    let mut other = http_2(
        connect(&client(&authority, None, &[HTTP_2]), running.address)
            .await
            .unwrap(),
    )
    .await;
    assert!(other.send_request(get("https://localhost/")).await.is_ok());
    running.shutdown.stop();
    let mut answered = 0_usize;
    for ask in asks {
        answered += usize::from(ask.await.unwrap().is_ok());
    }
    assert!(
        (1..=crate::limits::STREAMS_MAX as usize).contains(&answered),
        "{answered}"
    );
    drop((sender, other));
    assert_eq!(running.served.await.unwrap(), DrainReport { cut: 0 });
}

/// CVE-2023-44487: what was sent is taken back at once, over and over.
#[tokio::test]
async fn rapid_resets_end_the_connection() {
    let authority = Authority::new();
    let tls = Tls::of_the_web(served(&authority.issue()), clock()).unwrap();
    let running = start(tls, ServerSettings::default()).await;
    let mut stream = connect(&client(&authority, None, &[HTTP_2]), running.address)
        .await
        .unwrap();
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    for id in (1_u32..20_001).step_by(2) {
        // GET https / with nothing else, whole; then RST_STREAM of it with CANCEL.
        bytes.extend([0, 0, 3, 1, 5]);
        bytes.extend(id.to_be_bytes());
        bytes.extend([0x82, 0x87, 0x84]);
        bytes.extend([0, 0, 4, 3, 0]);
        bytes.extend(id.to_be_bytes());
        bytes.extend(8_u32.to_be_bytes());
    }
    let _ = stream.write_all(&bytes).await;
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await;
    assert!(ended.is_ok(), "the connection goes on");
}

#[tokio::test]
async fn silence_ends_a_connection_of_version_2() {
    let authority = Authority::new();
    let tls = Tls::of_the_web(served(&authority.issue()), clock()).unwrap();
    let settings = ServerSettings {
        head_timeout: Duration::from_millis(40),
        stall_timeout: Duration::from_millis(40),
        connections_max: 1,
        ..ServerSettings::default()
    };
    let running = start(tls, settings).await;
    let connector = client(&authority, None, &[HTTP_2]);
    // Nothing at all; a greeting and then nothing; a head that has no end; answers that are not taken.
    let mut headless = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    headless.extend([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    let greeting = headless.clone();
    headless.extend([0, 0, 3, 1, 1, 0, 0, 0, 1, 0x82, 0x87, 0x84]);
    for said in [&b""[..], &greeting, &headless] {
        let mut stream = connect(&connector, running.address).await.unwrap();
        stream.write_all(said).await.unwrap();
        let mut answer = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await;
        assert!(ended.is_ok(), "{said:?}");
    }
    let mut sender = http_2(connect(&connector, running.address).await.unwrap()).await;
    let response = sender.send_request(get("https://localhost/large")).await.unwrap();
    let mut body = response.into_body();
    assert!(body.frame().await.unwrap().is_ok());
    // Nothing is taken from here on until the server has had enough; what was sent before is there to be read.
    let mut next = connect(&connector, running.address).await.unwrap();
    next.write_all(&greeting).await.unwrap();
    let mut byte = [0];
    let served = tokio::time::timeout(Duration::from_secs(10), next.read_exact(&mut byte)).await;
    assert!(served.is_ok(), "the place was not given back");
    let end = loop {
        match body.frame().await {
            Some(Ok(_)) => {}
            end => break end,
        }
    };
    assert!(end.is_some(), "the answer seems whole");
}
