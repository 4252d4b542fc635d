"""The interfaces of a server in tshark, by its extcap mechanism."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from conftest import may_capture
from harness import Baleen
from test_pcaps_live import GONE_SECONDS, at_work, until
from traffic import Traffic, about, numbers_in


@pytest.fixture
def traffic():
    traffic = Traffic()
    yield traffic
    traffic.close()


# Run by root, Wireshark looks for such programs in the system's folder alone.
NOBODY = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}


@pytest.fixture
def folder():
    """A folder of somebody who is not root."""
    folder = Path(tempfile.mkdtemp(prefix="baleen-extcap-"))
    if NOBODY:
        os.chown(folder, NOBODY["user"], NOBODY["group"])
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def seat(baleen, folder):
    """The environment of somebody with a profile and an installed link; nothing of it is in the arguments of a program."""
    if not may_capture():
        pytest.skip("capturing packets needs root or CAP_NET_RAW")
    profiles = folder / "config" / "baleen" / "profiles.toml"
    profiles.parent.mkdir(parents=True)
    # Where everybody may run it.
    program = shutil.copy(Baleen.binary(), folder / "baleen")
    profiles.write_text(f'[extcap]\napi = "{baleen.api}"\napi_token = "{baleen.token}"\nproject = "{baleen.project}"\n')
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("BALEEN_", "WIRESHARK_"))}
    seat = {**clean, "XDG_CONFIG_HOME": str(folder / "config"), "WIRESHARK_EXTCAP_DIR": str(folder / "extcap"), "HOME": str(folder)}
    done = subprocess.run(
        [program, "extcap", "--install", str(folder / "extcap")], env=seat, capture_output=True, text=True, timeout=20
    )
    assert (done.returncode, done.stdout.strip()) == (0, str(folder / "extcap" / "baleen-extcap")), done.stderr
    return seat


def extcap(seat, *words, check=True):
    program = f"{seat['WIRESHARK_EXTCAP_DIR']}/baleen-extcap"
    done = subprocess.run([program, *words], env=seat, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    if check:
        assert done.returncode == 0, done.stderr
    return done


def test_tshark_lists_the_interfaces(seat):
    done = subprocess.run(["tshark", "-D"], **NOBODY, env=seat, capture_output=True, text=True, timeout=60)
    assert "baleen:local:lo (Baleen: lo at local)" in done.stdout, done.stdout + done.stderr


def test_tshark_captures(seat, traffic, folder):
    path = folder / "caught.pcapng"
    words = ["tshark", "-n", "-i", "baleen:local:lo", "-f", f"udp port {traffic.port}", "-c", "5", "-w", str(path)]
    shown = subprocess.Popen(words, **NOBODY, env=seat, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while shown.poll() is None:
        assert time.monotonic() < deadline
        traffic.send(1)
        time.sleep(0.05)
    assert shown.returncode == 0, shown.stderr.read()
    assert about(path)[1] == 5
    numbers = numbers_in(path, traffic.port)
    assert numbers == list(range(numbers[0], numbers[0] + 5))


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_killed_tshark_ends_the_capture(baleen, seat, traffic, folder, how):
    before = at_work(baleen)
    words = ["tshark", "-n", "-i", "baleen:local:lo", "-f", f"udp port {traffic.port}", "-w", str(folder / "caught.pcapng")]
    shown = subprocess.Popen(words, **NOBODY, env=seat, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: at_work(baleen) == before + 1)
    shown.send_signal(how)
    shown.wait(20)
    # Nothing comes that could tell anybody.
    until(lambda: at_work(baleen) == before, GONE_SECONDS)


def test_what_wireshark_asks(seat):
    of = ["--extcap-interface", "baleen:local:lo"]
    assert "dlt {number=1}" in extcap(seat, "--extcap-dlts", *of).stdout
    assert "{call=--snaplen}" in extcap(seat, "--extcap-config", *of).stdout
    # A right filter gets no answer, a wrong one says what is wrong.
    assert extcap(seat, *of, "--extcap-capture-filter", "udp port 53").stdout == ""
    assert "syntax error" in extcap(seat, *of, "--extcap-capture-filter", "udp prt 53").stdout
    assert extcap(seat, "--extcap-dlts", "--extcap-interface", "ssh", check=False).returncode == 2
    assert extcap(seat, check=False).returncode == 2


def test_without_a_server_there_are_no_interfaces(seat):
    done = extcap({**seat, "XDG_CONFIG_HOME": "/nonexistent", "HOME": "/nonexistent"}, "--extcap-interfaces", "--extcap-version=4.0")
    assert done.stdout.startswith("extcap {version=") and "interface {" not in done.stdout
    assert "no capture API is named" in done.stderr


def test_no_secret_is_in_the_arguments(baleen, seat, traffic, folder):
    before = at_work(baleen)
    words = ["tshark", "-n", "-i", "baleen:local:lo", "-f", f"udp port {traffic.port}", "-w", str(folder / "caught.pcapng")]
    shown = subprocess.Popen(words, **NOBODY, env=seat, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: at_work(baleen) == before + 1)
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, timeout=20).stdout
    assert "baleen-extcap" in listed and baleen.token not in listed
    shown.terminate()
    shown.wait(20)
    until(lambda: at_work(baleen) == before, GONE_SECONDS)
