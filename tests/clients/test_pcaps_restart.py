"""Captures and the end of the process: killed, and asked to stop."""

import subprocess
import time
from contextlib import closing

import cloudflare
import pytest

from conftest import boto, may_capture
from harness import Baleen
from pcaps import OVER_SECONDS, Pcaps, fetch
from traffic import Traffic, about, numbers_in

# A part of a capture file, see the engine.
PART_BYTES = 8 << 20


@pytest.fixture
def start(tmp_path):
    """Starts servers on one data folder, with a proven destination after the first; they end with the test."""
    if not may_capture():
        pytest.skip("capturing packets needs root or CAP_NET_RAW")
    started = []

    def starter():
        server = Baleen.start(tmp_path / "data", "--capture-interface", "lo")
        started.append(server)
        base = f"{server.api}/client/v4"
        sdk = cloudflare.Cloudflare(api_token=server.token, base_url=base)
        return server, Pcaps(sdk=sdk, base=base, account=server.project, token=server.token), boto(server)

    yield starter
    for server in started:
        if server.process.poll() is None:
            server.kill()


def test_a_capture_whose_server_was_killed_before_a_part_was_stored(start, tmp_path):
    server, pcaps, s3 = start()
    s3.create_bucket(Bucket="kept")
    destination = pcaps.prove(s3, "s3://kept/in")
    with closing(Traffic()) as traffic:
        asked = pcaps.create(destination, filter_v1=traffic.filter)
        pcaps.running(asked)
        traffic.send(20)
        pcaps.wait(asked, lambda found: found.packets_captured == 20)
        server.kill()

        server, pcaps, s3 = start()
        failed = pcaps.over(asked)
        assert failed.status == "failed"
        assert "ended unexpectedly" in failed.error_message
        assert "Contents" not in s3.list_objects_v2(Bucket="kept", Prefix="in/pcap_")
        # The account may capture again, and nothing of the old capture lies about.
        again = pcaps.create(destination, packet_limit=10, filter_v1=traffic.filter)
        pcaps.running(again)
        traffic.send(10)
        done = pcaps.over(again)
    assert (done.status, done.packets_captured) == ("success", 10)
    assert fetch(s3, "kept", done, tmp_path / "caught.pcap", "in")[0] == 10
    assert "Uploads" not in s3.list_multipart_uploads(Bucket="kept")
    assert [found.id for found in pcaps.calls.list(account_id=pcaps.account)] == [again.id, asked.id]
    assert server.stop() == 0


@pytest.mark.parametrize("form", ["pcap", "pcapng"])
@pytest.mark.parametrize("parts", [1, 3])
def test_a_capture_whose_server_was_killed_after_whole_parts(start, tmp_path, form, parts):
    server, pcaps, s3 = start()
    s3.create_bucket(Bucket="kept")
    destination = pcaps.prove(s3, "s3://kept/in")
    with closing(Traffic(size=60_000)) as traffic:
        asked = pcaps.create(destination, filter_v1=traffic.filter, extra_body={"format": form})
        pcaps.running(asked)
        # A part is sent when the one before it is noted, so one more has to be there.
        deadline = time.monotonic() + OVER_SECONDS
        while stored_parts(s3, "kept") <= parts:
            assert time.monotonic() < deadline
            traffic.send(20, per_second=1000)
        server.kill()

        server, pcaps, s3 = start()
        done = pcaps.over(asked)
    assert done.status == "success"
    assert f"its first {int(done.packets_captured)} packets" in done.error_message
    assert done.packets_captured >= parts * (PART_BYTES // traffic.frame)

    whole, cut = tmp_path / f"whole.{form}", tmp_path / f"cut.{form}"
    s3.download_file("kept", f"in/pcap_{asked.id}.{form}", str(whole))
    kind, packets, size = about(whole)
    assert (kind.split(" ")[0].endswith("pcapng"), packets) == (form == "pcapng", done.packets_captured)
    assert size == packets * traffic.frame
    # The numbers are at the front of what the packets carry.
    subprocess.run(["editcap", "-s", "64", str(whole), str(cut)], check=True, timeout=60)
    assert numbers_in(cut, traffic.port) == list(range(packets))
    assert "Uploads" not in s3.list_multipart_uploads(Bucket="kept")
    assert server.stop() == 0


def stored_parts(s3, bucket):
    """How many parts the one upload of a bucket has."""
    uploads = s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
    if not uploads:
        return 0
    found = s3.list_parts(Bucket=bucket, Key=uploads[0]["Key"], UploadId=uploads[0]["UploadId"])
    return len(found.get("Parts", []))


def test_a_capture_whose_server_is_asked_to_stop(start, tmp_path):
    server, pcaps, s3 = start()
    s3.create_bucket(Bucket="kept")
    destination = pcaps.prove(s3, "s3://kept/in")
    with closing(Traffic()) as traffic:
        asked = pcaps.create(destination, filter_v1=traffic.filter)
        pcaps.running(asked)
        traffic.send(20)
        assert server.stop() == 0
        server, pcaps, s3 = start()
        done = pcaps.over(asked)
        assert (done.status, done.packets_captured) == ("success", 20)
        assert "the server was stopped" in done.error_message
        path = tmp_path / "caught.pcap"
        fetch(s3, "kept", done, path, "in")
        assert numbers_in(path, traffic.port) == list(range(20))
    assert server.stop() == 0
