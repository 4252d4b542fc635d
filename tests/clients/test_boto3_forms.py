"""Signature Version 2 and forms with boto3: requests, the links that it signs by default, and what a browser sends."""

import json
from dataclasses import replace

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from conftest import boto
from harness import REGION
from test_boto3 import read


@pytest.fixture
def plain(store):
    """A client that signs links as boto3 does when nobody tells it how."""
    return boto(store)


def test_version_2_everywhere(store, bucket):
    s3 = boto(store, signature_version="s3")
    assert bucket in [one["Name"] for one in s3.list_buckets()["Buckets"]]
    for key in ["k", "a b/ü+%", "//x", ".."]:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode(), ContentType="text/plain", Metadata={"colour": "deep blue"})
        assert read(s3, bucket, key) == key.encode()
    assert s3.head_object(Bucket=bucket, Key="k")["Metadata"] == {"colour": "deep blue"}
    assert len(s3.list_objects_v2(Bucket=bucket, Prefix="a b/")["Contents"]) == 1
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=b"part")
    parts = {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
    s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload=parts)
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "a b/ü+%"})
    assert read(s3, bucket, "copy") == "a b/ü+%".encode()
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k"}, {"Key": "copy"}]})
    wrong = boto(replace(store, secret_key="x" * 40), signature_version="s3")
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        wrong.list_objects_v2(Bucket=bucket)


def test_links_with_the_defaults(plain, bucket):
    link = plain.generate_presigned_url("put_object", {"Bucket": bucket, "Key": "a b/ü+", "Metadata": {"colour": "red"}})
    assert "Signature=" in link and "X-Amz-Signature" not in link
    assert requests.put(link, data=b"data").status_code == 200
    link = plain.generate_presigned_url(
        "get_object", {"Bucket": bucket, "Key": "a b/ü+", "ResponseContentDisposition": 'attachment; filename="a&b.txt"'}
    )
    answer = requests.get(link)
    assert (answer.status_code, answer.content) == (200, b"data")
    assert answer.headers["content-disposition"] == 'attachment; filename="a&b.txt"'
    assert answer.headers["x-amz-meta-colour"] == "red"
    assert requests.get(link.replace("a%20b", "other")).status_code == 403
    assert requests.put(link, data=b"other").status_code == 403
    typed = plain.generate_presigned_url("put_object", {"Bucket": bucket, "Key": "typed", "ContentType": "text/csv"})
    assert requests.put(typed, data=b"a,b", headers={"Content-Type": "text/csv"}).status_code == 200
    assert requests.put(typed, data=b"a,b", headers={"Content-Type": "text/html"}).status_code == 403
    assert plain.head_object(Bucket=bucket, Key="typed")["ContentType"] == "text/csv"
    listing = plain.generate_presigned_url("list_objects_v2", {"Bucket": bucket})
    assert "typed" in requests.get(listing).text


def post(form, file=b"data", name="a b.txt", **more):
    return requests.post(form["url"], data={**form["fields"], **more}, files={"file": (name, file)}, allow_redirects=False)


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_forms(store, bucket, version):
    s3 = boto(store, signature_version=version)
    fields = {"acl": "private", "Content-Type": "text/plain", "x-amz-meta-colour": "blue", "success_action_status": "201"}
    conditions = [{name: value} for name, value in fields.items()] + [["content-length-range", 1, 1 << 20]]
    form = s3.generate_presigned_post(bucket, "user/ü/${filename}", fields, conditions, ExpiresIn=600)
    answer = post(form)
    assert answer.status_code == 201, answer.text
    assert "<Key>user/ü/a b.txt</Key>" in answer.content.decode()
    seen = s3.get_object(Bucket=bucket, Key="user/ü/a b.txt")
    assert (seen["Body"].read(), seen["ContentType"], seen["Metadata"]) == (b"data", "text/plain", {"colour": "blue"})
    assert requests.get(answer.headers["location"]).status_code == 403  # it is where it says, and private
    large = b"0123456789abcdef" * (1 << 16)
    assert post(form, large, "large").status_code == 201
    assert read(s3, bucket, "user/ü/large") == large
    for spoiled, code in [
        (post(form, large + b"x"), "EntityTooLarge"),
        (post(form, b""), "EntityTooSmall"),
        (post(form, acl="public-read"), "AccessDenied"),
        (post(form, key="other"), "AccessDenied"),
        (post(form, more="1"), "AccessDenied"),
        (post({**form, "url": form["url"].replace(bucket, "other")}), "AccessDenied"),
    ]:
        assert 400 <= spoiled.status_code < 500 and f"<Code>{code}</Code>" in spoiled.text
    assert len(s3.list_objects_v2(Bucket=bucket)["Contents"]) == 2
    late = s3.generate_presigned_post(bucket, "late", ExpiresIn=-1)
    assert "Policy expired" in post(late).text


def test_anonymous_forms(s3, store, bucket):
    form = {"url": f"{store.s3}/{bucket}", "fields": {"key": "drop/${filename}"}}
    assert post(form).status_code == 403
    allow = {"Effect": "Allow", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/drop/*"}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [allow]}))
    assert post(form).status_code == 204
    assert read(s3, bucket, "drop/a b.txt") == b"data"
    assert post({**form, "fields": {"key": "elsewhere"}}).status_code == 403


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_sessions(baleen, s3, bucket, version):
    made = boto(baleen, "sts").get_session_token(DurationSeconds=3600)["Credentials"]
    session = boto3.client(
        "s3",
        endpoint_url=baleen.s3,
        region_name=REGION,
        aws_access_key_id=made["AccessKeyId"],
        aws_secret_access_key=made["SecretAccessKey"],
        aws_session_token=made["SessionToken"],
        config=Config(signature_version=version),
    )
    session.put_object(Bucket=bucket, Key="k", Body=b"data")
    link = session.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "k"})
    assert requests.get(link).content == b"data"
    form = session.generate_presigned_post(bucket, "by-form")
    assert post(form).status_code == 204
    without = {name: value for name, value in form["fields"].items() if name != "x-amz-security-token"}
    assert post({**form, "fields": without}).status_code in (400, 403)
    assert read(s3, bucket, "by-form") == b"data"
