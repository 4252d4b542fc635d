"""Encryption at rest, as boto3's client, its transfer manager and its presigned links use it."""

import base64
import hashlib
import json
import os
from pathlib import Path

import pytest
import requests
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from conftest import boto
from harness import Admin

MIB = 1 << 20

# boto3 sends the three headers, and the MD5 of the key, by itself.
KEY = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": b"k" * 32}
OTHER = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": b"o" * 32}
SOURCE = {f"CopySource{name}": value for name, value in KEY.items()}
MODES = {"none": {}, "store": {"ServerSideEncryption": "AES256"}, "customer": KEY}


def error_of(call, **arguments):
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    response = refused.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


def told(answer):
    return answer.get("ServerSideEncryption"), answer.get("SSECustomerAlgorithm"), answer.get("SSECustomerKeyMD5")


def reads(mode):
    return KEY if mode == "customer" else {}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [0, 100, 5000, 65520, 65521, 300_000])
def test_objects_and_ranges(s3, bucket, mode, size):
    body = os.urandom(size)
    stored = s3.put_object(Bucket=bucket, Key="k", Body=body, **MODES[mode])
    answer = s3.get_object(Bucket=bucket, Key="k", **reads(mode))
    assert answer["Body"].read() == body
    assert told(answer) == told(stored) == told(s3.head_object(Bucket=bucket, Key="k", **reads(mode)))
    assert told(stored)[:2] == {"none": (None, None), "store": ("AES256", None), "customer": (None, "AES256")}[mode]
    is_md5 = stored["ETag"].strip('"') == hashlib.md5(body).hexdigest()
    assert is_md5 == (mode != "customer")
    for first, last in [(0, 0), (size // 2, size // 2 + 70_000), (65519, 65520), (size - 1, size - 1)]:
        if 0 <= first < size:
            part = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={first}-{last}", **reads(mode))
            assert part["Body"].read() == body[first : last + 1]


@pytest.mark.parametrize("mode", MODES)
def test_the_transfer_manager(s3, bucket, mode, tmp_path):
    """Parts of 8 MiB, uploaded, copied and fetched in ranges at once."""
    config = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB, max_concurrency=4)
    body = os.urandom(12 * MIB + 3)
    (tmp_path / "from").write_bytes(body)
    s3.upload_file(str(tmp_path / "from"), bucket, "k", ExtraArgs=MODES[mode], Config=config)
    s3.download_file(bucket, "k", str(tmp_path / "to"), ExtraArgs=reads(mode), Config=config)
    assert (tmp_path / "to").read_bytes() == body
    # boto3's copy asks for the size of its source without the key, so customers' keys are no case of it.
    if mode != "customer":
        s3.copy({"Bucket": bucket, "Key": "k"}, bucket, "copy", ExtraArgs=MODES["store"], Config=config)
        assert s3.head_object(Bucket=bucket, Key="copy")["ServerSideEncryption"] == "AES256"
        assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == body
    second = s3.get_object(Bucket=bucket, Key="k", PartNumber=2, **reads(mode))
    assert second["Body"].read() == body[5 * MIB : 10 * MIB]


def test_a_default_of_the_bucket(s3, bucket):
    missing = (404, "ServerSideEncryptionConfigurationNotFoundError")
    assert error_of(s3.get_bucket_encryption, Bucket=bucket) == missing
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    assert s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"] == [rule]
    assert s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ServerSideEncryption"] == "AES256"
    s3.delete_bucket_encryption(Bucket=bucket)
    assert error_of(s3.get_bucket_encryption, Bucket=bucket) == missing
    assert "ServerSideEncryption" not in s3.put_object(Bucket=bucket, Key="l", Body=b"x")


def test_who_has_not_the_key(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"secret", **KEY)
    at = {"Bucket": bucket, "Key": "k"}
    assert error_of(s3.get_object, **at) == (400, "InvalidRequest")
    assert error_of(s3.get_object, **at, **OTHER) == (403, "AccessDenied")
    assert error_of(s3.head_object, **at) == (400, "400")
    assert error_of(s3.head_object, **at, **OTHER) == (403, "403")
    assert error_of(s3.get_object_attributes, **at, ObjectAttributes=["ETag"]) == (400, "InvalidRequest")
    # Of this operation boto3 does not make the headers itself.
    encoded = {"SSECustomerKey": base64.b64encode(KEY["SSECustomerKey"]).decode(), "SSECustomerKeyMD5": "mT2HRsMGJ5IX5C+0rreZ8Q=="}
    attributes = s3.get_object_attributes(**at, ObjectAttributes=["ObjectSize"], **KEY | encoded)
    assert attributes["ObjectSize"] == 6
    copy = {"Bucket": bucket, "Key": "copy", "CopySource": at}
    assert error_of(s3.copy_object, **copy) == (400, "InvalidRequest")
    answer = s3.copy_object(**copy, **SOURCE, **OTHER)
    assert answer["SSECustomerAlgorithm"] == "AES256"
    assert s3.get_object(Bucket=bucket, Key="copy", **OTHER)["Body"].read() == b"secret"
    # It changes its key in place.
    s3.copy_object(**copy | {"Key": "k"}, **SOURCE, **OTHER)
    assert error_of(s3.get_object, **at, **KEY) == (403, "AccessDenied")
    assert s3.get_object(**at, **OTHER)["Body"].read() == b"secret"


def test_links_with_a_key(store, bucket):
    s3 = boto(store, signature_version="s3v4")
    link = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "k", "SSECustomerAlgorithm": "AES256"})
    headers = {
        "x-amz-server-side-encryption-customer-algorithm": "AES256",
        "x-amz-server-side-encryption-customer-key": "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=",
        "x-amz-server-side-encryption-customer-key-MD5": "mT2HRsMGJ5IX5C+0rreZ8Q==",
    }
    # Signed without the key, which is as if somebody had added it.
    assert requests.put(link, data=b"x", headers=headers, timeout=20).status_code == 403
    link = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "k", **KEY})
    assert requests.put(link, data=b"text", headers=headers, timeout=20).status_code == 200
    link = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k", **KEY})
    assert requests.get(link, headers=headers, timeout=20).content == b"text"
    assert requests.get(link, timeout=20).status_code == 403


