//! Signatures of the capture-task API, and tokens beside them.

use super::*;
use crate::limits::WHOLE_BODY_BYTES_MAX;
use baleen_signing::sdk::{self, Request as ToSign};
use baleen_signing::sha256;
use parking_lot::Mutex;

const PATH: &str = "/v1/0101/capture-task?limit=10&fw_instance_id=fw%201&ip=2&ip=1";
const NAMES: [&str; 4] = ["content-type", "host", "x-project-id", "x-sdk-date"];

fn tasks() -> Arc<Edge> {
    edge(Scheme::SdkHmac { service: "cfw" })
}

fn get() -> Ask {
    Ask::new(Method::GET, PATH)
        .header("content-type", "application/json")
        .header("x-project-id", "0101")
}

/// Signs headers of these names, at a time.
fn signed(ask: Ask, names: &[&str], at: Timestamp, secret: &str) -> Ask {
    let date = AmzDate::from_timestamp(at);
    let ask = ask.header("x-sdk-date", date.as_str());
    let uri: Uri = ask.target.parse().unwrap();
    let value = |name: &str| {
        let found = ask.headers.iter().find(|(header, _)| header == name);
        found.map_or(&b""[..], |(_, value)| value.as_bytes())
    };
    let headers: Vec<(&str, &[u8])> = names.iter().map(|name| (*name, value(name))).collect();
    let request = ToSign {
        method: ask.method.as_str(),
        path: uri.path(),
        query: uri.query().unwrap_or_default(),
        headers: &headers,
        body: sha256(&ask.body),
    };
    let authorization = sdk::authorization(&request, date, KEY, &Secret::new(secret));
    ask.header("authorization", &authorization)
}

fn sign(ask: Ask) -> Ask {
    signed(ask, &NAMES, now(), SECRET)
}

/// Changes what was signed.
fn with(mut ask: Ask, name: &str, value: &str) -> Ask {
    ask.headers.retain(|(header, _)| header != name);
    ask.header(name, value)
}

async fn refused(ask_: Ask, error: &str) {
    let (status, body) = ask(&tasks(), ask_).await;
    assert_eq!((status, body.as_str()), (403, format!("auth {error}").as_str()));
}

#[tokio::test]
async fn a_signature_is_believed() {
    assert_eq!(ask(&tasks(), sign(get())).await.1, "root@example.com: ");
    let post = Ask {
        method: Method::POST,
        ..get().body(b"{\"task_id\": \"abc\"}")
    };
    assert_eq!(
        ask(&tasks(), sign(post)).await.1,
        "root@example.com: {\"task_id\": \"abc\"}"
    );
    // In any order of names, and with what is not signed beside it.
    let other = signed(get(), &["x-sdk-date", "host"], now(), SECRET);
    assert_eq!(ask(&tasks(), other).await.1, "root@example.com: ");
    assert_eq!(
        ask(&tasks(), sign(get().header("x_not_signed", "1"))).await.1,
        "root@example.com: "
    );
    assert_eq!(ask(&tasks(), get()).await.1, "nobody: ");
}

#[tokio::test]
async fn what_was_changed_is_not() {
    let post = || Ask {
        method: Method::POST,
        ..get().body(b"{}")
    };
    for changed in [
        Ask {
            method: Method::PUT,
            ..sign(post())
        },
        Ask {
            target: PATH.replace("capture-task", "capture-tasks"),
            ..sign(post())
        },
        Ask {
            target: PATH.replace("ip=1", "ip=3"),
            ..sign(post())
        },
        Ask {
            target: format!("{PATH}&enterprise_project_id=1"),
            ..sign(post())
        },
        Ask {
            body: b"{ }".to_vec(),
            ..sign(post())
        },
        Ask {
            body: Vec::new(),
            ..sign(post())
        },
        with(sign(post()), "content-type", "text/plain"),
        with(sign(post()), "x-project-id", "0102"),
        with(sign(post()), "host", "h"),
        with(sign(post()), "host", "h:9001"),
        with(sign(post()), "x-sdk-date", "20260102T030406Z"),
        signed(post(), &NAMES, now(), "other"),
        signed(post(), &NAMES, now(), ""),
    ] {
        refused(changed, "Mismatch").await;
    }
    // The order of repeated members is no part of it.
    let swapped = Ask {
        target: PATH.replace("ip=2&ip=1", "ip=1&ip=2"),
        ..sign(post())
    };
    assert_eq!(ask(&tasks(), swapped).await.1, "root@example.com: {}");
}

