"""Two regions: objects are copied, read when a region's folder is gone or damaged, and healed."""

import json
import re
import shutil
import subprocess
import time

import pytest
import requests
from botocore.exceptions import ClientError

from conftest import boto, pattern
from harness import REGION, Baleen
from test_boto3_vendor import good, s3_call

STATUS = "x-lyve-replication-status"
BOTH = f"{REGION},us-west-9"
# One in the keyspace, one in a segment, one in a file of its own, and one of parts.
LENGTHS = (100, 50_000, 20 << 20)
PATIENCE = 60


def start(tmp_path):
    return Baleen.start(tmp_path / "data", REGIONS=f"us-west-9={tmp_path}/west")


def status(server, path):
    """What boto3 has no parameter for."""
    answer = s3_call(server, "HEAD", path, more={STATUS: "true"})
    assert answer.status_code == 200, answer.headers
    return answer.headers[STATUS]


def wait_for(wanted, look):
    end = time.monotonic() + PATIENCE
    while (found := look()) != wanted:
        assert time.monotonic() < end, f"{found} instead of {wanted}"
        time.sleep(0.05)


def put_all(s3):
    for length in LENGTHS:
        s3.put_object(Bucket="kept", Key=str(length), Body=pattern(length))
    upload = s3.create_multipart_upload(Bucket="kept", Key="parts")["UploadId"]
    parts = []
    for number, length in ((1, 6 << 20), (2, 70_000)):
        tag = s3.upload_part(Bucket="kept", Key="parts", UploadId=upload, PartNumber=number, Body=pattern(length))["ETag"]
        parts.append({"PartNumber": number, "ETag": tag})
    s3.complete_multipart_upload(Bucket="kept", Key="parts", UploadId=upload, MultipartUpload={"Parts": parts})


def check_all(s3):
    def read(key):
        return s3.get_object(Bucket="kept", Key=key)["Body"].read()

    for length in LENGTHS:
        assert read(str(length)) == pattern(length), length
    assert read("parts") == pattern(6 << 20) + pattern(70_000)


def remove(folder):
    """`rm -rf` under a running server, which may put back what is there no more while it is being removed: tried again until all is
    gone at once, stamp and all, as a user does who is told that a folder is not empty."""
    end = time.monotonic() + PATIENCE
    while folder.exists():
        try:
            shutil.rmtree(folder)
        except OSError as error:
            assert time.monotonic() < end, error
        else:
            return


def wait_for_all(server, wanted, keys=(*map(str, LENGTHS), "parts")):
    for key in keys:
        wait_for(wanted, lambda: status(server, f"/kept/{key}"))


def puts(server, key):
    """Tells whether a body is taken now."""
    try:
        boto(server, retries={"max_attempts": 0}).put_object(Bucket="kept", Key=key, Body=pattern(50_000))
    except ClientError as refused:
        assert refused.response["ResponseMetadata"]["HTTPStatusCode"] == 503, refused
        return False
    return True


def tasks(server):
    told = requests.get(f"{server.ops}/background", timeout=10).json()
    return {task["task"]: task for task in told if "objects in the region" in task["task"]}


def fsck(data, **settings):
    done = subprocess.run(
        [Baleen.binary(), "fsck", "--data", data, "--json"],
        capture_output=True,
        text=True,
        timeout=60,
        env={f"BALEEN_{name}": value for name, value in settings.items()},
    )
    return json.loads(done.stdout)


def test_a_folder_that_is_something_else(tmp_path):
    other = Baleen.start(tmp_path / "other")
    assert other.stop() == 0
    data = tmp_path / "data"
    for folder, said in (
        (tmp_path / "other" / "blobs", "is the home of another store"),
        (tmp_path / "other", "is the data folder of another store"),
        (data / "blobs", "need a folder of their own"),
        (data, "need a folder of their own"),
    ):
        refused = subprocess.run(
            [Baleen.binary(), "serve", "--data", data, "--listen-s3", "127.0.0.1:0", "--listen-api", "127.0.0.1:0", "--listen-ops", "127.0.0.1:0"],
            capture_output=True,
            text=True,
            timeout=60,
            env={"BALEEN_REGIONS": f"west={folder}"},
        )
        assert refused.returncode != 0 and said in refused.stderr, (folder, refused.stderr)
    assert not (tmp_path / "other" / "files").exists()


