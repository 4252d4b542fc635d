use super::*;
use crate::json::Json;
use crate::testing::{account, caller, context, rows};

fn values(json: &str) -> Vec<String> {
    let scalar = |value| match value {
        Json::Text(text) | Json::Number(text) => text,
        Json::Bool(flag) => flag.to_string(),
        other => panic!("{other:?}"),
    };
    match Json::parse(json).unwrap() {
        Json::List(list) => list.into_iter().map(scalar).collect(),
        one => vec![scalar(one)],
    }
}

#[test]
fn operators_judge_as_the_table_says() {
    let ann = caller("ann").unwrap();
    let table = rows(include_str!("../../tests/tables/conditions.txt"));
    assert!(table.len() > 150);
    for (line, [operator, key, wanted, request, judgement, reason]) in table {
        let condition = Condition::compile(operator, key, &values(wanted), true);
        let condition = condition.unwrap_or_else(|why| panic!("line {line}: {why}"));
        let context = context(request);
        let scene = Scene {
            caller: Some(&ann),
            owner: Some(account(2)),
            context: &context,
        };
        let expected = match judgement {
            "holds" => Judgement::Holds,
            "fails" => Judgement::Fails,
            "unsure" => Judgement::Unsure,
            other => panic!("line {line}: {other}"),
        };
        assert_eq!(condition.judge(&scene), expected, "line {line}: {reason}");
    }
}

/// Sessions have what keys have not; nobody has nothing.
#[test]
fn keys_of_the_caller_follow_the_credential() {
    let rows = [
        (
            "ann+mfa",
            "Bool",
            "aws:MultiFactorAuthPresent",
            "true",
            Judgement::Holds,
        ),
        (
            "ann+login",
            "Bool",
            "aws:MultiFactorAuthPresent",
            "false",
            Judgement::Holds,
        ),
        (
            "ann+login",
            "Bool",
            "aws:MultiFactorAuthPresent",
            "true",
            Judgement::Fails,
        ),
        (
            "ann+token",
            "Bool",
            "aws:MultiFactorAuthPresent",
            "false",
            Judgement::Fails,
        ),
        (
            "ann+mfa",
            "NumericLessThan",
            "aws:MultiFactorAuthAge",
            "241",
            Judgement::Holds,
        ),
        (
            "ann+mfa",
            "NumericLessThan",
            "aws:MultiFactorAuthAge",
            "240",
            Judgement::Fails,
        ),
        (
            "ann+login",
            "NumericLessThan",
            "aws:MultiFactorAuthAge",
            "999",
            Judgement::Fails,
        ),
        (
            "ann+login",
            "DateEquals",
            "aws:TokenIssueTime",
            "2026-01-02T03:00:00Z",
            Judgement::Holds,
        ),
        ("root", "StringEquals", "aws:PrincipalType", "Account", Judgement::Holds),
        ("root", "StringEquals", "aws:username", "boss", Judgement::Fails),
        ("root", "StringEquals", "aws:userid", "111111111111", Judgement::Holds),
        (
            "root",
            "ArnEquals",
            "aws:PrincipalArn",
            "arn:aws:iam::111111111111:root",
            Judgement::Holds,
        ),
        (
            "team",
            "ArnEquals",
            "aws:PrincipalArn",
            "arn:aws:iam::111111111111:user/team/ann",
            Judgement::Holds,
        ),
        (
            "root+sold",
            "StringEquals",
            "aws:PrincipalType",
            "AssumedRole",
            Judgement::Holds,
        ),
        (
            "root+sold",
            "ArnEquals",
            "aws:PrincipalArn",
            "arn:aws:sts::111111111111:assumed-role/reseller/rex",
            Judgement::Holds,
        ),
        (
            "nobody",
            "StringEquals",
            "aws:PrincipalType",
            "Anonymous",
            Judgement::Holds,
        ),
        ("nobody", "StringEquals", "aws:userid", "anonymous", Judgement::Holds),
        ("nobody", "StringEquals", "aws:username", "ann", Judgement::Fails),
        ("nobody", "Null", "aws:PrincipalArn", "true", Judgement::Holds),
        (
            "nobody",
            "StringNotEquals",
            "aws:PrincipalAccount",
            "111111111111",
            Judgement::Holds,
        ),
        (
            "nobody",
            "StringEquals",
            "aws:PrincipalTag/team",
            "blue",
            Judgement::Fails,
        ),
    ];
    let context = context("-");
    for (who, operator, key, value, judgement) in rows {
        let caller = caller(who);
        let scene = Scene {
            caller: caller.as_ref(),
            owner: None,
            context: &context,
        };
        let condition = Condition::compile(operator, key, &[value.to_owned()], true).unwrap();
        assert_eq!(condition.judge(&scene), judgement, "{who} {operator} {key} {value}");
    }
}

