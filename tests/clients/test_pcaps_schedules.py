"""Schedules: captures that begin by themselves, asked for by the real SDK's bare requests and by the command line. A minute lasts a second."""

import json
import os
import subprocess
import time
from contextlib import closing

import cloudflare
import pytest
import requests

from conftest import boto, may_capture
from harness import Baleen
from pcaps import Pcaps, fetch
from traffic import Traffic

# How long something may take that is bound to happen.
SECONDS = 40


@pytest.fixture(scope="module")
def fast(tmp_path_factory):
    if not may_capture():
        pytest.skip("capturing packets needs root or CAP_NET_RAW")
    server = Baleen.start(tmp_path_factory.mktemp("schedules") / "data", "--capture-interface", "lo", SCHEDULES_MINUTE="1s")
    yield server
    assert server.stop() == 0


@pytest.fixture(scope="module")
def door(fast):
    sdk = cloudflare.Cloudflare(api_token=fast.token, base_url=f"{fast.api}/client/v4")
    return Pcaps(sdk, f"{fast.api}/client/v4", fast.project, fast.token)


@pytest.fixture(scope="module")
def store(fast):
    return boto(fast, s3={"addressing_style": "path"})


@pytest.fixture(scope="module")
def destination(door, store):
    store.create_bucket(Bucket="evidence")
    return door.prove(store, "s3://evidence/nightly")


def path(door, rest=""):
    return f"/accounts/{door.account}/pcaps/schedules{rest}"


def ask(door, method, rest="", **more):
    """One of the SDK's own requests to a route that it does not know."""
    answer = getattr(door.sdk, method)(path(door, rest), cast_to=object, **more)
    return answer["result"] if answer else None


def request(destination, traffic, **more):
    return {
        "system": "magic-transit",
        "type": "full",
        "time_limit": 30,
        "packet_limit": 3,
        "colo_name": "local",
        "destination_conf": destination,
        "filter_v1": traffic.filter,
        "name": "each",
        "cron": "* * * * *",
        "budget": {"runs": 2},
        **more,
    }


def until(holds):
    deadline = time.monotonic() + SECONDS
    while True:
        found = holds()
        if found:
            return found
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_schedule_fires_and_its_objects_are_in_the_bucket(door, store, destination, tmp_path):
    with closing(Traffic()) as traffic:
        made = ask(door, "post", body=request(destination, traffic))
        assert (made["status"], made["cron"], made["budget"]) == ("active", "* * * * *", {"runs": 2})
        assert made["runs"] == [] and made["next"]

        def over():
            traffic.send(1)
            runs = ask(door, "get", f"/{made['id']}")["runs"]
            done = [run for run in runs if run["outcome"] == "began" and run["status"] == "success"]
            return done if len(done) == 2 else None

        runs = until(over)
        for run in runs:
            assert run["packets_captured"] == 3
            capture = door.calls.get(run["pcap_id"], account_id=door.account)
            assert capture.scheduled is True and capture.packets_captured == 3
            assert fetch(store, "evidence", capture, tmp_path / run["pcap_id"], "nightly")[0] == 3
        # The budget is used up, and says so.
        told = until(lambda: [run for run in ask(door, "get", f"/{made['id']}")["runs"] if "2 captures a day" in run.get("reason", "")])
        assert told[0]["times"] >= 1
        assert ask(door, "get", f"/{made['id']}")["used_today"]["packets"] == 6
        assert [listed["id"] for listed in ask(door, "get")] == [made["id"]]

        paused = ask(door, "put", f"/{made['id']}/pause")
        assert paused["status"] == "paused" and "next" not in paused
        assert ask(door, "put", f"/{made['id']}/resume")["status"] == "active"
        door.sdk.delete(path(door, f"/{made['id']}"), cast_to=type(None))
        assert ask(door, "get") == []
        with pytest.raises(cloudflare.NotFoundError):
            ask(door, "get", f"/{made['id']}")


