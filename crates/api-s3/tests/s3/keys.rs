//! F5 and F20: keys are names, never paths, in every place where one can stand.

use baleen_signing::{encode_component, encode_path};

use crate::harness::{CLERK, Server, delete, get, key, post, put};

/// Keys that would escape, collide or vanish if anything treated them as paths.
const KEYS: &[&str] = &[
    "../x",
    "..",
    ".",
    "../../../../etc/passwd",
    "/absolute",
    "//",
    "a//b",
    "a/./b",
    "a/../b",
    "a",
    "a/",
    "a/b",
    "a/b/",
    "%2e%2e/x",
    "%2F",
    "%",
    "nul\0byte",
    "new\nline",
    "tab\tspace end ",
    " ",
    "+",
    "a+b",
    "a b",
    "?query#fragment",
    "&amp;<tag>\"'",
    "ü/日本/🐋",
    "e\u{301}",
    "\u{e9}",
    "C:\\windows\\x",
    "other-bucket/../../bucket/x",
    "uploadId=1",
    "x?uploads",
];

fn query(text: &str) -> String {
    let mut out = Vec::new();
    encode_component(text.as_bytes(), &mut out);
    String::from_utf8(out).unwrap()
}

#[tokio::test]
async fn every_key_is_its_own_object() {
    let server = Server::with_bucket().await;
    for name in KEYS {
        server.ok(put(&key(name)).body(format!("body of {name}"))).await;
    }
    let mut sorted: Vec<String> = KEYS.iter().map(ToString::to_string).collect();
    sorted.sort_unstable();
    assert_eq!(server.stored_keys().await, sorted);
    for name in KEYS {
        let wanted = format!("body of {name}").into_bytes();
        assert_eq!(server.ok(get(&key(name))).await.body, wanted, "{name:?}");
        assert_eq!(server.stored(name).await, Some(wanted), "{name:?}");
    }
    // Through listings, in the encoding that clients ask for.
    let listed = server
        .ok(get("/bucket?list-type=2&encoding-type=url"))
        .await
        .elements("Key");
    assert_eq!(listed, sorted.iter().map(|name| encode_path(name)).collect::<Vec<_>>());
    for name in KEYS {
        let page = server
            .ok(get(&format!(
                "/bucket?list-type=2&encoding-type=url&prefix={}&max-keys=1",
                query(name)
            )))
            .await;
        assert_eq!(page.elements("Key"), [encode_path(name)], "{name:?}");
    }
    // Through the copy source, and gone again one by one.
    for name in KEYS {
        let source = format!("/bucket/{}", encode_path(name));
        server.ok(put(&key("copy")).header("x-amz-copy-source", &source)).await;
        assert_eq!(
            server.stored("copy").await,
            Some(format!("body of {name}").into_bytes()),
            "{name:?}"
        );
        server.ok(delete(&key(name))).await;
        assert_eq!(server.stored(name).await, None);
    }
    assert_eq!(server.stored_keys().await, ["copy"]);
}

#[tokio::test]
async fn keys_in_a_delete_list() {
    let server = Server::with_bucket().await;
    // XML 1.0 cannot write the null byte at all, and a parser makes a line feed of a carriage return.
    let names: Vec<_> = KEYS.iter().filter(|name| !name.contains('\0')).collect();
    for name in &names {
        server.ok(put(&key(name)).body("x")).await;
    }
    server.ok(put(&key("kept")).body("x")).await;
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let objects = names.iter().fold(String::new(), |list, name| {
        list + "<Object><Key>" + &escape(name) + "</Key></Object>"
    });
    let answer = server
        .ok(post("/bucket?delete").body(format!("<Delete>{objects}</Delete>")))
        .await;
    assert_eq!(answer.elements("Key").len(), names.len());
    assert_eq!(answer.elements("Code"), Vec::<String>::new());
    assert_eq!(server.stored_keys().await, ["kept"]);
}

#[tokio::test]
async fn keys_at_their_limit() {
    let server = Server::with_bucket().await;
    let longest = "k".repeat(1024);
    server.ok(put(&key(&longest)).body("data")).await;
    assert_eq!(server.ok(get(&key(&longest))).await.body, b"data");
    let escaped_longest = "\u{1}".repeat(1024);
    server.ok(put(&key(&escaped_longest)).body("data")).await;
    let too_long = "k".repeat(1025);
    server
        .fails(put(&key(&too_long)).body("data"), 400, "KeyTooLongError")
        .await;
    for make in [get, put, delete] {
        server.fails(make(&key(&too_long)), 400, "KeyTooLongError").await;
        // Whatever they may: no policy names such a key.
        let clerk = server.send_as(CLERK, make(&key(&too_long))).await;
        assert_eq!(clerk.code(), "KeyTooLongError", "{clerk:?}");
    }
    let source = format!("/bucket/{too_long}");
    let copied = server
        .send(put(&key("copy")).header("x-amz-copy-source", &source))
        .await;
    assert_eq!(copied.status.as_u16(), 400, "{copied:?}");
    // Not UTF-8.
    server.fails(put("/bucket/%ff").body("data"), 400, "InvalidURI").await;
}

/// A source that names another bucket by dots names nothing.
#[tokio::test]
async fn a_copy_source_does_not_climb() {
    let server = Server::with_bucket().await;
    server.ok(put("/other")).await;
    server.ok(put("/other/secret").body("secret")).await;
    for source in [
        "/bucket/../other/secret",
        "bucket/%2e%2e/other/secret",
        "/bucket//other/secret",
    ] {
        server
            .fails(put(&key("copy")).header("x-amz-copy-source", source), 404, "NoSuchKey")
            .await;
    }
    for source in [
        "",
        "/",
        "bucket",
        "/bucket",
        "/bucket/",
        "?versionId=1",
        "/%ff/x",
        "arn:aws:s3:::bucket/x",
        "//bucket/x",
        "/BUCKET/x",
    ] {
        let answer = server.send(put(&key("copy")).header("x-amz-copy-source", source)).await;
        assert_eq!(answer.status.as_u16(), 400, "{source:?}: {answer:?}");
        assert_eq!(server.stored("copy").await, None, "{source:?}");
    }
}
