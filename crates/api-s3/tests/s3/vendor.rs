//! The vendor's calls, by the examples of the source document.

use std::time::Duration;

use baleen_http::Verdict;
use baleen_objects::CreateBucket;
use baleen_runtime::Clock as _;
use baleen_signing::{PayloadMode, sha256};
use baleen_types::{BucketName, RegionName};
use http::Method;
use http_body_util::BodyExt as _;

use crate::harness::{
    Answer, Ask, CLERK, LISTER, OWNER, RESELLER, SESSION, STRANGER, Server, WORKER, delete, get, key, owner, policy,
    post, put, statement,
};

fn json(answer: &Answer) -> String {
    assert_eq!(answer.header("content-type"), "application/json");
    answer.text()
}

#[tokio::test]
async fn what_a_bucket_is() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("k")).body(vec![7; 57_300])).await;
    let info =
        |public: bool| format!(r#"{{"bucketSize":57300,"replicationPolicy":["eu-central-7"],"isPublic":{public}}}"#);
    for target in ["/bucket?rs-info=", "/bucket/?rs-info", "/bucket?prefix=x&rs%2Dinfo="] {
        assert_eq!(json(&server.ok(get(target)).await), info(false), "{target}");
    }
    let vhost = get("/?rs-info=").header("host", "bucket.s3.example.com");
    assert_eq!(json(&server.ok(vhost).await), info(false));
    let link = get("/bucket?rs-info=").presigned(OWNER, PayloadMode::Unsigned, server.now(), Duration::from_mins(1));
    assert_eq!(json(&server.raw(link).await), info(false));

    server.fails(get("/no-such-bucket?rs-info="), 404, "NoSuchBucket").await;
    for (signer, status) in [(LISTER, 200), (WORKER, 403), (CLERK, 403), (STRANGER, 403)] {
        // It is of the whole bucket, also for who would ask for what begins so.
        let answer = server.send_as(signer, get("/bucket?rs-info=&prefix=secret/")).await;
        assert_eq!(answer.status.as_u16(), status, "{}", signer.access_key_id);
    }

    let open = policy(&[&statement("Allow", r#""*""#, "s3:GetObject", "bucket/*")]);
    server.ok(put("/bucket?policy").body(open)).await;
    assert_eq!(json(&server.ok(get("/bucket?rs-info=")).await), info(true));
    let block = "<PublicAccessBlockConfiguration><RestrictPublicBuckets>true</RestrictPublicBuckets>\
                 </PublicAccessBlockConfiguration>";
    server.ok(put("/bucket?publicAccessBlock").body(block)).await;
    assert_eq!(json(&server.ok(get("/bucket?rs-info=")).await), info(false));
    server.ok(delete("/bucket?policy")).await;
    let lists = "<OwnershipControls><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule></OwnershipControls>";
    server.ok(put("/bucket?ownershipControls").body(lists)).await;
    server.ok(put("/bucket?acl").header("x-amz-acl", "public-read")).await;
    assert_eq!(json(&server.ok(get("/bucket?rs-info=")).await), info(true));
}

#[tokio::test]
async fn what_all_buckets_hold() {
    let server = Server::with_bucket().await;
    assert_eq!(
        json(&server.ok(get("/?rs-bucket-stats")).await),
        r#"{"bucket":{"size":0,"objects":0,"replicationPolicy":["eu-central-7"]}}"#
    );
    server.ok(put("/abc-backups")).await;
    for name in ["a", "b"] {
        server.ok(put(&format!("/abc-backups/{name}")).body("12345")).await;
    }
    assert_eq!(
        json(&server.ok(get("/?rs-bucket-stats=")).await),
        r#"{"abc-backups":{"size":10,"objects":2,"replicationPolicy":["eu-central-7"]},"bucket":{"size":0,"objects":0,"replicationPolicy":["eu-central-7"]}}"#
    );
    // As in ListBuckets: those that one may list.
    assert_eq!(json(&server.send_as(CLERK, get("/?rs-bucket-stats")).await), "{}");
    assert_eq!(json(&server.send_as(STRANGER, get("/?rs-bucket-stats")).await), "{}");
    let seen = json(&server.send_as(LISTER, get("/?rs-bucket-stats")).await);
    assert!(seen.starts_with(r#"{"bucket":"#) && !seen.contains("abc"), "{seen}");
}

/// A vendor's call is asked for in one way; all that looks like one and is none is refused, and nothing of S3 is done instead.
#[tokio::test]
async fn what_is_no_vendor_call_is_nothing_else() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("k")).body("data")).await;
    for ask in [
        get("/?rs-info="),
        get("/?rs-presign="),
        get("/bucket?rs-bucket-stats"),
        get("/bucket/k?rs-info="),
        get("/bucket/k?rs-presign="),
        get("/bucket/k?rs-anything"),
        put("/bucket?rs-info="),
        put("/bucket/k?rs-presign=").body("new"),
        post("/bucket?rs-presign="),
        delete("/bucket/k?rs-presign="),
        delete("/bucket?rs%2dinfo"),
        post("/bucket/k?rs-presign=&uploads"),
    ] {
        let target = format!("{} {}", ask.method, ask.target);
        let refused = server.fails(ask.clone(), 501, "NotImplemented").await;
        assert!(!refused.text().contains("not implemented by us"), "{target}");
        assert_eq!(server.raw(ask).await.code(), "AccessDenied", "{target}");
    }
    assert_eq!(server.stored("k").await.as_deref(), Some(&b"data"[..]));
    // Beside the two addresses of speed tests there are keys, of a bucket that was made before its name was refused.
    let new = CreateBucket {
        owner: owner().await.user().unwrap().account,
        name: BucketName::parse("speedtest").unwrap(),
        region: RegionName::parse("eu-central-7").unwrap(),
        object_lock: false,
    };
    server.objects.create_bucket(new).await.unwrap();
    server.ok(put("/speedtest/else").body("x")).await;
    let vhost = |ask: Ask| ask.header("host", "speedtest.s3.example.com");
    server.ok(vhost(put("/download")).body("mine")).await;
    assert_eq!(server.ok(vhost(get("/download"))).await.body, b"mine");
    server.fails(get("/speedtest/download"), 403, "AccessDenied").await;
}

/// Until the time of the harness plus this.
fn form(server: &Server, life: Duration) -> String {
    let until = server.clock.now().plus(life).to_rfc3339_millis();
    format!("ExpirationDate={}", until.replace(':', "%3A"))
}

fn link_of(answer: &Answer) -> String {
    let text = json(answer);
    let (_, rest) = text.split_once(r#""link":""#).expect("an answer with a link");
    rest.split('"').next().unwrap_or_default().to_owned()
}

/// The request that a link makes.
fn follow(link: &str) -> Ask {
    let (host, _) = link.strip_prefix("http://").unwrap().split_once('/').unwrap();
    get(&link["http://".len() + host.len()..]).header("host", host)
}

const MONTH: Duration = Duration::from_hours(720);

#[tokio::test]
async fn a_link_works_until_its_end_and_not_longer() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("a b/ü")).body("data")).await;
    let target = format!("{}?rs-presign=", key("a b/ü"));
    let made = server.ok(post(&target).body(form(&server, MONTH))).await;
    assert!(
        json(&made).ends_with(&format!(r#"","accessKeyId":"{}"}}"#, OWNER.access_key_id)),
        "{}",
        made.text()
    );
    let link = link_of(&made);
    assert!(link.starts_with("http://127.0.0.1:9000/bucket/a%20b/%C3%BC?"), "{link}");
    assert!(link.contains("X-Amz-Expires=2592000&"), "{link}");
    for advance in [
        Duration::ZERO,
        Duration::from_hours(24 * 8),
        Duration::from_hours(24 * 22 - 1),
    ] {
        server.clock.advance(advance);
        assert_eq!(server.raw(follow(&link)).await.body, b"data");
    }
    server.clock.advance(Duration::from_hours(1));
    let late = server.raw(follow(&link)).await;
    assert_eq!((late.status.as_u16(), late.code().as_str()), (403, "AccessDenied"));
    // A host of the bucket's own.
    let made = post(&format!("/{}?rs-presign=", "a%20b/%C3%BC")).header("host", "bucket.s3.example.com");
    let link = link_of(&server.ok(made.body(form(&server, MONTH))).await);
    assert!(link.starts_with("http://bucket.s3.example.com/a%20b/%C3%BC?"), "{link}");
    assert_eq!(server.raw(follow(&link)).await.body, b"data");
}

#[tokio::test]
async fn what_links_are_made_for_and_what_not() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("k")).body("data")).await;
    let target = "/bucket/k?rs-presign=";
    let month = form(&server, MONTH);
    for (target, form, status, code) in [
        (
            target,
            form(&server, MONTH + Duration::from_secs(1)),
            400,
            "InvalidArgument",
        ),
        (target, form(&server, Duration::ZERO), 400, "InvalidArgument"),
        (
            target,
            "ExpirationDate=2019-10-24T07%3A04%3A47.123Z".to_owned(),
            400,
            "InvalidArgument",
        ),
        (target, "ExpirationDate=tomorrow".to_owned(), 400, "InvalidArgument"),
        (target, format!("{month}&{month}"), 400, "InvalidArgument"),
        (target, String::new(), 400, "InvalidArgument"),
        (target, "\u{fffd}=".repeat(4000), 400, "MaxMessageLengthExceeded"),
        ("/bucket/none?rs-presign=", month.clone(), 404, "NoSuchKey"),
        ("/none/k?rs-presign=", month.clone(), 404, "NoSuchBucket"),
        (
            "/bucket/k?rs-presign=&versionId=x",
            month.clone(),
            400,
            "InvalidArgument",
        ),
        (
            "/bucket/k?rs-presign=&response-content-type=text%2Fhtml",
            month.clone(),
            501,
            "NotImplemented",
        ),
    ] {
        server.fails(post(target).body(&form), status, code).await;
    }
    // A link's life is signed with it, and so is its mark.
    let link = link_of(&server.ok(post(target).body(&month)).await);
    for changed in [
        link.replace("X-Amz-Expires=2592000", "X-Amz-Expires=2592001"),
        link.replace("rs-link=&", ""),
        link.replace("rs-link=", "rs-link=1"),
        link.replace("/bucket/k?", "/bucket/other?"),
        format!("{link}&response-content-type=text%2Fhtml"),
    ] {
        let answer = server.raw(follow(&changed)).await;
        assert!(matches!(answer.status.as_u16(), 400 | 403), "{changed}: {answer:?}");
    }
    // And it is for a download alone.
    for method in [Method::HEAD, Method::PUT, Method::POST, Method::DELETE] {
        let mut other = follow(&link);
        other.method = method.clone();
        assert_eq!(server.raw(other).await.status.as_u16(), 400, "{method}");
    }
    // Nor does the mark make a link of anything but a download of one object, whoever signs it.
    for target in [
        "/bucket?rs-link=&list-type=2",
        "/bucket?rs-link=",
        "/?rs-link=",
        "/bucket/k?rs-link=&acl",
        "/?rs-link=&rs-bucket-stats",
    ] {
        let marked = get(target).presigned(OWNER, PayloadMode::Unsigned, server.now(), Duration::from_hours(1));
        let answer = server.raw(marked).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (403, "AccessDenied"),
            "{target}"
        );
    }
    // What others make keeps AWS's limit.
    let week = get(&key("k")).presigned(OWNER, PayloadMode::Unsigned, server.now(), Duration::from_hours(168));
    assert_eq!(server.raw(week.clone()).await.status.as_u16(), 200);
    let longer = Ask {
        target: week.target.replace("X-Amz-Expires=604800", "X-Amz-Expires=604801"),
        ..week
    };
    let refused = server.raw(longer).await;
    assert_eq!(refused.code(), "AuthorizationQueryParametersError");
}

