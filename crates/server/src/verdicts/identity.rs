//! The questions to the identity door: its actions, its whitelist calls, what browsers ask for in a federated login.
//!
//! All actions are asked with the same parameters, as far as those can be the same: a new row is asked without a word here,
//! unless it has parameters of its own.

use super::calls::{self, call};
use super::people::{ABSENT, ACME, Asker, Facts, HARMLESS, OTHER, PASSWORD, ROOT, TARGET_ADMIN, TARGET_USER};
use super::questions::{Question, Setup};
use super::world::Ask;
use baleen_api_iam::ops::{Effect, Extent, ROWS, Row};
use http::Method;
use serde_json::json;
use std::sync::Arc;

/// A password that is not set yet.
const NEXT_PASSWORD: &str = "Correct-Horse-8";
const ABSENT_KEY: &str = "AKIA0000000000000000";

/// Which things of its kind a row is asked about.
fn targets(extent: Option<Extent>) -> &'static [&'static str] {
    let Some(extent) = extent else { return &["-"] };
    match extent {
        Extent::Account => &["account"],
        Extent::Oneself => &["self"],
        Extent::User
        | Extent::MovedUser
        | Extent::UserOrOneself
        | Extent::NamedUser
        | Extent::Users
        | Extent::UserOfArn
        | Extent::OwnerOfKey
        | Extent::OwnerOfToken => &["self", "user", "admin", "root", "absent"],
        Extent::OwnersOfTokens => &["unnamed", "self", "user", "admin", "root", "absent"],
        Extent::NewUser | Extent::NewPolicy => &["new"],
        Extent::Policy => &["policy", "attached", "absent", "foreign"],
        Extent::UserAndPolicy => &["self", "user", "admin", "root"],
        Extent::Customers => &["customers"],
        Extent::Customer => &["customer", "stranger", "absent"],
        Extent::CustomerOrOwn | Extent::PurgedCustomerOrOwn => &["own", "customer", "stranger"],
    }
}

pub(super) fn actions(facts: &Arc<Facts>, metadata_xml: &Arc<str>) -> Vec<Question> {
    let mut questions = Vec::new();
    for row in ROWS {
        for target in targets(row.extent()) {
            let (facts, xml) = (Arc::clone(facts), Arc::clone(metadata_xml));
            let (facts_too, extent) = (Arc::clone(&facts), row.extent());
            questions.push(Question {
                door: "iam",
                operation: row.name,
                action: row.permission.name(),
                extent: extent.map_or_else(|| "-".to_owned(), |extent| format!("{extent:?}")),
                target,
                effect: match row.effect {
                    Effect::Read => "read",
                    Effect::Write => "write",
                    Effect::Secret => "secret",
                },
                setup: Setup::Nothing,
                before: before(row, &facts),
                ask: Box::new(move |asker, _| ask(row, target, asker, &facts, &xml)),
                resource: Box::new(move |asker| resource(row, target, asker, &facts_too)),
            });
        }
    }
    let nothing = |_: &Asker| "*".to_owned();
    questions.push(Question {
        door: "iam",
        operation: "(unknown action)",
        action: "-",
        extent: "-".to_owned(),
        target: "-",
        effect: "read",
        setup: Setup::Nothing,
        before: Vec::new(),
        ask: Box::new(|_, _| call("RSNonsense", &[])),
        resource: Box::new(nothing),
    });
    questions
}

fn before(row: &Row, facts: &Facts) -> Vec<Ask> {
    match row.name {
        "RSCreateSAMLConnection" => vec![call("RSDeleteSAMLConnection", &[])],
        "GetLoginProfile" | "UpdateLoginProfile" | "DeleteLoginProfile" => [TARGET_USER, TARGET_ADMIN]
            .map(|name| call("CreateLoginProfile", &[("UserName", name), ("Password", PASSWORD)]))
            .to_vec(),
        "DeleteUser" => vec![
            call(
                "DeleteAccessKey",
                &[("UserName", TARGET_USER), ("AccessKeyId", &facts.target_user_key)],
            ),
            call("DeleteUserPolicy", &[("UserName", TARGET_USER), ("PolicyName", "note")]),
            call(
                "DetachUserPolicy",
                &[
                    ("UserName", TARGET_USER),
                    ("PolicyArn", &policy_arn(row, "attached", facts)),
                ],
            ),
        ],
        "RSRotateEncryptionKey" | "RSEnableEncryptionKey" | "RSDisableEncryptionKey" => {
            vec![call("RSCreateEncryptionKey", &[("KeyName", "evidence")])]
        }
        "SetApiTokenSettings" => Vec::new(),
        // Without it users have no business with tokens.
        name if name.contains("ApiToken") => vec![call("SetApiTokenSettings", &[("UserDefinedTokens", "true")])],
        _ => Vec::new(),
    }
}

