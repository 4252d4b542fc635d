//! Every row with every parameter it reads, given wrongly. Rows and their parameters are taken from the table and the sources
//! themselves, so that a new row is swept as it comes; a parameter with a new name needs a good value in [`good`].
//!
//! What does not depend on a row is tested where it is decided, once for all: service and version before an action is looked
//! at (`door.rs`), clock, region and signature in the edge (`http`, and `tests/clients/test_iam_requests.py` end to end).

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use baleen_api_iam::ops::{ROWS, Row};
use baleen_policy::Principal;
use common::{Bench, Told, encode, form_of};
use std::collections::BTreeSet;

const DOCUMENT: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}"#;

const ARN: &str = "arn:aws:iam::000000000000:policy/p";

/// What reads one parameter by name.
const READERS: [&str; 12] = [
    "get", "text", "required", "parsed", "typed", "secret", "password", "number", "flag", "either", "members", "pairs",
];

/// What a row's extent reads (`subject.rs`).
fn of_extent(extent: &str) -> &'static [&'static str] {
    match extent {
        "Account" | "Oneself" | "Customers" => &[],
        "User" | "UserOrOneself" | "NewUser" | "OwnersOfTokens" => &["UserName"],
        "MovedUser" => &["UserName", "NewUserName", "NewPath"],
        "NamedUser" => &["Name", "UserName"],
        "Users" => &["UserList.member.1"],
        "UserOfArn" => &["PolicySourceArn"],
        "OwnerOfKey" => &["AccessKeyId"],
        "NewPolicy" => &["PolicyName"],
        "Policy" => &["PolicyArn"],
        "UserAndPolicy" => &["UserName", "PolicyArn"],
        "OwnerOfToken" => &["ApiTokenId"],
        "Customer" => &["CustomerName"],
        "CustomerOrOwn" | "PurgedCustomerOrOwn" => &["Customer"],
        other => panic!("say what the extent {other} reads"),
    }
}

/// What the helpers of `fields.rs` read.
const HELPERS: [(&str, &[&str]); 9] = [
    (".tags()", &["Tags.member.1.Key", "Tags.member.1.Value"]),
    (".tag_keys()", &["TagKeys.member.1"]),
    (".page()", &["MaxItems", "Marker"]),
    (".path_prefix()", &["PathPrefix"]),
    ("regions(params)", &["Regions", "Regions.member.1"]),
    ("regions(&call.params)", &["Regions", "Regions.member.1"]),
    ("\"PolicyArns.member.\"", &["PolicyArns.member.1.arn"]),
    ("\"PolicyInputList\"", &["PolicyInputList.member.1"]),
    (
        "\"ContextEntries.member.\"",
        &[
            "ContextEntries.member.1.ContextKeyName",
            "ContextEntries.member.1.ContextKeyType",
            "ContextEntries.member.1.ContextKeyValues.member.1",
        ],
    ),
];