/// F12: a link is never stronger than who made it, neither when it is made nor when it is used.
#[tokio::test]
async fn a_link_is_never_stronger_than_its_maker() {
    let server = Server::with_bucket().await;
    for name in ["open/a", "secret/a"] {
        server.ok(put(&key(name)).body("data")).await;
    }
    let make = |name: &str| post(&format!("{}?rs-presign=", key(name))).body(form(&server, MONTH));
    for (signer, name, status) in [
        (WORKER, "open/a", 200),
        (WORKER, "secret/a", 403),
        // Who may not list does not learn what is there.
        (WORKER, "open/none", 403),
        (CLERK, "open/a", 403),
        (STRANGER, "open/a", 403),
    ] {
        let answer = server.send_as(signer, make(name)).await;
        assert_eq!(
            answer.status.as_u16(),
            status,
            "{} {name}: {answer:?}",
            signer.access_key_id
        );
    }
    let link = link_of(&server.send_as(WORKER, make("open/a")).await);
    assert_eq!(server.raw(follow(&link)).await.body, b"data");
    let closed = policy(&[&statement("Deny", r#""*""#, "s3:GetObject", "bucket/open/*")]);
    server.ok(put("/bucket?policy").body(closed)).await;
    assert_eq!(server.raw(follow(&link)).await.status.as_u16(), 403);
    server.ok(delete("/bucket?policy")).await;

    // A session's ends with the session, and carries its token.
    let refused = server.send_as(SESSION, make("open/a")).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code().as_str()),
        (400, "InvalidArgument")
    );
    let hour = post("/bucket/open/a?rs-presign=").body(form(&server, Duration::from_hours(1)));
    let link = link_of(&server.send_as(SESSION, hour).await);
    assert!(
        link.contains(SESSION.access_key_id) && link.contains("X-Amz-Security-Token="),
        "{link}"
    );
    assert_eq!(server.raw(follow(&link)).await.body, b"data");

    // A link makes no link: or it would live for ever.
    let ask = make("open/a");
    let payload = PayloadMode::Sha256(sha256(&ask.body));
    let ask = ask.presigned(OWNER, payload, server.now(), Duration::from_mins(1));
    let refused = server.raw(ask).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code().as_str()),
        (403, "AccessDenied")
    );

    // A body that is another than the one that was signed says nothing.
    let ask = make("open/a").signed(OWNER, PayloadMode::Sha256(sha256(b"other")), server.now());
    assert_eq!(server.raw(ask).await.code(), "XAmzContentSHA256Mismatch");
}

