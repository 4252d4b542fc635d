//! The frame: methods, versions, services, bodies, errors in each shape, and the limits of every parameter.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use baleen_api_iam::ops::{Effect, ROWS};
use baleen_http::{Verdict, Weight};
use baleen_policy::Principal;
use common::{Bench, NAME_OF_ROOT, body, element, form_of};
use http::Method;

const DOCUMENT: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}"#;

#[tokio::test]
async fn what_is_no_action() {
    let bench = Bench::new().await;
    for (target, form, status, code) in [
        ("/", "", 400, "MissingAction"),
        ("/", "Version=2010-05-08", 400, "MissingAction"),
        ("/", "Action=&Version=2010-05-08", 400, "MissingAction"),
        ("/", "Action=Nonsense&Version=2010-05-08", 400, "InvalidAction"),
        ("/", "Action=getuser&Version=2010-05-08", 400, "InvalidAction"),
        ("/", "Action=CreateGroup&Version=2010-05-08", 400, "InvalidAction"),
        ("/", "Action=CreateRole&Version=2010-05-08", 400, "InvalidAction"),
        (
            "/",
            "Action=PutUserPermissionsBoundary&Version=2010-05-08",
            400,
            "InvalidAction",
        ),
        ("/", "Action=GetUser&Version=2011-06-15", 400, "InvalidAction"),
        ("/", "Action=GetUser&Version=", 400, "InvalidAction"),
        ("/", "Action=GetUser", 400, "InvalidAction"),
        (
            "/?Action=GetUser",
            "Action=GetUser&Version=2010-05-08",
            400,
            "ValidationError",
        ),
        (
            "/",
            "Action=GetUser&Version=2010-05-08&UserName=root&UserName=root",
            400,
            "ValidationError",
        ),
        (
            "/?UserName=root",
            "Action=GetUser&Version=2010-05-08&UserName=root",
            400,
            "ValidationError",
        ),
        (
            "/",
            "Action=GetUser&Version=2010-05-08&UserName=%",
            400,
            "ValidationError",
        ),
        (
            "/",
            "Action=GetUser&Version=2010-05-08&UserName=%C3",
            400,
            "ValidationError",
        ),
        ("/elsewhere", "Action=GetUser&Version=2010-05-08", 404, "NotFound"),
    ] {
        let told = bench.send(&bench.root, "iam", form_of(target, form.to_owned())).await;
        told.refused(status, code);
        assert_eq!(element(&told.body, "RequestId"), "0101010101010101", "{}", told.body);
    }
    bench
        .send(
            &bench.root,
            "iam",
            form_of("/?Action=GetUser", "Version=2010-05-08".to_owned()),
        )
        .await
        .good();
    bench
        .send(&bench.root, "iam", form_of("/", "Action=RSListCustomer".to_owned()))
        .await
        .good();
    bench
        .send(&bench.root, "iam", form_of("/", "Action=ListApiTokens".to_owned()))
        .await
        .good();
}

#[tokio::test]
async fn methods_and_bodies() {
    let bench = Bench::new().await;
    let ask = async |method: Method, target: &str| {
        let request = http::Request::builder()
            .method(method)
            .uri(target)
            .body(body(""))
            .unwrap();
        bench.send(&bench.root, "iam", request).await
    };
    ask(Method::GET, "/?Action=ListUsers&Version=2010-05-08").await.good();
    for method in [Method::PUT, Method::DELETE, Method::HEAD, Method::PATCH] {
        let told = ask(method, "/?Action=ListUsers&Version=2010-05-08").await;
        assert_eq!(
            (told.status.as_u16(), told.headers["allow"].to_str().unwrap()),
            (405, "POST")
        );
    }
    // Nothing that changes or holds a secret comes by an address, which ends in logs.
    for row in ROWS.iter().filter(|row| row.effect != Effect::Read) {
        let target = format!("/?Action={}&Version={}", row.name, row.service.version());
        ask(Method::GET, &target).await.refused(405, "MethodNotAllowed");
    }
    let typed = |media_type: &str, text: &str| {
        http::Request::post("/")
            .header("content-type", media_type)
            .body(body(text.to_owned()))
            .unwrap()
    };
    let form = "Action=ListUsers&Version=2010-05-08";
    bench
        .send(&bench.root, "iam", typed("Application/X-WWW-Form-Urlencoded", form))
        .await
        .good();
    bench
        .send(&bench.root, "iam", typed("application/json", "{}"))
        .await
        .refused(400, "InvalidInput");
    let padded = |bytes: usize| format!("{form}&Pad={}", "x".repeat(bytes - form.len() - 5));
    bench
        .send(&bench.root, "iam", form_of("/", padded(1 << 20)))
        .await
        .good();
    bench
        .send(&bench.root, "iam", form_of("/", padded((1 << 20) + 1)))
        .await
        .refused(413, "RequestEntityTooLarge");
    bench
        .send(&Principal::Nobody, "iam", form_of("/", padded(16 << 10)))
        .await
        .refused(403, "MissingAuthenticationToken");
    bench
        .send(&Principal::Nobody, "iam", form_of("/", padded((16 << 10) + 1)))
        .await
        .refused(413, "RequestEntityTooLarge");
}

