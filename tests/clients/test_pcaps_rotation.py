"""Captures of several files, at the PCAPs door and on the command line: each is read by Wireshark's programs alone."""

import os
import signal
import subprocess
import time
from contextlib import closing

import pytest

from conftest import keys_of, may_capture
from harness import Baleen
from traffic import Traffic, about, numbers_in

MIB = 1 << 20


@pytest.mark.parametrize("form", ["pcap", "pcapng"])
def test_files_by_size(pcaps, s3, bucket, tmp_path, form):
    destination = pcaps.prove(s3, f"s3://{bucket}/case-17")
    with closing(Traffic(size=30_000)) as traffic:
        asked = pcaps.create(destination, packet_limit=120, filter_v1=traffic.filter, extra_body={"format": form, "rotate": {"bytes": MIB}})
        assert asked.rotate == {"bytes": MIB}
        prefix = f"case-17/pcap_{asked.id}"
        assert asked.object_key == prefix
        pcaps.running(asked)
        traffic.send(60, per_second=500)
        # The first files are there while the capture runs.
        deadline = time.monotonic() + 30
        while not keys_of(s3, bucket, Prefix=prefix):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert pcaps.get(asked).status == "running"
        traffic.send(80, per_second=500)
        done = pcaps.over(asked)
        assert (done.status, done.packets_captured, done.error_message) == ("success", 120, None)
        keys = keys_of(s3, bucket, Prefix=prefix)
        assert keys == [f"{prefix}_local_{number:04}.{form}" for number in range(len(keys))] and len(keys) == 4
        assert [found["object_key"] for found in done.objects] == keys
        numbers = []
        for key, found in zip(keys, done.objects):
            path = tmp_path / key.replace("/", "_")
            s3.download_file(bucket, key, str(path))
            kind, packets, _ = about(path)
            assert kind.startswith(form)
            assert (packets, path.stat().st_size) == (found["packets_captured"], found["size"])
            assert path.stat().st_size < MIB + 64_000
            numbers += numbers_in(path, traffic.port)
        assert numbers == list(range(120))
    pcaps.forget(destination)


def test_files_by_time_on_the_command_line(tmp_path):
    if not may_capture():
        pytest.skip("capturing packets needs root or CAP_NET_RAW")
    with closing(Traffic()) as traffic:
        command = [Baleen.binary(), "--json", "capture", "-i", "lo", "-f", f"udp port {traffic.port}", "--rotate", "1s"]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("BALEEN_")}
        process = subprocess.Popen([*command, str(tmp_path / "trace.pcapng")], env=environment, stdout=subprocess.PIPE, text=True)
        time.sleep(1.0)
        for _ in range(3):
            traffic.send(10)
            time.sleep(1.3)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
        assert process.returncode == 0
        files = sorted(tmp_path.glob("trace_*.pcapng"))
        assert [path.name for path in files] == [f"trace_{number:04}.pcapng" for number in range(len(files))]
        assert len(files) == 3
        numbers = [number for path in files for number in numbers_in(path, traffic.port)]
        assert numbers == list(range(30))
        merged = tmp_path / "all.pcapng"
        subprocess.run(["mergecap", "-w", str(merged), *map(str, files)], check=True, timeout=60)
        assert about(merged)[1] == 30
