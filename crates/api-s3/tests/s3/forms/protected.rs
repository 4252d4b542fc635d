//! Encryption and locks of what forms store.

use crate::harness::{Server, delete, get, head, key, put};

use super::{Form, How, code, form};

const SSE: &str = "x-amz-server-side-encryption";

/// 32 times `k`, and its MD5.
const KEY: (&str, &str) = (
    "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=",
    "mT2HRsMGJ5IX5C+0rreZ8Q==",
);

#[tokio::test]
async fn fields_say_how_it_is_encrypted() {
    let server = Server::with_bucket().await;
    for how in [How::V4, How::V2] {
        let form = || Form { how, ..form() };
        let answer = form().field(SSE, "AES256").send(&server).await;
        assert_eq!(
            (code(&answer), answer.header(SSE)),
            (String::new(), "AES256".into()),
            "{answer:?}"
        );
        assert_eq!(server.ok(get(&key("k"))).await.header(SSE), "AES256");

        let name = |what: &str| format!("{SSE}-customer-{what}");
        let keyed = form()
            .field(&name("algorithm"), "AES256")
            .field(&name("key"), KEY.0)
            .field(&name("key-MD5"), KEY.1);
        let answer = keyed.send(&server).await;
        assert_eq!(
            (code(&answer), answer.header(&name("key-md5"))),
            (String::new(), KEY.1.into()),
            "{answer:?}"
        );
        server.fails(get(&key("k")), 400, "InvalidRequest").await;
        let with_key = get(&key("k"))
            .header(&name("algorithm"), "AES256")
            .header(&name("key"), KEY.0)
            .header(&name("key-md5"), KEY.1);
        assert_eq!(server.ok(with_key).await.body, b"data");

        let answer = form().field(SSE, "aws:kms").send(&server).await;
        assert_eq!(
            (code(&answer), answer.header(SSE)),
            (String::new(), "aws:kms".into()),
            "{answer:?}"
        );
        assert_eq!(server.ok(head(&key("k"))).await.header(SSE), "aws:kms");

        for (names, wanted) in [
            (vec![(SSE.to_owned(), "AES128")], "InvalidArgument"),
            (vec![(name("algorithm"), "AES256")], "InvalidArgument"),
            (
                vec![
                    (name("algorithm"), "AES256"),
                    (name("key"), KEY.0),
                    (name("key-MD5"), "AAAAAAAAAAAAAAAAAAAAAA=="),
                ],
                "InvalidArgument",
            ),
        ] {
            let broken = names.iter().fold(form(), |form, (name, value)| form.field(name, value));
            assert_eq!(code(&broken.send(&server).await), wanted, "{names:?}");
        }
        // None of them was a condition: the policy does not allow it.
        assert_eq!(code(&form().stray(SSE, "AES256").send(&server).await), "AccessDenied");
        assert_eq!(server.ok(head(&key("k"))).await.header(SSE), "aws:kms");
    }
}

#[tokio::test]
async fn fields_lock_it() {
    let server = Server::new();
    server
        .ok(put("/bucket").header("x-amz-bucket-object-lock-enabled", "true"))
        .await;
    let until = "2026-02-02T03:04:05Z";
    let lock = |name: &str| format!("x-amz-object-lock-{name}");
    for how in [How::V4, How::V2] {
        let form = || Form { how, ..form() }.field("Content-MD5", "jXd/OF09/siBXSD3SWAm3A==");
        let retained = form()
            .field(&lock("mode"), "COMPLIANCE")
            .field(&lock("retain-until-date"), until);
        let answer = retained.send(&server).await;
        assert_eq!(code(&answer), "", "{answer:?}");
        let version = answer.header("x-amz-version-id");
        let seen = server.ok(head(&key("k"))).await;
        assert_eq!(
            (seen.header(&lock("mode")), seen.header(&lock("retain-until-date"))),
            ("COMPLIANCE".into(), "2026-02-02T03:04:05.000Z".into())
        );
        server
            .fails(
                delete(&format!("{}?versionId={version}", key("k"))),
                403,
                "AccessDenied",
            )
            .await;

        let held = form().field(&lock("legal-hold"), "ON").send(&server).await;
        let version = held.header("x-amz-version-id");
        assert_eq!(server.ok(head(&key("k"))).await.header(&lock("legal-hold")), "ON");
        server
            .fails(
                delete(&format!("{}?versionId={version}", key("k"))),
                403,
                "AccessDenied",
            )
            .await;

        let half = form().field(&lock("mode"), "COMPLIANCE").send(&server).await;
        assert_eq!(code(&half), "InvalidArgument", "{half:?}");
        let past = form()
            .field(&lock("mode"), "GOVERNANCE")
            .field(&lock("retain-until-date"), "2026-01-01T00:00:00Z");
        assert_eq!(code(&past.send(&server).await), "InvalidArgument");
    }
}

#[tokio::test]
async fn fields_give_it_tags() {
    let server = Server::with_bucket().await;
    let document = |tags: &str| format!("<Tagging><TagSet>{tags}</TagSet></Tagging>");
    let tag = |name: &str| format!("<Tag><Key>{name}</Key><Value>&#43; /@</Value></Tag>");
    let many = |count: usize| document(&(0..count).map(|n| tag(&n.to_string())).collect::<String>());
    for (name, value, wanted) in [
        ("tagging", many(10), ""),
        ("tagging", many(0), ""),
        ("tagging", many(11), "BadRequest"),
        (
            "tagging",
            document(&format!("{}{}", tag("a"), tag("a"))),
            "InvalidArgument",
        ),
        ("tagging", document(&tag(&"k".repeat(129))), "InvalidTag"),
        ("tagging", "<Tagging><TagSet>".to_owned(), "MalformedXML"),
        // The codec would pass over the section, and the tag would be another.
        (
            "tagging",
            document("<Tag><Key>a</Key><Value><![CDATA[secret]]></Value></Tag>"),
            "MalformedXML",
        ),
        ("x-amz-tagging", "a=%2B%20/@&b=".to_owned(), ""),
        ("x-amz-tagging", "a=1&a=2".to_owned(), "InvalidArgument"),
    ] {
        let answer = form().field(name, &value).send(&server).await;
        assert_eq!(code(&answer), wanted, "{value}: {answer:?}");
        assert_eq!(server.stored("k").await.is_some(), wanted.is_empty(), "{value}");
        if name == "x-amz-tagging" && wanted.is_empty() {
            let tags = server.ok(get(&format!("{}?tagging", key("k")))).await;
            assert_eq!(tags.elements("Value"), ["+ /@", ""]);
        }
        server.ok(delete(&key("k"))).await;
    }
    // Both at once say it twice.
    let twice = form().field("tagging", &many(1)).field("x-amz-tagging", "a=b");
    assert_eq!(code(&twice.send(&server).await), "InvalidArgument");
}
