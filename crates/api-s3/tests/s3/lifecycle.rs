//! Lifecycle configurations over HTTP: documents that are taken and refused, and what headers tell of them.

use std::time::Duration;

use baleen_runtime::Shutdown;

use crate::harness::{CLERK, STRANGER, Server, delete, get, head, key, post, put};

fn configuration(rules: &str) -> String {
    format!(
        "<LifecycleConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{rules}</LifecycleConfiguration>"
    )
}

/// A configuration of one rule.
fn rule(inside: &str) -> String {
    configuration(&format!("<Rule><Status>Enabled</Status>{inside}</Rule>"))
}

async fn set(server: &Server, document: &str) {
    server.ok(put("/bucket?lifecycle").body(document)).await;
}

/// The rules that a bucket gives back, without what stands round them.
async fn given(server: &Server) -> String {
    let text = server.ok(get("/bucket?lifecycle")).await.text();
    let (_, rules) = text.split_once("<Rule>").unwrap();
    let (rules, _) = rules.rsplit_once("</Rule>").unwrap();
    rules.to_owned()
}

#[tokio::test]
async fn what_is_set_is_given_back_with_names() {
    let server = Server::with_bucket().await;
    server
        .fails(get("/bucket?lifecycle"), 404, "NoSuchLifecycleConfiguration")
        .await;
    // Each rule without its status, and how it is given back without it and its name.
    for (asked, told) in [
        (
            "<Filter><Prefix>logs/</Prefix></Filter><Expiration><Days>10</Days></Expiration>",
            "<Expiration><Days>10</Days></Expiration><Filter><Prefix>logs/</Prefix></Filter>",
        ),
        (
            "<Prefix>logs/</Prefix><Expiration><Days>10</Days></Expiration>",
            "<Expiration><Days>10</Days></Expiration><Prefix>logs/</Prefix>",
        ),
        (
            "<Filter/><Expiration><Date>2030-01-01T00:00:00.000Z</Date></Expiration>",
            "<Expiration><Date>2030-01-01T00:00:00.000Z</Date></Expiration><Filter></Filter>",
        ),
        (
            "<Filter></Filter><Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>",
            "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration><Filter></Filter>",
        ),
        (
            "<Filter><Prefix/></Filter><NoncurrentVersionExpiration><NoncurrentDays>2</NoncurrentDays>\
             <NewerNoncurrentVersions>3</NewerNoncurrentVersions></NoncurrentVersionExpiration>",
            "<Filter><Prefix></Prefix></Filter><NoncurrentVersionExpiration>\
             <NewerNoncurrentVersions>3</NewerNoncurrentVersions><NoncurrentDays>2</NoncurrentDays>\
             </NoncurrentVersionExpiration>",
        ),
        (
            "<Filter/><AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation>\
             </AbortIncompleteMultipartUpload>",
            "<AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation>\
             </AbortIncompleteMultipartUpload><Filter></Filter>",
        ),
        (
            "<Filter><Tag><Key>a</Key><Value>b</Value></Tag></Filter><Expiration><Days>1</Days></Expiration>",
            "<Expiration><Days>1</Days></Expiration><Filter><Tag><Key>a</Key><Value>b</Value></Tag></Filter>",
        ),
        (
            "<Filter><And><Prefix>a&amp;b</Prefix><ObjectSizeGreaterThan>5</ObjectSizeGreaterThan></And></Filter>\
             <Expiration><Days>1</Days></Expiration>",
            "<Expiration><Days>1</Days></Expiration><Filter><And>\
             <ObjectSizeGreaterThan>5</ObjectSizeGreaterThan><Prefix>a&amp;b</Prefix></And></Filter>",
        ),
    ] {
        set(&server, &rule(asked)).await;
        let given = given(&server).await;
        let given = given
            .replace("<ID>rule-1</ID>", "")
            .replace("<Status>Enabled</Status>", "");
        assert_eq!(given, told, "{asked}");
    }
    let names = "<Rule><ID>rule-1</ID><Filter/><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule>\
                 <Rule><Filter/><Status>Disabled</Status><Expiration><Days>2</Days></Expiration></Rule>\
                 <Rule><ID/><Filter/><Status>Enabled</Status><Expiration><Days>3</Days></Expiration></Rule>";
    let renamed = names.replace("rule-1", "rule-2");
    for (rules, ids) in [
        (names, ["rule-1", "rule-2", "rule-3"]),
        (&renamed, ["rule-2", "rule-2-2", "rule-3"]),
    ] {
        set(&server, &configuration(rules)).await;
        assert_eq!(server.ok(get("/bucket?lifecycle")).await.elements("ID"), ids);
    }
    for _ in 0..2 {
        assert_eq!(server.ok(delete("/bucket?lifecycle")).await.status.as_u16(), 204);
    }
    server
        .fails(get("/bucket?lifecycle"), 404, "NoSuchLifecycleConfiguration")
        .await;
}