def test_what_is_wrong_is_told_at_once(door, destination):
    with closing(Traffic()) as traffic:
        wrong = request(destination, traffic, name="", cron="* * * * * *", budget={"packets": 0, "money": 1}, type="simple", time_limit=0)
        answer = door.raw("POST", "/schedules", json=wrong)
        assert answer.status_code == 400
        pointers = {error["source"]["pointer"] for error in answer.json()["errors"]}
        assert pointers == {"/name", "/cron", "/budget/runs", "/budget/packets", "/budget/money", "/type", "/time_limit"}
        for changed, pointer in [
            ({"cron": "0 0 30 2 *"}, "/cron"),
            ({"budget": {"runs": 1441}}, "/budget/runs"),
            ({"budget": None}, "/budget"),
            ({"colo_name": "nowhere"}, "/colo_name"),
            ({"destination_conf": "s3://other"}, "/destination_conf"),
            ({"filter_v1": None, "filter_expression": "nonsense ("}, "/filter_expression"),
            ({"privacy": {"anonymise": True, "anonymise_key": "ab" * 32}}, "/privacy/anonymise_key"),
        ]:
            answer = door.raw("POST", "/schedules", json=request(destination, traffic, **changed))
            assert (answer.status_code, answer.json()["errors"][0]["source"]["pointer"]) == (400, pointer), answer.text
        assert door.raw("GET", "/schedules", authorized=False).status_code == 400
        assert ask(door, "get") == []
        # A name is that of one; the SDK does not try again.
        made = ask(door, "post", body=request(destination, traffic, cron="@yearly"))
        with pytest.raises(cloudflare.ConflictError):
            ask(door, "post", body=request(destination, traffic, cron="@yearly"))
        # As one whose answer was lost: it gets what it made.
        again = door.raw("POST", "/schedules", json=request(destination, traffic, cron="@yearly"), headers={"x-stainless-retry-count": "1"})
        assert again.json()["result"]["id"] == made["id"]
        door.sdk.delete(path(door, f"/{made['id']}"), cast_to=type(None))


def test_the_command_line(fast, door, destination):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("BALEEN_")}
    environment = {**clean, "BALEEN_API": fast.api, "BALEEN_API_TOKEN": fast.token, "BALEEN_PROJECT": fast.project}

    def baleen(*words, code=0):
        done = subprocess.run([Baleen.binary(), *words], env=environment, capture_output=True, text=True, timeout=30)
        assert done.returncode == code, done
        return done.stdout if code == 0 else done.stderr

    limits = ["--runs", "4", "--bytes-a-day", "1GiB", "-t", "5s", "-c", "10", "-f", "udp port 9", "--rotate", "2s", "--anonymise"]
    made = json.loads(baleen("--json", "schedule", "create", "at noon", destination, "--cron", "0 12 * * *", *limits))
    assert made["budget"] == {"runs": 4, "bytes": 1 << 30}
    assert (made["time_limit"], made["packet_limit"], made["filter_expression"]) == (5, 10, "udp port 9")
    assert made["rotate"] == {"seconds": 2} and made["privacy"]["anonymise"]
    assert "at noon  0 12 * * *  next " in baleen("schedule", "list")
    assert baleen("schedule", "pause", "at noon").splitlines()[0].endswith("paused")
    assert "today: 0 of 4 runs, 0 packets, 0 of 1073741824 bytes" in baleen("schedule", "show", "at noon")
    baleen("schedule", "resume", made["id"])
    assert "five fields" in baleen("schedule", "create", "x", destination, "--cron", "* * *", "--runs", "1", "-t", "5s", code=2)
    assert "has that name" in baleen("schedule", "create", "at noon", destination, "--cron", "@daily", "--runs", "1", "-t", "5s", code=1)
    baleen("schedule", "delete", "at noon")
    assert "there is no schedule" in baleen("schedule", "show", "at noon", code=2)
    assert ask(door, "get") == []


