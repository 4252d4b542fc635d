//! A door that takes signatures over the whole request, beside the S3 door: signatures, sessions, origin, gate, audit.

use baleen_audit::{Unrecorded, Weight};
use parking_lot::Mutex;

use super::*;
use crate::limits::WHOLE_BODY_BYTES_MAX;
use crate::{AccountRegions, Barred, Gate, Signed, is_query_protocol};

const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";
const BODY: &str = "Action=ListUsers&Version=2010-05-08&MaxItems=10";
const TOKEN: &str = "tok/en+=";

/// One user, whose key is what the case says.
struct Keys(Lookup<SessionTokenRule>);

#[async_trait]
impl Credentials for Keys {
    async fn access_key(&self, id: &str) -> Result<Lookup<KeyRecord>, Unavailable> {
        Ok(match self.0 {
            Lookup::Found(session_token) if id == KEY => Lookup::Found(KeyRecord {
                secret: Secret::new(SECRET),
                principal: user(),
                session_token,
            }),
            Lookup::Suspended => Lookup::Suspended,
            Lookup::Expired => Lookup::Expired,
            _ => Lookup::Unknown,
        })
    }

    async fn api_token(&self, _token: &str) -> Result<Lookup<Principal>, Unavailable> {
        Ok(match self.0 {
            Lookup::Found(_) => Lookup::Found(user()),
            Lookup::Unknown => Lookup::Unknown,
            Lookup::Suspended => Lookup::Suspended,
            Lookup::Expired => Lookup::Expired,
        })
    }

    async fn owner_of_key(&self, id: &str) -> Option<Principal> {
        (id == KEY).then(user)
    }
}

fn user() -> Principal {
    Caller::with_key(root(), AccessKeyId::parse(KEY).unwrap()).into()
}

/// Echoes like [`Echo`], and says who signed for what.
struct Identity;

#[async_trait]
impl Door for Identity {
    fn name(&self) -> &'static str {
        "identity"
    }

    fn scheme(&self) -> Scheme {
        Scheme::SigV4Whole {
            services: &["sts", "iam"],
        }
    }

    fn hosts(&self) -> &'static [&'static str] {
        &["sts", "iam"]
    }

    fn claims(&self, head: &Head) -> bool {
        is_query_protocol(head)
    }

    fn sees_through(&self) -> bool {
        true
    }

    async fn serve(&self, request: Request) -> Response {
        let signed = request.extensions().get::<Signed>().copied();
        let origin = *request.extensions().get::<Origin>().unwrap();
        let weight = match request.uri().query() {
            Some("look") => Weight::Look,
            _ => Weight::Change,
        };
        let mut response = Echo(Scheme::None).serve(request).await;
        let headers = response.headers_mut();
        headers.insert(
            "x-service",
            signed.map_or("none", |signed| signed.service).parse().unwrap(),
        );
        headers.insert("x-source", origin.source.to_string().parse().unwrap());
        let deed = Deed::allowed(weight, "iam:ListUsers", "arn:aws:iam::1:user/*");
        response.extensions_mut().insert(deed);
        response.extensions_mut().insert(OperationName("ListUsers"));
        response
    }

    fn refuse(&self, refusal: &Refusal, head: &Head) -> Response {
        Echo(Scheme::None).refuse(refusal, head)
    }

    fn stamp(&self, id: RequestId, headers: &mut HeaderMap) {
        headers.insert("x-request-id", id.to_string().parse().unwrap());
    }
}

/// Keeps what it is told, or refuses to.
#[derive(Default)]
struct Book {
    events: Mutex<Vec<Event>>,
    is_full: bool,
}

#[async_trait]
impl Recorder for Book {
    async fn record(&self, event: Event) -> Result<(), Unrecorded> {
        self.events.lock().push(event);
        if self.is_full { Err(Unrecorded) } else { Ok(()) }
    }
}

