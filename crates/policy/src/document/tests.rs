use super::*;
use crate::limits::{BUCKET_DOCUMENT_BYTES_MAX, DOCUMENT_CHARS_MAX};
use crate::testing::rows;
use proptest::prelude::*;

fn kind(word: &str) -> DocumentKind {
    match word {
        "identity" => DocumentKind::Identity,
        "bucket" => DocumentKind::Bucket,
        "session" => DocumentKind::Session,
        other => panic!("{other}"),
    }
}

#[test]
fn documents_are_read_strictly() {
    for (line, [of, text, wanted, reason]) in rows(include_str!("../../tests/tables/documents.txt")) {
        match (Policy::parse(text, kind(of)), wanted) {
            (Ok(policy), "ok") => assert_eq!(policy.kind(), kind(of)),
            (Ok(_), _) => panic!("line {line} is not refused: {reason}"),
            (Err(why), _) => {
                let why = why.to_string();
                assert!(wanted != "ok" && why.contains(wanted), "line {line}: {why}: {reason}");
            }
        }
    }
}

#[test]
fn white_space_counts_only_in_buckets() {
    let body = |pad: usize, blank: usize| {
        let frame = r#"{"Statement":{"Sid":"","Effect":"Allow","Action":"*","Resource":"*"}}"#;
        let sid = "x".repeat(pad);
        format!(
            "{}{}",
            frame.replace(r#""Sid":"""#, &format!(r#""Sid":"{sid}""#)),
            " ".repeat(blank)
        )
    };
    let most = DOCUMENT_CHARS_MAX - body(0, 0).len();
    for kind in [DocumentKind::Identity, DocumentKind::Session] {
        assert!(Policy::parse(&body(most, 1_000), kind).is_ok());
        assert_eq!(Policy::parse(&body(most + 1, 0), kind).unwrap_err(), Malformed::TooLong);
        assert_eq!(
            Policy::parse(&body(0, DOCUMENT_BYTES_MAX), kind).unwrap_err(),
            Malformed::TooLong
        );
    }
    let of_bucket = |blank| {
        let text = body(0, 0).replace(r#""Effect""#, r#""Principal":"*","Effect""#);
        Policy::parse(
            &format!("{text}{}", " ".repeat(blank - text.len())),
            DocumentKind::Bucket,
        )
    };
    assert!(of_bucket(BUCKET_DOCUMENT_BYTES_MAX).is_ok());
    assert!(of_bucket(BUCKET_DOCUMENT_BYTES_MAX + 1).is_err());
}

#[test]
fn depth_is_bounded_before_it_is_read() {
    for deep in ["[".repeat(20_000), "{\"a\":".repeat(5_000)] {
        assert!(Policy::parse(&deep, DocumentKind::Bucket).is_err());
    }
}

#[test]
fn public_is_what_lets_everyone_in() {
    for (line, [principal, condition, public, reason]) in rows(include_str!("../../tests/tables/public.txt")) {
        for (effect, not) in [("Allow", false), ("Deny", false), ("Allow", true)] {
            let element = if not { "NotPrincipal" } else { "Principal" };
            let text = format!(
                r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "{effect}", "{element}": {principal}, "Action": "s3:GetObject",
                    "Resource": "arn:aws:s3:::b/*", "Condition": {condition}}}}}"#
            );
            let policy = Policy::parse(&text, DocumentKind::Bucket).unwrap_or_else(|why| panic!("line {line}: {why}"));
            // All but somebody are everyone, as far as no condition says otherwise.
            let wanted = effect == "Allow" && (public == "yes" || (not && condition == "{}"));
            assert_eq!(policy.is_public(), wanted, "line {line}, {effect} {element}: {reason}");
        }
    }
}

