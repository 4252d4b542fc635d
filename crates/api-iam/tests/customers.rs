//! Customers: made by a reseller, entered by their roots, and by the reseller if they let it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use baleen_policy::Principal;
use common::Bench;
use serde_json::Value;

/// The example of the document.
const EXAMPLE: [(&str, &str); 6] = [
    ("Name", "NewCorp"),
    ("Email", "admin@newcorp.com"),
    ("Password", "Password22"),
    ("AssumeRoleControl", "customer"),
    ("ReplicationEnforcement", "false"),
    ("ReplicationPolicy", "{}"),
];

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

async fn log_in(bench: &Bench, password: &str) -> Principal {
    let ask = [
        ("Customer", "newcorp"),
        ("UserName", "admin@newcorp.com"),
        ("Password", password),
    ];
    let told = json(&bench.ask(&Principal::Nobody, "RSLogin", &ask).await.good().body);
    assert_eq!(told["UserInfo"]["Root"], "baleen:newcorp");
    assert_eq!(
        (&told["UserInfo"]["Type"], &told["UserInfo"]["PwdMustChange"]),
        (&"root".into(), &false.into())
    );
    let id = told["Credentials"]["AccessKeyId"].as_str().unwrap();
    bench.who(id).await.unwrap()
}

#[tokio::test]
async fn a_customer_is_made_and_entered() {
    let bench = Bench::new().await;
    let told = bench.ask(&bench.root, "RSCreateCustomer", &EXAMPLE).await.good();
    let made = json(&told.body);
    assert_eq!((&made["Ok"], &made["Root"]), (&true.into(), &"baleen:newcorp".into()));
    assert_eq!((made["RootID"].as_str().unwrap().len(), made.get("Token")), (12, None));
    let root = log_in(&bench, "Password22").await;
    for (name, status) in [
        ("NEWCORP", 200),
        ("baleen:newcorp", 200),
        ("newcorp:newcorp", 404),
        ("baleen:newcorp2", 404),
        ("baleen:", 400),
        ("baleen:baleen:newcorp", 400),
    ] {
        let told = bench
            .ask(&bench.root, "RSCustomerDetails", &[("CustomerName", name)])
            .await;
        assert_eq!(told.status, status, "{name}");
    }
    let again = bench.ask(&bench.root, "RSCreateCustomer", &EXAMPLE).await;
    again.refused(409, "EntityAlreadyExists");
    // A customer is no reseller.
    for asking in [&root, &bench.user("ann@example.com").await] {
        bench
            .ask(asking, "RSCreateCustomer", &EXAMPLE)
            .await
            .refused(403, "AccessDenied");
        let assume = [("Customer", "newcorp")];
        bench
            .ask(asking, "RSAssumeCustomerRole", &assume)
            .await
            .refused(403, "AccessDenied");
    }
}

#[tokio::test]
async fn a_first_password_is_set_from_an_address_that_may_try_none() {
    let bench = Bench::new().await;
    let wrong = [
        ("Customer", "nobody"),
        ("UserName", "nobody"),
        ("Password", "Password22"),
    ];
    let mut tries = 0;
    while bench.ask(&Principal::Nobody, "RSLogin", &wrong).await.status != 429 {
        tries += 1;
        assert!(tries < 1_000, "the address is never held back");
    }
    let told = bench.ask(&bench.root, "RSCreateCustomer", &EXAMPLE).await.good();
    assert_eq!(json(&told.body).get("Token"), None, "the password is set");
}

#[tokio::test]
async fn a_root_without_password_gets_a_token() {
    let bench = Bench::new().await;
    let params = [("CustomerName", "newcorp"), ("CustomerEmail", "admin@newcorp.com")];
    let told = bench.ask(&bench.root, "RSCreateCustomer", &params).await.good();
    assert_eq!(told.headers["cache-control"], "no-store");
    let made = json(&told.body);
    let reset = [
        ("Token", made["Token"].as_str().unwrap()),
        ("NewPassword", "Password23"),
    ];
    bench.ask(&Principal::Nobody, "RSResetPassword", &reset).await.good();
    log_in(&bench, "Password23").await;
}

#[tokio::test]
async fn what_makes_no_customer() {
    let bench = Bench::new().await;
    for (name, value, code) in [
        ("CustomerName", "other", "ValidationError"),
        ("CustomerEmail", "other@newcorp.com", "ValidationError"),
        ("Name", "", "ValidationError"),
        ("Name", "a b", "ValidationError"),
        ("Email", "admin", "ValidationError"),
        ("Password", "weak", "PasswordPolicyViolation"),
        ("AssumeRoleControl", "anybody", "InvalidInput"),
        ("Regions", "MOON01", "InvalidInput"),
        ("RestrictServiceAccess", "perhaps", "ValidationError"),
    ] {
        let mut params: Vec<_> = EXAMPLE.into_iter().filter(|(other, _)| *other != name).collect();
        params.push((name, value));
        bench
            .ask(&bench.root, "RSCreateCustomer", &params)
            .await
            .refused(400, code);
    }
    let list = bench.ask(&bench.root, "RSListCustomer", &[]).await.good();
    assert_eq!(list.body, "[]", "nothing of a refused call remains");
}

#[tokio::test]
async fn a_reseller_acts_for_who_lets_it() {
    let bench = Bench::new().await;
    bench.ask(&bench.root, "RSCreateCustomer", &EXAMPLE).await.good();
    let root = log_in(&bench, "Password22").await;
    let ask = [("Customer", "newcorp"), ("DurationSeconds", "300")];
    let assume = async || bench.ask(&bench.root, "RSAssumeCustomerRole", &ask).await;
    assume().await.refused(403, "AccessDenied");
    let allow = |word| [("CustomerName", "newcorp"), ("AssumeRoleEnabled", word)];
    bench.ask(&root, "RSModifyCustomer", &allow("true")).await.good();
    let told = assume().await.good();
    assert_eq!(told.headers["cache-control"], "no-store");
    let told = json(&told.body);
    assert_eq!(told["Ok"], true);
    let id = told["AccessKeyId"].as_str().unwrap();
    assert!(bench.who(id).await.is_some());
    bench.ask(&root, "RSModifyCustomer", &allow("false")).await.good();
    assert!(bench.who(id).await.is_none(), "it ends with what allowed it");
    for (params, status, code) in [
        (&[][..], 400, "ValidationError"),
        (&[("Customer", "unknown")], 404, "NoSuchEntity"),
        (
            &[("Customer", "newcorp"), ("DurationSeconds", "59")],
            400,
            "ValidationError",
        ),
    ] {
        let told = bench.ask(&bench.root, "RSAssumeCustomerRole", params).await;
        told.refused(status, code);
    }
}
