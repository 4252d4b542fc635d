"""Hosts in network namespaces, each with two veth links to where the tests are: one to its server, one that is captured."""

import ctypes
import itertools
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from harness import Baleen

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
NUMBERS = itertools.count(1)
# A debug build links in a moment; a link that was cut is made again after a pause of 30 s at most.
PATIENCE_SECONDS = 60


def ip(*words):
    done = subprocess.run(["ip", *map(str, words)], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, f"ip {words}: {done.stderr}"


def until(what, holds, seconds=PATIENCE_SECONDS):
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, what() if callable(what) else what
        time.sleep(0.05)
    return found


class Hub:
    """A network namespace that this thread, and what it starts, is in until `leave`."""

    def __init__(self):
        if os.geteuid() != 0:
            pytest.skip("network namespaces need root")
        self.before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        assert LIBC.unshare(CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        ip("link", "set", "lo", "up")

    def leave(self):
        assert LIBC.setns(self.before, CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        os.close(self.before)


class Host:
    """Another host. `eth0` leads to the server, `eth1` is what is captured, unless the settings say otherwise."""

    def __init__(self, folder):
        self.number = next(NUMBERS)
        self.name = f"bla{os.getpid()}-{self.number}"
        self.folder = Path(folder) / self.name
        self.folder.mkdir()
        self.log = self.folder / "log"
        self.process = None
        ip("netns", "add", self.name)
        ip("-n", self.name, "link", "set", "lo", "up")
        for network, end in ((77, 0), (78, 1)):
            near, far = f"v{self.number}-{end}", f"eth{end}"
            ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", self.name)
            ip("addr", "add", f"10.{network}.{self.number}.1/24", "dev", near)
            ip("-n", self.name, "addr", "add", f"10.{network}.{self.number}.2/24", "dev", far)
            ip("link", "set", near, "mtu", 9000, "up")
            ip("-n", self.name, "link", "set", far, "mtu", 9000, "up")
        self.server = f"10.77.{self.number}.1"
        self.sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        # Somebody takes what is sent, or the host would answer that nobody does.
        sink = "import socket,sys\ns=[socket.socket(socket.AF_INET,socket.SOCK_DGRAM) for _ in range(2)]\n"
        sink += "[s[n].bind(('0.0.0.0',7000+n)) for n in range(2)]\nprint(flush=True)\nsys.stdin.read()"
        self.sink = subprocess.Popen(
            ["ip", "netns", "exec", self.name, "python3", "-c", sink],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.sink.stdout.readline()

    def send(self, count, size=100, port=7000, network=78, per_second=None):
        """Sends numbered datagrams to the host."""
        started = time.monotonic()
        for number in range(count):
            self.sender.sendto(f"{number:08}".encode().ljust(size, b"."), (f"10.{network}.{self.number}.2", port))
            if per_second and (ahead := started + number / per_second - time.monotonic()) > 0:
                time.sleep(ahead)

    def link(self, state, end=0):
        ip("link", "set", f"v{self.number}-{end}", state)

    def throttle(self, rate):
        """What leaves for the server goes no faster than that, as over a modem that holds half a second back."""
        words = ["tc", "-n", self.name, "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", rate, "burst", "16kb", "limit", "48kb"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr

    def configure(self, port, **settings):
        settings = {"server": f"{self.server}:{port}", "folder": str(self.folder / "agent"), "interfaces": ["eth1"], **settings}
        lines = [f"{key} = {toml(value)}" for key, value in settings.items() if value is not None]
        (self.folder / "agent.toml").write_text("\n".join(lines))

    def command(self, *words):
        environment = {key: value for key, value in os.environ.items() if not key.startswith("BALEEN_")}
        command = ["ip", "netns", "exec", self.name, Baleen.binary(), "agent", *words, "--config", str(self.folder / "agent.toml")]
        return command, environment

    def run(self, *words, stdin=""):
        """Runs a command of the agent to its end."""
        command, environment = self.command(*words)
        return subprocess.run(command, env=environment, input=stdin, capture_output=True, text=True, timeout=60)

    def enrol(self, token):
        done = self.run("enrol", "--json", stdin=token + "\n")
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self):
        command, environment = self.command("run")
        # `ip netns exec` becomes the program, so that a signal finds it.
        self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stderr=self.log.open("ab"))

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process = None

    def stop(self):
        """Asks the agent to end; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(30)
        self.process = None
        return code

    def tail(self):
        return self.log.read_text(errors="replace")[-4000:] if self.log.exists() else ""

    def close(self):
        if self.process is not None:
            self.kill()
        self.sink.stdin.close()
        self.sink.wait(10)
        self.sender.close()
        for end in (0, 1):
            subprocess.run(["ip", "link", "del", f"v{self.number}-{end}"], capture_output=True, timeout=30)
        ip("netns", "del", self.name)


def toml(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return str(value) if isinstance(value, int) else f'"{value}"'
