"""API tokens: made through the identity door, used on the PCAPs door by the vendor's SDK, cut off at once."""

import cloudflare
import pytest

from conftest import boto
from harness import Admin, Baleen
from identity import allow, call, document, fresh, good, remove_user


@pytest.fixture
def owner(iam):
    """A user who may do everything on the PCAPs door."""
    name = fresh("owner") + "@example.com"
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="captures", PolicyDocument=document(allow("pcaps:*")))
    yield name
    try:
        remove_user(iam, name)
    except iam.exceptions.NoSuchEntityException:
        pass


def make(store, owner, **options):
    """A new token and its id."""
    told = good(call(store, "CreateApiToken", UserName=owner, Label="probe", **options))
    assert told.headers["cache-control"] == "no-store"
    return told.json()["Token"], told.json()["ApiToken"]["Id"]


def sdk(server, **credentials):
    return cloudflare.Cloudflare(base_url=f"{server.api}/client/v4", max_retries=0, **credentials)


def status(server, act, **credentials):
    """What the door says to a call of the SDK; a refusal is in the vendor's envelope."""
    try:
        act(sdk(server, **credentials).magic_transit.pcaps)
    except cloudflare.APIStatusError as error:
        body = error.response.json()
        assert (body["success"], body["result"]) == (False, None) and body["errors"][0]["code"], body
        return error.status_code
    return 200


def listing(server):
    return lambda pcaps: list(pcaps.list(account_id=server.project))


def buckets(server):
    return lambda pcaps: pcaps.ownership.get(account_id=server.project)


def test_a_token_is_its_owner_within_its_methods(baleen, owner):
    token, _ = make(baleen, owner, Methods="search,info")
    for credentials in ({"api_token": token}, {"api_token": token.upper()}, {"api_email": owner.upper(), "api_key": token}):
        assert status(baleen, listing(baleen), **credentials) == 200
        assert status(baleen, buckets(baleen), **credentials) == 403
    assert status(baleen, listing(baleen), api_email=baleen.user, api_key=token) == 401
    told = sdk(baleen, api_token=token).magic_transit.pcaps.with_raw_response
    with pytest.raises(cloudflare.PermissionDeniedError) as denied:
        told.ownership.get(account_id=baleen.project)
    assert "pcaps:ManageOwnership" in denied.value.response.json()["errors"][0]["message"]
    # More methods than rights help nobody.
    wide, _ = make(baleen, owner, Methods="search,capture,upload,delete")
    assert status(baleen, buckets(baleen), api_token=wide) == 200
    # It is no credential of the other doors.
    elsewhere = call(baleen, "ListApiTokens", signed=False, headers={"Authorization": f"Bearer {wide}"})
    assert elsewhere.status_code == 400 and "IncompleteSignature" in elsewhere.text


def cut(how, baleen, iam, owner, token):
    match how:
        case "disabled":
            good(call(baleen, "UpdateApiToken", ApiTokenId=token, Enabled="false"))
        case "deleted":
            good(call(baleen, "DeleteApiToken", ApiTokenId=token))
        case "rotated":
            told = good(call(baleen, "RotateApiToken", ApiTokenId=token, GraceSeconds="0")).json()
            assert status(baleen, listing(baleen), api_token=told["Token"]) == 200
        case "has to be logged in with":
            good(call(baleen, "UpdateApiToken", ApiTokenId=token, MustLogIn="true"))
        case "of other methods":
            good(call(baleen, "UpdateApiToken", ApiTokenId=token, Methods="upload"))
        case "of an owner without rights":
            iam.delete_user_policy(UserName=owner, PolicyName="captures")
        case "of an owner who is denied":
            denied = {"Effect": "Deny", "Action": "pcaps:ListCaptures", "Resource": "*"}
            iam.put_user_policy(UserName=owner, PolicyName="not", PolicyDocument=document(denied))
        case "of nobody":
            remove_user(iam, owner)


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("disabled", 401),
        ("deleted", 401),
        ("rotated", 401),
        ("has to be logged in with", 401),
        ("of other methods", 403),
        ("of an owner without rights", 403),
        ("of an owner who is denied", 403),
        # It is deleted with its owner.
        ("of nobody", 401),
    ],
)
def test_what_ends_a_token_is_felt_at_once(baleen, iam, owner, how, expected):
    token, short = make(baleen, owner, Methods="search")
    assert status(baleen, listing(baleen), api_token=token) == 200
    cut(how, baleen, iam, owner, short)
    assert status(baleen, listing(baleen), api_token=token) == expected


