"""The AWS command line: the recipes of its guide, with its default settings."""

import json

import pytest

from identity import allow, document, fresh

pytestmark = pytest.mark.usefixtures("baleen")


@pytest.fixture
def aws(run):
    def call(*words, check=True):
        done = run("aws", *words, check=check)
        return json.loads(done.stdout) if check and done.stdout.strip() else done

    return call


def test_a_user_with_keys_and_a_policy(aws, baleen):
    name = fresh("cli") + "@example.com"
    assert aws("sts", "get-caller-identity")["Account"] == baleen.account
    aws("iam", "create-user", "--user-name", name, "--tags", "Key=team,Value=red")
    aws("iam", "wait", "user-exists", "--user-name", name)
    old = aws("iam", "create-access-key", "--user-name", name)["AccessKey"]["AccessKeyId"]
    # Key rotation.
    new = aws("iam", "create-access-key", "--user-name", name)["AccessKey"]["AccessKeyId"]
    aws("iam", "update-access-key", "--user-name", name, "--access-key-id", old, "--status", "Inactive")
    aws("iam", "delete-access-key", "--user-name", name, "--access-key-id", old)
    keys = aws("iam", "list-access-keys", "--user-name", name)["AccessKeyMetadata"]
    assert [key["AccessKeyId"] for key in keys] == [new]

    text = document(allow("s3:GetObject", resource="arn:aws:s3:::b/*"))
    aws("iam", "put-user-policy", "--user-name", name, "--policy-name", "own", "--policy-document", text)
    read = aws("iam", "get-user-policy", "--user-name", name, "--policy-name", "own")
    assert read["PolicyDocument"] == json.loads(text)
    arn = aws("iam", "create-policy", "--policy-name", fresh("cli"), "--policy-document", text)["Policy"]["Arn"]
    aws("iam", "wait", "policy-exists", "--policy-arn", arn)
    aws("iam", "attach-user-policy", "--user-name", name, "--policy-arn", arn)
    listed = aws("iam", "list-attached-user-policies", "--user-name", name)["AttachedPolicies"]
    assert [policy["PolicyArn"] for policy in listed] == [arn]

    refusal = aws("iam", "delete-user", "--user-name", name, check=False)
    assert refusal.returncode != 0 and "DeleteConflict" in refusal.stderr
    aws("iam", "detach-user-policy", "--user-name", name, "--policy-arn", arn)
    aws("iam", "delete-policy", "--policy-arn", arn)
    aws("iam", "delete-user-policy", "--user-name", name, "--policy-name", "own")
    aws("iam", "delete-access-key", "--user-name", name, "--access-key-id", new)
    aws("iam", "delete-user", "--user-name", name)
    gone = aws("iam", "get-user", "--user-name", name, check=False)
    assert gone.returncode != 0 and "NoSuchEntity" in gone.stderr


def test_pages(aws):
    prefix = f"/{fresh('cli')}/"
    names = sorted(fresh("cli-page") + "@example.com" for _ in range(3))
    for name in names:
        aws("iam", "create-user", "--user-name", name, "--path", prefix)
    # The command line follows the markers by itself.
    users = aws("iam", "list-users", "--path-prefix", prefix, "--page-size", "1")["Users"]
    assert sorted(user["UserName"] for user in users) == names
    for name in names:
        aws("iam", "delete-user", "--user-name", name)


def test_a_session(aws, baleen):
    arn = "arn:aws:iam::000000000000:role/any"
    made = aws("sts", "assume-role", "--role-arn", arn, "--role-session-name", "night-job")
    assert made["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{baleen.account}:assumed-role/{baleen.user}/night-job"
    assert made["AssumedRoleUser"]["AssumedRoleId"].endswith(":night-job")
    assert made["Credentials"]["AccessKeyId"].startswith("STX")
