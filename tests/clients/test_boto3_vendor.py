"""The vendor's calls, signed by botocore as the document has them, their links as a browser follows them, and renaming."""

import datetime
import time
import urllib.parse
import urllib.request

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
import requests
from botocore.exceptions import ClientError

from harness import REGION
from identity import Keys, allow, document, good, new_user, remove_user


def s3_call(store, method="GET", path="/", query="", body=b"", more=None, **form):
    """A request as botocore signs it for S3; a form, if there is one, is the body."""
    url = store.s3 + path + (f"?{query}" if query else "")
    headers = dict(more or {})
    if form:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    data = urllib.parse.urlencode(form).encode() if form else body
    request = botocore.awsrequest.AWSRequest(method=method, url=url, data=data, headers=headers)
    token = getattr(store, "session_token", "") or None
    keys = botocore.credentials.Credentials(store.access_key, store.secret_key, token)
    botocore.auth.S3SigV4Auth(keys, "s3", REGION).add_auth(request)
    prepared = request.prepare()
    return requests.request(method, prepared.url, data=data, headers=dict(prepared.headers), timeout=30)


def link_for(store, path, **ahead):
    until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**ahead)
    return s3_call(store, "POST", path, "rs-presign=", ExpirationDate=until.strftime("%Y-%m-%dT%H:%M:%S.123Z"))


def test_what_a_bucket_holds(baleen, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=bytes(57300))
    region = s3.head_bucket(Bucket=bucket)["BucketRegion"]
    info = good(s3_call(baleen, path=f"/{bucket}", query="rs-info="))
    assert info.headers["Content-Type"] == "application/json"
    assert info.json() == {"bucketSize": 57300, "replicationPolicy": [region], "isPublic": False}
    stats = good(s3_call(baleen, query="rs-bucket-stats")).json()
    assert stats[bucket] == {"size": 57300, "objects": 1, "replicationPolicy": [region]}
    assert set(stats) == {each["Name"] for each in s3.list_buckets()["Buckets"]}


@pytest.mark.parametrize("key", ["path/to/object", "a b+c/größe&=?#%", "a//b"])
def test_a_link_is_followed(baleen, s3, bucket, key):
    s3.put_object(Bucket=bucket, Key=key, Body=b"data")
    path = f"/{bucket}/{urllib.parse.quote(key)}"
    answer = good(link_for(baleen, path, days=29)).json()
    assert answer["accessKeyId"] == baleen.access_key
    assert answer["link"].startswith(baleen.s3 + path + "?")
    assert urllib.request.urlopen(answer["link"]).read() == b"data"
    broken = answer["link"].replace("X-Amz-Expires=", "X-Amz-Expires=1")
    assert requests.get(broken, timeout=30).status_code in (400, 403)


def test_a_link_ends_with_its_key(baleen, iam, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"data")
    name, keys = new_user(baleen, iam)
    assert link_for(keys, f"/{bucket}/k", days=1).status_code == 403
    reads = document(allow("s3:GetObject", resource=f"arn:aws:s3:::{bucket}/*"))
    iam.put_user_policy(UserName=name, PolicyName="reads", PolicyDocument=reads)
    link = good(link_for(keys, f"/{bucket}/k", days=1)).json()["link"]
    assert requests.get(link, timeout=30).content == b"data"
    iam.update_access_key(UserName=name, AccessKeyId=keys.access_key, Status="Inactive")
    assert requests.get(link, timeout=30).status_code == 403
    remove_user(iam, name)


def test_a_link_of_a_session_ends_with_it(baleen, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"data")
    made = Keys(baleen.s3, baleen.access_key, baleen.secret_key).client("sts").get_session_token(DurationSeconds=3600)
    made = made["Credentials"]
    session = Keys(baleen.s3, made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])
    assert link_for(session, f"/{bucket}/k", hours=2).status_code == 400
    link = good(link_for(session, f"/{bucket}/k", minutes=30)).json()["link"]
    assert requests.get(link, timeout=30).content == b"data"


def test_renaming(s3, bucket):
    stored = s3.put_object(Bucket=bucket, Key="old name/ü", Body=b"data", Metadata={"colour": "blue"}, Tagging="a=1")
    source = f"/{bucket}/" + urllib.parse.quote("old name/ü")
    s3.rename_object(Bucket=bucket, Key="new name", RenameSource=source, DestinationIfNoneMatch="*")
    read = s3.get_object(Bucket=bucket, Key="new name")
    assert (read["ETag"], read["Metadata"], read["TagCount"]) == (stored["ETag"], {"colour": "blue"}, 1)
    assert [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["new name"]
    with pytest.raises(ClientError) as refused:
        s3.rename_object(Bucket=bucket, Key="other", RenameSource=source)
    assert refused.value.response["Error"]["Code"] == "NoSuchKey"
    s3.put_object(Bucket=bucket, Key="other", Body=b"other")
    with pytest.raises(ClientError) as refused:
        s3.rename_object(Bucket=bucket, Key="other", RenameSource=f"/{bucket}/new%20name", DestinationIfNoneMatch="*")
    assert refused.value.response["Error"]["Code"] == "PreconditionFailed"


def test_speed_both_ways(baleen, iam):
    name, keys = new_user(baleen, iam)
    for method, path in (("GET", "/speedtest/download"), ("PUT", "/speedtest/upload")):
        assert s3_call(keys, method, path, body=b"x" if method == "PUT" else b"").status_code == 403
    remove_user(iam, name)
    assert s3_call(baleen, "PUT", "/speedtest/upload", body=bytes(1 << 20)).status_code == 204
    begun = time.monotonic()
    # The tests are the first root's, which is a reseller's.
    url = Keys(baleen.s3, baleen.access_key, baleen.secret_key).client("s3", signature_version="s3v4").generate_presigned_url(
        "get_object", Params={"Bucket": "speedtest", "Key": "download"}
    )
    received = 0
    with requests.get(url, stream=True, timeout=30) as answer:
        assert answer.status_code == 200, answer.text
        for piece in answer.iter_content(1 << 20):
            received += len(piece)
    assert received > 1 << 20
    assert 9 < time.monotonic() - begun < 25
