"""Tags of objects and buckets, as boto3's client and resource use them."""

import io

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

TAGS = [{"Key": "project", "Value": "whale watching"}, {"Key": "Größe", "Value": "a+b/c=d@e"}]


def tags_of(s3, bucket, key, **more):
    return s3.get_object_tagging(Bucket=bucket, Key=key, **more)["TagSet"]


def code_of(refused):
    return refused.value.response["Error"]["Code"]


def test_the_life_of_tags(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"data", Tagging="a=1&b=x%20y")
    assert tags_of(s3, bucket, "k") == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "x y"}]
    assert s3.get_object(Bucket=bucket, Key="k")["TagCount"] == 2
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": TAGS})
    assert tags_of(s3, bucket, "k") == TAGS
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert tags_of(s3, bucket, "k") == []
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"data"


def test_each_version_has_its_own(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    ids = [s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging=f"n={n}")["VersionId"] for n in range(3)]
    answer = s3.put_object_tagging(Bucket=bucket, Key="k", VersionId=ids[0], Tagging={"TagSet": TAGS})
    assert answer["VersionId"] == ids[0]
    expected = [TAGS, [{"Key": "n", "Value": "1"}], [{"Key": "n", "Value": "2"}]]
    assert [tags_of(s3, bucket, "k", VersionId=version) for version in ids] == expected


def test_copies_and_the_transfer_manager(s3, bucket):
    config = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20)
    body = io.BytesIO(bytes(11 << 20))
    s3.upload_fileobj(body, bucket, "big", ExtraArgs={"Tagging": "a=1"}, Config=config)
    assert tags_of(s3, bucket, "big") == [{"Key": "a", "Value": "1"}]
    source = {"Bucket": bucket, "Key": "big"}
    s3.copy_object(Bucket=bucket, Key="kept", CopySource=source)
    s3.copy_object(Bucket=bucket, Key="new", CopySource=source, Tagging="b=2", TaggingDirective="REPLACE")
    assert tags_of(s3, bucket, "kept") == [{"Key": "a", "Value": "1"}]
    assert tags_of(s3, bucket, "new") == [{"Key": "b", "Value": "2"}]


@pytest.mark.parametrize(
    "tags, code",
    [
        ([{"Key": f"k{n}", "Value": ""} for n in range(11)], "BadRequest"),
        ([{"Key": "k", "Value": "1"}, {"Key": "k", "Value": "2"}], "InvalidTag"),
        ([{"Key": "aws:k", "Value": "1"}], "InvalidTag"),
        ([{"Key": "k" * 129, "Value": ""}], "InvalidTag"),
        ([{"Key": "k", "Value": "v" * 257}], "InvalidTag"),
        ([{"Key": "k", "Value": "?"}], "InvalidTag"),
    ],
)
def test_what_is_refused(s3, bucket, tags, code):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="was=there")
    with pytest.raises(ClientError) as refused:
        s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": tags})
    assert code_of(refused) == code
    assert tags_of(s3, bucket, "k") == [{"Key": "was", "Value": "there"}]


def test_tags_of_a_bucket(s3, bucket):
    for _ in range(2):
        with pytest.raises(ClientError) as refused:
            s3.get_bucket_tagging(Bucket=bucket)
        assert code_of(refused) == "NoSuchTagSet"
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": TAGS})
        assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == TAGS
        s3.delete_bucket_tagging(Bucket=bucket)
