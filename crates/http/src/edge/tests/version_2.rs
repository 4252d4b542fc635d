//! Signature Version 2: what is believed, what is noticed, and how long.

use baleen_signing::v2;

use super::*;
use crate::{SignaturePlace, SignatureVersion, Signed};

const SIGNER: v2::Signer<'static> = v2::Signer {
    access_key_id: KEY,
    secret: SECRET,
};

impl Ask {
    fn with_v2<T>(&self, host_bucket: Option<&str>, run: impl FnOnce(&v2::Request<'_>) -> T) -> T {
        let uri: Uri = self.target.parse().unwrap();
        let lower: Vec<String> = self.headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
        let values = self.headers.iter().map(|(_, value)| value.as_bytes());
        let headers: Vec<(&str, &[u8])> = lower.iter().map(String::as_str).zip(values).collect();
        run(&v2::Request {
            method: self.method.as_str(),
            host_bucket,
            path: uri.path(),
            query: uri.query().unwrap_or_default(),
            headers: &headers,
        })
    }

    fn signed_v2(self, signer: &v2::Signer<'_>) -> Self {
        let authorization = self.with_v2(None, |request| signer.authorization(request).unwrap());
        self.header("authorization", &authorization)
    }

    fn linked_v2(mut self, signer: &v2::Signer<'_>, seconds: i64) -> Self {
        let end = Timestamp::from_secs(now().as_secs() + seconds);
        let query = self.with_v2(None, |request| signer.presign(request, end).unwrap());
        let path = self.target.split('?').next().unwrap().to_owned();
        self.target = format!("{path}?{query}");
        self
    }
}

fn dated() -> Ask {
    put().header("date", "Fri, 02 Jan 2026 03:04:05 GMT")
}

async fn believed(request: Ask) {
    let shown = format!("{} {:?}", request.target, request.headers);
    assert_eq!(
        ask(&s3(), request).await,
        (200, "root@example.com: data".to_owned()),
        "{shown}"
    );
}

#[tokio::test]
async fn good_signatures_are_believed() {
    believed(dated().signed_v2(&SIGNER)).await;
    believed(put().header("x-amz-date", date().as_str()).signed_v2(&SIGNER)).await;
    believed(
        dated()
            .header("x-amz-meta-a", " b ")
            .header("content-type", "a/b")
            .signed_v2(&SIGNER),
    )
    .await;
    believed(
        dated()
            .header("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
            .signed_v2(&SIGNER),
    )
    .await;
    believed(put().linked_v2(&SIGNER, 60)).await;
    let mut parameters = put();
    parameters.target = "/b/k?x-amz-meta-a=b%20c&content-type=a%2Fb".to_owned();
    believed(parameters.linked_v2(&SIGNER, 60)).await;
    // Below the host name of a bucket its name is signed with the path.
    let mut host = Ask::new(Method::PUT, "/k").body(b"data");
    host.headers = vec![("host".to_owned(), "b.h:9000".to_owned())];
    let host = host.header("date", "Fri, 02 Jan 2026 03:04:05 +0000");
    let authorization = host.with_v2(Some("b"), |request| SIGNER.authorization(request).unwrap());
    believed(host.header("authorization", &authorization)).await;
}

#[tokio::test]
async fn what_is_wrong_is_refused() {
    let other = v2::Signer {
        secret: "other",
        ..SIGNER
    };
    let unknown = v2::Signer {
        access_key_id: "AKIAIOSFODNN7UNKNOWN",
        ..SIGNER
    };
    refused(dated().signed_v2(&other), AuthError::Mismatch).await;
    refused(put().linked_v2(&other, 60), AuthError::Mismatch).await;
    refused(dated().signed_v2(&unknown), AuthError::UnknownAccessKey).await;
    refused(put().linked_v2(&unknown, 60), AuthError::UnknownAccessKey).await;
    let changed = |change: &dyn Fn(&mut Ask)| {
        let (mut header, mut link) = (dated().signed_v2(&SIGNER), put().linked_v2(&SIGNER, 60));
        change(&mut header);
        change(&mut link);
        [header, link]
    };
    let add = |ask: &mut Ask, name: &str, value: &str| ask.headers.push((name.to_owned(), value.to_owned()));
    let changes: [&dyn Fn(&mut Ask); 6] = [
        &|ask| ask.method = Method::DELETE,
        &|ask| ask.target = ask.target.replace("/b/k", "/b/other"),
        &|ask| add(ask, "x-amz-copy-source", "/b/secret"),
        &|ask| add(ask, "content-type", "text/html"),
        &|ask| "other.h:9000".clone_into(&mut ask.headers[0].1),
        &|ask| {
            let glue = if ask.target.contains('?') { '&' } else { '?' };
            ask.target = format!("{}{glue}x-amz-acl=public-read", ask.target);
        },
    ];
    for change in changes {
        for request in changed(change) {
            refused(request, AuthError::Mismatch).await;
        }
    }
    for (parameter, error) in [
        ("acl", AuthError::Mismatch),
        ("%61cl", AuthError::Mismatch),
        ("retention", AuthError::Mismatch),
        ("anything", AuthError::UnsignedParameter("anything".to_owned())),
        ("X-Amz-Signature=a", AuthError::TwoMechanisms),
    ] {
        let mut link = put().linked_v2(&SIGNER, 60);
        link.target = format!("{}&{parameter}", link.target);
        refused(link, error.clone()).await;
        let mut header = dated().signed_v2(&SIGNER);
        header.target = format!("{}?{parameter}", header.target);
        refused(header, error).await;
    }
    refused(put().signed_v2(&SIGNER), AuthError::MissingDate).await;
    let both = put()
        .linked_v2(&SIGNER, 60)
        .header("date", "Fri, 02 Jan 2026 03:04:05 GMT");
    refused(both.signed_v2(&SIGNER), AuthError::TwoMechanisms).await;
    let versions = put()
        .linked_v2(&SIGNER, 60)
        .signed(&signer(), PayloadMode::Unsigned, date());
    refused(versions, AuthError::TwoMechanisms).await;
    let streamed = dated()
        .header("x-amz-decoded-content-length", "4")
        .header("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD")
        .signed_v2(&SIGNER);
    refused(
        streamed,
        AuthError::Framing("signed chunks need a request signed with AWS4-HMAC-SHA256"),
    )
    .await;
    let wrong_body = dated()
        .header("x-amz-content-sha256", &hex::encode([0; 32]))
        .signed_v2(&SIGNER);
    assert_eq!(ask(&s3(), wrong_body).await, (400, "body ContentSha256".to_owned()));
    let token = dated().header("x-amz-security-token", "token").signed_v2(&SIGNER);
    refused(token, AuthError::SessionToken).await;
}

/// A request of 2020 is not served (the codec's own check would), and no link lives longer than seven days.
#[tokio::test]
async fn time_is_judged_by_the_injected_clock() {
    for (date, skewed) in [
        ("Fri, 02 Jan 2026 02:49:05 GMT", None),
        ("Fri, 02 Jan 2026 03:19:05 GMT", None),
        ("Fri, 02 Jan 2026 02:49:04 GMT", Some(-901)),
        ("Fri, 02 Jan 2026 03:19:06 GMT", Some(901)),
    ] {
        let request = put().header("date", date).signed_v2(&SIGNER);
        match skewed {
            None => believed(request).await,
            Some(seconds) => {
                let error = AuthError::Skewed {
                    request: Timestamp::from_secs(now().as_secs() + seconds),
                    server: now(),
                };
                refused(request, error).await;
            }
        }
    }
    // Of the two dates it is this one that counts.
    let amz = put()
        .header("x-amz-date", "Thu, 02 Jan 2020 03:04:05 GMT")
        .header("date", "Fri, 02 Jan 2026 03:04:05 GMT");
    let (status, text) = ask(&s3(), amz.signed_v2(&SIGNER)).await;
    assert!(status == 403 && text.contains("Skewed"), "{text}");
    for seconds in [1, 604_800, 604_800 + 900] {
        believed(put().linked_v2(&SIGNER, seconds)).await;
    }
    for seconds in [0, -1, -86_400] {
        refused(put().linked_v2(&SIGNER, seconds), AuthError::Expired).await;
    }
    refused(put().linked_v2(&SIGNER, 604_800 + 901), AuthError::LinkTooLong).await;
}

#[tokio::test]
async fn it_can_be_switched_off() {
    let edge = edge(Scheme::SigV4 {
        services: &["s3"],
        version_2: false,
    });
    for request in [dated().signed_v2(&SIGNER), put().linked_v2(&SIGNER, 60)] {
        assert_eq!(ask(&edge, request).await, (403, "auth SignatureVersion2".to_owned()));
    }
    let other = put().signed(&signer(), PayloadMode::Unsigned, date());
    assert_eq!(ask(&edge, other).await.0, 200);
}

/// Tells how a request was signed.
struct How;

#[async_trait]
impl Door for How {
    fn name(&self) -> &'static str {
        "how"
    }

    fn scheme(&self) -> Scheme {
        Scheme::SigV4 {
            services: &["s3"],
            version_2: true,
        }
    }

    fn sees_through(&self) -> bool {
        false
    }

    async fn serve(&self, request: Request) -> Response {
        let signed = request.extensions().get::<Signed>().copied();
        Response::new(ResponseBody::full(format!("{signed:?}")))
    }

    fn refuse(&self, _refusal: &Refusal, _head: &Head) -> Response {
        Response::default()
    }

    fn stamp(&self, id: RequestId, headers: &mut HeaderMap) {
        headers.insert("x-request-id", id.to_string().parse().unwrap());
    }
}

#[tokio::test]
async fn doors_learn_how_a_request_was_signed() {
    let caller = Caller::with_key(root(), AccessKeyId::parse(KEY).unwrap());
    let parts = Parts::bare(
        Arc::new(OneUser(caller.into())),
        ManualClock::new(now()),
        SeededEntropy::new(7),
    );
    let edge = Edge::new(Arc::new(How), parts);
    let at = Some(now());
    for (request, at, place, version) in [
        (
            dated().signed_v2(&SIGNER),
            at,
            SignaturePlace::Header,
            SignatureVersion::V2,
        ),
        (
            put().linked_v2(&SIGNER, 60),
            None,
            SignaturePlace::Query,
            SignatureVersion::V2,
        ),
        (
            put().signed(&signer(), PayloadMode::Unsigned, date()),
            at,
            SignaturePlace::Header,
            SignatureVersion::V4,
        ),
        (
            put().presigned(&signer(), date(), Duration::from_mins(1)),
            at,
            SignaturePlace::Query,
            SignatureVersion::V4,
        ),
    ] {
        let signed = Signed {
            service: "s3",
            at,
            place,
            version,
        };
        assert_eq!(ask(&edge, request).await.1, format!("{:?}", Some(signed)));
    }
}

/// The key of a session, with which the token `tok+en=` goes.
struct Session;

#[async_trait]
impl Credentials for Session {
    async fn access_key(&self, id: &str) -> Result<Lookup<KeyRecord>, Unavailable> {
        Ok(Lookup::Found(KeyRecord {
            secret: Secret::new(SECRET),
            principal: Caller::with_key(root(), AccessKeyId::parse(id).unwrap()).into(),
            session_token: SessionTokenRule::Sha256(baleen_signing::sha256(b"tok+en=")),
        }))
    }

