"""Versions, as boto3's client, resource, paginators and waiters use them."""

import os

import boto3
import pytest
from botocore.exceptions import ClientError

from harness import REGION


@pytest.fixture
def versioned(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return bucket


def test_versioning_is_told(s3, bucket):
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    for status in ("Enabled", "Suspended", "Enabled"):
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})
        assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == status


def test_a_life(s3, versioned):
    bucket = versioned
    ids = [s3.put_object(Bucket=bucket, Key="k", Body=body)["VersionId"] for body in (b"one", b"two")]
    for version, body in zip(ids, (b"one", b"two")):
        answer = s3.get_object(Bucket=bucket, Key="k", VersionId=version)
        assert (answer["VersionId"], answer["Body"].read()) == (version, body)
    marker = s3.delete_object(Bucket=bucket, Key="k")
    assert marker["DeleteMarker"]
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=bucket, Key="k")
    s3.get_waiter("object_not_exists").wait(Bucket=bucket, Key="k")
    with pytest.raises(ClientError) as refused:
        s3.head_object(Bucket=bucket, Key="k", VersionId=marker["VersionId"])
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 405
    listed = s3.list_object_versions(Bucket=bucket)
    assert [version["VersionId"] for version in listed["Versions"]] == ids[::-1]
    assert [entry["IsLatest"] for entry in listed["DeleteMarkers"]] == [True]
    s3.delete_object(Bucket=bucket, Key="k", VersionId=marker["VersionId"])
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"two"
    s3.copy_object(Bucket=bucket, Key="k", CopySource={"Bucket": bucket, "Key": "k", "VersionId": ids[0]})
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"one"


def test_every_page_of_versions(s3, versioned):
    bucket = versioned
    written = set()
    for key in ("a", "a/b", "c d", "e"):
        for body in (b"1", b"2", b"3"):
            written.add((key, s3.put_object(Bucket=bucket, Key=key, Body=body)["VersionId"]))
        written.add((key, s3.delete_object(Bucket=bucket, Key=key)["VersionId"]))
    for size in (1, 2, 3, 5, 1000):
        pages = s3.get_paginator("list_object_versions").paginate(
            Bucket=bucket, PaginationConfig={"PageSize": size}
        )
        seen = [
            (entry["Key"], entry["VersionId"])
            for page in pages
            for entry in page.get("Versions", []) + page.get("DeleteMarkers", [])
        ]
        assert len(seen) == len(written) and set(seen) == written, size


def test_multipart_and_batches_name_versions(s3, versioned):
    bucket = versioned
    upload = s3.create_multipart_upload(Bucket=bucket, Key="m")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="m", UploadId=upload, PartNumber=1, Body=b"part")
    done = s3.complete_multipart_upload(
        Bucket=bucket,
        Key="m",
        UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
    )
    assert s3.get_object(Bucket=bucket, Key="m", VersionId=done["VersionId"])["Body"].read() == b"part"
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "m"}]})
    assert answer["Deleted"][0]["DeleteMarker"]
    gone = s3.delete_objects(
        Bucket=bucket, Delete={"Objects": [{"Key": "m", "VersionId": done["VersionId"]}]}
    )
    assert gone["Deleted"][0]["VersionId"] == done["VersionId"]
    assert "Versions" not in s3.list_object_versions(Bucket=bucket)


def test_a_resource_empties_and_removes_a_bucket(s3, store):
    resource = boto3.resource(
        "s3",
        endpoint_url=store.s3,
        region_name=REGION,
        aws_access_key_id=store.access_key,
        aws_secret_access_key=store.secret_key,
    )
    bucket = resource.create_bucket(Bucket=f"versions-{os.getpid()}")
    bucket.Versioning().enable()
    for n in range(30):
        bucket.put_object(Key=f"k{n % 7}", Body=b"x")
    bucket.objects.delete()
    assert not list(bucket.objects.all())
    bucket.object_versions.delete()
    assert not list(bucket.object_versions.all())
    bucket.delete()
    s3.get_waiter("bucket_not_exists").wait(Bucket=bucket.name)
