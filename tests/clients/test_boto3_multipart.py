"""boto3: objects made of parts, by hand and by its transfer manager."""

import hashlib
import io

import pytest
from boto3.s3.transfer import TransferConfig

from conftest import keys_of, pattern
from test_boto3 import read, refused

PART = 5 << 20


def begin(s3, bucket, key="k", **more):
    return {"Bucket": bucket, "Key": key, "UploadId": s3.create_multipart_upload(Bucket=bucket, Key=key, **more)["UploadId"]}


def send(s3, upload, number, body):
    return {"PartNumber": number, "ETag": s3.upload_part(**upload, PartNumber=number, Body=body)["ETag"]}


def whole_tag(*bodies):
    digests = b"".join(hashlib.md5(body).digest() for body in bodies)
    return f'"{hashlib.md5(digests).hexdigest()}-{len(bodies)}"'


def test_the_transfer_manager(s3, bucket):
    body = pattern(3 * PART + 17)
    config = TransferConfig(multipart_threshold=PART, multipart_chunksize=PART, max_concurrency=4)
    s3.upload_fileobj(io.BytesIO(body), bucket, "k", ExtraArgs={"Metadata": {"case": "17"}}, Config=config)
    head = s3.head_object(Bucket=bucket, Key="k")
    assert head["ETag"] == whole_tag(*(body[at : at + PART] for at in range(0, len(body), PART)))
    assert head["Metadata"] == {"case": "17"}
    assert read(s3, bucket, "k", PartNumber=2) == body[PART : 2 * PART]
    back = io.BytesIO()
    s3.download_fileobj(bucket, "k", back, Config=config)
    assert back.getvalue() == body
    s3.copy({"Bucket": bucket, "Key": "k"}, bucket, "copy", Config=config)
    assert read(s3, bucket, "copy") == body


def test_parts_in_any_order_and_twice(s3, bucket):
    one, two, three = pattern(PART, 1), pattern(PART + 1, 2), pattern(9, 3)
    upload = begin(s3, bucket, ContentType="text/x", Metadata={"a": "1"})
    last = send(s3, upload, 7, three)
    send(s3, upload, 1, b"replaced")
    first = send(s3, upload, 1, one)
    second = send(s3, upload, 3, two)
    listed = s3.list_parts(**upload)
    assert [(part["PartNumber"], part["Size"]) for part in listed["Parts"]] == [(1, PART), (3, PART + 1), (7, 9)]
    assert keys_of(s3, bucket) == []
    done = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [first, second, last]})
    assert done["ETag"] == whole_tag(one, two, three)
    assert read(s3, bucket, "k") == one + two + three
    assert read(s3, bucket, "k", Range=f"bytes={PART - 3}-{PART + 2}") == one[-3:] + two[:3]
    head = s3.head_object(Bucket=bucket, Key="k")
    assert (head["ContentType"], head["Metadata"]) == ("text/x", {"a": "1"})
    refused("NoSuchUpload", 404, s3.list_parts, **upload)


def test_a_part_left_out_is_not_in_the_object(s3, bucket):
    upload = begin(s3, bucket)
    first, second = send(s3, upload, 1, pattern(PART)), send(s3, upload, 2, b"not wanted")
    assert second
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [first]})
    assert read(s3, bucket, "k") == pattern(PART)


def test_completing_is_refused_for_what_is_not_so(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"before")
    upload = begin(s3, bucket)
    small, other, last = send(s3, upload, 1, b"small"), send(s3, upload, 2, b"other"), send(s3, upload, 3, b"last")
    nobodys = {"PartNumber": 4, "ETag": '"00000000000000000000000000000000"'}
    for parts, code in [
        ([small, last], "EntityTooSmall"),
        ([other, small], "InvalidPartOrder"),
        ([small, nobodys], "InvalidPart"),
        ([{**small, "ETag": other["ETag"]}], "InvalidPart"),
    ]:
        refused(code, 400, s3.complete_multipart_upload, **upload, MultipartUpload={"Parts": parts})
    assert read(s3, bucket, "k") == b"before"
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [last]})
    assert read(s3, bucket, "k") == b"last"


def test_completing_twice_answers_the_same(s3, bucket):
    upload = begin(s3, bucket)
    parts = {"Parts": [send(s3, upload, 1, b"body")]}
    first = s3.complete_multipart_upload(**upload, MultipartUpload=parts)
    again = s3.complete_multipart_upload(**upload, MultipartUpload=parts)
    assert first["ETag"] == again["ETag"]


