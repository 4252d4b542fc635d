"""boto3 with its default settings: objects one at a time."""

import base64
import concurrent.futures
import datetime
import hashlib
import zlib

import pytest
from botocore.exceptions import ClientError

from conftest import keys_of, pattern

# Each of these is a key of its own, however much it looks like a path.
KEYS = [
    "plain",
    "a",
    "a/b",
    "a//b",
    "a/",
    "/",
    "//x",
    "..",
    "../up",
    "a/../b",
    "./here",
    "%2e%2e",
    "100%",
    "blank s",
    "plus+plus",
    "ü/日本/🐋.pcap",
    "q?x=1&y=2#z",
    "back\\slash",
    "quote\"'<>&",
    "~!*'()",
    "k" * 1024,
    "ü" * 512,
]


def refused(code, status, call, *args, **kwargs):
    with pytest.raises(ClientError) as caught:
        call(*args, **kwargs)
    answer = caught.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (code, status), answer
    return answer


def read(s3, bucket, key, **asked):
    return s3.get_object(Bucket=bucket, Key=key, **asked)["Body"].read()


def test_an_object_and_what_is_said_about_it(s3, bucket):
    body = b"eight by"
    put = s3.put_object(
        Bucket=bucket,
        Key="k",
        Body=body,
        ContentType="application/vnd.tcpdump.pcap",
        CacheControl="max-age=7",
        ContentDisposition='attachment; filename="x"',
        ContentLanguage="de",
        Metadata={"case": "17", "Who": "me"},
    )
    assert put["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    for answer in (s3.head_object(Bucket=bucket, Key="k"), s3.get_object(Bucket=bucket, Key="k")):
        assert answer["ContentLength"] == len(body)
        assert answer["ETag"] == put["ETag"]
        assert answer["ContentType"] == "application/vnd.tcpdump.pcap"
        assert answer["CacheControl"] == "max-age=7"
        assert answer["ContentDisposition"] == 'attachment; filename="x"'
        assert answer["ContentLanguage"] == "de"
        assert answer["Metadata"] == {"case": "17", "who": "me"}
        assert answer["AcceptRanges"] == "bytes"
        age = datetime.datetime.now(datetime.timezone.utc) - answer["LastModified"]
        assert -5 < age.total_seconds() < 300
    assert read(s3, bucket, "k") == body
    s3.put_object(Bucket=bucket, Key="k", Body=b"other")
    assert read(s3, bucket, "k") == b"other"
    assert s3.head_object(Bucket=bucket, Key="k")["Metadata"] == {}
    s3.delete_object(Bucket=bucket, Key="k")
    refused("NoSuchKey", 404, s3.get_object, Bucket=bucket, Key="k")
    s3.delete_object(Bucket=bucket, Key="k")


@pytest.mark.parametrize("length", [0, 1, 4096, 65_535, 65_536, 65_537, 1 << 20, (9 << 20) + 1, 20 << 20])
def test_lengths(s3, bucket, length):
    body = pattern(length)
    put = s3.put_object(Bucket=bucket, Key="k", Body=body)
    assert put["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    assert s3.head_object(Bucket=bucket, Key="k")["ContentLength"] == length
    assert read(s3, bucket, "k") == body


@pytest.mark.parametrize(
    ("asked", "first", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-9", 0, 10),
        ("bytes=65530-65545", 65530, 65546),
        ("bytes=199999-", 199_999, 200_000),
        ("bytes=100-999999", 100, 200_000),
        ("bytes=-1", 199_999, 200_000),
        ("bytes=-999999", 0, 200_000),
    ],
)
def test_ranges(s3, bucket, asked, first, end):
    body = pattern(200_000)
    s3.put_object(Bucket=bucket, Key="k", Body=body)
    answer = s3.get_object(Bucket=bucket, Key="k", Range=asked)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert answer["ContentRange"] == f"bytes {first}-{end - 1}/200000"
    assert answer["ContentLength"] == end - first
    assert answer["Body"].read() == body[first:end]


def test_a_range_behind_the_end_is_refused(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    refused("InvalidRange", 416, s3.get_object, Bucket=bucket, Key="k", Range="bytes=10-")
    s3.put_object(Bucket=bucket, Key="empty", Body=b"")
    assert read(s3, bucket, "empty") == b""


def test_keys_are_names_and_not_paths(s3, bucket):
    for key in KEYS:
        s3.put_object(Bucket=bucket, Key=key, Body=f"of {key}".encode())
    for key in KEYS:
        assert read(s3, bucket, key) == f"of {key}".encode(), key
    assert keys_of(s3, bucket) == sorted(KEYS, key=lambda key: key.encode())
    s3.delete_object(Bucket=bucket, Key="a")
    assert read(s3, bucket, "a/b") == b"of a/b"


def test_keys_that_are_too_long_are_refused(s3, bucket):
    refused("KeyTooLongError", 400, s3.put_object, Bucket=bucket, Key="k" * 1025, Body=b"")


def test_copies(s3, bucket):
    body = pattern(300_000)
    s3.put_object(Bucket=bucket, Key="from/ü +%", Body=body, ContentType="text/x", Metadata={"a": "1"})
    source = {"Bucket": bucket, "Key": "from/ü +%"}
    s3.copy_object(Bucket=bucket, Key="to", CopySource=source)
    head = s3.head_object(Bucket=bucket, Key="to")
    assert (head["ContentType"], head["Metadata"]) == ("text/x", {"a": "1"})
    assert read(s3, bucket, "to") == body
    s3.copy_object(
        Bucket=bucket, Key="to", CopySource=source, MetadataDirective="REPLACE", ContentType="text/y", Metadata={"b": "2"}
    )
    head = s3.head_object(Bucket=bucket, Key="to")
    assert (head["ContentType"], head["Metadata"]) == ("text/y", {"b": "2"})
    # A copy does not hang on its source.
    s3.delete_object(Bucket=bucket, Key="from/ü +%")
    assert read(s3, bucket, "to") == body
    refused("NoSuchKey", 404, s3.copy_object, Bucket=bucket, Key="x", CopySource={"Bucket": bucket, "Key": "none"})
    refused("InvalidRequest", 400, s3.copy_object, Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": "to"})


def test_many_are_deleted_at_once(s3, bucket):
    keys = [f"k{n:03}" for n in range(30)] + ["<&>", "a b", "ü"]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    wanted = {"Objects": [{"Key": key} for key in [*keys[:32], "never there"]]}
    answer = s3.delete_objects(Bucket=bucket, Delete=wanted)
    assert sorted(entry["Key"] for entry in answer["Deleted"]) == sorted([*keys[:32], "never there"])
    assert "Errors" not in answer
    assert keys_of(s3, bucket) == ["ü"]
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "ü"}], "Quiet": True})
    assert "Deleted" not in answer
    assert keys_of(s3, bucket) == []


