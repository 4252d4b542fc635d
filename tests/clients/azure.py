"""Microsoft's own server of Azure Blob Storage (npm azurite), and a client of it that signs for itself."""

import base64
import hashlib
import hmac
import os
import socket
import subprocess
import time
from datetime import datetime, timedelta, timezone
from email.utils import formatdate
from urllib.parse import quote, urlencode

import requests

# The emulator's well-known account.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
VERSION = "2021-08-06"
START_SECONDS = 60


def signed(text):
    return base64.b64encode(hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()).decode()


class Azurite:
    def __init__(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            port = found.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        program = f"{os.environ['BALEEN_TEST_AZURITE']}/node_modules/azurite/dist/src/blob/main.js"
        options = ["--inMemoryPersistence", "--blobHost", "127.0.0.1", "--blobPort", str(port), "--silent", "--disableTelemetry"]
        self.process = subprocess.Popen(
            ["node", program, *options], cwd=folder, stdin=subprocess.DEVNULL, stdout=(folder / "log").open("wb"), stderr=subprocess.STDOUT
        )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                requests.get(self.url, timeout=5)
                return
            except requests.ConnectionError:
                assert self.process.poll() is None and time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.1)

    def stop(self):
        self.process.kill()
        self.process.wait()

    def call(self, method, path, **query):
        """A request signed by the account's key."""
        headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": VERSION}
        own = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
        parameters = "".join(f"\n{name}:{query[name]}" for name in sorted(query))
        path = f"/{ACCOUNT}/{quote(path)}"
        proof = signed(f"{method}\n\n\n\n\n\n\n\n\n\n\n\n{own}/{ACCOUNT}{path}{parameters}")
        headers["Authorization"] = f"SharedKey {ACCOUNT}:{proof}"
        answer = requests.request(method, f"{self.url}{path}", params=query, headers=headers, timeout=20)
        answer.raise_for_status()
        return answer

    def make(self, container):
        self.call("PUT", container, restype="container")

    def read(self, container, name):
        return self.call("GET", f"{container}/{name}")

    def names(self, container):
        found = self.call("GET", container, restype="container", comp="list").text
        return [part.partition("</Name>")[0] for part in found.split("<Name>")[1:]]


def signature(container, permissions, hours=1):
    """A shared access signature for a container."""
    until = (datetime.now(timezone.utc) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")
    fields = [permissions, "", until, f"/blob/{ACCOUNT}/{container}", "", "", "", VERSION, "c", "", "", "", "", "", "", ""]
    query = {"sv": VERSION, "sp": permissions, "se": until, "sr": "c", "sig": signed("\n".join(fields))}
    return urlencode(query)
