//! API tokens from their making to their end, by whom they may be managed, and what stays unsaid.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use baleen_iam::TokenLookup;
use baleen_policy::Principal;
use baleen_runtime::Clock as _;
use baleen_types::Secret;
use common::{Bench, Told};
use serde_json::{Value, json};
use std::time::Duration;

const ANN: &str = "ann@example.com";
const BOB: &str = "bob@example.com";

fn parsed(told: &Told) -> Value {
    serde_json::from_str(&told.body).unwrap()
}

/// Makes a token; gives it and its id.
async fn make(bench: &Bench, by: &Principal, params: &[(&str, &str)]) -> (String, String) {
    let told = parsed(&bench.ask(by, "CreateApiToken", params).await.good());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&told["Token"]), text(&told["ApiToken"]["Id"]))
}

async fn works(bench: &Bench, token: &str) -> bool {
    matches!(
        bench.iam.token(&Secret::new(token)).await.unwrap(),
        TokenLookup::Found(_)
    )
}

async fn give(bench: &Bench, user: &str, actions: &str) {
    let document =
        json!({ "Version": "2012-10-17", "Statement": { "Effect": "Allow", "Action": actions, "Resource": "*" } });
    let params = [
        ("UserName", user),
        ("PolicyName", "given"),
        ("PolicyDocument", &document.to_string()),
    ];
    bench.ask(&bench.root, "PutUserPolicy", &params).await.good();
}

async fn let_users_define(bench: &Bench, yes: &str) {
    bench
        .ask(&bench.root, "SetApiTokenSettings", &[("UserDefinedTokens", yes)])
        .await
        .good();
}

#[tokio::test]
async fn a_token_from_its_making_to_its_end() {
    let bench = Bench::new().await;
    bench.user(ANN).await;
    give(&bench, ANN, "captures:Upload").await;
    let params = [
        ("UserName", ANN),
        ("Label", "import of the probes"),
        ("Methods", "upload, search"),
        ("Group", "qa"),
        ("GroupWrite", "true"),
        ("DefaultTags", " probe ,night"),
        ("Profile", "wide"),
        ("MustLogIn", "true"),
        ("Expires", "2027-06-01T00:00:00Z"),
    ];
    let made = bench.ask(&bench.root, "CreateApiToken", &params).await.good();
    assert_eq!(made.headers["cache-control"], "no-store");
    let told = parsed(&made);
    let (token, id) = (
        told["Token"].as_str().unwrap(),
        told["ApiToken"]["Id"].as_str().unwrap(),
    );
    assert!(token.len() == 32 && token.starts_with(id) && id.len() == 6);
    let mut expected = json!({
        "Id": id,
        "Label": "import of the probes",
        "UserName": ANN,
        "Methods": ["upload", "search"],
        "IdleMethods": ["search"],
        "Group": "qa",
        "GroupWrite": true,
        "Public": false,
        "DefaultTags": ["probe", "night"],
        "Profile": "wide",
        "MustLogIn": true,
        "Enabled": true,
        "UserDefined": false,
        "Expires": "2027-06-01T00:00:00.000Z",
        "Retires": null,
        "CreatedOn": "2027-01-15T08:00:00.000Z",
        "CreatedBy": "root",
        "LastUsed": null,
        "LastUsedFrom": null,
        "UseCount": 0,
    });
    assert_eq!(told["ApiToken"], expected);
    let deed = made.deed.unwrap();
    let arn = format!("arn:aws:iam::{}:user/{ANN}", bench.root.user().unwrap().account);
    assert_eq!(
        (deed.action, deed.resource),
        ("captures:ManageTokens", format!("{arn} Made={id}"))
    );

    bench.iam.note_token_use(&Secret::new(token), [192, 0, 2, 7].into());
    bench.iam.write_token_uses().await.unwrap();
    let changes = [
        ("ApiTokenId", id),
        ("Label", "import"),
        ("Methods.member.1", "upload"),
        ("Group", ""),
        ("Expires", ""),
        ("DefaultTags", ""),
        ("MustLogIn", "false"),
        ("Enabled", "false"),
    ];
    let told = bench.ask(&bench.root, "UpdateApiToken", &changes).await.good();
    for (name, value) in [
        ("Label", json!("import")),
        ("Methods", json!(["upload"])),
        ("IdleMethods", json!([])),
        ("Group", Value::Null),
        ("GroupWrite", json!(false)),
        ("Expires", Value::Null),
        ("DefaultTags", json!([])),
        ("MustLogIn", json!(false)),
        ("Enabled", json!(false)),
        ("LastUsed", json!("2027-01-15T08:00:00.000Z")),
        ("LastUsedFrom", json!("192.0.2.7")),
        ("UseCount", json!(1)),
    ] {
        expected[name] = value;
    }
    assert_eq!(parsed(&told)["ApiToken"], expected);
    assert_eq!(told.deed.unwrap().resource, format!("{arn} ApiTokenId={id}"));
    assert!(!works(&bench, token).await);
    bench
        .ask(
            &bench.root,
            "UpdateApiToken",
            &[("ApiTokenId", id), ("Enabled", "true")],
        )
        .await
        .good();
    assert!(works(&bench, token).await);

    let rotate = [("ApiTokenId", id), ("GraceSeconds", "60")];
    let rotated = bench.ask(&bench.root, "RotateApiToken", &rotate).await.good();
    assert_eq!(rotated.headers["cache-control"], "no-store");
    let rotated = parsed(&rotated);
    let (next, next_id) = (rotated["Token"].as_str().unwrap(), &rotated["ApiToken"]["Id"]);
    assert!(works(&bench, token).await && works(&bench, next).await);
    let ending = parsed(
        &bench
            .ask(&bench.root, "GetApiToken", &[("ApiTokenId", id)])
            .await
            .good(),
    );
    let (old, new) = (&ending["ApiToken"], &rotated["ApiToken"]);
    assert_eq!(
        (&old["Retires"], &new["Retires"]),
        (&json!("2027-01-15T08:01:00.000Z"), &Value::Null)
    );
    assert_eq!((&old["Expires"], &new["Expires"]), (&Value::Null, &Value::Null));
    bench.clock.advance(Duration::from_secs(60));
    assert!(!works(&bench, token).await && works(&bench, next).await);

    let get = [("ApiTokenId", &*next_id.as_str().unwrap().to_uppercase())];
    let got = bench.ask(&bench.root, "GetApiToken", &get).await.good();
    assert_eq!(parsed(&got)["ApiToken"]["Label"], "import");
    let listed = bench.ask(&bench.root, "ListApiTokens", &[]).await.good();
    for body in [&got.body, &listed.body] {
        assert!(!body.contains(token) && !body.contains(next));
    }
    for id in [id, next_id.as_str().unwrap()] {
        bench
            .ask(&bench.root, "DeleteApiToken", &[("ApiTokenId", id)])
            .await
            .good();
        bench
            .ask(&bench.root, "GetApiToken", &[("ApiTokenId", id)])
            .await
            .refused(404, "NoSuchEntity");
    }
    assert!(!works(&bench, next).await);
}

