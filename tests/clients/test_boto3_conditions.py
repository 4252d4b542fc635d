"""Deletions with a condition, and what is told of an object, as boto3 asks for it."""

import io

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError


def code_of(refused):
    return refused.value.response["Error"]["Code"]


def test_a_deletion_with_a_condition(s3, bucket):
    tag = s3.put_object(Bucket=bucket, Key="k", Body=b"data")["ETag"]
    other = s3.put_object(Bucket=bucket, Key="k", Body=b"other")["ETag"]
    with pytest.raises(ClientError) as refused:
        s3.delete_object(Bucket=bucket, Key="k", IfMatch=tag)
    assert code_of(refused) == "PreconditionFailed"
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k", "ETag": tag}]})
    assert [error["Code"] for error in answer["Errors"]] == ["PreconditionFailed"]
    s3.delete_object(Bucket=bucket, Key="k", IfMatch=other)
    with pytest.raises(ClientError) as refused:
        s3.delete_object(Bucket=bucket, Key="k", IfMatch="*")
    assert code_of(refused) == "NoSuchKey"
    s3.put_object(Bucket=bucket, Key="k", Body=b"other")
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k", "ETag": other}]})
    assert [deleted["Key"] for deleted in answer["Deleted"]] == ["k"]


def test_attributes(s3, bucket):
    config = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20)
    s3.upload_fileobj(io.BytesIO(bytes(11 << 20)), bucket, "big", Config=config)
    names = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]
    told = s3.get_object_attributes(Bucket=bucket, Key="big", ObjectAttributes=names, MaxParts=2)
    assert told["ObjectSize"] == 11 << 20 and told["StorageClass"] == "STANDARD"
    head = s3.head_object(Bucket=bucket, Key="big")
    assert told["ETag"] == head["ETag"].strip('"')
    parts = told["ObjectParts"]
    assert (parts["TotalPartsCount"], parts["IsTruncated"], parts["NextPartNumberMarker"]) == (3, True, 2)
    assert [part["Size"] for part in parts["Parts"]] == [5 << 20, 5 << 20]
    marker = parts["NextPartNumberMarker"]
    rest = s3.get_object_attributes(Bucket=bucket, Key="big", ObjectAttributes=["ObjectParts"], PartNumberMarker=marker)
    assert [part["PartNumber"] for part in rest["ObjectParts"]["Parts"]] == [3]
    assert rest["ObjectParts"]["IsTruncated"] is False
