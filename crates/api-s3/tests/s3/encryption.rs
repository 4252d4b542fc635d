//! Encryption in headers and documents: SSE-S3, SSE-C, and the default of a bucket.

use std::time::Duration;

use baleen_http::Door as _;
use baleen_kms::KeyName;
use baleen_policy::Origin;
use baleen_signing::PayloadMode;
use baleen_types::AccountId;

use crate::harness::{Answer, Ask, CLERK, OWNER, Server, delete, get, head, key, owner, policy, post, put, statement};

const SSE: &str = "x-amz-server-side-encryption";
const CUSTOMER_ALGORITHM: &str = "x-amz-server-side-encryption-customer-algorithm";
const CUSTOMER_MD5: &str = "x-amz-server-side-encryption-customer-key-md5";

/// Two keys, 32 times `k` and 32 times `o`, with their MD5s.
const KEY: (&str, &str) = (
    "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=",
    "mT2HRsMGJ5IX5C+0rreZ8Q==",
);
const OTHER: (&str, &str) = (
    "b29vb29vb29vb29vb29vb29vb29vb29vb29vb29vb28=",
    "PU6HMsdu0iozac5HrrKJcg==",
);

fn with_key(ask: Ask, (key, md5): (&str, &str)) -> Ask {
    keyed(ask, "x-amz-", (key, md5))
}

fn with_source_key(ask: Ask, (key, md5): (&str, &str)) -> Ask {
    keyed(ask, "x-amz-copy-source-", (key, md5))
}

fn keyed(ask: Ask, prefix: &str, (key, md5): (&str, &str)) -> Ask {
    let name = |what: &str| format!("{prefix}server-side-encryption-customer-{what}");
    ask.header(&name("algorithm"), "AES256")
        .header(&name("key"), key)
        .header(&name("key-md5"), md5)
}

/// What an answer tells of encryption.
fn told(answer: &Answer) -> (String, String, String) {
    (
        answer.header(SSE),
        answer.header(CUSTOMER_ALGORITHM),
        answer.header(CUSTOMER_MD5),
    )
}

fn plain() -> (String, String, String) {
    (String::new(), String::new(), String::new())
}

fn managed() -> (String, String, String) {
    ("AES256".to_owned(), String::new(), String::new())
}

fn customer() -> (String, String, String) {
    (String::new(), "AES256".to_owned(), KEY.1.to_owned())
}

#[tokio::test]
async fn keys_of_the_store_are_told_of_wherever_an_object_is() {
    let server = Server::with_bucket().await;
    let answer = server.ok(put(&key("plain")).body("data")).await;
    assert_eq!(told(&answer), plain());
    let answer = server.ok(put(&key("k")).header(SSE, "AES256").body("data")).await;
    assert_eq!(told(&answer), managed());
    assert_eq!(answer.header("etag"), "\"8d777f385d3dfec8815d20f7496026dc\"");
    for ask in [
        get(&key("k")),
        head(&key("k")),
        get(&key("k")).header("range", "bytes=1-2"),
    ] {
        assert_eq!(told(&server.ok(ask).await), managed());
    }
    assert_eq!(server.ok(get(&key("k"))).await.body, b"data");
    assert_eq!(told(&server.ok(get(&key("plain"))).await), plain());
    // A copy is kept as it is asked for, not as its source.
    let copy = |to: &str| put(&key(to)).header("x-amz-copy-source", "/bucket/k");
    assert_eq!(told(&server.ok(copy("copy")).await), plain());
    assert_eq!(told(&server.ok(copy("copy").header(SSE, "AES256")).await), managed());
    assert_eq!(server.ok(get(&key("copy"))).await.body, b"data");
    server.fails(copy("k"), 400, "InvalidRequest").await;
    assert_eq!(told(&server.ok(copy("k").header(SSE, "AES256")).await), managed());

    let upload = post(&format!("{}?uploads", key("parts"))).header(SSE, "AES256");
    let begun = server.ok(upload).await;
    assert_eq!(told(&begun), managed());
    let id = begun.element("UploadId");
    let part = |n: u8| put(&format!("{}?partNumber={n}&uploadId={id}", key("parts")));
    let answer = server.ok(part(1).body("part")).await;
    assert_eq!(told(&answer), managed());
    let copied = server.ok(part(2).header("x-amz-copy-source", "/bucket/k")).await;
    assert_eq!(told(&copied), managed());
    let list = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{}</ETag></Part></CompleteMultipartUpload>",
        answer.header("etag")
    );
    let complete = post(&format!("{}?uploadId={id}", key("parts"))).body(list);
    assert_eq!(told(&server.ok(complete.clone()).await), managed());
    assert_eq!(told(&server.ok(complete).await), managed());
    assert_eq!(told(&server.ok(head(&key("parts"))).await), managed());
    assert_eq!(server.ok(get(&key("parts"))).await.body, b"part");
}

