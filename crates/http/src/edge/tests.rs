//! The edge in front of a door which only tells what it got.

use std::time::Duration;

use async_trait::async_trait;
use baleen_policy::{Caller, Role, User};
use baleen_runtime::{ManualClock, SeededEntropy};
use baleen_signing::sign::{Request as ToSign, Signer};
use baleen_signing::{AmzDate, PathStyle, PayloadMode};
use baleen_types::{AccessKeyId, AccountId, ProjectId, Secret, Timestamp, UserId, UserName};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};

use super::*;
use crate::{AuthError, BodyFault, KeyRecord, Lookup, ResponseBody, Scheme, SessionTokenRule, Unavailable};

mod identity;
mod sdk;
mod tokens;
mod version_2;

const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "canary-wJalrXUtnFEMI/K7MDENG/bPxRfiCY";
const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// A request in the making.
struct Ask {
    method: Method,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Ask {
    fn new(method: Method, target: &str) -> Self {
        let headers = vec![("host".to_owned(), "h:9000".to_owned())];
        Self {
            method,
            target: target.to_owned(),
            headers,
            body: Vec::new(),
        }
    }

    fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn body(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self
    }

    fn request(&self, payload: PayloadMode, run: impl FnOnce(&ToSign<'_>)) {
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
        });
    }

    fn signed(mut self, signer: &Signer<'_>, payload: PayloadMode, date: AmzDate) -> Self {
        let mut added = Vec::new();
        self.request(payload, |request| added = signer.sign(request, date).headers);
        self.headers
            .extend(added.into_iter().map(|(name, value)| (name.to_owned(), value)));
        self
    }

    fn presigned(mut self, signer: &Signer<'_>, date: AmzDate, life: Duration) -> Self {
        let mut query = String::new();
        self.request(PayloadMode::Unsigned, |request| {
            query = signer.presign(request, date, life).unwrap();
        });
        let path = self.target.split('?').next().unwrap().to_owned();
        self.target = format!("{path}?{query}");
        self
    }

    fn build(self) -> Request {
        let mut request = http::Request::builder().method(self.method).uri(self.target);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        let body = if self.body.is_empty() {
            RequestBody::empty()
        } else {
            RequestBody::boxed(Full::new(Bytes::from(self.body)).map_err(|never| match never {}))
        };
        request.body(body).unwrap()
    }
}

/// Answers with what it was given; `/panic` panics.
struct Echo(Scheme);

#[async_trait]
impl Door for Echo {
    fn name(&self) -> &'static str {
        "echo"
    }

    fn scheme(&self) -> Scheme {
        self.0
    }

    fn hosts(&self) -> &'static [&'static str] {
        &["s3"]
    }

    fn host_resource<'h>(&self, head: &'h Head) -> Option<&'h str> {
        let host = head.headers.get("host")?.to_str().ok()?;
        host.strip_suffix(".h:9000")
    }

    fn sees_through(&self) -> bool {
        false
    }

    async fn serve(&self, request: Request) -> Response {
        assert_ne!(request.uri().path(), "/panic", "asked to");
        let (head, body) = request.into_parts();
        let principal = head.extensions.get::<Principal>().unwrap().clone();
        assert!(head.extensions.get::<RequestId>().is_some());
        let mut response = Response::default();
        match body.collect().await {
            Ok(body) => {
                let who = principal
                    .user()
                    .map_or("nobody".to_owned(), |user| user.name.to_string());
                *response.body_mut() =
                    ResponseBody::full(format!("{who}: {}", String::from_utf8_lossy(&body.to_bytes())));
            }
            Err(fault) => {
                *response.status_mut() = StatusCode::BAD_REQUEST;
                *response.body_mut() = ResponseBody::full(format!("body {fault:?}"));
            }
        }
        response
    }

    fn refuse(&self, refusal: &Refusal, _head: &Head) -> Response {
        let mut response = Response::default();
        *response.status_mut() = match refusal {
            Refusal::Auth(_) | Refusal::Barred => StatusCode::FORBIDDEN,
            Refusal::Body(_) => StatusCode::BAD_REQUEST,
            Refusal::Panicked | Refusal::Unaudited => StatusCode::INTERNAL_SERVER_ERROR,
        };
        *response.body_mut() = ResponseBody::full(match refusal {
            Refusal::Auth(error) => format!("auth {error:?}"),
            Refusal::Body(fault) => format!("body {fault:?}"),
            Refusal::Barred => "barred".to_owned(),
            Refusal::Unaudited => "unaudited".to_owned(),
            Refusal::Panicked => "panicked".to_owned(),
        });
        response
    }

    fn stamp(&self, id: RequestId, headers: &mut HeaderMap) {
        headers.insert("x-request-id", id.to_string().parse().unwrap());
    }
}

