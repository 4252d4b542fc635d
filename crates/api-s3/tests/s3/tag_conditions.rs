//! Conditions on the tags that objects have and are given.

use baleen_objects::Tags;
use baleen_types::{BucketName, ObjectKey, ObjectPath};

use crate::harness::{CLERK, OWNER, STRANGER, Server, delete, get, head, key, policy, post, put, statement};

const CLERK_ARN: &str = r#"{"AWS": "arn:aws:iam::100000000001:user/somebody@example.com"}"#;

fn on(statement: &str, condition: &str) -> String {
    format!("{statement}, \"Condition\": {{{condition}}}")
}

fn document(tags: &[(&str, &str)]) -> String {
    let tag = |(key, value): &(&str, &str)| format!("<Tag><Key>{key}</Key><Value>{value}</Value></Tag>");
    let tags: String = tags.iter().map(tag).collect();
    format!("<Tagging><TagSet>{tags}</TagSet></Tagging>")
}

async fn server(statements: &[&str]) -> Server {
    let server = Server::with_bucket().await;
    for (name, tags) in [
        ("open", "public=yes"),
        ("shut", "public=no"),
        ("case", "Public=yes"),
        ("bare", ""),
    ] {
        server
            .ok(put(&key(name)).header("x-amz-tagging", tags).body("data"))
            .await;
    }
    server.ok(put("/bucket?policy").body(policy(statements))).await;
    server
}

#[tokio::test]
async fn who_reads_is_judged_by_the_tags_that_an_object_has() {
    let has = r#""StringEquals": {"s3:ExistingObjectTag/public": "yes"}"#;
    let server = server(&[
        &on(&statement("Allow", "\"*\"", "s3:GetObject*", "bucket/*"), has),
        &on(&statement("Allow", "\"*\"", "s3:DeleteObject", "bucket/*"), has),
    ])
    .await;
    for (name, status) in [
        ("open", 200),
        ("shut", 403),
        ("case", 403),
        ("bare", 403),
        ("none", 403),
    ] {
        for target in [
            key(name),
            format!("{}?tagging", key(name)),
            format!("{}?versionId=null", key(name)),
        ] {
            assert_eq!(server.raw(get(&target)).await.status.as_u16(), status, "{target}");
        }
        assert_eq!(server.raw(head(&key(name))).await.status.as_u16(), status, "{name}");
        assert_eq!(
            server.send_as(STRANGER, get(&key(name))).await.status.as_u16(),
            status,
            "{name}"
        );
        let copy = put(&key("mine")).header("x-amz-copy-source", &format!("/bucket/{name}"));
        assert_eq!(server.raw(copy).await.status.as_u16(), 403, "{name}");
        // AWS's table: who deletes is not judged by tags, so that the key has no value.
        assert_eq!(server.raw(delete(&key(name))).await.status.as_u16(), 403, "{name}");
    }
    let odd = format!("{}?versionId=x", key("open"));
    assert_eq!(server.raw(get(&odd)).await.status.as_u16(), 403);
    // At once, and by the version that is read.
    server
        .ok(put(&format!("{}?tagging", key("open"))).body(document(&[("public", "no")])))
        .await;
    assert_eq!(server.raw(get(&key("open"))).await.status.as_u16(), 403);
    server
        .ok(put(&key("shut")).header("x-amz-tagging", "public=yes").body("new"))
        .await;
    assert_eq!(server.raw(get(&key("shut"))).await.text(), "new");
    server.ok(put(&key("shut")).body("newer")).await;
    assert_eq!(server.raw(get(&key("shut"))).await.status.as_u16(), 403);
    server.ok(get(&key("shut"))).await;
}