/// What is refused changes nothing, and says why.
#[tokio::test]
async fn what_cannot_be_meant_is_refused() {
    let server = Server::with_bucket().await;
    let kept = rule("<Filter><Prefix>kept/</Prefix></Filter><Expiration><Days>10</Days></Expiration>");
    set(&server, &kept).await;
    let before = given(&server).await;
    let expiring = |inside: &str| rule(&format!("<Filter/><Expiration>{inside}</Expiration>"));
    let of = |filter: &str| {
        rule(&format!(
            "<Filter>{filter}</Filter><Expiration><Days>1</Days></Expiration>"
        ))
    };
    let doing = |action: &str| rule(&format!("<Filter/>{action}"));
    let tag = "<Tag><Key>a</Key><Value>b</Value></Tag>";
    let tagged = |action: &str| rule(&format!("<Filter>{tag}</Filter>{action}"));
    let named = |id: &str| {
        format!("<Rule><ID>{id}</ID><Filter/><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule>")
    };
    let abort = |days: &str| {
        format!(
            "<AbortIncompleteMultipartUpload><DaysAfterInitiation>{days}</DaysAfterInitiation>\
             </AbortIncompleteMultipartUpload>"
        )
    };
    let noncurrent = |inside: &str| format!("<NoncurrentVersionExpiration>{inside}</NoncurrentVersionExpiration>");
    let marker = "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>";
    let transition = "<Transition><Days>1</Days><StorageClass>GLACIER</StorageClass></Transition>";
    let old = "<NoncurrentVersionTransition><NoncurrentDays>1</NoncurrentDays><StorageClass>GLACIER</StorageClass>\
               </NoncurrentVersionTransition>";
    let malformed = (400, "MalformedXML");
    let argument = (400, "InvalidArgument");
    let request = (400, "InvalidRequest");
    for (document, (status, code)) in [
        (String::new(), malformed),
        ("<LifecycleConfiguration".to_owned(), malformed),
        (configuration(""), malformed),
        (configuration(&named("a").repeat(1001)), malformed),
        (configuration(&named("a").repeat(2)), argument),
        (configuration(&named(&"i".repeat(256))), argument),
        (configuration(&named("a").replace("Enabled", "enabled")), malformed),
        (configuration(&named("a").replace("<Filter/>", "")), malformed),
        (
            configuration(&named("a").replace("<Filter/>", "<Filter/><Prefix/>")),
            malformed,
        ),
        (
            configuration(&named("a").replace("<Filter/>", "<Filter/><Else/>")),
            malformed,
        ),
        (doing(""), request),
        (expiring(""), malformed),
        (expiring("<Days>0</Days>"), argument),
        (expiring("<Days>-1</Days>"), argument),
        (expiring("<Days>1.5</Days>"), malformed),
        (expiring("<Days>1,000</Days>"), malformed),
        (expiring("<Days>3O</Days>"), malformed),
        (expiring("<Days>1e3</Days>"), malformed),
        (expiring("<Days x=\"\">1 0</Days>"), malformed),
        (expiring("<Days>1<!-- -->.5</Days>"), malformed),
        (expiring("<Days>1&#48;</Days>"), malformed),
        (of("<ObjectSizeGreaterThan>1KB</ObjectSizeGreaterThan>"), malformed),
        (expiring("<Days>99999999999</Days>"), malformed),
        (expiring("<Days></Days>"), malformed),
        (expiring("<Days>1</Days><Days>2</Days>"), malformed),
        (expiring("<Days>1</Days><Date>2030-01-01T00:00:00Z</Date>"), malformed),
        (
            expiring("<Days>1</Days><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker>"),
            malformed,
        ),
        (expiring("<Date>2030-01-01T00:00:01Z</Date>"), argument),
        (expiring("<Date>2030-01-01T00:00:00.5Z</Date>"), argument),
        (expiring("<Date>2030-01-01T00:00:00+01:00</Date>"), argument),
        (expiring("<Date>2030-01-01</Date>"), malformed),
        (expiring("<Date>soon</Date>"), malformed),
        (of(&format!("<Prefix>a</Prefix>{tag}")), malformed),
        (of(&format!("{tag}{tag}")), malformed),
        (of("<And/>"), malformed),
        (of("<And><Prefix>a</Prefix></And>"), malformed),
        (
            of(&format!("<Prefix>a</Prefix><And>{tag}<Prefix>a</Prefix></And>")),
            malformed,
        ),
        (of(&format!("<And>{tag}{tag}</And>")), (400, "InvalidTag")),
        (of(&format!("<Prefix>{}</Prefix>", "p".repeat(1025))), request),
        (of("<ObjectSizeGreaterThan>-1</ObjectSizeGreaterThan>"), argument),
        (of("<ObjectSizeLessThan>0</ObjectSizeLessThan>"), argument),
        (
            of("<And><ObjectSizeGreaterThan>5</ObjectSizeGreaterThan><ObjectSizeLessThan>5</ObjectSizeLessThan></And>"),
            request,
        ),
        (tagged(&abort("1")), request),
        (tagged(marker), request),
        (doing(&abort("0")), argument),
        (doing("<AbortIncompleteMultipartUpload/>"), malformed),
        (doing(&noncurrent("<NoncurrentDays>0</NoncurrentDays>")), argument),
        (
            doing(&noncurrent("<NewerNoncurrentVersions>1</NewerNoncurrentVersions>")),
            malformed,
        ),
        (
            doing(&noncurrent(
                "<NoncurrentDays>1</NoncurrentDays><NewerNoncurrentVersions>0</NewerNoncurrentVersions>",
            )),
            argument,
        ),
        (
            doing(&noncurrent(
                "<NoncurrentDays>1</NoncurrentDays><NewerNoncurrentVersions>101</NewerNoncurrentVersions>",
            )),
            argument,
        ),
        (
            rule(&format!(
                "<Prefix/>{}",
                noncurrent("<NoncurrentDays>1</NoncurrentDays><NewerNoncurrentVersions>1</NewerNoncurrentVersions>")
            )),
            request,
        ),
        (doing(transition), (501, "NotImplemented")),
        (doing(old), (501, "NotImplemented")),
        // The codec would read what is in it as nothing: a rule for all that there is.
        (of("<Prefix><![CDATA[logs/]]></Prefix>"), malformed),
        (
            format!("<!DOCTYPE a [<!ENTITY p \"logs/\">]>{}", of("<Prefix>&p;</Prefix>")),
            malformed,
        ),
    ] {
        let answer = server
            .fails(put("/bucket?lifecycle").body(&document), status, code)
            .await;
        if status == 501 {
            assert!(answer.element("Message").contains("Transition"), "{answer:?}");
        }
        assert_eq!(given(&server).await, before, "{document}");
    }
    // Numbers of other documents are read as they stand too.
    for (target, document) in [
        (
            "/bucket?cors",
            "<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod>\
             <MaxAgeSeconds>1O</MaxAgeSeconds></CORSRule></CORSConfiguration>",
        ),
        (
            "/bucket?object-lock",
            "<ObjectLockConfiguration><Rule><DefaultRetention><Mode>GOVERNANCE</Mode><Days>1.000</Days>\
             </DefaultRetention></Rule></ObjectLockConfiguration>",
        ),
    ] {
        server.fails(put(target).body(document), 400, "MalformedXML").await;
    }
    let md5 = put("/bucket?lifecycle").header("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg==");
    server.fails(md5.body(&kept), 400, "BadDigest").await;
    let size = put("/bucket?lifecycle").header("x-amz-transition-default-minimum-object-size", "none");
    server.fails(size.body(&kept), 400, "InvalidRequest").await;
    for by in [CLERK, STRANGER] {
        for ask in [
            put("/bucket?lifecycle").body(&kept),
            get("/bucket?lifecycle"),
            delete("/bucket?lifecycle"),
        ] {
            assert_eq!(server.send_as(by, ask).await.status.as_u16(), 403);
        }
    }
    assert_eq!(given(&server).await, before);
}

