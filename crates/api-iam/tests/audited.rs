//! What the audit log is told: who is tried and what decided, and nothing that somebody typed into the wrong field.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use baleen_http::{Deed, Verdict, Weight};
use baleen_policy::Principal;
use common::Bench;
use serde_json::{Value, json};

const NAME: &str = "clark@example.com";
const PASSWORD: &str = "Password22";

/// Resource and verdict of a deed.
fn shown(deed: Option<&Deed>) -> Option<(&str, Verdict)> {
    deed.map(|deed| (deed.resource.as_str(), deed.verdict))
}

#[tokio::test]
async fn a_login_is_told_to_the_log_of_the_customer_that_is_tried() {
    let bench = Bench::with_login(NAME, PASSWORD).await;
    let account = bench.root.user().unwrap().account;
    let huge = "x".repeat(300);
    let user = "UserName=clark@example.com";
    let (yes, no) = (Verdict::Allowed, Verdict::Denied);
    for (customer, name, password, wanted) in [
        ("baleen", NAME, PASSWORD, Some((user, yes))),
        // As it is stored, however it was typed.
        ("BALEEN", "Clark@Example.COM", PASSWORD, Some((user, yes))),
        ("baleen", NAME, "Password23", Some((user, no))),
        // What is nobody's name may be a password, or made to look like another line.
        ("baleen", PASSWORD, NAME, Some(("", no))),
        ("baleen", "lois@example.com", PASSWORD, Some(("", no))),
        (
            "baleen",
            "clark@example.com\n{\"sequence\":1}",
            PASSWORD,
            Some(("", no)),
        ),
        ("baleen", "clark@example.com\u{9}\u{2028}", PASSWORD, Some(("", no))),
        // A control byte is no part of a parameter.
        ("baleen", "clark@example.com\u{0}", PASSWORD, None),
        ("baleen", "clark@example.com\u{1b}[2J", PASSWORD, None),
        ("baleen", "clark@example.com' or 1=1", PASSWORD, Some(("", no))),
        // Without a customer there is no log.
        ("nobody", NAME, PASSWORD, None),
        (PASSWORD, NAME, PASSWORD, None),
        ("baleen", &huge, PASSWORD, None),
    ] {
        let ask = [("Customer", customer), ("UserName", name), ("Password", password)];
        let told = bench.ask(&Principal::Nobody, "RSLogin", &ask).await;
        assert_eq!(shown(told.deed.as_ref()), wanted, "{customer:?} {name:?}");
        let Some(deed) = told.deed else { continue };
        assert_eq!((deed.account, deed.weight), (Some(account), Weight::Change));
        assert_eq!(deed.action, "sts:RSLogin");
    }
}

#[tokio::test]
async fn a_customer_that_may_not_act_sees_who_tried_all_the_same() {
    let bench = Bench::new().await;
    let made = [("Name", "newcorp"), ("Email", NAME), ("Password", PASSWORD)];
    let made = bench.ask(&bench.root, "RSCreateCustomer", &made).await.good();
    let made: Value = serde_json::from_str(&made.body).unwrap();
    let ask = [("Customer", "newcorp"), ("UserName", NAME), ("Password", PASSWORD)];
    let disable = [("CustomerName", "newcorp"), ("Status", "disabled")];
    bench.ask(&bench.root, "RSModifyCustomer", &disable).await.good();
    let told = bench.ask(&Principal::Nobody, "RSLogin", &ask).await;
    told.refused(403, "AccessDenied");
    let deed = told.deed.unwrap();
    assert_eq!(
        (deed.resource.as_str(), deed.verdict),
        ("UserName=clark@example.com", Verdict::Denied)
    );
    assert_eq!(json!(deed.account.unwrap().to_string()), made["RootID"]);
}