/// The user that a target is, for an asker.
fn user(target: &str, asker: &Asker) -> String {
    match target {
        "self" if asker.user.is_empty() => ROOT.to_owned(),
        "self" => asker.user.clone(),
        "admin" => TARGET_ADMIN.to_owned(),
        "root" => ROOT.to_owned(),
        "absent" => ABSENT.to_owned(),
        _ => TARGET_USER.to_owned(),
    }
}

fn policy_arn(row: &Row, target: &str, facts: &Facts) -> String {
    let account = if target == "foreign" { &facts.other } else { &facts.acme };
    let name = match (target, row.name) {
        ("attached", _) | (_, "DetachUserPolicy") => "held",
        ("absent", _) => "absent",
        (_, "SetDefaultPolicyVersion" | "GetPolicyVersion" | "DeletePolicyVersion") => "versioned",
        _ => "plain",
    };
    format!("arn:aws:iam::{account}:policy/{name}")
}

fn ask(row: &'static Row, target: &'static str, asker: &Asker, facts: &Facts, metadata_xml: &str) -> Ask {
    let user_name = user(target, asker);
    let key = match target {
        "self" if !asker.long_key.is_empty() => asker.long_key.clone(),
        "self" | "root" => facts.root_key.clone(),
        "admin" => facts.target_admin_key.clone(),
        "absent" => ABSENT_KEY.to_owned(),
        _ => facts.target_user_key.clone(),
    };
    let customer = match target {
        "stranger" => OTHER,
        "absent" => "absent",
        _ => ACME,
    };
    let arn = policy_arn(row, target, facts);
    let user_arn = format!("arn:aws:iam::{}:user/{user_name}", facts.acme);
    let mut params = vec![
        ("AccessKeyId", key.as_str()),
        (
            "ApiTokenId",
            facts.token_ids.get(&user_name).map_or("000000", String::as_str),
        ),
        ("ActionNames.member.1", "s3:GetObject"),
        ("AuthMethod", "federated"),
        ("Code", "00000000000000000000000000000000"),
        ("Enabled", "true"),
        ("Firstname", "Ana"),
        ("From", "2027-01-01"),
        ("GraceSeconds", "60"),
        ("KeyName", "evidence"),
        ("Label", "night"),
        ("MetadataXML", metadata_xml),
        ("NewPassword", NEXT_PASSWORD),
        ("NewUserName", "renamed@acme.example"),
        ("OTP", "000000"),
        ("OldPassword", PASSWORD),
        ("Password", if row.is_open() { PASSWORD } else { NEXT_PASSWORD }),
        ("PolicyArn", &arn),
        ("PolicyDocument", HARMLESS),
        ("PolicyInputList.member.1", HARMLESS),
        ("PolicySourceArn", &user_arn),
        ("RoleArn", "arn:aws:iam::000000000000:role/any"),
        ("RoleSessionName", "night"),
        ("Service", "space"),
        ("TagKeys.member.1", "team"),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "blue"),
        ("Till", "2027-01-02"),
        ("Token", &facts.reset_token),
        ("UserDefinedTokens", "true"),
    ];
    match row.extent() {
        Some(Extent::UserOrOneself | Extent::Users | Extent::CustomerOrOwn | Extent::PurgedCustomerOrOwn)
            if matches!(target, "self" | "own") => {}
        Some(Extent::OwnersOfTokens) if target == "unnamed" => {}
        Some(Extent::Users) => params.push(("UserList.1", &user_name)),
        Some(Extent::NewUser) => params.push(("UserName", "new@acme.example")),
        Some(Extent::Customers) => {
            params.extend([("CustomerName", "newcorp"), ("CustomerEmail", "root@newcorp.example")]);
        }
        Some(Extent::Customer) => params.extend([("CustomerName", customer), ("AssumeRoleEnabled", "true")]),
        Some(Extent::CustomerOrOwn | Extent::PurgedCustomerOrOwn) => params.push(("Customer", customer)),
        None => params.extend([("Customer", ACME), ("UserName", ROOT)]),
        _ => params.push(("UserName", &user_name)),
    }
    params.push((
        "PolicyName",
        if row.extent() == Some(Extent::NewPolicy) {
            "new"
        } else {
            "note"
        },
    ));
    match row.name {
        "UpdateAccessKey" => params.push(("Status", "Inactive")),
        "RSGetToken" | "RSGetPasswordResetToken" => params.push(("Type", "pwd_reset")),
        "GetPolicyVersion" => params.push(("VersionId", "v1")),
        "SetDefaultPolicyVersion" | "DeletePolicyVersion" => params.push(("VersionId", "v2")),
        // It takes no parameter that it does not know.
        "RSSetCustomerServiceAccessLevel" => {
            params.retain(|(name, _)| matches!(*name, "CustomerName" | "Service" | "Enabled"));
        }
        _ => {}
    }
    let mut ask = call(row.name, &params);
    ask.headers.push(("x-lyve-customer", ACME.to_owned()));
    ask
}