/// Lets in who comes from one address.
struct OnlyFrom(&'static str);

#[async_trait]
impl Gate for OnlyFrom {
    async fn admit(&self, _door: &str, _principal: &Principal, origin: &Origin) -> Result<(), Barred> {
        match self.0 {
            "nobody can tell" => Err(Barred::Unavailable),
            address if origin.source.to_string() == address => Ok(()),
            _ => Err(Barred::NotListed),
        }
    }

    async fn admit_to(&self, _door: &str, _account: AccountId, _origin: &Origin) -> Result<(), Barred> {
        Ok(())
    }

    async fn regions_of(&self, _account: AccountId) -> Result<AccountRegions, Barred> {
        Ok(AccountRegions::Any)
    }
}

struct Server {
    edge: Arc<Edge>,
    book: Arc<Book>,
}

impl Server {
    fn with(key: Lookup<SessionTokenRule>, change: impl FnOnce(&mut Parts)) -> Self {
        let book = Arc::new(Book::default());
        let mut parts = Parts::bare(Arc::new(Keys(key)), ManualClock::new(now()), SeededEntropy::new(7));
        parts.audit = Arc::clone(&book) as Arc<dyn Recorder>;
        change(&mut parts);
        let s3 = Arc::new(Echo(Scheme::SigV4 {
            services: &["s3"],
            version_2: true,
        }));
        let names = DoorNames::below(Some("example.com"));
        Self {
            edge: Edge::shared(vec![Arc::new(Identity)], s3, names, parts),
            book,
        }
    }

    fn new() -> Self {
        Self::with(Lookup::Found(SessionTokenRule::None), |_| {})
    }

    async fn refuses(&self, ask_: Ask, wanted: AuthError) {
        assert_eq!(ask(&self.edge, ask_).await, (403, format!("auth {wanted:?}")));
    }
}

fn bound() -> Lookup<SessionTokenRule> {
    Lookup::Found(SessionTokenRule::Sha256(baleen_signing::sha256(TOKEN.as_bytes())))
}

fn form() -> Ask {
    Ask::new(Method::POST, "/")
        .header("content-type", FORM)
        .body(BODY.as_bytes())
}

fn iam() -> Signer<'static> {
    Signer {
        service: "iam",
        ..signer()
    }
}

/// Signs as signers of S3's kind do, with `x-amz-content-sha256`.
fn with_hash(ask: Ask, signer: &Signer<'_>) -> Ask {
    let payload = PayloadMode::Sha256(baleen_signing::sha256(&ask.body));
    ask.signed(signer, payload, date())
}

/// Signed by botocore 1.44.5 at the test's time: without the hash of the body, as its clients send it.
fn by_botocore(ask: Ask, service: &str, headers: &str, signature: &str) -> Ask {
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={KEY}/20260102/us-east-1/{service}/aws4_request, SignedHeaders={headers}, \
         Signature={signature}"
    );
    ask.header("x-amz-date", date().as_str())
        .header("authorization", &authorization)
}

fn list_users(service: &str) -> Ask {
    let signature = match service {
        "iam" => "735c0db8ea31fcb4f99ecca46ebdbc45cf7da964e29f34f6ee1ebbdda09e5cea",
        _ => "dda51d6a9c8d7306125e385acd8df16ecf2777f1540fce0c6196a3433eec7b7b",
    };
    by_botocore(form(), service, "content-type;host;x-amz-date", signature)
}

#[tokio::test]
async fn botocores_signatures_are_believed() {
    let server = Server::new();
    for service in ["iam", "sts"] {
        let response = server.edge.handle(list_users(service).build()).await;
        assert_eq!(response.headers()["x-service"], service);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, format!("root@example.com: {BODY}"));
    }
    // The path of other services is normalised and encoded twice, and the query sorted.
    let odd = by_botocore(
        Ask::new(Method::GET, "/api//x/../whitelist/a%20b?b=2&a=1"),
        "iam",
        "host;x-amz-date",
        "d270614d7d410362a3c027ebd8c34132c74857f2838b8707fb19927a02ca082d",
    );
    assert_eq!(ask(&server.edge, odd).await, (200, "root@example.com: ".to_owned()));

    let server = Server::with(bound(), |_| {});
    let rule = Ask::new(Method::PUT, "/api/whitelist/RSWhitelistAddRule")
        .header("x-amz-security-token", TOKEN)
        .body(br#"{"root":"a b"}"#);
    let rule = by_botocore(
        rule,
        "iam",
        "host;x-amz-date;x-amz-security-token",
        "ce59dde4c321e654fb85953f4bcd6a1cbcc281cc393467a468a3617ac057654b",
    );
    assert_eq!(ask(&server.edge, rule).await.1, "root@example.com: {\"root\":\"a b\"}");
    assert_eq!(ask(&server.edge, presigned_sts()).await.1, "root@example.com: ");
}

