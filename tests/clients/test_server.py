"""The server as a process: first start, kill, restart, stop, and what operators ask it."""

import json
import os
import signal
import socket
import stat
import subprocess
import urllib.parse

import pytest
import requests
from botocore.exceptions import ClientError

from conftest import boto, keys_of, pattern
from harness import Baleen
from test_boto3 import read
from test_boto3_multipart import PART, begin, send


@pytest.fixture
def start(tmp_path):
    """Starts servers which end with the test."""
    started = []

    def starter(*flags, data=tmp_path / "data", **settings):
        started.append(Baleen.start(data, *flags, **settings))
        return started[-1]

    yield starter
    for server in started:
        if server.process.poll() is None:
            server.kill()


def test_what_was_acknowledged_survives_kill(start):
    server = start()
    s3 = boto(server)
    s3.create_bucket(Bucket="kept")
    bodies = {f"k{n}": pattern(size, n) for n, size in enumerate([0, 10, 5000, 70_000, 3_000_000])}
    for key, body in bodies.items():
        s3.put_object(Bucket="kept", Key=key, Body=body, Metadata={"n": key})
    s3.delete_object(Bucket="kept", Key="k1")
    upload = begin(s3, "kept", "parts")
    first = send(s3, upload, 1, pattern(PART, 1))
    server.kill()

    again = start()
    assert (again.access_key, again.secret_key, again.token) == (server.access_key, server.secret_key, server.token)
    s3 = boto(again)
    del bodies["k1"]
    assert keys_of(s3, "kept") == sorted(bodies)
    for key, body in bodies.items():
        assert read(s3, "kept", key) == body
        assert s3.head_object(Bucket="kept", Key=key)["Metadata"] == {"n": key}
    second = send(s3, upload, 2, b"after the restart")
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [first, second]})
    assert read(s3, "kept", "parts") == pattern(PART, 1) + b"after the restart"
    assert again.stop() == 0


def test_a_renaming_is_known_again_after_a_kill(start):
    """boto3 sends a token by itself, the same with each try: whose answer was lost finds that it was done."""
    server = start()
    s3 = boto(server)
    s3.create_bucket(Bucket="kept")
    s3.put_object(Bucket="kept", Key="old", Body=b"data")
    rename = {"Bucket": "kept", "Key": "new", "RenameSource": "/kept/old", "ClientToken": "try"}
    s3.rename_object(**rename)
    server.kill()

    again = start()
    s3 = boto(again)
    s3.rename_object(**rename)
    with pytest.raises(ClientError, match="IdempotencyParameterMismatch"):
        s3.rename_object(**{**rename, "Key": "other"})
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.rename_object(**{**rename, "ClientToken": "another"})
    assert keys_of(s3, "kept") == ["new"]
    assert again.stop() == 0


def test_the_first_start_makes_credentials_for_its_owner_alone(start):
    server = start()
    path = server.data / "root-credentials.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    credentials = json.loads(path.read_text())
    assert set(credentials) >= {"accountId", "projectId", "userName", "accessKeyId", "secretAccessKey", "apiToken"}
    assert len(credentials["accountId"]) == 12 and len(credentials["projectId"]) == 32
    assert server.secrets_in_log() == []
    # Nothing under the data folder but this file holds the secrets in the clear.
    found = subprocess.run(
        ["grep", "-rlF", "-e", server.secret_key, "-e", server.token, str(server.data)], capture_output=True, text=True
    )
    assert found.stdout.split() == [str(path)]


def test_credentials_that_are_set(start):
    chosen = {
        "ROOT_ACCESS_KEY_ID": "AKCHOSEN000000000001",
        "ROOT_SECRET_ACCESS_KEY": "chosen/secret+key=0123456789abcdef012345",
        "ROOT_API_TOKEN": "0123456789abcdef0123456789abcdef",
    }
    server = start(**chosen)
    assert (server.access_key, server.secret_key, server.token) == tuple(chosen.values())
    boto(server).create_bucket(Bucket="chosen")


def test_what_operators_ask(start):
    server = start()
    assert requests.get(f"{server.ops}/healthz", timeout=10).status_code == 200
    assert requests.get(f"{server.ops}/readyz", timeout=10).status_code == 200
    boto(server).list_buckets()
    metrics = requests.get(f"{server.ops}/metrics", timeout=10)
    assert metrics.headers["content-type"].startswith("text/plain")
    assert "baleen_" in metrics.text
    assert server.secret_key not in metrics.text and server.access_key not in metrics.text
    # The operators' door is no way to the objects, nor the other way round.
    assert requests.get(f"{server.ops}/client/v4/accounts/x/pcaps", timeout=10).status_code == 404
    assert requests.get(f"{server.s3}/metrics", timeout=10).status_code == 403


