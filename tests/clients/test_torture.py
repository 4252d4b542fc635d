"""Kills the server again and again under writers of all kinds. What was acknowledged is there, byte for byte; what was
refused is not; what was under way is there whole or not at all; and the disk holds little more than what lives.

`make test` does a few rounds, `make torture` a hundred. `BALEEN_TORTURE_SEED` repeats the choices of an earlier run."""

import base64
import contextlib
import hashlib
import json
import os
import random
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import botocore.exceptions
import pytest
import requests

from conftest import boto
from harness import Baleen

ROUNDS = 100 if os.environ.get("BALEEN_TORTURE") else 3
WRITERS = 32
# Of which so many write long bodies, and so many in parts: a disk has its limits.
LONG_WRITERS = 4
PART_WRITERS = 6
KIB, MIB = 1 << 10, 1 << 20
# Longer bodies are not in the metadata store.
INLINE_MAX = 4 * KIB
# So much of a journal is left alone, for it will be written again.
JOURNAL_KEPT = MIB
# What the file system rounds up of the store's two dozen files, which is more than a twentieth of so few rows.
ROUNDED = MIB // 8
SHORT = (0, 4 * KIB, 40 * KIB, 300 * KIB)
LONG = 20 * MIB
BALLAST = 8
PART = 5 * MIB
KEYS = 3
# Of one key, before old ones are deleted.
VERSIONS_MAX = 3
# How long the writers of a round have before the kill.
WRITING_SECONDS = (0.2, 2.5)
SECRET = b"k" * 32
CUSTOMER = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": SECRET}
# Compactions are a second apart, the second of which finds that nothing was written since the first.
QUIET_SECONDS = 120

CUT = (botocore.exceptions.HTTPClientError, botocore.exceptions.ConnectionError, ConnectionError)


class Body:
    """Bytes that follow from their length and seed, and how they are encrypted."""

    def __init__(self, length, seed, sealing):
        self.length, self.seed, self.sealing = length, seed, sealing

    def bytes(self):
        return hashlib.shake_128(self.seed.to_bytes(8, "big")).digest(self.length)

    def asked(self):
        return {"plain": {}, "managed": {"ServerSideEncryption": "AES256"}, "customer": CUSTOMER}[self.sealing]

    def __repr__(self):
        return f"<{self.length} bytes of seed {self.seed}, {self.sealing}>"


class Joined:
    """What an upload in parts makes."""

    def __init__(self, parts, sealing):
        self.parts, self.sealing = parts, sealing
        self.length = sum(part.length for part in parts)

    def bytes(self):
        return b"".join(part.bytes() for part in self.parts)

    def __repr__(self):
        return f"<{self.parts}>"


class Key:
    """What is known of one key: its one writer knows the order."""

    def __init__(self, bucket, name):
        self.bucket, self.name = bucket, name
        # In the bucket without versions.
        self.body = None
        # Id to body, None for a delete marker.
        self.versions = {}
        # A write whose answer has not come: ("put", body), ("delete", None) or ("remove", id).
        self.under_way = None


class Cut(Exception):
    """The server was killed."""


