"""`baleen agent` on other hosts, in network namespaces with veth links: captures by the real `cloudflare` SDK, cut links, kills."""

import json
import os
import subprocess
import time

import cloudflare
import pytest
import requests

from conftest import boto, may_capture, remove
from confinement import NET_RAW, assert_confined
from harness import Baleen
from lab import Host, Hub, until
from pcaps import Pcaps, fetch
from traffic import in_order, numbers_in, tshark

BUCKET = "caught"
MIB = 1 << 20
# Of which a thousand are a part of a file: a capture at this door has 10,000 at most.
BIG = 8000


class Home:
    """The server that agents work for, with the SDK, and a bucket that is proven."""

    def __init__(self, folder):
        self.folder = folder
        # In a network of its own no port is taken; agents have to find it again.
        self.port = 9003
        self.start()
        self.s3.create_bucket(Bucket=BUCKET)
        self.destination = self.pcaps.prove(self.s3, f"s3://{BUCKET}")

    def start(self):
        self.server = Baleen.start(
            self.folder / "data",
            "--capture-interface",
            "lo",
            LISTEN_AGENTS=f"0.0.0.0:{self.port}",
            AGENTS_NAMES=",".join(f"10.77.{n}.1" for n in range(1, 40)),
            AGENTS_AWAY="60s",
        )
        base = f"{self.server.api}/client/v4"
        sdk = cloudflare.Cloudflare(api_token=self.server.token, base_url=base)
        self.pcaps = Pcaps(sdk=sdk, base=base, account=self.server.project, token=self.server.token)
        self.s3 = boto(self.server)

    def people(self, method, path="", **body):
        url = f"{self.pcaps.base}/accounts/{self.pcaps.account}/pcaps/agents{path}"
        headers = {"Authorization": f"Bearer {self.server.token}"}
        return requests.request(method, url, headers=headers, json=body or None, timeout=30)

    def token(self, site, **more):
        answer = self.people("POST", "/tokens", site=site, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]["token"]

    def agent(self, site):
        return next(agent for agent in self.people("GET").json()["result"] if agent["site"] == site)

    def capture(self, site, **asked):
        return self.pcaps.create(self.destination, colo_name=site, **asked)

    def fetch(self, capture, folder):
        path = folder / f"{capture.id}.pcap"
        return path, *fetch(self.s3, BUCKET, capture, path)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    if not may_capture():
        pytest.skip("capturing packets needs root or CAP_NET_RAW")
    hub = Hub()
    try:
        home = Home(tmp_path_factory.mktemp("agents"))
        yield home
        remove(home.s3, BUCKET)
        assert home.server.stop() == 0, home.server.tail()
        assert not home.server.secrets_in_log()
    finally:
        hub.leave()


@pytest.fixture
def host(home, tmp_path):
    """Another host whose agent may be started."""
    host = Host(tmp_path)
    yield host
    print(host.tail())
    host.close()


def start(home, host, site, **settings):
    """Enrols a host and starts its agent."""
    host.configure(home.port, **settings)
    if not (host.folder / "agent/identity.json").exists():
        host.enrol(home.token(site))
    host.start()
    linked(home, host, site)


def linked(home, host, site):
    until(host.tail, lambda: home.agent(site)["connected"])


def site_of(host):
    return f"far-{host.number}a"


def udp(host, port=7000):
    return {"protocol": 17.0, "destination_address": f"10.78.{host.number}.2", "destination_port": float(port)}


def test_a_capture_at_another_host_is_exact(home, host, tmp_path):
    site = site_of(host)
    start(home, host, site)
    agent = home.agent(site)
    assert [(i["name"], i["up"]) for i in agent["interfaces"]] == [("eth1", True)]
    assert_confined(host.process.pid, NET_RAW)
    until("its clock is known", lambda: home.agent(site)["clock_bound_ns"] is not None)
    asked = home.capture(site, packet_limit=500.0, filter_v1=udp(host))
    home.pcaps.running(asked)
    host.send(700)
    done = home.pcaps.over(asked)
    assert (done.status, done.packets_captured, done.error_message) == ("success", 500, None)
    path, packets, _ = home.fetch(done, tmp_path)
    assert packets == 500
    assert numbers_in(path, 7000) == list(range(500))
    assert host.stop() == 0


