//! Object lock over HTTP: documents and headers, who may do what, and that nothing which was locked goes.

use std::time::Duration;

use crate::harness::{Answer, Ask, CLERK, STRANGER, Server, delete, get, head, key, policy, post, put};

const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";
/// The clock of the tests stands at 2026-01-02T03:04:05Z.
const LATER: &str = "2026-02-01T03:04:05Z";
const LATEST: &str = "2026-03-01T03:04:05Z";
const BYPASS: &str = "x-amz-bypass-governance-retention";

/// A server with the bucket `bucket`, which has object lock.
async fn locking() -> Server {
    let server = Server::new();
    server
        .ok(put("/bucket").header("x-amz-bucket-object-lock-enabled", "true"))
        .await;
    server
}

fn configuration(rule: &str) -> String {
    format!(
        "<ObjectLockConfiguration xmlns=\"{NAMESPACE}\"><ObjectLockEnabled>Enabled</ObjectLockEnabled>{rule}\
         </ObjectLockConfiguration>"
    )
}

fn default(inside: &str) -> String {
    configuration(&format!("<Rule><DefaultRetention>{inside}</DefaultRetention></Rule>"))
}

fn retention(mode: &str, until: &str) -> String {
    format!(
        "<Retention xmlns=\"{NAMESPACE}\"><Mode>{mode}</Mode><RetainUntilDate>{until}</RetainUntilDate></Retention>"
    )
}

fn hold(status: &str) -> String {
    format!("<LegalHold xmlns=\"{NAMESPACE}\"><Status>{status}</Status></LegalHold>")
}

fn at(name: &str, query: &str) -> String {
    format!("{}?{query}", key(name))
}

fn locked(ask: Ask, mode: &str, until: &str) -> Ask {
    ask.header("x-amz-object-lock-mode", mode)
        .header("x-amz-object-lock-retain-until-date", until)
}

/// The lock that an answer tells of.
fn told(answer: &Answer) -> [String; 3] {
    ["mode", "retain-until-date", "legal-hold"].map(|name| answer.header(&format!("x-amz-object-lock-{name}")))
}

async fn version(server: &Server, ask: Ask) -> String {
    server.ok(ask).await.header("x-amz-version-id")
}

async fn is_there(server: &Server, name: &str, version: &str, body: &[u8]) {
    let answer = server.ok(get(&at(name, &format!("versionId={version}")))).await;
    assert_eq!(answer.body, body);
}

#[tokio::test]
async fn how_a_bucket_locks() {
    let server = locking().await;
    let lock = "/bucket?object-lock";
    assert_eq!(server.ok(get("/bucket?versioning")).await.element("Status"), "Enabled");
    let answer = server.ok(get(lock)).await;
    assert_eq!(answer.element("ObjectLockEnabled"), "Enabled");
    assert!(!answer.text().contains("<Rule>"), "{}", answer.text());
    let suspended = "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>";
    server
        .fails(put("/bucket?versioning").body(suspended), 409, "InvalidBucketState")
        .await;
    for (inside, name, number) in [
        ("<Days>15</Days><Mode>GOVERNANCE</Mode>", "Days", "15"),
        ("<Mode>COMPLIANCE</Mode><Years>2</Years>", "Years", "2"),
    ] {
        server.ok(put(lock).body(default(inside))).await;
        let answer = server.ok(get(lock)).await;
        assert_eq!(answer.element(name), number);
        assert!(inside.contains(&format!("<Mode>{}</Mode>", answer.element("Mode"))));
    }
    // The source document: ObjectLockEnabled is optional. Without a rule there is no default.
    server.ok(put(lock).body("<ObjectLockConfiguration/>")).await;
    assert!(!server.ok(get(lock)).await.text().contains("<Rule>"));
    // A bucket that keeps versions can be given object lock later, one that does not cannot.
    server.ok(put("/plain")).await;
    server
        .fails(get("/plain?object-lock"), 404, "ObjectLockConfigurationNotFoundError")
        .await;
    server
        .fails(
            put("/plain?object-lock").body(configuration("")),
            409,
            "InvalidBucketState",
        )
        .await;
    let enabled = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    server.ok(put("/plain?versioning").body(enabled)).await;
    server.ok(put("/plain?object-lock").body(configuration(""))).await;
    assert_eq!(
        server.ok(get("/plain?object-lock")).await.element("ObjectLockEnabled"),
        "Enabled"
    );
    for (value, has_lock) in [("false", false), ("True", true)] {
        let name = format!("/{}-bucket", value.to_lowercase());
        server
            .ok(put(&name).header("x-amz-bucket-object-lock-enabled", value))
            .await;
        let answer = server.send(get(&format!("{name}?object-lock"))).await;
        assert_eq!(answer.status.is_success(), has_lock, "{value}");
    }
    let odd = put("/odd").header("x-amz-bucket-object-lock-enabled", "perhaps");
    assert_eq!(server.send(odd).await.status.as_u16(), 400);
    server.fails(head("/odd"), 404, "").await;
}