/// By botocore too, with its token in the query.
fn presigned_sts() -> Ask {
    Ask::new(
        Method::GET,
        "/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=\
         AKIAIOSFODNN7EXAMPLE%2F20260102%2Fus-east-1%2Fsts%2Faws4_request&X-Amz-Date=20260102T030405Z&X-Amz-Expires=60&\
         X-Amz-SignedHeaders=host&X-Amz-Security-Token=tok%2Fen%2B%3D&X-Amz-Signature=\
         db53b4350378b09b353120315f4657eb52149feb17ec3b79e303ef8194e3cc9d",
    )
}

#[tokio::test]
async fn the_signature_covers_the_body() {
    let server = Server::new();
    let changed = |ask: Ask, body: &str| Ask {
        body: body.as_bytes().to_vec(),
        ..ask
    };
    for body in [
        "",
        "Action=DeleteUser&Version=2010-05-08&MaxItems=10",
        &format!("{BODY} "),
    ] {
        server
            .refuses(changed(list_users("iam"), body), AuthError::Mismatch)
            .await;
        server
            .refuses(changed(with_hash(form(), &iam()), body), AuthError::Mismatch)
            .await;
    }
    // A body beside a presigned request was signed as none.
    let server = Server::with(bound(), |_| {});
    server
        .refuses(changed(presigned_sts(), "Action=x"), AuthError::Mismatch)
        .await;
    // Nothing here is left uncovered.
    let server = Server::new();
    for payload in [
        PayloadMode::Unsigned,
        PayloadMode::Streaming,
        PayloadMode::StreamingUnsignedTrailer,
    ] {
        server
            .refuses(
                form().signed(&iam(), payload, date()),
                AuthError::UnsupportedContentSha256,
            )
            .await;
    }
    assert_eq!(ask(&server.edge, with_hash(form(), &iam())).await.0, 200);
}

#[tokio::test]
async fn a_body_has_an_end() {
    let server = Server::new();
    let body = |bytes| form().body(&vec![b'x'; bytes]);
    let (status, text) = ask(&server.edge, with_hash(body(WHOLE_BODY_BYTES_MAX), &iam())).await;
    assert_eq!(
        (status, text.len()),
        (200, "root@example.com: ".len() + WHOLE_BODY_BYTES_MAX)
    );
    let (status, text) = ask(&server.edge, with_hash(body(WHOLE_BODY_BYTES_MAX + 1), &iam())).await;
    let fault = BodyFault::TooLarge {
        limit: WHOLE_BODY_BYTES_MAX as u64,
    };
    assert_eq!((status, text), (400, format!("body {fault:?}")));
    // One that does not say how long it is, and does not end.
    let endless = futures::stream::iter(std::iter::repeat_with(|| {
        Ok::<_, BodyFault>(http_body::Frame::data(Bytes::from_static(&[b'x'; 8192])))
    }));
    let mut request = list_users("iam").build();
    *request.body_mut() = RequestBody::boxed(http_body_util::StreamBody::new(endless));
    let response = server.edge.handle(request).await;
    assert_eq!(response.status(), 400);
}

/// Of who is not known, and of who has no right to be here, no byte is read for the signature's sake.
#[tokio::test(start_paused = true)]
async fn a_body_is_read_for_keys_that_exist_alone() {
    let never = || {
        RequestBody::boxed(http_body_util::StreamBody::new(futures::stream::pending::<
            Result<http_body::Frame<Bytes>, BodyFault>,
        >()))
    };
    for (key, wanted) in [
        (Lookup::Unknown, AuthError::UnknownAccessKey),
        (Lookup::Suspended, AuthError::Suspended),
        (Lookup::Expired, AuthError::SessionExpired),
        (bound(), AuthError::SessionToken),
    ] {
        let server = Server::with(key, |_| {});
        let mut request = list_users("iam").build();
        *request.body_mut() = never();
        let body = server.edge.handle(request).await.into_body();
        let text = body.collect().await.unwrap().to_bytes();
        assert_eq!(text, format!("auth {wanted:?}"));
    }
    // A known key's is waited for, but not for ever.
    let server = Server::new();
    let mut request = list_users("iam").build();
    *request.body_mut() = never();
    let response = server.edge.handle(request).await;
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "body Stalled");
}

