use super::*;
use crate::testing::{account, bounds, caller, context, document, documents, now, principal, project, rows};
use crate::{DocumentKind, KeyFacts};
use baleen_types::{BucketName, ObjectKey, RegionName};
use proptest::prelude::*;

/// A question in the words of the tables.
#[derive(Clone, Debug)]
struct Question<'a> {
    who: &'a str,
    action: &'a str,
    resource: &'a str,
    own: Vec<String>,
    bucket: Option<String>,
    bounds: Vec<String>,
}

impl Question<'_> {
    fn ask(&self) -> Result<Authorized, Denied> {
        let joined = |parts: &[String], between: &str| {
            if parts.is_empty() {
                "-".to_owned()
            } else {
                parts.join(between)
            }
        };
        let principal = caller(self.who).map_or(Principal::Nobody, |caller| {
            caller
                .policies(documents(&joined(&self.own, "; "), DocumentKind::Identity))
                .bounds(bounds(&joined(&self.bounds, " & ")))
                .into()
        });
        let policy = self
            .bucket
            .as_deref()
            .map(|short| document(short, DocumentKind::Bucket));
        let action = Action::parse(self.action).unwrap_or_else(|| panic!("{}", self.action));
        let context = context("-");
        let decide = |resource| {
            authorize(&Ask {
                principal: &principal,
                action,
                resource,
                context: &context,
            })
        };
        match self.resource.split_once(':').unwrap_or((self.resource, "")) {
            ("account", _) => return decide(Resource::OwnAccount),
            ("project", number) => return decide(Resource::Project(project(number.parse().unwrap()))),
            ("item", path) => {
                let project = project(1);
                return decide(Resource::Item { project, path });
            }
            ("key", name) => {
                return decide(Resource::EncryptionKey(KeyFacts {
                    account: account(1),
                    region: &RegionName::parse("local").unwrap(),
                    name,
                    is_managed: name == "aws/s3",
                }));
            }
            _ => {}
        }
        let (name, key) = self.resource.split_once('/').unwrap_or((self.resource, ""));
        let owner = match name {
            "none" => None,
            "ccc" => Some(account(2)),
            _ => Some(account(1)),
        };
        let name = BucketName::parse(name).unwrap();
        let facts = BucketFacts {
            name: &name,
            owner,
            policy: policy.as_ref(),
            acls: crate::Acls::default(),
        };
        match ObjectKey::parse(key) {
            Ok(key) => decide(Resource::Object(facts, &key)),
            Err(_) => decide(Resource::Bucket(facts)),
        }
    }
}

fn word(decided: &Result<Authorized, Denied>) -> &'static str {
    match decided {
        Ok(_) => "yes",
        Err(Denied::NotAllowed) => "no",
        Err(Denied::Foreign) => "foreign",
        Err(Denied::Unauthenticated) => "nobody",
    }
}

/// The documents of a cell.
fn cell(text: &str, between: &str) -> Vec<String> {
    let documents = text.split(between).filter(|short| *short != "-");
    documents.map(str::to_owned).collect()
}

#[test]
fn the_table_of_decisions_holds() {
    let table = rows(include_str!("../../tests/tables/decisions.txt"));
    assert!(table.len() > 150);
    for (line, [who, action, resource, own, bucket, bounds, verdict, reason]) in table {
        if verdict == "refused" {
            let refused = std::panic::catch_unwind(|| documents(own, DocumentKind::Identity)).is_err();
            assert!(refused, "line {line}: {reason}");
            continue;
        }
        let mut question = Question {
            who,
            action,
            resource,
            own: cell(own, "; "),
            bucket: cell(bucket, "; ").pop(),
            bounds: cell(bounds, " & "),
        };
        assert_eq!(word(&question.ask()), verdict, "line {line}: {reason}");
        // The order of documents never matters.
        question.own.reverse();
        question.bounds.reverse();
        assert_eq!(
            word(&question.ask()),
            verdict,
            "line {line}, documents in another order: {reason}"
        );
    }
}

#[test]
fn who_acts_is_who_asked() {
    let question = |who, bucket: &str| Question {
        who,
        action: "s3:GetObject",
        resource: "bkt/k",
        own: vec!["+s3:*@*".to_owned()],
        bucket: Some(bucket.to_owned()),
        bounds: vec![],
    };
    let open = "+(*)s3:GetObject@bkt/*";
    let acting = |who| question(who, open).ask().unwrap();
    assert_eq!(acting("ann").account(), account(1));
    assert_eq!(
        acting("foreign").account(),
        account(2),
        "who comes from elsewhere acts for itself"
    );
    assert_eq!(acting("nobody").account(), account(1), "nobody acts for the owner");
    assert!(acting("nobody").caller().is_none());
    assert_eq!(acting("ann").user().unwrap().name.as_str(), "ann");
    assert_eq!(acting("ann").action(), Action::S3GetObject);
}