def listening(pid):
    """The addresses at which a process listens, of IPv4 and IPv6."""
    sockets = set()
    for descriptor in os.listdir(f"/proc/{pid}/fd"):
        try:
            sockets.add(os.readlink(f"/proc/{pid}/fd/{descriptor}"))
        except FileNotFoundError:
            pass
    found = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in open(f"/proc/{pid}/net/{table}").read().splitlines()[1:]:
            fields = line.split()
            if f"socket:[{fields[9]}]" in sockets and (fields[3] == "0A" or table.startswith("udp")):
                found.add((table, int(fields[1].rsplit(":", 1)[1], 16)))
    return found


def test_no_port_lets_in_who_does_not_say_who_he_is(start):
    """Other stores had ports for their own nodes that were open, or took a password that everybody knows. Here there are three,
    which the first line names, and none does anything for nobody."""
    server = start()
    boto(server).create_bucket(Bucket="bucket")
    boto(server).put_object(Bucket="bucket", Key="k", Body=b"secret")
    doors = {door: urllib.parse.urlsplit(getattr(server, door)).port for door in ("s3", "api", "ops")}
    assert listening(server.process.pid) == {("tcp", port) for port in doors.values()}
    paths = [
        "/", "/bucket", "/bucket/k", "/bucket?policy", "/?rs-bucket-stats", "/bucket?rs-info", "/bucket/k?rs-presign",
        "/speedtest/download", "/speedtest/upload", "/?Action=ListUsers", "/?Action=GetCallerIdentity", "/v20180820/x",
        "/client/v4/accounts/x/pcaps", f"/client/v4/accounts/{server.project}/pcaps", "/rpc", "/cluster/status",
        "/minio/admin/v3/info", "/minio/health/cluster", "/admin", "/debug/pprof/heap", "/env", "/config", "/audit",
        "/background", "/metrics", "/shutdown", "/..%2f..%2fetc/passwd", "/whitelist",
    ]
    tokens = [
        {},
        {"Authorization": "Bearer rustfs rpc"},
        {"Authorization": "Bearer " + "0" * 32},
        {"X-Auth-Token": ""},
        {"X-Amz-Security-Token": "x", "Authorization": "AWS4-HMAC-SHA256 "},
    ]
    for door in ("s3", "api"):
        for path in paths:
            for headers in tokens:
                for method in ("GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "TRACE"):
                    shown = (door, method, path, headers)
                    answer = requests.request(method, getattr(server, door) + path, headers=headers, timeout=30)
                    assert 400 <= answer.status_code < 500 or answer.status_code == 501, (shown, answer.status_code)
                    assert "secret" not in answer.text and server.secret_key not in answer.text, shown
    # The operators' port tells how the process does, is on this machine alone, and changes nothing.
    told = {"/healthz", "/readyz", "/metrics", "/background"}
    for path in paths + sorted(told):
        for method in ("GET", "PUT", "POST", "DELETE"):
            status = requests.request(method, server.ops + path, timeout=30).status_code
            allowed = method == "GET" and path in told
            assert (status == 200) == allowed, (method, path, status)
    assert boto(server).get_object(Bucket="bucket", Key="k")["Body"].read() == b"secret"


def test_stopping_lets_requests_finish(start):
    server = start()
    s3 = boto(server)
    s3.create_bucket(Bucket="drained")
    body = pattern(4 << 20)
    link = boto(server, signature_version="s3v4").generate_presigned_url("put_object", {"Bucket": "drained", "Key": "k"})
    url = urllib.parse.urlsplit(link)
    head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: {len(body)}\r\n"
    with socket.create_connection((url.hostname, url.port), timeout=30) as connection:
        # The server asks for the body once the operation reads it: from then on the request is at work.
        connection.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")
        server.process.send_signal(signal.SIGTERM)
        connection.sendall(body)
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")
    assert server.process.wait(40) == 0
    again = start()
    assert read(boto(again), "drained", "k") == body


def test_two_servers_do_not_share_a_folder(start):
    first = start()
    second = subprocess.run(
        [Baleen.binary(), "serve", "--data", first.data, "--listen-s3", "127.0.0.1:0", "--listen-api", "127.0.0.1:0"]
        + ["--listen-ops", "127.0.0.1:0"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert second.returncode != 0
    assert str(first.data) in second.stderr
    assert boto(first).list_buckets()["Buckets"] == []


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["serve"], ["--data"]),
        (["serve", "--data", "/proc/nowhere"], ["/proc/nowhere"]),
        (["serve", "--data", "{data}", "--listen-s3", "nonsense"], ["listen.s3"]),
        (["serve", "--data", "{data}", "--no-such-flag"], ["--no-such-flag"]),
        (["config", "check", "{broken}"], ["no_such_key", "listen.s3"]),
    ],
)
def test_mistakes_are_told_at_once_and_in_full(tmp_path, command, words):
    broken = tmp_path / "broken.toml"
    broken.write_text('no_such_key = 1\n[listen]\ns3 = "nonsense"\n')
    command = [word.format(data=tmp_path / "data", broken=broken) for word in command]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BALEEN_")}
    done = subprocess.run([Baleen.binary(), *command], env=environment, capture_output=True, text=True, timeout=30)
    assert done.returncode != 0
    said = done.stderr + done.stdout
    assert all(word in said for word in words), said
    assert "panicked" not in said
