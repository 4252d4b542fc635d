"""Captures into Azure Blob Storage: Microsoft's own server takes them, by a key of the account and by a signature."""

from contextlib import closing
from urllib.parse import quote

import cloudflare
import pytest

from azure import ACCOUNT, KEY, Azurite, signature
from conftest import may_capture
from harness import Baleen
from pcaps import Pcaps
from traffic import Traffic, about, numbers_in


@pytest.fixture(scope="module")
def azurite(tmp_path_factory):
    server = Azurite(tmp_path_factory.mktemp("azurite"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory, azurite):
    if not may_capture():
        pytest.skip("capturing packets needs root or CAP_NET_RAW")
    server = Baleen.start(
        tmp_path_factory.mktemp("baleen-azure") / "data",
        "--capture-interface",
        "lo",
        DESTINATIONS_AZURE_ENDPOINT=azurite.url,
    )
    yield server
    code = server.stop()
    assert code == 0, server.tail()
    log = server.log.read_text(errors="replace")
    assert KEY not in log and "sig=" not in log and not server.secrets_in_log()


@pytest.fixture(scope="module")
def door(server):
    base = f"{server.api}/client/v4"
    sdk = cloudflare.Cloudflare(api_token=server.token, base_url=base)
    return Pcaps(sdk=sdk, base=base, account=server.project, token=server.token)


def prove(door, azurite, container, destination):
    made = door.calls.ownership.create(account_id=door.account, destination_conf=destination)
    assert made.destination_conf == destination.split("?")[0]
    challenge = azurite.read(container, f"case 17/{made.filename}").text
    proven = door.calls.ownership.validate(
        account_id=door.account, destination_conf=made.destination_conf, ownership_challenge=challenge
    )
    assert proven.status == "success", proven
    return proven.destination_conf


@pytest.mark.parametrize("way", ["key", "signature"])
def test_a_capture_in_a_container(door, azurite, tmp_path, way):
    container = f"captures-{way}"
    azurite.make(container)
    # A signature that allows to create and write, and nothing else.
    secret = f"account-key={KEY}" if way == "key" else f"sas={quote(signature(container, 'cw'), safe='')}"
    shown = prove(door, azurite, container, f"azure://{ACCOUNT}/{container}/case%2017?{secret}")
    with closing(Traffic(size=30_000)) as traffic:
        # More than one block of 8 MiB.
        asked = door.create(shown, packet_limit=400, filter_v1=traffic.filter)
        assert asked.destination_conf == shown
        door.running(asked)
        traffic.send(410, per_second=400)
        done = door.over(asked)
        assert (done.status, done.packets_captured, done.error_message) == ("success", 400, None)
        name = f"case 17/pcap_{asked.id}.pcap"
        assert name in azurite.names(container)
        blob = azurite.read(container, name)
        assert blob.headers["Content-Type"] == "application/vnd.tcpdump.pcap"
        path = tmp_path / "capture.pcap"
        path.write_bytes(blob.content)
        assert path.stat().st_size > 8 << 20
        assert about(path)[1] == 400
        assert numbers_in(path, traffic.port) == list(range(400))


def test_what_azure_refuses_is_told(door, azurite):
    azurite.make("refused")
    wrong = f"azure://{ACCOUNT}/refused?account-key={'A' * 86}=="
    for destination, word in [
        (wrong, "AuthorizationFailure"),
        (f"azure://{ACCOUNT}/not-there?account-key={KEY}", "ContainerNotFound"),
        (f"azure://{ACCOUNT}/refused?sas={quote(signature('refused', 'r'), safe='')}", "403"),
        (f"azure://{ACCOUNT}/refused?sas={quote(signature('refused', 'cw', hours=-1), safe='')}", "403"),
        (f"azure://{ACCOUNT}/refused", "account-key or sas"),
    ]:
        with pytest.raises(cloudflare.BadRequestError) as refused:
            door.calls.ownership.create(account_id=door.account, destination_conf=destination)
        text = str(refused.value.body)
        assert word in text and KEY not in text and "sig=" not in text, text