#[tokio::test]
async fn users_have_tokens_only_while_they_may() {
    let bench = Bench::new().await;
    let (ann, bob) = (bench.user(ANN).await, bench.user(BOB).await);
    give(&bench, ANN, "captures:*").await;
    let create = [("Label", "mine")];
    let anns = [("Label", "hers"), ("UserName", ANN)];
    for params in [&create[..], &anns] {
        bench
            .ask(&ann, "CreateApiToken", params)
            .await
            .refused(403, "AccessDenied");
    }
    bench.ask(&ann, "ListApiTokens", &[]).await.refused(403, "AccessDenied");
    let set = [("UserDefinedTokens", "true")];
    bench
        .ask(&ann, "SetApiTokenSettings", &set)
        .await
        .refused(403, "AccessDenied");
    let settings = parsed(&bench.ask(&ann, "GetApiTokenSettings", &[]).await.good());
    assert_eq!(settings, json!({ "UserDefinedTokens": false, "GuestAccess": false }));

    let_users_define(&bench, "true").await;
    let (token, id) = make(&bench, &ann, &create).await;
    let (_, of_root) = make(&bench, &bench.root, &create).await;
    let listed = parsed(&bench.ask(&ann, "ListApiTokens", &[]).await.good());
    assert_eq!(listed["ApiTokens"].as_array().unwrap().len(), 1);
    assert_eq!(listed["ApiTokens"][0]["UserDefined"], true);
    // Of others' tokens a user learns no more than of none.
    for action in ["GetApiToken", "UpdateApiToken", "DeleteApiToken", "RotateApiToken"] {
        let told = async |id: &str| {
            let params = [("ApiTokenId", id), ("GraceSeconds", "0")];
            let told = bench.ask(&bob, action, &params).await;
            told.refused(404, "NoSuchEntity");
            told.body.replace(id, "000000")
        };
        let unknown = told("000000").await;
        assert_eq!(
            [told(&id).await, told(&of_root).await],
            [unknown.clone(), unknown],
            "{action}"
        );
    }
    for other in [ANN, "root", "nobody@example.com"] {
        let params = [("UserName", other), ("Label", "x")];
        for action in ["CreateApiToken", "ListApiTokens"] {
            bench.ask(&bob, action, &params).await.refused(403, "AccessDenied");
        }
    }
    let beyond = bench.ask(&bob, "CreateApiToken", &create).await;
    beyond.refused(403, "AccessDenied");
    assert!(beyond.body.contains(": upload."), "{}", beyond.body);

    let_users_define(&bench, "false").await;
    assert!(works(&bench, &token).await, "it keeps working");
    for id in [&*id, "000000"] {
        bench
            .ask(&ann, "GetApiToken", &[("ApiTokenId", id)])
            .await
            .refused(403, "AccessDenied");
    }
    bench
        .ask(&ann, "DisableUserDefinedApiTokens", &[])
        .await
        .refused(403, "AccessDenied");
    let disabled = bench.ask(&bench.root, "DisableUserDefinedApiTokens", &[]).await.good();
    assert_eq!(parsed(&disabled), json!({ "Ok": true, "Disabled": 1 }));
    assert!(!works(&bench, &token).await);
}

