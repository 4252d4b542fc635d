//! The vectors that AWS publishes, the refusals, and the agreement of both sides.

use std::time::Duration;

use baleen_types::Timestamp;
use proptest::prelude::*;

use crate::sign::{Request, Signer};
use crate::*;

/// "Authenticating Requests: Using the Authorization Header", examples.
const S3_EXAMPLES: Signer<'static> = Signer {
    access_key_id: "AKIAIOSFODNN7EXAMPLE",
    secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    session_token: None,
    region: "us-east-1",
    service: "s3",
};

fn may_24_2013() -> AmzDate {
    AmzDate::parse(b"20130524T000000Z").unwrap()
}

fn s3_request<'a>(method: &'a str, path: &'a str, query: &'a str, headers: &'a [(&'a str, &'a [u8])]) -> Request<'a> {
    let payload = PayloadMode::parse(EMPTY_SHA256).unwrap();
    Request {
        method,
        path,
        query,
        headers,
        payload,
        style: PathStyle::S3,
    }
}

fn signature_of(request: &Request<'_>) -> String {
    let signed = S3_EXAMPLES.sign(request, may_24_2013());
    let (_, authorization) = signed.headers.last().unwrap();
    authorization.rsplit_once("Signature=").unwrap().1.to_owned()
}

