"""No secret is where it should not be: in logs, metrics, answers, or the data folder, whatever is done with it.

Every secret that the test knows is a canary. It is used as it should be, and wrongly: in the wrong place, cut, in requests that
are malformed around it. In the end everything that the server wrote or answered is searched for all of them, in the clear and
encoded.
"""

import base64
import hashlib
import json
import re
import socket
import urllib.parse
from pathlib import Path

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
import requests

from conftest import may_capture
from harness import REGION, Baleen
from identity import Keys, call, good
from test_master_key import ANN, Authenticator, rotated

PASSWORD = "Canary+Password/22="
OTHER_PASSWORD = "Canary+Password/23="
WRONG_PASSWORD = "Canary+Wrong/24="
# A wrong secret is a right one mistyped.
WRONG_KEY = "WrongCanary/KeySecret+0123456789abcdef=="
WRONG_TOKEN = "0badcafe0badcafe0badcafe0badcafe"
DESTINATION_SECRET = "canary/destination+secret=="
SSE_KEY = base64.b64encode(b"canary customer key of 32 bytes!").decode()


def forms(secret):
    """How a secret may look: as it is, percent-encoded, in base64 wherever it begins in a group, in hex."""
    raw = secret.encode() if isinstance(secret, str) else secret
    yield raw
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + raw)
        # The characters at the edges depend on the neighbours.
        yield text[[0, 2, 3][shift] : len(text) - 4]
    if isinstance(secret, str):
        yield urllib.parse.quote(secret, safe="").encode()
        yield json.dumps(secret)[1:-1].encode()


class Cage:
    """Keeps the canaries, and all that the server said."""

    def __init__(self, server):
        self.server = server
        self.canaries = {}
        self.answers = []

    def keep(self, name, secret):
        assert len(secret) >= 6, name
        self.canaries[name] = secret
        return secret

    def ask(self, method, url, shows=(), **more):
        answer = requests.request(method, url, timeout=30, **more)
        return self.heard(answer, shows)

    def call(self, *arguments, shows=(), who=None, **more):
        return self.heard(call(who or self.server, *arguments, **more), shows)

    def heard(self, answer, shows=()):
        """Notes an answer; `shows` are the values that it may hold: what it is there to show, or what the request said."""
        text = "\n".join(f"{name}: {value}" for name, value in answer.headers.items()).encode() + b"\n\n" + answer.content
        self.answers.append((f"{answer.request.method} {answer.request.url[:60]}", text, tuple(shows)))
        return answer

    def raw(self, door, data):
        """Bytes as no client would send them."""
        at = urllib.parse.urlsplit(door)
        with socket.create_connection((at.hostname, at.port), timeout=10) as connection:
            connection.settimeout(10)
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            text = b"".join(iter(lambda: connection.recv(65536), b""))
        self.answers.append((f"raw {data[:40]}", text, ()))
        return text

    def leaks(self, what, data, but=()):
        """The canaries in some bytes."""
        found = []
        for name, secret in self.canaries.items():
            at = [data.find(form) for form in forms(secret) if len(form) >= 6 and secret not in but]
            # What stands before it says whose it is, and shows nothing of the secret.
            found += [(what, f"{name}, behind {data[max(0, n - 120) : n]!r}") for n in at if n >= 0]
        return found


@pytest.fixture
def cage(tmp_path, moto):
    server = Baleen.start(
        tmp_path / "data",
        "--capture-interface",
        "lo",
        LOG_LEVEL="trace",
        AUDIT_DATA_EVENTS="on",
        DESTINATIONS_ENDPOINTS=moto.s3.removeprefix("http://"),
    )
    yield Cage(server)
    if server.process.poll() is None:
        server.kill()


