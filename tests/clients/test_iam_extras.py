"""boto3: what policies would say, sessions with policies of their own, and passwords that their owners change."""

import json

import pytest

from conftest import boto
from identity import Keys, allow, call, document, fresh, good, new_user, refused, remove_user

READ = document(allow("s3:GetObject", resource="arn:aws:s3:::evidence/*"))
NO_WRITE = document({"Effect": "Deny", "Action": "s3:PutObject", "Resource": "*"})
FROM_TEN = document(allow("s3:GetObject") | {"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}})
OBJECT = "arn:aws:s3:::evidence/a"
ROLE = {"RoleArn": "arn:aws:iam::000000000000:role/any", "RoleSessionName": "night-job"}


def arn(baleen, name):
    return f"arn:aws:iam::{baleen.account}:user/{name}"


def decisions(answer):
    return {(result["EvalActionName"], result["EvalResourceName"]): result["EvalDecision"] for result in answer["EvaluationResults"]}


def test_every_field_of_a_simulation(iam):
    answer = iam.simulate_custom_policy(
        PolicyInputList=[READ, NO_WRITE, FROM_TEN],
        ActionNames=["s3:GetObject", "s3:PutObject", "S3:getobjecttagging"],
        ResourceArns=[OBJECT],
    )
    assert answer["IsTruncated"] is False and "Marker" not in answer
    source = {"SourcePolicyType": "none"}
    assert source["SourcePolicyType"] in iam.meta.service_model.shape_for("PolicySourceType").enum
    assert answer["EvaluationResults"] == [
        {
            "EvalActionName": "s3:GetObject",
            "EvalResourceName": OBJECT,
            "EvalDecision": "allowed",
            "MatchedStatements": [source | {"SourcePolicyId": "PolicyInputList.1"}],
            "MissingContextValues": ["aws:SourceIp"],
        },
        {
            "EvalActionName": "s3:PutObject",
            "EvalResourceName": OBJECT,
            "EvalDecision": "explicitDeny",
            "MatchedStatements": [source | {"SourcePolicyId": "PolicyInputList.2"}],
            "MissingContextValues": ["aws:SourceIp"],
        },
        {
            "EvalActionName": "s3:GetObjectTagging",
            "EvalResourceName": OBJECT,
            "EvalDecision": "implicitDeny",
            "MatchedStatements": [],
            "MissingContextValues": ["aws:SourceIp"],
        },
    ]
    known = iam.meta.service_model.shape_for("EvaluationResult").members
    assert set(answer["EvaluationResults"][0]) <= set(known)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"ContextKeyName": "aws:SourceIp", "ContextKeyValues": ["10.1.2.3"], "ContextKeyType": "ip"}, "allowed"),
        ({"ContextKeyName": "AWS:sourceip", "ContextKeyValues": ["10.1.2.3"], "ContextKeyType": "string"}, "allowed"),
        ({"ContextKeyName": "aws:SourceIp", "ContextKeyValues": ["11.1.2.3"], "ContextKeyType": "ip"}, "implicitDeny"),
        ({"ContextKeyName": "aws:username", "ContextKeyValues": ["ann"], "ContextKeyType": "string"}, "implicitDeny"),
    ],
)
def test_circumstances_of_a_simulation(iam, entry, expected):
    asked = {"PolicyInputList": [FROM_TEN], "ActionNames": ["s3:GetObject"], "ResourceArns": [OBJECT]}
    answer = iam.simulate_custom_policy(**asked, ContextEntries=[entry])
    (result,) = answer["EvaluationResults"]
    assert result["EvalDecision"] == expected
    assert ("aws:SourceIp" in result["MissingContextValues"]) == (entry["ContextKeyName"].lower() != "aws:sourceip")


def test_a_simulation_in_pages(iam):
    actions, objects = ["s3:GetObject", "s3:PutObject"], [f"arn:aws:s3:::evidence/{n}" for n in range(3)]
    asked = {"PolicyInputList": [READ], "ActionNames": actions, "ResourceArns": objects}
    first = iam.simulate_custom_policy(**asked, MaxItems=1)
    assert first["IsTruncated"] is True and len(first["EvaluationResults"]) == 1
    pages = list(iam.get_paginator("simulate_custom_policy").paginate(**asked, PaginationConfig={"PageSize": 4}))
    assert [len(page["EvaluationResults"]) for page in pages] == [4, 2]
    found = {question: said for page in pages for question, said in decisions(page).items()}
    assert found == {
        (action, each): "allowed" if action == "s3:GetObject" else "implicitDeny" for action in actions for each in objects
    }


def test_a_simulation_of_a_user_says_what_happens(baleen, iam, user):
    name, keys = user
    bucket = fresh("extras-")
    boto(baleen).create_bucket(Bucket=bucket)
    boto(baleen).put_object(Bucket=bucket, Key="a", Body=b"text")
    iam.put_user_policy(
        UserName=name, PolicyName="own", PolicyDocument=document(allow("s3:GetObject", resource=f"arn:aws:s3:::{bucket}/*"))
    )
    managed = iam.create_policy(PolicyName=fresh("no-write"), PolicyDocument=NO_WRITE)["Policy"]
    iam.attach_user_policy(UserName=name, PolicyArn=managed["Arn"])
    asked = {
        "PolicySourceArn": arn(baleen, name),
        "ActionNames": ["s3:GetObject", "s3:PutObject"],
        "ResourceArns": [f"arn:aws:s3:::{bucket}/a"],
    }
    answer = iam.simulate_principal_policy(**asked)
    assert [result["EvalDecision"] for result in answer["EvaluationResults"]] == ["allowed", "explicitDeny"]
    sources = [result["MatchedStatements"] for result in answer["EvaluationResults"]]
    assert sources == [
        [{"SourcePolicyId": "own", "SourcePolicyType": "user"}],
        [{"SourcePolicyId": managed["PolicyName"], "SourcePolicyType": "user-managed"}],
    ]
    # One may ask of oneself.
    assert decisions(keys.client("iam").simulate_principal_policy(**asked)) == decisions(answer)
    s3 = keys.client("s3")
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"text"
    refused("AccessDenied", 403, s3.put_object, Bucket=bucket, Key="a", Body=b"")

    iam.detach_user_policy(UserName=name, PolicyArn=managed["Arn"])
    iam.delete_policy(PolicyArn=managed["Arn"])
    boto(baleen).delete_object(Bucket=bucket, Key="a")
    boto(baleen).delete_bucket(Bucket=bucket)


