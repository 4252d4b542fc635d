"""boto3: managed and inline policies, their versions, and that they are in force at once."""

import json

import pytest

from conftest import boto
from identity import allow, document, fresh, refused

pytestmark = pytest.mark.usefixtures("baleen")
READ = document(allow("s3:GetObject", "s3:ListBucket", "s3:ListAllMyBuckets"))


@pytest.fixture
def policy(iam):
    arn = iam.create_policy(PolicyName=fresh("policy"), PolicyDocument=READ)["Policy"]["Arn"]
    yield arn
    remove_policy(iam, arn)


@pytest.fixture(scope="module")
def note(baleen):
    """An object that users have no right to by themselves."""
    s3, at = boto(baleen, "s3"), {"Bucket": fresh("notes").lower(), "Key": "seen"}
    s3.create_bucket(Bucket=at["Bucket"])
    s3.put_object(**at, Body=b"at 10:17")
    return at


def remove_policy(iam, arn):
    for user in iam.list_entities_for_policy(PolicyArn=arn)["PolicyUsers"]:
        iam.detach_user_policy(UserName=user["UserName"], PolicyArn=arn)
    for version in iam.list_policy_versions(PolicyArn=arn)["Versions"]:
        if not version["IsDefaultVersion"]:
            iam.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])
    iam.delete_policy(PolicyArn=arn)


def test_a_policy_from_birth_to_death(baleen, iam):
    name = fresh("Policy")
    made = iam.create_policy(
        PolicyName=name, PolicyDocument=READ, Description="reads <all> & lists", Path="/team/", Tags=[{"Key": "a", "Value": "b"}]
    )["Policy"]
    assert made["Arn"] == f"arn:aws:iam::{baleen.account}:policy/team/{name}"
    assert made["PolicyId"].startswith("ANPA") and len(made["PolicyId"]) == 21
    expected = {"DefaultVersionId": "v1", "AttachmentCount": 0, "IsAttachable": True, "PermissionsBoundaryUsageCount": 0}
    assert expected.items() <= made.items()
    assert made["Description"] == "reads <all> & lists"
    iam.get_waiter("policy_exists").wait(PolicyArn=made["Arn"], WaiterConfig={"Delay": 1, "MaxAttempts": 2})
    assert iam.get_policy(PolicyArn=made["Arn"])["Policy"] == made
    refused("EntityAlreadyExists", 409, iam.create_policy, PolicyName=name.lower(), PolicyDocument=READ)
    # The account of the document's examples is one's own.
    zeros = made["Arn"].replace(baleen.account, "000000000000")
    assert iam.get_policy(PolicyArn=zeros)["Policy"]["PolicyId"] == made["PolicyId"]
    foreign = made["Arn"].replace(baleen.account, "999999999999")
    refused("AccessDenied", 403, iam.get_policy, PolicyArn=foreign)
    refused("NoSuchEntity", 404, iam.get_policy, PolicyArn=made["Arn"].replace("/team/", "/other/"))
    assert iam.list_policy_tags(PolicyArn=made["Arn"])["Tags"] == [{"Key": "a", "Value": "b"}]
    iam.tag_policy(PolicyArn=made["Arn"], Tags=[{"Key": "c", "Value": "d"}])
    iam.untag_policy(PolicyArn=made["Arn"], TagKeys=["a"])
    assert iam.list_policy_tags(PolicyArn=made["Arn"])["Tags"] == [{"Key": "c", "Value": "d"}]
    iam.delete_policy(PolicyArn=made["Arn"])
    refused("NoSuchEntity", 404, iam.get_policy, PolicyArn=made["Arn"])


def test_documents_come_back_as_they_were_sent(iam):
    text = json.dumps(
        {"Version": "2012-10-17", "Statement": [allow("s3:GetObject", resource="arn:aws:s3:::b/50%25+ü/*")], "Managed": True}
    )
    arn = iam.create_policy(PolicyName=fresh("raw"), PolicyDocument=text)["Policy"]["Arn"]
    read = iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]
    assert read["Document"] == json.loads(text)
    assert read["IsDefaultVersion"] is True
    iam.delete_policy(PolicyArn=arn)