def signed(keys, method, path="/", service="s3", body=b"", headers=None):
    request = botocore.awsrequest.AWSRequest(method=method, url=keys.s3 + path, data=body, headers=headers or {})
    token = getattr(keys, "session_token", "") or None
    credentials = botocore.credentials.Credentials(keys.access_key, keys.secret_key, token)
    signer = botocore.auth.S3SigV4Auth if service == "s3" else botocore.auth.SigV4Auth
    signer(credentials, service, REGION).add_auth(request)
    return request.prepare()


def presigned(keys, method, path):
    request = botocore.awsrequest.AWSRequest(method=method, url=keys.s3 + path)
    token = getattr(keys, "session_token", "") or None
    credentials = botocore.credentials.Credentials(keys.access_key, keys.secret_key, token)
    botocore.auth.S3SigV4QueryAuth(credentials, "s3", REGION, expires=300).add_auth(request)
    return request.prepare().url


def use_identity(cage):
    """Every way in, as it should be used; its secrets become canaries."""
    server = cage.server
    keep = cage.keep
    keep("root's secret key", server.secret_key)
    keep("root's API token", server.token)
    master = (server.data / "master.key").read_text().split()[-1]
    keep("master key in hex", master)
    keep("master key", bytes.fromhex(master))
    for name, value in {
        "password": PASSWORD,
        "other password": OTHER_PASSWORD,
        "wrong password": WRONG_PASSWORD,
        "wrong secret key": WRONG_KEY,
        "wrong token": WRONG_TOKEN,
    }.items():
        keep(name, value)
    good(cage.call("CreateUser", UserName=ANN, Version="2010-05-08"))
    made = good(cage.call("CreateAccessKey", UserName=ANN, Version="2010-05-08"))
    key_id = re.search("<AccessKeyId>([^<]+)", made.text)[1]
    secret = keep("Ann's secret key", re.search("<SecretAccessKey>([^<]+)", made.text)[1])
    cage.answers[-1] = (*cage.answers[-1][:2], (secret,))
    ann = Keys(server.s3, key_id, secret)
    good(cage.call("CreateLoginProfile", UserName=ANN, Password=PASSWORD, PasswordResetRequired="false", Version="2010-05-08"))

    def log_in(password=PASSWORD, code=None, name=ANN):
        form = {"Customer": "baleen", "UserName": name, "Password": password, "OTP": code}
        return cage.call("RSLogin", service="sts", signed=False, **form)

    def session_of(answer, name):
        found = good(answer).json()["Credentials"]
        secret = keep(name, found["SecretAccessKey"])
        cage.answers[-1] = (*cage.answers[-1][:2], (secret,))
        return Keys(server.s3, found["AccessKeyId"], secret)

    session = session_of(log_in(), "session's secret key")
    prepared = good(cage.call("RSPrepareTFA", who=session)).json()
    totp = keep("TOTP secret", prepared["secret"])
    keep("TOTP secret, raw", base64.b32decode(totp))
    cage.answers[-1] = (*cage.answers[-1][:2], (totp, base64.b32decode(totp)))
    codes = good(cage.call("RSEnableTFA", who=session, OTP=Authenticator(totp).code())).json()["recoveryCodes"]
    for n, code in enumerate(codes):
        keep(f"recovery code {n}", code)
    cage.answers[-1] = (*cage.answers[-1][:2], tuple(codes))
    session = session_of(log_in(code=codes[0]), "second session's secret key")
    log_in(code=codes[0])
    log_in(code=codes[1][:-1])
    log_in(password=WRONG_PASSWORD, code=codes[1])
    # People type passwords into the wrong field.
    log_in(name=PASSWORD)
    log_in(name=WRONG_PASSWORD, password=ANN)

    derived = good(cage.call("GetSessionToken", service="sts", who=session, Version="2011-06-15"))
    values = {tag: re.search(f"<{tag}>([^<]+)", derived.text)[1] for tag in ("AccessKeyId", "SecretAccessKey", "SessionToken")}
    keep("derived secret key", values["SecretAccessKey"])
    keep("session token", values["SessionToken"])
    cage.answers[-1] = (*cage.answers[-1][:2], (values["SecretAccessKey"], values["SessionToken"]))
    derived = Keys(server.s3, values["AccessKeyId"], values["SecretAccessKey"], values["SessionToken"])
    good(cage.call("GetCallerIdentity", service="sts", who=derived, Version="2011-06-15"))

    reset = keep("reset token", good(cage.call("RSGetPasswordResetToken", UserName=ANN, Type="pwd_reset")).json()["Token"])
    cage.answers[-1] = (*cage.answers[-1][:2], (reset,))
    for token, password in [(reset + "x", OTHER_PASSWORD), (reset, "short"), (reset, OTHER_PASSWORD), (reset, PASSWORD)]:
        cage.call("RSResetPassword", signed=False, Token=token, NewPassword=password)
    return ann, derived, totp


