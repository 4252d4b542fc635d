//! F5, F20, F29: random keys by every way that a key comes, and documents with random damage.

use baleen_signing::encode_path;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::{Builder, Runtime};

use crate::harness::{Ask, OWNER, Server, delete, get, key, post, put};

pub(crate) fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// As many cases as `PROPTEST_CASES` says, or a few.
pub(crate) fn runner(cases: u32) -> TestRunner {
    let wanted = std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok());
    TestRunner::new(Config {
        cases: wanted.unwrap_or(cases),
        failure_persistence: None,
        ..Config::default()
    })
}

/// Ways by which a key comes to be written.
#[derive(Clone, Copy, Debug)]
enum Way {
    Url,
    Copy,
    Form,
}

/// A form of nobody, for the bucket whose policy lets nobody write.
fn form(key: &str) -> Ask {
    let head = |name: &str| format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
    let body = format!("{}{key}\r\n{}data\r\n--XX--\r\n", head("key"), head("file"));
    post("/bucket")
        .header("content-type", "multipart/form-data; boundary=XX")
        .body(body)
}

/// Whatever a key looks like, it is the key that is written, read, copied, listed and deleted, and none beside it; or it is
/// refused by each way alike.
#[test]
fn any_key_is_itself_by_every_way() {
    let runtime = runtime();
    let server = runtime.block_on(async {
        let server = Server::with_bucket().await;
        let policy = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*",
            "Action": "s3:PutObject", "Resource": "arn:aws:s3:::bucket/*"}}"#;
        server.ok(put("/bucket?policy").body(policy)).await;
        server.ok(put("/source")).await;
        server.ok(put("/source/data").body("data")).await;
        server
    });
    let keys = prop_oneof![
        r"(\.\.|\.|/|%2e|%2F|\\|a|b){1,8}",
        "\\PC{1,30}",
        r#"[&<>"' +%#?=;:\x00-\x20a]{1,12}"#,
        "k{1020,1030}",
    ];
    let ways = prop_oneof![Just(Way::Url), Just(Way::Copy), Just(Way::Form)];
    let checked = runner(120).run(&(keys, ways), |(name, way)| {
        // A field ends where its line does, and a name of the file would be put into the key.
        prop_assume!(!name.contains("\r\n--XX") && !name.contains("${filename}"));
        runtime.block_on(async {
            let answer = match way {
                Way::Url => server.send(put(&key(&name)).body("data")).await,
                Way::Copy => {
                    let to = server
                        .send(put("/source/copied").header("x-amz-copy-source", "/source/data"))
                        .await;
                    assert!(to.status.is_success());
                    server
                        .send(put(&key(&name)).header("x-amz-copy-source", "/source/copied"))
                        .await
                }
                Way::Form => server.raw(form(&name)).await,
            };
            let is_stored = answer.status.is_success();
            assert!(
                is_stored || answer.status.is_client_error(),
                "{name:?} {way:?} {answer:?}"
            );
            if !is_stored {
                assert!(server.stored_keys().await.is_empty(), "{name:?} {way:?}");
                return;
            }
            assert_eq!(server.stored_keys().await, std::slice::from_ref(&name), "{way:?}");
            assert_eq!(server.ok(get(&key(&name))).await.body, b"data", "{name:?}");
            // As the source of a copy, and back by a document.
            let source = format!("/bucket/{}", encode_path(&name));
            server
                .ok(put("/source/back").header("x-amz-copy-source", &source))
                .await;
            assert_eq!(server.ok(get("/source/back")).await.body, b"data", "{name:?}");
            let listed = server
                .ok(get("/bucket?list-type=2&encoding-type=url"))
                .await
                .element("Key");
            let listed = percent_decoded(&listed);
            assert_eq!(listed, name, "{way:?}");
            let is_xml = name
                .chars()
                .all(|c| !c.is_control() && c != '\u{fffe}' && c != '\u{ffff}');
            if is_xml {
                let text = name.replace('&', "&amp;").replace('<', "&lt;");
                let document = format!("<Delete><Object><Key>{text}</Key></Object></Delete>");
                server.ok(post("/bucket?delete").body(document)).await;
            } else {
                server.ok(delete(&key(&name))).await;
            }
            assert!(server.stored_keys().await.is_empty(), "{name:?}");
        });
        Ok(())
    });
    checked.unwrap();
}