#[tokio::test]
async fn another_accounts_tokens_are_not_there() {
    let bench = Bench::new().await;
    let customer = [
        ("CustomerName", "newcorp"),
        ("CustomerEmail", "admin@newcorp.com"),
        ("Password", "Password22"),
    ];
    bench.ask(&bench.root, "RSCreateCustomer", &customer).await.good();
    let login = [
        ("Customer", "newcorp"),
        ("UserName", "admin@newcorp.com"),
        ("Password", "Password22"),
    ];
    let told = parsed(&bench.ask(&Principal::Nobody, "RSLogin", &login).await.good());
    let id = told["Credentials"]["AccessKeyId"].as_str().unwrap();
    let foreign = bench.who(id).await.unwrap();
    let (token, id) = make(&bench, &bench.root, &[("Label", "ours")]).await;
    for action in ["GetApiToken", "UpdateApiToken", "DeleteApiToken", "RotateApiToken"] {
        let params = [("ApiTokenId", &*id), ("GraceSeconds", "0")];
        bench.ask(&foreign, action, &params).await.refused(404, "NoSuchEntity");
    }
    let listed = parsed(&bench.ask(&foreign, "ListApiTokens", &[]).await.good());
    assert_eq!(listed, json!({ "ApiTokens": [], "IsTruncated": false }));
    assert!(works(&bench, &token).await);

    let (theirs, _) = make(&bench, &foreign, &[("Label", "theirs")]).await;
    assert!(works(&bench, &theirs).await);
    for (status, expected) in [("disabled", false), ("enabled", true), ("deleted", false)] {
        let modify = [("CustomerName", "newcorp"), ("Status", status)];
        bench.ask(&bench.root, "RSModifyCustomer", &modify).await.good();
        assert_eq!(works(&bench, &theirs).await, expected, "{status}");
    }
}

/// Who deletes a user need not know of its tokens; they stay, of no use, until somebody deletes them.
#[tokio::test]
async fn tokens_of_who_is_gone() {
    let bench = Bench::new().await;
    bench.ask(&bench.root, "CreateUser", &[("UserName", ANN)]).await.good();
    let owner = [("Label", "hers"), ("UserName", ANN)];
    let (token, id) = make(&bench, &bench.root, &owner).await;
    assert!(works(&bench, &token).await);
    bench.ask(&bench.root, "DeleteUser", &[("UserName", ANN)]).await.good();
    assert!(!works(&bench, &token).await);
    for action in ["GetApiToken", "DeleteApiToken"] {
        let told = bench.ask(&bench.root, action, &[("ApiTokenId", &id)]).await;
        told.refused(404, "NoSuchEntity");
    }
}

