"""The PCAPs door through the real `cloudflare` SDK: full captures of live packets on the loopback interface."""

import datetime
import time
import urllib.parse

import cloudflare
import pytest

from conftest import boto, remove
from pcaps import fetch
from traffic import Traffic, about, numbers_in, tshark


@pytest.fixture
def traffic():
    traffic = Traffic()
    yield traffic
    traffic.close()


@pytest.fixture
def proven(pcaps, s3, bucket):
    destination = pcaps.prove(s3, f"s3://{bucket}/case-17")
    yield destination
    pcaps.forget(destination)


def download(s3, bucket, capture, tmp_path):
    path = tmp_path / "caught.pcap"
    return path, *fetch(s3, bucket, capture, path, "case-17")


def test_the_packet_limit_is_exact(pcaps, s3, bucket, proven, traffic, tmp_path):
    asked = pcaps.create(proven, packet_limit=50.0, filter_v1=traffic.filter)
    assert (asked.type, asked.system, asked.colo_name, asked.destination_conf) == ("full", "magic-transit", "local", proven)
    assert (asked.time_limit, asked.packet_limit) == (60, 50)
    assert asked.filter_v1.destination_port == traffic.port
    pcaps.running(asked)
    traffic.send(200)
    done = pcaps.over(asked)
    assert (done.status, done.packets_captured, done.error_message) == ("success", 50, None)
    path, packets, _ = download(s3, bucket, done, tmp_path)
    assert packets == 50
    assert numbers_in(path, traffic.port) == list(range(50))


def test_the_byte_limit_is_exact(pcaps, s3, bucket, proven, traffic, tmp_path):
    limit = 10 * traffic.frame + 7
    asked = pcaps.create(proven, byte_limit=float(limit), filter_v1=traffic.filter)
    pcaps.running(asked)
    traffic.send(50)
    done = pcaps.over(asked)
    _, packets, size = download(s3, bucket, done, tmp_path)
    assert done.packets_captured == packets
    assert limit - traffic.frame < size <= limit


def test_packets_are_cut_where_that_is_asked_for(pcaps, s3, bucket, proven, traffic, tmp_path):
    asked = pcaps.create(proven, packet_limit=10.0, filter_v1=traffic.filter, extra_body={"snaplen": 64})
    assert asked.snaplen == 64
    pcaps.running(asked)
    traffic.send(20)
    done = pcaps.over(asked)
    assert (done.status, done.bytes_captured) == ("success", 640)
    path, _, _ = download(s3, bucket, done, tmp_path)
    lengths = tshark(path, "-T", "fields", "-e", "frame.cap_len", "-e", "frame.len")
    assert lengths == [f"64\t{traffic.frame}"] * 10
    assert numbers_in(path, traffic.port) == list(range(10))


def test_a_capture_into_an_encrypted_file(pcaps, s3, bucket, traffic, tmp_path):
    proven = pcaps.prove(s3, f"s3://{bucket}/case-17?sse=AES256")
    asked = pcaps.create(proven, packet_limit=10.0, filter_v1=traffic.filter)
    pcaps.running(asked)
    traffic.send(10)
    done = pcaps.over(asked)
    assert done.status == "success"
    assert s3.head_object(Bucket=bucket, Key=done.object_key)["ServerSideEncryption"] == "AES256"
    path, packets, _ = download(s3, bucket, done, tmp_path)
    assert packets == 10
    assert numbers_in(path, traffic.port) == list(range(10))
    pcaps.forget(proven)


def test_the_time_limit_ends_it(pcaps, s3, bucket, proven, traffic, tmp_path):
    begun = time.monotonic()
    asked = pcaps.create(proven, time_limit=1.0, filter_v1=traffic.filter)
    pcaps.running(asked)
    traffic.send(20)
    done = pcaps.over(asked)
    assert 1 <= time.monotonic() - begun < 20
    assert (done.status, done.packets_captured) == ("success", 20)
    path, *_ = download(s3, bucket, done, tmp_path)
    assert numbers_in(path, traffic.port) == list(range(20))


def test_stopping(pcaps, s3, bucket, proven, traffic, tmp_path):
    asked = pcaps.create(proven, filter_v1=traffic.filter)
    pcaps.running(asked)
    traffic.send(30)
    seen = pcaps.wait(asked, lambda found: found.packets_captured == 30)
    assert (seen.status, seen.stop_requested) == ("running", None)
    pcaps.stop(asked)
    done = pcaps.over(asked)
    assert (done.status, done.packets_captured) == ("success", 30)
    age = datetime.datetime.now(datetime.timezone.utc) - done.stop_requested
    assert 0 <= age.total_seconds() < 60
    path, *_ = download(s3, bucket, done, tmp_path)
    assert numbers_in(path, traffic.port) == list(range(30))

    begun = time.monotonic()
    with pytest.raises(cloudflare.ConflictError) as caught:
        pcaps.stop(asked)
    assert caught.value.errors[0].code == 1007
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert time.monotonic() - begun < 0.5, "the SDK repeated a refusal that does not change"


def test_a_second_capture_is_refused_while_one_runs(pcaps, proven, traffic):
    first = pcaps.create(proven, filter_v1=traffic.filter)
    begun = time.monotonic()
    with pytest.raises(cloudflare.ConflictError) as caught:
        pcaps.create(proven, filter_v1=traffic.filter)
    assert caught.value.errors[0].code == 1005
    assert time.monotonic() - begun < 0.5, "the SDK repeated a refusal that does not change"
    pcaps.running(first)
    pcaps.stop(first)
    pcaps.over(first)