#[tokio::test]
async fn a_default_holds_for_what_is_written_after_it() {
    let server = Server::with_bucket().await;
    let code = "ServerSideEncryptionConfigurationNotFoundError";
    server.fails(get("/bucket?encryption"), 404, code).await;
    server.ok(put(&key("before")).body("data")).await;
    let document = |within: &str| {
        put("/bucket?encryption").body(format!(
            "<ServerSideEncryptionConfiguration>{within}</ServerSideEncryptionConfiguration>"
        ))
    };
    let default = |within: &str| {
        let by = "ApplyServerSideEncryptionByDefault";
        format!("<Rule><{by}>{within}</{by}><BucketKeyEnabled>true</BucketKeyEnabled></Rule>")
    };
    let aes = default("<SSEAlgorithm>AES256</SSEAlgorithm>");
    for (within, status, code) in [
        (String::new(), 400, "MalformedXML"),
        ("<Rule></Rule>".to_owned(), 400, "MalformedXML"),
        (format!("{aes}{aes}"), 400, "MalformedXML"),
        (default("<SSEAlgorithm>AES128</SSEAlgorithm>"), 400, "MalformedXML"),
        (
            default("<SSEAlgorithm>AES256</SSEAlgorithm><KMSMasterKeyID>k</KMSMasterKeyID>"),
            400,
            "InvalidArgument",
        ),
    ] {
        server.fails(document(&within), status, code).await;
    }
    server.ok(document(&aes)).await;
    let kept = server.ok(get("/bucket?encryption")).await;
    assert_eq!(kept.element("SSEAlgorithm"), "AES256");
    assert_eq!(kept.element("BucketKeyEnabled"), "true");
    assert_eq!(told(&server.ok(put(&key("after")).body("data")).await), managed());
    assert_eq!(told(&server.ok(get(&key("before"))).await), plain());
    // What a write says goes before.
    let own = with_key(put(&key("own")).body("data"), KEY);
    assert_eq!(told(&server.ok(own).await), customer());
    // The headers of an object that is copied onto itself: it is sealed then, as everything that is written.
    let restated = put(&key("before"))
        .header("x-amz-copy-source", "/bucket/before")
        .header("x-amz-metadata-directive", "REPLACE");
    assert_eq!(told(&server.ok(restated).await), managed());
    assert_eq!(told(&server.ok(head(&key("before"))).await), managed());
    assert_eq!(server.send(delete("/bucket?encryption")).await.status.as_u16(), 204);
    server.fails(get("/bucket?encryption"), 404, code).await;
    assert_eq!(told(&server.ok(put(&key("later")).body("data")).await), plain());
    assert_eq!(server.ok(get(&key("after"))).await.body, b"data");
}

