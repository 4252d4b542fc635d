//! F1, F2, F3, F19, F33: every way to protect a body, times every way to be wrong. Only what is right is stored, and what
//! is refused changes nothing.

use std::time::Duration;

use baleen_http::ChecksumHasher;
use baleen_signing::sign::Signer;
use baleen_signing::{AmzDate, CanonicalRequest, ChunkChain, Hmac, PathStyle, PayloadMode, sha256};

use crate::harness::{Answer, Ask, HOST, OWNER, Server, get, key, policy, put, statement};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Sha256,
    Unsigned,
    Streaming,
    StreamingTrailer,
    UnsignedTrailer,
}

const MODES: [Mode; 5] = [
    Mode::Sha256,
    Mode::Unsigned,
    Mode::Streaming,
    Mode::StreamingTrailer,
    Mode::UnsignedTrailer,
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Header,
    Query,
    /// With Signature Version 2.
    HeaderV2,
    QueryV2,
}

const PLACES: [Place; 4] = [Place::Header, Place::Query, Place::HeaderV2, Place::QueryV2];

impl Place {
    /// Version 2 makes no signatures that chunks could continue.
    fn signs_chunks(self) -> bool {
        matches!(self, Self::Header | Self::Query)
    }
}

/// What is done to a request that was right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spoil {
    Nothing,
    /// No signature at all.
    NoSignature,
    /// Signed with another secret.
    WrongSecret,
    /// One digit of the signature changed.
    WrongSignature,
    /// One byte of the data changed after signing.
    ChangedData,
    /// The signature of the last chunk changed.
    WrongLastChunk,
    /// No chunk has a signature.
    NoChunkSignatures,
    /// The trailer's checksum is another's.
    WrongTrailer,
    /// The announced trailer does not come.
    NoTrailer,
    /// The trailer's signature changed.
    WrongTrailerSignature,
    /// The last chunk does not come.
    NoLastChunk,
    /// More bytes announced than there are.
    AnnouncedMore,
    /// Fewer bytes announced than there are.
    AnnouncedLess,
    /// Bytes behind the end.
    Behind,
}

const SPOILS: [Spoil; 14] = [
    Spoil::Nothing,
    Spoil::NoSignature,
    Spoil::WrongSecret,
    Spoil::WrongSignature,
    Spoil::ChangedData,
    Spoil::WrongLastChunk,
    Spoil::NoChunkSignatures,
    Spoil::WrongTrailer,
    Spoil::NoTrailer,
    Spoil::WrongTrailerSignature,
    Spoil::NoLastChunk,
    Spoil::AnnouncedMore,
    Spoil::AnnouncedLess,
    Spoil::Behind,
];

impl Mode {
    fn is_chunked(self) -> bool {
        matches!(self, Self::Streaming | Self::StreamingTrailer | Self::UnsignedTrailer)
    }

    fn signs_chunks(self) -> bool {
        matches!(self, Self::Streaming | Self::StreamingTrailer)
    }

    fn has_trailer(self) -> bool {
        matches!(self, Self::StreamingTrailer | Self::UnsignedTrailer)
    }

    fn payload(self, data: &[u8]) -> PayloadMode {
        match self {
            Self::Sha256 => PayloadMode::Sha256(sha256(data)),
            Self::Unsigned => PayloadMode::Unsigned,
            Self::Streaming => PayloadMode::Streaming,
            Self::StreamingTrailer => PayloadMode::StreamingTrailer,
            Self::UnsignedTrailer => PayloadMode::StreamingUnsignedTrailer,
        }
    }

    /// Whether this spoils anything here: an unsigned body may be changed, and without a trailer none is wrong.
    fn notices(self, spoil: Spoil, data: &[u8]) -> bool {
        match spoil {
            Spoil::Nothing => false,
            Spoil::NoSignature | Spoil::WrongSecret | Spoil::WrongSignature => true,
            Spoil::ChangedData => self != Self::Unsigned && !data.is_empty(),
            Spoil::WrongLastChunk | Spoil::NoChunkSignatures => self.signs_chunks(),
            Spoil::WrongTrailer | Spoil::NoTrailer => self.has_trailer(),
            Spoil::WrongTrailerSignature => self == Self::StreamingTrailer,
            Spoil::NoLastChunk | Spoil::AnnouncedMore | Spoil::Behind => self.is_chunked(),
            Spoil::AnnouncedLess => self.is_chunked() && !data.is_empty(),
        }
    }
}

