//! What one decision costs: `cargo run --release -p baleen-policy --example decision_cost`.
//!
//! A user with ten policies of three statements each, of which the last one allows; the same with conditions; root; and
//! a pattern made to be slow. A benchmark, never a test: look at ratios, and at the load of the machine.
#![allow(clippy::print_stdout, reason = "its output is its purpose")]

use baleen_policy::{
    Action, Ask, BucketFacts, Caller, Context, DocumentKind, Key, Origin, Policy, Principal, Resource, Role, User,
    authorize,
};
use baleen_types::{AccessKeyId, AccountId, BucketName, ObjectKey, ProjectId, Timestamp, UserId, UserName};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

const ROUNDS: u32 = 200_000;

fn caller(role: Role, documents: &[String]) -> Principal {
    let user = User::new(
        AccountId::from_entropy(1),
        ProjectId::from_bytes([1; 16]),
        UserId::from_entropy(1),
        UserName::parse("ann@example.com").expect("a name"),
        role,
    );
    let compile = |text: &String| Arc::new(Policy::parse(text, DocumentKind::Identity).expect("a policy"));
    let key = AccessKeyId::parse("AKIA0000000000000000").expect("an id");
    Caller::with_key(user, key)
        .policies(documents.iter().map(compile).collect::<Arc<[_]>>())
        .into()
}

/// Ten documents; the last one is about the bucket that is asked for.
fn documents(condition: &str) -> Vec<String> {
    let one = |at: usize| {
        let bucket = if at == 9 {
            "evidence".to_owned()
        } else {
            format!("case-{at}")
        };
        format!(
            r#"{{"Version": "2012-10-17", "Statement": [
                {{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::{bucket}"}},
                {{"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"],
                  "Resource": "arn:aws:s3:::{bucket}/desk/${{aws:username}}/*", "Condition": {{}}}},
                {{"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::{bucket}/*", "Condition": {condition}}}]}}"#
        )
    };
    (0..10).map(one).collect()
}

fn main() {
    let bucket = BucketName::parse("evidence").expect("a name");
    let key = ObjectKey::parse("2026/01/02/capture-0001.pcapng").expect("a key");
    let origin = Origin {
        source: "203.0.113.7".parse().expect("an address"),
        peer: "203.0.113.7:4711".parse().expect("an address"),
        is_secure: true,
    };
    let conditions = r#"{"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "203.0.113.0/24"]},
        "Bool": {"aws:SecureTransport": "true"}, "StringNotLike": {"aws:UserAgent": "curl/*"}}"#;
    let slow = format!(
        r#"{{"Statement": {{"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::{}b"}}}}"#,
        "*2".repeat(2_900)
    );
    for (what, principal) in [
        ("root, no policies", caller(Role::Root, &[])),
        (
            "user, 10 policies of 3 statements",
            caller(Role::User, &documents("{}")),
        ),
        (
            "the same, 3 conditions in each",
            caller(Role::User, &documents(conditions)),
        ),
        ("a pattern of 2,900 stars", caller(Role::User, &[slow])),
    ] {
        let begun = Instant::now();
        for _ in 0..ROUNDS {
            let context = Context::new(Timestamp::from_secs(1_767_323_045))
                .origin(Some(origin))
                .with(Key::AwsUserAgent, Some("Boto3/1.40"));
            let decided = authorize(&Ask {
                principal: &principal,
                action: Action::S3GetObject,
                resource: Resource::Object(
                    BucketFacts {
                        name: &bucket,
                        owner: Some(AccountId::from_entropy(1)),
                        policy: None,
                        acls: baleen_policy::Acls::default(),
                    },
                    &key,
                ),
                context: &context,
            });
            let _ = black_box(decided);
        }
        println!(
            "{what:<36} {:>8.0} ns",
            begun.elapsed().as_secs_f64() * 1e9 / f64::from(ROUNDS)
        );
    }
    let text = &documents(conditions)[9];
    let begun = Instant::now();
    for _ in 0..ROUNDS / 10 {
        let _ = black_box(Policy::parse(text, DocumentKind::Identity));
    }
    let each = begun.elapsed().as_secs_f64() * 1e9 / f64::from(ROUNDS / 10);
    println!("{:<36} {each:>8.0} ns", "to compile one document");
}
