//! Access control lists: that they count where ownership says so and nowhere else, and what they then give.

use http::Method;

use crate::harness::{Ask, By, CLERK, STRANGER, Server, delete, get, head, key, policy, post, put, statement};

const LISTS: &str =
    "<OwnershipControls><Rule><ObjectOwnership>BucketOwnerPreferred</ObjectOwnership></Rule></OwnershipControls>";
const ENFORCED: &str =
    "<OwnershipControls><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule></OwnershipControls>";
const EVERYONE: &str = "uri=\"http://acs.amazonaws.com/groups/global/AllUsers\"";
const ACCOUNTS: &str = "uri=\"http://acs.amazonaws.com/groups/global/AuthenticatedUsers\"";

async fn with_lists() -> Server {
    let server = Server::with_bucket().await;
    server.ok(put("/bucket?ownershipControls").body(LISTS)).await;
    server
}

fn document(owner: &str, grants: &[(&str, &str)]) -> String {
    let grant =
        |(grantee, permission): &(&str, &str)| format!("<Grant>{grantee}<Permission>{permission}</Permission></Grant>");
    let grants: String = grants.iter().map(grant).collect();
    format!(
        "<AccessControlPolicy><Owner><ID>{owner}</ID></Owner><AccessControlList>{grants}</AccessControlList></AccessControlPolicy>"
    )
}

fn grantee(kind: &str, element: &str, value: &str) -> String {
    format!(
        "<Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"{kind}\"><{element}>{value}</{element}></Grantee>"
    )
}

/// Ownership is the bucket owner's unless it is said otherwise: lists are not there.
#[tokio::test]
async fn where_lists_do_not_count() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("k")).body("data")).await;
    for target in ["/bucket?acl", "/bucket/k?acl"] {
        let answer = server.ok(get(target)).await;
        assert_eq!(answer.elements("Permission"), ["FULL_CONTROL"], "{}", answer.text());
        assert_eq!(answer.elements("ID"), ["100000000001", "100000000001"]);
        assert!(answer.text().contains("CanonicalUser"), "{}", answer.text());
        server.ok(put(target).header("x-amz-acl", "private")).await;
        for (header, value) in [("x-amz-acl", "public-read"), ("x-amz-grant-read", EVERYONE)] {
            server
                .fails(put(target).header(header, value), 400, "AccessControlListNotSupported")
                .await;
        }
        let everyone = grantee("Group", "URI", "http://acs.amazonaws.com/groups/global/AllUsers");
        let open = document("100000000001", &[(&everyone, "READ")]);
        server
            .fails(put(target).body(open), 400, "AccessControlListNotSupported")
            .await;
        let own = grantee("CanonicalUser", "ID", "100000000001");
        let own = document("100000000001", &[(&own, "FULL_CONTROL")]);
        server.ok(put(target).body(own)).await;
    }
    for ask in [
        put(&key("k")),
        put(&key("copy")).header("x-amz-copy-source", "/bucket/k"),
    ] {
        let ask = ask.header("x-amz-acl", "public-read");
        server.fails(ask, 400, "AccessControlListNotSupported").await;
    }
    let uploads = post(&format!("{}?uploads", key("big"))).header("x-amz-acl", "public-read");
    server.fails(uploads, 400, "AccessControlListNotSupported").await;
    server.fails(get("/bucket/none?acl"), 404, "NoSuchKey").await;
    server
        .fails(put("/bucket/none?acl").header("x-amz-acl", "private"), 404, "NoSuchKey")
        .await;
    assert_eq!(server.raw(get(&key("k"))).await.status.as_u16(), 403);
}