#[tokio::test]
async fn every_row_needs_its_service_and_a_signature() {
    let bench = Bench::new().await;
    for row in ROWS.iter().filter(|row| !row.is_open()) {
        let form = format!("Action={}&Version={}", row.name, row.service.version());
        let other = if row.service.name() == "iam" { "sts" } else { "iam" };
        bench
            .send(&bench.root, other, form_of("/", form.clone()))
            .await
            .refused(403, "SignatureDoesNotMatch");
        let told = bench.send(&Principal::Nobody, "iam", form_of("/", form)).await;
        told.refused(403, "MissingAuthenticationToken");
        assert_eq!(told.deed, None, "nobody has no log: {}", row.name);
        assert_eq!(
            told.body.starts_with('{'),
            row.name.starts_with("RS") || row.name.contains("ApiToken"),
            "the shape of errors: {}",
            row.name
        );
    }
}

/// Known or not, in the wrong version or by the wrong method: nobody gets one answer.
#[tokio::test]
async fn nobody_learns_which_actions_there_are() {
    let bench = Bench::new().await;
    for names in [
        ["ListUsers", "ListNonsense"],
        ["CreateUser", "CreateNonsense"],
        ["RSListCustomer", "RSNonsense"],
        ["CreateApiToken", "CreateApiTokenNonsense"],
    ] {
        let mut told = Vec::new();
        for name in names {
            for version in ["2010-05-08", "2011-06-15", ""] {
                let form = format!("Action={name}&Version={version}");
                let by_get = http::Request::get(format!("/?{form}")).body(body("")).unwrap();
                for request in [form_of("/", form), by_get] {
                    let answer = bench.send(&Principal::Nobody, "iam", request).await;
                    answer.refused(403, "MissingAuthenticationToken");
                    told.push((format!("{:?}", answer.headers), answer.body));
                }
            }
        }
        assert!(told.iter().all(|answer| *answer == told[0]), "{told:?}");
    }
    let mut told = Vec::new();
    for call in [
        "RSWhitelistAddRule",
        "RSWhitelistListRules",
        "RSWhitelistStats",
        "RSWhitelistNonsense",
    ] {
        let request = http::Request::put(format!("/api/whitelist/{call}"))
            .body(body("{}"))
            .unwrap();
        let answer = bench.send(&Principal::Nobody, "iam", request).await;
        answer.refused(403, "MissingAuthenticationToken");
        told.push(answer.body);
    }
    assert!(told.iter().all(|answer| *answer == told[0]), "{told:?}");
}

#[tokio::test]
async fn what_the_audit_log_is_told() {
    let bench = Bench::new().await;
    let made = bench
        .ask(&bench.root, "CreateUser", &[("UserName", "a@example.com")])
        .await
        .good();
    let deed = made.deed.unwrap();
    assert_eq!((deed.weight, deed.verdict), (Weight::Change, Verdict::Allowed));
    let account = bench.root.user().unwrap().account;
    let arn = format!("arn:aws:iam::{account}:user/a@example.com");
    assert_eq!((deed.action, deed.resource), ("iam:CreateUser", arn.clone()));
    // What is no name was not meant for the field: a password, a key.
    let slipped = bench
        .ask(
            &bench.root,
            "CreateUser",
            &[("UserName", "Canary+Password/22="), ("PolicyName", "a/b")],
        )
        .await;
    assert_eq!(slipped.deed.unwrap().resource, "");
    let looked = bench.ask(&bench.root, "ListUsers", &[]).await.good().deed.unwrap();
    assert_eq!((looked.weight, looked.action), (Weight::Look, "iam:ListUsers"));
    let user = bench.user("b@example.com").await;
    let denied = bench.ask(&user, "DeleteUser", &[("UserName", "a@example.com")]).await;
    denied.refused(403, "AccessDenied");
    let denied = denied.deed.unwrap();
    assert_eq!((denied.verdict, denied.resource), (Verdict::Denied, arn.clone()));
    // What the ARN does not tell stands behind it, with the account that it is in.
    let policy = ("PolicyArn", "arn:aws:iam::000000000000:policy/p");
    let params = [("UserName", "a@example.com"), policy];
    let attached = bench.ask(&bench.root, "AttachUserPolicy", &params).await;
    let told = format!("{arn} PolicyArn=arn:aws:iam::{account}:policy/p");
    assert_eq!(attached.deed.unwrap().resource, told);
}

