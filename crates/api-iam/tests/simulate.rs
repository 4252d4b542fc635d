//! Simulations: what policies would say, of documents that are brought and of a user's.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Bench, element};

const OPEN: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::bkt/*"}}"#;
const SHUT: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"s3:PutObject","Resource":"*"}}"#;
const FROM_TEN: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*",
    "Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}}"#;
const OBJECT: (&str, &str) = ("ResourceArns.member.1", "arn:aws:s3:::bkt/x");

fn decisions(body: &str) -> Vec<&str> {
    let parts = body.split("<EvalDecision>").skip(1);
    parts.map(|part| part.split('<').next().unwrap()).collect()
}

#[tokio::test]
async fn documents_that_are_brought() {
    let bench = Bench::new().await;
    let (first, second) = ("PolicyInputList.member.1", "PolicyInputList.member.2");
    let get = ("ActionNames.member.1", "s3:getobject");
    let put = ("ActionNames.member.2", "s3:PutObject");
    let key = ("ContextEntries.member.1.ContextKeyName", "aws:SourceIp");
    let kind = ("ContextEntries.member.1.ContextKeyType", "ip");
    let ten = ("ContextEntries.member.1.ContextKeyValues.member.1", "10.1.2.3");
    let held = ("PermissionsBoundaryPolicyInputList.member.1", SHUT);
    // What is asked besides, and the decisions.
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str]);
    let cases: &[Case<'_>] = &[
        (&[(first, OPEN), get, put, OBJECT], &["allowed", "allowed"]),
        (
            &[(first, OPEN), (second, SHUT), get, put, OBJECT],
            &["allowed", "explicitDeny"],
        ),
        (
            &[(first, OPEN), get, ("ResourceArns.member.1", "arn:aws:s3:::other/x")],
            &["implicitDeny"],
        ),
        (&[(first, OPEN), get, held, OBJECT], &["implicitDeny"]),
        (&[(first, FROM_TEN), get], &["implicitDeny"]),
        (&[(first, FROM_TEN), get, key, kind, ten], &["allowed"]),
    ];
    let user = bench.user("u@example.com").await;
    for (params, expected) in cases {
        let told = bench.ask(&user, "SimulateCustomPolicy", params).await.good();
        assert_eq!(decisions(&told.body), *expected, "{params:?}: {}", told.body);
    }
    let told = bench
        .ask(&user, "SimulateCustomPolicy", &[(first, FROM_TEN), get])
        .await
        .good();
    assert_eq!(
        element(&told.body, "MissingContextValues"),
        "<member>aws:SourceIp</member>"
    );
    let params = [(first, OPEN), get, put, OBJECT, ("MaxItems", "1")];
    let told = bench.ask(&user, "SimulateCustomPolicy", &params).await.good();
    let marker = element(&told.body, "Marker");
    assert_eq!(element(&told.body, "IsTruncated"), "true");
    assert_eq!(element(&told.body, "EvalActionName"), "s3:GetObject");
    assert_eq!(element(&told.body, "SourcePolicyId"), "PolicyInputList.1");
    let params = [(first, OPEN), get, put, OBJECT, ("Marker", &marker)];
    // It is for who got it, and for what was asked.
    for (who, action) in [
        (&bench.root, "SimulateCustomPolicy"),
        (&user, "SimulatePrincipalPolicy"),
    ] {
        let arn = ("PolicySourceArn", &*user.user().unwrap().arn());
        let params: Vec<_> = params.iter().copied().chain([arn]).collect();
        bench.ask(who, action, &params).await.refused(400, "InvalidInput");
    }
    let told = bench.ask(&user, "SimulateCustomPolicy", &params).await.good();
    assert_eq!(decisions(&told.body).len(), 1);
    assert_eq!(element(&told.body, "IsTruncated"), "false");
}

#[tokio::test]
async fn what_is_no_simulation() {
    let bench = Bench::new().await;
    let policy = ("PolicyInputList.member.1", OPEN);
    let get = ("ActionNames.member.1", "s3:GetObject");
    let key = "ContextEntries.member.1.ContextKeyName";
    let kind = "ContextEntries.member.1.ContextKeyType";
    let value = "ContextEntries.member.1.ContextKeyValues.member.1";
    let long = "x".repeat(257);
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[policy], "ValidationError"),
        (&[get], "ValidationError"),
        (&[policy, ("ActionNames.member.1", "s3:Nonsense")], "InvalidInput"),
        (&[policy, ("ActionNames.member.1", "s3:*")], "InvalidInput"),
        (
            &[
                policy,
                ("ActionNames.member.201", "s3:GetObject"),
                ("ActionNames.member.1", "x"),
            ],
            "ValidationError",
        ),
        (&[get, ("PolicyInputList.member.1", "{}")], "InvalidInput"),
        (&[policy, get, ("ResourceArns.member.1", "bkt/x")], "ValidationError"),
        (&[policy, get, ("ResourceArns.member.1", "")], "ValidationError"),
        (&[policy, get, ("Marker", "1")], "InvalidInput"),
        (&[policy, get, ("Marker", "-1")], "InvalidInput"),
        (&[policy, get, ("MaxItems", "0")], "ValidationError"),
        (&[policy, get, ("ResourcePolicy", OPEN)], "InvalidInput"),
        (&[policy, get, (key, "aws:SourceIp")], "ValidationError"),
        (&[policy, get, (key, "aws:SourceIp"), (kind, "ip")], "ValidationError"),
        (
            &[policy, get, (key, "aws:SourceIp"), (kind, "text"), (value, "x")],
            "ValidationError",
        ),
        (
            &[policy, get, (key, &long), (kind, "ip"), (value, "x")],
            "ValidationError",
        ),
        (
            &[policy, get, ("ContextEntries.member.0.ContextKeyName", "aws:SourceIp")],
            "ValidationError",
        ),
    ];
    for (params, code) in cases {
        bench
            .ask(&bench.root, "SimulateCustomPolicy", params)
            .await
            .refused(400, code);
    }
}

#[tokio::test]
async fn policies_of_a_user() {
    let bench = Bench::new().await;
    let (ann, bob) = (bench.user("ann@example.com").await, bench.user("bob@example.com").await);
    let made = [("PolicyName", "open"), ("PolicyDocument", OPEN)];
    let made = bench.ask(&bench.root, "CreatePolicy", &made).await.good();
    let policy = element(&made.body, "Arn");
    let attach = [("UserName", "ann@example.com"), ("PolicyArn", policy.as_str())];
    bench.ask(&bench.root, "AttachUserPolicy", &attach).await.good();
    let own = [
        ("UserName", "ann@example.com"),
        ("PolicyName", "shut"),
        ("PolicyDocument", SHUT),
    ];
    bench.ask(&bench.root, "PutUserPolicy", &own).await.good();
    let arn = ann.user().unwrap().arn();
    let actions = [
        ("ActionNames.member.1", "s3:GetObject"),
        ("ActionNames.member.2", "s3:PutObject"),
        OBJECT,
    ];
    for principal in [&bench.root, &ann] {
        let told = bench
            .ask(
                principal,
                "SimulatePrincipalPolicy",
                &[("PolicySourceArn", arn.as_str()), actions[0], actions[1], actions[2]],
            )
            .await
            .good();
        assert_eq!(decisions(&told.body), ["allowed", "explicitDeny"], "{}", told.body);
        for source in [
            "<SourcePolicyId>open<",
            "<SourcePolicyId>shut<",
            ">user-managed<",
            ">user<",
        ] {
            assert!(told.body.contains(source), "{source}: {}", told.body);
        }
    }
    let account = ann.user().unwrap().account;
    let named = |text: &str| format!("arn:aws:iam::{account}:{text}");
    for (principal, arn, status, code) in [
        (&bob, arn.clone(), 403, "AccessDenied"),
        (&bench.root, named("root"), 400, "InvalidInput"),
        (&bench.root, named("role/r"), 400, "InvalidInput"),
        (&bench.root, named("user/"), 400, "InvalidInput"),
        (&bench.root, named("user/nobody"), 404, "NoSuchEntity"),
        (&bench.root, named("user/team/ann@example.com"), 404, "NoSuchEntity"),
        (
            &bench.root,
            "arn:aws:iam::999999999999:user/ann@example.com".to_owned(),
            403,
            "AccessDenied",
        ),
    ] {
        let told = bench
            .ask(
                principal,
                "SimulatePrincipalPolicy",
                &[("PolicySourceArn", arn.as_str()), actions[0], actions[1], actions[2]],
            )
            .await;
        told.refused(status, code);
    }
}