def test_addresses_are_others_before_they_leave_the_host(home, host, tmp_path):
    site = site_of(host)
    start(home, host, site)
    secret, sources = "0f" * 32, []
    for number in range(2):
        asked = home.capture(site, packet_limit=20.0, filter_v1=udp(host), extra_body={"privacy": {"anonymise_key": secret}})
        home.pcaps.running(asked)
        host.send(30)
        done = home.pcaps.over(asked)
        assert (done.status, done.packets_captured, done.error_message) == ("success", 20, None)
        assert done.privacy == {"headers_only": False, "zero_payload": False, "anonymise": True}
        path = home.fetch(done, tmp_path)[0]
        assert bytes([10, 78, host.number]) not in path.read_bytes()
        checked = ["-o", "udp.check_checksum:TRUE", "-T", "fields", "-e", "ip.src", "-e", "udp.checksum.status"]
        told = {line.partition("\t")[::2] for line in tshark(path, *checked)}
        sources.append(told)
        assert {status for _, status in told} == {"1"}
    assert sources[0] == sources[1] and len(sources[0]) == 1, "one key, one address"
    # The key is in nothing that the agent says or keeps.
    held = [file for file in (host.folder / "agent").rglob("*") if file.is_file()]
    assert held and all(bytes.fromhex(secret) not in file.read_bytes() for file in held)
    assert secret not in host.tail()


def test_agents_capture_each_their_own(home, tmp_path):
    hosts = [Host(tmp_path) for _ in range(3)]
    try:
        for host in hosts:
            start(home, host, site_of(host))
        for host in hosts:
            asked = home.capture(site_of(host))
            home.pcaps.running(asked)
            for other in hosts:
                other.send(50 + other.number)
            time.sleep(0.5)
            home.pcaps.stop(asked)
            done = home.pcaps.over(asked)
            assert (done.status, done.error_message) == ("success", None)
            path, _, _ = home.fetch(done, tmp_path)
            assert numbers_in(path, 7000) == list(range(50 + host.number))
            assert {line for line in tshark(path, "-Y", "udp", "-T", "fields", "-e", "ip.dst")} == {f"10.78.{host.number}.2"}
    finally:
        for host in hosts:
            host.close()


@pytest.mark.parametrize(("limit", "seen"), [(10_000, 90), (40, 40)])
def test_a_group_is_captured_whole_in_the_order_of_time(home, tmp_path, limit, seen):
    """Three agents in one file; each datagram is the next of all, whichever host it goes to."""
    group = f"team-{limit}-"
    hosts = [Host(tmp_path) for _ in range(3)]
    try:
        for place, host in enumerate(hosts):
            start(home, host, f"{group}a{place}")
        asked = home.capture(f"{group}a", packet_limit=float(limit), extra_body={"format": "pcapng", "filter_v2": "udp.dstport == 7000"})
        home.pcaps.running(asked)
        for number in range(90):
            host = hosts[number % 3]
            host.sender.sendto(f"{number:08}".encode().ljust(100, b"."), (f"10.78.{host.number}.2", 7000))
            time.sleep(0.002)
        if limit > 90:
            until("all is counted", lambda: home.pcaps.get(asked).packets_captured == 90)
            home.pcaps.stop(asked)
        done = home.pcaps.over(asked)
        assert (done.status, done.packets_captured, done.error_message) == ("success", seen, None)
        path = tmp_path / "caught.pcapng"
        home.s3.download_file(BUCKET, f"pcap_{done.id}.pcapng", str(path))
        rows = [line.split("\t") for line in tshark(path, "-T", "fields", "-e", "frame.interface_name", "-e", "udp.payload")]
        numbers = [int(bytes.fromhex(payload)[:8]) for _, payload in rows]
        # Which of two that came within what is not known of a clock is the first, is not known either.
        assert len(set(numbers)) == seen
        assert max(numbers) < seen + 15
        assert {name for name, _ in rows} == {f"{group}a{place}/eth1" for place in range(3)}
        assert in_order(path)
    finally:
        for host in hosts:
            host.close()