fn crc32(data: &[u8]) -> String {
    let mut hasher = ChecksumHasher::new(baleen_http::ChecksumAlgorithm::Crc32);
    hasher.update(data);
    hasher.finish_base64()
}

/// The body as it goes over the wire.
fn frame(mode: Mode, spoil: Spoil, data: &[u8], mut chain: ChunkChain) -> Vec<u8> {
    let changed = |signature: [u8; 32]| {
        let mut text = hex::encode(signature).into_bytes();
        text[63] = if text[63] == b'0' { b'1' } else { b'0' };
        String::from_utf8(text).unwrap()
    };
    let mut out = Vec::new();
    for piece in data.chunks(8192).chain([&[][..]]) {
        if piece.is_empty() && spoil == Spoil::NoLastChunk {
            return out;
        }
        out.extend_from_slice(format!("{:x}", piece.len()).as_bytes());
        if mode.signs_chunks() && spoil != Spoil::NoChunkSignatures {
            let signature = chain.sign_chunk(&sha256(piece));
            let wrong = piece.is_empty() && spoil == Spoil::WrongLastChunk;
            let text = if wrong {
                changed(signature)
            } else {
                hex::encode(signature)
            };
            out.extend_from_slice(format!(";chunk-signature={text}").as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        if !piece.is_empty() {
            let mut piece = piece.to_vec();
            if spoil == Spoil::ChangedData {
                piece[0] ^= 1;
            }
            out.extend_from_slice(&piece);
            out.extend_from_slice(b"\r\n");
        }
    }
    if mode.has_trailer() && spoil != Spoil::NoTrailer {
        let value = if spoil == Spoil::WrongTrailer {
            crc32(b"something else")
        } else {
            crc32(data)
        };
        out.extend_from_slice(format!("x-amz-checksum-crc32:{value}\r\n").as_bytes());
        if mode == Mode::StreamingTrailer {
            let signature = chain.sign_trailer(&sha256(format!("x-amz-checksum-crc32:{value}\n").as_bytes()));
            let wrong = spoil == Spoil::WrongTrailerSignature;
            let text = if wrong {
                changed(signature)
            } else {
                hex::encode(signature)
            };
            out.extend_from_slice(format!("x-amz-trailer-signature:{text}\r\n").as_bytes());
        }
    }
    out.extend_from_slice(b"\r\n");
    if spoil == Spoil::Behind {
        out.extend_from_slice(b"0\r\n\r\n");
    }
    out
}

/// The one caller of the server: sends a PUT of `data` in a mode, from a place, spoiled.
async fn send(server: &Server, target: &str, (mode, place, spoil): (Mode, Place, Spoil), data: &[u8]) -> Answer {
    let mut ask = put(target);
    if mode.is_chunked() {
        let announced = match spoil {
            Spoil::AnnouncedMore => data.len() + 1,
            Spoil::AnnouncedLess => data.len().saturating_sub(1),
            _ => data.len(),
        };
        ask = ask
            .header("content-encoding", "aws-chunked")
            .header("x-amz-decoded-content-length", &announced.to_string());
    }
    if mode.has_trailer() {
        ask = ask.header("x-amz-trailer", "x-amz-checksum-crc32");
    }
    let signer = match spoil {
        Spoil::WrongSecret => baleen_signing::sign::Signer {
            secret: "another secret",
            ..OWNER
        },
        _ => OWNER,
    };
    let payload = mode.payload(data);
    let (now, life) = (server.now(), Duration::from_mins(1));
    let (mut ask, chain) = match place {
        Place::Header => ask.signed_with_chain(signer, payload, now),
        Place::Query => ask.presigned_with_chain(signer, payload, now, life),
        Place::HeaderV2 | Place::QueryV2 => {
            // The best that a sender of signed chunks could do.
            let (_, chain) = ask.clone().signed_with_chain(signer, payload, now);
            if payload != PayloadMode::Unsigned {
                ask = ask.header("x-amz-content-sha256", &payload.header_value());
            }
            match place {
                Place::HeaderV2 => (ask.signed_v2(signer, now), chain),
                _ => (ask.presigned_v2(signer, now, life), chain),
            }
        }
    };
    ask.body = if mode.is_chunked() {
        frame(mode, spoil, data, chain)
    } else {
        data.to_vec()
    };
    if spoil == Spoil::ChangedData && !mode.is_chunked() && !data.is_empty() {
        ask.body[0] ^= 1;
    }
    server.raw(spoil_head(ask, place, spoil)).await
}

fn spoil_head(mut ask: Ask, place: Place, spoil: Spoil) -> Ask {
    match (spoil, place) {
        (Spoil::NoSignature, Place::Header | Place::HeaderV2) => {
            ask.headers.retain(|(name, _)| name != "authorization");
        }
        (Spoil::NoSignature, Place::Query | Place::QueryV2) => {
            ask.target = ask.target.split('?').next().unwrap().to_owned();
        }
        (Spoil::WrongSignature, Place::Header) => {
            let (_, value) = ask
                .headers
                .iter_mut()
                .find(|(name, _)| name == "authorization")
                .unwrap();
            let last = if value.ends_with('0') { '1' } else { '0' };
            value.pop();
            value.push(last);
        }
        (Spoil::WrongSignature, Place::Query) => {
            let last = if ask.target.ends_with('0') { '1' } else { '0' };
            ask.target.pop();
            ask.target.push(last);
        }
        (Spoil::WrongSignature, Place::HeaderV2) => {
            let authorization = ask.headers.iter_mut().find(|(name, _)| name == "authorization");
            let (_, value) = authorization.unwrap();
            let (id, signature) = value.split_once(':').unwrap();
            *value = format!("{id}:{}", other_digit(signature));
        }
        (Spoil::WrongSignature, Place::QueryV2) => {
            let (rest, signature) = ask.target.split_once("Signature=").unwrap();
            let signature = signature.replace("%2B", "+").replace("%2F", "/").replace("%3D", "=");
            let other = other_digit(&signature).replace('+', "%2B").replace('=', "%3D");
            ask.target = format!("{rest}Signature={other}");
        }
        _ => {}
    }
    ask
}

/// A signature in base64 with another first digit.
fn other_digit(signature: &str) -> String {
    let first = if signature.starts_with('A') { "B" } else { "A" };
    format!("{first}{}", &signature[1..])
}

/// F1 and F33: the whole matrix, over a key that is free and over one that is taken.
#[tokio::test]
async fn only_what_is_right_is_stored() {
    let server = Server::with_bucket().await;
    let big: Vec<u8> = (0..20_000_u32).map(|number| number.to_le_bytes()[0]).collect();
    let mut cases = 0;
    for data in [&b""[..], b"data", &big] {
        for mode in MODES {
            for place in PLACES {
                for spoil in SPOILS {
                    let what = format!("{mode:?} {place:?} {spoil:?} {} bytes", data.len());
                    let right = !mode.notices(spoil, data) && (place.signs_chunks() || !mode.signs_chunks());
                    let shown_data = if right && spoil == Spoil::ChangedData && !data.is_empty() {
                        // What an unsigned body has become is what is stored.
                        [&[data[0] ^ 1], &data[1..]].concat()
                    } else {
                        data.to_vec()
                    };
                    server.ok(put(&key("taken")).body("before")).await;
                    for name in ["free", "taken"] {
                        let answer = send(&server, &key(name), (mode, place, spoil), data).await;
                        assert_eq!(answer.status.is_success(), right, "{what}: {answer:?}");
                        let before = (name == "taken").then(|| b"before".to_vec());
                        let wanted = if right { Some(shown_data.clone()) } else { before };
                        assert_eq!(server.stored(name).await, wanted, "{what}");
                    }
                    server.ok(crate::harness::delete(&key("free"))).await;
                    cases += 1;
                }
            }
        }
    }
    assert_eq!(cases, 3 * 5 * 4 * 14);
    assert_eq!(server.stored_keys().await, ["taken"]);
}

/// The codes that clients look at.
#[tokio::test]
async fn refusals_have_the_codes_of_s3() {
    let server = Server::with_bucket().await;
    let cases = [
        (Mode::Unsigned, Spoil::WrongSecret, 403, "SignatureDoesNotMatch"),
        (Mode::Unsigned, Spoil::NoSignature, 403, "AccessDenied"),
        (Mode::Sha256, Spoil::ChangedData, 400, "XAmzContentSHA256Mismatch"),
        (Mode::Streaming, Spoil::ChangedData, 403, "SignatureDoesNotMatch"),
        (Mode::Streaming, Spoil::NoLastChunk, 400, "IncompleteBody"),
        (Mode::Streaming, Spoil::AnnouncedMore, 400, "IncompleteBody"),
        (Mode::UnsignedTrailer, Spoil::WrongTrailer, 400, "BadDigest"),
        (Mode::UnsignedTrailer, Spoil::NoTrailer, 400, "MalformedTrailerError"),
    ];
    for (mode, spoil, status, code) in cases {
        let answer = send(&server, &key("k"), (mode, Place::Header, spoil), b"data").await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (status, code),
            "{mode:?} {spoil:?}"
        );
    }
}

/// F19: neither the framing nor its name is stored, and the trailer's checksum is.
#[tokio::test]
async fn framing_is_not_part_of_the_object() {
    let server = Server::with_bucket().await;
    let answer = send(
        &server,
        &key("k"),
        (Mode::UnsignedTrailer, Place::Header, Spoil::Nothing),
        b"hello",
    )
    .await;
    assert_eq!(answer.header("x-amz-checksum-crc32"), crc32(b"hello"));
    let head = server
        .ok(crate::harness::head(&key("k")).header("x-amz-checksum-mode", "ENABLED"))
        .await;
    assert_eq!(head.header("content-encoding"), "");
    assert_eq!(head.header("content-length"), "5");
    assert_eq!(head.header("x-amz-checksum-crc32"), crc32(b"hello"));
}

/// F3: what the store obeys must be signed; nothing is copied or stored.
#[tokio::test]
async fn an_added_header_turns_no_link_into_a_copy() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("secret")).body("secret")).await;
    for name in ["x-amz-copy-source", "x-amz-meta-a", "x-amz-acl", "x-amz-tagging"] {
        let value = if name == "x-amz-copy-source" {
            "/bucket/secret"
        } else {
            "private"
        };
        let link = put(&key("k"))
            .presigned(OWNER, PayloadMode::Unsigned, server.now(), Duration::from_mins(1))
            .header(name, value);
        let answer = server.raw(link).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (403, "AccessDenied"),
            "{name}"
        );
        let signed = put(&key("k"))
            .signed(OWNER, PayloadMode::Unsigned, server.now())
            .header(name, value);
        let answer = server.raw(signed).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (403, "AccessDenied"),
            "{name}"
        );
    }
    assert_eq!(server.stored_keys().await, ["secret"]);
}