#[tokio::test]
async fn a_password_that_is_reset_is_told_with_its_user() {
    let bench = Bench::with_login(NAME, PASSWORD).await;
    let told = bench.ask(&bench.root, "RSGetToken", &[("Type", "pwd_reset"), ("UserName", NAME)]);
    let told: Value = serde_json::from_str(&told.await.good().body).unwrap();
    let token = told["Token"].as_str().unwrap();
    let wrong = [("Token", "pwdreset-0"), ("NewPassword", PASSWORD)];
    let refused = bench.ask(&Principal::Nobody, "RSResetPassword", &wrong).await;
    assert_eq!(refused.deed, None, "whose it would be is not known");
    let right = [("Token", token), ("NewPassword", "Password23")];
    let done = bench.ask(&Principal::Nobody, "RSResetPassword", &right).await.good();
    let deed = done.deed.unwrap();
    assert_eq!(
        (deed.resource.as_str(), deed.verdict),
        ("UserName=clark@example.com", Verdict::Allowed)
    );
    assert_eq!(deed.account, Some(bench.root.user().unwrap().account));
}

#[tokio::test]
async fn what_decided_is_told() {
    let bench = Bench::with_login(NAME, PASSWORD).await;
    let document = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"iam:*","Resource":"*"},
        {"Sid":"NoKeys","Effect":"Deny","Action":"iam:CreateAccessKey","Resource":"*"}]}"#;
    let policy = [("UserName", NAME), ("PolicyName", "own"), ("PolicyDocument", document)];
    bench.ask(&bench.root, "PutUserPolicy", &policy).await.good();
    let login = [("Customer", "baleen"), ("UserName", NAME), ("Password", PASSWORD)];
    let told = bench.ask(&Principal::Nobody, "RSLogin", &login).await.good();
    let told: Value = serde_json::from_str(&told.body).unwrap();
    let clark = bench
        .who(told["Credentials"]["AccessKeyId"].as_str().unwrap())
        .await
        .unwrap();
    let long = "x".repeat(10_000);
    for (asking, action, params, verdict, statement) in [
        (
            &clark,
            "CreateAccessKey",
            &[][..],
            Verdict::Denied,
            Some("inline policy own, statement 2 (NoKeys)"),
        ),
        // The role gives it, and the role does not give it: no statement can.
        (&clark, "GetUser", &[], Verdict::Allowed, None),
        (&clark, "ListUsers", &[], Verdict::Denied, None),
        (&bench.root, "ListUsers", &[], Verdict::Allowed, None),
        (
            &clark,
            "DeleteUser",
            &[("UserName", long.as_str())],
            Verdict::Allowed,
            None,
        ),
    ] {
        let deed = bench.ask(asking, action, params).await.deed.unwrap();
        assert_eq!(
            (deed.verdict, deed.statement.as_deref()),
            (verdict, statement),
            "{action}"
        );
        assert!(deed.resource.len() < 1_000, "what nobody has checked is bounded");
    }
}

/// In the log of an account a policy is told by the account that it is in, however who asked wrote it.
#[tokio::test]
async fn a_policy_is_told_with_its_account() {
    let bench = Bench::with_login(NAME, PASSWORD).await;
    let account = bench.root.user().unwrap().account;
    let document = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;
    let policy = [("PolicyName", "Red"), ("Path", "/teams/"), ("PolicyDocument", document)];
    bench.ask(&bench.root, "CreatePolicy", &policy).await.good();
    let short = ("PolicyArn", "arn:aws:iam::000000000000:policy/teams/Red");
    let arn = format!("arn:aws:iam::{account}:policy/teams/Red");
    let user = format!("arn:aws:iam::{account}:user/{NAME}");
    for (action, params, wanted) in [
        ("GetPolicy", &[short][..], arn.clone()),
        (
            "AttachUserPolicy",
            &[("UserName", NAME), short],
            format!("{user} PolicyArn={arn}"),
        ),
        // What is not there is told as what it would be.
        (
            "GetPolicy",
            &[("PolicyArn", "arn:aws:iam::000000000000:policy/Blue")],
            format!("arn:aws:iam::{account}:policy/Blue"),
        ),
        (
            "GetPolicy",
            &[("PolicyArn", "arn:aws:iam::100000999999:policy/Blue")],
            "arn:aws:iam::100000999999:policy/Blue".to_owned(),
        ),
    ] {
        let deed = bench.ask(&bench.root, action, params).await.deed.unwrap();
        assert_eq!(deed.resource, wanted, "{action} {params:?}");
    }
}
