"""Captures without payload or with other addresses, at the PCAPs door and on the command line."""

import os
import signal
import subprocess
import time
from contextlib import closing

import cloudflare
import pytest

from conftest import may_capture
from harness import Baleen
from pcaps import fetch
from traffic import Traffic, tshark

KEY = "0f" * 32
CHECKED = ["-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"]


def fields(path, *names):
    wanted = [word for name in names for word in ("-e", name)]
    return [line.split("\t") for line in tshark(path, *CHECKED, "-T", "fields", *wanted)]


def captured(pcaps, s3, bucket, destination, path, **asked):
    with closing(Traffic()) as traffic:
        made = pcaps.create(destination, packet_limit=5, filter_v1=traffic.filter, extra_body=asked)
        pcaps.running(made)
        traffic.send(5)
        done = pcaps.over(made)
        assert (done.status, done.packets_captured) == ("success", 5), done
        fetch(s3, bucket, done, path)
    return done


def test_at_the_door(pcaps, s3, bucket, tmp_path):
    destination = pcaps.prove(s3, f"s3://{bucket}")
    path = tmp_path / "capture.pcap"
    done = captured(pcaps, s3, bucket, destination, path, privacy={"headers_only": True})
    assert done.privacy == {"headers_only": True, "zero_payload": False, "anonymise": False}
    assert {tuple(line) for line in fields(path, "frame.cap_len", "frame.len", "ip.src")} == {("42", "142", "127.0.0.1")}
    assert done.bytes_captured == 5 * 42

    addresses = set()
    for number in range(2):
        path = tmp_path / f"masked-{number}.pcap"
        done = captured(pcaps, s3, bucket, destination, path, privacy={"anonymise_key": KEY})
        assert done.privacy == {"headers_only": False, "zero_payload": False, "anonymise": True}
        assert KEY not in str(done)
        told = fields(path, "ip.src", "ip.checksum.status", "udp.checksum.status", "udp.payload")
        assert len(told) == 5
        for source, ip, udp, payload in told:
            assert (ip, udp, payload) == ("1", "1", "00" * 100)
            addresses.add(source)
        assert b"\x7f\x00\x00\x01" not in path.read_bytes()
    assert len(addresses) == 1, "one key, one address"
    with pytest.raises(cloudflare.BadRequestError):
        pcaps.create(destination, extra_body={"privacy": {"anonymize": True}})
    pcaps.forget(destination)


def test_on_the_command_line(tmp_path):
    if not may_capture():
        pytest.skip("capturing packets needs root or CAP_NET_RAW")
    key = tmp_path / "address.key"
    key.write_text(KEY + "\n")
    path = tmp_path / "masked.pcapng"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("BALEEN_")}
    with closing(Traffic()) as traffic:
        command = [Baleen.binary(), "--json", "capture", "-i", "lo", "-f", f"dst host 127.0.0.1 and udp port {traffic.port}"]
        command += ["--anonymise", str(key), str(path)]
        key.chmod(0o644)
        refused = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20)
        assert refused.returncode == 2 and "chmod 600" in refused.stdout + refused.stderr, refused
        key.chmod(0o600)
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        time.sleep(1.0)
        traffic.send(10)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    assert process.returncode == 0
    told = fields(path, "ip.src", "ip.checksum.status", "udp.checksum.status")
    assert len(told) == 10 and all(line[1:] == ["1", "1"] and line[0] != "127.0.0.1" for line in told)
    # Nor does the file name an address anywhere else: the filter is left out.
    assert b"127.0.0.1" not in path.read_bytes() and b"\x7f\x00\x00\x01" not in path.read_bytes()