/// F3, with Version 2: nothing that it does not cover turns one request into another.
#[tokio::test]
async fn nothing_added_to_version_2_is_obeyed() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("secret")).body("secret")).await;
    let (now, life) = (server.now(), Duration::from_mins(1));
    let requests = || {
        let put = || put(&key("k")).body("data");
        [put().signed_v2(OWNER, now), put().presigned_v2(OWNER, now, life)]
    };
    for (name, value) in [
        ("x-amz-copy-source", "/bucket/secret"),
        ("x-amz-acl", "private"),
        ("x-amz-meta-a", "1"),
        ("content-type", "text/html"),
    ] {
        for request in requests() {
            let answer = server.raw(request.clone().header(name, value)).await;
            assert_eq!(answer.code(), "SignatureDoesNotMatch", "{name}");
            let glue = if request.target.contains('?') { '&' } else { '?' };
            let target = format!("{}{glue}{name}={value}", request.target);
            let answer = server.raw(Ask { target, ..request }).await;
            assert_eq!(answer.code(), "SignatureDoesNotMatch", "{name} in the query");
        }
    }
    // Each sub-resource that some operation has, and what none has.
    let names = baleen_api_s3::OPERATIONS.iter().flat_map(|row| match row.query {
        baleen_api_s3::Query::Only(names) => names,
        baleen_api_s3::Query::Any => &["attributes", "torrent", "uploads"],
    });
    for name in names
        .copied()
        .chain(["unheard-of", "x-amz-acl", "partNumber=1&uploadId=a"])
    {
        for request in requests() {
            let glue = if request.target.contains('?') { '&' } else { '?' };
            let target = format!("{}{glue}{name}", request.target);
            let answer = server.raw(Ask { target, ..request }).await;
            assert_eq!(answer.status.as_u16(), 403, "{name}: {answer:?}");
        }
    }
    assert_eq!(server.stored_keys().await, ["secret"]);
}

