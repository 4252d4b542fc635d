//! F29, F34: malformed headers and documents are refused, none with 500, and nothing is stored or lost.

use baleen_signing::PayloadMode;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::harness::{OWNER, Server, get, key, post, put};

const DELETE: &str = "<Delete><Object><Key>k</Key></Object></Delete>";

#[tokio::test]
async fn hostile_documents_are_refused() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("k")).body("data")).await;
    let deep = |levels: usize| format!("{}{}", "<a>".repeat(levels), "</a>".repeat(levels));
    let bomb = "<?xml version=\"1.0\"?><!DOCTYPE lolz [<!ENTITY a \"k\"><!ENTITY b \"&a;&a;&a;&a;\">]><Delete><Object><Key>&b;</Key></Object></Delete>";
    let external = "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><Delete><Object><Key>&a;</Key></Object></Delete>";
    let documents = [
        String::new(),
        "\0".to_owned(),
        "not xml".to_owned(),
        "<Delete>".to_owned(),
        "<Delete><Object></Object></Delete>".to_owned(),
        "<Delete><Object><Key>k</Object></Key></Delete>".to_owned(),
        "<Delete><Object><Key>k</Key><Key>k2</Key></Object></Delete>".to_owned(),
        "<Delete><Object><Key>&unknown;</Key></Object></Delete>".to_owned(),
        "<Delete><Object><Key>&#xFFFFFFFF;</Key></Object></Delete>".to_owned(),
        format!("<Delete>{}</Delete>", deep(10_000)),
        deep(100_000),
        bomb.to_owned(),
        external.to_owned(),
        "<CreateBucketConfiguration/>".to_owned(),
    ];
    for document in &documents {
        let answer = server.send(post("/bucket?delete").body(document)).await;
        let shown: String = document.chars().take(60).collect();
        assert!(answer.status.is_client_error(), "{shown}: {answer:?}");
        assert!(!answer.text().contains("root:"), "{shown}");
        assert!(server.stored("k").await.is_some(), "{shown}");
    }
    let latin: Vec<u8> = [
        &b"<Delete><Object><Key>"[..],
        &[0xff, 0xfe],
        b"</Key></Object></Delete>",
    ]
    .concat();
    assert!(
        server
            .send(post("/bucket?delete").body(latin))
            .await
            .status
            .is_client_error()
    );
    let huge = format!(
        "<Delete>{}</Delete>",
        " ".repeat(baleen_api_s3::limits::XML_BODY_BYTES_MAX)
    );
    server
        .fails(post("/bucket?delete").body(huge), 400, "MaxMessageLengthExceeded")
        .await;
    // What is small as a rule may be no more than that.
    let blank = " ".repeat(baleen_api_s3::limits::DOCUMENT_BYTES_MAX);
    for target in ["/bucket?cors", "/bucket?versioning", "/bucket/k?tagging", "/other"] {
        let answer = server.send(put(target).body(&blank)).await.text();
        assert!(!answer.contains("MaxMessageLengthExceeded"), "{target}: {answer}");
        server
            .fails(put(target).body(format!("{blank} ")), 400, "MaxMessageLengthExceeded")
            .await;
    }
    // One key too many ends the document where it is.
    let many = format!("<Delete>{}", "<Object><Key>k</Key></Object>".repeat(1001));
    let many = format!("{many}{}", "<Object>".repeat(500_000));
    server
        .fails(post("/bucket?delete").body(many), 400, "MalformedXML")
        .await;
    let namespace = "<x:Delete xmlns:x=\"http://s3.amazonaws.com/doc/2006-03-01/\"><x:Object><x:Key>other</x:Key></x:Object></x:Delete>";
    assert!(
        !server
            .send(post("/bucket?delete").body(namespace))
            .await
            .status
            .is_server_error()
    );
    assert!(server.stored("k").await.is_some());
}

/// F34: a header that nobody understands and nobody signed changes nothing.
#[tokio::test]
async fn unknown_headers_do_not_matter() {
    let server = Server::with_bucket().await;
    for (name, value) in [
        ("x-vendor", "\u{fc}\u{ff}"),
        ("user-agent", "\u{fc}"),
        ("cookie", "a=b"),
        ("expect", "nothing"),
        ("te", "x"),
    ] {
        let ask = put(&key("k"))
            .body("data")
            .signed(OWNER, PayloadMode::Unsigned, server.now());
        let answer = server.raw(ask.header(name, value)).await;
        assert!(answer.status.is_success(), "{name}: {answer:?}");
    }
}