#[tokio::test]
async fn a_secret_is_in_no_cache() {
    let bench = Bench::new().await;
    let key = bench.ask(&bench.root, "CreateAccessKey", &[]).await.good();
    assert_eq!(key.headers["cache-control"], "no-store");
    let list = bench.ask(&bench.root, "ListAccessKeys", &[]).await.good();
    assert!(!list.headers.contains_key("cache-control"));
    assert!(!list.body.contains(&element(&key.body, "SecretAccessKey")));
}

/// An action, what it is given in every case, a parameter, and its values with the code that each is refused with.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str, Vec<(String, &'a str)>);

/// Each parameter with a value below, at and above its limit, and what its type refuses.
#[tokio::test]
async fn limits_of_parameters() {
    let bench = Bench::new().await;
    let user = "u@example.com";
    bench.ask(&bench.root, "CreateUser", &[("UserName", user)]).await.good();
    let account = bench.root.user().unwrap().account;
    let arn = format!("arn:aws:iam::{account}:policy/p");
    bench
        .ask(
            &bench.root,
            "CreatePolicy",
            &[("PolicyName", "p"), ("PolicyDocument", DOCUMENT)],
        )
        .await
        .good();
    let long = |n: usize| "a".repeat(n);
    let path = |n: usize| format!("/{}/", "a".repeat(n - 2));
    let cases: &[Case<'_>] = &[
        (
            "CreateUser",
            &[],
            "UserName",
            vec![
                (String::new(), "ValidationError"),
                (long(64), ""),
                (long(65), "ValidationError"),
                ("a b".into(), "ValidationError"),
                ("ü".into(), "ValidationError"),
                ("a/b".into(), "ValidationError"),
            ],
        ),
        (
            "CreateUser",
            &[("UserName", "p1@example.com")],
            "Path",
            vec![
                (path(513), "ValidationError"),
                ("a".into(), "ValidationError"),
                ("/a".into(), "ValidationError"),
                ("/a b/".into(), "ValidationError"),
                (path(512), ""),
            ],
        ),
        (
            "ListUsers",
            &[],
            "MaxItems",
            vec![
                ("0".into(), "ValidationError"),
                ("1".into(), ""),
                ("1000".into(), ""),
                ("1001".into(), "ValidationError"),
                ("-1".into(), "ValidationError"),
                ("x".into(), "ValidationError"),
                ("99999999999999999999999".into(), "ValidationError"),
            ],
        ),
        (
            "GetAccountAuthorizationDetails",
            &[("Filter.member.2", "User")],
            "Filter.member.1",
            vec![
                ("Role".into(), ""),
                ("Group".into(), ""),
                ("LocalManagedPolicy".into(), ""),
                ("AWSManagedPolicy".into(), ""),
                ("user".into(), "InvalidInput"),
                (String::new(), "InvalidInput"),
            ],
        ),
        (
            "GetAccountAuthorizationDetails",
            &[
                ("Filter.member.1", "User"),
                ("Filter.member.2", "User"),
                ("Filter.member.3", "User"),
                ("Filter.member.4", "User"),
                ("Filter.member.5", "User"),
            ],
            "Filter.member.6",
            vec![("User".into(), "ValidationError")],
        ),
        (
            "ListUsers",
            &[],
            "Marker",
            vec![
                (String::new(), ""),
                ("nonsense".into(), "InvalidInput"),
                (long(2049), "ValidationError"),
            ],
        ),
        (
            "ListUsers",
            &[],
            "PathPrefix",
            vec![
                ("/a".into(), ""),
                ("a".into(), "ValidationError"),
                (format!("/{}", long(512)), "ValidationError"),
            ],
        ),
        (
            "CreatePolicy",
            &[("PolicyDocument", DOCUMENT)],
            "PolicyName",
            vec![
                (String::new(), "ValidationError"),
                (long(128), ""),
                (long(129), "ValidationError"),
                ("a/b".into(), "ValidationError"),
            ],
        ),
        (
            "CreatePolicy",
            &[("PolicyDocument", DOCUMENT), ("PolicyName", "d")],
            "Description",
            vec![(long(1001), "ValidationError"), (long(1000), "")],
        ),
        (
            "GetPolicy",
            &[],
            "PolicyArn",
            vec![
                (long(19), "ValidationError"),
                (long(20), "InvalidInput"),
                (long(2049), "ValidationError"),
                (format!("arn:aws:iam::{account}:user/p"), "InvalidInput"),
                ("arn:aws:iam::000000000000:policy/p".into(), ""),
                ("arn:aws:iam::999999999999:policy/p".into(), "AccessDenied"),
                ("arn:aws:iam::aws:policy/ReadOnlyAccess".into(), "InvalidInput"),
                (arn.replace("/p", "/q"), "NoSuchEntity"),
                (arn.replace("/p", "/x/p"), "NoSuchEntity"),
            ],
        ),
        (
            "GetPolicyVersion",
            &[("PolicyArn", &arn)],
            "VersionId",
            vec![
                ("v1".into(), ""),
                ("v2".into(), "NoSuchEntity"),
                ("v0".into(), "ValidationError"),
                ("v01".into(), "ValidationError"),
                ("1".into(), "ValidationError"),
                ("vMFW10Z4EF4HL".into(), "ValidationError"),
                ("v99999999999".into(), "ValidationError"),
            ],
        ),
        (
            "DeletePolicy",
            &[("PolicyArn", &arn)],
            "VersionId",
            vec![("v1".into(), "ValidationError")],
        ),
        (
            "UpdateAccessKey",
            &[("AccessKeyId", "AKIA0000000000000000")],
            "Status",
            vec![("Active".into(), "NoSuchEntity"), ("active".into(), "InvalidInput")],
        ),
        (
            "DeleteAccessKey",
            &[],
            "AccessKeyId",
            vec![
                (long(15), "ValidationError"),
                (long(16), "NoSuchEntity"),
                (long(129), "ValidationError"),
            ],
        ),
        (
            "AssumeRole",
            &[("RoleArn", "arn:aws:iam::1:role/any")],
            "RoleSessionName",
            vec![
                (long(1), "ValidationError"),
                (long(2), ""),
                (long(64), ""),
                (long(65), "ValidationError"),
                ("a b".into(), "ValidationError"),
            ],
        ),
        (
            "AssumeRole",
            &[("RoleSessionName", "name")],
            "RoleArn",
            vec![
                (long(19), "ValidationError"),
                (long(20), ""),
                (long(2048), ""),
                (long(2049), "ValidationError"),
            ],
        ),
        (
            "AssumeRole",
            &[("RoleArn", "arn:aws:iam::1:role/any"), ("RoleSessionName", "name")],
            "DurationSeconds",
            vec![
                ("899".into(), "ValidationError"),
                ("900".into(), ""),
                ("43200".into(), ""),
                ("43201".into(), "ValidationError"),
            ],
        ),
        (
            "AssumeRole",
            &[("RoleArn", "arn:aws:iam::1:role/any"), ("RoleSessionName", "name")],
            "Policy",
            vec![
                (DOCUMENT.to_owned(), ""),
                (String::new(), "ValidationError"),
                (long(2049), "ValidationError"),
            ],
        ),
        (
            "RSSetUserInfo",
            &[("Name", user)],
            "Type",
            vec![
                ("admin".into(), ""),
                ("user".into(), ""),
                ("root".into(), "AccessDenied"),
                ("Admin".into(), "InvalidInput"),
            ],
        ),
        (
            "RSSetUserInfo",
            &[("Name", user)],
            "Firstname",
            vec![(long(128), ""), (long(129), "ValidationError")],
        ),
        (
            "RSSetUserInfo",
            &[("Name", user)],
            "UserName",
            vec![(user.into(), ""), (NAME_OF_ROOT.into(), "ValidationError")],
        ),
        (
            "RSSetUserAuthMethod",
            &[("UserName", user)],
            "AuthMethod",
            vec![
                ("federated".into(), ""),
                ("password".into(), ""),
                ("none".into(), "InvalidInput"),
            ],
        ),
        (
            "RSModifyCustomer",
            &[("CustomerName", "none")],
            "Status",
            vec![("enabled".into(), "NoSuchEntity")],
        ),
        ("RSListCustomer", &[], "Odd", vec![("ignored".into(), "")]),
    ];
    for (action, fixed, name, values) in cases {
        for (value, code) in values {
            let params: Vec<_> = fixed.iter().copied().chain([(*name, value.as_str())]).collect();
            let told = bench.ask(&bench.root, action, &params).await;
            let found = common::error_code(&told.body).unwrap_or_default();
            assert_eq!(&found, code, "{action} {name}={value}: {}", told.body);
        }
    }
}

