"""Signed requests as the document writes them, and requests that are wrong: service, version, clock, body, parameters."""

import datetime
import json

import pytest
import requests

from identity import IAM, STS, Keys, allow, call, document, fresh, good

pytestmark = pytest.mark.usefixtures("baleen")


def code_of(answer):
    if answer.text.startswith("{"):
        body = answer.json()
        return body.get("Code") or body.get("code")
    return answer.text.split("<Code>")[1].split("</Code>")[0]


def test_the_document_s_examples(baleen, iam):
    """In their order: what is created by one example is used by the next."""
    policy = "arn:aws:iam::000000000000:policy/NewPolicy4567"
    text = (
        '{"Statement":[{"Action":["s3:GetObject","s3:PutObject","s3:DeleteObject","s3:ListBucket"],"Effect":"Allow",'
        '"Resource":"arn:aws:s3:::abc-bucket*"},{"Action":["s3:ListAllMyBuckets"],"Effect":"Allow","Resource":"*"}],'
        '"Version":"2012-10-17","Managed":true}'
    )
    user = "user2@example.com"
    for action, parameters, expected in [
        ("CreateUser", {"UserName": user}, "<Arn>arn:aws:iam::" + baleen.account + ":user/user2@example.com</Arn>"),
        ("CreatePolicy", {"Description": 'Gives all permissions for the bucket "abc-bucket"', "Path": "/", "PolicyDocument": text, "PolicyName": "NewPolicy4567"}, "<PolicyName>NewPolicy4567</PolicyName>"),
        ("GetPolicy", {"PolicyArn": policy}, "<DefaultVersionId>v1</DefaultVersionId>"),
        ("AttachUserPolicy", {"PolicyArn": policy, "UserName": user}, "<AttachUserPolicyResponse xmlns="),
        ("ListAttachedUserPolicies", {"UserName": user}, "<PolicyName>NewPolicy4567</PolicyName>"),
        ("ListEntitiesForPolicy", {"PolicyArn": policy}, "<UserName>user2@example.com</UserName>"),
        ("ListPolicies", {}, "<PolicyName>NewPolicy4567</PolicyName>"),
        ("CreatePolicyVersion", {"PolicyArn": policy, "PolicyDocument": text, "SetAsDefault": "true"}, "<VersionId>v2</VersionId>"),
        ("ListPolicyVersions", {"PolicyArn": policy}, "</Versions><IsTruncated>false</IsTruncated>"),
        ("SetDefaultPolicyVersion", {"PolicyArn": policy, "VersionId": "v1"}, "<SetDefaultPolicyVersionResponse"),
        ("GetPolicyVersion", {"PolicyArn": policy, "VersionId": "v1"}, "%22Managed%22%3Atrue"),
        ("DeletePolicyVersion", {"PolicyArn": policy, "VersionId": "v2"}, "<DeletePolicyVersionResponse"),
        ("DetachUserPolicy", {"PolicyArn": policy, "UserName": user}, "<DetachUserPolicyResponse"),
        ("DeletePolicy", {"PolicyArn": policy}, "<DeletePolicyResponse"),
        ("RSSetUserInfo", {"Name": user, "Firstname": "John", "Lastname": "Smith", "Type": "user"}, '{"Ok":true}'),
        ("RSSetUserAuthMethod", {"Name": user, "AuthMethod": "federated"}, '{"Ok":true}'),
        ("DeleteUser", {"UserName": user}, "<DeleteUserResponse"),
        ("RSListCustomer", {}, "["),
    ]:
        answer = good(call(baleen, action, Version=IAM, **parameters))
        assert expected in answer.text, f"{action}: {answer.text}"
        assert answer.headers["x-amzn-requestid"]
    answer = good(call(baleen, "AssumeRole", service="sts", Version=STS, RoleArn="arn:aws:iam::42:role/x", RoleSessionName="Test"))
    for element in ("SessionToken", "SecretAccessKey", "Expiration", "AccessKeyId", "AssumedRoleId", "AssumeRoleId", "PackedPolicySize"):
        assert f"<{element}>" in answer.text
    assert answer.headers["cache-control"] == "no-store"


def test_the_slip_of_delete_policy_version(baleen, iam):
    arn = iam.create_policy(PolicyName=fresh("slip"), PolicyDocument=document(allow("s3:*")))["Policy"]["Arn"]
    answer = call(baleen, "DeletePolicy", Version=IAM, PolicyArn=arn, VersionId="v1")
    assert (answer.status_code, code_of(answer)) == (400, "ValidationError")
    iam.delete_policy(PolicyArn=arn)


def test_parameters_in_the_query(baleen):
    good(call(baleen, query={"Action": "RSListCustomer", "Version": IAM}))
    good(call(baleen, method="GET", Action="ListUsers", Version=IAM))
    both = call(baleen, "ListUsers", query={"Action": "ListUsers"}, Version=IAM)
    assert (both.status_code, code_of(both)) == (400, "ValidationError")


