"""`baleen fsck` on the folder of a server that has ended, whole and damaged."""

import json
import subprocess
import time

import requests
from conftest import boto, pattern
from harness import Baleen


def fsck(data, *flags):
    return subprocess.run([Baleen.binary(), "fsck", "--data", data, *flags], capture_output=True, text=True, timeout=60)


def scrubbed(server):
    """The task of the look through the store, once it has run."""
    end = time.monotonic() + 60
    while True:
        tasks = {task["task"]: task for task in requests.get(f"{server.ops}/background", timeout=10).json()}
        task = tasks.get("scrub of the store", {"runs": 0})
        if task["runs"] > 0:
            return task
        assert time.monotonic() < end, tasks
        time.sleep(0.1)


def test_fsck(tmp_path):
    server = Baleen.start(tmp_path / "data")
    s3 = boto(server)
    s3.create_bucket(Bucket="checked")
    for length in (0, 100, 50_000, 20 << 20):
        s3.put_object(Bucket="checked", Key=f"of {length}", Body=pattern(length))
    s3.put_object(Bucket="checked", Key="sealed", Body=pattern(60_000), ServerSideEncryption="AES256")
    busy = fsck(server.data)
    assert busy.returncode == 1 and "while no server does" in busy.stderr, busy.stderr
    assert server.stop() == 0

    found = json.loads(fsck(server.data, "--json").stdout)
    assert (found["buckets"], found["objects"], found["damages"], found["damaged"]) == (1, 5, 0, [])
    assert found["bytes"] > (20 << 20) + 110_100
    blobs, metadata = found["areas"]
    assert (blobs["name"], blobs["liveBytes"]) == ("blobs", (20 << 20) + 110_000 + 16), "with a seal"
    assert metadata["name"] == "metadata" and metadata["liveBytes"] > 1000
    assert all(area["allocatedBytes"] > area["liveBytes"] for area in (blobs, metadata))
    quick = fsck(server.data, "--quick")
    assert "metadata" in quick.stdout and "MiB live" in quick.stdout and "MiB allocated" in quick.stdout, quick.stdout
    assert (quick.returncode, quick.stderr) == (0, ""), quick.stderr
    assert "5 versions of objects" in quick.stdout and "bytes not read; no damage" in quick.stdout

    (own,) = [path for path in (server.data / "blobs" / "files").glob("*/*")]
    body = bytearray(own.read_bytes())
    body[1 << 20] ^= 1
    own.write_bytes(body)
    bad = fsck(server.data)
    assert bad.returncode == 1
    assert bad.stdout.startswith(f"damaged: checked/of {20 << 20} (version null): stored bytes are damaged"), bad.stdout
    assert "1 damage" in bad.stdout
    assert fsck(server.data, "--quick").returncode == 0, "the records are whole"

    # What it found is in the log of the next server, which looks for it at once, and told until it is mended.
    server = Baleen.start(server.data)
    assert "1 damage was found" in scrubbed(server)["lastError"]
    found = [line for line in server.log.read_text(errors="replace").splitlines() if "the last look through the store found damage" in line]
    assert len(found) == 1 and f"checked/of {20 << 20} (version null)" in found[0], found
    assert server.stop() == 0
    assert fsck(server.data).returncode == 1
    body[1 << 20] ^= 1
    own.write_bytes(body)
    server = Baleen.start(server.data)
    assert scrubbed(server)["lastError"] is None
    assert "baleen_scrub_damages 0" in requests.get(f"{server.ops}/metrics", timeout=10).text
    assert server.stop() == 0

    empty = fsck(tmp_path / "nothing")
    assert empty.returncode != 0 and "there is no store in" in empty.stderr
    assert not (tmp_path / "nothing").exists()