#[tokio::test]
async fn rights_are_decided_before_anything_is_looked_at() {
    let bench = Bench::new().await;
    let user = bench.user("u@example.com").await;
    bench
        .ask(&bench.root, "CreateUser", &[("UserName", "there@example.com")])
        .await
        .good();
    for action in [
        "GetUser",
        "DeleteUser",
        "ListUserPolicies",
        "ListAttachedUserPolicies",
        "UpdateUser",
    ] {
        let there = bench.ask(&user, action, &[("UserName", "there@example.com")]).await;
        let not_there = bench.ask(&user, action, &[("UserName", "none@example.com")]).await;
        there.refused(403, "AccessDenied");
        assert_eq!(there.body, not_there.body, "{action}");
        bench
            .ask(&bench.root, action, &[("UserName", "none@example.com")])
            .await
            .refused(404, "NoSuchEntity");
    }
    let foreign = "arn:aws:iam::999999999999:policy/p";
    for action in [
        "AttachUserPolicy",
        "DetachUserPolicy",
        "GetPolicy",
        "DeletePolicy",
        "ListPolicyVersions",
    ] {
        let params = [("UserName", "there@example.com"), ("PolicyArn", foreign)];
        bench
            .ask(&bench.root, action, &params)
            .await
            .refused(403, "AccessDenied");
    }
}