/// Names under which this or another store might keep what it must know of an object. Some of those stores believed them when a
/// client sent them, and could not read the object again.
#[tokio::test]
async fn no_header_of_a_client_reaches_what_the_store_keeps_for_itself() {
    const NAMES: [&str; 22] = [
        "x-minio-internal-server-side-encryption-sealed-key",
        "x-minio-internal-actual-size",
        "x-minio-replication-server-side-encryption-iv",
        "x-minio-source-etag",
        "x-amz-meta-x-minio-internal-compression",
        "x-amz-meta-x-amz-server-side-encryption",
        "x-amz-meta-x-amz-unencrypted-content-length",
        "x-amz-meta-x-amz-key-v2",
        "x-amz-meta-etag",
        "x-amz-meta-content-length",
        "x-amz-meta-version-id",
        "x-seaweedfs-sse-key",
        "x-rustfs-internal-compression",
        "x-rgw-object-type",
        "x-baleen-encryption",
        "x-baleen-etag",
        "x-lyve-replication-status",
        "x-lyve-size",
        "etag",
        "last-modified",
        "x-amz-version-id",
        "x-amz-delete-marker",
    ];
    let server = Server::with_bucket().await;
    let of = |ask: crate::harness::Ask| async {
        let answer = server.send(ask).await;
        assert!(
            !answer.status.is_server_error() || answer.code() == "NotImplemented",
            "{answer:?}"
        );
        answer.status.is_success()
    };
    let (mut stored, mut refused) = (0, 0);
    for name in NAMES {
        for value in [
            "AES256",
            "s2",
            "1",
            "true",
            "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=",
            "\"0\"",
        ] {
            for kept in ["", "AES256"] {
                server.ok(put(&key("source")).body("data")).await;
                let with = |ask: crate::harness::Ask| match kept {
                    "" => ask.header(name, value),
                    kept => ask.header(name, value).header("x-amz-server-side-encryption", kept),
                };
                let copied = put(&key("copied"))
                    .header("x-amz-copy-source", "/bucket/source")
                    .header("x-amz-metadata-directive", "REPLACE");
                for (to, ask) in [("put", put(&key("put")).body("data")), ("copied", copied)] {
                    let shown = format!("{name}: {value} {kept} {to}");
                    if !of(with(ask)).await {
                        refused += 1;
                        continue;
                    }
                    stored += 1;
                    let seen = server.ok(get(&key(to))).await;
                    assert_eq!(seen.body, b"data", "{shown}");
                    assert_eq!(seen.header("x-amz-server-side-encryption"), kept, "{shown}");
                    assert_eq!(
                        server.ok(get(&key(to)).header("range", "bytes=1-2")).await.body,
                        b"at",
                        "{shown}"
                    );
                    if name.starts_with("x-amz-meta-") {
                        assert_eq!(seen.header(name), value, "{shown}");
                    }
                }
            }
        }
    }
    assert!(stored > 0 && stored + refused == 22 * 6 * 2 * 2, "{stored} {refused}");
    assert!(!server.ok(get("/bucket")).await.text().contains("<Size>0</Size>"));
}

/// Begins a request to an address.
type Make = fn(&str) -> crate::harness::Ask;