/// Version 2 signs what it knows of a query. What an operation has there is in one of both lists: else it could be added to a request
/// that is signed, or no request of Version 2 could have it.
#[test]
fn version_2_knows_each_parameter_of_the_table() {
    let rows = baleen_api_s3::OPERATIONS.iter().chain(&baleen_api_s3::EXTRA_OPERATIONS);
    let names = rows.flat_map(|row| match row.query {
        baleen_api_s3::Query::Only(names) => names,
        baleen_api_s3::Query::Any => &[],
    });
    for name in names
        .copied()
        .chain(["attributes", "uploads", "rs-info", "rs-presign", "renameObject"])
    {
        let request = |query| baleen_signing::v2::Request {
            method: "PUT",
            host_bucket: None,
            path: "/bucket/k",
            query,
            headers: &[],
        };
        assert_eq!(request(name).stranger(), None);
    }
}

/// What boto signs with Version 2 and how it sends it: buckets without a slash, headers in the query of links.
#[tokio::test]
async fn version_2_as_boto_has_it() {
    let server = Server::with_bucket().await;
    let (now, life) = (server.now(), Duration::from_hours(1));
    for target in [
        "/bucket",
        "/bucket/",
        "/bucket?prefix=a&max-keys=2",
        "/bucket?location",
        "/",
    ] {
        let answer = server.raw(get(target).signed_v2(OWNER, now)).await;
        assert_eq!(answer.status.as_u16(), 200, "{target}: {answer:?}");
    }
    let link = put(&format!(
        "{}?content-type=text%2Fplain&x-amz-meta-colour=deep%20blue",
        key("k")
    ))
    .body("data");
    let answer = server.raw(link.presigned_v2(OWNER, now, life)).await;
    assert!(answer.status.is_success(), "{answer:?}");
    let seen = server.ok(crate::harness::head(&key("k"))).await;
    assert_eq!(
        (seen.header("content-type"), seen.header("x-amz-meta-colour")),
        ("text/plain".into(), "deep blue".into())
    );
    let named = get(&format!("{}?response-content-type=a%2Fb", key("k"))).presigned_v2(OWNER, now, life);
    let answer = server.raw(named.clone()).await;
    assert_eq!(
        (answer.header("content-type").as_str(), &answer.body[..]),
        ("a/b", &b"data"[..])
    );
    server.clock.advance(life);
    let late = server.raw(named).await;
    assert_eq!((late.status.as_u16(), late.code().as_str()), (403, "AccessDenied"));
}

