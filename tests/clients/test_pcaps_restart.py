"""Captures and the end of the process: killed, and asked to stop."""

from contextlib import closing

import cloudflare
import pytest

from conftest import boto, may_capture
from harness import Baleen
from pcaps import Pcaps, fetch
from traffic import Traffic, numbers_in


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


def test_a_capture_whose_server_was_killed(start, tmp_path):
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