/// Headers and parameters that the codec reads, with noise in them: an answer, and never one of 500.
#[test]
fn noise_in_headers_and_parameters() {
    const HEADERS: [&str; 22] = [
        "x-amz-copy-source",
        "x-amz-copy-source-range",
        "x-amz-copy-source-if-match",
        "x-amz-copy-source-if-modified-since",
        "x-amz-metadata-directive",
        "x-amz-checksum-crc32",
        "x-amz-checksum-algorithm",
        "x-amz-checksum-type",
        "x-amz-checksum-mode",
        "x-amz-mp-object-size",
        "x-amz-meta-a",
        "x-amz-acl",
        "x-amz-expected-bucket-owner",
        "x-amz-request-payer",
        "content-md5",
        "content-type",
        "content-encoding",
        "expires",
        "range",
        "if-match",
        "if-none-match",
        "if-modified-since",
    ];
    const TARGETS: [(&str, Make); 9] = [
        ("/bucket/k", get),
        ("/bucket/k", crate::harness::head),
        ("/bucket/other", put),
        ("/bucket/k?uploads", post),
        ("/bucket?delete", post),
        ("/bucket", get),
        ("/bucket?list-type=2", get),
        ("/bucket?uploads", get),
        ("/bucket/k?uploadId=00000000000000000000000000000000&partNumber=1", put),
    ];
    const PARAMETERS: [&str; 14] = [
        "max-keys",
        "max-parts",
        "max-uploads",
        "part-number-marker",
        "key-marker",
        "upload-id-marker",
        "continuation-token",
        "start-after",
        "encoding-type",
        "delimiter",
        "partNumber",
        "versionId",
        "response-content-type",
        "response-expires",
    ];
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let server = runtime.block_on(async {
        let server = Server::with_bucket().await;
        server.ok(put(&key("k")).body("data")).await;
        server
    });
    let strategy = (
        0..TARGETS.len(),
        0..HEADERS.len(),
        "[ -~]{0,40}",
        0..PARAMETERS.len(),
        "\\PC{0,20}",
        any::<bool>(),
    );
    let mut runner = TestRunner::new(Config {
        cases: 400,
        failure_persistence: None,
        ..Config::default()
    });
    let checked = runner.run(&strategy, |(target, header, value, parameter, noise, with_header)| {
        let (target, make) = TARGETS[target];
        let mut encoded = Vec::new();
        baleen_signing::encode_component(noise.as_bytes(), &mut encoded);
        let joint = if target.contains('?') { '&' } else { '?' };
        let parameter = format!(
            "{joint}{}={}",
            PARAMETERS[parameter],
            String::from_utf8(encoded).unwrap()
        );
        let target = if with_header {
            target.to_owned()
        } else {
            format!("{target}{parameter}")
        };
        let mut ask = make(&target);
        if target.contains("delete") {
            ask = ask.body(DELETE.replace('k', "absent"));
        }
        if with_header {
            ask = ask.header(HEADERS[header], value.trim());
        }
        runtime.block_on(async {
            // Whatever it is, `Answer` refuses 500; and the object is still there.
            let _ = server.send(ask).await;
            assert_eq!(server.stored("k").await.as_deref(), Some(&b"data"[..]));
        });
        Ok(())
    });
    checked.unwrap();
}

/// `/` and `//` are keys; only `/bucket` and `/bucket/` are the bucket.
#[tokio::test]
async fn keys_of_slashes_hold_more_than_a_document() {
    let server = Server::with_bucket().await;
    let large = vec![b'x'; baleen_api_s3::limits::XML_BODY_BYTES_MAX + 1];
    for target in ["/bucket//", "/bucket///"] {
        server.ok(put(target).body(&large)).await;
    }
    for target in ["/another", "/another/"] {
        server
            .fails(put(target).body(&large), 400, "MaxMessageLengthExceeded")
            .await;
    }
    assert_eq!(server.stored_keys().await, ["/", "//"]);
}

/// Over a real connection: who sends megabytes without asking first gets to read why they were not wanted.
#[tokio::test]
async fn a_large_body_for_no_bucket_is_answered() {
    let server = Server::new();
    let body = vec![b'x'; 4 << 20];
    let ask = put("/no-such-bucket/k").signed(OWNER, PayloadMode::Unsigned, server.now());
    let answer = over_a_connection(&server, ask.body(body)).await;
    assert!(
        answer.starts_with("HTTP/1.1 404") && answer.contains("<Code>NoSuchBucket</Code>"),
        "{answer}"
    );
}

/// The same of a form that is none, and of one whose sender may not.
#[tokio::test]
async fn a_large_form_that_is_refused_is_answered() {
    let server = Server::with_bucket().await;
    let file = "--XX\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n";
    let field = "--XX\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\n";
    for (beginning, code) in [
        (file.to_owned(), "AccessDenied"),
        (field.to_owned(), "MaxPostPreDataLengthExceeded"),
        ("--XX\r\n\r\n\r\n".to_owned(), "MalformedPOSTRequest"),
    ] {
        let body = [beginning.as_bytes(), &vec![b'x'; 4 << 20], b"\r\n--XX--\r\n"].concat();
        let form = post("/bucket").header("content-type", "multipart/form-data; boundary=XX");
        let answer = over_a_connection(&server, form.body(body)).await;
        assert!(answer.contains(&format!("<Code>{code}</Code>")), "{answer}");
    }
}

/// Sends a request without waiting, and reads what is answered.
async fn over_a_connection(server: &Server, ask: crate::harness::Ask) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = baleen_http::Listener::bind(baleen_http::ServerSettings::default())
        .await
        .unwrap();
    let address = listener.address().unwrap();
    let shutdown = baleen_runtime::Shutdown::new();
    let served = tokio::spawn(listener.serve(server.edge.clone(), shutdown.clone()));

    let mut head = format!(
        "{} {} HTTP/1.1\r\ncontent-length: {}\r\n",
        ask.method,
        ask.target,
        ask.body.len()
    );
    for (name, value) in &ask.headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head.push_str("connection: close\r\n\r\n");
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&ask.body).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    shutdown.stop();
    served.await.unwrap();
    answer
}
