//! Logs of buckets: who may set what, and what is delivered.

use std::time::Duration;

use baleen_objects::{ListObjects, Selection};
use baleen_signing::sign::Signer;
use baleen_types::{BucketName, ObjectKey, ObjectPath};

use crate::harness::{
    CLERK, OWNER, STRANGER, SUSPENDED, Server, WORKER, delete, get, head, key, policy, put, statement,
};

/// A configuration as the source document has it.
fn configuration(target: &str, prefix: &str, key: &str) -> String {
    format!(
        "<BucketLoggingStatus xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><LoggingEnabled>\
         <TargetBucket>{target}</TargetBucket><TargetPrefix>{prefix}</TargetPrefix><TargetGrants><Grant>\
         <Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"AccessKey\"><ID>{key}</ID></Grantee>\
         </Grant></TargetGrants></LoggingEnabled></BucketLoggingStatus>"
    )
}

/// A server with the bucket `bucket`, which logs into `logs`.
async fn logging() -> Server {
    let server = Server::with_bucket().await;
    server.ok(put("/logs")).await;
    let own = configuration("logs", "of/", OWNER.access_key_id);
    server.ok(put("/bucket?logging").body(own)).await;
    server
}

/// The logs that are there: their keys and what they hold.
async fn logs(server: &Server) -> Vec<(String, String)> {
    let list = ListObjects {
        bucket: BucketName::parse("logs").unwrap(),
        prefix: String::new(),
        delimiter: String::new(),
        after: None,
        max_keys: 1000,
    };
    let mut all = Vec::new();
    let page = server.objects.list(list, |entry| entry.key.to_owned()).await.unwrap();
    for key in page.entries {
        let at = ObjectPath {
            bucket: BucketName::parse("logs").unwrap(),
            key: ObjectKey::parse(&key).unwrap(),
        };
        let text = read(server, &at).await;
        all.push((key, text));
    }
    all
}

async fn read(server: &Server, at: &ObjectPath) -> String {
    use futures::StreamExt as _;
    let mut body = server.objects.open(at, Selection::Whole).await.unwrap().body;
    let mut text = Vec::new();
    while let Some(piece) = body.next().await {
        text.extend_from_slice(&piece.unwrap());
    }
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn what_is_set_is_given_back_and_taken_back_with_an_empty_element() {
    let server = logging().await;
    let told = server.ok(get("/bucket?logging")).await;
    assert_eq!(told.element("TargetBucket"), "logs");
    assert_eq!(told.element("TargetPrefix"), "of/");
    assert_eq!(told.element("ID"), OWNER.access_key_id);
    assert!(told.text().contains("xsi:type=\"AccessKey\""), "{told:?}");
    for empty in [
        "<BucketLoggingStatus/>",
        "<BucketLoggingStatus><LoggingEnabled/></BucketLoggingStatus>",
        "<BucketLoggingStatus><LoggingEnabled>\n </LoggingEnabled></BucketLoggingStatus>",
        "<BucketLoggingStatus xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><LoggingEnabled /></BucketLoggingStatus>",
    ] {
        let own = configuration("logs", "", OWNER.access_key_id);
        server.ok(put("/bucket?logging").body(own)).await;
        server.ok(put("/bucket?logging").body(empty)).await;
        let told = server.ok(get("/bucket?logging")).await.text();
        assert!(!told.contains("LoggingEnabled"), "{empty}: {told}");
    }
}

#[tokio::test]
async fn what_could_not_be_delivered_is_not_set() {
    let server = Server::with_bucket().await;
    server.ok(put("/logs")).await;
    let foreign = server.send_as(STRANGER, put("/foreign")).await;
    assert!(foreign.status.is_success());
    let own = OWNER.access_key_id;
    let argument = "InvalidArgument";
    let target = "InvalidTargetBucketForLogging";
    let request = "InvalidRequest";
    let no_grant = configuration("logs", "", own)
        .replace("<TargetGrants>", "<!--")
        .replace("</TargetGrants>", "-->");
    for (document, code) in [
        (configuration("none", "", own), target),
        (configuration("No Bucket", "", own), target),
        (configuration("foreign", "", own), target),
        (configuration("logs", "", "AKIAUNKNOWNUNKNOWNUN"), argument),
        (configuration("logs", "", "x"), argument),
        (configuration("logs", "", ""), argument),
        (configuration("logs", "", STRANGER.access_key_id), argument),
        (configuration("logs", "", SUSPENDED.access_key_id), argument),
        (configuration("logs", "", CLERK.access_key_id), target),
        (configuration("logs", &"p".repeat(1000), own), argument),
        (
            configuration("logs", "", own).replace("AccessKey", "CanonicalUser"),
            request,
        ),
        (
            configuration("logs", "", own)
                .replace("<ID>", "<URI>")
                .replace("</ID>", "</URI>"),
            request,
        ),
        (no_grant, request),
        (
            configuration("logs", "", own).replace("<TargetPrefix></TargetPrefix>", ""),
            "MalformedXML",
        ),
        ("<BucketLoggingStatus>".to_owned(), "MalformedXML"),
    ] {
        let answer = server.fails(put("/bucket?logging").body(&document), 400, code).await;
        if code == request {
            let text = answer.element("Message");
            assert!(text.contains("TargetGrants") && text.contains("AccessKey"), "{text}");
        }
        let told = server.ok(get("/bucket?logging")).await.text();
        assert!(!told.contains("LoggingEnabled"), "{document}");
    }
    // The owner's account alone, whatever the policy says.
    let open = policy(&[&statement("Allow", "\"*\"", "s3:*", "bucket")]);
    server.ok(put("/bucket?policy").body(open)).await;
    for ask in [
        put("/bucket?logging").body(configuration("foreign", "", STRANGER.access_key_id)),
        get("/bucket?logging"),
    ] {
        let answer = server.send_as(STRANGER, ask).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "AccessDenied"));
    }
}

