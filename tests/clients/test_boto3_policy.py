"""Policies of buckets, as boto3's client puts them, and what a client without credentials gets."""

import json

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from harness import REGION


@pytest.fixture
def unsigned(store):
    config = Config(signature_version=UNSIGNED, retries={"max_attempts": 1})
    return boto3.client("s3", endpoint_url=store.s3, region_name=REGION, config=config)


def policy(bucket, *actions, principal="*"):
    resource = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    statement = {"Effect": "Allow", "Principal": principal, "Action": actions, "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=1)


def refused(call, **asked):
    with pytest.raises(ClientError) as refusal:
        call(**asked)
    error = refusal.value.response
    return error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"]


def test_a_policy_and_its_status(s3, bucket):
    assert refused(s3.get_bucket_policy, Bucket=bucket) == (404, "NoSuchBucketPolicy")
    document = policy(bucket, "s3:GetObject")
    s3.put_bucket_policy(Bucket=bucket, Policy=document)
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == document
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"] == {"IsPublic": True}
    s3.put_bucket_policy(Bucket=bucket, Policy=policy(bucket, "s3:GetObject", principal={"AWS": "100000000299"}))
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"] == {"IsPublic": False}
    wrong = policy("another", "s3:GetObject")
    assert refused(s3.put_bucket_policy, Bucket=bucket, Policy=wrong) == (400, "MalformedPolicy")
    assert refused(s3.put_bucket_policy, Bucket=bucket, Policy="no policy") == (400, "MalformedPolicy")
    s3.delete_bucket_policy(Bucket=bucket)
    assert refused(s3.get_bucket_policy, Bucket=bucket) == (404, "NoSuchBucketPolicy")


def test_a_public_bucket(s3, bucket, unsigned):
    s3.put_object(Bucket=bucket, Key="a", Body=b"data")
    for key in ("a", "none"):
        assert refused(unsigned.get_object, Bucket=bucket, Key=key) == (403, "AccessDenied")
    s3.put_bucket_policy(Bucket=bucket, Policy=policy(bucket, "s3:GetObject"))
    assert unsigned.get_object(Bucket=bucket, Key="a")["Body"].read() == b"data"
    assert unsigned.head_object(Bucket=bucket, Key="a")["ContentLength"] == 4
    assert refused(unsigned.get_object, Bucket=bucket, Key="none") == (403, "AccessDenied")
    assert refused(unsigned.list_objects_v2, Bucket=bucket) == (403, "AccessDenied")
    assert refused(unsigned.put_object, Bucket=bucket, Key="b", Body=b"") == (403, "AccessDenied")
    s3.put_bucket_policy(Bucket=bucket, Policy=policy(bucket, "s3:GetObject", "s3:ListBucket", "s3:PutObject"))
    assert unsigned.put_object(Bucket=bucket, Key="b", Body=b"more")["ETag"]
    assert [entry["Key"] for entry in unsigned.list_objects_v2(Bucket=bucket)["Contents"]] == ["a", "b"]
    assert refused(unsigned.get_object, Bucket=bucket, Key="none") == (404, "NoSuchKey")
    assert refused(unsigned.delete_object, Bucket=bucket, Key="a") == (403, "AccessDenied")
    s3.delete_bucket_policy(Bucket=bucket)
    assert refused(unsigned.get_object, Bucket=bucket, Key="a") == (403, "AccessDenied")


def test_public_access_block(s3, bucket, unsigned):
    s3.put_object(Bucket=bucket, Key="a", Body=b"data")
    code = "NoSuchPublicAccessBlockConfiguration"
    assert refused(s3.get_public_access_block, Bucket=bucket) == (404, code)
    off = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), False)
    public = policy(bucket, "s3:GetObject")
    for switch in ("BlockPublicPolicy", "RestrictPublicBuckets"):
        wanted = {**off, switch: True}
        s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=wanted)
        assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == wanted
        if switch == "BlockPublicPolicy":
            assert refused(s3.put_bucket_policy, Bucket=bucket, Policy=public) == (403, "AccessDenied")
        else:
            s3.put_bucket_policy(Bucket=bucket, Policy=public)
            assert refused(unsigned.get_object, Bucket=bucket, Key="a") == (403, "AccessDenied")
    s3.delete_public_access_block(Bucket=bucket)
    assert unsigned.get_object(Bucket=bucket, Key="a")["Body"].read() == b"data"