#[tokio::test]
async fn what_is_no_list_is_refused_and_changes_nothing() {
    let server = with_lists().await;
    server.ok(put(&key("k")).body("data")).await;
    let group = |uri: &str| grantee("Group", "URI", uri);
    let user = |id: &str| grantee("CanonicalUser", "ID", id);
    for target in ["/bucket?acl", "/bucket/k?acl"] {
        let of = |grantee: &str, permission| document("100000000001", &[(grantee, permission)]);
        for (body, status, code) in [
            (String::new(), 400, "MissingSecurityHeader"),
            ("<x/>".to_owned(), 400, ""),
            ("<AccessControlPolicy>".to_owned(), 400, ""),
            ("<AccessControlPolicy/>".to_owned(), 400, "MalformedXML"),
            (document("100000000002", &[]), 403, "AccessDenied"),
            (of(&user("somebody"), "READ"), 400, "InvalidArgument"),
            (of(&group("http://example.com/all"), "READ"), 400, "InvalidArgument"),
            (of(&user("100000000002"), "EVERYTHING"), 400, "MalformedXML"),
            (of(&grantee("Group", "ID", "100000000002"), "READ"), 400, "MalformedXML"),
            (
                of(
                    &grantee("AmazonCustomerByEmail", "EmailAddress", "a@example.com"),
                    "READ",
                ),
                400,
                "UnresolvableGrantByEmailAddress",
            ),
            (
                document("100000000001", &vec![(&*user("100000000002"), "READ"); 101]),
                400,
                "InvalidArgument",
            ),
        ] {
            let answer = server.send(put(target).body(&body)).await;
            assert_eq!(answer.status.as_u16(), status, "{body}: {answer:?}");
            assert!(code.is_empty() || answer.code() == code, "{body}: {answer:?}");
        }
        let both = put(target)
            .header("x-amz-acl", "private")
            .header("x-amz-grant-read", EVERYONE);
        server.fails(both, 400, "InvalidRequest").await;
        let both = put(target)
            .header("x-amz-acl", "private")
            .body(document("100000000001", &[]));
        server.fails(both, 400, "UnexpectedContent").await;
        server
            .fails(put(target).header("x-amz-acl", "open"), 400, "InvalidArgument")
            .await;
        assert_eq!(server.ok(get(target)).await.elements("Permission"), ["FULL_CONTROL"]);
    }
    assert_eq!(server.ok(get(&key("k"))).await.text(), "data");
}