/// Statements for the properties: few names, so that they meet.
fn statement(with_principal: bool) -> impl Strategy<Value = String> {
    let choose = |words: &[&'static str]| prop::sample::select(words.to_vec());
    let who = choose(&[
        "(*)",
        "(ann)",
        "(bob)",
        "(account)",
        "(foreign)",
        "(foreign-account)",
        "(!ann)",
        "(!account)",
    ]);
    let action = choose(&[
        "*",
        "s3:*",
        "s3:Get*",
        "s3:GetObject",
        "s3:PutObject",
        "!s3:GetObject",
        "!s3:*",
    ]);
    let resource = choose(&["*", "bkt/*", "bkt/k", "bkt", "ccc/*", "!bkt/*", "!ccc/*"]);
    (choose(&["+", "+", "-"]), who, action, resource).prop_map(move |(sign, who, action, resource)| {
        let who = if with_principal { who } else { "" };
        format!("{sign}{who}{action}@{resource}")
    })
}

fn question() -> impl Strategy<Value = Question<'static>> {
    let choose = |words: &[&'static str]| prop::sample::select(words.to_vec());
    let own = || prop::collection::vec(statement(false), 0..4);
    let whos = [
        "root",
        "admin",
        "ann",
        "bob",
        "foreign",
        "foreign-root",
        "nobody",
        "ann+derived",
        "root+sold",
    ];
    (
        choose(&whos),
        choose(&["s3:GetObject", "s3:PutObject", "s3:ListBucket", "s3:PutBucketPolicy"]),
        choose(&["bkt/k", "bkt/j", "bkt", "ccc/k", "none/k", "account"]),
        own(),
        prop::option::of(prop::collection::vec(statement(true), 1..4).prop_map(|list| list.join(", "))),
        prop::collection::vec(statement(false), 0..3),
    )
        .prop_map(|(who, action, resource, own, bucket, bounds)| Question {
            who,
            action,
            resource,
            own,
            bucket,
            bounds,
        })
}

proptest! {
    #[test]
    fn a_deny_more_never_allows(question in question(), deny in statement(false), at in 0..4_usize) {
        let mut stricter = question.clone();
        let deny = format!("-{}", &deny[1..]);
        stricter.own.insert(at.min(stricter.own.len()), deny.clone());
        prop_assert!(question.ask().is_ok() || stricter.ask().is_err());
        let mut stricter = question.clone();
        stricter.bucket = Some(match stricter.bucket {
            Some(bucket) => format!("{bucket}, -(*){}", &deny[1..]),
            None => format!("-(*){}", &deny[1..]),
        });
        prop_assert!(question.ask().is_ok() || stricter.ask().is_err());
    }

    #[test]
    fn an_allow_more_never_denies(question in question(), allow in statement(true), at in 0..4_usize) {
        let mut wider = question.clone();
        let plain = allow.split_once(')').unwrap().1;
        wider.own.insert(at.min(wider.own.len()), format!("+{plain}"));
        prop_assert!(question.ask().is_err() || wider.ask().is_ok());
        let mut wider = question.clone();
        let allow = format!("+{}", &allow[1..]);
        wider.bucket = Some(wider.bucket.map_or(allow.clone(), |bucket| format!("{allow}, {bucket}")));
        prop_assert!(question.ask().is_err() || wider.ask().is_ok());
    }

    #[test]
    fn order_never_matters(question in question()) {
        let mut other = question.clone();
        other.own.reverse();
        other.bounds.reverse();
        other.bucket = other.bucket.map(|bucket| {
            let mut statements: Vec<_> = bucket.split(", ").collect();
            statements.reverse();
            statements.join(", ")
        });
        prop_assert_eq!(word(&question.ask()), word(&other.ask()));
        // Nor does it matter whether statements stand in one document or in several.
        let mut joined = question.clone();
        joined.own = if question.own.is_empty() { vec![] } else { vec![question.own.join(", ")] };
        prop_assert_eq!(word(&question.ask()), word(&joined.ask()));
    }

    /// Whatever a session is held to besides, it never may more.
    #[test]
    fn bounds_never_widen(question in question(), bound in statement(false)) {
        let mut bounded = question.clone();
        bounded.bounds.push(bound);
        prop_assert!(question.ask().is_ok() || bounded.ask().is_err());
        let mut nothing = question.clone();
        nothing.bounds.push("nothing".to_owned());
        // Nobody has no session and so no bounds.
        prop_assert!(question.who == "nobody" || nothing.ask().is_err());
    }
}

/// A wrong question is answered with no, never with a panic, whatever the action and the resource.
#[test]
fn every_action_on_every_thing_is_decided() {
    let name = BucketName::parse("bkt").unwrap();
    let key = ObjectKey::parse("k").unwrap();
    let bucket = BucketFacts {
        name: &name,
        owner: Some(account(1)),
        policy: None,
        acls: crate::Acls::default(),
    };
    let context = Context::new(now());
    for &action in Action::ALL {
        for resource in [
            Resource::OwnAccount,
            Resource::Project(project(1)),
            Resource::Bucket(bucket),
            Resource::Object(bucket, &key),
            Resource::Customers,
        ] {
            for who in ["nobody", "ann", "ann+token", "foreign"] {
                let principal = principal(who);
                let decided = authorize(&Ask {
                    principal: &principal,
                    action,
                    resource,
                    context: &context,
                });
                let managed = matches!(action.service(), "iam" | "sts");
                // Nobody of these has a right over data.
                assert!(managed || decided.is_err(), "{who} {}", action.name());
            }
        }
    }
}

#[test]
fn a_deny_forbids_and_silence_does_not() {
    for (who, own, held, forbidden) in [
        ("ann", "-", "-", false),
        ("ann", "+s3:ListBucket@*", "-", false),
        ("ann", "+*@*, -s3:ListAllMyBuckets@*", "-", true),
        ("ann+derived", "+*@*", "+s3:ListBucket@*", false),
        ("ann+derived", "+*@*", "+*@*, -s3:ListAllMyBuckets@*", true),
        ("ann+must", "+*@*", "-", true),
        ("nobody", "-", "-", true),
    ] {
        let principal = caller(who).map_or(Principal::Nobody, |caller| {
            let policies = documents(own, DocumentKind::Identity);
            caller.policies(policies).bounds(bounds(held)).into()
        });
        let ask = Ask {
            principal: &principal,
            action: Action::S3ListAllMyBuckets,
            resource: Resource::OwnAccount,
            context: &context("-"),
        };
        assert_eq!(is_forbidden(&ask), forbidden, "{who} {own} {held}");
    }
}

#[test]
fn who_looks_at_tags() {
    let looks = |own: &str, bucket: &str, action, family| {
        let identity = |text| Policy::parse(text, DocumentKind::Identity).unwrap();
        let principal: Principal = caller("bob").unwrap().policies(vec![Arc::new(identity(own))]).into();
        let policy = Policy::parse(bucket, DocumentKind::Bucket).unwrap();
        let (name, key) = (BucketName::parse("aaa").unwrap(), ObjectKey::parse("k").unwrap());
        let facts = BucketFacts {
            name: &name,
            owner: Some(account(1)),
            policy: Some(&policy),
            acls: crate::Acls::default(),
        };
        looks_at_tags(
            &Ask {
                principal: &principal,
                action,
                resource: Resource::Object(facts, &key),
                context: &context("-"),
            },
            family,
        )
    };
    let own = |action: &str, resource: &str, condition: &str| {
        format!(
            r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Action": "{action}", "Resource": "{resource}",
                "Condition": {condition}}}}}"#
        )
    };
    let plain = own("s3:*", "*", "{}");
    let of_bucket = |document: &str| document.replace(r#""Effect""#, r#""Principal": "*", "Effect""#);
    let (existing, given) = (TagFamily::ExistingObject, TagFamily::RequestObject);
    for (action, resource, condition, looked_at) in [
        ("s3:*", "*", "{}", vec![]),
        (
            "s3:Get*",
            "*",
            r#"{"StringEquals": {"s3:existingobjecttag/a": "b"}}"#,
            vec![existing],
        ),
        (
            "s3:Put*",
            "*",
            r#"{"StringEquals": {"s3:ExistingObjectTag/a": "b"}}"#,
            vec![],
        ),
        (
            "s3:Get*",
            "*",
            r#"{"Null": {"s3:RequestObjectTag/a": "true"}}"#,
            vec![given],
        ),
        (
            "s3:Get*",
            "*",
            r#"{"ForAllValues:StringLike": {"s3:RequestObjectTagKeys": "*"}}"#,
            vec![given],
        ),
        (
            "s3:Get*",
            "*",
            r#"{"StringEquals": {"aws:username": "${s3:ExistingObjectTag/a}"}}"#,
            vec![existing],
        ),
        (
            "s3:Get*",
            "arn:aws:s3:::aaa/${s3:ExistingObjectTag/a}",
            "{}",
            vec![existing],
        ),
        (
            "s3:Get*",
            "*",
            r#"{"StringEquals": {"aws:PrincipalTag/a": "b"}}"#,
            vec![],
        ),
    ] {
        let document = own(action, resource, condition);
        for family in [existing, given] {
            let wanted = looked_at.contains(&family);
            let found = looks(&document, &of_bucket(&plain), Action::S3GetObject, family);
            assert_eq!(found, wanted, "own {document}");
            let found = looks(&plain, &of_bucket(&document), Action::S3GetObject, family);
            assert_eq!(found, wanted, "bucket {document}");
        }
    }
}