#[tokio::test]
async fn a_link_is_in_the_audit_log() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("k")).body("data")).await;
    server.book.0.lock().unwrap().clear();
    server
        .ok(post("/bucket/k?rs-presign=").body(form(&server, MONTH)))
        .await;
    server
        .send_as(CLERK, post("/bucket/k?rs-presign=").body(form(&server, MONTH)))
        .await;
    server.send_as(RESELLER, put("/speedtest/upload").body("bytes")).await;
    let told: Vec<_> = server
        .book
        .0
        .lock()
        .unwrap()
        .drain(..)
        .map(|event| {
            let deed = event.deed.unwrap();
            (event.operation, deed.action, deed.resource, deed.verdict)
        })
        .collect();
    let arn = "arn:aws:s3:::bucket/k".to_owned();
    assert_eq!(
        told,
        [
            ("RSPresignLink", "s3:GetObject", arn.clone(), Verdict::Allowed),
            ("RSPresignLink", "s3:GetObject", arn, Verdict::Denied),
            (
                "RSSpeedTestUpload",
                "iam:RSSpeedTest",
                "arn:aws:s3:::*".to_owned(),
                Verdict::Allowed
            ),
        ]
    );
}

#[tokio::test]
async fn a_download_lasts_ten_seconds() {
    let server = Server::new();
    let test = || {
        let ask = get("/speedtest/download").header("x-lyve-speedteest", "1");
        ask.signed(RESELLER, PayloadMode::Sha256(sha256(b"")), server.now())
            .build()
    };
    let response = server.edge.handle(test()).await;
    assert_eq!(response.status().as_u16(), 200);
    assert_eq!(response.headers()["content-type"], "application/octet-stream");
    let mut body = response.into_body();
    let mut pieces = Vec::new();
    for _ in 0..10 {
        pieces.push(body.frame().await.unwrap().unwrap().into_data().unwrap());
        server.clock.advance(Duration::from_secs(1));
    }
    assert!(body.frame().await.is_none());
    assert!(
        pieces
            .windows(2)
            .all(|pair| pair[0] != pair[1] && pair[0].len() == 256 << 10)
    );
    // Those that run hold the places of those that are not begun.
    let mut running = Vec::new();
    for _ in 0..4 {
        running.push(server.edge.handle(test()).await);
    }
    let fifth = server.edge.handle(test()).await;
    assert_eq!(fifth.status().as_u16(), 503);
    running.pop();
    running.push(server.edge.handle(test()).await);
    assert_eq!(server.edge.handle(test()).await.status().as_u16(), 503);
    // Four who do not read keep their places no longer than a test lasts.
    server.clock.advance(Duration::from_secs(10));
    let mut later = Vec::new();
    for _ in 0..4 {
        later.push(server.edge.handle(test()).await);
    }
    assert!(later.iter().all(|answer| answer.status().as_u16() == 200));
    // The first four hang up: those places were not theirs any more.
    running.clear();
    assert_eq!(server.edge.handle(test()).await.status().as_u16(), 503);
}

#[tokio::test]
async fn an_upload_is_read_and_forgotten() {
    let server = Server::new();
    let answer = server
        .send_as(RESELLER, put("/speedtest/upload").body(vec![7; 1 << 20]))
        .await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (204, 0));
    let link = put("/speedtest/upload").body("bytes");
    let link = link.presigned(RESELLER, PayloadMode::Unsigned, server.now(), Duration::from_mins(1));
    assert_eq!(server.raw(link).await.status.as_u16(), 204);
    let wrong = put("/speedtest/upload").body("bytes");
    let wrong = wrong.signed(RESELLER, PayloadMode::Sha256(sha256(b"other")), server.now());
    assert_eq!(server.raw(wrong).await.code(), "XAmzContentSHA256Mismatch");
    // One that goes on for longer is answered all the same.
    let clock = server.clock.clone();
    let late = async move {
        clock.advance(Duration::from_secs(10));
        std::future::pending::<()>().await;
    };
    let answer = server
        .send_late(RESELLER, put("/speedtest/upload").body("bytes"), late)
        .await;
    assert_eq!(answer.status.as_u16(), 204);
}