/// Policies can tell the versions, and links from requests.
#[tokio::test]
async fn policies_see_how_a_request_is_signed() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("k")).body("data")).await;
    let (now, life) = (server.now(), Duration::from_mins(10));
    let requests = || {
        let get = || get(&key("k"));
        [
            get().signed(OWNER, PayloadMode::Unsigned, now),
            get().presigned(OWNER, PayloadMode::Unsigned, now, life),
            get().signed_v2(OWNER, now),
            get().presigned_v2(OWNER, now, life),
        ]
    };
    let denied = statement("Deny", "\"*\"", "s3:GetObject", "bucket/*");
    for (condition, served) in [
        (
            r#""StringEquals": {"s3:signatureversion": "AWS"}"#,
            [true, true, false, false],
        ),
        (
            r#""StringNotEquals": {"s3:signatureversion": "AWS4-HMAC-SHA256"}"#,
            [true, true, false, false],
        ),
        (
            r#""StringEquals": {"s3:authType": "REST-QUERY-STRING"}"#,
            [true, false, true, false],
        ),
        (
            r#""StringEquals": {"s3:authType": "REST-HEADER"}"#,
            [false, true, false, true],
        ),
        // The link of Version 2 does not tell its age.
        (
            r#""NumericGreaterThanEquals": {"s3:signatureAge": "60000"}"#,
            [false, false, false, true],
        ),
    ] {
        let document = policy(&[&format!(r#"{denied}, "Condition": {{{condition}}}"#)]);
        server.ok(put("/bucket?policy").body(document)).await;
        let requests = requests();
        if condition.contains("Age") {
            server.clock.advance(Duration::from_mins(1));
        }
        for (request, served) in requests.into_iter().zip(served) {
            let shown = format!("{condition} {}", request.target);
            assert_eq!(server.raw(request).await.status.is_success(), served, "{shown}");
        }
    }
}

/// Presigned links end when they say.
#[tokio::test]
async fn links_expire_by_the_injected_clock() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("k")).body("data")).await;
    let link =
        crate::harness::get(&key("k")).presigned(OWNER, PayloadMode::Unsigned, server.now(), Duration::from_hours(1));
    assert_eq!(server.raw(link.clone()).await.body, b"data");
    server.clock.advance(Duration::from_hours(1));
    let late = server.raw(link).await;
    assert_eq!((late.status.as_u16(), late.code().as_str()), (403, "AccessDenied"));
}