def test_versions(iam, policy):
    second = iam.create_policy_version(PolicyArn=policy, PolicyDocument=READ)["PolicyVersion"]
    assert (second["VersionId"], second["IsDefaultVersion"]) == ("v2", False)
    third = iam.create_policy_version(PolicyArn=policy, PolicyDocument=READ, SetAsDefault=True)["PolicyVersion"]
    assert (third["VersionId"], third["IsDefaultVersion"]) == ("v3", True)
    assert iam.get_policy(PolicyArn=policy)["Policy"]["DefaultVersionId"] == "v3"
    iam.set_default_policy_version(PolicyArn=policy, VersionId="v2")
    refused("DeleteConflict", 409, iam.delete_policy_version, PolicyArn=policy, VersionId="v2")
    refused("DeleteConflict", 409, iam.delete_policy, PolicyArn=policy)
    for _ in range(2):
        iam.create_policy_version(PolicyArn=policy, PolicyDocument=READ)
    refused("LimitExceeded", 409, iam.create_policy_version, PolicyArn=policy, PolicyDocument=READ)
    iam.delete_policy_version(PolicyArn=policy, VersionId="v5")
    assert iam.create_policy_version(PolicyArn=policy, PolicyDocument=READ)["PolicyVersion"]["VersionId"] == "v6"
    listed = iam.list_policy_versions(PolicyArn=policy)["Versions"]
    assert {version["VersionId"] for version in listed} == {"v1", "v2", "v3", "v4", "v6"}
    assert [version["VersionId"] for version in listed if version["IsDefaultVersion"]] == ["v2"]
    pages = iam.get_paginator("list_policy_versions").paginate(PolicyArn=policy, PaginationConfig={"PageSize": 2})
    assert sum(len(page["Versions"]) for page in pages) == 5
    refused("NoSuchEntity", 404, iam.get_policy_version, PolicyArn=policy, VersionId="v5")


def test_attaching_is_in_force_at_once(baleen, iam, user, policy, note):
    name, keys = user
    s3 = keys.client("s3")
    refused("AccessDenied", 403, s3.get_object, **note)
    iam.attach_user_policy(UserName=name, PolicyArn=policy)
    iam.attach_user_policy(UserName=name, PolicyArn=policy)
    s3.get_object(**note)
    assert [p["PolicyArn"] for p in iam.list_attached_user_policies(UserName=name)["AttachedPolicies"]] == [policy]
    holders = iam.list_entities_for_policy(PolicyArn=policy)
    assert [holder["UserName"] for holder in holders["PolicyUsers"]] == [name]
    assert (holders["PolicyRoles"], holders["PolicyGroups"]) == ([], [])
    assert iam.get_policy(PolicyArn=policy)["Policy"]["AttachmentCount"] == 1
    refused("DeleteConflict", 409, iam.delete_policy, PolicyArn=policy)
    # Who it is attached to may read it.
    assert keys.client("iam").get_policy(PolicyArn=policy)["Policy"]["Arn"] == policy
    iam.detach_user_policy(UserName=name, PolicyArn=policy)
    refused("AccessDenied", 403, s3.get_object, **note)
    refused("AccessDenied", 403, keys.client("iam").get_policy, PolicyArn=policy)
    refused("NoSuchEntity", 404, iam.detach_user_policy, UserName=name, PolicyArn=policy)