fn unsigned(request: Request<'_>) -> Request<'_> {
    Request {
        payload: PayloadMode::Unsigned,
        ..request
    }
}

const HOST: (&str, &[u8]) = ("Host", b"examplebucket.s3.amazonaws.com");

#[test]
fn s3_header_examples() {
    let get = s3_request("GET", "/test.txt", "", &[HOST, ("Range", b"bytes=0-9")]);
    assert_eq!(
        signature_of(&get),
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    );

    let put = Request {
        payload: PayloadMode::Sha256(sha256(b"Welcome to Amazon S3.")),
        ..s3_request(
            "PUT",
            "/test%24file.text",
            "",
            &[
                HOST,
                ("Date", b"Fri, 24 May 2013 00:00:00 GMT"),
                ("x-amz-storage-class", b"REDUCED_REDUNDANCY"),
            ],
        )
    };
    assert_eq!(
        signature_of(&put),
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
    );

    let lifecycle = s3_request("GET", "/", "lifecycle", &[HOST]);
    assert_eq!(
        signature_of(&lifecycle),
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
    );

    let list = s3_request("GET", "/", "max-keys=2&prefix=J", &[HOST]);
    assert_eq!(
        signature_of(&list),
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
    );
}

#[test]
fn s3_presigned_example() {
    let request = unsigned(s3_request("GET", "/test.txt", "", &[HOST]));
    let query = S3_EXAMPLES
        .presign(&request, may_24_2013(), Duration::from_hours(24))
        .unwrap();
    assert_eq!(
        query,
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2F\
         aws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=\
         aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    );
    let claim = Claim::from_query("GET", &query).unwrap().unwrap();
    assert_eq!(claim.expires(), Some(Duration::from_hours(24)));
    let headers: [(&str, &[u8]); 1] = [("host", HOST.1)];
    let canonical = CanonicalRequest {
        method: "GET",
        path: "/test.txt",
        query: &query,
        headers: &headers,
        payload: "UNSIGNED-PAYLOAD",
        style: PathStyle::S3,
    };
    let key = SigningKey::derive(S3_EXAMPLES.secret, claim.scope());
    claim.verify(&canonical, &key).unwrap();
    let other = CanonicalRequest {
        method: "PUT",
        ..canonical
    };
    assert_eq!(claim.verify(&other, &key).unwrap_err(), Error::Mismatch);
}

fn streaming_example(payload: PayloadMode, trailer: Option<(&str, &[u8])>) -> sign::SignedHeaders {
    let mut headers: Vec<(&str, &[u8])> = vec![
        ("host", b"s3.amazonaws.com"),
        ("content-encoding", b"aws-chunked"),
        ("content-length", b"66824"),
        ("x-amz-decoded-content-length", b"66560"),
        ("x-amz-storage-class", b"REDUCED_REDUNDANCY"),
    ];
    if trailer.is_some() {
        headers.retain(|(name, _)| *name != "content-length");
    }
    headers.extend(trailer);
    let request = Request {
        payload,
        ..s3_request("PUT", "/examplebucket/chunkObject.txt", "", &headers)
    };
    S3_EXAMPLES.sign(&request, may_24_2013())
}

/// 65,536 and 1,024 letters, then nothing: the chunks of both examples.
fn example_chunks() -> [[u8; 32]; 3] {
    [sha256(&vec![b'a'; 65_536]), sha256(&[b'a'; 1024]), sha256(b"")]
}

#[test]
fn s3_chunk_example() {
    let signed = streaming_example(PayloadMode::Streaming, None);
    assert!(
        signed
            .headers
            .last()
            .unwrap()
            .1
            .ends_with("4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9")
    );
    let wanted = [
        "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
        "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
        "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
    ];
    let mut chain = signed.chunks.clone();
    let mut checked = signed.chunks;
    for (digest, wanted) in example_chunks().iter().zip(wanted) {
        assert_eq!(hex::encode(chain.sign_chunk(digest)), wanted);
        checked.verify_chunk(digest, wanted.as_bytes()).unwrap();
    }
}

#[test]
fn s3_trailer_example() {
    let signed = streaming_example(
        PayloadMode::StreamingTrailer,
        Some(("x-amz-trailer", b"x-amz-checksum-crc32c")),
    );
    assert!(
        signed
            .headers
            .last()
            .unwrap()
            .1
            .ends_with("106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e")
    );
    let wanted = [
        "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
        "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
        "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
    ];
    let mut chain = signed.chunks;
    for (digest, wanted) in example_chunks().iter().zip(wanted) {
        chain.verify_chunk(digest, wanted.as_bytes()).unwrap();
    }
    let lines = sha256(b"x-amz-checksum-crc32c:sOO8/Q==\n");
    let wanted = "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435";
    assert_eq!(
        chain
            .clone()
            .verify_trailer(&sha256(b""), wanted.as_bytes())
            .unwrap_err(),
        Error::Mismatch
    );
    chain.verify_trailer(&lines, wanted.as_bytes()).unwrap();
}

/// The generic suite: `host` service, 2011, as kept by several client libraries.
#[test]
fn generic_examples_encode_twice_and_normalise() {
    let check = |path: &str, wanted_path: &str, wanted: Option<&str>| {
        let headers: [(&str, &[u8]); 2] = [("date", b"Mon, 09 Sep 2011 23:36:00 GMT"), ("host", b"host.foo.com")];
        let canonical = CanonicalRequest {
            method: "GET",
            path,
            query: "",
            headers: &headers,
            payload: EMPTY_SHA256,
            style: PathStyle::Generic,
        };
        let text = String::from_utf8(canonical.to_bytes()).unwrap();
        assert_eq!(text.lines().nth(1).unwrap(), wanted_path);
        let Some(wanted) = wanted else { return };
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20110909/us-east-1/host/aws4_request, \
             SignedHeaders=date;host, Signature={wanted}"
        );
        let claim = Claim::from_authorization(&authorization, AmzDate::parse(b"20110909T233600Z").unwrap()).unwrap();
        let key = SigningKey::derive("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", claim.scope());
        claim.verify(&canonical, &key).unwrap();
    };
    check(
        "/%E1%88%B4",
        "/%25E1%2588%25B4",
        Some("57b1eb3df3b16a8479c0097b66c0b261cfd65b829419a3f2c3d05319722490b8"),
    );
    check("/%20/foo", "/%2520/foo", None);
    check("/./", "/", None);
    check("//foo//", "/foo/", None);
    check("/foo/bar/../..", "/", None);
    check("/foo/..", "/", None);
}