/// A value that is good wherever the parameter is read.
fn good(bench: &Bench, name: &str) -> String {
    let text = match name {
        "UserName" | "Name" | "UserList.member.1" => "u@example.com",
        "PolicyArn" | "PolicyArns.member.1.arn" => ARN,
        "PolicySourceArn" => "arn:aws:iam::{account}:user/u@example.com",
        "RoleArn" => "arn:aws:iam::000000000000:role/any",
        "RoleSessionName" => "session",
        "PolicyName" => "p",
        "KeyName" => "evidence",
        "PolicyDocument" | "Policy" | "PolicyInputList.member.1" => DOCUMENT,
        "VersionId" => "v2",
        "AccessKeyId" => "AKIA0000000000000000",
        "Customer" | "CustomerName" => "newcorp",
        "CustomerEmail" | "Email" | "NewUserName" => "other@example.com",
        "Path" | "NewPath" | "PathPrefix" => "/team/",
        "Tags.member.1.Key" | "Tags.member.1.Value" | "TagKeys.member.1" => "cost",
        "Password" | "OldPassword" | "NewPassword" => "Password22",
        "MaxItems" => "10",
        "DurationSeconds" => "900",
        "OTP" => "123456",
        "Firstname" | "Lastname" | "Description" => "Ann",
        "Type" => "user",
        "Status" => "Active",
        "Scope" => "All",
        "EntityFilter" | "Filter.member.1" => "User",
        "PolicyUsageFilter" => "PermissionsPolicy",
        "AuthMethod" => "password",
        "AssumeRoleControl" => "reseller",
        "Service" => "transporter",
        "AccessLevel" => "enabled",
        "ExpirationDate" => "2030-01-01T00:00:00Z",
        "From" | "Till" => "2026-01-02",
        "Regions" | "Regions.member.1" => "DCA02",
        "ActionNames.member.1" => "s3:GetObject",
        "ResourceArns.member.1" => "arn:aws:s3:::bucket/key",
        "ContextEntries.member.1.ContextKeyName" => "aws:UserAgent",
        "ContextEntries.member.1.ContextKeyType" => "string",
        "ContextEntries.member.1.ContextKeyValues.member.1" => "curl",
        "Code" | "Token" | "MetadataXML" => "none",
        "SetAsDefault"
        | "OnlyAttached"
        | "UserDefinedTokens"
        | "GuestAccess"
        | "Enabled"
        | "TFAEnabled"
        | "PasswordResetRequired"
        | "AssumeRoleEnabled"
        | "ReplicationEnforcement"
        | "RestrictServiceAccess"
        | "Deleted" => "false",
        "ActionName" => "iam:*",
        "Order" => "NewestFirst",
        "ApiTokenId" => "012345",
        "GraceSeconds" => "60",
        "Marker" => "",
        other => panic!("say which value is good for {other}"),
    };
    text.replace("{account}", &bench.root.user().unwrap().account.to_string())
}

/// The parameters that a row reads.
fn parameters(row: &Row) -> BTreeSet<String> {
    let table = source("ops/mod.rs");
    let line = table
        .lines()
        .find(|line| line.contains(&format!("\"{}\",", row.name)))
        .unwrap();
    let mut names = BTreeSet::new();
    if let Some((_, rest)) = line.split_once(" on ") {
        names.extend(
            of_extent(rest.split(',').next().unwrap())
                .iter()
                .map(ToString::to_string),
        );
    }
    let module = line.rsplit_once("::").unwrap().0.rsplit(' ').next().unwrap();
    let text = source(&format!("ops/{module}.rs"));
    for reader in READERS {
        let call = format!(".{reader}(");
        let calls = text.match_indices(&call).map(|(at, _)| at);
        for at in calls.filter(|at| text[..*at].trim_end().ends_with("params")) {
            let arguments = text[at + reader.len() + 2..].split(')').next().unwrap();
            let most = if reader == "either" { 2 } else { 1 };
            for argument in arguments.split(',').take(most) {
                let name = argument
                    .trim()
                    .strip_prefix('"')
                    .and_then(|text| text.strip_suffix('"'));
                let name = name.filter(|name| name.starts_with(|c: char| c.is_ascii_uppercase()));
                let suffix = if reader == "members" { ".member.1" } else { "" };
                names.extend(name.map(|name| format!("{name}{suffix}")));
            }
        }
    }
    for (call, read) in HELPERS {
        if text.contains(call) {
            names.extend(read.iter().map(ToString::to_string));
        }
    }
    names
}

fn source(path: &str) -> String {
    let path = format!("src/{path}");
    std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{path}: {why}"))
}

/// A door with a user, a policy and a customer, which the good values name.
async fn furnished() -> Bench {
    let bench = Bench::new().await;
    bench.user("u@example.com").await;
    for (action, params) in [
        ("CreatePolicy", &[("PolicyName", "p"), ("PolicyDocument", DOCUMENT)][..]),
        (
            "CreatePolicyVersion",
            &[("PolicyArn", ARN), ("PolicyDocument", DOCUMENT)],
        ),
        (
            "PutUserPolicy",
            &[
                ("UserName", "u@example.com"),
                ("PolicyName", "p"),
                ("PolicyDocument", DOCUMENT),
            ],
        ),
        (
            "RSCreateCustomer",
            &[("CustomerName", "newcorp"), ("CustomerEmail", "root@newcorp.example")],
        ),
    ] {
        bench.ask(&bench.root, action, params).await.good();
    }
    bench
}

