"""boto3 and bare HTTP: who is let in, and what a signature covers."""

import time

import pytest
import requests

from conftest import boto
from harness import Store
from test_boto3 import read, refused

pytestmark = pytest.mark.usefixtures("baleen")


@pytest.fixture(scope="module", autouse=True)
def only_baleen(request):
    if request.config.getoption("--against") != "baleen":
        pytest.skip("moto checks no signatures")


def test_wrong_keys(store, bucket):
    stranger = boto(Store(store.s3, "AKSTRANGER0000000000", store.secret_key))
    refused("InvalidAccessKeyId", 403, stranger.list_objects_v2, Bucket=bucket)
    liar = boto(Store(store.s3, store.access_key, "wrong"))
    refused("SignatureDoesNotMatch", 403, liar.list_objects_v2, Bucket=bucket)
    refused("SignatureDoesNotMatch", 403, liar.put_object, Bucket=bucket, Key="k", Body=b"x")


def test_nobody_is_let_in(store, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"secret")
    for method, path in [("GET", f"/{bucket}/k"), ("GET", f"/{bucket}"), ("GET", "/"), ("DELETE", f"/{bucket}/k")]:
        answer = requests.request(method, store.s3 + path, timeout=10)
        assert answer.status_code == 403, path
        assert "secret" not in answer.text
    # Whether something is there is nobody's business either.
    there, not_there = (requests.get(f"{store.s3}/{bucket}/{key}", timeout=10) for key in ("k", "none"))
    assert there.status_code == not_there.status_code
    assert read(s3, bucket, "k") == b"secret"


def test_every_answer_has_a_request_id(store, s3, bucket):
    ids = {s3.list_buckets()["ResponseMetadata"]["RequestId"] for _ in range(3)}
    assert len(ids) == 3
    answer = refused("NoSuchKey", 404, s3.get_object, Bucket=bucket, Key="none")
    assert answer["ResponseMetadata"]["RequestId"]
    bare = requests.get(f"{store.s3}/{bucket}", timeout=10)
    assert bare.headers["x-amz-request-id"] in bare.text


@pytest.fixture(scope="module")
def presign(store):
    signer = boto(store, signature_version="s3v4")

    def link(operation, seconds=60, **parameters):
        return signer.generate_presigned_url(operation, Params=parameters, ExpiresIn=seconds)

    return link


def test_presigned_links(presign, bucket):
    link = presign("put_object", Bucket=bucket, Key="a b/ü")
    assert requests.put(link, data=b"by link", timeout=10).status_code == 200
    link = presign("get_object", Bucket=bucket, Key="a b/ü", ResponseContentType="text/x", ResponseContentDisposition="inline")
    answer = requests.get(link, timeout=10)
    assert (answer.status_code, answer.content) == (200, b"by link")
    assert (answer.headers["content-type"], answer.headers["content-disposition"]) == ("text/x", "inline")
    assert requests.get(link, headers={"Range": "bytes=3-"}, timeout=10).content == b"link"
    assert requests.put(link, data=b"x", timeout=10).status_code == 403
    assert requests.delete(presign("delete_object", Bucket=bucket, Key="a b/ü"), timeout=10).status_code == 204


def test_presigned_links_cannot_be_bent(presign, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"k")
    s3.put_object(Bucket=bucket, Key="other", Body=b"other")
    link = presign("get_object", Bucket=bucket, Key="k")
    bent = [
        link.replace(f"{bucket}/k?", f"{bucket}/other?"),
        link + "&response-content-type=text/html",
        link.replace("X-Amz-Expires=60", "X-Amz-Expires=6000"),
        link[:-1] + ("0" if link[-1] != "0" else "1"),
    ]
    for url in bent:
        assert requests.get(url, timeout=10).status_code == 403, url
    put = presign("put_object", Bucket=bucket, Key="k")
    stolen = requests.put(put, headers={"x-amz-copy-source": f"/{bucket}/other"}, timeout=10)
    assert stolen.status_code == 403
    assert read(s3, bucket, "k") == b"k"


def test_presigned_links_end(presign, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"k")
    link = presign("get_object", seconds=1, Bucket=bucket, Key="k")
    deadline = time.monotonic() + 30
    while (answer := requests.get(link, timeout=10)).status_code == 200 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert answer.status_code == 403
    assert "<Code>AccessDenied</Code>" in answer.text


def test_what_is_not_built_says_so(s3, bucket):
    answer = refused(
        "NotImplemented", 501, s3.put_bucket_accelerate_configuration, Bucket=bucket, AccelerateConfiguration={"Status": "Enabled"}
    )
    assert answer["Error"]["Message"]


def test_paths_do_not_lead_out_of_the_bucket(store, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"k")
    other = f"{bucket}-other"
    s3.create_bucket(Bucket=other)
    for path in [f"/{other}/../{bucket}/k", f"/{other}/%2e%2e/{bucket}/k"]:
        host, _, port = store.s3.removeprefix("http://").partition(":")
        request = requests.Request("GET", store.s3).prepare()
        request.url = f"http://{host}:{port}{path}"
        with requests.Session() as session:
            assert session.send(request, timeout=10).status_code in (400, 403, 404)
    refused("NoSuchKey", 404, s3.get_object, Bucket=other, Key=f"../{bucket}/k")
    s3.delete_bucket(Bucket=other)


def test_links_with_defaults(s3, bucket):
    """Left to itself, boto3 presigns with SigV2 in us-east-1."""
    s3.put_object(Bucket=bucket, Key="a b/ü+", Body=b"by link")
    link = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a b/ü+"})
    assert requests.get(link, timeout=10).content == b"by link"