#[tokio::test]
async fn what_was_signed_for_another_service_is_no_signature() {
    let server = Server::new();
    let at = |host: &str| {
        let mut ask = form();
        ask.headers[0].1 = host.to_owned();
        ask
    };
    for (host, service, expected) in [
        ("iam.example.com", "s3", &["sts", "iam"][..]),
        ("sts.example.com:9000", "ec2", &["sts", "iam"]),
        ("s3.example.com", "iam", &["s3"]),
        ("s3.example.com", "sts", &["s3"]),
    ] {
        let signer = Signer { service, ..signer() };
        let wrong = AuthError::WrongService {
            expected,
            in_query: false,
        };
        server.refuses(with_hash(at(host), &signer), wrong).await;
    }
    for (host, service) in [
        ("iam.example.com", "sts"),
        ("sts.example.com", "iam"),
        ("h:9000", "sts"),
    ] {
        let signer = Signer { service, ..signer() };
        assert_eq!(ask(&server.edge, with_hash(at(host), &signer)).await.0, 200, "{host}");
    }
    // Nor does the rest of it have to make sense to the other door: botocore sends no hash, and S3's clients no covered body.
    let mut bare = list_users("iam");
    bare.headers[0].1 = "s3.example.com".to_owned();
    let wrong = |expected| AuthError::WrongService {
        expected,
        in_query: false,
    };
    server.refuses(bare, wrong(&["s3"])).await;
    let put = at("sts.example.com").signed(&signer(), PayloadMode::Unsigned, date());
    server.refuses(put, wrong(&["sts", "iam"])).await;
    // Any region will do.
    let signer = Signer {
        region: "nowhere",
        ..iam()
    };
    assert_eq!(ask(&server.edge, with_hash(form(), &signer)).await.0, 200);
    assert_eq!(ask(&server.edge, form()).await.1, format!("nobody: {BODY}"));
}

#[tokio::test]
async fn one_mechanism_and_each_header_once() {
    let server = Server::with(bound(), |_| {});
    let both = |ask: Ask| by_botocore(ask, "sts", "host", &"0".repeat(64));
    server.refuses(both(presigned_sts()), AuthError::TwoMechanisms).await;
    for name in ["authorization", "x-amz-date", "content-type", "host"] {
        let twice = list_users("iam").header(name, "x");
        server.refuses(twice, AuthError::DuplicateHeader(name.to_owned())).await;
    }
    for parameter in ["X-Amz-Security-Token=x", "X-Amz-Signature=0", "X-Amz-Credential=x"] {
        let mut twice = presigned_sts();
        twice.target = format!("{}&{parameter}", twice.target);
        let (status, text) = ask(&server.edge, twice).await;
        assert!(status == 403 && text.contains("Malformed"), "{text}");
    }
    let unsigned = list_users("iam").header("x-amz-anything", "x");
    server
        .refuses(unsigned, AuthError::UnsignedHeader("x-amz-anything".to_owned()))
        .await;
    let version_2 = form().header("authorization", "AWS AKIA:c2ln");
    server.refuses(version_2, AuthError::SignatureVersion2).await;
}

