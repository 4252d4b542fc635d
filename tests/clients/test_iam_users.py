"""boto3: users, access keys and tags, from the first call to the last."""

import datetime

import pytest
import requests

from conftest import boto
from identity import IAM, Keys, call, fresh, new_user, refused, remove_user

pytestmark = pytest.mark.usefixtures("baleen")


@pytest.fixture
def name(iam):
    name = fresh("user") + "@example.com"
    iam.create_user(UserName=name)
    yield name
    try:
        remove_user(iam, name)
    except iam.exceptions.NoSuchEntityException:
        pass


def test_who_am_i(baleen):
    answer = boto(baleen, "sts").get_caller_identity()
    assert answer["Account"] == baleen.account
    assert answer["Arn"] == f"arn:aws:iam::{baleen.account}:root"
    assert len(answer["UserId"]) == 12
    # By GET, as those who sign the address do.
    link = boto(baleen, "sts").generate_presigned_url("get_caller_identity", HttpMethod="GET")
    assert baleen.account in requests.get(link, timeout=10).text


def test_a_user_from_birth_to_death(baleen, iam):
    name = fresh("Life") + "@example.com"
    made = iam.create_user(UserName=name, Path="/teams/red/", Tags=[{"Key": "team", "Value": "red"}])["User"]
    assert made["UserName"] == name
    assert made["Path"] == "/teams/red/"
    assert made["Arn"] == f"arn:aws:iam::{baleen.account}:user/teams/red/{name}"
    assert len(made["UserId"]) == 12
    assert isinstance(made["CreateDate"], datetime.datetime)
    assert made["Tags"] == [{"Key": "team", "Value": "red"}]
    iam.get_waiter("user_exists").wait(UserName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 2})

    read = iam.get_user(UserName=name.lower())["User"]
    assert read == made, "names are compared without case and kept as given"
    assert "PasswordLastUsed" not in read
    refused("EntityAlreadyExists", 409, iam.create_user, UserName=name.upper())

    renamed = fresh("renamed") + "@example.com"
    iam.update_user(UserName=name, NewUserName=renamed, NewPath="/teams/blue/")
    after = iam.get_user(UserName=renamed)["User"]
    assert (after["UserId"], after["Path"]) == (made["UserId"], "/teams/blue/")
    refused("NoSuchEntity", 404, iam.get_user, UserName=name)

    iam.delete_user(UserName=renamed)
    refused("NoSuchEntity", 404, iam.get_user, UserName=renamed)
    refused("NoSuchEntity", 404, iam.delete_user, UserName=renamed)
    again = iam.create_user(UserName=renamed)["User"]
    assert again["UserId"] != made["UserId"], "an id is never used again"
    iam.delete_user(UserName=renamed)


def test_get_user_without_a_name_is_oneself(baleen, iam):
    me = iam.get_user()["User"]
    assert (me["UserName"], me["Arn"]) == (baleen.user, f"arn:aws:iam::{baleen.account}:root")


def test_what_hangs_from_a_user_has_to_go_first(iam, name):
    key = iam.create_access_key(UserName=name)["AccessKey"]["AccessKeyId"]
    refused("DeleteConflict", 409, iam.delete_user, UserName=name)
    iam.delete_access_key(UserName=name, AccessKeyId=key)
    iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=ANY)
    refused("DeleteConflict", 409, iam.delete_user, UserName=name)
    remove_user(iam, name)


def test_root_stays(baleen, iam):
    refused("DeleteConflict", 409, iam.delete_user, UserName=baleen.user)


def test_lists_come_in_pages(iam):
    prefix = f"/{fresh('pages')}/"
    names = sorted(fresh("page") + "@example.com" for _ in range(5))
    for name in names:
        iam.create_user(UserName=name, Path=prefix)
    pages = list(iam.get_paginator("list_users").paginate(PathPrefix=prefix, PaginationConfig={"PageSize": 2}))
    assert [len(page["Users"]) for page in pages] == [2, 2, 1]
    assert sorted(user["UserName"] for page in pages for user in page["Users"]) == names
    first = iam.list_users(PathPrefix=prefix, MaxItems=2)
    assert first["IsTruncated"] and first["Marker"]
    # A marker is for one list of one caller.
    refused("InvalidInput", 400, iam.list_policies, Marker=first["Marker"])
    refused("InvalidInput", 400, iam.list_users, Marker="x" + first["Marker"])
    assert "Marker" not in iam.list_users(PathPrefix="/none/")
    assert iam.list_users(PathPrefix="/none/")["Users"] == []
    for name in names:
        iam.delete_user(UserName=name)


def test_tags(iam, name):
    iam.tag_user(UserName=name, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}])
    iam.tag_user(UserName=name, Tags=[{"Key": "a", "Value": "2"}])
    tags = {tag["Key"]: tag["Value"] for tag in iam.list_user_tags(UserName=name)["Tags"]}
    assert tags == {"a": "2", "b": ""}
    iam.untag_user(UserName=name, TagKeys=["a", "none"])
    assert iam.list_user_tags(UserName=name)["Tags"] == [{"Key": "b", "Value": ""}]


