"""`baleen admin`: the first steps of an operator, against the server that runs in the data folder."""

import hashlib
import json
import time

import pytest
from botocore.exceptions import ClientError

from conftest import boto
from harness import Admin, Store
from identity import one_time

READ = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}]}


@pytest.fixture(scope="module")
def admin(baleen):
    return Admin(baleen)


@pytest.fixture
def ann(admin):
    name = "ann@example.com"
    admin("user", "create", name)
    yield name
    for key in admin("key", "list", name):
        admin("key", "delete", key["AccessKeyId"], "--user", name)
    for policy in admin("policy", "of", name):
        admin("policy", "detach", policy["PolicyArn"], name)
    admin("user", "delete", name)


@pytest.fixture(scope="module")
def bucket(baleen):
    boto(baleen).create_bucket(Bucket="admin-notes")
    return "admin-notes"


def may_list(server, key):
    store = Store(s3=server.s3, access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"])
    try:
        boto(store).list_objects_v2(Bucket="admin-notes")
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "yes"


@pytest.mark.usefixtures("bucket")
def test_a_user_gets_a_key_and_a_policy_and_loses_them(baleen, admin, ann, tmp_path):
    assert admin("whoami")["Arn"].endswith(":root")
    assert ann in [user["UserName"] for user in admin("user", "list")]
    key = admin("key", "create", ann)
    assert may_list(baleen, key) == "AccessDenied"

    document = tmp_path / "read.json"
    document.write_text(json.dumps(READ))
    admin("policy", "create", "readers", str(document))
    assert admin("policy", "show", "readers") == READ
    admin("policy", "attach", "readers", ann)
    assert may_list(baleen, key) == "yes"
    assert [policy["PolicyName"] for policy in admin("policy", "of", ann)] == ["readers"]
    assert [user["UserName"] for user in admin("policy", "users", "readers")] == [ann]

    admin("policy", "update", "readers", "-", stdin=json.dumps(READ | {"Id": "second"}))
    assert admin("policy", "show", "readers")["Id"] == "second"
    assert admin("policy", "show", "readers", "--version", "v1") == READ
    admin("policy", "set-version", "readers", "v1")
    admin("policy", "delete-version", "readers", "v2")
    assert "(DeleteConflict)" in admin.refused("policy", "delete", "readers")
    admin("policy", "detach", "readers", ann)
    admin("policy", "delete", "readers")
    assert may_list(baleen, key) == "AccessDenied"

    admin("key", "disable", key["AccessKeyId"], "--user", ann)
    assert may_list(baleen, key) != "yes"
    assert admin("key", "list", ann)[0]["Status"] == "Inactive"


@pytest.mark.usefixtures("bucket")
def test_policies_of_one_user_alone(baleen, admin, ann):
    key = admin("key", "create", ann)
    admin("policy", "inline", "put", ann, "mine", "-", stdin=json.dumps(READ))
    assert may_list(baleen, key) == "yes"
    assert admin("policy", "inline", "list", ann) == ["mine"]
    assert admin("policy", "inline", "show", ann, "mine") == READ
    assert admin.run("policy", "inline", "list", ann).stdout == "NAME\nmine\n"
    assert "inline" in admin.run("policy", "of", ann).stderr
    assert "(DeleteConflict)" in admin.refused("user", "delete", ann)
    admin("policy", "inline", "delete", ann, "mine")
    assert may_list(baleen, key) == "AccessDenied"


def test_as_somebody_else(admin, ann):
    key = admin("key", "create", ann)
    hers = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    assert admin("whoami", **hers)["Arn"].endswith(f":user/{ann}")
    told = admin.refused("user", "create", "bob@example.com", **hers)
    assert "(AccessDenied)" in told and "root or of an admin" in told
    told = admin.refused("whoami", **hers | {"AWS_SECRET_ACCESS_KEY": "x" * 40})
    assert "(SignatureDoesNotMatch)" in told


def test_passwords_come_from_standard_input_and_tokens_are_redeemed(admin, ann):
    assert admin("password", "set", ann, stdin="Bluewhale12\n") == {"ok": True}
    token = admin("password", "token", ann)["Token"]
    told = admin.refused("password", "redeem", stdin=f"{token}\nshort\n")
    assert "(PasswordPolicyViolation)" in told
    # Nobody signs it: it is for who has no credentials yet.
    alone = {"BALEEN_DATA": "", "AWS_ENDPOINT_URL": admin.s3}
    admin("password", "redeem", stdin=f"{token}\nBluewhale34\n", **alone)
    assert "password" in admin.run("password", "set", ann).stderr


def code_of(secret, step=0):
    return one_time(secret, int(time.time()) // 30 + step)


@pytest.fixture
def home(tmp_path):
    """Where profiles are kept; nothing else tells who asks."""
    return {"XDG_CONFIG_HOME": str(tmp_path), "BALEEN_DATA": ""}


def test_a_login_is_kept_in_a_profile_and_guarded_by_a_second_factor(admin, ann, home, tmp_path):
    at = ["--endpoint-url", admin.s3]
    admin("password", "set", ann, "--keep", stdin="Bluewhale12\n")
    assert "(AccessDenied)" in admin.refused("login", "baleen", ann, *at, stdin="Bluewhale13\n", **home)
    shown = admin("login", "baleen:baleen", ann, *at, "--duration", "10m", stdin="Bluewhale12\n", **home)
    assert shown["AccessKeyId"].startswith("STX") and shown["SecretAccessKey"]

    done = admin.run("login", "baleen", ann, *at, "--save", "ann", stdin="Bluewhale12\n", **home)
    file = tmp_path / "baleen" / "profiles.toml"
    assert done.returncode == 0 and str(file) in done.stdout, done.stderr
    secret = file.read_text().split("secret_access_key")[1].split('"')[1]
    assert file.stat().st_mode & 0o777 == 0o600 and secret not in done.stdout + done.stderr
    hers = ["--profile", "ann"]
    assert admin("whoami", *hers, **home)["Root"] == "baleen:baleen"

    # Begun by a session of a login, and by nothing else.
    assert "AccessDenied" in admin.refused("tfa", "begin")
    begun = admin("tfa", "begin", *hers, **home)
    lines = admin.run("tfa", "begin", *hers, **home).stdout.splitlines()
    assert len(lines) > 15 and lines[-1].startswith("secret  ") and max(map(len, lines)) <= 80
    secret = lines[-1].split()[1]
    assert secret != begun["secret"] and begun["otpauthUrl"].startswith("otpauth://totp/")
    wrong = f"{(int(code_of(secret)) + 5) % 10**6:06}\n"
    assert "baleen: " in admin.refused("tfa", "confirm", *hers, stdin=wrong, **home)
    codes = admin("tfa", "confirm", *hers, stdin=code_of(secret) + "\n", **home)["recoveryCodes"]
    assert len(codes) == 10

    told = admin.run("login", "baleen", ann, *at, stdin="Bluewhale12\n", **home)
    assert told.returncode == 2 and "authenticator" in told.stderr
    admin("login", "baleen", ann, *at, "--save", "ann", stdin=f"Bluewhale12\n{codes[0]}\n", **home)
    admin("password", "change", *hers, stdin="Bluewhale12\nBluewhale14\n", **home)
    assert admin("tfa", "off", *hers, stdin="", **home) == {"Ok": True}
    admin("login", "baleen", ann, *at, stdin="Bluewhale14\n", **home)

    # Lost the device.
    begun = admin("tfa", "begin", *hers, **home)
    admin("tfa", "confirm", *hers, stdin=code_of(begun["secret"], 1) + "\n", **home)
    admin("tfa", "clear", ann)
    admin("login", "baleen", ann, *at, stdin="Bluewhale14\n", **home)


def test_a_lasting_key_is_not_saved_over(admin, ann, home, tmp_path):
    admin("password", "set", ann, stdin="Bluewhale12\n")
    (tmp_path / "baleen").mkdir()
    file = tmp_path / "baleen" / "profiles.toml"
    file.write_text('[mine]\naccess_key_id = "AKIAX"\nsecret_access_key = "x"\n')
    ask = ["login", "baleen", ann, "--endpoint-url", admin.s3, "--save"]
    assert "does not end" in admin.refused(*ask, "mine", stdin="Bluewhale12\n", **home)
    done = admin.run(*ask, "ann", stdin="Bluewhale12\n", **home)
    assert done.returncode == 0 and "baleen admin password change" in done.stderr
    assert file.read_text().startswith('[mine]\naccess_key_id = "AKIAX"\nsecret_access_key = "x"\n\n[ann]\n')
    assert "(AccessDenied)" in admin.refused("user", "list", "--profile", "ann", **home)


def test_a_reseller_acts_for_a_customer(admin, home):
    admin("customer", "create", "acted-for", "root@acted-for.com", "--assume-role-control", "reseller")
    assert "baleen: " in admin.refused("customer", "assume", "acted-for")
    assert admin.run("customer", "modify", "acted-for").returncode == 2
    admin("customer", "modify", "acted-for", "--assume-role", "on")
    admin("customer", "assume", "baleen:acted-for", "--save", "theirs", "--duration", "5m", XDG_CONFIG_HOME=home["XDG_CONFIG_HOME"])
    assert admin("whoami", "--profile", "theirs", **home)["Root"] == "baleen:acted-for"
    admin("customer", "modify", "acted-for", "--assume-role", "off")
    admin.refused("whoami", "--profile", "theirs", **home)
    admin("customer", "delete", "acted-for", "--yes")


def test_whitelists_and_roles(admin, ann):
    admin("user", "role", ann, "admin")
    assert "(NoSuchEntity)" in admin.refused("whitelist", "list", "missing")


def test_lists_are_read_to_their_end(admin):
    names = sorted(f"user{n:03}@example.com" for n in range(103))
    for name in names:
        admin("user", "create", name)
    listed = [user["UserName"] for user in admin("user", "list")]
    for name in names:
        admin("user", "delete", name)
    assert [name for name in listed if name in names] == names


def test_tables_for_people(admin, ann):
    lines = admin.run("user", "list").stdout.splitlines()
    assert lines[0].split("  ")[0] == "NAME"
    assert any(line.startswith(ann) for line in lines)
    done = admin.run("key", "list", ann)
    assert (done.stdout, done.stderr) == ("", "there are none\n")
    done = admin.run("key", "create", ann)
    assert "secret access key" in done.stdout and "this once" in done.stderr


def test_what_customers_have_and_have_used(baleen, admin):
    admin("customer", "create", "reported", "root@reported.com")
    shown = admin("customer", "show", "reported")
    assert (shown["Email"], shown["NumUsers"], shown["UsedSpace"]) == ("root@reported.com", 1, 0)
    lines = admin.run("customer", "show", "reported").stdout.splitlines()
    assert ["status", "enabled"] in [line.split() for line in lines]
    boto(baleen).create_bucket(Bucket="billed")
    boto(baleen).put_object(Bucket="billed", Key="a", Body=b"text")
    report = admin("billing")
    assert report["UsedSpace"][0]["UsedSpace"] >= 4
    assert len(admin("billing", "--customer", "reported")["UsedSpace"]) >= 1
    lines = admin.run("billing").stdout.splitlines()
    assert lines[0].split() == ["DAY", "UPLOADED", "DOWNLOADED", "DELETED", "STORED", "GHOST", "OBJECTS"]
    assert int(lines[1].split()[4]) == report["UsedSpace"][0]["UsedSpace"]
    assert isinstance(admin("billing", "--live"), list)
    assert "(ValidationError)" in admin.refused("billing", "--since", "2026-02-02", "--until", "2026-02-01")
    assert "(NoSuchEntity)" in admin.refused("customer", "show", "missing")
    done = admin.run("customer", "delete", "reported")
    assert (done.returncode, done.stdout) == (2, "") and "--yes" in done.stderr
    assert admin("customer", "show", "reported")["Active"]
    admin("customer", "delete", "reported", "--yes")


def test_the_audit_log_is_shown_and_taken_away(admin, ann, tmp_path):
    newest = admin("audit", "-n", "1", "--action", "iam:CreateUser")
    assert [entry["operation"] for entry in newest] == ["CreateUser"]
    assert newest[0]["resource"].endswith(f":user/{ann}"), newest
    done = admin.run("audit", "-n", "2")
    lines = done.stdout.splitlines()
    assert lines[0].split()[:3] == ["TIME", "USER", "OPERATION"] and len(lines) == 3
    assert "--export" in done.stderr
    assert admin("audit", "--user", "nobody@example.com") == []

    # About her too, whether somebody else did it or nobody could log in.
    admin.refused("login", "baleen", ann, stdin="Bluewhale99\n")
    told = admin("audit", "--user", ann.upper())
    assert {"CreateUser", "RSLogin"} <= {entry["operation"] for entry in told}

    out = tmp_path / "audit.jsonl"
    told = admin("audit", "--export", str(out))
    exported = out.read_bytes().splitlines()
    assert told == {"entries": len(exported), "newest": hashlib.sha256(exported[-1]).hexdigest()}
    assert [path.name for path in tmp_path.iterdir()] == ["audit.jsonl"]
    done = admin.run("audit", "-o", "-", "--action", "CreateUser")
    assert {json.loads(line)["operation"] for line in done.stdout.splitlines()} == {"CreateUser"}
    assert "entries" in done.stderr
    assert "cannot be written" in admin.refused("audit", "--export", str(tmp_path / "missing" / "a"))


def test_what_cannot_be_asked(admin, tmp_path):
    assert "no baleen runs in" in admin.refused("whoami", "--data", str(tmp_path))
    assert "does not answer" in admin.refused("whoami", "--endpoint-url", "http://127.0.0.1:1")
    assert "(NoSuchEntity)" in admin.refused("policy", "show", "missing")
    assert admin.run("password", "set", "ann@example.com", "secret").returncode == 2


def test_root_is_not_reset_under_a_running_server(admin):
    told = admin.refused("reset-root")
    assert "in use by another baleen" in told and "stop it, reset, start it again" in told
