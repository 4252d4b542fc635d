"""Object lock, as boto3's client and resource use it."""

import datetime
import io
import itertools

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from harness import REGION

NAMES = (f"locking-{n}" for n in itertools.count(1))
HELD = {"Status": "ON"}
FREE = {"Status": "OFF"}


def code_of(refused):
    return refused.value.response["Error"]["Code"]


def in_days(days):
    """A date as this client writes and reads it: to the millisecond."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return (now + datetime.timedelta(days=days)).replace(microsecond=0)


def retained(days, mode="GOVERNANCE"):
    return {"Mode": mode, "RetainUntilDate": in_days(days)}


def lock_of(s3, bucket, key, **more):
    head = s3.head_object(Bucket=bucket, Key=key, **more)
    return {name: head.get(f"ObjectLock{name}") for name in ["Mode", "RetainUntilDate", "LegalHoldStatus"]}


@pytest.fixture
def locking(s3):
    """A bucket with object lock of its own."""
    name = next(NAMES)
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    return name


def test_a_bucket_and_its_default(s3, locking):
    assert s3.get_bucket_versioning(Bucket=locking)["Status"] == "Enabled"
    configuration = s3.get_object_lock_configuration(Bucket=locking)["ObjectLockConfiguration"]
    assert configuration == {"ObjectLockEnabled": "Enabled"}
    for default in [{"Mode": "GOVERNANCE", "Days": 3}, {"Mode": "COMPLIANCE", "Years": 1}, {"Mode": "GOVERNANCE", "Days": 1}]:
        wanted = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": default}}
        s3.put_object_lock_configuration(Bucket=locking, ObjectLockConfiguration=wanted)
        assert s3.get_object_lock_configuration(Bucket=locking)["ObjectLockConfiguration"] == wanted
    s3.put_object(Bucket=locking, Key="k", Body=b"data")
    lock = lock_of(s3, locking, "k")
    assert lock["Mode"] == "GOVERNANCE" and lock["LegalHoldStatus"] is None
    assert abs(lock["RetainUntilDate"] - in_days(1)) < datetime.timedelta(minutes=5)
    with pytest.raises(ClientError) as refused:
        s3.put_bucket_versioning(Bucket=locking, VersioningConfiguration={"Status": "Suspended"})
    assert code_of(refused) == "InvalidBucketState"


def test_a_bucket_without(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"data")
    for call, code in [
        (lambda: s3.get_object_lock_configuration(Bucket=bucket), "ObjectLockConfigurationNotFoundError"),
        (lambda: s3.get_object_retention(Bucket=bucket, Key="k"), "InvalidRequest"),
        (lambda: s3.get_object_legal_hold(Bucket=bucket, Key="k"), "InvalidRequest"),
        (lambda: s3.put_object_retention(Bucket=bucket, Key="k", Retention=retained(1)), "InvalidRequest"),
        (lambda: s3.put_object_legal_hold(Bucket=bucket, Key="k", LegalHold=HELD), "InvalidRequest"),
        (lambda: s3.put_object(Bucket=bucket, Key="k", Body=b"x", ObjectLockLegalHoldStatus="ON"), "InvalidRequest"),
    ]:
        with pytest.raises(ClientError) as refused:
            call()
        assert code_of(refused) == code
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"data"


def test_every_way_to_write_a_locked_version(s3, locking):
    until = in_days(2)
    lock = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": until, "ObjectLockLegalHoldStatus": "ON"}
    s3.put_object(Bucket=locking, Key="put", Body=b"data", **lock)
    source = {"Bucket": locking, "Key": "put"}
    s3.copy_object(Bucket=locking, Key="copy", CopySource=source, **lock)
    s3.copy_object(Bucket=locking, Key="plain", CopySource=source)
    config = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20)
    s3.upload_fileobj(io.BytesIO(bytes(11 << 20)), locking, "upload", ExtraArgs=lock, Config=config)
    expected = {"Mode": "GOVERNANCE", "RetainUntilDate": until, "LegalHoldStatus": "ON"}
    for key in ["put", "copy", "upload"]:
        assert lock_of(s3, locking, key) == expected
        read = s3.get_object(Bucket=locking, Key=key)
        assert (read["ObjectLockMode"], read["ObjectLockRetainUntilDate"]) == ("GOVERNANCE", until)
    assert set(lock_of(s3, locking, "plain").values()) == {None}


def test_retentions_hold_and_are_only_lengthened(s3, locking):
    version = s3.put_object(Bucket=locking, Key="k", Body=b"data")["VersionId"]
    of = {"Bucket": locking, "Key": "k", "VersionId": version}
    with pytest.raises(ClientError) as refused:
        s3.get_object_retention(**of)
    assert code_of(refused) == "NoSuchObjectLockConfiguration"
    s3.put_object_retention(Retention=retained(5), **of)
    told = s3.get_object_retention(**of)["Retention"]
    s3.put_object_retention(Retention=told, **of)
    longer = retained(6)
    s3.put_object_retention(Retention=longer, **of)
    assert s3.get_object_retention(**of)["Retention"] == longer
    s3.put_object(Bucket=locking, Key="k", Body=b"over")
    for call in [
        lambda: s3.put_object_retention(Retention=told, **of),
        lambda: s3.put_object_retention(Retention={}, **of),
        lambda: s3.delete_object(**of),
    ]:
        with pytest.raises(ClientError) as refused:
            call()
        assert code_of(refused) == "AccessDenied"
    many = {"Objects": [{"Key": "k", "VersionId": version}]}
    assert s3.delete_objects(Bucket=locking, Delete=many)["Errors"][0]["Code"] == "AccessDenied"
    assert s3.get_object(**of)["Body"].read() == b"data"
    with pytest.raises(ClientError) as refused:
        s3.delete_bucket(Bucket=locking)
    assert code_of(refused) == "BucketNotEmpty"
    s3.put_object_retention(Retention=told, BypassGovernanceRetention=True, **of)
    s3.put_object_retention(Retention={}, BypassGovernanceRetention=True, **of)
    s3.put_object_retention(Retention=told, **of)
    deleted = s3.delete_objects(Bucket=locking, Delete=many, BypassGovernanceRetention=True)
    assert deleted["Deleted"][0]["VersionId"] == version


def test_compliance_cannot_be_bypassed(s3, locking):
    version = s3.put_object(Bucket=locking, Key="k", Body=b"data")["VersionId"]
    of = {"Bucket": locking, "Key": "k", "VersionId": version}
    s3.put_object_retention(Retention=retained(5, "COMPLIANCE"), **of)
    for call in [
        lambda: s3.put_object_retention(Retention=retained(4, "COMPLIANCE"), BypassGovernanceRetention=True, **of),
        lambda: s3.put_object_retention(Retention=retained(9), BypassGovernanceRetention=True, **of),
        lambda: s3.delete_object(BypassGovernanceRetention=True, **of),
    ]:
        with pytest.raises(ClientError) as refused:
            call()
        assert code_of(refused) == "AccessDenied"


def test_a_legal_hold_comes_and_goes(store, s3, locking):
    resource = boto3.resource(
        "s3",
        endpoint_url=store.s3,
        region_name=REGION,
        aws_access_key_id=store.access_key,
        aws_secret_access_key=store.secret_key,
    )
    version = s3.put_object(Bucket=locking, Key="k", Body=b"data")["VersionId"]
    s3.put_object_legal_hold(Bucket=locking, Key="k", LegalHold=HELD)
    assert s3.get_object_legal_hold(Bucket=locking, Key="k")["LegalHold"] == HELD
    with pytest.raises(ClientError) as refused:
        resource.ObjectVersion(locking, "k", version).delete()
    assert code_of(refused) == "AccessDenied"
    # The resource goes over all versions, and the one that is held stays.
    s3.put_object(Bucket=locking, Key="k", Body=b"over")
    answers = resource.Bucket(locking).object_versions.all().delete()
    assert [error["VersionId"] for answer in answers for error in answer.get("Errors", [])] == [version]
    s3.put_object_legal_hold(Bucket=locking, Key="k", LegalHold=FREE)
    assert s3.get_object_legal_hold(Bucket=locking, Key="k")["LegalHold"] == FREE
    resource.ObjectVersion(locking, "k", version).delete()
    s3.delete_bucket(Bucket=locking)