def test_ownership_controls(s3, bucket):
    def rules():
        return s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]

    assert rules() == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    wanted = [{"ObjectOwnership": "BucketOwnerPreferred"}]
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": wanted})
    assert rules() == wanted
    s3.delete_bucket_ownership_controls(Bucket=bucket)
    asked = refused(s3.get_bucket_ownership_controls, Bucket=bucket)
    assert asked == (404, "OwnershipControlsNotFoundError")


def test_what_tools_read_of_a_bucket(s3, bucket):
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"
    assert "Status" not in s3.get_bucket_accelerate_configuration(Bucket=bucket)
    notifications = s3.get_bucket_notification_configuration(Bucket=bucket)
    assert set(notifications) == {"ResponseMetadata"}
    code = "ServerSideEncryptionConfigurationNotFoundError"
    assert refused(s3.get_bucket_encryption, Bucket=bucket) == (404, code)


def test_access_control_lists(s3, bucket, unsigned):
    owner = s3.list_buckets()["Owner"]["ID"]
    full = {"Grantee": {"ID": owner, "Type": "CanonicalUser"}, "Permission": "FULL_CONTROL"}
    everyone = {"Grantee": {"URI": "http://acs.amazonaws.com/groups/global/AllUsers", "Type": "Group"}, "Permission": "READ"}

    def grants(answer):
        for grant in answer["Grants"]:
            grant["Grantee"].pop("DisplayName", None)
        assert answer["Owner"]["ID"] == owner
        return answer["Grants"]

    s3.put_object(Bucket=bucket, Key="a", Body=b"data")
    assert grants(s3.get_bucket_acl(Bucket=bucket)) == [full]
    assert grants(s3.get_object_acl(Bucket=bucket, Key="a")) == [full]
    not_supported = (400, "AccessControlListNotSupported")
    assert refused(s3.put_object, Bucket=bucket, Key="b", Body=b"", ACL="public-read") == not_supported
    assert refused(s3.put_bucket_acl, Bucket=bucket, ACL="public-read") == not_supported
    preferred = {"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]}
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=preferred)
    s3.put_object(Bucket=bucket, Key="b", Body=b"open", ACL="public-read")
    assert unsigned.get_object(Bucket=bucket, Key="b")["Body"].read() == b"open"
    assert grants(s3.get_object_acl(Bucket=bucket, Key="b")) == [full, everyone]
    assert refused(unsigned.get_object, Bucket=bucket, Key="a") == (403, "AccessDenied")
    assert refused(unsigned.list_objects_v2, Bucket=bucket) == (403, "AccessDenied")
    lists = {"Grants": [full, everyone], "Owner": {"ID": owner}}
    s3.put_bucket_acl(Bucket=bucket, AccessControlPolicy=lists)
    assert grants(s3.get_bucket_acl(Bucket=bucket)) == [full, everyone]
    assert [entry["Key"] for entry in unsigned.list_objects_v2(Bucket=bucket)["Contents"]] == ["a", "b"]
    s3.put_object_acl(Bucket=bucket, Key="b", ACL="private")
    assert refused(unsigned.get_object, Bucket=bucket, Key="b") == (403, "AccessDenied")
    s3.put_bucket_acl(Bucket=bucket, ACL="private")


def test_a_bucket_made_with_a_list(s3, bucket, unsigned):
    name = bucket + "-listed"
    refusal = refused(s3.create_bucket, Bucket=name, ACL="public-read")
    assert refusal == (400, "InvalidBucketAclWithObjectOwnership")
    s3.create_bucket(Bucket=name, ACL="public-read", ObjectOwnership="ObjectWriter")
    assert unsigned.list_objects_v2(Bucket=name)["KeyCount"] == 0
    s3.delete_bucket(Bucket=name)