def use_store(cage, keys):
    good(cage.heard(send(signed(cage.server, "PUT", "/canary"))))
    good(cage.heard(send(signed(cage.server, "PUT", "/canary/k", body=b"text"))))
    for who in keys:
        cage.heard(send(signed(who, "GET", "/canary/k")))
    link = presigned(cage.server, "GET", "/canary/k")
    cage.keep("presigned signature", re.search("X-Amz-Signature=([0-9a-f]+)", link)[1])
    good(cage.ask("GET", link))
    wrong = link[:-4] + "0000"
    told = cage.keep("wrong signature", re.search("X-Amz-Signature=([0-9a-f]+)", wrong)[1])
    # Who signed wrongly is told what they sent, as by AWS (`SignatureProvided`), and nobody else is.
    assert f"<SignatureProvided>{told}<" in cage.ask("GET", wrong, shows=(told,)).text
    request = signed(cage.server, "GET", "/canary/k")
    cage.keep("signature", request.headers["Authorization"].rsplit("=", 1)[1])
    good(cage.heard(send(request)))
    cage.keep("SSE-C key", SSE_KEY)
    cage.keep("SSE-C key, raw", base64.b64decode(SSE_KEY))
    md5 = hashlib.md5(base64.b64decode(SSE_KEY)).digest()
    customer = {
        "x-amz-server-side-encryption-customer-algorithm": "AES256",
        "x-amz-server-side-encryption-customer-key": SSE_KEY,
        "x-amz-server-side-encryption-customer-key-MD5": base64.b64encode(md5).decode(),
    }
    for method in ("PUT", "GET", "HEAD"):
        good(cage.heard(send(signed(cage.server, method, "/canary/sse", headers=customer))))
    source = {name.replace("x-amz-", "x-amz-copy-source-", 1): value for name, value in customer.items()}
    copy = {"x-amz-copy-source": "/canary/sse"}
    for headers in (copy | source, copy | source | customer, copy | customer, copy):
        cage.heard(send(signed(cage.server, "PUT", "/canary/sse-copy", headers=headers)))
    wrong = customer | {"x-amz-server-side-encryption-customer-key-MD5": "AAAAAAAAAAAAAAAAAAAAAA=="}
    for headers in (wrong, {name: value for name, value in customer.items() if "MD5" not in name}):
        for method in ("PUT", "GET", "HEAD"):
            cage.heard(send(signed(cage.server, method, "/canary/sse", headers=headers)))


def send(prepared):
    return requests.request(prepared.method, prepared.url, data=prepared.body, headers=dict(prepared.headers), timeout=30)