#[tokio::test]
async fn an_unknown_key_looks_like_a_wrong_signature() {
    let mut unknown = sign(get());
    let (_, authorization) = unknown.headers.last_mut().unwrap();
    *authorization = authorization.replace(KEY, "AKIAIOSFODNN7EXAMPLF");
    refused(unknown, "Mismatch").await;
}

#[tokio::test]
async fn a_quarter_of_an_hour_off_is_too_much() {
    for (seconds, is_believed) in [(900, true), (-900, true), (901, false), (-901, false)] {
        let at = Timestamp::from_secs(now().as_secs() + seconds);
        let (_, body) = ask(&tasks(), signed(get(), &NAMES, at, SECRET)).await;
        assert_eq!(body == "root@example.com: ", is_believed, "{body}");
        assert_eq!(body.starts_with("auth Skewed"), !is_believed, "{body}");
    }
}

#[tokio::test]
async fn what_has_to_be_signed() {
    refused(
        signed(get(), &["content-type", "x-sdk-date"], now(), SECRET),
        "UnsignedHeader(\"host\")",
    )
    .await;
    refused(
        signed(get(), &["content-type", "host"], now(), SECRET),
        "UnsignedHeader(\"x-sdk-date\")",
    )
    .await;
    refused(
        sign(get().header("x-security-token", "t")),
        "UnsignedHeader(\"x-security-token\")",
    )
    .await;
    // A key that has none does not come with a token.
    let names = [&NAMES[..], &["x-security-token"]].concat();
    refused(
        signed(get().header("x-security-token", "t"), &names, now(), SECRET),
        "SessionToken",
    )
    .await;
    let names = [&NAMES[..], &["x-gone"]].concat();
    let (status, body) = ask(&tasks(), signed(get(), &names, now(), SECRET)).await;
    assert!(status == 403 && body.contains("a signed header is missing"), "{body}");
}

#[tokio::test]
async fn what_stands_twice_is_refused() {
    for (name, value) in [
        ("host", "h:9000"),
        ("content-type", "application/json"),
        ("x-project-id", "0101"),
        ("x-sdk-date", "20260102T030405Z"),
        ("authorization", "SDK-HMAC-SHA256 Access=a"),
    ] {
        refused(sign(get()).header(name, value), &format!("DuplicateHeader({name:?})")).await;
    }
}

#[tokio::test]
async fn the_hash_of_a_body_has_to_be_its_hash() {
    let hash = |bytes: &[u8]| PayloadMode::Sha256(sha256(bytes)).header_value();
    let post = |declared: &str| sign(get().body(b"{}").header("x-sdk-content-sha256", declared));
    assert_eq!(ask(&tasks(), post(&hash(b"{}"))).await.1, "root@example.com: {}");
    refused(post(&hash(b"{ }")), "Mismatch").await;
    for other in ["UNSIGNED-PAYLOAD", "", "e3b0", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"] {
        let (status, body) = ask(&tasks(), post(other)).await;
        assert!(status == 403 && body.contains("x-sdk-content-sha256"), "{body}");
    }
}

#[tokio::test]
async fn other_authorizations_are_refused() {
    for authorization in [
        format!("Bearer {TOKEN}"),
        "AWS4-HMAC-SHA256 Credential=a".to_owned(),
        "V11-HMAC-SHA256 Credential=a".to_owned(),
        "SDK-HMAC-SHA256".to_owned(),
        String::new(),
    ] {
        let request = get()
            .header("authorization", &authorization)
            .header("x-sdk-date", date().as_str());
        let (status, body) = ask(&tasks(), request).await;
        assert!(
            status == 403 && body.starts_with("auth Malformed"),
            "{authorization}: {body}"
        );
    }
    for (name, value) in [("x-sdk-date", "2026-01-02"), ("x-sdk-date", ""), ("date", "x")] {
        let mut request = sign(get());
        request.headers.retain(|(header, _)| header != "x-sdk-date");
        let (status, body) = ask(&tasks(), request.header(name, value)).await;
        assert!(status == 403 && body.starts_with("auth Malformed"), "{name}: {body}");
    }
}

