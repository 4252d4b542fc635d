"""Samples of what went by (`"type": "simple"`) through the real `cloudflare` SDK: kept by a server that looks back on loopback."""

import datetime
import time
from contextlib import closing

import cloudflare
import pytest

from conftest import boto, may_capture
from harness import Baleen
from pcaps import Pcaps
from traffic import Traffic, about, numbers_in, tshark

RECORDS = "look-back records"
SNAPLEN = 160
# What comes in is in the ring when a kernel's block is handed over; a busy machine may be late.
KEPT_SECONDS = 1


@pytest.fixture
def start(tmp_path):
    """Starts servers on one data folder that look back; they end with the test, cleanly."""
    if not may_capture():
        pytest.skip("capturing packets needs root or CAP_NET_RAW")
    started = []

    def starter():
        before = len(started)
        server = Baleen.start(
            tmp_path / "data", "--capture-interface", "lo", LOOKBACK_ENABLED="on", LOOKBACK_BYTES="64MiB", LOOKBACK_RING_BYTES="4MiB"
        )
        started.append(server)
        until(lambda: server.log.read_text(errors="replace").count(RECORDS) > before)
        base = f"{server.api}/client/v4"
        sdk = cloudflare.Cloudflare(api_token=server.token, base_url=base)
        return server, Pcaps(sdk=sdk, base=base, account=server.project, token=server.token)

    yield starter
    for server in started:
        if server.process.poll() is None:
            assert server.stop() == 0, server.tail()


def until(holds):
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def sample(pcaps, **asked):
    wanted = {"account_id": pcaps.account, "system": "magic-transit", "type": "simple", "time_limit": 60.0, **asked}
    made = pcaps.calls.create(**wanted)
    # Its SDK tells the two types by their members.
    assert type(made).__name__ == "PCAP", type(made)
    deadline = time.monotonic() + 30
    while made.status not in ("success", "failed"):
        assert time.monotonic() < deadline, made
        time.sleep(0.05)
        made = pcaps.get(made)
    return made


def download(pcaps, made, path):
    answer = pcaps.calls.download.get(made.id, account_id=pcaps.account)
    assert answer.headers["content-type"] == "application/vnd.tcpdump.pcap"
    answer.write_to_file(str(path))
    assert int(answer.headers["content-length"]) == path.stat().st_size
    return about(path)


def test_the_newest_of_what_went_by(start, tmp_path):
    server, pcaps = start()
    with closing(Traffic(size=400)) as traffic, closing(Traffic()) as other:
        other.send(50)
        traffic.send(20)
        between = datetime.datetime.now(datetime.timezone.utc)
        time.sleep(KEPT_SECONDS)
        # Behind the end of the window, and so is what comes now.
        traffic.send(30)
        made = sample(pcaps, packet_limit=15.0, filter_v1=traffic.filter, offset_time=between)
        assert (made.status, made.type, made.system, made.packets_remaining) == ("success", "simple", "magic-transit", 0)
        assert (made.filter_v1.destination_port, made.packets_sampled) == (traffic.port, 15)
        assert abs(made.offset_time - between) < datetime.timedelta(milliseconds=1)
        assert "only the newest 15 packets" in made.message

        path = tmp_path / "sample.pcap"
        kind, packets, size = download(pcaps, made, path)
        assert kind.startswith("pcap") and "pcapng" not in kind
        assert (packets, size) == (15, 15 * traffic.frame)
        assert numbers_in(path, traffic.port) == list(range(5, 20))
        lengths = tshark(path, "-T", "fields", "-e", "frame.cap_len", "-e", "frame.len")
        assert lengths == [f"{SNAPLEN}\t{traffic.frame}"] * 15

        # A part of it, as a client that goes on with a download asks for it.
        part = pcaps.raw("GET", f"/{made.id}/download", headers={"Range": "bytes=24-"})
        assert (part.status_code, part.content) == (206, path.read_bytes()[24:])
        # The file is an object of the account's own, encrypted, and nobody else's.
        s3 = boto(server)
        kept = s3.get_object(Bucket=f"baleen-captures-{server.account}", Key=made.object_key)
        assert kept["Body"].read() == path.read_bytes()
        assert kept["ServerSideEncryption"] == "AES256"
        assert [found.id for found in pcaps.calls.list(account_id=pcaps.account)] == [made.id]

        with pytest.raises(cloudflare.RateLimitError) as caught:
            pcaps.sdk.with_options(max_retries=0).magic_transit.pcaps.create(
                account_id=pcaps.account, system="magic-transit", type="simple", time_limit=60.0, packet_limit=15.0
            )
        assert caught.value.errors[0].code == 1006
        assert 0 < int(caught.value.response.headers["retry-after"]) <= 60
        with pytest.raises(cloudflare.ConflictError) as caught:
            pcaps.stop(made)
        assert caught.value.errors[0].code == 1007


def test_what_went_by_before_a_restart(start, tmp_path):
    server, pcaps = start()
    with closing(Traffic()) as traffic:
        traffic.send(40)
        time.sleep(KEPT_SECONDS)
        assert server.stop() == 0, server.tail()
        # It is kept, and cannot be read without the keys.
        files = list((server.data / "lookback").glob("*"))
        assert sum(path.stat().st_size for path in files) > 40 * 20
        assert not any(b"." * 40 in path.read_bytes() for path in files)

        server, pcaps = start()
        wanted = f"udp.dstport == {traffic.port} and ip.src == 127.0.0.1"
        made = sample(pcaps, packet_limit=100.0, extra_body={"filter_v2": wanted, "format": "pcapng"})
        assert (made.status, made.packets_sampled, made.filter_v2) == ("success", 40, wanted)
        path = tmp_path / "sample.pcapng"
        kind, packets, size = download(pcaps, made, path)
        assert "pcapng" in kind and (packets, size) == (40, 40 * traffic.frame)
        assert numbers_in(path, traffic.port) == list(range(40))
        assert tshark(path, "-T", "fields", "-e", "frame.interface_name")[0] == "lo"


def test_a_kill_costs_the_last_seconds_at_most(start, tmp_path):
    server, pcaps = start()
    with closing(Traffic()) as traffic:
        traffic.send(40)
        # By then they are written, see the look-back ring.
        time.sleep(7)
        server.kill()
        server, pcaps = start()
        made = sample(pcaps, packet_limit=100.0, filter_v1=traffic.filter)
        assert (made.status, made.packets_sampled) == ("success", 40)
        path = tmp_path / "sample.pcap"
        download(pcaps, made, path)
        assert numbers_in(path, traffic.port) == list(range(40))


def test_nothing_is_kept_where_nobody_wants_it(pcaps):
    with pytest.raises(cloudflare.BadRequestError) as caught:
        sample(pcaps, packet_limit=10.0)
    assert caught.value.errors[0].code == 1010
