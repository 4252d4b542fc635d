"""Captures that are watched while they run: followed by the command line, streamed by the door, and shown by tshark (extcap)."""

import http.client
import json
import os
import subprocess
import threading
import time
import urllib.parse
from contextlib import closing

import pytest
import requests

from harness import Baleen
from traffic import Traffic, about, numbers_in, tshark

# How soon a capture has to be over whose asker was killed.
GONE_SECONDS = 2


@pytest.fixture
def traffic():
    traffic = Traffic()
    yield traffic
    traffic.close()


def environment(baleen, **more):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("BALEEN_")}
    return {**clean, "BALEEN_API": baleen.api, "BALEEN_API_TOKEN": baleen.token, "BALEEN_PROJECT": baleen.project, **more}


def until(holds, seconds=30):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def at_work(baleen):
    """How many captures the server says it runs."""
    text = requests.get(f"{baleen.ops}/metrics", timeout=20).text
    lines = [line for line in text.splitlines() if line.startswith("baleen_captures_running")]
    assert lines, text
    return int(float(lines[0].split()[-1]))


def test_a_capture_is_followed_into_tshark(baleen, pcaps, s3, bucket, traffic):
    destination = pcaps.prove(s3, f"s3://{bucket}/case-17")
    asked = pcaps.create(destination, filter_v1=traffic.filter)
    pcaps.running(asked)
    traffic.send(5)
    pcaps.wait(asked, lambda found: found.packets_captured == 5)
    follow = subprocess.Popen(
        [Baleen.binary(), "capture", "--follow", asked.id], env=environment(baleen), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    words = ["tshark", "-n", "-l", "-r", "-", "-T", "fields", "-e", "udp.payload"]
    shown = subprocess.Popen(words, stdin=follow.stdout, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    follow.stdout.close()
    seen = []
    reader = threading.Thread(target=lambda: seen.extend(int(bytes.fromhex(line.strip())[:8]) for line in shown.stdout))
    reader.start()
    # Those who follow have what comes from then on: sends until one is seen.
    sent = 5

    def one_more():
        nonlocal sent
        traffic.send(1)
        sent += 1
        return seen

    until(one_more)
    traffic.send(20)
    sent += 20
    until(lambda: seen[-1] == sent - 1)
    pcaps.stop(asked)
    # It ends with the capture.
    assert follow.wait(20) == 0, follow.stderr.read()
    shown.wait(20)
    reader.join(20)
    assert seen == list(range(seen[0], sent)) and seen[0] >= 5
    assert pcaps.over(asked).packets_captured == sent
    again = subprocess.run(
        [Baleen.binary(), "capture", "--follow", asked.id], env=environment(baleen), capture_output=True, text=True, timeout=20
    )
    assert again.returncode == 1 and "the capture is over" in again.stderr
    pcaps.forget(destination)


def test_the_answer_is_the_capture(baleen, pcaps, traffic, tmp_path):
    before = at_work(baleen)
    body = {"colo_name": "local", "format": "pcapng", "packet_limit": 30, "filter_v1": traffic.filter}
    answer = pcaps.raw("POST", "/stream", json=body, stream=True)
    assert answer.headers["content-type"] == "application/vnd.tcpdump.pcap"
    traffic.send(50)
    path = tmp_path / "live.pcapng"
    path.write_bytes(answer.content)
    assert about(path)[1] == 30
    assert numbers_in(path, traffic.port) == list(range(30))
    until(lambda: at_work(baleen) == before)


def test_a_stream_does_not_catch_itself(pcaps, traffic, tmp_path):
    """Everything on loopback, where the answer itself goes: it must not grow by it."""
    url = urllib.parse.urlsplit(pcaps.base)
    with closing(http.client.HTTPConnection(url.hostname, url.port, timeout=30)) as connection:
        connection.connect()
        port = connection.sock.getsockname()[1]
        headers = {"Authorization": f"Bearer {pcaps.token}", "Content-Type": "application/json"}
        asked = {"colo_name": "local", "format": "pcapng", "time_limit": 3}
        connection.request("POST", f"{url.path}/accounts/{pcaps.account}/pcaps/stream", json.dumps(asked), headers)
        answer = connection.getresponse()
        traffic.send(10)
        path = tmp_path / "live.pcapng"
        path.write_bytes(answer.read())
    assert numbers_in(path, traffic.port) == list(range(10))
    assert tshark(path, "-Y", f"tcp.port=={port}") == []


def test_a_stream_ends_with_its_asker(baleen, pcaps, traffic):
    before = at_work(baleen)
    answer = pcaps.raw("POST", "/stream", json={"colo_name": "local", "filter_v1": traffic.filter}, stream=True)
    until(lambda: at_work(baleen) == before + 1)
    # Nothing comes that could tell the server.
    answer.close()
    until(lambda: at_work(baleen) == before, GONE_SECONDS)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, 1001),
        ({"colo_name": "nowhere"}, 400, 1010),
        ({"colo_name": "local", "filter_expression": "udp prt"}, 400, 1001),
        ({"colo_name": "local", "interfaces": []}, 400, 1001),
        ({"colo_name": "local", "interfaces": ["lo", 7]}, 400, 1001),
        ({"colo_name": "local", "interfaces": ["eth99"]}, 503, 1013),
        ({"colo_name": "local", "time_limit": 86401}, 400, 1001),
    ],
)
def test_streams_that_are_refused(pcaps, body, status, code):
    answer = pcaps.raw("POST", "/stream", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (status, code), answer.text


def test_sites_name_their_interfaces(pcaps):
    answer = pcaps.raw("GET", "/sites").json()
    assert answer["result"] == [{"colo_name": "local", "connected": True, "interfaces": ["lo"]}]
