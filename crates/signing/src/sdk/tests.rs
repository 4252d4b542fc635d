use super::*;
use proptest::prelude::*;

const KEY: &str = "AKEXAMPLE0000000000";
const SECRET: &str = "skExample/secret+key=0123456789abcdef";
const PROJECT: &str = "0123456789abcdef0123456789abcdef";
const DATE: &str = "20260102T030405Z";
const NAMES: &str = "content-type;host;x-project-id;x-sdk-date";

fn headers() -> Vec<(&'static str, &'static [u8])> {
    vec![
        ("content-type", b"application/json"),
        ("host", b"capture.example:8080"),
        ("x-project-id", PROJECT.as_bytes()),
        ("x-sdk-date", DATE.as_bytes()),
    ]
}

fn hex(bytes: &[u8; 32]) -> String {
    let mut digits = [0; 64];
    hex_into(bytes, &mut digits).to_owned()
}

fn date(text: &str) -> AmzDate {
    AmzDate::parse(text.as_bytes()).unwrap()
}

fn claim(signature: &str) -> String {
    format!("{ALGORITHM} Access={KEY}, SignedHeaders={NAMES}, Signature={signature}")
}

/// Made with the vendor's SDK (capture contract, B.3, "Test vectors").
struct Vector {
    method: &'static str,
    path: &'static str,
    query: &'static str,
    body: &'static [u8],
    canonical: &'static str,
    signature: &'static str,
}

const VECTORS: [Vector; 3] = [
    Vector {
        method: "GET",
        path: "/v1/0123456789abcdef0123456789abcdef/capture-task",
        query: "limit=10&offset=0&fw_instance_id=fw%201~a%2Fb",
        body: b"",
        canonical: "e27e9aab0e60b9b9afa461c0086f197e99916f22e4ad0ab12aff8936c4d63614",
        signature: "a626603061632666e2a16be469526a4454d688ddbefee38148da38ebaf61a6b7",
    },
    Vector {
        method: "POST",
        path: "/v1/0123456789abcdef0123456789abcdef/capture-task/stop",
        query: "fw_instance_id=fw-1",
        body: b"{\"task_id\": \"abc\"}",
        canonical: "14c4cdceb9f3629a6424d9945eb4fbcf5f797795c28c47e29a46c58776e64482",
        signature: "ac921fef338947ee5926ee1b937f70c945b517d4338a4bd79dd5fad2d72b5ad7",
    },
    Vector {
        method: "GET",
        path: "/v1/0123456789abcdef0123456789abcdef/capture-task/capture-result",
        query: "task_id=t&type=1&fw_instance_id=fw-1&ip=10.0.0.2&ip=10.0.0.1",
        body: b"",
        canonical: "dc3333e46ff949345dd98a83e86d0df8bdb6b0f02717164273c8b85ce042cff7",
        signature: "96b2d28585c2133b21f64b3aba5110f41c5f4a3afe8cbecbc134083235ae6820",
    },
];

impl Vector {
    fn request<'a>(&self, headers: &'a [(&'a str, &'a [u8])]) -> Request<'a>
    where
        Self: 'a,
    {
        Request {
            method: self.method,
            path: self.path,
            query: self.query,
            headers,
            body: sha256(self.body),
        }
    }
}

fn is_right(request: &Request<'_>, signature: &str, date: AmzDate, secret: &str) -> bool {
    let text = claim(signature);
    let claim = Claim::from_authorization(&text, date).unwrap();
    claim.verify(request, &Secret::new(secret)).is_ok()
}

#[test]
fn the_vectors_of_the_contract() {
    let headers = headers();
    for vector in &VECTORS {
        let request = vector.request(&headers);
        assert_eq!(hex(&sha256(&canonical(&request, NAMES))), vector.canonical);
        assert!(
            is_right(&request, vector.signature, date(DATE), SECRET),
            "{}",
            vector.path
        );
        assert_eq!(
            authorization(&request, date(DATE), KEY, &Secret::new(SECRET)),
            claim(vector.signature)
        );
    }
    assert_eq!(
        hex(&sha256(VECTORS[1].body)),
        "e5cb8992c6396a826cd099d4ad5b8c7a7bafc7c9048a3d74608d95a128c8ec5e"
    );
}