#[tokio::test]
async fn documents_that_are_refused_change_nothing() {
    let server = locking().await;
    let lock = "/bucket?object-lock";
    server
        .ok(put(lock).body(default("<Days>7</Days><Mode>GOVERNANCE</Mode>")))
        .await;
    let version = version(&server, put(&key("k")).body("data")).await;
    let before = server.ok(head(&key("k"))).await;
    assert_eq!(told(&before), ["GOVERNANCE", "2026-01-09T03:04:05.000Z", ""]);
    let of_bucket = [
        (String::new(), "MalformedXML"),
        ("lock".into(), "MalformedXML"),
        (configuration("<Rule/>"), "MalformedXML"),
        (default(""), "MalformedXML"),
        (default("<Days>1</Days>"), "MalformedXML"),
        (default("<Mode>GOVERNANCE</Mode>"), "MalformedXML"),
        (default("<Days>1</Days><Mode>governance</Mode>"), "MalformedXML"),
        (default("<Days>1</Days><Mode>ENTERPRISE</Mode>"), "MalformedXML"),
        (
            default("<Days>1</Days><Years>1</Years><Mode>GOVERNANCE</Mode>"),
            "MalformedXML",
        ),
        (
            default("<Days>1</Days><Days>9</Days><Mode>GOVERNANCE</Mode>"),
            "MalformedXML",
        ),
        (default("<Days>many</Days><Mode>GOVERNANCE</Mode>"), "MalformedXML"),
        (
            default("<Days>0</Days><Mode>GOVERNANCE</Mode>"),
            "InvalidRetentionPeriod",
        ),
        (
            default("<Days>-1</Days><Mode>GOVERNANCE</Mode>"),
            "InvalidRetentionPeriod",
        ),
        (
            default("<Days>36501</Days><Mode>GOVERNANCE</Mode>"),
            "InvalidRetentionPeriod",
        ),
        (
            default("<Years>0</Years><Mode>COMPLIANCE</Mode>"),
            "InvalidRetentionPeriod",
        ),
        (
            default("<Years>101</Years><Mode>COMPLIANCE</Mode>"),
            "InvalidRetentionPeriod",
        ),
        (
            "<ObjectLockConfiguration><ObjectLockEnabled>Disabled</ObjectLockEnabled></ObjectLockConfiguration>".into(),
            "MalformedXML",
        ),
    ];
    for (document, code) in of_bucket {
        let answer = server.send(put(lock).body(&document)).await;
        assert_eq!((answer.status.as_u16(), &*answer.code()), (400, code), "{document}");
    }
    let of_retention = [
        (String::new(), "MalformedXML"),
        ("<Retention>".into(), "MalformedXML"),
        (hold("ON"), "MalformedXML"),
        ("<Retention><Mode>COMPLIANCE</Mode></Retention>".into(), "MalformedXML"),
        (
            format!("<Retention><RetainUntilDate>{LATER}</RetainUntilDate></Retention>"),
            "MalformedXML",
        ),
        (retention("governance", LATER), "MalformedXML"),
        (retention("", LATER), "MalformedXML"),
        (retention("GOVERNANCE", "tomorrow"), "MalformedXML"),
        (retention("GOVERNANCE", ""), "MalformedXML"),
        (retention("GOVERNANCE", "2026-01-02T03:04:05Z"), "InvalidArgument"),
        (retention("GOVERNANCE", "1970-01-01T00:00:00Z"), "InvalidArgument"),
        (retention("COMPLIANCE", "9999-01-01T00:00:00Z"), "InvalidArgument"),
    ];
    for (document, code) in of_retention {
        let ask = put(&at("k", "retention")).header(BYPASS, "true").body(&document);
        let answer = server.send(ask).await;
        assert_eq!((answer.status.as_u16(), &*answer.code()), (400, code), "{document}");
    }
    for document in [
        "",
        "<LegalHold/>",
        "<LegalHold><Status>on</Status></LegalHold>",
        &hold("MAYBE"),
        &hold(""),
    ] {
        let answer = server.send(put(&at("k", "legal-hold")).body(document)).await;
        assert_eq!(
            (answer.status.as_u16(), &*answer.code()),
            (400, "MalformedXML"),
            "{document}"
        );
    }
    for query in ["retention", "legal-hold"] {
        let document = if query == "retention" {
            retention("COMPLIANCE", LATER)
        } else {
            hold("ON")
        };
        let damaged = put(&at("k", query)).header("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==");
        server.fails(damaged.body(document), 400, "BadDigest").await;
    }
    let after = server.ok(head(&key("k"))).await;
    assert_eq!(told(&after), told(&before));
    assert_eq!(server.ok(get(lock)).await.element("Days"), "7");
    is_there(&server, "k", &version, b"data").await;
}

