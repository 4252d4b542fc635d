//! Who may use named keys, with each call that encrypts or decrypts.

use baleen_kms::KeyName;
use baleen_signing::sign::Signer;
use baleen_types::AccountId;

use crate::harness::{
    ARCHIVIST, Answer, Ask, By, OWNER, PORTER, READER, SCRIBE, SEALER, STRANGER, Server, delete, get, head, key,
    policy, post, put, statement,
};

const SSE: &str = "x-amz-server-side-encryption";
const NAMED: &str = "x-amz-server-side-encryption-aws-kms-key-id";
const SOURCE: &str = "x-amz-copy-source";

/// Who asks, by letters: owner, porter, scribe, reader, archivist, sealer; and a stranger and nobody, whom the bucket's policy
/// lets do everything.
const ASKERS: [(char, Option<Signer<'static>>); 8] = [
    ('o', Some(OWNER)),
    ('p', Some(PORTER)),
    ('s', Some(SCRIBE)),
    ('r', Some(READER)),
    ('a', Some(ARCHIVIST)),
    ('e', Some(SEALER)),
    ('x', Some(STRANGER)),
    ('n', None),
];

/// Two open buckets, of which `sealed` has the key `evidence` as its default, with an object under each kind of key.
async fn server() -> Server {
    let server = Server::with_bucket().await;
    let me = AccountId::parse("100000000001").unwrap();
    let kms = server.objects.kms();
    kms.create(me, &KeyName::parse("evidence").unwrap(), "").await.unwrap();
    server.ok(put("/sealed")).await;
    for bucket in ["bucket", "sealed"] {
        let all = [bucket.to_owned(), format!("{bucket}/*")];
        let all = all.map(|resource| statement("Allow", "\"*\"", "s3:*", &resource));
        let all = policy(&[&all[0], &all[1]]);
        server.ok(put(&format!("/{bucket}?policy")).body(all)).await;
    }
    let by = "ApplyServerSideEncryptionByDefault";
    let default = format!(
        "<ServerSideEncryptionConfiguration><Rule><{by}><SSEAlgorithm>aws:kms</SSEAlgorithm>\
         <KMSMasterKeyID>evidence</KMSMasterKeyID></{by}></Rule></ServerSideEncryptionConfiguration>"
    );
    server.ok(put("/sealed?encryption").body(default)).await;
    server.ok(named(put(&key("named"))).body("data")).await;
    server
        .ok(put(&key("of-account")).header(SSE, "aws:kms").body("data"))
        .await;
    server.ok(put(&key("plain")).body("data")).await;
    server
}

fn named(ask: Ask) -> Ask {
    ask.header(SSE, "aws:kms").header(NAMED, "alias/evidence")
}

fn copy(from: &str, to: &str) -> Ask {
    put(&key(to)).header(SOURCE, &format!("/bucket/{from}"))
}

async fn send(server: &Server, who: Option<Signer<'static>>, ask: Ask) -> Answer {
    match who {
        Some(signer) => server.send_as(signer, ask).await,
        None => server.send_by(By::Nobody, ask).await,
    }
}

/// Whom the call is allowed, by their letters.
async fn allowed(server: &Server, ask: impl AsyncFn() -> Ask) -> String {
    let mut letters = String::new();
    for (letter, who) in ASKERS {
        let ask = ask().await;
        let shown = format!("{letter}: {} {}", ask.method, ask.target);
        let answer = send(server, who, ask).await;
        match answer.status.as_u16() {
            200..300 => letters.push(letter),
            403 => {}
            other => panic!("{shown}: {other} {answer:?}"),
        }
    }
    letters
}

/// Begins an upload as the owner, with a part; tells its id and the tag of the part.
async fn begun(server: &Server, create: Ask) -> (String, String) {
    let create = create.header("x-amz-checksum-algorithm", "CRC32");
    let id = server.ok(create).await.element("UploadId");
    let part = put(&format!("{}?partNumber=1&uploadId={id}", key("parts"))).body("part");
    let tag = server.ok(part).await.header("etag");
    (id, tag)
}

fn create() -> Ask {
    post(&format!("{}?uploads", key("parts")))
}

fn complete((id, tag): &(String, String)) -> Ask {
    post(&format!("{}?uploadId={id}", key("parts"))).body(format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{tag}</ETag></Part></CompleteMultipartUpload>"
    ))
}