def test_keys(baleen, iam, name):
    key = iam.create_access_key(UserName=name)["AccessKey"]
    assert key["UserName"] == name and key["Status"] == "Active"
    assert key["AccessKeyId"].startswith("AKIA") and len(key["AccessKeyId"]) == 20
    assert len(key["SecretAccessKey"]) >= 40
    assert isinstance(key["CreateDate"], datetime.datetime)
    own = Keys(baleen.s3, key["AccessKeyId"], key["SecretAccessKey"])
    sts = own.client("sts")
    assert sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{baleen.account}:user/{name}"

    # Rotation, as the AWS guide has it: a second key, the first off, then gone.
    second = own.client("iam").create_access_key()["AccessKey"]
    refused("LimitExceeded", 409, iam.create_access_key, UserName=name)
    iam.update_access_key(UserName=name, AccessKeyId=key["AccessKeyId"], Status="Inactive")
    refused("InvalidClientTokenId", 403, sts.get_caller_identity)
    listed = iam.list_access_keys(UserName=name)["AccessKeyMetadata"]
    assert {entry["AccessKeyId"]: entry["Status"] for entry in listed} == {
        key["AccessKeyId"]: "Inactive",
        second["AccessKeyId"]: "Active",
    }
    iam.update_access_key(UserName=name, AccessKeyId=key["AccessKeyId"], Status="Active")
    sts.get_caller_identity()
    iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    refused("InvalidClientTokenId", 403, sts.get_caller_identity)
    refused("NoSuchEntity", 404, iam.delete_access_key, UserName=name, AccessKeyId=key["AccessKeyId"])


def test_last_use_of_a_key(baleen, iam, name):
    key = iam.create_access_key(UserName=name)["AccessKey"]
    never = iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])
    assert never["UserName"] == name
    assert never["AccessKeyLastUsed"] == {"ServiceName": "N/A", "Region": "N/A"}
    Keys(baleen.s3, key["AccessKeyId"], key["SecretAccessKey"]).client("sts").get_caller_identity()
    used = iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])["AccessKeyLastUsed"]
    assert (used["ServiceName"], used["Region"]) == ("sts", "us-east-1")
    refused("NoSuchEntity", 404, iam.get_access_key_last_used, AccessKeyId="AKIA0000000000000000")


def test_the_key_of_another_user_is_unknown(baleen, iam, name):
    other, keys = new_user(baleen, iam)
    refused("NoSuchEntity", 404, iam.delete_access_key, UserName=name, AccessKeyId=keys.access_key)
    refused("NoSuchEntity", 404, iam.update_access_key, UserName=name, AccessKeyId=keys.access_key, Status="Inactive")
    keys.client("sts").get_caller_identity()
    remove_user(iam, other)


def test_what_a_user_may(baleen, iam, name):
    other, keys = new_user(baleen, iam)
    own = keys.client("iam")
    own.list_access_keys()
    own.get_user()
    for denied, parameters in [
        (own.list_users, {}),
        (own.create_user, {"UserName": "x@example.com"}),
        (own.delete_user, {"UserName": name}),
        (own.get_user, {"UserName": name}),
        (own.list_access_keys, {"UserName": name}),
        (own.create_access_key, {"UserName": name}),
        (own.create_policy, {"PolicyName": "p", "PolicyDocument": ANY}),
        (own.list_policies, {}),
        (own.put_user_policy, {"UserName": other, "PolicyName": "p", "PolicyDocument": ANY}),
    ]:
        refused("AccessDenied", 403, denied, **parameters)
    # Whether a user is there is not told either.
    there = refused("AccessDenied", 403, own.get_user, UserName=name)
    not_there = refused("AccessDenied", 403, own.get_user, UserName="none@example.com")
    assert there["Error"] == not_there["Error"]
    remove_user(iam, other)


def test_an_admin_manages_all_but_root(baleen, iam, name):
    admin, keys = new_user(baleen, iam, "admin")
    call(baleen, "RSSetUserInfo", Version=IAM, Name=admin, Type="admin").raise_for_status()
    own = keys.client("iam")
    assert any(user["UserName"] == name for user in own.list_users()["Users"])
    own.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=ANY)
    refused("AccessDenied", 403, own.create_access_key, UserName=baleen.user)
    refused("AccessDenied", 403, own.delete_user, UserName=baleen.user)
    refused("DeleteConflict", 409, own.delete_user, UserName=admin)
    # The role is gone with the next answer.
    call(baleen, "RSSetUserInfo", Version=IAM, Name=admin, Type="user").raise_for_status()
    refused("AccessDenied", 403, own.list_users)
    remove_user(iam, admin)


def test_overviews(baleen, iam):
    summary = iam.get_account_summary()["SummaryMap"]
    assert summary["Users"] >= 1 and summary["AccessKeysPerUserQuota"] == 2
    before = summary["Policies"]
    arn = iam.create_policy(PolicyName=fresh("counted"), PolicyDocument=ANY)["Policy"]["Arn"]
    assert iam.get_account_summary()["SummaryMap"]["Policies"] == before + 1
    iam.delete_policy(PolicyArn=arn)
    # Root has the keys of the first start, and neither password nor second factor.
    assert (summary["AccountAccessKeysPresent"], summary["AccountPasswordPresent"], summary["AccountMFAEnabled"]) == (1, 0, 0)
    assert iam.list_groups()["Groups"] == []
    assert iam.list_roles()["Roles"] == []
    assert iam.list_account_aliases()["AccountAliases"] == []
    assert iam.list_virtual_mfa_devices()["VirtualMFADevices"] == []
    assert iam.get_account_password_policy()["PasswordPolicy"]["MinimumPasswordLength"] == 10


ANY = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"*"}]}'