#[test]
fn query_is_sorted_and_recoded() {
    let check = |query: &str, wanted: &str| {
        let canonical = CanonicalRequest {
            method: "GET",
            path: "/",
            query,
            headers: &[],
            payload: "",
            style: PathStyle::S3,
        };
        let text = String::from_utf8(canonical.to_bytes()).unwrap();
        assert_eq!(text.lines().nth(2).unwrap(), wanted, "{query}");
    };
    check("b=2&a=1", "a=1&b=2");
    check("a=2&a=1&a", "a=&a=1&a=2");
    check("acl", "acl=");
    check("p=a%2fb&q=a+b", "p=a%2Fb&q=a%20b");
    check("prefix=a=b", "prefix=a%3Db");
    check("&&x=%zz", "x=%25zz");
    // Sorting is by encoded name alone first: "a" comes before "a-b".
    check("a-b=1&a=2", "a=2&a-b=1");
}

#[test]
fn header_values_are_trimmed_and_joined() {
    let headers: [(&str, &[u8]); 3] = [("host", b"  h  "), ("x-amz-meta-a", b"a   b"), ("x-amz-meta-a", b"\tc")];
    let canonical = CanonicalRequest {
        method: "GET",
        path: "",
        query: "",
        headers: &headers,
        payload: "p",
        style: PathStyle::S3,
    };
    assert_eq!(
        canonical.to_bytes(),
        b"GET\n/\n\nhost:h\nx-amz-meta-a:a b,c\n\nhost;x-amz-meta-a\np"
    );
}

#[test]
fn a_path_in_another_spelling_of_the_same_bytes_is_accepted() {
    let headers: [(&str, &[u8]); 1] = [("host", b"h")];
    let request = |path| CanonicalRequest {
        method: "GET",
        path,
        query: "",
        headers: &headers,
        payload: "UNSIGNED-PAYLOAD",
        style: PathStyle::S3,
    };
    let signer = S3_EXAMPLES;
    let signed = signer.presign(
        &unsigned(s3_request("GET", "/b/a%3Db%2Bc", "", &[("host", b"h")])),
        may_24_2013(),
        Duration::from_secs(1),
    );
    let query = signed.unwrap();
    let claim = Claim::from_query("GET", &query).unwrap().unwrap();
    let key = SigningKey::derive(signer.secret, claim.scope());
    claim
        .verify(
            &CanonicalRequest {
                query: &query,
                ..request("/b/a=b+c")
            },
            &key,
        )
        .unwrap();
    claim
        .verify(
            &CanonicalRequest {
                query: &query,
                ..request("/b/a%3db%2bc")
            },
            &key,
        )
        .unwrap();
    assert!(
        claim
            .verify(
                &CanonicalRequest {
                    query: &query,
                    ..request("/b/a=b%20c")
                },
                &key
            )
            .is_err()
    );
    // An escaped slash is not a separator.
    assert!(
        claim
            .verify(
                &CanonicalRequest {
                    query: &query,
                    ..request("/b%2Fa=b+c")
                },
                &key
            )
            .is_err()
    );
}

#[test]
fn malformed_authorization_is_refused() {
    const SIGNATURE: &str = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41";
    let good_credential = "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request";
    let header = |credential: &str, headers: &str, signature: &str| {
        format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={headers}, Signature={signature}")
    };
    let parse = |value: &str| Claim::from_authorization(value, may_24_2013()).map(|_| ());
    parse(&header(good_credential, "host;range", SIGNATURE)).unwrap();
    // No space after the comma is fine too.
    parse(&header(good_credential, "host", SIGNATURE).replace(", ", ",")).unwrap();

    let malformed = [
        header("AKIA/20130524/us-east-1/s3", "host", SIGNATURE),
        header("AKIA/20130524/us-east-1/s3/aws5_request", "host", SIGNATURE),
        header("AKIA/20130524/us-east-1/s3/aws4_request/x", "host", SIGNATURE),
        header("AKIA/20130524//s3/aws4_request", "host", SIGNATURE),
        header(
            &format!("{}/20130524/r/s3/aws4_request", "A".repeat(129)),
            "host",
            SIGNATURE,
        ),
        header(
            &format!("AKIA/20130524/{}/s3/aws4_request", "r".repeat(65)),
            "host",
            SIGNATURE,
        ),
        header(good_credential, "", SIGNATURE),
        header(good_credential, "Host", SIGNATURE),
        header(good_credential, "host;host", SIGNATURE),
        header(good_credential, "range;host", SIGNATURE),
        header(good_credential, "host;;range", SIGNATURE),
        header(good_credential, "host", &SIGNATURE[1..]),
        header(good_credential, "host", &SIGNATURE.replace('f', "g")),
        format!("AWS4-HMAC-SHA256 Credential={good_credential}, SignedHeaders=host"),
        format!("{}, Signature={SIGNATURE}", header(good_credential, "host", SIGNATURE)),
        "AWS4-HMAC-SHA256 ".to_owned(),
    ];
    for value in malformed {
        assert!(matches!(parse(&value), Err(Error::Malformed(_))), "{value}");
    }
    assert_eq!(
        parse(&header("AKIA/20130525/r/s3/aws4_request", "host", SIGNATURE)),
        Err(Error::ScopeDate)
    );
    for value in [
        "AWS AKIA:sig",
        "AWS4-HMAC-SHA512 x",
        "AWS4-ECDSA-P256-SHA256 x",
        "AWS4-HMAC-SHA256x y",
        "",
    ] {
        assert_eq!(parse(value), Err(Error::UnsupportedAlgorithm), "{value}");
    }
}