#[tokio::test]
async fn a_session_token_goes_with_its_key_and_in_its_place() {
    let with = |token| Signer {
        session_token: token,
        ..iam()
    };
    let s3 = |token| Signer {
        session_token: token,
        ..signer()
    };
    let minute = Duration::from_mins(1);
    for (key, token, fits) in [
        (Lookup::Found(SessionTokenRule::None), None, true),
        // RSLogin prints an empty token, which clients leave out, or send empty.
        (Lookup::Found(SessionTokenRule::None), Some(""), true),
        (Lookup::Found(SessionTokenRule::None), Some(TOKEN), false),
        (bound(), Some(TOKEN), true),
        (bound(), Some("tok/en+"), false),
        (bound(), Some("tok%2Fen%2B%3D"), false),
        (bound(), Some(""), false),
        (bound(), None, false),
    ] {
        let server = Server::with(key, |_| {});
        let asks = [
            with_hash(form(), &with(token)),
            put().signed(&s3(token), PayloadMode::Unsigned, date()),
            put().presigned(&s3(token), date(), minute),
        ];
        for ask_ in asks {
            let (status, text) = ask(&server.edge, ask_).await;
            assert_eq!(status == 200, fits, "{token:?}: {text}");
            assert!(fits || text == "auth SessionToken", "{text}");
        }
    }
    // In the other place it is not what was signed for: a token added to a link, or in the query of a signed header.
    let server = Server::with(bound(), |_| {});
    let link = put().presigned(&s3(None), date(), minute);
    let in_header = link.header("x-amz-security-token", TOKEN);
    server
        .refuses(in_header, AuthError::UnsignedHeader("x-amz-security-token".to_owned()))
        .await;
    let in_query = Ask::new(Method::PUT, "/b/k?X-Amz-Security-Token=tok%2Fen%2B%3D").body(b"data");
    let in_query = in_query.signed(&s3(None), PayloadMode::Unsigned, date());
    server.refuses(in_query, AuthError::SessionToken).await;
    let added = put().signed(&s3(None), PayloadMode::Unsigned, date());
    server
        .refuses(
            added.header("x-amz-security-token", TOKEN),
            AuthError::UnsignedHeader("x-amz-security-token".to_owned()),
        )
        .await;
}

#[tokio::test]
async fn suspended_and_expired_credentials_say_so_on_each_door() {
    for (key, wanted) in [
        (Lookup::Suspended, AuthError::Suspended),
        (Lookup::Expired, AuthError::SessionExpired),
        (Lookup::Unknown, AuthError::UnknownAccessKey),
    ] {
        let server = Server::with(key, |_| {});
        server.refuses(list_users("iam"), wanted.clone()).await;
        let signed = put().signed(&signer(), PayloadMode::Unsigned, date());
        server.refuses(signed, wanted).await;
    }
}

fn from(ask: Ask, peer: &str) -> Request {
    let mut request = ask.build();
    request.extensions_mut().insert(Peer(peer.parse().unwrap()));
    request
}

fn proxies(parts: &mut Parts) {
    parts.proxies = TrustedProxies::new([TrustedProxies::parse_network("10.0.0.0/8").unwrap()]);
}

#[tokio::test]
async fn the_origin_is_the_doors_to_know() {
    let server = Server::with(Lookup::Found(SessionTokenRule::None), proxies);
    let forwarded = || list_users("iam").header("x-forwarded-for", "127.0.0.1, 198.51.100.1");
    for (peer, wanted) in [("10.0.0.9:1", "198.51.100.1"), ("203.0.113.1:1", "203.0.113.1")] {
        let response = server.edge.handle(from(forwarded(), peer)).await;
        assert_eq!(response.headers()["x-source"], wanted);
    }
}

#[tokio::test]
async fn the_gate_is_asked_for_every_credential_and_before_the_door() {
    let listed = |parts: &mut Parts| {
        proxies(parts);
        parts.gate = Arc::new(OnlyFrom("198.51.100.1"));
    };
    let server = Server::with(Lookup::Found(SessionTokenRule::None), listed);
    let link = || put().presigned(&signer(), date(), Duration::from_mins(1));
    let header = || put().signed(&signer(), PayloadMode::Unsigned, date());
    let asks: [fn() -> Ask; 3] = [|| list_users("iam"), link, header];
    for ask_ in asks {
        let at = |peer, forwarded: &str| from(ask_().header("x-forwarded-for", forwarded), peer);
        let response = server.edge.handle(at("10.0.0.9:1", "198.51.100.1")).await;
        assert_eq!(response.status(), 200);
        for (peer, forwarded) in [
            ("203.0.113.1:1", "198.51.100.1"),
            ("10.0.0.9:1", "198.51.100.1, 203.0.113.1"),
            ("10.0.0.9:1", "rubbish"),
        ] {
            let response = server.edge.handle(at(peer, forwarded)).await;
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body, "barred", "{peer} {forwarded}");
        }
    }
    // A wrong signature is never told of the list.
    let wrong = Signer {
        secret: "another",
        ..signer()
    };
    let spoilt = put().signed(&wrong, PayloadMode::Unsigned, date());
    server.refuses(spoilt, AuthError::Mismatch).await;
    // Who cannot tell lets nobody in.
    let server = Server::with(Lookup::Found(SessionTokenRule::None), |parts| {
        parts.gate = Arc::new(OnlyFrom("nobody can tell"));
    });
    server.refuses(list_users("iam"), AuthError::Unavailable).await;
}