/// Asks a row with good values, but for a raw end of its form.
async fn ask(bench: &Bench, row: &Row, query: &str, names: &BTreeSet<String>, but: &str, raw: &str) -> Told {
    let pairs = names
        .iter()
        .filter(|name| *name != but && !is_other_name(name, but, names));
    let pairs = pairs.map(|name| format!("&{}={}", encode(name), encode(&good(bench, name))));
    let form = format!(
        "Action={}&Version={}{}{raw}",
        row.name,
        row.service.version(),
        pairs.collect::<String>()
    );
    let who = if row.is_open() { &Principal::Nobody } else { &bench.root };
    bench
        .send(who, row.service.name(), form_of(&format!("/{query}"), form))
        .await
}

/// Of two names of one parameter the first is used, unless it is about the second.
fn is_other_name(name: &str, but: &str, names: &BTreeSet<String>) -> bool {
    [
        ("Name", "UserName"),
        ("CustomerName", "Name"),
        ("CustomerEmail", "Email"),
        ("Enabled", "AccessLevel"),
        ("Regions", "Regions.member.1"),
    ]
    .iter()
    .any(|(a, b)| names.contains(*a) && names.contains(*b) && (name == *b || (name == *a && but == *b)))
}

fn is_refusal(told: &Told) -> bool {
    let status = told.status.as_u16();
    (400..500).contains(&status) && common::error_code(&told.body).is_some()
}

#[tokio::test]
async fn twice_or_with_bytes_that_are_no_text() {
    let bench = furnished().await;
    for row in ROWS {
        let names = parameters(row);
        for name in &names {
            let (key, value) = (encode(name), encode(&good(&bench, name)));
            let pair = format!("&{key}={value}");
            let twice = format!("{pair}{pair}");
            let hostile = ["%00", "%1B", "%7F", "%C3", "%FF", "%ED%A0%80", "%EF%BF%BE", "%", "%zz"];
            let hostile = hostile.map(|raw| ("", format!("&{key}={raw}")));
            let query = format!("?{key}={value}");
            let all = [("", twice), (query.as_str(), pair)].into_iter().chain(hostile);
            for (query, raw) in all {
                let told = ask(&bench, row, query, &names, name, &raw).await;
                let found = (told.status.as_u16(), common::error_code(&told.body));
                assert_eq!(
                    found,
                    (400, Some("ValidationError".to_owned())),
                    "{} {query}{raw}",
                    row.name
                );
            }
        }
    }
}

/// Rows which share a file with others that read the parameter, or which take text of any length.
const TAKES: &[(&str, &str)] = &[
    ("RSGetSAMLConnection", "MetadataXML"),
    ("RSDeleteSAMLConnection", "MetadataXML"),
    ("RSListEncryptionKeys", "KeyName"),
    ("RSListEncryptionKeys", "Description"),
    ("GetApiTokenSettings", "GuestAccess"),
    ("GetApiTokenSettings", "UserDefinedTokens"),
    ("DisableUserDefinedApiTokens", "GuestAccess"),
    ("DisableUserDefinedApiTokens", "UserDefinedTokens"),
    // Unknown names are left out (identity contract, section 4, RSGetUserInfo).
    ("RSGetUserInfo", "UserList.member.1"),
    // What a header or a name may be has no limit of its own; the body's holds.
    (
        "SimulateCustomPolicy",
        "ContextEntries.member.1.ContextKeyValues.member.1",
    ),
    (
        "SimulatePrincipalPolicy",
        "ContextEntries.member.1.ContextKeyValues.member.1",
    ),
];