def test_a_denial_wins(iam, user, policy, note):
    name, keys = user
    iam.attach_user_policy(UserName=name, PolicyArn=policy)
    iam.put_user_policy(
        UserName=name,
        PolicyName="no",
        PolicyDocument=document({"Effect": "Deny", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{note['Bucket']}/*"}),
    )
    refused("AccessDenied", 403, keys.client("s3").get_object, **note)
    iam.delete_user_policy(UserName=name, PolicyName="no")
    keys.client("s3").get_object(**note)


def test_ten_policies_and_no_more(iam, user):
    name, _ = user
    arns = [iam.create_policy(PolicyName=fresh("ten"), PolicyDocument=READ)["Policy"]["Arn"] for _ in range(11)]
    for arn in arns[:10]:
        iam.attach_user_policy(UserName=name, PolicyArn=arn)
    refused("LimitExceeded", 409, iam.attach_user_policy, UserName=name, PolicyArn=arns[10])
    pages = iam.get_paginator("list_attached_user_policies").paginate(UserName=name, PaginationConfig={"PageSize": 3})
    assert sorted(p["PolicyArn"] for page in pages for p in page["AttachedPolicies"]) == sorted(arns[:10])
    attached = iam.list_policies(OnlyAttached=True, MaxItems=1000)["Policies"]
    assert set(arns[:10]) <= {p["Arn"] for p in attached}
    assert arns[10] not in {p["Arn"] for p in attached}
    assert iam.list_policies(Scope="AWS")["Policies"] == []
    for arn in arns:
        remove_policy(iam, arn)


def test_inline_policies(iam, user, note):
    name, keys = user
    iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=READ)
    keys.client("s3").get_object(**note)
    read = iam.get_user_policy(UserName=name, PolicyName="own")
    assert (read["UserName"], read["PolicyName"], read["PolicyDocument"]) == (name, "own", json.loads(READ))
    assert iam.list_user_policies(UserName=name)["PolicyNames"] == ["own"]
    iam.delete_user_policy(UserName=name, PolicyName="own")
    refused("NoSuchEntity", 404, iam.get_user_policy, UserName=name, PolicyName="own")
    refused("NoSuchEntity", 404, iam.delete_user_policy, UserName=name, PolicyName="own")
    assert iam.list_user_policies(UserName=name)["PolicyNames"] == []


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "null",
        '{"Version":"2012-10-17"}',
        '{"Version":"2011-01-01","Statement":[]}',
        '{"Version":"2012-10-17","Statement":[{"Effect":"Maybe","Action":"s3:*","Resource":"*"}]}',
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*"}]}',
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*","Principal":"*"}]}',
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*","Extra":1}]}',
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"Odd":{"a":"b"}}}]}',
        "[" * 5000,
    ],
)
def test_what_is_no_policy(iam, text):
    refused("MalformedPolicyDocument", 400, iam.create_policy, PolicyName=fresh("bad"), PolicyDocument=text)


def test_documents_have_a_limit(iam):
    def text(length):
        shell = document(allow("s3:GetObject", resource="arn:aws:s3:::")).replace(" ", "")
        return shell.replace("s3:::", "s3:::" + "b" * (length - len(shell)))

    arn = iam.create_policy(PolicyName=fresh("long"), PolicyDocument=text(6144))["Policy"]["Arn"]
    iam.delete_policy(PolicyArn=arn)
    refused("LimitExceeded", 409, iam.create_policy, PolicyName=fresh("long"), PolicyDocument=text(6145))


def test_an_account_at_a_glance(iam, user, policy):
    name, _ = user
    iam.tag_user(UserName=name, Tags=[{"Key": "team", "Value": "red"}])
    iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=READ)
    iam.attach_user_policy(UserName=name, PolicyArn=policy)
    iam.create_policy_version(PolicyArn=policy, PolicyDocument=READ, SetAsDefault=True)

    whole = iam.get_account_authorization_details(MaxItems=1000)
    assert (whole["GroupDetailList"], whole["RoleDetailList"], whole["IsTruncated"]) == ([], [], False)
    found = next(detail for detail in whole["UserDetailList"] if detail["UserName"] == name)
    made = iam.get_user(UserName=name)["User"]
    assert {key: found[key] for key in made} == made
    assert found["UserPolicyList"] == [{"PolicyName": "own", "PolicyDocument": json.loads(READ)}]
    assert found["AttachedManagedPolicies"] == [{"PolicyName": policy.split("/")[-1], "PolicyArn": policy}]
    assert found["GroupList"] == []
    shown = next(detail for detail in whole["Policies"] if detail["Arn"] == policy)
    assert {key: shown[key] for key in shown if key != "PolicyVersionList"} == {
        key: value for key, value in iam.get_policy(PolicyArn=policy)["Policy"].items() if key != "Tags"
    }
    versions = [(v["VersionId"], v["IsDefaultVersion"], v["Document"]) for v in shown["PolicyVersionList"]]
    assert versions == [("v1", False, json.loads(READ)), ("v2", True, json.loads(READ))]

    pages = list(iam.get_paginator("get_account_authorization_details").paginate(PaginationConfig={"PageSize": 1}))
    assert len(pages) == len(whole["UserDetailList"]) + len(whole["Policies"])
    for kind in ("UserDetailList", "Policies"):
        assert [detail for page in pages for detail in page[kind]] == whole[kind]
    only = iam.get_account_authorization_details(Filter=["LocalManagedPolicy"], MaxItems=1000)
    assert (only["UserDetailList"], only["Policies"]) == ([], whole["Policies"])
    nothing = iam.get_account_authorization_details(Filter=["Role", "Group", "AWSManagedPolicy"])
    assert (nothing["UserDetailList"], nothing["Policies"]) == ([], [])
    refused("InvalidInput", 400, iam.get_account_authorization_details, Filter=["Users"])
    refused("AccessDenied", 403, user[1].client("iam").get_account_authorization_details)