def test_a_capture_that_caught_nothing_failed(pcaps, s3, bucket, proven, traffic):
    done = pcaps.over(pcaps.create(proven, time_limit=1.0, filter_v1=traffic.filter))
    assert (done.status, done.packets_captured) == ("failed", 0)
    assert done.error_message
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket, Prefix=f"case-17/pcap_{done.id}")
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_a_capture_stopped_before_it_caught_anything_is_empty(pcaps, s3, bucket, proven, traffic, tmp_path):
    asked = pcaps.create(proven, filter_v1=traffic.filter)
    pcaps.running(asked)
    pcaps.stop(asked)
    done = pcaps.over(asked)
    assert (done.status, done.packets_captured) == ("success", 0)
    assert download(s3, bucket, done, tmp_path)[1] == 0


def test_only_what_the_filter_wants(pcaps, s3, bucket, proven, traffic, tmp_path):
    other = Traffic()
    asked = pcaps.create(proven, packet_limit=10.0, filter_v1={"destination_port": float(traffic.port)})
    pcaps.running(asked)
    for _ in range(10):
        other.send(3)
        traffic.send(1)
    done = pcaps.over(asked)
    other.close()
    path, packets, _ = download(s3, bucket, done, tmp_path)
    assert (packets, numbers_in(path, traffic.port)) == (10, list(range(10)))


@pytest.mark.parametrize("scheme", ["s3", "r2"])
def test_many_parts_and_not_one_packet_of_the_upload(pcaps, moto, tmp_path, scheme):
    """Fourteen MiB to another store over the interface that is captured, without a filter."""
    s3 = boto(moto)
    bucket = f"remote-store-{scheme}"
    s3.create_bucket(Bucket=bucket)
    keys = f"access-key-id={moto.access_key}&secret-access-key={urllib.parse.quote(moto.secret_key)}"
    where = {
        "s3": f"region=us-east-1&endpoint={urllib.parse.quote(moto.s3, safe='')}",
        "r2": "account-id=0123456789abcdef0123456789abcdef",
    }
    destination = pcaps.prove(s3, f"{scheme}://{bucket}/in?{where[scheme]}&{keys}")
    assert moto.secret_key not in destination and "access-key" not in destination
    traffic = Traffic(size=1400)
    asked = pcaps.create(destination, packet_limit=10_000.0)
    assert moto.secret_key not in asked.to_json()
    pcaps.running(asked)
    traffic.send(10_400, per_second=20_000)
    done = pcaps.over(asked)
    traffic.close()
    assert (done.status, done.packets_captured, done.error_message) == ("success", 10_000, None)
    path = tmp_path / "caught.pcap"
    packets, _ = fetch(s3, bucket, done, path, "in")
    assert packets == 10_000
    numbers = numbers_in(path, traffic.port)
    assert numbers == list(range(len(numbers)))
    port = moto.s3.rpartition(":")[2]
    assert tshark(path, "-Y", f"tcp.port=={port}") == []
    key = f"in/pcap_{done.id}.pcap"
    assert s3.head_object(Bucket=bucket, Key=key)["ETag"].endswith('-2"')
    if scheme == "r2":
        # R2 completes no upload whose parts but the last differ in size.
        assert s3.head_object(Bucket=bucket, Key=key, PartNumber=1)["ContentLength"] == 8 << 20
    pcaps.forget(destination)
    remove(s3, bucket)


def test_a_bucket_that_vanishes_midway(pcaps, moto, traffic):
    s3 = boto(moto)
    s3.create_bucket(Bucket="vanishing")
    endpoint = urllib.parse.quote(moto.s3, safe="")
    keys = f"access-key-id={moto.access_key}&secret-access-key={moto.secret_key}"
    destination = pcaps.prove(s3, f"s3://vanishing?endpoint={endpoint}&{keys}")
    asked = pcaps.create(destination, packet_limit=20.0, filter_v1=traffic.filter)
    pcaps.running(asked)
    remove(s3, "vanishing")
    traffic.send(20)
    done = pcaps.over(asked)
    assert (done.status, done.packets_captured) == ("failed", 20)
    assert done.error_message
    pcaps.forget(destination)


def test_the_list_has_the_newest_first(pcaps, proven, traffic):
    ids = []
    for _ in range(3):
        asked = pcaps.create(proven, packet_limit=1.0, filter_v1=traffic.filter)
        pcaps.running(asked)
        traffic.send(1)
        pcaps.over(asked)
        ids.insert(0, asked.id)
    listed = list(pcaps.calls.list(account_id=pcaps.account))
    assert [capture.id for capture in listed[:3]] == ids
    assert len(listed) <= 50


def test_a_full_capture_is_not_downloaded_here(pcaps, proven, traffic):
    asked = pcaps.create(proven, packet_limit=1.0, filter_v1=traffic.filter)
    pcaps.running(asked)
    traffic.send(1)
    pcaps.over(asked)
    with pytest.raises(cloudflare.BadRequestError) as caught:
        pcaps.calls.download.get(asked.id, account_id=pcaps.account)
    assert caught.value.errors[0].code == 1008


def test_deleting_the_bucket_ends_the_capture(pcaps, s3, bucket, traffic):
    destination = pcaps.prove(s3, f"s3://{bucket}/gone")
    asked = pcaps.create(destination, filter_v1=traffic.filter)
    pcaps.running(asked)
    pcaps.forget(destination)
    done = pcaps.over(asked)
    assert done.status == "failed"
    assert done.error_message


def test_about_reads_what_it_should(tmp_path):
    """An empty classic pcap: the tools themselves are right."""
    path = tmp_path / "empty.pcap"
    path.write_bytes(bytes.fromhex("d4c3b2a1020004000000000000000000a000000001000000"))
    assert about(path)[1:] == (0, 0)