/// One thing is other than what was signed.
#[test]
fn whatever_is_changed_is_seen() {
    let signed = headers();
    for vector in &VECTORS {
        let request = vector.request(&signed);
        let changed = |headers: &'static str, value: &'static [u8]| {
            let change =
                |(name, old): &(&'static str, &'static [u8])| (*name, if *name == headers { value } else { *old });
            signed.iter().map(change).collect::<Vec<_>>()
        };
        let path = format!("{}x", vector.path);
        let query = vector.query.replace("fw_instance_id=fw", "fw_instance_id=fv");
        let more = format!("{}&a=", vector.query);
        let flipped = {
            let mut body = sha256(vector.body);
            body[31] ^= 1;
            body
        };
        for (what, other) in [
            (
                "method",
                Request {
                    method: "PUT",
                    ..request
                },
            ),
            ("path", Request { path: &path, ..request }),
            (
                "query value",
                Request {
                    query: &query,
                    ..request
                },
            ),
            (
                "one member more",
                Request {
                    query: &more,
                    ..request
                },
            ),
            (
                "body",
                Request {
                    body: flipped,
                    ..request
                },
            ),
            (
                "content type",
                Request {
                    headers: &changed("content-type", b"application/jsonp"),
                    ..request
                },
            ),
            (
                "host without its port",
                Request {
                    headers: &changed("host", b"capture.example"),
                    ..request
                },
            ),
            (
                "project",
                Request {
                    headers: &changed("x-project-id", b"0123456789abcdef0123456789abcdee"),
                    ..request
                },
            ),
            (
                "header that is gone",
                Request {
                    headers: &signed[..3],
                    ..request
                },
            ),
        ] {
            assert!(!is_right(&other, vector.signature, date(DATE), SECRET), "{what}");
        }
        assert!(!is_right(&request, vector.signature, date("20260102T030406Z"), SECRET));
        assert!(!is_right(&request, vector.signature, date(DATE), &SECRET[1..]));
        assert!(
            !is_right(&request, VECTORS[0].signature, date(DATE), SECRET) || vector.signature == VECTORS[0].signature
        );
    }
}

/// Spellings which the vendor's SDK takes for one request, and others which it does not.
#[test]
fn spellings() {
    let headers = headers();
    let hash = |path: &str, query: &str| {
        let request = Request {
            path,
            query,
            ..VECTORS[0].request(&headers)
        };
        sha256(&canonical(&request, NAMES))
    };
    for (one, other, is_same) in [
        (("/a", ""), ("/a/", ""), true),
        (("", ""), ("/", ""), true),
        (("/a//", ""), ("/a/", ""), false),
        (("/a%2fb", ""), ("/a/b", ""), true),
        (("/%7ea%2Db", ""), ("/~a-b", ""), true),
        (("/a+b", ""), ("/a%2Bb", ""), true),
        (("/a+b", ""), ("/a%20b", ""), false),
        (("/a%", ""), ("/a%25", ""), true),
        (("/a", "b"), ("/a", "b="), true),
        (("/a", "b&"), ("/a", "&b="), true),
        (("/a", "b=1&a=2"), ("/a", "a=2&b=1"), true),
        (("/a", "ip=2&ip=1"), ("/a", "ip=1&ip=2"), true),
        (("/a", "ip=1&ip=2"), ("/a", "ip=1&ip=3"), false),
        (("/a", "b=1+1"), ("/a", "b=1%2B1"), true),
        (("/a", "b=1+1"), ("/a", "b=1%201"), false),
        (("/a", "b=%e9"), ("/a", "b=%E9"), true),
        (("/a", "b=1=2"), ("/a", "b=1%3D2"), true),
        (("/a", "b%3D1=2"), ("/a", "b=1%3D2"), false),
        // In the order of what they decode to: a slash is behind a minus sign, `%2F` would be in front of it.
        (("/a", "b=1/2&b=1-2"), ("/a", "b=1-2&b=1%2f2"), true),
        (("/a", "?"), ("/a", "%3F="), true),
    ] {
        assert_eq!(
            hash(one.0, one.1) == hash(other.0, other.1),
            is_same,
            "{one:?} {other:?}"
        );
    }
    let request = Request {
        query: "b=1/2&b=1-2",
        ..VECTORS[0].request(&headers)
    };
    let text = String::from_utf8(canonical(&request, NAMES)).unwrap();
    assert!(text.contains("\nb=1-2&b=1%2F2\n"), "{text}");
}