class Writer:
    def __init__(self, number, seed):
        self.number = number
        self.random = random.Random(f"{seed}/{number}")
        self.plain = [Key("plain", f"w{number}/{n}") for n in range(KEYS)]
        self.kept = [Key("kept", f"w{number}/{n}") for n in range(KEYS)]
        self.acknowledged = 0

    def new_body(self):
        length = LONG if self.number < LONG_WRITERS and self.random.random() < 0.3 else self.random.choice(SHORT)
        return Body(length, self.random.getrandbits(60), self.random.choice(("plain", "plain", "managed", "customer")))

    def work(self, s3, stopped):
        with contextlib.suppress(Cut):
            while not stopped.is_set():
                self.step(s3)

    @contextlib.contextmanager
    def sent(self, key, what):
        """A call that is acknowledged, or cut."""
        key.under_way = what
        try:
            yield
        except CUT as cut:
            raise Cut from cut
        key.under_way = None
        self.acknowledged += 1

    def step(self, s3):
        parts = self.number >= WRITERS - PART_WRITERS
        moves = [self.put, self.put, self.put, self.refused, self.copy, self.delete, self.version, self.version]
        self.random.choice(moves + [self.upload] * 4 * parts)(s3)

    def put(self, s3):
        key, body = self.random.choice(self.plain), self.new_body()
        with self.sent(key, ("put", body)):
            s3.put_object(Bucket="plain", Key=key.name, Body=body.bytes(), **body.asked())
        key.body = body

    def refused(self, s3):
        """At its end, when all its bytes have come."""
        key, body = self.random.choice(self.plain), self.new_body()
        wrong = base64.b64encode(bytes(16)).decode()
        try:
            s3.put_object(Bucket="plain", Key=key.name, Body=body.bytes(), ContentMD5=wrong, **body.asked())
        except botocore.exceptions.ClientError as no:
            assert no.response["Error"]["Code"] == "BadDigest", no
            return
        except CUT as cut:
            raise Cut from cut
        raise AssertionError("a body with a wrong digest was taken")

    def copy(self, s3):
        there = [key for key in self.plain if key.body and not isinstance(key.body, Joined)]
        if not there:
            return
        source, key = self.random.choice(there), self.random.choice(self.plain)
        if source is key:
            return
        asked = {"CopySourceSSECustomerAlgorithm": "AES256", "CopySourceSSECustomerKey": SECRET}
        asked = asked if source.body.sealing == "customer" else {}
        body = Body(source.body.length, source.body.seed, self.random.choice(("plain", "managed", "customer")))
        with self.sent(key, ("put", body)):
            from_ = {"Bucket": "plain", "Key": source.name}
            s3.copy_object(Bucket="plain", Key=key.name, CopySource=from_, **asked, **body.asked())
        key.body = body

    def delete(self, s3):
        key = self.random.choice(self.plain)
        with self.sent(key, ("delete", None)):
            s3.delete_object(Bucket="plain", Key=key.name)
        key.body = None

    def version(self, s3):
        key = self.random.choice(self.kept)
        at = {"Bucket": "kept", "Key": key.name}
        if len(key.versions) >= VERSIONS_MAX:
            id = self.random.choice(list(key.versions))
            with self.sent(key, ("remove", id)):
                s3.delete_object(**at, VersionId=id)
            del key.versions[id]
        elif self.random.random() < 0.2:
            with self.sent(key, ("delete", None)):
                answer = s3.delete_object(**at)
            key.versions[answer["VersionId"]] = None
        else:
            body = self.new_body()
            with self.sent(key, ("put", body)):
                answer = s3.put_object(**at, Body=body.bytes(), **body.asked())
            key.versions[answer["VersionId"]] = body

    def upload(self, s3):
        key, sealing = self.random.choice(self.plain), self.random.choice(("plain", "managed"))
        at = {"Bucket": "plain", "Key": key.name}
        new = lambda length: Body(length, self.random.getrandbits(60), sealing)  # noqa: E731
        try:
            path = at | {"UploadId": s3.create_multipart_upload(**at, **new(0).asked())["UploadId"]}
            # The first one is sent twice, with other bytes: the second counts.
            for _ in range(self.random.choice((1, 2))):
                parts = [new(PART)]
                listed = [self.part(s3, path, 1, parts[0])]
            parts.append(new(self.random.choice((100, 200 * KIB, 2 * MIB))))
            listed.append(self.part(s3, path, 2, parts[1]))
            # One that is not listed when it is completed.
            if self.random.random() < 0.3:
                self.part(s3, path, 3, new(700 * KIB))
            end = self.random.random()
            if end < 0.2:
                s3.abort_multipart_upload(**path)
                return
        except CUT as cut:
            raise Cut from cut
        if end < 0.3:
            # Left alone, until somebody looks.
            return
        body = Joined(parts, sealing)
        with self.sent(key, ("put", body)):
            s3.complete_multipart_upload(**path, MultipartUpload={"Parts": listed})
        key.body = body

    def part(self, s3, path, number, body):
        answer = s3.upload_part(**path, PartNumber=number, Body=body.bytes())
        return {"PartNumber": number, "ETag": answer["ETag"]}