def test_a_link_that_is_cut_for_20_seconds_loses_nothing(home, host, tmp_path):
    site = site_of(host)
    start(home, host, site)
    asked = home.capture(site, filter_v1=udp(host))
    home.pcaps.running(asked)
    # More than a part before, while it is cut, and after.
    sent = 0
    for state in ("up", "down", "up"):
        host.link(state)
        if state == "down":
            cut = time.monotonic()
        host.send(3000, size=BIG, per_second=2000)
        sent += 3000
        if state == "down":
            until("the server has missed it", lambda: not home.agent(site)["connected"])
            time.sleep(max(0, cut + 20 - time.monotonic()))
    linked(home, host, site)
    time.sleep(0.5)
    home.pcaps.stop(asked)
    done = home.pcaps.over(asked)
    assert (done.status, done.packets_captured, done.error_message) == ("success", sent, None)
    path, packets, size = home.fetch(done, tmp_path)
    assert (packets, size) == (sent, sent * (BIG + 42))
    assert numbers_in(path, 7000) == [*range(3000)] * 3
    until("the spool is empty", lambda: not list((host.folder / "agent/spool").glob("*-*")))


def test_a_slow_uplink_delivers_and_keeps_its_link(home, host, tmp_path):
    """A part takes longer over it than an agent may be silent."""
    site = site_of(host)
    start(home, host, site)
    host.throttle("600kbit")
    asked = home.capture(site, filter_v1=udp(host))
    home.pcaps.running(asked)
    host.send(400, size=BIG)
    until("all is counted", lambda: home.pcaps.get(asked).packets_captured == 400)
    home.pcaps.stop(asked)

    def is_over():
        assert home.agent(site)["connected"], host.tail()
        return home.pcaps.get(asked).status in {"success", "failed"}

    until("it is delivered", is_over, seconds=120)
    done = home.pcaps.get(asked)
    assert (done.status, done.packets_captured, done.error_message) == ("success", 400, None)
    path, _, _ = home.fetch(done, tmp_path)
    assert numbers_in(path, 7000) == list(range(400))
    assert "the link ended" not in host.tail()


def test_what_the_owner_of_the_host_never_gives(home, host, tmp_path):
    site = site_of(host)
    start(home, host, site, never=["udp port 7001", "icmp"], snaplen_max=96)
    asked = home.capture(site, extra_body={"filter_v2": "udp.dstport in {7000 7001}"})
    home.pcaps.running(asked)
    for _ in range(5):
        host.send(20, size=500, port=7000)
        host.send(20, size=500, port=7001)
    time.sleep(0.5)
    home.pcaps.stop(asked)
    done = home.pcaps.over(asked)
    assert (done.status, done.packets_captured) == ("success", 100)
    assert "cut to 96 bytes" in done.error_message
    path, packets, _ = home.fetch(done, tmp_path)
    assert packets == 100
    assert set(tshark(path, "-T", "fields", "-e", "frame.cap_len", "-e", "frame.len")) == {"96\t542"}
    assert set(tshark(path, "-T", "fields", "-e", "udp.dstport")) == {"7000"}


def test_why_an_agent_does_not_capture_reaches_who_asked(home, host):
    site = site_of(host)
    start(home, host, site, interfaces=["eth1", "eth7"])
    done = home.pcaps.over(home.capture(site))
    assert done.status == "failed"
    assert "eth7" in done.error_message


