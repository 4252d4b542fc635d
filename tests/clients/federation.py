"""A real identity provider (npm samlp), and a browser that logs in at it."""

import html
import itertools
import os
import re
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from harness import first_line

A_DAY = timedelta(days=1)


class Idp:
    """The identity provider, its key and its address."""

    def __init__(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "idp.example")])
        now = datetime.now(timezone.utc)
        self.ends = (now + 30 * A_DAY).replace(microsecond=0)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - A_DAY)
            .not_valid_after(self.ends)
            .sign(key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        key_file, certificate_file = folder / "key.pem", folder / "certificate.pem"
        key_file.write_bytes(
            key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
        certificate_file.write_bytes(certificate.public_bytes(pem))
        here = Path(__file__).parent / "idp" / "idp.js"
        log = folder / "idp.log"
        self.process = subprocess.Popen(
            ["node", here, key_file, certificate_file],
            env={**os.environ, "NODE_PATH": f"{os.environ['BALEEN_TEST_IDP']}/node_modules"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log.open("wb"),
            text=True,
        )
        self.url = first_line(self.process, log).strip()
        self.metadata = requests.get(f"{self.url}/metadata", timeout=20).text

    def trust(self, metadata):
        """Takes up our metadata, as its admin does: from then on it answers requests that our key has signed."""
        certificate = re.search(r"<ds:X509Certificate>([^<]+)<", metadata)[1]
        lines = "\n".join(certificate[i : i + 64] for i in range(0, len(certificate), 64))
        pem = f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n"
        sent = requests.put(
            f"{self.url}/service-provider", data=pem, headers={"Content-Type": "text/plain"}, timeout=20
        )
        sent.raise_for_status()

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class FromElsewhere(requests.adapters.HTTPAdapter):
    """Connects from an address in a network that nobody else comes from: failures of one are counted against all there."""

    networks = itertools.count(1)

    def init_poolmanager(self, *arguments, **options):
        here = next(self.networks)
        super().init_poolmanager(*arguments, source_address=(f"127.{1 + here // 256}.{here % 256}.1", 0), **options)


def somebody():
    session = requests.Session()
    session.mount("http://127.0.0.1", FromElsewhere())
    return session


class Browser:
    """Follows a login by hand, so that a test can hold it at each step."""

    def __init__(self, connection):
        self.session = somebody()
        self.base = connection["ProviderUrl"].removesuffix("/acs")
        self.acs = connection["ProviderUrl"]

    def begin(self):
        answer = self.session.get(f"{self.base}/login", allow_redirects=False, timeout=20)
        assert answer.status_code == 303, answer.text
        assert answer.headers["cache-control"] == "no-store"
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie and "Max-Age=600" in cookie
        return answer.headers["location"]

    def answered(self, location, user, **wanted):
        """Logs in at the identity provider; gives the form that it has the browser post."""
        headers = {"x-user": user, **{f"x-{name}": value for name, value in wanted.items()}}
        page = requests.get(location, headers=headers, timeout=20)
        assert page.status_code == 200, page.text
        fields = dict(re.findall(r'<input type="hidden"\s+name="(\w+)"\s+value="([^"]*)"', page.text))
        action = re.search(r'action="([^"]+)"', page.text)[1]
        assert html.unescape(action) == self.acs
        return {name: html.unescape(value) for name, value in fields.items()}

    def post(self, form):
        return self.session.post(self.acs, data=form, timeout=20)

    def login(self, user, **wanted):
        return self.post(self.answered(self.begin(), user, **wanted))