struct OneUser(Principal);

#[async_trait]
impl Credentials for OneUser {
    async fn access_key(&self, id: &str) -> Result<Lookup<KeyRecord>, Unavailable> {
        let found = (id == KEY).then(|| KeyRecord {
            secret: Secret::new(SECRET),
            principal: self.0.clone(),
            session_token: SessionTokenRule::None,
        });
        Ok(found.into())
    }

    async fn api_token(&self, token: &str) -> Result<Lookup<Principal>, Unavailable> {
        Ok((token == TOKEN).then(|| self.0.clone()).into())
    }
}

fn now() -> Timestamp {
    Timestamp::parse_basic("20260102T030405Z").unwrap()
}

fn date() -> AmzDate {
    AmzDate::from_timestamp(now())
}

fn root() -> User {
    User::new(
        AccountId::from_entropy(1),
        ProjectId::from_bytes([1; 16]),
        UserId::from_entropy(2),
        UserName::parse("root@example.com").unwrap(),
        Role::Root,
    )
}

fn edge(scheme: Scheme) -> Arc<Edge> {
    let caller = Caller::with_key(root(), AccessKeyId::parse(KEY).unwrap());
    let parts = Parts::bare(
        Arc::new(OneUser(caller.into())),
        ManualClock::new(now()),
        SeededEntropy::new(7),
    );
    Edge::new(Arc::new(Echo(scheme)), parts)
}

/// Sends one request; gives status and body.
async fn ask(edge: &Edge, ask: Ask) -> (u16, String) {
    let response = edge.handle(ask.build()).await;
    let status = response.status().as_u16();
    assert!(response.headers().contains_key("x-request-id"));
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn signer() -> Signer<'static> {
    Signer {
        access_key_id: KEY,
        secret: SECRET,
        session_token: None,
        region: "eu-west-1",
        service: "s3",
    }
}

fn s3() -> Arc<Edge> {
    edge(Scheme::SigV4 {
        services: &["s3"],
        version_2: true,
    })
}

fn put() -> Ask {
    Ask::new(Method::PUT, "/b/k").body(b"data")
}

/// Asserts that the edge refuses, and with which error.
async fn refused(request: Ask, wanted: AuthError) {
    let (status, body) = ask(&s3(), request).await;
    assert_eq!((status, body), (403, format!("auth {wanted:?}")));
}

#[tokio::test]
async fn good_signatures_are_believed() {
    let edge = s3();
    let sha = PayloadMode::Sha256(baleen_signing::sha256(b"data"));
    for payload in [sha, PayloadMode::Unsigned] {
        let (status, body) = ask(&edge, put().signed(&signer(), payload, date())).await;
        assert_eq!((status, body.as_str()), (200, "root@example.com: data"));
    }
    let link = put().presigned(&signer(), date(), Duration::from_mins(1));
    assert_eq!(ask(&edge, link).await, (200, "root@example.com: data".to_owned()));
    let with_header = put().header("x-amz-meta-a", "  b   c ").header("Range", "bytes=0-1");
    let (status, _) = ask(&edge, with_header.signed(&signer(), PayloadMode::Unsigned, date())).await;
    assert_eq!(status, 200);
    assert_eq!(ask(&edge, put()).await, (200, "nobody: data".to_owned()));
}

/// curl signs the hash of no body without sending it.
#[tokio::test]
async fn a_request_without_body_may_leave_out_its_hash() {
    // Calculated by another implementation.
    let without_hash = |ask: Ask| {
        let signature = match ask.method {
            Method::GET => "6ac26a09b1f21a2a232ef0f8f40145790e5df5e1162207fd2ab37fee5d6214bc",
            _ => "735e6a8247b75716aa281ffad749215dc9f551e510e356f49662b3b94d28ab84",
        };
        let scope = "20260102/eu-west-1/s3/aws4_request";
        let authorization =
            format!("AWS4-HMAC-SHA256 Credential={KEY}/{scope}, SignedHeaders=host;x-amz-date, Signature={signature}");
        ask.header("x-amz-date", date().as_str())
            .header("authorization", &authorization)
    };
    let get = without_hash(Ask::new(Method::GET, "/b/k"));
    assert_eq!(ask(&s3(), get).await, (200, "root@example.com: ".to_owned()));
    let length = without_hash(put()).header("content-length", "4");
    refused(length, AuthError::MissingContentSha256).await;
    // A body that came without a length is still not the empty one.
    assert_eq!(
        ask(&s3(), without_hash(put())).await,
        (400, "body ContentSha256".to_owned())
    );
}

