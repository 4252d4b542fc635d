use super::*;
use crate::testing::{account, bounds, caller, context, document, rows};
use crate::{Action, BucketFacts, Principal};
use baleen_types::{BucketName, ObjectKey};
use std::sync::Arc;

const TABLE: &str = r"
# who | action | key of bucket bkt (account 1), or account | own policies p1; p2 | bucket's | session's | what decided | why
ann | s3:GetObject | k | +s3:GetObject@bkt/* | - | - | policy p1, statement 1 | the one that allows
ann | s3:GetObject | k | +s3:PutObject@bkt/*; +s3:PutObject@bkt/*, +s3:Get*@bkt/* | - | - | policy p2, statement 2 | counted from 1
ann | s3:GetObject | k | +s3:GetObject@bkt/*; -s3:GetObject@bkt/k | - | - | policy p2, statement 1 | a Deny wins, wherever it stands
ann | s3:GetObject | k | - | - | - | - | nothing allows
ann | s3:GetObject | k | +s3:GetObject@other/* | - | - | - | what does not apply decides nothing
ann | s3:GetObject | k | - | +(ann)s3:GetObject@bkt/* | - | bucket policy, statement 1 | the bucket's lets in
ann | s3:GetObject | k | - | +(account)s3:GetObject@bkt/* | - | - | to name the account lets nobody in
ann | s3:GetObject | k | +s3:GetObject@bkt/* | -(ann)s3:GetObject@bkt/* | - | bucket policy, statement 1 | the bucket's denies
ann | s3:GetObject | k | +s3:*@* | - | -s3:GetObject@* | session policy, statement 1 | the session's denies
ann | s3:GetObject | k | +s3:*@* | - | +s3:PutObject@* | - | out of bounds: no statement says so
ann | s3:GetObject | k | +s3:*@* | - | nothing | - | bounds that allow nothing
root | s3:GetObject | k | - | +(root)s3:GetObject@bkt/* | - | - | root needs no statement
root | s3:GetObject | k | - | -(root)s3:GetObject@bkt/* | - | bucket policy, statement 1 | and is denied by one
foreign | s3:GetObject | k | - | +(foreign)s3:GetObject@bkt/* | - | - | across accounts both sides have to allow
foreign | s3:GetObject | k | +s3:*@* | +(foreign)s3:GetObject@bkt/* | - | policy p1, statement 1 | the own side
foreign-root | s3:GetObject | k | - | +(foreign-account)s3:GetObject@bkt/* | - | bucket policy, statement 1 | left to the other account, whose root needs none
nobody | s3:GetObject | k | - | +(*)s3:GetObject@bkt/* | - | bucket policy, statement 1 | public
nobody | s3:GetObject | k | - | - | - | - | nobody
admin | iam:ListUsers | account | +iam:*@* | - | - | - | the role decides, a statement gives no role
admin | iam:ListUsers | account | -iam:ListUsers@* | - | - | policy p1, statement 1 | but denies
ann | iam:ListUsers | account | +iam:*@* | - | - | - | the role says no
ann+must | s3:GetObject | k | +s3:*@* | - | - | - | the password has to be changed first
";

#[test]
fn what_decided() {
    for (line, [who, action, key, own, bucket, bound, wanted, why]) in rows::<8>(TABLE) {
        let named = own.split("; ").filter(|short| *short != "-").enumerate();
        let named = named.map(|(at, short)| {
            let policy = document(short, DocumentKind::Identity).named(format!("policy p{}", at + 1));
            Arc::new(policy)
        });
        let principal = caller(who).map_or(Principal::Nobody, |caller| {
            caller
                .policies(named.collect::<Arc<[_]>>())
                .bounds(bounds(bound))
                .into()
        });
        let bucket = (bucket != "-").then(|| document(bucket, DocumentKind::Bucket));
        let (name, object) = (BucketName::parse("bkt").unwrap(), ObjectKey::parse(key).unwrap());
        let facts = BucketFacts {
            name: &name,
            owner: Some(account(1)),
            policy: bucket.as_ref(),
            acls: crate::Acls::default(),
        };
        let resource = match key {
            "account" => Resource::OwnAccount,
            _ => Resource::Object(facts, &object),
        };
        let context = context("-");
        let ask = Ask {
            principal: &principal,
            action: Action::parse(action).unwrap(),
            resource,
            context: &context,
        };
        assert_eq!(deciding(&ask).as_deref().unwrap_or("-"), wanted, "line {line}: {why}");
    }
}

#[test]
fn a_sid_is_told_and_a_policy_without_a_name_is_a_policy() {
    let text = r#"{"Version": "2012-10-17", "Statement":
        [{"Sid": "ReadCase17", "Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}"#;
    let policy = Policy::parse(text, DocumentKind::Identity).unwrap();
    assert_eq!(
        shown(&policy, 0, Some("ReadCase17")),
        "policy, statement 1 (ReadCase17)"
    );
    assert_eq!(
        shown(&policy.named("policy readers"), 1, None),
        "policy readers, statement 2"
    );
}
