"""The master key is changed under a server: while it serves, while it stands, and when it is the wrong one."""

import json
import os
import subprocess
import time
from urllib.parse import urlsplit

import cloudflare
import pytest
import requests

from conftest import boto, may_capture
from federation import Browser
from harness import Baleen
from identity import Keys, call, good, one_time
from pcaps import Pcaps

PASSWORD = "Password22"
ANN = "ann@example.com"


class Authenticator:
    """Gives two codes, each once: that of this half minute, which is good for the next too, and that of the next."""

    def __init__(self, secret):
        self.secret, self.step = secret, int(time.time()) // 30 - 1

    def code(self):
        self.step += 1
        return one_time(self.secret, self.step)


@pytest.fixture
def start(tmp_path):
    started = []

    def starter(*flags, **settings):
        started.append(Baleen.start(tmp_path / "data", "--capture-interface", "lo", *flags, **settings))
        return started[-1]

    yield starter
    for server in started:
        if server.process.poll() is None:
            server.kill()


def rotate(server, *flags):
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("BALEEN_", "AWS_"))}
    command = [Baleen.binary(), "admin", "rotate-master-key", "--json", "--data", str(server.data), *flags]
    return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)


def rotated(server, *flags):
    done = rotate(server, *flags)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def key_changes(server):
    told = good(call(server, "RSListAuditLog", MaxItems=1000)).json()["Entries"]
    return [entry["operation"] for entry in told if "MasterKey" in entry["operation"]]


def log_in(server, code=""):
    form = {"Customer": "baleen", "UserName": ANN, "Password": PASSWORD, "OTP": code or None}
    return call(server, "RSLogin", service="sts", signed=False, **form)


def keys_of(server, answer):
    found = good(answer).json()["Credentials"]
    return Keys(server.s3, found["AccessKeyId"], found["SecretAccessKey"])


class Secrets:
    """One secret of each kind that is sealed, and a look whether each is still what it was."""

    def __init__(self, server, idp, moto):
        self.idp = idp
        iam = boto(server, "iam")
        iam.create_user(UserName=ANN)
        key = iam.create_access_key(UserName=ANN)["AccessKey"]
        self.key = (key["AccessKeyId"], key["SecretAccessKey"])
        iam.create_login_profile(UserName=ANN, Password=PASSWORD, PasswordResetRequired=False)
        session = keys_of(server, log_in(server))
        self.pending = Authenticator(good(call(session, "RSPrepareTFA")).json()["secret"])
        self.enable(session)
        self.session = (session.access_key, session.secret_key)
        self.connection = good(call(server, "RSCreateSAMLConnection", MetadataXML=idp.metadata)).json()
        boto(moto).create_bucket(Bucket="kept-elsewhere")
        self.destination = (
            f"s3://kept-elsewhere?region=us-east-1&endpoint={moto.s3}&access-key-id={moto.access_key}"
            f"&secret-access-key={moto.secret_key}"
        )
        if may_capture():
            self.proven = self.pcaps(server).prove(boto(moto), self.destination)

    def enable(self, session):
        """Takes the secret into use that was prepared."""
        self.totp = self.pending
        self.recovery = good(call(session, "RSEnableTFA", OTP=self.totp.code())).json()["recoveryCodes"]

    @staticmethod
    def pcaps(server):
        base = f"{server.api}/client/v4"
        sdk = cloudflare.Cloudflare(api_token=server.token, base_url=base)
        return Pcaps(sdk=sdk, base=base, account=server.project, token=server.token)

    def look(self, server):
        """Uses every one of them."""
        boto(server).list_buckets()
        for pair in (self.key, self.session):
            assert boto(Keys(server.s3, *pair), "sts").get_caller_identity()["Arn"].endswith(ANN)
        session = keys_of(server, log_in(server, self.recovery.pop()))
        if self.pending is not self.totp:
            self.enable(session)
        session = keys_of(server, log_in(server, self.totp.code()))
        self.pending = Authenticator(good(call(session, "RSPrepareTFA")).json()["secret"])
        # The identity provider answers only what is signed by the key in our metadata. The port is another after a restart.
        here = server.s3 + urlsplit(self.connection["ProviderUrl"]).path
        self.idp.trust(requests.get(here.removesuffix("acs") + "metadata", timeout=20).text)
        location = Browser({"ProviderUrl": here}).begin()
        assert requests.get(location, headers={"x-user": ANN}, timeout=20).status_code == 200
        if may_capture():
            pcaps = self.pcaps(server)
            capture = pcaps.create(self.proven, byte_limit=5_000_000, packet_limit=10)
            pcaps.running(capture)
            pcaps.stop(capture)
            assert pcaps.over(capture).status in {"success", "complete"}