#[tokio::test]
async fn a_hash_that_is_not_the_bodys_ends_the_body() {
    let payload = PayloadMode::Sha256(baleen_signing::sha256(b"other"));
    let (status, body) = ask(&s3(), put().signed(&signer(), payload, date())).await;
    assert_eq!((status, body.as_str()), (400, "body ContentSha256"));
    let (status, body) = ask(&s3(), put().body(b"").signed(&signer(), payload, date())).await;
    assert_eq!((status, body.as_str()), (400, "body ContentSha256"));
    let mut streaming = put().header("x-amz-decoded-content-length", "0");
    streaming.body.clear();
    let (_, body) = ask(&s3(), streaming.signed(&signer(), PayloadMode::Streaming, date())).await;
    assert_eq!(body, "body BrokenOff");
}

#[tokio::test]
async fn wrong_signatures_are_refused() {
    let unsigned = PayloadMode::Unsigned;
    let wrong_secret = Signer {
        secret: "another",
        ..signer()
    };
    refused(put().signed(&wrong_secret, unsigned, date()), AuthError::Mismatch).await;
    refused(
        put().presigned(&wrong_secret, date(), Duration::from_mins(1)),
        AuthError::Mismatch,
    )
    .await;
    let wrong_key = Signer {
        access_key_id: "AKIAIOSFODNN7UNKNOWN",
        ..signer()
    };
    refused(put().signed(&wrong_key, unsigned, date()), AuthError::UnknownAccessKey).await;

    let mut other_path = put().signed(&signer(), unsigned, date());
    other_path.target = "/b/other".to_owned();
    refused(other_path, AuthError::Mismatch).await;
    let mut other_method = put().signed(&signer(), unsigned, date());
    other_method.method = Method::DELETE;
    refused(other_method, AuthError::Mismatch).await;
    let mut more_query = put().presigned(&signer(), date(), Duration::from_mins(1));
    more_query.target.push_str("&acl");
    refused(more_query, AuthError::Mismatch).await;

    for service in ["sts", "transporter", "S3"] {
        let other = Signer { service, ..signer() };
        let error = |in_query| AuthError::WrongService {
            expected: &["s3"],
            in_query,
        };
        refused(put().signed(&other, unsigned, date()), error(false)).await;
        refused(put().presigned(&other, date(), Duration::from_mins(1)), error(true)).await;
    }
    let both = put().presigned(&signer(), date(), Duration::from_mins(1));
    refused(both.signed(&signer(), unsigned, date()), AuthError::TwoMechanisms).await;
}

#[tokio::test]
async fn time_is_judged_by_the_injected_clock() {
    let at = |seconds: i64| AmzDate::from_timestamp(Timestamp::from_secs(now().as_secs() + seconds));
    let header = |seconds| put().signed(&signer(), PayloadMode::Unsigned, at(seconds));
    for seconds in [-900, 900] {
        assert_eq!(ask(&s3(), header(seconds)).await.0, 200, "{seconds}");
    }
    for seconds in [-901, 901, -86_400 * 365] {
        let skewed = AuthError::Skewed {
            request: at(seconds).timestamp(),
            server: now(),
        };
        refused(header(seconds), skewed).await;
    }
    let link = |seconds, life| put().presigned(&signer(), at(seconds), Duration::from_secs(life));
    assert_eq!(ask(&s3(), link(-59, 60)).await.0, 200);
    assert_eq!(ask(&s3(), link(900, 60)).await.0, 200);
    assert_eq!(ask(&s3(), link(-604_799, 604_800)).await.0, 200);
    refused(link(-60, 60), AuthError::Expired).await;
    refused(link(901, 60), AuthError::NotYetValid).await;
}