#[tokio::test]
async fn passwords_and_login_profiles() {
    let bench = Bench::new().await;
    let name = "u@example.com";
    bench.user(name).await;
    bench
        .ask(&bench.root, "GetLoginProfile", &[("UserName", name)])
        .await
        .refused(404, "NoSuchEntity");
    let create = [
        ("UserName", name),
        ("Password", "Password22"),
        ("PasswordResetRequired", "true"),
    ];
    let made = bench.ask(&bench.root, "CreateLoginProfile", &create).await.good();
    assert_eq!(element(&made.body, "PasswordResetRequired"), "true");
    bench
        .ask(&bench.root, "CreateLoginProfile", &create)
        .await
        .refused(409, "EntityAlreadyExists");
    for (password, code) in [
        ("Short1aA", "PasswordPolicyViolation"),
        ("nodigitsHere", "PasswordPolicyViolation"),
        ("NOLOWER12345", "PasswordPolicyViolation"),
        ("noupper12345", "PasswordPolicyViolation"),
    ] {
        let params = [("UserName", name), ("Password", password)];
        bench
            .ask(&bench.root, "UpdateLoginProfile", &params)
            .await
            .refused(400, code);
    }
    let token = bench
        .ask(&bench.root, "RSGetToken", &[("UserName", name), ("Type", "pwd_reset")])
        .await
        .good();
    assert_eq!(token.headers["cache-control"], "no-store");
    let token: serde_json::Value = serde_json::from_str(&token.body).unwrap();
    let token = token["Token"].as_str().unwrap();
    let nobody = Principal::Nobody;
    let weak = [("Token", token), ("NewPassword", "weak")];
    bench
        .ask(&nobody, "RSResetPassword", &weak)
        .await
        .refused(400, "PasswordPolicyViolation");
    let reset = [("Token", token), ("NewPassword", "Password25")];
    assert_eq!(
        bench.ask(&nobody, "RSResetPassword", &reset).await.good().body,
        r#"{"Ok":true}"#
    );
    let again = bench.ask(&nobody, "RSResetPassword", &reset).await;
    again.refused(403, "AccessDenied");
    let unknown = bench
        .ask(
            &nobody,
            "RSResetPassword",
            &[("Token", "x"), ("NewPassword", "Password25")],
        )
        .await;
    assert_eq!(again.body, unknown.body, "one text for every bad token");
    bench
        .ask(&bench.root, "DeleteLoginProfile", &[("UserName", name)])
        .await
        .good();
    bench
        .ask(&bench.root, "DeleteLoginProfile", &[("UserName", name)])
        .await
        .refused(404, "NoSuchEntity");
}

/// An access key, once leaked, must not become a password or a second factor.
#[tokio::test]
async fn what_only_a_login_may() {
    let bench = Bench::new().await;
    for (action, params) in [
        ("RSGetToken", &[("Type", "pwd_reset")][..]),
        ("RSPrepareTFA", &[]),
        ("RSEnableTFA", &[("OTP", "123456")]),
        ("RSDisableTFA", &[]),
    ] {
        bench
            .ask(&bench.root, action, params)
            .await
            .refused(403, "AccessDenied");
    }
}
