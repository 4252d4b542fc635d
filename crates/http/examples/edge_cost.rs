//! What a signed request costs before its operation: the whole edge (id, origin, choice of door, signature, gate) and one
//! policy decision, on one core, in microseconds; and what its line in the log adds.
//!
//! `cargo run --release -p baleen-http --example edge_cost [rounds]`. On a machine that is not quiet the number of instructions
//! tells more: `valgrind --tool=callgrind target/release/examples/edge_cost 1000`.

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use baleen_http::{
    Credentials, Door, DoorNames, Edge, KeyRecord, Listener, Lookup, Parts, Refusal, Request, RequestBody, Response,
    Scheme, ServerSettings, SessionTokenRule, Unavailable, is_query_protocol,
};
use baleen_policy::{
    Action, Ask, BucketFacts, Caller, Context, DocumentKind, Origin, Policy, Principal, Resource, Role, User, authorize,
};
use baleen_runtime::{Clock, ManualClock, SeededEntropy, Shutdown};
use baleen_signing::sign::{Request as ToSign, Signer};
use baleen_signing::{AmzDate, PathStyle, PayloadMode};
use baleen_types::{
    AccessKeyId, AccountId, BucketName, ObjectKey, ProjectId, RequestId, Secret, Timestamp, UserId, UserName,
};
use http::HeaderMap;
use http::request::Parts as Head;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Rounds of each measurement, if nothing else is asked for.
const ROUNDS: u32 = 200_000;
const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/// Decides, and answers with nothing.
struct Decides {
    clock: Arc<ManualClock>,
    bucket: BucketName,
    key: ObjectKey,
    owner: AccountId,
    asks: bool,
    identity: bool,
}

#[async_trait]
impl Door for Decides {
    fn name(&self) -> &'static str {
        "decides"
    }

    fn scheme(&self) -> Scheme {
        if self.identity {
            Scheme::SigV4Whole {
                services: &["sts", "iam"],
            }
        } else {
            Scheme::SigV4 {
                services: &["s3"],
                version_2: true,
            }
        }
    }

    fn claims(&self, head: &Head) -> bool {
        is_query_protocol(head)
    }

    fn sees_through(&self) -> bool {
        false
    }

    async fn serve(&self, request: Request) -> Response {
        if self.asks {
            let extensions = request.extensions();
            let context = Context::new(self.clock.now()).origin(extensions.get::<Origin>().copied());
            let decided = authorize(&Ask {
                principal: extensions.get().unwrap_or(&Principal::Nobody),
                action: Action::S3GetObject,
                resource: Resource::Object(
                    BucketFacts {
                        name: &self.bucket,
                        owner: Some(self.owner),
                        policy: None,
                        acls: baleen_policy::Acls::default(),
                    },
                    &self.key,
                ),
                context: &context,
            });
            let _ = black_box(decided);
        }
        Response::default()
    }

    fn refuse(&self, refusal: &Refusal, _head: &Head) -> Response {
        panic!("{refusal:?}")
    }

    fn stamp(&self, _id: RequestId, _headers: &mut HeaderMap) {}
}

struct OneKey(Principal);

#[async_trait]
impl Credentials for OneKey {
    async fn access_key(&self, _id: &str) -> Result<Lookup<KeyRecord>, Unavailable> {
        Ok(Lookup::Found(KeyRecord {
            secret: Secret::new(SECRET),
            principal: self.0.clone(),
            session_token: SessionTokenRule::None,
        }))
    }

    async fn api_token(&self, _token: &str) -> Result<Lookup<Principal>, Unavailable> {
        Ok(Lookup::Unknown)
    }
}