/// Some clients (the JavaScript SDK) move headers of theirs into the query of a presigned address. They are signed there.
#[tokio::test]
async fn headers_in_a_presigned_query_are_obeyed() {
    let server = Server::with_bucket().await;
    let link = |query: &str| {
        let ask = put(&format!("{}?{query}", key("k"))).body("data");
        ask.presigned(OWNER, PayloadMode::Unsigned, server.now(), Duration::from_mins(1))
    };
    let answer = server.raw(link("x-amz-acl=public-read")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (400, "AccessControlListNotSupported")
    );
    let answer = server.raw(link("x-amz-server-side-encryption=aws%3Akms%3Adsse")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (501, "NotImplemented")
    );
    let answer = server.raw(link("x-amz-rename-source=%2Fbucket%2Fx")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (501, "NotImplemented")
    );
    let answer = server.raw(link("x-amz-checksum-crc32=AAAAAQ%3D%3D")).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "BadDigest"));
    // Those that say how the body is framed cannot come from there.
    for query in [
        "x-amz-decoded-content-length=1",
        "x-amz-trailer=x-amz-checksum-crc32",
        "x-amz-meta-a=1&x-amz-meta-a=2",
        "x-amz-meta-%00=1",
        "x-amz-meta-a=%0a",
    ] {
        let answer = server.raw(link(query)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (400, "InvalidArgument"),
            "{query}"
        );
    }
    assert_eq!(server.stored("k").await, None);

    let query = "x-amz-meta-colour=deep%20blue&x-amz-acl=private&x-amz-content-sha256=UNSIGNED-PAYLOAD&x-id=PutObject";
    let answer = server.raw(link(query)).await;
    assert!(answer.status.is_success(), "{answer:?}");
    let seen = server.ok(crate::harness::head(&key("k"))).await;
    assert_eq!(seen.header("x-amz-meta-colour"), "deep blue");
    let twice = put(&format!("{}?x-amz-meta-a=1", key("k"))).header("x-amz-meta-a", "2");
    let answer = server
        .raw(twice.presigned(OWNER, PayloadMode::Unsigned, server.now(), Duration::from_mins(1)))
        .await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (400, "InvalidArgument")
    );
}

/// The JavaScript SDK signs the checksum of no bytes into every link for an upload.
#[tokio::test]
async fn the_checksum_of_no_bytes_in_a_presigned_query_holds_nobody() {
    let server = Server::with_bucket().await;
    for (query, kept) in [
        (
            "x-amz-checksum-crc32=AAAAAA%3D%3D&x-amz-sdk-checksum-algorithm=CRC32",
            "crc32",
        ),
        (
            "x-amz-checksum-crc64nvme=AAAAAAAAAAA%3D&x-amz-sdk-checksum-algorithm=CRC64NVME",
            "crc64nvme",
        ),
        (
            "x-amz-checksum-sha1=2jmj7l5rSw0yVb%2FvlWAYkK%2FYBwk%3D&x-amz-sdk-checksum-algorithm=SHA1",
            "sha1",
        ),
    ] {
        let ask = put(&format!("{}?{query}", key("k"))).body("data");
        let link = ask.presigned(OWNER, PayloadMode::Unsigned, server.now(), Duration::from_mins(1));
        let answer = server.raw(link).await;
        assert!(answer.status.is_success(), "{query}: {answer:?}");
        assert!(answer.headers.contains_key(format!("x-amz-checksum-{kept}")), "{query}");
    }
    assert_eq!(server.stored("k").await.as_deref(), Some(&b"data"[..]));
}