def use_captures(cage, moto):
    server = cage.server
    cage.keep("destination's secret", DESTINATION_SECRET)
    at = f"{server.api}/client/v4/accounts/{server.project}/pcaps"
    bearer = {"Authorization": f"Bearer {server.token}"}
    secret = urllib.parse.quote(DESTINATION_SECRET, safe="")
    to = f"s3://canary-elsewhere?region=us-east-1&endpoint={moto.s3}&access-key-id=AKCANARY&secret-access-key={secret}"
    requests.put(f"{moto.s3}/canary-elsewhere", timeout=20)
    for uri in [to, to + "&nonsense=1", to.replace("s3://", "s3://user:pass@"), to.replace("access-key-id=AKCANARY&", "")]:
        body = {"destination_conf": uri}
        made = cage.ask("POST", f"{at}/ownership", headers=bearer, json=body)
        cage.ask("POST", f"{at}/ownership/validate", headers=bearer, json=body | {"ownership_challenge": WRONG_TOKEN})
        cage.ask("POST", at, headers=bearer, json=body | {"system": "magic-transit", "type": "full", "time_limit": 5})
        if uri == to:
            assert made.status_code == 200, made.text
    cage.ask("GET", f"{at}/ownership", headers=bearer)
    cage.ask("GET", at, headers=bearer)
    for token in (WRONG_TOKEN, server.token[:-1], server.token + "0", DESTINATION_SECRET):
        cage.ask("GET", at, headers={"Authorization": f"Bearer {token}"})
        cage.ask("GET", at, headers={"X-Auth-Email": token, "X-Auth-Key": server.token})


def misuse(cage, canaries, derived):
    """Each secret where it does not belong. What an answer only repeats of its request is no leak."""
    server = cage.server
    for secret in canaries:
        said = (secret,)
        quoted = urllib.parse.quote(secret, safe="")
        # As an access key id, a secret key, a session token, a password, a token, a scheme.
        cage.heard(send(signed(Keys(server.s3, server.access_key, secret), "GET", "/canary")), said)
        cage.heard(send(signed(Keys(server.s3, server.access_key, server.secret_key, secret), "GET", "/")), said)
        if "/" not in secret:
            cage.heard(send(signed(Keys(server.s3, secret, WRONG_KEY), "GET", "/")), said)
        cage.ask("GET", f"{server.s3}/", said, headers={"Authorization": f"AWS4-HMAC-SHA256 Credential={secret}"})
        cage.ask("GET", f"{server.s3}/", said, headers={"Authorization": f"AWS {server.access_key}:{secret}"})
        cage.ask("GET", f"{server.s3}/", said, headers={"Authorization": secret})
        cage.ask("GET", f"{server.s3}/", said, headers={"X-Amz-Security-Token": secret, "X-Amz-Date": secret})
        for door in (server.s3, server.api, server.ops):
            cage.ask("GET", f"{door}/?Password={quoted}&X-Amz-Signature={quoted}&Token={quoted}", said)
            cage.ask("GET", f"{door}/x?{quoted}", said)
            cage.ask("POST", f"{door}/", said, headers={"Cookie": f"session={quoted}", "Referer": f"http://x/?t={quoted}"})
        # In bodies that are no JSON, no XML and no form.
        at = f"{server.api}/client/v4/accounts/{server.project}/pcaps"
        bearer = {"Authorization": f"Bearer {server.token}"}
        for text in (f'{{"destination_conf": "{secret}', f'{{"{secret}": 1}}', f'["{secret}"]', f'{{"type": "{secret}"}}'):
            cage.ask("POST", at, said, headers=bearer, data=text)
            cage.ask("POST", f"{at}/ownership", said, headers=bearer, data=text)
        for path in ("/canary?versioning", "/canary?delete", "/canary/k?uploads", "/canary?cors"):
            for text in (f"<{secret}", f"<A>{secret}</B>", f"<VersioningConfiguration><Status>{secret}</Status></VersioningConfiguration>"):
                cage.heard(send(signed(server, "POST" if path.endswith(("e", "s")) else "PUT", path, body=text.encode())), said)
        # In the parameters of actions, where others are expected. What could be a name is one, once somebody asks for a user or
        # policy by it; so here it is none.
        none = secret if "/" in secret else f"{secret}/"
        for action, form in [
            ("CreateUser", {"UserName": none}),
            ("GetUser", {"UserName": none}),
            ("RSLogin", {"Customer": none, "UserName": none, "Password": secret, "OTP": secret}),
            ("RSResetPassword", {"Token": secret, "NewPassword": secret}),
            ("RSEnableTFA", {"OTP": secret}),
            ("RSFederatedLogin", {"Code": secret}),
            ("AssumeRole", {"RoleArn": secret, "RoleSessionName": secret, "TokenCode": secret}),
            ("CreatePolicy", {"PolicyName": "p", "PolicyDocument": f'{{"Statement": "{secret}'}),
            ("CreateLoginProfile", {"UserName": none, "Password": secret}),
            ("RSCreateSAMLConnection", {"MetadataXML": f"<EntityDescriptor>{secret}"}),
            ("ListUsers", {"Marker": secret}),
            (secret.replace("&", ""), {}),
        ]:
            for service in ("iam", "sts"):
                cage.call(action, service=service, shows=said, **form)
                cage.call(action, service=service, signed=False, shows=said, **form)
            cage.call(action, who=derived, shows=said, Password=secret, **{k: v for k, v in form.items() if k != "Password"})
        cage.call(body=f"Action=GetUser&Password={quoted}&Password={quoted}&%zz={quoted}", shows=said)
        cage.call(body=f"{quoted}", shows=said)