#[tokio::test]
async fn who_brings_no_key_learns_nothing_and_who_brings_it_has_it_all() {
    let server = Server::with_bucket().await;
    let stored = server.ok(with_key(put(&key("k")).body("data"), KEY)).await;
    assert_eq!(told(&stored), customer());
    let tag = stored.header("etag");
    assert_ne!(tag, "\"8d777f385d3dfec8815d20f7496026dc\"");
    assert_eq!(told(&server.ok(with_key(get(&key("k")), KEY)).await), customer());
    assert_eq!(server.ok(with_key(get(&key("k")), KEY)).await.body, b"data");
    let attributes = || get(&format!("{}?attributes", key("k"))).header("x-amz-object-attributes", "ObjectSize,ETag");
    server.ok(with_key(attributes(), KEY)).await;
    let conditions = [
        ("if-match", tag.as_str()),
        ("if-match", "\"00000000000000000000000000000000\""),
        ("if-none-match", tag.as_str()),
        ("if-modified-since", "Fri, 02 Jan 2026 03:04:05 GMT"),
        ("if-unmodified-since", "Fri, 02 Jan 2020 03:04:05 GMT"),
        ("range", "bytes=1-2"),
        ("range", "bytes=100-"),
    ];
    for ask in [get(&key("k")), head(&key("k")), attributes()] {
        for (name, value) in conditions
            .into_iter()
            .map(Some)
            .chain([None])
            .map(|line| line.unwrap_or(("x-amz-meta", "x")))
        {
            let ask = || ask.clone().header(name, value);
            for (ask, status, code) in [
                (ask(), 400, "InvalidRequest"),
                (with_key(ask(), OTHER), 403, "AccessDenied"),
            ] {
                let shown = format!("{} {} {name}: {value}", ask.method, ask.target);
                let is_head = ask.method == http::Method::HEAD;
                let answer = server.send(ask).await;
                assert_eq!(answer.status.as_u16(), status, "{shown}");
                assert!(is_head || answer.code() == code, "{shown}: {answer:?}");
                for header in [
                    "etag",
                    "last-modified",
                    "content-range",
                    CUSTOMER_MD5,
                    "x-amz-checksum-crc64nvme",
                ] {
                    assert_eq!(answer.header(header), "", "{shown}");
                }
            }
        }
    }
    // A key for what has none.
    server.ok(put(&key("plain")).body("data")).await;
    server.ok(put(&key("managed")).header(SSE, "AES256").body("data")).await;
    for name in ["plain", "managed"] {
        server
            .fails(with_key(get(&key(name)), KEY), 400, "InvalidRequest")
            .await;
        assert_eq!(server.send(with_key(head(&key(name)), KEY)).await.status.as_u16(), 400);
    }
    // It is gone without its key, as it is listed without.
    assert!(server.ok(get("/bucket")).await.text().contains("<Key>k</Key>"));
    server.ok(delete(&key("k"))).await;
}