#[tokio::test]
async fn each_request_leaves_a_line() {
    let server = logging().await;
    server
        .ok(put(&key("a b")).body("data").header("user-agent", "agent/1.0 (x)"))
        .await;
    server.ok(get(&key("a b"))).await;
    server.ok(get(&key("a b")).header("range", "bytes=1-2")).await;
    server.ok(head(&key("a b"))).await;
    server.send(get(&key("a b")).header("if-none-match", "*")).await;
    server.fails(get(&key("none")), 404, "NoSuchKey").await;
    server.send_as(CLERK, get(&key("a b"))).await;
    server.raw(get(&key("a b"))).await;
    server.ok(get("/bucket?list-type=2")).await;
    server.ok(delete(&key("a b"))).await;
    // Of other buckets, nothing.
    server.ok(get("/logs")).await;
    server.clock.advance(Duration::from_secs(1));
    server.door.deliver_logs().await.unwrap();
    let logs = logs(&server).await;
    let [(name, text)] = &logs[..] else { panic!("{logs:?}") };
    let name = name.strip_prefix("of/2026-01-02-03-04-06-").unwrap();
    assert!(
        name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{name}"
    );
    let own = format!("\"{}\"", OWNER.access_key_id);
    let clerk = format!("\"{}\"", CLERK.access_key_id);
    let lines: Vec<_> = text.lines().collect();
    for (line, parts) in lines.iter().zip([
        [
            &*own,
            "s3:PutObject",
            "\"a%20b\"",
            "\"200\" \"-\" 4 \"0\"",
            "\"agent/1.0 (x)\"",
        ],
        [
            &*own,
            "s3:GetObject",
            "\"/bucket/a%20b\"",
            "\"200\" \"-\" 4 4 ",
            "SigV4 - AuthHeader",
        ],
        [&*own, "s3:GetObject", "\"a%20b\"", "\"206\" \"-\" 2 4 ", "AuthHeader"],
        [&*own, "s3:HeadObject", "\"a%20b\"", "\"200\" \"-\" 4 4 ", "AuthHeader"],
        [&*own, "s3:GetObject", "\"a%20b\"", "\"304\" \"-\" ", "AuthHeader"],
        [&*own, "s3:GetObject", "\"none\"", "\"404\" \"NoSuchKey\"", "AuthHeader"],
        [
            &*clerk,
            "s3:GetObject",
            "\"a%20b\"",
            "\"403\" \"AccessDenied\"",
            "AuthHeader",
        ],
        [
            " \"-\" \"",
            "s3:GetObject",
            "\"a%20b\"",
            "\"403\" \"AccessDenied\"",
            " - - - ",
        ],
        [
            &*own,
            "s3:ListObjectsV2",
            " \"-\" ",
            "\"/bucket?list-type=2\"",
            "\"200\"",
        ],
        [
            &*own,
            "s3:DeleteObject",
            "\"a%20b\"",
            "\"204\" \"-\" \"0\" \"0\"",
            "AuthHeader",
        ],
    ]) {
        for part in parts {
            assert!(line.contains(part), "{part} in {line}");
        }
        assert!(line.contains(" bucket [02/Jan/2026:03:04:05 +0000] "), "{line}");
    }
    assert_eq!(lines.len(), 10);
    // Nothing waits any more, and the deliveries leave no line.
    server.door.deliver_logs().await.unwrap();
    assert_eq!(self::logs(&server).await.len(), 1);
}

