//! F5: a key is a key, whatever it looks like.

use crate::harness::{Server, delete, get, key, put};

use super::{Form, code, form};

/// F5: a key is a key, whatever it looks like.
#[tokio::test]
async fn keys_never_become_paths() {
    let server = Server::with_bucket().await;
    server.ok(put("/other")).await;
    for (written, file_name, stored) in [
        ("../other/k", "a", "../other/k"),
        ("..", "a", ".."),
        ("/etc/passwd", "a", "/etc/passwd"),
        ("//x//", "a", "//x//"),
        ("%2e%2e/x%00", "a", "%2e%2e/x%00"),
        ("a?acl&versionId=1#f", "a", "a?acl&versionId=1#f"),
        ("user/${filename}", "../../etc/passwd", "user/passwd"),
        ("user/${filename}", "C:\\dir\\a b.txt", "user/a b.txt"),
        ("user/${filename}", "..", "user/.."),
        ("${filename}${filename}", "x", "xx"),
        ("user/${filename}", "", "user/"),
        ("a\\\\b", "x", "a\\\\b"),
    ] {
        let form = Form {
            file_name: file_name.replace('\\', "\\\\"),
            ..form().without_key()
        };
        let form = form.stray("key", written).condition(r#"["starts-with", "$key", ""]"#);
        let answer = form.send(&server).await;
        assert_eq!(code(&answer), "", "{written}: {answer:?}");
        assert_eq!(server.stored_keys().await, [stored], "{written}");
        server.ok(delete(&key(stored))).await;
    }
    // The condition is about the key with the name of the file in it.
    let escaping = Form {
        file_name: "a".to_owned(),
        ..form().without_key()
    };
    let escaping = escaping
        .stray("key", "${filename}")
        .condition(r#"["starts-with", "$key", "user/"]"#);
    assert_eq!(code(&escaping.send(&server).await), "AccessDenied");
    for (target, wanted) in [
        ("/bucket/k", "MethodNotAllowed"),
        ("/", "MethodNotAllowed"),
        ("/bucket%2Fk", "MethodNotAllowed"),
        ("/..", "InvalidBucketName"),
        // What would be the query or the end of an address makes no other operation of it.
        ("/bucket%3Facl%26x-id%3D", "InvalidBucketName"),
        ("/bucket%3Facl", "InvalidBucketName"),
        ("/newbucket%23", "InvalidBucketName"),
        ("/absent", "AccessDenied"),
    ] {
        let answer = Form {
            target: target.to_owned(),
            ..form()
        }
        .send(&server)
        .await;
        assert_eq!(code(&answer), wanted, "{target}");
    }
    let long = "k".repeat(1025);
    assert_eq!(
        code(&form().without_key().field("key", &long).send(&server).await),
        "KeyTooLongError"
    );
    // Short fields that would make a key of many megabytes.
    for (names, length) in [(1, 1025), (103, 10), (1800, 15_000)] {
        let growing = Form {
            file_name: "n".repeat(length),
            ..form().without_key()
        };
        let growing = growing.field("key", &"${filename}".repeat(names));
        let answer = growing.send(&server).await;
        assert!(
            ["KeyTooLongError", "MaxPostPreDataLengthExceeded"].contains(&code(&answer).as_str()),
            "{names} {length}: {answer:?}"
        );
    }
    assert!(server.stored_keys().await.is_empty());
    assert!(!server.ok(get("/other")).await.text().contains("<Key>"));
}
