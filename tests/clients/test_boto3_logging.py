"""Logs of buckets: set with boto3, delivered by the server, and read word by word."""

import datetime
import re
import time

import pytest
import requests
from botocore.exceptions import ClientError

from conftest import boto
from harness import Baleen

WORD = r'(?:"((?:[^"\\]|\\.)*)"|(\S+))'
RECORD = re.compile(
    r'(?P<owner>\d{12}) (?P<bucket>\S+) \[(?P<time>[^\]]+)\] "(?P<remote>[^"]+)" "(?P<requester>[^"]+)" "(?P<request>[0-9A-F]+)" '
    r'(?P<operation>s3:\w+) "(?P<key>[^"]*)" "(?P<uri>(?:[^"\\]|\\.)*)" "(?P<status>\d{3})" "(?P<error>[^"]+)" '
    r'(?P<sent>[1-9]\d*|"0") (?P<size>[1-9]\d*|"0") (?P<total>\d+) (?P<turn>\d+) "(?P<referer>(?:[^"\\]|\\.)*)" '
    r'"(?P<agent>(?:[^"\\]|\\.)*)" (?P<version>\S+) (?P<host>-) (?P<signature>SigV[24]|-) (?P<cipher>SSL|-) '
    r'(?P<auth>AuthHeader|QueryString|-) (?P<header>-) (?P<tls>"-")'
)


def grant(key):
    return [{"Grantee": {"Type": "AccessKey", "ID": key}}]


def logging_to(target, prefix, key):
    return {"LoggingEnabled": {"TargetBucket": target, "TargetPrefix": prefix, "TargetGrants": grant(key)}}


@pytest.fixture
def quick(tmp_path):
    """A server that delivers logs each second."""
    server = Baleen.start(tmp_path / "data", "--capture-interface", "lo", LOGGING_INTERVAL="1s")
    yield server
    if server.process.poll() is None:
        assert server.stop() == 0, server.tail()


def logs_of(s3, target, records):
    """The records of all logs, once there are so many."""
    for _ in range(60):
        listed = s3.list_objects_v2(Bucket=target).get("Contents", [])
        lines = []
        for entry in listed:
            assert re.fullmatch(r"logs/\d{4}(-\d\d){5}-[0-9A-F]{16}", entry["Key"]), entry["Key"]
            lines += s3.get_object(Bucket=target, Key=entry["Key"])["Body"].read().decode("ascii").splitlines()
        if len(lines) >= records:
            return lines
        time.sleep(1)
    raise AssertionError(f"{len(lines)} records of {records}: {lines}")


def test_a_configuration_comes_back_and_is_taken_back(s3, store):
    for name in ["logging-source", "logging-target"]:
        s3.create_bucket(Bucket=name)
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket="logging-source")
    wanted = logging_to("logging-target", "logs/", store.access_key)
    s3.put_bucket_logging(Bucket="logging-source", BucketLoggingStatus=wanted)
    told = s3.get_bucket_logging(Bucket="logging-source")["LoggingEnabled"]
    assert told == wanted["LoggingEnabled"]
    for wrong, code in [
        (logging_to("logging-nowhere", "", store.access_key), "InvalidTargetBucketForLogging"),
        (logging_to("logging-target", "", "AKIA0000000000000000"), "InvalidArgument"),
    ]:
        with pytest.raises(ClientError) as refused:
            s3.put_bucket_logging(Bucket="logging-source", BucketLoggingStatus=wrong)
        assert refused.value.response["Error"]["Code"] == code
    s3.put_bucket_logging(Bucket="logging-source", BucketLoggingStatus={})
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket="logging-source")