#[test]
fn blanks_round_a_header_do_not_count() {
    let mut lines = headers();
    lines[0].1 = b" application/json\t";
    assert!(is_right(
        &VECTORS[0].request(&lines),
        VECTORS[0].signature,
        date(DATE),
        SECRET
    ));
    lines[0].1 = b"application /json";
    assert!(!is_right(
        &VECTORS[0].request(&lines),
        VECTORS[0].signature,
        date(DATE),
        SECRET
    ));
}

#[test]
fn authorizations_that_are_none() {
    let signature = VECTORS[0].signature;
    let good = claim(signature);
    let read = |text: &str| Claim::from_authorization(text, date(DATE)).map(|claim| claim.access_key_id().to_owned());
    assert_eq!(read(&good), Ok(KEY.to_owned()));
    assert_eq!(read(&good.replace(", ", ",")), Ok(KEY.to_owned()));
    assert_eq!(
        read(&good.replace(signature, &signature.to_uppercase())),
        Ok(KEY.to_owned())
    );
    let many = vec!["a"; SIGNED_HEADERS_MAX + 1].join(";");
    for (from, to) in [
        ("SDK-HMAC-SHA256 ", ""),
        ("SDK-HMAC-SHA256 ", "SDK-HMAC-SHA256"),
        ("SDK-HMAC-SHA256", "sdk-hmac-sha256"),
        ("SDK-HMAC-SHA256", "SDK-HMAC-SM3"),
        ("SDK-HMAC-SHA256", "V11-HMAC-SHA256"),
        ("SDK-HMAC-SHA256", "AWS4-HMAC-SHA256"),
        ("Access=", "Credential="),
        ("Access=AKEXAMPLE0000000000", "Access="),
        ("Access=AKEXAMPLE0000000000, ", ""),
        ("Access=", "Access=a, Access="),
        ("Access=", &format!("Access={}", "a".repeat(ACCESS_KEY_ID_BYTES_MAX))),
        ("SignedHeaders=", "SignedHeaders=x;;"),
        ("SignedHeaders=", "SignedHeaders=;"),
        ("SignedHeaders=", "SignedHeaders=host;"),
        ("SignedHeaders=", "SignedHeaders=Host;"),
        ("SignedHeaders=", "SignedHeaders=a b;"),
        ("SignedHeaders=", "SignedHeaders=a:b;"),
        ("SignedHeaders=", "SignedHeaders=é;"),
        (NAMES, ""),
        (NAMES, &many),
        ("Signature=", "Signature=0"),
        ("Signature=a", "Signature=g"),
        ("Signature=", "x=y, Signature="),
        ("Signature=", "Signature"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good, "{from}");
        assert!(matches!(read(&bad), Err(Error::Malformed(_))), "{bad}");
    }
    assert!(!format!("{:?}", Claim::from_authorization(&good, date(DATE))).contains(&signature[..8]));
}

proptest! {
    #[test]
    fn what_is_signed_is_verified(path in "/\\PC{0,20}", query in "\\PC{0,30}", value in prop::collection::vec(any::<u8>(), 0..20)) {
        let headers = [("host", &value[..]), ("x-sdk-date", DATE.as_bytes())];
        let request = Request { method: "GET", path: &path, query: &query, headers: &headers, body: sha256(b"") };
        let text = authorization(&request, date(DATE), KEY, &Secret::new(SECRET));
        let claim = Claim::from_authorization(&text, date(DATE)).unwrap();
        prop_assert!(claim.signs("host") && !claim.signs("hos"));
        prop_assert!(claim.verify(&request, &Secret::new(SECRET)).is_ok());
        prop_assert!(claim.verify(&request, &Secret::new("other")).is_err());
    }

    #[test]
    fn any_text_is_a_claim_or_none(text in "(SDK-HMAC-SHA256 )?\\PC{0,80}") {
        let _ = Claim::from_authorization(&text, date(DATE));
    }
}