/// Who only tries leaves a line too, once it is known that the bucket logs; and nobody is named who was not believed.
#[tokio::test]
async fn what_the_edge_refuses_leaves_a_line() {
    let server = logging().await;
    let wrong = Signer {
        secret: "another",
        ..OWNER
    };
    let host = || get("/a/b").header("host", "bucket.s3.example.com");
    // Nothing was logged of the bucket yet.
    server.send_as(wrong, get(&key("before"))).await;
    server.ok(put(&key("k")).body("data")).await;
    server.send_as(wrong, get(&key("a b"))).await;
    server.send_as(SUSPENDED, put(&key("k")).body("other")).await;
    server.send_as(wrong, host()).await;
    server.send_as(wrong, get("/bucket?list-type=2")).await;
    server.send_as(wrong, get("/logs/k")).await;
    server.door.deliver_logs().await.unwrap();
    let all = logs(&server).await;
    let lines: Vec<_> = all[0].1.lines().skip(1).collect();
    let refused = "\"403\" \"SignatureDoesNotMatch\"";
    for (line, parts) in lines.iter().zip([
        ["\"a%20b\"", refused],
        ["\"k\"", "\"403\" \"AccessDenied\""],
        ["\"a/b\"", refused],
        [" \"-\" \"/bucket?list-type=2\"", refused],
    ]) {
        for part in parts.into_iter().chain(["] \"", "\" \"-\" \"", " s3:unknown "]) {
            assert!(line.contains(part), "{part} in {line}");
        }
        assert!(
            !line.contains(OWNER.access_key_id) && !line.contains(SUSPENDED.access_key_id),
            "{line}"
        );
    }
    assert_eq!((all.len(), lines.len()), (1, 4), "{lines:?}");
    // Nor when it logs no more.
    server.ok(put("/bucket?logging").body("<BucketLoggingStatus/>")).await;
    server.door.deliver_logs().await.unwrap();
    server.send_as(wrong, get(&key("k"))).await;
    server.door.deliver_logs().await.unwrap();
    server.send_as(wrong, get(&key("k"))).await;
    server.door.deliver_logs().await.unwrap();
    assert!(logs(&server).await.iter().all(|(_, text)| text.lines().count() <= 5));
}

/// Lines are of a bucket and not of a name: who makes a bucket of that name later learns nothing of what was asked before.
#[tokio::test]
async fn who_makes_a_bucket_of_the_same_name_gets_no_lines_of_the_old_one() {
    for (name, who) in [("another account", STRANGER), ("the same account", OWNER)] {
        let server = logging().await;
        let wrong = Signer {
            secret: "another",
            ..OWNER
        };
        server.ok(put(&key("old-1")).body("data")).await;
        server.send_as(wrong, get(&key("old-2"))).await;
        server.ok(delete(&key("old-1"))).await;
        server.ok(delete("/bucket")).await;
        server.send_as(wrong, get(&key("old-3"))).await;
        server.ok(delete("/logs")).await;
        server.clock.advance(Duration::from_secs(1));
        for ask in [
            put("/bucket"),
            put("/logs"),
            put("/bucket?logging").body(configuration("logs", "", who.access_key_id)),
        ] {
            let answer = server.send_as(who, ask).await;
            assert!(answer.status.is_success(), "{name}: {answer:?}");
        }
        // Refused before the new bucket has logged anything: nobody's.
        server.send_as(wrong, get(&key("old-4"))).await;
        server.send_as(who, get(&key("new-1"))).await;
        server.send_as(wrong, get(&key("new-2"))).await;
        server.door.deliver_logs().await.unwrap();
        let all = logs(&server).await;
        let text: String = all.iter().map(|(_, text)| text.as_str()).collect();
        assert!(!text.contains("old-"), "{name}: {text}");
        assert!(text.contains("new-1") && text.contains("new-2"), "{name}: {text}");
        let owner = |line: &str| line.split(' ').next().map(str::to_owned);
        let owners: Vec<_> = text.lines().map(owner).collect();
        assert!(owners.windows(2).all(|two| two[0] == two[1]), "{name}: {text}");
    }
}

