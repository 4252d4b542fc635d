//! Versions over HTTP: what each answer says of them, and who is told.

use crate::harness::{Answer, LISTER, Server, WORKER, delete, get, head, key, post, put};

const ENABLED: &str = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
const SUSPENDED: &str = "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>";
const UNKNOWN: &str = "00000000000000000000000000000000";

fn version_of(answer: &Answer) -> Option<&str> {
    answer
        .headers
        .get("x-amz-version-id")
        .and_then(|value| value.to_str().ok())
}

fn of(name: &str, version: &str) -> String {
    format!("{}?versionId={version}", key(name))
}

async fn versioned() -> Server {
    let server = Server::with_bucket().await;
    server.ok(put("/bucket?versioning").body(ENABLED)).await;
    server
}

#[tokio::test]
async fn a_bucket_that_never_kept_versions_tells_of_none() {
    let server = Server::with_bucket().await;
    let answer = server.ok(get("/bucket?versioning")).await;
    assert!(answer.text().contains("VersioningConfiguration") && !answer.text().contains("Status"));
    server.fails(get("/absent?versioning"), 404, "NoSuchBucket").await;
    let stored = server.ok(put(&key("k")).body("data")).await;
    let read = server.ok(get(&of("k", "null"))).await;
    assert_eq!(
        (version_of(&stored), version_of(&read), &*read.body),
        (None, None, &b"data"[..])
    );
    let listed = server.ok(get("/bucket?versions")).await;
    assert_eq!(listed.elements("VersionId"), ["null"]);
    assert_eq!(listed.elements("IsLatest"), ["true"]);
    for (version, status, code) in [("abc", 400, "InvalidArgument"), (UNKNOWN, 404, "NoSuchVersion")] {
        server.fails(get(&of("k", version)), status, code).await;
    }
    // Nothing of that name is there, and nothing happens.
    let deleted = server.ok(delete(&of("k", UNKNOWN))).await;
    assert_eq!((deleted.status.as_u16(), version_of(&deleted)), (204, None));
    server.fails(delete(&of("k", "abc")), 400, "InvalidArgument").await;
    assert!(server.stored("k").await.is_some());
    server.ok(delete(&of("k", "null"))).await;
    assert!(server.stored("k").await.is_none());
}

#[tokio::test]
async fn the_life_of_versions() {
    let server = versioned().await;
    assert_eq!(
        server.ok(get("/bucket?versioning")).await.elements("Status"),
        ["Enabled"]
    );
    let mut names = Vec::new();
    for body in ["one", "two"] {
        let stored = server.ok(put(&key("k")).body(body)).await;
        names.push(version_of(&stored).unwrap().to_owned());
    }
    for (name, body) in names.iter().zip(["one", "two"]) {
        let read = server.ok(get(&of("k", name))).await;
        assert_eq!((version_of(&read), &*read.body), (Some(&**name), body.as_bytes()));
        let seen = server.ok(head(&of("k", name))).await;
        assert_eq!(version_of(&seen), Some(&**name));
    }
    let marked = server.ok(delete(&key("k"))).await;
    let marker = version_of(&marked).unwrap().to_owned();
    assert_eq!(marked.headers["x-amz-delete-marker"], "true");
    // Hidden, and told so.
    for ask in [get(&key("k")), head(&key("k"))] {
        let hidden = server.send(ask).await;
        assert_eq!(hidden.status.as_u16(), 404);
        assert_eq!(hidden.headers["x-amz-delete-marker"], "true");
        assert_eq!(version_of(&hidden), Some(&*marker));
    }
    for ask in [get(&of("k", &marker)), head(&of("k", &marker))] {
        let refused = server.send(ask).await;
        assert_eq!(refused.status.as_u16(), 405);
        assert_eq!(refused.headers["allow"], "DELETE");
        assert!(refused.headers.contains_key("last-modified"));
    }
    let listed = server.ok(get("/bucket?versions")).await;
    assert_eq!(listed.elements("VersionId").len(), 3);
    assert_eq!(listed.text().matches("<DeleteMarker>").count(), 1);
    server.fails(delete("/bucket"), 409, "BucketNotEmpty").await;
    // Without the marker the object is there again.
    let unmarked = server.ok(delete(&of("k", &marker))).await;
    assert_eq!(unmarked.headers["x-amz-delete-marker"], "true");
    assert_eq!(server.ok(get(&key("k"))).await.body, b"two");
    // An older version is copied back.
    let source = format!("/bucket/k?versionId={}", names[0]);
    let copied = server.ok(put(&key("k")).header("x-amz-copy-source", &source)).await;
    assert_eq!(copied.headers["x-amz-copy-source-version-id"], *names[0]);
    assert_eq!(server.ok(get(&key("k"))).await.body, b"one");
    names.push(version_of(&copied).unwrap().to_owned());
    let list = names
        .iter()
        .map(|name| format!("<Object><Key>k</Key><VersionId>{name}</VersionId></Object>"))
        .collect::<Vec<_>>()
        .concat();
    let answer = server
        .ok(post("/bucket?delete").body(format!("<Delete>{list}</Delete>")))
        .await;
    assert_eq!(answer.elements("VersionId"), names);
    assert_eq!(
        server.ok(get("/bucket?versions")).await.elements("Key"),
        Vec::<String>::new()
    );
    server.ok(delete("/bucket")).await;
}

