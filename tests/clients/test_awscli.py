"""The AWS command line with its default settings."""

import json

import pytest

from conftest import keys_of, pattern


@pytest.fixture
def aws(run):
    return lambda *words, **more: run("aws", *words, **more)


@pytest.fixture
def tree(tmp_path):
    """A folder with names that matter, and a file large enough for a multipart upload (above 8 MiB)."""
    files = {"one": b"1", "a b/ü.txt": b"umlaut", "deep/er/two": pattern(70_000), "empty": b"", "large": pattern((17 << 20) + 5)}
    for name, body in files.items():
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return tmp_path / "tree", files


def test_buckets(aws, s3):
    aws("s3", "mb", "s3://by-the-cli")
    assert "by-the-cli" in aws("s3", "ls").stdout
    aws("s3", "rb", "s3://by-the-cli")
    gone = aws("s3", "ls", "s3://by-the-cli", check=False)
    assert gone.returncode != 0
    assert "NoSuchBucket" in gone.stderr


def test_copying_there_and_back(aws, bucket, tmp_path):
    (tmp_path / "from").write_bytes(pattern((9 << 20) + 1))
    aws("s3", "cp", tmp_path / "from", f"s3://{bucket}/dir/k", "--content-type", "text/x", "--metadata", "case=17")
    aws("s3", "cp", f"s3://{bucket}/dir/k", f"s3://{bucket}/copy")
    aws("s3", "cp", f"s3://{bucket}/copy", tmp_path / "to")
    assert (tmp_path / "to").read_bytes() == (tmp_path / "from").read_bytes()
    head = json.loads(aws("s3api", "head-object", "--bucket", bucket, "--key", "dir/k").stdout)
    assert (head["ContentType"], head["Metadata"]) == ("text/x", {"case": "17"})
    aws("s3", "mv", f"s3://{bucket}/copy", f"s3://{bucket}/moved")
    listed = aws("s3", "ls", f"s3://{bucket}", "--recursive", "--summarize").stdout
    assert "dir/k" in listed and "moved" in listed and "Total Objects: 2" in listed


def test_from_standard_input_and_to_standard_output(aws, bucket, run):
    run("sh", "-c", f"printf streamed | aws s3 cp - s3://{bucket}/k")
    assert aws("s3", "cp", f"s3://{bucket}/k", "-").stdout == "streamed"


def test_folders_are_kept_in_step(aws, s3, bucket, tree, tmp_path):
    folder, files = tree
    aws("s3", "sync", folder, f"s3://{bucket}/t")
    assert keys_of(s3, bucket) == sorted((f"t/{name}" for name in files), key=lambda key: key.encode())
    assert aws("s3", "sync", folder, f"s3://{bucket}/t").stdout == ""
    aws("s3", "sync", f"s3://{bucket}/t", tmp_path / "back")
    for name, body in files.items():
        assert (tmp_path / "back" / name).read_bytes() == body, name
    (folder / "one").unlink()
    aws("s3", "sync", "--delete", folder, f"s3://{bucket}/t")
    assert "t/one" not in keys_of(s3, bucket)
    aws("s3", "rm", "--recursive", f"s3://{bucket}/t")
    assert keys_of(s3, bucket) == []


def test_the_api_commands(aws, bucket, tmp_path):
    (tmp_path / "body").write_bytes(b"0123456789")
    aws("s3api", "put-object", "--bucket", bucket, "--key", "k", "--body", tmp_path / "body")
    aws("s3api", "get-object", "--bucket", bucket, "--key", "k", "--range", "bytes=2-4", tmp_path / "cut")
    assert (tmp_path / "cut").read_bytes() == b"234"
    page = json.loads(aws("s3api", "list-objects-v2", "--bucket", bucket, "--max-items", "1").stdout)
    assert [entry["Key"] for entry in page["Contents"]] == ["k"]
    begun = json.loads(aws("s3api", "create-multipart-upload", "--bucket", bucket, "--key", "m").stdout)
    aws("s3api", "abort-multipart-upload", "--bucket", bucket, "--key", "m", "--upload-id", begun["UploadId"])
    missing = aws("s3api", "head-object", "--bucket", bucket, "--key", "none", check=False)
    assert "404" in missing.stderr


def test_links_for_curl(aws, s3, bucket, run, tmp_path):
    s3.put_object(Bucket=bucket, Key="a b/ü+%", Body=b"by link")
    # Left to itself this command presigns with SigV2 in us-east-1.
    link = aws("s3", "presign", f"s3://{bucket}/a b/ü+%", "--expires-in", "60").stdout.strip()
    assert run("curl", "--silent", "--show-error", "--fail", link).stdout == "by link"
    config = tmp_path / "config"
    config.write_text("[default]\ns3 =\n  signature_version = s3v4\n")
    link = aws("s3", "presign", f"s3://{bucket}/a b/ü+%", "--expires-in", "60", AWS_CONFIG_FILE=str(config)).stdout.strip()
    assert "X-Amz-Signature" in link
    assert run("curl", "--silent", "--show-error", "--fail", link).stdout == "by link"
