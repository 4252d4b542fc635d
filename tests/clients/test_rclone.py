"""rclone: copies, comparisons, deletions; with its defaults, and with small parts."""

import json

import pytest

from conftest import keys_of, pattern

FILES = {
    "one": b"1",
    "empty": b"",
    "dir/two words": b"22",
    "dir/ü/日本": pattern(70_000),
    "dir/sub/%41+&=": b"escapes",
    "large": pattern((12 << 20) + 3),
}


@pytest.fixture
def rclone(run, tmp_path):
    config = tmp_path / "rclone.conf"
    config.touch()
    return lambda *words, **more: run("rclone", "--config", config, "--retries", "1", *words, **more)


@pytest.fixture
def tree(tmp_path):
    for name, body in FILES.items():
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return tmp_path / "tree"


def listed(rclone, place):
    entries = json.loads(rclone("lsjson", "--recursive", "--files-only", "--hash", place).stdout)
    return {entry["Path"]: entry for entry in entries}


@pytest.mark.parametrize("flags", [[], ["--s3-chunk-size", "5Mi", "--s3-upload-cutoff", "5Mi"]], ids=["defaults", "parts"])
def test_a_tree_there_and_back(rclone, bucket, tree, tmp_path, flags):
    there = f"b:{bucket}/t"
    rclone("copy", tree, there, *flags)
    rclone("check", tree, there)
    rclone("check", "--download", tree, there)
    entries = listed(rclone, there)
    assert {name: entry["Size"] for name, entry in entries.items()} == {name: len(body) for name, body in FILES.items()}
    # Nothing differs, so nothing is sent again: times are kept as metadata.
    assert "Transferred:" not in rclone("copy", "-v", tree, there).stderr.replace("Transferred:   \t          0 B", "")
    back = tmp_path / "back"
    rclone("copy", there, back)
    for name, body in FILES.items():
        assert (back / name).read_bytes() == body, name


def test_sync_removes_what_is_gone(rclone, s3, bucket, tree):
    there = f"b:{bucket}/t"
    rclone("sync", tree, there)
    (tree / "dir" / "two words").unlink()
    (tree / "one").write_bytes(b"changed")
    rclone("sync", tree, there)
    assert "t/dir/two words" not in keys_of(s3, bucket)
    assert rclone("cat", f"{there}/one").stdout == "changed"


def test_names_and_sizes(rclone, bucket, tree):
    rclone("copy", tree, f"b:{bucket}")
    assert sorted(rclone("lsf", f"b:{bucket}").stdout.split()) == ["dir/", "empty", "large", "one"]
    assert rclone("lsf", f"b:{bucket}/dir/ü").stdout.strip() == "日本"
    size = json.loads(rclone("size", "--json", f"b:{bucket}").stdout)
    assert (size["count"], size["bytes"]) == (len(FILES), sum(map(len, FILES.values())))
    assert bucket in rclone("lsd", "b:").stdout


def test_moving_within_the_store(rclone, s3, bucket, tree):
    rclone("copy", tree, f"b:{bucket}/t")
    rclone("moveto", f"b:{bucket}/t/large", f"b:{bucket}/moved")
    assert s3.head_object(Bucket=bucket, Key="moved")["ContentLength"] == len(FILES["large"])
    assert "t/large" not in keys_of(s3, bucket)


def test_streams_of_unknown_length(rclone, s3, bucket, run, tmp_path):
    (tmp_path / "rclone.conf").touch()
    run("sh", "-c", f"printf streamed | rclone --config {tmp_path}/rclone.conf rcat b:{bucket}/k")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"streamed"


def test_deleting(rclone, s3, bucket, tree):
    rclone("copy", tree, f"b:{bucket}/t")
    rclone("deletefile", f"b:{bucket}/t/one")
    rclone("purge", f"b:{bucket}/t/dir")
    assert keys_of(s3, bucket) == ["t/empty", "t/large"]
    rclone("delete", f"b:{bucket}/t")
    assert keys_of(s3, bucket) == []


def test_buckets(rclone, s3):
    rclone("mkdir", "b:made-by-rclone")
    assert "made-by-rclone" in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    rclone("rmdir", "b:made-by-rclone")
    assert "made-by-rclone" not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