/// The token counts, also when it is wrong, and nothing of the signature is looked at.
#[tokio::test]
async fn a_token_counts_beside_a_signature() {
    let edge = tasks();
    let right = |ask: Ask| ask.header("x-auth-token", TOKEN);
    let wrong = |ask: Ask| ask.header("x-auth-token", "00");
    assert_eq!(ask(&edge, right(get())).await.1, "root@example.com: ");
    assert_eq!(
        ask(&edge, right(signed(get(), &NAMES, now(), "other"))).await.1,
        "root@example.com: "
    );
    assert_eq!(
        ask(&edge, right(get().header("authorization", "?"))).await.1,
        "root@example.com: "
    );
    for request in [wrong(get()), wrong(sign(get()))] {
        refused(request, "UnknownToken").await;
    }
    refused(right(right(sign(get()))), "DuplicateHeader(\"x-auth-token\")").await;
    // The other doors' headers are none here.
    let other = get()
        .header("x-auth-key", TOKEN)
        .header("x-auth-email", "root@example.com");
    assert_eq!(ask(&edge, other).await.1, "nobody: ");
}

/// A body is read for who has a key, and no more of it than there is room for.
#[tokio::test]
async fn bodies_have_a_limit() {
    let largest = vec![b' '; WHOLE_BODY_BYTES_MAX];
    assert_eq!(ask(&tasks(), sign(get().body(&largest))).await.0, 200);
    let larger = vec![b' '; WHOLE_BODY_BYTES_MAX + 1];
    let (status, body) = ask(&tasks(), sign(get().body(&larger))).await;
    assert!(status == 400 && body.starts_with("body TooLarge"), "{body}");
}

/// Knows one key of a session, and keeps what it is told of its uses.
#[derive(Default)]
struct Session(Mutex<Vec<(String, String)>>);

#[async_trait]
impl Credentials for Session {
    async fn access_key(&self, id: &str) -> Result<Lookup<KeyRecord>, Unavailable> {
        let caller = Caller::with_key(root(), AccessKeyId::parse(KEY).unwrap());
        let found = (id == KEY).then(|| KeyRecord {
            secret: Secret::new(SECRET),
            principal: caller.into(),
            session_token: SessionTokenRule::Sha256(sha256(b"right")),
        });
        Ok(found.into())
    }

    async fn api_token(&self, _: &str) -> Result<Lookup<Principal>, Unavailable> {
        Err(Unavailable)
    }

    fn signed(&self, _: &Principal, service: &str, region: &str) {
        self.0.lock().push((service.to_owned(), region.to_owned()));
    }
}

#[tokio::test]
async fn a_session_comes_with_its_token() {
    let session = Arc::new(Session::default());
    let parts = Parts::bare(
        Arc::clone(&session) as Arc<dyn Credentials>,
        ManualClock::new(now()),
        SeededEntropy::new(7),
    );
    let edge = Edge::new(Arc::new(Echo(Scheme::SdkHmac { service: "cfw" })), parts);
    let names = [&NAMES[..], &["x-security-token"]].concat();
    let with_token = |token: &str| signed(get().header("x-security-token", token), &names, now(), SECRET);
    assert_eq!(ask(&edge, with_token("right")).await.1, "root@example.com: ");
    assert_eq!(*session.0.lock(), [("cfw".to_owned(), "N/A".to_owned())]);
    for request in [with_token("wrong"), with_token(""), sign(get())] {
        assert_eq!(ask(&edge, request).await.1, "auth SessionToken");
    }
    // A token that cannot be looked up is not a wrong one, and no reason to look at the signature.
    let (_, body) = ask(&edge, with_token("right").header("x-auth-token", TOKEN)).await;
    assert_eq!(body, "auth Unavailable");
    assert_eq!(session.0.lock().len(), 1);
}