def test_regions(tmp_path):
    server = start(tmp_path)
    s3 = boto(server)
    s3.create_bucket(Bucket="kept")
    assert good(s3_call(server, path="/kept", query="rs-info=")).json()["replicationPolicy"] == BOTH.split(",")
    put_all(s3)
    wait_for_all(server, BOTH)
    assert set(tasks(server)) == {f"objects in the region {name}" for name in BOTH.split(",")}

    # The other region goes while the server runs, is missed, and comes back.
    remove(tmp_path / "west")
    check_all(s3)
    wait_for_all(server, BOTH)
    assert list((tmp_path / "west" / "files").glob("*/*"))
    log = server.log.read_text(errors="replace")
    assert "the folder of a region has gone" in log and re.search(r"WARN.*a region lacks extents.*missing=", log), log
    # What was done about it stays told when there is nothing more to do, and who asks whether the server is ready is told nothing.
    wait_for(None, lambda: re.search(r"\b0 written", tasks(server)["objects in the region us-west-9"]["progress"]))
    wait_for(True, lambda: "since the start" in tasks(server)["objects in the region us-west-9"]["progress"])
    # It may be made again while it is being removed, and go once more.
    assert re.search(r"its folder has gone (once|\d times)", tasks(server)["objects in the region us-west-9"]["progress"])
    wait_for("ready\n", lambda: requests.get(f"{server.ops}/readyz", timeout=10).text)
    # It goes, and there can be none: the server is ready without it, and says so.
    folder, kept = tmp_path / "west", tmp_path / "kept"
    folder.rename(kept)
    folder.write_text("no folder")
    lacks = "ready\nregion us-west-9: its folder is not there, or cannot be used\n"
    wait_for(lacks, lambda: requests.get(f"{server.ops}/readyz", timeout=10).text)
    folder.unlink()
    kept.rename(folder)
    wait_for("ready\n", lambda: requests.get(f"{server.ops}/readyz", timeout=10).text)
    wait_for_all(server, BOTH)

    # Home goes while the server runs: what is there is read from the other, and nothing is written where nobody looks.
    blobs, away = server.data / "blobs", server.data / "away"
    blobs.rename(away)
    check_all(s3)
    assert status(server, f"/kept/{20 << 20}") == "us-west-9"
    with pytest.raises(ClientError) as refused:
        boto(server, retries={"max_attempts": 0}).put_object(Bucket="kept", Key="refused", Body=pattern(50_000))
    told = refused.value.response["ResponseMetadata"]
    assert (told["HTTPStatusCode"], told["HTTPHeaders"].get("retry-after")) == (503, "2")
    # It comes back, and takes writes again.
    away.rename(blobs)
    wait_for_all(server, BOTH)
    wait_for(True, lambda: puts(server, "later"))
    # It goes for good, and another is made and filled; nobody starts anything.
    blobs.rename(away)
    check_all(s3)
    wait_for_all(server, BOTH)
    assert puts(server, "later")
    s3.delete_object(Bucket="kept", Key="later")
    assert list((blobs / "files").glob("*/*"))
    check_all(s3)
    remove(away)

    # Home goes before anybody asked.
    for path in (blobs / "files").glob("*/*"):
        path.unlink()
    for path in (blobs / "segments").iterdir():
        path.write_bytes(bytes(path.stat().st_size))
    remove(blobs)
    check_all(s3)
    server.kill()

    # Home comes back empty.
    server = start(tmp_path)
    s3 = boto(server)
    check_all(s3)
    wait_for_all(server, BOTH)
    assert server.stop() == 0
    assert fsck(server.data)["damages"] == 0, "home has all, without a word of the other"

    # Home alone is a whole store, and a bit that flips in it is healed from the other.
    shutil.rmtree(tmp_path / "west")
    server = start(tmp_path)
    s3 = boto(server)
    check_all(s3)
    wait_for_all(server, BOTH)
    for path in (*(blobs / "files").glob("*/*"), *(blobs / "segments").iterdir()):
        body = bytearray(path.read_bytes())
        body[70] ^= 1
        path.write_bytes(body)
    check_all(s3)
    wait_for_all(server, BOTH)
    metrics = requests.get(f"{server.ops}/metrics", timeout=10).text
    assert f'baleen_region_extents_left{{region="{REGION}"}} 0' in metrics
    assert f'baleen_region_healed_extents_total{{region="{REGION}"}} 0' not in metrics
    for volume in ("blobs", "metadata", "region us-west-9"):
        (size,) = re.findall(rf'baleen_disk_size_bytes{{volume="{volume}"}} (\d+)', metrics)
        (free,) = re.findall(rf'baleen_disk_free_bytes{{volume="{volume}"}} (\d+)', metrics)
        assert 0 < int(free) < int(size), volume
    named = set(re.findall(r"^# HELP (\S+) \S", metrics, re.M))
    assert named == set(re.findall(r"^# TYPE (\S+) ", metrics, re.M)) and len(named) > 20
    for task in tasks(server).values():
        assert task["lastError"] is None, task
    s3.delete_object(Bucket="kept", Key="parts")
    wait_for(2, lambda: len(list((tmp_path / "west" / "files").glob("*/*"))))
    assert server.stop() == 0

    # Who forgets to set the other region is told so.
    told = subprocess.run([Baleen.binary(), "fsck", "--quick", "--data", server.data], capture_output=True, text=True, timeout=60)
    assert told.returncode == 0 and "not looked at: region us-west-9: it is not set" in told.stdout, told
    assert "no damage; 1 region not looked at" in told.stdout
    assert fsck(server.data)["unlooked"][0]["region"] == "us-west-9"

    # A folder that is gone is no store without damage.
    (tmp_path / "west").rename(tmp_path / "elsewhere")
    words = [Baleen.binary(), "fsck", "--data", server.data]
    env = {"BALEEN_REGIONS": f"us-west-9={tmp_path}/west"}
    told = subprocess.run(words, capture_output=True, text=True, timeout=60, env=env)
    assert told.returncode == 1 and "1 region missing; no damage elsewhere" in told.stdout, told
    assert fsck(server.data, REGIONS=f"us-west-9={tmp_path}/west")["unlooked"][0]["isMissing"] is True
    assert not (tmp_path / "west").exists()
    (tmp_path / "elsewhere").rename(tmp_path / "west")

    # A check of the folders finds what nobody has read, and has it healed by the next server.
    def check():
        found = fsck(server.data, REGIONS=f"us-west-9={tmp_path}/west")
        home, _, west = found["areas"]
        assert found["unlooked"] == []
        assert west["name"] == "region us-west-9" and west["liveBytes"] == home["liveBytes"] < west["allocatedBytes"]
        return found["objects"], found["damages"], found["healable"]

    assert check() == (3, 0, 0)
    for folder in (blobs / "files", tmp_path / "west" / "files"):
        path = max(folder.glob("*/*"), key=lambda path: path.stat().st_size)
        body = bytearray(path.read_bytes())
        body[(5 if folder.parent == blobs else 9) << 20] ^= 1
        path.write_bytes(body)
    assert check() == (3, 0, 2)

    # A backup has what either of them has, by the same settings; without the other it says what it lacks, and of what.
    def backup(to, **settings):
        words = [Baleen.binary(), "backup", "--data", server.data, "--to", tmp_path / to, "--json"]
        env = {f"BALEEN_{name}": value for name, value in settings.items()}
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, env=env)
        return done.returncode, json.loads(done.stdout)

    code, made = backup("half")
    assert (code, made["damagedOf"], made["unlooked"][0]["region"]) == (1, [f"kept/{20 << 20} (version null)"], "us-west-9")
    code, made = backup("whole", REGIONS=f"us-west-9={tmp_path}/west")
    assert (code, made["damagedOf"], made["unlooked"], made["fromElsewhere"]) == (0, [], [], 1)
    server = start(tmp_path)
    wait_for_all(server, BOTH, [str(20 << 20)])
    assert server.stop() == 0
    assert check() == (3, 0, 0)
