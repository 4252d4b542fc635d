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