#[test]
fn the_sources_say_what_a_row_reads() {
    for (action, expected) in [
        ("GetCallerIdentity", &[][..]),
        ("DetachUserPolicy", &["PolicyArn", "UserName"]),
        ("ListUsers", &["Marker", "MaxItems", "PathPrefix"]),
        (
            "AssumeRole",
            &[
                "DurationSeconds",
                "Policy",
                "PolicyArns.member.1.arn",
                "RoleArn",
                "RoleSessionName",
            ],
        ),
        (
            "RSLogin",
            &["Customer", "DurationSeconds", "OTP", "Password", "UserName"],
        ),
        ("RSSetUserAuthMethod", &["AuthMethod", "Name", "UserName"]),
    ] {
        let row = ROWS.iter().find(|row| row.name == action).unwrap();
        assert_eq!(Vec::from_iter(parameters(row)), expected, "{action}");
    }
}

#[tokio::test]
async fn longer_than_anything() {
    let bench = furnished().await;
    let mut taken = Vec::new();
    for row in ROWS {
        let names = parameters(row);
        for name in names.iter().filter(|name| !TAKES.contains(&(row.name, name))) {
            // What nobody signed has less room.
            let long = "a".repeat(if row.is_open() { 15_000 } else { 300_000 });
            let told = ask(&bench, row, "", &names, name, &format!("&{}={long}", encode(name))).await;
            if !is_refusal(&told) {
                taken.push((row.name, name.clone(), told.status));
            }
        }
    }
    assert!(taken.is_empty(), "{taken:#?}");
}

/// Whatever is written into a parameter, the answer is one, and the server is not to blame for it.
#[tokio::test]
async fn anything_at_all() {
    let bench = furnished().await;
    let deep_json = "[".repeat(4_000);
    let deep_object = r#"{"Statement":"#.repeat(1_000);
    let deep_xml = "<a>".repeat(3_000);
    let values = [
        "",
        " ",
        "-1",
        "0",
        "18446744073709551616",
        "1e9",
        "NaN",
        "null",
        "*",
        "../../../etc/passwd",
        "arn:aws:iam::000000000000:policy/../p",
        "arn:aws:iam:::::",
        "a\r\nx-amz-injected: y",
        "<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><a>&b;</a>",
        "{\"Version\":\"2012-10-17\",\"Version\":\"2012-10-17\",\"Statement\":[]}",
        "\u{202e}\u{feff}\u{1f40b}",
        "' OR '1'='1",
        "%s%n${jndi:x}",
        &deep_json,
        &deep_object,
        &deep_xml,
    ];
    for row in ROWS {
        let names = parameters(row);
        for name in &names {
            for value in values {
                let told = ask(
                    &bench,
                    row,
                    "",
                    &names,
                    name,
                    &format!("&{}={}", encode(name), encode(value)),
                )
                .await;
                let is_answer = told.status.is_success() || is_refusal(&told);
                assert!(is_answer, "{} {name}={value:.60}: {}", row.name, told.body);
            }
        }
    }
}

#[tokio::test]
async fn another_version() {
    let bench = furnished().await;
    for row in ROWS {
        let other = if row.service.name() == "iam" {
            common::STS
        } else {
            common::IAM
        };
        let who = if row.is_open() { &Principal::Nobody } else { &bench.root };
        for version in [other, "2010-05-09", "", "latest"] {
            let form = form_of("/", format!("Action={}&Version={version}", row.name));
            bench
                .send(who, row.service.name(), form)
                .await
                .refused(400, "InvalidAction");
        }
        let form = form_of("/", format!("Action={}", row.name));
        let told = bench.send(who, row.service.name(), form).await;
        // The document leaves it out once (identity contract, section 1, "Versions").
        let may_be_left_out = row.name.starts_with("RS") || row.name.contains("ApiToken");
        let refused = common::error_code(&told.body).as_deref() == Some("InvalidAction");
        assert_eq!(refused, !may_be_left_out, "{}", row.name);
    }
}
