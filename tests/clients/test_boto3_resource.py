"""boto3's upper floors with their defaults: the resource, every paginator and every waiter that its S3 client has."""

import io

import boto3
import pytest

from conftest import pattern
from harness import REGION


@pytest.fixture(scope="session")
def resource(store):
    return boto3.resource(
        "s3",
        endpoint_url=store.s3,
        region_name=REGION,
        aws_access_key_id=store.access_key,
        aws_secret_access_key=store.secret_key,
    )


# Directory buckets are another service's; annotations came in 2026, and are refused by name.
NOT_OURS = {"list_directory_buckets", "list_object_annotations"}


def upload_of(s3, bucket, key, parts=()):
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    for number in parts:
        s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=b"part")
    return upload


def test_every_paginator(s3, bucket):
    keys = [f"k{number:02}" for number in range(11)]
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"1")
    uploads = [upload_of(s3, bucket, f"m{number}") for number in range(5)]
    parted = upload_of(s3, bucket, "parted", [1, 2, 7, 9, 10_000])
    asked = {
        "list_buckets": ({}, "Buckets", "Name", {bucket}),
        "list_objects": ({"Bucket": bucket}, "Contents", "Key", set(keys)),
        "list_objects_v2": ({"Bucket": bucket}, "Contents", "Key", set(keys)),
        "list_object_versions": ({"Bucket": bucket}, "Versions", "Key", set(keys)),
        "list_multipart_uploads": ({"Bucket": bucket}, "Uploads", "UploadId", {*uploads, parted}),
        "list_parts": ({"Bucket": bucket, "Key": "parted", "UploadId": parted}, "Parts", "PartNumber", {1, 2, 7, 9, 10_000}),
    }
    has = {name for name in s3.meta.method_to_api_mapping if s3.can_paginate(name)}
    assert has - NOT_OURS == set(asked), "boto3 has learned another one"
    for operation, (arguments, entries, member, wanted) in asked.items():
        for size in (1, 2, 1000):
            pages = s3.get_paginator(operation).paginate(**arguments, PaginationConfig={"PageSize": size})
            found = [entry[member] for page in pages for entry in page.get(entries, [])]
            assert len(found) == len(set(found)), (operation, size)
            assert wanted <= set(found) if operation == "list_buckets" else wanted == set(found), (operation, size)
        # A run that is cut begins again behind where it was.
        first = s3.get_paginator(operation).paginate(**arguments, PaginationConfig={"PageSize": 1, "MaxItems": 1}).build_full_result()
        rest = s3.get_paginator(operation).paginate(
            **arguments, PaginationConfig={"StartingToken": first.get("NextToken")}
        ).build_full_result()
        found = {entry[member] for part in (first, rest) for entry in part.get(entries, [])}
        assert wanted <= found, operation


def test_every_waiter(s3, bucket):
    assert set(s3.waiter_names) == {"bucket_exists", "bucket_not_exists", "object_exists", "object_not_exists"}
    soon = {"WaiterConfig": {"Delay": 1, "MaxAttempts": 2}}
    s3.get_waiter("bucket_exists").wait(Bucket=bucket, **soon)
    s3.get_waiter("bucket_not_exists").wait(Bucket=f"{bucket}-none", **soon)
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    s3.get_waiter("object_exists").wait(Bucket=bucket, Key="k", **soon)
    s3.get_waiter("object_not_exists").wait(Bucket=bucket, Key="none", **soon)


def test_a_bucket(resource, bucket):
    made = resource.create_bucket(Bucket=f"{bucket}-resource")
    made.wait_until_exists()
    assert made.creation_date is not None and made in resource.buckets.all()
    made.Versioning().enable()
    assert made.Versioning().status == "Enabled"
    made.Tagging().put(Tagging={"TagSet": [{"Key": "a", "Value": "1"}]})
    assert made.Tagging().tag_set == [{"Key": "a", "Value": "1"}]
    assert made.Acl().owner["ID"] and made.Acl().grants[0]["Permission"] == "FULL_CONTROL"
    assert made.RequestPayment().payer == "BucketOwner"
    made.Cors().put(CORSConfiguration={"CORSRules": [{"AllowedOrigins": ["*"], "AllowedMethods": ["GET"]}]})
    assert made.Cors().cors_rules[0]["AllowedMethods"] == ["GET"]
    made.put_object(Key="k", Body=b"1")
    made.put_object(Key="k", Body=b"2")
    assert len(list(made.object_versions.all())) == 2
    made.object_versions.delete()
    made.delete()
    made.wait_until_not_exists()


def test_objects(resource, bucket):
    bucket = resource.Bucket(bucket)
    for number in range(25):
        bucket.put_object(Key=f"d{number % 2}/{number:02}", Body=b"1" * number)
    assert len(list(bucket.objects.page_size(10).all())) == 25
    assert [summary.size for summary in bucket.objects.filter(Prefix="d0/").limit(3)] == [0, 2, 4]
    thing = bucket.Object("large")
    thing.upload_fileobj(io.BytesIO(pattern((9 << 20) + 1)), ExtraArgs={"ContentType": "text/x", "Metadata": {"case": "17"}})
    thing.wait_until_exists()
    assert (thing.content_length, thing.content_type, thing.metadata) == ((9 << 20) + 1, "text/x", {"case": "17"})
    copy = bucket.Object("copy")
    copy.copy({"Bucket": bucket.name, "Key": "large"})
    into = io.BytesIO()
    copy.download_fileobj(into)
    assert into.getvalue() == pattern((9 << 20) + 1)
    upload = bucket.Object("parts").initiate_multipart_upload()
    part = upload.Part(1).upload(Body=b"whole")
    assert [entry.size for entry in upload.parts.all()] == [5]
    assert upload.id in [entry.id for entry in bucket.multipart_uploads.all()]
    upload.complete(MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
    assert bucket.Object("parts").get()["Body"].read() == b"whole"
    bucket.objects.all().delete()
    assert list(bucket.objects.all()) == []