#[tokio::test]
async fn a_named_key_is_for_who_may_use_it_too() {
    let server = server().await;
    let attributes =
        |names: &str| get(&format!("{}?attributes", key("named"))).header("x-amz-object-attributes", names);
    let open = begun(&server, named(create())).await;
    let plain = begun(&server, create()).await;
    let part = |of: &(String, String)| put(&format!("{}?partNumber=2&uploadId={}", key("parts"), of.0));
    let parts = |of: &(String, String)| get(&format!("{}?uploadId={}", key("parts"), of.0));
    let with_mode = |ask: Ask| ask.header("x-amz-checksum-mode", "ENABLED");
    let writes = "osae";
    let reads = "orae";
    for (ask, who) in [
        (named(put(&key("new"))).body("data"), writes),
        (put("/sealed/new").body("data"), writes),
        (put("/sealed/new").header(SSE, "aws:kms").body("data"), writes),
        (named(create()), writes),
        (post("/sealed/new?uploads"), writes),
        (named(copy("plain", "new")), writes),
        (put("/sealed/new").header(SOURCE, "/bucket/plain"), writes),
        (put("/sealed/new").header(SSE, "AES256").body("data"), "opsraexn"),
        (get(&key("named")), reads),
        (get(&key("named")).header("range", "bytes=1-2"), reads),
        (get(&format!("{}?partNumber=1", key("named"))), reads),
        (with_mode(get(&key("named"))), reads),
        // What is not of the bytes is no business of the key.
        (head(&key("named")), "opsraexn"),
        (with_mode(head(&key("named"))), reads),
        (attributes("ETag,ObjectSize,StorageClass"), "opsraexn"),
        (attributes("Checksum"), reads),
        (attributes("ObjectParts"), reads),
        (get(&format!("{}?tagging", key("named"))), "opsraexn"),
        (copy("named", "new"), reads),
        (named(copy("named", "new")), "oae"),
        (part(&open).body("part"), reads),
        (part(&open).header(SOURCE, "/bucket/plain"), reads),
        (part(&plain).header(SOURCE, "/bucket/named"), reads),
        (parts(&open), reads),
        (parts(&plain), "opsraexn"),
    ] {
        let shown = format!("{} {} {:?}", ask.method, ask.target, ask.headers);
        assert_eq!(allowed(&server, async || ask.clone()).await, who, "{shown}");
    }
    let completed = allowed(&server, async || complete(&begun(&server, named(create())).await)).await;
    assert_eq!(completed, reads);
    // It is neither opened nor sealed anew.
    let renamed = allowed(&server, async || {
        server.ok(named(put(&key("named"))).body("data")).await;
        put(&format!("{}?renameObject", key("other"))).header("x-amz-rename-source", "/bucket/named")
    });
    assert_eq!(renamed.await, "opsraexn");
    assert_eq!(allowed(&server, async || delete(&key("other"))).await, "opsraexn");
}

#[tokio::test]
async fn the_key_that_an_account_has_is_for_all_of_it() {
    let server = server().await;
    let own = "opsra";
    for (ask, who) in [
        (put(&key("new")).header(SSE, "aws:kms").body("data"), own),
        (get(&key("of-account")), own),
        (copy("of-account", "new"), own),
        (head(&key("of-account")), "opsraexn"),
    ] {
        let shown = format!("{} {} {:?}", ask.method, ask.target, ask.headers);
        assert_eq!(allowed(&server, async || ask.clone()).await, who, "{shown}");
    }
}

#[tokio::test]
async fn who_is_refused_a_key_is_told_what_is_missing() {
    let server = server().await;
    let write = || named(put(&key("new"))).body("data");
    let of = |name: &str| format!("arn:aws:kms:eu-central-7:100000000001:key/{name}");
    let evidence = of("evidence");
    for (who, ask, message) in [
        (
            PORTER,
            write(),
            format!(
                "User: arn:aws:iam::100000000001:user/somebody@example.com is not authorized to perform: \
                 kms:GenerateDataKey on resource: {evidence} because no identity-based policy allows the \
                 kms:GenerateDataKey action"
            ),
        ),
        (
            SCRIBE,
            get(&key("named")),
            format!("kms:Decrypt on resource: {evidence} because no identity-based policy allows"),
        ),
        (
            SEALER,
            get(&key("of-account")),
            format!("{} with an explicit deny in an identity-based policy", of("aws/s3")),
        ),
        (
            STRANGER,
            get(&key("named")),
            format!("{evidence} because no resource-based policy allows"),
        ),
    ] {
        let answer = server.send_as(who, ask).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "AccessDenied"));
        assert!(answer.text().contains(&message), "{}", answer.text());
        let told = server.book.0.lock().unwrap().pop().unwrap();
        assert_eq!(told.deed.unwrap().verdict, baleen_http::Verdict::Denied);
    }
    // Nobody is told of keys, and what is refused is not written.
    let answer = server.send_by(By::Nobody, write()).await;
    assert!(!answer.text().contains("evidence"), "{}", answer.text());
    assert_eq!(server.stored("new").await, None);
    // That there is no such key is told to who may write; nothing is asked of it.
    let none = || put(&key("new")).header(SSE, "aws:kms").header(NAMED, "none");
    let answer = server.send_as(STRANGER, none().body("data")).await;
    assert_eq!(answer.status.as_u16(), 403, "{answer:?}");
    server.fails(none().body("data"), 400, "KMS.NotFoundException").await;
}

#[tokio::test]
async fn logs_are_put_under_a_key_that_their_grantee_may_use() {
    let server = server().await;
    let set = |who: Signer<'_>| {
        put("/bucket?logging").body(format!(
            "<BucketLoggingStatus><LoggingEnabled><TargetBucket>sealed</TargetBucket><TargetPrefix>of/</TargetPrefix>\
             <TargetGrants><Grant><Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"AccessKey\">\
             <ID>{}</ID></Grantee></Grant></TargetGrants></LoggingEnabled></BucketLoggingStatus>",
            who.access_key_id
        ))
    };
    let refused = server.fails(set(PORTER), 400, "InvalidTargetBucketForLogging").await;
    assert!(refused.text().contains("kms:GenerateDataKey"), "{}", refused.text());
    server.ok(set(SCRIBE)).await;
    server.ok(get(&key("plain"))).await;
    server.door.deliver_logs().await.unwrap();
}