#[tokio::test]
async fn headers_that_are_refused_store_nothing() {
    let server = locking().await;
    server.ok(put("/plain")).await;
    server.ok(put("/plain/k").body("before")).await;
    let hold = |ask: Ask, status: &str| ask.header("x-amz-object-lock-legal-hold", status);
    let make: [fn(&str) -> Ask; 3] = [
        |name: &str| put(name).body("data"),
        |name: &str| put(name).header("x-amz-copy-source", "/plain/k"),
        |name: &str| post(&format!("{name}?uploads")),
    ];
    for make in make {
        for name in ["/plain/k", "/plain/new"] {
            for ask in [
                locked(make(name), "GOVERNANCE", LATER),
                hold(make(name), "ON"),
                hold(make(name), "OFF"),
            ] {
                server.fails(ask, 400, "InvalidRequest").await;
            }
        }
        let name = key("new");
        for ask in [
            locked(make(&name), "GOVERNANCE", "2026-01-02T03:04:05Z"),
            locked(make(&name), "GOVERNANCE", "2020-01-01T00:00:00Z"),
            locked(make(&name), "GOVERNANCE", "soon"),
            locked(make(&name), "governance", LATER),
            make(&name).header("x-amz-object-lock-mode", "GOVERNANCE"),
            make(&name).header("x-amz-object-lock-retain-until-date", LATER),
            hold(make(&name), "yes"),
        ] {
            server.fails(ask, 400, "InvalidArgument").await;
        }
    }
    assert!(server.stored_keys().await.is_empty());
    assert_eq!(server.ok(get("/plain/k")).await.body, b"before");
    let uploads = server.ok(get("/bucket?uploads")).await;
    assert!(!uploads.text().contains("<Upload>"), "{}", uploads.text());
    // A part has no lock of its own; to take the header and not to lock would be worse.
    let begun = server.ok(post(&at("new", "uploads"))).await.element("UploadId");
    let part = at("new", &format!("partNumber=1&uploadId={begun}"));
    server
        .fails(
            locked(put(&part).body("data"), "COMPLIANCE", LATER),
            400,
            "InvalidRequest",
        )
        .await;
    let finish = at("new", &format!("uploadId={begun}"));
    let list =
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>a</ETag></Part></CompleteMultipartUpload>";
    server
        .fails(hold(post(&finish).body(list), "ON"), 400, "InvalidRequest")
        .await;
}