#[tokio::test]
async fn headers_that_are_obeyed_must_be_signed() {
    for name in ["x-amz-copy-source", "x-amz-acl", "x-amz-meta-a", "x-amz-content-sha256"] {
        let link = put()
            .presigned(&signer(), date(), Duration::from_mins(1))
            .header(name, "UNSIGNED-PAYLOAD");
        refused(link, AuthError::UnsignedHeader(name.to_owned())).await;
    }
    let header = put()
        .signed(&signer(), PayloadMode::Unsigned, date())
        .header("x-amz-copy-source", "/b/secret");
    refused(header, AuthError::UnsignedHeader("x-amz-copy-source".to_owned())).await;
    let mut no_host = put();
    no_host.headers.clear();
    refused(
        no_host.signed(&signer(), PayloadMode::Unsigned, date()),
        AuthError::UnsignedHeader("host".into()),
    )
    .await;
}

#[tokio::test]
async fn what_stands_twice_is_refused() {
    for name in [
        "x-amz-meta-a",
        "x-amz-date",
        "authorization",
        "if-none-match",
        "content-md5",
        "host",
    ] {
        let twice = put().header(name, "a").header(name, "b");
        refused(twice, AuthError::DuplicateHeader(name.to_owned())).await;
    }
    let harmless = put()
        .header("accept", "a")
        .header("accept", "b")
        .header("x-forwarded-for", "\u{fc}");
    assert_eq!(ask(&s3(), harmless).await.0, 200);
}