/// Who is let in by which list. CLERK has no policies of its own, WORKER's allow all below `open/`; STRANGER is root of another
/// account.
#[tokio::test]
#[allow(clippy::too_many_lines, reason = "a table")]
async fn lists_give_and_never_take() {
    let server = with_lists().await;
    let read = || get(&key("open/k"));
    let list = || get("/bucket?list-type=2");
    let store = || put(&key("open/new")).body("x");
    let of_bucket = || get("/bucket?acl");
    let of_object = || get(&format!("{}?acl", key("open/k")));
    for (target, header, value, asked) in [
        (
            "bucket",
            "x-amz-acl",
            "private",
            vec![
                (By::Nobody, list(), 403),
                (By::Stranger, list(), 403),
                (By::Clerk, list(), 403),
                (By::Worker, read(), 200),
                (By::Owner, list(), 200),
            ],
        ),
        (
            "bucket",
            "x-amz-acl",
            "public-read",
            vec![
                (By::Nobody, list(), 200),
                (By::Nobody, head("/bucket"), 200),
                (By::Nobody, get("/bucket?versions"), 200),
                (By::Clerk, list(), 200),
                (By::Stranger, list(), 200),
                // A bucket's list says nothing of what is in its objects, nor of the bucket's settings.
                (By::Nobody, read(), 403),
                (By::Nobody, store(), 403),
                (By::Nobody, of_bucket(), 403),
                (By::Nobody, get("/bucket?policy"), 403),
                (By::Nobody, delete("/bucket"), 403),
                (By::Nobody, get(&key("none")), 403),
            ],
        ),
        (
            "bucket",
            "x-amz-acl",
            "public-read-write",
            vec![
                (By::Nobody, store(), 200),
                (By::Nobody, delete(&key("open/new")), 204),
                (By::Nobody, read(), 403),
                (
                    By::Nobody,
                    post("/bucket?delete").body("<Delete><Object><Key>open/new</Key></Object></Delete>"),
                    200,
                ),
                // Who may write may not thereby give.
                (By::Nobody, store().header("x-amz-acl", "public-read"), 403),
                (By::Stranger, store().header("x-amz-grant-read", EVERYONE), 403),
                (By::Stranger, store(), 200),
            ],
        ),
        (
            "bucket",
            "x-amz-acl",
            "authenticated-read",
            vec![
                (By::Nobody, list(), 403),
                (By::Clerk, list(), 200),
                (By::Stranger, list(), 200),
            ],
        ),
        (
            "bucket",
            "x-amz-grant-full-control",
            "id=\"100000000002\"",
            vec![
                (By::Stranger, list(), 200),
                (By::Stranger, store(), 200),
                (By::Stranger, of_bucket(), 200),
                (By::Stranger, put("/bucket?acl").header("x-amz-acl", "private"), 200),
                (By::Stranger, read(), 403),
                (By::Nobody, list(), 403),
                (By::Clerk, list(), 403),
            ],
        ),
        (
            "bucket",
            "x-amz-grant-read-acp",
            EVERYONE,
            vec![(By::Nobody, of_bucket(), 200), (By::Nobody, list(), 403)],
        ),
        (
            "object",
            "x-amz-acl",
            "public-read",
            vec![
                (By::Nobody, read(), 200),
                (By::Nobody, head(&key("open/k")), 200),
                (By::Nobody, get(&format!("{}?versionId=null", key("open/k"))), 200),
                (By::Clerk, read(), 200),
                (By::Stranger, read(), 200),
                (By::Nobody, of_object(), 403),
                (By::Nobody, put(&key("open/k")).body("x"), 403),
                (By::Nobody, delete(&key("open/k")), 403),
                (By::Nobody, get(&format!("{}?tagging", key("open/k"))), 403),
                (By::Nobody, get(&key("other")), 403),
                (By::Nobody, get(&key("none")), 403),
            ],
        ),
        (
            "object",
            "x-amz-grant-read",
            ACCOUNTS,
            vec![
                (By::Nobody, read(), 403),
                (By::Clerk, read(), 200),
                (By::Stranger, read(), 200),
            ],
        ),
        (
            "object",
            "x-amz-grant-read",
            "id=100000000002",
            vec![
                (By::Stranger, read(), 200),
                (By::Stranger, get(&key("other")), 403),
                (
                    By::Stranger,
                    put(&key("stolen")).header("x-amz-copy-source", "/bucket/open/k"),
                    403,
                ),
                (By::Nobody, read(), 403),
                (By::Clerk, read(), 403),
            ],
        ),
        (
            "object",
            "x-amz-grant-write-acp",
            "id=100000000002",
            vec![
                (By::Stranger, of_object(), 403),
                (By::Stranger, read(), 403),
                (
                    By::Stranger,
                    put(&format!("{}?acl", key("open/k"))).header("x-amz-acl", "public-read"),
                    200,
                ),
                (By::Nobody, read(), 200),
            ],
        ),
        (
            "object",
            "x-amz-acl",
            "public-read-write",
            // There is nothing to write in an object by itself (AWS, "What permissions can I grant?").
            vec![
                (By::Nobody, read(), 200),
                (By::Nobody, put(&key("open/k")).body("x"), 403),
            ],
        ),
    ] {
        server.ok(put("/bucket?acl").header("x-amz-acl", "private")).await;
        server.ok(put(&key("open/k")).body("data")).await;
        server.ok(put(&key("other")).body("data")).await;
        server.ok(delete(&key("open/new"))).await;
        let at = match target {
            "bucket" => "/bucket?acl".to_owned(),
            _ => format!("{}?acl", key("open/k")),
        };
        server.ok(put(&at).header(header, value)).await;
        for (by, ask, status) in asked {
            let shown = format!("{target} {header} {value}: {by:?} {} {}", ask.method, ask.target);
            let answer = server.send_by(by, ask).await;
            assert_eq!(answer.status.as_u16(), status, "{shown}: {answer:?}");
        }
    }
}