/// F14: what was promised is held by each way of removing it that there is over HTTP.
#[tokio::test]
async fn no_request_removes_what_is_locked() {
    let server = locking().await;
    server.ok(put(&key("source")).body("source")).await;
    let begun = server
        .ok(locked(post(&at("upload", "uploads")), "COMPLIANCE", LATER))
        .await
        .element("UploadId");
    let part = server
        .ok(put(&at("upload", &format!("partNumber=1&uploadId={begun}"))).body("source"))
        .await
        .header("etag");
    let list = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{part}</ETag></Part></CompleteMultipartUpload>"
    );
    let held = |ask: Ask| ask.header("x-amz-object-lock-legal-hold", "ON");
    let made = [
        ("put", locked(put(&key("put")).body("source"), "COMPLIANCE", LATER)),
        ("held", held(put(&key("held")).body("source"))),
        (
            "copy",
            locked(
                put(&key("copy")).header("x-amz-copy-source", "/bucket/source"),
                "COMPLIANCE",
                LATER,
            ),
        ),
        ("upload", post(&at("upload", &format!("uploadId={begun}"))).body(list)),
    ];
    for (name, ask) in made {
        let version = version(&server, ask).await;
        let lock = told(&server.ok(head(&key(name))).await);
        let until = "2026-02-01T03:04:05.000Z";
        let expected = if name == "held" {
            ["", "", "ON"]
        } else {
            ["COMPLIANCE", until, ""]
        };
        assert_eq!(lock, expected, "{name}");
        assert_eq!(told(&server.ok(get(&key(name))).await), lock);
        let target = at(name, &format!("versionId={version}"));
        let line = format!("<Object><Key>{name}</Key><VersionId>{version}</VersionId></Object>");
        for _ in 0..2 {
            server.fails(delete(&target), 403, "AccessDenied").await;
            server
                .fails(delete(&target).header(BYPASS, "true"), 403, "AccessDenied")
                .await;
            for bypass in ["true", "false"] {
                let many = post("/bucket?delete").header(BYPASS, bypass);
                let answer = server.ok(many.body(format!("<Delete>{line}</Delete>"))).await;
                assert_eq!(answer.elements("Code"), ["AccessDenied"], "{}", answer.text());
                assert_eq!(answer.element("VersionId"), version);
            }
            // Then behind other versions and a delete marker.
            server.ok(put(&key(name)).body("over")).await;
            assert_eq!(
                server.ok(delete(&key(name))).await.header("x-amz-delete-marker"),
                "true"
            );
        }
        is_there(&server, name, &version, b"source").await;
        server.fails(delete("/bucket"), 409, "BucketNotEmpty").await;
    }
}

#[tokio::test]
async fn the_life_of_a_retention() {
    let server = locking().await;
    let version = version(&server, put(&key("k")).body("data")).await;
    let other = server.ok(put(&key("k")).body("other")).await.header("x-amz-version-id");
    let target = at("k", "retention");
    server.fails(get(&target), 404, "NoSuchObjectLockConfiguration").await;
    // The source document spells the parameter so in the two calls that change something.
    let of = at("k", &format!("retention&VersionId={version}"));
    let answer = server
        .ok(put(&of).body(retention("GOVERNANCE", "2026-02-01T03:04:05.05Z")))
        .await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 0));
    server.fails(get(&target), 404, "NoSuchObjectLockConfiguration").await;
    let of_version = at("k", &format!("retention&versionId={version}"));
    let answer = server.ok(get(&of_version)).await;
    assert_eq!(answer.element("Mode"), "GOVERNANCE");
    assert_eq!(answer.element("RetainUntilDate"), "2026-02-01T03:04:05.050Z");
    // What was told can be given back.
    server
        .ok(put(&of_version).body(retention("GOVERNANCE", &answer.element("RetainUntilDate"))))
        .await;
    let change = |mode: &str, until: &str| put(&of_version).body(retention(mode, until));
    server.ok(change("GOVERNANCE", LATEST)).await;
    server.fails(change("GOVERNANCE", LATER), 403, "AccessDenied").await;
    server.fails(change("COMPLIANCE", LATEST), 403, "AccessDenied").await;
    server
        .fails(put(&of_version).body("<Retention/>"), 403, "AccessDenied")
        .await;
    server.ok(change("GOVERNANCE", LATER).header(BYPASS, "true")).await;
    server
        .ok(put(&of_version).header(BYPASS, "true").body("<Retention/>"))
        .await;
    server
        .fails(get(&of_version), 404, "NoSuchObjectLockConfiguration")
        .await;
    server.ok(change("COMPLIANCE", LATER)).await;
    for weaker in [
        change("COMPLIANCE", "2026-01-31T00:00:00Z"),
        change("GOVERNANCE", LATEST),
    ] {
        server.fails(weaker.header(BYPASS, "true"), 403, "AccessDenied").await;
    }
    server.ok(change("COMPLIANCE", LATEST)).await;
    let gone = at("k", &format!("versionId={version}"));
    server
        .fails(delete(&gone).header(BYPASS, "true"), 403, "AccessDenied")
        .await;
    server.clock.advance(Duration::from_hours(24 * 60));
    server.ok(delete(&gone)).await;
    server.ok(delete(&at("k", &format!("versionId={other}")))).await;
    server
        .fails(
            put(&target).body(retention("GOVERNANCE", "2030-01-01T00:00:00Z")),
            404,
            "NoSuchKey",
        )
        .await;
}