def test_who_may_simulate_whom(baleen, iam, user):
    name, keys = user
    asked = {"ActionNames": ["s3:GetObject"]}
    refused("NoSuchEntity", 404, iam.simulate_principal_policy, PolicySourceArn=arn(baleen, "nobody@example.com"), **asked)
    foreign = arn(baleen, name).replace(baleen.account, "999999999999")
    refused("AccessDenied", 403, iam.simulate_principal_policy, PolicySourceArn=foreign, **asked)
    refused("InvalidInput", 400, iam.simulate_principal_policy, PolicySourceArn=f"arn:aws:iam::{baleen.account}:root", **asked)
    other, _ = new_user(baleen, iam)
    for them in (other, "nobody@example.com"):
        refused("AccessDenied", 403, keys.client("iam").simulate_principal_policy, PolicySourceArn=arn(baleen, them), **asked)
    remove_user(iam, other)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"PolicyInputList": ["{"]}, "InvalidInput"),
        ({"PolicyInputList": [READ.replace("Allow", "allow")]}, "InvalidInput"),
        ({"PolicyInputList": []}, "ValidationError"),
        ({"PolicyInputList": [READ] * 11}, "ValidationError"),
        ({"ActionNames": []}, "ValidationError"),
        ({"ActionNames": ["s3:Nonsense"]}, "InvalidInput"),
        ({"ActionNames": ["s3:GetObject"] * 201}, "ValidationError"),
        ({"ResourceArns": ["nonsense"]}, "ValidationError"),
        ({"CallerArn": "arn:aws:iam::000000000000:user/ann"}, "InvalidInput"),
        ({"ResourceOwner": "arn:aws:iam::000000000000:root"}, "InvalidInput"),
        ({"ResourcePolicy": READ}, "InvalidInput"),
        ({"Marker": "nonsense"}, "InvalidInput"),
        ({"ContextEntries": [{"ContextKeyName": "aws:SourceIp", "ContextKeyType": "ip"}]}, "ValidationError"),
        ({"ContextEntries": [{"ContextKeyName": "x", "ContextKeyType": "ip", "ContextKeyValues": ["::1"]}]}, "ValidationError"),
    ],
)
def test_what_is_no_simulation(baleen, changed, code):
    loose = boto(baleen, "iam", parameter_validation=False)
    asked = {"PolicyInputList": [READ], "ActionNames": ["s3:GetObject"], **changed}
    refused(code, 400, loose.simulate_custom_policy, **asked)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "nonsense",
        json.dumps({"Version": "2012-10-17"}),
        READ.replace("Allow", "allow"),
        READ.replace("s3:GetObject", "s3-GetObject"),
        document({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Principal": "*"}),
        document({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": {"Odd": {"aws:username": "a"}}}),
    ],
)
def test_a_session_policy_that_is_none(baleen, user, text):
    _, keys = user
    for asking in (boto(baleen, "sts"), keys.client("sts")):
        refused("MalformedPolicyDocument", 400, asking.assume_role, Policy=text, **ROLE)


def test_a_session_is_held_to_its_policy(baleen):
    made = boto(baleen, "sts").assume_role(Policy=document(allow("s3:ListAllMyBuckets")), **ROLE)["Credentials"]
    session = Keys(baleen.s3, made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])
    session.client("s3").list_buckets()
    refused("AccessDenied", 403, session.client("s3").create_bucket, Bucket=fresh("never-"))
    refused("AccessDenied", 403, session.client("iam").create_user, UserName=fresh("never") + "@example.com")


def test_an_ordinary_user_changes_the_password(baleen, iam, user):
    name, keys = user
    own = keys.client("iam")
    old, new = "Bluewhale12", "Finwhale34"
    refused("AccessDenied", 403, own.change_password, OldPassword=old, NewPassword=new)
    iam.create_login_profile(UserName=name, Password=old, PasswordResetRequired=False)

    def log_in(password):
        return call(
            baleen, "RSLogin", service="sts", signed=False, Customer="baleen", UserName=name, Password=password
        )

    session = good(log_in(old)).json()["Credentials"]
    refused("AccessDenied", 403, own.change_password, OldPassword=new, NewPassword="Minkewhale56")
    for weak in ("short1A", "nodigitsHere", "NOLOWER1234", "noupper1234"):
        refused("PasswordPolicyViolation", 400, own.change_password, OldPassword=old, NewPassword=weak)
    own.change_password(OldPassword=old, NewPassword=new)
    assert log_in(old).status_code == 403
    good(log_in(new))
    # Whoever was logged in with the old one no longer is; the access key is another credential.
    ended = Keys(baleen.s3, session["AccessKeyId"], session["SecretAccessKey"])
    refused("InvalidClientTokenId", 403, ended.client("sts").get_caller_identity)
    assert keys.client("sts").get_caller_identity()["Arn"] == arn(baleen, name)
    iam.delete_login_profile(UserName=name)