#[test]
fn a_buckets_policy_is_of_the_bucket() {
    let bucket = BucketName::parse("evidence").unwrap();
    for (resource, within) in [
        ("arn:aws:s3:::evidence", true),
        ("arn:aws:s3:::evidence/*", true),
        ("arn:aws:s3:::evidence/${aws:username}/*", true),
        ("arn:aws:s3:::evidence*", true),
        ("arn:aws:s3:::evidence2/*", false),
        ("arn:aws:s3:::evid*", false),
        ("arn:aws:s3:::*", false),
        ("*", false),
        ("arn:aws:s3:::other/evidence", false),
        ("arn:aws:*:::evidence", false),
        ("arn:aws:iam::111111111111:user/evidence", false),
    ] {
        let text = format!(
            r#"{{"Version": "2012-10-17",
                "Statement": {{"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "{resource}"}}}}"#
        );
        let policy = Policy::parse(&text, DocumentKind::Bucket).unwrap();
        assert_eq!(policy.strays_from(&bucket).is_none(), within, "{resource}");
    }
}

/// Texts that look like policies, so that a random one comes far.
fn almost_policy() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "*",
        "?",
        "${",
        "$",
        "'",
        "\\u0000",
        "null",
        "true",
        "1e999",
        "-",
        "\"Version\":",
        "\"2012-10-17\"",
        "\"Statement\":",
        "\"Effect\":",
        "\"Allow\"",
        "\"Deny\"",
        "\"Action\":",
        "\"s3:*\"",
        "\"Resource\":",
        "\"*\"",
        "\"arn:aws:s3:::b/${aws:username}\"",
        "\"Condition\":",
        "\"StringLike\":",
        "\"aws:SourceIp\":",
        "\"IpAddress\":",
        "\"DateLessThan\":",
        "\"Principal\":",
        "\"AWS\":",
        "é",
        "\u{0}",
    ]);
    prop::collection::vec(word, 0..60).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,300}", almost in almost_policy()) {
        for text in [text, almost] {
            for kind in [DocumentKind::Identity, DocumentKind::Bucket, DocumentKind::Session] {
                let _ = Policy::parse(&text, kind);
            }
        }
    }

    /// What is put anywhere into the texts of a policy is compiled or refused, and then judged without a panic.
    #[test]
    fn no_pattern_makes_a_decision_panic(
        resource in "[a*?:${}',/é ]{0,40}", value in "\\PC{0,30}", operator in 0..9_usize, seen in "\\PC{0,30}",
    ) {
        let operator = ["StringLike", "StringEquals", "StringEqualsIgnoreCase", "ArnLike", "NumericLessThan", "DateEquals",
            "IpAddress", "BinaryEquals", "Bool"][operator];
        let resource = serde_json::to_string(&format!("arn:aws:s3:::{resource}")).unwrap();
        let value = serde_json::to_string(&value).unwrap();
        let text = format!(r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"*","Resource":{resource},
            "Condition":{{"{operator}":{{"s3:prefix":{value}}}}}}}}}"#);
        if let Ok(policy) = Policy::parse(&text, DocumentKind::Identity) {
            let context = crate::Context::new(crate::testing::now()).with(crate::Key::S3Prefix, Some(&seen[..]));
            let scene = Scene { caller: None, owner: None, context: &context };
            let name = format!("arn:aws:s3:::{seen}");
            let arn = Arn::parse(&name).unwrap();
            policy.verdict(Action::S3GetObject, &arn, &scene);
        }
    }
}