    async fn api_token(&self, _token: &str) -> Result<Lookup<Principal>, Unavailable> {
        Ok(Lookup::Unknown)
    }
}

/// A form of these fields, signed by its policy with either version.
fn form(version: SignatureVersion, more: &[(&str, &str)]) -> Ask {
    let policy = "eyJhIjoiYiJ9";
    let mut fields = vec![("policy".to_owned(), policy.to_owned())];
    let mut add = |name: &str, value: String| fields.push((name.to_owned(), value));
    match version {
        SignatureVersion::V2 => {
            add("AWSAccessKeyId", KEY.to_owned());
            add("signature", SIGNER.sign_policy(policy.as_bytes()));
        }
        SignatureVersion::V4 => {
            let (credential, signature) = signer().sign_policy(policy.as_bytes(), date());
            add("x-amz-algorithm", "AWS4-HMAC-SHA256".to_owned());
            add("x-amz-credential", credential);
            add("x-amz-date", date().as_str().to_owned());
            add("x-amz-signature", signature);
        }
    }
    for (name, value) in more {
        add(name, (*value).to_owned());
    }
    let head = |name: &str| format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
    let mut parts: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{}{value}\r\n", head(name)))
        .collect();
    parts.push(format!("{}data\r\n--XX--\r\n", head("file")));
    Ask::new(Method::POST, "/b")
        .header("content-type", "multipart/form-data; boundary=XX")
        .body(parts.concat().as_bytes())
}

/// A token is believed in the header of a signed request, in the query of a link and in the field of a form; and is needed there.
#[tokio::test]
async fn a_session_needs_its_token() {
    let parts = Parts::bare(Arc::new(Session), ManualClock::new(now()), SeededEntropy::new(7));
    let scheme = Scheme::SigV4 {
        services: &["s3"],
        version_2: true,
    };
    let edge = Edge::new(Arc::new(Echo(scheme)), parts);
    let header = |token: Option<&str>| match token {
        Some(token) => dated().header("x-amz-security-token", token).signed_v2(&SIGNER),
        None => dated().signed_v2(&SIGNER),
    };
    let link = |parameter: &str| {
        let mut ask = put();
        ask.target = format!("/b/k?{parameter}");
        ask.linked_v2(&SIGNER, 60)
    };
    let token = "tok+en=";
    let of = |version, token| form(version, &[("x-amz-security-token", token)]);
    for (request, is_believed) in [
        (header(Some(token)), true),
        (header(Some("other")), false),
        (header(None), false),
        (link("x-amz-security-token=tok%2Ben%3D"), true),
        (link("X-Amz-Security-Token=tok%2Ben%3D"), true),
        (link("x-amz-security-token=other"), false),
        (link(""), false),
        (put().header("x-amz-security-token", token).linked_v2(&SIGNER, 60), true),
        (of(SignatureVersion::V2, token), true),
        (of(SignatureVersion::V4, token), true),
        (of(SignatureVersion::V2, "other"), false),
        (of(SignatureVersion::V4, "other"), false),
        (form(SignatureVersion::V2, &[]), false),
        (form(SignatureVersion::V4, &[]), false),
    ] {
        let shown = format!("{} {:?}", request.target, request.headers);
        let (status, text) = ask(&edge, request).await;
        let wanted = if is_believed {
            (200, "root@example.com: data")
        } else {
            (403, "auth SessionToken")
        };
        assert_eq!((status, text.as_str()), wanted, "{shown}");
    }
}

/// F13: nothing of a signature, a policy or a token is in the log.
#[tokio::test]
async fn nothing_of_it_is_logged() {
    let lines = super::Lines::default();
    let _guard = tracing::subscriber::set_default(lines.subscriber());
    let mut linked = put();
    linked.target = "/b/k?x-amz-security-token=canary".to_owned();
    let requests = [
        linked.linked_v2(&SIGNER, 60),
        dated().signed_v2(&SIGNER),
        form(SignatureVersion::V2, &[("x-amz-security-token", "canary")]),
        form(SignatureVersion::V4, &[]),
    ];
    for request in requests {
        let _ = ask(&s3(), request).await;
    }
    let written = lines.text();
    assert_eq!(
        written.lines().filter(|line| line.contains("request served")).count(),
        4
    );
    for secret in [
        SECRET,
        "canary",
        "Signature",
        "eyJhIjoiYiJ9",
        &SIGNER.sign_policy(b"eyJhIjoiYiJ9"),
    ] {
        assert!(!written.contains(secret), "{secret}: {written}");
    }
}
