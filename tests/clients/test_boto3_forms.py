"""Signature Version 2 with boto3: requests, and the links that it signs by default."""

from dataclasses import replace

import pytest
import requests
from botocore.exceptions import ClientError

from conftest import boto
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