#[tokio::test]
async fn copies_need_the_key_of_their_source() {
    let server = Server::with_bucket().await;
    server.ok(with_key(put(&key("k")).body("data"), KEY)).await;
    let copy = |to: &str| put(&key(to)).header("x-amz-copy-source", "/bucket/k");
    for if_match in [
        "\"00000000000000000000000000000000\"",
        "\"8d777f385d3dfec8815d20f7496026dc\"",
    ] {
        for name in ["x-amz-copy-source-if-match", "x-amz-copy-source-if-none-match"] {
            let ask = copy("to").header(name, if_match);
            server.fails(ask.clone(), 400, "InvalidRequest").await;
            server.fails(with_source_key(ask, OTHER), 403, "AccessDenied").await;
        }
    }
    server.fails(copy("to"), 400, "InvalidRequest").await;
    server.fails(with_key(copy("to"), KEY), 400, "InvalidRequest").await;
    assert_eq!(told(&server.ok(with_source_key(copy("to"), KEY)).await), plain());
    assert_eq!(server.ok(get(&key("to"))).await.body, b"data");
    // Under another key, in place.
    let answer = server.ok(with_key(with_source_key(copy("k"), KEY), OTHER)).await;
    assert_eq!(answer.header(CUSTOMER_MD5), OTHER.1);
    server.fails(with_key(get(&key("k")), KEY), 403, "AccessDenied").await;
    assert_eq!(server.ok(with_key(get(&key("k")), OTHER)).await.body, b"data");

    let upload = with_key(post(&format!("{}?uploads", key("parts"))), KEY);
    let begun = server.ok(upload).await;
    assert_eq!(told(&begun), customer());
    let id = begun.element("UploadId");
    let part = |n: u8| put(&format!("{}?partNumber={n}&uploadId={id}", key("parts")));
    server.fails(part(1).body("part"), 400, "InvalidRequest").await;
    server
        .fails(with_key(part(1).body("part"), OTHER), 400, "InvalidRequest")
        .await;
    server
        .fails(part(1).header(SSE, "AES256").body("part"), 400, "InvalidArgument")
        .await;
    assert_eq!(told(&server.ok(with_key(part(1).body("part"), KEY)).await), customer());
    let copied = part(2).header("x-amz-copy-source", "/bucket/k");
    server.fails(with_key(copied.clone(), KEY), 400, "InvalidRequest").await;
    server
        .fails(with_source_key(copied.clone(), OTHER), 400, "InvalidRequest")
        .await;
    let answer = server.ok(with_key(with_source_key(copied, OTHER), KEY)).await;
    assert_eq!(told(&answer), customer());
    let list = format!(
        "<CompleteMultipartUpload><Part><PartNumber>2</PartNumber><ETag>{}</ETag></Part></CompleteMultipartUpload>",
        answer.element("ETag")
    );
    let complete = post(&format!("{}?uploadId={id}", key("parts"))).body(list);
    server
        .fails(with_key(complete.clone(), OTHER), 400, "InvalidRequest")
        .await;
    // Of bytes that a key hides nothing is told to who does not send it, neither the first time nor when it is asked again.
    let checksums = ["ChecksumCRC64NVME", "ChecksumType"];
    for _ in 0..2 {
        let done = server.ok(complete.clone()).await;
        assert_eq!(checksums.map(|name| done.element(name)), ["", ""], "{}", done.text());
    }
    let done = server.ok(with_key(complete.clone(), KEY)).await;
    assert_eq!(done.element("ChecksumType"), "FULL_OBJECT", "{}", done.text());
    server.fails(with_key(complete, OTHER), 403, "AccessDenied").await;
    assert_eq!(server.ok(with_key(get(&key("parts")), KEY)).await.body, b"data");
}

/// As with AWS: who began an upload with a key and a checksum of its own choice completes it with the key.
#[tokio::test]
async fn an_upload_with_a_chosen_checksum_is_completed_with_its_key() {
    let server = Server::with_bucket().await;
    let upload = post(&format!("{}?uploads", key("k"))).header("x-amz-checksum-algorithm", "CRC32");
    let id = server.ok(with_key(upload, KEY)).await.element("UploadId");
    let part = put(&format!("{}?partNumber=1&uploadId={id}", key("k"))).body("data");
    let tag = server.ok(with_key(part, KEY)).await.header("etag");
    let list = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{tag}</ETag></Part></CompleteMultipartUpload>"
    );
    let complete = post(&format!("{}?uploadId={id}", key("k"))).body(list);
    server.fails(complete.clone(), 400, "InvalidRequest").await;
    server
        .fails(with_key(complete.clone(), OTHER), 400, "InvalidRequest")
        .await;
    let done = server.ok(with_key(complete, KEY)).await;
    assert_eq!(done.element("ChecksumType"), "COMPOSITE", "{}", done.text());
}

