"""What every test stands on: a server, another maker's store, clients, and a bucket of its own."""

import hashlib
import itertools
import logging
import os
import socket
import subprocess

import boto3
import cloudflare
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer

from federation import Idp
from harness import REGION, Baleen, Store
from pcaps import Pcaps

BUCKET_NUMBERS = itertools.count(1)


def pytest_addoption(parser):
    parser.addoption(
        "--against",
        choices=["baleen", "moto"],
        default="baleen",
        help="whose S3 the S3 suites talk to: moto's tells a wrong test from a wrong server",
    )


@pytest.fixture(scope="session")
def moto():
    """Another maker's S3 server, for what goes out of ours."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield Store(s3=f"http://{host}:{port}", access_key="AKMOTO00000000000000", secret_key="moto-secret")
    server.stop()


@pytest.fixture(scope="session")
def baleen(tmp_path_factory, moto):
    """The server under test; ends with the check that it stopped cleanly and told no secret to its log."""
    server = Baleen.start(
        tmp_path_factory.mktemp("baleen") / "data",
        "--capture-interface",
        "lo",
        DESTINATIONS_ENDPOINTS=moto.s3.removeprefix("http://"),
        # The same store under another name, which is another endpoint.
        DESTINATIONS_R2_ENDPOINT=moto.s3.replace("127.0.0.1", "localhost"),
    )
    yield server
    code = server.stop()
    assert code == 0, server.tail()
    assert not server.secrets_in_log()


@pytest.fixture(scope="session")
def store(request):
    return request.getfixturevalue(request.config.getoption("--against"))


def boto(store, service="s3", **settings):
    """boto3 with its default settings, but for where and who."""
    return boto3.client(
        service,
        endpoint_url=store.s3,
        region_name=REGION,
        aws_access_key_id=store.access_key,
        aws_secret_access_key=store.secret_key,
        config=Config(**settings) if settings else None,
    )


@pytest.fixture(scope="session")
def s3(store):
    return boto(store)


@pytest.fixture(scope="session")
def iam(baleen):
    """Root's."""
    return boto(baleen, "iam")


@pytest.fixture
def user(baleen, iam):
    """A user with a key: its name, and the store seen with that key."""
    # Imported here, since it takes `boto` from this file.
    from identity import new_user, remove_user

    name, keys = new_user(baleen, iam)
    yield name, keys
    remove_user(iam, name)


@pytest.fixture(scope="module")
def idp(tmp_path_factory):
    """An identity provider of the suite's own, since it trusts one server at a time."""
    provider = Idp(tmp_path_factory.mktemp("idp"))
    yield provider
    provider.stop()


@pytest.fixture
def bucket(s3):
    """A bucket of the test's own, gone afterwards with all that is in it."""
    name = f"test-{os.getpid()}-{next(BUCKET_NUMBERS)}"
    s3.create_bucket(Bucket=name)
    yield name
    remove(s3, name)


def remove(s3, bucket):
    for upload in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
        s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for entry in page.get("Versions", []) + page.get("DeleteMarkers", []):
            s3.delete_object(Bucket=bucket, Key=entry["Key"], VersionId=entry["VersionId"])
    s3.delete_bucket(Bucket=bucket)


def keys_of(s3, bucket, **asked):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, **asked)
    return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


def pattern(length, seed=0):
    """Bytes that differ everywhere, so that a swapped or repeated block shows."""
    block = b"".join(hashlib.sha256(f"{seed}/{n}".encode()).digest() for n in range(2048))
    stamped = b"".join(n.to_bytes(8, "big") + block for n in range(length // len(block) + 1))
    return stamped[:length]


@pytest.fixture(scope="session")
def run(store, tmp_path_factory):
    """Runs a program with the store's keys in its environment; fails with what it printed."""
    home = tmp_path_factory.mktemp("home")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "AWS_ACCESS_KEY_ID": store.access_key,
        "AWS_SECRET_ACCESS_KEY": store.secret_key,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": store.s3,
        "AWS_EC2_METADATA_DISABLED": "true",
        "RCLONE_CONFIG_B_TYPE": "s3",
        "RCLONE_CONFIG_B_PROVIDER": "Other",
        "RCLONE_CONFIG_B_ENV_AUTH": "true",
        "RCLONE_CONFIG_B_ENDPOINT": store.s3,
        "RCLONE_CONFIG_B_REGION": REGION,
    }

    def runner(*command, check=True, cwd=None, **more):
        done = subprocess.run(
            [str(word) for word in command],
            env={**environment, **more},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
        )
        if check:
            assert done.returncode == 0, f"{command}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    return runner


@pytest.fixture(scope="session")
def pcaps(baleen):
    """The real SDK, at the server's PCAPs door."""
    if not may_capture():
        pytest.skip("capturing packets needs root or CAP_NET_RAW")
    base = f"{baleen.api}/client/v4"
    sdk = cloudflare.Cloudflare(api_token=baleen.token, base_url=base)
    return Pcaps(sdk=sdk, base=base, account=baleen.project, token=baleen.token)


def may_capture():
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
    except PermissionError:
        return False
    return True
