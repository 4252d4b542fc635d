"""minio-py: signed bodies in chunks, its own parts, and its XML reader, which is stricter than boto3's."""

import datetime
import io

import minio
import pytest
from minio.commonconfig import ENABLED, REPLACE, ComposeSource, CopySource, Tags
from minio.deleteobjects import DeleteObject
from minio.versioningconfig import VersioningConfig

from conftest import pattern
from harness import REGION


@pytest.fixture(scope="session")
def client(store):
    address = store.s3.removeprefix("http://")
    return minio.Minio(address, access_key=store.access_key, secret_key=store.secret_key, secure=False, region=REGION)


def put(client, bucket, key, body, **more):
    return client.put_object(bucket_name=bucket, object_name=key, data=io.BytesIO(body), length=len(body), **more)


def read(client, bucket, key, **more):
    answer = client.get_object(bucket_name=bucket, object_name=key, **more)
    try:
        return answer.read()
    finally:
        answer.close()
        answer.release_conn()


def test_objects(client, bucket):
    for key, body in [("plain", pattern(70_000)), ("a b/ü+%&=", b"1"), ("empty", b"")]:
        stored = put(client, bucket, key, body, content_type="text/x", metadata={"case": "17"})
        head = client.stat_object(bucket_name=bucket, object_name=key)
        assert (head.etag, head.size, head.content_type) == (stored.etag, len(body), "text/x")
        assert read(client, bucket, key) == body
    assert read(client, bucket, "plain", offset=10, length=20) == pattern(70_000)[10:30]
    listed = {entry.object_name: entry.size for entry in client.list_objects(bucket_name=bucket, recursive=True)}
    assert listed == {"plain": 70_000, "a b/ü+%&=": 1, "empty": 0}
    folders = [entry.object_name for entry in client.list_objects(bucket_name=bucket) if entry.is_dir]
    assert folders == ["a b/"]
    left = list(client.remove_objects(bucket_name=bucket, delete_object_list=[DeleteObject("plain"), DeleteObject("none")]))
    assert left == []
    with pytest.raises(minio.error.S3Error) as refused:
        client.stat_object(bucket_name=bucket, object_name="plain")
    assert refused.value.code == "NoSuchKey"


def test_streams_and_parts(client, bucket, tmp_path):
    body = pattern((12 << 20) + 3)
    stream = client.put_object(bucket_name=bucket, object_name="stream", data=io.BytesIO(body), length=-1, part_size=5 << 20)
    assert stream.etag.endswith("-3")
    (tmp_path / "file").write_bytes(body)
    client.fput_object(bucket_name=bucket, object_name="file", file_path=str(tmp_path / "file"), part_size=5 << 20)
    client.fget_object(bucket_name=bucket, object_name="file", file_path=str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == read(client, bucket, "stream") == body


def test_copies_and_composed_objects(client, bucket):
    put(client, bucket, "a", pattern(5 << 20), metadata={"case": "17"})
    put(client, bucket, "b", b"end")
    client.copy_object(bucket_name=bucket, object_name="copy", source=CopySource(bucket_name=bucket, object_name="a"))
    replaced = {"metadata": {"case": "18"}, "metadata_directive": REPLACE}
    client.copy_object(bucket_name=bucket, object_name="new", source=CopySource(bucket_name=bucket, object_name="a"), **replaced)
    told = [client.stat_object(bucket_name=bucket, object_name=key).metadata["x-amz-meta-case"] for key in ("copy", "new")]
    assert told == ["17", "18"]
    sources = [ComposeSource(bucket_name=bucket, object_name=key) for key in ("a", "b")]
    client.compose_object(bucket_name=bucket, object_name="both", sources=sources)
    assert read(client, bucket, "both") == pattern(5 << 20) + b"end"


def test_versions(client, bucket):
    client.set_bucket_versioning(bucket_name=bucket, config=VersioningConfig(ENABLED))
    assert client.get_bucket_versioning(bucket_name=bucket).status == ENABLED
    first = put(client, bucket, "k", b"1").version_id
    put(client, bucket, "k", b"22")
    client.remove_object(bucket_name=bucket, object_name="k")
    # It gives versions first and markers behind them, whatever the order of the document.
    versions = list(client.list_objects(bucket_name=bucket, include_version=True))
    assert [(entry.size, bool(entry.is_delete_marker)) for entry in versions] == [(2, False), (1, False), (None, True)]
    assert read(client, bucket, "k", version_id=first) == b"1"


def test_tags(client, bucket):
    tags = Tags.new_object_tags()
    tags["a"] = "1"
    put(client, bucket, "k", b"1", tags=tags)
    assert client.get_object_tags(bucket_name=bucket, object_name="k") == {"a": "1"}
    client.delete_object_tags(bucket_name=bucket, object_name="k")
    assert not client.get_object_tags(bucket_name=bucket, object_name="k")


def test_links(client, bucket, run):
    expires = datetime.timedelta(minutes=1)
    link = client.presigned_put_object(bucket_name=bucket, object_name="a b+ü", expires=expires)
    run("curl", "--silent", "--show-error", "--fail", "--request", "PUT", "--data-binary", "by link", link)
    link = client.presigned_get_object(bucket_name=bucket, object_name="a b+ü", expires=expires)
    assert run("curl", "--silent", "--show-error", "--fail", link).stdout == "by link"


def test_buckets(client, bucket):
    assert client.bucket_exists(bucket_name=bucket)
    assert not client.bucket_exists(bucket_name=f"{bucket}-none")
    assert bucket in [entry.name for entry in client.list_buckets()]
