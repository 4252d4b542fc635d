"""Lifecycle rules, as boto3 sets them; and a server whose days last two seconds, on which they act."""

import datetime
import itertools
import time

import pytest
import requests
from botocore.exceptions import ClientError

from conftest import boto
from harness import Baleen
from identity import call, good

NAMES = (f"living-{n}" for n in itertools.count(1))
PATIENCE = {"Delay": 1, "MaxAttempts": 60}

# The payload of the source document.
DOCUMENTED = [
    {"ID": "Delete logs", "Status": "Enabled", "Filter": {"Prefix": "myapp_"}, "Expiration": {"Days": 10}},
    {"Status": "Enabled", "Filter": {}, "Expiration": {"ExpiredObjectDeleteMarker": True}},
    {
        "ID": "Delete aborted multipart",
        "Status": "Enabled",
        "Filter": {},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
    },
    {
        "Status": "Disabled",
        "Filter": {"Prefix": "logs/"},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 2},
        "ID": "Delete old versions",
    },
]


def put(s3, bucket, *rules):
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": list(rules)})


def get(s3, bucket):
    return s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]


@pytest.fixture
def living(s3):
    name = next(NAMES)
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="module")
def fast(tmp_path_factory):
    """A server whose days last two seconds."""
    server = Baleen.start(tmp_path_factory.mktemp("lifecycle") / "data", "--capture-interface", "lo", LIFECYCLE_DAY="2s")
    yield server
    assert server.stop() == 0, server.tail()


def test_the_documented_rules_come_back_with_names(s3, living):
    with pytest.raises(ClientError) as refused:
        get(s3, living)
    assert refused.value.response["Error"]["Code"] == "NoSuchLifecycleConfiguration"
    put(s3, living, *DOCUMENTED)
    rules = get(s3, living)
    assert all(rule["ID"] for rule in rules)
    assert [{**rule, "ID": asked.get("ID", rule["ID"])} for rule, asked in zip(rules, DOCUMENTED)] == rules
    unnamed = [{name: value for name, value in rule.items() if name != "ID"} for rule in rules]
    assert unnamed == [{name: value for name, value in rule.items() if name != "ID"} for rule in DOCUMENTED]
    # As it was given back it may be set again.
    put(s3, living, *rules)
    assert get(s3, living) == rules
    s3.delete_bucket_lifecycle(Bucket=living)
    with pytest.raises(ClientError):
        get(s3, living)


def test_the_older_call_and_the_other_filters(s3, living):
    old = {"ID": "old", "Prefix": "logs/", "Status": "Enabled", "Expiration": {"Days": 1}}
    s3.put_bucket_lifecycle(Bucket=living, LifecycleConfiguration={"Rules": [old]})
    assert get(s3, living) == [old]
    date = datetime.datetime(2031, 1, 1, tzinfo=datetime.timezone.utc)
    filters = [
        {"Tag": {"Key": "a", "Value": "b"}},
        {"And": {"Prefix": "x", "Tags": [{"Key": "a", "Value": "b"}, {"Key": "c", "Value": "d"}]}},
        {"ObjectSizeGreaterThan": 10},
        {"And": {"Prefix": "", "ObjectSizeGreaterThan": 10, "ObjectSizeLessThan": 20}},
    ]
    rules = [
        {"ID": f"{n}", "Filter": chosen, "Status": "Enabled", "Expiration": {"Date": date}}
        for n, chosen in enumerate(filters)
    ]
    put(s3, living, *rules)
    assert get(s3, living) == rules


def test_what_there_is_not_is_refused_by_name(s3, living):
    rule = {"ID": "r", "Status": "Enabled", "Filter": {}}
    for name, more in [
        ("Transition", {"Transitions": [{"Days": 1, "StorageClass": "GLACIER"}]}),
        (
            "NoncurrentVersionTransition",
            {"NoncurrentVersionTransitions": [{"NoncurrentDays": 1, "StorageClass": "GLACIER"}]},
        ),
    ]:
        with pytest.raises(ClientError, match=name) as refused:
            put(s3, living, {**rule, **more})
        assert refused.value.response["Error"]["Code"] == "NotImplemented"