def test_wrong_signatures(baleen):
    for status, code, answer in [
        (403, "SignatureDoesNotMatch", call(baleen, "ListUsers", service="sts", Version=IAM)),
        (403, "SignatureDoesNotMatch", call(baleen, "GetCallerIdentity", service="iam", Version=STS)),
        (403, "SignatureDoesNotMatch", call(Keys(baleen.s3, baleen.access_key, "wrong"), "ListUsers", Version=IAM)),
        (403, "InvalidClientTokenId", call(Keys(baleen.s3, "AKIASTRANGER00000000", "x"), "ListUsers", Version=IAM)),
        (403, "MissingAuthenticationToken", call(baleen, "ListUsers", signed=False, Version=IAM)),
        (400, "InvalidAction", call(baleen, "ListUsers", Version=STS)),
        (400, "InvalidAction", call(baleen, "CreateRole", Version=IAM)),
        (400, "MissingAction", call(baleen, Version=IAM)),
    ]:
        assert (answer.status_code, code_of(answer)) == (status, code), answer.text
        assert "<ErrorResponse" in answer.text
    good(call(baleen, "ListUsers", region="eu-nowhere-7", Version=IAM))


def test_a_body_that_was_not_signed(baleen):
    import botocore.auth
    import botocore.awsrequest
    import botocore.credentials

    request = botocore.awsrequest.AWSRequest(
        method="POST",
        url=baleen.s3 + "/",
        data=f"Action=ListUsers&Version={IAM}",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    keys = botocore.credentials.Credentials(baleen.access_key, baleen.secret_key)
    botocore.auth.SigV4Auth(keys, "iam", "us-east-1").add_auth(request)
    prepared = request.prepare()
    changed = requests.post(prepared.url, data=f"Action=ListRoles&Version={IAM}", headers=dict(prepared.headers), timeout=30)
    assert (changed.status_code, code_of(changed)) == (403, "SignatureDoesNotMatch")


def test_a_wrong_clock(baleen, monkeypatch):
    import botocore.auth

    real = botocore.auth.get_current_datetime
    for minutes, status in [(14, 200), (-14, 200), (16, 400), (-16, 400)]:
        shifted = lambda *a, **k: real(*a, **k) + datetime.timedelta(minutes=minutes)  # noqa: E731
        monkeypatch.setattr(botocore.auth, "get_current_datetime", shifted)
        answer = call(baleen, "ListUsers", Version=IAM)
        assert answer.status_code == status, answer.text
        if status == 400:
            assert code_of(answer) == "RequestExpired"


def test_hostile_bodies(baleen):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for body, headers, status in [
        (b"\xff\xfe=%00", form, 400),
        (b"Action=ListUsers&Version=2010-05-08&UserName=%C3", form, 400),
        (b"&".join(b"p%d=" % n for n in range(600)), form, 400),
        (b"a" * (1 << 20), form, 400),
        (b"Action=ListUsers&Version=2010-05-08&x=" + b"a" * (2 << 20), form, 413),
        (b"<" * 100_000, {"Content-Type": "text/xml"}, 400),
        (b'{"Action":"ListUsers"}', {"Content-Type": "application/json"}, 400),
    ]:
        answer = call(baleen, body=body, headers=headers)
        assert answer.status_code == status, (body[:40], answer.status_code, answer.text[:200])
    deep = "[" * 5_000
    answer = call(baleen, "CreatePolicy", Version=IAM, PolicyName=fresh("deep"), PolicyDocument=deep)
    assert (answer.status_code, code_of(answer)) == (400, "MalformedPolicyDocument")


def test_the_whitelist_s_frame(baleen):
    base = "/api/whitelist/"
    for method, name, body, status, code in [
        ("GET", "RSWhitelistStats", b"", 501, "NotImplemented"),
        ("GET", "Nonsense", b"", 404, "NotFound"),
        ("POST", "RSWhitelistAddRule", b"{}", 405, "MethodNotAllowed"),
        ("PUT", "RSWhitelistAddRule", b"[]", 400, "InvalidInput"),
        ("PUT", "RSWhitelistAddRule", b"{", 400, "InvalidInput"),
        ("PUT", "RSWhitelistAddRule", b"{}", 400, "InvalidInput"),
        ("PUT", "RSWhitelistAddRule", b'{"root":7}', 400, "InvalidInput"),
        ("PUT", "RSWhitelistAddRule", b'{"root":"none-such"}', 404, "NoSuchEntity"),
        ("PUT", "RSWhitelistAddRule", b'{"root":"' + b"a" * 20_000 + b'"}', 413, "RequestEntityTooLarge"),
        ("PUT", "RSWhitelistAddRule", b"[" * 10_000, 400, "InvalidInput"),
    ]:
        answer = call(baleen, method=method, path=base + name, body=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, code_of(answer)) == (status, code), (name, answer.text)
        assert answer.json()["ok"] is False and answer.json()["errorDesc"]
    nobody = call(baleen, method="GET", path=base + "RSWhitelistListRules", body=b"", signed=False)
    assert (nobody.status_code, code_of(nobody)) == (403, "MissingAuthenticationToken")
    wrong = call(baleen, method="GET", path=base + "RSWhitelistListRules", body=b"", service="sts")
    assert (wrong.status_code, code_of(wrong)) == (403, "SignatureDoesNotMatch")
    assert json.loads(nobody.text)["ok"] is False