/// A user with ten policies of three statements, of which the last allows.
fn user(account: AccountId) -> Caller {
    let name = UserName::parse("somebody@example.com").expect("it fits");
    let user = User::new(
        account,
        ProjectId::from_bytes([1; 16]),
        UserId::from_entropy(2),
        name,
        Role::User,
    );
    let policies: Vec<Arc<Policy>> = (0..10)
        .map(|number| {
            let bucket = if number == 9 { "bucket".to_owned() } else { format!("other-{number}") };
            let text = format!(
                r#"{{"Version":"2012-10-17","Statement":[
                {{"Effect":"Allow","Action":["s3:ListBucket","s3:GetBucketLocation"],"Resource":"arn:aws:s3:::{bucket}"}},
                {{"Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::{bucket}/secret/*"}},
                {{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::{bucket}/photos/*"}}]}}"#
            );
            Arc::new(Policy::parse(&text, DocumentKind::Identity).expect("it is one"))
        })
        .collect();
    Caller::with_key(user, AccessKeyId::parse(KEY).expect("it fits")).policies(policies)
}

fn request(date: AmzDate) -> http::request::Builder {
    // What boto3 sends with GetObject.
    let headers: [(&str, &[u8]); 1] = [("host", b"s3.example.com:9000")];
    let signer = Signer {
        access_key_id: KEY,
        secret: SECRET,
        session_token: None,
        region: "us-east-1",
        service: "s3",
    };
    let path = "/bucket/photos/2026/01/02/image-000017.jpg";
    let signed = signer.sign(
        &ToSign {
            method: "GET",
            path,
            query: "",
            headers: &headers,
            payload: PayloadMode::Sha256(baleen_signing::sha256(b"")),
            style: PathStyle::S3,
        },
        date,
    );
    let mut request = http::Request::builder()
        .uri(path)
        .header("host", "s3.example.com:9000")
        .header("accept-encoding", "identity")
        .header(
            "user-agent",
            "Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 os/linux md/arch#x86_64 lang/python#3.13.5",
        )
        .header("amz-sdk-invocation-id", "8a4e1dc0-5d3b-4d43-9a63-9b2ac2a1c0b4")
        .header("amz-sdk-request", "attempt=1");
    for (name, value) in signed.headers {
        request = request.header(name, value);
    }
    request
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let now = Timestamp::parse_basic("20260102T030405Z").expect("it is one");
    let clock = ManualClock::new(now);
    let account = AccountId::from_entropy(1);
    let door = |asks, identity| {
        Arc::new(Decides {
            clock: Arc::clone(&clock),
            bucket: BucketName::parse("bucket").expect("it fits"),
            key: ObjectKey::parse("photos/2026/01/02/image-000017.jpg").expect("it fits"),
            owner: account,
            asks,
            identity,
        })
    };
    let edge = |asks| {
        let parts = Parts::bare(
            Arc::new(OneKey(user(account).into())),
            clock.clone(),
            SeededEntropy::new(1),
        );
        Edge::shared(
            vec![door(false, true)],
            door(asks, false),
            DoorNames::below(Some("example.com")),
            parts,
        )
    };
    let template = request(AmzDate::from_timestamp(now))
        .body(())
        .expect("it is one")
        .into_parts()
        .0;
    let ask = || {
        let mut request = http::Request::new(RequestBody::empty());
        request.headers_mut().clone_from(&template.headers);
        *request.uri_mut() = template.uri.clone();
        request
    };

    let rounds = std::env::args()
        .nth(1)
        .map_or(ROUNDS, |rounds| rounds.parse().expect("a number of rounds"));
    let mut report = Vec::new();
    for _ in 0..3 {
        let begun = Instant::now();
        for _ in 0..rounds {
            black_box(ask());
        }
        let making = begun.elapsed();
        for (name, asks, logs) in [
            ("signature", false, false),
            ("signature and decision", true, false),
            ("signature and log line", false, true),
        ] {
            let edge = edge(asks);
            let _logged = logs.then(|| tracing::subscriber::set_default(log()));
            let begun = Instant::now();
            for _ in 0..rounds {
                black_box(edge.handle(ask()).await.status());
            }
            let each = begun.elapsed().saturating_sub(making) / rounds;
            report.push(format!("{name}: {:.2} us", each.as_secs_f64() * 1e6));
        }
    }
    report.push(format!(
        "over a connection: {:.2} us",
        connection(edge(false), &template, rounds).await
    ));
    #[allow(clippy::print_stdout, reason = "it is what the example is for")]
    {
        println!("{}", report.join("\n"));
    }
}

/// The same through a listener, with its client in the same thread.
async fn connection(edge: Arc<Edge>, template: &Head, rounds: u32) -> f64 {
    let listener = Listener::bind(ServerSettings::default()).await.expect("a port");
    let address = listener.address().expect("a port");
    let shutdown = Shutdown::new();
    let served = tokio::spawn(listener.serve(edge, shutdown.clone()));
    let mut text = format!("GET {} HTTP/1.1\r\n", template.uri);
    for (name, value) in &template.headers {
        let value = value.to_str().expect("it is text");
        let _ = write!(text, "{name}: {value}\r\n");
    }
    text.push_str("\r\n");
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let mut answer = [0; 4096];
    let begun = Instant::now();
    for _ in 0..rounds {
        stream.write_all(text.as_bytes()).await.expect("it reads");
        // A head comes in one piece.
        let bytes = stream.read(&mut answer).await.expect("it answers");
        assert!(answer[..bytes].starts_with(b"HTTP/1.1 200"));
    }
    let each = begun.elapsed() / rounds;
    shutdown.stop();
    served.await.expect("it ends");
    each.as_secs_f64() * 1e6
}

/// The log as the server has it, to nowhere.
fn log() -> impl tracing::Subscriber + Send + Sync {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new("info,s3s=off"))
        .with_ansi(false)
        .with_writer(std::io::sink)
        .finish()
}
