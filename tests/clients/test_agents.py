"""Agents on other hosts, as far as their server goes: tokens, enrolment by curl over HTTP/2, and the end of an agent."""

import base64
import hashlib
import json

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from harness import Baleen


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    server = Baleen.start(
        tmp_path_factory.mktemp("agents") / "data", "--capture-interface", "lo", LISTEN_AGENTS="127.0.0.1:0"
    )
    yield server
    assert server.stop() == 0, server.tail()
    assert not server.secrets_in_log()


class People:
    """Who has the account, at the PCAPs door."""

    def __init__(self, server):
        self.base = f"{server.api}/client/v4/accounts/{server.project}/pcaps/agents"
        self.headers = {"Authorization": f"Bearer {server.token}"}

    def ask(self, method, path="", **body):
        return requests.request(
            method, self.base + path, headers=self.headers, json=body if method == "POST" else None, timeout=30
        )

    def token(self, **more):
        answer = self.ask("POST", "/tokens", site="far01", **more)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]["token"]

    def agents(self):
        return self.ask("GET").json()["result"]


class Host:
    """Another host, with a key of its own."""

    def __init__(self, run, server, folder):
        self.run, self.url, self.folder = run, server.agents, folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.point = self.key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        pkcs8 = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (folder / "key.pem").write_bytes(pkcs8)

    def curl(self, path, *more):
        """The status and the answer; curl is not told the authority, since the token alone knows it."""
        ask = ["curl", "--silent", "--show-error", "--insecure", "--http2", "--write-out", "\n%{http_code} %{http_version}"]
        body, _, end = self.run(*ask, *more, f"{self.url}/agent/v1/{path}").stdout.rpartition("\n")
        status, version = end.split()
        assert version == "2"
        return int(status), json.loads(body) if body else None

    def enrol(self, token):
        signed = self.key.sign(b"baleen agent enrol 1\0" + self.point + token.encode(), ec.ECDSA(hashes.SHA256()))
        body = {
            "token": token,
            "publicKey": base64.b64encode(self.point).decode(),
            "signature": base64.b64encode(signed).decode(),
            "name": "host-7",
        }
        status, answer = self.curl("enrol", "--data", json.dumps(body))
        if status == 200:
            certificate = x509.load_der_x509_certificate(base64.b64decode(answer["certificate"]))
            (self.folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return status, answer

    def knock(self):
        """What is answered to who shows the certificate."""
        identity = ["--cert", self.folder / "cert.pem", "--key", self.folder / "key.pem"]
        return self.curl("nothing", *identity)[0]


def test_a_host_becomes_an_agent_and_ceases_to_be_one(run, home, tmp_path):
    people, host = People(home), Host(run, home, tmp_path)
    token = people.token(groups=["edge"], life_seconds=600)
    status, answer = host.enrol(token)
    assert status == 200, answer
    authority = base64.b64decode(answer["authority"])
    assert hashlib.sha256(authority).hexdigest() == token.split(".")[3]
    issued = x509.load_der_x509_certificate(base64.b64decode(answer["certificate"]))
    issued.verify_directly_issued_by(x509.load_der_x509_certificate(authority))
    [agent] = people.agents()
    assert (agent["id"], agent["name"], agent["site"]) == (answer["agent"], "host-7", "far01")
    assert (agent["groups"], agent["connected"]) == (["edge"], False)
    # Known, so that it is told that there is nothing there; and nobody once it is removed.
    assert host.knock() == 404
    assert host.curl("nothing")[0] == 401
    assert host.enrol(token)[0] == 401, "the token was used"
    assert people.ask("DELETE", f"/{agent['id']}").status_code == 204
    assert people.ask("DELETE", f"/{agent['id']}").status_code == 404
    assert (host.knock(), people.agents()) == (401, [])
    assert token.split(".")[2] not in home.log.read_text()


@pytest.mark.parametrize(
    "body, pointer",
    [
        ({}, "/site"),
        ({"site": ""}, "/site"),
        ({"site": "a", "groups": "b"}, "/groups"),
        ({"site": "a", "groups": [1]}, "/groups"),
        ({"site": "a", "life_seconds": 59}, "/life_seconds"),
        ({"site": "a", "life_seconds": 604801}, "/life_seconds"),
        ({"site": "a", "shared": True}, "/shared"),
    ],
)
def test_wrong_tokens_are_not_made(home, body, pointer):
    answer = People(home).ask("POST", "/tokens", **body)
    errors = answer.json()["errors"]
    assert (answer.status_code, errors[0]["code"], errors[0]["source"]["pointer"]) == (400, 1001, pointer)


def test_a_server_that_takes_no_agents_says_so(baleen):
    answer = People(baleen).ask("POST", "/tokens", site="far01")
    assert (answer.status_code, "listen.agents" in answer.text) == (409, True)