/// What was derived from a credential, or is a token itself, makes none that would outlive it.
#[tokio::test]
async fn neither_sessions_nor_tokens_make_tokens() {
    let bench = Bench::new().await;
    let role = [("RoleArn", "arn:aws:iam::1:role/any"), ("RoleSessionName", "name")];
    let session = bench.ask(&bench.root, "AssumeRole", &role).await.good();
    let session = bench.who(&common::element(&session.body, "AccessKeyId")).await.unwrap();
    let (token, _) = make(&bench, &bench.root, &[("Label", "mine")]).await;
    let TokenLookup::Found(token) = bench.iam.token(&Secret::new(token)).await.unwrap() else {
        panic!("it was made just now");
    };
    for principal in [&session, &token.principal] {
        for (action, params) in [
            ("CreateApiToken", &[("Label", "x")][..]),
            ("ListApiTokens", &[]),
            ("GetApiToken", &[("ApiTokenId", "000000")]),
            ("SetApiTokenSettings", &[("GuestAccess", "true")]),
            ("DisableUserDefinedApiTokens", &[]),
        ] {
            bench.ask(principal, action, params).await.refused(403, "AccessDenied");
        }
    }
}

#[tokio::test]
async fn lists_have_pages() {
    let bench = Bench::new().await;
    bench.user(ANN).await;
    for owner in [ANN, "root", ANN] {
        make(&bench, &bench.root, &[("Label", "x"), ("UserName", owner)]).await;
    }
    for (owner, expected) in [(None, 4), (Some(ANN), 2), (Some("root"), 2)] {
        let (mut marker, mut ids) = (String::new(), Vec::new());
        loop {
            let mut params = vec![("MaxItems", "1"), ("Marker", &*marker)];
            params.extend(owner.map(|owner| ("UserName", owner)));
            let page = parsed(&bench.ask(&bench.root, "ListApiTokens", &params).await.good());
            ids.extend(
                page["ApiTokens"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|token| token["Id"].to_string()),
            );
            if page["IsTruncated"] == false {
                break;
            }
            marker = page["Marker"].as_str().unwrap().to_owned();
        }
        assert!(ids.len() == expected && ids.is_sorted(), "{owner:?}: {ids:?}");
    }
}

/// Whoever takes a whole token for its id has not told it to the log.
#[tokio::test]
async fn a_token_in_the_wrong_place_is_not_repeated() {
    let bench = Bench::new().await;
    let (token, id) = make(&bench, &bench.root, &[("Label", "x")]).await;
    let told = bench
        .ask(&bench.root, "DeleteApiToken", &[("ApiTokenId", &token)])
        .await;
    told.refused(400, "ValidationError");
    assert!(!told.body.contains(&token));
    assert_eq!(told.deed.unwrap().resource, format!("ApiTokenId={id}"));
    assert!(works(&bench, &token).await);
}

/// An action, a parameter, and its values with the code that each is refused with.
type Case<'a> = (&'a str, &'a str, Vec<(String, &'a str)>);