#[tokio::test]
async fn a_suspended_bucket_has_one_null_version() {
    let server = versioned().await;
    server.ok(put(&key("k")).body("kept")).await;
    server.ok(put("/bucket?versioning").body(SUSPENDED)).await;
    for body in ["replaced", "last"] {
        let stored = server.ok(put(&key("k")).body(body)).await;
        assert_eq!(version_of(&stored), Some("null"));
    }
    let listed = server.ok(get("/bucket?versions")).await;
    assert_eq!(listed.elements("Size"), ["4", "4"]);
    assert_eq!(listed.elements("VersionId")[0], "null");
    let answer = server
        .ok(post("/bucket?delete").body("<Delete><Object><Key>k</Key></Object></Delete>"))
        .await;
    assert_eq!(answer.elements("DeleteMarkerVersionId"), ["null"]);
    assert_eq!(server.ok(get("/bucket?versions")).await.elements("VersionId").len(), 2);
}

#[tokio::test]
async fn versioning_takes_what_it_can_do() {
    let server = Server::with_bucket().await;
    for (body, status, code) in [
        ("<VersioningConfiguration/>", 400, "MalformedXML"),
        (
            "<VersioningConfiguration><Status>On</Status></VersioningConfiguration>",
            400,
            "MalformedXML",
        ),
        (
            "<VersioningConfiguration><Status>Enabled</Status><MfaDelete>Enabled</MfaDelete></VersioningConfiguration>",
            501,
            "NotImplemented",
        ),
        ("<VersioningConfiguration><Status>", 400, "MalformedXML"),
    ] {
        server.fails(put("/bucket?versioning").body(body), status, code).await;
        assert!(
            !server.ok(get("/bucket?versioning")).await.text().contains("Status"),
            "{body}"
        );
    }
    for (query, code) in [
        ("version-id-marker=null", "InvalidArgument"),
        ("key-marker=k&version-id-marker=abc", "InvalidArgument"),
        ("max-keys=-1", "InvalidArgument"),
        ("encoding-type=base64", "InvalidArgument"),
    ] {
        server.fails(get(&format!("/bucket?versions&{query}")), 400, code).await;
    }
}

/// Who may not list learns nothing of what there was, not even from a delete marker.
#[tokio::test]
async fn who_may_not_list_does_not_learn_of_versions() {
    let server = versioned().await;
    server.ok(put(&key("open/k")).body("data")).await;
    server.ok(delete(&key("open/k"))).await;
    for target in [key("open/k"), key("open/never")] {
        let refused = server.send_as(WORKER, get(&target)).await;
        assert_eq!(refused.status.as_u16(), 403, "{target}");
        assert!(!refused.headers.contains_key("x-amz-delete-marker"));
        assert!(version_of(&refused).is_none());
    }
    // To read a version is another permission than to read.
    for signer in [WORKER, LISTER] {
        let refused = server.send_as(signer, get(&of("open/k", "null"))).await;
        assert_eq!(refused.status.as_u16(), 403);
    }
}