def holds(s3, key, body, **which):
    """Whether there is this at a key: the body, or nothing."""
    asked = CUSTOMER if body is not None and body.sealing == "customer" else {}
    try:
        answer = s3.get_object(Bucket=key.bucket, Key=key.name, **which, **asked)
        if body is None or answer["ContentLength"] != body.length:
            return False
        return answer["Body"].read() == body.bytes()
    except botocore.exceptions.ClientError as no:
        code = no.response["Error"]["Code"]
        if code in ("NoSuchKey", "NoSuchVersion"):
            return body is None
        # Asked for with a key, or without: it is another body than the one that was meant.
        assert code in ("InvalidRequest", "AccessDenied"), no
        return False


def check_plain(s3, key):
    allowed = [key.body]
    if key.under_way:
        allowed.append(key.under_way[1])
    for body in allowed:
        if holds(s3, key, body):
            key.body, key.under_way = body, None
            return
    raise AssertionError(f"{key.name} is none of {allowed}")


def check_kept(s3, key, seen):
    """`seen`: the versions that a listing shows, and whether each is a delete marker."""
    what, of = key.under_way or (None, None)
    for id, body in key.versions.items():
        if id not in seen:
            assert (what, of) == ("remove", id), f"{key.name} has lost the version {id}"
        elif body is None:
            assert seen[id] == "marker", f"{id} of {key.name} is no delete marker"
        else:
            assert holds(s3, key, body, VersionId=id), f"{id} of {key.name} is not {body}"
    new = [id for id in seen if id not in key.versions]
    assert len(new) <= (what in ("put", "delete")), f"{key.name} has {new}, which nobody was told of"
    for id in new:
        if what == "delete":
            assert seen[id] == "marker"
        else:
            assert holds(s3, key, of, VersionId=id), f"{id} of {key.name} is not {of}, which was under way"
    known = key.versions | {id: of for id in new}
    key.versions = {id: body for id, body in known.items() if id in seen}
    key.under_way = None


def check(s3, writers):
    """Everything that is there is what it should be, and nothing else is there."""
    seen = {}
    for page in s3.get_paginator("list_object_versions").paginate(Bucket="kept"):
        for kind, entries in (("object", page.get("Versions", [])), ("marker", page.get("DeleteMarkers", []))):
            for entry in entries:
                seen.setdefault(entry["Key"], {})[entry["VersionId"]] = kind
    with ThreadPoolExecutor(8) as pool:
        plain = [pool.submit(check_plain, s3, key) for writer in writers for key in writer.plain]
        kept = [pool.submit(check_kept, s3, key, seen.pop(key.name, {})) for writer in writers for key in writer.kept]
        for outcome in plain + kept:
            outcome.result()
    assert not seen, f"versions of keys that nobody wrote: {seen}"
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="plain")
    listed = {entry["Key"]: entry["Size"] for page in pages for entry in page.get("Contents", [])}
    assert listed == {key.name: key.body.length for writer in writers for key in writer.plain if key.body}


def abort_all(s3):
    """Ends the uploads that nobody ended."""
    for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket="plain"):
        for upload in page.get("Uploads", []):
            s3.abort_multipart_upload(Bucket="plain", Key=upload["Key"], UploadId=upload["UploadId"])


def fsck(data):
    done = subprocess.run([Baleen.binary(), "fsck", "--data", data, "--json"], capture_output=True, text=True, timeout=300)
    found = json.loads(done.stdout)
    assert (done.returncode, found["damages"]) == (0, 0), found
    return found