#[tokio::test]
async fn limits_of_parameters() {
    let bench = Bench::new().await;
    let (_, id) = make(&bench, &bench.root, &[("Label", "x"), ("Group", "qa")]).await;
    let (create, update) = ("CreateApiToken", "UpdateApiToken");
    let long = |n: usize| "a".repeat(n);
    let list = |n: usize| (0..n).map(|n| format!("t{n}")).collect::<Vec<_>>().join(",");
    let now = bench.clock.now();
    let ahead = now.plus(Duration::from_millis(1)).to_rfc3339_millis();
    let cases: Vec<Case<'_>> = vec![
        (
            create,
            "Label",
            vec![
                (long(0), "ValidationError"),
                (long(1), ""),
                (long(128), ""),
                (long(129), "ValidationError"),
                ("ü".repeat(128), ""),
                ("a\tb".into(), "InvalidInput"),
                (" a".into(), "InvalidInput"),
            ],
        ),
        (
            create,
            "UserName",
            vec![
                (long(0), "ValidationError"),
                (long(64), "NoSuchEntity"),
                (long(65), "ValidationError"),
                ("root".into(), ""),
            ],
        ),
        (
            create,
            "Group",
            vec![
                (long(0), ""),
                (long(64), ""),
                (long(65), "ValidationError"),
                ("a\n".into(), "InvalidInput"),
            ],
        ),
        (
            create,
            "GroupWrite",
            vec![
                ("true".into(), "InvalidInput"),
                ("false".into(), ""),
                ("1".into(), "ValidationError"),
            ],
        ),
        (
            create,
            "Public",
            vec![
                ("true".into(), "InvalidInput"),
                ("false".into(), ""),
                ("yes".into(), "ValidationError"),
            ],
        ),
        (
            create,
            "MustLogIn",
            vec![("TRUE".into(), ""), ("on".into(), "ValidationError")],
        ),
        (
            create,
            "Enabled",
            vec![("true".into(), ""), ("false".into(), "ValidationError")],
        ),
        (
            create,
            "Profile",
            vec![(long(0), ""), (long(64), ""), (long(65), "ValidationError")],
        ),
        (
            create,
            "DefaultTags",
            vec![
                (long(0), ""),
                (",, ,".into(), ""),
                (list(30), ""),
                (list(31), "ValidationError"),
                (long(64), ""),
                (long(65), "InvalidInput"),
                (long(4097), "ValidationError"),
            ],
        ),
        (
            create,
            "DefaultTags.member.1",
            vec![("a".into(), ""), ("a,b".into(), "InvalidInput")],
        ),
        (create, "DefaultTags.member.0", vec![("a".into(), "ValidationError")]),
        (
            create,
            "Methods",
            vec![
                ("upload".into(), ""),
                (
                    "upload,open,info,search,download,annotations_read,annotations_write,edit,merge,export,delete,\
                     analysis,deep_search,capture"
                        .into(),
                    "",
                ),
                ("upload,everything".into(), "ValidationError"),
                ("Upload".into(), "ValidationError"),
                (long(0), "ValidationError"),
                (["upload"; 15].join(","), "ValidationError"),
            ],
        ),
        (
            create,
            "Methods.member.1",
            vec![("search".into(), ""), ("*".into(), "ValidationError")],
        ),
        (
            create,
            "Expires",
            vec![
                (long(0), ""),
                (ahead.clone(), ""),
                (now.to_rfc3339_millis(), "InvalidInput"),
                ("2020-01-01T00:00:00Z".into(), "InvalidInput"),
                ("tomorrow".into(), "ValidationError"),
                ("2027-13-01T00:00:00Z".into(), "ValidationError"),
            ],
        ),
        (update, "Label", vec![(long(129), "ValidationError"), (long(128), "")]),
        (
            update,
            "Methods",
            vec![("search".into(), ""), (long(0), "ValidationError")],
        ),
        (update, "GroupWrite", vec![("true".into(), "")]),
        (
            update,
            "Expires",
            vec![(now.to_rfc3339_millis(), "InvalidInput"), (ahead, ""), (long(0), "")],
        ),
        (update, "Odd", vec![("ignored".into(), "")]),
        (
            "GetApiToken",
            "ApiTokenId",
            vec![
                (long(0), "ValidationError"),
                (long(5), "ValidationError"),
                (long(6), "NoSuchEntity"),
                (long(7), "ValidationError"),
                (long(32), "ValidationError"),
                ("ghijkl".into(), "ValidationError"),
                ("../../".into(), "ValidationError"),
            ],
        ),
        (
            "ListApiTokens",
            "MaxItems",
            vec![
                ("0".into(), "ValidationError"),
                ("1000".into(), ""),
                ("1001".into(), "ValidationError"),
            ],
        ),
        ("ListApiTokens", "Marker", vec![("nonsense".into(), "InvalidInput")]),
        (
            "SetApiTokenSettings",
            "GuestAccess",
            vec![("true".into(), ""), ("1".into(), "ValidationError")],
        ),
        ("SetApiTokenSettings", "Odd", vec![("true".into(), "ValidationError")]),
        ("RotateApiToken", "Odd", vec![("x".into(), "ValidationError")]),
        (
            "RotateApiToken",
            "GraceSeconds",
            vec![
                ("-1".into(), "ValidationError"),
                ("2592001".into(), "ValidationError"),
                ("2592000".into(), ""),
                ("0".into(), ""),
                // The one before ended it.
                ("0".into(), "InvalidInput"),
            ],
        ),
    ];
    for (action, name, values) in &cases {
        for (value, code) in values {
            let mut params = vec![(*name, value.as_str())];
            if *action == create && *name != "Label" {
                params.push(("Label", "x"));
            }
            if matches!(*action, "UpdateApiToken" | "RotateApiToken") {
                params.push(("ApiTokenId", &id));
            }
            let told = bench.ask(&bench.root, action, &params).await;
            let found = common::error_code(&told.body).unwrap_or_default();
            assert_eq!(&found, code, "{action} {name}={value}: {}", told.body);
        }
    }
    bench
        .ask(&bench.root, create, &[])
        .await
        .refused(400, "ValidationError");
    let both = [("Label", "x"), ("Methods", "upload"), ("Methods.member.1", "search")];
    bench
        .ask(&bench.root, create, &both)
        .await
        .refused(400, "ValidationError");
    // Guests are let in by now.
    make(&bench, &bench.root, &[("Label", "x"), ("Public", "true")]).await;
}