/// Seed 004, "PUT Object", "GET Object": "the corresponding Expiration is returned".
#[tokio::test]
async fn answers_tell_when_it_goes_and_by_which_rule() {
    let server = Server::with_bucket().await;
    let rules = "<Rule><ID>all of it</ID><Filter/><Status>Enabled</Status><Expiration><Days>10</Days></Expiration>\
         <AbortIncompleteMultipartUpload><DaysAfterInitiation>2</DaysAfterInitiation></AbortIncompleteMultipartUpload>\
         </Rule>\
         <Rule><ID>gr\u{fc}n/\"</ID><Filter><Tag><Key>colour</Key><Value>green</Value></Tag></Filter>\
         <Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule>";
    set(&server, &configuration(rules)).await;
    // The clock of the tests stands at 2026-01-02T03:04:05Z.
    let ten = "expiry-date=\"Tue, 13 Jan 2026 00:00:00 GMT\", rule-id=\"all%20of%20it\"";
    let green = "expiry-date=\"Sun, 04 Jan 2026 00:00:00 GMT\", rule-id=\"gr%C3%BCn%2F%22\"";
    let plain = put(&key("plain")).body("data");
    let tagged = put(&key("green")).body("data").header("x-amz-tagging", "colour=green");
    for (name, ask, told) in [("plain", plain, ten), ("green", tagged, green)] {
        assert_eq!(server.ok(ask).await.header("x-amz-expiration"), told);
        for ask in [get(&key(name)), head(&key(name))] {
            assert_eq!(server.ok(ask).await.header("x-amz-expiration"), told);
        }
        let copy = put(&key("copy")).header("x-amz-copy-source", &key(name));
        assert_eq!(server.ok(copy).await.header("x-amz-expiration"), told);
    }
    let begun = server.ok(post(&format!("{}?uploads", key("m")))).await;
    let upload = format!("{}?uploadId={}", key("m"), begun.element("UploadId"));
    let part = server.ok(put(&format!("{upload}&partNumber=1")).body("data")).await;
    let listed = server.ok(get(&upload)).await;
    for answer in [begun, listed] {
        assert_eq!(answer.header("x-amz-abort-date"), "Mon, 05 Jan 2026 00:00:00 GMT");
        assert_eq!(answer.header("x-amz-abort-rule-id"), "all%20of%20it");
    }
    let complete = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{}</ETag></Part></CompleteMultipartUpload>",
        part.header("etag")
    );
    let completed = server.ok(post(&upload).body(complete)).await;
    assert_eq!(completed.header("x-amz-expiration"), ten);

    // Of a version that is not current any more nothing is told, nor where no rule is.
    let versioned = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    server.ok(put("/bucket?versioning").body(versioned)).await;
    let first = server.ok(put(&key("v")).body("1")).await.header("x-amz-version-id");
    let of_first = || get(&format!("{}?versionId={first}", key("v")));
    assert_eq!(server.ok(of_first()).await.header("x-amz-expiration"), ten);
    server.ok(put(&key("v")).body("2")).await;
    assert_eq!(server.ok(of_first()).await.header("x-amz-expiration"), "");
    server.ok(delete("/bucket?lifecycle")).await;
    assert_eq!(server.ok(get(&key("v"))).await.header("x-amz-expiration"), "");
}

#[tokio::test]
async fn what_is_due_goes_and_shows_as_deleted() {
    let server = Server::with_bucket().await;
    set(
        &server,
        &rule("<Filter><Prefix>old/</Prefix></Filter><Expiration><Days>1</Days></Expiration>"),
    )
    .await;
    for name in ["old/a", "new/a"] {
        server.ok(put(&key(name)).body("data")).await;
    }
    server.clock.advance(Duration::from_hours(48));
    server
        .objects
        .expire(&Shutdown::new(), |_: &baleen_objects::Expired| {})
        .await
        .unwrap();
    server.fails(get(&key("old/a")), 404, "NoSuchKey").await;
    server.ok(get(&key("new/a"))).await;
}