#[tokio::test]
async fn promises_about_the_body_must_be_possible() {
    let streaming = |ask: Ask, mode| ask.signed(&signer(), mode, date());
    let framing = |why| AuthError::Framing(why);
    let length = framing("x-amz-decoded-content-length is required and must be a number of bytes");
    refused(streaming(put(), PayloadMode::Streaming), length.clone()).await;
    for wrong in ["-1", "1e3", " 5", "18446744073709551616", ""] {
        let ask = put().header("x-amz-decoded-content-length", wrong.trim_start());
        if wrong == " 5" {
            continue; // the header parser trims it, and 5 is a number
        }
        refused(streaming(ask, PayloadMode::Streaming), length.clone()).await;
    }
    let trailer = |name| {
        put()
            .header("x-amz-decoded-content-length", "4")
            .header("x-amz-trailer", name)
    };
    let needs = framing("x-amz-trailer needs a -TRAILER value in x-amz-content-sha256");
    refused(
        streaming(trailer("x-amz-checksum-crc32"), PayloadMode::Streaming),
        needs.clone(),
    )
    .await;
    refused(streaming(trailer("x-amz-checksum-crc32"), PayloadMode::Unsigned), needs).await;
    for name in [
        "x-amz-meta-a",
        "x-amz-checksum-sha512",
        "x-amz-checksum-crc32, x-amz-checksum-crc32",
    ] {
        let unsupported = AuthError::UnsupportedTrailer(name.rsplit(", ").next().unwrap().to_owned());
        refused(
            streaming(trailer(name), PayloadMode::StreamingUnsignedTrailer),
            unsupported,
        )
        .await;
    }
    let framed = put().header("content-encoding", "gzip, aws-chunked");
    refused(
        streaming(framed, PayloadMode::Unsigned),
        framing("Content-Encoding aws-chunked needs a STREAMING- value in x-amz-content-sha256"),
    )
    .await;
    // Signed chunks of nobody.
    let nobody = put()
        .header("x-amz-decoded-content-length", "4")
        .header("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
    refused(
        nobody,
        framing("signed chunks need a request signed with AWS4-HMAC-SHA256"),
    )
    .await;
    refused(
        put().header("x-amz-content-sha256", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"),
        AuthError::UnsupportedContentSha256,
    )
    .await;
}

#[tokio::test]
async fn a_session_token_of_nobodys_session_is_refused() {
    let session = Signer {
        session_token: Some("token"),
        ..signer()
    };
    refused(
        put().signed(&session, PayloadMode::Unsigned, date()),
        AuthError::SessionToken,
    )
    .await;
    refused(
        put().presigned(&session, date(), Duration::from_mins(1)),
        AuthError::SessionToken,
    )
    .await;
}

#[tokio::test]
async fn tokens_of_the_token_doors() {
    let edge = edge(Scheme::ApiToken);
    let get = || Ask::new(Method::GET, "/");
    let bearer = format!("Bearer {TOKEN}");
    assert_eq!(
        ask(&edge, get().header("authorization", &bearer)).await.1,
        "root@example.com: "
    );
    assert_eq!(
        ask(&edge, get().header("x-auth-token", TOKEN)).await.1,
        "root@example.com: "
    );
    let key = get().header("x-auth-key", TOKEN);
    assert_eq!(
        ask(&edge, key.header("x-auth-email", "ROOT@example.com")).await.1,
        "root@example.com: "
    );
    let key = get().header("x-auth-key", TOKEN);
    assert_eq!(ask(&edge, key.header("x-auth-email", "other@example.com")).await.0, 403);
    assert_eq!(ask(&edge, get().header("authorization", "Bearer 00")).await.0, 403);
    assert_eq!(ask(&edge, get()).await.1, "nobody: ");
}

#[tokio::test]
async fn a_panic_is_an_answer_and_ids_differ() {
    let edge = s3();
    let first = edge.handle(Ask::new(Method::GET, "/panic").build()).await;
    assert_eq!(first.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let second = edge.handle(Ask::new(Method::GET, "/").build()).await;
    assert_eq!(second.status(), StatusCode::OK);
    assert_ne!(first.headers()["x-request-id"], second.headers()["x-request-id"]);
}

#[tokio::test]
async fn nothing_tells_a_secret() {
    for request in [
        put().signed(
            &Signer {
                secret: "canary-2",
                ..signer()
            },
            PayloadMode::Unsigned,
            date(),
        ),
        put().header("authorization", "AWS4-HMAC-SHA256 canary"),
    ] {
        let (_, body) = ask(&s3(), request).await;
        assert!(!body.contains("canary"), "{body}");
    }
    assert!(!format!("{:?}", BodyFault::Signature).contains("canary"));
}

/// Collects what a subscriber writes.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<std::sync::Mutex<Vec<u8>>>);

impl Lines {
    pub(crate) fn subscriber(&self) -> impl tracing::Subscriber + Send + Sync + use<> {
        let writer = self.clone();
        tracing_subscriber::fmt()
            .with_ansi(false)
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || writer.clone())
            .finish()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// F13: one line per request, with its id, and nothing in it that opens a door.
#[tokio::test]
async fn one_line_per_request_without_secrets() {
    let lines = Lines::default();
    let _guard = tracing::subscriber::set_default(lines.subscriber());
    let edge = s3();
    let link = put().presigned(&signer(), date(), Duration::from_mins(1));
    let signature = link.target.rsplit_once('=').unwrap().1.to_owned();
    let header = put().signed(&signer(), PayloadMode::Unsigned, date());
    let authorization = header.headers.last().unwrap().1.rsplit_once('=').unwrap().1.to_owned();
    let wrong = put().signed(
        &Signer {
            secret: "x",
            ..signer()
        },
        PayloadMode::Unsigned,
        date(),
    );
    for ask_ in [link, header, wrong, Ask::new(Method::GET, "/panic")] {
        let _ = ask(&edge, ask_).await;
    }
    let written = lines.text();
    let served: Vec<_> = written.lines().filter(|line| line.contains("request served")).collect();
    assert_eq!(served.len(), 4, "{written}");
    assert!(
        served[0].contains("root@example.com") && served[0].contains("status=200"),
        "{}",
        served[0]
    );
    assert!(
        served[2].contains("status=403") && served[3].contains("status=500"),
        "{written}"
    );
    for secret in [SECRET, &signature, &authorization, "X-Amz"] {
        assert!(!written.contains(secret), "{written}");
    }
}

/// botocore misreads the answer after one that came in place of `100 Continue`, if the connection is used again; and of the next
/// request the first bytes were taken for a short body that was never sent.
#[tokio::test]
async fn a_final_answer_in_place_of_continue_ends_the_connection() {
    let edge = edge(Scheme::None);
    for (expect, body, closes) in [(true, "", true), (true, "body", false), (false, "", false)] {
        let mut request = Ask::new(Method::GET, "/").body(body.as_bytes());
        if expect {
            request = request.header("expect", "100-continue");
        }
        let answer = edge.handle(request.build()).await;
        let said = answer.headers().get(CONNECTION).is_some_and(|value| value == "close");
        assert_eq!(said, closes, "expect {expect}, body {body:?}");
    }
    // Who is refused, or answered by a door that wants no body, was not told to go on.
    let strict = self::edge(Scheme::ApiToken);
    for (edge, path) in [(&strict, "/"), (&edge, "/panic")] {
        for expect in [true, false] {
            let mut request = Ask::new(Method::PUT, path)
                .header("authorization", "Bearer wrong")
                .body(b"x");
            if expect {
                request = request.header("expect", "100-continue");
            }
            let answer = edge.handle(request.build()).await;
            assert!(answer.status().is_client_error() || answer.status().is_server_error());
            let said = answer.headers().get(CONNECTION).is_some_and(|value| value == "close");
            assert_eq!(said, expect, "{path}");
        }
    }
}