def test_answers_tell_when_an_object_goes(s3, living):
    put(s3, living, {"ID": "ten days", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 10}})
    put_ = s3.put_object(Bucket=living, Key="k", Body=b"data")
    for answer in [put_, s3.head_object(Bucket=living, Key="k"), s3.get_object(Bucket=living, Key="k")]:
        assert answer["Expiration"].endswith(' GMT", rule-id="ten%20days"'), answer["Expiration"]
    assert s3.copy_object(Bucket=living, Key="c", CopySource=f"{living}/k")["Expiration"] == put_["Expiration"]


def test_what_is_due_goes(fast):
    s3 = boto(fast)
    s3.create_bucket(Bucket="unversioned")
    put(
        s3,
        "unversioned",
        {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "old/"}, "Expiration": {"Days": 1}},
        {
            "ID": "uploads",
            "Status": "Enabled",
            "Filter": {},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
        },
    )
    for key in ["old/a", "old/b", "new/a"]:
        s3.put_object(Bucket="unversioned", Key=key, Body=b"data")
    begun = s3.create_multipart_upload(Bucket="unversioned", Key="m")
    assert begun["AbortRuleId"] == "uploads" and begun["AbortDate"]
    for key in ["old/a", "old/b"]:
        s3.get_waiter("object_not_exists").wait(Bucket="unversioned", Key=key, WaiterConfig=PATIENCE)
    assert s3.head_object(Bucket="unversioned", Key="new/a")["ContentLength"] == 4
    until(lambda: not s3.list_multipart_uploads(Bucket="unversioned").get("Uploads"))
    task = next(
        task for task in requests.get(f"{fast.ops}/background", timeout=60).json() if task["task"] == "lifecycle rules"
    )
    assert task["runs"] > 0 and task["lastError"] is None and task["lastRun"], task
    assert "looked at" in task["progress"], task
    metrics = requests.get(f"{fast.ops}/metrics", timeout=60).text
    assert 'baleen_lifecycle_removed_total{what="object"} 2' in metrics
    told = good(call(fast, "RSListAuditLog", MaxItems=1000)).json()["Entries"]
    of_rules = [entry for entry in told if entry["operation"] == "LifecycleExpiration"]
    assert {entry["door"] for entry in of_rules} == {"server"} and not any("principal" in entry for entry in of_rules)
    gone = [dict(part.split("=") for part in entry["resource"].split()[1:]) for entry in of_rules]
    assert {entry["resource"].split()[0] for entry in of_rules} == {"arn:aws:s3:::unversioned"}
    sums = {name: sum(int(entry[name]) for entry in gone) for name in gone[0]}
    assert sums == {"Objects": 2, "NoncurrentVersions": 0, "DeleteMarkers": 0, "Uploads": 1}, sums


def test_versions_go_one_after_the_other(fast):
    s3 = boto(fast)
    s3.create_bucket(Bucket="versioned")
    s3.put_bucket_versioning(Bucket="versioned", VersioningConfiguration={"Status": "Enabled"})
    for n in range(4):
        s3.put_object(Bucket="versioned", Key="k", Body=b"%d" % n)
    keep = {"NoncurrentDays": 1, "NewerNoncurrentVersions": 2}
    put(s3, "versioned", {"ID": "n", "Status": "Enabled", "Filter": {}, "NoncurrentVersionExpiration": keep})
    versions = lambda: s3.list_object_versions(Bucket="versioned")
    until(lambda: len(versions()["Versions"]) == 3)
    put(
        s3,
        "versioned",
        {
            "ID": "all",
            "Status": "Enabled",
            "Filter": {},
            "Expiration": {"Days": 1},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
        },
    )
    # Hidden by a delete marker, then without versions, then without the marker.
    until(lambda: not versions().get("Versions") and not versions().get("DeleteMarkers"))
    s3.delete_bucket(Bucket="versioned")


def until(condition):
    for _ in range(PATIENCE["MaxAttempts"]):
        if condition():
            return
        time.sleep(PATIENCE["Delay"])
    raise AssertionError("it did not become so")
