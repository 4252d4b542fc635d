"""The PCAPs door: who is let in, what is refused, and in which words."""

import math

import cloudflare
import pytest

from conftest import boto
from pcaps import Pcaps


@pytest.fixture(scope="module")
def proven(pcaps, baleen):
    s3 = boto(baleen)
    s3.create_bucket(Bucket="refusals")
    destination = pcaps.prove(s3, "s3://refusals")
    yield destination
    pcaps.forget(destination)
    for entry in s3.list_objects_v2(Bucket="refusals").get("Contents", []):
        s3.delete_object(Bucket="refusals", Key=entry["Key"])
    s3.delete_bucket(Bucket="refusals")


def wanted(destination, **changed):
    body = {
        "system": "magic-transit",
        "type": "full",
        "time_limit": 60,
        "packet_limit": 10,
        "colo_name": "local",
        "destination_conf": destination,
        **changed,
    }
    return {name: value for name, value in body.items() if value is not ...}


def envelope(answer, status, code):
    body = answer.json()
    assert answer.status_code == status, body
    assert (body["success"], body["result"], body["messages"]) == (False, None, []), body
    assert body["errors"][0]["code"] == code, body
    assert body["errors"][0]["message"]
    return body["errors"][0]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("system", ...),
        ("system", "magic"),
        ("type", ...),
        ("type", "half"),
        ("time_limit", ...),
        ("time_limit", 0),
        ("time_limit", 300.5),
        ("time_limit", 301),
        ("time_limit", "60"),
        ("time_limit", -1),
        ("packet_limit", 0),
        ("packet_limit", 10_001),
        ("packet_limit", 1.5),
        ("packet_limit", "10"),
        ("byte_limit", 0),
        ("byte_limit", 1_000_000_001),
        ("byte_limit", 1.5),
        ("colo_name", ...),
        ("colo_name", ""),
        ("destination_conf", ...),
        ("destination_conf", 7),
        ("filter_v1", 7),
        ("filter_v1", {"source_port": 65_536}),
        ("filter_v1", {"source_port": -1}),
        ("filter_v1", {"source_port": 1.5}),
        ("filter_v1", {"protocol": 256}),
        ("filter_v1", {"protocol": "tcp"}),
        ("filter_v1", {"source_address": "nonsense"}),
        ("filter_v1", {"source_address": "10.0.0.1", "destination_address": "::1"}),
        ("filter_v1", {"protocol": 1, "destination_port": 80}),
        ("filter_v1", {"dest_port": 443}),
    ],
)
def test_a_field_that_does_not_fit(pcaps, proven, field, value):
    error = envelope(pcaps.raw("POST", "", json=wanted(proven, **{field: value})), 400, 1001)
    assert error["source"]["pointer"].startswith(f"/{field}"), error


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("time_limit", 1),
        ("time_limit", 300),
        ("time_limit", 1.5),
        ("time_limit", 20.0),
        ("packet_limit", 1),
        ("packet_limit", 10_000),
        ("packet_limit", 20.0),
        ("packet_limit", ...),
        ("byte_limit", 1),
        ("byte_limit", 1_000_000_000),
        ("filter_v1", {}),
        ("filter_v1", None),
        ("filter_v1", {"source_port": 0, "destination_port": 65_535}),
        ("filter_v1", {"protocol": 0}),
        ("filter_v1", {"source_address": "2001:db8::1", "destination_address": "2001:db8::/32"}),
        ("unknown", {"is": "ignored"}),
        ("offset_time", "ignored on this type"),
    ],
)
def test_a_field_at_its_limit(pcaps, proven, field, value):
    body = wanted(proven, filter_v1={"destination_port": 9}, **{field: value}) if field != "filter_v1" else wanted(proven, filter_v1=value)
    answer = pcaps.raw("POST", "", json=body)
    assert answer.status_code == 200, answer.text
    capture = pcaps.calls.get(answer.json()["result"]["id"], account_id=pcaps.account)
    pcaps.running(capture)
    if pcaps.get(capture).status == "running":
        # It may come to its limit by itself just now.
        pcaps.raw("PUT", f"/{capture.id}/stop")
    pcaps.over(capture)


def test_a_site_without_agents(pcaps, proven):
    envelope(pcaps.raw("POST", "", json=wanted(proven, colo_name="ord02")), 400, 1010)


def test_bodies_that_are_no_json(pcaps):
    for body in (b"", b"{", b"nonsense", b"\xff\xfe", b"[" * 60_000):
        envelope(pcaps.raw("POST", "", data=body, headers={"Content-Type": "application/json"}), 400, 6007)
    envelope(pcaps.raw("POST", "", json=[1]), 400, 1001)
    assert pcaps.raw("POST", "", data=b" " * (8 << 20)).status_code in (400, 413)


def test_what_is_not_there(pcaps):
    envelope(pcaps.raw("GET", "/no/such/route"), 404, 7003)
    for path in ("/" + "0" * 32, "/nonsense"):
        envelope(pcaps.raw("GET", path), 404, 1002)
        envelope(pcaps.raw("PUT", f"{path}/stop"), 404, 1002)
    with pytest.raises(cloudflare.NotFoundError):
        pcaps.calls.get("f" * 32, account_id=pcaps.account)


def test_who_is_let_in(pcaps, baleen):
    envelope(pcaps.raw("GET", "", authorized=False), 400, 6003)
    envelope(pcaps.raw("GET", "", authorized=False, headers={"Authorization": "Basic eDp5"}), 400, 6003)
    envelope(pcaps.raw("GET", "", authorized=False, headers={"Authorization": "Bearer " + "0" * 32}), 401, 10_000)
    envelope(pcaps.raw("GET", "", authorized=False, headers={"X-Auth-Email": "x@y", "X-Auth-Key": "0" * 32}), 401, 10_000)
    by_key = {"X-Auth-Email": baleen.user, "X-Auth-Key": baleen.token}
    assert pcaps.raw("GET", "", authorized=False, headers=by_key).status_code == 200
    stranger = cloudflare.Cloudflare(api_token="0" * 32, base_url=pcaps.base)
    with pytest.raises(cloudflare.AuthenticationError):
        stranger.magic_transit.pcaps.list(account_id=pcaps.account)


def test_another_account_is_not_ours(pcaps):
    other = Pcaps(sdk=pcaps.sdk, base=pcaps.base, account="0" * 32, token=pcaps.token)
    assert other.raw("GET", "").status_code in (403, 404)
    with pytest.raises((cloudflare.PermissionDeniedError, cloudflare.NotFoundError)):
        other.create("s3://x-bucket")


def test_every_answer_has_a_request_id(pcaps):
    ids = {pcaps.raw("GET", "").headers.get("cf-ray") or pcaps.raw("GET", "").headers["x-request-id"] for _ in range(3)}
    assert len(ids) == 3


def test_numbers_come_back_as_they_were_sent(pcaps, proven):
    answer = pcaps.raw("POST", "", json=wanted(proven, time_limit=1.5, filter_v1={"destination_port": 9, "protocol": 17}))
    result = answer.json()["result"]
    assert math.isclose(result["time_limit"], 1.5)
    assert result["filter_v1"] == {"destination_port": 9, "protocol": 17}
    assert "stop_requested" not in result and "error_message" not in result
    pcaps.over(pcaps.calls.get(result["id"], account_id=pcaps.account))