/// A list comes with the write and goes with what was written: what is put in its place has its own.
#[tokio::test]
async fn a_list_is_of_one_version() {
    let server = with_lists().await;
    let read = || async { server.raw(get(&key("k"))).await.status.as_u16() };
    let public = |ask: Ask| ask.header("x-amz-acl", "public-read");
    server.ok(public(put(&key("k"))).body("data")).await;
    assert_eq!(read().await, 200);
    let copy = || put(&key("copy")).header("x-amz-copy-source", "/bucket/k");
    server.ok(copy()).await;
    assert_eq!(server.raw(get(&key("copy"))).await.status.as_u16(), 403);
    server.ok(public(copy())).await;
    assert_eq!(server.raw(get(&key("copy"))).await.status.as_u16(), 200);
    let onto_itself = put(&key("copy"))
        .header("x-amz-copy-source", "/bucket/copy")
        .header("x-amz-metadata-directive", "REPLACE");
    server.ok(onto_itself).await;
    assert_eq!(server.raw(get(&key("copy"))).await.status.as_u16(), 403);
    server.ok(put(&key("k")).body("data")).await;
    assert_eq!(read().await, 403);
    let begun = server.ok(public(post(&format!("{}?uploads", key("k"))))).await;
    let upload = begun.element("UploadId");
    let part = server
        .ok(put(&format!("{}?partNumber=1&uploadId={upload}", key("k"))).body("part"))
        .await;
    let complete = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{}</ETag></Part></CompleteMultipartUpload>",
        part.header("etag")
    );
    assert_eq!(read().await, 403);
    server
        .ok(post(&format!("{}?uploadId={upload}", key("k"))).body(complete))
        .await;
    assert_eq!(read().await, 200);
    let on = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    server.ok(put("/bucket?versioning").body(on)).await;
    let made = server.ok(put(&key("k")).body("second")).await;
    assert_eq!(read().await, 403);
    let of = |version: &str| format!("{}?versionId={version}", key("k"));
    assert_eq!(server.raw(get(&of("null"))).await.text(), "part");
    let second = of(&made.header("x-amz-version-id"));
    assert_eq!(server.raw(get(&second)).await.status.as_u16(), 403);
    server.ok(public(put(&second.replace('?', "?acl&")))).await;
    assert_eq!(server.raw(get(&second)).await.text(), "second");
    let shown = server.ok(get(&second.replace('?', "?acl&"))).await;
    assert_eq!(shown.elements("Permission"), ["FULL_CONTROL", "READ"]);
    assert!(shown.text().contains("AllUsers"), "{}", shown.text());
}

#[tokio::test]
async fn what_denies_and_what_blocks_wins_over_lists() {
    let server = with_lists().await;
    let public = |ask: Ask| ask.header("x-amz-acl", "public-read");
    server.ok(public(put(&key("k"))).body("data")).await;
    server.ok(public(put("/bucket?acl"))).await;
    let (object, bucket) = (key("k"), "/bucket");
    let all = || async {
        let read = server.raw(get(&object)).await.status.as_u16();
        (read, server.raw(get(bucket)).await.status.as_u16())
    };
    assert_eq!(all().await, (200, 200));
    let deny = statement("Deny", "\"*\"", "s3:GetObject", "bucket/*");
    server.ok(put("/bucket?policy").body(policy(&[&deny]))).await;
    assert_eq!(all().await, (403, 200));
    server.ok(delete("/bucket?policy")).await;
    let block = |switch: &str| {
        format!("<PublicAccessBlockConfiguration><{switch}>true</{switch}></PublicAccessBlockConfiguration>")
    };
    server
        .ok(put("/bucket?publicAccessBlock").body(block("IgnorePublicAcls")))
        .await;
    assert_eq!(all().await, (403, 403));
    assert_eq!(server.send_as(STRANGER, get(&key("k"))).await.status.as_u16(), 403);
    server
        .ok(put("/bucket?publicAccessBlock").body(block("BlockPublicAcls")))
        .await;
    assert_eq!(all().await, (200, 200));
    for ask in [
        public(put("/bucket?acl")),
        public(put("/bucket/k?acl")),
        public(put(&key("k"))).body("new"),
        public(post(&format!("{}?uploads", key("k")))),
        public(put(&key("new")).header("x-amz-copy-source", "/bucket/k")),
        put("/bucket?acl").header("x-amz-grant-write", ACCOUNTS),
    ] {
        server.fails(ask, 403, "AccessDenied").await;
    }
    server
        .ok(put("/bucket?acl").header("x-amz-grant-write", "id=100000000002"))
        .await;
    server.ok(delete("/bucket?publicAccessBlock")).await;
    // A bucket whose policy is public and held to its owner's account lets in no other, by a list neither; and whom the policy
    // denies stays denied.
    let open = statement("Allow", "\"*\"", "s3:GetObject", "bucket/none");
    server
        .ok(put("/bucket?acl").header("x-amz-grant-read", "id=100000000002"))
        .await;
    let by_list = || async { server.send_as(STRANGER, get("/bucket")).await.status.as_u16() };
    assert_eq!(by_list().await, 200);
    server.ok(put("/bucket?policy").body(policy(&[&open]))).await;
    server
        .ok(put("/bucket?publicAccessBlock").body(block("RestrictPublicBuckets")))
        .await;
    assert_eq!(by_list().await, 403);
    assert_eq!(all().await, (403, 403));
    server.ok(delete("/bucket?publicAccessBlock")).await;
    assert_eq!(by_list().await, 200);
    server.ok(delete("/bucket?policy")).await;
    // Lists that no longer count give nothing, and those of the bucket have to go first.
    server
        .fails(
            put("/bucket?ownershipControls").body(ENFORCED),
            400,
            "InvalidBucketAclWithObjectOwnership",
        )
        .await;
    server.ok(put("/bucket?acl").header("x-amz-acl", "private")).await;
    server.ok(put("/bucket?ownershipControls").body(ENFORCED)).await;
    assert_eq!(all().await, (403, 403));
    server.ok(delete("/bucket?ownershipControls")).await;
    assert_eq!(all().await, (200, 403));
}