#[tokio::test]
async fn a_key_may_come_with_a_link_and_only_as_it_was_signed() {
    let server = Server::with_bucket().await;
    server.ok(with_key(put(&key("k")).body("data"), KEY)).await;
    let link = |ask: Ask| ask.presigned(OWNER, PayloadMode::Unsigned, server.now(), Duration::from_mins(1));
    let answer = server.raw(link(with_key(get(&key("k")), KEY))).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_slice()), (200, &b"data"[..]));
    // Added to a link that was signed without.
    let answer = server.raw(with_key(link(get(&key("k"))), KEY)).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "AccessDenied"));
    let choice = link(put(&key("new")).body("data")).header(SSE, "AES256");
    assert_eq!(server.raw(choice).await.code(), "AccessDenied");
    assert_eq!(server.stored("new").await, None);
}

/// AWS's examples of policies that demand encryption.
#[tokio::test]
async fn policies_can_demand_encryption() {
    let server = Server::with_bucket().await;
    let on = |effect: &str, condition: &str| {
        let statement = statement(effect, "\"*\"", "s3:PutObject", "bucket/*");
        format!("{statement}, \"Condition\": {{{condition}}}")
    };
    let clerk = |ask: Ask| server.send_as(CLERK, ask);
    for (deny, cases) in [
        (
            r#""StringNotEquals": {"s3:x-amz-server-side-encryption": "AES256"}"#,
            [403, 200, 403],
        ),
        (
            r#""Null": {"s3:x-amz-server-side-encryption-customer-algorithm": "true"}"#,
            [403, 403, 200],
        ),
        (
            r#""Null": {"s3:x-amz-server-side-encryption-aws-kms-key-id": "false"}"#,
            [200, 200, 200],
        ),
    ] {
        let allow = statement("Allow", "\"*\"", "s3:PutObject", "bucket/*");
        server
            .ok(put("/bucket?policy").body(policy(&[&allow, &on("Deny", deny)])))
            .await;
        let asks = [
            put(&key("k")).body("data"),
            put(&key("k")).header(SSE, "AES256").body("data"),
            with_key(put(&key("k")).body("data"), KEY),
        ];
        for (ask, status) in asks.into_iter().zip(cases) {
            assert_eq!(clerk(ask).await.status.as_u16(), status, "{deny}");
        }
        let named = put(&key("k"))
            .header("x-amz-server-side-encryption-aws-kms-key-id", "k")
            .body("data");
        assert!(!clerk(named).await.status.is_success());
    }
}

#[tokio::test]
async fn what_cannot_be_obeyed_is_refused() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("k")).body("data")).await;
    for ask in [get(&key("k")), head(&key("k"))] {
        let answer = server.send(ask.header(SSE, "AES256")).await;
        assert_eq!(answer.status.as_u16(), 400);
    }
    let twice = put(&key("new"))
        .header(SSE, "AES256")
        .header(SSE, "AES256")
        .body("data");
    server.fails(twice, 400, "InvalidRequest").await;
    let both = with_key(put(&key("new")).header(SSE, "AES256").body("data"), KEY);
    server.fails(both, 400, "InvalidArgument").await;
    let wrong_md5 = with_key(put(&key("new")).body("data"), (KEY.0, OTHER.1));
    server.fails(wrong_md5, 400, "InvalidArgument").await;
    assert_eq!(server.stored("new").await, None);
}

/// AWS takes keys over TLS only; an operator who has it in front may have that here too.
#[tokio::test]
async fn keys_in_the_clear_are_refused_where_the_operator_says_so() {
    let server = Server::with(|settings| settings.secure_keys_only = true);
    server.ok(put("/bucket")).await;
    server.ok(put(&key("k")).header(SSE, "AES256").body("data")).await;
    let copy = put(&key("to")).header("x-amz-copy-source", "/bucket/k");
    for ask in [
        with_key(put(&key("new")).body("data"), KEY),
        with_key(get(&key("k")), KEY),
        with_source_key(copy, KEY),
    ] {
        let answer = server.fails(ask, 400, "InvalidRequest").await;
        assert!(answer.text().contains("secure connection"), "{}", answer.text());
    }
    let link = get(&format!("{}?x-amz-server-side-encryption-customer-key=x", key("k")));
    let link = link.presigned(OWNER, PayloadMode::Unsigned, server.now(), Duration::from_mins(1));
    assert_eq!(server.raw(link).await.code(), "InvalidRequest");
    // What a trusted proxy has taken off its TLS is secure.
    let mut request = with_key(put(&key("new")).body("data"), KEY).build();
    request.extensions_mut().insert(Origin {
        source: [192, 0, 2, 1].into(),
        peer: ([127, 0, 0, 1], 1).into(),
        is_secure: true,
    });
    request.extensions_mut().insert(owner().await);
    let answer = server.door.serve(request).await;
    assert_eq!(answer.status().as_u16(), 200);
}