#[test]
fn what_s3_has_not_is_told_of_a_bucket_s_policy() {
    let of = |action: &str, condition: &str| {
        format!(
            r#"{{"Statement": {{"Effect": "Allow", "Principal": "*", "Action": {action}, "Resource": ["arn:aws:s3:::bucket", "arn:aws:s3:::bucket/*"],
                "Condition": {condition}}}}}"#
        )
    };
    for (action, condition, wanted) in [
        (r#""*""#, "{}", None),
        (r#""s3:*""#, "{}", None),
        (r#""s3:getobject""#, "{}", None),
        (r#""S3:GetObject""#, "{}", None),
        // Known to AWS alone, and patterns of what may be one day.
        (r#"["s3:ReplicateObject", "s3:PutInventoryConfiguration"]"#, "{}", None),
        (r#""s3:Foo*""#, "{}", None),
        (r#""s3:Foo""#, "{}", Some(Stranger::Action)),
        (r#"["s3:GetObject", "s3:GetObjects"]"#, "{}", Some(Stranger::Action)),
        (r#""s3:ListObjects""#, "{}", Some(Stranger::Action)),
        (r#""kms:Decrypt""#, "{}", Some(Stranger::Action)),
        (r#""iam:*""#, "{}", Some(Stranger::Action)),
        (r#""s3:*""#, r#"{"StringEquals": {"aws:SourceVpce": "vpce-1"}}"#, None),
        (r#""s3:*""#, r#"{"StringEquals": {"AWS:sourcearn": "a"}}"#, None),
        (
            r#""s3:*""#,
            r#"{"StringEquals": {"s3:DataAccessPointAccount": "1"}}"#,
            None,
        ),
        (r#""s3:*""#, r#"{"StringEquals": {"s3:BucketTag/Team": "a"}}"#, None),
        (
            r#""s3:*""#,
            r#"{"StringEquals": {"s3:ExistingObjectTag/a": "b"}}"#,
            None,
        ),
        (r#""s3:*""#, r#"{"StringEquals": {"ec2:SourceInstanceARN": "a"}}"#, None),
        (
            r#""s3:*""#,
            r#"{"StringEquals": {"aws:SourceIpp": "::1"}}"#,
            Some(Stranger::Key),
        ),
        (r#""s3:*""#, r#"{"Null": {"s3:prefixes": "true"}}"#, Some(Stranger::Key)),
        (
            r#""s3:*""#,
            r#"{"StringEquals": {"foo:bar": "a"}}"#,
            Some(Stranger::Key),
        ),
    ] {
        let policy = Policy::parse(&of(action, condition), DocumentKind::Bucket).unwrap();
        assert_eq!(
            policy.stranger().map(|strange| strange.what),
            wanted,
            "{action} {condition}"
        );
    }
    // IAM takes them: what is unknown there may be another service's.
    let text = r#"{"Statement": {"Effect": "Allow", "Action": ["s3:Foo", "ec2:RunInstances"], "Resource": "*"}}"#;
    for kind in [DocumentKind::Identity, DocumentKind::Session] {
        assert_eq!(Policy::parse(text, kind).unwrap().stranger(), None);
    }
}

#[test]
fn an_action_that_no_resource_of_its_statement_has_is_told_with_its_place() {
    let bucket = "arn:aws:s3:::bucket";
    for (action, resources, is_idle) in [
        ("s3:GetObject", &["bucket"][..], true),
        ("s3:GetObject", &["bucket/*"], false),
        ("s3:GetObject", &["bucket", "bucket/a"], false),
        ("s3:GetObject", &["bucket*"], false),
        ("s3:GetObject", &["bucket?a"], false),
        ("s3:GetObject", &["bucket${aws:username}"], false),
        ("s3:ListBucket", &["bucket/*"], true),
        ("s3:ListBucket", &["bucket*"], false),
        ("s3:listbucket", &["bucket"], false),
        ("s3:AbortMultipartUpload", &["bucket"], true),
        ("s3:ListBucketMultipartUploads", &["bucket/*"], true),
        ("s3:GetBucketObjectLockConfiguration", &["bucket/*"], true),
        ("s3:ListAllMyBuckets", &["bucket", "bucket/*"], true),
        // Of a pattern one is enough, and of what nothing here asks about nothing is known.
        ("s3:*", &["bucket"], false),
        ("s3:Get*", &["bucket/*"], false),
        ("s3:*Object", &["bucket"], true),
        ("s3:ReplicateObject", &["bucket"], false),
        ("s3:Foo*", &["bucket"], false),
        ("*", &["bucket/*"], false),
    ] {
        let resources: Vec<_> = resources.iter().map(|path| format!("arn:aws:s3:::{path}")).collect();
        let of = |key: &str, resource: &str| {
            let resources = serde_json::to_string(&resources).unwrap();
            format!(
                r#"{{"Version": "2012-10-17", "Statement": [
                    {{"Effect": "Allow", "Principal": "*", "Action": "s3:ListBucket", "Resource": "{bucket}"}},
                    {{"Sid": "Second", "Effect": "Allow", "Principal": "*", "{key}": "{action}", "{resource}": {resources}}}]}}"#
            )
        };
        let parse = |text: &str| Policy::parse(text, DocumentKind::Bucket).unwrap().stranger();
        let wanted = is_idle.then(|| Strange {
            what: Stranger::Idle,
            name: action.to_owned(),
            statement: "statement 2 (Second)".to_owned(),
        });
        assert_eq!(parse(&of("Action", "Resource")), wanted, "{action} {resources:?}");
        assert_eq!(parse(&of("NotAction", "Resource")), None);
        assert_eq!(parse(&of("Action", "NotResource")), None);
    }
}