#[tokio::test]
async fn the_life_of_a_legal_hold() {
    let server = locking().await;
    let version = version(&server, put(&key("k")).body("data")).await;
    let target = at("k", "legal-hold");
    server.fails(get(&target), 404, "NoSuchObjectLockConfiguration").await;
    server
        .ok(put(&at("k", &format!("legal-hold&VersionId={version}"))).body(hold("ON")))
        .await;
    assert_eq!(server.ok(get(&target)).await.element("Status"), "ON");
    assert_eq!(told(&server.ok(head(&key("k"))).await), ["", "", "ON"]);
    let gone = at("k", &format!("versionId={version}"));
    server.clock.advance(Duration::from_hours(24 * 36_500));
    server
        .fails(delete(&gone).header(BYPASS, "true"), 403, "AccessDenied")
        .await;
    server.ok(put(&target).body(hold("OFF"))).await;
    assert_eq!(server.ok(get(&target)).await.element("Status"), "OFF");
    server.ok(delete(&gone)).await;
    // In a bucket without object lock there is none, and nothing takes one.
    server.ok(put("/plain")).await;
    server.ok(put("/plain/k").body("data")).await;
    for ask in [
        get("/plain/k?legal-hold"),
        put("/plain/k?legal-hold").body(hold("ON")),
        get("/plain/k?retention"),
        put("/plain/k?retention").body(retention("GOVERNANCE", "2999-01-01T00:00:00Z")),
    ] {
        let status = server.send(ask.clone()).await.status.as_u16();
        assert_eq!(status, 400, "{}", ask.target);
    }
    // A delete marker has none either.
    server.ok(put(&key("k")).body("data")).await;
    let marker = server.ok(delete(&key("k"))).await.header("x-amz-version-id");
    let of_marker = at("k", &format!("legal-hold&versionId={marker}"));
    server
        .fails(put(&of_marker).body(hold("ON")), 405, "MethodNotAllowed")
        .await;
    server.fails(put(&target).body(hold("ON")), 404, "NoSuchKey").await;
}

fn allow(actions: &str, condition: &str) -> String {
    format!(
        r#""Effect": "Allow", "Principal": "*", "Action": [{actions}],
        "Resource": ["arn:aws:s3:::bucket", "arn:aws:s3:::bucket/*"] {condition}"#
    )
}