def test_a_capture_that_runs_is_not_disturbed(door, destination):
    with closing(Traffic()) as traffic:
        running = door.create(destination, filter_v1=traffic.filter)
        made = ask(door, "post", body=request(destination, traffic))
        told = until(lambda: [run for run in ask(door, "get", f"/{made['id']}")["runs"] if running.id in run.get("reason", "")])
        assert told[0]["outcome"] == "skipped"
        door.sdk.delete(path(door, f"/{made['id']}"), cast_to=type(None))
        door.stop(running)
        door.over(running)


def test_a_packet_sets_off_a_capture(door, store, destination, tmp_path):
    with closing(Traffic()) as knock, closing(Traffic()) as traffic:
        asked = request(destination, traffic, name="knock", trigger={"on": "packet", "filter_v1": knock.filter})
        del asked["cron"]
        made = ask(door, "post", body=asked)
        assert made["trigger"] == {"on": "packet", "filter_v1": knock.filter} and "next" not in made
        # What is to be captured sets nothing off.
        for _ in range(20):
            traffic.send(1)
            time.sleep(0.1)
        assert ask(door, "get", f"/{made['id']}")["runs"] == []

        def began():
            knock.send(1)
            return ask(door, "get", f"/{made['id']}")["runs"]

        run = until(began)[0]
        assert (run["outcome"], run["cause"]) == ("began", "a packet that matches")

        def over():
            traffic.send(1)
            capture = door.calls.get(run["pcap_id"], account_id=door.account)
            return capture if capture.status == "success" else None

        capture = until(over)
        assert fetch(store, "evidence", capture, tmp_path / "knock", "nightly")[0] == 3
        door.sdk.delete(path(door, f"/{made['id']}"), cast_to=type(None))


def test_a_rate_sets_off_one_capture(door, destination):
    with closing(Traffic()) as traffic:
        trigger = {"on": "rate", "packets_per_second": 50, "seconds": 3, "filter_v1": traffic.filter}
        asked = request(destination, traffic, name="flood", trigger=trigger, budget={"runs": 5})
        del asked["cron"]
        made = ask(door, "post", body=asked)
        end = time.monotonic() + 15
        while time.monotonic() < end:
            # However long it lasts.
            traffic.send(40)
            time.sleep(0.1)
        runs = ask(door, "get", f"/{made['id']}")["runs"]
        assert len(runs) == 1 and "packets a second over 3 s" in runs[0]["cause"], runs
        door.sdk.delete(path(door, f"/{made['id']}"), cast_to=type(None))
        for changed, pointer in [
            ({"on": "packet"}, "/trigger"),
            ({"on": "rate", "packets_per_second": 0}, "/trigger/packets_per_second"),
            ({"on": "rate", "packets_per_second": 1, "bits_per_second": 1}, "/trigger/packets_per_second"),
            ({"on": "rate", "bits_per_second": 1, "seconds": 61}, "/trigger/seconds"),
            ({"on": "sometimes"}, "/trigger/on"),
            ({"on": "packet", "filter_v1": {"source_port": -1}}, "/trigger/filter_v1/source_port"),
            ({"on": "packet", "filter_expression": "nonsense ("}, "/trigger"),
            ({"on": "packet", "packets_per_second": 5, "filter_v2": "udp.dstport == 9"}, "/trigger/packets_per_second"),
        ]:
            answer = door.raw("POST", "/schedules", json={**asked, "trigger": changed})
            assert (answer.status_code, answer.json()["errors"][0]["source"]["pointer"]) == (400, pointer), answer.text
        both = door.raw("POST", "/schedules", json={**asked, "cron": "* * * * *"})
        assert both.json()["errors"][0]["source"]["pointer"] == "/trigger"


def test_what_it_did_is_in_the_background_and_the_audit_log(fast):
    tasks = {task["task"]: task for task in requests.get(f"{fast.ops}/background", timeout=20).json()}
    assert "captures begun" in tasks["schedules of captures"]["progress"]
