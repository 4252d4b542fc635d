"""A real browser: Debian's Chromium, driven by the W3C WebDriver protocol, and pages for it to open."""

import http.server
import os
import re
import shutil
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

# How WebDriver names an element in JSON (W3C WebDriver, "Elements").
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
SECONDS = 60


def required():
    """Where there is no Chromium the tests fail, but where somebody has said that there cannot be one."""
    reason = os.environ.get("BALEEN_WITHOUT_BROWSER")
    if reason:
        pytest.skip(f"BALEEN_WITHOUT_BROWSER is set: {reason}")
    missing = [program for program in ("chromium", "chromedriver") if not shutil.which(program)]
    assert not missing, (
        f"{' and '.join(missing)}: not found. scripts/deps.sh test installs them; where there is no such package, set "
        "BALEEN_WITHOUT_BROWSER to the reason"
    )


class NotThere(AssertionError):
    """What was looked for is not on the page, or not any more."""


@dataclass
class Browser:
    """One window."""

    driver: subprocess.Popen = field(repr=False)
    session: str = ""

    @classmethod
    def start(cls, folder):
        folder = Path(folder)
        driver = subprocess.Popen(
            ["chromedriver", "--port=0", f"--log-path={folder / 'driver.log'}"],
            env={**os.environ, "HOME": str(folder), "TMPDIR": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            for line in driver.stdout:
                if port := re.search(r"started successfully on port (\d+)", line):
                    break
            else:
                raise AssertionError("chromedriver did not start")
            browser = cls(driver, f"http://127.0.0.1:{port[1]}/session")
            # Root has no sandbox, and a proxy of whoever runs the tests is none of theirs.
            arguments = ["headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "no-proxy-server"]
            wanted = {"goog:chromeOptions": {"args": [f"--{name}" for name in arguments]}}
            made = browser.call("post", "", {"capabilities": {"alwaysMatch": wanted}})
            browser.session += f"/{made['sessionId']}"
        except BaseException:
            driver.kill()
            driver.wait()
            raise
        return browser

    def call(self, method, path, body=None):
        answer = requests.request(method, self.session + path, json=body, timeout=SECONDS).json()["value"]
        if isinstance(answer, dict) and answer.get("error") in ("stale element reference", "no such element"):
            raise NotThere(answer)
        assert not (isinstance(answer, dict) and "error" in answer), answer
        return answer

    def open(self, address):
        """Waits until the page is there whole."""
        self.call("post", "/url", {"url": address})

    def address(self):
        return self.call("get", "/url")

    def find(self, selector):
        return self.call("post", "/element", {"using": "css selector", "value": selector})[ELEMENT]

    def text(self):
        return self.call("get", f"/element/{self.find('body')}/text")

    def wait_for(self, text):
        """Until this is on the page: the driver may think that a page is there while it is still being left for another."""
        end, seen = time.monotonic() + SECONDS, ""
        while text not in seen:
            assert time.monotonic() < end, f"{seen!r} instead of {text!r}"
            try:
                seen = self.text()
            except NotThere as gone:
                seen = str(gone.args[0]["error"])

    def type(self, selector, text):
        """Into a file's field: chooses the file."""
        self.call("post", f"/element/{self.find(selector)}/value", {"text": str(text)})

    def click(self, selector):
        """Waits for the page that follows."""
        self.call("post", f"/element/{self.find(selector)}/click", {})

    def run(self, script, *arguments):
        """What the body of an async function returns, run in the page; an exception is its text."""
        whole = (
            "const done = arguments[arguments.length - 1];"
            f"(async (...given) => {{ {script} }})(...Array.from(arguments).slice(0, -1))"
            ".then(done, error => done(String(error)));"
        )
        return self.call("post", "/execute/async", {"script": whole, "args": list(arguments)})

    def stop(self):
        try:
            self.call("delete", "")
        finally:
            self.driver.terminate()
            self.driver.wait()
            self.driver.stdout.close()


class Pages:
    """A web site on a port of its own: an origin that is not the store's."""

    def __init__(self):
        site = self
        self.pages = {"/": "<title>empty</title>"}

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                page = site.pages.get(self.path.split("?")[0])
                self.send_response(200 if page is not None else 404)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write((page or "").encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.port = self.server.server_address[1]
        self.origin = f"http://127.0.0.1:{self.port}"
        # The same site by another name, which is another origin.
        self.other_origin = f"http://localhost:{self.port}"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
