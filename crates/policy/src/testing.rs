//! What the tables of tests have in common: rows of text, people, and a short way to write policies.

use crate::{
    Bounds, Caller, Context, DocumentKind, Entry, Key, Origin, Policy, PolicySet, Principal, Role, Session,
    SessionKind, TagFamily, TokenGrant, User, Value,
};
use baleen_types::{AccessKeyId, AccountId, ProjectId, Timestamp, UserId, UserName};
use std::borrow::Cow;
use std::sync::Arc;

/// The rows of a table: cells between bars. Lines which are empty or begin with `#` are left out; the last cell is the
/// reason of the row.
pub(crate) fn rows<const N: usize>(table: &'static str) -> Vec<(usize, [&'static str; N])> {
    let lines = table.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let row = |(at, line): (usize, &'static str)| {
        let cells: Vec<_> = line.split(" | ").map(str::trim).collect();
        let count = cells.len();
        let cells: [&str; N] = cells
            .try_into()
            .unwrap_or_else(|_| panic!("line {at}: {count} cells for {N}: {line}"));
        assert!(cells[N - 1].len() > 1, "line {at} gives no reason");
        (at, cells)
    };
    lines.map(row).collect()
}

pub(crate) const NOW: &str = "2026-01-02T03:04:05Z";

pub(crate) fn now() -> Timestamp {
    Timestamp::parse_rfc3339(NOW).unwrap()
}

pub(crate) fn account(number: u64) -> AccountId {
    AccountId::parse(&format!("{number}{number}{number}").repeat(4)).unwrap()
}

pub(crate) fn project(number: u8) -> ProjectId {
    ProjectId::from_bytes([number; 16])
}

/// A user; the number is its account's.
pub(crate) fn user(number: u8, name: &str, role: Role) -> User {
    let id = name
        .bytes()
        .fold(u64::from(number), |id, byte| id * 31 + u64::from(byte));
    let mut user = User::new(
        account(u64::from(number)),
        project(number),
        UserId::from_entropy(id),
        UserName::parse(name).unwrap(),
        role,
    );
    user.is_reseller = number == 9;
    if name == "ann" {
        user.tags = [("team".into(), "blue".into()), ("Empty".into(), "".into())].into();
    }
    user
}

fn key() -> AccessKeyId {
    AccessKeyId::parse("AKIA0000000000000000").unwrap()
}

fn session(kind: SessionKind) -> Session {
    Session {
        id: AccessKeyId::parse("STX000000000000000000000").unwrap(),
        kind,
        name: "night".into(),
        issued: Timestamp::parse_rfc3339("2026-01-02T03:00:00Z").unwrap(),
        expires: Timestamp::parse_rfc3339("2026-01-02T04:00:00Z").unwrap(),
        mfa_at: None,
        must_change_password: false,
    }
}

/// Who asks, by the words of the tables. Accounts: 1 is where things are, 2 a stranger, 9 the reseller.
pub(crate) fn principal(word: &str) -> Principal {
    caller(word).map_or(Principal::Nobody, Principal::from)
}

pub(crate) fn caller(word: &str) -> Option<Caller> {
    let (name, how) = word.split_once('+').unwrap_or((word, "key"));
    let user = match name {
        "nobody" => return None,
        "root" => user(1, "boss", Role::Root),
        "admin" => user(1, "adam", Role::Admin),
        "admin2" => user(1, "abel", Role::Admin),
        "ann" => user(1, "ann", Role::User),
        "bob" => user(1, "bob", Role::User),
        "team" => User {
            path: "/team/".into(),
            ..user(1, "ann", Role::User)
        },
        "foreign" => user(2, "fay", Role::User),
        "foreign-admin" => user(2, "fox", Role::Admin),
        "foreign-root" => user(2, "fred", Role::Root),
        "reseller" => user(9, "rex", Role::Root),
        "reseller-admin" => user(9, "ray", Role::Admin),
        "reseller-user" => user(9, "rob", Role::User),
        other => panic!("nobody is called {other}"),
    };
    Some(match how {
        "key" => Caller::with_key(user, key()),
        "login" => Caller::with_session(user, session(SessionKind::Login)),
        "saml" => Caller::with_session(user, session(SessionKind::Federated)),
        "derived" => Caller::with_session(user, session(SessionKind::Derived)),
        "mfa" => Caller::with_session(
            user,
            Session {
                mfa_at: Some(Timestamp::parse_rfc3339("2026-01-02T03:00:05Z").unwrap()),
                ..session(SessionKind::Login)
            },
        ),
        "must" => Caller::with_session(
            user,
            Session {
                must_change_password: true,
                ..session(SessionKind::Login)
            },
        ),
        "sold" | "sold-denied" | "sold-aside" | "sold-demoted" => {
            let (name, role, own) = match how {
                "sold-denied" => ("ray", Role::Admin, "-*@*"),
                "sold-aside" => ("ray", Role::Admin, "-s3:*@*; -iam:*@*"),
                "sold-demoted" => ("rob", Role::User, "+*@*"),
                _ => ("rex", Role::Root, "-"),
            };
            let by = Caller::with_key(self::user(9, name, role), key());
            let by = Arc::new(by.policies(documents(own, DocumentKind::Identity)));
            Caller::with_session(user, session(SessionKind::Reseller { by }))
        }
        "token" => Caller::with_token(
            user,
            TokenGrant {
                short_id: "0a1b2c".into(),
                must_log_in: false,
            },
        ),
        other => panic!("no credential is called {other}"),
    })
}

