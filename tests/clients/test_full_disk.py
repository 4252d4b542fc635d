"""A disk that fills up, under objects and while a capture runs: what is said, what is left, and that it goes on when space
returns."""

import time

import botocore.exceptions
import cloudflare
import pytest
import requests

from conftest import boto, may_capture, pattern
from harness import Baleen
from pcaps import Pcaps, fetch
from traffic import Traffic, numbers_in

DISK_MIB = 160
RESERVE_MIB = 16
PART_MIB = 5
MIB = 1 << 20
# Deleted bytes come back in the background, and another part has to be uploaded: moments on a quiet machine.
MOMENT_SECONDS = 30


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """A server whose data folder is a file system of its own, and small."""
    if not may_capture():
        pytest.skip("capturing packets needs root or CAP_NET_RAW")
    server = Baleen.start(
        tmp_path_factory.mktemp("small-disk") / "data",
        "--capture-interface",
        "lo",
        disk_mib=DISK_MIB,
        STORE_RESERVE_BYTES=f"{RESERVE_MIB}MiB",
        CAPTURE_PART_BYTES=f"{PART_MIB}MiB",
    )
    yield server
    assert server.stop() == 0, server.tail()
    assert not server.secrets_in_log()


def eventually(holds):
    deadline = time.monotonic() + MOMENT_SECONDS
    while not (found := holds()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def stored(call, **asked):
    """Makes a call that stores something; tells whether there was room for it."""
    try:
        call(Bucket="small", **asked)
    except botocore.exceptions.ClientError as refused:
        assert refused.response["Error"]["Code"] == "InsufficientCapacity", refused
        assert refused.response["ResponseMetadata"]["HTTPStatusCode"] == 507
        return False
    return True


def fill(s3):
    """Fills the disk with parts, as the capture's own are, until there is no room for another; answers with their upload."""
    ballast = {"Key": "ballast", "UploadId": s3.create_multipart_upload(Bucket="small", Key="ballast")["UploadId"]}
    number = 1
    while stored(s3.upload_part, PartNumber=number, Body=bytes(PART_MIB * MIB), **ballast):
        number += 1
    return ballast


def test_a_disk_that_fills_up_during_a_capture(full, tmp_path):
    # A refusal for want of space is not asked again: it would only take time.
    s3 = boto(full, retries={"total_max_attempts": 1})
    base = f"{full.api}/client/v4"
    sdk = cloudflare.Cloudflare(api_token=full.token, base_url=base)
    pcaps = Pcaps(sdk=sdk, base=base, account=full.project, token=full.token)
    s3.create_bucket(Bucket="small")
    kept = {f"kept-{n}": pattern(size, n) for n, size in enumerate((100, 70_000, 3 * MIB))}
    for key, body in kept.items():
        s3.put_object(Bucket="small", Key=key, Body=body)
    destination = pcaps.prove(s3, "s3://small/in")
    traffic = Traffic(size=60_000)
    per_part = PART_MIB * MIB // traffic.frame + 1

    asked = pcaps.create(destination, filter_v1=traffic.filter)
    pcaps.running(asked)
    traffic.send(per_part + 1)
    key = f"in/pcap_{asked.id}.pcap"
    upload = s3.list_multipart_uploads(Bucket="small")["Uploads"][0]
    assert upload["Key"] == key
    eventually(lambda: s3.list_parts(Bucket="small", Key=key, UploadId=upload["UploadId"]).get("Parts"))
    ballast = fill(s3)
    assert pcaps.get(asked).status == "running"
    traffic.send(2 * per_part)
    done = pcaps.over(asked)
    assert done.status == "failed"
    assert "there is no space left" in done.error_message, done
    assert done.packets_captured == traffic.sent

    # Nothing of it is there, and nothing else is lost.
    assert "Contents" not in s3.list_objects_v2(Bucket="small", Prefix=key)
    uploads = s3.list_multipart_uploads(Bucket="small")["Uploads"]
    assert [upload["Key"] for upload in uploads] == ["ballast"]
    with pytest.raises(botocore.exceptions.ClientError) as missing:
        s3.get_object(Bucket="small", Key=key)
    assert missing.value.response["Error"]["Code"] == "NoSuchKey"
    for name, body in kept.items():
        assert s3.get_object(Bucket="small", Key=name)["Body"].read() == body
    assert [capture.status for capture in pcaps.calls.list(account_id=pcaps.account)] == ["failed"]

    # With space everything works again.
    s3.abort_multipart_upload(Bucket="small", **ballast)
    eventually(lambda: stored(s3.put_object, Key="probe", Body=bytes(32 * MIB)))
    asked = pcaps.create(destination, filter_v1=traffic.filter, packet_limit=float(3 * per_part))
    pcaps.running(asked)
    first = traffic.sent
    traffic.send(3 * per_part)
    done = pcaps.over(asked)
    traffic.close()
    assert (done.status, done.packets_captured, done.error_message) == ("success", 3 * per_part, None)
    path = tmp_path / "caught.pcap"
    assert fetch(s3, "small", done, path, "in")[0] == 3 * per_part
    assert numbers_in(path, traffic.port) == list(range(first, first + 3 * per_part))
    for name, body in kept.items():
        assert s3.get_object(Bucket="small", Key=name)["Body"].read() == body


def compactions(server):
    """How many compactions there were, and the error of the last."""
    tasks = requests.get(f"{server.ops}/background", timeout=30).json()
    (task,) = [task for task in tasks if task["task"] == "compaction"]
    return task["runs"], task["lastError"]


def test_a_disk_that_objects_fill(tmp_path):
    """With compactions beside it all, a second apart."""
    if not may_capture():
        pytest.skip("a small disk needs root")
    server = Baleen.start(
        tmp_path / "data",
        disk_mib=DISK_MIB,
        STORE_RESERVE_BYTES=f"{RESERVE_MIB}MiB",
        COMPACTION_EVERY="1s",
        COMPACTION_FREE_PERCENT="0",
    )
    try:
        # A body that is refused takes its connection with it, so that what comes next may have to be asked again.
        s3, once = boto(server), boto(server, retries={"total_max_attempts": 1})
        s3.create_bucket(Bucket="small")
        # Bodies for segments, of lengths that leave holes for each other.
        lengths = (40_000, 300_000, 1_200_000, 90_000)
        kept, filler = {}, []

        def refill(wave):
            number = 0
            while True:
                key, body = f"{wave}-{number}", pattern(lengths[number % 4], number)
                if not stored(s3.put_object, Key=key, Body=body):
                    return
                if number % 8 == wave:
                    kept[key] = body
                else:
                    filler.append(key)
                number += 1

        for wave in range(2):
            refill(wave)
            # Refused again, also for a body without a length and for a part; and what is there is whole.
            assert not stored(once.put_object, Key="no", Body=bytes(32 * MIB))
            upload = s3.create_multipart_upload(Bucket="small", Key="no")["UploadId"]
            assert not stored(once.upload_part, Key="no", PartNumber=1, UploadId=upload, Body=bytes(32 * MIB))
            s3.abort_multipart_upload(Bucket="small", Key="no", UploadId=upload)
            runs = compactions(server)[0]
            # On the full disk they neither help nor harm.
            eventually(lambda: compactions(server)[0] > runs + 1)
            for key, body in kept.items():
                assert s3.get_object(Bucket="small", Key=key)["Body"].read() == body
            assert "Contents" not in s3.list_objects_v2(Bucket="small", Prefix="no")
            # Deletions need no room.
            while filler:
                batch, filler = filler[:500], filler[500:]
                done = s3.delete_objects(Bucket="small", Delete={"Objects": [{"Key": key} for key in batch]})
                assert "Errors" not in done
            runs = compactions(server)[0]
            eventually(lambda: compactions(server)[0] > runs + 2)
            assert compactions(server)[1] is None, server.tail()
            # Space is back as space, and not only as holes for bodies of the lengths that were there.
            assert stored(s3.put_object, Key="long", Body=bytes(48 * MIB)), server.tail()
            s3.delete_object(Bucket="small", Key="long")
            for key, body in kept.items():
                assert s3.get_object(Bucket="small", Key=key)["Body"].read() == body
        assert server.stop() == 0, server.tail()
    finally:
        server.process.kill()
