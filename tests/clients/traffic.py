"""Packets that can be counted, and what Wireshark's own programs say of a capture file."""

import socket
import subprocess
import time

# Ethernet, IPv4 and UDP headers, in front of the payload.
FRAME_HEADERS = 14 + 20 + 8


class Traffic:
    """Numbered UDP datagrams over the loopback interface to a port of their own."""

    def __init__(self, size=100):
        self.receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.receiver.bind(("127.0.0.1", 0))
        self.port = self.receiver.getsockname()[1]
        self.sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.size = size
        self.sent = 0

    @property
    def frame(self):
        return FRAME_HEADERS + self.size

    @property
    def filter(self):
        return {"protocol": 17.0, "destination_address": "127.0.0.1", "destination_port": float(self.port)}

    def send(self, count, per_second=None):
        started = time.monotonic()
        for number in range(count):
            self.sender.sendto(f"{self.sent:08}".encode().ljust(self.size, b"."), ("127.0.0.1", self.port))
            self.sent += 1
            if per_second and (ahead := started + number / per_second - time.monotonic()) > 0:
                time.sleep(ahead)

    def close(self):
        self.receiver.close()
        self.sender.close()


def tshark(path, *words):
    done = subprocess.run(
        ["tshark", "-n", "-r", str(path), *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def numbers_in(path, port):
    """The numbers of the datagrams to `port` in a file, in its order."""
    payloads = tshark(path, "-Y", f"udp.dstport=={port}", "-T", "fields", "-e", "udp.payload")
    return [int(bytes.fromhex(payload)[:8]) for payload in payloads]


def in_order(path):
    """Whether capinfos finds no packet before the one in front of it."""
    done = subprocess.run(["capinfos", "-o", str(path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr + done.stdout
    return "Strict time order:   True" in done.stdout


def about(path):
    """What capinfos says: type of the file, number of packets, bytes of data."""
    done = subprocess.run(["capinfos", "-T", "-m", "-t", "-c", "-d", str(path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr + done.stdout
    names, values = (line.split(",") for line in done.stdout.splitlines()[:2])
    found = dict(zip(names, values))
    return found["File type"], int(found["Number of packets"]), int(found["Data size (bytes)"])