#[test]
fn presigned_queries_at_their_limits() {
    let query = |expires: &str| {
        format!(
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA%2F20130524%2Fr%2Fs3%2Faws4_request&\
             X-Amz-Date=20130524T000000Z&X-Amz-Expires={expires}&X-Amz-SignedHeaders=host&X-Amz-Signature={}",
            "0".repeat(64)
        )
    };
    let parse = |query: &str| Claim::from_query("GET", query).map(|claim| claim.is_some());
    assert_eq!(parse(&query("1")), Ok(true));
    assert_eq!(parse(&query("604800")), Ok(true));
    for wrong in ["0", "604801", "-1", "+5", "", "99999999999999999999", "1.5"] {
        assert_eq!(parse(&query(wrong)), Err(Error::Expires), "{wrong}");
    }
    // A link lives longer: to download from S3, and for nothing else.
    let link = |expires: &str| format!("{}&{LINK_MARK}=", query(expires));
    for (method, query, expected) in [
        ("GET", link("2592000"), Ok(true)),
        ("GET", format!("{LINK_MARK}&{}", query("604801")), Ok(true)),
        ("GET", link("2592001"), Err(Error::Expires)),
        ("GET", link("0"), Err(Error::Expires)),
        ("PUT", link("604801"), Err(Error::Expires)),
        ("HEAD", link("604801"), Err(Error::Expires)),
        ("POST", link("604800"), Ok(true)),
        ("GET", format!("{}&RS-LINK=", query("604801")), Err(Error::Expires)),
        (
            "GET",
            link("604801").replace("%2Fs3%2F", "%2Fiam%2F"),
            Err(Error::Expires),
        ),
        ("GET", link("604800").replace("%2Fs3%2F", "%2Fiam%2F"), Ok(true)),
    ] {
        let parsed = Claim::from_query(method, &query).map(|claim| claim.is_some());
        assert_eq!(parsed, expected, "{method} {query}");
    }
    let request = s3_request("GET", "/test.txt", "versionId=v", &[HOST]);
    let days = |days: u64| Duration::from_hours(24 * days);
    let made = S3_EXAMPLES.link(&request, may_24_2013(), days(30)).unwrap();
    assert!(made.starts_with("rs-link=&versionId=v&X-Amz-Algorithm="), "{made}");
    assert_eq!(parse(&made), Ok(true));
    assert_eq!(
        S3_EXAMPLES.link(&request, may_24_2013(), days(30) + Duration::from_secs(1)),
        Err(Error::Expires)
    );
    assert_eq!(
        S3_EXAMPLES.presign(&request, may_24_2013(), days(8)),
        Err(Error::Expires)
    );
    assert_eq!(parse("list-type=2&prefix=X-Amz-Signature"), Ok(false));
    assert!(matches!(
        parse(&format!("{}&X-Amz-Signature=0", query("1"))),
        Err(Error::Malformed(_))
    ));
    assert!(matches!(parse("X-Amz-Signature=00"), Err(Error::Malformed(_))));
    assert!(
        S3_EXAMPLES
            .presign(
                &s3_request("GET", "/", "", &[]),
                may_24_2013(),
                Duration::from_secs(604_801)
            )
            .is_err()
    );
}

