"""`baleen backup` and `baleen restore`: a store that moves, by itself and by hand; killed in the middle, and damaged."""

import json
import shutil
import subprocess
import time

import requests
from conftest import boto, pattern
from harness import Baleen

SIZES = (0, 100, 50_000, 20 << 20)


def command(*words):
    return subprocess.run([Baleen.binary(), *map(str, words)], capture_output=True, text=True, timeout=120)


def told(*words):
    done = command(*words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def filled(server):
    s3 = boto(server)
    s3.create_bucket(Bucket="kept")
    s3.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
    for length in SIZES:
        s3.put_object(Bucket="kept", Key=f"of {length}", Body=pattern(length, 1))
        s3.put_object(Bucket="kept", Key=f"sealed {length}", Body=pattern(length, 2), ServerSideEncryption="AES256")
    s3.put_object(Bucket="kept", Key="of 100", Body=b"newer")
    return s3


def all_of(s3):
    found = {}
    for version in s3.list_object_versions(Bucket="kept")["Versions"]:
        name = {"Bucket": "kept", "Key": version["Key"], "VersionId": version["VersionId"]}
        body = s3.get_object(**name)
        found[version["Key"], version["VersionId"]] = (body["ETag"], body["LastModified"], body["Body"].read())
    return found


def serving(data, of):
    """The restored store, whose root has the credentials that it had."""
    shutil.copy(of / "root-credentials.json", data / "root-credentials.json")
    return Baleen.start(data)


def test_a_store_moves(tmp_path):
    server = Baleen.start(tmp_path / "data")
    s3 = filled(server)
    before = all_of(s3)
    backups = tmp_path / "backups"
    busy = command("backup", "--data", server.data, "--to", backups)
    assert busy.returncode == 1 and "backup.folder" in busy.stderr, busy.stderr
    assert server.stop() == 0

    first = command("backup", "--data", server.data, "--to", backups)
    assert first.returncode == 0, first.stderr
    assert "master key 1 is not in it" in first.stderr and str(server.data / "master.key") in first.stderr
    second = told("backup", "--data", server.data, "--to", backups)
    assert (second["backup"], second["copied"], second["damaged"]) == (2, 0, [])
    assert second["extents"] == 4 and second["masterKeys"] == [1] and not second["hasMasterKey"]
    assert told("backup", "--verify", backups)["damaged"] == []
    assert not list(backups.rglob("master.key"))

    full = command("restore", "--from", backups, "--data", server.data)
    assert full.returncode == 1 and "is not empty" in full.stderr, full.stderr
    moved = tmp_path / "moved"
    restored = command("restore", "--from", backups, "--data", moved)
    assert restored.returncode == 0, restored.stderr
    assert f"put the file at {moved / 'master.key'}" in restored.stderr
    refused = command("serve", "--data", moved, "--listen-s3", "127.0.0.1:0")
    assert refused.returncode != 0 and "master" in refused.stderr, refused.stderr
    shutil.copy(server.data / "master.key", moved / "master.key")
    assert told("fsck", "--data", moved)["damages"] == 0
    server = serving(moved, server.data)
    s3 = boto(server)
    assert all_of(s3) == before
    s3.put_object(Bucket="kept", Key="more", Body=pattern(50_000))
    assert s3.get_object(Bucket="kept", Key="more")["Body"].read() == pattern(50_000)
    assert server.stop() == 0

    # It is another store: beside the first it would remove its backups.
    beside = command("backup", "--data", moved, "--to", backups, "--keep", "1")
    assert beside.returncode == 1 and "another store" in beside.stderr, beside.stderr
    backups = tmp_path / "backups of its own"
    with_key = command("backup", "--data", moved, "--to", backups, "--with-master-key", "--keep", "1")
    assert with_key.returncode == 0 and "whoever can read" in with_key.stderr, with_key.stderr
    assert len(list((backups / "backups").iterdir())) == 1
    again = tmp_path / "again"
    assert told("restore", "--from", backups, "--data", again)["hasMasterKey"]
    assert told("fsck", "--data", again)["damages"] == 0


def test_a_server_backs_itself_up(tmp_path):
    backups = tmp_path / "backups"
    server = Baleen.start(tmp_path / "data", BACKUP_FOLDER=str(backups), BACKUP_EVERY="1m", BACKUP_KEEP="2")
    deadline = time.monotonic() + 60
    while True:
        tasks = {task["task"]: task for task in requests.get(f"{server.ops}/background", timeout=10).json()}
        task = tasks["backup of the store"]
        if task["runs"] > 0 or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    assert (task["runs"], task["lastError"]) == (1, None) and "backup 1 made" in task["progress"], task
    assert "baleen_backup_age_seconds" in requests.get(f"{server.ops}/metrics", timeout=10).text
    assert server.stop() == 0
    moved = tmp_path / "moved"
    assert told("restore", "--from", backups, "--data", moved)["backup"] == 1
    shutil.copy(server.data / "master.key", moved / "master.key")
    assert told("fsck", "--data", moved)["damages"] == 0
    # The settings name the folder for the command as well.
    named = tmp_path / "baleen.toml"
    named.write_text(f'backup.folder = "{backups}"\n')
    assert told("backup", "--config", named, "--data", server.data)["backup"] == 2


def test_killed_in_the_middle_and_damaged(tmp_path):
    server = Baleen.start(tmp_path / "data")
    s3 = filled(server)
    assert server.stop() == 0
    backups = tmp_path / "backups"
    told("backup", "--data", server.data, "--to", backups)
    server = Baleen.start(server.data)
    s3 = boto(server)
    for n in range(12):
        s3.put_object(Bucket="kept", Key=f"new {n}", Body=pattern(17 << 20, n))
    assert server.stop() == 0
    for patience in (0.05, 0.2, 0.4, 0.8):
        making = subprocess.Popen([Baleen.binary(), "backup", "--data", server.data, "--to", backups])
        time.sleep(patience)
        making.kill()
        making.wait()
    whole = told("backup", "--verify", backups)
    assert whole["damaged"] == [] and whole["backups"] >= 1
    assert told("restore", "--from", backups, "--backup", "1", "--data", tmp_path / "old")["backup"] == 1
    made = told("backup", "--data", server.data, "--to", backups)
    assert made["extents"] == 16 and made["damaged"] == []
    assert told("restore", "--from", backups, "--data", tmp_path / "new")["extents"] == 16

    path = max((path for path in (backups / "extents").rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    body = bytearray(path.read_bytes())
    body[1 << 20] ^= 1
    path.write_bytes(body)
    bad = command("backup", "--verify", backups)
    assert bad.returncode == 1 and path.name in bad.stdout, bad.stdout
    refused = command("restore", "--from", backups, "--data", tmp_path / "bad")
    assert refused.returncode == 1 and "the backup is damaged" in refused.stderr, refused.stderr
    assert path.name in refused.stderr and "--skip-damaged" in refused.stderr, refused.stderr
    assert not (tmp_path / "bad").exists()
    rest = command("restore", "--from", backups, "--data", tmp_path / "rest", "--skip-damaged", "--json")
    rested = json.loads(rest.stdout)
    assert rest.returncode == 1 and rested["extents"] == 15 and path.name in rested["skipped"][0], rest.stdout
