"""s3cmd: its own signing, its own way to keep times and checksums in metadata, small parts."""

import json

import pytest

from conftest import keys_of, pattern

FILES = {"one": b"1", "empty": b"", "two words": b"22", "dir/ü/日本": pattern(70_000), "dir/%41+&=": b"escapes"}
LARGE = pattern((11 << 20) + 3)


@pytest.fixture(params=["SigV4", "SigV2"])
def s3cmd(request, run, store, tmp_path):
    address = store.s3.removeprefix("http://")
    config = tmp_path / "s3cfg"
    config.write_text(
        f"[default]\nhost_base = {address}\nhost_bucket = {address}\nuse_https = False\n"
        f"access_key = {store.access_key}\nsecret_key = {store.secret_key}\nsignature_v2 = {request.param == 'SigV2'}\n"
    )
    return lambda *words, **more: run("s3cmd", "--config", config, "--no-progress", *words, **more)


@pytest.fixture
def tree(tmp_path):
    for name, body in FILES.items():
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return tmp_path / "tree"


def test_buckets(s3cmd, s3):
    s3cmd("mb", "s3://by-s3cmd")
    assert "s3://by-s3cmd" in s3cmd("ls").stdout
    s3cmd("rb", "s3://by-s3cmd")
    gone = s3cmd("ls", "s3://by-s3cmd", check=False)
    assert gone.returncode != 0 and "NoSuchBucket" in gone.stderr


def test_a_tree_there_and_back(s3cmd, s3, bucket, tree, tmp_path):
    s3cmd("sync", f"{tree}/", f"s3://{bucket}/t/")
    assert keys_of(s3, bucket) == sorted((f"t/{name}" for name in FILES), key=str.encode)
    # Sizes and MD5s are compared with the listing: nothing is sent again.
    assert "upload:" not in s3cmd("sync", f"{tree}/", f"s3://{bucket}/t/").stdout
    s3cmd("sync", f"s3://{bucket}/t/", f"{tmp_path}/back/")
    for name, body in FILES.items():
        assert (tmp_path / "back" / name).read_bytes() == body, name
    (tree / "one").unlink()
    s3cmd("sync", "--delete-removed", f"{tree}/", f"s3://{bucket}/t/")
    assert "t/one" not in keys_of(s3, bucket)
    s3cmd("del", "--recursive", "--force", f"s3://{bucket}/t/")
    assert keys_of(s3, bucket) == []


def test_parts(s3cmd, s3, bucket, tmp_path):
    (tmp_path / "large").write_bytes(LARGE)
    s3cmd("put", "--multipart-chunk-size-mb=5", tmp_path / "large", f"s3://{bucket}/large")
    s3cmd("cp", f"s3://{bucket}/large", f"s3://{bucket}/copy")
    s3cmd("mv", f"s3://{bucket}/copy", f"s3://{bucket}/moved")
    s3cmd("get", f"s3://{bucket}/moved", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == LARGE
    assert s3.head_object(Bucket=bucket, Key="large")["ETag"].endswith('-3"')
    assert keys_of(s3, bucket) == ["large", "moved"]
    assert "NoSuchUpload" not in s3cmd("multipart", f"s3://{bucket}").stderr


def test_what_is_said_of_an_object(s3cmd, s3, bucket, tmp_path):
    (tmp_path / "k").write_bytes(b"0123456789")
    s3cmd("put", "--add-header=Cache-Control: max-age=60", "--mime-type=text/x", tmp_path / "k", f"s3://{bucket}/k")
    told = s3cmd("info", f"s3://{bucket}/k").stdout
    assert "text/x" in told and "File size: 10" in told
    s3cmd("modify", "--add-header=x-amz-meta-case: 17", f"s3://{bucket}/k")
    head = s3.head_object(Bucket=bucket, Key="k")
    assert (head["Metadata"]["case"], head["ContentType"], head["CacheControl"]) == ("17", "text/x", "max-age=60")
    assert s3cmd("get", f"s3://{bucket}/k", "-").stdout == "0123456789"
    assert s3cmd("du", f"s3://{bucket}").stdout.split()[0] == "10"


def test_settings_of_a_bucket(s3cmd, s3, bucket, tmp_path):
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/p/*"}]}
    (tmp_path / "policy").write_text(json.dumps(policy))
    s3cmd("setpolicy", tmp_path / "policy", f"s3://{bucket}")
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"]) == policy
    s3cmd("delpolicy", f"s3://{bucket}")
    rule = "<CORSRule><AllowedOrigin>https://a.example</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule>"
    (tmp_path / "cors").write_text(f"<CORSConfiguration>{rule}</CORSConfiguration>")
    s3cmd("setcors", tmp_path / "cors", f"s3://{bucket}")
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"][0]["AllowedOrigins"] == ["https://a.example"]
    s3cmd("delcors", f"s3://{bucket}")
    told = s3cmd("info", f"s3://{bucket}").stdout
    assert "Policy:    none" in told and "CORS:      none" in told


def test_tags(s3cmd, bucket, tmp_path):
    (tmp_path / "k").write_bytes(b"1")
    s3cmd("put", tmp_path / "k", f"s3://{bucket}/k")
    for of in (f"s3://{bucket}/k", f"s3://{bucket}"):
        s3cmd("settagging", of, "a=1&b=2")
        assert "a:\t1" in s3cmd("gettagging", of).stdout
        s3cmd("deltagging", of)


def test_links(s3cmd, run, bucket, tmp_path):
    (tmp_path / "k").write_bytes(b"by link")
    s3cmd("put", tmp_path / "k", f"s3://{bucket}/a b+ü")
    link = s3cmd("signurl", f"s3://{bucket}/a b+ü", "+60").stdout.strip()
    assert run("curl", "--silent", "--show-error", "--fail", link).stdout == "by link"


def test_wrong_keys(s3cmd, bucket):
    refused = s3cmd("--secret_key=wrong", "ls", f"s3://{bucket}", check=False)
    assert refused.returncode != 0 and "SignatureDoesNotMatch" in refused.stderr