def test_giving_up(s3, bucket):
    upload = begin(s3, bucket)
    part = send(s3, upload, 1, b"body")
    s3.abort_multipart_upload(**upload)
    refused("NoSuchUpload", 404, s3.upload_part, **upload, PartNumber=2, Body=b"late")
    refused("NoSuchUpload", 404, s3.complete_multipart_upload, **upload, MultipartUpload={"Parts": [part]})
    assert keys_of(s3, bucket) == []
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_uploads_are_listed(s3, bucket):
    uploads = [begin(s3, bucket, key) for key in ["a/1", "a/2", "b", "b"]]
    listed = s3.list_multipart_uploads(Bucket=bucket)["Uploads"]
    assert [entry["Key"] for entry in listed] == ["a/1", "a/2", "b", "b"]
    assert {entry["UploadId"] for entry in listed} == {upload["UploadId"] for upload in uploads}
    page = s3.list_multipart_uploads(Bucket=bucket, Prefix="a/", Delimiter="/")
    assert [entry["Key"] for entry in page["Uploads"]] == ["a/1", "a/2"]
    page = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    assert [entry["Prefix"] for entry in page["CommonPrefixes"]] == ["a/"]
    one = s3.list_multipart_uploads(Bucket=bucket, MaxUploads=1)
    assert one["IsTruncated"]
    rest = s3.list_multipart_uploads(
        Bucket=bucket, KeyMarker=one["NextKeyMarker"], UploadIdMarker=one["NextUploadIdMarker"]
    )
    assert len(rest["Uploads"]) == 3


def test_parts_copied_from_an_object(s3, bucket):
    body = pattern(2 * PART + 99)
    s3.put_object(Bucket=bucket, Key="from", Body=body)
    upload = begin(s3, bucket, "to")
    source = {"Bucket": bucket, "Key": "from"}
    parts = []
    for number, (first, last) in enumerate([(0, PART - 1), (PART, len(body) - 1)], 1):
        copied = s3.upload_part_copy(
            **upload, PartNumber=number, CopySource=source, CopySourceRange=f"bytes={first}-{last}"
        )
        parts.append({"PartNumber": number, "ETag": copied["CopyPartResult"]["ETag"]})
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    assert read(s3, bucket, "to") == body


@pytest.mark.parametrize("number", [0, 10_001])
def test_part_numbers_have_bounds(s3, bucket, number):
    refused("InvalidArgument", 400, s3.upload_part, **begin(s3, bucket), PartNumber=number, Body=b"x")


def test_the_checksum_of_parts(s3, bucket):
    upload = begin(s3, bucket, ChecksumAlgorithm="SHA256")
    one = s3.upload_part(**upload, PartNumber=1, Body=b"body", ChecksumAlgorithm="SHA256")
    part = {"PartNumber": 1, "ETag": one["ETag"], "ChecksumSHA256": one["ChecksumSHA256"]}
    done = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [part]})
    assert done["ChecksumSHA256"].endswith("-1")
    assert read(s3, bucket, "k", ChecksumMode="ENABLED") == b"body"


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_the_checksums_of_finished_parts(s3, bucket, algorithm):
    """boto3 checks each part that it reads alone by the checksum that is told of it."""
    name = f"Checksum{algorithm}"
    upload = begin(s3, bucket, ChecksumAlgorithm=algorithm)
    bodies = {1: pattern(PART), 3: pattern(PART + 1, seed=1), 4: b"end"}
    sent = {
        number: s3.upload_part(**upload, PartNumber=number, Body=body, ChecksumAlgorithm=algorithm)
        for number, body in bodies.items()
    }
    parts = [{"PartNumber": number, "ETag": part["ETag"], name: part[name]} for number, part in sent.items()]
    done = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    named = {"Bucket": bucket, "Key": "k"}
    told = s3.get_object_attributes(**named, ObjectAttributes=["Checksum", "ObjectParts"])
    assert (told["Checksum"][name], told["Checksum"]["ChecksumType"]) == (done[name], "COMPOSITE")
    listed = [(part["PartNumber"], part["Size"], part[name]) for part in told["ObjectParts"]["Parts"]]
    assert listed == [(number, len(bodies[number]), sent[number][name]) for number in bodies]
    rest = s3.get_object_attributes(**named, ObjectAttributes=["ObjectParts"], MaxParts=1, PartNumberMarker=1)["ObjectParts"]
    assert (rest["IsTruncated"], [part[name] for part in rest["Parts"]]) == (True, [sent[3][name]])
    for number, body in bodies.items():
        answer = s3.get_object(**named, PartNumber=number, ChecksumMode="ENABLED")
        assert (answer[name], answer["ChecksumType"], answer["PartsCount"]) == (sent[number][name], "COMPOSITE", 3)
        assert answer["Body"].read() == body
        head = s3.head_object(**named, PartNumber=number, ChecksumMode="ENABLED")
        assert (head[name], head["ContentLength"]) == (sent[number][name], len(body))
