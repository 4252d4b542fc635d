//! What forms store, and how they are answered.

use crate::harness::{Server, delete, get, key};

use super::{Form, How, code, form};

#[tokio::test]
async fn forms_of_each_kind_are_stored() {
    let server = Server::with_bucket().await;
    for how in [How::V4, How::V2, How::Lyve] {
        let form = Form { how, ..form() }
            .field("Content-Type", "text/plain")
            .field("Cache-Control", "no-cache")
            .field("Content-Disposition", "inline")
            .field("x-amz-meta-Colour", "blue")
            .field("x-lyve-meta-shape", "round")
            .field(
                "tagging",
                "<Tagging><TagSet><Tag><Key>a b</Key><Value>c/=+</Value></Tag></TagSet></Tagging>",
            )
            .field("Content-MD5", "jXd/OF09/siBXSD3SWAm3A==")
            .field("acl", "private")
            .stray("x-ignore-me", "anything")
            .condition(r#"["content-length-range", 4, 4]"#);
        let answer = form.send(&server).await;
        assert_eq!(
            (answer.status.as_u16(), answer.text().as_str()),
            (204, ""),
            "{how:?} {answer:?}"
        );
        assert_eq!(answer.header("location"), "http://127.0.0.1:9000/bucket/k");
        assert_eq!(answer.header("etag"), "\"8d777f385d3dfec8815d20f7496026dc\"");
        let seen = server.ok(get(&key("k"))).await;
        for (name, value) in [
            ("content-type", "text/plain"),
            ("cache-control", "no-cache"),
            ("content-disposition", "inline"),
            ("x-amz-meta-colour", "blue"),
            ("x-amz-meta-shape", "round"),
            ("x-amz-tagging-count", "1"),
        ] {
            assert_eq!(seen.header(name), value, "{how:?} {name}");
        }
        assert_eq!(seen.body, b"data");
        let tags = server.ok(get(&format!("{}?tagging", key("k")))).await;
        assert_eq!(
            (tags.element("Key"), tags.element("Value")),
            ("a b".into(), "c/=+".into())
        );
        server.ok(delete(&key("k"))).await;
    }
    let host = Form {
        target: "/".to_owned(),
        ..form()
    }
    .field("success_action_status", "201");
    let answer = server
        .raw(host.signed(&server).ask().header("host", "bucket.s3.example.com"))
        .await;
    assert_eq!(answer.element("Location"), "http://bucket.s3.example.com/k");
}

#[tokio::test]
async fn answers_are_what_the_form_asks_for() {
    let server = Server::with_bucket().await;
    let keyed = || form().without_key().field("key", "a b/ü");
    for (status, answered) in [("200", 200), ("201", 201), ("204", 204), ("500", 204), ("", 204)] {
        let answer = keyed().field("success_action_status", status).send(&server).await;
        assert_eq!(answer.status.as_u16(), answered, "{status}");
        if answered == 201 {
            let found = ["Location", "Bucket", "Key", "ETag"].map(|name| answer.element(name));
            let etag = "&quot;8d777f385d3dfec8815d20f7496026dc&quot;";
            assert_eq!(
                found,
                ["http://127.0.0.1:9000/bucket/a%20b/%C3%BC", "bucket", "a b/ü", etag]
            );
            assert_eq!(answer.header("content-type"), "application/xml");
        }
    }
    let query = "bucket=bucket&key=a%20b%2F%C3%BC&etag=%228d777f385d3dfec8815d20f7496026dc%22";
    for name in ["success_action_redirect", "redirect"] {
        let redirected = keyed()
            .field(name, "http://example.com/done?a=b")
            .field("success_action_status", "201");
        let answer = redirected.send(&server).await;
        assert_eq!(answer.status.as_u16(), 303);
        assert_eq!(
            answer.header("location"),
            format!("http://example.com/done?a=b&{query}")
        );
    }
    for page in ["javascript:alert(1)", "done.html", ""] {
        let answer = keyed().field("success_action_redirect", page).send(&server).await;
        assert_eq!(answer.status.as_u16(), 204, "{page}");
    }
}

/// F26: a large file passes by, in many pieces, and is stored as it is.
#[tokio::test]
async fn a_large_file_is_streamed() {
    let server = Server::with_bucket().await;
    let file: Vec<u8> = (0..3_000_000_u32)
        .flat_map(|number| {
            if number % 997 == 0 {
                *b"\r\n--"
            } else {
                number.to_le_bytes()
            }
        })
        .collect();
    let large = Form {
        file: file.clone(),
        ..form()
    };
    assert_eq!(code(&large.send(&server).await), "");
    assert_eq!(server.stored("k").await.unwrap(), file);
}

/// The audit log has forms as the writes that they are.
#[tokio::test]
async fn forms_are_in_the_audit_log() {
    let server = Server::with_bucket().await;
    server.book.0.lock().unwrap().clear();
    form().send(&server).await;
    form().stray("anything", "").send(&server).await;
    let book = server.book.0.lock().unwrap();
    let seen: Vec<_> = book.iter().map(|event| (event.operation, event.status)).collect();
    assert_eq!(seen, [("PutObject", 204), ("PutObject", 403)]);
    let resources = book.iter().map(|event| event.deed.as_ref().unwrap().resource.clone());
    assert!(
        resources
            .into_iter()
            .all(|resource| resource == "arn:aws:s3:::bucket/k")
    );
}