pub(crate) fn origin() -> Origin {
    Origin {
        source: "203.0.113.7".parse().unwrap(),
        peer: "192.0.2.1:4711".parse().unwrap(),
        is_secure: true,
    }
}

/// A context from `key=value; key=[list,of,values]`; `-` for none. `from=address` and `plain` are of the connection.
pub(crate) fn context(text: &'static str) -> Context<'static> {
    let mut context = Context::new(now()).origin(Some(origin()));
    for pair in text.split("; ").filter(|pair| *pair != "-") {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match name {
            "from" => {
                let source = value.parse().unwrap();
                context.origin = context.origin.map(|origin| Origin { source, ..origin });
            }
            "plain" => {
                context.origin = context.origin.map(|origin| Origin {
                    is_secure: false,
                    ..origin
                });
            }
            "lost" => context.origin = None,
            _ => {
                let list = value.strip_prefix('[').and_then(|v| v.strip_suffix(']'));
                let family = name
                    .split_once('/')
                    .and_then(|(family, tag)| Some((TagFamily::parse(family)?, tag)));
                if let Some((family, tag)) = family {
                    context = context.tags(family, [(tag, value)]);
                } else {
                    let key = Key::parse(name).unwrap_or_else(|| panic!("no door sets {name}"));
                    let value = match list {
                        None => Value::from(value),
                        Some(list) => list
                            .split(',')
                            .filter(|v| !v.is_empty())
                            .map(Cow::from)
                            .collect::<Vec<_>>()
                            .into(),
                    };
                    context = context.with(key, Some(value));
                }
            }
        }
    }
    context
}

/// A document from its short form: statements between commas, each `+` (Allow) or `-` (Deny), for a bucket `(who)`, then
/// `action@resource`. `@b/*` is in S3; `!` before action, resource or who makes it the Not-element.
pub(crate) fn document(short: &str, kind: DocumentKind) -> Policy {
    let statements: Vec<String> = short.split(", ").map(statement).collect();
    let text = format!(
        r#"{{"Version": "2012-10-17", "Statement": [{}]}}"#,
        statements.join(",")
    );
    Policy::parse(&text, kind).unwrap_or_else(|why| panic!("{short}: {why}"))
}

fn statement(short: &str) -> String {
    let effect = if short.starts_with('+') { "Allow" } else { "Deny" };
    let mut rest = &short[1..];
    let mut fields = vec![format!(r#""Effect": "{effect}""#)];
    if let Some(inner) = rest.strip_prefix('(') {
        let (who, after) = inner.split_once(')').unwrap();
        rest = after;
        let (not, who) = not(who);
        let who: Vec<String> = who.split(' ').map(|who| format!("{:?}", principal_arn(who))).collect();
        fields.push(format!(r#""{not}Principal": {{"AWS": [{}]}}"#, who.join(",")));
    }
    let (action, resource) = rest.split_once('@').unwrap_or_else(|| panic!("{short}"));
    let (not_action, action) = not(action);
    fields.push(format!(r#""{not_action}Action": "{action}""#));
    let (not_resource, resource) = not(resource);
    let resource = match resource {
        "*" => "*".to_owned(),
        arn if arn.starts_with("arn:") => arn.to_owned(),
        bucket => format!("arn:aws:s3:::{bucket}"),
    };
    fields.push(format!(r#""{not_resource}Resource": "{resource}""#));
    format!("{{{}}}", fields.join(", "))
}

fn not(text: &str) -> (&'static str, &str) {
    text.strip_prefix('!').map_or(("", text), |text| ("Not", text))
}

fn principal_arn(word: &str) -> String {
    match word {
        "account" => account(1).to_string(),
        "foreign-account" => account(2).to_string(),
        raw if raw == "*" || raw.starts_with("arn:") => raw.to_owned(),
        word => caller(word).unwrap().arn(),
    }
}

/// Documents from their short form, `; ` between them; `-` for none.
pub(crate) fn documents(short: &str, kind: DocumentKind) -> PolicySet {
    short
        .split("; ")
        .filter(|short| *short != "-")
        .map(|short| Arc::new(document(short, kind)))
        .collect()
}

/// Bounds from their short form, ` & ` between the sets; `-` for none.
pub(crate) fn bounds(short: &str) -> Bounds {
    let sets = short.split(" & ").filter(|short| *short != "-");
    sets.fold(Bounds::NONE, |bounds, set| {
        let set = if set == "nothing" {
            Arc::new([])
        } else {
            documents(set, DocumentKind::Session)
        };
        bounds.and(set)
    })
}

pub(crate) fn entry(key: &str, values: &[&str]) -> Entry {
    Entry {
        key: key.to_owned(),
        values: values.iter().map(|&v| v.to_owned()).collect(),
        is_list: values.len() > 1,
    }
}
