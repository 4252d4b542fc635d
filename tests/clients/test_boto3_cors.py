"""CORS rules through boto3, and what they make of a browser's requests."""

import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError

from conftest import boto

RULE = {
    "ID": "page",
    "AllowedOrigins": ["https://*.example.com"],
    "AllowedMethods": ["GET", "PUT"],
    "AllowedHeaders": ["*"],
    "ExposeHeaders": ["ETag"],
    "MaxAgeSeconds": 600,
}


def preflight(store, bucket, **headers):
    request = urllib.request.Request(f"{store.s3}/{bucket}/k", method="OPTIONS", headers=headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.headers
    except urllib.error.HTTPError as refused:
        return refused.code, refused.headers


def test_rules_are_kept_and_answer_browsers(s3, store, bucket):
    with pytest.raises(ClientError, match="NoSuchCORSConfiguration"):
        s3.get_bucket_cors(Bucket=bucket)
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [RULE]})
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == [RULE]
    asked = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-type,x-amz-date"}
    status, headers = preflight(store, bucket, Origin="https://a.example.com", **asked)
    assert (status, headers["Access-Control-Allow-Origin"]) == (200, "https://a.example.com")
    assert headers["Access-Control-Allow-Headers"] == "content-type, x-amz-date"
    status, headers = preflight(store, bucket, Origin="https://example.org", **asked)
    assert (status, headers["Access-Control-Allow-Origin"]) == (403, None)
    # A page that has a presigned link.
    link = boto(store, signature_version="s3v4").generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "absent"})
    request = urllib.request.Request(link, headers={"Origin": "https://a.example.com"})
    with pytest.raises(urllib.error.HTTPError) as absent:
        urllib.request.urlopen(request)
    assert absent.value.headers["Access-Control-Allow-Origin"] == "https://a.example.com"
    s3.delete_bucket_cors(Bucket=bucket)
    assert preflight(store, bucket, Origin="https://a.example.com", **asked)[0] == 403
    with pytest.raises(ClientError, match="InvalidRequest"):
        s3.put_bucket_cors(
            Bucket=bucket, CORSConfiguration={"CORSRules": [{**RULE, "ExposeHeaders": ["a\r\nb: c"]}]}
        )
