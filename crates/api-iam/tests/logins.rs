//! Logging in by RSLogin, and what a login shows of a user.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use baleen_policy::Principal;
use common::{Bench, IAM, NAME_OF_ROOT, STS, encode, form_of};
use serde_json::Value;

const NAME: &str = "clark@example.com";
const PASSWORD: &str = "Password22";

#[tokio::test]
async fn a_login_and_its_refusals() {
    let bench = Bench::with_login(NAME, PASSWORD).await;
    let right = [("Customer", "baleen"), ("UserName", NAME), ("Password", PASSWORD)];
    let told = bench.ask(&Principal::Nobody, "RSLogin", &right).await.good();
    assert_eq!(told.headers["cache-control"], "no-store");
    let told: Value = serde_json::from_str(&told.body).unwrap();
    assert_eq!(told["Credentials"]["SessionToken"], "");
    let user = &told["UserInfo"];
    for (member, value) in [
        ("Name", NAME),
        ("Email", NAME),
        ("Type", "user"),
        ("Path", "/"),
        ("Root", "baleen:baleen"),
    ] {
        assert_eq!(user[member], value, "{member}");
    }
    let key = told["Credentials"]["AccessKeyId"].as_str().unwrap();
    assert!(key.starts_with("STX"));
    let session = bench.who(key).await.unwrap();
    let info = bench.ask(&session, "RSGetUserInfo", &[]).await.good();
    let info: Value = serde_json::from_str(&info.body).unwrap();
    assert_eq!((&info[0]["Name"], &info[0]["Root"]), (&user["Name"], &"baleen".into()));
    assert_eq!(info[0]["LastAccess"], user["LastAccess"]);

    // A name is one customer's, whatever stands before it.
    for name in ["BALEEN", "baleen:baleen", "other:Baleen"] {
        let mut named = right;
        named[0].1 = name;
        bench.ask(&Principal::Nobody, "RSLogin", &named).await.good();
    }

    let mut texts = Vec::new();
    for (member, value) in [
        (0, "nobody"),
        (0, "baleen:nobody"),
        (0, "baleen:baleen:baleen"),
        (0, "\u{e9}!"),
        (1, "x@example.com"),
        (2, "Password23"),
    ] {
        let mut wrong = right;
        wrong[member].1 = value;
        let told = bench.ask(&Principal::Nobody, "RSLogin", &wrong).await;
        told.refused(403, "AccessDenied");
        texts.push(told.body);
    }
    assert!(
        texts.iter().all(|text| *text == texts[0]),
        "one text for all: {texts:?}"
    );
    for missing in 0..right.len() {
        let rest: Vec<_> = right.into_iter().enumerate().filter(|(n, _)| *n != missing).collect();
        let rest: Vec<_> = rest.into_iter().map(|(_, pair)| pair).collect();
        let told = bench.ask(&Principal::Nobody, "RSLogin", &rest).await;
        told.refused(400, "ValidationError");
    }
}

