use super::*;
use crate::testing::{account, bounds, caller, context, document, documents, entry, now};
use crate::{DocumentKind, Principal};

#[test]
fn reasons_are_told() {
    let ann = caller("ann").unwrap();
    let policies = documents(
        "+s3:*@bkt/*; -s3:PutObject@bkt/locked/*, +iam:GetUser@*",
        DocumentKind::Identity,
    );
    let context = context("-");
    let ask = |action, resource| Simulation {
        policies: &policies,
        bounds: &Bounds::NONE,
        bucket: None,
        caller: Some(&ann),
        owner: None,
        action,
        resource,
        context: &context,
    };
    let matched = |policy, statement, effect| Matched {
        source: Source::Policy(policy),
        statement,
        sid: None,
        effect,
    };
    let open = simulate(&ask(Action::S3PutObject, "arn:aws:s3:::bkt/open/x")).unwrap();
    assert_eq!(open.decision, Decision::Allowed);
    assert_eq!(open.matched, [matched(0, 0, Effect::Allow)]);
    let locked = simulate(&ask(Action::S3PutObject, "arn:aws:s3:::bkt/locked/x")).unwrap();
    assert_eq!(locked.decision, Decision::ExplicitDeny);
    assert_eq!(
        locked.matched,
        [matched(0, 0, Effect::Allow), matched(1, 0, Effect::Deny)]
    );
    let other = simulate(&ask(Action::S3PutObject, "arn:aws:s3:::other/x")).unwrap();
    assert_eq!(other.decision, Decision::ImplicitDeny);
    assert_eq!(other.matched, []);
    let user = simulate(&ask(Action::IamGetUser, "*")).unwrap();
    assert_eq!(
        (user.decision, user.matched),
        (Decision::Allowed, vec![matched(1, 1, Effect::Allow)])
    );
    assert!(simulate(&ask(Action::S3PutObject, "bkt/x")).is_none());
}

#[test]
fn keys_without_a_value_are_named() {
    let text = r#"{"Version": "2012-10-17", "Statement": {"Sid": "home", "Effect": "Allow", "Action": "s3:ListBucket",
        "Resource": "arn:aws:s3:::${aws:PrincipalTag/bucket}",
        "Condition": {"StringLike": {"s3:prefix": "${aws:username}/*"}, "IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}}"#;
    let policies = [Arc::new(Policy::parse(text, DocumentKind::Identity).unwrap())];
    let nobody = crate::Context::new(now());
    let ask = |context| Simulation {
        policies: &policies,
        bounds: &Bounds::NONE,
        bucket: None,
        caller: None,
        owner: None,
        action: Action::S3ListBucket,
        resource: "arn:aws:s3:::bkt",
        context,
    };
    let outcome = simulate(&ask(&nobody)).unwrap();
    assert_eq!(outcome.decision, Decision::ImplicitDeny);
    assert_eq!(
        outcome.missing,
        ["aws:PrincipalTag/bucket", "aws:SourceIp", "aws:username", "s3:prefix"]
    );
    let entries = [
        entry("AWS:principaltag/bucket", &["bkt"]),
        entry("aws:sourceip", &["10.1.2.3"]),
        entry("aws:username", &["ann"]),
        entry("s3:prefix", &["ann/x"]),
    ];
    let pretending = crate::Context::new(now()).pretending(&entries);
    let outcome = simulate(&ask(&pretending)).unwrap();
    assert_eq!(outcome.decision, Decision::Allowed);
    assert_eq!(outcome.missing, [""; 0]);
    assert_eq!(outcome.matched[0].sid.as_deref(), Some("home"));
}

#[test]
fn bounds_and_buckets_are_judged_as_well() {
    let (ann, fay) = (caller("ann").unwrap(), caller("foreign").unwrap());
    let policies = documents("+s3:*@*", DocumentKind::Identity);
    let bucket = document("+(foreign)s3:GetObject@bkt/*", DocumentKind::Bucket);
    let context = context("-");
    let held = bounds("+s3:Put*@*");
    let ask = |caller, bounds, bucket| Simulation {
        policies: &policies,
        bounds,
        bucket,
        caller: Some(caller),
        owner: Some(account(1)),
        action: Action::S3GetObject,
        resource: "arn:aws:s3:::bkt/k",
        context: &context,
    };
    let decide = |ask| {
        simulate(&ask)
            .map(|outcome| (outcome.decision, outcome.is_out_of_bounds))
            .unwrap()
    };
    assert_eq!(decide(ask(&ann, &Bounds::NONE, None)), (Decision::Allowed, false));
    assert_eq!(decide(ask(&ann, &held, None)), (Decision::ImplicitDeny, true));
    assert_eq!(decide(ask(&fay, &Bounds::NONE, None)), (Decision::ImplicitDeny, false));
    assert_eq!(
        decide(ask(&fay, &Bounds::NONE, Some(&bucket))),
        (Decision::Allowed, false)
    );
}

/// What is simulated is what is decided.
#[test]
fn a_simulation_agrees_with_the_decision() {
    let context = context("-");
    for who in ["ann", "root", "foreign"] {
        for own in ["-", "+s3:*@*", "+s3:*@*; -s3:GetObject@bkt/k"] {
            for bucket in [None, Some("+(*)s3:GetObject@bkt/*"), Some("-(*)s3:GetObject@bkt/*")] {
                for held in ["-", "+s3:Get*@*", "+s3:Put*@*"] {
                    let policies = documents(own, DocumentKind::Identity);
                    let bucket = bucket.map(|short| document(short, DocumentKind::Bucket));
                    let caller = caller(who).unwrap().policies(policies.clone()).bounds(bounds(held));
                    let outcome = simulate(&Simulation {
                        policies: &policies,
                        bounds: &caller.bounds,
                        bucket: bucket.as_ref(),
                        caller: Some(&caller),
                        owner: Some(account(1)),
                        action: Action::S3GetObject,
                        resource: "arn:aws:s3:::bkt/k",
                        context: &context,
                    });
                    let name = baleen_types::BucketName::parse("bkt").unwrap();
                    let key = baleen_types::ObjectKey::parse("k").unwrap();
                    let decided = crate::authorize(&crate::Ask {
                        principal: &Principal::from(caller.clone()),
                        action: Action::S3GetObject,
                        resource: crate::Resource::Object(
                            crate::BucketFacts {
                                name: &name,
                                owner: Some(account(1)),
                                policy: bucket.as_ref(),
                                acls: crate::Acls::default(),
                            },
                            &key,
                        ),
                        context: &context,
                    });
                    let allowed = outcome.unwrap().decision == Decision::Allowed;
                    assert_eq!(allowed, decided.is_ok(), "{who} {own} {held}");
                }
            }
        }
    }
}