def test_nothing_of_the_link_is_captured(home, host, tmp_path):
    """All of the interface that carries the link and the parts, while parts go over it, and while nothing does."""
    site = site_of(host)
    start(home, host, site, interfaces=["eth0"])
    asked = home.capture(site, extra_body={"format": "pcapng"})
    home.pcaps.running(asked)
    sent = 6000
    host.send(sent, size=BIG, network=77, per_second=1000)
    until("parts have come", lambda: host_has_sent(home, asked))
    time.sleep(6)
    before = home.pcaps.get(asked).packets_captured
    time.sleep(12)
    # Beats and pings went by; of the network's own, at most who has which address.
    assert home.pcaps.get(asked).packets_captured - before <= 4
    home.pcaps.stop(asked)
    done = home.pcaps.over(asked)
    assert done.status == "success"
    path = tmp_path / "caught.pcapng"
    home.s3.download_file(BUCKET, f"pcap_{done.id}.pcapng", str(path))
    assert len(tshark(path, "-Y", "udp.dstport==7000")) == sent
    assert tshark(path, "-Y", "tcp") == []
    # And it was there: the kernel counted what came and went by the interface.
    carried = json.loads(host_statistics(host))
    assert carried > sent * BIG + 3 * 8 * MIB


def host_has_sent(home, asked):
    uploads = home.s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
    key = f"pcap_{asked.id}.pcapng"
    for upload in uploads:
        if upload["Key"] == key:
            return len(home.s3.list_parts(Bucket=BUCKET, Key=key, UploadId=upload["UploadId"]).get("Parts", [])) >= 2
    return False


def host_statistics(host):
    shown = subprocess.run(["ip", "-j", "-s", "-n", host.name, "link", "show", "eth0"], capture_output=True, text=True, timeout=10)
    [link] = json.loads(shown.stdout)
    return str(link["stats64"]["rx"]["bytes"] + link["stats64"]["tx"]["bytes"])


@pytest.mark.parametrize("packets", [50, 3000])
def test_what_a_killed_agent_had_is_delivered_by_the_next(home, host, tmp_path, packets):
    site = site_of(host)
    start(home, host, site)
    asked = home.capture(site, filter_v1=udp(host))
    home.pcaps.running(asked)
    host.send(packets, size=BIG, per_second=2000)
    until("all of it is counted", lambda: home.pcaps.get(asked).packets_captured == packets)
    # The last second is on the disk.
    time.sleep(2)
    host.kill()
    host.send(100)
    host.start()
    done = home.pcaps.over(asked)
    assert (done.status, done.packets_captured) == ("success", packets)
    assert "the agent was ended while it captured" in done.error_message
    path, found, _ = home.fetch(done, tmp_path)
    assert found == packets
    assert numbers_in(path, 7000) == list(range(packets))


@pytest.mark.parametrize("end", ["kill", "stop"])
@pytest.mark.parametrize("packets", [50, 3000])
def test_a_capture_elsewhere_outlives_its_server(home, host, tmp_path, packets, end):
    site = site_of(host)
    start(home, host, site)
    asked = home.capture(site, filter_v1=udp(host))
    home.pcaps.running(asked)
    host.send(packets, size=BIG, per_second=2000)
    getattr(home.server, end)()
    host.send(packets, size=BIG, per_second=2000)
    home.start()
    assert home.pcaps.get(asked).status == "running"
    linked(home, host, site)
    host.send(packets, size=BIG, per_second=2000)
    time.sleep(0.5)
    home.pcaps.stop(asked)
    done = home.pcaps.over(asked)
    assert (done.status, done.packets_captured, done.error_message) == ("success", 3 * packets, None)
    path, found, _ = home.fetch(done, tmp_path)
    assert found == 3 * packets
    assert numbers_in(path, 7000) == [*range(packets)] * 3
    assert home.s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []) == []


@pytest.mark.parametrize("packets", [50, 3000])
def test_both_ends_may_be_killed(home, host, tmp_path, packets):
    site = site_of(host)
    start(home, host, site)
    asked = home.capture(site, filter_v1=udp(host))
    home.pcaps.running(asked)
    host.send(packets, size=BIG, per_second=2000)
    # The last second is on the agent's disk.
    time.sleep(2)
    home.server.kill()
    host.kill()
    host.start()
    home.start()
    done = home.pcaps.over(asked)
    assert (done.status, done.packets_captured) == ("success", packets)
    assert "the agent was ended while it captured" in done.error_message
    path, found, _ = home.fetch(done, tmp_path)
    assert numbers_in(path, 7000) == list(range(packets))
    assert home.s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []) == []