fn with_named(ask: Ask, named: &str) -> Ask {
    ask.header(SSE, "aws:kms")
        .header("x-amz-server-side-encryption-aws-kms-key-id", named)
}

#[tokio::test]
async fn named_keys() {
    let server = Server::with_bucket().await;
    let (kms, me) = (server.objects.kms(), AccountId::parse("100000000001").unwrap());
    let evidence = KeyName::parse("evidence").unwrap();
    kms.create(me, &evidence, "").await.unwrap();
    let arn = |name: &str| format!("arn:aws:kms:eu-central-7:{me}:key/{name}");
    let used = |answer: &Answer| {
        (
            answer.header(SSE),
            answer.header("x-amz-server-side-encryption-aws-kms-key-id"),
            answer.header("x-amz-server-side-encryption-bucket-key-enabled"),
        )
    };
    let by = |name: &str| ("aws:kms".to_owned(), arn(name), String::new());
    let own = arn("evidence");
    for named in ["evidence", "alias/evidence", own.as_str()] {
        let answer = server.ok(with_named(put(&key("k")).body("data"), named)).await;
        assert_eq!(used(&answer), by("evidence"), "{named}");
        assert_ne!(answer.header("etag"), "\"8d777f385d3dfec8815d20f7496026dc\"");
        for ask in [get(&key("k")), head(&key("k"))] {
            assert_eq!(used(&server.ok(ask).await), by("evidence"));
        }
        assert_eq!(server.ok(get(&key("k"))).await.body, b"data");
    }
    let foreign = "arn:aws:kms:eu-central-7:100000000002:key/evidence";
    for named in ["none", "a b", foreign] {
        let answer = server
            .fails(
                with_named(put(&key("new")).body("data"), named),
                400,
                "KMS.NotFoundException",
            )
            .await;
        assert!(answer.text().contains(named), "{}", answer.text());
    }
    // Without a name it is the one that is made by itself.
    let context = "eyJjYXNlIjoiMTcifQ==";
    let unnamed = put(&key("unnamed"))
        .header(SSE, "aws:kms")
        .header("x-amz-server-side-encryption-context", context)
        .header("x-amz-server-side-encryption-bucket-key-enabled", "true")
        .body("data");
    let answer = server.ok(unnamed).await;
    assert_eq!(used(&answer), ("aws:kms".to_owned(), arn("aws/s3"), "true".to_owned()));
    assert_eq!(answer.header("x-amz-server-side-encryption-context"), context);
    assert_eq!(server.ok(get(&key("unnamed"))).await.body, b"data");

    // An upload stays with the version that it was begun with.
    let begun = server
        .ok(with_named(post(&format!("{}?uploads", key("parts"))), "evidence"))
        .await;
    assert_eq!(used(&begun), by("evidence"));
    let part = put(&format!(
        "{}?partNumber=1&uploadId={}",
        key("parts"),
        begun.element("UploadId")
    ));
    kms.rotate(me, &evidence).await.unwrap();
    let tag = server.ok(part.body("part")).await;
    assert_eq!(used(&tag), by("evidence"));
    let list = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{}</ETag></Part></CompleteMultipartUpload>",
        tag.header("etag")
    );
    let complete = post(&format!("{}?uploadId={}", key("parts"), begun.element("UploadId"))).body(list);
    assert_eq!(used(&server.ok(complete).await), by("evidence"));
    assert_eq!(server.ok(get(&key("parts"))).await.body, b"part");
    // What was written before the rotation is read as what is written after it.
    assert_eq!(server.ok(get(&key("k"))).await.body, b"data");

    kms.set_enabled(me, &evidence, false).await.unwrap();
    let copy = put(&key("copy")).header("x-amz-copy-source", "/bucket/k");
    for ask in [
        get(&key("k")),
        with_named(put(&key("new")).body("data"), "evidence"),
        copy.clone(),
        with_named(post(&format!("{}?uploads", key("parts"))), "evidence"),
    ] {
        server.fails(ask, 400, "KMS.DisabledException").await;
    }
    // What is known of it is told, as it is listed.
    server.ok(head(&key("k"))).await;
    kms.set_enabled(me, &evidence, true).await.unwrap();
    assert_eq!(used(&server.ok(copy).await).0, "");
    assert_eq!(server.ok(get(&key("copy"))).await.body, b"data");
}