def test_uses_are_written_when_the_server_stops(tmp_path):
    server = Baleen.start(tmp_path / "data")
    token, short = make(server, server.user, Methods="search")
    key = boto(server, "iam").create_access_key()["AccessKey"]
    store = type(server)(s3=server.s3, access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"])
    for _ in range(3):
        assert status(server, listing(server), api_token=token) == 200
    boto(store, "sts").get_caller_identity()
    assert server.stop() == 0
    assert token not in server.log.read_text()
    server = Baleen.start(tmp_path / "data")
    told = good(call(server, "GetApiToken", ApiTokenId=short)).json()["ApiToken"]
    assert (told["UseCount"], told["LastUsedFrom"]) == (3, "127.0.0.1")
    assert told["LastUsed"] >= told["CreatedOn"]
    used = boto(server, "iam").get_access_key_last_used(AccessKeyId=key["AccessKeyId"])["AccessKeyLastUsed"]
    assert used["ServiceName"] == "sts"
    audit = [entry for entry in server.data.rglob("*") if entry.is_file() and token.encode() in entry.read_bytes()]
    assert audit == [], "the token is in no file of the server"
    assert server.stop() == 0


def test_tokens_on_the_command_line(baleen, owner):
    admin = Admin(baleen)
    words = ("--user", owner, "--method", "search", "--method", "merge", "--tag", "night,probe", "--must-log-in=off")
    made = admin("token", "create", "a probe", *words)
    token, short = made["Token"], made["ApiToken"]["Id"]
    assert status(baleen, listing(baleen), api_token=token) == 200
    assert [listed["Id"] for listed in admin("token", "list", owner)] == [short]
    assert short in [listed["Id"] for listed in admin("token", "list")]
    shown = admin.run("token", "show", short)
    assert token not in shown.stdout
    lines = {line[: line.index("  ")]: line.split("  ")[-1].strip() for line in shown.stdout.splitlines()}
    assert lines["methods"] == "search,merge" and lines["that allow nothing now"] == "merge"
    assert lines["tags"] == "night,probe" and lines["enabled"] == "yes"

    updated = admin("token", "update", short, "--label", "the probe", "--tag=", "--expires", "2099-01-01T00:00:00Z")
    assert (updated["Label"], updated["DefaultTags"]) == ("the probe", [])
    assert updated["Methods"] == ["search", "merge"] and updated["Expires"] == "2099-01-01T00:00:00.000Z"
    admin("token", "disable", short)
    assert status(baleen, listing(baleen), api_token=token) == 401
    admin("token", "enable", short)
    rotated = admin("token", "rotate", short, "--keep-old", "1h")
    assert rotated["ApiToken"]["Expires"] == updated["Expires"], "the new one ends when the options say"
    assert admin("token", "show", short)["Retires"] < updated["Expires"]
    for each in (token, rotated["Token"]):
        assert status(baleen, listing(baleen), api_token=each) == 200
    told = admin.run("token", "rotate", short, "--keep-old", "0s")
    assert "token" in told.stdout and "this once" in told.stderr
    assert status(baleen, listing(baleen), api_token=token) == 401
    assert "(ValidationError)" in admin.refused("token", "delete", token)
    assert "(NoSuchEntity)" in admin.refused("token", "delete", "000000")
    for listed in admin("token", "list", owner):
        admin("token", "delete", listed["Id"])
    assert status(baleen, listing(baleen), api_token=rotated["Token"]) == 401
    assert admin.run("token", "rotate", short).returncode == 2, "how long the old one works is asked for"


def test_users_define_tokens_while_they_may(baleen, iam, owner):
    admin = Admin(baleen)
    key = iam.create_access_key(UserName=owner)["AccessKey"]
    own = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    assert admin("token", "settings") == {"UserDefinedTokens": False, "GuestAccess": False}
    assert "(AccessDenied)" in admin.refused("token", "create", "mine", **own)
    assert admin("token", "settings", "--user-defined", "on")["UserDefinedTokens"] is True
    told = admin.refused("token", "create", "mine", **own)
    assert "upload (AccessDenied)" in told, "the default method is none that its owner has the right for"
    made = admin("token", "create", "mine", "--method", "search", **own)
    assert made["ApiToken"]["UserDefined"] is True
    assert status(baleen, listing(baleen), api_token=made["Token"]) == 200
    admin("token", "settings", "--user-defined", "off")
    assert "(AccessDenied)" in admin.refused("token", "list", **own)
    assert status(baleen, listing(baleen), api_token=made["Token"]) == 200
    assert admin("token", "disable-user-defined")["Disabled"] == 1
    assert status(baleen, listing(baleen), api_token=made["Token"]) == 401
    admin("token", "delete", made["ApiToken"]["Id"])