/// The log names the operation of a request whose body was the trouble, too.
#[tokio::test]
async fn a_body_fault_keeps_the_name_of_the_operation() {
    let server = Server::with_bucket().await;
    let wrong = PayloadMode::Sha256(sha256(b"other"));
    for (ask, name) in [
        (put(&key("k")).body("data"), "PutObject"),
        (
            crate::harness::post("/bucket?delete").body("<Delete/>"),
            "DeleteObjects",
        ),
    ] {
        let ask = ask.signed(OWNER, wrong, server.now());
        let response = server.edge.handle(ask.build()).await;
        assert_eq!(response.status().as_u16(), 400);
        assert_eq!(response.extensions().get(), Some(&baleen_http::OperationName(name)));
    }
}

/// A header that is no signature is a mistake of who wrote it, and not a refusal.
#[tokio::test]
async fn an_authorization_that_cannot_be_read_is_a_bad_request() {
    let server = Server::with_bucket().await;
    let date = ("x-amz-date", "20260102T030405Z");
    let sha256 = ("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    let unsupported = "Unsupported Authorization Type";
    let three = "The authorization header is malformed; the authorization header requires three components: Credential, SignedHeaders, and \
                 Signature.";
    for (authorization, status, code, text) in [
        ("garbage", 400, "InvalidArgument", unsupported),
        ("Bearer abc.def.ghi", 400, "InvalidArgument", unsupported),
        ("Basic dXNlcjpwYXNzd29yZA==", 400, "InvalidArgument", unsupported),
        ("AWS4-HMAC-SHA1 Credential=a", 400, "InvalidArgument", unsupported),
        ("AWS garbage", 400, "InvalidArgument", "AwsAccessKeyId:signature"),
        ("AWS4-HMAC-SHA256 garbage", 400, "AuthorizationHeaderMalformed", ""),
        ("AWS4-HMAC-SHA256", 400, "AuthorizationHeaderMalformed", three),
        ("AWS4-HMAC-SHA256 ", 400, "AuthorizationHeaderMalformed", three),
        (
            "AWS4-HMAC-SHA256 Credential=a",
            400,
            "AuthorizationHeaderMalformed",
            three,
        ),
        ("AWS4-HMAC-SHA256-X Credential=a", 400, "InvalidArgument", unsupported),
        (
            "AWS4-HMAC-SHA256 Credential=a, SignedHeaders=host, Signature=b",
            400,
            "AuthorizationHeaderMalformed",
            "",
        ),
        // Nobody.
        ("", 403, "AccessDenied", "Access Denied"),
    ] {
        for headers in [&[][..], &[date], &[date, sha256]] {
            let ask = headers
                .iter()
                .fold(get(&key("k")), |ask, (name, value)| ask.header(name, value));
            let answer = server.raw(ask.header("authorization", authorization)).await;
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (status, code),
                "{authorization}: {answer:?}"
            );
            assert!(answer.element("Message").contains(text), "{answer:?}");
            // It may be a secret.
            assert!(!answer.text().contains("abc.def"), "{answer:?}");
        }
    }
    // Well formed, without a date that can be read.
    let signature = "0".repeat(64);
    let well = format!(
        "AWS4-HMAC-SHA256 Credential={}/20260102/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature={signature}",
        OWNER.access_key_id
    );
    for headers in [&[][..], &[("x-amz-date", "yesterday")]] {
        let ask = headers
            .iter()
            .fold(get(&key("k")), |ask, (name, value)| ask.header(name, value));
        let answer = server.raw(ask.header("authorization", &well)).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "AccessDenied"));
        let text = "AWS authentication requires a valid Date or x-amz-date header";
        assert_eq!(answer.element("Message"), text);
    }
}

