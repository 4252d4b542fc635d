//! A Deny in a policy holds whatever way a request is written.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use baleen_policy::Principal;
use common::Bench;

/// An admin who is held by one statement.
async fn held(bench: &Bench, statement: &str) -> Principal {
    const NAME: &str = "ann@example.com";
    bench.user(NAME).await;
    let role = [("Name", NAME), ("Type", "admin")];
    bench.ask(&bench.root, "RSSetUserInfo", &role).await.good();
    let document = format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#);
    let policy = [
        ("UserName", NAME),
        ("PolicyName", "held"),
        ("PolicyDocument", &document),
    ];
    bench.ask(&bench.root, "PutUserPolicy", &policy).await.good();
    let key = bench
        .ask(&bench.root, "CreateAccessKey", &[("UserName", NAME)])
        .await
        .good();
    bench.who(&common::element(&key.body, "AccessKeyId")).await.unwrap()
}

const DOCUMENT: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#;

#[tokio::test]
async fn the_path_that_is_judged_is_the_path_that_is_made() {
    let bench = Bench::new().await;
    let (user, policy) = ("arn:aws:iam::*:user/*", "arn:aws:iam::*:policy/*");
    let deny = format!(
        r#"{{"Effect":"Deny","Action":["iam:CreateUser","iam:CreatePolicy"],"Resource":["{user}","{policy}"]}}"#
    );
    let ann = held(&bench, &deny).await;
    let new = ("PolicyDocument", DOCUMENT);
    for path in [None, Some(""), Some("/"), Some("/teams/")] {
        let path = path.map(|path| ("Path", path));
        let user: Vec<_> = [("UserName", "bob@example.com")].into_iter().chain(path).collect();
        bench.ask(&ann, "CreateUser", &user).await.refused(403, "AccessDenied");
        let policy: Vec<_> = [("PolicyName", "open"), new].into_iter().chain(path).collect();
        bench
            .ask(&ann, "CreatePolicy", &policy)
            .await
            .refused(403, "AccessDenied");
    }
}

/// What is refused to who is held by a Deny with a condition, and what is not: action, parameters, whether it is done.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], bool);

const BOB: (&str, &str) = ("UserName", "bob@example.com");
const CY: (&str, &str) = ("UserName", "cy@example.com");

#[tokio::test]
async fn conditions_see_what_a_request_is_about() {
    let key = ("Tags.member.1.Key", "team");
    let (red, blue) = (("Tags.member.1.Value", "red"), ("Tags.member.1.Value", "blue"));
    let admin = ("PolicyArn", "arn:aws:iam::000000000000:policy/Admin");
    let reader = ("PolicyArn", "arn:aws:iam::000000000000:policy/Reader");
    let attach = r#"{"Effect":"Deny","Action":["iam:AttachUserPolicy","iam:DetachUserPolicy"],"Resource":"*",
        "Condition":{"ArnLike":{"iam:PolicyARN":"arn:aws:iam::*:policy/Admin"}}}"#;
    let named = r#"{"Effect":"Deny","Action":"iam:DeletePolicy","Resource":"arn:aws:iam::*:policy/Admin"}"#;
    let gives = r#"{"Effect":"Deny","Action":"iam:*","Resource":"*",
        "Condition":{"StringEquals":{"aws:RequestTag/team":"red"}}}"#;
    let keys = r#"{"Effect":"Deny","Action":"iam:*","Resource":"*",
        "Condition":{"ForAnyValue:StringEquals":{"aws:TagKeys":"team"}}}"#;
    let has = r#"{"Effect":"Deny","Action":"iam:*","Resource":"*",
        "Condition":{"StringEquals":{"aws:ResourceTag/team":"red"}}}"#;
    let region = r#"{"Effect":"Deny","Action":"iam:GetUser","Resource":"*",
        "Condition":{"StringEquals":{"aws:RequestedRegion":"DCA02"}}}"#;
    let plain = r#"{"Effect":"Deny","Action":"iam:GetUser","Resource":"*",
        "Condition":{"Bool":{"aws:SecureTransport":"false"}}}"#;
    let board = r#"{"Effect":"Deny","Action":"iam:UpdateUser","Resource":"arn:aws:iam::*:user/board/*"}"#;
    let cases: &[(&str, &[Case<'_>])] = &[
        (
            board,
            &[
                ("UpdateUser", &[BOB, ("NewPath", "/board/")], false),
                ("UpdateUser", &[BOB, ("NewPath", "/board/deep/")], false),
                ("UpdateUser", &[BOB, ("NewPath", "/staff/")], true),
                ("UpdateUser", &[BOB, ("NewUserName", "bo@example.com")], true),
            ],
        ),
        (
            attach,
            &[
                ("AttachUserPolicy", &[BOB, admin], false),
                ("AttachUserPolicy", &[BOB, reader], true),
                ("DetachUserPolicy", &[BOB, reader], true),
            ],
        ),
        (
            named,
            &[("DeletePolicy", &[admin], false), ("DeletePolicy", &[reader], true)],
        ),
        (
            gives,
            &[
                ("TagUser", &[BOB, key, red], false),
                ("TagUser", &[BOB, key, blue], true),
                ("CreateUser", &[("UserName", "dee@example.com"), key, red], false),
                ("TagPolicy", &[reader, key, red], false),
                // Tags that no action gives are none.
                ("GetUser", &[BOB, key, red], true),
            ],
        ),
        (
            keys,
            &[
                ("TagUser", &[BOB, key, blue], false),
                ("UntagUser", &[CY, ("TagKeys.member.1", "team")], false),
                ("UntagUser", &[CY, ("TagKeys.member.1", "town")], true),
            ],
        ),
        (
            has,
            &[
                ("GetUser", &[CY], false),
                ("DeleteUser", &[CY], false),
                ("TagUser", &[CY, key, blue], false),
                ("GetUser", &[BOB], true),
                ("GetPolicy", &[admin], false),
                ("GetPolicy", &[reader], true),
            ],
        ),
        (region, &[("GetUser", &[BOB], false), ("ListUsers", &[], true)]),
        (plain, &[("GetUser", &[BOB], false)]),
    ];
    for (statement, asked) in cases {
        let bench = Bench::new().await;
        for user in [&[BOB][..], &[CY, key, red]] {
            bench.ask(&bench.root, "CreateUser", user).await.good();
        }
        for policy in [&[("PolicyName", "Admin"), key, red][..], &[("PolicyName", "Reader")]] {
            let policy: Vec<_> = policy.iter().copied().chain([("PolicyDocument", DOCUMENT)]).collect();
            bench.ask(&bench.root, "CreatePolicy", &policy).await.good();
        }
        let ann = held(&bench, statement).await;
        for (action, params, is_done) in *asked {
            let told = bench.ask(&ann, action, params).await;
            if *is_done {
                told.good();
            } else {
                told.refused(403, "AccessDenied");
            }
        }
    }
}