def test_nothing_of_it_is_on_the_disk(baleen, s3, bucket):
    """Peers' failure F15: what is said to be encrypted is."""
    for mode, arguments in MODES.items():
        for size in (1000, 100_000, 3 * MIB):
            needle = f"{mode} {size} needle in the hay ".encode()
            s3.put_object(Bucket=bucket, Key=f"{mode}/{size}", Body=needle * (size // len(needle)), **arguments)
            found = any(needle in path.read_bytes() for path in Path(baleen.data).rglob("*") if path.is_file())
            assert found == (mode == "none"), (mode, size)


def test_named_keys(baleen, s3, bucket):
    """Made by the command line, used and disabled as AWS's are."""
    admin = Admin(baleen)

    def kms(*words):
        return admin("kms", *words)

    name = f"evidence/{bucket}"
    made = kms("create", name, "--description", "case 17")
    assert (made["KeyName"], made["Enabled"], made["Versions"]) == (name, True, 1)

    def put(key, **more):
        return s3.put_object(Bucket=bucket, Key=key, Body=b"text", ServerSideEncryption="aws:kms", **more)

    answer = put("k", SSEKMSKeyId=f"alias/{name}")
    assert (answer["ServerSideEncryption"], answer["SSEKMSKeyId"]) == ("aws:kms", made["Arn"])
    assert put("default")["SSEKMSKeyId"].endswith(":key/aws/s3")
    assert kms("rotate", name)["Versions"] == 2
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"text"
    put("l", SSEKMSKeyId=made["Arn"], BucketKeyEnabled=True)
    assert s3.head_object(Bucket=bucket, Key="l")["BucketKeyEnabled"]
    assert error_of(put, key="m", SSEKMSKeyId="alias/none") == (400, "KMS.NotFoundException")
    kms("disable", name)
    for key in ("k", "l"):
        assert error_of(s3.get_object, Bucket=bucket, Key=key) == (400, "KMS.DisabledException")
    kms("enable", name)
    assert s3.get_object(Bucket=bucket, Key="l")["Body"].read() == b"text"
    assert [key["KeyName"] for key in kms("list")] == ["aws/s3", name]


def test_users_of_named_keys(baleen, iam, s3, user, bucket):
    """The permission for the object is not one for its key; the error says what is missing, as AWS's does."""
    key = Admin(baleen)("kms", "create", f"shared/{bucket}")["Arn"]
    name, keys = user

    def allow(*statements):
        document = [{"Effect": "Allow", "Action": action, "Resource": resource} for action, resource in statements]
        iam.put_user_policy(
            UserName=name, PolicyName="only", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": document})
        )

    theirs = boto(keys)
    put = {"Bucket": bucket, "Key": "k", "Body": b"text", "ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
    s3.put_object(**put)
    allow(("s3:*", "*"))
    assert theirs.head_object(Bucket=bucket, Key="k")["SSEKMSKeyId"] == key
    with pytest.raises(ClientError, match=f"not authorized to perform: kms:GenerateDataKey on resource: {key}"):
        theirs.put_object(**put)
    with pytest.raises(ClientError, match=f"not authorized to perform: kms:Decrypt on resource: {key}"):
        theirs.get_object(Bucket=bucket, Key="k")
    allow(("s3:*", "*"), ("kms:Decrypt", key))
    assert theirs.get_object(Bucket=bucket, Key="k")["Body"].read() == b"text"
    assert error_of(theirs.put_object, **put) == (403, "AccessDenied")
    allow(("s3:*", "*"), (["kms:Decrypt", "kms:GenerateDataKey"], key))
    theirs.put_object(**put)
    # In parts, with what the SDK does by itself.
    parts = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)
    source = Path(baleen.data).parent / f"{bucket}.bin"
    source.write_bytes(os.urandom(11 * MIB))
    extra = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
    theirs.upload_file(str(source), bucket, "parts", ExtraArgs=extra, Config=parts)
    assert theirs.get_object(Bucket=bucket, Key="parts")["Body"].read() == source.read_bytes()
    theirs.copy({"Bucket": bucket, "Key": "parts"}, bucket, "copy", ExtraArgs=extra, Config=parts)
    # The key that every account has.
    allow(("s3:*", "*"))
    theirs.put_object(Bucket=bucket, Key="own", Body=b"text", ServerSideEncryption="aws:kms")
    assert theirs.get_object(Bucket=bucket, Key="own")["Body"].read() == b"text"