#[tokio::test]
async fn a_named_key_as_the_default() {
    let server = Server::with_bucket().await;
    let (kms, me) = (server.objects.kms(), AccountId::parse("100000000001").unwrap());
    kms.create(me, &KeyName::parse("evidence").unwrap(), "").await.unwrap();
    let by = "ApplyServerSideEncryptionByDefault";
    let default = |within: &str| {
        put("/bucket?encryption").body(format!(
            "<ServerSideEncryptionConfiguration><Rule><{by}><SSEAlgorithm>aws:kms</SSEAlgorithm>{within}</{by}>\
             <BucketKeyEnabled>true</BucketKeyEnabled></Rule></ServerSideEncryptionConfiguration>"
        ))
    };
    let id = "x-amz-server-side-encryption-aws-kms-key-id";
    for (within, name) in [
        ("", "aws/s3"),
        ("<KMSMasterKeyID>alias/evidence</KMSMasterKeyID>", "evidence"),
    ] {
        server.ok(default(within)).await;
        let kept = server.ok(get("/bucket?encryption")).await;
        assert_eq!(kept.element("SSEAlgorithm"), "aws:kms");
        assert_eq!(kept.text().contains("alias/evidence"), name == "evidence");
        for ask in [
            put(&key("k")).body("data"),
            put(&key("k")).header(SSE, "aws:kms").body("data"),
        ] {
            let answer = server.ok(ask).await;
            assert!(answer.header(id).ends_with(&format!("key/{name}")), "{answer:?}");
            assert_eq!(answer.header("x-amz-server-side-encryption-bucket-key-enabled"), "true");
        }
        assert_eq!(server.ok(get(&key("k"))).await.body, b"data");
    }
    assert_eq!(
        told(&server.ok(put(&key("k")).header(SSE, "AES256").body("data")).await),
        managed()
    );
}

/// What takes no key does nothing with what needs one.
#[tokio::test]
async fn an_object_under_a_customers_key_is_neither_linked_nor_renamed() {
    let server = Server::with_bucket().await;
    server.ok(with_key(put(&key("k")).body("data"), KEY)).await;
    server.ok(put(&key("managed")).header(SSE, "AES256").body("data")).await;
    let link = |name: &str| post(&format!("{}?rs-presign=", key(name))).body("ExpirationDate=2026-01-03T00%3A00%3A00Z");
    server.fails(link("k"), 400, "InvalidRequest").await;
    server.ok(link("managed")).await;
    let rename = |from: &str| put(&format!("{}?renameObject", key("new"))).header("x-amz-rename-source", from);
    server.fails(rename("/bucket/k"), 400, "InvalidRequest").await;
    server.ok(rename("/bucket/managed")).await;
    let read = server.ok(get(&key("new"))).await;
    assert_eq!((told(&read), read.body.as_slice()), (managed(), &b"data"[..]));
    assert_eq!(server.ok(with_key(get(&key("k")), KEY)).await.body, b"data");
}
