//! Deletions with a condition: AWS, "Conditional deletes".

use crate::harness::{Answer, CLERK, LISTER, Server, WORKER, delete, get, key, policy, post, put};

const ENABLED: &str = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
const OTHER: &str = "\"00000000000000000000000000000000\"";

fn lines(lines: &[(&str, &str)]) -> String {
    let line = |(name, rest): &(&str, &str)| format!("<Object><Key>{name}</Key>{rest}</Object>");
    format!("<Delete>{}</Delete>", lines.iter().map(line).collect::<String>())
}

async fn many(server: &Server, of: &[(&str, &str)]) -> Answer {
    server.ok(post("/bucket?delete").body(lines(of))).await
}

#[tokio::test]
async fn a_condition_decides() {
    for keeps_versions in [false, true] {
        let server = Server::with_bucket().await;
        if keeps_versions {
            server.ok(put("/bucket?versioning").body(ENABLED)).await;
        }
        let tag = server.ok(put(&key("k")).body("data")).await.header("etag");
        let bare = tag.trim_matches('"').to_owned();
        let given = |name: &str, condition: &str| delete(&key(name)).header("if-match", condition);
        for wrong in [OTHER, "\"x\"", "x", &format!("W/{tag}")] {
            server.fails(given("k", wrong), 412, "PreconditionFailed").await;
            let line = format!("<ETag>{}</ETag>", wrong.replace('"', "&quot;"));
            let answer = many(&server, &[("k", &line)]).await;
            assert_eq!(answer.elements("Code"), ["PreconditionFailed"], "{wrong}");
        }
        for name in ["x-amz-if-match-size", "x-amz-if-match-last-modified-time"] {
            let value = if name.ends_with("size") {
                "4"
            } else {
                "Fri, 02 Jan 2026 03:04:05 GMT"
            };
            server
                .fails(delete(&key("k")).header(name, value), 501, "NotImplemented")
                .await;
        }
        let answer = many(&server, &[("k", "<Size>4</Size>")]).await;
        assert_eq!(answer.elements("Code"), ["NotImplemented"]);
        assert_eq!(server.ok(get(&key("k"))).await.body, b"data");
        for right in [tag.as_str(), &bare, "*"] {
            server.ok(put(&key("k")).body("data")).await;
            assert_eq!(server.ok(given("k", right)).await.status.as_u16(), 204, "{right}");
            // What is deleted, by a marker too, is not there.
            server.fails(given("k", right), 404, "NoSuchKey").await;
            server.ok(put(&key("k")).body("data")).await;
            let line = format!("<ETag>{}</ETag>", right.replace('"', "&quot;"));
            let answer = many(&server, &[("k", &line), ("absent", &line), ("absent", "")]).await;
            assert_eq!(answer.elements("Code"), ["NoSuchKey"], "{right}");
            assert_eq!(answer.elements("Deleted").len(), 2, "{right}");
            server.fails(get(&key("k")), 404, "NoSuchKey").await;
        }
    }
}

/// The condition is about what is current, so a version that is named must be that one.
#[tokio::test]
async fn a_version_with_a_condition_is_the_current_one() {
    let server = Server::with_bucket().await;
    server.ok(put("/bucket?versioning").body(ENABLED)).await;
    let old = server.ok(put(&key("k")).body("old")).await;
    let new = server.ok(put(&key("k")).body("new")).await;
    let of = |answer: &Answer, condition: &str| {
        let version = answer.header("x-amz-version-id");
        delete(&format!("{}?versionId={version}", key("k"))).header("if-match", condition)
    };
    for (version, condition) in [
        (&old, old.header("etag")),
        (&old, new.header("etag")),
        (&old, "*".to_owned()),
        (&new, old.header("etag")),
    ] {
        server.fails(of(version, &condition), 412, "PreconditionFailed").await;
    }
    server.ok(of(&new, &new.header("etag"))).await;
    assert_eq!(server.ok(get(&key("k"))).await.body, b"old");
    server.ok(of(&old, "*")).await;
    server.fails(of(&old, "*"), 404, "NoSuchKey").await;
}

/// F10: a condition tells nobody what is there, and a policy can ask for one.
#[tokio::test]
async fn who_may_delete_with_a_condition() {
    let server = Server::with_bucket().await;
    let tag = server.ok(put(&key("open/a")).body("data")).await.header("etag");
    // To guess a tag is to read.
    let may_delete =
        r#""Effect": "Allow", "Principal": "*", "Action": "s3:DeleteObject", "Resource": "arn:aws:s3:::bucket/*""#;
    server.ok(put("/bucket?policy").body(policy(&[may_delete]))).await;
    for (name, condition) in [
        ("open/a", tag.as_str()),
        ("open/a", OTHER),
        ("open/none", OTHER),
        ("open/none", "*"),
    ] {
        let ask = delete(&key(name)).header("if-match", condition);
        assert_eq!(
            server.send_as(CLERK, ask).await.status.as_u16(),
            403,
            "{name} {condition}"
        );
        let line = format!("<ETag>{}</ETag>", condition.replace('"', "&quot;"));
        let answer = server
            .send_as(CLERK, post("/bucket?delete").body(lines(&[(name, &line)])))
            .await;
        assert!(answer.text().contains("<Code>AccessDenied</Code>"), "{}", answer.text());
    }
    assert_eq!(server.ok(get(&key("open/a"))).await.body, b"data");
    server.ok(delete("/bucket?policy")).await;
    let none = || delete(&key("open/none")).header("if-match", "*");
    assert_eq!(server.send_as(WORKER, none()).await.status.as_u16(), 403);
    assert_eq!(server.send_as(LISTER, none()).await.status.as_u16(), 404);
    // AWS, "Enforce conditional deletes": without a condition nothing goes.
    let deny = r#""Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject", "Resource": "arn:aws:s3:::bucket/*",
        "Condition": {"Null": {"s3:if-match": "true"}}"#;
    server.ok(put("/bucket?policy").body(policy(&[deny]))).await;
    server.fails(delete(&key("open/a")), 403, "AccessDenied").await;
    let plain = post("/bucket?delete").body(lines(&[("open/a", "")]));
    assert_eq!(server.ok(plain).await.elements("Code"), ["AccessDenied"]);
    let line = format!("<ETag>{}</ETag>", tag.replace('"', "&quot;"));
    let answer = many(&server, &[("open/a", &line), ("open/b", "")]).await;
    assert_eq!(answer.elements("Code"), ["AccessDenied"]);
    assert_eq!(answer.elements("Deleted").len(), 1);
}