#[test]
fn dates() {
    for wrong in [
        "",
        "20130524",
        "20130524T000000",
        "20130524T240000Z",
        "20131301T000000Z",
        "2013052aT000000Z",
        "20130524 000000Z",
    ] {
        assert_eq!(AmzDate::parse(wrong.as_bytes()), Err(Error::MalformedDate), "{wrong}");
    }
    assert!(AmzDate::parse(b"20240229T235959Z").is_ok());
    let now = AmzDate::from_timestamp(Timestamp::from_nanos(1_369_353_600_999_999_999));
    assert_eq!((now.as_str(), now.day()), ("20130524T000000Z", "20130524"));
    assert_eq!(now, may_24_2013());
}

#[test]
fn a_cached_key_follows_its_secret() {
    let cache = KeyCache::new();
    let scope = Scope {
        day: "20130524",
        region: "us-east-1",
        service: "s3",
    };
    let message = b"m";
    for secret in ["one", "one", "two", "one"] {
        let cached = cache.signing_key("AKIA", secret, scope).0.sign(message);
        assert_eq!(cached, SigningKey::derive(secret, scope).0.sign(message));
    }
    for index in 0..2 * limits::CACHED_KEYS_MAX {
        let _ = cache.signing_key(&format!("AKIA{index}"), "s", scope);
    }
}

#[test]
fn nothing_prints_a_secret() {
    let key = SigningKey::derive(
        "canary-secret",
        Scope {
            day: "20130524",
            region: "r",
            service: "s",
        },
    );
    let signer = Signer {
        secret: "canary-secret",
        ..S3_EXAMPLES
    };
    assert!(!format!("{key:?} {signer:?} {:?}", KeyCache::new()).contains("canary"));
}

proptest! {
    /// What `sign` makes, `verify` accepts; one changed byte anywhere is refused.
    #[test]
    fn both_sides_agree(key in "\\PC{1,40}", value in "[ -~]{0,40}", prefix in "\\PC{0,20}") {
        let path = format!("/bucket/{}", encode_path(&key));
        let mut query = b"prefix=".to_vec();
        encode_component(prefix.as_bytes(), &mut query);
        let query = String::from_utf8(query).unwrap();
        let extra: [(&str, &[u8]); 2] = [("X-Amz-Meta-V", value.as_bytes()), ("host", b"h:9000")];
        let request = Request { payload: PayloadMode::Unsigned, ..s3_request("GET", &path, &query, &extra) };
        let signed = S3_EXAMPLES.sign(&request, may_24_2013());
        let mut headers: Vec<(&str, &[u8])> = vec![("host", b"h:9000"), ("x-amz-meta-v", value.as_bytes())];
        let (authorization, added) = signed.headers.split_last().unwrap();
        headers.extend(added.iter().map(|(name, value)| (*name, value.as_bytes())));
        headers.sort_by_key(|(name, _)| *name);
        let canonical = CanonicalRequest {
            method: "GET", path: &path, query: &query, headers: &headers, payload: "UNSIGNED-PAYLOAD", style: PathStyle::S3,
        };
        let claim = Claim::from_authorization(&authorization.1, may_24_2013()).unwrap();
        let signing_key = SigningKey::derive(S3_EXAMPLES.secret, claim.scope());
        prop_assert!(claim.verify(&canonical, &signing_key).is_ok());
        let longer = format!("{path}x");
        let changed = CanonicalRequest { path: &longer, ..canonical };
        prop_assert!(claim.verify(&changed, &signing_key).is_err());
    }

    /// Nothing from outside makes the parsers panic.
    #[test]
    fn parsers_do_not_panic(text in "\\PC{0,200}") {
        let _ = Claim::from_authorization(&format!("AWS4-HMAC-SHA256 {text}"), may_24_2013());
        let _ = Claim::from_query("GET", &text);
        let _ = AmzDate::parse(text.as_bytes());
        let _ = PayloadMode::parse(&text);
    }
}