#[tokio::test]
async fn each_version_is_judged_by_its_own_tags() {
    let has = r#""StringEquals": {"s3:ExistingObjectTag/public": "yes"}"#;
    let server = Server::with_bucket().await;
    let on_versions = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    server.ok(put("/bucket?versioning").body(on_versions)).await;
    let read = on(&statement("Allow", "\"*\"", "s3:GetObject*", "bucket/*"), has);
    server.ok(put("/bucket?policy").body(policy(&[&read]))).await;
    let mut versions = Vec::new();
    for tags in ["public=yes", "public=no"] {
        let made = server.ok(put(&key("k")).header("x-amz-tagging", tags).body(tags)).await;
        versions.push(made.header("x-amz-version-id"));
    }
    server.ok(delete(&key("k"))).await;
    for (target, status) in [
        (key("k"), 403),
        (format!("{}?versionId={}", key("k"), versions[0]), 200),
        (format!("{}?versionId={}", key("k"), versions[1]), 403),
    ] {
        assert_eq!(server.raw(get(&target)).await.status.as_u16(), status, "{target}");
    }
}

#[tokio::test]
async fn a_deny_by_a_tag_holds_for_root_too() {
    let has = r#""Null": {"s3:ExistingObjectTag/secret": "false"}"#;
    let gives = r#""Null": {"s3:RequestObjectTag/secret": "false"}"#;
    let server = server(&[
        &on(&statement("Deny", "\"*\"", "s3:GetObject", "bucket/*"), has),
        &on(
            &statement("Deny", "\"*\"", "s3:PutObjectTagging", "bucket/kept/*"),
            gives,
        ),
    ])
    .await;
    server
        .ok(put(&key("k")).header("x-amz-tagging", "secret=").body("data"))
        .await;
    server.fails(get(&key("k")), 403, "AccessDenied").await;
    server.ok(get(&key("bare"))).await;
    // Nobody gets at the bytes by a copy, and nobody gives the tag by one.
    let copied = |from: &str, to: &str| put(&key(to)).header("x-amz-copy-source", &format!("/bucket/{from}"));
    server.fails(copied("k", "copy"), 403, "AccessDenied").await;
    server
        .ok(put(&key("kept/k")).header("x-amz-tagging", "other=1").body("old"))
        .await;
    for tags in ["secret=1", "other=1&secret="] {
        let ask = put(&key("kept/k")).header("x-amz-tagging", tags).body("new");
        server.fails(ask, 403, "AccessDenied").await;
        let replaced = copied("bare", "kept/k").header("x-amz-tagging-directive", "REPLACE");
        server
            .fails(replaced.header("x-amz-tagging", tags), 403, "AccessDenied")
            .await;
    }
    let tagging = format!("{}?tagging", key("kept/k"));
    server
        .fails(put(&tagging).body(document(&[("secret", "1")])), 403, "AccessDenied")
        .await;
    assert_eq!(server.ok(get(&tagging)).await.element("Key"), "other");
    assert_eq!(server.ok(get(&key("kept/k"))).await.text(), "old");
    server.ok(put(&tagging).body(document(&[("third", "1")]))).await;
    let source = || copied("open", "kept/k").header("x-amz-tagging", "public=yes");
    server.ok(source()).await;
    server
        .ok(put(&format!("{}?tagging", key("open"))).body(document(&[("secret", "1")])))
        .await;
    server.fails(copied("open", "kept/k"), 403, "AccessDenied").await;
    server
        .ok(put("/bucket?policy").body(policy(&[&on(
            &statement("Deny", "\"*\"", "s3:PutObjectTagging", "bucket/kept/*"),
            gives,
        )])))
        .await;
    server.fails(copied("open", "kept/k"), 403, "AccessDenied").await;
    server.ok(copied("open", "elsewhere")).await;
}

