"""boto3: buckets, and listing what is in them."""

import pytest

from conftest import keys_of
from test_boto3 import refused

KEYS = sorted(
    ["a", "a/b", "a/b/c", "a/d", "b", "b//x", "b/y", "c+d", "c d", "c%20d", "d/ü/1", "d/ü/2", "e/", "e/1", "f-1", "f.1", "f/1", "é"],
    key=lambda key: key.encode(),
)


@pytest.fixture(scope="module")
def filled(s3):
    bucket = "filled-for-listing"
    s3.create_bucket(Bucket=bucket)
    for key in KEYS:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    yield bucket
    for key in KEYS:
        s3.delete_object(Bucket=bucket, Key=key)
    s3.delete_bucket(Bucket=bucket)


def model(prefix="", delimiter="", after=""):
    """What a listing must say: keys and folded prefixes, both in the order of their bytes."""
    keys, prefixes = [], []
    for key in KEYS:
        if not key.startswith(prefix) or key.encode() <= after.encode():
            continue
        head, found, _ = key[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
        if found:
            folded = prefix + head + delimiter
            if folded not in prefixes:
                prefixes.append(folded)
        else:
            keys.append(key)
    return keys, prefixes


def walk(s3, operation, **asked):
    keys, prefixes, pages = [], [], 0
    for page in s3.get_paginator(operation).paginate(**asked):
        keys += [entry["Key"] for entry in page.get("Contents", [])]
        prefixes += [entry["Prefix"] for entry in page.get("CommonPrefixes", [])]
        pages += 1
    return keys, prefixes, pages


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
@pytest.mark.parametrize("size", [1, 2, 5, 1000])
@pytest.mark.parametrize(
    ("prefix", "delimiter"),
    [("", ""), ("", "/"), ("a/", "/"), ("a", "/"), ("d/", "/"), ("", "-"), ("b/", ""), ("c ", ""), ("none", "/"), ("e/", "/")],
)
def test_every_page_size_gives_everything_once(s3, filled, operation, size, prefix, delimiter):
    asked = {"Prefix": prefix, **({"Delimiter": delimiter} if delimiter else {})}
    keys, prefixes, pages = walk(s3, operation, Bucket=filled, PaginationConfig={"PageSize": size}, **asked)
    assert (keys, prefixes) == model(prefix, delimiter)
    entries = len(keys) + len(prefixes)
    assert pages == max(1, -(-entries // size))


def test_starting_after_a_key(s3, filled):
    for after in ["a", "a/b", "b/", "zzz", "c"]:
        assert keys_of(s3, filled, StartAfter=after) == model(after=after)[0]
    page = s3.list_objects(Bucket=filled, Marker="b", MaxKeys=2)
    assert [entry["Key"] for entry in page["Contents"]] == model(after="b")[0][:2]
    assert page["IsTruncated"]


def test_what_an_entry_says(s3, filled):
    page = s3.list_objects_v2(Bucket=filled, Prefix="a", MaxKeys=2, FetchOwner=True)
    assert (page["KeyCount"], page["MaxKeys"], page["IsTruncated"], page["Name"]) == (2, 2, True, filled)
    entry = page["Contents"][1]
    assert (entry["Key"], entry["Size"], entry["StorageClass"]) == ("a/b", 3, "STANDARD")
    assert entry["ETag"] == s3.head_object(Bucket=filled, Key="a/b")["ETag"]
    assert s3.list_objects_v2(Bucket=filled, MaxKeys=0)["KeyCount"] == 0


def test_a_wrong_continuation_is_refused(s3, filled):
    refused("InvalidArgument", 400, s3.list_objects_v2, Bucket=filled, ContinuationToken="nonsense!")


def test_buckets_come_and_go(s3):
    s3.create_bucket(Bucket="come-and-go")
    assert "come-and-go" in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    s3.head_bucket(Bucket="come-and-go")
    assert s3.get_bucket_location(Bucket="come-and-go")["LocationConstraint"] in (None, "us-east-1")
    s3.put_object(Bucket="come-and-go", Key="k", Body=b"")
    refused("BucketNotEmpty", 409, s3.delete_bucket, Bucket="come-and-go")
    s3.delete_object(Bucket="come-and-go", Key="k")
    s3.delete_bucket(Bucket="come-and-go")
    refused("404", 404, s3.head_bucket, Bucket="come-and-go")
    refused("NoSuchBucket", 404, s3.list_objects_v2, Bucket="come-and-go")
    refused("NoSuchBucket", 404, s3.put_object, Bucket="come-and-go", Key="k", Body=b"")
    refused("NoSuchBucket", 404, s3.delete_bucket, Bucket="come-and-go")


@pytest.mark.parametrize("name", ["ab", "UPPER", "under_score", "a..b", "192.168.0.1", "x" * 64, "-x-"])
def test_bucket_names_are_checked(s3, name):
    refused("InvalidBucketName", 400, s3.create_bucket, Bucket=name)