def compacted(server):
    """Waits until two more compactions are done."""
    def runs():
        tasks = requests.get(f"{server.ops}/background", timeout=30).json()
        (task,) = [task for task in tasks if task["task"] == "compaction"]
        assert task["lastError"] is None, task
        return task["runs"]

    end, wanted = time.monotonic() + QUIET_SECONDS, runs() + 3
    while runs() < wanted:
        assert time.monotonic() < end, server.tail()
        time.sleep(0.2)


def disk_bytes(folder):
    """All in a folder, as `du` counts."""
    done = subprocess.run(["du", "-s", "-B1", folder], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[0])


@pytest.mark.timeout(60 + QUIET_SECONDS + 60 * ROUNDS)
def test_kills_under_writers(tmp_path):
    seed = int(os.environ.get("BALEEN_TORTURE_SEED") or random.SystemRandom().getrandbits(32))
    print(f"BALEEN_TORTURE_SEED={seed}")
    chance = random.Random(seed)
    writers = [Writer(number, seed) for number in range(WRITERS)]
    # Beside the writers, so that kills fall into them too; how fast matters only for how long this takes.
    settings = {"COMPACTION_EVERY": "1s", "COMPACTION_BYTES_PER_SECOND": "1GiB", "COMPACTION_FREE_PERCENT": "0"}
    server = Baleen.start(tmp_path / "data", **settings)
    try:
        s3 = boto(server)
        s3.create_bucket(Bucket="plain")
        s3.create_bucket(Bucket="kept")
        s3.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
        for _ in range(ROUNDS):
            # A cut is not asked again: what becomes of it is what is looked for.
            s3 = boto(server, retries={"total_max_attempts": 1}, max_pool_connections=WRITERS)
            stopped = threading.Event()
            with ThreadPoolExecutor(WRITERS) as pool:
                work = [pool.submit(writer.work, s3, stopped) for writer in writers]
                time.sleep(chance.uniform(*WRITING_SECONDS))
                server.kill()
                stopped.set()
            for outcome in work:
                outcome.result()
            server = Baleen.start(tmp_path / "data", **settings)
            s3 = boto(server, max_pool_connections=WRITERS)
            check(s3, writers)
        acknowledged = sum(writer.acknowledged for writer in writers)
        assert acknowledged > 20 * ROUNDS, f"{acknowledged} writes show little"
        abort_all(s3)
        # So that the folders of an empty volume, a MiB, and the rounding of short bodies to pages do not decide.
        ballast = [Body(LONG, n, "plain") for n in range(BALLAST)]
        for body in ballast:
            s3.put_object(Bucket="kept", Key=f"ballast/{body.seed}", Body=body.bytes())
        compacted(server)
        for body in ballast:
            key = Key("kept", f"ballast/{body.seed}")
            assert holds(s3, key, body)
        bodies = ballast + [key.body for writer in writers for key in writer.plain] + [
            body for writer in writers for key in writer.kept for body in key.versions.values()
        ]
        used, used_of_meta = disk_bytes(server.data), disk_bytes(server.data / "meta")
    except BaseException:
        print(server.tail())
        raise
    finally:
        server.kill()
    found = fsck(tmp_path / "data")
    assert found["objects"] == sum(body is not None for body in bodies)
    assert found["parts"] == 0
    pieces = [piece for body in bodies if body for piece in getattr(body, "parts", [body])]
    apart = sum(piece.length for piece in pieces if piece.length > INLINE_MAX)
    rows = next(area["liveBytes"] for area in found["areas"] if area["name"] == "metadata")
    print(f"{acknowledged} writes acknowledged in {ROUNDS} rounds; {found['objects']} versions checked; {apart} bytes of bodies "
          f"and {rows} of rows live; {used} bytes on disk, of them {used_of_meta} for rows")
    assert used <= (apart + rows) * 1.05, (used, apart, rows)
    assert used_of_meta <= rows * 1.05 + JOURNAL_KEPT + ROUNDED, (used_of_meta, rows)