/// A whitelist wants the customer's name in a header, and says no as a wrong password does.
#[tokio::test]
async fn a_login_below_a_whitelist() {
    let bench = Bench::with_login(NAME, PASSWORD).await;
    let form = format!(
        "Action=RSLogin&Version={STS}&Customer=baleen&UserName={}&Password={PASSWORD}",
        encode(NAME)
    );
    let log_in = async |header: Option<&str>| {
        let mut request = form_of("/", form.clone());
        if let Some(header) = header {
            request
                .headers_mut()
                .insert("x-lyve-customer", header.try_into().unwrap());
        }
        bench.send(&Principal::Nobody, "sts", request).await
    };
    let listed = async |subnet: &str| {
        let rule = format!(r#"{{"root":"baleen","subNet":"{subnet}"}}"#);
        let told = bench.whitelist("PUT", "RSWhitelistAddRule", rule).await.good();
        let told: Value = serde_json::from_str(&told.body).unwrap();
        let approve = async |force: &str| {
            let rule = format!(r#"{{"root":"baleen","ruleId":{}{force}}}"#, told["ruleId"]);
            bench.whitelist("POST", "RSWhitelistApproveRule", rule).await
        };
        if subnet == "192.0.2.0/24" {
            // The first rule would keep root out, who sends from elsewhere.
            for force in ["", r#","force":false"#, r#","force":1"#] {
                assert_eq!(approve(force).await.status, 400, "{force}");
            }
            approve(r#","force":true"#).await.good();
        } else {
            approve("").await.good();
        }
    };
    log_in(None).await.good();
    listed("192.0.2.0/24").await;
    let outside = log_in(Some("baleen")).await;
    outside.refused(403, "AccessDenied");
    listed("127.0.0.0/8").await;
    log_in(Some("Baleen")).await.good();
    for header in [None, Some("newcorp"), Some("")] {
        assert_eq!(log_in(header).await.body, outside.body, "{header:?}");
    }
}

/// The days of a rule are listed, and from its approval on when it ends.
#[tokio::test]
async fn a_rule_with_days_is_listed_with_its_end() {
    let bench = Bench::new().await;
    let send = async |method: &str, call: &str, text: String| {
        let told = bench.whitelist(method, call, text).await;
        serde_json::from_str::<Value>(&told.good().body).unwrap()
    };
    let listed = async || send("GET", "RSWhitelistListRules?root=baleen", String::new()).await["rules"][0].clone();
    let rule = r#"{"root":"baleen","subNet":"127.0.0.0/8","ttl":3}"#.to_owned();
    let id = send("PUT", "RSWhitelistAddRule", rule).await["ruleId"].clone();
    let rule = listed().await;
    assert_eq!((&rule["ttl"], rule.get("endsAt")), (&3.into(), None));
    send(
        "POST",
        "RSWhitelistApproveRule",
        format!(r#"{{"root":"baleen","ruleId":{id}}}"#),
    )
    .await;
    let rule = listed().await;
    assert_eq!(
        (&rule["ttl"], &rule["endsAt"]),
        (&3.into(), &"2027-01-18T08:00:00.000Z".into())
    );
}

/// Nobody deletes the rule that lets the asker in without saying so, while another keeps all others out.
#[tokio::test]
async fn the_rule_that_lets_one_in_is_not_deleted_by_mistake() {
    let bench = Bench::new().await;
    bench.list_network("127.0.0.0/8").await;
    bench.list_network("192.0.2.0/24").await;
    let rule_of = async |subnet: &str| {
        let told = bench.whitelist("GET", "RSWhitelistListRules?root=baleen", String::new());
        let told: Value = serde_json::from_str(&told.await.good().body).unwrap();
        let rules = told["rules"].as_array().unwrap();
        rules.iter().find(|rule| rule["subNet"] == subnet).unwrap().clone()
    };
    let inner = rule_of("127.0.0.0/8").await;
    let delete = async |rule: &Value, query: &str, more: &str| {
        let call = format!("RSWhitelistDeleteRule{query}");
        let text = format!(r#"{{"root":"baleen","ruleId":{}{more}}}"#, rule["ruleId"]);
        bench.whitelist("DELETE", &call, text).await
    };
    for (query, more) in [
        ("", ""),
        ("", r#","force":false"#),
        ("", r#","force":"true""#),
        ("?force=false", ""),
        ("?force=1", ""),
        ("?force=true", r#","force":true"#),
    ] {
        let told = delete(&inner, query, more).await;
        assert_eq!(told.status, 400, "{query} {more}: {}", told.body);
    }
    let told = delete(&inner, "", "").await;
    assert!(
        told.body.contains("127.0.0.1") && told.body.contains("force: true"),
        "{}",
        told.body
    );
    // A second rule that holds the address, and the first may go; then it is the last that does.
    bench.list_network("127.0.0.1/32").await;
    delete(&inner, "", "").await.good();
    let last = rule_of("127.0.0.1/32").await;
    assert_eq!(delete(&last, "", "").await.status, 400);
    // Without any other nobody is kept out.
    delete(&rule_of("192.0.2.0/24").await, "", "").await.good();
    delete(&last, "", "").await.good();
    bench.list_network("127.0.0.0/8").await;
    bench.list_network("192.0.2.0/24").await;
    delete(&rule_of("127.0.0.0/8").await, "?force=true", "").await.good();
}

/// From outside a live token is one that never was, and stays live.
#[tokio::test]
async fn a_reset_below_a_whitelist() {
    let bench = Bench::with_login(NAME, PASSWORD).await;
    let ask = [("UserName", NAME), ("Type", "pwd_reset")];
    let told = bench.ask(&bench.root, "RSGetToken", &ask).await.good();
    let told: Value = serde_json::from_str(&told.body).unwrap();
    let live = told["Token"].as_str().unwrap();
    let never = format!("pwdreset-{}", "0".repeat(live.len() - 9));
    let reset = async |token: &str, password: &str| {
        let ask = [("Token", token), ("NewPassword", password)];
        bench.ask(&Principal::Nobody, "RSResetPassword", &ask).await
    };
    bench.list_network("192.0.2.0/24").await;
    for password in ["Password24", "short"] {
        let (barred, unknown) = (reset(live, password).await, reset(&never, password).await);
        barred.refused(403, "AccessDenied");
        assert_eq!((barred.body, barred.deed), (unknown.body, unknown.deed));
    }
    bench.list_network("127.0.0.0/8").await;
    reset(live, "Password24").await.good();
}

#[tokio::test]
async fn particulars_of_several_users() {
    let bench = Bench::with_login(NAME, PASSWORD).await;
    let names = async |asking: &Principal, list: &[(&str, &str)]| {
        let told = bench.ask(asking, "RSGetUserInfo", list).await;
        let shown: Value = serde_json::from_str(&told.body).unwrap();
        let names = shown
            .as_array()
            .map(|users| users.iter().map(|user| user["Name"].to_string()).collect::<Vec<_>>());
        (told.status.as_u16(), names.map(|names| names.join(" ")))
    };
    let both = [
        ("UserList.1", NAME),
        ("UserList.2", "unknown@example.com"),
        ("UserList.3", NAME_OF_ROOT),
    ];
    let found = names(&bench.root, &both).await;
    assert_eq!(found, (200, Some(format!(r#""{NAME}" "{NAME_OF_ROOT}""#))));
    let user = bench.user("lois@example.com").await;
    assert_eq!(names(&user, &[]).await, (200, Some(r#""lois@example.com""#.to_owned())));
    assert_eq!(names(&user, &both).await, (403, None));
    assert_eq!(
        names(&user, &[("UserList.1", "unknown@example.com")]).await,
        (403, None)
    );
    let form = format!("Action=RSGetUserInfo&Version={IAM}");
    let long = (1..=101)
        .map(|n| format!("&UserList.{n}=u{n}"))
        .collect::<Vec<_>>()
        .concat();
    bench
        .send(&bench.root, "iam", form_of("/", form + &long))
        .await
        .refused(400, "ValidationError");
}