/// What nobody was believed to send costs who owns the bucket little, however long it is.
#[tokio::test]
async fn of_what_the_edge_refuses_a_line_is_short() {
    let server = logging().await;
    let wrong = Signer {
        secret: "another",
        ..OWNER
    };
    server.ok(put(&key("k")).body("data")).await;
    let long = "l".repeat(7 << 10);
    let ask = |name: &str, query: &str| {
        get(&format!("{}?{query}", key(name)))
            .header("referer", &long)
            .header("user-agent", &long)
    };
    server.send_as(wrong, ask(&long, &format!("versionId={long}"))).await;
    server.send_as(OWNER, ask("k", "versionId=null%0Aforged%20line")).await;
    server.door.deliver_logs().await.unwrap();
    let all = logs(&server).await;
    let lines: Vec<_> = all[0].1.lines().collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(
        lines[1].contains("s3:unknown") && lines[1].len() < 6 << 10,
        "{}",
        lines[1].len()
    );
    // Of who was believed all is told.
    assert!(lines[2].len() > 2 * long.len() && !lines[2].contains("forged line"));
}

#[tokio::test]
async fn a_log_goes_by_the_rights_of_the_key_as_they_are_then() {
    let server = logging().await;
    let at_target = |effect: &str| {
        let resource = "logs/*";
        policy(&[&statement(effect, "\"*\"", "s3:PutObject", resource)])
    };
    server.ok(put(&key("1")).body("data")).await;
    server.ok(put("/logs?policy").body(at_target("Deny"))).await;
    let denied = server.door.deliver_logs().await.unwrap_err().to_string();
    assert!(
        denied.contains("bucket bucket") && denied.contains("may not put"),
        "{denied}"
    );
    // What was denied is gone; what comes later is judged anew.
    server.ok(delete("/logs?policy")).await;
    server.door.deliver_logs().await.unwrap();
    assert_eq!(logs(&server).await, []);
    server.ok(put(&key("2")).body("data")).await;
    server.door.deliver_logs().await.unwrap();
    assert_eq!(logs(&server).await.len(), 1);
    // A bucket that logs no more, or is gone, needs no log.
    server.ok(put(&key("3")).body("data")).await;
    server.ok(put("/bucket?logging").body("<BucketLoggingStatus/>")).await;
    server.door.deliver_logs().await.unwrap();
    assert_eq!(logs(&server).await.len(), 1);
    // A target that is gone is told of.
    let own = configuration("logs", "", OWNER.access_key_id);
    server.ok(put("/bucket?logging").body(own)).await;
    for (name, _) in logs(&server).await {
        server.ok(delete(&format!("/logs/{name}"))).await;
    }
    server.ok(delete("/logs")).await;
    server.ok(put(&key("4")).body("data")).await;
    let gone = server.door.deliver_logs().await.unwrap_err().to_string();
    assert!(gone.contains("does not exist"), "{gone}");
}

#[tokio::test]
async fn a_user_s_key_needs_a_right_of_its_own() {
    let server = Server::with_bucket().await;
    server.ok(put("/logs")).await;
    let by_worker = configuration("logs", "w/", WORKER.access_key_id);
    let allowed = server.send(put("/bucket?logging").body(&by_worker)).await;
    let may_put = server.send_as(WORKER, put("/logs/w/x").body("data")).await;
    assert_eq!(allowed.status.is_success(), may_put.status.is_success());
}
