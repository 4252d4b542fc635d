//! Who asks, and the little world that they ask about.

use super::calls::{call, key_of_json, policy, short_id, whitelist};
use super::world::{Key, World};
use baleen_iam::{Method as TokenMethod, RootOverrides};
use baleen_types::{AccessKeyId, CustomerName};
use http::Method;
use serde_json::Value;
use std::collections::BTreeMap;

pub(super) const PASSWORD: &str = "Correct-Horse-7";
pub(super) const ACME: &str = "acme";
pub(super) const OTHER: &str = "other";
const CLOSED: &str = "closed";
const RESELLER: &str = "lyve";

/// The users of acme.
pub(super) const ROOT: &str = "root@acme.example";
pub(super) const ONE: &str = "one@acme.example";
pub(super) const ALL_BUT: &str = "all-but@acme.example";
pub(super) const ADMIN_ALL_BUT: &str = "admin-all-but@acme.example";
/// Those who are acted on.
pub(super) const TARGET_USER: &str = "target-user@acme.example";
pub(super) const TARGET_ADMIN: &str = "target-admin@acme.example";
/// Who is not there.
pub(super) const ABSENT: &str = "absent@acme.example";

/// A policy that gives nobody anything.
pub(super) const HARMLESS: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"transporter:GetStatistics","Resource":"*"}]}"#;

/// One who asks.
#[derive(Clone, Debug, Default)]
pub(super) struct Asker {
    /// The letter of the column.
    pub(super) letter: char,
    pub(super) key: Option<Key>,
    pub(super) token: Option<String>,
    /// The user behind it, and the long-lived key of that user.
    pub(super) user: String,
    pub(super) long_key: String,
}

/// What requests are made of.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// Account and project of the customer that is asked about, the account of its reseller and that of a stranger.
    pub(super) acme: String,
    pub(super) project: String,
    pub(super) reseller: String,
    pub(super) other: String,
    pub(super) target_user_key: String,
    pub(super) target_admin_key: String,
    pub(super) root_key: String,
    pub(super) reset_token: String,
    /// The first digits of the tokens of people, by user.
    pub(super) token_ids: BTreeMap<String, String>,
    pub(super) pending_rule: String,
    pub(super) active_rule: String,
}

/// The columns of the file, in groups.
const COLUMNS: &[(char, &str)] = &[
    ('R', "root of the customer, by access key"),
    ('L', "root, logged in with the password"),
    ('A', "an admin"),
    ('Z', "an admin whom a policy denies the action"),
    (' ', ""),
    (
        'U',
        "a user whom no policy gives anything (one that gives nothing is attached)",
    ),
    ('P', "the same user, logged in with the password"),
    ('1', "a user whom one policy gives this action on this resource"),
    ('D', "a user whom a policy gives everything, and denies the action"),
    (' ', ""),
    ('F', "root of another customer"),
    ('S', "root of the reseller"),
    ('T', "an admin of the reseller"),
    ('C', "the reseller's root within the customer (RSAssumeCustomerRole)"),
    (' ', ""),
    ('d', "a session derived from root's key (AssumeRole) without a policy"),
    (
        'n',
        "one whose policy names this action on this resource; at pcaps root's token for the method that is this action",
    ),
    (
        'x',
        "one whose policy names other actions; at pcaps root's token for another method",
    ),
    (' ', ""),
    ('M', "an admin, logged in, who has to change the password"),
    ('K', "root of a suspended customer"),
    (
        'I',
        "an admin whose key was set inactive; at pcaps a token that was deleted",
    ),
    (' ', ""),
    ('N', "nobody: no signature, no token"),
];

/// The letters of the columns, with their meaning, and blanks between groups.
pub(super) fn columns() -> &'static [(char, &'static str)] {
    COLUMNS
}