/// A copy gives its tags as a put does: what is forbidden to be written with them is not copied with them either.
#[tokio::test]
async fn a_copy_is_judged_by_the_tags_that_it_takes_along() {
    let copy = |from: &str, to: &str| put(&key(to)).header("x-amz-copy-source", &format!("/bucket/{from}"));
    let is = |value: &str| format!(r#""StringEquals": {{"s3:RequestObjectTag/public": "{value}"}}"#);
    let deny = |condition: &str| on(&statement("Deny", "\"*\"", "s3:PutObject", "bucket/to/*"), condition);
    let keys = r#""ForAnyValue:StringEquals": {"s3:RequestObjectTagKeys": "Public"}"#;
    let server = server(&[
        &deny(&is("no")),
        &deny(keys),
        &statement("Allow", CLERK_ARN, "s3:*", "bucket/*"),
    ])
    .await;
    for (from, status) in [("open", 200), ("shut", 403), ("case", 403), ("bare", 200)] {
        for who in [OWNER, CLERK] {
            for ask in [
                copy(from, "to/k"),
                copy(from, "to/k").header("x-amz-tagging-directive", "COPY"),
                copy(from, "to/k").header("x-amz-tagging", "public=yes"),
            ] {
                let answer = server.send_as(who, ask).await;
                assert_eq!(answer.status.as_u16(), status, "{from}: {answer:?}");
            }
            let bared = copy(from, "to/k").header("x-amz-tagging-directive", "REPLACE");
            assert_eq!(server.send_as(who, bared).await.status.as_u16(), 200, "{from}");
            assert_eq!(
                server.send_as(who, copy(from, "other")).await.status.as_u16(),
                200,
                "{from}"
            );
        }
    }
    // What may be written with some tags alone is not to be copied without.
    let write = on(&statement("Allow", CLERK_ARN, "s3:PutObject", "bucket/*"), &is("yes"));
    let [read, tag] =
        ["s3:GetObject*", "s3:PutObjectTagging"].map(|action| statement("Allow", CLERK_ARN, action, "bucket/*"));
    server
        .ok(put("/bucket?policy").body(policy(&[&write, &read, &tag])))
        .await;
    for from in ["shut", "case", "bare"] {
        assert_eq!(
            server.send_as(CLERK, copy(from, "to/k")).await.status.as_u16(),
            403,
            "{from}"
        );
    }
}

/// Who was decided about by the tags which an object had does not replace those that it was given since.
#[tokio::test]
async fn tags_are_replaced_by_who_may_replace_these() {
    let has = r#""StringEquals": {"s3:ExistingObjectTag/public": "yes"}"#;
    let server = server(&[&on(
        &statement("Allow", CLERK_ARN, "s3:PutObjectTagging", "bucket/*"),
        has,
    )])
    .await;
    let target = format!("{}?tagging", key("open"));
    for (meanwhile, status, after) in [
        (&[("public", "yes")][..], 200, "mine"),
        (&[("public", "no")], 409, "public"),
        (&[], 409, ""),
        (&[("public", "yes"), ("more", "1")], 409, "public"),
    ] {
        server.ok(put(&target).body(document(&[("public", "yes")]))).await;
        let at = ObjectPath {
            bucket: BucketName::parse("bucket").unwrap(),
            key: ObjectKey::parse("open").unwrap(),
        };
        let objects = server.objects.clone();
        let tags = meanwhile
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let tags = Tags::of_object(tags).unwrap();
        let change = async move {
            objects.put_tags(&at.into(), tags).await.unwrap();
        };
        let ask = put(&target).body(document(&[("mine", "1")]));
        let answer = server.send_late(CLERK, ask, change).await;
        assert_eq!(answer.status.as_u16(), status, "{meanwhile:?}: {answer:?}");
        assert_eq!(server.ok(get(&target)).await.element("Key"), after, "{meanwhile:?}");
    }
}

#[tokio::test]
async fn who_writes_is_judged_by_the_tags_that_are_given() {
    let blue = r#""StringEquals": {"s3:RequestObjectTag/team": "blue"}"#;
    let named = r#""ForAllValues:StringEquals": {"s3:RequestObjectTagKeys": ["team", "case"]}"#;
    let server = server(&[
        &on(&statement("Allow", CLERK_ARN, "s3:PutObject", "bucket/*"), blue),
        &on(&statement("Allow", CLERK_ARN, "s3:PutObjectTagging", "bucket/*"), named),
        &statement("Allow", CLERK_ARN, "s3:GetObject*", "bucket/*"),
    ])
    .await;
    let as_clerk = |ask| server.send_as(CLERK, ask);
    for (tags, status) in [
        ("team=blue", 200),
        ("team=blue&case=17", 200),
        ("case=17&team=blue", 200),
        ("te%61m=bl%75e", 200),
        ("team=blue&more=1", 403),
        ("team=red", 403),
        ("Team=blue", 403),
        ("team=Blue", 403),
        ("team", 403),
        ("", 403),
        ("team=blue&team=red", 403),
    ] {
        let answer = as_clerk(put(&key("k")).header("x-amz-tagging", tags).body("data")).await;
        // A tag that stands twice is none; what the header says is refused anyway.
        let fits = answer.status.as_u16() == status || answer.code() == "InvalidArgument";
        assert!(fits, "{tags}: {answer:?}");
    }
    assert_eq!(as_clerk(put(&key("k")).body("data")).await.status.as_u16(), 403);
    // Where the header says nothing, nobody gets in by it.
    let copy = || {
        put(&key("copy"))
            .header("x-amz-copy-source", "/bucket/bare")
            .header("x-amz-tagging", "team=blue")
    };
    assert_eq!(as_clerk(copy()).await.status.as_u16(), 403);
    assert_eq!(
        as_clerk(copy().header("x-amz-tagging-directive", "COPY"))
            .await
            .status
            .as_u16(),
        403
    );
    let replaced = as_clerk(copy().header("x-amz-tagging-directive", "REPLACE")).await;
    assert_eq!(replaced.status.as_u16(), 200, "{replaced:?}");
    let begun = as_clerk(post(&format!("{}?uploads", key("big"))).header("x-amz-tagging", "team=blue")).await;
    assert_eq!(begun.status.as_u16(), 200, "{begun:?}");
    let part = format!("{}?partNumber=1&uploadId={}", key("big"), begun.element("UploadId"));
    let part = put(&part).header("x-amz-tagging", "team=blue").body("part");
    assert_eq!(as_clerk(part).await.status.as_u16(), 403);
    // Documents of tags.
    let tagging = format!("{}?tagging", key("bare"));
    for (tags, status) in [
        (&[("team", "red")][..], 200),
        (&[("case", "1"), ("team", "red")], 200),
        (&[], 200),
        (&[("more", "1")], 403),
        (&[("team", "red"), ("more", "1")], 403),
    ] {
        let answer = as_clerk(put(&tagging).body(document(tags))).await;
        assert_eq!(answer.status.as_u16(), status, "{tags:?}: {answer:?}");
    }
    assert_eq!(server.ok(get(&tagging)).await.elements("Key").len(), 0);
    for (who, target) in [(CLERK, "/absent/k?tagging"), (STRANGER, "/bucket/bare?tagging")] {
        let answer = server
            .send_as(who, put(target).body(document(&[("team", "red")])))
            .await;
        assert!([403, 404].contains(&answer.status.as_u16()), "{answer:?}");
    }
    server
        .send_as(OWNER, put(&tagging).body(document(&[("more", "1")])))
        .await;
    assert_eq!(server.ok(get(&tagging)).await.element("Key"), "more");
}

/// A document is read before it is decided about where a policy looks at its tags: nobody learns of the bucket by it.
#[tokio::test]
async fn a_document_of_tags_tells_nobody_of_the_bucket() {
    let blue = r#""StringEquals": {"s3:RequestObjectTag/team": "blue"}"#;
    let server = server(&[&on(
        &statement("Allow", "\"*\"", "s3:PutObjectTagging", "bucket/open"),
        blue,
    )])
    .await;
    for body in [
        "",
        "<Tagging>",
        "<x/>",
        &document(&[("team", "red")]),
        &document(&[("", "")]),
    ] {
        for target in ["/bucket/open?tagging", "/bucket/none?tagging", "/absent/open?tagging"] {
            let answer = server.raw(put(target).body(body)).await;
            assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "AccessDenied"));
        }
    }
    let answer = server
        .raw(put("/bucket/open?tagging").body(document(&[("team", "blue")])))
        .await;
    assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
}
