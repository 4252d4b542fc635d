"""A quota of a day: what all captures of an account come to is never more, at once and over a kill, and who has no more is told until when."""

import datetime
import time
from contextlib import closing

import cloudflare
import pytest

from conftest import boto, may_capture
from harness import Baleen
from pcaps import Pcaps
from traffic import Traffic

QUOTA = {"CAPTURE_ACCOUNT_CAPTURES_A_DAY": "3", "CAPTURE_ACCOUNT_BYTES_A_DAY": "1MiB"}
MIB = 1 << 20


def start(data):
    return Baleen.start(data, "--capture-interface", "lo", **QUOTA)


def door_of(server):
    sdk = cloudflare.Cloudflare(api_token=server.token, base_url=f"{server.api}/client/v4")
    return Pcaps(sdk, f"{server.api}/client/v4", server.project, server.token)


def store_of(server):
    return boto(server, s3={"addressing_style": "path"})


def quota(door):
    """As the SDK asks for a route that it does not know."""
    answer = door.sdk.get(f"/accounts/{door.account}/pcaps/quota", cast_to=object)
    return answer["result"]


def used(door):
    found = quota(door)
    return found["captures"]["used"], found["bytes"]["used"], found["bytes"]["held"]


def test_a_day_comes_to_no_more_than_its_quota(tmp_path):
    if not may_capture():
        pytest.skip("capturing packets needs root or CAP_NET_RAW")
    now = datetime.datetime.now(datetime.UTC)
    if (now + datetime.timedelta(minutes=5)).date() != now.date():
        pytest.skip("the day is over in a moment")
    data = tmp_path / "data"
    server = start(data)
    try:
        door, store = door_of(server), store_of(server)
        store.create_bucket(Bucket="evidence")
        proven = door.prove(store, "s3://evidence/day")
        with closing(Traffic()) as traffic:
            first = door.create(proven, packet_limit=10.0, filter_v1=traffic.filter, extra_body={"snaplen": 100})
            door.running(first)
            assert used(door) == (1, 0, 1000)
            traffic.send(50)
            caught = door.over(first)
            assert caught.packets_captured == 10
            of_first = 10 * min(traffic.frame, 100)
            assert used(door) == (1, of_first, 0)

            # It would take a thousand times as much, and holds all that is left.
            second = door.create(proven, filter_v1=traffic.filter)
            assert second.byte_limit == MIB - of_first
            door.running(second)
            traffic.send(20)
            server.kill()
            server = start(data)
            door = door_of(server)
            settled = door.settled(second)
            captures, bytes_used, held = used(door)
            assert (captures, held) == (2, 0), settled
            assert bytes_used <= of_first + 20 * traffic.frame

            third = door.create(proven, filter_v1=traffic.filter)
            assert third.byte_limit == MIB - bytes_used
            door.running(third)
            door.stop(third)
            door.over(third)
            began = time.monotonic()
            with pytest.raises(cloudflare.RateLimitError) as refused:
                door.create(proven, filter_v1=traffic.filter)
            error = refused.value.body["errors"][0]
            assert error["code"] == 1016 and "after midnight (UTC)" in error["message"]
            assert 0 < int(refused.value.response.headers["retry-after"]) <= 24 * 3600
            assert time.monotonic() - began < 5, "the SDK does not try again"
            assert quota(door)["captures"] == {"used": 3, "limit": 3}
    finally:
        server.stop()