def test_an_agent_that_does_not_come_back_leaves_what_has_come(home, host, tmp_path):
    site = site_of(host)
    start(home, host, site)
    asked = home.capture(site, filter_v1=udp(host), time_limit=300.0)
    home.pcaps.running(asked)
    host.send(5000, size=BIG, per_second=2000)
    until("it is counted", lambda: home.pcaps.get(asked).packets_captured == 5000)
    time.sleep(1)
    host.kill()
    # agents.away is a minute, behind the fifteen seconds after which an agent is missed.
    # The count goes down to what the file holds, which is what an end like this one is allowed.
    until("it is given up", lambda: home.pcaps.get(asked).status in {"success", "failed"}, seconds=120)
    done = home.pcaps.get(asked)
    assert done.status == "success"
    assert "did not come back" in done.error_message
    path, found, _ = home.fetch(done, tmp_path)
    numbers = numbers_in(path, 7000)
    # Whole parts of 8 MiB, and nothing that is cut.
    assert found == done.packets_captured == len(numbers) > 3 * 8 * MIB // (BIG + 100)
    assert numbers == list(range(found))
    # What it has left is nobody's any more.
    host.start()
    linked(home, host, site)
    until("it is thrown away", lambda: not list((host.folder / "agent/spool").glob("*-*")))


def test_an_agent_that_is_removed_ends(home, host):
    site = site_of(host)
    start(home, host, site)
    assert home.people("DELETE", f"/{home.agent(site)['id']}").status_code == 204
    assert host.process.wait(20) == 1
    host.process = None
    assert "removed" in host.tail()


def test_an_agent_is_no_site_of_the_server(home):
    refused = home.people("POST", "/tokens", site="local")
    assert (refused.status_code, refused.json()["errors"][0]["source"]["pointer"]) == (400, "/site"), refused.text
    assert "this server's own site" in refused.text


def test_mistakes_are_told_with_what_to_do(home, host):
    host.configure(home.port)
    # A look changes nothing.
    done = host.run("check", "--json")
    assert (done.returncode, [check["ok"] for check in json.loads(done.stdout)["checks"]]) == (1, [True, True, False, False, True])
    assert not (host.folder / "agent").exists()
    done = host.run("run")
    assert (done.returncode, "baleen agent enrol" in done.stderr) == (1, True)
    done = host.run("enrol", stdin="blagent1.nonsense\n")
    assert (done.returncode, "no enrolment token" in done.stderr) == (1, True)
    used = home.token(site_of(host))
    host.enrol(used)
    assert "enrolled already" in host.run("enrol", stdin=used).stderr
    (host.folder / "agent/identity.json").unlink()
    done = host.run("enrol", stdin=used)
    assert (done.returncode, "401" in done.stderr, "another one" in done.stderr) == (1, True, True)
    host.configure(home.port, server=f"{host.server}:1", interfaces=["eth9"])
    done = host.run("check", "--json")
    checks = {check["check"]: check["ok"] for check in json.loads(done.stdout)["checks"]}
    assert checks == {"capture right": True, "interfaces": False, "folder": True, "identity": False, "server": False}
    host.configure(home.port, server="nonsense", spool="1", strange=1)
    done = host.run("run")
    assert (done.returncode, "3 mistakes" in done.stderr) == (2, True), done.stderr


def command(home, *words, **streams):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("BALEEN_")}
    server = home.server
    environment = {**clean, "BALEEN_API": server.api, "BALEEN_API_TOKEN": server.token, "BALEEN_PROJECT": server.project}
    return subprocess.Popen([Baleen.binary(), *words], env=environment, stderr=subprocess.PIPE, **streams)