/// What a client should have signed is told to it, as AWS does, and nothing that it has not sent.
#[tokio::test]
async fn a_wrong_signature_is_told_what_should_have_been_signed() {
    let server = Server::with_bucket().await;
    let wrong = Signer {
        secret: "another",
        ..OWNER
    };
    let payload = PayloadMode::Unsigned;
    let ask = || get(&format!("{}?prefix=a%26b", key("k"))).header("x-amz-meta-a", "<&>");
    let in_header = server.raw(ask().signed(wrong, payload, server.now())).await;
    let minute = Duration::from_mins(1);
    let in_query = server.raw(ask().presigned(wrong, payload, server.now(), minute)).await;
    let v2 = server.raw(ask().signed_v2(wrong, server.now())).await;
    for (answer, first, canonical) in [
        (&in_header, "AWS4-HMAC-SHA256\n", true),
        (&in_query, "AWS4-HMAC-SHA256\n", true),
        (&v2, "GET\n\n\n\n", false),
    ] {
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (403, "SignatureDoesNotMatch")
        );
        assert_eq!(answer.element("AWSAccessKeyId"), OWNER.access_key_id);
        let signed = answer.element("StringToSign");
        assert!(signed.starts_with(first), "{answer:?}");
        assert!(!answer.element("SignatureProvided").is_empty());
        let canonical_request = answer.element("CanonicalRequest");
        assert_eq!(!canonical_request.is_empty(), canonical, "{answer:?}");
        for (text, bytes) in [
            (signed, answer.element("StringToSignBytes")),
            (canonical_request.clone(), answer.element("CanonicalRequestBytes")),
        ] {
            let bytes: Vec<_> = bytes
                .split_whitespace()
                .map(|byte| u8::from_str_radix(byte, 16).unwrap())
                .collect();
            let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
            assert_eq!(String::from_utf8(bytes).unwrap(), text);
        }
        if canonical {
            let digest = hex::encode(sha256(
                canonical_request
                    .replace("&lt;", "<")
                    .replace("&gt;", ">")
                    .replace("&amp;", "&")
                    .as_bytes(),
            ));
            assert!(answer.element("StringToSign").ends_with(&digest), "{answer:?}");
            assert!(canonical_request.starts_with("GET\n/bucket/k\n"), "{answer:?}");
        }
        assert!(!answer.text().contains("owner-secret"));
    }
    // Who has no key there learns nothing of it.
    let absent = Signer {
        access_key_id: "AKIANOBODYNOBODYNOBO",
        ..wrong
    };
    let answer = server.raw(ask().signed(absent, payload, server.now())).await;
    assert_eq!(
        (answer.code().as_str(), answer.element("StringToSign")),
        ("InvalidAccessKeyId", String::new())
    );
}

/// As AWS has it, `Date` says when a request was signed where there is no `x-amz-date`.
#[tokio::test]
async fn the_date_of_http_does_for_a_signature() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("k")).body("data")).await;
    let at = server.now().timestamp();
    let payload = "UNSIGNED-PAYLOAD";
    let http = |at: baleen_types::Timestamp| {
        let at = at.to_datetime();
        at.format(&time::format_description::well_known::Rfc2822).unwrap()
    };
    let early = baleen_types::Timestamp::from_secs(at.as_secs() - 3600);
    for (sent, signed, status, code) in [
        (http(at), server.now(), 200, ""),
        (http(at).replace("+0000", "GMT"), server.now(), 200, ""),
        (server.now().as_str().to_owned(), server.now(), 200, ""),
        // Signed for another time, or too early.
        (
            http(at),
            AmzDate::from_timestamp(at.plus(Duration::from_secs(1))),
            403,
            "SignatureDoesNotMatch",
        ),
        (http(early), AmzDate::from_timestamp(early), 403, "RequestTimeTooSkewed"),
        ("yesterday".to_owned(), server.now(), 403, "AccessDenied"),
    ] {
        let lines: [(&str, &[u8]); 3] = [
            ("date", sent.as_bytes()),
            ("host", HOST.as_bytes()),
            ("x-amz-content-sha256", payload.as_bytes()),
        ];
        let request = CanonicalRequest {
            method: "GET",
            path: "/bucket/k",
            query: "",
            headers: &lines,
            payload,
            style: PathStyle::S3,
        };
        let day = &signed.as_str()[..8];
        let scope = format!("{day}/us-east-1/s3/aws4_request");
        let digest = hex::encode(sha256(&request.to_bytes()));
        let text = format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{digest}", signed.as_str());
        let first = format!("AWS4{}", OWNER.secret).into_bytes();
        let words = [day, "us-east-1", "s3", "aws4_request", &text];
        let signature = words
            .iter()
            .fold(first, |key, word| Hmac::new(&key).sign(word.as_bytes()).to_vec());
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders=date;host;x-amz-content-sha256, Signature={}",
            OWNER.access_key_id,
            hex::encode(signature)
        );
        let ask = get(&key("k"))
            .header("date", &sent)
            .header("x-amz-content-sha256", payload);
        let answer = server.raw(ask.header("authorization", &authorization)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (status, code),
            "{sent}: {answer:?}"
        );
    }
}