def malformed(cage, secret):
    """Requests that are no HTTP, or nearly."""
    for door in (cage.server.s3, cage.server.api, cage.server.ops):
        for head in (
            f"GET /?{secret} HTTP/9.9\r\n\r\n",
            f"{secret} / HTTP/1.1\r\nHost: x\r\n\r\n",
            f"GET / HTTP/1.1\r\nHost: {secret}\r\nAuthorization: Bearer\x01{secret}\r\n\r\n",
            f"GET / HTTP/1.1\r\nHost: x\r\nAuthorization {secret}\r\n\r\n",
            f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {secret}\r\n\r\n",
            f"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{secret}\r\n",
        ):
            cage.raw(door, head.encode())
            # What an answer repeats of such a request is no leak, as long as nobody else reads it.
            cage.answers[-1] = (*cage.answers[-1][:2], (secret,))


def test_no_canary_sings(cage, moto):
    server = cage.server
    ann, derived, totp = use_identity(cage)
    use_store(cage, [ann, derived])
    if may_capture():
        use_captures(cage, moto)
    wrong = [PASSWORD, WRONG_KEY, WRONG_TOKEN, server.secret_key, server.token, derived.session_token, totp]
    misuse(cage, wrong, derived)
    malformed(cage, server.token)
    malformed(cage, WRONG_TOKEN)
    told = rotated(server)
    assert told["newest"] == 2
    master = (server.data / "master.key").read_text().split()[-1]
    cage.keep("second master key in hex", master)
    cage.keep("second master key", bytes.fromhex(master))

    metrics = requests.get(f"{server.ops}/metrics", timeout=10).text.encode()
    log = good(cage.call("RSExportAuditLog"))
    assert "CreateUser" in log.text
    process = Path(f"/proc/{server.process.pid}")
    found = cage.leaks("command line", (process / "cmdline").read_bytes())
    found += cage.leaks("environment", (process / "environ").read_bytes())
    found += cage.leaks("metrics", metrics)
    for what, text, shows in cage.answers:
        found += cage.leaks(what, text, shows)
    server.process.terminate()
    rest = server.process.stdout.read()
    assert server.process.wait(60) == 0
    found += cage.leaks("standard output", rest.encode())
    log = server.log.read_bytes()
    assert b"TRACE" in log and len(cage.answers) > 500
    found += cage.leaks("log", log)
    for path in sorted(path for path in server.data.rglob("*") if path.is_file()):
        made_for_it = {
            "master.key": [secret for name, secret in cage.canaries.items() if "master key" in name],
            "root-credentials.json": [server.secret_key, server.token],
        }
        found += cage.leaks(str(path.relative_to(server.data)), path.read_bytes(), made_for_it.get(path.name, []))
    assert not found, "\n".join(f"{name} is in {what}" for what, name in sorted(set(found)))