fn resource(row: &Row, target: &str, asker: &Asker, facts: &Facts) -> String {
    let account = &facts.acme;
    match row.extent() {
        None | Some(Extent::Account | Extent::Customers) => "*".to_owned(),
        // What is not there is nobody's.
        Some(Extent::OwnerOfKey | Extent::OwnerOfToken) if target == "absent" => "*".to_owned(),
        Some(Extent::OwnersOfTokens) if target == "unnamed" => "*".to_owned(),
        Some(
            Extent::Oneself
            | Extent::User
            | Extent::MovedUser
            | Extent::UserOrOneself
            | Extent::NamedUser
            | Extent::Users
            | Extent::UserOfArn
            | Extent::OwnerOfKey
            | Extent::OwnerOfToken
            | Extent::OwnersOfTokens
            | Extent::UserAndPolicy,
        ) => format!("arn:aws:iam::{account}:user/{}", user(target, asker)),
        Some(Extent::NewUser) => format!("arn:aws:iam::{account}:user/new@acme.example"),
        Some(Extent::NewPolicy) => format!("arn:aws:iam::{account}:policy/new"),
        Some(Extent::Policy) => policy_arn(row, target, facts),
        Some(Extent::Customer | Extent::CustomerOrOwn | Extent::PurgedCustomerOrOwn) => {
            let of = if target == "stranger" { &facts.other } else { account };
            format!("arn:aws:iam::{}:customer/{of}", facts.reseller)
        }
    }
}

pub(super) fn whitelist(facts: &Arc<Facts>) -> Vec<Question> {
    let mut questions = Vec::new();
    let rows = baleen_api_iam::whitelist::ROWS.iter();
    let rows = rows.map(|row| (row.name, row.method.clone(), row.permission.name()));
    for (name, method, action) in rows.chain([("(unknown call)", Method::GET, "-")]) {
        let is_of_rule = !matches!(name, "RSWhitelistAddRule" | "RSWhitelistListRules" | "(unknown call)");
        let targets: &[&str] = if is_of_rule {
            &["pending", "active", "stranger"]
        } else if action == "-" {
            &["-"]
        } else {
            &["customer", "stranger"]
        };
        for target in targets {
            let (facts, method) = (Arc::clone(facts), method.clone());
            let resource = match (name, *target) {
                ("RSWhitelistDeleteRule", _) => format!("arn:aws:iam::{}:whitelist", facts.acme),
                (_, "stranger") => format!("arn:aws:iam::{}:customer/{}", facts.reseller, facts.other),
                _ => format!("arn:aws:iam::{}:customer/{}", facts.reseller, facts.acme),
            };
            questions.push(Question {
                door: "whitelist",
                operation: name,
                action,
                extent: if action == "-" {
                    "-".to_owned()
                } else if name == "RSWhitelistDeleteRule" {
                    "Rule".to_owned()
                } else {
                    "Customer".to_owned()
                },
                target,
                effect: if method == Method::GET { "read" } else { "write" },
                setup: Setup::Nothing,
                before: Vec::new(),
                ask: Box::new(move |_, _| {
                    let root = if *target == "stranger" { OTHER } else { ACME };
                    let rule = if *target == "active" {
                        &facts.active_rule
                    } else {
                        &facts.pending_rule
                    };
                    let fields = json!({ "root": root, "ruleId": rule, "subNet": "198.51.100.0/24" });
                    let mut ask = calls::whitelist(method.clone(), name.trim_matches(['(', ')']), &fields);
                    ask.target = ask.target.replace(' ', "");
                    if method == Method::GET {
                        ask.target = format!("{}?root={root}", ask.target);
                        ask.body.clear();
                    }
                    ask
                }),
                resource: Box::new(move |_| resource.clone()),
            });
        }
    }
    questions
}

/// What browsers ask for; a signature neither helps nor harms.
pub(super) fn saml(facts: &Arc<Facts>) -> Vec<Question> {
    let mut questions = Vec::new();
    for (name, method, step) in [
        ("SAMLMetadata", Method::GET, "metadata"),
        ("SAMLLogin", Method::GET, "login"),
        ("SAMLConsume", Method::POST, "acs"),
    ] {
        for target in ["connection", "absent"] {
            let account = if target == "absent" {
                "999999999999"
            } else {
                facts.acme.as_str()
            };
            let path = format!("/saml/lyve-{account}-saml/{step}");
            let method = method.clone();
            questions.push(Question {
                door: "saml",
                operation: name,
                action: "-",
                extent: "-".to_owned(),
                target,
                effect: if step == "acs" { "secret" } else { "read" },
                setup: Setup::Nothing,
                before: Vec::new(),
                ask: Box::new(move |_, _| Ask {
                    service: "iam",
                    method: method.clone(),
                    target: path.clone(),
                    headers: vec![("content-type", "application/x-www-form-urlencoded".to_owned())],
                    body: String::new(),
                }),
                resource: Box::new(|_| "*".to_owned()),
            });
        }
    }
    questions
}