def test_while_it_serves_and_while_it_stands(start, idp, moto):
    settings = {"DESTINATIONS_ENDPOINTS": moto.s3.removeprefix("http://")}
    server = start(**settings)
    secrets = Secrets(server, idp, moto)
    secrets.look(server)
    master = server.data / "master.key"
    first = master.read_text().split()[-1]

    told = rotated(server)
    counts = {kind["kind"]: kind["resealed"] for kind in told["sealed"]}
    assert (told["newest"], told["held"], told["needed"]) == (2, [1, 2], [1, 2])
    assert told["file"] == str(master) and told["isMade"]
    # Two secrets in one record: the active one and the pending one.
    assert counts["second factors"] == 2 and counts["access keys"] == 2 and counts["sessions"] >= 3
    assert counts["recovery pepper"] == counts["SAML keys"] == 1
    assert counts["destination keys"] == may_capture()
    secrets.look(server)
    refused = rotate(server, "--retire-old")
    assert refused.returncode == 1 and "may need them until" in refused.stderr, refused.stderr
    assert first in master.read_text()
    # One change at a time, and who asks for another is told when it may be.
    again = subprocess.run(
        [Baleen.binary(), "admin", "rotate-master-key", "--data", str(server.data)], capture_output=True, text=True, timeout=60
    )
    assert again.returncode == 1 and "no key was made: master key 2 seals" in again.stderr, again
    refused = rotate(server)
    told = json.loads(refused.stdout)
    assert (refused.returncode, told["isMade"], told["held"]) == (1, False, [1, 2])
    metrics = requests.get(f"{server.ops}/metrics", timeout=10).text
    assert "baleen_master_key_newest 2" in metrics and "baleen_master_keys_needed 2" in metrics
    assert server.stop() == 0

    # Nothing is under way now. The change is ended first, and who asked for a key is told that there is none.
    refused = rotate(server)
    told = json.loads(refused.stdout)
    assert (refused.returncode, told["isMade"], told["held"], told["needed"]) == (1, False, [1, 2], [2])
    told = rotated(server, "--retire-old")
    assert (told["held"], told["needed"]) == ([2], [2])
    assert first not in master.read_text() and master.stat().st_mode & 0o777 == 0o600
    server = start(**settings)
    secrets.look(server)
    server.kill()

    # Again, all of it on the folder, killed before the server had stopped in order.
    told = rotated(server)
    assert (told["newest"], told["held"], told["needed"], told["isMade"]) == (3, [2, 3], [3], True)
    server = start(**settings)
    secrets.look(server)
    # What a stopped store knows, a running one knows too: nothing needs key 2.
    assert rotated(server, "--retire-old")["held"] == [3]
    secrets.look(server)
    # In the log of root's account, whoever did the work: the command on the folder, or the server when it has seen the file.
    deadline = time.monotonic() + 20
    # A change that was ended on the folder is in it twice: when it was made, and when it was ended.
    while sorted(key_changes(server)) != ["RetireMasterKeys"] * 2 + ["RotateMasterKey"] * 3:
        assert time.monotonic() < deadline, key_changes(server)
        time.sleep(0.2)
    log = server.log.read_text()
    assert "master keys taken up" in log and "cannot be sealed anew" not in log
    assert not any(line.split()[-1] in log for line in [first, *master.read_text().splitlines()[-1:]])


def test_a_wrong_key_is_told_at_the_start(start):
    server = start()
    boto(server).create_bucket(Bucket="kept")
    server.kill()
    master = server.data / "master.key"
    right = master.read_text()

    def refused():
        command = [Baleen.binary(), "serve", "--data", str(server.data)]
        command += [flag for door in ("s3", "api", "ops") for flag in (f"--listen-{door}", "127.0.0.1:0")]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("BALEEN_")}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 1 and done.stdout == "", done.stdout
        return done.stderr

    for text, mode, told in [
        ("1 " + "0123456789abcdef" * 4, 0o600, "is not the master key of this store"),
        ("0123456789abcdef" * 4, 0o600, "is not the master key of this store"),
        ("0" * 64, 0o600, "is no secret"),
        ("1 " + "ab" * 32, 0o600, "is no secret"),
        (right.replace("\n1 ", "\n2 "), 0o600, "has none of that number"),
        (right + "1 " + "0123456789abcdef" * 4, 0o600, "does not follow"),
        (right + "3 " + "0123456789abcdef" * 4, 0o600, "does not follow"),
        ("ab" * 31, 0o600, "does not hold master keys"),
        ("ab" * 33, 0o600, "does not hold master keys"),
        ("", 0o600, "does not hold master keys"),
        (right, 0o644, "chmod 600"),
        (None, None, "there is no master key"),
    ]:
        if text is None:
            master.unlink()
        else:
            master.write_text(text)
            master.chmod(mode)
        error = refused()
        assert told in error and "ab" * 8 not in error, error
        assert text is None or master.read_text() == text
    assert not master.exists(), "none is made for a store that has one"

    master.write_text(right)
    master.chmod(0o600)
    assert [bucket["Name"] for bucket in boto(start()).list_buckets()["Buckets"]] == ["kept"]
