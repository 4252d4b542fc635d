"""boto3 with buckets as host names, as AWS has them."""

import json
import socket

import pytest
import requests
from botocore.exceptions import ClientError

from conftest import boto, pattern
from harness import Baleen, Store
from test_boto3 import read

DOMAIN = "s3.baleen.test"


@pytest.fixture
def below_a_domain(tmp_path, monkeypatch):
    """A server that knows its domain, and a resolver that finds everything below it on this machine."""
    server = Baleen.start(tmp_path / "data", "--domain", DOMAIN)
    resolve = socket.getaddrinfo

    def local(host, *arguments, **more):
        return resolve("127.0.0.1" if str(host).endswith(DOMAIN) else host, *arguments, **more)

    monkeypatch.setattr(socket, "getaddrinfo", local)
    yield Store(f"http://{DOMAIN}:{server.s3.rpartition(':')[2]}", server.access_key, server.secret_key), server
    server.stop()


def test_buckets_as_host_names(below_a_domain):
    store, server = below_a_domain
    by_host = boto(store, s3={"addressing_style": "virtual"})
    by_host.create_bucket(Bucket="in-the-host")
    for key in ["k", "//x", "..", "in-the-host/k", "ü"]:
        by_host.put_object(Bucket="in-the-host", Key=key, Body=key.encode())
    by_path = boto(server, s3={"addressing_style": "path"})
    for key in ["k", "//x", "..", "in-the-host/k", "ü"]:
        assert read(by_path, "in-the-host", key) == read(by_host, "in-the-host", key) == key.encode()
    by_host.put_object(Bucket="in-the-host", Key="large", Body=pattern(1 << 20))
    assert len(by_host.list_objects_v2(Bucket="in-the-host")["Contents"]) == 6
    assert [bucket["Name"] for bucket in by_host.list_buckets()["Buckets"]] == ["in-the-host"]


def test_the_account_before_the_host_name(below_a_domain):
    """How the SDKs ask for what is an account's: the public access block of all of its buckets."""
    store, server = below_a_domain
    s3, control = boto(store), boto(store, "s3control")
    own = {"AccountId": server.account}
    names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    s3.create_bucket(Bucket="opened")
    s3.put_object(Bucket="opened", Key="a", Body=b"data")
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::opened/*"}
    s3.put_bucket_policy(Bucket="opened", Policy=json.dumps({"Version": "2012-10-17", "Statement": statement}))

    def status():
        return requests.get(f"{store.s3}/opened/a", timeout=60).status_code

    def refused(call, **asked):
        with pytest.raises(ClientError) as refusal:
            call(**asked)
        return refusal.value.response["Error"]["Code"]

    assert status() == 200
    assert refused(control.get_public_access_block, **own) == "NoSuchPublicAccessBlockConfiguration"
    control.put_public_access_block(**own, PublicAccessBlockConfiguration=dict.fromkeys(names, True))
    told = control.get_public_access_block(**own)["PublicAccessBlockConfiguration"]
    assert told == dict.fromkeys(names, True)
    assert status() == 403
    assert refused(control.get_public_access_block, AccountId="999999999999") == "AccessDenied"
    control.delete_public_access_block(**own)
    assert status() == 200
