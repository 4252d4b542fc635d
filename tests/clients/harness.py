"""Starts the real server, as a user does, and tells where it is and who may use it; runs `baleen admin` against it."""

import json
import os
import queue
import signal
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path

import requests

# A debug build on a busy two-core machine opens its store in about a second.
START_SECONDS = 60
STOP_SECONDS = 40
REGION = "us-east-1"


@dataclass
class Store:
    """An S3 endpoint with the keys of somebody who may do everything there."""

    s3: str
    access_key: str
    secret_key: str


@dataclass
class Baleen(Store):
    """A running server."""

    api: str = ""
    ops: str = ""
    agents: str = ""
    account: str = ""
    project: str = ""
    user: str = ""
    token: str = ""
    data: Path = Path()
    log: Path = Path()
    process: subprocess.Popen = field(default=None, repr=False)

    @staticmethod
    def binary():
        return os.environ["BALEEN_BIN"]

    @classmethod
    def start(cls, data, *flags, disk_mib=None, ca=True, **settings):
        """Starts a server over a data folder; `settings` become environment variables. With `disk_mib` the folder is a file
        system of that size, which only the server sees and which ends with it. `ca` is the file of the authority that its
        certificate is of, if it is given one."""
        data = Path(data)
        data.parent.mkdir(parents=True, exist_ok=True)
        log = data.parent / f"{data.name}.log"
        # The environment of whoever runs the tests must not configure the server under test.
        environment = {k: v for k, v in os.environ.items() if not k.startswith("BALEEN_")}
        environment.update({f"BALEEN_{name}": value for name, value in settings.items()})
        listen = [flag for door in ("s3", "api", "ops") for flag in (f"--listen-{door}", "127.0.0.1:0")]
        command = [cls.binary(), "serve", "--data", str(data), *listen, "--json", *flags]
        if disk_mib is not None:
            data.mkdir()
            mount = 'mount -t tmpfs -o size="$1"m tmpfs "$2" && shift 2 && exec "$@"'
            command = ["unshare", "--mount", "sh", "-c", mount, "sh", str(disk_mib), str(data), *command]
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log.open("ab"), text=True
        )
        try:
            doors = json.loads(first_line(process, log))
            seen = Path("/") if disk_mib is None else Path(f"/proc/{process.pid}/root")
            credentials = json.loads((seen / doors["rootCredentials"].lstrip("/")).read_text())
            for door in ("s3", "api", "ops"):
                requests.get(doors[door], timeout=START_SECONDS, verify=ca)
        except BaseException:
            process.kill()
            process.wait()
            raise
        return cls(
            s3=doors["s3"],
            api=doors["api"],
            ops=doors["ops"],
            agents=doors["agents"] or "",
            access_key=credentials["accessKeyId"],
            secret_key=credentials["secretAccessKey"],
            account=credentials["accountId"],
            project=credentials["projectId"],
            user=credentials["userName"],
            token=credentials["apiToken"],
            data=data,
            log=log,
            process=process,
        )

    def stop(self):
        """Asks the server to end and waits for it; returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the server did not end within {STOP_SECONDS} s of SIGTERM\n{self.tail()}") from None
        self.process.stdout.close()
        return code

    def kill(self):
        """Ends the server as a power cut does to a process."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def tail(self, lines=40):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def secrets_in_log(self):
        text = self.log.read_text(errors="replace")
        return [name for name in ("secret_key", "token") if getattr(self, name) in text]


def first_line(process, log):
    lines = queue.Queue()
    threading.Thread(target=lambda: lines.put(process.stdout.readline()), daemon=True).start()
    try:
        line = lines.get(timeout=START_SECONDS)
    except queue.Empty:
        line = ""
    if not line:
        raise AssertionError(f"the server said nothing within {START_SECONDS} s\n{log.read_text(errors='replace')[-4000:]}")
    return line


class Admin:
    """Runs the command as somebody without any setting of his own."""

    def __init__(self, server):
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("BALEEN_", "AWS_"))}
        self.environment["BALEEN_DATA"] = str(server.data)
        self.s3 = server.s3

    def run(self, *words, stdin="", **settings):
        return subprocess.run(
            [Baleen.binary(), "admin", *words],
            env=self.environment | settings,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def __call__(self, *words, **more):
        """The answer of a command that works."""
        done = self.run(*words, "--json", **more)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def refused(self, *words, **more):
        """What is told of a command that does not."""
        done = self.run(*words, **more)
        assert (done.returncode, done.stdout) == (1, ""), done.stdout
        return done.stderr
