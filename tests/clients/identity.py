"""What the identity tests share: boto3 clients of a user, raw signed calls, and names of their own."""

import base64
import hmac
import itertools
import json
import os
import struct
import urllib.parse
from dataclasses import dataclass

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
import requests
from botocore.exceptions import ClientError

from conftest import boto
from harness import REGION, Store

NUMBERS = itertools.count(1)
IAM = "2010-05-08"
STS = "2011-06-15"


def fresh(prefix):
    return f"{prefix}{os.getpid()}-{next(NUMBERS)}"


def refused(code, status, call, **parameters):
    """The call must fail so; gives the answer, as botocore read it."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    answer = caught.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (code, status), answer
    assert answer["ResponseMetadata"]["RequestId"]
    return answer


def one_time(secret, step):
    """The code of an authenticator in one half minute (RFC 6238)."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.digest(key, struct.pack(">Q", step), "sha1")
    at = digest[-1] & 15
    return f"{(int.from_bytes(digest[at : at + 4], 'big') & 0x7FFFFFFF) % 10**6:06}"


@dataclass
class Keys(Store):
    """The keys of somebody, long-lived or of a session."""

    session_token: str = ""

    def client(self, service, **settings):
        if not self.session_token:
            return boto(self, service, **settings)
        import boto3

        return boto3.client(
            service,
            endpoint_url=self.s3,
            region_name=REGION,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            aws_session_token=self.session_token,
        )


def call(store, action=None, service="iam", method="POST", query=None, signed=True, region=REGION, headers=None, path="/", body=None, **parameters):
    """A request as the document writes it: a form, signed by botocore for a service."""
    form = {"Action": action, **parameters} if action else dict(parameters)
    form = {name: value for name, value in form.items() if value is not None}
    data = body if body is not None else (urllib.parse.urlencode(form) if method != "GET" else "")
    url = store.s3 + path
    if method == "GET" and body is None:
        query = {**form, **(query or {})}
    if query:
        url += "?" + (query if isinstance(query, str) else urllib.parse.urlencode(query))
    sent = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"} if data else {}
    sent.update(headers or {})
    request = botocore.awsrequest.AWSRequest(method=method, url=url, data=data, headers=sent)
    if signed:
        token = getattr(store, "session_token", "") or None
        keys = botocore.credentials.Credentials(store.access_key, store.secret_key, token)
        botocore.auth.SigV4Auth(keys, service, region).add_auth(request)
    prepared = request.prepare()
    return requests.request(method, prepared.url, data=prepared.body, headers=dict(prepared.headers), timeout=30)


def good(answer):
    assert answer.status_code == 200, f"{answer.status_code} {answer.text}"
    return answer


def document(*statements, **more):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements), **more})


def allow(*actions, resource="*"):
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource}


def new_user(store, iam, prefix="user"):
    """A user with an access key, as a store; the test's admin is whoever `iam` is."""
    name = fresh(prefix) + "@example.com"
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return name, Keys(store.s3, key["AccessKeyId"], key["SecretAccessKey"])


def remove_user(iam, name):
    """The recipe of terraform's force_destroy: look for everything that may hang from a user, then delete it."""
    for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
        iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    for policy in iam.list_attached_user_policies(UserName=name)["AttachedPolicies"]:
        iam.detach_user_policy(UserName=name, PolicyArn=policy["PolicyArn"])
    for policy in iam.list_user_policies(UserName=name)["PolicyNames"]:
        iam.delete_user_policy(UserName=name, PolicyName=policy)
    assert iam.list_groups_for_user(UserName=name)["Groups"] == []
    assert iam.list_mfa_devices(UserName=name)["MFADevices"] == []
    assert iam.list_ssh_public_keys(UserName=name)["SSHPublicKeys"] == []
    assert iam.list_signing_certificates(UserName=name)["Certificates"] == []
    assert iam.list_service_specific_credentials(UserName=name)["ServiceSpecificCredentials"] == []
    iam.delete_user(UserName=name)