#[tokio::test]
async fn a_bucket_is_made_with_ownership_and_a_list() {
    let server = Server::new();
    let make = |name: &str, headers: &[(&str, &str)]| {
        let ask = put(&format!("/{name}"));
        headers.iter().fold(ask, |ask, (name, value)| ask.header(name, value))
    };
    let ownership = "x-amz-object-ownership";
    for (headers, status, shown) in [
        (&[][..], 200, "BucketOwnerEnforced"),
        (&[("x-amz-acl", "private")], 200, "BucketOwnerEnforced"),
        (&[(ownership, "ObjectWriter")], 200, "ObjectWriter"),
        (
            &[(ownership, "ObjectWriter"), ("x-amz-acl", "public-read")],
            200,
            "ObjectWriter",
        ),
        // Seed 004, CreateBucket: from before there was ownership.
        (&[("x-amz-grant-read", EVERYONE)], 200, "BucketOwnerPreferred"),
        (&[("x-amz-acl", "public-read")], 400, ""),
        (
            &[(ownership, "BucketOwnerEnforced"), ("x-amz-grant-read", EVERYONE)],
            400,
            "",
        ),
        (&[(ownership, "Mine")], 400, ""),
        (&[("x-amz-acl", "open")], 400, ""),
    ] {
        let answer = server.send(make("made", headers)).await;
        assert_eq!(answer.status.as_u16(), status, "{headers:?}: {answer:?}");
        if status != 200 {
            assert_eq!(server.send(head("/made")).await.status.as_u16(), 404, "{headers:?}");
            continue;
        }
        let found = server.ok(get("/made?ownershipControls")).await;
        assert_eq!(found.element("ObjectOwnership"), shown, "{headers:?}");
        let is_public = headers
            .iter()
            .any(|(_, value)| [EVERYONE, "public-read"].contains(value));
        let listed = server.raw(get("/made")).await.status.as_u16();
        assert_eq!(listed, if is_public { 200 } else { 403 }, "{headers:?}");
        server.ok(delete("/made")).await;
    }
    server.ok(make("made", &[(ownership, "ObjectWriter")])).await;
    server.ok(delete("/made?ownershipControls")).await;
    server
        .fails(get("/made?ownershipControls"), 404, "OwnershipControlsNotFoundError")
        .await;
    // WORKER may make buckets, and neither give them away nor say whose their objects are.
    for headers in [
        (ownership, "ObjectWriter"),
        ("x-amz-acl", "public-read"),
        ("x-amz-grant-read", EVERYONE),
    ] {
        let answer = server.send_as(CLERK, make("other", &[headers])).await;
        assert_eq!(answer.status.as_u16(), 403, "{headers:?}");
    }
}

/// Where lists count an object may be anybody's to read: still nobody learns of what may not be read.
#[tokio::test]
async fn lists_tell_nobody_what_is_there() {
    let server = with_lists().await;
    server.ok(put(&key("k")).body("data")).await;
    for (method, query) in [
        (Method::GET, ""),
        (Method::HEAD, ""),
        (Method::GET, "?acl"),
        (Method::PUT, "?acl"),
        (Method::GET, "?tagging"),
        (Method::DELETE, ""),
    ] {
        let mut seen = Vec::new();
        for target in ["/bucket/k", "/bucket/none", "/absent/k"] {
            let ask = crate::harness::ask(method.clone(), &format!("{target}{query}"));
            let answer = server.raw(ask.header("if-match", "\"0\"")).await;
            seen.push((answer.status.as_u16(), answer.code()));
        }
        assert!(
            seen.iter().all(|other| *other == seen[0] && other.0 == 403),
            "{method} {query}: {seen:?}"
        );
    }
}