#[tokio::test]
async fn the_audit_log_is_told_what_was_done_and_what_was_refused() {
    let server = Server::with(Lookup::Found(SessionTokenRule::None), |parts| {
        parts.gate = Arc::new(OnlyFrom("198.51.100.1"));
    });
    let ok = server.edge.handle(from(list_users("iam"), "198.51.100.1:7")).await;
    assert!(ok.extensions().get::<Deed>().is_none(), "taken out of the answer");
    let _ = server.edge.handle(from(list_users("iam"), "203.0.113.1:7")).await;
    let mut changed = list_users("iam");
    changed.body.push(b'x');
    let _ = server.edge.handle(from(changed, "198.51.100.1:7")).await;
    // Nobody, and who has no key, have no log.
    let _ = server.edge.handle(from(put(), "198.51.100.1:7")).await;
    let stranger = Signer {
        access_key_id: "AKIAIOSFODNN7UNKNOWN",
        ..signer()
    };
    let stranger = put().signed(&stranger, PayloadMode::Unsigned, date());
    let _ = server.edge.handle(from(stranger, "198.51.100.1:7")).await;

    let events = server.book.events.lock();
    let told: Vec<_> = events
        .iter()
        .map(|event| (event.operation, event.refusal, event.status, event.account().is_some()))
        .collect();
    assert_eq!(
        told,
        [
            ("ListUsers", None, 200, true),
            (
                "unknown",
                Some("the whitelist or the service access of the account keeps it out"),
                403,
                true
            ),
            ("unknown", Some("the signature does not match"), 403, true),
        ]
    );
    assert_eq!(events[0].door, "identity");
    assert_eq!(events[0].origin.peer.to_string(), "198.51.100.1:7");
    assert!(!format!("{:?}", *events).contains("canary"));
}

/// Refused before its signature was looked at: the account whose key it names is told, and nobody is for a key of nobody's.
#[tokio::test]
async fn the_audit_log_is_told_of_keys_that_let_nobody_in() {
    let late = Timestamp::from_secs(now().as_secs() - 3_600);
    let stranger = Signer {
        access_key_id: "AKIAIOSFODNN7UNKNOWN",
        ..signer()
    };
    for (key, signer, at, wanted) in [
        (
            Lookup::Unknown,
            signer(),
            date(),
            Some("the access key or session is not in force any more"),
        ),
        (
            Lookup::Suspended,
            signer(),
            date(),
            Some("the customer or the user may not act"),
        ),
        (Lookup::Expired, signer(), date(), Some("the session is past its end")),
        (Lookup::Suspended, stranger, date(), None),
        (
            Lookup::Found(SessionTokenRule::None),
            signer(),
            AmzDate::from_timestamp(late),
            Some("its time is not the server's"),
        ),
    ] {
        let server = Server::with(key, |_| {});
        let _ = server
            .edge
            .handle(from(put().signed(&signer, PayloadMode::Unsigned, at), "198.51.100.1:7"))
            .await;
        let events = server.book.events.lock();
        let told: Vec<_> = events
            .iter()
            .map(|event| (event.refusal, event.account().is_some()))
            .collect();
        let wanted: Vec<_> = wanted.iter().map(|word| (Some(*word), true)).collect();
        assert_eq!(told, wanted);
    }
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_answered_as_done() {
    let full = |parts: &mut Parts| {
        parts.audit = Arc::new(Book {
            is_full: true,
            ..Book::default()
        });
    };
    let server = Server::with(Lookup::Found(SessionTokenRule::None), full);
    assert_eq!(
        ask(&server.edge, list_users("iam")).await,
        (500, "unaudited".to_owned())
    );
}

/// Hanging up in time must not change something without a trace.
#[tokio::test]
async fn a_client_that_goes_away_does_not_go_unrecorded() {
    let server = Server::new();
    let mut request = Box::pin(server.edge.handle(list_users("iam").build()));
    // Polled once, and dropped while the door is at work.
    assert!(futures::poll!(&mut request).is_pending());
    drop(request);
    while server.book.events.lock().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.book.events.lock()[0].operation, "ListUsers");
}