fn percent_decoded(text: &str) -> String {
    // A plus is a space where names are encoded for XML, as AWS does.
    let spaced = text.replace('+', " ");
    let bytes = spaced.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'%' {
            out.push(u8::from_str_radix(&spaced[at + 1..at + 3], 16).unwrap());
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(out).unwrap()
}

/// Documents of operations, each right as it is.
const DOCUMENTS: [(&str, &str); 15] = [
    (
        "PUT /bucket?lifecycle",
        "<LifecycleConfiguration><Rule><ID>a</ID><Status>Enabled</Status><Filter><Prefix>absent/</Prefix></Filter><Expiration>\
         <Days>1</Days></Expiration></Rule></LifecycleConfiguration>",
    ),
    (
        "POST /bucket?delete",
        "<Delete><Quiet>true</Quiet><Object><Key>absent</Key><VersionId>null</VersionId></Object></Delete>",
    ),
    (
        "PUT /bucket?tagging",
        "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>",
    ),
    (
        "PUT /bucket/k?tagging",
        "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>",
    ),
    (
        "PUT /bucket?versioning",
        "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>",
    ),
    (
        "PUT /bucket?cors",
        "<CORSConfiguration><CORSRule><ID>a</ID><AllowedOrigin>http://a</AllowedOrigin><AllowedMethod>GET</AllowedMethod>\
         <AllowedHeader>*</AllowedHeader><ExposeHeader>x-a</ExposeHeader><MaxAgeSeconds>3</MaxAgeSeconds></CORSRule></CORSConfiguration>",
    ),
    (
        "PUT /bucket?policy",
        r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": ["s3:GetObject"],
            "Resource": "arn:aws:s3:::bucket/a/*", "Condition": {"IpAddress": {"aws:SourceIp": ["10.0.0.0/8"]}}}]}"#,
    ),
    (
        "PUT /bucket?publicAccessBlock",
        "<PublicAccessBlockConfiguration><BlockPublicAcls>false</BlockPublicAcls></PublicAccessBlockConfiguration>",
    ),
    (
        "PUT /bucket?ownershipControls",
        "<OwnershipControls><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule></OwnershipControls>",
    ),
    (
        "PUT /bucket?acl",
        "<AccessControlPolicy><Owner><ID>1</ID></Owner><AccessControlList><Grant><Grantee \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"CanonicalUser\"><ID>1</ID></Grantee>\
         <Permission>READ</Permission></Grant></AccessControlList></AccessControlPolicy>",
    ),
    (
        "PUT /bucket?object-lock",
        "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>GOVERNANCE</Mode>\
         <Days>1</Days></DefaultRetention></Rule></ObjectLockConfiguration>",
    ),
    (
        "PUT /bucket/k?retention",
        "<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>2027-01-01T00:00:00Z</RetainUntilDate></Retention>",
    ),
    (
        "PUT /bucket/k?legal-hold",
        "<LegalHold><Status>OFF</Status></LegalHold>",
    ),
    (
        "PUT /new-bucket",
        "<CreateBucketConfiguration><LocationConstraint>eu-central-7</LocationConstraint></CreateBucketConfiguration>",
    ),
    (
        "POST /bucket/k?uploadId=00000000000000000000000000000000",
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>\"a\"</ETag></Part></CompleteMultipartUpload>",
    ),
];

/// What is done to a document.
#[derive(Clone, Debug)]
enum Damage {
    Byte(prop::sample::Index, u8),
    Insert(prop::sample::Index, &'static str),
    Remove(prop::sample::Index, prop::sample::Index),
    Repeat(prop::sample::Index, prop::sample::Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let places = || (any::<prop::sample::Index>(), any::<prop::sample::Index>());
    let words = prop_oneof![
        Just("<!DOCTYPE a [<!ENTITY b \"c\">]>"),
        Just("&b;"),
        Just("&#0;"),
        Just("&#x110000;"),
        Just("<![CDATA[]]>"),
        Just("<a>"),
        Just("</a>"),
        Just("<a/>"),
        Just("<?a b?>"),
        Just("<!--"),
        Just("]]>"),
        Just("-1"),
        Just("1e999"),
        Just("99999999999999999999"),
        Just("\u{0}"),
        Just("\u{feff}"),
        Just("[["),
        Just("{\"a\":"),
        Just("\\ud800"),
        Just("null"),
    ];
    prop_oneof![
        (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Byte(at, byte)),
        (any::<prop::sample::Index>(), words).prop_map(|(at, word)| Damage::Insert(at, word)),
        places().prop_map(|(from, to)| Damage::Remove(from, to)),
        places().prop_map(|(from, to)| Damage::Repeat(from, to)),
    ]
}

impl Damage {
    fn apply(&self, text: &mut Vec<u8>) {
        let range = |from: &prop::sample::Index, to: &prop::sample::Index, len: usize| {
            let (from, to) = (from.index(len), to.index(len));
            from.min(to)..from.max(to)
        };
        if text.is_empty() {
            return;
        }
        match self {
            Self::Byte(at, byte) => {
                let at = at.index(text.len());
                text[at] = *byte;
            }
            Self::Insert(at, word) => {
                let at = at.index(text.len());
                text.splice(at..at, word.bytes());
            }
            Self::Remove(from, to) => drop(text.drain(range(from, to, text.len()))),
            Self::Repeat(from, to) => {
                let range = range(from, to, text.len());
                let (end, piece) = (range.end, text[range].to_vec());
                text.splice(end..end, piece);
            }
        }
    }
}

/// However a document is damaged, it is taken or refused, with an answer that is a document itself; and no object is lost.
#[test]
fn damaged_documents_are_judged() {
    let runtime = runtime();
    let server = runtime.block_on(async {
        let server = Server::with_bucket().await;
        server.ok(put(&key("k")).body("data")).await;
        server
    });
    let strategy = (0..DOCUMENTS.len(), proptest::collection::vec(damage(), 0..4));
    let checked = runner(400).run(&strategy, |(index, damages)| {
        let (target, document) = DOCUMENTS[index];
        let (method, target) = target.split_once(' ').unwrap();
        let mut body = document.as_bytes().to_vec();
        for damage in &damages {
            damage.apply(&mut body);
        }
        let make = if method == "PUT" { put } else { post };
        runtime.block_on(async {
            let answer = server.send_as(OWNER, make(target).body(&body)).await;
            let shown = String::from_utf8_lossy(&body).into_owned();
            assert!(
                !answer.status.is_server_error() || answer.code() == "NotImplemented",
                "{shown} {answer:?}"
            );
            // Past the door, so that no policy that was taken meanwhile keeps out who looks.
            assert_eq!(server.stored("k").await.as_deref(), Some(&b"data"[..]), "{shown}");
        });
        Ok(())
    });
    checked.unwrap();
}