#[test]
fn what_cannot_be_compared_is_refused() {
    for (operator, key, value, reason) in [
        ("StringEqual", "s3:prefix", "a", "no such operator"),
        ("stringequals", "s3:prefix", "a", "operators have case"),
        ("StringEqualsIgnoreCaseLike", "s3:prefix", "a", "no such operator"),
        ("IfExists", "s3:prefix", "a", "a suffix is no operator"),
        ("StringEqualsIfExistsIfExists", "s3:prefix", "a", "a suffix stands once"),
        ("ForEveryValue:StringEquals", "s3:prefix", "a", "no such quantifier"),
        ("ForAllValues:", "s3:prefix", "a", "a quantifier of nothing"),
        ("ForAllValues:Null", "s3:prefix", "true", "presence has no quantifier"),
        ("NullIfExists", "s3:prefix", "true", "presence asks for presence"),
        ("Null", "s3:prefix", "yes", "no flag"),
        ("Bool", "aws:SecureTransport", "1", "no flag"),
        ("NumericEquals", "s3:max-keys", "ten", "no number"),
        ("NumericEquals", "s3:max-keys", "", "no number"),
        ("NumericEquals", "s3:max-keys", "1e3", "no number of ours"),
        (
            "NumericEquals",
            "s3:max-keys",
            "99999999999999999999",
            "too long a number",
        ),
        ("NumericLike", "s3:max-keys", "1", "no such operator"),
        ("DateEquals", "aws:CurrentTime", "tomorrow", "no date"),
        ("DateEquals", "aws:CurrentTime", "2026-13-01", "no month"),
        ("DateEquals", "aws:CurrentTime", "", "no date"),
        (
            "IpAddress",
            "aws:SourceIp",
            "10.0.0.0/33",
            "no network (iam-rs takes it)",
        ),
        ("IpAddress", "aws:SourceIp", "10.0.0", "no address"),
        ("IpAddress", "aws:SourceIp", "::/129", "no network"),
        ("IpAddress", "aws:SourceIp", "10.0.0.*", "no pattern"),
        ("ArnLike", "aws:PrincipalArn", "arn:aws:iam", "no ARN"),
        ("ArnLike", "aws:PrincipalArn", "ann", "no ARN"),
        ("BinaryEquals", "s3:prefix", "!", "not base64"),
        ("StringEquals", "prefix", "a", "no key"),
        ("StringEquals", "s3:", "a", "no key"),
        ("StringEquals", ":prefix", "a", "no key"),
        ("StringEquals", "s3:pre fix", "a", "no key"),
        ("StringEquals", "aws:PrincipalTag/", "a", "no tag"),
        (
            "StringEquals",
            "s3:prefix",
            "${aws:username",
            "a variable without an end",
        ),
    ] {
        let compiled = Condition::compile(operator, key, &[value.to_owned()], true);
        assert!(compiled.is_err(), "{operator} {key} {value}: {reason}");
    }
    assert!(Condition::compile("StringEquals", "s3:prefix", &[], true).is_err());
}