/// Each of the rights by itself: to write is not to lock, to lock is not to unlock, and to read is not to read the lock.
#[tokio::test]
async fn who_may_lock_and_who_may_see_it() {
    let server = locking().await;
    let as_clerk = |actions: &'static str, condition: &'static str, ask: Ask| {
        let server = &server;
        async move {
            server
                .ok(put("/bucket?policy").body(policy(&[&allow(actions, condition)])))
                .await;
            server.send_as(CLERK, ask).await
        }
    };
    let new = || put(&key("new")).body("data");
    let with_hold = || new().header("x-amz-object-lock-legal-hold", "ON");
    let with_retention = |until| locked(new(), "GOVERNANCE", until);
    let write = r#""s3:PutObject""#;
    let lock = r#""s3:PutObject", "s3:PutObjectRetention""#;
    let on_hold = r#""s3:PutObject", "s3:PutObjectLegalHold""#;
    for (actions, ask, status) in [
        (write, new(), 200),
        (write, with_hold(), 403),
        (write, with_retention(LATER), 403),
        (lock, with_hold(), 403),
        (lock, with_retention(LATER), 200),
        (on_hold, with_hold(), 200),
        (on_hold, with_retention(LATER), 403),
    ] {
        let shown = format!("{actions} {:?}", ask.headers);
        assert_eq!(as_clerk(actions, "", ask).await.status.as_u16(), status, "{shown}");
    }
    // Conditions look at what the headers and documents say.
    let short = r#", "Condition": {"NumericLessThanEquals": {"s3:object-lock-remaining-retention-days": "30"}}"#;
    let governed = r#", "Condition": {"StringEquals": {"s3:object-lock-mode": "GOVERNANCE"}}"#;
    let before = r#", "Condition": {"DateLessThan": {"s3:object-lock-retain-until-date": "2026-02-15T00:00:00Z"}}"#;
    let lifting = r#", "Condition": {"StringEquals": {"s3:object-lock-legal-hold": "OFF"}}"#;
    let retain = |mode, until| put(&at("k", "retention")).body(retention(mode, until));
    let may_retain = r#""s3:PutObjectRetention""#;
    let may_hold = r#""s3:PutObjectLegalHold""#;
    for (actions, condition, ask, status) in [
        (lock, short, with_retention(LATER), 200),
        (lock, short, with_retention(LATEST), 403),
        (lock, governed, with_retention(LATER), 200),
        (lock, governed, locked(new(), "COMPLIANCE", LATER), 403),
        (lock, before, with_retention(LATER), 200),
        (lock, before, with_retention(LATEST), 403),
        (may_retain, short, retain("GOVERNANCE", LATEST), 403),
        (may_retain, short, retain("GOVERNANCE", LATER), 200),
        (may_retain, governed, retain("COMPLIANCE", LATEST), 403),
        (
            may_retain,
            governed,
            put(&at("k", "retention")).body("<Retention/>"),
            403,
        ),
        (may_retain, before, retain("GOVERNANCE", LATEST), 403),
        (may_retain, "", retain("GOVERNANCE", LATEST), 200),
        (may_retain, "", put(&at("k", "legal-hold")).body(hold("ON")), 403),
        (may_hold, lifting, put(&at("k", "legal-hold")).body(hold("ON")), 403),
        (may_hold, lifting, put(&at("k", "legal-hold")).body(hold("OFF")), 200),
        (may_hold, "", retain("GOVERNANCE", LATEST), 403),
    ] {
        server.ok(put(&key("k")).body("data")).await;
        let shown = format!(
            "{actions} {condition} {} {:?}",
            ask.target,
            String::from_utf8_lossy(&ask.body)
        );
        assert_eq!(
            as_clerk(actions, condition, ask).await.status.as_u16(),
            status,
            "{shown}"
        );
    }
    // An explicit no to a mode holds although it is the document that says it.
    let deny = r#""Effect": "Deny", "Principal": "*", "Action": "s3:PutObjectRetention", "Resource": "arn:aws:s3:::bucket/*",
        "Condition": {"StringNotEquals": {"s3:object-lock-mode": "GOVERNANCE"}}"#;
    server
        .ok(put("/bucket?policy").body(policy(&[&allow(may_retain, ""), deny])))
        .await;
    server.ok(put(&key("k")).body("data")).await;
    assert_eq!(
        server.send_as(CLERK, retain("COMPLIANCE", LATER)).await.status.as_u16(),
        403
    );
    assert_eq!(
        server.send_as(CLERK, retain("GOVERNANCE", LATER)).await.status.as_u16(),
        200
    );
    // To bypass is a right of its own; who asks for it without is as who does not ask.
    let version = version(&server, with_retention(LATER)).await;
    let gone = || delete(&at("new", &format!("versionId={version}"))).header(BYPASS, "true");
    let line = format!("<Delete><Object><Key>new</Key><VersionId>{version}</VersionId></Object></Delete>");
    let many = || post("/bucket?delete").header(BYPASS, "true").body(&line);
    let shorten = || {
        let of = at("new", &format!("retention&versionId={version}"));
        put(&of)
            .header(BYPASS, "true")
            .body(retention("GOVERNANCE", "2026-01-03T00:00:00Z"))
    };
    let may_delete = r#""s3:DeleteObjectVersion", "s3:PutObjectRetention""#;
    let may_bypass = r#""s3:DeleteObjectVersion", "s3:PutObjectRetention", "s3:BypassGovernanceRetention""#;
    for ask in [gone(), shorten()] {
        assert_eq!(as_clerk(may_delete, "", ask).await.status.as_u16(), 403);
    }
    assert_eq!(
        as_clerk(may_delete, "", many()).await.elements("Code"),
        ["AccessDenied"]
    );
    is_there(&server, "new", &version, b"data").await;
    // Without it, the right alone does nothing.
    let plain = delete(&at("new", &format!("versionId={version}")));
    assert_eq!(as_clerk(may_bypass, "", plain).await.status.as_u16(), 403);
    assert_eq!(as_clerk(may_bypass, "", shorten()).await.status.as_u16(), 200);
    assert!(as_clerk(may_bypass, "", many()).await.elements("Code").is_empty());
    server
        .fails(get(&at("new", &format!("versionId={version}"))), 404, "NoSuchVersion")
        .await;
    // Whether one may bypass depends on what the document says and never on headers, which mean nothing here.
    let bypass = r#""s3:BypassGovernanceRetention""#;
    for (condition, mode, until, status) in [
        (governed, "COMPLIANCE", LATEST, 403),
        (governed, "GOVERNANCE", "2026-01-20T00:00:00Z", 200),
        (before, "GOVERNANCE", LATEST, 200),
        (before, "COMPLIANCE", LATEST, 403),
        (before, "COMPLIANCE", "2026-02-10T00:00:00Z", 200),
    ] {
        let made = server.ok(with_retention(LATER)).await.header("x-amz-version-id");
        let of = format!("versionId={made}");
        let line = format!("<Delete><Object><Key>new</Key><VersionId>{made}</VersionId></Object></Delete>");
        let statements = [allow(may_delete, ""), allow(bypass, condition)];
        server
            .ok(put("/bucket?policy").body(policy(&[&statements[0], &statements[1]])))
            .await;
        let asked = |ask: Ask| locked(ask.header(BYPASS, "true"), "GOVERNANCE", LATER);
        let gone = server.send_as(CLERK, asked(delete(&at("new", &of)))).await;
        assert_eq!(gone.status.as_u16(), 403, "{condition}: {gone:?}");
        let many = server.send_as(CLERK, asked(post("/bucket?delete")).body(&line)).await;
        assert_eq!(many.elements("Code"), ["AccessDenied"], "{condition}");
        is_there(&server, "new", &made, b"data").await;
        let change = asked(put(&at("new", &format!("retention&{of}")))).body(retention(mode, until));
        let answer = server.send_as(CLERK, change).await;
        assert_eq!(answer.status.as_u16(), status, "{condition} {mode} {until}: {answer:?}");
    }
    // To read an object is not to read its lock.
    server.ok(locked(with_hold(), "GOVERNANCE", LATER)).await;
    let until = "2026-02-01T03:04:05.000Z";
    for (actions, expected) in [
        (r#""s3:GetObject""#, ["", "", ""]),
        (r#""s3:GetObject", "s3:GetObjectRetention""#, ["GOVERNANCE", until, ""]),
        (r#""s3:GetObject", "s3:GetObjectLegalHold""#, ["", "", "ON"]),
    ] {
        for ask in [get(&key("new")), head(&key("new"))] {
            assert_eq!(told(&as_clerk(actions, "", ask).await), expected, "{actions}");
        }
    }
    for ask in [get(&at("new", "retention")), get(&at("new", "legal-hold"))] {
        let answer = as_clerk(r#""s3:GetObject""#, "", ask).await;
        assert_eq!(answer.status.as_u16(), 403);
    }
    server.ok(delete("/bucket?policy")).await;
    assert_eq!(told(&server.ok(head(&key("new"))).await), ["GOVERNANCE", until, "ON"]);
}

/// A bucket with object lock is more than a bucket.
#[tokio::test]
async fn who_may_make_a_locking_bucket() {
    let server = Server::new();
    let worker = crate::harness::WORKER;
    let make = |name: &str, value: &str| put(name).header("x-amz-bucket-object-lock-enabled", value);
    assert_eq!(
        server.send_as(worker, make("/work-1", "true")).await.status.as_u16(),
        403
    );
    assert_eq!(
        server.send_as(worker, make("/work-1", "false")).await.status.as_u16(),
        200
    );
    assert_eq!(
        server
            .send_as(STRANGER, make("/strangers", "true"))
            .await
            .status
            .as_u16(),
        200
    );
}