/// Fills an empty world, and gives who asks in it.
pub(super) async fn settle(world: &World, metadata_xml: &str) -> (Facts, Vec<Asker>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("root.json");
    let reseller = CustomerName::parse(RESELLER).unwrap();
    let overrides = RootOverrides::default();
    world.iam.ensure_root(&reseller, &overrides, &file).await.unwrap();
    let made: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    let seller = Key {
        id: text("accessKeyId"),
        secret: text("secretAccessKey"),
        session_token: None,
    };
    let mut askers = Vec::new();
    let mut ask = |letter: char, key: &Key, token: Option<String>, user: &str, long_key: &Key| {
        askers.push(Asker {
            letter,
            key: Some(key.clone()),
            token,
            user: user.to_owned(),
            long_key: long_key.id.clone(),
        });
    };
    let every = TokenMethod::ALL;

    // The customers, each with its root.
    let mut roots = Vec::new();
    for name in [ACME, OTHER, CLOSED] {
        let email = format!("root@{name}.example");
        let mut params = vec![
            ("CustomerName", name),
            ("CustomerEmail", &email),
            ("Password", PASSWORD),
        ];
        params.push(("AssumeRoleControl", "reseller"));
        params.push(("RestrictServiceAccess", if name == ACME { "true" } else { "false" }));
        let made = world.json(&seller, "RSCreateCustomer", &params).await;
        let login = world.log_in(name, &email).await;
        let key = world.key_for(&login, &email).await;
        let token = world.token(&key, &email, every).await;
        roots.push((made["RootID"].as_str().unwrap().to_owned(), email, login, key, token));
    }
    let [acme, other, closed] = roots.try_into().unwrap();
    for service in ["space", "capture"] {
        let level = [("CustomerName", ACME), ("Service", service), ("Enabled", "true")];
        world.json(&seller, "RSSetCustomerServiceAccessLevel", &level).await;
    }
    world
        .json(
            &seller,
            "RSModifyCustomer",
            &[("CustomerName", ACME), ("AssumeRoleEnabled", "true")],
        )
        .await;
    let (acme_account, _, login, root, token) = acme;
    let mut token_ids = BTreeMap::from([
        (ROOT.to_owned(), short_id(&token)),
        (other.1.clone(), short_id(&other.4)),
        ("root".to_owned(), short_id(&text("apiToken"))),
    ]);
    ask('R', &root, Some(token), ROOT, &root);
    ask('L', &login, None, ROOT, &root);

    // Its people, and what is done to people.
    let mut keys = Vec::new();
    for (letter, name, kind) in [
        ('A', "admin@acme.example", "admin"),
        ('Z', ADMIN_ALL_BUT, "admin"),
        ('U', "user@acme.example", "user"),
        ('1', ONE, "user"),
        ('D', ALL_BUT, "user"),
        ('M', "must@acme.example", "admin"),
        ('I', "inactive@acme.example", "admin"),
        (' ', TARGET_USER, "user"),
        (' ', TARGET_ADMIN, "admin"),
    ] {
        let key = world.user(&root, name, kind).await;
        let token = world.token(&root, name, every).await;
        token_ids.insert(name.to_owned(), short_id(&token));
        match letter {
            'M' => {
                let first = [
                    ("UserName", name),
                    ("Password", PASSWORD),
                    ("PasswordResetRequired", "true"),
                ];
                world.must(&root, &call("CreateLoginProfile", &first)).await;
                ask('M', &world.log_in(ACME, name).await, None, name, &key);
            }
            'I' => {
                let inactive = [
                    ("UserName", name),
                    ("AccessKeyId", key.id.as_str()),
                    ("Status", "Inactive"),
                ];
                world.must(&root, &call("UpdateAccessKey", &inactive)).await;
                let by = world.may_manage_tokens(&root).await;
                world.iam.delete_token(&by, &short_id(&token)).await.unwrap();
                ask('I', &key, Some(token), name, &key);
            }
            ' ' => keys.push(key.id.clone()),
            _ => {
                let first = [("UserName", name), ("Password", PASSWORD)];
                world.must(&root, &call("CreateLoginProfile", &first)).await;
                ask(letter, &key, Some(token), name, &key);
                if letter == 'U' {
                    ask('P', &world.log_in(ACME, name).await, None, name, &key);
                }
            }
        }
        let attached = format!("arn:aws:iam::{acme_account}:policy/held");
        if keys.is_empty() && letter == 'A' {
            for (name, document) in [("held", HARMLESS), ("plain", HARMLESS), ("versioned", HARMLESS)] {
                let new = [("PolicyName", name), ("PolicyDocument", document)];
                world.must(&root, &call("CreatePolicy", &new)).await;
            }
            let arn = format!("arn:aws:iam::{acme_account}:policy/versioned");
            let second = [("PolicyArn", arn.as_str()), ("PolicyDocument", HARMLESS)];
            world.must(&root, &call("CreatePolicyVersion", &second)).await;
        }
        let attach = [("UserName", name), ("PolicyArn", attached.as_str())];
        world.must(&root, &call("AttachUserPolicy", &attach)).await;
        if letter == ' ' {
            let note = [("UserName", name), ("PolicyName", "note"), ("PolicyDocument", HARMLESS)];
            world.must(&root, &call("PutUserPolicy", &note)).await;
        }
    }
    // The narrow one gets a policy with each question.
    ask(
        'n',
        &world
            .derive(&root, Some(&policy(&[("Allow", "transporter:GetStatistics", "*")])))
            .await,
        None,
        ROOT,
        &root,
    );
    ask('d', &world.derive(&root, None).await, None, ROOT, &root);
    let elsewhere = policy(&[("Allow", "transporter:GetStatistics", "*")]);
    let upload = world.token(&root, ROOT, &[TokenMethod::Upload]).await;
    ask(
        'x',
        &world.derive(&root, Some(&elsewhere)).await,
        Some(upload),
        ROOT,
        &root,
    );

    // The others.
    ask('F', &other.3, Some(other.4), &other.1, &other.3);
    ask('S', &seller, Some(text("apiToken")), "root", &seller);
    let deputy = world.user(&seller, "deputy@lyve.example", "admin").await;
    let first = [("UserName", "deputy@lyve.example"), ("Password", PASSWORD)];
    world.must(&seller, &call("CreateLoginProfile", &first)).await;
    let token = world.token(&seller, "deputy@lyve.example", every).await;
    token_ids.insert("deputy@lyve.example".to_owned(), short_id(&token));
    ask('T', &deputy, Some(token), "deputy@lyve.example", &deputy);
    let within = world.json(&seller, "RSAssumeCustomerRole", &[("Customer", ACME)]).await;
    ask('C', &key_of_json(&within), None, ROOT, &root);
    world
        .json(
            &seller,
            "RSModifyCustomer",
            &[("CustomerName", CLOSED), ("Status", "disabled")],
        )
        .await;
    ask('K', &closed.3, Some(closed.4), &closed.1, &closed.3);
    askers.push(Asker {
        letter: 'N',
        ..Asker::default()
    });

    // What is acted on.
    world
        .must(&root, &call("RSCreateSAMLConnection", &[("MetadataXML", metadata_xml)]))
        .await;
    let reset = world
        .json(&root, "RSGetToken", &[("UserName", TARGET_USER), ("Type", "pwd_reset")])
        .await;
    let mut rules = Vec::new();
    for subnet in ["192.0.2.0/24", "127.0.0.0/8"] {
        let new = serde_json::json!({ "root": format!("{RESELLER}:{ACME}"), "subNet": subnet });
        let made = world
            .must(&root, &whitelist(Method::PUT, "RSWhitelistAddRule", &new))
            .await;
        let made: Value = serde_json::from_str(&made.body).unwrap();
        rules.push(made["ruleId"].as_str().unwrap().to_owned());
    }
    let approved = serde_json::json!({ "root": ACME, "ruleId": rules[1] });
    world
        .must(&seller, &whitelist(Method::POST, "RSWhitelistApproveRule", &approved))
        .await;
    let known = world
        .iam
        .credential(&AccessKeyId::parse(&root.id).unwrap())
        .await
        .unwrap()
        .found()
        .unwrap();
    let facts = Facts {
        acme: acme_account,
        project: known.principal.user().unwrap().project.to_string(),
        reseller: text("accountId"),
        other: other.0,
        target_user_key: keys[0].clone(),
        target_admin_key: keys[1].clone(),
        root_key: root.id.clone(),
        reset_token: reset["Token"].as_str().unwrap().to_owned(),
        token_ids,
        pending_rule: rules[0].clone(),
        active_rule: rules[1].clone(),
    };
    (facts, askers)
}