def test_a_delivered_log_has_every_word(quick):
    s3 = boto(quick)
    for name in ["source", "target"]:
        s3.create_bucket(Bucket=name)
    s3.put_bucket_logging(Bucket="source", BucketLoggingStatus=logging_to("target", "logs/", quick.access_key))
    before = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    s3.put_object(Bucket="source", Key="a b", Body=b"12345")
    s3.get_object(Bucket="source", Key="a b")["Body"].read()
    s3.get_object(Bucket="source", Key="a b", Range="bytes=1-2")["Body"].read()
    s3.head_object(Bucket="source", Key="a b")
    with pytest.raises(ClientError):
        s3.get_object(Bucket="source", Key="none")
    link = s3.generate_presigned_url("get_object", Params={"Bucket": "source", "Key": "a b"})
    assert requests.get(link, headers={"referer": 'http://a/"b'}, timeout=60).content == b"12345"
    assert requests.get(f"{quick.s3}/source/a%20b", timeout=60).status_code == 403
    s3.list_objects_v2(Bucket="source")
    s3.delete_object(Bucket="source", Key="a b")
    lines = logs_of(s3, "target", 9)
    assert all(len(re.findall(WORD, line)) == 25 for line in lines), lines
    records = [RECORD.fullmatch(line) for line in lines]
    assert all(records), [line for line, record in zip(lines, records) if not record]
    fields = ["operation", "key", "status", "error", "sent", "size", "auth", "signature"]
    assert [tuple(record[field] for field in fields) for record in records] == [
        ("s3:PutObject", "a%20b", "200", "-", "5", '"0"', "AuthHeader", "SigV4"),
        ("s3:GetObject", "a%20b", "200", "-", "5", "5", "AuthHeader", "SigV4"),
        ("s3:GetObject", "a%20b", "206", "-", "2", "5", "AuthHeader", "SigV4"),
        ("s3:HeadObject", "a%20b", "200", "-", "5", "5", "AuthHeader", "SigV4"),
        ("s3:GetObject", "none", "404", "NoSuchKey", records[4]["sent"], '"0"', "AuthHeader", "SigV4"),
        ("s3:GetObject", "a%20b", "200", "-", "5", "5", "QueryString", records[5]["signature"]),
        ("s3:GetObject", "a%20b", "403", "AccessDenied", records[6]["sent"], '"0"', "-", "-"),
        ("s3:ListObjectsV2", "-", "200", "-", records[7]["sent"], '"0"', "AuthHeader", "SigV4"),
        ("s3:DeleteObject", "a%20b", "204", "-", '"0"', '"0"', "AuthHeader", "SigV4"),
    ]
    for record in records:
        assert (record["owner"], record["bucket"]) == (quick.account, "source")
        at = datetime.datetime.strptime(record["time"], "%d/%b/%Y:%H:%M:%S %z")
        assert datetime.timedelta(0) <= at - before < datetime.timedelta(minutes=5)
        assert re.fullmatch(r"127\.0\.0\.1:\d+", record["remote"])
        assert int(record["turn"]) <= int(record["total"])
        assert record["uri"].startswith("/source")
        assert record["requester"] == ("-" if record["auth"] == "-" else quick.access_key)
    assert "Boto3" in records[0]["agent"]
    assert records[5]["referer"] == r"http://a/\"b"
    signature = re.search(r"Signature=([^&]+)", link)[1]
    assert signature not in lines[5] and "Signature=-" in lines[5]


def test_what_waits_is_delivered_when_the_server_stops(tmp_path):
    data = tmp_path / "data"
    server = Baleen.start(data, "--capture-interface", "lo", LOGGING_INTERVAL="24h")
    s3 = boto(server)
    for name in ["source", "target"]:
        s3.create_bucket(Bucket=name)
    s3.put_bucket_logging(Bucket="source", BucketLoggingStatus=logging_to("target", "logs/", server.access_key))
    s3.put_object(Bucket="source", Key="k", Body=b"data")
    assert server.stop() == 0
    server = Baleen.start(data, "--capture-interface", "lo", LOGGING_INTERVAL="24h")
    (line,) = logs_of(boto(server), "target", 1)
    assert RECORD.fullmatch(line)["key"] == "k"
    assert server.stop() == 0


def test_a_failed_delivery_is_told(quick):
    s3 = boto(quick)
    for name in ["source", "target"]:
        s3.create_bucket(Bucket=name)
    s3.put_bucket_logging(Bucket="source", BucketLoggingStatus=logging_to("target", "logs/", quick.access_key))
    s3.delete_bucket(Bucket="target")
    for _ in range(60):
        s3.put_object(Bucket="source", Key="k", Body=b"data")
        tasks = requests.get(f"{quick.ops}/background", timeout=60).json()
        task = next(task for task in tasks if task["task"] == "delivery of bucket logs")
        if task["lastError"]:
            assert "the target bucket for logging does not exist" in task["lastError"]
            return
        time.sleep(0.5)
    raise AssertionError("no error was told")