def test_a_capture_at_an_agent_is_followed(home, host, tmp_path):
    site = site_of(host)
    start(home, host, site)
    asked = home.capture(site, filter_v1=udp(host))
    home.pcaps.running(asked)
    path = tmp_path / "followed.pcap"
    with path.open("wb") as file:
        follow = command(home, "capture", "--follow", asked.id, stdout=file)
    until("what goes by is shown", lambda: (host.send(1), path.stat().st_size > 24)[1])
    # Of an agent that is cut off and comes back, the view goes on, since it has a connection of its own; the link is made anew.
    host.send(200)
    until("all of it is shown", lambda: len(numbers_in(path, 7000)) >= 200)
    home.pcaps.stop(asked)
    assert follow.wait(30) == 0, follow.stderr.read()
    done = home.pcaps.over(asked)
    assert (done.status, done.error_message) == ("success", None)
    whole = numbers_in(home.fetch(done, tmp_path)[0], 7000)
    shown = numbers_in(path, 7000)
    assert shown and shown == whole[-len(shown) :]
    again = command(home, "capture", "--follow", asked.id, stdout=subprocess.DEVNULL)
    assert again.wait(30) == 1 and b"the capture is over" in again.stderr.read()


def test_what_an_agent_sees_is_the_answer(home, host, tmp_path):
    site = site_of(host)
    start(home, host, site)
    told = next(told for told in home.pcaps.raw("GET", "/sites").json()["result"] if told["colo_name"] == site)
    assert told["interfaces"] == ["eth1"]
    asked = {"colo_name": site, "format": "pcapng", "packet_limit": 300, "filter_v1": udp(host), "privacy": {"headers_only": True}}
    answer = home.pcaps.raw("POST", "/stream", json=asked, stream=True)
    assert answer.status_code == 200
    host.send(400)
    path = tmp_path / "live.pcapng"
    path.write_bytes(answer.content)
    assert {line for line in tshark(path, "-T", "fields", "-e", "frame.cap_len")} == {"42"}
    # Of several agents of one site it is told which.
    assert f"at site {site}, agent ".encode() in path.read_bytes()
    assert len(tshark(path)) == 300
    # Nothing of it is in a list, and the agent keeps nothing of it.
    until("it is over", lambda: home.agent(site)["captures"] == 0)
    refused = home.pcaps.raw("POST", "/stream", json={**asked, "interfaces": ["eth0"]})
    assert refused.status_code == 503 and "does not capture on eth0, but on eth1" in refused.text, refused.text
    # Killed while it shows: what has come is there, and the answer breaks off.
    answer = home.pcaps.raw("POST", "/stream", json={**asked, "packet_limit": 10_000, "privacy": {}}, stream=True)
    host.send(50)
    pieces = answer.iter_content(None)
    first = next(pieces)
    host.kill()
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        for more in pieces:
            first += more
    path.write_bytes(first)
    assert numbers_in(path, 7000) == list(range(numbers_in(path, 7000)[0], numbers_in(path, 7000)[-1] + 1))


def test_wireshark_shows_the_interfaces_of_agents(home, host, tmp_path):
    site = site_of(host)
    start(home, host, site)
    listed = command(home, "extcap", "--extcap-interfaces", stdout=subprocess.PIPE)
    told, words = listed.communicate(timeout=30)
    assert f"{{value=baleen:{site}:eth1}}{{display=Baleen: eth1 at {site}}}".encode() in told, (told, words)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    capture = command(
        home,
        "extcap",
        "--capture",
        "--extcap-interface",
        f"baleen:{site}:eth1",
        "--extcap-capture-filter",
        "udp port 7000",
        "--fifo",
        str(fifo),
        stdout=subprocess.DEVNULL,
    )
    shown = subprocess.Popen(["tshark", "-n", "-l", "-r", str(fifo), "-c", "20"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    until("what goes by is shown", lambda: (host.send(5), shown.poll() is not None)[1])
    assert len(shown.stdout.read().splitlines()) == 20
    # Its reader is gone.
    until("it is over", lambda: capture.poll() is not None)
    until("the agent has ended it", lambda: home.agent(site)["captures"] == 0)