def test_conditions_on_writing(s3, bucket):
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"first", IfNoneMatch="*")
    refused("PreconditionFailed", 412, s3.put_object, Bucket=bucket, Key="k", Body=b"second", IfNoneMatch="*")
    refused("PreconditionFailed", 412, s3.put_object, Bucket=bucket, Key="k", Body=b"second", IfMatch='"0"')
    assert read(s3, bucket, "k") == b"first"
    s3.put_object(Bucket=bucket, Key="k", Body=b"second", IfMatch=put["ETag"])
    assert read(s3, bucket, "k") == b"second"


def test_conditions_on_reading(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"body")["ETag"]
    long_ago = datetime.datetime(2001, 1, 1, tzinfo=datetime.timezone.utc)
    asked = {"Bucket": bucket, "Key": "k"}
    refused("304", 304, s3.get_object, **asked, IfNoneMatch=etag)
    refused("304", 304, s3.head_object, **asked, IfNoneMatch=etag)
    refused("PreconditionFailed", 412, s3.get_object, **asked, IfMatch='"0"')
    refused("PreconditionFailed", 412, s3.get_object, **asked, IfUnmodifiedSince=long_ago)
    assert read(s3, bucket, "k", IfMatch=etag) == b"body"
    assert read(s3, bucket, "k", IfNoneMatch='"0"') == b"body"
    assert read(s3, bucket, "k", IfModifiedSince=long_ago) == b"body"


def crc32(body):
    return base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_checksums_are_kept_and_told(s3, bucket, algorithm):
    body = pattern(100_000)
    put = s3.put_object(Bucket=bucket, Key="k", Body=body, ChecksumAlgorithm=algorithm)
    member = f"Checksum{algorithm}"
    digest = {
        "CRC32": lambda: crc32(body),
        "SHA1": lambda: base64.b64encode(hashlib.sha1(body).digest()).decode(),
        "SHA256": lambda: base64.b64encode(hashlib.sha256(body).digest()).decode(),
    }[algorithm]()
    assert put[member] == digest
    assert s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")[member] == digest
    # boto3 compares what it reads with the checksum by itself.
    assert read(s3, bucket, "k", ChecksumMode="ENABLED") == body


def test_boto3s_default_checksum_is_kept(s3, bucket):
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"body")
    assert put["ChecksumCRC32"] == crc32(b"body")


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"ChecksumCRC32": crc32(b"other")}, "BadDigest"),
        ({"ChecksumSHA256": base64.b64encode(bytes(32)).decode()}, "BadDigest"),
        ({"ContentMD5": base64.b64encode(bytes(16)).decode()}, "BadDigest"),
    ],
)
def test_a_wrong_checksum_is_refused_and_changes_nothing(s3, bucket, sent, code):
    s3.put_object(Bucket=bucket, Key="k", Body=b"before")
    refused(code, 400, s3.put_object, Bucket=bucket, Key="k", Body=b"after", **sent)
    assert read(s3, bucket, "k") == b"before"
    refused(code, 400, s3.put_object, Bucket=bucket, Key="new", Body=b"after", **sent)
    refused("404", 404, s3.head_object, Bucket=bucket, Key="new")


def test_the_bodies_of_files_and_pipes(s3, bucket, tmp_path):
    """A file is sent in aws-chunked framing with its checksum in the trailer."""
    path = tmp_path / "body"
    path.write_bytes(pattern(3_000_000))
    with path.open("rb") as body:
        s3.put_object(Bucket=bucket, Key="k", Body=body)
    assert read(s3, bucket, "k") == path.read_bytes()


def test_many_at_the_same_time(s3, bucket):
    bodies = {f"k{n}": pattern(1000 + 7000 * n, seed=n) for n in range(40)}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: s3.put_object(Bucket=bucket, Key=key, Body=bodies[key]), bodies))
        back = dict(zip(bodies, pool.map(lambda key: read(s3, bucket, key), bodies)))
    assert back == bodies
    assert len(keys_of(s3, bucket)) == len(bodies)
