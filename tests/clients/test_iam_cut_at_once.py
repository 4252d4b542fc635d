"""A change is felt by every request that is sent after its answer, while 16 connections ask without a pause."""

import http.client
import threading
import time
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest

from conftest import boto
from harness import REGION
from identity import IAM, Keys, allow, call, document, fresh, good, new_user

CONNECTIONS = 16
# How many answers each connection has to have between two changes.
ANSWERS = 3
READ = document(allow("s3:GetObject"))
DENY = document({"Effect": "Deny", "Action": "*", "Resource": "*"})


@pytest.fixture(scope="module")
def note(baleen):
    s3, at = boto(baleen, "s3"), {"Bucket": fresh("cut").lower(), "Key": "seen"}
    s3.create_bucket(Bucket=at["Bucket"])
    s3.put_object(**at, Body=b"at 10:17")
    return f"/{at['Bucket']}/{at['Key']}"


class Asking:
    """Connections that get an object again and again, signed by one user."""

    def __init__(self, keys, path):
        self.path, self.keys = path, keys
        place = urllib.parse.urlsplit(keys.s3)
        self.host = (place.hostname, place.port)
        # May, is being taken, may not, is being given: a number more each time.
        self.phase, self.answers, self.wrong, self.over = 0, [0] * CONNECTIONS, [], False
        self.threads = [threading.Thread(target=self.ask, args=(at,), daemon=True) for at in range(CONNECTIONS)]

    def headers(self):
        request = botocore.awsrequest.AWSRequest(method="GET", url=self.keys.s3 + self.path)
        keys = botocore.credentials.Credentials(self.keys.access_key, self.keys.secret_key)
        botocore.auth.S3SigV4Auth(keys, "s3", REGION).add_auth(request)
        return dict(request.prepare().headers)

    def ask(self, at):
        connection, headers, signed = http.client.HTTPConnection(*self.host, timeout=30), self.headers(), time.monotonic()
        try:
            while not self.over:
                # A signature is good for a quarter of an hour; making one costs more than the request.
                if time.monotonic() - signed > 60:
                    headers, signed = self.headers(), time.monotonic()
                before = self.phase
                connection.request("GET", self.path, headers=headers)
                answer = connection.getresponse()
                answer.read()
                if before % 2 == 0 and before == self.phase:
                    if (answer.status == 200) != (before % 4 == 0):
                        self.wrong.append((before, answer.status))
                    self.answers[at] += 1
        except Exception as failure:  # noqa: BLE001: the test's own thread tells it
            self.wrong.append(repr(failure))
        finally:
            connection.close()

    def settle(self):
        """Waits until each connection has had its answers since now, none of them wrong."""
        wanted, end = [n + ANSWERS for n in self.answers], time.monotonic() + 60
        while any(have < want for have, want in zip(self.answers, wanted, strict=True)):
            assert not self.wrong, self.wrong
            assert time.monotonic() < end, self.answers
            time.sleep(0.001)
        assert not self.wrong, self.wrong

    def change(self, make):
        self.phase += 1
        make()
        self.phase += 1
        self.settle()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over = True
        for thread in self.threads:
            thread.join(30)


def test_changes_while_requests_run(baleen, iam, note):
    name, keys = new_user(baleen, iam)
    arn = iam.create_policy(PolicyName=fresh("cut"), PolicyDocument=READ)["Policy"]["Arn"]
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=DENY)
    iam.attach_user_policy(UserName=name, PolicyArn=arn)
    key = {"UserName": name, "AccessKeyId": keys.access_key}
    with Asking(keys, note) as asking:
        asking.settle()
        for _ in range(3):
            asking.change(lambda: iam.detach_user_policy(UserName=name, PolicyArn=arn))
            asking.change(lambda: iam.attach_user_policy(UserName=name, PolicyArn=arn))
            asking.change(lambda: iam.set_default_policy_version(PolicyArn=arn, VersionId="v2"))
            asking.change(lambda: iam.set_default_policy_version(PolicyArn=arn, VersionId="v1"))
            asking.change(lambda: iam.update_access_key(**key, Status="Inactive"))
            asking.change(lambda: iam.update_access_key(**key, Status="Active"))
            asking.change(lambda: iam.put_user_policy(UserName=name, PolicyName="no", PolicyDocument=DENY))
            asking.change(lambda: iam.delete_user_policy(UserName=name, PolicyName="no"))
        asking.change(lambda: iam.delete_access_key(**key))
    iam.detach_user_policy(UserName=name, PolicyArn=arn)
    iam.delete_user(UserName=name)


def test_a_customer_is_disabled_while_requests_run(baleen):
    name = fresh("cut")
    good(call(baleen, "RSCreateCustomer", Version=IAM, CustomerName=name, CustomerEmail=f"root@{name}.example", AssumeRoleControl="reseller"))
    modify = lambda **change: good(call(baleen, "RSModifyCustomer", Version=IAM, CustomerName=name, **change))  # noqa: E731
    modify(AssumeRoleEnabled="true")
    answer = good(call(baleen, "RSAssumeCustomerRole", service="sts", Customer=name)).json()
    acting = Keys(baleen.s3, answer["AccessKeyId"], answer["SecretAccessKey"])
    with Asking(acting, "/") as asking:
        asking.settle()
        for _ in range(3):
            asking.change(lambda: modify(Status="disabled"))
            asking.change(lambda: modify(Status="enabled"))
            asking.change(lambda: modify(AssumeRoleEnabled="false"))
            asking.change(lambda: modify(AssumeRoleEnabled="true"))
